"""Error that flows back from an answer: the formulae of docs/equations.md, and the public function."""

import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklstm import ErrorFlowDisplay, LSTMClassifier, LSTMRegressor, Network, SequenceScaler, error_flow
from topologies import GRADIENTS, flat_sequences, make_problem, networks, problems, regressor_of, repeatable

pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged")

RNG = np.random.default_rng(0)
X = [RNG.normal(size=(T, 2)) for T in [1, 7, 3, 12, 5] * 4]
LABELS = np.array(["a", "b", "c"])[np.arange(20) % 3]
SMALL = {"n_blocks": 3, "max_iter": 2, "random_state": 0}


# ------------------------------------------------------------------------------------------------
# conventional units


def conventional(n, scale, seed=0, T=12):
    """Net of n conventional units that all read each other, its matrix W (to, from), f' over time, and x."""
    net = Network(1, 1, n_blocks=0, n_hidden_units=n, recurrence="all", output_bias=False)
    rng = np.random.default_rng(seed)
    weights = rng.uniform(-scale, scale, net.n_weights)
    x = rng.normal(size=(T, 1))
    every_step = replace(net, n_outputs=n, return_sequences=True)  # outputs that are the hidden units
    hidden = {name: view for name, view in net.views(weights).items() if name == "hidden"}
    copy = np.concatenate([hidden["hidden"].ravel(), np.eye(n).ravel()])
    y = every_step.forward(copy, [x])[0]
    return net, weights, hidden["hidden"][:, 1 : 1 + n], y * (1 - y), x


def between_units(net, weights, x, slopes, u):
    """Derivative of the delta of each unit v, q steps ago, by that of u now."""
    weights = weights.copy()
    net.views(weights)["output"][...] = np.eye(net.n_hidden_units)[u]
    _, info = net.backward(weights, [x], [[1.0]], full_output=True)
    return info["deltas"]["hidden"][::-1] / slopes[-1, u]


def sum_over_paths(W, slopes, u, v, q, swapped=False):
    """Sum over l_1 .. l_(q-1) of the product of f'_(l_m)(t - m) w_(l_(m-1) l_m), with l_0 = u and l_q = v."""
    total, T = 0.0, len(slopes)
    for between in product(range(len(W)), repeat=q - 1):
        path = [u, *between, v]
        factors = [
            slopes[T - 1 - m, path[m]] * (W[path[m], path[m - 1]] if swapped else W[path[m - 1], path[m]])
            for m in range(1, q + 1)
        ]
        total += np.prod(factors)
    return total


@pytest.mark.parametrize("q", range(1, 6))
def test_error_between_two_units_is_the_sum_over_all_paths(q):
    net, weights, W, slopes, x = conventional(4, 2.0)
    for u in range(4):
        found = between_units(net, weights, x, slopes, u)[q]
        expected = [sum_over_paths(W, slopes, u, v, q) for v in range(4)]
        assert_allclose(found, expected, rtol=1e-10)
        as_printed = [sum_over_paths(W, slopes, u, v, q, swapped=True) for v in range(4)]
        assert np.abs(found / as_printed - 1).max() > 0.1  # the indices are not to be exchanged


@pytest.mark.parametrize("scale", [0.2, 0.7, 0.99, 4.0])
@pytest.mark.parametrize("seed", range(3))
def test_error_of_conventional_units_stays_below_the_bound(scale, seed):
    n = 4
    net, weights, W, slopes, x = conventional(n, scale, seed, T=30)
    lags = np.arange(30)
    bound = n * (np.abs(W).sum(axis=1).max() / 4) ** lags
    looser = n * (n * np.abs(W).max() / 4) ** lags  # n tau^q
    for u in range(n):
        found = np.abs(between_units(net, weights, x, slopes, u))
        found[0] = np.eye(n)[u]
        assert (found.max(axis=1) <= bound).all()
    assert (bound <= looser).all()
    assert found.max(axis=1)[1:4].min() > 1e-6  # there is something to bound


def test_largest_factor_of_a_weight():
    """abs(f'(net) w) at a constant y is largest where w = coth(net / 2) / y."""
    w = np.linspace(0, 10, 100_001)
    for y in (0.3, 1.0):
        s = 1 / (1 + np.exp(-w * y))
        factor = s * (1 - s) * w
        best = w[factor.argmax()]
        assert_allclose(best, 1 / np.tanh(best * y / 2) / y, rtol=1e-3)
        assert_allclose(best * y, 1.543, atol=1e-3)
        assert_allclose(factor.max(), 0.2239 / y, rtol=1e-3)


