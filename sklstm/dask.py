"""One fit over partitions on a dask cluster, which together may be larger than the memory of any machine.

Workers run ordinary tasks only, so dask computes lost results again. The client decides the steps of
full-batch solvers, the order of partitions, and when to stop.
"""

import copy
import uuid
import warnings
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import reduce
from itertools import zip_longest
from operator import add
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone, is_classifier

import sklstm
from sklstm._checks import check_integer, check_random_state, may_overflow
from sklstm._engine.engine import bind_weights, engine_of
from sklstm._engine.threads import Threads, one_blas_thread, threads_of
from sklstm._estimators import parameters
from sklstm._estimators.base import BaseLSTM
from sklstm._estimators.callbacks import with_callbacks
from sklstm._estimators.checkpoint import Checkpoint
from sklstm._input import read_X
from sklstm._learning.moments import Moments
from sklstm._learning.scaling import ChannelSizes
from sklstm._learning.solvers import N_UPDATES, SOLVERS, SolverState
from sklstm._learning.trainer import Diverged, Trainer
from sklstm._messages import shown
from sklstm._sequences import as_sequences
from sklstm._sequences.targets import Targets

try:
    from dask.delayed import Delayed
    from dask.utils import key_split
    from distributed import Client, Future, KilledWorker, default_client
    from distributed.protocol.pickle import dumps, loads
except ImportError as error:
    raise ImportError(
        f'sklstm.dask needs dask and distributed ({error}): pip install "sklstm[dask]".'
    ) from error

__all__ = ["fit"]

OF_X = ("n_features_in_", "feature_names_in_", "_n_columns_in")  # attributes that are set when X is read
OF_Y = ("classes_", "_multilabel", "_y_is_1d", "_quantiles", "_has_axis", "_log_link")  # when y is encoded
FAN_IN = 8  # number of results that one task adds
FEW_UPDATES = 100  # a replica with fewer updates between two averages learns slowly


