"""
Learning to forget: an endless stream of strings
================================================

Strings of the embedded Reber grammar follow one another without a mark, and the network is never reset. A
state that is not emptied grows from string to string until its unit is saturated. This is why forget gates
were added to LSTM (Gers, Schmidhuber & Cummins 2000). Here, two networks learn on-line from streams, one with
forget gates and one as in 1997.
"""

# %%
# The paper tests with streams of a million symbols. 62 % of its networks with forget gates, and a decreasing
# learning rate, make no error; without forget gates, all of them do.

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMRegressor
from sklstm.tasks import REBER_SYMBOLS, make_continual_reber

parser = argparse.ArgumentParser(description="A continual grammar with and without forget gates")
parser.add_argument("--streams", type=int, default=20_000, help="of 100 symbols to learn from")
parser.add_argument("--symbols", type=int, default=100_000, help="of the test stream")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
gates = [-0.5, -1.0, -1.5, -2.0]  # of four blocks, so that they are taken into use one after the other


def network(forget_gate):
    """The paper's network: four blocks of two cells; log loss in the place of squared errors."""
    return LSTMRegressor(
        n_blocks=4, block_size=2, shortcut=True, cell_bias=False, forget_gate=forget_gate,
        return_sequences=True, cell_input_activation="logistic[-2,2]",
        cell_output_activation="logistic[-1,1]", output_activation="logistic", loss="log_loss",
        init_range=0.2, input_gate_bias=gates, output_gate_bias=gates,
        forget_gate_bias=[-bias for bias in gates] if forget_gate else None,
        gradient="truncated", solver="sgd", update="step", learning_rate=0.1, momentum=0, alpha=0,
        random_state=options.seed,
    )  # fmt: skip


# %%
# Legal successors have the target 1. A step is right if all outputs are within 0.49 of their targets.

test, legal = make_continual_reber(1, options.symbols, random_state=options.seed + 1000)
nets = {"forget gates": network(True), "as of 1997": network(False)}
shares = {name: [] for name in nets}
for name, reg in nets.items():
    rng, first, n_looks = np.random.default_rng(options.seed), 0, 0
    for seen in range(0, options.streams, 1000):
        X, y = make_continual_reber(min(1000, options.streams - seen), 100, random_state=rng)
        reg.partial_fit(X, y)
        wrong = (np.abs(reg.predict(test)[0] - legal[0]) >= 0.49).any(axis=1)
        shares[name].append(wrong.mean())
        first = int(wrong.argmax()) if wrong.any() else len(wrong)
        if first == len(wrong):
            break
    print(f"{name:13} {seen + len(X):6d} streams, {wrong.sum():6d} of {len(wrong)} symbols wrong, ", end="")
    print("none" if first == len(wrong) else f"the first is number {first}", flush=True)
print("published: no error in a million symbols, forget gates: 18 %, with falling rate 62 %; 1997: 0 %")

# %%
# On the left, the share of wrong symbols. On the right, the states of the cells in the test stream: with
# forget gates they return to zero, without them they drift. Dotted lines are the ends of strings.

plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(1, 3, figsize=(13, 3.6))
for name, curve in shares.items():
    axes[0].plot(
        1000 * np.arange(1, len(curve) + 1), np.maximum(curve, 1 / options.symbols), ".-", label=name
    )
axes[0].set(xlabel="streams", ylabel="share of wrong symbols", yscale="log", title="Learning")
axes[0].legend()
text = "".join(REBER_SYMBOLS[symbol] for symbol in test[0][:2000].indices)
for axis, (name, reg) in zip(axes[1:], nets.items()):
    axis.plot(reg.activations([test[0][:200]])[0]["cell_state"], linewidth=1)
    for end in (at for at in range(1, 200) if text[at - 1 : at + 1] == "EB" and text[at - 2] in "TP"):
        axis.axvline(end, color="gray", linestyle=":", linewidth=0.8)
    axis.set(xlabel="symbol", ylabel="cell states", title=name.capitalize())
figure.savefig("continual_reber.png")
print("figure: continual_reber.png")
