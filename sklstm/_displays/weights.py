"""All weights of a network."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from sklstm._displays._shared import GATES, names_of, pyplot_of, symmetric
from sklstm._estimators.nested import unwrap
from sklstm._network import Network
from sklstm._typing import Array

MOST_NAMES = 40  # with more rows or columns, only groups have names


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
        The matrices as drawn, with NaN where the network has no weight: "hidden layer" (if there are several,
        "hidden layer (layer 0, forward)" and so on) and "output layer".
    axes_ : dict of str to matplotlib Axes
        Axes with the same names.
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

    def __init__(
        self,
        network: Network,
        weights: Array,
        *,
        feature_names: list[str] | None = None,
        output_names: list[str] | None = None,
    ) -> None:
        self.network = network
        self.weights = weights
        self.feature_names = feature_names
        self.output_names = output_names

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, feature_names: Sequence[Any] | None = None, figure: Any = None
    ) -> Self:
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
        _, lstm = unwrap(estimator)
        return cls(lstm.network_, lstm.weights_, **names_of(lstm, feature_names)).plot(figure=figure)

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
        layers = {"output layer": self._output_layer()}
        if len(self.network.weight_shapes) > 1:
            layers = self._hidden_layers() | layers
        self.matrices_ = {name: matrix for name, (matrix, _, _) in layers.items()}
        heights = [3 + min(len(matrix), MOST_NAMES) for matrix in self.matrices_.values()]
        width = max(min(matrix.shape[1], MOST_NAMES) for matrix in self.matrices_.values())
        if figure is None:
            size = (3.5 + 0.22 * width, 1.8 * len(layers) + 0.2 * sum(heights))
            figure = pyplot_of(self).figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(layers), height_ratios=heights, squeeze=False)[:, 0]
        self.figure_, self.axes_ = figure, dict(zip(layers, axes, strict=True))
        limits = symmetric(np.concatenate([matrix.ravel() for matrix in self.matrices_.values()]))
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

    def _hidden_layers(self):
        """Results of `_hidden_layer` for each layer and direction."""
        views, layers = self.network.views(self.weights), {}
        directions = len(self.network._last_layer())
        below = [name for group in self._sources(directions).values() for name in group]
        for prefix, layer, net in self.network._parts:
            own = {name[len(prefix) :]: part for name, part in views.items() if name.startswith(prefix)}
            where = ", ".join(prefix.replace("_", " ").split(".")[:-1])
            name = f"hidden layer ({where})" if where else "hidden layer"
            layers[name] = self._hidden_layer(net, own, below if layer else self._inputs())
        return layers

    def _sources(self, directions):
        """Names of the cells and hidden units that another layer reads, by group."""
        names, sources = self._hidden_names(), {}
        for direction in ("", " backward")[:directions]:
            for group in ("cells", "hidden units"):
                if group in names:
                    sources[group + direction] = [name + direction for name in names[group]]
        return sources

    def _hidden_layer(self, net, views, inputs):
        """Matrix, names of its rows by group, names of its columns by group."""
        names = self._hidden_names()
        columns = {"inputs": inputs}
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
        columns = {}
        for pooling in net._poolings:
            for group, names in self._sources(len(net._last_layer()) if net._n_features else 1).items():
                word = f", {pooling}" if net.pooling != "last" else ""
                columns[group + word] = [name + word for name in names]
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
        names = self.feature_names or [f"feature {i}" for i in range(self.network.n_inputs)]
        steps = range(self.network.patch_size)
        return names if len(steps) == 1 else [f"{name}, step {t}" for t in steps for name in names]


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
