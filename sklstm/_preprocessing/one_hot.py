"""Symbols to one-hot sequences."""

import numpy as np
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.validation import check_is_fitted

from sklstm._checks import check_n_channels
from sklstm._input import read_table, remember_shape
from sklstm._messages import shown
from sklstm._preprocessing.base import SequenceTransformer, UnwrappedSequences
from sklstm._sequences import Sequences, as_container, as_sequences, as_symbols, is_table, split_steps


class SequenceOneHotEncoder(UnwrappedSequences, SequenceTransformer):
    """Sequences of symbols as one-hot sequences, which cost what is non-zero.

    Parameters
    ----------
    categories : "auto" or list of array-like, default="auto"
        The symbols, of each feature a list; "auto": those that are seen in `fit`, sorted.
    handle_unknown : {"error", "ignore"}, default="error"
        Whether a symbol that is not in the categories is an error or all zeros.
    sparse_output : bool, default=True
        Whether the sequences are SciPy CSR arrays; False: dense arrays.
    dtype : dtype, default=float64
        float64 or float32.
    n_channels : int or None, default=None
        As in `LSTMClassifier`: symbols of one time step in a row of a 2-D X.

    Attributes
    ----------
    encoder_ : sklearn.preprocessing.OneHotEncoder
        It sees a time step a row.
    categories_ : list of ndarray
        The symbols of each feature, in the order of the columns.
    n_features_in_ : int
        Features of a time step; of a 2-D X its columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if X was a data frame.

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
    """

    def __init__(
        self,
        *,
        categories="auto",
        handle_unknown="error",
        sparse_output=True,
        dtype=np.float64,
        n_channels=None,
    ):
        self.categories = categories
        self.handle_unknown = handle_unknown
        self.sparse_output = sparse_output
        self.dtype = dtype
        self.n_channels = n_channels

    def fit(self, X, y=None):
        """Learn the symbols.

        Parameters
        ----------
        X : sequences
            A container of arrays of symbols, (n_steps,) or (n_steps, n_features): strings, or numbers that
            are names. A string is a sequence of characters.
        y : None
            Not used.

        Returns
        -------
        self
        """
        if self.handle_unknown not in ("error", "ignore"):
            raise ValueError(f"handle_unknown must be 'error' or 'ignore', got {shown(self.handle_unknown)}.")
        symbols, _ = self._read_symbols(X, reset=True)
        self.encoder_ = OneHotEncoder(
            categories=self.categories,
            handle_unknown=self.handle_unknown,
            sparse_output=self.sparse_output,
            dtype=self.dtype,
        ).fit(symbols)
        self.categories_ = self.encoder_.categories_
        return self

    def _read_symbols(self, X, reset):
        check_n_channels(self.n_channels)
        n_columns = None
        if is_table(X):
            X = read_table(self, X, reset, dtype=None)
            n_columns = X.shape[1]
        symbols, offsets = as_symbols(X, n_channels=self.n_channels)
        expected, reference = (self.n_channels, "n_channels") if reset else (self._n_channels_in, "fit")
        if expected not in (None, symbols.shape[1]):
            raise ValueError(
                f"X has {symbols.shape[1]} symbols a time step; expected {expected} as in {reference}."
            )
        if reset:
            self._n_channels_in = symbols.shape[1]
            remember_shape(self, n_columns, symbols.shape[1])
        return symbols, offsets

    def _transform(self, X):
        check_is_fitted(self)
        symbols, offsets = self._read_symbols(X, reset=False)
        try:
            steps = self.encoder_.transform(symbols)
        except ValueError:
            for i, (column, known) in enumerate(zip(symbols.T, self.encoder_.categories_, strict=True)):
                if len(unknown := np.setdiff1d(column, known)):
                    raise ValueError(
                        f"Found unknown categories {shown(unknown.tolist())} in column {i}; "
                        "handle_unknown='ignore' makes them zeros."
                    ) from None
            raise
        return as_container(Sequences(steps, offsets), X, self.n_channels)

    def _gives_table(self, X):
        return False

    def inverse_transform(self, X):
        """Give the symbols back.

        Parameters
        ----------
        X : sequences
            As `transform` gives them.

        Returns
        -------
        list of ndarray of shape (n_steps,) or (n_steps, n_features)
            None where there was an unknown symbol.
        """
        check_is_fitted(self)
        sequences = as_sequences(X, n_channels=self.n_channels)
        symbols = self.encoder_.inverse_transform(sequences.values)
        return list(split_steps(symbols[:, 0] if symbols.shape[1] == 1 else symbols, sequences.offsets))

    def get_feature_names_out(self, input_features=None):
        """Names of the features of a time step: name of the feature, underscore, symbol.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features_in_,), default=None
            None: x0, x1, ...

        Returns
        -------
        ndarray of str
        """
        return self.encoder_.get_feature_names_out(self._names_of_channels(input_features))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = tags.input_tags.string = True
        return tags
