"""Arrays of numbers: read, cast, stacked, and looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklstm._checks import check_csr

ONE = "numbers in an array of shape (n_steps, n_features), or (n_steps,) if univariate"


def numbers_of(data: Any, where: str) -> Any:
    """An array or a sparse matrix of real numbers."""
    if not sparse.issparse(data):
        data = array_of(data, where)
        try:
            if data.dtype == object:  # numbers, or the arrays of numbers of nested columns
                data = np.array(data.tolist())
            if data.dtype == object:
                data = data.astype(np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{where} cannot be read ({error}); expected {ONE}.") from error
    if data.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {where} is of dtype {data.dtype}.")
    if data.dtype.kind not in "biuf":
        raise TypeError(f"{where} is of dtype {data.dtype}; expected {ONE}.")
    return data


def array_of(data: Any, where: str) -> npt.NDArray[Any]:
    if sparse.issparse(data) or isinstance(data, np.ma.MaskedArray):
        found = f"of type {type(data).__name__}"
        raise TypeError(f"{where} is {found}; expected a dense array, masked steps left out.")
    try:
        return np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{where} is no rectangular array ({error}); expected {ONE}.") from error


def float_dtype(arrays: Any) -> np.dtype[Any]:
    """float32 if all are float32 or float16, otherwise float64."""
    single = all(a.dtype.kind == "f" and a.dtype.itemsize <= 4 for a in arrays)
    return np.dtype(np.float32 if single else np.float64)


def cast(values: Any, dtype: npt.DTypeLike, copy: bool = False) -> Any:
    """A C-contiguous array or a canonical CSR array; no copy of what is one already, or always one of CSR."""
    with np.errstate(over="ignore"):  # check_finite finds it
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
    """The values of all parts, one below the other."""
    is_sparse = [sparse.issparse(part) for part in parts]
    if all(is_sparse):
        rows = [part if part.format == "csr" else part.astype(float).tocsr() for part in parts]
        return cast(sparse.vstack(rows, format="csr"), dtype)
    if any(is_sparse):
        i, k = is_sparse.index(True), is_sparse.index(False)
        raise TypeError(f"{name}[{i}] is sparse, {name}[{k}] not; expected all of one kind.")
    columns = [part if part.ndim == 2 else part[:, np.newaxis] for part in parts]
    flat = np.empty((sum(map(len, columns)), columns[0].shape[1]), dtype=dtype)
    with np.errstate(over="ignore"):  # check_finite finds it
        return np.concatenate(columns, out=flat, casting="same_kind")


def missing(labels: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where there is NaN, NaT or None."""
    missing = labels != labels
    return missing | (labels == np.array(None)) if labels.dtype == object else missing


def is_nested(part: npt.NDArray[Any]) -> bool:
    """Whether it is an array of arrays, as nested columns give them."""
    return part.dtype == object and part.ndim == 1 and len(part) > 0 and np.ndim(part[0]) == 1


def check_alike(part: npt.NDArray[Any], first: npt.NDArray[Any], where: str, expected: str) -> None:
    is_text = [array.dtype.kind in "US" for array in (part, first)]
    if part.shape[1:] != first.shape[1:] or is_text[0] != is_text[1]:
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
    return array.astype(np.int64)  # a copy, which nobody else can change
