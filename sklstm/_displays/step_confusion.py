"""Predictions for each true class over time."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from sklstm._displays._shared import outputs_over_time, pyplot_of, whole_numbers
from sklstm._estimators.nested import unwrap_with
from sklstm._messages import shown
from sklstm._sequences import check_ids, masked_steps, read_steps, read_targets, split_steps
from sklstm._typing import Array


class StepConfusionDisplay:
    """Predictions for each true class, time step by time step.

    There is one panel per true class, with the shares of the predicted classes, the correct one at the
    bottom, and the number of predictions.

    Parameters
    ----------
    counts : ndarray of shape (n_windows, n_classes, n_classes)
        How often a true class (second axis) is predicted as a class (third axis), in each window of steps.
    classes : array-like of shape (n_classes,)
        Labels of the classes.
    window : int, default=1
        Number of time steps per window.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One Axes per true class.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import StepConfusionDisplay
    >>> y_true = [np.array(["a", "b", "b"]), np.array(["b", "b"])]
    >>> y_pred = [np.array(["a", "a", "b"]), np.array(["b", "b"])]
    >>> StepConfusionDisplay.from_predictions(y_true, y_pred).counts[1]  # both are b, one is seen as a
    array([[0, 0],
           [1, 1]])
    """

    def __init__(self, counts: Array, classes: Any, *, window: int = 1) -> None:
        self.counts = counts
        self.classes = classes
        self.window = window

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: Any, *, window: int = 1, figure: Any = None) -> Self:
        """Draw the predictions of a fitted classifier at every time step.

        Parameters
        ----------
        estimator : LSTMClassifier, or a pipeline or search that ends in one
        X : sequences
        y : list of arrays of shape (n_steps,), or array-like of shape (n_sequences,)
            The true labels: one per step with `return_sequences`, otherwise one per sequence. In the latter
            case, the prediction at a step is that for a sequence that ends there.
        window : int, default=1
            Number of time steps that are counted together.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        StepConfusionDisplay
        """
        lstm, sequences = unwrap_with(estimator, X)
        if not hasattr(lstm, "classes_"):
            raise TypeError(f"StepConfusionDisplay needs a classifier, got {type(lstm).__name__}.")
        if getattr(lstm, "_multilabel", False):
            raise TypeError("StepConfusionDisplay needs one label per step or sequence, not several columns.")
        if lstm.network_.return_sequences:
            targets = read_targets(y, sequences, True)
            counted = targets.counted()
            y_true = masked_steps(targets.natural(counted), ~counted, sequences.offsets)
        elif len(y) == len(sequences):
            check_ids(y, sequences)
            y_true = split_steps(np.repeat(np.asarray(y), sequences.lengths), sequences.offsets)
        else:
            raise ValueError(f"y must hold one label for each of {len(sequences)} sequences, got {len(y)}.")
        predicted = lstm.classes_[outputs_over_time(lstm, sequences).argmax(axis=1)]
        y_pred = split_steps(predicted, sequences.offsets)
        return cls.from_predictions(y_true, y_pred, classes=lstm.classes_, window=window, figure=figure)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        classes: npt.ArrayLike | None = None,
        window: int = 1,
        figure: Any = None,
    ) -> Self:
        """Draw given predictions.

        Parameters
        ----------
        y_true, y_pred : list of arrays of shape (n_steps,)
            True and predicted labels of each sequence. Steps whose true label is missing (NaN, None,
            pandas.NA, masked) are not counted.
        classes : array-like, default=None
            All labels; None means those that occur.
        window : int, default=1
            Number of time steps that are counted together.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        StepConfusionDisplay
        """
        if isinstance(window, bool) or not isinstance(window, int | np.integer) or window < 1:
            raise ValueError(f"window must be an integer of at least 1, got {shown(window)}.")
        targets = read_steps(y_true, None, "y_true")
        lengths = np.diff(targets.offsets).tolist()
        if lengths != [len(labels) for labels in y_pred]:
            raise ValueError("y_true and y_pred must hold sequences of the same lengths.")
        counted = targets.counted()
        true, predicted = targets.natural(counted)[counted], np.concatenate(list(y_pred))[counted]
        classes = np.unique(np.append(true, predicted)) if classes is None else np.unique(classes)
        unknown = np.setdiff1d(np.append(true, predicted), classes)
        if len(unknown):
            labels, known = shown(unknown.tolist()), shown(classes.tolist())
            raise ValueError(f"the labels {labels} are not in classes {known}.")
        at = np.concatenate([np.arange(length) // window for length in lengths])
        n_windows, at = at.max() + 1, at[counted]
        counts = np.zeros((n_windows, len(classes), len(classes)), dtype=int)
        np.add.at(counts, (at, np.searchsorted(classes, true), np.searchsorted(classes, predicted)), 1)
        return cls(counts, classes, window=window).plot(figure=figure)

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
        n_windows, n_classes, _ = self.counts.shape
        if figure is None:
            size = (8, 1.2 + 1.3 * n_classes)
            figure = pyplot_of(self).figure(figsize=size, layout="constrained")
        self.figure_ = figure
        self.axes_ = np.atleast_1d(figure.subplots(n_classes, sharex=True, sharey=True))
        edges = -0.5 + self.window * np.arange(n_windows + 1)
        for true, (ax, label) in enumerate(zip(self.axes_, self.classes, strict=True)):
            total = self.counts[:, true].sum(axis=1)
            below = np.zeros(n_windows)
            for predicted in [true, *np.delete(np.arange(n_classes), true)]:  # the correct one at the bottom
                top = below + 100 * self.counts[:, true, predicted] / np.maximum(total, 1)
                ax.stairs(
                    top,
                    edges,
                    baseline=below,
                    fill=True,
                    color=_colour(predicted, n_classes),
                    label=str(self.classes[predicted]),
                )
                below = top
            ax.set_title(f"True class: {label}", loc="left", fontsize="medium")
            ax.set(ylim=(0, 100), xlim=(edges[0], edges[-1]), ylabel="predicted [%]")
            ax.set_facecolor("0.85")
            count = ax.twinx()
            count.stairs(total, edges, color="k", label="count (right)")
            count.set(ylim=(0, 1.1 * max(total.max(), 1)), ylabel="count")
            whole_numbers(count.yaxis)
        self.axes_[-1].set_xlabel("time step")
        whole_numbers(self.axes_[-1].xaxis)
        handles, labels = self.axes_[0].get_legend_handles_labels()
        more, names = count.get_legend_handles_labels()
        figure.legend(
            handles + more, labels + names, title="predicted", loc="outside right upper", frameon=False
        )
        return self


def _colour(i, n):
    from matplotlib import colormaps

    return f"C{i}" if n <= 10 else colormaps["turbo"](i / (n - 1))
