"""The experiments of the tutorial of 2003: networks, streams, rules, records, the runner."""

import json
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from generated_pages import script_of_pages
from sklstm import tasks
from sklstm.paper import TUTORIAL, __main__
from sklstm.paper._records import TUTORIAL_FIELDS, read
from sklstm.paper._rows import ROWS, trial_of
from sklstm.paper._trial import network_of
from sklstm.paper._tutorial_trials import KINDS, Explorer, back_propagation
from test_tutorial_tasks import intervals

SHORT = {
    "language": 1000,
    "timing": 20,
    "reber": 20,
    "advantage": 100,
    "blues": 200,
}  # sequences of a short trial


def changed(name, setting="paper", seed=0, **options):
    """A trial with other options."""
    trial = trial_of(name, setting, seed)
    trial.options |= options
    return trial


@pytest.mark.parametrize("name", TUTORIAL)
def test_number_of_weights(name):
    row = TUTORIAL[name]
    for setting in row.settings:
        arguments = row.arguments_of(setting)
        assert network_of(row, arguments).n_weights == arguments["n_weights"]
        assert setting == "best" or arguments["n_weights"] == row.n_weights
    assert row.trial in KINDS
    assert ROWS[name] is row
    with pytest.raises(ValueError, match=rf"{name} has the settings .*, got 'guess'"):
        row.arguments_of("guess")


def test_a_network_of_another_size_is_refused():
    row = TUTORIAL["anbn"]
    with pytest.raises(ValueError, match="anbn has 38 weights, got 72"):
        KINDS["language"](row, row.arguments_of("paper") | {"n_blocks": 2}, 0)


SHOWN = "anbn anbmBmAn spikes-10 cosine-10 tmaze-noisy-10 reber-reset reber-standard reber-decay blues-chords"


@pytest.mark.parametrize("name", SHOWN.split())
def test_a_short_trial_depends_on_its_seed_alone(name):
    row = TUTORIAL[name]
    limit = SHORT[row.trial]
    trials = [trial_of(name, "paper", seed) for seed in (0, 0, 1)]
    first, again, other = (trial.run(limit) for trial in trials)
    assert first["sequences"] == limit
    assert not first["success"]
    assert first["n_weights"] == row.n_weights
    assert first["steps"] >= limit
    for record in (first, again, other):
        del record["seconds"], record["ns_per_step"]
    assert first == again
    weights = [trial.weights if row.trial == "advantage" else trial.trainer.weights for trial in trials]
    assert (weights[0] == weights[1]).all()
    assert (weights[0] != weights[2]).any()


@pytest.mark.parametrize("name", [name for name, row in TUTORIAL.items() if "best" in row.settings])
def test_the_best_setting_starts(name):
    small = {
        "window_epochs": 5,
        "test_steps": 20,
        "test_events": 2,
        "look_every": 2,
        "epochs": 1,
        "n_exemplars": 100,
        "n_test": 10,
    }
    trial = changed(name, "best", **small)
    record = trial.run(limit=2)
    assert record["sequences"] == 2
    assert TUTORIAL_FIELDS.keys() - {"setting", "trial"} == record.keys()


# ------------------------------------------------------------------------------------------------
# languages


def test_how_far_a_network_counts():
    """A network that counts to 37, and one that also accepts every number of the grid below 1500."""
    trial = trial_of("anbncn", "paper", 0)
    trial.start()
    looked_at = []
    trial.accepts = lambda n: looked_at.append(n) or n < 38
    assert trial.largest() == 37
    assert looked_at == list(range(1, 39))
    assert trial.largest(20) == 20
    assert not trial.look()
    trial.accepts = lambda n: looked_at.append(n) or n < 1500
    assert trial.largest() == 1464  # 1000 * 1.1^4, rounded down each time
    trial = trial_of("anbmBmAn", "paper", 0)
    trial.start()
    trial.accepts = lambda pair: pair != (2, 3)
    assert trial.largest() == 4


def test_strings_are_read_in_parts():
    trial = trial_of("anbn", "paper", 0)
    trial.start()
    whole = {}
    for n in (1, 5, 40):
        X, y = tasks.make_language_strings([n])
        outputs = trial.outputs(X)
        for threshold_reached in (False, True):
            trial.LONGEST = 7 if threshold_reached else 10**6
            whole.setdefault(n, set()).add(trial.accepts(n))
        assert tasks.accepted_strings([outputs], y).tolist() == list(whole[n])
    assert all(len(found) == 1 for found in whole.values())


