"""Sequences of different lengths: any container in, one flat array and its offsets out.

The only module that knows containers: below it X is a `Sequences`, and there is no padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from itertools import pairwise
from reprlib import repr as short_repr
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklstm._checks import check_csr, check_integer, check_offsets, check_sequences
from sklstm._messages import shown

_ONE = "numbers in an array of shape (n_steps, n_features), or (n_steps,) if univariate"
_ALL = (
    "a list of arrays of shape (n_steps, n_features), a 3-D array of shape (n_sequences, n_steps, "
    "n_features) with NaN for padding, or a 2-D array with one univariate sequence a row"
)
LARGEST = (np.finfo(np.float32).max, np.finfo(np.float64).max)
_NO_TABLE = (
    "Sequences are no rectangular array, which is what is asked for here. Where scikit-learn checks X as "
    "a table, give it the rows of SequencePadder().fit_transform(X) and the LSTM inside n_channels={}; "
    "X.to_padded() is a 3-D array, list(X) a list of arrays (also for targets at every step)."
)


class Sequences:
    """Sequences of different lengths, stacked in one flat array.

    Behaves like a 1-D array of sequences, which scikit-learn can split. Read-only once checked.

    Parameters
    ----------
    values : array-like or SciPy sparse matrix of shape (n_steps, n_features)
        The steps of all sequences, stacked; finite. A dense array is shared, and must not change afterwards,
        unless layout or dtype have to be others. A sparse matrix is copied.
    offsets : array-like of int of shape (n_sequences + 1,)
        Sequence i is ``values[offsets[i]:offsets[i + 1]]``. No sequence is empty.

    Attributes
    ----------
    values : ndarray or scipy.sparse.csr_array of shape (n_steps, n_features)
        float32 if given as float32 or float16, otherwise float64. Dense: C-contiguous. Sparse:
        column indices sorted and without duplicates, index arrays of int32 if they fit, else int64.
    offsets : ndarray of int64 of shape (n_sequences + 1,)
    lengths : ndarray of int64 of shape (n_sequences,)
    n_steps, n_features : int
    dtype : numpy.dtype
    is_sparse : bool
    shape : tuple, (n_sequences,)

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import Sequences
    >>> X = Sequences(np.arange(10.0).reshape(5, 2), offsets=[0, 2, 5])
    >>> X
    <Sequences: 2 of 2 to 3 steps, 2 features, float64 ndarray>
    >>> X[0]
    array([[0., 1.],
           [2., 3.]])
    >>> X[[1, 0, 1]].lengths
    array([3, 2, 3])
    """

    def __init__(self, values: Any, offsets: npt.ArrayLike) -> None:
        self._read(values, offsets, copy=True)

    def _read(self, values: Any, offsets: npt.ArrayLike, copy: bool) -> None:
        """Take values and offsets, checked; `copy` a CSR matrix, whose arrays SciPy rearranges in place."""
        values = _numbers(values, "values")
        if values.ndim != 2 or values.shape[1] == 0:
            expected = "(n_steps, n_features), for one feature values.reshape(-1, 1)"
            raise ValueError(f"values has shape {values.shape}; expected {expected}.")
        own = _integers(offsets, "offsets")
        check_offsets(own, values.shape[0])
        self._set(_cast(values, _float_dtype([values]), copy), own)
        _check_finite(self, self, "Sequences")

    @classmethod
    def from_lengths(cls, values: Any, lengths: npt.ArrayLike) -> Sequences:
        """Make sequences from their stacked steps and the number of steps of each."""
        values = _numbers(values, "values")
        n_steps = values.shape[0] if values.ndim else 0
        lengths = _integers(lengths, "lengths")
        bad = np.flatnonzero((lengths < 1) | (lengths > n_steps))
        if len(bad):
            found = f"lengths[{bad[0]}] is {lengths[bad[0]]}"
            raise ValueError(f"{found}; expected 1 to {n_steps}, the rows of values.")
        return cls(values, _offsets(lengths))

    @classmethod
    def from_padded(cls, X: Any, lengths: Any = None, *, n_channels: int | None = None) -> Sequences:
        """Make sequences from an array that is padded at the end.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps, n_features) or (n_sequences, n_steps * n_channels)
            The steps of a sequence, then its padding.
        lengths : array-like of int of shape (n_sequences,), default=None
            Number of steps of each; the rest may be any number. None: trailing steps whose features are
            all NaN are padding.
        n_channels : int, default=None
            Numbers of one time step in a row of a 2-D array, all of step 0 first; None: 1.

        Examples
        --------
        >>> from sklstm import Sequences
        >>> X = Sequences.from_padded([[1, 2, 0], [3, 4, 5]], lengths=[2, 3])
        >>> X.lengths
        array([2, 3])
        """
        X = _numbers(X, "X")
        if X.ndim not in (2, 3):
            raise ValueError(f"X has shape {X.shape}; expected a 3-D array, or a 2-D array with n_channels.")
        if X.ndim == 2:
            X = _rows(X, 1 if n_channels is None else n_channels, "X")
        if lengths is None:
            return as_sequences(X)
        lengths = _integers(lengths, "lengths")
        if lengths.shape != X.shape[:1] or (lengths < 1).any() or (lengths > X.shape[1]).any():
            found = short_repr(lengths.tolist())
            raise ValueError(f"lengths are {found}; expected {len(X)} numbers from 1 to {X.shape[1]}.")
        return cls(X[np.arange(X.shape[1]) < lengths[:, np.newaxis]], _offsets(lengths))

    @classmethod
    def from_long(cls, frame: Any, *, id: str, time: str | None = None, columns: Any = None) -> Sequences:
        """Make sequences from a long table: one time step a row.

        Parameters
        ----------
        frame : data frame of pandas or polars, pyarrow table, or dict of columns
            The steps of all sequences, in any order.
        id : str
            The column that says to which sequence a row belongs. The sequences come in the order in
            which their ids first appear: that of ``pandas.unique(frame[id])``.
        time : str, default=None
            The column by which the steps of a sequence are sorted; None: they stay in the order of the rows.
        columns : list of str, default=None
            The features; None: all other columns.

        Examples
        --------
        >>> from sklstm import Sequences
        >>> frame = {"id": ["b", "a", "b"], "t": [2, 1, 1], "x": [0.2, 0.5, 0.1]}
        >>> [x.tolist() for x in Sequences.from_long(frame, id="id", time="t")]
        [[[0.1], [0.2]], [[0.5]]]
        """
        names = list(getattr(frame, "column_names", frame.columns if hasattr(frame, "columns") else frame))
        keys = [id] if time is None else [id, time]
        features = [name for name in names if name not in keys] if columns is None else list(columns)
        unknown = [name for name in [*keys, *features] if name not in names]
        if unknown or not features:
            asked = f"the column {shown(unknown[0])}" if unknown else "a column of features"
            raise ValueError(f"frame has not {asked}; its columns are {short_repr(names)}.")
        values = [_numbers(frame[name], f"frame[{name!r}]") for name in features]
        steps = None if time is None else np.asarray(frame[time])
        return _grouped(np.column_stack(values), np.asarray(frame[id]), steps, "frame")

    @classmethod
    def from_aeon(cls, X: Any) -> Sequences:
        """Make sequences from aeon's containers, which are channels first.

        Parameters
        ----------
        X : list of arrays of shape (n_features, n_steps), or array (n_sequences, n_features, n_steps)
            A 2-D array is one univariate sequence a row.
        """
        if isinstance(X, np.ndarray) and X.dtype != object:
            return as_sequences(X.swapaxes(1, 2) if X.ndim == 3 else X)
        return as_sequences([_as_array(x, f"X[{i}]").T for i, x in enumerate(_opened(X, "X"))])

    @classmethod
    def from_sktime(cls, X: Any) -> Sequences:
        """Make sequences from a data frame of sktime, one row per time step.

        Parameters
        ----------
        X : pandas.DataFrame
            Its index has two levels, sequence and time ("pd-multiindex"); its columns are the features.
        """
        index: Any = getattr(X, "index", None)
        if getattr(index, "nlevels", 1) != 2:
            expected = "a data frame whose index has two levels, sequence and time"
            raise TypeError(
                f"X is of type {type(X).__name__}; expected {expected} (pd-multiindex of sktime)."
            )
        ids, steps = (np.asarray(index.get_level_values(level)) for level in (0, 1))
        return _grouped(_numbers(X, "X"), ids, steps, "X")

    def to_padded(self, n_steps: int | None = None) -> npt.NDArray[Any]:
        """Give an array of shape (n_sequences, n_steps, n_features), padded by NaN at the end.

        Parameters
        ----------
        n_steps : int, default=None
            None: those of the longest sequence.
        """
        longest = int(self.lengths.max(initial=1))
        n_steps = longest if n_steps is None else n_steps
        if n_steps < longest:
            i = int(self.lengths.argmax())
            raise ValueError(f"sequence {i} has {longest} steps; expected at most n_steps={n_steps}.")
        padded = np.full((len(self), n_steps, self.n_features), np.nan, dtype=self.dtype)
        padded[np.arange(n_steps) < self.lengths[:, np.newaxis]] = self._dense()
        return padded

    def to_aeon(self) -> npt.NDArray[Any] | list[npt.NDArray[Any]]:
        """Give aeon's form: an array (n_sequences, n_features, n_steps) if lengths are equal, else a list."""
        if len(set(self.lengths.tolist())) == 1:
            return self._dense().reshape(len(self), -1, self.n_features).swapaxes(1, 2)
        return [x.T for x in Sequences._trusted(self._dense(), self.offsets)]

    def to_sktime(self) -> Any:
        """Give sktime's multi-index data frame; needs pandas."""
        import pandas

        n = np.repeat(np.arange(len(self)), self.lengths)
        steps = np.arange(self.n_steps) - self.offsets[n]
        index = pandas.MultiIndex.from_arrays([n, steps], names=["sequence", "time"])
        return pandas.DataFrame(self._dense(), index, [f"x{i}" for i in range(self.n_features)])

    @classmethod
    def _trusted(cls, values: Any, offsets: npt.NDArray[np.int64]) -> Sequences:
        """Make sequences from parts that are known to be valid."""
        self = cls.__new__(cls)
        self._set(values, offsets)
        return self

    def _set(self, values: Any, offsets: npt.NDArray[np.int64]) -> None:
        self._values = _read_only(values)
        self._offsets = _read_only(offsets)
        self._lengths = _read_only(np.diff(offsets))

    @property
    def values(self) -> Any:
        """Steps of all sequences, stacked."""
        return self._values

    @property
    def offsets(self) -> npt.NDArray[np.int64]:
        """Sequence i is ``values[offsets[i]:offsets[i + 1]]``."""
        return self._offsets

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Steps of each sequence."""
        return self._lengths

    @property
    def n_steps(self) -> int:
        """Steps of all sequences."""
        return self._values.shape[0]

    @property
    def n_features(self) -> int:
        """Features of a time step."""
        return self._values.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values."""
        return self._values.dtype

    @property
    def is_sparse(self) -> bool:
        """Whether the values are a CSR array."""
        return bool(sparse.issparse(self._values))

    @property
    def shape(self) -> tuple[int]:
        """(n_sequences,): with it, scikit-learn indexes the whole at once."""
        return (len(self._offsets) - 1,)

    def _dense(self) -> npt.NDArray[Any]:
        return self.values.toarray() if self.is_sparse else self.values

    def __reduce__(self) -> Any:  # the arrays themselves, which protocol 5 passes without a copy
        values = self.values
        parts = (values.data, values.indices, values.indptr) if self.is_sparse else values
        return _of_pickle, (parts, self.n_features, self.offsets)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise ValueError(_NO_TABLE.format(self.n_features))

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self.values[start:stop] for start, stop in pairwise(self.offsets.tolist()))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, tuple) and len(index) == 2 and index[1] is Ellipsis:
            index = index[0]  # scikit-learn writes X[index, ...]
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step == 1:
                ends = self.offsets[start : max(start, stop) + 1]
                return Sequences._trusted(self.values[ends[0] : ends[-1]], ends - ends[0])
            index = np.arange(start, stop, step)
        if np.ndim(index) == 0:
            i = range(len(self))[index]
            return self.values[self.offsets[i] : self.offsets[i + 1]]
        if isinstance(index, tuple) or np.ndim(index) > 1:
            raise IndexError(f"expected one index, got {short_repr(index)}")
        index = np.asarray(index, dtype=None if len(index) else np.intp)
        lengths = self.lengths[index]
        offsets = _offsets(lengths)
        rows = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1][index] - offsets[:-1], lengths)
        return Sequences._trusted(self.values[rows], offsets)

    def __repr__(self) -> str:
        steps = f" of {self.lengths.min()} to {self.lengths.max()} steps" if len(self) else ""
        kind = f"{self.dtype} {type(self.values).__name__}"
        return f"<Sequences: {len(self)}{steps}, {self.n_features} features, {kind}>"


