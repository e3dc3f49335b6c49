"""What the core itself allows, measured here: the chain of a small network's step, and the speed of sgemm."""

import os
import shlex
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import workloads
from scipy.linalg.blas import sgemm

SHAPES = (
    (1024, 1024, 1024),
    (2048, 512, 64),
    (2048, 512, 512),
    (512, 640, 2048),
)  # (m, k, n) of the products
MARCH = {"baseline": "x86-64", "avx2": "x86-64-v3", "avx512": "x86-64-v4", None: "native"}


def chain(n_cells, dtype, level=None):
    """Nanoseconds of a time step that does nothing but what the next step waits for."""
    source = Path(__file__).with_name("limits.c")
    real = {"float32": "float", "float64": "double"}[dtype]
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "limits"
        flags = ["-O3", "-Wno-psabi", f"-march={MARCH[level]}", f"-DREAL={real}", f"-DCELLS={n_cells}"]
        compiler = shlex.split(os.environ.get("CC", "cc"))
        subprocess.run([*compiler, *flags, str(source), "-o", str(program)], check=True)
        return float(subprocess.run([program], check=True, capture_output=True, text=True).stdout)


def gemm_speed():
    """Floating-point operations a nanosecond of SciPy's sgemm in one thread, at the best of some shapes."""
    best = 0.0
    for m, k, n in SHAPES:
        a, b = np.ones((m, k), np.float32, order="F"), np.ones((k, n), np.float32, order="F")
        for _ in range(8):
            start = time.process_time_ns()
            sgemm(1.0, a, b)
            best = max(best, 2 * m * k * n / max(time.process_time_ns() - start, 1))
    return best


def operations(size, gradient=None):
    """Floating-point operations of the matrix products in a time step of one sequence.

    Forward, and for learning the products that give the weights' gradients, and with the full gradient those
    that carry errors back along the recurrent weights. Nothing flows back to the inputs of the first layer.
    """
    products = 2 * 4 * size.n_cells * (size.n_inputs + size.n_cells)
    back = 2 * 4 * size.n_cells * size.n_cells
    return products * (1 if gradient is None else 2) + back * (gradient == "full")


def measure(names, level=None):
    """Limits by the names that rows have, in nanoseconds of their unit; of a CPU level if it is not None."""
    limits, speed = {}, None
    for name in sorted(names):
        kind, *rest = name.split()
        if kind == "chain":
            limits[name] = chain(int(rest[0]), rest[1], level)
            continue
        speed = speed or gemm_speed()
        if kind in workloads.BATCHES:
            limits[name] = operations(workloads.BATCHES[kind], rest[0]) / speed
        else:
            limits[name] = operations(workloads.PREDICT) / speed
    if speed:
        limits["sgemm, GFLOP/s"] = speed
    return limits
