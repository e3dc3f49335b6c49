"""
Handwritten digits, read row by row
===================================

Each image of scikit-learn's digits is a sequence of eight time steps, its rows, with eight features, the
grey levels. `LSTMClassifier` with no argument is cross-validated in a pipeline beside logistic regression
on all pixels at once. The figure shows how learning went, and what the gates, states and cells do while
one digit is read.
"""

# %%
# The data as a pipeline sees it: scaled pixels, then sequences of shape (8 steps, 8 features).

import sys
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

X, y = load_digits(return_X_y=True)
if "--quick" in sys.argv:
    X, y = X[:300], y[:300]


def rows_as_steps(pixels):
    return pixels.reshape(-1, 8, 8)


lstm = make_pipeline(MinMaxScaler(), FunctionTransformer(rows_as_steps), LSTMClassifier())
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
    print(
        f"fold {number}/{len(folds)}  LSTM {pair[0]:.3f}  logistic regression {pair[1]:.3f}  "
        f"{spent:.1f} s, {spent / number * (len(folds) - number):.0f} s left",
        flush=True,
    )
mean, spread = np.mean(scores, axis=0), np.std(scores, axis=0)
print(f"\n{'accuracy':<22}{'mean':>8}{'spread over folds':>20}")
print(f"{'LSTMClassifier()':<22}{mean[0]:>8.4f}{spread[0]:>20.4f}")
print(f"{'LogisticRegression':<22}{mean[1]:>8.4f}{spread[1]:>20.4f}")

# %%
# One net in detail. `activations` gives every gate, state and cell over time; `step` reads one row after
# the other and tells what the net would answer so far.

train, test = folds[0]
sequences = MinMaxScaler().fit(X[train]).transform(X).reshape(-1, 8, 8)
clf = LSTMClassifier(early_stopping=True, random_state=0).fit(sequences[train], y[train])
digit = sequences[test[np.flatnonzero(clf.predict(sequences[test]) == y[test])[0]]]
trace = clf.activations(digit[np.newaxis])[0]
so_far = np.array([clf.step(row) for row in digit])

figure = plt.figure(figsize=(11, 6), layout="constrained")
above, below = figure.subfigures(2, 1)
learning, pixels, answer = above.subplots(1, 3, width_ratios=[1.6, 1, 1])
learning.semilogy(np.arange(1, clf.n_iter_ + 1), clf.loss_curve_, color="C0", label="training loss")
learning.set(xlabel="epoch", ylabel="log loss [nats]", title="Learning")
accuracy = learning.twinx()
accuracy.plot(np.arange(1, clf.n_iter_ + 1), clf.validation_scores_, color="C1", label="accuracy, held out")
accuracy.set_ylabel("accuracy")
learning.legend(handles=[learning.lines[0], accuracy.lines[0]], loc="center right")

order = np.argsort(trace["cell_state"][-1])  # blocks in the order of their last state
gates = {"cmap": "viridis", "vmin": 0, "vmax": 1}
panels = [
    (pixels, digit, "The digit: a row a step", {"cmap": "gray_r", "vmin": 0}),
    (answer, so_far, "P(class) so far", gates),
]
blocks = below.subplots(1, 5, sharey=True)
for axis, (name, style) in zip(
    blocks,
    {
        "input_gate": gates,
        "forget_gate": gates,
        "cell_state": {"cmap": "RdBu", "vmin": -2, "vmax": 2},
        "output_gate": gates,
        "cell": {"cmap": "RdBu", "vmin": -1, "vmax": 1},
    }.items(),
    strict=True,
):
    panels.append((axis, trace[name][:, order], name.replace("_", " ") + "s", style))
    axis.set_xlabel("memory block")
for axis, values, title, style in panels:
    image = axis.imshow(values, aspect="auto", interpolation="nearest", **style)
    axis.set_title(title)
    axis.figure.colorbar(image, ax=axis, shrink=0.8)
pixels.set(xlabel="pixel of the row", ylabel="time step")
answer.set(xlabel="class", xticks=range(10))
blocks[0].set_ylabel("time step")
figure.savefig("digits.png", dpi=100)
print("\nfigure: digits.png")
