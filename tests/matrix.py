"""Every tool of scikit-learn that takes X and an estimator, against every container of sequences.

    python tests/matrix.py

writes docs/containers.md. The same sequences come in every container. A cell is

- "works": fitted and applied, with the result, to the bit, that a list of arrays or padded rows give;
- "refused": an error whose message names what to do instead;
- "padder": scikit-learn itself checks X as a table of numbers and refuses it, before any code of this library
  runs, in words that know nothing of sequences; behind `SequencePadder` and with `n_channels` it works;
- "fails": anything else.
"""

import importlib
import re
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import sklearn
from scipy import sparse
from sklearn import ensemble, feature_selection, inspection, model_selection, multiclass, multioutput
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RANSACRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils import resample, shuffle

import sklstm
from sklstm import (
    LSTMClassifier,
    LSTMEncoder,
    LSTMRegressor,
    PerTimeStep,
    SequenceOneHotEncoder,
    SequencePadder,
    Sequences,
    SequenceScaler,
    SequenceSummary,
)

PAGE = Path(__file__).parents[1] / "docs" / "containers.md"
D = 2  # features of a time step
RNG = np.random.default_rng(0)
X = [RNG.integers(-9, 10, size=(T, D)) / 4 for T in (2, 4, 3, 5, 3, 2, 4, 4, 3, 5, 2, 3)]
N = len(X)
LABELS = np.arange(N) % 2
NUMBERS = np.array([x.sum() for x in X])
GROUPS = np.arange(N) // 2 % 3
PAIRS = np.column_stack([LABELS, LABELS[::-1]])
UNLABELLED = np.where(np.arange(N) < 8, LABELS, -1)
FLOATS = np.column_stack([NUMBERS, -NUMBERS])


def object_array(elements):
    result = np.empty(len(elements), dtype=object)
    for i, element in enumerate(elements):
        result[i] = element
    return result


def column(module, make):
    def container(X):
        return make(importlib.import_module(module), [x.tolist() for x in X])

    container.needs = module
    return container


CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "object array": object_array,
    "object column": lambda X: object_array(X).reshape(-1, 1),
    "3-D, NaN-padded": lambda X: flat(X).to_padded(),
    "2-D, NaN-padded": lambda X: flat(X).to_padded().reshape(len(X), -1),
    "sparse list": lambda X: [sparse.csr_array(x) for x in X],
    "Sequences": lambda X: flat(X),
    "pandas": column("pandas", lambda pd, X: pd.Series(X)),
    "polars": column("polars", lambda pl, X: pl.Series(X)),
    "pyarrow": column("pyarrow", lambda pa, X: pa.chunked_array([X])),
    "awkward": column("awkward", lambda ak, X: ak.Array(X)),
}


def flat(X):
    return Sequences.from_lengths(np.concatenate(X), [len(x) for x in X])


def available(container):
    """Whether the library that makes it is installed."""
    needs = getattr(CONTAINERS[container], "needs", None)
    return needs is None or importlib.util.find_spec(needs) is not None


# ------------------------------------------------------------------------------------------------
# The rows. Each is a function of X and `n_channels` that gives an array, or an estimator and its y.

SMALL = {"n_blocks": 1, "max_iter": 1, "random_state": 0}


def classifier(n_channels, **options):
    return LSTMClassifier(n_channels=n_channels, **SMALL | options)


def regressor(n_channels, **options):
    return LSTMRegressor(n_channels=n_channels, **SMALL | options)


def split_by(splitter, n=N):
    """Cross-validated scores, and the splits themselves."""

    def row(X, n_channels):
        part = X[:n] if n < N else X
        y = NUMBERS[:n]
        groups = GROUPS[:n]
        if isinstance(splitter, model_selection.BaseCrossValidator) and "Stratified" in type(splitter).__name__:
            y = LABELS[:n]
        return model_selection.cross_val_score(
            regressor(n_channels),
            part,
            y,
            cv=splitter,
            groups=groups,
            scoring="neg_mean_squared_error",
            error_score="raise",
        )

    return row


def train_test_split(X, n_channels):
    train, test, y, _ = model_selection.train_test_split(X, LABELS, stratify=LABELS, random_state=0)
    return classifier(n_channels).fit(train, y).predict_proba(test)


def resampled(X, n_channels):
    mixed, y = shuffle(*resample(X, NUMBERS, random_state=0), random_state=0)
    return regressor(n_channels).fit(mixed, y).predict(mixed)


def cross_validate(X, n_channels):
    result = model_selection.cross_validate(
        classifier(n_channels), X, LABELS, cv=2, return_train_score=True, return_estimator=True, error_score="raise"
    )
    return np.r_[result["test_score"], result["train_score"], result["estimator"][0].weights_]


def cross_val_predict(method):
    return lambda X, n: model_selection.cross_val_predict(classifier(n), X, LABELS, cv=2, method=method)


