"""How estimators and transformers read X: any container -> `Sequences`, with scikit-learn's bookkeeping."""

import numpy as np
from sklearn.utils.validation import check_array, validate_data

from sklstm._sequences import as_sequences, is_table


def read_X(estimator, X, n_inputs=None):
    """Read X and set, or check, what scikit-learn wants to know of it.

    Parameters
    ----------
    estimator : estimator with a parameter n_channels
        Gets `n_features_in_`, of a 2-D X its columns, and `feature_names_in_` if X is a data frame.
    X : sequences
        See `sklstm._sequences.as_sequences`.
    n_inputs : int, default=None
        Features of a time step that were seen in `fit`; None: this is `fit`.

    Returns
    -------
    Sequences
    """
    reset, n_channels = n_inputs is None, estimator.n_channels
    n_columns = None
    if is_table(X):
        table = read_table(estimator, X, reset, dtype=[np.float64, np.float32])
        n_columns = table.shape[1]
        if not reset and n_inputs != (n_channels or 1):
            raise ValueError(
                f"X is 2-D, one univariate sequence a row, but {type(estimator).__name__} was fitted on "
                f"sequences of {n_inputs} features: expected a list of arrays of shape (n_steps, "
                f"{n_inputs}), or rows of n_steps * {n_inputs} numbers with n_channels={n_inputs}."
            )
        sequences = as_sequences(table, n_features=n_inputs, n_channels=n_channels)
    elif reset:
        sequences = as_sequences(X, n_features=n_channels, reference="n_channels")
    else:
        sequences = as_sequences(X, n_features=n_inputs)
    if reset:
        remember_shape(estimator, n_columns, sequences.n_features)
    return sequences


def read_table(estimator, X, reset, dtype):
    """Read a 2-D X as an array, with scikit-learn's check that its columns are those of `fit`.

    Lists are not checked: that they are equally long need not mean anything, and one alone always is. Nor is
    anything checked if X in `fit` was no table.
    """
    options = {"dtype": dtype, "ensure_all_finite": "allow-nan"}
    was_table = getattr(estimator, "_n_columns_in", None) is not None
    if reset or (was_table and not isinstance(X, list | tuple)):
        return validate_data(estimator, X, reset=reset, **options)
    return check_array(X, input_name="X", estimator=estimator, **options)


def remember_shape(estimator, n_columns, n_features):
    """Keep from `fit` the number of columns, None if X was no table; then the features of a time step."""
    estimator._n_columns_in = n_columns
    if n_columns is None:
        estimator.n_features_in_ = n_features
        vars(estimator).pop("feature_names_in_", None)
