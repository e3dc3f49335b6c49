"""Activations of a network over one sequence."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from sklstm._displays._shared import (
    GATES,
    MOST_LINES,
    image_over_time,
    names_of,
    outputs_over_time,
    pyplot_of,
    whole_numbers,
)
from sklstm._estimators.nested import unwrap_with
from sklstm._messages import shown
from sklstm._sequences.patches import patch_of_steps
from sklstm._typing import Array

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


class ActivationsDisplay:
    """Inputs, gates, cell states and outputs of one sequence over time.

    Up to eight units of a kind are drawn as lines, more as an image with one row per unit.

    Parameters
    ----------
    activations : dict of str to ndarray
        Result of `LSTMClassifier.activations` for one sequence, with the arrays "input" and "output" of all
        time steps.
    block_size : int, default=1
        Number of cells of a block.
    feature_names, output_names : list of str or None, default=None
        Names of the columns of "input" and "output"; None numbers them.
    output_name : str, default="output"
        Word for an output.

    Attributes
    ----------
    axes_ : dict of str to matplotlib Axes
        Panels, by the names of the activations.
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
        self,
        activations: dict[str, Array],
        *,
        block_size: int = 1,
        feature_names: list[str] | None = None,
        output_names: list[str] | None = None,
        output_name: str = "output",
    ) -> None:
        self.activations = activations
        self.block_size = block_size
        self.feature_names = feature_names
        self.output_names = output_names
        self.output_name = output_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        x: Any,
        *,
        parts: Sequence[str] | None = None,
        feature_names: Sequence[Any] | None = None,
        figure: Any = None,
    ) -> Self:
        """Draw the activations of a fitted estimator while it reads one sequence.

        The outputs are shown at every step, also without `return_sequences`: they are those that the network
        would give if the sequence ended there. If steps are read in patches, all steps of a patch have its
        activations.

        Parameters
        ----------
        estimator : LSTMClassifier, LSTMRegressor, or a pipeline or search that ends in one
        x : array-like of shape (n_steps, n_features) or (n_steps,)
            One sequence.
        parts : list of str, default=None
            The panels and their order, from "input", "input_gate", "forget_gate", "cell_input",
            "cell_state", "output_gate", "cell", "hidden", "output"; None means all that exist except
            "cell_input". With several layers or directions, a name stands for all of them, and
            "layer_0.forward.cell" for a single one.
        feature_names : list of str, default=None
            Names of the features of a time step.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ActivationsDisplay
        """
        lstm, sequences = unwrap_with(estimator, [x])
        patch = patch_of_steps(sequences.lengths, lstm.network_.patch_size)
        activations = {
            name: part[patch] for name, part in lstm.activations(sequences)[0].items() if name != "output"
        }
        values = sequences.values
        activations["input"] = values.toarray() if sequences.is_sparse else values
        activations["output"] = outputs_over_time(lstm, sequences)
        names = names_of(lstm, feature_names)
        name = "output" if lstm.network_.output_activation == "identity" else "activation"
        if hasattr(lstm, "classes_") and lstm.network_.output_activation == "softmax":
            name = "probability"
        display = cls(activations, block_size=lstm.block_size, output_name=name, **names)
        return display.plot(parts=parts, figure=figure)

    def plot(self, *, parts: Sequence[str] | None = None, figure: Any = None) -> Self:
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
        there = self._parts()
        if parts is None:
            parts = [part for part in there if _kind(part) != "cell_input"]
        else:
            known = {*there, *map(_kind, there)}
            if unknown := [part for part in parts if part not in known]:
                raise ValueError(
                    f"parts has {shown(unknown)}, which the network does not have: it has {there}."
                )
            parts = [name for part in parts for name in there if part in (name, _kind(name))]
        if figure is None:
            size = (9, 1 + 1.25 * len(parts))
            figure = pyplot_of(self).figure(figsize=size, layout="constrained")
        axes = np.atleast_1d(figure.subplots(len(parts), sharex=True))
        self.figure_, self.axes_ = figure, dict(zip(parts, axes, strict=True))
        first = next((part for part in parts if part not in ("input", "output")), None)
        for part, ax in self.axes_.items():
            ax.set_title(_title(part), loc="left", fontsize="medium")
            if self.activations[part].shape[1] > MOST_LINES:
                self._image(ax, part)
            else:
                self._lines(ax, part, named=part == first or _kind(part) in ("input", "output", "hidden"))
        axes[-1].set_xlabel("time step")
        whole_numbers(axes[-1].xaxis)
        getattr(figure, "figure", figure).align_ylabels(axes)
        return self

    def _parts(self):
        """Names of all panels: the inputs, the parts of each layer, the outputs."""
        prefixes = dict.fromkeys(name[: -len(_kind(name))] for name in self.activations)
        middle = [prefix + kind for prefix in prefixes for kind in PARTS[1:-1]]
        names = ["input", *middle, "output"]
        return [name for name in names if self.activations.get(name, np.zeros((0, 0))).shape[1]]

    def _units(self, part):
        """Names of the units of a part, and the word for one unit."""
        n, part = self.activations[part].shape[1], _kind(part)
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
        return {"input": "value", "output": self.output_name, "cell_state": "state"}.get(
            _kind(part), "activation"
        )

    def _lines(self, ax, part, named):
        values = self.activations[part]
        names, _ = self._units(part)
        steps = np.arange(len(values))
        for i, (name, column) in enumerate(zip(names, values.T, strict=True)):
            of_cells = _kind(part) in ("cell", "cell_input", "cell_state")
            block, cell = divmod(i, self.block_size) if of_cells else (i, 0)
            style = ["-", "--", ":", "-."][cell % 4]
            ax.plot(steps, column, style, color=f"C{block}", label=name, marker="." * (len(steps) < 30))
        ax.set_ylabel(self._value(part))
        ax.margins(x=0.01)
        if _kind(part) in GATES:
            ax.set_ylim(-0.05, 1.05)
        if named:
            columns = 1 if len(names) <= 4 else 2
            ax.legend(
                loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small", ncols=columns, frameon=False
            )

    def _image(self, ax, part):
        _, unit = self._units(part)
        image = image_over_time(ax, self.activations[part], self._value(part), unit)
        if _kind(part) in GATES:
            image.set_clim(0, 1)


def _kind(part):
    """Name of a part without its layer and direction."""
    return part.rpartition(".")[2]


def _title(part):
    *where, kind = part.split(".")
    return ", ".join([TITLES[kind], *(word.replace("_", " ") for word in where)])
