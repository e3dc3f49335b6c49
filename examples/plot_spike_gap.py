"""
Counting: a limit of 1997, by gap
=================================

Are there 3 or 11 steps between two spikes, 99 or 100? Section 6 of Hochreiter & Schmidhuber (1997) says that
all gradient methods, including LSTM, easily answer the first question and do not solve the second. A state
that grows a little at each step is a clock. To distinguish 99 from 100, it needs a precision of one percent,
and nothing between the spikes tells how precise it is.
"""

# %%
# The task. All inputs are 0 except two spikes; the class says which of two gaps is between them.

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMClassifier
from sklstm.tasks import make_spike_gap

GAPS = (3, 11), (9, 10), (29, 30), (99, 100)
parser = argparse.ArgumentParser(description="Counting the steps between two spikes, four pairs of gaps")
parser.add_argument("--trials", type=int, default=1, help="the paper made none")
parser.add_argument("--limit", type=int, default=60_000, help="training sequences at most in a trial")
parser.add_argument("--seed", type=int, default=0, help="of the first trial")
options = parser.parse_args()

# %%
# Four cells learn with defaults, except for the learning rate, from 100 new sequences at a time, until the
# last 2000 were right before they were learned from.


def learn(gaps, seed):
    rng = np.random.default_rng(seed)
    clf = LSTMClassifier(n_blocks=4, learning_rate=0.003, update="sequence", random_state=seed)
    clf.partial_fit(*make_spike_gap(100, gaps, random_state=rng), classes=[0, 1])
    right = []
    while 100 * len(right) < options.limit and np.sum(right[-20:]) < 20:
        X, y = make_spike_gap(100, gaps, random_state=rng)
        right.append(clf.score(X, y))
        clf.partial_fit(X, y)
    return clf, right


print(f"{'seed':>4}  {'gaps':<12} {'sequences':>10} {'right of 1000 new ones':>23}")
for seed in range(options.seed, options.seed + options.trials):
    nets = {gaps: learn(gaps, seed) for gaps in GAPS}
    for gaps, (clf, right) in nets.items():
        X, y = make_spike_gap(1000, gaps, random_state=seed + 1000)
        name = "{} or {}".format(*gaps)
        print(f"{seed:4d}  {name:<12} {100 * len(right):10,d} {clf.score(X, y):23.3f}")

# %%
# How it is solved: the states of a network that distinguishes 9 from 10, for both gaps. After the first
# spike, a state moves at each step; its value at the second spike decides. Dotted lines are the spikes of the
# longer gap.

plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4))
for gaps, (_, right) in nets.items():
    mean = np.convolve(right, np.full(10, 0.1), mode="valid") if len(right) >= 10 else right
    axes[0].plot(
        100 * np.arange(len(right) - len(mean) + 1, len(right) + 1), mean, label="{} or {}".format(*gaps)
    )
axes[0].set(xlabel="training sequences", ylabel="right of 1000 new ones", title="Learning", ylim=(0.4, 1.02))
axes[0].legend()
clf = nets[9, 10][0]
for gap, colour in ((9, "C0"), (10, "C1")):
    x = np.zeros((20, 1))
    x[[3, 3 + gap]] = 1
    states = clf.activations([x])[0]["cell_state"]
    axes[1].plot(states, color=colour, linewidth=1)
    axes[1].plot([], [], color=colour, label=f"{gap} steps")
for step in (3, 13):
    axes[1].axvline(step, color="gray", linestyle=":")
axes[1].set(xlabel="time step", ylabel="internal state", title="Cells that count")
axes[1].legend()
axes[1].xaxis.get_major_locator().set_params(integer=True)
figure.savefig("spike_gap.png")
print("figure: spike_gap.png")
