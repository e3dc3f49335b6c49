"""The LSTM inside pipelines and searches."""

from sklearn.utils.validation import check_is_fitted


def unwrap(estimator):
    """Find the LSTM at the end of pipelines and searches.

    Parameters
    ----------
    estimator : LSTMClassifier, LSTMRegressor, or a pipeline or search that ends in one
        Fitted.

    Returns
    -------
    transformers : list of transformers
        What X passes before it comes to the LSTM, in this order.
    lstm : LSTMClassifier or LSTMRegressor

    Raises
    ------
    TypeError
        If something else is at the end.
    """
    transformers, inner = [], estimator
    while hasattr(inner, "best_estimator_") or hasattr(inner, "steps"):
        if hasattr(inner, "steps"):
            *before, inner = [step for _, step in inner.steps]
            transformers += [step for step in before if step is not None and not isinstance(step, str)]
        else:
            inner = inner.best_estimator_
    if not hasattr(inner, "activations"):
        raise TypeError(
            "estimator must be an LSTMClassifier or LSTMRegressor, or a pipeline or search that ends in one, "
            f"got {type(inner).__name__}."
        )
    check_is_fitted(inner)
    return transformers, inner


def unwrap_with(estimator, X):
    """Return the LSTM at the end, and X as `Sequences` as it comes there."""
    transformers, lstm = unwrap(estimator)
    for transformer in transformers:
        X = transformer.transform(X)
    return lstm, lstm._read_X(X, reset=False)
