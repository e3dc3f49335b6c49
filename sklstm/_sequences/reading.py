"""Reading of containers: sequences as arrays, rows of tables, padding."""

from __future__ import annotations

from collections.abc import Mapping, Set
from reprlib import repr as short_repr
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklstm._checks import check_integer
from sklstm._messages import shown
from sklstm._sequences.frames import columns_of, is_nested_table, library_of, names_of, text_names
from sklstm._sequences.numbers import ONE, beside, brief, filled, is_missing, missing, numbers_of, offsets_of
from sklstm._tensors import is_tensor, of_tensors

ALL = (
    "a list of arrays of shape (n_steps, n_features), a 3-D array of shape (n_sequences, n_steps, "
    "n_features) with NaN for padding, or a 2-D array with one univariate sequence per row"
)
LARGEST = (np.finfo(np.float32).max, np.finfo(np.float64).max)


def array_or_list(X: Any, name: str, mixed: bool = False) -> tuple[Any, npt.NDArray[np.object_] | None]:
    """Convert X to a 2-D or 3-D array of numbers, or to a list of `_steps`; also return names of features.

    With `mixed`, arrays of objects are allowed, too: words and dates, with or without numbers.
    """
    X = plain(X, name)
    if is_nested_table(X):
        return _side_by_side(X, name, mixed)
    X = opened(X, name)
    if not isinstance(X, np.ndarray) or (X.dtype == object and X.ndim and not (mixed and X.ndim == 3)):
        names = _common_names(X, name)
        return [
            element if _is_plain(element) else _steps(element, f"{name}[{i}]", mixed)
            for i, element in enumerate(X)
        ], names
    X = numbers_of(X, name, mixed=mixed)
    if X.ndim in (2, 3):
        return X, None
    remedy = f"Reshape your data: one sequence alone is [{name}]"
    if X.ndim > 3:
        flat = f"{name}.reshape(*{name}.shape[:2], -1)"
        remedy = f"Reshape your data: all features of a time step on one axis, {flat}"
    raise ValueError(f"{name} has shape {X.shape}; expected {ALL}. {remedy}.")


def check_container(data: Any, name: str, expected: str = ALL) -> None:
    """Refuse data that are no list, array or table: a single value, text, or a container without an order."""
    known = hasattr(data, "__array__") or (hasattr(data, "__len__") and hasattr(data, "__iter__"))
    if not known or isinstance(data, (str, bytes, Mapping, Set)):
        remedy = ""
        if hasattr(data, "__next__"):
            remedy = f" Make a list of it: list({name})."
        elif isinstance(data, Mapping):
            remedy = f" Make a list of its values, in the order of the sequences: list({name}.values())."
        raise TypeError(f"{name} is of type {type(data).__name__}; expected {expected}.{remedy}")


def opened(X: Any, name: str, expected: str = ALL) -> Any:
    """Convert any container to an array, a list or a tuple of its elements."""
    if sparse.issparse(X):
        remedy = "pass a list with one sparse matrix per sequence, or Sequences(matrix, offsets)"
        raise TypeError(f"{name} is one sparse matrix where dense data is required; {remedy}.")
    X = plain(X, name)
    check_container(X, name, expected)
    if isinstance(X, (list, tuple)):
        return X
    try:
        X = np.asarray(X)
    except (TypeError, ValueError):  # __array__ of awkward arrays refuses ragged data
        return list(X)
    if X.ndim == 2 and X.size and np.ndim(X[0, 0]):
        if X.shape[1] > 1:
            raise ValueError(f"{name} is a table of arrays, {X.shape}; expected {ALL}.")
        return X[:, 0]  # a data frame with one column of sequences
    return X


def plain(X: Any, name: str = "X") -> Any:
    """Convert tensors to arrays, and masked numbers to NaN."""
    if isinstance(X, np.ma.MaskedArray):
        return filled(X)
    if type(X).__name__ == "RecordBatch":  # in pyarrow, a part of a table
        import pyarrow

        return pyarrow.Table.from_batches([X])
    return of_tensors(X, name) if is_tensor(X) else X


def _is_plain(element: Any) -> bool:
    """Whether an element is a numeric array of one sequence, the usual case; `_steps` reads others."""
    return type(element) is np.ndarray and element.dtype.kind in "fiub" and element.ndim in (1, 2)


