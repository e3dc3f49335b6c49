"""Missing values pass through containers and transformers; imputers fill them; only the LSTM refuses them."""

import pickle
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from sklstm import (
    LSTMClassifier,
    LSTMRegressor,
    Network,
    PerTimeStep,
    SequenceImputer,
    SequencePadder,
    Sequences,
    SequenceScaler,
    SequenceSummary,
    permutation_importance,
)
from sklstm._sequences import as_sequences

pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged")

NAN = np.nan
SMALL = {"n_blocks": 2, "max_iter": 2, "random_state": 0}
GAPS = [np.array([[NAN, 1.0], [2.0, NAN], [4.0, 3.0]]), np.array([[6.0, NAN]])]  # means 4 and 2
STEPS = np.concatenate(GAPS)
FILLED = [np.array([[4.0, 1.0], [2.0, 2.0], [4.0, 3.0]]), np.array([[6.0, 2.0]])]


def object_array(elements):
    result = np.empty(len(elements), dtype=object)
    for i, element in enumerate(elements):
        result[i] = element
    return result


def with_none(x):
    return [[None if np.isnan(v) else float(v) for v in step] for step in x]


def import_and(module, make):
    return lambda X: make(pytest.importorskip(module), X)


CONTAINERS = {
    "list": list,
    "object array": object_array,
    "lists with None": lambda X: [with_none(x) for x in X],
    "arrays of objects": lambda X: [np.array(with_none(x), dtype=object) for x in X],
    "masked arrays": lambda X: [np.ma.masked_invalid(x) for x in X],
    "masked 3-D": lambda X: np.ma.masked_invalid(as_sequences(X, allow_nan=True).to_padded()),
    "3-D": lambda X: as_sequences(X, allow_nan=True).to_padded(),
    "Sequences": lambda X: as_sequences(X, allow_nan=True),
    "pandas": import_and("pandas", lambda pd, X: pd.Series([with_none(x) for x in X])),
    "data frames": import_and("pandas", lambda pd, X: [pd.DataFrame(x) for x in X]),
    "Float64": import_and("pandas", lambda pd, X: [pd.DataFrame(x).astype("Float64") for x in X]),
    "polars": import_and("polars", lambda pl, X: pl.Series([with_none(x) for x in X])),
    "polars data frames": import_and(
        "polars", lambda pl, X: [pl.DataFrame(with_none(x), orient="row") for x in X]
    ),
    "pyarrow": import_and("pyarrow", lambda pa, X: pa.array([with_none(x) for x in X])),
    "pyarrow tables": import_and(
        "pyarrow",
        lambda pa, X: [pa.table([c.tolist() for c in np.array(with_none(x)).T], ["a", "b"]) for x in X],
    ),
    "awkward": import_and("awkward", lambda ak, X: ak.Array([with_none(x) for x in X])),
}


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
def test_every_container_has_missing_values(make):
    X = make(GAPS)
    read = as_sequences(X, allow_nan=True)
    assert_array_equal(read.values, STEPS)
    assert_array_equal(read.lengths, [3, 1])
    for imputer in (PerTimeStep(SimpleImputer()), SequenceImputer("mean")):
        assert_allclose(as_sequences(imputer.fit_transform(X)).values, np.concatenate(FILLED), rtol=1e-12)
    scaled = as_sequences(SequenceScaler().fit_transform(X), allow_nan=True)
    assert_allclose(scaled.values, StandardScaler().fit_transform(STEPS), rtol=1e-12)


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
def test_only_the_lstm_refuses_them_and_says_what_to_do(make):
    reg = LSTMRegressor(**SMALL).fit(FILLED, [0.0, 1.0])
    for method in (reg.predict, reg.activations):
        with pytest.raises(ValueError, match=r"X\[0\] at step 0 contains NaN.*SequenceImputer\(\) in front"):
            method(make(GAPS))


def test_networks_refuse_them():
    net = Network(2, 1, n_blocks=1)
    with pytest.raises(ValueError, match=r"X\[0\] at step 0 contains NaN"):
        net.forward(net.init_weights(random_state=0), GAPS)


def test_na_of_pandas_in_columns_of_any_kind():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [pd.NA, 2.5], "c": [True, None]})
    assert_array_equal(as_sequences([frame], allow_nan=True).values, [[1, NAN, 1], [NAN, 2.5, NAN]])
    assert_array_equal(as_sequences([[[pd.NA, 1.0]]], allow_nan=True).values, [[NAN, 1]])
    assert_array_equal(as_sequences(pd.DataFrame({"x": [[1, pd.NA]]}), allow_nan=True).values, [[1], [NAN]])
    with pytest.raises(ValueError, match=r"X\[0\] at step 0 contains NaN in the column 'b'"):
        LSTMRegressor().fit([frame], [1.0])