def as_sequences(
    X: Any,
    *,
    name: str = "X",
    n_features: int | None = None,
    n_channels: int | None = None,
    dtype: npt.DTypeLike | None = None,
    reference: str = "fit",
) -> Sequences:
    """Read any container of sequences; a TypeError or ValueError says what is wrong and where.

    Parameters
    ----------
    X : Sequences, list, tuple, array, Series or column of lists
        The sequences: any collection of arrays of shape (n_steps, n_features) or (n_steps,), of
        nested lists or of SciPy sparse matrices; a 3-D array, in which trailing steps whose
        features are all NaN are padding; a 2-D array with one univariate sequence a row.
    n_features : int, default=None
        The number of features expected; None: that of the first sequence.
    n_channels : int, default=None
        If X is 2-D: numbers of one time step in a row, (n_sequences, n_steps * n_channels), and trailing
        steps whose channels are all NaN, or all the largest finite float (for tools that refuse NaN), are
        padding. None: univariate, not padded.
    dtype : {float32, float64}, default=None
        The dtype of the values; None: float32 if all of X is float32 or float16, else float64.
    name, reference : str
        What the messages call X, and where they say that `n_features` comes from.

    Returns
    -------
    Sequences
        X itself if it is one of that dtype; views of X where no copy is needed.
    """
    parts = X if isinstance(X, Sequences) else _array_or_list(X, name)
    if n_channels is not None and isinstance(parts, np.ndarray) and parts.ndim == 2:
        parts = _rows(parts, n_channels, name)
    if isinstance(parts, Sequences):
        check_sequences(parts.values, parts.offsets)
        shapes = [(int(length), parts.n_features) for length in parts.lengths[:1]]
    else:
        shapes = [part.shape for part in (parts if isinstance(parts, list) else parts[:1])]
    _check_shapes(shapes, name, n_features, reference)
    if dtype is None:
        dtype = parts.dtype if isinstance(parts, Sequences) else _float_dtype(parts)
    dtype = np.dtype(dtype)
    if isinstance(parts, Sequences):
        if parts.dtype == dtype:
            return parts
        result = Sequences._trusted(_cast(parts.values, dtype), parts.offsets)
    elif isinstance(parts, np.ndarray):
        result = _from_array(_cast(parts, dtype), name)
    else:
        offsets = _offsets([part.shape[0] for part in parts])
        result = Sequences._trusted(_stacked(parts, dtype, name), offsets)
    _check_finite(result, parts, name)
    return result


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
            X = _rows(X, n_channels, name)
        opened = [list(x) if isinstance(x, str) else x for x in _opened(X, name)]
        parts = [_as_array(x, f"{name}[{i}]") for i, x in enumerate(opened)]
        parts = [np.array(part.tolist()) if _is_nested(part) else part for part in parts]
        if not parts:
            raise ValueError(f"{name} has 0 sequences, 0 sample(s), while a minimum of 1 is required.")
        for i, part in enumerate(parts):
            if part.ndim not in (1, 2) or not part.size:
                expected = "symbols in an array of shape (n_steps,) or (n_steps, n_features)"
                raise ValueError(f"{name}[{i}] has shape {part.shape}; expected {expected}.")
            _check_alike(part, parts[0], f"{name}[{i}]", f"the kind and n_features of {name}[0]")
        flat = np.concatenate(parts).reshape(sum(map(len, parts)), -1)
        offsets = _offsets([len(part) for part in parts])
    if _missing(flat).any():
        row = int(_missing(flat).any(axis=1).argmax())
        i = int(np.searchsorted(offsets, row, side="right")) - 1
        raise ValueError(f"{name}[{i}] has no symbol at step {row - offsets[i]}, {flat[row]}; fill it.")
    if flat.dtype.kind == "f" and (flat == np.rint(flat)).all():
        flat = flat.astype(np.int64)
    return flat, offsets


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


