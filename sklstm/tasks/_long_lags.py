"""Experiment 2: long time lags."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sklstm._sequences import Sequences
from sklstm.tasks._shared import (
    Array,
    RandomState,
    dense_one_hot,
    float_dtype,
    generator,
    integer,
    n_sequences_of,
    offsets_of,
    one_hot,
    rows_of,
)


def make_long_lag(
    n_sequences: int,
    p: int = 100,
    *,
    at_end: bool = False,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Any]:
    """Long time lags with the same symbols in between, Experiment 2a of 1997: predict the next symbol.

    There are p + 1 symbols a_1, ..., a_{p-1}, x, y and two strings of p + 1 symbols, with probability 0.5
    each: (x, a_1, ..., a_{p-1}, x) and (y, a_1, ..., a_{p-1}, y). To predict the last symbol, a network has
    to store the first for p steps. The inputs are all symbols except the last; the targets are all except the
    first.

    Parameters
    ----------
    n_sequences : int
        Number of strings.
    p : int, default=100
        Lag, at least 2.
    at_end : bool, default=False
        Whether only the last symbol is a target, instead of the next symbol at each step.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Each of p steps; sparse one-hot rows, p + 1 features: a_1, ..., a_{p-1}, x, y.
    y : Sequences or ndarray of shape (n_sequences, p + 1)
        The symbol that follows each row of X, in dense one-hot rows, for ``return_sequences=True``; with
        `at_end` only the last symbol.

    Notes
    -----
    There are only two strings, so testing both is complete. Most of the time is spent on the targets of all
    steps, which are dense, p + 1 numbers per step.

    Examples
    --------
    >>> from sklstm.tasks import make_long_lag
    >>> X, y = make_long_lag(10, p=4, random_state=0)
    >>> X[0].toarray()[1:]  # a_1, a_2, a_3 after x or y
    array([[1., 0., 0., 0., 0.],
           [0., 1., 0., 0., 0.],
           [0., 0., 1., 0., 0.]])
    >>> bool((y[0][-1] == X[0].toarray()[0]).all())
    True
    """
    p = integer("p", p, least=2)
    n, rng, dtype = n_sequences_of(n_sequences), generator(random_state), float_dtype(dtype)
    return _matching_ends(n, np.arange(p - 1, dtype=np.int32), p, at_end, rng, dtype)


def make_random_long_lag(
    n_sequences: int,
    p: int = 100,
    *,
    at_end: bool = False,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Any]:
    """Long time lags with random symbols in between, Experiment 2b of 1997: predict the next symbol.

    Like `make_long_lag`, but each of the p - 1 symbols between the first and the last is drawn from a_1, ...,
    a_{p-1}, with equal probabilities and independently. Only the last symbol can be predicted.

    Parameters
    ----------
    n_sequences : int
        Number of strings.
    p : int, default=100
        Lag, at least 2.
    at_end : bool, default=False
        Whether only the last symbol is a target, instead of the next symbol at each step.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Each of p steps; sparse one-hot rows, p + 1 features: a_1, ..., a_{p-1}, x, y.
    y : Sequences or ndarray of shape (n_sequences, p + 1)
        The symbol that follows each row of X, in dense one-hot rows, for ``return_sequences=True``; with
        `at_end` only the last symbol.

    Notes
    -----
    The paper injects an error at every step and tests the outputs at the end of the string only; with
    `at_end`, the targets are those of the test. Nothing in the input announces the last step.

    Examples
    --------
    >>> from sklstm.tasks import make_random_long_lag
    >>> X, y = make_random_long_lag(10, p=20, at_end=True, random_state=0)
    >>> X
    <Sequences: 10 of 20 to 20 steps, 21 features, float64 csr_array>
    >>> y.shape
    (10, 21)
    """
    p = integer("p", p, least=2)
    n, rng, dtype = n_sequences_of(n_sequences), generator(random_state), float_dtype(dtype)
    between = rng.integers(0, p - 1, (n, p - 1), dtype=np.int32)
    return _matching_ends(n, between, p, at_end, rng, dtype)


def _matching_ends(
    n: int, between: Array, p: int, at_end: bool, rng: np.random.Generator, dtype: Any
) -> tuple[Sequences, Any]:
    """Strings x ... x and y ... y: all symbols except the last, and all except the first, or the last."""
    symbols = np.empty((n, p + 1), dtype=np.int32)
    symbols[:, 1:-1] = between
    symbols[:, 0] = symbols[:, -1] = rng.integers(p - 1, p + 1, n)
    offsets = np.arange(n + 1, dtype=np.int64) * p
    X = one_hot(symbols[:, :-1].ravel(), offsets, p + 1, dtype)
    if at_end:
        return X, rows_of(symbols[:, -1], p + 1, dtype)
    return X, dense_one_hot(symbols[:, 1:].ravel(), offsets, p + 1, dtype)


def make_distractor_lag(
    n_sequences: int,
    p: int = 50,
    q: int = 50,
    *,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Array]:
    """Very long time lags in noise of varying length, Experiment 2c of 1997: recall the second symbol.

    There are p + 4 symbols: the distractors a_1, ..., a_p and e, b, x, y. A string is b, then x or y with
    probability 0.5 each, then q + k distractors, then e, then the same x or y again, which is to be predicted
    at e. After the first q distractors, each next symbol is another distractor with probability 9/10 and e
    with probability 1/10, so that k has the probability 0.1 * 0.9**k. All distractors are drawn from
    a_1, ..., a_p with equal probabilities. The lag is at least q + 1.

    Parameters
    ----------
    n_sequences : int
        Number of strings.
    p : int, default=50
        Number of different distractors; the paper has 50 to 1000.
    q : int, default=50
        Minimal number of distractors in a string, at least 0; the paper has 50 to 1000.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Each of q + k + 3 steps, from b to e; sparse one-hot rows, p + 4 features: a_1, ..., a_p, e, b, x, y.
    y : ndarray of shape (n_sequences, 2)
        (1, 0) if the last symbol is x, (0, 1) if it is y.

    Notes
    -----
    The symbol to be predicted is not an input, so a string of q + k + 4 symbols has one step less. The
    distractors are drawn from all p, although the paper's sets of strings have q as the largest index. The
    mean length of a string is q + 13; the paper prints q + 14 for the same sum.

    Examples
    --------
    >>> from sklstm.tasks import make_distractor_lag
    >>> X, y = make_distractor_lag(1000, p=50, q=50, random_state=0)
    >>> X.n_features, X.lengths.min().item(), y.shape
    (54, 53, (1000, 2))
    """
    p, q = integer("p", p), integer("q", q, least=0)
    n, rng, dtype = n_sequences_of(n_sequences), generator(random_state), float_dtype(dtype)
    e, b, x = p, p + 1, p + 2
    offsets = offsets_of(q + 2 + rng.geometric(0.1, n))
    which = rng.integers(0, 2, n, dtype=np.int32)
    symbols = rng.integers(0, p, offsets[-1], dtype=np.int32)
    symbols[offsets[:-1]] = b
    symbols[offsets[:-1] + 1] = x + which
    symbols[offsets[1:] - 1] = e
    return one_hot(symbols, offsets, p + 4, dtype), rows_of(which, 2, dtype)
