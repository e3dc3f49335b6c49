"""
Temporal order of three symbols: Experiment 6b of 1997
======================================================

Three relevant symbols, X or Y, are far apart in a string of distractors, and the class is their order, one of
eight. Each of them has to be stored together with the earlier ones: the number of cases to be distinguished
doubles three times while the string is read (Hochreiter & Schmidhuber 1997, section 5.6).
"""

# %%
# The task. A string starts with E and ends with B, is 100 to 110 symbols long, and has a relevant symbol at
# a position from 10 to 20, one from 33 to 43 and one from 66 to 76; the others are drawn from a, b, c, d.

from itertools import product

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMClassifier
from sklstm.paper import Study
from sklstm.tasks import make_temporal_order

CLASSES = ["".join(order) for order in product("XY", repeat=3)]

# %%
# The network, its 308 weights and the biases are the paper's: three memory blocks of two cells. Adam uses the
# full gradient of the log loss. Learning ends when the average error of the last 2000 training strings is
# below 0.1 and all of them were right, that is, no output had an error of 0.3 or more.

study = Study.from_command_line("6b", n_trials=3, description="Temporal order of three symbols")
for trial in study:
    clf = LSTMClassifier(
        n_blocks=3,
        block_size=2,
        forget_gate=False,
        recurrence="all",
        cell_input_activation="logistic[-2,2]",
        cell_output_activation="logistic[-1,1]",
        output_activation="logistic",
        init_range=0.1,
        input_gate_bias=[-2, -4, -6],
        loss="log_loss",
        gradient="full",
        solver="adam",
        learning_rate=0.003,
        update="sequence",
        random_state=trial.seed,
    )
    for X, y in trial.blocks(clf):
        clf.partial_fit(X, y, classes=CLASSES)

# %%
# The table shows the paper's row and ours.

study.report()

# %%
# How it is solved: the outputs of the cells after one, two and three relevant symbols, for 400 strings, in
# the two directions in which they vary most. Strings with the same order so far form clusters.

plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(1, 4, figsize=(15, 3.6))
seen, mean, largest = np.transpose(trial.curve)
axes[0].plot(seen / 1000, largest, label="largest of 100", linewidth=0.5, color="0.6")
axes[0].plot(seen / 1000, mean, label="mean", color="k")
axes[0].set(xlabel="thousand training strings", ylabel="|error|", title="Learning", ylim=(0, 1))
axes[0].legend()
X, y = make_temporal_order(400, n_relevant=3, random_state=trial.seed)
traces = clf.activations(X)
for axis, (step, known) in zip(axes[1:], {30: 1, 60: 2, 99: 3}.items(), strict=True):
    cells = np.array([trace["cell"][step - 1] for trace in traces])
    cells -= cells.mean(axis=0)
    places = cells @ np.linalg.svd(cells, full_matrices=False)[2][:2].T
    for order in sorted({name[:known] for name in CLASSES}):
        chosen = [name.startswith(order) for name in y]
        axis.plot(*places[chosen].T, ".", markersize=3, label=order)
    axis.set(xlabel="first direction", title=f"Cells after {step} steps")
    axis.legend()
axes[1].set_ylabel("second direction")
figure.savefig("three_symbols.png")
print("figure: three_symbols.png")
