"""The slow, independent twin of the library: Long Short-Term Memory straight from its equations.

Plain loops over steps, blocks and cells in float64; nothing here is shared with the library.

With sources ``z(t) = [x(t), recurrent activations of step t-1, 1]``, cell v of block j, and
conventional units n, one step is (Hochreiter & Schmidhuber 1997, "Long Short-Term Memory", Neural
Computation 9(8); forget gate: Gers et al. 2000; peepholes p: Gers et al. 2002)::

    y_in      = f(W_in z      + p_in s(t-1))        input gate of the block; absent: 1
    y_forget  = f(W_forget z  + p_forget s(t-1))    forget gate; absent: 1
    s(t)      = y_forget s(t-1) + y_in g(W_c z)     internal state
    y_out     = f(W_out z     + p_out s(t))         output gate, sees the new state; absent: 1
    y_c       = y_out h(s(t))                       cell output
    y_n       = f(W_n z)                            conventional hidden unit
    y_k       = f_k(V q)                            with q(t) = [y_c, y_n, x(t) if shortcut, 1]

Three derivations of the gradient: the paper's truncated one by partials ds/dw carried forwards, the
complete one by real-time recurrent learning, and both by central differences - the truncated one
with the recurrent sources, and the states that the peepholes see, frozen at their recorded values.

Sizes: T steps, I inputs, B blocks of S cells, C = B S, N conventional units, K outputs, R recurrent
activations, P parameters. ``net`` is any object with the attributes of the topology, ``v`` a dict
of weights with the keys and shapes of `layout`, and a state a pair ``(activations (R,), cell_states
(C,))``: what the first step sees of the one before. A row of weights shorter than its sources lacks
the last of them, the bias.
"""

from types import SimpleNamespace

import numpy as np
from scipy.special import expit, logsumexp, softmax

LOGISTIC = {"logistic": (0, 1), "logistic[-1,1]": (-1, 1), "logistic[-2,2]": (-2, 2)}  # f, h, g


def squash(name, x):
    """Squashing function `name`: a key of `LOGISTIC` (the range), "tanh" or "identity"."""
    if name in LOGISTIC:
        low, high = LOGISTIC[name]
        return low + (high - low) * expit(x)
    return {"tanh": np.tanh, "identity": np.copy}[name](x)


def squash_slope(name, y):
    """Derivative of `squash` where its value is `y`."""
    if name in LOGISTIC:
        low, high = LOGISTIC[name]
        return (y - low) * (high - y) / (high - low)
    return {"tanh": (1 - y) * (1 + y), "identity": np.ones_like(y)}[name]


def recurring(net, y_c, y_in, y_forget, y_out, y_n):
    """Those of the hidden activations (or of their derivatives) that recur, one below the other."""
    parts = [y_c[:0]]
    if net.recurrence != "none":
        parts.append(y_c)
    if net.recurrence in ("gates", "all"):
        parts += [y_in] if net.input_gate else []
        parts += [y_forget] if net.forget_gate else []
        parts += [y_out] if net.output_gate else []
        parts += [y_n]
    return np.concatenate(parts)


def seen(net, key, z):
    """Those of the sources z of the hidden layer (or of their derivatives) that units `key` see."""
    if net.recurrence == "gates" and key in ("cell", "hidden"):
        return np.concatenate([z[: net.n_inputs], z[-1:]])
    return z


def n_recurrent(net):
    """R, the number of recurrent activations."""
    cells, gates = np.zeros(net.n_blocks * net.block_size), np.zeros(net.n_blocks)
    return recurring(net, cells, gates, gates, gates, np.zeros(net.n_hidden_units)).size


def layout(net):
    """Shape of every array of weights, in their order in the flat vector; what is absent is not."""
    B, S, N = net.n_blocks, net.block_size, net.n_hidden_units
    z, q = net.n_inputs + n_recurrent(net), B * S + N + net.n_inputs * net.shortcut
    gates = [key for key in ("input_gate", "forget_gate", "output_gate") if getattr(net, key)]
    others = (net.n_inputs if net.recurrence == "gates" else z) + net.cell_bias
    shapes = {"cell": (B * S, others)}
    shapes |= {gate: (B, z + net.gate_bias) for gate in gates}
    shapes |= {"hidden": (N, others)}
    shapes |= {f"{gate}_peephole": (B, S) for gate in gates if net.peepholes}
    shapes |= {"output": (net.n_outputs, q + net.output_bias)}
    return {key: shape for key, shape in shapes.items() if shape[0] > 0}


