"""The topology as a value: its weights, what it refuses, what goes in and what comes out."""

import pickle
import random
import subprocess
import sys
from copy import copy, deepcopy
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.optimize import minimize

import reference
from children import interruptible
from sklstm import LSTMClassifier, LSTMRegressor, Network, Sequences, State, _cpu
from topologies import EVERYTHING, make_problem, networks, repeatable

# ------------------------------------------------------------------------------------------------
# the number of weights, where they lie, what they are at the start

ONLY_GATE_BIASES = {"cell_bias": False, "output_bias": False}
NO_BIASES = {"cell_bias": False, "gate_bias": False, "output_bias": False}
SIZES = ("n_inputs", "n_outputs", "n_blocks", "block_size", "n_hidden_units")
EXPERIMENT_2A = {"output_gate": False, "recurrence": "none", "shortcut": True, **NO_BIASES}


@pytest.mark.parametrize(
    ("experiment", "n_inputs", "blocks", "n_outputs", "options", "n_weights"),
    [
        ("1", 7, (4, 1), 7, ONLY_GATE_BIASES, 264),
        ("1", 7, (3, 2), 7, ONLY_GATE_BIASES, 276),
        ("2a", 101, (1, 1), 101, EXPERIMENT_2A, 10504),
        ("2c, p = 50", 54, (2, 1), 2, NO_BIASES, 364),
        ("2c, p = 100", 104, (2, 1), 2, NO_BIASES, 664),
        ("2c, p = 200", 204, (2, 1), 2, NO_BIASES, 1264),
        ("2c, p = 500", 504, (2, 1), 2, NO_BIASES, 3064),
        ("2c, p = 1000", 1004, (2, 1), 2, NO_BIASES, 6064),
        ("3", 1, (3, 1), 1, {"output_bias": False}, 102),
        ("4, 5", 2, (2, 2), 1, {}, 93),
        ("6a", 8, (2, 2), 4, {}, 156),
        ("6b", 8, (3, 2), 8, {}, 308),
    ],
)
def test_number_of_weights_is_that_of_1997(experiment, n_inputs, blocks, n_outputs, options, n_weights):
    n_blocks, block_size = blocks
    options = {"recurrence": "all", "forget_gate": False, **options}
    net = Network(n_inputs, n_outputs, n_blocks=n_blocks, block_size=block_size, **options)
    assert net.n_weights == n_weights
    assert net.init_weights(0).shape == (n_weights,)


def test_views_have_the_documented_order_and_shapes():
    views = EVERYTHING.views(EVERYTHING.init_weights(0))
    sources = 2 + 6 + 3 * 2 + 2 + 1  # inputs, cells, three gates, hidden units, bias
    assert [(name, part.shape) for name, part in views.items()] == [
        ("cell", (6, sources)),
        ("input_gate", (2, sources)),
        ("forget_gate", (2, sources)),
        ("output_gate", (2, sources)),
        ("hidden", (2, sources)),
        ("input_gate_peephole", (2, 3)),
        ("forget_gate_peephole", (2, 3)),
        ("output_gate_peephole", (2, 3)),
        ("output", (3, 6 + 2 + 2 + 1)),  # cells, hidden units, inputs, bias
    ]


@repeatable
@given(networks())
def test_views_are_views_of_every_weight_in_the_order_of_the_twin(net):
    weights = np.arange(net.n_weights)
    views = net.views(weights)
    assert list(views) == list(reference.layout(net)) == list(net.weight_shapes)
    for name, part in reference.split(net, weights).items():
        assert_array_equal(views[name], part)
    for part in views.values():
        part[...] = -1
    assert_array_equal(weights, -1)


def test_weights_are_uniform_in_the_range():
    net = Network(20, 20, n_blocks=20)
    for weights, limit in ((net.init_weights(0), 0.1), (net.init_weights(0, init_range=2), 2)):
        assert -limit <= weights.min() < -0.99 * limit
        assert 0.99 * limit < weights.max() <= limit
        assert_allclose(weights.mean(), 0, atol=0.05 * limit)


