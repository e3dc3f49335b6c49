"""Tables made by transformers of this package, which an LSTM would misread as sequences."""

from __future__ import annotations

import re
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

OF_FEATURES = (
    "it is a table of features that {} has made, one row per sequence: use an estimator of tables after it, "
    "such as LogisticRegression()."
)
OF_ROWS = (
    "SequencePadder has made it of sequences of {0} features: an LSTM reads its rows with n_channels={0}."
)
_NAMES = re.compile(r"lstmencoder\d+|(mean|std|first|last)_.+")  # of columns, with set_output

_made: WeakValueDictionary[int, Any] = WeakValueDictionary()  # by id; gone with the table
_origins: dict[int, str] = {}


def made(table: npt.NDArray[Any], origin: str) -> npt.NDArray[Any]:
    """Remember the origin of a table as long as the table exists."""
    _made[id(table)] = table
    _origins[id(table)] = origin
    if len(_origins) > 2 * len(_made) + 64:
        for key in set(_origins) - set(_made):
            del _origins[key]
    return table


def origin_of(X: Any) -> str | None:
    """Text about the origin of a table, for a message, or None."""
    names = [name for name in getattr(X, "columns", ()) if name != "length"]
    if names and all(isinstance(name, str) and _NAMES.fullmatch(name) for name in names):
        return OF_FEATURES.format("LSTMEncoder or SequenceSummary")
    for array in (X, getattr(X, "base", None)):
        if isinstance(array, np.ndarray) and _made.get(id(array)) is array:
            return _origins[id(array)]
    return None
