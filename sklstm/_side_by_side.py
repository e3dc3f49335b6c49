"""Fits side by side in threads: where several learn on-line, one thread works for all of them."""

import warnings
from collections import Counter
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from numbers import Integral
from threading import Condition, Event, Lock
from typing import Any

import joblib
import numpy as np
from joblib.parallel import ThreadingBackend, get_active_backend

from sklstm import _core
from sklstm._kernel import one_blas_thread
from sklstm._together import Together

FITS = 8  # under way for each thread that works
PATIENCE = 1.0  # seconds until a fit no longer waits for one that is busy with something else


@contextmanager
def side_by_side(n_jobs=None):
    """Context in which scikit-learn's searches run their fits side by side, in the threads of this process.

    Small networks that learn on-line (``update="sequence"``) then share the processor within each thread: it
    computes the steps of several fits in turn, where one fit alone would leave it waiting most of the time.
    The results are those of the same search without this context, to the bit.

    Whatever runs its fits by joblib is served: `GridSearchCV` and the other searches, `cross_validate`,
    `learning_curve`, ensembles; of pipelines and of any estimator.

    Parameters
    ----------
    n_jobs : int, default=None
        Threads that work; None is 1, -1 all cores. Eight fits are under way for each. It takes the place of
        the `n_jobs` of searches and ensembles inside.

    Notes
    -----
    Fits of the same topology, loss, gradient and dtype, all with dense or all with sparse sequences, learn in
    turn. Rates, solver and its options, gate biases, weights of samples, number and lengths of sequences may
    differ; a fit that ends, or fails, does not hold up the others. Networks have to be small: a row of units
    in two vector registers (16 units in float64 or 32 in float32, each cell and each gate being one), no
    peepholes, no hidden units, and a processor with AVX-512. Fits of other networks, and with
    ``update="batch"`` or "step", run each for itself, `n_jobs` at a time: a mini-batch is computed in turn
    already.

    Each fit holds its own sequences, and once more while it learns in turn with others. When Ctrl-C or an
    error ends the search, the fits that are under way end with their epoch.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklstm import LSTMRegressor, side_by_side
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, size=(60, 5, 1))
    >>> y = X[:, 0, 0]
    >>> reg = LSTMRegressor(n_blocks=2, update="sequence", solver="sgd", tol=0.01, random_state=0)
    >>> search = GridSearchCV(reg, {"learning_rate": [0.01, 0.1], "forget_gate_bias": [0, 2]}, cv=3)
    >>> with side_by_side(n_jobs=2):
    ...     search = search.fit(X, y)
    >>> search.best_params_["learning_rate"]
    0.1
    """
    if n_jobs is not None and (not isinstance(n_jobs, Integral) or n_jobs == 0):
        raise ValueError(f"n_jobs must be None or a number of threads other than 0, got {n_jobs!r}.")
    with joblib.parallel_config(SideBySide(1 if n_jobs is None else int(n_jobs))):
        yield


class Cancelled(Exception):
    """The search that this fit belongs to has ended."""


class Fit:
    """A fit at a meeting.

    Attributes
    ----------
    trainer : Trainer
    kind : tuple
        What fits must have in common to learn in turn.
    lanes : Lanes
        The sequences from which it wants to learn now.
    called : Event
        It is to lead a group, or has learned.
    group : list of Fit
        Those whom it leads; empty if another leads.
    loss : float
        What came of it, or
    error : BaseException or None
        what kept it from learning.
    """

    def __init__(self, trainer):
        settings, kernel = trainer.settings, trainer.kernel
        self.trainer = trainer
        self.kind = kernel.network, kernel.dtype, settings.loss, settings.gradient, trainer.data.sparse
        self.called = Event()
        self.group = []
        self.error = None


