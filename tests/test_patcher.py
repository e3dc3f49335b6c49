"""Several time steps as one."""

import pickle
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklstm import (
    ActivationsDisplay,
    LSTMClassifier,
    LSTMEncoder,
    LSTMRegressor,
    SequencePatcher,
    Sequences,
    error_flow,
    occlusion_importance,
)
from sklstm._estimators.parameters import LONG, MOST_INPUTS, N_PATCHES
from sklstm._sequences import as_sequences, patches
from sklstm._sequences.patches import patch_of_steps


def patches_of(x, step):
    """Patches of one sequence, by loops."""
    rows = []
    for start in range(0, len(x), step):
        steps = [x[min(start + j, len(x) - 1)] for j in range(step)]
        rows.append(np.concatenate(steps))
    return np.array(rows)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("step", [1, 2, 3, 5, 20])
def test_patches_are_those_of_loops(step, form, dtype):
    rng = np.random.default_rng(step)
    X = [np.maximum(rng.normal(size=(n, 2)), 0).astype(dtype) for n in (1, 4, 5, 6, 11)]
    patched = SequencePatcher(step=step).fit_transform([form(x) for x in X])
    for found, x in zip(patched, X, strict=True):
        found = found.toarray() if sparse.issparse(found) else found
        assert found.dtype == dtype
        assert_array_equal(found, patches_of(x, step))


@pytest.mark.parametrize("block", [1, 3, 7, 1000])
def test_patches_are_the_same_in_any_blocks(monkeypatch, block):
    rng = np.random.default_rng(block)
    sequences = as_sequences([rng.normal(size=(n, 3)) for n in (4, 1, 5, 17, 2, 6)])
    monkeypatch.setattr(patches, "BLOCK", block)
    got = patches.patched(sequences, 4)
    assert_array_equal(got.values, np.vstack([patches_of(x, 4) for x in sequences]))
    assert got.lengths.tolist() == [1, 1, 2, 5, 1, 2]


def test_patches_take_little_more_memory_than_they_have():
    sequences = Sequences(np.zeros((2_000_000, 1), np.float32), np.arange(0, 2_000_001, 250))
    tracemalloc.start()
    try:
        n_bytes = patches.patched(sequences, 10).values.nbytes
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert n_bytes == sequences.values.nbytes
    assert most < 3 * n_bytes


@pytest.mark.parametrize(
    ("longest", "n_patches", "step"), [(32, 32, 1), (33, 32, 2), (100, 8, 13), (7, 3, 3), (5, 9, 1)]
)
def test_auto_follows_the_longest_sequence_of_fit(longest, n_patches, step):
    X = [np.zeros((longest, 1)), np.zeros((2, 1))]
    patcher = SequencePatcher(n_patches).fit(X)
    assert patcher.step_ == step
    assert len(patcher.transform(X)[0]) <= n_patches
    assert len(patcher.transform([np.zeros((3 * longest, 1))])[0]) == -(-3 * longest // step)


def test_names_ids_and_missing_values_come_through():
    X = Sequences(np.arange(10.0).reshape(5, 2), [0, 2, 5], ids=["a", "b"], columns=["x", "y"])
    patched = SequencePatcher(step=2).fit_transform(X)
    assert patched.columns.tolist() == ["x_t0", "y_t0", "x_t1", "y_t1"]
    assert patched.ids.tolist() == ["a", "b"]
    assert_array_equal(patched[1], [[4, 5, 6, 7], [8, 9, 8, 9]])
    gap = SequencePatcher(step=2).fit_transform([[[1.0], [np.nan], [3.0]]])[0]
    assert_array_equal(gap, [[1, np.nan], [3, 3]])


def test_tables_and_arrays():
    table = np.arange(12.0).reshape(2, 6)
    assert SequencePatcher(step=2).fit_transform(table).shape == (2, 3, 2)
    assert_array_equal(SequencePatcher(n_patches=6).fit_transform(table), table)
    pairs = SequencePatcher(step=2, n_channels=2).fit_transform(table)
    assert_array_equal(pairs[0], [[0, 1, 2, 3], [4, 5, 4, 5]])
    cube = table.reshape(2, 3, 2)
    assert_array_equal(SequencePatcher(step=3).fit_transform(cube), table.reshape(2, 1, 6))


def test_in_pipelines_and_searches():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 1)) for n in rng.integers(60, 90, 60)]
    y = [int(x[:10].sum() > 0) for x in X]
    model = make_pipeline(SequencePatcher(8), LSTMClassifier(n_blocks=8, max_iter=500, random_state=0))
    assert model.fit(X, y).score(X, y) > 0.9
    search = GridSearchCV(
        make_pipeline(SequencePatcher(), LSTMRegressor(n_blocks=2, max_iter=500, random_state=0)),
        {"sequencepatcher__n_patches": [4, 16]},
        cv=2,
    )
    assert search.fit(X, y).best_params_["sequencepatcher__n_patches"] in (4, 16)
    single = [x.astype(np.float32) for x in X]
    assert_allclose(model.predict_proba(single), model.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_patches": 0}, ValueError, "n_patches must be an integer of at least 1"),
        ({"n_patches": 2.5}, TypeError, "n_patches must be an integer"),
        ({"step": 0}, ValueError, '"auto" or an integer of at least 1'),
        ({"step": "all"}, TypeError, 'step must be "auto" or an integer'),
    ],
)
def test_what_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        SequencePatcher(**options).fit([np.zeros((3, 1))])


