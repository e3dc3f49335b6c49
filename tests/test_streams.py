"""Learning inside sequences that go on from call to call, and what `step` makes of it."""

import copy
import pickle
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklstm import LSTMClassifier, LSTMRegressor, Network, Sequences, State, _cpu

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
    """A regressor with one target per step."""
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
    arrays, same_arrays = one._solver_state.arrays, other._solver_state.arrays
    assert arrays.keys() == same_arrays.keys()
    for name, array in arrays.items():
        assert_array_equal(array, same_arrays[name])
    for part, same in zip(one._online_states[0], other._online_states[0]):
        assert_array_equal(part, same)


# ------------------------------------------------------------------------------------------------
# chunks are the whole


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("name", LEARNERS)
def test_chunks_change_no_bit(name, cuts, form, dtype, each_level):
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
    """What the test above would not see if nothing were kept, or the state alone."""
    chunks = in_chunks(regressor(), VALUES, RUNNING, [30])
    forgetful = regressor()
    for part in (slice(30), slice(30, None)):
        forgetful.partial_fit([VALUES[part]], [RUNNING[part]])
    state_only = regressor().partial_fit([VALUES[:30]], [RUNNING[:30]], continued=True)
    online = state_only._online_states[0]
    assert np.any(online.traces)
    assert np.any(online.peephole_traces)
    zeros = np.zeros_like(online.traces), np.zeros_like(online.peephole_traces)
    state_only._online_states = [online._replace(traces=zeros[0], peephole_traces=zeros[1])]
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


def test_a_target_at_the_end_of_each_chunk():
    options = ONLINE | EVERYTHING | SGD
    model, twin = LSTMRegressor(**options), LSTMRegressor(return_sequences=True, **options)
    for lo, hi in ((0, 20), (20, 21), (21, 60)):
        model.partial_fit([VALUES[lo:hi]], RUNNING[hi - 1 : hi], continued=True)
        last = np.r_[np.full(hi - lo - 1, np.nan), RUNNING[hi - 1]]
        twin.partial_fit([VALUES[lo:hi]], [last], continued=True)
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
    assert single.weights_.dtype == single._online_states[0].traces.dtype == np.float32


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
        for part, same in zip(together._online_states[i], alone._online_states[0]):
            assert_array_equal(part, same)
        total = total + alone._solver_state.arrays["velocity"]
    assert np.any(total)
    assert_allclose(together._solver_state.arrays["velocity"], total, rtol=1e-10, atol=1e-14 * 2.0**-200)
    outputs = together.step(X[:, 0])
    assert outputs.shape == (3, 1)
    assert_allclose(outputs[-1], alone.step(X[2, 0]), rtol=1e-12)


def test_some_streams_begin_anew():
    X, y = three_streams()
    still = {"learning_rate": 2.0**-200}
    model = regressor(**still).partial_fit(X, list(y), continued=True)
    before = model._online_states
    fresh = clone(model).partial_fit(X[:, :1], list(y[:, :1]), continued=True)
    model.reset_state([0, 2])
    assert np.any(before[0].traces)  # what others may hold is not written to
    stepped = pickle.loads(pickle.dumps(model)).step(X[:, 0])
    assert_allclose(
        stepped[[0, 2]],
        [regressor(**still).partial_fit([x], [t]).step(x[0]) for x, t in [(X[0], y[0]), (X[2], y[2])]],
        rtol=1e-12,
    )
    model.partial_fit(X[:, :1], list(y[:, :1]), continued=True)
    for i in (0, 2):
        for part, same in zip(model._online_states[i], fresh._online_states[i]):
            assert_allclose(part, same, rtol=1e-12)
    assert not np.allclose(model._online_states[1].cells, fresh._online_states[1].cells)
    for bad in (3, [-1], [0.5], "a", [[True]]):
        with pytest.raises(ValueError, match="streams must hold indices of the 3 streams under way"):
            model.reset_state(bad)
    assert model.reset_state().reset_state(7)._stream is None  # nothing is under way


# ------------------------------------------------------------------------------------------------
# what `step` keeps from call to call


