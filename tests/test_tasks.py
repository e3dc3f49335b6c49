"""The tasks of 1997, and what all tasks share.

Each rule is checked, on thousands of sequences, by code that reads symbol by symbol.
"""

import re
from collections import Counter, defaultdict
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import stats

from sklstm import LSTMClassifier, LSTMRegressor, Network, Sequences, tasks

pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged")

N = 4000
TINY = 1e-6  # a p-value that chance does not reach; a range that is off by one goes far below

# Every generator, small: name -> function of (n_sequences, dtype=, random_state=).
MAKERS = {
    "1": tasks.make_embedded_reber,
    "2a": partial(tasks.make_long_lag, p=5),
    "2a at the end": partial(tasks.make_long_lag, p=5, at_end=True),
    "2b": partial(tasks.make_random_long_lag, p=5),
    "2b at the end": partial(tasks.make_random_long_lag, p=5, at_end=True),
    "2c": partial(tasks.make_distractor_lag, p=5, q=3),
    "3a": partial(tasks.make_two_sequence, min_length=10),
    "3b": partial(tasks.make_two_sequence, min_length=10, variant="b"),
    "3c": partial(tasks.make_two_sequence, min_length=10, variant="c"),
    "4": partial(tasks.make_adding, min_length=20),
    "5": partial(tasks.make_multiplication, min_length=20),
    "6a": tasks.make_temporal_order,
    "6b": partial(tasks.make_temporal_order, n_relevant=3),
    "xor": partial(tasks.make_delayed_xor, delay=2),
    "parity": partial(tasks.make_parity, min_length=5, max_length=9),
    "continual": partial(tasks.make_continual_reber, n_steps=30),
    "language": partial(tasks.make_language, language="a^n b^m B^m A^n", max_n=6),
    "timed spikes": partial(tasks.make_timed_spikes, n_spikes=3, period=4, extras=(0, 1, 2)),
    "spike gap": partial(tasks.make_spike_gap, gaps=(3, 5)),
    "functions": partial(tasks.make_functions, n_exemplars=6),
    "blues": tasks.make_blues,
}
WEIGHTED = {"make_spike_delays", "make_delay_detection"}  # a weight for each target beside X and y
ALWAYS_THE_SAME = {"make_periodic", "make_mackey_glass", "make_language_strings"}  # nothing is drawn
SPARSE = ("continual", "1", "2a", "2a at the end", "2b", "2b at the end", "2c", "6a", "6b")
LISTED_WITH_OTHERS = ("reber_successors", "make_embedded_reber_sets", "accepted_strings")
every_task = pytest.mark.parametrize("task", MAKERS)


def symbols_of(sequence):
    """Column of the one in each row of a one-hot sequence, sparse or dense."""
    rows = sequence.toarray() if hasattr(sequence, "toarray") else np.asarray(sequence)
    columns = []
    for row in rows.tolist():
        assert sorted(row) == [0.0] * (len(row) - 1) + [1.0]
        columns.append(row.index(1.0))
    return columns


def texts(sequences, alphabet):
    return ["".join(alphabet[column] for column in symbols_of(sequence)) for sequence in sequences]


def assert_frequencies(found, expected):
    """Occurrences in accordance with probabilities, and of nothing else."""
    counts = Counter(found)
    assert set(counts) <= set(expected)
    n = sum(counts.values())
    test = stats.chisquare([counts[key] for key in expected], [n * expected[key] for key in expected])
    assert len(expected) == 1 or test.pvalue > TINY, counts


def assert_uniform(found, values):
    values = list(values)
    assert_frequencies(found, dict.fromkeys(values, 1 / len(values)))


def arrays(data):
    """All numbers of what a generator returns."""
    X, y = data
    return [part.values if isinstance(part, Sequences) else part for part in (X, y)] + [X.offsets]


def same(one, other):
    dense = [[a.toarray() if hasattr(a, "toarray") else a for a in arrays(data)] for data in (one, other)]
    return all(np.array_equal(a, b) for a, b in zip(*dense))


