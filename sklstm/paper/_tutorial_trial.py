"""A trial of a row of the tutorial: learn, check the rule, test."""

import time

import numpy as np

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
        Arguments of the estimator, and the options of the trial.
    seed : int

    Attributes
    ----------
    sequences, steps : int
        Number of sequences and of time steps that were learned from.
    success : bool
    reached : float or None
        The value that the row describes.
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
        """Convert sequences to the form of the kernel; without weights, all targets count."""
        weight = np.ones(len(targets)) if weight is None else weight
        return self.engine.bind(X, targets, weight, self.learning.loss)

    def lower_rate(self, n_sequences):
        """Set the learning rate after so many sequences: it falls linearly, to a fiftieth."""
        falls = 1 - n_sequences / self.options["rate_falls_until"]
        self.trainer.learning_rate = self.options["learning_rate"] * max(0.02, falls)

    def learn(self):
        """Learn until the next check of the rule."""
        raise NotImplementedError

    def look(self):
        """Whether the rule holds."""
        raise NotImplementedError

    def finish(self):
        """Measure `reached` after a success."""

    def outputs(self, X):
        """Outputs for all time steps, for the current weights."""
        return self.engine.forward(self.trainer.w, self.engine.bind(X))[0]

    def run(self, limit=None):
        """Learn until the rule holds, or from `limit` sequences; return the record of the trial."""
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