@pytest.mark.parametrize("gate", ["input_gate", "forget_gate", "output_gate"])
@pytest.mark.parametrize("bias", [-3, 1.5, [-1, -2], np.array([0.5, 0])])
def test_gate_biases_are_a_number_or_one_a_block(gate, bias):
    random = EVERYTHING.views(EVERYTHING.init_weights(3))
    views = EVERYTHING.views(EVERYTHING.init_weights(3, **{f"{gate}_bias": bias}))
    assert_array_equal(views[gate][:, -1], np.broadcast_to(bias, 2))
    random[gate][:, -1] = bias
    for name, part in views.items():
        assert_array_equal(part, random[name])


@pytest.mark.parametrize("source", [np.random.default_rng, np.random.RandomState, int])
def test_weights_are_reproducible(source):
    weights = EVERYTHING.init_weights(source(7))
    assert_array_equal(weights, EVERYTHING.init_weights(source(7)))
    assert np.all(weights != EVERYTHING.init_weights(source(8)))


@pytest.mark.parametrize("source", [np.random.default_rng, np.random.RandomState])
def test_weights_are_drawn_from_the_given_source(source):
    one, twin = source(7), source(7)
    for _ in range(2):
        expected = twin.uniform(-0.1, 0.1, EVERYTHING.n_weights)
        assert_array_equal(EVERYTHING.init_weights(one), expected)


def test_weights_without_seed_differ():
    assert np.all(EVERYTHING.init_weights() != EVERYTHING.init_weights())


# ------------------------------------------------------------------------------------------------
# arguments that are not valid


@pytest.mark.parametrize("name", ["n_inputs", "n_outputs", "n_blocks", "block_size", "n_hidden_units"])
@pytest.mark.parametrize(
    ("value", "error"), [(-1, ValueError), (2.0, TypeError), ("2", TypeError), (True, TypeError)]
)
def test_sizes_are_whole_numbers(name, value, error):
    with pytest.raises(error, match=f"{name} must be .*got {value!r}"):
        Network(**{"n_inputs": 1, "n_outputs": 1, name: value})


@pytest.mark.parametrize("name", ["n_inputs", "block_size"])
def test_sizes_are_positive(name):
    with pytest.raises(ValueError, match=f"{name} must be an integer of at least 1, got 0"):
        Network(**{"n_inputs": 1, "n_outputs": 1, name: 0})


def test_without_blocks_there_must_be_something_to_learn():
    with pytest.raises(ValueError, match="n_blocks=0 leaves nothing to learn"):
        Network(1, 1, n_blocks=0)


@pytest.mark.parametrize("shortcut", [False, True])
def test_without_blocks_the_cells_cannot_recur(shortcut):
    options = {"n_blocks": 0, "n_hidden_units": 2, "shortcut": shortcut}
    message = "n_blocks=0.*recurrence='cells'.*recurrence='all'.*recurrence='none'"
    with pytest.raises(ValueError, match=message):
        Network(1, 1, **options)
    for estimator in (LSTMClassifier(**options), LSTMRegressor(**options)):
        with pytest.raises(ValueError, match=message):
            estimator.fit([[1, 2], [3]], [0, 1])
    x = np.array([[1.0], [2.0], [3.0]])
    for recurrence, remembers in (("all", True), ("none", False)):
        net = Network(1, 1, recurrence=recurrence, **options)
        w = net.init_weights(0, init_range=1)
        last = net.forward(w, [x, x[-1:]])
        assert (last[0] != last[1]) == remembers


@pytest.mark.parametrize(
    "options",
    [
        {"n_blocks": 0, "n_hidden_units": 2},
        {"input_gate": False, "forget_gate": False, "output_gate": False},
    ],
)
def test_without_gates_they_cannot_recur(options):
    with pytest.raises(ValueError, match=r"recurrence='gates'.*no gates.*'all' or 'none'"):
        Network(1, 1, recurrence="gates", **options)


