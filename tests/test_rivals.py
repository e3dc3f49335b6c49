"""The systems that LSTM was compared with in 1997, and readings: each against another derivation."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklstm import Network, tasks
from sklstm.paper import EXPERIMENTS
from sklstm.paper._rivals import OneUnit, Quickprop, RealTimeNet, is_stagnant
from sklstm.paper._rows import trial_of, trial_of_1997
from sklstm.paper._trial import FastOutputs

NO_BIASES = {"cell_bias": False, "gate_bias": False, "output_bias": False}


def lag(p, setting, seed=0, **changes):
    """Trial of Experiment 2a with another delay."""
    row = EXPERIMENTS["2a"]
    row = replace(row, task_arguments={"p": p}, n_inputs=p + 1, n_outputs=p + 1, mean_steps=p).of(setting)
    row = replace(row, n_weights=None, arguments=row.arguments | changes)
    return trial_of_1997(row, seed)


# ------------------------------------------------------------------------------------------------
# real-time recurrent learning


def real_time_net(outputs, n_recurrent, seed=0):
    return RealTimeNet(np.random.default_rng(seed), 5, n_recurrent, 3, outputs, 1.0)


def summed_gradient(net, symbols, targets):
    """Gradient of a string by W and V, its steps added up, and the outputs."""
    by_W, by_V, outputs = np.zeros_like(net.W), np.zeros_like(net.V), []
    net.reset()
    for symbol, target in zip(symbols, targets, strict=True):
        outputs.append(net.read(symbol).copy())
        step, delta = net.gradient(outputs[-1] - target)
        by_W += step
        if len(by_V):
            read = net.r if net.reads == "now" else net.r_before
            by_V += np.outer(delta, np.concatenate([np.eye(5)[symbol], read]))
    return by_W, by_V, np.array(outputs)


def string(seed, n=9):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 5, n), rng.uniform(size=(n, 3))


def test_real_time_learning_of_outputs_above_has_the_full_gradient():
    """Off-line, RTRL is back-propagation through time: the gradient of `Network`."""
    net, (symbols, targets) = real_time_net("now", 4), string(1)
    by_W, by_V, outputs = summed_gradient(net, symbols, targets)
    network = Network(
        5,
        3,
        n_blocks=0,
        n_hidden_units=4,
        recurrence="all",
        shortcut=True,
        output_activation="logistic",
        return_sequences=True,
        **NO_BIASES,
    )
    w = np.zeros(network.n_weights)
    views = network.views(w)
    views["hidden"][...], views["output"][...] = net.W, np.roll(net.V, 4, axis=1)
    X = [np.eye(5)[symbols]]
    assert_allclose(network.forward(w, X)[0], outputs, rtol=1e-13)
    gradient = network.views(network.loss_and_gradient(w, X, [targets], gradient="full")[1])
    assert_allclose(by_W, gradient["hidden"], rtol=0, atol=1e-14)
    assert_allclose(np.roll(by_V, 4, axis=1), gradient["output"], rtol=0, atol=1e-14)


def test_real_time_learning_of_connected_outputs_has_the_full_gradient():
    net, (symbols, targets) = real_time_net("units", 6), string(2)
    by_W, by_V, outputs = summed_gradient(net, symbols, targets)
    assert by_V.size == 0
    layer = Network(
        5, 0, n_blocks=0, n_hidden_units=6, recurrence="all", return_sequences=True, cell_bias=False
    )
    X, errors = [np.eye(5)[symbols]], np.zeros((9, 6))
    assert_allclose(layer.forward(net.W.ravel(), X)[0][:, :3], outputs, rtol=1e-13)
    errors[:, :3] = outputs - targets
    gradient = layer.backward(net.W.ravel(), X, [errors], gradient="full")
    assert_allclose(by_W.ravel(), gradient, rtol=0, atol=1e-14)


@pytest.mark.parametrize("outputs", ["units", "before", "now"])
def test_gradient_of_real_time_learning_by_differences(outputs):
    net, (symbols, targets) = real_time_net(outputs, 4), string(3)
    by_W, by_V, _ = summed_gradient(net, symbols, targets)

    def loss():
        net.reset()
        return sum(
            0.5 * ((net.read(symbol) - target) ** 2).sum()
            for symbol, target in zip(symbols, targets, strict=True)
        )

    for weights, gradient in ((net.W, by_W), (net.V, by_V)):
        for index in np.ndindex(weights.shape):
            kept = weights[index]
            weights[index] = kept + 1e-6
            above = loss()
            weights[index] = kept - 1e-6
            assert (above - loss()) / 2e-6 == pytest.approx(gradient[index], rel=1e-6, abs=1e-9)
            weights[index] = kept


@pytest.mark.parametrize("outputs", ["units", "before", "now"])
def test_outputs_of_many_strings_are_those_of_each(outputs):
    net = real_time_net(outputs, 4)
    X, _ = tasks.make_random_long_lag(5, p=4, random_state=0)
    some = X[[0, 3, 1]]
    expected = []
    for x in some:
        net.reset()
        expected += [net.read(symbol).copy() for symbol in x.indices]
    assert_allclose(net.outputs(some), expected, rtol=1e-14)


def test_an_update_of_real_time_learning_is_a_step_down_the_gradient():
    net, twin = real_time_net("now", 2), real_time_net("now", 2)
    for one in (net, twin):
        one.read(1)
        one.read(4)
    error, source = net.y - [1, 0, 0], np.append(np.eye(5)[4], net.r)
    by_W, delta = net.gradient(error)
    net.learn(error, 0.5)
    assert_allclose(net.W, twin.W - 0.5 * by_W, rtol=1e-14)
    assert_allclose(net.V, twin.V - 0.5 * np.outer(delta, source), rtol=1e-14)
    offset = error * (twin.y * (1 - twin.y) + 0.1)
    W, V = twin.W.copy(), twin.V.copy()
    twin.learn(error, 0.5, slope_offset=0.1, output_rate=5.0)
    assert_allclose(twin.V, V - 2.5 * np.outer(offset, source), rtol=1e-14)
    assert_allclose((W - twin.W).sum(), 0.5 * np.tensordot(offset @ V[:, 5:], twin.P, 1).sum(), rtol=1e-12)


def test_one_unit_in_numbers_learns_what_it_does_in_arrays():
    X, y = tasks.make_random_long_lag(20, p=4, random_state=0)
    nets = [kind(np.random.default_rng(0), 5, 1, 5, "now", 1.0) for kind in (OneUnit, RealTimeNet)]
    for x, targets in zip(X, y, strict=True):
        for net in nets:
            net.reset()
            for symbol, target in zip(x.indices, targets.argmax(axis=1), strict=True):
                net.learn_symbol(symbol, target, 2.0, slope_offset=0.1, output_rate=3.0)
    one, other = nets
    assert_allclose(one.outputs(X), other.outputs(X), rtol=1e-10)
    assert_allclose(one.W, other.W, rtol=1e-10)
    assert_allclose(one.V, other.V, rtol=1e-10)


@pytest.mark.parametrize(("name", "setting"), [("1-6", "rtrl"), ("1-6", "visible")])
def test_real_time_learning_learns_the_inner_grammar(name, setting):
    """The mean error falls well below that of a net that knows the frequencies of the symbols."""
    run = trial_of(name, setting, 0)
    run.arguments["learning_rate"] = 0.3
    run.start()
    before = run.test()[1]
    run.learn(400)
    assert run.test()[1] < 0.85 * before


def test_real_time_learning_and_its_off_line_form_learn_alike():
    """From the same weights, at a small rate, updates per step and per string go the same way."""
    online, offline = (trial_of("2a-4", name, 0) for name in ("rtrl", "bptt"))
    for run in (online, offline):
        run.arguments["learning_rate"] = 0.001
        run.start()
    net, weights = online.net, offline.network.views(offline.trainer.weights.copy())
    *net.from_symbols, net.from_itself = weights["hidden"][0].tolist()
    net.from_unit, *net.to_outputs = weights["output"].T.tolist()
    for run in (online, offline):
        run.rng = np.random.default_rng(0)
        run.learn(50)
    X, _ = online.both_sequences()
    net.outputs(X)  # brings the numbers into arrays
    learned = offline.network.views(offline.trainer.weights)
    moved = max(np.abs(learned[name] - weights[name]).max() for name in weights)
    for mine, other in ((net.W, learned["hidden"]), (np.roll(net.V, 1, axis=1), learned["output"])):
        assert_allclose(mine, other, rtol=0, atol=0.01 * moved)


# ------------------------------------------------------------------------------------------------
# the chunker


def test_chunker_solves_small_delays():
    run = lag(5, "chunker")
    record = run.run(limit=2000)
    assert record["success"]
    assert record["sequences"] <= 1000
    assert record["wrong"] == 0


def test_automatizer_learns_what_the_chunker_knows():
    """Then it needs no chunker: it predicts all symbols by itself."""
    run = lag(3, "automatizer", seed=1)
    record = run.run(limit=30_000)
    assert record["success"]
    X, targets = run.both_sequences()
    assert np.abs(run.automatizer.outputs(X)[:, :-1] - targets).max() < 0.25


def test_chunker_reads_what_was_not_foreseen():
    run = lag(4, "chunker")
    run.start()
    read, taught = [], []
    run.chunker.read, run.chunker.reset = read.append, lambda: None
    run.chunker.r = np.array([0.25])
    run._teach_chunker = lambda symbol, rate: taught.append(symbol)
    targets, learned = [], []

    def outputs(symbol):  # right about all but what follows the symbol 1
        y = np.zeros(6)
        y[5], y[{4: 0, 0: 1, 1: 0, 2: 4}[symbol]] = 0.5, 1
        return y

    run.automatizer.read = outputs
    run.automatizer.learn = lambda error, rate: learned.append(error)
    run.learn_string([4, 0, 1, 2], [0, 1, 2, 4])
    assert (read, taught) == ([4, 2], [2])
    assert_array_equal(np.array(learned)[:, 5], 0.25)  # the error of the output that predicts the chunker
    run.learn_string([4, 0, 1], targets := [0, 1, 2])
    assert taught == [2, 2]  # also by the symbol that was to come last
    assert targets == [0, 1, 2]


def test_a_chunker_whose_outputs_see_its_hidden_unit_only():
    run = lag(4, "chunker-fast", seed=1)
    run.start()
    run.learn(200)
    assert np.all(run.chunker.V[:, :5] == 0)
    assert np.all(run.chunker.V[:, 5:] != 0)
    assert np.ptp(run.chunker.W[0, 3:5]) > 1  # it tells the two strings apart
    assert lag(4, "chunker", seed=1).run(limit=200)["n_weights"] - run.n_weights == 25


def test_the_pair_is_right_where_one_of_both_is():
    run = lag(4, "chunker")
    run.start()
    X, targets = run.both_sequences()
    run.outputs = lambda X: np.where(np.arange(8)[:, np.newaxis] % 4 == 3, 0.0, targets)
    own = run.errors(X, targets)
    assert_array_equal(own[[0, 1, 2, 4, 5, 6]], 0)
    chunker = run.chunker
    chunker.reset()
    expected = np.abs(chunker.read(3) - targets[3])  # it has read the first symbol, and no other
    assert_allclose(own[3], expected if expected.max() < 1 else targets[3], rtol=1e-14)


# ------------------------------------------------------------------------------------------------
# cascade-correlation


@pytest.fixture
def cascade():
    run = trial_of("1-1", "cascade", 0)
    run.strings = tuple(part[:20] for part in run.strings)
    run.start()
    return run


def test_slopes_of_candidates_by_differences(cascade):
    rng = np.random.default_rng(0)
    cascade._learn_outputs()
    cascade._add_unit()
    w = rng.normal(scale=0.5, size=(3, cascade.seen.shape[1] + 1))
    change = rng.normal(size=(len(cascade.seen), 3))
    V, slopes = cascade.slopes(w, change)
    assert_array_equal(V, cascade.run_units(w, cascade.seen, cascade.at))
    for index in np.ndindex(w.shape):
        above, below = w.copy(), w.copy()
        above[index] += 1e-6
        below[index] -= 1e-6
        difference = [(cascade.run_units(v, cascade.seen, cascade.at) * change).sum() for v in (above, below)]
        assert (difference[0] - difference[1]) / 2e-6 == pytest.approx(slopes[index], rel=1e-5, abs=1e-7)


def test_units_see_the_step_before(cascade):
    """String by string, with a loop over its steps."""
    w = np.random.default_rng(1).normal(size=(1, cascade.seen.shape[1] + 1))
    V = cascade.run_units(w, cascade.seen, cascade.at)[:, 0]
    X = cascade.strings[0]
    for start, end in zip(X.offsets[:-1], X.offsets[1:], strict=True):
        v = 0.0
        for step in range(start, end):
            v = np.tanh(w[0, :-1] @ cascade.seen[step] + w[0, -1] * v)
            assert V[step] == pytest.approx(v, rel=1e-12)


def test_quickprop_on_a_parabola():
    w, best, curvature = np.array([3.0, -2.0]), np.array([1.0, 0.5]), np.array([2.0, 0.3])
    quickprop, seen = Quickprop(0.4), []
    for _ in range(4):
        slope = curvature * (w - best)
        w = w + quickprop(slope)
        seen.append(w)
    # gradient descent; the minimum and, as the slope has its sign still, a step of gradient descent; back
    assert_allclose(seen[0], [3.0 - 0.4 * 4, -2.0 + 0.4 * 0.75], rtol=1e-12)
    assert_allclose(seen[1][0], best[0] - 0.4 * 0.8, rtol=1e-12)
    assert_allclose(seen[2][0], best[0], rtol=1e-12)
    # the other weight is far from its minimum: its second step is twice the first one, and some descent
    assert_allclose(seen[1][1], seen[0][1] + 2 * 0.3 + 0.4 * 0.66, rtol=1e-12)
    assert_allclose(seen[3], best, rtol=1e-12)


def test_stagnation_is_no_change_for_so_many_epochs():
    assert not is_stagnant([1.0] * 8, 0.01, 8)
    assert is_stagnant([1.0] * 9, 0.01, 8)
    assert not is_stagnant([1.0, *[0.98] * 8], 0.01, 8)
    assert is_stagnant([1.0, *[0.995] * 8], 0.01, 8)


def test_cascade_learns_with_each_unit(cascade):
    cascade.looks = [(cascade.strings[i], cascade.legal[i][:20]) for i in (0, 1)]
    errors = []
    for n_units in range(4):
        cascade.try_to_learn(100)
        assert len(cascade.units) == n_units
        errors.append(np.mean((cascade.outputs(cascade.strings[0]) - cascade.strings[2].values) ** 2))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.7 * errors[0]
    assert cascade.n_weights == 7 * (8 + 3) + 9 + 10 + 11
    cascade.arguments["max_units"] = 3
    assert cascade.try_to_learn(100) is None


def test_a_cascade_ends_when_the_training_strings_are_right(cascade):
    wrong = {20: 0, 19: 1}
    cascade.wrong_strings = lambda X, legal: wrong[len(X)]
    cascade.looks = [(range(20), None), (range(19), None)]
    assert cascade.look(None)
    assert not cascade.success
    wrong[19] = 0
    assert cascade.look(None)
    assert cascade.success
    wrong[20] = 1
    assert not cascade.look(None)
    assert not cascade.success


# ------------------------------------------------------------------------------------------------
# temporal transition hierarchies


@pytest.mark.parametrize("p", [4, 10])
def test_hierarchy_solves_small_delays(p):
    """Two units for each symbol between: one for the weight of x, one for that of y."""
    run = lag(p, "hierarchy", learning_rate=1 / (p + 1))
    record = run.run(limit=1000)
    assert record["success"]
    assert record["wrong"] == 0
    assert run.n_units - (p + 1) == 2 * p


def test_values_of_a_hierarchy_are_those_of_its_definition():
    run = lag(4, "hierarchy", learning_rate=0.2)
    run.start()
    run.learn(60)
    assert run.n_units > 5
    symbols = [3, 0, 1, 2, 3]

    def value(unit, step):  # u_i(t) = w_ij + l_ij(t - 1), nothing before the first step
        if step < 0:
            return 0.0
        above = run.modifier[unit, symbols[step]]
        return run.w[unit, symbols[step]] + (value(above, step - 1) if above >= 0 else 0.0)

    values = np.zeros(len(run.w) + 1)
    for step, symbol in enumerate(symbols):
        values = run._values(symbol, values)
        assert_allclose(values[: run.n_units], [value(unit, step) for unit in range(run.n_units)], rtol=1e-13)


def test_errors_of_a_hierarchy_go_to_what_modified_the_weight():
    run = lag(3, "hierarchy")
    run.start()
    run._build(2, 1)  # unit 4 modifies the weight of output 2 from symbol 1
    run._build(4, 0)  # unit 5 modifies the weight of unit 4 from symbol 0
    before = run.w.copy()
    run._learn(np.array([0.0, 0.0, 0.5, 0.0]), [1, 0, 3])
    for index in ((2, 1), (4, 0), (5, 3)):  # the rate times the error, a step earlier each
        assert run.w[index] - before[index] == run.arguments["learning_rate"] * 0.5
    assert np.count_nonzero(run.w != before) == 3


# ------------------------------------------------------------------------------------------------
# LSTM with fast outputs


def test_fast_outputs_without_offset_and_factor_are_the_usual_updates():
    """With 0 and 1 they are what the estimators do with ``update="step"``."""
    row = EXPERIMENTS["1-5"]
    plain = trial_of_1997(row, 0)
    row = replace(
        row, kind="fast outputs", arguments=row.arguments | {"slope_offset": 0.0, "output_rate": 1.0}
    )
    fast = trial_of_1997(row, 0)
    assert isinstance(fast, FastOutputs)
    for run in (plain, fast):
        run.start()
    assert_array_equal(fast.weights, plain.weights)
    for run in (plain, fast):
        run.rng = np.random.default_rng(0)
        run.learn(30)
    assert_allclose(fast.weights, plain.weights, rtol=0, atol=1e-12)
    X = plain.strings[1]
    assert_allclose(fast.outputs(X), plain.outputs(X), rtol=0, atol=1e-12)


def test_one_fast_update():
    """The gradient of a step with the offset, its output part times the factor."""
    run = trial_of("1-5", "reading", 0)
    run.start()
    X, y = run.strings[0][:1], run.strings[2][:1]
    symbol, target = X.values.indices[0], y.values[0]
    x, before, network = np.eye(7)[[symbol]], run.weights, run.network
    output = network.forward(before, [x])[0][0]
    # an error at the activation that gives (y - t) (slope + 0.1) at the net input
    slope = output * (1 - output)
    expected = network.backward(before, [x], [[(output - target) * (slope + 0.1) / slope]], "truncated")
    network.views(expected)["output"][...] *= 5
    run.stepper.reset()
    net = run.stepper.advance(run.given, x[0])
    assert_allclose(1 / (1 + np.exp(-net)), output, rtol=1e-13)
    run._update((output - target) * (slope + 0.1))
    assert_allclose(run.weights, before - 0.5 * expected, rtol=0, atol=1e-14)


def test_the_cell_is_added_when_the_error_stalls():
    run = lag(8, "reading")
    run.start()
    assert run.network.n_blocks == 0
    while run.grow_after:
        run.learn(run.block)
        *before, last = run.squares
        run.look(None)
        assert bool(run.network.n_blocks) == (bool(before) and last > 0.99 * min(before))
    assert len(run.squares) > 2
    assert run.squares[-1] < run.squares[0]


def test_errors_at_the_ends_alone_once_there_is_a_cell():
    run = trial_of("2b", "reading", 0)
    run.start()
    updates = []
    update = run._update
    run._update = lambda delta: (updates.append(1), update(delta))
    run.learn(3)
    assert len(updates) == 300
    run.grow()
    run.learn(3)
    assert len(updates) == 303


def test_a_reading_that_diverges_ends_unsolved():
    run = trial_of("1-5", "reading", 0)
    run.arguments["learning_rate"] = 1e300
    record = run.run(limit=1000)
    assert not record["success"]


@pytest.mark.parametrize(
    ("name", "setting"),
    [("1-1", "cascade"), ("1-6", "rtrl"), ("2a-4", "hierarchy"), ("2a-4", "reading"), ("1-1", "elman")],
)
def test_trials_depend_on_the_seed_alone(name, setting):
    records = [trial_of(name, setting, seed).run(limit=100) for seed in (0, 0, 1)]
    keys = ("wrong", "mse", "mae", "steps", "sequences")
    first, again, other = ([record[key] for key in keys] for record in records)
    assert first == again
    assert setting == "hierarchy" or first != other
