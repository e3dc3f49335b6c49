"""What is compiled into the package: without vector code a wheel would be right, and much slower."""

import platform
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from sklstm import _cpu

IS_X86 = platform.machine().lower() in ("x86_64", "amd64")
LEVELS = {1: 16, 3: 32, 4: 64} if IS_X86 else {1: 16}  # and bytes of a vector
DTYPES = {32: np.float32, 64: np.float64}
FUSED = r"\bvfn?m(add|sub)\d+p[sd]\s.*%{}mm"
INSTRUCTIONS = {  # on x86-64: which there must be many of, and which there must not be
    1: (r"\b(mul|add)p[sd]\s.*%xmm", r"%[yz]mm"),
    3: (FUSED.format("y"), r"%zmm"),
    4: (FUSED.format("z"), None),
}

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" and find_spec("sklstm._core_f32_v3") is None,
    reason="Microsoft's compiler has no vector extensions: its wheels compute one number at a time",
)


@pytest.mark.parametrize("bits", DTYPES)
@pytest.mark.parametrize("level", LEVELS)
def test_each_level_has_its_module(level, bits):
    assert find_spec(f"sklstm._core_f{bits}_v{level}")


@pytest.mark.parametrize("bits", DTYPES)
def test_vectors_are_as_wide_as_the_level(bits, each_level):
    level = {name: number for number, name in _cpu.NAMES.items()}[each_level]
    assert _cpu.core(DTYPES[bits]).LANES_OF_A_VECTOR * bits == 8 * LEVELS[level]


@pytest.mark.parametrize("bits", DTYPES)
@pytest.mark.parametrize("level", LEVELS)
def test_instructions_are_those_of_the_level(level, bits):
    if sys.platform != "linux" or not IS_X86 or shutil.which("objdump") is None:
        pytest.skip("needs objdump, on Linux and x86-64")
    module = find_spec(f"sklstm._core_f{bits}_v{level}").origin
    command = ["objdump", "--section-headers", "--disassemble", module]
    code = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    least = 100 if ".debug_info" in code else 200  # a debug build is not unrolled
    wanted, unknown = INSTRUCTIONS[level]
    assert len(re.findall(wanted, code)) > least
    if unknown is not None:
        assert not re.search(unknown, code)