@pytest.mark.parametrize("in_registers", [True, False])
def test_recurrence_of_gates_is_that_of_all_with_weights_of_zero(in_registers):
    """Outputs and both gradients are those of the network with all connections, where these are zero."""
    options = {"n_blocks": 3 if in_registers else 40, "block_size": 2, "n_hidden_units": 2}
    options |= {"peepholes": True, "output_activation": "logistic", "return_sequences": True}
    net, wider = (Network(2, 3, recurrence=name, **options) for name in ("gates", "all"))
    rng = np.random.default_rng(0)
    w, all_weights = rng.normal(scale=0.3, size=net.n_weights), np.zeros(wider.n_weights)
    kept = wider.views(np.zeros(wider.n_weights, bool))
    for name, part in wider.views(all_weights).items():
        mine = net.views(w)[name]
        columns = np.arange(part.shape[1])
        if name in ("cell", "hidden"):
            columns = np.array([0, 1, -1])
        part[:, columns], kept[name][:, columns] = mine, True
    kept = np.concatenate([part.ravel() for part in kept.values()])
    X = [rng.normal(size=(n, 2)) for n in (5, 1, 8)]
    y = [rng.uniform(size=(len(x), 3)) for x in X]
    for out, expected in zip(net.forward(w, X), wider.forward(all_weights, X), strict=True):
        assert_array_equal(out, expected)
    for gradient in ("truncated", "full"):
        loss, grad = net.loss_and_gradient(w, X, y, gradient=gradient)
        expected_loss, expected = wider.loss_and_gradient(all_weights, X, y, gradient=gradient)
        assert loss == expected_loss
        assert_array_equal(grad, expected[kept])
        assert np.count_nonzero(grad) == grad.size


@pytest.mark.parametrize(
    "options",
    [
        {"shortcut": True},
        {"n_hidden_units": 2, "recurrence": "all"},
        {"n_hidden_units": 2, "recurrence": "none", "shortcut": True},
    ],
)
def test_a_network_without_blocks(options):
    """The twin's outputs and gradient, as with blocks."""
    net = Network(2, 3, n_blocks=0, output_activation="logistic", return_sequences=True, **options)
    rng = np.random.default_rng(0)
    w = rng.normal(size=net.n_weights)
    x, y = rng.normal(size=(5, 2)), rng.random((5, 3))
    views = reference.split(net, w)
    assert views.keys() == net.weight_shapes.keys()
    assert_allclose(net.forward(w, [x])[0], reference.forward(net, views, x).y, rtol=1e-12)
    loss, gradient = net.loss_and_gradient(w, [x], [y])
    expected, parts, _ = reference.full_gradient(net, views, x, y, "squared_error")
    assert_allclose(loss, expected, rtol=1e-12)
    assert_allclose(gradient, reference.join(net, parts), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("what", ["weights", "inputs", "targets"])
@pytest.mark.parametrize("power", [0.5, 0.9, 1])
def test_overflow_gives_no_warning(what, dtype, power):
    """Whoever asks for a gradient sees that it is not finite; for 100 sequences two batches are added."""
    net = Network(2, 2, n_blocks=2, shortcut=True, cell_input_activation="identity", recurrence="all")
    rng = np.random.default_rng(0)
    sizes = dict.fromkeys(["weights", "inputs", "targets"], 1.0)
    sizes[what] = float(np.finfo(dtype).max) ** power
    w = sizes["weights"] * rng.uniform(-1, 1, net.n_weights)
    X = [(sizes["inputs"] * rng.uniform(-1, 1, (5, 2))).astype(dtype) for _ in range(100)]
    y = sizes["targets"] * rng.uniform(-1, 1, (100, 2))
    loss, gradient, info = net.loss_and_gradient(w, X, y, full_output=True)
    flat = np.concatenate([[loss], gradient, info["inputs"].ravel()])
    assert power < 1 or not np.isfinite(flat).all()


def test_sizes_of_numpy_are_sizes():
    net = Network(np.int64(3), np.uint8(1), n_blocks=np.int32(2), forget_gate=np.False_)
    assert net == Network(3, 1, n_blocks=2, forget_gate=False)
    assert hash(net) == hash(Network(3, 1, n_blocks=2, forget_gate=False))


@pytest.mark.parametrize("name", [field.name for field in fields(Network) if field.type is bool])
@pytest.mark.parametrize("value", [1, "yes", None])
def test_switches_are_true_or_false(name, value):
    with pytest.raises(TypeError, match=f"{name} must be True or False, got {value!r}"):
        Network(1, 1, **{name: value})


@pytest.mark.parametrize(
    "name",
    ["recurrence", "cell_input_activation", "cell_output_activation", "output_activation"],
)
@pytest.mark.parametrize("value", ["relu", None, ["all"]])
def test_choices_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name} must be one of .*got "):
        Network(1, 1, **{name: value})


