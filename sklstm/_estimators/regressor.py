"""The regressor: numbers as targets."""

from functools import partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils.validation import check_array

from sklstm._checks import may_overflow
from sklstm._estimators.base import BaseLSTM
from sklstm._estimators.docs import ATTRIBUTES, PARAMETERS, choices
from sklstm._estimators.parameters import makes_epochs
from sklstm._learning.losses import LOSSES, quantiles_of
from sklstm._learning.scaling import log_scale, output_scale
from sklstm._typing import Array, available_if


class LSTMRegressor(RegressorMixin, BaseLSTM):
    __doc__ = f"""Long Short-Term Memory for regression on sequences.

    There is one output unit per target. The network is that of Hochreiter & Schmidhuber (1997) with the
    parts that became standard later. The defaults are those of a modern LSTM. `sklstm.Network` describes
    the parts. The defaults of learning were chosen by cross-validation on real data: docs/defaults.md.

    With identity outputs and ``update="batch"``, the targets are standardised internally. Each output uses
    the mean and the standard deviation of the targets in the first `fit` or `partial_fit` (without
    `output_bias` the deviation alone). `weights_`, `predict` and `step` are in the units of y. Learning
    rate, penalty and tolerance refer to standardised targets.

    Parameters
    ----------
    {PARAMETERS["both"]}
    loss : {choices(LOSSES, "squared_error")}
        "squared_error" is 1/2 sum of squares; its best prediction is the mean. For "absolute_error" it is
        the median, "huber" is between the two, and for "quantile" it is the quantiles in `quantile`.
        "poisson", for counts, is 1/2 of the deviance; the outputs are the logarithms of what `predict`
        returns. "log_loss" is that of logistic or softmax outputs for targets in [0, 1]. docs/losses.md has
        the formulas.
    quantile : float or tuple of float, default=0.5
        Quantile that is predicted with ``loss="quantile"``, between 0 and 1. With several quantiles there
        is one output for each, and `predict` returns them in a last axis.
    epsilon : float, default=1.35
        Largest error of ``loss="huber"`` that counts by its square; larger errors count by their absolute
        value. If targets are standardised, it refers to standardised targets.
    {PARAMETERS["learning"]}
    {PARAMETERS["last"]}

    Attributes
    ----------
    {ATTRIBUTES}

    Examples
    --------
    A short version of the adding problem (1997, Experiment 4): the target is the sum of two marked values.

    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> rng = np.random.default_rng(0)
    >>> X, y = [], []
    >>> for n in rng.integers(5, 9, size=300):
    ...     x = np.column_stack([rng.uniform(-1, 1, n), np.zeros(n)])
    ...     marked = rng.choice(n, 2, replace=False)
    ...     x[marked, 1] = 1
    ...     X.append(x)
    ...     y.append(x[marked, 0].sum())
    >>> reg = LSTMRegressor(n_blocks=8, max_iter=60, tol=0, learning_rate=0.01, random_state=0)
    >>> reg.fit(X[:250], y[:250]).score(X[250:], y[250:]) > 0.9
    True
    """

    _quantiles: tuple[float, ...] = ()
    _has_axis = _log_link = False

    @available_if(makes_epochs)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: npt.ArrayLike | None = None, *, continued: bool = False
    ) -> Self:
        """Learn for one more epoch, from these sequences.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        continued : bool, default=False
            Whether the sequences are the next chunks of streams, one per stream, that continue from call to
            call until `reset_state`: learning starts with the state and the partial derivatives of the last
            call. Requires ``update="step"``. `step` continues from the last step that was learned.

        Returns
        -------
        self
        """
        return self._partial_fit(X, y, sample_weight, continued)

    def predict(self, X: Any) -> Array:
        """Predicted targets of each sequence.

        Parameters
        ----------
        X : sequences
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_sequences,) or (n_sequences, n_targets)
            With several quantiles there is one more axis for them. With ``return_sequences=True``: object
            array with one array per sequence, one row per step.
        """
        outputs, sequences = self._outputs(X)
        return self._per_sequence(self._answers(outputs), sequences)

    def score(self, X: Any, y: Any, sample_weight: npt.ArrayLike | None = None) -> float:
        """Coefficient of determination; with ``return_sequences=True`` over all time steps.

        With ``loss="quantile"`` it is the mean of scikit-learn's `d2_pinball_score` over the quantiles.

        Targets that are missing or have the weight 0 are left out, separately for each output.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        float
        """
        return self._score(X, y, sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    # ------------------------------------------------------------------------------------------

    def _auto_output_activation(self, loss):
        return loss.outputs[0]

    def _checked_y(self, targets, counted):
        y = targets.natural(counted)
        if y.dtype.kind in "mM":
            place = targets.place(counted.argmax())
            raise TypeError(f"{place} is of {y.dtype}; expected numbers, for example seconds.")
        if y.dtype.kind in "US":
            for place, text in zip(np.flatnonzero(counted), y[counted].tolist(), strict=True):
                try:
                    problem = "" if np.isfinite(float(text)) else "not finite"
                except ValueError as error:
                    problem = str(error)
                if problem:
                    raise ValueError(
                        f"{targets.place(place)} is {text!r} ({problem}); expected numbers; None or NaN, not "
                        "text, at a step without target. For labels use LSTMClassifier."
                    )
            y = np.where(counted, y, "0")
        if y.dtype.kind in "fc":
            bad = counted & np.isinf(y)
            if bad.any():
                raise ValueError(
                    f"Input y contains infinity: {targets.place(bad.argmax())}; expected numbers."
                )
            y = np.where(counted, y, 0)
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        LOSSES[self.loss].check_targets(y)
        return y

    def _output_scale(self, network, data):
        if self.update != "batch" or network.output_activation != "identity":
            return None
        if LOSSES[self.loss].log_link:
            return log_scale(data.moments) if network.output_bias else None
        return output_scale(data.moments, network.output_bias)

    def _encode(self, targets, y, counted, classes, reset):
        quantiles = quantiles_of(self.quantile) if self.loss == "quantile" else ()
        if reset:
            self._y_is_1d = y.ndim == 1
            self._quantiles, self._has_axis = quantiles, bool(quantiles) and np.ndim(self.quantile) > 0
            self._log_link = LOSSES[self.loss].log_link
        return np.repeat(y[:, np.newaxis] if y.ndim == 1 else y, max(len(quantiles), 1), axis=1)

    def _with_class_weights(self, weight, y, counted, may_lack=False):
        return np.repeat(weight, max(len(self._quantiles), 1), axis=1) if weight.ndim == 2 else weight

    def _check_weights_of_classes(self, moments):
        pass

    def _with_weights(self, network, weights, classes=None):
        self._y_is_1d = network.n_outputs == 1
        return super()._with_weights(network, weights)

    def _stratifies(self):
        return False

    def _answers(self, outputs):
        if self._log_link:
            with may_overflow():
                outputs = np.exp(outputs)
        if self._has_axis:
            shape = (len(outputs), *(() if self._y_is_1d else (-1,)), len(self._quantiles))
            return outputs.reshape(shape)
        return outputs[:, 0] if self._y_is_1d else outputs

    def _metric(self, y, predicted, weight):
        if not self._quantiles:
            return _mean_over_columns(r2_score, y, predicted, weight)
        y = np.repeat(y.reshape(len(y), -1), len(self._quantiles), axis=1)
        weight = self._with_class_weights(weight, y, None, False)
        return self._pinball_score(y, predicted.reshape(y.shape), weight)

    def _pinball_score(self, y, predicted, weight):
        weight = np.broadcast_to(weight if weight.ndim == 2 else weight[:, np.newaxis], y.shape)
        scores = []
        for k in np.flatnonzero(weight.any(axis=0)):
            score = partial(d2_pinball_score, alpha=self._quantiles[k % len(self._quantiles)])
            scores.append(_mean_over_columns(score, y[:, [k]], predicted[:, [k]], weight[:, [k]]))
        return float(np.mean(scores))

    def _validation_score(self, outputs, data):
        if self._quantiles:
            return self._pinball_score(data.targets, outputs, data.weight)
        return self._metric(data.targets, np.exp(outputs) if self._log_link else outputs, data.weight)


def _mean_over_columns(score, y, predicted, weight):
    """Score of the targets; with a weight per output, the mean of the scores of the outputs."""
    if weight.ndim == 1:
        return score(y, predicted, sample_weight=weight)
    scores = []
    for k in np.flatnonzero(weight.any(axis=0)):
        rows = weight[:, k] > 0
        scores.append(score(y[rows, k], predicted[rows, k], sample_weight=weight[rows, k]))
    return float(np.mean(scores))
