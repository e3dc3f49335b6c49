"""Random topologies, with weights and sequences to match: what the properties are tried on."""

from dataclasses import asdict, dataclass, field, replace

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import sparse

import reference
from sklstm import LSTMRegressor, Network, Sequences, State

SQUASHING = "logistic[-2,2]", "logistic[-1,1]", "logistic", "tanh", "identity"
GATES = "input_gate", "forget_gate", "output_gate"

GRADIENTS = "truncated", "full"
POOLINGS = "last", "mean", "max", ("last", "mean", "max"), ("max", "last")
EVERYTHING = Network(
    2,
    3,
    n_blocks=2,
    block_size=3,
    n_hidden_units=2,
    peepholes=True,
    recurrence="all",
    shortcut=True,
)

# The same examples in every run: a failure that comes and goes teaches nothing.
repeatable = settings(deadline=None, derandomize=True)


@st.composite
def networks(draw, **fixed):
    """Any topology of up to 3 blocks of 3 cells; options can be fixed."""
    options = {
        "n_inputs": st.integers(1, 3),
        "n_outputs": st.integers(1, 3),
        "n_blocks": st.integers(1, 3),
        "block_size": st.integers(1, 3),
        "n_hidden_units": st.integers(0, 2),
        "recurrence": st.sampled_from(["all", "gates", "cells", "none"]),
        "cell_input_activation": st.sampled_from(SQUASHING),
        "cell_output_activation": st.sampled_from(SQUASHING),
        "output_activation": st.sampled_from(["logistic", "softmax", "identity"]),
    }
    flags = *GATES, "shortcut", "cell_bias", "gate_bias", "output_bias", "return_sequences"
    options |= dict.fromkeys(flags, st.booleans())
    free = {name: option for name, option in options.items() if name not in fixed}
    chosen = draw(st.fixed_dictionaries(free)) | fixed
    if chosen["output_activation"] == "softmax":
        chosen["n_outputs"] += 1  # softmax of one unit is 1, and its gradient 0
    if chosen["recurrence"] == "gates" and not any(chosen[gate] for gate in GATES):
        chosen["recurrence"] = "all"
    if "peepholes" not in fixed:
        chosen["peepholes"] = any(chosen[gate] for gate in GATES) and draw(st.booleans())
    return Network(**chosen)


@st.composite
def composed(draw, **fixed):
    """Any topology of up to three layers."""
    options = {
        "n_layers": st.integers(1, 3),
        "bidirectional": st.booleans(),
        "pooling": st.sampled_from(POOLINGS),
        "patch_size": st.integers(1, 3),
        "return_sequences": st.booleans(),
    }
    chosen = {name: draw(option) for name, option in options.items() if name not in fixed} | fixed
    if chosen["return_sequences"]:
        chosen |= {"pooling": "last", "patch_size": 1}
    return draw(networks(**chosen))


@dataclass(frozen=True)
class Problem:
    """A network, weights, and sequences with targets: lists and arrays of one entry per sequence."""

    net: Network
    loss: str
    lengths: list
    seed: int
    weights: np.ndarray = field(repr=False)
    X: list = field(repr=False)  # (T, I) each
    y: list = field(repr=False)  # (T, K) each, or (1, K)
    sample_weight: np.ndarray = field(repr=False)
    initial_state: State | None = field(repr=False)

    @property
    def targets(self):
        """`y` as the network takes it."""
        return self.y if self.net.return_sequences else np.concatenate(self.y)

    def take(self, index):
        """The problem with these of its sequences."""
        index = np.arange(len(self.X))[index]
        state = self.initial_state
        return replace(
            self,
            lengths=[self.lengths[i] for i in index],
            X=[self.X[i] for i in index],
            y=[self.y[i] for i in index],
            sample_weight=self.sample_weight[index],
            initial_state=None if state is None else State(*(part[index] for part in state)),
        )

    def singles(self):
        """One problem for each of the sequences."""
        return [self.take([i]) for i in range(len(self.X))]

    def forward(self):
        """Outputs, stacked, and final state."""
        outputs, info = self.net.forward(
            self.weights, self.X, initial_state=self.initial_state, full_output=True
        )
        return np.concatenate(list(outputs)) if outputs.dtype == object else outputs, *info.values()

    def loss_and_gradient(self, gradient="full"):
        """Loss, gradient, and the dict with the other gradients."""
        return self.net.loss_and_gradient(
            self.weights,
            self.X,
            self.targets,
            self.loss,
            gradient,
            sample_weight=self.sample_weight,
            initial_state=self.initial_state,
            full_output=True,
        )


