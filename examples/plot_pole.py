"""
A pole in two modes: a policy with memory
=========================================

A pole stands on a cart that is pushed to the left or to the right at each step. In mode A, action 0 is left
and 1 is right; in mode B it is the other way round. The mode is shown in the first second only, and the pole
should stand for half an hour (Bakker 2002). Velocities are not observed, so a short memory is needed, too.
"""

# %%
# Published: two of ten networks were perfect after six million steps of Advantage(lambda) learning from
# rewards. Here, the network has a teacher, a linear law of the whole state, which reads velocities and knows
# the mode. The network acts by itself, and the teacher says at each step how likely action 1 should be (Ross,
# Gordon & Bagnell 2011). The output is the log odds of action 1.

import argparse
from itertools import pairwise

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit

from sklstm import Network
from sklstm.tasks import TwoModePole

parser = argparse.ArgumentParser(description="Two-mode pole balancing by a policy with a teacher")
parser.add_argument("--rounds", type=int, default=2500, help="of 64 steps of 32 poles, at most")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
rng, n_poles, n_steps = np.random.default_rng(options.seed), 32, 64
poles = [TwoModePole(random_state=rng) for _ in range(n_poles)]
law = np.array([1.5, 3, 45, 9])  # of position, velocity, angle, angular velocity
network = Network(3, 1, n_blocks=6, n_hidden_units=14, return_sequences=True)
w = network.init_weights(rng, init_range=0.1, forget_gate_bias=3)
stream = network.stream(w, n_poles)
x = np.array([pole.reset(mode_is_a=i % 2 == 0)[0] for i, pole in enumerate(poles)])
first, second, curve = 0.0, 0.0, []  # the moments of Adam are the first two

# %%
# Episodes continue from round to round until the pole falls. Some are cut off, so modes are shown again. Each
# mode has half of the poles. Episodes of a learned mode are long: with random modes, nearly all poles would
# soon be in that mode, and the other mode would be forgotten.

for number in range(1, options.rounds + 1):
    state, X = stream.state, np.empty((n_steps, n_poles, 3))
    told, over = np.empty((2, n_steps, n_poles))
    for t in range(n_steps):
        X[t] = x
        actions = rng.random(n_poles) < expit(4 * stream.step(x)[:, 0])  # nearly the likelier one
        for i, pole in enumerate(poles):
            told[t, i] = expit((1 if pole.mode_is_a else -1) * law @ pole.state)
            x[i], _, fell, *_ = pole.step(int(actions[i]))
            over[t, i] = fell or rng.random() < 1e-4
            if over[t, i]:
                x[i] = pole.reset(mode_is_a=i % 2 == 0)[0]
                stream.reset(i)
    edges = [(i, [0, *(np.flatnonzero(over[:, i]) + 1), n_steps]) for i in range(n_poles)]
    parts = [(slice(a, b), i) for i, ends in edges for a, b in pairwise(ends) if a < b]
    state = state.take([i for _, i in parts])
    for array in state:
        array[[steps.start > 0 for steps, _ in parts]] = 0
    x_parts, likely = [X[part] for part in parts], [told[part][:, np.newaxis] for part in parts]
    rate = 0.003 * max(0.1, 1 - number / 1250)
    for update in range(4 * number - 3, 4 * number + 1):
        y = network.forward(w, x_parts, initial_state=state)
        errors = [(expit(a) - b) / (n_steps * n_poles) for a, b in zip(y, likely, strict=True)]
        gradient = network.backward(w, x_parts, errors, initial_state=state)
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        w -= rate * first / (1 - 0.9**update) / (np.sqrt(second / (1 - 0.999**update)) + 1e-8)
    if number % 20 == 0 or number == options.rounds:
        states = [[], []]  # states of the cells in modes A and B, without exploration
        for mode in (0, 1):
            alone, pole, done = network.stream(w), TwoModePole(random_state=1), False
            seen = pole.reset(mode_is_a=mode == 0)[0]
            while not done and len(states[mode]) < 100_000:
                seen, _, done, *_ = pole.step(int(alone.step(seen)[0] > 0))
                states[mode].append(alone.state.cells[0])
        curve.append([2048 * number, *map(len, states)])
        print("after {} steps: balanced for {} in mode A, for {} in mode B".format(*curve[-1]), flush=True)
        if min(curve[-1][1:]) == 100_000:
            break

# %%
# How it is solved: the states of the cells differ between the two modes, long after these were shown.

plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(1, 2, figsize=(11, 4))
lines = axes[0].loglog(*np.array(curve)[:, :2].T, "C0", *np.array(curve)[:, ::2].T, "C3")
figure.legend(lines, ["mode A", "mode B"], loc="outside lower center", ncols=2)
axes[0].set(xlabel="steps learned from", ylabel="steps without exploration", title="Learning")
axes[1].plot(states[0][:300], "C0", states[1][:300], "C3")
axes[1].set(xlabel="step", ylabel="cell states", title="The mode is shown until step 50")
figure.savefig("pole.png")
print("figure: pole.png")