def test_peepholes_need_a_gate():
    gates = dict.fromkeys(["input_gate", "forget_gate", "output_gate"], False)
    with pytest.raises(ValueError, match="peepholes=True needs at least one gate"):
        Network(1, 1, peepholes=True, **gates)


@pytest.mark.parametrize(
    ("options", "arguments", "message"),
    [
        ({"forget_gate": False}, {"forget_gate_bias": 1}, "forget_gate_bias=1 .*forget_gate=False"),
        ({"gate_bias": False}, {"input_gate_bias": -1}, "input_gate_bias=-1 .*gate_bias=False"),
        ({}, {"output_gate_bias": [1, 2, 3]}, "output_gate_bias must .*2 blocks"),
        ({}, {"output_gate_bias": [1]}, "output_gate_bias must .*2 blocks"),
        ({}, {"output_gate_bias": np.nan}, "output_gate_bias must be a finite number"),
        ({}, {"output_gate_bias": "open"}, "output_gate_bias must be a finite number"),
        ({}, {"init_range": -0.1}, "init_range must be .*got -0.1"),
        ({}, {"init_range": np.inf}, "init_range must be .*got inf"),
        ({}, {"init_range": 1e308}, r"init_range must be .*at most 8.988e\+307, got 1e\+308"),
        ({}, {"random_state": -1}, "random_state must be .*got -1"),
    ],
)
def test_initial_values_that_do_not_fit(options, arguments, message):
    with pytest.raises(ValueError, match=message):
        Network(1, 1, n_blocks=2, **options).init_weights(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"init_range": "small"}, "init_range must be a number, got 'small'"),
        ({"init_range": True}, "init_range must be a number, got True"),
        ({"init_range": 1j}, "init_range must be a number, got 1j"),
        ({"random_state": "a"}, "random_state must be .*got 'a'"),
        ({"random_state": 1.5}, "random_state must be .*got 1.5"),
        ({"random_state": random.Random(0)}, "random_state must be .*got <random.Random"),
    ],
)
def test_initial_values_that_are_none(arguments, message):
    with pytest.raises(TypeError, match=message):
        Network(1, 1).init_weights(**arguments)


def test_any_seed_of_numpy_is_a_seed():
    for seed in (2**40, np.uint8(3), np.random.SeedSequence(0)):
        assert_array_equal(
            Network(1, 1).init_weights(seed), np.random.default_rng(seed).uniform(-0.1, 0.1, 14)
        )


@pytest.mark.parametrize(
    "sizes",
    [
        {"n_blocks": 2**70},
        {"n_blocks": 10**9},
        {"n_blocks": 0, "block_size": 2**60, "shortcut": True},
        {"n_inputs": 2**63, "recurrence": "none"},
        {"n_outputs": 10**30, "cell_bias": np.True_, "output_bias": np.True_},
        {"n_hidden_units": 2**31, "recurrence": "all"},
    ],
    ids=str,
)
def test_a_network_that_no_memory_holds(sizes):
    """Numbers of weights are summed without overflow, of NumPy's booleans, too."""
    name = max(sizes, key=lambda name: sizes[name] if name in SIZES else -1)
    with pytest.raises(ValueError, match=f"{name}={sizes[name]}.* more than 281474976710656 weights"):
        Network(**{"n_inputs": 1, "n_outputs": 1} | sizes)


