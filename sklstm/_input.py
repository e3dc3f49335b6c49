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
    if is_table(X):
        form = {"dtype": [np.float64, np.float32], "ensure_all_finite": "allow-nan"}
        if reset or getattr(estimator, "_n_columns_in", None) is not None:
            table = validate_data(estimator, X, reset=reset, **form)
        else:
            table = check_array(X, input_name="X", **form)
            if n_inputs != (n_channels or 1):
                raise ValueError(
                    f"X is 2-D, one univariate sequence a row, but {type(estimator).__name__} was fitted on "
                    f"sequences of {n_inputs} features: expected a list of arrays of shape (n_steps, "
                    f"{n_inputs}), or rows of n_steps * {n_inputs} numbers with n_channels={n_inputs}."
                )
        sequences = as_sequences(table, n_features=n_inputs, n_channels=n_channels)
        if reset:
            estimator._n_columns_in = table.shape[1]
        return sequences
    if reset:
        sequences = as_sequences(X, n_features=n_channels, reference="n_channels")
        estimator._n_columns_in = None
        estimator.n_features_in_ = sequences.n_features
        vars(estimator).pop("feature_names_in_", None)
        return sequences
    return as_sequences(X, n_features=n_inputs)
