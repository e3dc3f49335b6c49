"""Targets: their scale, columns of labels, rare classes, validation, and messages that say what to do."""

import copy
import datetime
import fractions
import pickle
import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, f1_score, make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor, TransformedStepTargetRegressor, stack_steps, step_scorer

RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(3, 9, 40)
X = [RNG.normal(size=(n, 2)) for n in LENGTHS]
LABELS = np.array([int(x[:, 0].sum() > 0) for x in X])
SUMS = np.array([x[:, 0].sum() for x in X])
TAGS = [(x[:, 0] > 0).astype(int) for x in X]
RUNNING = [np.cumsum(x[:, 0]) for x in X]
SMALL = {"n_blocks": 4, "max_iter": 5, "tol": 0, "random_state": 0}

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# ------------------------------------------------------------------------------------------------
# the scale of targets of regression


def every_kind():
    """Name -> targets, options: one or two outputs, per sequence or per step."""
    steps = {"return_sequences": True}
    two = np.column_stack([SUMS, [x[-1, 1] for x in X]])
    return {
        "sequences": (SUMS, {}),
        "two outputs": (two, {}),
        "steps": (RUNNING, steps),
        "steps, two outputs": (
            [np.column_stack([r, x[:, 1]]) for r, x in zip(RUNNING, X, strict=True)],
            steps,
        ),
    }


def changed(y, a, b):
    return [a + b * target for target in y] if isinstance(y, list) else a + b * y


@ignore_convergence
@pytest.mark.parametrize(("a", "b"), [(0, 2.0**20), (0, 2.0**-20)])
@pytest.mark.parametrize("solver", ["adam", "lbfgs", "rprop", "sgd"])
@pytest.mark.parametrize("kind", every_kind())
def test_another_unit_of_the_targets_changes_no_bit(kind, solver, a, b):
    y, options = every_kind()[kind]
    reg = LSTMRegressor(solver=solver, **SMALL, **options)
    one, other = clone(reg).fit(X, y), clone(reg).fit(X, changed(y, a, b))
    assert one.loss_curve_ == other.loss_curve_
    for p, q in zip(one.predict(X), other.predict(X), strict=True):
        assert_allclose(q, a + b * p, rtol=1e-12)


@pytest.mark.parametrize(("a", "b"), [(100, 1), (0, 1e-4), (-1e5, 3e3)])
@pytest.mark.parametrize("kind", every_kind())
def test_any_scale_is_learned_as_well(kind, a, b):
    y, options = every_kind()[kind]
    reg = LSTMRegressor(n_blocks=8, max_iter=60, tol=0, random_state=0, **options)
    with warnings.catch_warnings(action="ignore"):
        expected = clone(reg).fit(X, y).score(X, y)
        found = clone(reg).fit(X, changed(y, a, b)).score(X, changed(y, a, b))
    assert expected > 0.8
    assert abs(found - expected) < 0.05


@ignore_convergence
def test_weights_are_in_the_units_of_the_targets():
    """`Network`, `step`, `coefs_` and copies say what `predict` says."""
    y = 1000 + 50 * SUMS
    reg = LSTMRegressor(**SMALL).fit(X, y)
    predicted = reg.predict(X)
    assert_allclose(reg.network_.forward(reg.weights_, X)[:, 0], predicted, rtol=1e-12)
    assert np.shares_memory(reg.coefs_["output"], reg.weights_)
    for model in (copy.deepcopy(reg), pickle.loads(pickle.dumps(reg))):
        assert_array_equal(model.predict(X), predicted)
        for x in X[0]:
            output = model.step(x)
        assert_allclose(output, predicted[:1], rtol=1e-12)
    assert 900 < reg.coefs_["output"][0, -1] < 1100


@ignore_convergence
@pytest.mark.parametrize("saved", [False, True])
def test_learning_goes_on_in_the_same_scale(saved):
    y = 1000 + 50 * SUMS
    reg = LSTMRegressor(shuffle=False, warm_start=True, **SMALL)
    whole = clone(reg).set_params(max_iter=10).fit(X, y)
    parts = clone(reg).fit(X, y)
    if saved:
        parts = pickle.loads(pickle.dumps(parts))
    parts.fit(X, y)
    assert_array_equal(parts.weights_, whole.weights_)
    assert parts.loss_curve_ == whole.loss_curve_
    steps = clone(reg)
    for _ in range(10):
        steps.partial_fit(X, y)
    assert_array_equal(steps.weights_, whole.weights_)


