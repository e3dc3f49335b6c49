"""The LSTM inside pipelines and searches, and time steps on their way to it."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklstm._preprocessing import PerTimeStep, SequenceImputer, SequenceOneHotEncoder
from sklstm._typing import Array


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


def pipeline_step(pipeline: Any, x: Any) -> Array:
    """Outputs after one more time step of a stream, which passes the transformers of a pipeline.

    `step` of the LSTM at the end, for pipelines, which have none. The state is that of the LSTM:
    ``pipeline[-1].reset_state()`` begins anew, ``pipeline[-1].state_`` reads and sets it.

    Parameters
    ----------
    pipeline : pipeline, or search over one, that ends in an LSTMClassifier or LSTMRegressor
        Fitted. Its transformers take each time step by itself: `SequenceScaler`, `PerTimeStep`,
        `SequenceOneHotEncoder`, and `SequenceImputer` unless its strategy is "ffill".
    x : array-like of shape (n_features,) or (n_streams, n_features)
        One time step of one stream, or of several independent ones: what the pipeline is given, not yet
        transformed. A data frame has a row per stream.

    Returns
    -------
    ndarray of shape (n_outputs,) or (n_streams, n_outputs)
        As `step` of the LSTM.

    Raises
    ------
    ValueError, TypeError
        If x is not valid, or a transformer may need the steps before. The state is unchanged then.

    Examples
    --------
    >>> from typing import Any

    import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import LSTMRegressor, SequenceScaler, pipeline_step
    >>> X = np.random.default_rng(0).normal(5, 2, size=(20, 6, 1))
    >>> lstm = LSTMRegressor(n_blocks=2, solver="lbfgs", random_state=0)
    >>> pipeline = make_pipeline(SequenceScaler(), lstm).fit(X, X.sum(axis=(1, 2)))
    >>> for x in X[0]:
    ...     y = pipeline_step(pipeline, x)
    >>> bool(np.allclose(y, pipeline.predict(X[:1])))
    True
    """
    transformers, lstm = unwrap(pipeline)
    for transformer in transformers:
        if not _goes_step_by_step(transformer):
            raise TypeError(
                f"{transformer!r} may need the time steps before: pipeline_step takes SequenceScaler, "
                "PerTimeStep, SequenceOneHotEncoder and a SequenceImputer that does not fill forwards. A "
                "transformer of single time steps can be put in PerTimeStep(...)."
            )
    is_one = np.ndim(x) < 2
    if hasattr(x, "iloc"):  # names of features are kept
        rows = x.to_frame().T if is_one else x
    else:
        rows = np.asarray(x).reshape(1, -1) if is_one else np.asarray(x)
    streams = [rows[i : i + 1] for i in range(len(rows))]  # sequences of one step
    for transformer in transformers:
        streams = transformer.transform(streams)
    steps = np.vstack([s.toarray() if hasattr(s, "toarray") else np.asarray(s) for s in streams])
    return lstm.step(steps[0] if is_one else steps)


def _goes_step_by_step(transformer):
    """Whether what it makes of a time step depends on no other step."""
    if isinstance(transformer, SequenceImputer):
        return transformer.strategy != "ffill"
    return isinstance(transformer, PerTimeStep | SequenceOneHotEncoder)
