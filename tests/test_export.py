"""Export of models: ONNX against onnxruntime, torch against torch, Keras against its equations.

onnx, onnxruntime and torch are not needed for the package: what they check is skipped without them.
"""

import pickle
import sys
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from sklstm import (
    LSTMClassifier,
    LSTMRegressor,
    Network,
    PerTimeStep,
    SequencePatcher,
    Sequences,
    SequenceScaler,
    SequenceSummary,
    from_keras,
    from_torch,
    to_keras,
    to_onnx,
    to_torch,
)
from topologies import POOLINGS, SQUASHING, composed, make_problem, networks, regressor_of, repeatable

pytestmark = pytest.mark.filterwarnings(
    "ignore:Learning has not converged",
    "ignore::DeprecationWarning:onnx",
    "ignore::DeprecationWarning:torch",
)
LENGTHS = [1, 2, 37, 5]
TO_TANH = [  # g and h that are tanh in other units
    ("tanh", "tanh"),
    ("logistic[-1,1]", "tanh"),
    ("logistic[-2,2]", "logistic[-1,1]"),
    ("logistic[-2,2]", "logistic[-2,2]"),
]
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 3)) for n in (4, 2, 6, 5, 3, 6)]
FIT = {"n_blocks": 4, "max_iter": 3, "random_state": 0}


def padded(sequences):
    """What the ONNX graph is given."""
    lengths = [len(x) for x in sequences]
    array = np.full((len(lengths), max(lengths), sequences[0].shape[1]), np.nan, np.float32)
    for row, x in zip(array, sequences):
        row[: len(x)] = x
    return array


def run(graph, sequences, **state):
    """Outputs of an ONNX graph by name."""
    pytest.importorskip("onnx").checker.check_model(graph, full_check=True)
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"X": padded(sequences)} | state)))


def assert_steps_equal(found, expected, tolerance):
    """Compare what an array holds before its padding; with one row per sequence, the rows."""
    if expected.dtype == object:
        found = np.concatenate([row[: len(x)] for row, x in zip(found, expected)])
        expected = np.concatenate(list(expected))
    measure = max(1, np.abs(expected).max())
    assert_allclose(found.reshape(expected.shape), expected, rtol=0, atol=tolerance * measure)


def problem_of(net, seed=0, lengths=LENGTHS):
    return make_problem(net, lengths, state=False, scale=0.3, seed=seed)


# ----------------------------------------------------------------------------------------------
# ONNX


@repeatable
@given(st.one_of(networks(), composed()), st.integers(0, 99))
def test_onnx_gives_the_outputs_of_the_network(net, seed):
    pytest.importorskip("onnx")
    if net.peepholes and (net.block_size > 1 or net.recurrence not in ("cells", "none")):
        net = replace(net, block_size=1, recurrence="cells")
    problem = problem_of(net, seed)
    found = run(to_onnx(regressor_of(net, problem.weights)), problem.X)["predictions"]
    assert_steps_equal(found, net.forward(problem.weights, problem.X), 1e-5)


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("output", ["softmax", "logistic"])
@pytest.mark.parametrize(
    "labels",
    [["a", "bb", "c"], [0, 1, 5], [-1.0, 0.0, 2.0], [False, True]],
    ids=["str", "int", "float", "bool"],
)
def test_onnx_gives_labels_and_probabilities(labels, output, return_sequences):
    pytest.importorskip("onnx")
    y = np.array(labels * 3)[: len(X)]
    y = [np.resize(y, len(x)) for x in X] if return_sequences else y
    clf = LSTMClassifier(**FIT, output_activation=output, return_sequences=return_sequences)
    clf.fit(X, y)
    found = run(to_onnx(clf), X)
    assert_steps_equal(found["probabilities"], clf.predict_proba(X), 1e-5)
    if return_sequences:
        assert np.isnan(found["probabilities"][1, 2:]).all()
        for row, right in zip(found["label"], clf.predict(X)):
            assert_array_equal(row[: len(right)], right)
    else:
        assert_array_equal(found["label"], clf.predict(X))


