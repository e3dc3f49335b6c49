"""Damage on purpose: bits of pickles, attributes and arrays. Each in a child process, which may die of it.

    python -P tests/tamper.py flips 2000 7     # so many flips of one bit, and the seed
    python -P tests/tamper.py hands            # attributes and arrays, one by one

Writes what came of it as JSON to the standard output. Linux only.
"""

import io
import json
import os
import pickle
import resource
import signal
import sys
import warnings
from collections import Counter
from functools import partial
from itertools import cycle

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.preprocessing import MaxAbsScaler

from sklstm import (
    LSTMClassifier,
    LSTMEncoder,
    LSTMRegressor,
    Network,
    PerTimeStep,
    SequenceOneHotEncoder,
    SequencePadder,
    Sequences,
    SequenceScaler,
    SequenceSummary,
    State,
    step_scorer,
)
from sklstm._engine.engine import Engine  # checks anew what the public methods have checked

MEMORY = 512 << 20  # bytes that a child may ask for beside what it has
SECONDS = 60  # that a call may take
BATCH = 20  # calls of a child

RNG = np.random.default_rng(0)
DENSE = [RNG.normal(size=(n, 9)) for n in (2, 3, 1, 4)]
SPARSE = [sparse.csr_array(x * (x > 0)) for x in DENSE]
LABELS = np.array(["a", "b", "a", "b"])
NUMBERS = np.arange(4.0)
SMALL = {"n_blocks": 2, "max_iter": 1, "random_state": 0}
ONLINE = {"solver": "sgd", "update": "step", "gradient": "truncated", "return_sequences": True}
NETWORK = Network(9, 1, n_blocks=2, block_size=2, peepholes=True, recurrence="all", shortcut=True)
WEIGHTS = NETWORK.init_weights(0)


# ------------------------------------------------------------------------------------------------
# a child


def outcomes(calls):
    """What comes of each call: "used", an error, or that its child process was killed by a signal."""
    results = []
    while len(results) < len(calls):  # a child does the calls that are left, until it dies
        results += outcomes_of_child(calls[len(results) :])
    return results


