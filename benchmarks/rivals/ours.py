"""This library: learning through the trainer that the estimators use, the rest through the estimators."""

import numpy as np
import scipy
import sklearn
import workloads
from jobs import CELLS, LAYERS, NETWORKS
from sklearn.model_selection import GridSearchCV
from worker import Prepared

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor, Network, Sequences
from sklstm._engine.engine import engine_of
from sklstm._engine.threads import Threads
from sklstm._learning.settings import settings_of
from sklstm._learning.trainer import Trainer
from sklstm.paper import EXPERIMENTS
from sklstm.paper._trial import INITIAL, network_of

GATES = ("input_gate", "forget_gate", "output_gate")


def versions():
    """Versions of what runs here."""
    return {
        "sklstm": sklstm.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
    }


def prepare(job):
    """Make a job ready."""
    kinds = {"A": on_line, "B": batches, "C1": predictions, "C2": stream, "F": search}
    return kinds.get(job.workload, kinds.get(job.workload[0]))(job)


# ----------------------------------------------------------------------------------------------
# weights of all systems <-> the flat vector


def flat(network, weights):
    """Weights in the form of `workloads` -> flat vector of the network."""
    wx, wh, b, wo, bo, peepholes, hidden = weights
    units = np.split(np.concatenate([wx, wh, b[np.newaxis]]).T, 4)
    result = np.empty(network.n_weights, b.dtype)
    views = network.views(result)
    for name, part in zip((*GATES, "cell"), units):
        views[name][...] = part
    for name, part in zip(GATES, peepholes):
        views[f"{name}_peephole"][:, 0] = part
    if len(hidden):
        views["hidden"][...] = hidden
    views["output"][...] = np.concatenate([wo, bo[np.newaxis]]).T
    return result


def common(network, vector):
    """Flat vector -> weights in the form of `workloads`."""
    views = network.views(vector)
    units = np.concatenate([views[name] for name in (*GATES, "cell")]).T
    output = views["output"].T
    peepholes = [views[f"{name}_peephole"][:, 0] for name in GATES if network.peepholes]
    return [
        units[: network.n_inputs],
        units[network.n_inputs : -1],
        units[-1],
        output[:-1],
        output[-1],
        np.reshape(peepholes, (-1, network.n_cells)),
        views.get("hidden", np.empty((0, len(units)))),
    ]


def prefixes(network):
    """Of the names of the weights, for each layer and direction."""
    return [name.removesuffix("cell") for name in network.weight_shapes if name.endswith("cell")]


def flat_of_layers(network, weights):
    """Weights as `workloads.layer_weights` makes them -> flat vector of the network."""
    *units, wo, bo = weights
    result = np.empty(network.n_weights, bo.dtype)
    views = network.views(result)
    for prefix, wx, wh, b in zip(prefixes(network), units[::3], units[1::3], units[2::3]):
        for name, part in zip((*GATES, "cell"), np.split(np.concatenate([wx, wh, b[np.newaxis]]).T, 4)):
            views[prefix + name][...] = part
    views["output"][...] = np.concatenate([wo, bo[np.newaxis]]).T
    return result


def layers_of(network, vector):
    """Flat vector -> weights as `workloads.layer_weights` makes them."""
    views, weights = network.views(vector), []
    for prefix in prefixes(network):
        units = np.concatenate([views[prefix + name] for name in (*GATES, "cell")]).T
        n_cells = units.shape[1] // 4
        weights += [units[: -n_cells - 1], units[-n_cells - 1 : -1], units[-1]]
    return [*weights, views["output"].T[:-1], views["output"].T[-1]]


# ----------------------------------------------------------------------------------------------
# A: on-line


def trainer_of(network, X, targets, weights, n_threads=1, **changes):
    """Trainer with plain settings and these."""
    plain = {
        "loss": "squared_error",
        "gradient": "full",
        "solver": "sgd",
        "learning_rate": workloads.RATE,
        "update": "sequence",
    }
    settings = settings_of(**plain | changes)
    engine = engine_of(network, X.dtype)
    merge = settings.merges(len(X))
    bound = engine.bind(X, targets, np.ones(len(targets)), settings.loss, merge=merge)
    return Trainer(engine, bound, settings, weights, executor=Threads(n_threads))


def data_of(job):
    """Sequences in the form of the job, and targets."""
    X, targets = workloads.on_line(job.workload, job.dtype)
    return (workloads.as_sparse if job.sparse else workloads.as_dense)(X), targets


def paper_network(workload):
    """Network and initial weights of the paper."""
    experiment = EXPERIMENTS[workloads.ON_LINE[workload].experiment]
    arguments = experiment.of("paper").arguments
    network = network_of(experiment, arguments)
    initial = {name: arguments[name] for name in INITIAL if arguments.get(name) is not None}
    return network, network.init_weights(0, **initial)


