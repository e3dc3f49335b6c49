"""Trials of the tutorial's experiments: learn, look at the rule, test; one class for each kind of task."""

import time
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.signal import lfilter
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from sklstm import tasks
from sklstm._engine.engine import engine_of
from sklstm._learning.settings import settings_of
from sklstm._learning.trainer import Diverged, Trainer
from sklstm._sequences import Sequences
from sklstm.paper._trial import INITIAL, LEARNING, network_of


class TutorialTrial:
    """A network that learns one task until the rule of its row ends it.

    Parameters
    ----------
    row : Tutorial
    arguments : dict
        Of the estimator, and the options of the trial.
    seed : int

    Attributes
    ----------
    sequences, steps : int
        Sequences and time steps that were learned from.
    success : bool
    reached : float or None
        What the row says of it.
    """

    def __init__(self, row, arguments, seed):
        self.row, self.options, self.seed = row, dict(arguments), seed
        self.rng = np.random.default_rng([seed, *map(ord, row.name)])
        self.network = network_of(row, self.options)
        if self.network.n_weights != self.options["n_weights"]:
            raise ValueError(
                f"{row.name} has {self.options['n_weights']} weights, got {self.network.n_weights}."
            )
        self.engine = engine_of(self.network, np.float64)
        self.sequences = self.steps = 0
        self.success, self.reached = False, None

    def start(self):
        """Set initial weights."""
        initial = {name: self.options[name] for name in INITIAL if name in self.options}
        weights = self.network.init_weights(self.rng, **initial)
        options = {name: self.options[name] for name in LEARNING if name in self.options}
        if options["solver"] == "dekf":
            first, last, n_sequences = self.options["measurement_noise"]
            options["measurement_noise"] = lambda n: first * (last / first) ** min(n / n_sequences, 1)
            options["process_noise"] = lambda n: self.options["process_noise"]
            options["initial_covariance"] = self.options.get("initial_covariance", 100.0)
        self.learning = settings_of(**options)
        X = Sequences(np.zeros((1, self.row.n_inputs)), [0, 1])  # a trainer begins with some data
        bound = self.bind(X, np.zeros((1, self.row.n_outputs)))
        self.trainer = Trainer(self.engine, bound, self.learning, weights)

    def bind(self, X, targets, weight=None):
        """Sequences in the form of the kernel; all targets count unless there are weights."""
        weight = np.ones(len(targets)) if weight is None else weight
        return self.engine.bind(X, targets, weight, self.learning.loss)

    def learn(self):
        """Learn until the next look at the rule."""
        raise NotImplementedError

    def look(self):
        """Whether the rule holds."""
        raise NotImplementedError

    def finish(self):
        """After success: what there is to find out."""

    def outputs(self, X):
        """Outputs for all time steps, weights as they are."""
        return self.engine.forward(self.trainer.w, self.engine.bind(X))[0]

    def run(self, limit=None):
        """Learn until the rule holds, or `limit` sequences; returns the record of the trial."""
        limit = self.options.get("limit", self.row.limit) if limit is None else limit
        self.start()
        begun, learning = time.process_time(), 0.0
        while not self.success and self.sequences < limit:
            at = time.process_time()
            try:
                self.learn()
            except Diverged:
                break
            learning += time.process_time() - at
            self.success = bool(self.look())
        sequences, steps = self.sequences, self.steps
        if self.success:
            self.finish()
        return {
            "experiment": self.row.name,
            "seed": self.seed,
            "success": self.success,
            "sequences": sequences,
            "n_weights": self.network.n_weights,
            "reached": None if self.reached is None else float(self.reached),
            "seconds": round(time.process_time() - begun, 3),
            "steps": steps,
            "ns_per_step": round(learning / max(steps, 1) * 1e9, 1),
        }


# ------------------------------------------------------------------------------------------------
# languages


