"""How sequences are computed together changes nothing: order, packed batches, windows, BLAS, threads."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from sklstm import Network, _engine  # how much it holds at once
from topologies import GRADIENTS, assert_near, make_problem, problems, regressor_of, repeatable

NET = Network(3, 2, n_blocks=2, block_size=2, n_hidden_units=1, peepholes=True, recurrence="all")
MOST = _engine.batches.MOST_SEQUENCES  # of a packed batch
MANY = 2 * MOST + 5


def many_problem(seed=0, **options):
    """More sequences than two packed batches hold, of mixed lengths."""
    lengths = np.random.default_rng(seed).integers(1, 12, MANY)
    return make_problem(replace(NET, **options), lengths.tolist(), seed=seed)


def joined(problems, gradient):
    """Outputs, states, loss and gradients of several problems as those of one."""
    outputs, states = zip(*(problem.forward() for problem in problems), strict=True)
    losses, gradients, infos = zip(
        *(problem.loss_and_gradient(gradient) for problem in problems), strict=True
    )
    parts = {
        "outputs": np.concatenate(outputs),
        "loss": sum(losses),
        "gradient": sum(gradients),
        "inputs": np.concatenate([info["inputs"] for info in infos]),
    }
    for name, part in (
        ("state", states),
        ("final_state", [info["final_state"] for info in infos]),
        ("initial_state", [info["initial_state"] for info in infos]),
    ):
        parts[f"{name}.activations"] = np.concatenate([state.activations for state in part])
        parts[f"{name}.cells"] = np.concatenate([state.cells for state in part])
    return parts


def assert_same(problem, others, rtol=1e-12):
    """One problem and several others in turn give the same of everything."""
    for gradient in GRADIENTS:
        actual, expected = joined([problem], gradient), joined(others, gradient)
        assert np.any(expected["gradient"])
        for name, part in expected.items():
            assert_near(actual[name], part, rtol=rtol)


# ------------------------------------------------------------------------------------------------
# sequences do not see each other


@settings(repeatable, max_examples=50)
@given(problems())
def test_a_batch_is_the_sum_of_its_sequences(problem):
    assert_same(problem, problem.singles())


@settings(repeatable, max_examples=50)
@given(problems())
def test_the_order_of_sequences_does_not_matter(problem):
    order = np.random.default_rng(problem.seed).permutation(len(problem.X))
    shuffled = problem.take(order)
    for gradient in GRADIENTS:
        expected, actual = problem.loss_and_gradient(gradient), shuffled.loss_and_gradient(gradient)
        assert_near(actual[0], expected[0], rtol=1e-12)
        assert_near(actual[1], expected[1], rtol=1e-12)


@settings(repeatable, max_examples=50)
@given(problems())
def test_appended_copies_double_loss_and_gradient(problem):
    doubled = problem.take([*range(len(problem.X))] * 2)
    for gradient in GRADIENTS:
        expected, actual = problem.loss_and_gradient(gradient), doubled.loss_and_gradient(gradient)
        assert_near(actual[0], 2 * expected[0], rtol=1e-12)
        assert_near(actual[1], 2 * expected[1], rtol=1e-12)


@settings(repeatable, max_examples=50)
@given(problems())
def test_a_sample_weight_scales_and_zero_leaves_out(problem):
    weight = np.append(np.zeros(len(problem.X)), 2 * problem.sample_weight)
    doubled = replace(problem.take([*range(len(problem.X))] * 2), sample_weight=weight)
    for gradient in GRADIENTS:
        expected, actual = problem.loss_and_gradient(gradient), doubled.loss_and_gradient(gradient)
        assert_near(actual[0], 2 * expected[0], rtol=1e-12)
        assert_near(actual[1], 2 * expected[1], rtol=1e-12)
        left_out = slice(0, sum(problem.lengths))
        assert_array_equal(actual[2]["inputs"][left_out], 0)


@settings(repeatable, max_examples=30)
@given(problems())
def test_no_sample_weight_is_a_weight_of_one(problem):
    one, none = (replace(problem, sample_weight=w) for w in (np.ones(len(problem.X)), None))
    expected, actual = one.loss_and_gradient(), none.loss_and_gradient()
    assert actual[0] == expected[0]
    assert_array_equal(actual[1], expected[1])


@settings(repeatable, max_examples=60)
@given(problems(lengths=(2, 3, 5, 37), return_sequences=True))
def test_two_halves_with_the_state_carried_are_the_whole(problem):
    rng = np.random.default_rng(problem.seed)
    cuts = [int(rng.integers(1, length)) for length in problem.lengths]
    outputs, final = problem.forward()
    first = replace(problem, X=[x[:cut] for x, cut in zip(problem.X, cuts, strict=True)])
    outputs_1, carried = first.forward()
    second = replace(
        problem,
        X=[x[cut:] for x, cut in zip(problem.X, cuts, strict=True)],
        initial_state=carried,
    )
    outputs_2, final_2 = second.forward()
    ends_1, ends_2 = np.cumsum(cuts), np.cumsum(np.subtract(problem.lengths, cuts))
    halves = zip(np.split(outputs_1, ends_1), np.split(outputs_2, ends_2), strict=True)
    assert_array_equal(np.concatenate([part for half in halves for part in half]), outputs)
    assert_array_equal(final_2.activations, final.activations)
    assert_array_equal(final_2.cells, final.cells)


# ------------------------------------------------------------------------------------------------
# packed batches and windows


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_more_sequences_than_a_packed_batch_holds(return_sequences, form, each_level):
    problem = many_problem(return_sequences=return_sequences)
    problem = replace(problem, X=[form(x) for x in problem.X])
    assert_same(problem, problem.singles())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"block_size": 2},
        {"recurrence": "none"},
        {"forget_gate": False},
        {"block_size": 3, "n_hidden_units": 2, "peepholes": True, "recurrence": "all"},
    ],
    ids=str,
)
@pytest.mark.parametrize("n_blocks", [1, 2, 4])
@pytest.mark.parametrize("n_steps", [6, 90])
def test_small_networks_give_each_sequence_the_same_bits(n_steps, n_blocks, options, dtype, each_level):
    """A sequence alone goes from step to step in registers, and so do its inputs if few; several in rows."""
    net = Network(3, 1, n_blocks=n_blocks, **options)
    rng = np.random.default_rng(0)
    w = net.init_weights(1, init_range=1).astype(dtype)
    X = list(rng.normal(size=(17, n_steps, 3)).astype(dtype))
    expected = np.concatenate([net.forward(w, [x]) for x in X])
    assert len(np.unique(expected)) == 17
    for n in range(2, 18):
        assert_array_equal(net.forward(w, X[:n]), expected[:n])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"forget_gate": False}])
def test_saturated_units_have_the_same_bits_alone(options, dtype, each_level):
    """The arguments of many units are clipped."""
    net = Network(3, 1, n_blocks=2, **options)
    rng = np.random.default_rng(0)
    X = list((rng.normal(size=(4, 6, 3)) * [1, 30, 1000]).astype(dtype))
    w = net.init_weights(1, init_range=3).astype(dtype)
    assert_array_equal(net.forward(w, X), np.concatenate([net.forward(w, [x]) for x in X]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("n_inputs", [2, 70])
def test_where_inputs_lie_and_when_they_are_multiplied_changes_no_bit(n_inputs, form, dtype, each_level):
    """Equal distances: read in place. Many sequences, not too many inputs: multiplied time by time."""
    net = Network(n_inputs, 1, n_blocks=20, block_size=2)
    rng = np.random.default_rng(0)
    w = net.init_weights(1, init_range=1).astype(dtype)
    X = rng.normal(size=(40, 6, n_inputs)).astype(dtype)
    expected = np.concatenate([net.forward(w, [form(x)]) for x in X])
    order = rng.permutation(40)
    for n in (2, 15, 16, 17, 40):
        for who in (np.arange(n), np.arange(n)[::-1], order[:n]):
            assert_array_equal(net.forward(w, [form(x) for x in X[who]]), expected[who])
    assert_array_equal(net.forward(w, X), expected)
    assert_array_equal(net.forward(w, X[::2]), expected[::2])
    ragged = [form(x[: 1 + i % 6]) for i, x in enumerate(X)]
    assert_array_equal(net.forward(w, ragged), np.concatenate([net.forward(w, [x]) for x in ragged]))


@pytest.mark.parametrize("window_bytes", [1, 5000, 50_000])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("lengths", [[120], [1, 37, 120, 2, 119], [8] * (MOST + 1)])
def test_windows_change_no_bit(monkeypatch, lengths, return_sequences, form, window_bytes):
    problem = make_problem(replace(NET, return_sequences=return_sequences), lengths)
    problem = replace(problem, X=[form(x) for x in problem.X])
    outputs, state = problem.forward()
    monkeypatch.setattr(_engine.engine, "WINDOW_BYTES", window_bytes)
    in_windows, state_in_windows = problem.forward()
    assert_array_equal(in_windows, outputs)
    assert_array_equal(state_in_windows.activations, state.activations)
    assert_array_equal(state_in_windows.cells, state.cells)


def test_a_sequence_longer_than_the_window():
    length = _engine.engine.WINDOW_BYTES // 64 + 10
    problem = make_problem(Network(1, 1), [length, 3], scale=0.3)
    outputs, state = problem.forward()
    before = replace(problem, X=[problem.X[0][:-20], problem.X[1][:1]])
    after = replace(problem, X=[problem.X[0][-20:], problem.X[1][1:]], initial_state=before.forward()[1])
    assert_array_equal(after.forward()[0], outputs)
    assert_array_equal(after.forward()[1].cells, state.cells)


# ------------------------------------------------------------------------------------------------
# products that are large enough for BLAS


# A packed batch of 32 sequences of 5 steps makes a product of 160 x 512 x 32, one sequence of 5 x 512 x 32.
LARGE = {
    "128 x 1": Network(32, 3, n_blocks=128, return_sequences=True),
    "64 x 2, everything": Network(
        32,
        40,
        n_blocks=64,
        block_size=2,
        n_hidden_units=32,
        peepholes=True,
        recurrence="all",
        shortcut=True,
        output_activation="softmax",
    ),
}


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-4), (np.float64, 1e-11)])
@pytest.mark.parametrize("net", LARGE.values(), ids=LARGE)
def test_a_large_batch_equals_single_sequences(net, dtype, rtol):
    problem = make_problem(net, [5] * MOST, scale=0.1)
    problem = replace(problem, X=[x.astype(dtype) for x in problem.X])
    assert_same(problem, problem.singles(), rtol=rtol)


@pytest.mark.parametrize("net", LARGE.values(), ids=LARGE)
def test_the_gradient_of_a_large_batch_is_the_slope_of_the_loss(net):
    problem = make_problem(net, [5] * MOST, scale=0.1)
    gradient = problem.loss_and_gradient()[1]
    direction = gradient.copy()
    for part in net.views(direction).values():
        part /= np.linalg.norm(part)  # no group of weights is lost beside another
    above, below = (
        replace(problem, weights=problem.weights + eps * direction).loss_and_gradient()[0]
        for eps in (1e-5, -1e-5)
    )
    assert_allclose((above - below) / 2e-5, direction @ gradient, rtol=1e-7, atol=0)


# ------------------------------------------------------------------------------------------------
# threads


def test_products_of_long_sequences(each_level):
    """BLAS computes those of many inputs or outputs, from the biases on; not of short pieces."""
    net = Network(40, 40, n_blocks=16, return_sequences=True)
    w, x = net.init_weights(0, init_range=0.3), np.random.default_rng(0).normal(size=(1000, 40))
    state, pieces = None, []
    for piece in np.split(x, 10):
        outputs, info = net.forward(w, [piece], initial_state=state, full_output=True)
        pieces.append(outputs[0])
        state = info["final_state"]
    assert_allclose(net.forward(w, [x])[0], np.concatenate(pieces), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("net", "form"),
    [
        (NET, np.asarray),
        (NET, sparse.csr_array),
        (replace(NET, return_sequences=True), np.asarray),
        (LARGE["128 x 1"], np.asarray),
    ],
)
def test_two_threads_give_what_one_gives(net, form):
    problem = make_problem(net, [3, 8, 1, 5, 4] * (MANY // 5), scale=0.2)
    reg, X = regressor_of(net, problem.weights), [form(x) for x in problem.X]
    one, two = (reg.set_params(n_jobs=n_jobs).predict(X) for n_jobs in (1, 2))
    assert_array_equal(np.concatenate(list(two)), np.concatenate(list(one)))
