"""The systems of 1997 that LSTM was compared with and that `Network` cannot express, in NumPy.

Their inputs are symbols, one per time step, so each unit has one active weight from the inputs at each step.
"""

import time
from functools import partial
from itertools import pairwise
from math import exp

import numpy as np
from scipy.special import expit

from sklstm.paper._experiments import FAST_OUTPUTS
from sklstm.paper._trial import Trial


def rows_by_time(X):
    """Rows of the first steps of all sequences, of the second steps, and so on; the longest come first."""
    order = np.argsort(-X.lengths, kind="stable")
    starts, lengths = X.offsets[:-1][order], X.lengths[order]
    return [starts[: np.count_nonzero(lengths > t)] + t for t in range(lengths.max())]


class Rival(Trial):
    """A trial of a system that is not a `Network`; it reads one string of symbols after another."""

    def set_up(self):
        """Nothing is built before `start`, and no memory block is added later."""
        self.grow_after = None

    def learn(self, n):
        """Learn from n new strings."""
        X, targets = self.draw(n)
        symbols, following = X.values.indices, targets.argmax(axis=1)
        begun = time.thread_time()
        for start, end in pairwise(X.offsets):
            self.learn_string(symbols[start:end], following[start:end])
        self.learning += time.thread_time() - begun
        self.sequences += n
        self.steps += X.n_steps
        return np.zeros((0, self.experiment.n_outputs))

    def learn_string(self, symbols, following):
        """Learn to predict the symbol that follows each symbol of a string."""
        raise NotImplementedError


# ------------------------------------------------------------------------------------------------
# real-time recurrent learning


