"""`fit`: what the client does, from the partitions to the fitted estimator."""

import copy
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import numpy.typing as npt
from dask.delayed import Delayed
from distributed import default_client
from sklearn.base import clone

from sklstm._checks import check_random_state
from sklstm._engine.engine import engine_of
from sklstm._estimators import parameters
from sklstm._estimators.base import BaseLSTM
from sklstm._estimators.callbacks import with_callbacks
from sklstm.dask._checks import check_arguments, check_partitions, named_parts, warn_of_partitions
from sklstm.dask._cluster import Cluster, same
from sklstm.dask._diagnosis import check_that_they_travel, check_workers, errors_of, explained_errors
from sklstm.dask._encoding import OF_X, OF_Y, encode, encoder_of, plain_copy
from sklstm.dask._loading import about_of, prepare, read_part, scaled, summary_of
from sklstm.dask._placement import spread
from sklstm.dask._scoring import score_of, score_parts
from sklstm.dask._trainer import ClusterTrainer


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
    check_arguments(estimator, classes, validation, replicas)
    named = named_parts(parts, "parts", "") | named_parts(validation, "validation", " of validation")
    cluster = Cluster(default_client() if client is None else client)
    goes_on = bool(estimator.warm_start and hasattr(estimator, "weights_"))
    fitted = copy.copy(estimator) if goes_on else clone(estimator)
    fitted.random_state = copy.deepcopy(estimator.random_state)
    with explained_errors(cluster):
        check_workers(cluster)
        lazy = {name: part for name, part in named.items() if isinstance(part, Delayed)}
        check_that_they_travel(cluster, {"The estimator": plain_copy(fitted, ())} | lazy)
        return _fit(fitted, cluster, named, len(parts), classes, replicas, goes_on)


@with_callbacks
def _fit(estimator, cluster, parts, n_train, classes, replicas, goes_on):
    replicas = min(replicas or max(cluster.n_threads(), 1), n_train)
    names = list(parts)
    train, held = names[:n_train], names[n_train:]

    reader = cluster.submit(same, plain_copy(estimator, OF_X if goes_on else ()))
    n_inputs = estimator.network_.n_inputs if goes_on else None
    given = cluster.computed(parts)
    read = cluster.on_parts(read_part, {name: (part, name, reader, n_inputs) for name, part in given.items()})
    with errors_of(given):
        about = cluster.gather(cluster.each(about_of, read))
    check_partitions(about, train, held)
    if not goes_on:
        vars(estimator).update(about[train[0]].attributes)
        lengths = {about[name].length for name in train}
        estimator._y_is_array = len(lengths) == 1 and None not in lengths
    encode(estimator, [about[name] for name in train], classes, goes_on)

    dtype = np.result_type(*(about[name].dtype for name in train))
    encoders = {}
    for group in (train, held):
        encoder = cluster.submit(same, encoder_of(estimator, [about[name] for name in group]))
        encoders |= dict.fromkeys(group, encoder)
    ready = cluster.on_parts(
        prepare, {name: (part, name, encoders[name], dtype) for name, part in read.items()}
    )
    del given, read
    summaries = cluster.gather(cluster.each(summary_of, ready))
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
        warn_of_partitions([about[name] for name in train], train, settings.batch_size)
    rng = check_random_state(estimator.random_state)
    network, weights, scaling, solver_state, rng = estimator._start(network, total, goes_on, False, rng)
    ready = cluster.on_parts(scaled, {name: (part, scaling) for name, part in ready.items()})
    plain = plain_copy(estimator, OF_Y).set_params(alpha=settings.alpha)  # of all sequences
    how = cluster.submit(same, (plain, network, scaling))
    with_weight = {name: part for name, part in ready.items() if summaries[name].weight}
    trainer = ClusterTrainer(
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
    spread(cluster.client, trainer.parts, n_train if settings.solver.full_batch else replicas)
    if scored:
        spread(cluster.client, scored, len(scored))

    def validate(weights):
        w = cluster.submit(same, weights)
        return score_of(cluster.total(score_parts, {name: (part, how, w) for name, part in scored.items()}))

    def learned(weights, history):
        return estimator._learned(network, scaling, weights, history)

    data = total if scaling is None else total.scaled(scaling)
    given = None, None, None
    return estimator._learn(trainer, rng, validate if scored else None, data, learned, given, goes_on)
