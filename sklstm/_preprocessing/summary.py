"""Sequences to a table of statistics."""

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from sklstm._messages import shown
from sklstm._preprocessing.base import SequenceTransformer

STATISTICS = ("mean", "std", "first", "last", "length")


class SequenceSummary(SequenceTransformer):
    """A table of what can be said of sequences without an order: the honest baseline of a linear model.

    Parameters
    ----------
    statistics : tuple of str, default=("mean", "std", "first", "last", "length")
        Mean, standard deviation, first and last step of each feature, and the number of steps; in the
        order of the columns.
    n_channels : int or None, default=None
        As in `LSTMClassifier`: numbers of one time step in a row of a 2-D X.

    Attributes
    ----------
    n_features_in_ : int
        Features of a time step; of a 2-D X its columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if X was a data frame.

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

    def __init__(self, *, statistics=STATISTICS, n_channels=None):
        self.statistics = statistics
        self.n_channels = n_channels

    def fit(self, X, y=None):
        """See how many features there are.

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

    def transform(self, X):
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
            "mean": lambda: _means(sequences, values),
            "std": lambda: _standard_deviations(sequences),
            "first": lambda: _dense(values[offsets[:-1]]),
            "last": lambda: _dense(values[offsets[1:] - 1]),
            "length": lambda: sequences.lengths[:, np.newaxis].astype(sequences.dtype),
        }
        return np.hstack([columns[name]() for name in self.statistics])

    def get_feature_names_out(self, input_features=None):
        """Names of the columns: statistic, underscore, name of the feature; and "length".

        Parameters
        ----------
        input_features : array-like of str of shape (n_features_in_,), default=None
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


def _means(sequences, values):
    """Mean of the rows of `values` that belong to each sequence, (n_sequences, n_columns)."""
    n_steps = sequences.n_steps
    ones = np.ones(n_steps, dtype=sequences.dtype)
    sums = sparse.csr_array((ones, np.arange(n_steps), sequences.offsets), shape=(len(sequences), n_steps))
    return _dense(sums @ values) / sequences.lengths[:, np.newaxis].astype(sequences.dtype)


def _standard_deviations(sequences):
    """Root of the mean square of what differs from the mean; of zeros without making them."""
    values, mean = sequences.values, _means(sequences, sequences.values)
    sequence_of_step = np.repeat(np.arange(len(sequences)), sequences.lengths)
    if not sequences.is_sparse:
        return np.sqrt(_means(sequences, (values - mean[sequence_of_step]) ** 2))
    rows, columns = values.tocoo().coords  # in the order of values.data
    squares, stored = values.copy(), values.copy()
    squares.data = (values.data - mean[sequence_of_step[rows], columns]) ** 2
    stored.data = np.ones_like(values.data)
    return np.sqrt(_means(sequences, squares) + (1 - _means(sequences, stored)) * mean**2)
