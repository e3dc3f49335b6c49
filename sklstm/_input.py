"""Conversion of X to `Sequences` in estimators and transformers, with scikit-learn's attributes."""

import warnings
from reprlib import repr as short_repr

import numpy as np
from sklearn.utils.validation import check_array, validate_data

from sklstm._sequences import as_sequences, is_table, plain
from sklstm._sequences.frames import library_of, names_of
from sklstm._sequences.numbers import is_time, numbers_of
from sklstm._tables import origin_of


def read_X(estimator, X, n_inputs=None, *, allow_nan=False, mixed=False):
    """Read X, and set or check scikit-learn's attributes of X.

    Parameters
    ----------
    estimator : estimator with a parameter n_channels
        Gets `n_features_in_` (for a 2-D X, its number of columns), and `feature_names_in_` if the features,
        or the columns of a 2-D X, have names.
    X : sequences
        See `sklstm._sequences.as_sequences`.
    n_inputs : int, default=None
        Number of features of a time step in `fit`; None: this is `fit`.
    allow_nan, mixed : bool
        Whether values may be missing, and whether they may be objects.

    Returns
    -------
    Sequences
    """
    reset, n_channels = n_inputs is None, estimator.n_channels
    X = plain(X)
    options = {"allow_nan": allow_nan, "mixed": mixed}
    if is_table(X):
        table = read_table(estimator, X, reset, mixed)
        if reset:
            warn_of_other_readings(X, table, n_channels)
        elif n_inputs != (n_channels or 1):
            raise ValueError(
                f"X is 2-D, one univariate sequence per row, but {type(estimator).__name__} was fitted on "
                f"sequences of {n_inputs} features: expected a list of arrays of shape (n_steps, "
                f"{n_inputs}), or rows of n_steps * {n_inputs} numbers with n_channels={n_inputs}. One "
                "sequence alone is [X]."
            )
        sequences = as_sequences(table, n_features=n_inputs, n_channels=n_channels, **options)
        if reset:
            remember_shape(estimator, table.shape[1], None, None)
        return sequences
    if reset:
        sequences = as_sequences(X, n_features=n_channels, reference="n_channels", **options)
        remember_shape(estimator, None, sequences.n_features, sequences.columns)
    else:
        sequences = as_sequences(X, n_features=n_inputs, **options)
        check_names(estimator, sequences.columns)
    return sequences


def read_table(estimator, X, reset, mixed=False):
    """Read a 2-D X as an array of numbers, with scikit-learn's check that its columns are those of `fit`.

    Lists are not checked, because their lengths may be equal by chance, and a single list always makes a
    table. Nothing is checked if X in `fit` was not a table.
    """
    numbers = numbers_of(X, "X", mixed=mixed) if library_of(X) else None  # refuses dates
    if numbers is not None and numbers.dtype == object:  # NumPy may not be able to join such columns
        if reset or getattr(estimator, "_n_columns_in", None) is not None:
            validate_data(estimator, X, reset=reset, skip_check_array=True)
        return numbers
    options = {"dtype": None, "ensure_all_finite": "allow-nan"}
    was_table = getattr(estimator, "_n_columns_in", None) is not None
    if reset or (was_table and not isinstance(X, list | tuple)):
        table = validate_data(estimator, X, reset=reset, **options)
    else:
        table = check_array(X, input_name="X", estimator=estimator, **options)
    if numbers is not None:
        return numbers
    if table.dtype == object and not mixed:
        for i, row in enumerate(table):
            numbers_of(row, f"X[{i}]")
    return numbers_of(table, "X", mixed=mixed)


def remember_shape(estimator, n_columns, n_features, names):
    """Store the number of columns in `fit` (None if X was no table) and of features of a time step."""
    estimator._n_columns_in = n_columns
    if n_columns is not None:
        return
    estimator.n_features_in_ = n_features
    if names is None:
        vars(estimator).pop("feature_names_in_", None)
    else:
        estimator.feature_names_in_ = names


