"""Learning inside sequences that go on from call to call, and what `step` makes of it."""

import pickle
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone

from sklstm import LSTMClassifier, LSTMRegressor, Sequences

ONLINE = {"gradient": "truncated", "update": "step", "random_state": 0}
SGD = {"solver": "sgd", "learning_rate": 0.2}
EVERYTHING = {"n_blocks": 2, "block_size": 2, "n_hidden_units": 1, "peepholes": True, "recurrence": "all"}
PAPER = {"n_blocks": 3, "forget_gate": False, "output_gate": False, "recurrence": "all", "shortcut": True}
LEARNERS = {
    "everything": {**EVERYTHING, **SGD},
    "paper": {**PAPER, **SGD, "momentum": 0.5},
    "adam": {"n_blocks": 5, "alpha": 0.01},
    "clip": {"n_blocks": 1, **SGD, "clip": 0.1, "alpha": 0.01, "recurrence": "none"},
}
N_STEPS, N_FEATURES = 60, 3
VALUES = np.random.default_rng(0).normal(size=(N_STEPS, N_FEATURES)) * (
    np.random.default_rng(1).random((N_STEPS, N_FEATURES)) < 0.5
)
RUNNING = VALUES[:, 0] - np.roll(VALUES[:, 1], 2)
CUTS = {"halves": [30], "ragged": [1, 2, 9, 40, 59], "steps": range(1, N_STEPS)}


def regressor(name="everything", **options):
    """A regressor with a target a step."""
    return LSTMRegressor(**{"return_sequences": True} | ONLINE | LEARNERS[name] | options)


def in_chunks(model, values, targets, cuts, rounds=1, **arguments):
    """Learn one stream chunk by chunk; `rounds` times from a state of zero."""
    for _ in range(rounds):
        model.reset_state()
        for x, y in zip(np.split(values, cuts), np.split(targets, cuts)):
            model.partial_fit([x], [y], continued=True, **arguments)
    return model


def assert_same(one, other):
    assert_array_equal(one.weights_, other.weights_)
    assert_array_equal(one._memory.first, other._memory.first)
    assert_array_equal(one._memory.second, other._memory.second)
    for part, same in zip(one._carried[0], other._carried[0]):
        assert_array_equal(part, same)


# ------------------------------------------------------------------------------------------------
# chunks are the whole


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("name", LEARNERS)
def test_chunks_change_no_bit(name, cuts, form, dtype):
    values = VALUES.astype(dtype)
    whole = regressor(name)
    for _ in range(2):
        whole.reset_state().partial_fit([form(values)], [RUNNING], continued=True)
    chunks = regressor(name)
    for _ in range(2):
        chunks.reset_state()
        for lo, hi in zip([0, *CUTS[cuts]], [*CUTS[cuts], N_STEPS]):
            chunks.partial_fit([form(values[lo:hi])], [RUNNING[lo:hi]], continued=True)
    assert whole.weights_.dtype == dtype
    assert_same(chunks, whole)
    assert_array_equal(chunks.step(values[0]), whole.step(values[0]))
    separate = regressor(name)  # what the first call without `continued` learns
    separate.partial_fit([form(values)], [RUNNING])
    once = regressor(name).partial_fit([form(values)], [RUNNING], continued=True)
    assert_array_equal(separate.weights_, once.weights_)


def test_a_chunk_alone_is_not_the_stream():
    """What the test above would not see if nothing were carried, or the state alone."""
    chunks = in_chunks(regressor(), VALUES, RUNNING, [30])
    forgetful = regressor()
    for part in (slice(30), slice(30, None)):
        forgetful.partial_fit([VALUES[part]], [RUNNING[part]])
    state_only = regressor().partial_fit([VALUES[:30]], [RUNNING[:30]], continued=True)
    carried = state_only._carried[0]
    assert np.any(carried.partials)
    assert np.any(carried.peephole_partials)
    zeros = np.zeros_like(carried.partials), np.zeros_like(carried.peephole_partials)
    state_only._carried = [carried._replace(partials=zeros[0], peephole_partials=zeros[1])]
    state_only.partial_fit([VALUES[30:]], [RUNNING[30:]], continued=True)
    for other in (forgetful, state_only):
        assert not np.allclose(other.weights_, chunks.weights_, rtol=1e-6)