class RealTimeNet:
    """Logistic units that read each other, and derivatives of their activations by all their weights.

    Real-time recurrent learning (Williams & Zipser 1989): with z(t) the symbol of step t and the activations
    r(t - 1) of the recurrent units, r_k(t) = f(sum_j W_kj z_j(t)) and

        dr_k(t)/dW_ij = f'(net_k) (sum_l W_kl dr_l(t - 1)/dW_ij + [k = i] z_j(t)).

    No unit has a bias.

    Parameters
    ----------
    rng : Generator
    n_inputs, n_recurrent, n_outputs : int
        Symbols, recurrent units, output units.
    outputs : {"units", "before", "now"}
        "units": the outputs are the first of the recurrent units. "before", "now": they are separate units
        without recurrence that read the symbol and the recurrent activations, of the previous step or of this
        step.
    init_range : float
        Initial weights are uniform in [-init_range, init_range].
    hidden_only : bool
        Whether separate output units do not read the symbol.

    Attributes
    ----------
    W : ndarray of shape (n_recurrent, n_inputs + n_recurrent)
    V : ndarray of shape (n_outputs, n_inputs + n_recurrent)
        It has no rows if the outputs are recurrent units.
    r : ndarray of shape (n_recurrent,)
        Recurrent activations.
    y : ndarray of shape (n_outputs,)
        Outputs of the last step.
    """

    def __init__(self, rng, n_inputs, n_recurrent, n_outputs, outputs, init_range, hidden_only=False):
        self.n_inputs, self.n_outputs, self.reads = n_inputs, n_outputs, outputs
        self.hidden_only = hidden_only
        n_sources = n_inputs + n_recurrent
        self.W = rng.uniform(-init_range, init_range, (n_recurrent, n_sources))
        rows = 0 if outputs == "units" else n_outputs
        self.V = rng.uniform(-init_range, init_range, (rows, n_sources))
        if hidden_only:
            self.V[:, :n_inputs] = 0
        # dr/dW before and after the step, and of each the rows dr_k/dW_k
        self.P, self.P_after = np.zeros((2, n_recurrent, n_recurrent, n_sources))
        self.own, self.own_after = (np.einsum("kkj->kj", P) for P in (self.P, self.P_after))
        self.reset()

    @property
    def n_weights(self):
        """Number of weights."""
        return self.W.size + self.V.size - self.hidden_only * self.n_outputs * self.n_inputs

    def reset(self):
        """Begin a string: activations and derivatives are zero."""
        self.r = self.r_before = np.zeros(len(self.W))
        self.P[...] = 0

    def read(self, symbol):
        """Run one time step; return the outputs."""
        M, before = self.n_inputs, self.r
        recurrent = self.W[:, M:]
        r = expit(self.W[:, symbol] + recurrent @ before)
        np.matmul(recurrent, self.P.reshape(len(r), -1), out=self.P_after.reshape(len(r), -1))
        self.own_after[:, symbol] += 1
        self.own_after[:, M:] += before
        self.P_after *= (r * (1 - r))[:, np.newaxis, np.newaxis]
        self.P, self.P_after, self.own, self.own_after = self.P_after, self.P, self.own_after, self.own
        self.symbol, self.r, self.r_before = symbol, r, before
        if self.reads == "units":
            self.y = r[: self.n_outputs]
        else:
            self.y = expit(self.V[:, symbol] + self.V[:, M:] @ self._read_by_outputs)
        return self.y

    @property
    def _read_by_outputs(self):
        return self.r if self.reads == "now" else self.r_before

    def gradient(self, error, slope_offset=0.0):
        """Gradient of half the squared error of this step with respect to the weights.

        Parameters
        ----------
        error : ndarray of shape (n_outputs,)
            Outputs minus targets.
        slope_offset : float
            Added to the slope of separate output units.

        Returns
        -------
        by_W : ndarray, of the shape of W
        delta : ndarray of shape (n_outputs,)
            Gradient with respect to V[:, symbol]; multiplied by the activations that the outputs read, that
            with respect to the rest of V.
        """
        if self.reads == "units":
            error_of_units, delta, P = error, np.zeros(0), self.P[: self.n_outputs]
        else:
            delta = error * (self.y * (1 - self.y) + slope_offset)
            error_of_units = delta @ self.V[:, self.n_inputs :]
            P = self.P if self.reads == "now" else self.P_after  # that of the previous step
        return (error_of_units @ P.reshape(len(P), -1)).reshape(self.W.shape), delta

    def learn(self, error, rate, slope_offset=0.0, output_rate=1.0):
        """Change the weights by the error of this step."""
        by_W, delta = self.gradient(error, slope_offset)
        self.W -= rate * by_W
        if len(delta):
            delta *= rate * output_rate
            if not self.hidden_only:
                self.V[:, self.symbol] -= delta
            self.V[:, self.n_inputs :] -= np.multiply.outer(delta, self._read_by_outputs)

    def learn_symbol(self, symbol, target, rate, slope_offset=0.0, output_rate=1.0):
        """Run one time step, and update the weights."""
        error = self.read(symbol).copy()
        error[target] -= 1
        self.learn(error, rate, slope_offset, output_rate)

    def outputs(self, X):
        """Outputs after each step of strings, without learning."""
        M, symbols = self.n_inputs, X.values.indices
        y, r = np.empty((X.n_steps, self.n_outputs)), np.zeros((len(X), len(self.W)))
        for rows in rows_by_time(X):
            before = r[: len(rows)]
            r = expit(self.W[:, symbols[rows]].T + before @ self.W[:, M:].T)
            if self.reads == "units":
                y[rows] = r[:, : self.n_outputs]
            else:
                read = r if self.reads == "now" else before
                y[rows] = expit(self.V[:, symbols[rows]].T + read @ self.V[:, M:].T)
        return y