def test_flow_of_conventional_units_is_that_of_their_deltas():
    net, weights, W, slopes, x = conventional(4, 2.0)
    flow = error_flow(regressor_of(net, weights), [x])
    back = net.views(weights)["output"][0] * slopes[-1]  # the deltas at the answer
    for q in range(12):
        assert_allclose(flow.norms[0, q], np.linalg.norm(back), rtol=1e-10)
        assert_allclose(flow.groups["hidden"][0, q], np.linalg.norm(back), rtol=1e-10)
        back = (back @ W) * slopes[-2 - q] if q < 11 else None
    truncated = error_flow(regressor_of(net, weights), [x], gradient="truncated")
    assert_array_equal(truncated.norms[0, 1:], 0)
    assert truncated.norms[0, 0] == flow.norms[0, 0]
    assert truncated.half_life == 0
    assert truncated.carousel is None


# ------------------------------------------------------------------------------------------------
# memory blocks


@pytest.mark.parametrize("forget_gate", [False, True])
def test_error_of_a_memory_block_has_the_closed_form(forget_gate):
    net = Network(
        2,
        1,
        n_blocks=2,
        forget_gate=forget_gate,
        recurrence="all",
        cell_input_activation="logistic[-2,2]",
        cell_output_activation="logistic[-1,1]",
    )
    problem = make_problem(net, [40], state=False)
    weights, x = problem.weights, problem.X[0]
    net.views(weights)["output"][...] = [[1.0, 0.0, 0.0]]  # error 1 at y_c of the first block
    reg = regressor_of(net, weights)
    trace = {name: values[::-1, 0] for name, values in reg.activations([x])[0].items()}  # by the lag
    y_in, y_out, g, s = (trace[name] for name in ("input_gate", "output_gate", "cell_input", "cell_state"))
    forget = trace["forget_gate"] if forget_gate else np.ones(40)
    before = np.append(s[1:], 0.0)
    h = 2 / (1 + np.exp(-s[0])) - 1
    e_s = y_out[0] * (1 + h) * (1 - h) / 2 * np.cumprod(np.append(1.0, forget[:-1]))
    expected = {
        "cell": e_s * y_in * (2 + g) * (2 - g) / 4,
        "input_gate": e_s * g * y_in * (1 - y_in),
        "output_gate": np.append(h * y_out[0] * (1 - y_out[0]), np.zeros(39)),
    }
    if forget_gate:
        expected["forget_gate"] = e_s * before * forget * (1 - forget)
    flow = error_flow(reg, [x], gradient="truncated")
    assert flow.groups.keys() == expected.keys()
    for name, values in expected.items():
        assert_allclose(flow.groups[name][0], np.abs(values), rtol=1e-10, atol=1e-16)
    assert_allclose(flow.norms[0], np.linalg.norm(list(expected.values()), axis=0), rtol=1e-10)
    if not forget_gate:
        assert_array_equal(flow.carousel, np.ones((1, 40)))
        assert_allclose(e_s, e_s[0], rtol=0)  # constant error flow
    full = error_flow(reg, [x], gradient="full")
    assert_allclose(full.norms[0, 0], flow.norms[0, 0], rtol=1e-12)
    assert np.abs(full.norms[0] / flow.norms[0] - 1).max() > 0.01


def constant_gates(forget_bias, n_blocks=1):
    """A regressor whose gates do not depend on anything."""
    net = Network(1, 1, n_blocks=n_blocks, recurrence="none", cell_input_activation="identity")
    weights = np.zeros(net.n_weights)
    views = net.views(weights)
    views["cell"][:, 0] = 1
    views["forget_gate"][:, -1] = forget_bias
    views["output"][...] = 1
    return regressor_of(net, weights)


@pytest.mark.parametrize("forget_bias", [-1.0, 0.0, 3.0])
def test_half_life_is_that_of_the_forget_gate(forget_bias):
    reg = constant_gates(forget_bias)
    x = np.zeros((30, 1))  # states are 0: errors at gates, too
    flow = error_flow(reg, [x])
    keeps = 1 / (1 + np.exp(-forget_bias))
    assert_allclose(flow.norms[0], flow.norms[0, 0] * keeps ** np.arange(30), rtol=1e-10)
    assert_allclose(flow.carousel[0], keeps ** np.arange(30), rtol=1e-10)
    assert_allclose(flow.half_life, np.log(0.5) / np.log(keeps), rtol=1e-9)


def test_carousel_is_the_mean_of_the_blocks():
    flow = error_flow(constant_gates([0.0, 3.0], n_blocks=2), [np.zeros((9, 1)), np.zeros((4, 1))])
    keeps = 1 / (1 + np.exp(-np.array([0.0, 3.0])))
    expected = (keeps ** np.arange(9)[:, np.newaxis]).mean(axis=1)
    assert_allclose(flow.carousel[0], expected, rtol=1e-12)
    assert_allclose(flow.carousel[1], np.where(np.arange(9) < 4, expected, np.nan), rtol=1e-12)


