"""Layers, directions of time, pooling and dropout.

Oracles: the twin of reference.py, layer by layer (each with an identity matrix as its output units, and the
errors from above as those of a squared error); central differences; the engine of a single layer.
"""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone

import reference
from internals import bind, make_trainer
from sklstm import (
    ActivationsDisplay,
    LSTMClassifier,
    LSTMEncoder,
    LSTMRegressor,
    Network,
    State,
    WeightsDisplay,
    error_flow,
)
from sklstm._engine.engine import engine_of
from sklstm._layers import engine as layers_engine
from sklstm._layers.engine import LayersEngine, Masks
from topologies import EVERYTHING, GRADIENTS, assert_near, central, composed, make_problem, repeatable

FORMS = [np.asarray, sparse.csr_array]
TOLERANCE = {np.float64: 1e-8, np.float32: 2e-3}


def problem_of(net, lengths, seed, loss=None, state=True):
    """A problem for any network; `make_problem` knows the states of single layers."""
    rng = np.random.default_rng(seed)
    loss = loss or ("squared_error" if net.output_activation == "identity" else "log_loss")
    problem = make_problem(net, lengths, loss=loss, state=False, scale=0.4, seed=seed)
    n_recurrent = sum(reference.n_recurrent(part) for _, _, part in net._parts)
    sizes = (len(lengths), n_recurrent), (len(lengths), net.n_cells * len(net._parts))
    return replace(
        problem, initial_state=State(*(rng.normal(size=size) for size in sizes)) if state else None
    )


# ------------------------------------------------------------------------------------------------
# the twin


def twin_of(part, weights):
    """The twin's network and weights of a layer: its output units are its own activations."""
    width = part.n_cells + part.n_hidden_units
    net = replace(part, n_outputs=width, output_bias=False, return_sequences=True)
    return net, reference.split(net, np.concatenate([weights, np.eye(width).ravel()]))


def pooled(kind, H, n_backward):
    """What a kind of pooling makes of the activations of one sequence, and where each number is from."""
    T, n = H.shape
    if kind == "mean":
        return H.sum(axis=0) / T, np.full((T, n), 1 / T)
    share, found = np.zeros((T, n)), np.zeros(n)
    for k in range(n):
        t = (0 if k >= n - n_backward else T - 1) if kind == "last" else int(np.argmax(H[:, k]))
        share[t, k], found[k] = 1, H[t, k]
    return found, share


