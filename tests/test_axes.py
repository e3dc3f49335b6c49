"""What the axes of X mean: a word where the evidence is against the reading, padding, windows of series."""

import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklstm import (
    LSTMClassifier,
    LSTMEncoder,
    LSTMRegressor,
    SequenceImputer,
    SequencePadder,
    Sequences,
    SequenceScaler,
    SequenceSummary,
)
from sklstm._sequences import as_sequences

pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged")

NAN = np.nan
SMALL = {"n_blocks": 2, "max_iter": 2, "random_state": 0}
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 2)) for n in RNG.integers(3, 9, 40)]
Y = np.array([int(x[:, 0].sum() > 0) for x in X])
TABLE = RNG.normal(size=(60, 4))
TARGETS = RNG.normal(size=60)


def frame(**options):
    return pytest.importorskip("pandas").DataFrame(TABLE, **options)


def times(kind):
    pd = pytest.importorskip("pandas")
    if kind == "durations":
        return pd.to_timedelta(np.arange(60), unit="D")
    return (
        pd.date_range("2024", periods=60, tz="UTC" if kind == "zone" else None)
        if kind != "periods"
        else (pd.period_range("2024", periods=60))
    )


EVIDENCE = {
    **{
        kind: (
            lambda kind=kind: frame(index=times(kind)),
            r"index is of times.*\[X\] is one.*from_windows\(X",
        )
        for kind in ("dates", "zone", "periods", "durations")
    },
    "two levels": (
        lambda: frame(index=pytest.importorskip("pandas").MultiIndex.from_product([range(6), range(10)])),
        r"index has 2 levels.*Sequences.from_sktime\(X\)",
    ),
    "names of features": (
        lambda: frame(columns=["temperature", "humidity", "wind", "rain"]),
        r"\['temperature'.*look like features.*\[X\].*from_long\(X, id=...\).*from_lengths\(X, lengths\)",
    ),
    "names in polars": (
        lambda: pytest.importorskip("polars").DataFrame(TABLE, schema=["a", "b", "c", "d"]),
        "look like features",
    ),
    "an encoder's output": (
        lambda: OneHotEncoder(sparse_output=False).fit_transform(np.arange(60)[:, np.newaxis] % 4),
        r"each row has a single 1 among zeros.*\[X\].*from_lengths",
    ),
}


@pytest.mark.parametrize("name", EVIDENCE)
@pytest.mark.parametrize("model", [LSTMRegressor(**SMALL), SequenceScaler(), SequenceSummary()], ids=repr)
def test_a_word_where_rows_do_not_look_like_sequences(name, model):
    make, words = EVIDENCE[name]
    words = rf"read as 60 univariate sequences of 4 time steps, one per row, but .*{words}"
    with pytest.warns(UserWarning, match=words):
        model.fit(make(), TARGETS)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message="Learning has not converged")
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        (getattr(model, "predict", None) or model.transform)(make())  # once is enough
        table = np.asarray(make())
        model.fit(table[:, :, np.newaxis] if name == "an encoder's output" else table, TARGETS)  # as it says


@pytest.mark.parametrize("model", [LSTMRegressor(**SMALL), SequenceScaler()], ids=repr)
@pytest.mark.filterwarnings("ignore:Learning has not converged")
def test_a_word_where_channels_come_first(model):
    X = np.random.default_rng(0).normal(size=(6, 1, 5))
    words = r"6 sequences of 1 time step with 5 features.*Sequences\.from_aeon\(X\)"
    with pytest.warns(UserWarning, match=words):
        model.fit(X, TARGETS[:6])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message="Learning has not converged")
        for read in (list(X), Sequences.from_aeon(X), X.swapaxes(1, 2), X[:, :, :1]):
            model.fit(read, TARGETS[:6])


def test_a_word_where_neighbours_are_alike_along_the_last_axis():
    rng = np.random.default_rng(0)
    series = rng.normal(size=(6, 3, 40)).cumsum(axis=2)  # channels first
    series[:3, :, 30:] = np.nan
    words = "6 sequences of 3 time steps with 40 features, but neighbouring features.*from_aeon"
    with pytest.warns(UserWarning, match=words):
        SequenceScaler().fit(series)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        embeddings, images = rng.normal(size=(6, 3, 40)), rng.normal(size=(6, 28, 28)).cumsum(axis=2)
        transposed = series.swapaxes(1, 2)
        for X in (Sequences.from_aeon(series), transposed, embeddings, images, np.ones((6, 3, 40))):
            SequenceScaler().fit(X)


