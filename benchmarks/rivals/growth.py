"""How time and memory grow with the work.

Time: nanoseconds a step over the length of a sequence, the width of one-hot inputs and the number of
sequences. Memory: what `fit` on B2 and what learning on a stream add to a process, beside torch.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import workloads
from ours import trainer_of

from sklstm import LSTMRegressor, Network, Sequences
from sklstm.tasks import make_adding, make_distractor_lag

REPEATS = 5
MOST_DENSE = 300  # inputs
MOST_CELL_STEPS = 4_000_000  # cells times steps whose activations are kept
LENGTHS = (100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
WIDTHS = (10, 30, 100, 300, 1000, 3000, 10_000, 30_000)
NUMBERS = (10, 30, 100, 300, 1000, 3000, 10_000)
STREAM = (10_000, 100_000, 1_000_000)


def ns_per_step(n_steps, run, *arguments, **options):
    """Nanoseconds a step of the fastest of some runs; so many calls at a time that the clock can tell."""
    calls = max(1, 20_000 // n_steps)
    run(*arguments, **options)
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        for _ in range(calls):
            run(*arguments, **options)
        seconds.append(time.process_time() - start)
    return round(min(seconds) / (calls * n_steps) * 1e9, 1)


def over_length():
    """One sequence: gradients and outputs of 4 cells, and the full gradient of 32."""
    rng = np.random.default_rng(0)
    curves = {}
    for label, n_blocks, gradient in (
        ("4 cells, truncated gradient", 4, "truncated"),
        ("4 cells, full gradient", 4, "full"),
        ("4 cells, outputs", 4, None),
        ("32 cells, full gradient", 32, "full"),
    ):
        network = Network(2, 1, n_blocks=n_blocks)
        weights = network.init_weights(0)
        curves[label] = []
        for length in LENGTHS:
            if length * n_blocks > MOST_CELL_STEPS:
                break
            X, y = Sequences.from_lengths(rng.uniform(-1, 1, (length, 2)), [length]), np.zeros((1, 1))
            if gradient is None:
                ns = ns_per_step(length, network.forward, weights, X)
            else:
                ns = ns_per_step(length, network.loss_and_gradient, weights, X, y, gradient=gradient)
            curves[label].append(ns)
    return {"x": LENGTHS, "curves": curves}


def over_width():
    """Experiment 2c with ever more symbols: an epoch on-line, inputs sparse and dense."""
    curves = {"on-line, sparse": [], "on-line, dense": []}
    for p in WIDTHS:
        X, y = make_distractor_lag(500, p=p, q=200, random_state=0)
        network = Network(X.n_features, 2, n_blocks=2, output_activation="logistic")
        for curve, form in zip(curves.values(), (workloads.as_sparse, workloads.as_dense)):
            if form is workloads.as_sparse or p <= MOST_DENSE:
                trainer = trainer_of(network, form(X), y, network.init_weights(0))
                curve.append(ns_per_step(X.n_steps, trainer.epoch, np.random.RandomState(0)))
    return {"x": WIDTHS, "curves": curves}


def over_number():
    """Adding with T = 100: an epoch of mini-batches, an epoch on-line, outputs."""
    curves = {"mini-batches": [], "on-line": [], "outputs": []}
    network = Network(2, 1, n_blocks=4)
    weights = network.init_weights(0)
    for number in NUMBERS:
        X, y = make_adding(number, 100, random_state=0)
        targets = y.reshape(len(X), -1)
        batches = trainer_of(network, X, targets, weights, update="batch", batch_size=32, solver="adam")
        on_line = trainer_of(network, X, targets, weights)
        rng = np.random.RandomState(0)
        curves["mini-batches"].append(ns_per_step(X.n_steps, batches.epoch, rng))
        curves["on-line"].append(ns_per_step(X.n_steps, on_line.epoch, rng))
        curves["outputs"].append(ns_per_step(X.n_steps, network.forward, weights, X))
    return {"x": NUMBERS, "curves": curves}


def time_growth():
    """All curves: x, and nanoseconds a step for each label."""
    return {"length": over_length(), "width": over_width(), "number": over_number()}


# ----------------------------------------------------------------------------------------------
# memory: each figure from a process of its own


def peak_added(run):
    """Bytes by which the peak of resident memory during `run` exceeds what was resident before (Linux)."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # forget the peak so far
    before = _status("VmRSS")
    run()
    return _status("VmHWM") - before


def _status(name):
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(name))
    return int(line.split()[1]) * 1024


def fit_memory(system):
    """Peak that three epochs of B2, full gradient, add to a process that has the data."""
    X, _, y = workloads.batches("B2")
    size = workloads.BATCHES["B2"]
    if system == "sklstm":
        few = LSTMRegressor(n_blocks=2, n_patches=None, max_iter=1, random_state=0)
        few.fit(X[:2, :3], y[:2])  # loads what the first call loads
        options = {"batch_size": size.batch_size, "max_iter": 3, "tol": 0.0, "random_state": 0}
        model = LSTMRegressor(n_blocks=size.n_cells, n_patches=None, **options)
        return peak_added(lambda: model.fit(X, y))
    import torch
    from torch_rival import learner, parts_of

    torch.set_num_threads(1)
    parts = parts_of("B2", "fixed")
    few = [(x[:2, :3], lengths, y[:2]) for x, lengths, y in parts[:1]]
    learner("B2", few, torch.optim.Adam, 0.001)[1]()  # loads what the first call loads
    _, epoch = learner("B2", parts, torch.optim.Adam, 0.001)
    return peak_added(lambda: [epoch() for _ in range(3)])


def stream_memory(n_steps):
    """Peak that learning on a stream of so many steps adds, in chunks of 1000 steps."""
    rng = np.random.default_rng(0)
    model = LSTMRegressor(
        n_blocks=4, gradient="truncated", update="step", return_sequences=True, random_state=0
    )

    def run(n_chunks):
        for _ in range(n_chunks):
            x = rng.uniform(-1, 1, (1000, 2))
            model.partial_fit([x], [x[:, 0]], continued=True)

    run(1)
    return peak_added(lambda: run(n_steps // 1000 - 1))


def memory():
    """Bytes that fits on B2 and streams add to the peak of a process."""

    def of(call):
        code = f"import json, growth; print(json.dumps(growth.{call}))"
        done = subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            cwd=Path(__file__).parent,
        )
        return json.loads(done.stdout)

    return {
        "fit on B2": {system: of(f"fit_memory({system!r})") for system in ("sklstm", "torch")},
        "stream": {str(n): of(f"stream_memory({n})") for n in STREAM},
    }
