"""Errors of the caller: at outputs, at cells of layers, at the last step of a stream; masks and deltas."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from internals import make_trainer
from sklstm import Network, Sequences, State
from sklstm._engine.engine import ForwardPass, bind_weights
from topologies import EVERYTHING, GRADIENTS, central, make_problem, networks, problems, repeatable

FORMS = [np.asarray, sparse.csr_array]
TOLERANCE = {np.float64: 1e-11, np.float32: 2e-4}


def stacked(parts):
    """Outputs of all sequences, a row per target."""
    return np.concatenate(list(parts)) if isinstance(parts, list) or parts.dtype == object else parts


def like_targets(net, flat, lengths):
    """Rows of all targets as `Network` takes them."""
    return np.split(flat, np.cumsum(lengths)[:-1]) if net.return_sequences else flat


def assert_near(actual, expected, dtype=np.float64):
    size = max(1.0, float(np.abs(expected).max(initial=0)))
    assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[dtype] * size)


def assert_same_info(info, expected, dtype=np.float64):
    assert info.keys() == expected.keys()
    assert_near(info["inputs"], expected["inputs"], dtype)
    for name in ("initial_state", "final_state"):
        for part, same in zip(info[name], expected[name], strict=True):
            assert_near(part, same, dtype)
    assert info["deltas"].keys() == expected["deltas"].keys()
    for name, part in info["deltas"].items():
        assert_near(part, expected["deltas"][name], dtype)


# ------------------------------------------------------------------------------------------------
# errors at the outputs


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("form", FORMS, ids=["dense", "sparse"])
@pytest.mark.parametrize("gradient", GRADIENTS)
@given(problem=problems(lengths=(1, 2, 5, 12)))
@repeatable
def test_errors_of_the_squared_error_give_its_gradient(problem, gradient, form, dtype):
    net, problem = problem.net, replace(problem, loss="squared_error")
    X = [form(x.astype(dtype)) for x in problem.X]
    weight = np.repeat(problem.sample_weight, [len(y) for y in problem.y])[:, np.newaxis]
    state = problem.initial_state
    outputs = stacked(net.forward(problem.weights, X, initial_state=state))
    errors = like_targets(net, weight * (outputs - np.concatenate(problem.y)), problem.lengths)
    _, expected, expected_info = net.loss_and_gradient(
        problem.weights, X, problem.targets, "squared_error", gradient,
        sample_weight=problem.sample_weight, initial_state=state, full_output=True,
    )  # fmt: skip
    actual, info = net.backward(problem.weights, X, errors, gradient, initial_state=state, full_output=True)
    assert actual.dtype == dtype
    assert_near(actual, expected, dtype)
    assert_same_info(info, expected_info, dtype)
    assert_array_equal(net.backward(problem.weights, X, errors, gradient, initial_state=state), actual)


@given(problem=problems(lengths=(1, 2, 4), max_sequences=2))
@repeatable
def test_errors_give_the_gradient_of_any_loss_by_central_differences(problem):
    net, X = problem.net, problem.X

    def loss(weights):
        return np.sin(2 * stacked(net.forward(weights, X))).sum()

    errors = 2 * np.cos(2 * stacked(net.forward(problem.weights, X)))
    gradient = net.backward(problem.weights, X, like_targets(net, errors, problem.lengths))
    expected = central(loss, problem.weights)
    assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        (np.zeros((2, 2)), r"errors must have 2 rows of 3 errors, got the shape \(2, 2\)"),
        (np.full((2, 3), np.nan), "errors must be finite"),
        (np.zeros(2), "errors must have 2 rows of 3 errors"),
    ],
)
def test_errors_that_do_not_fit(errors, message):
    net = replace(EVERYTHING, return_sequences=False)
    with pytest.raises(ValueError, match=message):
        net.backward(net.init_weights(0), [np.zeros((3, 2))] * 2, errors)


# ------------------------------------------------------------------------------------------------
# deltas


@pytest.mark.parametrize("gradient", GRADIENTS)
@given(problem=problems(peepholes=False))
@repeatable
def test_deltas_times_inputs_are_the_gradient(problem, gradient):
    """Each weight from an input gets the sum over time of delta x."""
    net = problem.net
    _, slope, info = problem.loss_and_gradient(gradient)
    views, X = net.views(slope), np.concatenate(problem.X)
    names = [name for name in views if name != "output"]
    assert list(info["deltas"]) == [*names, "output"]
    for name in names:
        assert_near(views[name][:, : net.n_inputs], info["deltas"][name].T @ X)
    if net.output_bias:
        assert_near(views["output"][:, -1], info["deltas"]["output"].sum(axis=0))


@pytest.mark.parametrize("kind", ["cell", "input_gate", "forget_gate", "output_gate", "hidden"])
@pytest.mark.parametrize("unit", [0, 1])
def test_deltas_are_derivatives_by_net_inputs(kind, unit):
    """One more input that feeds nothing but one unit moves its net input at one step."""
    rng = np.random.default_rng(0)
    net = replace(EVERYTHING, n_inputs=3, return_sequences=True)
    problem = make_problem(net, [6, 4], seed=3)
    views = net.views(problem.weights)
    for name, part in views.items():
        if name in ("cell", "hidden", "input_gate", "forget_gate", "output_gate"):
            part[:, 2] = 0
    views["output"][:, net.n_cells + net.n_hidden_units + 2] = 0
    views[kind][unit, 2] = 1
    X = [np.column_stack([x[:, :2], rng.normal(size=len(x))]) for x in problem.X]
    sequences = Sequences(np.concatenate(X), [0, 6, 10])

    def loss(column):
        values = np.column_stack([sequences.values[:, :2], column])
        return net.loss_and_gradient(problem.weights, Sequences(values, [0, 6, 10]), problem.targets)[0]

    _, _, info = net.loss_and_gradient(problem.weights, sequences, problem.targets, full_output=True)
    expected = central(loss, sequences.values[:, 2])
    assert_allclose(info["deltas"][kind][:, unit], expected, rtol=1e-5, atol=1e-7)


# ------------------------------------------------------------------------------------------------
# weights of single targets and outputs


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("form", FORMS, ids=["dense", "sparse"])
@pytest.mark.parametrize("gradient", GRADIENTS)
@given(problem=problems(output_activation="logistic", lengths=(1, 2, 3, 5)), seed=st.integers(0, 100))
@repeatable
def test_weights_of_outputs_weigh_their_errors(problem, seed, gradient, form, dtype):
    net, rng = problem.net, np.random.default_rng(seed)
    X = [form(x.astype(dtype)) for x in problem.X]
    t = np.concatenate(problem.y)
    weight = rng.integers(0, 3, t.shape) * rng.uniform(0.5, 1, t.shape)
    y = stacked(net.forward(problem.weights, X)).astype(float)
    if problem.loss == "log_loss":
        loss, errors = -t * np.log(y) - (1 - t) * np.log1p(-y), (y - t) / (y * (1 - y))
    else:
        loss, errors = (y - t) ** 2 / 2, y - t
    value, slope = net.loss_and_gradient(
        problem.weights, X, problem.targets, problem.loss, gradient,
        sample_weight=like_targets(net, weight, problem.lengths),
    )  # fmt: skip
    assert_near(value, (weight * loss).sum(), dtype)
    expected = net.backward(problem.weights, X, like_targets(net, weight * errors, problem.lengths), gradient)
    assert_near(slope, expected, dtype)


@pytest.mark.parametrize("form", FORMS, ids=["dense", "sparse"])
@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize("update", ["batch", "sequence", "step"])
@pytest.mark.parametrize("output", ["logistic", "softmax", "identity"])
def test_learning_takes_weights_of_outputs(output, update, every_step, form):
    """Powers of two, so that no rounding differs; equal weights of all outputs are a weight of the target."""
    net = replace(EVERYTHING, return_sequences=every_step, output_activation=output)
    problem = make_problem(net, [5, 3, 7], seed=1)
    rng = np.random.default_rng(2)
    n_targets = 15 if every_step else 3
    weight = np.array([0, 0.5, 1, 2])[rng.integers(0, 4, n_targets)]
    weight[0] = 1
    learned = []
    for target_weight in (weight, np.repeat(weight[:, np.newaxis], 3, axis=1)):
        trainer = make_trainer(
            problem, form, update=update, gradient="truncated", alpha=0.01, batch_size=2,
            target_weight=target_weight,
        )  # fmt: skip
        losses = [trainer.epoch(np.random.RandomState(0)) for _ in range(3)]
        learned.append((losses, trainer.weights))
        if output == "softmax":
            with pytest.raises(ValueError, match="softmax outputs depend on each other"):
                make_trainer(problem, form, update=update, target_weight=np.ones((n_targets, 3)))
            return
    (losses, weights), (same_losses, same_weights) = learned
    assert_allclose(losses, same_losses, rtol=1e-13)
    assert_allclose(weights, same_weights, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones((2, 2)), r"shape \(2,\), or \(2, 3\) with a weight for each output, got \(2, 2\)"),
        (np.full((2, 3), -1.0), "sample_weight must be finite and not negative"),
        ([[1, np.inf, 1], [1, 1, 1]], "sample_weight must be finite and not negative"),
    ],
)
def test_weights_of_outputs_that_do_not_fit(weight, message):
    net = replace(EVERYTHING, return_sequences=False)
    with pytest.raises(ValueError, match=message):
        net.loss_and_gradient(
            net.init_weights(0), [np.zeros((3, 2))] * 2, np.zeros((2, 3)), sample_weight=weight
        )


# ------------------------------------------------------------------------------------------------
# layers: no output units


def layer_and_network(net):
    """The layer of a network, whose output units then are a matrix; the weights of it come last."""
    plain = replace(net, output_activation="identity", shortcut=False, output_bias=False)
    return replace(plain, n_outputs=0), plain


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("form", FORMS, ids=["dense", "sparse"])
@pytest.mark.parametrize("gradient", GRADIENTS)
@given(net=networks(), seed=st.integers(0, 100))
@repeatable
def test_a_layer_and_a_matrix_are_a_network(net, seed, gradient, form, dtype):
    layer, net = layer_and_network(net)
    problem = make_problem(net, [4, 1, 6], seed=seed, state=seed % 2 == 0)
    X, state = [form(x.astype(dtype)) for x in problem.X], problem.initial_state
    weights, V = problem.weights[: layer.n_weights], net.views(problem.weights)["output"]
    h = stacked(layer.forward(weights, X, initial_state=state))
    assert_near(h @ V.T, stacked(net.forward(problem.weights, X, initial_state=state)), dtype)
    errors = np.random.default_rng(seed).normal(size=(len(h), net.n_outputs))
    expected, expected_info = net.backward(
        problem.weights, X, like_targets(net, errors, problem.lengths), gradient,
        initial_state=state, full_output=True,
    )  # fmt: skip
    actual, info = layer.backward(
        weights, X, like_targets(net, errors @ V, problem.lengths), gradient,
        initial_state=state, full_output=True,
    )  # fmt: skip
    assert_near(actual, expected[: layer.n_weights], dtype)
    expected_info["deltas"].pop("output")
    assert_same_info(info, expected_info, dtype)


@pytest.mark.parametrize("form", FORMS, ids=["dense", "sparse"])
def test_layers_on_each_other_by_central_differences(form):
    """Two layers and output units; what goes down is the gradient by the inputs."""
    lower = Network(2, 0, n_blocks=2, block_size=2, n_hidden_units=1, recurrence="all", return_sequences=True)
    upper = Network(5, 3, n_blocks=3, peepholes=True)
    w_lower, w_upper = lower.init_weights(0, init_range=0.8), upper.init_weights(1, init_range=0.8)
    X = [form(x) for x in make_problem(lower_problem(lower), [4, 6], seed=5).X]

    def loss(w_lower, w_upper):
        return np.sin(upper.forward(w_upper, list(lower.forward(w_lower, X)))).sum()

    middle = list(lower.forward(w_lower, X))
    errors = np.cos(upper.forward(w_upper, middle))
    gradient, info = upper.backward(w_upper, middle, errors, full_output=True)
    below = lower.backward(w_lower, X, np.split(info["inputs"], [4]))
    assert_allclose(gradient, central(lambda w: loss(w_lower, w), w_upper), rtol=1e-6, atol=1e-8)
    assert_allclose(below, central(lambda w: loss(w, w_upper), w_lower), rtol=1e-6, atol=1e-8)


def lower_problem(lower):
    return replace(lower, n_outputs=1)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("form", FORMS, ids=["dense", "sparse"])
@pytest.mark.parametrize("full", [False, True])
@given(net=networks(), seed=st.integers(0, 100))
@repeatable
def test_a_pass_that_keeps_activations_goes_back_without_another_one(net, seed, full, form, dtype):
    net = replace(net, n_outputs=0, shortcut=False, output_activation="identity") if seed % 2 else net
    problem = make_problem(replace(net, n_outputs=net.n_outputs or 1), [4, 1, 6, 6], seed=seed)
    X, state = [form(x.astype(dtype)) for x in problem.X], problem.initial_state
    weights = problem.weights[: net.n_weights]
    values = sparse.vstack(X, format="csr") if form is sparse.csr_array else np.concatenate(X)
    engine, w = bind_weights(net, weights, dtype)
    way = ForwardPass(engine, w, engine.bind(Sequences(values, [0, 4, 5, 11, 17])), state)
    assert_array_equal(way.outputs, stacked(net.forward(weights, X, initial_state=state)))
    for _ in range(2):  # other errors go back along the same activations
        errors = np.random.default_rng(seed).normal(size=way.outputs.shape)
        expected, expected_info = net.backward(
            weights, X, like_targets(net, errors, problem.lengths), GRADIENTS[full],
            initial_state=state, full_output=True,
        )  # fmt: skip
        gradient, info = way.backward(errors, full)
        assert_array_equal(engine.flat(gradient), expected)
        assert_same_info(info, expected_info, dtype)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shortcut": True}, "n_outputs=0 leaves no output units: it needs hidden units and shortcut=False"),
        ({"n_blocks": 0, "shortcut": True}, "n_outputs=0 leaves no output units"),
        ({"output_activation": "softmax"}, "output_activation must be 'identity', got 'softmax'"),
    ],
)
def test_a_layer_has_no_output_units(options, message):
    with pytest.raises(ValueError, match=message):
        Network(2, 0, **options)


# ------------------------------------------------------------------------------------------------
# streams


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("partials", [False, True])
@given(net=networks(return_sequences=False), n_streams=st.integers(1, 3), seed=st.integers(0, 100))
@repeatable
def test_a_stream_gives_outputs_and_state_of_forward(net, n_streams, seed, partials, dtype):
    problem = make_problem(net, [7] * n_streams, seed=seed)
    X = np.stack(problem.X, axis=1).astype(dtype)
    stream = net.stream(problem.weights, n_streams, partials=partials, dtype=dtype)
    stream.state = problem.initial_state
    for x in X:
        outputs = stream.step(x)
    expected, info = net.forward(
        problem.weights, list(X.transpose(1, 0, 2)), initial_state=problem.initial_state, full_output=True
    )
    assert outputs.dtype == dtype
    assert_near(outputs, expected, dtype)
    for part, same in zip(stream.state, info["final_state"], strict=True):
        assert_near(part, same, dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@given(net=networks(return_sequences=False), n_streams=st.integers(1, 2), seed=st.integers(0, 100))
@repeatable
def test_derivatives_of_a_stream_are_the_truncated_gradient(net, n_streams, seed, dtype):
    net = replace(net, n_outputs=0, shortcut=False, output_activation="identity") if seed % 3 == 0 else net
    problem = make_problem(
        replace(net, n_outputs=net.n_outputs or 1), [6] * n_streams, state=False, seed=seed
    )
    weights = problem.weights[: net.n_weights]
    X = np.stack(problem.X, axis=1).astype(dtype)
    stream = net.stream(weights, n_streams, partials=True, dtype=dtype)
    for T, x in enumerate(X, 1):
        outputs = stream.step(x)
        if T < 5:
            continue  # not at each step: what is carried does not depend on being asked
        v = np.random.default_rng(T).normal(size=outputs.shape)
        part = list(X[:T].transpose(1, 0, 2))
        expected = np.stack(
            [net.backward(weights, [x], v_i[np.newaxis], "truncated") for x, v_i in zip(part, v, strict=True)]
        )
        assert_near(
            stream.gradient(v if n_streams > 1 else v[0]), expected if n_streams > 1 else expected[0], dtype
        )
        jacobian = stream.jacobian().reshape(n_streams, outputs.shape[1], net.n_weights)
        assert_near(np.einsum("sk,skw->sw", v, jacobian), expected, dtype)


def test_derivatives_begin_anew_after_a_reset_or_with_another_state():
    net = replace(EVERYTHING, return_sequences=False)
    problem = make_problem(net, [5, 5], seed=2)
    stream = net.stream(problem.weights, 2, partials=True)
    for x in zip(*problem.X, strict=True):
        stream.step(x)
    stream.reset(1)
    state = stream.state
    assert not state.cells[1].any()
    assert state.cells[0].any()
    with pytest.raises(ValueError, match="No step has been made since the stream began"):
        stream.jacobian()
    x = np.stack([problem.X[0][0], problem.X[1][0]])
    stream.step(x)
    fresh = net.stream(problem.weights, partials=True)
    fresh.step(x[1])
    assert_array_equal(stream.jacobian()[1], fresh.jacobian())
    assert np.abs(stream.jacobian()[0] - fresh.jacobian()).max() > 1e-3
    stream.state = State(*(part + 0.1 for part in state))
    stream.step(x)
    begun = net.stream(problem.weights, partials=True)
    begun.state = State(*(part[:1] + 0.1 for part in state))
    begun.step(x[0])
    assert_array_equal(stream.jacobian()[0], begun.jacobian())
    stream.reset()
    assert not any(part.any() for part in stream.state)


@pytest.mark.parametrize(("n_streams", "partials"), [(1, False), (1, True), (3, False), (3, True)])
def test_weights_changed_in_place_are_seen(n_streams, partials):
    net = replace(EVERYTHING, return_sequences=False)
    weights, x = net.init_weights(0), np.full((n_streams, 2), 0.5)
    stream = net.stream(weights, n_streams, partials=partials)
    stream.step(x)
    state = stream.state
    weights *= -2
    outputs = stream.step(x)
    expected = net.forward(weights, x[:, np.newaxis], initial_state=state)
    assert_allclose(outputs, expected, rtol=1e-12)


@pytest.mark.parametrize("partials", [False, True])
@pytest.mark.parametrize(
    "form", [np.array, list, lambda w: np.repeat(w, 2)[::2]], ids=["array", "list", "strided"]
)
def test_weights_can_be_replaced(form, partials):
    net = replace(EVERYTHING, return_sequences=False)
    weights, other = net.init_weights(0), net.init_weights(1)
    stream = net.stream(form(weights), partials=partials)
    stream.step(np.ones(2))
    state = stream.state
    stream.weights = form(other)
    expected = net.forward(other, np.ones((1, 1, 2)), initial_state=state)
    assert_allclose(stream.step(np.ones((1, 2))), expected, rtol=1e-12)
    before = stream.state
    for bad, message in ((other[:3], "weights must have the shape"), (other * np.nan, "weights.*is nan")):
        stream.weights = bad
        with pytest.raises(ValueError, match=message):
            stream.step(np.ones(2))
    for part, same in zip(stream.state, before, strict=True):
        assert_array_equal(part, same)


@pytest.mark.parametrize("partials", [False, True])
def test_what_a_stream_refuses_leaves_its_state(partials):
    net = replace(EVERYTHING, return_sequences=False)
    stream = net.stream(net.init_weights(0), 2, partials=partials)
    stream.step(np.ones((2, 2)))
    before = stream.state
    for x, message in [
        (np.ones(2), r"x must have the shape \(2, 2\), got \(2,\)"),
        (np.ones((2, 3)), r"x must have the shape \(2, 2\), got \(2, 3\)"),
        ([[1, 2], [3, np.nan]], r"x\[1, 1\] is nan; expected finite numbers"),
    ]:
        with pytest.raises(ValueError, match=message):
            stream.step(x)
    with pytest.raises(ValueError, match=r"state\.cells must have the shape \(2, 6\)"):
        stream.state = State(before.activations, before.cells[:1])
    with pytest.raises(ValueError, match="streams contain 2; expected indices from 0 to 1"):
        stream.reset([0, 2])
    for part, same in zip(stream.state, before, strict=True):
        assert_array_equal(part, same)
    if not partials:
        with pytest.raises(ValueError, match="make it with partials=True"):
            stream.gradient(np.ones((2, 3)))
    with pytest.raises(ValueError, match="n_streams must be an integer of at least 1, got 0"):
        net.stream(net.init_weights(0), 0)


# ------------------------------------------------------------------------------------------------
# streams that are learned from until they miss


def follower(form=np.asarray, **changes):
    net = Network(3, 2, n_blocks=2, output_activation="logistic", return_sequences=True)
    problem = replace(make_problem(net, [40], state=False, seed=4), sample_weight=np.ones(1))
    trainer = make_trainer(problem, form, update="step", gradient="truncated", learning_rate=0.3, **changes)
    trainer.record = np.full((40, 2), np.nan, np.float64)
    return problem, trainer


@pytest.mark.parametrize("form", FORMS, ids=["dense", "sparse"])
@pytest.mark.parametrize("learns", [False, True])
def test_a_stream_ends_where_its_outputs_miss(form, learns):
    problem, whole = follower(form)
    if learns:
        whole.epoch(np.random.RandomState(0))
    else:
        whole.record[:] = whole.engine.network.forward(problem.weights, problem.X)[0]
    errors = np.abs(whole.record - problem.y[0]).max(axis=1)
    limit = np.sort(errors)[-2]  # two steps miss
    expected = int(np.flatnonzero(errors >= limit)[0]) + 1
    _, trainer = follower(form)
    loss, n_steps, missed = trainer.follow(0, limit=limit, learns=learns)
    assert (n_steps, missed) == (expected, True)
    assert_allclose(trainer.record[:n_steps], whole.record[:n_steps], rtol=1e-12)
    assert np.isnan(trainer.record[n_steps:]).all()
    assert_allclose(loss, 0.5 * ((whole.record - problem.y[0])[:n_steps] ** 2).sum(), rtol=1e-12)
    assert np.array_equal(trainer.weights, problem.weights) == (not learns)
    _, trainer = follower(form)
    assert trainer.follow(0, limit=errors.max() * 1.01, learns=learns)[1:] == (40, False)
    if learns:
        assert_array_equal(trainer.weights, whole.weights)


def test_outputs_without_a_weight_do_not_miss():
    problem, trainer = follower(target_weight=np.tile([1.0, 0.0], (40, 1)))
    _, n_steps, missed = trainer.follow(0, limit=1e-9, learns=False)
    assert (n_steps, missed) == (1, True)
    errors = np.abs(trainer.engine.network.forward(problem.weights, problem.X)[0] - problem.y[0])
    limit = errors[:, 0].max() * 1.01
    assert errors[:, 1].max() > limit, "the other output would miss"
    assert trainer.follow(0, limit=limit, learns=False)[1:] == (40, False)


def test_rates_by_time_step():
    """A rate of zero at every other step is learning from the other half of the targets."""
    _, trainer = follower()
    rates = np.where(np.arange(40) % 2, 0.3, 0.0)
    trainer.follow(0, rates=rates)
    assert trainer.learning_rate == 0.3
    _, half = follower(target_weight=(np.arange(40) % 2).astype(float))
    half.follow(0)
    assert_array_equal(trainer.weights, half.weights)
    with pytest.raises(ValueError, match="39 learning rates for 40 time steps"):
        trainer.follow(0, rates=rates[1:])


def test_a_stream_goes_on_where_it_ended():
    problem, whole = follower()
    whole.follow(0)
    _, parts = follower()
    bounds = [0, 13, 14, 40]
    for lo, hi in pairwise(bounds):
        part = replace(problem, X=[problem.X[0][lo:hi]], y=[problem.y[0][lo:hi]], lengths=[hi - lo])
        parts.load(make_trainer(part, update="step", gradient="truncated").bound)
        parts.follow(0, goes_on=lo > 0)
    assert_array_equal(parts.weights, whole.weights)
