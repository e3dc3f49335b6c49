"""Checkpoints: files from which an interrupted fit continues, with the same weights to the bit."""

import contextlib
import os
import pickle
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from sklstm._checks import check_integer, check_number
from sklstm._learning.loop import LoopState
from sklstm._learning.solvers import SolverState
from sklstm._messages import shown

SUFFIX = ".pickle"
NEW = ".new"  # second suffix of a file that is written and not yet renamed
MAY_DIFFER = (
    "max_iter",
    "n_jobs",
    "random_state",
    "verbose",
    "warm_start",
)  # an integer seed must be the same, see `_fingerprint`


class Checkpoint:
    """Callback that saves a fit to files, so that it can continue after the process was killed.

    Give it to `set_callbacks` of an estimator, also of one in a pipeline or a search, and to
    ``fit(..., resume_from=checkpoint)``: the fit continues after the last saved epoch with the weights, the
    state of the solver, the random numbers and the order of the sequences that it had, and ends with exactly
    the weights that it would have had without the interruption. Each fit of a search finds its own file by
    its data and arguments. With `partial_fit`, call `save` between the epochs, and continue with the
    estimator that `load` returns.

    A file is written under a temporary name, flushed to the disk and renamed. Whatever happens, either the
    new file or the one before it is complete.

    Parameters
    ----------
    folder : path-like
        Folder of the files. It is created if it does not exist.
    every_epochs : int or None, default=None
        Number of epochs from one file to the next.
    every_seconds : float or None, default=None
        Minimum number of seconds from one file to the next, checked when an epoch ends. If both are None, a
        file is written after each epoch; if both are given, a file is written when either is reached. The end
        of a fit is always saved.
    keep : int, default=2
        Number of files of a fit that are kept; older ones are deleted.

    Warns
    -----
    RuntimeWarning
        If a file cannot be written during a fit, for example on a full disk: learning continues, and the
        files written before are kept.

    Notes
    -----
    Callbacks need scikit-learn 1.9 or newer; `save`, `load` and `resume_from` do not. The files are pickles:
    load only files that you trust. With ``solver="lbfgs"`` a file holds the gradient of each iteration, from
    which SciPy's state is restored.

    Examples
    --------
    >>> import tempfile
    >>> from sklstm import Checkpoint, LSTMRegressor
    >>> from sklstm.tasks import make_adding
    >>> X, y = make_adding(50, random_state=0)
    >>> folder = tempfile.TemporaryDirectory()  # in practice, a folder that is not deleted
    >>> checkpoint = Checkpoint(folder.name, every_epochs=2)
    >>> reg = LSTMRegressor(n_blocks=2, max_iter=4, tol=0, random_state=0).set_callbacks(checkpoint)
    >>> _ = reg.fit(X, y)
    >>> longer = LSTMRegressor(n_blocks=2, max_iter=6, tol=0, random_state=0)
    >>> longer.fit(X, y, resume_from=checkpoint).n_iter_
    6
    >>> checkpoint.load().n_iter_
    4
    >>> folder.cleanup()
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        every_epochs: int | None = None,
        every_seconds: float | None = None,
        keep: int = 2,
    ) -> None:
        if every_epochs is not None:
            check_integer("every_epochs", every_epochs, 1, "None or ")
        if every_seconds is not None:
            check_number("every_seconds", every_seconds, least=0, text="None or ")
        check_integer("keep", keep, 1)
        self.folder = _path("folder", folder)
        self.every_epochs, self.every_seconds, self.keep = every_epochs, every_seconds, keep
        self._last: dict[Any, tuple[int, float]] = {}  # fit -> number of epochs, and time, of its last file

    def __repr__(self):
        return (
            f"Checkpoint({os.fspath(self.folder)!r}, every_epochs={self.every_epochs}, "
            f"every_seconds={self.every_seconds}, keep={self.keep})"
        )

    def __getstate__(self):
        return vars(self) | {"_last": {}}

    # ------------------------------------------------------------------------------------------
    # scikit-learn's protocol

    def setup(self, estimator: Any, context: Any) -> None:
        """Create the folder.

        Parameters
        ----------
        estimator : LSTMClassifier or LSTMRegressor
        context : CallbackContext

        Raises
        ------
        TypeError
            If the estimator is of another class.
        """
        if not hasattr(estimator, "_resumption"):
            raise TypeError(
                f"Checkpoint saves fits of LSTMClassifier and LSTMRegressor, got {type(estimator).__name__}: "
                "give it to set_callbacks of the estimator in the pipeline or search."
            )
        self.folder.mkdir(parents=True, exist_ok=True)

    def teardown(self, estimator: Any, context: Any) -> None:
        """Do nothing.

        Parameters
        ----------
        estimator, context
            See `setup`.
        """

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Remember when a fit began.

        Parameters
        ----------
        estimator, context
            See `setup`.
        """
        if context.task_name != "epoch":
            self._last[context.root_uuid, context.task_id] = 0, time.monotonic()

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any = None) -> None:
        """Write a file if one is due.

        Parameters
        ----------
        estimator, context
            See `setup`.
        fitted_estimator : LSTMClassifier or LSTMRegressor
            The model at the end of the epoch, or of the fit.
        """
        if fitted_estimator is None or fitted_estimator._resumption is None:  # diverged, or interrupted
            return
        is_epoch = context.task_name == "epoch"
        of_fit = context.parent if is_epoch else context
        fit = of_fit.root_uuid, of_fit.task_id
        n_epochs = fitted_estimator.n_iter_
        last, then = self._last[fit]
        if not (self._is_due(n_epochs - last, time.monotonic() - then) if is_epoch else n_epochs > last):
            return
        try:
            self._write(fitted_estimator, series_of(fitted_estimator, fitted_estimator._resumption))
        except OSError as error:
            warnings.warn(
                f"No checkpoint of epoch {n_epochs} could be written to {self.folder}: {error}. Learning "
                "continues.",
                RuntimeWarning,
                stacklevel=2,
            )
            return
        self._last[fit] = n_epochs, time.monotonic()

    def _is_due(self, epochs, seconds):
        by_epochs = self.every_epochs is not None and epochs >= self.every_epochs
        by_seconds = self.every_seconds is not None and seconds >= self.every_seconds
        return by_epochs or by_seconds or self.every_epochs is self.every_seconds is None

    # ------------------------------------------------------------------------------------------
    # files

    def save(self, estimator: Any) -> Path:
        """Write a file of an estimator, for example between two calls of `partial_fit`.

        Parameters
        ----------
        estimator : LSTMClassifier or LSTMRegressor
            Fitted.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        OSError
            If the file cannot be written; earlier files are left unchanged.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        return self._write(estimator, type(estimator).__name__)

    def load(self) -> Any:
        """Return the estimator in the newest file of the folder; `partial_fit` continues its learning.

        Returns
        -------
        LSTMClassifier or LSTMRegressor

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        files = sorted(self.folder.glob(f"*{SUFFIX}"), key=lambda path: (path.stat().st_mtime_ns, path.name))
        if not files:
            raise FileNotFoundError(f"{self.folder} has no checkpoint.")
        estimator = _read(files[-1])
        vars(estimator).pop("_resumption", None)
        return estimator

    def _write(self, estimator, series):
        """Write under a temporary name and rename; then delete the oldest files."""
        model = object.__new__(type(estimator))
        vars(model).update({name: value for name, value in vars(estimator).items() if "callback" not in name})
        path = self.folder / f"{series}-{estimator.n_iter_:06d}{SUFFIX}"
        descriptor, new = tempfile.mkstemp(NEW, f"{path.name}-", self.folder)
        try:
            with open(descriptor, "wb") as file:
                _pickle(model, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.remove(new)
            raise
        _sync_folder(self.folder)
        old = sorted(self.folder.glob(f"{series}-{'[0-9]' * 6}{SUFFIX}"))
        for each in [*old[: -self.keep], *self.folder.glob(f"{series}-*{NEW}")]:
            each.unlink(missing_ok=True)  # temporary files are those of a killed process
        return path


def series_of(estimator, resumption):
    """Beginning of the names of the files of a fit."""
    return f"{type(estimator).__name__}-{resumption['fingerprint']}"


def _path(name, value):
    try:
        return Path(value)
    except TypeError:
        raise TypeError(f"{name} must be a path, got {shown(value)}.") from None


def _sync_folder(folder):
    """Flush a new name to the disk on systems where a folder can be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _pickle(model, file):
    try:
        pickle.dump(model, file, protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(
            f"{type(model).__name__} cannot be saved: {error}. An argument that is a function must be "
            "defined in a module; it must not be a lambda."
        ) from error


def _read(path):
    try:
        with path.open("rb") as file:
            return pickle.load(file)
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, TypeError) as error:
        raise ValueError(f"{path} is not a readable checkpoint: {error!r}.") from error


# ----------------------------------------------------------------------------------------------
# a fit that continues


class Resumption:
    """Identity of a fit in its files, and the place where it continues.

    Parameters
    ----------
    fingerprint : str
        Digest of the data and the arguments.
    start : dict
        State of the random generator before the fit draws from it.
    loop_state : LoopState or None
        State from which the loop over epochs continues; None means from its beginning.
    """

    def __init__(self, fingerprint, start, loop_state=None):
        self.fingerprint, self.start, self.loop_state = fingerprint, start, loop_state

    def as_dict(self, loop_state):
        """Content of a file besides the model, as arrays and plain values."""
        loop = vars(loop_state).copy()
        loop["solver_state"] = loop["solver_state"] and vars(loop["solver_state"]).copy()
        return {"fingerprint": self.fingerprint, "start": self.start, "loop": loop}


def resumption_of(estimator, resume_from, data, validation, goes_on, rng):
    """Return the `Resumption` of a fit, or None if it is not needed, and the random generator.

    Parameters
    ----------
    estimator : LSTMClassifier or LSTMRegressor
    resume_from : path-like, Checkpoint or None
    data : Examples
    validation : Validation
    goes_on : bool
        Whether learning continues with the weights of an earlier fit.
    rng : RandomState
        Nothing is drawn from it yet.
    """
    callbacks = getattr(estimator, "_skl_callbacks", ())
    if resume_from is None and not any(isinstance(each, Checkpoint) for each in callbacks):
        return None, rng
    fingerprint = _fingerprint(estimator, data, validation, goes_on)
    saved = None if resume_from is None else _find(resume_from, estimator, fingerprint)
    if saved is None:
        return Resumption(fingerprint, rng.get_state(legacy=False)), rng
    loop = dict(saved["loop"])
    loop["solver_state"] = loop["solver_state"] and SolverState(**loop["solver_state"])
    if estimator.random_state is None:  # the global generator must not be set
        rng = np.random.RandomState()
    rng.set_state(saved["start"])
    return Resumption(fingerprint, saved["start"], LoopState(**loop)), rng


def _fingerprint(estimator, data, validation, goes_on):
    """Digest of the data and the arguments of a fit, and of the model that it starts from."""
    arguments = estimator.get_params(deep=False)
    seed = arguments["random_state"]
    for name in MAY_DIFFER:
        del arguments[name]
    for name, value in arguments.items():
        if callable(value):  # compared by its name
            arguments[name] = (
                getattr(value, "__module__", ""),
                getattr(value, "__qualname__", type(value).__name__),
            )
    X = data.sequences.values
    parts = [X.data, X.indices, X.indptr, X.shape] if data.sequences.is_sparse else [X]
    parts += [data.sequences.offsets, data.targets, data.weight, validation]
    if isinstance(seed, int | np.integer):  # other generators continue from the saved state
        parts.append(int(seed))
    if goes_on:
        state = estimator._solver_state
        parts += [estimator.weights_, estimator.n_iter_, state and vars(state)]
    return joblib.hash([type(estimator).__name__, arguments, parts])


def _find(resume_from, estimator, fingerprint):
    """Return the content of the newest file of this fit, or None; a file given by name must belong to it."""
    is_own = isinstance(resume_from, Checkpoint)  # it creates its folder when learning begins
    path = resume_from.folder if is_own else _path("resume_from", resume_from)
    if not (is_own or path.exists()):
        raise FileNotFoundError(f"resume_from={shown(os.fspath(path))} does not exist.")
    if is_own or path.is_dir():
        series = series_of(estimator, {"fingerprint": fingerprint})
        files = sorted(path.glob(f"{series}-*{SUFFIX}"))
        if not files:
            return None
        path = files[-1]
    saved = getattr(_read(path), "_resumption", None)
    if saved is None:
        raise ValueError(
            f"{path} holds a model, but no fit that could continue: load it, and use partial_fit."
        )
    if saved["fingerprint"] != fingerprint:
        raise ValueError(
            f"resume_from={shown(os.fspath(path))} is a checkpoint of a fit with other data or other "
            "arguments; only max_iter, n_jobs, verbose and warm_start may differ."
        )
    return saved