def step_from_nothing(model, x, state, dtype=np.float64):
    """Outputs and state of the network, with nothing kept."""
    x = np.atleast_2d(x).astype(dtype)
    outputs, info = model.network_.forward(
        model.weights_, x[:, np.newaxis], initial_state=state, full_output=True
    )
    return np.concatenate(list(outputs)).reshape(len(x), -1), info["final_state"]


def learned(name="everything", **options):
    return regressor(name, **options).partial_fit([VALUES], [RUNNING])


@pytest.mark.parametrize("n_streams", [1, 2, 7, 32, 75])  # 32 fill a pack
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("every_step", [True, False])
@pytest.mark.parametrize("options", [*LEARNERS, {"n_blocks": 48}], ids=str)
def test_steps_are_those_of_the_network_to_the_bit(options, every_step, dtype, n_streams):
    name, more = (options, {}) if isinstance(options, str) else ("adam", options)
    model = regressor(name, return_sequences=every_step, **more)
    model.partial_fit([VALUES] * 2, [RUNNING] * 2 if every_step else [1.0, 2.0])
    rng = np.random.default_rng(3)
    state = None
    for _ in range(4):
        x = rng.normal(size=(n_streams, N_FEATURES)).astype(dtype)
        expected, state = step_from_nothing(model, x, state, dtype)
        outputs = model.step(x)
        assert outputs.dtype == dtype
        assert_array_equal(outputs, expected)
        for part, same in zip(model._stream, state):
            assert_array_equal(part, same)


def test_outputs_and_states_are_not_written_to_again():
    model = learned()
    first, state = model.step(VALUES[0]), model._stream
    copies = first.copy(), state.cells.copy(), state.activations.copy()
    model.step(VALUES[1])
    for array, copy_ in zip((first, state.cells, state.activations), copies):
        assert_array_equal(array, copy_)


def test_forms_of_x_are_the_same():
    wide = np.repeat(VALUES[0], 2)[::2]  # not contiguous
    swapped = VALUES[0].astype(VALUES.dtype.newbyteorder())
    expected = learned().step(VALUES[0])
    for x in (wide, swapped, VALUES[0].tolist(), VALUES[:1][0], VALUES[0].astype(object)):
        assert_array_equal(learned().step(x), expected)
    assert_array_equal(learned().step([1, 0, 2]), learned().step([1.0, 0.0, 2.0]))
    model = learned()
    model.step(VALUES[0])
    kept = model._stepper
    for x in (VALUES[1].tolist(), wide, VALUES[2]):
        model.step(x)
    assert model._stepper is kept


def test_dtype_and_number_of_streams_may_change_on_the_way():
    model = learned()
    state = None
    for dtype in (np.float64, np.float32, np.float64):
        state = state and type(state)(*(part.astype(dtype) for part in state))
        expected, state = step_from_nothing(model, VALUES[0], state, dtype)
        assert_array_equal(model.step(VALUES[0].astype(dtype)), expected[0])
    model.reset_state()
    assert_array_equal(model.step(VALUES[:3]), step_from_nothing(model, VALUES[:3], None)[0])


@pytest.mark.filterwarnings("ignore:Learning has not converged")
@pytest.mark.parametrize("change", ["coefs_", "weights_", "one weight", "partial_fit", "fit", "set_params"])
def test_a_change_of_the_weights_is_seen(change):
    model = learned()
    before = model.step(VALUES[0])
    if change == "coefs_":
        model.coefs_["output"][:] *= 2
    elif change == "weights_":
        model.weights_ = model.weights_ * 2
    elif change == "one weight":
        model.weights_[-1] += 1
    elif change == "partial_fit":
        model.partial_fit([VALUES], [RUNNING])
    elif change == "fit":
        model.fit([-VALUES], [RUNNING])
    else:
        model.set_params(n_blocks=3, cell_output_activation="identity").fit([VALUES], [RUNNING])
    model.reset_state()
    outputs = model.step(VALUES[0])
    assert_array_equal(outputs, step_from_nothing(model, VALUES[0], None)[0][0])
    assert not np.array_equal(outputs, before)


