"""Loops by hand in numba, the strongest thing that a user would write for small networks.

LSTM with forget gates, backpropagation through time and plain gradient descent; a whole epoch is one compiled
call, and the sizes are constants of the compiled code, so that LLVM unrolls the loops over units.
"""

import math

import numba
import numpy as np
import workloads
from jobs import CELLS, NETWORKS
from worker import Prepared


def versions():
    """Versions of what runs here."""
    return {"numba": numba.__version__}


def prepare(job):
    """Make a job ready."""
    return stream() if job.workload == "C2" else on_line(job)


def compiled_epoch(n_inputs, H, n_outputs, every_step, indexed, real, peepholes=False, n_hidden_units=0):
    """Function that learns an epoch; `indexed`: a step's input is the index of the symbol.

    Output units are computed where there is an error, and so are the conventional hidden units, which nothing
    else reads; they need inputs that are not indexed.
    """
    G, N = 4 * H, n_hidden_units
    n_early = 2 * H if peepholes else 3 * H  # gates that do not wait for the new state
    one, half = real(1), real(0.5)

    @numba.njit(fastmath=True, error_model="numpy", inline="always")
    def logistic(x):
        return one / (one + math.exp(-x))

    @numba.njit(fastmath=True, error_model="numpy", inline="always")
    def tanh(x):
        return logistic(x + x) / half - one

    @numba.njit(fastmath=True, error_model="numpy")
    def forward(X, symbol, weights, work):
        wx, wh, b, _, _, p, _ = weights
        a, h, s, tanh_s, _ = work
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
            if peepholes:
                for j in range(H):
                    a[t, j] += p[0, j] * s[t, j]
                    a[t, H + j] += p[1, j] * s[t, j]
            for u in range(n_early):
                a[t, u] = logistic(a[t, u])
            for u in range(3 * H, G):
                a[t, u] = tanh(a[t, u])
            for j in range(H):
                s[t + 1, j] = a[t, H + j] * s[t, j] + a[t, j] * a[t, 3 * H + j]
                if peepholes:
                    a[t, 2 * H + j] = logistic(a[t, 2 * H + j] + p[2, j] * s[t + 1, j])
                tanh_s[t, j] = tanh(s[t + 1, j])
                h[t + 1, j] = a[t, 2 * H + j] * tanh_s[t, j]

    @numba.njit(fastmath=True, error_model="numpy")
    def backward(X, target, T, weights, work, gradients):
        _, wh, _, wo, bo, p, hidden = weights
        a, h, s, tanh_s, delta = work
        dwx, dwh, db, dwo, dbo, dp, dhidden = gradients
        e_h, e_s = np.zeros(H, h.dtype), np.zeros(H, h.dtype)
        y_hidden, delta_hidden = np.zeros(N, h.dtype), np.zeros(N, h.dtype)
        dwh[:], db[:], dwo[:], dbo[:], dp[:], dhidden[:] = 0, 0, 0, 0, 0, 0
        if not indexed:
            dwx[:] = 0
        for t in range(T - 1, -1, -1):
            if every_step or t == T - 1:
                for n in range(N):
                    net = hidden[n, n_inputs + H]
                    for i in range(n_inputs):
                        net += X[t, i] * hidden[n, i]
                    for j in range(H):
                        net += h[t, j] * hidden[n, n_inputs + j]
                    y_hidden[n] = logistic(net)
                    delta_hidden[n] = 0
                row = t if every_step else 0
                for k in range(n_outputs):
                    net = bo[k]
                    for j in range(H):
                        net += h[t + 1, j] * wo[j, k]
                    for n in range(N):
                        net += y_hidden[n] * wo[H + n, k]
                    y = logistic(net)
                    d = (y - target[row, k]) * y * (one - y)
                    dbo[k] += d
                    for j in range(H):
                        dwo[j, k] += d * h[t + 1, j]
                        e_h[j] += d * wo[j, k]
                    for n in range(N):
                        dwo[H + n, k] += d * y_hidden[n]
                        delta_hidden[n] += d * wo[H + n, k] * y_hidden[n] * (one - y_hidden[n])
                for n in range(N):
                    for i in range(n_inputs):
                        dhidden[n, i] += X[t, i] * delta_hidden[n]
                    for j in range(H):
                        dhidden[n, n_inputs + j] += h[t, j] * delta_hidden[n]
                    dhidden[n, n_inputs + H] += delta_hidden[n]
            for j in range(H):
                i, f, o, g = a[t, j], a[t, H + j], a[t, 2 * H + j], a[t, 3 * H + j]
                d_out = e_h[j] * tanh_s[t, j] * o * (one - o)
                d = e_s[j] + e_h[j] * o * (one - tanh_s[t, j] * tanh_s[t, j])
                if peepholes:
                    d += p[2, j] * d_out
                d_in, d_forget = d * g * i * (one - i), d * s[t, j] * f * (one - f)
                delta[t, j] = d_in
                delta[t, H + j] = d_forget
                delta[t, 2 * H + j] = d_out
                delta[t, 3 * H + j] = d * i * (one - g * g)
                e_s[j] = d * f
                if peepholes:
                    e_s[j] += p[0, j] * d_in + p[1, j] * d_forget
                    dp[0, j] += s[t, j] * d_in
                    dp[1, j] += s[t, j] * d_forget
                    dp[2, j] += s[t + 1, j] * d_out
            for j in range(H):
                total = real(0)
                for u in range(G):
                    total += wh[j, u] * delta[t, u]
                    dwh[j, u] += h[t, j] * delta[t, u]
                e_h[j] = total
            if every_step or t == T - 1:
                for n in range(N):
                    for j in range(H):
                        e_h[j] += hidden[n, n_inputs + j] * delta_hidden[n]
            if not indexed:
                for i in range(n_inputs):
                    for u in range(G):
                        dwx[i, u] += X[t, i] * delta[t, u]
            for u in range(G):
                db[u] += delta[t, u]

    @numba.njit(fastmath=True, error_model="numpy")
    def epoch(X, symbol, target, offsets, rows, rate, weights, work, gradients):
        wx, wh, b, wo, bo, p, hidden = weights
        dwx, dwh, db, dwo, dbo, dp, dhidden = gradients
        delta = work[4]
        for q in range(len(offsets) - 1):
            x, at = X[offsets[q] : offsets[q + 1]], symbol[offsets[q] : offsets[q + 1]]
            T = len(at)
            forward(x, at, weights, work)
            backward(x, target[rows[q] : rows[q + 1]], T, weights, work, gradients)
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
                for j in range(H + N):
                    wo[j, k] -= rate * dwo[j, k]
            if peepholes:
                for gate in range(3):
                    for j in range(H):
                        p[gate, j] -= rate * dp[gate, j]
            for n in range(N):
                for i in range(n_inputs + H + 1):
                    hidden[n, i] -= rate * dhidden[n, i]

    return epoch


