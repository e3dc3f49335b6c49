"""Learning, prediction, a step of a stream, import: public names only, so that old commits can run it too."""

import warnings

import numpy as np

from sklstm import LSTMClassifier, LSTMRegressor, Network, Sequences
from sklstm.paper import settings
from sklstm.tasks import make_adding, make_distractor_lag, make_embedded_reber, make_temporal_order


def draw(task, dtype):
    """X and y of a task of 1997, and the row of the paper whose settings are used."""
    if task == "adding":
        return *make_adding(200, 100, dtype=dtype, random_state=0), "4-1"
    if task == "embedded Reber":
        return *make_embedded_reber(400, dtype=dtype, random_state=0), "1-1"
    if task == "2c, sparse":
        return *make_distractor_lag(24, 1000, 1000, dtype=dtype, random_state=0), "2c-5"
    X, y = make_temporal_order(200, 3, dtype=dtype, random_state=0)
    return X, np.eye(8)[np.unique(y, return_inverse=True)[1]], "6b"


class OnLine:
    """An epoch with an update per sequence, the networks of 1997."""

    params = (
        ("adding", "embedded Reber", "temporal order", "2c, sparse"),
        ("truncated", "full"),
        ("float32", "float64"),
    )
    param_names = ("task", "gradient", "dtype")

    def setup(self, task, gradient, dtype):
        self.X, self.y, row = draw(task, dtype)
        changes = {"update": "sequence", "gradient": gradient, "learning_rate": 0.01, "random_state": 0}
        self.model = LSTMRegressor(**settings(row) | changes).partial_fit(self.X, self.y)

    def time_epoch(self, task, gradient, dtype):
        self.model.partial_fit(self.X, self.y)


class Batches:
    """An epoch of Adam in mini-batches of sequences of different lengths, float32."""

    params = ((8, 32, 128, 300), ("truncated", "full"), (1, 2))
    param_names = ("cells", "gradient", "n_jobs")
    timeout = 300

    def setup(self, cells, gradient, n_jobs):
        rng = np.random.default_rng(0)
        lengths = rng.integers(50, 101, 128)
        self.X = Sequences.from_lengths(rng.standard_normal((lengths.sum(), 16), dtype=np.float32), lengths)
        self.y = rng.standard_normal(len(lengths))
        self.model = LSTMRegressor(
            n_blocks=cells,
            n_patches=None,
            gradient=gradient,
            n_jobs=n_jobs,
            batch_size=64,
            learning_rate=0.001,
            random_state=0,
        ).partial_fit(self.X, self.y)

    def time_epoch(self, cells, gradient, n_jobs):
        self.model.partial_fit(self.X, self.y)

    def time_predict(self, cells, gradient, n_jobs):
        self.model.predict(self.X)

    def peakmem_epoch(self, cells, gradient, n_jobs):
        self.model.partial_fit(self.X, self.y)


class OneLong:
    """Gradient of one sequence, by its length."""

    params = ((100, 10_000, 1_000_000), (4, 32))
    param_names = ("steps", "cells")

    def setup(self, steps, cells):
        self.network = Network(2, 1, n_blocks=cells)
        self.weights = self.network.init_weights(0)
        self.X = Sequences.from_lengths(np.random.default_rng(0).uniform(-1, 1, (steps, 2)), [steps])

    def time_gradient(self, steps, cells):
        self.network.loss_and_gradient(self.weights, self.X, np.zeros((1, 1)))


class Stream:
    """One time step of a stream, and learning from 1000 of them."""

    params = ((4, 32, 128), ("float32", "float64"))
    param_names = ("cells", "dtype")

    def setup(self, cells, dtype):
        self.x = np.random.default_rng(0).standard_normal((1000, 8)).astype(dtype)
        self.model = LSTMRegressor(
            n_blocks=cells, gradient="truncated", update="step", return_sequences=True, random_state=0
        ).partial_fit([self.x[:50]], [self.x[:50, 0]], continued=True)
        self.rows = list(self.x[:100])

    def time_100_steps(self, cells, dtype):
        for row in self.rows:
            self.model.step(row)

    def time_learn_1000_steps(self, cells, dtype):
        self.model.partial_fit([self.x], [self.x[:, 0]], continued=True)


class Defaults:
    """`fit` without any argument but the number of epochs."""

    def setup(self):
        rng = np.random.default_rng(0)
        self.X = [rng.standard_normal((n, 3)) for n in rng.integers(20, 60, 200)]
        self.y = [int(x[0, 0] > 0) for x in self.X]

    def time_fit(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            LSTMClassifier(max_iter=5, random_state=0).fit(self.X, self.y)


class Import:
    """Import beyond scikit-learn, in a fresh process."""

    def timeraw_import(self):
        return "import sklstm", "from sklearn.neural_network import MLPClassifier"
