"""Trials of control under partial observation: learning by rewards, and a policy that has a teacher."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy.signal import lfilter
from scipy.special import expit, log_softmax

from sklstm import tasks
from sklstm._learning.trainer import Diverged
from sklstm._sequences import Sequences
from sklstm.paper._trial import INITIAL
from sklstm.paper._tutorial_trial import TutorialTrial


class Explorer:
    """Network without memory that predicts the errors of the values, for the temperature of the choice.

    It has one hidden layer of tanh units. Its target is the size of the error plus `decay` times its own next
    output.
    """

    def __init__(self, n_inputs, rng, n_hidden=9, rate=0.01, decay=0.9):
        self.hidden = rng.uniform(-0.1, 0.1, (n_hidden, n_inputs + 1))
        self.output = rng.uniform(-0.1, 0.1, n_hidden + 1)
        self.rate, self.decay = rate, decay

    def __call__(self, x):
        return self.output[:-1] @ np.tanh(self.hidden[:, :-1] @ x + self.hidden[:, -1]) + self.output[-1]

    def learn(self, x, target):
        """Make one step of gradient descent, of a bounded length, for one observation."""
        h = np.tanh(self.hidden[:, :-1] @ x + self.hidden[:, -1])
        step = np.clip(self.rate * (target - self.output[:-1] @ h - self.output[-1]), -1.0, 1.0)
        back = step * self.output[:-1] * (1 - h * h)
        self.output[:-1] += step * h
        self.output[-1] += step
        self.hidden[:, :-1] += np.outer(back, x)
        self.hidden[:, -1] += back


def drawn(logits, rng):
    """Draw actions, with probabilities that are the softmax of the logits.

    Parameters
    ----------
    logits : ndarray of shape (n, n_actions)
    rng : Generator

    Returns
    -------
    ndarray of int of shape (n,)
    """
    odds = np.exp(logits - logits.max(axis=1, keepdims=True)).cumsum(axis=1)
    return (odds <= rng.random((len(odds), 1)) * odds[:, -1:]).sum(axis=1)


class AdvantageTrial(TutorialTrial):
    """Advantage(lambda) learning with eligibility traces and directed exploration (Bakker 2002)."""

    def start(self):
        """Make the environment, the stream of the network, and the explorer."""
        initial = {name: self.options[name] for name in INITIAL if name in self.options}
        self.weights = self.network.init_weights(self.rng, **initial)
        self.stream = self.network.stream(self.weights, partials=True)
        self.environment = self.new_environment()
        self.explorer = Explorer(self.row.n_inputs, self.rng)
        self.recent = []

    def new_environment(self):
        """Make an environment of the row."""
        return getattr(tasks, self.options["task"])(**self.options["task_arguments"], random_state=self.rng)

    def learn(self):
        """Learn from this number of episodes."""
        until = self.sequences + self.options["look_every"]
        while self.sequences < until:
            self.recent.append(self.episode())
            self.sequences += 1
        if not np.isfinite(self.weights).all():
            raise Diverged

    def episode(self):
        """Run one episode; return its last reward and its length."""
        options, stream, explorer = self.options, self.stream, self.explorer
        gamma, kappa, most = options["discount"], options["kappa"], options["most_steps"]
        units, traces = np.eye(self.row.n_outputs), np.zeros(self.network.n_weights)
        stream.reset()
        x, _ = self.environment.reset()
        y, curious = stream.step(x), explorer(x)
        n_steps, done = 0, False
        while not done and n_steps < most:
            n_steps += 1
            value, action = y.max(), self.choice(y, curious)
            traces *= gamma * options["trace_decay"]
            traces += stream.gradient(units[action])
            x_next, reward, done, _, _ = self.environment.step(action)
            following = 0.0
            if not done:
                y_next, curious_next = stream.step(x_next), explorer(x_next)
                following = y_next.max()
            error = value + (reward + gamma * following - value) / kappa - y[action]
            self.weights += options["learning_rate"] * error * traces
            stream.load()
            explorer.learn(x, abs(error) + (0.0 if done else explorer.decay * curious_next))
            if not done:
                x, y, curious = x_next, y_next, curious_next
        self.steps += n_steps
        return reward, n_steps

    def choice(self, y, curious):
        """Draw an action from the advantages, at a temperature that rises with the expected error."""
        temperature = max(self.options["temperature"], self.options["temperature"] * curious)
        return int(drawn(np.maximum(-700.0, (y - y.max()) / temperature)[np.newaxis], self.rng)[0])

    def look(self):
        """Whether enough of the last episodes ended in the correct arm."""
        self.recent = self.recent[-self.options["window"] :]
        right = np.mean([reward > 0 for reward, _ in self.recent])
        self.reached = right
        return len(self.recent) == self.options["window"] and right > self.options["share"]


class ActorCriticTrial(AdvantageTrial):
    """A policy and a value of one network that learn from whole episodes (Mnih and others 2016).

    The outputs are the logits of the actions and, last, the value: the expected return. Several episodes run
    with the same weights. Then the weights change once, by the full gradient. The advantage of an action is
    the decaying sum of the errors of the value at its step and at all later ones (Schulman and others 2016).
    A bonus for the entropy of the policy keeps it from choosing too early.
    """

    def __init__(self, row, arguments, seed):
        super().__init__(replace(row, n_outputs=row.n_outputs + 1), arguments, seed)

    def start(self):
        """Make the environments and the stream of the network."""
        TutorialTrial.start(self)
        self.weights, n = self.trainer.weights, self.options["batch_size"]
        self.stream = self.network.stream(self.weights, n)
        self.environments = [self.new_environment() for _ in range(n)]
        self.recent, self.begun = [], self.sequences

    def learn(self):
        """Learn from at least this number of episodes; a network that does not learn in time starts again."""
        if self.sequences - self.begun >= self.options["restart_after"]:
            self.start()
        until = self.sequences + self.options["look_every"]
        while self.sequences < until:
            X, errors = [], []
            for x, y, actions, rewards in self.collect():
                n_steps = len(actions)
                X.append(x[:n_steps])
                errors.append(self.errors(y, actions, rewards))
                self.recent.append((rewards[-1], n_steps))
                self.sequences += 1
                self.steps += n_steps
            scale = 1 / sum(map(len, X))
            gradient = self.network.backward(self.weights, X, [scale * array for array in errors])
            self.trainer.learned.grad[...] += self.engine.pad(gradient)
            self.engine.update(self.trainer.learned)
            self.weights[:] = self.trainer.weights
            self.stream.load()
        if not np.isfinite(self.weights).all():
            raise Diverged

    def collect(self):
        """Run an episode of each environment.

        Returns
        -------
        list of (x, y, actions, rewards)
            Arrays of the steps of an episode. If the episode was cut off, x and y have one step more.
        """
        x = np.array([environment.reset()[0] for environment in self.environments])
        episodes = [([], [], [], []) for _ in self.environments]
        active = list(range(len(x)))
        self.stream.reset()
        for _ in range(self.options["most_steps"]):
            y = self.stream.step(x)
            actions = drawn(y[:, :-1], self.rng)
            for i in tuple(active):
                before = x[i].copy()
                x[i], reward, done, _, _ = self.environments[i].step(int(actions[i]))
                for values, value in zip(episodes[i], (before, y[i], actions[i], reward), strict=True):
                    values.append(value)
                if done:
                    active.remove(i)
            if not active:
                break
        if active:
            y = self.stream.step(x)
            for i in active:
                episodes[i][0].append(x[i])
                episodes[i][1].append(y[i])
        return [tuple(map(np.array, episode)) for episode in episodes]

    def errors(self, y, actions, rewards):
        """Derivatives of the loss of an episode with respect to the outputs.

        The loss is the sum over steps of - advantage x log probability of the action - bonus x entropy
        + weight x half the squared error of the value.

        Parameters
        ----------
        y : ndarray of shape (n_steps, n_actions + 1) or (n_steps + 1, n_actions + 1)
            With the step after the last action if the episode was cut off.
        actions, rewards : ndarray of shape (n_steps,)

        Returns
        -------
        ndarray of shape (n_steps, n_actions + 1)
        """
        options, n_steps = self.options, len(actions)
        following = np.append(y[1:, -1], 0.0)[:n_steps]
        y = y[:n_steps]
        decay = options["discount"] * options["trace_decay"]
        surprise = rewards + options["discount"] * following - y[:, -1]
        advantages = lfilter([1.0], [1.0, -decay], surprise[::-1])[::-1, np.newaxis]
        log_p = log_softmax(y[:, :-1], axis=1)
        p = np.exp(log_p)
        entropy = -(p * log_p).sum(axis=1, keepdims=True)
        chosen = np.eye(p.shape[1])[actions]
        at_policy = (p - chosen) * advantages + options["entropy_bonus"] * p * (log_p + entropy)
        return np.hstack([at_policy, -options["value_weight"] * advantages])


class PoleTrial(AdvantageTrial):
    """Advantage(lambda) for a pole in two modes; the frozen greedy policy has to balance it in both."""

    def look(self):
        """Whether one episode in each mode lasts long enough."""
        self.recent.clear()
        self.reached = min(self.balanced(mode_is_a) for mode_is_a in (True, False))
        return self.reached >= self.options["test_steps"]

    def balanced(self, mode_is_a):
        """Number of steps of an episode without exploration."""
        stream, most = self.network.stream(self.weights), self.options["test_steps"]
        x, _ = self.environment.reset(mode_is_a=mode_is_a)
        for n_steps in range(most):
            x, _, done, _, _ = self.environment.step(self.greedy(stream.step(x)))
            if done:
                return n_steps
        return most

    def greedy(self, y):
        """Action without exploration."""
        return int(y.argmax())


class TeacherTrial(PoleTrial):
    """A policy that acts by itself and learns from a teacher that knows the whole state.

    The teacher is a linear law of position, velocity, angle and angular velocity, and knows the mode. The
    network acts, and at each step the teacher says how likely action 1 should be (Ross, Gordon & Bagnell
    2011). Several poles run at the same time. The network learns from parts of their episodes by the full
    gradient; each part begins in the state where the previous part ended, and "sequences" counts the parts.
    An episode is cut off at any step with a small probability, so that the modes are shown again and again
    although episodes can be long. A pole has the same mode in all of its episodes.
    """

    def start(self):
        """Make the poles."""
        TutorialTrial.start(self)
        options = self.options
        n = options["side_by_side"]
        self.weights = self.trainer.weights
        self.stream = self.network.stream(self.weights, n)
        self.environments = [self.new_environment() for _ in range(n)]
        self.environment = self.new_environment()  # to look at
        self.x = np.array([self.begin(i) for i in range(n)])

    def begin(self, i):
        """Begin an episode of a pole. Each mode has half of them: episodes of a learned mode are long."""
        return self.environments[i].reset(mode_is_a=i % 2 == 0)[0]

    def look(self):
        """Whether one episode in each mode lasts long enough; the best of all checks counts."""
        best = self.reached or 0
        self.recent = []
        is_balanced = super().look()
        self.reached = max(best, self.reached or 0)
        return is_balanced

    def learn(self):
        """Learn from this number of rounds; the learning rate falls to a tenth."""
        options = self.options
        for _ in range(options["look_every"]):
            rest = max(0.1, 1 - self.sequences / options["rate_falls_until"])
            self.trainer.learning_rate = options["learning_rate"] * rest
            self.one_round()
        if not np.isfinite(self.weights).all():
            raise Diverged

    def one_round(self):
        """Follow each pole for one part, and update the weights some times."""
        parts, state, told = self.collect()
        for _ in range(self.options["epochs"]):
            y = np.vstack(self.network.forward(self.weights, parts, initial_state=state))
            errors = (expit(y[:, 1] - y[:, 0]) - told) / len(y)
            errors = np.split(np.stack([-errors, errors], axis=1), parts.offsets[1:-1])
            gradient = self.network.backward(self.weights, parts, errors, initial_state=state)
            self.trainer.learned.grad[...] += self.engine.pad(gradient)
            self.engine.update(self.trainer.learned)
            self.weights[:] = self.trainer.weights
        self.stream.load()
        self.sequences += len(self.environments)
        self.steps += len(told)

    def taught(self):
        """Probability of action 1 according to the teacher, for each pole."""
        states = np.array([environment.state for environment in self.environments])
        sign = np.where([environment.mode_is_a for environment in self.environments], 1, -1)
        return expit(sign * (states @ self.options["law"]))

    def collect(self):
        """Follow each pole for one part.

        Returns
        -------
        pieces : Sequences
            Observations of the episodes, or of their pieces in this part.
        state : State
            State at the beginning of each piece.
        told : ndarray of shape (n_steps,)
            Probability of action 1 according to the teacher.
        """
        options, n, part = self.options, len(self.environments), self.options["part"]
        initial, begins = self.stream.state, [[0] for _ in self.environments]
        X, told = np.empty((part, n, self.row.n_inputs)), np.empty((part, n))
        for t in range(part):
            X[t], told[t] = self.x, self.taught()
            y = self.stream.step(self.x)
            actions = self.rng.random(n) < expit(options["sharpness"] * (y[:, 1] - y[:, 0]))
            over = self.rng.random(n) < options["cut"]
            for i, environment in enumerate(self.environments):
                self.x[i], _, fell, _, _ = environment.step(int(actions[i]))
                if fell or over[i]:
                    over[i], self.x[i] = True, self.begin(i)
                    begins[i].append(t + 1)
            if over.any():
                self.stream.reset(np.flatnonzero(over))
                self.stream.load()
        pieces = [
            (slice(begin, end), i)
            for i in range(n)
            for begin, end in pairwise([*begins[i], part])
            if begin < end
        ]
        state = initial.take([i for _, i in pieces])
        for array in state:
            array[[steps.start > 0 for steps, _ in pieces]] = 0
        x, told = (np.concatenate([array[piece] for piece in pieces]) for array in (X, told))
        return Sequences.from_lengths(x, [steps.stop - steps.start for steps, _ in pieces]), state, told