def test_what_comes_after_success_does_not_count_as_learning():
    trial = changed("anbn", look_every=10, more=30)
    found = iter([3, 12, 5])
    trial.look = lambda: True
    trial.largest = lambda most=None: next(found, 4)
    record = trial.run()
    assert record["sequences"] == 10
    assert record["reached"] == 12
    assert trial.sequences == 40


# ------------------------------------------------------------------------------------------------
# streams


def follow_of(trial):
    """Every call of `follow` of a trial, with what was followed."""
    calls, follow = [], trial.trainer.follow

    def spy(sequence, **options):
        order = trial.trainer.bound.learned
        start, length = int(order.start[sequence]), int(order.length[sequence])
        result = follow(sequence, **options)
        calls.append({"start": start, "length": length, "steps": result[1], "missed": result[2]} | options)
        return result

    trial.trainer.follow = spy
    return calls


def test_streams_of_timing_begin_at_intervals_and_end_at_the_first_miss():
    trial = changed("spikes-10", task_arguments={"period": 4, "extras": (0, 1)}, events=5)
    trial.start()
    calls = follow_of(trial)
    for _ in range(30):
        trial.one_stream(5, learns=True)
    X, y, _ = trial.trainer.bound.sequences, trial.trainer.bound.targets, None
    edges = np.concatenate([[0], np.cumsum(intervals(y))]).tolist()
    assert X.n_steps == edges[-1]
    for call, following in pairwise(calls):
        assert call["start"] in edges
        assert call["start"] + call["length"] == edges[edges.index(call["start"]) + 5]
        if following["start"]:
            end = call["start"] + call["steps"]
            assert following["start"] == min(edge for edge in edges if edge >= end)
    assert trial.sequences == 30
    assert trial.steps == sum(call["steps"] for call in calls)


def test_a_stream_without_input_is_drawn_once():
    trial = trial_of("triangle-10", "paper", 0)
    trial.start()
    calls = follow_of(trial)
    trial.learn()
    bound = trial.trainer.bound
    trial.learn()
    assert trial.trainer.bound is bound
    assert {(call["start"], call["length"]) for call in calls} == {(0, 1000)}
    assert not trial.look()
    assert calls[-1]["length"] == 10_000
    assert not calls[-1]["learns"]


@pytest.mark.parametrize("name", ["reber-standard", "reber-reset", "reber-decay"])
def test_streams_of_strings(name):
    trial = changed(name, miss=2.0)  # no output misses by that much
    trial.start()
    calls = follow_of(trial)
    assert trial.one_stream(5000, learns=True) == 5000
    assert sum(call["steps"] for call in calls) == trial.steps == 5000
    assert trial.sequences == 1
    if name == "reber-reset":
        assert not any(call["goes_on"] for call in calls)
        assert max(call["length"] for call in calls) < 120
    else:
        assert [call["goes_on"] for call in calls] == [False] + [True] * (len(calls) - 1)
    if name == "reber-decay":
        rates = np.concatenate([c["rates"][c["start"] : c["start"] + c["length"]] for c in calls[:1]])
        np.testing.assert_allclose(rates, 0.5 * 0.99 ** np.arange(len(rates)))
        assert calls[-1]["rates"][calls[-1]["start"]] < 1e-10


def test_whole_sequences_are_followed_by_a_look_at_a_stream():
    trial = changed("cosine-10", solver="dekf", measurement_noise=(1.0, 0.1, 10), process_noise=0.01,
                    events=2, look_every=3, test_events=30, momentum=0.0)  # fmt: skip
    trial.start()
    calls = follow_of(trial)
    for number in (1, 2):
        trial.learn()
        assert trial.sequences == 3 * number
        assert trial.steps == 60 * number
        trial.look()
        assert (calls[-1]["start"], calls[-1]["length"], calls[-1]["learns"]) == (0, 300, False)
    assert trial.trainer.solver_state.n_updates == 6


def test_error_of_a_test_stream_is_squared_whatever_the_loss():
    for name in ("spikes-10", "delays-10"):
        trial = changed(name, "best", test_events=7, miss=2.0)
        trial.start()
        assert trial.look(), "no output misses by that much"
        assert trial.right == 7
        bound, steps = trial.trainer.bound, slice(0, trial.edges[7])
        outputs = trial.network.forward(trial.trainer.weights, [bound.sequences.values[steps]])[0]
        errors = (outputs - bound.targets[steps])[:, 0] * (bound.target_weight.ravel()[steps] > 0)
        assert trial.reached == pytest.approx(np.sqrt(np.mean(errors**2)))


