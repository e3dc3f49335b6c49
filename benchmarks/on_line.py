"""On-line learning, one update a sequence, on nets of the paper's size: ns a time step beside numba.

    python benchmarks/on_line.py [--json benchmarks/results/on_line.json]

needs numba. Rows: the adding problem (T = 100, 2 inputs, 1 output) and the embedded Reber grammar (7 symbols,
error at every step), each with the network of 1997 and the truncated gradient ("paper"), and with the
network of the rival ("alike": 4 blocks of one cell, forget gates, recurrence of the cells, full gradient).
The rival is a loop by hand in numba, the strongest thing that a user would write: LSTM with forget gates,
4 cells, backpropagation through time, an epoch in one compiled call. One thread, pinned; the systems take
turns; the median of CPU time counts, and the ratio is of one run.
"""

import argparse
import json
import math
import os
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import numba
import numpy as np

import sklstm
from sklstm import Network, Sequences
from sklstm._kernel import Kernel
from sklstm._training import Settings, Trainer

RATE = 0.01
CELLS = 4
PAPER = {
    "forget_gate": False,
    "recurrence": "all",
    "cell_input_activation": "logistic[-2,2]",
    "cell_output_activation": "logistic[-1,1]",
}
REBER = {  # state -> (symbol, next state), two ways each; symbols BTPSXVE
    1: ((1, 2), (2, 3)),
    2: ((3, 2), (4, 4)),
    3: ((1, 3), (5, 5)),
    4: ((4, 3), (3, 6)),
    5: ((2, 4), (5, 6)),
}