# ------------------------------------------------------------------------------------------------
# Experiment 1

# The Reber graph, by hand: what follows node 4, in terms of itself.
FOUR = "(?:XT*VP)*(?:S|XT*VV)"
EMBEDDED_REBER = re.compile(f"B([TP])B(?:TS*X{FOUR}|PT*V(?:V|P{FOUR}))E\\1E")


def reber_texts(n=N, seed=0):
    """Whole strings, of inputs and targets."""
    X, y = tasks.make_embedded_reber(n, random_state=seed)
    inputs, targets = texts(X, "BTPSXVE"), texts(y, "BTPSXVE")
    for read, following in zip(inputs, targets):
        assert read[1:] == following[:-1]
    return [read + following[-1] for read, following in zip(inputs, targets)]


def test_recogniser_of_reber_strings():
    assert EMBEDDED_REBER.fullmatch("BTBTXSETE")
    assert EMBEDDED_REBER.fullmatch("BPBPTTVPXVPXTVVEPE")
    for wrong in ("BTBTXSEPE", "BTBTSSETE", "TBTXSET", "BTBPVTVETE", "BTBTXSETEE"):
        assert not EMBEDDED_REBER.fullmatch(wrong)


def test_reber_strings_are_legal():
    strings = reber_texts()
    for string in strings:
        assert EMBEDDED_REBER.fullmatch(string), string
        assert string[1] == string[-2]
    assert min(map(len, strings)) == 9
    assert max(map(len, strings)) > 30


def test_reber_choices_are_fifty_fifty():
    strings = reber_texts(20_000)
    assert_uniform([string[1] for string in strings], "TP")
    assert_uniform([string[3] for string in strings], "TP")
    counts = Counter(strings)
    for string, choices in {"BTBTXSETE": 4, "BPBPVVEPE": 4, "BTBTSXSETE": 5, "BPBTXXVVEPE": 6}.items():
        assert stats.binomtest(counts[string], len(strings), 0.5**choices).pvalue > TINY
    lengths = np.array(list(map(len, strings)))
    assert abs(lengths.mean() - 12) < 5 * lengths.std() / np.sqrt(len(lengths))
    following = defaultdict(Counter)  # within the inner string, after what makes the node of the graph plain
    for string in strings:
        inner = string[3:-3]
        for at in range(2, len(inner)):
            following[inner[at - 2 : at]][inner[at]] += 1
    for node, choices in {"TS": "SX", "SS": "SX", "TX": "XS", "VP": "XS", "TT": "TV", "XX": "TV"}.items():
        assert_uniform(following[node].elements(), choices)


def test_reber_successors():
    assert_array_equal(
        tasks.reber_successors(["BTBTXSETE", "BPB"]),
        [
            [symbol in legal for symbol in "BTPSXVE"]
            for legal in ("TP", "B", "TP", "SX", "XS", "E", "T", "E", "", "TP", "B", "TP")
        ],
    )


def test_reber_successors_are_those_that_occur():
    X, y = tasks.make_embedded_reber(20_000, random_state=3)
    legal = tasks.reber_successors(X)
    assert legal.dtype == bool
    assert legal.shape == (X.n_steps, 7)
    assert legal[y.values.astype(bool)].all()
    assert set(legal.sum(axis=1)) == {1, 2}
    seen, said = defaultdict(Counter), {}
    for string, rows in zip(texts(X, "BTPSXVE"), np.split(legal, X.offsets[1:-1])):
        last = {"T": "E", "P": "E"}.get(string[-1])
        for at in range(len(string)):
            following = string[at + 1] if at + 1 < len(string) else last
            seen[string[: at + 1]][following] += 1
            said[string[: at + 1]] = {symbol for symbol, is_legal in zip("BTPSXVE", rows[at]) if is_legal}
    often = [prefix for prefix, counts in seen.items() if counts.total() >= 50]
    assert len(often) > 200
    for prefix in often:
        assert said[prefix] == set(seen[prefix])


