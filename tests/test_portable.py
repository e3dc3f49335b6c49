"""The C of the kernel without Python, as tests/portable.c prints it: digests, in two families of bits.

`make test-platforms` runs the same program from other compilers and C libraries, and on emulated processors.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sklstm import _cpu

HERE = Path(__file__).parent
KERNEL = HERE.parent / "sklstm" / "_kernel"
FLAGS = ["-O3", "-ffp-contract=off", "-fno-trapping-math", "-fno-math-errno", "-Wno-psabi"]
LEVELS = {"baseline": (16, []), "avx2": (32, ["-march=x86-64-v3"]), "avx512": (64, ["-march=x86-64-v4"])}

compiler = shutil.which("gcc") or shutil.which("cc")
pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or compiler is None, reason="needs a C compiler like GCC"
)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("level", ["one number at a time", *_cpu.levels()])
def test_bits_are_those_that_are_kept(level, bits, tmp_path):
    vector_bytes, flags = LEVELS.get(level, (0, []))
    program = tmp_path / "portable"
    defines = [f"-DREAL_BITS={bits}", f"-DVECTOR_BYTES={vector_bytes}", f"-I{KERNEL}"]
    command = [compiler, *FLAGS, *flags, *defines, HERE / "portable.c", "-o", program, "-lm"]
    subprocess.run(command, check=True)
    lines = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    kept = (HERE / "portable.txt").read_text().splitlines()
    family = lines[0].split()[0]
    assert lines == [line for line in kept if line.startswith(f"{family} {bits} ")]
