"""The tasks up to the tutorial of 2003: each rule is checked by code that reads step by step."""

import re
from collections import Counter, defaultdict
from functools import lru_cache
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.integrate import solve_ivp

from sklstm import Network, tasks
from sklstm.tasks import TMaze, TwoModePole
from test_tasks import TINY, assert_frequencies, assert_uniform, texts

LANGUAGES = {
    "a^n b^n": ("Sab", "abT", lambda n: "S" + n * "a" + n * "b"),
    "a^n b^n c^n": ("Sabc", "abcT", lambda n: "S" + n * "a" + n * "b" + n * "c"),
    "a^n b^m B^m A^n": (
        "SabBA",
        "abBAT",
        lambda n, m: "S" + n * "a" + m * "b" + m * "B" + n * "A",
    ),
}


def sets_of(rows, alphabet):
    """Symbols whose target is 1, for each step."""
    assert set(np.unique(rows)) <= {0.0, 1.0}
    return ["".join(symbol for symbol, on in zip(alphabet, row) if on) for row in np.asarray(rows).tolist()]


# ------------------------------------------------------------------------------------------------
# grammars and languages


def test_continual_reber():
    X, y = tasks.make_continual_reber(200, 300, random_state=0)
    lengths = []
    for stream, legal in zip(texts(X, "BTPSXVE"), y):
        legal = sets_of(legal, "BTPSXVE")
        assert len(stream) == len(legal) == 300
        strings = re.findall(r"B[TP]B.*?E[TP]E", stream)
        assert stream.startswith("".join(strings))
        rest = stream[len("".join(strings)) :]
        at = 0
        for string in [*strings, rest]:
            expected = tasks.reber_successors([string]) if string else np.zeros((0, 7))
            for row, found, symbol in zip(expected, legal[at:], stream[at:]):
                assert found == ("".join(sets_of([row], "BTPSXVE")) or "B")
                assert symbol == "E" or found != "B" or symbol in "TP"
            at += len(string)
        lengths += [len(string) for string in strings[:10]]
    assert min(lengths) == 9
    assert abs(np.mean(lengths) - 12) < 0.5


