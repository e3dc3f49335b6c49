"""Outputs and gradients.

Three oracles: the twin in reference.py; central differences of the network's own outputs; and, for
the truncated gradient, a network without recurrence that reads recorded activations as inputs.
"""

from collections import defaultdict
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from numpy.testing import assert_array_equal
from scipy import sparse

import reference
from sklstm import Network, State
from topologies import (
    EVERYTHING,
    GRADIENTS,
    assert_near,
    make_problem,
    problems,
    regressor_of,
    repeatable,
)

# ------------------------------------------------------------------------------------------------
# first oracle: the twin


class Comparison:
    """What was compared: the topologies, and the worst error of each quantity (`assert_near`)."""

    def __init__(self, rtol):
        self.rtol = rtol
        self.topologies = set()
        self.worst = defaultdict(float)

    def near(self, quantity, actual, expected):
        self.worst[quantity] = max(self.worst[quantity], assert_near(actual, expected, rtol=self.rtol))

    def report(self, n_topologies):
        """Refuse too few topologies and options that never were; shown by ``pytest -s``."""
        assert len(self.topologies) >= n_topologies
        for field in fields(Network):
            if field.name in ("n_layers", "bidirectional", "pooling", "patch_size"):
                continue  # test_layers.py has them
            drawn = {getattr(net, field.name) for net in self.topologies}
            squashing = field.name in ("cell_input_activation", "cell_output_activation")
            assert len(drawn) >= (2 if field.type is bool else 5 if squashing else 3), field.name
        print(f"\n{len(self.topologies)} topologies; the worst errors:")
        for quantity, error in self.worst.items():
            print(f"    {quantity:24} {error:.1e}")


def twin_arguments(problem):
    """Arguments of the twin's functions for each sequence."""
    v = reference.split(problem.net, problem.weights)
    for i, (x, y) in enumerate(zip(problem.X, problem.y, strict=True)):
        state = None
        if problem.initial_state is not None:
            state = tuple(part[i] for part in problem.initial_state)
        yield problem.net, v, x, y, problem.loss, state, problem.sample_weight[i]


def in_every_form(problem):
    """The problem with dense and with sparse input."""
    for form in (np.asarray, sparse.csr_array, sparse.csr_matrix):
        yield replace(problem, X=[form(x) for x in problem.X])


def compare_outputs(comparison, problem):
    """Outputs and states with those of the twin."""
    comparison.topologies.add(problem.net)
    traces = [reference.forward(net, v, x, state) for net, v, x, _, _, state, _ in twin_arguments(problem)]
    last = slice(None) if problem.net.return_sequences else slice(-1, None)
    for each in in_every_form(problem):
        outputs, state = each.forward()
        comparison.near("outputs", outputs, np.concatenate([trace.y[last] for trace in traces]))
        for k, part in enumerate(State._fields):
            expected = [trace.final_state[k] for trace in traces]
            comparison.near(f"final_state.{part}", getattr(state, part), expected)


def test_outputs_and_states_equal_those_of_the_twin():
    comparison = Comparison(rtol=1e-9)

    @settings(repeatable, max_examples=150)
    @given(problems())
    def compare(problem):
        compare_outputs(comparison, problem)

    compare()
    comparison.report(n_topologies=75)


def test_every_level_gives_outputs_and_gradients_of_the_twin(each_level):
    """The tests above and below, on random topologies and on one with more blocks than a vector holds."""
    comparison = Comparison(rtol=1e-9)

    def compare(problem):
        compare_outputs(comparison, problem)
        for gradient in GRADIENTS:
            compare_gradients(comparison, problem, gradient)
        compare_float32(Comparison(rtol=1e-4), problem)

    settings(repeatable, max_examples=10)(given(problems(lengths=(1, 2, 5)))(compare))()
    wide = replace(EVERYTHING, n_blocks=9, block_size=1, n_hidden_units=1)
    compare(make_problem(wide, [2, 1], scale=0.2))
    assert len(comparison.topologies) >= 7


