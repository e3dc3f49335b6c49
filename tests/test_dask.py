"""One fit over partitions on a dask cluster: the same as on one machine, and what comes back."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import dask_cases
import sklstm.dask
from dask_cases import (
    SMALL,
    classifier,
    counts,
    delayed,
    labelled,
    labelled_as_numbers,
    long_ones,
    named,
    of_steps,
    one_class,
    running,
    sequences,
    several,
    tables,
    union,
    weighted,
)
from sklstm import Checkpoint, LSTMClassifier, LSTMRegressor

pytestmark = dask_cases.MARKS


@pytest.mark.parametrize(
    "model",
    [
        LSTMRegressor(**SMALL),  # patches by the longest sequence of all partitions
        LSTMRegressor(n_layers=2, n_patches=None, dropout=0.0, **SMALL),
        LSTMRegressor(loss="poisson", n_patches=None, bidirectional=True, pooling="mean", **SMALL),
        LSTMRegressor(loss="quantile", quantile=(0.1, 0.9), **SMALL),
        LSTMRegressor(loss="huber", **SMALL),
        LSTMRegressor(loss="absolute_error", **SMALL),
    ],
    ids=lambda model: repr(model).replace("\n", ""),
)
def test_layers_patches_and_losses_are_those_of_one_machine(one_worker, model):
    model.set_params(solver="rprop")
    got = sklstm.dask.fit(model, delayed(long_ones, range(3)), client=one_worker)
    X, y = union(long_ones, range(3))
    one = clone(model).fit(X, y)
    assert got.network_ == one.network_
    assert got.network_.patch_size == (1 if model.n_patches is None else -(-max(map(len, X)) // 16))
    assert_allclose(got.loss_curve_, one.loss_curve_, rtol=1e-9)
    assert_allclose(got.predict(X), one.predict(X), rtol=1e-6)
    more = sklstm.dask.fit(
        got.set_params(warm_start=True), delayed(labelled_as_numbers, [7]), client=one_worker
    )
    assert more.network_ == one.network_


def test_tables_are_univariate_sequences(one_worker):
    got = sklstm.dask.fit(classifier(solver="rprop"), delayed(tables, range(2)), client=one_worker)
    one = classifier(solver="rprop").fit(
        np.vstack([tables(i)[0] for i in range(2)]), union(tables, range(2))[1]
    )
    assert got.network_ == one.network_
    assert got.network_.n_inputs == 1
    assert_allclose(got.weights_, one.weights_, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("solver", ["rprop", "lbfgs"])
def test_full_batch_learns_as_on_one_machine(client, solver):
    got = sklstm.dask.fit(classifier(solver=solver), delayed(labelled, range(4)))
    one = classifier(solver=solver).fit(*union(labelled, range(4)))
    assert_allclose(got.loss_curve_, one.loss_curve_, rtol=1e-9)
    assert_allclose(got.weights_, one.weights_, rtol=1e-6, atol=1e-9)
    assert got.n_iter_ == 4


@pytest.mark.parametrize("solver", ["rprop", "lbfgs"])
def test_targets_and_channels_are_scaled_by_all_partitions(one_worker, solver):
    """No partition has mean and deviation of all of them; some outputs of some steps have no target."""
    reg = LSTMRegressor(return_sequences=True, solver=solver, **SMALL)
    got = sklstm.dask.fit(reg, delayed(running, range(3)), client=one_worker)
    one = clone(reg).fit(*union(running, range(3)))
    for name in ("inputs", "mean", "scale"):
        assert_array_equal(getattr(got._scaling, name), getattr(one._scaling, name))
    assert got._scaling.inputs.tolist() == [1, 128]
    assert_allclose(got.loss_curve_, one.loss_curve_, rtol=1e-9)
    assert_allclose(got.weights_, one.weights_, rtol=1e-6, atol=1e-6)


LAYERS = {"n_layers": 2, "bidirectional": True, "pooling": ("mean", "max")}
TOPOLOGIES = {
    "two layers": (LSTMClassifier(n_layers=2), labelled),
    "directions, pooling": (LSTMClassifier(**LAYERS), labelled),
    "directions at each step": (LSTMRegressor(bidirectional=True, return_sequences=True), running),
    "absolute errors": (LSTMRegressor(loss="absolute_error"), labelled),
    "Huber": (LSTMRegressor(loss="huber", n_layers=2), labelled),
    "quantiles": (LSTMRegressor(loss="quantile", quantile=(0.1, 0.9)), labelled),
    "counts": (LSTMRegressor(loss="poisson", pooling="mean"), counts),
}


@pytest.mark.parametrize("solver", ["rprop", "lbfgs"])
@pytest.mark.parametrize("name", TOPOLOGIES)
def test_layers_and_losses_learn_as_on_one_machine(one_worker, name, solver):
    estimator, load = TOPOLOGIES[name]
    estimator = clone(estimator).set_params(**SMALL, solver=solver)
    got = sklstm.dask.fit(estimator, delayed(load, range(3)), client=one_worker)
    X, y = union(load, range(3))
    one = clone(estimator).fit(X, y)
    assert_allclose(got.loss_curve_, one.loss_curve_, rtol=1e-9)
    assert_allclose(got.weights_, one.weights_, rtol=1e-6, atol=1e-6)
    for a, b in zip(got.predict(X), one.predict(X), strict=True):
        assert_allclose(np.asarray(a, float), np.asarray(b, float), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_replicas_of_layers_and_losses(one_worker, name):
    """One replica that learns from whole mini-batches is one machine; two are the same each time."""
    estimator, load = TOPOLOGIES[name]
    estimator = clone(estimator).set_params(**SMALL, shuffle=False, batch_size=20)
    parts = delayed(load, range(3))
    got = sklstm.dask.fit(estimator, parts, replicas=1, client=one_worker)
    one = clone(estimator).fit(*union(load, range(3)))
    assert_allclose(got.weights_, one.weights_, rtol=1e-9, atol=1e-12)
    dropped = clone(estimator).set_params(dropout=0.3)
    first, second = (sklstm.dask.fit(dropped, parts, replicas=2, client=one_worker) for _ in range(2))
    assert_array_equal(first.weights_, second.weights_)
    assert not np.array_equal(first.weights_, got.weights_)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_one_replica_learns_as_one_machine_to_the_bit(one_worker, solver):
    """Partitions that are whole mini-batches, one after the other."""
    options = {"solver": solver, "shuffle": False, "batch_size": 20, "momentum": 0.9 * (solver == "sgd")}
    clf = classifier(class_weight={0: 2}, **options)
    got = sklstm.dask.fit(clf, delayed(labelled, range(3)), replicas=1, client=one_worker)
    one = clone(clf).fit(*union(labelled, range(3)))
    assert_array_equal(got.weights_, one.weights_)
    assert_allclose(got.loss_curve_, one.loss_curve_, rtol=1e-12)


def test_the_penalty_is_that_of_all_sequences(one_worker):
    parts = delayed(labelled, range(5))
    regressors = [LSTMRegressor(alpha=alpha, **SMALL) for alpha in ("auto", 0.0005, 0.001)]
    fits = [sklstm.dask.fit(reg, parts, client=one_worker).weights_ for reg in regressors]
    assert_array_equal(fits[0], fits[1])
    assert np.abs(fits[0] - fits[2]).max() > 0


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_same_bits_twice_and_on_one_worker(client, one_worker, solver):
    clf, parts = classifier(solver=solver), delayed(labelled, range(5), dtype=np.float32)
    fits = [sklstm.dask.fit(clf, parts, replicas=2, client=place) for place in (client, client, one_worker)]
    for fit in fits[1:]:
        assert_array_equal(fit.weights_, fits[0].weights_)
        assert fit.loss_curve_ == fits[0].loss_curve_
    if solver != "lbfgs":
        assert fits[0].loss_curve_[-1] < fits[0].loss_curve_[0]
        other = sklstm.dask.fit(clf, parts, replicas=3, client=one_worker)
        assert not np.array_equal(other.weights_, fits[0].weights_)


def averaged(a, b):
    """Mean of two fits of the same weight, in the arrays that learning goes on from."""
    states = a._solver_state.arrays, b._solver_state.arrays
    return (a.weights_ + b.weights_) / 2, {
        name: (states[0][name] + states[1][name]) / 2 for name in states[0]
    }


def test_replicas_are_averaged_with_their_moments(one_worker):
    clf = classifier(shuffle=False, warm_start=True, max_iter=1, class_weight=None)
    start = sklstm.dask.fit(clf, delayed(labelled, [0]), client=one_worker)  # three classes
    got = sklstm.dask.fit(start, delayed(labelled, [1, 2]), replicas=2, client=one_worker)
    weights, arrays = averaged(*(pickle.loads(pickle.dumps(start)).fit(*labelled(i)) for i in (1, 2)))
    assert_allclose(got.weights_, weights, rtol=1e-12)
    assert got._solver_state.arrays.keys() == {"first_moment", "second_moment"}
    for name, array in got._solver_state.arrays.items():
        assert_allclose(array, arrays[name], rtol=1e-12)
    assert got._solver_state.n_updates == start._solver_state.n_updates + 2


def test_weight_of_two_is_twice(one_worker):
    clf = classifier(solver="lbfgs")
    fits = [
        sklstm.dask.fit(clf, delayed(weighted, range(2), twice=twice), client=one_worker)
        for twice in (False, True)
    ]
    assert_allclose(fits[0].loss_curve_, fits[1].loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 3, 1: 0}])
def test_class_weights_are_over_all_partitions(one_worker, class_weight):
    clf = classifier(solver="lbfgs", class_weight=class_weight)
    got = sklstm.dask.fit(clf, delayed(one_class, range(3)), client=one_worker)
    one = clone(clf).fit(*union(one_class, range(3)))
    assert_allclose(got.loss_curve_, one.loss_curve_, rtol=1e-9)
    assert clf.class_weight == got.class_weight == class_weight


def test_predictions_over_partitions(client):
    got = sklstm.dask.fit(classifier(), delayed(labelled, range(2)), client=client)
    held = client.map(sequences, [10, 11], pure=False)
    there = client.gather(client.map(got.predict_proba, held, pure=False))
    assert_array_equal(np.concatenate(there), got.predict_proba(union(labelled, [10, 11])[0]))


STEPS = {"return_sequences": True}
SCORED = {
    "labels": (LSTMClassifier(), labelled),
    "several labels": (LSTMClassifier(), several),
    "labels of steps": (LSTMClassifier(**STEPS), of_steps),
    "numbers": (LSTMRegressor(), labelled),
    "numbers of steps, some missing": (LSTMRegressor(**STEPS), running),
    "layers": (LSTMClassifier(**LAYERS), labelled),
    "counts": (LSTMRegressor(loss="poisson"), counts),
    "absolute errors": (LSTMRegressor(loss="absolute_error"), labelled),
}


@pytest.mark.parametrize("name", SCORED)
def test_best_validation_score_is_the_score_of_the_union(one_worker, name):
    estimator, load = SCORED[name]
    estimator = clone(estimator).set_params(**SMALL, learning_rate=0.05)
    held = delayed(load, [7, 8, 9])
    got = sklstm.dask.fit(estimator, delayed(load, range(2)), validation=held, client=one_worker)
    assert len(got.validation_scores_) == got.n_iter_ == 4
    assert max(got.validation_scores_) == pytest.approx(got.score(*union(load, [7, 8, 9])), rel=1e-9)


def test_validation_stops_as_in_fit(one_worker):
    clf = classifier(
        solver="rprop",
        learning_rate=0.05,
        max_iter=30,
        n_iter_no_change=2,
        early_stopping=True,
        class_weight="balanced",
    )
    held = delayed(labelled, [7, 8])
    got = sklstm.dask.fit(clf, delayed(labelled, range(2)), validation=held, client=one_worker)
    X_val, y_val = union(labelled, [7, 8])
    one = clone(clf).fit(*union(labelled, range(2)), X_val=X_val, y_val=y_val)
    assert got.n_iter_ == one.n_iter_ < 30
    assert_allclose(got.validation_scores_, one.validation_scores_, rtol=1e-9)
    assert_allclose(got.weights_, one.weights_, rtol=1e-6, atol=1e-9)


def test_result_is_plain_and_pickles_without_dask(client, tmp_path):
    clf = classifier()
    got = sklstm.dask.fit(clf, delayed(labelled, range(2)), classes=[0, 1, 2], client=client)
    assert type(got) is LSTMClassifier
    assert vars(got).keys() == vars(clone(clf).fit(*labelled(0))).keys()
    assert not hasattr(clf, "weights_")
    (tmp_path / "model").write_bytes(pickle.dumps(got))
    script = (
        "import pickle, sys; model = pickle.load(open('model', 'rb')); model.step([1, 2]); "
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'dask', 'distributed'}))"
    )
    run = [sys.executable, "-P", "-c", script]
    result = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
    got.partial_fit(*labelled(3))
    assert got.n_iter_ == 5


def test_sklstm_does_not_import_dask():
    script = (
        "import sys, sklstm, sklstm.paper, sklstm.tasks; "
        "assert not {'dask', 'distributed'} & sys.modules.keys(), 'imported'"
    )
    subprocess.run([sys.executable, "-P", "-c", script], check=True)


def test_without_dask_the_error_says_what_to_install():
    script = "import sys; sys.modules['distributed'] = None; import sklstm.dask"
    result = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False)
    assert "ImportError: sklstm.dask needs dask and distributed" in result.stderr
    assert 'pip install "sklstm[dask]"' in result.stderr


def test_goes_on_where_it_was(one_worker):
    """Three epochs and three are six to the bit, after a pickle."""
    parts = delayed(labelled, range(3), dtype=np.float32)
    whole = sklstm.dask.fit(classifier(solver="rprop", max_iter=6), parts, client=one_worker)
    half = sklstm.dask.fit(classifier(solver="rprop", max_iter=3, warm_start=True), parts, client=one_worker)
    before = half.weights_.copy()
    again = sklstm.dask.fit(pickle.loads(pickle.dumps(half)), parts, client=one_worker)
    assert_array_equal(again.weights_, whole.weights_)
    assert (again.n_iter_, half.n_iter_) == (6, 3)
    assert_array_equal(half.weights_, before)


def test_names_labels_and_random_state_are_kept(one_worker):
    pytest.importorskip("pandas")
    random_state = np.random.RandomState(0)
    clf = classifier(
        random_state=random_state, warm_start=True, learning_rate=lambda epoch: 0.1 / (1 + epoch)
    )
    got = sklstm.dask.fit(clf, delayed(named, range(2)), client=one_worker)
    assert got.feature_names_in_.tolist() == ["a", "b"]
    assert got.classes_.tolist() == ["x", "y", "z"]
    assert random_state.randint(1000) == np.random.RandomState(0).randint(1000)
    got = sklstm.dask.fit(got, delayed(named, range(2)), client=one_worker)
    assert got.n_iter_ == 8
    swapped = delayed(lambda i: ([x.iloc[:, ::-1] for x in named(i)[0]], named(i)[1]), [0])
    with pytest.raises(ValueError, match="Partition 0: The feature names should match"):
        sklstm.dask.fit(got, swapped, client=one_worker)
    with pytest.raises(
        ValueError, match=r"Partition 1 has the features \['b', 'a'\], Partition 0 has the features"
    ):
        sklstm.dask.fit(clf, [*delayed(named, [0]), *swapped], client=one_worker)


def test_divergence_keeps_the_epoch_before(one_worker):
    clf = classifier(learning_rate=lambda epoch: 0.01 if epoch < 2 else 1e38, solver="sgd", clip=None)
    parts = delayed(labelled, range(3), dtype=np.float32)
    with pytest.warns(
        ConvergenceWarning, match="learning diverged. The weights of the epoch before"
    ) as caught:
        got = sklstm.dask.fit(clf, parts, replicas=2, client=one_worker)
    assert [warning.filename for warning in caught if "diverged" in str(warning.message)] == [__file__]
    assert np.isfinite(got.weights_).all()
    assert got.n_iter_ >= 2
    calm = sklstm.dask.fit(clone(clf).set_params(max_iter=got.n_iter_), parts, replicas=2, client=one_worker)
    assert_array_equal(got.weights_, calm.weights_)


class Keeps:
    """A callback that keeps pickles of the model, and stops after two epochs."""

    def __init__(self):
        self.pickles = []

    def setup(self, estimator, context):
        pass

    teardown = setup

    def on_fit_task_begin(self, estimator, context, *, fitted_estimator=None):
        pass

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        if context.task_name == "epoch" and fitted_estimator is not None:
            self.pickles.append(pickle.dumps(fitted_estimator))
            return len(self.pickles) == 2


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_callbacks_save_and_stop(one_worker, solver, tmp_path):
    pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")

    keeps = Keeps()
    clf = classifier(solver=solver, max_iter=20)
    clf.set_callbacks(keeps)
    got = sklstm.dask.fit(clf, delayed(labelled, range(2)), replicas=2, client=one_worker)
    assert got.n_iter_ == len(keeps.pickles) == 2
    assert_array_equal(pickle.loads(keeps.pickles[-1]).weights_, got.weights_)
    clf = classifier().set_callbacks(Checkpoint(tmp_path))
    with pytest.raises(ValueError, match=r"warm_start=True, and call checkpoint\.save\(estimator\)"):
        sklstm.dask.fit(clf, delayed(labelled, range(2)), client=one_worker)
