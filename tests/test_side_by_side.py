"""Fits side by side: the results of a search without, whoever takes part, and nobody is left waiting."""

import _thread
import contextlib
import signal
import threading
import time
import warnings

import joblib
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import BaggingRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, KFold, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline

from sklstm import (
    LSTMClassifier,
    LSTMRegressor,
    Network,
    Sequences,
    SequenceScaler,
    SequenceSummary,
    _core,
    side_by_side,
)
from sklstm import _side_by_side as module
from sklstm._kernel import kernel_of, threads_of
from sklstm._side_by_side import takes_turns  # as it is without the fixture
from sklstm._together import Together
from sklstm._training import Settings, Trainer
from watch import blas_threads

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(1, 12, 31)  # folds of 20 and 21
X = [RNG.normal(size=(length, 3)) for length in LENGTHS]
Y = np.array([x[0, 0] + 0.5 * x[-1, 1] for x in X])
LABELS = (Y > 0).astype(int)
ON_LINE = {"n_blocks": 2, "update": "sequence", "solver": "sgd", "max_iter": 4, "tol": 0, "random_state": 0}
REG = LSTMRegressor(**ON_LINE)
ENDLESS = LSTMRegressor(**ON_LINE | {"max_iter": 10**9, "n_iter_no_change": 10**9})


@pytest.fixture(autouse=True)
def on_any_processor(monkeypatch):
    """All that learn on-line take turns, with AVX-512 or without."""
    monkeypatch.setattr(module._core, "HAS_SMALL", True)
    monkeypatch.setattr(module, "takes_turns", lambda trainer: trainer.settings.update == "sequence")


@pytest.fixture
def groups(monkeypatch):
    """Sizes of the groups that learned together; no fit is over before two others have begun."""
    sizes, train, learn, begun = [], Together.train, module.Meeting._learn, threading.Barrier(3)

    def watched_train(self, lanes):
        sizes.append(len(lanes))
        return train(self, lanes)

    def learn_later(self, fit, lanes):
        if fit.trainer.together is None:
            with contextlib.suppress(threading.BrokenBarrierError):
                begun.wait(timeout=0.2)
        return learn(self, fit, lanes)

    monkeypatch.setattr(Together, "train", watched_train)
    monkeypatch.setattr(module.Meeting, "_learn", learn_later)
    return sizes


def assert_same(found, expected):
    for name, values in expected.cv_results_.items():
        if "test" in name or name.startswith("param"):
            np.testing.assert_array_equal(found.cv_results_[name], values)
    assert found.best_params_ == expected.best_params_


def lstm_of(search):
    best = search.best_estimator_
    return best[-1] if hasattr(best, "steps") else best


def compare(estimator, grid, X=X, y=Y, n_jobs=2, fit_params=None, **options):
    """Fit a search with and without, and assert that all that came of it is the same."""
    options = {"cv": KFold(3), "error_score": "raise"} | options
    before = warnings.filters[:], blas_threads()
    searches = [GridSearchCV(estimator, grid, **options) for _ in range(2)]
    expected = searches[0].fit(X, y, **(fit_params or {}))
    with side_by_side(n_jobs):
        found = searches[1].fit(X, y, **(fit_params or {}))
    assert (warnings.filters, blas_threads()) == before
    assert_same(found, expected)
    np.testing.assert_array_equal(lstm_of(found).weights_, lstm_of(expected).weights_)
    assert lstm_of(found).loss_curve_ == lstm_of(expected).loss_curve_
    return found


# ------------------------------------------------------------------------------------------------
# the same results


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_results_are_those_of_a_plain_search(form, dtype, n_jobs, groups):
    data = [x.astype(dtype) for x in X]
    if form == "sparse":
        data = [sparse.csr_array(x * (x > 0.5)) for x in data]
    grid = {"learning_rate": [0.01, 0.3], "forget_gate_bias": [0, 2], "momentum": [0, 0.5]}
    compare(REG, grid, data, n_jobs=n_jobs)
    assert max(groups) > 1  # they did meet


@pytest.mark.parametrize(
    "options",
    [
        {"gradient": "truncated", "peepholes": True, "recurrence": "all", "n_hidden_units": 1},
        {"solver": "adam", "alpha": 0.01, "n_blocks": 9},
        {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 20},
        {"n_iter_no_change": 1, "tol": 0.01, "max_iter": 20},
    ],
    ids=str,
)
def test_any_settings(options, groups):
    compare(LSTMRegressor(**ON_LINE | options), {"learning_rate": [0.03, 0.1], "clip": [None, 1]})
    assert max(groups) > 1