@pytest.mark.parametrize("output", ["logistic", "softmax", "identity"])
def test_units_saturate_and_nothing_overflows(output, each_level):
    net = replace(EVERYTHING, output_activation=output, return_sequences=True)
    loss = "squared_error" if output == "identity" else "log_loss"
    problem = make_problem(net, [1, 6], loss=loss, scale=300)
    twin = list(twin_arguments(problem))
    traces = [reference.forward(net, v, x, state) for net, v, x, _, _, state, _ in twin]
    assert np.abs(traces[1].net_in).max() > 750  # exp overflows at 710
    assert_near(problem.forward()[0], np.concatenate([trace.y for trace in traces]))
    expected = sum(reference.truncated_gradient(*arguments)[0] for arguments in twin)
    for gradient in GRADIENTS:
        loss, flat, _ = problem.loss_and_gradient(gradient)
        assert_near(loss, expected)
        assert np.all(np.isfinite(flat))


TRACES = {
    "cell_input": "g",
    "input_gate": "y_in",
    "forget_gate": "y_forget",
    "output_gate": "y_out",
    "cell_state": "s",
    "cell": "y_c",
    "hidden": "y_n",
    "output": "y",
}


def test_traces_equal_those_of_the_twin():
    comparison = Comparison(rtol=1e-9)

    @settings(repeatable, max_examples=60)
    @given(problems(return_sequences=True) | problems(lengths=[1]))
    def compare(problem):
        net = problem.net
        comparison.topologies.add(net)
        reg, v = regressor_of(net, problem.weights), reference.split(net, problem.weights)
        for each in in_every_form(problem):
            for x, trace in zip(problem.X, reg.activations(each.X), strict=True):
                expected = reference.forward(net, v, x)
                absent = {name for name in TRACES if "gate" in name and not getattr(net, name)}
                absent |= set() if net.n_hidden_units else {"hidden"}
                assert trace.keys() == TRACES.keys() - absent
                for name, values in trace.items():
                    comparison.near(name, values, getattr(expected, TRACES[name]))

    compare()
    comparison.report(n_topologies=30)


def compare_gradients(comparison, problem, gradient):
    """Losses and gradients with those of the twin."""
    method = {"truncated": reference.truncated_gradient, "full": reference.full_gradient}[gradient]
    net = problem.net
    comparison.topologies.add(net)
    losses, parts, extras = zip(*(method(*arguments) for arguments in twin_arguments(problem)), strict=True)
    for each in in_every_form(problem):
        loss, flat, info = each.loss_and_gradient(gradient)
        comparison.near("loss", loss, sum(losses))
        for name, part in net.views(flat).items():
            comparison.near(name, part, sum(twin[name] for twin in parts))
        assert np.any(flat)
        start = info["initial_state"]
        for quantity, actual, expected in (
            ("inputs", info["inputs"], np.concatenate([each["inputs"] for each in extras])),
            ("activations", start.activations, [each["activations"] for each in extras]),
            ("cell_states", start.cells, [each["cell_states"] for each in extras]),
        ):
            comparison.near(f"by {quantity}", actual, expected)


@pytest.mark.parametrize("gradient", GRADIENTS)
def test_gradients_equal_those_of_the_twin(gradient):
    comparison = Comparison(rtol=1e-9)

    @settings(repeatable, max_examples=150)
    @given(problems())
    def compare(problem):
        compare_gradients(comparison, problem, gradient)

    compare()
    comparison.report(n_topologies=75)


