"""What the core itself allows: the chain of a small network's step, the speed of sgemm and of squashing."""

import os
import shlex
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import workloads
from scipy.linalg.blas import sgemm

from sklstm._cpu import level as sklstm_level

SHAPES = (
    (1024, 1024, 1024),
    (2048, 512, 64),
    (2048, 512, 512),
    (512, 640, 2048),
)  # (m, k, n) of the products
MARCH = {"baseline": "x86-64", "avx2": "x86-64-v3", "avx512": "x86-64-v4", None: "native"}
LANES = {"baseline": 4, "avx2": 8, "avx512": 16}  # numbers of a vector, in float32


def chain(n_cells, dtype, level=None):
    """Nanoseconds of a time step that does nothing but what the next step waits for."""
    real = {"float32": "float", "float64": "double"}[dtype]
    return _run(f"-march={MARCH[level]}", f"-DREAL={real}", f"-DCELLS={n_cells}")


def squashing(level):
    """Nanoseconds of a squashing function, if none waits for another; float32."""
    return _run(f"-march={MARCH[level]}", "-DREAL=float", "-DSQUASHING", f"-DLANES={LANES[level]}")


def _run(*flags):
    """Number that limits.c prints if it is compiled with these flags."""
    source = Path(__file__).with_name("limits.c")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "limits"
        compiler = shlex.split(os.environ.get("CC", "cc"))
        command = [*compiler, "-O3", "-Wno-psabi", *flags, str(source), "-o", str(program)]
        subprocess.run(command, check=True)
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
    """Limits by the names that rows have, in nanoseconds of their unit.

    `level` is the CPU level to which all systems are held, or None; ours then takes the highest level.
    """
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
            squashed = 5 * workloads.PREDICT.n_cells * squashing(level or sklstm_level())
            limits[name] = operations(workloads.PREDICT) / speed + squashed
    if speed:
        limits["sgemm, GFLOP/s"] = speed
    return limits
