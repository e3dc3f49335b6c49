"""Losses: value and derivative of each, the gradient of networks, and what estimators make of them.

Oracles: scikit-learn's metrics and SciPy's functions for values, central differences for derivatives, the
twin of reference.py for gradients of whole networks.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse, special
from sklearn import metrics
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import reference
from internals import make_trainer
from sklstm import LSTMClassifier, LSTMRegressor, Network
from sklstm._checks import may_overflow
from sklstm._export.source import source_of
from sklstm._learning.losses import LOSSES, LOSSES_OF_CLASSES, loss_of_constants, with_parameter
from sklstm._learning.moments import Moments
from topologies import EVERYTHING, GRADIENTS, assert_near, central, make_problem, networks, repeatable

OURS = [name for name, loss in LOSSES.items() if not loss.in_kernel]
QUANTILES = (0.1, 0.5, 0.8)


def columns(seed=0, n=40):
    """Outputs, targets and weights of three outputs; no output equals its target."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)), rng.poisson(1.5, (n, 3)).astype(float), rng.uniform(0.1, 2, n)


# ------------------------------------------------------------------------------------------------
# value and derivative


def expected_values(name, y, t):
    """Values of each output by another library."""
    if name == "absolute_error":
        return [
            [metrics.mean_absolute_error([b], [a]) for a, b in zip(*row, strict=True)] for row in zip(y, t)
        ]
    if name == "huber":
        return special.huber(0.7, y - t)
    if name == "quantile":
        return [
            [metrics.mean_pinball_loss([b], [a], alpha=q) for a, b, q in zip(*row, QUANTILES, strict=True)]
            for row in zip(y, t)
        ]
    return [[metrics.mean_poisson_deviance([b], [np.exp(a)]) / 2 for a, b in zip(*row)] for row in zip(y, t)]


@pytest.mark.parametrize("name", OURS)
def test_values_are_those_of_other_libraries(name):
    y, t, weight = columns()
    loss = with_parameter(LOSSES[name], epsilon=0.7, quantile=QUANTILES)
    values, _ = loss.rows(y, t, loss.parameter)
    expected = np.array(expected_values(name, y, t))
    assert_allclose(values, expected, rtol=1e-12, atol=1e-14)
    total, _ = loss.total_and_errors(y, t, weight)
    assert_allclose(total, weight @ expected.sum(axis=1), rtol=1e-12)


@pytest.mark.parametrize("name", OURS)
def test_derivatives_are_central_differences(name):
    y, t, _ = columns(seed=1)
    loss = with_parameter(LOSSES[name], epsilon=0.7, quantile=QUANTILES)
    step = 1e-6
    above, below = (loss.rows(y + sign * step, t, loss.parameter)[0] for sign in (1, -1))
    _, errors = loss.total_and_errors(y, t, np.ones(len(y)))
    assert_allclose(errors, (above - below) / (2 * step), rtol=1e-6, atol=1e-8)
    weights = np.random.default_rng(2).integers(0, 3, y.shape) * 0.5
    assert_array_equal(loss.total_and_errors(y, t, weights)[1], weights * errors)


@pytest.mark.parametrize("name", OURS)
def test_where_output_and_target_are_equal_nothing_is_lost(name):
    t = np.array([[0.0, 1.0, 3.0]])
    y = np.log(np.maximum(t, 1e-300)) if name == "poisson" else t
    values, errors = LOSSES[name].rows(y, t, LOSSES[name].parameter)
    assert_allclose(values, 0, rtol=0, atol=1e-12)
    assert_allclose(errors, 0, rtol=0, atol=1e-12)


def test_an_output_without_a_target_may_be_infinite():
    y, t = np.array([[1e4, 0.0]]), np.array([[0.0, 1.0]])
    with may_overflow():
        total, errors = LOSSES["poisson"].total_and_errors(y, t, np.array([[0.0, 2.0]]))
    assert total == 0
    assert_array_equal(errors, [[0, 0]])


# ------------------------------------------------------------------------------------------------
# networks


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("gradient", GRADIENTS)
@pytest.mark.parametrize("name", OURS)
def test_gradients_are_those_of_the_twin(name, gradient, form):
    method = {"truncated": reference.truncated_gradient, "full": reference.full_gradient}[gradient]

    @settings(repeatable, max_examples=8)
    @given(
        net=networks(output_activation="identity"),
        lengths=st.lists(st.sampled_from([1, 2, 5]), min_size=1, max_size=3),
        seed=st.integers(0, 1000),
    )
    def compare(net, lengths, seed):
        problem = make_problem(net, lengths, loss=name, state=seed % 2 == 0, seed=seed)
        v, total, slope = reference.split(net, problem.weights), 0.0, np.zeros(net.n_weights)
        for i, (x, y) in enumerate(zip(problem.X, problem.y, strict=True)):
            state = problem.initial_state and tuple(part[i] for part in problem.initial_state)
            value, grad, _ = method(net, v, x, y, name, state, problem.sample_weight[i])
            total, slope = total + value, slope + reference.join(net, grad)
        found = replace(problem, X=[form(x) for x in problem.X]).loss_and_gradient(gradient)
        assert_near(found[0], total)
        assert_near(found[1], slope)

    compare()


