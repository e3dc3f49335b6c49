"""The way back: sequences in the kind of container that came."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklstm._sequences.container import Sequences
from sklstm._sequences.reading import is_table


def as_container(sequences: Sequences, X: Any, n_channels: int | None = None) -> Any:
    """Give the sequences in the kind of container that X is.

    Arrays are padded by NaN to the number of steps of X; a 2-D array stays one if the number of features
    of a step is that of X. Sparse sequences in what can hold no sparse matrix are left as they are.
    """
    library = type(X).__module__.partition(".")[0]
    if isinstance(X, Sequences):
        return sequences
    if is_table(X) or (isinstance(X, np.ndarray) and (X.ndim == 3 or X.dtype != object)):
        if sequences.is_sparse:
            return sequences
        shape = X.shape if hasattr(X, "shape") else np.asarray(X).shape
        if len(shape) == 3:
            return sequences.to_padded(shape[1])
        channels = 1 if n_channels is None else n_channels
        padded = sequences.to_padded(shape[1] // channels)
        return padded.reshape(len(padded), -1) if channels == sequences.n_features else padded
    if sequences.is_sparse and library in ("polars", "pyarrow", "awkward"):
        return sequences
    pieces = list(sequences)
    first = X.iloc[0] if library == "pandas" else X[0]
    if sequences.n_features == 1 and not sequences.is_sparse and np.ndim(first) == 1:
        pieces = [piece[:, 0] for piece in pieces]
    if isinstance(X, tuple):
        return tuple(pieces)
    if library in ("numpy", "pandas"):
        column = np.empty(len(pieces), dtype=object)
        for i, piece in enumerate(pieces):
            column[i] = piece
        if library == "numpy":
            return column.reshape(X.shape)
        return type(X)(column, X.index, **({"name": X.name} if X.ndim == 1 else {"columns": X.columns}))
    if library in ("polars", "pyarrow", "awkward"):
        return _nested_column(X, library, [piece.tolist() for piece in pieces])
    return pieces


def _nested_column(X: Any, library: str, lists: list[Any]) -> Any:
    """Nested lists as a column of the library that X is from."""
    if library == "awkward":
        return type(X)(lists)
    if library == "polars":
        return type(X)(X.name, lists) if len(X.shape) == 1 else type(X)({X.columns[0]: lists})
    import pyarrow

    if isinstance(X, pyarrow.Table):
        return pyarrow.table({X.column_names[0]: lists})
    return pyarrow.chunked_array([lists]) if isinstance(X, pyarrow.ChunkedArray) else pyarrow.array(lists)
