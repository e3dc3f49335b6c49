"""Rounds of learning: the trainer of the client, and the tasks of workers that it sums or averages."""

from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

import numpy as np

from sklstm._checks import may_overflow
from sklstm._engine.engine import engine_of
from sklstm._engine.threads import Threads, one_blas_thread, threads_of
from sklstm._estimators import parameters
from sklstm._learning.solvers import N_UPDATES, SOLVERS, SolverState
from sklstm._learning.trainer import Diverged, Trainer
from sklstm.dask._cluster import same


class ClusterTrainer(Trainer):
    """Trainer whose examples are partitions on a cluster.

    Parameters
    ----------
    engine, settings, weights, solver_state, scaling
        As for `Trainer`.
    cluster : Cluster
    parts : dict of str to Future
        `Examples`, scaled: the partitions.
    part_weights : dict of str to float
        Sum of the weights of the targets of each partition.
    how : Future
        Other arguments of `_trainer`.
    replicas : int
        Number of copies of the network that "adam" and "sgd" average.
    """

    def __init__(
        self, engine, settings, weights, solver_state, scaling, *, cluster, parts, part_weights, how, replicas
    ):
        super().__init__(engine, None, settings, weights, solver_state, scaling=scaling)
        self.cluster, self.parts, self.part_weights, self.how = cluster, parts, part_weights, how
        self.shares = np.array_split(np.array(list(parts)), min(replicas, len(parts)))

    @property
    def total_weight(self):
        """Sum of the weights of all targets."""
        return sum(self.part_weights.values())

    def learn_once(self, rng):
        """Learn from every partition once; return the sum of the loss."""
        if not self.settings.solver.full_batch:
            return self._averaged(rng)
        with self.full_batch() as gradient:
            total, self.learned.grad[self.engine.places] = gradient(1 / self.total_weight)
        if not np.isfinite(total):
            raise Diverged
        self.engine.update(self.learned)
        return total

    def _averaged(self, rng):
        """Let replicas learn from one partition each, average them, and continue with the next partitions."""
        state: Any = self.cluster.submit(same, (*_state_of(self), 0.0))
        orders = [rng.permutation(share) if self.settings.shuffle else share for share in self.shares]
        for row in zip_longest(*orders):
            names = [str(name) for name in row if name is not None]
            weight = sum(self.part_weights[name] for name in names)
            arguments = {}
            for name in names:
                seed, share = int(rng.randint(2**31 - 1)), self.part_weights[name] / weight
                arguments[name] = self.parts[name], self.how, state, self.learning_rate, seed, share
            state = self.cluster.added(self.cluster.tasks(_epoch, arguments))
        state = state.result()
        if state is None:
            raise Diverged
        arrays, n_updates, loss = state
        learned = self.learned
        for padded, flat in zip((learned.w, learned.first, learned.second), arrays, strict=False):
            padded[self.engine.places] = flat
        learned.hyper[N_UPDATES] = round(n_updates)
        return loss

    @contextmanager
    def full_batch(self):
        """Context with a function of `scale`: sum of the loss, flat gradient times `scale`."""

        def gradient(scale):
            weights = self.weights
            if not np.isfinite(weights).all():
                raise Diverged
            w = self.cluster.submit(same, weights)
            arguments = {name: (part, self.how, w, scale) for name, part in self.parts.items()}
            return self.cluster.total(_gradient, arguments)

        yield gradient

    def gives_finite_outputs(self, weights):
        """Whether these weights give finite outputs for all sequences with a positive weight."""
        w = self.cluster.submit(same, weights)
        found = self.cluster.tasks(
            _is_finite, {name: (part, self.how, w) for name, part in self.parts.items()}
        )
        return all(self.cluster.gather(found).values())


def _trainer(examples, how, weights, solver_state=None):
    plain, network, scaling = how
    examples = plain._as_learned(examples)
    settings = parameters.settings(plain, len(examples.sequences), False, 0)
    engine = engine_of(network, examples.dtype, in_layers=settings.dropout > 0)
    bound = engine.bind(examples.sequences, examples.targets, examples.weight, settings.loss)
    executor = Threads(threads_of(plain.n_jobs))
    return Trainer(engine, bound, settings, weights, solver_state, None, executor, scaling)


def _state_of(trainer):
    """Weights and arrays of the solver as rows of one array, and number of updates."""
    state = trainer.solver_state
    return np.stack([trainer.weights, *state.arrays.values()]).astype(float), state.n_updates


def _gradient(examples, how, weights, scale):
    """Sum of the loss, and gradient times `scale`."""
    with may_overflow(), one_blas_thread(), _trainer(examples, how, weights).full_batch() as gradient:
        return gradient(scale)


def _epoch(examples, how, state, learning_rate, seed, share):
    """Learn from a partition; return the part of this replica in the average, or None if it diverges."""
    if state is None:
        return None
    arrays, n_updates, loss = state
    solver = SOLVERS[how[0].solver]
    kept = dict(zip(solver.start(learning_rate), arrays[1:], strict=True))
    trainer = _trainer(examples, how, arrays[0], SolverState(solver.name, kept, round(n_updates)))
    trainer.learning_rate = learning_rate
    try:
        with may_overflow(), one_blas_thread():
            own = trainer.learn_once(np.random.RandomState(seed))
    except Diverged:
        return None
    if not (np.isfinite(own) and trainer.is_finite()):
        return None
    arrays, n_updates = _state_of(trainer)
    return share * arrays, share * n_updates, own + share * loss


def _is_finite(examples, how, weights):
    return _trainer(examples, how, weights).gives_finite_outputs(weights)
