"""Streams through several layers, with exact derivatives from layer to layer."""

from typing import Any

import numpy as np

from sklstm._checks import as_real, check_bool, check_indices, check_integer, real_array
from sklstm._engine.batches import Order
from sklstm._engine.engine import Bound, bind_weights
from sklstm._engine.states import RESET, OnlineState, State, check_state
from sklstm._engine.streams import Stream


class LayersStream:
    """Time steps that arrive one by one, through the layers of a network; it has the methods of `Stream`.

    The derivatives are truncated inside each layer, as in 1997, and exact between layers. Each layer updates
    the partials of its own weights. An upper layer also updates ds/dw for all weights below it, which needs
    n_cells times as many numbers.
    """

    def __init__(self, network, weights, n_streams=1, partials=False, dtype=None):
        for name, is_given in (
            ("patch_size", network.patch_size > 1),
            ("bidirectional", network.bidirectional),
            ("pooling", network.pooling != "last"),
        ):
            if is_given:
                raise ValueError(
                    f"{name}={getattr(network, name)!r} needs the whole sequence, but a stream has one "
                    "time step at a time: use forward or predict, or a network without it."
                )
        check_integer("n_streams", n_streams, 1)
        check_bool("partials", partials)
        if dtype is None:
            dtype = np.float32 if getattr(weights, "dtype", None) == np.float32 else np.float64
        self.network, self.n_streams, self.partials = network, int(n_streams), bool(partials)
        self.engine, _ = bind_weights(network, weights, dtype)
        is_taken = isinstance(weights, np.ndarray) and weights.flags.c_contiguous
        self.weights = weights if is_taken else np.array(weights, self.engine.dtype)
        self._make()

    def _make(self):
        parts, at, self.layers = self.engine.parts, 0, []
        for part in parts:
            own = self.weights[at : at + part.engine.network.n_weights]
            self.layers.append(
                Stream(part.engine.network, own, self.n_streams, self.partials, self.engine.dtype)
            )
            at += len(own)
        self.n_below = np.cumsum([0] + [part.engine.network.n_weights for part in parts])
        self.head: Any = None
        if self.engine.head:
            own = self.weights[at:]
            self.head = Stream(
                self.engine.head.network, own, self.n_streams, self.partials, self.engine.dtype
            )
        self._work: Any = None  # workspace of `loss_and_gradient`
        self._forget()

    def _forget(self, index=slice(None)):
        """Set the derivatives of upper layers by the weights below to zero."""
        if not hasattr(self, "_dS"):
            dtype, cells = self.engine.dtype, [part.engine.layout["C"] for part in self.engine.parts]
            shapes = zip(cells, self.n_below[:-1], strict=True)
            n_streams = self.n_streams if self.partials else 0
            self._dS = [np.zeros((n_streams, *shape), dtype) for shape in shapes]
            self._dY: list[Any] = [None] * len(cells)  # derivatives of the outputs, for each stream
        if self.partials:
            for dS in self._dS:
                dS[index] = 0
        self._has_step = np.zeros(self.n_streams, bool)

    # ------------------------------------------------------------------------------------------
    # steps

    def advance(self, weights, x):
        """Outputs after the inputs x; None, with unchanged state, if x is not accepted; see `Step`."""
        if weights is not self.weights or not isinstance(x, np.ndarray):
            return None
        if x.dtype != self.engine.dtype or not x.flags.c_contiguous:
            return None
        before, dS = self._copies()
        H = x
        for i, layer in enumerate(self.layers):
            H = self._through(layer, H)
            if H is None:
                self._take_back(before, dS)
                return None
            if self.partials:
                self._carry(i, np.atleast_2d(H))
        if self.network.shortcut:
            H = np.concatenate([H, x], axis=-1)
        self.features, self._has_step[:] = np.atleast_2d(H), True
        outputs = H if self.head is None else self._through(self.head, H)
        if outputs is None:
            self._take_back(before, dS)
        return outputs

    def _through(self, layer, H):
        """Outputs of a layer, or None."""
        outputs = layer.advance(layer.weights, H)
        if outputs is None and self.partials and self.n_streams > 1:  # one after the other
            try:
                outputs = layer.step(H)
            except ValueError:  # not finite
                return None
        return outputs

    def _copies(self):
        states = [layer.online_states() if self.partials else layer.state for layer in self.layers]
        return states, [dS.copy() for dS in self._dS]

    def _take_back(self, before, dS):
        for layer, state in zip(self.layers, before, strict=True):
            if self.partials:
                layer.set_online_states(state)
            else:
                layer.state = state
        self._dS = dS

    def step(self, x):
        """Outputs after one more time step; see `Stream.step`."""
        outputs = self.advance(self.weights, x)
        if outputs is not None:
            return outputs
        rows, is_one = self._rows(x, "x", self.network.n_inputs)
        check_state(self.engine, self.state, self.n_streams, "state", ": call reset()")
        self.load()
        outputs = self.advance(self.weights, np.ascontiguousarray(rows))
        if outputs is None:
            raise ValueError("The activations of a layer are not finite: scale the inputs, or the weights.")
        return outputs[0] if is_one else outputs

    def _rows(self, values, name, width):
        array = as_real(values, name)
        is_one = self.n_streams == 1 and array.ndim == 1
        shape = (width,) if is_one else (self.n_streams, width)
        return real_array(array, name, shape, self.engine.dtype).reshape(self.n_streams, width), is_one

    def fits(self, network, n_streams, dtype):
        """Whether it is a stream of this network (the same object), number of sequences and dtype."""
        return network is self.network and n_streams == self.n_streams and dtype == self.engine.dtype

    def load(self):
        """Use the current values of the weights."""
        bind_weights(self.network, self.weights, self.engine.dtype)  # refuses weights that are not finite
        for stream in [*self.layers, *([self.head] if self.head else [])]:
            stream.load()

    # ------------------------------------------------------------------------------------------
    # state

    @property
    def state(self):
        """Copy of the `State` of all streams. Setting it sets the derivatives to zero."""
        states = [layer.state for layer in self.layers]
        return State(*(np.concatenate(arrays, axis=1) for arrays in zip(*states, strict=True)))

    @state.setter
    def state(self, state):
        state = check_state(self.engine, state, self.n_streams, "state")
        for part, layer in zip(self.engine.parts, self.layers, strict=True):
            layer.state = State(state.activations[:, part.recurrent], state.cells[:, part.cells])
        self._forget()

    @property
    def online_state(self):
        """Copy of the `OnlineState` of a single stream with partials."""
        states = [layer.online_state for layer in self.layers]
        traces = [part.traces.ravel() for part in states] + [dS[0].ravel() for dS in self._dS]
        return OnlineState(
            np.concatenate([part.activations for part in states], axis=1),
            np.concatenate([part.cells for part in states], axis=1),
            np.concatenate(traces),
            np.concatenate([part.peephole_traces.ravel() for part in states]),
            np.zeros(0, np.int32),
        )

    @online_state.setter
    def online_state(self, state):
        names = OnlineState._fields[:4]
        activations, cells, traces, peepholes = (
            real_array(part, f"_online_states.{name}", shape, self.engine.dtype, remedy=RESET)
            for name, part, shape in zip(names, state, self.engine.online_shapes(), strict=False)
        )
        at = at_peepholes = 0
        for part, layer in zip(self.engine.parts, self.layers, strict=True):
            (_, _, shape, peephole_shape) = part.engine.online_shapes()
            size, n_peepholes = np.prod(shape), np.prod(peephole_shape)
            layer.online_state = OnlineState(
                activations[:, part.recurrent],
                cells[:, part.cells],
                traces[at : at + size].reshape(shape),
                peepholes[at_peepholes : at_peepholes + n_peepholes].reshape(peephole_shape),
                np.arange(part.engine.layout["M"], dtype=np.int32),
            )
            at, at_peepholes = at + size, at_peepholes + n_peepholes
        self._forget()
        for dS in self._dS:
            dS[0] = traces[at : at + dS[0].size].reshape(dS[0].shape)
            at += dS[0].size

    def reset(self, streams=None):
        """Begin new streams, with a state and derivatives of zero; see `Stream.reset`."""
        index = np.arange(self.n_streams) if streams is None else np.atleast_1d(streams)
        check_indices(index, "streams", self.n_streams)
        has_step = self._has_step
        for layer in self.layers:
            layer.reset(index)
        self._forget(index)
        self._has_step = has_step & ~np.isin(np.arange(self.n_streams), index)

    # ------------------------------------------------------------------------------------------
    # derivatives

    def _carry(self, i, outputs):
        """Derivatives of states and outputs of a layer by its weights and all weights below it."""
        layer, part = self.layers[i], self.engine.parts[i]
        engine, net, n = part.engine, part.engine.network, part.engine.layout
        matrices = net.views(layer.weights)
        block = np.arange(net.n_cells) // net.block_size
        dY = []
        for k in range(self.n_streams):
            own = layer.jacobian_of(k)
            if i == 0:
                dY.append(own)
                continue
            work, dX = layer.works[k], self._dY[i - 1][k]

            def gate(name, column, work=work, dX=dX):
                """Activation of the gate of each cell, and its derivatives by all weights below."""
                if not getattr(net, name):
                    return np.ones((net.n_cells, 1), engine.dtype), 0
                y = work.Y[1, n[column] : n[column] + n["B"]][:, np.newaxis]
                slope = (y * (1 - y)) * (matrices[name][:, : net.n_inputs] @ dX)
                return y[block], slope[block]

            dS = self._dS[i][k]
            if net.n_blocks:
                g, h = (a[1, engine.cell_columns][:, np.newaxis] for a in (work.G, work.HS))
                s_before = work.S[0, engine.cell_columns][:, np.newaxis]
                y_in, d_in = gate("input_gate", "y_in")
                y_forget, d_forget = gate("forget_gate", "y_forget")
                y_out, d_out = gate("output_gate", "y_out")
                d_g = _slope(n["g"], g) * (matrices["cell"][:, : net.n_inputs] @ dX)
                dS[...] = y_forget * dS + s_before * d_forget + y_in * d_g + g * d_in
                lower = [y_out * _slope(n["h"], h) * dS + h * d_out]
            else:
                lower = [np.zeros((0, dX.shape[1]), engine.dtype)]
            if net.n_hidden_units:
                y = outputs[k, net.n_cells :][:, np.newaxis]
                lower.append(y * (1 - y) * (matrices["hidden"][:, : net.n_inputs] @ dX))
            dY.append(np.hstack([np.vstack(lower), own]))
        self._dY[i] = dY

    def gradient(self, v):
        """Gradient of sum_k v_k y_k of the last step by the weights, from partials; see `Stream.gradient`."""
        rows, is_one = self._rows(v, "v", self.engine.layout["K"])
        self._check_partials()
        gradients = np.stack([self._gradient(k, row) for k, row in enumerate(rows)])
        return gradients[0] if is_one else gradients

    def jacobian(self):
        """Derivatives of the outputs of the last step by the weights; see `Stream.jacobian`."""
        self._check_partials()
        units = np.eye(self.engine.layout["K"], dtype=self.engine.dtype)
        rows = [np.stack([self._gradient(k, v) for v in units]) for k in range(self.n_streams)]
        return rows[0] if self.n_streams == 1 else np.stack(rows)

    def _check_partials(self):
        if not self.partials:
            raise ValueError("The stream computes no derivatives: make it with partials=True.")
        if not self._has_step.all():
            raise ValueError("No step has been made since the stream began: call step first.")

    def _gradient(self, k, v):
        if self.head is None:
            return v @ self._dY[-1][k]
        own = self.head.gradient_of(k, v)
        errors = self.head.works[k].OD[0] @ self.head.engine.shortcut_matrix(self._head_weights()).T
        return np.concatenate([errors[: self.network._n_features] @ self._dY[-1][k], own])

    def _head_weights(self):
        return self.head.engine.pad(self.head.weights)

    def loss_and_gradient(self, bound, row, outputs):
        """Loss of the last outputs of a single stream, for a row of the targets, and its gradient."""
        head, one = self.head.engine, Order([0], [1], [0])
        targets, weight = bound.targets[[row]], bound.target_weight[[row]]
        number = head.core.LOSSES[bound.loss.name if bound.in_kernel else "linear"]
        data = head.core.Data(head.plan, self.features, targets, weight, number)
        own = Bound(None, self.features, data, one, one, targets, weight, True, bound.loss)
        if self._work is None:
            self._work = head.workspace(1, 1, 1)
        w, grad = self._head_weights(), head.zeros()
        value = head.gradient(own, one, self._work, w, True, 1.0, grad)
        errors = (self._work.OD[0] @ head.shortcut_matrix(w).T)[: self.network._n_features]
        return value, np.concatenate([errors @ self._dY[-1][0], head.flat(grad)])


def _slope(f, y):
    """Derivative of a squashing function where its value is y."""
    return f["gain"] * (y - f["low"]) * (f["high"] - y) + f["one"]