def is_table(X: Any) -> bool:
    """Whether X is 2-D, numbers in rows and columns, and not a list of sequences.

    A list of lists of numbers, all equally long, is a table: so scikit-learn reads it.
    """
    if isinstance(X, list | tuple):
        rows = all(isinstance(row, list | tuple) and len(row) for row in X)
        return rows and len({len(row) for row in X}) == 1 and np.ndim(X[0][0]) == 0
    if isinstance(X, Sequences) or sparse.issparse(X):
        return False
    shape = getattr(X, "shape", None)
    if shape is None and hasattr(X, "__array__") and not hasattr(X, "__len__"):
        shape = np.asarray(X).shape
    if shape is None or len(shape) != 2:
        return False
    if shape[0] and shape[1] == 1 and hasattr(X, "__array__"):  # is it a column of sequences?
        return np.ndim(np.asarray(X)[0, 0]) == 0
    return True


def _is_nested(part: npt.NDArray[Any]) -> bool:
    """Whether it is an array of arrays, as nested columns give them."""
    return part.dtype == object and part.ndim == 1 and len(part) > 0 and np.ndim(part[0]) == 1


def _check_alike(part: npt.NDArray[Any], first: npt.NDArray[Any], where: str, expected: str) -> None:
    is_text = [array.dtype.kind in "US" for array in (part, first)]
    if part.shape[1:] != first.shape[1:] or is_text[0] != is_text[1]:
        found = f"of {part.dtype} and shape {part.shape}"
        raise ValueError(f"{where} is {found}; expected {expected}, {first.dtype} {first.shape}.")


