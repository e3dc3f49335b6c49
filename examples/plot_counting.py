"""
Counting with a Kalman filter: a^n b^n c^n
==========================================

A string is n times a, n times b, n times c. A network reads it symbol by symbol and predicts which symbols
may come next; after the first b, a network that counts knows this exactly. No finite automaton can do it for
all n: the states of the cells have to be counters, also for values of n that did not occur in training (Gers
& Schmidhuber 2001). Gradient descent needs tens of thousands of strings; the extended Kalman filter of
Perez-Ortiz and others (2003) needs a few hundred.
"""

# %%
# The task: strings with n from 1 to 10. The tutorial of 2003 reports that networks trained with a Kalman
# filter work up to n = 22,000,000.

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogFormatter

from sklstm import LSTMRegressor
from sklstm.tasks import accepted_strings, make_language, make_language_strings

parser = argparse.ArgumentParser(description="a^n b^n c^n with a decoupled extended Kalman filter")
parser.add_argument("--strings", type=int, default=2000, help="strings to learn from")
parser.add_argument("--most", type=int, default=300, help="largest n to be tested")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
language, rng = "a^n b^n c^n", np.random.default_rng(options.seed)

# %%
# The network of the paper has two memory blocks with peepholes, 90 weights, and outputs in the range [-2, 2];
# logistic outputs with targets 0.25 and 0.75 are equivalent. The noise that the filter assumes is decreased.

reg = LSTMRegressor(
    n_blocks=2,
    peepholes=True,
    shortcut=True,
    cell_input_activation="identity",
    cell_output_activation="identity",
    output_activation="logistic",
    return_sequences=True,
    init_range=0.1,
    input_gate_bias=-1,
    forget_gate_bias=2,
    output_gate_bias=-2,
    solver="dekf",
    gradient="truncated",
    update="step",
    measurement_noise=lambda n: 6.25 * 0.03 ** min(n / 1000, 1),
    process_noise=0.005,
    random_state=options.seed,
)

# %%
# After every hundred strings, we find the largest n up to which all strings are accepted.

test, legal = make_language_strings(np.arange(1, options.most + 1), language)
curve = []
for seen in range(100, options.strings + 1, 100):
    X, y = make_language(100, language, random_state=rng)
    reg.partial_fit(X, [0.25 + 0.5 * targets for targets in y])
    accepted = accepted_strings(reg.predict(test), legal)
    curve.append((seen, options.most if accepted.all() else int(accepted.argmin())))
    print(f"{seen:5d} strings: all n up to {curve[-1][1]} of at most {options.most}")
print("published: learned from n <= 10, right up to n = 22,000,000 (best network of the tutorial)")
print(f"here:      learned from n <= 10, right up to n = {max(n for _, n in curve)}")

# %%
# How it is solved: the states of the cells over one string. One of them goes up with a and down with b,
# another goes up with b and down with c, or they are mixtures of both.

n = 8
X, _ = make_language_strings([n], language)
trace = reg.activations(X)[0]
plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(1, 2, figsize=(11, 4))
axes[0].plot(*np.transpose(curve), color="k", marker="o", markersize=3)
axes[0].axhline(10, color="gray", linestyle=":", label="learned from")
axes[0].set(xlabel="strings learned from", ylabel="all n up to", yscale="log", title="Generalisation")
axes[0].yaxis.set_major_formatter(LogFormatter())  # 20 instead of 2 x 10^1
axes[0].yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.4)))
axes[0].legend()
axes[1].plot(trace["cell_state"], marker=".", label=["cell 1", "cell 2"])
axes[1].set(xticks=range(3 * n + 1), xticklabels="S" + n * "a" + n * "b" + n * "c", title="Cell states")
axes[1].set(xlabel="symbol that is read", ylabel="internal state")
axes[1].legend()
figure.savefig("counting.png")
print("figure: counting.png")
