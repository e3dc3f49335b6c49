"""Inputs and targets of any scale: learning sees them scaled, users see the weights of their own units."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from sklstm._checks import may_overflow, real_array
from sklstm._sequences import Sequences

BITS = 12  # of mean and scale: sums in another order, or weights instead of copies, change none of them
LARGE = 5.0  # a channel with a larger root mean square is scaled down
SMALL = 0.25  # a channel without larger numbers is scaled up


class Scaling:
    """Scale of each channel and of each output, between the users' units and those of learning.

    Parameters
    ----------
    inputs : ndarray of shape (n_inputs,)
        Powers of two, by which inputs are divided: weights come back from users' units to the bit.
    mean, scale : ndarray of shape (n_outputs,)
        Of the targets; where outputs are logarithms, that of the mean of the targets, and 1.
    learned : ndarray of shape (n_outputs, n_sources) or None
        The output layer as learning has left it: rounding would not give it back to the bit.
    log_link : bool
        Whether outputs are logarithms: targets are divided by the exponential of `mean`.
    """

    def __init__(self, inputs, mean, scale, learned=None, log_link=False):
        self.inputs, self.mean, self.scale, self.learned = inputs, mean, scale, learned
        self.log_link = log_link

    @classmethod
    def of(cls, inputs, outputs, network, weights, log_link=False):
        """Return that of these scales; None if they change nothing, or leave no room for the first weights.

        Parameters
        ----------
        inputs : ndarray of shape (n_inputs,)
            See `input_scale`.
        outputs : tuple of mean and scale, or None
            See `output_scale`.
        network : Network
        weights : ndarray of shape (n_weights,)
            Those from which learning starts, in the dtype in which it computes.
        log_link : bool
            Whether outputs are logarithms.
        """
        if outputs is None and (inputs == 1).all():
            return None
        mean, scale = (
            (np.zeros(network.n_outputs), np.ones(network.n_outputs)) if outputs is None else outputs
        )
        most = float(np.finfo(weights.dtype).max) ** (1 / 3)
        scaling = cls(inputs, mean, scale, None, log_link)
        fits = max(inputs.max(), scale.max(), np.abs(mean).max()) < most and scale.min() > 1 / most
        return scaling if fits and np.isfinite(scaling.to_user(network, weights)).all() else None

    def sequences(self, sequences):
        """Sequences in the units of learning."""
        if (self.inputs == 1).all():
            return sequences
        values, inputs = sequences.values, self.inputs.astype(sequences.dtype)
        if sequences.is_sparse:
            parts = values.data / inputs[values.indices], values.indices, values.indptr
            return Sequences._trusted(sparse.csr_array(parts, shape=values.shape), sequences.offsets)
        return Sequences._trusted(values / inputs, sequences.offsets)

    def targets(self, targets, weight):
        """Targets in the units of learning; 0 where the weight is 0."""
        weight = weight[:, np.newaxis] if weight.ndim == 1 else weight
        scaled = targets / np.exp(self.mean) if self.log_link else (targets - self.mean) / self.scale
        return np.where(weight > 0, scaled, 0.0)

    def with_outputs(self, network, weights):
        """Weights of learning -> the same with outputs in the users' units."""
        weights = weights.copy()
        output = network.views(weights)["output"]
        with may_overflow():
            output *= self.scale[:, np.newaxis]
            if network.output_bias:
                output[:, -1] += self.mean
        return weights

    def to_user(self, network, weights):
        """Weights of learning -> weights of the users' units."""
        weights = self.with_outputs(network, weights)
        for part in network._views_of_inputs(weights):
            part /= self.inputs
        return weights

    def from_user(self, network, weights):
        """Weights of the users' units -> weights of learning; those that it left, if nobody changed them."""
        inputs = real_array(self.inputs, "_scaling", (network.n_inputs,))
        mean, scale = (real_array(part, "_scaling", (network.n_outputs,)) for part in (self.mean, self.scale))
        found = weights.copy()
        for part in network._views_of_inputs(found):
            part *= inputs
        output = network.views(found)["output"]
        users = output.copy()
        if self.learned is not None:
            output[...] = real_array(self.learned, "_scaling", output.shape, weights.dtype)
            if np.array_equal(self.to_user(network, found), weights):
                return found
        output[...] = users
        with may_overflow():
            if network.output_bias:
                output[:, -1] -= mean
            output /= scale[:, np.newaxis]
        return found

    def after(self, network, weights):
        """Return the scaling that knows what learning has left."""
        return Scaling(
            self.inputs, self.mean, self.scale, network.views(weights)["output"].copy(), self.log_link
        )


@dataclass(frozen=True)
class ChannelSizes:
    """How large the numbers of each channel are; those of parts add up to those of the whole.

    Attributes
    ----------
    n_steps : int
    squares : ndarray of float64 of shape (n_features,)
        Sum over all steps.
    largest : ndarray of shape (n_features,)
        Absolute value.
    """

    n_steps: int
    squares: Any
    largest: Any

    @classmethod
    def of(cls, sequences):
        """Return those of sequences; None if they are sparse."""
        if sequences.is_sparse:
            return None
        values = sequences.values
        with may_overflow():
            squares = np.einsum("ij,ij->j", values, values, dtype=np.float64)
        return cls(len(values), squares, np.maximum(values.max(axis=0), -values.min(axis=0)))

    def __add__(self, other):
        with may_overflow():
            squares = self.squares + other.squares
        return ChannelSizes(self.n_steps + other.n_steps, squares, np.maximum(self.largest, other.largest))


def input_scale(sizes):
    """Powers of two near the size of the channels that are large or small; 1 for others."""
    scale = np.ones(len(sizes.squares))
    with may_overflow():
        size = np.sqrt(sizes.squares / sizes.n_steps)
    far = ((size > LARGE) | (sizes.largest < SMALL)) & np.isfinite(size) & (size > 0)
    scale[far] = np.exp2(np.rint(np.log2(size[far])))
    return scale


def output_scale(moments, center):
    """Mean and standard deviation of targets, of each output.

    Parameters
    ----------
    moments : Moments
        Of the targets.
    center : bool
        Whether something takes up a mean; otherwise it is 0, and the deviation is from 0.

    Returns
    -------
    mean, scale : ndarray of shape (n_outputs,)
    """
    with may_overflow():
        mean = moments.mean if center else np.zeros(len(moments.mean))
        deviation = np.sqrt(moments.squares_about(mean) / np.maximum(moments.total, np.finfo(float).tiny))
        varies = deviation > 1e-14
        scale = np.where(varies, _rounded(deviation), 1.0)
        mean = np.where(varies, np.rint(mean / scale * 2**BITS) / 2**BITS * scale, mean)
        return mean * moments.unit, scale * moments.unit


def log_scale(moments):
    """Logarithm of the mean of targets, of each output, and a scale of 1; see `output_scale`."""
    mean = moments.mean * moments.unit
    log_mean = np.log(np.where(mean > 0, mean, 1.0))
    return np.rint(log_mean * 2**BITS) / 2**BITS, np.ones(len(mean))


def _rounded(numbers):
    """Numbers of few bits."""
    mantissa, exponent = np.frexp(numbers)
    return np.ldexp(np.rint(mantissa * 2**BITS) / 2**BITS, exponent)