@pytest.mark.parametrize("form", ["Sequences", "dense", "list", "text", "iterator"])
def test_reber_successors_of_any_form(form):
    X, _ = tasks.make_embedded_reber(50, random_state=1)
    given = {
        "Sequences": X,
        "dense": Sequences(X.values.toarray(), X.offsets),
        "list": [x.toarray() for x in X],
        "text": texts(X, "BTPSXVE"),
        "iterator": iter(texts(X, "BTPSXVE")),
    }[form]
    assert_array_equal(tasks.reber_successors(given), tasks.reber_successors(X))


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (["BTB", "BTBX"], ValueError, r"X\[1\].*symbol 4, X"),
        (["BTBTXSEPE"], ValueError, r"X\[0\].*symbol 8, P"),
        (["BTBTXSETEB"], ValueError, r"X\[0\].*symbol 10, B"),
        (["BQ"], ValueError, r"\['Q'\]"),
        ("BTB", TypeError, "one string"),
        ([np.eye(7)[:1] + 1], ValueError, "one-hot"),
        ([np.eye(7)[:1] * 0], ValueError, "one-hot"),
        ([np.eye(6)], ValueError, "BTPSXVE"),
    ],
)
def test_reber_successors_refuses(X, error, message):
    with pytest.raises(error, match=message):
        tasks.reber_successors(X)


@pytest.mark.parametrize(("n_train", "n_test"), [(256, 256), (1, 1), (1000, 10), (1, 300)])
@pytest.mark.parametrize("unique", [True, False])
def test_reber_sets_are_disjoint(n_train, n_test, unique):
    X_train, X_test, y_train, y_test = tasks.make_embedded_reber_sets(
        n_train, n_test, unique=unique, random_state=0
    )
    train, test = (
        [x + y[-1] for x, y in zip(texts(X, "BTPSXVE"), texts(y, "BTPSXVE"))]
        for X, y in ((X_train, y_train), (X_test, y_test))
    )
    assert (len(train), len(test)) == (n_train, n_test)
    for strings in (train, test):
        if unique or len(strings) > 100:
            assert (len(set(strings)) == len(strings)) == unique
    assert not set(train) & set(test)
    for string in train + test:
        assert EMBEDDED_REBER.fullmatch(string)


def test_reber_sets_are_of_one_kind():
    """The likeliest string goes to either set, and no set has the shorter strings."""
    where, means = [], []
    for seed in range(40):
        X_train, X_test, _, _ = tasks.make_embedded_reber_sets(random_state=seed)
        where.append("BTBTXSET" in texts(X_train, "BTPSXVE"))
        assert where[-1] != ("BTBTXSET" in texts(X_test, "BTPSXVE"))
        means.append(X_train.lengths.mean() - X_test.lengths.mean())
    assert 8 <= sum(where) <= 32
    assert abs(np.mean(means)) < 5 * np.std(means) / np.sqrt(len(means))


def test_reber_training_sets_as_the_grammar_makes_them():
    strings = []
    for seed in range(10):
        X, _, _, _ = tasks.make_embedded_reber_sets(1000, 10, unique=False, random_state=seed)
        strings += texts(X, "BTPSXVE")
    assert stats.binomtest(strings.count("BTBTXSET"), len(strings), 1 / 16).pvalue > TINY
    lengths = np.array(list(map(len, strings)))
    assert abs(lengths.mean() - 11) < 5 * lengths.std() / np.sqrt(len(lengths))


def test_reber_sets_have_the_first_strings_drawn():
    """Few strings are not the first ones in some order."""
    second, lengths = [], []
    for seed in range(100):
        for X in tasks.make_embedded_reber_sets(5, 5, random_state=seed)[:2]:
            second += [string[1] for string in texts(X, "BTPSXVE")]
            lengths += X.lengths.tolist()
    assert_uniform(second, "TP")
    assert 11 < np.mean(lengths) < 14


def test_reber_sets_are_reproducible():
    first, again, other = (tasks.make_embedded_reber_sets(9, 5, random_state=s) for s in (0, 0, 1))
    assert same(first[::2], again[::2])
    assert same(first[1::2], again[1::2])
    assert not same(first[::2], other[::2])


