"""Checks of the estimators' arguments, and the meaning of "auto"."""

from functools import cache

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import get_scorer_names

from sklstm._checks import (
    check_bool,
    check_choice,
    check_init_range,
    check_integer,
    check_n_channels,
    check_number,
)
from sklstm._learning.kalman import DECOUPLED
from sklstm._learning.losses import LOSSES, LOSSES_OF_CLASSES, loss_for, with_parameter
from sklstm._learning.settings import GRADIENTS, UPDATES, settings_of
from sklstm._learning.solvers import SOLVERS
from sklstm._messages import shown
from sklstm._network import ARCHITECTURE, OUTPUT_ACTIVATIONS, Network
from sklstm._sequences.patches import patch_size

BATCH_SIZE = 32
LONG = 32  # time steps; longer sequences are read in patches
N_PATCHES = 16
MANY = 1000  # sequences; a regressor of fewer has a larger penalty
MOST_PENALTIES = 10  # bound of its factor
MOST_INPUTS = 256  # numbers of a patch: the number of input weights grows with it
OF_PATCHES = {"bidirectional": True, "pooling": ("last", "mean", "max")}
OF_STEPS = {"bidirectional": False, "pooling": "last"}
_LEAST_NOISE = {"measurement_noise": {"above": 0}, "process_noise": {"least": 0}}


def network(estimator, n_inputs, n_outputs, longest=1, fitted=None):
    """Return the topology for the arguments, with "auto" resolved.

    Parameters
    ----------
    estimator : estimator
    n_inputs, n_outputs : int
    longest : int
        Number of time steps of the longest sequence.
    fitted : Network or None
        Network with which learning continues; its patch size is kept.
    """
    given = {name: getattr(estimator, name) for name in ARCHITECTURE if name != "patch_size"}
    given["output_activation"] = output_activation(estimator)
    size = _patch_size(estimator, n_inputs, longest)
    if fitted is not None and estimator.n_patches is not None:
        size = fitted.patch_size
    for name, value in (OF_PATCHES if size > 1 else OF_STEPS).items():
        if is_auto(given[name]):
            given[name] = value
    return Network(n_inputs, n_outputs, patch_size=size, **given)


