"""Whole calls of every public entry, drawn at random; what can be computed in two ways is compared.

    python tests/fuzz.py --seconds 60              # as many as fit, from --seed on
    python tests/fuzz.py --calls 100000            # until so many public calls were made
    python tests/fuzz.py --seed 4711 --cases 1     # one case again, with its traceback

A seed is a case: what is called, and with what. A child process makes the cases; one that ends it is found.
Writes the seeds that failed; `KEPT` of tests/test_fuzz.py are those of faults that were mended.
"""

import argparse
import copy
import json
import os
import pickle
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from functools import partial
from inspect import Parameter, signature
from itertools import pairwise

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import KFold
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

import reference  # beside this file
import sklstm
from sklstm import (
    LSTMClassifier,
    LSTMEncoder,
    LSTMRegressor,
    Network,
    PerTimeStep,
    SequenceImputer,
    SequenceOneHotEncoder,
    SequencePadder,
    Sequences,
    SequenceScaler,
    SequenceSummary,
    State,
    _cpu,
    cross_val_predict_steps,
    permutation_importance,
    step_scorer,
    tasks,
)

SECONDS = 120  # that a case may take
REFUSALS = ValueError, TypeError, IndexError, MemoryError, NotFittedError
SQUASHING = "logistic[-2,2]", "logistic[-1,1]", "logistic", "tanh", "identity"
FUSED = [level for level in _cpu.levels() if level != "baseline"]
# in messages of NumPy, scikit-learn and Python, or of another argument that does not fit this one
FAMILIAR = (
    "step",
    "sequence",
    "y",
    "weights",
    "lengths",
    "offsets",
    "argument",
    "indices",
    "index",
    "could not convert",
)
NASTY = {  # in the place of an argument
    "None": None,
    "NaN": np.nan,
    "infinity": -np.inf,
    "a string": "abc",
    "an empty string": "",
    "bytes": b"abc",
    "minus one": -1,
    "zero": 0,
    "a number": 0.5,
    "a large integer": 2**70,
    "a large number": 1e308,
    "a subnormal number": 5e-324,
    "a complex number": 1j,
    "an empty list": [],
    "an empty array": np.zeros((0, 3)),
    "a 0-d array": np.array(3.0),
    "a 4-D array": np.zeros((1, 1, 1, 1)),
    "NaN in an array": np.array([[np.nan, 1.0]]),
    "words": ["a", "b"],
    "None in a list": [None, None],
    "ragged": [[1.0], [1.0, 2.0]],
    "masked": np.ma.masked_array([1.0, 2.0], mask=[True, False]),
    "dates": np.array(["2020-01-01"], "M8[D]"),
    "a dict": {"a": 1},
    "an object": object(),
    "a class": dict,
    "True": True,
    "a wrapped offset": [0, 2**62, -(2**62) - 1, 5],
}


