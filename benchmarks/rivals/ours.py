"""This library: learning through the trainer that the estimators use, the rest through the estimators."""

import numpy as np
import scipy
import sklearn
import workloads
from jobs import CELLS, NETWORKS
from sklearn.model_selection import GridSearchCV
from worker import Prepared

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor, Network, Sequences
from sklstm._engine.engine import Engine
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
    engine = Engine(network, X.dtype)
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
    X, lengths, y = workloads.batches(job.workload, "variable" in job.variant)
    X = Sequences.from_lengths(np.concatenate([x[:length] for x, length in zip(X, lengths)]), lengths)
    network = Network(size.n_inputs, 1, n_blocks=size.n_cells)
    before = workloads.batch_weights(job.workload)
    settings = {
        "update": "batch",
        "batch_size": size.batch_size,
        "gradient": job.variant.split(",")[0],
        "n_threads": job.threads,
    }
    rng = np.random.RandomState(0)
    compared = trainer_of(network, X, y, flat(network, before), **settings)
    compared.epoch(rng)
    trainer = trainer_of(
        network, X, y, flat(network, before), solver="adam", learning_rate=workloads.ADAM_RATE, **settings
    )
    result = workloads.changes(before, common(network, compared.weights))
    return Prepared(lambda: trainer.epoch(rng), X.n_steps, result=result)


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
