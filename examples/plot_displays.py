"""
Five pictures of a model
========================

Three lamps flash at random times, with noise, and at every time step the network has to name the lamp that
flashed last. Four memory blocks are enough. The displays show how the task is solved: the learning curve,
gates and cells while one sequence is read, the reasons for one answer, all weights, and which lamps are
confused, and when. Every display has ``from_estimator``, also for a pipeline that ends in an estimator of
this library.
"""

# %%
# Each lamp flashes with a probability of 5 % per step; before the first flash the answer is "none".

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import (
    ActivationsDisplay,
    InputImportanceDisplay,
    LossCurveDisplay,
    LSTMClassifier,
    StepConfusionDisplay,
    WeightsDisplay,
)

plt.style.use("sklstm.pictures")
parser = argparse.ArgumentParser(description="Five pictures of a model")
parser.add_argument("--quick", action="store_true", help="two epochs only")
arguments = parser.parse_args()

LAMPS = np.array(["A", "B", "C", "none"])


def flashes(n, rng):
    """Sequences of brightnesses (n_steps, 3) and, at each step, the lamp that flashed last."""
    X, y = [], []
    for length in rng.integers(40, 61, n):
        lamp = rng.choice(4, size=length, p=[0.05, 0.05, 0.05, 0.85])
        last = np.maximum.accumulate(np.where(lamp < 3, np.arange(length), -1))
        X.append(np.eye(4)[lamp, :3] + rng.normal(scale=0.2, size=(length, 3)))
        y.append(LAMPS[np.where(last < 0, 3, lamp[last])])
    return X, y


rng = np.random.default_rng(0)
X, y = flashes(400, rng)
X_test, y_test = flashes(200, rng)
clf = LSTMClassifier(
    n_blocks=4,
    return_sequences=True,
    early_stopping=True,
    n_iter_no_change=20,
    max_iter=2 if arguments.quick else 150,
    random_state=0,
)
clf.fit(X, y)
print(f"{clf.n_iter_} epochs, accuracy on test sequences {clf.score(X_test, y_test):.3f}")

# %%
# The learning curve: the loss on the training sequences, and the accuracy on those that were held out.

LossCurveDisplay.from_estimator(clf).figure_.savefig("loss_curve.png")

# %%
# One sequence over time. A flash opens input gates and closes forget gates for one step: the old content of
# the cells is deleted, and the new flash is stored.

display = ActivationsDisplay.from_estimator(clf, X_test[0], feature_names=LAMPS[:3])
display.figure_.savefig("activations.png")

# %%
# The reasons for the last answer: the last flash supports its lamp, and nothing before it has an effect.

display = InputImportanceDisplay.from_estimator(clf, X_test[0], feature_names=LAMPS[:3])
display.figure_.savefig("input_importance.png")

# %%
# The weights: rows are units, and columns are their sources.

WeightsDisplay.from_estimator(clf, feature_names=LAMPS[:3]).figure_.savefig("weights.png")

# %%
# The answers for each true class, at each time step.

display = StepConfusionDisplay.from_estimator(clf, X_test, y_test)
display.figure_.savefig("confusion_over_time.png")
print("figures: loss_curve, activations, input_importance, weights, confusion_over_time (.png)")
