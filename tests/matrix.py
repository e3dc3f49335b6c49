"""Every tool of scikit-learn that takes X and an estimator, with every container of sequences.

`make pages` writes docs/containers.md from it (tools/pages/containers_page.py). The same sequences come in
every container. A cell is

- "works": fitted and applied, and the result is that of the other containers;
- "padder": scikit-learn itself checks X as a table of numbers and refuses it before any code of this library
  runs; with `SequencePadder` in front and `n_channels` it works;
- "refused": refused, as it stands or behind `SequencePadder`, in words that name what to do instead;
- "fails": anything else.
"""

import importlib
import re
import warnings

import numpy as np
from scipy import sparse
from sklearn import ensemble, feature_selection, inspection, model_selection, multiclass, multioutput
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.decomposition import TruncatedSVD
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RANSACRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, OneHotEncoder, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils import resample, shuffle

import sklstm
from sklstm import (
    LSTMClassifier,
    LSTMEncoder,
    LSTMRegressor,
    PerTimeStep,
    SequenceImputer,
    SequenceOneHotEncoder,
    SequencePadder,
    SequencePatcher,
    Sequences,
    SequenceScaler,
    SequenceSummary,
)

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
GAPS = [np.where(RNG.random(x.shape) < 0.3, np.nan, x) for x in X]  # missing, but not at the last step
for x, whole in zip(GAPS, X):
    x[-1] = whole[-1]
WORDS_OF = [RNG.choice(["red", "green"], len(x)).tolist() for x in X]


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


def table(x):
    """A word and a number of each step, by name; x is a sequence of X."""
    i = next(i for i, other in enumerate(X) if other is x)
    return {"word": WORDS_OF[i], "number": x[:, 0].tolist()}


def frames(module):
    def container(X):
        library = importlib.import_module(module)
        return [(library.table if module == "pyarrow" else library.DataFrame)(table(x)) for x in X]

    container.needs = module
    return container


def table_of_lists(module):
    def container(X):
        library = importlib.import_module(module)
        cells = {name: [table(x)[name] for x in X] for name in ("word", "number")}
        return (library.table if module == "pyarrow" else library.DataFrame)(cells)

    container.needs = module
    return container


def long_table(X):
    steps = [(i, *step) for i, x in enumerate(X) for step in zip(*table(x).values())]
    return Sequences.from_long(dict(zip(("id", "word", "number"), zip(*steps))), id="id")


MIXED_CONTAINERS = {
    "arrays of objects": lambda X: [np.array(list(zip(*table(x).values())), dtype=object) for x in X],
    "`from_long`": long_table,
    "pandas frames": frames("pandas"),
    "polars frames": frames("polars"),
    "pyarrow tables": frames("pyarrow"),
    "pandas, lists in columns": table_of_lists("pandas"),
    "polars, lists in columns": table_of_lists("polars"),
    "pyarrow, lists in columns": table_of_lists("pyarrow"),
}


def flat(X):
    return Sequences.from_lengths(np.concatenate(X), [len(x) for x in X])


def containers(group):
    """What X comes in."""
    return MIXED_CONTAINERS if group == "words and numbers in a step" else CONTAINERS


def available(container):
    """Whether the library that makes it is installed."""
    needs = getattr((CONTAINERS | MIXED_CONTAINERS)[container], "needs", None)
    return needs is None or importlib.util.find_spec(needs) is not None


# ------------------------------------------------------------------------------------------------
# The rows. Each is a function of X and `n_channels` that gives an array, or an estimator and its y.

SMALL = {"n_blocks": 1, "max_iter": 1, "random_state": 0}


def classifier(n_channels, **options):
    return LSTMClassifier(n_channels=n_channels, **SMALL | options)


def regressor(n_channels, **options):
    return LSTMRegressor(n_channels=n_channels, **SMALL | options)


