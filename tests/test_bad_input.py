"""What is refused, and that the message says what, where and what was expected instead."""

import copy
import inspect

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError

import sklstm
from sklstm import (
    LSTMClassifier,
    LSTMRegressor,
    Network,
    SequenceOneHotEncoder,
    SequencePadder,
    Sequences,
    SequenceSummary,
    StepConfusionDisplay,
    permutation_importance,
)
from sklstm.tasks import make_adding, make_temporal_order

# Most fits here are short.
pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged")

NAN, INF = np.nan, np.inf
SMALL = {"n_blocks": 3, "max_iter": 2, "random_state": 0}
ESTIMATORS = {"classifier": LSTMClassifier, "regressor": LSTMRegressor}

RNG = np.random.default_rng(0)
X = [RNG.uniform(-1, 1, size=(T, 2)) for T in RNG.integers(2, 7, 12)]
LABELS = np.arange(12) % 3
NUMBERS = np.linspace(0, 1, 12)
STEP_LABELS = [np.arange(len(x)) % 2 for x in X]
STEP_NUMBERS = [np.linspace(0, 1, len(x)) for x in X]


def fitted(kind="regressor", **options):
    """A fitted estimator and its targets."""
    estimator = ESTIMATORS[kind](**SMALL | options)
    every_step = estimator.return_sequences
    if kind == "classifier":
        y = STEP_LABELS if every_step else LABELS
    else:
        y = STEP_NUMBERS if every_step else NUMBERS
    return estimator.fit(X, y), y


def assert_refuses(error, words, call, *arguments, **keywords):
    """The call raises this error, and no subclass, with all of these words."""
    with pytest.raises(error) as caught:
        call(*arguments, **keywords)
    assert caught.type is error
    message = str(caught.value)
    assert [word for word in words if word not in message] == [], message


# ------------------------------------------------------------------------------------------------
# X


def two(second, first=None):
    """Two sequences, the first of which is valid."""
    return [np.ones((3, 2)) if first is None else first, second]


def at(step, value):
    """A valid sequence of four steps but for one value."""
    steps = np.ones((4, 2))
    steps[step, 1] = value
    return steps


BAD_X = {
    "nothing": (None, TypeError, ["X is of type NoneType", "list of arrays"]),
    "a number": (3.0, TypeError, ["X is of type float", "list of arrays"]),
    "a string": ("abc", TypeError, ["X is of type str", "list of arrays"]),
    "a dict": ({0: np.ones((3, 2))}, TypeError, ["X is of type dict"]),
    "a generator": ((x for x in X), TypeError, ["X is of type generator", "list(X)"]),
    "0-d": (np.array(3.0), ValueError, ["X has shape ()", "list of arrays"]),
    "1-d": (np.ones(4), ValueError, ["X has shape (4,)", "Reshape your data", "[X]"]),
    "4-d": (np.ones((2, 3, 2, 1)), ValueError, ["X has shape (2, 3, 2, 1)", "list of arrays"]),
    "empty list": ([], ValueError, ["X has 0 sequences"]),
    "no sequence": (np.ones((0, 3, 2)), ValueError, ["X has 0 sequences"]),
    "empty sequence": (two(np.ones((0, 2))), ValueError, ["X[1] is empty, (0, 2)"]),
    "empty list in list": (two([]), ValueError, ["X[1] is empty"]),
    "no feature": ([np.ones((3, 0))], ValueError, ["X[0] is empty, (3, 0)"]),
    "0-d element": (two(1.0), ValueError, ["X[1] is 1.0", "(n_steps, n_features)"]),
    "3-d element": (two(np.ones((3, 2, 1))), ValueError, ["X[1] has shape (3, 2, 1)"]),
    "strings": (["abc", "def"], TypeError, ["X[0]", "<U3", "numbers"]),
    "text": (two(np.array([["a", "b"]])), TypeError, ["X[1]", "<U1", "numbers"]),
    "dates": (two(np.ones((3, 2), dtype="M8[s]")), TypeError, ["X[1]", "datetime64"]),
    "objects": (two(np.array([[object(), 1]])), TypeError, ["X[1]", "numbers"]),
    "complex": (two(np.ones((3, 2)) * 1j), ValueError, ["Complex", "X[1]", "complex128"]),
    "ragged steps": (two([[1, 2], [3]]), ValueError, ["X[1]", "rectangular", "n_steps"]),
    "NaN": (two(at(2, NAN)), ValueError, ["X[1] at step 2", "NaN"]),
    "infinity": (two(at(3, -INF)), ValueError, ["X[1] at step 3", "infinity"]),
    "NaN in an array": (np.stack(two(at(1, NAN)[:3])), ValueError, ["X[1] at step 1", "NaN"]),
    "padded to nothing": (np.full((2, 3, 2), NAN), ValueError, ["X[0] is all NaN"]),
    "one matrix": (sparse.csr_array(np.ones((3, 2))), TypeError, ["one sparse matrix", "list"]),
    "sparse and dense": (two(sparse.csr_array(np.ones((3, 2)))), TypeError, ["X[1]", "X[0]"]),
    "masked": (two(np.ma.masked_equal(np.eye(3, 2), 1)), ValueError, ["X[1] at step 0", "NaN"]),
    "sparse NaN": (
        [sparse.csr_array(np.ones((4, 2))), sparse.csr_array(at(2, NAN))],
        ValueError,
        ["X[1] at step 2", "NaN"],
    ),
    "features": (two(np.ones((3, 4))), ValueError, ["X[1] has shape (3, 4)", "expected 2"]),
}


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("name", BAD_X)
def test_bad_sequences(name, kind):
    bad, error, words = BAD_X[name]
    assert_refuses(error, words, ESTIMATORS[kind]().fit, bad, [0, 1])
    estimator, _ = fitted(kind)
    for method in (estimator.predict, estimator.decision_function) if kind == "classifier" else ():
        assert_refuses(error, words, method, bad)
    assert_refuses(error, words, estimator.predict, bad)
    assert_refuses(error, words, estimator.activations, bad)
    assert_refuses(error, words, estimator.score, bad, [0, 1])