# ------------------------------------------------------------------------------------------------
# Experiment 2


@pytest.mark.parametrize("p", [2, 3, 100])
@pytest.mark.parametrize("is_random", [False, True])
def test_long_lag(p, is_random):
    n = 300 if p == 100 else N
    make = tasks.make_random_long_lag if is_random else tasks.make_long_lag
    X, y = make(n, p, random_state=1)
    assert X.n_features == y.n_features == p + 1
    assert_array_equal(X.offsets, y.offsets)
    classes, between = [], []
    for x, t in zip(X, y):
        inputs, targets = symbols_of(x), symbols_of(t)
        assert len(inputs) == p
        assert inputs[1:] == targets[:-1]
        assert inputs[0] == targets[-1]
        classes.append(inputs[0])
        between += inputs[1:]
        if not is_random:
            assert inputs[1:] == list(range(p - 1))
    assert_uniform(classes, [p - 1, p])
    assert_uniform(between, range(p - 1))
    X_end, y_end = make(n, p, at_end=True, random_state=1)
    assert y_end.shape == (n, p + 1)
    assert symbols_of(y_end) == classes
    assert same((X, y_end), (X_end, y_end))


@pytest.mark.parametrize(("p", "q"), [(50, 50), (7, 0), (1, 3)])
def test_distractor_lag(p, q):
    X, y = tasks.make_distractor_lag(N, p, q, random_state=2)
    assert X.n_features == p + 4
    assert y.shape == (N, 2)
    e, b, x, y_symbol = range(p, p + 4)
    extra, classes, distractors = [], [], []
    for sequence, target in zip(X, y.tolist()):
        symbols = symbols_of(sequence)
        assert symbols[0] == b
        assert symbols[-1] == e
        assert target == {x: [1, 0], y_symbol: [0, 1]}[symbols[1]]
        assert all(0 <= symbol < p for symbol in symbols[2:-1])
        extra.append(len(symbols[2:-1]) - q)
        classes.append(symbols[1])
        distractors += symbols[2:-1]
    assert_uniform(classes, [x, y_symbol])
    assert_uniform(distractors, range(p))
    assert min(extra) == 0
    expected = {k: 0.1 * 0.9**k for k in range(30)} | {30: 0.9**30}
    assert_frequencies([min(k, 30) for k in extra], expected)
    mean_length = np.mean(X.lengths + 1)  # with the symbol to predict
    assert abs(mean_length - (q + 13)) < 5 * np.sqrt(90 / N)


# ------------------------------------------------------------------------------------------------
# Experiment 3