def check_names(estimator, names):
    """Refuse features of other names, or in another order, than in `fit`; warn if only one has names."""
    fitted, name = getattr(estimator, "feature_names_in_", None), type(estimator).__name__
    if names is None and fitted is None:
        return
    if fitted is None or names is None:
        if estimator._n_columns_in is not None:
            return  # the names are those of the columns of a 2-D X
        problem = (
            f"X has feature names, but {name} was fitted without feature names"
            if fitted is None
            else f"X does not have valid feature names, but {name} was fitted with feature names"
        )
        warnings.warn(problem, UserWarning, stacklevel=2)
    elif not np.array_equal(names, fitted):
        unseen, absent = sorted(set(names) - set(fitted)), sorted(set(fitted) - set(names))
        parts = ["The feature names should match those that were passed during fit."]
        if unseen:
            parts.append(f"Feature names unseen at fit time: {short_repr(unseen)}.")
        if absent:
            parts.append(f"Feature names seen at fit time, yet now missing: {short_repr(absent)}.")
        if not unseen and not absent:
            parts.append("Feature names must be in the same order as they were in fit.")
        raise ValueError(
            f"{' '.join(parts)} X has {short_repr(list(names))}, fit had {short_repr(list(fitted))}."
        )


def warn_of_other_readings(X, table, n_channels):
    """Warn if there is evidence that a 2-D X does not have one univariate sequence per row."""
    if n_channels is not None:
        return
    n_rows, n_columns = table.shape
    reading = f"X is read as {n_rows} univariate sequences of {n_columns} time steps, one per row, but "
    end = "X.to_numpy() is read without this warning."
    index = getattr(X, "index", None) if library_of(X) == "pandas" else None
    n_levels = getattr(index, "nlevels", 1)
    if n_levels > 1:
        evidence = (
            f"its index has {n_levels} levels: if the rows are time steps, Sequences.from_sktime(X) "
            "makes sequences of them. "
        )
    elif index is not None and len(index) and is_time(index):
        evidence = (
            "its index is of times: if the rows are the time steps of one series, [X] is one sequence, and "
            "Sequences.from_windows(X, length) cuts it into many. "
        )
    elif library_of(X) and n_columns > 1 and not any(map(_may_be_a_step, names_of(X))):
        evidence = (
            f"its columns, {short_repr(names_of(X))}, look like features and not like time steps: a time "
            "step per row is [X] if it is one sequence, Sequences.from_long(X, id=...) or "
            "Sequences.from_lengths(X, lengths) if there are several. "
        )
    elif origin := origin_of(X):
        evidence, end = f"{origin} ", "X.copy() is read without this warning."
    elif _is_one_hot(table):
        end = "np.array(X)[:, :, np.newaxis] is read without this warning."
        evidence = (
            "each row has a single 1 among zeros, as encoders make them: a time step per row is [X] if it is "
            "one sequence, Sequences.from_lengths(X, lengths) if there are several. "
        )
    else:
        return
    warnings.warn(reading + evidence + end, UserWarning, stacklevel=2)


def warn_of_channels_first(X):
    """Warn of a 3-D array whose second axis is probably that of the channels.

    Either it has one time step, or its last axis is much longer, and neighbours along it are more similar.
    """
    if not isinstance(X, np.ndarray) or X.ndim != 3 or X.dtype.kind not in "biuf":
        return
    n, n_steps, n_features = X.shape
    evidence = ""
    if n_steps > 1:
        if n_features < 4 * n_steps or not 4 * _change(X, axis=2) < _change(X, axis=1):
            return
        evidence = ", but neighbouring features are much more alike than neighbouring time steps"
    elif n_features == 1:
        return
    warnings.warn(
        f"X is read as {n} sequences of {n_steps} time step{'s' * (n_steps > 1)} with {n_features} features"
        f"{evidence}: its axes are sequences, time steps, features. If the second axis is the channel, as in "
        "aeon and sktime, use Sequences.from_aeon(X). list(X) is read without this warning.",
        UserWarning,
        stacklevel=2,
    )


def _change(X, axis):
    """Mean squared difference of neighbours along an axis, in a hundred sequences; 0 if there are none."""
    squares = np.diff(X[:100].astype(np.float64), axis=axis) ** 2
    known = ~np.isnan(squares)  # others are padding
    return float(squares[known].mean()) if known.any() else 0.0


def _may_be_a_step(name):
    """Whether the name of a column may be that of a time step: it contains a digit, or is not text."""
    return not isinstance(name, str) or any(map(str.isdigit, name))


def _is_one_hot(table):
    if table.dtype.kind not in "biuf" or table.shape[0] < 3 or table.shape[1] < 3:
        return False
    ones = table == 1
    return bool((ones.sum(axis=1) == 1).all() and (ones | (table == 0)).all())
