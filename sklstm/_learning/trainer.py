"""The trainer: weights during learning, in the kernel's form."""

from contextlib import contextmanager
from itertools import count, pairwise
from typing import Any

import numpy as np

from sklstm._checks import may_overflow
from sklstm._engine.batches import WorkspacePool, packed_batches, sequences_at_once
from sklstm._engine.online import online_of
from sklstm._engine.streams import stream_of
from sklstm._engine.threads import Threads, one_blas_thread
from sklstm._layers.engine import Masks
from sklstm._learning.kalman import DECOUPLED, DecoupledFilter
from sklstm._learning.solvers import N_UPDATES, RATE, SolverState, lbfgs, solver_numbers

SHARE = 3e6  # multiply-adds of a part of a mini-batch that make a thread worthwhile


class Diverged(Exception):
    """The loss, a weight, an output or the state of the solver is no longer finite."""


class Trainer:
    """Weights during learning.

    Parameters
    ----------
    engine : Engine
    bound : Bound
        Data to learn from.
    settings : Settings
    weights : ndarray of shape (n_weights,)
    solver_state : SolverState or None
        State to continue with.
    online_states : list of OnlineState or None
        With ``update="step"``: the sequences are streams that continue from here, one entry each.
    executor : Threads
        Distributes packed batches over threads.
    scaling : Scaling or None
        Conversion of the outputs to the users' units, in which they have to be finite.
    """

    def __init__(
        self,
        engine,
        bound,
        settings,
        weights,
        solver_state=None,
        online_states=None,
        executor=None,
        scaling=None,
    ):
        self.engine, self.settings, self.scaling = engine, settings, scaling
        self.executor = Threads() if executor is None else executor
        self.online_states = online_states
        self.load(bound)
        self.penalised = _penalised(engine.network)
        if solver_state is None or solver_state.solver != settings.solver.name:
            solver_state = SolverState.new(settings.solver, len(weights), settings.learning_rate)
        self.state_names = list(settings.solver.start(settings.learning_rate))
        arrays = [
            engine.pad(solver_state.arrays[name], f"_solver_state.{name}", finite=False)
            for name in self.state_names
        ]
        arrays += [engine.zeros() for _ in range(2 - len(arrays))]
        number = engine.core.SOLVERS.get(settings.solver.name, -1)
        numbers = solver_numbers(number, settings, solver_state.n_updates)
        self.learned = engine.weights(engine.pad(weights), *arrays, numbers)
        self.filter: Any = None
        if settings.solver.name == DECOUPLED:
            covariance = solver_state.arrays.get("covariance")
            self.filter = DecoupledFilter(engine.network, settings.initial_covariance, covariance)
        self.work: Any = None  # workspace of mini-batches and sequences
        self.online: Any = None  # updates after time steps
        self.pool: Any = None  # workspaces of several threads
        self.evaluations: Any = (
            None  # known values and gradients of L-BFGS, if they are kept; they are not computed again
        )

    def load(self, bound):
        """Use other data to learn from, with the same weights and solver state."""
        self.bound = bound
        self.record = np.zeros((0, self.engine.network.n_outputs), self.engine.dtype)

    @property
    def weights(self):
        """The weights in one vector."""
        return self.engine.flat(self.learned.w)

    @property
    def w(self):
        """The weights, padded."""
        return self.learned.w

    @property
    def solver_state(self):
        """Copy of the `SolverState`."""
        learned = self.learned
        arrays = {
            name: self.engine.flat(array)
            for name, array in zip(self.state_names, (learned.first, learned.second), strict=False)
        }
        if self.filter:
            arrays["covariance"] = self.filter.covariance
        return SolverState(self.settings.solver.name, arrays, int(learned.hyper[N_UPDATES]))

    def snapshot(self):
        """Copy of the weights and the solver state, for `restore`."""
        return [*(array.copy() for array in self._arrays()), self.online_states]

    def _arrays(self):
        covariance = [self.filter.matrices] if self.filter else []
        return self.learned.w, self.learned.first, self.learned.second, self.learned.hyper, *covariance

    def restore(self, snapshot):
        """Return to a snapshot."""
        *arrays, self.online_states = snapshot
        for array, kept in zip(self._arrays(), arrays, strict=True):
            array[...] = kept

    @property
    def learning_rate(self):
        """Learning rate of the next updates."""
        return float(self.learned.hyper[RATE])

    @learning_rate.setter
    def learning_rate(self, rate):
        self.learned.hyper[RATE] = rate

    def epoch(self, rng):
        """Learn from every sequence once; return the mean loss with the penalty, or NaN without any target.

        Raises
        ------
        Diverged
            If the loss, a weight, its square, or the state of the solver or of a stream is not finite.
        """
        with may_overflow():
            total = self.learn_once(rng)
            has_targets = self.total_weight > 0  # some chunks of streams have none
            mean = total / self.total_weight if has_targets else np.nan
            if self.settings.alpha:
                mean += self._penalty(self.weights)
        if not ((np.isfinite(mean) or not has_targets) and self.is_finite()):
            raise Diverged
        return mean

    @property
    def total_weight(self):
        """Sum of the weights of all targets to learn from."""
        return self.bound.total_weight

    def learn_once(self, rng):
        """Learn from every sequence once; return the summed loss."""
        n_sequences = len(self.bound.learned)
        shuffle = self.settings.shuffle and self.online_states is None
        index = rng.permutation(n_sequences) if shuffle else np.arange(n_sequences)
        if self.settings.dropout:
            engine, rate = self.engine, self.settings.dropout
            self.bound.masks = Masks(engine.network, len(self.bound.order), rate, rng, engine.dtype)
        if self.filter:
            with one_blas_thread():  # its products are small
                return self._filtered(index)
        return self._steps(index) if self.settings.real_time else self._mini_batches(index)

    def _penalty(self, weights):
        return 0.5 * self.settings.alpha * float(np.sum(weights[self.penalised].astype(float) ** 2))

    def is_finite(self):
        """Whether the squares of the weights and the state of the solver are finite.

        If a moment of Adam overflowed, all later steps of its weight would be zero without any sign.
        """
        largest = np.sqrt(np.finfo(self.w.dtype).max)
        online = [part for state in self.online_states or () for part in state]
        return np.abs(self.w).max() < largest and all(
            np.isfinite(part).all() for part in (*self._arrays()[1:3], *self._arrays()[4:], *online)
        )

    def gives_finite_outputs(self, weights):
        """Whether these weights give finite outputs for all sequences with a weight, also held-out ones."""
        engine, bound = self.engine, self.bound
        if self.scaling is not None:
            weights = self.scaling.with_outputs(engine.network, weights)
            if not np.isfinite(weights).all():
                return False
        w = engine.pad(weights)
        if _cannot_overflow(engine.network, w, bound.sequences):
            return True
        counts = bound.weights_of(bound.order, (bound.row_weight > 0).astype(float)) > 0
        if not counts.all():
            bound = engine.bind(bound.sequences[counts])
        outputs, _ = engine.forward(w, bound, n_threads=self.executor.n_workers)
        return bool(np.isfinite(outputs).all())

    # ------------------------------------------------------------------------------------------
    # mini-batches and sequences

    def _mini_batches(self, index):
        """Loss of an epoch with an update after each mini-batch."""
        learned, n_sequences = self.bound.learned, len(index)
        size = min(self.settings.batch_size, n_sequences)
        n_batches = -(-n_sequences // size)
        batch = np.arange(n_batches + 1) * n_sequences // n_batches  # of equal size, but for one sequence
        if size > 1:  # the longest of a batch first
            number = np.repeat(np.arange(n_batches), np.diff(batch))
            index = index[np.lexsort((-learned.length[index], number))]
        order = learned[index]
        longest = int(order.length.max())
        at_once = min(size, sequences_at_once(longest))
        n_workers = self.executor.n_workers
        if n_workers > 1:
            share = -(-size // n_workers)
            if size > at_once or share * int(order.length.mean()) * len(self.learned.w) > SHARE:
                return self._share_mini_batches(order, batch, min(at_once, share))
        starts = batch[:-1]
        if at_once < size:
            starts = np.concatenate([np.arange(lo, hi, at_once) for lo, hi in pairwise(batch)])
        n_steps = np.add.reduceat(order.length, starts)
        self._make_work(int(n_steps.max()), at_once, longest)
        total = self._train(order, batch, at_once)
        if not np.isfinite(total):
            raise Diverged
        return total

    def _train(self, order, batch, at_once):
        """Loss of all mini-batches, in one call of the kernel."""
        settings = self.settings
        return self.engine.train(
            self.bound,
            order,
            self.work,
            self.learned,
            batch,
            at_once,
            self.record,
            full=settings.full,
            mean=settings.mean,
        )

    def _share_mini_batches(self, order, batch, at_once):
        """Do the same as `_mini_batches`, with the packed batches of each mini-batch in several threads."""
        engine, bound, edges = self.engine, self.bound, list(pairwise(batch))
        mini_batches = [
            [order[at : min(at + at_once, hi)] for at in range(lo, hi, at_once)] for lo, hi in edges
        ]
        weights = bound.weights_of(order, bound.row_weight)
        self._make_pool([packed for mini_batch in mini_batches for packed in mini_batch])
        total = 0.0
        with self.executor.sharing() as share:
            for mini_batch, (lo, hi) in zip(mini_batches, edges, strict=True):
                weight = float(weights[lo:hi].sum())
                if weight == 0:
                    continue
                value = self._sum(mini_batch, 1 / weight, share)
                if not np.isfinite(value):
                    raise Diverged
                total += value
                engine.update(self.learned)
        return total

    def _sum(self, batches, scale, share):
        """Loss of these packed batches; add `scale` times its gradient to `grad`, in the same order."""
        engine, w, full = self.engine, self.learned.w, self.settings.full

        def gradient(batch):
            grad = engine.zeros()
            with self.pool.lend() as work:
                value = engine.gradient(self.bound, batch, work, w, full, scale, grad)
            return value, grad

        total = 0.0
        for value, grad in share(gradient, batches):
            total += value
            self.learned.grad[...] += grad
        return total

    def _make_pool(self, batches):
        if self.pool is None or not self.pool.hold(batches):
            self.pool = WorkspacePool(self.engine, batches, self.bound.data.sparse)

    def _make_work(self, *need):
        if self.work is None or any(
            has < needed for has, needed in zip(self.work.capacity, need, strict=True)
        ):
            self.work = self.engine.workspace(*need, sparse=self.bound.data.sparse)

    # ------------------------------------------------------------------------------------------
    # time steps

    def _steps(self, index):
        """Loss of an epoch with an update after each time step. Streams continue from call to call."""
        order = self.bound.learned[index]
        self._make_online()
        if self.online_states is None:
            return self._train_steps(order, goes_on=False)
        total, states = 0.0, []
        for i, state in enumerate(self.online_states):
            self.online.state = state
            total += self._train_steps(order[i : i + 1], goes_on=True)
            states.append(self.online.state)
        self.online_states = states
        return total

    def _make_online(self):
        if self.online is None or not self.online.fits(self.bound):
            self.online = online_of(self.engine, self.bound, self.weights)

    def follow(self, sequence, *, limit=np.inf, learns=True, rates=None, goes_on=False):
        """Follow a stream, with an update after each time step, until its outputs miss a target.

        Parameters
        ----------
        sequence : int
            Index among the sequences to learn from.
        limit : float
            The stream ends after the update of the first time step at which an output with a weight differs
            by this much from its target.
        learns : bool
            Whether the weights are updated; otherwise, only the outputs are computed.
        rates : ndarray of float64 of shape (n_steps,) or None
            Learning rates of all time steps of the data; None means `learning_rate`.
        goes_on : bool
            Whether to start from the state and the traces at the end of the last call.

        Returns
        -------
        loss : float
            Sum over these time steps.
        n_steps : int
            Number of time steps that were run. `record` has their outputs, if it has rows.
        missed : bool
        """
        if self.filter and learns:
            raise ValueError(
                f"solver={self.settings.solver.name!r} learns from whole sequences, not from a stream."
            )
        self._make_online()
        order = self.bound.learned[[sequence]]
        rate = self.learning_rate
        loss, n_steps, missed = self.online.run(
            self.bound,
            order,
            self.learned,
            self.record,
            goes_on=goes_on,
            rates=rates,
            limit=limit,
            learns=learns,
        )
        self.learning_rate = rate
        if not np.isfinite(loss):
            raise Diverged
        return loss, n_steps, missed

    def _train_steps(self, order, goes_on):
        """Loss of these sequences. With `goes_on`, they continue from the state of the workspace."""
        total, *_ = self.online.run(self.bound, order, self.learned, self.record, goes_on=goes_on)
        if not np.isfinite(total):
            raise Diverged
        return total

    # ------------------------------------------------------------------------------------------
    # Kalman filter

    def _filtered(self, index):
        """Loss of an epoch with an update after each time step with a target, or after each sequence."""
        engine, learned, hyper = self.engine, self.bound.learned, self.learned.hyper
        weights = self.weights.astype(float)
        stream = stream_of(engine.network, weights, partials=True, dtype=engine.dtype)
        total = 0.0
        try:
            for start, length, target in zip(
                learned.start[index], learned.length[index], learned.target[index], strict=True
            ):
                n = int(hyper[N_UPDATES])
                noises = self.settings.measurement_noise(n), self.settings.process_noise(n)
                total += self._filtered_sequence(stream, int(start), int(length), int(target), *noises)
                hyper[N_UPDATES] += 1
        finally:
            self.learned.w[engine.places] = weights
        return total

    def _filtered_sequence(self, stream, start, length, target, noise, process_noise):
        """Loss of one sequence; the weights of the stream change in place."""
        bound, total, measured = self.bound, 0.0, []
        X = bound.sequences.values[start : start + length]
        X = np.ascontiguousarray(X.toarray() if bound.sequences.is_sparse else X, self.engine.dtype)
        stream.reset()
        for t, x in enumerate(X):
            try:
                outputs = stream.step(x)
            except ValueError:  # the state is not finite
                raise Diverged from None
            row = target + t * bound.every_step
            if not bound.every_step and t < length - 1:
                continue
            weight = np.broadcast_to(bound.target_weight[row], outputs.shape)
            counts = np.flatnonzero(weight)
            if len(counts) == 0:
                continue
            if len(self.record):
                self.record[row] = outputs
            errors = (bound.targets[row] - outputs).astype(float)[counts]
            total += 0.5 * float(weight[counts] @ errors**2)
            measured.append((stream.jacobian()[counts], errors, noise / weight[counts]))
            if self.settings.real_time:
                self._measure(stream, measured, process_noise)
        if measured:
            self._measure(stream, measured, process_noise)
        return total

    def _measure(self, stream, measured, process_noise):
        """Update the weights by the measurements since the last update."""
        jacobian, errors, noise = map(np.concatenate, zip(*measured, strict=True))
        measured.clear()
        try:
            self.filter.update(stream.weights, jacobian, errors, noise, process_noise)
            stream.load()
        except (np.linalg.LinAlgError, ValueError):  # a measurement or a weight is not finite
            raise Diverged from None

    # ------------------------------------------------------------------------------------------
    # all at once

    def minimise(self, on_epoch):
        """Run L-BFGS on all sequences at once; return its status (see `lbfgs`)."""
        settings, engine = self.settings, self.engine
        scale = 1 / self.total_weight

        def objective(weights):
            with may_overflow():
                self.learned.w[engine.places] = weights
                value, grad = gradient(scale)
                value *= scale
                if settings.alpha:
                    value += self._penalty(weights)
                grad[self.penalised] += settings.alpha * weights[self.penalised]
                is_finite = np.isfinite(value) and np.isfinite(grad @ grad)  # the solver needs its square
            if not (is_finite and self.is_finite()):
                raise Diverged
            return value, grad

        numbers = count()

        def kept(weights):
            number = next(numbers)
            if number == len(self.evaluations):
                self.evaluations.append(objective(weights))
            value, grad = self.evaluations[number]
            return value, grad.copy()

        def after_iteration(weights, value):
            self.learned.w[engine.places] = weights
            if on_epoch(value):
                raise StopIteration  # SciPy ends here

        with self.full_batch() as gradient:
            weights = self.weights.astype(float)
            ask = objective if self.evaluations is None else kept
            return lbfgs(ask, weights, settings.max_iter, settings.tol, after_iteration)

    @contextmanager
    def full_batch(self):
        """Context with a function of `scale`: summed loss of all sequences, flat gradient times `scale`."""
        learned = self.bound.learned
        batches = [learned[who] for who in packed_batches(learned)]
        self._make_pool(batches)

        def gradient(scale):
            self.learned.grad[:] = 0
            value = self._sum(batches, scale, share)
            return value, self.engine.flat(self.learned.grad).astype(float)

        with self.executor.sharing() as share:
            yield gradient


def _cannot_overflow(network, w, sequences):
    """Whether no sum of the network can overflow for inputs of this size, so that all outputs are finite."""
    if network.cell_input_activation == "identity":  # activations may grow with each step
        return False
    values = sequences.values.data if sequences.is_sparse else sequences.values
    largest_input = float(max(values.max(initial=0), -values.min(initial=0)))
    largest_state = 2.0 * int(sequences.lengths.max())  # at most 2 more per step; gates are below 1
    n_sources = network._n_recurrent + network.block_size + network._n_features  # with those of layers below
    largest_sum = float(np.abs(w).max()) * (
        network._input_width * largest_input + n_sources * largest_state + 1
    )
    return largest_sum < float(np.finfo(w.dtype).max) / 2


def _penalised(network):
    """Mask of the weights in the L2 penalty: all except biases."""
    mask = np.ones(network.n_weights, bool)
    biased = {"cell": network.cell_bias, "hidden": network.cell_bias, "output": network.output_bias}
    for name, part in network.views(mask).items():
        if not name.endswith("peephole") and biased.get(name.rpartition(".")[2], network.gate_bias):
            part[:, -1] = False
    return mask