def outcomes_of_child(calls):
    """What comes of the calls in one child process, as far as it gets."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # of a fit that turned verbose
            pages = int(open("/proc/self/statm").read().split()[0])
            resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY,) * 2)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            for call in calls:
                signal.alarm(SECONDS)
                os.write(write, tried(call)[:1000].encode(errors="replace") + b"\0")
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        results = pipe.read().decode().split("\0")[:-1]
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        results.append(f"killed by {signal.Signals(os.WTERMSIG(status)).name}")
    return results


def tried(call):
    """ "used", or the error."""
    try:
        call()
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return "used"


# ------------------------------------------------------------------------------------------------
# what is done with each object


def use_sequences(X):
    """Everything that reads sequences."""
    repr(X), list(X), X[0], X[1:], X[[0, -1]], X.to_padded()
    SequenceSummary().fit(X).transform(X)
    NETWORK.forward(WEIGHTS, X)
    NETWORK.loss_and_gradient(WEIGHTS, X, np.zeros((len(X), 1)))
    for update in ("batch", "sequence"):
        reg = LSTMRegressor(solver="sgd", update=update, **SMALL)
        reg.partial_fit(X, np.zeros(len(X)))
        reg.activations(X)


def use_network(network):
    """Weights, outputs and gradient."""
    weights = network.init_weights(0)
    X = [np.ones((n, network.n_inputs)) for n in (2, 3)]
    y = np.zeros((2, network.n_outputs))
    network.forward(weights, X)
    network.loss_and_gradient(weights, X, [y, y[[0, 0, 0]]] if network.return_sequences else y)


def use_state(state):
    """As an initial state."""
    NETWORK.forward(WEIGHTS, DENSE, initial_state=state)
    NETWORK.loss_and_gradient(WEIGHTS, DENSE, NUMBERS, initial_state=state)


def use_classifier(clf):
    """All that a classifier does."""
    clf.predict(DENSE), clf.predict_proba(SPARSE), clf.decision_function(DENSE), clf.activations(DENSE[:1])
    clf.coefs_, clf.score(DENSE, LABELS)
    clf.step(DENSE[0][:1]), clf.step(DENSE[0][0])
    clf.partial_fit(DENSE, LABELS)
    clf.step(DENSE[0][0])


def use_stream(reg):
    """A regressor in the middle of two streams."""
    for x in (DENSE, SPARSE):
        reg.partial_fit(x[:2], [np.zeros(2), np.zeros(3)], continued=True)
        reg.step(DENSE[0])
    reg.reset_state([1]).partial_fit(SPARSE[:2], [np.zeros(2), np.zeros(3)], continued=True)
    reg.predict(SPARSE)


def use_transformer(transformer):
    """There, and back if there is a way."""
    X = transformer.transform(DENSE)
    if hasattr(transformer, "inverse_transform"):
        transformer.inverse_transform(X)
    transformer.get_feature_names_out()


def use_encoder(encoder):
    """Symbols there and back."""
    encoder.inverse_transform(encoder.transform(["abc", "c"]))


def stream(form):
    """A regressor in the middle of two streams."""
    reg = LSTMRegressor(peepholes=True, recurrence="all", **ONLINE, **SMALL)
    return reg.partial_fit(form[:2], [np.zeros(2), np.zeros(3)], continued=True)


def classifier(**options):
    """A classifier that is fitted, and in the middle of a stream."""
    clf = LSTMClassifier(**options, **SMALL).fit(DENSE, LABELS)
    clf.step(DENSE[0][0])
    return clf


def objects():
    """Name -> an object of each public class that is saved, and what is done with it."""
    narrow = [x.astype(np.float32) for x in DENSE]
    wide = sparse.vstack(SPARSE, format="csr")
    return {
        "Sequences, dense": (Sequences(np.concatenate(DENSE), [0, 2, 5, 6, 10]), use_sequences),
        "Sequences, float32": (Sequences(np.concatenate(narrow), [0, 2, 5, 6, 10]), use_sequences),
        "Sequences, sparse": (Sequences(wide, [0, 2, 5, 6, 10]), use_sequences),
        "Network": (Network(3, 2, n_blocks=2, return_sequences=True), use_network),
        "State": (NETWORK.forward(WEIGHTS, DENSE, full_output=True)[1]["final_state"], use_state),
        "LSTMClassifier": (classifier(), use_classifier),
        "LSTMClassifier, rprop": (classifier(solver="rprop", n_hidden_units=1), use_classifier),
        "LSTMRegressor, dense stream": (stream(DENSE), use_stream),
        "LSTMRegressor, sparse stream": (stream(SPARSE), use_stream),
        "PerTimeStep": (PerTimeStep(PCA(2)).fit(DENSE), use_transformer),
        "SequenceScaler": (SequenceScaler().fit(DENSE), use_transformer),
        "SequenceOneHotEncoder": (SequenceOneHotEncoder().fit(["abc", "ad"]), use_encoder),
        "SequencePadder": (SequencePadder().fit(DENSE), use_transformer),
        "SequenceSummary": (SequenceSummary().fit(DENSE), use_transformer),
        "LSTMEncoder": (LSTMEncoder(LSTMRegressor(**SMALL)).fit(DENSE, NUMBERS), use_transformer),
        "step_scorer": (
            step_scorer("neg_mean_squared_error"),
            lambda scorer: scorer(STREAM, DENSE, [x[:, 0] for x in DENSE]),
        ),
    }


# ------------------------------------------------------------------------------------------------
# bits of pickles


def flips(n, seed):
    """Flip single bits of pickles, `n` in all, and use what they hold; counts of what came of it.

    A child that dies where this library is left out, too, dies of NumPy: as of the dtype m8, one bit from i8.
    """
    rng = np.random.default_rng(seed)
    every = objects()
    tries = []
    for i, name in zip(range(n), cycle(every)):
        whole, use = every[name]
        data = bytearray(pickle.dumps(whole, (pickle.DEFAULT_PROTOCOL, 2)[i // len(every) % 2]))
        bit = int(rng.integers(8 * len(data)))
        data[bit // 8] ^= 1 << bit % 8
        tries.append((f"{name}, bit {bit} of {8 * len(data)}", bytes(data), use))
    results = []
    for at in range(0, n, BATCH):
        results += outcomes([partial(use_pickle, data, use) for _, data, use in tries[at : at + BATCH]])
    kinds, killed = Counter(), []
    for (where, data, _), result in zip(tries, results, strict=True):
        if result.startswith("killed"):
            (alone,) = outcomes([partial(load_without_us, data)])
            if alone != result:
                killed.append(f"{where}: {result}")
            result = "killed by NumPy's own" if alone == result else "killed"
        kinds[result.partition(":")[0]] += 1
    return {"tries": n, "seed": seed, "used": kinds.pop("used", 0), "killed": killed, "others": kinds}


def use_pickle(data, use):
    """Use what a pickle holds."""
    use(pickle.loads(data))


def load_without_us(data):
    """Load a pickle, but for the classes and functions of this library."""
    WithoutUs(io.BytesIO(data)).load()


class WithoutUs(pickle.Unpickler):
    """Puts something without meaning where the library is asked for."""

    def find_class(self, module, name):
        return Anything if module.partition(".")[0] == "sklstm" else super().find_class(module, name)


class Anything:
    """Takes all arguments and any state."""

    def __new__(cls, *_, **__):
        return super().__new__(cls)

    def __setstate__(self, state):
        pass


# ------------------------------------------------------------------------------------------------
# attributes and arrays


def forced(name, value):
    """Set what has no setter."""
    return lambda X: setattr(X, f"_{name}", value)


def written(path, value):
    """Write to what is read-only."""

    def change(X):
        array = X
        for name in path.split("."):
            array = getattr(array, name)
        array.flags.writeable = True
        array[:] = value

    return change


def replaced(name, value):
    """Give SciPy's matrix, of which `Sequences` consist, another array."""
    return lambda X: setattr(X.values, name, value)