@ignore_convergence
def test_weights_that_were_set_are_learned_from():
    y = 1000 + 50 * SUMS
    reg = LSTMRegressor(warm_start=True, **SMALL | {"max_iter": 1}).fit(X, y)
    reg.coefs_["output"][0, -1] += 25
    right = 0.5 * np.mean((reg.predict(X) - y) ** 2)
    reg.set_params(solver="sgd", learning_rate=2.0**-200, alpha=0, batch_size=40).fit(X, y)
    scale = reg.loss_curve_[-1] / right
    assert_allclose(scale, 1 / np.var(y), rtol=1e-3)


@ignore_convergence
@pytest.mark.parametrize("bias", [True, False])
def test_without_a_bias_of_the_outputs_only_the_deviation_is_taken(bias):
    reg = LSTMRegressor(output_bias=bias, **SMALL | {"max_iter": 60}).fit(X, 1e6 * SUMS)
    assert reg.score(X, 1e6 * SUMS) > 0.5


@ignore_convergence
@pytest.mark.parametrize("y", [np.full(40, 7.0), np.full(40, -1e9), np.zeros(40)])
def test_constant_targets(y):
    reg = LSTMRegressor(**SMALL | {"max_iter": 50}).fit(X, y)
    assert_allclose(reg.predict(X), y, atol=0.2 * max(abs(y[0]), 1))


@ignore_convergence
@pytest.mark.parametrize(
    "options", [{"update": "sequence", "solver": "sgd"}, {"output_activation": "logistic"}]
)
def test_what_is_learned_as_it_is(options):
    """On-line learning is that of 1997, and logistic outputs have a scale of their own."""
    reg = LSTMRegressor(**SMALL, **options).fit(X, np.abs(np.tanh(SUMS)))
    assert reg._scaling is None


@ignore_convergence
def test_early_stopping_scores_in_the_units_of_the_targets():
    y = 1000 + 50 * SUMS
    reg = LSTMRegressor(early_stopping=True, scoring="neg_mean_absolute_error", **SMALL)
    reg.fit(X, y, X_val=X[:10], y_val=y[:10])
    assert_allclose(max(reg.validation_scores_), -mean_absolute_error(y[:10], reg.predict(X[:10])))
    assert max(reg.validation_scores_) < -5


# ------------------------------------------------------------------------------------------------
# the scale of channels


@ignore_convergence
@pytest.mark.parametrize("scale", [2.0**10, 2.0**-10])
@pytest.mark.parametrize(
    "options", [{}, {"solver": "lbfgs"}, {"shortcut": True, "peepholes": True, "recurrence": "all"}]
)
def test_channels_far_from_one_are_learned_as_near_ones(scale, options):
    """A channel that is 1024 times as large has weights of a 1024th; all else is the same to the bit."""
    unit = [x * [1.0, 1.0] for x in X]
    size = np.sqrt(np.mean(np.concatenate(X)[:, 1] ** 2))
    assert 0.75 < size < 1.4  # 2**10 times that is near 2**10
    far = [x * [1.0, scale] for x in X]
    near, other = (LSTMClassifier(**SMALL, **options).fit(x, LABELS) for x in (unit, far))
    assert near.loss_curve_ == other.loss_curve_
    for name, part in near.coefs_.items():
        first = 4 if name == "output" else 0
        expected = part.copy()
        if name in ("cell", "input_gate", "forget_gate", "output_gate") or (
            name == "output" and len(options) > 1
        ):
            expected[:, first + 1] /= scale
        assert_array_equal(other.coefs_[name], expected)
    assert_allclose(other.predict_proba(far), near.predict_proba(unit), rtol=1e-9)


