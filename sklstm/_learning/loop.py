"""The loop over epochs: until `max_iter`, the tolerance, early stopping, a callback or Ctrl-C ends it."""

import sys
import time
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklstm._checks import may_overflow
from sklstm._engine.threads import one_blas_thread
from sklstm._learning.solvers import CONVERGED, MAX_ITER, NO_DESCENT, SolverState
from sklstm._learning.trainer import Diverged

LITTLE = 0.1  # fraction of the loss of constant outputs
WAITS = 0.2  # fraction of that loss above which learning does not stop early
JUMP = 2.0  # multiple of the smallest loss so far above which learning does not stop in an epoch


@dataclass
class History:
    """Results of learning besides the weights."""

    loss_curve: list = field(default_factory=list)
    validation_scores: list = field(default_factory=list)
    solver_state: SolverState | None = None
    online_states: list | None = None
    diverged: bool = False
    loop_state: "LoopState | None" = None


@dataclass
class LoopState:
    """State of the loop at the end of an epoch, on which later epochs depend.

    Attributes
    ----------
    weights, best_weights : ndarray of shape (n_weights,)
        Current weights, and those with the best score.
    solver_state : SolverState or None
        None for L-BFGS: SciPy keeps its state, and `evaluations` restore it.
    random_state : dict
        State of the random generator for the order of the sequences.
    best, since : float, int
        Best value, and the number of epochs since it improved by more than the tolerance.
    mean : ndarray of float64 of shape (n_weights,), or 0.0
        Moving average of the weights of the epochs, if they are averaged.
    loss_curve, validation_scores : list of float
        Values of this call.
    evaluations : list of (float, ndarray of shape (n_weights,))
        Values and gradients that L-BFGS has asked for so far, in their order.
    """

    weights: Any
    best_weights: Any
    solver_state: SolverState | None
    random_state: dict
    best: float
    since: int
    loss_curve: list
    validation_scores: list
    evaluations: list
    mean: Any = 0.0


def learn(trainer, rng, validate=None, bounds=None, may_stop_early=True, tasks=None, loop_state=None):
    """Learn until a criterion ends learning.

    With the log loss, the tolerance ends learning only if the model explains most of the training data: with
    long sequences, the loss may not fall in the first epochs. It does not end learning in an epoch in which
    the loss has jumped. A single update can cause a jump, and the result has the weights of the last epoch,
    or their moving average.

    Parameters
    ----------
    trainer : Trainer
    rng : RandomState
        Source of the order of the sequences.
    validate : callable or None
        Function from weights to the score on held-out sequences. Learning ends when the best score is
        `n_iter_no_change` epochs old, and the result has the weights of the best score.
    bounds : tuple of float, or None
        Mean loss of perfect outputs, and of constant outputs. A useful model is better than the latter.
    may_stop_early : bool
        Whether to check for convergence.
    tasks : EpochTasks or None
        Receives the beginning and the end of each epoch.
    loop_state : LoopState or None
        State from which the loop continues; the trainer already has the weights and the solver state.

    Returns
    -------
    weights : ndarray of shape (n_weights,)
        Weights of the last epoch after which the outputs for all sequences are finite, or the moving average
        of the weights of the epochs if the tolerance ended learning.
    history : History

    Raises
    ------
    ValueError
        If not even the weights before learning give finite outputs.
    """
    settings = trainer.settings
    run = _Run(trainer, rng, validate, bounds, tasks, loop_state)
    end = None
    try:
        end = run.epochs() if settings.solver.in_epochs else run.minimise()
    except Diverged:
        run.diverged = True
    except KeyboardInterrupt:
        run.interrupted = True
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
    if run.interrupted:
        warnings.warn(
            f"Learning was interrupted; the model is that of epoch {n_epochs}.",
            stacklevel=6,
        )
    if may_stop_early and not run.diverged and not run.interrupted:
        message = run.shortcoming(end)
        if message:
            warnings.warn(message, ConvergenceWarning, stacklevel=6)
    if end == CONVERGED and not run.diverged:
        run.average()
    if tasks:
        tasks.close(run.learned)
    return run.learned()


