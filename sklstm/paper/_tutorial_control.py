"""Trials of control under partial observation: Advantage(lambda), and a policy that has a teacher."""

from itertools import pairwise

import numpy as np
from scipy.signal import lfilter
from scipy.special import expit

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
        return np.tanh(x @ self.hidden[:, :-1].T + self.hidden[:, -1]) @ self.output[:-1] + self.output[-1]

    def learn(self, x, target):
        """Make one step of gradient descent, with a bounded length for each observation.

        Parameters
        ----------
        x : ndarray of shape (n_inputs,) or (n_steps, n_inputs)
        target : float or ndarray of shape (n_steps,)
        """
        x = np.atleast_2d(x)
        h = np.tanh(x @ self.hidden[:, :-1].T + self.hidden[:, -1])
        step = np.clip(self.rate * (target - h @ self.output[:-1] - self.output[-1]), -1.0, 1.0)
        back = step[:, np.newaxis] * self.output[:-1] * (1 - h * h)
        self.output[:-1] += step @ h
        self.output[-1] += step.sum()
        self.hidden[:, :-1] += back.T @ x
        self.hidden[:, -1] += back.sum(axis=0)


class AdvantageTrial(TutorialTrial):
    """Advantage(lambda) learning with eligibility traces and directed exploration (Bakker 2002).

    With the option "off_line", weights change after each episode by the sum of the changes of its steps. One
    backward pass computes this sum without traces, and several episodes can run at the same time.
    """

    def start(self):
        """Make the environments, the stream of the network, and the explorer."""
        initial = {name: self.options[name] for name in INITIAL if name in self.options}
        self.weights = self.network.init_weights(self.rng, **initial)
        off_line, n = self.options.get("off_line", False), self.options.get("side_by_side", 1)
        self.stream = self.network.stream(self.weights, n, partials=not off_line)
        make = getattr(tasks, self.options["task"])
        self.environments = [make(**self.options["task_arguments"], random_state=self.rng) for _ in range(n)]
        self.environment = self.environments[0]
        self.explorer = Explorer(self.row.n_inputs, self.rng)
        self.recent = []
        if off_line:
            self.x = np.array([environment.reset()[0] for environment in self.environments])
            self.episodes = [[] for _ in self.environments]

    def learn(self):
        """Learn from this number of episodes."""
        until = self.sequences + self.options["look_every"]
        while self.sequences < until:
            if self.options.get("off_line"):
                self.one_step()
                continue
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
            value, action = y.max(), self.choices(y[np.newaxis], curious)[0]
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

    def choices(self, y, curious):
        """Draw actions from the advantages, at temperatures that rise with the expected errors.

        Parameters
        ----------
        y : ndarray of shape (n, n_actions)
        curious : float or ndarray of shape (n,)

        Returns
        -------
        list of int
        """
        temperature = np.maximum(self.options["temperature"], self.options["temperature"] * curious)
        differences = (y - y.max(axis=1, keepdims=True)) / np.reshape(temperature, (-1, 1))
        odds = np.exp(np.maximum(-700.0, differences)).cumsum(axis=1)
        drawn = self.rng.random((len(y), 1)) * odds[:, -1:]
        return (odds <= drawn).sum(axis=1).tolist()

    def one_step(self):
        """Run one step of all episodes; learn from those that end, and begin new ones."""
        outputs = np.atleast_2d(self.stream.step(self.x if len(self.x) > 1 else self.x[0]))
        expected = self.explorer(self.x)
        actions, ended = self.choices(outputs, expected), []
        for i, (environment, steps) in enumerate(zip(self.environments, self.episodes, strict=True)):
            x, reward, done, _, _ = environment.step(actions[i])
            steps.append((self.x[i].copy(), outputs[i], expected[i], actions[i], reward))
            self.x[i] = x
            if done or len(steps) > self.options["most_steps"]:
                x, y, wanted, taken, rewards = map(np.array, zip(*steps, strict=True))
                self.learn_from(x, y, wanted, taken, rewards, done)
                self.episodes[i], self.x[i] = [], environment.reset()[0]
                ended.append(i)
        if ended:
            self.stream.reset(ended)
            self.stream.load()

    def learn_from(self, x, y, expected, actions, rewards, done):
        """Update the weights by an episode; the last step of one that was cut off only gives a value."""
        options, n_steps = self.options, len(actions) - (not done)
        if len(self.environments) > 1:  # other episodes have changed the weights in the meantime
            y = self.network.forward(self.weights, [x])[0]
        values, each = y.max(axis=1), np.arange(n_steps)
        following, later = (np.append(array[1:], 0.0)[:n_steps] for array in (values, expected))
        rewards, actions = rewards[:n_steps], actions[:n_steps]
        gain = (rewards + options["discount"] * following - values[:n_steps]) / options["kappa"]
        errors = values[:n_steps] + gain - y[each, actions]
        decay = options["discount"] * options["trace_decay"]
        at_outputs = np.zeros((n_steps, self.row.n_outputs))
        at_outputs[each, actions] = lfilter([1.0], [1.0, -decay], errors[::-1])[::-1]
        gradient = self.network.backward(self.weights, [x[:n_steps]], [at_outputs], "truncated")
        self.weights += options["learning_rate"] * gradient
        targets = np.abs(errors) + self.explorer.decay * later
        for part in range(0, n_steps, 10):
            self.explorer.learn(x[part : part + 10][: n_steps - part], targets[part : part + 10])
        self.steps += n_steps
        self.sequences += 1
        self.recent.append((rewards[-1], n_steps))

    def look(self):
        """Whether enough of the last episodes ended in the correct arm."""
        self.recent = self.recent[-self.options["window"] :]
        right = np.mean([reward > 0 for reward, _ in self.recent])
        self.reached = right
        return len(self.recent) == self.options["window"] and right > self.options["share"]


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
    An episode is cut off at any step with a small probability, so that modes are shown again and again
    although episodes can be long.
    """

    def start(self):
        """Make the poles."""
        TutorialTrial.start(self)
        options = self.options
        n, make = options["side_by_side"], getattr(tasks, options["task"])
        self.weights = self.trainer.weights
        self.stream = self.network.stream(self.weights, n)
        self.environments = [make(**options["task_arguments"], random_state=self.rng) for _ in range(n)]
        self.environment = make(**options["task_arguments"], random_state=self.rng)  # to look at
        self.x = np.array([environment.reset()[0] for environment in self.environments])

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
                    over[i], self.x[i] = True, environment.reset()[0]
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
