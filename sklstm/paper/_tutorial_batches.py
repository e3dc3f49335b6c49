"""Trials that learn from mini-batches: counting, functions, series, music, frames of speech."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from sklstm import tasks
from sklstm._sequences import Sequences
from sklstm.paper._recordings import laser, spoken_digits
from sklstm.paper._tutorial import TUTORIAL
from sklstm.paper._tutorial_trial import TutorialTrial


class BatchTrial(TutorialTrial):
    """Learns from mini-batches of new sequences; the learning rate falls to a fiftieth."""

    def draw(self, n, **changes):
        """Draw n new sequences, X and y."""
        make, arguments = getattr(tasks, self.options["task"]), self.options["task_arguments"] | changes
        return make(n, **arguments, random_state=self.rng)

    def targets_of(self, y):
        """Targets as rows, on the scale of the outputs."""
        return y.values if isinstance(y, Sequences) else y.reshape(len(y), -1)

    def weights_of(self, X):
        """Weights of the targets, or None if all are equal."""
        return None

    def learn(self):
        """Learn from new sequences."""
        options, trainer = self.options, self.trainer
        X, y = self.draw(options["look_every"])
        if options["solver"] != "dekf":
            self.lower_rate(self.sequences)
        trainer.load(self.bind(X, self.targets_of(y), self.weights_of(X)))
        trainer.epoch(self.rng)
        self.sequences += len(X)
        self.steps += X.n_steps


class GapTrial(BatchTrial):
    """Counts steps: the outputs for all new sequences are on the correct side of one half.

    With the option "first", shorter gaps are learned first; each is a multiple of the previous one.
    """

    def start(self):
        """Begin with the shortest gap."""
        super().start()
        self.last = self.options["task_arguments"]["gaps"][1]
        self.gap = min(self.options.get("first", self.last), self.last)

    def draw(self, n, **changes):
        """Draw sequences of the current gaps."""
        return super().draw(n, gaps=(self.gap - 1, self.gap), **changes)

    def look(self):
        """Whether all test sequences are right, and the gaps are those of the row."""
        X, y = self.draw(self.options["n_test"])
        right = np.mean((self.outputs(X)[:, 0] > 0.5) == (y > 0.5))
        is_last = self.gap == self.last
        self.reached = right if is_last else 0.5
        if right == 1 and not is_last:
            self.gap = min(self.last, int(np.ceil(self.gap * self.options["growth"])))
        return right == 1 and is_last


class FunctionsTrial(BatchTrial):
    """Learns to learn: its error after 30 exemplars is smaller than that of back-propagation after 10,000.

    With the option "even", squared errors are divided by their mean at the same exemplar in the last check.
    Otherwise, most of the gradient comes from the first exemplars, when nothing is known of the function.
    """

    def start(self):
        """Measure the error of back-propagation."""
        super().start()
        options = self.options
        self.weight = np.ones(options["task_arguments"]["n_exemplars"])
        self.goal = min(
            back_propagation(self.draw, options["n_exemplars"], rate, self.rng) for rate in options["rates"]
        )

    def targets_of(self, y):
        """Centred targets, scaled up for identity outputs."""
        return self.options["scale"] * (super().targets_of(y) - self.options["shift"])

    def weights_of(self, X):
        """Weights of the exemplars, which are the same in all sequences."""
        return np.tile(self.weight, len(X)) if self.options.get("even") else None

    def look(self):
        """Whether the error after 30 exemplars is below the goal."""
        X, y = self.draw(self.options["n_test"])
        errors = (self.outputs(X) - self.targets_of(y)).reshape(len(X), -1) / self.options["scale"]
        self.reached = np.mean(errors[:, 30:40] ** 2)
        if self.options.get("even"):
            precision = 1 / np.mean(errors**2, axis=0)
            self.weight = precision / precision.mean()
        return self.reached < self.goal


def back_propagation(draw, n_exemplars, rate, rng, n_functions=100, n_hidden=10):
    """Mean square error of on-line back-propagation after this number of exemplars of each function.

    Each function has its own network with one hidden layer of tanh units. The error is that of the last
    hundredth of the exemplars, each before the network learns from it.
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
    """Reads one value at a time; the error must be below that of a network that reads a window.

    Attributes
    ----------
    goal : float
        Normalised root mean square error of a network of one hidden layer, of about as many weights, that
        reads a window of the series.
    """

    def start(self):
        """Standardise the series, and let the network with a window learn it."""
        super().start()
        options = self.options
        self.learned, (first, last) = options["learned"], options["tested"]
        X, y = self.series()
        mean, spread = X[: self.learned].mean(), X[: self.learned].std()
        self.X, self.y = (X - mean) / spread, (y - mean) / spread
        self.tested, lags = np.arange(first, last), np.array(options["lags"])
        learned = np.arange(lags.max(), self.learned)
        windows = MLPRegressor(
            hidden_layer_sizes=(options["n_hidden"],),
            activation="tanh",
            solver="lbfgs",
            alpha=options.get("window_alpha", 0),
            max_iter=options["window_epochs"],
            max_fun=10**6,
            tol=0,
            random_state=int(self.rng.integers(2**31)),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            windows.fit(self.X[learned[:, np.newaxis] - lags, 0], self.y[learned, 0])
        self.goal = self.error(windows.predict(self.X[self.tested[:, np.newaxis] - lags, 0]))

    def series(self):
        """Columns of values and of the values `horizon` steps later."""
        horizon, last = self.options["horizon"], self.options["tested"][1]
        if self.options["series"] == "laser":
            values = laser()[: last + horizon, np.newaxis]
            return values[:-horizon], values[horizon:]
        X, y = tasks.make_mackey_glass(last, horizon)
        return X.values, y.values

    def error(self, predicted):
        """Normalised root mean square error over the steps that are tested."""
        targets = self.y[self.tested, 0]
        return float(np.sqrt(np.mean((predicted - targets) ** 2)) / targets.std())

    def draw(self, n, **changes):
        """Draw parts of 250 steps of the series to learn from."""
        at = np.reshape(self.rng.integers(0, self.learned - 250, n), (n, 1)) + np.arange(250)
        X, y = (Sequences.from_lengths(part[at.ravel()], [250] * n) for part in (self.X, self.y))
        return X, y

    def look(self):
        """Whether the error is below that of the windows; 300 steps before the test do not count."""
        first, last = self.tested[0] - 300, self.tested[-1] + 1
        X = Sequences.from_lengths(self.X[first:last], [last - first])
        self.reached = self.error(self.outputs(X)[300:, 0])
        return self.reached < self.goal


class BluesTrial(BatchTrial):
    """Plays the chords of twelve bars in closed loop: four choruses without an error."""

    def learn(self):
        """Learn from the same three choruses for some epochs."""
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


class MelodyTrial(BatchTrial):
    """Plays a melody over the chords in closed loop; the melody depends on the chords, but not vice versa.

    There are two networks, because errors do not leave a memory block of Eck & Schmidhuber (2002). The
    network of the row `blues-chords` learns first. The inputs of this network are the notes of the melody and
    the activations of the cells of the other network at the previous step.
    """

    CHORUSES, STEPS, BARS = 4, 96, 12

    def start(self):
        """Learn the chords, and play them."""
        super().start()
        row = TUTORIAL["blues-chords"]
        self.chords = BluesTrial(row, row.arguments_of("best"), self.seed)
        self.chords_are_right = self.chords.run(self.options.get("chord_limit"))["success"]
        songs = tasks.make_blues(64, 1, random_state=0)[0]  # each bar is almost certainly in one of them
        tunes = songs.values[:, 12:].reshape(len(songs), self.BARS, -1)
        self.bars = [set(map(bytes, tunes[:, bar])) for bar in range(self.BARS)]
        first = tasks.make_blues(1, 1, melody=False)[0].values[0]
        self.song, self.cells = self.play_chords(first)

    def play_chords(self, notes):
        """Chords of some choruses, from the network after the first step, and its cells before each step."""
        stream = self.chords.network.stream(self.chords.trainer.weights)
        n_steps = self.CHORUSES * self.STEPS
        song, cells = np.empty((n_steps + 1, len(notes))), []
        song[0] = notes
        for step in range(n_steps):
            cells.append(stream.state.activations[0])
            song[step + 1] = stream.step(song[step]) > 0.5
        return song, np.array(cells)

    def draw(self, n, **changes):
        """Draw melodies of new songs, with the cells of the chords."""
        X, y = super().draw(n, **changes)
        length = int(X.lengths[0])
        inputs = np.hstack([X.values[:, 12:], np.tile(self.cells[:length], (n, 1))])
        return Sequences(inputs, X.offsets), Sequences(y.values[:, 12:], y.offsets)

    def play(self):
        """Notes of the choruses, from the first note of a song on.

        A bar may begin with one of two notes: one is drawn from those whose outputs are at least half of the
        largest. With a "threshold", all notes whose outputs are above it sound.
        """
        rng = np.random.default_rng(self.seed)
        stream = self.network.stream(self.trainer.weights)
        notes = tasks.make_blues(1, 1, random_state=rng)[0].values[0, 12:]
        tune = [notes]
        for cells in self.cells[:-1]:
            y = stream.step(np.concatenate([notes, cells]))
            if self.options["threshold"]:
                notes = (y > self.options["threshold"]).astype(float)
            else:
                odds = np.where(y >= y.max() / 2, y, 0.0)
                notes = np.eye(len(y))[rng.choice(len(y), p=odds / odds.sum())]
            tune.append(notes)
        return np.array(tune)

    def look(self):
        """Whether every bar of four choruses is one of the two that are possible there."""
        bars = self.play().reshape(self.CHORUSES * self.BARS, -1)
        right = [bytes(bar) in self.bars[k % self.BARS] for k, bar in enumerate(bars)]
        self.reached = len(right) if all(right) else right.index(False)
        return self.chords_are_right and all(right)


class FramesTrial(BatchTrial):
    """Predicts the word of each frame of strings of spoken digits; some recordings are kept for the test."""

    def start(self):
        """Load and standardise the recordings."""
        super().start()
        frames, self.words, lengths = spoken_digits()
        order = self.rng.permutation(len(self.words))
        n_tested = len(order) // 5
        self.recordings = {True: order[:n_tested], False: order[n_tested:]}
        parts = np.split(frames, np.cumsum(lengths)[:-1])
        learned = np.concatenate([parts[i] for i in self.recordings[False]])
        mean, spread = learned.mean(axis=0), learned.std(axis=0)
        self.frames = [(part - mean) / spread for part in parts]
        self.test = self.draw(self.options["n_test"], tested=True)

    def draw(self, n, tested=False, **changes):
        """Draw strings of recordings, with differences of frames and with neighbouring frames."""
        X, y = [], []
        for _ in range(n):
            chosen = self.rng.choice(self.recordings[tested], self.rng.integers(3, 8))
            frames = np.concatenate([self.frames[i] for i in chosen])
            frames = np.hstack([frames, np.diff(frames, axis=0, prepend=frames[:1])])
            around = self.options.get("around", 0)
            padded = np.pad(frames, ((around, around), (0, 0)), mode="edge")
            X.append(np.hstack([padded[i : i + len(frames)] for i in range(2 * around + 1)]))
            y.append(np.repeat(np.eye(10)[self.words[chosen]], [len(self.frames[i]) for i in chosen], axis=0))
        lengths = [len(frames) for frames in X]
        return tuple(Sequences.from_lengths(np.concatenate(rows), lengths) for rows in (X, y))

    def look(self):
        """Whether enough frames of the test strings are right."""
        X, y = self.test
        self.reached = np.mean(self.outputs(X).argmax(axis=1) == y.values.argmax(axis=1))
        return self.reached >= self.options["share"]

    def finish(self):
        """Continue up to the limit of the row; "reached" is the share at the end."""
        while self.sequences < self.row.limit:
            self.learn()
        self.look()
