"""When learning ends, goes on, fails or is interrupted; what weights and random numbers do."""

import json
import pickle
import re
import subprocess
import sys
import warnings
from collections import Counter
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.utils.class_weight import compute_class_weight

from children import interruptible
from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._learning import loop
from sklstm._learning import trainer as trainer_module  # to interrupt it

# Most fits here are short; where convergence matters, the test asks for the warning or its absence.
pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged")

SMALL = {"n_blocks": 3, "max_iter": 5, "random_state": 0}
STILL = {"solver": "sgd", "learning_rate": 2.0**-200, "max_iter": 1}  # leaves the initial weights


def ragged(n, seed=0, n_features=2):
    """Sequences of 2 to 6 steps."""
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, size=(T, n_features)) for T in rng.integers(2, 7, n)]


def sums(X):
    """One number per sequence."""
    return np.array([x.sum() for x in X])


def signs(X):
    """One of three labels per sequence."""
    return np.array(["down", "even", "up"])[[1 + int(np.sign(np.fix(3 * x[0, 0]))) for x in X]]


def running_sums(X):
    """One number per step."""
    return [x.cumsum(axis=0)[:, 0] for x in X]


def running_signs(X):
    """One of two labels per step."""
    return [np.where(y > 0, "up", "down") for y in running_sums(X)]


# Estimators and the targets that they learn.
LEARNERS = {
    "classifier": (LSTMClassifier(**SMALL), signs),
    "regressor": (LSTMRegressor(**SMALL), sums),
    "classifier of steps": (LSTMClassifier(return_sequences=True, **SMALL), running_signs),
    "regressor of steps": (LSTMRegressor(return_sequences=True, **SMALL), running_sums),
}


@pytest.fixture(params=LEARNERS)
def learner(request):
    """An estimator that is not fitted, and the function that makes its targets."""
    estimator, targets = LEARNERS[request.param]
    return clone(estimator), targets


def take(data, index):
    """Elements of a list or rows of an array."""
    return data[index] if isinstance(data, np.ndarray) else [data[i] for i in index]


# ------------------------------------------------------------------------------------------------
# the end


def stops(values, tol, patience):
    """Whether the last `patience` values are not better, by `tol`, than the best before each."""
    best, since = np.inf, 0
    for value in values:
        since = 0 if value < best - tol else since + 1
        best = min(best, value)
    return since >= patience


@pytest.mark.filterwarnings("error")
def test_learning_ends_when_the_loss_no_longer_falls():
    X = ragged(20)
    reg = LSTMRegressor(n_blocks=3, max_iter=1000, tol=0.01, n_iter_no_change=4, random_state=0)
    losses = reg.fit(X, sums(X)).loss_curve_
    assert 6 < reg.n_iter_ == len(losses) < 1000
    assert [stops(losses[:n], 0.01, 4) for n in range(1, len(losses) + 1)].index(True) + 1 == len(losses)


def noisy(n=40):
    """Sequences, and the sign of a number that explains only a part of the labels."""
    X = ragged(n)
    y = np.array([x[0, 0] > 0 for x in X])
    return X, np.where(np.arange(n) % 4 == 0, ~y, y)


@pytest.mark.parametrize("part", [0.2, 0.9])
def test_learning_waits_while_the_loss_is_high(part, monkeypatch):
    monkeypatch.setattr(loop, "WAITS", part)
    X, y = noisy()
    clf = LSTMClassifier(n_blocks=3, tol=1, n_iter_no_change=1, alpha=0, random_state=0).fit(X, y)
    constant = -np.mean(np.log(np.where(y, y.mean(), 1 - y.mean())))
    assert clf.loss_curve_[-1] < part * constant
    assert min(clf.loss_curve_[:-1]) >= part * constant  # the tolerance alone would have ended it at once
    assert 2 < clf.n_iter_ < 200


def test_what_is_waited_for_is_the_loss_above_the_least(monkeypatch):
    """Smoothed labels leave a loss that no model goes below, weights decay adds one."""
    monkeypatch.setattr(loop, "WAITS", 0.3)
    X = ragged(40)
    y = np.array([x[0, 0] > 0 for x in X])
    options = {"n_blocks": 3, "tol": 1, "n_iter_no_change": 1, "max_iter": 400, "random_state": 0}
    clf = LSTMClassifier(label_smoothing=0.3, alpha=0, **options).fit(X, y)
    least, targets = np.log(1 / 0.85) * 0.85 + np.log(1 / 0.15) * 0.15, np.where(y, 0.85, 0.15)
    constant = targets.mean() * np.log(1 / targets.mean()) + (1 - targets.mean()) * np.log(
        1 / (1 - targets.mean())
    )
    part = (np.array(clf.loss_curve_) - least) / (constant - least)
    assert part[-1] < 0.3 <= part[:-1].min()
    assert clf.loss_curve_[-1] > 0.3 * constant
    decayed = LSTMClassifier(alpha=0.01, **options).fit(X, y)
    assert decayed.n_iter_ < 400
    assert decayed.loss_curve_[-1] > 0.3 * np.log(2)


@pytest.mark.parametrize("jump", [1.0, np.inf])
def test_learning_does_not_end_in_an_epoch_in_which_the_loss_has_jumped(jump, monkeypatch):
    monkeypatch.setattr(loop, "WAITS", np.inf)
    monkeypatch.setattr(loop, "JUMP", jump)
    X, y = noisy()
    options = {"tol": 1, "n_iter_no_change": 12, "learning_rate": 0.3, "batch_size": 5, "random_state": 0}
    curve = LSTMClassifier(n_blocks=3, alpha=0, **options).fit(X, y).loss_curve_
    ends = [n for n in range(13, len(curve) + 1) if curve[n - 1] <= jump * min(curve[:n])]
    assert ends == [len(curve)]
    assert (len(curve) > 13) == (jump == 1)


PLATEAU = {"n_blocks": 3, "tol": 0.05, "n_iter_no_change": 4, "random_state": 0}  # ends soon


@pytest.mark.filterwarnings("ignore:Learning stopped after")
@pytest.mark.parametrize(
    ("kind", "targets", "options"),
    [
        (LSTMClassifier, signs, {}),
        (LSTMRegressor, sums, {}),
        (LSTMRegressor, running_sums, {"return_sequences": True}),
        (LSTMRegressor, sums, {"solver": "sgd", "learning_rate": 0.1, "average": True}),
    ],
    ids=["classes", "numbers", "steps", "sgd"],
)
def test_weights_of_the_epochs_are_averaged(kind, targets, options):
    X = ragged(40)
    y = targets(X)
    found = kind(max_iter=500, **PLATEAU | options).fit(X, y)
    assert 5 <= found.n_iter_ < 500
    epochs = range(1, found.n_iter_ + 1)
    plain = [kind(max_iter=n, **PLATEAU | options | {"average": False}).fit(X, y).weights_ for n in epochs]
    factors = 0.75 ** np.arange(found.n_iter_)[::-1]
    assert_allclose(found.weights_, factors @ plain / factors.sum(), rtol=1e-12, atol=1e-14)
    assert np.abs(found.weights_ - plain[-1]).max() > 1e-4


