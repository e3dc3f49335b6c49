"""
Temporal order: Experiment 6a of 1997
=====================================

Two relevant symbols, X or Y, stand far apart in a string of distractors; the class is their order. Nothing
but order tells XY from YX, and at least 40 steps lie between the last relevant symbol and the answer
(Hochreiter & Schmidhuber 1997, section 5.6). The network, its 156 weights, the learning rate and the biases
are the paper's: two memory blocks of two cells, on-line learning by the truncated gradient.
"""

# %%
# The task. A string starts with E and ends with B, is 100 to 110 symbols long, and has a relevant symbol at
# a position from 10 to 20 and at one from 50 to 60 (counted from 1); the others are drawn from a, b, c, d.

import argparse
import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMClassifier
from sklstm.paper import settings
from sklstm.tasks import make_temporal_order

CLASSES = np.array(["XX", "XY", "YX", "YY"])

# %%
# The paper's criterion: learning ends when the average error of the last 2000 training strings is below 0.1
# and all of them were right, which is when no output is wrong by 0.3 or more. Strings are new each time;
# their errors are taken, a hundred strings at a time, before they are learned from.

parser = argparse.ArgumentParser(description="Experiment 6a of Hochreiter & Schmidhuber (1997)")
parser.add_argument("--trials", type=int, default=5, help="the paper made 20")
parser.add_argument("--limit", type=int, default=300_000, help="strings at most in a trial")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()


def errors(clf, X, y):
    outputs = clf.network_.forward(clf.weights_, X)
    return np.abs(outputs - (y[:, np.newaxis] == CLASSES))


def trial(seed):
    rng = np.random.default_rng(seed)
    clf = LSTMClassifier(**settings("6a"), random_state=seed)
    clf.partial_fit(*make_temporal_order(1, random_state=rng), classes=CLASSES)
    recent, curve = np.ones((0, 4)), []
    for seen in range(0, options.limit, 100):
        X, y = make_temporal_order(100, random_state=rng)
        recent = np.concatenate([recent, errors(clf, X, y)])[-2000:]
        curve.append(recent[-100:].mean())
        if len(recent) == 2000 and recent.mean() < 0.1 and recent.max() < 0.3:
            break
        clf.partial_fit(X, y)
        if seen % 10_000 == 0:
            print(f"{seed:5d} {'...':>7} {seen:9d}", end="\r", flush=True)
    test = errors(clf, *make_temporal_order(2560, random_state=rng))
    wrong = int((test.max(axis=1) >= 0.3).sum())
    return clf, seen, wrong, curve, len(recent) == 2000 and recent.max() < 0.3


# %%
# The paper's row and ours.

print(f"{'seed':>5} {'solved':>7} {'strings':>9} {'wrong of 2560':>14} {'seconds':>8}")
results = []
for number in range(options.trials):
    start = time.perf_counter()
    clf, seen, wrong, curve, solved = trial(options.seed + number)
    results.append((seen, wrong, solved))
    spent = time.perf_counter() - start
    yes = "yes" if solved else "no"
    print(f"{options.seed + number:5d} {yes:>7} {seen:9d} {wrong:14d} {spent:8.1f}")
strings, wrongs, solved = np.array(results).T
ours = strings[solved == 1] if solved.any() else np.array([np.nan])
print(f"\nseeds {options.seed} to {options.seed + options.trials - 1}, {clf.n_weights_} weights")
print(f"{'':8}{'solved':>9} {'strings, mean':>15} {'spread':>8} {'wrong, mean':>12}")
print(f"{'1997':8}{'20 of 20':>9} {31390:15,d} {'':8} {1:12d}")
share = f"{solved.sum()} of {len(solved)}"
print(f"{'here':8}{share:>9} {ours.mean():15,.0f} {ours.std():8,.0f} {wrongs.mean():12.2f}")

# %%
# How it is solved: the states of the cells keep the first relevant symbol until the second comes. One string
# of each class; the dotted lines are the relevant symbols.

figure, axes = plt.subplots(1, 5, figsize=(13, 2.8), layout="constrained")
axes[0].plot(100 * np.arange(1, len(curve) + 1), curve)
axes[0].set(xlabel="training strings", ylabel="mean error", title="Learning", ylim=(0, None))
X, y = make_temporal_order(100, random_state=options.seed)
for axis, name in zip(axes[1:], CLASSES, strict=True):
    string = X[[int(np.flatnonzero(y == name)[0])]]
    trace = clf.activations(string)[0]
    axis.plot(trace["cell_state"], label=[f"block {b}, cell {c}" for b in (1, 2) for c in (1, 2)])
    for step in np.flatnonzero(string[0].toarray()[:, 6:].any(axis=1)):
        axis.axvline(step, color="gray", linestyle=":")
    axis.set(xlabel="time step", title=f"{name}: cell states")
axes[1].legend(fontsize=7)
figure.savefig("temporal_order.png", dpi=100)
print("figure: temporal_order.png")