def test_fit_of_the_whole_is_the_stream():
    whole = regressor(shuffle=False, max_iter=1)
    with pytest.warns(match="not converged"):
        whole.fit([VALUES], [RUNNING])
    assert_array_equal(in_chunks(regressor(), VALUES, RUNNING, [7, 8]).weights_, whole.weights_)


def test_labels():
    labels = np.where(RUNNING > 0, "up", "down")
    models = [
        in_chunks(
            LSTMClassifier(return_sequences=True, n_blocks=2, **ONLINE),
            VALUES,
            labels,
            cuts,
            classes=["down", "up"],
        )
        for cuts in ([], [1, 30])
    ]
    assert_same(*models)
    assert_allclose(models[0].step(VALUES[0]).sum(), 1)


class LastStepOnly(LSTMRegressor):
    """A target at each step, of which only the last of a chunk counts."""

    def _target_weights(self, sample_weight, y, sequences):
        weight = np.zeros(sequences.n_steps)
        weight[sequences.offsets[1:] - 1] = 1
        return weight


def test_a_target_at_the_end_of_each_chunk():
    options = ONLINE | EVERYTHING | SGD
    model, twin = LSTMRegressor(**options), LastStepOnly(return_sequences=True, **options)
    for lo, hi in ((0, 20), (20, 21), (21, 60)):
        model.partial_fit([VALUES[lo:hi]], RUNNING[hi - 1 : hi], continued=True)
        twin.partial_fit([VALUES[lo:hi]], [RUNNING[lo:hi]], continued=True)
    assert_same(model, twin)
    assert model.loss_curve_ == twin.loss_curve_


def test_pickled_in_the_middle():
    model = in_chunks(regressor("adam"), VALUES, RUNNING, [30])
    half = regressor("adam").partial_fit([VALUES[:30]], [RUNNING[:30]], continued=True)
    half = pickle.loads(pickle.dumps(half))
    assert_same(half.partial_fit([VALUES[30:]], [RUNNING[30:]], continued=True), model)


@pytest.mark.parametrize("forms", [(np.asarray, sparse.csr_array), (sparse.csr_array, np.asarray)])
def test_form_and_dtype_may_change_on_the_way(forms):
    dense = in_chunks(regressor(), VALUES, RUNNING, [30])
    mixed, single = regressor(), regressor()
    for form, dtype, part in zip(forms, (np.float64, np.float32), (slice(30), slice(30, None))):
        mixed.partial_fit([form(VALUES[part])], [RUNNING[part]], continued=True)
        single.partial_fit([VALUES[part].astype(dtype)], [RUNNING[part]], continued=True)
    assert_allclose(mixed.weights_, dense.weights_, rtol=1e-12)
    assert_allclose(single.weights_, dense.weights_, rtol=1e-3)
    assert single.weights_.dtype == single._carried[0].partials.dtype == np.float32


# ------------------------------------------------------------------------------------------------
# several streams


def three_streams(n_steps=20):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(3, n_steps, N_FEATURES))
    return X, X.cumsum(axis=1)[:, :, 0]


def test_each_stream_carries_its_own():
    X, y = three_streams()
    still = {"learning_rate": 2.0**-200, "momentum": 1 - 2.0**-53}  # weights stay, gradients are summed
    together = regressor("paper", **still)
    cuts = [0, 1, 8, 20]
    for lo, hi in pairwise(cuts):
        together.partial_fit(X[:, lo:hi], list(y[:, lo:hi]), continued=True)
    total = 0
    for i, (x, target) in enumerate(zip(X, y)):
        alone = regressor("paper", **still).partial_fit([x], [target], continued=True)
        for part, same in zip(together._carried[i], alone._carried[0]):
            assert_array_equal(part, same)
        total = total + alone._memory.first
    assert np.any(total)
    assert_allclose(together._memory.first, total, rtol=1e-10, atol=1e-14 * 2.0**-200)
    outputs = together.step(X[:, 0])
    assert outputs.shape == (3, 1)
    assert_allclose(outputs[-1], alone.step(X[2, 0]), rtol=1e-12)