def on_line(job):
    """An epoch, one update per sequence."""
    X, targets = workloads.on_line(job.workload, job.dtype)
    H, real, every_step = CELLS[job.workload], np.dtype(job.dtype).type, workloads.every_step(job.workload)
    if job.sparse:
        inputs, symbol = np.zeros((X.n_steps, 1), real), workloads.symbols(X)
    else:
        inputs, symbol = workloads.as_dense(X).values, np.zeros(X.n_steps, np.int64)
    before = workloads.on_line_weights(job.workload, job.dtype, job.variant)
    weights = tuple(w.copy() for w in before)
    longest = X.lengths.max()
    work = tuple(np.zeros((longest + 1, width), real) for width in (4 * H, H, H, H, 4 * H))
    gradients = tuple(np.zeros_like(w) for w in weights)
    more = NETWORKS[job.variant]
    epoch = compiled_epoch(X.n_features, H, targets.shape[1], every_step, job.sparse, real, **more)
    rows = X.offsets if every_step else np.arange(len(X) + 1)

    def run():
        epoch(inputs, symbol, targets, X.offsets, rows, real(workloads.RATE), weights, work, gradients)

    run()
    return Prepared(run, X.n_steps, result=workloads.changes(before, weights))


def stream():
    """One time step, called from Python; the state is changed in place."""
    real, (wx, wh, b, wo, bo, *_) = np.float32, workloads.prediction_weights()
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
