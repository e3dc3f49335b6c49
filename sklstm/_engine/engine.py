"""The engine: the compiled kernel for one network and one dtype, and conversions to its arrays."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from sklstm import _cpu
from sklstm._checks import check_dtype, check_sequences, may_overflow, real_array
from sklstm._engine import layout
from sklstm._engine.batches import Order, WorkspacePool, merge_repeated, packed_batches
from sklstm._engine.states import State, check_state, read_state, write_state, zero_state
from sklstm._engine.threads import each, one_blas_thread

LINEAR = "linear"  # loss whose derivatives by the outputs are the targets: the caller gives the errors
WINDOW_BYTES = 1 << 19  # size of the activations that a forward pass without gradient keeps at once


def engine_of(network, dtype, in_layers=False):
    """Return the `Engine` of a network and a dtype, the same object in each call and in all threads.

    An engine does not change after it is made; weights and workspaces are separate objects. `in_layers` asks
    for an engine with separate output units also for a single layer, which dropout needs.
    """
    return _engine_of(network, np.dtype(dtype), _cpu.in_use(), in_layers or network._is_composed)


@lru_cache(maxsize=16)
def _engine_of(network, dtype, in_use, in_layers):
    if not in_layers:
        return Engine(network, dtype)
    from sklstm._layers.engine import LayersEngine  # it imports this module

    return LayersEngine(network, dtype)


def bind_weights(network, weights, dtype, name="weights"):
    """Return the `Engine` of a network, and padded weights; messages call the weights `name`.

    Weights of another shape are refused before arrays of the size of the network are made.
    """
    weights = real_array(weights, name, (network.n_weights,), dtype)
    engine = engine_of(network, dtype)
    return engine, engine._padded(weights)


@dataclass
class Bound:
    """Sequences, targets and weights in the form of the kernel, made by `Engine.bind`.

    Attributes
    ----------
    sequences : Sequences
        Time steps; the other attributes may refer to patches.
    inputs : ndarray of shape (n_steps, n_features), or tuple (values, columns, indptr) of a CSR matrix
        Values of the sequences as the kernel reads them.
    data : Data
        Data of the kernel.
    order : Order
        Order of all sequences.
    learned : Order
        Order of the sequences to learn from.
    targets : ndarray of shape (n_targets, n_outputs), or None
    target_weight : ndarray of shape (n_targets,) or (n_targets, n_outputs), or None
    every_step : bool
        Whether each time step has a target.
    loss : Loss, `LINEAR` or None
    masks : Masks or None
        Dropout masks of this epoch.
    """

    sequences: Any
    inputs: Any
    data: Any
    order: Order
    learned: Order
    targets: Any
    target_weight: Any
    every_step: bool
    loss: Any = None
    masks: Any = None

    @property
    def in_kernel(self):
        """Whether the kernel computes the loss."""
        return self.loss is None or self.loss == LINEAR or self.loss.in_kernel

    @property
    def n_targets(self):
        """Number of rows of targets and outputs of all sequences."""
        return int(self.order.length.sum()) if self.every_step else len(self.order)

    @property
    def row_weight(self):
        """Weight of each target; if each output has its own weight, their mean."""
        return self.target_weight if self.target_weight.ndim == 1 else self.target_weight.mean(axis=1)

    def row_of_inputs(self, step):
        """Dense inputs of one time step of all sequences."""
        values = self.sequences.values
        row = values[step] if isinstance(values, np.ndarray) else values[[step]].toarray()[0]
        return np.ascontiguousarray(row, self.targets.dtype)

    def weights_of(self, order, target_weight):
        """Sum of the weights of the targets of each of these sequences."""
        if not self.every_step:
            return target_weight[order.target]
        # One sum per sequence: differences of cumulative sums would lose small weights after a large one.
        ranges = np.column_stack([order.target, order.target + order.length])
        return np.add.reduceat(np.append(target_weight, 0.0), ranges.ravel())[::2]

    @cached_property
    def total_weight(self):
        """Sum of the weights of all targets to learn from."""
        weights = self.row_weight
        with may_overflow():
            if not (self.every_step and self.learned.length.sum() == len(weights)):  # only some of them
                weights = self.weights_of(self.learned, weights)
            return float(weights.sum())


class Engine:
    """The compiled kernel for one network and one dtype.

    Parameters
    ----------
    network : Network
    dtype : float32 or float64
    core : module or None
        The compiled kernel; None means the one that fits the network best.
    """

    def __init__(self, network, dtype, core=None):
        self.network = network
        self.dtype = check_dtype(dtype)
        self.core = core or _cpu.core(self.dtype, max(network.n_blocks, network.n_hidden_units))
        _, registers = _cpu.in_use()
        self.layout = layout.sizes_and_places(network, self.core, registers)
        n = self.layout
        self.step_bytes = self.dtype.itemsize * (n["d_row"] + n["y_row"] + 3 * n["Cp"])  # of a workspace
        self.places = layout.weight_places(network, self.layout)
        self.cell_columns = layout.cell_columns(network, self.layout)
        self.recurrent_columns = layout.recurrent_columns(network, self.layout)
        self.plan = self.core.Plan(self.layout, self.recurrent_columns, self.cell_columns)

    # ------------------------------------------------------------------------------------------
    # Python's arrays -> the kernel's

    def pad(self, weights, name="weights", finite=True):
        """Check flat weights, and convert them to padded, aligned weights of the kernel."""
        shape = (self.network.n_weights,)
        return self._padded(real_array(weights, name, shape, self.dtype, finite=finite))

    def _padded(self, weights):
        padded = self.zeros()
        with may_overflow():
            padded[self.places] = weights
        return padded

    def flat(self, padded):
        """Convert padded weights, or a padded gradient, to a flat vector."""
        return padded[self.places]

    def zeros(self):
        """Return padded weights that are all zero."""
        return self.core.zeros(self.layout["n_packed"])

    def bind(self, sequences, targets=None, target_weight=None, loss=None, *, train=None, merge=False):
        """Convert sequences, targets and weights to the form of the kernel.

        Numbers that the kernel uses as indices are checked here, before they enter the kernel.

        Parameters
        ----------
        sequences : Sequences
        targets : ndarray of shape (n_targets, n_outputs) or None
        target_weight : ndarray of shape (n_targets,), or (n_targets, n_outputs), or None
        loss : Loss, `LINEAR` or None
        train : ndarray of int or None
            Indices of the sequences to learn from; None means all.
        merge : bool
            Whether to merge equal sequences, see `merge_repeated`.

        Returns
        -------
        Bound
        """
        read = self._as_read(sequences)
        values, offsets = read.values, read.offsets
        check_sequences(values, offsets)
        if values.shape[1] != self.layout["M"]:
            raise ValueError(f"X has {values.shape[1]} features; expected {self.layout['M']}.")
        every_step, start = self.layout["every_step"], offsets[:-1]
        order = Order(start, offsets[1:] - start, start if every_step else np.arange(len(start)))
        learned = order if train is None else order[train]
        to_learn: tuple = ()
        with may_overflow():
            if targets is not None:
                self._check_targets(order, targets, target_weight)
                targets = np.asarray(targets, self.dtype)
                target_weight = np.ascontiguousarray(target_weight, np.float64)
                if merge:
                    learned, target_weight = merge_repeated(
                        learned, values, targets, target_weight, every_step
                    )
                name = loss.name if loss != LINEAR and loss.in_kernel else LINEAR
                to_learn = targets, target_weight, self.core.LOSSES[name]
            inputs = self._inputs(values)
            data = self._data(values, inputs, to_learn)
        return Bound(sequences, inputs, data, order, learned, targets, target_weight, every_step, loss)

    def _as_read(self, sequences):
        """Sequences in the form that the lowest layer reads."""
        return sequences

    def _data(self, values, inputs, to_learn):
        """Data of the kernel."""
        return self.core.Data(self.plan, inputs, *to_learn)

    def _inputs(self, values):
        """Dense rows, or the three arrays of a CSR matrix."""
        if not sparse.issparse(values):
            return np.ascontiguousarray(values, self.dtype)
        if max(values.nnz, *values.shape) > np.iinfo(np.int32).max:
            raise ValueError(
                f"X has {values.shape[0]} steps, {values.shape[1]} features and {values.nnz} numbers "
                "that are not zero; sparse sequences may have 2**31 - 1 of each: learn from parts."
            )
        return (
            np.ascontiguousarray(values.data, self.dtype),
            np.ascontiguousarray(values.indices, np.int32),
            np.ascontiguousarray(values.indptr, np.int32),
        )

    def _check_targets(self, order, targets, target_weight):
        """Refuse targets and weights that do not have one row for each target of all sequences."""
        rows = int(order.length.sum()) if self.layout["every_step"] else len(order)
        shape = (rows, self.layout["K"])
        if targets.shape != shape or target_weight.shape not in ((rows,), shape):
            found = f"the shapes {targets.shape} and {target_weight.shape}"
            raise ValueError(f"Targets and their weights have {found}; expected {shape} and {(rows,)}.")
        if target_weight.ndim == 2 and self.network.output_activation == "softmax":
            raise ValueError(
                "sample_weight has one weight per output, but softmax outputs depend on each other: give one "
                "weight per target."
            )

    def online_shapes(self):
        """Shapes of all parts of an `OnlineState` except `touched`."""
        n = self.layout
        traces = n["R"] + 1 + n["M"], n["n_partials"]
        return (1, n["R"]), (1, n["C"]), traces, (2 * n["S"], n["C"])

    def workspace(self, rows, sequences, longest, *, sparse=False, backward=True, partials=False):
        """Arrays that the kernel writes to, for packed batches of at most these sizes."""
        return self.core.Workspace(
            self.plan, rows, sequences, longest, sparse=sparse, backward=backward, partials=partials
        )

    # ------------------------------------------------------------------------------------------
    # outputs and gradients

    def forward(self, w, bound, initial_state=None, n_threads=1):
        """Outputs, one row per sequence (or per time step), and the final state.

        Long sequences are computed in windows, so that memory does not grow with the length.
        """
        order = bound.order
        state = check_state(self, initial_state, len(order))
        state = State(state.activations.copy(), state.cells.copy())
        outputs = np.empty((bound.n_targets, self.layout["K"]), self.dtype)
        batches = packed_batches(order)
        windows = [order[who].at_most(self._window(len(who))) for who in batches]
        pool = WorkspacePool(self, windows, bound.data.sparse, backward=False)

        def run(who):
            part = State(state.activations[who], state.cells[who])
            with pool.lend() as work:
                self._forward(work, w, bound.data, order[who], self._window(len(who)), part, outputs)
            state.activations[who], state.cells[who] = part

        each(run, batches, n_threads)
        return outputs, state

    def _forward(self, work, w, data, batch, window, state, outputs):
        """Compute the outputs of a packed batch, and update its state."""
        self.core.forward(self.plan, data, batch, work, w, window, *state, outputs)

    def _window(self, n_sequences):
        """Number of time steps of these sequences that a forward pass without gradient keeps at once."""
        return max(WINDOW_BYTES // (self.step_bytes * n_sequences), 1)

    def activations(self, w, bound):
        """Activations of gates and cells, and cell states, over time, by name, one sequence after another."""
        for i in range(len(bound.order)):
            one = bound.order[i : i + 1]
            yield self._activations(w, bound.data, Order(one.start, one.length, [0]))

    def _activations(self, w, data, one):
        n, T = self.layout, int(one.length[0])
        work = self.workspace(T, 1, T, sparse=data.sparse, backward=False)
        outputs = np.empty((T if n["every_step"] else 1, n["K"]), self.dtype)
        self._forward(work, w, data, one, T, zero_state(self, 1), outputs)
        return self.hidden_activations(work, T) | {"output": outputs}

    def hidden_activations(self, work, T):
        """Activations and states of T time steps of one sequence, by name."""
        n, net = self.layout, self.network
        Y = work.Y[1 : 1 + T]
        found = {"cell_input": work.G[1 : 1 + T, self.cell_columns]}
        for gate, column in (
            ("input_gate", "y_in"),
            ("forget_gate", "y_forget"),
            ("output_gate", "y_out"),
        ):
            if getattr(net, gate):
                found[gate] = Y[:, n[column] : n[column] + n["B"]].copy()
        found["cell_state"] = work.S[1 : 1 + T, self.cell_columns]
        found["cell"] = Y[:, n["y_c"] + layout.cell_places(net)]
        if n["N"]:
            found["hidden"] = Y[:, n["y_n"] : n["y_n"] + n["N"]].copy()
        return found

    def input_matrix(self, w):
        """Weights from the inputs to the hidden units, of shape (n_inputs, padded units)."""
        n = self.layout
        return w[n["w_input"] : n["w_input"] + n["M"] * n["Up"]].reshape(n["M"], n["Up"])

    def shortcut_matrix(self, w):
        """Weights from the inputs to the output units, of shape (n_inputs, padded outputs)."""
        n = self.layout
        return w[n["v_input"] : n["v_input"] + n["M"] * n["Kp"]].reshape(n["M"], n["Kp"])

    # ------------------------------------------------------------------------------------------
    # learning

    def weights(self, w, first, second, numbers):
        """Weights during learning: padded, with the arrays of the solver and its numbers."""
        return self.core.Weights(w, first, second, numbers)

    def update(self, learned):
        """One step of the solver on the whole gradient, which is zero afterwards."""
        self.core.update(self.plan, learned)

    def train(self, bound, order, work, learned, batch, at_once, record, *, full, mean):
        """Run the mini-batches of an epoch, with an update after each; return the sum of the weighted losses.

        Mini-batch k holds the sequences batch[k]..batch[k + 1] of the order, at most `at_once` in a packed
        batch. `record`, if not empty, receives the outputs before each update. If a loss is not finite, the
        function stops before the update and returns this loss.
        """
        if bound.in_kernel:
            return self.core.train(
                self.plan, bound.data, order, work, learned, full, mean, batch, at_once, record
            )
        return train_one_by_one(self, bound, order, work, learned, batch, at_once, record, full, mean)

    def gradient(self, bound, batch, work, w, full, scale, grad, *, reset=True, record=None):
        """Loss of a packed batch; add `scale` times its gradient to `grad`.

        With `reset`, states start from zero; otherwise they start from the first rows of the workspace.
        """
        if bound.in_kernel:
            return self.core.gradient(self.plan, bound.data, batch, work, w, full, scale, reset, grad)
        local, rows = batch.with_own_targets(bound.every_step)
        outputs = np.empty((len(rows), self.layout["K"]), self.dtype)
        state = zero_state(self, len(batch)) if reset else read_state(self, work, np.arange(len(batch)))
        self._forward(work, w, bound.data, local, int(batch.length.max()), state, outputs)
        if record is not None and len(record):
            record[rows] = outputs
        total, errors = bound.loss.total_and_errors(outputs, bound.targets[rows], bound.target_weight[rows])
        self.backward(bound.inputs, local, work, w, full, scale, grad, errors)
        return total

    def backward(self, inputs, batch, work, w, full, scale, grad, errors):
        """Add `scale` times the gradient by errors at the outputs, after a forward pass in one window."""
        data = self.core.Data(self.plan, inputs, errors, np.ones(len(errors)), self.core.LOSSES[LINEAR])
        self.core.gradient(self.plan, data, batch, work, w, full, scale, False, grad, is_forward_done=True)

    def loss_and_gradient(self, w, bound, full, *, initial_state=None, full_output=False):
        """Summed loss, padded gradient, and a dict with more (see `Network.loss_and_gradient`)."""
        order = bound.order
        initial = check_state(self, initial_state, len(order))
        info = _Info(self, bound) if full_output else None
        batches = packed_batches(order)
        pool = WorkspacePool(self, [order[who] for who in batches], bound.data.sparse)
        total, gradient = 0.0, self.zeros()
        with pool.lend() as work, one_blas_thread(), may_overflow():
            for who in batches:
                batch, grad = order[who], self.zeros()
                write_state(self, work, State(initial.activations[who], initial.cells[who]))
                total += self.gradient(bound, batch, work, w, full, 1.0, grad, reset=False)
                gradient += grad
                if info:
                    info.read(w, who, batch, work)
        return total, gradient, info.as_dict() if info else None


def train_one_by_one(engine, bound, order, work, learned, batch, at_once, record, full, mean):
    """Do the same as `Engine.train` where the kernel does not compute a complete mini-batch."""
    weights = bound.weights_of(order, bound.row_weight)
    total = 0.0
    for lo, hi in pairwise(batch):
        weight = float(weights[lo:hi].sum())
        if weight == 0:
            continue
        scale, value = 1 / weight if mean else 1.0, 0.0
        for at in range(lo, hi, at_once):
            some = order[at : min(at + at_once, hi)]
            value += engine.gradient(bound, some, work, learned.w, full, scale, learned.grad, record=record)
        total += value
        if not np.isfinite(value):
            break
        engine.update(learned)
    return total


class ForwardPass:
    """Forward pass that keeps all activations, and the backward pass from errors at its outputs.

    Layers are stacked in this way: the outputs of a layer are the inputs of the next layer, and the gradient
    of the next layer by its inputs gives the errors at these outputs.

    Parameters
    ----------
    engine : Engine
    w : ndarray
        Padded weights.
    bound : Bound
    initial_state : State or None

    Attributes
    ----------
    outputs : ndarray of shape (n_targets, n_outputs)
    """

    def __init__(self, engine, w, bound, initial_state=None):
        self.engine, self.w, self.bound = engine, w, bound
        order = bound.order
        state = check_state(engine, initial_state, len(order))
        self.outputs = np.empty((bound.n_targets, engine.layout["K"]), engine.dtype)
        self._kept = []
        for who in packed_batches(order):
            batch = order[who]
            rows, longest = int(batch.length.sum()), int(batch.length.max())
            work = engine.workspace(rows, len(who), longest, sparse=bound.data.sparse)
            part = State(state.activations[who], state.cells[who])
            with one_blas_thread():
                engine._forward(work, w, bound.data, batch, longest, part, self.outputs)
            self._kept.append((who, work))

    def backward(self, errors, full=True):
        """Padded gradient from errors at the outputs, and a dict with more (see `Network.backward`)."""
        engine, order = self.engine, self.bound.order
        bound = engine.bind(self.bound.sequences, errors, np.ones(len(errors)), LINEAR)
        info, gradient = _Info(engine, bound), engine.zeros()
        for who, work in self._kept:
            batch, grad = order[who], engine.zeros()
            with one_blas_thread(), may_overflow():
                engine.core.gradient(
                    engine.plan, bound.data, batch, work, self.w, full, 1.0, False, grad, is_forward_done=True
                )
            gradient += grad
            info.read(self.w, who, batch, work)
        return gradient, info.as_dict()


class _Info:
    """Results of a backward pass besides the gradient of the weights."""

    def __init__(self, engine, bound):
        n, n_steps = engine.layout, int(bound.order.length.sum())
        self.engine = engine
        self.final, self.slope = (zero_state(engine, len(bound.order)) for _ in range(2))
        self.inputs = np.zeros((n_steps, n["M"]), engine.dtype)
        self.columns = layout.unit_columns(engine.network, n)
        self.deltas = {
            name: np.zeros((n_steps, len(columns)), engine.dtype) for name, columns in self.columns.items()
        }
        if not n["is_layer"]:
            self.deltas["output"] = np.zeros((bound.n_targets, n["K"]), engine.dtype)

    def read(self, w, who, batch, work):
        """Copy the results of the kernel for the packed batch of these sequences."""
        engine, n = self.engine, self.engine.layout
        rows, sequences, index = int(batch.length.sum()), len(batch), np.arange(len(batch))
        last = read_state(engine, work, work.first[batch.length] + index)
        self.final.activations[who], self.final.cells[who] = last
        self.slope.activations[who] = work.E[np.ix_(index, engine.recurrent_columns)]
        self.slope.cells[who] = work.ES[np.ix_(index, engine.cell_columns)]
        D, steps = work.D[sequences : sequences + rows], work.step[:rows]
        for name, columns in self.columns.items():
            self.deltas[name][steps] = D[:, columns]
        self.inputs[steps] = D[:, : n["Up"]] @ engine.input_matrix(w).T
        if n["is_layer"]:
            return
        n_targets = rows if n["every_step"] else sequences
        self.deltas["output"][work.target[:n_targets]] = work.OD[:n_targets, : n["K"]]
        if n["shortcut"]:
            at = work.step[work.target_row[:n_targets] - sequences]
            self.inputs[at] += work.OD[:n_targets] @ engine.shortcut_matrix(w).T

    def as_dict(self):
        """The dict that `Network.loss_and_gradient` returns."""
        return {
            "inputs": self.inputs,
            "initial_state": self.slope,
            "final_state": self.final,
            "deltas": self.deltas,
        }
