"""Accuracy of the estimator without arguments on handwritten digits whose pixels are in other units.

``python benchmarks/input_scale.py`` prints, for each factor, the mean accuracy over five splits, with a fifth
of the digits to score.
"""

import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from sklstm import LSTMClassifier

FACTORS = {"raw, 0 to 16": 1.0, "0 to 1": 1 / 16, "0 to 255": 255 / 16}
SEEDS = 5


def accuracy(factor, seed):
    """Accuracy on the fifth that is held out."""
    X, y = load_digits(return_X_y=True)
    X = factor * X.reshape(-1, 8, 8)  # a row of pixels is a time step
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=seed)
    return LSTMClassifier(random_state=seed).fit(X, y).score(X_test, y_test)


def main():
    """Measure and print."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name, factor in FACTORS.items():
        scores = [accuracy(factor, seed) for seed in range(SEEDS)]
        print(f"{name:<14}{np.mean(scores):.4f} ± {np.std(scores):.4f}", flush=True)


if __name__ == "__main__":
    main()
