"""The arrays that all systems get, and the initial weights, in a form that belongs to none of them.

Sizes and random distributions are those of a study of what users would run instead of this library, made when
it began: hidden sizes, lengths and batch sizes of the small nets of 1997 and of three usual larger ones. The
tasks are drawn by `sklstm.tasks`.

Weights are the arrays ``wx (I, 4 H)``, ``wh (H, 4 H)``, ``b (4 H,)``, ``wo (H + N, K)``, ``bo (K,)``,
``peepholes (3, H)`` and ``hidden (N, I + H + 1)``. Columns of the first three, and rows of the peepholes, are
in the order input gates, forget gates, output gates, cells; rows of ``wo`` are cells, then conventional
hidden units, whose columns in ``hidden`` are inputs, cells and bias. Without peepholes these have no rows.
"""

import time
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from jobs import CELLS, NETWORKS
from scipy import sparse

from sklstm import Sequences
from sklstm.paper import EXPERIMENTS
from sklstm.paper._trial import Trial

RATE, ADAM_RATE = 0.01, 0.001
FORGET_BIAS = 3.0


class OnLine(NamedTuple):
    """A task of 1997: row of the paper's table, and sequences of an epoch."""

    experiment: str
    n_sequences: int


ON_LINE = {
    "A1": OnLine("4-1", 200),
    "A2": OnLine("4-3", 40),
    "A3": OnLine("1-1", 400),
    "A4": OnLine("6b", 200),
    "A5": OnLine("2c-5", 24),
}


@dataclass(frozen=True)
class Batches:
    """Sizes of a workload with mini-batches."""

    n_cells: int
    batch_size: int
    n_steps: int
    n_inputs: int
    n_batches: int


BATCHES = {
    "B1": Batches(32, 32, 100, 8, 10),
    "B2": Batches(128, 64, 200, 64, 2),
    "B3": Batches(512, 64, 100, 128, 1),
}
PREDICT = Batches(32, 10_000, 100, 8, 1)
SEARCH = {
    "n_cells": 32,
    "rates": [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2],
    "folds": 3,
    "epochs": 10,
    "batch_size": 32,
}
STREAM_STEPS = 100  # steps of a stream whose outputs are compared


@cache
def on_line(workload, dtype):
    """X as `Sequences`, and targets (n_targets, n_outputs), of an epoch."""
    task = ON_LINE[workload]
    experiment = EXPERIMENTS[task.experiment]
    trial = Trial(experiment, experiment.of("paper").arguments | {"dtype": dtype}, seed=0)
    X, targets = trial.draw(task.n_sequences)
    return X, targets.astype(dtype)


def as_dense(X):
    """The same sequences with dense inputs."""
    return Sequences.from_lengths(X.values.toarray(), X.lengths) if X.is_sparse else X


def as_sparse(X):
    """The same sequences with sparse inputs."""
    return X if X.is_sparse else Sequences.from_lengths(sparse.csr_matrix(X.values), X.lengths)


def symbols(X):
    """Index of the one input that is not 0, for each step."""
    values = as_sparse(X).values
    if values.nnz != X.n_steps:
        raise ValueError("The inputs are not one-hot.")
    return values.indices.astype(np.int64)


def every_step(workload):
    """Whether there is an error at every step, not only at the last."""
    return workload == "A3"


def initial_weights(n_inputs, n_cells, n_outputs, dtype, peepholes=False, n_hidden_units=0):
    """Uniform in +-1/sqrt(n_cells), as torch draws them, with forget gates that are open at first.

    So errors live as long as the sequences. With closed gates they would shrink to denormal numbers, which
    take some processors a hundred cycles each where they are not flushed to zero: that would be measured.
    """
    bound = 1 / np.sqrt(n_cells)
    rng = np.random.default_rng(0)
    shapes = (
        (n_inputs, 4 * n_cells),
        (n_cells, 4 * n_cells),
        (4 * n_cells,),
        (n_cells + n_hidden_units, n_outputs),
        (n_outputs,),
        (3 * peepholes, n_cells),
        (n_hidden_units, n_inputs + n_cells + 1),
    )
    weights = [rng.uniform(-bound, bound, shape).astype(dtype) for shape in shapes]
    weights[2][n_cells : 2 * n_cells] = FORGET_BIAS
    return weights


def on_line_weights(workload, dtype, network="alike"):
    """Initial weights of one of `NETWORKS`."""
    X, targets = on_line(workload, dtype)
    return initial_weights(X.n_features, CELLS[workload], targets.shape[1], dtype, **NETWORKS[network])


@cache
def batches(workload, variable=False):
    """X (n_sequences, n_steps, n_inputs), lengths and y (n_sequences, 1); float32."""
    size = BATCHES[workload]
    rng = np.random.default_rng(0)
    n = size.batch_size * size.n_batches
    X = rng.standard_normal((n, size.n_steps, size.n_inputs), dtype=np.float32)
    lengths = rng.integers(size.n_steps // 2, size.n_steps + 1, n) if variable else np.full(n, size.n_steps)
    return X, lengths, rng.standard_normal((n, 1), dtype=np.float32)


def layer_weights(workload, n_layers=1, bidirectional=False):
    """Initial weights of B1, B2 or B3: [wx, wh, b] of each layer and direction, then wo and bo."""
    size, n_directions = BATCHES[workload], 1 + bidirectional
    weights, n_inputs = [], size.n_inputs
    for _ in range(n_layers):
        for _ in range(n_directions):
            weights += initial_weights(n_inputs, size.n_cells, 1, np.float32)[:3]
        n_inputs = n_directions * size.n_cells
    *_, wo, bo = initial_weights(1, n_inputs, 1, np.float32)[:5]
    return [*weights, wo, bo]


@cache
def inputs_to_predict():
    """X (10,000, 100, 8), float32."""
    shape = (PREDICT.batch_size, PREDICT.n_steps, PREDICT.n_inputs)
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def prediction_weights():
    """Weights for C1 and C2: one linear output."""
    return initial_weights(PREDICT.n_inputs, PREDICT.n_cells, 1, np.float32)


def to_search():
    """X (200, 50, 8) and y (200,), float32."""
    X = np.random.default_rng(0).standard_normal((200, 50, 8), dtype=np.float32)
    return X, X[:, 10, 0] + X[:, 30, 1]


def changes(before, after):
    """What an epoch did to the weights, as one float64 vector."""
    return np.concatenate(
        [(np.asarray(b, float) - np.asarray(a, float)).ravel() for a, b in zip(before, after)]
    )


def fastest(run, choices):
    """Return the argument with which `run` takes the least time; each is tried some times."""
    seconds = {}
    for choice in choices:
        run(choice)
        seconds[choice] = min(_seconds(run, choice) for _ in range(2))
    return min(seconds, key=seconds.get)


def _seconds(run, choice):
    start = time.process_time()
    run(choice)
    return time.process_time() - start