def n_weights(net):
    """Number of weights, peepholes and biases included."""
    return sum(rows * columns for rows, columns in layout(net).values())


def split(net, flat):
    """Views of a flat vector of weights under the keys of `layout`."""
    v, start = {}, 0
    for key, (rows, columns) in layout(net).items():
        v[key] = flat[start : start + rows * columns].reshape(rows, columns)
        start += rows * columns
    return v


def join(net, v):
    """The inverse of `split`: one new flat vector."""
    return np.concatenate([np.ravel(v[key]) for key in layout(net)])


def block(net, b):
    """The cells of block `b`: a range, to loop over or to index with."""
    return range(b * net.block_size, (b + 1) * net.block_size)


def blocks_and_cells(net):
    """Pairs (block, cell), all cells in order."""
    return [(b, c) for b in range(net.n_blocks) for c in block(net, b)]


def net_input(v, key, u, z, peeped=None):
    """Net input of unit `u` of a group. An absent gate is open: f(inf) = 1, and f' = 0."""
    if key not in v:
        return np.inf
    row = v[key][u]
    total = row @ z[: row.size]
    if f"{key}_peephole" in v:
        total += v[f"{key}_peephole"][u] @ peeped
    return total


def outputs(net, net_k):
    """y_k (K,) of the net inputs (K,)."""
    if net.output_activation == "softmax":
        return softmax(net_k)
    return squash(net.output_activation, net_k)


def forward_step(net, v, x, recurrent, s_before, peeped=None):
    """One step. `peeped` = (s(t-1), s(t)) as peepholes see them, if not the live states."""
    B, C, N, K = net.n_blocks, net.n_blocks * net.block_size, net.n_hidden_units, net.n_outputs
    now = SimpleNamespace(x=x, recurrent=recurrent, s_before=s_before, s=np.zeros(C))
    now.z = np.concatenate([x, recurrent, [1.0]])
    peeped_before, peeped_now = (s_before, now.s) if peeped is None else peeped
    now.net_in, now.net_forget, now.net_out = np.zeros((3, B))
    now.y_in, now.y_forget, now.y_out = np.zeros((3, B))
    now.net_c, now.g, now.h, now.y_c = np.zeros((4, C))
    now.net_n, now.y_n = np.zeros((2, N))

    for b in range(B):
        cells = block(net, b)
        now.net_in[b] = net_input(v, "input_gate", b, now.z, peeped_before[cells])
        now.y_in[b] = squash("logistic", now.net_in[b])
        now.net_forget[b] = net_input(v, "forget_gate", b, now.z, peeped_before[cells])
        now.y_forget[b] = squash("logistic", now.net_forget[b])
        for c in cells:
            now.net_c[c] = net_input(v, "cell", c, seen(net, "cell", now.z))
            now.g[c] = squash(net.cell_input_activation, now.net_c[c])
            now.s[c] = now.y_forget[b] * s_before[c] + now.y_in[b] * now.g[c]
        now.net_out[b] = net_input(v, "output_gate", b, now.z, peeped_now[cells])
        now.y_out[b] = squash("logistic", now.net_out[b])
        for c in cells:
            now.h[c] = squash(net.cell_output_activation, now.s[c])
            now.y_c[c] = now.y_out[b] * now.h[c]
    for n in range(N):
        now.net_n[n] = net_input(v, "hidden", n, seen(net, "hidden", now.z))
        now.y_n[n] = squash("logistic", now.net_n[n])

    now.activations = recurring(net, now.y_c, now.y_in, now.y_forget, now.y_out, now.y_n)
    now.q = np.concatenate([now.y_c, now.y_n, x[: net.n_inputs * net.shortcut], [1.0]])
    now.net_k = np.array([net_input(v, "output", k, now.q) for k in range(K)])
    now.y = outputs(net, now.net_k)
    return now


def zero_state(net):
    """Activations and internal states before the first step."""
    return np.zeros(n_recurrent(net)), np.zeros(net.n_blocks * net.block_size)