@ignore_convergence
def test_scaled_channels_go_on():
    far = [1000 * x for x in X]
    reg = LSTMRegressor(shuffle=False, warm_start=True, **SMALL)
    whole = clone(reg).set_params(max_iter=10).fit(far, SUMS)
    parts = pickle.loads(pickle.dumps(clone(reg).fit(far, SUMS))).fit(far, SUMS)
    assert_array_equal(parts.weights_, whole.weights_)
    in_sparse = clone(reg).fit(far, SUMS).fit([sparse.csr_array(x) for x in far], SUMS)
    assert_allclose(in_sparse.weights_, whole.weights_, rtol=1e-9)
    for x in far[0]:
        output = whole.step(x)
    assert_allclose(output, whole.predict(far[:1]), rtol=1e-12)
    early = clone(reg).set_params(early_stopping=True)
    for scoring in (None, "r2"):
        early.set_params(scoring=scoring, warm_start=False).fit(far, SUMS, X_val=far[:9], y_val=SUMS[:9])
        assert_allclose(early.score(far[:9], SUMS[:9]), max(early.validation_scores_), rtol=1e-9)


@ignore_convergence
def test_what_is_not_scaled():
    """Sparse inputs, numbers near 1, and the learning of 1997 with weights of one's own range."""
    far = [1000 * x for x in X]
    for options, data in (
        ({}, [sparse.csr_array(x) for x in far]),
        ({"update": "sequence", "solver": "sgd"}, far),
        ({"init_range": 0.1}, far),
        ({}, [(x > 0) * 1.0 for x in X]),
    ):
        assert LSTMClassifier(**SMALL, **options).fit(data, LABELS)._scaling is None


@ignore_convergence
def test_a_warning_of_channels_that_hardly_vary():
    shifted = [x + np.array([0, 300]) for x in X]
    with pytest.warns(UserWarning, match=r"channel 1 is 300\S* ± 1.*SequenceScaler\(\), LSTMClassifier"):
        LSTMClassifier(**SMALL).fit(shifted, LABELS)


# ------------------------------------------------------------------------------------------------
# several labels each


MANY = np.column_stack([SUMS > 0, [x[-1, 1] > 0 for x in X], [len(x) > 5 for x in X]]).astype(int)


@ignore_convergence
@pytest.mark.parametrize(
    "form",
    [
        np.asarray,
        sparse.csr_array,
        lambda y: y.tolist(),
        lambda y: y.astype(bool),
        lambda y: pytest.importorskip("pandas").DataFrame(y, columns=["a", "b", "c"]),
    ],
    ids=["array", "sparse", "lists", "bool", "frame"],
)
def test_several_labels(form):
    clf = LSTMClassifier(n_blocks=16, max_iter=150, tol=0, random_state=0).fit(X, form(MANY))
    assert clf.network_.output_activation == "logistic"
    assert_array_equal(clf.classes_, [0, 1, 2])
    p, labels = clf.predict_proba(X), clf.predict(X)
    assert_array_equal(labels, p > 0.5)
    assert_array_equal(labels, clf.decision_function(X) > 0)
    assert clf.score(X, form(MANY)) == accuracy_score(MANY, labels) > 0.9
    assert_allclose(clf.predict_log_proba(X), np.log(p))


@ignore_convergence
def test_several_labels_are_learned_as_each_for_itself():
    """The output layer of an identical hidden layer: the loss is the sum of those of single labels."""
    still = {"solver": "sgd", "learning_rate": 2.0**-200, "max_iter": 1, "alpha": 0}
    clf = LSTMClassifier(**SMALL | still).fit(X, MANY)
    p = clf.predict_proba(X)
    each = -(MANY * np.log(p) + (1 - MANY) * np.log(1 - p)).sum(axis=1)
    assert_allclose(clf.loss_curve_, each.mean(), rtol=1e-12)


@ignore_convergence
def test_several_labels_at_every_step_and_missing_ones():
    y = [np.column_stack([t, 1 - t]) for t in TAGS]
    clf = LSTMClassifier(return_sequences=True, **SMALL | {"max_iter": 40}).fit(X, y)
    assert clf.predict(X)[0].shape == (len(X[0]), 2)
    assert clf.score(X, y) > 0.8
    mask = [RNG.random(t.shape) < 0.3 for t in y]
    other = [np.where(m, 1 - t, t) for m, t in zip(mask, y, strict=True)]
    one, two = (
        clone(clf).fit(X, [np.ma.masked_array(t, mask=m) for t, m in zip(each, mask, strict=True)])
        for each in (y, other)
    )
    assert_array_equal(one.weights_, two.weights_)
    assert not np.array_equal(one.weights_, clf.weights_)