def fit(
    estimator: Any,
    parts: Any,
    *,
    classes: npt.ArrayLike | None = None,
    validation: Any = None,
    replicas: int | None = None,
    client: Any = None,
) -> Any:
    """Learn from partitions on a dask cluster; return a fitted copy of the estimator.

    With ``solver="lbfgs"`` or ``"rprop"``, the gradients of all partitions are summed. The result is that of
    `fit` with all sequences together, up to rounding errors. With ``"adam"`` or ``"sgd"``, `replicas` copies
    of the network learn at the same time, each from one partition. Their weights and moments are then
    averaged, weighted by the total weights of their partitions, and the copies continue with the next
    partitions. An epoch uses every partition once. This is federated averaging, algorithm 1 of McMahan et
    al. (2017).

    Parameters
    ----------
    estimator : LSTMClassifier or LSTMRegressor
        Its parameters have the same meaning as in its `fit`, for all partitions together. It is not changed.
        If it is fitted and has ``warm_start=True``, learning continues from its weights. It must have
        ``update="batch"``.
    parts : list of dask.delayed.Delayed or distributed.Future
        Partitions. Each one gives ``(X, y)`` or ``(X, y, sample_weight)`` as `fit` takes them. Together they
        must fit into the memory of all workers. A partition that is lost is loaded again, so its function
        must give the same result each time. A scattered `Future` cannot be loaded again.
    classes : array-like of shape (n_classes,), default=None
        All labels; any other label in a partition is an error. None: the labels found in `parts`.
    validation : list of Delayed or Future, default=None
        Partitions that are not learned from and are scored after each epoch. Learning stops, and the best
        weights are kept, as with ``early_stopping=True`` in `fit`. The score is the accuracy or R² over all
        of them; not available for ``loss="quantile"``.
    replicas : int, default=None
        Number of copies that learn at the same time with "adam" or "sgd". None: the number of threads of the
        cluster, at most one copy per partition. The weights depend, to the bit, on `replicas` and on the
        order of `parts`. They do not depend on the number of workers, nor on workers that are lost or join
        during the fit, as long as all workers have the same kind of processor.
    client : distributed.Client, default=None
        Client of the cluster. None: the client that was created last.

    Returns
    -------
    LSTMClassifier or LSTMRegressor
        An ordinary fitted estimator. It can be pickled, and used where dask is not installed. With "adam" and
        "sgd", `loss_curve_` is the loss of the replicas while they learn.

    Raises
    ------
    ValueError, TypeError
        If an argument or a partition is not valid; the message names it. Also if a partition cannot be
        pickled.
    RuntimeError
        If there is no worker, or a worker has no sklstm or another version. If a worker cannot unpickle
        the estimator or the tasks of a partition, for example because it cannot import the module of a
        function. If a partition ends every worker that computes it, or is lost and cannot be loaded again.

    Warns
    -----
    ConvergenceWarning
        As in `fit`.
    UserWarning
        If replicas learn from partitions that are too small, or that lack some of the classes.

    Notes
    -----
    Callbacks work as in `fit`, but get None as X and y. Ctrl-C ends learning with the weights of the last
    complete epoch, as in `fit`. A script that starts a LocalCluster needs ``if __name__ == "__main__":``.

    Examples
    --------
    >>> import dask, numpy as np
    >>> import sklstm.dask
    >>> from distributed import Client
    >>> from sklstm import LSTMClassifier
    >>> def load(i):
    ...     rng = np.random.default_rng(i)
    ...     X = [rng.normal(size=(n, 1)) for n in rng.integers(3, 9, size=100)]
    ...     return X, np.array(["minus" if x[0, 0] < 0 else "plus" for x in X])
    >>> parts = [dask.delayed(load)(i) for i in range(4)]
    >>> clf = LSTMClassifier(n_blocks=4, solver="rprop", max_iter=60, random_state=0)
    >>> here = dict(host="127.0.0.1", protocol="tcp://", dashboard_address="127.0.0.1:0")
    >>> with Client(processes=False, **here) as client:
    ...     clf = sklstm.dask.fit(clf, parts, client=client)
    >>> clf.score(*load(4)) > 0.9
    True
    """
    if not isinstance(estimator, BaseLSTM):
        raise TypeError(
            f"estimator must be LSTMClassifier or LSTMRegressor, got {type(estimator).__name__}. Apply the "
            "transformers of a pipeline in the function that loads a partition."
        )
    _check_arguments(estimator, classes, validation, replicas)
    named = _named_parts(parts, "parts", "") | _named_parts(validation, "validation", " of validation")
    cluster = _Cluster(default_client() if client is None else client)
    goes_on = bool(estimator.warm_start and hasattr(estimator, "weights_"))
    fitted = copy.copy(estimator) if goes_on else clone(estimator)
    fitted.random_state = copy.deepcopy(estimator.random_state)
    with cluster.explained_errors():
        cluster.check_workers()
        lazy = {name: part for name, part in named.items() if isinstance(part, Delayed)}
        cluster.check_that_they_travel({"The estimator": _plain(fitted, ())} | lazy)
        return _fit(fitted, cluster, named, len(parts), classes, replicas, goes_on)


