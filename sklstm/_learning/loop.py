"""The loop over epochs: until `max_iter`, the tolerance, early stopping, a callback or Ctrl-C ends it."""

import sys
import time
import warnings
from dataclasses import dataclass, field, replace

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklstm._engine.threads import one_blas_thread
from sklstm._learning.solvers import CONVERGED, MAX_ITER, NO_DESCENT, SolverState
from sklstm._learning.trainer import Diverged

LITTLE = 0.1  # of the loss of constant outputs


@dataclass
class History:
    """What learning left behind beside the weights."""

    loss_curve: list = field(default_factory=list)
    validation_scores: list = field(default_factory=list)
    solver_state: SolverState | None = None
    online_states: list | None = None
    diverged: bool = False


def learn(trainer, rng, validate=None, constant=None, may_stop_early=True, tasks=None):
    """Train until something ends it.

    Parameters
    ----------
    trainer : Trainer
    rng : RandomState
        Order of the sequences.
    validate : callable or None
        weights -> score on sequences held out; stops when the best one is `n_iter_no_change` epochs
        old, and gives its weights back.
    constant : float or None
        Mean loss of constant outputs, which a model should be better than.
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
            stacklevel=6,
        )
    if interrupted:
        warnings.warn(
            f"Learning was interrupted; the model is that of epoch {n_epochs}.",
            stacklevel=6,
        )
    if may_stop_early and not run.diverged and not interrupted:
        message = run.shortcoming(end, constant)
        if message:
            warnings.warn(message, ConvergenceWarning, stacklevel=6)
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
            diverged=self.diverged,
        )

    def epochs(self, rng):
        """Epochs of updates; returns `CONVERGED`, `MAX_ITER`, or None if a callback ended them."""
        trainer, settings, validate = self.trainer, self.trainer.settings, self.validate
        best, since = np.inf, 0
        for _ in range(settings.max_iter):
            self._begin_epoch()
            with one_blas_thread():
                loss = trainer.epoch(rng)
            score = None if validate is None else validate(trainer.weights)
            value = loss if score is None else -score
            tol = settings.tol
            if settings.tol_is_relative and np.isfinite(best):
                tol *= abs(best)
            since = 0 if value < best - tol else since + 1
            if value < best:
                best = value
                if score is not None:
                    self.best_weights = trainer.weights
            stop = self._end_epoch(loss, score)
            if stop:
                return None
            if since >= settings.n_iter_no_change:
                return CONVERGED
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

    def shortcoming(self, end, constant):
        """What is to be said of the way in which learning ended, with advice; or None."""
        settings, curve = self.trainer.settings, self.history.loss_curve
        n = len(curve)
        if end == NO_DESCENT:
            return (
                f"Learning has not converged after {n} epochs: L-BFGS found no lower loss. Scale inputs and "
                "targets."
            )
        if end == MAX_ITER:
            return f"Learning has not converged after max_iter={settings.max_iter} epochs. " + _advice(
                curve, settings
            )
        if end != CONVERGED or not constant:
            return None
        loss = min(curve)
        if settings.alpha:
            loss -= self.trainer._penalty(self.weights)
        if loss < (1 - LITTLE) * constant:
            return None
        return (
            f"Learning stopped after {n} epochs, but the model explains little of what it learned from: the "
            f"loss is {loss:.4g}, that of constant outputs {constant:.4g}. Let it wait longer (larger "
            "n_iter_no_change, tol=0), scale the inputs (SequenceScaler), try another "
            f"{settings.solver.first_to_change}; or the targets may not depend on X."
        )

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


def _advice(curve, settings):
    """What to change if `max_iter` ended learning: by how the loss changed in the last epochs."""
    n = min(len(curve) - 1, settings.n_iter_no_change)
    text = f"The loss is {curve[-1]:.4g}"
    if n < 1 or not curve[-1 - n] > 0:
        return f"{text}: raise max_iter."
    fall = 1 - curve[-1] / curve[-1 - n]
    if fall <= 0:
        how = f"is not below that of {n} epoch{'s' * (n > 1)} before"
        if settings.solver.has_rate:
            return f"{text} and {how}: try a learning_rate smaller than {settings.learning_rate:.4g}."
        if settings.solver.first_to_change == "measurement_noise":
            return f"{text} and {how}: try a larger measurement_noise, or raise tol."
        return f"{text} and {how}: raise tol, or alpha."
    last = "epoch" if n == 1 else f"{n} epochs"
    text += f" and fell by {100 * fall:.2g} % in the last {last}: raise max_iter"
    return f"{text}, or tol if that is little enough." if fall < 0.05 else f"{text}."


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
