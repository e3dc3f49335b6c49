"""
Adding: Experiment 4 of 1997
============================

Two of some hundred numbers are marked; the answer, fifty steps and more after them, is their sum. Nothing
else in the sequence matters, and the sum is not a symbol but a number, to be kept exactly for many steps
(Hochreiter & Schmidhuber 1997, section 5.4). The network, its 93 weights and the biases are the paper's.
Plain gradient descent takes very long for the last few large errors; here Adam descends the log loss.
"""

# %%
# The task. A step is a pair: a number from -1 to 1 and a marker, which is 1 at the two relevant steps, -1 at
# both ends and 0 elsewhere. The first marked number is among the first 10, both are among the first 50, and a
# sequence has 100 to 110 steps. The target is 0.5 + (X1 + X2) / 4.

import argparse
import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMRegressor
from sklstm.paper import settings
from sklstm.tasks import make_adding

# %%
# The paper's criterion: learning ends when the mean error of the last 2000 training sequences is below 0.01
# and none of them was wrong by 0.04 or more. Sequences are new each time; their errors are taken, a hundred
# sequences at a time, before they are learned from.

parser = argparse.ArgumentParser(description="Experiment 4 of Hochreiter & Schmidhuber (1997)")
parser.add_argument("--trials", type=int, default=10, help="the paper made 10")
parser.add_argument("--limit", type=int, default=300_000, help="sequences at most in a trial")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
ARGUMENTS = settings("4-1") | {"solver": "adam", "learning_rate": 0.003, "loss": "log_loss"}


def errors(reg, X, y):
    return np.abs(reg.network_.forward(reg.weights_, X)[:, 0] - y)


def trial(seed):
    rng = np.random.default_rng(seed)
    reg = LSTMRegressor(**ARGUMENTS, random_state=seed)
    reg.partial_fit(*make_adding(1, random_state=rng))
    recent, curve, seen, solved = np.ones(0), [], 0, False
    while not solved and seen < options.limit:
        X, y = make_adding(100, random_state=rng)
        recent = np.append(recent, errors(reg, X, y))[-2000:]
        curve.append((recent.mean(), recent.max()))
        reg.partial_fit(X, y)
        seen += 100
        solved = len(recent) == 2000 and recent.mean() < 0.01 and recent.max() < 0.04
        if seen % 5000 == 0:
            print(f"{seed:5d} {'...':>7} {seen:10d} {(recent >= 0.04).sum():9d} now", end="\r", flush=True)
    test = errors(reg, *make_adding(2560, random_state=rng))
    return reg, solved, seen, (test >= 0.04).sum(), test.mean(), curve


# %%
# The paper's row and ours.

print(f"{'seed':>5} {'solved':>7} {'sequences':>10} {'wrong of 2560':>14} {'mean error':>11} {'seconds':>8}")
results = []
for seed in range(options.seed, options.seed + options.trials):
    start = time.perf_counter()
    reg, solved, seen, wrong, error, curve = trial(seed)
    spent = time.perf_counter() - start
    print(f"{seed:5d} {'yes' if solved else 'no':>7} {seen:10d} {wrong:14d} {error:11.4f} {spent:8.1f}")
    results.append((seen, wrong, solved))
sequences, wrongs, solved = np.array(results).T
ours = sequences[solved == 1] if solved.any() else np.array([np.nan])
print(f"\nseeds {options.seed} to {seed}, {reg.n_weights_} weights, T = 100")
print(f"{'':8}{'solved':>9} {'sequences, mean':>16} {'spread':>8} {'wrong, mean':>12}")
print(f"{'1997':8}{'10 of 10':>9} {74000:16,d} {'':8} {1:12d}")
share = f"{solved.sum()} of {len(solved)}"
print(f"{'here':8}{share:>9} {ours.mean():16,.0f} {ours.std():8,.0f} {wrongs.mean():12.2f}")

# %%
# How it is solved: the input gates open at the marked steps, and the states add up what comes in and keep it.
# The dotted lines are the marked steps of one sequence; the state on the right is the one that goes most with
# the sum, at the last step of 500 sequences.

figure, axes = plt.subplots(1, 4, figsize=(14, 3.2), layout="constrained")
axes[0].semilogy(0.1 * np.arange(1, len(curve) + 1), curve, label=["mean", "largest"])
axes[0].axhline(0.04, color="gray", linestyle=":")
axes[0].set(xlabel="thousand training sequences", title="Learning: |error| of the last 2000")
X, y = make_adding(500, random_state=options.seed)
traces = reg.activations(X)
axes[1].plot(traces[0]["input_gate"], label=["block 1", "block 2"])
axes[1].set(xlabel="time step", title="Input gates", ylim=(0, None))
axes[2].plot(traces[0]["cell_state"], label=[f"block {b}, cell {c}" for b in (1, 2) for c in (1, 2)])
axes[2].set(xlabel="time step", title=f"Cell states: sum {4 * y[0] - 2:.2f}")
for axis in axes[1:3]:
    for step in np.flatnonzero(X[0][:, 1] == 1):
        axis.axvline(step, color="gray", linestyle=":")
states = np.array([trace["cell_state"][-1] for trace in traces])
cell = np.abs(np.corrcoef(states.T, y)[-1, :-1]).argmax()
axes[3].plot(4 * y - 2, states[:, cell], ".", color=f"C{cell}", markersize=4)
axes[3].set(xlabel="X1 + X2", title=f"State of block {cell // 2 + 1}, cell {cell % 2 + 1} at the end")
for axis, place in zip(axes, ("upper right", "upper right", "center right"), strict=False):
    axis.legend(fontsize=7, loc=place)
figure.savefig("adding.png", dpi=100)
print("figure: adding.png")