class OneUnit(RealTimeNet):
    """`RealTimeNet` for one recurrent unit and outputs "now", with numbers instead of arrays.

    With few symbols this is much faster; table 2 has millions of strings.
    """

    def __init__(self, rng, n_inputs, n_recurrent, n_outputs, outputs, init_range):
        super().__init__(rng, n_inputs, n_recurrent, n_outputs, outputs, init_range)
        *self.from_symbols, self.from_itself = self.W[0].tolist()
        *self.to_outputs, self.from_unit = self.V.T.tolist()  # a list for each symbol, and one for the unit

    def reset(self):
        """Begin a string."""
        self.activation, self.by_itself, self.by_symbols = 0.0, 0.0, [0.0] * self.n_inputs

    def learn_symbol(self, symbol, target, rate, slope_offset=0.0, output_rate=1.0):
        """Run one time step, and update the weights: `read` and `learn`."""
        before, weight = self.activation, self.from_itself
        self.activation = now = _logistic(self.from_symbols[symbol] + weight * before)
        slope = now * (1 - now)
        passed = slope * weight
        self.by_symbols = by_symbols = [passed * derivative for derivative in self.by_symbols]
        by_symbols[symbol] += slope
        self.by_itself = slope * before + passed * self.by_itself
        to_outputs, from_unit, back = self.to_outputs[symbol], self.from_unit, 0.0
        for k, v in enumerate(from_unit):
            y = _logistic(to_outputs[k] + v * now)
            delta = (y - (k == target)) * (y * (1 - y) + slope_offset)
            back += v * delta
            delta *= rate * output_rate
            to_outputs[k] -= delta
            from_unit[k] = v - delta * now
        back *= rate
        self.from_symbols = [w - back * d for w, d in zip(self.from_symbols, by_symbols, strict=True)]
        self.from_itself -= back * self.by_itself

    def outputs(self, X):
        """Outputs after each step of strings, without learning."""
        self.W[0], self.V.T[...] = [*self.from_symbols, self.from_itself], [*self.to_outputs, self.from_unit]
        return super().outputs(X)


def _logistic(x):
    return 1 / (1 + exp(-x)) if x > -700 else 0.0


class RealTime(Rival):
    """Exact real-time recurrent learning, with an update after each step.

    The argument "outputs" is that of `RealTimeNet`. In table 1 it is "units", a fully connected network with
    separate inputs, as the paper counts its weights, or "before", the network of Smith & Zipser, whose
    visible units are both inputs and outputs and are set to the symbol before the next step. In table 2 it is
    "now", one hidden unit that reads itself, and outputs that read it.
    """

    def start(self):
        """Set the initial weights."""
        experiment, arguments = self.experiment, self.arguments
        n_recurrent = arguments["n_hidden_units"]
        if arguments["outputs"] == "units":
            n_recurrent += experiment.n_outputs
        kind = OneUnit if arguments["outputs"] == "now" and n_recurrent == 1 else RealTimeNet
        self.net = kind(
            self.rng,
            experiment.n_inputs,
            n_recurrent,
            experiment.n_outputs,
            arguments["outputs"],
            arguments["init_range"],
        )

    @property
    def n_weights(self):
        """Number of weights."""
        return self.net.n_weights

    def learn_string(self, symbols, following):
        """Read a string and change the weights after each symbol."""
        net, rate = self.net, self.arguments["learning_rate"]
        options = {name: self.arguments[name] for name in FAST_OUTPUTS if name in self.arguments}
        net.reset()
        for symbol, target in zip(symbols.tolist(), following.tolist(), strict=True):
            net.learn_symbol(symbol, target, rate, **options)

    def outputs(self, X):
        """Activations of the output units, one row per step."""
        return self.net.outputs(X)


# ------------------------------------------------------------------------------------------------
# the neural sequence chunker


