"""Builds the kernel; everything else is in pyproject.toml.

SKLSTM_DEBUG=1 checks bounds and assertions. SKLSTM_BASELINE=1 optimises as ever. Both leave out what
is for AVX-512: _avx512.h, and that version of the primitives in _simd.h.
"""

import os
import platform
import shutil
import sys

from setuptools import Extension, setup

debug = os.environ.get("SKLSTM_DEBUG") == "1"
baseline = os.environ.get("SKLSTM_BASELINE") == "1"

# A directory for each kind of build, made afresh: no old C, header or module gets into a wheel.
stage = "build/stage-" + ("debug" if debug else "baseline" if baseline else "release")
shutil.rmtree(stage, ignore_errors=True)

if sys.platform == "win32":
    flags = ["/Od", "/UNDEBUG"] if debug else ["/O2"]
else:  # never -ffast-math (denormals of the whole process), never -march=native (wheels travel)
    # fused multiply-add where _simd.h asks for processors that have it, and nowhere else
    fuses = sys.platform == "linux" and platform.machine() == "x86_64"
    flags = ["-fopenmp-simd", "-fno-trapping-math", "-fno-math-errno"]
    flags += ["-ffp-contract=fast" if fuses else "-ffp-contract=off"]
    flags += ["-O2", "-g", "-UNDEBUG"] if debug else ["-O3", "-g0"]

directives = {
    "language_level": 3,
    "boundscheck": debug,
    "wraparound": False,
    "initializedcheck": debug,
    "nonecheck": debug,
    "cdivision": True,
    "freethreading_compatible": True,
}

kernel = Extension(
    "sklstm._core",
    ["sklstm/_core.pyx"],
    depends=[f"sklstm/{name}.h" for name in ("_simd", "_rows", "_avx512", "_gemm", "_small", "_wide")],
    include_dirs=["sklstm"],
    define_macros=[("SKLSTM_NO_AVX512", None)] if debug or baseline else [],
    extra_compile_args=flags,
)

setup(
    ext_modules=[kernel],
    options={
        "build": {"build_base": stage},
        "build_ext": {"cython_c_in_temp": True, "cython_directives": directives},
    },
)