def test_solvers_and_sizes_of_data_may_differ_in_a_group(groups):
    grid = [
        {"learning_rate": [0.1], "solver": ["adam"], "alpha": [0, 0.1]},
        {"learning_rate": [0.1, lambda epoch: 0.1 / (1 + epoch)], "momentum": [0, 0.9], "max_iter": [2, 5]},
    ]
    compare(REG, grid, cv=[(np.arange(5), [30]), (np.arange(10, 31), [1])], scoring="neg_mean_squared_error")
    assert max(groups) > 1


def test_a_classifier_with_a_target_at_every_step_and_weights(groups):
    steps = [(np.cumsum(x[:, 0]) > 0).astype(int) for x in X]
    clf = LSTMClassifier(**ON_LINE, return_sequences=True)
    weight = np.where(np.arange(len(X)) % 4 == 0, 0.0, np.random.default_rng(1).random(len(X)))
    compare(clf, {"learning_rate": [0.01, 0.1, 1]}, y=steps, fit_params={"sample_weight": weight})
    assert max(groups) > 1


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_on_other_processors_n_jobs_is_what_runs(n_jobs, groups, monkeypatch):
    monkeypatch.setattr(module._core, "HAS_SMALL", False)
    monkeypatch.setattr(module, "takes_turns", takes_turns)
    with side_by_side(n_jobs):
        assert joblib.effective_n_jobs(None) == (n_jobs or 1)
    compare(LSTMRegressor(**ON_LINE | {"peepholes": True}), {"learning_rate": [0.01, 0.1]}, n_jobs=n_jobs)
    assert not groups


def test_an_ensemble(groups):
    table = np.stack([x[np.arange(5) % len(x), 0] for x in X])
    alone, side = (BaggingRegressor(REG, n_estimators=6, random_state=0) for _ in range(2))
    alone.fit(table, Y)
    with side_by_side():
        side.fit(table, Y)
    np.testing.assert_array_equal(side.predict(table), alone.predict(table))
    assert max(groups) > 1


def test_pipelines(groups):
    pipeline = make_pipeline(SequenceScaler(), LSTMClassifier(**ON_LINE))
    compare(pipeline, {"lstmclassifier__learning_rate": [0.01, 0.1, 1]}, y=LABELS)
    assert max(groups) > 1


def test_topologies_and_other_estimators_mixed(groups):
    pipeline = make_pipeline(SequenceScaler(), REG)
    grid = [
        {"lstmregressor__n_blocks": [1, 2, 3], "lstmregressor__learning_rate": [0.01, 0.1]},
        {"lstmregressor__update": ["batch"], "lstmregressor__solver": ["sgd", "lbfgs"]},
        {"lstmregressor__update": ["step"], "lstmregressor__gradient": ["truncated"]},
        {"sequencescaler": [SequenceSummary()], "lstmregressor": [LinearRegression()]},
    ]
    found = compare(pipeline, grid, refit=lambda results: 0)
    assert len(found.cv_results_["params"]) == 10
    assert max(groups) > 1


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_one_candidate_diverges(groups):
    found = compare(REG, {"learning_rate": [0.1, 1e30, 0.01]})
    assert max(groups) > 1
    assert found.best_params_ != {"learning_rate": 1e30}


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_one_candidate_fails():
    with pytest.warns(FitFailedWarning, match="learning_rate must be"):
        found = compare(REG, {"learning_rate": [0.1, -1, 0.01]}, error_score=np.nan)
    assert np.isnan(found.cv_results_["mean_test_score"]).tolist() == [False, True, False]


def test_other_searches_and_a_search_in_a_search():
    halving = HalvingGridSearchCV(
        REG, {"learning_rate": [0.01, 0.1, 1]}, resource="max_iter", max_resources=4, cv=KFold(2), factor=2
    )
    nested = GridSearchCV(REG, {"learning_rate": [0.01, 0.1]}, cv=2)
    expected = halving.fit(X, Y), cross_val_score(nested, X, Y, cv=3)
    best = expected[0].best_estimator_.weights_
    with side_by_side():
        halving.fit(X, Y)
        np.testing.assert_array_equal(cross_val_score(nested, X, Y, cv=3, n_jobs=2), expected[1])
    np.testing.assert_array_equal(halving.best_estimator_.weights_, best)


def test_small_networks_that_learn_on_line_take_turns(monkeypatch):
    """Where the processor has what that needs; and no others."""
    told = []
    monkeypatch.setattr(module, "takes_turns", lambda trainer: told.append(takes_turns(trainer)))
    small = bool(kernel_of(Network(3, 1, n_blocks=2), np.dtype(float)).plan.is_small)
    with side_by_side():
        for options in ({}, {"peepholes": True}, {"n_blocks": 20}, {"update": "batch"}):
            joblib.Parallel()([joblib.delayed(LSTMRegressor(**ON_LINE | options).fit)(X, Y)])
    assert told == [small, False, False, False]


