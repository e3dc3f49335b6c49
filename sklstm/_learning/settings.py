"""How to learn: the estimators' arguments, each resolved once."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sklstm._learning.losses import LOSSES, Loss
from sklstm._learning.solvers import SOLVERS, Solver

GRADIENTS = ("truncated", "full")
UPDATES = ("batch", "sequence", "step")


@dataclass(frozen=True)
class Settings:
    """How to learn; `settings_of` makes it of names.

    Attributes
    ----------
    loss : Loss
    solver : Solver
    full : bool
        Full or truncated gradient.
    real_time : bool
        An update after each time step that has a target.
    mean : bool
        An update by the mean gradient of a mini-batch; otherwise by the summed gradient of a sequence.
    batch_size : int
        Sequences of an update at most.
    schedule : callable or None
        Epochs so far -> learning rate.
    tol_is_relative : bool
        Whether `tol` is a part of the best score, which may be of any scale.
    n_epochs : int
        Of earlier calls.
    measurement_noise, process_noise : callable
        Sequences so far -> noise, for "dekf".
    initial_covariance : float
        For "dekf".
    dropout : float
        Fraction of the inputs of layers and of the output units that is left out, drawn for each sequence.
    """

    loss: Loss
    solver: Solver
    full: bool
    real_time: bool
    mean: bool
    batch_size: int
    learning_rate: float
    momentum: float = 0.0
    alpha: float = 0.0
    clip: float | None = None
    max_iter: int = 1
    tol: float = 0.0
    tol_is_relative: bool = False
    n_iter_no_change: int = 1
    shuffle: bool = False
    verbose: int = 0
    schedule: Callable[[int], float] | None = None
    n_epochs: int = 0
    measurement_noise: Callable[[int], float] = field(default=lambda n: 1.0)
    process_noise: Callable[[int], float] = field(default=lambda n: 0.005)
    initial_covariance: float = 100.0
    dropout: float = 0.0

    def merges(self, n_sequences):
        """Whether an update sees all of so many sequences, so that equal ones can be learned from as one."""
        return self.mean and n_sequences <= self.batch_size


def settings_of(*, loss, gradient, solver, update, batch_size=1, **more):
    """Settings of the estimators' arguments; without `batch_size` and others those of on-line learning.

    A loss is a name, or a `Loss` with its parameter.
    """
    return Settings(
        loss=LOSSES[loss] if isinstance(loss, str) else loss,
        solver=SOLVERS[solver],
        full=gradient == "full",
        real_time=update == "step",
        mean=update == "batch",
        batch_size=batch_size if update == "batch" else 1,
        **more,
    )
