"""Columns of data frames of pandas and polars, and of tables of pyarrow."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

LIBRARIES = ("pandas", "polars", "pyarrow")


def library_of(X: Any) -> str | None:
    """Name of the library of a data frame; None if X is not a data frame."""
    library = type(X).__module__.partition(".")[0]
    if library not in LIBRARIES or not hasattr(X, "columns") or len(getattr(X, "shape", ())) != 2:
        return None
    return library


def names_of(frame: Any) -> list[Any]:
    """Names of the columns of a data frame."""
    return list(getattr(frame, "column_names", frame.columns))


def text_names(names: Any) -> npt.NDArray[np.object_] | None:
    """Names if all are text, as in scikit-learn; otherwise None."""
    if not all(isinstance(name, str) for name in names):
        return None
    return np.array(names, dtype=object)


def columns_of(frame: Any) -> list[Any]:
    """Columns of a data frame as 1-D arrays: numbers, with NaN for missing ones, dates, or objects."""
    library = library_of(frame)
    if library == "pandas":
        return [_of_pandas(frame.iloc[:, i]) for i in range(frame.shape[1])]
    if library == "polars":
        return [column.to_numpy() for column in frame.iter_columns()]
    return [np.asarray(column) for column in frame.columns]


def _of_pandas(column: Any) -> npt.NDArray[Any]:
    if getattr(column.dtype, "tz", None) is not None:
        return column.dt.tz_convert(None).to_numpy()
    return column.to_numpy()


def is_nested_table(X: Any) -> bool:
    """Whether X is a data frame, or a 2-D array of objects, with sequences in the cells of some column."""
    if isinstance(X, np.ndarray):
        return X.dtype == object and X.ndim == 2 and any(map(_holds_sequences, X.T))
    library = library_of(X)
    if library is None:
        return False
    if library == "polars":
        return any(str(dtype).startswith(("List", "Array")) for dtype in X.dtypes)
    if library == "pyarrow":
        return any("list" in str(kind) for kind in X.schema.types)
    objects = [i for i, dtype in enumerate(X.dtypes) if dtype.kind == "O"]
    return any(_holds_sequences(X.iloc[:, i]) for i in objects)


def _holds_sequences(column: Any) -> bool:
    """Whether the first cell that is not missing is a sequence, other than text."""
    there = (cell for cell in column if cell is not None and not isinstance(cell, float))
    cell = next(there, None)
    return np.iterable(cell) and not isinstance(cell, (str, bytes, dict, set))


def library_of_names(X: Any) -> str | None:
    """Library of the data frames that a transformer gets: that of X, or one that is installed."""
    first = X[0] if isinstance(X, (list, tuple)) and len(X) else X
    own = library_of(first)
    if own in ("pandas", "polars"):
        return own
    return next((name for name in ("pandas", "polars") if find_spec(name)), None)


def frame_of(library: str, values: Any, names: Any, index: Any = None) -> Any:
    """Make a data frame of a table of numbers or objects."""
    names = list(names)
    if library == "pandas":
        import pandas

        frame = pandas.DataFrame(values, index, names)
        return frame.infer_objects() if values.dtype == object else frame
    columns = {name: _plain(values[:, i]) for i, name in enumerate(names)}
    if library == "polars":
        import polars

        return polars.DataFrame(columns)
    import pyarrow

    return pyarrow.table(columns)


def _plain(column: npt.NDArray[Any]) -> Any:
    """A column as lists, with None for missing values, or as an array of numbers."""
    if column.dtype != object:
        return np.ascontiguousarray(column)
    return [None if isinstance(value, float) and value != value else value for value in column]
