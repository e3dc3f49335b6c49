"""Importance of channels and windows, scorers and cross-validated predictions for targets at every step."""

import pickle
import re

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.metrics import accuracy_score, get_scorer, log_loss, make_scorer, r2_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline

from sklstm import (
    LSTMClassifier,
    LSTMRegressor,
    SequencePadder,
    Sequences,
    SequenceScaler,
    cross_val_predict_steps,
    permutation_importance,
    step_scorer,
)
from sklstm._inspection import _with_channel, _with_window  # what is permuted, to the number
from topologies import flat_sequences

# Most fits here are short.
pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged")

SMALL = {"n_blocks": 2, "max_iter": 3, "random_state": 0}
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(T, 3)) for T in RNG.integers(4, 9, 30)]
LENGTHS = np.array([len(x) for x in X])
SUMS = np.array([x[:, 1].sum() for x in X])
RUNNING = [x[:, 0].cumsum() for x in X]
SIGNS = [np.where(y > 0, "up", "down") for y in RUNNING]


# ------------------------------------------------------------------------------------------------
# permutation


class Reads(RegressorMixin, BaseEstimator):
    """Predicts the sum of one channel over part of the relative time."""

    def __init__(self, channel=0, start=0.0, stop=1.0, n_channels=None):
        self.channel = channel
        self.start = start
        self.stop = stop
        self.n_channels = n_channels

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        sums = []
        for x in Sequences.from_padded(X, n_channels=self.n_channels) if self.n_channels else X:
            x = x.toarray() if sparse.issparse(x) else x
            place = np.arange(len(x)) / len(x)
            sums.append(x[(place >= self.start) & (place < self.stop), self.channel].sum())
        return np.array(sums)


@pytest.mark.parametrize("make", [list, flat_sequences, lambda X: [sparse.csr_array(x) for x in X]])
@pytest.mark.parametrize("channel", range(3))
def test_only_the_channel_that_is_read_matters(make, channel):
    model = Reads(channel).fit(X)
    y = model.predict(X)
    result = permutation_importance(model, make(X), y, n_repeats=4, random_state=0)
    assert result.importances.shape == (3, 4)
    assert (result.importances[channel] > 0.5).all()
    assert_array_equal(np.delete(result.importances, channel, axis=0), np.zeros((2, 4)))
    assert_allclose(result.importances_mean, result.importances.mean(axis=1))
    assert_allclose(result.importances_std, result.importances.std(axis=1))


@pytest.mark.parametrize("window", range(4))
def test_only_the_window_that_is_read_matters(window):
    model = Reads(1, window / 4, (window + 1) / 4).fit(X)
    y = model.predict(X)
    result = permutation_importance(model, X, y, by="windows", n_windows=4, random_state=0)
    assert result.importances.shape == (4, 5)
    assert (result.importances[window] > 0.3).all()
    assert_array_equal(np.delete(result.importances, window, axis=0), np.zeros((3, 5)))


def test_what_is_permuted():
    a, b = [[1, 10], [2, 20], [3, 30]], [[4, 40], [5, 50], [6, 60], [7, 70], [8, 80]]
    sequences, swap = flat_sequences([np.array(a), np.array(b)]), np.array([1, 0])
    first, second = _with_channel(sequences, swap, 1)
    assert first.tolist() == [[1, 40], [2, 50], [3, 60]]
    assert second.tolist() == [[4, 10], [5, 20], [6, 30], [7, 10], [8, 20]]
    # half 0 of 3 and 5 steps: 0 1, 0 1 2; half 1: 2, 3 4
    first, second = _with_window(sequences, swap, 0, 2)
    assert first.tolist() == [b[0], b[1], a[2]]
    assert second.tolist() == [a[0], a[1], a[0], b[3], b[4]]
    first, second = _with_window(sequences, swap, 1, 2)
    assert first.tolist() == [a[0], a[1], b[3]]
    assert second.tolist() == [b[0], b[1], b[2], a[2], a[2]]
    # of 5 windows the 3 steps have the first, second and fourth
    assert [x.tolist() for x in _with_window(sequences, swap, 2, 5)] == [a, b]
    first, second = _with_window(sequences, swap, 3, 5)
    assert first.tolist() == [a[0], a[1], b[3]]
    assert second.tolist() == [*b[:3], a[2], b[4]]


def test_the_permutations_are_those_of_the_random_state():
    model = Reads().fit(X)
    y = model.predict(X)
    with parallel_config(backend="threading"):
        one, two = (permutation_importance(model, X, y, random_state=3, n_jobs=n) for n in (1, 2))
    assert_array_equal(one.importances, two.importances)
    other = permutation_importance(model, X, y, random_state=4)
    assert (other.importances[0] != one.importances[0]).all()