def _of_pickle(parts: Any, n_features: int, offsets: Any) -> Sequences:
    """Sequences of a file, which may be damaged: all is checked, but nothing copied without need."""
    if isinstance(parts, tuple):
        parts = sparse.csr_array(parts, shape=(len(parts[2]) - 1, n_features))
    sequences = Sequences.__new__(Sequences)
    sequences._read(parts, offsets, copy=False)
    return sequences


def split_steps(flat: npt.NDArray[Any], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.object_]:
    """Undo the stacking: a 1-D object array with a view of `flat` for each sequence."""
    pieces = np.empty(len(offsets) - 1, dtype=object)
    for i, (start, stop) in enumerate(pairwise(offsets.tolist())):
        pieces[i] = flat[start:stop]  # one by one: equal lengths would make a 2-D array
    return pieces


def _array_or_list(X: Any, name: str) -> Any:
    """X as a 2-D or 3-D array of numbers, or as a list of `_steps`."""
    X = _opened(X, name)
    if not isinstance(X, np.ndarray) or (X.dtype == object and X.ndim):
        return [_steps(element, f"{name}[{i}]") for i, element in enumerate(X)]
    X = _numbers(X, name)
    if X.ndim in (2, 3):
        return X
    remedy = f"Reshape your data: one sequence alone is [{name}]"
    raise ValueError(f"{name} has shape {X.shape}; expected {_ALL}. {remedy}.")