def test_some_streams_begin_anew():
    X, y = three_streams()
    still = {"learning_rate": 2.0**-200}
    model = regressor(**still).partial_fit(X, list(y), continued=True)
    before = model._carried
    fresh = clone(model).partial_fit(X[:, :1], list(y[:, :1]), continued=True)
    model.reset_state([0, 2])
    assert np.any(before[0].partials)  # what others may hold is not written to
    stepped = pickle.loads(pickle.dumps(model)).step(X[:, 0])
    assert_allclose(
        stepped[[0, 2]],
        [regressor(**still).partial_fit([x], [t]).step(x[0]) for x, t in [(X[0], y[0]), (X[2], y[2])]],
        rtol=1e-12,
    )
    model.partial_fit(X[:, :1], list(y[:, :1]), continued=True)
    for i in (0, 2):
        for part, same in zip(model._carried[i], fresh._carried[i]):
            assert_allclose(part, same, rtol=1e-12)
    assert not np.allclose(model._carried[1].cells, fresh._carried[1].cells)
    for bad in (3, [-1], [0.5], "a", [[True]]):
        with pytest.raises(ValueError, match="streams must hold indices of the 3 streams under way"):
            model.reset_state(bad)
    assert model.reset_state().reset_state(7)._stream is None  # nothing is under way


# ------------------------------------------------------------------------------------------------
# learning and stepping


@pytest.mark.parametrize("name", ["everything", "adam"])
def test_the_loss_is_that_of_what_step_foretold(name):
    """Each step is answered before it is learned: `step` between the chunks moves nothing."""
    whole = in_chunks(regressor(name), VALUES, RUNNING, [])
    model = regressor(name, alpha=0.0)
    model.partial_fit([VALUES[:1]], [RUNNING[:1]], continued=True)
    for x, y in zip(VALUES[1:], RUNNING[1:]):
        foretold = model.step(x)
        model.partial_fit([x[np.newaxis]], [[y]], continued=True)
        assert_allclose(model.loss_curve_[-1], 0.5 * np.sum((foretold - y) ** 2), rtol=1e-10)
    if name == "everything":
        assert_same(model, whole)
    assert model.n_iter_ == N_STEPS


def test_step_goes_on_where_learning_ended():
    model = regressor(learning_rate=2.0**-200).partial_fit([VALUES[:-1]], [RUNNING[:-1]], continued=True)
    assert_allclose(model.step(VALUES[-1])[0], model.predict([VALUES])[0][-1], rtol=1e-12)
    model.partial_fit([VALUES], [RUNNING])  # a sequence of its own: no stream is left
    assert_allclose(model.step(VALUES[0])[0], model.predict([VALUES])[0][0], rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "arguments", "message"),
    [
        ({"update": "sequence"}, {}, "continued=True learns inside a sequence.*update='step'.*'sequence'"),
        ({}, {"continued": 1}, "continued must be True or False, got 1"),
    ],
)
def test_refused(options, arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        regressor(**options).partial_fit([VALUES], [RUNNING], **{"continued": True} | arguments)


def test_an_error_leaves_the_stream_where_it_was():
    model = regressor().partial_fit([VALUES[:30]], [RUNNING[:30]], continued=True)
    with pytest.raises(ValueError, match=r"X has 2 streams, but 1 are under way: call reset_state\(\)"):
        model.partial_fit([VALUES, VALUES], [RUNNING, RUNNING], continued=True)
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit([VALUES * np.nan], [RUNNING], continued=True)
    with np.errstate(all="ignore"), pytest.warns(match="learning diverged"):
        model.set_params(learning_rate=1e300).partial_fit([VALUES], [RUNNING], continued=True)
    model.set_params(learning_rate=0.2).partial_fit([VALUES[30:]], [RUNNING[30:]], continued=True)
    assert_array_equal(model.weights_, in_chunks(regressor(), VALUES, RUNNING, [30]).weights_)


def test_memory_does_not_grow_with_the_stream():
    rng = np.random.default_rng(0)
    model = regressor(n_blocks=2, block_size=1)
    sizes = []
    tracemalloc.start()
    try:
        for _ in range(50):
            x = rng.normal(size=(1000, N_FEATURES))
            model.partial_fit(Sequences(x, [0, 1000]), [x[:, 0]], continued=True)
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert max(sizes[5:]) - sizes[5] < 50_000  # the chunks hold 32,000 bytes each
