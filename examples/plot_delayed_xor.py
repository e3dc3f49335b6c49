"""
Delayed XOR: a limit of 1997, and why
=====================================

Two of about 120 bits are marked; the target is whether they differ. One bit alone does not determine the
target: storing it does not reduce the error until the other is stored, too, and no gradient leads there.
Section 6 of Hochreiter & Schmidhuber (1997) mentions the task as one that LSTM does not easily solve. If this
is the reason, a network that has to output the two bits as well should solve it. It does.
"""

# %%
# The task. Each step has a bit, -1 or 1, and a marker, which is 1 at the two relevant steps. There are at
# least 50 steps from the first to the second, and from there to the end. The two marked bits are additional
# targets.

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMRegressor
from sklstm.tasks import make_delayed_xor

parser = argparse.ArgumentParser(description="Delayed XOR, alone and with the two bits as targets")
parser.add_argument("--trials", type=int, default=3, help="the paper made none")
parser.add_argument("--limit", type=int, default=50_000, help="training sequences at most in a trial")
parser.add_argument("--seed", type=int, default=0, help="of the first trial")
options = parser.parse_args()


def draw(n, n_targets, rng):
    X, y = make_delayed_xor(n, random_state=rng)
    return X, np.column_stack([y, X.values[X.values[:, 1] == 1, 0].reshape(n, 2) > 0])[:, :n_targets]


# %%
# The network is that of the adding problem. Learning ends when the last 2000 sequences were right.


def learn(n_targets, seed):
    rng = np.random.default_rng(seed)
    reg = LSTMRegressor(
        n_blocks=2,
        block_size=2,
        forget_gate=False,
        recurrence="all",
        cell_input_activation="logistic[-2,2]",
        cell_output_activation="logistic[-1,1]",
        output_activation="logistic",
        init_range=0.1,
        input_gate_bias=[-3, -6],
        loss="log_loss",
        gradient="truncated",
        learning_rate=0.003,
        update="sequence",
        random_state=seed,
    )
    reg.partial_fit(*draw(100, n_targets, rng))
    right = []
    while 100 * len(right) < options.limit and np.sum(right[-20:]) < 20:
        X, y = draw(100, n_targets, rng)
        right.append(np.mean((reg.predict(X)[:, 0] > 0.5) == y[:, 0]))
        reg.partial_fit(X, y)
        if len(right) % 50 == 0:
            print(f"{100 * len(right):,} sequences, {np.mean(right[-20:]):.3f} right", flush=True)
    return reg, right


print(f"{'seed':>4}  {'targets':<18} {'sequences':>10} {'XOR right of 2560':>18}")
for seed in range(options.seed, options.seed + options.trials):
    nets = {"XOR alone": learn(1, seed), "XOR and both bits": learn(3, seed)}
    X, y = draw(2560, 1, np.random.default_rng(seed + 1000))
    for name, (reg, right) in nets.items():
        test = np.sum((reg.predict(X)[:, 0] > 0.5) == y[:, 0])
        print(f"{seed:4d}  {name:<18} {100 * len(right):10,d} {test:18d}")

# %%
# The states keep the first bit until the second comes, and both until the end. Dotted: the marked steps.

plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(1, 5, figsize=(15, 3))
for name, (_, right) in nets.items():
    axes[0].plot(100 * np.arange(1, len(right) + 1), right, label=name)
axes[0].set(xlabel="training sequences", ylabel="XOR right of 100 new ones", title="Learning")
X, y = draw(100, 3, np.random.default_rng(seed))
for axis, bits in zip(axes[1:], ([0, 0], [0, 1], [1, 0], [1, 1]), strict=True):
    shown = X[np.flatnonzero((y[:, 1:] == bits).all(axis=1))[:1]]
    trace = reg.activations(shown)[0]
    axis.plot(trace["cell_state"], label=[f"block {b}, cell {c}" for b in (1, 2) for c in (1, 2)])
    for step in np.flatnonzero(shown[0][:, 1] == 1):
        axis.axvline(step, color="gray", linestyle=":")
    axis.set(xlabel="time step", ylabel="internal state", ylim=(-8, 8), title="Bits {}, {}".format(*bits))
axes[0].legend()
axes[1].legend()
figure.savefig("delayed_xor.png")
print("figure: delayed_xor.png")
