"""The network in the form of other libraries: each memory cell has its own gates, which read cells only.

Units that other libraries do not have become cells:

- Gates that the cells of a block share: each cell gets a copy.
- A gate that is absent: it becomes a gate that its bias keeps open.
- A logistic unit whose activation is an input of other units, that is a conventional hidden unit or, if all
  units recur, a gate: it becomes the output gate of a cell whose state is always the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sklstm._engine.layout import SQUASHING
from sklstm._typing import Array

ROWS = ("input_gate", "forget_gate", "cell", "output_gate")  # the order of torch and Keras
INPUT, FORGET, CELL, OUTPUT = range(4)
OPEN = 100.0  # net input at which a gate is 1 in double precision; at -OPEN it is 0


@dataclass(frozen=True)
class Cells:
    """Memory cells of one layer in one direction.

    Parameters
    ----------
    inputs : ndarray of shape (4, n_cells, n_inputs)
        Weights from the inputs to input gates, forget gates, cells and output gates; in an upper layer the
        inputs are the cells of the layer below, of both directions.
    recurrent : ndarray of shape (4, n_cells, n_cells)
        Weights from the cells at the previous step.
    biases : ndarray of shape (4, n_cells)
    peepholes : ndarray of shape (3, n_cells) or None
        Weights from the state of a cell to its input, forget and output gate.
    """

    inputs: Array
    recurrent: Array
    biases: Array
    peepholes: Array | None


@dataclass(frozen=True)
class CellNetwork:
    """Layers of memory cells, and the output units that read the last one.

    Parameters
    ----------
    layers : list of list of Cells
        For each layer, the lowest first, the forward direction and, if there is one, the backward direction.
    cell_input_activation, cell_output_activation : str
        Squashing functions g and h.
    pooling : tuple of {"last", "mean", "max"}
        What the output units read of the steps, in this order.
    outputs : ndarray of shape (n_outputs, n_poolings * n_directions * n_cells)
        Weights from the cells to the output units.
    shortcut : ndarray of shape (n_outputs, n_inputs) or None
        Weights from the inputs to the output units.
    output_biases : ndarray of shape (n_outputs,)
    patch : int, default=1
        Number of time steps that are joined to one before the first layer; the last step is repeated to fill
        the last patch.
    """

    layers: list[list[Cells]]
    cell_input_activation: str
    cell_output_activation: str
    pooling: tuple[str, ...]
    outputs: Array
    shortcut: Array | None
    output_biases: Array
    patch: int = 1

    @property
    def n_cells(self) -> int:
        """Number of memory cells of one layer in one direction."""
        return self.layers[0][0].biases.shape[1]

    @property
    def n_features(self) -> int:
        """Number of features of a time step."""
        return self.layers[0][0].inputs.shape[2] // self.patch

    @property
    def bidirectional(self) -> bool:
        """Whether each layer has a backward direction."""
        return len(self.layers[0]) == 2

    @property
    def peepholes(self) -> bool:
        """Whether the gates read the states of the cells."""
        return self.layers[0][0].peepholes is not None

    def scaled(self, center: Array, factor: Array) -> CellNetwork:
        """Network that reads x where this one reads ``(x - center) * factor``."""
        center, factor = np.tile(center, self.patch), np.tile(factor, self.patch)
        lowest = [
            replace(
                cells,
                inputs=cells.inputs * factor,
                biases=cells.biases - cells.inputs @ (center * factor),
            )
            for cells in self.layers[0]
        ]
        scaled = replace(self, layers=[lowest, *self.layers[1:]])
        if self.shortcut is None:
            return scaled
        return replace(
            scaled,
            shortcut=self.shortcut * factor,
            output_biases=self.output_biases - self.shortcut @ (center * factor),
        )

    def with_tanh(self) -> CellNetwork | None:
        """Cells that compute the same without peepholes and with tanh for g and h; None if there are none.

        With g(x) = a tanh(b x) and h(s) = c tanh(d s), the state d s follows the same equation with
        d a tanh(b x) instead of g. This is a tanh if d a = 1, which holds for the functions of 1997:
        2 tanh(x / 2) and tanh(s / 2).
        """
        g, h = as_tanh(self.cell_input_activation), as_tanh(self.cell_output_activation)
        if self.peepholes or g is None or h is None or g[0] * h[1] != 1:
            return None
        rows = np.ones((4, 1, 1))
        rows[CELL] = g[1]
        layers = [
            [
                replace(
                    cells,
                    inputs=cells.inputs * rows * (h[0] if i else 1),
                    recurrent=cells.recurrent * rows * h[0],
                    biases=cells.biases * rows[:, :, 0],
                )
                for cells in layer
            ]
            for i, layer in enumerate(self.layers)
        ]
        return replace(
            self,
            layers=layers,
            cell_input_activation="tanh",
            cell_output_activation="tanh",
            outputs=self.outputs * h[0],
        )


def as_tanh(name: str) -> tuple[float, float] | None:
    """Factors a and b of a squashing function a tanh(b x); None for other functions."""
    form = SQUASHING[name]
    if form is None or form[1] != -2 * form[2]:
        return None
    slope, _, shift = form
    return -shift, slope / 2


def squashed(name: str, x: float) -> float:
    """Value of a squashing function."""
    form = SQUASHING[name]
    if form is None:
        return x
    slope, scale, shift = form
    return shift + scale / (1 + float(np.exp(-slope * x)))


def cells_of(network: Any, weights: Any, target: str) -> CellNetwork:
    """Write a network as layers of memory cells.

    Parameters
    ----------
    network : Network
    weights : ndarray of shape (n_weights,)
    target : str
        Name of the destination in messages.

    Returns
    -------
    CellNetwork

    Raises
    ------
    ValueError
        If this is not possible; the message names the argument, and says what to do.
    """
    _check(network, target)
    views = {name: np.asarray(part, np.float64) for name, part in network.views(weights).items()}
    n_directions = 1 + network.bidirectional
    layers: list[list[Cells]] = [[] for _ in range(network.n_layers)]
    for prefix, layer, net in network._parts:
        parts = {name.removeprefix(prefix): part for name, part in views.items() if name.startswith(prefix)}
        cells, read = _cells(net, parts)
        if layer:
            cells = replace(cells, inputs=cells.inputs @ np.kron(np.eye(n_directions), read))
        layers[layer].append(cells)
    output, n_features = views["output"], network._n_features
    end = n_features + network.shortcut * network._input_width
    return CellNetwork(
        layers=layers,
        cell_input_activation=network.cell_input_activation,
        cell_output_activation=network.cell_output_activation,
        pooling=network._poolings,
        outputs=output[:, :n_features] @ np.kron(np.eye(n_directions * len(network._poolings)), read),
        shortcut=output[:, n_features:end] if network.shortcut else None,
        output_biases=output[:, -1] if network.output_bias else np.zeros(len(output)),
        patch=network.patch_size,
    )


def _cells(network: Any, parts: dict[str, Array]) -> tuple[Cells, Array]:
    """Cells of one layer in one direction, and its features as a function of their activations.

    Parameters
    ----------
    network : Network
        Network of this layer and direction.
    parts : dict of str to ndarray
        Its weights.

    Returns
    -------
    cells : Cells
        The memory cells, then gates and conventional hidden units whose activations are inputs of others.
    read : ndarray of shape (n_features, n_cells)
        Matrix that selects the activations of memory cells and conventional hidden units.
    """
    gates = network._gates
    units = [*(gates if _gates_are_seen(network) else []), *(["hidden"] if network.n_hidden_units else [])]
    sizes = [len(parts[name]) for name in units]
    n_inputs, n_cells, block_size = network.n_inputs, network.n_cells, network.block_size
    n_all = n_cells + sum(sizes)
    inputs, recurrent = np.zeros((4, n_all, n_inputs)), np.zeros((4, n_all, n_all))
    biases = np.zeros((4, n_all))

    def write(row: int, start: int, name: str, copies: int = 1) -> None:
        """Copy the weights of the units of this name to the cells from `start` on."""
        part = np.repeat(parts[name], copies, axis=0)
        has_bias = network.gate_bias if name in gates else network.cell_bias
        end, n_sources = start + len(part), part.shape[1] - n_inputs - has_bias
        inputs[row, start:end] = part[:, :n_inputs]
        recurrent[row, start:end, :n_sources] = part[:, n_inputs : n_inputs + n_sources]
        if has_bias:
            biases[row, start:end] = part[:, -1]

    for row, name in enumerate(ROWS):
        if name in parts:
            write(row, 0, name, 1 if name == "cell" else block_size)
        elif name != "cell":
            biases[row, :n_cells] = OPEN
    start = n_cells
    for name, size in zip(units, sizes, strict=True):
        write(OUTPUT, start, name)
        start += size
    # states of the cells that are logistic units: g, the same at each step
    is_identity = SQUASHING[network.cell_input_activation] is None
    biases[INPUT, n_cells:], biases[FORGET, n_cells:] = OPEN, -OPEN
    biases[CELL, n_cells:] = 1.0 if is_identity else OPEN
    state = squashed(network.cell_input_activation, biases[CELL, -1] if n_all > n_cells else 0.0)
    activation = squashed(network.cell_output_activation, state)  # that of such a cell with an open gate
    recurrent[:, :, n_cells:] /= activation

    n_hidden_units = network.n_hidden_units
    read = np.zeros((n_cells + n_hidden_units, n_all))
    read[:n_cells, :n_cells] = np.eye(n_cells)
    read[n_cells:, n_all - n_hidden_units :] = np.eye(n_hidden_units) / activation
    peepholes = None
    if network.peepholes:
        peepholes = np.zeros((3, n_all))
        for row, gate in enumerate(("input_gate", "forget_gate", "output_gate")):
            if gate in parts:
                peepholes[row, :n_cells] = parts[gate + "_peephole"][:, 0]
    return Cells(inputs, recurrent, biases, peepholes), read


def _gates_are_seen(network: Any) -> bool:
    """Whether gates read the activations of gates."""
    return bool(network._gates) and network.recurrence in ("all", "gates")


def _check(network: Any, target: str) -> None:
    """Refuse a network that memory cells cannot express."""
    if network.n_blocks == network.n_hidden_units == 0:
        raise ValueError(
            f"{target} needs hidden units, but the network has n_blocks=0 and n_hidden_units=0: it is a "
            "linear function of the inputs of one step."
        )
    if network.peepholes and network.block_size > 1:
        raise ValueError(
            f"{target} cannot express peepholes=True with block_size={network.block_size}: there, a gate "
            "reads the state of its own cell, not those of the other cells of the block. Fit with "
            "block_size=1, or with peepholes=False."
        )
    if network.peepholes and _gates_are_seen(network):
        raise ValueError(
            f"{target} cannot express peepholes=True with recurrence={network.recurrence!r}: there, units "
            "read the activations of cells only, never those of gates with peepholes. Fit with "
            "recurrence='cells', or with peepholes=False."
        )
