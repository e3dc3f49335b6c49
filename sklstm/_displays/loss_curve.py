"""Loss and score after each epoch."""

from typing import Any, Self

import numpy as np

from sklstm._displays._shared import pyplot_of, whole_numbers
from sklstm._estimators.nested import unwrap
from sklstm._learning.losses import LOSSES


class LossCurveDisplay:
    """Loss, and score on held-out sequences, after each epoch.

    Parameters
    ----------
    losses : array-like of shape (n_epochs,)
        Mean loss of each epoch.
    scores : array-like of shape (n_epochs,) or None, default=None
        Scores on held-out sequences.
    loss_name, score_name : str
        Labels of the two axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the loss.
    score_ax_ : matplotlib Axes or None
        Axes of the score, at the right.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import numpy as np
        >>> from sklstm import LossCurveDisplay, LSTMRegressor
    >>> X = np.random.default_rng(0).normal(size=(20, 5, 1))
    >>> reg = LSTMRegressor(n_blocks=2, solver="lbfgs", random_state=0).fit(X, X.sum(axis=(1, 2)))
    >>> LossCurveDisplay.from_estimator(reg).ax_.get_xlabel()
    'epoch'
    """

    def __init__(
        self,
        losses: Any,
        scores: Any = None,
        *,
        loss_name: str = "loss",
        score_name: str = "score",
    ) -> None:
        self.losses = losses
        self.scores = scores
        self.loss_name = loss_name
        self.score_name = score_name

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> Self:
        """Draw the learning curve of a fitted estimator.

        Parameters
        ----------
        estimator : LSTMClassifier, LSTMRegressor, or a pipeline or search that ends in one
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        LossCurveDisplay
        """
        _, lstm = unwrap(estimator)
        score = "accuracy" if hasattr(lstm, "classes_") else "R²"
        return cls(
            lstm.loss_curve_,
            lstm.validation_scores_ or None,
            loss_name=LOSSES[lstm.loss].label,
            score_name=score,
        ).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self
        """
        if ax is None:
            ax = pyplot_of(self).subplots(layout="constrained")[1]
        self.ax_, self.score_ax_, self.figure_ = ax, None, ax.figure
        epochs = np.arange(1, len(self.losses) + 1)
        marker = "o" if len(epochs) == 1 else None
        lines = ax.plot(epochs, self.losses, "C0", marker=marker, label="training loss")
        if np.min(self.losses) > 0:
            ax.set_yscale("log")
        ax.set(xlabel="epoch", ylabel=f"mean {self.loss_name}")
        whole_numbers(ax.xaxis)
        if self.scores is not None:
            self.score_ax_ = ax.twinx()
            lines += self.score_ax_.plot(epochs, self.scores, "C1", marker=marker, label="held-out score")
            self.score_ax_.set_ylabel(self.score_name)
        ax.legend(handles=lines, loc="upper center", bbox_to_anchor=(0.5, 1.12), ncols=2, frameon=False)
        return self
