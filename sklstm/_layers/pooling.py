"""Pooling: inputs of the output units from the activations of all steps, and the backward pass."""

import numpy as np


class Pooling:
    """Last activations, mean and maximum over the steps of the sequences of a packed batch.

    Parameters
    ----------
    kinds : tuple of {"last", "mean", "max"}
        Features in this order.
    lengths : ndarray of int of shape (n_sequences,)
        Number of steps of each sequence; the rows of a sequence follow those of the one before.
    n_backward : int
        Number of units that read backwards, which are the last columns; their last step is the first one.
    """

    def __init__(self, kinds, lengths, n_backward):
        self.kinds, self.lengths, self.n_backward = kinds, lengths, n_backward
        self.starts = np.cumsum(lengths) - lengths

    def forward(self, H):
        """Features of shape (n_sequences, n_features) from activations of shape (n_steps, n_units)."""
        return np.hstack([getattr(self, "_" + kind)(H) for kind in self.kinds])

    def backward(self, errors):
        """Errors at the activations of all steps, from errors at the features."""
        parts = np.split(errors, len(self.kinds), axis=1)
        found = np.zeros((int(self.lengths.sum()), parts[0].shape[1]), errors.dtype)
        for kind, part in zip(self.kinds, parts, strict=True):
            getattr(self, "_back_to_" + kind)(part, found)
        return found

    def _last(self, H):
        n = H.shape[1] - self.n_backward
        ends = self.starts + self.lengths - 1
        return np.hstack([H[ends, :n], H[self.starts, n:]])

    def _back_to_last(self, errors, found):
        n = errors.shape[1] - self.n_backward
        found[self.starts + self.lengths - 1, :n] += errors[:, :n]
        found[self.starts, n:] += errors[:, n:]

    def _mean(self, H):
        return np.add.reduceat(H, self.starts) / self.lengths[:, np.newaxis].astype(H.dtype)

    def _back_to_mean(self, errors, found):
        found += np.repeat(errors / self.lengths[:, np.newaxis].astype(errors.dtype), self.lengths, axis=0)

    def _max(self, H):
        if (self.lengths == self.lengths[0]).all():
            steps = H.reshape(len(self.lengths), -1, H.shape[1]).argmax(axis=1)
        else:
            ends = self.starts + self.lengths
            steps = np.stack([H[a:b].argmax(axis=0) for a, b in zip(self.starts, ends, strict=True)])
        self.largest = steps + self.starts[:, np.newaxis]  # the first of equal maxima
        return np.take_along_axis(H, self.largest, axis=0)

    def _back_to_max(self, errors, found):
        at = self.largest, np.arange(errors.shape[1])
        found[at] += errors
