"""Long Short-Term Memory as scikit-learn estimators for sequences."""

from importlib import import_module

try:
    import_module("sklstm._cpu")
except ModuleNotFoundError as error:
    if not (error.name or "").startswith("sklstm._core"):
        raise
    raise ImportError(
        f"sklstm was imported from {__path__[0]}, which is its source without the compiled kernel "
        f"{error.name}. Either `pip install .` beside that folder, and run Python in another one (or as "
        "`python -P`), so that it finds the installed package; or `pip install --editable .`, which compiles "
        "the kernel into that folder."
    ) from None

from sklstm._attribution import occlusion_importance
from sklstm._displays.activations import ActivationsDisplay
from sklstm._displays.error_flow import ErrorFlowDisplay
from sklstm._displays.input_importance import InputImportanceDisplay
from sklstm._displays.loss_curve import LossCurveDisplay
from sklstm._displays.step_confusion import StepConfusionDisplay
from sklstm._displays.weights import WeightsDisplay
from sklstm._engine.states import State
from sklstm._error_flow import error_flow
from sklstm._estimators.checkpoint import Checkpoint
from sklstm._estimators.classifier import LSTMClassifier
from sklstm._estimators.nested import pipeline_step
from sklstm._estimators.regressor import LSTMRegressor
from sklstm._export import from_keras, from_torch, to_keras, to_onnx, to_torch
from sklstm._inspection import cross_val_predict_steps, permutation_importance, stack_steps, step_scorer
from sklstm._network import Network
from sklstm._preprocessing import (
    LSTMEncoder,
    PerTimeStep,
    SequenceImputer,
    SequenceOneHotEncoder,
    SequencePadder,
    SequencePatcher,
    SequenceScaler,
    SequenceSummary,
)
from sklstm._sequences import Sequences
from sklstm._transformed import TransformedStepTargetRegressor

__all__ = [
    "ActivationsDisplay",
    "Checkpoint",
    "ErrorFlowDisplay",
    "InputImportanceDisplay",
    "LSTMClassifier",
    "LSTMEncoder",
    "LSTMRegressor",
    "LossCurveDisplay",
    "Network",
    "PerTimeStep",
    "SequenceImputer",
    "SequenceOneHotEncoder",
    "SequencePadder",
    "SequencePatcher",
    "SequenceScaler",
    "SequenceSummary",
    "Sequences",
    "State",
    "StepConfusionDisplay",
    "TransformedStepTargetRegressor",
    "WeightsDisplay",
    "cross_val_predict_steps",
    "error_flow",
    "from_keras",
    "from_torch",
    "occlusion_importance",
    "paper",
    "permutation_importance",
    "pipeline_step",
    "stack_steps",
    "step_scorer",
    "tasks",
    "to_keras",
    "to_onnx",
    "to_torch",
]
__version__ = "0.2.0"


def __getattr__(name):
    if name in ("paper", "tasks"):  # imported when they are asked for
        return import_module(f"sklstm.{name}")
    raise AttributeError(f"module 'sklstm' has no attribute {name!r}")