def twin_gradient(net, weights, x, y, kind, gradient, state, weight=1.0):
    """Outputs, loss, gradient, and those by inputs and initial state, of one sequence."""
    steps = x
    x = np.array([x[min(t, len(x) - 1)] for t in range(-(-len(x) // net.patch_size) * net.patch_size)])
    x = x.reshape(-1, net.patch_size * net.n_inputs)
    method = {"truncated": reference.truncated_gradient, "full": reference.full_gradient}[gradient]
    runs, H, at, R, C = [], np.asarray(x, float), 0, 0, 0
    for layer in range(net.n_layers):
        outputs, inputs = [], H
        for prefix, _, part in [each for each in net._parts if each[1] == layer]:
            twin, v = twin_of(part, weights[at : at + part.n_weights])
            r, c = reference.n_recurrent(part), part.n_cells
            own = state and (state[0][R : R + r], state[1][C : C + c])
            way = slice(None, None, -1 if prefix.endswith("backward.") else 1)
            trace = reference.forward(twin, v, inputs[way], own)
            outputs.append(trace.y[way])
            runs.append((layer, twin, v, inputs[way], own, way, trace))
            at, R, C = at + part.n_weights, R + r, C + c
        H = np.hstack(outputs)
    n_backward = H.shape[1] // 2 * net.bidirectional
    V = weights[at:].reshape(net.n_outputs, -1)
    if net.return_sequences:
        features, shares = H, None
    else:
        parts, shares = zip(*(pooled(kind, H, n_backward) for kind in net._poolings), strict=True)
        features = np.concatenate(parts)[np.newaxis]
    if net.shortcut:
        features = np.hstack([features, x if net.return_sequences else x[-1:]])
    q = np.hstack([features, np.ones((len(features), 1))])[:, : V.shape[1]]
    net_k = q @ V.T
    outputs = np.array([reference.outputs(net, row) for row in net_k])
    total = weight * sum(reference.step_loss(net, *pair, kind) for pair in zip(net_k, y, strict=True))
    deltas = weight * np.array(
        [reference.output_delta(net, *pair, kind) for pair in zip(outputs, y, strict=True)]
    )
    back = deltas @ V
    by_inputs = np.zeros_like(x, float)
    if net.shortcut:
        shown = back[:, net._n_features : net._n_features + x.shape[1]]
        by_inputs[slice(None) if net.return_sequences else slice(-1, None)] += shown
    back = back[:, : net._n_features]
    if shares is not None:
        back = sum(
            part * share for part, share in zip(np.split(back, len(shares), axis=1), shares, strict=True)
        )
    grads, states = {}, {}
    for layer in range(net.n_layers - 1, -1, -1):
        below = 0
        directions = [i for i, run in enumerate(runs) if run[0] == layer]
        for i, own in zip(directions, np.hsplit(back, len(directions)), strict=True):
            _, twin, v, inputs, own_state, way, trace = runs[i]
            _, grad, extras = method(twin, v, inputs, trace.y - own[way], "squared_error", own_state)
            grads[i] = reference.join(twin, grad)[: -(twin.n_outputs**2)]
            states[i] = extras["activations"], extras["cell_states"]
            below = below + extras["inputs"][way]
        back = below
    flat = [grads[i] for i in range(len(runs))] + [(deltas.T @ q).ravel()]
    start = [np.concatenate([states[i][k] for i in range(len(runs))]) for k in (0, 1)]
    final = [np.concatenate([run[-1].final_state[k] for run in runs]) for k in (0, 1)]
    by_steps = np.zeros_like(steps, float)
    for t, each in enumerate((by_inputs + back).reshape(-1, net.n_inputs)):
        by_steps[min(t, len(steps) - 1)] += each
    return outputs, total, np.concatenate(flat), by_steps, start, final


def compare_with_twin(problem, gradient, form, dtype=np.float64):
    """Everything that `loss_and_gradient` and `forward` give."""
    net, rtol = problem.net, TOLERANCE[dtype]
    parts = [
        twin_gradient(
            net, problem.weights, x, y, problem.loss, gradient,
            problem.initial_state and tuple(part[i] for part in problem.initial_state),
            problem.sample_weight[i],
        )
        for i, (x, y) in enumerate(zip(problem.X, problem.y, strict=True))
    ]  # fmt: skip
    outputs, totals, grads, inputs, starts, finals = zip(*parts, strict=True)
    given = replace(problem, X=[form(x.astype(dtype)) for x in problem.X])
    loss, grad, info = given.loss_and_gradient(gradient)
    assert_near(loss, sum(totals), rtol)
    assert_near(grad, sum(grads), rtol)
    assert_near(info["inputs"], np.concatenate(inputs), rtol)
    found, state = given.forward()
    assert_near(found, np.concatenate(outputs), rtol)
    for k in (0, 1):
        assert_near(info["initial_state"][k], np.array([start[k] for start in starts]), rtol)
        assert_near(info["final_state"][k], np.array([final[k] for final in finals]), rtol)
        assert_near(state[k], np.array([final[k] for final in finals]), rtol)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("form", FORMS, ids=["dense", "sparse"])
@pytest.mark.parametrize("gradient", GRADIENTS)
def test_outputs_and_gradients_are_those_of_the_twin(gradient, form, dtype):
    drawn = []

    @settings(repeatable, max_examples=30)
    @given(
        net=composed(cell_output_activation="tanh"),
        lengths=st.lists(st.sampled_from([1, 2, 4]), min_size=1, max_size=3),
        seed=st.integers(0, 1000),
    )
    def compare(net, lengths, seed):
        drawn.append(net)
        compare_with_twin(problem_of(net, lengths, seed, state=seed % 2 == 0), gradient, form, dtype)

    compare()
    names = "n_layers", "bidirectional", "pooling", "patch_size", "return_sequences", "shortcut", "peepholes"
    for name in names:
        assert len({getattr(net, name) for net in drawn}) >= 2, name


@pytest.mark.parametrize(
    "changes",
    [
        {"n_layers": 2},
        {"bidirectional": True, "pooling": ("last", "mean", "max"), "patch_size": 3},
        {"n_layers": 2, "bidirectional": True, "return_sequences": True},
    ],
)
def test_gradients_are_central_differences(changes):
    options = {"n_blocks": 1, "block_size": 2, "n_outputs": 2, "return_sequences": False} | changes
    net = replace(EVERYTHING, **options)
    problem = problem_of(net, [3, 5, 1], seed=2)
    _, gradient, info = problem.loss_and_gradient()

    def by_weights(weights):
        return replace(problem, weights=weights).loss_and_gradient()[0]

    def by_inputs(x):
        return replace(problem, X=np.split(x, [3, 8])).loss_and_gradient()[0]

    assert_allclose(gradient, central(by_weights, problem.weights), rtol=1e-6, atol=1e-8)
    assert_allclose(info["inputs"], central(by_inputs, np.concatenate(problem.X)), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("gradient", GRADIENTS)
def test_deltas_times_inputs_are_the_gradient(gradient):
    net = replace(EVERYTHING, peepholes=False, n_layers=2, bidirectional=True, return_sequences=True)
    problem = problem_of(net, [3, 5], seed=4)
    _, slope, info = problem.loss_and_gradient(gradient)
    assert list(info["deltas"]) == list(net.weight_shapes)
    views, X = net.views(slope), np.concatenate(problem.X)
    for name, part in views.items():
        if name.startswith("layer_0."):
            assert_near(part[:, : net.n_inputs], info["deltas"][name].T @ X)
    assert_near(views["output"][:, -1], info["deltas"]["output"].sum(axis=0))


def test_errors_at_features_without_output_units():
    net = Network(2, 0, n_blocks=2, n_hidden_units=1, recurrence="all", n_layers=2, bidirectional=True,
                  pooling=("last", "max"))  # fmt: skip
    w, rng = net.init_weights(0, init_range=0.8), np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in (4, 2)]
    features = net.forward(w, X)
    assert features.shape == (2, 12)
    gradient = net.backward(w, X, np.cos(features))
    expected = central(lambda w: np.sin(net.forward(w, X)).sum(), w)
    assert_allclose(gradient, expected, rtol=1e-6, atol=1e-8)


def test_names_and_numbers_of_weights():
    net = Network(3, 2, n_blocks=4, block_size=2, n_hidden_units=1, n_layers=2, bidirectional=True)
    shapes = net.weight_shapes
    assert list(shapes)[:2] == ["layer_0.forward.cell", "layer_0.forward.input_gate"]
    assert shapes["layer_0.backward.cell"] == (8, 3 + 8 + 1)
    assert shapes["layer_1.forward.forget_gate"] == (4, 2 * 9 + 8 + 1)
    assert shapes["output"] == (2, 2 * 9 + 1)
    assert replace(net, pooling=("last", "mean")).weight_shapes["output"] == (2, 4 * 9 + 1)
    assert next(iter(replace(net, n_layers=1).weight_shapes)) == "forward.cell"
    assert next(iter(replace(net, bidirectional=False).weight_shapes)) == "layer_0.cell"
    assert net.n_weights == sum(rows * columns for rows, columns in shapes.values())
    w = net.init_weights(0, forget_gate_bias=[1, 2, 3, 4])
    for name, part in net.views(w).items():
        assert name.endswith("forget_gate") == bool(np.array_equal(part[:, -1], [1, 2, 3, 4]))
    assert pickle.loads(pickle.dumps(net)) == net
    assert Network(2, 1, pooling=["max"]) == Network(2, 1, pooling="max")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "sum"}, "pooling must be one of"),
        ({"pooling": ()}, "pooling must be one of"),
        ({"pooling": ("last", 3)}, "pooling must be one of"),
        ({"pooling": ("max", "max")}, "pooling must have each kind once"),
        ({"pooling": "mean", "return_sequences": True}, "with return_sequences=True leave pooling='last'"),
        ({"n_layers": 0}, "n_layers must be an integer of at least 1"),
        ({"n_layers": 10**9}, "n_layers must be at most 1000"),
        ({"n_layers": 2, "n_blocks": 0, "shortcut": True}, "need hidden units"),
    ],
)
def test_what_a_network_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        Network(2, 1, **options)