def test_channels_first():
    """Sequences of two channels and different lengths, transposed."""
    wrong = [x.T for x in X]
    words = ["X[", "(n_steps, n_features)", "channels-first", "x.T for x in X"]
    assert_refuses(ValueError, words, LSTMRegressor().fit, wrong, NUMBERS)
    reg, _ = fitted()
    words = ["X[0]", "expected 2 as in fit", "channels-first", "x.T for x in X"]
    assert_refuses(ValueError, words, reg.predict, [np.ones((2, 5))])


@pytest.mark.skipif(np.finfo(np.longdouble).max == np.finfo(float).max, reason="longdouble is float64")
def test_infinity_after_a_cast():
    huge = np.full((3, 2), np.longdouble(10) ** 400)
    words = ["X[1] at step 0", "infinity in float64", "scale"]
    assert_refuses(ValueError, words, LSTMRegressor().fit, two(huge), [0, 1])


OTHER_X = {
    "features": (
        lambda: fitted()[0],
        [np.ones((3, 4))],
        ["X[0] has shape (3, 4), 4 feature(s)", "expected 2 as in fit"],
    ),
    "one feature": (
        lambda: fitted()[0],
        [np.ones(3)],
        ["X[0] has shape (3,), 1 feature(s)", "expected 2 as in fit"],
    ),
    "table": (
        lambda: fitted()[0],
        np.ones((3, 4)),
        ["X is 2-D", "one univariate sequence per row", "2 features", "(n_steps, 2)", "n_channels=2"],
    ),
    "rows of other length": (
        lambda: LSTMRegressor(n_channels=2, **SMALL).fit(np.ones((4, 6)), np.arange(4.0)),
        np.ones((4, 8)),
        ["X has 8 features, but LSTMRegressor is expecting 6 features"],
    ),
    "half a step": (
        lambda: LSTMRegressor(n_channels=2, **SMALL).fit(X, NUMBERS),
        np.ones((4, 5)),
        ["X has 5 columns; expected n_steps * n_channels with n_channels=2"],
    ),
    "wide table": (
        lambda: LSTMRegressor(**SMALL).fit(np.ones((4, 5)), np.arange(4.0)),
        np.ones((4, 6)),
        ["X has 6 features, but LSTMRegressor is expecting 5 features"],
    ),
    "features after a table": (
        lambda: LSTMRegressor(**SMALL).fit(np.ones((4, 5)), np.arange(4.0)),
        [np.ones((4, 5))],
        ["X[0] has shape (4, 5), 5 feature(s)", "expected 1 as in fit"],
    ),
}


@pytest.mark.parametrize("name", OTHER_X)
def test_other_features_than_in_fit(name):
    make, other, words = OTHER_X[name]
    estimator = make()
    assert_refuses(ValueError, words, estimator.predict, other)
    assert_refuses(ValueError, words, estimator.score, other, np.ones(len(other)))
    assert_refuses(ValueError, words, estimator.partial_fit, other, np.ones(len(other)))


BAD_STEPS = {
    "features": (ValueError, [1.0, 2.0, 3.0], ["x ", "(2,)", "(n_streams, 2)", "(3,)"]),
    "number": (ValueError, 1.0, ["x ", "(2,)", "()"]),
    "3-d": (ValueError, np.ones((1, 3, 2)), ["x ", "(n_streams, 2)", "(1, 3, 2)"]),
    "no stream": (ValueError, np.ones((0, 2)), ["x "]),
    "NaN": (ValueError, [1.0, NAN], ["x[0]", "NaN"]),
    "infinity": (ValueError, [[1.0, 2.0], [INF, 1.0]], ["x[1]", "infinity"]),
    "text": (TypeError, ["a", "b"], ["x", "numbers"]),
    "complex": (ValueError, [1j, 1.0], ["x", "Complex"]),
    "ragged": (ValueError, [[1.0, 2.0], [3.0]], ["x ", "(n_streams, 2)"]),
}


@pytest.mark.parametrize("name", BAD_STEPS)
def test_bad_steps_of_streams(name):
    error, bad, words = BAD_STEPS[name]
    assert_refuses(error, words, fitted()[0].step, bad)


BAD_ROWS = {
    "half a step": (np.ones((2, 5)), ["X has 5 columns; expected n_steps * n_channels with n_channels=2"]),
    "NaN": (
        np.array([[1, NAN, 1, 1], [1, 1, NAN, NAN]]),
        ["X[0] at step 0 contains NaN", "SequenceImputer() in front"],
    ),
    "NaN first": (np.array([[NAN, NAN, 1, 1], [1, 1, 1, 1]]), ["X[0] at step 0 contains NaN"]),
    "padding only": (np.array([[1, 1, 1, 1], [NAN] * 4]), ["X[1] is all NaN, without a step"]),
    "infinity": (np.array([[1, 1, 1, INF], [1] * 4]), ["Input X contains infinity"]),
    "a list": ([np.ones((3, 4))] * 2, ["X[0] has shape (3, 4), 4 feature(s); expected 2 as in n_channels"]),
}


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_rows(name, kind):
    bad, words = BAD_ROWS[name]
    assert_refuses(ValueError, words, ESTIMATORS[kind](n_channels=2, **SMALL).fit, bad, [0, 1])


