"""Patches: several consecutive time steps joined to one."""

from itertools import pairwise

import numpy as np
from scipy import sparse

from sklstm._sequences.container import Sequences

BLOCK = 2**17  # steps per block: their indices need several times the memory of the values


def patch_size(longest, n_patches):
    """Smallest number of time steps of a patch with which the longest sequence has at most `n_patches`."""
    return int(-(-longest // n_patches))


def patched(sequences, size, columns=None):
    """Sequences of patches: ceil(T / size) for T steps; the last step is repeated to fill the last patch."""
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
    """Dense derivatives by time steps, from derivatives by patches."""
    rows, _ = _rows(lengths, size)
    found = np.zeros((int(lengths.sum()), gradient.shape[1] // size), gradient.dtype)
    np.add.at(found, rows, gradient.reshape(len(rows), -1))
    return found


def patch_of_steps(lengths, size):
    """Index, among all patches, of the patch of each time step."""
    n_patches = -(-lengths // size)
    first = np.cumsum(n_patches) - n_patches
    step = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(first, lengths) + step // size


def _rows(lengths, size):
    """Rows of the steps of all patches, in one vector, and number of patches of each sequence."""
    n_patches = -(-lengths // size)
    n_steps = n_patches * size  # including repeated steps
    starts = np.cumsum(n_steps) - n_steps
    t = np.arange(n_steps.sum()) - np.repeat(starts, n_steps)
    first = np.cumsum(lengths) - lengths
    return np.repeat(first, n_steps) + np.minimum(t, np.repeat(lengths - 1, n_steps)), n_patches
