"""
Timed spikes: a clock without input
===================================

The network has to generate a spike every twenty steps, without any input. It has to count steps in its
states, generate a spike, and start again at the right step: after an error of one step, everything that
follows is wrong (Gers, Schraudolph & Schmidhuber 2002). A constant output is right at nineteen of twenty
steps, which is a trap.
"""

# %%
# The paper's network has one block and learns from streams, each of which ends at the first error; for a
# period of 10, our trials need some forty thousand streams. This example uses linear cells and the full
# gradient.

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMRegressor
from sklstm.tasks import make_timed_spikes

parser = argparse.ArgumentParser(description="Spikes at the right time without any input")
parser.add_argument("--period", type=int, default=20, help="steps")
parser.add_argument("--rounds", type=int, default=200, help="of 50 epochs, at most")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
reg = LSTMRegressor(
    n_blocks=16, peepholes=True, cell_input_activation="identity", cell_output_activation="identity",
    output_activation="logistic", loss="log_loss", return_sequences=True, init_range=0.1, forget_gate_bias=5,
    learning_rate=0.01, alpha=0, clip=1.0, random_state=options.seed,
)  # fmt: skip

# %%
# Spikes are learned one after the other: the sequence has one spike more than those that are already right.
# Steps with a spike, which are rare, count three times.

test, truth = make_timed_spikes(1, 1000, options.period)
right, most = [0], 1
for number in range(1, options.rounds + 1):
    most = min(6, max(most, right[-1] + 1))
    X, y = make_timed_spikes(1, most, options.period)
    for _ in range(50):
        reg.partial_fit(X, y, sample_weight=[1 + 2 * spikes[:, 0] for spikes in y])
    missed = np.abs(reg.predict(test)[0] - truth[0][:, 0]) >= 0.49
    right.append((int(missed.argmax()) if missed.any() else len(missed)) // options.period)
    if number % 10 == 0 or right[-1] == 1000:
        print(f"{50 * number:6d} epochs: {right[-1]} of 1000 spikes right, learns {most}", flush=True)
    if right[-1] == 1000:
        break
print("published: learned")

# %%
# The states of the cells that vary most, over three periods, far from the start; below, the output.

shown = slice(len(test[0]) - 3 * options.period, None)
states = reg.activations(test)[0]["cell_state"][shown]
plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(1, 3, figsize=(13, 3.6))
axes[0].plot(50 * np.arange(len(right)), right)
axes[0].set(xlabel="epoch", ylabel="spikes that are right", yscale="symlog", title="Learning")
largest = np.argsort(states.std(axis=0))[-5:]
axes[1].plot(states[:, largest] / np.abs(states[:, largest]).max(axis=0))
axes[1].set(xlabel="step", ylabel="state over its largest", title="Cells that count")
axes[2].plot(truth[0][shown], "k:", label="target")
axes[2].plot(reg.predict(test)[0][shown], label="output")
axes[2].set(xlabel="step", title="The last three of 1000 periods")
axes[2].legend()
figure.savefig("timed_spikes.png")
print("figure: timed_spikes.png")
