"""Columns of data frames and other containers: words beside numbers, dates, names, tables of lists, ids."""

import pickle
import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler

from sklstm import (
    LSTMClassifier,
    LSTMEncoder,
    LSTMRegressor,
    PerTimeStep,
    SequenceImputer,
    SequenceOneHotEncoder,
    SequencePadder,
    Sequences,
    SequenceScaler,
    SequenceSummary,
    StepConfusionDisplay,
    TransformedStepTargetRegressor,
    step_scorer,
)
from sklstm._sequences import as_sequences

pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged")

NAN = np.nan
SMALL = {"n_blocks": 2, "max_iter": 2, "random_state": 0}
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 2)) for n in RNG.integers(3, 9, 40)]
Y = np.array([int(x[:, 0].sum() > 0) for x in X])
STEPS = np.concatenate(X)
LENGTHS = [len(x) for x in X]
WORDS = [RNG.choice(["r", "g"], len(x)).tolist() for x in X]


def frames(library, tables):
    """A data frame of each dict of columns."""
    module = pytest.importorskip(library)
    make = module.table if library == "pyarrow" else module.DataFrame
    return [make(table) for table in tables]


LIBRARIES = ["pandas", "polars", "pyarrow"]
NUMBERS = [{"a": x[:, 0], "b": x[:, 1]} for x in X]
MIXED = [{"c": words, "v": x[:, 0]} for words, x in zip(WORDS, X)]
ONE_HOT = np.array([[word == "g", word == "r"] for words in WORDS for word in words], dtype=float)
SCALED = StandardScaler().fit_transform(STEPS[:, :1])


# Words and numbers in one step.

MIXED_FORMS = {
    **{name: lambda name=name: frames(name, MIXED) for name in LIBRARIES},
    "object arrays": lambda: [
        np.array([list(step) for step in zip(*t.values())], dtype=object) for t in MIXED
    ],
    "nested lists": lambda: [[list(step) for step in zip(*table.values())] for table in MIXED],
    "Sequences": lambda: Sequences.from_long(long_table(MIXED), id="id"),
    "Sequences by place": lambda: Sequences.from_lengths(
        [[word, number] for table in MIXED for word, number in zip(*table.values())], LENGTHS
    ),
    "table of lists": lambda: pytest.importorskip("pandas").DataFrame(
        {name: [list(table[name]) for table in MIXED] for name in ("c", "v")}
    ),
    "polars table of lists": lambda: pytest.importorskip("polars").DataFrame(
        {name: [list(table[name]) for table in MIXED] for name in ("c", "v")}
    ),
}
NAMELESS = ("object arrays", "nested lists", "Sequences by place")


def long_table(tables):
    """One table of all steps, with an id."""
    columns = {name: np.concatenate([np.asarray(table[name]) for table in tables]) for name in tables[0]}
    return columns | {"id": np.repeat(np.arange(len(tables)), [len(next(iter(t.values()))) for t in tables])}


def columns_by(form, words, numbers):
    """A transformer of the word and of the number, by name, or by place where there are no names."""
    places = ([0], [1]) if form in NAMELESS else (["c"], ["v"])
    return make_column_transformer((words, places[0]), (numbers, places[1]))


@pytest.mark.parametrize("form", MIXED_FORMS)
def test_transformers_of_columns(form):
    data = MIXED_FORMS[form]()
    transformer = PerTimeStep(columns_by(form, OneHotEncoder(sparse_output=False), StandardScaler()))
    result = transformer.fit_transform(data)
    assert_allclose(as_sequences(result).values, np.hstack([ONE_HOT, SCALED]), rtol=1e-12)
    assert_array_equal(as_sequences(result).lengths, LENGTHS)
    if form not in NAMELESS:
        names = ["onehotencoder__c_g", "onehotencoder__c_r", "standardscaler__v"]
        assert transformer.get_feature_names_out().tolist() == names
        assert transformer.feature_names_in_.tolist() == ["c", "v"]
    model = make_pipeline(transformer, LSTMClassifier(**SMALL))
    assert model.fit(data, Y).predict(data).shape == (40,)


