"""The network as other libraries have it: memory cells with gates of their own, which see cells only.

The units that they lack are written as cells:

- Gates that the cells of a block share: each cell has a copy.
- A gate that is absent: a gate whose bias holds it open.
- A logistic unit of which somebody sees the activation, that is a conventional hidden unit or, if all units
  recur, a gate: a cell whose state is always the same, so that its output gate is the unit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sklstm._engine.layout import SQUASHING
from sklstm._typing import Array

ROWS = ("input_gate", "forget_gate", "cell", "output_gate")  # the order of torch and Keras
INPUT, FORGET, CELL, OUTPUT = range(4)
OPEN = 100.0  # net input at which a gate is 1, in double precision, and at which -OPEN makes it 0


@dataclass(frozen=True)
class Cells:
    """Memory cells, and the output units that read them.

    Parameters
    ----------
    inputs : ndarray of shape (4, n_cells, n_inputs)
        Weights from the inputs to input gates, forget gates, cells and output gates.
    recurrent : ndarray of shape (4, n_cells, n_cells)
        Weights from the cells at the step before.
    biases : ndarray of shape (4, n_cells)
    peepholes : ndarray of shape (3, n_cells) or None
        Weights from the state of a cell to its input, forget and output gate.
    cell_input_activation, cell_output_activation : str
        Squashing functions g and h.
    outputs : ndarray of shape (n_outputs, n_cells)
        Weights from the cells to the output units.
    shortcut : ndarray of shape (n_outputs, n_inputs) or None
        Weights from the inputs to the output units.
    output_biases : ndarray of shape (n_outputs,)
    """

    inputs: Array
    recurrent: Array
    biases: Array
    peepholes: Array | None
    cell_input_activation: str
    cell_output_activation: str
    outputs: Array
    shortcut: Array | None
    output_biases: Array

    @property
    def n_cells(self) -> int:
        """Number of memory cells."""
        return self.biases.shape[1]

    def scaled(self, center: Array, factor: Array) -> Cells:
        """Cells that read x where these read ``(x - center) * factor``."""
        biases = self.biases - self.inputs @ (center * factor)
        if self.shortcut is None:
            return replace(self, inputs=self.inputs * factor, biases=biases)
        return replace(
            self,
            inputs=self.inputs * factor,
            biases=biases,
            shortcut=self.shortcut * factor,
            output_biases=self.output_biases - self.shortcut @ (center * factor),
        )

    def with_tanh(self) -> Cells | None:
        """The same function of cells without peepholes whose g and h are tanh; None if there is none.

        With g(x) = a tanh(b x) and h(s) = c tanh(d s), the state d s follows the same equation with d a
        tanh(b x) in place of g, which is a tanh if d a = 1: of 1997's functions this is so, 2 tanh(x / 2) and
        tanh(s / 2).
        """
        g, h = as_tanh(self.cell_input_activation), as_tanh(self.cell_output_activation)
        if self.peepholes is not None or g is None or h is None or g[0] * h[1] != 1:
            return None
        rows = np.ones((4, 1, 1))
        rows[CELL] = g[1]
        return replace(
            self,
            inputs=self.inputs * rows,
            recurrent=self.recurrent * rows * h[0],
            biases=self.biases * rows[:, :, 0],
            cell_input_activation="tanh",
            cell_output_activation="tanh",
            outputs=self.outputs * h[0],
        )


def as_tanh(name: str) -> tuple[float, float] | None:
    """Factors a and b where a squashing function is a tanh(b x); None of one that is not."""
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


def cells_of(network: Any, weights: Any, target: str) -> Cells:
    """Write a network as memory cells.

    Parameters
    ----------
    network : Network
    weights : ndarray of shape (n_weights,)
    target : str
        What the messages call the destination.

    Returns
    -------
    Cells

    Raises
    ------
    ValueError
        If the network cannot be written so; the message names the argument, and what to do.
    """
    parts = {name: np.asarray(part, np.float64) for name, part in network.views(weights).items()}
    gates = [name for name in ("input_gate", "forget_gate", "output_gate") if name in parts]
    gates_are_seen = bool(gates) and network.recurrence not in ("cells", "none")
    _check(network, gates_are_seen, target)
    n_inputs, n_cells, block_size = network.n_inputs, network.n_cells, network.block_size
    units = [*(gates if gates_are_seen else []), *(["hidden"] if network.n_hidden_units else [])]
    shapes = [len(parts[name]) for name in units]
    n_all = n_cells + sum(shapes)

    inputs, recurrent = np.zeros((4, n_all, n_inputs)), np.zeros((4, n_all, n_all))
    biases = np.zeros((4, n_all))

    def write(row: int, start: int, name: str, copies: int = 1) -> None:
        """Weights of the units of this name as those of cells from `start` on."""
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
    for name, size in zip(units, shapes, strict=True):
        write(OUTPUT, start, name)
        start += size
    # states of the cells that are logistic units: g, the same at each step
    is_identity = SQUASHING[network.cell_input_activation] is None
    biases[INPUT, n_cells:], biases[FORGET, n_cells:] = OPEN, -OPEN
    biases[CELL, n_cells:] = 1.0 if is_identity else OPEN
    state = squashed(network.cell_input_activation, biases[CELL, -1] if n_all > n_cells else 0.0)
    recurrent[:, :, n_cells:] /= squashed(network.cell_output_activation, state)

    output, at = parts["output"], n_cells + network.n_hidden_units
    outputs = np.zeros((len(output), n_all))
    outputs[:, :n_cells] = output[:, :n_cells]
    outputs[:, n_all - network.n_hidden_units :] = output[:, n_cells:at]
    outputs[:, n_cells:] /= squashed(network.cell_output_activation, state)
    peepholes = None
    if network.peepholes:
        peepholes = np.zeros((3, n_all))
        for row, gate in enumerate(("input_gate", "forget_gate", "output_gate")):
            if gate in parts:
                peepholes[row, :n_cells] = parts[gate + "_peephole"][:, 0]
    return Cells(
        inputs=inputs,
        recurrent=recurrent,
        biases=biases,
        peepholes=peepholes,
        cell_input_activation=network.cell_input_activation,
        cell_output_activation=network.cell_output_activation,
        outputs=outputs,
        shortcut=output[:, at : at + n_inputs] if network.shortcut else None,
        output_biases=output[:, -1] if network.output_bias else np.zeros(len(output)),
    )


def _check(network: Any, gates_are_seen: bool, target: str) -> None:
    """Refuse a network that memory cells cannot express."""
    if network._is_composed:
        raise ValueError(
            f"{target} takes one layer that reads step by step in one direction and ends with its last "
            f"activations, got {network!r}: fit with n_layers=1, n_patches=None, bidirectional=False and "
            "pooling='last'."
        )
    if network.n_blocks == network.n_hidden_units == 0:
        raise ValueError(
            f"{target} needs hidden units, but the network has n_blocks=0 and n_hidden_units=0: it is a "
            "linear function of the inputs of one step."
        )
    if network.peepholes and network.block_size > 1:
        raise ValueError(
            f"{target} cannot express peepholes=True with block_size={network.block_size}: a gate there sees "
            "the state of its own cell, not those of the other cells of the block. Fit with block_size=1, "
            "or with peepholes=False."
        )
    if network.peepholes and gates_are_seen:
        raise ValueError(
            f"{target} cannot express peepholes=True with recurrence={network.recurrence!r}: there, units "
            "see the activations of cells only, never those of gates with peepholes. Fit with "
            "recurrence='cells', or with peepholes=False."
        )
