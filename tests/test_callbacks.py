"""Callbacks of scikit-learn 1.9 see epochs and end learning."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklstm import LSTMClassifier, LSTMRegressor

callback = pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")
pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged")

SMALL = {"n_blocks": 3, "max_iter": 5, "random_state": 0}
RNG = np.random.default_rng(0)
X = [RNG.uniform(-1, 1, size=(T, 2)) for T in RNG.integers(2, 7, 30)]
SUMS = np.array([x.sum() for x in X])
LABELS = np.where(SUMS > 0, "up", "down")
RUNNING = [x.cumsum(axis=0)[:, 0] for x in X]
LEARNERS = {
    "classifier": (LSTMClassifier(**SMALL), LABELS),
    "regressor of steps": (LSTMRegressor(return_sequences=True, **SMALL), RUNNING),
    "lbfgs": (LSTMRegressor(solver="lbfgs", **SMALL), SUMS),
    "held out": (LSTMClassifier(early_stopping=True, **SMALL), LABELS),
}


@pytest.fixture(params=LEARNERS)
def learner(request):
    estimator, y = LEARNERS[request.param]
    return clone(estimator), y


class Recorder:
    """What comes, and in which order; asks to stop after `stop` epochs."""

    def __init__(self, stop=None):
        self.stop = stop
        self.events, self.fitted = [], []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, fitted_estimator=None):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self.events.append(f"end {context.task_name}")
        self.last = X, y, metadata
        if context.task_name == "epoch" and fitted_estimator is not None:
            self.fitted.append(fitted_estimator)
            return len(self.fitted) == self.stop


def test_every_epoch_is_a_task(learner):
    estimator, y = learner
    recorder = Recorder()
    without = clone(estimator).fit(X, y)
    estimator.set_callbacks(recorder).fit(X, y)
    assert_array_equal(estimator.weights_, without.weights_)
    epochs = ["begin epoch", "end epoch"] * (5 + (estimator.solver == "lbfgs"))
    assert recorder.events == ["setup", "begin fit", *epochs, "end fit", "teardown"]
    assert recorder.last[0] is X
    assert recorder.last[1] is y
    assert recorder.last[2] is None
    assert not [name for name in vars(estimator) if "callback" in name and name != "_skl_callbacks"]


def test_callbacks_see_the_model_of_the_epoch(learner):
    estimator, y = learner
    recorder = Recorder()
    estimator.set_callbacks(recorder).fit(X, y)
    assert len(recorder.fitted) == 5
    for n, fitted in enumerate(recorder.fitted, start=1):
        expected = clone(estimator).set_callbacks().set_params(max_iter=n).fit(X, y)
        assert_array_equal(fitted.weights_, expected.weights_)
        assert fitted.loss_curve_ == expected.loss_curve_
        assert fitted.validation_scores_ == expected.validation_scores_
        assert fitted.n_iter_ == n
        assert fitted.score(X, y) == expected.score(X, y)


@pytest.mark.filterwarnings("error")
def test_a_callback_ends_learning(learner):
    estimator, y = learner
    estimator.set_callbacks(Recorder(stop=2)).fit(X, y)
    assert estimator.n_iter_ == 2
    twin = clone(estimator).set_callbacks().set_params(max_iter=2)
    with pytest.warns(match="not converged"):
        twin.fit(X, y)
    assert_array_equal(estimator.weights_, twin.weights_)


@pytest.mark.parametrize("where", ["on_fit_task_begin", "on_fit_task_end"])
def test_an_error_in_a_callback(where, monkeypatch):
    recorder = Recorder()
    reg = LSTMRegressor(**SMALL).set_callbacks(recorder).fit(X, SUMS)
    before = dict(vars(reg))

    def fail(estimator, context):
        if context.task_name == "epoch":
            raise RuntimeError("no more")

    monkeypatch.setattr(recorder, where, fail)
    recorder.events.clear()
    with pytest.raises(RuntimeError, match="no more"):
        reg.fit(X, -SUMS)
    assert "teardown" in recorder.events
    assert vars(reg) == before


def test_divergence_ends_the_tasks_that_began():
    recorder = Recorder()
    reg = LSTMRegressor(solver="sgd", learning_rate=1e200, **SMALL).set_callbacks(recorder)
    with np.errstate(all="ignore"), pytest.warns(match="diverged"):
        reg.fit(X, SUMS)
    begun = [event for event in recorder.events if event.startswith("begin")]
    assert len(begun) == len([event for event in recorder.events if event.startswith("end")])
    assert recorder.events[-1] == "teardown"
    assert len(recorder.fitted) == reg.n_iter_


def test_partial_fit_calls_none():
    recorder = Recorder()
    LSTMRegressor(**SMALL).set_callbacks(recorder).partial_fit(X, SUMS)
    assert recorder.events == []


def test_scoring_monitor(learner):
    estimator, y = learner
    monitor = callback.ScoringMonitor(scoring={"score": lambda model, X, y: model.score(X, y)})
    estimator.set_callbacks(monitor).fit(X, y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    scores = [row["score"] for row in rows if "score" in row]
    expected = [
        clone(estimator).set_callbacks().set_params(max_iter=n).fit(X, y).score(X, y) for n in range(1, 6)
    ]
    assert scores == expected


def test_scoring_monitor_with_weights():
    monitor = callback.ScoringMonitor(scoring="accuracy")
    weights = np.arange(30) % 3
    clf = LSTMClassifier(**SMALL).set_callbacks(monitor).fit(X, LABELS, sample_weight=weights)
    last = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"][-1]
    assert last["accuracy"] == accuracy_score(LABELS, clf.predict(X), sample_weight=weights)


def test_in_a_search_over_a_pipeline():
    monitor = callback.ScoringMonitor(scoring="accuracy")
    lstm = LSTMClassifier(**SMALL).set_callbacks(monitor)
    pipeline = make_pipeline(FunctionTransformer(), lstm)
    GridSearchCV(pipeline, {"lstmclassifier__learning_rate": [0.01, 0.1]}, cv=2, n_jobs=2).fit(X, LABELS)
    rows = [row for log in monitor.get_logs(select="all") for row in log.data]
    assert len([row for row in rows if row["task_name"] == "epoch"]) == 5 * (2 * 2 + 1)


def test_progress_bar(learner, capsys):
    pytest.importorskip("rich")
    estimator, y = learner
    estimator.set_callbacks(callback.ProgressBar()).fit(X, y)
    printed = capsys.readouterr().out
    assert f"{type(estimator).__name__} - fit" in printed
    assert "100%" in printed
