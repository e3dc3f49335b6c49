"""A chaotic time series; networks that read a window of time are better at some horizons (2001)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sklstm._sequences import Sequences
from sklstm.tasks._shared import dense, float_dtype, integer

A, B, POWER, STEP = (
    0.2,
    0.1,
    10,
    10,
)  # x' = A x(t - delay) / (1 + x(t - delay)^POWER) - B x(t); STEP integration steps per time unit


def make_mackey_glass(
    n_steps: int = 3000,
    horizon: int = 1,
    delay: int = 17,
    *,
    skip: int = 200,
    dtype: npt.DTypeLike = np.float64,
) -> tuple[Sequences, Sequences]:
    """Mackey-Glass series, to be predicted some steps ahead.

    x'(t) = 0.2 x(t - delay) / (1 + x(t - delay)^10) - 0.1 x(t), with x(0) = 0.8 and x(t) = 0 before. It is
    integrated by the fourth-order method of Runge and Kutta with a step of 0.1; every tenth value is kept.

    Parameters
    ----------
    n_steps : int, default=3000
        Length of the sequence, at least 1.
    horizon : int, default=1
        The target at step t is the value at step t + `horizon`; at least 1.
    delay : int, default=17
        Delay of the equation, at least 1. The series is chaotic from 17 on.
    skip : int, default=200
        Number of steps at the beginning that are left out; at least 0.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.

    Returns
    -------
    X : Sequences
        One sequence, 1 feature.
    y : Sequences
        Dense, 1 target per step.

    Notes
    -----
    Mackey & Glass, Science 197 (1977) 287-289. The tutorial of 2003 names the series as one that networks
    with a window of time learn well. Chosen here: the initial value, and that the delayed value in the middle
    of an integration step is the mean of its two ends.

    Examples
    --------
    >>> from sklstm.tasks import make_mackey_glass
    >>> X, y = make_mackey_glass(1000, horizon=6)
    >>> X
    <Sequences: 1 of 1000 to 1000 steps, 1 features, float64 ndarray>
    >>> bool((X[0][6:] == y[0][:-6]).all())
    True
    """
    n_steps, horizon, delay = (
        integer("n_steps", n_steps),
        integer("horizon", horizon),
        integer("delay", delay),
    )
    skip, dtype = integer("skip", skip, 0), float_dtype(dtype)
    series = _series(skip + n_steps + horizon, delay)[skip:, np.newaxis]
    offsets = np.array([0, n_steps])
    return dense(series[:n_steps].copy(), offsets, dtype), dense(series[horizon:].copy(), offsets, dtype)


def _series(n: int, delay: int) -> npt.NDArray[np.float64]:
    """Values at times 0, 1, ..., n - 1."""
    lag, h = delay * STEP, 1 / STEP
    x = [0.0] * lag + [0.8]
    for i in range((n - 1) * STEP):
        before, after = x[i], x[i + 1]
        now = x[-1]
        k1 = _slope(now, before)
        k2 = _slope(now + h / 2 * k1, (before + after) / 2)
        k3 = _slope(now + h / 2 * k2, (before + after) / 2)
        k4 = _slope(now + h * k3, after)
        x.append(now + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return np.array(x[lag::STEP])


def _slope(now: float, before: float) -> float:
    return A * before / (1 + before**POWER) - B * now