# ------------------------------------------------------------------------------------------------
# inside the estimators

ALL = ("last", "mean", "max")
QUICK = {"n_blocks": 4, "max_iter": 3, "tol": 0, "random_state": 0}
RNG = np.random.default_rng(0)
LONG_X = [RNG.normal(size=(n, 2)) for n in (70, 33, 80, 12, 55, 41)]
LABELS, SUMS = ["a", "b", "a", "b", "a", "b"], np.array([x[:, 0].sum() for x in LONG_X])
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@quiet
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize(("estimator", "y"), [(LSTMClassifier, LABELS), (LSTMRegressor, SUMS)])
def test_the_default_for_long_sequences_is_a_pipeline_with_patches(estimator, y, form):
    X = [form(x) for x in LONG_X]
    model = estimator(**QUICK).fit(X, y)
    parts = estimator(n_patches=None, bidirectional=True, pooling=ALL, **QUICK)
    pipeline = make_pipeline(SequencePatcher(N_PATCHES), parts).fit(X, y)
    assert model.network_.patch_size == pipeline[0].step_ == 5
    assert model.network_.n_inputs == model.n_features_in_ == 2
    assert_array_equal(model.weights_, pipeline[-1].weights_)
    assert_array_equal(model.predict(X), pipeline.predict(X))
    given = estimator(n_patches=N_PATCHES, **QUICK).fit(X, y)
    assert_array_equal(given.weights_, model.weights_)


@quiet
@pytest.mark.parametrize(
    ("options", "longest", "size"),
    [
        ({}, LONG, 1),
        ({}, LONG + 1, 3),
        ({"n_patches": None}, 200, 1),
        ({"n_patches": 8}, LONG, 4),
        ({"n_patches": 200}, 200, 1),
        ({"gradient": "truncated"}, 200, 1),
        ({"gradient": "truncated", "update": "step"}, 200, 1),
        ({"update": "sequence"}, 200, 1),
        ({"n_blocks": 0, "n_hidden_units": 3, "recurrence": "all"}, 200, 1),
    ],
    ids=str,
)
def test_which_sequences_are_read_in_patches(options, longest, size):
    X = [RNG.normal(size=(n, 1)) for n in (longest, 5, 9, 3)]
    net = LSTMRegressor(**QUICK | options).fit(X, [1.0, 2, 3, 4]).network_
    assert net.patch_size == size
    assert (net.bidirectional, net.pooling) == ((True, ALL) if size > 1 else (False, "last"))


@quiet
def test_targets_at_every_step_are_never_read_in_patches():
    reg = LSTMRegressor(return_sequences=True, **QUICK).fit(LONG_X, [x[:, 0] for x in LONG_X])
    assert reg.network_.patch_size == 1
    with pytest.raises(ValueError, match="n_patches=4 is for one target per sequence"):
        LSTMRegressor(return_sequences=True, n_patches=4).fit(LONG_X, [x[:, 0] for x in LONG_X])


