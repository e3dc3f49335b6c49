"""What the kernel sees when it is called: threads of BLAS, and calls at the same time."""

import threading
from functools import partial

from threadpoolctl import threadpool_info

from sklstm import _cpu

# those of large and of small networks
CORES = {_cpu.core(dtype, n_units) for dtype in ("float32", "float64") for n_units in (None, 1)}
KERNEL = ("forward", "gradient", "train", "train_steps")


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


class Watch:
    """Looks at each call of the kernel: threads of BLAS, and calls at the same time."""

    def __init__(self):
        self.seen, self.active, self.most, self.lock = set(), 0, 0, threading.Lock()

    def call(self, original, *arguments):
        with self.lock:
            self.active += 1
            self.most = max(self.most, self.active)
        try:
            self.seen.update(blas_threads())
            return original(*arguments)
        finally:
            with self.lock:
                self.active -= 1

    def wrapped(self):
        """Modules, names and functions to put in the place of the kernel's."""
        return [(core, name, partial(self.call, getattr(core, name))) for core in CORES for name in KERNEL]
