"""What the tests of `sklstm.dask` share: partitions, and clusters of this machine.

Workers import this file for the functions that load, because the folder of the tests is on their path.
"""

import logging
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from sklstm import LSTMClassifier

dask = pytest.importorskip("dask", reason="needs dask: pip install sklstm[dask]")
distributed = pytest.importorskip("distributed", reason="needs distributed: pip install sklstm[dask]")

MARKS = [
    pytest.mark.draws_globally,  # dask spreads its retries
    pytest.mark.filterwarnings("default"),  # of other packages
    pytest.mark.filterwarnings("ignore:Learning has not converged"),
    pytest.mark.filterwarnings("ignore:Learning stopped after"),
    pytest.mark.filterwarnings("ignore:.* partitions have fewer than"),
]
HERE = {
    "threads_per_worker": 1,
    "host": "127.0.0.1",
    "protocol": "tcp://",  # the loopback interface also inside this process
    "dashboard_address": "127.0.0.1:0",
    "silence_logs": logging.CRITICAL,
}
# A LocalCluster gives up workers that are away this long after an earlier loss.
PATIENT = {"distributed.deploy.lost-worker-timeout": "1 hour"}
SMALL = {"n_blocks": 3, "max_iter": 4, "tol": 0, "random_state": 0}


@contextmanager
def cluster(n_workers, is_default=False, **options):
    """Client of a new cluster on this machine."""
    with distributed.LocalCluster(n_workers=n_workers, **HERE | options) as local:
        with distributed.Client(local, set_as_default=is_default) as client:
            yield client


def sequences(i, n=40, dtype=np.float64):
    rng = np.random.default_rng(i)
    return [rng.normal(size=(T, 2)).astype(dtype) for T in rng.integers(3, 9, n)]


def labelled(i, n=40, dtype=np.float64):
    X = sequences(i, n, dtype)
    return X, np.digitize([x[:, 0].sum() for x in X], [-1, 1])


def running(i):
    """Running sums of two channels of different size, far from zero, some of them missing."""
    X = [x * [1, 100] for x in sequences(i)]
    y = [1e3 * (i + 1) + x.cumsum(axis=0) for x in X]
    rng = np.random.default_rng(i)
    return X, [np.where(rng.uniform(size=t.shape) < 0.2, np.nan, t) for t in y]


def union(load, numbers, **options):
    """What `fit` gets in the place of the partitions."""
    parts = [load(i, **options) for i in numbers]
    y = [target for part in parts for target in part[1]]
    return [x for part in parts for x in part[0]], y if np.ndim(y[0]) else np.array(y)


def delayed(load, numbers, **options):
    return [dask.delayed(load)(i, **options) for i in numbers]


def classifier(**options):
    return LSTMClassifier(**SMALL | options)


def long_ones(i, n=12):
    """Sequences of which some partitions have longer ones than others, and counts."""
    rng = np.random.default_rng(i)
    X = [rng.normal(size=(T, 2)) for T in rng.integers(20, 50 + 20 * i, n)]
    return X, np.array([np.abs(x[:, 0]).sum() // 5 for x in X])


def labelled_as_numbers(i):
    X, y = labelled(i)
    return X, y.astype(float)


def tables(i):
    rng = np.random.default_rng(i)
    X = rng.normal(size=(20, 6))
    return X, (X.sum(axis=1) > 0).astype(int)


def counts(i):
    X, y = labelled(i)
    return X, np.random.default_rng(i).poisson(1.0 + y)


def weighted(i, twice):
    X, y = labelled(i)
    return (X + X, np.append(y, y)) if twice else (X, y, np.full(len(X), 2.0))


def one_class(i):
    X, y = union(labelled, range(3))
    keep = np.flatnonzero(y == i)[: 10 + 5 * i]
    return [X[k] for k in keep], y[keep]


def several(i):
    X, y = labelled(i)
    return X, np.column_stack([y > 0, y > 1]).astype(int)


def of_steps(i):
    X, y = running(i)
    return X, [np.where(np.isnan(t[:, 0]), None, t[:, 0] > 1e3 * (i + 1)) for t in y]


def named(i):
    import pandas

    X, y = labelled(i)
    return [pandas.DataFrame(x, columns=["a", "b"]) for x in X], pandas.Series(y).map(
        {0: "x", 1: "y", 2: "z"}
    )


def noted(i, path):
    with Path(path).open("a") as file:
        file.write(f"{i}\n")
    time.sleep(0.1)  # both workers load
    return labelled(i, 400, np.float32)


def missing(path):
    raise FileNotFoundError(path)