def curve(X, n_channels):
    options = {"cv": 2, "error_score": "raise", "train_sizes": [3, 6], "shuffle": True, "random_state": 0}
    return np.r_[model_selection.learning_curve(regressor(n_channels), X, NUMBERS, **options)[1:]]


def validation_curve(X, n_channels):
    options = {"param_name": "learning_rate", "param_range": [0.1, 0.2], "cv": 2, "error_score": "raise"}
    return np.r_[model_selection.validation_curve(regressor(n_channels), X, NUMBERS, **options)]


def permutation_test(X, n_channels):
    test = model_selection.permutation_test_score
    return test(regressor(n_channels), X, NUMBERS, cv=2, n_permutations=2, random_state=0)[1]


RATES = {"learning_rate": [0.01, 0.1]}
SEARCHES = {
    "GridSearchCV": lambda e: model_selection.GridSearchCV(e, RATES, cv=2, error_score="raise"),
    "RandomizedSearchCV": lambda e: model_selection.RandomizedSearchCV(
        e, RATES, n_iter=2, cv=2, random_state=0, error_score="raise"
    ),
    "HalvingGridSearchCV": lambda e: model_selection.HalvingGridSearchCV(
        e, RATES, cv=2, min_resources=6, factor=2, random_state=0, error_score="raise"
    ),
    'HalvingGridSearchCV(resource="max_iter")': lambda e: model_selection.HalvingGridSearchCV(
        e, RATES, cv=2, resource="max_iter", max_resources=2, factor=2, random_state=0, error_score="raise"
    ),
    "HalvingRandomSearchCV": lambda e: model_selection.HalvingRandomSearchCV(
        e, RATES, n_candidates=2, cv=2, min_resources=6, factor=2, random_state=0, error_score="raise"
    ),
}


def two(e):
    return [("a", e), ("b", clone(e).set_params(random_state=1))]


CLASSIFIERS = {
    "CalibratedClassifierCV": lambda e: CalibratedClassifierCV(e, cv=2),
    "TunedThresholdClassifierCV": lambda e: model_selection.TunedThresholdClassifierCV(e, cv=2, thresholds=5),
    "FixedThresholdClassifier": lambda e: model_selection.FixedThresholdClassifier(e, threshold=0.4),
    "VotingClassifier": lambda e: ensemble.VotingClassifier(two(e), voting="soft"),
    "StackingClassifier": lambda e: ensemble.StackingClassifier(two(e), LogisticRegression(), cv=2),
    "BaggingClassifier": lambda e: ensemble.BaggingClassifier(e, n_estimators=2, random_state=0),
    "AdaBoostClassifier": lambda e: ensemble.AdaBoostClassifier(e, n_estimators=2, random_state=0),
    "OneVsRestClassifier": multiclass.OneVsRestClassifier,
    "OneVsOneClassifier": multiclass.OneVsOneClassifier,
    "OutputCodeClassifier": lambda e: multiclass.OutputCodeClassifier(e, random_state=0),
    "FrozenEstimator": lambda e: FrozenEstimator(e),
}
REGRESSORS = {
    "TransformedTargetRegressor": lambda e: TransformedTargetRegressor(e, func=np.negative, inverse_func=np.negative),
    "VotingRegressor": lambda e: ensemble.VotingRegressor(two(e)),
    "StackingRegressor": lambda e: ensemble.StackingRegressor(two(e), cv=2),
    "StackingRegressor(passthrough)": lambda e: ensemble.StackingRegressor(two(e), cv=2, passthrough=True),
    "BaggingRegressor": lambda e: ensemble.BaggingRegressor(e, n_estimators=2, random_state=0),
    "AdaBoostRegressor": lambda e: ensemble.AdaBoostRegressor(e, n_estimators=2, random_state=0),
    "RANSACRegressor": lambda e: RANSACRegressor(e, min_samples=6, max_trials=2, random_state=0),
}


def importance(X, n_channels):
    model = regressor(n_channels).fit(X, NUMBERS)
    return inspection.permutation_importance(model, X, NUMBERS, n_repeats=1, random_state=0).importances


def sequence_importance(X, n_channels):
    model = regressor(n_channels).fit(X, NUMBERS)
    options = {"n_repeats": 1, "random_state": 0, "n_channels": n_channels}
    parts = [sklstm.permutation_importance(model, X, NUMBERS, **options)]
    parts += [sklstm.permutation_importance(model, X, NUMBERS, by="windows", n_windows=2, **options)]
    return np.r_[parts[0].importances, parts[1].importances]


def dependence(X, n_channels):
    model = regressor(n_channels).fit(X, NUMBERS)
    return inspection.partial_dependence(model, X, [0], grid_resolution=3, kind="average")["average"]