def small_call(return_sequences=False, **changes):
    """Loss and gradient of two sequences, 3 and 2 steps of two features; three outputs."""
    net = Network(2, 3, return_sequences=return_sequences)
    y = [np.zeros((3, 3)), np.zeros((2, 3))] if return_sequences else np.zeros((2, 3))
    X = [np.ones((3, 2)), np.ones((2, 2))]
    return net.loss_and_gradient(**{"weights": np.zeros(net.n_weights), "X": X, "y": y} | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": np.zeros(7)}, r"weights must have the shape \(\d+,\), got \(7,\)"),
        ({"X": [np.ones((3, 2)), np.ones((2, 5))]}, r"X\[1\]"),
        ({"y": np.zeros((3, 3))}, r"y must have 2 rows of 3 targets, got the shape \(3, 3\)"),
        ({"y": np.zeros((2, 2))}, r"y must have 2 rows of 3 targets"),
        ({"y": np.zeros(2)}, r"y must have 2 rows of 3 targets"),
        ({"y": np.zeros((2, 3, 1))}, r"y must have 2 rows of 3 targets"),
        ({"loss": "hinge"}, "loss must be one of .*squared_error.*got 'hinge'"),
        ({"loss": None}, "loss must be one of .*got None"),
        ({"loss": "log_loss"}, "loss='log_loss' needs output_activation=.*got 'identity'"),
        ({"gradient": "half"}, "gradient must be one of .*truncated.*got 'half'"),
        ({"sample_weight": np.ones(3)}, r"sample_weight must have the shape \(2,\), got \(3,\)"),
        (
            {"sample_weight": np.ones((2, 1))},
            r"sample_weight must have the shape \(2,\), or \(2, 3\) .* for each output, got \(2, 1\)",
        ),
        (
            {"initial_state": State(np.zeros((2, 2)), np.zeros((2, 1)))},
            r"initial_state\.activations must have the shape \(2, 1\), got \(2, 2\)",
        ),
        (
            {"initial_state": State(np.zeros((2, 1)), np.zeros((3, 1)))},
            r"initial_state\.cells must have the shape \(2, 1\), got \(3, 1\)",
        ),
    ],
)
def test_arguments_that_do_not_fit(changes, message):
    with pytest.raises(ValueError, match=message):
        small_call(**changes)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([np.zeros((3, 3))], "y has targets for 1 of 2 sequences"),
        ([np.zeros((3, 3)), np.zeros((3, 3))], r"y\[1\] has shape \(3, 3\)"),
        ([np.zeros((3, 3)), np.zeros((2, 2))], r"y\[1\] is .*shape \(2, 2\)"),
        ([np.zeros(3), np.zeros(2)], r"y must have 5 rows of 3 targets, got the shape \(5, 1\)"),
    ],
)
def test_targets_of_steps_that_do_not_fit(y, message):
    with pytest.raises(ValueError, match=message):
        small_call(return_sequences=True, y=y)


@pytest.mark.parametrize("state", [3, "zero", (1, 2, 3)])
def test_initial_state_is_a_state(state):
    with pytest.raises(TypeError, match="initial_state must be a State"):
        small_call(initial_state=state)