def forward(net, v, x, state=None, frozen=None):
    """Run over one sequence.

    Parameters
    ----------
    v : dict of the weights, as from `split`
    x : (T, I)
    state : (activations (R,), cell_states (C,)), default zeros
    frozen : an earlier result; its recurrent sources, and its states where peepholes see them, are
        then constants in place of the live ones

    Returns
    -------
    Every quantity of `forward_step` stacked over time, (T, .): x, z, recurrent (the sources),
    s_before, net_in, net_forget, net_out, net_c, net_n, y_in, y_forget, y_out, g, s, h, y_c, y_n,
    activations, q, net_k, y; and ``steps``, their list, and ``final_state``.
    """
    state = zero_state(net) if state is None else state
    steps = []
    for t, x_t in enumerate(np.asarray(x, float)):
        recurrent, s_before = state
        peeped = None
        if frozen is not None:
            recurrent, peeped = frozen.recurrent[t], (frozen.s_before[t], frozen.s[t])
        steps.append(forward_step(net, v, x_t, recurrent, s_before, peeped))
        state = steps[-1].activations, steps[-1].s
    over_time = {key: np.array([getattr(now, key) for now in steps]) for key in vars(steps[0])}
    return SimpleNamespace(**over_time, steps=steps, final_state=state)


def targets_by_step(net, y, n_steps):
    """{t: target (K,)} of the steps at which an error is injected: all of them, or the last."""
    steps = range(n_steps) if net.return_sequences else [n_steps - 1]
    return dict(zip(steps, np.reshape(y, (len(steps), net.n_outputs)), strict=True))


def other_loss(kind, y, t):
    """Loss of one output, and its derivative by it, case by case; Huber with 1.35, the median's pinball."""
    if kind == "absolute_error":
        return (y - t, 1) if y > t else (t - y, -1)
    if kind == "huber" and abs(y - t) <= 1.35:
        return (y - t) ** 2 / 2, y - t
    if kind == "huber":
        return 1.35 * abs(y - t) - 1.35**2 / 2, 1.35 if y > t else -1.35
    if kind == "quantile":
        return (0.5 * (y - t), 0.5) if y > t else (0.5 * (t - y), -0.5)
    if kind == "poisson":
        least = t - t * np.log(t) if t > 0 else 0
        return np.exp(y) - t * y - least, np.exp(y) - t
    raise ValueError(kind)


def step_loss(net, net_k, target, kind):
    """Loss of one step; the log loss from net inputs, -log f(x) = log(1 + exp(-x))."""
    if kind not in ("squared_error", "log_loss"):
        return sum(other_loss(kind, *pair)[0] for pair in zip(outputs(net, net_k), target, strict=True))
    if kind == "squared_error":
        return 0.5 * np.sum((outputs(net, net_k) - target) ** 2)
    if net.output_activation == "softmax":
        return np.sum(target * (logsumexp(net_k) - net_k))
    return np.sum(target * np.logaddexp(0, -net_k) + (1 - target) * np.logaddexp(0, net_k))


def output_delta(net, y, target, kind):
    """Derivative of `step_loss` with respect to the net inputs of the output units."""
    soft = net.output_activation == "softmax"
    if kind == "log_loss":
        return y * np.sum(target) - target if soft else y - target
    error = y - target
    if kind != "squared_error":
        error = np.array([other_loss(kind, *pair)[1] for pair in zip(y, target, strict=True)])
    return y * (error - error @ y) if soft else error * squash_slope(net.output_activation, y)


def loss(net, net_k, y, kind, weight=1.0):
    """Loss of a sequence from its outputs' net inputs (T, K).

    `kind` is "squared_error", 1/2 sum (y_k - t_k)^2, or "log_loss" in nats: logistic outputs
    -sum t_k log y_k + (1 - t_k) log(1 - y_k), softmax -sum t_k log y_k.
    """
    targets = targets_by_step(net, y, len(net_k))
    return weight * sum(step_loss(net, net_k[t], targets[t], kind) for t in targets)