def test_padded_rows_need_the_number_of_channels():
    words = ["X[0] at step 1 contains NaN", "2-D array with n_channels"]
    assert_refuses(ValueError, words, LSTMRegressor(**SMALL).fit, [[1, NAN], [1, 2]], [0, 1])


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_not_fitted(kind):
    estimator = ESTIMATORS[kind]()
    words = [type(estimator).__name__, "is not fitted yet"]
    calls = [(estimator.predict, X), (estimator.activations, X), (estimator.score, X, LABELS)]
    calls.append((estimator.step, [1.0, 2.0]))
    calls.append((getattr, estimator, "coefs_"))
    if kind == "classifier":
        calls += [(estimator.predict_proba, X), (estimator.predict_log_proba, X)]
        calls += [(estimator.decision_function, X)]
    for call in calls:
        assert_refuses(NotFittedError, words, *call)


# ------------------------------------------------------------------------------------------------
# y


def changed(y, i, value):
    """A copy of the targets with another one for sequence i."""
    y = y.astype(object).tolist() if isinstance(y, np.ndarray) else list(y)
    y[i] = value
    return y


BAD_LABELS = {
    "none": (None, ValueError, ["requires y to be passed"]),
    "too few": (LABELS[:5], ValueError, ["X and y", "12 in X", "5 in y"]),
    "one class": (np.ones(12), ValueError, ["at least 2 classes", "one class", "1.0"]),
    "columns": (np.full((12, 2), 3), ValueError, ["1d array", "(12, 2)", "y[0, 0] is 3", "MultiOutput"]),
    "continuous": (np.linspace(0, 1, 12), ValueError, ["continuous"]),
    "NaN": (changed(LABELS, 3, NAN), ValueError, ["y contains NaN"]),
    "infinity": (changed(LABELS, 3, INF), ValueError, ["y contains infinity"]),
    "None": (changed(LABELS.astype(object), 3, None), ValueError, ["y contains None: y[3]", "masked_array"]),
    "all masked": (np.ma.masked_less(LABELS, 9), ValueError, ["zero for every sequence", "is missing"]),
}
BAD_NUMBERS = {
    "none": (None, ValueError, ["requires y to be passed"]),
    "too few": (NUMBERS[:5], ValueError, ["X and y", "12 in X", "5 in y"]),
    "text": (["a"] * 12, ValueError, ["could not convert string to float"]),
    "3-d": (np.ones((12, 1, 1)), ValueError, ["dim 3"]),
    "no column": (np.ones((12, 0)), ValueError, ["0 feature(s)"]),
    "complex": (np.ones(12) * 1j, ValueError, ["Complex data not supported"]),
    "NaN": (changed(NUMBERS, 3, NAN), ValueError, ["y contains NaN"]),
    "infinity": (changed(NUMBERS, 3, INF), ValueError, ["y contains infinity"]),
    "all masked": (np.ma.masked_less(NUMBERS, 1e9), ValueError, ["zero for every sequence", "is missing"]),
}
LENGTH = len(X[3])
BAD_STEP_LABELS = {
    "none": (None, ValueError, ["requires y to be passed"]),
    "too few": (STEP_LABELS[:5], ValueError, ["y has targets for 5 of 12 sequences"]),
    "of sequences": (LABELS, ValueError, ["y[0] has shape ()", f"each of the {len(X[0])} steps"]),
    "short": (
        changed(STEP_LABELS, 3, np.ones(LENGTH - 1)),
        ValueError,
        [f"y[3] has shape ({LENGTH - 1},)", f"one target for each of the {LENGTH} steps"],
    ),
    "text and numbers": (changed(STEP_LABELS, 3, ["a"] * LENGTH), ValueError, ["y[3]", "y[0]"]),
    "columns": ([np.full((len(x), 2), 3) for x in X], ValueError, ["1d array", "y[0][0, 0] is 3"]),
    "one class": ([np.ones(len(x)) for x in X], ValueError, ["at least 2 classes", "one class"]),
    "NaN": ([np.full(len(x), NAN) for x in X], ValueError, ["zero for every sequence", "is missing"]),
    "-100": (changed(STEP_LABELS, 3, np.full(LENGTH, -100)), ValueError, ["y[3][0] is -100", "weight 0"]),
}
BAD_STEP_NUMBERS = {
    "too few": (STEP_NUMBERS[:5], ValueError, ["y has targets for 5 of 12 sequences"]),
    "short": (
        changed(STEP_NUMBERS, 3, np.ones(LENGTH - 1)),
        ValueError,
        [f"y[3] has shape ({LENGTH - 1},)", f"one target for each of the {LENGTH} steps"],
    ),
    "columns": (changed(STEP_NUMBERS, 3, np.ones((LENGTH, 2))), ValueError, ["y[3]", "y[0]"]),
    "3-d": ([np.ones((len(x), 1, 1)) for x in X], ValueError, ["y[0] has shape"]),
    "infinity": (changed(STEP_NUMBERS, 3, np.full(LENGTH, INF)), ValueError, ["y contains inf"]),
}
BAD_Y = [
    *((LSTMClassifier(**SMALL), name, BAD_LABELS) for name in BAD_LABELS),
    *((LSTMRegressor(**SMALL), name, BAD_NUMBERS) for name in BAD_NUMBERS),
    *((LSTMClassifier(return_sequences=True), name, BAD_STEP_LABELS) for name in BAD_STEP_LABELS),
    *((LSTMRegressor(return_sequences=True), name, BAD_STEP_NUMBERS) for name in BAD_STEP_NUMBERS),
]


@pytest.mark.parametrize(("estimator", "name", "table"), BAD_Y, ids=str)
def test_bad_targets(estimator, name, table):
    y, error, words = table[name]
    assert_refuses(error, words, estimator.fit, X, y)