@with_callbacks
def _fit(estimator, cluster, parts, n_train, classes, replicas, goes_on):
    replicas = min(replicas or max(cluster.n_threads(), 1), n_train)
    names = list(parts)
    train, held = names[:n_train], names[n_train:]

    reader = cluster.submit(_same, _plain(estimator, OF_X if goes_on else ()))
    n_inputs = estimator.network_.n_inputs if goes_on else None
    given = cluster.computed(parts)
    read = cluster.on_parts(_read, {name: (part, name, reader, n_inputs) for name, part in given.items()})
    with cluster.errors_of(given):
        about = cluster.gather(cluster.each(_about, read))
    _check_partitions(about, train, held)
    if not goes_on:
        vars(estimator).update(about[train[0]].attributes)
        lengths = {about[name].length for name in train}
        estimator._y_is_array = len(lengths) == 1 and None not in lengths
    _encode(estimator, [about[name] for name in train], classes, goes_on)

    dtype = np.result_type(*(about[name].dtype for name in train))
    encoders = {}
    for group in (train, held):
        encoder = cluster.submit(_same, _encoder(estimator, [about[name] for name in group]))
        encoders |= dict.fromkeys(group, encoder)
    ready = cluster.on_parts(
        _prepare, {name: (part, name, encoders[name], dtype) for name, part in read.items()}
    )
    del given, read
    summaries = cluster.gather(cluster.each(_summary, ready))
    total = reduce(add, (summaries[name] for name in train))
    for kind, group in (("parts", train), ("validation", held)):
        if group and not any(summaries[name].weight for name in group):
            raise ValueError(f"class_weight is zero for every label in {kind}: one needs a positive weight.")
    if classes is None and not goes_on:
        estimator._check_weights_of_classes(total.moments)

    sizes = about[train[0]].n_channels, len(total.moments.mean), total.longest
    network = parameters.network(estimator, *sizes, estimator.network_ if goes_on else None)
    settings = parameters.settings(estimator, total.n_sequences, False, estimator.n_iter_ if goes_on else 0)
    if not settings.solver.full_batch and replicas > 1:
        _warn_of_partitions([about[name] for name in train], train, settings.batch_size)
    rng = check_random_state(estimator.random_state)
    network, weights, scaling, solver_state, rng = estimator._start(network, total, goes_on, False, rng)
    ready = cluster.on_parts(_scaled, {name: (part, scaling) for name, part in ready.items()})
    how = cluster.submit(_same, (_plain(estimator, OF_Y), network, scaling))
    with_weight = {name: part for name, part in ready.items() if summaries[name].weight}
    trainer = _ClusterTrainer(
        engine_of(network, total.dtype, in_layers=settings.dropout > 0),
        settings,
        weights,
        solver_state,
        scaling,
        cluster=cluster,
        parts={name: with_weight[name] for name in train if name in with_weight},
        part_weights={name: summaries[name].weight for name in train},
        how=how,
        replicas=replicas,
    )
    scored = {name: with_weight[name] for name in held if name in with_weight}

    def validate(weights):
        w = cluster.submit(_same, weights)
        return _score(cluster.total(_score_parts, {name: (part, how, w) for name, part in scored.items()}))

    def learned(weights, history):
        return estimator._learned(network, scaling, weights, history)

    data = total if scaling is None else total.scaled(scaling)
    given = None, None, None
    return estimator._learn(trainer, rng, validate if scored else None, data, learned, given, goes_on)


# ----------------------------------------------------------------------------------------------
# arguments


def _check_arguments(estimator, classes, validation, replicas):
    parameters.check(estimator)
    solver = SOLVERS[estimator.solver]
    if replicas is not None:
        check_integer("replicas", replicas, 1, "None or ")
    for refused, remedy in (
        (
            estimator.update != "batch",
            f"Partitions are learned from in batches: update must be 'batch', got {shown(estimator.update)}.",
        ),
        (
            estimator.early_stopping and validation is None,
            "early_stopping=True holds out a part of X, but X is on many machines: give validation=, a list "
            "of partitions to score.",
        ),
        (
            validation is not None and estimator.scoring is not None,
            f"scoring={shown(estimator.scoring)} needs all predictions in one place: validation= needs "
            "scoring=None, which is accuracy or R² over all partitions.",
        ),
        (
            validation is not None and not solver.in_epochs,
            f"validation= needs {parameters.solvers_with('in_epochs')}, got solver={solver.name!r}.",
        ),
        (
            validation is not None and estimator.loss == "quantile",
            "validation= is not available for loss='quantile': its score needs the quantiles of all targets, "
            "which cannot be summed over partitions. Leave validation= out.",
        ),
        (
            solver.full_batch and not parameters.is_auto(estimator.batch_size),
            f"solver={solver.name!r} learns from all partitions at once: leave batch_size='auto', got "
            f"batch_size={shown(estimator.batch_size)}.",
        ),
        (
            any(isinstance(part, Checkpoint) for part in getattr(estimator, "_skl_callbacks", None) or ()),
            "The callback Checkpoint works in `fit` only. For partitions, learn some epochs per call with "
            "warm_start=True, and call checkpoint.save(estimator) after each call.",
        ),
        (
            classes is not None and not is_classifier(estimator),
            f"classes= is for classifiers, got {type(estimator).__name__}: leave it out.",
        ),
    ):
        if refused:
            raise ValueError(remedy)


def _named_parts(parts, argument, suffix):
    """Dictionary of partitions; the keys are their names in messages."""
    if parts is None and argument != "parts":
        return {}
    expected = (
        f"a list of Delayed or Future, one per partition, as {argument}=[dask.delayed(load)(path) for path "
        "in paths], where load(path) gives (X, y) or (X, y, sample_weight)"
    )
    if not isinstance(parts, list | tuple):
        raise TypeError(f"{argument} must be {expected}; got a {type(parts).__name__}.")
    for i, part in enumerate(parts):
        if not isinstance(part, Delayed | Future):
            raise TypeError(f"{argument} must be {expected}; {argument}[{i}] is a {type(part).__name__}.")
    if len(parts) == 0:
        raise ValueError(f"{argument} is empty; expected {expected}.")
    return {f"Partition {i}{suffix}": part for i, part in enumerate(parts)}


