"""Losses: one record per loss, with its names and the outputs and targets that it allows.

_kernel/losses.pxd computes "squared_error" and "log_loss" with their derivatives; this file has the others.
docs/losses.md shows how to add one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import entr, xlogy

from sklstm._checks import as_real, check_choice, check_number, may_overflow
from sklstm._messages import shown


@dataclass(frozen=True)
class Loss:
    """Properties of a loss.

    Attributes
    ----------
    name : str
        Argument of the estimators, and key of `LOSSES` of the kernel if the kernel computes it.
    outputs : tuple of str
        Activations of output units that it allows; the first is that of the regressor with "auto".
    output_of_classes : str or None
        Activation of the output units of the classifier with "auto"; None if the loss is not for classes.
    label : str
        Label of the axis in figures.
    low, high : float
        Range of the targets.
    rows : callable or None
        Function of outputs y, targets t, both of shape (n_targets, n_outputs), and `parameter`. It returns
        the values of each output and their derivatives by y, both of this shape. None: the kernel computes
        the loss.
    parameter : float, tuple of float or None
        Last argument of `rows`.
    log_link : bool
        Whether an output is the logarithm of the prediction.
    """

    name: str
    outputs: tuple[str, ...]
    output_of_classes: str | None
    label: str
    low: float = -np.inf
    high: float = np.inf
    rows: Callable[..., tuple[np.ndarray, np.ndarray]] | None = None
    parameter: Any = None
    log_link: bool = False

    @property
    def in_kernel(self):
        """Whether the kernel computes it."""
        return self.rows is None

    @property
    def of_probabilities(self):
        """Whether outputs are probabilities, on which "auto" of `clip` and of the gate biases depends."""
        return (self.low, self.high) == (0, 1)

    def check_targets(self, targets):
        """Refuse targets outside the range."""
        if targets.min() < self.low or targets.max() > self.high:
            found = f"y from {targets.min():g} to {targets.max():g}"
            raise ValueError(
                f"loss={self.name!r} needs targets in [{self.low:g}, {self.high:g}], got {found}."
            )

    def total_and_errors(self, outputs, targets, weight):
        """Weighted sum, and its derivatives by the outputs, of a loss that is not computed in the kernel.

        Parameters
        ----------
        outputs, targets : ndarray of shape (n_targets, n_outputs)
        weight : ndarray of shape (n_targets,) or (n_targets, n_outputs)

        Returns
        -------
        total : float
        errors : ndarray of float64 of shape (n_targets, n_outputs)
        """
        weight = weight[:, np.newaxis] if weight.ndim == 1 else weight
        assert self.rows is not None
        values, errors = self.rows(outputs.astype(np.float64), targets.astype(np.float64), self.parameter)
        counts = weight > 0  # an output may be infinite where no target counts
        return (
            float(np.sum(weight * values, where=counts)),
            np.where(counts, weight * errors, 0.0),
        )


def absolute_error(y, t, parameter=None):
    """|y - t|; its derivative is 0 where they are equal."""
    return np.abs(y - t), np.sign(y - t)


def huber(y, t, epsilon):
    """1/2 (y - t)^2 up to a distance of epsilon, and its tangent beyond (Huber 1964)."""
    error = np.clip(y - t, -epsilon, epsilon)
    return error * (y - t - 0.5 * error), error


def pinball(y, t, quantiles):
    """(t - y) q above, (y - t) (1 - q) below (Koenker & Bassett 1978); a target has a column per quantile."""
    q = np.resize(quantiles, y.shape[1])
    slope = (y > t) - q * (y != t)
    return slope * (y - t), slope


def poisson(y, t, parameter=None):
    """Half the deviance of a Poisson distribution with the mean exp(y): exp(y) - t - t (y - log t)."""
    mean = np.exp(y)
    return mean - t - t * y + xlogy(t, t), mean - t


LOSSES = {
    loss.name: loss
    for loss in (
        Loss("squared_error", ("identity", "logistic", "softmax"), "logistic", "1/2 squared error"),
        Loss("absolute_error", ("identity", "logistic"), None, "absolute error", rows=absolute_error),
        Loss("huber", ("identity", "logistic"), None, "Huber loss", rows=huber, parameter=1.35),
        Loss("quantile", ("identity",), None, "pinball loss", rows=pinball, parameter=0.5),
        Loss("poisson", ("identity",), None, "1/2 Poisson deviance", low=0, rows=poisson, log_link=True),
        Loss("log_loss", ("logistic", "softmax"), "softmax", "log loss [nats]", low=0, high=1),
    )
}
LOSSES_OF_CLASSES = {name: loss for name, loss in LOSSES.items() if loss.output_of_classes}


def loss_for(name, output_activation):
    """Return the loss of this name; refuse an unknown name, and a loss that does not allow these outputs."""
    check_choice("loss", name, LOSSES)
    loss = LOSSES[name]
    if output_activation not in loss.outputs:
        allowed = " or ".join(map(repr, loss.outputs))
        raise ValueError(f"loss={name!r} needs output_activation={allowed}, got {output_activation!r}.")
    return loss


def with_parameter(loss, epsilon, quantile):
    """Return the loss with the estimators' arguments for it; refuse invalid ones."""
    check_number("epsilon", epsilon, above=0)
    quantiles = quantiles_of(quantile)
    parameters = {"huber": float(epsilon), "quantile": quantiles}
    return replace(loss, parameter=parameters.get(loss.name, loss.parameter))


