"""
Adding: Experiment 4 of 1997
============================

Two of about a hundred numbers are marked, and the target, fifty or more steps later, is their sum. The other
steps are irrelevant. The sum is not a symbol but a number, which has to be stored precisely for many
steps (Hochreiter & Schmidhuber 1997, section 5.4). Rows 4-2 and 4-3 have sequences of 500 and 1000 steps.
"""

# %%
# The task. A step is a pair: a number from -1 to 1 and a marker, which is 1 at the two relevant steps, -1 at
# both ends and 0 elsewhere. The first marked number is among the first 10, both are in the first half, and a
# sequence has 100 to 110 steps. The target is 0.5 + (X1 + X2) / 4.

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMRegressor
from sklstm.paper import Study
from sklstm.tasks import make_adding

# %%
# The network and its 93 weights are the paper's: two memory blocks of two cells whose input gates are nearly
# closed at first, so that noise does not fill the states. Plain gradient descent takes very long for the last
# few large errors; here, Adam minimises the log loss. Learning ends when none of the last 2000 sequences had
# an error of 0.04 or more and their mean error is below 0.01.

study = Study.from_command_line("4-1", "4-2", "4-3", n_trials=5, description="The adding problem")
for trial in study:
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
        solver="adam",
        learning_rate=0.003,
        update="sequence",
        random_state=trial.seed,
    )
    for X, y in trial.blocks(reg):
        reg.partial_fit(X, y)

# %%
# The table shows the paper's row and ours.

study.report()

# %%
# How it is solved: the input gates open at the marked steps, and the states add up the inputs and keep them.
# The dotted lines are the marked steps of one sequence. The panel on the right shows the state that is most
# correlated with the sum, at the last step of 500 sequences.

plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(1, 4, figsize=(14, 3.2))
seen, mean, largest = np.transpose(trial.curve)
axes[0].semilogy(seen / 1000, largest, label="largest of 100", linewidth=0.5)
axes[0].semilogy(seen / 1000, mean, label="mean")
axes[0].axhline(0.04, color="gray", linestyle=":")
axes[0].set(xlabel="thousand training sequences", ylabel="|error|", title="Learning")
X, y = make_adding(500, **study.experiment.task_arguments, random_state=trial.seed)
traces = reg.activations(X)
axes[1].plot(traces[0]["input_gate"], label=["block 1", "block 2"])
axes[1].set(xlabel="time step", ylabel="activation", title="Input gates", ylim=(0, None))
axes[2].plot(traces[0]["cell_state"], label=[f"block {b}, cell {c}" for b in (1, 2) for c in (1, 2)])
axes[2].set(xlabel="time step", ylabel="internal state", title=f"Cell states; the sum is {4 * y[0] - 2:.2f}")
for axis in axes[1:3]:
    for step in np.flatnonzero(X[0][:, 1] == 1):
        axis.axvline(step, color="gray", linestyle=":")
states = np.array([trace["cell_state"][-1] for trace in traces])
cell = np.abs(np.corrcoef(states.T, y)[-1, :-1]).argmax()
axes[3].plot(4 * y - 2, states[:, cell], ".", color=f"C{cell}", markersize=4)
axes[3].set(xlabel="X1 + X2", title=f"State of block {cell // 2 + 1}, cell {cell % 2 + 1} at the end")
for axis in axes[:3]:
    axis.legend()
figure.savefig("adding.png")
print("figure: adding.png")
