"""The LSTM at the end of pipelines and searches, and single time steps through pipelines."""

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
        The transformers before the LSTM, in their order.
    lstm : LSTMClassifier or LSTMRegressor

    Raises
    ------
    TypeError
        If another estimator is at the end.
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
    """Return the LSTM at the end, and X as the `Sequences` that it reads."""
    transformers, lstm = unwrap(estimator)
    for transformer in transformers:
        X = transformer.transform(X)
    return lstm, lstm._read_X(X, reset=False)


def pipeline_step(pipeline: Any, x: Any) -> Array:
    """Outputs of a pipeline after one more time step of a stream.

    Pipelines have no method `step`: this function applies the transformers to the time step, and calls `step`
    of the LSTM at the end. The state is that of the LSTM: ``pipeline[-1].reset_state()`` begins a new stream,
    ``pipeline[-1].state_`` reads and sets the state.

    Parameters
    ----------
    pipeline : pipeline, or search over one, that ends in an LSTMClassifier or LSTMRegressor
        Fitted. Its transformers must treat each time step by itself: `SequenceScaler`, `PerTimeStep`,
        `SequenceOneHotEncoder`, and `SequenceImputer` unless its strategy is "ffill".
    x : array-like of shape (n_features,) or (n_streams, n_features)
        One time step of one stream, or of several independent ones, not yet transformed. A data frame has one
        row per stream.

    Returns
    -------
    ndarray of shape (n_outputs,) or (n_streams, n_outputs)
        Outputs of `step` of the LSTM.

    Raises
    ------
    ValueError, TypeError
        If x is not valid, or if a transformer may depend on earlier steps. The state is left unchanged.

    Examples
    --------
    >>> import numpy as np
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
                f"{transformer!r} may depend on earlier time steps: pipeline_step takes SequenceScaler, "
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
    """Whether the transformer treats each time step independently of the others."""
    if isinstance(transformer, SequenceImputer):
        return transformer.strategy != "ffill"
    return isinstance(transformer, PerTimeStep | SequenceOneHotEncoder)
