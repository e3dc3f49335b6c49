"""`Sequences`, and the conversion of any container to it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from reprlib import repr as short_repr
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklstm._checks import check_choice, check_number, check_offsets, check_sequences
from sklstm._messages import shown
from sklstm._sequences.frames import library_of, names_of, text_names
from sklstm._sequences.long import features_of_long, grouped, labels_by_id, labels_of_steps
from sklstm._sequences.numbers import (
    array_of,
    beside,
    cast,
    float_dtype,
    integers,
    no_numbers,
    numbers_of,
    offsets_of,
    read_only,
    stacked,
    unboxed,
)
from sklstm._sequences.reading import (
    array_or_list,
    check_shapes,
    from_array,
    opened,
    padded_lengths,
    plain,
    rows_of_steps,
)
from sklstm._sequences.windows import channels_of_targets, check_times, windows

_NO_TABLE = (
    "Sequences cannot be converted to a rectangular array, which is asked for here. Where scikit-learn "
    "checks X as a table, give it the rows of SequencePadder().fit_transform(X) and the LSTM inside "
    "n_channels={}; X.to_padded() is a 3-D array, list(X) a list of arrays (also for targets at every step)."
)
MISSING = (
    "SequenceImputer() in front of the LSTM fills missing values, as does PerTimeStep(imputer) with any "
    "imputer of scikit-learn. Only a 3-D array, or a 2-D array with n_channels, may be padded, by whole "
    "steps of NaN at the end; Sequences.from_padded takes other padding (if columns were shuffled one by "
    "one, use sklstm.permutation_importance)"
)


class Sequences:
    """Sequences of different lengths, stacked in one flat array.

    They behave like a 1-D array of sequences, which scikit-learn can split. They are read-only.

    Parameters
    ----------
    values : array-like, data frame or SciPy sparse matrix of shape (n_steps, n_features)
        The steps of all sequences, stacked: finite numbers, with NaN for missing ones; or objects, such as
        words and dates, with or without numbers, for transformers. A dense array is shared and must not
        change afterwards, unless its layout or dtype has to be converted. A sparse matrix is copied.
    offsets : array-like of int of shape (n_sequences + 1,)
        Sequence i is ``values[offsets[i]:offsets[i + 1]]``. No sequence is empty.
    ids : array-like of shape (n_sequences,), default=None
        Names of the sequences.
    columns : list of str, default=None
        Names of the features; None: the columns of a data frame.

    Attributes
    ----------
    values : ndarray or scipy.sparse.csr_array of shape (n_steps, n_features)
        The dtype is float32 if the steps are float32 or float16, object if they are not numbers, otherwise
        float64. A dense array is C-contiguous. A sparse array has sorted column indices without duplicates;
        its index arrays are int32 if they fit, otherwise int64.
    offsets : ndarray of int64 of shape (n_sequences + 1,)
    ids : ndarray of shape (n_sequences,) or None
    columns : ndarray of str of shape (n_features,) or None
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

    def __init__(self, values: Any, offsets: npt.ArrayLike, *, ids: Any = None, columns: Any = None) -> None:
        self._read(values, offsets, ids, columns, copy=True)

    def _read(self, values: Any, offsets: npt.ArrayLike, ids: Any, columns: Any, copy: bool) -> None:
        """Check and store the parts; `copy` a CSR matrix, because SciPy rearranges its arrays in place."""
        if columns is None and library_of(values):
            columns = text_names(names_of(values))
        values = numbers_of(values, "values", mixed=True)
        if values.ndim != 2 or values.shape[1] == 0:
            expected = "(n_steps, n_features), for one feature values.reshape(-1, 1)"
            raise ValueError(f"values has shape {values.shape}; expected {expected}.")
        own = integers(offsets, "offsets")
        check_offsets(own, values.shape[0])
        dtype = values.dtype if values.dtype == object else float_dtype([values])
        ids, columns = _ids(ids, len(own) - 1), _columns(columns, values.shape[1])
        self._set(cast(values, dtype, copy), own, ids, columns)
        check_finite(self, self, "Sequences", allow_nan=True)

    @classmethod
    def from_lengths(cls, values: Any, lengths: npt.ArrayLike) -> Sequences:
        """Make sequences from their stacked steps and the number of steps of each."""
        columns = text_names(names_of(values)) if library_of(values) else None
        values = numbers_of(values, "values", mixed=True)
        n_steps = values.shape[0] if values.ndim else 0
        lengths = integers(lengths, "lengths")
        bad = np.flatnonzero((lengths < 1) | (lengths > n_steps))
        if len(bad):
            found = f"lengths[{bad[0]}] is {lengths[bad[0]]}"
            raise ValueError(f"{found}; expected 1 to {n_steps}, the rows of values.")
        if lengths.sum() != n_steps:
            raise ValueError(f"lengths sum to {lengths.sum()}; expected {n_steps}, the rows of values.")
        return cls(values, offsets_of(lengths), columns=columns)

    @classmethod
    def from_padded(
        cls,
        X: Any,
        lengths: Any = None,
        *,
        n_channels: int | None = None,
        padding_value: float = np.nan,
        padding_side: str = "right",
    ) -> Sequences:
        """Make sequences from a padded array.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps, n_features) or (n_sequences, n_steps * n_channels)
            The steps of each sequence, and its padding. Masked elements of a masked array are NaN.
        lengths : array-like of int of shape (n_sequences,), default=None
            Number of steps of each sequence; the padding may be any number. None: steps on the side of the
            padding whose features all equal `padding_value` are padding.
        n_channels : int, default=None
            For a 2-D array: numbers per time step in a row, all of step 0 first. None means 1.
        padding_value : float, default=NaN
            Value of the padding, for example 0; not needed with `lengths`.
        padding_side : {"right", "left"}, default="right"
            Whether the padding follows a sequence or comes before it.

        Examples
        --------
        >>> from sklstm import Sequences
        >>> X = Sequences.from_padded([[1, 2, 0], [3, 4, 5]], lengths=[2, 3])
        >>> X.lengths
        array([2, 3])
        >>> Sequences.from_padded([[0, 0, 7]], padding_value=0, padding_side="left")[0]
        array([[7.]])
        """
        check_choice("padding_side", padding_side, ("right", "left"))
        if not isinstance(padding_value, float) or padding_value == padding_value:
            check_number("padding_value", padding_value, text="NaN or ")
        X = numbers_of(plain(X), "X")
        if X.ndim not in (2, 3):
            raise ValueError(f"X has shape {X.shape}; expected a 3-D array, or a 2-D array with n_channels.")
        if X.ndim == 2:
            X = rows_of_steps(X, 1 if n_channels is None else n_channels, "X")
        from_end = X if padding_side == "right" else X[:, ::-1]
        if lengths is None:
            lengths = padded_lengths(from_end, padding_value, "X")
        else:
            lengths = integers(lengths, "lengths")
            if lengths.shape != X.shape[:1] or (lengths < 1).any() or (lengths > X.shape[1]).any():
                found = short_repr(lengths.tolist())
                raise ValueError(f"lengths are {found}; expected {len(X)} numbers from 1 to {X.shape[1]}.")
        is_step = np.arange(X.shape[1]) < lengths[:, np.newaxis]
        return cls(X[is_step if padding_side == "right" else is_step[:, ::-1]], offsets_of(lengths))

    @classmethod
    def from_long(
        cls, frame: Any, *, id: str, time: str | None = None, columns: Any = None, labels: Any = None
    ) -> Any:
        """Make sequences from a long table with one time step per row.

        Parameters
        ----------
        frame : data frame of pandas or polars, pyarrow table, or dict of columns
            The steps of all sequences, in any order. Columns of words or dates are for transformers.
        id : str
            The column with the sequence to which a row belongs. The sequences are in the order in which
            their ids first appear: that of ``pandas.unique(frame[id])``.
        time : str, default=None
            The column by which the steps of a sequence are sorted; None keeps the order of the rows.
        columns : list of str, default=None
            The features. None means all other columns.
        labels : str, dict, Series or DataFrame, default=None
            Targets of the sequences by id, in any order: a dict, a Series or DataFrame indexed by the ids, or
            a data frame with a column `id`; or the name of a column of `frame` that has the target of a
            sequence in each of its rows.

        Returns
        -------
        X : Sequences
            With `ids` and `columns`.
        y : ndarray of shape (n_sequences,) or (n_sequences, n_outputs)
            Targets in the order of X; only with `labels`.

        Examples
        --------
        >>> from sklstm import Sequences
        >>> frame = {"id": ["b", "a", "b"], "t": [2, 1, 1], "x": [0.2, 0.5, 0.1]}
        >>> [x.tolist() for x in Sequences.from_long(frame, id="id", time="t")]
        [[[0.1], [0.2]], [[0.5]]]
        >>> X, y = Sequences.from_long(frame, id="id", time="t", labels={"a": 0, "b": 1})
        >>> X.ids, y
        (array(['b', 'a'], dtype='<U1'), array([1, 0]))
        """
        others = [id, *([] if time is None else [time]), *([labels] if isinstance(labels, str) else [])]
        features = features_of_long(frame, others, columns)
        values = [numbers_of(frame[name], f"frame[{name!r}]", mixed=True) for name in features]
        ids = np.asarray(frame[id])
        order, offsets = grouped(ids, None if time is None else np.asarray(frame[time]), "frame")
        ids = ids[order][offsets[:-1]]
        X = cls(beside(values)[order], offsets, ids=ids, columns=text_names(features))
        if labels is None:
            return X
        if isinstance(labels, str):
            return X, labels_of_steps(np.asarray(frame[labels])[order], ids, X.lengths)
        return X, labels_by_id(labels, ids, id)

    @classmethod
    def from_windows(
        cls, series: Any, length: int, horizon: int = 1, step: int = 1, *, target: Any = None
    ) -> Any:
        """Make sequences from the windows of one or several long series, and targets from what follows them.

        Parameters
        ----------
        series : array of shape (n_steps,) or (n_steps, n_channels), data frame, or list of them
            One series, or several with the same channels, equally spaced in time. Missing values stay NaN. In
            pandas, an index of times must increase.
        length : int
            Number of steps of a window.
        horizon : int, default=1
            Number of steps after a window that are its targets. With 0 there are none, as for a forecast.
        step : int, default=1
            Number of steps from one window to the next. The last window ends as late as possible.
        target : int, str or list of them, default=None
            Channels to forecast; the others are inputs only. Required if there are several channels.

        Returns
        -------
        X : Sequences
            Windows in the order of time, with those of several series mixed, as `TimeSeriesSplit` requires.
            `ids` are the positions of their last steps; with several series, pairs (series, position).
        y : ndarray of shape (n_windows,) or (n_windows, horizon * n_targets)
            The values after each window, all targets of the first step ahead first; only if `horizon` is not
            0. Windows with a missing target are left out. Nothing is padded or filled in.

        Notes
        -----
        With ``TimeSeriesSplit(gap=...)``, the targets of training windows do not reach into the steps that
        the test windows forecast if ``gap >= (horizon - 1) / step`` windows for each series.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import Sequences
        >>> X, y = Sequences.from_windows(np.arange(6.0), length=3, horizon=2)
        >>> X[0].ravel(), y
        (array([0., 1., 2.]), array([[3., 4.],
               [4., 5.]]))
        >>> Sequences.from_windows(np.arange(6.0), length=3, horizon=0)[-1].ravel()
        array([3., 4., 5.])
        """
        several = isinstance(series, (list, tuple, cls)) and np.ndim(series[0]) > 0
        for i, each in enumerate(series if several else [series]):
            check_times(each, f"series[{i}]" if several else "series")
        long = as_sequences(series if several else [series], name="series", allow_nan=True)
        values, offsets = long._dense(), long.offsets
        which, last = windows(offsets, length, horizon, step)
        channels = channels_of_targets(target, long.columns, long.n_features) if horizon else []
        origin = offsets[which] + last
        ahead = values[origin[:, np.newaxis] + np.arange(1, horizon + 1)][:, :, channels]
        y = ahead.reshape(len(origin), horizon * len(channels))
        whole = ~np.isnan(y).any(axis=1)
        rows = origin[whole, np.newaxis] + np.arange(1 - length, 1)
        ids = last[whole]
        if several:
            pairs = zip(which[whole].tolist(), ids.tolist(), strict=True)
            ids = np.fromiter(pairs, dtype=object, count=len(ids))
        X = cls(values[rows.ravel()], offsets_of(np.full(len(rows), length)), ids=ids, columns=long.columns)
        if not horizon:
            return X
        return X, y[whole, 0] if y.shape[1] == 1 else y[whole]

    @classmethod
    def from_aeon(cls, X: Any) -> Sequences:
        """Make sequences from aeon's containers, which are channels first.

        Parameters
        ----------
        X : list of arrays of shape (n_features, n_steps), or array (n_sequences, n_features, n_steps)
            A 2-D array is one univariate sequence per row.
        """
        if isinstance(X, np.ndarray) and X.dtype != object:
            return as_sequences(X.swapaxes(1, 2) if X.ndim == 3 else X, allow_nan=True)
        return as_sequences([array_of(x, f"X[{i}]").T for i, x in enumerate(opened(X, "X"))], allow_nan=True)

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
        values = numbers_of(X, "X", mixed=True)
        return cls(values[order], offsets, ids=ids[order][offsets[:-1]], columns=text_names(names_of(X)))

    def to_padded(self, n_steps: int | None = None) -> npt.NDArray[Any]:
        """Return an array of shape (n_sequences, n_steps, n_features), padded by NaN at the end.

        Parameters
        ----------
        n_steps : int, default=None
            Number of steps of the array. None means that of the longest sequence.
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
        """Return aeon's form: an array (n_sequences, n_features, n_steps) if lengths are equal, or a list."""
        if len(set(self.lengths.tolist())) == 1:
            return self._dense().reshape(len(self), -1, self.n_features).swapaxes(1, 2)
        return [x.T for x in Sequences._trusted(self._dense(), self.offsets)]

    def to_sktime(self) -> Any:
        """Return sktime's data frame with a two-level index; requires pandas."""
        import pandas

        n = np.repeat(np.arange(len(self)), self.lengths)
        steps = np.arange(self.n_steps) - self.offsets[n]
        index = pandas.MultiIndex.from_arrays([n, steps], names=["sequence", "time"])
        columns = [f"x{i}" for i in range(self.n_features)] if self.columns is None else self.columns
        return pandas.DataFrame(self._dense(), index, columns)

    @classmethod
    def _trusted(cls, values: Any, offsets: Any, *, ids: Any = None, columns: Any = None) -> Sequences:
        """Make sequences from parts that are known to be valid."""
        self = cls.__new__(cls)
        self._set(values, offsets, ids, columns)
        return self

    def _set(self, values: Any, offsets: Any, ids: Any, columns: Any) -> None:
        self._values = read_only(values)
        self._offsets = read_only(offsets)
        self._lengths = read_only(np.diff(offsets))
        self._ids = None if ids is None else read_only(ids)
        self._columns = None if columns is None else read_only(columns)
        self._is_finite: bool | None = None  # None: not checked yet

    def _part(self, values: Any, offsets: Any, index: Any) -> Sequences:
        """Some of the sequences, with these values."""
        ids = None if self._ids is None else self._ids[index]
        part = Sequences._trusted(values, offsets, ids=ids, columns=self._columns)
        part._is_finite = self._is_finite or None
        return part

    def _with(self, values: Any, columns: Any = None) -> Sequences:
        """Sequences of the same lengths and ids with other values that are known to be valid."""
        return Sequences(values, self.offsets, ids=self.ids, columns=columns)

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
        """Number of steps of each sequence."""
        return self._lengths

    @property
    def ids(self) -> npt.NDArray[Any] | None:
        """Names of the sequences, or None."""
        return self._ids

    @property
    def columns(self) -> npt.NDArray[np.object_] | None:
        """Names of the features, or None."""
        return self._columns

    @property
    def n_steps(self) -> int:
        """Number of steps of all sequences."""
        return self._values.shape[0]

    @property
    def n_features(self) -> int:
        """Number of features of a time step."""
        return self._values.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the values."""
        return self._values.dtype

    @property
    def is_sparse(self) -> bool:
        """Whether the values are a CSR array."""
        return bool(sparse.issparse(self._values))

    @property
    def shape(self) -> tuple[int]:
        """(n_sequences,); because of it, scikit-learn indexes with arrays of indices."""
        return (len(self._offsets) - 1,)

    def _dense(self) -> npt.NDArray[Any]:
        return self.values.toarray() if self.is_sparse else self.values

    def __reduce__(self) -> Any:  # returns the arrays, which protocol 5 passes without a copy
        values = self.values
        parts = (values.data, values.indices, values.indptr) if self.is_sparse else values
        return _of_pickle, (parts, self.n_features, self.offsets, self.ids, self.columns)

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
                return self._part(self.values[ends[0] : ends[-1]], ends - ends[0], index)
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
        return self._part(self.values[rows], offsets, index)

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
    allow_nan: bool = False,
    mixed: bool = False,
) -> Sequences:
    """Convert any container to `Sequences`; a TypeError or ValueError says what is wrong and where.

    Parameters
    ----------
    X : Sequences, list, tuple, array, Series, column of lists, or data frame of such columns
        The sequences: any collection of arrays of shape (n_steps, n_features) or (n_steps,), of nested lists,
        data frames, tensors or SciPy sparse matrices; a table with one channel of a sequence per cell; a 3-D
        array, in which trailing steps whose features are all NaN are padding; or a 2-D array with one
        univariate sequence per row.
    n_features : int, default=None
        The expected number of features; None: that of the first sequence.
    n_channels : int, default=None
        If X is 2-D: numbers of one time step in a row, (n_sequences, n_steps * n_channels), and trailing
        steps whose channels are all NaN, or all the largest finite float (for tools that refuse NaN), are
        padding. None: univariate, not padded.
    dtype : {float32, float64}, default=None
        The dtype of the values; None: float32 if all of X is float32 or float16, else float64.
    name, reference : str
        Name of X in messages, and the origin of `n_features` in messages.
    allow_nan : bool
        Whether values may be missing.
    mixed : bool
        Whether the values may be objects: words and dates, with or without numbers.

    Returns
    -------
    Sequences
        X itself if it is `Sequences` of this dtype; otherwise views of X where no copy is needed.
    """
    if isinstance(X, Sequences):
        return _as_asked(X, name, n_features, dtype, reference, allow_nan, mixed)
    if mixed and n_channels is not None and isinstance(X, np.ndarray) and X.ndim == 2:
        X = rows_of_steps(X, n_channels, name)
    parts, columns = array_or_list(X, name, mixed)
    if n_channels is not None and isinstance(parts, np.ndarray) and parts.ndim == 2:
        parts = rows_of_steps(parts, n_channels, name)
    shapes = [part.shape for part in (parts if isinstance(parts, list) else parts[:1])]
    check_shapes(shapes, name, n_features, reference)
    if mixed and any(part.dtype == object for part in (parts if isinstance(parts, list) else [parts])):
        dtype = object
    dtype = float_dtype(parts) if dtype is None else np.dtype(dtype)
    if isinstance(parts, np.ndarray):
        values, offsets = from_array(cast(parts, dtype), name)
    else:
        offsets = offsets_of([part.shape[0] for part in parts])
        values = stacked(parts, dtype, name)
    result = Sequences._trusted(values, offsets, columns=columns)
    check_finite(result, parts, name, allow_nan)
    return result


def _as_asked(
    X: Sequences, name: str, n_features: Any, dtype: Any, reference: str, allow_nan: bool, mixed: bool
) -> Sequences:
    """Convert `Sequences` to this dtype; refuse them if they do not fit the other arguments."""
    check_sequences(X.values, X.offsets)
    check_shapes([(int(length), X.n_features) for length in X.lengths[:1]], name, n_features, reference)
    if X.dtype == object and mixed:
        return X
    values = X.values
    if X.dtype == object:
        values = unboxed(values, name)
        if values.dtype == object:
            raise TypeError(_no_numbers_in(X, name))
    wanted = float_dtype([values]) if dtype is None else np.dtype(dtype)
    if X.dtype == wanted:
        check_finite(X, X, name, allow_nan)
        return X
    result = Sequences._trusted(cast(values, wanted), X.offsets, ids=X.ids, columns=X.columns)
    check_finite(result, X, name, allow_nan)
    return result


def _no_numbers_in(X: Sequences, name: str) -> str:
    """Message about the first sequence with values that are not numbers."""
    i = next(i for i, steps in enumerate(X) if unboxed(steps, name).dtype == object)
    return no_numbers(X[i], f"{name}[{i}]", X.columns)


def _ids(ids: Any, n: int) -> Any:
    """Names of sequences, as a copy."""
    if ids is None:
        return None
    ids = np.array(ids)
    if ids.shape != (n,):
        raise ValueError(f"ids has shape {ids.shape}; expected ({n},), one per sequence.")
    return ids


def _columns(columns: Any, n: int) -> Any:
    """Names of features, as a copy."""
    if columns is None:
        return None
    names = list(columns)
    if len(names) != n or not all(isinstance(name, str) for name in names) or len(set(names)) < n:
        raise ValueError(f"columns are {short_repr(names)}; expected {n} different names, one per feature.")
    return np.array(names, dtype=object)


def _of_pickle(parts: Any, n_features: int, offsets: Any, ids: Any = None, columns: Any = None) -> Sequences:
    """Sequences of a file. It may be damaged, so everything is checked; copies are made only if needed."""
    if isinstance(parts, tuple):
        parts = sparse.csr_array(parts, shape=(len(parts[2]) - 1, n_features))
    sequences = Sequences.__new__(Sequences)
    sequences._read(parts, offsets, ids, columns, copy=False)
    return sequences


def check_finite(sequences: Sequences, given: Any, name: str, allow_nan: bool = False) -> None:
    """Refuse infinity, in the input or from a cast, and NaN if it is not allowed; check only once."""
    if sequences._is_finite or sequences.dtype == object:
        return
    values = sequences.values
    numbers = values.data if sequences.is_sparse else values
    is_good = np.isfinite(numbers)
    sequences._is_finite = bool(is_good.all())
    if sequences._is_finite:
        return
    if allow_nan:
        is_good = ~np.isinf(numbers)
        if is_good.all():
            return
    bad = int(is_good.argmin())
    if sequences.is_sparse:
        row, column = (int(place[bad]) for place in values.tocoo().coords)
    else:
        row, column = divmod(bad, sequences.n_features)
    i = int(np.searchsorted(sequences.offsets, row, side="right")) - 1
    step = row - sequences.offsets[i]
    steps = given[i].toarray() if sequences.is_sparse else np.asarray(given[i])
    found = steps.reshape(len(steps), -1)[step, column]
    place = "" if sequences.columns is None else f" in the column {shown(sequences.columns[column])}"
    if np.isnan(found):
        problem = f"NaN{place}. {MISSING}"
    elif np.isinf(found):
        problem = f"infinity{place}; expected finite numbers"
    else:
        problem = f"{np.abs(found)}{place}, infinity in {values.dtype}; scale the data"
    raise ValueError(f"{name}[{i}] at step {step} contains {problem}.")