def test_spikes_are_told_one_by_one_and_again_with_other_weights():
    trial = changed("spikes-10", "best", look_every=1, restart_after=4, events=3)
    trial.start()
    begun, steps = trial.trainer.weights, []
    for right in (0, 1, 0, 5, 0):  # spikes that are right at the look before
        trial.right = right
        before = trial.steps
        trial.learn()
        steps.append(trial.steps - before)
    assert steps == [10, 20, 20, 30, 10]
    again = trial_of("spikes-10", "best", 0)
    again.start()
    np.testing.assert_array_equal(again.trainer.weights, begun)
    assert np.abs(trial.trainer.weights - begun).max() > 0.05, "drawn anew"


def test_a_stream_whose_states_overflow_is_not_right():
    trial = changed("spikes-10", "best", test_events=5)
    trial.start()
    trial.trainer.w[trial.trainer.w != 0] = 1e200
    assert not trial.look()
    assert trial.next is None
    assert not trial.look()


def test_delays_are_looked_at_where_there_are_spikes():
    trial = trial_of("delays-10", "paper", 0)
    trial.start()
    calls = follow_of(trial)
    for _ in range(20):
        trial.one_stream(100, learns=True)
    bound = trial.trainer.bound
    spikes = np.flatnonzero(bound.sequences.values[:, 0])
    assert set(np.diff(spikes)) == {10, 11}
    np.testing.assert_array_equal(np.flatnonzero(bound.target_weight), spikes)
    for call in calls:
        assert call["missed"]
        assert call["start"] + call["steps"] - 1 in spikes, "no error between spikes"


def test_rates_of_a_stream_begin_anew():
    trial = trial_of("reber-decay", "paper", 0)
    trial.start()
    calls = follow_of(trial)
    for _ in range(5):
        trial.one_stream(1000, learns=True)
        assert calls[-1]["rates"][calls[-1]["start"]] == 0.5


def test_three_test_streams_are_enough_to_say_no():
    trial = trial_of("reber-forget", "paper", 0)
    trial.start()
    lengths = iter([1_000_000, 10, 20, *[1_000_000] * 9, 7, *[1_000_000] * 10])
    trial.one_stream = lambda most, learns: next(lengths)
    assert not trial.look()
    assert trial.reached == pytest.approx((1_000_000 + 30) / 3)
    assert not trial.look()
    assert trial.reached == pytest.approx((9_000_000 + 7) / 10)
    assert trial.look()
    assert trial.reached == 1_000_000


# ------------------------------------------------------------------------------------------------
# control


@pytest.mark.parametrize("off_line", [False, True])
def test_advantage_learning_by_its_formula(off_line):
    """One episode again, with the derivatives that `Network` gives for all steps before."""
    options = {"task_arguments": {"length": 2}, "most_steps": 30, "learning_rate": 1e-9}
    trial = changed("tmaze-10", off_line=off_line, **options)
    trial.start()
    network, start, seen = trial.network, trial.weights.copy(), []
    environment, learn = trial.environment, trial.explorer.learn
    reset, step = environment.reset, environment.step
    environment.reset = lambda: seen.append(reset()) or seen[-1]
    environment.step = lambda action: seen.append((action, *step(action))) or seen[-1][1:]
    targets = []
    trial.explorer.learn = lambda x, target: targets.extend(np.atleast_1d(target)) or learn(x, target)
    _, n_steps = trial.whole_episode() if off_line else trial.episode()
    X = [seen[0][0], *(record[1] for record in seen[1:])]
    actions, rewards, done = [r[0] for r in seen[1:]], [r[2] for r in seen[1:]], seen[-1][3]
    assert n_steps == len(actions)
    traces, change = np.zeros(network.n_weights), np.zeros(network.n_weights)
    for t, (action, reward) in enumerate(zip(actions, rewards)):
        y = network.forward(start, [np.array(X[: t + 1])])[0]
        ended = done and t == n_steps - 1
        following = 0 if ended else network.forward(start, [np.array(X[: t + 2])])[0][-1].max()
        error = y[-1].max() + (reward + 0.98 * following - y[-1].max()) / 0.1 - y[-1, action]
        unit = np.zeros_like(y)
        unit[-1, action] = 1
        traces = 0.98 * 0.8 * traces + network.backward(start, [np.array(X[: t + 1])], [unit], "truncated")
        change += 1e-9 * error * traces
        assert abs(error) - 1 < targets[t] < abs(error) + 1
    np.testing.assert_allclose(
        trial.weights - start, change, rtol=1e-4, atol=1e-9 * np.abs(change).max() + 1e-15
    )


