"""Targets and weights of sequences and of their steps."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from sklstm._checks import check_sample_weight, check_sequences
from sklstm._sequences.container import Sequences
from sklstm._sequences.numbers import array_of, check_alike
from sklstm._sequences.reading import opened


def as_step_targets(y: Any, sequences: Sequences, name: str = "y") -> npt.NDArray[Any]:
    """Stack per-step targets, one array per sequence, in the order of the steps of `sequences`.

    Parameters
    ----------
    y : Sequences, list, tuple, array, Series or column of lists
        For each sequence an array of shape (n_steps,) or (n_steps, n_outputs), of numbers or of
        labels, which are not converted. `Sequences` of one feature are targets (n_steps,).
    sequences : Sequences
        What the targets belong to.
    name : str
        What the messages call y.

    Returns
    -------
    ndarray of shape (n_steps,) or (n_steps, n_outputs)
    """
    if isinstance(y, Sequences):
        check_sequences(y.values, y.offsets)
        y = [target[:, 0] if y.n_features == 1 else target for target in y]
    targets = [array_of(target, f"{name}[{i}]") for i, target in enumerate(opened(y, name))]
    if len(targets) != len(sequences):
        raise ValueError(f"{name} has targets for {len(targets)} of {len(sequences)} sequences.")
    for i, (target, n_steps) in enumerate(zip(targets, sequences.lengths.tolist(), strict=True)):
        if target.ndim not in (1, 2) or len(target) != n_steps:
            expected = f"one target for each of the {n_steps} steps of sequence {i}"
            raise ValueError(f"{name}[{i}] has shape {target.shape}; expected {expected}.")
        check_alike(target, targets[0], f"{name}[{i}]", f"the kind and n_outputs of {name}[0]")
    return np.concatenate(targets)


def split_steps(flat: npt.NDArray[Any], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.object_]:
    """Undo the stacking: a 1-D object array with a view of `flat` for each sequence."""
    pieces = np.empty(len(offsets) - 1, dtype=object)
    for i, (start, stop) in enumerate(pairwise(offsets.tolist())):
        pieces[i] = flat[start:stop]  # one by one: equal lengths would make a 2-D array
    return pieces


def as_target_weights(sample_weight: Any, sequences: Sequences, every_step: bool) -> npt.NDArray[np.float64]:
    """Weight of each target, that of its sequence; ones if None."""
    weight = check_sample_weight(sample_weight, len(sequences))
    return np.repeat(weight, sequences.lengths) if every_step else weight


def as_output_weights(
    weight: Any, sequences: Sequences, every_step: bool, n_outputs: int
) -> npt.NDArray[np.float64]:
    """Weight of each target, or of each output of each target.

    Parameters
    ----------
    weight : array-like or None
        One number per sequence; with `every_step` a list of arrays (n_steps,) or (n_steps, n_outputs),
        without it an array (n_sequences, n_outputs).
    sequences : Sequences
    every_step : bool
    n_outputs : int

    Returns
    -------
    ndarray of shape (n_targets,) or (n_targets, n_outputs)
    """
    if weight is None or np.ndim(_first(weight)) == 0:
        return as_target_weights(weight, sequences, every_step)
    flat = as_step_targets(weight, sequences, "sample_weight") if every_step else np.asarray(weight)
    n_targets = sequences.n_steps if every_step else len(sequences)
    allowed = [(n_targets, n_outputs)] + [(n_targets,)] * every_step
    if flat.shape not in allowed:
        expected = "one weight, or one per output, of each time step" if every_step else "one per output"
        raise ValueError(
            f"sample_weight must hold one number per sequence, or {expected}: {allowed[-1]} in all, got "
            f"{flat.shape}."
        )
    return check_sample_weight(flat.ravel(), flat.size).reshape(flat.shape)


def _first(values: Any) -> Any:
    """First element, or a number if there is none."""
    return next(iter(values), 0.0) if np.iterable(values) else 0.0