@pytest.mark.parametrize("variant", ["a", "b", "c"])
@pytest.mark.parametrize(("n_informative", "min_length"), [(3, 100), (1, 100), (12, 12), (2, 5)])
def test_two_sequence(variant, n_informative, min_length):
    X, y = tasks.make_two_sequence(N, n_informative, min_length, variant, target_noise=False, random_state=4)
    assert X.n_features == 1
    assert_uniform(X.lengths.tolist(), range(min_length, min_length + min_length // 10 + 1))
    targets = {1: 0.2, -1: 0.8} if variant == "c" else {1: 1, -1: 0}
    signs, noise, deviations = [], [], []
    for sequence, target in zip(X, y.tolist()):
        values = sequence[:, 0].tolist()
        sign = next(sign for sign in targets if targets[sign] == target)
        signs.append(sign)
        deviations += [value - sign for value in values[:n_informative]]
        noise += values[n_informative:]
    assert_uniform(signs, [1, -1])
    assert len(noise) > 1000
    for gaussian in [noise, deviations] if variant == "b" else [noise]:
        assert stats.kstest(gaussian, stats.norm(0, np.sqrt(0.2)).cdf).pvalue > TINY
    if variant != "b":
        assert set(deviations) == {0.0}


def test_noise_of_two_sequence():
    X, _ = tasks.make_two_sequence(N, variant="a", random_state=0)
    noise = np.concatenate([x[3:, 0] for x in X])
    assert abs(noise.std() - 0.447) < 1e-3
    assert abs(noise.mean()) < 5 * 0.447 / np.sqrt(len(noise))


def test_target_noise_of_two_sequence():
    X, clean = tasks.make_two_sequence(N, variant="c", target_noise=False, random_state=0)
    X_noisy, noisy = tasks.make_two_sequence(N, variant="c", random_state=0)
    assert same((X, clean), (X_noisy, clean))
    assert stats.kstest(noisy - clean, stats.norm(0, np.sqrt(0.1)).cdf).pvalue > TINY
    assert noisy.min() < 0
    assert noisy.max() > 1
    for variant in "ab":
        data = [tasks.make_two_sequence(9, 1, 9, variant, target_noise=t, random_state=0) for t in (0, 1)]
        assert same(*data)


# ------------------------------------------------------------------------------------------------
# Experiments 4 and 5


@pytest.mark.parametrize("min_length", [20, 21, 100])
@pytest.mark.parametrize("problem", ["adding", "multiplication"])
def test_marked_pairs(problem, min_length):
    n = 3 * N
    X, y = getattr(tasks, f"make_{problem}")(n, min_length, random_state=6)
    assert X.n_features == 2
    assert_uniform(X.lengths.tolist(), range(min_length, min_length + min_length // 10 + 1))
    half = min_length // 2
    all_values, marks = [], []
    for sequence, target in zip(X, y.tolist()):
        values, markers = sequence.T.tolist()
        assert markers[0] == markers[-1] == -1
        assert set(markers[1:-1]) <= {0, 1}
        marked = [step for step, marker in enumerate(markers, start=1) if marker == 1]
        first, second = marked if len(marked) == 2 else (1, *marked)
        assert 1 <= first <= 10
        assert first < second <= half
        X1, X2 = (
            (0 if problem == "adding" else 1) if step == 1 else values[step - 1] for step in (first, second)
        )
        assert target == pytest.approx(0.5 + (X1 + X2) / 4 if problem == "adding" else X1 * X2, abs=1e-15)
        assert 0 <= target <= 1
        marks.append((first, second))
        all_values += values
    # one mark in 1..10, the other in 1..T/2 without it, which of the two is the earlier cannot be seen
    pairs = Counter()
    for one in range(1, 11):
        others = [other for other in range(1, half + 1) if other != one]
        for other in others:
            pairs[min(one, other), max(one, other)] += 1 / 10 / len(others)
    assert_frequencies(marks, pairs)
    assert {mark for pair in marks for mark in pair} == set(range(1, half + 1))
    low = -1 if problem == "adding" else 0
    assert stats.kstest(all_values, stats.uniform(low, 1 - low).cdf).pvalue > TINY
    assert low <= min(all_values) < low + 1e-3
    assert 1 - 1e-3 < max(all_values) <= 1


# ------------------------------------------------------------------------------------------------
# Experiment 6

RANGES = {2: [(10, 20), (50, 60)], 3: [(10, 20), (33, 43), (66, 76)]}


@pytest.mark.parametrize("n_relevant", [2, 3])
def test_temporal_order(n_relevant):
    X, y = tasks.make_temporal_order(N, n_relevant, random_state=7)
    assert X.n_features == 8
    assert tasks.TEMPORAL_ORDER_SYMBOLS == "EBabcdXY"
    assert_uniform(X.lengths.tolist(), range(100, 111))
    positions, distractors = [[] for _ in range(n_relevant)], Counter()
    for string, label in zip(texts(X, "EBabcdXY"), y.tolist()):
        assert re.fullmatch("E[abcdXY]*B", string)
        relevant = [(at, symbol) for at, symbol in enumerate(string, start=1) if symbol in "XY"]
        assert "".join(symbol for _, symbol in relevant) == label
        assert len(relevant) == n_relevant
        for (at, _), (low, high), found in zip(relevant, RANGES[n_relevant], positions):
            assert low <= at <= high
            found.append(at)
        distractors.update(re.sub("[EBXY]", "", string))
    for found, (low, high) in zip(positions, RANGES[n_relevant]):
        assert_uniform(found, range(low, high + 1))
    assert_uniform(distractors.elements(), "abcd")
    last = [first + second for first in "XY" for second in "XY"]
    assert_uniform(y.tolist(), last if n_relevant == 2 else ["X" + s for s in last] + ["Y" + s for s in last])


# ------------------------------------------------------------------------------------------------
# section 6


@pytest.mark.parametrize("delay", [1, 50])
def test_delayed_xor(delay):
    X, y = tasks.make_delayed_xor(N, delay, random_state=8)
    assert_uniform(X.lengths.tolist(), range(2 * delay + 19, 2 * delay + 29))
    firsts, seconds, cases, bits = [], [], [], Counter()
    for sequence, target in zip(X, y.tolist()):
        values, markers = sequence.T.tolist()
        assert set(markers) == {0, 1}
        first, second = (step for step, marker in enumerate(markers, start=1) if marker)
        assert second - first >= delay
        assert len(values) - second >= delay
        relevant = (values[first - 1], values[second - 1])
        assert target == {(-1, -1): 0, (-1, 1): 1, (1, -1): 1, (1, 1): 0}[relevant]
        firsts.append(first)
        seconds.append(second)
        cases.append(relevant)
        bits.update(values)
    assert_uniform(firsts, range(1, 11))
    assert_uniform(seconds, range(delay + 10, delay + 20))
    assert_uniform(cases, [(-1, -1), (-1, 1), (1, -1), (1, 1)])
    assert_uniform(bits.elements(), [-1.0, 1.0])


@pytest.mark.parametrize(("min_length", "max_length"), [(None, None), (1, 1), (1, 6), (40, 41)])
def test_parity(min_length, max_length):
    given = {} if min_length is None else {"min_length": min_length, "max_length": max_length}
    X, y = tasks.make_parity(N, **given, random_state=9)
    assert_uniform(X.lengths.tolist(), range(min_length or 500, (max_length or 600) + 1))
    bits = Counter()
    for sequence, target in zip(X, y.tolist()):
        values = sequence[:, 0].tolist()
        is_odd = False
        for value in values:
            is_odd = is_odd if value == -1 else not is_odd
        assert target == is_odd
        bits.update(values)
    assert_uniform(bits.elements(), [-1.0, 1.0])
    assert_uniform(y.tolist(), [0.0, 1.0])


# ------------------------------------------------------------------------------------------------
# what all tasks share


@every_task
def test_parts_are_what_the_container_checks(task):
    X, y = MAKERS[task](20, random_state=0)
    assert X.is_sparse == (task in SPARSE)
    for part in [part for part in (X, y) if isinstance(part, Sequences)]:
        checked = Sequences(part.values, part.offsets)
        assert same((part, part), (checked, checked))
        if part.is_sparse:
            for name in ("data", "indices", "indptr"):
                assert getattr(part.values, name).dtype == getattr(checked.values, name).dtype
            assert part.values.has_canonical_format
        with pytest.raises(ValueError, match="read-only"):
            (part.values.data if part.is_sparse else part.values)[:1] = 0
    if isinstance(y, Sequences):
        assert_array_equal(X.offsets, y.offsets)
        assert not y.is_sparse
    else:
        assert len(y) == len(X) == 20
        assert y.flags.writeable


@every_task
def test_random_states(task):
    make = MAKERS[task]
    assert same(make(20, random_state=5), make(20, random_state=np.int64(5)))
    assert not same(make(20, random_state=5), make(20, random_state=6))
    assert not same(make(20), make(20))
    for source in (np.random.default_rng, np.random.RandomState):
        one, other = source(5), source(5)
        first, second = make(20, random_state=one), make(20, random_state=one)
        assert not same(first, second)
        assert same(first, make(20, random_state=other))
        assert same(second, make(20, random_state=other))


@every_task
def test_dtype(task):
    double, single = (
        arrays(MAKERS[task](20, dtype=dtype, random_state=0)) for dtype in ("float64", "float32")
    )
    for a, b, is_number in zip(double, single, (True, task not in ("6a", "6b"), False)):
        if not is_number:
            assert_array_equal(a, b)
            continue
        assert a.dtype == np.float64
        assert b.dtype == np.float32
        a, b = (c.toarray() if hasattr(c, "toarray") else c for c in (a, b))
        assert_array_equal(a.astype(np.float32), b)


@every_task
def test_one_sequence(task):
    X, y = MAKERS[task](1, random_state=0)
    assert len(X) == len(y) == 1


@every_task
@pytest.mark.filterwarnings("ignore:X has channels that vary little")
def test_estimators_take_it(task):
    X, y = MAKERS[task](8, random_state=0)
    if task in ("6a", "6b"):
        model = LSTMClassifier(n_blocks=1, max_iter=1, random_state=0)
    else:
        returns = isinstance(y, Sequences)
        model = LSTMRegressor(n_blocks=1, max_iter=1, return_sequences=returns, random_state=0)
    model.fit(X, y)
    assert np.isfinite(model.loss_curve_).all()
    assert len(model.predict(X)) == 8
    if task == "6b":
        assert set(model.classes_) <= {a + b + c for a in "XY" for b in "XY" for c in "XY"}


@pytest.mark.parametrize("task", ["1", "2a", "2b"])
def test_network_takes_targets_of_every_step(task):
    X, y = MAKERS[task](5, random_state=0)
    network = Network(X.n_features, y.n_features, return_sequences=True, output_activation="logistic")
    weights = network.init_weights(0)
    loss, _ = network.loss_and_gradient(weights, X, y)
    as_lists = [x.toarray() for x in X], [np.array(t) for t in y]
    assert loss == pytest.approx(network.loss_and_gradient(weights, *as_lists)[0], rel=1e-12)


@every_task
@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"n_sequences": 0}, ValueError, "n_sequences must be at least 1, got 0"),
        ({"n_sequences": 2.0}, TypeError, "n_sequences must be an integer, got 2.0"),
        ({"n_sequences": True}, TypeError, "n_sequences must be an integer, got True"),
        ({"random_state": "a"}, TypeError, "random_state must be an int"),
        ({"random_state": -1}, ValueError, "random_state must be at least 0, got -1"),
        ({"dtype": np.float16}, ValueError, "dtype must be float64 or float32"),
        ({"dtype": int}, ValueError, "dtype must be float64 or float32"),
        ({"dtype": "text"}, ValueError, "dtype must be float64 or float32, got 'text'"),
    ],
)
def test_shared_arguments_are_checked(task, given, error, message):
    with pytest.raises(error, match=message):
        MAKERS[task](**({"n_sequences": 3} | given))