@pytest.mark.parametrize("return_sequences", [False, True])
def test_onnx_of_several_labels(return_sequences):
    pytest.importorskip("onnx")
    y = [x[:, :2] > 0 for x in X] if return_sequences else np.array([x[0, :2] > 0 for x in X])
    clf = LSTMClassifier(**FIT, return_sequences=return_sequences).fit(X, y)
    found = run(to_onnx(clf), X)
    assert_steps_equal(found["probabilities"], clf.predict_proba(X), 1e-5)
    for row, right in zip(found["label"], clf.predict(X)):
        assert_array_equal(row[: len(right)], right)


SCALERS = {
    "standard": SequenceScaler(),
    "mean": SequenceScaler(StandardScaler(with_std=False)),
    "deviation": SequenceScaler(StandardScaler(with_mean=False)),
    "range": PerTimeStep(MinMaxScaler((-2, 1))),
    "largest": SequenceScaler(MaxAbsScaler()),
    "quartiles": SequenceScaler(RobustScaler()),
    "median": SequenceScaler(RobustScaler(with_scaling=False)),
}


@pytest.mark.parametrize("shortcut", [False, True])
@pytest.mark.parametrize("scaler", SCALERS)
def test_scalers_become_weights(scaler, shortcut):
    lstm = LSTMRegressor(**FIT, shortcut=shortcut)
    model = make_pipeline(PerTimeStep(StandardScaler()), SCALERS[scaler], lstm)
    far = [3 * x + [1, -5, 2] for x in X]
    expected = model.fit(far, [x.sum() for x in X]).predict(far)
    if not shortcut:
        assert_allclose(keras_outputs(to_keras(model), far, "identity")[:, 0], expected, rtol=1e-9)
    pytest.importorskip("onnx")
    assert_steps_equal(run(to_onnx(model), far)["predictions"], expected, 1e-5)


def test_a_search_exports_its_best_model():
    search = GridSearchCV(make_pipeline(SequenceScaler(), LSTMClassifier(**FIT)), {}, cv=2)
    search.fit(X, ["a", "b"] * 3)
    kernel, *_, bias = to_keras(search)
    assert kernel.shape == (3, 16)
    assert_allclose(keras_outputs(to_keras(search), X, "softmax"), search.predict_proba(X), atol=1e-12)
    assert_allclose(bias, search.best_estimator_[-1].coefs_["output"][:, -1])


@pytest.mark.parametrize("n_layers", [1, 3])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_onnx_takes_and_gives_the_state(return_sequences, n_layers):
    pytest.importorskip("onnx")
    net = Network(3, 2, n_blocks=5, return_sequences=return_sequences, n_layers=n_layers)
    problem = problem_of(net)
    model = regressor_of(net, problem.weights)
    graph = to_onnx(model, stateful=True)
    state = {name: np.zeros((1, 5 * n_layers), np.float32) for name in ("activations", "cells")}
    for x in problem.X[2]:
        outputs = run(graph, [x[np.newaxis]], **state)
        state = {name: outputs[f"next_{name}"] for name in state}
        assert_allclose(outputs["predictions"].ravel(), model.step(x), atol=1e-5)
    _, info = net.forward(problem.weights, problem.X[2:3], full_output=True)
    for name, part in state.items():
        assert_allclose(part, getattr(info["final_state"], name), atol=1e-5)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (LSTMRegressor(**FIT, bidirectional=True), "with bidirectional=True.*Fit with bidirectional=False"),
        (LSTMRegressor(**FIT, pooling="mean"), r"with pooling=\('mean',\).*Fit with pooling='last'"),
        (make_pipeline(SequencePatcher(2), LSTMRegressor(**FIT)), "with patches of 3 time steps"),
    ],
)
def test_what_needs_the_whole_sequence_has_no_state_in_onnx(model, message):
    pytest.importorskip("onnx")
    model.fit(X, np.arange(6.0))
    with pytest.raises(ValueError, match=f"to_onnx cannot express stateful=True {message}"):
        to_onnx(model, stateful=True)


