"""Trials of precise timing and of the continual Reber grammar: streams."""

from dataclasses import replace

import numpy as np
from scipy.special import logit

from sklstm import tasks
from sklstm._learning.trainer import Diverged
from sklstm._sequences import Sequences
from sklstm.paper._tutorial_trial import TutorialTrial


class TimingTrial(TutorialTrial):
    """Learns spikes and periodic functions, from streams up to the first wrong step, or from whole sequences.

    The solver "sgd" learns from streams, other solvers from whole sequences. Streams are parts of a block of
    events; each begins at the first event after the end of the previous one.
    """

    BLOCK = 20  # streams for which events are drawn at once

    def start(self):
        """Set initial weights, and begin without a block."""
        super().start()
        task, arguments = self.options["task"], self.options["task_arguments"]
        self.is_fixed = task == "make_periodic" or (task == "make_timed_spikes" and "extras" not in arguments)
        self.next, self.right, self.known, self.begun = None, 0, 1, self.sequences
        self.rates = None

    def draw(self, events):
        """Draw X, targets and weights of one sequence of this number of events."""
        options = self.options
        make, arguments = getattr(tasks, options["task"]), options["task_arguments"]
        if options["task"] == "make_periodic":
            X, y = make(events, **arguments)
            return X, y.values, None
        X, y, *weight = make(1, events, **arguments, random_state=self.rng)
        return X, y.values, weight[0].values[:, 0] if weight else None

    def one_stream(self, events, learns):
        """Follow a stream up to this number of events; return whether all its steps were right."""
        if self.next is None or self.events != events or (self.next + events >= len(self.edges)):
            self.take_block(events)
        assert self.next is not None  # of the block
        begin, end = self.edges[self.next], self.edges[self.next + events]
        self.trainer.bound.learned.start[0] = self.trainer.bound.learned.target[0] = begin
        self.trainer.bound.learned.length[0] = end - begin
        if learns and self.rates is not None:
            self.rates[begin:end] = self.curve[self.number[begin:end] - self.number[begin]]
        limit = np.inf if learns and self.options.get("goes_on") else self.options["miss"]
        loss, n_steps, missed = self.trainer.follow(
            0, limit=limit, learns=learns, rates=self.rates if learns else None
        )
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
        """Half the sum of squared errors of a stream of the block, for any loss."""
        bound, steps = self.trainer.bound, slice(begin, begin + n_steps)
        outputs = self.outputs(Sequences.from_lengths(bound.sequences.values[steps], [n_steps]))
        squares = (outputs - bound.targets[steps]) ** 2
        return 0.5 * np.sum(squares * np.reshape(bound.target_weight, (len(bound.targets), -1))[steps])

    def take_block(self, events):
        """Take the streams from a new block; without inputs, there is only one stream."""
        X, targets, weight = self.draw(events if self.is_fixed else self.BLOCK * events)
        if self.options["task"] == "make_periodic":
            ends = np.arange(1, events + 1) * self.options["task_arguments"]["period"]
        else:
            ends = np.flatnonzero((targets if weight is None else weight).ravel() == 1) + 1
        self.edges, self.next, self.events = np.concatenate([[0], ends]), 0, events
        bound = self.bind(X, targets, weight=weight)
        self.trainer.load(replace(bound, learned=bound.order[[0]]))
        if self.options.get("rate_decay", 1.0) < 1:  # per event
            self.curve = self.options["learning_rate"] * self.options["rate_decay"] ** np.arange(len(ends))
            self.number, self.rates = np.searchsorted(ends, np.arange(ends[-1]), "right"), np.empty(ends[-1])

    def learn(self):
        """Learn from streams, or from sequences with one event more than those that are already right."""
        events = self.options["events"]
        if self.sequences - self.begun >= self.options.get("restart_after", np.inf):
            self.start()  # with other weights
        if "rate_falls_until" in self.options:
            self.lower_rate(self.sequences - self.begun)
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
            self.next = None  # the block of streams has been replaced
            self.trainer.epoch(self.rng)
            self.sequences += 1
            self.steps += X.n_steps

    def look(self):
        """Whether all steps of a new stream are right. If states overflow, they are not."""
        try:
            right = self.one_stream(self.options["test_events"], learns=False)
        except Diverged:
            self.next, self.right = None, 0
            return False
        self.reached = self.error
        return right


