"""Functions that the generators of tasks share."""

from __future__ import annotations

from numbers import Integral
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklstm._messages import shown
from sklstm._sequences import Sequences

RandomState: TypeAlias = int | np.random.Generator | np.random.RandomState | None
Array: TypeAlias = npt.NDArray[Any]


def integer(name: str, value: Any, least: int = 1) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {shown(value)}.")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}.")
    return int(value)


def n_sequences_of(n_sequences: Any) -> int:
    return integer("n_sequences", n_sequences)


def float_dtype(dtype: Any) -> Any:
    try:
        if np.dtype(dtype).type in (np.float64, np.float32):
            return np.dtype(dtype)
    except TypeError:
        pass
    raise ValueError(f"dtype must be float64 or float32, got {dtype!r}.")


def generator(random_state: Any) -> np.random.Generator:
    """Return the Generator, or a new one that is seeded by the int or by the RandomState."""
    if isinstance(random_state, np.random.RandomState):
        random_state = random_state.randint(0, 2**32, size=4, dtype=np.uint32)
    elif not (random_state is None or isinstance(random_state, Integral | np.random.Generator)):
        expected = "an int, a Generator, a RandomState or None"
        raise TypeError(f"random_state must be {expected}, got {shown(random_state)}.")
    elif isinstance(random_state, Integral) and random_state < 0:
        raise ValueError(f"random_state must be at least 0, got {random_state}.")
    return np.random.default_rng(random_state)


def random_signs(n: int, rng: np.random.Generator) -> Array:
    """Draw n numbers that are -1. or 1."""
    bits = rng.integers(0, 2, n, dtype=bool).astype(np.float64)
    bits *= 2
    bits -= 1
    return bits


def offsets_of(lengths: Array) -> Array:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def uniform_offsets(n: int, low: int, high: int, rng: np.random.Generator) -> Array:
    """Offsets of sequences of lengths that are uniform from `low` to `high`, both included."""
    return offsets_of(rng.integers(low, high + 1, n))


def dense(values: Array, offsets: Array, dtype: Any) -> Sequences:
    return Sequences._trusted(values.astype(dtype, copy=False), offsets)


def rows_of(symbols: Array, n_symbols: int, dtype: Any) -> Array:
    """Dense one-hot rows."""
    return np.eye(n_symbols, dtype=dtype).take(symbols, axis=0)


def dense_one_hot(symbols: Array, offsets: Array, n_symbols: int, dtype: Any) -> Sequences:
    return Sequences._trusted(rows_of(symbols, n_symbols, dtype), offsets)


def one_hot(symbols: Array, offsets: Array, n_symbols: int, dtype: Any) -> Sequences:
    """Sparse one-hot rows."""
    n_steps = len(symbols)
    index = np.int32 if n_steps <= np.iinfo(np.int32).max else np.int64
    parts = np.ones(n_steps, dtype), symbols.astype(index, copy=False), np.arange(n_steps + 1, dtype=index)
    return Sequences._trusted(sparse.csr_array(parts, shape=(n_steps, n_symbols)), offsets)