@pytest.mark.parametrize("y", [[-0.1, 0.5], [0.5, 1.1]])
def test_targets_that_are_no_probabilities(y):
    words = ["loss='log_loss'", "[0, 1]", f"{min(y):g} to {max(y):g}"]
    assert_refuses(ValueError, words, LSTMRegressor(loss="log_loss").fit, X[:2], y)


def test_labels_that_were_not_in_fit():
    clf, _ = fitted("classifier", warm_start=True)
    words = ["y contains labels", "[0, 1, 2]", "[3]"]
    assert_refuses(ValueError, words, clf.fit, X, LABELS + 1)
    assert_refuses(ValueError, words, clf.partial_fit, X, LABELS + 1)


# ------------------------------------------------------------------------------------------------
# weights


BAD_WEIGHTS = {
    "too few": (np.ones(5), ValueError, ["(12,)", "(5,)"]),
    "columns": (np.ones((12, 1)), ValueError, ["arrays", "one weight per sequence"]),
    "number": (2.0, TypeError, ["of type float", "one weight per sequence"]),
    "negative": (changed(np.ones(12), 3, -1.0), ValueError, ["not negative", "-1.0", "sequence 3"]),
    "NaN": (changed(np.ones(12), 3, NAN), ValueError, ["finite", "nan", "sequence 3"]),
    "infinity": (changed(np.ones(12), 3, INF), ValueError, ["finite", "inf", "sequence 3"]),
    "zeros": (np.zeros(12), ValueError, ["zero for every sequence"]),
    "text": (["a"] * 12, TypeError, ["real numbers"]),
    "complex": ([1j] * 12, TypeError, ["real numbers"]),
    "complex array": (np.ones(12) * 1j, TypeError, ["real numbers", "complex128"]),
    "digits": (["1"] * 12, TypeError, ["real numbers", "<U1"]),
    "None": ([None] * 12, TypeError, ["real numbers"]),
    "masked": (np.ma.masked_equal(np.arange(12.0), 3), TypeError, ["real numbers", "masked"]),
    "ragged": ([[1.0]] * 11 + [[1.0, 2.0]], ValueError, ["lists", "one weight per sequence"]),
}


@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_bad_weights(name, kind, every_step):
    weight, error, words = BAD_WEIGHTS[name]
    estimator, y = fitted(kind, return_sequences=every_step)
    if every_step and name in ("columns", "ragged"):  # weights of steps
        words = ["[0] has shape (1,)", f"one weight for each of the {len(X[0])} steps"]
    words = ["sample_weight", *words]
    assert_refuses(error, words, estimator.fit, X, y, sample_weight=weight)
    assert_refuses(error, words, estimator.partial_fit, X, y, sample_weight=weight)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_too_few_weights_in_scores(kind):
    estimator, y = fitted(kind, return_sequences=True)
    words = ["sample_weight", "(12,)", "(5,)"]
    assert_refuses(ValueError, words, estimator.score, X, y, sample_weight=np.ones(5))


BAD_CLASS_WEIGHTS = [
    ("equal", ValueError, ['dict, "balanced" or None', "'equal'"]),
    (3, ValueError, ['dict, "balanced" or None', "3"]),
    ([1, 2, 3], ValueError, ['dict, "balanced" or None', "[1, 2, 3]"]),
    ({5: 1.0}, ValueError, ["label 5", "not in y", "[0, 1, 2]"]),
    ({"0": 1.0}, ValueError, ["label '0'", "not in y", "[0, 1, 2]"]),
    ({0: -1.0}, ValueError, ["[0]", "at least 0", "-1.0"]),
    ({0: NAN}, ValueError, ["[0]", "finite", "nan"]),
    ({0: "2"}, TypeError, ["[0]", "a number", "'2'"]),
    ({0: True}, TypeError, ["[0]", "a number", "True"]),
    ({0: 0, 1: 0, 2: 0}, ValueError, ["positive weight"]),
]


def test_a_chunk_without_weight():
    clf = LSTMClassifier(class_weight={0: 0, 1: 1}, **SMALL).partial_fit(X, LABELS, classes=[0, 1, 2])
    assert_refuses(ValueError, ["class_weight", "positive weight"], clf.partial_fit, X, np.zeros(len(X), int))


@pytest.mark.parametrize(("class_weight", "error", "words"), BAD_CLASS_WEIGHTS, ids=str)
def test_bad_class_weights(class_weight, error, words):
    for solver in ("adam", "lbfgs"):
        clf = LSTMClassifier(class_weight=class_weight, solver=solver, **SMALL)
        assert_refuses(error, ["class_weight", *words], clf.fit, X, LABELS)


def test_weights_that_leave_one_class():
    words = ["sample_weight", "one class", "at least 2 classes"]
    clf = LSTMClassifier(**SMALL)
    assert_refuses(ValueError, words, clf.fit, X, LABELS, sample_weight=LABELS == 0)


# ------------------------------------------------------------------------------------------------
# arguments