def _patch_size(estimator, n_inputs, longest):
    """Number of time steps per patch."""
    n_patches = estimator.n_patches
    if n_patches is None:
        return 1
    if not is_auto(n_patches):
        return patch_size(longest, n_patches)
    is_today = estimator.update == "batch" and estimator.gradient == "full" and estimator.n_blocks
    if longest <= LONG or estimator.return_sequences or not is_today:
        return 1
    return min(patch_size(longest, N_PATCHES), max(MOST_INPUTS // n_inputs, 1))


def output_activation(estimator):
    """Return the activation of the output units, with "auto" resolved."""
    if not is_auto(estimator.output_activation):
        return estimator.output_activation
    return estimator._auto_output_activation(LOSSES[estimator.loss])


def loss_of(estimator):
    """Loss, with its parameter."""
    return with_parameter(LOSSES[estimator.loss], estimator.epsilon, estimator.quantile)


def settings(estimator, n_sequences, once, n_epochs):
    """Return the settings of learning from this number of sequences, after `n_epochs` earlier epochs."""
    solver, loss = SOLVERS[estimator.solver], loss_of(estimator)
    batch_size, clip, alpha = estimator.batch_size, estimator.clip, estimator.alpha
    average = estimator.average
    if is_auto(batch_size):
        batch_size = n_sequences if solver.full_batch else min(BATCH_SIZE, n_sequences)
    if is_auto(clip):
        clip = solver.clip if loss.of_probabilities else None
    if is_auto(alpha):
        alpha = solver.alpha if estimator.update == "batch" else 0.0
        if not loss.of_probabilities:
            alpha *= min(max(MANY / n_sequences, 1.0), MOST_PENALTIES)
    if is_auto(average):
        average = solver.averages and estimator.update == "batch"

    def rate(epoch):
        return _learning_rate(estimator, epoch)

    return settings_of(
        loss=loss,
        solver=solver.name,
        gradient=estimator.gradient,
        update=estimator.update,
        batch_size=int(batch_size),
        learning_rate=rate(n_epochs),
        schedule=rate if callable(estimator.learning_rate) else None,
        n_epochs=n_epochs,
        momentum=float(estimator.momentum),
        alpha=float(alpha),
        clip=None if clip is None else float(clip),
        max_iter=1 if once else int(estimator.max_iter),
        tol=float(estimator.tol),
        tol_is_relative=estimator.early_stopping and estimator.scoring is not None,
        n_iter_no_change=int(estimator.n_iter_no_change),
        average=bool(average),
        shuffle=bool(estimator.shuffle),
        verbose=int(estimator.verbose),
        measurement_noise=_noise(estimator, "measurement_noise"),
        process_noise=_noise(estimator, "process_noise"),
        initial_covariance=float(estimator.initial_covariance),
        dropout=float(estimator.dropout),
    )


def _noise(estimator, name):
    """Return the function from the number of sequences so far to a noise of the Kalman filter."""
    value, least = getattr(estimator, name), _LEAST_NOISE[name]

    def noise(n_sequences):
        number = value(n_sequences)
        check_number(f"{name}({n_sequences})", number, **least)
        return float(number)

    return noise if callable(value) else lambda n_sequences: float(value)


def _learning_rate(estimator, epoch):
    """Learning rate after this number of epochs."""
    if not callable(estimator.learning_rate):
        return float(estimator.learning_rate)
    rate = estimator.learning_rate(epoch)
    check_number(f"learning_rate({epoch})", rate, least=0)
    return float(rate)


def initial_weights(estimator, network, longest, rng):
    """Initial weights; `longest` is the number of time steps of the longest sequence."""
    n_steps = -(-longest // network.patch_size)
    init_range = estimator.init_range
    if is_auto(init_range):
        init_range = 1 / np.sqrt(max(network.n_cells + network.n_hidden_units, 1))
    input_gate_bias, forget_gate_bias = _gate_biases(estimator, network, n_steps, rng)
    return network.init_weights(
        rng,
        init_range=init_range,
        input_gate_bias=input_gate_bias,
        output_gate_bias=estimator.output_gate_bias,
        forget_gate_bias=forget_gate_bias,
    )


def _gate_biases(estimator, network, n_steps, rng):
    """Biases of input and forget gates, with "auto" resolved.

    With "auto", blocks forget over times between one step and the longest sequence. The more slowly a block
    forgets, the less its input gate lets in per step (Tallec & Ollivier 2018).
    """
    lasting = coming = None
    if (
        is_auto(estimator.forget_gate_bias)
        and LOSSES[estimator.loss].of_probabilities
        and estimator.gradient == "full"
        and not estimator.return_sequences
        and network.forget_gate
        and network.gate_bias
        and network.n_blocks > 0
    ):
        lasting = np.log(rng.uniform(1, max(n_steps - 1, 1), network.n_blocks))
        coming = -lasting if network.input_gate else None
    return (
        coming if is_auto(estimator.input_gate_bias) else estimator.input_gate_bias,
        lasting if is_auto(estimator.forget_gate_bias) else estimator.forget_gate_bias,
    )


def check(estimator):
    """Refuse invalid arguments, and pairs of arguments that exclude each other."""
    for name, choices in {
        "loss": LOSSES_OF_CLASSES if is_classifier(estimator) else LOSSES,
        "gradient": GRADIENTS,
        "solver": SOLVERS,
        "update": UPDATES,
        "output_activation": ("auto", *OUTPUT_ACTIVATIONS),
    }.items():
        check_choice(name, getattr(estimator, name), choices)
    if estimator.n_patches is not None and not is_auto(estimator.n_patches):
        check_integer("n_patches", estimator.n_patches, 1, '"auto", None or ')
    topology = network(estimator, 1, 2)
    loss_for(estimator.loss, topology.output_activation)
    loss_of(estimator)
    check_number("dropout", estimator.dropout, least=0, below=1)
    for name in ("shuffle", "warm_start", "early_stopping"):
        check_bool(name, getattr(estimator, name))
    if not callable(estimator.learning_rate):
        check_number("learning_rate", estimator.learning_rate, above=0, text="a callable or ")
    check_number("momentum", estimator.momentum, least=0, below=1)
    for name, least in _LEAST_NOISE.items():
        if not callable(getattr(estimator, name)):
            check_number(name, getattr(estimator, name), text="a callable or ", **least)
    check_number("initial_covariance", estimator.initial_covariance, above=0)
    check_number("tol", estimator.tol, least=0)
    check_number("validation_fraction", estimator.validation_fraction, above=0, below=1)
    check_n_channels(estimator.n_channels)
    _check_scoring(estimator.scoring)
    check_integer("max_iter", estimator.max_iter, 1)
    check_integer("n_iter_no_change", estimator.n_iter_no_change, 1)
    if not isinstance(estimator.verbose, bool | np.bool_):
        check_integer("verbose", estimator.verbose, 0)
    if estimator.n_jobs is not None:
        check_integer("n_jobs", estimator.n_jobs)
        if estimator.n_jobs == 0:
            raise ValueError("n_jobs must be None or a number of threads other than 0, got 0.")
    if estimator.clip is not None and not is_auto(estimator.clip):
        check_number("clip", estimator.clip, above=0, text='"auto", None or ')
    if not is_auto(estimator.alpha):
        check_number("alpha", estimator.alpha, least=0, text='"auto" or ')
    if not is_auto(estimator.average):
        check_bool("average", estimator.average, '"auto", ')
    if not is_auto(estimator.init_range):
        check_init_range(estimator.init_range, '"auto" or ')
    if not is_auto(estimator.batch_size):
        check_integer("batch_size", estimator.batch_size, 1, text='"auto" or ')
    if estimator.dropout and not topology._n_features:
        raise ValueError(f"dropout={shown(estimator.dropout)} needs hidden units: n_blocks=0 leaves none.")
    topology._gate_biases(
        None if is_auto(estimator.input_gate_bias) else estimator.input_gate_bias,
        None if is_auto(estimator.forget_gate_bias) else estimator.forget_gate_bias,
        estimator.output_gate_bias,
    )
    _check_pairs(estimator, topology)


def _check_scoring(scoring):
    if scoring is None or callable(scoring):
        return
    if not isinstance(scoring, str) or scoring not in get_scorer_names():
        raise ValueError(
            "scoring must be None, a callable or a name of sklearn.metrics.get_scorer_names(), got "
            f"{shown(scoring)}."
        )


def _check_pairs(estimator, topology):
    solver, update, batch_size = SOLVERS[estimator.solver], estimator.update, estimator.batch_size
    is_filter = solver.name == DECOUPLED
    given_patches = estimator.n_patches is not None and not is_auto(estimator.n_patches)
    got = f"got solver={solver.name!r}."
    for refused, remedy in (
        (
            solver.full_batch and update != "batch",
            f"solver={solver.name!r} learns from many sequences at once: it needs update='batch', "
            f"got update={shown(update)}.",
        ),
        (
            not solver.in_epochs and not is_auto(batch_size),
            f"solver={solver.name!r} learns from all sequences at once: leave batch_size='auto', "
            f"got batch_size={shown(batch_size)}.",
        ),
        (
            not (solver.in_epochs or is_auto(estimator.average)) and estimator.average,
            f"solver={solver.name!r} has no epochs whose weights could be averaged: leave average='auto'.",
        ),
        (
            is_filter and (update == "batch" or estimator.gradient != "truncated"),
            f"solver={solver.name!r} updates the weights after each measurement, with derivatives computed "
            "forwards in time: it needs update='step' or 'sequence' and gradient='truncated', got "
            f"update={shown(update)} and gradient={shown(estimator.gradient)}.",
        ),
        (
            is_filter and estimator.loss != "squared_error",
            f"solver={solver.name!r} minimises the squared difference of outputs and targets: it needs "
            f"loss='squared_error', got loss={shown(estimator.loss)}.",
        ),
        (
            is_filter and not is_auto(estimator.alpha) and estimator.alpha != 0,
            f"alpha={shown(estimator.alpha)} has no meaning with solver={solver.name!r}: leave alpha='auto'.",
        ),
        (
            update != "batch" and not is_auto(batch_size),
            f"batch_size={shown(batch_size)} has no meaning with update={shown(update)}: leave "
            "batch_size='auto'.",
        ),
        (
            update == "step" and estimator.gradient != "truncated",
            "update='step' changes weights inside a sequence, which only the truncated gradient allows: "
            f"it needs gradient='truncated', got gradient={shown(estimator.gradient)}.",
        ),
        (
            update == "step" and (topology._needs_whole_sequences or given_patches),
            "update='step' learns before the end of a sequence, which n_patches, bidirectional and pooling "
            "need: it needs n_patches=None, bidirectional=False and pooling='last', got n_patches="
            f"{shown(estimator.n_patches)}, bidirectional={shown(estimator.bidirectional)} and "
            f"pooling={shown(estimator.pooling)}.",
        ),
        (
            estimator.return_sequences and given_patches,
            f"n_patches={shown(estimator.n_patches)} is for one target per sequence: with "
            "return_sequences=True leave n_patches='auto'.",
        ),
        (
            estimator.dropout and (update == "step" or is_filter or not solver.in_epochs),
            f"dropout={shown(estimator.dropout)} leaves out other inputs for each sequence and epoch: it "
            "needs update='batch' or 'sequence' and solver='sgd', 'adam' or 'rprop', got "
            f"update={shown(update)} and solver={solver.name!r}.",
        ),
        (
            estimator.momentum != 0 and not solver.has_momentum,
            f"momentum={shown(estimator.momentum)} needs {solvers_with('has_momentum')}, {got}",
        ),
        (
            callable(estimator.learning_rate) and not solver.has_rate,
            f"learning_rate as a callable, a rate for each epoch, needs {solvers_with('has_rate')}, {got}",
        ),
        (
            estimator.clip is not None and not is_auto(estimator.clip) and not solver.has_rate,
            f"clip={shown(estimator.clip)} has no meaning with solver={solver.name!r}: leave clip='auto'.",
        ),
        (
            estimator.early_stopping and not solver.in_epochs,
            f"early_stopping=True needs {solvers_with('in_epochs')}, {got}",
        ),
    ):
        if refused:
            raise ValueError(remedy)


@cache
def solvers_with(property_name):
    """Text of the solvers that have a property, for example "solver='sgd', 'adam' or 'rprop'"."""
    *names, last = [repr(solver.name) for solver in SOLVERS.values() if getattr(solver, property_name)]
    return f"solver={' or '.join([', '.join(names), last] if names else [last])}"


def makes_epochs(estimator):
    """Refuse a solver that uses all sequences at once, for `available_if`."""
    solver = estimator.solver
    if isinstance(solver, str) and solver in SOLVERS and not SOLVERS[solver].in_epochs:
        raise AttributeError(f"partial_fit needs {solvers_with('in_epochs')}, got solver={solver!r}.")
    return True


def is_auto(value):
    """Whether an argument is "auto"."""
    return isinstance(value, str) and value == "auto"
