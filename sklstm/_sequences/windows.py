"""Windows of long series, and the steps that follow them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sklstm._checks import check_integer
from sklstm._messages import shown
from sklstm._sequences.numbers import is_time


def windows(
    offsets: npt.NDArray[np.int64], length: int, horizon: int, step: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Series and position of the last step of each window, in the order of positions.

    Parameters
    ----------
    offsets : ndarray of int of shape (n_series + 1,)
        Series i has the steps ``offsets[i]`` to ``offsets[i + 1] - 1``.
    length, horizon, step : int
        Number of steps of a window, that must follow it, and from one window to the next. The last window of
        a series is as late as possible.

    Returns
    -------
    series, last : ndarray of int of shape (n_windows,)
    """
    check_integer("length", length, 1)
    check_integer("horizon", horizon, 0)
    check_integer("step", step, 1)
    lengths = np.diff(offsets)
    if lengths.max() < length + horizon:
        raise ValueError(
            f"the longest series has {lengths.max()} steps; a window of length={length} and a horizon of "
            f"{horizon} need {length + horizon}."
        )
    ends = [np.arange(n - horizon - 1, length - 2, -step) for n in lengths.tolist()]
    series = np.repeat(np.arange(len(lengths)), [len(last) for last in ends])
    last = np.concatenate(ends)
    order = np.lexsort((series, last))
    return series[order], last[order]


def check_times(series: Any, name: str) -> None:
    """Refuse a series of pandas whose index of times does not increase."""
    index: Any = getattr(series, "index", None)
    if not hasattr(index, "nlevels") or not len(index) or not is_time(index):
        return
    if not index.is_monotonic_increasing or not index.is_unique:
        raise ValueError(
            f"The times of {name}, {shown(index[0])} to {shown(index[-1])}, do not increase from row to row: "
            f"{name}.sort_index() sorts them; each time may occur only once."
        )


def channels_of_targets(target: Any, columns: Any, n_features: int) -> list[int]:
    """Indices of the channels to forecast."""
    if target is None:
        if n_features > 1:
            names = "" if columns is None else f", {columns.tolist()}"
            raise ValueError(f"series has {n_features} channels{names}: target must name those to forecast.")
        return [0]
    asked = list(target) if isinstance(target, (list, tuple, np.ndarray)) else [target]
    names = [] if columns is None else columns.tolist()
    places = []
    for each in asked:
        if isinstance(each, str) and each in names:
            places.append(names.index(each))
        elif isinstance(each, (int, np.integer)) and not isinstance(each, bool) and 0 <= each < n_features:
            places.append(int(each))
        else:
            known = names or f"0 to {n_features - 1}"
            raise ValueError(f"target must be channels of series, {known}, got {shown(target)}.")
    return places