def _steps(element: Any, where: str, mixed: bool = False) -> Any:
    """One sequence as a numeric array, (n_steps,) or (n_steps, n_features), or sparse matrix."""
    if mixed and isinstance(element, str):
        element = list(element)
    steps = numbers_of(element, where, mixed=mixed)
    if steps.ndim == 2 or (steps.ndim == 1 and not sparse.issparse(steps)):
        return steps
    if steps.ndim == 0 and is_missing(element):
        raise ValueError(f"{where} is {shown(element)}; expected {ONE}. Leave it out, with its target.")
    found = f"has shape {steps.shape}" if steps.ndim else f"is {brief(element)}"
    remedy = "Reshape your data: one sequence alone is a list with one array"
    if steps.ndim > 2:
        remedy = "All features of a time step go on one axis: [x.reshape(len(x), -1) for x in X]"
    if isinstance(element, Mapping):
        remedy = (
            "A dict of columns is numpy.column_stack(list(x.values())), or pandas.DataFrame(x) with names"
        )
    raise ValueError(f"{where} {found}; expected {ONE}. {remedy}.")


def _common_names(X: Any, name: str) -> npt.NDArray[np.object_] | None:
    """Names of the columns of a list of data frames, which must be equal; None if the first is none."""
    if not len(X) or library_of(X[0]) is None:
        return None
    expected = names_of(X[0])
    for i, frame in enumerate(X):
        if library_of(frame) and (names := names_of(frame)) != expected:
            order = ", in this order" if sorted(map(str, names)) == sorted(map(str, expected)) else ""
            raise ValueError(
                f"{name}[{i}] has the columns {short_repr(names)}; expected those of {name}[0]{order}: "
                f"{short_repr(expected)}."
            )
    return text_names(expected)


def _side_by_side(X: Any, name: str, mixed: bool) -> tuple[list[Any], npt.NDArray[np.object_] | None]:
    """Sequences of a table with one sequence per row and one channel per cell."""
    library = library_of(X)
    names = names_of(X) if library else list(range(X.shape[1]))
    columns = columns_of(X) if library else list(X.T)
    if len(columns) == 1:
        parts = [_steps(cell, f"{name}[{i}]", mixed) for i, cell in enumerate(columns[0])]
        return parts, text_names(names) if all(part.ndim == 1 for part in parts) else None
    channels = []
    for column, key in zip(columns, names, strict=True):
        cells = []
        for i, cell in enumerate(column):
            if np.ndim(cell) == 0 and not isinstance(cell, (list, tuple)):
                raise ValueError(_no_sequence(X, name, i, key, cell, names))
            steps = numbers_of(cell, f"{name}[{i}], column {shown(key)},", mixed=mixed)
            if steps.ndim != 1:
                found = f"{name}[{i}] has shape {steps.shape} in the column {shown(key)}"
                raise ValueError(f"{found}; expected one number per time step in each of several columns.")
            cells.append(steps)
        channels.append(cells)
    lengths = np.array([[len(cell) for cell in cells] for cells in channels])
    if (lengths != lengths[0]).any():
        i = int((lengths != lengths[0]).any(axis=0).argmax())
        k = int((lengths[:, i] != lengths[0, i]).argmax())
        raise ValueError(
            f"{name}[{i}]{_label(X, i)} has {lengths[0, i]} steps in the column {shown(names[0])} and "
            f"{lengths[k, i]} in {shown(names[k])}; expected the channels of a sequence to be equally long."
        )
    return [beside(cells) for cells in zip(*channels, strict=True)], text_names(names)


def _no_sequence(X: Any, name: str, i: int, key: Any, cell: Any, names: list[Any]) -> str:
    """Message about a cell that is not a list, in a table of lists."""
    where = f"{name}[{i}]{_label(X, i)}"
    if is_missing(cell):
        return f"{where} has no sequence in the column {shown(key)}; leave the row out, with its target."
    lists = [
        other
        for other, column in zip(names, columns_of(X) if library_of(X) else X.T, strict=True)
        if _has_steps(column[i])
    ]
    static = [other for other in names if other not in lists]
    end = "; it takes X.to_pandas()." if library_of(X) == "pyarrow" else "."
    return (
        f"{where} has {brief(cell)} in the column {shown(key)}, not a list with a number per time step "
        "as in others. Leave an id out. Repeat a constant of a sequence at each step, in a list, or pass it "
        "to the final estimator: ColumnTransformer([('x', "
        f"LSTMEncoder(lstm), {short_repr(lists)}), ('static', 'passthrough', {short_repr(static)})]){end}"
    )


