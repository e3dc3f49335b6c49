"""Which steps and channels of a sequence a prediction depends on."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed

from sklstm._checks import check_choice, check_integer, check_n_channels, real_array
from sklstm._estimators.explain import check_response, output_index, steps_at
from sklstm._messages import shown
from sklstm._sequences import Sequences, as_container, as_sequences, is_table
from sklstm._typing import Array, ResponseMethod

PARTS = ("values", "steps", "channels")
MOST_VALUES = 1 << 22  # maximum number of values of the sequences that are predicted at once


def occlusion_importance(
    estimator: Any,
    X: Any,
    *,
    output: Any = None,
    at: int = -1,
    by: Literal["values", "steps", "channels"] = "values",
    window: int = 1,
    baseline: Literal["mean"] | npt.ArrayLike = "mean",
    response_method: ResponseMethod = "auto",
    n_channels: int | None = None,
    n_jobs: int | None = None,
) -> list[Array]:
    """Fall of an output when a step, a channel, or a single number of a sequence is left out.

    The part is replaced by a baseline, and the sequence is predicted again. Unlike
    `LSTMClassifier.input_gradients`, it works for any estimator and for large changes. Unlike
    `permutation_importance`, it explains the prediction of a single sequence and needs no target.

    Parameters
    ----------
    estimator : estimator
        Fitted; a pipeline, a search or a meta-estimator as well.
    X : sequences
        Any container of numbers that `LSTMClassifier` takes.
    output : label or int, default=None
        The output to explain. Classifier: a label of `classes_`; None means the predicted class of
        each sequence. Regressor: the index of an output; None means the only one.
    at : int, default=-1
        If there is a prediction at every step, the time step of the prediction to explain. Negative numbers
        count from the end of each sequence.
    by : {"values", "steps", "channels"}, default="values"
        "values": one channel at one step at a time; "steps": all channels of a step; "channels": one channel
        at all steps.
    window : int, default=1
        Number of time steps that are left out together. A sequence is predicted once per window; with
        "values", it is predicted once per window and channel.
    baseline : "mean", float or array-like of shape (n_features,), default="mean"
        Value that replaces the part, one number for all channels or one per channel. "mean" is the mean of
        the channel over all steps of X, also if X is a single sequence. Use 0 for one-hot symbols.
    response_method : {"auto", "decision_function", "predict_proba", "predict"}, default="auto"
        Function whose values are compared. "auto" is `decision_function` for a classifier, or `predict_proba`
        if there is none, and `predict` for a regressor.
    n_channels : int or None, default=None
        As in `LSTMClassifier`: numbers of one time step in a row of a 2-D X.
    n_jobs : int or None, default=None
        Number of sequences that are computed in parallel, as in joblib.

    Returns
    -------
    list of ndarray
        For each sequence, the response minus the response without the part. It is positive if the part
        supports the output. The shape is (n_steps, n_features) with "values", (n_steps, 1) with "steps" and
        (1, n_features) with "channels". All steps of a window have the same number.

    References
    ----------
    Zeiler, M. D. & Fergus, R. (2014). Visualizing and understanding convolutional networks. ECCV,
    section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor, occlusion_importance
    >>> X = np.random.default_rng(0).normal(size=(50, 6, 2))
    >>> reg = LSTMRegressor(n_blocks=4, solver="lbfgs", random_state=0).fit(X, X[:, -1, 0])
    >>> importance = occlusion_importance(reg, X[:1], baseline=0)[0]
    >>> np.unravel_index(abs(importance).argmax(), importance.shape) == (5, 0)
    True
    >>> bool(abs(importance[5, 0] - X[0, 5, 0]) < 0.1)  # its value is the target
    True
    """
    check_choice("by", by, PARTS)
    check_integer("window", window, 1)
    check_integer("at", at)
    check_n_channels(n_channels)
    method = check_response(estimator, response_method)
    sequences = as_sequences(X, n_channels=n_channels, allow_nan=True)
    instead = _baseline(baseline, sequences)

    def responses(parts):
        given = as_container(parts, X, n_channels) if is_table(X) else parts
        return _columns(estimator, getattr(estimator, method)(given), parts.lengths, at)

    whole = responses(sequences)
    index = output_index(estimator, output, whole)

    def without(x, parts):
        """Copies of a sequence, each without one part."""
        copies = np.repeat(x[np.newaxis], len(parts), axis=0)
        for copy, part in zip(copies, parts, strict=True):
            copy[part] = instead[part[1]]
        offsets = np.arange(len(parts) + 1) * len(x)
        return Sequences(copies.reshape(-1, x.shape[1]), offsets, columns=sequences.columns)

    def importance(i):
        x = sequences[i].toarray() if sequences.is_sparse else sequences[i]
        starts = range(0, 1 if by == "channels" else len(x), window)
        size = len(x) if by == "channels" else window
        channels = [slice(None)] if by == "steps" else range(x.shape[1])
        parts = [(slice(start, start + size), channel) for start in starts for channel in channels]
        at_once = max(MOST_VALUES // x.size, 1)
        falls = [
            whole[i, index[i]] - responses(without(x, parts[k : k + at_once]))[:, index[i]]
            for k in range(0, len(parts), at_once)
        ]
        table = np.concatenate(falls).reshape(len(starts), len(channels))
        return table if by == "channels" else np.repeat(table, window, axis=0)[: len(x)]

    return Parallel(n_jobs=n_jobs)(delayed(importance)(i) for i in range(len(sequences)))


def _baseline(baseline, sequences):
    """Number for each channel."""
    if isinstance(baseline, str) and baseline == "mean":
        values = sequences.values
        return np.asarray(values.mean(axis=0)).ravel() if sequences.is_sparse else np.nanmean(values, axis=0)
    if isinstance(baseline, str):
        raise ValueError(f"baseline must be 'mean', a number or one per channel, got {shown(baseline)}.")
    shape = () if np.ndim(baseline) == 0 else (sequences.n_features,)
    return np.broadcast_to(real_array(baseline, "baseline", shape, sequences.dtype), (sequences.n_features,))


def _columns(estimator, response, lengths, at):
    """Responses as an array of shape (n_sequences, n_outputs)."""
    if response.dtype.kind == "O":  # one array per sequence: responses of every step
        steps = steps_at(lengths, at)
        response = np.array([each[step] for each, step in zip(response, steps, strict=True)])
    elif at != -1:
        raise ValueError(f"at={shown(at)} needs predictions at every step, but there is one per sequence.")
    if response.ndim == 1:
        is_of_two = hasattr(estimator, "classes_")
        return np.column_stack([-response, response] if is_of_two else [response])
    return response
