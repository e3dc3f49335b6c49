"""Scaling of inputs and targets: learning uses scaled values, and users get weights in their own units."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from sklstm._checks import may_overflow, real_array
from sklstm._sequences import Sequences

BITS = 12  # precision of mean and scale: the order of a sum, or weights instead of copies, has no effect
LARGE = 5.0  # root mean square above which a channel is scaled down
SMALL = 0.25  # a channel is scaled up if all its numbers are smaller


class Scaling:
    """Scale of each channel and of each output, between the users' units and those of learning.

    Parameters
    ----------
    inputs : ndarray of shape (n_inputs,)
        Powers of two by which inputs are divided; weights are converted by them without rounding.
    mean, scale : ndarray of shape (n_outputs,)
        Mean and scale of the targets. If outputs are logarithms: the logarithm of the mean, and 1.
    learned : ndarray of shape (n_outputs, n_sources) or None
        The output layer as learning has left it; converting it back would add rounding errors.
    log_link : bool
        Whether outputs are logarithms; targets are then divided by the exponential of `mean`.
    """

    def __init__(self, inputs, mean, scale, learned=None, log_link=False):
        self.inputs, self.mean, self.scale, self.learned = inputs, mean, scale, learned
        self.log_link = log_link

    @classmethod
    def of(cls, inputs, outputs, network, weights, log_link=False):
        """Return the scaling; None if it changes nothing, or if the converted weights would overflow.

        Parameters
        ----------
        inputs : ndarray of shape (n_inputs,)
            See `input_scale`.
        outputs : tuple of mean and scale, or None
            See `output_scale`.
        network : Network
        weights : ndarray of shape (n_weights,)
            Weights from which learning starts, in the dtype of the computation.
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
        """Convert weights of learning so that the outputs are in the users' units."""
        weights = weights.copy()
        output = network.views(weights)["output"]
        with may_overflow():
            output *= self.scale[:, np.newaxis]
            if network.output_bias:
                output[:, -1] += self.mean
        return weights

    def to_user(self, network, weights):
        """Convert weights of learning to the users' units."""
        weights = self.with_outputs(network, weights)
        for part in network._views_of_inputs(weights):
            part /= self.inputs
        return weights

    def from_user(self, network, weights):
        """Convert weights to the units of learning; return those that learning left if they are unchanged."""
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
        """Return the scaling with the output layer that learning has left."""
        return Scaling(
            self.inputs, self.mean, self.scale, network.views(weights)["output"].copy(), self.log_link
        )


@dataclass(frozen=True)
class ChannelSizes:
    """Sizes of the numbers of each channel; the sizes of parts can be added.

    Attributes
    ----------
    n_steps : int
    squares : ndarray of float64 of shape (n_features,)
        Sum of squares over all steps.
    largest : ndarray of shape (n_features,)
        Absolute value.
    """

    n_steps: int
    squares: Any
    largest: Any

    @classmethod
    def of(cls, sequences):
        """Return the sizes of sequences; None if the sequences are sparse."""
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
    """Powers of two near the size of channels that are large or small; 1 for other channels."""
    scale = np.ones(len(sizes.squares))
    with may_overflow():
        size = np.sqrt(sizes.squares / sizes.n_steps)
    far = ((size > LARGE) | (sizes.largest < SMALL)) & np.isfinite(size) & (size > 0)
    scale[far] = np.exp2(np.rint(np.log2(size[far])))
    return scale


def output_scale(moments, center):
    """Mean and standard deviation of the targets of each output.

    Parameters
    ----------
    moments : Moments
        Of the targets.
    center : bool
        Whether the network can represent a mean, by a bias. Otherwise, the mean is 0, and the deviation is
        that from 0.

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
    """Logarithm of the mean of the targets of each output, and a scale of 1; see `output_scale`."""
    mean = moments.mean * moments.unit
    log_mean = np.log(np.where(mean > 0, mean, 1.0))
    return np.rint(log_mean * 2**BITS) / 2**BITS, np.ones(len(mean))


def _rounded(numbers):
    """Numbers rounded to `BITS` bits."""
    mantissa, exponent = np.frexp(numbers)
    return np.ldexp(np.rint(mantissa * 2**BITS) / 2**BITS, exponent)