NUMBER, INTEGER = "a number", "an integer"
BAD_ARGUMENTS = [
    # name, what is expected, values of a wrong type, values that are wrong
    ("n_blocks", INTEGER, ["2", 2.0, True, None, [2]], []),
    ("n_blocks", "at least 0", [], [-1]),
    ("n_blocks", "more than 281474976710656 weights", [], [2**70, 10**9]),
    ("n_blocks", "n_hidden_units or shortcut=True", [], [0]),
    ("block_size", INTEGER, ["2", 2.0, True, None], []),
    ("block_size", "at least 1", [], [0]),
    ("block_size", "more than 281474976710656 weights", [], [2**70]),
    ("n_hidden_units", INTEGER, ["2", 2.0, False, None], []),
    ("n_hidden_units", "at least 0", [], [-1]),
    ("n_hidden_units", "more than 281474976710656 weights", [], [2**70]),
    ("n_layers", INTEGER, ["2", 2.0, True, None], []),
    ("n_layers", "at least 1", [], [0, -1]),
    ("n_patches", '"auto", None or an integer', ["8", 2.0, True, [8]], []),
    ("n_patches", "at least 1", [], [0, -1]),
    ("bidirectional", "True or False", [1, 0, "yes", None], []),
    ("pooling", "one of ['last', 'mean', 'max'] or a tuple of them", [], ["first", None, (), 3]),
    ("pooling", "each kind once", [], [("last", "last")]),
    ("dropout", NUMBER, ["0.1", None, True], []),
    ("dropout", "at least 0 and below 1", [], [-0.1, 1, 1.5, NAN]),
    ("input_gate", "True or False", [1, 0, "yes", None], []),
    ("output_gate", "True or False", [1, 0, "yes", None], []),
    ("forget_gate", "True or False", [1, 0, "yes", None], []),
    ("peepholes", "True or False", [1, 0, "yes", None], []),
    ("shortcut", "True or False", [1, 0, "yes", None], []),
    ("cell_bias", "True or False", [1, 0, "yes", None], []),
    ("gate_bias", "True or False", [1, 0, "yes", None], []),
    ("output_bias", "True or False", [1, 0, "yes", None], []),
    ("return_sequences", "True or False", [1, 0, "yes", None], []),
    ("n_channels", "None or an integer", ["2", 2.0, True, [2]], []),
    ("n_channels", "at least 1", [], [0, -1]),
    ("recurrence", "one of ['all', 'gates', 'cells', 'none']", [], ["inputs", None, True, ["all"]]),
    ("cell_input_activation", "'logistic[-2,2]'", [], ["relu", None, np.tanh]),
    ("cell_output_activation", "'logistic[-2,2]'", [], ["relu", None, 1]),
    ("output_activation", "one of ['auto', 'logistic'", [], ["tanh", None, ["softmax"]]),
    ("init_range", '"auto" or a', ["0.1", None, True, [0.1]], [-0.1, NAN, INF]),
    ("init_range", "at most 8.988e+307", [], [1e308, 10**400]),
    ("input_gate_bias", "finite number or one for each of the 3 blocks", [], ["all", "1", True]),
    ("input_gate_bias", "each of the 3 blocks", [], [[1, 2], [], [[1, 2, 3]], [1, 2, NAN]]),
    ("output_gate_bias", "each of the 3 blocks", [], [np.ma.zeros(3), 10**400, ["1"] * 3]),
    ("output_gate_bias", "each of the 3 blocks", [], [NAN, -INF, 1j, [1, 2], [None] * 3, {}]),
    ("forget_gate_bias", "each of the 3 blocks", [], ["one", "random", NAN, [1, 2], True]),
    ("loss", "one of ['squared_error', ", [], ["mse", None, 1, ["log_loss"]]),
    ("gradient", "one of ['truncated', 'full']", [], ["bptt", None, True]),
    ("solver", "one of ['sgd', 'adam', 'rprop', 'lbfgs', 'dekf']", [], ["newton", None, ["adam"], "Adam"]),
    ("update", "one of ['batch', 'sequence', 'step']", [], ["epoch", None, 1]),
    ("learning_rate", NUMBER, ["0.1", None, True, [0.1], 1j], []),
    ("learning_rate", "above 0", [], [0, 0.0, -0.1, NAN, INF, 10**400]),
    ("momentum", NUMBER, ["0.1", None, True], []),
    ("momentum", "at least 0 and below 1", [], [-0.1, 1, 1.5, NAN]),
    ("alpha", '"auto" or a', ["0.1", None, True], [-0.1, NAN, INF]),
    ("clip", NUMBER, ["0.1", True, [1.0]], []),
    ("clip", "above 0", [], [0, -1.0, NAN, INF]),
    ("measurement_noise", NUMBER, ["0.1", None, True, [0.1], 1j], []),
    ("measurement_noise", "above 0", [], [0, -0.1, NAN, INF]),
    ("process_noise", NUMBER, ["0.1", None, True], []),
    ("process_noise", "at least 0", [], [-0.1, NAN, INF]),
    ("initial_covariance", NUMBER, ["0.1", None, True], []),
    ("initial_covariance", "above 0", [], [0, -0.1, NAN, INF]),
    ("batch_size", '"auto" or an integer', ["all", None, True, 2.0], [0, -1]),
    ("max_iter", INTEGER, ["2", 2.0, True, None, INF], []),
    ("max_iter", "at least 1", [], [0, -1]),
    ("tol", NUMBER, ["0.1", None, True], []),
    ("tol", "at least 0", [], [-0.1, NAN, INF]),
    ("n_iter_no_change", INTEGER, ["2", 2.0, True, None], []),
    ("n_iter_no_change", "at least 1", [], [0]),
    ("average", '"auto", True or False', [1, None, "all"], []),
    ("early_stopping", "True or False", [1, "yes", None], []),
    ("validation_fraction", NUMBER, ["0.1", None, True], []),
    ("validation_fraction", "above 0 and below 1", [], [0, 1, -0.1, 2, NAN]),
    ("scoring", "None, a callable or a name", [], ["f2", 1, ["f1"], True]),
    ("shuffle", "True or False", [1, "yes", None], []),
    ("warm_start", "True or False", [1, "yes", None], []),
    ("verbose", INTEGER, ["2", 1.5, None], []),
    ("verbose", "at least 0", [], [-1]),
    ("n_jobs", INTEGER, ["2", 2.0, True], []),
    ("n_jobs", "other than 0", [], [0]),
]
EACH_BAD_ARGUMENT = [
    (name, value, error, expected)
    for name, expected, *values in BAD_ARGUMENTS
    for error, some in zip((TypeError, ValueError), values, strict=True)
    for value in some
]