@ignore_convergence
def test_several_labels_in_partial_fit_and_scores():
    clf = LSTMClassifier(**SMALL)
    clf.partial_fit(X[:20], MANY[:20], classes=[0, 1, 2]).partial_fit(X[20:], MANY[20:])
    assert clf.n_iter_ == 2
    scores = cross_val_score(clf, X, MANY, cv=3, scoring="f1_macro", error_score="raise")
    assert len(scores) == 3
    with pytest.raises(ValueError, match=r"fitted on 3 columns"):
        clf.partial_fit(X, LABELS)
    with pytest.raises(ValueError, match=r"class_weight must be None if y has columns"):
        LSTMClassifier(class_weight="balanced", **SMALL).fit(X, MANY)
    with pytest.raises(ValueError, match=r"y\[1, 0\] is 2; .* 1d array.*MultiOutputClassifier"):
        LSTMClassifier(**SMALL).fit(X, np.column_stack([np.arange(40) % 4 * 2, LABELS]))
    MultiOutputClassifier(LSTMClassifier(**SMALL)).fit(X, np.column_stack([np.arange(40) % 3, LABELS]))


# ------------------------------------------------------------------------------------------------
# rare and late classes


RARE = np.array(["a"] * 20 + ["b"] * 19 + ["c"])


def test_early_stopping_with_one_sequence_of_each_class():
    with pytest.raises(ValueError, match=r"cannot hold out .* each class has one sequence.*X_val"):
        LSTMClassifier(early_stopping=True, **SMALL).fit(X[:2], ["a", "b"])


@ignore_convergence
@pytest.mark.parametrize(
    "labels", [RARE, np.repeat(np.arange(10), 4), np.r_[np.arange(8), np.arange(32) % 2]]
)
def test_early_stopping_keeps_rare_classes_to_learn_from(labels):
    clf = LSTMClassifier(early_stopping=True, scoring="accuracy", **SMALL)
    with pytest.warns(UserWarning, match=r"none of the classes \[.*X_val"):
        clf.fit(X, labels)
    assert len(clf.validation_scores_) == 5
    assert_array_equal(clf.classes_, np.unique(labels))


@ignore_convergence
def test_class_weights_of_labels_that_a_fold_lacks():
    clf = LSTMClassifier(class_weight={"a": 1, "b": 1, "c": 5}, **SMALL)
    with warnings.catch_warnings(action="ignore"):
        assert len(cross_val_score(clf, X, RARE, cv=3, error_score="raise")) == 3
    part = RARE != "c"
    expected = (
        clone(clf)
        .set_params(class_weight={"a": 1, "b": 1})
        .fit([x for x, p in zip(X, part) if p], RARE[part])
    )
    found = clf.fit([x for x, p in zip(X, part) if p], RARE[part])
    assert_array_equal(found.weights_, expected.weights_)
    for wrong in ({1: 2, "a": 1}, {"d": 1}):
        with pytest.raises(ValueError, match=r"class_weight has the label .* which is not in y"):
            clone(clf).set_params(class_weight=wrong).fit(X, RARE)


def test_a_class_that_comes_late():
    clf = LSTMClassifier(**SMALL).partial_fit(X[:2], ["a", "b"], classes=["a", "b"])
    with pytest.raises(ValueError, match=r"\['c'\]\. The first is y\[0\]\. .*classes= in the first call"):
        clf.partial_fit(X[:1], ["c"])


# ------------------------------------------------------------------------------------------------
# validation


@ignore_convergence
def test_a_validation_set_of_ones_own():
    clf = LSTMClassifier(early_stopping=True, **SMALL | {"max_iter": 30, "learning_rate": 0.1})
    clf.fit(X[:30], LABELS[:30], X_val=X[30:], y_val=LABELS[30:])
    assert_allclose(clf.score(X[30:], LABELS[30:]), max(clf.validation_scores_))
    weight = np.arange(10) % 3
    clf.fit(X[:30], LABELS[:30], X_val=X[30:], y_val=LABELS[30:], sample_weight_val=weight)
    assert_allclose(clf.score(X[30:], LABELS[30:], weight), max(clf.validation_scores_))
    # all of X is learned from
    one = LSTMClassifier(early_stopping=True, **SMALL | {"max_iter": 1})
    plain = LSTMClassifier(**SMALL | {"max_iter": 1})
    assert_array_equal(one.fit(X, LABELS, X_val=X, y_val=LABELS).weights_, plain.fit(X, LABELS).weights_)


