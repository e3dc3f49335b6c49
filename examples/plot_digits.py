"""
Handwritten digits, read row by row
===================================

Each image of scikit-learn's digits is a sequence of eight time steps, its rows, with eight features, the
grey levels. `LSTMClassifier` with its defaults is cross-validated in a pipeline, and compared with logistic
regression on all pixels. The figure shows the answer of the network after each row of one digit, and the
states of its memory cells.
"""

# %%
# In the pipeline, the pixels are scaled, and then reshaped to sequences of shape (8 steps, 8 features).

import argparse
import time
import warnings

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler

from sklstm import LSTMClassifier

parser = argparse.ArgumentParser(description="Handwritten digits, read row by row")
parser.add_argument("--quick", action="store_true", help="300 images instead of 1797")
n_images = 300 if parser.parse_args().quick else 1797
X, y = (part[:n_images] for part in load_digits(return_X_y=True))


def rows_as_steps(pixels):
    return pixels.reshape(-1, 8, 8)


lstm = make_pipeline(MinMaxScaler(), FunctionTransformer(rows_as_steps), LSTMClassifier(random_state=0))
linear = make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=1000))

# %%
# Shuffled, stratified five-fold cross-validation.

warnings.simplefilter("ignore", ConvergenceWarning)
folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y))
scores, start = [], time.perf_counter()
for number, (train, test) in enumerate(folds, start=1):
    pair = [clone(model).fit(X[train], y[train]).score(X[test], y[test]) for model in (lstm, linear)]
    scores.append(pair)
    spent = time.perf_counter() - start
    left = spent / number * (len(folds) - number)
    done = f"fold {number}/{len(folds)}  LSTM {pair[0]:.3f}  logistic regression {pair[1]:.3f}"
    print(f"{done}  {spent:.1f} s, {left:.0f} s left", flush=True)
mean, spread = np.mean(scores, axis=0), np.std(scores, axis=0)
print(f"\n{'accuracy':<22}{'mean':>8}{'spread over folds':>20}")
print(f"{'LSTMClassifier()':<22}{mean[0]:>8.4f}{spread[0]:>20.4f}")
print(f"{'LogisticRegression':<22}{mean[1]:>8.4f}{spread[1]:>20.4f}")

# %%
# One network in detail: `activations` returns every gate, state and cell over time; `step` reads one row
# after the other and returns the answer so far.

train, test = folds[0]
sequences = MinMaxScaler().fit(X[train]).transform(X).reshape(-1, 8, 8)
clf = LSTMClassifier(early_stopping=True, random_state=0).fit(sequences[train], y[train])
digit = sequences[test[np.flatnonzero(clf.predict(sequences[test]) == y[test])[0]]]
trace = clf.activations(digit[np.newaxis])[0]
so_far = np.array([clf.step(row) for row in digit])

order = np.argsort(trace["cell_state"][-1])  # blocks in the order of their last state
panels = {
    "The digit, one row per time step": (digit, "gray_r", 0, 1, "pixel of the row"),
    "Probability of each class so far": (so_far, "viridis", 0, 1, "class"),
    "States of the memory cells": (trace["cell_state"][:, order], "RdBu_r", -2, 2, "memory block"),
}
plt.style.use("sklstm.pictures")
figure, axes = plt.subplots(1, 3, figsize=(10, 3), sharey=True, width_ratios=[1, 1.2, 1.6])
for axis, (title, (values, colours, low, high, label)) in zip(axes, panels.items(), strict=True):
    image = axis.imshow(values, cmap=colours, vmin=low, vmax=high)
    axis.set(title=title, xlabel=label)
    figure.colorbar(image, ax=axis)
axes[0].set_ylabel("time step")
axes[1].set_xticks(range(10))
figure.savefig("digits.png")
print("\nfigure: digits.png")
