"""What an editor and a type checker are told, and what a notebook shows."""

import importlib.util
import inspect
import json
import re
import subprocess
import sys
import typing

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor, Network, Sequences, State, _typing
from sklstm._engine.layout import SQUASHING
from sklstm._learning.losses import LOSSES, LOSSES_OF_CLASSES
from sklstm._learning.settings import GRADIENTS, UPDATES
from sklstm._learning.solvers import SOLVERS
from sklstm._network import OUTPUT_ACTIVATIONS, POOLINGS, RECURRENCES

PUBLIC = [getattr(sklstm, name) for name in sklstm.__all__ if name not in ("paper", "tasks")]
ESTIMATORS = [part for part in PUBLIC if hasattr(part, "get_params")]
ARGUMENTS = {"transformer": StandardScaler(), "estimator": LSTMRegressor(), "regressor": LSTMRegressor()}


# ------------------------------------------------------------------------------------------------
# types


@pytest.mark.parametrize(
    ("choices", "table"),
    [
        (_typing.Gradient, GRADIENTS),
        (_typing.LossName, LOSSES),
        (_typing.LossOfClasses, LOSSES_OF_CLASSES),
        (_typing.OutputActivation, OUTPUT_ACTIVATIONS),
        (_typing.Pooling, POOLINGS),
        (_typing.Recurrence, RECURRENCES),
        (_typing.SolverName, SOLVERS),
        (_typing.Squashing, SQUASHING),
        (_typing.Update, UPDATES),
    ],
)
def test_choices_are_those_of_the_tables(choices, table):
    assert set(typing.get_args(choices)) == set(table)


def public_callables():
    """Name and function of the public functions, constructors and methods."""
    for part in PUBLIC:
        if not inspect.isclass(part):
            yield part.__name__, part
            continue
        for name, member in inspect.getmembers(part):
            is_public = name == "__init__" or not name.startswith("_")
            if not is_public or not callable(member):
                continue
            function = inspect.unwrap(getattr(member, "__func__", member))
            if getattr(function, "__module__", "").startswith("sklstm"):
                yield f"{part.__name__}.{name}", function


@pytest.mark.parametrize(("name", "function"), list(public_callables()), ids=lambda part: str(part)[:60])
def test_arguments_and_results_have_types(name, function):
    signature = inspect.signature(function)
    untyped = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.annotation is parameter.empty and parameter.name not in ("self", "cls")
    ]
    assert untyped == []
    if not name.endswith("__init__"):
        assert signature.return_annotation is not signature.empty


@pytest.mark.parametrize("estimator", [LSTMClassifier, LSTMRegressor])
@pytest.mark.filterwarnings("ignore:Learning has not converged")
def test_fitted_attributes_have_types(estimator):
    X = np.random.default_rng(0).normal(size=(6, 4, 2))
    model = estimator(n_blocks=1, max_iter=1, random_state=0).fit(X, [0, 1] * 3)
    names = {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}
    assert {"network_", "weights_", "loss_curve_"} <= names
    typed = set().union(*(vars(cls).get("__annotations__", {}) for cls in estimator.__mro__))
    assert names <= typed


SCRIPT = """
import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklstm import (
    ErrorFlowDisplay, LossCurveDisplay, LSTMClassifier, LSTMRegressor, Network, SequenceImputer,
    SequencePadder, Sequences, SequenceScaler, State, error_flow, occlusion_importance,
    permutation_importance, pipeline_step, step_scorer,
)

rng = np.random.default_rng(0)
X = [rng.normal(size=(n, 2)) for n in (3, 4, 5)]
y = np.array(["a", "b", "a"])
clf = LSTMClassifier(n_blocks=8, solver="sgd", class_weight="balanced", random_state=0).fit(X, y)
clf.set_params(learning_rate=lambda epoch: 0.1 / (1 + epoch)).partial_fit(X, y, classes=["a", "b"])
labels, score = clf.predict(X), clf.score(X, y)
half: float = score / 2
first: int = labels.shape[0]
rates = [loss.hex() for loss in clf.loss_curve_]
net: Network = clf.network_
state = clf.state_
if state is not None:
    cells = state.cells.sum()
clf.state_ = State(np.zeros((1, 8)), np.zeros((1, 8)))
answer = clf.step([0.1, 0.2]).argmax()
steps = [gradient.shape for gradient in clf.input_gradients(X, output="a")]
reg = LSTMRegressor(forget_gate_bias=[1.0, 2.0], n_blocks=2, init_range="auto", clip=None, loss="log_loss")
search = GridSearchCV(make_pipeline(SequenceScaler(), reg), {"lstmregressor__alpha": [0, 1]})
sequences = Sequences.from_lengths(np.concatenate(X), [3, 4, 5])
shape: tuple[int, int] = net.weight_shapes["cell"]
weights = net.init_weights(0, forget_gate_bias=1)
outputs = net.stream(weights, partials=True).step(np.zeros(2)) + 1
importance = permutation_importance(clf, sequences, y, by="windows", scoring=step_scorer("accuracy"))
occlusion_importance(clf, X, by="steps", baseline=0)[0].max()
pipeline_step(search, X[0][0])
error_flow(clf, X, gradient="truncated")
LossCurveDisplay.from_estimator(clf).plot()
ErrorFlowDisplay.from_estimator(clf, X)
"""

