"""Builds the kernel; everything else is in pyproject.toml.

_core.pyx is compiled once for each type and CPU level, and `sklstm._cpu` chooses at import. SKLSTM_DEBUG=1
checks bounds and assertions; SKLSTM_LEVELS="1 3" builds some of the levels, for tests; SKLSTM_SYMBOLS=1 keeps
the names of functions, for profilers and sanitizers.
"""

import os
import runpy
import shutil
import sys
import sysconfig
from pathlib import Path

import numpy as np
from setuptools import Extension, setup

debug = os.environ.get("SKLSTM_DEBUG") == "1"

# What is built for: the target as the interpreter knows it, not the machine that builds.
target = os.environ.get("_PYTHON_HOST_PLATFORM", sysconfig.get_platform()).rpartition("-")[2]
x86 = target in ("x86_64", "amd64", "win-amd64")
msvc = sys.platform == "win32" and "clang" not in os.environ.get("CC", "")

# Level: flags, bytes of a vector. The first is the baseline, the one that asks the processor.
LEVELS = {1: ([], 16)}
if msvc:  # no vector extensions: one number at a time
    LEVELS = {1: ([], 0)}
elif x86:
    LEVELS |= {3: (["-march=x86-64-v3"], 32), 4: (["-march=x86-64-v4"], 64)}
elif target in ("i686", "i386"):
    LEVELS = {1: (["-msse2", "-mfpmath=sse"], 16)}

if wanted := os.environ.get("SKLSTM_LEVELS"):
    LEVELS = {int(level): LEVELS[int(level)] for level in wanted.split()}

if msvc:
    common = ["/Od", "/UNDEBUG"] if debug else ["/O2"]
else:  # products and sums are fused where it says fma; never -ffast-math, never -march=native
    common = ["-ffp-contract=off", "-fno-trapping-math", "-fno-math-errno"]
    common += ["-O2", "-g", "-UNDEBUG"] if debug else ["-O3", "-g0"]

# Without what only debuggers and profilers read, and without gaps between sections: a sixth of a module.
symbols = debug or os.environ.get("SKLSTM_SYMBOLS") == "1"
small, small_link = [], []
if sys.platform == "linux" and not symbols:
    small, small_link = ["-fno-asynchronous-unwind-tables"], ["-Wl,-s", "-Wl,-z,noseparate-code"]

# What Cython calls inline is inlined: the step of a memory block stays in registers.
inline = [] if debug or msvc else [("CYTHON_INLINE", "inline __attribute__((always_inline))")]

# Less code around the kernel: tracebacks without lines of C, and Python's own functions read its integers.
lean = [("CYTHON_CLINE_IN_TRACEBACK", 0), ("CYTHON_USE_PYLONG_INTERNALS", 0)]

numpy_api = [("NPY_NO_DEPRECATED_API", "NPY_1_25_API_VERSION")]

# A directory for each kind of build, made afresh: no old C, header or module gets into a wheel. Each module
# has a source of its own there, as Cython names what it writes after it.
stage = Path("build") / ("stage-debug" if debug else "stage-release")
shutil.rmtree(stage, ignore_errors=True)
(stage / "source").mkdir(parents=True)


def module(bits, level):
    """Extension for one type and one CPU level."""
    flags, vector_bytes = LEVELS[level]
    name = f"_core_f{bits}_v{level}"
    source = stage / "source" / f"{name}.pyx"
    shutil.copyfile("sklstm/_core.pyx", source)
    return Extension(
        f"sklstm.{name}",
        [str(source)],
        depends=[str(path) for path in Path("sklstm/_kernel").iterdir()],
        include_dirs=["sklstm/_kernel", np.get_include()],
        define_macros=[("REAL_BITS", bits), ("VECTOR_BYTES", vector_bytes), *numpy_api, *lean, *inline],
        extra_compile_args=[*common, *small, *flags],
        extra_link_args=small_link,
    )


directives = {
    "language_level": 3,
    "boundscheck": debug,
    "wraparound": False,
    "initializedcheck": debug,
    "nonecheck": debug,
    "cdivision": True,
    "auto_pickle": False,  # its classes hold pointers
}

# README.md with links that work on a package index, too.
long_description = runpy.run_path("packaging/long_description.py")["long_description"]()

setup(
    long_description=long_description,
    long_description_content_type="text/markdown",
    ext_modules=[module(bits, level) for level in LEVELS for bits in (32, 64)],
    options={
        "build": {"build_base": str(stage)},
        "build_ext": {
            "cython_directives": directives,
            "cython_include_dirs": ["."],  # for sklstm/_kernel/*.pxd: this directory need not be on the path
            "parallel": os.cpu_count(),
        },
    },
)