class Draw:
    """What a case draws from, and what it calls."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.seed = seed
        self.n_calls = 0

    def call(self, function, *arguments, **keywords):
        """Make a public call."""
        self.n_calls += 1
        return function(*arguments, **keywords)

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, p=0.5):
        return bool(self.rng.random() < p)

    def integer(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def network(self, **fixed):
        """Any topology; a few are wide."""
        n_blocks = self.pick(1, 1, 2, 3, 4, 7, 8, 9, 17, 33)
        options = {
            "n_blocks": n_blocks,
            "block_size": self.pick(1, 1, 2, 3),
            "n_hidden_units": self.pick(0, 0, 1, 3, 9),
            "recurrence": self.pick("all", "cells", "gates", "none"),
            "cell_input_activation": self.pick(*SQUASHING),
            "cell_output_activation": self.pick(*SQUASHING),
            "output_activation": self.pick("logistic", "softmax", "identity"),
        }
        flags = (
            "input_gate",
            "forget_gate",
            "output_gate",
            "shortcut",
            "cell_bias",
            "gate_bias",
            "output_bias",
        )
        options |= {flag: self.chance(0.7) for flag in flags} | {"return_sequences": self.chance()} | fixed
        gates = options["input_gate"] or options["forget_gate"] or options["output_gate"]
        if options["recurrence"] == "gates" and not gates:
            options["recurrence"] = "all"
        options["peepholes"] = gates and self.chance()
        least = 2 if options["output_activation"] == "softmax" else 1
        return Network(
            options.pop("n_inputs", self.pick(1, 2, 3, 8, 9)),
            options.pop("n_outputs", least + self.pick(0, 1, 2, 7, 8)),
            **options,
        )

    def lengths(self, most=6):
        return self.rng.choice([1, 1, 2, 3, 5, 8, 13, 37], size=self.integer(1, most))

    def size_of_numbers(self):
        """Usual, or any; the second value is whether it is usual."""
        usual = self.chance(0.8)
        return (1.0 if usual else self.pick(1e-320, 1e-308, 1e-160, 1e30, 1e150, 1e300)), usual

    def sequences(self, n_features, lengths, scale=1.0):
        """List of arrays, a part of them zeros."""
        density = self.pick(1.0, 0.5, 0.1)
        shape = int(np.sum(lengths)), n_features
        with np.errstate(under="ignore"):
            values = np.clip(self.rng.normal(size=shape), -3, 3) * scale * (self.rng.random(shape) < density)
        return np.split(values, np.cumsum(lengths)[:-1])

    def disguised(self, X):
        """The same numbers in another container; and what it is called."""
        stacked, lengths = np.concatenate(X), [len(x) for x in X]
        ways = {
            "tuple": lambda: tuple(X),
            "Sequences": lambda: Sequences.from_lengths(stacked, lengths),
            "object array": lambda: object_array(X),
            "lists": lambda: [x.tolist() for x in X],
            "Fortran": lambda: [np.asfortranarray(x) for x in X],
            "strided": lambda: [np.repeat(np.repeat(x, 2, axis=0), 3, axis=1)[::2, ::3] for x in X],
            "backwards": lambda: [x[::-1].copy()[::-1] for x in X],
            "big-endian": lambda: [x.astype(">f8") for x in X],
            "read-only": lambda: [read_only(x) for x in X],
            "subclass": lambda: [x.view(Subclass) for x in X],
            "__array__": lambda: [Duck(x) for x in X],
            "csr": lambda: [sparse.csr_array(x) for x in X],
            "csc": lambda: [sparse.csc_matrix(x) for x in X],
            "coo": lambda: [sparse.coo_array(x) for x in X],
            "sparse Sequences": lambda: Sequences.from_lengths(sparse.csr_array(stacked), lengths),
            "padded": lambda: padded(X),
            "Sequences, taken": lambda: Sequences.from_lengths(stacked, lengths)[np.arange(len(X))],
            "Sequences, pickled": lambda: pickle.loads(
                pickle.dumps(Sequences.from_lengths(stacked, lengths))
            ),
        }
        name = self.pick(*ways)
        return ways[name](), name


class Subclass(np.ndarray):
    """An array of one's own."""


