"""States of sequences that continue from call to call, as users' arrays and as rows of a workspace."""

from typing import Any, NamedTuple, Self

import numpy as np

from sklstm._checks import check_indices, real_array

RESET = ": call reset_state()"  # advice if the state of streams does not fit


class State(NamedTuple):
    """State of a network between two time steps.

    Attributes
    ----------
    activations : ndarray of shape (n_sequences, n_recurrent)
        Activations that recur, in the order of the columns of the weights: cells, input gates, forget
        gates, output gates, conventional hidden units (those that recur).
    cells : ndarray of shape (n_sequences, n_cells)
        Internal states of the cells; cell v of block b has the index ``b * block_size + v``.

    Notes
    -----
    With several layers, the columns of the lowest layer come first; the columns of two directions are
    adjacent. The first step of the backward direction is the last step of the sequence.
    """

    activations: np.ndarray
    cells: np.ndarray

    def take(self, index: Any) -> Self:
        """Copy of the state of some of the sequences."""
        return type(self)(self.activations[index], self.cells[index])

    def __repr__(self) -> str:
        """Return the sizes as text."""
        try:
            (n_sequences, n_recurrent), n_cells = self.activations.shape, self.cells.shape[1]
        except (AttributeError, IndexError, TypeError, ValueError):  # the parts are no such arrays
            return f"State({self.activations!r}, {self.cells!r})"
        units = f"{n_recurrent} recurrent activations, {n_cells} cells"
        return f"<State: {n_sequences} sequences, {units}, {self.cells.dtype}>"


class OnlineState(NamedTuple):
    """State of one sequence in real-time learning between two time steps.

    Attributes
    ----------
    activations, cells : ndarray
        The `State` of the sequence.
    traces : ndarray of shape (n_recurrent + 1 + n_inputs, n_columns)
        Partials: derivatives of the internal states by the weights of cells, input gates and forget gates.
    peephole_traces : ndarray of shape (2 * block_size, n_cells)
        Derivatives by the peepholes.
    touched : ndarray of int
        Inputs whose traces are not all zero, in the order in which they came.
    """

    activations: np.ndarray
    cells: np.ndarray
    traces: np.ndarray
    peephole_traces: np.ndarray
    touched: np.ndarray


# ----------------------------------------------------------------------------------------------
# State


def zero_state(engine, n_sequences):
    """State before the first time step."""
    n = engine.layout
    return State(np.zeros((n_sequences, n["R"]), engine.dtype), np.zeros((n_sequences, n["C"]), engine.dtype))


def check_state(engine, state, n_sequences, name="initial_state", remedy=""):
    """Return a state in the engine's dtype, checked; or zeros if None."""
    if state is None:
        return zero_state(engine, n_sequences)
    try:
        activations, cells = state
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a State(activations, cells), got {type(state).__name__}.") from None
    shapes = (n_sequences, engine.layout["R"]), (n_sequences, engine.layout["C"])
    return State(
        real_array(activations, f"{name}.activations", shapes[0], engine.dtype, remedy=remedy),
        real_array(cells, f"{name}.cells", shapes[1], engine.dtype, remedy=remedy),
    )


def read_state(engine, work, rows):
    """State in these rows of a workspace, in the users' order."""
    rows = rows[:, np.newaxis]
    return State(work.Y[rows, engine.recurrent_columns], work.S[rows, engine.cell_columns])


def write_state(engine, work, state):
    """Write a state to the first rows of a workspace."""
    n_sequences = len(state.cells)
    work.Y[:n_sequences, engine.recurrent_columns] = state.activations
    work.S[:n_sequences, engine.cell_columns] = state.cells


# ----------------------------------------------------------------------------------------------
# OnlineState


def zero_online_state(engine):
    """Online state before the first time step."""
    numbers = [np.zeros(shape, engine.dtype) for shape in engine.online_shapes()]
    return OnlineState._make([*numbers, np.zeros(0, np.int32)])


def read_online_state(engine, work, sparse, row=0):
    """Read the state from which `train_steps` of the kernel continues; padding is left out."""
    n = engine.layout
    touched = work.touched[: work.n_touched[0]] if sparse else np.arange(n["M"], dtype=np.int32)
    activations, cells = read_state(engine, work, np.array([row]))
    return OnlineState(
        activations,
        cells,
        work.P[: n["R"] + 1 + n["M"], : n["n_partials"]].copy(),
        work.PP[:, engine.cell_columns].copy(),
        touched.copy(),
    )


def write_online_state(engine, work, state, sparse):
    """Write the state from which `train_steps` continues; refuse one that does not fit or is not finite."""
    n = engine.layout
    check_indices(state.touched, "_online_states.touched", n["M"], once=True)
    activations, cells, traces, peephole_traces = (
        real_array(part, f"_online_states.{name}", shape, engine.dtype, remedy=RESET)
        for name, part, shape in zip(OnlineState._fields, state, engine.online_shapes(), strict=False)
    )
    write_state(engine, work, State(activations, cells))
    work.P[: n["R"] + 1 + n["M"], : n["n_partials"]] = traces
    work.PP[:, engine.cell_columns] = peephole_traces
    if sparse:
        work.n_touched[0] = len(state.touched)
        work.touched[: len(state.touched)] = state.touched
        work.is_touched[:] = 0
        work.is_touched[state.touched] = 1
