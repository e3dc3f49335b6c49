"""The pseudocode of Schmidhuber's tutorial "Long Short-Term Memory" (2003), line by line, against the kernel.

Forget gates, peepholes, h the identity, partials carried forwards, weights changed at each time step. The
print has c_i for c_j in places, and "dS_(ce)" for the partials of the forget gate's peepholes.
"""

from dataclasses import replace

import numpy as np
from numpy.testing import assert_allclose

from internals import make_trainer
from sklstm import Network
from topologies import make_problem

G = {  # g and its derivative, of the net input
    "identity": (lambda x: x, lambda x: 1.0),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "logistic": (lambda x: f(x), lambda x: df(x)),
    "logistic[-1,1]": (lambda x: 2 * f(x) - 1, lambda x: 2 * df(x)),
    "logistic[-2,2]": (lambda x: 4 * f(x) - 2, lambda x: 4 * df(x)),
}


def f(x):
    return 1 / (1 + np.exp(-x))


def df(x):
    return f(x) * (1 - f(x))


class Pseudocode:
    """One network; `w` are named weights, which `backward` may change."""

    def __init__(self, network, w):
        self.network, self.w = network, w
        self.f_k, self.df_k = G[network.output_activation]
        n_cells, n_blocks = network.n_cells, network.n_blocks
        self.cells = np.arange(n_cells).reshape(n_blocks, network.block_size)  # c_j^v
        # init network
        self.s = np.zeros(n_cells)
        self.y = np.zeros(n_cells)
        sources = network.n_inputs + n_cells + 1
        self.dS_c = np.zeros((n_cells, sources))
        self.dS_in, self.dS_phi = np.zeros((2, n_cells, sources))
        self.dS_in_peephole, self.dS_phi_peephole = np.zeros((2, n_cells, network.block_size))

    def forward(self, x):
        w, g, dg = self.w, *G[self.network.cell_input_activation]
        y_hat, s_hat = np.r_[x, self.y, 1.0], self.s.copy()  # roll over; the last unit is that of the biases
        self.y_hat, self.y_out, self.net_out = y_hat, *np.zeros((2, len(self.cells)))
        for j, cells in enumerate(self.cells):
            net_in = total(w["input_gate"][j], y_hat) + w["input_gate_peephole"][j] @ s_hat[cells]
            y_in = f(net_in)
            net_phi = total(w["forget_gate"][j], y_hat) + w["forget_gate_peephole"][j] @ s_hat[cells]
            y_phi = f(net_phi)
            net_c = [total(w["cell"][c], y_hat) for c in cells]
            for v, c in enumerate(cells):
                self.s[c] = y_phi * s_hat[c] + y_in * g(net_c[v])
            self.net_out[j] = total(w["output_gate"][j], y_hat) + w["output_gate_peephole"][j] @ self.s[cells]
            self.y_out[j] = f(self.net_out[j])
            for c in cells:
                self.y[c] = self.y_out[j] * self.s[c]
            for v, c in enumerate(cells):  # partial derivatives
                self.dS_c[c] = self.dS_c[c] * y_phi + dg(net_c[v]) * y_in * y_hat
                self.dS_in[c] = self.dS_in[c] * y_phi + g(net_c[v]) * df(net_in) * y_hat
                self.dS_phi[c] = self.dS_phi[c] * y_phi + s_hat[c] * df(net_phi) * y_hat
                for u, other in enumerate(cells):
                    self.dS_in_peephole[c, u] *= y_phi
                    self.dS_in_peephole[c, u] += g(net_c[v]) * df(net_in) * s_hat[other]
                    self.dS_phi_peephole[c, u] *= y_phi
                    self.dS_phi_peephole[c, u] += s_hat[c] * df(net_phi) * s_hat[other]
        self.to_outputs = np.r_[self.y, x, 1.0] if self.network.shortcut else np.r_[self.y, 1.0]
        self.net_k = np.array([total(row, self.to_outputs) for row in w["output"]])
        self.y_k = self.f_k(self.net_k)
        return self.y_k

    def backward(self, t, alpha):
        """Changes of the weights by an error that is injected."""
        w, change = self.w, {name: np.zeros(part.shape) for name, part in self.w.items()}
        e_k = t - self.y_k
        delta_k = self.df_k(self.net_k) * e_k
        for k, delta in enumerate(delta_k):
            change["output"][k] = alpha * delta * part_of(self.to_outputs, w["output"][k])
        for j, cells in enumerate(self.cells):
            back = [w["output"][:, c] @ delta_k for c in cells]
            delta_out = df(self.net_out[j]) * sum(self.s[c] * b for c, b in zip(cells, back))
            e_s = [self.y_out[j] * b for b in back]
            y_hat = part_of(self.y_hat, w["output_gate"][j])
            change["output_gate"][j] = alpha * delta_out * y_hat
            change["output_gate_peephole"][j] = alpha * delta_out * self.s[cells]
            for v, c in enumerate(cells):
                change["input_gate"][j] += alpha * e_s[v] * part_of(self.dS_in[c], w["input_gate"][j])
                change["input_gate_peephole"][j] += alpha * e_s[v] * self.dS_in_peephole[c]
                change["forget_gate"][j] += alpha * e_s[v] * part_of(self.dS_phi[c], w["forget_gate"][j])
                change["forget_gate_peephole"][j] += alpha * e_s[v] * self.dS_phi_peephole[c]
                change["cell"][c] = alpha * e_s[v] * part_of(self.dS_c[c], w["cell"][c])
        return change


