"""Sequences of different lengths: any container in, one flat array and its offsets out.

The only room that knows containers: below it X is a `Sequences`, and there is no padding.
"""

from sklstm._sequences.back import as_container
from sklstm._sequences.container import Sequences, as_sequences
from sklstm._sequences.reading import is_table, plain
from sklstm._sequences.symbols import as_symbols
from sklstm._sequences.targets import (
    as_output_weights,
    as_step_targets,
    as_target_weights,
    check_ids,
    other_reading,
    split_steps,
)

__all__ = [
    "Sequences",
    "as_container",
    "as_output_weights",
    "as_sequences",
    "as_step_targets",
    "as_symbols",
    "as_target_weights",
    "check_ids",
    "is_table",
    "other_reading",
    "plain",
    "split_steps",
]