def compare_float32(comparison, problem):
    """Everything in float32 with the same in float64."""
    comparison.topologies.add(problem.net)
    single = replace(
        problem,
        weights=problem.weights.astype(np.float32),
        X=[x.astype(np.float32) for x in problem.X],
        y=[y.astype(np.float32) for y in problem.y],
    )
    double = replace(single, X=[x.astype(np.float64) for x in single.X])
    for each in in_every_form(single):
        outputs, state = each.forward()
        expected, expected_state = double.forward()
        assert outputs.dtype == np.float32
        comparison.near("outputs", outputs, expected)
        for k, part in enumerate(State._fields):
            comparison.near(f"final_state.{part}", state[k], expected_state[k])
        for gradient in GRADIENTS:
            loss, flat, info = each.loss_and_gradient(gradient)
            expected_loss, expected_flat, expected_info = double.loss_and_gradient(gradient)
            assert flat.dtype == info["inputs"].dtype == np.float32
            comparison.near("loss", loss, expected_loss)
            comparison.near(f"{gradient} gradient", flat, expected_flat)
            comparison.near(f"{gradient}, inputs", info["inputs"], expected_info["inputs"])


def test_float32_is_near_to_float64():
    comparison = Comparison(rtol=1e-4)

    @settings(repeatable, max_examples=60)
    @given(problems(lengths=(1, 2, 5, 37)))
    def compare(problem):
        compare_float32(comparison, problem)

    compare()
    comparison.report(n_topologies=30)


# ------------------------------------------------------------------------------------------------
# second oracle: central differences of the outputs


def loss_of_outputs(problem):
    """The loss by its definition, from the outputs."""
    y, outputs = np.concatenate(problem.y), problem.forward()[0]
    weight = np.repeat(problem.sample_weight, [len(part) for part in problem.y])
    if problem.loss == "squared_error":
        each = 0.5 * (outputs - y) ** 2
    elif problem.net.output_activation == "softmax":
        each = -y * np.log(outputs)
    else:
        each = -y * np.log(outputs) - (1 - y) * np.log(1 - outputs)
    return weight @ each.sum(axis=1)


def with_state(problem):
    """The problem with its initial state written out."""
    n, R = len(problem.X), reference.n_recurrent(problem.net)
    state = problem.initial_state or State(np.zeros((n, R)), np.zeros((n, problem.net.n_cells)))
    return replace(problem, initial_state=state)


def differences(problem):
    """Central differences by weights, inputs, initial activations and initial states."""
    start = np.concatenate(problem.X), *problem.initial_state
    theta = np.concatenate([problem.weights, *map(np.ravel, start)])
    ends = np.cumsum([problem.net.n_weights, *(part.size for part in start)])

    def loss(theta):
        weights, X, *state = np.split(theta, ends[:-1])
        X, *state = (part.reshape(s.shape) for part, s in zip([X, *state], start, strict=True))
        X = np.split(X, np.cumsum(problem.lengths)[:-1])
        return loss_of_outputs(replace(problem, weights=weights, X=X, initial_state=State(*state)))

    return loss(theta), *np.split(reference.finite_difference(loss, theta), ends[:-1])


def assert_differences(problem, gradient):
    """Loss and gradients are those of central differences; at 1e-6 these keep 1e-10 of the loss."""
    loss, weights, inputs, activations, cells = differences(problem)
    value, flat, info = problem.loss_and_gradient(gradient)
    assert_near(value, loss, rtol=1e-12)
    assert np.any(flat)
    for name, part in problem.net.views(flat).items():
        assert_near(part, problem.net.views(weights)[name], rtol=1e-6)
    assert_near(info["inputs"].ravel(), inputs, rtol=1e-6)
    assert_near(info["initial_state"].activations.ravel(), activations, rtol=1e-6)
    assert_near(info["initial_state"].cells.ravel(), cells, rtol=1e-6)


@settings(repeatable, max_examples=20)
@given(problems(lengths=(1, 2, 4), max_sequences=2))
def test_full_gradient_equals_central_differences(problem):
    assert_differences(with_state(problem), "full")


