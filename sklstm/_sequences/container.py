"""`Sequences`, and any container of sequences read as one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from reprlib import repr as short_repr
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklstm._checks import check_offsets, check_sequences
from sklstm._messages import shown
from sklstm._sequences.long import grouped
from sklstm._sequences.numbers import (
    array_of,
    cast,
    float_dtype,
    integers,
    missing,
    numbers_of,
    offsets_of,
    read_only,
    stacked,
)
from sklstm._sequences.reading import array_or_list, check_shapes, from_array, opened, rows_of_steps

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
        values = numbers_of(values, "values")
        if values.ndim != 2 or values.shape[1] == 0:
            expected = "(n_steps, n_features), for one feature values.reshape(-1, 1)"
            raise ValueError(f"values has shape {values.shape}; expected {expected}.")
        own = integers(offsets, "offsets")
        check_offsets(own, values.shape[0])
        self._set(cast(values, float_dtype([values]), copy), own)
        check_finite(self, self, "Sequences")

    @classmethod
    def from_lengths(cls, values: Any, lengths: npt.ArrayLike) -> Sequences:
        """Make sequences from their stacked steps and the number of steps of each."""
        values = numbers_of(values, "values")
        n_steps = values.shape[0] if values.ndim else 0
        lengths = integers(lengths, "lengths")
        bad = np.flatnonzero((lengths < 1) | (lengths > n_steps))
        if len(bad):
            found = f"lengths[{bad[0]}] is {lengths[bad[0]]}"
            raise ValueError(f"{found}; expected 1 to {n_steps}, the rows of values.")
        return cls(values, offsets_of(lengths))

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
        X = numbers_of(X, "X")
        if X.ndim not in (2, 3):
            raise ValueError(f"X has shape {X.shape}; expected a 3-D array, or a 2-D array with n_channels.")
        if X.ndim == 2:
            X = rows_of_steps(X, 1 if n_channels is None else n_channels, "X")
        if lengths is None:
            return as_sequences(X)
        lengths = integers(lengths, "lengths")
        if lengths.shape != X.shape[:1] or (lengths < 1).any() or (lengths > X.shape[1]).any():
            found = short_repr(lengths.tolist())
            raise ValueError(f"lengths are {found}; expected {len(X)} numbers from 1 to {X.shape[1]}.")
        return cls(X[np.arange(X.shape[1]) < lengths[:, np.newaxis]], offsets_of(lengths))

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
        values = [numbers_of(frame[name], f"frame[{name!r}]") for name in features]
        steps = None if time is None else np.asarray(frame[time])
        order, offsets = grouped(np.asarray(frame[id]), steps, "frame")
        return cls(np.column_stack(values)[order], offsets)

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
        return as_sequences([array_of(x, f"X[{i}]").T for i, x in enumerate(opened(X, "X"))])

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
        order, offsets = grouped(ids, steps, "X")
        return cls(numbers_of(X, "X")[order], offsets)

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
        self._values = read_only(values)
        self._offsets = read_only(offsets)
        self._lengths = read_only(np.diff(offsets))

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
        offsets = offsets_of(lengths)
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
    parts = X if isinstance(X, Sequences) else array_or_list(X, name)
    if n_channels is not None and isinstance(parts, np.ndarray) and parts.ndim == 2:
        parts = rows_of_steps(parts, n_channels, name)
    if isinstance(parts, Sequences):
        check_sequences(parts.values, parts.offsets)
        shapes = [(int(length), parts.n_features) for length in parts.lengths[:1]]
    else:
        shapes = [part.shape for part in (parts if isinstance(parts, list) else parts[:1])]
    check_shapes(shapes, name, n_features, reference)
    if dtype is None:
        dtype = parts.dtype if isinstance(parts, Sequences) else float_dtype(parts)
    dtype = np.dtype(dtype)
    if isinstance(parts, Sequences):
        if parts.dtype == dtype:
            return parts
        result = Sequences._trusted(cast(parts.values, dtype), parts.offsets)
    elif isinstance(parts, np.ndarray):
        result = Sequences._trusted(*from_array(cast(parts, dtype), name))
    else:
        offsets = offsets_of([part.shape[0] for part in parts])
        result = Sequences._trusted(stacked(parts, dtype, name), offsets)
    check_finite(result, parts, name)
    return result


def _of_pickle(parts: Any, n_features: int, offsets: Any) -> Sequences:
    """Sequences of a file, which may be damaged: all is checked, but nothing copied without need."""
    if isinstance(parts, tuple):
        parts = sparse.csr_array(parts, shape=(len(parts[2]) - 1, n_features))
    sequences = Sequences.__new__(Sequences)
    sequences._read(parts, offsets, copy=False)
    return sequences


def check_finite(sequences: Sequences, given: Any, name: str) -> None:
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