WRAPPED = np.array([0, 2**62, -(2**62) - 1, 5])  # all differences are positive in 64 bits
WRAPPED_32 = np.array([0, 2**30, -(2**30) - 1, 3, 4, 5], np.int32)
DAMAGED_DENSE = {
    "offsets, wrapped": forced("offsets", WRAPPED),
    "offsets, beyond": forced("offsets", np.array([0, 10**7, 2 * 10**7])),
    "offsets, shorter": forced("offsets", np.array([0, 2])),
    "offsets, none": forced("offsets", np.zeros(0, np.int64)),
    "offsets, 2-D": forced("offsets", np.array([[0, 5]])),
    "offsets, floats": forced("offsets", np.array([0.0, 5.0])),
    "offsets, written": written("offsets", [0, 10**7, 5]),
    "values, fewer": forced("values", np.zeros((1, 9))),
    "values, 1-D": forced("values", np.zeros(5)),
    "values, 3-D": forced("values", np.zeros((5, 9, 1))),
    "values, a matrix": forced("values", sparse.csr_array((4, 9))),
}
DAMAGED_SPARSE = {
    "indices, large": replaced("indices", np.full(5, 300)),
    "indices, just": replaced("indices", np.array([0, 1, 2, 3, 9])),
    "indices, negative": replaced("indices", np.array([0, 1, 2, 3, -1])),
    "indices, of 33 bits": replaced("indices", np.array([0, 1, 2, 3, 2**32])),
    "indices, fewer": replaced("indices", np.arange(3)),
    "indices, floats": replaced("indices", np.arange(5.0)),
    "indices, 2-D": replaced("indices", np.arange(5)[np.newaxis]),
    "indices, written": written("values.indices", 300),
    "indptr, large": replaced("indptr", np.array([0, 1, 2, 3, 4, 10**8])),
    "indptr, in the middle": replaced("indptr", np.array([0, 1, 10**8, 3, 4, 5])),
    "indptr, wrapped": replaced("indptr", np.array([*WRAPPED[:3], 3, 4, 5])),
    "indptr, wrapped in 32 bits": replaced("indptr", WRAPPED_32),
    "indptr, from 1": replaced("indptr", np.array([1, 1, 2, 3, 4, 5])),
    "indptr, fewer": replaced("indptr", np.array([0, 5])),
    "indptr, floats": replaced("indptr", np.arange(6.0)),
    "indptr, written": written("values.indptr", [0, 1, 10**8, 3, 4, 5]),
    "data, fewer": replaced("data", np.ones(3)),
}
READERS = {
    "forward": lambda X: NETWORK.forward(WEIGHTS, X),
    "loss_and_gradient": lambda X: NETWORK.loss_and_gradient(WEIGHTS, X, np.zeros((2, 1))),
    "predict": lambda X: CLASSIFIER.predict(X),
    "activations": lambda X: CLASSIFIER.activations(X),
    "fit": lambda X: LSTMRegressor(solver="sgd", update="sequence", **SMALL).fit(X, [0.0, 1.0]),
    "partial_fit": lambda X: CLASSIFIER.partial_fit(X, ["a", "b"]),
    "streams": lambda X: STREAM.partial_fit(X, [np.zeros(2), np.zeros(3)], continued=True),
    "SequenceSummary": lambda X: SequenceSummary().fit(X).transform(X),
    "SequenceScaler": lambda X: SequenceScaler(MaxAbsScaler()).fit(X).transform(X),
    "the engine": lambda X: ENGINE.forward(ENGINE.pad(WEIGHTS), ENGINE.bind(X)),
}