class Duck:
    """What NumPy can make an array of."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype=dtype)

    def __len__(self):
        return len(self.array)


def object_array(parts):
    array = np.empty(len(parts), object)
    array[:] = parts
    return array


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def padded(X):
    array = np.full((len(X), max(map(len, X)), X[0].shape[1]), np.nan)
    for row, x in zip(array, X):
        row[: len(x)] = x
    return array


def stacked(outputs):
    """Outputs per step or per sequence, as one array."""
    return np.concatenate(list(outputs)) if outputs.dtype == object else outputs


def assert_near(actual, desired, rtol):
    """Near in the measure of the largest number."""
    size = np.max(np.abs(desired), initial=1e-3)
    assert_allclose(actual, desired, rtol=0, atol=rtol * size)


# ------------------------------------------------------------------------------------------------
# networks


def case_forward(draw):
    """Outputs: any container, each sequence alone, in two parts, on other CPU levels, by the twin's loops."""
    net = draw.network()
    scale, usual = draw.size_of_numbers()
    X = draw.sequences(net.n_inputs, draw.lengths(), scale)
    weights = net.init_weights(draw.seed, init_range=draw.pick(0.1, 1.0))
    outputs, info = draw.call(net.forward, weights, X, full_output=True)
    expected = stacked(outputs)
    other, name = draw.disguised(X)
    assert_array_equal(stacked(draw.call(net.forward, weights, other)), expected, name)
    alone = [stacked(draw.call(net.forward, weights, [x])) for x in X]
    assert_near(np.concatenate(alone), expected, 1e-11 if usual else 1e-6)
    with _cpu.use_level(draw.pick(*_cpu.levels()), draw.chance()):
        assert_near(stacked(draw.call(net.forward, weights, X)), expected, 1e-11 if usual else 1e-6)
    with _cpu.use_level(_cpu.level(), False):
        assert_array_equal(stacked(draw.call(net.forward, weights, X)), expected)
    if FUSED:
        with _cpu.use_level(draw.pick(*FUSED)):
            assert_array_equal(stacked(draw.call(net.forward, weights, X)), expected)
    if usual:
        narrow = draw.call(net.forward, weights, [x.astype(np.float32) for x in X])
        grows = "identity" in (net.cell_input_activation, net.cell_output_activation)
        assert_near(stacked(narrow), expected, 1e-2 if grows else 1e-3)
        i = draw.integer(0, len(X) - 1)
        assert_near(twin(net, weights, X[i]), alone[i], 1e-9)
    halves = [(x[: len(x) // 2], x[len(x) // 2 :]) for x in X if len(x) > 1]
    if halves:
        first, second = map(list, zip(*halves))
        _, middle = draw.call(net.forward, weights, first, full_output=True)
        rest, end = draw.call(
            net.forward, weights, second, initial_state=middle["final_state"], full_output=True
        )
        kept = np.flatnonzero([len(x) > 1 for x in X])
        tolerance = 1e-11 if usual else 1e-6
        assert_near(end["final_state"].cells, info["final_state"].cells[kept], tolerance)
        last = [np.atleast_2d(part)[-1] for part in rest]
        assert_near(last, [np.atleast_2d(outputs[i])[-1] for i in kept], tolerance)


def twin(net, weights, x):
    """Outputs by the loops of tests/reference.py."""
    y = reference.forward(net, reference.split(net, weights), x).y
    return y if net.return_sequences else y[-1:]


def case_gradient(draw):
    """Gradient: any container, the sum of single sequences, other levels, differences, errors as given."""
    net = draw.network()
    scale, usual = draw.size_of_numbers()
    lengths = draw.lengths(4)
    X = draw.sequences(net.n_inputs, lengths, scale)
    rows = lengths if net.return_sequences else np.ones(len(X), int)
    parts = [draw.rng.random((n, net.n_outputs)) for n in rows]
    y = parts if net.return_sequences else np.concatenate(parts)
    loss = draw.pick("squared_error", "squared_error" if net.output_activation == "identity" else "log_loss")
    kind = draw.pick("full", "truncated")
    weight = draw.pick(None, draw.rng.random(len(X)) + 0.1)
    weights = net.init_weights(draw.seed, init_range=0.5)

    def of(X, y=y, weight=weight, w=weights):
        return draw.call(net.loss_and_gradient, w, X, y, loss, kind, sample_weight=weight)

    value, gradient = of(X)
    other, name = draw.disguised(X)
    again, same = of(other)
    assert again == value or (np.isnan(again) and np.isnan(value)), name
    assert_array_equal(same, gradient, name)
    with _cpu.use_level(_cpu.level(), False):
        assert_array_equal(of(X)[1], gradient)
    if FUSED:
        with _cpu.use_level(draw.pick(*FUSED)):
            assert_array_equal(of(X)[1], gradient)
    if not usual:
        return
    singles = [
        of([x], [part] if net.return_sequences else part, None if weight is None else weight[i : i + 1])
        for i, (x, part) in enumerate(zip(X, parts))
    ]
    assert_near(sum(single for _, single in singles), gradient, 1e-9)
    assert_allclose(sum(single for single, _ in singles), value, rtol=1e-9)
    if kind == "full":
        direction = draw.rng.normal(size=net.n_weights)
        direction /= np.linalg.norm(direction)
        step = 1e-6
        ahead, behind = (of(X, w=weights + sign * step * direction)[0] for sign in (1, -1))
        largest = max(1.0, np.abs(gradient).max(), abs(value))
        assert_allclose((ahead - behind) / (2 * step), gradient @ direction, rtol=0, atol=2e-5 * largest)
    if loss == "squared_error" and weight is None and kind == "full":
        outputs = net.forward(weights, X)
        errors = [o - part for o, part in zip(outputs, parts)] if net.return_sequences else outputs - y
        assert_near(draw.call(net.backward, weights, X, errors), gradient, 1e-9)


def case_stream(draw):
    """Time steps one by one: the outputs of `forward`, and the truncated gradient carried forwards."""
    net = draw.network(return_sequences=True)
    x = draw.sequences(net.n_inputs, [draw.integer(1, 9)])[0]
    weights = net.init_weights(draw.seed, init_range=0.5)
    expected = net.forward(weights, [x])[0]
    stream = draw.call(net.stream, weights, partials=True)
    errors = draw.rng.normal(size=expected.shape)
    total = np.zeros(net.n_weights)
    for t, row in enumerate(x):
        assert_near(draw.call(stream.step, row), expected[t], 1e-9)
        gradient = draw.call(stream.gradient, errors[t])
        assert_near(errors[t] @ draw.call(stream.jacobian), gradient, 1e-9)
        total += gradient
    assert_near(total, draw.call(net.backward, weights, [x], [errors], "truncated"), 1e-8)
    n = draw.integer(2, 4)
    several = draw.call(net.stream, weights, n)
    state = draw.call(several.step, np.repeat(x[:1], n, axis=0))
    assert_near(state, np.repeat(expected[:1], n, axis=0), 1e-9)
    several.state = State(*(np.array(part) for part in several.state))
    draw.call(several.reset, draw.integer(0, n - 1))


# ------------------------------------------------------------------------------------------------
# estimators


def estimator_of(draw):
    """An estimator with arguments that go together."""
    solver = draw.pick("adam", "adam", "sgd", "rprop", "lbfgs", "dekf")
    update = "batch" if solver in ("rprop", "lbfgs") else draw.pick("batch", "sequence", "step")
    if solver == "dekf":
        update = draw.pick("sequence", "step")
    online = update == "step" or solver == "dekf"
    kind = draw.pick(LSTMClassifier, LSTMRegressor)
    options = {
        "n_blocks": draw.pick(1, 2, 3, 8),
        "block_size": draw.pick(1, 2),
        "n_hidden_units": draw.pick(0, 0, 2),
        "recurrence": draw.pick("all", "cells", "gates", "none"),
        "shortcut": draw.chance(),
        "forget_gate": draw.chance(0.7),
        "output_gate": draw.chance(0.7),
        "peepholes": draw.chance(),
        "cell_input_activation": draw.pick("tanh", "identity", "logistic[-2,2]"),
        "cell_output_activation": draw.pick("tanh", "identity", "logistic"),
        "return_sequences": draw.chance(),
        "loss": "squared_error" if solver == "dekf" else draw.pick("squared_error", "log_loss"),
        "gradient": "truncated" if online else draw.pick("full", "truncated"),
        "solver": solver,
        "update": update,
        "max_iter": draw.integer(1, 4),
        "random_state": draw.seed % 2**32,
        "n_jobs": draw.pick(None, None, 2),
        "shuffle": draw.chance(),
        "learning_rate": draw.pick(0.01, 0.01, 1.0, 1e6),
        "tol": draw.pick(0, 1e-4),
    }
    if update == "batch" and solver != "lbfgs":
        options["batch_size"] = draw.pick("auto", 1, 4)
    if solver != "lbfgs" and draw.chance(0.2):
        options |= {"early_stopping": True, "validation_fraction": 0.3}
    return kind(**options)


def data_for(draw, estimator, scale=1.0):
    """Sequences and targets."""
    n = draw.integer(12, 24)
    lengths = draw.rng.integers(1, 9, n)
    X = draw.sequences(draw.pick(1, 2, 5), lengths, scale)
    if isinstance(estimator, LSTMClassifier):
        labels = draw.pick(["a", "b"], [0, 1, 2], [False, True])
        y = [labels[i % len(labels)] for i in range(n)]
        if estimator.return_sequences:
            y = [np.array([labels[(i + t) % len(labels)] for t in range(k)]) for i, k in enumerate(lengths)]
    else:
        size = 1.0 if estimator.loss == "log_loss" else draw.pick(1.0, 1.0, 1e-300, 1e20, 1e200)
        width = draw.pick((), (2,))
        y = [
            draw.rng.random((k, *width)) * size for k in (lengths if estimator.return_sequences else [1] * n)
        ]
        y = y if estimator.return_sequences else np.concatenate(y)
    return X, y if isinstance(y, list) and estimator.return_sequences else np.array(y)


def case_fit(draw):
    """Fits: any container, pickles, time steps one by one; weights and outputs are finite whatever comes."""
    estimator = estimator_of(draw)
    scale, _ = draw.size_of_numbers()
    X, y = data_for(draw, estimator, scale)
    weight = draw.pick(None, None, draw.rng.random(len(X)) + 0.1)
    model = draw.call(clone(estimator).fit, X, y, weight)
    assert np.isfinite(model.weights_).all()
    predict = "predict_proba" if isinstance(model, LSTMClassifier) else "predict"
    outputs = stacked(draw.call(getattr(model, predict), X))
    assert np.isfinite(outputs).all()
    other, name = draw.disguised(X)
    is_sparse = "cs" in name or "coo" in name or "sparse" in name
    assert_array_equal(stacked(getattr(model, predict)(other)), outputs, name)
    twin = draw.call(clone(estimator).fit, other, y, weight)
    if not is_sparse:  # rounding of a sum of another order may grow in a fit that is chaotic
        assert_array_equal(twin.weights_, model.weights_, name)
    with _cpu.use_level(_cpu.level(), False):
        assert_array_equal(draw.call(clone(estimator).fit, X, y, weight).weights_, model.weights_)
    saved = pickle.loads(pickle.dumps(model))
    assert_array_equal(stacked(draw.call(getattr(saved, predict), X)), outputs)
    numbers = np.concatenate(y) if isinstance(y, list) else y
    if (
        numbers.dtype.kind != "f" or max(np.abs(numbers).max(), np.abs(outputs).max()) < 1e100
    ):  # or scores overflow
        draw.call(model.score, X, y, weight)
    draw.call(model.activations, X[:1])
    answers = draw.call(model.predict, X)
    if isinstance(model, LSTMClassifier):
        assert set(np.unique(stacked(answers))) <= set(model.classes_)
        draw.call(model.predict_log_proba, X), draw.call(model.decision_function, X)
    elif scale == 1:
        for row in X[0]:
            last = draw.call(saved.step, row)
        assert_near(
            np.ravel(last), np.ravel(stacked(answers[:1])[-1]) if model.return_sequences else answers[0], 1e-6
        )
    if model.solver != "lbfgs":
        draw.call(model.partial_fit, X, y, sample_weight=weight)
        assert np.isfinite(model.weights_).all()


def case_continued(draw):
    """A stream in one call, and the same in chunks: the same weights to the bit."""
    solver = draw.pick("sgd", "adam")
    options = {"solver": solver, "update": "step", "gradient": "truncated", "return_sequences": True}
    reg = LSTMRegressor(
        n_blocks=draw.pick(1, 2, 5),
        block_size=draw.pick(1, 2),
        peepholes=draw.chance(),
        recurrence=draw.pick("all", "cells"),
        random_state=draw.seed % 2**32,
        init_range=0.1,
        **options,
    )
    n = draw.pick(1, 1, 3)
    X = draw.sequences(draw.pick(1, 3), [draw.integer(4, 30)] * n)
    y = [draw.rng.random(len(x)) for x in X]
    if draw.chance(0.3):
        X = [sparse.csr_array(x) for x in X]
    cut = draw.integer(1, X[0].shape[0] - 1)
    whole = draw.call(clone(reg).partial_fit, [x[:cut] for x in X], [t[:cut] for t in y], continued=True)
    twin = pickle.loads(pickle.dumps(whole))
    draw.call(whole.partial_fit, [x[cut:] for x in X], [t[cut:] for t in y], continued=True)
    edges = sorted({cut, X[0].shape[0], *draw.rng.integers(cut, X[0].shape[0] + 1, 3).tolist()})
    for lo, hi in pairwise(edges):
        draw.call(twin.partial_fit, [x[lo:hi] for x in X], [t[lo:hi] for t in y], continued=True)
    if n == 1:
        assert_array_equal(twin.weights_, whole.weights_)
    assert np.isfinite(twin.weights_).all()
    draw.call(twin.step, np.zeros((n, X[0].shape[1])))
    draw.call(twin.reset_state)


# ------------------------------------------------------------------------------------------------
# containers, transformers, inspection, tasks


def case_sequences(draw):
    """`Sequences` beside lists of arrays."""
    lengths = draw.lengths(8)
    X = draw.sequences(draw.integer(1, 4), lengths)
    other, _ = draw.disguised(X)
    flat = np.concatenate(X)
    made = draw.call(Sequences.from_lengths, sparse.csr_array(flat) if draw.chance() else flat, lengths)
    as_dense = [x.toarray() if sparse.issparse(x) else x for x in made]
    for a, b in zip(as_dense, X, strict=True):
        assert_array_equal(a, b)
    index = draw.rng.integers(-len(X), len(X), draw.integer(1, 9))
    for a, i in zip(draw.call(made.__getitem__, index), index, strict=True):
        assert_array_equal(a.toarray() if sparse.issparse(a) else a, X[i])
    assert_array_equal(draw.call(made.to_padded), padded(X))
    again = draw.call(Sequences.from_padded, padded(X), lengths)
    assert_array_equal(again.values, flat)
    assert str(len(X)) in repr(made)
    if isinstance(other, Sequences):
        assert_array_equal(other.offsets, made.offsets)
    order = draw.rng.permutation(len(flat))
    frame = {
        "id": np.repeat(np.arange(len(X)), lengths)[order],
        "t": np.concatenate([np.arange(n) for n in lengths])[order],
        "x": flat[order, 0],
    }
    table = draw.call(Sequences.from_long, frame, id="id", time="t")
    for x, i in zip(table, table.ids, strict=True):
        assert_array_equal(x[:, 0], X[i][:, 0])
    series, length, horizon = flat[:, 0], draw.integer(1, 4), draw.integer(0, 2)
    step = draw.integer(1, 3)
    if len(series) >= length + horizon:
        windows = draw.call(Sequences.from_windows, series, length, horizon, step)
        windows, y = windows if horizon else (windows, None)
        for k, x in enumerate(windows):
            at = windows.ids[k] if np.ndim(windows.ids[k]) == 0 else windows.ids[k][-1]
            assert_array_equal(x[:, 0], series[at + 1 - length : at + 1])
            if horizon:
                assert_array_equal(np.ravel(y[k]), series[at + 1 : at + 1 + horizon])


def case_transformers(draw):
    """Transformers: any container, each sequence alone, there and back, in a pickle."""
    n_features = draw.integer(1, 4)
    X = draw.sequences(n_features, draw.rng.integers(1, 9, draw.integer(2, 6)))
    transformer = draw.pick(
        SequenceScaler(),
        SequenceScaler(MaxAbsScaler()),
        PerTimeStep(StandardScaler()),
        SequencePadder(),
        SequenceSummary(),
        SequenceImputer(draw.pick("ffill", "constant")),
        LSTMEncoder(LSTMRegressor(n_blocks=2, max_iter=1, random_state=0), pooling=draw.pick("last", "mean")),
    )
    other, name = draw.disguised(X)
    if name == "padded" or "cs" in name or "coo" in name or "sparse" in name:  # they come back as such
        other = X
    y = draw.rng.random(len(X))
    transformer = draw.call(clone(transformer).fit, X, y)
    there = draw.call(transformer.transform, X)
    again = draw.call(transformer.transform, other)
    saved = pickle.loads(pickle.dumps(transformer)).transform(X)
    for a, b, c in zip(there, again, saved, strict=True):
        assert_array_equal(a, b, name)
        assert_array_equal(a, c)
    i = draw.integer(0, len(X) - 1)
    alone = draw.call(transformer.transform, X[i : i + 1])[0]
    assert_allclose(alone, there[i], rtol=1e-12, atol=1e-12)
    draw.call(transformer.get_feature_names_out)
    if hasattr(transformer, "inverse_transform"):
        for a, b in zip(draw.call(transformer.inverse_transform, there), X, strict=True):
            assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    words = ["".join(draw.rng.choice(list("abc"), draw.integer(1, 5))) for _ in range(4)]
    encoder = draw.call(SequenceOneHotEncoder(sparse_output=draw.chance()).fit, words)
    back = draw.call(encoder.inverse_transform, draw.call(encoder.transform, words))
    assert ["".join(np.ravel(word)) for word in back] == words


def case_inspection(draw):
    """Scores per step, predictions of models that have not seen the sequence, importances."""
    X = draw.sequences(2, draw.rng.integers(2, 7, 12))
    y = [x[:, 0] * 0.1 for x in X]
    reg = LSTMRegressor(n_blocks=2, max_iter=1, return_sequences=True, random_state=draw.seed % 2**32)
    model = draw.call(clone(reg).fit, X, y)
    scorer = step_scorer("neg_mean_squared_error")
    expected = -np.mean((np.concatenate(y) - np.concatenate(list(model.predict(X)))) ** 2)
    assert_allclose(draw.call(scorer, model, X, y), expected, rtol=1e-9)
    cv = KFold(draw.integer(2, 4))
    predicted = draw.call(cross_val_predict_steps, reg, X, y, cv=cv)
    train, test = next(cv.split(X))
    of_fold = clone(reg).fit([X[i] for i in train], [y[i] for i in train]).predict([X[i] for i in test])
    for a, i in zip(of_fold, test, strict=True):
        assert_array_equal(a, predicted[i])
    result = draw.call(
        permutation_importance,
        model,
        X,
        y,
        by=draw.pick("channels", "windows"),
        n_windows=2,
        n_repeats=2,
        scoring=scorer,
        random_state=draw.seed % 2**32,
    )
    assert np.isfinite(result.importances).all()


def case_displays(draw):
    """Pictures of a fitted model."""
    from matplotlib import pyplot

    X = draw.sequences(2, draw.rng.integers(2, 7, 12))
    labels = [np.arange(len(x)) % 2 for x in X]
    clf = LSTMClassifier(n_blocks=2, max_iter=2, return_sequences=True, random_state=draw.seed % 2**32)
    clf.fit(X, labels)
    draw.call(sklstm.LossCurveDisplay.from_estimator, clf)
    draw.call(sklstm.WeightsDisplay.from_estimator, clf)
    draw.call(sklstm.ActivationsDisplay.from_estimator, clf, X[0])
    draw.call(sklstm.StepConfusionDisplay.from_estimator, clf, X, labels)
    pyplot.close("all")


MAKERS = sorted(name for name in tasks.__all__ if name.startswith("make_"))


def case_tasks(draw):
    """Generators of sequences: the same from the same seed, and sequences with targets."""
    make = getattr(tasks, draw.pick(*MAKERS))
    parameters = signature(make).parameters
    options = {}
    if "n_sequences" in parameters and parameters["n_sequences"].default is Parameter.empty:
        options["n_sequences"] = draw.integer(1, 5)
    missing = [name for name, p in parameters.items() if p.default is p.empty and name not in options]
    if missing:
        return
    if "dtype" in parameters:
        options["dtype"] = draw.pick(np.float32, np.float64)
    if "random_state" in parameters:
        options["random_state"] = draw.seed % 2**32
    made, again = (draw.call(make, **options) for _ in range(2))
    X, y = made[:2]
    assert_array_equal(values_of(X), values_of(again[0]))
    assert_array_equal(values_of(y), values_of(again[1]))
    assert len(X) == len(y)


def values_of(part):
    values = part.values if isinstance(part, Sequences) else part
    if isinstance(values, np.ndarray) and values.dtype == object:
        values = np.concatenate(list(values))
    return values.toarray() if sparse.issparse(values) else values


# ------------------------------------------------------------------------------------------------
# what is not valid


def entries(draw):
    """Name -> a callable and arguments that it takes."""
    X = draw.sequences(2, [2, 3, 1, 5, 2, 4])
    y = np.arange(6.0)
    labels = ["a", "b"] * 3
    net = Network(2, 1, n_blocks=2, output_activation="logistic")
    weights = net.init_weights(0)
    small = {"n_blocks": 2, "max_iter": 1, "random_state": 0}
    reg, clf = LSTMRegressor(**small).fit(X, y), LSTMClassifier(**small).fit(X, labels)
    state = net.forward(weights, X, full_output=True)[1]["final_state"]
    sequences = Sequences.from_lengths(np.concatenate(X), [2, 3, 1, 5, 2, 4])

    def fit_with(kind, **options):
        return kind(**small | options).fit(X, labels if kind is LSTMClassifier else y)

    every = {
        "Network": (Network, {"n_inputs": 2, "n_outputs": 1, **options_of(Network)}),
        "Network.forward": (net.forward, {"weights": weights, "X": X, "initial_state": state}),
        "Network.loss_and_gradient": (
            net.loss_and_gradient,
            {
                "weights": weights,
                "X": X,
                "y": y[:, None] / 6,
                "loss": "log_loss",
                "gradient": "full",
                "sample_weight": y,
                "initial_state": state,
            },
        ),
        "Network.backward": (
            net.backward,
            {"weights": weights, "X": X, "errors": y[:, None], "gradient": "full"},
        ),
        "Network.init_weights": (
            net.init_weights,
            {"random_state": 0, "init_range": 0.1, "input_gate_bias": -1.0},
        ),
        "Network.stream": (net.stream, {"weights": weights, "n_streams": 2, "partials": True, "dtype": None}),
        "Sequences": (Sequences, {"values": np.concatenate(X), "offsets": [0, 4, 17]}),
        "from_lengths": (Sequences.from_lengths, {"values": np.concatenate(X), "lengths": [4, 13]}),
        "from_padded": (Sequences.from_padded, {"X": padded(X), "lengths": [2, 3, 1, 5, 2, 4]}),
        "from_windows": (Sequences.from_windows, {"series": y, "length": 2, "horizon": 1, "step": 1}),
        "Sequences[]": (sequences.__getitem__, {"index": [0, 1]}),
        "LSTMRegressor": (partial(fit_with, LSTMRegressor), options_of(LSTMRegressor)),
        "LSTMClassifier": (partial(fit_with, LSTMClassifier), options_of(LSTMClassifier)),
        "regressor.fit": (reg.fit, {"X": X, "y": y, "sample_weight": y + 1}),
        "classifier.fit": (clf.fit, {"X": X, "y": labels, "sample_weight": y + 1}),
        "regressor.partial_fit": (
            reg.partial_fit,
            {"X": X, "y": y, "sample_weight": y + 1, "continued": False},
        ),
        "classifier.partial_fit": (clf.partial_fit, {"X": X, "y": labels, "classes": ["a", "b"]}),
        "predict": (clf.predict, {"X": X}),
        "predict_proba": (clf.predict_proba, {"X": X}),
        "activations": (reg.activations, {"X": X}),
        "score": (reg.score, {"X": X, "y": y, "sample_weight": y + 1}),
        "step": (reg.step, {"x": X[0][0]}),
        "SequenceScaler": (SequenceScaler().fit, {"X": X}),
        "SequenceSummary": (SequenceSummary().fit, {"X": X}),
        "SequencePadder": (SequencePadder().fit, {"X": X}),
        "SequenceOneHotEncoder": (SequenceOneHotEncoder().fit, {"X": ["abc", "a"]}),
        "permutation_importance": (
            permutation_importance,
            {"estimator": reg, "X": X, "y": y, "by": "channels", "n_repeats": 1, "sample_weight": y + 1},
        ),
    }
    return every, (reg, clf)


def options_of(cls):
    """Arguments with a default."""
    parameters = signature(cls).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def case_refusals(draw):
    """One argument is replaced: it is used, or refused by name, and the model is as before."""
    every, models = entries(draw)
    name = draw.pick(*every)
    call, arguments = every[name]
    argument, nasty = draw.pick(*arguments), draw.pick(*NASTY)
    if argument == "verbose" or (
        argument in ("n_jobs", "max_iter", "n_repeats") and nasty == "a large integer"
    ):
        return  # prints; valid, and long
    before = [pickle.dumps(model) for model in models]
    message = refusal(draw, call, arguments | {argument: copy.copy(NASTY[nasty])})
    if message is not None:
        words = argument.removeprefix("sample_"), argument, name, *FAMILIAR
        assert any(word in message for word in words), f"{name}({argument}={nasty}): {message!r}"
        after = [pickle.dumps(model) for model in models]
        assert before == after, f"{name}({argument}={nasty}) is refused and has changed the model"


def refusal(draw, call, arguments):
    """Return the message of a call that is refused, None if it is not."""
    try:
        draw.call(call, **arguments)
    except REFUSALS as error:
        return "argument" if isinstance(error, MemoryError) else str(error)
    return None


CASES = {
    "forward": case_forward,
    "gradient": case_gradient,
    "fit": case_fit,
    "refusals": case_refusals,
    "stream": case_stream,
    "sequences": case_sequences,
    "continued": case_continued,
    "transformers": case_transformers,
    "refusals again": case_refusals,
    "tasks": case_tasks,
    "inspection": case_inspection,
    "displays": case_displays,
}
RARE = ("inspection", "displays")  # take long: one seed in ten of theirs


def name_of(seed):
    """The case that a seed is."""
    name = list(CASES)[seed % len(CASES)]
    return "refusals" if name in RARE and seed // len(CASES) % 10 else name.removesuffix(" again")


def run(seed):
    """Make a case; returns how many public calls it made."""
    draw = Draw(seed)
    with warnings.catch_warnings(), np.errstate(divide="warn", over="warn", invalid="warn"):
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", category=UserWarning, message="X has channels that vary little")
        warnings.filterwarnings("ignore", category=UserWarning, message="early_stopping holds out")
        CASES[name_of(seed)](draw)
    return draw.n_calls


# ------------------------------------------------------------------------------------------------
# many of them


def outcomes(seeds, deadline):
    """Seed, calls and error (or None) of each case, also of one that ends its process."""
    at = 0
    while at < len(seeds) and time.monotonic() < deadline:
        begun = at
        for seed, n_calls, error in outcomes_of_child(seeds[at:], deadline):
            at += 1
            yield seed, n_calls, error
        if begun == at and time.monotonic() < deadline:
            raise RuntimeError(f"the child ended before seed {seeds[at]} was tried")


def outcomes_of_child(seeds, deadline):
    """What comes of these seeds in one child process, as far as it gets."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            for seed in seeds:
                if time.monotonic() > deadline:
                    break
                os.write(write, f"{seed}\n".encode())
                signal.alarm(SECONDS)
                try:
                    line = json.dumps([run(seed), None])
                except BaseException:
                    line = json.dumps([0, traceback.format_exc()[-3000:]])
                signal.alarm(0)
                os.write(write, f"{line}\n".encode())
        finally:
            os._exit(0)
    os.close(write)
    seed = None
    with os.fdopen(read, "r") as pipe:
        for line in pipe:
            if seed is None:
                seed = int(line)
            else:
                yield (seed, *json.loads(line))
                seed = None
    status = os.waitpid(child, 0)[1]
    if seed is not None:
        how = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"exit {status}"
        yield seed, 0, f"the process was ended: {how}"


def fuzz(first, seconds=None, calls=None, cases=None, progress=lambda line: None):
    """Make cases from a seed on, until the seconds, calls or cases are used up.

    Returns
    -------
    dict
        "calls", "cases", "first_seed", "by_case" (cases of each name), "failed": {seed: traceback}.
    """
    deadline = time.monotonic() + (np.inf if seconds is None else seconds)
    counted, failed, made = Counter(), {}, 0
    seeds = range(first, first + (cases or 10**9))
    shown = time.monotonic()
    for seed, n_calls, error in outcomes(seeds, deadline):
        made += n_calls
        counted[name_of(seed)] += 1
        if error is not None:
            failed[seed] = error
            progress(f"seed {seed} ({name_of(seed)}) failed:\n{error}")
        if time.monotonic() > shown + 30:
            shown = time.monotonic()
            progress(f"{counted.total()} cases, {made} calls, {len(failed)} failed")
        if calls is not None and made >= calls:
            break
    return {
        "first_seed": first,
        "cases": counted.total(),
        "calls": made,
        "by_case": dict(counted),
        "failed": failed,
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="the first")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--calls", type=int)
    parser.add_argument("--cases", type=int)
    parser.add_argument("--json", help="file for the result")
    options = parser.parse_args()
    if os.environ.get("SKLSTM_INSTRUMENTED") == "asan":
        import instrumented_arrays  # noqa: F401 - no slack behind the arrays of the kernel
    start = time.monotonic()
    result = fuzz(options.seed, options.seconds, options.calls, options.cases, partial(print, flush=True))
    result["seconds"] = round(time.monotonic() - start)
    print(
        f"{result['cases']} cases, {result['calls']} calls, from seed {options.seed}, {result['seconds']} s, "
        f"{len(result['failed'])} failed: {sorted(result['failed'])}"
    )
    if options.json:
        with open(options.json, "w") as file:
            json.dump(result, file, indent=1)
            file.write("\n")
    return bool(result["failed"])


if __name__ == "__main__":
    sys.exit(main())