class Partials:
    """ds/dw of every cell for the weights that reach its state: cell, input and forget gate.

    ``dS[key][c]`` has the shape of the row of weights: the cell's own, or its block's gate's. No
    partial passes through a recurrent activation or a peephole: that is the truncation.
    """

    def __init__(self, net):
        keys = "cell", "input_gate", "forget_gate", "input_gate_peephole", "forget_gate_peephole"
        C, shapes = net.n_blocks * net.block_size, layout(net)
        self.net = net
        self.dS = {key: np.zeros((C, shapes[key][1])) for key in keys if key in shapes}

    def advance(self, now):
        """dS(t) = y_forget dS(t-1) + (derivative of this step's increment)."""
        for b, c in blocks_and_cells(self.net):
            slopes = state_slopes(self.net, now, b, c)
            for key, dS in self.dS.items():
                unit = key.removesuffix("_peephole")
                source = now.s_before[block(self.net, b)]
                if unit == key:
                    source = seen(self.net, key, now.z)
                dS[c] = now.y_forget[b] * dS[c] + slopes[unit] * source[: dS.shape[1]]

    def gradient(self, v, now, delta_k):
        """Gradient of the error `delta_k` injected at this step, under the keys of `layout`."""
        grad = {key: np.zeros(shape) for key, shape in layout(self.net).items()}
        delta_out, e_s, delta_n = hidden_errors(self.net, v, now, delta_k)
        deltas = {"output_gate": delta_out, "hidden": delta_n, "output": delta_k}
        for key in deltas.keys() & grad.keys():
            source = now.q if key == "output" else seen(self.net, key, now.z)
            grad[key] += np.outer(deltas[key], source[: grad[key].shape[1]])
        for b, c in blocks_and_cells(self.net):
            if "output_gate_peephole" in grad:
                grad["output_gate_peephole"][b, c % self.net.block_size] = delta_out[b] * now.s[c]
            for key, dS in self.dS.items():
                grad[key][c if key == "cell" else b] += e_s[c] * dS[c]
        return grad


def state_slopes(net, now, b, c):
    """Derivative of s_c(t) by the net inputs of the three units that change it at this step."""
    return {
        "cell": now.y_in[b] * squash_slope(net.cell_input_activation, now.g[c]),
        "input_gate": now.g[c] * squash_slope("logistic", now.y_in[b]),
        "forget_gate": now.s_before[c] * squash_slope("logistic", now.y_forget[b]),
    }


def hidden_errors(net, v, now, delta_k):
    """Errors within the step: delta_out (B,), e_s of the states (C,), delta_n (N,)."""
    C, N = len(now.y_c), len(now.y_n)
    error_c, error_n, _ = np.split(delta_k @ v["output"], [C, C + N])
    delta_out, e_s = np.zeros_like(now.y_out), np.zeros_like(now.s)
    for b, c in blocks_and_cells(net):
        delta_out[b] += squash_slope("logistic", now.y_out[b]) * now.h[c] * error_c[c]
        e_s[c] = now.y_out[b] * squash_slope(net.cell_output_activation, now.h[c]) * error_c[c]
    return delta_out, e_s, squash_slope("logistic", now.y_n) * error_n


def gradient_by_step(net, v, x, y, kind, state=None, weight=1.0):
    """Yield (loss, truncated gradient) of each step at which an error is injected.

    The weights in `v` may be changed in place in between: what was carried forwards - states,
    activations, partials - stays as the older weights formed it.
    """
    recurrent, s = zero_state(net) if state is None else state
    partials, targets = Partials(net), targets_by_step(net, y, len(x))
    for t, x_t in enumerate(np.asarray(x, float)):
        now = forward_step(net, v, x_t, recurrent, s)
        partials.advance(now)
        recurrent, s = now.activations, now.s
        if t in targets:
            delta_k = weight * output_delta(net, now.y, targets[t], kind)
            value = weight * step_loss(net, now.net_k, targets[t], kind)
            yield value, partials.gradient(v, now, delta_k)


def truncated_gradient(net, v, x, y, kind, state=None, weight=1.0):
    """The gradient of 1997 (with Gers et al. 2002 for forget gates and peepholes).

    Returns
    -------
    loss : float
    gradient : dict, dloss/dw under the keys of `layout`
    extras : dict, dloss/d"inputs" (T, I), "activations" (R,) and "cell_states" (C,) of `state`
    """
    total, gradient = 0.0, {key: np.zeros(shape) for key, shape in layout(net).items()}
    for value, grad in gradient_by_step(net, v, x, y, kind, state, weight):
        total += value
        gradient = {key: gradient[key] + grad[key] for key in gradient}
    return total, gradient, truncated_extras(net, v, x, y, kind, state, weight)


