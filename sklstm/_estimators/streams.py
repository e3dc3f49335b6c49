"""Streams: time steps that arrive one by one, and learning inside sequences that continue."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from sklstm._checks import FLOATS, as_real, real_array
from sklstm._engine.engine import engine_of
from sklstm._engine.states import RESET, State, check_state, zero_online_state
from sklstm._engine.streams import stream_of
from sklstm._input import check_names
from sklstm._messages import of_public_classes, shown
from sklstm._network import Network
from sklstm._sequences import as_sequences
from sklstm._sequences.frames import library_of, names_of
from sklstm._tensors import of_tensors
from sklstm._typing import Array


@of_public_classes
class StreamsMixin:
    """`step`, `state_` and `reset_state` of the estimators, and streams in their learning."""

    network_: Network
    weights_: np.ndarray
    _online_states: Any  # list of OnlineState, one per stream, by continued learning, or None
    _stepper: Any = None  # Stream: the streams of `step` while they are under way; never copied or saved

    def step(self, x: Any) -> Array:
        """Outputs after one more time step of a stream.

        The state is kept from call to call; `reset_state` begins a new stream.

        Parameters
        ----------
        x : array-like of shape (n_features,) or (n_streams, n_features)
            One time step of one stream, or of several independent ones. Arrays of float64 or float32 are
            the fastest.

        Returns
        -------
        ndarray of shape (n_outputs,) or (n_streams, n_outputs)
            Activations of the output units: for a classifier one per class, in the order of `classes_`; with
            ``loss="poisson"`` the logarithms of what `predict` returns.

        Raises
        ------
        ValueError, TypeError
            If x is not valid, if its number of streams has changed, if the state is no longer finite, or if
            the model needs whole sequences (`n_patches`, `bidirectional`, `pooling`). State and model are
            left unchanged.

        Notes
        -----
        The workspace, and the weights in the kernel's form, are kept from call to call, but they are neither
        copied nor saved with the estimator. A change of `weights_`, also in place, takes effect at the next
        step.

        `predict` may run in other threads at the same time. Steps of the same streams in several threads have
        no defined order: give each thread a ``copy.copy`` of the estimator, which has its own streams.
        """
        stepper = self._stepper
        if stepper is not None:
            if stepper.network is self.network_:
                outputs = stepper.advance(self.weights_, x)
                if outputs is not None:
                    return outputs
            else:
                stepper = None  # its state continues in the new network
        if not hasattr(self, "weights_"):
            check_is_fitted(self)
        if self.network_._needs_whole_sequences:
            net = self.network_
            raise ValueError(
                f"A model with patch_size={net.patch_size}, bidirectional={net.bidirectional} and "
                f"pooling={net.pooling!r} needs the whole sequence, but step gets one time step after the "
                "other: fit with n_patches=None, bidirectional=False and pooling='last', or use predict."
            )
        index: Any = getattr(x, "index", None)  # names of features in a row of pandas
        names: Any = names_of(x) if library_of(x) else index if hasattr(index, "nlevels") else ()
        if len(names) and all(isinstance(name, str) for name in names):
            check_names(self, np.array(list(names), dtype=object))
        try:
            x = np.asarray(of_tensors(x, "x"))
            n_features = x.shape[1] if x.ndim == 2 else x.size if x.ndim == 1 else None
        except ValueError:
            x, n_features = None, None
        if n_features != self.network_.n_inputs:
            raise ValueError(
                f"x must have the shape ({self.network_.n_inputs},), or (n_streams, "
                f"{self.network_.n_inputs}) for several streams, got "
                f"{'rows of different lengths' if x is None else x.shape}."
            )
        rows = x[np.newaxis] if x.ndim == 1 else x
        state = self._stream
        if state is not None and len(state.cells) != len(rows):
            raise ValueError(
                f"x has {len(rows)} streams, but {len(state.cells)} are under way: call reset_state()."
            )
        if rows.dtype not in FLOATS or not rows.size or not np.isfinite(rows).all():
            rows = as_sequences(rows[:, np.newaxis, :], name="x").values
        rows = np.ascontiguousarray(rows)
        outputs = None if stepper is None else stepper.advance(self.weights_, rows)
        if outputs is None:
            real_array(self.weights_, "weights_", (self.network_.n_weights,), rows.dtype)
            stepper = stream_of(self.network_, self.weights_, len(rows), dtype=rows.dtype)
            if state is not None:
                stepper.state = check_state(stepper.engine, state, len(rows), "_stream", RESET)
            outputs = stepper.step(rows)
            self._stepper = stepper
        return outputs[0] if x.ndim == 1 else outputs

    @property
    def state_(self) -> State | None:
        """State of the streams of `step`: a `State`, or None before the first step.

        Reading it gives a copy. It can be set to a `State` or a pair (activations, cells) with one row per
        stream: the next `step` continues from it. None begins new streams. A service that keeps no objects
        between requests can therefore store two small arrays in a database.

        Raises
        ------
        ValueError, TypeError
            If the new value is not a state of this network; the message names the part. Nothing is changed.
        """
        check_is_fitted(self)
        state = self._stream
        return None if state is None else State(*(part.copy() for part in state))

    @state_.setter
    def state_(self, state: Any) -> None:
        check_is_fitted(self)
        if state is None:
            self._stream = None
            return
        activations, cells = state if isinstance(state, tuple | list) and len(state) == 2 else (None, None)
        if cells is None:
            raise TypeError(f"state_ must be None or a State(activations, cells), got {shown(state)}.")
        activations, cells = as_real(activations, "state_.activations"), as_real(cells, "state_.cells")
        if cells.ndim != 2 or not len(cells):
            raise ValueError(f"state_.cells has the shape {cells.shape}; expected a row for each stream.")
        n_streams = len(cells)
        dtype = np.float32 if activations.dtype == cells.dtype == np.float32 else np.float64
        engine = engine_of(self.network_, dtype)
        state = check_state(engine, State(activations, cells), n_streams, "state_")
        stepper = self._stepper
        if stepper is not None and stepper.fits(self.network_, n_streams, dtype):
            stepper.state = state  # its workspace is kept
        else:
            self._stream = State(*(part.copy() for part in state))

    @property
    def _stream(self):
        """State of `step`, or None."""
        stepper = self._stepper
        try:
            return vars(self)["_stream"] if stepper is None else stepper.state
        except KeyError:
            raise AttributeError("_stream") from None

    @_stream.setter
    def _stream(self, state):
        self.__dict__["_stream"] = state
        self.__dict__.pop("_stepper", None)

    def reset_state(self, streams: npt.ArrayLike | None = None) -> Self:
        """Begin new streams of `step` and of ``partial_fit(..., continued=True)``.

        Parameters
        ----------
        streams : int or array-like of int, default=None
            Indices of the streams that begin again. None means all; the number of streams may then change.

        Returns
        -------
        self
        """
        if streams is None or getattr(self, "_stream", None) is None:
            self._stream = self._online_states = None
        else:
            n_streams = len(self._stream.cells)
            index = np.atleast_1d(streams)
            if index.dtype.kind not in "iu" or np.any((index < 0) | (index >= n_streams)):
                raise ValueError(
                    f"streams must hold indices of the {n_streams} streams under way, got {shown(streams)}."
                )
            state = State(*(part.copy() for part in self._stream))
            for part in state:
                part[index] = 0
            self._stream = state
            if self._online_states is not None:
                fresh = zero_online_state(engine_of(self.network_, self._online_states[0].traces.dtype))
                self._online_states = [
                    fresh if i in index else online for i, online in enumerate(self._online_states)
                ]
        return self

    # ------------------------------------------------------------------------------------------
    # learning

    def _streams(self, engine, n_streams, goes_on):
        """Online states after the previous chunks, one per stream."""
        states = self._online_states if goes_on else None
        if states is None:
            return [zero_online_state(engine)] * n_streams
        if len(states) != n_streams:
            raise ValueError(
                f"X has {n_streams} streams, but {len(states)} are under way: call reset_state()."
            )
        return states

    @staticmethod
    def _of_streams(states):
        """Attributes of the fitted estimator: `step` continues from the last step that was learned."""
        together = states and State(
            np.concatenate([state.activations for state in states]),
            np.concatenate([state.cells for state in states]),
        )
        return {"_online_states": states, "_stream": together}