@pytest.mark.parametrize(
    "through", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]
)
def test_what_is_kept_is_not_shared(through):
    model, alone = learned(), learned()
    model.step(VALUES[0])
    again = through(model)
    assert "_stepper" not in vars(again)
    again.step(VALUES[1])
    alone.step(VALUES[0])
    assert_array_equal(model.step(VALUES[2]), alone.step(VALUES[2]))
    assert again._stepper is not model._stepper


def test_copies_step_in_threads():
    model = regressor("adam", n_blocks=16).partial_fit([VALUES], [RUNNING])
    inputs = np.random.default_rng(4).normal(size=(8, 200, N_FEATURES))

    def steps(x):
        stream = copy.copy(model)
        return [stream.step(row) for row in x]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(steps, inputs))
    assert_array_equal(together, [steps(x) for x in inputs])


def test_threads_that_share_streams_compute_whole_steps():
    """No order is promised; but each step is one that a single thread could have made."""
    model = regressor("adam", n_blocks=48, recurrence="none", cell_input_activation="identity")
    model.partial_fit([VALUES], [RUNNING])
    model.coefs_["forget_gate"][:] = -1e6  # nothing is remembered: the outputs depend on x alone
    expected = [model.step(x)[0] for x in VALUES[:2]]
    with ThreadPoolExecutor(2) as pool:
        got = list(pool.map(lambda i: [model.step(VALUES[i])[0] for _ in range(2000)], range(2)))
    assert_array_equal(got, np.repeat([expected], 2000, axis=0).T)


def test_what_is_refused_on_the_way_moves_nothing():
    """The checks of a stream under way are other lines of code than those of its first step."""
    model, alone = learned(), learned()
    model.step(VALUES[0])
    alone.step(VALUES[0])
    for bad in (np.full(N_FEATURES, np.nan), VALUES[0, 1:], VALUES[:2], np.zeros((1, N_FEATURES + 1)), "a"):
        with pytest.raises((ValueError, TypeError)):
            model.step(bad)
    assert_array_equal(model.step(VALUES[1]), alone.step(VALUES[1]))
    assert_array_equal(model.step(VALUES[2:3]), alone.step(VALUES[2])[np.newaxis])


def test_weights_that_cannot_be_written():
    """As those of a model that joblib maps into memory."""
    model, alone = learned(), learned()
    model.weights_.flags.writeable = False
    for x in VALUES[:3]:
        assert_array_equal(model.step(x), alone.step(x))


def test_a_state_that_is_not_finite_is_refused():
    model = learned(cell_input_activation="identity", forget_gate=False)
    model.step(VALUES[0])
    model._stream = model._stream._replace(cells=np.full_like(model._stream.cells, np.inf))
    message = r"_stream.cells\[0, 0\] is inf; expected finite numbers in float64: call reset_state\(\)"
    with pytest.raises(ValueError, match=message):
        model.step(VALUES[0])
    assert np.isfinite(model.reset_state().step(VALUES[0])).all()


@pytest.mark.parametrize("partials", [False, True])
@pytest.mark.parametrize("n_layers", [1, 2])
@pytest.mark.parametrize("n_streams", [2**40, 2**70])
def test_more_streams_than_memory_holds_are_refused_at_once(n_streams, n_layers, partials):
    net = Network(2, 1, n_blocks=2, n_layers=n_layers)
    with pytest.raises(MemoryError, match=f"n_streams={n_streams}"):
        net.stream(net.init_weights(0), n_streams, partials=partials)


@pytest.mark.parametrize("n_streams", [1, 3])
def test_weights_are_not_resized_under_way(n_streams):
    """Not even without NumPy's check of references: their memory is read in each step."""
    model, alone = learned(), learned()
    for x in VALUES[:4]:
        x = np.tile(x, (n_streams, 1))
        assert_array_equal(model.step(x), alone.step(x))
        with pytest.raises(ValueError, match="cannot resize an array that references or is referenced"):
            model.weights_.resize(3, refcheck=False)
    model.reset_state()
    model.weights_.resize(3, refcheck=False)
    with pytest.raises(ValueError, match=r"weights_ must have the shape \(\d+,\), got \(3,\)"):
        model.step(VALUES[0])