def _label(X: Any, i: int) -> str:
    """Label of a row of a pandas data frame, if it differs from its number."""
    label = X.index[i] if library_of(X) == "pandas" else i
    return "" if isinstance(label, (int, np.integer)) and label == i else f" ({shown(label)})"


def from_array(X: npt.NDArray[Any], name: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Values and offsets of a 2-D or a NaN-padded 3-D array of floats."""
    lengths = np.full(X.shape[0], X.shape[1])
    if X.ndim == 2 or not missing(X[:, -1]).all(axis=1).any():
        return X.reshape(lengths.sum(), -1), offsets_of(lengths)
    lengths = padded_lengths(X, np.nan, name)
    return X[np.arange(X.shape[1]) < lengths[:, np.newaxis]], offsets_of(lengths)


def padded_lengths(X: npt.NDArray[Any], padding_value: float, name: str) -> npt.NDArray[np.int64]:
    """Number of steps of each sequence of a 3-D array, padded at the end by steps that are all this value."""
    is_padding = missing(X) if np.isnan(padding_value) else X == padding_value
    lengths = (~is_padding.all(axis=2) * np.arange(1, X.shape[1] + 1)).max(axis=1)
    if 0 in lengths:
        found = "NaN" if np.isnan(padding_value) else shown(padding_value)
        raise ValueError(f"{name}[{lengths.argmin()}] is all {found}, without a step; leave it out.")
    return lengths


def rows_of_steps(X: npt.NDArray[Any], n_channels: Any, name: str) -> npt.NDArray[Any]:
    """Convert rows of n_steps * n_channels numbers to a 3-D array."""
    check_integer("n_channels", n_channels, 1)
    if X.shape[1] % n_channels:
        expected = f"n_steps * n_channels with n_channels={n_channels}"
        raise ValueError(
            f"{name} has {X.shape[1]} columns; expected {expected}. Single columns cannot be added or left "
            "out: select features inside PerTimeStep, and instead of a chain use MultiOutputClassifier or "
            "LSTMRegressor, which has several outputs."
        )
    X = X.reshape(X.shape[0], X.shape[1] // n_channels, n_channels)
    return np.where(np.isin(X, LARGEST), np.nan, X) if X.dtype.kind == "f" else X


def is_table(X: Any) -> bool:
    """Whether X is a 2-D table of numbers, and not a list of sequences.

    A list of lists of numbers of equal length is a table, as in scikit-learn.
    """
    if isinstance(X, list | tuple):
        rows = all(isinstance(row, list | tuple) and len(row) for row in X)
        return rows and len({len(row) for row in X}) == 1 and not any(map(_has_steps, X[0]))
    if sparse.issparse(X):
        return False
    shape = getattr(X, "shape", None)
    if shape is None and hasattr(X, "__array__") and not hasattr(X, "__len__"):
        shape = np.asarray(X).shape
    if shape is None or len(shape) != 2:
        return False
    return not is_nested_table(X)


def _has_steps(cell: Any) -> bool:
    return not isinstance(cell, str) and (hasattr(cell, "__len__") or np.ndim(cell) > 0)


def check_shapes(shapes: list[Any], name: str, n_features: int | None, reference: str) -> None:
    if not shapes:
        raise ValueError(f"{name} has 0 sequences, 0 sample(s), while a minimum of 1 is required.")
    widths = [shape[1] if len(shape) == 2 else 1 for shape in shapes]
    origin, expected = (f"{name}[0]", widths[0]) if n_features is None else (reference, n_features)
    for i, (shape, width) in enumerate(zip(shapes, widths, strict=True)):
        if 0 in shape:
            remedy = "" if shape[0] else "; leave it out, with its target"
            raise ValueError(f"{name}[{i}] is empty, {shape}; expected n_steps and n_features > 0{remedy}.")
        if width != expected:
            suspects, first = (shapes, shapes[0][0]) if n_features is None else ([shape], expected)
            message = (
                f"{name}[{i}] has shape {shape}, {width} feature(s); expected {expected} as in "
                f"{origin}, in (n_steps, n_features)."
            )
            if all(len(s) == 2 and s[0] == first for s in suspects):
                message += f" If this is channels-first, transpose: [x.T for x in {name}]."
            raise ValueError(message)
