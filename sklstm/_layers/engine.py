"""The engine of a network of several layers, in one or both directions of time; each part is an engine.

If time steps are read in patches, "time step" means a patch in this file.

The output units are an engine, too: that of a network without hidden units, which reads the outputs of the
last layer. Its steps are the targets of a packed batch.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from sklstm._checks import check_dtype, may_overflow
from sklstm._engine import layout
from sklstm._engine.batches import Order, WorkspacePool, packed_batches
from sklstm._engine.engine import LINEAR, Bound, Engine, engine_of, train_one_by_one
from sklstm._engine.states import State, check_state, zero_state
from sklstm._engine.threads import each, one_blas_thread
from sklstm._layers.pooling import Pooling
from sklstm._sequences.patches import patched, steps_of_patches

SPARE = 16  # gap between the weights of two parts
LEAST_AT_ONCE = 16  # sequences of a packed batch
CACHE_BYTES = 1 << 22  # size of the activations of all layers, for a gradient, that stay in the cache


@dataclass
class Part:
    """One layer in one direction.

    Attributes
    ----------
    prefix : str
        Prefix of the names of its weights.
    engine : Engine
    layer : int
    backward : bool
        Whether it reads sequences from their ends.
    weights : slice
        Place in the padded weights.
    recurrent, cells : slice
        Columns of a `State`.
    """

    prefix: str
    engine: Engine
    layer: int
    backward: bool
    weights: slice
    recurrent: slice
    cells: slice


class LayersEngine(Engine):
    """Engines of the layers and of the output units, with the interface of one engine.

    Parameters
    ----------
    network : Network
    dtype : float32 or float64
    """

    plan = None

    def __init__(self, network, dtype):
        self.network, self.dtype = network, check_dtype(dtype)
        self.parts: list[Part] = []
        self.head: Any = None
        recurrent = cells = at = 0
        places = []
        for prefix, layer, net in network._parts:
            engine = engine_of(net, dtype)
            n = engine.layout
            self.parts.append(
                Part(
                    prefix,
                    engine,
                    layer,
                    prefix.endswith("backward."),
                    slice(at, at + n["n_packed"]),
                    slice(recurrent, recurrent + n["R"]),
                    slice(cells, cells + n["C"]),
                )
            )
            places.append(at + engine.places)
            recurrent, cells, at = recurrent + n["R"], cells + n["C"], at + n["n_packed"] + SPARE
        if network.n_outputs:
            self.head = Engine(_output_units(network), dtype, self.parts[0].engine.core)
            self.head_weights = slice(at, at + self.head.layout["n_packed"])
            places.append(at + self.head.places)
            at = self.head_weights.stop + SPARE
        self.core = self.parts[0].engine.core
        self.places, self.n_packed = np.concatenate(places), at
        self.last = [part for part in self.parts if part.layer == network.n_layers - 1]
        self.pools = not network.return_sequences and network.pooling != "last"
        self.in_one_call = bool(self.head and not self.pools and not network.shortcut)
        self.step_bytes = sum(part.engine.step_bytes for part in self.parts)
        self.layout = {
            "M": network._input_width,
            "K": network._output_width,
            "R": recurrent,
            "C": cells,
            "every_step": network.return_sequences,
        }

    def zeros(self):
        """Return padded weights that are all zero."""
        return self.core.zeros(self.n_packed)

    def online_shapes(self):
        """Shapes of all parts of an `OnlineState` except `touched`."""
        traces, below = 0, 0
        for part in self.parts:
            (_, (_, n_cells), shape, _) = part.engine.online_shapes()
            traces += np.prod(shape) + n_cells * below
            below += part.engine.network.n_weights
        peepholes = sum(np.prod(part.engine.online_shapes()[3]) for part in self.parts)
        return (1, self.layout["R"]), (1, self.layout["C"]), (int(traces),), (int(peepholes),)

    def _as_read(self, sequences):
        size = self.network.patch_size
        return sequences if size == 1 else patched(sequences, size)

    def _data(self, values, inputs, to_learn):
        lowest = self.parts[0].engine
        ways = [inputs, self._inputs(values[::-1])] if self.network.bidirectional else [inputs]
        ways = [(way, lowest.core.Data(lowest.plan, way)) for way in ways]
        targets = None
        if self.in_one_call and to_learn:
            no_inputs = np.empty((0, self.network._n_features), self.dtype)
            targets = self.core.Data(self.head.plan, no_inputs, *to_learn)
        return LayersData(ways, values, targets)

    def workspace(self, rows, sequences, longest, *, sparse=False, backward=True, partials=False):
        """Workspaces of all parts."""
        several = max(sequences, 2)  # room for the inputs: only those of a single sequence are not copied
        works = [
            part.engine.workspace(
                rows,
                several if part.layer else sequences,
                longest,
                sparse=sparse and not part.layer,
                backward=backward,
            )
            for part in self.parts
        ]
        n_targets = rows if self.layout["every_step"] else sequences
        head = self.head and self.head.workspace(n_targets, 2, n_targets, backward=backward)
        layers = None
        if self.in_one_call and backward:
            layers = self.core.Layers(
                [*(part.engine.plan for part in self.parts), self.head.plan],
                [*works, head],
                [*(part.backward for part in self.parts), False],
                [*(part.weights.start for part in self.parts), self.head_weights.start],
                1 + self.network.bidirectional,
            )
        return LayersWorkspace(works, head, layers, (rows, sequences, longest))

    # ------------------------------------------------------------------------------------------
    # outputs

    def forward(self, w, bound, initial_state=None, n_threads=1):
        """Outputs, one row per sequence (or per time step), and the final state."""
        order = bound.order
        state = check_state(self, initial_state, len(order))
        state = State(state.activations.copy(), state.cells.copy())
        outputs = np.empty((bound.n_targets, self.layout["K"]), self.dtype)
        batches = packed_batches(order)
        windows = [order[who].at_most(self._window(len(who))) for who in batches]
        pool = WorkspacePool(self, windows, bound.data.sparse, backward=False)

        def run(who):
            batch = order[who]
            _, rows = batch.with_own_targets(bound.every_step)
            with pool.lend() as work:
                run = LayersPass(self, bound, batch, work, w, state.take(who), self._window(len(who)))
                outputs[rows] = run.outputs()
            state.activations[who], state.cells[who] = run.state

        each(run, batches, n_threads)
        return outputs, state

    def _window(self, n_sequences):
        return min(part.engine._window(n_sequences) for part in self.parts)

    def activations(self, w, bound):
        """Activations of gates and cells, and cell states, over time, by name, one sequence after another."""
        for i in range(len(bound.order)):
            one = bound.order[i : i + 1]
            T = int(one.length[0])
            work = self.workspace(T, 1, T, sparse=bound.data.sparse, backward=False)
            run = LayersPass(self, bound, one, work, w, zero_state(self, 1), T)
            found = {}
            for part, own in zip(self.parts, work.parts, strict=True):
                for name, values in part.engine.hidden_activations(own, T).items():
                    found[part.prefix + name] = values[::-1] if part.backward else values
            yield found | {"output": run.outputs()}

    # ------------------------------------------------------------------------------------------
    # learning

    def weights(self, w, first, second, numbers):
        """Weights during learning, as one vector and by parts."""
        engines = [(part.engine, part.weights) for part in self.parts]
        engines += [(self.head, self.head_weights)] if self.head else []
        return LayersWeights(engines, w, first, second, numbers)

    def update(self, learned):
        """One step of the solver on the whole gradient, which is zero afterwards."""
        learned.update()

    def train(self, bound, order, work, learned, batch, at_once, record, *, full, mean):
        """See `Engine.train`."""
        return train_one_by_one(self, bound, order, work, learned, batch, at_once, record, full, mean)

    def gradient(self, bound, batch, work, w, full, scale, grad, *, reset=True, record=None):
        """Loss of a packed batch, from states of zero; add `scale` times its gradient to `grad`."""
        if self.in_one_call and bound.in_kernel and not bound.masks:
            return self._gradient_in_one_call(bound, batch, work, w, full, scale, grad, record)
        _, rows = batch.with_own_targets(bound.every_step)
        longest, state = int(batch.length.max()), zero_state(self, len(batch))
        run = LayersPass(self, bound, batch, work, w, state, longest, bound.masks)
        if record is not None and len(record):
            record[rows] = run.outputs()
        return run.loss_and_errors(bound, rows, full, scale, grad)

    def _gradient_in_one_call(self, bound, batch, work, w, full, scale, grad, record):
        """Do the same as a `LayersPass` in the kernel, with few enough sequences at once for the cache."""
        at_once = max(LEAST_AT_ONCE, CACHE_BYTES // (self.step_bytes * int(batch.length[0])))
        if record is None:
            record = np.empty((0, self.layout["K"]), self.dtype)
        data, data_from_end = bound.data.ways[0][1], bound.data.ways[-1][1]
        return self.core.gradient_of_layers(
            work.layers,
            data,
            data_from_end,
            bound.data.targets,
            batch,
            at_once,
            w,
            full,
            scale,
            grad,
            record,
        )

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
                longest = int(batch.length.max())
                run = LayersPass(self, bound, batch, work, w, initial.take(who), longest)
                _, rows = batch.with_own_targets(bound.every_step)
                own = info and info.of(who, rows, run.steps)
                total += run.loss_and_errors(bound, rows, full, 1.0, grad, own)
                gradient += grad
        return total, gradient, info and info.as_dict()


def _output_units(network):
    """The output units as a network that reads the outputs of the last layer."""
    return type(network)(
        network._n_features + network.shortcut * network._input_width,
        network.n_outputs,
        n_blocks=0,
        shortcut=True,
        output_bias=network.output_bias,
        output_activation=network.output_activation,
        return_sequences=True,
    )


@dataclass
class LayersData:
    """Inputs of the lowest layer in the form of the kernel, forwards and, if needed, backwards."""

    ways: list[tuple[Any, Any]]
    values: Any  # the given values, or patches of them
    targets: Any  # of the kernel, if it computes the gradient in one call

    @property
    def n_steps(self):
        """Number of time steps, or patches, of all sequences."""
        return self.values.shape[0]

    @property
    def sparse(self):
        """Whether the values are sparse."""
        return self.ways[0][1].sparse


@dataclass
class LayersWorkspace:
    """Workspaces of the parts and of the output units."""

    parts: list[Any]
    head: Any
    layers: Any  # of the kernel, if it computes the gradient in one call
    capacity: tuple[int, int, int]


class Masks:
    """Dropout masks of the inputs of each layer and of the output units, one mask per sequence.

    Parameters
    ----------
    network : Network
    n_sequences : int
    rate : float
        Fraction of the inputs that is left out; the others are multiplied by 1 / (1 - rate).
    rng : RandomState
    dtype : float32 or float64
    """

    def __init__(self, network, n_sequences, rate, rng, dtype):
        widths = {layer: net.n_inputs for _, layer, net in network._parts}
        features = network._n_features + network.shortcut * network._input_width
        shapes = [(n_sequences, width) for width in [*widths.values(), features]]
        self._kept = [rng.random_sample(shape) >= rate for shape in shapes]
        self._scale = np.dtype(dtype).type(1 / (1 - rate))

    def of(self, index):
        """Factors of the inputs of these sequences, of each layer and of the output units."""
        return [kept[index] * self._scale for kept in self._kept]


class LayersWeights:
    """Weights, gradient and solver state during learning, each in one vector; solvers update part by part.

    Parameters
    ----------
    engines : list of tuple of Engine and slice
        The parts, and the places of their weights.
    w, first, second : ndarray
    hyper : ndarray of float64
        See `solver_numbers`.
    """

    CLIP, N_UPDATES = 7, -1  # indices in the array of numbers of a solver

    def __init__(self, engines, w, first, second, hyper):
        self.w, self.first, self.second, self.hyper = w, first, second, hyper
        self.grad = np.zeros_like(w)
        self._parts = [
            (engine, at, engine.weights(w[at], first[at], second[at], hyper.copy())) for engine, at in engines
        ]

    def update(self):
        """One step of the solver; clipping uses the norm of all parts."""
        clip = self.hyper[self.CLIP]
        if clip > 0:
            norm = np.sqrt(np.sum(self.grad.astype(np.float64, copy=False) ** 2))
            if norm > clip:
                scale = self.grad.dtype.type(clip / norm)
                self.grad *= scale if scale else np.nan  # a step of zero would hide the divergence
        for engine, at, part in self._parts:
            part.hyper[:] = self.hyper
            part.hyper[self.CLIP] = 0
            part.grad[:] = self.grad[at]
            engine.update(part)
        self.grad[:] = 0
        self.hyper[self.N_UPDATES] += 1


class LayersPass:
    """Forward pass of all layers for a packed batch, and the backward pass of the errors.

    Rows of activations are the time steps of one sequence after another, in the order of the batch. Parts
    that read backwards have all rows in reverse order.

    Parameters
    ----------
    engine : LayersEngine
    bound : Bound
    batch : Order
        The longest sequence first.
    work : LayersWorkspace
    w : ndarray
        Padded weights.
    state : State
        State before the first step; it becomes the final state.
    window : int
        Number of time steps that the workspace keeps at once. The backward pass needs all time steps.
    masks : Masks or None
        Dropout masks.

    Attributes
    ----------
    features : ndarray of shape (n_targets, n_features)
        Inputs of the output units.
    """

    def __init__(self, engine, bound, batch, work, w, state, window, masks=None):
        self.engine, self.work, self.w, self.batch, self.window = engine, work, w, batch, window
        self.state, self.n_total = state, bound.data.n_steps
        self.lengths = batch.length
        ends = np.cumsum(self.lengths)
        self.n_rows = int(ends[-1])
        self.starts = (ends - self.lengths, self.n_rows - ends)  # forwards, backwards
        self.steps = np.repeat(batch.start - self.starts[0], self.lengths) + np.arange(self.n_rows)  # of all
        self.masks = masks and masks.of(np.searchsorted(bound.order.start, batch.start))
        self.pooling = None
        self._run(bound)

    def _run(self, bound):
        net = self.engine.network
        self.calls = []  # for each part: its inputs, and the order of its sequences in them
        H: Any = None
        for layer in range(net.n_layers):
            directions = [part for part in self.engine.parts if part.layer == layer]
            ways = self._inputs_of(layer, bound, H, len(directions))
            outputs = [self._forward(part, *way) for part, way in zip(directions, ways, strict=True)]
            H = outputs[0] if len(outputs) == 1 else np.hstack(outputs)
        if self.engine.pools:
            n_backward = H.shape[1] // 2 * net.bidirectional
            self.pooling = Pooling(net._poolings, self.lengths, n_backward)
            H = self.pooling.forward(H)
        if net.shortcut:
            H = np.hstack([H, self._last_inputs(bound)])
        if self.masks:
            H = H * self._mask_of_features()
        self.features = np.ascontiguousarray(H)

    def _mask_of_features(self):
        mask = self.masks[-1]
        return np.repeat(mask, self.lengths, axis=0) if self.engine.network.return_sequences else mask

    def _inputs_of(self, layer, bound, H, n_directions):
        """Inputs of a layer, and first steps of the sequences in them, for each direction."""
        if layer == 0 and not self.masks:
            starts = self.batch.start, self.n_total - self.batch.start - self.lengths
            return list(zip(bound.data.ways, starts, strict=False))
        if layer == 0:
            H = bound.data.values[self.steps]
        if self.masks:
            mask = np.repeat(self.masks[layer], self.lengths, axis=0)
            H = sparse.csr_array(H.multiply(mask)) if sparse.issparse(H) else H * mask
        engine = self.engine.parts[layer * n_directions].engine
        ways = [engine._inputs(way) for way in (H, H[::-1])[:n_directions]]
        return [
            ((way, engine.core.Data(engine.plan, way)), start)
            for way, start in zip(ways, self.starts, strict=False)
        ]

    def _forward(self, part, way, start):
        """Outputs of a part in the order of time."""
        engine, (inputs, data) = part.engine, way
        every_step = engine.layout["every_step"]
        target = self.starts[part.backward] if every_step else np.arange(len(self.batch))
        order = Order(start, self.lengths, target)
        outputs = np.empty((self.n_rows if every_step else len(order), engine.layout["K"]), engine.dtype)
        state = State(
            np.ascontiguousarray(self.state.activations[:, part.recurrent]),
            np.ascontiguousarray(self.state.cells[:, part.cells]),
        )
        work = self.work.parts[len(self.calls)]
        engine._forward(work, self.w[part.weights], data, order, self.window, state, outputs)
        self.state.activations[:, part.recurrent], self.state.cells[:, part.cells] = state
        self.calls.append((inputs, order))
        return outputs[::-1] if part.backward and every_step else outputs

    def _last_inputs(self, bound):
        """Inputs of the steps that have a target."""
        values = bound.data.values
        every_step = self.engine.network.return_sequences
        found = values[self.steps if every_step else self.batch.start + self.lengths - 1]
        return np.asarray(found.toarray() if sparse.issparse(found) else found, self.engine.dtype)

    def outputs(self):
        """Outputs of the output units; without output units, their inputs."""
        head, n = self.engine.head, len(self.features)
        if head is None:
            return self.features
        outputs = np.empty((n, head.layout["K"]), head.dtype)
        data, order = head.core.Data(head.plan, self.features), Order([0], [n], [0])
        window = max(self.work.capacity[0] if self.engine.layout["every_step"] else n, 1)
        w = self.w[self.engine.head_weights]
        head._forward(self.work.head, w, data, order, min(window, n), zero_state(head, 1), outputs)
        return outputs

    # ------------------------------------------------------------------------------------------
    # errors

    def loss_and_errors(self, bound, rows, full, scale, grad, info=None):
        """Loss for these rows of the targets; add `scale` times its gradient to `grad`."""
        head, engine = self.engine.head, self.engine
        targets, weight = bound.targets[rows], bound.target_weight[rows]
        if head is None:  # the errors are those at the features
            errors = scale * targets * weight.reshape(len(rows), -1)
            self.backward(errors.astype(engine.dtype), full, grad, info)
            return float(np.sum(targets * self.features * weight.reshape(len(rows), -1)))
        name = bound.loss if bound.loss == LINEAR or not bound.in_kernel else bound.loss.name
        order, n = Order([0], [len(rows)], [0]), head.layout
        number = head.core.LOSSES[name if bound.in_kernel else LINEAR]
        data = head.core.Data(head.plan, self.features, targets, weight, number)
        own = Bound(None, self.features, data, order, order, targets, weight, True, bound.loss)
        w = self.w[engine.head_weights]
        value = head.gradient(own, order, self.work.head, w, full, scale, grad[engine.head_weights])
        deltas = self.work.head.OD[: len(rows)]
        if info:
            info.deltas["output"][info.rows] = deltas[:, : n["K"]]
        self.backward(deltas @ head.shortcut_matrix(w).T, full, grad, info)
        return value

    def backward(self, errors, full, grad, info=None):
        """Add the gradient of all layers, from errors at the features."""
        net = self.engine.network
        if self.masks:
            errors = errors * self._mask_of_features()
        errors, at_inputs = errors[:, : net._n_features], errors[:, net._n_features :]
        if self.pooling:
            errors = self.pooling.backward(errors)
        for layer in range(net.n_layers - 1, -1, -1):
            errors = self._backward_layer(layer, errors, full, grad, info)
        if info:
            info.inputs[self.steps] = errors
            if net.shortcut:
                last = self.batch.start + self.lengths - 1
                info.inputs[self.steps if net.return_sequences else last] += at_inputs
            info.read_final(self.state)

    def _backward_layer(self, layer, errors, full, grad, info):
        """Errors at the inputs of a layer, from those at its outputs, both in the order of time."""
        below = None
        directions = [i for i, part in enumerate(self.engine.parts) if part.layer == layer]
        for i, own in zip(directions, np.hsplit(errors, len(directions)), strict=True):
            part, work, (inputs, order) = self.engine.parts[i], self.work.parts[i], self.calls[i]
            engine, n, w = part.engine, part.engine.layout, self.w[part.weights]
            own = own[::-1] if part.backward and n["every_step"] else own
            engine.backward(inputs, order, work, w, full, 1.0, grad[part.weights], own)
            if layer == 0 and not info:
                continue
            D, rows = work.D[len(order) : len(order) + self.n_rows], self._own_rows(part, work, order)
            if info:
                info.read(part, work, D, rows)
            found = np.empty((self.n_rows, n["M"]), engine.dtype)
            found[rows] = D[:, : n["Up"]] @ engine.input_matrix(w).T
            below = found if below is None else below + found
        if self.masks and below is not None:
            below *= np.repeat(self.masks[layer], self.lengths, axis=0)
        return below

    def _own_rows(self, part, work, order):
        """Rows in the order of time, from the rows of a workspace."""
        rows, starts = work.step[: self.n_rows], self.starts[part.backward]
        if not np.array_equal(order.start, starts):  # the part has read the sequences in their own order
            by_start = np.argsort(order.start)
            sequence = by_start[np.searchsorted(order.start[by_start], rows, side="right") - 1]
            rows = rows - (order.start - starts)[sequence]
        return self.n_rows - 1 - rows if part.backward else rows


class _Info:
    """Results of a backward pass of all parts besides the gradient of the weights."""

    def __init__(self, engine, bound):
        n_steps = int(bound.order.length.sum())
        self.patch_size, self.lengths = engine.network.patch_size, bound.sequences.lengths
        self.final, self.slope = (zero_state(engine, len(bound.order)) for _ in range(2))
        self.inputs = np.zeros((n_steps, engine.layout["M"]), engine.dtype)
        self.deltas = {}
        self.columns = {}
        for part in engine.parts:
            self.columns[part.prefix] = layout.unit_columns(part.engine.network, part.engine.layout)
            for name, columns in self.columns[part.prefix].items():
                self.deltas[part.prefix + name] = np.zeros((n_steps, len(columns)), engine.dtype)
        if engine.head:
            self.deltas["output"] = np.zeros((bound.n_targets, engine.layout["K"]), engine.dtype)

    def of(self, who, rows, steps):
        """Select these sequences, rows of targets and time steps for the next results."""
        self.who, self.rows, self.steps = who, rows, steps
        return self

    def read(self, part, work, D, rows):
        """Copy the deltas of a part, and the gradient by its initial state."""
        engine, index = part.engine, np.arange(len(self.who))
        for name, columns in self.columns[part.prefix].items():
            self.deltas[part.prefix + name][self.steps[rows]] = D[:, columns]
        self.slope.activations[self.who, part.recurrent] = work.E[np.ix_(index, engine.recurrent_columns)]
        self.slope.cells[self.who, part.cells] = work.ES[np.ix_(index, engine.cell_columns)]

    def read_final(self, state):
        """Copy the final state."""
        self.final.activations[self.who], self.final.cells[self.who] = state

    def as_dict(self):
        """The dict that `Network.loss_and_gradient` returns."""
        size = self.patch_size
        return {
            "inputs": self.inputs if size == 1 else steps_of_patches(self.inputs, self.lengths, size),
            "initial_state": self.slope,
            "final_state": self.final,
            "deltas": self.deltas,
        }
