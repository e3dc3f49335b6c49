"""
Error flow: how far back an answer reaches
==========================================

A network can only learn from inputs that the error of an answer reaches. In conventional units, errors decay
exponentially for any weights; the constant error carousel of a memory block keeps them (Hochreiter &
Schmidhuber 1997, section 3; docs/equations.md, "Error flow").
"""

# %%
# Top left: networks of five conventional units that all read each other. An error of 1 is injected at one of
# them; the lines are the largest error of any unit, the median of 20 networks. The dotted line is the bound.

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import ErrorFlowDisplay, LSTMClassifier, Network
from sklstm.paper import settings
from sklstm.tasks import make_temporal_order

parser = argparse.ArgumentParser(description="Error flow in conventional units and in memory blocks")
parser.add_argument("--limit", type=int, default=60_000, help="training sequences at most")
parser.add_argument("--seed", type=int, default=0, help="of weights and sequences")
options = parser.parse_args()
plt.style.use("sklstm.pictures")
figure, ((nets, factor), (block, task)) = plt.subplots(2, 2, figsize=(12, 9))

n, lags = 5, np.arange(31)
conventional = Network(1, n, n_blocks=0, n_hidden_units=n, recurrence="all", output_bias=False)
for scale in (0.2, 0.7, 4.0, 8.0):
    largest = []
    for seed in range(20):
        rng = np.random.default_rng(options.seed + seed)
        w, x = rng.uniform(-scale, scale, conventional.n_weights), rng.normal(size=(31, 1))
        conventional.views(w)["output"][...] = np.eye(n)  # the outputs are the units
        _, info = conventional.backward(w, [x] * n, np.eye(n), full_output=True)
        back = abs(info["deltas"]["hidden"]).reshape(n, 31, n)[:, ::-1]
        largest.append(back.max(axis=(0, 2)))
    median = np.median(largest, axis=0)
    (line,) = nets.semilogy(lags, median, label=f"weights within ±{scale}")
    if n * scale < 4:
        nets.semilogy(lags, n / 4 * (n * scale / 4) ** lags, ":", color=line.get_color())
    print(f"conventional units, weights within ±{scale}: {median[10]:.1e} at lag 10")
nets.set(xlabel="lag", ylabel="largest error", title="Conventional units", ylim=(1e-18, 10))

# %%
# Top right: why larger weights do not help. The factor of one step back has a maximum.

w = np.linspace(0, 20, 400)
for y in (0.25, 0.5, 1.0):
    factor.plot(w, w / (2 * np.cosh(w * y / 2)) ** 2, label=f"activation {y}")
    factor.plot(1.543 / y, 0.2239 / y, "k.")
factor.set(xlabel="weight w", ylabel="abs(f'(w y) w)", title="One factor of the product", ylim=(0, 1))

# %%
# Bottom left: the error at the state of one memory block of four, relative to lag 1.

x = np.random.default_rng(options.seed).normal(size=(101, 1))
for label, gate, bias, gradient in (
    ("1997, truncated", False, None, "truncated"),
    ("1997, full gradient", False, None, "full"),
    *((f"forget gate bias {bias}", True, bias, "truncated") for bias in (5, 2, 0)),
):
    net, errors = Network(1, 1, n_blocks=4, forget_gate=gate, recurrence="all"), []
    w = net.init_weights(options.seed, init_range=0.2, forget_gate_bias=bias)
    for t in range(100, 0, -1):  # the gradient by the state that is recorded before step t
        state = net.forward(w, [x[:t]], full_output=True)[1]["final_state"]
        _, info = net.backward(w, [x[t:]], [[1.0]], gradient, initial_state=state, full_output=True)
        errors.append(abs(info["initial_state"].cells[0, 0]))
    block.semilogy(np.arange(1, 101), np.array(errors) / errors[0], label=label)
    print(f"memory block, {label}: {errors[-1] / errors[0]:.1e} at lag 100")
block.set(xlabel="lag", ylabel="error, 1 at lag 1", title="Constant error carousel", ylim=(1e-10, 10))

# %%
# Bottom right: Experiment 6a with the paper's network, until the last 2000 strings were right. Afterwards,
# the input gates open at the two relevant symbols (dotted), and the error leaves the cells there.

test, order = make_temporal_order(200, random_state=options.seed + 1)
clf, right = LSTMClassifier(**settings("6a"), random_state=options.seed), []
while 100 * len(right) < options.limit and np.sum(right[-20:]) < 20:
    X, y = make_temporal_order(100, random_state=1000 + len(right))
    right.append(np.mean(clf.predict(X) == y) if right else 0)
    clf.partial_fit(X, y, classes=["XX", "XY", "YX", "YY"])
    if len(right) == 1:
        ErrorFlowDisplay.from_estimator(clf, test, name="after 100 strings", n_lags=100, ax=task)
print(f"6a: {100 * len(right)} strings, {right[-1]:.2f} of the last 100 right")
one = test[np.flatnonzero(order == "XX")[:1]]
ErrorFlowDisplay.from_estimator(clf, one, name=f"one string, after {100 * len(right)}", ax=task)
for step in np.flatnonzero(one.values[:, 6:].toarray().any(axis=1)):
    task.axvline(one.n_steps - 1 - step, color="gray", linestyle=":")
task.set(title="Experiment 6a", ylim=(1e-5, 2))
for axis in (nets, factor, block):
    axis.legend()
figure.savefig("error_flow.png")
print("figure: error_flow.png")