def test_no_word_where_rows_may_be_sequences():
    pd = pytest.importorskip("pandas")
    LSTMRegressor(**SMALL).fit(frame(), TARGETS)
    LSTMRegressor(**SMALL).fit(
        frame(columns=[f"t{i}" for i in range(4)], index=list(map(str, range(60)))), TARGETS
    )
    LSTMRegressor(n_channels=2, **SMALL).fit(frame(columns=list("abcd"), index=times("dates")), TARGETS)
    LSTMRegressor(**SMALL).fit(pd.DataFrame(TABLE[:, :1], columns=["a"]), TARGETS)
    LSTMRegressor(**SMALL).fit(TABLE, TARGETS)


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        (np.ones((30, 3)), np.ones(1), "One sequence alone is [X]"),
        (np.ones((30, 3)), np.ones(10), "from_long(frame, id=...)"),
        (np.ones((30, 3)), np.ones(10), "from_lengths(X, lengths)"),
        (np.ones((30, 3)), np.ones(10), "from_sktime(frame)"),
        (np.ones((30, 3)), np.ones(3), "X.T"),
        (np.ones((5, 30, 2)), np.ones(30), "X.swapaxes(0, 1)"),
        ([np.ones((3, 2)), np.ones((4, 2))], np.ones(7), "return_sequences=True"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(np.shape(value[0])),
)
def test_lengths_that_differ_name_the_other_axis(X, y, words):
    found = rf"got {len(X)} in X and {len(y)} in y\..*{re.escape(words)}"
    with pytest.raises(ValueError, match=found):
        LSTMRegressor().fit(X, y)


def test_one_sequence_with_a_tag_at_each_step():
    tags = (X[0][:, 0] > 0).astype(int)
    clf = LSTMClassifier(return_sequences=True, **SMALL)
    with pytest.raises(
        ValueError, match=r"y\[0\] has shape \(\).*One sequence of 8 steps.* is \[X\] and \[y\]"
    ):
        clf.fit(X[0], tags)
    assert clf.fit([X[0]], [tags]).predict([X[0]])[0].shape == (8,)


def test_features_of_a_step_on_two_axes():
    with pytest.raises(ValueError, match=r"X has shape \(4, 5, 2, 3\).*X.reshape\(\*X.shape\[:2\], -1\)"):
        LSTMRegressor().fit(np.ones((4, 5, 2, 3)), np.ones(4))


def test_what_is_left_out_goes_with_its_target():
    with pytest.raises(ValueError, match=r"X\[40\] is empty, \(0, 2\);.*leave it out, with its target"):
        LSTMClassifier().fit([*X, np.zeros((0, 2))], [*Y, 0])
    with pytest.raises(ValueError, match=r"X\[39\] is None; expected.*Leave it out, with its target"):
        LSTMClassifier().fit([*X[:-1], None], Y)


# Padding.


@pytest.mark.parametrize("value", [0.0, -1, NAN, 1e30])
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_of_any_value_on_either_side(side, value):
    padded = np.full((40, 10, 2), value, dtype=float)
    for row, x in zip(padded, X):
        row[slice(len(x)) if side == "right" else slice(10 - len(x), 10)] = x
    options = {"padding_side": side}
    for form, more in ((padded, {}), (padded.reshape(40, -1), {"n_channels": 2})):
        read = Sequences.from_padded(form, padding_value=value, **options, **more)
        assert_array_equal(read.values, np.concatenate(X))
        assert_array_equal(read.lengths, [len(x) for x in X])
        lengths = Sequences.from_padded(form, [len(x) for x in X], **options, **more)
        assert_array_equal(lengths.values, np.concatenate(X))


def test_only_whole_steps_at_that_side_are_padding():
    read = Sequences.from_padded([[[0, 0], [0, 1], [0, 0]]], padding_value=0)
    assert read[0].tolist() == [[0, 0], [0, 1]]
    assert Sequences.from_padded([[0, 5, NAN, 0]], padding_value=0)[0].tolist()[:2] == [[0], [5]]
    masked = np.ma.masked_equal([[1, 2, -1], [3, -1, -1]], -1)
    assert Sequences.from_padded(masked).lengths.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"padding_side": "pre"}, ValueError, "padding_side must be one of ['right', 'left'], got 'pre'"),
        ({"padding_value": "0"}, TypeError, "padding_value must be NaN or a number, got '0'"),
        ({"padding_value": np.inf}, ValueError, "padding_value must be NaN or a finite number"),
        ({"padding_value": 1}, ValueError, "X[0] is all 1, without a step"),
    ],
)
def test_padding_that_is_refused(options, error, words):
    with pytest.raises(error, match=re.escape(words)):
        Sequences.from_padded(np.ones((2, 3)), **options)


# Windows.


