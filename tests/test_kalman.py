"""The decoupled extended Kalman filter against loops over groups, least squares, and the pseudocode."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from internals import make_trainer
from sklstm import LSTMClassifier, LSTMRegressor, Network
from sklstm._learning.kalman import DecoupledFilter, groups_of
from sklstm.tasks import accepted_strings, make_language, make_language_strings
from test_pseudocode import Pseudocode, flat, random_problem
from topologies import EVERYTHING, make_problem

pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged")
ARGUMENTS = {"solver": "dekf", "gradient": "truncated", "shuffle": False, "random_state": 0}


# ------------------------------------------------------------------------------------------------
# the filter alone


@pytest.mark.parametrize(
    "network", [EVERYTHING, Network(3, 2, n_blocks=2, recurrence="all", gate_bias=False)]
)
def test_groups_are_the_weights_that_lead_to_a_unit(network):
    weights = np.arange(network.n_weights)
    views = network.views(weights)
    names = [(name, unit) for name, part in views.items() for unit in range(len(part))]
    expected = {}
    for name, unit in names:
        expected.setdefault((name.removesuffix("_peephole"), unit), []).extend(views[name][unit])
    assert sorted(map(sorted, groups_of(network))) == sorted(map(sorted, expected.values()))
    assert_array_equal(np.sort(np.concatenate(groups_of(network))), weights)


def by_loops(groups, matrices, weights, jacobian, errors, noise, process_noise):
    """The update, group by group, with the inverse as it is written."""
    weights, matrices = weights.copy(), [matrix.copy() for matrix in matrices]
    S = np.diag(noise)
    for group, P in zip(groups, matrices):
        S = S + jacobian[:, group] @ P @ jacobian[:, group].T
    A = np.linalg.inv(S)
    for i, group in enumerate(groups):
        H, P = jacobian[:, group].T, matrices[i]
        weights[group] += P @ H @ A @ errors
        matrices[i] = P - P @ H @ A @ H.T @ P + process_noise * np.eye(len(group))
    return weights, matrices


@pytest.mark.parametrize("n_measured", [1, 3, 7])
def test_updates_are_those_of_the_formula(n_measured):
    rng = np.random.default_rng(n_measured)
    network = EVERYTHING
    groups, weights = groups_of(network), rng.normal(size=network.n_weights)
    kalman, expected = DecoupledFilter(network, 2.0), weights.copy()
    matrices = [2.0 * np.eye(len(group)) for group in groups]
    for _ in range(20):
        jacobian = rng.normal(size=(n_measured, network.n_weights))
        errors, noise = rng.normal(size=n_measured), rng.uniform(0.1, 2, n_measured)
        kalman.update(weights, jacobian, errors, noise, 0.01)
        expected, matrices = by_loops(groups, matrices, expected, jacobian, errors, noise, 0.01)
        assert_allclose(weights, expected, rtol=1e-9, atol=1e-10)
    assert_allclose(kalman.covariance, np.concatenate([P.ravel() for P in matrices]), rtol=1e-8, atol=1e-10)
    again = DecoupledFilter(network, 1.0, kalman.covariance)
    assert_array_equal(again.matrices, kalman.matrices)


# ------------------------------------------------------------------------------------------------
# learning: one linear unit is recursive least squares


def linear(**changes):
    arguments = {
        "n_blocks": 0,
        "n_hidden_units": 0,
        "shortcut": True,
        "input_gate_bias": None,
        "forget_gate_bias": None,
        "update": "step",
        "measurement_noise": 0.3,
        "process_noise": 0.0,
        "initial_covariance": 5.0,
    }
    return LSTMRegressor(**ARGUMENTS | arguments | changes)


def least_squares(model, X, y, weight, noise=0.3, covariance=5.0):
    """Weights by all data at once: a normal prior about the initial ones, normal noise."""
    start = clone(model).set_params(max_iter=1, measurement_noise=1e12).fit(X[:1], y[:1]).weights_
    design = np.column_stack([[x[-1] for x in X], np.ones(len(X))])
    precision = np.eye(design.shape[1]) / covariance + design.T @ (weight[:, np.newaxis] * design) / noise
    return np.linalg.solve(precision, start / covariance + design.T @ (weight * y) / noise)


@pytest.mark.parametrize("update", ["step", "sequence"])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_a_linear_unit_learns_by_least_squares(update, form):
    rng = np.random.default_rng(0)
    X, y, weight = rng.normal(size=(30, 2, 3)), rng.normal(size=30), rng.integers(0, 4, 30) * 0.5
    model = linear(update=update, max_iter=1)
    model.fit([form(x) for x in X], y, sample_weight=weight)
    assert_allclose(model.weights_, least_squares(model, X, y, weight), rtol=1e-8, atol=1e-9)


def test_one_update_per_sequence_measures_all_its_steps_at_once():
    """With weights that are the same throughout a linear unit, one update or several make no difference."""
    rng = np.random.default_rng(1)
    X, y = list(rng.normal(size=(4, 6, 2))), list(rng.normal(size=(4, 6)))
    step, sequence = (
        linear(update=update, return_sequences=True, max_iter=2).fit(X, y) for update in ("step", "sequence")
    )
    assert_allclose(step.weights_, sequence.weights_, rtol=1e-8)
    assert step._solver_state.n_updates == sequence._solver_state.n_updates == 8
    noisy = [
        linear(update=update, return_sequences=True, max_iter=1, process_noise=0.1).fit(X, y).weights_
        for update in ("step", "sequence")
    ]
    assert np.abs(noisy[0] - noisy[1]).max() > 1e-3, "the process noise comes with each update"


# ------------------------------------------------------------------------------------------------
# learning: memory blocks


def jacobian_of(pseudocode):
    """Derivatives of the outputs of this step by the weights, by an error of 1 at each output."""
    units = np.eye(len(pseudocode.y_k))
    return np.array([flat(pseudocode.backward(pseudocode.y_k + unit, alpha=1.0)) for unit in units])


@pytest.mark.parametrize("seed", range(12))
def test_steps_are_those_of_the_pseudocode(seed):
    problem = random_problem(seed)
    network, weights, (X,), (y,) = problem.net, problem.weights, problem.X, problem.y
    trainer = make_trainer(
        problem,
        solver="dekf",
        gradient="truncated",
        update="step",
        measurement_noise=lambda n: 2.0 + n,
        process_noise=lambda n: 0.01,
        initial_covariance=0.5,
    )
    losses = [trainer.epoch(np.random.RandomState(0)) for _ in range(2)]
    groups = groups_of(network)
    matrices, w = [0.5 * np.eye(len(group)) for group in groups], weights.copy()
    for epoch, loss in enumerate(losses):
        total, pseudocode = 0.0, Pseudocode(network, network.views(w))
        for x, t in zip(X, y):
            errors = t - pseudocode.forward(x)
            total += 0.5 * errors @ errors
            noise = np.full(len(t), 2.0 + epoch)
            new, matrices = by_loops(groups, matrices, w, jacobian_of(pseudocode), errors, noise, 0.01)
            w[:] = new  # which the pseudocode sees
        assert loss == pytest.approx(total / len(X), rel=1e-7)
    assert_allclose(trainer.weights, w, rtol=0, atol=1e-7 * max(1, np.abs(w).max()))
    assert np.abs(w - weights).max() > 1e-3


@pytest.mark.parametrize("every_step", [False, True])
def test_an_update_per_sequence(every_step):
    """Derivatives of each output by the truncated gradient of `Network`, at the weights before."""
    net = replace(EVERYTHING, return_sequences=every_step, output_activation="logistic")
    problem = make_problem(net, [5, 3], state=False, seed=1)
    weight = np.random.default_rng(0).uniform(0.5, 2, (len(np.concatenate(problem.y)), 3))
    weight[0] = 0
    weight[-1, 1] = 0
    trainer = make_trainer(
        problem, solver="dekf", gradient="truncated", update="sequence", target_weight=weight,
        measurement_noise=lambda n: 1.5, process_noise=lambda n: 0.02, initial_covariance=0.3,
    )  # fmt: skip
    trainer.record = np.full(weight.shape, np.nan)
    trainer.epoch(np.random.RandomState(0))
    groups, w = groups_of(net), problem.weights
    matrices, row = [0.3 * np.eye(len(group)) for group in groups], 0
    for X, y in zip(problem.X, problem.y):
        outputs = np.reshape(net.forward(w, [X])[0], y.shape)
        jacobian, errors, noise = [], [], []
        for t, k in np.ndindex(y.shape):
            if weight[row + t, k]:
                unit = np.zeros(y.shape)
                unit[t, k] = 1
                jacobian.append(net.backward(w, [X], [unit] if every_step else unit, "truncated"))
                errors.append((y - outputs)[t, k])
                noise.append(1.5 / weight[row + t, k])
        if errors:
            assert_allclose(trainer.record[row : row + len(y)][weight[row : row + len(y)].any(axis=1)],
                            outputs[weight[row : row + len(y)].any(axis=1)], rtol=1e-7)  # fmt: skip
            w, matrices = by_loops(groups, matrices, w, np.array(jacobian), np.array(errors), noise, 0.02)
        row += len(y)
    assert_allclose(trainer.weights, w, rtol=0, atol=1e-8 * np.abs(w).max())
    with pytest.raises(ValueError, match="solver='dekf' learns from whole sequences, not from a stream"):
        trainer.follow(0)
    assert trainer.follow(0, learns=False)[1:] == (5, False)


def test_it_learns_a_context_sensitive_language():
    X, y = make_language(300, "a^n b^n c^n", 1, 5, random_state=0)
    targets = [0.25 + 0.5 * legal for legal in y]
    reg = LSTMRegressor(
        n_blocks=2, peepholes=True, shortcut=True, return_sequences=True,
        cell_input_activation="identity", cell_output_activation="identity", output_activation="logistic",
        init_range=0.1, input_gate_bias=-1, forget_gate_bias=2, output_gate_bias=-2,
        update="step", measurement_noise=lambda n: 100 / 16 * 0.03 ** min(n / 1000, 1), max_iter=1,
        **ARGUMENTS,
    )  # fmt: skip
    reg.fit(X, targets)
    assert reg.n_weights_ == 90
    X, y = make_language_strings([1, 2, 3, 4, 5], "a^n b^n c^n")
    assert accepted_strings(reg.predict(X), y).all()


# ------------------------------------------------------------------------------------------------
# what estimators do with it


def data(n_classes=0):
    rng = np.random.default_rng(3)
    X = [rng.normal(size=(n, 2)) for n in (3, 5, 2, 6)]
    return X, (np.array(["a", "b", "a", "c"]) if n_classes else rng.normal(size=4))


def test_learning_goes_on():
    X, y = data()
    whole = LSTMRegressor(n_blocks=2, update="step", max_iter=3, tol=0, **ARGUMENTS).fit(X, y)
    parts = LSTMRegressor(n_blocks=2, update="step", tol=0, **ARGUMENTS)
    for _ in range(3):
        parts = pickle.loads(pickle.dumps(parts.partial_fit(X, y)))
    assert_array_equal(parts.weights_, whole.weights_)
    assert parts._solver_state.n_updates == 12
    assert_array_equal(parts._solver_state.arrays["covariance"], whole._solver_state.arrays["covariance"])
    other = clone(parts).set_params(solver="sgd").fit(X, y).set_params(solver="dekf")
    assert other.partial_fit(X, y)._solver_state.n_updates == 4, "another solver's state is left"


def test_classes_and_float32():
    X, y = data(3)
    options = {"loss": "squared_error", "update": "sequence", "max_iter": 60, "tol": 0}
    clf = LSTMClassifier(n_blocks=4, **options, **ARGUMENTS).fit(X, y)
    assert clf.score(X, y) == 1
    single = clone(clf).set_params(max_iter=2).fit([x.astype(np.float32) for x in X], y)
    double = clone(clf).set_params(max_iter=2).fit(X, y)
    assert single.weights_.dtype == np.float32
    assert_allclose(single.weights_, double.weights_, rtol=0, atol=1e-3)
    softmax = clone(clf).set_params(output_activation="softmax").fit(X, y)
    assert_allclose(softmax.predict_proba(X).sum(axis=1), 1)
    assert softmax.score(X, y) == 1


def test_what_diverges_is_taken_back():
    X, y = data()
    with pytest.warns(ConvergenceWarning, match="learning diverged.*larger measurement_noise"):
        reg = LSTMRegressor(n_blocks=2, update="step", max_iter=2, **ARGUMENTS).fit(X, y * 1e200)
    assert np.isfinite(reg.weights_).all()
    assert np.isfinite(reg.predict(X)).all()


def test_advice_is_about_its_noise():
    X, y = data()
    reg = LSTMRegressor(n_blocks=2, update="step", **ARGUMENTS)
    with pytest.warns(ConvergenceWarning, match="explains little .* another measurement_noise; or"):
        reg.set_params(measurement_noise=1e12).fit(X, y)
    reg.set_params(measurement_noise=lambda n: 1e12 if n < 4 else 1e-6, max_iter=2)
    with pytest.warns(ConvergenceWarning, match="not below that of 1 epoch before: try a larger measurement"):
        reg.fit(X, y)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"update": "batch"}, "solver='dekf' updates the weights after each measurement.*got update='batch'"),
        ({"gradient": "full", "update": "sequence"}, "gradient='truncated', got .*gradient='full'"),
        ({"loss": "log_loss", "output_activation": "logistic"}, "needs loss='squared_error', got loss='log"),
        ({"alpha": 0.1}, r"alpha=0\.1 has no meaning with solver='dekf': leave alpha='auto'"),
        ({"clip": 1.0}, r"clip=1\.0 has no meaning with solver='dekf'"),
        ({"momentum": 0.5}, r"momentum=0\.5 needs solver='sgd'"),
        ({"learning_rate": lambda epoch: 0.1}, "learning_rate as a callable.* needs solver='sgd' or 'adam'"),
        ({"measurement_noise": 0.0}, "measurement_noise must be a callable or .*above 0"),
        ({"process_noise": -1.0}, "process_noise must be a callable or .*at least 0"),
        ({"initial_covariance": 0.0}, "initial_covariance must be .*above 0"),
        ({"measurement_noise": lambda n: -1.0}, r"measurement_noise\(0\) must be"),
    ],
)
def test_arguments_that_exclude_each_other(changes, message):
    X, y = data()
    reg = LSTMRegressor(**{"n_blocks": 1, "update": "step"} | ARGUMENTS | changes)
    with pytest.raises(ValueError, match=message):
        reg.fit(X, np.abs(np.tanh(y)))


def test_streams_do_not_go_on():
    X, y = data()
    reg = LSTMRegressor(n_blocks=1, update="step", **ARGUMENTS)
    with pytest.raises(ValueError, match="which solver='dekf' cannot do: give whole sequences"):
        reg.partial_fit(X, y, continued=True)
