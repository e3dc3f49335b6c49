"""Models that travel: ONNX against onnxruntime, torch against torch, Keras against its equations.

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
    Sequences,
    SequenceScaler,
    SequenceSummary,
    from_keras,
    from_torch,
    to_keras,
    to_onnx,
    to_torch,
)
from topologies import SQUASHING, make_problem, networks, regressor_of, repeatable

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
@given(networks(), st.integers(0, 99))
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


@pytest.mark.parametrize("return_sequences", [False, True])
def test_onnx_takes_and_gives_the_state(return_sequences):
    pytest.importorskip("onnx")
    net = Network(3, 2, n_blocks=5, return_sequences=return_sequences)
    problem = problem_of(net)
    model = regressor_of(net, problem.weights)
    graph = to_onnx(model, stateful=True)
    state = {name: np.zeros((1, 5), np.float32) for name in ("activations", "cells")}
    for x in problem.X[2]:
        outputs = run(graph, [x[np.newaxis]], **state)
        state = {name: outputs[f"next_{name}"] for name in state}
        assert_allclose(outputs["predictions"].ravel(), model.step(x), atol=1e-5)
    _, info = net.forward(problem.weights, problem.X[2:3], full_output=True)
    for name, part in state.items():
        assert_allclose(part, getattr(info["final_state"], name), atol=1e-5)


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


@repeatable
@given(st.data())
def test_torch_gives_the_outputs_of_the_network(data):
    torch = pytest.importorskip("torch")
    g, h = data.draw(st.sampled_from(TO_TANH))
    options = {"cell_input_activation": g, "cell_output_activation": h, "peepholes": False}
    net = data.draw(networks(**options))
    problem = problem_of(net, data.draw(st.integers(0, 99)))
    module = to_torch(regressor_of(net, problem.weights))
    x = torch.nan_to_num(torch.tensor(padded(problem.X)).double(), nan=7.0)
    for i, sequence in enumerate(problem.X):  # padded() rounds
        x[i, : len(sequence)] = torch.tensor(sequence)
    with torch.no_grad():
        found = module(x, torch.tensor(LENGTHS)).numpy()
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
    with pytest.raises(ValueError, match=r"in_features=5, the LSTM hidden_size=4: expected 4, or 7"):
        from_torch(two, torch.nn.Linear(5, 1))
    for option, value in {"num_layers": 2, "bidirectional": True, "proj_size": 2}.items():
        with pytest.raises(
            ValueError, match=f"from_torch takes an LSTM with {option}=.*got {option}={value}"
        ):
            from_torch(torch.nn.LSTM(3, 4, **{option: value}), two["a"])


# ----------------------------------------------------------------------------------------------
# Keras: its documented arrays, columns in the order i, f, c, o


def keras_outputs(weights, sequences, activation, every_step=False):
    """What LSTM and Dense make of their arrays, in loops."""
    kernel, recurrent, bias, output, output_bias = weights
    results = []
    for x in sequences:
        h = c = np.zeros(len(recurrent))
        steps = []
        for row in x:
            i, f, g, o = np.split(row @ kernel + h @ recurrent + bias, 4)
            c = expit(f) * c + expit(i) * np.tanh(g)
            h = expit(o) * np.tanh(c)
            net = h @ output + output_bias
            steps.append({"softmax": softmax, "logistic": expit, "identity": lambda z: z}[activation](net))
        results.append(np.array(steps) if every_step else steps[-1])
    return results if every_step else np.array(results)


@repeatable
@given(st.data())
def test_keras_gives_the_outputs_of_the_network(data):
    g, h = data.draw(st.sampled_from(TO_TANH))
    options = {"cell_input_activation": g, "cell_output_activation": h, "peepholes": False, "shortcut": False}
    net = data.draw(networks(**options))
    problem = problem_of(net, data.draw(st.integers(0, 99)))
    weights = to_keras(regressor_of(net, problem.weights))
    found = keras_outputs(weights, problem.X, net.output_activation, net.return_sequences)
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


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(3, 20), (5, 20), (20,)], "one LSTM and one Dense layer"),
        ([(3, 20), (5, 20), (20,), (3, 20), (5, 20), (20,), (10, 1), (1,)], "one LSTM and one Dense layer"),
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