def every_window(series, length, horizon, step):
    """The definition, by loops: windows that end as late as possible, in the order of time."""
    found = []
    for which, values in enumerate(series):
        for last in range(len(values) - 1 - horizon, length - 2, -step):
            found.append((last, which))
    return sorted(found)


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("horizon", [0, 1, 4])
@pytest.mark.parametrize("lengths", [[20], [20, 7, 31]])
def test_windows(lengths, horizon, step):
    series = [RNG.normal(size=(n, 3)) for n in lengths]
    expected = every_window(series, 5, horizon, step)
    given = series[0] if len(series) == 1 else series
    result = Sequences.from_windows(given, 5, horizon, step, target=[2, 0])
    windows, y = result if horizon else (result, None)
    assert len(windows) == len(expected) > 0
    for i, (last, which) in enumerate(expected):
        assert_array_equal(windows[i], series[which][last - 4 : last + 1])
        assert windows.ids[i] == (last if len(series) == 1 else (which, last))
        if horizon:
            assert_array_equal(y[i], series[which][last + 1 : last + 1 + horizon][:, [2, 0]].ravel())


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_windows_of_data_frames(library):
    module = pytest.importorskip(library)
    table = {"demand": np.arange(8.0), "weather": np.arange(8.0) ** 2}
    data = module.table(table) if library == "pyarrow" else module.DataFrame(table)
    windows, y = Sequences.from_windows(data, 3, target="demand")
    assert windows.columns.tolist() == ["demand", "weather"]
    assert_array_equal(y, [3, 4, 5, 6, 7])
    assert_array_equal(windows[0], [[0, 0], [1, 1], [2, 4]])
    both, _ = Sequences.from_windows([data, data], 3, target="demand")
    assert len(both) == 10
    with pytest.raises(
        ValueError, match=re.escape("series has 2 channels, ['demand', 'weather']: target must")
    ):
        Sequences.from_windows(data, 3)


@pytest.mark.parametrize("times", ["Datetime", "Period", "text"])
def test_windows_of_series_whose_times_do_not_increase(times):
    pd = pytest.importorskip("pandas")
    index = pd.date_range("2024", periods=9)
    index = {"Datetime": index, "Period": index.to_period(), "text": index.strftime("%Y-%m-%d")}[times]
    series = pd.Series(np.arange(9.0), index=index)
    words = "times of series, .* do not increase .*series.sort_index"
    for wrong in (
        series[::-1],
        series.iloc[[0, 1, 1, 2, 3]],
        series.to_frame("a").sample(frac=1, random_state=0),
    ):
        with pytest.raises(ValueError, match=words):
            Sequences.from_windows(wrong, 3)
    with pytest.raises(ValueError, match=r"times of series\[1\], "):
        Sequences.from_windows([series, series[::-1]], 3)
    _, y = Sequences.from_windows(series[::-1].sort_index(), 3)
    assert_array_equal(y, [3, 4, 5, 6, 7, 8])
    Sequences.from_windows(series.reset_index(drop=True)[::-1], 3)  # numbers of rows say nothing


def test_windows_invent_no_values():
    series = np.array([0.0, 1.0, NAN, 3.0, 4.0, 5.0])
    windows, y = Sequences.from_windows(series, 2)
    assert y.tolist() == [3, 4, 5]  # the one whose target is missing is left out
    assert windows.ids.tolist() == [2, 3, 4]
    assert_array_equal(windows[0].ravel(), [1, NAN])
    model = make_pipeline(SequenceImputer(), LSTMRegressor(**SMALL))
    assert model.fit(windows, y).predict(windows).shape == (3,)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((0,), {}, ValueError, "length must be an integer of at least 1, got 0"),
        ((2, -1), {}, ValueError, "horizon must be an integer of at least 0, got -1"),
        ((2, 1, 0), {}, ValueError, "step must be an integer of at least 1, got 0"),
        (
            (10,),
            {},
            ValueError,
            "the longest series has 10 steps; a window of length=10 and a horizon of 1 need 11",
        ),
        ((2,), {"target": 1}, ValueError, "target must be channels of series, 0 to 0, got 1"),
        ((2,), {"target": "a"}, ValueError, "got 'a'"),
        ((2.0,), {}, TypeError, "length must be an integer"),
    ],
)
def test_windows_that_are_refused(arguments, options, error, words):
    with pytest.raises(error, match=re.escape(words)):
        Sequences.from_windows(np.arange(10.0), *arguments, **options)


