"""What it costs to hand sequences to the workers of a GridSearchCV: `Sequences` against a list of arrays.

    python benchmarks/dispatch.py [--sequences 20000] [--json benchmarks/results/dispatch.json]

The estimator does nothing but read X, so that the search costs what scikit-learn and joblib spend on
pickling, copying, splitting and indexing, and the reading of the container. Two processes, 4 settings, 3
folds: 12 fits and their scores. CPU time of all processes, which other work on the machine disturbs less than
the time on the wall; each search starts its processes, what that takes is the first row. The containers take
turns; the median of 3.
"""

import argparse
import json
import os
import pickle
import time

import joblib
import numpy as np
import sklearn
from joblib.externals.loky import get_reusable_executor
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV

import sklstm
from sklstm import Sequences
from sklstm._sequences import as_sequences  # how the estimators read X


class Reader(ClassifierMixin, BaseEstimator):
    """Reads X as the estimators do, and learns nothing."""

    def __init__(self, setting=0):
        self.setting = setting

    def fit(self, X, y):
        as_sequences(X)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(as_sequences(X)), self.classes_[0])


def pickled(X):
    """Seconds and bytes of one pickle, buffers left where they are."""
    start = time.perf_counter()
    stream = pickle.dumps(X, protocol=5, buffer_callback=lambda buffer: None)
    return time.perf_counter() - start, len(stream)


def search(X, y):
    """CPU seconds of a search over 4 settings and 3 folds in two processes, and seconds on the wall."""
    wall, before = time.perf_counter(), os.times()
    GridSearchCV(Reader(), {"setting": [0, 1, 2, 3]}, cv=3, n_jobs=2, refit=False).fit(X, y)
    wall = time.perf_counter() - wall
    get_reusable_executor().shutdown(wait=True)  # the time of a child counts when it has ended
    return sum(os.times()[:4]) - sum(before[:4]), wall


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sequences", type=int, default=20_000)
    parser.add_argument("--json")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    lengths = rng.integers(10, 91, options.sequences)
    flat = Sequences.from_lengths(rng.normal(size=(lengths.sum(), 10)), lengths)
    y = rng.integers(0, 2, options.sequences)
    data = {
        "6 sequences": (flat[:6], np.arange(6) % 2),
        "Sequences": (flat, y),
        "list": ([x.copy() for x in flat], y),
        "3-D array, NaN-padded": (flat.to_padded(), y),
    }
    print(f"sklstm {sklstm.__version__}, scikit-learn {sklearn.__version__}, joblib {joblib.__version__}")
    print(f"{len(flat)} sequences, {flat.n_steps} steps, {flat.values.nbytes / 1e6:.0f} MB")
    seconds = {name: [] for name in data}
    for _ in range(3):
        for name, (X, targets) in data.items():
            seconds[name].append(search(X, targets))
    rows = []
    print(f"{'X':<24}{'CPU s':>10}{'wall s':>10}{'pickle s':>10}{'bytes without buffers':>24}")
    for name, (X, _) in data.items():
        pickle_seconds, n_bytes = pickled(X)
        cpu, wall = np.median(seconds[name], axis=0)
        print(f"{name:<24}{cpu:>10.2f}{wall:>10.2f}{pickle_seconds:>10.4f}{n_bytes:>24}")
        rows.append(
            {
                "X": name,
                "cpu_seconds": round(cpu, 2),
                "wall_seconds": round(wall, 2),
                "pickle_seconds": round(pickle_seconds, 5),
                "pickle_bytes_without_buffers": n_bytes,
            }
        )
    if options.json:
        result = {"version": sklstm.__version__, "sequences": len(flat), "steps": flat.n_steps, "rows": rows}
        with open(options.json, "w") as file:
            json.dump(result, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