def of_numpy(value):
    """The same number or text, or a list of them, in NumPy's types."""
    if isinstance(value, list):
        return list(map(of_numpy, value))
    if isinstance(value, int) and abs(value) > 2**63:  # NumPy has none
        return value
    types = {bool: np.bool_, int: np.int64, float: np.float64, complex: np.complex128, str: np.str_}
    return types.get(type(value), lambda other: other)(value)


@pytest.mark.parametrize("types", [lambda value: value, of_numpy], ids=["Python's", "NumPy's"])
@pytest.mark.parametrize(("name", "value", "error", "expected"), EACH_BAD_ARGUMENT, ids=str)
def test_bad_arguments(name, value, error, expected, types):
    words, value = [name, expected, repr(value)], types(value)
    for kind, y in (("classifier", LABELS), ("regressor", NUMBERS)):
        estimator = ESTIMATORS[kind](**SMALL | {name: value})
        if name == "momentum":
            estimator.set_params(solver="sgd")
        assert_refuses(error, words, estimator.fit, X, y)
        classes = [[0, 1, 2]] if kind == "classifier" else []
        assert_refuses(error, words, estimator.partial_fit, X, y, *classes)
        assert estimator.get_params()[name] is value


@pytest.mark.parametrize(
    ("random_state", "error"),
    [
        ("a", TypeError),
        (1.5, TypeError),
        ([0], TypeError),
        (np.random.default_rng(0), TypeError),
        (-1, ValueError),
        (2**32, ValueError),
        (2**40, ValueError),
    ],
    ids=str,
)
def test_bad_random_states(random_state, error):
    words = ["random_state", "None, an int from 0 to 2**32 - 1 or a RandomState", repr(random_state)]
    for kind, y in (("classifier", LABELS), ("regressor", NUMBERS)):
        estimator = ESTIMATORS[kind](**SMALL | {"random_state": random_state})
        assert_refuses(error, words, estimator.fit, X, y)
    reg, _ = fitted()
    assert_refuses(error, words, permutation_importance, reg, X, NUMBERS, random_state=random_state)


ONE, TWO = np.int64(1), np.float64(2)
CLASSES = [np.str_("a"), np.str_("b")]


def of_steps():
    """A model with two streams under way."""
    reg, _ = fitted()
    reg.step(np.zeros((2, 2)))
    return reg


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        (lambda: LSTMClassifier().fit(X, np.zeros(12)), "got one class: 0.0."),
        (lambda: LSTMClassifier().fit(X, np.full(12, "a")), "got one class: 'a'."),
        (lambda: fitted("classifier")[0].partial_fit(X, LABELS, [ONE, TWO]), "classes=[1, 2.0] are not"),
        (
            lambda: fitted("classifier")[0].partial_fit(X, LABELS, np.array([ONE, TWO], dtype=object)),
            "classes=array([1, 2.0], dtype=object) are not",
        ),
        (
            lambda: (
                LSTMClassifier(**SMALL)
                .partial_fit(X[:2], CLASSES, np.array(CLASSES, dtype=object))
                .partial_fit(X[:2], np.array([np.str_("c"), "a"], dtype=object))
            ),
            "not in classes_ ['a', 'b']: ['c'].",
        ),
        (lambda: LSTMClassifier(class_weight={ONE: -TWO}).fit(X, LABELS), "class_weight[1] must"),
        (lambda: LSTMClassifier(class_weight={TWO + 1: 1}).fit(X, LABELS), "the label 3.0, which"),
        (lambda: of_steps().reset_state(TWO), "2 streams under way, got 2.0."),
        (lambda: of_steps().reset_state([ONE, ONE + 4]), "2 streams under way, got [1, 5]."),
        (lambda: SequenceOneHotEncoder().fit(["ab"]).transform(["ac"]), "categories ['c'] in column 0;"),
        (lambda: SequenceOneHotEncoder().fit([[1, 2]]).transform([[3, 1]]), "categories [3] in column 0;"),
        (lambda: SequencePadder(n_steps=ONE - 1).fit(X), "at least 1, got 0."),
        (lambda: SequencePadder(n_steps=TWO).fit(X), "an integer, got 2.0."),
        (lambda: SequenceSummary(statistics=(np.str_("mode"),)).fit(X), "got ('mode',)."),
        (lambda: permutation_importance(fitted()[0], X, NUMBERS, n_repeats=TWO), "an integer, got 2.0."),
        (lambda: StepConfusionDisplay.from_predictions([[1]], [[2]], window=ONE - 1), "got 0."),
        (lambda: LSTMClassifier().fit([TWO, TWO], [0, 1]), "X[0] is 2.0;"),
        (
            lambda: Sequences.from_long({"id": [1, 1], "t": [2, 2]}, id="id", time="t", columns=["t"]),
            "time 2 twice for 1,",
        ),
        (lambda: Sequences.from_long({"v": [1, 1]}, id=ONE), "not have the column 1;"),
        (lambda: Network(TWO, 1), "n_inputs must be an integer, got 2.0."),
        (lambda: Network(2, 1).init_weights(init_range=-TWO), ", got -2.0."),
        (lambda: Network(2, 1).init_weights(random_state=TWO), "or None, got 2.0."),
        (lambda: make_temporal_order(3, n_relevant=ONE), "must be 2 or 3, got 1."),
        (lambda: make_adding(TWO), "must be an integer, got 2.0."),
    ],
)
def test_messages_show_numbers_of_numpy_as_those_of_python(call, shown):
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    message = str(caught.value)
    assert shown in message
    assert "np." not in message