def truncated_extras(net, v, x, y, kind, state=None, weight=1.0):
    """The truncated gradient by inputs and initial state, by partials ds/dx and ds/ds(0)."""
    trace, targets = forward(net, v, x, state), targets_by_step(net, y, len(x))
    (T, I), C, CN = trace.x.shape, trace.s.shape[1], trace.s.shape[1] + net.n_hidden_units
    by_x, by_s, dS_x, dS_s = np.zeros((T, I)), np.zeros(C), np.zeros((C, T, I)), np.ones(C)
    for t, now in enumerate(trace.steps):
        for b, c in blocks_and_cells(net):
            dS_x[c] *= now.y_forget[b]
            dS_s[c] *= now.y_forget[b]
            for key, slope in state_slopes(net, now, b, c).items():
                if key in v:
                    dS_x[c, t] += slope * v[key][c if key == "cell" else b, :I]
        if t in targets:
            delta_k = weight * output_delta(net, now.y, targets[t], kind)
            delta_out, e_s, delta_n = hidden_errors(net, v, now, delta_k)
            by_x += np.tensordot(e_s, dS_x, 1)
            by_s += e_s * dS_s
            if "output_gate" in v:
                by_x[t] += delta_out @ v["output_gate"][:, :I]
            if "hidden" in v:
                by_x[t] += delta_n @ v["hidden"][:, :I]
            if net.shortcut:
                by_x[t] += delta_k @ v["output"][:, CN : CN + I]
    return {"inputs": by_x, "activations": np.zeros(n_recurrent(net)), "cell_states": by_s}


def pack(net, v, x, state):
    """All that the loss depends on in one vector (P,): weights, inputs, initial state."""
    state = zero_state(net) if state is None else state
    return np.concatenate([join(net, v), np.ravel(x), *state])


def unpack(net, theta, n_steps):
    """The inverse of `pack`: v, and a dict of inputs (T, I), activations (R,), cell_states (C,)."""
    sizes = n_weights(net), n_steps * net.n_inputs, n_recurrent(net)
    w, x, activations, cell_states = np.split(theta, np.cumsum(sizes))
    extras = {"inputs": x.reshape(n_steps, net.n_inputs)}
    return split(net, w), extras | {"activations": activations, "cell_states": cell_states}


def unit_rows(columns, n_columns):
    """The rows of the unit matrix that have their 1 in `columns`."""
    return (columns[:, None] == np.arange(n_columns)).astype(float)