@settings(repeatable, max_examples=20)
@given(problems(lengths=(1, 2, 4), max_sequences=2, peepholes=False))
def test_without_recurrent_weights_truncated_equals_full_equals_central_differences(problem):
    net, weights = problem.net, problem.weights.copy()
    recurrent = slice(net.n_inputs, net.n_inputs + reference.n_recurrent(net))
    for name, part in net.views(weights).items():
        if name != "output":
            part[:, recurrent] = 0
    problem = with_state(replace(problem, weights=weights))
    assert_near(
        problem.loss_and_gradient("truncated")[1],
        problem.loss_and_gradient("full")[1],
        rtol=1e-12,
    )
    assert_differences(problem, "truncated")


# ------------------------------------------------------------------------------------------------
# third oracle: truncation makes inputs of the recurrent activations


def sources(problem, x, state):
    """Inputs of each step of one sequence and, beside them, the recurrent activations before it."""
    rows = []
    for x_t in x:
        rows.append(np.append(x_t, state.activations))
        _, info = problem.net.forward(
            problem.weights, [x_t[np.newaxis]], initial_state=state, full_output=True
        )
        state = info["final_state"]
    return np.array(rows)


@settings(repeatable, max_examples=50)
@given(problems(lengths=(1, 2, 5, 37), max_sequences=3, peepholes=False, shortcut=False))
def test_truncated_gradient_is_that_of_a_network_that_reads_recorded_activations(problem):
    assume(problem.net.recurrence != "gates")  # the reader's cells see all of its inputs
    problem = with_state(problem)
    net, start = problem.net, problem.initial_state
    n_inputs = net.n_inputs + reference.n_recurrent(net)
    reader = replace(
        problem,
        net=replace(net, n_inputs=n_inputs, recurrence="none"),
        X=[
            sources(problem, x, State(start.activations[[i]], start.cells[[i]]))
            for i, x in enumerate(problem.X)
        ],
        initial_state=State(np.zeros((len(problem.X), 0)), start.cells),
    )
    loss, flat, info = problem.loss_and_gradient("truncated")
    for gradient in GRADIENTS:
        expected_loss, expected, expected_info = reader.loss_and_gradient(gradient)
        assert_near(loss, expected_loss, rtol=1e-10)
        assert_near(flat, expected, rtol=1e-10)
        assert_near(info["inputs"], expected_info["inputs"][:, : net.n_inputs], rtol=1e-10)
        assert_near(info["initial_state"].cells, expected_info["initial_state"].cells, rtol=1e-10)


# ------------------------------------------------------------------------------------------------
# a gradient of zero passes none of these


@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize("gradient", GRADIENTS)
def test_every_weight_has_a_gradient(gradient, every_step):
    problem = make_problem(replace(EVERYTHING, return_sequences=every_step), [7, 4, 9])
    _, flat, info = problem.loss_and_gradient(gradient)
    for name, part in EVERYTHING.views(flat).items():
        assert np.all(part), name
        with pytest.raises(AssertionError):
            assert_near(np.zeros_like(part), part, rtol=0.1)
    assert np.all(info["inputs"][-9:])
    assert np.all(info["initial_state"].cells)
    assert np.all(info["initial_state"].activations) == (gradient == "full")


def test_truncated_and_full_gradient_differ():
    problem = make_problem(EVERYTHING, [7, 4, 9])
    truncated, full = (problem.loss_and_gradient(gradient)[1] for gradient in GRADIENTS)
    for name in EVERYTHING.weight_shapes.keys() - {"output"}:
        with pytest.raises(AssertionError):
            assert_near(EVERYTHING.views(truncated)[name], EVERYTHING.views(full)[name], rtol=0.01)
    assert_near(EVERYTHING.views(truncated)["output"], EVERYTHING.views(full)["output"], rtol=1e-12)


@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_softmax_of_one_unit_is_one_and_learns_nothing(loss):
    net = Network(2, 1, output_activation="softmax")
    problem = make_problem(net, [3, 2], loss=loss)
    assert_array_equal(problem.forward()[0], 1)
    for gradient in GRADIENTS:
        assert_array_equal(problem.loss_and_gradient(gradient)[1], 0)
