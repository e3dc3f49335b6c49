"""The estimators as scikit-learn's users meet them: checks, pipelines, searches, predictions."""

import copy
import doctest
import importlib
import inspect
import os
import pkgutil

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import softmax
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    train_test_split,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

import reference
import sklstm
from sklstm import LSTMClassifier, LSTMRegressor, Network, Sequences

# Most fits here are short.
pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged")

SMALL = {"n_blocks": 3, "max_iter": 3, "random_state": 0}


def ragged(n, seed=0, n_features=2):
    """Sequences of 2 to 6 steps."""
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, size=(T, n_features)) for T in rng.integers(2, 7, n)]


X = ragged(30)
SUMS = np.array([x.sum() for x in X])
BINARY = (SUMS > 0).astype(int)
NAMES = np.array(["left", "middle", "right"])[np.arange(30) % 3]
RUNNING_SUMS = [x.cumsum(axis=0)[:, 0] for x in X]
RUNNING_SIGNS = [np.where(y > 0, "up", "down") for y in RUNNING_SUMS]

LEARNERS = {
    "binary": (LSTMClassifier(**SMALL), BINARY),
    "names": (LSTMClassifier(**SMALL), NAMES),
    "labels of steps": (LSTMClassifier(return_sequences=True, **SMALL), RUNNING_SIGNS),
    "numbers": (LSTMRegressor(**SMALL), SUMS),
    "rows": (LSTMRegressor(**SMALL), np.column_stack([SUMS, -SUMS, SUMS**2])),
    "numbers of steps": (LSTMRegressor(return_sequences=True, **SMALL), RUNNING_SUMS),
    "rows of steps": (
        LSTMRegressor(return_sequences=True, **SMALL),
        [np.column_stack([y, -y]) for y in RUNNING_SUMS],
    ),
}


@pytest.fixture(params=LEARNERS)
def learner(request):
    """An estimator that is not fitted, and its targets for X."""
    estimator, y = LEARNERS[request.param]
    return clone(estimator), y


def stacked(predictions):
    """Predictions a step, one below the other; predictions a sequence as they are."""
    ragged = predictions.dtype == object and isinstance(predictions[0], np.ndarray)
    return np.concatenate(list(predictions)) if ragged else predictions


def assert_same(actual, expected):
    """Same numbers or labels to the bit, same kind of array."""
    assert actual.dtype == expected.dtype
    assert len(actual) == len(expected)
    assert_array_equal(stacked(actual), stacked(expected))


# ------------------------------------------------------------------------------------------------
# scikit-learn's own checks


