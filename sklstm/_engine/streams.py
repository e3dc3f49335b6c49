"""Sequences that go on from call to call: their states, and one time step after the other."""

from typing import NamedTuple

import numpy as np

from sklstm._checks import check_indices, real_array
from sklstm._engine.batches import sequences_at_once
from sklstm._engine.threads import one_blas_thread

RESET = ": call reset_state()"  # what helps where the state of streams does not


class State(NamedTuple):
    """State of a network between two time steps.

    Attributes
    ----------
    activations : ndarray of shape (n_sequences, n_recurrent)
        Activations that recur, in the order of the columns of the weights: cells, input gates, forget
        gates, output gates, conventional hidden units (those that recur).
    cells : ndarray of shape (n_sequences, n_cells)
        Internal states of the cells; cell v of block b has the index ``b * block_size + v``.
    """

    activations: np.ndarray
    cells: np.ndarray


class OnlineState(NamedTuple):
    """State of one sequence in real-time learning between two time steps.

    Attributes
    ----------
    activations, cells : ndarray
        The `State` of the sequence.
    traces : ndarray of shape (n_recurrent + 1 + n_inputs, n_columns)
        Partials: derivatives of the internal states by the weights of cells, input and forget gates.
    peephole_traces : ndarray of shape (2 * block_size, n_cells)
        The same by the peepholes.
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
    """State -> the first rows of a workspace."""
    n_sequences = len(state.cells)
    work.Y[:n_sequences, engine.recurrent_columns] = state.activations
    work.S[:n_sequences, engine.cell_columns] = state.cells


# ----------------------------------------------------------------------------------------------
# OnlineState


def zero_online_state(engine):
    """Online state before the first time step."""
    numbers = [np.zeros(shape, engine.dtype) for shape in _shapes(engine.layout)]
    return OnlineState._make([*numbers, np.zeros(0, np.int32)])


def _shapes(n):
    """Shapes of all of an online state but `touched`."""
    return (1, n["R"]), (1, n["C"]), (n["R"] + 1 + n["M"], n["n_partials"]), (2 * n["S"], n["C"])


def read_online_state(engine, work, sparse):
    """Read what `train_steps` of the kernel goes on from; padding is left out."""
    n = engine.layout
    touched = work.touched[: work.n_touched[0]] if sparse else np.arange(n["M"], dtype=np.int32)
    activations, cells = read_state(engine, work, np.arange(1))
    return OnlineState(
        activations,
        cells,
        work.P[: n["R"] + 1 + n["M"], : n["n_partials"]].copy(),
        work.PP[:, engine.cell_columns].copy(),
        touched.copy(),
    )


def write_online_state(engine, work, state, sparse):
    """Let `train_steps` go on from here; refuse what is not of this engine or not finite."""
    n = engine.layout
    check_indices(state.touched, "_online_states.touched", n["M"], once=True)
    activations, cells, traces, peephole_traces = (
        real_array(part, f"_online_states.{name}", shape, engine.dtype, remedy=RESET)
        for name, part, shape in zip(OnlineState._fields, state, _shapes(n), strict=False)
    )
    write_state(engine, work, State(activations, cells))
    work.P[: n["R"] + 1 + n["M"], : n["n_partials"]] = traces
    work.PP[:, engine.cell_columns] = peephole_traces
    if sparse:
        work.n_touched[0] = len(state.touched)
        work.touched[: len(state.touched)] = state.touched
        work.is_touched[:] = 0
        work.is_touched[state.touched] = 1


class Stepper:
    """Streams under way: their state, and all that one more time step needs, in the kernel's form.

    Parameters
    ----------
    engine : Engine
    network : Network
        Whoever steps asks whether it is still the one: `engine` may be shared by equal networks.
    weights : array-like of shape (n_weights,)
        A contiguous array may be changed in place between two calls; anything else is copied.
    padded : ndarray
        The same, as `bind_weights` gives them.
    n_streams : int
    state : State or None
        None is zero.

    Attributes
    ----------
    weights : ndarray
        The array that was given, or the copy.
    step : callable
        ``step(weights, x)`` gives the outputs after the inputs x, or None; see `Step` in _core.pyx.
    """

    def __init__(self, engine, network, weights, padded, n_streams, state):
        self.engine, self.network, self.n_streams = engine, network, n_streams
        n = engine.layout
        state = check_state(engine, state, n_streams, "_stream", RESET)
        is_array = isinstance(weights, np.ndarray) and weights.flags.c_contiguous
        self.weights = weights if is_array else padded
        at_once = min(n_streams, sequences_at_once(1))
        self._work = engine.workspace(n_streams, n_streams, 1, backward=False)
        write_state(engine, self._work, state)
        self._step = engine.core.Step(engine.plan, self._work, n_streams, at_once, self.weights, padded)
        largest = at_once * max(n["Up"], n["Kp"]) * max(n["M"], n["R"], n["H"])
        self.step = self._step_of_blas if largest >= engine.core.LEAST_OF_BLAS else self._step.advance

    def _step_of_blas(self, weights, x):
        with one_blas_thread():
            return self._step.advance(weights, x)

    @property
    def state(self):
        """`State`, a copy."""
        return read_state(self.engine, self._work, np.arange(self.n_streams))
