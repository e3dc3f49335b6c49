"""The kernel for this processor: one compiled module for each type and CPU level, chosen at import.

``SKLSTM_ISA=avx2`` in the environment selects a level below that of the processor: "baseline", "avx2" or
"avx512". ``SKLSTM_REGISTERS=0`` computes single sequences of small networks like all others, not in
registers. The bits are the same; tests check this.
"""

import os
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec

import numpy as np

NAMES = {1: "baseline", 3: "avx2", 4: "avx512"}
AVX2_BYTES = 32


@cache
def _module(level, dtype):
    return import_module(f"sklstm._core_f{8 * np.dtype(dtype).itemsize}_v{level}")


def _available():
    """Levels that are built and that this processor supports, the lowest first."""
    # Only the baseline is imported here: a module may fail on a processor that lacks its level.
    supported = _module(1, "float32").SUPPORTED_LEVEL
    built = [level for level in NAMES if find_spec(f"sklstm._core_f32_v{level}")]
    return [level for level in built if level <= supported]


def _level_of(name):
    levels = [level for level, known in NAMES.items() if known == name]
    if not levels:
        raise ImportError(f"SKLSTM_ISA must be one of {list(NAMES.values())}, got {name!r}.")
    return max(level for level in _available_levels if level <= levels[0])


_available_levels = _available()
_level = _level_of(os.environ.get("SKLSTM_ISA") or NAMES[max(_available_levels)])
_registers = os.environ.get("SKLSTM_REGISTERS") != "0"


def levels():
    """Names of the levels that can run here, the lowest first."""
    return [NAMES[level] for level in _available_levels]


def level():
    """Name of the level in use."""
    return NAMES[_level]


def in_use():
    """Level and paths in use, on which a new engine depends."""
    return level(), _registers


def core(dtype, n_units=None):
    """The compiled kernel for a dtype and a network with at most `n_units` units of each kind, if known.

    Half a vector of AVX-512 takes as long as a whole one, and its latency is longer than with AVX2. Networks
    whose units fit into one vector of AVX2 are therefore computed with AVX2. The bits are the same.
    """
    fits = n_units is not None and n_units * np.dtype(dtype).itemsize <= AVX2_BYTES
    return _module(3 if _level == 4 and fits and 3 in _available_levels else _level, dtype)


@contextmanager
def use_level(name, registers=True):
    """Context in which another level is in use, with or without the path in registers, for all threads."""
    global _level, _registers
    before = _level, _registers
    _level, _registers = _level_of(name), registers
    try:
        yield
    finally:
        _level, _registers = before