CHECKED = [
    LSTMClassifier(n_blocks=8, solver="lbfgs"),
    LSTMRegressor(n_blocks=8, solver="lbfgs"),
    LSTMClassifier(n_blocks=8, learning_rate=0.02),
    LSTMRegressor(n_blocks=8, learning_rate=0.02),
    LSTMClassifier(),
    LSTMRegressor(),
    LSTMClassifier(n_blocks=4, n_layers=2, bidirectional=True, pooling=("last", "max"), solver="lbfgs"),
    LSTMRegressor(n_blocks=8, n_channels=1, solver="lbfgs"),
    pytest.param(LSTMClassifier(solver="lbfgs"), marks=pytest.mark.slow),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@pytest.mark.filterwarnings("ignore:X has channels that")
@pytest.mark.draws_globally
@pytest.mark.parametrize("estimator", CHECKED, ids=repr)
def test_scikit_learns_checks(estimator):
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    names = {status: [] for status in ("passed", "failed", "skipped", "xfail")}
    for result in results:
        names[result["status"]].append((result["check_name"], result["exception"]))
    assert names["failed"] == names["xfail"] == []
    assert len(names["passed"]) >= 55
    needs_variable = set() if os.environ.get("SCIPY_ARRAY_API") else {"check_array_api_input"}
    assert {name for name, _ in names["skipped"]} <= needs_variable


def test_arguments_of_both_estimators():
    classifier, regressor = LSTMClassifier().get_params(), LSTMRegressor().get_params()
    assert classifier.pop("class_weight") is None
    assert classifier.pop("loss") == "log_loss"
    assert regressor.pop("loss") == "squared_error"
    assert classifier.pop("label_smoothing") == 0
    assert (regressor.pop("quantile"), regressor.pop("epsilon")) == (0.5, 1.35)
    assert classifier.pop("n_iter_no_change") > regressor.pop("n_iter_no_change")
    assert classifier == regressor
    for estimator in (LSTMClassifier, LSTMRegressor):
        parameters = inspect.signature(estimator).parameters
        assert {p.kind for p in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
        documented = estimator.__doc__.split("Attributes\n")[0]
        for name in parameters:
            assert name in documented, name
        with pytest.raises(TypeError, match="positional argument"):
            estimator(3)
        with pytest.raises(ValueError, match="Invalid parameter 'n_cells'"):
            estimator().set_params(n_cells=3)


def test_attributes_are_documented(learner):
    estimator, y = learner
    estimator.fit(X, y)
    attributes = estimator.__doc__.split("Attributes\n")[1].split("Examples\n")[0]
    for name in [*vars(estimator), "coefs_"]:
        if name.endswith("_") and not name.startswith("_"):
            assert name in attributes, name


@pytest.mark.parametrize("length", [1, 2, 60])
def test_automatic_gate_biases_follow_the_longest_sequence(length):
    X = [np.zeros((1, 1)), np.zeros((length, 1))]
    options = {"n_blocks": 200, "max_iter": 1, "learning_rate": 1e-12, "random_state": 0}
    gates = LSTMClassifier(n_patches=None, **options).fit(X, [0, 1]).coefs_
    patches = LSTMClassifier(n_patches=7, bidirectional=False, **options).fit(X, [0, 1])
    most = np.exp(patches.coefs_["forget_gate"][:, -1].max())
    n_patches = -(-length // patches.network_.patch_size)
    assert 0.9 * max(n_patches - 1, 1) < most <= max(n_patches - 1, 1) + 1e-9
    forget, coming = gates["forget_gate"][:, -1], gates["input_gate"][:, -1]
    assert_allclose(coming, -forget, rtol=0, atol=1e-9)
    times = np.exp(forget)
    assert 1 - 1e-9 <= times.min() < 2
    assert 0.9 * max(length - 1, 1) < times.max() <= max(length - 1, 1) + 1e-9
    assert_allclose(times.mean(), max(length, 2) / 2, rtol=0.1)


@pytest.mark.parametrize(
    ("options", "other"),
    [
        ({"forget_gate": False}, {"input_gate_bias": None}),
        ({"gate_bias": False}, {"input_gate_bias": None}),
        ({"gradient": "truncated"}, {"input_gate_bias": None, "forget_gate_bias": None}),
        ({"return_sequences": True}, {"input_gate_bias": None, "forget_gate_bias": None}),
        ({"forget_gate_bias": None}, {"input_gate_bias": None}),
        ({"solver": "adam"}, {"clip": 1.0}),
        ({"solver": "sgd", "learning_rate": 0.1}, {"clip": None}),
        ({"loss": "squared_error"}, {"clip": None, "forget_gate_bias": None, "input_gate_bias": None}),
        ({"solver": "rprop"}, {"clip": None}),
    ],
    ids=str,
)
def test_what_auto_stands_for(options, other):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(20, 2)) for _ in range(40)]
    y = np.array([x[:, 0].sum() > 0 for x in X])
    if options.get("return_sequences"):
        y = [x[:, 0] > 0 for x in X]
    options = {"n_blocks": 4, "max_iter": 3, "tol": 0, "random_state": 0} | options
    weights = [LSTMClassifier(**options | more).fit(X, y).weights_ for more in ({}, other)]
    assert_array_equal(*weights)


def test_repr():
    assert repr(LSTMClassifier()) == "LSTMClassifier()"
    estimator = LSTMRegressor(n_blocks=2, input_gate_bias=[-1, -2])
    assert repr(estimator) == "LSTMRegressor(input_gate_bias=[-1, -2], n_blocks=2)"
    assert "LSTMRegressor" in estimator._repr_html_()


NEEDS = {  # what examples in docstrings need, and its version
    "sklstm._estimators.checkpoint": {"sklearn": "1.9"},  # callbacks
    "sklstm._export.onnx": {"onnx": None, "onnxruntime": None},
    "sklstm._export.torch": {"torch": None},
    "sklstm._export.torch_module": {"torch": None},
    "sklstm.dask": {"distributed": None},
}


@pytest.mark.draws_globally  # dask does
@pytest.mark.parametrize("name", [m.name for m in pkgutil.walk_packages(sklstm.__path__, "sklstm.")])
def test_examples_in_docstrings(name):
    for package, version in NEEDS.get(name, {}).items():
        pytest.importorskip(package, version)
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
    if name in {
        "sklstm.dask._fit",
        *(part.__module__ for part in (LSTMClassifier, LSTMRegressor, Network, Sequences)),
    }:
        assert result.attempted > 0


# ------------------------------------------------------------------------------------------------
# scikit-learn's tools on sequences of different lengths


def halved(sequences):
    return [x / 2 for x in sequences]


def test_pipeline():
    pipeline = make_pipeline(FunctionTransformer(halved), LSTMClassifier(**SMALL))
    pipeline.fit(X, NAMES, lstmclassifier__sample_weight=np.arange(30))
    alone = LSTMClassifier(**SMALL).fit(halved(X), NAMES, sample_weight=np.arange(30))
    assert_array_equal(pipeline.predict_proba(X), alone.predict_proba(halved(X)))
    assert pipeline.score(X, NAMES) == alone.score(halved(X), NAMES)
    assert_array_equal(pipeline.classes_, ["left", "middle", "right"])


def test_cross_validation_is_a_loop_over_folds(learner):
    estimator, y = learner
    # targets of steps cannot be stratified
    classes = isinstance(estimator, LSTMClassifier) and isinstance(y, np.ndarray)
    folds = list(StratifiedKFold(3).split(np.zeros(30), y if classes else np.arange(30) % 2))
    scores = cross_val_score(estimator, X, y, cv=folds)
    rows = y if isinstance(y, np.ndarray) else np.empty(30, dtype=object)
    if rows is not y:
        rows[:] = y
    for (train, test), score in zip(folds, scores, strict=True):
        each = clone(estimator).fit([X[i] for i in train], list(rows[train]))
        predictions = stacked(each.predict([X[i] for i in test]))
        truth = rows[test] if rows is y else np.concatenate(list(rows[test]))
        metric = accuracy_score if isinstance(estimator, LSTMClassifier) else r2_score
        assert_allclose(score, metric(truth, predictions), rtol=1e-12)


@pytest.mark.parametrize("container", [list, lambda X: Sequences.from_lengths(*flat(X))])
def test_predictions_of_cross_validation(container):
    predictions = cross_val_predict(LSTMRegressor(**SMALL), container(X), SUMS, cv=3)
    assert predictions.shape == (30,)
    train, test = np.arange(10, 30), np.arange(10)
    expected = LSTMRegressor(**SMALL).fit([X[i] for i in train], SUMS[train])
    assert_array_equal(predictions[:10], expected.predict([X[i] for i in test]))


def flat(X):
    """Steps of all sequences, and their lengths."""
    return np.concatenate(X), [len(x) for x in X]


def test_grid_search():
    grid = {
        "learning_rate": [0.01, 0.05],
        "input_gate_bias": [None, -1.0, [-1, -2, -3]],
        "forget_gate_bias": [None, [0.5, 1, 2]],
    }
    search = GridSearchCV(LSTMRegressor(**SMALL), grid, cv=2).fit(X, SUMS)
    assert len(search.cv_results_["params"]) == 12
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(set(search.cv_results_["mean_test_score"])) == 12
    best = LSTMRegressor(**SMALL, **search.best_params_).fit(X, SUMS)
    assert_array_equal(search.predict(X), best.predict(X))


def test_train_test_split_keeps_sequences_whole():
    for container in (X, Sequences.from_lengths(*flat(X))):
        train, test, y_train, y_test = train_test_split(container, NAMES, random_state=0)
        clf = LSTMClassifier(**SMALL).fit(train, y_train)
        assert clf.predict(test).shape == y_test.shape


def test_one_against_the_rest():
    clf = OneVsRestClassifier(LSTMClassifier(**SMALL)).fit(X, NAMES)
    assert clf.predict_proba(X).shape == (30, 3)
    assert set(clf.predict(X)) <= set(NAMES)


def test_routed_weights():
    weight = np.arange(30.0)
    with sklearn.config_context(enable_metadata_routing=True):
        clf = LSTMClassifier(**SMALL).set_fit_request(sample_weight=True)
        clf.set_score_request(sample_weight=True)
        results = cross_validate(clf, X, NAMES, params={"sample_weight": weight}, cv=3, return_estimator=True)
    train, test = next(StratifiedKFold(3).split(np.zeros(30), NAMES))
    expected = LSTMClassifier(**SMALL).fit([X[i] for i in train], NAMES[train], weight[train])
    assert_array_equal(results["estimator"][0].weights_, expected.weights_)
    score = expected.score([X[i] for i in test], NAMES[test], weight[test])
    assert results["test_score"][0] == score


# ------------------------------------------------------------------------------------------------
# copies


def test_clones_learn_the_same(learner):
    estimator, y = learner
    estimator.set_params(output_gate_bias=[-1, -2, -3], input_gate_bias=np.array([-1.0, 0, 1]))
    estimator.fit(X, y)
    twin = clone(estimator)
    with pytest.raises(NotFittedError):
        twin.predict(X)
    assert_same(twin.fit(X, y).predict(X), estimator.predict(X))


def test_fit_leaves_data_and_arguments_alone(learner):
    estimator, y = learner
    before, targets = copy.deepcopy(X), copy.deepcopy(y)
    arguments = estimator.get_params()
    assert estimator.fit(X, y) is estimator
    estimator.predict(X)
    assert all(map(np.array_equal, X, before))
    assert all(map(np.array_equal, y, targets))
    assert estimator.get_params() == arguments


# ------------------------------------------------------------------------------------------------
# predictions


@pytest.mark.parametrize(
    "labels",
    [
        np.array([3, 7]),
        np.array([-1, 0, 2]),
        np.array(["a", "b"]),
        np.array(["1", "2", "10"]),
        np.array([False, True]),
        np.array([0.0, 1.0, 2.0]),
        np.array(["x", "long name"], dtype=object),
    ],
    ids=str,
)
@pytest.mark.parametrize("output", ["softmax", "logistic", "identity"])
@pytest.mark.parametrize("every_step", [False, True])
def test_predictions_of_classifiers(labels, output, every_step):
    first = np.argsort(np.argsort([x[0, 0] for x in X]))  # ranks
    y = labels[first * len(labels) // 30]
    if every_step:
        y = [np.full(len(x), label, dtype=labels.dtype) for label, x in zip(y, X, strict=True)]
    clf = LSTMClassifier(
        output_activation=output,
        loss="squared_error" if output == "identity" else "log_loss",
        return_sequences=every_step,
        learning_rate=0.05,
        batch_size=5,
        **SMALL | {"max_iter": 100},
    ).fit(X, y)
    assert clf.score(X, y) > 0.7
    n = sum(map(len, X)) if every_step else 30
    classes = np.unique(labels)
    assert_array_equal(clf.classes_, classes)
    assert clf.classes_.dtype == labels.dtype
    predicted = clf.predict(X)
    confidence = clf.decision_function(X)
    for result in (predicted, confidence):
        assert len(result) == 30
        if every_step:
            assert result.dtype == object
            assert [len(part) for part in result] == [len(x) for x in X]
    predicted, confidence = stacked(predicted), stacked(confidence)
    assert predicted.dtype == labels.dtype
    assert set(predicted.tolist()) == set(labels.tolist())
    if len(labels) == 2:
        assert confidence.shape == (n,)
        assert_array_equal(predicted, classes[(confidence > 0).astype(int)])
    else:
        assert confidence.shape == (n, len(labels))
        assert_array_equal(predicted, classes[confidence.argmax(axis=1)])
    if output == "identity":
        assert not hasattr(clf, "predict_proba")
        assert not hasattr(clf, "predict_log_proba")
        return
    probability = stacked(clf.predict_proba(X))
    assert probability.shape == (n, len(labels))
    assert_allclose(probability.sum(axis=1), 1, rtol=1e-12)
    assert probability.min() > 0
    assert_array_equal(predicted, classes[probability.argmax(axis=1)])
    logarithm = clf.predict_log_proba(X)
    assert [part.shape for part in logarithm] == [part.shape for part in clf.predict_proba(X)]
    assert_array_equal(stacked(logarithm), np.log(probability))
    if len(labels) == 2:
        expected = np.log(probability[:, 1] / probability[:, 0])
        assert_allclose(confidence, expected, rtol=1e-9, atol=1e-12)
    else:
        assert_allclose(softmax(confidence, axis=1), probability, rtol=1e-12)


@pytest.mark.parametrize("columns", [None, 1, 3])
@pytest.mark.parametrize("every_step", [False, True])
def test_predictions_of_regressors(columns, every_step):
    width = () if columns is None else (columns,)
    rng = np.random.default_rng(0)
    y = [rng.uniform(size=(len(x), *width)) for x in X]
    y = y if every_step else np.array([each[0] for each in y])
    reg = LSTMRegressor(return_sequences=every_step, **SMALL).fit(X, y)
    predicted = reg.predict(X)
    assert reg.n_outputs_ == (columns or 1)
    if every_step:
        assert predicted.dtype == object
        assert [part.shape for part in predicted] == [(len(x), *width) for x in X]
    else:
        assert predicted.shape == (30, *width)
    expected = reg.network_.forward(reg.weights_, X)
    assert_array_equal(stacked(predicted).ravel(), stacked(expected).ravel())


def test_equal_lengths_do_not_make_one_array_of_steps():
    equal = np.random.default_rng(0).normal(size=(5, 4, 2))
    y = equal[:, :, 0]
    for targets in (list(y), tuple(y), object_array(list(y))):
        reg = LSTMRegressor(return_sequences=True, **SMALL).fit(equal, targets)
        predicted = reg.predict(equal)
        assert predicted.shape == (5,)
        assert predicted.dtype == object
        assert predicted[0].shape == (4,)
        assert reg.predict(equal[:1]).shape == (1,)
    clf = LSTMClassifier(return_sequences=True, **SMALL).fit(equal, list(y > 0))
    for method in (clf.predict, clf.predict_proba, clf.predict_log_proba, clf.decision_function):
        assert method(equal).shape == (5,)
        assert method(equal).dtype == object


def test_the_logarithm_of_no_probability():
    """Of nine classes eight share it all: minus infinity for the other, without a warning."""
    clf = LSTMClassifier(**SMALL).fit(np.zeros((9, 1)), np.arange(9))
    clf.coefs_["output"][:] = 0
    clf.coefs_["output"][1:, -1] = 1000
    with np.errstate(divide="ignore"):
        expected = np.log(clf.predict_proba([[0.0]]))
    assert expected[0, 0] < -700
    assert_array_equal(clf.predict_log_proba([[0.0]]), expected)


NAMES_OF_ACTIVATIONS = {
    "cell_input": "g",
    "input_gate": "y_in",
    "forget_gate": "y_forget",
    "output_gate": "y_out",
    "cell_state": "s",
    "cell": "y_c",
    "hidden": "y_n",
    "output": "y",
}


@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize(
    ("options", "absent"),
    [
        ({}, {"hidden"}),
        ({"input_gate": False, "n_hidden_units": 2}, {"input_gate"}),
        ({"output_gate": False}, {"output_gate", "hidden"}),
        ({"forget_gate": False, "peepholes": True, "shortcut": True}, {"forget_gate", "hidden"}),
    ],
    ids=lambda part: str(sorted(part)),
)
def test_activations_are_those_of_the_twin(options, absent, every_step):
    reg = LSTMRegressor(block_size=2, return_sequences=every_step, **SMALL, **options)
    reg.fit(X, RUNNING_SUMS if every_step else SUMS)
    v = reference.split(reg.network_, reg.weights_)
    activations = reg.activations(X)
    assert isinstance(activations, list)
    assert len(activations) == 30
    for x, trace in zip(X, activations, strict=True):
        assert trace.keys() == NAMES_OF_ACTIVATIONS.keys() - absent
        expected = reference.forward(reg.network_, v, x)
        for name, actual in trace.items():
            twin = getattr(expected, NAMES_OF_ACTIVATIONS[name])
            twin = twin[-1:] if name == "output" and not every_step else twin
            assert actual.shape == twin.shape
            assert_allclose(actual, twin, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("recurrence", ["all", "gates", "cells", "none"])
def test_weights_by_name_are_views(recurrence):
    reg = LSTMRegressor(block_size=2, n_hidden_units=1, peepholes=True, recurrence=recurrence, **SMALL).fit(
        X, SUMS
    )
    assert reg.n_weights_ == reg.network_.n_weights == len(reg.weights_)
    assert reg.n_weights_ == reference.n_weights(reg.network_)
    assert reg.n_features_in_ == reg.network_.n_inputs == 2
    assert {name: part.shape for name, part in reg.coefs_.items()} == reg.network_.weight_shapes
    for name, part in reference.split(reg.network_, reg.weights_).items():
        assert_array_equal(reg.coefs_[name], part)
        assert np.shares_memory(reg.coefs_[name], reg.weights_)
    before = reg.predict(X)
    reg.coefs_["output"][:, -1] += 1
    assert_allclose(reg.predict(X), before + 1, rtol=1e-12)


def test_without_blocks_a_shortcut_is_linear_regression_on_the_last_step():
    last = np.array([x[-1] for x in X])
    expected = LinearRegression().fit(last, SUMS)
    reg = LSTMRegressor(n_blocks=0, shortcut=True, solver="lbfgs", tol=1e-9, random_state=0)
    reg.fit(X, SUMS)
    assert reg.n_weights_ == 3
    assert_allclose(reg.coefs_["output"], [[*expected.coef_, expected.intercept_]], rtol=1e-6)
    assert_allclose(reg.predict(X), expected.predict(last), rtol=1e-5)


# ------------------------------------------------------------------------------------------------
# streams


@pytest.mark.parametrize("every_step", [False, True])
def test_step_by_step_is_the_whole_sequence(every_step):
    reg = LSTMRegressor(n_hidden_units=1, recurrence="all", return_sequences=every_step, **SMALL)
    y = np.column_stack([SUMS, -SUMS])
    reg.fit(X, [np.column_stack([y, -y]) for y in RUNNING_SUMS] if every_step else y)
    for x in X[:5]:
        assert reg.reset_state() is reg
        outputs = np.array([reg.step(row) for row in x])
        assert outputs.shape == (len(x), 2)
        whole = reg.predict([x])[0]  # does not disturb the stream
        assert_allclose(outputs if every_step else outputs[-1], whole, rtol=1e-12)
    goes_on = reg.step(X[0][0])
    assert not np.allclose(goes_on, reg.reset_state().step(X[0][0]))
    twice = np.concatenate([X[0], X[0]])
    reg.reset_state()
    outputs = [reg.step(row) for row in twice]
    assert_allclose(outputs[-1], stacked(reg.predict([twice]))[-1], rtol=1e-12)


def test_streams_side_by_side():
    clf = LSTMClassifier(**SMALL).fit(X, NAMES)
    streams = np.random.default_rng(0).normal(size=(5, 4, 2))
    outputs = [clf.step(streams[:, t]) for t in range(4)]
    assert outputs[0].shape == (5, 3)
    assert_allclose(outputs[-1], clf.predict_proba(streams), rtol=1e-12)
    with pytest.raises(ValueError, match=r"x has 3 streams, but 5 are under way.*reset_state"):
        clf.step(streams[:3, 0])
    with pytest.raises(ValueError, match=r"x has 1 streams, but 5 are under way.*reset_state"):
        clf.step(streams[0, 0])
    assert clf.reset_state().step(streams[:3, 0]).shape == (3, 3)
    one = clf.reset_state().step(streams[:1, 0])
    assert one.shape == (1, 3)
    assert_array_equal(clf.reset_state().step(streams[0, 0]), one[0])


def test_an_error_does_not_disturb_the_stream():
    reg = LSTMRegressor(**SMALL).fit(X, SUMS)
    first = reg.step(X[0][0])
    for bad in ([1.0], [1.0, np.nan], "ab", np.zeros((1, 1, 2)), np.zeros((0, 2))):
        with pytest.raises((ValueError, TypeError), match=r"^x"):
            reg.step(bad)
    second = reg.step(X[0][1])
    reg.reset_state()
    assert_array_equal([reg.step(X[0][0]), reg.step(X[0][1])], [first, second])


def test_fit_forgets_the_stream():
    reg = LSTMRegressor(**SMALL).fit(X, SUMS)
    first = reg.step(X[0][0])
    reg.fit(X, SUMS)
    assert_array_equal(reg.step(X[0][0]), first)


# ------------------------------------------------------------------------------------------------
# numbers of half the size


def test_float32_is_computed_in_float32(learner):
    estimator, y = learner
    single = [x.astype(np.float32) for x in X]
    double = [x.astype(np.float64) for x in single]
    estimator.set_params(learning_rate=0.05, tol=0)
    exact = clone(estimator).fit(double, y)
    estimator.fit(single, y)
    assert estimator.weights_.dtype == np.float32
    assert exact.weights_.dtype == np.float64
    assert_allclose(estimator.weights_, exact.weights_, rtol=0, atol=1e-4)
    assert np.any(estimator.weights_ != exact.weights_)
    assert_allclose(estimator.loss_curve_, exact.loss_curve_, rtol=1e-5)
    method = "predict_proba" if isinstance(estimator, LSTMClassifier) else "predict"
    for data, dtype in ((single, np.float32), (double, np.float64)):
        outputs = stacked(getattr(estimator, method)(data))
        assert outputs.dtype == dtype
        assert_allclose(outputs, stacked(getattr(exact, method)(double)), rtol=0, atol=1e-4)


@pytest.mark.parametrize("solver", ["adam", "sgd", "rprop", "lbfgs"])
def test_every_solver_learns_in_float32(solver):
    single = [x.astype(np.float32) for x in X]
    reg = LSTMRegressor(solver=solver, **SMALL | {"max_iter": 30}).fit(single, SUMS)
    assert reg.weights_.dtype == np.float32
    assert reg.loss_curve_[-1] < 0.95 * reg.loss_curve_[0]


# ------------------------------------------------------------------------------------------------
# containers


def object_array(elements):
    result = np.empty(len(elements), dtype=object)
    result[:] = elements
    return result


def padded(elements):
    result = np.full((len(elements), max(map(len, elements)), elements[0].shape[1]), np.nan)
    for row, element in zip(result, elements, strict=True):
        row[: len(element)] = element
    return result


CONTAINERS = {
    "tuple": tuple,
    "object array": object_array,
    "nested lists": lambda X: [x.tolist() for x in X],
    "padded": padded,
    "Sequences": lambda X: Sequences.from_lengths(*flat(X)),
    "Fortran order": lambda X: [np.asfortranarray(x) for x in X],
    "every other row": lambda X: [np.repeat(x, 2, axis=0)[::2] for x in X],
    "sparse": lambda X: [sparse.csr_array(x) for x in X],
    "sparse by columns": lambda X: [sparse.csc_matrix(x) for x in X],
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers_change_no_bit(learner, container):
    estimator, y = learner
    expected = clone(estimator).fit(X, y)
    form = CONTAINERS[container](X)
    estimator.fit(form, y)
    assert_array_equal(estimator.weights_, expected.weights_)
    assert estimator.loss_curve_ == expected.loss_curve_
    assert_same(estimator.predict(form), expected.predict(X))
    assert estimator.score(form, y) == expected.score(X, y)
    assert estimator.n_features_in_ == 2


UNIVARIATE = {
    "list": list,
    "columns": lambda X: [x[:, np.newaxis] for x in X],
    "3-D": lambda X: X[:, :, np.newaxis],
    "nested lists": lambda X: X.tolist(),
    "Sequences": lambda X: Sequences(X.reshape(-1, 1), np.arange(0, X.size + 1, X.shape[1])),
}


@pytest.mark.parametrize("container", UNIVARIATE)
def test_a_table_is_one_univariate_sequence_a_row(container):
    table = np.random.default_rng(0).normal(size=(20, 7))
    y = table.sum(axis=1)
    expected = LSTMRegressor(**SMALL).fit(table, y)
    assert expected.n_features_in_ == 7
    assert expected.network_.n_inputs == 1
    form = UNIVARIATE[container](table)
    reg = LSTMRegressor(**SMALL).fit(form, y)
    assert_array_equal(reg.weights_, expected.weights_)
    assert_array_equal(reg.predict(form), expected.predict(table))
    assert_array_equal(reg.predict(table), expected.predict(form))


def test_rows_of_several_channels(learner):
    estimator, y = learner
    expected = clone(estimator).fit(X, y)
    rows = padded(X).reshape(len(X), -1)
    estimator.set_params(n_channels=2).fit(rows, y)
    assert estimator.n_features_in_ == rows.shape[1]
    assert_array_equal(estimator.weights_, expected.weights_)
    assert_same(estimator.predict(rows), expected.predict(X))
    assert_same(estimator.predict(X), expected.predict(X))
    of_list = clone(estimator).fit(X, y)
    longer = np.hstack([rows, np.full((len(X), 4), np.nan)])
    for form in (rows, longer, X):
        assert_same(of_list.predict(form), expected.predict(X))


@pytest.mark.parametrize("module", ["pandas", "polars", "pyarrow", "awkward"])
def test_columns_of_lists(learner, module):
    library = pytest.importorskip(module)
    estimator, y = learner
    expected = clone(estimator).fit(X, y).predict(X)
    lists = [x.tolist() for x in X]
    columns = {
        "pandas": lambda: [library.Series(X), library.DataFrame({"x": lists})],
        "polars": lambda: [library.Series(lists), library.DataFrame({"x": lists})],
        "pyarrow": lambda: [
            library.array(lists),
            library.chunked_array([lists[:9], lists[9:]]),
            library.table({"x": lists}),
        ],
        "awkward": lambda: [library.Array(lists)],
    }
    for column in columns[module]():
        assert_same(clone(estimator).fit(column, y).predict(column), expected)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_symbols(form):
    rng = np.random.default_rng(0)
    one_hot = [np.eye(9)[rng.integers(0, 9, T)] for T in rng.integers(1, 8, 20)]
    y = [int(x[0].argmax() > 4) for x in one_hot]
    symbols = [form(x) for x in one_hot]
    dense = LSTMClassifier(shortcut=True, **SMALL).fit(one_hot, y)
    clf = LSTMClassifier(shortcut=True, **SMALL).fit(symbols, y)
    assert_array_equal(clf.weights_, dense.weights_)
    assert_array_equal(clf.predict_proba(symbols), dense.predict_proba(one_hot))


def test_names_of_columns():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(np.random.default_rng(0).normal(size=(9, 3)), columns=["t0", "t1", "t2"])
    reg = LSTMRegressor(**SMALL).fit(table, np.arange(9.0))
    assert_array_equal(reg.feature_names_in_, ["t0", "t1", "t2"])
    with pytest.raises(ValueError, match="feature names"):
        reg.predict(table[["t2", "t1", "t0"]])
    reg.fit(X, SUMS)
    assert not hasattr(reg, "feature_names_in_")


def test_targets_of_steps_as_sequences():
    y = Sequences.from_lengths(np.concatenate(RUNNING_SUMS)[:, np.newaxis], [len(x) for x in X])
    reg = LSTMRegressor(return_sequences=True, **SMALL).fit(X, y)
    expected = LSTMRegressor(return_sequences=True, **SMALL).fit(X, RUNNING_SUMS)
    assert_array_equal(reg.weights_, expected.weights_)
    assert reg.score(X, y) == expected.score(X, RUNNING_SUMS)
