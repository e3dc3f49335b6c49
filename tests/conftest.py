"""Settings of the whole suite."""

import os
import random
import zlib

os.environ.setdefault("MPLBACKEND", "Agg")  # figures without a screen

import hypothesis
import numpy as np
import pytest

import sklstm
from sklstm import _cpu

# Another global seed, of `make test-seeds`. Without it every run of the suite draws the same.
SEED = os.environ.get("SKLSTM_TEST_SEED")

# No deadline: a slow machine is not a failure. The blob reproduces a failing example.
hypothesis.settings.register_profile(
    "sklstm", deadline=None, print_blob=True, derandomize=SEED is None, database=None
)
hypothesis.settings.load_profile("sklstm")


@pytest.fixture(autouse=True)
def global_seeds(request):
    """Seed the generators of Python and NumPy by the name of the test: no run fails by chance.

    A test that draws from them all the same has forgotten a random_state, unless it is marked.
    """
    seed = zlib.crc32(f"{request.node.nodeid} {SEED}".encode())
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - what scikit-learn draws from if random_state is None
    before = global_generators()
    yield
    if request.node.get_closest_marker("draws_globally") is None:
        assert global_generators() == before, "drawn from a global generator: a random_state is missing"


WAYS = {level: (level, True) for level in _cpu.levels()} | {"not in registers": (_cpu.levels()[-1], False)}


@pytest.fixture(params=WAYS)
def each_level(request):
    """Run the test on every CPU level that this processor has, and on one without the path in registers."""
    level, registers = WAYS[request.param]
    with _cpu.use_level(level, registers):
        yield level


def global_generators():
    """State of the generators that are drawn from where no seed is given."""
    _, keys, position, *_ = np.random.get_state()  # noqa: NPY002
    return random.getstate(), keys.tobytes(), position


def pytest_report_header():
    """Say which build is tested, on which CPU level, and with which global seed."""
    return (
        f"sklstm {sklstm.__version__}: {sklstm.__file__}, SKLSTM_TEST_SEED={SEED}",
        f"CPU level: {_cpu.level()} (SKLSTM_ISA); tests of each level run {', '.join(WAYS)}",
    )


# ------------------------------------------------------------------------------------------------
# clusters of tests/test_dask*.py


@pytest.fixture(scope="module")
def client():
    """Two processes, whose client is the default."""
    from dask_cases import PATIENT, cluster, dask

    with dask.config.set(PATIENT), cluster(2, is_default=True) as client:
        yield client


@pytest.fixture
def one_worker():
    """A thread of this process."""
    from dask_cases import cluster

    with cluster(1, processes=False) as client:
        yield client


@pytest.fixture
def one_process():
    """A process of its own, of this test alone."""
    from dask_cases import cluster

    with cluster(1) as client:
        yield client