class StationaryTrial(TimingTrial):
    """Learns spikes at an interval that a constant input gives; all intervals have to be right."""

    BLOCK = 1  # each stream has its own interval
    extra: int | None = None  # interval of the test stream

    def start(self):
        """Set initial weights."""
        self.extras = np.array(self.options["task_arguments"]["extras"])
        super().start()

    def draw(self, events):
        """Draw streams of random intervals, or one test stream of a given interval."""
        arguments = self.options["task_arguments"]
        if self.extra is None:
            X, y = tasks.make_timed_spikes(1, events, **arguments, random_state=self.rng)
            return X, y.values, None
        X, y = tasks.make_timed_spikes(1, events, arguments["period"] + self.extra)
        told = np.full_like(X.values, self.extra / self.extras.max())
        return Sequences(told, X.offsets), y.values, None

    def look(self):
        """Whether streams of all intervals are right at all steps; "reached" counts the intervals."""
        right = 0
        for extra in self.extras:
            self.extra, self.next = extra, None
            right += super().look()
        self.extra, self.next, self.reached = None, None, right
        return right == len(self.extras)


class PhaseTrial(StationaryTrial):
    """Learns spikes at all intervals from one mini-batch, and the phase as a second output.

    The phase is the number of steps since the last spike, divided by the interval. Its errors say at each
    step how far the network has counted. Without them, the states of learned sequences are right by chance
    only, and drift afterwards.
    """

    def __init__(self, row, arguments, seed):
        super().__init__(replace(row, n_outputs=2), arguments, seed)

    def start(self):
        """Set initial weights; make a sequence of each interval."""
        super().start()
        options, n_steps = self.options, self.options["steps"]
        self.intervals = options["task_arguments"]["period"] + self.extras
        self.x = self.extras[:, np.newaxis] / options["unit"]
        interval = np.repeat(self.intervals, n_steps)
        phase = np.tile(np.arange(1, n_steps + 1), len(self.intervals)) % interval / interval
        spikes = phase == 0
        weight = np.stack([np.where(spikes, options["spike_weight"], 1.0), np.ones(len(phase))], axis=1)
        weight /= np.sqrt(interval)[:, np.newaxis]  # steps of short intervals count more
        weight /= weight[:, 0].mean()
        X = Sequences.from_lengths(np.repeat(self.x, n_steps, axis=0), [n_steps] * len(self.intervals))
        self.trainer.load(self.bind(X, np.stack([spikes, phase], axis=1).astype(float), weight=weight))

    def learn(self):
        """Learn from all sequences this number of times."""
        for _ in range(self.options["look_every"]):
            self.lower_rate(self.sequences)
            self.trainer.epoch(self.rng)
            self.sequences += len(self.intervals)
            self.steps += len(self.intervals) * self.options["steps"]

    def look(self):
        """Whether the spikes of all intervals are right at all steps; "reached" counts the intervals."""
        stream = self.network.stream(self.trainer.weights, len(self.x))
        n_steps, right = self.options["test_events"] * self.intervals, np.ones(len(self.x), bool)
        for t in range(1, n_steps.max() + 1):
            spikes = t % self.intervals == 0
            is_wrong = np.abs(stream.step(self.x)[:, 0] - spikes) >= self.options["miss"]
            right &= ~(is_wrong & (t <= n_steps))
            if not right.any():
                break
        self.reached = int(right.sum())
        return bool(right.all())


class OrderTrial(TimingTrial):
    """Learns noisy temporal order in strings without a reset; each string has a target at its end.

    Solvers other than "sgd" learn from many streams at a time, each with one string more than were right.
    """

    best = 0

    def draw(self, events, n=1):
        """Draw n sequences of `events` strings each; classes are in the order of their names."""
        X, y = tasks.make_temporal_order(n * events, **self.options["task_arguments"], random_state=self.rng)
        ends = X.offsets[1:] - 1
        weight, targets = np.zeros(X.n_steps), np.zeros((X.n_steps, self.row.n_outputs))
        weight[ends] = 1
        targets[ends] = np.eye(self.row.n_outputs)[np.unique(y, return_inverse=True)[1]]
        return Sequences(X.values, X.offsets[::events]), targets, weight

    def learn(self):
        """Learn from the streams between two checks."""
        n = self.options["look_every"]
        if self.options["solver"] == "sgd":
            return super().learn()
        self.known = min(self.options["events"], max(self.known, self.right + 1))
        X, targets, weight = self.draw(self.known, n)
        self.trainer.load(self.bind(X, targets, weight=weight))
        self.next = None
        self.trainer.epoch(self.rng)
        self.sequences += n
        self.steps += X.n_steps

    def look(self):
        """Whether all strings of a new stream are right; "reached" is the largest number of right ones."""
        is_right = super().look()
        self.best = self.reached = max(self.best, self.right)
        return is_right


