"""Checks that targets, weights and groups belong to the sequences in the same rows of X."""

from __future__ import annotations

import warnings
from typing import Any

from sklstm._messages import shown
from sklstm._sequences.container import Sequences


def check_ids(y: Any, X: Any, name: str = "y") -> None:
    """Refuse targets with a pandas index of ids whose order is not that of X.

    scikit-learn matches rows by position. An index that shares no id with X, for example 0, 1, 2 where the
    ids are names, is ignored. An index with the same ids in another order, or with some of them, is an error.
    """
    index: Any = getattr(y, "index", None)
    if not isinstance(X, Sequences) or X.ids is None or not hasattr(index, "nlevels") or len(index) != len(X):
        return
    keys, ids = index.tolist(), X.ids.tolist()
    if keys != ids and not set(keys).isdisjoint(ids):
        i = next(i for i, (key, own) in enumerate(zip(keys, ids, strict=True)) if key != own)
        raise ValueError(
            f"{name} is indexed by {shown(keys[i])} where X.ids has {shown(ids[i])}: {name}.loc[X.ids] goes "
            f"by id, as does Sequences.from_long(..., labels={name}); {name}.to_numpy() goes by position."
        )


def warn_of_order(y: Any, X: Any, name: str = "y") -> None:
    """Warn if the pandas indices of y and X have the same labels in another order; rows match by position."""
    indices: list[Any] = [getattr(each, "index", None) for each in (y, X)]
    if any(not hasattr(index, "nlevels") or type(index).__name__ == "RangeIndex" for index in indices):
        return
    of_y, of_x = indices
    if len(of_y) == len(of_x) and not of_y.equals(of_x) and set(of_y) == set(of_x):
        warnings.warn(
            f"{name} is indexed by the same labels as X in another order: {shown(of_y[0])} where X has "
            f"{shown(of_x[0])}. Rows match by position; {name}.loc[X.index] matches by label, and "
            f"{name}.to_numpy() avoids this warning.",
            UserWarning,
            stacklevel=5,
        )
