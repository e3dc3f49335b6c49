"""Base classes of the transformers."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklstm._checks import check_n_channels
from sklstm._documentation import DocumentationLinks
from sklstm._input import read_X, warn_of_channels_first
from sklstm._messages import of_public_classes
from sklstm._sequences import is_table


@of_public_classes
class SequenceTransformer(DocumentationLinks, TransformerMixin, BaseEstimator):
    """Base class of the transformers, which implement `_transform`."""

    def transform(self, X: Any) -> Any:  # scikit-learn wraps it: `set_output` selects the container
        return self._transform(X)

    def _read_X(self, X, reset, mixed=False):
        check_n_channels(self.n_channels)
        sequences = read_X(self, X, None if reset else self._n_channels_in, allow_nan=True, mixed=mixed)
        if reset:
            warn_of_channels_first(X)
        if reset:
            self._n_channels_in = sequences.n_features
        return sequences

    def _names_of_channels(self, input_features=None):
        """Names of the features of a time step; the columns of a 2-D X are several steps."""
        check_is_fitted(self)
        if self._n_columns_in is None and input_features is not None and len(input_features) == 1:
            if self._n_channels_in > 1:  # in a ColumnTransformer: the column whose items are sequences
                input_features = [f"{input_features[0]}_{i}" for i in range(self._n_channels_in)]
        names = OneToOneFeatureMixin.get_feature_names_out(self, input_features)
        if self._n_columns_in is None:
            return names
        return np.array([f"x{i}" for i in range(self._n_channels_in)], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = tags.input_tags.allow_nan = True
        return tags


@of_public_classes
class UnwrappedSequences(BaseEstimator):
    """Base class of transformers that return sequences; `set_output` is for tables only."""

    def transform(self, X: Any) -> Any:
        """Transform each sequence.

        Parameters
        ----------
        X : sequences
            Any container that `LSTMClassifier` takes.

        Returns
        -------
        sequences
            The result has the same kind of container as X. Arrays are NaN-padded; a 2-D array stays 2-D if
            steps keep their number of features, and becomes 3-D otherwise. If the result is sparse and the
            container cannot hold sparse matrices, it is `Sequences`. `SequencePadder` always returns the
            padded array.
        """
        return super().transform(X) if self._gives_table(X) else self._transform(X)

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit to X, and transform X.

        Parameters
        ----------
        X, y
            As in `fit`.

        Returns
        -------
        sequences
            The result of `transform`.
        """
        return self.fit(X, y).transform(X)

    def _gives_table(self, X):
        """Whether the result is 2-D, with as many columns as X."""
        check_is_fitted(self)
        if self._n_columns_in is None or self._n_channels_out != self._n_channels_in or not is_table(X):
            return False
        return not isinstance(X, list | tuple) or len(X[0]) == self._n_columns_in
