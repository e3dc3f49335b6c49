"""
Very long time lags in noise: Experiment 2c of 1997
===================================================

The second symbol of a string, x or y, is also its last one. Between the two there are hundreds of random
distractors, whose number varies. The paper finds that the number of training strings hardly grows with the
lag q if the number p of different distractors grows with it (Hochreiter & Schmidhuber 1997, section 5.2). Its
nine rows have p and q from 50 to 1000: ``--row 2c-5`` is p = q = 1000.
"""

# %%
# The task. A string is b, then x or y, then q + k distractors, each one of p, then e, when x or y is to be
# predicted; k is 9 on average. The lag is at least q + 1, and the inputs in between are of no use.

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMRegressor
from sklstm.paper import EXPERIMENTS, Study
from sklstm.tasks import make_distractor_lag

# %%
# The network and its 6 p + 64 weights are the paper's: two blocks of one cell, no biases. The task is
# difficult because the untrained states drift to values where h is flat. Therefore the initial weights are
# near zero, and each weight has its own step size, by RPROP on the log loss of 200 new strings at a time.
# Learning ends when no output has an error of 0.2 or more on 10,000 new strings.

rows = ["2c-2", *(name for name in EXPERIMENTS if name.startswith("2c") and name != "2c-2")]
study = Study.from_command_line(*rows, n_trials=5, description="Very long time lags in noise")
for trial in study:
    reg = LSTMRegressor(
        n_blocks=2,
        forget_gate=False,
        recurrence="all",
        cell_bias=False,
        gate_bias=False,
        output_bias=False,
        cell_input_activation="logistic[-2,2]",
        cell_output_activation="logistic[-1,1]",
        output_activation="logistic",
        init_range=0.001,
        loss="log_loss",
        gradient="truncated",
        solver="rprop",
        learning_rate=1e-4,
        random_state=trial.seed,
    )
    for X, y in trial.blocks(reg, n=200):
        reg.partial_fit(X, y)

# %%
# The table shows the paper's row and ours.

study.report()

# %%
# How it is solved: the symbol x or y determines the sign of the cell input, and the cell keeps this sign by
# its recurrent weight. The state therefore moves away from zero to one side, and no distractor turns it back.
# The panels show thirty strings: blue ones end with x, orange ones with y.

plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(1, 4, figsize=(14, 3.2))
seen, mean, largest = np.transpose(trial.curve)
axes[0].plot(seen, largest, color="0.6")
axes[0].axhline(0.2, color="gray", linestyle=":")
axes[0].set(xlabel="training strings", ylabel="largest |error| of 200", title="Learning", ylim=(0, 1))
X, y = make_distractor_lag(30, **study.experiment.task_arguments, random_state=trial.seed)
for trace, target in zip(reg.activations(X), y):
    color = "C0" if target[0] == 1 else "C1"
    for axis, name in zip(axes[1:], ("cell_input", "cell_state")):
        axis.plot(trace[name][:, 0], color=color, linewidth=0.8)
    axes[3].plot(["x", "y"], trace["output"][0], "o-", color=color, linewidth=0.8)
axes[1].set(xlabel="time step", ylabel="g(net)", title="Input of cell 1")
axes[2].set(xlabel="time step", ylabel="internal state", title="State of cell 1")
axes[3].set(ylabel="activation", ylim=(0, 1), title="Outputs x and y at the end")
figure.savefig("distractor_lag.png")
print("figure: distractor_lag.png")
