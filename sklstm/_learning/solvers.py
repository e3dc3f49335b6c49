"""Solvers: one record per solver, the state of a solver, and L-BFGS.

_kernel/solvers.pxd has the first-order steps, and kalman.py has the Kalman filter.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from sklstm._learning.kalman import DECOUPLED

RATE, N_UPDATES = 1, -1  # indices in the array of numbers of a solver
CONVERGED, MAX_ITER, NO_DESCENT = 0, 1, 2  # status at the end of learning, as in SciPy's L-BFGS
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Kingma & Ba (2015)


@dataclass(frozen=True)
class Solver:
    """Properties of a solver.

    Attributes
    ----------
    name : str
        Argument of the estimators, and key of `SOLVERS` of the kernel if the kernel computes its steps.
    start : callable
        Function from the learning rate to {name: initial value} of the arrays that it keeps, two at most.
    in_epochs : bool
        Whether it updates weights in epochs; otherwise it uses all sequences at once.
    in_kernel : bool
        Whether the kernel computes its steps.
    full_batch : bool
        Whether it needs all sequences, or a large batch, for each update.
    has_momentum : bool
    has_rate : bool
        Whether the length of a step depends on the learning rate, so that a schedule and clipping have an
        effect.
    clip : float or None
        Value of "auto": the bound of the gradient with the log loss.
    alpha : float
        Penalty of "auto" with mini-batches; of few numbers, a larger one.
    averages : bool
        Value of "auto" with mini-batches: whether weights are averaged.
    """

    name: str
    start: Callable[[float], dict[str, float]]
    in_epochs: bool = True
    in_kernel: bool = True
    full_batch: bool = False
    has_momentum: bool = False
    has_rate: bool = True
    clip: float | None = None
    alpha: float = 0.0
    averages: bool = False

    @property
    def first_to_change(self):
        """Name of the argument with the largest effect on learning."""
        if not self.in_epochs:
            return "solver"
        return "learning_rate" if self.in_kernel else "measurement_noise"

    def gentler(self, rate):
        """Advice: arguments with which learning diverges less easily."""
        if not self.in_epochs:
            return "a larger alpha, or another solver"
        if not self.in_kernel:
            return "a larger measurement_noise"
        return f"a learning_rate smaller than {rate}" + (", or clip" if self.has_rate else "")


SOLVERS = {
    solver.name: solver
    for solver in (
        Solver("sgd", lambda rate: {"velocity": 0.0}, has_momentum=True),
        Solver(
            "adam",
            lambda rate: {"first_moment": 0.0, "second_moment": 0.0},
            clip=1.0,
            alpha=1e-4,
            averages=True,
        ),
        Solver(
            "rprop",
            lambda rate: {"last_gradient": 0.0, "step_size": rate},
            full_batch=True,
            has_rate=False,
        ),
        Solver("lbfgs", lambda rate: {}, in_epochs=False, in_kernel=False, full_batch=True, has_rate=False),
        Solver(DECOUPLED, lambda rate: {}, in_kernel=False, has_rate=False),
    )
}


class SolverState:
    """State of a solver between updates.

    Attributes
    ----------
    solver : str
        Name of the solver.
    arrays : dict of str to ndarray of shape (n_weights,)
        Arrays in the order of the flat weights, with the names of `Solver.start`. For "dekf": the covariances
        in one vector.
    n_updates : int
        Number of updates; for "dekf", the number of sequences learned from.
    """

    def __init__(self, solver, arrays, n_updates):
        self.solver = solver
        self.arrays = arrays
        self.n_updates = n_updates

    @classmethod
    def new(cls, solver, n_weights, learning_rate):
        """Return the state before the first update."""
        first = solver.start(learning_rate)
        return cls(solver.name, {name: np.full(n_weights, number) for name, number in first.items()}, 0)


def solver_numbers(number, settings, n_updates):
    """Return the array of numbers that the kernel needs for a step; `number` selects the solver there."""
    return np.array(
        [
            number,
            settings.learning_rate,
            settings.momentum,
            BETA1,
            BETA2,
            EPSILON,
            settings.alpha,
            0.0 if settings.clip is None else settings.clip,
            n_updates,
        ]
    )


def lbfgs(objective, weights, max_iter, tol, callback):
    """Minimise a function by SciPy's L-BFGS.

    Parameters
    ----------
    objective : callable
        Function from weights to (value, gradient), in float64.
    weights : ndarray of shape (n_weights,)
    max_iter : int
    tol : float
        Largest component of the gradient at which the search ends.
    callback : callable
        Called with (weights, value) after each iteration.

    Returns
    -------
    int
        SciPy's status: `MAX_ITER` if `max_iter` ended it; `NO_DESCENT` if it found no lower value along its
        direction, which happens with numbers that are too large or too small; another value if it converged.
    """
    result = minimize(
        objective,
        weights,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": max_iter, "maxfun": 15 * max_iter, "gtol": tol, "ftol": 64 * np.finfo(float).eps},
        callback=lambda intermediate_result: callback(intermediate_result.x, intermediate_result.fun),
    )
    return result.status
