"""Learning against independent derivations: the twin on-line, the papers' formulas in batches."""

import tracemalloc
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

import reference
from internals import bind, make_trainer, trainer_module
from sklstm import LSTMClassifier, LSTMRegressor, Network, Sequences
from topologies import EVERYTHING, assert_near, make_problem, problems, repeatable

# Most fits here are short; where convergence matters, the test asks for the warning or its absence.
pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged")

LENGTHS = 1, 2, 37, 20, 5, 9, 2
FORMS = {"dense": np.asarray, "sparse": sparse.csr_array}
ONE_HOT = Network(
    50,
    3,
    n_blocks=2,
    block_size=2,
    n_hidden_units=1,
    peepholes=True,
    recurrence="all",
    shortcut=True,
    output_activation="softmax",
)


def one_hot_problem(return_sequences):
    """Symbols in unit vectors, each sequence with its own; most of the 50 never come."""
    net, lengths = replace(ONE_HOT, return_sequences=return_sequences), (4, 1, 3)
    problem = make_problem(net, lengths, state=False, loss="log_loss")
    rng = np.random.default_rng(0)
    X = [np.eye(50)[rng.integers(8 * i, 8 * i + 4, T)] for i, T in enumerate(lengths)]
    return replace(problem, X=X)


def batches(order, size):
    """Mini-batches of at most `size`: as few as possible, of equal size but for one sequence."""
    n = -(-len(order) // size)
    return [order[len(order) * i // n : len(order) * (i + 1) // n] for i in range(n)]


def n_targets(problem):
    """Number of targets of each sequence."""
    return np.array([len(y) for y in problem.y])


# ------------------------------------------------------------------------------------------------
# on-line learning


def assert_learns_as_the_twin(problem, form, momentum, update, gradient="truncated"):
    options = {"gradient": gradient, "update": update, "momentum": momentum}
    trainer = make_trainer(replace(problem, sample_weight=None), form, **options)
    losses = [trainer.epoch(np.random.RandomState(0)) for _ in range(2)]
    expected, expected_losses = reference.train_online(
        problem.net,
        problem.weights,
        problem.X * 2,
        problem.y * 2,
        problem.loss,
        learning_rate=0.05,
        gradient=gradient,
        update=update,
        momentum=momentum,
    )
    moved = np.linalg.norm(expected - problem.weights)
    assert moved > 1e-6
    assert_near(trainer.weights - problem.weights, expected - problem.weights)
    assert_near(np.array(losses) * n_targets(problem).sum(), expected_losses.reshape(2, -1).sum(axis=1))


class Topologies:
    """What was drawn; refuses options that never were."""

    def __init__(self):
        self.drawn = set()

    def report(self):
        for field in fields(Network):
            if field.name in ("n_layers", "bidirectional", "pooling", "patch_size"):
                continue  # test_layers.py has them
            values = {getattr(net, field.name) for net in self.drawn}
            squashing = field.name in ("cell_input_activation", "cell_output_activation")
            assert len(values) >= (2 if field.type is bool else 5 if squashing else 3), field.name


@pytest.mark.parametrize("update", ["sequence", "step"])
def test_online_learning_gives_the_weights_of_the_twin(update):
    topologies = Topologies()
    gradients = ["truncated"] if update == "step" else ["truncated", "full"]

    @examples(repeatable, max_examples=100)
    @given(
        problems(lengths=(1, 2, 6), max_sequences=3),
        st.sampled_from(sorted(FORMS)),
        st.sampled_from([0.0, 0.9]),
        st.sampled_from(gradients),
    )
    def compare(problem, form, momentum, gradient):
        topologies.drawn.add(problem.net)
        assert_learns_as_the_twin(problem, FORMS[form], momentum, update, gradient)

    compare()
    topologies.report()


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("update", ["sequence", "step"])
@pytest.mark.parametrize("form", FORMS)
def test_online_learning_of_symbols(form, update, momentum, return_sequences):
    problem = one_hot_problem(return_sequences)
    assert_learns_as_the_twin(problem, FORMS[form], momentum, update)


@pytest.mark.parametrize("update", ["batch", "sequence", "step"])
def test_weights_of_symbols_that_never_come_stay_as_they_are(update):
    problem = one_hot_problem(True)
    trainer = make_trainer(problem, sparse.csr_array, update=update, gradient="truncated")
    trainer.epoch(np.random.RandomState(0))
    came = np.concatenate(problem.X).any(axis=0)
    assert 0 < came.sum() < 20
    moved = problem.net.views(trainer.weights != problem.weights)
    for key in ("cell", "input_gate", "output_gate", "hidden"):
        assert_array_equal(moved[key][:, :50].any(axis=0), came)
    assert_array_equal(moved["output"][:, 5:55].any(axis=0), came)
    later = np.concatenate([x[1:] for x in problem.X]).any(axis=0)  # no state yet to be forgotten
    assert_array_equal(moved["forget_gate"][:, :50].any(axis=0), later)


@pytest.mark.parametrize("update", ["sequence", "step"])
@pytest.mark.parametrize("form", FORMS)
def test_weights_of_sequences_in_online_learning(form, update):
    """The gradient of a sequence counts as often as its weight says, one of weight 0 not at all."""
    problem = make_problem(replace(EVERYTHING, return_sequences=True), [3, 1, 2, 4], state=False)
    problem = replace(problem, sample_weight=np.array([2.0, 0.0, 0.5, 1.0]))
    trainer = make_trainer(problem, FORMS[form], update=update, gradient="truncated", momentum=0.5)
    loss = trainer.epoch(np.random.RandomState(0))
    w, velocity, total = problem.weights.copy(), 0.0, 0.0
    v = reference.split(problem.net, w)
    for part in problem.take([0, 2, 3]).singles():
        arguments = problem.net, v, part.X[0], part.y[0], problem.loss, None, part.sample_weight[0]
        if update == "step":
            changes = reference.gradient_by_step(*arguments)
        else:
            changes = [reference.truncated_gradient(*arguments)[:2]]
        for value, grad in changes:
            total += value
            velocity = 0.5 * velocity - 0.05 * reference.join(problem.net, grad)
            w += velocity
    assert_near(trainer.weights, w)
    assert_allclose(loss, total / (2 * 3 + 0.5 * 2 + 4), rtol=1e-12)


@examples(repeatable, max_examples=100)
@given(problems(max_sequences=2), st.sampled_from(sorted(FORMS)))
def test_partials_carried_forwards_equal_the_reverse_scan(problem, form):
    """With a momentum of 1 the velocity is the sum of all gradients times the learning rate.

    The rate is a power of two, so that it rounds nothing, and so small that the weights do not move.
    """
    rate = 2.0**-200
    problem = replace(problem, initial_state=None)
    trainer = make_trainer(
        problem, FORMS[form], update="step", gradient="truncated", momentum=1.0, learning_rate=rate
    )
    trainer.epoch(np.random.RandomState(0))
    assert_array_equal(trainer.weights, problem.weights)
    _, expected, _ = problem.loss_and_gradient("truncated")
    assert np.any(expected)
    assert_near(trainer.solver_state.arrays["velocity"] / -rate, expected, rtol=1e-12)


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("train", [[0, 1, 2, 3], [3, 1]], ids=str)
def test_weight_of_what_is_learned_from(train, return_sequences):
    """Two sequences of two steps have as many steps as there are targets, one for each of four sequences."""
    net = replace(EVERYTHING, return_sequences=return_sequences)
    problem = make_problem(net, [2] * 4, state=False)
    weight = np.array([1.0, 2, 4, 8])
    trainer = make_trainer(problem, update="sequence")
    trainer.load(bind(trainer.engine, replace(problem, sample_weight=weight), train=np.array(train)))
    assert trainer.bound.total_weight == weight[train].sum() * (2 if return_sequences else 1)
    trainer.load(bind(trainer.engine, replace(problem, sample_weight=None)))
    assert trainer.bound.total_weight == n_targets(problem).sum()


def test_threads_keep_their_workspaces():
    problem = make_problem(EVERYTHING, [9] * 40, state=False)
    trainer = make_trainer(problem, n_threads=2, update="batch", batch_size=40)
    order, lent = trainer.bound.order, []
    for lengths in (9, 9, 8):
        trainer._make_pool([order[:20].at_most(lengths), order[20:].at_most(lengths)])
        with trainer.pool.lend() as work:
            lent.append(work)
    assert lent[0] is lent[1] is lent[2]
    trainer._make_pool([order])
    with trainer.pool.lend() as work, trainer.pool.lend() as other:
        assert work is not other
        assert work is not lent[0]
        assert work.capacity == other.capacity == (360, 40, 9)


def test_estimators_learn_online_as_the_twin():
    X = [np.random.default_rng(i).normal(size=(T, 2)) for i, T in enumerate([3, 1, 5])]
    y = np.array([[0.1, 0.3], [0.9, -0.2], [0.4, 0.5]])
    reg = LSTMRegressor(
        n_blocks=2,
        block_size=2,
        forget_gate=False,
        forget_gate_bias=None,
        recurrence="all",
        output_gate_bias=[-1, -2],
        cell_input_activation="logistic[-2,2]",
        cell_output_activation="logistic[-1,1]",
        output_activation="logistic",
        gradient="truncated",
        solver="sgd",
        update="step",
        learning_rate=2.0**-200,
        shuffle=False,
        max_iter=1,
        tol=0,
        warm_start=True,
        random_state=0,
    )
    start = reg.fit(X, y).weights_
    assert_array_equal(reg.coefs_["output_gate"][:, -1], [-1, -2])
    reg.set_params(learning_rate=0.5, max_iter=2).fit(X, y)
    expected, losses = reference.train_online(
        reg.network_, start, X * 2, list(y) * 2, "squared_error", 0.5, update="step"
    )
    assert_near(reg.weights_, expected)
    assert_allclose(reg.loss_curve_[1:], losses.reshape(2, 3).mean(axis=1), rtol=1e-10)


# ------------------------------------------------------------------------------------------------
# mini-batches: the solvers as their papers have them


def sgd(rate, momentum=0.0):
    velocity = 0.0

    def step(w, grad):
        nonlocal velocity
        velocity = momentum * velocity - rate * grad
        return w + velocity

    return step


def adam(rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Kingma & Ba (2015), algorithm 1."""
    t, m, v = 0, 0.0, 0.0

    def step(w, grad):
        nonlocal t, m, v
        t += 1
        m = beta1 * m + (1 - beta1) * grad
        v = beta2 * v + (1 - beta2) * grad**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        return w - rate * m_hat / (np.sqrt(v_hat) + epsilon)

    return step


def rprop(rate, eta_plus=1.2, eta_minus=0.5, smallest=1e-6, largest=50.0):
    """Igel & Huesken (2000), iRprop-: where the sign changes, no step, and the gradient is forgotten."""
    before, delta = 0.0, rate

    def step(w, grad):
        nonlocal before, delta
        delta = np.where(before * grad > 0, np.minimum(delta * eta_plus, largest), delta)
        delta = np.where(before * grad < 0, np.maximum(delta * eta_minus, smallest), delta)
        before = np.where(before * grad < 0, 0, grad)
        return w - np.sign(before) * delta

    return step


SOLVERS = {
    "sgd": (sgd, {"learning_rate": 0.1}),
    "momentum": (sgd, {"learning_rate": 0.1, "momentum": 0.9}),
    "adam": (adam, {"solver": "adam", "learning_rate": 0.02}),
    "rprop": (rprop, {"solver": "rprop", "learning_rate": 0.05}),
}


def solver_of(name):
    """The formulas of a solver, its settings."""
    formulas, options = SOLVERS[name]
    momentum = [options["momentum"]] if "momentum" in options else []
    return formulas(options["learning_rate"], *momentum), options


def is_bias(net):
    """Mask of the biases in the flat weights."""
    mask = np.zeros(reference.n_weights(net), bool)
    v = reference.split(net, mask)
    if net.output_bias:
        v["output"][:, -1] = True
    for key in {"cell", "hidden"} & v.keys():
        v[key][:, -1] = net.cell_bias
    for key in {"input_gate", "forget_gate", "output_gate"} & v.keys():
        v[key][:, -1] = net.gate_bias
    return mask


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("rate", [2e-6, 0.05, 45.0])
def test_solvers_follow_their_papers(solver, rate):
    """The same gradients, half of them with a sign that changes each time, lead to the same weights."""
    net = Network(2, 1, n_blocks=2)
    formulas, options = SOLVERS[solver]
    momentum = options.get("momentum", 0.0)
    step = formulas(rate, momentum) if momentum else formulas(rate)
    rng = np.random.default_rng(0)
    n = net.n_weights
    sign = np.where(np.arange(n) % 2, 1, -1)
    problem = make_problem(net, [1], state=False)
    trainer = make_trainer(problem, **options | {"learning_rate": rate, "momentum": momentum})
    w, size = problem.weights, []
    for t in range(60):
        grad = rng.normal(size=n) ** 2 * sign**t
        grad[rng.uniform(size=n) < 0.1] = 0
        trainer.learned.grad[trainer.engine.places] = grad
        trainer.engine.core.update(trainer.engine.plan, trainer.learned)
        new = step(w, grad)
        size.append(np.abs(new - w)[np.nonzero(new - w)])
        w = new
        assert not trainer.learned.grad.any()
    assert_near(trainer.weights, w, rtol=1e-12)
    assert trainer.solver_state.n_updates == 60
    if solver == "rprop":
        sizes = np.concatenate(size)
        assert sizes.max() > 49.99 if rate == 45.0 else sizes.max() > rate
        assert sizes.min() < 1.01e-6 if rate == 2e-6 else sizes.min() < rate


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("alpha", "clip"), [(0, None), (0, 1.1), (0.1, None), (0.1, 1.1)])
@pytest.mark.parametrize("solver", SOLVERS)
def test_mini_batches_follow_the_papers(solver, alpha, clip, form, return_sequences):
    net = replace(EVERYTHING, return_sequences=return_sequences, output_activation="softmax")
    lengths = np.random.default_rng(0).integers(1, 12, 37).tolist()
    problem = make_problem(net, lengths, state=False, loss="log_loss")
    problem.sample_weight[[3, 20]] = 0
    step, options = solver_of(solver)
    size = 37 if solver == "rprop" else 10
    trainer = make_trainer(
        problem,
        FORMS[form],
        **options,
        alpha=alpha,
        clip=clip,
        gradient="truncated" if solver == "sgd" else "full",
        shuffle=True,
        batch_size=size,
    )
    rng, same_rng = np.random.RandomState(3), np.random.RandomState(3)
    penalised, w, clipped = ~is_bias(net), problem.weights, []
    for _ in range(3):
        order = same_rng.permutation(37)
        total = 0.0
        for batch in batches(order, size):
            part = replace(problem.take(batch), weights=w)
            loss, grad, _ = part.loss_and_gradient("full" if trainer.settings.full else "truncated")
            total += loss
            grad = grad / np.sum(part.sample_weight * n_targets(part))
            if clip is not None:
                clipped.append(np.linalg.norm(grad) > clip)
                grad = grad * min(1, clip / np.linalg.norm(grad))
            w = step(w, grad + alpha * w * penalised)
        mean = total / np.sum(problem.sample_weight * n_targets(problem))
        expected_loss = mean + alpha / 2 * np.sum(w[penalised] ** 2)
        assert_allclose(trainer.epoch(rng), expected_loss, rtol=1e-9)
    assert_near(trainer.weights, w)
    assert clip is None or {True, False} == set(clipped)


@pytest.mark.parametrize("batch_size", [1, 7, 40, 100])
def test_sizes_of_batches(batch_size):
    """Mini-batches that are smaller or larger than a packed batch, none much smaller."""
    lengths = np.random.default_rng(0).integers(1, 5, 100).tolist()
    problem = make_problem(EVERYTHING, lengths, state=False)
    trainer = make_trainer(problem, batch_size=batch_size)
    trainer.epoch(np.random.RandomState(0))
    w = problem.weights
    for batch in batches(np.arange(100), batch_size):
        part = replace(problem.take(batch), weights=w)
        w = w - 0.05 * part.loss_and_gradient()[1] / part.sample_weight.sum()
    assert_near(trainer.weights, w)


@pytest.mark.parametrize("solver", ["adam", "rprop", "sgd"])
def test_loss_curve_is_the_loss_of_the_network(solver):
    X, y = sums(20)
    reg = LSTMRegressor(n_blocks=3, solver=solver, alpha=0, random_state=0)
    weights = [reg.partial_fit(X, y).weights_ for _ in range(5)]
    losses = [
        reg.network_.loss_and_gradient(w, X, y)[0] / len(X) / reg._scaling.scale[0] ** 2 for w in weights
    ]
    assert_allclose(reg.loss_curve_[1:], losses[:-1], rtol=1e-12)
    assert_allclose(reg._scaling.scale, np.std(y), rtol=1e-3)
    assert np.ptp(losses) > 1e-6


# ------------------------------------------------------------------------------------------------
# L-BFGS


def objective_of(trainer, monkeypatch):
    """What L-BFGS minimises."""
    found = []

    def spy(objective, weights, *_):
        found.append(objective)
        return weights, True

    monkeypatch.setattr(trainer_module, "lbfgs", spy)
    trainer.minimise(lambda value: None)
    return found[0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("return_sequences", [False, True])
def test_objective_of_lbfgs(monkeypatch, return_sequences, form):
    net = replace(EVERYTHING, return_sequences=return_sequences)
    problem = make_problem(net, LENGTHS, state=False)
    problem = replace(problem, X=[*problem.X[:-1], problem.X[1]])  # once more, with other targets
    trainer = make_trainer(problem, FORMS[form], solver="lbfgs", alpha=0.3)
    objective = objective_of(trainer, monkeypatch)
    value, grad = objective(problem.weights)
    penalised = problem.weights * ~is_bias(problem.net)
    loss, expected, _ = problem.loss_and_gradient()
    weight = np.sum(problem.sample_weight * n_targets(problem))
    assert_allclose(value, loss / weight + 0.15 * penalised @ penalised, rtol=1e-12)
    assert_near(grad, expected / weight + 0.3 * penalised, rtol=1e-12)
    numerical = reference.finite_difference(lambda w: objective(w)[0], problem.weights)
    assert_allclose(grad, numerical, rtol=1e-5, atol=1e-8)


@pytest.mark.filterwarnings("error")
def test_lbfgs_descends_to_a_minimum():
    X, y = sums(30)
    reg = LSTMRegressor(n_blocks=3, solver="lbfgs", alpha=0.01, tol=1e-4, max_iter=3000, random_state=0)
    reg.fit(X, y)
    assert len(reg.loss_curve_) == reg.n_iter_ > 10
    assert np.all(np.diff(reg.loss_curve_) <= 0)
    assert reg.loss_curve_[-1] < 0.25 * reg.loss_curve_[0]
    weights = reg._scaling.from_user(reg.network_, reg.weights_)
    penalised = weights * ~is_bias(reg.network_)
    loss, grad = reg.network_.loss_and_gradient(weights, X, (y - reg._scaling.mean) / reg._scaling.scale)
    assert_allclose(reg.loss_curve_[-1], loss / 30 + 0.005 * penalised @ penalised, rtol=1e-12)
    assert np.abs(grad / 30 + 0.01 * penalised).max() <= 1e-4


# ------------------------------------------------------------------------------------------------
# memory and threads


def peak(function, *arguments):
    """Bytes that were allocated at once while it ran, and its result."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = function(*arguments)
        return tracemalloc.get_traced_memory()[1] - before, result
    finally:
        tracemalloc.stop()


def long_sequence(n_steps, form):
    rng = np.random.default_rng(0)
    if form == "dense":
        values = rng.normal(size=(n_steps, 1)).astype(np.float32)
    else:
        columns = rng.integers(0, 20, n_steps, dtype=np.int32)
        parts = np.ones(n_steps, np.float32), columns, np.arange(n_steps + 1, dtype=np.int64)
        values = sparse.csr_array(parts, shape=(n_steps, 20))
    return Sequences(values, [0, n_steps])


@pytest.mark.parametrize("form", FORMS)
def test_memory_of_real_time_learning_does_not_grow_with_the_length(form):
    peaks = []
    for n_steps in (10**5, 10**6):
        X = long_sequence(n_steps, form)
        model = LSTMRegressor(n_blocks=2, solver="sgd", gradient="truncated", update="step", random_state=0)
        size, _ = peak(model.partial_fit, X, [0.5])
        size_of_prediction, prediction = peak(model.predict, X)
        assert np.isfinite(prediction).all()
        peaks.append([size, size_of_prediction])
    assert np.all(np.diff(peaks, axis=0) < 1e6)


def test_memory_of_an_epoch_with_targets_at_every_step():
    net = Network(1, 1, n_blocks=2, return_sequences=True)
    peaks = []
    for n_steps in (10**4, 10**6):
        problem = make_problem(net, [1], state=False)
        X = np.zeros((n_steps, 1), np.float32)
        problem = replace(problem, X=[X], y=[X + 0.5], sample_weight=np.ones(1))
        trainer = make_trainer(problem, update="step", gradient="truncated", learning_rate=1e-3)
        size, loss = peak(trainer.epoch, np.random.RandomState(0))
        assert np.isfinite(loss)
        peaks.append(size)
    assert peaks[1] - peaks[0] < 1e6


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "options",
    [{"update": "batch", "clip": 0.5}, {"solver": "adam"}, {"solver": "rprop"}],
    ids=["sgd", "adam", "rprop"],
)
def test_threads_change_rounding_only(options, form, return_sequences):
    lengths = np.random.default_rng(0).integers(1, 6, 90).tolist()
    net = replace(EVERYTHING, return_sequences=return_sequences)
    problem = make_problem(net, lengths, state=False)
    weights = []
    for n_threads in (1, 2):
        trainer = make_trainer(problem, FORMS[form], n_threads=n_threads, alpha=0.1, **options)
        losses = [trainer.epoch(np.random.RandomState(0)) for _ in range(2)]
        weights.append(np.append(trainer.weights, losses))
    assert np.any(weights[0][:-2] != problem.weights)
    assert_near(weights[1], weights[0], rtol=1e-11)


@pytest.mark.parametrize("update", ["sequence", "step"])
def test_threads_change_no_bit_of_online_learning(update):
    lengths = np.random.default_rng(0).integers(1, 6, 90).tolist()
    problem = make_problem(EVERYTHING, lengths, state=False)
    weights = []
    for n_threads in (1, 2):
        trainer = make_trainer(problem, update=update, gradient="truncated", n_threads=n_threads)
        trainer.epoch(np.random.RandomState(0))
        weights.append(trainer.weights)
    assert_array_equal(*weights)


def test_threads_change_no_bit_of_lbfgs():
    X, y = sums(100)
    fits = []
    for n_jobs in (1, 2):
        reg = LSTMRegressor(n_blocks=3, solver="lbfgs", max_iter=20, n_jobs=n_jobs, random_state=0)
        fits.append(reg.fit(X, y).weights_)
        assert_array_equal(reg.predict(X), reg.set_params(n_jobs=1).predict(X))
    assert_array_equal(*fits)


def sums(n, seed=0):
    """Sequences of 2 to 5 steps with their sums."""
    rng = np.random.default_rng(seed)
    X = [rng.uniform(-1, 1, size=(T, 1)) for T in rng.integers(2, 6, n)]
    return X, np.array([x.sum() for x in X])


def signs(n, seed=0):
    """Sequences of 2 to 5 steps with two classes, the sign of the first step."""
    X, _ = sums(n, seed)
    return X, np.array([int(x[0, 0] > 0) for x in X])


def test_classifier_and_regressor_share_the_loop():
    X, y = signs(40)
    target = np.eye(2)[y]
    options = {"n_blocks": 3, "max_iter": 5, "loss": "log_loss", "random_state": 0}
    clf = LSTMClassifier(**options).fit(X, y)
    reg = LSTMRegressor(output_activation="softmax", **options).fit(X, target)
    assert_array_equal(clf.weights_, reg.weights_)


@pytest.mark.parametrize(
    ("solver", "update"),
    [(solver, update) for solver in ("sgd", "adam") for update in ("batch", "sequence", "step")]
    + [("rprop", "batch")],
)
def test_weights_that_are_not_there_stay_zero(solver, update):
    """Cells and hidden units have no recurrent weights, but places in the kernel's matrix."""
    net = Network(2, 1, n_blocks=2, n_hidden_units=1, recurrence="gates", cell_bias=False)
    problem = make_problem(net, (5, 3, 8, 2), state=False)
    options = {"solver": solver, "update": update, "batch_size": 4}
    options |= {"gradient": "truncated"} if update == "step" else {}
    options |= {"clip": 0.1, "alpha": 0.01} if solver != "rprop" else {}
    trainer = make_trainer(problem, **options)
    start = trainer.w.copy()
    rng = np.random.default_rng(0)
    for _ in range(3):
        trainer.epoch(rng)
    changed = trainer.w != start
    assert changed[trainer.engine.places].all()
    assert changed.sum() == net.n_weights
