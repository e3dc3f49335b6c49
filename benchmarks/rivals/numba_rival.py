"""Loops by hand in numba, the strongest thing that a user would write for small networks.

LSTM with forget gates, backpropagation through time and plain gradient descent; a whole epoch is one compiled
call, and the sizes are constants of the compiled code, so that LLVM unrolls the loops over units.
"""

import math

import numba
import numpy as np
import workloads
from jobs import CELLS
from worker import Prepared


def versions():
    """Versions of what runs here."""
    return {"numba": numba.__version__}


def prepare(job):
    """Make a job ready."""
    return stream() if job.workload == "C2" else on_line(job)


def compiled_epoch(n_inputs, H, n_outputs, every_step, indexed, real):
    """Function that learns an epoch; `indexed`: a step's input is the index of the symbol."""
    G = 4 * H
    one, half = real(1), real(0.5)

    @numba.njit(fastmath=True, error_model="numpy", inline="always")
    def logistic(x):
        return one / (one + math.exp(-x))

    @numba.njit(fastmath=True, error_model="numpy", inline="always")
    def tanh(x):
        return logistic(x + x) / half - one

    @numba.njit(fastmath=True, error_model="numpy")
    def forward(X, symbol, wx, wh, b, a, h, s, tanh_s):
        for t in range(len(symbol)):
            for u in range(G):
                a[t, u] = b[u]
            if indexed:
                for u in range(G):
                    a[t, u] += wx[symbol[t], u]
            else:
                for i in range(n_inputs):
                    for u in range(G):
                        a[t, u] += X[t, i] * wx[i, u]
            for j in range(H):
                for u in range(G):
                    a[t, u] += h[t, j] * wh[j, u]
            for u in range(3 * H):
                a[t, u] = logistic(a[t, u])
            for u in range(3 * H, G):
                a[t, u] = tanh(a[t, u])
            for j in range(H):
                s[t + 1, j] = a[t, H + j] * s[t, j] + a[t, j] * a[t, 3 * H + j]
                tanh_s[t, j] = tanh(s[t + 1, j])
                h[t + 1, j] = a[t, 2 * H + j] * tanh_s[t, j]

    @numba.njit(fastmath=True, error_model="numpy")
    def backward(X, target, T, wh, wo, bo, a, h, s, tanh_s, delta, dwx, dwh, db, dwo, dbo):
        e_h, e_s = np.zeros(H, h.dtype), np.zeros(H, h.dtype)
        dwh[:], db[:], dwo[:], dbo[:] = 0, 0, 0, 0
        if not indexed:
            dwx[:] = 0
        for t in range(T - 1, -1, -1):
            if every_step or t == T - 1:
                row = t if every_step else 0
                for k in range(n_outputs):
                    net = bo[k]
                    for j in range(H):
                        net += h[t + 1, j] * wo[j, k]
                    y = logistic(net)
                    d = (y - target[row, k]) * y * (one - y)
                    dbo[k] += d
                    for j in range(H):
                        dwo[j, k] += d * h[t + 1, j]
                        e_h[j] += d * wo[j, k]
            for j in range(H):
                i, f, o, g = a[t, j], a[t, H + j], a[t, 2 * H + j], a[t, 3 * H + j]
                d = e_s[j] + e_h[j] * o * (one - tanh_s[t, j] * tanh_s[t, j])
                delta[t, j] = d * g * i * (one - i)
                delta[t, H + j] = d * s[t, j] * f * (one - f)
                delta[t, 2 * H + j] = e_h[j] * tanh_s[t, j] * o * (one - o)
                delta[t, 3 * H + j] = d * i * (one - g * g)
                e_s[j] = d * f
            for j in range(H):
                total = real(0)
                for u in range(G):
                    total += wh[j, u] * delta[t, u]
                    dwh[j, u] += h[t, j] * delta[t, u]
                e_h[j] = total
            if not indexed:
                for i in range(n_inputs):
                    for u in range(G):
                        dwx[i, u] += X[t, i] * delta[t, u]
            for u in range(G):
                db[u] += delta[t, u]

    @numba.njit(fastmath=True, error_model="numpy")
    def epoch(
        X,
        symbol,
        target,
        offsets,
        rows,
        rate,
        wx,
        wh,
        b,
        wo,
        bo,
        a,
        h,
        s,
        tanh_s,
        delta,
        dwx,
        dwh,
        db,
        dwo,
        dbo,
    ):
        for q in range(len(offsets) - 1):
            x, at = X[offsets[q] : offsets[q + 1]], symbol[offsets[q] : offsets[q + 1]]
            T = len(at)
            forward(x, at, wx, wh, b, a, h, s, tanh_s)
            y = target[rows[q] : rows[q + 1]]
            backward(x, y, T, wh, wo, bo, a, h, s, tanh_s, delta, dwx, dwh, db, dwo, dbo)
            if indexed:
                for t in range(T):
                    for u in range(G):
                        wx[at[t], u] -= rate * delta[t, u]
            else:
                for i in range(n_inputs):
                    for u in range(G):
                        wx[i, u] -= rate * dwx[i, u]
            for u in range(G):
                b[u] -= rate * db[u]
                for j in range(H):
                    wh[j, u] -= rate * dwh[j, u]
            for k in range(n_outputs):
                bo[k] -= rate * dbo[k]
                for j in range(H):
                    wo[j, k] -= rate * dwo[j, k]

    return epoch


