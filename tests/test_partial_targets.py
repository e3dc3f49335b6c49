"""Steps without a target: they count nowhere, whatever stands there, and however it is said."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import accuracy_score, f1_score, r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from sklstm import (
    LSTMClassifier,
    LSTMRegressor,
    Sequences,
    cross_val_predict_steps,
    stack_steps,
    step_scorer,
)
from sklstm._sequences import read_steps

RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(3, 9, 30)
X = [RNG.normal(size=(n, 2)) for n in LENGTHS]
TAGS = [(x[:, 0] > 0).astype(int) for x in X]
WORDS = [np.where(tags, "up", "down") for tags in TAGS]
SUMS = [np.cumsum(x[:, 0]) for x in X]
PAIRS = [np.column_stack([np.cumsum(x[:, 0]), x[:, 1]]) for x in X]
ABSENT = [RNG.random(n) < 0.3 for n in LENGTHS]
ABSENT[2][:] = True  # all of a sequence
ABSENT[3][:] = False
WEIGHTS = [(~absent).astype(float) for absent in ABSENT]

SMALL = {"n_blocks": 3, "max_iter": 4, "tol": 0, "random_state": 0, "return_sequences": True}
ON_LINE = {"solver": "sgd", "gradient": "truncated"}
WAYS = {
    "batch": {"batch_size": 7},
    "truncated": {"gradient": "truncated"},
    "threads": {"n_jobs": 2, "batch_size": 30},
    "sequence": {"update": "sequence", "solver": "sgd"},
    "step": {"update": "step", **ON_LINE, "momentum": 0.5},
    "rprop": {"solver": "rprop"},
    "lbfgs": {"solver": "lbfgs"},
}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def with_value(y, value, absent=ABSENT):
    """Objects, with a value where there is no target."""
    pieces = [np.array(target, dtype=object) for target in y]
    for piece, no in zip(pieces, absent, strict=True):
        piece[no] = value
    return pieces


def masked(y, absent=ABSENT):
    return [np.ma.masked_array(target, mask=no) for target, no in zip(y, absent, strict=True)]


def not_a_number(y, absent=ABSENT):
    return [np.where(no, np.nan, target) for target, no in zip(y, absent, strict=True)]


def not_available(y):
    return with_value(y, pytest.importorskip("pandas").NA)


def column(module, make):
    """Lists with None in a column of a library."""

    def form(y):
        library = pytest.importorskip(module)
        return make(library, [piece.tolist() for piece in with_value(y, None)])

    return form


def padded(y):
    """One array for all sequences: beyond their last step there is no target either."""
    width = max(map(len, y)) + 1
    full = np.full((len(y), width), np.nan)
    for i, target in enumerate(not_a_number(y)):
        full[i, : len(target)] = target
    return full


FORMS = {
    "None": lambda y: with_value(y, None),
    "lists": lambda y: [piece.tolist() for piece in with_value(y, None)],
    "NaN among objects": lambda y: with_value(y, np.nan),
    "masked": masked,
    "masked NaN": lambda y: masked(with_value(y, np.nan)),
    "None for a sequence": lambda y: [
        None if no.all() else t for t, no in zip(masked(y), ABSENT, strict=True)
    ],
    "pandas.NA": not_available,
    "pandas": column("pandas", lambda pd, y: pd.Series(y)),
    "polars": column("polars", lambda pl, y: pl.Series(y)),
    "pyarrow": column("pyarrow", lambda pa, y: pa.array(y)),
    "awkward": column("awkward", lambda ak, y: ak.Array(y)),
}
NUMERIC = {
    "NaN": not_a_number,
    "padded": padded,
    "masked and padded": lambda y: np.ma.masked_invalid(padded(y)),
    "nullable": lambda y: [
        pytest.importorskip("pandas").array(piece.tolist(), dtype="Float64") for piece in with_value(y, None)
    ],
}


def fit(estimator, way, y, dtype=float, **options):
    return clone(estimator).set_params(**WAYS[way]).fit([x.astype(dtype) for x in X], y, **options)


CLF, REG = LSTMClassifier(**SMALL), LSTMRegressor(**SMALL)
KINDS = {"tags": (CLF, TAGS), "words": (CLF, WORDS), "numbers": (REG, SUMS)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_without_target_is_one_of_weight_zero_whatever_stands_there(kind, way, dtype):
    estimator, y = KINDS[kind]
    anything = {"tags": 7, "words": "sideways", "numbers": 1e9}[kind]
    expected = fit(estimator, way, y, dtype, sample_weight=WEIGHTS)
    assert_array_equal(fit(estimator, way, masked(y), dtype).weights_, expected.weights_)
    other = fit(estimator, way, with_value(y, anything), dtype, sample_weight=WEIGHTS)
    assert_array_equal(other.weights_, expected.weights_)
    assert_array_equal(getattr(other, "classes_", 0), getattr(expected, "classes_", 0))
    assert not np.array_equal(fit(estimator, way, y, dtype).weights_, expected.weights_)


@pytest.mark.parametrize("form", [*FORMS, *NUMERIC])
@pytest.mark.parametrize("kind", KINDS)
def test_every_way_to_say_that_there_is_no_target(kind, form):
    estimator, y = KINDS[kind]
    if kind == "words" and form in NUMERIC:
        pytest.skip("not of text")
    given = (FORMS | NUMERIC)[form](y)
    expected = fit(estimator, "batch", y, sample_weight=WEIGHTS)
    model = fit(estimator, "batch", given)
    assert_array_equal(model.weights_, expected.weights_)
    assert model.score(X, given) == expected.score(X, y, sample_weight=WEIGHTS)
    if kind == "tags":
        assert model.classes_.dtype.kind == "i"


@pytest.mark.parametrize("way", ["batch", "step", "lbfgs"])
def test_targets_at_the_last_steps_are_targets_of_sequences(way):
    """The independent way to the same weights: an output layer that only the last step has."""
    last = [np.r_[np.full(len(x) - 1, np.nan), x[:, 0].sum()] for x in X]
    steps = clone(REG).set_params(**WAYS[way]).fit(X, last)
    one = clone(REG).set_params(return_sequences=False, **WAYS[way]).fit(X, [t[-1] for t in last])
    assert_allclose(steps.weights_, one.weights_, rtol=1e-9, atol=1e-12)
    assert_allclose(steps.loss_curve_, one.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_the_mean_over_the_targets_that_are_there(kind):
    estimator, y = KINDS[kind]
    still = {"solver": "sgd", "learning_rate": 2.0**-200, "max_iter": 1, "update": "sequence"}
    model = clone(estimator).set_params(**still).fit(X, masked(y))
    there = ~np.concatenate(ABSENT)
    labels = np.concatenate(y)[there]
    if kind == "numbers":
        each = 0.5 * (np.concatenate(list(model.predict(X)))[there] - labels) ** 2
    else:
        p = np.concatenate(list(model.predict_proba(X)))[there]
        each = -np.log(p[np.arange(len(p)), np.searchsorted(model.classes_, labels)])
    assert_allclose(model.loss_curve_, np.mean(each), rtol=1e-12)


def test_weights_of_steps_are_those_of_the_network():
    """One step of gradient descent, by the gradient that `Network` gives for these weights."""
    weight = [RNG.uniform(size=n) * ~absent for n, absent in zip(LENGTHS, ABSENT, strict=True)]
    one = {"solver": "sgd", "max_iter": 1, "batch_size": 30, "loss": "log_loss"}
    y = [np.where(no, np.nan, np.clip(np.abs(t), 0, 1)) for t, no in zip(SUMS, ABSENT, strict=True)]
    full = [np.nan_to_num(t) for t in y]
    start = clone(REG).set_params(**one, learning_rate=2.0**-200).fit(X, y, sample_weight=weight)
    model = clone(REG).set_params(**one, learning_rate=0.1).fit(X, y, sample_weight=weight)
    _, gradient = start.network_.loss_and_gradient(
        start.weights_, X, full, loss="log_loss", sample_weight=weight
    )
    expected = start.weights_ - 0.1 * gradient / np.concatenate(weight).sum()
    assert_allclose(model.weights_, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("n_layers", [1, 2])
def test_small_weights_after_a_large_one_count(n_layers):
    """Each mini-batch is divided by its own weight, be it 1 after a mini-batch of 1e21."""
    options = {"solver": "sgd", "batch_size": 1, "shuffle": False, "max_iter": 1, "n_layers": n_layers}
    weight = [np.full(n, 2.0**70 if i == 0 else 1.0) for i, n in enumerate(LENGTHS)]
    alone = [np.where(w > 1, w, 0.0) for w in weight]
    model = clone(CLF).set_params(**options).fit(X, TAGS, sample_weight=weight)
    first = clone(CLF).set_params(**options).fit(X, TAGS, sample_weight=alone)
    assert np.abs(model.weights_ - first.weights_).max() > 1e-3


@pytest.mark.parametrize("way", ["batch", "step", "lbfgs"])
def test_single_outputs_of_a_step(way):
    """The output layer of an output that is missing learns nothing from it: each output has its own loss."""
    absent = [RNG.random((n, 2)) < 0.3 for n in LENGTHS]
    given = [np.where(no, np.nan, t) for t, no in zip(PAIRS, absent, strict=True)]
    weights = [(~no).astype(float) for no in absent]
    model = fit(REG, way, given)
    for other in (
        fit(REG, way, masked(PAIRS, absent)),
        fit(REG, way, with_value(PAIRS, None, absent)),
        fit(REG, way, PAIRS, sample_weight=weights),
    ):
        assert_array_equal(model.weights_, other.weights_)
    flat, there = np.concatenate(PAIRS), ~np.concatenate(absent)
    predicted = np.concatenate(list(model.predict(X)))
    expected = np.mean([r2_score(flat[there[:, k], k], predicted[there[:, k], k]) for k in (0, 1)])
    assert_allclose(model.score(X, given), expected, rtol=1e-12)
    assert_allclose(step_scorer("r2")(model, X, given), expected, rtol=1e-12)


def test_an_output_without_any_target_has_no_score():
    given = [np.column_stack([t, np.full(len(t), np.nan)]) for t in SUMS]
    model = fit(REG, "batch", given)
    assert_allclose(
        model.score(X, given), r2_score(np.concatenate(SUMS), np.concatenate(list(model.predict(X)))[:, 0])
    )


def test_the_score_leaves_them_out():
    model = fit(CLF, "batch", masked(TAGS))
    there = ~np.concatenate(ABSENT)
    right, predicted = np.concatenate(TAGS)[there], np.concatenate(list(model.predict(X)))[there]
    assert model.score(X, masked(TAGS)) == accuracy_score(right, predicted)
    assert step_scorer("f1")(model, X, masked(TAGS)) == f1_score(right, predicted)
    with_nothing = [np.full(n, np.nan) for n in LENGTHS]
    with pytest.raises(ValueError, match=r"nothing to score|no target"):
        model.score(X, with_nothing)


def test_classes_are_those_of_the_targets_that_count():
    y = [np.where(no, 9, t) for t, no in zip(TAGS, ABSENT, strict=True)]
    assert_array_equal(fit(CLF, "batch", y, sample_weight=WEIGHTS).classes_, [0, 1])
    assert_array_equal(fit(CLF, "batch", y).classes_, [0, 1, 9])


def test_balanced_classes_count_the_targets_that_are_there():
    rare = [np.where(RNG.random(n) < 0.2, 1, 0) for n in LENGTHS]
    model = fit(clone(CLF).set_params(class_weight="balanced"), "batch", masked(rare))
    n = np.bincount(np.concatenate(rare)[~np.concatenate(ABSENT)])
    by_hand = {0: n.sum() / 2 / n[0], 1: n.sum() / 2 / n[1]}
    other = fit(clone(CLF).set_params(class_weight=by_hand), "batch", masked(rare))
    assert_allclose(model.weights_, other.weights_, rtol=1e-9)


@pytest.mark.parametrize("kind", ["tags", "numbers"])
@pytest.mark.parametrize("scoring", [False, True])
def test_early_stopping_looks_at_the_targets_that_are_there(kind, scoring):
    estimator, y = KINDS[kind]
    estimator = clone(estimator).set_params(early_stopping=True, validation_fraction=0.3)
    if scoring:
        estimator.set_params(scoring="f1" if kind == "tags" else "neg_mean_absolute_error")
    model = clone(estimator).fit(X, masked(y))
    other = clone(estimator).fit(X, y, sample_weight=WEIGHTS)
    assert_array_equal(model.weights_, other.weights_)
    assert model.validation_scores_ == other.validation_scores_
    own = clone(estimator).fit(X, y, X_val=X[:9], y_val=masked(y)[:9])
    found = max(own.validation_scores_)
    scorer = estimator.score if not scoring else None
    if scorer is None:
        assert_allclose(step_scorer(estimator.scoring)(own, X[:9], masked(y)[:9]), found, rtol=1e-12)
    else:
        assert_allclose(own.score(X[:9], masked(y)[:9]), found, rtol=1e-12)


def test_the_mark_of_other_libraries_is_no_class():
    y = [np.where(no, -100, t) for t, no in zip(TAGS, ABSENT, strict=True)]
    with pytest.raises(ValueError, match=r"y\[\d+\]\[\d+\] is -100, .* weight 0"):
        CLF.fit(X, y)
    text = [np.array(piece.tolist()) for piece in with_value(WORDS, np.nan)]  # NumPy makes text of it
    assert any("nan" in piece.tolist() for piece in text)
    with pytest.raises(ValueError, match=r"is 'nan', .*None"):
        CLF.fit(X, text)
    assert_array_equal(fit(CLF, "batch", y, sample_weight=WEIGHTS).classes_, [0, 1])
    named = clone(CLF).partial_fit(X, y, classes=[-100, 0, 1])
    assert_array_equal(named.classes_, [-100, 0, 1])


def test_searches_and_cross_validated_predictions():
    y = not_a_number(TAGS)
    scores = cross_val_score(CLF, X, y, cv=3, error_score="raise")
    assert len(scores) == 3
    search = GridSearchCV(
        CLF, {"n_blocks": [2, 3]}, cv=KFold(3), scoring=step_scorer("f1"), error_score="raise"
    )
    assert search.fit(X, y).best_params_["n_blocks"] in (2, 3)
    p = cross_val_predict_steps(CLF, X, y, cv=3, method="predict_proba")
    assert [part.shape for part in p] == [(n, 2) for n in LENGTHS]
    true, p = stack_steps(y, p)
    assert len(true) == len(p) == (~np.concatenate(ABSENT)).sum()
    assert_array_equal(true, np.concatenate(TAGS)[~np.concatenate(ABSENT)])


def test_streams_learn_from_the_steps_that_have_a_target():
    """One sequence, in one call or in chunks, of which one has no target at all."""
    x, y = RNG.normal(size=(40, 2)), RNG.normal(size=40)
    y[RNG.random(40) < 0.5] = np.nan
    y[7:20] = np.nan
    options = SMALL | {"update": "step", "max_iter": 1, **ON_LINE}
    whole = LSTMRegressor(**options).partial_fit([x], [y], continued=True)
    parts = LSTMRegressor(**options)
    for lo, hi in ((0, 7), (7, 20), (20, 40)):
        parts.partial_fit([x[lo:hi]], [y[lo:hi]], continued=True)
    assert_array_equal(whole.weights_, parts.weights_)
    assert np.isnan(parts.loss_curve_).tolist() == [False, True, False]
    again = pickle.loads(pickle.dumps(parts))
    assert_array_equal(again.step(x[0]), parts.step(x[0]))


def test_bad_weights_of_steps():
    bad = [w.copy() for w in WEIGHTS]
    bad[4][1] = -1
    for weight, words in (
        (bad, r"not negative, got -1.0 in sample_weight\[4\]\[1\]"),
        (WEIGHTS[:-1], r"weights for 29 of 30 sequences"),
        ([w[:-1] for w in WEIGHTS], r"sample_weight\[0\] has shape .* one weight for each of the 8 steps"),
        ([np.zeros(n) for n in LENGTHS], "nothing is left to learn from"),
    ):
        with pytest.raises(ValueError, match=words):
            CLF.fit(X, TAGS, sample_weight=weight)
    with pytest.raises(ValueError, match="contains no target"):
        REG.fit(X, [None] * 30)


def test_what_is_read():
    targets = read_steps([["a", None], np.array(["b"]), None], np.array([2, 1, 2]))
    assert_array_equal(targets.counted(), [True, False, True, False, False])
    assert_array_equal(targets.natural(targets.counted()), ["a", "", "b", "", ""])
    mixed = read_steps([[None, 1], ["a"]], np.array([2, 1]))
    with pytest.raises(ValueError, match=r"y\[1\]\[0\] is 'a', y\[0\]\[1\] is 1"):
        mixed.natural(mixed.counted())


def test_the_mark_of_other_libraries_is_no_class_in_a_score_either():
    X = [np.random.default_rng(i).normal(size=(4, 1)) for i in range(10)]
    tags = [(x[:, 0] > 0).astype(int) for x in X]
    marked = [np.r_[-100, tag[1:]] for tag in tags]
    clf = LSTMClassifier(n_blocks=2, max_iter=2, return_sequences=True, random_state=0)
    with pytest.raises(ValueError, match=r"y\[0\]\[0\] is -100, which often marks a step without a label"):
        clone(clf).fit(X, tags).score(X, marked)
    with pytest.raises(ValueError, match=r"-100, which often marks a step without a label"):
        clone(clf).partial_fit(X, marked, classes=[0, 1])
    for mark in ("-100", "nan", "<NA>"):
        with pytest.raises(ValueError, match=f"{mark!r}, which often marks"):
            clone(clf).fit(X, [[mark, *tag[1:].astype(str)] for tag in tags])
    known = clone(clf).partial_fit(X, marked, classes=[-100, 0, 1])
    assert known.classes_.tolist() == [-100, 0, 1]
    assert 0 <= known.score(X, marked) <= 1


def test_weights_of_steps_in_other_containers():
    X = [np.random.default_rng(i).normal(size=(n, 1)) for i, n in enumerate((3, 5, 4, 6))]
    tags = [(x[:, 0] > x[:, 0].mean()).astype(int) for x in X]
    weight = [np.r_[0.0, np.ones(len(x) - 1)] for x in X]
    clf = LSTMClassifier(n_blocks=2, max_iter=2, return_sequences=True, random_state=0)
    expected = clone(clf).fit(X, tags, sample_weight=weight).weights_
    forms = [Sequences.from_lengths(np.concatenate(weight)[:, np.newaxis], [len(x) for x in X])]
    try:
        import pyarrow
    except ImportError:
        pass
    else:
        forms.append(pyarrow.array([w.tolist() for w in weight]))
    for form in forms:
        assert_array_equal(clone(clf).fit(X, tags, sample_weight=form).weights_, expected)


def test_numbers_as_text_that_are_none():
    X = [np.ones((2, 1)), np.ones((2, 1))]
    reg = LSTMRegressor(n_blocks=1, max_iter=1, return_sequences=True, random_state=0)
    with pytest.raises(ValueError, match=r"y\[0\]\[0\] is 'nan' \(not finite\)"):
        reg.fit(X, [["nan", "1"], ["2", "3"]])