class LanguageTrial(TutorialTrial):
    """Strings of a language; afterwards, how far the network counts."""

    LONGEST = 2**15  # time steps that are looked at at once

    def learn(self):
        """Learn from new strings."""
        n, options = self.options["look_every"], self.options
        X, y = tasks.make_language(n, options["language"], 1, options["max_n"], random_state=self.rng)
        self.trainer.load(self.bind(X, 0.25 + 0.5 * y.values))
        self.trainer.epoch(self.rng)
        self.sequences += n
        self.steps += X.n_steps

    def look(self):
        """Whether all strings to learn are accepted."""
        return self.largest(self.options["max_n"]) == self.options["max_n"]

    def finish(self):
        """Go on learning for a while, if the setting says so; the best of all looks counts."""
        self.reached = self.largest()
        for _ in range(self.options["more"] // self.options["look_every"]):
            try:
                self.learn()
            except Diverged:
                break
            self.reached = max(self.reached, self.largest())

    def largest(self, most=None):
        """Largest n, or n + m, so that all strings up to it are accepted.

        From n = 1000 on a grid is looked at, each number 1.1 times the one before.
        """
        pairs, n = self.options["language"] == "a^n b^m B^m A^n", 0
        while most is None or n < most:
            following = n + 1 if n < 1000 or pairs else int(1.1 * n)
            counts = [following] if not pairs else [(i, following - i) for i in range(1, following)]
            if not all(self.accepts(count) for count in counts):
                return n
            n = following
        return n

    def accepts(self, count):
        """Whether one string is accepted: read in parts, until the first wrong prediction."""
        X, y = tasks.make_language_strings([count], self.options["language"])
        state = None
        for at in range(0, X.n_steps, self.LONGEST):
            part = slice(at, at + self.LONGEST)
            bound = self.engine.bind(Sequences.from_lengths(X.values[part], [len(X.values[part])]))
            outputs, state = self.engine.forward(self.trainer.w, bound, state)
            if not ((outputs > 0.5) == (y.values[part] > 0.5)).all():
                return False
        return True


# ------------------------------------------------------------------------------------------------
# streams that end at the first wrong step (2000, 2002)


class TimingTrial(TutorialTrial):
    """Spikes and periodic functions: streams until the first wrong step, or whole ones with other solvers.

    Streams lie in a block of intervals and begin one after the other, each at the first interval after the
    end of the one before.
    """

    def start(self):
        """Draw a block as well."""
        super().start()
        task, arguments = self.options["task"], self.options["task_arguments"]
        self.is_fixed = task == "make_periodic" or (task == "make_timed_spikes" and "extras" not in arguments)
        self.next, self.right, self.known = None, 0, 1

    def draw(self, events):
        """X, targets and weights of one sequence of so many events."""
        options = self.options
        make, arguments = getattr(tasks, options["task"]), options["task_arguments"]
        if options["task"] == "make_periodic":
            X, y = make(events, **arguments)
            return X, y.values, None
        X, y, *weight = make(1, events, **arguments, random_state=self.rng)
        return X, y.values, weight[0].values[:, 0] if weight else None

    def one_stream(self, events, learns):
        """Follow a stream of at most so many events; whether all its steps were right."""
        if self.next is None or self.events != events or (self.next + events >= len(self.edges)):
            self.take_block(events)
        assert self.next is not None  # of the block
        begin, end = self.edges[self.next], self.edges[self.next + events]
        self.trainer.bound.learned.start[0] = self.trainer.bound.learned.target[0] = begin
        self.trainer.bound.learned.length[0] = end - begin
        loss, n_steps, missed = self.trainer.follow(0, limit=self.options["miss"], learns=learns)
        self.error = np.sqrt(2 * (loss if learns else self.squared_error(begin, n_steps)) / n_steps)
        is_right = (self.edges > begin) & (self.edges <= begin + n_steps - missed)
        self.right = int(np.count_nonzero(is_right))
        if not self.is_fixed:
            self.next = int(np.searchsorted(self.edges, begin + n_steps))
        if learns:
            self.steps += n_steps
            self.sequences += 1
        return not missed

    def squared_error(self, begin, n_steps):
        """Half the sum of squared errors of a stream of the block, whatever the loss is."""
        bound, steps = self.trainer.bound, slice(begin, begin + n_steps)
        outputs = self.outputs(Sequences.from_lengths(bound.sequences.values[steps], [n_steps]))
        squares = (outputs - bound.targets[steps]) ** 2
        return 0.5 * np.sum(squares * np.reshape(bound.target_weight, (len(bound.targets), -1))[steps])

    def take_block(self, events):
        """Let streams come from a new block; of a task without input there is only one stream."""
        X, targets, weight = self.draw(events if self.is_fixed else 20 * events)
        if self.options["task"] == "make_periodic":
            ends = np.arange(1, events + 1) * self.options["task_arguments"]["period"]
        else:
            ends = np.flatnonzero((targets if weight is None else weight).ravel() == 1) + 1
        self.edges, self.next, self.events = np.concatenate([[0], ends]), 0, events
        bound = self.bind(X, targets, weight=weight)
        self.trainer.load(replace(bound, learned=bound.order[[0]]))

    def learn(self):
        """Learn from so many streams, or from sequences that are one event longer than those known so far."""
        events = self.options["events"]
        if self.sequences and self.sequences % self.options.get("restart_after", self.row.limit) == 0:
            self.start()  # with other weights
        if self.options.get("grows"):
            events = self.known = min(events, max(self.known, self.right + 1))
        for _ in range(self.options["look_every"]):
            if self.options["solver"] == "sgd":
                self.one_stream(events, learns=True)
                continue
            X, targets, weight = self.draw(events)
            if "spike_weight" in self.options:  # spikes are rare
                weight = np.where(targets[:, 0] == 1, self.options["spike_weight"], 1.0)
            self.trainer.load(self.bind(X, targets, weight=weight))
            self.next = None  # the block of streams is gone
            self.trainer.epoch(self.rng)
            self.sequences += 1
            self.steps += X.n_steps

    def look(self):
        """Whether a new stream is right throughout; one in which states overflow is not."""
        try:
            right = self.one_stream(self.options["test_events"], learns=False)
        except Diverged:
            self.next, self.right = None, 0
            return False
        self.reached = self.error
        return right


class ReberTrial(TutorialTrial):
    """The continual embedded Reber grammar: ten test streams without a wrong prediction."""

    def start(self):
        """No strings are drawn yet."""
        super().start()
        self.next, self.edges, self.best = 0, np.zeros(1, int), 0.0
        self.curve = self.options["learning_rate"] * self.options["rate_decay"] ** np.arange(10_000)

    def take_block(self, n_steps):
        """Let streams come from new strings: about so many symbols, all strings whole."""
        X, y = tasks.make_continual_reber(1, max(n_steps, 200), random_state=self.rng)
        symbols = X.values.indices
        ends = np.flatnonzero(symbols[:-1] == tasks.REBER_SYMBOLS.index("E")) + 1
        ends = ends[symbols[ends] == tasks.REBER_SYMBOLS.index("B")]  # and not before the last T or P
        self.edges, self.next = np.concatenate([[0], ends]), 0
        bound = self.bind(Sequences(X.values[: ends[-1]], [0, ends[-1]]), y.values[: ends[-1]])
        self.trainer.load(replace(bound, learned=bound.order[[0]]))
        self.rates = np.empty(ends[-1])

    def one_stream(self, most, learns):
        """Follow a stream for at most so many symbols, or a string more; the number of right ones."""
        options, n_right, block = self.options, 0, 400
        while n_right < most:
            if self.next == len(self.edges) - 1:
                block = min(10 * block, 100_000) if n_right else block
                self.take_block(block)
            begin = self.edges[self.next]
            end = self.edges[self.next + 1] if options["reset"] else self.edges[-1]
            end = min(end, begin + most - n_right)
            order = self.trainer.bound.learned
            order.start[0], order.target[0], order.length[0] = begin, begin, end - begin
            rates = self.rates_from(n_right, begin, end) if learns and options["rate_decay"] < 1 else None
            goes_on = n_right > 0 and not options["reset"]
            _, n_steps, missed = self.trainer.follow(
                0, limit=options["miss"], learns=learns, rates=rates, goes_on=goes_on
            )
            self.next = int(np.searchsorted(self.edges, begin + n_steps))
            n_right += n_steps - missed
            if learns:
                self.steps += n_steps
            if missed:
                break
        if learns:
            self.sequences += 1
        return n_right

    def rates_from(self, n_before, begin, end):
        """Learning rates of the block for a stream that has had so many steps."""
        later = self.curve[min(n_before, len(self.curve) - 1) :][: end - begin]
        self.rates[begin : begin + len(later)] = later
        self.rates[begin + len(later) : end] = self.curve[-1]
        return self.rates

    def learn(self):
        """Learn from so many streams."""
        for _ in range(self.options["look_every"]):
            self.one_stream(self.options["most_steps"], learns=True)

    def look(self):
        """Whether ten test streams are right; three are enough to say no."""
        lengths = []
        for _ in range(10):
            lengths.append(self.one_stream(self.options["test_steps"], learns=False))
            if len(lengths) >= 3 and min(lengths) < self.options["test_steps"]:
                break
        self.best = self.reached = max(self.best, float(np.mean(lengths)))
        return min(lengths) >= self.options["test_steps"]


# ------------------------------------------------------------------------------------------------
# control (2002)


class Explorer:
    """Network without memory that predicts how wrong the values are: the temperature of the choice.

    One hidden layer of tanh units; its target is the size of the error plus `decay` times its own next
    output.
    """

    def __init__(self, n_inputs, rng, n_hidden=9, rate=0.01, decay=0.9):
        self.hidden = rng.uniform(-0.1, 0.1, (n_hidden, n_inputs + 1))
        self.output = rng.uniform(-0.1, 0.1, n_hidden + 1)
        self.rate, self.decay = rate, decay

    def __call__(self, x):
        h = np.tanh(self.hidden[:, :-1] @ x + self.hidden[:, -1])
        return float(self.output[:-1] @ h + self.output[-1])

    def learn(self, x, target):
        """One step of gradient descent, for each observation of bounded length.

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

    With the option "off_line" weights change after each episode, by the sum of what its steps would change:
    one pass backwards in the place of traces.
    """

    def start(self):
        """Make the environment, the stream of the network, and the explorer."""
        initial = {name: self.options[name] for name in INITIAL if name in self.options}
        self.weights = self.network.init_weights(self.rng, **initial)
        self.stream = self.network.stream(self.weights, partials=not self.options.get("off_line"))
        make = getattr(tasks, self.options["task"])
        self.environment = make(**self.options["task_arguments"], random_state=self.rng)
        self.explorer = Explorer(self.row.n_inputs, self.rng)
        self.recent = []

    def learn(self):
        """Learn in so many episodes."""
        episode = self.whole_episode if self.options.get("off_line") else self.episode
        for _ in range(self.options["look_every"]):
            self.recent.append(episode())
            self.sequences += 1
        if not np.isfinite(self.weights).all():
            raise Diverged

    def episode(self):
        """One episode; returns its last reward and its length."""
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
        """Action drawn from the advantages, at a temperature that rises with the error expected."""
        temperature = max(self.options["temperature"], self.options["temperature"] * curious)
        odds = np.cumsum(np.exp(np.maximum(-700.0, (y - y.max()) / temperature)))
        return int(np.searchsorted(odds, self.rng.random() * odds[-1], side="right"))

    def whole_episode(self):
        """One episode with weights as they are, and one update; returns its last reward and its length."""
        options, stream, explorer = self.options, self.stream, self.explorer
        stream.reset()
        x, _ = self.environment.reset()
        X, Y, expected, actions, rewards, done = [x], [stream.step(x)], [explorer(x)], [], [], False
        while not done and len(actions) < options["most_steps"]:
            actions.append(self.choice(Y[-1], expected[-1]))
            x, reward, done, _, _ = self.environment.step(actions[-1])
            rewards.append(reward)
            X.append(x)
            Y.append(0.0 * Y[-1] if done else stream.step(x))
            expected.append(0.0 if done else explorer(x))
        n_steps, each = len(actions), np.arange(len(actions))
        y, x = np.array(Y), np.array(X[:-1])
        values, following = y[:-1].max(axis=1), y[1:].max(axis=1)
        gain = (np.array(rewards) + options["discount"] * following - values) / options["kappa"]
        errors = values + gain - y[each, actions]
        decay = options["discount"] * options["trace_decay"]
        at_outputs = np.zeros((n_steps, self.row.n_outputs))
        at_outputs[each, actions] = lfilter([1.0], [1.0, -decay], errors[::-1])[::-1]
        gradient = self.network.backward(self.weights, [x], [at_outputs], "truncated")
        self.weights += options["learning_rate"] * gradient
        stream.load()
        targets = np.abs(errors) + explorer.decay * np.array(expected[1:])
        for part in range(0, n_steps, 10):
            explorer.learn(x[part : part + 10], targets[part : part + 10])
        self.steps += n_steps
        return rewards[-1], n_steps

    def look(self):
        """Whether enough of the last episodes ended in the right arm."""
        self.recent = self.recent[-self.options["window"] :]
        right = np.mean([reward > 0 for reward, _ in self.recent])
        self.reached = right
        return len(self.recent) == self.options["window"] and right > self.options["share"]


class PoleTrial(AdvantageTrial):
    """The same for a pole in two modes: the greedy policy, frozen, has to balance it in both."""

    def look(self):
        """Whether one episode in each mode lasts as long as it should."""
        self.recent.clear()
        self.reached = min(self.balanced(mode_is_a) for mode_is_a in (True, False))
        return self.reached >= self.options["test_steps"]

    def balanced(self, mode_is_a):
        """Steps of an episode without exploration."""
        stream, most = self.network.stream(self.weights), self.options["test_steps"]
        x, _ = self.environment.reset(mode_is_a=mode_is_a)
        for n_steps in range(most):
            x, _, done, _, _ = self.environment.step(int(stream.step(x).argmax()))
            if done:
                return n_steps
        return most


# ------------------------------------------------------------------------------------------------
# mini-batches of new sequences


class BatchTrial(TutorialTrial):
    """New sequences for each look, learned from in mini-batches; the learning rate falls to a fiftieth."""

    def draw(self, n, **changes):
        """X and y of n new sequences."""
        make, arguments = getattr(tasks, self.options["task"]), self.options["task_arguments"] | changes
        return make(n, **arguments, random_state=self.rng)

    def targets_of(self, y):
        """Targets as rows, in the scale of the outputs."""
        return y.values if isinstance(y, Sequences) else y.reshape(len(y), -1)

    def learn(self):
        """Learn from new sequences."""
        options, trainer = self.options, self.trainer
        X, y = self.draw(options["look_every"])
        if options["solver"] != "dekf":
            falls = 1 - self.sequences / options["rate_falls_until"]
            trainer.learning_rate = options["learning_rate"] * max(0.02, falls)
        trainer.load(self.bind(X, self.targets_of(y)))
        trainer.epoch(self.rng)
        self.sequences += len(X)
        self.steps += X.n_steps


class GapTrial(BatchTrial):
    """Counting steps: every one of many new sequences on the right side of one half."""

    def look(self):
        """Whether all test sequences are right."""
        X, y = self.draw(self.options["n_test"])
        self.reached = np.mean((self.outputs(X)[:, 0] > 0.5) == (y > 0.5))
        return self.reached == 1


class FunctionsTrial(BatchTrial):
    """Learning to learn: smaller errors after 30 exemplars than back-propagation has after 10,000."""

    def start(self):
        """See what back-propagation can do."""
        super().start()
        options = self.options
        self.goal = min(
            back_propagation(self.draw, options["n_exemplars"], rate, self.rng) for rate in options["rates"]
        )

    def targets_of(self, y):
        """Centred, and larger for identity outputs."""
        return self.options["scale"] * (super().targets_of(y) - self.options["shift"])

    def look(self):
        """Whether the error after 30 exemplars is below the goal."""
        X, y = self.draw(self.options["n_test"])
        errors = (self.outputs(X) - self.targets_of(y)).reshape(len(X), -1) / self.options["scale"]
        self.reached = np.mean(errors[:, 30:40] ** 2)
        return self.reached < self.goal


def back_propagation(draw, n_exemplars, rate, rng, n_functions=100, n_hidden=10):
    """Mean square error of on-line back-propagation after so many exemplars of each function.

    A network of one hidden layer of tanh units for each function, all at once; the last hundredth of the
    exemplars counts, each before it is learned from.
    """
    sequences, y = draw(n_functions, n_exemplars=n_exemplars)
    x = np.reshape(sequences.values, (n_functions, n_exemplars, -1))[..., :2]
    f = np.reshape(y.values, (n_functions, n_exemplars)) - 0.5
    W, V = rng.uniform(-0.5, 0.5, (n_functions, n_hidden, 3)), np.zeros((n_functions, n_hidden + 1))
    one, total, n_counted = np.ones((n_functions, 1)), 0.0, max(1, n_exemplars // 100)
    for t in range(n_exemplars):
        if not np.abs(V).max() < 1e6:  # it diverges
            return np.inf
        inputs = np.hstack([x[:, t], one])
        h = np.hstack([np.tanh(np.einsum("fhi,fi->fh", W, inputs)), one])
        error = f[:, t] - (V * h).sum(axis=1)
        if t >= n_exemplars - n_counted:
            total += np.mean(error**2)
        back = (error[:, np.newaxis] * V * (1 - h * h))[:, :-1]
        V += rate * error[:, np.newaxis] * h
        W += rate * back[..., np.newaxis] * inputs[:, np.newaxis]
    return total / n_counted


class SeriesTrial(BatchTrial):
    """One value at a time against windows of time: the error of the one below that of the others.

    Attributes
    ----------
    goal : float
        Normalised root mean square error of a network of one hidden layer, of about as many weights, that
        reads a window of the series.
    """

    def start(self):
        """Make the series, standardised, and let the windows learn it."""
        super().start()
        options = self.options
        X, y = tasks.make_mackey_glass(5300, options["horizon"])
        mean, spread = X.values[:3000].mean(), X.values[:3000].std()
        self.X, self.y = (X.values - mean) / spread, (y.values - mean) / spread
        lags = np.array(options["lags"])
        learned, tested = np.arange(lags.max(), 3000), np.arange(4800, 5300)
        windows = MLPRegressor(
            hidden_layer_sizes=(options["n_hidden"],),
            activation="tanh",
            solver="lbfgs",
            alpha=0,
            max_iter=options["window_epochs"],
            max_fun=10**6,
            tol=0,
            random_state=int(self.rng.integers(2**31)),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            windows.fit(self.X[learned[:, np.newaxis] - lags, 0], self.y[learned, 0])
        self.goal = self.error(windows.predict(self.X[tested[:, np.newaxis] - lags, 0]))

    def error(self, predicted):
        """Normalised root mean square error over the last 500 steps."""
        targets = self.y[4800:, 0]
        return float(np.sqrt(np.mean((predicted - targets) ** 2)) / targets.std())

    def draw(self, n, **changes):
        """Parts of the series to learn from, of 250 steps each."""
        at = self.rng.integers(0, 3000 - 250, n)[:, np.newaxis] + np.arange(250)
        X, y = (Sequences.from_lengths(part[at.ravel()], [250] * n) for part in (self.X, self.y))
        return X, y

    def look(self):
        """Whether the windows are beaten; the test follows 300 steps without error."""
        X = Sequences.from_lengths(self.X[4500:], [800])
        self.reached = self.error(self.outputs(X)[300:, 0])
        return self.reached < self.goal


class BluesTrial(BatchTrial):
    """The chords of twelve bars in closed loop: four choruses without an error."""

    def learn(self):
        """So many epochs of the same three choruses."""
        for _ in range(self.options["epochs"]):
            super().learn()

    def look(self):
        """Whether the network plays four choruses from its first chord on."""
        X, y = tasks.make_blues(1, 1, melody=False)
        form = np.tile(y.values, (4, 1))
        stream = self.network.stream(self.trainer.weights)
        notes = X.values[0]
        for step, right in enumerate(form):
            notes = (stream.step(notes) > 0.5).astype(float)
            if not np.array_equal(notes, right):
                self.reached = step
                return False
        self.reached = len(form)
        return True


KINDS: dict[str, Any] = {
    "language": LanguageTrial,
    "timing": TimingTrial,
    "reber": ReberTrial,
    "advantage": AdvantageTrial,
    "gap": GapTrial,
    "functions": FunctionsTrial,
    "pole": PoleTrial,
    "series": SeriesTrial,
    "blues": BluesTrial,
}