def on_line(job):
    """An epoch, an update a sequence."""
    X, targets = workloads.on_line(job.workload, job.dtype)
    H, real, every_step = CELLS[job.workload], np.dtype(job.dtype).type, workloads.every_step(job.workload)
    if job.sparse:
        inputs, symbol = np.zeros((X.n_steps, 1), real), workloads.symbols(X)
    else:
        inputs, symbol = workloads.as_dense(X).values, np.zeros(X.n_steps, np.int64)
    before = workloads.on_line_weights(job.workload, job.dtype)
    weights = [w.copy() for w in before]
    longest = X.lengths.max()
    work = [np.zeros((longest + 1, width), real) for width in (4 * H, H, H, H, 4 * H)]
    work += [np.zeros_like(w) for w in weights]
    epoch = compiled_epoch(X.n_features, H, targets.shape[1], every_step, job.sparse, real)
    rows = X.offsets if every_step else np.arange(len(X) + 1)

    def run():
        epoch(inputs, symbol, targets, X.offsets, rows, real(workloads.RATE), *weights, *work)

    run()
    return Prepared(run, X.n_steps, result=workloads.changes(before, weights))


def stream():
    """One time step, called from Python; the state is changed in place."""
    real, (wx, wh, b, wo, bo) = np.float32, workloads.prediction_weights()
    n_inputs, H = len(wx), len(wh)
    one, half = real(1), real(0.5)

    @numba.njit(fastmath=True, error_model="numpy", inline="always")
    def logistic(x):
        return one / (one + math.exp(-x))

    @numba.njit(fastmath=True, error_model="numpy")
    def step(x, h, s, a, wx, wh, b, wo, bo):
        for u in range(4 * H):
            a[u] = b[u]
        for i in range(n_inputs):
            for u in range(4 * H):
                a[u] += x[i] * wx[i, u]
        for j in range(H):
            for u in range(4 * H):
                a[u] += h[j] * wh[j, u]
        for u in range(3 * H):
            a[u] = logistic(a[u])
        for u in range(3 * H, 4 * H):
            a[u] = logistic(a[u] + a[u]) / half - one
        y = bo[0]
        for j in range(H):
            s[j] = a[H + j] * s[j] + a[j] * a[3 * H + j]
            h[j] = a[2 * H + j] * (logistic(s[j] + s[j]) / half - one)
            y += h[j] * wo[j, 0]
        return y

    rows = list(workloads.inputs_to_predict()[0])
    state = np.zeros(H, real), np.zeros(H, real), np.zeros(4 * H, real)
    weights = wx, wh, b, wo, bo
    result = np.array([step(x, *state, *weights) for x in rows])

    def run():
        for x in rows:
            step(x, *state, *weights)

    return Prepared(run, len(rows), "call", result[:, np.newaxis])
