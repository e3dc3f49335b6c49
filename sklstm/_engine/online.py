"""Updates after each time step that has a target: in the kernel, or by a stream where it cannot."""

import numpy as np

from sklstm._engine.states import read_online_state, write_online_state
from sklstm._engine.streams import stream_of

RATE = 1  # place of the learning rate in the numbers of a solver


def online_of(engine, bound, weights):
    """Return `KernelSteps` or `StreamSteps` for updates after each time step of these data."""
    if bound.in_kernel and engine.plan is not None:
        return KernelSteps(engine, bound)
    return StreamSteps(engine, weights)


class KernelSteps:
    """Updates for all time steps of a sequence in one call of the kernel."""

    def __init__(self, engine, bound):
        self.engine, self.sparse = engine, bound.data.sparse
        self.work = engine.workspace(1, 1, 1, sparse=self.sparse, partials=True)

    def fits(self, bound):
        """Whether it can be used for these data, too."""
        return bound.in_kernel and bound.data.sparse == self.sparse

    @property
    def state(self):
        """`OnlineState` after the last time step."""
        return read_online_state(self.engine, self.work, self.sparse)

    @state.setter
    def state(self, state):
        write_online_state(self.engine, self.work, state, self.sparse)

    def run(self, bound, order, learned, record, *, goes_on, rates=None, limit=np.inf, learns=True):
        """Loss of these sequences, number of time steps that were run, and whether the limit ended them.

        Parameters
        ----------
        bound : Bound
        order : Order
        learned : Weights
        record : ndarray of shape (n_targets, n_outputs), or empty
            Receives the outputs before each update.
        goes_on : bool
            Whether to start from the state and the traces at the end of the last call.
        rates, limit, learns
            See `Trainer.follow`.
        """
        engine = self.engine
        return engine.core.train_steps(
            engine.plan, bound.data, order, self.work, learned, goes_on, record, rates, limit, learns
        )


class StreamSteps:
    """Updates step by step, for losses that the kernel does not compute and for layers."""

    def __init__(self, engine, weights):
        self.engine = engine
        self.stream = stream_of(engine.network, weights.copy(), partials=True, dtype=engine.dtype)

    def fits(self, bound):
        """Whether it can be used for these data, too."""
        return True

    @property
    def state(self):
        """`OnlineState` after the last time step."""
        return self.stream.online_state

    @state.setter
    def state(self, state):
        self.stream.online_state = state

    def run(self, bound, order, learned, record, *, goes_on, rates=None, limit=np.inf, learns=True):
        """See `KernelSteps.run`."""
        total, n_steps = 0.0, 0
        self._load(learned)
        for start, length, target in zip(order.start, order.length, order.target, strict=True):
            if not goes_on:
                self.stream.reset()
            for t in range(length):
                step, row = start + t, target + t * bound.every_step
                try:
                    outputs = self.stream.step(bound.row_of_inputs(step))
                except ValueError:  # the state is not finite
                    return np.nan, n_steps, False
                n_steps += 1
                if not (bound.every_step or t == length - 1):
                    continue
                weight = np.broadcast_to(bound.target_weight[row], outputs.shape)
                counts = weight > 0
                if not counts.any():
                    continue
                if len(record):
                    record[row] = outputs
                value, gradient = self.stream.loss_and_gradient(bound, row, outputs)
                total += value
                if not np.isfinite(value):
                    return total, n_steps, False
                if learns:
                    if rates is not None:
                        learned.hyper[RATE] = rates[step]
                    learned.grad[self.engine.places] += gradient
                    self.engine.update(learned)
                    self._load(learned)
                if (np.abs(outputs - bound.targets[row])[counts] >= limit).any():
                    return total, n_steps, True
        return total, n_steps, False

    def _load(self, learned):
        self.stream.weights[...] = self.engine.flat(learned.w)
        self.stream.load()