class Meeting:
    """Where the fits of one search learn in turn.

    A fit that comes with its next sequences waits until enough of its kind have come: as many as one thread
    should work for, or all that are not at work. Then the thread of one of them learns for all. Only fits
    that are in their epochs are counted, and no more threads work than should, so fits fall into step after
    one epoch. A fit that is counted but does not come for `PATIENCE` is not waited for.

    Parameters
    ----------
    n_threads : int
        Threads that may work at a time.
    """

    def __init__(self, n_threads):
        self.n_threads = self.free = n_threads
        self.lock = Lock()
        self.freed = Condition(self.lock)
        self.fits = Counter()  # in their epochs, by kind
        self.working = Counter()  # those of them that learn at the moment
        self.waiting = {}  # those of them that wait, by kind
        self.cancelled = False

    @staticmethod
    def here():
        """Return the meeting of the fits to which this thread belongs, or None."""
        return getattr(get_active_backend()[0], "meeting", None)

    def cancel(self):
        """Let every fit end before its next epoch."""
        self.cancelled = True

    def check(self):
        """Raise Cancelled if the search has ended."""
        if self.cancelled:
            raise Cancelled("The search was interrupted, or failed elsewhere.")

    @contextmanager
    def attended(self, trainer):
        """Count a fit while it is in its epochs, and let it learn in turn with others if it gains by that.

        If it does not, each of its epochs waits until there is a place for one more thread that works.
        """
        if not takes_turns(trainer):
            trainer.place = self._place
            try:
                yield
            finally:
                trainer.place = nullcontext
            return
        fit = Fit(trainer)
        with self.lock:
            self.fits[fit.kind] += 1
        try:
            trainer.in_turn = partial(self._learn, fit)
            yield
        finally:
            trainer.in_turn = trainer.together = None
            with self.lock:
                self.fits[fit.kind] -= 1
                self._call()

    @contextmanager
    def _place(self):
        """Be one of the threads that work."""
        with self.lock:
            while not self.freed.wait_for(lambda: self.free > 0, PATIENCE):
                self.check()
            self.free -= 1
        try:
            yield
        finally:
            with self.lock:
                self._leave()

    def _leave(self):
        """Give the place of a thread that works to the next; to be called with the lock."""
        self.free += 1
        self._call()
        if self.free:
            self.freed.notify()

    def _learn(self, fit, lanes):
        """Wait for the others, and lead them if called to; returns the loss of these sequences."""
        fit.lanes = lanes
        fit.called.clear()
        with self.lock:
            self.waiting.setdefault(fit.kind, []).append(fit)
            self._call()
        while not fit.called.wait(PATIENCE):
            with self.lock:
                if fit in self.waiting.get(fit.kind, ()):
                    self._call(impatient=fit.kind)
        if fit.group:
            self._lead(fit.kind, fit.group)
            fit.group = []
        if fit.error is not None:
            raise fit.error
        return fit.loss

    def _call(self, impatient=None):
        """Let groups begin, as long as one is complete and a thread may work; to be called with the lock."""
        share = min(-(-self.fits.total() // self.n_threads), FITS)
        while self.free:
            for kind, fits in self.waiting.items():
                to_come = self.fits[kind] - self.working[kind]
                if kind == impatient or len(fits) >= min(share, to_come):
                    break
            else:
                return
            impatient = None
            del self.waiting[kind]
            group, others = fits[:share], fits[share:]
            if others:
                self.waiting[kind] = others  # behind the other kinds
            self.free -= 1
            self.working[kind] += len(group)
            group[-1].group = group
            group[-1].called.set()

    def _lead(self, kind, group):
        """Learn for all of a group in this thread."""
        try:
            together = Together.of([fit.trainer for fit in group])
            lanes = {fit.trainer: fit.lanes for fit in group}
            losses = together.train([lanes[trainer] for trainer in together.trainers])
            of = dict(zip(together.trainers, losses.tolist(), strict=True))
            for fit in group:
                fit.loss = of[fit.trainer]
        except BaseException as error:
            for fit in group:
                fit.error = error
        finally:
            with self.lock:
                self.working[kind] -= len(group)
                for fit in group:
                    fit.called.set()
                self._leave()


def takes_turns(trainer):
    """Whether it gains by learning in turn with others."""
    data = trainer.data
    return (
        trainer.settings.update == "sequence"
        and trainer.kernel.plan.is_small
        and max(data.X.size, data.values.size, data.indptr.size) < np.iinfo(np.int32).max // FITS
    )


class SideBySide(ThreadingBackend):
    """joblib's threads, so many whatever n_jobs a search has, with a meeting for each search."""

    runs_fits = True  # its number of jobs is not one of threads that work

    def __init__(self, n_jobs):
        super().__init__()
        self._n_threads = super().effective_n_jobs(n_jobs)
        self._while_at_work = ExitStack()
        self._meeting: Any = None

    def effective_n_jobs(self, n_jobs):
        """Fits under way."""
        return self._n_threads * (FITS if _core.HAS_SMALL else 1)

    def configure(self, n_jobs=1, parallel=None, **options):
        """Begin a search."""
        n_fits = super().configure(n_jobs, parallel, **options)
        self._meeting = Meeting(self._n_threads)
        self._while_at_work.enter_context(one_blas_thread())
        # scikit-learn sets the filters of warnings in each thread; before Python 3.14 all threads share them
        self._while_at_work.enter_context(warnings.catch_warnings())
        return n_fits

    def terminate(self):
        """End a search."""
        super().terminate()
        self._while_at_work.close()

    def abort_everything(self, ensure_ready=True):
        """End a search that failed or was interrupted."""
        self._meeting.cancel()
        super().abort_everything(ensure_ready)

    def get_nested_backend(self):
        """Return what is active in the threads of the fits."""
        return OneOfMany(self._meeting), None


class OneOfMany(ThreadingBackend):
    """What joblib does inside a fit: what it does in threads, and the meeting is found."""

    has_one_blas_thread = True  # SideBySide sees to it

    def __init__(self, meeting):
        super().__init__(nesting_level=1)
        self.meeting = meeting
