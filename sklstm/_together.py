"""Networks of one topology that learn on-line in lockstep, each from sequences of its own."""

from typing import Any

import numpy as np
from scipy import sparse

from sklstm import _core
from sklstm._kernel import aligned_zeros
from sklstm._sequences import Sequences

MOST = _core.MOST_TOGETHER


class Together:
    """Trainers of one topology, loss and gradient; ``update="sequence"``.

    The steps of their forward passes take turns in the processor, which waits for the results of one step of
    one network most of the time. To the bit what each trainer would learn alone.

    Parameters
    ----------
    trainers : list of Trainer
        At most `MOST`. Their weights and memories become views of arrays that they share.
    """

    def __init__(self, trainers):
        self.trainers = trainers
        self.kernel = trainers[0].kernel
        self.w = self._share("w")
        self.grad = self._share("grad")
        self.first = self._share("first")
        self.second = self._share("second")
        self.numbers = self._share("numbers")
        self.work: Any = None

    def _share(self, name):
        """Put an array of each trainer into a row of a common one."""
        parts = [getattr(trainer, name) for trainer in self.trainers]
        shared = aligned_zeros((len(parts), len(parts[0])), parts[0].dtype)
        for row, part, trainer in zip(shared, parts, self.trainers, strict=True):
            row[:] = part
            setattr(trainer, name, row)
        return shared

    def learn(self, Xs, targets):
        """Learn from as many new sequences for each trainer; an update after each.

        Parameters
        ----------
        Xs : list of Sequences
            One a trainer, all with the same number of sequences.
        targets : list of ndarray of shape (n_targets, n_outputs)

        Returns
        -------
        losses : ndarray of shape (n_trainers,)
            Sum of the losses; not finite for a trainer that diverged.
        outputs : list of ndarray
            The outputs before each sequence was learned from, in the form of the targets.
        """
        kernel, settings, nets, n = self.kernel, self.trainers[0].settings, len(Xs), len(Xs[0])
        values = [X.values for X in Xs]
        lengths = np.concatenate([X.lengths for X in Xs])
        stacked = sparse.vstack(values, format="csr") if Xs[0].is_sparse else np.concatenate(values)
        sequences = Sequences.from_lengths(stacked, lengths)
        rounds = np.arange(nets * n).reshape(nets, n).T.ravel()
        longest = int(lengths.max())
        if self.work is None or self.work.capacity[2] < longest:
            self.work = kernel.work(longest, 1, longest, sparse=Xs[0].is_sparse, nets=nets)
        rows = self.work.capacity[0] + 1
        goal = kernel.targets(np.concatenate(targets))
        losses, record = np.zeros(nets), np.zeros((len(goal), kernel.network.n_outputs), kernel.dtype)
        _core.train_together(
            kernel.plan,
            kernel.data(sequences),
            kernel.lanes(sequences)[rounds],
            self.work,
            self.w,
            goal,
            np.ones(len(goal)),
            _core.LOSSES[settings.loss],
            settings.gradient == "full",
            rows,
            self.grad,
            self.first,
            self.second,
            self.numbers,
            losses,
            record,
        )
        largest = np.sqrt(np.finfo(kernel.dtype).max)
        losses[~(np.abs(self.w).max(axis=1) < largest)] = np.inf
        return losses, np.split(record, np.cumsum([len(part) for part in targets])[:-1])