def test_half_life_of_what_does_not_fall():
    assert error_flow(constant_gates(0.0), [[[0.0]]]).half_life == np.inf  # one lag
    net = replace(constant_gates(0.0).network_, forget_gate=False, output_gate=False)
    weights = np.ones(net.n_weights)
    flow = error_flow(regressor_of(net, weights), [np.zeros((9, 1))])
    assert flow.half_life > 1e6 or np.isinf(flow.half_life)


# ------------------------------------------------------------------------------------------------
# any network


def probed(net, weights):
    """The same network with one more input per hidden unit, of weight 1; and its weights."""
    names = [name for name in net.weight_shapes if "peephole" not in name and name != "output"]
    units = {name: net.weight_shapes[name][0] for name in names}
    n = sum(units.values())
    larger = replace(net, n_inputs=net.n_inputs + n)
    old, new_weights = net.views(weights), np.zeros(larger.n_weights)
    new, at = larger.views(new_weights), 0
    for name, view in old.items():
        if name in units:
            new[name][:, : net.n_inputs] = view[:, : net.n_inputs]
            new[name][:, net.n_inputs : net.n_inputs + n] = np.eye(n)[at : at + len(view)]
            new[name][:, net.n_inputs + n :] = view[:, net.n_inputs :]
            at += len(view)
        elif name == "output":
            hidden = net.n_cells + net.n_hidden_units
            own = hidden + net.shortcut * net.n_inputs
            new[name][:, :own] = view[:, :own]
            new[name][:, own + net.shortcut * n :] = view[:, own:]
        else:
            new[name][...] = view
    return larger, new_weights, units


@given(problem=problems(output_activation="identity", return_sequences=False), full=st.booleans())
@repeatable
def test_flow_equals_that_of_probes_to_the_bit(problem, full):
    net, weights = problem.net, problem.weights
    gradient = GRADIENTS[full]
    flow = error_flow(regressor_of(net, weights), problem.X, output=0, gradient=gradient)
    larger, more_weights, units = probed(net, weights)
    lengths, n = problem.lengths, sum(units.values())
    X = [np.hstack([x, np.zeros((len(x), n))]) for x in problem.X]
    errors = np.tile(np.eye(net.n_outputs)[0], (len(X), 1))
    _, info = larger.backward(more_weights, X, errors, gradient, full_output=True)
    probes = np.split(info["inputs"][:, net.n_inputs :], np.cumsum(lengths)[:-1])
    places = np.split(np.arange(n), np.cumsum(list(units.values()))[:-1])
    for i, probe in enumerate(probes):
        for name, columns in zip(units, places):
            norms = np.linalg.norm(np.ascontiguousarray(probe[::-1, columns]), axis=1)
            assert_array_equal(flow.groups[name][i, : lengths[i]], norms)
        assert np.isnan(flow.norms[i, lengths[i] :]).all()


@given(net=networks(output_activation="identity", return_sequences=True), seed=st.integers(0, 99))
@repeatable
def test_full_flow_equals_central_differences_by_probes(net, seed):
    problem = make_problem(net, [4], state=False, seed=seed)
    flow = error_flow(regressor_of(net, problem.weights), problem.X, output=0, at=2, gradient="full")
    larger, weights, units = probed(net, problem.weights)
    n, h = sum(units.values()), 1e-6
    x = np.hstack([problem.X[0], np.zeros((4, n))])
    slopes = np.zeros((3, n))
    for t, u in np.ndindex(3, n):
        step = np.zeros_like(x)
        step[t, net.n_inputs + u] = h
        more, less = (larger.forward(weights, [x + sign * step])[0][2, 0] for sign in (1, -1))
        slopes[2 - t, u] = (more - less) / (2 * h)
    assert flow.norms.shape == (1, 3)
    assert_allclose(flow.norms[0], np.linalg.norm(slopes, axis=1), rtol=1e-6, atol=1e-8)


# ------------------------------------------------------------------------------------------------
# the public function


@pytest.fixture(scope="module")
def clf():
    return LSTMClassifier(**SMALL).fit(X, LABELS)