# ------------------------------------------------------------------------------------------------
# streams


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@given(
    net=composed(
        bidirectional=False,
        pooling="last",
        patch_size=1,
        return_sequences=False,
        n_outputs=3,
        cell_output_activation="tanh",
    ),
    n_streams=st.integers(1, 2),
    seed=st.integers(0, 100),
)
@settings(repeatable, max_examples=25)
def test_a_stream_gives_outputs_state_and_derivatives(net, n_streams, seed, dtype):
    net = replace(net, n_layers=max(net.n_layers, 2))
    problem = problem_of(net, [5] * n_streams, seed)
    X, rtol = np.stack(problem.X, axis=1).astype(dtype), TOLERANCE[dtype]
    stream = net.stream(problem.weights, n_streams, partials=True, dtype=dtype)
    plain = net.stream(problem.weights, n_streams, dtype=dtype)
    for each in (stream, plain):
        for x in X:  # forget what was before
            each.step(x)
        each.reset()
        each.state = problem.initial_state
        for x in X:
            outputs = each.step(x)
        expected, info = net.forward(
            problem.weights, list(X.transpose(1, 0, 2)), initial_state=problem.initial_state, full_output=True
        )
        assert_near(outputs, expected, rtol)
        for part, same in zip(each.state, info["final_state"], strict=True):
            assert_near(part, same, rtol)
    v = np.random.default_rng(seed).normal(size=outputs.shape)
    expected = np.stack(
        [
            net.backward(
                problem.weights, [x], v_i[np.newaxis], "truncated",
                initial_state=problem.initial_state.take([i]),
            )
            for i, (x, v_i) in enumerate(zip(X.transpose(1, 0, 2), v, strict=True))
        ]
    )  # fmt: skip
    found = stream.gradient(v if n_streams > 1 else v[0]).reshape(expected.shape)
    assert_near(found, expected, rtol)
    jacobian = stream.jacobian().reshape(n_streams, -1, net.n_weights)
    assert_near(np.einsum("sk,skw->sw", v, jacobian), expected, rtol)