class Chunker(Rival):
    """The neural sequence chunker (Schmidhuber 1992): one network learns what another failed to predict.

    The automatizer reads every symbol and predicts the next one. One more output predicts the hidden unit of
    the chunker. The chunker reads the first symbol and those that the automatizer failed to predict, with an
    absolute error of more than "epsilon", and learns to predict each of them from the earlier ones. Both have
    one hidden unit that reads itself, learn in real time, and are reset at the end of a string.

    The rule considers both: at each step, the network that is nearer to the target counts. With "alone", it
    considers the automatizer only. With "hidden_only", the outputs of the chunker read only its hidden unit,
    which therefore has to store the next symbol; outputs that also read the symbol do not need this unit.
    "slope_offset" and "output_rate" are those of `RealTimeNet.learn`, for both networks.
    """

    def start(self):
        """Set the initial weights."""
        n_symbols, arguments = self.experiment.n_inputs, self.arguments
        net = partial(RealTimeNet, self.rng, n_symbols, 1, outputs="now", init_range=arguments["init_range"])
        self.automatizer = net(n_symbols + 1)
        self.chunker = net(n_symbols, hidden_only=arguments.get("hidden_only", False))
        self.options = {name: arguments[name] for name in FAST_OUTPUTS if name in arguments}

    @property
    def n_weights(self):
        """Number of weights."""
        return self.automatizer.n_weights + self.chunker.n_weights

    def learn_string(self, symbols, following):
        """Read a string: the automatizer reads each symbol, the chunker those that were not predicted."""
        rate, epsilon = self.arguments["learning_rate"], self.arguments["epsilon"]
        automatizer, chunker = self.automatizer, self.chunker
        automatizer.reset()
        chunker.reset()
        was_foreseen, begun = False, False
        for symbol, target in zip(symbols, following, strict=True):
            if not was_foreseen:
                if begun:
                    self._teach_chunker(symbol, rate)
                chunker.read(symbol)
                begun = True
            error = automatizer.read(symbol).copy()
            error[target] -= 1
            error[-1] -= chunker.r[0]
            was_foreseen = np.abs(error[:-1]).max() <= epsilon
            automatizer.learn(error, rate, **self.options)
        if not was_foreseen:
            self._teach_chunker(target, rate)

    def _teach_chunker(self, symbol, rate):
        """Learn that this symbol follows the last one that the chunker read."""
        error = self.chunker.y.copy()
        error[symbol] -= 1
        self.chunker.learn(error, rate, **self.options)

    def outputs(self, X):
        """Predictions of the automatizer."""
        return self.automatizer.outputs(X)[:, :-1]

    def errors(self, X, targets):
        """Absolute errors, of both networks or of the automatizer only."""
        errors = np.abs(self.outputs(X) - targets)
        if self.arguments.get("alone"):
            return errors
        chunker, symbols, worst = self.chunker, X.values.indices, errors.max(axis=1)
        for start, end in pairwise(X.offsets):
            chunker.reset()
            for step in range(start, end):
                if step == start or worst[step - 1] > self.arguments["epsilon"]:
                    chunker.read(symbols[step])
                error = np.abs(chunker.y - targets[step])
                if error.max() < worst[step]:
                    errors[step] = error
        return errors


# ------------------------------------------------------------------------------------------------
# recurrent cascade-correlation

GROWTH, DECAY = 2.0, 1e-4  # largest growth of Quickprop's steps; decay of the weights of the outputs
OUTPUT_RATE, UNIT_RATE = 0.35, 1.0
OUTPUT_CHANGE, UNIT_CHANGE = 0.01, 0.03  # a smaller relative change counts as no change
SLOPE_OFFSET, MOST_EPOCHS = 0.1, 200


class Quickprop:
    """Quickprop (Fahlman 1988): each weight goes to the minimum of the parabola of its last two slopes.

    Parameters
    ----------
    rate : float
        Learning rate of gradient descent, which makes the first step and is added to later ones while the
        slope keeps its sign.
    """

    def __init__(self, rate):
        self.rate, self.slope, self.step = rate, 0.0, 0.0

    def __call__(self, slope):
        """Step of each weight, given the slope of the function to be minimised."""
        last, step = self.slope + np.zeros_like(slope), self.step + np.zeros_like(slope)
        with np.errstate(divide="ignore", invalid="ignore"):
            to_minimum = step * slope / (last - slope)
        sign = np.sign(step)
        is_far = sign * slope <= sign * last * GROWTH / (1 + GROWTH)
        move = np.where(is_far, GROWTH * step, to_minimum)
        move -= self.rate * slope * (sign * slope < 0)
        self.slope, self.step = slope, np.where(step == 0, -self.rate * slope, move)
        return self.step


def is_stagnant(scores, change, patience):
    """Whether the score has changed by less than this share for `patience` epochs."""
    if len(scores) <= patience:
        return False
    standing, since = scores[0], 0
    for epoch, score in enumerate(scores):
        if abs(score - standing) > change * standing:
            standing, since = score, epoch
    return len(scores) - 1 - since >= patience