def test_sequences_line_up_at_their_answers(clf):
    flow = error_flow(clf, X)
    assert_array_equal(flow.lags, np.arange(12))
    assert flow.norms.shape == flow.carousel.shape == (20, 12)
    for i, x in enumerate(X):
        alone = error_flow(clf, [x])
        assert_allclose(flow.norms[i, : len(x)], alone.norms[0], rtol=1e-9)
        assert_allclose(flow.carousel[i, : len(x)], alone.carousel[0], rtol=1e-12)
        assert np.isnan(flow.norms[i, len(x) :]).all()
        assert np.isnan(flow.carousel[i, len(x) :]).all()
    short = error_flow(clf, X, n_lags=4)
    assert_array_equal(short.norms, flow.norms[:, :4])
    assert_array_equal(error_flow(clf, X, n_lags=99).norms, flow.norms)


def test_the_error_starts_at_the_predicted_class_or_at_output(clf):
    predicted, by_class = clf.predict(X), {k: error_flow(clf, X, output=k).norms for k in clf.classes_}
    found = error_flow(clf, X).norms
    for i, label in enumerate(predicted):
        assert_array_equal(found[i], by_class[label][i])
    assert not np.allclose(by_class["a"], by_class["b"], equal_nan=True)


def test_the_gradient_is_that_of_the_estimator():
    options = SMALL | {"gradient": "truncated", "recurrence": "all"}
    reg = LSTMRegressor(**options).fit(X, np.arange(20.0))
    found = {gradient: error_flow(reg, X, gradient=gradient).norms for gradient in (None, *GRADIENTS)}
    assert_array_equal(found[None], found["truncated"])
    assert not np.allclose(found[None], found["full"], equal_nan=True)


def test_forms_of_x(clf):
    expected = error_flow(clf, X)
    for given_X in (flat_sequences(X), [sparse.csr_array(x) for x in X]):
        assert_allclose(error_flow(clf, given_X).norms, expected.norms, rtol=1e-9)
    single = error_flow(clf, [x.astype(np.float32) for x in X])
    assert single.norms.dtype == np.float64
    assert_allclose(single.norms, expected.norms, rtol=1e-4)
    pipeline = make_pipeline(SequenceScaler(), LSTMClassifier(**SMALL)).fit(X, LABELS)
    scaled = pipeline[0].transform(X)
    assert_array_equal(error_flow(pipeline, X).norms, error_flow(pipeline[-1], scaled).norms)


def test_the_answer_is_at_a_step():
    reg = LSTMRegressor(return_sequences=True, **SMALL).fit(X[1:4], [x[:, 0].cumsum() for x in X[1:4]])
    for at in (-1, -2, 0, 2):
        flow = error_flow(reg, X[1:4], at=at)
        for x, norms in zip(X[1:4], flow.norms):
            steps = range(len(x))[at] + 1
            assert_allclose(norms[:steps], error_flow(reg, [x[:steps]]).norms[0], rtol=1e-9)
            assert np.isnan(norms[steps:]).all()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"output": "d"}, ValueError, "output must be None or one of classes_ ['a', 'b', 'c'], got 'd'"),
        ({"at": 2}, ValueError, "at=2 needs return_sequences=True"),
        ({"n_lags": 0}, ValueError, "n_lags must be None or an integer of at least 1, got 0"),
        ({"gradient": "half"}, ValueError, "gradient must be one of"),
        ({"estimator": LogisticRegression()}, TypeError, "LSTMClassifier or LSTMRegressor"),
    ],
)
def test_flows_that_are_refused(clf, options, error, words):
    with pytest.raises(error, match=re.escape(words)):
        error_flow(**{"estimator": clf, "X": X} | options)


def test_picture(clf):
    plt = pytest.importorskip("matplotlib.pyplot")
    display = ErrorFlowDisplay.from_estimator(clf, X, groups=True, name="blocks")
    flow = error_flow(clf, X)
    lines = {line.get_label().split(",")[0]: line for line in display.ax_.lines}
    assert lines.keys() == {"blocks", "carousel alone", "cell", "input gate", "forget gate", "output gate"}
    assert_allclose(lines["blocks"].get_ydata(), np.nanmedian(flow.norms, axis=0))
    assert_allclose(lines["carousel alone"].get_ydata(), np.nanmedian(flow.carousel, axis=0))
    assert f"half-life {flow.half_life:.3g} steps" in lines["blocks"].get_label()
    assert display.ax_.get_yscale() == "log"
    assert display.ax_.get_xlabel() == "lag [time steps before the answer]"
    _, ax = plt.subplots()
    options = {"n_blocks": 0, "n_hidden_units": 3, "recurrence": "all", "gradient": "truncated"}
    reg = LSTMRegressor(**SMALL | options).fit(X, np.arange(20.0))
    assert ErrorFlowDisplay.from_estimator(reg, X, ax=ax).ax_ is ax
    (line,) = ax.lines
    assert np.isnan(line.get_ydata()[1:]).all()  # nothing flows back
    plt.close("all")
