"""Partitions as workers read them, and what they tell the client of them."""

import copy
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from sklstm._input import read_X
from sklstm._learning.moments import Moments
from sklstm._learning.scaling import ChannelSizes
from sklstm._sequences import as_sequences
from sklstm.dask._encoding import OF_X, attributes_of


@dataclass(frozen=True)
class About:
    """Description of a partition that was read."""

    attributes: dict  # `OF_X`
    n_channels: int  # features of a time step; `n_features` is the number of columns if X is a table
    n_sequences: int
    length: Any  # of every sequence; None unless all are equally long and y is one array
    dtype: Any
    labels: Any  # unique labels of targets with a weight; for other targets, the first row of y
    counts: Any  # frequency of each label; None for other targets
    n_counted: int  # number of targets with a weight

    @property
    def n_features(self):
        n_columns = self.attributes.get("_n_columns_in")
        return self.attributes["n_features_in_"] if n_columns is None else n_columns

    @property
    def names(self):
        return list(self.attributes.get("feature_names_in_", ()))

    @property
    def n_columns(self):
        return self.labels.shape[1] if self.labels.ndim == 2 else 1

    @property
    def classes(self):
        return [] if self.counts is None else self.labels.tolist()

    @property
    def is_text(self):
        return isinstance(self.classes[0], str) if self.classes else None


@dataclass(frozen=True)
class Summary:
    """Statistics of the sequences that learning needs at its beginning; those of partitions can be added."""

    n_sequences: int
    longest: int
    dtype: Any
    channel_sizes: ChannelSizes | None
    channel_moments: Moments | None
    moments: Moments
    weight: float

    def __add__(self, other):
        return Summary(
            self.n_sequences + other.n_sequences,
            max(self.longest, other.longest),
            self.dtype,
            _sum(self.channel_sizes, other.channel_sizes),
            _sum(self.channel_moments, other.channel_moments),
            self.moments + other.moments,
            self.weight + other.weight,
        )

    def scaled(self, scaling):
        """Summary with scaled targets."""
        return replace(self, moments=self.moments.scaled(scaling.mean, scaling.scale))


def _sum(one, other):
    return None if one is None or other is None else one + other


@contextmanager
def _named(name):
    """Context that begins messages of errors with the name of the partition."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from error


def read_part(part, name, reader, n_inputs):
    """Check a partition; return its sequences, its labels and weights, and `About`."""
    estimator = copy.copy(reader)
    with _named(name):
        if not isinstance(part, tuple | list) or len(part) not in (2, 3):
            found = type(part).__name__ + (f" of {len(part)}" if isinstance(part, tuple | list) else "")
            raise TypeError(f"expected (X, y) or (X, y, sample_weight), got {found}.")
        X, y, *weight = part
        sequences = read_X(estimator, X, n_inputs)
        read = estimator._read_labels(y, weight[0] if weight else None, sequences, may_lack=True)
    _, labels, counted, _ = read
    different, counts = labels[:1], None
    if is_classifier(estimator) and labels.ndim == 1:
        different, counts = np.unique(labels[counted], return_counts=True)
    lengths = sequences.lengths
    is_even = len(getattr(y, "shape", ())) > 1 and bool((lengths == lengths[0]).all())
    about = About(
        attributes_of(estimator, OF_X),
        sequences.n_features,
        len(sequences),
        int(lengths[0]) if is_even else None,
        sequences.dtype,
        different,
        counts,
        int(counted.sum()),
    )
    return sequences, read, about


def about_of(read):
    return read[2]


def prepare(read, name, encoder, dtype):
    """`Examples` of a partition that was read."""
    sequences, labels, _ = read
    with _named(name):
        return encoder._examples(as_sequences(sequences, dtype=dtype), *labels, may_lack=True)


def summary_of(examples):
    weight = examples.weight if examples.weight.ndim == 1 else examples.weight.mean(axis=1)
    return Summary(
        len(examples.sequences),
        examples.longest,
        examples.dtype,
        examples.channel_sizes,
        examples.channel_moments,
        Moments.of(examples.targets, examples.weight),
        float(weight.sum()),
    )


def scaled(examples, scaling):
    """`Examples` with scaled inputs and targets."""
    sequences = examples.sequences if scaling is None else scaling.sequences(examples.sequences)
    return replace(examples.scaled(scaling), sequences=sequences, labels=None, sample_weight=None)
