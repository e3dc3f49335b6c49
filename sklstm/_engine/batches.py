"""The order in which the kernel processes sequences, packed batches, and their workspaces."""

from contextlib import contextmanager
from functools import partial
from hashlib import blake2b

import numpy as np

MOST_SEQUENCES = 64  # maximum of a packed batch
MOST_STEPS = 1 << 15  # maximum of a packed batch with more than one sequence


class Order:
    """The order in which the kernel processes sequences.

    Attributes
    ----------
    start, length, target : ndarray of int64
        First time step, number of time steps, and row of the first target of each.
    """

    def __init__(self, start, length, target):
        self.start = np.ascontiguousarray(start, np.int64)
        self.length = np.ascontiguousarray(length, np.int64)
        self.target = np.ascontiguousarray(target, np.int64)

    def __len__(self):
        return len(self.start)

    def __getitem__(self, index):
        return Order(self.start[index], self.length[index], self.target[index])

    def with_own_targets(self, every_step):
        """Return the order for consecutive rows of targets, and the previous rows of these targets."""
        count = self.length if every_step else np.ones_like(self.length)
        ends = np.cumsum(count)
        first = ends - count
        rows = np.arange(ends[-1]) + np.repeat(self.target - first, count)
        return Order(self.start, self.length, first), rows

    def at_most(self, longest):
        """Beginnings of the sequences, cut to `longest` time steps."""
        return Order(self.start, np.minimum(self.length, longest), self.target)


def sequences_at_once(longest):
    """Number of sequences of a packed batch whose longest sequence has this number of time steps."""
    return max(1, min(MOST_STEPS // int(longest), MOST_SEQUENCES))


def packed_batches(order):
    """Indices of the sequences, the longest first, in packed batches that fit in memory."""
    by_length = np.argsort(-order.length, kind="stable")
    batches, at = [], 0
    while at < len(by_length):
        size = sequences_at_once(order.length[by_length[at]])
        batches.append(by_length[at : at + size])
        at += size
    return batches


class WorkspacePool:
    """Workspaces of an engine; a thread borrows one at a time.

    Parameters
    ----------
    engine : Engine
    batches : list of Order
        A workspace has room for any of these packed batches.
    sparse, backward : bool
        See `Engine.workspace`.
    """

    def __init__(self, engine, batches, sparse, backward=True):
        self.size = self._size_of(batches)
        self._make = partial(engine.workspace, *self.size, sparse=sparse, backward=backward)
        self._free = []

    @staticmethod
    def _size_of(batches):
        return (
            max(int(batch.length.sum()) for batch in batches),
            max(len(batch) for batch in batches),
            max(int(batch.length.max()) for batch in batches),
        )

    def hold(self, batches):
        """Whether the workspaces also have room for these packed batches."""
        return all(has >= needed for has, needed in zip(self.size, self._size_of(batches), strict=True))

    @contextmanager
    def lend(self):
        """Context with a borrowed workspace."""
        try:
            work = self._free.pop()
        except IndexError:
            work = self._make()
        yield work
        self._free.append(work)


def merge_repeated(order, X, targets, target_weight, every_step):
    """Merge equal sequences with equal targets into one with the sum of their weights, in a fixed order.

    A sequence with a weight of two then gives the same bits as the sequence given twice, and the order of
    the sequences does not matter. L-BFGS, and Adam in many epochs, would amplify differences in rounding.

    Returns
    -------
    order : Order
    target_weight : ndarray of shape (n_targets,)
    """
    places, weights = {}, target_weight.copy()
    ends = order.target + (order.length if every_step else 1)
    for i, (lo, hi) in enumerate(zip(order.target, ends, strict=True)):
        if not target_weight[lo:hi].any():
            continue
        key = _digest(X, order.start[i], order.length[i], targets[lo:hi])
        if key in places:
            at = order.target[places[key]]
            weights[at : at + hi - lo] += target_weight[lo:hi]
        else:
            places[key] = i
    if not places:
        return order, target_weight
    return order[[places[key] for key in sorted(places)]], weights


def _digest(X, start, length, targets):
    """Digest of a sequence and its targets, the same for its dense and its sparse form."""
    end = start + length
    if not isinstance(X, np.ndarray):
        indptr = X.indptr[start : end + 1]
        stored = slice(indptr[0], indptr[-1])
        row = np.repeat(np.arange(length), np.diff(indptr))
        column, value = X.indices[stored], X.data[stored].astype(targets.dtype)
        row, column, value = (part[value != 0] for part in (row, column, value))
    else:
        X = X[start:end].astype(targets.dtype, copy=False)
        row, column = np.nonzero(X)
        value = X[row, column]
    digest = blake2b((targets + 0).tobytes(), digest_size=16)  # + 0 turns -0.0 into 0.0
    for part in ([length, len(row)], row, column):
        digest.update(np.asarray(part, np.int64).tobytes())
    digest.update(value.tobytes())
    return digest.digest()