@pytest.mark.filterwarnings("ignore:Learning stopped after")
@pytest.mark.parametrize("options", [{"max_iter": 5, "tol": 0}, {"early_stopping": True}])
def test_weights_are_not_averaged_if_another_rule_ends_learning(options):
    X = ragged(40)
    for kind, y in ((LSTMClassifier, signs(X)), (LSTMRegressor, sums(X))):
        found = [kind(**PLATEAU | {"average": average} | options).fit(X, y) for average in (True, False)]
        assert_array_equal(found[0].weights_, found[1].weights_)


@pytest.mark.filterwarnings("ignore:Learning stopped after")
def test_weights_are_averaged_with_adam_and_mini_batches():
    X = ragged(40)
    for options, average in (
        ({}, True),
        ({"solver": "sgd"}, False),
        ({"solver": "rprop"}, False),
        ({"update": "sequence"}, False),
        ({"update": "step", "gradient": "truncated"}, False),
    ):
        options = PLATEAU | {"max_iter": 500, "tol": 1e9} | options
        fits = [LSTMRegressor(average=each, **options).fit(X, sums(X)) for each in ("auto", average)]
        assert_array_equal(fits[0].weights_, fits[1].weights_)
        other = LSTMRegressor(average=not average, **options).fit(X, sums(X))
        assert np.abs(other.weights_ - fits[0].weights_).max() > 0


@pytest.mark.filterwarnings("ignore:Learning stopped after")
def test_a_mean_without_finite_outputs_is_left_out(monkeypatch):
    X = ragged(40)
    plain = LSTMRegressor(max_iter=500, average=False, **PLATEAU).fit(X, sums(X))
    gives_finite_outputs = trainer_module.Trainer.gives_finite_outputs

    def only_own(trainer, weights):
        return np.array_equal(weights, trainer.weights) and gives_finite_outputs(trainer, weights)

    monkeypatch.setattr(trainer_module.Trainer, "gives_finite_outputs", only_own)
    found = LSTMRegressor(max_iter=500, **PLATEAU).fit(X, sums(X))
    assert_array_equal(found.weights_, plain.weights_)


@pytest.mark.filterwarnings("ignore:Learning stopped after")
@pytest.mark.parametrize(
    ("n", "alpha"), [(3, 0.001), (100, 0.001), (200, 0.0005), (1000, 0.0001), (1500, 0.0001)]
)
def test_the_penalty_of_a_regressor_depends_on_the_number_of_sequences(n, alpha):
    X = ragged(n)
    options = {"n_blocks": 1, "max_iter": 1, "random_state": 0}
    found = [LSTMRegressor(alpha=which, **options).fit(X, sums(X)).weights_ for which in ("auto", alpha)]
    assert_array_equal(*found)
    again = LSTMRegressor(**options).partial_fit(X, sums(X))
    assert again.loss_curve_ == LSTMRegressor(**options).fit(X, sums(X)).loss_curve_
    y = np.arange(n) % 2
    found = [LSTMClassifier(alpha=which, **options).fit(X, y).weights_ for which in ("auto", 0.0001)]
    assert_array_equal(*found)


def test_early_stopping_does_not_wait():
    X, y = noisy()
    options = {"learning_rate": 1e-9, "n_iter_no_change": 3, "random_state": 0}
    with pytest.warns(ConvergenceWarning, match="larger n_iter_no_change"):
        stopped = LSTMClassifier(n_blocks=3, early_stopping=True, **options).fit(X, y)
    assert stopped.n_iter_ == 4
    with pytest.warns(ConvergenceWarning, match="larger max_iter"):
        waited = LSTMClassifier(n_blocks=3, max_iter=30, **options).fit(X, y)
    assert waited.n_iter_ == 30
    with pytest.warns(ConvergenceWarning, match="larger n_iter_no_change"):
        assert LSTMRegressor(n_blocks=3, max_iter=30, **options).fit(X, y).n_iter_ == 4


@pytest.mark.parametrize("solver", ["adam", "sgd", "rprop", "lbfgs"])
def test_a_warning_if_max_iter_ends_it(solver):
    X = ragged(20)
    reg = LSTMRegressor(n_blocks=3, solver=solver, max_iter=4, tol=0, random_state=0)
    with pytest.warns(ConvergenceWarning, match="not converged after max_iter=4 epochs"):
        reg.fit(X, sums(X))
    assert reg.n_iter_ == len(reg.loss_curve_) == 4
    assert reg.validation_scores_ == []


