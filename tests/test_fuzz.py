"""Whole calls drawn at random, for a few seconds, and the cases in which faults were found."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="cases are made in a forked process")

SECONDS = 6
# lengths were refused in the name of offsets; a dtype that is none, without a name;
# streams without end, made one by one; L-BFGS that finds a gradient of zero
KEPT = [20, 2427, 102395, 103322]


def fuzz(*arguments, path):
    """What tests/fuzz.py writes."""
    script = Path(__file__).with_name("fuzz.py")
    command = [sys.executable, "-W", "ignore", script, *map(str, arguments), "--json", path]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    print(done.stdout)
    return json.loads(path.read_text())


def test_a_few_seconds(tmp_path):
    first = 1000 * int(os.environ.get("SKLSTM_TEST_SEED", "0"))
    result = fuzz("--seed", first, "--seconds", SECONDS, "--cases", 100, path=tmp_path / "result.json")
    assert result["failed"] == {}
    assert result["calls"] > 20


@pytest.mark.parametrize("seed", KEPT)
def test_seeds_of_faults(seed, tmp_path):
    assert fuzz("--seed", seed, "--cases", 1, path=tmp_path / "result.json")["failed"] == {}