def test_streams_begin_anew_one_by_one_and_see_changed_weights():
    net = Network(2, 1, n_blocks=3, n_layers=2)
    weights, x = net.init_weights(0), np.ones((2, 2))
    stream = net.stream(weights, 2, partials=True)
    stream.step(x)
    stream.reset(1)
    with pytest.raises(ValueError, match="No step has been made"):
        stream.jacobian()
    stream.step(x)
    fresh = net.stream(weights, partials=True)
    fresh.step(x[1])
    assert_allclose(stream.jacobian()[1], fresh.jacobian(), rtol=1e-12)
    assert np.abs(stream.jacobian()[0] - fresh.jacobian()).max() > 1e-4
    before = stream.state
    with pytest.raises(ValueError, match=r"x must have the shape"):
        stream.step(np.ones(3))
    with pytest.raises(ValueError, match="expected finite numbers"):
        stream.step(np.full((2, 2), np.nan))
    assert_array_equal(stream.state.cells, before.cells)
    weights += 0.5
    changed = net.stream(weights.copy(), 2)
    changed.state = before
    assert_allclose(stream.step(x), changed.step(x), rtol=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("options", [{"bidirectional": True}, {"pooling": ("last", "max")}])
def test_streams_refuse_what_needs_the_whole_sequence(options):
    net = Network(2, 1, n_layers=2, **options)
    name = next(iter(options))
    with pytest.raises(ValueError, match=f"{name}=.* needs the whole sequence"):
        net.stream(net.init_weights(0))
    reg = LSTMRegressor(n_blocks=2, max_iter=500, random_state=0, **options)
    reg.fit(np.ones((4, 3, 2)), [1.0, 2, 3, 4])
    with pytest.raises(ValueError, match=f"{name}=.* needs the whole sequence"):
        reg.step(np.ones(2))
    reg.set_params(update="step", gradient="truncated")
    with pytest.raises(ValueError, match=f"update='step' learns before the end.*{name}"):
        reg.fit(np.ones((4, 3, 2)), [1.0, 2, 3, 4])


# ------------------------------------------------------------------------------------------------
# learning


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("form", FORMS, ids=["dense", "sparse"])
@pytest.mark.parametrize(
    "changes",
    [
        {"solver": "sgd", "momentum": 0.5, "alpha": 0.1},
        {"solver": "adam", "alpha": 0.1, "clip": 0.01},
        {"solver": "rprop", "clip": 1e-3, "batch_size": 200},
        {"solver": "sgd", "update": "sequence", "gradient": "truncated"},
    ],
    ids=str,
)
def test_one_layer_apart_from_its_output_units_learns_as_the_engine_of_both(changes, form, dtype):
    net = replace(EVERYTHING, output_activation="softmax", return_sequences=True)
    problem = make_problem(net, [5, 3, 6, 1, 4], loss="log_loss", state=False, seed=1)
    problem = replace(problem, X=[x.astype(dtype) for x in problem.X])
    learned = []
    for in_layers in (False, True):
        trainer = make_trainer(problem, form, **{"batch_size": 2} | changes)
        if in_layers:
            engine = LayersEngine(net, dtype)
            bound = bind(engine, problem, form, merge=trainer.settings.merges(5))
            trainer = type(trainer)(engine, bound, trainer.settings, problem.weights)
        losses = [trainer.epoch(np.random.RandomState(0)) for _ in range(3)]
        learned.append((losses, trainer.weights))
    for one, other in zip(*learned, strict=True):
        assert_allclose(
            one,
            other,
            rtol=1e-9 if dtype == np.float64 else 1e-3,
            atol=1e-6 if dtype == np.float32 else 1e-12,
        )
    assert np.abs(learned[0][1] - problem.weights).max() > 1e-4


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("form", FORMS, ids=["dense", "sparse"])
@pytest.mark.parametrize("gradient", GRADIENTS)
def test_gradient_of_all_layers_in_one_call_is_that_of_one_layer_after_the_other(
    gradient, form, dtype, monkeypatch
):
    """In packed batches of any size; `loss_and_gradient` makes one pass after the other."""
    drawn = []
    monkeypatch.setattr(layers_engine, "CACHE_BYTES", 0)

    @settings(repeatable, max_examples=30)
    @given(
        net=composed(pooling="last", shortcut=False, cell_output_activation="tanh"),
        n_blocks=st.sampled_from([1, 3, 18]),
        lengths=st.lists(st.sampled_from([1, 2, 4]), min_size=1, max_size=6),
        at_once=st.integers(1, 4),
        seed=st.integers(0, 1000),
    )
    def compare(net, n_blocks, lengths, at_once, seed):
        n_layers = max(net.n_layers, 2 - net.bidirectional)
        net = replace(net, n_blocks=n_blocks, n_layers=n_layers)
        drawn.append(net)
        monkeypatch.setattr(layers_engine, "LEAST_AT_ONCE", at_once)
        problem = problem_of(net, lengths, seed, state=False)
        problem = replace(problem, X=[form(x.astype(dtype)) for x in problem.X])
        engine = engine_of(net, dtype)
        assert engine.in_one_call
        bound = bind(engine, problem, lambda x: x)
        order = bound.order[np.argsort(-bound.order.length, kind="stable")]
        work = engine.workspace(
            int(order.length.sum()), len(order), int(order.length[0]), sparse=bound.data.sparse
        )
        record, w = np.full((bound.n_targets, net.n_outputs), np.nan, dtype), engine.pad(problem.weights)
        for scale in (1.0, 0.5):  # what the first call has left behind does not matter
            grad = engine.zeros()
            full = gradient == "full"
            total = engine.gradient(bound, order, work, w, full, scale, grad, record=record)
        expected, slope, _ = problem.loss_and_gradient(gradient)
        assert_near(total, expected, TOLERANCE[dtype])
        assert_near(engine.flat(grad), 0.5 * slope, TOLERANCE[dtype])
        counts = bound.target_weight > 0
        assert_near(record[counts], problem.forward()[0][counts], TOLERANCE[dtype])

    compare()
    for name in ("n_layers", "bidirectional", "patch_size", "return_sequences", "n_blocks", "block_size"):
        assert len({getattr(net, name) for net in drawn}) >= 2, name


@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize("update", ["batch", "sequence", "step"])
def test_every_update_follows_the_gradient_of_the_twin(update, every_step):
    """With weights of single steps, one of them 0."""
    net = Network(2, 2, n_blocks=2, block_size=2, n_hidden_units=1, recurrence="all", peepholes=True,
                  n_layers=2, return_sequences=every_step, output_activation="logistic")  # fmt: skip
    problem = problem_of(net, [4, 1, 3], seed=3, state=False)
    n_targets = 8 if every_step else 3
    weight = np.random.default_rng(1).integers(0, 3, n_targets) * 0.5
    weight[0] = 1
    trainer = make_trainer(problem, update=update, gradient="truncated", batch_size=3, target_weight=weight)
    trainer.epoch(np.random.RandomState(0))
    w, at, rate, summed = problem.weights.copy(), 0, 0.05, 0
    for x, y in zip(problem.X, problem.y, strict=True):
        own = weight[at : at + len(y)]
        at += len(y)
        one = replace(problem, X=[x], y=[y], weights=w)
        kwargs = {"sample_weight": [own] if every_step else own}
        if update == "step":
            stream = net.stream(w.copy(), partials=True)
            for t, x_t in enumerate(x):
                output = stream.step(x_t)
                if every_step or t == len(x) - 1:
                    k = t if every_step else 0
                    errors = own[k] * (output - y[k]) / (output * (1 - output))
                    stream.weights -= rate * stream.gradient(errors)
                    stream.load()
            w = stream.weights
            continue
        _, gradient = net.loss_and_gradient(w, [x], [y] if every_step else y, one.loss, "truncated", **kwargs)
        if update == "sequence":
            w = w - rate * gradient
        else:
            summed = summed + gradient
    if update == "batch":
        w = w - rate * summed / weight.sum()
    assert np.abs(w - problem.weights).max() > 1e-3
    assert_allclose(trainer.weights, w, rtol=0, atol=1e-12)


@pytest.mark.parametrize("changes", [{"n_layers": 2}, {"bidirectional": True, "pooling": ("last", "max")}])
def test_threads_and_packed_batches_change_nothing(changes):
    net = replace(EVERYTHING, return_sequences=False, **changes)
    lengths = np.random.default_rng(0).integers(1, 8, 150).tolist()
    problem = problem_of(net, lengths, seed=0, state=False)
    one = problem.loss_and_gradient()
    each = [part.loss_and_gradient() for part in problem.singles()]
    assert_near(one[1], sum(part[1] for part in each), 1e-11)
    weights = []
    for n_threads in (1, 2):
        trainer = make_trainer(problem, n_threads=n_threads, batch_size=150)
        trainer.epoch(np.random.RandomState(0))
        weights.append(trainer.weights)
    assert_allclose(*weights, rtol=1e-12, atol=1e-14)
    long = [np.tile(problem.X[0], (3000, 1)), problem.X[1]]  # more than a window
    both = net.forward(problem.weights, long)
    assert_array_equal(both[1:], net.forward(problem.weights, long[1:]))


# ------------------------------------------------------------------------------------------------
# dropout


@pytest.mark.parametrize("form", FORMS, ids=["dense", "sparse"])
@pytest.mark.parametrize("changes", [{}, {"n_layers": 2, "bidirectional": True, "pooling": ("last", "max")},
                                     {"n_layers": 2, "return_sequences": True}], ids=str)  # fmt: skip
def test_the_gradient_with_dropout_is_that_of_the_loss_with_these_masks(changes, form):
    net = replace(EVERYTHING, n_blocks=1, **{"return_sequences": False} | changes)
    problem = problem_of(net, [3, 4, 2], seed=1, state=False)
    engine = LayersEngine(net, np.float64)
    bound = bind(engine, problem, form)
    bound.masks = Masks(net, 3, 0.4, np.random.RandomState(0), np.float64)
    order = bound.order[[1, 0, 2]]
    work = engine.workspace(9, 3, 4, sparse=bound.data.sparse)

    def loss_and_gradient(weights):
        grad = engine.zeros()
        value = engine.gradient(bound, order, work, engine.pad(weights), True, 1.0, grad)
        return value, engine.flat(grad)

    value, gradient = loss_and_gradient(problem.weights)
    expected = central(lambda w: loss_and_gradient(w)[0], problem.weights)
    assert_allclose(gradient, expected, rtol=1e-6, atol=1e-8)
    bound.masks = None
    assert abs(loss_and_gradient(problem.weights)[0] - value) > 1e-3


def test_dropout_leaves_out_inputs_of_a_sequence_at_all_steps():
    """One layer whose output units read all that is left: as the network with masked inputs and weights."""
    net = Network(6, 2, n_blocks=5)
    problem = problem_of(net, [4, 3], seed=0, state=False)
    engine = LayersEngine(net, np.float64)
    bound = bind(engine, problem)
    bound.masks = Masks(net, 2, 0.3, np.random.RandomState(1), np.float64)
    total = 0
    for i, (x, y) in enumerate(zip(problem.X, problem.y, strict=True)):
        inputs, features = (part[0] for part in bound.masks.of([i]))
        assert set(np.unique(np.concatenate([inputs, features]))) == {0, 1 / 0.7}
        weights = problem.weights.copy()
        net.views(weights)["output"][:, :5] *= features
        one, _ = net.loss_and_gradient(weights, [x * inputs], y, sample_weight=problem.sample_weight[[i]])
        total += one
    work = engine.workspace(7, 2, 4)
    found = engine.gradient(bound, bound.order, work, engine.pad(problem.weights), True, 1.0, engine.zeros())
    assert_allclose(found, total, rtol=1e-12)


def test_masks_have_their_rate_and_are_drawn_anew():
    net = Network(3, 2, n_blocks=10, n_layers=2, bidirectional=True, pooling=("last", "mean"), shortcut=True)
    rng = np.random.RandomState(0)
    masks = Masks(net, 400, 0.25, rng, np.float32).of(np.arange(400))
    assert [mask.shape[1] for mask in masks] == [3, 20, 43]
    for mask in masks[1:]:
        assert mask.dtype == np.float32
        assert abs((mask == 0).mean() - 0.25) < 0.02
        assert_allclose(mask.mean(), 1, atol=0.03)
    other = Masks(net, 400, 0.25, rng, np.float32).of(np.arange(400))
    assert (other[1] != masks[1]).mean() > 0.2


# ------------------------------------------------------------------------------------------------
# estimators


def data(n=80, dtype=float):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(length, 2)).astype(dtype) for length in rng.integers(1, 8, n)]
    return X, np.array([x[:, 0].sum() for x in X]), [np.cumsum(x[:, 0]) for x in X]