def test_a_pole_is_balanced_in_both_modes():
    trial = changed("pole", "best", test_steps=60)
    trial.start()
    steps = {}
    for mode in (True, False):
        steps[mode] = trial.balanced(mode)
        stream, pole = trial.network.stream(trial.weights), tasks.TwoModePole(random_state=3)
        x, n, done = pole.reset(mode_is_a=mode)[0], 0, False
        while not done:
            x, _, done, *_ = pole.step(int(np.argmax(stream.step(x))))
            n += 1
        assert abs(n - steps[mode]) < 10, "untrained, it pushes to one side"
    assert not trial.look()
    assert trial.reached < 60
    trial.balanced = lambda mode_is_a: 60
    assert trial.look()


def test_explorer_descends_its_error():
    rng = np.random.default_rng(0)
    explorer, x = Explorer(3, rng), rng.normal(size=3)
    hidden, output = explorer.hidden.copy(), explorer.output.copy()

    def loss(hidden, output):
        h = np.tanh(hidden[:, :-1] @ x + hidden[:, -1])
        return 0.5 * (0.7 - output[:-1] @ h - output[-1]) ** 2

    assert loss(hidden, output) == pytest.approx(0.5 * (0.7 - explorer(x)) ** 2)
    explorer.learn(x, 0.7)
    for new, old, at in ((explorer.hidden, hidden, 0), (explorer.output, output, 1)):
        for place in np.ndindex(old.shape):
            parts = [hidden.copy(), output.copy()], [hidden.copy(), output.copy()]
            parts[0][at][place] += 1e-6
            parts[1][at][place] -= 1e-6
            slope = (loss(*parts[0]) - loss(*parts[1])) / 2e-6
            assert new[place] - old[place] == pytest.approx(-0.01 * slope, abs=1e-9)
    explorer.learn(x, 1e9)  # a step of 1 at most
    assert abs(explorer.output[-1] - output[-1]) < 1.1


def test_rule_of_the_maze():
    trial = trial_of("tmaze-10", "paper", 0)
    trial.recent = [(4.0, 11)] * 499
    assert not trial.look()
    trial.recent += [(4.0, 11)]
    assert trial.look()
    trial.recent += [(-0.1, 30)] * 100
    assert not trial.look()
    assert trial.reached == 0.8


# ------------------------------------------------------------------------------------------------
# mini-batches


def test_back_propagation_by_loops():
    """The same network for one function after the other, weight by weight."""
    rng = np.random.default_rng(5)
    drawn = []

    def draw(n, n_exemplars):
        drawn.append(tasks.make_functions(n, n_exemplars, random_state=0))
        return drawn[-1]

    found = back_propagation(draw, 200, 0.3, rng, n_functions=3, n_hidden=4)
    start, total = np.random.default_rng(5).uniform(-0.5, 0.5, (3, 4, 3)), 0.0
    for W, X, y in zip(start, *drawn[0]):
        V, b = np.zeros(4), 0.0
        for t, (x, f) in enumerate(zip(X, y[:, 0] - 0.5)):
            h = np.tanh(W[:, :2] @ x[:2] + W[:, 2])
            error = f - V @ h - b
            total += error**2 / 6 if t >= 198 else 0
            slope = error * V * (1 - h**2)
            V, b, W = V + 0.3 * error * h, b + 0.3 * error, W + 0.3 * np.outer(slope, [*x[:2], 1])
    assert found == pytest.approx(total)
    assert back_propagation(draw, 200, 1e3, rng, n_functions=3) == np.inf


def test_rule_of_learning_to_learn():
    trial = changed("metalearning-quadratic", "best", n_exemplars=500)
    trial.start()
    assert 0 < trial.goal < 2e-3
    trial.outputs = lambda X: np.tile(np.where(np.arange(40) < 30, 9.0, 0.0), len(X))[:, np.newaxis]
    trial.look()
    assert 1e-3 < trial.reached < 3e-3, "the variance of the targets"
    trial.goal = 2 * trial.reached
    assert trial.look()


def test_rule_of_the_blues():
    trial = trial_of("blues-chords", "best", 0)
    trial.start()
    X, y = tasks.make_blues(1, 4, melody=False)

    class Stream:
        """Plays the form, with one wrong note at some step."""

        def __init__(self, wrong):
            self.wrong, self.heard = wrong, []

        def step(self, notes):
            self.heard.append(notes)
            outputs = y.values[len(self.heard) - 1].copy()
            outputs[0] = abs(outputs[0] - (len(self.heard) - 1 == self.wrong))
            return outputs

    for wrong in (0, 100, 383, None):
        stream = Stream(wrong)
        trial.network = SimpleNamespace(stream=lambda weights, stream=stream: stream)
        assert trial.look() == (wrong is None)
        assert trial.reached == (384 if wrong is None else wrong)
        np.testing.assert_array_equal(stream.heard, X.values[: len(stream.heard)])