N_WEIGHTS = Network(2, 3).n_weights
NO_NUMBERS = {
    "text": (lambda array: array.astype(str), TypeError, "real numbers, got the dtype <U"),
    "None": (lambda array: np.full(array.shape, None), TypeError, "real numbers, got the dtype object"),
    "complex": (lambda array: array * 1j, TypeError, "real numbers, got the dtype complex128"),
    "masked": (
        lambda array: np.ma.masked_equal(array, 0),
        TypeError,
        r"real numbers, got a masked array.*\.filled\(0\)",
    ),
    "dates": (lambda array: array.astype("M8[s]"), TypeError, "real numbers, got the dtype datetime64"),
    "ragged": (lambda array: [[1.0], [1.0, 2.0]], ValueError, "real numbers, got no rectangular array"),
    "NaN": (lambda array: array * np.nan, ValueError, r"\[0.*\] is nan; expected finite numbers in float64"),
    "infinity": (lambda array: array - np.inf, ValueError, r"\[0.*\] is -inf; expected finite numbers in"),
    "huge": (lambda array: np.full(array.shape, 10**400), TypeError, "real numbers, got the dtype object"),
}


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("kind", NO_NUMBERS)
@pytest.mark.parametrize("name", ["weights", "initial_state.activations", "initial_state.cells"])
def test_what_is_not_a_finite_number_is_named(name, kind, return_sequences):
    change, error, message = NO_NUMBERS[kind]
    given = {
        "weights": np.zeros(N_WEIGHTS),
        "initial_state": State(np.zeros((2, 1)), np.zeros((2, 1))),
    }
    argument, _, part = name.partition(".")
    array = getattr(given[argument], part) if part else given[argument]
    changed = change(array)
    given[argument] = given[argument]._replace(**{part: changed}) if part else changed
    net = Network(2, 3, return_sequences=return_sequences)
    with pytest.raises(error, match=f"{name}.*{message}"):
        small_call(return_sequences, **given)
    with pytest.raises(error, match=f"{name}.*{message}"):
        net.forward(given["weights"], [np.ones((3, 2))] * 2, initial_state=given["initial_state"])


def test_what_float32_cannot_hold_is_refused_where_it_is_computed_in_float32():
    net, X = Network(2, 3), [np.ones((3, 2))]
    narrow = [x.astype(np.float32) for x in X]
    weights = np.full(N_WEIGHTS, 1e39)
    assert np.isfinite(net.forward(weights, X)).all()
    with pytest.raises(ValueError, match=r"weights\[0\] is 1e\+39; expected finite numbers in float32"):
        net.forward(weights, narrow)
    state = State(np.zeros((1, 1)), np.full((1, 1), -1e39))
    with pytest.raises(ValueError, match=r"initial_state.cells\[0, 0\] is -1e\+39; .* in float32"):
        net.forward(np.zeros(N_WEIGHTS), narrow, initial_state=state)


def test_numbers_of_any_real_kind_are_weights():
    net, X = Network(2, 3), [np.ones((3, 2))]
    expected = net.forward(np.ones(N_WEIGHTS), X)
    for kind in (int, bool, np.float16, np.longdouble, object, ">f8"):
        assert_array_equal(net.forward(np.ones(N_WEIGHTS).astype(kind), X), expected)
    assert_array_equal(net.forward([1] * N_WEIGHTS, X), expected)


def test_masked_targets_are_refused():
    with pytest.raises(TypeError, match="y must hold real numbers, got a masked array"):
        small_call(y=np.ma.masked_equal(np.zeros((2, 3)), 1))


def test_weights_of_another_shape_are_refused_before_anything_is_made():
    """An index of 2**31 + 10 inputs would take 70 GB, and a long time."""
    n = 2**31 + 10
    X = [sparse.csr_array((3, n))]
    for call in (Network(n, 1).forward, Network(n, 1, return_sequences=True).forward):
        with pytest.raises(ValueError, match=r"weights must have the shape \(8589934642,\), got \(3,\)"):
            call(np.zeros(3), X)
    with pytest.raises(ValueError, match="weights must have the shape"):
        Network(n, 1).loss_and_gradient(np.zeros(3), X, [1.0])


