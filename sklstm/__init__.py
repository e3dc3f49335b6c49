"""Long Short-Term Memory as scikit-learn estimators for sequences."""

from importlib import import_module

from sklstm._displays import (
    ActivationsDisplay,
    LossCurveDisplay,
    StepConfusionDisplay,
    WeightsDisplay,
)
from sklstm._estimators import LSTMClassifier, LSTMRegressor
from sklstm._kernel import State
from sklstm._network import Network
from sklstm._sequences import Sequences

__all__ = [
    "ActivationsDisplay",
    "LSTMClassifier",
    "LSTMRegressor",
    "LossCurveDisplay",
    "Network",
    "Sequences",
    "State",
    "StepConfusionDisplay",
    "WeightsDisplay",
    "paper",
    "tasks",
]
__version__ = "0.1.0"


def __getattr__(name):
    if name in ("paper", "tasks"):  # imported when they are asked for
        return import_module(f"sklstm.{name}")
    raise AttributeError(f"module 'sklstm' has no attribute {name!r}")
