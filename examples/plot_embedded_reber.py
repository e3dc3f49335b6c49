"""
Embedded Reber grammar: Experiment 1 of 1997
============================================

A string is B, then T or P, then a string of the Reber grammar, then the same T or P again, then E. A network
reads it and predicts, after each symbol, which ones may come next. Most follow from the last two or three
symbols, but the last T or P follows only from the second symbol, after any number of steps: networks without
a memory learn everything else (Hochreiter & Schmidhuber 1997, section 5.1).
"""

# %%
# The task. There are 256 training strings and 256 different test strings. At most steps, two symbols may
# come, each with probability 0.5; the target is the one that did.

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMRegressor
from sklstm.paper import Study
from sklstm.tasks import REBER_SYMBOLS, reber_successors

# %%
# The network and its 276 weights are the paper's: three memory blocks of two cells. With the paper's numbers,
# the states drift until the squashing function h is flat, and no error flows back that would make a cell
# store the second symbol. Here, h is the identity, as in Experiment 2, the input gates open one block at a
# time, and Adam uses the full gradient of the log loss. Learning ends when, at each step of all 512 strings,
# the symbols that may come have the largest outputs.

study = Study.from_command_line("1-5", n_trials=5, description="The embedded Reber grammar")
for trial in study:
    reg = LSTMRegressor(
        n_blocks=3,
        block_size=2,
        forget_gate=False,
        recurrence="all",
        cell_bias=False,
        output_bias=False,
        cell_input_activation="logistic[-2,2]",
        cell_output_activation="identity",
        output_activation="logistic",
        return_sequences=True,
        init_range=0.2,
        input_gate_bias=[-1, -2, -3],
        output_gate_bias=[0, 0, 0],
        loss="log_loss",
        gradient="full",
        solver="adam",
        learning_rate=0.015,
        update="sequence",
        random_state=trial.seed,
    )
    for X, y in trial.blocks(reg):
        reg.partial_fit(X, y)

# %%
# The table shows the paper's row and ours.

study.report()

# %%
# How it is solved: two strings that differ only in the second symbol, T or P, and therefore in the last but
# one. The upper panels show the outputs after each symbol; circles are the symbols that may come. The lower
# panel shows the states: one or more of the six distinguish T from P until the end.

plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(2, 3, figsize=(14, 6), width_ratios=[0.7, 1, 1])
seen, mean, largest = np.transpose(trial.curve)
axes[0, 0].plot(seen, mean, color="k")
axes[0, 0].set(xlabel="training strings", ylabel="mean |error| of 100", title="Learning", ylim=(0, None))
states = []
for above, below, string in zip(axes[0, 1:], axes[1, 1:], ("BTBPTTVPXTVVET", "BPBPTTVPXTVVEP"), strict=True):
    X = np.array([[symbol == column for column in REBER_SYMBOLS] for symbol in string[:-1]], dtype=float)
    trace = reg.activations([X])[0]
    image = above.imshow(trace["output"].T, cmap="Blues", vmin=0, vmax=1)
    above.plot(*np.nonzero(reber_successors([X])), "o", color="C1", fillstyle="none")
    above.set(yticks=range(7), yticklabels=REBER_SYMBOLS, title="Outputs after each symbol")
    below.plot(trace["cell_state"])
    below.set(ylabel="internal state", title="Cell states")
    for axis in (above, below):
        axis.set(xticks=range(len(X)), xticklabels=string[:-1], xlabel="symbol that is read")
    states.append(trace["cell_state"])
cells = [f"block {b}, cell {c}" for b in (1, 2, 3) for c in (1, 2)]
axes[1, 0].plot(np.abs(states[0] - states[1]), label=cells)
axes[1, 0].set(xlabel="time step", ylabel="absolute difference", title="States after T less those after P")
figure.legend(*axes[1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
figure.colorbar(image, ax=axes[0, 2])
figure.savefig("embedded_reber.png")
print("figure: embedded_reber.png")