def test_what_is_missing_keeps_single_precision():
    single = [x.astype(np.float32) for x in GAPS]
    assert as_sequences(single, allow_nan=True).dtype == np.float32
    assert SequenceImputer().fit_transform(single)[0].dtype == np.float32
    assert SequenceImputer().fit_transform([np.ma.masked_invalid(x) for x in single])[0].dtype == np.float32


def test_sequences_hold_them_and_know_which_parts_do():
    X = Sequences(STEPS, [0, 3, 4])
    assert_array_equal(X[0], GAPS[0])
    assert_array_equal(pickle.loads(pickle.dumps(X)).values, STEPS)
    assert_array_equal(Sequences.from_lengths(STEPS, [3, 1]).values, STEPS)
    mixed = Sequences(np.r_[STEPS, [[1.0, 1.0]]], [0, 3, 4, 5])
    reg = LSTMRegressor(**SMALL).fit(FILLED, [0.0, 1.0])
    assert reg.predict(mixed[2:]).shape == (1,)  # the others are not looked at
    for whole in (mixed, mixed[[2, 1]], mixed[:1]):
        for _ in range(2):  # also when it has been looked at
            with pytest.raises(ValueError, match="NaN"):
                reg.predict(whole)
    with pytest.raises(ValueError, match=r"Sequences\[0\] at step 1 contains infinity"):
        Sequences([[NAN], [np.inf]], [0, 2])


def test_long_tables_have_missing_values():
    X = Sequences.from_long({"id": [1, 1, 2], "x": [1.0, None, 3.0]}, id="id")
    assert_array_equal(X.values, [[1], [NAN], [3]])
    model = make_pipeline(SequenceImputer(), LSTMRegressor(**SMALL))
    assert model.fit(X, [0.0, 1.0]).predict(X).shape == (2,)


def test_imputers_inside_cross_validation():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in rng.integers(3, 9, 150)]
    y = np.array([int(x[-1, 0] > 0) for x in X])
    for x in X:
        x[rng.random(x.shape) < 0.1] = NAN
    lstm = LSTMClassifier(n_blocks=4, max_iter=200, tol=1e-3, n_iter_no_change=200, random_state=0)
    for imputer in (SequenceImputer(add_indicator=True), PerTimeStep(KNNImputer(add_indicator=True))):
        model = make_pipeline(imputer, lstm)
        assert cross_val_score(model, X, y, cv=2, error_score="raise").mean() > 0.75
    fitted = make_pipeline(SequenceImputer(), lstm).set_params(lstmclassifier__max_iter=2).fit(X, y)
    importances = permutation_importance(fitted, X, y, n_repeats=1, random_state=0)
    assert importances.importances.shape == (2, 1)


# SequenceImputer.


def forward_fill(x, before):
    """The definition, by a loop."""
    filled = x.copy()
    for t in range(len(x)):
        for k in range(x.shape[1]):
            if np.isnan(x[t, k]):
                filled[t, k] = filled[t - 1, k] if t else before[k]
    return filled


def some_gaps(rng, dense=True):
    X = [rng.integers(-2, 3, size=(n, 3)).astype(float) for n in (1, 5, 2, 9, 3)]
    for x in X:
        x[rng.random(x.shape) < 0.4] = NAN
    return X if dense else [sparse.csr_array(x) for x in X]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("strategy", ["ffill", "mean", "median", "constant"])
def test_what_is_filled_in(strategy, seed):
    X = some_gaps(np.random.default_rng(seed))
    steps = np.concatenate(X)
    imputer = SequenceImputer(strategy, fill_value=7.0).fit(X)
    expected = {"median": np.nanmedian(steps, axis=0), "constant": np.full(3, 7.0)}.get(
        strategy, np.nanmean(steps, axis=0)
    )
    assert_allclose(imputer.statistics_, expected, rtol=1e-12)
    for x, filled in zip(X, imputer.transform(X)):
        wanted = forward_fill(x, expected) if strategy == "ffill" else np.where(np.isnan(x), expected, x)
        assert_allclose(filled, wanted, rtol=1e-12)


@pytest.mark.parametrize("add_indicator", [False, True])
@pytest.mark.parametrize("strategy", ["ffill", "mean", "constant"])
def test_sparse_sequences_are_filled_as_dense_ones(strategy, add_indicator):
    imputer = SequenceImputer(strategy, fill_value=7.0, add_indicator=add_indicator)
    dense = imputer.fit_transform(some_gaps(np.random.default_rng(0)))
    filled = imputer.fit_transform(some_gaps(np.random.default_rng(0), dense=False))
    assert all(map(sparse.issparse, filled))
    for a, b in zip(filled, dense):
        assert_allclose(a.toarray(), b, rtol=1e-12)


