"""What one prediction rests on: derivatives by the inputs, occlusion, and their picture."""

import re

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklstm import (
    InputImportanceDisplay,
    LSTMClassifier,
    LSTMRegressor,
    SequencePadder,
    SequenceScaler,
    occlusion_importance,
    permutation_importance,
)
from topologies import flat_sequences

pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged")

RNG = np.random.default_rng(0)
X = [RNG.normal(size=(T, 3)) for T in RNG.integers(2, 8, 24)]
SUMS = np.array([x[:, 1].sum() for x in X])
LABELS = {2: np.where(SUMS > 0, "up", "down"), 3: np.array(["a", "b", "c"])[np.arange(24) % 3]}
EVERYTHING = {"block_size": 2, "n_hidden_units": 2, "peepholes": True, "recurrence": "all", "shortcut": True}
SMALL = {"n_blocks": 2, "max_iter": 20, "random_state": 0}


def classifier(n_classes=3, **options):
    return LSTMClassifier(**SMALL, **EVERYTHING, **options).fit(X, LABELS[n_classes])


def differences(respond, x, h=1e-6):
    """Central differences of a response to one sequence."""
    result = np.empty_like(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = h
        result[place] = (respond(x + step) - respond(x - step)) / (2 * h)
    return result


# ------------------------------------------------------------------------------------------------
# input_gradients


@pytest.mark.parametrize("method", ["decision_function", "predict_proba"])
@pytest.mark.parametrize("activation", ["softmax", "logistic"])
@pytest.mark.parametrize("gradient", ["full", "truncated"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_gradients_of_a_classifier_are_central_differences(n_classes, gradient, activation, method):
    options = {"output_activation": activation, "gradient": gradient}
    clf = classifier(n_classes, **options)
    for k, label in enumerate(clf.classes_):

        def respond(x, k=k):
            response = getattr(clf, method)([x])[0]
            return response[k] if np.ndim(response) else response * (2 * k - 1)

        gradients = clf.input_gradients(X[:4], output=label, response_method=method)
        for x, found in zip(X, gradients):
            assert_allclose(found, differences(respond, x), rtol=1e-6, atol=1e-8)
        assert max(abs(found).max() for found in gradients) > 1e-3


@pytest.mark.parametrize("activation", ["identity", "logistic", "softmax"])
def test_gradients_of_a_regressor_are_central_differences(activation):
    y = np.column_stack([SUMS > 0, SUMS < 0]).astype(float)
    options = SMALL | EVERYTHING
    reg = LSTMRegressor(output_activation=activation, **options).fit(X, y)
    for k in (0, 1):
        for x, found in zip(X, reg.input_gradients(X[:4], output=k)):
            expected = differences(lambda x, k=k: reg.predict([x])[0, k], x)
            assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_gradients_of_identity_outputs_of_a_classifier():
    clf = classifier(2, output_activation="identity", loss="squared_error")
    (found,) = clf.input_gradients(X[:1], output="up")
    assert_allclose(found, differences(lambda x: clf.decision_function([x])[0], X[0]), rtol=1e-6, atol=1e-8)


def test_without_output_it_is_the_predicted_class():
    clf = classifier()
    predicted = clf.predict(X)
    assert len(set(predicted)) > 1
    expected = [clf.input_gradients([x], output=label)[0] for x, label in zip(X, predicted)]
    for found, one in zip(clf.input_gradients(X), expected):
        assert_allclose(found, one, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("at", [0, 1, -1, -2])
def test_gradients_at_a_step(at):
    reg = LSTMRegressor(return_sequences=True, **SMALL).fit(X, [x[:, 0].cumsum() for x in X])
    for x, found in zip(X, reg.input_gradients(X, at=at)):
        assert_allclose(found, differences(lambda x: reg.predict([x])[0][at], x), rtol=1e-6, atol=1e-8)
        assert_array_equal(found[range(len(x))[at] + 1 :], 0)


def test_forms_of_x_and_dtypes():
    clf = classifier()
    expected = clf.input_gradients(X)
    rows = SequencePadder().fit_transform(X)
    by_rows = LSTMClassifier(n_channels=3, **SMALL, **EVERYTHING).fit(rows, LABELS[3])
    for given in (flat_sequences(X), [sparse.csr_array(x) for x in X]):
        for found, one in zip(clf.input_gradients(given), expected):
            assert_allclose(found, one, rtol=1e-12, atol=1e-14)
    for found, one in zip(by_rows.input_gradients(rows), expected):
        assert_allclose(found, one, rtol=1e-9, atol=1e-12)
    single = clf.input_gradients([x.astype(np.float32) for x in X])
    assert {found.dtype for found in single} == {np.dtype(np.float32)}
    for found, one in zip(single, expected):
        assert_allclose(found, one, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"output": "d"}, ValueError, "output must be None or one of classes_ ['a', 'b', 'c'], got 'd'"),
        ({"at": 0}, ValueError, "at=0 needs return_sequences=True"),
        ({"at": 1.5}, TypeError, "at must be an integer, got 1.5"),
        ({"response_method": "predict"}, ValueError, "response_method must be one of ['auto', 'decision"),
    ],
)
def test_gradients_that_are_refused(options, error, words):
    with pytest.raises(error, match=re.escape(words)):
        classifier().input_gradients(X, **options)


def test_outputs_that_are_refused():
    steps = LSTMRegressor(return_sequences=True, **SMALL).fit(X, [np.column_stack([x, x]) for x in X])
    for options, error, words in (
        ({}, ValueError, "output=None needs a single output: give one of the outputs 0 to 5"),
        ({"output": 6}, ValueError, "output must be None or an index from 0 to 5, got 6"),
        ({"output": "a"}, TypeError, "output must be None or an integer, got 'a'"),
        ({"output": 0, "at": 5}, ValueError, "at=5 is outside of sequence"),
        ({"output": 0, "at": -9}, ValueError, "at=-9 is outside of sequence 0"),
    ):
        with pytest.raises(error, match=re.escape(words)):
            steps.input_gradients(X, **options)
    with pytest.raises(NotFittedError):
        LSTMRegressor().input_gradients(X)
    clf = classifier(2, output_activation="identity", loss="squared_error")
    with pytest.raises(AttributeError, match="predict_proba"):
        clf.input_gradients(X, response_method="predict_proba")


# ------------------------------------------------------------------------------------------------
# occlusion


class Weighted(RegressorMixin, BaseEstimator):
    """Predicts the sum of all numbers, each times a weight of its step and one of its channel."""

    CHANNELS = np.array([1.0, 10.0, -100.0])

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.array([self.weights(len(x)).ravel() @ np.asarray(x).ravel() for x in X])

    def weights(self, n_steps):
        return (1 + np.arange(n_steps))[:, np.newaxis] * self.CHANNELS


@pytest.mark.parametrize("by", ["values", "steps", "channels"])
@pytest.mark.parametrize("window", [1, 2, 3])
@pytest.mark.parametrize("baseline", ["mean", 0, 0.5, [1.0, 2.0, 3.0]])
def test_occlusion_of_a_linear_model_is_its_terms(by, window, baseline):
    model = Weighted().fit(X)
    instead = np.concatenate(X).mean(axis=0) if isinstance(baseline, str) else baseline
    found = occlusion_importance(model, X, by=by, window=window, baseline=baseline)
    for x, each in zip(X, found):
        terms = model.weights(len(x)) * (x - instead)
        if by == "channels":
            assert_allclose(each, terms.sum(axis=0, keepdims=True), rtol=1e-9, atol=1e-9)
            continue
        terms = terms if by == "values" else terms.sum(axis=1, keepdims=True)
        windows = np.arange(len(x)) // window
        sums = np.array([terms[windows == w].sum(axis=0) for w in windows])
        assert_allclose(each, sums, rtol=1e-9, atol=1e-9)


def test_occlusion_in_parts_and_in_threads(monkeypatch):
    model = Weighted().fit(X)
    whole = occlusion_importance(model, X)
    monkeypatch.setattr("sklstm._attribution.MOST_VALUES", 40)
    with parallel_config(backend="threading"):
        parts = occlusion_importance(model, X, n_jobs=2)
    for found, one in zip(parts, whole):
        assert_allclose(found, one, rtol=1e-12, atol=1e-12)


def test_occlusion_by_predictions_made_by_hand():
    clf = classifier()
    x = X[0].copy()
    x[1, 2] = 0.25
    for method in ("decision_function", "predict_proba"):
        before, after = getattr(clf, method)([X[0], x])
        for k, label in enumerate(clf.classes_):
            options = {"output": label, "baseline": 0.25, "response_method": method}
            (found,) = occlusion_importance(clf, [X[0]], **options)
            assert_allclose(found[1, 2], before[k] - after[k], rtol=1e-9)
    two = classifier(2)
    fall = two.decision_function([X[0]])[0] - two.decision_function([x])[0]
    for label, sign in (("up", 1), ("down", -1)):
        (found,) = occlusion_importance(two, [X[0]], output=label, baseline=0.25)
        assert_allclose(found[1, 2], sign * fall, rtol=1e-9)


def test_occlusion_of_forms_of_x():
    scaled = make_pipeline(SequenceScaler(), LSTMClassifier(**SMALL)).fit(X, LABELS[3])
    expected = occlusion_importance(scaled, X)
    for given in (flat_sequences(X), [sparse.csr_array(x) for x in X]):
        model = scaled if not isinstance(given, list) else scaled[-1]
        found = occlusion_importance(model, given)
        if model is scaled:
            for one, other in zip(found, expected):
                assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    rows = SequencePadder().fit_transform(X)
    by_rows = LSTMClassifier(n_channels=3, **SMALL).fit(rows, LABELS[3])
    of_list = LSTMClassifier(**SMALL).fit(X, LABELS[3])
    found = occlusion_importance(by_rows, rows, n_channels=3)
    for one, other in zip(found, occlusion_importance(of_list, X)):
        assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    table = np.random.default_rng(0).normal(size=(20, 5))
    linear = LogisticRegression().fit(table, table[:, 2] > 0)
    found = occlusion_importance(linear, table, output=True, baseline=0)
    assert_allclose(np.column_stack(found).T, table * linear.coef_, rtol=1e-9, atol=1e-12)


def test_occlusion_at_a_step_sees_nothing_later():
    reg = LSTMRegressor(return_sequences=True, **SMALL).fit(X, [x[:, 0].cumsum() for x in X])
    for x, found in zip(X, occlusion_importance(reg, X, at=1, by="steps")):
        assert found[0, 0] != 0
        assert_allclose(found[2:], 0, atol=1e-12)
        assert found.shape == (len(x), 1)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"by": "value"}, ValueError, "by must be one of ['values', 'steps', 'channels'], got 'value'"),
        ({"window": 0}, ValueError, "window must be an integer of at least 1, got 0"),
        (
            {"baseline": "zero"},
            ValueError,
            "baseline must be 'mean', a number or one per channel, got 'zero'",
        ),
        ({"baseline": [1.0]}, ValueError, "baseline must have the shape (3,), got (1,)"),
        ({"baseline": np.nan}, ValueError, "baseline[] is nan; expected finite numbers"),
        ({"at": 0}, ValueError, "at=0 needs predictions at every step"),
        ({"output": 1}, ValueError, "output must be None or an index from 0 to 0, got 1"),
    ],
)
def test_occlusion_that_is_refused(options, error, words):
    with pytest.raises(error, match=re.escape(words)):
        occlusion_importance(Weighted().fit(X), X, **options)


