"""
Comparison: the systems of 1997 on one task
===========================================

Two strings differ only in their first symbol, which is also the last one. To predict it, a network has to
store one bit over the delay in between. Experiment 2a of Hochreiter & Schmidhuber (1997) compares LSTM with
earlier systems on this task: a conventional recurrent network, trained by back-propagation through time or by
its first step only (Elman net); the neural sequence chunker; and temporal transition hierarchies.
"""

# %%
# The task. The strings are (x, a_1, ..., a_p-1, x) and (y, a_1, ..., a_p-1, y), with delays p of 4, 10 and
# 100. At each step, a network reads a symbol and predicts the next one. All systems learn on-line, with the
# same rule of success: no output has an error of 0.25 or more at any step of the two strings.

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm.paper import EXPERIMENTS, run_trial

parser = argparse.ArgumentParser(description="LSTM and the systems it was compared with, on task 2a")
parser.add_argument("--trials", type=int, default=3, help="number of trials, by default 3")
parser.add_argument("--full", action="store_true", help="run as many trials as the paper")
parser.add_argument("--limit", type=int, default=20_000, help="training strings at most in a trial")
parser.add_argument("--seed", type=int, default=0, help="of the first trial")
options = parser.parse_args()

# %%
# LSTM has the setting "best": the paper's network, with the log loss. BPTT and the Elman net are arguments of
# the same estimators, with one hidden unit that reads itself; the other two systems are only in
# `sklstm.paper`. At each step, the one of the chunker's two networks that is nearer to the target counts. A
# hierarchy begins without hidden units and adds one for each weight whose changes cancel out.

SYSTEMS = {
    "best": "LSTM",
    "bptt": "BPTT",
    "elman": "Elman net",
    "chunker": "chunker",
    "hierarchy": "transition hierarchies",
}
DELAYS = {name: EXPERIMENTS[name].task_arguments["p"] for name in ("2a-4", "2a-10", "2a")}
n_trials = EXPERIMENTS["2a"].n_trials if options.full else options.trials
seeds = range(options.seed, options.seed + n_trials)

print(f"{'system':<24}{'delay':>6}{'solved':>10}{'strings, mean':>15}{'weights':>9}{'seconds':>9}")
found = {}
for setting, label in SYSTEMS.items():
    for name, p in DELAYS.items():
        records = [run_trial(name, setting, seed=seed, limit=options.limit) for seed in seeds]
        solved = [record["sequences"] for record in records if record["success"]]
        weights, seconds = (np.mean([record[key] for record in records]) for key in ("n_weights", "seconds"))
        found[label, p] = solved, weights
        mean = f"{np.mean(solved):,.0f}" if solved else f"none in {records[0]['sequences']:,}"
        print(f"{label:<24}{p:>6}{len(solved):>5} of {len(records)}{mean:>15}{weights:>9,.0f}{seconds:>9.1f}")
print("1997, p = 100: LSTM 5,040, chunker 32,400 in 33 % of its trials, RTRL and BPTT none in 5,000,000")

# %%
# An error that flows back through a conventional unit is multiplied, at each step, by at most a quarter of
# its weight, so a delay of ten is already too long. LSTM keeps the error in its cell. The chunker and the
# hierarchies shorten the path: symbols that are predicted are skipped, or get their own unit. On strings in
# which nothing can be predicted (Experiment 2c), this does not help.

plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6))
for index, label in enumerate(SYSTEMS.values()):
    colour = f"C{index}"
    means = [np.mean(found[label, p][0]) if found[label, p][0] else np.nan for p in DELAYS.values()]
    axes[0].plot(DELAYS.values(), means, "o-", color=colour, label=label)
    unsolved = [p * 1.06**index for p in DELAYS.values() if not found[label, p][0]]
    axes[0].plot(unsolved, [options.limit] * len(unsolved), "x", color=colour)
    sizes = [found[label, p][1] for p in DELAYS.values()]
    axes[1].plot(DELAYS.values(), sizes, "o-", color=colour, label=label)
axes[0].set(xscale="log", yscale="log", xlabel="delay p", ylabel="training strings until success")
axes[0].set_title("Learning (x: none was solved)")
axes[1].set(xscale="log", yscale="log", xlabel="delay p", ylabel="weights", title="Size")
axes[1].legend()
for ax in axes:
    ax.set_xticks(list(DELAYS.values()), list(DELAYS.values()), minor=False)
    ax.minorticks_off()
figure.savefig("comparison.png")
print("figure: comparison.png")
