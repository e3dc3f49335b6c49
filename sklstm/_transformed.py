"""Targets at every step that are transformed before learning and back after predicting."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from sklstm._documentation import DocumentationLinks
from sklstm._inspection import step_scorer
from sklstm._messages import of_public_classes
from sklstm._sequences import check_ids, read_steps, split_steps
from sklstm._typing import Array


@of_public_classes
class TransformedStepTargetRegressor(DocumentationLinks, MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Regressor that transforms targets at every step before learning, and transforms predictions back.

    scikit-learn's `TransformedTargetRegressor` does this for one target per sequence. This class is for one
    target per time step, and works in pipelines and searches. `LSTMRegressor` standardises its targets by
    itself; use this class for transformations that are not linear, such as logarithms.

    Parameters
    ----------
    regressor : estimator
        An estimator with predictions at every step, for example ``LSTMRegressor(return_sequences=True)``, or
        a pipeline that ends with one.
    transformer : transformer of tables, default=None
        A transformer with `inverse_transform`; it gets one row per step that has a target. None means
        `StandardScaler`.

    Attributes
    ----------
    regressor_, transformer_ : estimators
        Fitted.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from sklstm import LSTMRegressor, TransformedStepTargetRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 1)) for n in rng.integers(3, 9, size=60)]
    >>> y = [np.exp(3 * x[:, 0]) for x in X]
    >>> reg = LSTMRegressor(n_blocks=4, return_sequences=True, solver="lbfgs", max_iter=500, random_state=0)
    >>> logarithms = FunctionTransformer(np.log, np.exp, check_inverse=False)
    >>> model = TransformedStepTargetRegressor(reg, transformer=logarithms).fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    """

    def __init__(self, regressor: Any, *, transformer: Any = None) -> None:
        self.regressor = regressor
        self.transformer = transformer

    def fit(self, X: Any, y: Any, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Fit the transformer to the targets, and the regressor to transformed targets.

        Parameters
        ----------
        X : sequences
            Any container that the regressor takes.
        y : list of arrays of shape (n_steps,) or (n_steps, n_outputs)
            Targets; steps without a target are marked as in `LSTMRegressor.fit`.
        sample_weight : array-like of shape (n_sequences,) or list of arrays of shape (n_steps,), default=None
            Weights for the regressor.

        Returns
        -------
        self
        """
        check_ids(y, X)
        targets = read_steps(y, None)
        counted = targets.counted()
        self._y_is_1d = counted.ndim == 1
        rows = counted if self._y_is_1d else counted.any(axis=1)
        values = np.where(counted, targets.natural(counted).astype(float), np.nan)[rows].reshape(
            rows.sum(), -1
        )
        transformer = StandardScaler() if self.transformer is None else self.transformer
        self.transformer_ = clone(transformer).fit(values)
        changed = self.transformer_.transform(values)
        flat = np.full((len(counted), changed.shape[1]), np.nan)
        flat[rows] = changed
        pieces = split_steps(flat[:, 0] if self._y_is_1d else flat, targets.offsets)
        y = [piece if len(piece) else None for piece in pieces]  # None: a sequence without targets
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.regressor_ = clone(self.regressor).fit(X, y, **weights)
        return self

    def predict(self, X: Any) -> Array:
        """Predictions at every step, in the units of y.

        Parameters
        ----------
        X : sequences
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_sequences,)
            Object array with one array per sequence, one row per step.
        """
        check_is_fitted(self)
        predicted = list(self.regressor_.predict(X))
        offsets = np.cumsum([0, *map(len, predicted)])
        flat = np.concatenate(predicted).reshape(offsets[-1], -1)
        flat = self.transformer_.inverse_transform(flat)
        return split_steps(flat[:, 0] if self._y_is_1d else flat, offsets)

    def score(self, X: Any, y: Any, sample_weight: npt.ArrayLike | None = None) -> float:
        """Coefficient of determination over all steps that have a target.

        Parameters
        ----------
        X, y
            As in `fit`.
        sample_weight : array-like of shape (n_sequences,) or list of arrays of shape (n_steps,), default=None

        Returns
        -------
        float
        """
        return step_scorer("r2")(self, X, y, sample_weight)
