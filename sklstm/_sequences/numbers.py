"""Arrays of numbers: reading, casting, stacking, checks."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from reprlib import repr as short_repr
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklstm._checks import check_csr
from sklstm._messages import shown
from sklstm._sequences.frames import columns_of, library_of, names_of
from sklstm._tensors import is_tensor, of_tensors

ONE = "numbers in an array of shape (n_steps, n_features), or (n_steps,) if univariate"
NO_WORDS = (
    "SequenceOneHotEncoder() in front converts words and characters to numbers; for words beside numbers use "
    "SequenceOneHotEncoder(columns=...) or PerTimeStep(ColumnTransformer(...)); for numbers as text "
    "x.astype(float)."
)
NO_DATES = (
    "Dates and durations are not read as numbers: give the seconds since the previous step, "
    "t.diff().dt.total_seconds() in pandas, or leave the column out."
)
NO_DICTS = "DictVectorizer makes columns of the dicts of all steps."
NO_FIELDS = "numpy.lib.recfunctions.structured_to_unstructured(x) makes columns of the fields."
NEVER_NUMBERS = (str, bytes, np.datetime64, np.timedelta64)  # float() would convert dates


def numbers_of(data: Any, where: str, *, mixed: bool = False) -> Any:
    """Convert data to an array or a sparse matrix of real numbers, with NaN for missing ones.

    Parameters
    ----------
    data : array-like, data frame, tensor or sparse matrix
    where : str
        Name of the data in messages.
    mixed : bool
        Whether the result may be an array of objects: words or dates, with or without numbers.

    Returns
    -------
    ndarray or sparse matrix
    """
    if type(data) is np.ndarray and data.dtype.kind in "biuf":
        return data
    names = None
    if is_tensor(data):
        data = of_tensors(data, where)
    if sparse.issparse(data):
        array = data
    elif library_of(data):
        array, names = _values_of_frame(data, where), names_of(data)
    else:
        array = array_of(data, where)
        if array.dtype.kind in "US" and mixed and not isinstance(data, np.ndarray):
            array = np.array(data, dtype=object)  # does not convert numbers among words to text
        if array.dtype == object:
            array = unboxed(array, where)
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {where} is of dtype {array.dtype}.")
    if array.dtype.kind in "biuf":
        return array
    if mixed:
        return _objects(array)
    raise TypeError(no_numbers(array, where, names))


def array_of(data: Any, where: str) -> npt.NDArray[Any]:
    """Convert data to an array of any dtype; masked numbers become NaN."""
    if sparse.issparse(data):
        raise TypeError(f"{where} is of type {type(data).__name__}; expected a dense array.")
    if is_tensor(data):
        data = of_tensors(data, where)
    if isinstance(data, np.ma.MaskedArray):
        return filled(data)
    try:
        return np.asarray(data)
    except ValueError as error:
        if type(data).__module__.startswith("awkward"):  # None among numbers
            return array_of(data.tolist(), where)
        remedy = ""
        if isinstance(data, tuple) and len(data) == 2 and library_of(data[1]):
            remedy = " Of a groupby: [frame for _, frame in X]."
        raise ValueError(f"{where} is not a rectangular array ({error}); expected {ONE}.{remedy}") from error
    except (TypeError, RuntimeError):
        plain = of_tensors(data, where)
        if plain is data:
            raise
        return array_of(plain, where)


def array_as_given(data: Any, where: str) -> npt.NDArray[Any]:
    """Convert data to an array without making text of numbers: ["a", nan], ["a", 1] become objects."""
    array = array_of(data, where)
    if array.dtype.kind in "US" and isinstance(data, (list, tuple)):
        boxed = np.array(data, dtype=object)
        if not all(isinstance(value, (str, bytes)) for value in boxed.flat):
            return boxed
    return array


def filled(data: Any) -> npt.NDArray[Any]:
    """Data of a masked array, with NaN, or None among objects, where it is masked."""
    if not np.ma.is_masked(data):
        return np.asarray(data)
    if data.dtype.kind in "biu":
        return data.astype(np.float64).filled(np.nan)
    return data.filled(np.nan) if data.dtype.kind in "fc" else data.astype(object).filled(None)


def _values_of_frame(frame: Any, where: str) -> npt.NDArray[Any]:
    """Numbers of a data frame as a table, or objects if a column has other values."""
    if library_of(frame) == "pandas":
        values = frame.to_numpy()
        if values.dtype.kind in "biuf":
            return values
    columns = [unboxed(c, where) if c.dtype == object else c for c in columns_of(frame)]
    if all(column.dtype.kind in "biufc" for column in columns):
        return np.column_stack(columns) if columns else np.empty(frame.shape)
    return beside([column if column.dtype.kind in "biufc" else _objects(column) for column in columns])


def unboxed(array: npt.NDArray[Any], where: str) -> npt.NDArray[Any]:
    """Convert objects to numbers, with NaN for missing ones; keep objects if some are not numbers."""
    try:
        plain = np.array(array.tolist())
        if plain.dtype.kind not in "OUS":
            return plain
        if plain.shape != array.shape:  # of rows
            array = plain if plain.dtype == object else np.array(array.tolist(), dtype=object)
        present = ~missing(array)
        if any(issubclass(kind, NEVER_NUMBERS) for kind in set(map(type, array[present]))):
            return array
        numbers = np.array(array[present].tolist())
        if numbers.dtype == object:
            numbers = numbers.astype(np.float64)
    except TypeError:
        return array
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{where} cannot be read ({error}); expected {ONE}.") from error
    if numbers.dtype.kind not in "biuf" or numbers.ndim != 1:
        return array
    values = np.full(array.shape, np.nan, numbers.dtype if numbers.dtype.kind == "f" else np.float64)
    values[present] = numbers
    return values


def beside(columns: Any) -> npt.NDArray[Any]:
    """Join columns to one array, of objects if one of them has objects."""
    if all(column.dtype != object for column in columns):
        return np.column_stack(columns)
    return np.column_stack([column.astype(object) for column in columns])


def _objects(array: npt.NDArray[Any]) -> npt.NDArray[np.object_]:
    """Objects with dates of Python, and NaN for missing ones, as imputers of scikit-learn expect."""
    if array.dtype.kind in "mM":
        array = array.astype(f"{array.dtype.kind}8[us]")  # nanoseconds would become integers
    objects = array.astype(object)
    objects[missing(objects)] = np.nan
    return objects


def brief(value: Any) -> str:
    """Short text of a value for a message."""
    return short_repr(value.item() if isinstance(value, np.generic) else value)


def no_numbers(array: npt.NDArray[Any], where: str, names: Any = None) -> str:
    """Message about values that are not numbers: the value, its place, and what to do."""
    kind = array.dtype.kind
    if kind in "mM":
        return f"{where} is of dtype {array.dtype}; expected {ONE}. {NO_DATES}"
    if kind in "US":
        return f"{where} is of dtype {array.dtype}; expected {ONE}. {NO_WORDS}"
    if kind == "V":
        return f"{where} is of dtype {array.dtype}; expected {ONE}. {NO_FIELDS}"
    table = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
    for step, column in np.ndindex(*table.shape):
        value: Any = table[step, column]
        if (isinstance(value, np.generic) and value.dtype.kind in "biuf") or is_missing(value):
            continue
        place = f" in the column {shown(names[column])}" if names is not None else ""
        if names is None and array.ndim == 2:
            place = f" in column {column}"
        row = f"at step {step}" if "[" in where else f"in row {step}"
        found = f"{where} {row} holds {brief(value)}{place}; expected {ONE}."
        if isinstance(value, (str, bytes)):
            return f"{found} {NO_WORDS}"
        if is_date(value):
            return f"{found} {NO_DATES}"
        try:
            float(value)
        except (TypeError, ValueError) as error:
            remedy = f" {NO_DICTS}" if isinstance(value, dict) else ""
            return f"{where} cannot be read ({error}) {row}{place}; expected {ONE}.{remedy}"
    return f"{where} is of dtype {array.dtype}; expected {ONE}."


def is_date(value: Any) -> bool:
    """Whether a value is a date, a time of day or a duration."""
    kinds = (date, time, timedelta, np.datetime64, np.timedelta64)
    return isinstance(value, kinds) or type(value).__name__ == "Period"  # a class of pandas


def is_time(index: Any) -> bool:
    """Whether labels of rows are times, or text that begins with a date such as 2024-05-31."""
    if type(index).__name__ in ("DatetimeIndex", "PeriodIndex", "TimedeltaIndex"):
        return True
    first = index[0]
    return is_date(first) or (isinstance(first, str) and re.match(r"\d{4}-\d\d-\d\d", first) is not None)


def float_dtype(arrays: Any) -> np.dtype[Any]:
    """float32 if all are float32 or float16, otherwise float64."""
    single = all(a.dtype.kind == "f" and a.dtype.itemsize <= 4 for a in arrays)
    return np.dtype(np.float32 if single else np.float64)


def cast(values: Any, dtype: npt.DTypeLike, copy: bool = False) -> Any:
    """Convert to a C-contiguous array or a canonical CSR array; with `copy`, a CSR array is always a copy."""
    with np.errstate(over="ignore"):  # check_finite reports it
        if not sparse.issparse(values):
            return np.ascontiguousarray(values, dtype=dtype)
        csr = sparse.csr_array(values, dtype=dtype, copy=copy)
    check_csr(csr.data, csr.indices, csr.indptr, csr.shape)
    if not csr.has_canonical_format:
        csr = csr if copy else csr.copy()
        csr.sum_duplicates()
    index = np.int32 if max(csr.nnz, *csr.shape) <= np.iinfo(np.int32).max else np.int64
    indices, indptr = (a.astype(index, copy=False) for a in (csr.indices, csr.indptr))
    return sparse.csr_array((csr.data, indices, indptr), shape=csr.shape)


def stacked(parts: list[Any], dtype: npt.DTypeLike, name: str) -> Any:
    """Stack the values of all parts."""
    is_sparse = [sparse.issparse(part) for part in parts]
    if all(is_sparse):
        rows = [part if part.format == "csr" else part.astype(float).tocsr() for part in parts]
        return cast(sparse.vstack(rows, format="csr"), dtype)
    if any(is_sparse):
        i, k = is_sparse.index(True), is_sparse.index(False)
        raise TypeError(f"{name}[{i}] is sparse, {name}[{k}] not; expected all of one kind.")
    columns = [part if part.ndim == 2 else part[:, np.newaxis] for part in parts]
    flat = np.empty((sum(map(len, columns)), columns[0].shape[1]), dtype=dtype)
    with np.errstate(over="ignore"):  # check_finite reports it
        return np.concatenate(columns, out=flat, casting="same_kind")


def missing(labels: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Places of NaN, NaT, None, pandas' NA or a mask."""
    if labels.dtype != object:
        return labels != labels
    return np.fromiter(map(is_missing, labels.flat), bool, labels.size).reshape(labels.shape)