def use_as_targets(X):
    """Targets at every step, of sequences that are whole."""
    network = Network(9, 9, return_sequences=True)
    network.loss_and_gradient(network.init_weights(0), dense(), X)


def resized(clf):
    """Let NumPy free the weights in the middle of a stream."""
    clf.weights_.resize(3, refcheck=False)


def part_of_network(clf):
    """The same weights for a network that has more of them."""
    clf.network_ = Network(9, 2, n_blocks=2**20)


DAMAGED_MODEL = {
    "weights_, resized": resized,
    "weights_, fewer": lambda clf: setattr(clf, "weights_", clf.weights_[:-1].copy()),
    "weights_, NaN": lambda clf: clf.weights_.fill(np.nan),
    "weights_, a string": lambda clf: setattr(clf, "weights_", "abc"),
    "network_, larger": part_of_network,
    "network_, another loss": lambda clf: setattr(clf, "network_", Network(9, 2, n_blocks=2)),
    "network_, every step": lambda clf: vars(clf.network_).update(return_sequences=True),
    "network_, more outputs": lambda clf: vars(clf.network_).update(n_outputs=10**6),
    "network_, no more inputs": lambda clf: vars(clf.network_).update(n_inputs=1),
    "classes_, fewer": lambda clf: setattr(clf, "classes_", clf.classes_[:1]),
    "_solver_state, fewer": lambda clf: clf._solver_state.arrays.update(second_moment=np.zeros(3)),
    "_solver_state, none": lambda clf: clf._solver_state.arrays.clear(),
    "_solver_state, text": lambda clf: setattr(clf._solver_state, "n_updates", "abc"),
    "_stream, broadcast": lambda clf: setattr(clf, "_stream", State(np.zeros((1, 1)), np.zeros((1, 1)))),
    "_stream, more": lambda clf: setattr(clf, "_stream", State(np.zeros((1, 99)), np.zeros((1, 99)))),
    "n_jobs": lambda clf: setattr(clf, "n_jobs", 2**40),
}
USERS = {"everything": use_classifier, "step": lambda clf: clf.step(DENSE[0][0])}


def use_damaged(make, change, uses):
    """Change what was made and use it, each time anew; use -> what came of it."""

    def call(use):
        it = make()
        change(it)
        use(it)

    return dict(zip(uses, outcomes([partial(call, use) for use in uses.values()])))


def dense():
    """Two sequences."""
    return Sequences(np.eye(5, 9), [0, 2, 5])


def csr():
    """The same."""
    return Sequences(sparse.csr_array(np.eye(5, 9)), [0, 2, 5])


def hands():
    """Change attributes and arrays; object -> change -> use -> what came of it."""
    return {
        kind: {
            name: use_damaged(make, change, uses)
            for name, change in {**changes, "nothing": lambda it: None}.items()
        }
        for kind, make, changes, uses in (
            ("dense", dense, DAMAGED_DENSE, {**READERS, "targets": use_as_targets}),
            ("sparse", csr, DAMAGED_SPARSE, READERS),
            ("model", classifier, DAMAGED_MODEL, USERS),
        )
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    CLASSIFIER, STREAM, ENGINE = classifier(), stream(DENSE), Engine(NETWORK, np.float64)
    for each in ("the engine", "predict"):  # what is made once is there before the children are
        READERS[each](dense())
    command, *arguments = sys.argv[1:]
    json.dump({"flips": flips, "hands": hands}[command](*map(int, arguments)), sys.stdout)
