"""Several consecutive time steps side by side as one: patches."""

from itertools import pairwise

import numpy as np
from scipy import sparse

from sklstm._sequences.container import Sequences

BLOCK = 2**17  # steps that are taken at a time: their indices need several times the memory of the values


def patch_size(longest, n_patches):
    """Time steps of a patch, as few as cut the longest sequence into at most `n_patches`."""
    return int(-(-longest // n_patches))


def patched(sequences, size, columns=None):
    """Sequences of patches: ceil(T / size) of T steps, the last one filled up with the last step."""
    steps, n_features = sequences.values, sequences.n_features * size
    offsets = np.concatenate([[0], np.cumsum(-(-sequences.lengths // size))])
    if sparse.issparse(steps):
        values = sparse.csr_array(steps[_rows(sequences.lengths, size)[0]].reshape(-1, n_features))
    else:
        values = np.empty((offsets[-1], n_features), steps.dtype)
        edges = np.searchsorted(sequences.offsets, np.arange(0, steps.shape[0], BLOCK))
        for begin, end in pairwise(np.unique([*edges, len(sequences)])):
            rows, _ = _rows(sequences.lengths[begin:end], size)
            block = values[offsets[begin] : offsets[end]].reshape(len(rows), -1)
            np.take(steps, rows + sequences.offsets[begin], axis=0, out=block)
    return Sequences._trusted(values, offsets, ids=sequences.ids, columns=columns)


def steps_of_patches(gradient, lengths, size):
    """Derivatives by patches -> derivatives by the time steps of which they are made, dense."""
    rows, _ = _rows(lengths, size)
    found = np.zeros((int(lengths.sum()), gradient.shape[1] // size), gradient.dtype)
    np.add.at(found, rows, gradient.reshape(len(rows), -1))
    return found


def patch_of_steps(lengths, size):
    """Number of the patch, of all in turn, of each time step."""
    n_patches = -(-lengths // size)
    first = np.cumsum(n_patches) - n_patches
    step = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(first, lengths) + step // size


def _rows(lengths, size):
    """Row of the steps that each patch consists of, flat, and patches of each sequence."""
    n_patches = -(-lengths // size)
    n_steps = n_patches * size  # with those that are repeated
    starts = np.cumsum(n_steps) - n_steps
    t = np.arange(n_steps.sum()) - np.repeat(starts, n_steps)
    first = np.cumsum(lengths) - lengths
    return np.repeat(first, n_steps) + np.minimum(t, np.repeat(lengths - 1, n_steps)), n_patches