FORMS_OF_WEIGHTS = {
    "list": np.ndarray.tolist,
    "tuple": tuple,
    "strided": lambda weights: np.repeat(weights, 2)[::2],
    "reversed": lambda weights: weights[::-1].copy()[::-1],
    "objects": lambda weights: weights.astype(object),
    "longdouble": lambda weights: weights.astype(np.longdouble),
    "swapped": lambda weights: weights.astype(weights.dtype.newbyteorder()),
}


@pytest.mark.parametrize("form", FORMS_OF_WEIGHTS)
def test_weights_in_any_form(form):
    model, alone = learned(), learned()
    model.step(VALUES[0])
    alone.step(VALUES[0])
    model.weights_ = FORMS_OF_WEIGHTS[form](model.weights_)
    for x in VALUES[1:4]:
        assert_array_equal(model.step(x), alone.step(x))
    if form != "tuple":
        model.weights_[-1] = alone.weights_[-1] = 2.0
    assert_array_equal(model.step(VALUES[4]), alone.step(VALUES[4]))


def test_weights_that_are_no_numbers_are_refused_by_step():
    model, alone = learned(), learned()
    model.step(VALUES[0])
    alone.step(VALUES[0])
    weights = model.weights_
    for bad in (weights * 1j, weights.astype(str), weights * np.nan, weights[1:], np.ma.array(weights), None):
        model.weights_ = bad
        with pytest.raises((ValueError, TypeError), match="weights_"):
            model.step(VALUES[1])
    model.weights_ = weights
    model.weights_[3] = np.inf
    with pytest.raises(ValueError, match=r"weights_\[3\] is inf"):
        model.step(VALUES[1])
    model.weights_[3] = alone.weights_[3]
    assert_array_equal(model.step(VALUES[1]), alone.step(VALUES[1]))


def test_another_network_is_seen():
    model = learned()
    state = None
    for x, activation in zip(VALUES, ["identity", "logistic", "identity", "softmax"]):
        model.network_ = replace(model.network_, output_activation=activation)
        expected, state = step_from_nothing(model, x, state)
        assert_array_equal(model.step(x), expected[0])


def test_a_network_that_the_state_does_not_fit():
    model, alone = learned(), learned()
    model.step(VALUES[0])
    alone.step(VALUES[0])
    network, weights = model.network_, model.weights_
    model.network_ = replace(network, n_blocks=1)
    with pytest.raises(ValueError, match=r"weights_ must have the shape"):
        model.step(VALUES[1])
    model.weights_ = model.network_.init_weights(0)
    with pytest.raises(ValueError, match=r"_stream\.activations .*, got .*: call reset_state\(\)"):
        model.step(VALUES[1])
    model.network_, model.weights_ = network, weights
    assert_array_equal(model.step(VALUES[1]), alone.step(VALUES[1]))
    model.network_ = replace(network, n_blocks=1)
    model.weights_ = model.network_.init_weights(0)
    outputs = model.reset_state().step(VALUES[1])
    assert_array_equal(outputs, step_from_nothing(model, VALUES[1], None)[0][0])


@pytest.mark.parametrize("part", State._fields)
@pytest.mark.parametrize(
    "change",
    [
        lambda array: array[:, :1],
        lambda array: array[0],
        lambda array: array[np.newaxis],
        lambda array: array * 1j,
        lambda array: array.astype(str),
    ],
)
def test_a_state_of_another_shape_is_not_broadcast(part, change):
    model = learned()
    model.step(VALUES[0])
    state = model._stream
    model._stream = state._replace(**{part: change(getattr(state, part))})
    with pytest.raises(
        (ValueError, TypeError), match=rf"_stream\.{part} must (have|hold)|x has 1 streams, but 4"
    ):
        model.step(VALUES[1])


# ------------------------------------------------------------------------------------------------
# online states are checked wherever they come from


def nan_at_the_end(array):
    array = array.copy()
    array.flat[-1] = np.nan
    return array