def of_steps(X, n_channels):
    options = {"return_sequences": True}
    y = [x[:, 0].cumsum() for x in globals()["X"]]
    labels = [(each > 0).astype(int) for each in y]
    scorer = sklstm.step_scorer("neg_mean_absolute_error")
    scores = model_selection.cross_val_score(
        regressor(n_channels, **options), X, y, cv=2, scoring=scorer, error_score="raise"
    )
    predicted = sklstm.cross_val_predict_steps(
        classifier(n_channels, **options), X, labels, cv=2, method="predict_proba"
    )
    return np.r_[scores, np.concatenate(list(predicted)).ravel()]


def estimator(make, base, y):
    """A row that fits an estimator and predicts."""

    def row(X, n_channels):
        return _fitted(make(base(n_channels)), X, y)

    row.make = lambda n_channels: make(base(n_channels))
    row.y = y
    return row


def _fitted(model, X, y):
    if isinstance(model, FrozenEstimator):
        model.estimator.fit(X, y)
    model.fit(X, y)
    results = [model.predict(X)] + ([model.predict_proba(X)] if hasattr(model, "predict_proba") else [])
    return np.concatenate([np.asarray(result, dtype=float).ravel() for result in results])


def pipeline(*steps):
    """A row with transformers before the LSTM, or before a linear model if they make a table."""

    def make(n_channels):
        made = [step(n_channels) for step in steps]
        return make_pipeline(*made)

    return estimator(make, lambda n_channels: n_channels, LABELS)


cv = model_selection
ROWS = {
    "splitters": {
        "KFold": split_by(cv.KFold(3)),
        "StratifiedKFold": split_by(cv.StratifiedKFold(2)),
        "GroupKFold": split_by(cv.GroupKFold(3)),
        "StratifiedGroupKFold": split_by(cv.StratifiedGroupKFold(2)),
        "RepeatedKFold": split_by(cv.RepeatedKFold(n_splits=2, n_repeats=2, random_state=0)),
        "RepeatedStratifiedKFold": split_by(cv.RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0)),
        "ShuffleSplit": split_by(cv.ShuffleSplit(2, random_state=0)),
        "StratifiedShuffleSplit": split_by(cv.StratifiedShuffleSplit(2, random_state=0)),
        "GroupShuffleSplit": split_by(cv.GroupShuffleSplit(2, random_state=0)),
        "LeaveOneOut": split_by(cv.LeaveOneOut(), 6),
        "LeavePOut": split_by(cv.LeavePOut(2), 4),
        "LeaveOneGroupOut": split_by(cv.LeaveOneGroupOut()),
        "LeavePGroupsOut": split_by(cv.LeavePGroupsOut(2)),
        "PredefinedSplit": split_by(cv.PredefinedSplit(np.arange(N) % 3)),
        "TimeSeriesSplit": split_by(cv.TimeSeriesSplit(2)),
        "train_test_split": train_test_split,
        "resample, shuffle": resampled,
    },
    "validation": {
        "cross_validate": cross_validate,
        "cross_val_predict": cross_val_predict("predict"),
        'cross_val_predict(method="predict_proba")': cross_val_predict("predict_proba"),
        "learning_curve": curve,
        "validation_curve": validation_curve,
        "permutation_test_score": permutation_test,
        "step_scorer, cross_val_predict_steps": of_steps,
    },
    "searches": {name: estimator(make, regressor, NUMBERS) for name, make in SEARCHES.items()},
    "meta-estimators": {
        **{name: estimator(make, classifier, LABELS) for name, make in CLASSIFIERS.items()},
        "SelfTrainingClassifier": estimator(lambda e: SelfTrainingClassifier(e, max_iter=1), classifier, UNLABELLED),
        "MultiOutputClassifier": estimator(
            lambda e: multioutput.MultiOutputClassifier(e), lambda n: classifier(n), PAIRS
        ),
        "ClassifierChain": estimator(lambda e: multioutput.ClassifierChain(e), classifier, PAIRS),
        **{name: estimator(make, regressor, NUMBERS) for name, make in REGRESSORS.items()},
        "MultiOutputRegressor": estimator(multioutput.MultiOutputRegressor, regressor, FLOATS),
        "RegressorChain": estimator(lambda e: multioutput.RegressorChain(e), regressor, FLOATS),
    },
    "pipelines": {
        "Pipeline of SequenceScaler": pipeline(lambda n: SequenceScaler(n_channels=n), classifier),
    },
    "selection and inspection": {
        "SequentialFeatureSelector": estimator(
            lambda e: make_pipeline(
                feature_selection.SequentialFeatureSelector(e, n_features_to_select=9, cv=2), clone(e)
            ),
            regressor,
            NUMBERS,
        ),
        "sklearn permutation_importance": importance,
        "sklstm.permutation_importance": sequence_importance,
        "partial_dependence": dependence,
    },
}