def _check_partitions(about, train, held):
    """Raise an error if the partitions do not fit together."""
    first = about[train[0]]
    for name, one in about.items():
        for one_has, first_has in (
            (f"{one.n_features} features", f"{first.n_features} features"),
            (f"the features {one.names}", f"the features {first.names}"),
            (f"{one.n_columns} columns of targets", f"{first.n_columns} columns of targets"),
        ):
            if one_has != first_has:
                raise ValueError(f"{name} has {one_has}, {train[0]} has {first_has}; expected the same.")
        if one.is_text != first.is_text and None not in (one.is_text, first.is_text):
            one_has, first_has = ("text" if part.is_text else "numbers" for part in (one, first))
            raise ValueError(
                f"{name} has labels that are {one_has}, {train[0]} {first_has}; expected the same."
            )
    for argument, group in (("parts", train), ("validation", held)):
        if group and not any(about[name].n_counted for name in group):
            raise ValueError(
                f"sample_weight is zero for every sequence in {argument}, or its target is missing: nothing "
                "is left to learn from, or to score."
            )


def _warn_of_partitions(about, names, batch_size):
    """Warn about partitions from which averaged replicas learn badly."""
    everything = set().union(*(one.classes for one in about))
    lacking = [name for one, name in zip(about, names, strict=True) if len(one.classes) < len(everything)]
    small = [
        f"{name} has {one.n_sequences}"
        for one, name in zip(about, names, strict=True)
        if one.n_sequences < FEW_UPDATES * batch_size
    ]
    if lacking:
        warnings.warn(
            f"{len(lacking)} of {len(names)} partitions, the first is {lacking[0]}, lack classes that others "
            "have: replicas that see some of the classes only, and are averaged, learn badly or not at all. "
            "Shuffle the sequences before you split them into partitions.",
            stacklevel=5,
        )
    if small:
        warnings.warn(
            f"{len(small)} of {len(names)} partitions have fewer than {FEW_UPDATES * batch_size} sequences, "
            f"{small[0]}: replicas are averaged after fewer than {FEW_UPDATES} updates and need more epochs. "
            "Make larger partitions, or set replicas=1.",
            stacklevel=5,
        )


def _encode(estimator, about, classes, goes_on):
    """Set the attributes of the estimator that encode y, or check the labels against them."""
    known = [one.labels for one in about]
    labels: Any = known[0][:0] if goes_on or classes is not None else np.concatenate(known)
    targets = Targets(labels, name="The labels of all partitions")
    estimator._encode(targets, labels, np.ones(labels.shape, bool), classes, reset=not goes_on)


def _plain(estimator, names):
    """Copy of the estimator for workers, without callbacks and functions, with these attributes."""
    plain = type(estimator)(**estimator.get_params(deep=False))
    plain.set_params(learning_rate=1.0, scoring=None, random_state=None)
    vars(plain).update(_attributes(estimator, names))
    return plain


def _attributes(estimator, names):
    return {name: value for name, value in vars(estimator).items() if name in names}


def _encoder(estimator, about):
    """Estimator that encodes the targets of these partitions, with class weights over all of them."""
    encoder = _plain(estimator, OF_Y)
    if (
        about
        and is_classifier(estimator)
        and estimator.class_weight is not None
        and not estimator._multilabel
    ):
        counts = np.zeros(len(estimator.classes_))
        for one in about:
            known = np.isin(one.labels, estimator.classes_)
            counts[np.searchsorted(estimator.classes_, one.labels[known])] += one.counts[known]
        weights = estimator._class_weights(counts)
        encoder.class_weight = dict(zip(estimator.classes_.tolist(), weights.tolist(), strict=True))
    return encoder


# ----------------------------------------------------------------------------------------------
# the cluster


