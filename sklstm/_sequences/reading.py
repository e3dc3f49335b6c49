"""What containers hold: sequences as arrays, rows of tables, padding."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklstm._checks import check_integer
from sklstm._messages import shown
from sklstm._sequences.numbers import ONE, numbers_of, offsets_of

ALL = (
    "a list of arrays of shape (n_steps, n_features), a 3-D array of shape (n_sequences, n_steps, "
    "n_features) with NaN for padding, or a 2-D array with one univariate sequence a row"
)
LARGEST = (np.finfo(np.float32).max, np.finfo(np.float64).max)


def array_or_list(X: Any, name: str) -> Any:
    """X as a 2-D or 3-D array of numbers, or as a list of `_steps`."""
    X = opened(X, name)
    if not isinstance(X, np.ndarray) or (X.dtype == object and X.ndim):
        return [_steps(element, f"{name}[{i}]") for i, element in enumerate(X)]
    X = numbers_of(X, name)
    if X.ndim in (2, 3):
        return X
    remedy = f"Reshape your data: one sequence alone is [{name}]"
    raise ValueError(f"{name} has shape {X.shape}; expected {ALL}. {remedy}.")


def opened(X: Any, name: str) -> Any:
    """Any container as an array, a list or a tuple of its elements."""
    if sparse.issparse(X):
        remedy = "pass a list with one sparse matrix a sequence, or Sequences(matrix, offsets)"
        raise TypeError(f"{name} is one sparse matrix where dense data is required; {remedy}.")
    known = hasattr(X, "__array__") or (hasattr(X, "__len__") and hasattr(X, "__iter__"))
    if not known or isinstance(X, (str, bytes, Mapping, Set, np.ma.MaskedArray)):
        remedy = f" Make a list of it: list({name})." if hasattr(X, "__next__") else ""
        raise TypeError(f"{name} is of type {type(X).__name__}; expected {ALL}.{remedy}")
    if isinstance(X, (list, tuple)):
        return X
    try:
        X = np.asarray(X)
    except (TypeError, ValueError):  # awkward arrays have __array__ but refuse to be ragged
        return list(X)
    if X.ndim == 2 and X.size and np.ndim(X[0, 0]):
        if X.shape[1] > 1:
            raise ValueError(f"{name} is a table of arrays, {X.shape}; expected {ALL}.")
        return X[:, 0]  # a data frame whose one column holds the sequences
    return X


def _steps(element: Any, where: str) -> Any:
    """One sequence as a numeric array, (n_steps,) or (n_steps, n_features), or sparse matrix."""
    steps = numbers_of(element, where)
    if steps.ndim == 2 or (steps.ndim == 1 and not sparse.issparse(steps)):
        return steps
    found = f"has shape {steps.shape}" if steps.ndim else f"is {shown(element)}"
    remedy = "Reshape your data: one sequence alone is a list with one array"
    raise ValueError(f"{where} {found}; expected {ONE}. {remedy}.")


def from_array(X: npt.NDArray[Any], name: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Values and offsets of a 2-D or a NaN-padded 3-D array of floats."""
    lengths = np.full(X.shape[0], X.shape[1])
    if X.ndim == 2 or not np.isnan(X[:, -1]).all(axis=1).any():
        return X.reshape(lengths.sum(), -1), offsets_of(lengths)
    is_step = ~np.isnan(X).all(axis=2)
    lengths = (is_step * np.arange(1, X.shape[1] + 1)).max(axis=1)
    if 0 in lengths:
        raise ValueError(f"{name}[{lengths.argmin()}] is all NaN, without a step; leave it out.")
    return X[np.arange(X.shape[1]) < lengths[:, np.newaxis]], offsets_of(lengths)


def rows_of_steps(X: npt.NDArray[Any], n_channels: Any, name: str) -> npt.NDArray[Any]:
    """Rows of n_steps * n_channels numbers as a 3-D array."""
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
    """Whether X is 2-D, numbers in rows and columns, and not a list of sequences.

    A list of lists of numbers, all equally long, is a table: so scikit-learn reads it.
    """
    if isinstance(X, list | tuple):
        rows = all(isinstance(row, list | tuple) and len(row) for row in X)
        return rows and len({len(row) for row in X}) == 1 and np.ndim(X[0][0]) == 0
    if sparse.issparse(X):
        return False
    shape = getattr(X, "shape", None)
    if shape is None and hasattr(X, "__array__") and not hasattr(X, "__len__"):
        shape = np.asarray(X).shape
    if shape is None or len(shape) != 2:
        return False
    if shape[0] and shape[1] == 1 and hasattr(X, "__array__"):  # is it a column of sequences?
        return np.ndim(np.asarray(X)[0, 0]) == 0
    return True


def check_shapes(shapes: list[Any], name: str, n_features: int | None, reference: str) -> None:
    if not shapes:
        raise ValueError(f"{name} has 0 sequences, 0 sample(s), while a minimum of 1 is required.")
    widths = [shape[1] if len(shape) == 2 else 1 for shape in shapes]
    origin, expected = (f"{name}[0]", widths[0]) if n_features is None else (reference, n_features)
    for i, (shape, width) in enumerate(zip(shapes, widths, strict=True)):
        if 0 in shape:
            raise ValueError(f"{name}[{i}] is empty, {shape}; expected n_steps and n_features > 0.")
        if width != expected:
            suspects, first = (shapes, shapes[0][0]) if n_features is None else ([shape], expected)
            message = (
                f"{name}[{i}] has shape {shape}, {width} feature(s); expected {expected} as in "
                f"{origin}, in (n_steps, n_features)."
            )
            if all(len(s) == 2 and s[0] == first for s in suspects):
                message += f" If this is channels-first, transpose: [x.T for x in {name}]."
            raise ValueError(message)
