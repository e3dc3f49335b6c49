"""How many threads work: inside `fit` and `predict`, alone and in the workers of a search."""

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from joblib.parallel import ParallelBackendBase, register_parallel_backend
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from sklstm import LSTMClassifier, LSTMRegressor, SequenceScaler, _cpu
from sklstm._engine.threads import each, threads_of  # how items are shared, whatever the kernel does
from watch import Watch, blas_threads

pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 6, 2))  # three packed batches
Y = (X[:, 0, 0] > 0).astype(int)
MANY = {"n_blocks": 2, "batch_size": 80, "max_iter": 2, "random_state": 0}  # two packed batches in each
ONLINE = {"update": "step", "gradient": "truncated", "batch_size": "auto"}


@pytest.fixture
def watch(monkeypatch):
    watch = Watch()
    for core, name, function in watch.wrapped():
        monkeypatch.setattr(core, name, function)
    return watch


@pytest.mark.parametrize("n_threads", [1, 2, 4])
@pytest.mark.parametrize("n_items", [0, 1, 2, 3, 50])
def test_share_is_map(n_items, n_threads):
    """Whoever takes an item, and however long it takes."""
    threads = set()

    def run(item):
        threads.add(threading.get_ident())
        time.sleep(1e-3 * (item % 3))
        return item * item

    assert each(run, list(range(n_items)), n_threads) == [i * i for i in range(n_items)]
    if n_items:
        assert threading.get_ident() in threads
    if n_items >= 50:
        assert len(threads) == n_threads


@pytest.mark.parametrize("fails", [5, 394])
def test_an_error_ends_what_is_shared(fails):
    """Whether it comes to this thread, which begins at the end, or to the other one."""
    done = []

    def run(item):
        time.sleep(1e-3)
        if item == fails:
            raise ZeroDivisionError(item)
        done.append(item)

    with pytest.raises(ZeroDivisionError, match=str(fails)):
        each(run, list(range(400)), 2)
    assert 0 < len(done) < 100


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize(
    "options", [{}, {"early_stopping": True}, {"solver": "lbfgs", "batch_size": "auto"}, ONLINE], ids=str
)
def test_blas_has_one_thread_in_the_kernel(watch, options, n_jobs):
    before = blas_threads()
    assert before
    LSTMClassifier(**MANY | options, n_jobs=n_jobs).fit(X, Y).predict(X)
    assert watch.seen == {1}
    assert 1 <= watch.most <= (n_jobs or 1)
    assert blas_threads() == before


def test_blas_has_one_thread_in_steps_of_many_streams(watch, monkeypatch):
    core = _cpu.core("float64")

    class Step(core.Step):
        def advance(self, *arguments):
            return watch.call(super().advance, *arguments)

    before = blas_threads()
    reg = LSTMRegressor(**MANY | ONLINE | {"n_blocks": 70}).partial_fit(X[:40], X[:40, 0, 0], continued=True)
    watch.seen.clear()
    monkeypatch.setattr(core, "Step", Step)
    reg.step(X[:40, 0])
    reg.step(X[:40, 1])
    assert watch.seen == {1}
    assert blas_threads() == before


def test_limits_of_threadpoolctl_are_kept(watch):
    with threadpool_limits(1):
        LSTMClassifier(**MANY).fit(X, Y)
        assert set(blas_threads()) == {1}
    assert watch.seen == {1}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_model_in_several_threads(dtype):
    """What it keeps for the next call is lent to one thread at a time."""
    clf = LSTMClassifier(**MANY | {"n_blocks": 12}).fit(X.astype(dtype), Y)
    network, weights, targets = clf.network_, clf.weights_.astype(dtype), np.eye(2)[Y]
    parts = [X[: 20 * i].astype(dtype) for i in range(1, 9)]

    def answers(part):
        value, gradient = network.loss_and_gradient(weights, part, targets[: len(part)])
        return clf.predict_proba(part), clf.activations(part)[-1]["cell"], value, gradient

    expected = [answers(part) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(answers, parts * 3))
    for one, other in zip(found, expected * 3):
        for a, b in zip(one, other):
            np.testing.assert_array_equal(a, b)


def test_fits_in_several_threads():
    def fit(seed):
        return LSTMClassifier(**MANY | {"random_state": seed}).fit(X, Y).weights_

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(fit, range(4)))
    np.testing.assert_array_equal(together, [fit(seed) for seed in range(4)])


# ------------------------------------------------------------------------------------------------
# what joblib allows


class Cluster(ParallelBackendBase):
    """A backend to which any n_jobs is all of its 64 cores, as joblib's for dask is."""

    default_n_jobs = -1

    def effective_n_jobs(self, n_jobs):
        return 64

    def submit(self, func, callback=None):
        raise NotImplementedError