def quantiles_of(quantile):
    """Return the quantiles as a tuple; refuse values that are not between 0 and 1."""
    try:
        found = as_real(quantile, "quantile")
        valid = (
            found.ndim < 2 and found.size and found.dtype.kind == "f" and ((found > 0) & (found < 1)).all()
        )
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError(
            f"quantile must be a number between 0 and 1, or several of them, got {shown(quantile)}."
        )
    return tuple(np.atleast_1d(found).tolist())


def loss_of_constants(loss, output_activation, moments, targets=None, weight=None):
    """Smallest mean loss of constant outputs. A useful model has a smaller loss.

    Parameters
    ----------
    loss : Loss
    output_activation : str
    moments : Moments
        Moments of the targets.
    targets, weight : ndarray or None
        Targets and weights, for losses that are not computed in the kernel; None if they are in other
        processes.

    Returns
    -------
    float or None
        None if the needed targets are in other processes.
    """
    with may_overflow():
        if not loss.in_kernel:
            return None if targets is None else _least_of_constants(loss, targets, weight)
        total = moments.total
        if loss.name == "squared_error":
            each = 0.5 * moments.squares * moments.unit**2
        else:
            mean = moments.mean * moments.unit
            each = total * entr(mean)
            if output_activation == "logistic":
                each += total * entr(1 - mean)
        return float(each.sum() / total.mean())


def loss_of_targets(loss, output_activation, targets, weight):
    """Mean loss of perfect outputs. It is not 0 for the log loss with targets between 0 and 1."""
    if loss.name != "log_loss":
        return 0.0
    each = entr(targets) + entr(1 - targets) if output_activation == "logistic" else entr(targets)
    weight = weight[:, np.newaxis] if weight.ndim == 1 else weight
    weight = np.broadcast_to(weight, targets.shape) / weight.max()
    return float(np.sum(weight * each) / weight.mean(axis=1).sum())


def _least_of_constants(loss, targets, weight):
    """Smallest mean loss of constant outputs, by minimisation: the losses are convex in the outputs."""
    weight = weight[:, np.newaxis] if weight.ndim == 1 else weight
    weight = np.broadcast_to(weight, targets.shape) / weight.max()

    def total(constant, k):
        values, _ = loss.rows(np.full_like(targets, constant), targets, loss.parameter)
        return np.sum(weight[:, k] * values[:, k])

    least = [minimize_scalar(total, args=(k,)).fun for k in range(targets.shape[1])]
    return float(sum(least) / weight.mean(axis=1).sum())
