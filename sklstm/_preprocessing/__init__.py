"""Transformers for sequences: any container in, the same kind of container or a table out."""

from sklstm._preprocessing.encoder import LSTMEncoder
from sklstm._preprocessing.imputer import SequenceImputer
from sklstm._preprocessing.one_hot import SequenceOneHotEncoder
from sklstm._preprocessing.padder import SequencePadder
from sklstm._preprocessing.patcher import SequencePatcher
from sklstm._preprocessing.per_time_step import PerTimeStep, SequenceScaler
from sklstm._preprocessing.summary import SequenceSummary

__all__ = [
    "LSTMEncoder",
    "PerTimeStep",
    "SequenceImputer",
    "SequenceOneHotEncoder",
    "SequencePadder",
    "SequencePatcher",
    "SequenceScaler",
    "SequenceSummary",
]