@pytest.mark.parametrize("step", [1, 2, 3, 4, 7])
def test_patches_are_exported(step):
    pytest.importorskip("torch")
    lstm = LSTMClassifier(**FIT, bidirectional=True, pooling=("last", "mean", "max"), shortcut=True)
    model = make_pipeline(SequenceScaler(), SequencePatcher(step=step), SequenceScaler(), lstm)
    expected = model.fit(X, ["a", "b"] * 3).predict_proba(X)
    assert_allclose(torch_outputs(to_torch(model), X, np.nan), expected, atol=1e-9)
    pytest.importorskip("onnx")
    assert_steps_equal(run(to_onnx(model), X)["probabilities"], expected, 1e-5)


def test_a_state_is_kept_for_a_thousand_steps_without_a_forget_gate():
    net = Network(
        1,
        1,
        n_blocks=2,
        forget_gate=False,
        recurrence="all",
        cell_input_activation="logistic[-2,2]",
        cell_output_activation="logistic[-1,1]",
    )
    X = [np.zeros((1000, 1)), np.zeros((3, 1))]
    for x in X:
        x[0] = 1
    reg = regressor_of(net, np.random.default_rng(1).normal(size=net.n_weights))
    reg.coefs_["input_gate"][:] = reg.coefs_["cell"][:] = 0
    reg.coefs_["input_gate"][:, 0], reg.coefs_["input_gate"][:, -1] = 30, -30
    reg.coefs_["cell"][:, 0] = [0.4, -0.3]
    expected = reg.predict(X).ravel()
    assert abs(reg.activations(X)[0]["cell_state"][-1]).min() > 0.1
    assert_allclose(keras_outputs(to_keras(reg), X, "identity").ravel(), expected, rtol=1e-6)
    pytest.importorskip("onnx")
    assert_allclose(run(to_onnx(reg), X)["predictions"].ravel(), expected, atol=1e-5)


def test_nan_inside_a_sequence_is_no_padding():
    pytest.importorskip("onnx")
    reg = LSTMRegressor(**FIT).fit(X, np.arange(6.0))
    broken = [x.copy() for x in X]
    broken[0][1] = np.nan
    found = run(to_onnx(reg), broken)["predictions"]
    assert np.isnan(found[0])
    assert_allclose(found[1:], reg.predict(X)[1:], atol=1e-5)


# ----------------------------------------------------------------------------------------------
# torch


def torch_outputs(module, sequences, padding=7.0):
    """What a module makes of sequences that are padded by a number."""
    torch = pytest.importorskip("torch")
    lengths = torch.tensor([len(x) for x in sequences])
    x = torch.full((len(lengths), int(lengths.max()), sequences[0].shape[1]), padding).double()
    for row, sequence in zip(x, sequences):
        row[: len(sequence)] = torch.tensor(sequence)
    with torch.no_grad():
        return module(x, lengths).numpy()


@repeatable
@given(st.data())
def test_torch_gives_the_outputs_of_the_network(data):
    pytest.importorskip("torch")
    g, h = data.draw(st.sampled_from(TO_TANH))
    options = {"cell_input_activation": g, "cell_output_activation": h, "peepholes": False}
    net = data.draw(st.one_of(networks(**options), composed(**options)))
    problem = problem_of(net, data.draw(st.integers(0, 99)))
    module = to_torch(regressor_of(net, problem.weights))
    found = torch_outputs(module, problem.X)
    assert_steps_equal(found, net.forward(problem.weights, problem.X), 1e-9)