@pytest.mark.parametrize("name", [name for name in sklstm.__all__ if callable(getattr(sklstm, name))])
def test_wrong_keywords_are_refused_in_the_name_of_what_was_called(name):
    """Python's own messages: no private base class has called them."""
    called = getattr(sklstm, name)
    with pytest.raises(TypeError, match=rf"^{name}(\.__\w+__)?\(\) got an unexpected keyword argument"):
        called(n_blokcs=3)
    ours = [base for base in getattr(called, "__mro__", ()) if base.__module__.startswith("sklstm")]
    for method in filter(inspect.isfunction, [member for base in ours for member in vars(base).values()]):
        if not method.__name__.startswith("_"):
            with pytest.raises(TypeError, match=r"^(?!_)[\w.]+\(\) got an unexpected keyword argument"):
                method(None, None, n_blokcs=3)


def test_every_argument_is_refused_somewhere():
    tried = {name for name, *_ in BAD_ARGUMENTS} | {"class_weight", "label_smoothing", "random_state"}
    assert tried == LSTMClassifier().get_params().keys()


FULL_BATCH = ("rprop", "lbfgs")
BAD_PAIRS = [
    *(({"solver": s, "update": "sequence"}, ["update='batch'"]) for s in FULL_BATCH),
    *(({"solver": s, "update": "step", "gradient": "truncated"}, ["update='batch'"]) for s in FULL_BATCH),
    ({"solver": "lbfgs", "batch_size": 5}, ["batch_size='auto'"]),
    ({"solver": "lbfgs", "average": True}, ["average='auto'"]),
    *(({"solver": s, "clip": 1.0}, ["clip='auto'"]) for s in FULL_BATCH),
    *(({"solver": s, "momentum": 0.5}, ["solver='sgd'"]) for s in ("adam", *FULL_BATCH)),
    ({"update": "sequence", "batch_size": 5}, ["batch_size='auto'"]),
    ({"update": "step", "gradient": "truncated", "batch_size": 5}, ["batch_size='auto'"]),
    ({"update": "step", "gradient": "full"}, ["gradient='truncated'"]),
    ({"solver": "lbfgs", "early_stopping": True}, ["'sgd', 'adam', 'rprop' or 'dekf'"]),
    ({"loss": "log_loss", "output_activation": "identity"}, ["'logistic' or 'softmax'"]),
    (
        {"peepholes": True, "input_gate": False, "output_gate": False, "forget_gate": False},
        ["peepholes=True", "at least one gate"],
    ),
    *(
        ({f"{gate}_gate": False, f"{gate}_gate_bias": -1.0}, [f"{gate}_gate=False", "-1.0"])
        for gate in ("input", "output", "forget")
    ),
    *(
        ({"gate_bias": False, f"{gate}_gate_bias": -1.0}, ["gate_bias=False", "-1.0"])
        for gate in ("input", "output", "forget")
    ),
]


@pytest.mark.parametrize(("options", "remedy"), BAD_PAIRS, ids=str)
def test_arguments_that_exclude_each_other(options, remedy):
    names = list(options) if "peepholes" not in options else ["peepholes"]
    if options.get("update") == "step" and "solver" in options:
        names.remove("gradient")
    if "batch_size" in options and "gradient" in options:
        names.remove("gradient")
    words = [*names, *remedy]
    assert_refuses(ValueError, words, LSTMClassifier(**SMALL | options).fit, X, LABELS)
    assert_refuses(ValueError, words, LSTMRegressor(**SMALL | options).fit, X, NUMBERS)


def test_numbers_of_numpy_are_numbers():
    reg = LSTMRegressor(
        n_blocks=np.int64(3),
        max_iter=np.int32(2),
        learning_rate=np.float32(0.01),
        alpha=0,
        clip=np.float64(1),
        batch_size=np.uint8(5),
        shuffle=np.bool_(False),
        forget_gate=np.bool_(True),
        input_gate_bias=np.float32(-1),
        output_gate_bias=(-1, 0, 1),
        verbose=False,
        random_state=np.int64(0),
    ).fit(X, NUMBERS)
    same = LSTMRegressor(
        n_blocks=3,
        max_iter=2,
        learning_rate=float(np.float32(0.01)),
        alpha=0.0,
        clip=1.0,
        batch_size=5,
        shuffle=False,
        input_gate_bias=-1.0,
        output_gate_bias=np.array([-1.0, 0, 1]),
        random_state=0,
    ).fit(X, NUMBERS)
    assert_array_equal(reg.weights_, same.weights_)


def test_a_large_network_is_not_made_to_look_at_its_arguments(monkeypatch):
    """A thousand million weights take seconds and 8 GB: what else is wrong is said before."""
    monkeypatch.setattr(Network, "init_weights", None)
    reg = LSTMRegressor(n_blocks=15_000, solver="lbfgs", momentum=0.5)
    assert_refuses(ValueError, ["momentum=0.5"], reg.fit, X, NUMBERS)


# ------------------------------------------------------------------------------------------------
# weights of a fitted model

