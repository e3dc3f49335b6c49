"""Targets and weights of sequences and of their steps."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from sklstm._checks import check_sample_weight, check_sequences
from sklstm._messages import shown
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
    targets = []
    for i, target in enumerate(opened(y, name)):
        if isinstance(target, np.ma.MaskedArray):
            raise TypeError(f"{name}[{i}] is of type MaskedArray; expected a dense array.")
        targets.append(array_of(target, f"{name}[{i}]"))
    if len(targets) != len(sequences):
        raise ValueError(f"{name} has targets for {len(targets)} of {len(sequences)} sequences.")
    if all(target.ndim == 0 for target in targets) and sequences.n_features == 1 and len(targets) > 1:
        raise ValueError(
            f"{name}[0] has shape (), one target for a whole sequence; expected one target for each of the "
            f"{sequences.lengths[0]} steps of sequence 0. X is read as {len(targets)} univariate sequences. "
            f"One sequence of {len(targets)} steps, with a target for each, is [X] and [{name}]; for one "
            "target per sequence, leave return_sequences=False."
        )
    for i, (target, n_steps) in enumerate(zip(targets, sequences.lengths.tolist(), strict=True)):
        if target.ndim not in (1, 2) or len(target) != n_steps:
            expected = f"one target for each of the {n_steps} steps of sequence {i}"
            raise ValueError(f"{name}[{i}] has shape {target.shape}; expected {expected}.")
        check_alike(target, targets[0], f"{name}[{i}]", f"the kind and n_outputs of {name}[0]")
    return np.concatenate(targets)


def other_reading(sequences: Sequences, n_targets: int) -> str:
    """What else X may have meant, for a message that it has another number of sequences than y of targets."""
    n, longest = len(sequences), int(sequences.lengths.max())
    equal = bool((sequences.lengths == longest).all())
    if n_targets == 1:
        return " One sequence alone is [X], with one target."
    if n_targets == sequences.n_steps:
        return " With a target at every step, return_sequences=True, y is a list of one array per sequence."
    if equal and n_targets == longest and sequences.n_features == 1:
        return " If the columns of X are the sequences, X.T; if its rows are the steps of one sequence, [X]."
    if equal and n_targets == longest:
        return " If X is (n_steps, n_sequences, n_features), X.swapaxes(0, 1)."
    if equal and sequences.n_features == 1 and n_targets < n:
        return (
            f" X is read as {n} univariate sequences of {longest} steps, one per row. If its rows are time "
            "steps: Sequences.from_long(frame, id=...) for a table with a column of ids, from_sktime(frame) "
            "for an index with two levels, from_lengths(X, lengths) for sequences one below the other."
        )
    return ""


def check_ids(y: Any, X: Any, name: str = "y") -> None:
    """Refuse what pandas indexes by ids if its rows belong to other sequences than those of X.

    scikit-learn goes by position. An index that shares no id with X, such as 0, 1, 2 where the ids are names,
    says nothing; one with the same ids in another order, or with some of them only, says that it is wrong.
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


def split_steps(flat: npt.NDArray[Any], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.object_]:
    """Undo the stacking: a 1-D object array with a view of `flat` for each sequence."""
    pieces = np.empty(len(offsets) - 1, dtype=object)
    for i, (start, stop) in enumerate(pairwise(offsets.tolist())):
        pieces[i] = flat[start:stop]  # one by one: equal lengths would make a 2-D array
    return pieces


def as_target_weights(sample_weight: Any, sequences: Sequences, every_step: bool) -> npt.NDArray[np.float64]:
    """Weight of each target, that of its sequence; ones if None."""
    check_ids(sample_weight, sequences, "sample_weight")
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