@pytest.mark.parametrize(
    ("bias", "kind", "return_sequences"), [*product([True, False], [0, 1, 2], [False, True])]
)
def test_from_torch_and_back(bias, kind, return_sequences):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    classes, n_outputs = [(None, 2), (["a", "b", "c"], 3), (["no", "yes"], 1)][kind]
    lstm = torch.nn.LSTM(3, 5, bias=bias, batch_first=True)
    linear = torch.nn.Linear(5, n_outputs, bias=bias)
    model = from_torch(lstm, linear, classes=classes, return_sequences=return_sequences)
    assert from_torch(torch.nn.ModuleList([lstm, linear])).network_.n_outputs == n_outputs
    with torch.no_grad():
        for x in X:
            net = linear(lstm(torch.tensor(x).float())[0]).double().numpy()
            expected = net
            if kind == 1:
                expected = softmax(net, axis=1)
            elif kind == 2:
                expected = np.column_stack([1 - expit(net), expit(net)])
            found = (model.predict if classes is None else model.predict_proba)([x])[0]
            assert_allclose(found, expected if return_sequences else expected[-1], atol=1e-6)
            if classes is not None:
                assert_array_equal(
                    np.ravel(model.predict([x])[0])[-1], np.array(classes)[expected[-1].argmax()]
                )
            back = to_torch(model)(torch.tensor(x)[None])[0]
            assert_allclose(back.numpy(), found, atol=1e-12)
    again = from_torch(to_torch(model), classes=model.classes_ if classes else None)
    if bias:
        assert_allclose(again.weights_, model.weights_, atol=1e-15)


def test_from_torch_of_a_module_of_ones_own():
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = torch.nn.LSTM(3, 4), torch.nn.Linear(7, 2)

    assert from_torch(Net()).network_ == Network(3, 2, n_blocks=4, shortcut=True)
    two = torch.nn.ModuleDict(
        {"a": torch.nn.Linear(4, 1), "b": torch.nn.Linear(4, 1), "c": torch.nn.LSTM(3, 4)}
    )
    with pytest.raises(
        ValueError, match=r"one torch.nn.Linear, got 2 \(a, b\); or give the layer as output="
    ):
        from_torch(two)
    assert from_torch(two, two["b"]).coefs_["output"][0, 0] == two["b"].weight[0, 0].item()
    with pytest.raises(ValueError, match=r"one torch.nn.LSTM, got 0 \(none\)"):
        from_torch(torch.nn.GRU(3, 4), two["a"])
    with pytest.raises(TypeError, match=r"module must be a torch.nn.Module, got list"):
        from_torch([])
    with pytest.raises(TypeError, match=r"output must be a torch.nn.Linear, got GRU"):
        from_torch(two, torch.nn.GRU(3, 4))
    with pytest.raises(ValueError, match=r"reads 5 numbers, but an LSTM of 4 cells .* expected 4, or 7"):
        from_torch(two, torch.nn.Linear(5, 1))
    with pytest.raises(ValueError, match=r"from_torch takes an LSTM with proj_size=0, got proj_size=2"):
        from_torch(torch.nn.LSTM(3, 4, proj_size=2), two["a"])


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(("n_layers", "bidirectional"), [(2, False), (1, True), (3, True)])
def test_from_torch_of_layers_and_directions(n_layers, bidirectional, pooling):
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    lstm = torch.nn.LSTM(
        3, 5, n_layers, bidirectional=bidirectional, batch_first=True, dropout=0.1 * (n_layers > 1)
    )
    kinds = (pooling,) if isinstance(pooling, str) else pooling
    head = torch.nn.Linear(5 * (1 + bidirectional) * len(kinds), 2)
    model = from_torch(lstm.eval(), head, pooling=pooling)
    n_directions = 1 + bidirectional
    for x in X:
        with torch.no_grad():
            steps, (h, _) = lstm(torch.tensor(x).float()[None])
            parts = {
                "last": torch.cat(list(h[-n_directions:]), dim=-1),
                "mean": steps.mean(dim=1),
                "max": steps.max(dim=1).values,
            }
            expected = head(torch.cat([parts[kind] for kind in kinds], dim=-1))[0]
        assert_allclose(model.predict([x])[0], expected, atol=1e-6)
    module = to_torch(model)
    assert_allclose(torch_outputs(module, X, np.nan), model.predict(X), atol=1e-9)
    assert_allclose(from_torch(module, pooling=pooling).weights_, model.weights_, atol=1e-15)


