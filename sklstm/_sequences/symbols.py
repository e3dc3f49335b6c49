"""Sequences of symbols."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sklstm._sequences.container import Sequences, as_sequences
from sklstm._sequences.numbers import array_of, check_alike, is_nested, missing, offsets_of
from sklstm._sequences.reading import opened, rows_of_steps


def as_symbols(
    X: Any, *, name: str = "X", n_channels: int | None = None
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Stack sequences of symbols: strings, or numbers that are names.

    Parameters
    ----------
    X : container of sequences
        As in `as_sequences`, but each an array of symbols, (n_steps,) or (n_steps, n_features), or a
        string, whose characters are the symbols.
    name : str
        What the messages call X.
    n_channels : int, default=None
        As in `as_sequences`, for a 2-D array.

    Returns
    -------
    flat : ndarray of shape (n_steps, n_features)
        Whole numbers are integers, whatever they came as.
    offsets : ndarray of int64 of shape (n_sequences + 1,)
    """
    if isinstance(X, Sequences) or getattr(getattr(X, "dtype", None), "kind", "O") in ("b", "i", "u", "f"):
        sequences = as_sequences(X, name=name, n_channels=n_channels)
        flat, offsets = sequences._dense(), sequences.offsets
    else:
        if n_channels is not None and isinstance(X, np.ndarray) and X.ndim == 2:
            X = rows_of_steps(X, n_channels, name)
        elements = [list(x) if isinstance(x, str) else x for x in opened(X, name)]
        parts = [array_of(x, f"{name}[{i}]") for i, x in enumerate(elements)]
        parts = [np.array(part.tolist()) if is_nested(part) else part for part in parts]
        if not parts:
            raise ValueError(f"{name} has 0 sequences, 0 sample(s), while a minimum of 1 is required.")
        for i, part in enumerate(parts):
            if part.ndim not in (1, 2) or not part.size:
                expected = "symbols in an array of shape (n_steps,) or (n_steps, n_features)"
                raise ValueError(f"{name}[{i}] has shape {part.shape}; expected {expected}.")
            check_alike(part, parts[0], f"{name}[{i}]", f"the kind and n_features of {name}[0]")
        flat = np.concatenate(parts).reshape(sum(map(len, parts)), -1)
        offsets = offsets_of([len(part) for part in parts])
    if missing(flat).any():
        row = int(missing(flat).any(axis=1).argmax())
        i = int(np.searchsorted(offsets, row, side="right")) - 1
        raise ValueError(f"{name}[{i}] has no symbol at step {row - offsets[i]}, {flat[row]}; fill it.")
    if flat.dtype.kind == "f" and (flat == np.rint(flat)).all():
        flat = flat.astype(np.int64)
    return flat, offsets