class Cascade(Rival):
    """Recurrent cascade-correlation (Fahlman 1991): hidden units are added one by one, and frozen.

    A unit V(t) = tanh(w I(t) + w_s V(t - 1)) reads the bias, the inputs, the earlier units and itself. A pool
    of "n_candidates" learns to covary with the errors of the outputs, with the derivatives
    dV(t)/dw = (1 - V(t)^2) (I(t) + w_s dV(t - 1)/dw); the best one is added. Then the outputs learn, which
    read the bias, the inputs and all units. Both learn by Quickprop, in epochs over all strings, until the
    score has not changed for "patience" epochs. The outputs are in [-0.5, 0.5]. The constants are those of
    Fahlman's public program for feed-forward networks, whose patience is 8.

    A trial ends when all training strings are correct, or when there are "max_units" units.
    """

    def start(self):
        """Collect the training strings; there are no hidden units at first."""
        X, _, y, _ = self.strings
        self.targets, self.at = y.values - 0.5, rows_by_time(X)
        self.seen = self._inputs(X)
        self.units = []
        self.V = self.rng.uniform(-1, 1, (self.experiment.n_outputs, self.seen.shape[1]))

    def _inputs(self, X):
        return np.column_stack([np.ones(X.n_steps), X.values.toarray()])

    @property
    def n_weights(self):
        """Number of weights, including those of the units that were added."""
        return self.V.size + sum(unit.size for unit in self.units)

    def try_to_learn(self, n):
        """Add a unit, except the first time, and learn the outputs; None if no unit can be added."""
        if self.sequences and len(self.units) == self.arguments["max_units"]:
            return None
        begun, epochs = time.thread_time(), 0
        if self.sequences:
            epochs += self._add_unit()
        epochs += self._learn_outputs()
        self.learning += time.thread_time() - begun
        self.sequences += epochs * len(self.strings[0])
        self.steps += epochs * self.strings[0].n_steps
        return np.zeros((0, self.experiment.n_outputs))

    def _learn_outputs(self):
        quickprop, scores, patience = Quickprop(OUTPUT_RATE / len(self.seen)), [], self.arguments["patience"]
        while not is_stagnant(scores, OUTPUT_CHANGE, patience) and len(scores) < MOST_EPOCHS:
            y = expit(self.seen @ self.V.T) - 0.5
            error = y - self.targets
            self.delta = error * (0.25 - y * y + SLOPE_OFFSET)
            self.V += quickprop(self.delta.T @ self.seen + DECAY * self.V)
            scores.append((error**2).sum())
        return len(scores)

    def run_units(self, w, seen, at):
        """Activations (rows, units) of units with the weights w, the last of which is the self-weight."""
        V, v = np.empty((len(seen), len(w))), np.zeros((len(at[0]), len(w)))
        net = seen @ w[:, :-1].T
        for rows in at:
            V[rows] = v = np.tanh(net[rows] + w[:, -1] * v[: len(rows)])
        return V

    def slopes(self, w, change):
        """Activations of units, and sum over rows of change (rows, units) times dV/dw."""
        n, m = w.shape
        V, v = np.empty((len(self.seen), n)), np.zeros((len(self.at[0]), n))
        dV, total = np.zeros((len(v), n, m)), np.zeros_like(w)
        net = self.seen @ w[:, :-1].T
        for rows in self.at:
            v, dV = v[: len(rows)], w[:, -1:] * dV[: len(rows)]
            dV[:, :, :-1] += self.seen[rows, np.newaxis]
            dV[:, :, -1] += v
            V[rows] = v = np.tanh(net[rows] + w[:, -1] * v)
            dV *= (1 - v * v)[:, :, np.newaxis]
            total += np.einsum("ru,rum->um", change[rows], dV)
        return V, total

    def _add_unit(self):
        """Let a pool of candidates learn to covary with the errors, and add the best one."""
        n = self.seen.shape[1]
        w = self.rng.uniform(-1, 1, (self.arguments["n_candidates"], n + 1))
        errors, size = self.delta - self.delta.mean(axis=0), (self.delta**2).sum()
        covariance = self.run_units(w, self.seen, self.at).T @ errors / size
        quickprop, scores = Quickprop(UNIT_RATE / (len(errors) * n)), []
        patience = self.arguments["patience"]
        while not is_stagnant(scores, UNIT_CHANGE, patience) and len(scores) < MOST_EPOCHS:
            V, slopes = self.slopes(w, -errors @ np.sign(covariance).T / size)
            covariance = V.T @ errors / size
            learned, w = w, w + quickprop(slopes)  # the covariance is that of the weights before the step
            scores.append(np.abs(covariance).sum(axis=1).max())
        best = np.abs(covariance).sum(axis=1).argmax()
        self.units.append(learned[best : best + 1])
        self.seen = np.column_stack([self.seen, self.run_units(self.units[-1], self.seen, self.at)])
        self.V = np.column_stack([self.V, -covariance[best]])
        return 1 + len(scores)

    def outputs(self, X):
        """Activations of the output units, moved to [0, 1], one row per step."""
        seen, at = self._inputs(X), rows_by_time(X)
        for unit in self.units:
            seen = np.column_stack([seen, self.run_units(unit, seen, at)])
        return expit(seen @ self.V.T)

    def look(self, errors):
        """Whether all training strings are correct; the trial is a success if the test strings are, too."""
        n = len(self.looks) // 2
        training, test = (
            all(self.wrong_strings(X, legal) == 0 for X, legal in looks)
            for looks in (self.looks[:n], self.looks[n:])
        )
        self.success = training and test
        return training