@pytest.mark.parametrize("later", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize(
    ("update", "rate"), [("batch", 1e25), ("sequence", 1e6), ("step", 1e6)], ids=lambda v: str(v)
)
def test_divergence_keeps_the_last_finite_weights(update, rate, later):
    X = ragged(20)
    y = sums(X)
    rate = rate if later else 1e300
    reg = LSTMRegressor(
        n_blocks=3,
        solver="sgd",
        learning_rate=rate,
        gradient="truncated",
        update=update,
        max_iter=100,
        random_state=0,
    )
    with pytest.warns(ConvergenceWarning) as caught:
        reg.fit(X, y)
    (warning,) = caught
    assert f"Scale inputs and targets, or try a learning_rate smaller than {rate}, or clip." in str(
        warning.message
    )
    assert f"in epoch {reg.n_iter_ + 1}:" in str(warning.message)
    assert warning.filename == __file__
    assert np.isfinite(reg.weights_).all()
    assert reg.predict(X).shape == (20,)
    assert len(reg.loss_curve_) == reg.n_iter_
    assert np.isfinite(reg.loss_curve_).all()
    other = clone(reg)
    if reg.n_iter_:
        other.set_params(max_iter=reg.n_iter_)
    else:
        other.set_params(**STILL)
    assert_array_equal(other.fit(X, y).weights_, reg.weights_)
    assert bool(reg.n_iter_) == later


def test_learning_goes_on_after_divergence():
    X = ragged(20)
    options = {"solver": "sgd", "update": "sequence", "momentum": 0.9, "shuffle": False}
    reg = LSTMRegressor(warm_start=True, **SMALL, **options)
    with pytest.warns(ConvergenceWarning, match="diverged"):
        reg.set_params(learning_rate=1e300).fit(X, sums(X))
    assert reg.n_iter_ == 0
    reg.set_params(learning_rate=0.01).fit(X, sums(X))
    assert_array_equal(reg.weights_, clone(reg).fit(X, sums(X)).weights_)
    assert reg.loss_curve_[-1] < reg.loss_curve_[0]


@pytest.mark.parametrize(
    ("dtype", "size"), [("f4", 1e25), ("f4", 1e30), ("f4", 1e300), ("f8", 1e160), ("f8", 1e300)]
)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_targets_that_overflow_diverge(dtype, size, early_stopping):
    """Adam's second moments are infinite then, and each of its steps is zero."""
    X = [x.astype(dtype) for x in ragged(20)]
    reg = LSTMRegressor(early_stopping=early_stopping, **SMALL)
    with pytest.warns(ConvergenceWarning) as caught:
        reg.fit(X, size * sums(X).astype(float))
    (warning,) = caught
    assert "learning diverged" in str(warning.message)
    assert "Scale inputs and targets, or try a learning_rate smaller than 0.01" in str(warning.message)
    assert reg.n_iter_ == 0
    assert np.isfinite(reg.predict(X)).all()


@pytest.mark.parametrize("update", ["batch", "sequence", "step"])
@pytest.mark.parametrize("form", ["dense", "sparse"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_gradient_whose_norm_overflows_diverges(solver, form, update):
    """To clip it to a norm of 1 would leave nothing of it: no step at all."""
    make = sparse.csr_array if form == "sparse" else np.asarray
    X = [make(1e200 * x) for x in ragged(20)]
    options = {"solver": solver, "clip": 1.0, "update": update, "gradient": "truncated"}
    clf = LSTMClassifier(shortcut=True, **options, **SMALL)
    with pytest.warns(ConvergenceWarning, match=r"in epoch 1: learning diverged.*before learning are kept"):
        clf.fit(X, np.arange(20) % 2)
    assert clf.n_iter_ == 0


IDENTITY = {"cell_input_activation": "identity", "cell_output_activation": "identity"}


@pytest.mark.parametrize("form", ["dense", "sparse"])
@pytest.mark.parametrize("update", ["batch", "sequence", "step"])
def test_weights_are_kept_only_if_their_outputs_are_finite(update, form):
    """The last rate leaves weights of 1e140, whose squares are finite, and not their outputs."""
    make = sparse.csr_array if form == "sparse" else np.asarray
    X = [make(x) for x in ragged(20)]
    options = {"solver": "sgd", "gradient": "truncated", "update": update, "random_state": 0} | IDENTITY
    clf = LSTMClassifier(n_blocks=3, shuffle=False, max_iter=4, tol=0, **options)
    clf.set_params(learning_rate=lambda epoch: 0.01 if epoch < 3 else 1e140)
    if update == "batch":
        clf.set_params(batch_size=20)
    y = np.arange(20) % 2
    with pytest.warns(ConvergenceWarning) as caught:
        clf.fit(X, y)
    (warning,) = caught
    assert "in epoch 4: learning diverged. The weights of the epoch before are kept" in str(warning.message)
    assert "smaller than 1e+140" in str(warning.message)
    assert np.isfinite(clf.predict_proba(X)).all()
    assert clf.n_iter_ == len(clf.loss_curve_) == 3
    with pytest.warns(ConvergenceWarning, match="not converged after max_iter=3"):
        expected = clone(clf).set_params(max_iter=3).fit(X, y)
    assert_array_equal(clf.weights_, expected.weights_)


def test_the_weights_before_learning_if_no_later_ones_give_finite_outputs():
    X = ragged(20)
    rates = [1e60, 1e140, 1e140]
    clf = LSTMClassifier(solver="sgd", learning_rate=lambda n: rates[n], tol=0, **SMALL | IDENTITY)
    clf.set_params(max_iter=3, batch_size=20, alpha=0, init_range=0.5)
    with pytest.warns(ConvergenceWarning, match="The weights before learning are kept"):
        clf.fit([1e100 * x for x in X], np.arange(20) % 2)
    assert clf.n_iter_ == 0
    assert_array_equal(clf.weights_, clone(clf).set_params(**STILL).fit(X, np.arange(20) % 2).weights_)


@pytest.mark.parametrize("solver", ["adam", "sgd", "rprop", "lbfgs"])
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_inputs_for_which_no_output_is_finite_are_refused(solver, form):
    make = sparse.csr_array if form == "sparse" else np.asarray
    X, y = ragged(20), np.arange(20) % 2
    too_large = [make(1.7e308 * np.sign(x)) for x in X]
    reg = LSTMRegressor(n_blocks=3, solver=solver, random_state=0, init_range=5, **IDENTITY)
    with pytest.raises(ValueError, match=r"X, or the weights.*too large.*not finite\. Scale"):
        reg.fit(too_large, y)
    assert not hasattr(reg, "weights_")
    weight = np.repeat([1, 0], 20)  # what has none has no say
    reg.set_params(max_iter=2, tol=0, update="batch" if solver in ("rprop", "lbfgs") else "sequence")
    with pytest.warns(ConvergenceWarning, match="not converged"):
        reg.fit([make(x) for x in X] + too_large, [*y, *y], sample_weight=weight)


def test_lbfgs_that_ends_before_its_first_epoch():
    """All units are saturated, so the gradient is zero: it ends, and tells of a model that knows nothing."""
    X = 1e150 * np.random.default_rng(0).normal(size=(30, 4, 2))
    clf = LSTMClassifier(solver="lbfgs", loss="squared_error", shortcut=True, **SMALL)
    with pytest.warns(ConvergenceWarning, match="after 0 epochs, but the model explains little"):
        clf.fit(X, np.arange(30) % 3)
    assert clf.n_iter_ == len(clf.loss_curve_) == 0
    assert np.isfinite(clf.predict_proba(X)).all()


def test_lbfgs_that_finds_no_lower_loss_has_not_converged():
    X = ragged(20)
    reg = LSTMRegressor(solver="lbfgs", **SMALL)
    with pytest.warns(ConvergenceWarning, match="L-BFGS found no lower loss.*Scale inputs and targets"):
        reg.fit(X, 1e140 * sums(X))


# What the next test draws: anything that a float can hold, and often what just overflows when it is squared.
LARGEST = {"f4": 38, "f8": 307}
ORDERS = 0, 0, 1 / 4, 1 / 2, 0.95


def extreme(rng, dtype, solver, update):
    """Options, sequences and targets of any size."""

    def pick(*choices):
        return choices[rng.integers(len(choices))]

    def size():
        order = pick(*ORDERS, rng.uniform(-1, 1))
        return 10.0 ** (order * LARGEST[dtype])

    every_step = pick(False, True)
    options = {
        "n_blocks": 2,
        "block_size": pick(1, 2),
        "n_hidden_units": pick(0, 1),
        "recurrence": pick("all", "cells", "none"),
        "shortcut": pick(False, True),
        "forget_gate": pick(False, True),
        "peepholes": pick(False, True),
        "cell_input_activation": pick("tanh", "identity", "logistic[-2,2]"),
        "cell_output_activation": pick("tanh", "identity"),
        "return_sequences": every_step,
        "loss": pick("squared_error", "log_loss"),
        "gradient": "truncated" if update == "step" else pick("full", "truncated"),
        "learning_rate": pick(0.01, 1.0, 1e6),
        "alpha": pick("auto", 0, 1),
        "init_range": pick("auto", 10.0, 1e30),
        "batch_size": pick(5, "auto") if update == "batch" and solver != "lbfgs" else "auto",
        "momentum": pick(0, 0.9) if solver == "sgd" else 0,
        "clip": pick("auto", None, 1.0) if solver in ("sgd", "adam") else "auto",
        "early_stopping": solver != "lbfgs" and not every_step and pick(False, False, True),
        "n_jobs": pick(None, 2),
    }
    X = [(size() * x).astype(dtype) for x in ragged(pick(16, 80), seed=rng)]
    X[0] *= pick(0, 1)
    if pick(False, True):
        X = [sparse.csr_array(x) for x in X]
    kind = pick(LSTMClassifier, LSTMRegressor)
    y = [rng.integers(0, 2, x.shape[0] if every_step else 1) for x in X]
    if kind is LSTMRegressor and options["loss"] == "squared_error":
        scale = size()
        y = [scale * target for target in y]
    if kind is LSTMClassifier:
        y[1][:], y[2][:], y[3][:], y[4][:] = 0, 1, 0, 1
    options |= {"solver": solver, "update": update, "max_iter": 4, "random_state": pick(0, 1)}
    least = int(options["early_stopping"])  # each side needs some that are not 0
    weight = rng.choice([least, 1, pick(1, 1e300)], len(X))
    weight[1:5] = 1
    return kind(**options), X, y if every_step else np.concatenate(y), weight


def finite_outputs(network, weights, X, sample_weight):
    outputs = network.forward(weights, [X[i] for i in np.flatnonzero(sample_weight)])
    return np.isfinite(np.concatenate(list(outputs))).all()


def at_first(estimator, X, y):
    """The estimator with its initial weights, which a learning rate of 0 does not change."""
    options = {"solver": "sgd", "clip": "auto", "learning_rate": lambda epoch: 0.0, "max_iter": 1}
    with warnings.catch_warnings(action="ignore"):
        return clone(estimator).set_params(**options).fit([0 * x for x in X], y)


def starts_finite(estimator, X, y, weight):
    """Whether the initial weights give finite outputs."""
    try:
        first = at_first(estimator, X, y)
    except ValueError as error:
        if "too large: the outputs are not finite" not in str(error):
            raise
        return False  # not even where all inputs are zero
    return finite_outputs(first.network_, first.weights_, X, weight)


@pytest.mark.parametrize("dtype", LARGEST)
@pytest.mark.parametrize(
    ("solver", "update"),
    [(s, u) for s in ("sgd", "adam") for u in ("batch", "sequence", "step")]
    + [("rprop", "batch"), ("lbfgs", "batch")],
)
def test_numbers_of_any_size_are_learned_from_or_diverge(solver, update, dtype, monkeypatch):
    monkeypatch.setattr(trainer_module, "SHARE", 1)  # threads are worth it
    outcomes = Counter()
    for seed in range(50):
        estimator, X, y, weight = extreme(np.random.default_rng(seed), dtype, solver, update)
        refused = None
        with warnings.catch_warnings(record=True, action="always") as caught:
            try:
                estimator.fit(X, y, sample_weight=weight)
            except ValueError as error:
                refused = str(error)
        caught = [warning for warning in caught if "X has channels that" not in str(warning.message)]
        if refused is not None:
            assert "too large: the outputs are not finite" in refused, seed
            assert not starts_finite(estimator, X, y, weight), seed
            outcomes["refused"] += 1
            continue
        assert len(caught) <= 1, seed
        assert all(warning.category is ConvergenceWarning for warning in caught), seed
        diverged = "diverged" in str(caught[0].message) if caught else False
        outcomes["diverged" if diverged else "learned"] += 1
        assert np.isfinite(estimator.weights_).all(), seed
        assert np.isfinite(estimator.loss_curve_).all(), seed
        assert finite_outputs(estimator.network_, estimator.weights_, X, weight), seed
        kept = estimator._solver_state
        assert kept is None if diverged else np.isfinite(list(kept.arrays.values())).all(), seed
    assert outcomes["diverged"] > 2
    assert outcomes["learned"] > 1


# Runs fits that would take long, and interrupts each. Prints one line of JSON a fit.
INTERRUPTED = """
import json, os, signal, sys, threading, time, warnings
import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklstm import LSTMRegressor, Sequences
from sklstm._learning.trainer import Trainer

sent = None

def interrupt():
    global sent
    sent = time.perf_counter()
    os.kill(os.getpid(), signal.SIGINT)

def fit_and_interrupt(reg, X, y, method, n_calls):
    "Interrupt soon after the n-th call of a method of the trainer has begun."
    original, calls = getattr(Trainer, method), []

    def counted(self, *arguments):
        calls.append(method)
        if len(calls) == n_calls:
            threading.Timer(0.03, interrupt).start()
        return original(self, *arguments)

    setattr(Trainer, method, counted)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reg.fit(X, y)
    seconds = time.perf_counter() - sent
    setattr(Trainer, method, original)
    return seconds, [str(warning.message) for warning in caught]

def sequences(n, n_steps):
    values = np.random.default_rng(0).normal(size=(n * n_steps, 1)).astype(np.float32)
    return Sequences(values, np.arange(n + 1) * n_steps)

many, short, long = sequences(400, 50), sequences(40000, 50), sequences(1, 4_000_000)
online = dict(solver="sgd", learning_rate=1e-3, gradient="truncated")
for name, options, X, method, n_calls in [
    ("batch", {}, many, "epoch", 3),
    ("threads", dict(n_jobs=2, batch_size=200), many, "epoch", 3),
    ("early_stopping", dict(early_stopping=True), many, "epoch", 3),
    ("lbfgs", dict(solver="lbfgs"), many, "_sum", 6),
    ("sequence", dict(online, n_blocks=64, update="sequence"), short, "epoch", 1),
    ("step", dict(online, n_blocks=64, update="step"), long, "epoch", 1),
]:
    endless = dict(max_iter=10**6, tol=0, n_iter_no_change=10**6)
    reg = LSTMRegressor(**dict(n_blocks=16, random_state=0) | endless | options)
    y = np.linspace(0, 1, len(X))
    seconds, messages = fit_and_interrupt(reg, X, y, method, n_calls)
    again = clone(reg)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if reg.n_iter_:
            again.set_params(max_iter=reg.n_iter_).fit(X, y)
        else:
            again.set_params(learning_rate=2.0**-200, max_iter=1).fit([X[0][:1]], [0])
    print(json.dumps(dict(
        name=name,
        seconds=seconds,
        messages=messages,
        n_iter=reg.n_iter_,
        n_losses=len(reg.loss_curve_),
        same=bool(np.array_equal(again.weights_, reg.weights_)),
        predictions=reg.predict([X[0][:9]]).tolist(),
    )), flush=True)
"""


@pytest.fixture(scope="module")
def interrupted():
    """What became of the fits that were interrupted, by name."""
    run = subprocess.run(
        interruptible([sys.executable, "-P", "-W", "error", "-c", INTERRUPTED]),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    return {result.pop("name"): result for result in map(json.loads, run.stdout.splitlines())}


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself Ctrl-C")
@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("batch", 2),
        ("threads", 2),
        ("early_stopping", 2),
        ("lbfgs", 1),
        ("sequence", 0),
        ("step", 0),
    ],
)
def test_ctrl_c_leaves_the_model_of_the_last_finished_epoch(interrupted, name, least):
    result = interrupted[name]
    assert result["seconds"] < 10  # on a machine that is busy with other things, too
    assert result["messages"] == [f"Learning was interrupted; the model is that of epoch {result['n_iter']}."]
    assert result["n_losses"] == result["n_iter"] >= least
    assert (result["n_iter"] == 0) == (least == 0)  # the others were inside their first epoch
    assert result["same"]
    assert np.isfinite(result["predictions"]).all()


def interrupt_epoch(monkeypatch, n, when):
    """Let Ctrl-C come in the n-th epoch: in the middle of it, or when it has just ended."""
    Trainer, epochs = trainer_module.Trainer, []
    epoch, train, train_steps = Trainer.epoch, Trainer._train, Trainer._train_steps

    def interrupted_epoch(trainer, rng):
        epochs.append(n)
        loss = epoch(trainer, rng)
        if len(epochs) == n and when == "at the end":
            raise KeyboardInterrupt
        return loss

    def interrupted_train(trainer, order, batch, at_once):
        if len(epochs) == n and when == "in the middle":
            train(trainer, order, batch[:3], at_once)
            raise KeyboardInterrupt
        return train(trainer, order, batch, at_once)

    def interrupted_steps(trainer, order, goes_on):
        if len(epochs) == n and when == "in the middle":
            train_steps(trainer, order[:2], goes_on)
            raise KeyboardInterrupt
        return train_steps(trainer, order, goes_on)

    monkeypatch.setattr(Trainer, "epoch", interrupted_epoch)
    monkeypatch.setattr(Trainer, "_train", interrupted_train)
    monkeypatch.setattr(Trainer, "_train_steps", interrupted_steps)


@pytest.mark.parametrize("when", ["in the middle", "at the end"])
@pytest.mark.parametrize(
    "options",
    [
        {"solver": "adam"},
        {"solver": "sgd", "momentum": 0.9},
        {"solver": "sgd", "momentum": 0.9, "update": "step", "gradient": "truncated"},
    ],
    ids=str,
)
def test_after_ctrl_c_a_warm_start_goes_on_as_if_it_had_never_come(monkeypatch, options, when):
    X = ragged(20)
    options = options | ({} if "update" in options else {"batch_size": 4})
    reg = LSTMRegressor(shuffle=False, warm_start=True, tol=0, **SMALL, **options)
    whole = clone(reg).fit(X, sums(X))
    with monkeypatch.context() as patch:
        interrupt_epoch(patch, 3, when)
        with pytest.warns(UserWarning, match="interrupted; the model is that of epoch"):
            reg.fit(X, sums(X))
    assert reg.n_iter_ in (2, 3)
    so_far = clone(reg).set_params(max_iter=reg.n_iter_).fit(X, sums(X))
    assert_array_equal(reg.weights_, so_far.weights_)
    assert reg.loss_curve_ == so_far.loss_curve_
    reg.set_params(max_iter=5 - reg.n_iter_).fit(X, sums(X))
    assert_array_equal(reg.weights_, whole.weights_)


# ------------------------------------------------------------------------------------------------
# early stopping


@pytest.fixture
def splits(monkeypatch):
    """What early stopping has split: dicts of "train", "held" (indices) and "stratify"."""
    seen = []

    def spy(indices, **options):
        train, held = train_test_split(indices, **options)
        seen.append({"train": train, "held": held, "stratify": options["stratify"]})
        return train, held

    monkeypatch.setattr("sklstm._estimators.validation.train_test_split", spy)
    return seen


@pytest.mark.filterwarnings("ignore:.*explains little")
def test_early_stopping_gives_back_the_best_weights(learner, splits):
    estimator, targets = learner
    X = ragged(60)
    y = targets(X)
    estimator.set_params(
        early_stopping=True, validation_fraction=0.3, max_iter=500, tol=0.01, n_iter_no_change=5
    )
    estimator.set_params(learning_rate=0.05).fit(X, y)
    (split,) = splits
    assert_array_equal(np.sort(np.append(split["train"], split["held"])), np.arange(60))
    assert len(split["held"]) == 18
    scores = estimator.validation_scores_
    assert estimator.n_iter_ == len(scores) == len(estimator.loss_curve_) < 500
    ended = [stops(-np.array(scores[:n]), 0.01, 5) for n in range(1, len(scores) + 1)]
    assert ended.index(True) + 1 == len(scores)
    assert np.argmax(scores) < len(scores) - 1  # the last weights are not the best
    held = split["held"]
    assert_allclose(estimator.score(take(X, held), take(y, held)), max(scores), rtol=1e-12)


def test_early_stopping_keeps_the_proportions_of_the_classes(splits):
    X = ragged(60)
    y = np.repeat(["a", "b", "c"], [40, 10, 10])
    LSTMClassifier(early_stopping=True, validation_fraction=0.3, **SMALL).fit(X, y)
    assert_array_equal(np.unique(y[splits[0]["held"]], return_counts=True)[1], [12, 3, 3])


def test_early_stopping_does_not_learn_from_what_it_holds_out(learner, splits):
    estimator, targets = learner
    X = ragged(30)
    y = targets(X)
    estimator.set_params(early_stopping=True, max_iter=1)
    weights = estimator.fit(X, y).weights_
    other = [-x for x in X]
    for i in range(30):
        changed = [other[k] if k == i else X[k] for k in range(30)]
        same = np.array_equal(estimator.fit(changed, y).weights_, weights)
        assert same == (i in splits[0]["held"])


@pytest.mark.parametrize("n", [1, 2, 10])
def test_too_few_sequences_to_hold_out(n):
    """One sequence held out has no coefficient of determination."""
    X = ragged(n)
    reg = LSTMRegressor(early_stopping=True, **SMALL)
    with pytest.raises(ValueError, match=rf"early_stopping=True .* of {n} sequences"):
        reg.fit(X, sums(X))


@pytest.mark.parametrize("labels", [["a", "a", "a", "b"], ["a", "b", "c", "c"] * 2])
def test_too_few_labels_to_hold_out(labels):
    clf = LSTMClassifier(early_stopping=True, **SMALL)
    with pytest.raises(ValueError, match=rf"early_stopping=True .* of {len(labels)} sequences"):
        clf.fit(ragged(len(labels)), labels)


def test_what_has_no_weight_is_not_held_out(splits):
    X = ragged(30)
    reg = LSTMRegressor(early_stopping=True, **SMALL).fit(X, sums(X))
    sample_weight = np.ones(30)
    sample_weight[splits[0]["held"]] = 0
    reg.fit(X, sums(X), sample_weight=sample_weight)
    assert len(splits[1]["held"]) == 3
    assert not set(splits[1]["held"]) & set(splits[0]["held"])
    with pytest.raises(ValueError, match=r"early_stopping=True .*sample_weight"):
        reg.fit(X, sums(X), sample_weight=1 - sample_weight)


def test_partial_fit_holds_nothing_out(learner, splits):
    estimator, targets = learner
    X = ragged(6)
    y = targets(X)
    classes = [np.unique(np.concatenate(y) if isinstance(y, list) else y)]
    classes = classes if isinstance(estimator, LSTMClassifier) else []
    weights = clone(estimator).partial_fit(X, y, *classes).weights_
    estimator.set_params(early_stopping=True).partial_fit(X, y, *classes)
    assert_array_equal(estimator.weights_, weights)
    assert splits == estimator.validation_scores_ == []


# ------------------------------------------------------------------------------------------------
# going on


@pytest.mark.parametrize(
    "options",
    [
        {"solver": "adam"},
        {"solver": "adam", "batch_size": 7},
        {"solver": "sgd", "momentum": 0.9, "update": "sequence"},
        {"solver": "sgd", "update": "step", "gradient": "truncated", "momentum": 0.5},
        {"solver": "rprop"},
    ],
    ids=str,
)
def test_a_warm_start_goes_on_as_if_it_had_never_ended(learner, options):
    estimator, targets = learner
    X = ragged(20)
    y = targets(X)
    estimator.set_params(shuffle=False, tol=0, n_iter_no_change=100, **options)
    whole = clone(estimator).set_params(max_iter=7).fit(X, y)
    parts = clone(estimator).set_params(max_iter=3, warm_start=True).fit(X, y)
    parts.set_params(max_iter=4).fit(X, y)
    assert parts.n_iter_ == 7
    assert parts.loss_curve_ == whole.loss_curve_
    assert_array_equal(parts.weights_, whole.weights_)
    steps = clone(estimator)
    classes = [whole.classes_] if isinstance(estimator, LSTMClassifier) else []
    for _ in range(7):
        steps.partial_fit(X, y, *classes)
    assert steps.n_iter_ == 7
    assert steps.loss_curve_ == whole.loss_curve_
    assert_array_equal(steps.weights_, whole.weights_)


def test_a_warm_start_of_lbfgs_goes_on_from_its_weights():
    X = ragged(20)
    reg = LSTMRegressor(solver="lbfgs", warm_start=True, **SMALL)
    first = list(reg.fit(X, sums(X)).loss_curve_)
    reg.fit(X, sums(X))
    assert reg.n_iter_ == 10
    assert reg.loss_curve_[:5] == first
    assert np.all(np.diff(reg.loss_curve_) <= 0)


def test_without_a_warm_start_fit_begins_anew(learner):
    estimator, targets = learner
    X = ragged(20)
    y = targets(X)
    first = estimator.fit(X, y).weights_
    curve = estimator.loss_curve_
    estimator.fit(X[:10], y[:10])
    assert_array_equal(estimator.fit(X, y).weights_, first)
    assert estimator.loss_curve_ == curve
    assert estimator.n_iter_ == 5


@pytest.mark.parametrize("first", ["sgd", "adam", "lbfgs"])
def test_another_solver_does_not_go_on_with_the_state_of_the_first(first):
    """The first step of RPROP moves each weight that has a gradient by the learning rate."""
    X = ragged(20)
    reg = LSTMRegressor(solver=first, warm_start=True, **SMALL).fit(X, sums(X))
    before = reg.weights_
    reg.set_params(solver="rprop", learning_rate=0.125, max_iter=1).fit(X, sums(X))
    moved = reg.network_.views(np.abs(reg.weights_ - before))
    output = moved.pop("output") / reg._scaling.scale[0]
    for part in (*moved.values(), output):
        assert_allclose(part, 0.125, rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "n_features"),
    [
        ({"n_blocks": 4}, 2),
        ({"peepholes": True}, 2),
        ({"recurrence": "all"}, 2),
        ({"output_activation": "logistic"}, 2),
        ({}, 3),
    ],
    ids=str,
)
def test_a_warm_start_needs_the_same_network(change, n_features):
    X = ragged(20)
    reg = LSTMRegressor(warm_start=True, **SMALL).fit(X, sums(X))
    before = dict(vars(reg))
    new = ragged(20, n_features=n_features)
    reg.set_params(**change)
    with pytest.raises(ValueError, match=r"same topology|3 feature"):
        reg.fit(new, sums(new))
    with pytest.raises(ValueError, match=r"same topology|3 feature"):
        reg.partial_fit(new, sums(new))
    assert vars(reg) == before | change


def test_a_warm_start_knows_its_classes():
    X = ragged(20)
    clf = LSTMClassifier(warm_start=True, **SMALL).fit(X, signs(X))
    with pytest.raises(ValueError, match=r"y contains labels .*'sideways'"):
        clf.fit(X, ["sideways", *signs(X)[1:]])
    only_two = np.where(signs(X) == "even", "up", signs(X))
    assert clf.fit(X, only_two).n_iter_ == 10
    assert_array_equal(clf.classes_, ["down", "even", "up"])


def test_partial_fit_in_chunks(learner):
    estimator, targets = learner
    X = ragged(23)
    y = targets(X)
    if isinstance(estimator, LSTMClassifier):
        classes = np.unique(np.concatenate(y) if isinstance(y, list) else y)
        fit = estimator.partial_fit
        fit(X[:4], y[:4], classes=classes[::-1])
        assert_array_equal(estimator.classes_, classes)
    else:
        fit = estimator.partial_fit
        fit(X[:4], y[:4])
    for lo, hi in ((4, 5), (5, 20), (20, 23)):
        assert fit(X[lo:hi], y[lo:hi]) is estimator
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 4
    assert len(estimator.predict(X)) == 23


def test_classes_in_partial_fit():
    X = ragged(6)
    clf = LSTMClassifier(**SMALL)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        clf.partial_fit(X, [0, 1] * 3)
    with pytest.raises(ValueError, match=r"labels that are not in classes_ .*: \[1\]"):
        clf.partial_fit(X, [0, 1] * 3, classes=[0, 2])
    with pytest.raises(ValueError, match="at least 2 classes"):
        clf.partial_fit(X, [0] * 6, classes=[0])
    assert not hasattr(clf, "classes_")
    clf.partial_fit(X, [0] * 6, classes=[2, 0, 1])
    assert_array_equal(clf.classes_, [0, 1, 2])
    clf.partial_fit(X, [1] * 6)
    clf.partial_fit(X, [2] * 6, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="are not those of the fitted model"):
        clf.partial_fit(X, [0] * 6, classes=[0, 1])
    assert clf.predict_proba(X).shape == (6, 3)
    assert clf.n_iter_ == 3


def test_a_chunk_may_have_one_class_with_weight_as_it_may_have_one_class():
    X, y = ragged(4), np.array([0, 1, 0, 1])
    clf = LSTMClassifier(shuffle=False, **SMALL).partial_fit(X, y, classes=[0, 1])
    other = LSTMClassifier(shuffle=False, **SMALL).partial_fit(X, y, classes=[0, 1])
    clf.partial_fit(X, y, sample_weight=[1, 0, 1, 0])
    other.partial_fit(X[::2], y[::2])
    assert_allclose(clf.weights_, other.weights_, rtol=1e-12)


def test_partial_fit_needs_a_solver_that_learns_by_epochs():
    for estimator in (LSTMClassifier(solver="lbfgs"), LSTMRegressor(solver="lbfgs")):
        assert not hasattr(estimator, "partial_fit")
        assert hasattr(estimator.set_params(solver="rprop"), "partial_fit")


# ------------------------------------------------------------------------------------------------
# random numbers


@pytest.mark.parametrize("method", ["fit", "partial_fit", "early stopping", "sequence", "lbfgs"])
def test_a_seed_makes_learning_repeatable(method):
    X = ragged(40)
    options = {
        "early stopping": {"early_stopping": True},
        "sequence": {"solver": "sgd", "update": "sequence"},
        "lbfgs": {"solver": "lbfgs"},
    }.get(method, {})
    reg = LSTMRegressor(**SMALL | {"batch_size": "auto"} | options)

    def learned(seed):
        each = clone(reg).set_params(random_state=seed)
        if method == "partial_fit":
            for _ in range(3):
                each.set_params(batch_size=8).partial_fit(X, sums(X))
        else:
            each.fit(X, sums(X))
        return each.weights_

    assert_array_equal(learned(3), learned(3))
    assert_array_equal(learned(3), learned(np.int64(3)))
    if method != "partial_fit":
        assert_array_equal(learned(3), learned(np.random.RandomState(3)))
    assert not np.any(learned(3) == learned(4))


def test_the_order_of_the_sequences_changes_from_epoch_to_epoch(monkeypatch):
    X = ragged(9)
    orders = []
    Trainer = trainer_module.Trainer
    epoch = Trainer._mini_batches

    def spy(trainer, order):
        orders.append(order)
        return epoch(trainer, order)

    monkeypatch.setattr(Trainer, "_mini_batches", spy)
    reg = LSTMRegressor(**SMALL)
    reg.fit(X, sums(X))
    assert len({tuple(order) for order in orders}) == 5
    orders.clear()
    for _ in range(5):
        reg.partial_fit(X, sums(X))
    assert len({tuple(order) for order in orders}) == 5
    orders.clear()
    reg.set_params(shuffle=False).fit(X, sums(X))
    assert_array_equal(orders, [np.arange(9)] * 5)


def test_a_random_state_of_ones_own_goes_on():
    X = ragged(10)
    reg = LSTMRegressor(**SMALL | {"random_state": np.random.RandomState(0)})
    first = reg.fit(X, sums(X)).weights_
    assert not np.any(reg.fit(X, sums(X)).weights_ == first)


# ------------------------------------------------------------------------------------------------
# weights of sequences and of classes


ALL_AT_ONCE = {  # with 20 sequences that are up to three times there
    "lbfgs": {"solver": "lbfgs"},
    "rprop": {"solver": "rprop", "learning_rate": 0.01},
    "adam": {"batch_size": 60, "max_iter": 50},
    "threads": {"batch_size": 60, "n_jobs": 2},
    "sgd": {"solver": "sgd", "momentum": 0.9, "batch_size": 60, "shuffle": False},
}


@pytest.mark.parametrize("options", ALL_AT_ONCE.values(), ids=ALL_AT_ONCE)
def test_a_weight_is_a_number_of_copies(learner, options):
    """To the bit, in whatever order, where all sequences are taken at once."""
    estimator, targets = learner
    X = ragged(20)
    y = targets(X)
    counts = np.random.default_rng(0).integers(0, 4, 20)
    estimator.set_params(**options)
    rows = np.repeat(np.arange(20), counts)
    weighted = clone(estimator).fit(X, y, sample_weight=counts)
    assert 0 in counts
    for order in (rows, np.random.default_rng(1).permutation(rows)):
        copied = clone(estimator).fit(take(X, order), take(y, order))
        assert_array_equal(weighted.weights_, copied.weights_)
        assert weighted.loss_curve_ == copied.loss_curve_
    assert not np.array_equal(clone(estimator).fit(X, y).weights_, weighted.weights_)


ZEROS = {
    "dense": lambda X: X,
    "zeros with a sign": lambda X: [np.where(x == 0, -0.0, x) for x in X],
    "sparse": lambda X: [sparse.csr_array(x) for x in X],
    "sparse with zeros": lambda X: [stored(x) for x in X],
}


def stored(x):
    """Sparse form that stores every number, zeros too."""
    steps, features = x.shape
    return sparse.csr_array((x.ravel(), np.tile(np.arange(features), steps), np.arange(steps + 1) * features))


@pytest.mark.parametrize("form", ZEROS)
def test_zeros_do_not_tell_equal_sequences_apart(form):
    X = [np.round(x) for x in ragged(12)]
    y = sums(X)
    reg = LSTMRegressor(n_blocks=3, random_state=0)
    weights = np.arange(12) % 3 + 1
    expected = clone(reg).fit(X, y, sample_weight=weights)
    rows = np.random.default_rng(0).permutation(np.repeat(np.arange(12), weights))
    assert len(rows) <= 32
    assert sum(np.count_nonzero(x == 0) for x in X) > 9
    copied = clone(reg).fit(ZEROS[form](take(X, rows)), take(y, rows))
    assert_array_equal(copied.weights_, expected.weights_)


def test_sequences_of_zeros_differ_by_their_lengths():
    """And by their targets: what is not the same is not put together."""
    X, y = [np.zeros((n, 2)) for n in (1, 2, 2, 3)], [0.0, 1.0, 2.0, 3.0]
    for form in (list, lambda X: [sparse.csr_array(x) for x in X]):
        reg = LSTMRegressor(n_blocks=3, alpha=0, max_iter=1, random_state=0).fit(form(X), y)
        first = LSTMRegressor(n_blocks=3, **STILL, random_state=0).fit(X, y)
        loss = first.network_.loss_and_gradient(first.weights_, X, y)[0] / 4 / reg._scaling.scale[0] ** 2
        assert_allclose(reg.loss_curve_, loss, rtol=1e-12)


@pytest.mark.parametrize("solver", ["adam", "sgd", "rprop"])
def test_only_the_proportions_of_weights_matter_in_batches(solver):
    X = ragged(20)
    weight = np.random.default_rng(0).uniform(size=20)
    reg = LSTMRegressor(solver=solver, **SMALL)
    one = clone(reg).fit(X, sums(X), sample_weight=weight)
    two = clone(reg).fit(X, sums(X), sample_weight=weight * 1024)
    assert_array_equal(one.weights_, two.weights_)
    assert one.loss_curve_ == two.loss_curve_
    assert_array_equal(
        clone(reg).fit(X, sums(X)).weights_,
        clone(reg).fit(X, sums(X), sample_weight=np.ones(20)).weights_,
    )


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_class_weights_are_weights_of_their_sequences(solver):
    X = ragged(20)
    y = signs(X)
    clf = LSTMClassifier(solver=solver, **SMALL)
    weight = np.random.default_rng(0).uniform(size=20)
    by_class = {"down": 4, "up": 0.25}
    each = np.array([by_class.get(label, 1) for label in y])
    expected = clone(clf).fit(X, y, sample_weight=weight * each)
    clf.set_params(class_weight=by_class).fit(X, y, sample_weight=weight)
    assert_array_equal(clf.weights_, expected.weights_)
    assert not np.any(clf.weights_ == clone(clf).set_params(class_weight=None).fit(X, y).weights_)


@pytest.mark.parametrize(
    "labels", [[0, 1, 2], [7, -1, 3], ["1", "2", "3"], ["b", "a", "c"], [2.0, 1.0, 3.0]], ids=str
)
def test_balanced_classes(labels):
    X = ragged(20)
    codes = np.repeat([0, 1, 2], [12, 5, 3])
    y = np.array(labels)[codes]
    clf = LSTMClassifier(class_weight="balanced", **SMALL).fit(X, y)
    assert_array_equal(clf.classes_, sorted(labels))
    balanced = compute_class_weight("balanced", classes=np.arange(3), y=codes)
    by_class = dict(zip(labels, balanced.tolist(), strict=True))
    expected = clone(clf).set_params(class_weight=by_class).fit(X, y)
    assert_allclose(clf.weights_, expected.weights_, rtol=1e-12)
    assert set(clf.predict(X)) <= set(labels)


@pytest.mark.parametrize("class_weight", ["balanced", {"up": 3.0}, {"up": 3, "down": 0.5}], ids=str)
def test_class_weights_of_steps(class_weight):
    """The loss of the initial weights is the weighted mean of all steps' losses."""
    X = ragged(20)
    y = running_signs(X)
    clf = LSTMClassifier(return_sequences=True, class_weight=class_weight, **SMALL | STILL)
    sample_weight = np.random.default_rng(0).integers(0, 3, 20)
    clf.fit(X, y, sample_weight=sample_weight)
    labels, p = np.concatenate(y), np.concatenate(list(clf.predict_proba(X)))
    if class_weight == "balanced":
        counted = labels[np.repeat(sample_weight, [len(x) for x in X]) > 0]
        weights = len(counted) / 2 / np.unique(counted, return_counts=True)[1]
        class_weight = dict(zip(["down", "up"], weights, strict=True))
    weight = np.array([class_weight.get(label, 1) for label in labels])
    weight = weight * np.repeat(sample_weight, [len(x) for x in X])
    losses = -np.log(p[np.arange(len(p)), np.searchsorted(["down", "up"], labels)])
    assert_allclose(clf.loss_curve_, np.average(losses, weights=weight), rtol=1e-12)


def test_weights_in_scores(learner):
    estimator, targets = learner
    X = ragged(20)
    y = targets(X)
    counts = np.random.default_rng(0).integers(0, 4, 20)
    rows = np.repeat(np.arange(20), counts)
    estimator.fit(X, y)
    score = estimator.score(X, y, sample_weight=counts)
    assert_allclose(score, estimator.score(take(X, rows), take(y, rows)), rtol=1e-12)
    assert score != estimator.score(X, y)


# ------------------------------------------------------------------------------------------------
# learning rates that change


def halves(epoch):
    """A rate for each epoch."""
    return 0.1 * 0.5**epoch


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("update", ["batch", "step"])
def test_a_rate_for_each_epoch(learner, solver, update):
    estimator, targets = learner
    X = ragged(20)
    y = targets(X)
    options = {"solver": solver, "update": update, "shuffle": False}
    if update == "step":
        options["gradient"] = "truncated"
    estimator.set_params(**options, learning_rate=halves, max_iter=4, tol=0).fit(X, y)
    by_hand = clone(estimator).set_params(max_iter=1, warm_start=True)
    for epoch in range(4):
        by_hand.set_params(learning_rate=halves(epoch)).fit(X, y)
    assert_array_equal(estimator.weights_, by_hand.weights_)
    still = clone(estimator).set_params(learning_rate=0.1).fit(X, y)
    assert not np.allclose(still.weights_, estimator.weights_)


def test_the_schedule_goes_on_from_call_to_call():
    X, epochs = ragged(10), []

    def rate(epoch):
        epochs.append(epoch)
        return 0.01

    reg = LSTMRegressor(**SMALL, learning_rate=rate, warm_start=True).fit(X, sums(X)).fit(X, sums(X))
    reg.partial_fit(X, sums(X))
    assert sorted(set(epochs)) == list(range(11))
    epochs.clear()
    reg.set_params(warm_start=False).fit(X, sums(X))
    assert sorted(set(epochs)) == list(range(5))
    assert_array_equal(reg.weights_, clone(reg).set_params(learning_rate=0.01).fit(X, sums(X)).weights_)


def test_schedules_in_a_search():
    X = ragged(20)
    reg = LSTMRegressor(**SMALL, learning_rate=halves)
    assert clone(reg).learning_rate is halves
    assert "learning_rate=<function halves" in repr(reg)
    power = partial(pow, 0.5)  # of a module that the workers can import
    search = GridSearchCV(
        LSTMRegressor(**SMALL), {"learning_rate": [power, lambda epoch: 0.0, 0.01]}, cv=2, n_jobs=2
    )
    assert search.fit(X, sums(X)).best_params_["learning_rate"] in (power, 0.01)
    loaded = pickle.loads(pickle.dumps(reg.fit(X, sums(X))))
    assert_array_equal(loaded.predict(X), reg.predict(X))


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (-1.0, r"learning_rate\(0\) must be a finite number at least 0, got -1.0"),
        (np.nan, r"learning_rate\(0\) must be a finite number"),
        ("fast", r"learning_rate\(0\) must be a number, got 'fast'"),
    ],
)
def test_what_a_schedule_may_give(rate, message):
    X = ragged(5)
    with pytest.raises((ValueError, TypeError), match=message):
        LSTMRegressor(learning_rate=lambda epoch: rate).fit(X, sums(X))


