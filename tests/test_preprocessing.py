"""Transformers for sequences: what they compute, the containers they give back, what they refuse."""

import re

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, MinMaxScaler, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

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
from sklstm._sequences import as_sequences  # reads every container that transformers give back

# Most fits here are short, and numbers are symbols, too.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Learning has not converged"),
    pytest.mark.filterwarnings("ignore:The feature .* different numbers, such as:UserWarning"),
]

NAN = np.nan
RNG = np.random.default_rng(0)
X = [RNG.normal(3, 2, size=(T, 2)) for T in RNG.integers(2, 7, 20)]
STEPS = np.concatenate(X)
LENGTHS = [len(x) for x in X]
Y = np.arange(20) % 2
SMALL = {"n_blocks": 2, "max_iter": 2, "random_state": 0}


def object_array(elements):
    result = np.empty(len(elements), dtype=object)
    for i, element in enumerate(elements):
        result[i] = element
    return result


def column(module, make):
    return lambda X: make(pytest.importorskip(module), [x.tolist() for x in X])


CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "object array": object_array,
    "object column": lambda X: object_array(X).reshape(-1, 1),
    "3-D": lambda X: as_sequences(X).to_padded(),
    "Sequences": as_sequences,
    "pandas": column("pandas", lambda pd, X: pd.Series(X, index=range(5, 25), name="x")),
    "pandas data frame": column("pandas", lambda pd, X: pd.DataFrame({"x": X})),
    "polars": column("polars", lambda pl, X: pl.Series("x", X)),
    "pyarrow": column("pyarrow", lambda pa, X: pa.array(X)),
    "pyarrow chunks": column("pyarrow", lambda pa, X: pa.chunked_array([X])),
    "awkward": column("awkward", lambda ak, X: ak.Array(X)),
}
LSTM = LSTMClassifier(n_blocks=2, solver="lbfgs", random_state=0)
CHECKED = [
    SequenceScaler(),
    PerTimeStep(StandardScaler()),
    SequenceOneHotEncoder(sparse_output=False, handle_unknown="ignore"),  # NumPy asks for the result
    SequencePadder(),
    SequencePadder(output="array"),
    SequenceSummary(),
    LSTMEncoder(LSTM),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@pytest.mark.filterwarnings("ignore:X has channels that")
@pytest.mark.draws_globally
@pytest.mark.parametrize("transformer", CHECKED, ids=repr)
def test_scikit_learns_checks(transformer):
    results = check_estimator(transformer, on_fail=None, on_skip=None)
    failed = {r["check_name"]: r["exception"] for r in results if r["status"] in ("failed", "xfail")}
    if sklearn.__version__.startswith("1.6") and isinstance(transformer, SequenceOneHotEncoder):
        failed.pop("check_positive_only_tag_during_fit")  # it subtracts floats from its own integers
    assert failed == {}
    assert len(results) > 40


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize(
    ("transformer", "inner"),
    [(SequenceScaler(), StandardScaler()), (PerTimeStep(PCA(1)), PCA(1))],
    ids=["scaler", "PCA"],
)
def test_sequences_in_the_container_that_came(transformer, inner, make):
    data = make(X)
    result = clone(transformer).fit_transform(data)
    assert type(result) is type(data)
    assert len(result) == len(data)
    sequences = as_sequences(result)
    assert_allclose(sequences.values, clone(inner).fit_transform(STEPS), rtol=1e-12)
    assert_array_equal(sequences.lengths, LENGTHS)
    if hasattr(data, "iloc"):
        assert result.index.equals(data.index)
        assert getattr(result, "name", None) == getattr(data, "name", None)


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize("transformer", [SequencePadder(), SequenceSummary(), LSTMEncoder(LSTM)], ids=repr)
def test_tables_of_any_container(transformer, make):
    expected = clone(transformer).fit(X, Y).transform(X)
    result = clone(transformer).fit(make(X), Y).transform(make(X))
    assert_array_equal(result, expected, strict=True)


# Scalers and other transformers of steps.


def test_the_scaler_undoes_what_it_did():
    scaler = SequenceScaler(MinMaxScaler()).fit(X)
    scaled = scaler.transform(X)
    assert np.concatenate(scaled).min(axis=0).tolist() == [0, 0]
    assert_allclose(np.concatenate(scaler.inverse_transform(scaled)), STEPS, rtol=1e-12)
    assert scaler.transform([x.astype(np.float32) for x in X])[0].dtype == np.float32


def test_rows_of_several_channels():
    rows = SequencePadder().fit_transform(X)
    scaled = SequenceScaler(n_channels=2).fit_transform(rows)
    assert_array_equal(scaled, SequencePadder().fit_transform(SequenceScaler().fit_transform(X)))
    reduced = PerTimeStep(PCA(1), n_channels=2).fit_transform(rows)
    assert reduced.shape == (20, max(LENGTHS), 1)
    assert_array_equal(np.isnan(reduced[..., 0]).sum(axis=1), max(LENGTHS) - np.array(LENGTHS))


def test_sparse_sequences_are_scaled():
    matrices = [sparse.csr_array(x) for x in X]
    scaled = SequenceScaler(MaxAbsScaler()).fit_transform(matrices)
    assert all(sparse.issparse(x) for x in scaled)
    assert_allclose(scaled[3].toarray(), X[3] / np.abs(STEPS).max(axis=0), rtol=1e-12)
    with pytest.raises(ValueError, match="with_mean=False"):
        SequenceScaler().fit(matrices)


@pytest.mark.parametrize("y", [Y, Y.tolist(), [np.full(n, c) for n, c in zip(LENGTHS, Y)]], ids=type)
def test_a_transformer_that_needs_y_gets_that_of_each_step(y):
    projected = PerTimeStep(LinearDiscriminantAnalysis()).fit(X, y).transform(X)
    expected = LinearDiscriminantAnalysis().fit(STEPS, np.repeat(Y, LENGTHS)).transform(STEPS)
    assert_allclose(np.concatenate(projected), expected, rtol=1e-12)


def test_a_transformer_without_inverse():
    assert not hasattr(PerTimeStep(LinearDiscriminantAnalysis()), "inverse_transform")
    assert hasattr(PerTimeStep(PCA()), "inverse_transform")


# Symbols.

WORDS = ["BTXSE", "BPVE", "B"]


@pytest.mark.parametrize(
    "make",
    [
        list,
        tuple,
        lambda words: [list(word) for word in words],
        lambda words: object_array([np.array(list(word)) for word in words]),
        lambda words: Sequences([[ord(c)] for word in words for c in word], [0, 5, 9, 10]),
        column("pandas", lambda pd, words: pd.Series(words)),
        column("polars", lambda pl, words: pl.Series(words)),
        column("pyarrow", lambda pa, words: pa.array(words)),
        column("awkward", lambda ak, words: ak.Array(words)),
    ],
    ids=["strings", "tuple", "lists", "arrays", "Sequences", "pandas", "polars", "pyarrow", "awkward"],
)
def test_symbols(make):
    try:
        words = make(WORDS)
    except AttributeError:  # the libraries' columns are made of arrays
        words = make([np.array(list(word)) for word in WORDS])
    encoder = SequenceOneHotEncoder()
    sequences = as_sequences(encoder.fit_transform(words))
    alphabet = sorted(set("".join(WORDS)))
    assert [ord(c) if isinstance(c, str) else c for c in encoder.categories_[0]] == list(map(ord, alphabet))
    assert sequences.is_sparse
    expected = [np.eye(7)[alphabet.index(c)] for word in WORDS for c in word]
    assert_array_equal(sequences.values.toarray(), expected)
    assert_array_equal(sequences.lengths, [5, 4, 1])
    dense = encoder.set_params(sparse_output=False).fit_transform(words)
    assert type(dense) is type(words)
    assert_array_equal(as_sequences(dense).values, expected)


def test_symbols_of_several_features_and_back():
    words = [[["a", "1"], ["b", "2"]], [["b", "1"]]]
    encoder = SequenceOneHotEncoder().fit(words)
    assert encoder.get_feature_names_out().tolist() == ["x0_a", "x0_b", "x1_1", "x1_2"]
    one_hot = encoder.transform(words)
    assert one_hot[0].toarray().tolist() == [[1, 0, 1, 0], [0, 1, 0, 1]]
    assert [word.tolist() for word in encoder.inverse_transform(one_hot)] == words


SYMBOLS = {
    "strings": lambda words: ["".join(word) for word in words],
    "lists": lambda words: [list(word) for word in words],
    "tuples": lambda words: tuple(tuple(word) for word in words),
    "arrays": lambda words: [np.array(word) for word in words],
    "object array of lists": object_array,
    "object array of arrays": lambda words: object_array([np.array(word) for word in words]),
    "pandas": lambda words: pytest.importorskip("pandas").Series(words),
    "pandas data frame": lambda words: pytest.importorskip("pandas").DataFrame({"word": words}),
}
EQUAL, UNEQUAL = [["a", "b"], ["b", "c"]], [["a", "b", "c"], ["c"]]
REQUESTS = [EQUAL, UNEQUAL, [["c"]], [["b", "c", "a"]], [["a", "b"]]]


def one_hot(words, dtype=float):
    return [np.array([[s == symbol for symbol in "abc"] for s in word], dtype) for word in words]


@pytest.mark.filterwarnings("ignore:X .*feature names, but:UserWarning")  # of data frames only
@pytest.mark.parametrize("asked", SYMBOLS)
@pytest.mark.parametrize("given", SYMBOLS)
@pytest.mark.parametrize("words", [EQUAL, UNEQUAL], ids=["equal", "unequal"])
def test_words_that_happen_to_be_equally_long(words, given, asked):
    encoder = SequenceOneHotEncoder(sparse_output=False).fit(SYMBOLS[given](words))
    for request in REQUESTS:
        result = as_sequences(encoder.transform(SYMBOLS[asked](request)))
        assert result.lengths.tolist() == [len(word) for word in request]
        assert_array_equal(result.values, np.concatenate(one_hot(request)))


@pytest.mark.parametrize("words", [EQUAL, UNEQUAL], ids=["equal", "unequal"])
@pytest.mark.parametrize("dtype", ["<U1", object])
def test_arrays_of_symbols_after_other_words(words, dtype):
    encoder = SequenceOneHotEncoder(sparse_output=False).fit(object_array(words))
    for request in REQUESTS[:1] + REQUESTS[2:]:
        assert_array_equal(encoder.transform(np.array(request, dtype)), one_hot(request))
    table = SequenceOneHotEncoder(sparse_output=False).fit(np.array(EQUAL, dtype))
    for request in REQUESTS:  # the columns of an array are counted, as scikit-learn asks; lists have none
        assert_array_equal(as_sequences(table.transform(request)).values, np.concatenate(one_hot(request)))
    with pytest.raises(ValueError, match="X has 3 features, but SequenceOneHotEncoder is expecting 2"):
        table.transform(np.array(REQUESTS[3], dtype))


NUMBERED = {
    "lists": lambda words: [[ord(s) for s in word] for word in words],
    "arrays": lambda words: [np.array([ord(s) for s in word]) for word in words],
    "floats": lambda words: [[float(ord(s)) for s in word] for word in words],
}


@pytest.mark.parametrize("asked", NUMBERED)
@pytest.mark.parametrize("given", NUMBERED)
@pytest.mark.parametrize("words", [EQUAL, UNEQUAL], ids=["equal", "unequal"])
def test_numbers_that_are_symbols_and_happen_to_be_equally_many(words, given, asked):
    encoder = SequenceOneHotEncoder(sparse_output=False).fit(NUMBERED[given](words))
    for request in REQUESTS:
        result = as_sequences(encoder.transform(NUMBERED[asked](request)))
        assert result.lengths.tolist() == [len(word) for word in request]
        assert_array_equal(result.values, np.concatenate(one_hot(request)))


@pytest.mark.parametrize("words", [EQUAL, UNEQUAL], ids=["equal", "unequal"])
def test_symbols_of_several_features_that_happen_to_be_equally_many(words):
    def pairs(words):
        return [[[symbol, symbol.upper()] for symbol in word] for word in words]

    encoder = SequenceOneHotEncoder(sparse_output=False).fit(pairs(words))
    for request in REQUESTS:
        for form in (pairs(request), object_array(pairs(request)), [np.array(w) for w in pairs(request)]):
            result = as_sequences(encoder.transform(form))
            assert result.lengths.tolist() == [len(word) for word in request]
            assert_array_equal(result.values, np.concatenate(one_hot(request)).repeat(2, 1)[:, [0, 2, 4] * 2])
    with pytest.raises(ValueError, match="X has 1 symbols per time step; expected 2 as in fit"):
        encoder.transform([["a", "A"]])


def test_rows_of_several_symbols_of_a_time_step():
    encoder = SequenceOneHotEncoder(n_channels=2, sparse_output=False)
    encoder.fit([["a", "A", "b", "B"], ["b", "A", "c", "B"]])
    assert encoder.get_feature_names_out().tolist() == ["x0_a", "x0_b", "x0_c", "x1_A", "x1_B"]
    one = encoder.transform([["c", "A"]])
    assert one.tolist() == [[[0, 0, 1, 1, 0]]]
    assert encoder.inverse_transform(one)[0].tolist() == [["c", "A"]]
    with pytest.raises(ValueError, match=r"X has 3 columns; expected.*with n_channels=2"):
        encoder.transform([["c", "A", "b"]])
    with pytest.raises(ValueError, match="X has 1 symbols per time step; expected 2 as in n_channels"):
        encoder.fit([["a", "A", "b", "B"], ["a", "A"]])


@pytest.mark.parametrize("rows", [[[1, 2], [3, 4]], [[1, 2], [3]]], ids=["equal", "unequal"])
@pytest.mark.parametrize(
    "model",
    [
        SequenceScaler(),
        SequencePadder(n_steps=4),
        SequenceSummary(),
        LSTMEncoder(LSTMRegressor(**SMALL)),
        LSTMRegressor(**SMALL),
    ],
    ids=lambda model: type(model).__name__,
)
def test_lists_of_numbers_that_happen_to_be_equally_long(model, rows):
    model = clone(model).fit(rows, [0, 1])
    use = getattr(model, "predict", None) or model.transform
    for request in ([[1.0]], [[1, 2, 3]], [[1, 2], [3, 4]], [[1, 2, 3], [4]]):
        expected = use([np.array(row, dtype=float) for row in request])
        for result in (use(request), use(tuple(map(tuple, request)))):
            for given, wanted in zip(result, expected, strict=True):
                assert_array_equal(np.ravel(given), np.ravel(wanted))


def test_names_of_columns_are_for_tables_that_have_them():
    pd = pytest.importorskip("pandas")
    scaler = SequenceScaler().set_output(transform="pandas").fit([[1.0, 2.0], [3.0, 4.0]])
    assert isinstance(scaler.transform([[1.0, 2.0]]), pd.DataFrame)
    assert scaler.transform([[1.0, 2.0, 3.0]]).shape == (1, 3)
    scaler.fit([[1.0, 2.0], [3.0]])
    assert scaler.transform(np.array([[1.0, 2.0]])).shape == (1, 2)


def test_unknown_symbols():
    encoder = SequenceOneHotEncoder().fit(["ab"])
    with pytest.raises(ValueError, match=r"unknown categories.*'c'.*handle_unknown='ignore'"):
        encoder.transform(["ac"])
    ignoring = SequenceOneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
    assert ignoring.fit(["ab"]).transform(["ac"])[0].tolist() == [[1, 0], [0, 0]]
    assert ignoring.transform(["ac"])[0].dtype == np.float32
    known = SequenceOneHotEncoder(categories=[["a", "b", "c"]]).fit(["ab"])
    assert known.transform(["c"])[0].toarray().tolist() == [[0, 0, 1]]


@pytest.mark.parametrize("make", [np.array, lambda x: pytest.importorskip("pandas").DataFrame(x)])
def test_a_table_of_symbols(make):
    table = make([["a", "b", "a"], ["c", "a", "a"]])
    sequences = SequenceOneHotEncoder().fit_transform(table)
    assert isinstance(sequences, Sequences)
    dense = SequenceOneHotEncoder(sparse_output=False).fit_transform(table)
    assert dense.shape == (2, 3, 3)
    assert_array_equal(dense.reshape(6, 3), sequences.values.toarray())
    numbers = np.array([[3, 1, NAN], [1, 1, 5]])
    encoder = SequenceOneHotEncoder(n_channels=1)
    assert encoder.fit_transform(numbers).lengths.tolist() == [2, 3]
    assert encoder.get_feature_names_out().tolist() == ["x0_1", "x0_3", "x0_5"]


def test_symbols_to_classes():
    model = make_pipeline(SequenceOneHotEncoder(handle_unknown="ignore"), LSTMClassifier(**SMALL))
    words = ["ab" * n for n in range(1, 7)] + ["ba" * n for n in range(1, 7)]
    search = GridSearchCV(model, {"lstmclassifier__learning_rate": [0.01, 0.1]}, cv=2, error_score="raise")
    assert search.fit(words, [0] * 6 + [1] * 6).predict(["abz", "b"]).shape == (2,)


# Tables.


@pytest.mark.parametrize("make", [list, lambda X: [sparse.csr_array(x) for x in X]], ids=["dense", "sparse"])
def test_summary(make):
    some_zeros = [np.where(x > 3, x, 0) for x in X]
    summary = SequenceSummary().fit(make(some_zeros))
    expected = [np.r_[x.mean(axis=0), x.std(axis=0), x[0], x[-1], len(x)] for x in some_zeros]
    assert_allclose(summary.transform(make(some_zeros)), expected, rtol=1e-10, atol=1e-14)
    names = [f"{name}_x{i}" for name in ("mean", "std", "first", "last") for i in (0, 1)] + ["length"]
    assert summary.get_feature_names_out().tolist() == names
    some = SequenceSummary(statistics=["length", "first"]).fit_transform(make(X))
    assert_array_equal(some, [[len(x), *x[0]] for x in X])


def test_summary_of_constants_has_no_spread():
    constant = [np.full((n, 1), 0.1) for n in (3, 7, 10)]
    for form in (constant, [sparse.csr_array(x) for x in constant]):
        spread = SequenceSummary(statistics=("std",)).fit_transform(form)
        assert_allclose(spread, np.zeros((3, 1)), rtol=0, atol=1e-16)


def test_padding():
    rows = SequencePadder(n_steps=8).fit_transform(X)
    assert_array_equal(rows, SequencePadder(n_steps=8, output="array").fit_transform(X).reshape(20, -1))
    assert_array_equal(as_sequences(rows, n_channels=2).values, STEPS)
    for dtype in (np.float32, np.float64):
        finite = SequencePadder(padding="largest").fit_transform([x.astype(dtype) for x in X])
        assert np.isfinite(finite).all()
        for form in (finite, finite.astype(np.float64)):
            assert_array_equal(as_sequences(form, n_channels=2).values, STEPS.astype(dtype))
    padder = SequencePadder().fit([X[0]])
    assert padder.n_steps_ == len(X[0])
    with pytest.raises(ValueError, match=rf"X\[1\] has 9 steps; expected at most {len(X[0])}. Set n_steps"):
        padder.transform([X[0], np.ones((9, 2))])
    assert padder.get_feature_names_out(["u", "v"])[:3].tolist() == ["u_t0", "v_t0", "u_t1"]


@pytest.mark.parametrize("options", [{}, {"n_hidden_units": 3}])
@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_encoder(pooling, options, monkeypatch):
    monkeypatch.setattr("sklstm._preprocessing.encoder.BATCH", 7)
    lstm = LSTMRegressor(**SMALL | options).fit(X, Y, sample_weight=Y + 1)
    expected = []
    for trace in lstm.activations(X):
        hidden = np.hstack([trace["cell"], *([trace["hidden"]] if options else [])])
        expected.append(hidden[-1] if pooling == "last" else sum(hidden) / len(hidden))
    encoder = LSTMEncoder(clone(lstm), pooling=pooling).fit(X, Y, sample_weight=Y + 1)
    assert_allclose(encoder.transform(X), expected, rtol=1e-12)
    assert encoder.get_feature_names_out()[:2].tolist() == ["lstmencoder0", "lstmencoder1"]
    assert len(encoder.get_feature_names_out()) == len(expected[0])
    frozen = LSTMEncoder(FrozenEstimator(lstm), pooling=pooling).fit(X, Y)
    assert_array_equal(frozen.transform(X), encoder.transform(X))
    with pytest.raises(NotFittedError):
        LSTMEncoder(FrozenEstimator(LSTMRegressor())).fit(X, Y).transform(X)


def test_features_side_by_side():
    union = FeatureUnion([("lstm", LSTMEncoder(LSTMClassifier(**SMALL))), ("summary", SequenceSummary())])
    model = make_pipeline(SequenceScaler(), union, StandardScaler(), LogisticRegression()).fit(X, Y)
    assert model[:-1].transform(X).shape == (20, 2 + 9)
    assert union.fit(X, Y).get_feature_names_out()[1:3].tolist() == ["lstm__lstmencoder1", "summary__mean_x0"]
    search = GridSearchCV(model, {"featureunion__lstm__pooling": ["last", "mean"]}, cv=2, error_score="raise")
    assert search.fit(X, Y).best_score_ >= 0


def test_a_column_of_a_data_frame():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": X, "age": np.arange(20.0)})
    both = ColumnTransformer([("x", SequenceSummary(), "x"), ("age", "passthrough", ["age"])])
    table = both.set_output(transform="pandas").fit_transform(frame)
    assert list(table.columns[:2]) == ["x__mean_x_0", "x__mean_x_1"]
    assert table.columns[-1] == "age__age"
    assert_array_equal(table["x__length"], LENGTHS)


# Names and data frames.


def test_names():
    scaler, pca = SequenceScaler().fit(X), PerTimeStep(PCA(1)).fit(X)
    assert scaler.get_feature_names_out().tolist() == ["x0", "x1"]
    assert scaler.get_feature_names_out(["u", "v"]).tolist() == ["u", "v"]
    assert pca.get_feature_names_out().tolist() == ["pca0"]
    nameless = PerTimeStep(FunctionTransformer(np.abs)).fit(X)
    assert nameless.get_feature_names_out().tolist() == ["x0", "x1"]
    wider = PerTimeStep(FunctionTransformer(lambda x: np.hstack([x, x]))).fit(X)
    assert wider.get_feature_names_out().tolist() == ["step0", "step1", "step2", "step3"]
    with pytest.raises(ValueError, match="input_features"):
        scaler.get_feature_names_out(["u", "v", "w"])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output(library):
    module = pytest.importorskip(library)
    for transformer in (
        SequenceScaler(),
        PerTimeStep(PCA(1)),
        SequenceOneHotEncoder(handle_unknown="ignore"),
    ):
        transformer.set_output(transform=library)
        assert isinstance(clone(transformer).fit_transform(X), list)
    rows = SequencePadder().fit_transform(X)
    table = SequenceScaler(n_channels=2).set_output(transform=library).fit_transform(rows)
    assert isinstance(table, module.DataFrame)
    assert table.columns[0] == "x0"
    table = PerTimeStep(PCA(2), n_channels=2).set_output(transform=library).fit_transform(rows)
    assert list(table.columns[:3]) == ["pca0_t0", "pca1_t0", "pca0_t1"]
    for transformer, name in ((SequencePadder(), "x0_t0"), (SequenceSummary(), "mean_x0")):
        with config_context(transform_output=library):
            assert transformer.fit_transform(X).columns[0] == name
    array = SequencePadder(output="array").set_output(transform=library).fit_transform(X)
    assert array.shape == (20, max(LENGTHS), 2)
    pipeline = make_pipeline(SequenceScaler(), LSTMEncoder(LSTMClassifier(**SMALL)))
    pipeline.set_output(transform=library)
    assert list(pipeline.fit(X, Y).transform(X).columns) == ["lstmencoder0", "lstmencoder1"]


# What is refused.

ALL = {
    "PerTimeStep": PerTimeStep(StandardScaler()),
    "SequenceScaler": SequenceScaler(),
    "SequenceOneHotEncoder": SequenceOneHotEncoder(),
    "SequencePadder": SequencePadder(),
    "SequenceSummary": SequenceSummary(),
    "LSTMEncoder": LSTMEncoder(LSTMClassifier(**SMALL)),
}


@pytest.mark.parametrize("name", ALL)
def test_not_fitted(name):
    with pytest.raises(NotFittedError, match=f"{name} instance is not fitted yet"):
        ALL[name].transform(X)
    if hasattr(ALL[name], "inverse_transform"):
        with pytest.raises(NotFittedError, match=f"{name} instance is not fitted yet"):
            ALL[name].inverse_transform(X)


BAD = {
    "nothing": (None, TypeError, "X is of type NoneType"),
    "number": (3.0, TypeError, "X is of type float"),
    "no sequence": ([], ValueError, "X has 0 sequences"),
    "empty": ([X[0], np.empty((0, 2))], ValueError, "X[1]"),
    "width": ([X[0], np.ones((2, 3))], ValueError, "X[1]"),
    "infinity": ([X[0], np.full((2, 2), np.inf)], ValueError, "X[1]"),
    "3-D element": ([X[0], np.ones((2, 2, 2))], ValueError, "X[1] has shape (2, 2, 2)"),
    "one sparse matrix": (sparse.csr_array(X[0]), TypeError, "X is one sparse matrix"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", ALL)
def test_bad_sequences(name, bad):
    data, error, words = BAD[bad]
    if name == "SequenceOneHotEncoder" and bad == "infinity":
        pytest.skip("numbers are names")
    transformer = clone(ALL[name])
    with pytest.raises(error, match=re.escape(words)):
        transformer.fit(data, [0, 1])
    transformer.fit(X, Y)
    with pytest.raises(error, match=re.escape(words)):
        transformer.transform(data)


@pytest.mark.parametrize("name", ALL)
def test_other_features_than_in_fit(name):
    transformer = clone(ALL[name]).fit(X, Y)
    with pytest.raises(ValueError, match=r"expected 2 as in fit"):
        transformer.transform([np.ones((2, 3))])


BAD_ARGUMENTS = [
    *(
        (
            type(t)(**t.get_params(deep=False) | {"n_channels": value}),
            error,
            ["n_channels must be", repr(value)],
        )
        for t in list(ALL.values())[:-1]
        for value, error in (("2", TypeError), (True, TypeError), (0, ValueError))
    ),
    (PerTimeStep(None), TypeError, ["PerTimeStep needs a transformer", "got None"]),
    (SequenceScaler(LogisticRegression()), TypeError, ["SequenceScaler needs a transformer", "LogisticReg"]),
    (SequenceScaler(n_channels=3), ValueError, ["2 feature(s); expected 3 as in n_channels"]),
    (SequenceOneHotEncoder(handle_unknown="zeros"), ValueError, ["handle_unknown must be", "'zeros'"]),
    (SequencePadder(output="2d"), ValueError, ["output must be 'rows' or 'array', got '2d'"]),
    (SequencePadder(padding=0), ValueError, ["padding must be 'nan' or 'largest', got 0"]),
    (
        SequencePadder(padding="largest", output="array"),
        ValueError,
        ["padding='largest' needs output='rows'"],
    ),
    (SequencePadder(n_steps=1.5), TypeError, ["n_steps must be None or an integer", "1.5"]),
    (SequencePadder(n_steps=0), ValueError, ["n_steps must be None or an integer of at least 1", "0"]),
    (SequenceSummary(statistics=("median",)), ValueError, ["statistics must be some of", "median"]),
    (SequenceSummary(statistics="mean"), ValueError, ["statistics must be some of", "'mean'"]),
    (SequenceSummary(statistics=()), ValueError, ["statistics must be some of", "()"]),
    (
        LSTMEncoder(LogisticRegression()),
        TypeError,
        ["estimator must be LSTMClassifier", "LogisticRegression"],
    ),
    (LSTMEncoder(LSTM, pooling="first"), ValueError, ["pooling must be 'last' or 'mean', got 'first'"]),
]


@pytest.mark.parametrize(("transformer", "error", "words"), BAD_ARGUMENTS, ids=str)
def test_bad_arguments(transformer, error, words):
    with pytest.raises(error) as raised:
        transformer.fit(X, Y)
    assert [word for word in words if word not in str(raised.value)] == [], raised.value


def test_targets_that_do_not_fit():
    lda = PerTimeStep(LinearDiscriminantAnalysis())
    with pytest.raises(ValueError, match="X has 20 sequences, y has 19 targets"):
        lda.fit(X, Y[1:])
    with pytest.raises(ValueError, match=r"y\[0\] has shape"):
        lda.fit(X, [[0]] * 20)
    with pytest.raises(ValueError, match="requires y to be passed"):
        lda.fit(X)
