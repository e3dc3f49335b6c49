"""Several time steps as one."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier, LSTMRegressor, SequencePatcher, Sequences


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
