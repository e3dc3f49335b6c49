"""Conversion of sequences back to the kind of container that the user gave."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklstm._sequences.container import Sequences
from sklstm._sequences.frames import frame_of, is_nested_table, library_of, names_of
from sklstm._sequences.reading import is_table, plain


def as_container(sequences: Sequences, X: Any, n_channels: int | None = None, step: int = 1) -> Any:
    """Return the sequences in the same kind of container as X.

    Arrays are padded by NaN to the number of steps of X divided by `step`. A 2-D array stays 2-D if the
    number of features of a step is that of X. Data frames have the names of the features of the sequences,
    or those of X if there are as many. If the container cannot hold sparse matrices, sparse sequences are
    returned unchanged.
    """
    if isinstance(X, Sequences):
        return sequences
    X = plain(X)
    library = type(X).__module__.partition(".")[0]
    if is_table(X) or (isinstance(X, np.ndarray) and (X.ndim == 3 or X.dtype != object)):
        if sequences.is_sparse:
            return sequences
        shape = X.shape if hasattr(X, "shape") else np.asarray(X).shape
        if len(shape) == 3:
            return sequences.to_padded(-(-shape[1] // step))
        channels = 1 if n_channels is None else n_channels
        padded = sequences.to_padded(-(-(shape[1] // channels) // step))
        return padded.reshape(len(padded), -1) if channels == sequences.n_features else padded
    if sequences.is_sparse and library in ("polars", "pyarrow", "awkward"):
        return sequences
    pieces = list(sequences)
    if is_nested_table(X) and X.shape[1] > 1:
        return sequences if sequences.is_sparse else _table_of_channels(sequences, X, library)
    first = X.iloc[0] if library == "pandas" else X[0]
    if isinstance(X, (list, tuple)) and library_of(first) and not sequences.is_sparse:
        pieces = _frames(sequences, X)
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


def _names(sequences: Sequences, frame: Any) -> list[Any]:
    """Names of the features: those of the sequences, of a data frame if it has as many, or x0, x1, ..."""
    if sequences.columns is not None:
        return sequences.columns.tolist()
    names = names_of(frame) if library_of(frame) else []
    return names if len(names) == sequences.n_features else [f"x{i}" for i in range(sequences.n_features)]


def _frames(sequences: Sequences, X: Any) -> list[Any]:
    """One data frame per sequence, of the library of X."""
    names = _names(sequences, X[0])
    indices = [getattr(frame, "index", None) for frame in X]
    return [
        frame_of(str(library_of(X[0])), values, names, index if len(values) == len(frame) else None)
        for values, index, frame in zip(sequences, indices, X, strict=True)
    ]


def _table_of_channels(sequences: Sequences, X: Any, library: str) -> Any:
    """A table with one sequence per row and one channel per cell."""
    cells = np.empty((len(sequences), sequences.n_features), dtype=object)
    for i, values in enumerate(sequences):
        for k, channel in enumerate(values.T):
            cells[i, k] = channel
    if library == "numpy":
        return cells
    names = _names(sequences, X)
    if library == "pandas":
        return type(X)(cells, X.index, names)
    lists = {name: [cell.tolist() for cell in column] for name, column in zip(names, cells.T, strict=True)}
    if library == "polars":
        return type(X)(lists)
    import pyarrow

    return pyarrow.table(lists)


def _nested_column(X: Any, library: str, lists: list[Any]) -> Any:
    """Nested lists as a column of the library of X."""
    if library == "awkward":
        return type(X)(lists)
    if library == "polars":
        return type(X)(X.name, lists) if len(X.shape) == 1 else type(X)({X.columns[0]: lists})
    import pyarrow

    if isinstance(X, pyarrow.Table):
        return pyarrow.table({X.column_names[0]: lists})
    return pyarrow.chunked_array([lists]) if isinstance(X, pyarrow.ChunkedArray) else pyarrow.array(lists)