def test_scores_and_weights():
    model = Reads().fit(X)
    y = model.predict(X) + np.random.default_rng(1).normal(size=30)
    weight = np.arange(30.0)
    plain, errors, weighted = (
        permutation_importance(model, X, y, random_state=0, n_repeats=1, **options).importances[0, 0]
        for options in ({}, {"scoring": "neg_mean_squared_error"}, {"sample_weight": weight})
    )
    rng = np.random.RandomState(0)
    permuted = model.predict(_with_channel(flat_sequences(X), rng.permutation(30), 0))
    assert_allclose(plain, r2_score(y, model.predict(X)) - r2_score(y, permuted), rtol=1e-12)
    assert_allclose(errors, np.mean((permuted - y) ** 2) - np.mean((model.predict(X) - y) ** 2), rtol=1e-12)
    expected = r2_score(y, model.predict(X), sample_weight=weight) - r2_score(
        y, permuted, sample_weight=weight
    )
    assert_allclose(weighted, expected, rtol=1e-12)


def test_importance_in_pipelines_and_of_rows():
    rows = SequencePadder().fit_transform(X)
    of_rows = permutation_importance(
        Reads(1, n_channels=3).fit(rows), rows, SUMS, n_channels=3, random_state=0
    )
    of_list = permutation_importance(Reads(1).fit(X), X, SUMS, random_state=0)
    assert_allclose(of_rows.importances, of_list.importances, atol=1e-12, rtol=0)
    pipeline = make_pipeline(SequenceScaler(), LSTMRegressor(**SMALL)).fit(X, SUMS)
    assert permutation_importance(pipeline, X, SUMS, n_repeats=2, random_state=0).importances.shape == (3, 2)
    steps = LSTMRegressor(return_sequences=True, **SMALL).fit(X, RUNNING)
    scorer = step_scorer("neg_mean_absolute_error")
    options = {"scoring": scorer, "by": "windows", "n_windows": 2, "random_state": 0}
    result = permutation_importance(steps, X, RUNNING, **options)
    assert result.importances.shape == (2, 5)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"by": "steps"}, ValueError, "by must be 'channels' or 'windows', got 'steps'"),
        ({"n_repeats": 0}, ValueError, "n_repeats must be an integer of at least 1, got 0"),
        ({"n_repeats": 1.5}, TypeError, "n_repeats must be an integer, got 1.5"),
        ({"by": "windows", "n_windows": True}, TypeError, "n_windows must be an integer, got True"),
        ({"by": "windows", "n_windows": 9}, ValueError, "n_windows must be at most 8"),
        ({"n_channels": 0}, ValueError, "n_channels must be None or an integer of at least 1"),
        ({"X": [[1.0], None]}, ValueError, "X[1] is None"),
        ({"X": []}, ValueError, "X has 0 sequences"),
    ],
)
def test_bad_arguments_of_importance(options, error, words):
    with pytest.raises(error, match=re.escape(words)):
        permutation_importance(Reads().fit(X), **{"X": X, "y": SUMS} | options)


# ------------------------------------------------------------------------------------------------
# targets at every step


@pytest.fixture(scope="module")
def of_steps():
    """A classifier and a regressor with an output at every step."""
    options = SMALL | {"return_sequences": True}
    return LSTMClassifier(**options).fit(X, SIGNS), LSTMRegressor(**options).fit(X, RUNNING)


@pytest.mark.parametrize("weight", [None, np.arange(30) % 3])
def test_scores_of_steps_are_those_of_the_flat_arrays(of_steps, weight):
    clf, reg = of_steps
    options = {} if weight is None else {"sample_weight": weight}
    flat = {} if weight is None else {"sample_weight": np.repeat(weight, LENGTHS)}
    labels, probability = np.concatenate(SIGNS), np.concatenate(list(clf.predict_proba(X)))
    predicted = np.concatenate(list(clf.predict(X)))
    expected = {
        "accuracy": accuracy_score(labels, predicted, **flat),
        "roc_auc": roc_auc_score(labels, probability[:, 1], **flat),
        "neg_log_loss": -log_loss(labels, probability, **flat),
    }
    for name, value in expected.items():
        assert_allclose(step_scorer(name)(clf, X, SIGNS, **options), value, rtol=1e-12)
    r2 = r2_score(np.concatenate(RUNNING), np.concatenate(list(reg.predict(X))), **flat)
    for scoring in ("r2", make_scorer(r2_score), get_scorer("r2")):
        assert_allclose(step_scorer(scoring)(reg, X, RUNNING, **options), r2, rtol=1e-12)
    columns = flat_sequences([y[:, np.newaxis] for y in RUNNING])
    assert_allclose(step_scorer("r2")(reg, X, columns, **options), r2, rtol=1e-12)
    assert_allclose(reg.score(X, RUNNING, **options), r2, rtol=1e-12)


