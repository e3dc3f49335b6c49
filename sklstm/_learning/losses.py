"""Losses: what each allows and is called. Value and derivative are in _kernel/losses.pxd."""

from dataclasses import dataclass

import numpy as np
from scipy.special import entr

from sklstm._checks import check_choice, may_overflow


@dataclass(frozen=True)
class Loss:
    """What a loss allows and is called.

    Attributes
    ----------
    name : str
        Argument of the estimators, and key of `LOSSES` of the kernel.
    outputs : tuple of str
        Activations of output units that it takes; the first is the regressor's, if "auto".
    output_of_classes : str
        That of the classifier, if "auto".
    label : str
        Of the axis of a picture.
    low, high : float
        Range of the targets.
    """

    name: str
    outputs: tuple[str, ...]
    output_of_classes: str
    label: str
    low: float = -np.inf
    high: float = np.inf

    @property
    def of_probabilities(self):
        """Whether outputs are probabilities, which "auto" of `clip` and of the gate biases look at."""
        return (self.low, self.high) == (0, 1)

    def check_targets(self, targets):
        """Refuse targets outside the range."""
        if targets.min() < self.low or targets.max() > self.high:
            found = f"y from {targets.min():g} to {targets.max():g}"
            raise ValueError(
                f"loss={self.name!r} needs targets in [{self.low:g}, {self.high:g}], got {found}."
            )


LOSSES = {
    loss.name: loss
    for loss in (
        Loss("squared_error", ("identity", "logistic", "softmax"), "logistic", "1/2 squared error"),
        Loss("log_loss", ("logistic", "softmax"), "softmax", "log loss [nats]", low=0, high=1),
    )
}


def loss_for(name, output_activation):
    """Return the loss of this name; refuse an unknown one, and one that does not take these outputs."""
    check_choice("loss", name, LOSSES)
    loss = LOSSES[name]
    if output_activation not in loss.outputs:
        allowed = " or ".join(map(repr, loss.outputs))
        raise ValueError(f"loss={name!r} needs output_activation={allowed}, got {output_activation!r}.")
    return loss


def loss_of_constants(loss, output_activation, moments):
    """Least mean loss of outputs that are the same for all: what a model has to be better than.

    Parameters
    ----------
    loss : Loss
    output_activation : str
    moments : Moments
        Of the targets.

    Returns
    -------
    float
    """
    with may_overflow():
        total = moments.total
        if loss.name == "squared_error":
            each = 0.5 * moments.squares * moments.unit**2
        else:
            mean = moments.mean * moments.unit
            each = total * entr(mean)
            if output_activation == "logistic":
                each += total * entr(1 - mean)
        return float(each.sum() / total.mean())
