"""One trial of one experiment: draw sequences, learn, check the rule, test."""

import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import expit

from sklstm import tasks
from sklstm._checks import may_overflow
from sklstm._engine.engine import Engine, engine_of
from sklstm._learning.settings import settings_of
from sklstm._learning.trainer import Diverged, Trainer
from sklstm._network import ARCHITECTURE, Network
from sklstm._sequences import Sequences

FIRST_LOOKS = (4, 16, 64)  # sizes of the first parts of a test set, which are tested before the rest
LEARNING = (
    "loss",
    "gradient",
    "solver",
    "update",
    "learning_rate",
    "momentum",
    "alpha",
    "clip",
    "batch_size",
)
INITIAL = ("init_range", "input_gate_bias", "forget_gate_bias", "output_gate_bias")


def network_of(experiment, arguments):
    """Topology of an experiment."""
    return Network(
        experiment.n_inputs,
        experiment.n_outputs,
        **{name: value for name, value in arguments.items() if name in ARCHITECTURE},
    )


class Trial:
    """A network that learns one task of 1997 until the rule ends it.

    Parameters
    ----------
    experiment : Experiment
    arguments : dict
        The estimator's arguments, "dtype", and "check_every" (number of sequences between two checks of the
        rule).
    seed : int
    """

    def __init__(self, experiment, arguments, seed):
        self.experiment, self.arguments, self.seed = experiment, dict(arguments), seed
        self.rng = np.random.default_rng([seed, *map(ord, experiment.name)])
        self.dtype = np.dtype(self.arguments.pop("dtype", "float64"))
        self.grow_after = self.arguments.pop("grow_after", experiment.grow_after)
        self.check_every = self.arguments.pop("check_every", experiment.rule.check_every)
        self.every = self.arguments["return_sequences"] if "return_sequences" in self.arguments else False
        self.sequences = self.steps = 0
        self.seconds = self.learning = 0.0  # CPU time: total, and for learning
        self.success = False
        self.first: int | None = None  # sequences until few enough were wrong, for any mean error
        self.trainer: Any = None
        if experiment.task == "make_embedded_reber":
            self.strings = tasks.make_embedded_reber_sets(
                unique=False, dtype=self.dtype, random_state=self.rng
            )
            self.legal = [
                Sequences.from_lengths(tasks.reber_successors(X).astype(self.dtype), X.lengths)
                for X in self.strings[:2]
            ]
            self.looks = [  # parts of the strings for the rule: it often fails on the first ones
                (X[part], legal[part])
                for X, legal in zip(self.strings[:2], self.legal, strict=True)
                for part in np.split(np.arange(len(X)), FIRST_LOOKS)
            ]
        self.recent = np.zeros((0, experiment.n_outputs))
        self.set_up()

    def set_up(self):
        """Make the network; without a cell if one is to be added later."""
        network = network_of(self.experiment, self.arguments)
        self.network = replace(network, n_blocks=0) if self.grow_after else network
        if self.experiment.n_weights not in (None, network.n_weights):
            raise ValueError(
                f"{self.experiment.name} has {self.experiment.n_weights} weights, got {network.n_weights}."
            )

    @property
    def n_weights(self):
        """Current number of weights."""
        return self.network.n_weights

    # ------------------------------------------------------------------------------------------
    # data

    def new_sequences(self, n, noise=True):
        """Draw n new sequences: X and y as the function of the task returns them."""
        experiment = self.experiment
        if experiment.task == "make_embedded_reber":
            X, _, y, _ = self.strings
            chosen = self.rng.integers(0, len(X), n)
            return X[chosen], y[chosen]
        options = dict(experiment.task_arguments, dtype=self.dtype, random_state=self.rng)
        if experiment.task == "make_two_sequence":
            options["target_noise"] = noise
        if experiment.task in ("make_long_lag", "make_random_long_lag"):
            options["at_end"] = not self.every
        return getattr(tasks, experiment.task)(n, **options)

    def rows(self, y):
        """Targets as rows, one for each injected error."""
        if isinstance(y, Sequences):
            return y.values
        if y.dtype.kind == "U":
            letters = np.array([list(label) for label in y])
            codes = (letters == "Y") @ (1 << np.arange(letters.shape[1])[::-1])
            y = np.eye(self.experiment.n_outputs)[codes]
        return y.reshape(len(y), -1)

    def draw(self, n, noise=True):
        """Draw n new sequences: X, and targets as rows."""
        X, y = self.new_sequences(n, noise)
        return X, self.rows(y)

    # ------------------------------------------------------------------------------------------
    # learning

    def start(self):
        """Set the initial weights."""
        initial = {name: self.arguments.get(name) for name in INITIAL if name in self.arguments}
        if self.network.n_blocks == 0:
            initial = {"init_range": initial["init_range"]}
        self._take(self.network, self.network.init_weights(self.rng, **initial))

    def _take(self, network, weights):
        self.network = network
        engine = Engine(network, self.dtype)
        settings = settings_of(**{name: self.arguments[name] for name in LEARNING if name in self.arguments})
        bound = self._bound(engine, settings, *self.draw(1))
        self.trainer = Trainer(engine, bound, settings, weights.astype(self.dtype))

    def _bound(self, engine, settings, X, targets):
        return engine.bind(X, targets, np.ones(len(targets)), settings.loss, merge=settings.merges(len(X)))

    @property
    def weights(self):
        """The weights in one vector."""
        return self.trainer.weights

    def grow(self):
        """Add the memory block and its gate to the network that has learned without them."""
        network = network_of(self.experiment, self.arguments)
        weights = network.init_weights(self.rng, init_range=self.arguments["init_range"])
        views, old = network.views(weights), self.network.views(self.weights)
        views["output"][:, network.n_cells :] = old["output"]
        self._take(network, weights)
        self.grow_after = None

    def learn(self, n):
        """Learn from n new sequences.

        Returns
        -------
        ndarray
            Absolute errors of the outputs, each before it was learned from; empty if the rule needs none.
        """
        X, targets = self.draw(n)
        trainer = self.trainer
        trainer.load(self._bound(trainer.engine, trainer.settings, X, targets))
        looked_at = len(targets) if self.experiment.rule.kind == "recent errors" else 0
        trainer.record = np.zeros((looked_at, self.experiment.n_outputs), self.dtype)
        self.sequences += n
        self.steps += X.n_steps
        begun = time.thread_time()
        trainer.epoch(self.rng)
        self.learning += time.thread_time() - begun
        return np.abs(trainer.record - targets[:looked_at])

    def try_to_learn(self, n):
        """Call `learn`; None if learning diverges."""
        try:
            return self.learn(n)
        except Diverged:
            return None

    def outputs(self, X):
        """Activations of the output units for the current weights, one row per sequence or per step."""
        engine = self.trainer.engine
        return engine.forward(self.trainer.w, engine.bind(X))[0]

    def errors(self, X, targets):
        """Absolute errors of the outputs for the current weights."""
        return np.abs(self.outputs(X) - targets)

    # ------------------------------------------------------------------------------------------
    # rules

    def holds(self, errors):
        """Whether the rule holds; `errors` are those of the block just learned from."""
        rule = self.experiment.rule
        if rule.kind == "recent errors":
            self.recent = np.concatenate([self.recent, errors])[-rule.window :]
            recently = np.count_nonzero(self.recent.max(axis=1) >= rule.tolerance)
            return (
                len(self.recent) == rule.window
                and recently < rule.max_wrong
                and self.recent.mean() < rule.mean_error
            )
        if rule.kind == "test set":
            wrong, total = 0, 0.0
            most = rule.mean_error * rule.n_test * self.experiment.n_outputs
            for X, targets in self.test_sets():
                errors = self.errors(X, targets)
                wrong += int((errors.max(axis=1) >= rule.tolerance).sum())
                total += errors.sum()
                if wrong >= rule.max_wrong or (self.first and total >= most):
                    return False
            self.first = self.first or self.sequences
            return total < most
        if rule.kind == "all below":
            return self._all_below(rule)
        return all(self.wrong_strings(X, legal) == 0 for X, legal in self.looks)

    def test_sets(self):
        """Draw the sequences of one check of the rule in parts: it often fails on the first ones."""
        for n in np.diff([0, *FIRST_LOOKS, self.experiment.rule.n_test]):
            yield self.draw(int(n), noise=False)

    def _all_below(self, rule):
        if rule.n_test == 2:
            self.rng.integers(2, size=12)  # unused: keeps the random numbers of the recorded trials
            return self.errors(*self.both_sequences()).max() < rule.tolerance
        rest = [500] * -(-(rule.n_test - sum(FIRST_LOOKS)) // 500)
        for n in (*FIRST_LOOKS, *rest):  # the rule often fails on the first ones
            X, targets = self.draw(n)
            if self.at_end(X, self.errors(X, targets)).max() >= rule.tolerance:
                return False
        return True

    def both_sequences(self):
        """Return the only two sequences of Experiment 2a; random draws might all give the same one."""
        p = self.experiment.task_arguments["p"]
        symbols = np.array([[end, *range(p - 1), end] for end in (p - 1, p)])
        one_hot = np.eye(p + 1, dtype=self.dtype)[symbols]
        X = Sequences.from_lengths(sparse.csr_array(one_hot[:, :-1].reshape(-1, p + 1)), [p, p])
        return X, (one_hot[:, 1:].reshape(-1, p + 1) if self.every else one_hot[:, -1])

    def at_end(self, X, errors):
        """Errors at the ends of the sequences."""
        return errors[X.offsets[1:] - 1] if self.every else errors

    def wrong_strings(self, X, legal):
        """Number of strings with an illegal symbol among the most active outputs."""
        outputs = self.outputs(X)
        legal = legal.values
        least = np.where(legal, outputs, np.inf).min(axis=1)
        most = np.where(legal, -np.inf, outputs).max(axis=1)
        return np.count_nonzero(np.logical_or.reduceat(least <= most, X.offsets[:-1]))

    def test(self):
        """Number of wrong test sequences, mean square and mean absolute error."""
        experiment = self.experiment
        if experiment.task == "make_embedded_reber":
            X, targets = self.strings[1], self.strings[3].values
            errors = self.errors(X, targets)
            return int(self.wrong_strings(X, self.legal[1])), float((errors**2).mean()), float(errors.mean())
        X, targets = self.draw(experiment.test_size, noise=False)
        errors = self.errors(X, targets)
        if self.every and experiment.name == "2b":
            errors = self.at_end(X, errors)
        elif self.every:
            errors = np.maximum.reduceat(errors, X.offsets[:-1])
        wrong = np.count_nonzero(errors.max(axis=1) >= experiment.tolerance)
        return int(wrong), float((errors**2).mean()), float(errors.mean())

    def run(self, limit=None):
        """Learn until the rule holds, or from `limit` sequences; return the record of the trial."""
        limit = self.experiment.limit if limit is None else limit
        self.start()
        begun, ended = time.process_time(), False
        while not ended:
            errors = self.try_to_learn(self.block)
            ended = errors is None or self.look(errors) or self.sequences >= limit
        self.seconds = time.process_time() - begun
        return self.result()

    @property
    def block(self):
        """Number of sequences until the next check of the rule."""
        return (
            min(self.check_every, self.grow_after - self.sequences) if self.grow_after else self.check_every
        )

    def is_time_to_grow(self):
        """Whether the memory block has to be added now."""
        return self.grow_after and self.sequences >= self.grow_after

    def look(self, errors):
        """Whether the rule holds after learning from a block; add the memory block when it is due."""
        if self.is_time_to_grow():
            self.grow()
        else:
            self.success = bool(self.holds(errors))
        return self.success

    def result(self):
        """Record of the trial that has ended."""
        wrong, mse, mae = self.test()
        experiment = self.experiment
        return {
            "experiment": experiment.name,
            "seed": self.seed,
            "success": self.success,
            "sequences": self.sequences,
            "first": self.first,
            "n_weights": self.n_weights,
            "wrong": wrong,
            "test_size": len(self.strings[1]) if experiment.table == 1 else experiment.test_size,
            "mse": mse,
            "mae": mae,
            "seconds": round(self.seconds, 3),
            "steps": self.steps,
            "ns_per_step": round(self.learning / max(self.steps, 1) * 1e9, 1),
        }


class Guess(Trial):
    """Draws all weights again until the rule holds: "sequences" counts the guesses.

    The network has conventional hidden units that read the inputs and each other. The rule is checked on the
    same sequences after each guess (Hochreiter & Schmidhuber, Advances in Neural Information Processing
    Systems 9 (1997) 473-479).
    """

    def start(self):
        """Draw the sequences on which a guess must be correct."""
        super().start()
        self.examples = list(super().test_sets())

    def test_sets(self):
        """Return the same sequences for every guess."""
        return self.examples

    def learn(self, n):
        """Guess the weights."""
        self.sequences += 1
        self.trainer.w[:] = self.trainer.engine.pad(
            self.network.init_weights(self.rng, init_range=self.arguments["init_range"])
        )
        self.steps += self.experiment.mean_steps
        return np.zeros(0)


class FastOutputs(Trial):
    """LSTM in real time, whose output units have a slope offset and their own learning rate.

    The paper does not mention this, but it reproduces its figures. The error at the net input of an output
    unit is (y - target) times y (1 - y) + `slope_offset` (Fahlman, "Faster-learning variations on
    back-propagation", 1988), and the weights of the output units learn `output_rate` times as fast as the
    others. The truncated gradient from forward partials, and the update after each step, are those of
    ``update="step"``.

    With ``grow_after="error stalls"``, the memory block is added when the sum of the squared errors of a
    block of sequences is more than 99 % of that of the best earlier block; with `ends_only`, only the last
    step has an error from then on.
    """

    def set_up(self):
        """Make the network, and read the settings that are not arguments of the estimators."""
        super().set_up()
        self.slope_offset, self.output_rate = self.arguments["slope_offset"], self.arguments["output_rate"]
        self.ends_only = self.arguments.get("ends_only", False)
        self.squares: list[float] = []  # one sum per block of sequences, before the memory block is added

    def _take(self, network, weights):
        self.network = network
        linear = replace(network, output_activation="identity")  # the errors below are those at net inputs
        self.engine = engine_of(linear, self.dtype)
        self.w, rates = self.engine.pad(weights), np.full(network.n_weights, self.arguments["learning_rate"])
        network.views(rates)["output"][...] *= self.output_rate
        self.rates, self.gradient = self.engine.pad(rates), self.engine.zeros()
        self.given = np.zeros(1)  # stands for a user's weights, which do not change
        work = self.engine.workspace(1, 1, 1, partials=True)
        self.stepper = self.engine.core.Step(self.engine.plan, work, 1, 1, self.given, self.w)

    @property
    def weights(self):
        """The weights in one vector."""
        return self.engine.flat(self.w)

    def learn(self, n):
        """Learn from n new sequences."""
        X, targets = self.draw(n)
        begun = time.thread_time()
        with may_overflow():
            self.squares.append(self._learn_strings(X, targets))
        self.learning += time.thread_time() - begun
        self.sequences += n
        self.steps += X.n_steps
        return np.zeros((0, self.experiment.n_outputs))

    def _learn_strings(self, X, targets):
        """Learn from strings; return the sum of their squared errors."""
        one_hot, symbols = np.eye(self.experiment.n_inputs, dtype=self.dtype), X.values.indices
        squares, only_ends = 0.0, self.ends_only and self.network.n_blocks
        for start, end in pairwise(X.offsets):
            self.stepper.reset()
            for step in range(start, end):
                net = self.stepper.advance(self.given, one_hot[symbols[step]])
                if net is None or not np.isfinite(net).all():
                    raise Diverged
                if only_ends and step < end - 1:
                    continue
                y = expit(net)
                error = y - targets[step]
                squares += error @ error
                self._update(error * (y * (1 - y) + self.slope_offset))
        return squares

    def _update(self, delta):
        """Update the weights, given the errors at the net inputs of the output units after this step."""
        self.gradient[:] = 0
        self.stepper.gradient(delta, self.gradient)
        self.gradient *= self.rates
        self.w -= self.gradient

    def outputs(self, X):
        """Activations of the output units, one row per step."""
        return expit(self.engine.forward(self.w, self.engine.bind(X))[0])

    @property
    def block(self):
        """Number of sequences until the next check of the rule."""
        return self.check_every

    def is_time_to_grow(self):
        """Whether the error has stopped falling."""
        if not self.grow_after:
            return False
        *before, last = self.squares
        return bool(before) and last > 0.99 * min(before)