def test_from_torch_of_two_directions_at_every_step():
    torch = pytest.importorskip("torch")
    torch.manual_seed(2)
    lstm, head = torch.nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True), torch.nn.Linear(8 + 3, 2)
    model = from_torch(lstm, head, return_sequences=True)
    assert model.shortcut
    x = torch.tensor(X[0]).float()[None]
    with torch.no_grad():
        expected = head(torch.cat([lstm(x)[0], x], dim=-1))[0]
    assert_allclose(model.predict(X[:1])[0], expected, atol=1e-6)


# ----------------------------------------------------------------------------------------------
# Keras: its documented arrays, columns in the order i, f, c, o


def keras_lstm(kernel, recurrent, bias, x):
    """What an LSTM layer makes of a sequence, in loops."""
    h = c = np.zeros(len(recurrent))
    steps = []
    for row in x:
        i, f, g, o = np.split(row @ kernel + h @ recurrent + bias, 4)
        c = expit(f) * c + expit(i) * np.tanh(g)
        h = expit(o) * np.tanh(c)
        steps.append(h)
    return np.array(steps)


def keras_outputs(weights, sequences, activation, every_step=False, bidirectional=False, pooling=("last",)):
    """What layers of LSTM, or of Bidirectional(LSTM), and Dense make of their arrays."""
    *layers, output, output_bias = weights
    size = 6 if bidirectional else 3
    squash = {"softmax": lambda z: softmax(z, axis=-1), "logistic": expit, "identity": lambda z: z}[
        activation
    ]
    results = []
    for x in sequences:
        for at in range(0, len(layers), size):
            ways = [keras_lstm(*layers[at : at + 3], x)]
            if bidirectional:
                ways.append(keras_lstm(*layers[at + 3 : at + 6], x[::-1])[::-1])
            x = np.hstack(ways)
        if not every_step:
            ends = np.hstack([way[0 if i else -1] for i, way in enumerate(ways)])
            parts = {"last": ends, "mean": x.mean(axis=0), "max": x.max(axis=0)}
            x = np.concatenate([parts[kind] for kind in pooling])
        results.append(squash(x @ output + output_bias))
    return results if every_step else np.array(results)


@repeatable
@given(st.data())
def test_keras_gives_the_outputs_of_the_network(data):
    g, h = data.draw(st.sampled_from(TO_TANH))
    options = {"cell_input_activation": g, "cell_output_activation": h, "peepholes": False, "shortcut": False}
    net = data.draw(st.one_of(networks(**options), composed(patch_size=1, **options)))
    problem = problem_of(net, data.draw(st.integers(0, 99)))
    weights = to_keras(regressor_of(net, problem.weights))
    composition = net.return_sequences, net.bidirectional, net._poolings
    found = keras_outputs(weights, problem.X, net.output_activation, *composition)
    expected = net.forward(problem.weights, problem.X)
    assert_allclose(np.concatenate(found), np.concatenate(list(expected)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("activation", ["softmax", "logistic", "identity"])
def test_from_keras_and_back(activation, return_sequences):
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=shape) for shape in [(3, 20), (5, 20), (20,), (5, 2), (2,)]]
    options = {"output_activation": activation, "return_sequences": return_sequences}
    reg = from_keras(weights, **options)
    expected = keras_outputs(weights, X, activation, return_sequences)
    for found, right in zip(reg.predict(X), expected):
        assert_allclose(found, right, atol=1e-12)
    assert all(map(np.array_equal, to_keras(reg), weights))
    without = [weights[0], weights[1], weights[3]]
    zeros = [*weights[:2], np.zeros(20), weights[3], np.zeros(2)]
    found = from_keras(without, **options)
    assert [found.cell_bias, found.gate_bias, found.output_bias] == [False] * 3
    expected = keras_outputs(zeros, X, activation, return_sequences)
    assert_allclose(found.predict(X)[2], expected[2], atol=1e-12)


