"""Imputation of missing values in sequences."""

import warnings
from reprlib import repr as short_repr
from typing import Any, Literal, Self

import numpy as np
from scipy import sparse
from sklearn.base import OneToOneFeatureMixin
from sklearn.utils.validation import check_is_fitted

from sklstm._checks import check_bool, check_choice, check_number
from sklstm._preprocessing.base import SequenceTransformer, UnwrappedSequences
from sklstm._sequences import as_container
from sklstm._typing import Array

STRATEGIES = ("ffill", "mean", "median", "constant")


class SequenceImputer(UnwrappedSequences, SequenceTransformer):
    """Fill missing values with the last value before them, or with a number learned in `fit`.

    ``PerTimeStep(imputer)`` uses any imputer of scikit-learn, which reads one time step at a time.

    Parameters
    ----------
    strategy : {"ffill", "mean", "median", "constant"}, default="ffill"
        "ffill" (forward fill) uses the last value of the same sequence, or the mean if there is none. It uses
        no later steps, and only the mean of other sequences. "mean" and "median" are those of the feature
        over all steps in `fit`. "constant" uses `fill_value`.
    fill_value : float, default=0.0
        Value for "constant" and, with any strategy and a warning, for a feature without any value in `fit`.
    add_indicator : bool, default=False
        Whether to add a channel for each feature with missing values in `fit`, after all others. It is 1
        where a value is missing and 0 elsewhere.
    n_channels : int or None, default=None
        As in `LSTMClassifier`: numbers of one time step in a row of a 2-D X.

    Attributes
    ----------
    statistics_ : ndarray of shape (n_features,)
        Number that fills each feature; with "ffill", the one for gaps before the first value.
    indicator_features_ : ndarray of int
        The features that have an indicator.
    n_features_in_ : int
        Number of features of a time step; for a 2-D X, its number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if the features, or the columns of a 2-D X, have names.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import SequenceImputer
    >>> X = [[[np.nan], [1.0], [np.nan], [5.0]], [[None], [3.0]]]
    >>> [x.ravel().tolist() for x in SequenceImputer().fit_transform(X)]
    [[3.0, 1.0, 1.0, 5.0], [3.0, 3.0]]
    >>> SequenceImputer(strategy="constant", add_indicator=True).fit_transform(X)[1]
    array([[0., 1.],
           [3., 0.]])
    """

    def __init__(
        self,
        strategy: Literal["ffill", "mean", "median", "constant"] = "ffill",
        *,
        fill_value: float = 0.0,
        add_indicator: bool = False,
        n_channels: int | None = None,
    ) -> None:
        self.strategy = strategy
        self.fill_value = fill_value
        self.add_indicator = add_indicator
        self.n_channels = n_channels

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the numbers that fill each feature, and which features have missing values.

        Parameters
        ----------
        X : sequences
            Any container that `LSTMClassifier` takes; NaN, None and `pandas.NA` are missing.
        y : None
            Not used.

        Returns
        -------
        self
        """
        check_choice("strategy", self.strategy, STRATEGIES)
        check_number("fill_value", self.fill_value)
        check_bool("add_indicator", self.add_indicator)
        sequences = self._read_X(X, reset=True)
        values = sequences.values
        _, columns = _places(values)
        self.statistics_ = np.full(sequences.n_features, float(self.fill_value))
        if self.strategy != "constant":
            from sklearn.impute import SimpleImputer  # loads linear models and neighbours

            strategy = "mean" if self.strategy == "ffill" else self.strategy
            learned = SimpleImputer(strategy=strategy, keep_empty_features=True).fit(values).statistics_
            some = np.bincount(columns, minlength=sequences.n_features) < sequences.n_steps
            self.statistics_[some] = learned[some]
            if not some.all():
                empty = self._names_of_channels(None)[~some].tolist()
                warnings.warn(
                    f"The features {short_repr(empty)} have no value in any sequence: fill_value="
                    f"{self.fill_value} is used for them.",
                    UserWarning,
                    stacklevel=2,
                )
        self.indicator_features_ = np.unique(columns)
        self._n_channels_out = sequences.n_features + self.add_indicator * len(self.indicator_features_)
        return self

    def _transform(self, X):
        check_is_fitted(self)
        sequences = self._read_X(X, reset=False)
        values = sequences.values
        rows, columns = _places(values)
        numbers = self.statistics_[columns]
        if self.strategy == "ffill":
            before = _last_values(sequences, rows, columns)
            numbers = np.where(np.isnan(before), numbers, before)
        filled = values.copy()
        if sequences.is_sparse:
            filled.data[np.isnan(filled.data)] = numbers
        else:
            filled[rows, columns] = numbers
        if self.add_indicator:
            filled = self._with_indicator(filled, rows, columns)
        names = None if sequences.columns is None else self.get_feature_names_out()
        return as_container(sequences._with(filled, names), X, self.n_channels)

    def _with_indicator(self, filled, rows, columns):
        """Add channels that are 1 where a value is missing."""
        place = np.searchsorted(self.indicator_features_, columns)
        known = np.isin(columns, self.indicator_features_)
        shape = filled.shape[0], len(self.indicator_features_)
        ones = np.ones(known.sum(), dtype=filled.dtype)
        indicator = sparse.csr_array((ones, (rows[known], place[known])), shape=shape)
        if sparse.issparse(filled):
            return sparse.hstack([filled, indicator], format="csr")
        return np.hstack([filled, indicator.toarray()])

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Names of the features of a time step, then those of the indicators; of a 2-D X its columns.

        Parameters
        ----------
        input_features : array-like of str of shape (`n_features_in_`,), default=None
            None: `feature_names_in_`, or x0, x1, ...

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self)
        if self._n_columns_in is not None and self._n_channels_out == self._n_channels_in:
            return OneToOneFeatureMixin.get_feature_names_out(self, input_features)
        names = self._names_of_channels(input_features)
        if not self.add_indicator:
            return names
        indicators = [f"missingindicator_{names[i]}" for i in self.indicator_features_]
        return np.append(names, np.array(indicators, dtype=object))


def _places(values):
    """Row and column of each missing value; in a sparse matrix, in the order of its data."""
    if not sparse.issparse(values):
        return np.nonzero(np.isnan(values))
    rows, columns = values.tocoo().coords
    gaps = np.isnan(values.data)
    return rows[gaps], columns[gaps]


def _last_values(sequences, rows, columns):
    """Last value of the same feature before each of these places in the sequence; NaN if there is none."""
    features = np.unique(columns)
    values = sequences.values[:, features]
    values = values.toarray() if sequences.is_sparse else values
    steps = np.where(np.isnan(values), -1, np.arange(len(values))[:, np.newaxis])
    column = np.searchsorted(features, columns)
    last = np.maximum.accumulate(steps, axis=0)[rows, column]
    first = np.repeat(sequences.offsets[:-1], sequences.lengths)[rows]
    return np.where(last >= first, values[last, column], np.nan)