def adding(rng, n=200, shortest=100):
    """Values and markers; the target is the scaled sum of the two marked values."""
    X, y = [], []
    for length in rng.integers(shortest, shortest + shortest // 10 + 1, n):
        x = np.zeros((length, 2))
        x[:, 0] = rng.uniform(-1, 1, length)
        x[[0, -1], 1] = -1
        first = rng.integers(1, 10)
        second = rng.choice(np.setdiff1d(np.arange(1, shortest // 2), [first]))
        x[[first, second], 1] = 1
        X.append(x)
        y.append(np.array([[0.5 + x[[first, second], 0].sum() / 4]]))
    return X, y


def embedded_reber(rng, n=400):
    """One-hot strings and, at each step, the symbol that follows."""
    X, y, eye = [], [], np.eye(7)
    for _ in range(n):
        state, inner = 1, [0]
        while state != 6:
            symbol, state = REBER[state][rng.integers(2)]
            inner.append(symbol)
        outer = int(rng.integers(1, 3))
        string = [0, outer, *inner, 6, outer, 6]
        X.append(eye[string[:-1]])
        y.append(eye[string[1:]])
    return X, y


def numba_epoch(n_inputs, n_outputs, every_step, real):
    """One compiled function that learns an epoch on-line; sizes are constants of the compiled code."""
    H, G = CELLS, 4 * CELLS
    one, half = real(1), real(0.5)

    @numba.njit(fastmath=True, error_model="numpy", inline="always")
    def logistic(x):
        return one / (one + math.exp(-x))

    @numba.njit(fastmath=True, error_model="numpy")
    def epoch(X, Y, offsets, rate, wx, wh, b, wo, bo, a, h, s, tanh_s, delta, dwx, dwh, db, dwo, dbo):
        loss = real(0)
        e_h, e_s = np.zeros(H, h.dtype), np.zeros(H, h.dtype)
        for q in range(len(offsets) - 1):
            start, T = offsets[q], offsets[q + 1] - offsets[q]
            for t in range(T):
                for u in range(G):
                    a[t, u] = b[u]
                for i in range(n_inputs):
                    for u in range(G):
                        a[t, u] += X[start + t, i] * wx[i, u]
                for j in range(H):
                    for u in range(G):
                        a[t, u] += h[t, j] * wh[j, u]
                for u in range(3 * H):
                    a[t, u] = logistic(a[t, u])
                for u in range(3 * H, G):
                    a[t, u] = logistic(a[t, u] + a[t, u]) / half - one
                for j in range(H):
                    s[t + 1, j] = a[t, H + j] * s[t, j] + a[t, j] * a[t, 3 * H + j]
                    tanh_s[t, j] = logistic(s[t + 1, j] + s[t + 1, j]) / half - one
                    h[t + 1, j] = a[t, 2 * H + j] * tanh_s[t, j]
            dwx[:], dwh[:], db[:], dwo[:], dbo[:], e_h[:], e_s[:] = 0, 0, 0, 0, 0, 0, 0
            for t in range(T - 1, -1, -1):
                if every_step or t == T - 1:
                    row = start + t if every_step else q
                    for k in range(n_outputs):
                        net = bo[k]
                        for j in range(H):
                            net += h[t + 1, j] * wo[j, k]
                        y = logistic(net)
                        error = y - Y[row, k]
                        loss += half * error * error
                        d = error * y * (one - y)
                        dbo[k] += d
                        for j in range(H):
                            dwo[j, k] += d * h[t + 1, j]
                            e_h[j] += d * wo[j, k]
                for j in range(H):
                    i, f, o, g = a[t, j], a[t, H + j], a[t, 2 * H + j], a[t, 3 * H + j]
                    d = e_s[j] + e_h[j] * o * (one - tanh_s[t, j] * tanh_s[t, j])
                    delta[j] = d * g * i * (one - i)
                    delta[H + j] = d * s[t, j] * f * (one - f)
                    delta[2 * H + j] = e_h[j] * tanh_s[t, j] * o * (one - o)
                    delta[3 * H + j] = d * i * (one - g * g)
                    e_s[j] = d * f
                for j in range(H):
                    total = real(0)
                    for u in range(G):
                        total += wh[j, u] * delta[u]
                        dwh[j, u] += h[t, j] * delta[u]
                    e_h[j] = total
                for i in range(n_inputs):
                    for u in range(G):
                        dwx[i, u] += X[start + t, i] * delta[u]
                for u in range(G):
                    db[u] += delta[u]
            for u in range(G):
                b[u] -= rate * db[u]
                for j in range(H):
                    wh[j, u] -= rate * dwh[j, u]
                for i in range(n_inputs):
                    wx[i, u] -= rate * dwx[i, u]
            for k in range(n_outputs):
                bo[k] -= rate * dbo[k]
                for j in range(H):
                    wo[j, k] -= rate * dwo[j, k]
        return loss

    return epoch


def rival(X, y, every_step, dtype):
    """The numba loop as a function of no argument, and its weights by name."""
    n_inputs, n_outputs = X[0].shape[1], y[0].shape[1]
    rng = np.random.default_rng(0)
    G, longest = 4 * CELLS, max(map(len, X))

    def array(*shape, random=False):
        return (rng.uniform(-0.5, 0.5, shape) if random else np.zeros(shape)).astype(dtype)

    weights = [
        array(*shape, random=True)
        for shape in ((n_inputs, G), (CELLS, G), (G,), (CELLS, n_outputs), (n_outputs,))
    ]
    work = (
        [array(longest + 1, width) for width in (G, CELLS, CELLS, CELLS)]
        + [array(G)]
        + [array(*w.shape) for w in weights]
    )
    flat, targets = np.concatenate(X).astype(dtype), np.concatenate(y).astype(dtype)
    offsets = np.append(0, np.cumsum([len(x) for x in X]))
    epoch = numba_epoch(n_inputs, n_outputs, every_step, np.dtype(dtype).type)
    return (lambda: epoch(flat, targets, offsets, dtype(RATE), *weights, *work)), weights


def ours(X, y, every_step, dtype, architecture, gradient):
    """An epoch of on-line learning in the kernel, as the estimators run it."""
    network = Network(
        X[0].shape[1],
        y[0].shape[1],
        output_activation="logistic",
        return_sequences=every_step,
        **architecture,
    )
    sequences = Sequences.from_lengths(np.concatenate(X).astype(dtype), [len(x) for x in X])
    targets = np.concatenate(y)
    settings = Settings(
        "squared_error", gradient, "sgd", RATE, 0.0, 0.0, None, "sequence", 1, 1, 0.0, 1, False, 0, 1
    )
    trainer = Trainer(
        Kernel(network, sequences.dtype),
        sequences,
        np.arange(len(X)),
        targets,
        np.ones(len(targets)),
        settings,
        network.init_weights(0, init_range=0.5),
    )
    rng = np.random.RandomState(0)
    return (lambda: trainer.epoch(rng)), trainer


def same_step(X, y, every_step):
    """Relative difference between the weights that both have after one epoch from the same weights."""
    run_rival, weights = rival(X, y, every_step, np.float64)
    run, trainer = ours(X, y, every_step, np.float64, {"n_blocks": CELLS}, "full")
    kernel, H = trainer.kernel, CELLS

    def flat(wx, wh, b, wo, bo):
        columns = np.concatenate([wx, wh, b[np.newaxis]]).T  # units x sources, i f o g
        views = dict.fromkeys(kernel.network.weight_shapes)
        views["input_gate"], views["forget_gate"] = columns[:H], columns[H : 2 * H]
        views["output_gate"], views["cell"] = columns[2 * H : 3 * H], columns[3 * H :]
        views["output"] = np.concatenate([wo, bo[np.newaxis]]).T
        return np.concatenate([views[name].ravel() for name in kernel.network.weight_shapes])

    trainer.w[:] = kernel.pack(flat(*weights))
    run_rival()
    run()
    expected = flat(*weights)
    return np.abs(trainer.weights - expected).max() / np.abs(expected).max()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--json")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(f"sklstm {sklstm.__version__}, numba {numba.__version__}, numpy {np.__version__}")
    print(f"{'task':<16}{'dtype':<9}{'network':<8}{'sklstm':>8}{'numba':>8}{'ratio':>7}   ns a time step")
    rows = []
    for name, make, every_step, blocks in (
        ("adding", adding, False, {"n_blocks": 2, "block_size": 2}),
        ("embedded Reber", embedded_reber, True, {"n_blocks": 4, "cell_bias": False, "output_bias": False}),
    ):
        X, y = make(np.random.default_rng(0))
        steps = sum(map(len, X))
        assert same_step(X, y, every_step) < 1e-9
        for dtype in (np.float32, np.float64):
            runs = {
                "numba": rival(X, y, every_step, dtype)[0],
                "paper": ours(X, y, every_step, dtype, PAPER | blocks, "truncated")[0],
                "alike": ours(X, y, every_step, dtype, {"n_blocks": CELLS}, "full")[0],
            }
            times = {system: [] for system in runs}
            for round_ in range(options.rounds + 1):
                for system, run in runs.items():
                    start = time.process_time()
                    run()
                    if round_:  # the first compiles
                        times[system].append((time.process_time() - start) / steps * 1e9)
            median = {system: float(np.median(values)) for system, values in times.items()}
            for network in ("paper", "alike"):
                row = {
                    "task": name,
                    "dtype": np.dtype(dtype).name,
                    "network": network,
                    "sklstm_ns": round(median[network], 1),
                    "numba_ns": round(median["numba"], 1),
                    "ratio": round(median["numba"] / median[network], 2),
                }
                rows.append(row)
                print("{task:<16}{dtype:<9}{network:<8}{sklstm_ns:>8}{numba_ns:>8}{ratio:>7}".format(**row))
    if options.json:
        with open(options.json, "w") as file:
            json.dump(
                {"sklstm": sklstm.__version__, "numba": numba.__version__, "rows": rows}, file, indent=1
            )
            file.write("\n")


if __name__ == "__main__":
    main()