class ReberTrial(TutorialTrial):
    """Learns the continual embedded Reber grammar, up to ten test streams without a wrong prediction."""

    def start(self):
        """Set initial weights; no strings are drawn yet."""
        super().start()
        self.next, self.edges, self.best = 0, np.zeros(1, int), 0.0
        self.curve = self.options["learning_rate"] * self.options["rate_decay"] ** np.arange(10_000)

    def take_block(self, n_steps):
        """Take the streams from new, complete strings with about this number of symbols."""
        X, y = tasks.make_continual_reber(1, max(n_steps, 200), random_state=self.rng)
        symbols = X.values.indices
        ends = np.flatnonzero(symbols[:-1] == tasks.REBER_SYMBOLS.index("E")) + 1
        ends = ends[symbols[ends] == tasks.REBER_SYMBOLS.index("B")]  # and not before the last T or P
        self.edges, self.next = np.concatenate([[0], ends]), 0
        bound = self.bind(Sequences(X.values[: ends[-1]], [0, ends[-1]]), y.values[: ends[-1]])
        self.trainer.load(replace(bound, learned=bound.order[[0]]))
        self.rates = np.empty(ends[-1])

    def one_stream(self, most, learns):
        """Follow a stream up to about this number of symbols; return the number of correct predictions."""
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
        """Learning rates of the block for a stream that already has this number of steps."""
        later = self.curve[min(n_before, len(self.curve) - 1) :][: end - begin]
        self.rates[begin : begin + len(later)] = later
        self.rates[begin + len(later) : end] = self.curve[-1]
        return self.rates

    def learn(self):
        """Learn from this number of streams."""
        for _ in range(self.options["look_every"]):
            self.one_stream(self.options["most_steps"], learns=True)

    def look(self):
        """Whether ten test streams are right; after three, a wrong one ends the check."""
        lengths = []
        for _ in range(10):
            lengths.append(self.one_stream(self.options["test_steps"], learns=False))
            if len(lengths) >= 3 and min(lengths) < self.options["test_steps"]:
                break
        self.best = self.reached = max(self.best, float(np.mean(lengths)))
        return min(lengths) >= self.options["test_steps"]


class StateDecayTrial(ReberTrial):
    """`ReberTrial` without forget gates; the states of the cells are multiplied by a constant at each step.

    The constant is the activation of forget gates that have only a bias and do not learn; everything else
    learns as in a network without them.
    """

    def start(self):
        """Set the forget gates."""
        super().start()
        self.weights = self.trainer.weights
        self.learns = np.ones_like(self.weights)
        forget, learns = (self.network.views(w)["forget_gate"] for w in (self.weights, self.learns))
        forget[:], learns[:] = 0, 0
        forget[:, -1] = logit(self.options["state_decay"])
        self.trainer.w[self.engine.places] = self.weights
        self.stream = self.network.stream(self.weights, partials=True)

    def one_stream(self, most, learns):
        """Follow a stream; if the network learns, step by step."""
        if not learns:
            return super().one_stream(most, learns)
        n_right, missed = 0, False
        self.stream.reset()
        while not missed and n_right < most:
            if self.next == len(self.edges) - 1:
                self.take_block(400 if n_right == 0 else 10_000)
            begin, bound = self.edges[self.next], self.trainer.bound
            end = min(self.edges[-1], begin + most - n_right)
            n_steps = 0
            for x, y in zip(
                bound.sequences.values[begin:end].toarray(), bound.targets[begin:end], strict=True
            ):
                errors = self.stream.step(x) - y
                self.weights -= self.options["learning_rate"] * self.learns * self.stream.gradient(errors)
                self.stream.load()
                n_steps += 1
                missed = np.abs(errors).max() >= self.options["miss"]
                if missed:
                    break
            self.next = int(np.searchsorted(self.edges, begin + n_steps))
            self.steps += n_steps
            n_right += n_steps - missed
        self.sequences += 1
        self.trainer.w[self.engine.places] = self.weights
        return n_right
