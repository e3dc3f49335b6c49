"""Sequences of different lengths: any container becomes one flat array with offsets.

Only this folder reads containers: the code below it gets X as `Sequences`, without padding.
"""

from sklstm._sequences.back import as_container
from sklstm._sequences.container import Sequences, as_sequences
from sklstm._sequences.order import check_ids, warn_of_order
from sklstm._sequences.reading import is_table, plain
from sklstm._sequences.targets import as_step_targets, masked_steps, read_steps, read_targets, split_steps
from sklstm._sequences.weights import read_weights, with_missing

__all__ = [
    "Sequences",
    "as_container",
    "as_sequences",
    "as_step_targets",
    "check_ids",
    "is_table",
    "masked_steps",
    "plain",
    "read_steps",
    "read_targets",
    "read_weights",
    "split_steps",
    "warn_of_order",
    "with_missing",
]