def is_missing(value: Any) -> bool:
    """Whether a single value, not an array, means a missing value."""
    if value is None or value is np.ma.masked:
        return True
    if getattr(value, "ndim", 0):
        return False
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # pandas.NA is neither true nor false
        return type(value).__name__ == "NAType"


def is_nested(part: npt.NDArray[Any]) -> bool:
    """Whether a part is an array of arrays, as from nested columns."""
    return part.dtype == object and part.ndim == 1 and len(part) > 0 and np.ndim(part[0]) == 1


def check_alike(part: npt.NDArray[Any], first: npt.NDArray[Any], where: str, expected: str) -> None:
    kinds = {array.dtype.kind in "US" for array in (part, first) if array.dtype != object}
    if part.shape[1:] != first.shape[1:] or len(kinds) > 1:
        found = f"of {part.dtype} and shape {part.shape}"
        raise ValueError(f"{where} is {found}; expected {expected}, {first.dtype} {first.shape}.")


def offsets_of(lengths: npt.ArrayLike) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)], dtype=np.int64)


def read_only(values: Any) -> Any:
    if sparse.issparse(values):
        parts = map(read_only, (values.data, values.indices, values.indptr))
        return sparse.csr_array(tuple(parts), shape=values.shape)
    view = values.view()
    view.flags.writeable = False
    return view


def integers(values: npt.ArrayLike, name: str) -> npt.NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise TypeError(f"{name} has shape {array.shape}, {array.dtype}; expected 1-D integers.")
    return array.astype(np.int64)  # a copy that nobody else can change
