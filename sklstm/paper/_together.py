"""Networks of one topology that learn on-line in lockstep, each from sequences of its own."""

from itertools import accumulate
from typing import Any

import numpy as np

from sklstm import _core
from sklstm._kernel import Lanes, aligned_zeros

MOST = _core.MOST_TOGETHER


class Together:
    """Trainers of one topology, dtype, loss and gradient, all dense or all sparse; ``update="sequence"``.

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
        self.data: Any = None

    def _share(self, name):
        """Put an array of each trainer into a row of a common one."""
        parts = [getattr(trainer, name) for trainer in self.trainers]
        shared = aligned_zeros((len(parts), len(parts[0])), parts[0].dtype)
        for row, part, trainer in zip(shared, parts, self.trainers, strict=True):
            row[:] = part
            setattr(trainer, name, row)
        return shared

    def learn(self, Xs, targets):
        """Learn from new sequences for each trainer; an update after each.

        Parameters
        ----------
        Xs : list of Sequences
            One a trainer.
        targets : list of ndarray of shape (n_targets, n_outputs)

        Returns
        -------
        losses : ndarray of shape (n_trainers,)
            Sum of the losses; not finite for a trainer that diverged.
        outputs : list of ndarray
            The outputs before each sequence was learned from, in the form of the targets.
        """
        for trainer, X, goal in zip(self.trainers, Xs, targets, strict=True):
            trainer.load(X, np.arange(len(X)), goal, np.ones(len(goal)))
            trainer.record = np.zeros(trainer.targets.shape, self.kernel.dtype)
        self.data = None
        losses = self.train([trainer.lanes for trainer in self.trainers])
        largest = np.sqrt(np.finfo(self.kernel.dtype).max)
        losses[~(np.abs(self.w).max(axis=1) < largest)] = np.inf
        return losses, [trainer.record for trainer in self.trainers]

    def train(self, lanes):
        """Learn from some of the sequences that the trainers hold, an update after each.

        Parameters
        ----------
        lanes : list of Lanes
            One a trainer, in the order in which it learns from them; not all need have the same number.

        Returns
        -------
        losses : ndarray of shape (n_trainers,)
            Sum of the weighted losses; not finite for a trainer that diverged.
        """
        kernel, settings = self.kernel, self.trainers[0].settings
        if self.data is None:
            self._stack()
        longest = max(int(part.length.max()) for part in lanes)
        if self.work is None or self.work.capacity[2] < longest:
            self.work = kernel.work(longest, 1, longest, sparse=self.data[0].sparse, nets=len(lanes))
        losses = np.zeros(len(lanes))
        _core.train_together(
            kernel.plan,
            self.data,
            Lanes(
                np.concatenate([part.start for part in lanes]),
                np.concatenate([part.length for part in lanes]),
                np.concatenate([part.target + at for part, at in zip(lanes, self.first_target, strict=True)]),
            ),
            np.array([0, *accumulate(len(part) for part in lanes)]),
            self.work,
            self.w,
            self.targets,
            self.target_weight,
            _core.LOSSES[settings.loss],
            settings.gradient == "full",
            self.work.capacity[0] + 1,
            self.grad,
            self.first,
            self.second,
            self.numbers,
            losses,
            self.record,
        )
        return losses

    def _stack(self):
        """Put the targets of all trainers under each other; their records become views of a common one."""
        trainers = self.trainers
        self.data = [trainer.data for trainer in trainers]
        self.targets = np.concatenate([trainer.targets for trainer in trainers])
        self.target_weight = np.concatenate([trainer.target_weight for trainer in trainers])
        self.record = np.concatenate([trainer.record for trainer in trainers])
        self.first_target = [0, *accumulate(len(trainer.targets) for trainer in trainers)][:-1]
        at = 0
        for trainer in trainers:
            end = at + len(trainer.record)
            trainer.record, at = self.record[at:end], end
