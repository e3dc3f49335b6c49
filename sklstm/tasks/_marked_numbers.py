"""Experiments 4 and 5: the adding and the multiplication problem."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sklstm._sequences import Sequences
from sklstm.tasks._shared import (
    Array,
    RandomState,
    dense,
    float_dtype,
    generator,
    integer,
    n_sequences_of,
    uniform_offsets,
)


def make_adding(
    n_sequences: int,
    min_length: int = 100,
    *,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Array]:
    """Adding problem, Experiment 4 of 1997: the sum of two marked numbers.

    Each step has a value, uniform in [-1, 1], and a marker. The length is uniform between T = `min_length`
    and T + T/10. The marker is -1 at the first and at the last step, 1 at two marked steps and 0 elsewhere.
    One marked step is drawn from the first ten steps, the other from the remaining steps of the first T/2.
    With X1 and X2 for their values, the target, at the end, is 0.5 + (X1 + X2) / 4. If the first step of the
    sequence is marked, its marker remains -1 and its value counts as 0. The lag is at least T/2.

    Parameters
    ----------
    n_sequences : int
        Number of sequences.
    min_length : int, default=100
        The paper's T, at least 20; the paper has 100, 500 and 1000.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Dense, 2 features: value, marker.
    y : ndarray of shape (n_sequences,)
        Targets, in [0, 1].

    Notes
    -----
    Chosen here: T/2 and T/10 are rounded down, and all lengths from T to T + T/10 are possible. The second
    mark is on one of the first T/2 steps. This agrees with the T/2 - 1 unmarked steps and with the lag that
    the paper mentions. In the paper, X1 is 0 when the first step is marked; here, X2 is 0, too.

    Examples
    --------
    >>> from sklstm.tasks import make_adding
    >>> X, y = make_adding(1000, random_state=0)
    >>> X
    <Sequences: 1000 of 100 to 110 steps, 2 features, float64 ndarray>
    >>> value, marker = X[0].T
    >>> round(float(0.5 + value[marker == 1].sum() / 4 - y[0]), 12)
    0.0
    """
    n, rng, dtype = n_sequences_of(n_sequences), generator(random_state), float_dtype(dtype)
    X, marked = _marked_pairs(n, min_length, -1.0, 0.0, rng, dtype)
    return X, (0.5 + marked.sum(axis=1) / 4).astype(dtype)


def make_multiplication(
    n_sequences: int,
    min_length: int = 100,
    *,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Array]:
    """Multiplication problem, Experiment 5 of 1997: the product of two marked numbers.

    Like `make_adding`, but the values are uniform in [0, 1], the target is X1 * X2, and a marked first step
    of the sequence counts as 1.

    Parameters
    ----------
    n_sequences : int
        Number of sequences.
    min_length : int, default=100
        The paper's T, at least 20; the paper has 100.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Dense, 2 features: value, marker.
    y : ndarray of shape (n_sequences,)
        Targets, in [0, 1].

    Notes
    -----
    The choices are those of `make_adding`.

    Examples
    --------
    >>> from sklstm.tasks import make_multiplication
    >>> X, y = make_multiplication(1000, random_state=0)
    >>> value, marker = X[0].T
    >>> round(float(value[marker == 1].prod() - y[0]), 12)
    0.0
    """
    n, rng, dtype = n_sequences_of(n_sequences), generator(random_state), float_dtype(dtype)
    X, marked = _marked_pairs(n, min_length, 0.0, 1.0, rng, dtype)
    return X, marked.prod(axis=1).astype(dtype)


def _marked_pairs(
    n: int, min_length: int, low: float, neutral: float, rng: np.random.Generator, dtype: Any
) -> tuple[Sequences, Array]:
    """Pairs of value and marker, and the two marked values, which are `neutral` at first steps."""
    min_length = integer("min_length", min_length, least=20)  # ten steps are in the first half
    offsets = uniform_offsets(n, min_length, min_length + min_length // 10, rng)
    pairs = np.zeros((offsets[-1], 2))
    pairs[:, 0] = rng.uniform(low, 1.0, offsets[-1])
    first = rng.integers(1, 11, n)
    second = rng.integers(1, min_length // 2, n)
    second += second >= first  # 1 to T/2 without `first`
    positions = np.stack([first, second], axis=1)
    rows = offsets[:-1, np.newaxis] + positions - 1
    pairs[rows, 1] = 1
    pairs[offsets[:-1], 1] = pairs[offsets[1:] - 1, 1] = -1
    return dense(pairs, offsets, dtype), np.where(positions == 1, neutral, pairs[rows, 0])