@pytest.mark.parametrize("name", ["absolute_error", "huber"])
def test_gradients_of_logistic_outputs_are_central_differences(name):
    net = replace(EVERYTHING, output_activation="logistic", return_sequences=True)
    problem = make_problem(net, [4, 2], loss=name, seed=3)

    def value(weights):
        return replace(problem, weights=weights).loss_and_gradient()[0]

    assert_allclose(problem.loss_and_gradient()[1], central(value, problem.weights), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize("update", ["batch", "sequence", "step"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_update_follows_the_gradient(update, every_step, form, dtype):
    """One epoch of plain descent, step by step with the twin; with targets that do not count."""
    net = replace(EVERYTHING, output_activation="identity", return_sequences=every_step)
    problem = make_problem(net, [5, 3, 4], loss="huber", state=False, seed=1)
    problem = replace(problem, X=[x.astype(dtype) for x in problem.X])
    weight = np.random.default_rng(0).integers(0, 3, 12 if every_step else 3) * 0.5
    weight[0] = 1
    trainer = make_trainer(
        problem, form, update=update, gradient="truncated", batch_size=2, target_weight=weight
    )
    trainer.epoch(np.random.RandomState(0))
    w, rate = problem.weights.copy(), 0.05
    v, at = reference.split(net, w), 0
    batches = [[0], [1, 2]] if update == "batch" else [[0], [1], [2]]  # as few sequences differ as can be
    for batch in batches:
        summed, total = np.zeros_like(w), 0.0
        for i in batch:
            x, y = problem.X[i].astype(float), problem.y[i]
            parts = list(reference.gradient_by_step(net, v, x, y, "huber")) if update != "step" else None
            for k in range(len(y)):
                if update == "step":
                    continue
                summed += weight[at + k] * reference.join(net, parts[k][1])
                total += weight[at + k]
            if update == "step":
                for k, (_, grad) in enumerate(reference.gradient_by_step(net, v, x, y, "huber")):
                    w -= rate * weight[at + k] * reference.join(net, grad)
            at += len(y)
        if update == "batch" and total:
            w -= rate * summed / total
        elif update == "sequence":
            w -= rate * summed
    assert np.abs(w - problem.weights).max() > 1e-3
    assert_allclose(trainer.weights, w, rtol=0, atol=1e-12 if dtype == np.float64 else 1e-5)


def test_threads_and_large_batches_change_nothing():
    problem = make_problem(replace(EVERYTHING, output_activation="identity"), [6] * 150, loss="huber")
    weights = []
    for n_threads in (1, 2):
        trainer = make_trainer(problem, n_threads=n_threads, batch_size=150)
        trainer.epoch(np.random.RandomState(0))
        weights.append(trainer.weights)
    assert_allclose(*weights, rtol=1e-12, atol=1e-14)


# ------------------------------------------------------------------------------------------------
# estimators

X = np.ones((60, 2, 1))  # nothing to be known: the output is the best constant
COUNTS = np.random.default_rng(0).poisson(4.0, 60).astype(float)


def constant(loss, y=COUNTS, **options):
    """What is predicted where nothing can be known."""
    options = {"solver": "lbfgs", "tol": 1e-9, "max_iter": 2000} | options
    reg = LSTMRegressor(n_blocks=1, loss=loss, random_state=0, **options)
    return reg.fit(X, y), reg.predict(X[:1])[0]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("loss", "options", "best"),
    [
        ("absolute_error", {}, np.median(COUNTS)),
        ("quantile", {"quantile": 0.9}, np.quantile(COUNTS, 0.9)),
        ("quantile", {"quantile": (0.25, 0.9)}, np.quantile(COUNTS, [0.25, 0.9])),
    ],
)
def test_the_best_constant_of_kinked_losses(loss, options, best):
    schedule = {
        "solver": "adam",
        "learning_rate": lambda epoch: 0.03 * 0.99**epoch,
        "max_iter": 600,
        "n_iter_no_change": 600,
    }
    _, found = constant(loss, **options, **schedule)
    assert_allclose(found, best, rtol=0, atol=0.05)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_best_constant_of_smooth_losses():
    assert_allclose(constant("poisson")[1], COUNTS.mean(), rtol=1e-6)
    _, found = constant("huber", epsilon=0.3)
    error = np.clip((COUNTS - found) / COUNTS.std(), -0.3, 0.3)
    assert abs(error.sum()) < 1e-4 * len(COUNTS)
    assert abs(found - COUNTS.mean()) > 0.01


@pytest.mark.parametrize("name", LOSSES)
def test_loss_of_constants_is_the_least(name):
    _, t, weight = columns()
    loss = with_parameter(LOSSES[name], 0.7, QUANTILES)
    t = t / t.max() if name == "log_loss" else t
    output = "logistic" if name == "log_loss" else "identity"
    least = loss_of_constants(loss, output, Moments.of(t, weight), t, weight)
    net = Network(1, 3, n_blocks=0, shortcut=True, output_activation=loss.outputs[0])
    grid = np.linspace(-1, 4, 101)
    totals = []
    for k in range(3):
        each = np.zeros((len(t), 3))
        each[:, k] = weight
        values = []
        for constant in grid:
            weights = np.zeros(net.n_weights)
            net.views(weights)["output"][:, -1] = constant
            if loss.in_kernel:
                data = np.zeros((len(t), 1, 1)), t, name
                values.append(net.loss_and_gradient(weights, *data, sample_weight=each)[0])
            else:
                values.append(loss.total_and_errors(np.full_like(t, constant), t, each)[0])
        totals.append(min(values))
    assert_allclose(least, sum(totals) / weight.sum(), rtol=0.01)
    assert least <= sum(totals) / weight.sum() + 1e-7


def data(seed=0, n=80):
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(length, 2)) for length in rng.integers(2, 7, n)]
    return X, np.array([x[:, 0].sum() for x in X])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("scale", [1e-6, 1e6])