@pytest.mark.parametrize("form", MIXED_FORMS)
def test_one_hot_columns(form):
    data = MIXED_FORMS[form]()
    columns = [0] if form in NAMELESS else ["c"]
    for sparse_output in (False, True):
        encoder = SequenceOneHotEncoder(columns=columns, sparse_output=sparse_output)
        result = encoder.fit_transform(data)
        assert_allclose(as_sequences(result)._dense(), np.hstack([ONE_HOT, STEPS[:, :1]]), rtol=1e-12)
        name = "x0" if form in NAMELESS else "c"
        number = "x1" if form in NAMELESS else "v"
        assert encoder.get_feature_names_out().tolist() == [f"{name}_g", f"{name}_r", number]
    back = encoder.inverse_transform(as_sequences(result))
    assert back[0][:, 0].tolist() == WORDS[0]
    assert_allclose(back[0][:, 1].astype(float), X[0][:, 0], rtol=1e-12)


@pytest.mark.parametrize("form", MIXED_FORMS)
def test_the_lstm_says_where_the_word_is_and_what_encodes_it(form):
    where = r"X\[0\].*(holds '[rg]'|is of dtype <U)"
    with pytest.raises(TypeError, match=rf"{where}.*SequenceOneHotEncoder\(columns=...\)") as caught:
        LSTMClassifier().fit(MIXED_FORMS[form](), Y)
    assert form in NAMELESS or "column 'c'" in str(caught.value)
    assert "PerTimeStep(ColumnTransformer(...))" in str(caught.value)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_searches_over_mixed_steps(library):
    data = frames(library, MIXED)
    steps = PerTimeStep(columns_by("", OneHotEncoder(handle_unknown="ignore"), StandardScaler()))
    model = make_pipeline(steps, LSTMClassifier(**SMALL))
    grid = {"pertimestep__transformer__standardscaler": [StandardScaler(), MinMaxScaler()]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(data, Y)
    assert search.predict(data).shape == (40,)


def test_missing_words_and_numbers():
    data = frames("pandas", [{"c": ["r", None, "g"], "v": [1.0, NAN, 3.0]}, {"c": ["g"], "v": [5.0]}])
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    columns = make_column_transformer((words, ["c"]), (SimpleImputer(), ["v"]))
    filled = as_sequences(PerTimeStep(columns).fit_transform(data)).values
    assert_array_equal(filled[:, :2], [[0, 1], [1, 0], [1, 0], [1, 0]])
    assert_array_equal(filled[:, 2], [1, 3, 3, 5])
    numbers = SequenceOneHotEncoder(columns=["c"], sparse_output=False)
    with pytest.raises(ValueError, match=r"X\[0\] has no symbol at step 1"):
        numbers.fit(data)
    data[0].loc[1, "c"] = "g"
    assert_array_equal(numbers.fit_transform(data)[0], [[0, 1, 1], [1, 0, NAN], [1, 0, 3]])


def test_words_alone_in_any_transformer():
    for words in (WORDS, ["".join(word) for word in WORDS], WORDS[:1] * 2):
        encoded = PerTimeStep(OneHotEncoder(sparse_output=False)).fit_transform(words)
        assert_array_equal(as_sequences(encoded).values[: LENGTHS[0]], ONE_HOT[: LENGTHS[0]])


@pytest.mark.parametrize("form", ["object arrays", "pandas"])
def test_numbers_that_would_become_symbols(form):
    place, others = ("1", "[0]") if form in NAMELESS else ("'v'", "['c']")
    words = rf"feature {place} of X has {len(STEPS)} different.*columns={re.escape(others)}\) leaves it"
    with pytest.warns(UserWarning, match=words):
        SequenceOneHotEncoder().fit(MIXED_FORMS[form]())
    with pytest.warns(UserWarning, match="numbers need no encoder"):
        SequenceOneHotEncoder().fit([x[:, :1] for x in X])
    SequenceOneHotEncoder().fit([[0.5, 1.5] * 9, [1.5, 0.5] * 9])  # names, which come again and again


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["w"], "columns must be some of the features of X, ['c', 'v'], got 'w'"),
        ([2], "got 2"),
        ([True], "got True"),
        ([0, "c"], "columns must hold each feature once"),
        ([], "at least one"),
    ],
)
def test_columns_that_are_not_there(columns, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        SequenceOneHotEncoder(columns=columns).fit(frames("pandas", MIXED))


def test_sequences_of_words():
    X = Sequences.from_long({"id": [1, 1, 2], "word": ["the", "cat", "sat"]}, id="id")
    assert X.dtype == object
    assert repr(X) == "<Sequences: 2 of 1 to 2 steps, 1 features, object ndarray>"
    again = pickle.loads(pickle.dumps(X))
    assert again[0].tolist() == [["the"], ["cat"]]
    assert again.columns.tolist() == ["word"]
    encoder = SequenceOneHotEncoder().fit(X)
    assert encoder.get_feature_names_out().tolist() == ["word_cat", "word_sat", "word_the"]
    assert encoder.transform(X[1:])[0].toarray().tolist() == [[0, 1, 0]]
    with pytest.raises(TypeError, match=r"X\[0\] at step 0 holds 'the' in the column 'word'"):
        LSTMRegressor().fit(X, [1.0, 2.0])


# What is no number.


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (["ACGT", "AC"], ["X[0] is of dtype <U4", "SequenceOneHotEncoder()"]),
        ([b"ACGT", b"AC"], ["X[0] is of dtype |S4", "SequenceOneHotEncoder()"]),
        ([["the", "cat"], ["sat"]], ["X[0] is of dtype <U3", "SequenceOneHotEncoder()"]),
        ([["1", "2"], ["3"]], ["x.astype(float)"]),
        ([[1.0, None], [None, "a"]], ["X[1] at step 1 holds 'a'", "SequenceOneHotEncoder"]),
        ([[{"a": 1.0}]] * 2, ["X[0]", "must be a string or a real number, not 'dict'", "DictVectorizer"]),
        ([np.array(["2024", "2025"], "M8[D]")] * 2, ["X[0] is of dtype datetime64[D]", "seconds since"]),
        ([np.array([1, 2], "m8[s]")] * 2, ["X[0] is of dtype timedelta64[s]", "seconds since"]),
        (np.array([["2024", "2025"]] * 2, "M8[D]"), ["X is of dtype datetime64[D]", "seconds since"]),
        (np.array([[1, 2]] * 2, "m8[s]"), ["X is of dtype timedelta64[s]", "seconds since"]),
    ],
    ids=str,
)
def test_what_is_no_number_is_refused_with_what_makes_one_of_it(X, words):
    with pytest.raises(TypeError) as caught:
        LSTMClassifier().fit(X, [0, 1])
    assert [word for word in words if word not in str(caught.value)] == [], caught.value


