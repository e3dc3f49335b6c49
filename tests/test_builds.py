"""What the kernel computes, to the bit: in both builds, on every CPU level, and as the digests have it.

    python -P tests/test_builds.py

writes digests.txt and digests_unfused.txt anew: run it after a change that is meant to give other bits.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

import sklstm
from sklstm import LSTMRegressor, Network, _cpu

# by whether the level has fused multiply-add
DIGESTS = {
    True: Path(__file__).with_name("digests.txt"),
    False: Path(__file__).with_name("digests_unfused.txt"),
}
NETWORKS = {
    "1997": {
        "n_blocks": 2,
        "block_size": 2,
        "forget_gate": False,
        "recurrence": "all",
        "cell_input_activation": "logistic[-2,2]",
        "cell_output_activation": "logistic[-1,1]",
        "output_activation": "logistic",
    },
    "peepholes": {"n_blocks": 5, "block_size": 3, "peepholes": True, "n_hidden_units": 3, "shortcut": True},
    # as many units as a register holds, and one more; each gate present and absent
    "four cells": {"n_blocks": 4, "return_sequences": True, "output_activation": "logistic"},
    "five cells": {"n_blocks": 5, "forget_gate": False, "recurrence": "all", "gate_bias": False},
    "three gates": {"n_blocks": 2, "block_size": 4, "recurrence": "all", "return_sequences": True},
    "nine cells": {
        "n_blocks": 3,
        "block_size": 3,
        "output_gate": False,
        "cell_output_activation": "identity",
    },
    "no recurrence": {"n_blocks": 1, "block_size": 5, "recurrence": "none", "forget_gate": False},
    "no input gate": {"n_blocks": 7, "input_gate": False, "cell_input_activation": "identity"},
    "cells alone": {"n_blocks": 12, "input_gate": False, "forget_gate": False, "output_gate": False},
    "wide": {"n_blocks": 70, "output_activation": "softmax", "return_sequences": True},
}


class AsTheyAre(LSTMRegressor):
    """Learns targets in the users' units, whatever the outputs: the bits are those of the kernel alone."""

    def _scaling_of(self, network, data, weights):
        return None


LEARNING = {
    "on-line": {"solver": "sgd", "update": "sequence", "gradient": "full"},
    "real time": {"solver": "sgd", "update": "step", "gradient": "truncated", "momentum": 0.5},
    "adam": {"solver": "adam", "update": "batch", "clip": 1.0, "alpha": 0.01},
}


def computed():
    """Name and numbers of everything that the kernel computes, on nets small and wide, in both dtypes.

    No product is large enough for BLAS, whose bits depend on the machine.
    """
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(n, 9)) * (rng.random((n, 9)) < 0.5) for n in rng.integers(1, 20, 40)]
    for dtype in (np.float32, np.float64):
        dense = [x.astype(dtype) for x in arrays]
        for form, X in (("dense", dense), ("sparse", [sparse.csr_array(x) for x in dense])):
            for name, architecture in NETWORKS.items():
                net = Network(9, 2, **architecture)
                w = net.init_weights(1, init_range=0.4).astype(dtype)
                every_step = net.return_sequences
                y = [rng.random((len(x), 2)) for x in arrays] if every_step else rng.random((len(arrays), 2))
                results = {"forward": net.forward(w, X)}
                for gradient in ("truncated", "full"):
                    results[gradient] = net.loss_and_gradient(w, X, y, gradient=gradient)[1]
                for way, options in LEARNING.items():
                    model = AsTheyAre(
                        **architecture, **options, max_iter=2, learning_rate=0.01, random_state=0
                    )
                    results[way] = model.partial_fit(X, y).weights_
                for what, result in results.items():
                    numbers = np.concatenate([np.ravel(part) for part in result])
                    yield f"{name}, {what}, {form}, {np.dtype(dtype).name}", numbers


@cache
def computed_at(level, registers=True):
    """The same by the name, computed at a CPU level, with or without the path in registers."""
    with _cpu.use_level(level, registers):
        return dict(computed())


def digests(level, registers=True):
    """Lines of a name and a digest."""
    return [
        f"{name}: {hashlib.sha256(numbers.tobytes()).hexdigest()[:16]}"
        for name, numbers in computed_at(level, registers).items()
    ]


def fuses(level):
    """Whether products and sums are fused at a CPU level."""
    with _cpu.use_level(level):
        return _cpu.core(np.float64).FUSES


FUSED = [level for level in _cpu.levels() if fuses(level)]


@pytest.mark.parametrize("registers", [True, False], ids=["registers", "rows"])
@pytest.mark.parametrize("level", _cpu.levels())
def test_every_level_gives_the_bits_that_are_kept(level, registers):
    kept = DIGESTS[fuses(level)].read_text().splitlines()
    actual = digests(level, registers)
    with _cpu.use_level(level):
        scalar = _cpu.core(np.float64).LANES_OF_A_VECTOR == 1
    if scalar:  # no vectors: products of wide networks are left to BLAS
        kept, actual = ([line for line in lines if not line.startswith("wide, ")] for lines in (kept, actual))
    assert actual == kept


@pytest.mark.skipif(not FUSED, reason="no CPU level with fused multiply-add runs here")
@pytest.mark.parametrize("level", [level for level in _cpu.levels() if level not in FUSED])
def test_the_level_without_fma_is_near(level):
    expected = computed_at(FUSED[-1])
    actual = computed_at(level)
    assert actual.keys() == expected.keys()
    assert digests(level) != digests(FUSED[-1])  # another level did run
    for name, numbers in actual.items():
        tolerance = {"float32": 1e-4, "float64": 1e-9}[name.rpartition(" ")[2]]
        assert_allclose(numbers, expected[name], rtol=tolerance, atol=tolerance, err_msg=name)


def test_both_builds_give_the_same_bits():
    other = os.environ.get("SKLSTM_DEBUG_BUILD")
    if not other:
        pytest.skip("SKLSTM_DEBUG_BUILD does not name a second build; `make test` makes one")
    script = (
        "import test_builds; print(test_builds.sklstm.__file__)\n"
        "for level in test_builds._cpu.levels(): print(level, *test_builds.digests(level), sep='\\n')"
    )
    path = os.pathsep.join([other, str(Path(__file__).parent)])
    result = subprocess.run(
        [sys.executable, "-P", "-c", script],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    file, *lines = result.stdout.splitlines()
    assert Path(file).is_relative_to(other)
    assert not Path(sklstm.__file__).is_relative_to(other)
    assert lines == [line for level in _cpu.levels() for line in (level, *digests(level))]
    assert len(lines) == len(_cpu.levels()) * (1 + 24 * len(NETWORKS))


@pytest.mark.parametrize("command", [["-c", "import sklstm"], ["-m", "sklstm.paper", "list"]], ids=" ".join)
def test_a_source_without_a_build_says_what_to_do(command, tmp_path):
    """In the root of a clone Python finds ./sklstm before the installed package."""
    ours = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(Path(__file__).parents[1] / "sklstm", tmp_path / "sklstm", ignore=ours)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    result = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stdout == ""
    *_, error = result.stderr.splitlines()
    assert error.startswith(f"ImportError: sklstm was imported from {tmp_path / 'sklstm'}, ")
    assert "`pip install .`" in error
    assert "`pip install --editable .`" in error
    assert "During handling" not in result.stderr


if __name__ == "__main__":
    for level in _cpu.levels():
        DIGESTS[fuses(level)].write_text("".join(f"{line}\n" for line in digests(level)))
    if not FUSED:
        sys.exit(f"No CPU level with fused multiply-add runs here: {DIGESTS[True].name} is as it was.")
