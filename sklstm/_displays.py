"""Pictures of learning, of what a network does over time, of its weights and of its errors; matplotlib."""

from dataclasses import replace

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklstm._learning.losses import LOSSES
from sklstm._messages import shown
from sklstm._sequences import as_step_targets

GATES = ("input_gate", "forget_gate", "output_gate")
PARTS = ("input", *GATES[:2], "cell_input", "cell_state", "output_gate", "cell", "hidden", "output")
TITLES = {
    "input": "Input",
    "input_gate": "Input gate",
    "forget_gate": "Forget gate",
    "cell_input": "Cell input g(net)",
    "cell_state": "Cell state s",
    "output_gate": "Output gate",
    "cell": "Cell output",
    "hidden": "Hidden units",
    "output": "Output",
}
MOST_LINES = 8  # more units are an image
MOST_NAMES = 40  # more rows or columns have the names of their groups only


class LossCurveDisplay:
    """Loss, and score on held-out sequences, after each epoch.

    Parameters
    ----------
    losses : array-like of shape (n_epochs,)
        Mean loss of each epoch.
    scores : array-like of shape (n_epochs,) or None, default=None
        Scores on sequences held out.
    loss_name, score_name : str
        Labels of the two axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Of the loss.
    score_ax_ : matplotlib Axes or None
        Of the score, at the right.
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

    def __init__(self, losses, scores=None, *, loss_name="loss", score_name="score"):
        self.losses = losses
        self.scores = scores
        self.loss_name = loss_name
        self.score_name = score_name

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
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
        lstm, _ = _last_step(estimator)
        score = "accuracy" if hasattr(lstm, "classes_") else "R²"
        return cls(
            lstm.loss_curve_,
            lstm.validation_scores_ or None,
            loss_name=LOSSES[lstm.loss].label,
            score_name=score,
        ).plot(ax=ax)

    def plot(self, *, ax=None):
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
            ax = _pyplot(self).subplots(layout="constrained")[1]
        self.ax_, self.score_ax_, self.figure_ = ax, None, ax.figure
        epochs = np.arange(1, len(self.losses) + 1)
        marker = "o" if len(epochs) == 1 else None
        lines = ax.plot(epochs, self.losses, "C0", marker=marker, label="training loss")
        if np.min(self.losses) > 0:
            ax.set_yscale("log")
        ax.set(xlabel="epoch", ylabel=f"mean {self.loss_name}")
        _whole_numbers(ax.xaxis)
        if self.scores is not None:
            self.score_ax_ = ax.twinx()
            lines += self.score_ax_.plot(epochs, self.scores, "C1", marker=marker, label="held-out score")
            self.score_ax_.set_ylabel(self.score_name)
        ax.legend(handles=lines, loc="upper center", bbox_to_anchor=(0.5, 1.12), ncols=2, frameon=False)
        return self


class ActivationsDisplay:
    """Inputs, gates, cell states and outputs of one sequence over time.

    Up to eight units of a kind are drawn as lines, more as an image with one row per unit.

    Parameters
    ----------
    activations : dict of str to ndarray
        One of `LSTMClassifier.activations`, with the arrays "input" and "output" of all time steps.
    block_size : int, default=1
        Cells of a block.
    feature_names, output_names : list of str or None, default=None
        Names of the columns of "input" and "output"; None numbers them.
    output_name : str, default="output"
        What an output is.

    Attributes
    ----------
    axes_ : dict of str to matplotlib Axes
        The panels, by the names of the activations.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import ActivationsDisplay, LSTMRegressor
    >>> X = np.random.default_rng(0).normal(size=(20, 5, 1))
    >>> reg = LSTMRegressor(n_blocks=2, solver="lbfgs", random_state=0).fit(X, X.sum(axis=(1, 2)))
    >>> list(ActivationsDisplay.from_estimator(reg, X[0], parts=["cell_state", "output"]).axes_)
    ['cell_state', 'output']
    """

    def __init__(
        self, activations, *, block_size=1, feature_names=None, output_names=None, output_name="output"
    ):
        self.activations = activations
        self.block_size = block_size
        self.feature_names = feature_names
        self.output_names = output_names
        self.output_name = output_name

    @classmethod
    def from_estimator(cls, estimator, x, *, parts=None, feature_names=None, figure=None):
        """Draw what a fitted estimator does with one sequence.

        Without `return_sequences`, too, the outputs are shown at every step: what the answer would be if the
        sequence ended there.

        Parameters
        ----------
        estimator : LSTMClassifier, LSTMRegressor, or a pipeline or search that ends in one
        x : array-like of shape (n_steps, n_features) or (n_steps,)
            One sequence.
        parts : list of str, default=None
            The panels and their order, of "input", "input_gate", "forget_gate", "cell_input",
            "cell_state", "output_gate", "cell", "hidden", "output"; None is all that there are but
            "cell_input".
        feature_names : list of str, default=None
            Names of the features of a time step.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ActivationsDisplay
        """
        lstm, sequences = _last_step(estimator, [x])
        activations = lstm.activations(sequences)[0]
        values = sequences.values
        activations["input"] = values.toarray() if sequences.is_sparse else values
        activations["output"] = _outputs_over_time(lstm, sequences)
        names = _names(lstm, feature_names)
        name = "output" if lstm.network_.output_activation == "identity" else "activation"
        if hasattr(lstm, "classes_") and lstm.network_.output_activation == "softmax":
            name = "probability"
        display = cls(activations, block_size=lstm.block_size, output_name=name, **names)
        return display.plot(parts=parts, figure=figure)

    def plot(self, *, parts=None, figure=None):
        """Draw.

        Parameters
        ----------
        parts : list of str, default=None
            See `from_estimator`.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self
        """
        there = [part for part in PARTS if self.activations.get(part, np.zeros((0, 0))).shape[1]]
        if parts is None:
            parts = [part for part in there if part != "cell_input"]
        elif unknown := [part for part in parts if part not in there]:
            raise ValueError(f"parts has {shown(unknown)}, which the network has not: it has {there}.")
        if figure is None:
            size = (9, 1 + 1.25 * len(parts))
            figure = _pyplot(self).figure(figsize=size, layout="constrained")
        axes = np.atleast_1d(figure.subplots(len(parts), sharex=True))
        self.figure_, self.axes_ = figure, dict(zip(parts, axes, strict=True))
        first = next((part for part in parts if part not in ("input", "output")), None)
        for part, ax in self.axes_.items():
            ax.set_title(TITLES[part], loc="left", fontsize="medium")
            if self.activations[part].shape[1] > MOST_LINES:
                self._image(ax, part)
            else:
                self._lines(ax, part, named=part in (first, "input", "output", "hidden"))
        axes[-1].set_xlabel("time step")
        _whole_numbers(axes[-1].xaxis)
        getattr(figure, "figure", figure).align_ylabels(axes)
        return self

    def _units(self, part):
        """Names of the units of a part, and the word for one."""
        n = self.activations[part].shape[1]
        if part == "input":
            return self.feature_names or [f"feature {i}" for i in range(n)], "feature"
        if part == "output":
            return self.output_names or [f"output {i}" for i in range(n)], "output"
        if part == "hidden":
            return [f"unit {i}" for i in range(n)], "hidden unit"
        if part in GATES or self.block_size == 1:
            return [f"block {i}" for i in range(n)], "block"
        return [f"block {i // self.block_size}, cell {i % self.block_size}" for i in range(n)], "cell"

    def _value(self, part):
        return {"input": "value", "output": self.output_name, "cell_state": "state"}.get(part, "activation")

    def _lines(self, ax, part, named):
        values = self.activations[part]
        names, _ = self._units(part)
        steps = np.arange(1, len(values) + 1)
        for i, (name, column) in enumerate(zip(names, values.T, strict=True)):
            of_cells = part in ("cell", "cell_input", "cell_state")
            block, cell = divmod(i, self.block_size) if of_cells else (i, 0)
            style = ["-", "--", ":", "-."][cell % 4]
            ax.plot(steps, column, style, color=f"C{block}", label=name, marker="." * (len(steps) < 30))
        ax.set_ylabel(self._value(part))
        ax.margins(x=0.01)
        if part in GATES:
            ax.set_ylim(-0.05, 1.05)
        if named:
            columns = 1 if len(names) <= 4 else 2
            ax.legend(
                loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small", ncols=columns, frameon=False
            )

    def _image(self, ax, part):
        values = self.activations[part]
        names, unit = self._units(part)
        if part in GATES:
            style = {"cmap": "viridis", "vmin": 0, "vmax": 1}
        elif values.min() < 0:
            style = {"cmap": "RdBu_r"} | dict(zip(("vmin", "vmax"), _symmetric(values), strict=True))
        else:
            style = {"cmap": "viridis"}
        extent = (0.5, len(values) + 0.5, len(names) - 0.5, -0.5)
        image = ax.imshow(values.T, aspect="auto", interpolation="nearest", extent=extent, **style)
        ax.figure.colorbar(image, ax=ax, label=self._value(part), pad=0.01)
        ax.set_ylabel(unit)
        _whole_numbers(ax.yaxis)


class WeightsDisplay:
    """All weights as block matrices: one row per unit, one column per source.

    Parameters
    ----------
    network : Network
    weights : ndarray of shape (n_weights,)
    feature_names, output_names : list of str or None, default=None
        Names of the inputs and of the output units; None numbers them.

    Attributes
    ----------
    matrices_ : dict of str to ndarray
        "hidden layer" and "output layer", as they are drawn; NaN where the network has no weight.
    axes_ : dict of str to matplotlib Axes
        The same names.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor, WeightsDisplay
    >>> X = np.random.default_rng(0).normal(size=(20, 5, 1))
    >>> reg = LSTMRegressor(n_blocks=2, solver="lbfgs", random_state=0).fit(X, X.sum(axis=(1, 2)))
    >>> WeightsDisplay.from_estimator(reg).matrices_["hidden layer"].shape  # cells and gates, sources
    (8, 4)
    """

    def __init__(self, network, weights, *, feature_names=None, output_names=None):
        self.network = network
        self.weights = weights
        self.feature_names = feature_names
        self.output_names = output_names

    @classmethod
    def from_estimator(cls, estimator, *, feature_names=None, figure=None):
        """Draw the weights of a fitted estimator.

        Parameters
        ----------
        estimator : LSTMClassifier, LSTMRegressor, or a pipeline or search that ends in one
        feature_names : list of str, default=None
            Names of the features of a time step.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        WeightsDisplay
        """
        lstm, _ = _last_step(estimator)
        return cls(lstm.network_, lstm.weights_, **_names(lstm, feature_names)).plot(figure=figure)

    def plot(self, *, figure=None):
        """Draw.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self
        """
        layers = {"output layer": self._output_layer()}
        if len(self.network.weight_shapes) > 1:
            layers = {"hidden layer": self._hidden_layer()} | layers
        self.matrices_ = {name: matrix for name, (matrix, _, _) in layers.items()}
        heights = [3 + min(len(matrix), MOST_NAMES) for matrix in self.matrices_.values()]
        width = max(min(matrix.shape[1], MOST_NAMES) for matrix in self.matrices_.values())
        if figure is None:
            size = (3.5 + 0.22 * width, 1.8 * len(layers) + 0.2 * sum(heights))
            figure = _pyplot(self).figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(layers), height_ratios=heights, squeeze=False)[:, 0]
        self.figure_, self.axes_ = figure, dict(zip(layers, axes, strict=True))
        limits = _symmetric(np.concatenate([matrix.ravel() for matrix in self.matrices_.values()]))
        for (name, (matrix, rows, columns)), ax in zip(layers.items(), axes, strict=True):
            image = ax.imshow(
                matrix, cmap="RdBu_r", vmin=limits[0], vmax=limits[1], aspect="auto", interpolation="nearest"
            )
            ax.set_facecolor("0.85")
            ax.set_title(name.capitalize(), loc="left")
            ax.set(xlabel="source", ylabel="unit")
            _name_groups(ax, ax.yaxis, rows, horizontal=False)
            _name_groups(ax, ax.xaxis, columns, horizontal=True)
        figure.colorbar(image, ax=list(axes), label="weight (grey: none)", shrink=0.8)
        return self

    def _hidden_layer(self):
        """Matrix, names of its rows by group, names of its columns by group."""
        net, views = self.network, self.network.views(self.weights)
        names = self._hidden_names()
        columns = {"inputs": self._inputs()}
        if net.recurrence in ("all", "gates"):
            columns |= names
        elif net.recurrence == "cells":
            columns["cells"] = names["cells"]
        if net.cell_bias or net.gate_bias:
            columns["bias"] = ["bias"]
        if net.peepholes:
            columns["peepholes"] = [f"own state {v}" for v in range(net.block_size)]
        matrix = np.full((sum(map(len, names.values())), sum(map(len, columns.values()))), np.nan)
        row = 0
        for part in ("cell", *GATES, "hidden"):
            if part in views:
                rows = slice(row, row + len(views[part]))
                if net.recurrence == "gates" and part in ("cell", "hidden"):  # inputs, and the bias
                    matrix[rows, : net.n_inputs] = views[part][:, : net.n_inputs]
                    at = net.n_inputs + net._n_recurrent
                    matrix[rows, at : at + net.cell_bias] = views[part][:, net.n_inputs :]
                else:
                    matrix[rows, : views[part].shape[1]] = views[part]
                if part + "_peephole" in views:
                    matrix[rows, -net.block_size :] = views[part + "_peephole"]
                row = rows.stop
        return matrix, names, columns

    def _output_layer(self):
        net, matrix = self.network, self.network.views(self.weights)["output"]
        names = self._hidden_names()
        columns = {group: names[group] for group in ("cells", "hidden units") if group in names}
        if net.shortcut:
            columns["inputs"] = self._inputs()
        if net.output_bias:
            columns["bias"] = ["bias"]
        outputs = self.output_names or [f"output {i}" for i in range(net.n_outputs)]
        return matrix, {"outputs": outputs}, columns

    def _hidden_names(self):
        net = self.network
        cells = [f"cell {b}" for b in range(net.n_blocks)]
        if net.block_size > 1:
            cells = [f"cell {b}.{v}" for b in range(net.n_blocks) for v in range(net.block_size)]
        names = {"cells": cells}
        for gate in GATES:
            if getattr(net, gate):
                name = gate.replace("_", " ")
                names[name + "s"] = [f"{name} {b}" for b in range(net.n_blocks)]
        names["hidden units"] = [f"hidden {i}" for i in range(net.n_hidden_units)]
        return {group: units for group, units in names.items() if units}

    def _inputs(self):
        return self.feature_names or [f"feature {i}" for i in range(self.network.n_inputs)]


class StepConfusionDisplay:
    """What is predicted for each true class, time step by time step.

    A panel a true class: the shares of the predicted classes, the right one at the bottom, and how many
    predictions there are.

    Parameters
    ----------
    counts : ndarray of shape (n_windows, n_classes, n_classes)
        How often, in each window of time steps, a true class (second axis) is predicted as a class (third).
    classes : array-like of shape (n_classes,)
        Their labels.
    window : int, default=1
        Time steps in a window.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One a true class.
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

    def __init__(self, counts, classes, *, window=1):
        self.counts = counts
        self.classes = classes
        self.window = window

    @classmethod
    def from_estimator(cls, estimator, X, y, *, window=1, figure=None):
        """Draw the predictions of a fitted classifier at every time step.

        Parameters
        ----------
        estimator : LSTMClassifier, or a pipeline or search that ends in one
        X : sequences
        y : list of arrays of shape (n_steps,), or array-like of shape (n_sequences,)
            The true labels: one per step with `return_sequences`; without, one per sequence, and what is
            predicted at a step is the label if the sequence ended there.
        window : int, default=1
            Time steps that are counted together.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        StepConfusionDisplay
        """
        lstm, sequences = _last_step(estimator, X)
        if not hasattr(lstm, "classes_"):
            raise TypeError(f"StepConfusionDisplay needs a classifier, got {type(lstm).__name__}.")
        if lstm.network_.return_sequences:
            flat = as_step_targets(y, sequences)
        elif len(y) == len(sequences):
            flat = np.repeat(np.asarray(y), sequences.lengths)
        else:
            raise ValueError(f"y must hold one label for each of {len(sequences)} sequences, got {len(y)}.")
        predicted = lstm.classes_[_outputs_over_time(lstm, sequences).argmax(axis=1)]
        cuts = sequences.offsets[1:-1]
        y_true, y_pred = np.split(flat, cuts), np.split(predicted, cuts)
        return cls.from_predictions(y_true, y_pred, classes=lstm.classes_, window=window, figure=figure)

    @classmethod
    def from_predictions(cls, y_true, y_pred, *, classes=None, window=1, figure=None):
        """Draw given predictions.

        Parameters
        ----------
        y_true, y_pred : list of arrays of shape (n_steps,)
            True and predicted labels of each sequence.
        classes : array-like, default=None
            All labels; None takes those that occur.
        window : int, default=1
            Time steps that are counted together.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        StepConfusionDisplay
        """
        if isinstance(window, bool) or not isinstance(window, int | np.integer) or window < 1:
            raise ValueError(f"window must be an integer of at least 1, got {shown(window)}.")
        lengths = [len(labels) for labels in y_true]
        if lengths != [len(labels) for labels in y_pred]:
            raise ValueError("y_true and y_pred must hold sequences of the same lengths.")
        true, predicted = np.concatenate(list(y_true)), np.concatenate(list(y_pred))
        classes = np.unique(np.append(true, predicted)) if classes is None else np.unique(classes)
        unknown = np.setdiff1d(np.append(true, predicted), classes)
        if len(unknown):
            labels, known = shown(unknown.tolist()), shown(classes.tolist())
            raise ValueError(f"the labels {labels} are not in classes {known}.")
        at = np.concatenate([np.arange(length) // window for length in lengths])
        counts = np.zeros((at.max() + 1, len(classes), len(classes)), dtype=int)
        np.add.at(counts, (at, np.searchsorted(classes, true), np.searchsorted(classes, predicted)), 1)
        return cls(counts, classes, window=window).plot(figure=figure)

    def plot(self, *, figure=None):
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
            figure = _pyplot(self).figure(figsize=size, layout="constrained")
        self.figure_ = figure
        self.axes_ = np.atleast_1d(figure.subplots(n_classes, sharex=True, sharey=True))
        edges = 0.5 + self.window * np.arange(n_windows + 1)
        for true, (ax, label) in enumerate(zip(self.axes_, self.classes, strict=True)):
            total = self.counts[:, true].sum(axis=1)
            below = np.zeros(n_windows)
            for predicted in [true, *np.delete(np.arange(n_classes), true)]:  # what is right lies below
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
            _whole_numbers(count.yaxis)
        self.axes_[-1].set_xlabel("time step")
        _whole_numbers(self.axes_[-1].xaxis)
        handles, labels = self.axes_[0].get_legend_handles_labels()
        more, names = count.get_legend_handles_labels()
        figure.legend(
            handles + more, labels + names, title="predicted", loc="outside right upper", frameon=False
        )
        return self


# ----------------------------------------------------------------------------------------------


def _pyplot(display):
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f"{type(display).__name__} needs matplotlib, which is not installed: pip install matplotlib"
        ) from error
    return pyplot


def _last_step(estimator, X=None):
    """The LSTM at the end of pipelines and searches, and X as `Sequences` as it comes there."""
    while hasattr(estimator, "best_estimator_") or hasattr(estimator, "steps"):
        if hasattr(estimator, "steps"):
            X = None if X is None else estimator[:-1].transform(X) if len(estimator) > 1 else X
            estimator = estimator[-1]
        else:
            estimator = estimator.best_estimator_
    if not hasattr(estimator, "activations"):
        raise TypeError(
            "A display needs an LSTMClassifier or LSTMRegressor, or a pipeline or search that ends in one, "
            f"got {type(estimator).__name__}."
        )
    check_is_fitted(estimator)
    return estimator, None if X is None else estimator._read_X(X, reset=False)


def _outputs_over_time(lstm, sequences):
    """Outputs after every time step of all sequences, flat: as if each sequence ended there."""
    network = replace(lstm.network_, return_sequences=True)
    return np.concatenate(list(network.forward(lstm.weights_, sequences)))


def _names(lstm, feature_names):
    """Names of features and outputs, as lists of str or None."""
    network = lstm.network_
    if feature_names is not None and len(feature_names) != network.n_inputs:
        raise ValueError(
            f"feature_names must hold {network.n_inputs} names, one a feature, got {len(feature_names)}."
        )
    return {
        "feature_names": None if feature_names is None else [str(name) for name in feature_names],
        "output_names": [str(label) for label in lstm.classes_] if hasattr(lstm, "classes_") else None,
    }


def _symmetric(values):
    largest = np.nanmax(np.abs(values)) or 1
    return -largest, largest


def _whole_numbers(axis):
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins="auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def _colour(i, n):
    from matplotlib import colormaps

    return f"C{i}" if n <= 10 else colormaps["turbo"](i / (n - 1))


def _name_groups(ax, axis, groups, horizontal):
    """Ticks with the name of each row or column, or of each group if they are many; lines between groups."""
    sizes = np.array([len(names) for names in groups.values()])
    ends = np.cumsum(sizes)
    line = ax.axvline if horizontal else ax.axhline
    for end in ends[:-1]:
        line(end - 0.5, color="k", linewidth=1)
    if ends[-1] <= MOST_NAMES:
        ticks, names = list(range(ends[-1])), [name for group in groups.values() for name in group]
    else:
        ticks, names = [], []
        for tick, name in zip(ends - (sizes + 1) / 2, groups, strict=True):
            if ticks and tick - ticks[-1] < ends[-1] / 40:  # too narrow for a name of its own
                names[-1] += f", {name}"
            else:
                ticks.append(tick)
                names.append(name)
    axis.set_ticks(ticks, names, fontsize="small")
    if horizontal:
        axis.set_tick_params(rotation=90)
