"""The tasks on which LSTM was tested, from 1997 to the tutorial of 2003.

Each function draws `n_sequences` new sequences of one task of "Long short-term memory", Neural Computation
9(8):1735-1780. The targets have the form that the estimators and `Network` accept:

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

Tasks of later papers, up to Schmidhuber's tutorial (2003), which presents them together; the notes of each
function name its paper:

========================  ============================================================  =====================
function                  task                                                          target
========================  ============================================================  =====================
make_continual_reber      embedded Reber strings without a mark between them (2000)     next symbols per step
make_language             context-free and context-sensitive languages (2001)           next symbols per step
make_language_strings     strings of these languages for given n                        next symbols per step
make_spike_delays         how long ago the last spike was (2002)                        number, at each spike
make_delay_detection      whether the last spike was a certain time ago (2003)          0 or 1, at each spike
make_timed_spikes         a spike at the right time (2002)                              0 or 1, each step
make_periodic             oscillations without an input (2002)                          number, each step
make_spike_gap            counting steps, a limit that section 6 of 1997 names          0 or 1
make_functions            functions to be learned by a frozen network (2001)            value, each step
make_mackey_glass         a chaotic series (2003)                                       value, each step
make_blues                twelve bars of blues (2002)                                   next notes, each step
========================  ============================================================  =====================

`TMaze` and `TwoModePole` (2002) are environments with ``reset()`` and ``step(action)``, as in Gymnasium.

Positions are counted from 1, and ranges include both ends. Symbols are sparse one-hot rows, real-valued
inputs are dense. A Generator or a RandomState given as `random_state` is advanced, so that repeated calls
draw new data. Where a paper does not specify a detail, the notes say what was chosen here.
"""

from sklstm.tasks._chaos import make_mackey_glass
from sklstm.tasks._control import TMaze, TwoModePole
from sklstm.tasks._functions import make_functions
from sklstm.tasks._grammars import (
    REBER_SYMBOLS,
    make_continual_reber,
    make_embedded_reber,
    make_embedded_reber_sets,
    reber_successors,
)
from sklstm.tasks._languages import (
    LANGUAGE_SYMBOLS,
    accepted_strings,
    make_language,
    make_language_strings,
)
from sklstm.tasks._limits import make_delayed_xor, make_parity
from sklstm.tasks._long_lags import make_distractor_lag, make_long_lag, make_random_long_lag
from sklstm.tasks._marked_numbers import make_adding, make_multiplication
from sklstm.tasks._music import BLUES_NOTES, make_blues
from sklstm.tasks._noise import make_two_sequence
from sklstm.tasks._temporal_order import TEMPORAL_ORDER_SYMBOLS, make_temporal_order
from sklstm.tasks._timing import (
    PERIODIC_FORMS,
    make_delay_detection,
    make_periodic,
    make_spike_delays,
    make_spike_gap,
    make_timed_spikes,
)

__all__ = [
    "BLUES_NOTES",
    "LANGUAGE_SYMBOLS",
    "PERIODIC_FORMS",
    "REBER_SYMBOLS",
    "TEMPORAL_ORDER_SYMBOLS",
    "TMaze",
    "TwoModePole",
    "accepted_strings",
    "make_adding",
    "make_blues",
    "make_continual_reber",
    "make_delay_detection",
    "make_delayed_xor",
    "make_distractor_lag",
    "make_embedded_reber",
    "make_embedded_reber_sets",
    "make_functions",
    "make_language",
    "make_language_strings",
    "make_long_lag",
    "make_mackey_glass",
    "make_multiplication",
    "make_parity",
    "make_periodic",
    "make_random_long_lag",
    "make_spike_delays",
    "make_spike_gap",
    "make_temporal_order",
    "make_timed_spikes",
    "make_two_sequence",
    "reber_successors",
]
