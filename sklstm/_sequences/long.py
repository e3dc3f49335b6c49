"""Long tables: a time step a row."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sklstm._messages import shown
from sklstm._sequences.numbers import missing, offsets_of


def grouped(ids: Any, steps: Any, name: str) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """Rows in the order of sequences with the same id, each sorted by `steps`; and their offsets."""
    for key, kind in ((ids, "id"), (steps, "time")):
        if key is not None and missing(key).any():
            raise ValueError(f"{name} has no {kind} in row {missing(key).argmax()}; leave the row out.")
    _, first, codes = np.unique(ids, return_index=True, return_inverse=True)
    codes = first.argsort().argsort()[codes.reshape(-1)]  # in the order of first appearance
    if steps is None:
        order = codes.argsort(kind="stable")
    else:
        order = np.lexsort((np.unique(steps, return_inverse=True)[1].reshape(-1), codes))
        same = (codes[order][1:] == codes[order][:-1]) & (steps[order][1:] == steps[order][:-1])
        if same.any():
            a, b = sorted(order[same.argmax() :][:2].tolist())
            time, key = shown(steps[a]), shown(ids[a])
            raise ValueError(f"{name} has the time {time} twice for {key}, in rows {a} and {b}.")
    return order, offsets_of(np.bincount(codes))
