"""Arguments and partitions that are refused, or warned of."""

import warnings

from dask.delayed import Delayed
from distributed import Future
from sklearn.base import is_classifier

from sklstm._checks import check_integer
from sklstm._estimators import parameters
from sklstm._estimators.checkpoint import Checkpoint
from sklstm._learning.solvers import SOLVERS
from sklstm._messages import shown

FEW_UPDATES = 100  # a replica with fewer updates between two averages learns slowly


def check_arguments(estimator, classes, validation, replicas):
    parameters.check(estimator)
    solver = SOLVERS[estimator.solver]
    if replicas is not None:
        check_integer("replicas", replicas, 1, "None or ")
    for refused, remedy in (
        (
            estimator.update != "batch",
            f"Partitions are learned from in batches: update must be 'batch', got {shown(estimator.update)}.",
        ),
        (
            estimator.early_stopping and validation is None,
            "early_stopping=True holds out a part of X, but X is on many machines: give validation=, a list "
            "of partitions to score.",
        ),
        (
            validation is not None and estimator.scoring is not None,
            f"scoring={shown(estimator.scoring)} needs all predictions in one place: validation= needs "
            "scoring=None, which is accuracy or R² over all partitions.",
        ),
        (
            validation is not None and not solver.in_epochs,
            f"validation= needs {parameters.solvers_with('in_epochs')}, got solver={solver.name!r}.",
        ),
        (
            validation is not None and estimator.loss == "quantile",
            "validation= is not available for loss='quantile': its score needs the quantiles of all targets, "
            "which cannot be summed over partitions. Leave validation= out.",
        ),
        (
            solver.full_batch and not parameters.is_auto(estimator.batch_size),
            f"solver={solver.name!r} learns from all partitions at once: leave batch_size='auto', got "
            f"batch_size={shown(estimator.batch_size)}.",
        ),
        (
            any(isinstance(part, Checkpoint) for part in getattr(estimator, "_skl_callbacks", None) or ()),
            "The callback Checkpoint works in `fit` only. For partitions, learn some epochs per call with "
            "warm_start=True, and call checkpoint.save(estimator) after each call.",
        ),
        (
            classes is not None and not is_classifier(estimator),
            f"classes= is for classifiers, got {type(estimator).__name__}: leave it out.",
        ),
    ):
        if refused:
            raise ValueError(remedy)


def named_parts(parts, argument, suffix):
    """Dictionary of partitions; the keys are their names in messages."""
    if parts is None and argument != "parts":
        return {}
    expected = (
        f"a list of Delayed or Future, one per partition, as {argument}=[dask.delayed(load)(path) for path "
        "in paths], where load(path) gives (X, y) or (X, y, sample_weight)"
    )
    if not isinstance(parts, list | tuple):
        raise TypeError(f"{argument} must be {expected}; got a {type(parts).__name__}.")
    for i, part in enumerate(parts):
        if not isinstance(part, Delayed | Future):
            raise TypeError(f"{argument} must be {expected}; {argument}[{i}] is a {type(part).__name__}.")
    if len(parts) == 0:
        raise ValueError(f"{argument} is empty; expected {expected}.")
    return {f"Partition {i}{suffix}": part for i, part in enumerate(parts)}


def check_partitions(about, train, held):
    """Raise an error if the partitions do not fit together."""
    first = about[train[0]]
    for name, one in about.items():
        for one_has, first_has in (
            (f"{one.n_features} features", f"{first.n_features} features"),
            (f"the features {one.names}", f"the features {first.names}"),
            (f"{one.n_columns} columns of targets", f"{first.n_columns} columns of targets"),
        ):
            if one_has != first_has:
                raise ValueError(f"{name} has {one_has}, {train[0]} has {first_has}; expected the same.")
        if one.is_text != first.is_text and None not in (one.is_text, first.is_text):
            one_has, first_has = ("text" if part.is_text else "numbers" for part in (one, first))
            raise ValueError(
                f"{name} has labels that are {one_has}, {train[0]} {first_has}; expected the same."
            )
    for argument, group in (("parts", train), ("validation", held)):
        if group and not any(about[name].n_counted for name in group):
            raise ValueError(
                f"sample_weight is zero for every sequence in {argument}, or its target is missing: nothing "
                "is left to learn from, or to score."
            )


def warn_of_partitions(about, names, batch_size):
    """Warn about partitions from which averaged replicas learn badly."""
    everything = set().union(*(one.classes for one in about))
    lacking = [name for one, name in zip(about, names, strict=True) if len(one.classes) < len(everything)]
    small = [
        f"{name} has {one.n_sequences}"
        for one, name in zip(about, names, strict=True)
        if one.n_sequences < FEW_UPDATES * batch_size
    ]
    if lacking:
        warnings.warn(
            f"{len(lacking)} of {len(names)} partitions, the first is {lacking[0]}, lack classes that others "
            "have: replicas that see some of the classes only, and are averaged, learn badly or not at all. "
            "Shuffle the sequences before you split them into partitions.",
            stacklevel=5,
        )
    if small:
        warnings.warn(
            f"{len(small)} of {len(names)} partitions have fewer than {FEW_UPDATES * batch_size} sequences, "
            f"{small[0]}: replicas are averaged after fewer than {FEW_UPDATES} updates and need more epochs. "
            "Make larger partitions, or set replicas=1.",
            stacklevel=5,
        )