DATES = np.array(["2024-01-01", "2024-01-02"], "M8[us]")
TIMES = {
    "dates": DATES,
    "days": DATES.astype("M8[D]"),
    "dates of Python": DATES.tolist(),
    "days of Python": DATES.astype("M8[D]").tolist(),
    "durations": DATES - DATES[0],
    "times of Python": [date.time() for date in DATES.tolist()],
}
DATED_FORMS = {
    "beside numbers": lambda t, frame: [frame({"t": t, "x": [1.0, 2.0]})] * 2,
    "beside integers": lambda t, frame: [frame({"x": [1, 2], "t": t})] * 2,
    "alone": lambda t, frame: [frame({"t": t})] * 2,
    "one table": lambda t, frame: frame({"t": t, "x": [1.0, 2.0]}),
    "one table of dates": lambda t, frame: frame({"t": t, "u": t}),
    "table of lists": lambda t, frame: frame({"t": [list(t)] * 2, "x": [[1.0, 2.0]] * 2}),
    "column of lists": lambda t, frame: frame({"t": [list(t)] * 2}),
}


@pytest.mark.parametrize("form", DATED_FORMS)
@pytest.mark.parametrize("kind", TIMES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_dates_are_never_numbers(library, kind, form):
    t = TIMES[kind]
    if "lists" in form and isinstance(t, np.ndarray):
        t = t.tolist()
    data = DATED_FORMS[form](t, lambda table: frames(library, [table])[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # on what the rows of a table are
        for model in (LSTMClassifier(), SequencePadder(), SequenceImputer()):
            with pytest.raises(TypeError, match="seconds since the previous step"):
                model.fit(data, [0, 1])


def test_a_transformer_may_make_numbers_of_dates():
    data = frames("pandas", [{"t": DATES, "x": [1.0, 2.0]}, {"t": DATES[:1], "x": [3.0]}])
    day = FunctionTransformer(lambda frame: frame.apply(lambda column: column.dt.day))
    columns = ColumnTransformer([("day", day, ["t"]), ("x", "passthrough", ["x"])])
    result = as_sequences(PerTimeStep(columns).fit_transform(data))
    assert_array_equal(result.values, [[1, 1], [2, 2], [1, 3]])


def test_dates_in_long_tables():
    table = {"id": [1, 1, 2], "t": np.array(["2024", "2025", "2026"], "M8[ns]"), "x": [1.0, 2.0, 3.0]}
    assert Sequences.from_long(table, id="id", time="t").columns.tolist() == ["x"]
    with pytest.raises(TypeError, match=r"in the column 't'.*seconds since the previous step"):
        LSTMRegressor().fit(Sequences.from_long(table, id="id"), [1.0, 2.0])


# Tables of several columns of lists.


def nested(library, tables=NUMBERS):
    return frames(library, [{name: [list(table[name]) for table in tables] for name in tables[0]}])[0]


NESTED = {
    **{name: lambda name=name: nested(name) for name in LIBRARIES},
    "agg(list)": lambda: pytest.importorskip("pandas").DataFrame(long_table(NUMBERS)).groupby("id").agg(list),
    "cells that are arrays": lambda: pytest.importorskip("pandas").DataFrame(
        {name: [table[name] for table in NUMBERS] for name in ("a", "b")}
    ),
    "cells that are Series": lambda: pytest.importorskip("pandas").DataFrame(
        {name: [pytest.importorskip("pandas").Series(t[name]) for t in NUMBERS] for name in ("a", "b")}
    ),
    "group_by": lambda: (
        pytest.importorskip("polars")
        .DataFrame(long_table(NUMBERS))
        .group_by("id", maintain_order=True)
        .agg("a", "b")
        .drop("id")
    ),
    "object array": lambda: nested("pandas").to_numpy(),
}


@pytest.mark.parametrize("make", NESTED.values(), ids=NESTED)
def test_channels_side_by_side(make):
    table = make()
    read = as_sequences(table)
    assert_array_equal(read.values, STEPS)
    assert_array_equal(read.lengths, LENGTHS)
    clf = LSTMClassifier(**SMALL).fit(table, Y)
    assert_array_equal(clf.predict_proba(table), clone(clf).fit(X, Y).predict_proba(X))
    scaled = SequenceScaler().fit_transform(table)
    assert type(scaled) is type(table)
    assert_allclose(as_sequences(scaled).values, StandardScaler().fit_transform(STEPS), rtol=1e-12)
    if not isinstance(table, np.ndarray):
        assert (
            clf.feature_names_in_.tolist()
            == list(getattr(scaled, "column_names", scaled.columns))
            == ["a", "b"]
        )
        reduced = as_sequences(PerTimeStep(PCA(1)).fit_transform(table))
        assert reduced.columns.tolist() == ["pca0"]
        assert reduced.n_features == 1


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_scikit_learn_splits_tables_of_lists(library):
    table = nested(library)
    model = make_pipeline(SequenceScaler(), LSTMClassifier(**SMALL))
    scores = cross_val_score(model, table, Y, cv=2, error_score="raise")
    assert_array_equal(scores, cross_val_score(model, X, Y, cv=2))
    columns = ColumnTransformer([("x", SequenceSummary(), ["a", "b"])]).fit(table)
    assert columns.get_feature_names_out()[:2].tolist() == ["x__mean_a", "x__mean_b"]
    assert_array_equal(columns.transform(table), SequenceSummary().fit_transform(X))


@pytest.mark.parametrize("library", LIBRARIES)
def test_channels_of_different_lengths(library):
    table = frames(library, [{"a": [[1.0, 2.0], [3.0]], "b": [[1.0, 2.0], [3.0, 4.0]]}])[0]
    with pytest.raises(ValueError, match=r"X\[1\] has 1 steps in the column 'a' and 2 in 'b'"):
        LSTMClassifier().fit(table, [0, 1])


def test_rows_are_named_by_their_index():
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame({"a": [[1.0, 2.0], [3.0]], "b": [[1.0, 2.0], [3.0, 4.0]]}, index=["p", "q"])
    with pytest.raises(ValueError, match=r"X\[1\] \('q'\) has 1 steps in the column 'a'"):
        as_sequences(table)


@pytest.mark.parametrize("library", LIBRARIES)
def test_static_columns(library):
    table = frames(library, [{"a": [[1.0, 2.0], [3.0]], "age": [30.0, 40.0], "b": [[1.0, 2.0], [3.0]]}])[0]
    with pytest.raises(
        ValueError, match=r"X\[0\] has 30.0 in the column 'age'.*ColumnTransformer.*\['a', 'b'\]"
    ):
        LSTMClassifier().fit(table, [0, 1])
    if library != "pyarrow":  # as the message says
        lstm = LSTMEncoder(LSTMClassifier(**SMALL))
        recipe = ColumnTransformer([("x", lstm, ["a", "b"]), ("static", "passthrough", ["age"])])
        assert_array_equal(recipe.fit_transform(table, [0, 1])[:, -1], [30, 40])


@pytest.mark.parametrize("library", LIBRARIES)
def test_ids_beside_lists(library):
    pa = pytest.importorskip("pyarrow")
    grouped = pa.table(long_table(NUMBERS)).group_by("id").aggregate([("a", "list"), ("b", "list")])
    with pytest.raises(ValueError, match=r"X\[0\] has 0 in the column 'id', not a list.*Leave an id out"):
        LSTMClassifier().fit(grouped, Y)
    table = nested(library)
    read = as_sequences(grouped.drop_columns("id"))
    assert_array_equal(read.values, as_sequences(table).values)


@pytest.mark.parametrize("library", LIBRARIES)
def test_rows_without_a_sequence(library):
    table = frames(library, [{"a": [[1.0, 2.0], [3.0]], "b": [[1.0, 2.0], None]}])[0]
    with pytest.raises(ValueError, match=r"X\[1\] has no sequence in the column 'b'; leave the row out"):
        as_sequences(table)


def test_cells_that_are_tables():
    pd = pytest.importorskip("pandas")
    with pytest.raises(
        ValueError, match=r"X\[0\] has shape \(3, 2\) in the column 'a'; expected one number per"
    ):
        as_sequences(pd.DataFrame({"a": [np.ones((3, 2))], "b": [np.ones((3, 2))]}))


# Names.


NAMED = {
    **{name: lambda tables, name=name: frames(name, tables) for name in LIBRARIES},
    "Sequences": lambda tables: Sequences.from_long(long_table(tables), id="id"),
    "table of lists": lambda tables: nested("pandas", tables),
}
SWAPPED = [{"b": table["b"], "a": table["a"]} for table in NUMBERS]
OTHERS = [{"a": table["a"], "z": table["b"]} for table in NUMBERS]


@pytest.mark.parametrize("make", NAMED.values(), ids=NAMED)
@pytest.mark.parametrize(
    "estimator",
    [LSTMClassifier(**SMALL), LSTMEncoder(LSTMClassifier(**SMALL)), SequenceScaler(), SequencePadder()],
    ids=lambda estimator: type(estimator).__name__,
)
def test_names_are_kept_and_compared(estimator, make):
    estimator = clone(estimator).fit(make(NUMBERS), Y)
    use = getattr(estimator, "predict", None) or estimator.transform
    assert estimator.feature_names_in_.tolist() == ["a", "b"]
    assert estimator.n_features_in_ == 2
    use(make(NUMBERS))
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        use(make(SWAPPED))
    with pytest.raises(ValueError, match=r"unseen at fit time: \['z'\].*now missing: \['b'\]"):
        use(make(OTHERS))
    with pytest.warns(UserWarning, match=r"X does not have valid feature names, but .* was fitted with"):
        use(X)
    estimator.fit(X, Y)
    assert not hasattr(estimator, "feature_names_in_")
    with pytest.warns(UserWarning, match="X has feature names, but .* was fitted without feature names"):
        use(make(NUMBERS))


@pytest.mark.parametrize("make", NAMED.values(), ids=NAMED)
def test_names_go_on_through_a_pipeline(make):
    by_name = make_column_transformer((MinMaxScaler(), ["a"]), remainder="drop")
    model = make_pipeline(SequenceScaler(), SequenceImputer(), PerTimeStep(by_name), LSTMClassifier(**SMALL))
    model.fit(make(NUMBERS), Y)
    assert model[-1].feature_names_in_.tolist() == ["minmaxscaler__a"]
    assert model[:-1].get_feature_names_out().tolist() == ["minmaxscaler__a"]
    steps = as_sequences(model[:-1].transform(make(NUMBERS))).values
    assert_allclose(steps, MinMaxScaler().fit_transform(STEPS[:, :1]), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("library", LIBRARIES)
def test_data_frames_come_back(library):
    data = frames(library, NUMBERS)
    scaled = SequenceScaler().fit_transform(data)
    assert type(scaled[0]) is type(data[0])
    assert list(getattr(scaled[0], "column_names", scaled[0].columns)) == ["a", "b"]
    if library == "pandas":
        indexed = [frame.set_axis(range(5, 5 + len(frame))) for frame in data]
        assert SequenceScaler().fit_transform(indexed)[1].index.equals(indexed[1].index)
    back = SequenceScaler().fit(data).inverse_transform(scaled)
    assert_allclose(as_sequences(back).values, STEPS, rtol=1e-9)
    assert as_sequences(back).columns.tolist() == ["a", "b"]


def test_frames_of_one_list_have_the_same_columns():
    data = frames("pandas", NUMBERS[:2] + SWAPPED[2:3])
    with pytest.raises(
        ValueError, match=r"X\[2\] has the columns \['b', 'a'\]; expected .*, in this order: \['a', 'b'\]"
    ):
        as_sequences(data)
    with pytest.raises(ValueError, match=r"X\[1\] has the columns \['a', 'z'\]; expected those of X\[0\]: "):
        as_sequences(frames("pandas", [NUMBERS[0], OTHERS[1]]))


def test_names_of_tables_and_statistics():
    data = frames("pandas", NUMBERS)
    assert SequenceSummary().fit(data).get_feature_names_out()[0] == "mean_a"
    assert SequencePadder().fit(data).get_feature_names_out()[:3].tolist() == ["a_t0", "b_t0", "a_t1"]
    numbered = [frame.set_axis([0, 1], axis=1) for frame in data]
    assert as_sequences(numbered).columns is None


def test_names_and_ids_stay_with_sequences():
    X = Sequences.from_long(long_table(NUMBERS), id="id")
    for part in (X[3:9], X[[3, 4, 5, 6, 7, 8]], pickle.loads(pickle.dumps(X))[3:9], X[np.arange(40) > 2][:6]):
        assert part.ids.tolist() == [3, 4, 5, 6, 7, 8]
        assert part.columns.tolist() == ["a", "b"]
    train, _ = train_test_split(X, random_state=0)
    assert_array_equal(train[0], X[int(train.ids[0])])
    assert SequenceScaler().fit_transform(X).ids.tolist() == X.ids.tolist()
    with pytest.raises(ValueError, match="read-only"):
        X.ids[0] = 1
    assert as_sequences(list(X)).ids is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ids": [1, 2, 3]}, "ids has shape (3,); expected (2,)"),
        ({"columns": ["a"]}, "columns are ['a']; expected 2 different names"),
        ({"columns": ["a", "a"]}, "columns are ['a', 'a']; expected 2 different names"),
        ({"columns": ["a", 1]}, "expected 2 different names"),
    ],
)
def test_bad_names_and_ids(options, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        Sequences(np.ones((4, 2)), [0, 2, 4], **options)


# Labels by id.


def shuffled():
    """Steps in a random order; labels by id, sorted by id."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(long_table(NUMBERS) | {"t": np.concatenate([np.arange(n) for n in LENGTHS])})
    return frame.sample(frac=1, random_state=0), pd.Series(Y, name="label")


@pytest.mark.parametrize("form", ["Series", "dict", "column", "frame", "polars column"])
def test_labels_by_id(form):
    frame, labels = shuffled()
    given = {"dict": labels.to_dict(), "frame": labels.to_frame()}.get(form, labels)
    if "column" in form:
        frame, given = frame.assign(label=frame["id"].map(labels)), "label"
    if form == "polars column":
        frame = pytest.importorskip("polars").DataFrame(frame.to_dict("list"))
    X_by_id, y = Sequences.from_long(frame, id="id", time="t", labels=given)
    assert X_by_id.columns.tolist() == ["a", "b"]
    assert X_by_id.ids.tolist() != list(range(40))
    assert_array_equal(np.ravel(y), Y[X_by_id.ids])
    for i, x in zip(X_by_id.ids, X_by_id):
        assert_array_equal(x, X[i])


@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        ({1: 0}, ValueError, "labels has none for 1 of 2 ids: [2]; its keys are [1]"),
        (3, TypeError, "labels is of type int; expected a dict"),
        ("x", ValueError, "labels differ within 1: 1.0 and 2.0"),
        ("z", ValueError, "frame does not have the column 'z'"),
    ],
)
def test_labels_that_are_refused(labels, error, words):
    table = {"id": [1, 1, 2], "x": [1.0, 2.0, 3.0], "u": [1.0, 2.0, 3.0]}
    with pytest.raises(error, match=re.escape(words)):
        Sequences.from_long(table, id="id", labels=labels)


def test_labels_twice():
    pd = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match="labels has 1 twice"):
        Sequences.from_long({"id": [1], "x": [1.0]}, id="id", labels=pd.Series([0, 1], index=[1, 1]))


def test_targets_of_other_ids_are_refused():
    frame, labels = shuffled()
    by_id = Sequences.from_long(frame, id="id", time="t")
    clf = LSTMClassifier(**SMALL)
    words = r"y is indexed by 0 where X.ids has \d+: y.loc\[X.ids\] goes by id.*labels=y"
    for method in (clf.fit, lambda X, y: clf.partial_fit(X, y, classes=[0, 1])):
        with pytest.raises(ValueError, match=words):
            method(by_id, labels)
    with pytest.raises(ValueError, match=r"sample_weight is indexed by 0 where X\.ids has"):
        clf.fit(by_id, labels.loc[by_id.ids], sample_weight=labels + 1.0)
    right = clf.fit(by_id, labels.loc[by_id.ids])
    with pytest.raises(ValueError, match=words):
        right.score(by_id, labels)
    proba = right.predict_proba(by_id)
    assert_array_equal(proba, clone(clf).fit(by_id, Y[by_id.ids]).predict_proba(by_id))
    names = Sequences(by_id.values, by_id.offsets, ids=[f"p{i}" for i in by_id.ids])
    assert_array_equal(
        clf.fit(names, labels.loc[by_id.ids].reset_index(drop=True)).predict_proba(names), proba
    )
    cross_val_score(clf, by_id, labels.loc[by_id.ids], cv=2, error_score="raise")


def test_targets_of_steps_of_other_ids_are_refused():
    pd = pytest.importorskip("pandas")
    frame, _ = shuffled()
    by_id = Sequences.from_long(frame, id="id", time="t")
    steps = pd.Series([(x[:, 0] > 0).astype(int) for x in X])
    weight = pd.Series([np.ones(len(x)) for x in X])
    tagger = LSTMClassifier(return_sequences=True, **SMALL).fit(by_id, steps.loc[by_id.ids])
    held_out = clone(tagger).set_params(early_stopping=True)
    words = r" is indexed by 0 where X.ids has \d+"
    for name, use in {
        "y": lambda y: clone(tagger).fit(by_id, y),
        "sample_weight": lambda y: clone(tagger).fit(by_id, y.loc[by_id.ids], sample_weight=weight),
        "groups": lambda y: held_out.fit(by_id, y.loc[by_id.ids], groups=pd.Series(Y)),
        "X_val and y_val: y": lambda y: held_out.fit(by_id, y.loc[by_id.ids], X_val=by_id, y_val=y),
    }.items():
        with pytest.raises(ValueError, match=f"^{name}{words}"):
            use(steps)
    for use in (
        lambda y: tagger.score(by_id, y),
        lambda y: step_scorer("f1")(tagger, by_id, y),
        lambda y: StepConfusionDisplay.from_estimator(tagger, by_id, y),
        lambda y: TransformedStepTargetRegressor(LSTMRegressor(return_sequences=True, **SMALL)).fit(by_id, y),
    ):
        with pytest.raises(ValueError, match=f"^y{words}"):
            use(steps)
        use(steps.loc[by_id.ids])


def test_ids_and_names_of_sktime():
    pd = pytest.importorskip("pandas")
    index = pd.MultiIndex.from_tuples([("q", 0), ("p", 0), ("p", 1)])
    X = Sequences.from_sktime(pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index))
    assert X.ids.tolist() == ["q", "p"]
    assert X.to_sktime().columns.tolist() == ["a"]


def test_sparse_sequences_have_ids():
    X = Sequences(sparse.eye_array(3), [0, 1, 3], ids=["a", "b"])
    assert X[1:].ids.tolist() == ["b"]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_dates_are_never_scaled(library):
    module = pytest.importorskip(library)
    frames = [module.DataFrame({"t": np.arange(n).astype("M8[ms]")}) for n in (3, 4)]
    beside = [module.DataFrame({"t": np.arange(n).astype("M8[ms]"), "v": np.arange(n) / 2}) for n in (3, 4)]
    of_dates = PerTimeStep(make_column_transformer((StandardScaler(), ["t"]), (MinMaxScaler(), ["v"])))
    for transformer, X in ((SequenceScaler(), frames), (SequenceScaler(), beside), (of_dates, beside)):
        with pytest.raises(TypeError, match="Dates and durations are not read as numbers"):
            transformer.fit(X)
    numbers = PerTimeStep(make_column_transformer((MinMaxScaler(), ["v"])))
    assert_array_equal(numbers.fit_transform(beside)[0].to_numpy().ravel(), [0, 1 / 3, 2 / 3])


@pytest.mark.parametrize("make", [lambda rows: rows, lambda rows: np.array(rows, dtype=object)])
def test_dates_of_numpy_among_objects(make):
    X = [make([[np.datetime64("2024"), 1.0]]) for _ in range(4)]
    with pytest.raises(TypeError, match="Dates and durations are not read as numbers"):
        LSTMClassifier(**SMALL).fit(X, [0, 1, 0, 1])
    clf = LSTMClassifier(**SMALL).fit(np.eye(4).reshape(4, 2, 2), [0, 1, 0, 1])
    with pytest.raises(TypeError, match="Dates and durations are not read as numbers"):
        clf.step(X[0][0])


def test_tables_of_dates_and_words_name_the_column():
    pd = pytest.importorskip("pandas")
    dates = pd.DataFrame({"s1": pd.date_range("2024", periods=3), "s2": np.arange(3.0)})
    with pytest.raises(TypeError, match="Dates and durations are not read as numbers"):
        PerTimeStep(StandardScaler()).fit(dates)
    with pytest.raises(TypeError, match="several kinds in one feature"):
        SequenceOneHotEncoder().fit(dates)
    words = pd.DataFrame({"s1": ["a", "b"], "s2": ["b", "a"]})
    encoded = PerTimeStep(OneHotEncoder(sparse_output=False)).fit_transform(words)
    assert_array_equal(encoded, [[[1, 0], [0, 1]], [[0, 1], [1, 0]]])


def test_what_a_transformer_of_steps_cannot_take():
    words = [np.array([["a", 1.0], ["b", 2.0]], dtype=object)] * 2
    for fit in (
        lambda: SequenceScaler().fit(words),
        lambda: SequenceScaler().fit([np.ones((2, 2))]).transform(words),
    ):
        with pytest.raises(ValueError, match=r"StandardScaler cannot take.*X\[0\] at step 0 holds .a. in"):
            fit()
    by_name = PerTimeStep(make_column_transformer((OneHotEncoder(), ["c"])))
    with pytest.raises(ValueError, match=r"The features of X have no names: give indices.*from_long"):
        by_name.fit(words)
    with pytest.raises(ValueError, match=r"numpy.column_stack\(list\(x.values\(\)\)\)"):
        by_name.fit([{"c": ["a", "b"], "v": [1.0, 2.0]}])
    with pytest.raises(TypeError, match="structured_to_unstructured"):
        LSTMClassifier(**SMALL).fit([np.zeros(2, dtype=[("a", float), ("b", float)])] * 2, [0, 1])


def test_numbers_that_have_become_text():
    X = [np.array([["r", 1.5 + i], ["g", 2.25 + i]]) for i in range(30)]
    with pytest.warns(UserWarning, match="feature 1 of X has 60 different numbers, such as 1.5"):
        SequenceOneHotEncoder().fit(X)
    encoded = SequenceOneHotEncoder(columns=[0], sparse_output=False).fit_transform(X)
    assert_array_equal(encoded[1], [[0, 1, 2.5], [1, 0, 3.25]])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_labels_of_a_frame_with_ids(library):
    frame = pytest.importorskip(library).DataFrame({"who": ["b", "a", "b"], "x": [1.0, 2.0, 3.0]})
    labels = pytest.importorskip(library).DataFrame({"y": [7, 8], "who": ["a", "b"]})
    X, y = Sequences.from_long(frame, id="who", labels=labels)
    assert X.ids.tolist() == ["b", "a"]
    assert y.tolist() == [8, 7]
    with pytest.raises(TypeError, match=r"labels is of type ndarray.*dict\(zip\(ids, labels\)\)"):
        Sequences.from_long(frame, id="who", labels=np.array([7, 8, 7]))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_time_steps_of_streams_have_names(library):
    module = pytest.importorskip(library)
    X = [module.DataFrame({"a": [0.0, 1.0], "b": [1.0, i]}) for i in range(4)]
    clf = LSTMClassifier(**SMALL).fit(X, [0, 1, 0, 1])
    expected = clf.predict_proba([X[0][:1]])
    assert_allclose(clf.step(X[0][:1]), expected)
    with pytest.raises(ValueError, match="same order as they were in fit"):
        clf.step(X[0][["b", "a"]][:1])
    if library == "pandas":
        assert_allclose(clf.reset_state().step(X[0].iloc[0]), expected[0])
        with pytest.raises(ValueError, match="same order as they were in fit"):
            clf.step(X[0][["b", "a"]].iloc[0])


def test_a_record_batch_is_a_table():
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"a": [[1.0, 2.0], [3.0]], "b": [[0.0, 1.0], [0.0]]})
    assert_array_equal(as_sequences(table.to_batches()[0]).values, as_sequences(table).values)
