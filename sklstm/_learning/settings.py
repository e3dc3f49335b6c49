"""Settings of learning, from the arguments of the estimators."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sklstm._learning.losses import LOSSES, Loss
from sklstm._learning.solvers import SOLVERS, Solver

GRADIENTS = ("truncated", "full")
UPDATES = ("batch", "sequence", "step")


@dataclass(frozen=True)
class Settings:
    """Settings of learning; `settings_of` makes them from names.

    Attributes
    ----------
    loss : Loss
    solver : Solver
    full : bool
        Whether the gradient is full; otherwise it is truncated.
    real_time : bool
        Whether there is an update after each time step that has a target.
    mean : bool
        Whether an update uses the mean gradient of a mini-batch; otherwise the summed gradient of a sequence.
    batch_size : int
        Maximum number of sequences of an update.
    schedule : callable or None
        Function from the number of epochs so far to the learning rate.
    tol_is_relative : bool
        Whether `tol` is a fraction of the best score, which may be of any scale.
    average : bool
        Whether the result, if the tolerance ends learning, is a moving average of the weights of the epochs.
    n_epochs : int
        Number of epochs of earlier calls.
    measurement_noise, process_noise : callable
        Functions from the number of sequences so far to the noise, for "dekf".
    initial_covariance : float
        Initial variance of the weights, for "dekf".
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
    average: bool = False
    shuffle: bool = False
    verbose: int = 0
    schedule: Callable[[int], float] | None = None
    n_epochs: int = 0
    measurement_noise: Callable[[int], float] = field(default=lambda n: 1.0)
    process_noise: Callable[[int], float] = field(default=lambda n: 0.005)
    initial_covariance: float = 100.0
    dropout: float = 0.0

    def merges(self, n_sequences):
        """Whether each update uses all `n_sequences` sequences, so that equal sequences can be merged."""
        return self.mean and n_sequences <= self.batch_size


def settings_of(*, loss, gradient, solver, update, batch_size=1, **more):
    """Return the settings for arguments of the estimators; the defaults are those of on-line learning.

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