MISTAKES = {
    'LSTMClassifier(solver="adamm")': "arg-type",
    'LSTMRegressor(solver="adamm")': "arg-type",
    'LSTMRegressor(gradient="half")': "arg-type",
    'LSTMRegressor(output_activation="relu")': "arg-type",
    "LSTMClassifier(n_block=8)": "call-arg",
    'LSTMClassifier(n_blocks="8")': "arg-type",
    "LSTMClassifier().fit(X)": "call-arg",
    "LSTMClassifier().fit(X, y).predict(X).upper()": "attr-defined",
    "LSTMClassifier().fit(X, y).loss_curve_.min()": "attr-defined",
    'LSTMClassifier().input_gradients(X, response_method="proba")': "arg-type",
    'Network(1, 1, recurrence="everything")': "arg-type",
    'permutation_importance(clf, X, y, by="steps")': "arg-type",
    'occlusion_importance(clf, X, by="windows")': "arg-type",
    'SequencePadder(padding="zeros")': "arg-type",
    'SequenceImputer("bfill")': "arg-type",
}


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="needs mypy: the extra typing")
def test_mypy_reads_a_script_as_users_write_it(tmp_path):
    lines = SCRIPT.splitlines()
    (tmp_path / "script.py").write_text("\n".join([*lines, *MISTAKES, ""]))
    options = ["--ignore-missing-imports", "--check-untyped-defs", "--warn-unreachable", "--no-error-summary"]
    command = [sys.executable, "-m", "mypy", *options, "--cache-dir", str(tmp_path / "cache"), "script.py"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = {}
    for line in result.stdout.splitlines():
        if match := re.match(r"script\.py:(\d+): error: .*\[([\w-]+)\]$", line):
            found[int(match[1])] = match[2]
    expected = {len(lines) + 1 + i: code for i, code in enumerate(MISTAKES.values())}
    assert found == expected, result.stdout + result.stderr


@pytest.mark.skipif(
    importlib.util.find_spec("basedpyright") is None, reason="needs basedpyright: the extra typing"
)
def test_pyright_reads_a_script_as_users_write_it(tmp_path):
    lines = SCRIPT.splitlines()
    (tmp_path / "script.py").write_text("\n".join([*lines, *MISTAKES, ""]))
    # pyright's own rules, as an editor has them, and not the stricter ones of basedpyright
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}')
    command = [
        sys.executable,
        "-m",
        "basedpyright",
        "--outputjson",
        "--pythonpath",
        sys.executable,
        "script.py",
    ]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = [
        entry for entry in json.loads(result.stdout)["generalDiagnostics"] if entry["severity"] == "error"
    ]
    expected = {len(lines) + i for i in range(len(MISTAKES))}
    assert {entry["range"]["start"]["line"] for entry in found} == expected, found


# ------------------------------------------------------------------------------------------------
# what a notebook shows


def constructed(cls):
    """An estimator with the arguments that have no default."""
    needed = inspect.signature(cls).parameters.values()
    return cls(**{p.name: ARGUMENTS[p.name] for p in needed if p.default is p.empty})


@pytest.mark.parametrize("cls", ESTIMATORS, ids=lambda cls: cls.__name__)
def test_every_argument_has_its_entry(cls):
    section = inspect.getdoc(cls).split("Parameters\n----------\n")[1].split("\n\n")[0]
    entries = re.findall(r"^(\w.*?) : ", section, re.MULTILINE)
    assert entries == list(inspect.signature(cls).parameters)


@pytest.mark.parametrize("cls", ESTIMATORS, ids=lambda cls: cls.__name__)
def test_html_describes_every_argument(cls):
    described = '<span class="param-doc-description"'
    if described not in LogisticRegression()._repr_html_():
        pytest.skip("this scikit-learn shows no descriptions")
    html, names = constructed(cls)._repr_html_(), inspect.signature(cls).parameters
    table = html.split('<table class="parameters-table">')[1].split("</table>")[0]
    assert table.count(described) == len(names)
    for name in names:
        assert re.search(rf'href="[^"]*#sklstm\.{cls.__name__}#:~:text={name},', table)


def test_representations_are_short():
    assert repr(Network(8, 4)) == "Network(8, 4)"
    net = Network(8, 4, n_blocks=2, forget_gate=False, cell_input_activation="logistic[-2,2]")
    assert repr(net) == "Network(8, 4, n_blocks=2, forget_gate=False, cell_input_activation='logistic[-2,2]')"
    assert eval(repr(net)) == net
    state = State(np.zeros((3, 10)), np.zeros((3, 4), np.float32))
    assert repr(state) == "<State: 3 sequences, 10 recurrent activations, 4 cells, float32>"
    assert repr(State([1], None)) == "State([1], None)"
    assert len(repr(Sequences(np.zeros((10_000, 2)), np.arange(10_001)))) < 80
