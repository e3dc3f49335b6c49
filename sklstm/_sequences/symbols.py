"""Sequences of symbols."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sklstm._sequences.container import Sequences, as_sequences
from sklstm._sequences.frames import is_nested_table, library_of
from sklstm._sequences.numbers import array_as_given, check_alike, is_nested, missing, numbers_of, offsets_of
from sklstm._sequences.reading import opened, plain, rows_of_steps


class Symbols(NamedTuple):
    """Stacked symbols of sequences.

    Attributes
    ----------
    flat : ndarray of shape (n_steps, n_features)
        Whole numbers are integers, also if they were floats.
    offsets : ndarray of int64 of shape (n_sequences + 1,)
    names : ndarray of str of shape (n_features,) or None
    """

    flat: npt.NDArray[Any]
    offsets: npt.NDArray[np.int64]
    names: npt.NDArray[np.object_] | None


def read_symbols(X: Any, *, name: str = "X", n_channels: int | None = None) -> Symbols:
    """Stack sequences of symbols: strings, or numbers that are names; symbols may be missing.

    Parameters
    ----------
    X : container of sequences
        As in `as_sequences`, but each sequence is an array of symbols, (n_steps,) or (n_steps, n_features),
        or a string, whose characters are the symbols.
    name : str
        Name of X in messages.
    n_channels : int, default=None
        As in `as_sequences`, for a 2-D array.

    Returns
    -------
    Symbols
    """
    X = plain(X, name)
    of_numbers = getattr(getattr(X, "dtype", None), "kind", "O") in ("b", "i", "u", "f")
    of_frames = isinstance(X, (list, tuple)) and len(X) > 0 and library_of(X[0]) is not None
    names = None
    if isinstance(X, Sequences) or of_numbers or of_frames or is_nested_table(X):
        sequences = as_sequences(X, name=name, n_channels=n_channels, allow_nan=True, mixed=True)
        flat, offsets, names = sequences._dense(), sequences.offsets, sequences.columns
    else:
        if n_channels is not None and isinstance(X, np.ndarray) and X.ndim == 2:
            X = rows_of_steps(X, n_channels, name)
        parts = [_symbols(x, f"{name}[{i}]") for i, x in enumerate(opened(X, name))]
        if not parts:
            raise ValueError(f"{name} has 0 sequences, 0 sample(s), while a minimum of 1 is required.")
        for i, part in enumerate(parts):
            if part.ndim not in (1, 2) or not part.size:
                expected = "symbols in an array of shape (n_steps,) or (n_steps, n_features)"
                remedy = "" if part.size else " Leave it out, with its target."
                raise ValueError(f"{name}[{i}] has shape {part.shape}; expected {expected}.{remedy}")
            check_alike(part, parts[0], f"{name}[{i}]", f"the kind and n_features of {name}[0]")
        flat = np.concatenate(parts).reshape(sum(map(len, parts)), -1)
        offsets = offsets_of([len(part) for part in parts])
    if flat.dtype.kind == "f" and (flat == np.rint(flat)).all():
        flat = flat.astype(np.int64)
    return Symbols(flat, offsets, names)


def check_symbols(flat: npt.NDArray[Any], offsets: npt.NDArray[np.int64], name: str) -> None:
    """Refuse a missing symbol."""
    gaps = missing(flat).any(axis=1)
    if gaps.any():
        row = int(gaps.argmax())
        i = int(np.searchsorted(offsets, row, side="right")) - 1
        raise ValueError(
            f"{name}[{i}] has no symbol at step {row - offsets[i]}, {flat[row]}; fill it, or "
            "use PerTimeStep(OneHotEncoder()), for which a missing value (NaN, None) is a symbol."
        )


def _symbols(x: Any, where: str) -> npt.NDArray[Any]:
    """Symbols of one sequence: characters of a string, words, or numbers; words and numbers as objects."""
    if library_of(x):
        return numbers_of(x, where, mixed=True)
    if isinstance(x, (str, bytes)):
        x = list(x)
    part = array_as_given(x, where)
    return np.array(part.tolist()) if is_nested(part) else part
