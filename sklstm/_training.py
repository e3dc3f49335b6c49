"""Epochs, mini-batches, stopping: from data and settings to weights."""

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklstm._kernel import Works, in_threads, may_overflow, one_blas_thread
from sklstm._solvers import MAX_ITER, NO_DESCENT, RATE, Memory, lbfgs, solver_numbers

SHARE = 3e6  # multiply-adds of a thread's part of a mini-batch, for which it is worth a thread


@dataclass
class Settings:
    """How to learn; the estimators' arguments of the same names, checked and with "auto" resolved."""

    loss: str
    gradient: str
    solver: str
    learning_rate: float
    momentum: float
    alpha: float
    clip: float | None
    update: str
    batch_size: int
    max_iter: int
    tol: float
    n_iter_no_change: int
    shuffle: bool
    verbose: int
    n_threads: int
    schedule: Callable[[int], float] | None = None  # epochs so far -> learning rate
    n_epochs: int = 0  # of earlier calls


@dataclass
class History:
    """What learning left behind beside the weights."""

    loss_curve: list = field(default_factory=list)
    validation_scores: list = field(default_factory=list)
    memory: Any = None
    streams: list | None = None


class Diverged(Exception):
    """The loss, a weight, an output or what the solver remembers is no longer finite."""


class Trainer:
    """Weights on their way through epochs, in the kernel's form.

    Parameters
    ----------
    kernel : Kernel
    sequences : Sequences
    train : ndarray of int
        Indices of the sequences to learn from.
    targets : ndarray of shape (n_targets, n_outputs)
    target_weight : ndarray of shape (n_targets,)
    settings : Settings
    weights : ndarray of shape (n_weights,)
    memory : Memory or None
        The solver's, to go on with.
    streams : list of Carried or None
        With ``update="step"``: the sequences are streams that go on from here, one entry each.
    """

    def __init__(
        self, kernel, sequences, train, targets, target_weight, settings, weights, memory=None, streams=None
    ):
        self.kernel = kernel
        self.settings = settings
        self.streams = streams
        self.load(sequences, train, targets, target_weight)
        self.penalised = _penalised(kernel.network)
        if memory is None or memory.solver != settings.solver:
            memory = Memory.new(settings.solver, len(weights), settings.learning_rate)
        self.learned = kernel.core.Weights(
            kernel.pack(weights),
            kernel.pack(memory.first, "_memory.first", finite=False),
            kernel.pack(memory.second, "_memory.second", finite=False),
            solver_numbers(
                kernel.core.SOLVERS.get(settings.solver, -1),
                settings.learning_rate,
                settings.momentum,
                settings.alpha,
                settings.clip,
                memory.n_updates,
            ),
        )
        self.work: Any = None
        self.works: Any = None  # those of several threads

    def load(self, sequences, train, targets, target_weight):
        """Take other data to learn from; weights and memory stay."""
        self.sequences = sequences
        self.target_weight = np.ascontiguousarray(target_weight, np.float64)
        with may_overflow():
            targets = np.asarray(targets, self.kernel.dtype)
        self.data, lanes = self.kernel.bind(sequences, targets, self.target_weight, self.settings.loss)
        self.lanes = lanes[train]
        self._total_weight = None
        self.record = np.zeros((0, self.kernel.network.n_outputs), self.kernel.dtype)
        if self.settings.update == "batch" and len(self.lanes) <= self.settings.batch_size:
            if self._merge_repeated(sequences.values, targets):
                self.data, _ = self.kernel.bind(sequences, targets, self.target_weight, self.settings.loss)

    @property
    def total_weight(self):
        """Sum of the weights of all targets to learn from."""
        if self._total_weight is None:
            weights = self.target_weight
            every_step = self.kernel.network.return_sequences
            with may_overflow():
                if not (every_step and self.lanes.length.sum() == len(weights)):  # not simply all of them
                    weights = self.kernel.weights_of(self.lanes, weights)
                self._total_weight = float(weights.sum())
        return self._total_weight

    @property
    def weights(self):
        """The weights, flat."""
        return self.kernel.unpack(self.learned.w)

    @property
    def w(self):
        """The weights, in the kernel's form."""
        return self.learned.w

    @property
    def memory(self):
        """What the solver remembers."""
        unpack, learned = self.kernel.unpack, self.learned
        return Memory(
            self.settings.solver, unpack(learned.first), unpack(learned.second), int(learned.hyper[-1])
        )

    def snapshot(self):
        """Weights and memory of the solver, to come back to."""
        return [*(array.copy() for array in self._arrays()), self.streams]

    def _arrays(self):
        return self.learned.w, self.learned.first, self.learned.second, self.learned.hyper

    def restore(self, snapshot):
        """Go back to a snapshot."""
        *arrays, self.streams = snapshot
        for array, kept in zip(self._arrays(), arrays, strict=True):
            array[...] = kept

    @property
    def learning_rate(self):
        """The rate of the next updates."""
        return float(self.learned.hyper[RATE])

    @learning_rate.setter
    def learning_rate(self, rate):
        self.learned.hyper[RATE] = rate

    def epoch(self, rng):
        """Every sequence once; returns the mean loss, with the penalty.

        Raises
        ------
        Diverged
            If the loss is not finite, or a weight or its square, or what the solver or a stream remembers.
        """
        n_sequences = len(self.lanes)
        shuffle = self.settings.shuffle and self.streams is None
        order = rng.permutation(n_sequences) if shuffle else np.arange(n_sequences)
        with may_overflow():
            total = self._steps(self.lanes[order]) if self.settings.update == "step" else self._batches(order)
            mean = total / self.total_weight
            if self.settings.alpha:
                mean += self._penalty(self.weights)
        if not (np.isfinite(mean) and self._is_finite()):
            raise Diverged
        return mean

    def _penalty(self, weights):
        return 0.5 * self.settings.alpha * float(np.sum(weights[self.penalised].astype(float) ** 2))

    def _is_finite(self):
        """Whether the squares of the weights are finite, and all that is carried to the next update.

        A moment of Adam that has overflowed would make each step of its weight zero, without a sign of it.
        """
        largest = np.sqrt(np.finfo(self.w.dtype).max)
        carried = [part for stream in self.streams or () for part in stream]
        return np.abs(self.w).max() < largest and all(
            np.isfinite(part).all() for part in (self.learned.first, self.learned.second, *carried)
        )

    def gives_finite_outputs(self, weights):
        """Whether these weights give finite outputs for all sequences with a weight, also those held out."""
        kernel, sequences = self.kernel, self.sequences
        w = kernel.pack(weights)
        if _cannot_overflow(kernel.network, w, sequences):
            return True
        _, lanes = kernel.bind(sequences)
        counts = kernel.weights_of(lanes, (self.target_weight > 0).astype(float)) > 0
        if not counts.all():
            sequences = sequences[counts]
        outputs, _ = kernel.forward(w, sequences, n_threads=self.settings.n_threads)
        return bool(np.isfinite(outputs).all())

    def _batches(self, order):
        settings, n_sequences = self.settings, len(order)
        size = 1 if settings.update == "sequence" else min(settings.batch_size, n_sequences)
        n_batches = -(-n_sequences // size)
        batch = np.arange(n_batches + 1) * n_sequences // n_batches  # of equal size, but for one sequence
        if size > 1:  # the longest of a batch first
            number = np.repeat(np.arange(n_batches), np.diff(batch))
            order = order[np.lexsort((-self.lanes.length[order], number))]
        lanes = self.lanes[order]
        longest = int(lanes.length.max())
        pack_lanes = min(size, self.kernel.pack_lanes(longest))
        if settings.n_threads > 1:
            share = -(-size // settings.n_threads)
            if size > pack_lanes or share * int(lanes.length.mean()) * len(self.learned.w) > SHARE:
                return self._batches_in_threads(lanes, batch, min(pack_lanes, share))
        packs = batch[:-1]
        if pack_lanes < size:
            packs = np.concatenate([np.arange(lo, hi, pack_lanes) for lo, hi in pairwise(batch)])
        of_packs = np.add.reduceat(lanes.length, packs)
        self._make_work(int(of_packs.max()), pack_lanes, longest)
        total = self._train(lanes, batch, pack_lanes)
        if not np.isfinite(total):
            raise Diverged
        return total

    def _train(self, lanes, batch, pack_lanes):
        """Loss of all mini-batches, learned from in one entry of the kernel."""
        settings = self.settings
        return self.kernel.core.train(
            self.kernel.plan,
            self.data,
            lanes,
            self.work,
            self.learned,
            settings.gradient == "full",
            settings.update == "batch",
            batch,
            pack_lanes,
            self.record,
        )

    def _batches_in_threads(self, lanes, batch, pack_lanes):
        """Do as `_batches` does, the packs of each batch side by side."""
        kernel, settings = self.kernel, self.settings
        edges = list(pairwise(batch))
        batches = [
            [lanes[at : min(at + pack_lanes, hi)] for at in range(lo, hi, pack_lanes)] for lo, hi in edges
        ]
        weights = kernel.weights_of(lanes, self.target_weight)
        self._make_works([pack for packs in batches for pack in packs])
        total = 0.0
        with in_threads(settings.n_threads) as share:
            for packs, (lo, hi) in zip(batches, edges, strict=True):
                weight = float(weights[lo:hi].sum())
                if weight == 0:
                    continue
                value = self._sum(packs, 1 / weight, share)
                if not np.isfinite(value):
                    raise Diverged
                total += value
                kernel.core.update(kernel.plan, self.learned)
        return total

    def _sum(self, packs, scale, share):
        """Loss of these packs; `scale` times its gradient is added to `grad`, pack after pack."""
        kernel, settings = self.kernel, self.settings

        def gradient(pack):
            grad = kernel.zeros()
            with self.works.lend() as work:
                value = kernel.core.gradient(
                    kernel.plan,
                    self.data,
                    pack,
                    work,
                    self.learned.w,
                    settings.gradient == "full",
                    scale,
                    True,
                    grad,
                )
            return value, grad

        total = 0.0
        for value, grad in share(gradient, packs):
            total += value
            self.learned.grad[...] += grad
        return total

    def _steps(self, lanes):
        """Do an update after each step; of streams, state and partials are carried from call to call."""
        if self.work is None:
            self.work = self.kernel.work(1, 1, 1, sparse=self.data.sparse, partials=True)
        if self.streams is None:
            return self._train_steps(lanes, carry=False)
        total, streams = 0.0, []
        for i, carried in enumerate(self.streams):
            self.kernel.write_carried(self.work, carried, self.data.sparse)
            total += self._train_steps(lanes[i : i + 1], carry=True)
            streams.append(self.kernel.read_carried(self.work, self.data.sparse))
        self.streams = streams
        return total

    def _train_steps(self, lanes, carry):
        """Loss of these sequences, which go on from what `work` holds if they `carry` it on."""
        total, *_ = self.kernel.core.train_steps(
            self.kernel.plan, self.data, lanes, self.work, self.learned, carry, self.record
        )
        if not np.isfinite(total):
            raise Diverged
        return total

    def _make_works(self, packs):
        if self.works is None or not self.works.hold(packs):
            self.works = Works(self.kernel, packs, self.data.sparse)

    def _make_work(self, *need):
        if self.work is None or any(
            has < needed for has, needed in zip(self.work.capacity, need, strict=True)
        ):
            self.work = self.kernel.work(*need, sparse=self.data.sparse)

    def _merge_repeated(self, X, targets):
        """Put equal sequences with equal targets in one, with the sum of their weights, in a fixed order.

        A weight of two is then to the bit the same as the sequence given twice, and the order of the
        sequences does not matter. L-BFGS, and Adam in many epochs, would amplify any difference in rounding.
        """
        places, weights = {}, self.target_weight.copy()
        n_targets = self.lanes.length if self.kernel.network.return_sequences else 1
        ends = self.lanes.target + n_targets
        for lane, (lo, hi) in enumerate(zip(self.lanes.target, ends, strict=True)):
            if not self.target_weight[lo:hi].any():
                continue
            key = self._digest(X, targets, lane, lo, hi)
            if key in places:
                at = self.lanes.target[places[key]]
                weights[at : at + hi - lo] += self.target_weight[lo:hi]
            else:
                places[key] = lane
        if places:
            self.lanes = self.lanes[[places[key] for key in sorted(places)]]
            self.target_weight = weights
        return bool(places)

    def _digest(self, X, targets, lane, lo, hi):
        """Digest of a sequence and its targets `lo` to `hi`, the same for its dense and its sparse form."""
        start = self.lanes.start[lane]
        end = start + self.lanes.length[lane]
        if not isinstance(X, np.ndarray):
            indptr = X.indptr[start : end + 1]
            stored = slice(indptr[0], indptr[-1])
            row = np.repeat(np.arange(end - start), np.diff(indptr))
            column, value = X.indices[stored], X.data[stored].astype(targets.dtype)
            row, column, value = (part[value != 0] for part in (row, column, value))
        else:
            X = X[start:end].astype(targets.dtype, copy=False)
            row, column = np.nonzero(X)
            value = X[row, column]
        digest = blake2b((targets[lo:hi] + 0).tobytes(), digest_size=16)  # + 0: no zero with a sign
        for part in ([end - start, len(row)], row, column):
            digest.update(np.asarray(part, np.int64).tobytes())
        digest.update(value.tobytes())
        return digest.digest()

    def minimise(self, on_epoch):
        """L-BFGS on all sequences at once; returns how it ended (see `lbfgs`)."""
        settings, kernel = self.settings, self.kernel

        packs = [self.lanes[who] for who in kernel.packs(self.lanes)]
        self._make_works(packs)
        scale = 1 / self.total_weight

        def objective(weights):
            with may_overflow():
                self.learned.w[kernel.index] = weights
                self.learned.grad[:] = 0
                value = self._sum(packs, scale, share) * scale
                if settings.alpha:
                    value += self._penalty(weights)
                grad = kernel.unpack(self.learned.grad).astype(float)
                grad[self.penalised] += settings.alpha * weights[self.penalised]
                is_finite = np.isfinite(value) and np.isfinite(grad @ grad)  # the solver needs its square
            if not (is_finite and self._is_finite()):
                raise Diverged
            return value, grad

        def after_iteration(weights, value):
            self.learned.w[kernel.index] = weights
            if on_epoch(value):
                raise StopIteration  # SciPy ends here

        with in_threads(settings.n_threads) as share:
            weights = self.weights.astype(float)
            return lbfgs(objective, weights, settings.max_iter, settings.tol, after_iteration)


def learn(trainer, rng, validate=None, may_stop_early=True, tasks=None):
    """Train until `max_iter`, the tolerance, early stopping, a callback or Ctrl-C ends it.

    Parameters
    ----------
    trainer : Trainer
    rng : RandomState
        Order of the sequences.
    validate : callable or None
        weights -> score on sequences held out; stops when the best one is `n_iter_no_change` epochs
        old, and gives its weights back.
    may_stop_early : bool
        Whether to look for convergence at all.
    tasks : EpochTasks or None
        Told when epochs begin and end.

    Returns
    -------
    weights : ndarray of shape (n_weights,)
        Of the last epoch after which the outputs for all sequences are finite.
    history : History

    Raises
    ------
    ValueError
        If not even the weights before learning give finite outputs.
    """
    settings = trainer.settings
    history = History()
    progress = Progress(settings)
    best_weights, best, since = trainer.weights, np.inf, 0
    finished = [(0, trainer.snapshot(), best_weights)]  # before learning, and after the last two epochs
    end, diverged, interrupted = None, False, False

    def learned():
        return (trainer.weights if validate is None else best_weights), replace(
            history,
            loss_curve=history.loss_curve[:],
            validation_scores=history.validation_scores[:],
            memory=None if diverged else trainer.memory,
            streams=trainer.streams,
        )

    def begin():
        if settings.schedule:
            trainer.learning_rate = settings.schedule(settings.n_epochs + len(history.loss_curve))
        if tasks:
            tasks.begin(learned)

    def on_epoch(loss, score=None):
        history.loss_curve.append(float(loss))
        if score is not None:
            history.validation_scores.append(float(score))
        finished[1:] = [*finished[1:], (len(history.loss_curve), trainer.snapshot(), best_weights)][-2:]
        progress(len(history.loss_curve), loss, score)
        return tasks is not None and tasks.end(learned)

    def on_iteration(loss):
        stop = on_epoch(loss)
        if not stop:
            begin()
        return stop

    try:
        if settings.solver == "lbfgs":
            begin()
            with one_blas_thread():  # SciPy's own products are small
                end = trainer.minimise(on_iteration)
        else:
            for _ in range(settings.max_iter):
                begin()
                with one_blas_thread():
                    loss = trainer.epoch(rng)
                score = None if validate is None else validate(trainer.weights)
                value = loss if score is None else -score
                since = 0 if value < best - settings.tol else since + 1
                if value < best:
                    best = value
                    if score is not None:
                        best_weights = trainer.weights
                stop = on_epoch(loss, score)
                if stop or since >= settings.n_iter_no_change:
                    break
            else:
                end = MAX_ITER
    except Diverged:
        diverged = True
    except KeyboardInterrupt:
        interrupted = True
    progress.close()
    bad_epoch, rate = finished[-1][0] + 1, trainer.learning_rate
    for n_epochs, state, best_weights in reversed(finished):
        trainer.restore(state)
        if trainer.gives_finite_outputs(trainer.weights if validate is None else best_weights):
            break
        bad_epoch, diverged = n_epochs, True
    else:
        raise ValueError(
            "X, or the weights from which learning starts, are too large: the outputs are not finite. Scale "
            "the inputs, for example with SequenceScaler."
        )
    if diverged:
        kept = "of the epoch before" if n_epochs else "before learning"
        warnings.warn(
            "The loss, weights, outputs or the solver's moments are no longer finite in epoch "
            f"{bad_epoch}: learning diverged. The weights {kept} are kept. Scale inputs and targets, or try "
            f"{_gentler(settings.solver, rate)}.",
            ConvergenceWarning,
            stacklevel=5,
        )
    if interrupted:
        warnings.warn(
            f"Learning was interrupted; the model is that of epoch {n_epochs}.",
            stacklevel=5,
        )
    not_converged = {
        MAX_ITER: f"after max_iter={settings.max_iter} epochs.",
        NO_DESCENT: f"after {n_epochs} epochs: L-BFGS found no lower loss. Scale inputs and targets.",
    }
    if end in not_converged and not diverged and may_stop_early:
        warnings.warn(f"Learning has not converged {not_converged[end]}", ConvergenceWarning, stacklevel=5)
    del history.loss_curve[n_epochs:], history.validation_scores[n_epochs:]
    if tasks:
        tasks.close(learned)
    return learned()


class Progress:
    """A line an epoch on the standard output: losses, scores, time left."""

    def __init__(self, settings):
        self.settings = settings
        self.start = self.shown = time.perf_counter()
        self.line = ""

    def __call__(self, epoch, loss, score):
        if not self.settings.verbose:
            return
        now = time.perf_counter()
        spent = now - self.start
        left = spent / epoch * (self.settings.max_iter - epoch)
        before = self.settings.n_epochs
        self.line = f"epoch {before + epoch:4d}/{before + self.settings.max_iter}  loss {loss:.6f}"
        if score is not None:
            self.line += f"  validation {score:.4f}"
        self.line += f"  {spent:.1f} s, at most {left:.0f} s left"
        if self.settings.verbose > 1 or now - self.shown > 0.5 or epoch == 1:
            self.show()
            self.shown = now

    def show(self):
        """Print the last epoch's line, once."""
        if self.line:
            print(self.line, file=sys.stdout, flush=True)
        self.line = ""

    def close(self):
        """Print the last line if it has not been shown."""
        self.show()


def _gentler(solver, rate):
    """Arguments with which a solver diverges less easily."""
    if solver == "lbfgs":
        return "a larger alpha, or another solver"
    return f"a learning_rate smaller than {rate}" + ("" if solver == "rprop" else ", or clip")


def _cannot_overflow(network, w, sequences):
    """Whether no sum of the network can overflow for inputs of this size: then all outputs are finite."""
    if network.cell_input_activation == "identity":  # activations may grow with each step
        return False
    values = sequences.values.data if sequences.is_sparse else sequences.values
    largest_input = float(max(values.max(initial=0), -values.min(initial=0)))
    largest_state = 2.0 * int(sequences.lengths.max())  # at a step at most 2 more, and the gates are below 1
    n_sources = network._n_recurrent + network.block_size + network.n_cells + network.n_hidden_units
    largest_sum = float(np.abs(w).max()) * (network.n_inputs * largest_input + n_sources * largest_state + 1)
    return largest_sum < float(np.finfo(w.dtype).max) / 2


def _penalised(network):
    """Mask of the weights that the L2 penalty falls on: all but biases."""
    mask = np.ones(network.n_weights, bool)
    biased = {"cell": network.cell_bias, "hidden": network.cell_bias, "output": network.output_bias}
    for name, part in network.views(mask).items():
        if not name.endswith("peephole") and biased.get(name, network.gate_bias):
            part[:, -1] = False
    return mask
