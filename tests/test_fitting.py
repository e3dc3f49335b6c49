"""When learning ends, goes on, fails or is interrupted; what weights and random numbers do to it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.class_weight import compute_class_weight

from sklstm import LSTMClassifier, LSTMRegressor, _estimators

# Most fits here are short; where convergence matters, the test asks for the warning or its absence.
pytestmark = pytest.mark.filterwarnings("ignore:Learning has not converged")

SMALL = {"n_blocks": 3, "max_iter": 5, "random_state": 0}


def ragged(n, seed=0, n_features=2):
    """Sequences of 2 to 6 steps."""
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, size=(T, n_features)) for T in rng.integers(2, 7, n)]


def sums(X):
    """One target a sequence."""
    return np.array([x.sum() for x in X])


def signs(X):
    """One of three labels a sequence."""
    return np.array(["down", "even", "up"])[[int(np.sign(x[0, 0].round(1))) + 1 for x in X]]


def running(X):
    """One target a step."""
    return [x.cumsum(axis=0)[:, 0] for x in X]


def running_signs(X):
    """One of two labels a step."""
    return [np.where(y > 0, "up", "down") for y in running(X)]


# An estimator and the targets that it learns.
LEARNERS = {
    "classifier": (LSTMClassifier(**SMALL), signs),
    "regressor": (LSTMRegressor(**SMALL), sums),
    "classifier of steps": (LSTMClassifier(return_sequences=True, **SMALL), running_signs),
    "regressor of steps": (LSTMRegressor(return_sequences=True, **SMALL), running),
}


@pytest.fixture(params=LEARNERS)
def learner(request):
    """A fresh estimator and its targets."""
    estimator, targets = LEARNERS[request.param]
    return clone(estimator), targets


def same_outputs(a, b):
    """Whether two predictions are the same to the bit."""
    if a.dtype == object:
        return len(a) == len(b) and all(map(np.array_equal, a, b))
    return np.array_equal(a, b)


# ------------------------------------------------------------------------------------------------
# the end


def test_learning_ends_when_the_loss_no_longer_falls():
    X = ragged(20)
    options = {"n_blocks": 3, "tol": 0.02, "n_iter_no_change": 4, "random_state": 0}
    reg = LSTMRegressor(max_iter=1000, **options)
    with pytest.warns(None) if False else _no_warning():
        reg.fit(X, sums(X))
    losses = reg.loss_curve_
    assert 5 < reg.n_iter_ == len(losses) < 1000
    assert [stops(losses[: n + 1], 0.02, 4) for n in range(len(losses))].index(True) == len(losses) - 1


def stops(values, tol, patience):
    """Whether the last `patience` values are no better than what came before, by `tol`."""
    best, since = np.inf, 0
    for value in values:
        since = 0 if value < best - tol else since + 1
        best = min(best, value)
    return since >= patience


@pytest.mark.parametrize("solver", ["adam", "sgd", "rprop", "lbfgs"])
def test_a_warning_if_max_iter_ends_it(solver):
    X = ragged(20)
    reg = LSTMRegressor(n_blocks=3, solver=solver, max_iter=4, tol=0, random_state=0)
    with pytest.warns(ConvergenceWarning, match="not converged after max_iter=4 epochs"):
        reg.fit(X, sums(X))
    assert reg.n_iter_ == len(reg.loss_curve_) == 4
    assert reg.validation_scores_ == []
