"""One fit over partitions on a dask cluster: the same as on one machine, whatever happens to the workers."""

import importlib
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import types
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from sklstm import Checkpoint, LSTMClassifier, LSTMRegressor, Sequences

dask = pytest.importorskip("dask", reason="needs dask: pip install sklstm[dask]")
distributed = pytest.importorskip("distributed", reason="needs distributed: pip install sklstm[dask]")
import sklstm.dask  # noqa: E402
from sklstm.dask._cluster import Cluster  # noqa: E402

sys.modules["test_dask"] = sys.modules[__name__]
__name__ = "test_dask"  # as workers find it: the folder of the tests is on their path, not the one above
pytestmark = [
    pytest.mark.draws_globally,  # dask spreads its retries
    pytest.mark.filterwarnings("default"),  # of other packages
    pytest.mark.filterwarnings("ignore:Learning has not converged"),
    pytest.mark.filterwarnings("ignore:Learning stopped after"),
    pytest.mark.filterwarnings("ignore:.* partitions have fewer than"),
]

HERE = {
    "threads_per_worker": 1,
    "host": "127.0.0.1",
    "protocol": "tcp://",  # the loopback interface also inside this process
    "dashboard_address": "127.0.0.1:0",
    "silence_logs": logging.CRITICAL,
}
# A LocalCluster gives up workers that are away this long after an earlier loss.
PATIENT = {"distributed.deploy.lost-worker-timeout": "1 hour"}
SMALL = {"n_blocks": 3, "max_iter": 4, "tol": 0, "random_state": 0}


@pytest.fixture(scope="module")
def client():
    """Two processes."""
    with dask.config.set(PATIENT), distributed.LocalCluster(n_workers=2, **HERE) as cluster:
        with distributed.Client(cluster) as client:
            yield client


@pytest.fixture
def one_worker():
    """A thread of this process."""
    with distributed.LocalCluster(n_workers=1, processes=False, **HERE) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            yield client


@pytest.fixture
def one_process():
    """A process of its own, of this test alone."""
    with distributed.LocalCluster(n_workers=1, **HERE) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            yield client


def sequences(i, n=40, dtype=np.float64):
    rng = np.random.default_rng(i)
    return [rng.normal(size=(T, 2)).astype(dtype) for T in rng.integers(3, 9, n)]


def labelled(i, n=40, dtype=np.float64):
    X = sequences(i, n, dtype)
    return X, np.digitize([x[:, 0].sum() for x in X], [-1, 1])


def running(i):
    """Running sums of two channels of different size, far from zero, some of them missing."""
    X = [x * [1, 100] for x in sequences(i)]
    y = [1e3 * (i + 1) + x.cumsum(axis=0) for x in X]
    rng = np.random.default_rng(i)
    return X, [np.where(rng.uniform(size=t.shape) < 0.2, np.nan, t) for t in y]


def union(load, numbers, **options):
    """What `fit` gets in the place of the partitions."""
    parts = [load(i, **options) for i in numbers]
    y = [target for part in parts for target in part[1]]
    return [x for part in parts for x in part[0]], y if np.ndim(y[0]) else np.array(y)


def delayed(load, numbers, **options):
    return [dask.delayed(load)(i, **options) for i in numbers]


def classifier(**options):
    return LSTMClassifier(**SMALL | options)


