"""Long Short-Term Memory as scikit-learn estimators for sequences."""

from importlib import import_module

from sklstm._displays import (
    ActivationsDisplay,
    LossCurveDisplay,
    StepConfusionDisplay,
    WeightsDisplay,
)
from sklstm._estimators import LSTMClassifier, LSTMRegressor
from sklstm._inspection import cross_val_predict_steps, permutation_importance, step_scorer
from sklstm._kernel import State
from sklstm._network import Network
from sklstm._preprocessing import (
    LSTMEncoder,
    PerTimeStep,
    SequenceOneHotEncoder,
    SequencePadder,
    SequenceScaler,
    SequenceSummary,
)
from sklstm._sequences import Sequences
from sklstm._side_by_side import side_by_side

__all__ = [
    "ActivationsDisplay",
    "LSTMClassifier",
    "LSTMEncoder",
    "LSTMRegressor",
    "LossCurveDisplay",
    "Network",
    "PerTimeStep",
    "SequenceOneHotEncoder",
    "SequencePadder",
    "SequenceScaler",
    "SequenceSummary",
    "Sequences",
    "State",
    "StepConfusionDisplay",
    "WeightsDisplay",
    "cross_val_predict_steps",
    "paper",
    "permutation_importance",
    "side_by_side",
    "step_scorer",
    "tasks",
]
__version__ = "0.1.0"


def __getattr__(name):
    if name in ("paper", "tasks"):  # imported when they are asked for
        return import_module(f"sklstm.{name}")
    raise AttributeError(f"module 'sklstm' has no attribute {name!r}")
