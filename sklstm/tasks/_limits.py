"""Section 6: limits of LSTM."""

from __future__ import annotations

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
    random_signs,
    uniform_offsets,
)


def make_delayed_xor(
    n_sequences: int,
    delay: int = 50,
    *,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Array]:
    """Strongly delayed XOR, which section 6 of 1997 names as a limit of truncated LSTM.

    Each step has a bit, -1 or 1 with probability 0.5 each, and a marker, which is 1 at the two relevant steps
    and 0 elsewhere. The target, at the end, is 1 if the two relevant bits differ and 0 if they are equal. The
    first relevant step is uniform between 1 and 10, the second between `delay` + 10 and `delay` + 19, and the
    length between 2 * `delay` + 19 and 2 * `delay` + 28. There are at least `delay` steps from the first
    relevant step to the second, and from there to the end.

    Parameters
    ----------
    n_sequences : int
        Number of sequences.
    delay : int, default=50
        Minimal time lag, at least 1.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Dense, 2 features: bit, marker.
    y : ndarray of shape (n_sequences,)
        Targets, 0 or 1.

    Notes
    -----
    The details are chosen here: the paper speaks of the XOR of two widely separated inputs in a noisy
    sequence and defines no more. It explains the difficulty: storing only one of the two inputs does not
    reduce the expected error. The markers are those of Experiment 4.

    Examples
    --------
    >>> from sklstm.tasks import make_delayed_xor
    >>> X, y = make_delayed_xor(1000, delay=50, random_state=0)
    >>> X
    <Sequences: 1000 of 119 to 128 steps, 2 features, float64 ndarray>
    >>> bit, marker = X[0].T
    >>> first, second = bit[marker == 1]
    >>> bool((first != second) == y[0])
    True
    """
    delay = integer("delay", delay)
    n, rng, dtype = n_sequences_of(n_sequences), generator(random_state), float_dtype(dtype)
    offsets = uniform_offsets(n, 2 * delay + 19, 2 * delay + 28, rng)
    pairs = np.zeros((offsets[-1], 2))
    pairs[:, 0] = random_signs(offsets[-1], rng)
    first, second = (offsets[:-1] + rng.integers(low, low + 10, n) - 1 for low in (1, delay + 10))
    pairs[first, 1] = pairs[second, 1] = 1
    return dense(pairs, offsets, dtype), (pairs[first, 0] != pairs[second, 0]).astype(dtype)


def make_parity(
    n_sequences: int,
    min_length: int = 500,
    max_length: int = 600,
    *,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Array]:
    """Parity of the number of ones, which section 6 of 1997 names as a limit of LSTM.

    Each step is -1 or 1 with probability 0.5 each; the length is uniform between `min_length` and
    `max_length`. The target, at the end, is 1 if the number of ones is odd, and 0 if it is even.

    Parameters
    ----------
    n_sequences : int
        Number of sequences.
    min_length, max_length : int, default=500, 600
        Range of the lengths, both ends included.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Dense, 1 feature.
    y : ndarray of shape (n_sequences,)
        Targets, 0 or 1.

    Notes
    -----
    The paper speaks of 500-step parity, which LSTM does not solve when it starts from small weights, but
    random guessing of weights does. Coding and lengths are those of the experiments on guessing in
    Hochreiter & Schmidhuber, "LSTM can solve hard long time lag problems", Advances in Neural Information
    Processing Systems 9 (1997) 473-479. Chosen here: steps of 1, not of -1, are counted, and the classes are
    equally likely, so their numbers may differ.

    Examples
    --------
    >>> from sklstm.tasks import make_parity
    >>> X, y = make_parity(1000, random_state=0)
    >>> X
    <Sequences: 1000 of 500 to 600 steps, 1 features, float64 ndarray>
    >>> bool((X[0] == 1).sum() % 2 == y[0])
    True
    """
    min_length = integer("min_length", min_length)
    max_length = integer("max_length", max_length)
    if max_length < min_length:
        raise ValueError(f"max_length must be at least min_length={min_length}, got {max_length}.")
    n, rng, dtype = n_sequences_of(n_sequences), generator(random_state), float_dtype(dtype)
    offsets = uniform_offsets(n, min_length, max_length, rng)
    bits = random_signs(offsets[-1], rng)
    is_odd = np.logical_xor.reduceat(bits > 0, offsets[:-1])
    return dense(bits[:, np.newaxis], offsets, dtype), is_odd.astype(dtype)