def test_indicators_of_features_that_were_missing_in_fit():
    train = [np.array([[1.0, NAN, 3.0], [1.0, 2.0, NAN]])]
    imputer = SequenceImputer(add_indicator=True).fit(train)
    assert imputer.indicator_features_.tolist() == [1, 2]
    assert imputer.transform(train)[0].tolist() == [[1, 2, 3, 1, 0], [1, 2, 3, 0, 1]]
    assert imputer.transform([[[NAN, 5.0, NAN]]])[0].tolist() == [[1, 5, 3, 0, 1]]
    names = ["x0", "x1", "x2", "missingindicator_x1", "missingindicator_x2"]
    assert imputer.get_feature_names_out().tolist() == names


def test_a_feature_without_any_value():
    X = [np.array([[NAN, 1.0], [NAN, NAN]])]
    for imputer, wanted in ((SequenceImputer(), 0), (SequenceImputer("median", fill_value=-1), -1)):
        with pytest.warns(UserWarning, match=rf"\['x0'\] have no value .*fill_value={wanted}"):
            imputer.fit(X)
        assert imputer.transform(X)[0].tolist() == [[wanted, 1], [wanted, 1]]


def test_rows_of_a_table():
    pd = pytest.importorskip("pandas")
    table = np.array([[1.0, NAN, 3.0], [NAN, 5.0, NAN]])
    assert SequenceImputer().fit_transform(table).tolist() == [[1, 1, 3], [3, 5, 5]]
    frame = pd.DataFrame(table, columns=["t0", "t1", "t2"])
    filled = SequenceImputer().set_output(transform="pandas").fit_transform(frame)
    assert filled.columns.tolist() == ["t0", "t1", "t2"]
    assert filled.to_numpy().tolist() == [[1, 1, 3], [3, 5, 5]]
    padded = np.array([[1.0, NAN, 2.0, 4.0, NAN, NAN], [NAN, 2.0, 3.0, NAN, 5.0, 6.0]])
    filled = SequenceImputer(n_channels=2).fit_transform(padded)
    assert_array_equal(filled, [[1, 4, 2, 4, NAN, NAN], [11 / 4, 2, 3, 2, 5, 6]])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@pytest.mark.draws_globally
@pytest.mark.parametrize(
    "imputer", [SequenceImputer(), SequenceImputer("median", add_indicator=True)], ids=repr
)
def test_scikit_learns_checks(imputer):
    results = check_estimator(imputer, on_fail=None, on_skip=None)
    assert {r["check_name"]: r["exception"] for r in results if r["status"] in ("failed", "xfail")} == {}
    assert len(results) > 40


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"strategy": "linear"}, ValueError, "strategy must be one of"),
        ({"fill_value": "0"}, TypeError, "fill_value must be a number, got '0'"),
        ({"fill_value": NAN}, ValueError, "fill_value must be a finite number"),
        ({"add_indicator": 1}, TypeError, "add_indicator must be True or False, got 1"),
        ({"n_channels": 0}, ValueError, "n_channels must be"),
    ],
)
def test_bad_arguments(options, error, words):
    with pytest.raises(error, match=re.escape(words)):
        SequenceImputer(**options).fit(GAPS)


def test_not_fitted():
    for call in (lambda: SequenceImputer().transform(GAPS), SequenceImputer().get_feature_names_out):
        with pytest.raises(NotFittedError, match="SequenceImputer instance is not fitted yet"):
            call()


# Tables.


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_statistics_are_of_what_is_there(form):
    X = [np.array([[1.0, NAN], [NAN, NAN], [4.0, NAN]]), np.array([[2.0, 0.0], [0.0, NAN]])]
    table = SequenceSummary().fit_transform([form(x) for x in X])
    assert_allclose(
        table,
        [[2.5, NAN, 1.5, NAN, 1, NAN, 4, NAN, 3], [1, 0, 1, 0, 2, 0, 0, NAN, 2]],
        rtol=1e-12,
    )


def test_padding_is_not_what_is_missing():
    rows = SequencePadder(padding="largest").fit_transform(GAPS)
    assert_array_equal(rows[1], [6, NAN] + [np.finfo(float).max] * 4)
    assert_array_equal(
        as_sequences(SequencePadder().fit_transform(GAPS), n_channels=2, allow_nan=True).values, STEPS
    )
    with pytest.raises(ValueError, match=r"X\[1\] ends with a time step that is all NaN.*SequenceImputer"):
        SequencePadder().fit_transform([GAPS[0], np.array([[1.0, 2.0], [NAN, NAN]])])
