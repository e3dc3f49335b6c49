"""The loop over epochs: until `max_iter`, the tolerance, early stopping, a callback or Ctrl-C ends it."""

import sys
import time
import warnings
from dataclasses import dataclass, field, replace

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklstm._engine.threads import one_blas_thread
from sklstm._learning.solvers import MAX_ITER, NO_DESCENT, SolverState
from sklstm._learning.trainer import Diverged


@dataclass
class History:
    """What learning left behind beside the weights."""

    loss_curve: list = field(default_factory=list)
    validation_scores: list = field(default_factory=list)
    solver_state: SolverState | None = None
    online_states: list | None = None


def learn(trainer, rng, validate=None, may_stop_early=True, tasks=None):
    """Train until something ends it.

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
    run = _Run(trainer, validate, tasks)
    end, interrupted = None, False
    try:
        end = run.epochs(rng) if settings.solver.in_epochs else run.minimise()
    except Diverged:
        run.diverged = True
    except KeyboardInterrupt:
        interrupted = True
    run.progress.close()
    rate = trainer.learning_rate
    n_epochs, bad_epoch = run.back_to_finite_outputs()
    if run.diverged:
        kept = "of the epoch before" if n_epochs else "before learning"
        warnings.warn(
            "The loss, weights, outputs or the solver's moments are no longer finite in epoch "
            f"{bad_epoch}: learning diverged. The weights {kept} are kept. Scale inputs and targets, or try "
            f"{settings.solver.gentler(rate)}.",
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
    if end in not_converged and not run.diverged and may_stop_early:
        warnings.warn(f"Learning has not converged {not_converged[end]}", ConvergenceWarning, stacklevel=5)
    if tasks:
        tasks.close(run.learned)
    return run.learned()


class _Run:
    """One call of `learn`: what it has come to, and what to come back to."""

    def __init__(self, trainer, validate, tasks):
        self.trainer, self.validate, self.tasks = trainer, validate, tasks
        self.history = History()
        self.progress = Progress(trainer.settings)
        self.best_weights = trainer.weights
        self.finished = [
            (0, trainer.snapshot(), self.best_weights)
        ]  # before learning, and the last two epochs
        self.diverged = False

    @property
    def weights(self):
        """Weights that learning gives."""
        return self.trainer.weights if self.validate is None else self.best_weights

    def learned(self):
        """Weights and history, copies."""
        return self.weights, replace(
            self.history,
            loss_curve=self.history.loss_curve[:],
            validation_scores=self.history.validation_scores[:],
            solver_state=None if self.diverged else self.trainer.solver_state,
            online_states=self.trainer.online_states,
        )

    def epochs(self, rng):
        """Epochs of updates; returns `MAX_ITER` if nothing else ended them."""
        trainer, settings, validate = self.trainer, self.trainer.settings, self.validate
        best, since = np.inf, 0
        for _ in range(settings.max_iter):
            self._begin_epoch()
            with one_blas_thread():
                loss = trainer.epoch(rng)
            score = None if validate is None else validate(trainer.weights)
            value = loss if score is None else -score
            since = 0 if value < best - settings.tol else since + 1
            if value < best:
                best = value
                if score is not None:
                    self.best_weights = trainer.weights
            stop = self._end_epoch(loss, score)
            if stop or since >= settings.n_iter_no_change:
                return None
        return MAX_ITER

    def minimise(self):
        """L-BFGS; returns how it ended (see `lbfgs`)."""

        def on_iteration(loss):
            stop = self._end_epoch(loss)
            if not stop:
                self._begin_epoch()
            return stop

        self._begin_epoch()
        with one_blas_thread():  # SciPy's own products are small
            return self.trainer.minimise(on_iteration)

    def _begin_epoch(self):
        settings = self.trainer.settings
        if settings.schedule:
            self.trainer.learning_rate = settings.schedule(settings.n_epochs + len(self.history.loss_curve))
        if self.tasks:
            self.tasks.begin(self.learned)

    def _end_epoch(self, loss, score=None):
        """Note what has come of an epoch; returns whether a callback asks to stop."""
        curve = self.history.loss_curve
        curve.append(float(loss))
        if score is not None:
            self.history.validation_scores.append(float(score))
        new = len(curve), self.trainer.snapshot(), self.best_weights
        self.finished[1:] = [*self.finished[1:], new][-2:]
        self.progress(len(curve), loss, score)
        return self.tasks is not None and self.tasks.end(self.learned)

    def back_to_finite_outputs(self):
        """Go back to the last epoch with finite outputs; its number, and that of the one after it."""
        bad_epoch = self.finished[-1][0] + 1
        for n_epochs, state, best_weights in reversed(self.finished):
            self.trainer.restore(state)
            self.best_weights = best_weights
            if self.trainer.gives_finite_outputs(self.weights):
                del self.history.loss_curve[n_epochs:], self.history.validation_scores[n_epochs:]
                return n_epochs, bad_epoch
            bad_epoch, self.diverged = n_epochs, True
        raise ValueError(
            "X, or the weights from which learning starts, are too large: the outputs are not finite. Scale "
            "the inputs, for example with SequenceScaler."
        )


class Progress:
    """One line per epoch on the standard output: losses, scores, time left."""

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
