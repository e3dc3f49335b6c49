"""
Long time lags: Experiment 2a of 1997
=====================================

Two strings of 101 symbols differ only in the first symbol, which is also the last one. To predict it, a
network has to store one bit for a hundred steps. Back-propagation through time and real-time recurrent
learning did not solve the task in five million strings; a chunker needed 32,400 strings in the third of its
trials that were solved (Hochreiter & Schmidhuber 1997, section 5.2).
"""

# %%
# The task. The strings are (x, a_1, ..., a_99, x) and (y, a_1, ..., a_99, y); the network reads a symbol and
# predicts the next one, at each step. All targets but the last are always the same.

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMRegressor
from sklstm.paper import Study
from sklstm.tasks import make_long_lag

# %%
# The network and its 10,504 weights are the paper's: one cell with an input gate, no output gate, no
# recurrence, no biases; outputs also read the inputs. It learns on-line with the paper's learning rate and an
# update at every step, but with the log loss, and it has the cell from the start; in the paper, it is added
# when the error has stopped decreasing. Learning ends when no output has an error of 0.25 or more at any
# step.

study = Study.from_command_line("2a", n_trials=6, description="Long time lags, the same symbols between")
for trial in study:
    reg = LSTMRegressor(
        n_blocks=1,
        output_gate=False,
        forget_gate=False,
        recurrence="none",
        shortcut=True,
        cell_bias=False,
        gate_bias=False,
        output_bias=False,
        cell_input_activation="logistic",
        cell_output_activation="identity",
        output_activation="logistic",
        return_sequences=True,
        init_range=0.2,
        loss="log_loss",
        gradient="truncated",
        solver="sgd",
        learning_rate=1.0,
        update="step",
        random_state=trial.seed,
    )
    for X, y in trial.blocks(reg):
        reg.partial_fit(X, y)

# %%
# The table shows the paper's row and ours.

study.report()

# %%
# How it is solved. The gate opens for the first symbol of one string and not for that of the other, is closed
# during the lag, and opens again for a_99, after which x or y comes. The state therefore shows both what the
# first symbol was and that it is time to predict it.

plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(1, 4, figsize=(14, 3.2))
seen, mean, largest = np.transpose(trial.curve)
axes[0].plot(seen, largest, color="0.6")
axes[0].axhline(0.25, color="gray", linestyle=":")
axes[0].set(xlabel="training strings", ylabel="largest |error|", title="Learning", ylim=(0, 1))
X, y = make_long_lag(20, random_state=trial.seed)
starts_with_x = X.values[X.offsets[:-1]].toarray()[:, -2] == 1
for name, is_one in (("x", starts_with_x), ("y", ~starts_with_x)):
    trace = reg.activations(X[np.flatnonzero(is_one)[:1]])[0]
    for axis, values in zip(axes[1:], (trace["input_gate"], trace["cell_state"], trace["output"][:, -2])):
        axis.plot(values, label=f"{name} ... {name}")
for axis, title in zip(axes[1:], ("Input gate", "Cell state", "Output x"), strict=True):
    axis.set(xlabel="time step", ylabel="internal state" if axis is axes[2] else "activation", title=title)
    axis.legend()
figure.savefig("long_lag.png")
print("figure: long_lag.png")