# ------------------------------------------------------------------------------------------------
# networks together


@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_together_is_as_alone_whatever_the_sequences_are(form, every_step):
    """Numbers of sequences, weights of zero, rates and solvers of their own."""
    network = Network(3, 1, n_blocks=2, return_sequences=every_step)
    numbers = [7, 1, 4, 5, 6]
    solvers = [("sgd", 0, 0), ("sgd", 0.5, 0), ("adam", 0, 0), ("sgd", 0, 0.1), ("sgd", 0, 0)]

    def trainers():
        rng = np.random.default_rng(1)
        for n, (solver, momentum, alpha) in zip(numbers, solvers, strict=True):
            lengths = rng.integers(1, 9, n)
            values = rng.normal(size=(lengths.sum(), 3)) * (rng.random((lengths.sum(), 3)) < 0.5)
            values = sparse.csr_array(values) if form == "sparse" else values
            n_targets = lengths.sum() if every_step else n
            settings = Settings(
                "squared_error",
                "full",
                solver,
                0.1,
                momentum,
                alpha,
                1.0,
                "sequence",
                1,
                1,
                0.0,
                1,
                True,
                0,
                1,
            )
            yield Trainer(
                kernel_of(network, np.dtype(float)),
                Sequences.from_lengths(values, lengths),
                np.arange(n),
                rng.normal(size=(n_targets, 1)),
                rng.integers(0, 3, n_targets).astype(float),
                settings,
                network.init_weights(rng, init_range=0.5),
            )

    alone, together = list(trainers()), Together(list(trainers()))
    rngs = [np.random.RandomState(i) for i in range(len(alone))]
    for _ in range(3):
        lanes, losses = [], []
        for trainer, rng in zip(alone, rngs, strict=True):
            order = np.random.RandomState(0)
            order.set_state(rng.get_state())
            lanes.append(trainer.lanes[order.permutation(len(trainer.lanes))])
            losses.append(trainer._batches(rng.permutation(len(trainer.lanes))))
        np.testing.assert_array_equal(together.train(lanes), losses)
        for one, other in zip(alone, together.trainers, strict=True):
            for name in ("w", "first", "second", "numbers"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_blocks", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("n_networks", [*range(2, 10), 16])
def test_together_is_as_alone_for_any_number_of_networks(n_networks, n_blocks, dtype):
    """Units and cells that fill a quarter, a half, one and two registers, of which networks share some."""
    network = Network(2, 1, n_blocks=n_blocks, recurrence="all", cell_output_activation="logistic[-1,1]")

    def trainers():
        rng = np.random.default_rng(n_networks)
        for _ in range(n_networks):
            lengths = rng.integers(1, 7, 3)
            X = Sequences.from_lengths(rng.normal(size=(lengths.sum(), 2)).astype(dtype), lengths)
            settings = Settings(
                "squared_error", "truncated", "sgd", 0.1, 0, 0, None, "sequence", 1, 1, 0.0, 1, True, 0, 1
            )
            yield Trainer(
                kernel_of(network, np.dtype(dtype)),
                X,
                np.arange(3),
                rng.normal(size=(3, 1)).astype(dtype),
                np.ones(3),
                settings,
                network.init_weights(rng, init_range=0.8).astype(dtype),
            )

    alone, together = list(trainers()), Together(list(trainers()))
    before = [trainer.weights for trainer in alone]
    losses = [trainer._batches(np.arange(3)) for trainer in alone]
    np.testing.assert_array_equal(together.train([trainer.lanes for trainer in together.trainers]), losses)
    for one, other, start in zip(alone, together.trainers, before, strict=True):
        np.testing.assert_array_equal(other.weights, one.weights)
        assert np.abs(one.weights - start).max() > 1e-4


# ------------------------------------------------------------------------------------------------
# nobody is left waiting


def joined(before, seconds=5):
    """Whether all threads but these end soon."""
    until = time.monotonic() + seconds
    while set(threading.enumerate()) - before and time.monotonic() < until:
        time.sleep(0.01)
    return not set(threading.enumerate()) - before


def test_an_error_ends_the_search_and_the_other_fits():
    before, blas = set(threading.enumerate()), blas_threads()
    grid = {"learning_rate": [0.01, lambda epoch: 0.01 if epoch < 5 else -1]}
    search = GridSearchCV(ENDLESS, grid, cv=2, error_score="raise")
    with side_by_side(), pytest.raises(ValueError, match=r"learning_rate\(5\) must be"):
        search.fit(X, Y)
    assert joined(before)
    assert blas_threads() == blas
    with side_by_side():  # and the next is as ever
        assert np.isfinite(cross_val_score(REG, X, Y, cv=2)).all()


@pytest.fixture
def ctrl_c():
    """What interrupts the main thread; a shell may have begun the tests with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield _thread.interrupt_main
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("update", ["sequence", "batch"])
def test_ctrl_c_ends_the_search_and_its_fits(update, ctrl_c):
    before, blas = set(threading.enumerate()), blas_threads()
    once = iter([True])

    def rate(epoch):
        if epoch == 5 and next(once, False):
            ctrl_c()
        return 0.01

    endless = clone(ENDLESS).set_params(update=update)
    with side_by_side(), pytest.raises(KeyboardInterrupt):
        GridSearchCV(endless, {"learning_rate": [rate], "forget_gate_bias": [0, 1]}, cv=3).fit(X, Y)
    assert joined(before)
    assert blas_threads() == blas


def test_fits_that_do_not_come_are_not_waited_for(monkeypatch):
    """One sleeps between its epochs; one fits a network of the same topology there, which waits as well."""
    monkeypatch.setattr(module, "PATIENCE", 0.02)

    def sleeps(epoch):
        time.sleep(0.1 * (epoch % 2))
        return 0.01

    def fits(epoch):
        LSTMRegressor(**ON_LINE).fit(X, Y)
        return 0.01

    compare(REG, {"learning_rate": [0.01, sleeps, fits]}, n_jobs=1)


def test_an_error_in_the_kernel_is_that_of_each_fit(monkeypatch):
    def train(self, lanes):
        raise MemoryError("no more")

    monkeypatch.setattr(Together, "train", train)
    with side_by_side(), pytest.raises(ValueError, match=r"(?s)All the 3 fits failed.*MemoryError: no more"):
        cross_validate(REG, X, Y, cv=3)


# ------------------------------------------------------------------------------------------------
# what n_jobs counts


def test_n_jobs_counts_threads_for_fits_as_well():
    with side_by_side(n_jobs=3):
        assert [joblib.effective_n_jobs(n_jobs) for n_jobs in (None, 2, -1)] == [3 * module.FITS] * 3
        assert [threads_of(n_jobs) for n_jobs in (None, 1, 2)] == [1, 1, 2]

        def inside():
            return [threads_of(n_jobs) for n_jobs in (None, 1, 2)]

        assert joblib.Parallel()(joblib.delayed(inside)() for _ in range(2)) == [[1, 1, 2]] * 2
    assert joblib.effective_n_jobs(None) == 1


def test_at_most_so_many_work_and_so_many_in_a_group(groups, monkeypatch):
    original, lock, now, most = Together.train, threading.Lock(), [], []

    def train(self, lanes):
        with lock:
            now.append(self)
            most.append(len(now))
        try:
            return original(self, lanes)
        finally:
            with lock:
                now.remove(self)

    monkeypatch.setattr(Together, "train", train)
    compare(REG, {"learning_rate": np.linspace(0.01, 0.1, 8).tolist()}, n_jobs=2)
    assert 1 < max(groups) <= module.FITS
    assert max(most) <= 2


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_no_more_threads_work_for_mini_batches(n_jobs, solver, monkeypatch):
    """Eight fits for each thread are under way; one of them fits another network between its epochs."""
    original, lock, now, most = _core.gradient, threading.Lock(), [], []
    train = _core.train

    def watched(function):
        def call(*arguments):
            with lock:
                now.append(call)
                most.append(len(now))
            time.sleep(1e-3)
            try:
                return function(*arguments)
            finally:
                with lock:
                    now.pop()

        return call

    monkeypatch.setattr(_core, "gradient", watched(original))
    monkeypatch.setattr(_core, "train", watched(train))

    def fits(epoch):
        LSTMRegressor(n_blocks=1, solver=solver, max_iter=2, random_state=0).fit(X, Y)
        return 0.01

    reg = LSTMRegressor(n_blocks=2, solver=solver, max_iter=4, random_state=0)
    grid = {"forget_gate_bias": [0, 1, 2], "learning_rate": [0.01, 0.02, 0.01 if solver == "lbfgs" else fits]}
    compare(reg, grid, n_jobs=n_jobs)
    assert max(most) == n_jobs


@pytest.mark.parametrize("n_jobs", [0, 1.5, "2"])
def test_n_jobs_is_checked(n_jobs):
    with pytest.raises(ValueError, match="n_jobs must be None or a number of threads other than 0, got"):
        with side_by_side(n_jobs):
            pass
