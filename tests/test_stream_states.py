"""States of streams that are read and set, and steps through pipelines."""

import copy
import json
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklstm import (
    LSTMClassifier,
    LSTMRegressor,
    PerTimeStep,
    SequenceImputer,
    SequenceOneHotEncoder,
    SequencePadder,
    SequenceScaler,
    State,
    pipeline_step,
)

pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged")

RNG = np.random.default_rng(0)
X = [RNG.normal(3, 2, size=(T, 3)) for T in RNG.integers(3, 9, 20)]
SUMS = np.array([x.sum() for x in X])
SMALL = {"n_blocks": 2, "block_size": 2, "recurrence": "all", "max_iter": 3, "random_state": 0}


@pytest.fixture
def reg():
    return LSTMRegressor(**SMALL).fit(X, SUMS)


# ------------------------------------------------------------------------------------------------
# state_


def test_before_the_first_step_there_is_no_state(reg):
    assert reg.state_ is None
    with pytest.raises(NotFittedError):
        _ = LSTMRegressor().state_
    with pytest.raises(NotFittedError):
        LSTMRegressor().state_ = None
    assert not hasattr(LSTMRegressor(), "state_")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(3,), (4, 3)])
def test_a_service_without_memory_gives_the_same_bits(reg, shape, dtype):
    """One model for all users: the state goes in before a step and out after it."""
    steps = np.random.default_rng(1).normal(size=(6, *shape)).astype(dtype)
    alone, other = copy.deepcopy(reg), np.random.default_rng(2).normal(size=(2, 3))
    state = None
    for x in steps:
        reg.state_ = state
        found = reg.step(x)
        state = reg.state_
        assert_array_equal(found, alone.step(x))
        reg.state_ = None
        reg.step(other)  # somebody else's, with another number of streams
    for part, same in zip(state, alone.state_, strict=True):
        assert_array_equal(part, same, strict=True)


def test_a_state_through_json(reg):
    alone, state = copy.deepcopy(reg), None
    for x in X[0]:
        reg.state_ = None if state is None else json.loads(state)
        assert_array_equal(reg.step(x), alone.step(x))
        state = json.dumps([part.tolist() for part in reg.state_])


def test_what_is_read_and_set_are_copies(reg):
    reg.step(X[0][0])
    first = reg.state_
    kept = copy.deepcopy(first)
    for part in first:
        part[:] = 7
    assert_array_equal(reg.state_.cells, kept.cells)
    other = copy.copy(reg)
    for model in (reg, other):  # one with the workspace of its streams, one without
        given = copy.deepcopy(kept)
        model.state_ = given
        expected = model.step(X[0][1])
        model.state_ = given
        for part in given:
            part[:] = 7
        assert_array_equal(model.step(X[0][1]), expected)


def test_a_state_is_that_of_the_network(reg):
    for x in X[0]:
        reg.step(x)
    _, info = reg.network_.forward(reg.weights_, X[:1], full_output=True)
    for part, same in zip(reg.state_, info["final_state"], strict=True):
        assert_allclose(part, same, rtol=1e-12)
    reg.state_ = info["final_state"]
    whole = [np.vstack([X[0], X[1][:1]])]
    assert_allclose(reg.step(X[1][0])[0], reg.predict(whole)[0], rtol=1e-12)


def test_setting_a_state_leaves_learning_where_it_was():
    online = {"update": "step", "gradient": "truncated", "solver": "sgd", "return_sequences": True}
    models = [LSTMRegressor(**SMALL | online) for _ in range(2)]
    for model in models:
        model.partial_fit(X[:1], [X[0][:, 0]], continued=True)
    models[0].state_ = State(np.ones((2, 12 - 2)), np.ones((2, 4)))
    for model in models:
        model.partial_fit(X[1:2], [X[1][:, 0]], continued=True)
    assert_array_equal(models[0].weights_, models[1].weights_)


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        (3, TypeError, "state_ must be None or a State(activations, cells), got 3"),
        ((1, 2, 3), TypeError, "state_ must be None or a State(activations, cells), got (1, 2, 3)"),
        ((np.zeros((2, 10)), np.zeros(4)), ValueError, "state_.cells has the shape (4,); expected a row"),
        ((np.zeros((2, 9)), np.zeros((2, 4))), ValueError, "state_.activations must have the shape (2, 10)"),
        ((np.zeros((1, 10)), np.zeros((2, 4))), ValueError, "state_.activations must have the shape (2, 10)"),
        (
            (np.zeros((0, 10)), np.zeros((0, 4))),
            ValueError,
            "state_.cells has the shape (0, 4); expected a row",
        ),
        (
            (np.zeros((1, 10)), np.full((1, 4), np.nan)),
            ValueError,
            "state_.cells[0, 0] is nan; expected finite",
        ),
        ((np.zeros((1, 10)), [["a"] * 4]), TypeError, "state_.cells must hold real numbers"),
    ],
)
def test_states_that_are_refused(reg, state, error, words):
    reg.step(X[0][0])
    before = reg.state_
    with pytest.raises(error, match=re.escape(words)):
        reg.state_ = state
    assert_array_equal(reg.state_.cells, before.cells)


