"""Work arrays without slack, for the build with AddressSanitizer: the first byte behind an array is poisoned.

`.ci/instrumented asan` imports it first (`-p instrumented_arrays` of pytest, or from tests/fuzz.py).
"""

import ctypes
import weakref

import numpy as np

from sklstm import _cpu

libc = ctypes.CDLL(None)
libc.posix_memalign.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t, ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]


def zeros_of(core):
    """`zeros` of a compiled module with nothing behind but the spare vector that the kernel counts on."""
    dtype = core.zeros(1).dtype
    spare = core.LANES_OF_A_VECTOR * dtype.itemsize

    def zeros(*shape):
        n_bytes = int(np.prod(shape)) * dtype.itemsize
        at = ctypes.c_void_p()
        if libc.posix_memalign(ctypes.byref(at), 64, n_bytes + spare):
            raise MemoryError
        ctypes.memset(at.value, 0, n_bytes + spare)
        raw = (ctypes.c_byte * n_bytes).from_address(at.value)
        weakref.finalize(raw, libc.free, at.value).atexit = False
        return np.frombuffer(raw, dtype).reshape(shape)

    return zeros


for level in _cpu._available_levels:
    for each in (np.float32, np.float64):
        module = _cpu._module(level, each)
        module.zeros = zeros_of(module)
