"""Learning to learn (2001): each sequence is a function; a frozen network learns it from exemplars."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sklstm._messages import shown
from sklstm._sequences import Sequences
from sklstm.tasks._shared import Array, RandomState, dense, float_dtype, generator, integer, n_sequences_of

FUNCTION_FAMILIES = ("quadratic", "semi-linear", "Boolean")


def make_functions(
    n_sequences: int,
    n_exemplars: int = 40,
    family: str = "quadratic",
    *,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Sequences]:
    """Exemplars of functions of two variables, with a new function in each sequence (2001).

    At each step, the inputs are the two variables and the target of the previous step (0.5 at the first
    step). The target is the value of the function. A network with frozen weights has to find out from the
    first exemplars which function it is: the network itself runs a learning algorithm.

    Coefficients and variables are uniform between -1 and 1, except for bits. The families are "quadratic",
    0.5 + 0.05 (a x^2 + b y^2 + c x y + d x + e y + g), between 0.2 and 0.8; "semi-linear",
    (1 + tanh(a x + b y + c)) / 2; and "Boolean", one of the 16 functions of two bits, 0 or 1.

    Parameters
    ----------
    n_sequences : int
        Number of sequences, each of one function.
    n_exemplars : int, default=40
        Number of steps of each sequence, at least 1.
    family : {"quadratic", "semi-linear", "Boolean"}, default="quadratic"
        Family of the functions.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Dense, 3 features: x, y, the previous target.
    y : Sequences
        Dense, 1 target per step.

    Notes
    -----
    Hochreiter, Younger & Conwell, "Learning to learn using gradient descent", ICANN 2001, 87-94, and the
    tutorial of 2003, which gives the quadratic family. Chosen here: the ranges, and the scale of the targets.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.tasks import make_functions
    >>> X, y = make_functions(100, n_exemplars=30, random_state=0)
    >>> X
    <Sequences: 100 of 30 to 30 steps, 3 features, float64 ndarray>
    >>> bool((X[0][1:, 2] == y[0][:-1, 0]).all())
    True
    """
    n, n_exemplars = n_sequences_of(n_sequences), integer("n_exemplars", n_exemplars)
    rng, dtype = generator(random_state), float_dtype(dtype)
    if not isinstance(family, str) or family not in FUNCTION_FAMILIES:
        raise ValueError(f"family must be one of {list(FUNCTION_FAMILIES)}, got {shown(family)}.")
    x, y, f = _values(family, n, n_exemplars, rng)
    last = np.full_like(f, 0.5)
    last[:, 1:] = f[:, :-1]
    offsets = np.arange(n + 1, dtype=np.int64) * n_exemplars
    return (
        dense(np.stack([x, y, last], axis=-1).reshape(-1, 3), offsets, dtype),
        dense(f.reshape(-1, 1), offsets, dtype),
    )


def _values(family: str, n: int, n_exemplars: int, rng: np.random.Generator) -> tuple[Any, Any, Array]:
    """Variables and values of n functions, one row per function."""
    if family == "Boolean":
        table = rng.integers(0, 2, (n, 4))  # values at 00, 01, 10, 11
        x, y = rng.integers(0, 2, (2, n, n_exemplars))
        return x, y, np.take_along_axis(table, 2 * x + y, axis=1).astype(np.float64)
    x, y = rng.uniform(-1, 1, (2, n, n_exemplars))
    if family == "quadratic":
        a, b, c, d, e, g = rng.uniform(-1, 1, (6, n, 1))
        return x, y, 0.5 + 0.05 * (a * x**2 + b * y**2 + c * x * y + d * x + e * y + g)
    a, b, c = rng.uniform(-1, 1, (3, n, 1))
    return x, y, (1 + np.tanh(a * x + b * y + c)) / 2
