"""kill -9, full disks, no memory: what tests/crashes.py finds, with few moments."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of processes are Linux's")


def crashes(*arguments):
    """What tests/crashes.py writes."""
    script = Path(__file__).with_name("crashes.py")
    done = subprocess.run(
        [sys.executable, "-P", script, *map(str, arguments)],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture(autouse=True)
def callbacks(request):
    if "runner" not in request.node.name and "memory" not in request.node.name:
        pytest.importorskip("sklearn.callback", reason="callbacks need scikit-learn 1.9")


def assert_fits_survive(n, seed):
    result = crashes("fit", n, seed)
    assert result["kills"] >= n
    for counts in result["of"].values():
        assert counts["differ"] == counts["unreadable"] == 0
    assert sum(counts["fits"] for counts in result["of"].values()) > 1


def assert_runners_survive(n, seed):
    result = crashes("runner", n, seed)
    assert result["kills"] >= n
    assert result["differ"] == 0


def assert_memory_errors(n, seed):
    result = crashes("memory", n, seed)
    assert result["others"] == []
    assert result["MemoryError"] > n / 2


def test_killed_fits():
    assert_fits_survive(6, seed=1)


def test_killed_runner():
    assert_runners_survive(1, seed=1)


def test_limits_of_memory():
    assert_memory_errors(12, seed=1)


def test_full_disk():
    found = crashes("disk")
    assert found == {"save": "OSError", "fit": ["RuntimeWarning"], "epochs": 2, "kept": True, "loads": 2}


@pytest.mark.slow
def test_a_hundred_moments():
    assert_fits_survive(100, seed=2)
    assert_runners_survive(100, seed=2)
    assert_memory_errors(50, seed=2)
