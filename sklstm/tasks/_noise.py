"""Experiment 3: noise and signal on the same input line."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sklstm._messages import shown
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


def make_two_sequence(
    n_sequences: int,
    n_informative: int = 3,
    min_length: int = 100,
    variant: str = "a",
    *,
    target_noise: bool = True,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Array]:
    """Two-sequence problem, Experiments 3a, 3b and 3c of 1997: the sign of the first elements.

    A sequence of real numbers is of class 1 or 2 with probability 0.5 each. Its first `n_informative`
    elements are +1 in class 1 and -1 in class 2; all others are Gaussian, of mean 0 and variance 0.2. The
    length is uniform between T = `min_length` and T + T/10. The target, at the end, is 1 in class 1 and 0 in
    class 2.
    Variant "b" adds noise of the same distribution to the informative elements too. Variant "c" has the
    inputs of "a" and the targets 0.2 in class 1 and 0.8 in class 2, plus Gaussian noise of variance 0.1.

    Parameters
    ----------
    n_sequences : int
        Number of sequences.
    n_informative : int, default=3
        The paper's N, from 1 to `min_length`; the paper has 3 and 1.
    min_length : int, default=100
        The paper's T; the paper has 100 and 1000.
    variant : {"a", "b", "c"}, default="a"
        Variant of the experiment.
    target_noise : bool, default=True
        Whether the targets of variant "c" have noise. The paper learns from targets with noise and tests
        against those without. No effect in the other variants.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Dense, 1 feature.
    y : ndarray of shape (n_sequences,)
        Targets. Those of variant "c" can be outside [0, 1].

    Notes
    -----
    Chosen here: T/10 is rounded down, and all lengths from T to T + T/10 are possible. The variance is 0.2, a
    standard deviation of 0.447. In variant "b" with N = 1, every classifier is then wrong in at least 1.3
    percent of the sequences, which agrees with the 1.2 and 1.5 percent that the paper reports.

    Examples
    --------
    >>> from sklstm.tasks import make_two_sequence
    >>> X, y = make_two_sequence(1000, random_state=0)
    >>> X
    <Sequences: 1000 of 100 to 110 steps, 1 features, float64 ndarray>
    >>> bool((X[0][:3] == (1 if y[0] == 1 else -1)).all())
    True
    """
    min_length = integer("min_length", min_length)
    n_informative = integer("n_informative", n_informative)
    if n_informative > min_length:
        raise ValueError(f"n_informative must be at most min_length={min_length}, got {n_informative}.")
    if not isinstance(variant, str) or variant not in ("a", "b", "c"):
        raise ValueError(f"variant must be one of ['a', 'b', 'c'], got {shown(variant)}.")
    n, rng, dtype = n_sequences_of(n_sequences), generator(random_state), float_dtype(dtype)
    offsets = uniform_offsets(n, min_length, min_length + min_length // 10, rng)
    is_class_1 = rng.integers(0, 2, n, dtype=bool)
    values = rng.standard_normal(offsets[-1])
    values *= np.sqrt(0.2)
    informative = offsets[:-1, np.newaxis] + np.arange(n_informative)
    if variant != "b":
        values[informative] = 0
    values[informative] += np.where(is_class_1, 1.0, -1.0)[:, np.newaxis]
    y = np.where(is_class_1, 0.2, 0.8) if variant == "c" else is_class_1.astype(float)
    if variant == "c" and target_noise:
        y += np.sqrt(0.1) * rng.standard_normal(n)
    return dense(values[:, np.newaxis], offsets, dtype), y.astype(dtype)