@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile", "poisson"])
def test_the_scale_of_the_targets_does_not_matter(loss, scale):
    X, y = data()
    y = np.random.default_rng(1).poisson(np.exp(np.clip(y, -2, 2))) if loss == "poisson" else y
    reg = LSTMRegressor(n_blocks=4, loss=loss, max_iter=15, tol=0, random_state=0)
    expected = clone(reg).fit(X, y).predict(X)
    found = clone(reg).fit(X, y * scale).predict(X)
    assert_allclose(found, expected * scale, rtol=1e-2, atol=1e-3 * scale)


def test_several_quantiles_are_an_axis_of_predictions():
    X, y = data()
    both = np.column_stack([y, 10 * y + 3])
    options = {"n_blocks": 6, "alpha": 0.0001, "max_iter": 150, "random_state": 0}
    reg = LSTMRegressor(loss="quantile", quantile=(0.1, 0.9), **options)
    found = clone(reg).fit(X, y).predict(X)
    assert found.shape == (80, 2)
    assert 0.02 < np.mean(y < found[:, 0]) < 0.2
    assert 0.8 < np.mean(y < found[:, 1]) < 0.98
    reg.fit(X, both)
    found = reg.predict(X)
    assert found.shape == (80, 2, 2)
    scores = [
        metrics.d2_pinball_score(both[:, i], found[:, i, j], alpha=q)
        for i in range(2)
        for j, q in enumerate((0.1, 0.9))
    ]
    assert_allclose(reg.score(X, both), np.mean(scores), rtol=1e-12)
    assert reg.score(X, both) > 0.5
    one = clone(reg).set_params(quantile=0.9).fit(X, y)
    assert one.predict(X).shape == (80,)
    assert_allclose(one.score(X, y), metrics.d2_pinball_score(y, one.predict(X), alpha=0.9), rtol=1e-12)


def test_quantiles_at_every_step_with_missing_targets_and_early_stopping():
    X, _ = data()
    y = [np.cumsum(x[:, 0]) for x in X]
    for target in y[::3]:
        target[0] = np.nan
    reg = LSTMRegressor(
        n_blocks=6, loss="quantile", quantile=[0.2, 0.8], return_sequences=True, early_stopping=True,
        max_iter=200, random_state=0,
    )  # fmt: skip
    found = reg.fit(X, y).predict(X)
    assert [part.shape for part in found] == [(len(x), 2) for x in X]
    assert len(reg.validation_scores_) == reg.n_iter_
    assert reg.score(X, y) > 0.5


