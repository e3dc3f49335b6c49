"""Transformer from symbols to one-hot sequences."""

import warnings
from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.validation import check_is_fitted

from sklstm._checks import check_n_channels
from sklstm._input import check_names, read_table, remember_shape
from sklstm._messages import shown
from sklstm._preprocessing.base import SequenceTransformer, UnwrappedSequences
from sklstm._sequences import Sequences, as_container, as_sequences, is_table, plain, split_steps
from sklstm._sequences.symbols import check_symbols, read_symbols
from sklstm._typing import Array, Auto

MOST_FRACTIONS = 20  # maximum number of different fractions that can be names of symbols


def _fractions_of(column):
    """Numbers of a column, also numbers as text; an empty list if the column has other values."""
    if column.dtype.kind == "U":
        try:
            return column.astype(float).tolist()
        except ValueError:
            return []
    return [value for value in column.tolist() if isinstance(value, float)]


class SequenceOneHotEncoder(UnwrappedSequences, SequenceTransformer):
    """Encode sequences of symbols as one-hot sequences, by default sparse ones.

    Parameters
    ----------
    categories : "auto" or list of array-like, default="auto"
        A list of symbols for each feature; "auto" means those that occur in `fit`, sorted.
    handle_unknown : {"error", "ignore"}, default="error"
        Whether a symbol that is not in the categories raises an error or becomes all zeros.
    sparse_output : bool, default=True
        Whether the sequences are SciPy CSR arrays; False: dense arrays.
    dtype : dtype, default=float64
        float64 or float32.
    columns : list of str or int, or None, default=None
        Features that are symbols, by name or by index. The other features are numbers; they follow the
        columns of the symbols unchanged. None means that all features are symbols.
    n_channels : int or None, default=None
        As in `LSTMClassifier`: symbols of one time step in a row of a 2-D X.

    Attributes
    ----------
    encoder_ : sklearn.preprocessing.OneHotEncoder
        The encoder of time steps, one per row.
    categories_ : list of ndarray
        The symbols of each feature, in the order of the columns.
    n_features_in_ : int
        Number of features of a time step; for a 2-D X, its number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if the features, or the columns of a 2-D X, have names.

    Examples
    --------
    Strings are sequences of characters; numbers are the names of symbols.

    >>> from sklstm import SequenceOneHotEncoder
    >>> enc = SequenceOneHotEncoder(sparse_output=False).fit(["BTXSE", "BPVE"])
    >>> enc.categories_
    [array(['B', 'E', 'P', 'S', 'T', 'V', 'X'], dtype='<U1')]
    >>> enc.transform(["PE"])[0]
    array([[0., 0., 1., 0., 0., 0., 0.],
           [0., 1., 0., 0., 0., 0., 0.]])
    >>> enc.inverse_transform(enc.transform(["PE"]))
    [array(['P', 'E'], dtype='<U1')]

    Words and numbers in one step:

    >>> enc = SequenceOneHotEncoder(columns=[0], sparse_output=False)
    >>> enc.fit_transform([[["red", 1.5], ["green", 2.5]], [["red", 3.5]]])
    [array([[0. , 1. , 1.5],
           [1. , 0. , 2.5]]), array([[0. , 1. , 3.5]])]
    """

    def __init__(
        self,
        *,
        categories: Auto | Sequence[Any] = "auto",
        handle_unknown: Literal["error", "ignore"] = "error",
        sparse_output: bool = True,
        dtype: npt.DTypeLike = np.float64,
        columns: Sequence[Any] | None = None,
        n_channels: int | None = None,
    ) -> None:
        self.categories = categories
        self.handle_unknown = handle_unknown
        self.sparse_output = sparse_output
        self.dtype = dtype
        self.columns = columns
        self.n_channels = n_channels

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the symbols.

        Parameters
        ----------
        X : sequences
            A container of arrays of symbols of shape (n_steps,) or (n_steps, n_features): strings, or numbers
            that are names. A string is a sequence of characters.
        y : None
            Not used.

        Returns
        -------
        self
        """
        if self.handle_unknown not in ("error", "ignore"):
            raise ValueError(f"handle_unknown must be 'error' or 'ignore', got {shown(self.handle_unknown)}.")
        read = self._read_symbols(X, reset=True)
        self._encoded, self._numbers = self._places(read)
        symbols = read.flat[:, self._encoded]
        check_symbols(symbols, read.offsets, "X")
        if isinstance(self.categories, str):
            self._warn_of_continuous(symbols, read.names)
        encoder = OneHotEncoder(
            categories=self.categories,
            handle_unknown=self.handle_unknown,
            sparse_output=self.sparse_output,
            dtype=self.dtype,
        )
        try:
            self.encoder_ = encoder.fit(symbols)
        except TypeError as error:  # words and numbers cannot be sorted together
            raise TypeError(
                f"X holds symbols of several kinds in one feature: {error}. Convert it to one kind, for "
                "example x.astype(str)."
            ) from error
        self.categories_ = self.encoder_.categories_
        return self

    def _read_symbols(self, X, reset):
        check_n_channels(self.n_channels)
        n_columns = None
        X = plain(X)
        if is_table(X):
            X = read_table(self, X, reset, mixed=True)
            n_columns = X.shape[1]
        read = read_symbols(X, n_channels=self.n_channels)
        n_features = read.flat.shape[1]
        expected, reference = (self.n_channels, "n_channels") if reset else (self._n_channels_in, "fit")
        if expected not in (None, n_features):
            raise ValueError(
                f"X has {n_features} symbols per time step; expected {expected} as in {reference}."
            )
        if reset:
            self._n_channels_in = n_features
            remember_shape(self, n_columns, n_features, read.names)
        elif n_columns is None:
            check_names(self, read.names)
        return read

    def _places(self, read):
        """Indices of the features that are symbols, and of those that are numbers."""
        n_features = read.flat.shape[1]
        if self.columns is None:
            return list(range(n_features)), []
        names = [] if read.names is None else read.names.tolist()
        places = []
        for each in [self.columns] if isinstance(self.columns, str | int) else self.columns:
            if isinstance(each, str) and each in names:
                places.append(names.index(each))
            elif isinstance(each, int | np.integer) and each is not True and 0 <= each < n_features:
                places.append(int(each))
            else:
                known = names or f"0 to {n_features - 1}"
                raise ValueError(f"columns must be some of the features of X, {known}, got {shown(each)}.")
        if len(set(places)) < len(places) or not places:
            raise ValueError(f"columns must hold each feature once, at least one, got {shown(self.columns)}.")
        return places, [i for i in range(n_features) if i not in places]

    def _warn_of_continuous(self, symbols, names):
        """Warn if a feature has many fractions, perhaps as text: its values are probably not symbols."""
        for place, column in zip(self._encoded, symbols.T, strict=True):
            numbers = _fractions_of(column)
            fractions = [number for number in numbers if number % 1 > 0]
            if len(set(fractions)) > min(MOST_FRACTIONS, len(column) / 2):
                name = place if names is None else names[place]
                others = [i if names is None else names[i] for i in self._encoded if i != place]
                remedy = (
                    f"SequenceOneHotEncoder(columns={others}) leaves it as it is"
                    if others
                    else "numbers need no encoder"
                )
                warnings.warn(
                    f"The feature {shown(name)} of X has {len(set(numbers))} different numbers, such as "
                    f"{fractions[0]:.4g}, each of which becomes a symbol: {remedy}.",
                    UserWarning,
                    stacklevel=3,
                )

    def _transform(self, X):
        check_is_fitted(self)
        read = self._read_symbols(X, reset=False)
        symbols = read.flat[:, self._encoded]
        check_symbols(symbols, read.offsets, "X")
        try:
            steps = self.encoder_.transform(symbols)
        except ValueError:
            known = self.encoder_.categories_
            for i, column, categories in zip(self._encoded, symbols.T, known, strict=True):
                if len(unknown := np.setdiff1d(column, categories)):
                    raise ValueError(
                        f"Found unknown categories {shown(unknown.tolist())} in column {i}; "
                        "handle_unknown='ignore' makes them zeros."
                    ) from None
            raise
        if self._numbers:
            steps = self._with_numbers(steps, read)
        names = None if read.names is None else self.get_feature_names_out()
        return as_container(Sequences(steps, read.offsets, columns=names), X, self.n_channels)

    def _with_numbers(self, steps, read):
        """The one-hot columns, followed by the features that are numbers."""
        names = None if read.names is None else read.names[self._numbers]
        flat = read.flat[:, self._numbers]
        if flat.dtype.kind == "U" and all(map(_fractions_of, flat.T)):
            flat = flat.astype(float)  # np.array([["red", 1.5]]) has converted numbers to text
        others = Sequences(flat, read.offsets, columns=names)
        numbers = as_sequences(others, allow_nan=True, dtype=self.dtype).values
        return (
            sparse.hstack([steps, numbers], "csr") if sparse.issparse(steps) else np.hstack([steps, numbers])
        )

    def _gives_table(self, X):
        return False

    def inverse_transform(self, X: Any) -> Any:
        """Return the symbols of one-hot sequences.

        Parameters
        ----------
        X : sequences
            As returned by `transform`.

        Returns
        -------
        list of ndarray of shape (n_steps,) or (n_steps, n_features)
            An unknown symbol is None.
        """
        check_is_fitted(self)
        sequences = as_sequences(X, n_channels=self.n_channels, allow_nan=True)
        n_encoded = sequences.n_features - len(self._numbers)
        symbols = self.encoder_.inverse_transform(sequences.values[:, :n_encoded])
        if self._numbers:
            table = np.empty((sequences.n_steps, self._n_channels_in), dtype=object)
            table[:, self._encoded] = symbols
            table[:, self._numbers] = sequences._dense()[:, n_encoded:]
            symbols = table
        return list(split_steps(symbols[:, 0] if symbols.shape[1] == 1 else symbols, sequences.offsets))

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Names of the features of a time step: feature, underscore and symbol; then the numbers.

        Parameters
        ----------
        input_features : array-like of str of shape (`n_features_in_`,), default=None
            None: x0, x1, ...

        Returns
        -------
        ndarray of str
        """
        names = self._names_of_channels(input_features)
        return np.append(self.encoder_.get_feature_names_out(names[self._encoded]), names[self._numbers])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = tags.input_tags.string = True
        tags.input_tags.allow_nan = False
        return tags
