"""Targets of any scale: learning sees them standardised, users see the weights of their own units."""

import numpy as np

from sklstm._checks import may_overflow, real_array

BITS = 12  # of mean and scale: sums in another order, or weights instead of copies, change none of them


class OutputScaling:
    """Mean and scale of each output, between the users' units and those of learning.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_outputs,)
    learned : ndarray of shape (n_outputs, n_sources) or None
        The output layer as learning has left it: rounding would not give it back to the bit.
    """

    def __init__(self, mean, scale, learned=None):
        self.mean, self.scale, self.learned = mean, scale, learned

    @classmethod
    def of(cls, targets, weight, network, weights):
        """Return that of these targets; None if their size, or that of the first weights, leaves no room.

        Parameters
        ----------
        targets : ndarray of shape (n_targets, n_outputs)
            0 where the weight is 0.
        weight : ndarray of shape (n_targets,) or (n_targets, n_outputs)
        network : Network
            Without biases of the outputs nothing takes up a mean: it is 0.
        weights : ndarray of shape (n_weights,)
            Those from which learning starts, in the dtype in which it computes.
        """
        weight = weight[:, np.newaxis] if weight.ndim == 1 else weight
        largest = np.abs(targets).max(axis=0)
        largest[largest == 0] = 1
        with may_overflow():
            t, w = targets / largest, weight / weight.max()
            total = np.broadcast_to(w, t.shape).sum(axis=0)
            total[total == 0] = 1
            mean = (w * t).sum(axis=0) / total if network.output_bias else np.zeros(t.shape[1])
            deviation = np.sqrt((w * (t - mean) ** 2).sum(axis=0) / total)
            varies = deviation > 1e-14
            scale = np.where(varies, _rounded(deviation), 1.0)
            mean = np.where(varies, np.rint(mean / scale * 2**BITS) / 2**BITS * scale, mean)
            mean, scale = mean * largest, scale * largest
        most = float(np.finfo(weights.dtype).max) ** (1 / 3)
        fits = np.abs(mean).max() < most and scale.max() < most and scale.min() > 1 / most
        scaling = cls(mean, scale)
        return scaling if fits and np.isfinite(scaling.to_user(network, weights)).all() else None

    def targets(self, targets, weight):
        """Targets in the units of learning; 0 where the weight is 0."""
        weight = weight[:, np.newaxis] if weight.ndim == 1 else weight
        return np.where(weight > 0, (targets - self.mean) / self.scale, 0.0)

    def to_user(self, network, weights):
        """Weights of learning -> weights of the users' units."""
        weights = weights.copy()
        output = network.views(weights)["output"]
        with may_overflow():
            output *= self.scale[:, np.newaxis]
            if network.output_bias:
                output[:, -1] += self.mean
        return weights

    def from_user(self, network, weights):
        """Weights of the users' units -> weights of learning; those that it left, if nobody changed them."""
        shape = (network.n_outputs,)
        mean, scale = (real_array(part, "_scaling", shape) for part in (self.mean, self.scale))
        found = weights.copy()
        output = network.views(found)["output"]
        if self.learned is not None:
            output[...] = real_array(self.learned, "_scaling", output.shape, weights.dtype)
            if np.array_equal(self.to_user(network, found), weights):
                return found
        output[...] = network.views(weights)["output"]
        with may_overflow():
            if network.output_bias:
                output[:, -1] -= mean
            output /= scale[:, np.newaxis]
        return found

    def after(self, network, weights):
        """Return the scaling that knows what learning has left."""
        return OutputScaling(self.mean, self.scale, network.views(weights)["output"].copy())


def _rounded(numbers):
    """Numbers of few bits."""
    mantissa, exponent = np.frexp(numbers)
    return np.ldexp(np.rint(mantissa * 2**BITS) / 2**BITS, exponent)