def test_scores_of_several_outputs():
    y = [np.column_stack([a, -a]) for a in RUNNING]
    reg = LSTMRegressor(return_sequences=True, **SMALL).fit(X, y)
    assert_allclose(step_scorer("r2")(reg, X, y), reg.score(X, y), rtol=1e-12)


def test_scorers_of_steps_in_searches(of_steps):
    clf, _ = of_steps
    scores = cross_val_score(clf, X, SIGNS, cv=KFold(3), scoring=step_scorer("accuracy"))
    assert_array_equal(scores, cross_val_score(clf, X, SIGNS, cv=KFold(3)))
    scoring = {name: step_scorer(name) for name in ("balanced_accuracy", "f1_macro")}
    result = cross_validate(clf, X, SIGNS, cv=3, scoring=scoring, error_score="raise")
    assert (result["test_f1_macro"] <= 1).all()
    grid = {"lstmclassifier__learning_rate": [1e-6, 0.1]}
    pipeline = make_pipeline(SequenceScaler(), clone(clf).set_params(max_iter=20))
    scorer = pickle.loads(pickle.dumps(step_scorer("roc_auc")))
    search = GridSearchCV(pipeline, grid, scoring=scorer, cv=3)
    search.fit(X, SIGNS)
    assert search.best_params_ == {"lstmclassifier__learning_rate": 0.1}
    assert search.score(X, SIGNS) > 0.6
    assert repr(step_scorer("r2")) == f"step_scorer({get_scorer('r2')!r})"


def test_scorers_of_steps_refuse(of_steps):
    clf, reg = of_steps
    for y, words in [
        (SIGNS[1:], "X has 30 sequences, y has targets for 29"),
        (
            [SIGNS[0][1:], *SIGNS[1:]],
            f"y[0] has {LENGTHS[0] - 1} targets; expected {LENGTHS[0]}, one per step",
        ),
        (np.arange(30), "y[0] is 0; expected a list of arrays"),
    ]:
        with pytest.raises(ValueError, match=re.escape(words)):
            step_scorer("accuracy")(clf, X, y)
    one = LSTMRegressor(**SMALL).fit(X, SUMS)
    with pytest.raises(ValueError, match=r"LSTMRegressor does not predict one array.*return_sequences=True"):
        step_scorer("r2")(one, X, RUNNING)
    with pytest.raises(ValueError, match=r"sample_weight must have the shape \(30,\)"):
        step_scorer("r2")(reg, X, RUNNING, sample_weight=[1.0])
    with pytest.raises(ValueError, match="r3"):
        step_scorer("r3")


@pytest.mark.parametrize("make", [list, flat_sequences])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "decision_function"])
def test_predictions_of_steps_by_cross_validation(of_steps, method, make):
    clf, _ = of_steps
    predicted = cross_val_predict_steps(
        clf, make(X), SIGNS, cv=KFold(3, shuffle=True, random_state=0), method=method
    )
    assert predicted.shape == (30,)
    for train, test in KFold(3, shuffle=True, random_state=0).split(X):
        fitted = clone(clf).fit([X[i] for i in train], [SIGNS[i] for i in train])
        for i, expected in zip(test, getattr(fitted, method)([X[i] for i in test])):
            assert_array_equal(predicted[i], expected, strict=True)


def test_predicted_numbers_of_steps(of_steps):
    _, reg = of_steps
    predicted = cross_val_predict_steps(reg, X, RUNNING, params={"sample_weight": np.arange(30) + 1})
    assert [p.shape for p in predicted] == [y.shape for y in RUNNING]
    as_a_container = cross_val_predict_steps(
        reg,
        X,
        Sequences(np.concatenate(RUNNING)[:, np.newaxis], flat_sequences(X).offsets),
        params={"sample_weight": np.arange(30) + 1},
    )
    assert_array_equal(np.concatenate(list(predicted)), np.concatenate(list(as_a_container)))


def test_predictions_of_steps_that_are_refused(of_steps):
    clf, _ = of_steps
    with pytest.raises(ValueError, match="method must be one of"):
        cross_val_predict_steps(clf, X, SIGNS, method="transform")
    rare = [np.where(y == "up", "up", "down") for y in SIGNS]
    rare[0] = np.array(["third"] * len(rare[0]))
    with pytest.raises(ValueError, match=r"No training sequence of a fold has a step of the class .*third"):
        cross_val_predict_steps(clf, X, rare, method="predict_proba")