@pytest.mark.parametrize("through", [copy, deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_is_equal(through):
    assert EVERYTHING.n_weights  # which is kept
    again = through(EVERYTHING)
    assert again == EVERYTHING
    assert again.weight_shapes == EVERYTHING.weight_shapes


def test_a_damaged_file_is_refused():
    damaged = pickle.dumps(Network(2, 3, n_blocks=77)).replace(b"K\x4d", b"J\xff\xff\xff\xff")
    with pytest.raises(ValueError, match="n_blocks must be an integer of at least 0, got -1"):
        pickle.loads(damaged)


def test_forward_and_views_refuse_weights_of_another_network():
    net = Network(2, 3)
    with pytest.raises(ValueError, match="weights must have the shape"):
        net.views(np.zeros((net.n_weights, 1)))
    with pytest.raises(ValueError, match="weights must have the shape"):
        net.forward(np.zeros(net.n_weights + 1), [np.ones((3, 2))])


# ------------------------------------------------------------------------------------------------
# what goes in and what comes out


def test_input_of_every_form_has_the_same_bits():
    problem = make_problem(replace(EVERYTHING, return_sequences=True), [4, 1, 3])
    X, y = problem.X, problem.y
    padded = np.full((3, 4, 2), np.nan)
    objects = np.empty(3, dtype=object)
    for i, x in enumerate(X):
        padded[i, : len(x)] = objects[i] = x
    flat = np.concatenate(X)
    expected = problem.net.loss_and_gradient(problem.weights, X, y)
    for form in (
        padded,
        tuple(X),
        objects,
        [x.tolist() for x in X],
        [np.asfortranarray(x) for x in X],
        Sequences(flat, [0, 4, 5, 8]),
        [sparse.csr_array(x) for x in X],
        [sparse.csc_matrix(x) for x in X],
        Sequences(sparse.csr_array(flat), [0, 4, 5, 8]),
    ):
        loss, gradient = problem.net.loss_and_gradient(problem.weights, form, y)
        assert loss == expected[0]
        assert_array_equal(gradient, expected[1])


def test_one_feature_and_one_output_need_no_second_axis():
    net = Network(1, 1, n_blocks=2)
    weights = net.init_weights(0)
    X, y = np.arange(6.0).reshape(2, 3), np.array([1.0, -1.0])
    expected = net.loss_and_gradient(weights, X[:, :, np.newaxis], y[:, np.newaxis])
    for loss, gradient in (
        net.loss_and_gradient(weights, X, y),
        net.loss_and_gradient(weights, list(X), y.tolist()),
    ):
        assert loss == expected[0]
        assert_array_equal(gradient, expected[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_outputs_have_the_dtype_of_the_input_and_a_shape_that_follows_the_topology(dtype):
    X = [np.ones((4, 2), dtype), np.ones((1, 2), dtype)]
    net = replace(EVERYTHING, return_sequences=False)
    outputs = net.forward(net.init_weights(0), X)
    assert (outputs.shape, outputs.dtype) == ((2, 3), dtype)
    steps, info = replace(net, return_sequences=True).forward(net.init_weights(0), X, full_output=True)
    assert [(part.shape, part.dtype) for part in steps] == [((4, 3), dtype), ((1, 3), dtype)]
    assert_array_equal(np.stack([part[-1] for part in steps]), outputs)
    state = info["final_state"]
    assert (state.activations.shape, state.cells.shape) == ((2, 14), (2, 6))
    assert state.activations.dtype == state.cells.dtype == dtype


def test_nothing_that_is_given_is_changed():
    problem = make_problem(EVERYTHING, [3, 5])
    state = problem.initial_state
    arrays = [problem.weights, *problem.X, *problem.y, problem.sample_weight, *state]
    before = [array.copy() for array in arrays]
    problem.forward()
    problem.loss_and_gradient()
    for array, same in zip(arrays, before, strict=True):
        assert_array_equal(array, same)


def test_scipy_minimizes_the_loss():
    net = Network(1, 1, n_blocks=2, output_activation="logistic")
    X = [[0.1, 0.9, 0.2], [0.8, 0.1], [0.2, 0.1, 0.1, 0.2], [0.9, 0.8]]
    y = np.array([0, 1, 0, 1])
    start = net.init_weights(0)
    result = minimize(net.loss_and_gradient, start, args=(X, y), jac=True, options={"maxiter": 50})
    assert result.fun < 0.01 * net.loss_and_gradient(start, X, y)[0]
    assert_array_equal(net.forward(result.x, X)[:, 0].round(), y)


@pytest.mark.parametrize("gradient", ["truncated", "full"])
@pytest.mark.parametrize("n_blocks", [8, 20, 67])
def test_many_sequences_at_once_are_as_one_by_one(n_blocks, gradient):
    """Products of a step with many rows take another way than with one: of rows, of units, of both odd."""
    rng = np.random.default_rng(0)
    net = Network(9, 3, n_blocks=n_blocks, recurrence="all")
    weights = net.init_weights(1, init_range=0.3)
    X = [rng.normal(size=(n, 9)) for n in rng.integers(1, 30, 75)]
    y = rng.normal(size=(75, 3))
    loss, slope = net.loss_and_gradient(weights, X, y, gradient=gradient)
    parts = [net.loss_and_gradient(weights, X[i : i + 1], y[i : i + 1], gradient=gradient) for i in range(75)]
    assert_allclose(loss, sum(part[0] for part in parts), rtol=1e-13)
    assert_allclose(slope, sum(part[1] for part in parts), rtol=1e-11, atol=1e-11)
    assert_allclose(net.forward(weights, X), [net.forward(weights, [x])[0] for x in X], rtol=1e-12)


def test_what_fades_becomes_zero_not_subnormal():
    """An error halves at every step on its way to the initial state; the caller's numbers are left alone."""
    net = Network(1, 1, n_blocks=1)
    weights = np.zeros(net.n_weights, np.float32)
    net.views(weights)["output"][:] = 1
    X, smallest = [np.ones((n, 1), np.float32) for n in range(1, 200)], np.finfo(np.float32).smallest_normal
    _, _, info = net.loss_and_gradient(weights, X, np.zeros((199, 1)), full_output=True)
    slope = np.abs(info["initial_state"].cells[:, 0])
    assert_allclose(slope[1:100], slope[0] / 2.0 ** np.arange(1, 100), rtol=1e-5)
    assert np.all((slope == 0) | (slope >= smallest))
    assert 110 < np.count_nonzero(slope) <= 126
    assert smallest / np.float32(2) > 0


# Calls that would take seconds, each interrupted soon after it has begun. Prints seconds until it is heard.
INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np
from sklstm import Network

signal.signal(signal.SIGINT, signal.default_int_handler)
net = Network(2, 1, n_blocks=300)
weights, y = net.init_weights(0), np.zeros((1, 1))
X = np.zeros((1, int(sys.argv[2]), 2), np.float32)
call = {
    "forward": lambda: net.forward(weights, X),
    "loss_and_gradient": lambda: net.loss_and_gradient(weights, X, y),
    "backward": lambda: net.backward(weights, X, y),
}[sys.argv[1]]
sent = []

def interrupt():
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)

threading.Timer(0.1, interrupt).start()
try:
    call()
except KeyboardInterrupt:
    print(time.perf_counter() - sent[0])
else:
    sys.exit("the call has ended")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself Ctrl-C")
@pytest.mark.parametrize(
    ("call", "n_steps"), [("forward", 1_000_000), ("loss_and_gradient", 20_000), ("backward", 20_000)]
)
def test_ctrl_c_is_heard_inside_a_call_of_the_kernel(call, n_steps):
    command = [sys.executable, "-P", "-c", INTERRUPTED, call, str(n_steps)]
    done = subprocess.run(interruptible(command), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["input_gate", "forget_gate", "output_gate", "cell", "hidden"])
def test_infinite_net_inputs_give_nan_or_saturate(name, dtype):
    """No squashing function turns them into a number that looks like any other."""
    network = Network(1, 1, n_blocks=1, n_hidden_units=1)
    weights = network.init_weights(0).astype(dtype)
    network.views(weights)[name][0, 0] = np.finfo(dtype).max
    for x in (-4, 4):
        output = network.forward(weights, [np.full((2, 1), x, dtype)])
        assert np.isnan(output).all() == _cpu.core(dtype).FUSES  # without fma, arguments are clipped first
