"""From gradient to step: the numbers of the solvers that run in the kernel, and L-BFGS."""

import numpy as np
from scipy.optimize import minimize

SOLVERS = ("sgd", "adam", "rprop", "lbfgs")
RATE = 1  # place of the learning rate in a solver's numbers
MAX_ITER, NO_DESCENT = 1, 2  # how L-BFGS may end without having converged
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Kingma & Ba (2015)


class Memory:
    """What a solver remembers from step to step, in the order of the flat weights.

    Attributes
    ----------
    solver : str
        Whose it is.
    first, second : ndarray of shape (n_weights,)
        SGD: velocity, unused. Adam: moments of the gradient. RPROP: last gradient, step sizes.
    n_updates : int
        Steps made.
    """

    def __init__(self, solver, first, second, n_updates):
        self.solver = solver
        self.first = first
        self.second = second
        self.n_updates = n_updates

    @classmethod
    def new(cls, solver, n_weights, learning_rate):
        """Return the memory before the first step."""
        second = np.full(n_weights, learning_rate if solver == "rprop" else 0.0)
        return cls(solver, np.zeros(n_weights), second, 0)


def solver_numbers(solver, learning_rate, momentum, alpha, clip, n_updates):
    """Return the array of numbers by which the kernel takes the step of a solver (its number there)."""
    return np.array(
        [
            solver,
            learning_rate,
            momentum,
            BETA1,
            BETA2,
            EPSILON,
            alpha,
            0.0 if clip is None else clip,
            n_updates,
        ]
    )


def lbfgs(objective, weights, max_iter, tol, callback):
    """Minimise by L-BFGS (SciPy's), full batch.

    Parameters
    ----------
    objective : callable
        weights -> (value, gradient), in float64.
    weights : ndarray of shape (n_weights,)
    max_iter : int
    tol : float
        Largest component of the gradient at which to stop.
    callback : callable
        Called with (weights, value) after each iteration.

    Returns
    -------
    int
        SciPy's status: `MAX_ITER` if `max_iter` ended it, `NO_DESCENT` if it found no lower value along its
        direction, which numbers that are too large or too small do; others if it converged.
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
