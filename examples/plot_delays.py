"""
Spike delays: the time since the last spike
===========================================

Spikes occur at irregular times. At each spike, the network has to say something about the time since the
previous one: how much longer than ten steps it was, or whether it was exactly twenty steps (Gers, Schraudolph
& Schmidhuber 2002, and the tutorial of 2003). Between spikes there are neither inputs nor targets. The
network has to count steps, and to start again at each spike.
"""

# %%
# Linear cells with open forget gates can count, and peepholes let the gates see the count. Between spikes
# there are no targets: the weight of these steps is 0.

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMRegressor
from sklstm.tasks import make_delay_detection, make_spike_delays

parser = argparse.ArgumentParser(description="Delays between spikes: measured, and one of them detected")
parser.add_argument("--rounds", type=int, default=100, help="of 200 new sequences, at most")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()


def learn(name, make, learning_rate, forget_gate_bias):
    """Until all spikes of a test sequence of 1000 are right; the estimator, and the errors on the way."""
    rng = np.random.default_rng(options.seed)
    reg = LSTMRegressor(
        n_blocks=8, peepholes=True, cell_input_activation="identity", cell_output_activation="identity",
        output_activation="logistic", loss="log_loss", return_sequences=True, init_range=0.1,
        forget_gate_bias=forget_gate_bias, learning_rate=learning_rate, alpha=0, clip=1.0,
        random_state=options.seed,
    )  # fmt: skip
    test, truth, is_spike = make(1, 1000, random_state=rng)
    wrong = []
    for number in range(1, options.rounds + 1):
        for _ in range(200):
            X, y, weight = make(1, 20, random_state=rng)
            reg.partial_fit(X, y, sample_weight=[w[:, 0] for w in weight])
        missed = np.abs(reg.predict(test)[0] - truth[0][:, 0]) >= 0.49
        wrong.append(int(missed[is_spike[0][:, 0] == 1].sum()))
        if number % 10 == 0 or number == options.rounds or wrong[-1] == 0:
            print(f"{name}: {200 * number} sequences of 20 spikes, {wrong[-1]} of 1000 wrong", flush=True)
        if wrong[-1] == 0:
            break
    return reg, wrong


measured, curve = learn("delay of 10 or 11", make_spike_delays, 0.01, 5)
detected, other_curve = learn("delay of 20 or not", make_delay_detection, 0.003, 6)
print("published: learned")

# %%
# The outputs of the network for one spike after ten steps, and the next one after each of 40 delays.

longest = 40
asked = np.arange(1, longest + 1)
X = [np.zeros((10 + delay, 1)) for delay in asked]
for x in X:
    x[[9, -1]] = 1
answers = [np.array([y[-1] for y in reg.predict(X)]) for reg in (measured, detected)]
states = detected.activations(X[-1:])[0]["cell_state"][10:]

plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(1, 3, figsize=(13, 3.6))
axes[0].plot(200 * np.arange(1, len(curve) + 1), curve, label="10 or 11")
axes[0].plot(200 * np.arange(1, len(other_curve) + 1), other_curve, label="20 or not")
axes[0].set(xlabel="sequence", ylabel="spikes of 1000 that are wrong", yscale="symlog", title="Learning")
axes[0].legend()
axes[1].plot(asked, answers[0], ".-", label="10 or 11")
axes[1].plot(asked, answers[1], ".-", label="20 or not")
axes[1].set(
    xlabel="steps since the last spike", ylabel="output at the spike", title="What is said of a delay"
)
axes[1].legend()
axes[2].plot(states / np.abs(states).max(axis=0))
axes[2].set(xlabel="step after a spike", ylabel="state over its largest", title="Cells that count, 20 or not")
figure.savefig("delays.png")
print("figure: delays.png")
