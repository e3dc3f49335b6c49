"""Streams: time steps that arrive one by one, with optional derivatives by the weights."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from sklstm._checks import as_real, check_bool, check_dtype, check_indices, check_integer, real_array
from sklstm._engine.batches import sequences_at_once
from sklstm._engine.engine import bind_weights
from sklstm._engine.states import (
    State,
    check_state,
    read_online_state,
    read_state,
    write_online_state,
    write_state,
)
from sklstm._engine.threads import one_blas_thread
from sklstm._messages import shown
from sklstm._typing import Array


def stream_of(network, weights, n_streams=1, partials=False, dtype=None):
    """`Stream` of a network, or `LayersStream`."""
    if network._is_composed:
        from sklstm._layers.streams import LayersStream  # it imports this module

        return LayersStream(network, weights, n_streams, partials, dtype)
    return Stream(network, weights, n_streams, partials, dtype)


def check_room_for_streams(engine, n_streams, partials):
    """Refuse more streams than there is memory for, before any stream is made."""
    shapes = engine.online_shapes() if partials else engine.online_shapes()[:1]
    numbers = sum(math.prod(shape) for shape in shapes)
    try:
        np.empty((n_streams, numbers), engine.dtype)
    except (ValueError, OverflowError, MemoryError):
        raise MemoryError(
            f"n_streams={shown(n_streams)}: there is no memory for so many states of {numbers} numbers each."
        ) from None


class Stream:
    """Time steps that arrive one by one, of one sequence or of several in parallel.

    `Network.stream` makes it. The state is kept from step to step. Changes of the weights in place take
    effect at the next step.

    Parameters
    ----------
    network : Network
    weights : array-like of shape (n_weights,)
        A contiguous array may be changed in place between two steps; anything else is copied.
    n_streams : int, default=1
        Number of sequences.
    partials : bool, default=False
        Whether each step updates the derivatives of the states by the weights, for `gradient` and
        `jacobian`. They need n_recurrent + 1 + n_inputs numbers per cell, input gate and forget gate.
    dtype : float32, float64 or None
        Type of the computation. None means float32 if the weights are float32, otherwise float64.

    Attributes
    ----------
    weights : ndarray of shape (n_weights,)
        The array that was given, or the copy.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import Network
    >>> net = Network(3, 2, n_blocks=4)
    >>> weights = net.init_weights(random_state=0)
    >>> stream = net.stream(weights, partials=True)
    >>> for x in np.eye(3):
    ...     y = stream.step(x)
    >>> bool(np.allclose(y, net.forward(weights, [np.eye(3)])[0]))
    True
    >>> stream.jacobian().shape == (2, net.n_weights)
    True
    """

    def __init__(
        self,
        network: Any,
        weights: Any,
        n_streams: int = 1,
        partials: bool = False,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        check_integer("n_streams", n_streams, 1)
        check_bool("partials", partials)
        if dtype is None:
            dtype = getattr(weights, "dtype", None)
            dtype = np.float32 if dtype == np.float32 else np.float64
        self.network, self.n_streams, self.partials = network, int(n_streams), bool(partials)
        self.engine, padded = bind_weights(network, weights, check_dtype(dtype))
        engine, n = self.engine, self.engine.layout
        check_room_for_streams(engine, self.n_streams, self.partials)
        self.weights = _contiguous(weights, engine.dtype)
        each = 1 if partials else self.n_streams  # streams of a part; with partials, one
        at_once = min(each, sequences_at_once(1))
        self.works = [
            engine.workspace(each, each, 1, backward=partials, partials=partials)
            for _ in range(self.n_streams // each)
        ]
        self._parts = [
            engine.core.Step(engine.plan, work, each, at_once, self.weights, padded) for work in self.works
        ]
        largest = at_once * max(n["Up"], n["Kp"]) * max(n["M"], n["R"], n["H"])
        # advance(weights, x): outputs, or None for arguments that it does not accept; see `Step` in _core.pyx
        if len(self._parts) > 1:
            self.advance = lambda weights, x: None
        elif largest >= engine.core.LEAST_OF_BLAS:
            self.advance = self._advance_with_blas
        else:
            self.advance = self._parts[0].advance

    def _advance_with_blas(self, weights, x):
        with one_blas_thread():
            return self._parts[0].advance(weights, x)

    def step(self, x: npt.ArrayLike) -> Array:
        """Outputs after one more time step.

        Parameters
        ----------
        x : array-like of shape (n_inputs,) or (n_streams, n_inputs)
            Arrays of the dtype of the stream are the fastest.

        Returns
        -------
        ndarray of shape (n_outputs,) or (n_streams, n_outputs)

        Raises
        ------
        ValueError, TypeError
            If x is not valid or the state is no longer finite. The state is left unchanged.
        """
        outputs = self.advance(self.weights, x)
        return self._checked_step(x) if outputs is None else outputs

    def _checked_step(self, x):
        """The same for arguments that `advance` does not accept."""
        rows, is_one = self._rows(x, "x", self.network.n_inputs)
        check_state(self.engine, self.state, self.n_streams, "state", ": call reset()")
        rows = np.ascontiguousarray(rows)
        parts = np.split(rows, len(self._parts))
        with one_blas_thread():
            first = self._parts[0].advance(self.weights, parts[0])
            if first is None:  # the weights have changed
                self.load()
                first = self._parts[0].advance(self.weights, parts[0])
            more = [part.advance(self.weights, x) for part, x in zip(self._parts[1:], parts[1:], strict=True)]
        outputs = np.concatenate([first, *more])
        return outputs[0] if is_one else outputs

    def _rows(self, values, name, width):
        """Array with one row per stream, and whether this axis was missing."""
        array = as_real(values, name)
        is_one = self.n_streams == 1 and array.ndim == 1
        shape = (width,) if is_one else (self.n_streams, width)
        return real_array(array, name, shape, self.engine.dtype).reshape(self.n_streams, width), is_one

    def fits(self, network, n_streams, dtype):
        """Whether it is a stream of this network (the same object), number of sequences and dtype."""
        return network is self.network and n_streams == self.n_streams and dtype == self.engine.dtype

    def load(self):
        """Use the current values of the weights."""
        padded = self.engine.pad(self.weights)
        self.weights = _contiguous(self.weights, self.engine.dtype)
        for part in self._parts:
            part.load(self.weights, padded)

    @property
    def state(self) -> State:
        """Copy of the `State` of all streams. Setting it sets the derivatives to zero."""
        parts = [
            read_state(self.engine, work, part.state_row + np.arange(self.n_streams // len(self._parts)))
            for work, part in zip(self.works, self._parts, strict=True)
        ]
        return State(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    @state.setter
    def state(self, state: Any) -> None:
        state = check_state(self.engine, state, self.n_streams, "state")
        each = self.n_streams // len(self._parts)
        for i, (work, part) in enumerate(zip(self.works, self._parts, strict=True)):
            part.reset()
            write_state(self.engine, work, State(*(array[i * each : (i + 1) * each] for array in state)))

    @property
    def online_state(self):
        """Copy of the `OnlineState` of a single stream with partials."""
        return self.online_states()[0]

    @online_state.setter
    def online_state(self, state):
        self.set_online_states([state])

    def online_states(self):
        """Copies of the `OnlineState` of each stream with partials."""
        return [
            read_online_state(self.engine, work, False, part.state_row)
            for work, part in zip(self.works, self._parts, strict=True)
        ]

    def set_online_states(self, states):
        """Continue from these online states."""
        for work, part, state in zip(self.works, self._parts, states, strict=True):
            part.reset()
            write_online_state(self.engine, work, state, False)

    def reset(self, streams: npt.ArrayLike | None = None) -> None:
        """Begin new streams, with a state and derivatives of zero.

        Parameters
        ----------
        streams : int or array-like of int, default=None
            Indices of the streams that begin again; None means all.
        """
        if streams is None:
            index = np.arange(self.n_streams)
        else:
            index = np.atleast_1d(streams)
            check_indices(index, "streams", self.n_streams)
        if self.partials:
            for i in index:
                self._parts[i].reset()
            return
        state = self.state
        for part in state:
            part[index] = 0
        self.state = state

    def gradient(self, v: npt.ArrayLike) -> Array:
        """Gradient of sum_k v_k y_k of the last step by the weights, from truncated forward partials.

        Through earlier steps, the error flows inside the memory cells only (1997, appendix A.1). This is the
        result of ``gradient="truncated"`` for the whole sequence with an error v at this step.

        Parameters
        ----------
        v : array-like of shape (n_outputs,) or (n_streams, n_outputs)

        Returns
        -------
        ndarray of shape (n_weights,) or (n_streams, n_weights)
        """
        rows, is_one = self._rows(v, "v", self.engine.layout["K"])
        parts = self._with_partials()
        gradients = np.stack([self._gradient(part, row) for part, row in zip(parts, rows, strict=True)])
        return gradients[0] if is_one else gradients

    def jacobian(self) -> Array:
        """Derivatives of the outputs of the last step by the weights, with the truncation of `gradient`.

        Returns
        -------
        ndarray of shape (n_outputs, n_weights) or (n_streams, n_outputs, n_weights)
        """
        self._with_partials()
        rows = [self.jacobian_of(k) for k in range(self.n_streams)]
        return rows[0] if self.n_streams == 1 else np.stack(rows)

    def jacobian_of(self, k):
        """`jacobian` of one stream, after at least one step."""
        units = np.eye(self.engine.layout["K"], dtype=self.engine.dtype)
        return np.stack([self.gradient_of(k, v) for v in units])

    def gradient_of(self, k, v):
        """`gradient` of one stream, after at least one step."""
        return self._gradient(self._parts[k], v)

    def loss_and_gradient(self, bound, row, outputs):
        """Loss of the last outputs of a single stream, for a row of the targets, and its gradient."""
        value, errors = bound.loss.total_and_errors(
            outputs[np.newaxis], bound.targets[[row]], bound.target_weight[[row]]
        )
        return value, self.gradient(errors[0])

    def _with_partials(self):
        if not self.partials:
            raise ValueError("The stream computes no derivatives: make it with partials=True.")
        if not all(part.state_row for part in self._parts):
            raise ValueError("No step has been made since the stream began: call step first.")
        return self._parts

    def _gradient(self, part, v):
        padded = self.engine.zeros()
        part.gradient(np.ascontiguousarray(v), padded)
        return self.engine.flat(padded)


def _contiguous(weights, dtype):
    """The array itself if it is contiguous, so that changes in place take effect; otherwise a copy."""
    if isinstance(weights, np.ndarray) and weights.flags.c_contiguous:
        return weights
    return np.array(weights, dtype)