def _opened(X: Any, name: str) -> Any:
    """Any container as an array, a list or a tuple of its elements."""
    if sparse.issparse(X):
        remedy = "pass a list with one sparse matrix a sequence, or Sequences(matrix, offsets)"
        raise TypeError(f"{name} is one sparse matrix where dense data is required; {remedy}.")
    known = hasattr(X, "__array__") or (hasattr(X, "__len__") and hasattr(X, "__iter__"))
    if not known or isinstance(X, (str, bytes, Mapping, Set, np.ma.MaskedArray)):
        remedy = f" Make a list of it: list({name})." if hasattr(X, "__next__") else ""
        raise TypeError(f"{name} is of type {type(X).__name__}; expected {_ALL}.{remedy}")
    if isinstance(X, (list, tuple)):
        return X
    try:
        X = np.asarray(X)
    except (TypeError, ValueError):  # awkward arrays have __array__ but refuse to be ragged
        return list(X)
    if X.ndim == 2 and X.size and np.ndim(X[0, 0]):
        if X.shape[1] > 1:
            raise ValueError(f"{name} is a table of arrays, {X.shape}; expected {_ALL}.")
        return X[:, 0]  # a data frame whose one column holds the sequences
    return X


def _steps(element: Any, where: str) -> Any:
    """One sequence as a numeric array, (n_steps,) or (n_steps, n_features), or sparse matrix."""
    steps = _numbers(element, where)
    if steps.ndim == 2 or (steps.ndim == 1 and not sparse.issparse(steps)):
        return steps
    found = f"has shape {steps.shape}" if steps.ndim else f"is {shown(element)}"
    remedy = "Reshape your data: one sequence alone is a list with one array"
    raise ValueError(f"{where} {found}; expected {_ONE}. {remedy}.")


