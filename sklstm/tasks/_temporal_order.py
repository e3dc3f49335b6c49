"""Experiment 6: temporal order."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

from sklstm._messages import shown
from sklstm._sequences import Sequences
from sklstm.tasks._shared import (
    Array,
    RandomState,
    float_dtype,
    generator,
    n_sequences_of,
    one_hot,
    uniform_offsets,
)

TEMPORAL_ORDER_SYMBOLS = "EBabcdXY"  # the columns of make_temporal_order
_WINDOWS = {2: [(10, 20), (50, 60)], 3: [(10, 20), (33, 43), (66, 76)]}
_ORDERS = {n: np.array(["".join(order) for order in product("XY", repeat=n)]) for n in _WINDOWS}


def make_temporal_order(
    n_sequences: int,
    n_relevant: int = 2,
    *,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Array]:
    """Temporal order of widely separated symbols, Experiments 6a and 6b of 1997: the class is the order.

    A string starts with E, ends with B and has from 100 to 110 symbols; all lengths are equally likely.
    Two of them are X or Y, with probability 0.5 each, one at a position from 10 to 20 and one at a position
    from 50 to 60; with ``n_relevant=3`` there are three, at positions from 10 to 20, 33 to 43 and 66 to 76.
    The other symbols are drawn from a, b, c, d. The class, at the end, is the order of the X and Y: there are
    4 or 8 classes.

    Parameters
    ----------
    n_sequences : int
        Number of strings.
    n_relevant : {2, 3}, default=2
        Number of relevant symbols: 2 in Experiment 6a, 3 in 6b.
    dtype : {float64, float32}, default=float64
        Type of the inputs.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Sparse one-hot rows, 8 features: E, B, a, b, c, d, X, Y.
    y : ndarray of str of shape (n_sequences,)
        The relevant symbols in order: "XX", "XY", "YX", "YY", which the paper calls Q, R, S, U; with three of
        them "XXX", "XXY", "XYX", "XYY", "YXX", "YXY", "YYX", "YYY", in the paper Q, R, S, U, V, A, B, C.

    Notes
    -----
    Chosen here: positions are counted from 1, so that E is at 1, and ranges include both ends.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.tasks import TEMPORAL_ORDER_SYMBOLS, make_temporal_order
    >>> X, y = make_temporal_order(1000, random_state=0)
    >>> X
    <Sequences: 1000 of 100 to 110 steps, 8 features, float64 csr_array>
    >>> np.unique(y).tolist()
    ['XX', 'XY', 'YX', 'YY']
    >>> text = "".join(TEMPORAL_ORDER_SYMBOLS[column] for column in X[0].indices)
    >>> bool(text.strip("EBabcd").translate(dict.fromkeys(map(ord, "abcd"))) == y[0])
    True
    """
    if n_relevant not in (2, 3):
        raise ValueError(f"n_relevant must be 2 or 3, got {shown(n_relevant)}.")
    n, rng, dtype = n_sequences_of(n_sequences), generator(random_state), float_dtype(dtype)
    E, B, a, X, Y = (TEMPORAL_ORDER_SYMBOLS.index(symbol) for symbol in "EBaXY")
    offsets = uniform_offsets(n, 100, 110, rng)
    order = rng.integers(0, 2, (n, n_relevant), dtype=np.int32)
    symbols = rng.integers(a, X, offsets[-1], dtype=np.int32)
    symbols[offsets[:-1]] = E
    symbols[offsets[1:] - 1] = B
    for i, (low, high) in enumerate(_WINDOWS[n_relevant]):
        positions = rng.integers(low, high + 1, n)
        symbols[offsets[:-1] + positions - 1] = np.where(order[:, i], Y, X)
    y = _ORDERS[n_relevant][order @ (1 << np.arange(n_relevant)[::-1])]
    return one_hot(symbols, offsets, len(TEMPORAL_ORDER_SYMBOLS), dtype), y