# ------------------------------------------------------------------------------------------------
# pipeline_step


def steps_of(pipeline, x):
    """What is answered after each step."""
    pipeline[-1].reset_state()
    return np.array([pipeline_step(pipeline, step) for step in x])


PIPELINES = {
    "scaler": lambda: make_pipeline(SequenceScaler(), LSTMRegressor(**SMALL)),
    "several": lambda: make_pipeline(
        SequenceScaler(), "passthrough", PerTimeStep(PCA(2)), LSTMRegressor(**SMALL)
    ),
    "nested": lambda: make_pipeline(make_pipeline(SequenceScaler(), LSTMRegressor(**SMALL))),
    "imputer": lambda: make_pipeline(SequenceImputer("mean"), LSTMRegressor(**SMALL)),
    "none": lambda: make_pipeline(LSTMRegressor(**SMALL)),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_steps_are_the_predictions_of_the_beginnings(name):
    pipeline = PIPELINES[name]().fit(X, SUMS)
    lstm = pipeline[-1][-1] if name == "nested" else pipeline[-1]
    lstm.reset_state()
    for t, step in enumerate(X[0]):
        y = pipeline_step(pipeline, step)
        assert_allclose(y, pipeline.predict([X[0][: t + 1]]), rtol=1e-9)
    lstm.reset_state()
    both = [x[:3] for x in X[:2]]
    for t in range(3):
        y = pipeline_step(pipeline, np.array([x[t] for x in both]))
        assert_allclose(y[:, 0], pipeline.predict([x[: t + 1] for x in both]), rtol=1e-9)
    assert len(lstm.state_.cells) == 2


def test_steps_through_a_search():
    grid = {"lstmregressor__alpha": [0.0]}
    search = GridSearchCV(make_pipeline(SequenceScaler(), LSTMRegressor(**SMALL)), grid, cv=2).fit(X, SUMS)
    for step in X[0]:
        y = pipeline_step(search, step)
    assert_allclose(y, search.predict(X[:1]), rtol=1e-9)


def test_steps_of_symbols():
    words = ["abab", "baba", "abba", "bab"]
    clf = LSTMClassifier(**SMALL)
    pipeline = make_pipeline(SequenceOneHotEncoder(handle_unknown="ignore"), clf).fit(words, [0, 1, 0, 1])
    for form in (str, lambda symbol: [symbol], lambda symbol: np.array([symbol])):
        pipeline[-1].reset_state()
        for symbol in "abba":
            y = pipeline_step(pipeline, form(symbol))
        assert_allclose(y, pipeline.predict_proba(["abba"])[0], rtol=1e-9)


def test_steps_of_rows_of_a_data_frame():
    pandas = pytest.importorskip("pandas")
    expected = pipeline_step(PIPELINES["scaler"]().fit(X, SUMS), X[0][:2])
    frames = [pandas.DataFrame(x, columns=["a", "b", "c"]) for x in X]
    pipeline = PIPELINES["scaler"]().fit(frames, SUMS)
    frame = frames[0][:2]
    assert_allclose(pipeline_step(pipeline, frame), expected, rtol=1e-12)
    pipeline[-1].reset_state()
    assert_allclose(pipeline_step(pipeline, frame.iloc[0]), expected[0], rtol=1e-12)


def test_steps_that_become_sparse():
    to_sparse = PerTimeStep(FunctionTransformer(sparse.csr_array, accept_sparse=True))
    pipeline = make_pipeline(to_sparse, LSTMRegressor(**SMALL)).fit(X, SUMS)
    assert_allclose(steps_of(pipeline, X[0])[-1], pipeline.predict(X[:1]), rtol=1e-9)


def test_transformers_that_may_look_back_are_refused():
    for transformer in (FunctionTransformer(), SequencePadder(), SequenceImputer()):
        pipeline = make_pipeline(transformer, LSTMRegressor(**SMALL, n_channels=3)).fit(X, SUMS)
        with pytest.raises(
            TypeError, match=rf"{type(transformer).__name__}\(.*\) may depend on earlier time steps"
        ):
            pipeline_step(pipeline, X[0][0])
        assert pipeline[-1].state_ is None
    with pytest.raises(TypeError, match=r"estimator must be an LSTMClassifier.*got LogisticRegression"):
        pipeline_step(make_pipeline(SequenceScaler(), LogisticRegression()), X[0][0])