def test_permutations_of_one_sequence_are_refused():
    model = Weighted().fit(X)
    for by in ("channels", "windows"):
        with pytest.raises(ValueError, match=r"X has 1 sequence.*input_gradients and occlusion_importance"):
            permutation_importance(
                model, X[:1], SUMS[:1], by=by, n_windows=2, scoring="neg_mean_squared_error"
            )


# ------------------------------------------------------------------------------------------------
# picture


@pytest.fixture
def plt():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    yield pyplot
    pyplot.close("all")


@pytest.mark.parametrize("n_features", [1, 3, 12])
def test_picture_shows_what_is_computed(plt, n_features):
    data = np.random.default_rng(1).normal(size=(20, 5, n_features))
    reg = LSTMRegressor(**SMALL).fit(data, data.sum(axis=(1, 2)))
    search = GridSearchCV(make_pipeline(SequenceScaler(), reg), {"lstmregressor__alpha": [0.0]}, cv=2)
    search.fit(data, data.sum(axis=(1, 2)))
    scaler, lstm = search.best_estimator_
    scaled = scaler.transform(data[:1])
    for method, expected in (
        ("gradients", lstm.input_gradients(scaled)[0]),
        ("occlusion", occlusion_importance(lstm, scaled)[0]),
    ):
        display = InputImportanceDisplay.from_estimator(search, data[0], method=method)
        assert_allclose(display.importances, expected)
        assert_allclose(display.x, scaled[0])
        image = display.axes_["importance"].images[0]
        assert_allclose(image.get_array().T, expected)
        low, high = image.get_clim()
        assert low == -high == -abs(expected).max()
        for ax in display.axes_.values():
            assert ax.get_title(loc="left")
        assert display.axes_["importance"].get_xlabel() == "time step"
    display = InputImportanceDisplay.from_estimator(
        reg, data[0], method="occlusion", by="steps", baseline=0, feature_names=[*"abcdefghijkl"][:n_features]
    )
    assert display.importances.shape == (5, 1)
    assert display.axes_["importance"].images[0].get_array().shape == (n_features, 5)


def test_picture_names_the_class(plt):
    clf = classifier()
    display = InputImportanceDisplay.from_estimator(clf, X[0])
    assert display.axes_["importance"].get_title(loc="left") == f"Importance for {clf.predict(X[:1])[0]}"
    figure = plt.figure()
    display = InputImportanceDisplay.from_estimator(clf, X[0], output="c", figure=figure)
    assert display.figure_ is figure
    assert display.output_name == "c"
    assert display.label == "derivative of decision_function"


def test_pictures_that_are_refused(plt):
    clf = classifier()
    with pytest.raises(ValueError, match="method must be one of"):
        InputImportanceDisplay.from_estimator(clf, X[0], method="saliency")
    with pytest.raises(TypeError, match="takes no window"):
        InputImportanceDisplay.from_estimator(clf, X[0], window=2)
    with pytest.raises(TypeError, match=r"estimator must be an LSTMClassifier .*got LogisticRegression"):
        InputImportanceDisplay.from_estimator(LogisticRegression(), X[0])