def test_cores_of_a_cluster_are_not_threads():
    register_parallel_backend("64 cores", Cluster)
    with joblib.parallel_config("64 cores"):
        assert joblib.effective_n_jobs(None) == 64
        assert [threads_of(n_jobs) for n_jobs in (None, 1, 3, -1)] == [1, 1, 3, joblib.cpu_count()]


def test_n_jobs_is_what_joblib_says():
    assert [threads_of(n_jobs) for n_jobs in (None, 1, 3)] == [1, 1, 3]
    with joblib.parallel_config("loky", n_jobs=5):
        assert [threads_of(n_jobs) for n_jobs in (None, 1, 3)] == [5, 1, 3]
    with joblib.parallel_config("sequential"):
        assert [threads_of(n_jobs) for n_jobs in (None, 1, 3, -1)] == [1, 1, 1, 1]


# ------------------------------------------------------------------------------------------------
# in the workers of a search


def watched_rate(folder):
    """A learning rate that watches the kernel of the process in which it is asked for."""

    def rate(epoch):
        sys.path.append(tests)  # workers do not find this module; they find watch.py
        import watch as module
        from sklstm._engine.threads import threads_of

        watch = getattr(module, "of_process", None)
        if watch is None:
            module.of_process = watch = module.Watch()
            for core, name, function in watch.wrapped():
                setattr(core, name, function)
        if epoch == 0:
            watch.most = 0
        state = {
            "pid": os.getpid(),
            "blas": sorted(watch.seen),
            "most": watch.most,
            "allowed": [threads_of(n_jobs) for n_jobs in (None, 2)],
        }
        (folder / f"{os.getpid()}-{threading.get_ident()}-{epoch}.json").write_text(json.dumps(state))
        return 0.01

    tests = str(Path(__file__).parent)
    return rate


def search(folder, all_n_jobs=(None,)):
    """A search in two processes, and what was seen in them after the first epoch, for each n_jobs."""
    grid = []
    for n_jobs in all_n_jobs:
        (folder / str(n_jobs)).mkdir(parents=True)
        rate = watched_rate(folder / str(n_jobs))
        grid.append({"n_jobs": [n_jobs], "learning_rate": [rate], "forget_gate_bias": [0, 1]})
    grid = [{f"lstmclassifier__{name}": values for name, values in part.items()} for part in grid]
    pipeline = make_pipeline(SequenceScaler(), LSTMClassifier(**MANY))
    found = GridSearchCV(pipeline, grid, cv=2, n_jobs=2, refit=False, error_score="raise").fit(X, Y)
    return found, [what_was_seen(folder / str(n_jobs)) for n_jobs in all_n_jobs]


def what_was_seen(folder):
    seen = [json.loads(path.read_text()) for path in folder.glob("*-1.json")]
    assert seen
    assert os.getpid() not in {state["pid"] for state in seen}
    assert len({state["pid"] for state in seen}) <= 2
    assert all(state["blas"] == [1] for state in seen)
    return seen


@pytest.fixture(scope="module")
def processes():
    """New workers, which nobody has changed, and nobody finds changed."""
    get_reusable_executor().shutdown(wait=True)
    yield
    get_reusable_executor().shutdown(wait=True, kill_workers=True)


def test_a_search_in_processes_starts_no_more_threads(tmp_path, processes):
    _, (by_default, with_two) = search(tmp_path, [None, 2])
    assert all(state["allowed"][0] == state["most"] == 1 for state in by_default)
    assert max(state["most"] for state in with_two) <= 2


def test_a_search_in_a_search_has_one_thread(tmp_path, processes):
    """joblib lets the second level be sequential; so does an estimator with n_jobs of its own."""
    lstm = LSTMClassifier(**MANY | {"learning_rate": watched_rate(tmp_path), "n_jobs": 2})
    inner = GridSearchCV(lstm, {"n_blocks": [2, 3]}, cv=2, n_jobs=2, refit=False, error_score="raise")
    cross_validate(inner, X, Y, cv=2, n_jobs=2, scoring=lambda model, X, y: 0.0, error_score="raise")
    assert all(state["allowed"] == [1, 1] for state in what_was_seen(tmp_path))


@pytest.mark.filterwarnings("default")  # of other packages
def test_a_search_on_dask_is_the_same_and_starts_no_more_threads(tmp_path, processes):
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    )
    with cluster, distributed.Client(cluster), joblib.parallel_config(backend="dask"):
        assert threads_of(None) == 1
        found, (seen,) = search(tmp_path / "dask")
    assert all(state["allowed"] == [1, 2] and state["most"] == 1 for state in seen)
    same, _ = search(tmp_path / "here")
    for result in ("mean_test_score", "split1_test_score"):
        np.testing.assert_array_equal(found.cv_results_[result], same.cv_results_[result])