@pytest.mark.parametrize(
    ("name", "given", "error", "message"),
    [
        ("long_lag", {"p": 1}, ValueError, "p must be at least 2, got 1"),
        ("random_long_lag", {"p": 1}, ValueError, "p must be at least 2, got 1"),
        ("random_long_lag", {"p": 5.5}, TypeError, "p must be an integer"),
        ("distractor_lag", {"p": 0}, ValueError, "p must be at least 1, got 0"),
        ("distractor_lag", {"q": -1}, ValueError, "q must be at least 0, got -1"),
        ("two_sequence", {"variant": "d"}, ValueError, r"variant must be one of .*'a', 'b', 'c'"),
        ("two_sequence", {"variant": ["a"]}, ValueError, "variant must be one of"),
        ("two_sequence", {"n_informative": 0}, ValueError, "n_informative must be at least 1"),
        ("two_sequence", {"n_informative": 9, "min_length": 8}, ValueError, "n_informative.*min_length=8"),
        ("two_sequence", {"min_length": 0}, ValueError, "min_length must be at least 1"),
        ("adding", {"min_length": 19}, ValueError, "min_length must be at least 20, got 19"),
        ("multiplication", {"min_length": 19}, ValueError, "min_length must be at least 20, got 19"),
        ("temporal_order", {"n_relevant": 4}, ValueError, "n_relevant must be 2 or 3, got 4"),
        ("temporal_order", {"n_relevant": [2]}, ValueError, "n_relevant must be 2 or 3"),
        ("delayed_xor", {"delay": 0}, ValueError, "delay must be at least 1"),
        ("parity", {"min_length": 0}, ValueError, "min_length must be at least 1"),
        ("parity", {"min_length": 700}, ValueError, "max_length must be at least min_length=700, got 600"),
        ("continual_reber", {"n_steps": 0}, ValueError, "n_steps must be at least 1, got 0"),
        ("language", {"language": "a^n"}, ValueError, r"language must be one of .*, got 'a\^n'"),
        ("language", {"min_n": 5, "max_n": 4}, ValueError, "max_n must be at least 5, got 4"),
        (
            "language",
            {"language": "a^n b^m B^m A^n", "max_n": 1},
            ValueError,
            "max_n must be at least 2, got 1",
        ),
        ("spike_delays", {"period": 0}, ValueError, "period must be at least 1, got 0"),
        ("spike_delays", {"extras": ()}, ValueError, "extras must be one or more integers of at least 0"),
        ("timed_spikes", {"extras": (0, -1)}, ValueError, r"extras must be .*, got \(0, -1\)"),
        ("timed_spikes", {"stationary": 1}, TypeError, "stationary must be True or False, got 1"),
        ("delay_detection", {"delay": 0}, ValueError, "delay must be at least 1, got 0"),
        ("periodic", {"form": "sine"}, ValueError, r"form must be one of .*'cosine'.*, got 'sine'"),
        ("periodic", {"period": 1}, ValueError, "period must be at least 2, got 1"),
        ("spike_gap", {"gaps": (5, 5)}, ValueError, "gaps must be the shorter and the longer one"),
        ("spike_gap", {"gaps": 5}, ValueError, "gaps must be two numbers of steps, got 5"),
        ("spike_gap", {"gaps": (0, 5)}, ValueError, r"gaps\[0\] must be at least 1, got 0"),
        ("functions", {"family": "cubic"}, ValueError, "family must be one of .*'quadratic'"),
        ("functions", {"n_exemplars": 0}, ValueError, "n_exemplars must be at least 1"),
        ("mackey_glass", {"horizon": 0}, ValueError, "horizon must be at least 1, got 0"),
        ("mackey_glass", {"skip": -1}, ValueError, "skip must be at least 0, got -1"),
        ("blues", {"n_choruses": 0}, ValueError, "n_choruses must be at least 1"),
        ("blues", {"melody": None}, TypeError, "melody must be True or False, got None"),
        ("embedded_reber_sets", {"n_train": 0, "n_test": 1}, ValueError, "n_train must be at least 1"),
        ("embedded_reber_sets", {"n_train": 1, "n_test": 0.5}, TypeError, "n_test must be an integer"),
        ("embedded_reber_sets", {"unique": "no"}, TypeError, "unique must be True or False, got 'no'"),
    ],
)
def test_arguments_are_checked(name, given, error, message):
    make = getattr(tasks, f"make_{name}")
    with pytest.raises(error, match=message):
        make(*([] if name == "embedded_reber_sets" else [3]), **given)


def test_everything_public_is_documented_and_tested():
    generators = {name for name in tasks.__all__ if name.startswith("make_")}
    made = {getattr(make, "func", make).__name__ for make in MAKERS.values()}
    assert generators == made | {"make_embedded_reber_sets"} | WEIGHTED | ALWAYS_THE_SAME
    for name in generators | {"reber_successors", "accepted_strings"}:
        documentation = getattr(tasks, name).__doc__
        for section in ("Parameters", "Returns", "Examples"):
            assert f"\n    {section}\n" in documentation
        assert name in tasks.__doc__ or name in LISTED_WITH_OTHERS
