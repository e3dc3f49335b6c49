"""Importance of channels and of windows of time; scores and predictions of time steps."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import check_scoring, get_scorer
from sklearn.model_selection import cross_val_predict
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from sklstm._checks import check_integer, check_n_channels, check_random_state
from sklstm._messages import shown
from sklstm._sequences import as_container, as_sequences, check_ids, read_steps, read_weights, with_missing
from sklstm._tensors import of_tensors
from sklstm._typing import Array, RandomState

RESPONSES = ("predict", "predict_proba", "predict_log_proba", "decision_function")


def permutation_importance(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    by: Literal["channels", "windows"] = "channels",
    n_windows: int = 10,
    n_repeats: int = 5,
    scoring: str | Callable[..., float] | None = None,
    sample_weight: npt.ArrayLike | None = None,
    n_channels: int | None = None,
    random_state: RandomState = None,
    n_jobs: int | None = None,
) -> Bunch:
    """Fall of the score when a channel, or a window of time, comes from another sequence.

    The function of this name in scikit-learn shuffles the columns of a table. This function keeps the order
    of time.

    Parameters
    ----------
    estimator : estimator
        Fitted; a pipeline, a search or a meta-estimator as well.
    X : sequences
        Any container of numbers that `LSTMClassifier` takes, with at least two sequences. The estimator is
        given the same kind of container.
    y : array-like of shape (n_sequences,), or a list of arrays with ``scoring=step_scorer(...)``
        Targets.
    by : {"channels", "windows"}, default="channels"
        "channels": a sequence gets a whole channel of another sequence, from its first step on; a shorter
        channel is repeated, and a longer one is cut. "windows": it gets all channels of a window of another
        sequence. Windows are relative to the length: window w of k has the steps t with
        ``w <= t * k / n_steps < w + 1``.
    n_windows : int, default=10
        Number of windows if `by` is "windows", at most the number of steps of the longest sequence.
    n_repeats : int, default=5
        Number of permutations of the sequences.
    scoring : str, callable or None, default=None
        As in scikit-learn; None means the estimator's `score`.
    sample_weight : array-like of shape (n_sequences,), default=None
        Weights of the sequences in the score.
    n_channels : int or None, default=None
        As in `LSTMClassifier`: numbers of one time step in a row of a 2-D X.
    random_state : int, RandomState instance or None, default=None
        Source of the permutations.
    n_jobs : int or None, default=None
        Number of channels or windows that are computed in parallel, as in joblib.

    Returns
    -------
    sklearn.utils.Bunch
        `importances` of shape (n_channels or n_windows, n_repeats): the score of X minus that of the permuted
        X; `importances_mean` and `importances_std`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor, permutation_importance
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 2)) for n in rng.integers(4, 9, size=100)]
    >>> y = [x[-1, 0] for x in X]
    >>> reg = LSTMRegressor(n_blocks=8, max_iter=500, tol=1e-3, random_state=0).fit(X, y)
    >>> channels = permutation_importance(reg, X, y, random_state=0).importances_mean
    >>> bool(channels[0] > 10 * abs(channels[1]))
    True
    >>> windows = permutation_importance(reg, X, y, by="windows", n_windows=4, random_state=0)
    >>> int(windows.importances_mean.argmax())
    3
    """
    if by not in ("channels", "windows"):
        raise ValueError(f"by must be 'channels' or 'windows', got {shown(by)}.")
    check_n_channels(n_channels)
    sequences = as_sequences(X, n_channels=n_channels, allow_nan=True, mixed=True)
    if len(sequences) == 1:
        raise ValueError(
            "X has 1 sequence, so there is no other sequence to take a channel or a window from: give "
            "several. input_gradients and occlusion_importance explain the prediction of a single sequence."
        )
    longest = int(sequences.lengths.max())
    check_integer("n_windows", n_windows, 1)
    check_integer("n_repeats", n_repeats, 1)
    if by == "windows" and n_windows > longest:
        raise ValueError(
            f"n_windows must be at most {longest}, the steps of the longest sequence, got {n_windows}."
        )
    scorer = check_scoring(estimator, scoring=scoring)
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    rng = check_random_state(random_state)
    n_parts = sequences.n_features if by == "channels" else n_windows
    donors = [[rng.permutation(len(sequences)) for _ in range(n_repeats)] for _ in range(n_parts)]

    def score(part, donor):
        if by == "channels":
            permuted = _with_channel(sequences, donor, part)
        else:
            permuted = _with_window(sequences, donor, part, n_windows)
        return scorer(estimator, as_container(permuted, X, n_channels), y, **weights)

    baseline = scorer(estimator, X, y, **weights)
    scores = Parallel(n_jobs=n_jobs)(
        delayed(score)(part, donor) for part in range(n_parts) for donor in donors[part]
    )
    importances = baseline - np.reshape(scores, (n_parts, n_repeats))
    return Bunch(
        importances=importances,
        importances_mean=importances.mean(axis=1),
        importances_std=importances.std(axis=1),
    )


def _steps(sequences):
    """Sequence and time of each step."""
    i = np.repeat(np.arange(len(sequences)), sequences.lengths)
    return i, np.arange(sequences.n_steps) - sequences.offsets[i]


def _with_channel(sequences, donor, channel):
    """Sequence i with this channel of sequence donor[i], repeated or cut to its length."""
    i, t = _steps(sequences)
    rows = sequences.offsets[donor[i]] + t % sequences.lengths[donor[i]]
    values = sequences.values
    parts = [values[:, :channel], values[rows][:, [channel]], values[:, channel + 1 :]]
    stacked = sparse.hstack(parts, format="csr") if sequences.is_sparse else np.hstack(parts)
    return sequences._with(stacked, sequences.columns)


def _with_window(sequences, donor, window, n_windows):
    """Sequence i with this window of sequence donor[i], repeated or cut to its length."""
    first, end = -(-np.outer([window, window + 1], sequences.lengths) // n_windows)  # rounded up
    i, t = _steps(sequences)
    size = (end - first)[donor[i]]
    inside = (t >= first[i]) & (t < end[i]) & (size > 0)
    rows = np.arange(sequences.n_steps)
    i, t, size = i[inside], t[inside], size[inside]
    rows[inside] = sequences.offsets[donor[i]] + first[donor[i]] + (t - first[i]) % size
    return sequences._with(sequences.values[rows], sequences.columns)


def step_scorer(scoring: str | Callable[..., float]) -> Callable[..., float]:
    """Make a scorer for one target per time step: all steps of all sequences are scored together.

    Parameters
    ----------
    scoring : str or callable
        Name of a scorer of scikit-learn, or a scorer made by `sklearn.metrics.make_scorer`.

    Returns
    -------
    callable
        ``scorer(estimator, X, y, sample_weight=None)``, for `scoring=` of scikit-learn's tools. y is a list
        of arrays of shape (n_steps,) or (n_steps, n_outputs); `sample_weight` has one weight per sequence, or
        is a list of arrays with one weight per step. Targets that are missing (NaN, None, pandas.NA, masked)
        or have the weight 0 are left out. If only some outputs of a step are left out, the score is the mean
        over the outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklstm import LSTMClassifier, step_scorer
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 1)) for n in rng.integers(3, 9, size=60)]
    >>> y = [(x[:, 0] > 0).astype(int) for x in X]
    >>> clf = LSTMClassifier(n_blocks=2, return_sequences=True, solver="lbfgs", max_iter=500, random_state=0)
    >>> bool(cross_val_score(clf, X, y, cv=3, scoring=step_scorer("roc_auc")).min() > 0.9)
    True
    """
    return _StepScorer(get_scorer(scoring))


def stack_steps(y: Any, predicted: Any, *, sample_weight: npt.ArrayLike | None = None) -> tuple[Array, ...]:
    """Stack targets and predictions of all steps that have a target, for any metric or display.

    Parameters
    ----------
    y : list of arrays of shape (n_steps,) or (n_steps, n_outputs)
        Targets. Steps whose target is missing (NaN, None, pandas.NA, masked) or has the weight 0 are left
        out.
    predicted : list of arrays with one row per step
        Result of `predict`, `predict_proba` or `cross_val_predict_steps`.
    sample_weight : array-like of shape (n_sequences,) or list of arrays of shape (n_steps,), default=None
        Weights.

    Returns
    -------
    y : ndarray of shape (n_targets,) or (n_targets, n_outputs)
    predicted : ndarray of shape (n_targets, ...)
    sample_weight : ndarray of shape (n_targets,)
        Only if it was given.

    Examples
    --------
    >>> from sklearn.metrics import f1_score
    >>> from sklstm import stack_steps
    >>> y, predicted = stack_steps([[1, None, 0], [1, 1]], [[1, 1, 0], [0, 1]])
    >>> y, predicted
    (array([1, 0, 1, 1]), array([1, 0, 0, 1]))
    >>> f1_score(y, predicted)
    0.8
    """
    targets, weight = _steps_to_score(y, sample_weight)
    if weight.ndim > 1:
        raise ValueError(
            "y or sample_weight leaves out single outputs of a step: stack the steps of one output after the "
            "other, [target[:, k] for target in y]."
        )
    keep = weight > 0
    pieces = [np.asarray(of_tensors(each, f"predicted[{i}]")) for i, each in enumerate(predicted)]
    flat = _stack_kept(pieces, np.split(keep, targets.offsets[1:-1]), "predicted")
    stacked = targets.natural(targets.counted(weight))[keep], flat
    return stacked if sample_weight is None else (*stacked, weight[keep])


def _steps_to_score(y, sample_weight):
    """Targets of all steps, and their weights, which are 0 where a target is missing."""
    targets = read_steps(y, None)
    columns = targets.values.shape[1] if targets.values.ndim == 2 else None
    weight = read_weights(sample_weight, np.diff(targets.offsets), True, columns)
    return targets, with_missing(weight, targets)


def _stack_kept(response, keep, name="X"):
    """Rows of the steps to keep; a sequence without any target has an empty mask."""
    if len(response) != len(keep):
        raise ValueError(f"{name} has {len(response)} sequences, y has targets for {len(keep)}.")
    pieces = []
    for i, (steps, kept) in enumerate(zip(response, keep, strict=True)):
        n = len(steps)
        if len(kept) != n and (kept[n:].any() or 0 < len(kept) < n):
            raise ValueError(f"y[{i}] has {len(kept)} targets; expected {n}, one per step.")
        pieces.append(steps[: len(kept)][kept[:n]])
    return np.concatenate(pieces)


class _StepScorer:
    def __init__(self, scorer):
        self._scorer = scorer

    def __call__(self, estimator, X, y, sample_weight=None):
        check_ids(y, X)
        check_ids(sample_weight, X, "sample_weight")
        targets, weight = _steps_to_score(y, sample_weight)
        flat = targets.natural(targets.counted(weight))
        flat = flat[:, 0] if flat.ndim == 2 and flat.shape[1] == 1 else flat
        cuts, responses = targets.offsets[1:-1], {}

        def score(target, weight, column):
            keep = weight > 0
            if not keep.any():
                raise ValueError("y has no target with a positive weight: there is nothing to score.")
            weights = {} if sample_weight is None else {"sample_weight": weight[keep]}
            steps = _Steps(estimator, np.split(keep, cuts), column, responses)
            return self._scorer(steps, X, target[keep], **weights)

        if weight.ndim == 1:
            return score(flat, weight, None)
        scores = [score(flat[:, k], weight[:, k], k) for k in np.flatnonzero(weight.any(axis=0))]
        return float(np.mean(scores))

    def __repr__(self):
        return f"step_scorer({self._scorer!r})"


class _Steps:
    """Estimator with stacked predictions: one row per step that counts, of all outputs or of one output."""

    def __init__(self, estimator, keep, column, responses):
        self._estimator = estimator
        self._keep, self._column, self._responses = keep, column, responses

    def __getattr__(self, name):
        attribute = getattr(self._estimator, name)
        if name not in RESPONSES:
            return attribute

        @wraps(attribute)
        def respond(X):
            if name not in self._responses:
                self._responses[name] = attribute(X)
            return self._stacked(self._responses[name])

        return respond

    def __sklearn_tags__(self):
        return self._estimator.__sklearn_tags__()

    def _stacked(self, response):
        if not all(np.ndim(each) for each in response):
            name = type(self._estimator).__name__
            raise ValueError(
                f"{name} does not predict one array per sequence: step_scorer needs return_sequences=True."
            )
        flat = _stack_kept(response, self._keep)
        return flat if self._column is None else flat[:, self._column]


def cross_val_predict_steps(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    cv: Any = None,
    method: Literal["predict", "predict_proba", "predict_log_proba", "decision_function"] = "predict",
    n_jobs: int | None = None,
    verbose: int = 0,
    params: dict[str, Any] | None = None,
) -> Array:
    """Predictions at every step, each by a model that has not learned from the sequence.

    This is scikit-learn's `cross_val_predict` for targets at every step. The function of scikit-learn cannot
    encode the labels of such targets, which it does for methods other than "predict".

    Parameters
    ----------
    estimator : estimator
        Estimator that predicts one array per sequence, by ``return_sequences=True``.
    X : sequences
        Any container that the estimator takes.
    y : list of arrays of shape (n_steps,) or (n_steps, n_outputs)
        Targets of the steps.
    groups, cv, n_jobs, verbose, params
        As in the function of scikit-learn. `cv` splits the sequences. They cannot be stratified, so an int or
        None means `KFold`.
    method : {"predict", "predict_proba", "predict_log_proba", "decision_function"}, default="predict"
        Method that is called.

    Returns
    -------
    ndarray of shape (n_sequences,)
        Object array of one array per sequence, in the order of X. Columns are in the order of the sorted
        labels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier, cross_val_predict_steps
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 1)) for n in rng.integers(3, 9, size=60)]
    >>> y = [(x[:, 0] > 0).astype(int) for x in X]
    >>> clf = LSTMClassifier(n_blocks=2, return_sequences=True, solver="lbfgs", max_iter=500, random_state=0)
    >>> p = cross_val_predict_steps(clf, X, y, cv=3, method="predict_proba")
    >>> p.shape == (60,) and p[7].shape == (len(X[7]), 2)
    True
    """
    if method not in RESPONSES:
        raise ValueError(f"method must be one of {list(RESPONSES)}, got {shown(method)}.")
    classes = None
    if method != "predict":
        targets = read_steps(y, None)
        classes = np.unique(targets.natural(targets.counted())[targets.counted()])
    return cross_val_predict(
        _Method(estimator, method, classes),
        X,
        y,
        groups=groups,
        cv=cv,
        n_jobs=n_jobs,
        verbose=verbose,
        params=params,
    )


class _Method(BaseEstimator):
    """Estimator that uses another method as its `predict`."""

    def __init__(self, estimator, method, classes):
        self.estimator = estimator
        self.method = method
        self.classes = classes

    def fit(self, X, y, **params):
        self.estimator_ = clone(self.estimator).fit(X, y, **params)
        if self.classes is not None and len(self.estimator_.classes_) < len(self.classes):
            unseen = np.setdiff1d(self.classes, self.estimator_.classes_)
            raise ValueError(
                f"No training sequence of a fold has a step of the class {shown(unseen[0])}: use fewer "
                "folds, or a cv that shuffles."
            )
        return self

    def predict(self, X):
        check_is_fitted(self)
        return getattr(self.estimator_, self.method)(X)