def _numbers(data: Any, where: str) -> Any:
    """An array or a sparse matrix of real numbers."""
    if not sparse.issparse(data):
        data = _as_array(data, where)
        try:
            if data.dtype == object:  # numbers, or the arrays of numbers of nested columns
                data = np.array(data.tolist())
            if data.dtype == object:
                data = data.astype(np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{where} cannot be read ({error}); expected {_ONE}.") from error
    if data.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {where} is of dtype {data.dtype}.")
    if data.dtype.kind not in "biuf":
        raise TypeError(f"{where} is of dtype {data.dtype}; expected {_ONE}.")
    return data


def _as_array(data: Any, where: str) -> npt.NDArray[Any]:
    if sparse.issparse(data) or isinstance(data, np.ma.MaskedArray):
        found = f"of type {type(data).__name__}"
        raise TypeError(f"{where} is {found}; expected a dense array, masked steps left out.")
    try:
        return np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{where} is no rectangular array ({error}); expected {_ONE}.") from error


def _float_dtype(arrays: Any) -> np.dtype[Any]:
    """float32 if all are float32 or float16, otherwise float64."""
    single = all(a.dtype.kind == "f" and a.dtype.itemsize <= 4 for a in arrays)
    return np.dtype(np.float32 if single else np.float64)


def _cast(values: Any, dtype: npt.DTypeLike, copy: bool = False) -> Any:
    """A C-contiguous array or a canonical CSR array; no copy of what is one already, or always one of CSR."""
    with np.errstate(over="ignore"):  # _check_finite finds it
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


def _stacked(parts: list[Any], dtype: npt.DTypeLike, name: str) -> Any:
    """The values of all parts, one below the other."""
    is_sparse = [sparse.issparse(part) for part in parts]
    if all(is_sparse):
        rows = [part if part.format == "csr" else part.astype(float).tocsr() for part in parts]
        return _cast(sparse.vstack(rows, format="csr"), dtype)
    if any(is_sparse):
        i, k = is_sparse.index(True), is_sparse.index(False)
        raise TypeError(f"{name}[{i}] is sparse, {name}[{k}] not; expected all of one kind.")
    columns = [part if part.ndim == 2 else part[:, np.newaxis] for part in parts]
    flat = np.empty((sum(map(len, columns)), columns[0].shape[1]), dtype=dtype)
    with np.errstate(over="ignore"):  # _check_finite finds it
        return np.concatenate(columns, out=flat, casting="same_kind")


def _from_array(X: npt.NDArray[Any], name: str) -> Sequences:
    """Sequences of a 2-D or a NaN-padded 3-D array of floats."""
    lengths = np.full(X.shape[0], X.shape[1])
    if X.ndim == 2 or not np.isnan(X[:, -1]).all(axis=1).any():
        return Sequences._trusted(X.reshape(lengths.sum(), -1), _offsets(lengths))
    is_step = ~np.isnan(X).all(axis=2)
    lengths = (is_step * np.arange(1, X.shape[1] + 1)).max(axis=1)
    if 0 in lengths:
        raise ValueError(f"{name}[{lengths.argmin()}] is all NaN, without a step; leave it out.")
    return Sequences._trusted(X[np.arange(X.shape[1]) < lengths[:, np.newaxis]], _offsets(lengths))


def _missing(labels: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where there is NaN, NaT or None."""
    missing = labels != labels
    return missing | (labels == np.array(None)) if labels.dtype == object else missing


def _rows(X: npt.NDArray[Any], n_channels: Any, name: str) -> npt.NDArray[Any]:
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


def _grouped(values: Any, ids: Any, steps: Any, name: str) -> Sequences:
    """Sequences of the rows of `values` with the same id, sorted by `steps`."""
    for key, kind in ((ids, "id"), (steps, "time")):
        if key is not None and _missing(key).any():
            raise ValueError(f"{name} has no {kind} in row {_missing(key).argmax()}; leave the row out.")
    _, first, codes = np.unique(ids, return_index=True, return_inverse=True)
    codes = first.argsort().argsort()[codes.reshape(-1)]  # in the order of first appearance
    if steps is None:
        order = codes.argsort(kind="stable")
    else:
        order = np.lexsort((np.unique(steps, return_inverse=True)[1].reshape(-1), codes))
        same = (codes[order][1:] == codes[order][:-1]) & (steps[order][1:] == steps[order][:-1])
        if same.any():
            a, b = sorted(order[same.argmax() :][:2].tolist())
            time, key = shown(steps[a]), shown(ids[a])
            raise ValueError(f"{name} has the time {time} twice for {key}, in rows {a} and {b}.")
    return Sequences(values[order], _offsets(np.bincount(codes)))


def _offsets(lengths: npt.ArrayLike) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)], dtype=np.int64)


def _read_only(values: Any) -> Any:
    if sparse.issparse(values):
        parts = map(_read_only, (values.data, values.indices, values.indptr))
        return sparse.csr_array(tuple(parts), shape=values.shape)
    view = values.view()
    view.flags.writeable = False
    return view


def _integers(values: npt.ArrayLike, name: str) -> npt.NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise TypeError(f"{name} has shape {array.shape}, {array.dtype}; expected 1-D integers.")
    return array.astype(np.int64)  # a copy, which nobody else can change


def _check_shapes(shapes: list[Any], name: str, n_features: int | None, reference: str) -> None:
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


def _check_finite(sequences: Sequences, given: Any, name: str) -> None:
    """Refuse NaN and infinity, in what was given or out of a cast."""
    values = sequences.values
    is_finite = np.isfinite(values.data if sequences.is_sparse else values)
    if is_finite.all():
        return
    bad = int(is_finite.argmin())
    row = values.tocoo().row[bad] if sequences.is_sparse else bad // sequences.n_features
    i = int(np.searchsorted(sequences.offsets, row, side="right")) - 1
    step = row - sequences.offsets[i]
    numbers = (given[i].toarray() if sequences.is_sparse else given[i])[step]
    if np.isnan(numbers).any():
        problem = (
            "NaN; fill it. Only a 3-D array, or a 2-D array with n_channels, may be padded, by whole steps "
            "of NaN at the end (columns that are shuffled one by one are not: sklstm.permutation_importance)"
        )
    elif np.isinf(numbers).any():
        problem = "infinity; expected finite numbers"
    else:
        problem = f"{np.abs(numbers).max()}, infinity in {values.dtype}; scale the data"
    raise ValueError(f"{name}[{i}] at step {step} contains {problem}.")
