"""Checkpoints: a fit that was ended goes on to the weights that it would have had, to the bit."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklstm import Checkpoint, LSTMClassifier, LSTMRegressor, SequenceScaler

pytest.importorskip("sklearn.callback", reason="callbacks need scikit-learn 1.9")
pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged", "ignore:Learning stopped after")

RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 2)) for n in RNG.integers(2, 7, 40)]
SUMS = np.array([x.sum() for x in X])
LABELS = np.where(SUMS > 0, "up", "down")
ONLINE = {"gradient": "truncated"}


def falling(epoch):
    """A learning rate for each epoch."""
    return 0.1 / (1 + epoch)


SMALL = {"n_blocks": 3, "random_state": 0, "tol": 0, "n_iter_no_change": 100}
LEARNERS = {
    "adam": {},
    "momentum": {"solver": "sgd", "momentum": 0.9, "batch_size": 7},
    "rprop": {"solver": "rprop"},
    "lbfgs": {"solver": "lbfgs"},
    "sequences": {"solver": "sgd", "update": "sequence"},
    "steps": {"solver": "adam", "update": "step", **ONLINE},
    "filter": {"solver": "dekf", "update": "sequence", **ONLINE},
    "held out": {"early_stopping": True},
    "schedule": {"learning_rate": falling},
    "threads": {"n_jobs": 2, "batch_size": 40},
}


class Killed(BaseException):
    """Ends a fit as a signal would."""


class KillAfter:
    """Callback that raises after so many epochs, when the checkpoint has been written."""

    def __init__(self, n):
        self.n = n

    def setup(self, estimator, context): ...
    def teardown(self, estimator, context): ...
    def on_fit_task_begin(self, estimator, context): ...

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch":
            self.n -= 1
            if self.n == 0:
                raise Killed


def regressor(n, **options):
    return LSTMRegressor(max_iter=n, **SMALL | options)


def ended(model, checkpoint, n, *data, **keywords):
    """Fit until it is killed after so many epochs."""
    with pytest.raises(Killed):
        model.set_callbacks(checkpoint, KillAfter(n)).fit(*data, **keywords)


@pytest.mark.parametrize("name", LEARNERS)
def test_the_fit_goes_on_to_the_same_weights(name, tmp_path):
    options = LEARNERS[name]
    expected = regressor(9, **options).fit(X, SUMS)
    checkpoint = Checkpoint(tmp_path)
    ended(regressor(9, **options), checkpoint, 4, X, SUMS)
    model = regressor(9, **options).fit(X, SUMS, resume_from=tmp_path)
    assert_array_equal(model.weights_, expected.weights_)
    assert model.loss_curve_ == expected.loss_curve_
    assert model.validation_scores_ == expected.validation_scores_
    assert model.n_iter_ == expected.n_iter_ == 9
    assert "_resumption" not in vars(model)
    if options.get("solver") != "lbfgs":  # and what an epoch more would start from
        assert_array_equal(model.partial_fit(X, SUMS).weights_, expected.partial_fit(X, SUMS).weights_)


def test_the_epochs_before_are_not_made_again(tmp_path):
    checkpoint = Checkpoint(tmp_path)
    ended(regressor(9), checkpoint, 6, X, SUMS)
    made = KillAfter(0)
    regressor(9).set_callbacks(made).fit(X, SUMS, resume_from=checkpoint)
    assert made.n == -3


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_again_and_again(solver, tmp_path):
    checkpoint = Checkpoint(tmp_path, keep=1)
    expected = regressor(9, solver=solver).fit(X, SUMS)
    for n in (1, 2, 1, 3):
        ended(regressor(9, solver=solver), checkpoint, n, X, SUMS, resume_from=checkpoint)
    model = regressor(9, solver=solver).fit(X, SUMS, resume_from=checkpoint)
    assert_array_equal(model.weights_, expected.weights_)
    assert model.loss_curve_ == expected.loss_curve_


def test_labels_and_steps(tmp_path):
    y = [np.where(x.cumsum(axis=0)[:, 0] > 0, "up", "down") for x in X]
    clf = LSTMClassifier(max_iter=6, return_sequences=True, class_weight="balanced", **SMALL)
    expected = clone(clf).fit(X, y)
    ended(clone(clf), Checkpoint(tmp_path), 2, X, y)
    model = clone(clf).fit(X, y, resume_from=tmp_path)
    assert_array_equal(model.weights_, expected.weights_)
    assert_array_equal(model.classes_, expected.classes_)


def test_generators_as_random_state(tmp_path):
    expected = regressor(5, random_state=np.random.RandomState(3)).fit(X, SUMS)
    ended(regressor(5, random_state=np.random.RandomState(3)), Checkpoint(tmp_path), 2, X, SUMS)
    model = regressor(5, random_state=np.random.RandomState(7)).fit(X, SUMS, resume_from=tmp_path)
    assert_array_equal(model.weights_, expected.weights_)


@pytest.mark.draws_globally
def test_without_a_seed_the_fit_goes_on_all_the_same(tmp_path):
    ended(regressor(5, random_state=None), Checkpoint(tmp_path), 3, X, SUMS)
    kept = Checkpoint(tmp_path).load()
    model = regressor(5, random_state=None).fit(X, SUMS, resume_from=tmp_path)
    assert model.loss_curve_[:3] == kept.loss_curve_
    assert model.n_iter_ == 5


def test_warm_start_goes_on_from_the_same_model(tmp_path):
    start = pickle.dumps(regressor(3, warm_start=True).fit(X, SUMS))
    expected = pickle.loads(start).fit(X, -SUMS)
    ended(pickle.loads(start), Checkpoint(tmp_path), 2, X, -SUMS)
    model = pickle.loads(start).fit(X, -SUMS, resume_from=tmp_path)
    assert_array_equal(model.weights_, expected.weights_)
    assert model.loss_curve_ == expected.loss_curve_


def test_validation_data(tmp_path):
    options = {"X_val": X[:9], "y_val": SUMS[:9]}
    expected = regressor(6, early_stopping=True).fit(X, SUMS, **options)
    ended(regressor(6, early_stopping=True), Checkpoint(tmp_path), 2, X, SUMS, **options)
    model = regressor(6, early_stopping=True).fit(X, SUMS, **options, resume_from=tmp_path)
    assert_array_equal(model.weights_, expected.weights_)
    assert model.validation_scores_ == expected.validation_scores_


def test_a_fit_that_was_done_is_done_at_once(tmp_path):
    checkpoint = Checkpoint(tmp_path, every_epochs=100)  # its end alone
    expected = regressor(7).set_callbacks(checkpoint).fit(X, SUMS)
    assert len(list(tmp_path.iterdir())) == 1
    made = KillAfter(0)
    model = regressor(7).set_callbacks(made).fit(X, SUMS, resume_from=tmp_path)
    assert_array_equal(model.weights_, expected.weights_)
    assert made.n == 0


def test_convergence_is_remembered(tmp_path):
    options = {"n_iter_no_change": 2, "tol": 1e9}
    expected = regressor(50, **options).set_callbacks(Checkpoint(tmp_path)).fit(X, SUMS)
    model = regressor(50, **options).fit(X, SUMS, resume_from=tmp_path)
    assert model.n_iter_ == expected.n_iter_ < 50
    assert_array_equal(model.weights_, expected.weights_)


@pytest.mark.parametrize("n", [1, 2, 4, 6])
def test_a_mean_of_weights_goes_on(n, tmp_path):
    options = {"n_iter_no_change": 6, "tol": 1e9}
    expected = regressor(50, **options).fit(X, SUMS)
    assert expected.n_iter_ == 7
    ended(regressor(50, **options), Checkpoint(tmp_path), n, X, SUMS)
    model = regressor(50, **options).fit(X, SUMS, resume_from=tmp_path)
    assert_array_equal(model.weights_, expected.weights_)


def test_divergence_comes_again(tmp_path):
    options = {
        "solver": "sgd",
        "learning_rate": 1e3,
        "cell_input_activation": "identity",
        "update": "sequence",
    }
    outcomes = []
    for checkpoints in ([Checkpoint(tmp_path)], []):
        model = regressor(50, **options).set_callbacks(*checkpoints)
        with pytest.warns(match="diverged"):
            model.fit(X, SUMS, resume_from=None if checkpoints else tmp_path)
        outcomes.append(model)
    assert_array_equal(*(model.weights_ for model in outcomes))


def test_files(tmp_path):
    checkpoint = Checkpoint(tmp_path / "new" / "folder", every_epochs=3, keep=2)
    regressor(10).set_callbacks(checkpoint).fit(X, SUMS)
    regressor(4).set_callbacks(checkpoint).fit(X, -SUMS)  # another fit has files of its own
    names = sorted(path.name for path in checkpoint.folder.iterdir())
    assert len({name.rpartition("-")[0] for name in names}) == 2
    assert sorted(name[-13:] for name in names) == sorted(f"{n:06d}.pickle" for n in (9, 10, 3, 4))


def test_seconds(tmp_path, monkeypatch):
    clock = iter(range(0, 10**6, 2))
    monkeypatch.setattr("sklstm._estimators.checkpoint.time.monotonic", lambda: next(clock))
    counts = []
    for seconds in (0, 3, 1e9):
        folder = tmp_path / str(seconds)
        checkpoint = Checkpoint(folder, every_seconds=seconds, keep=100)
        regressor(6).set_callbacks(checkpoint).fit(X, SUMS)
        counts.append(len(list(folder.iterdir())))
    assert counts[0] == 6
    assert 1 < counts[1] < 6
    assert counts[2] == 1


def test_partial_fit(tmp_path):
    checkpoint = Checkpoint(tmp_path)
    model = regressor(1)
    for _ in range(4):
        path = checkpoint.save(model.partial_fit(X, SUMS))
    assert path.name == "LSTMRegressor-000004.pickle"
    assert len(list(tmp_path.iterdir())) == 2
    resumed = checkpoint.load()
    assert_array_equal(resumed.partial_fit(X, SUMS).weights_, model.partial_fit(X, SUMS).weights_)


def test_streams(tmp_path):
    y = [x[:, 0] for x in X[:1]]
    model = LSTMRegressor(
        n_blocks=2, update="step", solver="sgd", return_sequences=True, random_state=0, **ONLINE
    )
    model.partial_fit(X[:1], y, continued=True)
    Checkpoint(tmp_path).save(model)
    resumed = Checkpoint(tmp_path).load()
    for each in (model, resumed):
        each.partial_fit(X[:1], y, continued=True)
    assert_array_equal(resumed.weights_, model.weights_)


def search(n, checkpoint, **options):
    """A search over a pipeline, and what its fits are given to go on."""
    lstm = regressor(n).set_callbacks(checkpoint, *options.pop("callbacks", ()))
    pipeline = make_pipeline(SequenceScaler(), FunctionTransformer(), lstm)
    return GridSearchCV(pipeline, {"lstmregressor__learning_rate": [0.01, 0.1]}, cv=2, **options)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_searches(n_jobs, tmp_path):
    expected = search(4, Checkpoint(tmp_path / "other")).fit(X, SUMS)
    checkpoint = Checkpoint(tmp_path / "kept")
    with pytest.raises(Killed):
        search(4, checkpoint, callbacks=[KillAfter(10)]).fit(X, SUMS)
    made = KillAfter(0)  # counts in this process only
    again = search(4, checkpoint, callbacks=[made] if n_jobs is None else [], n_jobs=n_jobs)
    again.fit(X, SUMS, lstmregressor__resume_from=checkpoint)
    assert_array_equal(again.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"])
    best = again.best_estimator_[-1]
    assert_array_equal(best.weights_, expected.best_estimator_[-1].weights_)
    if n_jobs is None:
        assert made.n == -10  # of 20


def test_a_model_of_a_checkpoint_predicts(tmp_path):
    ended(regressor(9), Checkpoint(tmp_path), 4, X, SUMS)
    model = Checkpoint(tmp_path).load()
    assert model.n_iter_ == 4
    expected = regressor(4).fit(X, SUMS)
    assert_array_equal(model.predict(X), expected.predict(X))
    assert not [name for name in vars(model) if "callback" in name or "resum" in name]


# ------------------------------------------------------------------------------------------------
# what is refused


def test_a_file_of_another_fit(tmp_path):
    ended(regressor(5), Checkpoint(tmp_path), 2, X, SUMS)
    (path, *_) = sorted(tmp_path.iterdir())
    assert regressor(5).fit(X, SUMS, resume_from=path).n_iter_ == 5
    for model, y in (
        (regressor(5, learning_rate=0.1), SUMS),
        (regressor(5, random_state=1), SUMS),
        (regressor(5), -SUMS),
    ):
        with pytest.raises(ValueError, match=r"resume_from=.* other data or other arguments"):
            clone(model).fit(X, y, resume_from=path)
        twin = clone(model).fit(X, y)  # and a folder without a file of this fit: from the beginning
        assert_array_equal(clone(model).fit(X, y, resume_from=tmp_path).weights_, twin.weights_)


def test_files_that_are_none(tmp_path):
    path = tmp_path / "x.pickle"
    for content in (b"", b"abc", pickle.dumps(3)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"checkpoint|could continue"):
            regressor(2).fit(X, SUMS, resume_from=path)
    with pytest.raises(FileNotFoundError, match="resume_from="):
        regressor(2).fit(X, SUMS, resume_from=tmp_path / "nothing")
    with pytest.raises(TypeError, match="resume_from must be a path, got 3"):
        regressor(2).fit(X, SUMS, resume_from=3)
    saved = Checkpoint(tmp_path).save(regressor(2).fit(X, SUMS))
    with pytest.raises(ValueError, match="use partial_fit"):
        regressor(2).fit(X, SUMS, resume_from=saved)
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        Checkpoint(tmp_path / "empty").load()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"folder": 3}, TypeError, "folder must be a path, got 3"),
        ({"every_epochs": 0}, ValueError, "every_epochs must be None or an integer of at least 1, got 0"),
        ({"every_epochs": 1.5}, TypeError, "every_epochs"),
        ({"every_seconds": -1}, ValueError, "every_seconds"),
        ({"keep": 0}, ValueError, "keep"),
    ],
)
def test_bad_arguments(options, error, words):
    with pytest.raises(error, match=words):
        Checkpoint(**{"folder": "x"} | options)


def test_other_estimators(tmp_path):
    pipeline = make_pipeline(SequenceScaler(), regressor(2))
    if not hasattr(pipeline, "set_callbacks"):
        pytest.skip("pipelines take no callbacks")
    with pytest.raises(TypeError, match="LSTMClassifier and LSTMRegressor, got Pipeline"):
        pipeline.set_callbacks(Checkpoint(tmp_path)).fit(X, SUMS)


def test_the_error_of_a_write_is_a_warning(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path)
    expected = regressor(3).fit(X, SUMS)

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.warns(RuntimeWarning, match=r"No checkpoint of epoch .* No space left") as caught:
        model = regressor(3).set_callbacks(checkpoint).fit(X, SUMS)
    assert len([w for w in caught if "checkpoint" in str(w.message)]) == 4  # three epochs, and the end
    assert_array_equal(model.weights_, expected.weights_)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(model)


def test_lambdas_are_in_no_file(tmp_path):
    model = regressor(3, learning_rate=lambda epoch: 0.1)
    with pytest.raises(TypeError, match="must be defined in a module; it must not be a lambda"):
        model.set_callbacks(Checkpoint(tmp_path)).fit(X, SUMS)
    assert list(tmp_path.iterdir()) == []


def test_repr():
    assert (
        repr(Checkpoint(Path("a"), keep=3))
        == "Checkpoint('a', every_epochs=None, every_seconds=None, keep=3)"
    )
