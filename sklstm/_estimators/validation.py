"""Early stopping: held-out sequences, and the score on them."""

import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from sklstm._checks import may_overflow
from sklstm._input import read_X
from sklstm._inspection import step_scorer
from sklstm._learning.loop import History
from sklstm._learning.moments import Moments
from sklstm._learning.scaling import ChannelSizes
from sklstm._learning.trainer import Diverged
from sklstm._messages import shown
from sklstm._sequences import check_ids, masked_steps, split_steps


@dataclass
class Examples:
    """Sequences with targets and weights, one row of each per sequence or per step.

    Attributes
    ----------
    sequences : Sequences
    labels : ndarray of shape (n_targets,) or (n_targets, n_outputs)
        Targets in the form of the user; arbitrary where the weight is 0.
    targets : ndarray of shape (n_targets, n_outputs)
        Targets in the form of the network; 0 where the weight is 0.
    weight : ndarray of shape (n_targets,) or (n_targets, n_outputs)
        Weights including those of the classes.
    sample_weight : ndarray of the same shape
        Weights without those of the classes.
    every_step : bool
    """

    sequences: Any
    labels: Any
    targets: Any
    weight: Any
    sample_weight: Any
    every_step: bool

    def scaled(self, scaling):
        """Examples with targets in the units of learning and unchanged sequences."""
        return self if scaling is None else replace(self, targets=scaling.targets(self.targets, self.weight))

    @property
    def longest(self):
        """Number of time steps of the longest sequence."""
        return int(self.sequences.lengths.max())

    @property
    def dtype(self):
        """Dtype of the sequences."""
        return self.sequences.dtype

    @property
    def channel_sizes(self):
        """`ChannelSizes`, or None if the sequences are sparse."""
        return ChannelSizes.of(self.sequences)

    @property
    def channel_moments(self):
        """`Moments` of the channels, or None if the sequences are sparse."""
        return Moments.of_channels(self.sequences)

    @cached_property
    def moments(self):
        """`Moments` of the targets."""
        return Moments.of(self.targets, self.weight)

    def counted(self):
        """Indices of the sequences that have a target with a positive weight."""
        counted = self.weight.reshape(len(self.weight), -1).any(axis=1)
        if self.every_step:
            counted = np.logical_or.reduceat(counted, self.sequences.offsets[:-1])
        return np.flatnonzero(counted)

    def rows(self, index):
        """Rows of the targets of these sequences."""
        if not self.every_step:
            return index
        is_there = np.isin(np.arange(len(self.sequences)), index)
        return np.flatnonzero(np.repeat(is_there, self.sequences.lengths))

    def take(self, index):
        """Examples of some of the sequences; the indices are in ascending order."""
        rows = self.rows(index)
        return replace(
            self,
            sequences=self.sequences[index],
            labels=self.labels[rows],
            targets=self.targets[rows],
            weight=self.weight[rows],
            sample_weight=self.sample_weight[rows],
        )


@dataclass(frozen=True)
class Validation:
    """Arguments of `fit` for early stopping."""

    X: Any = None
    y: Any = None
    sample_weight: Any = None
    groups: Any = None

    def check(self, estimator):
        """Refuse arguments that have no meaning together with the others."""
        given = [name for name in ("X", "y", "sample_weight") if getattr(self, name) is not None]
        if given and (self.X is None or self.y is None):
            raise ValueError(f"X_val and y_val go together, got only {given[0]}_val.")
        if self.groups is not None and given:
            raise ValueError("groups says what is held out together, but X_val is scored: give one of them.")
        if (given or self.groups is not None) and not estimator.early_stopping:
            name = "groups" if self.groups is not None else "X_val"
            raise ValueError(f"{name} is only used by early_stopping: it needs early_stopping=True.")


def validation_of(estimator, engine, data, scaling, validation, rng, learned):
    """Indices of the sequences to learn from (None: all), and the function from weights to the score."""
    if validation.X is not None:
        train, held = None, _own(estimator, data, validation).scaled(scaling)
    else:
        train, index = _hold_out(estimator, data, validation.groups, rng)
        held = data.take(index)
    return train, _scorer_of(estimator, engine, held, scaling, learned)


def _own(estimator, data, validation):
    """Examples of the validation set that the user gave."""
    try:
        sequences = read_X(estimator, validation.X, data.sequences.n_features)
        return estimator._read_targets(validation.y, validation.sample_weight, sequences)
    except (TypeError, ValueError) as error:
        raise type(error)(f"X_val and y_val: {error}") from error