@quiet
@pytest.mark.parametrize(
    ("n_features", "size"), [(MOST_INPUTS // 3, 3), (MOST_INPUTS, 1), (MOST_INPUTS * 2, 1)]
)
def test_a_patch_of_many_features_has_fewer_steps(n_features, size):
    X = [sparse.csr_array(np.eye(100, n_features)), sparse.csr_array(np.eye(90, n_features))]
    assert LSTMClassifier(**QUICK).fit(X, ["a", "b"]).network_.patch_size == size


@quiet
def test_parts_of_the_default_can_be_chosen():
    def net(**options):
        return LSTMRegressor(**QUICK, **options).fit(LONG_X, SUMS).network_

    one_way = net(bidirectional=False, pooling="last")
    assert (one_way.patch_size, one_way.bidirectional, one_way.pooling) == (5, False, "last")
    steps = net(n_patches=None, bidirectional=True, pooling="mean")
    assert (steps.patch_size, steps.bidirectional, steps.pooling) == (1, True, "mean")


@quiet
def test_patches_stay_as_they_are_when_learning_goes_on():
    shorter = [x[:20] for x in LONG_X]
    reg = LSTMRegressor(warm_start=True, **QUICK).fit(LONG_X, SUMS)
    first = reg.network_
    for X in (shorter, [np.vstack([x, x, x]) for x in LONG_X]):
        reg.fit(X, SUMS)
        assert reg.partial_fit(X, SUMS).network_ == first
        assert reg.predict(X).shape == (6,)
    back = pickle.loads(pickle.dumps(reg))
    assert back.network_ == first
    assert_array_equal(back.partial_fit(shorter, SUMS).weights_, reg.partial_fit(shorter, SUMS).weights_)
    by_steps = LSTMRegressor(warm_start=True, **QUICK).fit(shorter, SUMS)
    assert by_steps.network_.patch_size == 1
    assert by_steps.fit(LONG_X, SUMS).network_.patch_size == 1


@quiet
def test_what_needs_single_steps_says_what_to_do():
    reg = LSTMRegressor(**QUICK).fit(LONG_X, SUMS)
    with pytest.raises(
        ValueError, match=r"patch_size=5, .* needs the whole sequence.*fit with n_patches=None"
    ):
        reg.step(LONG_X[0][0])
    with pytest.raises(ValueError, match=r"patch_size=5 needs the whole sequence"):
        reg.network_.stream(reg.weights_)
    online = {"update": "step", "gradient": "truncated", "n_patches": 4}
    with pytest.raises(ValueError, match=r"it needs n_patches=None.*got n_patches=4"):
        LSTMRegressor(**online).partial_fit(LONG_X, SUMS, continued=True)
    reg = LSTMRegressor(**QUICK, n_patches=None).fit(LONG_X, SUMS)
    for x in LONG_X[0]:
        output = reg.step(x)
    assert_allclose(output, reg.predict(LONG_X[:1]), rtol=1e-10)


@quiet
def test_the_scale_of_x_changes_nothing():
    reg = LSTMRegressor(**QUICK).fit(LONG_X, SUMS)
    large = LSTMRegressor(**QUICK).fit([1024 * x for x in LONG_X], SUMS)
    assert large._scaling.inputs.shape == (2,)
    assert_allclose(large.predict([1024 * x for x in LONG_X]), reg.predict(LONG_X), rtol=1e-6)
    assert_array_equal(large.coefs_["forward.cell"][:, :10] * 1024, reg.coefs_["forward.cell"][:, :10])


@quiet
def test_what_explains_speaks_of_time_steps():
    clf = LSTMClassifier(**QUICK | {"max_iter": 20}).fit(LONG_X, LABELS)
    x = LONG_X[1]
    gradient = clf.input_gradients([x])[0]
    assert gradient.shape == x.shape

    def margin(step, change):
        moved = x.copy()
        moved[step, 1] += change
        return clf.decision_function([moved])[0] * (1 if clf.predict([x])[0] == "b" else -1)

    for step in (0, 4, len(x) - 1):  # the last one also fills the last patch up
        slope = (margin(step, 1e-5) - margin(step, -1e-5)) / 2e-5
        assert_allclose(gradient[step, 1], slope, rtol=1e-5, atol=1e-9)
    assert occlusion_importance(clf, [x], by="steps", window=11)[0].shape == (33, 1)
    size, n_patches = clf.network_.patch_size, 7
    (trace,) = clf.activations([x])
    assert trace["forward.cell"].shape == (n_patches, 4)
    assert LSTMEncoder(clf).fit(LONG_X, LABELS).transform([x]).shape == (1, 8)
    display = ActivationsDisplay.from_estimator(clf, x)
    assert len(display.activations["input"]) == len(display.activations["output"]) == len(x)
    patch = patch_of_steps(np.array([len(x)]), size)
    assert_array_equal(patch, np.arange(33) // 5)
    assert_array_equal(display.activations["forward.cell"], trace["forward.cell"][patch])
    flow = error_flow(clf, [x])
    assert len(np.unique(flow.norms[0])) == n_patches
    assert (np.diff(flow.norms[0][::-1])[np.diff(patch) == 0] == 0).all()
    gates = trace["forward.forget_gate"]
    expected = [np.prod(gates[k + 1 :], axis=0).mean() for k in range(n_patches)]
    assert_allclose(flow.carousel[0], np.array(expected)[patch][::-1], rtol=1e-12)