def test_a_back_test():
    t = np.arange(300)
    series = np.column_stack([np.sin(t / 5) + np.sin(t / 3), t % 7])
    windows, y = Sequences.from_windows(series, 12, horizon=3, target=0)
    split = TimeSeriesSplit(n_splits=3, gap=2)
    for train, test in split.split(windows):
        assert (
            windows.ids[train].max() + 3 <= windows.ids[test].min()
        )  # no target of one is among the other's
    lags = make_pipeline(SequencePadder(), Ridge(alpha=1e-6))
    assert cross_val_score(lags, windows, y, cv=split).min() > 0.99
    lstm = make_pipeline(SequenceScaler(), LSTMRegressor(n_blocks=4, max_iter=3, random_state=0))
    assert cross_val_score(lstm, windows, y, cv=split, error_score="raise").shape == (3,)
    forecast = lags.fit(windows, y).predict(Sequences.from_windows(series, 12, horizon=0)[-1:])
    ahead = t[-1] + np.arange(1, 4)
    assert_allclose(forecast[0], np.sin(ahead / 5) + np.sin(ahead / 3), atol=0.01)


def test_windows_are_read_as_any_sequences():
    windows = Sequences.from_windows(np.arange(6.0), 2, 0)
    assert_array_equal(as_sequences(windows).lengths, [2] * 5)


@pytest.mark.parametrize("library", ["default", "pandas"])
@pytest.mark.parametrize("made", [LSTMEncoder(LSTMRegressor(**SMALL)), SequenceSummary()])
def test_a_word_where_an_lstm_reads_a_table_of_features(made, library):
    if library != "default":
        pytest.importorskip(library)
    made = clone(made).set_output(transform=library)
    words = "table of features that .* use an estimator of tables after it"
    with pytest.warns(UserWarning, match=words):
        model = make_pipeline(made, LSTMClassifier(**SMALL)).fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.predict(X)  # fit has said it
        LSTMClassifier(**SMALL).fit(np.array(model[0].transform(X)), Y)
        make_pipeline(made, Ridge()).fit(X, Y)


def test_a_word_where_rows_of_the_padder_lack_their_channels():
    equal = np.random.default_rng(0).normal(size=(40, 5, 2))
    with pytest.warns(UserWarning, match="sequences of 2 features.*n_channels=2"):
        make_pipeline(SequencePadder(), LSTMClassifier(**SMALL)).fit(equal, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        make_pipeline(SequencePadder(), LSTMClassifier(n_channels=2, **SMALL)).fit(equal, Y)
        make_pipeline(SequencePadder(), LSTMClassifier(**SMALL)).fit(equal[:, :, :1], Y)


def test_texts_and_objects_that_are_dates_in_an_index():
    dates = times("dates")
    for index in (dates.date, dates.astype(str)):
        with pytest.warns(UserWarning, match="index is of times"):
            LSTMRegressor(**SMALL).fit(frame(index=index), TARGETS)


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        (X[:1], np.zeros(len(X[0])), r"The targets of one sequence are \[y\]"),
        (X, np.zeros(sum(map(len, X))), r"np.split\(y, np.cumsum\(\[len\(x\) for x in X\]\)\[:-1\]\)"),
        (np.ones((5, 40, 2)), np.zeros((40, 5)), r"X.swapaxes\(0, 1\)"),
        (np.ones((40, 5, 2)), np.zeros((5, 40)), r"y.swapaxes\(0, 1\)"),
    ],
)
def test_targets_of_steps_on_another_axis(X, y, words):
    with pytest.raises(ValueError, match=words):
        LSTMRegressor(return_sequences=True, **SMALL).fit(X, y)


def test_groups_of_pandas_are_not_yet_sequences():
    pd = pytest.importorskip("pandas")
    groups = pd.DataFrame({"id": [0, 0, 1], "a": [1.0, 2.0, 3.0]}).groupby("id")
    with pytest.raises(ValueError, match=r"\[frame for _, frame in X\]"):
        LSTMRegressor(**SMALL).fit(list(groups), [0, 1])


def test_targets_in_another_order_than_tables_of_lists():
    pd = pytest.importorskip("pandas")
    channels = {name: [x[:, k] for x in X] for k, name in enumerate("ab")}
    table = pd.DataFrame(channels, index=[f"p{i}" for i in range(40)])
    labels = pd.Series(Y, index=table.index)
    clf = LSTMClassifier(**SMALL)
    with pytest.warns(UserWarning, match="'p39' where X has 'p0'.*y.loc"):
        clf.fit(table, labels[::-1])
    with pytest.warns(UserWarning, match="another order"):
        clf.score(table, labels[::-1])
    weight = pd.Series(np.arange(1.0, 41), index=table.index)[::-1]
    with pytest.warns(UserWarning, match=r"sample_weight is .*'p39' where X has 'p0'.*sample_weight\.loc"):
        clf.fit(table, labels, sample_weight=weight)
    with pytest.warns(UserWarning, match="sample_weight is .*another order"):
        clf.score(table, labels, weight)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        cross_val_score(clf, table, labels, cv=2, error_score="raise")
        clf.fit(table, labels[::-1].to_numpy()).fit(table, pd.Series(Y))
