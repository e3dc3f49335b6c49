"""Long Short-Term Memory as scikit-learn estimators for sequences."""

from sklstm._estimators import LSTMClassifier, LSTMRegressor
from sklstm._kernel import State
from sklstm._network import Network
from sklstm._sequences import Sequences

__all__ = ["LSTMClassifier", "LSTMRegressor", "Network", "Sequences", "State"]
__version__ = "0.1.0"