COMPOSITIONS = [
    {"n_layers": 2},
    {"bidirectional": True},
    {"pooling": ("last", "mean", "max")},
    {"n_layers": 2, "bidirectional": True, "pooling": "max"},
    {"dropout": 0.1},
    {"n_layers": 2, "bidirectional": True, "pooling": ["last", "mean"], "dropout": 0.1},
    {"n_patches": 3},
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("options", COMPOSITIONS, ids=str)
def test_estimators_learn_and_come_back_from_pickles(options):
    X, y, _ = data()
    reg = LSTMRegressor(n_blocks=6, max_iter=150, early_stopping=True, random_state=0, **options)
    weight = np.random.default_rng(0).integers(0, 3, len(X))
    reg.fit(X, y, sample_weight=weight)
    assert reg.score(X, y) > 0.8
    again = clone(reg).fit(X, y, sample_weight=weight)
    assert_array_equal(again.weights_, reg.weights_)
    back = pickle.loads(pickle.dumps(reg))
    assert_array_equal(back.predict(X), reg.predict(X))
    assert_array_equal(reg.set_params(n_jobs=2).predict(X), back.predict(X))
    csr = clone(reg).fit([sparse.csr_array(x) for x in X], y, sample_weight=weight)
    assert_allclose(csr.predict(X), reg.predict(X), rtol=0, atol=0.2)
    assert sum(part.size for part in reg.coefs_.values()) == reg.n_weights_
    clf = LSTMClassifier(n_blocks=4, max_iter=100, class_weight="balanced", random_state=0, **options)
    assert clf.fit(X, y > 0).score(X, y > 0) > 0.8
    assert clf.predict_proba([x.astype(np.float32) for x in X]).dtype == np.float32


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("options", [c for c in COMPOSITIONS if not {"pooling", "n_patches"} & {*c}], ids=str)
def test_targets_at_every_step_some_of_them_missing(options):
    X, _, y = data()
    partly = [np.where(np.arange(len(t)) % 3 == 1, np.nan, t) for t in y]
    reg = LSTMRegressor(n_blocks=6, return_sequences=True, max_iter=150, random_state=0, **options)
    reg.fit(X, partly)
    assert reg.score(X, y) > 0.85
    flows = error_flow(reg, X[:3])
    assert np.nanmin(flows.norms) >= 0
    assert flows.carousel.shape == flows.norms.shape
    other = [np.where(np.isnan(t), 99.0, t) for t in partly]
    weight = [1.0 - np.isnan(t) for t in partly]
    assert_array_equal(clone(reg).fit(X, other, sample_weight=weight).weights_, reg.weights_)


def test_float32_learns_in_float32():
    X, y, _ = data(dtype=np.float32)
    options = {
        "n_blocks": 4,
        "n_layers": 2,
        "bidirectional": True,
        "alpha": 0.0001,
        "max_iter": 100,
        "random_state": 0,
    }
    reg = LSTMRegressor(**options).fit(X, y)
    assert reg.weights_.dtype == reg.predict(X).dtype == np.float32
    assert reg.score(X, y) > 0.9


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_learning_goes_on_and_the_penalty_spares_biases():
    X, y, _ = data()
    options = {"n_blocks": 3, "n_layers": 2, "bidirectional": True, "shuffle": False, "random_state": 0}
    reg = LSTMRegressor(**options)
    for _ in range(3):
        reg.partial_fit(X, y)
    assert_array_equal(reg.weights_, LSTMRegressor(max_iter=3, tol=0, **options).fit(X, y).weights_)
    flat = LSTMRegressor(alpha=1e3, solver="lbfgs", max_iter=200, **options).fit(X, y)
    for name, part in flat.coefs_.items():
        assert np.abs(part[:, :-1]).max() < 0.02, name
    assert_allclose(flat.predict(X), y.mean(), atol=0.05)


@pytest.mark.parametrize("solver", ["sgd", "dekf"])
def test_learning_at_every_step_is_the_same_in_one_call_and_in_several(solver):
    X, _, y = data()
    X, y = [np.concatenate(X[:40])], [np.concatenate(y[:40])]
    reg = LSTMRegressor(
        n_blocks=3, n_layers=2, return_sequences=True, update="step", gradient="truncated", solver=solver,
        learning_rate=0.02, random_state=0,
    )  # fmt: skip
    whole = clone(reg).partial_fit(X, y)
    if solver == "dekf":
        assert whole.loss_curve_[0] < np.var(y[0])
        return
    parts = clone(reg)
    for chunk, target in zip(np.array_split(X[0], 5), np.array_split(y[0], 5), strict=True):
        parts.partial_fit([chunk], [target], continued=True)
        parts = pickle.loads(pickle.dumps(parts))
    assert_allclose(parts.weights_, whole.weights_, rtol=1e-9)
    step = copy.copy(parts).step(np.ones(2))
    assert step.shape == (1,)
    assert whole.loss_curve_[0] < np.var(y[0])


def test_a_stream_ends_where_predict_does():
    X, y, _ = data()
    reg = LSTMRegressor(n_blocks=4, n_layers=3, max_iter=500, random_state=0).fit(X, y)
    for x in X[0]:
        output = reg.step(x)
    assert_allclose(output, reg.predict(X[:1]), rtol=1e-12)
    state = reg.state_
    assert state.cells.shape == (1, 12)
    reg.reset_state()
    reg.state_ = state
    assert_allclose(reg.step(np.ones(2)), reg.predict([np.vstack([X[0], [[1, 1]]])]), rtol=1e-12)


@pytest.mark.parametrize("options", [*COMPOSITIONS[:4], COMPOSITIONS[-1]], ids=str)
def test_tools_look_into_all_layers(options):
    X, y, _ = data()
    clf = LSTMClassifier(
        n_blocks=3, n_hidden_units=1, recurrence="all", max_iter=500, random_state=0, **options
    )
    clf.fit(X, y > 0)
    net, trace = clf.network_, clf.activations(X[:1])[0]
    for prefix, _, _ in net._parts:
        assert trace[prefix + "cell"].shape == (-(-len(X[0]) // net.patch_size), 3)
    encoder = LSTMEncoder(clf).fit(X, y > 0)
    features = encoder.transform(X)
    assert features.shape == (80, len(encoder.get_feature_names_out()))
    last = replace(net, n_outputs=0, shortcut=False, output_activation="identity", pooling="last")
    lower = encoder.estimator_.weights_[: last.n_weights]
    hidden = last.forward(lower, X)
    assert_allclose(features, hidden, rtol=1e-12)

    def probability(x):
        return clf.predict_proba([x])[0, 1]

    gradient = clf.input_gradients(X[1:2], output=True, response_method="predict_proba")[0]
    assert_allclose(gradient, central(probability, X[1]), rtol=1e-5, atol=1e-8)
    flow = error_flow(clf, X[:4])
    assert flow.norms.shape[0] == 4
    assert len(flow.groups) == len(net._parts) * 5
    display = ActivationsDisplay.from_estimator(clf, X[1], parts=["cell_state", "output"])
    assert len(display.axes_) == len(net._parts) + 1
    assert_allclose(display.activations["output"][-1], clf.predict_proba(X[1:2])[0], rtol=1e-12)
    panels = WeightsDisplay.from_estimator(clf).matrices_
    assert len(panels) == len(net._parts) + 1
    assert np.sum([np.isfinite(matrix).sum() for matrix in panels.values()]) == clf.n_weights_


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout": 1.0}, "dropout must be a finite number at least 0 and below 1, got 1.0"),
        ({"dropout": 0.1, "solver": "lbfgs"}, "dropout=0.1 leaves out other inputs for each sequence"),
        ({"dropout": 0.1, "update": "step", "gradient": "truncated"}, "dropout=0.1 leaves out other inputs"),
        ({"dropout": 0.1, "n_blocks": 0, "shortcut": True}, "dropout=0.1 needs hidden units"),
        ({"pooling": "median"}, "pooling must be one of"),
    ],
)
def test_what_estimators_refuse(options, message):
    with pytest.raises(ValueError, match=message):
        LSTMRegressor(random_state=0, **options).fit(np.ones((4, 3, 1)), [1.0, 2.0, 3.0, 4.0])


def test_a_single_layer_is_the_engine_of_before():
    assert not isinstance(engine_of(Network(2, 1, n_layers=1, pooling=("last",)), np.float64), LayersEngine)
    assert isinstance(engine_of(Network(2, 1, pooling="mean"), np.float64), LayersEngine)