class _Run:
    """One call of `learn`: its results so far, and snapshots of earlier weights."""

    def __init__(self, trainer, rng, validate, bounds, tasks, state=None):
        self.trainer, self.rng, self.validate, self.tasks = trainer, rng, validate, tasks
        self.least, self.constant = bounds or (0.0, 0.0)
        self.history = History()
        self.best, self.since = np.inf, 0
        self.averages = trainer.settings.average and validate is None
        self.mean: Any = 0.0
        self.averaged = None
        self.best_weights = trainer.weights
        self.n_known = 0 if state is None else len(state.loss_curve)  # epochs of an earlier process
        if tasks and tasks.keeps:
            trainer.evaluations = []
        if state is not None:
            rng.set_state(state.random_state)
            trainer.evaluations = state.evaluations
            if trainer.settings.solver.in_epochs:  # L-BFGS repeats all epochs, from known gradients
                self.history = History(list(state.loss_curve), list(state.validation_scores))
                self.best, self.since, self.best_weights = state.best, state.since, state.best_weights
                self.mean = state.mean
        n_epochs = len(self.history.loss_curve)
        self.progress = Progress(trainer.settings, self.n_known)
        # snapshots before learning and after the last two epochs
        self.finished = [(n_epochs, trainer.snapshot(), self.best_weights)]
        self.diverged = self.interrupted = False

    @property
    def weights(self):
        """Weights that `learn` returns."""
        if self.averaged is not None:
            return self.averaged
        return self.trainer.weights if self.validate is None else self.best_weights

    def learned(self):
        """Copies of the weights and the history."""
        return self.weights, replace(
            self.history,
            loss_curve=self.history.loss_curve[:],
            validation_scores=self.history.validation_scores[:],
            solver_state=None if self.diverged else self.trainer.solver_state,
            online_states=self.trainer.online_states,
            diverged=self.diverged,
            loop_state=None if self.diverged or self.interrupted else self._loop_state(),
        )

    def _loop_state(self):
        trainer, history = self.trainer, self.history
        in_epochs = trainer.settings.solver.in_epochs
        return LoopState(
            weights=trainer.weights,
            best_weights=self.best_weights,
            solver_state=trainer.solver_state if in_epochs else None,
            random_state=self.rng.get_state(legacy=False),
            best=float(self.best),
            since=self.since,
            loss_curve=history.loss_curve[:],
            validation_scores=history.validation_scores[:],
            evaluations=list(trainer.evaluations or ()),
            mean=self.mean,
        )

    def average(self):
        """Replace the weights of the last epoch by their moving average."""
        if not self.averages:
            return
        mean = self.mean.astype(self.trainer.w.dtype)
        if self.trainer.gives_finite_outputs(mean):
            self.averaged = mean

    def _add_to_mean(self):
        """Let the weights of this epoch count in the moving average, those of earlier epochs less.

        From an epoch to the one before, the factor is 1 - 1 / `n_iter_no_change`. The factors of all epochs
        so far sum to 1.
        """
        n_epochs, keeps = len(self.history.loss_curve) + 1, 1 - 1 / self.trainer.settings.n_iter_no_change
        part = (1 - keeps) / (1 - keeps**n_epochs)
        self.mean = self.mean + part * (self.trainer.weights.astype(float) - self.mean)

    def epochs(self):
        """Run epochs of updates; return `CONVERGED`, `MAX_ITER`, or None if a callback ended them."""
        trainer, settings, validate = self.trainer, self.trainer.settings, self.validate
        for _ in range(len(self.history.loss_curve), settings.max_iter):
            if self.since >= settings.n_iter_no_change and not self._waits():
                break
            self._begin_epoch()
            with one_blas_thread():
                loss = trainer.epoch(self.rng)
            score = None if validate is None else validate(trainer.weights)
            value = loss if score is None else -score
            tol = settings.tol
            if settings.tol_is_relative and np.isfinite(self.best):
                tol *= abs(self.best)
            self.since = 0 if value < self.best - tol else self.since + 1
            if self.averages:
                self._add_to_mean()
            if value < self.best:
                self.best = value
                if score is not None:
                    self.best_weights = trainer.weights
            if self._end_epoch(loss, score):
                return None
        return CONVERGED if self.since >= settings.n_iter_no_change else MAX_ITER

    def _waits(self):
        """Whether learning continues though the loss does not fall, because it is still large or has jumped.

        This holds for the log loss only: in regression, most of the variance may remain unexplained, and
        over-fitting begins sooner.
        """
        curve = self.history.loss_curve
        of_classes = self.trainer.settings.loss.of_probabilities
        if not (of_classes and self.validate is None and curve):
            return False
        return self._is_above(WAITS) or curve[-1] > JUMP * self.best

    def _is_above(self, part):
        """Whether the best loss is above this fraction of the way from perfect to constant outputs."""
        span = self.constant - self.least
        if span <= 0:
            return False
        return self._best_loss() - self.least >= part * span

    def _best_loss(self):
        """Smallest loss so far, without the penalty."""
        loss = min(self.history.loss_curve, default=None)
        if loss is None:
            loss = self._loss_before_learning()
        return loss - self.trainer._penalty(self.weights) if self.trainer.settings.alpha else loss

    def minimise(self):
        """Run L-BFGS; return its status (see `lbfgs`)."""

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
        if self.tasks and len(self.history.loss_curve) >= self.n_known:
            self.tasks.begin(self.learned)

    def _end_epoch(self, loss, score=None):
        """Record the results of an epoch; return whether a callback asks to stop."""
        curve = self.history.loss_curve
        curve.append(float(loss))
        if score is not None:
            self.history.validation_scores.append(float(score))
        new = len(curve), self.trainer.snapshot(), self.best_weights
        self.finished[1:] = [*self.finished[1:], new][-2:]
        if len(curve) <= self.n_known:  # repeated from known gradients
            return False
        self.progress(len(curve), loss, score)
        return self.tasks is not None and self.tasks.end(self.learned)

    def shortcoming(self, end):
        """Message, with advice, if learning did not end well; otherwise None."""
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
        if end != CONVERGED or not self._is_above(1 - LITTLE):
            return None
        longer = "larger max_iter" if n == settings.max_iter else "larger n_iter_no_change, tol=0"
        return (
            f"Learning stopped after {n} epochs, but the model explains little of what it learned from: the "
            f"loss is {self._best_loss():.4g}, that of constant outputs {self.constant:.4g}. Let it learn "
            f"longer ({longer}), scale the inputs (SequenceScaler), try another "
            f"{settings.solver.first_to_change}; or the targets may not depend on X."
        )

    def _loss_before_learning(self):
        """Loss of the initial weights. Their gradient is zero, so L-BFGS made no iteration."""
        trainer = self.trainer
        with may_overflow(), one_blas_thread(), trainer.full_batch() as gradient:
            loss, _ = gradient(1.0)
        return loss / trainer.total_weight + (trainer._penalty(self.weights) if trainer.settings.alpha else 0)

    def back_to_finite_outputs(self):
        """Go back to the last epoch with finite outputs; return its number and that of the next epoch."""
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
    """Advice if `max_iter` ended learning, from the change of the loss in the last epochs."""
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
    """Prints one line per epoch: losses, scores, time left.

    Parameters
    ----------
    settings : Settings
    n_known : int
        Number of epochs of this fit in an earlier process.
    """

    def __init__(self, settings, n_known=0):
        self.settings, self.n_known = settings, n_known
        self.start = self.shown = time.perf_counter()
        self.line = ""

    def __call__(self, epoch, loss, score):
        if not self.settings.verbose:
            return
        now = time.perf_counter()
        spent = now - self.start
        left = spent / (epoch - self.n_known) * (self.settings.max_iter - epoch)
        before = self.settings.n_epochs
        self.line = f"epoch {before + epoch:4d}/{before + self.settings.max_iter}  loss {loss:.6f}"
        if score is not None:
            self.line += f"  validation {score:.4f}"
        self.line += f"  {spent:.1f} s, at most {left:.0f} s left"
        if self.settings.verbose > 1 or now - self.shown > 0.5 or epoch == self.n_known + 1:
            self.show()
            self.shown = now

    def show(self):
        """Print the line of the last epoch, once."""
        if self.line:
            print(self.line, file=sys.stdout, flush=True)
        self.line = ""

    def close(self):
        """Print the last line if it has not been shown."""
        self.show()
