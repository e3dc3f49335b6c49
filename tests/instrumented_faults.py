"""A fault on purpose, which a sanitizer must report: `.ci/instrumented` makes it before all tests.

    python -P tests/instrumented_faults.py race        # two threads in one workspace
    python -P tests/instrumented_faults.py overflow    # the first byte behind a work array

Ends with 0 if nothing was reported.
"""

import ctypes
import sys
from contextlib import contextmanager

import numpy as np


def race():
    """Lend one workspace to all threads of a prediction."""
    from sklstm import LSTMRegressor
    from sklstm._engine.batches import WorkspacePool

    shared = {}

    @contextmanager
    def lend(pool):
        yield shared.setdefault(pool.size, pool._make())

    X = np.random.default_rng(0).normal(size=(4000, 20, 3))
    reg = LSTMRegressor(n_blocks=8, max_iter=1, random_state=0).fit(X[:10], X[:10, 0, 0])
    WorkspacePool.lend = lend
    reg.set_params(n_jobs=2).predict(X)


def overflow():
    """Write one byte too many."""
    import instrumented_arrays  # noqa: F401 - no slack behind the arrays of the kernel
    from sklstm import _cpu

    core = _cpu._module(1, "float64")
    array = core.zeros(16)
    spare = core.LANES_OF_A_VECTOR * array.itemsize  # the kernel counts on it
    ctypes.memset(array.ctypes.data, 0, array.nbytes + spare + 1)


if __name__ == "__main__":
    {"race": race, "overflow": overflow}[sys.argv[1]]()