@pytest.mark.parametrize("solver", ["rprop", "lbfgs"])
def test_solvers_without_a_schedule(solver):
    X = ragged(5)
    with pytest.raises(ValueError, match=r"learning_rate as a callable.*needs solver='sgd' or 'adam'"):
        LSTMRegressor(learning_rate=halves, solver=solver).fit(X, sums(X))


# ------------------------------------------------------------------------------------------------
# what is printed

LINE = r"epoch +{}/5  loss \d+\.\d{{6}}{}  \d+\.\d s, at most \d+ s left"


@pytest.mark.parametrize(
    ("verbose", "solver", "early_stopping", "epochs"),
    [
        (0, "adam", False, []),
        (False, "lbfgs", False, []),
        (1, "adam", False, [1, 5]),
        (True, "adam", True, [1, 5]),
        (2, "adam", True, [1, 2, 3, 4, 5]),
        (2, "lbfgs", False, [1, 2, 3, 4, 5]),
    ],
)
def test_progress(capsys, verbose, solver, early_stopping, epochs):
    X = ragged(20)
    options = {"verbose": verbose, "solver": solver, "early_stopping": early_stopping}
    LSTMRegressor(**SMALL, **options).fit(X, sums(X))
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert len(lines) == len(epochs)
    score = r"  validation -?\d+\.\d{4}" if early_stopping else ""
    for line, epoch in zip(lines, epochs, strict=True):
        assert re.fullmatch(LINE.format(epoch, score), line)