def keras_shapes(n_layers, n_directions, n_rows, n_outputs=2, n_inputs=3, n_cells=5):
    """Shapes of the weights of LSTM layers, or of Bidirectional ones, and a Dense layer with so many rows."""
    shapes = []
    for layer in range(n_layers):
        width = n_directions * n_cells if layer else n_inputs
        shapes += [(width, 4 * n_cells), (n_cells, 4 * n_cells), (4 * n_cells,)] * n_directions
    return [*shapes, (n_rows, n_outputs), (n_outputs,)]


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(("n_layers", "bidirectional"), [(2, False), (1, True), (2, True)])
@pytest.mark.parametrize("n_inputs", [3, 5])
def test_from_keras_of_layers_and_directions(n_layers, bidirectional, pooling, n_inputs):
    kinds = (pooling,) if isinstance(pooling, str) else pooling
    rng = np.random.default_rng(3)
    n_rows = 5 * (1 + bidirectional) * len(kinds)
    shapes = keras_shapes(n_layers, 1 + bidirectional, n_rows, n_inputs=n_inputs)
    weights = [rng.normal(size=shape) for shape in shapes]
    sequences = [np.hstack([x, x[:, :2]])[:, :n_inputs] for x in X]
    reg = from_keras(weights, pooling=pooling)
    assert (reg.n_layers, reg.bidirectional) == (n_layers, bidirectional)
    expected = keras_outputs(weights, sequences, "identity", False, bidirectional, kinds)
    assert_allclose(reg.predict(sequences), expected, atol=1e-12)
    assert all(map(np.array_equal, to_keras(reg), weights))
    without = from_keras([w for w in weights if w.ndim == 2], pooling=pooling)
    assert [without.cell_bias, without.gate_bias, without.output_bias] == [False] * 3


@pytest.mark.draws_globally  # Keras does
@pytest.mark.filterwarnings("ignore")  # of Keras
@pytest.mark.parametrize("bidirectional", [False, True])
def test_keras_itself(bidirectional, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")

    def lstm(return_sequences):
        layer = keras.layers.LSTM(5, return_sequences=return_sequences)
        return keras.layers.Bidirectional(layer) if bidirectional else layer

    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, 3))
    steps = lstm(True)(lstm(True)(inputs))
    pooled = [keras.layers.GlobalAveragePooling1D()(steps), keras.layers.GlobalMaxPooling1D()(steps)]
    pooled = keras.layers.Concatenate()(pooled)
    models = {
        "last": keras.Sequential([inputs, lstm(True), lstm(False), keras.layers.Dense(2)]),
        ("mean", "max"): keras.Model(inputs, keras.layers.Dense(2)(pooled)),
    }
    for pooling, model in models.items():
        model.set_weights([np.random.default_rng(0).normal(size=w.shape) for w in model.get_weights()])
        ours = from_keras(model.get_weights(), pooling=pooling)
        for x in X:
            expected = np.asarray(model.predict(x[np.newaxis], verbose=0))[0]
            assert_allclose(ours.predict([x])[0], expected, atol=1e-6)
        assert all(map(np.array_equal, to_keras(ours), model.get_weights()))


@pytest.mark.parametrize(("option", "n_outputs"), [("auto", 1), ("auto", 2), ("logistic", 2)])
def test_from_keras_with_classes(option, n_outputs):
    rng = np.random.default_rng(2)
    weights = [rng.normal(size=shape) for shape in [(3, 20), (5, 20), (20,), (5, n_outputs), (n_outputs,)]]
    clf = from_keras(weights, classes=["no", "yes"], output_activation=option)
    if n_outputs == 1:
        expected = keras_outputs(weights, X, "logistic")
        expected = np.column_stack([1 - expected, expected])
    else:
        expected = keras_outputs(weights, X, "softmax" if option == "auto" else "logistic")
        expected /= expected.sum(axis=1, keepdims=True)
    assert_allclose(clf.predict_proba(X), expected, atol=1e-12)
    assert set(clf.predict(X)) <= {"no", "yes"}


