"""Error flow: the errors at the hidden units, by the lag to the output."""

from typing import Any

import numpy as np
from sklearn.utils import Bunch

from sklstm._checks import check_choice, check_integer
from sklstm._estimators.explain import output_index, rows_at
from sklstm._estimators.nested import unwrap_with
from sklstm._learning.settings import GRADIENTS
from sklstm._sequences import as_sequences
from sklstm._sequences.patches import patch_of_steps
from sklstm._typing import Gradient


def error_flow(
    estimator: Any,
    X: Any,
    *,
    output: Any = None,
    at: int = -1,
    n_lags: int | None = None,
    gradient: Gradient | None = None,
) -> Bunch:
    """Norm of the error that flows back from an output, by the lag.

    An error of 1 is injected at the net input of one output unit, and flows back through the network as in
    learning. The error that arrives at the net inputs of the hidden units q steps earlier limits what can be
    learned from inputs at the lag q: if it is practically 0, nothing is learned from them. After a single
    epoch (``max_iter=1``), it shows whether a network can learn a task at all. After learning, it shows which
    steps the model uses.

    Parameters
    ----------
    estimator : LSTMClassifier, LSTMRegressor, or a pipeline or search that ends in one
        Fitted.
    X : sequences
        Any container that the estimator takes. Sequences are aligned at the steps of their outputs.
    output : label or int, default=None
        The output at which the error is injected. Classifier: a label of `classes_`; None means the predicted
        class of each sequence. Regressor: the index of an output; None means the only one.
    at : int, default=-1
        With ``return_sequences=True``, the time step of the output; negative numbers count from the end of
        each sequence.
    n_lags : int or None, default=None
        Number of lags, from 0 to n_lags - 1; None means all.
    gradient : {"full", "truncated"} or None, default=None
        Connections through which errors flow; None means the gradient with which the estimator learns.

    Returns
    -------
    sklearn.utils.Bunch
        `lags` : ndarray of shape (n_lags,)
            0, 1, ...: time steps back from the output.
        `norms` : ndarray of shape (n_sequences, n_lags)
            Euclidean norm of the error at all hidden units; NaN before the first step of a sequence.
        `groups` : dict of str to ndarray of shape (n_sequences, n_lags)
            The same for each kind of unit in each layer and direction, by the names of
            `Network.weight_shapes`.
        `carousel` : ndarray of shape (n_sequences, n_lags) or None
            Fraction of the error that the constant error carousel alone keeps: the product of the forget
            gates from that step to the output, averaged over the blocks. It is 1 without forget gates, and
            None without memory blocks. It is that of the last layer in the forward direction.
        `half_life` : float
            Number of lags in which the median of the norms falls to a half, from a straight line through its
            logarithm from the lag 1 on. It is infinite if the median does not fall.

    Notes
    -----
    The computation is in float64 whatever X is, because errors in conventional units may fall below 1e-38.

    Where time steps are read in patches (`n_patches`), all steps of a patch have the error of the patch.

    References
    ----------
    Hochreiter, S. & Schmidhuber, J. (1997). Long Short-Term Memory. Neural Computation 9(8), sections 3.1 and
    3.2; docs/equations.md, "Error flow".

    Examples
    --------
    Eight memory blocks and eight conventional recurrent units before learning:

    >>> import numpy as np
    >>> from sklstm import LSTMRegressor, error_flow
    >>> X = np.random.default_rng(0).normal(size=(20, 30, 1))
    >>> options = {"max_iter": 1, "learning_rate": 1e-9, "random_state": 0}
    >>> lstm = LSTMRegressor(n_blocks=8, forget_gate_bias=3, **options)
    >>> conventional = LSTMRegressor(n_blocks=0, n_hidden_units=8, recurrence="all", **options)
    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     flows = [error_flow(model.fit(X, X[:, 0, 0]), X) for model in (lstm, conventional)]
    >>> [bool(np.median(flow.norms[:, 20]) > 1e-3) for flow in flows]
    [True, False]
    >>> flows[0].half_life > 5 > 1 > flows[1].half_life
    True
    """
    if n_lags is not None:
        check_integer("n_lags", n_lags, 1, "None or ")
    lstm, sequences = unwrap_with(estimator, X)
    if gradient is None:
        gradient = lstm.gradient
    check_choice("gradient", gradient, GRADIENTS)
    sequences = as_sequences(sequences, dtype=np.float64)
    network, rows = lstm.network_, rows_at(lstm, sequences, at)
    outputs = np.concatenate(list(network.forward(lstm.weights_, sequences))).reshape(-1, network.n_outputs)
    index = output_index(lstm, output, outputs[rows])
    errors = np.zeros_like(outputs)
    errors[rows, index] = 1
    deltas = lstm._backward(sequences, errors, gradient)["deltas"]
    patch = patch_of_steps(sequences.lengths, network.patch_size)
    answer = rows if network.return_sequences else sequences.offsets[1:] - 1
    lags = np.arange((answer - sequences.offsets[:-1]).max() + 1)[:n_lags]
    at_lag = answer[:, np.newaxis] - lags
    before = at_lag < sequences.offsets[:-1, np.newaxis]
    at_lag[before] = 0

    def lined_up(values):
        """Convert numbers per step to numbers per sequence and lag."""
        return np.where(before, np.nan, values[at_lag])

    hidden = {name: delta for name, delta in deltas.items() if name != "output"}
    groups = {name: lined_up(np.linalg.norm(delta, axis=1)[patch]) for name, delta in hidden.items()}
    norms = np.linalg.norm(list(groups.values()), axis=0)
    return Bunch(
        lags=lags,
        norms=norms,
        groups=groups,
        carousel=_carousel(lstm, sequences, patch, lined_up) if network.n_blocks else None,
        half_life=_half_life(np.nanmedian(norms, axis=0)),
    )


def _carousel(lstm, sequences, patch, lined_up):
    """Product of the forget gates after each step, once per patch; mean over the blocks."""
    if not lstm.network_.forget_gate:
        return lined_up(np.ones(sequences.n_steps))
    prefix, _ = lstm.network_._last_layer()[0]
    gates = np.concatenate([trace[prefix + "forget_gate"] for trace in lstm.activations(sequences)])
    is_first = np.diff(patch, prepend=-1) > 0
    at_lag = np.stack([lined_up(np.where(is_first, gate[patch], 1.0)) for gate in gates.T])
    kept = np.ones_like(at_lag)
    kept[..., 1:] = np.cumprod(at_lag, axis=-1)[..., :-1]
    return np.where(np.isnan(at_lag[0]), np.nan, kept.mean(axis=0))


def _half_life(median):
    """Number of lags to a half, from a straight line on a logarithmic axis."""
    positive = median > 0
    n = len(median) if positive.all() else int(positive.argmin())  # up to the first 0
    if n < 2:
        return 0.0 if len(median) > 1 else np.inf
    first = min(n - 2, 1)  # the error at output gates is different at the lag 0
    slope, _ = np.polyfit(np.arange(first, n), np.log(median[first:n]), 1)
    return float(-np.log(2) / slope) if slope < 0 else np.inf
