"""Transformer from sequences to the hidden activations of an LSTM."""

from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from sklstm._documentation import DocumentationLinks
from sklstm._messages import shown
from sklstm._tables import OF_FEATURES, made
from sklstm._typing import Array

BATCH = 256


class LSTMEncoder(
    DocumentationLinks, ClassNamePrefixFeaturesOutMixin, MetaEstimatorMixin, TransformerMixin, BaseEstimator
):
    """Learned features of sequences: the activations of the hidden units of an LSTM.

    Parameters
    ----------
    estimator : LSTMClassifier or LSTMRegressor
        A clone of it is fitted. For an LSTM that is already fitted, use ``FrozenEstimator(lstm)``.
    pooling : {"last", "mean"}, default="last"
        Activations after the last time step, or their mean over the steps.

    Attributes
    ----------
    estimator_ : LSTMClassifier or LSTMRegressor
        The fitted LSTM.
    n_features_in_ : int
        Number of features of a time step; for a 2-D X, its number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if the features, or the columns of a 2-D X, have names.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import LSTMClassifier, LSTMEncoder
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 1)) for n in rng.integers(3, 9, size=200)]
    >>> y = [int(x[0, 0] > 0) for x in X]
    >>> lstm = LSTMClassifier(n_blocks=8, max_iter=500, random_state=0)
    >>> model = make_pipeline(LSTMEncoder(lstm), LogisticRegression())
    >>> model.fit(X[:150], y[:150]).score(X[150:], y[150:]) > 0.9
    True
    >>> model[0].transform(X).shape
    (200, 8)
    """

    def __init__(self, estimator: Any, *, pooling: Literal["last", "mean"] = "last") -> None:
        self.estimator = estimator
        self.pooling = pooling

    def fit(self, X: Any, y: Any = None, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Fit the LSTM.

        Parameters
        ----------
        X, y, sample_weight
            As for the estimator.

        Returns
        -------
        self
        """
        if self.pooling not in ("last", "mean"):
            raise ValueError(f"pooling must be 'last' or 'mean', got {shown(self.pooling)}.")
        if not hasattr(self.estimator, "activations"):
            raise TypeError(f"estimator must be LSTMClassifier or LSTMRegressor, got {self.estimator!r}.")
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.estimator_ = clone(self.estimator).fit(X, y, **weights)
        return self

    def transform(self, X: Any) -> Any:
        """Compute the activations of the cells and of the conventional hidden units.

        With several layers, the activations are those of the last layer; with two directions, those of both.

        Parameters
        ----------
        X : sequences
            Any container that the estimator takes.

        Returns
        -------
        ndarray of shape (n_sequences, n_cells + n_hidden_units), with two directions twice as many
            A data frame if `set_output` asks for it.
        """
        check_is_fitted(self)
        check_is_fitted(self.estimator_)
        sequences = self.estimator_._read_X(X, reset=False)
        features = []
        directions = self.estimator_.network_._last_layer()
        for start in range(0, len(sequences), BATCH):  # limits the memory of the traces
            for trace in self.estimator_.activations(sequences[start : start + BATCH]):
                row = []
                for prefix, is_backward in directions:
                    names = [prefix + name for name in ("cell", "hidden") if prefix + name in trace]
                    hidden = np.hstack([trace[name] for name in names])
                    last = hidden[0] if is_backward else hidden[-1]
                    row.append(last if self.pooling == "last" else hidden.mean(axis=0))
                features.append(np.concatenate(row))
        return made(np.array(features), OF_FEATURES.format("LSTMEncoder"))

    @property
    def n_features_in_(self) -> int:
        """Number of features of a time step; for a 2-D X, its number of columns."""
        check_is_fitted(self)
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self) -> Array:
        """Names of the columns, if X was a data frame."""
        return self.estimator_.feature_names_in_

    @property
    def _n_features_out(self):  # what scikit-learn's mixin counts
        network = self.estimator_.network_
        return len(network._last_layer()) * (network.n_cells + network.n_hidden_units)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        tags.target_tags.required = get_tags(self.estimator).target_tags.required
        return tags