def test_what_came_in_is_an_estimator_like_any_other():
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=shape) for shape in [(3, 16), (4, 16), (16,), (4, 2), (2,)]]
    clf = from_keras(weights, classes=[1, 2]).set_params(random_state=0)
    assert clf.n_features_in_ == 3
    assert (clf.loss_curve_, clf.n_iter_) == ([], 0)
    again = pickle.loads(pickle.dumps(clf))
    for x in X[0]:
        last = clf.step(x)
    assert_allclose(last, again.predict_proba(X[:1])[0])
    with pytest.raises(ValueError, match="features"):
        clf.predict([np.ones((2, 4))])
    y = np.array([1, 2] * 3)
    before = clf.weights_.copy()
    loss = -np.log(clf.predict_proba(X)[np.arange(6), y - 1]).mean()
    clf.set_params(warm_start=True, max_iter=40).fit(X, y)
    assert -np.log(clf.predict_proba(X)[np.arange(6), y - 1]).mean() < 0.5 * loss
    assert len(clf.loss_curve_) == 40
    assert not np.array_equal(clf.weights_, before)
    assert not hasattr(clone(clf), "weights_")
    reg = from_keras([*weights[:3], weights[3][:, :1], weights[4][:1]])
    assert reg.predict(X).shape == (6,)
    assert reg.set_params(random_state=0).partial_fit(X, np.arange(6.0)).n_iter_ == 1


# ----------------------------------------------------------------------------------------------
# what is refused


def fitted(**options):
    net = Network(2, 1, **options)
    return regressor_of(net, net.init_weights(0))


@pytest.mark.parametrize("function", [to_keras, to_onnx, to_torch])
def test_what_cells_cannot_express_is_named(function):
    if function is not to_keras:
        pytest.importorskip("onnx" if function is to_onnx else "torch")
    name = function.__name__
    with pytest.raises(ValueError, match=f"{name} cannot express peepholes=True with block_size=2"):
        function(fitted(peepholes=True, block_size=2))
    with pytest.raises(ValueError, match=f"{name} cannot express peepholes=True with recurrence='all'"):
        function(fitted(peepholes=True, recurrence="all"))
    with pytest.raises(ValueError, match=f"{name} needs hidden units"):
        function(fitted(n_blocks=0, shortcut=True))
    reduced = make_pipeline(PerTimeStep(PCA(2)), LSTMRegressor(**FIT)).fit(X, np.arange(6.0))
    with pytest.raises(TypeError, match=r"got PerTimeStep\(transformer=PCA.*Export pipeline\[-1\]"):
        function(reduced)
    clipped = make_pipeline(SequenceScaler(MinMaxScaler(clip=True)), LSTMRegressor(**FIT)).fit(
        X, np.arange(6.0)
    )
    with pytest.raises(TypeError, match="without clip"):
        function(clipped)
    with pytest.raises(TypeError, match="SequenceSummary"):
        function(SequenceSummary())


@pytest.mark.parametrize("function", [to_keras, to_torch])
def test_what_tanh_cannot_express_is_named(function):
    if function is to_torch:
        pytest.importorskip("torch")
    with pytest.raises(
        ValueError, match=f"{function.__name__} cannot express peepholes=True: .* or use to_onnx"
    ):
        function(fitted(peepholes=True))
    for g, h in product(SQUASHING, SQUASHING):
        model = fitted(cell_input_activation=g, cell_output_activation=h)
        if (g, h) in TO_TANH:
            function(model)
        else:
            with pytest.raises(ValueError, match=r"cannot express cell_input_activation=.*to_onnx takes all"):
                function(model)


def test_keras_refuses_a_shortcut():
    with pytest.raises(ValueError, match="to_keras cannot express shortcut=True"):
        to_keras(fitted(shortcut=True))