class _Cluster:
    """A client of a cluster, with errors that are explained to the user."""

    def __init__(self, client):
        if not isinstance(client, Client) or client.asynchronous:
            raise TypeError(
                f"client must be a distributed.Client (not asynchronous), got {type(client).__name__}."
            )
        self.client = client
        self.parts: dict[str, Future] = {}  # last result of each partition, by name

    def n_threads(self):
        """Number of threads of all workers."""
        return sum(self.client.nthreads().values())

    def check_workers(self):
        """Refuse a cluster without workers, and workers without sklstm or with another version."""

        def version():  # pickled by value, because it is a local function: a worker may not have sklstm
            try:
                import sklstm
            except ImportError as error:
                return f"no sklstm ({error})"
            return f"sklstm {sklstm.__version__}"

        found = self.client.run(version, on_error="return")
        if not found:
            raise RuntimeError("The cluster has no worker: client.wait_for_workers(n) waits until it has n.")
        expected = f"sklstm {sklstm.__version__}"
        for worker, one in found.items():
            if one != expected and not isinstance(one, OSError):  # OSError: the worker was just lost
                raise RuntimeError(
                    f"The worker {worker} has {one}, this process has {expected}: install the same version "
                    "on all workers, and where the scheduler runs."
                )

    def check_that_they_travel(self, values):
        """Refuse values, by their names, that cannot be pickled, or that a worker cannot unpickle.

        A worker leaves the cluster if it gets a task that it cannot unpickle, and a fit would wait forever.
        The values are first pickled together, because partitions of one data frame share its graph.
        """
        if self._fails_to_travel(list(values.values())) is None:
            return
        for name, value in values.items():
            error = self._fails_to_travel(value)
            if isinstance(value, Delayed):
                name = f"{name}, {key_split(value.key)!r},"
            if isinstance(error, Exception):
                raise TypeError(
                    f"{name} cannot be pickled, so it cannot be sent to workers ({type(error).__name__}: "
                    f"{error}). Open files, locks and connections inside the function that loads a partition."
                ) from error
            if error is not None:
                raise RuntimeError(
                    f"{name} cannot be unpickled by a worker ({error}). Functions and classes of a module "
                    "are pickled by name, so all workers and the scheduler need the module: send it with "
                    "client.upload_file('module.py'), or install it there. Functions of the script itself "
                    "(__main__) are sent whole."
                )

    def _fails_to_travel(self, value):
        """Error of pickling a value, or text of the error of unpickling it on a worker, or None."""
        try:
            pickled = dumps(value)
        except Exception as error:
            return error
        return self.submit(_unpickling_error, pickled).result()

    def computed(self, parts):
        """Futures of the partitions; the workers load them."""
        lazy = {name: part for name, part in parts.items() if not isinstance(part, Future)}
        made = dict(zip(lazy, self.client.compute(list(lazy.values())), strict=True))
        self.parts = {name: made.get(name, part) for name, part in parts.items()}
        return self.parts

    def submit(self, function, *arguments):
        """Future of a new task on any worker; nothing is bound to a worker or scattered."""
        return self.client.submit(function, *arguments, pure=False)

    def each(self, function, parts):
        """Futures of a function of each partition, by name."""
        return {name: self.submit(function, part) for name, part in parts.items()}

    def on_parts(self, function, arguments):
        """Replace each partition by the result of a function of these arguments."""
        self.parts = self.tasks(function, arguments)
        return self.parts

    def tasks(self, function, arguments):
        """Futures by name of the partition; `_failed` finds the partition by the key of the task."""
        return {name: self._task(function, name, each) for name, each in arguments.items()}

    def _task(self, function, name, arguments):
        place = name.removeprefix("Partition ").replace(" of validation", "v")
        key = f"sklstm{function.__name__}-{place}-{uuid.uuid4().hex}"
        return self.client.submit(function, *arguments, key=key, pure=False)

    def gather(self, futures):
        """Results by name of the partition."""
        return dict(zip(futures, self.client.gather(list(futures.values())), strict=True))

    def total(self, function, arguments):
        """Sum of the results over partitions."""
        return self.client.gather(self.added(self.tasks(function, arguments)))

    def added(self, futures):
        """Future of the sum, in a fixed order, so that its bits do not depend on where tasks run."""
        futures = list(futures.values())
        while len(futures) > 1:
            futures = [self.submit(_add, *futures[i : i + FAN_IN]) for i in range(0, len(futures), FAN_IN)]
        return futures[0]

    @contextmanager
    def explained_errors(self):
        """Context that adds the partition and advice to errors of the cluster."""
        try:
            yield
        except KilledWorker as error:
            n = error.allowed_failures + 1
            raise RuntimeError(
                f"{self._failed(error.task)} ended {n} worker{'s' * (n > 1)}, or another partition on the "
                "same worker did: it needs more memory than a worker has, or the function that loads it "
                "crashes. Make the partitions smaller, or give the workers more memory. The logs of the "
                "workers say more."
            ) from error
        except CancelledError as error:
            raise RuntimeError(
                f"{self._failed()} was lost with its worker, and cannot be computed again ({error}). This "
                "happens to scattered data: instead of scattering a partition, load it by "
                "dask.delayed(load)(path)."
            ) from error
        except Exception as error:
            if self._failed("") and not str(error).startswith("Partition"):
                error.add_note(f"raised in {self._failed('')}")
            if "deserialization of the task graph" in str(error):  # the scheduler lacks a module
                error.add_note("The scheduler, too, needs sklstm and the modules of the functions that load.")
            raise

    @contextmanager
    def errors_of(self, futures):
        """Context that raises the errors of these futures if dask cancels tasks that depend on them."""
        try:
            yield
        except CancelledError:
            for future in futures.values():
                if future.status == "error":
                    raise future.exception() from None
            raise

    def _failed(self, task=None):
        """Names of the partitions that failed."""
        if isinstance(task, str) and task.startswith("sklstm_"):
            place = task.split("-")[1]
            return f"Partition {place.removesuffix('v')}{' of validation' * place.endswith('v')}"
        bad = [name for name, part in self.parts.items() if part.status in ("error", "cancelled", "lost")]
        return ", ".join(bad) if bad or task == "" else "A partition"