def part_of(sources, row):
    """Sources of a unit, which may have no bias."""
    return sources[: len(row)]


def total(row, sources):
    return row @ part_of(sources, row)


def random_problem(seed):
    """A network, weights, and one sequence."""
    rng = np.random.default_rng(seed)
    n_inputs, n_outputs = map(int, rng.integers(1, 5, 2))
    bias = rng.integers(0, 2, 4).astype(bool).tolist()
    network = Network(
        n_inputs,
        n_outputs,
        n_blocks=int(rng.integers(1, 4)),
        block_size=int(rng.integers(1, 4)),
        peepholes=True,
        cell_bias=bias[0],
        gate_bias=bias[1],
        output_bias=bias[2],
        shortcut=bias[3],
        cell_input_activation=list(G)[seed % len(G)],
        cell_output_activation="identity",
        output_activation=("logistic", "identity")[seed // len(G) % 2],
        return_sequences=True,
    )
    problem = make_problem(network, [int(rng.integers(1, 30))], state=False, seed=seed)
    return replace(problem, sample_weight=np.ones(1))


def named(network, weights):
    """Copies of the parts of the weights by name."""
    return {name: part.copy() for name, part in network.views(weights).items()}


def flat(parts):
    return np.concatenate([part.ravel() for part in parts.values()])


def assert_same(actual, expected):
    assert_allclose(actual, expected, rtol=0, atol=1e-12 * max(1.0, np.abs(expected).max()))


def test_outputs_gradient_and_weights_of_200_networks():
    moved = []
    for seed in range(200):
        problem = random_problem(seed)
        network, weights, (X,), (y,) = problem.net, problem.weights, problem.X, problem.y
        pseudocode = Pseudocode(network, named(network, weights))
        outputs, change = [], np.zeros(network.n_weights)
        for x, t in zip(X, y):
            outputs.append(pseudocode.forward(x))
            change += flat(pseudocode.backward(t, alpha=1.0))
        assert_same(network.forward(weights, [X])[0], np.array(outputs))
        _, gradient = network.loss_and_gradient(weights, [X], [y], gradient="truncated")
        assert_same(-gradient, change)

        pseudocode = Pseudocode(network, named(network, weights))
        trainer = make_trainer(problem, gradient="truncated", update="step", learning_rate=0.05)
        trainer.epoch(np.random.RandomState(0))
        for x, t in zip(X, y):
            pseudocode.forward(x)
            for name, part in pseudocode.backward(t, alpha=0.05).items():
                pseudocode.w[name] += part
        assert_same(trainer.weights, flat(pseudocode.w))
        moved.append(np.abs(trainer.weights - weights).max())
    assert np.median(moved) > 0.01


def test_outputs_of_a_larger_range_are_logistic_ones():
    """Range [-2, 2], targets -1 and 1 (2001): logistic outputs, targets 1/4 and 3/4, 16 times the rate."""
    for seed in range(0, 200, 10):
        problem = random_problem(seed)
        network = replace(problem.net, output_activation="logistic")
        signs = np.where(problem.y[0] > 0.5, 1.0, -1.0)
        problem = replace(problem, net=network, y=[0.5 + signs / 4])
        pseudocode = Pseudocode(network, named(network, problem.weights))
        pseudocode.f_k, pseudocode.df_k = G["logistic[-2,2]"]
        outputs = []
        for x, t in zip(problem.X[0], signs):
            outputs.append(pseudocode.forward(x))
            for name, part in pseudocode.backward(t, alpha=0.01).items():
                pseudocode.w[name] += part
        trainer = make_trainer(problem, gradient="truncated", update="step", learning_rate=0.16)
        trainer.record = np.zeros_like(signs)
        trainer.epoch(np.random.RandomState(0))
        assert_same(4 * trainer.record - 2, np.array(outputs))
        assert_same(trainer.weights, flat(pseudocode.w))