def test_a_poisson_rate_is_the_exponential_of_the_output():
    X, y = data()
    counts = np.random.default_rng(1).poisson(np.exp(np.clip(y, -2, 2)))
    reg = LSTMRegressor(n_blocks=4, loss="poisson", early_stopping=True, random_state=0).fit(X, counts)
    assert_allclose(reg.predict(X), np.exp(reg.network_.forward(reg.weights_, X)[:, 0]), rtol=1e-12)
    for x in X[0]:
        output = reg.step(x)
    assert_allclose(np.exp(output), reg.predict(X[:1]), rtol=1e-12)
    assert reg.score(X, counts) > 0.4


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("options", [{"loss": "poisson"}, {"loss": "quantile", "quantile": [0.1, 0.9]}])
def test_predictions_that_are_not_the_outputs_are_not_exported(options):
    X, y = data(20)
    reg = LSTMRegressor(n_blocks=2, max_iter=2, random_state=0, **options).fit(X, np.abs(y))
    with pytest.raises(ValueError, match=f"with loss={options['loss']!r} the predictions differ"):
        source_of(reg, "to_onnx")


def test_learning_goes_on_where_it_was():
    X, y = data()
    counts = np.random.default_rng(1).poisson(np.exp(np.clip(y, -2, 2)))
    reg = LSTMRegressor(n_blocks=4, loss="poisson", shuffle=False, random_state=0)
    for _ in range(3):
        reg.partial_fit(X, counts)
    once = LSTMRegressor(n_blocks=4, loss="poisson", shuffle=False, random_state=0, max_iter=3, tol=0)
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        once.fit(X, counts)
    assert_array_equal(reg.weights_, once.weights_)


@pytest.mark.parametrize(
    ("loss", "options", "y", "message"),
    [
        ("poisson", {}, [1.0, -2.0], r"loss='poisson' needs targets in \[0, inf\], got y from -2 to 1"),
        ("quantile", {"quantile": 1.0}, [1.0, 2.0], "quantile must be a number between 0 and 1, or several"),
        ("quantile", {"quantile": (0.1, "a")}, [1.0, 2.0], "quantile must be a number between 0 and 1"),
        ("quantile", {"quantile": ()}, [1.0, 2.0], "quantile must be a number between 0 and 1"),
        ("huber", {"epsilon": 0}, [1.0, 2.0], "epsilon must be a finite number above 0, got 0"),
        ("huber", {"output_activation": "softmax"}, [1.0, 2.0], "loss='huber' needs output_activation='iden"),
        ("hinge", {}, [1.0, 2.0], "loss must be one of"),
    ],
)
def test_what_is_refused(loss, options, y, message):
    with pytest.raises(ValueError, match=message):
        LSTMRegressor(loss=loss, random_state=0, **options).fit(np.ones((2, 3, 1)), y)


# ------------------------------------------------------------------------------------------------
# classes


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("output", ["softmax", "logistic"])
def test_smoothed_labels_are_the_frequencies_that_are_learned(output):
    y = np.repeat([0, 1, 2], [30, 18, 12])
    clf = LSTMClassifier(
        n_blocks=1, label_smoothing=0.2, output_activation=output, solver="lbfgs", tol=1e-9, random_state=0
    ).fit(X, y)
    frequencies = np.array([30, 18, 12]) / 60
    smoothed = 0.8 * frequencies + 0.2 / (3 if output == "softmax" else 2)
    assert_allclose(clf.predict_proba(X[:1])[0], smoothed / smoothed.sum(), rtol=1e-5)
    assert clf.score(X, y) == 0.5


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_smoothed_labels_of_several_kinds_each():
    labels = np.column_stack([np.arange(60) < 45, np.arange(60) < 6]).astype(int)
    clf = LSTMClassifier(n_blocks=1, label_smoothing=0.1, solver="lbfgs", tol=1e-9, random_state=0)
    clf.fit(X, labels)
    assert_allclose(clf.predict_proba(X[:1])[0], 0.9 * labels.mean(axis=0) + 0.05, rtol=1e-5)
    assert clf.set_params(early_stopping=True, solver="adam", max_iter=3).fit(X, labels).n_iter_ == 3


def test_what_classifiers_refuse():
    assert list(LOSSES_OF_CLASSES) == ["squared_error", "log_loss"]
    for options, message in (
        ({"loss": "huber"}, "loss must be one of"),
        ({"label_smoothing": 1.0}, "label_smoothing must be a finite number at least 0 and below 1, got 1.0"),
        ({"label_smoothing": 0.1, "loss": "squared_error"}, "label_smoothing=0.1 needs loss='log_loss'"),
    ):
        with pytest.raises(ValueError, match=message):
            LSTMClassifier(random_state=0, **options).fit(np.ones((4, 3, 1)), [0, 1, 0, 1])