def make_problem(net, lengths, *, loss="squared_error", state=True, scale=0.5, seed=0):
    """Random weights of the standard deviation `scale`, and random inputs, targets and states.

    Half of the inputs are 0, half of the targets 0 or 1. The last step of a sequence is not all 0:
    without biases its gradient would be. At a scale of 0.5 the states of cells without squashing
    functions do not explode within 37 steps.
    """
    rng = np.random.default_rng(seed)
    n, R, C = len(lengths), reference.n_recurrent(net), net.n_cells
    rows = lengths if net.return_sequences else [1] * n
    X = [np.maximum(rng.normal(size=(T, net.n_inputs)), 0) for T in lengths]
    for x in X:
        x[-1, 0] = rng.normal()
    return Problem(
        net=net,
        loss=loss,
        lengths=list(lengths),
        seed=seed,
        weights=rng.normal(scale=scale, size=net.n_weights),
        X=X,
        y=[np.clip(rng.uniform(-0.5, 1.5, (T, net.n_outputs)), 0, 1) for T in rows],
        sample_weight=rng.uniform(0.1, 2, n),
        initial_state=State(rng.normal(size=(n, R)), rng.normal(size=(n, C))) if state else None,
    )


@st.composite
def problems(draw, lengths=(1, 2, 3, 5, 37), max_sequences=4, **fixed):
    """A random topology with weights and up to `max_sequences` sequences of these lengths."""
    net = draw(networks(**fixed))
    losses = ["squared_error", "log_loss"][: 1 + (net.output_activation != "identity")]
    return make_problem(
        net,
        draw(st.lists(st.sampled_from(lengths), min_size=1, max_size=max_sequences)),
        loss=draw(st.sampled_from(losses)),
        state=draw(st.booleans()),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


def regressor_of(net, weights):
    """A fitted regressor with this network and these weights."""
    architecture = asdict(net)
    patch_size = architecture.pop("patch_size")
    x, y = np.zeros((patch_size, architecture.pop("n_inputs"))), np.zeros((1, architecture.pop("n_outputs")))
    reg = LSTMRegressor(random_state=0, n_patches=1 if patch_size > 1 else None, **architecture)
    reg.partial_fit([x], [y] if net.return_sequences else y)
    assert reg.network_ == net
    reg.weights_ = weights
    return reg


def flat_sequences(X):
    """`Sequences` of dense or sparse arrays."""
    stack = sparse.vstack if sparse.issparse(X[0]) else np.concatenate
    return Sequences.from_lengths(stack(X), [x.shape[0] for x in X])


def assert_near(actual, expected, rtol=1e-9):
    """Equal to `rtol` of the largest component; returns the error in that measure.

    A component is a sum of terms that may cancel, and rounding is relative to the terms, not to
    what is left of them. Where all components are tiny the measure is 1e-3: terms are activations.
    """
    actual, expected = np.asarray(actual, float), np.asarray(expected, float)
    assert actual.shape == expected.shape
    largest = np.max(np.abs(expected), initial=1e-3)
    assert_allclose(actual, expected, rtol=0, atol=rtol * largest)
    return np.max(np.abs(actual - expected), initial=0) / largest


def central(function, x, h=1e-6):
    """Gradient of a function of an array by central differences."""
    slope = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        more, less = x.copy(), x.copy()
        more[place] += h
        less[place] -= h
        slope[place] = (function(more) - function(less)) / (2 * h)
    return slope