# ------------------------------------------------------------------------------------------------
# temporal transition hierarchies

MEMORY, RATIO, LEAST = 0.2, 1.0, 0.1  # of the mean changes; thresholds for changes that cancel out


class Hierarchy(Rival):
    """Temporal transition hierarchies (Ring 1993): units are added for weights whose changes cancel out.

    Units are linear, u_i(t) = w_ij + l_ij(t - 1) for the symbol j of step t, where l_ij is the unit that
    modifies the weight w_ij, if there is one. The error of an output is also that of the unit that modified
    its weight one step earlier, and so on down the hierarchy. A weight gets such a unit when its mean
    absolute change is large compared with its mean change.
    """

    def start(self):
        """Set the weights of the outputs to zero, and allocate arrays for units."""
        n_symbols = self.experiment.n_inputs
        self.n_units, most = n_symbols, 6 * n_symbols + 50
        self.w = np.zeros((most, n_symbols))
        self.modifier = np.full(self.w.shape, -1)
        self.mean, self.deviation = np.ones(self.w.shape), np.zeros(self.w.shape)

    @property
    def n_weights(self):
        """Number of weights, including those of the units that were added."""
        return self.n_units * self.w.shape[1]

    def _values(self, symbol, before):
        """Values of all units; `before` has those of the previous step and, at its end, 0 for no modifier."""
        values = np.zeros_like(before)
        values[:-1] = self.w[:, symbol] + before[self.modifier[:, symbol]]
        values[self.n_units :] = 0
        return values

    def learn_string(self, symbols, following):
        """Read a string and change the weights after each symbol."""
        values = np.zeros(len(self.w) + 1)
        for step, target in enumerate(following):
            values = self._values(symbols[step], values)
            errors = -values[: self.experiment.n_outputs]
            errors[target] += 1
            self._learn(errors, symbols[step::-1])

    def _learn(self, errors, past):
        """Change the weights that the errors of this step reach; `past` has the symbols, the latest first."""
        rate, units = self.arguments["learning_rate"], np.arange(len(errors))
        for symbol in past:
            above = self.modifier[units, symbol]
            self.w[units, symbol] += rate * errors
            self.mean[units, symbol] += MEMORY * (errors - self.mean[units, symbol])
            self.deviation[units, symbol] += MEMORY * (np.abs(errors) - self.deviation[units, symbol])
            torn = self.deviation[units, symbol] > RATIO * np.abs(self.mean[units, symbol]) + LEAST
            for unit in units[torn & (above < 0)]:
                self._build(unit, symbol)
            units, errors = above[above >= 0], errors[above >= 0]
            if not len(units):
                break

    def _build(self, unit, symbol):
        """Add a unit that modifies the weight of a unit from a symbol."""
        if self.n_units == len(self.w):
            return
        self.modifier[unit, symbol] = self.n_units
        self.n_units += 1
        self.mean[unit], self.deviation[unit] = 1, 0

    def outputs(self, X):
        """Values of the output units, one row per step."""
        symbols, y = X.values.indices, np.empty((X.n_steps, self.experiment.n_outputs))
        for start, end in pairwise(X.offsets):
            values = np.zeros(len(self.w) + 1)
            for step in range(start, end):
                values = self._values(symbols[step], values)
                y[step] = values[: y.shape[1]]
        return y