def test_progress_counts_on(capsys):
    X = ragged(20)
    reg = LSTMRegressor(**SMALL, verbose=2).fit(X, sums(X)).partial_fit(X, sums(X))
    reg.set_params(warm_start=True, max_iter=2).fit(X, sums(X))
    numbers = re.findall(r"epoch +(\d+/\d+)  loss", capsys.readouterr().out)
    assert numbers == ["1/5", "2/5", "3/5", "4/5", "5/5", "6/6", "7/8", "8/8"]


OLDER = """
import sys, warnings
import numpy as np
import sklearn.metrics, sklearn.model_selection, sklearn.multiclass
sys.modules["sklearn.callback"] = None
from sklstm import LSTMRegressor
warnings.simplefilter("error")
X = [np.ones((3, 1)), np.zeros((2, 1)), np.ones((1, 1))]
reg = LSTMRegressor(n_blocks=1, max_iter=3, tol=0, verbose=2, random_state=0)
try:
    reg.set_callbacks(object())
except UserWarning as warning:
    print(warning)
warnings.simplefilter("ignore", UserWarning)
assert reg.set_callbacks() is reg.set_callbacks(object()) is reg
warnings.simplefilter("default")
reg.fit(X, [0, 1, 2])
"""


def test_without_callbacks_in_scikit_learn():
    result = subprocess.run([sys.executable, "-P", "-c", OLDER], capture_output=True, text=True, check=False)
    lines = result.stdout.splitlines()
    assert "Callbacks need scikit-learn 1.9 or newer" in lines[0], result.stderr
    assert "verbose=1" in lines[0]
    assert [bool(re.match(r"epoch +\d/3  loss", line)) for line in lines[1:]] == [True] * 3
    assert "<string>:17: ConvergenceWarning" in result.stderr  # the caller of fit