@ignore_convergence
def test_groups_stay_together():
    groups = np.arange(40) // 4
    clf = LSTMClassifier(early_stopping=True, validation_fraction=0.2, **SMALL | {"max_iter": 1})
    weights = clf.fit(X, LABELS, groups=groups).weights_
    held = []
    for i in range(40):
        other = [-x if k == i else x for k, x in enumerate(X)]
        if np.array_equal(clf.fit(other, LABELS, groups=groups).weights_, weights):
            held.append(i)
    assert len(held) == 8
    assert len(set(groups[held])) == 2


@ignore_convergence
@pytest.mark.parametrize(
    ("scoring", "metric"),
    [("f1", f1_score), (make_scorer(f1_score, pos_label=0), lambda *a: f1_score(*a, pos_label=0))],
)
def test_scoring_chooses_the_weights(scoring, metric):
    clf = LSTMClassifier(
        early_stopping=True, scoring=scoring, **SMALL | {"max_iter": 30, "learning_rate": 0.1}
    )
    clf.fit(X[:30], LABELS[:30], X_val=X[30:], y_val=LABELS[30:])
    assert_allclose(metric(LABELS[30:], clf.predict(X[30:])), max(clf.validation_scores_))
    tagger = clone(clf).set_params(return_sequences=True, max_iter=5)
    tagger.fit(X[:30], TAGS[:30], X_val=X[30:], y_val=TAGS[30:])
    assert_allclose(metric(*stack_steps(TAGS[30:], tagger.predict(X[30:]))), max(tagger.validation_scores_))


def test_what_validation_refuses():
    stops = LSTMClassifier(early_stopping=True, **SMALL)
    for clf, options, words in (
        (LSTMClassifier(**SMALL), {"X_val": X, "y_val": LABELS}, "X_val .* needs early_stopping=True"),
        (LSTMClassifier(**SMALL), {"groups": LABELS}, "groups .* needs early_stopping=True"),
        (stops, {"X_val": X}, "go together, got only X_val"),
        (stops, {"X_val": X, "y_val": LABELS, "groups": LABELS}, "give one of them"),
        (stops, {"groups": LABELS[:9]}, r"groups has shape \(9,\); expected \(40,\)"),
        (stops, {"groups": np.zeros(40)}, "cannot hold out"),
        (stops, {"X_val": X, "y_val": LABELS[:9]}, "X_val and y_val: .* 40 in X and 9 in y"),
        (stops, {"X_val": X[:2], "y_val": [3, 4]}, "X_val and y_val: .*not in classes_"),
        (clone(stops).set_params(scoring="f2"), {}, "scoring must be None, a callable or a name"),
        (
            clone(stops).set_params(scoring=lambda *a: np.nan),
            {},
            "scoring=.* gives nan for the 4 sequences that early_stopping scores",
        ),
    ):
        with pytest.raises(ValueError, match=words):
            clf.fit(X, LABELS, **options)


def test_metadata_reaches_early_stopping():
    groups = np.arange(40) // 4
    with sklearn_routing():
        clf = LSTMClassifier(early_stopping=True, **SMALL).set_fit_request(groups=True)
        with warnings.catch_warnings(action="ignore"):
            search = GridSearchCV(clf, {"n_blocks": [2]}, cv=2, error_score="raise").fit(
                X, LABELS, groups=groups
            )
    assert len(search.best_estimator_.validation_scores_) == 5


def sklearn_routing():
    from sklearn import config_context

    return config_context(enable_metadata_routing=True)


# ------------------------------------------------------------------------------------------------
# advice


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"max_iter": 3},
            r"not converged after max_iter=3 epochs\. The loss is [\d.]+ and fell by .*raise max_iter",
        ),
        ({"max_iter": 1}, r"after max_iter=1 epochs\. The loss is [\d.]+: raise max_iter"),
        (
            {"solver": "sgd", "learning_rate": 10.0, "max_iter": 9},
            r"is not below that of 8 epochs before: try a learning_rate smaller",
        ),
    ],
    ids=str,
)
def test_advice_if_max_iter_ends_learning(options, words):
    with pytest.warns(ConvergenceWarning, match=words):
        LSTMClassifier(**SMALL | options).fit(X, LABELS)


