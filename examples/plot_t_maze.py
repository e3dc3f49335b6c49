"""
T-maze: an agent that remembers
===============================

At the west end of a corridor, an agent sees whether its goal is north or south of the junction at the east
end, which it reaches many steps later. The observations in the corridor and at the junction are always the
same. Rewards come only at the end: the agent has to find out that the first observation is important (Bakker
2002).
"""

# %%
# The network predicts how good each of four actions is. It does not learn from targets but from the error of
# its own prediction, which concerns all previous steps: an eligibility trace sums up the derivatives of the
# outputs of the chosen actions. `Network.stream` computes these derivatives from step to step.

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import Network
from sklstm.tasks import TMaze

parser = argparse.ArgumentParser(description="Advantage(lambda) learning in a T-maze")
parser.add_argument("--length", type=int, default=10, help="of the corridor")
parser.add_argument("--episodes", type=int, default=12_000, help="at most")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
rate, discount, trace_decay, kappa, temperature = 0.0005, 0.98, 0.8, 0.1, 0.2

# %%
# Input gates that are nearly closed at first keep the states from drifting in the corridor; open forget gates
# store the first observation.

rng = np.random.default_rng(options.seed)
maze = TMaze(options.length, random_state=rng)
network = Network(3, 4, n_blocks=3, n_hidden_units=12, return_sequences=True)
w = network.init_weights(
    rng, init_range=0.1, input_gate_bias=[-2, -3, -4], forget_gate_bias=5, output_gate_bias=0
)
stream = network.stream(w, partials=True)


def episode(learns=True):
    """Walk to an arm; returns the states of the cells on the way, and whether it was the right arm."""
    stream.reset()
    x, _ = maze.reset()
    y, traces, states = stream.step(x), np.zeros(network.n_weights), []
    for _ in range(100 * options.length):
        states.append(stream.state.cells[0])
        odds = np.cumsum(np.exp((y - y.max()) / (temperature if learns else 0.01)))
        action = int(np.searchsorted(odds, rng.random() * odds[-1], side="right"))
        if learns:
            traces = discount * trace_decay * traces + stream.gradient(np.eye(4)[action])
        x, reward, done, *_ = maze.step(action)
        following = y if done else stream.step(x)
        value = 0 if done else following.max()
        if learns:
            error = y.max() + (reward + discount * value - y.max()) / kappa - y[action]
            w[:] += rate * error * traces
        if done:
            break
        y = following
    return np.array(states), reward > 0


# %%
# Learning ends when more than 80 % of the last 500 choices were right. The tutorial shows that LSTM learns
# this.

right, n_steps = [], 0
while len(right) < options.episodes and not (len(right) >= 500 and np.mean(right[-500:]) > 0.8):
    states, is_right = episode()
    right.append(is_right)
    n_steps += len(states)
    if len(right) % 1000 == 0:
        print(f"{len(right):6d} episodes, {n_steps:8d} steps: {np.mean(right[-500:]):.2f} right", flush=True)
print(f"{np.mean(right[-500:]):.2f} of the last 500 episodes right after {len(right)} ({n_steps} steps)")

# %%
# How it is solved: the states of the cells on the way, for both goals.

plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(1, 2, figsize=(11, 4))
axes[0].plot(np.convolve(right, np.ones(200) / 200, mode="valid"))
axes[0].set(xlabel="episode", ylabel="share of 200 in the right arm", title="Learning", ylim=(0, 1))
for _ in range(12):
    states, _ = episode(learns=False)
    axes[1].plot(states[: 3 * options.length], color="C0" if maze.goal_is_north else "C1", alpha=0.5)
for colour, where in (("C0", "north"), ("C1", "south")):
    axes[1].plot([], [], color=colour, label=f"goal in the {where}")
axes[1].set(xlabel="step", ylabel="cell states", title="States on the way to the goal")
axes[1].legend()
figure.savefig("t_maze.png")
print("figure: t_maze.png")
