"""Weights of targets: one per sequence, per time step, or per output of a time step."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sklstm._checks import as_real, check_sample_weight
from sklstm._sequences.container import Sequences
from sklstm._sequences.numbers import offsets_of
from sklstm._sequences.reading import check_container, opened
from sklstm._sequences.targets import Targets, as_list
from sklstm._tensors import of_tensors
from sklstm._typing import Array

WEIGHTS = "one weight per sequence or, with return_sequences=True, a list of arrays, one weight per step"


def read_weights(
    sample_weight: Any, lengths: Array, every_step: bool, n_outputs: int | None = None
) -> npt.NDArray[np.float64]:
    """Weight of each target, or of each output of each target.

    Parameters
    ----------
    sample_weight : array-like or None
        One number per sequence. With `every_step`, one array (n_steps,) or (n_steps, n_outputs) per sequence
        is also allowed, which may be padded with 0 or NaN; without it, an array (n_sequences, n_outputs).
    lengths : ndarray of int of shape (n_sequences,)
    every_step : bool
    n_outputs : int or None
        Number of outputs with a weight; None or 1: each target has one weight.

    Returns
    -------
    ndarray of shape (n_targets,) or (n_targets, n_outputs)
    """
    sample_weight = of_tensors(sample_weight, "sample_weight")
    if isinstance(sample_weight, Sequences):
        sample_weight = as_list(sample_weight)
    elif type(sample_weight).__module__.startswith("pyarrow"):  # its elements are scalars that hold lists
        sample_weight = opened(sample_weight, "sample_weight")
    if sample_weight is not None:
        check_container(sample_weight, "sample_weight", WEIGHTS)
    if sample_weight is None or np.ndim(_first(sample_weight)) == 0 or not (every_step or n_outputs):
        if np.ndim(_first(sample_weight)):
            raise ValueError(
                "sample_weight holds arrays or lists; expected one weight per sequence. Weights of time "
                "steps need targets at every step: return_sequences=True."
            )
        weight = check_sample_weight(sample_weight, len(lengths))
        return np.repeat(weight, lengths) if every_step else weight
    name, offsets = "sample_weight", None
    if every_step:
        pieces = [as_real(piece, f"{name}[{i}]") for i, piece in enumerate(sample_weight)]
        if len(pieces) != len(lengths):
            raise ValueError(f"{name} has weights for {len(pieces)} of {len(lengths)} sequences.")
        for i, n_steps in enumerate(lengths.tolist()):
            piece = pieces[i] = _without_padding(pieces[i], n_steps)
            allowed = [(n_steps,)] + [(n_steps, n_outputs)] * (n_outputs is not None)
            if piece.shape not in allowed or piece.ndim != pieces[0].ndim:
                expected = f"one weight for each of the {n_steps} steps of sequence {i}"
                more = "" if n_outputs is None else ", or one for each output of each"
                raise ValueError(f"{name}[{i}] has shape {piece.shape}; expected {expected}{more}.")
        flat, offsets = np.concatenate(pieces), offsets_of(lengths)
    else:
        flat = as_real(sample_weight, name)
        if flat.shape != (len(lengths), n_outputs):
            expected = f"({len(lengths)},), or ({len(lengths)}, {n_outputs}) with a weight for each output"
            raise ValueError(f"{name} must have the shape {expected}, got {flat.shape}.")
    weight = flat.astype(np.float64, copy=False)
    bad = ~(np.isfinite(weight) & (weight >= 0))
    if bad.any():
        place = Targets(weight, offsets=offsets, name=name).place(bad.argmax())
        raise ValueError(
            f"{name} must be finite and not negative, got {weight.ravel()[bad.argmax()]} in {place}."
        )
    return weight


def _first(values: Any) -> Any:
    """First element, or a number if there is none."""
    return next(iter(values), 0.0) if np.iterable(values) else 0.0


def _without_padding(weight: Array, n_steps: int) -> Array:
    rest = weight[n_steps:] if weight.ndim else weight
    return weight[:n_steps] if weight.ndim and not np.nan_to_num(rest, posinf=1, neginf=1).any() else weight


def with_missing(weight: Array, targets: Targets) -> Array:
    """Weights, with 0 where a target is missing; one per output only if the outputs of a target differ."""
    missing = targets.missing
    if missing is None:
        return weight
    if missing.ndim == 2 and weight.ndim == 1:
        if (missing.all(axis=1) == missing.any(axis=1)).all():
            missing = missing[:, 0]
        else:
            weight = np.repeat(weight[:, np.newaxis], missing.shape[1], axis=1)
    return np.where(missing, 0.0, weight)