def test_the_default_network_for_long_sequences_is_exported():
    pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    long = [rng.normal(size=(n, 2)) for n in rng.integers(20, 50, 12)]
    clf = LSTMClassifier(n_blocks=4, max_iter=2, random_state=0)
    model = make_pipeline(SequenceScaler(), clf).fit(long, ["a", "b"] * 6)
    net = model[-1].network_
    assert net.patch_size > 1
    assert net.bidirectional
    assert net.pooling == ("last", "mean", "max")
    expected = model.predict_proba(long)
    assert_allclose(torch_outputs(to_torch(model), long, np.nan), expected, atol=1e-9)
    pytest.importorskip("onnx")
    assert_steps_equal(run(to_onnx(model), long)["probabilities"], expected, 1e-5)


def test_keras_refuses_patches():
    model = make_pipeline(SequencePatcher(step=2), LSTMRegressor(**FIT)).fit(X, np.arange(6.0))
    with pytest.raises(ValueError, match=r"to_keras cannot express patches of 2 time steps.*n_patches=None"):
        to_keras(model)
    model = LSTMRegressor(**FIT, n_patches=2).fit(X, np.arange(6.0))
    with pytest.raises(ValueError, match=r"to_keras cannot express patches of 3 time steps.*n_patches=None"):
        to_keras(model)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(3, 20), (5, 20), (20,)], "those of LSTM layers and one Dense layer"),
        ([], "those of LSTM layers and one Dense layer"),
        ([(5, 1), (1,)], "those of LSTM layers and one Dense layer"),
        (
            [(3, 20), (5, 20), (20,), (5, 20), (5, 20), (5, 1), (1,)],
            "those of LSTM layers and one Dense layer",
        ),
        ([(3, 20), (5, 20), (20,), (5, 12), (3, 12), (12,), (3, 1), (1,)], "the same number in all"),
        ([(3, 20), (5, 20), (20,), (10, 1), (1,)], "two such LSTMs for each Bidirectional"),
        ([(3, 15), (5, 15), (15,), (5, 1), (1,)], "must have the shapes"),
        ([(3, 20), (5, 20), (20,), (4, 1), (1,)], "must have the shapes"),
        ([(3, 20), (5, 20), (19,), (5, 1), (1,)], "must have the shapes"),
        ([(3, 20), (5, 20), (20,), (5, 1), (2,)], "must have the shapes"),
    ],
)
def test_weights_that_are_not_those_of_two_layers(shapes, message):
    with pytest.raises(ValueError, match=message):
        from_keras([np.ones(shape) for shape in shapes])


def test_labels_that_do_not_fit():
    weights = [np.ones(shape) for shape in [(3, 20), (5, 20), (20,), (5, 3), (3,)]]
    with pytest.raises(ValueError, match="classes has 2 labels, but there are 3 output units"):
        from_keras(weights, classes=["a", "b"])
    for classes in (["b", "a", "c"], ["a", "a", "b"], ["a"], "abc"):
        with pytest.raises(ValueError, match="classes must be different labels in sorted order"):
            from_keras(weights, classes=classes)
    with pytest.raises(ValueError, match="gives no probabilities"):
        from_keras(weights, classes=["a", "b", "c"], output_activation="identity")
    with pytest.raises(ValueError, match="output_activation must be"):
        from_keras(weights, output_activation="relu")
    with pytest.raises(ValueError, match="finite"):
        from_keras([np.full_like(w, np.nan) for w in weights])
    with pytest.raises(TypeError, match="weights must be a list of arrays"):
        from_keras(np.ones((3, 20)))


@pytest.mark.parametrize(
    ("function", "package"), [(to_onnx, "onnx"), (to_torch, "torch"), (from_torch, "torch")]
)
def test_a_missing_package_is_named(monkeypatch, function, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf'needs the package {package}: pip install "sklstm\[{package}\]"'):
        function(None)


def test_sequences_are_padded_as_the_graph_wants_them():
    values = Sequences.from_lengths(np.concatenate(X), [len(x) for x in X]).to_padded()
    assert_array_equal(values.astype(np.float32), padded(X))
