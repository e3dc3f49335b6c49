"""Long tables: one time step per row."""

from __future__ import annotations

from collections.abc import Mapping
from reprlib import repr as short_repr
from typing import Any

import numpy as np
import numpy.typing as npt

from sklstm._messages import shown
from sklstm._sequences.frames import library_of, names_of
from sklstm._sequences.numbers import missing, offsets_of


def grouped(ids: Any, steps: Any, name: str) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """Rows grouped by id, each group sorted by `steps`, and the offsets of the groups."""
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


def features_of_long(frame: Any, others: list[Any], columns: Any) -> list[Any]:
    """Names of the columns of a long table that are features: `columns`, or all columns except `others`."""
    if library_of(frame):
        names = names_of(frame)
    elif isinstance(frame, Mapping):
        names = list(frame)
    else:
        expected = "a data frame of pandas or polars, a pyarrow table, or a dict of columns"
        raise TypeError(f"frame is of type {type(frame).__name__}; expected {expected}.")
    features = [name for name in names if name not in others] if columns is None else list(columns)
    unknown = [name for name in [*others, *features] if name not in names]
    if unknown or not features:
        asked = f"the column {shown(unknown[0])}" if unknown else "a column of features"
        raise ValueError(f"frame does not have {asked}; its columns are {short_repr(names)}.")
    return features


def labels_of_steps(
    labels: npt.NDArray[Any], ids: npt.NDArray[Any], lengths: npt.NDArray[np.int64]
) -> npt.NDArray[Any]:
    """Targets of sequences, from targets of steps that are equal within a sequence."""
    starts = offsets_of(lengths)[:-1]
    y = labels[starts]
    differ = (labels != np.repeat(y, lengths)) & ~missing(labels)
    if differ.any():
        i = int(np.repeat(np.arange(len(ids)), lengths)[differ.argmax()])
        raise ValueError(
            f"labels differ within {shown(ids[i])}: {shown(y[i])} and {shown(labels[differ][0])}; "
            "targets of time steps are a column that from_long reads with columns=[...]."
        )
    return y


def labels_by_id(labels: Any, ids: npt.NDArray[Any], id: str) -> npt.NDArray[Any]:
    """Targets in the order of the ids.

    Parameters
    ----------
    labels : dict, Series of pandas or data frame
        Targets by id; a data frame may have the ids in a column.
    ids : ndarray of shape (n_sequences,)
    id : str
        Name of that column.

    Returns
    -------
    ndarray of shape (n_sequences,) or (n_sequences, n_outputs)
    """
    if isinstance(labels, Mapping):
        keys, values = list(labels), np.array(list(labels.values()))
    elif library_of(labels) and id in names_of(labels):
        keys = np.asarray(labels[id]).tolist()
        columns = [np.asarray(labels[name]) for name in names_of(labels) if name != id]
        values = columns[0] if len(columns) == 1 else np.column_stack(columns)
    elif type(labels).__module__.startswith("pandas") and hasattr(labels, "index"):
        keys, values = labels.index.tolist(), labels.to_numpy()
    else:
        expected = "a dict, a Series of pandas or a data frame by id, or the name of a column"
        raise TypeError(
            f"labels is of type {type(labels).__name__}; expected {expected}. A dict of two lists "
            "is dict(zip(ids, labels))."
        )
    places = {key: i for i, key in enumerate(keys)}
    if len(places) < len(keys):
        twice = next(key for i, key in enumerate(keys) if places[key] != i)
        raise ValueError(f"labels has {shown(twice)} twice; expected one label per id.")
    unknown = [key for key in ids.tolist() if key not in places]
    if unknown:
        raise ValueError(
            f"labels has none for {len(unknown)} of {len(ids)} ids: {short_repr(unknown)}; its keys are "
            f"{short_repr(keys)}."
        )
    return values[[places[key] for key in ids.tolist()]]