def full_gradient(net, v, x, y, kind, state=None, weight=1.0):
    """The complete gradient, by derivatives d_a = da/dtheta (., P) of all activations, forwards.

    Returns
    -------
    loss, gradient, extras : as `truncated_gradient`
    """
    trace, targets = forward(net, v, x, state), targets_by_step(net, y, len(x))
    B, C, N = net.n_blocks, net.n_blocks * net.block_size, net.n_hidden_units
    by_theta = np.zeros(pack(net, v, x, state).size)
    P = len(by_theta)
    at, at_extras = unpack(net, np.arange(P), len(x))  # where each parameter lies in theta
    d_recurrent = unit_rows(at_extras["activations"], P)
    d_s = unit_rows(at_extras["cell_states"], P)

    def d_net(key, u, z, d_z, peeped=None, d_peeped=None):
        if key not in v:
            return np.zeros(P)
        row = v[key][u]
        z, d_z = seen(net, key, z), seen(net, key, d_z)
        d = row @ d_z[: row.size]
        d[at[key][u]] += z[: row.size]
        if f"{key}_peephole" in v:
            d += v[f"{key}_peephole"][u] @ d_peeped
            d[at[f"{key}_peephole"][u]] += peeped
        return d

    def d_logistic(key, u, y_u, *sources):
        return squash_slope("logistic", y_u) * d_net(key, u, *sources)

    for t, now in enumerate(trace.steps):
        d_x, d_s_before = unit_rows(at_extras["inputs"][t], P), d_s
        z = now.z, np.concatenate([d_x, d_recurrent, np.zeros((1, P))])
        d_in, d_forget, d_out = np.zeros((3, B, P))
        d_s, d_y_c, d_y_n = np.zeros((C, P)), np.zeros((C, P)), np.zeros((N, P))
        for b in range(B):
            cells = block(net, b)
            before = now.s_before[cells], d_s_before[cells]
            d_in[b] = d_logistic("input_gate", b, now.y_in[b], *z, *before)
            d_forget[b] = d_logistic("forget_gate", b, now.y_forget[b], *z, *before)
            for c in cells:
                d_g = squash_slope(net.cell_input_activation, now.g[c]) * d_net("cell", c, *z)
                d_s[c] = now.y_forget[b] * d_s_before[c] + d_forget[b] * now.s_before[c]
                d_s[c] += now.y_in[b] * d_g + d_in[b] * now.g[c]
            d_out[b] = d_logistic("output_gate", b, now.y_out[b], *z, now.s[cells], d_s[cells])
            for c in cells:
                d_h = squash_slope(net.cell_output_activation, now.h[c]) * d_s[c]
                d_y_c[c] = now.y_out[b] * d_h + d_out[b] * now.h[c]
        for n in range(N):
            d_y_n[n] = d_logistic("hidden", n, now.y_n[n], *z)
        d_recurrent = recurring(net, d_y_c, d_in, d_forget, d_out, d_y_n)
        d_q = np.concatenate([d_y_c, d_y_n, d_x[: len(d_x) * net.shortcut], np.zeros((1, P))])
        if t in targets:
            delta_k = weight * output_delta(net, now.y, targets[t], kind)
            for k in range(net.n_outputs):
                by_theta += delta_k[k] * d_net("output", k, now.q, d_q)
    return loss(net, trace.net_k, y, kind, weight), *unpack(net, by_theta, len(x))


def finite_difference(fun, w, eps=1e-6):
    """Gradient of the scalar function `fun` at the vector `w` by central differences."""
    gradient = np.zeros(len(w))
    for i in range(len(w)):
        above, below = np.array(w, float), np.array(w, float)
        above[i] += eps
        below[i] -= eps
        gradient[i] = (fun(above) - fun(below)) / (above[i] - below[i])
    return gradient


def numerical_full(net, v, x, y, kind, state=None, weight=1.0, eps=1e-6, frozen=None):
    """`full_gradient` by central differences."""

    def fun(theta):
        v, extras = unpack(net, theta, len(x))
        start = extras["activations"], extras["cell_states"]
        return loss(net, forward(net, v, extras["inputs"], start, frozen).net_k, y, kind, weight)

    theta = pack(net, v, x, state)
    return fun(theta), *unpack(net, finite_difference(fun, theta, eps), len(x))


def numerical_truncated(net, v, x, y, kind, state=None, weight=1.0, eps=1e-6):
    """`truncated_gradient` by central differences around frozen recurrent sources."""
    frozen = forward(net, v, x, state)
    return numerical_full(net, v, x, y, kind, state, weight, eps, frozen)


def train_online(net, w, X, y, kind, learning_rate, gradient="truncated", update="sequence", momentum=0.0):
    """One pass of on-line learning over the sequences `X`, each from a state of zero.

    velocity <- momentum velocity - learning_rate gradient; w <- w + velocity, after each sequence,
    or (`update` "step", truncated gradient only) after each step at which an error is injected.

    Returns
    -------
    w : (n_weights,), new; losses : (n_sequences,), each with the weights of its time
    """
    if update == "step" and gradient != "truncated":
        raise ValueError("update='step' needs gradient='truncated'")
    method = {"truncated": truncated_gradient, "full": full_gradient}[gradient]
    w, velocity, losses = np.array(w, float), np.zeros(len(w)), np.zeros(len(X))
    v = split(net, w)
    for i, (x, target) in enumerate(zip(X, y, strict=True)):
        if update == "step":
            changes = gradient_by_step(net, v, x, target, kind)
        else:
            changes = [method(net, v, x, target, kind)[:2]]
        for value, grad in changes:
            losses[i] += value
            velocity = momentum * velocity - learning_rate * join(net, grad)
            w += velocity  # in place: `v` are views of it
    return w, losses