def test_a_warning_if_nothing_was_learned():
    """Noise as targets, and a rate at which nothing moves."""
    options = SMALL | {"tol": 1e-4, "max_iter": 200, "learning_rate": 1e-9}
    for model, y, longer in (
        (LSTMClassifier(**options), LABELS, "larger max_iter"),
        (LSTMClassifier(**options), MANY, "larger max_iter"),
        (LSTMRegressor(**options), SUMS, "larger n_iter_no_change"),
        (LSTMRegressor(return_sequences=True, **options), RUNNING, "larger n_iter_no_change"),
    ):
        with pytest.warns(ConvergenceWarning, match=rf"explains little .*{longer}.*SequenceScaler"):
            model.fit(X, y)
    with warnings.catch_warnings(action="error"):
        LSTMRegressor(n_blocks=8, tol=1e-3, max_iter=2000, random_state=0).fit(X, SUMS)


# ------------------------------------------------------------------------------------------------
# targets at every step in scikit-learn's tools


def test_transformed_targets_in_a_search():
    y = [np.exp(3 * x[:, 0]) for x in X]
    logarithms = FunctionTransformer(np.log, np.exp, check_inverse=False)
    reg = LSTMRegressor(return_sequences=True, solver="lbfgs", n_blocks=4, max_iter=300, random_state=0)
    with warnings.catch_warnings(action="ignore"):
        grid = {"transformer": [StandardScaler(), logarithms], "regressor__n_blocks": [4]}
        search = GridSearchCV(TransformedStepTargetRegressor(reg), grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_params_["transformer"] is logarithms
    missing = [np.where(np.arange(len(t)) == 1, np.nan, t) for t in y]
    with warnings.catch_warnings(action="ignore"):
        model = TransformedStepTargetRegressor(reg, transformer=logarithms).fit(X, missing)
        inner = clone(reg).fit(X, [np.log(t) for t in missing])
    assert_array_equal(model.regressor_.weights_, inner.weights_)
    for found, expected in zip(model.predict(X), inner.predict(X), strict=True):
        assert_allclose(found, np.exp(expected), rtol=1e-12)
    assert_allclose(model.score(X, missing), step_scorer("r2")(model, X, missing))


@ignore_convergence
def test_one_array_of_targets_gives_one_array():
    equal = RNG.normal(size=(10, 4, 2))
    y = equal[:, :, 0]
    for model, target in (
        (LSTMRegressor(return_sequences=True, **SMALL), y),
        (LSTMRegressor(return_sequences=True, **SMALL), np.dstack([y, -y])),
        (LSTMClassifier(return_sequences=True, **SMALL), y > 0),
    ):
        model.fit(equal, target)
        assert model.predict(equal).shape == target.shape
        assert model.predict(list(equal[:3])).shape == (3, *target.shape[1:])
        assert model.predict([equal[0], equal[1][:2]]).dtype == object
    assert model.predict_proba(equal).shape == (10, 4, 2)
    in_lists = LSTMRegressor(return_sequences=True, **SMALL).fit(equal, list(y))
    assert in_lists.predict(equal).dtype == object


def test_stacked_steps():
    y, p, w = stack_steps([[1, None], None, [0.5]], [[3, 4], [5, 6], [7]], sample_weight=[2, 1, 3])
    assert [y.tolist(), p.tolist(), w.tolist()] == [[1, 0.5], [3, 7], [2, 3]]
    with pytest.raises(ValueError, match=r"y\[0\] has 2 targets; expected 3"):
        stack_steps([[1, 2]], [[1, 2, 3]])
    with pytest.raises(ValueError, match="single outputs"):
        stack_steps([[[1, np.nan]]], [[[1, 2]]])


# ------------------------------------------------------------------------------------------------
# messages


def refused(estimator, y, error=ValueError, **options):
    with pytest.raises(error) as caught:
        estimator.fit(X, y, **options)
    return str(caught.value)


CLF, REG = LSTMClassifier(**SMALL), LSTMRegressor(**SMALL)
TAGGER = LSTMClassifier(return_sequences=True, **SMALL)
MESSAGES = {
    "tags": (CLF, TAGS, [r"y\[0\] of size 8", "return_sequences=True"]),
    "lists of labels": (CLF, [["a"], ["a", "b"]] * 20, ["lists", r"MultiLabelBinarizer\(\)"]),
    "equally long lists of labels": (CLF, [["a", "c"], ["a", "b"]] * 20, [r"MultiLabelBinarizer\(\)"]),
    "objects": (CLF, [datetime.date(2024, 1, 1 + i % 2) for i in range(40)], [r"y\[0\] is .*date", r"str\("]),
    "objects per step": (
        TAGGER,
        [[fractions.Fraction(1, 2)] * len(x) for x in X],
        [r"y\[0\]\[0\] is Fraction\(1, 2\)", r"str\("],
    ),
    "complex numbers": (CLF, LABELS + 1j, ["Complex data not supported: y is of dtype complex128"]),
    "a dict": (CLF, dict(enumerate(LABELS)), ["dict", "one target per sequence", r"list\(y\.values\(\)\)"]),
    "a dict of tags": (TAGGER, dict(enumerate(TAGS)), ["dict", "one target per step", r"y\.values\(\)"]),
    "a set": (CLF, {0, 1}, ["of type set; expected a list or an array"]),
    "a generator": (REG, (x for x in SUMS), ["of type generator", r"list\(y\)"]),
    "one text": (CLF, "ab" * 20, ["of type str; expected a list or an array"]),
    "one number": (REG, 1.5, ["of type float; expected a list or an array"]),
    "labels": (TAGGER, LABELS, [r"y\[0\]", "each of the 8 steps", "return_sequences=False"]),
    "flat tags": (CLF, np.concatenate(TAGS), ["40 in X and 221 in y", "return_sequences=True"]),
    "3-D": (REG, RNG.normal(size=(40, 5, 2)), [r"\(40, 5, 2\)", "return_sequences=True"]),
    "None": (
        CLF,
        np.array([None] + ["a", "b", "c"] * 13, dtype=object),
        [r"y\[0\] is missing", "None", "masked"],
    ),
    "NaN": (REG, np.r_[np.nan, SUMS[1:]], [r"NaN: y\[0\] is missing", "masked_array"]),
    "numbers": (CLF, SUMS, [r"y\[0\] is", "continuous", "LSTMRegressor"]),
    "infinity": (REG, np.r_[SUMS[1:], np.inf], [r"infinity: y\[39\]"]),
    "text": (REG, ["a"] * 40, [r"y\[0\] is 'a'", "numbers", "LSTMClassifier"]),
    "dates": (REG, np.array(["2024-01-01"] * 40, "M8[D]"), [r"y\[0\]", "datetime64", "seconds"]),
    "mixed": (CLF, np.array(["a", 1] * 20, dtype=object), [r"y\[0\] is 'a'", r"y\[1\] is 1"]),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_say_which_target_what_was_found_and_what_to_do(name):
    estimator, y, words = MESSAGES[name]
    message = refused(estimator, y, (TypeError, ValueError))
    for word in words:
        assert re.search(word, message), (word, message)


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ("balanced", "of type str; expected one weight per sequence"),
        (2.0, "of type float; expected one weight per sequence"),
        (dict(enumerate(LABELS)), r"of type dict; .*list\(sample_weight\.values\(\)\)"),
        ([np.ones(len(x)) for x in X], "one weight per sequence. .*time steps .*return_sequences"),
        (np.ones((40, 1)), "holds arrays or lists; expected one weight per sequence"),
    ],
)
def test_what_is_no_weight_per_sequence(weight, words):
    with pytest.raises((TypeError, ValueError), match=f"sample_weight .*{words}"):
        CLF.fit(X, LABELS, sample_weight=weight)


@ignore_convergence
def test_masked_targets_of_sequences():
    mask = np.arange(40) < 10
    for model, y in ((CLF, LABELS), (REG, SUMS), (REG, np.column_stack([SUMS, -SUMS]))):
        hidden = np.ma.masked_array(y, mask=np.broadcast_to(mask if y.ndim == 1 else mask[:, None], y.shape))
        other = clone(model).fit(X, y, sample_weight=~mask)
        assert_array_equal(clone(model).fit(X, hidden).weights_, other.weights_)
        assert other.score(X, hidden) == other.score(X[10:], y[10:])
    one = np.ma.masked_array(np.column_stack([SUMS, -SUMS]), mask=np.column_stack([mask, ~mask]))
    found = clone(REG).fit(X, one)
    assert_array_equal(
        found.weights_, clone(REG).fit(X, one.filled(1e9), sample_weight=~one.mask * 1.0).weights_
    )