def test_strings_of_continual_reber_are_those_of_the_grammar():
    """First strings of streams, as frequent as single strings."""
    X, _ = tasks.make_continual_reber(4000, 40, random_state=1)
    firsts = Counter(re.match(r"B[TP]B.*?E[TP]E|.*", stream)[0] for stream in texts(X, "BTPSXVE"))
    assert_frequencies(
        [string if string in ("BTBTXSETE", "BPBPVVEPE") else "other" for string in firsts.elements()],
        {"BTBTXSETE": 1 / 16, "BPBPVVEPE": 1 / 16, "other": 7 / 8},
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages(language):
    reads, predicts, word = LANGUAGES[language]
    X, y = tasks.make_language(3000, language, 2, 7, random_state=0)
    numbers = [(n,) for n in range(2, 8)]
    if len(reads) == 5:
        numbers = [(n, m) for n, m in product(range(1, 7), repeat=2) if 2 <= n + m <= 7]
    words = {word(*counts) for counts in numbers}
    strings = []
    for rows, legal in zip(X, y):
        assert set(np.unique(rows)) == {-1.0, 1.0}
        string = "".join(reads[row.index(1.0)] for row in rows.tolist())
        assert (rows == 1).sum(axis=1).tolist() == [1] * len(rows)
        strings.append(string)
        assert_same_successors(string, sets_of(legal, predicts), language)
    assert_uniform(strings, words)


@lru_cache
def successors(language):
    """What follows each prefix of the words of the language with up to ten of each symbol."""
    reads, _, word = LANGUAGES[language]
    follow = defaultdict(set)
    for counts in product(range(1, 11), repeat=2 if len(reads) == 5 else 1):
        whole = word(*counts) + "T"
        for at in range(1, len(whole)):
            follow[whole[:at]].add(whole[at])
    return follow


def assert_same_successors(string, legal, language):
    for at, found in enumerate(legal, start=1):
        assert set(found) == successors(language)[string[:at]]


def test_given_strings_and_acceptance():
    X, y = tasks.make_language_strings([3, 1], "a^n b^n c^n")
    assert X.lengths.tolist() == [10, 4]
    X, y = tasks.make_language_strings([[2, 1], [1, 3]], "a^n b^m B^m A^n", dtype=np.float32)
    assert X.lengths.tolist() == [7, 9]
    assert X.values.dtype == y.values.dtype == np.float32
    outputs = [legal.copy() for legal in y]
    assert tasks.accepted_strings(outputs, y).tolist() == [True, True]
    for string, step, column in ((0, 0, 4), (1, 8, 4), (1, 3, 2)):
        wrong = [legal.copy() for legal in y]
        wrong[string][step, column] = 1 - wrong[string][step, column]
        assert tasks.accepted_strings(wrong, y).tolist() == [string == 1, string == 0]
    shifted = [2 * legal - 1 for legal in y]
    assert tasks.accepted_strings(shifted, y, threshold=0.0).all()
    assert not tasks.accepted_strings(shifted, y, threshold=1.0).any()


@pytest.mark.parametrize(
    ("counts", "language", "message"),
    [
        ([0], "a^n b^n", "counts must be one or more numbers of at least 1"),
        ([], "a^n b^n", "counts for a.*must be a list of n, all integers"),
        ([1.5], "a^n b^n", "must be a list of n, all integers"),
        ([1], "a^n b^m B^m A^n", "must be rows of n and m, all integers"),
        ([[1, 2, 3]], "a^n b^m B^m A^n", "must be rows of n and m"),
    ],
)
def test_counts_are_checked(counts, language, message):
    with pytest.raises(ValueError, match=message):
        tasks.make_language_strings(counts, language)


def test_outputs_of_strings_are_checked():
    _, y = tasks.make_language_strings([1, 2])
    with pytest.raises(ValueError, match=r"outputs must have 3 columns, got the shape \(8, 2\)"):
        tasks.accepted_strings([legal[:, :2] for legal in y], y)


# ------------------------------------------------------------------------------------------------
# timing


def intervals(rows):
    """Steps from the start to the first 1 and from each to the next; the last step is one."""
    column = np.asarray(rows)[:, 0].tolist()
    assert set(column) <= {0.0, 1.0}
    assert column[-1] == 1
    lengths, since = [], 0
    for value in column:
        since += 1
        if value:
            lengths.append(since)
            since = 0
    return lengths


@pytest.mark.parametrize(("period", "extras"), [(10, (0, 1)), (1, (0, 3, 5)), (7, (2,))])
def test_spike_delays(period, extras):
    X, y, weight = tasks.make_spike_delays(1000, 4, period, extras, random_state=0)
    assert_array_equal(weight.values, X.values)
    found = []
    for spikes, targets in zip(X, y):
        delays = intervals(spikes)
        assert len(delays) == 4
        at = np.cumsum(delays) - 1
        assert (targets[at, 0] + period).tolist() == delays
        assert np.delete(targets[:, 0], at).tolist() == [0.0] * (len(targets) - 4)
        found += delays
    assert_uniform(found, [period + extra for extra in extras])


@pytest.mark.parametrize("delay", [1, 20])
def test_delay_detection(delay):
    X, y, weight = tasks.make_delay_detection(2000, 3, delay, random_state=0)
    assert_array_equal(weight.values, X.values)
    found = []
    for spikes, targets in zip(X, y):
        delays = intervals(spikes)
        assert targets[np.cumsum(delays) - 1, 0].tolist() == [float(d == delay) for d in delays]
        assert targets.sum() == delays.count(delay)
        found += delays
    others = [d for d in range(1, 2 * delay + 1) if d != delay]
    assert_frequencies(found, {delay: 0.5} | dict.fromkeys(others, 0.5 / len(others)))


@pytest.mark.parametrize(("period", "extras"), [(10, (0,)), (5, (0, 1)), (3, (0, 2, 4))])
@pytest.mark.parametrize("stationary", [False, True])
def test_timed_spikes(period, extras, stationary):
    X, y = tasks.make_timed_spikes(1000, 4, period, extras, stationary=stationary, random_state=0)
    found = []
    for told, spikes in zip(X, y):
        lengths = intervals(spikes)
        assert len(lengths) == 4
        if stationary:
            assert len(set(lengths)) == 1
            assert told[:, 0] == pytest.approx((lengths[0] - period) / (max(extras) or 1))
            found.append(lengths[0])
            continue
        found += lengths
        begins, expected = 0, np.zeros(len(told))
        for length in lengths:
            expected[begins] = length - period
            begins += length
        assert_array_equal(told[:, 0], expected)
    assert_uniform(found, [period + extra for extra in extras])


@pytest.mark.parametrize("period", [2, 7, 10, 25])
def test_periodic_functions(period):
    forms = {
        form: tasks.make_periodic(3, period, form)[1][0][:, 0] for form in ("cosine", "triangle", "rectangle")
    }
    for t in range(1, 3 * period + 1):
        m = t % period
        assert forms["cosine"][t - 1] == pytest.approx(0.5 - 0.5 * np.cos(2 * np.pi * t / period), abs=1e-12)
        expected = 2 * m / period if m <= period / 2 else 2 - 2 * m / period
        assert forms["triangle"][t - 1] == pytest.approx(expected, abs=1e-12)
        assert forms["rectangle"][t - 1] == (m > period / 2)
    X, y = tasks.make_periodic(3, period)
    assert X.values.shape == y.values.shape == (3 * period, 1)
    assert not X.values.any()


@pytest.mark.parametrize("gaps", [(9, 10), (1, 6)])
def test_spike_gap(gaps):
    X, y = tasks.make_spike_gap(3000, gaps, random_state=0)
    firsts, classes = [], []
    for spikes, target in zip(X, y.tolist()):
        first, gap = intervals(spikes)
        assert gap == gaps[int(target)]
        firsts.append(first)
        classes.append(target)
    assert_uniform(firsts, range(1, 11))
    assert_uniform(classes, [0.0, 1.0])


# ------------------------------------------------------------------------------------------------
# functions, chaos, music


def monomials(x, y):
    return np.stack([x * x, y * y, x * y, x, y, np.ones_like(x)], axis=1)


@pytest.mark.parametrize("family", ["quadratic", "semi-linear", "Boolean"])
def test_functions(family):
    X, y = tasks.make_functions(2000, 12, family, random_state=0)
    coefficients, tables = [], []
    for rows, targets in zip(X, y):
        a, b, last = rows.T
        f = targets[:, 0]
        assert last.tolist() == [0.5, *f[:-1].tolist()]
        if family == "quadratic":
            fit = np.linalg.lstsq(monomials(a, b), (f - 0.5) / 0.05, rcond=None)[0]
            assert_allclose(monomials(a, b) @ fit, (f - 0.5) / 0.05, atol=1e-9)
        elif family == "semi-linear":
            z = np.arctanh(2 * f - 1)
            design = np.stack([a, b, np.ones(12)], axis=1)
            fit = np.linalg.lstsq(design, z, rcond=None)[0]
            assert_allclose(design @ fit, z, atol=1e-9)
        else:
            assert set(a) | set(b) | set(f) <= {0.0, 1.0}
            table = {}
            for key, value in zip(zip(a.tolist(), b.tolist()), f.tolist()):
                assert table.setdefault(key, value) == value
            if len(table) == 4:
                tables.append(tuple(table[key] for key in product((0.0, 1.0), repeat=2)))
            continue
        coefficients.append(fit)
        assert np.abs(rows[:, :2]).max() <= 1
    if family == "Boolean":
        assert_uniform(tables, product((0.0, 1.0), repeat=4))
        return
    for column in np.transpose(coefficients):
        assert stats.kstest(column, stats.uniform(-1, 2).cdf).pvalue > TINY
    if family == "quadratic":
        assert y.values.min() >= 0.2
        assert y.values.max() <= 0.8


def test_mackey_glass_by_another_integrator():
    """SciPy's integrator over one delay after the other, with the interpolated solution of the last."""
    X, y = tasks.make_mackey_glass(60, horizon=5, skip=0)
    # before 0 there is nothing, and between two steps of 0.1 the past is linear
    value, before = [0.8], lambda t: max(0.0, 0.8 + 8 * t)
    for part in range(4):
        delayed = before

        def slope(t, x, delayed=delayed):
            d = delayed(t - 17)
            return 0.2 * d / (1 + d**10) - 0.1 * x

        span = (17 * part, 17 * (part + 1))
        solution = solve_ivp(slope, span, value, rtol=1e-10, atol=1e-12, max_step=0.05, dense_output=True)
        expected = solution.sol(np.arange(*span))[0]
        assert_allclose(X[0][span[0] : min(span[1], 60), 0], expected[: 60 - span[0]], rtol=0, atol=2e-4)
        value, before = solution.y[:, -1], lambda t, s=solution.sol: float(s(t)[0])
    assert_array_equal(y[0][:55], X[0][5:])


def test_mackey_glass_is_chaotic_between_its_bounds():
    X, _ = tasks.make_mackey_glass(4000)
    series = X[0][:, 0]
    assert abs(series.mean() - 0.93) < 0.01
    assert abs(series.std() - 0.226) < 0.01
    assert 0.2 < series.min() < series.max() < 1.4
    assert_array_equal(tasks.make_mackey_glass(100, skip=300)[0][0], X[0][100:200])


def test_blues():
    names = tasks.BLUES_NOTES
    assert len(names) == len(set(names)) == 25
    X, y = tasks.make_blues(300, 2, random_state=0)
    chords_only, following = tasks.make_blues(1, 2, melody=False)
    chord_steps = chords_only[0]
    assert chord_steps.shape == (192, 12)
    form = [
        [[0, 4, 7, 10]] * 8, [[0, 3, 5, 9]] * 8, [[0, 4, 7, 10]] * 16, [[0, 3, 5, 9]] * 8,
        [[2, 5, 8, 11]] * 8, [[0, 4, 7, 10]] * 8, [[1, 4, 7, 9]] * 8, [[0, 2, 5, 9]] * 8, [[2, 5, 7, 11]] * 8,
        [[0, 4, 7, 10]] * 4, [[1, 4, 7, 9]] * 4, [[0, 2, 5, 9]] * 4, [[2, 5, 7, 11]] * 4,
    ]  # fmt: skip
    form = [notes for bar in form for notes in bar]
    assert [np.flatnonzero(row).tolist() for row in chord_steps] == 2 * form
    assert_array_equal(following[0], np.roll(chord_steps, -1, axis=0))
    bars = [Counter() for _ in range(12)]
    for song, after in zip(X, y):
        assert_array_equal(song[:, :12], chord_steps)
        assert_array_equal(after[:-1], song[1:])
        assert_array_equal(after[-1, :12], chord_steps[0])
        assert (song[:, 12:].sum(axis=1) == 1).all()
        for number, bar in enumerate(song[:, 12:].argmax(axis=1).reshape(24, 8).tolist()):
            bars[number % 12][tuple(bar)] += 1
        assert after[-1, 12:].argmax() in {bar[0] for bar in bars[0]}
    for bar in bars:
        assert len(bar) == 2
        assert_uniform(bar.elements(), bar)


# ------------------------------------------------------------------------------------------------
# environments


@pytest.mark.parametrize("noisy", [False, True])
def test_t_maze_by_brute_force(noisy):
    """Random walks beside a map that is written down cell by cell."""
    n = 4
    rng, maze = np.random.default_rng(0), TMaze(n, noisy, random_state=1)
    goals, noise, ends = [], [], Counter()
    for _ in range(600):
        observation, info = maze.reset()
        assert info == {}
        goals.append(maze.goal_is_north)
        cell, done = 0, False
        while not done:
            if cell == 0:
                assert observation.tolist() == ([0, 1, 1] if maze.goal_is_north else [1, 1, 0])
            elif cell == n:
                assert observation.tolist() == [0, 1, 0]
            elif noisy:
                assert observation[1] == 0
                noise += [observation[0], observation[2]]
            else:
                assert observation.tolist() == [1, 0, 1]
            action = int(rng.choice(4, p=[0.2, 0.5, 0.2, 0.1]))
            observation, reward, done, truncated, info = maze.step(action)
            assert (truncated, info) == (False, {})
            neighbour = {
                "N": "goal" if cell == n else None,
                "E": cell + 1 if cell < n else None,
                "S": "goal" if cell == n else None,
                "W": cell - 1 if cell > 0 else None,
            }["NESW"[action]]
            if neighbour == "goal":
                right = ("NESW"[action] == "N") == maze.goal_is_north
                assert (reward, done) == (4.0 if right else -0.1, True)
                assert observation.tolist() == [0, 0, 0]
                ends[right] += 1
            elif neighbour is None:
                assert (reward, done) == (-0.1, False)
            else:
                cell = neighbour
                assert (reward, done) == (0.0, False)
            assert maze.position == cell
    assert_uniform(goals, [True, False])
    assert_uniform(ends.elements(), [True, False])
    if noisy:
        assert stats.kstest(noise, stats.uniform(0, 1).cdf).pvalue > TINY


def test_two_mode_pole_is_the_cart_pole():
    """Lagrange's equations of cart and pole, a linear system for both accelerations."""
    rng, pole = np.random.default_rng(0), TwoModePole(random_state=0)
    modes, told = [], set()
    for _ in range(60):
        observation, info = pole.reset()
        modes.append(pole.mode_is_a)
        assert info == {}
        assert np.abs(pole.state).max() <= 0.05
        done, n_steps = False, 0
        while not done:
            x, v, theta, omega = pole.state
            assert_allclose(observation[:2], [x / 2.4, theta / np.deg2rad(12)])
            assert observation[2] == ((1 if pole.mode_is_a else -1) if n_steps < 50 else 0)
            told.add((n_steps < 50, observation[2]))
            action = int(rng.integers(2)) if n_steps % 9 == 0 else int((theta + omega > 0) == pole.mode_is_a)
            force = 10.0 * (1 if action == 1 else -1) * (1 if pole.mode_is_a else -1)
            # (1.1, ml cos; cos, 4/3 l) (a, alpha) = (F + ml omega^2 sin, g sin), by Cramer's rule
            ml, cos, sin = 0.1 * 0.5, np.cos(theta), np.sin(theta)
            right, determinant = force + ml * omega**2 * sin, 1.1 * (4 / 3 * 0.5) - ml * cos**2
            a = (right * 4 / 3 * 0.5 - ml * cos * 9.8 * sin) / determinant
            alpha = (1.1 * 9.8 * sin - cos * right) / determinant
            expected = np.array([x, v, theta, omega]) + 0.02 * np.array([v, a, omega, alpha])
            observation, reward, done, truncated, info = pole.step(action)
            n_steps += 1
            assert_allclose(pole.state, expected, rtol=1e-9, atol=1e-12)
            fell = abs(expected[0]) > 2.4 or abs(expected[2]) > np.deg2rad(12)
            assert (reward, done, truncated, info) == (-1.0 if fell else 0.0, fell, False, {})
            done = done or n_steps == 80
    assert_uniform(modes, [True, False])
    assert told == {(True, 1.0), (True, -1.0), (False, 0.0)}


def test_two_mode_pole_is_truncated_and_takes_a_mode():
    pole = TwoModePole(max_steps=3, random_state=0)
    for mode in (True, False, np.bool_(True)):
        pole.reset(mode_is_a=mode)
        assert pole.mode_is_a == mode
        assert [pole.step(i % 2)[2:4] for i in range(3)] == [(False, False), (False, False), (False, True)]


@pytest.mark.parametrize(("make", "n_actions"), [(TMaze, 4), (TwoModePole, 2)])
def test_environments_check_what_they_are_told(make, n_actions):
    environment = make(random_state=0)
    with pytest.raises(ValueError, match="call reset first"):
        environment.step(0)
    environment.reset()
    with pytest.raises(ValueError, match=f"action must be less than {n_actions}, got {n_actions}"):
        environment.step(n_actions)
    with pytest.raises(TypeError, match=r"action must be an integer, got 0\.5"):
        environment.step(0.5)
    again = [make(random_state=7).reset()[0].tolist() for _ in range(2)]
    assert again[0] == again[1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TMaze(0), "length must be at least 1, got 0"),
        (lambda: TwoModePole(0), "max_steps must be at least 1, got 0"),
    ],
)
def test_environments_check_their_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
    with pytest.raises(TypeError, match="noisy must be True or False, got 2"):
        TMaze(3, 2)


# ------------------------------------------------------------------------------------------------
# what the weighted tasks share


@pytest.mark.parametrize("make", [tasks.make_spike_delays, tasks.make_delay_detection])
def test_weights_are_those_of_a_network(make):
    X, y, weight = make(5, 3, random_state=np.random.RandomState(0))
    again = make(5, 3, random_state=np.random.RandomState(0))
    for part, same in zip((X, y, weight), again):
        assert_array_equal(part.values, same.values)
        assert_array_equal(part.offsets, same.offsets)
    net = Network(1, 1, n_blocks=2, return_sequences=True)
    w = net.init_weights(0)
    loss, _ = net.loss_and_gradient(w, X, y, sample_weight=list(weight))
    outputs = np.concatenate(list(net.forward(w, X)))
    assert loss == pytest.approx(0.5 * ((outputs - y.values)[X.values == 1] ** 2).sum(), rel=1e-12)
    assert make(2, dtype=np.float32, random_state=0)[2].values.dtype == np.float32
