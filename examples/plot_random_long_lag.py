"""
Long time lags, random symbols in between: Experiment 2b of 1997
================================================================

The first symbol of a string, x or y, is also its last one, and the 99 symbols in between are random. Only the
first symbol is of any use, and the noise cannot be compressed. Therefore the chunker fails, like
back-propagation through time (Hochreiter & Schmidhuber 1997, section 5.2).
"""

# %%
# The task. A string is x or y, then 99 symbols drawn from a_1, ..., a_99, then the first symbol again.
# Only the output at the end of the string counts.

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMRegressor
from sklstm.paper import Study
from sklstm.tasks import make_random_long_lag

# %%
# The network and its 10,504 weights are the paper's: one cell with an input gate, no output gate, no
# recurrence, no biases. In the paper it also predicts the symbols in between, at every step. But one cell
# without recurrence cannot count to a hundred, so it cannot predict x and y at the end and at no earlier
# step. Here, only the last step has an error, and Adam minimises the log loss. Learning ends when no output
# at the end of 10,000 new strings has an error of 0.25 or more.

study = Study.from_command_line("2b", n_trials=6, description="Long time lags, random symbols between")
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
        init_range=0.2,
        loss="log_loss",
        gradient="truncated",
        solver="adam",
        learning_rate=0.1,
        update="sequence",
        random_state=trial.seed,
    )
    for X, y in trial.blocks(reg):
        reg.partial_fit(X, y)

# %%
# The table shows the paper's row and ours.

study.report()

# %%
# How it is solved: x and y open the input gate by different amounts, and the random symbols do not open it.
# The panel on the left shows the gate for each symbol; without recurrence, it depends on nothing else. The
# others show thirty strings of each class.

plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(1, 4, figsize=(14, 3.2))
seen, mean, largest = np.transpose(trial.curve)
axes[0].plot(seen, largest, color="0.6")
axes[0].axhline(0.25, color="gray", linestyle=":")
axes[0].set(xlabel="training strings", ylabel="largest |error| of 100", title="Learning", ylim=(0, 1))
X, y = make_random_long_lag(60, at_end=True, random_state=trial.seed)
symbols = reg.activations(np.eye(101)[:, np.newaxis])
for name, part in (("a_i", slice(0, 99)), ("x", slice(99, 100)), ("y", slice(100, 101))):
    gates, inputs = (np.array([t[key][0, 0] for t in symbols])[part] for key in ("input_gate", "cell_input"))
    axes[1].plot(gates, inputs, "o", label=name, markersize=4)
axes[1].set(xlabel="input gate", ylabel="cell input", title="When a symbol is read")
axes[1].legend()
for trace, target in zip(reg.activations(X), y):
    color = "C1" if target[-2] else "C2"
    axes[2].plot(trace["cell_state"], color=color, linewidth=0.6)
    axes[3].plot(trace["output"][0, -2:], "o-", color=color, linewidth=0.6)
axes[2].set(xlabel="time step", ylabel="internal state", title="Cell state: orange x, green y")
axes[3].set(xticks=[0, 1], xticklabels="xy", ylabel="activation", title="Outputs x and y at the end")
figure.savefig("random_long_lag.png")
print("figure: random_long_lag.png")
