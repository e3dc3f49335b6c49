"""
Temporal order: Experiment 6a of 1997
=====================================

Two relevant symbols, X or Y, are far apart in a string of distractors; the class is their order. XY and YX
differ only in the order, and there are at least 40 steps between the last relevant symbol and the end
(Hochreiter & Schmidhuber 1997, section 5.6). The network, its 156 weights, the learning rate and the biases
are the paper's: two memory blocks of two cells, on-line learning by the truncated gradient.
"""

# %%
# The task. A string starts with E and ends with B, is 100 to 110 symbols long, and has a relevant symbol at
# a position from 10 to 20 and at one from 50 to 60 (counted from 1); the others are drawn from a, b, c, d.

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMClassifier
from sklstm.paper import Study
from sklstm.tasks import make_temporal_order

CLASSES = ["XX", "XY", "YX", "YY"]

# %%
# Learning ends when the average error of the last 2000 training strings is below 0.1 and all of them were
# right, that is, no output had an error of 0.3 or more.

study = Study.from_command_line("6a", n_trials=5, description="Temporal order of two symbols")
for trial in study:
    clf = LSTMClassifier(
        n_blocks=2,
        block_size=2,
        forget_gate=False,
        recurrence="all",
        cell_input_activation="logistic[-2,2]",
        cell_output_activation="logistic[-1,1]",
        output_activation="logistic",
        init_range=0.1,
        input_gate_bias=[-2, -4],
        loss="squared_error",
        gradient="truncated",
        solver="sgd",
        learning_rate=0.5,
        update="sequence",
        random_state=trial.seed,
    )
    for X, y in trial.blocks(clf):
        clf.partial_fit(X, y, classes=CLASSES)

# %%
# The table shows the paper's row and ours.

study.report()

# %%
# How it is solved: the states of the cells store the first relevant symbol until the second comes. The panels
# show one string of each class; the dotted lines are the relevant symbols.

plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(1, 5, figsize=(15, 3))
seen, mean, largest = np.transpose(trial.curve)
axes[0].plot(seen, largest, label="largest of 100", linewidth=0.5, color="0.6")
axes[0].plot(seen, mean, label="mean", color="k")
axes[0].set(xlabel="training strings", ylabel="|error|", title="Learning", ylim=(0, 1))
axes[0].legend()
X, y = make_temporal_order(100, random_state=trial.seed)
for axis, name in zip(axes[1:], CLASSES, strict=True):
    string = X[np.flatnonzero(y == name)[:1]]
    trace = clf.activations(string)[0]
    axis.plot(trace["cell_state"], label=[f"block {b}, cell {c}" for b in (1, 2) for c in (1, 2)])
    for step in np.flatnonzero(string[0].toarray()[:, 6:].any(axis=1)):
        axis.axvline(step, color="gray", linestyle=":")
    axis.set(xlabel="time step", title=f"{name}: cell states")
axes[1].set_ylabel("internal state")
axes[1].legend()
figure.savefig("temporal_order.png")
print("figure: temporal_order.png")