class _ClusterTrainer(Trainer):
    """Trainer whose examples are partitions on a cluster.

    Parameters
    ----------
    engine, settings, weights, solver_state, scaling
        As for `Trainer`.
    cluster : _Cluster
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
        state: Any = self.cluster.submit(_same, (*_state_of(self), 0.0))
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
            w = self.cluster.submit(_same, weights)
            arguments = {name: (part, self.how, w, scale) for name, part in self.parts.items()}
            return self.cluster.total(_gradient, arguments)

        yield gradient

    def gives_finite_outputs(self, weights):
        """Whether these weights give finite outputs for all sequences with a positive weight."""
        w = self.cluster.submit(_same, weights)
        found = self.cluster.tasks(
            _is_finite, {name: (part, self.how, w) for name, part in self.parts.items()}
        )
        return all(self.cluster.gather(found).values())


# ----------------------------------------------------------------------------------------------
# what workers return to the client


@dataclass(frozen=True)
class _About:
    """Description of a partition that was read."""

    attributes: dict  # `OF_X`
    n_channels: int  # features of a time step; `n_features` is the number of columns if X is a table
    n_sequences: int
    length: Any  # of every sequence; None unless all are equally long and y is one array
    dtype: Any
    labels: Any  # unique labels of targets with a weight; for other targets, the first row of y
    counts: Any  # frequency of each label; None for other targets
    n_counted: int  # number of targets with a weight

    @property
    def n_features(self):
        n_columns = self.attributes.get("_n_columns_in")
        return self.attributes["n_features_in_"] if n_columns is None else n_columns

    @property
    def names(self):
        return list(self.attributes.get("feature_names_in_", ()))

    @property
    def n_columns(self):
        return self.labels.shape[1] if self.labels.ndim == 2 else 1

    @property
    def classes(self):
        return [] if self.counts is None else self.labels.tolist()

    @property
    def is_text(self):
        return isinstance(self.classes[0], str) if self.classes else None


@dataclass(frozen=True)
class _Summary:
    """Statistics of the sequences that learning needs at its beginning; those of partitions can be added."""

    n_sequences: int
    longest: int
    dtype: Any
    channel_sizes: ChannelSizes | None
    channel_moments: Moments | None
    moments: Moments
    weight: float

    def __add__(self, other):
        return _Summary(
            self.n_sequences + other.n_sequences,
            max(self.longest, other.longest),
            self.dtype,
            _sum(self.channel_sizes, other.channel_sizes),
            _sum(self.channel_moments, other.channel_moments),
            self.moments + other.moments,
            self.weight + other.weight,
        )

    def scaled(self, scaling):
        """Summary with scaled targets."""
        return replace(self, moments=self.moments.scaled(scaling.mean, scaling.scale))


def _sum(one, other):
    return None if one is None or other is None else one + other


def _score(total):
    """Accuracy or R² from the sums over partitions of `_score_parts`."""
    if total is None:
        raise Diverged
    if not isinstance(total[0], Moments):
        return total[0] / total[1]
    targets, errors = total
    counted = targets.total > 0
    with may_overflow():
        lost = errors.squares_about(0) * errors.unit**2
        all_of_it = targets.squares * targets.unit**2
        part = np.divide(lost, all_of_it, out=(lost > 0).astype(float), where=all_of_it > 0)
    score = float(np.mean(1 - part[counted]))
    if not np.isfinite(score):
        raise Diverged
    return score


# ----------------------------------------------------------------------------------------------
# tasks


def _same(value):
    """Value unchanged. The scheduler keeps it, as the argument of this task; scattered data would be lost."""
    return value


def _unpickling_error(pickled):
    """Text of the error of unpickling on this worker; None without error."""
    try:
        loads(pickled)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def _add(*parts):
    if any(part is None for part in parts):
        return None
    return tuple(reduce(add, column) for column in zip(*parts, strict=True))


@contextmanager
def _named(name):
    """Context that begins messages of errors with the name of the partition."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from error


