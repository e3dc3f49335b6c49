"""
A self-sustaining oscillation
=============================

A network without any input has to generate a periodic function, driven only by its own state. One memory
block is enough if its gates read this state through peepholes (Gers, Schraudolph & Schmidhuber 2002). Even a
small error in the length of the period would add up from period to period; the network has to find an
attracting orbit.
"""

# %%
# The task is a cosine with a period of ten steps. The paper learns on-line from streams that end at the first
# error of 0.3 or more. For a cosine of 25 steps, public notes on it report a root mean square error of 0.17.

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMRegressor
from sklstm.tasks import PERIODIC_FORMS, make_periodic

parser = argparse.ArgumentParser(description="A periodic function without any input")
parser.add_argument("--form", choices=PERIODIC_FORMS, default="cosine", help="of the function")
parser.add_argument("--period", type=int, default=10, help="steps")
parser.add_argument("--rounds", type=int, default=60, help="of 50 epochs, at most")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()

# %%
# A network of eight memory blocks learns from five periods with the full gradient; the test has 1000 periods.

reg = LSTMRegressor(
    n_blocks=8,
    peepholes=True,
    return_sequences=True,
    forget_gate_bias=1,
    learning_rate=0.01,
    alpha=0,
    clip=1.0,
    random_state=options.seed,
)
X, y = make_periodic(5, options.period, options.form)
long, truth = make_periodic(1000, options.period, options.form)
for number in range(1, options.rounds + 1):
    for _ in range(50):
        reg.partial_fit(X, list(y))
    error = np.abs(reg.predict(long)[0] - truth[0][:, 0])
    right = len(error) if (error < 0.3).all() else int((error >= 0.3).argmax())
    print(f"{50 * number:5d} epochs: right for {right} of {len(error)} steps", flush=True)
    if right == len(error):
        break
print(f"root mean square error over 1000 periods: {np.sqrt((error**2).mean()):.3f}")

# %%
# On the left, the outputs; on the right, the orbit of two cells over the last 100 periods. Errors do not
# grow.

states = reg.activations(long)[0]["cell_state"][-100 * options.period :]
plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(1, 2, figsize=(10, 4))
shown = slice(0, 5 * options.period)
axes[0].plot(truth[0][shown], "k:", label="target")
axes[0].plot(reg.predict(long)[0][shown], label="output")
axes[0].set(xlabel="step", title="The first five periods")
axes[0].legend()
first, second = np.argsort(states.std(axis=0))[-2:]
axes[1].plot(states[:, first], states[:, second], ".", markersize=4, label="the last 100 periods")
axes[1].plot(states[shown, first], states[shown, second], linewidth=0.5, label="five of them, step by step")
axes[1].set(xlabel=f"state of cell {first}", ylabel=f"state of cell {second}", title="Phase portrait")
axes[1].legend(loc="center")
figure.savefig("oscillation.png")
print("figure: oscillation.png")