BAD_CARRIED = {
    "negative": ("touched", lambda _: np.array([-6, -5], np.int32), r"contain -6; expected .* from 0 to 2"),
    "too large": ("touched", lambda _: np.array([0, 3], np.int32), r"contain 3; expected .* from 0 to 2"),
    "huge": ("touched", lambda _: np.array([0, 2**33]), r"contain 8589934592; expected"),
    "twice": ("touched", lambda _: np.array([1, 0, 1], np.int32), "contain an index twice"),
    "too many": ("touched", lambda _: np.zeros(7, np.int32), "contain an index twice"),
    "floats": ("touched", lambda _: np.array([0.0, 1.0]), r"shape \(2,\), float64; expected 1-D integers"),
    "2-D": ("touched", lambda _: np.array([[0, 1]]), r"shape \(1, 2\), int64; expected 1-D integers"),
    **{
        f"{part} {kind}": (part, change, message)
        for part in ("activations", "cells", "traces", "peephole_traces")
        for kind, change, message in (
            ("broadcast", lambda array: array[:1, :1], "must have the shape"),
            ("more", lambda array: np.concatenate([array, array]), "must have the shape"),
            ("fewer", lambda array: array[:, 1:], "must have the shape"),
            ("NaN", nan_at_the_end, r"is nan; expected finite numbers in float64: call reset_state\(\)"),
            ("complex", lambda array: array * 1j, "must hold real numbers"),
            ("text", lambda array: array.astype(str), "must hold real numbers"),
        )
    },
}


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("name", BAD_CARRIED)
def test_online_states_are_checked(name, form):
    part, change, message = BAD_CARRIED[name]
    model, alone = (
        regressor().partial_fit([form(VALUES[:30])] * 2, [RUNNING[:30]] * 2, continued=True) for _ in range(2)
    )
    good = model._online_states
    model._online_states = [good[0], good[1]._replace(**{part: change(getattr(good[1], part))})]
    before = model.weights_.copy()
    for _ in range(3):
        with pytest.raises((ValueError, TypeError), match=rf"_online_states\.{part}.*{message}"):
            model.partial_fit([form(VALUES[30:])] * 2, [RUNNING[30:]] * 2, continued=True)
    assert_array_equal(model.weights_, before)
    model._online_states = good
    for one in (model, alone):
        one.partial_fit([form(VALUES[30:])] * 2, [RUNNING[30:]] * 2, continued=True)
    assert_same(model, alone)


def test_online_states_are_of_a_dtype_of_the_kernel():
    model = regressor().partial_fit([VALUES[:30]] * 2, [RUNNING[:30]] * 2, continued=True)
    model._online_states = [
        online._replace(traces=online.traces.astype(int)) for online in model._online_states
    ]
    with pytest.raises(TypeError, match="dtype must be float64 or float32, got int64"):
        model.reset_state([0])


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
        ({"update": "sequence"}, {}, "continued=True learns inside sequences.*update='step'.*'sequence'"),
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


def test_a_stream_whose_state_overflows_stays_where_it_was():
    """Nothing could be learned from the next chunk."""
    options = {"forget_gate": False, "input_gate": False, "cell_input_activation": "identity"}
    model = LSTMRegressor(n_blocks=1, recurrence="none", return_sequences=True, **options, **ONLINE, **SGD)
    x, y = np.ones((3, 1)), np.zeros(3)
    model.partial_fit([x], [y], continued=True)
    model.coefs_["cell"][:] = 9
    before = copy.deepcopy(model)
    if _cpu.core(np.float64).FUSES:
        refused = pytest.raises(ValueError, match="too large: the outputs are not finite")
    else:  # a squashing function is saturated, so the outputs are finite
        refused = pytest.warns(ConvergenceWarning, match="learning diverged")
    with refused:
        model.partial_fit([5e307 * x], [y], continued=True)
    assert_array_equal(model.weights_, before.weights_)
    for part, same in zip(model._online_states[0], before._online_states[0]):
        assert_array_equal(part, same)
    assert np.isfinite(model.step(x[0])).all()


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
