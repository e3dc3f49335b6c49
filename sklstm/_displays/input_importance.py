"""Importance of inputs for a prediction."""

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from sklstm._attribution import occlusion_importance
from sklstm._checks import check_choice
from sklstm._displays._shared import (
    MOST_LINES,
    image_over_time,
    names_of,
    pyplot_of,
    symmetric,
    whole_numbers,
)
from sklstm._estimators.explain import check_response
from sklstm._estimators.nested import unwrap_with
from sklstm._typing import Array, ResponseMethod


class InputImportanceDisplay:
    """One sequence, and below it the importance of each of its numbers for the prediction.

    Red numbers support the explained output, and blue numbers oppose it.

    Parameters
    ----------
    importances : ndarray of shape (n_steps, n_features)
        Result of `LSTMClassifier.input_gradients` or of `occlusion_importance`. With the shape (n_steps, 1)
        or (1, n_features) it is the importance of whole steps or channels.
    x : ndarray of shape (n_steps, n_features)
        The sequence.
    feature_names : list of str or None, default=None
        Names of the features; None numbers them.
    label : str, default="importance"
        Label of the importances.
    output_name : str or None, default=None
        The explained output.

    Attributes
    ----------
    axes_ : dict of str to matplotlib Axes
        "input" and "importance".
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import InputImportanceDisplay, LSTMRegressor
    >>> X = np.random.default_rng(0).normal(size=(20, 5, 1))
    >>> reg = LSTMRegressor(n_blocks=2, solver="lbfgs", random_state=0).fit(X, X.sum(axis=(1, 2)))
    >>> InputImportanceDisplay.from_estimator(reg, X[0]).importances.shape
    (5, 1)
    """

    def __init__(
        self,
        importances: npt.ArrayLike,
        x: Array,
        *,
        feature_names: list[str] | None = None,
        label: str = "importance",
        output_name: str | None = None,
    ) -> None:
        self.importances = importances
        self.x = x
        self.feature_names = feature_names
        self.label = label
        self.output_name = output_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        x: Any,
        *,
        method: Literal["gradients", "occlusion"] = "gradients",
        output: Any = None,
        at: int = -1,
        response_method: ResponseMethod = "auto",
        feature_names: Sequence[Any] | None = None,
        figure: Any = None,
        **options: Any,
    ) -> Self:
        """Draw the importance of the inputs for the prediction for one sequence.

        Parameters
        ----------
        estimator : LSTMClassifier, LSTMRegressor, or a pipeline or search that ends in one
        x : array-like of shape (n_steps, n_features) or (n_steps,)
            One sequence. It is drawn and explained in the form that the LSTM reads, after the transformers of
            a pipeline.
        method : {"gradients", "occlusion"}, default="gradients"
            `LSTMClassifier.input_gradients` or `occlusion_importance`.
        output, at, response_method
            As in these.
        feature_names : list of str, default=None
            Names of the features that the LSTM reads.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a figure.
        **options
            For "occlusion": `by`, `window`, `baseline`, `n_jobs`.

        Returns
        -------
        InputImportanceDisplay
        """
        check_choice("method", method, ("gradients", "occlusion"))
        lstm, sequences = unwrap_with(estimator, [x])
        asked = {"output": output, "at": at, "response_method": response_method}
        if method == "occlusion":
            importances = occlusion_importance(lstm, sequences, **asked, **options)[0]
        elif options:
            raise TypeError(f"method='gradients' takes no {next(iter(options))}: that is for 'occlusion'.")
        else:
            importances = lstm.input_gradients(sequences, **asked)[0]
        values = sequences.values.toarray() if sequences.is_sparse else sequences.values
        name = None if output is None else str(output)
        if output is None and hasattr(lstm, "classes_"):
            predicted = lstm.predict(sequences)[0]
            name = str(predicted[at] if lstm.network_.return_sequences else predicted)
        what = {"gradients": "derivative", "occlusion": "fall"}[method]
        display = cls(
            importances,
            values,
            feature_names=names_of(lstm, feature_names)["feature_names"],
            label=f"{what} of {check_response(lstm, response_method)}",
            output_name=name,
        )
        return display.plot(figure=figure)

    def plot(self, *, figure: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self
        """
        shape = np.shape(self.x)
        importances = np.broadcast_to(self.importances, shape)
        if figure is None:
            size = (9, 3 + 0.25 * min(shape[1], 20))
            figure = pyplot_of(self).figure(figsize=size, layout="constrained")
        axes = figure.subplots(2, sharex=True)
        self.figure_, self.axes_ = figure, dict(zip(("input", "importance"), axes, strict=True))
        names = self.feature_names or [f"feature {i}" for i in range(shape[1])]
        self._draw_input(self.axes_["input"], names)
        image = image_over_time(self.axes_["importance"], importances, self.label, "feature")
        image.set(cmap="RdBu_r", clim=symmetric(importances))
        if len(names) <= MOST_LINES:
            self.axes_["importance"].set_yticks(range(len(names)), names)
            self.axes_["importance"].set_ylabel("")
        of = "" if self.output_name is None else f" for {self.output_name}"
        self.axes_["input"].set_title("Input", loc="left", fontsize="medium")
        self.axes_["importance"].set_title(f"Importance{of}", loc="left", fontsize="medium")
        self.axes_["importance"].set_xlabel("time step")
        whole_numbers(self.axes_["importance"].xaxis)
        return self

    def _draw_input(self, ax, names):
        if len(names) > MOST_LINES:
            image_over_time(ax, self.x, "value", "feature")
            return
        steps = np.arange(len(self.x))
        for name, column in zip(names, self.x.T, strict=True):
            ax.plot(steps, column, label=name, marker="." * (len(steps) < 30))
        ax.set_ylabel("value")
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small", frameon=False)