def split_by(splitter, y, n=N):
    """Cross-validated scores over the splits of the first n sequences."""

    def row(X, n_channels):
        return model_selection.cross_val_score(
            regressor(n_channels),
            X[:n] if n < N else X,
            y[:n],
            cv=splitter,
            groups=GROUPS[:n],
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
        classifier(n_channels),
        X,
        LABELS,
        cv=2,
        return_train_score=True,
        return_estimator=True,
        error_score="raise",
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
    "TransformedTargetRegressor": lambda e: TransformedTargetRegressor(
        e, func=np.negative, inverse_func=np.negative
    ),
    "VotingRegressor": lambda e: ensemble.VotingRegressor(two(e)),
    "StackingRegressor": lambda e: ensemble.StackingRegressor(two(e), cv=2),
    "StackingRegressor(passthrough=True), final with SimpleImputer": lambda e: ensemble.StackingRegressor(
        two(e), make_pipeline(SimpleImputer(), LinearRegression()), cv=2, passthrough=True
    ),
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


def steps_of(X):
    """Targets of the steps, the first of each sequence missing, and their labels."""
    targets = [np.r_[np.nan, x[1:, 0]] for x in globals()["X"]]
    return targets, [[None, *(target[1:] > 0).astype(int).tolist()] for target in targets]


def at_every_step(work):
    """Work of (estimator, X, y), which gives arrays, on targets at every step, some of them missing."""

    def row(X, n_channels):
        targets, labels = steps_of(X)
        options = {"return_sequences": True}
        results = [
            work(regressor(n_channels, **options), X, targets),
            work(classifier(n_channels, **options), X, labels),
        ]
        return np.concatenate([np.concatenate([np.ravel(part) for part in result]) for result in results])

    return row


def step_search(model, X, y):
    scorer = sklstm.step_scorer("accuracy" if hasattr(model, "class_weight") else "r2")
    folds = cv.KFold(2)  # an int asks what kind of labels a list of lists is, which scikit-learn refuses
    search = cv.GridSearchCV(model, RATES, cv=folds, scoring=scorer, error_score="raise")
    return search.fit(X, y).predict(X)


def transformed_steps(X, n_channels):
    model = sklstm.TransformedStepTargetRegressor(
        regressor(n_channels, return_sequences=True), transformer=StandardScaler()
    )
    grid = {"regressor__learning_rate": [0.01, 0.1]}
    search = cv.GridSearchCV(model, grid, cv=2, error_score="raise")
    return np.concatenate(list(search.fit(X, steps_of(X)[0]).predict(X)))


def weights_of_steps(model, X, y):
    weights = [np.r_[0.0, np.ones(len(x) - 1)] for x in globals()["X"]]
    return model.fit(X, y, sample_weight=weights).predict(X)


def estimator(make, base, y):
    """Fit an estimator and predict."""

    def row(X, n_channels):
        model = make(base(n_channels))
        if isinstance(model, FrozenEstimator):
            model.estimator.fit(X, y)
        model.fit(X, y)
        names = [name for name in ("predict", "predict_proba") if hasattr(model, name)] or ["transform"]
        return np.concatenate([np.asarray(getattr(model, name)(X), dtype=float).ravel() for name in names])

    return row


def pipeline(*steps):
    """Fit a pipeline of steps, functions of n_channels, and predict."""
    return estimator(lambda n: make_pipeline(*(step(n) for step in steps)), lambda n: n, LABELS)


def with_gaps(row):
    """A row of sequences some values of which are missing."""
    row.data = GAPS
    return row


def imputed(n_channels):
    return make_pipeline(SequenceImputer(add_indicator=True, n_channels=n_channels), classifier(None))


def by_column(X, words, numbers):
    """A transformer of the words and of the numbers, by name or, in arrays, by place."""
    nameless = isinstance(X[0] if isinstance(X, list) else X, np.ndarray)
    places = ([0], [1]) if nameless else (["word"], ["number"])
    return PerTimeStep(make_column_transformer((words, places[0]), (numbers, places[1])))


def of_columns(make):
    """Fit a pipeline whose steps are made for these columns, and predict."""
    return lambda X, n: make_pipeline(*make(X), classifier(None)).fit(X, LABELS).predict_proba(X)


def columns_in_a_search(X, n_channels):
    encoder = OneHotEncoder(sparse_output=False, handle_unknown="ignore")
    model = make_pipeline(by_column(X, encoder, StandardScaler()), classifier(None))
    grid = {"lstmclassifier__learning_rate": [0.01, 0.1]}
    search = cv.GridSearchCV(model, grid, cv=2, error_score="raise")
    return search.fit(X, LABELS).predict_proba(X)


def features(n):
    return FeatureUnion([("net", LSTMEncoder(classifier(n))), ("summary", SequenceSummary(n_channels=n))])


cv = model_selection
ROWS = {
    "splitters": {
        "KFold": split_by(cv.KFold(3), NUMBERS),
        "StratifiedKFold": split_by(cv.StratifiedKFold(2), LABELS),
        "GroupKFold": split_by(cv.GroupKFold(3), NUMBERS),
        "StratifiedGroupKFold": split_by(cv.StratifiedGroupKFold(2), LABELS),
        "RepeatedKFold": split_by(cv.RepeatedKFold(n_splits=2, n_repeats=2, random_state=0), NUMBERS),
        "RepeatedStratifiedKFold": split_by(
            cv.RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0), LABELS
        ),
        "ShuffleSplit": split_by(cv.ShuffleSplit(2, random_state=0), NUMBERS),
        "StratifiedShuffleSplit": split_by(cv.StratifiedShuffleSplit(2, random_state=0), LABELS),
        "GroupShuffleSplit": split_by(cv.GroupShuffleSplit(2, random_state=0), NUMBERS),
        "LeaveOneOut": split_by(cv.LeaveOneOut(), NUMBERS, 6),
        "LeavePOut": split_by(cv.LeavePOut(2), NUMBERS, 4),
        "LeaveOneGroupOut": split_by(cv.LeaveOneGroupOut(), NUMBERS),
        "LeavePGroupsOut": split_by(cv.LeavePGroupsOut(2), NUMBERS),
        "PredefinedSplit": split_by(cv.PredefinedSplit(np.arange(N) % 3), NUMBERS),
        "TimeSeriesSplit": split_by(cv.TimeSeriesSplit(2), NUMBERS),
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
        "SelfTrainingClassifier": estimator(
            lambda e: SelfTrainingClassifier(e, max_iter=1), classifier, UNLABELLED
        ),
        "MultiOutputClassifier": estimator(multioutput.MultiOutputClassifier, classifier, PAIRS),
        "ClassifierChain": estimator(lambda e: multioutput.ClassifierChain(e), classifier, PAIRS),
        **{name: estimator(make, regressor, NUMBERS) for name, make in REGRESSORS.items()},
        "MultiOutputRegressor": estimator(multioutput.MultiOutputRegressor, regressor, FLOATS),
        "RegressorChain": estimator(lambda e: multioutput.RegressorChain(e), regressor, FLOATS),
    },
    "pipelines": {
        "SequenceScaler, LSTM": pipeline(lambda n: SequenceScaler(n_channels=n), classifier),
        "SequenceScaler(MaxAbsScaler()), LSTM": pipeline(
            lambda n: SequenceScaler(MaxAbsScaler(), n_channels=n), classifier
        ),
        "PerTimeStep(TruncatedSVD()), LSTM": pipeline(
            lambda n: PerTimeStep(TruncatedSVD(1, random_state=0), n_channels=n), lambda n: classifier(None)
        ),
        "SequenceOneHotEncoder, LSTM": pipeline(
            lambda n: SequenceOneHotEncoder(n_channels=n, handle_unknown="ignore"), lambda n: classifier(None)
        ),
        "SequencePadder, LSTM": pipeline(lambda n: SequencePadder(n_channels=n), lambda n: classifier(D)),
        "SequencePadder, StandardScaler, LSTM": pipeline(
            lambda n: SequencePadder(n_channels=n), lambda n: StandardScaler(), lambda n: classifier(D)
        ),
        "SequencePatcher, LSTM": pipeline(
            lambda n: SequencePatcher(3, n_channels=n), lambda n: classifier(None)
        ),
        "FunctionTransformer, LSTM": pipeline(lambda n: FunctionTransformer(), classifier),
        "FeatureUnion(LSTMEncoder, SequenceSummary), LogisticRegression": pipeline(
            features, lambda n: LogisticRegression()
        ),
        "StandardScaler, LSTM": pipeline(lambda n: StandardScaler(), classifier),
    },
    "missing values": {
        name: with_gaps(row)
        for name, row in {
            "LSTM": pipeline(classifier),
            "SequenceImputer, LSTM": pipeline(
                lambda n: SequenceImputer(add_indicator=True, n_channels=n), lambda n: classifier(None)
            ),
            "PerTimeStep(SimpleImputer()), LSTM": pipeline(
                lambda n: PerTimeStep(SimpleImputer(), n_channels=n), classifier
            ),
            "SequenceScaler(MaxAbsScaler()), SequenceImputer, LSTM": pipeline(
                lambda n: SequenceScaler(MaxAbsScaler(), n_channels=n),
                lambda n: SequenceImputer("mean", n_channels=n),
                classifier,
            ),
            "SequenceSummary, SimpleImputer, LogisticRegression": pipeline(
                lambda n: SequenceSummary(n_channels=n),
                lambda n: SimpleImputer(),
                lambda n: LogisticRegression(),
            ),
            "cross_val_score(SequenceImputer, LSTM)": lambda X, n: cv.cross_val_score(
                imputed(n), X, LABELS, cv=2, error_score="raise"
            ),
        }.items()
    },
    "targets at every step, some missing": {
        "LSTM, targets of steps": at_every_step(lambda model, X, y: model.fit(X, y).predict(X)),
        "sample_weight, one per step": at_every_step(weights_of_steps),
        "early_stopping": at_every_step(
            lambda model, X, y: model.set_params(early_stopping=True).fit(X, y).predict(X)
        ),
        "cross_val_score, targets of steps": at_every_step(
            lambda model, X, y: [cv.cross_val_score(model, X, y, cv=cv.KFold(2), error_score="raise")]
        ),
        "cross_val_predict, targets of steps": at_every_step(
            lambda model, X, y: cv.cross_val_predict(model, X, y, cv=cv.KFold(2))
        ),
        "GridSearchCV(cv=KFold(2), scoring=step_scorer(...))": at_every_step(step_search),
        "GridSearchCV(TransformedStepTargetRegressor(...))": transformed_steps,
    },
    "words and numbers in a step": {
        "PerTimeStep(ColumnTransformer(...)), LSTM": of_columns(
            lambda X: [by_column(X, OneHotEncoder(sparse_output=False), StandardScaler())]
        ),
        "SequenceOneHotEncoder(columns=...), LSTM": of_columns(
            lambda X: [SequenceOneHotEncoder(columns=[0], handle_unknown="ignore")]
        ),
        "PerTimeStep(ColumnTransformer(...)), SequenceScaler, LSTM": of_columns(
            lambda X: [by_column(X, OneHotEncoder(sparse_output=False), "passthrough"), SequenceScaler()]
        ),
        "GridSearchCV(PerTimeStep(ColumnTransformer(...)), LSTM)": columns_in_a_search,
        "LSTM, words and numbers": of_columns(lambda X: []),
    },
    "selection and inspection": {
        "SequentialFeatureSelector": estimator(
            lambda e: feature_selection.SequentialFeatureSelector(e, n_features_to_select=9, cv=2),
            regressor,
            NUMBERS,
        ),
        "RFE": estimator(lambda e: feature_selection.RFE(e), regressor, NUMBERS),
        "SelectFromModel": estimator(lambda e: feature_selection.SelectFromModel(e), regressor, NUMBERS),
        "sklearn permutation_importance": importance,
        "sklstm.permutation_importance": sequence_importance,
        "partial_dependence": dependence,
    },
}
REFUSES_NAN = re.compile(
    "AdaBoost|Chain|SequentialFeatureSelector|SelectFromModel"
)  # need SequencePadder(padding="largest")
REMEDY = re.compile(
    r"SequencePadder|n_channels|PerTimeStep|sklstm\.permutation_importance|with_mean=False|importance_getter"
    r"|expected a dense array|SequenceOneHotEncoder|SequenceImputer"
)


# ------------------------------------------------------------------------------------------------
# The cells.


def container_of(name, data=X):
    """X in that container, and the `n_channels` with which it is read."""
    return (CONTAINERS | MIXED_CONTAINERS)[name](data), D if name.startswith("2-D") else None


def attempt(row, X, n_channels):
    """The result, or the error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return np.asarray(row(X, n_channels), dtype=float)
        except Exception as error:
            return error


def cell(name, row, container):
    """What becomes of it: a word, the results, and the first error's message."""
    X, n_channels = container_of(container, getattr(row, "data", globals()["X"]))
    result = attempt(row, X, n_channels)
    if not isinstance(result, Exception):
        return "works", result, ""
    message = str(result)
    if REMEDY.search(message) and "SequencePadder" not in message:
        return "refused", None, message
    padding = "largest" if REFUSES_NAN.search(name) else "nan"
    rows = SequencePadder(padding=padding, n_channels=n_channels).fit_transform(X)
    result = attempt(row, rows, D)
    if not isinstance(result, Exception):
        return "padder", result, message
    return ("refused" if REMEDY.search(str(result)) else "fails"), None, message


MARKS = {"works": "✓", "padder": "P", "refused": "r", "fails": "FAILS"}
