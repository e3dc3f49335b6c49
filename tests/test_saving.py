"""A model that was saved predicts, steps and learns as before; another version warns."""

import copy
import io
import pickle
import warnings

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor

pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged")

RNG = np.random.default_rng(0)
X = [RNG.uniform(-1, 1, size=(T, 2)) for T in RNG.integers(2, 7, 30)]
SUMS = np.array([x.sum() for x in X])
RUNNING = [x.cumsum(axis=0) for x in X]
SMALL = {"n_blocks": 3, "max_iter": 2, "random_state": 0}
ONLINE = {"update": "step", "gradient": "truncated", "solver": "sgd", "return_sequences": True}
MODELS = {
    "strings": (LSTMClassifier(**SMALL), np.where(SUMS > 0, "up", "down")),
    "objects": (LSTMClassifier(**SMALL), np.array(["a", "b", "c"], dtype=object)[np.arange(30) % 3]),
    "integers": (LSTMClassifier(output_gate_bias=[-1, -2, -3], **SMALL), np.arange(30) % 4),
    "numbers": (LSTMRegressor(solver="lbfgs", peepholes=True, **SMALL), SUMS),
    "held out": (LSTMRegressor(early_stopping=True, **SMALL), np.column_stack([SUMS, -SUMS])),
    "stream": (LSTMRegressor(**ONLINE, **SMALL), RUNNING),
}


def learner(name):
    """An estimator that is not fitted, and its targets."""
    model, y = MODELS[name]
    return clone(model), y


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))


def through_joblib(model, mmap_mode=None, path=None):
    file = path or io.BytesIO()
    joblib.dump(model, file)
    if path is None:
        file.seek(0)
    return joblib.load(file, mmap_mode=mmap_mode)


def through_skops(model):
    skops_io = pytest.importorskip("skops.io")
    file = skops_io.dumps(model)
    trusted = skops_io.get_untrusted_types(data=file)
    assert set(trusted) <= {f"{type(model).__module__}.{type(model).__name__}"}
    return skops_io.loads(file, trusted=trusted)


@pytest.fixture(params=MODELS)
def fitted(request):
    """A model under way: fitted, and in the middle of three streams."""
    model, y = learner(request.param)
    model.fit(X, y)
    if model.update == "step":
        model.partial_fit(X[:3], y[:3], continued=True)
    model.step(np.ones((3, 2)))
    return model, y


@pytest.mark.parametrize("through", [through_pickle, through_joblib, through_skops, copy.deepcopy, copy.copy])
def test_nothing_is_lost(fitted, through):
    model, y = fitted
    again = through(model)
    predicted = model.predict(X)
    assert all(map(np.array_equal, again.predict(X), predicted))
    if hasattr(model, "classes_"):
        assert_array_equal(again.predict_proba(X), model.predict_proba(X))
        assert again.classes_.dtype == model.classes_.dtype
    assert again.network_ == model.network_
    assert_array_equal(again.step(X[0][:1].repeat(3, axis=0)), model.step(X[0][:1].repeat(3, axis=0)))
    if model.update == "step":
        for one in (again, model):
            one.partial_fit(X[3:6], y[3:6], continued=True)
    for one in (again, model):
        one.set_params(warm_start=True).fit(X, y)
    assert_array_equal(again.weights_, model.weights_)
    assert again.loss_curve_ == model.loss_curve_
    assert vars(again).keys() == vars(model).keys()


def test_memory_mapped_weights(tmp_path):
    clf, y = learner("integers")
    clf.fit(X, y)
    mapped = through_joblib(clf, "r", tmp_path / "clf.joblib")
    assert isinstance(mapped.weights_, np.memmap)
    assert_array_equal(mapped.predict_proba(X), clf.predict_proba(X))
    assert_array_equal(mapped.partial_fit(X, y).weights_, clf.partial_fit(X, y).weights_)


def plain(value):
    """Whether a value is an array of numbers or strings, a plain value, or a container of such."""
    if isinstance(value, np.ndarray):
        return type(value) is np.ndarray and (value.dtype != object or all(map(plain, value)))
    if isinstance(value, dict):
        return all(map(plain, value.keys())) and all(map(plain, value.values()))
    if isinstance(value, list | tuple):
        return type(value) in (list, tuple) and all(map(plain, value))
    return value is None or type(value) in (bool, int, float, str)


def test_what_is_saved_is_arrays_and_plain_values(fitted):
    model, _ = fitted
    state = model.__getstate__()
    assert [name for name, value in state.items() if not plain(value)] == []
    assert state["_sklstm_version"] == sklstm.__version__
    assert "_sklstm_version" not in vars(model)


@pytest.mark.parametrize("through", [through_pickle, through_joblib, through_skops])
def test_another_version_warns(monkeypatch, through):
    clf, y = learner("strings")
    clf.fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        through(clf)

    def older(self, getstate=LSTMClassifier.__getstate__):
        return getstate(self) | {"_sklstm_version": "0.0.7"}

    monkeypatch.setattr(LSTMClassifier, "__getstate__", older)
    message = f"LSTMClassifier of sklstm from version 0.0.7 when using version {sklstm.__version__}"
    with pytest.warns(InconsistentVersionWarning, match=message) as caught:
        again = through(clf)
    assert caught[0].message.original_sklearn_version == "0.0.7"
    assert_array_equal(again.predict(X), clf.predict(X))


def test_a_file_without_a_version_warns(monkeypatch):
    def nameless(self, getstate=LSTMRegressor.__getstate__):
        state = getstate(self)
        del state["_sklstm_version"]
        return state

    monkeypatch.setattr(LSTMRegressor, "__getstate__", nameless)
    with pytest.warns(InconsistentVersionWarning, match="from version unknown"):
        pickle.loads(pickle.dumps(LSTMRegressor()))


@pytest.mark.parametrize("through", [through_pickle, through_joblib])
def test_inside_a_search(through):
    pipeline = make_pipeline(FunctionTransformer(), LSTMClassifier(**SMALL))
    search = GridSearchCV(pipeline, {"lstmclassifier__n_blocks": [2, 3]}, cv=2)
    search.fit(X, MODELS["strings"][1])
    assert_array_equal(through(search).predict_proba(X), search.predict_proba(X))
