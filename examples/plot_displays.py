"""
Five pictures of a model
========================

Three lamps flash now and then, among noise, and at every time step the net has to name the lamp that flashed
last. Four memory blocks are enough, and the displays show how: the learning curve, what gates and cells do
while one sequence is read, what one answer rests on, all weights, and which lamps are confused when. Every
display has ``from_estimator``, also for a pipeline that ends in an estimator of this library.
"""

# %%
# The lamps flash with a probability of 5 % each step; before the first flash the answer is "none".

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
# Learning: the loss on the training sequences, and the accuracy on those that `early_stopping` held out.

LossCurveDisplay.from_estimator(clf).figure_.savefig("loss_curve.png")

# %%
# One sequence over time. A flash opens input gates and closes forget gates for a step: what the cells held
# goes, and the new flash comes in.

display = ActivationsDisplay.from_estimator(clf, X_test[0], feature_names=LAMPS[:3])
display.figure_.savefig("activations.png")

# %%
# What the last answer rests on: the last flash speaks for its lamp, and nothing before it does.

display = InputImportanceDisplay.from_estimator(clf, X_test[0], feature_names=LAMPS[:3])
display.figure_.savefig("input_importance.png")

# %%
# The weights: rows are units, columns what they read.

WeightsDisplay.from_estimator(clf, feature_names=LAMPS[:3]).figure_.savefig("weights.png")

# %%
# What is answered to each true class, time step by time step.

display = StepConfusionDisplay.from_estimator(clf, X_test, y_test)
display.figure_.savefig("confusion_over_time.png")
print("figures: loss_curve, activations, input_importance, weights, confusion_over_time (.png)")
