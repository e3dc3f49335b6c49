"""Transformer from sequences to a table of statistics."""

from collections.abc import Sequence
from typing import Any, Literal, Self, get_args

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from sklstm._messages import shown
from sklstm._preprocessing.base import SequenceTransformer
from sklstm._tables import OF_FEATURES, made
from sklstm._typing import Array

Statistic = Literal["mean", "std", "first", "last", "length"]
STATISTICS: tuple[Statistic, ...] = get_args(Statistic)


class SequenceSummary(SequenceTransformer):
    """Table of statistics of each sequence, for a baseline with a linear model.

    Parameters
    ----------
    statistics : tuple of str, default=("mean", "std", "first", "last", "length")
        Mean, standard deviation, first and last step of each feature, and the number of steps, in the order
        of the columns. Mean and standard deviation ignore missing values; they are NaN if all values are
        missing. A missing first or last value is NaN.
    n_channels : int or None, default=None
        As in `LSTMClassifier`: numbers of one time step in a row of a 2-D X.

    Attributes
    ----------
    n_features_in_ : int
        Number of features of a time step; for a 2-D X, its number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if the features, or the columns of a 2-D X, have names.

    Examples
    --------
    >>> from sklstm import SequenceSummary
    >>> summary = SequenceSummary(statistics=("mean", "last", "length"))
    >>> summary.fit_transform([[[1.0], [3.0]], [[5.0]]])
    array([[2., 3., 2.],
           [5., 5., 1.]])
    >>> summary.get_feature_names_out()
    array(['mean_x0', 'last_x0', 'length'], dtype=object)
    """

    def __init__(
        self, *, statistics: Sequence[Statistic] = STATISTICS, n_channels: int | None = None
    ) -> None:
        self.statistics = statistics
        self.n_channels = n_channels

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the number of features.

        Parameters
        ----------
        X : sequences
            Any container that `LSTMClassifier` takes.
        y : None
            Not used.

        Returns
        -------
        self
        """
        known = isinstance(self.statistics, list | tuple) and set(self.statistics) <= set(STATISTICS)
        if not known or not self.statistics:
            raise ValueError(f"statistics must be some of {STATISTICS}, got {shown(self.statistics)}.")
        self._read_X(X, reset=True)
        return self

    def transform(self, X: Any) -> Any:
        """Summarise each sequence.

        Parameters
        ----------
        X : sequences
            Any container that `LSTMClassifier` takes.

        Returns
        -------
        ndarray of shape (n_sequences, n_features_out)
            A data frame if `set_output` asks for it.
        """
        check_is_fitted(self)
        sequences = self._read_X(X, reset=False)
        values, offsets = sequences.values, sequences.offsets
        columns = {
            "mean": lambda: _means(sequences),
            "std": lambda: _standard_deviations(sequences),
            "first": lambda: _dense(values[offsets[:-1]]),
            "last": lambda: _dense(values[offsets[1:] - 1]),
            "length": lambda: sequences.lengths[:, np.newaxis].astype(sequences.dtype),
        }
        table = np.hstack([columns[name]() for name in self.statistics])
        return made(table, OF_FEATURES.format("SequenceSummary"))

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Names of the columns: statistic, underscore, name of the feature; and "length".

        Parameters
        ----------
        input_features : array-like of str of shape (`n_features_in_`,), default=None
            None: x0, x1, ...

        Returns
        -------
        ndarray of str
        """
        given = self._names_of_channels(input_features)
        names = []
        for statistic in self.statistics:
            names += ["length"] if statistic == "length" else [f"{statistic}_{name}" for name in given]
        return np.array(names, dtype=object)


def _dense(table):
    return table.toarray() if sparse.issparse(table) else table


def _sums(sequences, values):
    """Sum of the rows of `values` that belong to each sequence, (n_sequences, n_columns)."""
    n_steps = sequences.n_steps
    ones = np.ones(n_steps, dtype=sequences.dtype)
    return (
        sparse.csr_array((ones, np.arange(n_steps), sequences.offsets), shape=(len(sequences), n_steps))
        @ values
    )


def _counts(sequences):
    """Number of values, of shape (n_sequences, n_features), or (n_sequences, 1) if no value is missing."""
    lengths = sequences.lengths[:, np.newaxis].astype(sequences.dtype)
    numbers = sequences.values.data if sequences.is_sparse else sequences.values
    if not np.isnan(numbers).any():
        return lengths
    return lengths - _dense(_sums(sequences, _like(sequences.values, np.isnan(numbers))))


def _like(values, numbers):
    """Values replaced by other numbers, with 0 for NaN."""
    numbers = np.nan_to_num(numbers.astype(values.dtype))
    if not sparse.issparse(values):
        return numbers
    other = values.copy()
    other.data = numbers
    return other


def _means(sequences):
    """Mean of each feature over the steps that have a value, (n_sequences, n_features)."""
    values = sequences.values
    sums = _sums(sequences, _like(values, values.data if sequences.is_sparse else values))
    with np.errstate(invalid="ignore"):  # the mean of no values is NaN
        return _dense(sums) / _counts(sequences)


def _standard_deviations(sequences):
    """Standard deviations; sparse values stay sparse."""
    values, mean, counts = sequences.values, _means(sequences), _counts(sequences)
    sequence_of_step = np.repeat(np.arange(len(sequences)), sequences.lengths)
    with np.errstate(invalid="ignore"):
        if not sequences.is_sparse:
            squares = _like(values, (values - mean[sequence_of_step]) ** 2)
            return np.sqrt(_sums(sequences, squares) / counts)
        rows, columns = values.tocoo().coords  # in the order of values.data
        squares = _like(values, (values.data - mean[sequence_of_step[rows], columns]) ** 2)
        stored = _dense(_sums(sequences, _like(values, ~np.isnan(values.data))))
        return np.sqrt((_dense(_sums(sequences, squares)) + (counts - stored) * mean**2) / counts)
