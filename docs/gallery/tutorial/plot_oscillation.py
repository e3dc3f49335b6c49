"""
An oscillation that sustains itself
===================================

A network without any input is to produce a periodic function, step after step: what drives it is its own
state. One memory block is enough if its gates see that state, by peepholes (Gers, Schraudolph & Schmidhuber
2002). An error in the length of the period, however small, would add up from period to period; the network
has to find an orbit that attracts.
"""

# %%
# The task: a cosine with a period of ten steps. The paper learns on line from streams that end at the first
# error of 0.3 or more; for a cosine of 25 steps public notes on it give a root mean square error of 0.17.

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
parser.add_argument("--rounds", type=int, default=40, help="of learning from five periods, at most")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()

# %%
# One memory block with peepholes: 17 weights, as in the paper. What learns is the extended Kalman filter.

reg = LSTMRegressor(
    n_blocks=1,
    peepholes=True,
    cell_input_activation="identity",
    cell_output_activation="identity",
    return_sequences=True,
    init_range=0.1,
    forget_gate_bias=2,
    output_gate_bias=-2,
    solver="dekf",
    gradient="truncated",
    update="step",
    measurement_noise=lambda n: max(0.01, 1.0 * 0.9**n),
    process_noise=1e-4,
    random_state=options.seed,
)
X, y = make_periodic(5, options.period, options.form)
long, truth = make_periodic(1000, options.period, options.form)
curve = []
for number in range(1, options.rounds + 1):
    for _ in range(10):
        reg.partial_fit(X, list(y))
    error = np.abs(reg.predict(long)[0] - truth[0][:, 0])
    right = len(error) if (error < 0.3).all() else int((error >= 0.3).argmax())
    curve.append((10 * number, right))
    print(f"{10 * number:4d} sequences: right for {right} of {len(error)} steps", flush=True)
    if right == len(error):
        break
print(f"root mean square error over 1000 periods: {np.sqrt((error**2).mean()):.3f}")

# %%
# Left the outputs; right the orbit: the state of the cell against that of the step before, over 100 periods.

state = reg.activations([long[0][: 100 * options.period]])[0]["cell_state"][:, 0]
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
shown = slice(0, 5 * options.period)
axes[0].plot(truth[0][shown], "k:", label="target")
axes[0].plot(reg.predict(long)[0][shown], label="output")
axes[0].set(xlabel="step", title="The first five periods")
axes[0].legend()
axes[1].plot(state[:-1], state[1:], ".", markersize=3)
axes[1].plot(state[:-1][shown], state[1:][shown], linewidth=0.5)
axes[1].set(xlabel="state at step t", ylabel="state at step t + 1", title="Phase portrait of the cell")
figure.savefig("oscillation.png", dpi=100)
print("figure: oscillation.png")