def long_ones(i, n=12):
    """Sequences of which some partitions have longer ones than others, and counts."""
    rng = np.random.default_rng(i)
    X = [rng.normal(size=(T, 2)) for T in rng.integers(20, 50 + 20 * i, n)]
    return X, np.array([np.abs(x[:, 0]).sum() // 5 for x in X])


def labelled_as_numbers(i):
    X, y = labelled(i)
    return X, y.astype(float)


def tables(i):
    rng = np.random.default_rng(i)
    X = rng.normal(size=(20, 6))
    return X, (X.sum(axis=1) > 0).astype(int)


# ------------------------------------------------------------------------------------------------
# the same as on one machine


@pytest.mark.parametrize(
    "model",
    [
        LSTMRegressor(**SMALL),  # patches by the longest sequence of all partitions
        LSTMRegressor(n_layers=2, n_patches=None, dropout=0.0, **SMALL),
        LSTMRegressor(loss="poisson", n_patches=None, bidirectional=True, pooling="mean", **SMALL),
        LSTMRegressor(loss="quantile", quantile=(0.1, 0.9), **SMALL),
        LSTMRegressor(loss="huber", **SMALL),
        LSTMRegressor(loss="absolute_error", **SMALL),
    ],
    ids=lambda model: repr(model).replace("\n", ""),
)
def test_layers_patches_and_losses_are_those_of_one_machine(one_worker, model):
    model.set_params(solver="rprop")
    got = sklstm.dask.fit(model, delayed(long_ones, range(3)), client=one_worker)
    X, y = union(long_ones, range(3))
    one = clone(model).fit(X, y)
    assert got.network_ == one.network_
    assert got.network_.patch_size == (1 if model.n_patches is None else -(-max(map(len, X)) // 16))
    assert_allclose(got.loss_curve_, one.loss_curve_, rtol=1e-9)
    assert_allclose(got.predict(X), one.predict(X), rtol=1e-6)
    more = sklstm.dask.fit(
        got.set_params(warm_start=True), delayed(labelled_as_numbers, [7]), client=one_worker
    )
    assert more.network_ == one.network_


def test_tables_are_univariate_sequences(one_worker):
    got = sklstm.dask.fit(classifier(solver="rprop"), delayed(tables, range(2)), client=one_worker)
    one = classifier(solver="rprop").fit(
        np.vstack([tables(i)[0] for i in range(2)]), union(tables, range(2))[1]
    )
    assert got.network_ == one.network_
    assert got.network_.n_inputs == 1
    assert_allclose(got.weights_, one.weights_, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("solver", ["rprop", "lbfgs"])
def test_full_batch_learns_as_on_one_machine(client, solver):
    got = sklstm.dask.fit(classifier(solver=solver), delayed(labelled, range(4)))
    one = classifier(solver=solver).fit(*union(labelled, range(4)))
    assert_allclose(got.loss_curve_, one.loss_curve_, rtol=1e-9)
    assert_allclose(got.weights_, one.weights_, rtol=1e-6, atol=1e-9)
    assert got.n_iter_ == 4


@pytest.mark.parametrize("solver", ["rprop", "lbfgs"])
def test_targets_and_channels_are_scaled_by_all_partitions(one_worker, solver):
    """No partition has mean and deviation of all of them; some outputs of some steps have no target."""
    reg = LSTMRegressor(return_sequences=True, solver=solver, **SMALL)
    got = sklstm.dask.fit(reg, delayed(running, range(3)), client=one_worker)
    one = clone(reg).fit(*union(running, range(3)))
    for name in ("inputs", "mean", "scale"):
        assert_array_equal(getattr(got._scaling, name), getattr(one._scaling, name))
    assert got._scaling.inputs.tolist() == [1, 128]
    assert_allclose(got.loss_curve_, one.loss_curve_, rtol=1e-9)
    assert_allclose(got.weights_, one.weights_, rtol=1e-6, atol=1e-6)


def counts(i):
    X, y = labelled(i)
    return X, np.random.default_rng(i).poisson(1.0 + y)


LAYERS = {"n_layers": 2, "bidirectional": True, "pooling": ("mean", "max")}
TOPOLOGIES = {
    "two layers": (LSTMClassifier(n_layers=2), labelled),
    "directions, pooling": (LSTMClassifier(**LAYERS), labelled),
    "directions at each step": (LSTMRegressor(bidirectional=True, return_sequences=True), running),
    "absolute errors": (LSTMRegressor(loss="absolute_error"), labelled),
    "Huber": (LSTMRegressor(loss="huber", n_layers=2), labelled),
    "quantiles": (LSTMRegressor(loss="quantile", quantile=(0.1, 0.9)), labelled),
    "counts": (LSTMRegressor(loss="poisson", pooling="mean"), counts),
}


@pytest.mark.parametrize("solver", ["rprop", "lbfgs"])
@pytest.mark.parametrize("name", TOPOLOGIES)
def test_layers_and_losses_learn_as_on_one_machine(one_worker, name, solver):
    estimator, load = TOPOLOGIES[name]
    estimator = clone(estimator).set_params(**SMALL, solver=solver)
    got = sklstm.dask.fit(estimator, delayed(load, range(3)), client=one_worker)
    X, y = union(load, range(3))
    one = clone(estimator).fit(X, y)
    assert_allclose(got.loss_curve_, one.loss_curve_, rtol=1e-9)
    assert_allclose(got.weights_, one.weights_, rtol=1e-6, atol=1e-6)
    for a, b in zip(got.predict(X), one.predict(X), strict=True):
        assert_allclose(np.asarray(a, float), np.asarray(b, float), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_replicas_of_layers_and_losses(one_worker, name):
    """One replica that learns from whole mini-batches is one machine; two are the same each time."""
    estimator, load = TOPOLOGIES[name]
    estimator = clone(estimator).set_params(**SMALL, shuffle=False, batch_size=20)
    parts = delayed(load, range(3))
    got = sklstm.dask.fit(estimator, parts, replicas=1, client=one_worker)
    one = clone(estimator).fit(*union(load, range(3)))
    assert_allclose(got.weights_, one.weights_, rtol=1e-9, atol=1e-12)
    dropped = clone(estimator).set_params(dropout=0.3)
    first, second = (sklstm.dask.fit(dropped, parts, replicas=2, client=one_worker) for _ in range(2))
    assert_array_equal(first.weights_, second.weights_)
    assert not np.array_equal(first.weights_, got.weights_)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_one_replica_learns_as_one_machine_to_the_bit(one_worker, solver):
    """Partitions that are whole mini-batches, one after the other."""
    options = {"solver": solver, "shuffle": False, "batch_size": 20, "momentum": 0.9 * (solver == "sgd")}
    clf = classifier(class_weight={0: 2}, **options)
    got = sklstm.dask.fit(clf, delayed(labelled, range(3)), replicas=1, client=one_worker)
    one = clone(clf).fit(*union(labelled, range(3)))
    assert_array_equal(got.weights_, one.weights_)
    assert_allclose(got.loss_curve_, one.loss_curve_, rtol=1e-12)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_same_bits_twice_and_on_one_worker(client, one_worker, solver):
    clf, parts = classifier(solver=solver), delayed(labelled, range(5), dtype=np.float32)
    fits = [sklstm.dask.fit(clf, parts, replicas=2, client=place) for place in (client, client, one_worker)]
    for fit in fits[1:]:
        assert_array_equal(fit.weights_, fits[0].weights_)
        assert fit.loss_curve_ == fits[0].loss_curve_
    if solver != "lbfgs":
        assert fits[0].loss_curve_[-1] < fits[0].loss_curve_[0]
        other = sklstm.dask.fit(clf, parts, replicas=3, client=one_worker)
        assert not np.array_equal(other.weights_, fits[0].weights_)


def averaged(a, b):
    """Mean of two fits of the same weight, in the arrays that learning goes on from."""
    states = a._solver_state.arrays, b._solver_state.arrays
    return (a.weights_ + b.weights_) / 2, {
        name: (states[0][name] + states[1][name]) / 2 for name in states[0]
    }


def test_replicas_are_averaged_with_their_moments(one_worker):
    clf = classifier(shuffle=False, warm_start=True, max_iter=1, class_weight=None)
    start = sklstm.dask.fit(clf, delayed(labelled, [0]), client=one_worker)  # three classes
    got = sklstm.dask.fit(start, delayed(labelled, [1, 2]), replicas=2, client=one_worker)
    weights, arrays = averaged(*(pickle.loads(pickle.dumps(start)).fit(*labelled(i)) for i in (1, 2)))
    assert_allclose(got.weights_, weights, rtol=1e-12)
    assert got._solver_state.arrays.keys() == {"first_moment", "second_moment"}
    for name, array in got._solver_state.arrays.items():
        assert_allclose(array, arrays[name], rtol=1e-12)
    assert got._solver_state.n_updates == start._solver_state.n_updates + 2


def weighted(i, twice):
    X, y = labelled(i)
    return (X + X, np.append(y, y)) if twice else (X, y, np.full(len(X), 2.0))


def test_weight_of_two_is_twice(one_worker):
    clf = classifier(solver="lbfgs")
    fits = [
        sklstm.dask.fit(clf, delayed(weighted, range(2), twice=twice), client=one_worker)
        for twice in (False, True)
    ]
    assert_allclose(fits[0].loss_curve_, fits[1].loss_curve_, rtol=1e-9)


def one_class(i):
    X, y = union(labelled, range(3))
    keep = np.flatnonzero(y == i)[: 10 + 5 * i]
    return [X[k] for k in keep], y[keep]


@pytest.mark.parametrize("class_weight", ["balanced", {0: 3, 1: 0}])
def test_class_weights_are_over_all_partitions(one_worker, class_weight):
    clf = classifier(solver="lbfgs", class_weight=class_weight)
    got = sklstm.dask.fit(clf, delayed(one_class, range(3)), client=one_worker)
    one = clone(clf).fit(*union(one_class, range(3)))
    assert_allclose(got.loss_curve_, one.loss_curve_, rtol=1e-9)
    assert clf.class_weight == got.class_weight == class_weight


def test_predictions_over_partitions(client):
    got = sklstm.dask.fit(classifier(), delayed(labelled, range(2)), client=client)
    held = client.map(sequences, [10, 11], pure=False)
    there = client.gather(client.map(got.predict_proba, held, pure=False))
    assert_array_equal(np.concatenate(there), got.predict_proba(union(labelled, [10, 11])[0]))


# ------------------------------------------------------------------------------------------------
# validation


def several(i):
    X, y = labelled(i)
    return X, np.column_stack([y > 0, y > 1]).astype(int)


def of_steps(i):
    X, y = running(i)
    return X, [np.where(np.isnan(t[:, 0]), None, t[:, 0] > 1e3 * (i + 1)) for t in y]


STEPS = {"return_sequences": True}
SCORED = {
    "labels": (LSTMClassifier(), labelled),
    "several labels": (LSTMClassifier(), several),
    "labels of steps": (LSTMClassifier(**STEPS), of_steps),
    "numbers": (LSTMRegressor(), labelled),
    "numbers of steps, some missing": (LSTMRegressor(**STEPS), running),
    "layers": (LSTMClassifier(**LAYERS), labelled),
    "counts": (LSTMRegressor(loss="poisson"), counts),
    "absolute errors": (LSTMRegressor(loss="absolute_error"), labelled),
}


@pytest.mark.parametrize("name", SCORED)
def test_best_validation_score_is_the_score_of_the_union(one_worker, name):
    estimator, load = SCORED[name]
    estimator = clone(estimator).set_params(**SMALL, learning_rate=0.05)
    held = delayed(load, [7, 8, 9])
    got = sklstm.dask.fit(estimator, delayed(load, range(2)), validation=held, client=one_worker)
    assert len(got.validation_scores_) == got.n_iter_ == 4
    assert max(got.validation_scores_) == pytest.approx(got.score(*union(load, [7, 8, 9])), rel=1e-9)


def test_validation_stops_as_in_fit(one_worker):
    clf = classifier(
        solver="rprop",
        learning_rate=0.05,
        max_iter=30,
        n_iter_no_change=2,
        early_stopping=True,
        class_weight="balanced",
    )
    held = delayed(labelled, [7, 8])
    got = sklstm.dask.fit(clf, delayed(labelled, range(2)), validation=held, client=one_worker)
    X_val, y_val = union(labelled, [7, 8])
    one = clone(clf).fit(*union(labelled, range(2)), X_val=X_val, y_val=y_val)
    assert got.n_iter_ == one.n_iter_ < 30
    assert_allclose(got.validation_scores_, one.validation_scores_, rtol=1e-9)
    assert_allclose(got.weights_, one.weights_, rtol=1e-6, atol=1e-9)


# ------------------------------------------------------------------------------------------------
# what comes back


def test_result_is_plain_and_pickles_without_dask(client, tmp_path):
    clf = classifier()
    got = sklstm.dask.fit(clf, delayed(labelled, range(2)), classes=[0, 1, 2], client=client)
    assert type(got) is LSTMClassifier
    assert vars(got).keys() == vars(clone(clf).fit(*labelled(0))).keys()
    assert not hasattr(clf, "weights_")
    (tmp_path / "model").write_bytes(pickle.dumps(got))
    script = (
        "import pickle, sys; model = pickle.load(open('model', 'rb')); model.step([1, 2]); "
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'dask', 'distributed'}))"
    )
    run = [sys.executable, "-P", "-c", script]
    result = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
    got.partial_fit(*labelled(3))
    assert got.n_iter_ == 5


def test_sklstm_does_not_import_dask():
    script = (
        "import sys, sklstm, sklstm.paper, sklstm.tasks; "
        "assert not {'dask', 'distributed'} & sys.modules.keys(), 'imported'"
    )
    subprocess.run([sys.executable, "-P", "-c", script], check=True)


def test_without_dask_the_error_says_what_to_install():
    script = "import sys; sys.modules['distributed'] = None; import sklstm.dask"
    result = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False)
    assert "ImportError: sklstm.dask needs dask and distributed" in result.stderr
    assert 'pip install "sklstm[dask]"' in result.stderr


def test_goes_on_where_it_was(one_worker):
    """Three epochs and three are six to the bit, after a pickle."""
    parts = delayed(labelled, range(3), dtype=np.float32)
    whole = sklstm.dask.fit(classifier(solver="rprop", max_iter=6), parts, client=one_worker)
    half = sklstm.dask.fit(classifier(solver="rprop", max_iter=3, warm_start=True), parts, client=one_worker)
    before = half.weights_.copy()
    again = sklstm.dask.fit(pickle.loads(pickle.dumps(half)), parts, client=one_worker)
    assert_array_equal(again.weights_, whole.weights_)
    assert (again.n_iter_, half.n_iter_) == (6, 3)
    assert_array_equal(half.weights_, before)


def named(i):
    import pandas

    X, y = labelled(i)
    return [pandas.DataFrame(x, columns=["a", "b"]) for x in X], pandas.Series(y).map(
        {0: "x", 1: "y", 2: "z"}
    )


def test_names_labels_and_random_state_are_kept(one_worker):
    pytest.importorskip("pandas")
    random_state = np.random.RandomState(0)
    clf = classifier(
        random_state=random_state, warm_start=True, learning_rate=lambda epoch: 0.1 / (1 + epoch)
    )
    got = sklstm.dask.fit(clf, delayed(named, range(2)), client=one_worker)
    assert got.feature_names_in_.tolist() == ["a", "b"]
    assert got.classes_.tolist() == ["x", "y", "z"]
    assert random_state.randint(1000) == np.random.RandomState(0).randint(1000)
    got = sklstm.dask.fit(got, delayed(named, range(2)), client=one_worker)
    assert got.n_iter_ == 8
    swapped = delayed(lambda i: ([x.iloc[:, ::-1] for x in named(i)[0]], named(i)[1]), [0])
    with pytest.raises(ValueError, match="Partition 0: The feature names should match"):
        sklstm.dask.fit(got, swapped, client=one_worker)
    with pytest.raises(
        ValueError, match=r"Partition 1 has the features \['b', 'a'\], Partition 0 has the features"
    ):
        sklstm.dask.fit(clf, [*delayed(named, [0]), *swapped], client=one_worker)


def test_divergence_keeps_the_epoch_before(one_worker):
    clf = classifier(learning_rate=lambda epoch: 0.01 if epoch < 2 else 1e38, solver="sgd", clip=None)
    parts = delayed(labelled, range(3), dtype=np.float32)
    with pytest.warns(
        ConvergenceWarning, match="learning diverged. The weights of the epoch before"
    ) as caught:
        got = sklstm.dask.fit(clf, parts, replicas=2, client=one_worker)
    assert [warning.filename for warning in caught if "diverged" in str(warning.message)] == [__file__]
    assert np.isfinite(got.weights_).all()
    assert got.n_iter_ >= 2
    calm = sklstm.dask.fit(clone(clf).set_params(max_iter=got.n_iter_), parts, replicas=2, client=one_worker)
    assert_array_equal(got.weights_, calm.weights_)


class Keeps:
    """A callback that keeps pickles of the model, and stops after two epochs."""

    def __init__(self):
        self.pickles = []

    def setup(self, estimator, context):
        pass

    teardown = setup

    def on_fit_task_begin(self, estimator, context, *, fitted_estimator=None):
        pass

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        if context.task_name == "epoch" and fitted_estimator is not None:
            self.pickles.append(pickle.dumps(fitted_estimator))
            return len(self.pickles) == 2


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_callbacks_save_and_stop(one_worker, solver, tmp_path):
    pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")

    keeps = Keeps()
    clf = classifier(solver=solver, max_iter=20)
    clf.set_callbacks(keeps)
    got = sklstm.dask.fit(clf, delayed(labelled, range(2)), replicas=2, client=one_worker)
    assert got.n_iter_ == len(keeps.pickles) == 2
    assert_array_equal(pickle.loads(keeps.pickles[-1]).weights_, got.weights_)
    clf = classifier().set_callbacks(Checkpoint(tmp_path))
    with pytest.raises(ValueError, match=r"warm_start=True, and call checkpoint\.save\(estimator\)"):
        sklstm.dask.fit(clf, delayed(labelled, range(2)), client=one_worker)


# ------------------------------------------------------------------------------------------------
# workers that are lost


def noted(i, path):
    with Path(path).open("a") as file:
        file.write(f"{i}\n")
    time.sleep(0.1)  # both workers load
    return labelled(i, 400, np.float32)


def kill_in_round(monkeypatch, client, number, most):
    """Kill workers in this round, between its tasks being sent and the sum of their results being asked for.

    Returns the processes that were killed. One worker: one that has partitions.
    """
    added, calls, killed = Cluster.added, [], []
    processes = client.run(os.getpid)

    def added_and_killed(self, futures):
        sum_of_round = added(self, futures)
        calls.append(len(futures))
        if len(calls) == number:
            has = client.has_what()
            for place in sorted(processes, key=lambda place: -len(has.get(place, ())))[:most]:
                os.kill(processes[place], signal.SIGKILL)
                killed.append(processes[place])
        return sum_of_round

    monkeypatch.setattr(Cluster, "added", added_and_killed)
    return killed


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize(("solver", "most"), [("lbfgs", 1), ("lbfgs", 2), ("adam", 1), ("adam", 2)])
def test_a_killed_worker_costs_time_only(client, monkeypatch, tmp_path, solver, most):
    client.wait_for_workers(2, timeout=60)
    log, clf = tmp_path / "loaded", classifier(solver=solver, max_iter=8)
    calm = sklstm.dask.fit(clf, delayed(noted, range(4), path=str(log)), replicas=2, client=client)
    assert sorted(log.read_text().split()) == ["0", "1", "2", "3"]
    killed = kill_in_round(monkeypatch, client, number=6, most=most)
    got = sklstm.dask.fit(clf, delayed(noted, range(4), path=str(log)), replicas=2, client=client)
    assert len(killed) == most
    if most == 2:  # one worker may have copies of all that the other had
        assert len(log.read_text().split()) == 12  # lost partitions were loaded once more
    assert_array_equal(got.weights_, calm.weights_)
    assert got.loss_curve_ == calm.loss_curve_
    client.wait_for_workers(2, timeout=60)
    assert not set(client.run(os.getpid).values()) & set(killed)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_scattered_partitions_are_lost_with_their_worker(client, monkeypatch):
    client.wait_for_workers(2, timeout=60)
    parts = client.scatter([labelled(i) for i in range(4)], hash=False)
    assert "scattered `Future` cannot be loaded again" in sklstm.dask.fit.__doc__
    kill_in_round(monkeypatch, client, number=2, most=2)
    with pytest.raises(RuntimeError, match=r"was lost with its worker.*load it by dask\.delayed") as caught:
        sklstm.dask.fit(classifier(solver="lbfgs"), parts, client=client)
    assert isinstance(
        caught.value.__cause__, distributed.client.FutureCancelledError | distributed.CancelledError
    )
    client.wait_for_workers(2, timeout=60)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_partition_that_kills_workers_is_named():
    """By its number if it was alone on its worker: dask blames every task that was there."""
    parts = [dask.delayed(os._exit)(1)]
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        with distributed.LocalCluster(n_workers=1, **HERE) as cluster, distributed.Client(cluster) as client:
            with pytest.raises(RuntimeError, match="Partition 0 ended 1 worker, or another partition"):
                sklstm.dask.fit(classifier(), parts, client=client)


# ------------------------------------------------------------------------------------------------
# what is refused, and warned of


def repeated(x, y):
    return [np.asarray(x, float)] * len(y), y


FINE = repeated([[1, 2], [3, 4]], [0, 1, 2])
BAD = {
    "NaN": ((np.full((3, 5, 2), np.nan), [0, 1, 2]), ValueError, "Partition 2: .*NaN"),
    "length of y": ((FINE[0], [0, 1]), ValueError, "Partition 2: X and y must have the same number"),
    "type": (3, TypeError, r"Partition 2: expected \(X, y\) or \(X, y, sample_weight\), got int"),
    "one thing": ((FINE[0],), TypeError, "Partition 2: expected .* got tuple of 1"),
    "features": (repeated([[1, 2, 3]], [0, 1]), ValueError, "Partition 2 has 3 features, Partition 0 has 2"),
    "table": ((np.ones((3, 7)), [0, 1, 2]), ValueError, "Partition 2 has 7 features, Partition 0 has 2"),
    "text": (
        (FINE[0], ["a", "b", "c"]),
        ValueError,
        "Partition 2 has labels that are text, Partition 0 numbers",
    ),
    "columns": ((FINE[0], np.eye(3)), ValueError, "Partition 2 has 3 columns of targets, Partition 0 has 1"),
    "weights": ((*FINE, [1, 2, -1]), ValueError, "Partition 2: .*negative"),
    "continuous": ((FINE[0], [0.5, 1, 2]), ValueError, "Partition 2: Unknown label type"),
    "no y": ((FINE[0], None), ValueError, "Partition 2: LSTMClassifier requires y"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_partition_is_named(one_worker, name):
    bad, error, words = BAD[name]
    clf, parts = classifier(), [*delayed(labelled, range(2)), dask.delayed(bad, traverse=False, pure=False)]
    with pytest.raises(error, match=words) as caught:
        sklstm.dask.fit(clf, parts, client=one_worker)
    assert str(caught.value).startswith("Partition 2")
    held = parts[:1] + parts[2:]
    with pytest.raises(error, match="Partition 1 of validation"):
        sklstm.dask.fit(clf, parts[:2], validation=held, client=one_worker)
    assert not hasattr(clf, "weights_")


def test_labels_that_are_not_announced(one_worker):
    for options in ({}, {"class_weight": "balanced"}):
        with pytest.raises(
            ValueError, match=r"Partition [01]: y contains labels that are not in classes_.*2"
        ):
            sklstm.dask.fit(
                classifier(**options), delayed(labelled, range(2)), classes=[0, 1], client=one_worker
            )
    parts, held = [dask.delayed(repeated([[1, 2]], [0, 1] * 3), traverse=False)], delayed(labelled, [1])
    with pytest.raises(ValueError, match="Partition 0 of validation: y contains labels"):
        sklstm.dask.fit(classifier(), parts, validation=held, client=one_worker)


def missing(path):
    raise FileNotFoundError(path)


def test_an_error_of_what_loads_a_partition_is_told(one_worker):
    with pytest.raises(FileNotFoundError, match=r"day-3\.parquet") as caught:
        sklstm.dask.fit(
            classifier(), [*delayed(labelled, [0]), dask.delayed(missing)("day-3.parquet")], client=one_worker
        )
    assert caught.value.__notes__ == ["raised in Partition 1"]


@pytest.mark.parametrize(
    ("parts", "options", "error", "words"),
    [
        ([], {}, ValueError, "parts is empty; expected a list of Delayed"),
        (
            [FINE],
            {},
            TypeError,
            r"parts=\[dask.delayed\(load\)\(path\) for path in paths\].*parts\[0\] is a tuple",
        ),
        (Sequences([[1.0]], [0, 1]), {}, TypeError, "parts must be a list .*; got a Sequences"),
        (None, {}, TypeError, "parts must be a list"),
        (..., {"update": "sequence"}, ValueError, "update must be 'batch', got 'sequence'"),
        (..., {"early_stopping": True}, ValueError, "give validation="),
        (
            ...,
            {"solver": "rprop", "batch_size": 10},
            ValueError,
            "leave batch_size='auto', got batch_size=10",
        ),
        (..., {"n_blocks": 0.5}, TypeError, "n_blocks"),
    ],
)
def test_bad_arguments(one_worker, parts, options, error, words):
    parts = delayed(labelled, range(2)) if parts is ... else parts
    with pytest.raises(error, match=words):
        sklstm.dask.fit(classifier(**options), parts, client=one_worker)


def test_more_bad_arguments(one_worker):
    parts = delayed(labelled, range(2))
    with pytest.raises(TypeError, match="replicas must be None or an integer, got '2'"):
        sklstm.dask.fit(classifier(), parts, replicas="2", client=one_worker)
    with pytest.raises(ValueError, match="scoring='f1_macro' needs all predictions"):
        sklstm.dask.fit(classifier(scoring="f1_macro"), parts, validation=parts, client=one_worker)
    with pytest.raises(ValueError, match="validation= needs solver='sgd', 'adam', 'rprop'"):
        sklstm.dask.fit(classifier(solver="lbfgs"), parts, validation=parts, client=one_worker)
    with pytest.raises(ValueError, match="needs the quantiles of all targets"):
        sklstm.dask.fit(LSTMRegressor(loss="quantile", **SMALL), parts, validation=parts, client=one_worker)
    with pytest.raises(ValueError, match="classes= is for classifiers"):
        sklstm.dask.fit(LSTMRegressor(**SMALL), parts, classes=[0, 1], client=one_worker)
    with pytest.raises(TypeError, match=r"got LogisticRegression\. Apply the transformers"):
        sklstm.dask.fit(LogisticRegression(), parts, client=one_worker)
    with pytest.raises(TypeError, match=r"client must be a distributed.Client .*, got str"):
        sklstm.dask.fit(classifier(), parts, client="127.0.0.1:8786")
    with pytest.raises(ValueError, match="at least 2 classes"):
        sklstm.dask.fit(classifier(), delayed(one_class, [1]), client=one_worker)
    with pytest.raises(ValueError, match="class_weight is zero for every label in parts"):
        sklstm.dask.fit(classifier(class_weight={0: 0, 1: 0, 2: 0}), parts, client=one_worker)
    nothing = [dask.delayed((*FINE, np.zeros(3)), traverse=False)]
    with pytest.raises(ValueError, match="sample_weight is zero for every sequence in validation"):
        sklstm.dask.fit(classifier(), parts, validation=nothing, client=one_worker)


@pytest.mark.parametrize("replicas", [None, 2])
def test_a_cluster_without_workers_does_not_wait(replicas):
    with distributed.LocalCluster(n_workers=0, processes=False, **HERE) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            with pytest.raises(RuntimeError, match=r"no worker: client\.wait_for_workers\(n\)"):
                sklstm.dask.fit(classifier(), delayed(labelled, range(2)), replicas=replicas, client=client)


MODULE = """
from sklstm import LSTMClassifier
from test_dask import labelled


class Loader:
    def load(self, i):
        return labelled(i)


class Classifier(LSTMClassifier):
    pass


def load(i):
    return labelled(i)
"""
UNKNOWN = {
    "function": (lambda module: delayed(module.load, range(2)), "Partition 0, 'load',"),
    "method": (lambda module: delayed(module.Loader().load, range(2)), "Partition 0, 'load',"),
    "one of them": (
        lambda module: [*delayed(labelled, [0]), *delayed(module.load, [1])],
        "Partition 1, 'load',",
    ),
    "argument": (
        lambda module: [dask.delayed(lambda loader: loader.load(0))(module.Loader(), dask_key_name="read-0")],
        "Partition 0, 'read',",
    ),
}


@pytest.fixture
def at_client(tmp_path, monkeypatch):
    """A module that this process alone can import, and its file."""
    name = f"loaders_{tmp_path.name}".replace("-", "_")
    path = tmp_path / f"{name}.py"
    path.write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module(name), path
    sys.modules.pop(name, None)


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_workers_cannot_import_is_named(client, at_client, name):
    """They would leave the cluster, and the fit would wait for ever."""
    client.wait_for_workers(2, timeout=60)
    make, words = UNKNOWN[name]
    module, path = at_client
    parts = make(module)
    expected = rf"No module named '{path.stem}'.*client\.upload_file\('module\.py'\).*__main__"
    with pytest.raises(RuntimeError, match=f"{words} cannot be unpickled by a worker .*{expected}"):
        sklstm.dask.fit(classifier(), parts, client=client)
    held = f"{words} cannot".replace(",", " of validation,", 1)
    with pytest.raises(RuntimeError, match=f"{held} be unpickled .*{expected}"):
        sklstm.dask.fit(classifier(), delayed(labelled, range(2)), validation=parts, client=client)
    assert len(client.nthreads()) == 2


def test_an_estimator_that_workers_cannot_import_is_named(one_process, at_client):
    """After the file of its module has been sent, as the message says, it learns."""
    module, path = at_client
    parts = delayed(labelled, range(2))
    with pytest.raises(RuntimeError, match=f"The estimator cannot be unpickled by a worker .*'{path.stem}'"):
        sklstm.dask.fit(module.Classifier(**SMALL), parts, client=one_process)
    one_process.upload_file(str(path))  # it is imported again here, where the scheduler is
    parts = delayed(module.load, range(2))
    got = sklstm.dask.fit(module.Classifier(**SMALL), parts, client=one_process)
    assert type(got) is module.Classifier
    assert got.n_iter_ == SMALL["max_iter"]


def test_functions_of_a_script_are_sent_as_they_are(client):
    """What `__main__` defines, and functions within functions."""
    client.wait_for_workers(2, timeout=60)
    script = types.ModuleType("__main__")
    exec("def load(i):\n    from test_dask import labelled\n    return labelled(i)", vars(script))
    got = sklstm.dask.fit(classifier(max_iter=1), delayed(script.load, range(2)), client=client)
    one = sklstm.dask.fit(classifier(max_iter=1), delayed(labelled, range(2)), client=client)
    assert_array_equal(got.weights_, one.weights_)


def test_what_cannot_be_pickled_is_named(one_worker):
    parts = [*delayed(labelled, [0]), dask.delayed(labelled)(threading.Lock())]
    with pytest.raises(TypeError, match=r"Partition 1, 'labelled', cannot be pickled.*lock.*Open files"):
        sklstm.dask.fit(classifier(), parts, client=one_worker)


@contextmanager
def started(command, *arguments, path=None):
    """Process of a command of dask after some lines of Python."""
    script = f"{command[0]}\nfrom distributed.cli.dask_{command[1]} import main\nmain()"
    folders = [str(folder) for folder in (path, Path(__file__).parent) if folder]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*folders, os.environ.get("PYTHONPATH", "")])}
    options = ["--host", "127.0.0.1", "--no-dashboard", *arguments]
    with subprocess.Popen(
        [sys.executable, "-P", "-c", script, *options], env=environment, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("import sys; sys.modules['sklstm'] = None", r"no sklstm \(.*sklstm.*\)"),
        ("import sklstm; sklstm.__version__ = '0.0.1'", r"sklstm 0\.0\.1"),
    ],
)
def test_workers_of_another_version_are_refused(before, words):
    with distributed.LocalCluster(n_workers=0, processes=False, **HERE) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            with started((before, "worker"), cluster.scheduler_address, "--no-nanny", "--nthreads", "1"):
                client.wait_for_workers(1, timeout=60)
                expected = f"The worker tcp://.* has {words}, this process has sklstm .*: install the same"
                with pytest.raises(RuntimeError, match=expected):
                    sklstm.dask.fit(classifier(), delayed(labelled, range(2)), client=client)
                assert len(client.nthreads()) == 1


