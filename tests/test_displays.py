"""Pictures: what is drawn is what the model holds; every axis has a name."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklstm import (
    ActivationsDisplay,
    LossCurveDisplay,
    LSTMClassifier,
    LSTMRegressor,
    StepConfusionDisplay,
    WeightsDisplay,
)

plt = pytest.importorskip("matplotlib.pyplot")
pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged")

RNG = np.random.default_rng(0)
X = [RNG.normal(size=(T, 2)) for T in RNG.integers(3, 9, 30)]
SUMS = np.array([x.sum() for x in X])
LABELS = np.array(["left", "middle", "right"])[np.arange(30) % 3]
RUNNING = [np.where(x.cumsum(axis=0)[:, 0] > 0, "up", "down") for x in X]
SMALL = {"n_blocks": 3, "max_iter": 3, "random_state": 0}
FULL = {"block_size": 2, "n_hidden_units": 1, "peepholes": True, "recurrence": "all", "shortcut": True}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def clf():
    return LSTMClassifier(**SMALL).fit(X, LABELS)


@pytest.fixture(scope="module")
def steps():
    return LSTMClassifier(return_sequences=True, **SMALL).fit(X, RUNNING)


def assert_readable(display):
    """Every panel has a label; the picture is drawn."""
    display.figure_.canvas.draw()
    axes = display.figure_.axes
    assert all(ax.get_ylabel() for ax in axes)
    assert any(ax.get_xlabel() for ax in axes)


# ------------------------------------------------------------------------------------------------
# the learning curve


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize(("estimator", "y"), [(LSTMClassifier, LABELS), (LSTMRegressor, SUMS)])
def test_learning_curve(estimator, y, early_stopping):
    model = estimator(early_stopping=early_stopping, **SMALL).fit(X, y)
    display = LossCurveDisplay.from_estimator(model)
    assert_array_equal(display.ax_.lines[0].get_xydata(), np.transpose([[1, 2, 3], model.loss_curve_]))
    assert display.ax_.get_xlabel() == "epoch"
    if early_stopping:
        assert_array_equal(display.score_ax_.lines[0].get_ydata(), model.validation_scores_)
        assert display.score_ax_.get_ylabel() == ("accuracy" if y is LABELS else "R²")
    else:
        assert display.score_ax_ is None
    assert_readable(display)


def test_a_given_axes(clf):
    figure, ax = plt.subplots()
    display = LossCurveDisplay.from_estimator(clf, ax=ax)
    assert (display.ax_, display.figure_) == (ax, figure)
    assert LossCurveDisplay([0.5, 0.0]).plot().ax_.get_yscale() == "linear"


# ------------------------------------------------------------------------------------------------
# activations


def test_activations_as_lines(clf):
    display = ActivationsDisplay.from_estimator(clf, X[0], feature_names=["east", "north"])
    assert list(display.axes_) == [
        "input",
        "input_gate",
        "forget_gate",
        "cell_state",
        "output_gate",
        "cell",
        "output",
    ]
    trace = clf.activations(X[:1])[0] | {"input": X[0]}
    for part, ax in display.axes_.items():
        lines = [line.get_ydata() for line in ax.lines]
        if part == "output":  # what would be answered if the sequence ended at each step
            so_far = [clf.predict_proba([X[0][:t]])[0] for t in range(1, len(X[0]) + 1)]
            assert_allclose(np.transpose(lines), so_far, rtol=1e-12)
        else:
            assert_array_equal(lines, trace[part].T)
        assert_array_equal(ax.lines[0].get_xdata(), np.arange(len(X[0])))
    legends = {part: ax.get_legend() for part, ax in display.axes_.items()}
    texts = {part: [t.get_text() for t in legend.get_texts()] for part, legend in legends.items() if legend}
    assert texts == {
        "input": ["east", "north"],
        "input_gate": ["block 0", "block 1", "block 2"],
        "output": ["left", "middle", "right"],
    }
    assert_readable(display)


def test_activations_as_images():
    rng = np.random.default_rng(1)
    wide = [np.eye(12)[rng.integers(0, 12, len(x))] for x in X]
    reg = LSTMRegressor(n_blocks=10, **FULL, max_iter=1, random_state=0)
    reg.fit(list(map(sparse.csr_array, wide)), SUMS)
    display = ActivationsDisplay.from_estimator(reg, sparse.csr_array(wide[0]))
    for part in ("input", "input_gate", "cell_state", "cell"):
        image = display.axes_[part].images[0].get_array()
        assert_array_equal(image.T, reg.activations([wide[0]])[0].get(part, wide[0]))
    assert display.axes_["cell_state"].get_ylabel() == "cell"
    assert display.axes_["input_gate"].images[0].get_clim() == (0, 1)
    low, high = display.axes_["cell_state"].images[0].get_clim()
    assert low == -high
    assert len(display.axes_["hidden"].lines) == len(display.axes_["output"].lines) == 1
    assert_readable(display)


def test_chosen_parts(steps):
    figure = plt.figure()
    display = ActivationsDisplay.from_estimator(steps, X[1], parts=["cell_input", "output"], figure=figure)
    assert list(display.axes_) == ["cell_input", "output"]
    assert display.figure_ is figure
    outputs = [line.get_ydata() for line in display.axes_["output"].lines]
    assert_allclose(np.transpose(outputs), steps.predict_proba(X[1:2])[0], rtol=1e-12)
    with pytest.raises(ValueError, match=r"parts has \['hidden'\], which the network does not have"):
        ActivationsDisplay.from_estimator(steps, X[1], parts=["hidden"])


# ------------------------------------------------------------------------------------------------
# weights


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_weights_of_a_small_network(clf):
    display = WeightsDisplay.from_estimator(clf, feature_names=["east", "north"])
    hidden, output = display.matrices_.values()
    coefs = clf.coefs_
    parts = [coefs[name] for name in ("cell", "input_gate", "forget_gate", "output_gate")]
    assert_array_equal(hidden, np.concatenate(parts))
    assert_array_equal(output, coefs["output"])
    axes = display.axes_
    assert ticks(axes["hidden layer"].xaxis) == ["east", "north", "cell 0", "cell 1", "cell 2", "bias"]
    assert ticks(axes["hidden layer"].yaxis)[2:5] == ["cell 2", "input gate 0", "input gate 1"]
    assert ticks(axes["output layer"].yaxis) == ["left", "middle", "right"]
    assert_array_equal(axes["output layer"].images[0].get_array(), output)
    assert_readable(display)


@pytest.mark.parametrize("gate_bias", [False, True])
@pytest.mark.parametrize("cell_bias", [False, True])
def test_weights_of_everything(cell_bias, gate_bias):
    reg = LSTMRegressor(**SMALL, **FULL, cell_bias=cell_bias, gate_bias=gate_bias).fit(X, SUMS)
    display = WeightsDisplay.from_estimator(reg)
    hidden, output = display.matrices_.values()
    assert np.isfinite(hidden).sum() + output.size == reg.n_weights_
    columns = ticks(display.axes_["hidden layer"].xaxis)
    rows = ticks(display.axes_["hidden layer"].yaxis)
    assert hidden.shape == (len(rows), len(columns))

    def at(row, column):
        return hidden[rows.index(row), columns.index(column)]

    coefs = reg.coefs_
    assert at("cell 1.1", "feature 1") == coefs["cell"][3, 1]
    assert at("hidden 0", "input gate 2") == coefs["hidden"][0, 2 + 6 + 2]
    assert at("forget gate 2", "own state 1") == coefs["forget_gate_peephole"][2, 1]
    assert np.isnan(at("cell 0.0", "own state 0"))
    if cell_bias:
        assert at("cell 1.0", "bias") == coefs["cell"][2, -1]
    if gate_bias:
        assert at("output gate 1", "bias") == coefs["output_gate"][1, -1]
    if cell_bias != gate_bias:
        assert np.isnan(at("cell 0.0" if gate_bias else "input gate 0", "bias"))
    outputs = ticks(display.axes_["output layer"].xaxis)
    assert outputs == [*rows[:6], "hidden 0", "feature 0", "feature 1", "bias"]


def test_many_units_have_the_names_of_their_groups():
    reg = LSTMRegressor(n_blocks=50, max_iter=1, peepholes=True, random_state=0).fit(X, SUMS)
    display = WeightsDisplay.from_estimator(reg)
    ax = display.axes_["hidden layer"]
    assert ticks(ax.yaxis) == ["cells", "input gates", "forget gates", "output gates"]
    assert ticks(ax.xaxis) == ["inputs", "cells", "bias, peepholes"]
    assert_readable(display)


def test_weights_without_a_hidden_layer():
    reg = LSTMRegressor(n_blocks=0, shortcut=True, max_iter=1, random_state=0).fit(X, SUMS)
    display = WeightsDisplay.from_estimator(reg)
    assert list(display.axes_) == ["output layer"]
    assert list(ActivationsDisplay.from_estimator(reg, X[0]).axes_) == ["input", "output"]


# ------------------------------------------------------------------------------------------------
# confusion over time


def test_confusion_of_steps(steps):
    display = StepConfusionDisplay.from_estimator(steps, X, RUNNING)
    predicted = steps.predict(X)
    assert display.counts.shape == (max(map(len, X)), 2, 2)
    for t, counts in enumerate(display.counts):
        there = [i for i, x in enumerate(X) if len(x) > t]
        true = [RUNNING[i][t] for i in there]
        expected = confusion_matrix(true, [predicted[i][t] for i in there], labels=steps.classes_)
        assert_array_equal(counts, expected)
    right, wrong = display.axes_[0].patches  # the right class lies at the bottom
    with np.errstate(invalid="ignore"):
        share = 100 * display.counts[:, 0, 0] / display.counts[:, 0].sum(axis=1)
    assert_allclose(right.get_data().values, np.nan_to_num(share))
    assert_array_equal(right.get_data().baseline, 0)
    assert_allclose(wrong.get_data().values[np.isfinite(share)], 100)
    assert_readable(display)


def test_confusion_of_what_would_be_answered(clf):
    display = StepConfusionDisplay.from_estimator(clf, X, LABELS, window=2)
    long_enough = [i for i, x in enumerate(X) if len(x) > 2]
    answers = [clf.predict([X[i][: t + 1]])[0] for t in (2, 3) for i in long_enough if len(X[i]) > t]
    labels = [LABELS[i] for t in (2, 3) for i in long_enough if len(X[i]) > t]
    assert_array_equal(display.counts[1], confusion_matrix(labels, answers, labels=clf.classes_))
    assert_array_equal(display.axes_[0].patches[0].get_data().edges[:3], [-0.5, 1.5, 3.5])  # steps from 0


def test_many_classes():
    labels = [np.arange(11), np.arange(11)[::-1]]
    display = StepConfusionDisplay.from_predictions(labels, labels, window=5)
    colours = {patch.get_facecolor() for patch in display.axes_[0].patches}
    assert len(colours) == 11


# ------------------------------------------------------------------------------------------------
# what is given


def test_pipelines_and_searches(clf):
    twice = FunctionTransformer(lambda X: [2 * x for x in X])
    pipeline = make_pipeline(twice, GridSearchCV(LSTMClassifier(**SMALL), {"n_blocks": [2, 3]}, cv=2))
    pipeline.fit(X, LABELS)
    lstm = pipeline[-1].best_estimator_
    display = ActivationsDisplay.from_estimator(pipeline, X[0])
    assert_array_equal(display.activations["input"], 2 * X[0])
    assert_array_equal(display.activations["cell_state"], lstm.activations([2 * X[0]])[0]["cell_state"])
    assert LossCurveDisplay.from_estimator(pipeline).losses == lstm.loss_curve_
    search = GridSearchCV(make_pipeline(LSTMClassifier(**SMALL)), {"lstmclassifier__alpha": [0, 1]}, cv=2)
    search.fit(X, LABELS)
    display = StepConfusionDisplay.from_estimator(search, X, LABELS)
    assert display.counts.sum() == sum(map(len, X))


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda clf: LossCurveDisplay.from_estimator(LogisticRegression()), "got LogisticRegression"),
        (lambda clf: WeightsDisplay.from_estimator(LSTMRegressor()), "not fitted yet"),
        (lambda clf: WeightsDisplay.from_estimator(clf, feature_names=["x"]), "must hold 2 names.*got 1"),
        (lambda clf: ActivationsDisplay.from_estimator(clf, X[0][:, :1]), "features"),
        (lambda clf: StepConfusionDisplay.from_estimator(clf, X, LABELS[:3]), "each of 30 sequences, got 3"),
        (
            lambda clf: StepConfusionDisplay.from_estimator(clf, X, LABELS, window=0),
            "window must be an integer of at least 1, got 0",
        ),
        (lambda clf: StepConfusionDisplay.from_estimator(clf, X, SUMS.round()), "are not in classes"),
        (lambda clf: StepConfusionDisplay.from_predictions([[1, 2]], [[1]]), "same lengths"),
        (
            lambda clf: StepConfusionDisplay.from_estimator(LSTMRegressor(**SMALL).fit(X, SUMS), X, SUMS),
            "needs a classifier, got LSTMRegressor",
        ),
    ],
)
def test_refused(clf, draw, message):
    with pytest.raises((ValueError, TypeError, NotFittedError), match=message):
        draw(clf)


WITHOUT = """
import sys
sys.modules["matplotlib"] = None
import sklstm
reg = sklstm.LSTMRegressor(n_blocks=1, solver="lbfgs", random_state=0).fit([[1.0, 2.0], [0.0, 1.0]], [0, 1])
try:
    sklstm.LossCurveDisplay.from_estimator(reg)
except ImportError as error:
    print(error)
"""


def test_without_matplotlib():
    result = subprocess.run(
        [sys.executable, "-P", "-c", WITHOUT], capture_output=True, text=True, check=False
    )
    assert "LossCurveDisplay needs matplotlib" in result.stdout, result.stderr