def _read(part, name, reader, n_inputs):
    """Check a partition; return its sequences, its labels and weights, and `_About`."""
    estimator = copy.copy(reader)
    with _named(name):
        if not isinstance(part, tuple | list) or len(part) not in (2, 3):
            found = type(part).__name__ + (f" of {len(part)}" if isinstance(part, tuple | list) else "")
            raise TypeError(f"expected (X, y) or (X, y, sample_weight), got {found}.")
        X, y, *weight = part
        sequences = read_X(estimator, X, n_inputs)
        read = estimator._read_labels(y, weight[0] if weight else None, sequences, may_lack=True)
    _, labels, counted, _ = read
    different, counts = labels[:1], None
    if is_classifier(estimator) and labels.ndim == 1:
        different, counts = np.unique(labels[counted], return_counts=True)
    lengths = sequences.lengths
    is_even = len(getattr(y, "shape", ())) > 1 and bool((lengths == lengths[0]).all())
    about = _About(
        _attributes(estimator, OF_X),
        sequences.n_features,
        len(sequences),
        int(lengths[0]) if is_even else None,
        sequences.dtype,
        different,
        counts,
        int(counted.sum()),
    )
    return sequences, read, about


def _about(read):
    return read[2]


def _prepare(read, name, encoder, dtype):
    """`Examples` of a partition that was read."""
    sequences, labels, _ = read
    with _named(name):
        return encoder._examples(as_sequences(sequences, dtype=dtype), *labels, may_lack=True)


def _summary(examples):
    weight = examples.weight if examples.weight.ndim == 1 else examples.weight.mean(axis=1)
    return _Summary(
        len(examples.sequences),
        examples.longest,
        examples.dtype,
        examples.channel_sizes,
        examples.channel_moments,
        Moments.of(examples.targets, examples.weight),
        float(weight.sum()),
    )


def _scaled(examples, scaling):
    """`Examples` with scaled inputs and targets."""
    sequences = examples.sequences if scaling is None else scaling.sequences(examples.sequences)
    return replace(examples.scaled(scaling), sequences=sequences, labels=None, sample_weight=None)


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


def _score_parts(examples, how, weights):
    """Terms of the accuracy or of R² to be summed over partitions; None if outputs are not finite."""
    plain, network, _ = how
    engine, w = bind_weights(network, weights, examples.dtype)
    bound = engine.bind(examples.sequences)
    outputs, _ = engine.forward(w, bound, n_threads=threads_of(plain.n_jobs))
    if not np.isfinite(outputs).all():
        return None
    weight = examples.weight
    if is_classifier(plain):
        weight = float(weight.sum() if weight.ndim == 1 else weight.max(axis=1).sum())
        return plain._validation_score(outputs, examples) * weight, weight
    if plain._log_link:
        with may_overflow():
            outputs = np.exp(outputs)
    errors = np.where(
        (weight if weight.ndim == 2 else weight[:, np.newaxis]) > 0, examples.targets - outputs, 0
    )
    return Moments.of(examples.targets, weight), Moments.of(errors, weight)
