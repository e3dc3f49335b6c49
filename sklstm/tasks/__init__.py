"""Generators of the sequences on which Hochreiter & Schmidhuber (1997) tested LSTM.

Each function makes `n_sequences` new sequences of one task of "Long short-term memory", Neural Computation
9(8):1735-1780, the targets in the form that the estimators and `Network` take:

========================  ============================================================  =====================
function                  task                                                          target
========================  ============================================================  =====================
make_embedded_reber       Experiment 1, the embedded Reber grammar                      next symbol, each step
make_long_lag             Experiment 2a, the same symbols between two that match        next symbol, each step
make_random_long_lag      Experiment 2b, random symbols between two that match          next symbol, each step
make_distractor_lag       Experiment 2c, the second symbol of a long string             x or y
make_two_sequence         Experiments 3a, 3b, 3c, the sign of the first elements        one number
make_adding               Experiment 4, the sum of two marked numbers                   one number
make_multiplication       Experiment 5, the product of two marked numbers               one number
make_temporal_order       Experiments 6a, 6b, the order of two or three symbols         class
make_delayed_xor          section 6, a task that the truncated gradient does not learn  0 or 1
make_parity               section 6, a task for guessing weights                        0 or 1
========================  ============================================================  =====================

Positions are counted from 1, and ranges include both ends. Symbols are sparse one-hot rows, real-valued
inputs are dense. A Generator or a RandomState given as `random_state` is advanced, so that repeated calls
make new data. "Reading" in the notes marks what the paper leaves open.
"""

from sklstm.tasks._grammars import (
    REBER_SYMBOLS,
    make_embedded_reber,
    make_embedded_reber_sets,
    reber_successors,
)
from sklstm.tasks._limits import make_delayed_xor, make_parity
from sklstm.tasks._long_lags import make_distractor_lag, make_long_lag, make_random_long_lag
from sklstm.tasks._marked_numbers import make_adding, make_multiplication
from sklstm.tasks._noise import make_two_sequence
from sklstm.tasks._temporal_order import TEMPORAL_ORDER_SYMBOLS, make_temporal_order

__all__ = [
    "REBER_SYMBOLS",
    "TEMPORAL_ORDER_SYMBOLS",
    "make_adding",
    "make_delayed_xor",
    "make_distractor_lag",
    "make_embedded_reber",
    "make_embedded_reber_sets",
    "make_long_lag",
    "make_multiplication",
    "make_parity",
    "make_random_long_lag",
    "make_temporal_order",
    "make_two_sequence",
    "reber_successors",
]
