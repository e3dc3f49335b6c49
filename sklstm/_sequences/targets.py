"""Targets: any container becomes one row per target, with the information which targets count.

A target that is missing (None, NaN, NaT, pandas.NA, masked) or has the weight 0 never counts, and its value
is not checked.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklstm._checks import check_sequences
from sklstm._messages import shown
from sklstm._sequences.container import Sequences
from sklstm._sequences.numbers import array_as_given, is_missing, is_nested, missing, offsets_of
from sklstm._sequences.order import check_ids
from sklstm._sequences.reading import check_container, opened
from sklstm._tensors import of_tensors
from sklstm._typing import Array

PER_STEP = "a list of arrays, one target per step"
MARKS = (-100, "nan", "<NA>")  # marks of a step without a label: of torch, and of NaN and NA as text


class Targets:
    """Targets in the form of the user, one row per target.

    Parameters
    ----------
    values : ndarray of shape (n_targets,) or (n_targets, n_outputs)
        Targets of any dtype.
    missing : ndarray of bool of the same shape, or None
        Which targets are missing; None: no target is missing.
    masked : ndarray of bool of the same shape, or None
        Which targets are missing because of a mask.
    offsets : ndarray of int or None
        The targets of sequence i are ``values[offsets[i]:offsets[i + 1]]``; None: one target per sequence.
    name : str
        Name of the targets in messages.
    """

    def __init__(
        self,
        values: Array,
        missing: Array | None = None,
        masked: Array | None = None,
        offsets: Any = None,
        name: str = "y",
    ) -> None:
        self.values, self.missing, self.masked = values, missing, masked
        self.offsets, self.name = offsets, name

    def place(self, index: Any) -> str:
        """Name of an element: "y[3]", "y[3][0]" at a step."""
        row, *column = np.unravel_index(index, self.values.shape)
        where = f"[{row}]"
        if self.offsets is not None:
            i = int(np.searchsorted(self.offsets, row, side="right")) - 1
            where = f"[{i}][{row - self.offsets[i]}]"
        return self.name + (f"{where[:-1]}, {column[0]}]" if column else where)

    def counted(self, weight: Array | None = None) -> Array:
        """Which elements count: those that are not missing and have a positive weight."""
        counted = np.ones(self.values.shape, bool) if weight is None else self.counted_by(weight)
        return counted if self.missing is None else counted & ~self.missing

    def counted_by(self, weight: Array) -> Array:
        """Which elements have a positive weight."""
        if weight.ndim < self.values.ndim:
            weight = weight[:, np.newaxis]
        return np.broadcast_to(weight > 0, self.values.shape)

    def refuse_marks(self, values: Array, counted: Array, known: Any = ()) -> None:
        """Refuse values that mark a step without label in other libraries, unless they are known labels.

        Parameters
        ----------
        values : ndarray of shape (n_targets,)
            Labels, as `natural` gives them.
        counted : ndarray of bool of the same shape
        known : array-like
        """
        if self.offsets is None or values.ndim > 1:
            return
        kind = values.dtype.kind
        for mark in map(str, MARKS) if kind in "UO" else MARKS[:1] if kind in "if" else ():
            marked = counted & (values == mark)
            if marked.any() and mark not in known:
                raise ValueError(
                    f"{self.place(marked.argmax())} is {mark!r}, which often marks a step without a label: "
                    "give None, NaN or a mask there, or the weight 0 in sample_weight. If it is a label, "
                    "rename it, or give it to partial_fit in classes=."
                )

    def natural(self, counted: Array) -> Array:
        """Values in the dtype of those that count; the others become zero or empty text."""
        values = self.values
        if values.dtype != object:
            return values
        given = values[counted].tolist()
        is_text = [isinstance(value, str) for value in given]
        if any(is_text) and not all(is_text):
            places = np.flatnonzero(counted)
            text, other = is_text.index(True), is_text.index(False)
            raise ValueError(
                f"{self.name} must hold text or numbers, not both: {self.place(places[text])} is "
                f"{shown(given[text])}, {self.place(places[other])} is {shown(given[other])}."
            )
        if any(is_text) and counted.all():
            return values
        if any(isinstance(value, (set, frozenset)) for value in given[:1]):
            raise ValueError(
                f"{self.place(np.flatnonzero(counted)[0])} is {shown(given[0])}; expected a number or a "
                "label. MultiLabelBinarizer().fit_transform(y) makes columns of several labels each."
            )
        present = np.array(given)
        if present.ndim != 1:
            place = self.place(np.flatnonzero(counted)[0])
            raise ValueError(f"{place} is {shown(given[0])}; expected a number or a label.")
        natural = np.zeros(values.shape, present.dtype)
        natural[counted] = present
        return natural


def _gaps(values: Array) -> Array | None:
    """Which values are missing; None if no value is missing."""
    found = missing(values)
    return found if found.any() else None


def _either(one: Array | None, other: Array | None) -> Array | None:
    return one if other is None else other if one is None else one | other


def read_targets(y: Any, sequences: Sequences, every_step: bool, name: str = "y") -> Targets:
    """Read the targets of sequences, one per sequence or one per step; see `read_rows` and `read_steps`."""
    check_ids(y, sequences, name)
    if every_step:
        targets = read_steps(y, sequences.lengths, name, _as_one_sequence(sequences, name))
    else:
        targets = read_rows(y, name)
    if targets.values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} is of dtype {targets.values.dtype}.")
    shape = targets.values.shape
    if len(shape) not in (1, 2):
        allowed = "(n_sequences,) or (n_sequences, n_outputs)"
        remedy = "" if len(shape) < 3 else " Targets at every time step need return_sequences=True."
        raise ValueError(f"{name} has shape {shape}, dim {len(shape)}; expected {allowed}.{remedy}")
    if not every_step and shape[0] != len(sequences):
        raise ValueError(
            f"X and {name} must have the same number of sequences, got {len(sequences)} in X and {shape[0]} "
            f"in {name}.{_other_reading(sequences, shape[0])}"
        )
    return targets


# ----------------------------------------------------------------------------------------------
# one per sequence


def read_rows(y: Any, name: str = "y") -> Targets:
    """Read one target, or one row of them, per sequence."""
    y, masked = of_tensors(y, name), None
    if isinstance(y, np.ma.MaskedArray):
        masked = np.ma.getmaskarray(y)
        y = y.data
    elif sparse.issparse(y):
        y = y.toarray()
    check_container(y, name, "a list or an array with one target per sequence")
    try:
        values = array_as_given(y, name)
    except ValueError:
        i, size = next(((i, np.size(row)) for i, row in enumerate(y) if np.ndim(row)), (0, 0))
        raise ValueError(
            f"{name} holds arrays or lists, {name}[{i}] of size {size}; expected one target per sequence. "
            "For a target at each time step set return_sequences=True; of lists of labels "
            f"MultiLabelBinarizer().fit_transform({name}) makes columns."
        ) from None
    if is_nested(values):
        return read_rows(values.tolist(), name)
    return Targets(values, _either(_gaps(values), masked), masked, name=name)


# ----------------------------------------------------------------------------------------------
# one per step


def _pieces(y: Any, name: str) -> list[Any]:
    """Targets of steps: for each sequence (values, mask or None), or None if all its targets are missing."""
    if isinstance(y, Sequences):
        y = as_list(y)
    elif isinstance(y, np.ma.MaskedArray):
        y = list(y)
    return [_piece(piece, f"{name}[{i}]") for i, piece in enumerate(opened(y, name, PER_STEP))]


def as_list(sequences: Sequences) -> list[Any]:
    """An array for each sequence, 1-D if there is one feature."""
    check_sequences(sequences.values, sequences.offsets)
    return [piece[:, 0] if sequences.n_features == 1 else piece for piece in sequences]


def _piece(piece: Any, where: str) -> Any:
    if is_missing(piece):
        return None
    mask = None
    if isinstance(piece, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(piece)
        piece = piece.data
    if type(piece).__module__.startswith("awkward"):  # NumPy does not accept None in it
        piece = piece.tolist()
    values = array_as_given(piece, where)
    if is_nested(values):
        values = array_as_given(values.tolist(), where)
    return values, mask


def read_steps(y: Any, lengths: Array | None, name: str = "y", hint: str = "") -> Targets:
    """Read targets at every step, one array per sequence.

    Parameters
    ----------
    y : Sequences, list, tuple, array, Series or column of lists
        For each sequence an array of shape (n_steps,) or (n_steps, n_outputs) of numbers or labels, which are
        not converted; it can be masked. None, NaN or pandas.NA instead of an array means that all targets of
        the sequence are missing. Elements after the last step must be missing: they are padding. `Sequences`
        of one feature give targets of shape (n_steps,).
    lengths : ndarray of int of shape (n_sequences,) or None
        Numbers of steps of the sequences; None: those of the targets, 0 where all are missing.
    name : str
        Name of y in messages.
    hint : str
        Text that a message adds if y has one target for each sequence.
    """
    pieces = _pieces(y, name)
    if lengths is None:
        flat = next((i for i, piece in enumerate(pieces) if piece and not piece[0].ndim), None)
        if flat is not None:
            raise ValueError(
                f"{name}[{flat}] is {shown(pieces[flat][0].item())}; expected a list of arrays, one target "
                "per step."
            )
        lengths = np.array([len(piece[0]) if piece else 0 for piece in pieces])
    if len(pieces) != len(lengths):
        remedy = _other_targets(pieces, lengths, name)
        raise ValueError(f"{name} has targets for {len(pieces)} of {len(lengths)} sequences.{remedy}")
    if not all(piece and not piece[0].ndim for piece in pieces):
        hint = ""
    pieces = [
        piece and _fitting(piece, n_steps, i, name, hint)
        for i, (piece, n_steps) in enumerate(zip(pieces, lengths.tolist(), strict=True))
    ]
    first = next((i for i, piece in enumerate(pieces) if piece), None)
    if first is None:
        raise ValueError(f"{name} contains no target; expected one at some step at least.")
    trailing = pieces[first][0].shape[1:]
    for i, piece in enumerate(pieces):
        if piece and piece[0].shape[1:] != trailing:
            found, expected = (f"of {p.dtype} and shape {p.shape}" for p in (piece[0], pieces[first][0]))
            raise ValueError(
                f"{name}[{i}] is {found}; expected n_outputs as in {name}[{first}], which is {expected}."
            )
    if len({piece[0].dtype.kind in "US" for piece in pieces if piece}) > 1:
        pieces = [piece and (piece[0].astype(object), piece[1]) for piece in pieces]
    if not all(pieces):
        pieces = [
            piece or (np.full((n_steps, *trailing), None), None)
            for piece, n_steps in zip(pieces, lengths.tolist(), strict=True)
        ]
    values = np.concatenate([values for values, _ in pieces])
    gaps, masked = _gaps(values), None
    if any(mask is not None for _, mask in pieces):
        masked = np.concatenate([np.zeros(v.shape, bool) if mask is None else mask for v, mask in pieces])
        masked = masked if masked.any() else None
    return Targets(values, _either(gaps, masked), masked, offsets_of(lengths), name)


def _fitting(piece: Any, n_steps: int, i: int, name: str, hint: str) -> tuple[Array, Array | None]:
    """Values and mask, cut to the number of steps of the sequence."""
    values, mask = piece
    if values.ndim in (1, 2):
        if len(values) > n_steps:  # is the rest padding?
            rest = missing(values[n_steps:])
            if (rest if mask is None else rest | mask[n_steps:]).all():
                values, mask = values[:n_steps], None if mask is None else mask[:n_steps]
        if len(values) == n_steps:
            return values, mask
    expected = f"one target for each of the {n_steps} steps of sequence {i}"
    if not values.ndim:
        expected += f", not {shown(values.item())} for all. One target per sequence is return_sequences=False"
    raise ValueError(f"{name}[{i}] has shape {values.shape}; expected {expected}.{hint}")


def as_step_targets(y: Any, sequences: Sequences, name: str = "y") -> Array:
    """Stack targets of steps, none of which is missing, in the order of the steps of `sequences`.

    Returns
    -------
    ndarray of shape (n_steps,) or (n_steps, n_outputs)
    """
    targets = read_targets(y, sequences, True, name)
    absent = targets.masked if targets.values.dtype != object else targets.missing
    if absent is not None:
        raise ValueError(f"{targets.place(absent.argmax())} is missing; expected a target at every step.")
    return targets.natural(targets.counted())


def split_steps(flat: npt.NDArray[Any], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.object_]:
    """Undo the stacking: a 1-D object array with a view of `flat` for each sequence."""
    pieces = np.empty(len(offsets) - 1, dtype=object)
    for i, (start, stop) in enumerate(pairwise(offsets.tolist())):
        pieces[i] = flat[start:stop]  # one at a time: equal lengths would make a 2-D array
    return pieces


def masked_steps(flat: Array, mask: Array, offsets: Array) -> npt.NDArray[np.object_]:
    """Undo the stacking: an object array of one masked array for each sequence."""
    pieces = split_steps(flat, offsets)
    for i, part in enumerate(split_steps(mask, offsets)):
        pieces[i] = np.ma.masked_array(pieces[i], mask=part)
    return pieces


# ----------------------------------------------------------------------------------------------
# other readings of X, for messages


def _as_one_sequence(sequences: Sequences, name: str) -> str:
    """Other reading of X, for a message that y has one target per sequence instead of one per step."""
    n = len(sequences)
    if n == 1 or sequences.n_features > 1:
        return ""
    return (
        f" X is read as {n} univariate sequences. One sequence of {n} steps, with a target for each, is [X] "
        f"and [{name}]."
    )


def _other_targets(pieces: list[Any], lengths: Array, name: str) -> str:
    """Other reading of targets of steps, for a message about their number of sequences."""
    shapes = {piece[0].shape for piece in pieces if piece}
    if len(pieces) == lengths.sum() and shapes == {()}:
        if len(lengths) == 1:
            return f" The targets of one sequence are [{name}]."
        return (
            " Targets of all steps, one below the other, are cut into one array per sequence by "
            f"np.split({name}, np.cumsum([len(x) for x in X])[:-1])."
        )
    if all(shape[:1] == (len(lengths),) for shape in shapes) and set(lengths.tolist()) == {len(pieces)}:
        return (
            f" Both begin with the sequences: X.swapaxes(0, 1) or {name}.swapaxes(0, 1), if it is the steps."
        )
    return ""


def _other_reading(sequences: Sequences, n_targets: int) -> str:
    """Other reading of X, for a message that X and y have different numbers of sequences."""
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
