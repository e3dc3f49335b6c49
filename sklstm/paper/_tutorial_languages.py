"""Trials of languages: strings, and how far a network counts."""

from itertools import count

import numpy as np

from sklstm import tasks
from sklstm._learning.solvers import lbfgs
from sklstm._learning.trainer import Diverged
from sklstm._sequences import Sequences
from sklstm.paper._tutorial_trial import TutorialTrial


class LanguageTrial(TutorialTrial):
    """Learns strings of a language, and then tests how far the network counts."""

    LONGEST = 2**15  # number of time steps that are tested at once
    MOST = 100_000  # largest n that is tested

    @property
    def pairs(self):
        """Whether a string has two counts."""
        return self.options["language"] == "a^n b^m B^m A^n"

    def start(self):
        """Remember when this network began."""
        super().start()
        self.begun = self.sequences

    def learn(self):
        """Learn from new strings; a network that has not learned them in time gets new weights."""
        n, options = self.options["look_every"], self.options
        if self.sequences - self.begun >= options.get("restart_after", np.inf):
            self.start()
        X, y = tasks.make_language(n, options["language"], 1, options["max_n"], random_state=self.rng)
        self.trainer.load(self.bind(X, 0.25 + 0.5 * y.values))
        self.trainer.epoch(self.rng)
        self.sequences += n
        self.steps += X.n_steps

    def look(self):
        """Whether all strings to learn are accepted."""
        return self.largest(self.options["max_n"]) == self.options["max_n"]

    def finish(self):
        """Continue to learn for a while, if the setting says so; the best of all checks counts."""
        self.reached = self.largest()
        self.options |= {"restart_after": np.inf} | self.options.get("later", {})
        for _ in range(self.options["more"] // self.options["look_every"]):
            try:
                self.learn()
            except Diverged:
                break
            self.look_further()
        if self.options.get("descents"):
            self.descend()

    def look_further(self):
        """Check whether the network counts further than before."""
        reached = self.reached or 0
        if reached < self.MOST and self.are_accepted(self.following(reached)):
            self.reached = max(reached, self.largest())

    def descend(self):
        """Minimise the squared error of all strings by L-BFGS; check the network every 100 iterations."""
        X, y = tasks.make_language_strings(range(1, self.options["max_n"] + 1), self.options["language"])
        targets, looks = [0.25 + 0.5 * legal for legal in y], count(1)

        def after(weights, loss):
            self.trainer.w[self.engine.places] = weights
            if next(looks) % 100 == 0:
                self.look_further()

        def loss_and_gradient(weights):
            return self.network.loss_and_gradient(weights, X, targets, "squared_error")

        lbfgs(loss_and_gradient, self.trainer.weights, self.options["descents"], 0.0, after)

    def largest(self, most=None):
        """Largest n, or n + m, such that all strings up to it are accepted.

        From n = 1000 to 100,000, only a grid is tested, in which each number is 1.1 times the previous one.
        """
        n, most = 0, self.MOST if most is None else most
        while n < most and self.are_accepted(self.following(n)):
            n = self.following(n)
        return n

    def following(self, n):
        """The number that is tested after n."""
        return min(n + 1 if n < 1000 or self.pairs else int(1.1 * n), self.MOST)

    def are_accepted(self, n):
        """Whether all strings of one n, or n + m, are accepted."""
        return all(map(self.accepts, [(i, n - i) for i in range(1, n)] if self.pairs else [n]))

    def accepts(self, count):
        """Whether one string is accepted; it is read in parts, up to the first wrong prediction."""
        X, y = tasks.make_language_strings([count], self.options["language"])
        state = None
        for at in range(0, X.n_steps, self.LONGEST):
            part = slice(at, at + self.LONGEST)
            bound = self.engine.bind(Sequences.from_lengths(X.values[part], [len(X.values[part])]))
            outputs, state = self.engine.forward(self.trainer.w, bound, state)
            if not ((outputs > 0.5) == (y.values[part] > 0.5)).all():
                return False
        return True
