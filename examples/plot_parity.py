"""
Parity: a limit of 1997, three ways
===================================

Whether the number of ones in a sequence is odd depends on every step. Gradient descent does not learn this
from sequences of five hundred steps, but guessing weights does (Hochreiter & Schmidhuber 1997, section 6). A
flip-flop solves the task, and can be learned from short sequences. The input at each step is -1 or 1.
"""

import argparse
from dataclasses import replace

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMClassifier, Network
from sklstm.tasks import make_parity

parser = argparse.ArgumentParser(description="Parity: gradient on long and short sequences, and guessing")
parser.add_argument("--trials", type=int, default=2, help="number of trials, by default 2")
parser.add_argument("--full", action="store_true", help="10 trials, as with guessing in 1997")
parser.add_argument("--limit", type=int, default=50_000, help="training sequences or guesses at most")
parser.add_argument("--seed", type=int, default=0, help="of the first trial")
options = parser.parse_args()

# %%
# Gradient descent, until the last 2000 sequences were right before they were learned from.


def learn(shortest, longest, seed):
    rng = np.random.default_rng(seed)
    clf = LSTMClassifier(n_blocks=4, n_patches=None, learning_rate=0.01, random_state=seed)
    clf.partial_fit(*make_parity(100, shortest, longest, random_state=rng), classes=[0, 1])
    right = []
    while 100 * len(right) < options.limit and np.sum(right[-20:]) < 20:
        X, y = make_parity(100, shortest, longest, random_state=rng)
        right.append(clf.score(X, y))
        clf.partial_fit(X, y)
        if len(right) % 50 == 0:
            print(f"{100 * len(right):,} sequences, {np.mean(right[-20:]):.3f} right", flush=True)
    return clf, right


# %%
# Guessing: two hidden units that read the input and each other have 11 weights, which are drawn from -100 to
# 100 until 100 sequences are right to within 0.1. Most guesses fail on the first two sequences.

network = Network(1, 1, n_blocks=0, n_hidden_units=2, recurrence="all", output_activation="logistic")


def guess(seed):
    rng = np.random.default_rng(seed)
    X, y = make_parity(100, random_state=rng)
    parts = (X[:2], y[:2]), (X, y)
    for number in range(1, options.limit + 1):
        weights = rng.uniform(-100, 100, network.n_weights)
        if all((np.abs(network.forward(weights, x)[:, 0] - t) < 0.1).all() for x, t in parts):
            break
        if number % 2000 == 0:
            print(f"{number:,} guesses", flush=True)
    return weights, number


# %%
# Accuracy on 1000 new sequences of 500 to 600 steps. In 1997, guessing took 2,906 trials on average, for a
# different network (Hochreiter & Schmidhuber, Advances in Neural Information Processing Systems 9).

X, y = make_parity(1000, random_state=options.seed + 1000)
print(f"{'seed':>4}  {'learned from':<16} {'sequences':>10} {'accuracy':>9} {'guesses':>8} {'accuracy':>9}")
for seed in range(options.seed, options.seed + (10 if options.full else options.trials)):
    nets = {name: learn(*name, seed) for name in ((500, 600), (2, 10))}
    weights, guesses = guess(seed)
    share = np.mean((network.forward(weights, X)[:, 0] > 0.5) == y)
    for (low, high), (clf, right) in nets.items():
        row = f"{seed:4d}  {f'{low} to {high} steps':<16} {100 * len(right):10,d} {clf.score(X, y):9.3f}"
        print(row + f" {guesses:8,d} {share:9.3f}" * (low == 2))

# %%
# How it is solved: a state of the network that has learned from short sequences, and the output of the
# guessed network, change with each 1 (the dotted lines) and not with -1. The figure shows the first 40 steps.

plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(1, 3, figsize=(14, 3.4), width_ratios=[0.7, 1, 1])
for name, (_, right) in nets.items():
    axes[0].plot(100 * np.arange(1, len(right) + 1), right, label="{} to {} steps".format(*name))
axes[0].set(xlabel="training sequences", ylabel="right of 100 new ones", title="Learning from")
axes[1].plot(clf.activations(X[:1])[0]["cell_state"][:40], label=[f"cell {c}" for c in "1234"])
axes[1].set(xlabel="time step", ylabel="internal state", title="Learned: cell states")
axes[2].plot(replace(network, return_sequences=True).forward(weights, X[:1])[0][:40], color="k")
axes[2].set(xlabel="time step", ylabel="activation", title="Guessed: output after each step")
for axis in axes[1:]:
    for step in np.flatnonzero(X[0][:40, 0] == 1):
        axis.axvline(step, color="gray", linestyle=":", linewidth=0.7)
for axis in axes[:2]:
    axis.legend()
figure.savefig("parity.png")
print("figure: parity.png")