def test_windows_and_series_have_the_same_targets():
    trial = changed("mackey-glass-6", "best", window_epochs=50)
    trial.start()
    assert 0.001 < trial.goal < 0.4, "0.40 is the error of a linear window"
    trial.outputs = lambda X: trial.y[4500:]
    assert trial.look()
    assert trial.reached == 0
    trial.outputs = lambda X: np.zeros((800, 1))
    assert not trial.look()
    assert 0.9 < trial.reached < 1.1
    X, y = trial.draw(5)
    assert X.values.shape == y.values.shape == (1250, 1)
    np.testing.assert_array_equal(X[0][6:], y[0][:-6])


# ------------------------------------------------------------------------------------------------
# runner


def test_runner(tmp_path, capsys):
    path = tmp_path / "tutorial.jsonl"
    command = ["run", "anbn", "--trials", "2", "--limit", "1000", "--setting", "paper", "--json", str(path)]
    assert __main__.main(command) == 0
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [tuple(record) for record in records] == [tuple(TUTORIAL_FIELDS)] * 2
    assert "[2/2] anbn" in capsys.readouterr().out
    assert read(path) == records
    __main__.main(command)
    assert "2 of 2 trials are in" in capsys.readouterr().out
    assert __main__.main(["table", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "0 of 2" in shown
    assert "best net up to n = 1000" in shown
    assert __main__.main(["list"]) is None
    shown = capsys.readouterr().out
    assert all(name in shown for name in TUTORIAL)


def test_reached_is_a_field_of_its_records(tmp_path, capsys):
    path = tmp_path / "tutorial.jsonl"
    record = dict.fromkeys(TUTORIAL_FIELDS, 1) | {"experiment": "anbn", "setting": "paper", "success": True}
    lines = [record | {"reached": None}, record | {"seed": 2, "reached": "far"}, {"experiment": ["anbn"]}]
    path.write_text("\n".join(map(json.dumps, lines)))
    assert read(path) == lines[:1]
    assert "'reached' of the record is 'far'" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------
# page


@pytest.fixture(scope="module")
def tutorial_page():
    """The script, which imports the one beside it."""
    return script_of_pages("tutorial_page")


def record_of(name, setting, seed, **changes):
    plain = {"success": True, "sequences": 1000 * (seed + 1), "reached": 10.0 * (seed + 1)}
    numbers = dict.fromkeys(("trial", "n_weights", "seconds", "steps", "ns_per_step"), 1)
    return {"experiment": name, "setting": setting, "seed": seed} | numbers | plain | changes


def test_page_shows_what_the_records_hold(tutorial_page):
    records = [record_of("anbn", "paper", seed) for seed in range(3)]
    records += [record_of("anbn", "best", seed, success=seed == 4) for seed in (4, 7)]
    records += [record_of("tmaze-10", "best", 0, success=False, reached=None)]
    text = tutorial_page.page((tutorial_page.HERE / "tutorial_page.md").read_text(), records)
    lines = {tuple(line.split(" | ")[:2]): line for line in text.splitlines() if line.startswith("| ")}
    assert lines["| anbn", "paper"].endswith("| 38 | 100 % solved, best net up to n = 1000 | 3 of 3 | "
                                             "2,000 ± 1,000 | 20 (10 to 30) | 0-2 |")  # fmt: skip
    assert lines["| anbn", "best"].endswith("| 1 of 2 | 5,000 | 50 (50 to 50) | 4, 7 |")
    assert lines["| tmaze-10", "best"].endswith("| 0 of 1 | none in 1,000 |  | 0 |")
    assert lines["| tmaze-70", "paper"].endswith("| not run |  |  |  |")
    for row in TUTORIAL.values():
        assert text.count(f"\n| {row.name} | ") == len(row.settings)
        assert f"**Solved**: {row.rule}." in text
        assert row.reading in text
    assert "{{" not in text


def test_page_is_that_of_the_records(tutorial_page):
    records = read(tutorial_page.RESULTS / "tutorial")
    assert len(records) > 100
    text = (tutorial_page.ROOT / "docs" / "tutorial" / "index.md").read_text()
    assert text == tutorial_page.page((tutorial_page.HERE / "tutorial_page.md").read_text(), records)