def on_line(job):
    """An epoch, one update per sequence."""
    X, targets = data_of(job)
    rng = np.random.RandomState(0)
    if job.variant == "paper":
        network, weights = paper_network(job.workload)
        trainer = trainer_of(network, X, targets, weights, gradient="truncated")
        trainer.epoch(rng)
        return Prepared(lambda: trainer.epoch(rng), X.n_steps, result=trainer.weights - weights)
    network = Network(
        X.n_features,
        targets.shape[1],
        n_blocks=CELLS[job.workload],
        output_activation="logistic",
        return_sequences=workloads.every_step(job.workload),
        **NETWORKS[job.variant],
    )
    before = workloads.on_line_weights(job.workload, job.dtype, job.variant)
    trainer = trainer_of(network, X, targets, flat(network, before))
    trainer.epoch(rng)
    result = workloads.changes(before, common(network, trainer.weights))
    return Prepared(lambda: trainer.epoch(rng), X.n_steps, result=result)


# ----------------------------------------------------------------------------------------------
# B: mini-batches


def batches(job):
    """An epoch of Adam."""
    size = workloads.BATCHES[job.workload]
    _, *form = job.variant.split(", ")
    shape = LAYERS[form[1]] if len(form) > 1 else {}
    X, lengths, y = workloads.batches(job.workload, "variable" in form)
    X = Sequences.from_lengths(np.concatenate([x[:length] for x, length in zip(X, lengths)]), lengths)
    network = Network(size.n_inputs, 1, n_blocks=size.n_cells, **shape)
    before = workloads.layer_weights(job.workload, **shape)
    settings = {
        "update": "batch",
        "batch_size": size.batch_size,
        "gradient": job.variant.split(",")[0],
        "n_threads": job.threads,
    }
    adam = settings | {"solver": "adam", "learning_rate": workloads.ADAM_RATE}
    rng = np.random.RandomState(0)
    if "one by one" in form:
        return one_by_one(job, X, y, adam)
    weights = flat_of_layers(network, before)
    compared = trainer_of(network, X, y, weights, **settings)
    compared.epoch(rng)
    trainer = trainer_of(network, X, y, weights, **adam)
    result = workloads.changes(before, layers_of(network, compared.weights))
    return Prepared(lambda: trainer.epoch(rng), X.n_steps, result=result)


def one_by_one(job, X, y, settings):
    """An epoch of each layer, or of each direction, in separate networks.

    The lower layer has a target at each step, as it has errors at each step in the whole network. With errors
    between, an epoch also has the products that give the errors at the inputs of the upper layer, which
    separate networks do not need.
    """
    size, rng = workloads.BATCHES[job.workload], np.random.RandomState(0)
    upper, y_lower = X, y
    if "two layers" in job.variant:
        values = np.random.default_rng(0).standard_normal((X.n_steps, size.n_cells), dtype=np.float32)
        upper, y_lower = Sequences.from_lengths(values, X.lengths), np.zeros((X.n_steps, 1), np.float32)
    trainers = []
    for data, targets in ((X, y_lower), (upper, y)):
        network = Network(
            data.n_features, 1, n_blocks=size.n_cells, return_sequences=len(targets) > len(data)
        )
        weights = workloads.initial_weights(data.n_features, size.n_cells, 1, np.float32)
        trainers.append(trainer_of(network, data, targets, flat(network, weights), **settings))
    deltas = np.ones((X.n_steps // size.n_batches, 4 * size.n_cells), np.float32)
    input_weights = np.ones((4 * size.n_cells, size.n_cells), np.float32)
    n_products = size.n_batches if "with errors between" in job.variant else 0

    def run():
        for trainer in trainers:
            trainer.epoch(rng)
        for _ in range(n_products):
            deltas @ input_weights

    return Prepared(run, X.n_steps)


# ----------------------------------------------------------------------------------------------
# C: predictions, streams; F: a search


def predictions(job):
    """`predict` on a dense 3-D array."""
    X = workloads.inputs_to_predict()
    model = LSTMRegressor(
        n_blocks=workloads.PREDICT.n_cells, n_patches=None, n_jobs=job.threads, random_state=0
    )
    model.partial_fit(X[:2], np.zeros(2))
    model.weights_ = flat(model.network_, workloads.prediction_weights())
    return Prepared(lambda: model.predict(X), X.shape[0] * X.shape[1], result=model.predict(X))


def stream(job):
    """`step`, one stream."""
    rows = list(workloads.inputs_to_predict()[0])
    make, y = (LSTMRegressor, [0.0]) if job.variant == "regressor" else (LSTMClassifier, ["a"])
    more = {} if make is LSTMRegressor else {"classes": ["a", "b"]}
    model = make(n_blocks=workloads.PREDICT.n_cells, n_patches=None, random_state=0)
    model.partial_fit([np.array(rows)], y, **more)
    if make is LSTMRegressor:
        model.weights_ = flat(model.network_, workloads.prediction_weights())
    model.reset_state()
    result = np.array([model.step(x) for x in rows])

    def run():
        for x in rows:
            model.step(x)

    return Prepared(run, len(rows), "call", result)


def search(job):
    """Grid search over the learning rate."""
    X, y = workloads.to_search()
    size = workloads.SEARCH
    model = LSTMRegressor(
        n_blocks=size["n_cells"],
        n_patches=None,
        batch_size=size["batch_size"],
        max_iter=size["epochs"],
        tol=0.0,
        n_iter_no_change=size["epochs"],
        random_state=0,
    )
    grid = GridSearchCV(
        model, {"learning_rate": size["rates"]}, cv=size["folds"], n_jobs=job.threads, refit=False
    )
    return Prepared(lambda: grid.fit(X, y), 1, "search")