def _hold_out(estimator, data, groups, rng):
    """Indices of the sequences to learn from and of those held out."""
    n, candidates, lacking = len(data.sequences), data.counted(), []
    n_held = int(np.ceil(estimator.validation_fraction * len(candidates)))
    found = f"early_stopping=True holds out {n_held} of {n} sequences"
    check_ids(groups, data.sequences, "groups")
    options = {"test_size": float(estimator.validation_fraction), "random_state": rng}
    try:
        if groups is not None:
            groups = np.asarray(groups)
            if groups.shape != (n,):
                raise ValueError(f"groups has shape {groups.shape}; expected ({n},), one per sequence.")
            split = GroupShuffleSplit(n_splits=1, **options)
            train, held = next(split.split(candidates, groups=groups[candidates]))
            held = candidates[held]
        elif estimator._stratifies():
            held, lacking = _hold_out_of_each(candidates, data.labels[candidates], n_held, options)
        else:
            train, held = train_test_split(candidates, stratify=None, **options)
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True cannot hold out validation_fraction={estimator.validation_fraction} of "
            f"{n} sequences: {error}"
        ) from error
    held = np.sort(held)
    train = np.setdiff1d(np.arange(n), held)
    if any(np.count_nonzero(data.weight[data.rows(part)]) < 2 for part in (train, held)):
        raise ValueError(
            f"{found}, but learning and scoring each need two targets with a positive sample_weight: raise "
            "validation_fraction, or give X_val and y_val."
        )
    if lacking:
        warnings.warn(
            f"early_stopping holds out {len(held)} sequences, none of the classes {shown(lacking)}, which "
            "have too few sequences: the score ignores these classes. Raise validation_fraction, or give "
            "X_val and y_val.",
            stacklevel=7,
        )
    return train, held


def _hold_out_of_each(candidates, labels, n_held, options):
    """Hold out the same fraction of each class, and keep at least one sequence of each class for learning.

    Returns the held-out sequences, and the classes with too few sequences to hold one out.
    """
    classes, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    stays = counts[codes] < 2
    too_few = n_held < np.count_nonzero(counts > 1)  # for one of each
    if too_few:
        order = options["random_state"].permutation(len(labels))
        stays[order[np.unique(codes[order], return_index=True)[1]]] = True
        options = options | {"test_size": n_held}
    rest = np.flatnonzero(~stays)
    if not len(rest):
        raise ValueError("each class has one sequence, which is learned from. Give X_val and y_val.")
    _, held = train_test_split(rest, stratify=None if too_few else codes[rest], **options)
    lacking = np.setdiff1d(classes, labels[held]).tolist() if stays.any() else []
    return candidates[held], lacking


def _scorer_of(estimator, engine, data, scaling, learned):
    """Return the function from weights to the score."""
    bound = engine.bind(data.sequences if scaling is None else scaling.sequences(data.sequences))
    scorer = None if estimator.scoring is None else _Scorer(estimator, data, learned)

    def validate(weights):
        outputs, _ = engine.forward(engine.pad(weights), bound)
        if not np.isfinite(outputs).all():
            raise Diverged
        if scorer is not None:
            return scorer(weights)
        with may_overflow():
            score = estimator._validation_score(outputs, data)
        if not np.isfinite(score):
            raise Diverged
        return score

    return validate


class _Scorer:
    """The estimator's `scoring`, applied to the current model."""

    def __init__(self, estimator, data, learned):
        data = data.take(data.counted())
        self.estimator, self.learned = estimator, learned
        self.scorer, self.sequences, self.y = get_scorer(estimator.scoring), data.sequences, data.labels
        weight, counted = data.sample_weight, data.sample_weight > 0
        varies = np.ptp(weight[counted]) > 0
        if data.every_step:
            if weight.ndim < self.y.ndim:
                counted = np.repeat(counted[:, np.newaxis], self.y.shape[1], axis=1)
            self.scorer = step_scorer(self.scorer)
            offsets = self.sequences.offsets
            self.y = masked_steps(self.y, ~counted, offsets)
            weight = split_steps(weight, offsets)
        elif weight.ndim == 2:  # scikit-learn's scorers need all outputs of a target
            rows = np.flatnonzero(counted.all(axis=1))
            self.sequences, self.y, weight, varies = self.sequences[rows], self.y[rows], None, False
        self.weights = {"sample_weight": weight} if varies else {}

    def __call__(self, weights):
        """Score with these weights."""
        model = object.__new__(type(self.estimator))
        vars(model).update(vars(self.estimator) | self.learned(weights, History()))
        score = self.scorer(model, self.sequences, self.y, **self.weights)
        if not np.isfinite(score):
            raise ValueError(
                f"scoring={shown(self.estimator.scoring)} gives {shown(score)} for the {len(self.sequences)} "
                "sequences that early_stopping scores: hold out more by validation_fraction, or give X_val "
                "and y_val."
            )
        return float(score)
