"""Context-free and context-sensitive languages (2001)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sklstm._messages import shown
from sklstm._sequences import Sequences, as_sequences, as_step_targets
from sklstm.tasks._shared import (
    Array,
    RandomState,
    dense,
    float_dtype,
    generator,
    integer,
    n_sequences_of,
    offsets_of,
)

# Symbols that are read, by language; the first one starts each string. The symbol T ends a string and is only
# predicted.
LANGUAGE_SYMBOLS = {"a^n b^n": "Sab", "a^n b^n c^n": "Sabc", "a^n b^m B^m A^n": "SabBA"}


def make_language(
    n_sequences: int,
    language: str = "a^n b^n",
    min_n: int = 1,
    max_n: int = 10,
    *,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Sequences]:
    """Strings of a context-free or context-sensitive language: predict which symbols may come next (2001).

    Each string begins with the symbol S, which is read, and ends with the symbol T, which is only predicted.
    The earlier symbols determine which symbols may come next. After each a, these are a and b. From the first
    b on, the number of a determines the rest. In the third language, the number of b is open until the first
    B.

    Parameters
    ----------
    n_sequences : int
        Number of strings; some of them will be equal.
    language : {"a^n b^n", "a^n b^n c^n", "a^n b^m B^m A^n"}, default="a^n b^n"
        The second is context-sensitive.
    min_n, max_n : int, default=1, 10
        Range of n, both ends included. In the third language, n and m are at least 1, and their sum is
        between `min_n` and `max_n`; `max_n` must be at least 2.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Dense rows, 1 for the symbol that is read and -1 for all others; the columns of the three languages
        are S, a, b; S, a, b, c; S, a, b, B, A.
    y : Sequences
        Dense rows, 1 for each symbol that may come next and 0 for all others; the columns are a, b, T;
        a, b, c, T; a, b, B, A, T.

    See Also
    --------
    make_language_strings : Strings of given n.
    accepted_strings : Whether a network predicts all symbols of a string.

    Notes
    -----
    Gers & Schmidhuber, "LSTM recurrent networks learn simple context-free and context-sensitive languages",
    IEEE Transactions on Neural Networks 12(6) (2001) 1333-1340. Chosen here: all n, or pairs of n and m, are
    equally likely, and only strings of the language are used. The paper has outputs in the range [-2, 2],
    targets of -1 and 1 and a threshold of 0. Logistic outputs with targets of 0.25 and 0.75 and a threshold
    of 0.5 learn the same with 16 times the learning rate.

    Examples
    --------
    >>> from sklstm.tasks import make_language
    >>> X, y = make_language(100, "a^n b^n c^n", 1, 40, random_state=0)
    >>> X.n_features, y.n_features, int(X.lengths.max())
    (4, 4, 121)
    """
    n, rng, dtype = n_sequences_of(n_sequences), generator(random_state), float_dtype(dtype)
    min_n, max_n = integer("min_n", min_n), integer("max_n", max_n)
    least = 1 + (len(_symbols_of(language)) == 5)
    if max_n < max(min_n, least):
        raise ValueError(f"max_n must be at least {max(min_n, least)}, got {max_n}.")
    return _strings(_counts_between(language, min_n, max_n), language, dtype, rng, n)


def make_language_strings(
    counts: npt.ArrayLike, language: str = "a^n b^n", *, dtype: npt.DTypeLike = np.float64
) -> tuple[Sequences, Sequences]:
    """One string of a language for each n, to test how far a network counts.

    Parameters
    ----------
    counts : array-like of int of shape (n_sequences,) or (n_sequences, 2)
        n of each string, at least 1; for "a^n b^m B^m A^n", rows of n and m.
    language : {"a^n b^n", "a^n b^n c^n", "a^n b^m B^m A^n"}, default="a^n b^n"
        Language, see `make_language`.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.

    Returns
    -------
    X, y : Sequences
        As in `make_language`.

    Examples
    --------
    >>> from sklstm.tasks import make_language_strings
    >>> X, y = make_language_strings([2])
    >>> X[0]  # S, a, a, b, b
    array([[ 1., -1., -1.],
           [-1.,  1., -1.],
           [-1.,  1., -1.],
           [-1., -1.,  1.],
           [-1., -1.,  1.]])
    >>> y[0]  # a; a or b; a or b; b; T
    array([[1., 0., 0.],
           [1., 1., 0.],
           [1., 1., 0.],
           [0., 1., 0.],
           [0., 0., 1.]])
    """
    n_numbers = 1 + (len(_symbols_of(language)) == 5)
    array = np.asarray(counts)
    if array.dtype.kind not in "iu" or array.ndim != n_numbers or array.shape[1:] != (2,) * (n_numbers - 1):
        expected = "a list of n" if n_numbers == 1 else "rows of n and m"
        raise ValueError(f"counts for {language} must be {expected}, all integers; got {shown(counts)}.")
    if array.size == 0 or array.min() < 1:
        raise ValueError(f"counts must be one or more numbers of at least 1, got {shown(counts)}.")
    return _strings(array.reshape(len(array), n_numbers), language, float_dtype(dtype))


def accepted_strings(outputs: Any, y: Any, threshold: float = 0.5) -> npt.NDArray[np.bool_]:
    """Find the strings that a network accepts: those for which all its predictions are correct.

    A prediction is correct if it contains exactly the symbols that may come next.

    Parameters
    ----------
    outputs : sequences
        Outputs for each symbol of each string; a symbol is predicted if its output is above `threshold`.
    y : sequences
        Targets as `make_language` gives them: above 0.5 for symbols that may come next.
    threshold : float, default=0.5
        Output above which a symbol is predicted.

    Returns
    -------
    ndarray of bool of shape (n_sequences,)

    Examples
    --------
    >>> from sklstm.tasks import accepted_strings, make_language_strings
    >>> _, y = make_language_strings([1, 2, 3])
    >>> outputs = [array.copy() for array in y]
    >>> outputs[1][0] = 0.0  # nothing is predicted after S
    >>> accepted_strings(outputs, y)
    array([ True, False,  True])
    """
    targets = as_sequences(y, reference="y")
    flat = as_step_targets(outputs, targets, "outputs")
    if flat.shape != targets.values.shape:
        raise ValueError(f"outputs must have {targets.n_features} columns, got the shape {flat.shape}.")
    right = ((flat > threshold) == (targets.values > 0.5)).all(axis=1)
    return np.logical_and.reduceat(right, targets.offsets[:-1])


def _symbols_of(language: Any) -> str:
    if not isinstance(language, str) or language not in LANGUAGE_SYMBOLS:
        raise ValueError(f"language must be one of {list(LANGUAGE_SYMBOLS)}, got {shown(language)}.")
    return LANGUAGE_SYMBOLS[language]


def _counts_between(language: str, min_n: int, max_n: int) -> Array:
    """Every n, or every pair of n and m, one per row."""
    if len(LANGUAGE_SYMBOLS[language]) < 5:
        return np.arange(min_n, max_n + 1)[:, np.newaxis]
    return np.array([(n, total - n) for total in range(max(min_n, 2), max_n + 1) for n in range(1, total)])


def _strings(
    counts: Array, language: str, dtype: Any, rng: np.random.Generator | None = None, n_drawn: int = 0
) -> tuple[Sequences, Sequences]:
    """One string for each of these counts, or `n_drawn` strings drawn from them."""
    words = [_word(language, *row) for row in counts.tolist()]
    chosen = np.arange(len(words)) if rng is None else rng.integers(0, len(words), n_drawn)
    symbols, legal = (np.concatenate([words[i][part] for i in chosen]) for part in (0, 1))
    offsets = offsets_of(np.array([len(words[i][0]) for i in chosen]))
    rows = np.where(np.eye(len(LANGUAGE_SYMBOLS[language]), dtype=bool), 1.0, -1.0)[symbols]
    return dense(rows, offsets, dtype), dense(legal, offsets, dtype)


def _word(language: str, n: int, m: int = 0) -> tuple[Array, Array]:
    """Columns of the symbols of one string; for each, a row of 0 and 1 of the symbols that may follow it."""
    n_symbols = len(LANGUAGE_SYMBOLS[language])
    runs = (1, n, m, m, n) if n_symbols == 5 else (1,) + (n,) * (n_symbols - 1)
    symbols = np.repeat(np.arange(n_symbols), runs)
    legal = np.zeros((len(symbols), n_symbols), dtype=bool)
    following = np.append(symbols[1:], n_symbols) - 1  # in the columns of the targets, which have no S
    legal[np.arange(len(symbols)), following] = True
    legal[symbols == 1, :2] = True  # after a: a or b
    if n_symbols == 5:
        legal[symbols == 2, 1:3] = True  # after b: b or B
    return symbols, legal