BAD_FITTED_WEIGHTS = {
    "NaN": (
        lambda weights: changed(weights, 3, NAN),
        ValueError,
        ["[3] is nan", "finite numbers in float64"],
    ),
    "infinity": (lambda weights: changed(weights, 0, -INF), ValueError, ["[0] is -inf", "finite"]),
    "fewer": (lambda weights: weights[1:], ValueError, ["must have the shape"]),
    "2-D": (lambda weights: weights[np.newaxis], ValueError, ["must have the shape"]),
    "complex": (lambda weights: weights * 1j, TypeError, ["real numbers", "complex128"]),
    "text": (lambda weights: weights.astype(str), TypeError, ["real numbers", "<U"]),
    "None": (lambda weights: [None] * len(weights), TypeError, ["real numbers"]),
    "masked": (lambda weights: np.ma.masked_equal(weights, 0), TypeError, ["real numbers", "masked"]),
    "nothing": (lambda weights: None, TypeError, ["real numbers"]),
}


@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("name", BAD_FITTED_WEIGHTS)
def test_bad_weights_of_a_fitted_model(name, kind, every_step):
    change, error, words = BAD_FITTED_WEIGHTS[name]
    estimator, y = fitted(kind, return_sequences=every_step)
    estimator.weights_ = change(estimator.weights_)
    words = ["weights_", *words]
    for method in (estimator.predict, estimator.activations):
        assert_refuses(error, words, method, X)
    assert_refuses(error, words, estimator.step, X[0][0])
    assert_refuses(error, words, estimator.score, X, y)
    assert_refuses(error, words, estimator.partial_fit, X, y)
    assert_refuses(error, words, estimator.set_params(warm_start=True).fit, X, y)
    if kind == "classifier":
        assert_refuses(error, words, estimator.predict_proba, X)


def test_weights_that_float32_cannot_hold():
    clf, _ = fitted("classifier")
    clf.coefs_["output"][:] = 1e39
    assert np.isfinite(clf.predict_proba(X)).all()
    words = ["weights_[", "is 1e+39; expected finite numbers in float32"]
    assert_refuses(ValueError, words, clf.predict_proba, [x.astype(np.float32) for x in X])


# ------------------------------------------------------------------------------------------------
# a fit that fails changes nothing


def state_of(estimator):
    """A deep copy of all attributes but the work arrays of `step`."""
    return copy.deepcopy({name: value for name, value in vars(estimator).items() if name != "_stepper"})


def same(a, b):
    """Whether two attributes are equal to the bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if hasattr(a, "__dict__") and type(a).__module__.startswith("sklstm._learning"):
        return same(vars(a), vars(b))  # the state of the solver
    return a == b


def assert_unchanged(estimator, before):
    after = {name: value for name, value in vars(estimator).items() if name != "_stepper"}
    assert list(after) == list(before)
    assert [name for name in before if not same(before[name], after[name])] == []


OTHER = [np.ones((3, 4)) * i for i in range(12)]
FAILING_FITS = {
    "X": ({}, (two(at(1, NAN)), [0, 1])),
    "other features, y": ({}, (OTHER, LABELS[:5])),
    "no y": ({}, (OTHER, None)),
    "y": ({}, (OTHER, changed(NUMBERS, 3, NAN))),
    "sample_weight": ({}, (OTHER, LABELS, -np.ones(12))),
    "table, y": ({}, (np.ones((12, 3)), LABELS[:5])),
    "solver": ({"solver": "newton"}, (OTHER, LABELS)),
    "n_blocks": ({"n_blocks": 0}, (OTHER, LABELS)),
    "early_stopping": (
        {"early_stopping": True, "validation_fraction": 0.99},
        (OTHER, LABELS),
    ),
    "warm_start": ({"warm_start": True, "n_blocks": 4}, (X, LABELS)),
    "warm_start, X": ({"warm_start": True}, (OTHER, LABELS)),
    "random_state": ({"random_state": "a"}, (OTHER, LABELS)),
}


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("name", FAILING_FITS)
def test_a_fit_that_fails_changes_nothing(name, kind):
    options, arguments = FAILING_FITS[name]
    estimator, _ = fitted(kind)
    estimator.step(X[0][0])
    unfitted = ESTIMATORS[kind](**SMALL)
    predictions = estimator.predict(X)
    for each in (unfitted, estimator):
        each.set_params(**options)
        if options.get("warm_start") and each is unfitted:
            continue
        before = state_of(each)
        with pytest.raises((ValueError, TypeError)):
            each.fit(*arguments)
        assert_unchanged(each, before)
    assert_array_equal(estimator.predict(X), predictions)
    if kind == "classifier":
        assert_array_equal(estimator.classes_, [0, 1, 2])


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_an_interruption_before_learning_changes_nothing(monkeypatch, kind, error):
    def fails(*_, **__):
        raise error

    estimator, _ = fitted(kind)
    before = state_of(estimator)
    with monkeypatch.context() as patch:
        patch.setattr("sklstm._estimators.base.Trainer", fails)  # the last thing before learning
        for method in (estimator.fit, estimator.partial_fit):
            with pytest.raises(error):
                method(X, LABELS)
        with pytest.raises(error):
            estimator.fit(OTHER, LABELS)
    assert_unchanged(estimator, before)


def test_a_failing_partial_fit_changes_nothing():
    clf, _ = fitted("classifier")
    before = state_of(clf)
    for arguments in (
        (OTHER, LABELS),
        (X, LABELS + 1),
        (X, LABELS[:5]),
        (X, LABELS, [0, 1, 2, 3]),
        (X, LABELS, None, np.zeros(12)),
    ):
        with pytest.raises(ValueError, match=r"y|classes|X|sample_weight"):
            clf.partial_fit(*arguments)
        assert_unchanged(clf, before)


def test_sequences_that_are_changed_after_the_check_are_refused():
    """What was checked is read-only: nobody can put a NaN in it unseen."""
    checked = Sequences.from_lengths(np.concatenate(X), [len(x) for x in X])
    with pytest.raises(ValueError, match="read-only"):
        checked.values[0] = NAN