def test_a_scheduler_without_the_module_of_a_loader_is_told(tmp_path, at_client):
    module, path = at_client
    file = str(tmp_path / "scheduler.json")
    worker = (("", "worker"), "--scheduler-file", file, "--no-nanny", "--nthreads", "1")
    with started(("", "scheduler"), "--port", "0", "--scheduler-file", file):
        with started(*worker, path=path.parent):
            with distributed.Client(scheduler_file=file, set_as_default=False) as client:
                client.wait_for_workers(1, timeout=60)
                with pytest.raises(RuntimeError, match="deserialization of the task graph") as caught:
                    sklstm.dask.fit(classifier(), delayed(module.load, range(2)), client=client)
    assert any("The scheduler, too, needs sklstm" in note for note in caught.value.__notes__)


def test_partitions_that_averages_learn_badly_from(one_worker):
    clf, parts = classifier(max_iter=1), [*delayed(labelled, [0]), *delayed(one_class, [1])]
    with pytest.warns(
        UserWarning, match="1 of 2 partitions, the first is Partition 1, lack classes"
    ) as caught:
        sklstm.dask.fit(clf, parts, replicas=2, client=one_worker)
    texts = [str(warning.message) for warning in caught]
    assert any(
        "2 of 2 partitions have fewer than 3200 sequences, Partition 0 has 40" in text for text in texts
    )
    assert all(warning.filename == __file__ for warning in caught)
    for options, replicas in (({}, 1), ({"solver": "rprop"}, 2)):
        with pytest.warns(ConvergenceWarning) as caught:
            sklstm.dask.fit(clf.set_params(**options), parts, replicas=replicas, client=one_worker)
        assert len(caught) == 1
