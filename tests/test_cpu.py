"""Which compiled kernel is in use: one for each type and CPU level."""

import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec, module_from_spec

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from sklstm import _cpu
from sklstm._engine.engine import Engine
from topologies import EVERYTHING, GRADIENTS, make_problem

NAMES = list(_cpu.NAMES.values())


def imported_anew():
    """What an import of the module would give in another process."""
    spec = find_spec("sklstm._cpu")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_the_variable_chooses_a_level_or_the_highest_below_it(name, monkeypatch):
    monkeypatch.setenv("SKLSTM_ISA", name)
    below = [known for known in _cpu.levels() if NAMES.index(known) <= NAMES.index(name)]
    assert imported_anew().level() == below[-1]


@pytest.mark.parametrize("name", NAMES)
def test_a_processor_without_vectors_runs_the_baseline(name, monkeypatch):
    with _cpu.use_level("baseline"):
        monkeypatch.setattr(_cpu.core(np.float32), "SUPPORTED_LEVEL", 1)
    monkeypatch.setenv("SKLSTM_ISA", name)
    cpu = imported_anew()
    assert cpu.levels() == ["baseline"]
    assert cpu.level() == "baseline"
    assert cpu.core(np.float64).__name__ == "sklstm._core_f64_v1"


def test_without_the_variable_the_highest_level_is_in_use(monkeypatch):
    monkeypatch.delenv("SKLSTM_ISA", raising=False)
    assert imported_anew().level() == _cpu.levels()[-1]
    monkeypatch.setenv("SKLSTM_ISA", "")
    assert imported_anew().level() == _cpu.levels()[-1]


@pytest.mark.parametrize(("name", "code"), [("baseline", 0), ("sse9", 1)])
def test_import_reads_the_variable(name, code):
    result = subprocess.run(
        [sys.executable, "-P", "-c", "from sklstm import _cpu; print(_cpu.level())"],
        env=os.environ | {"SKLSTM_ISA": name},
        capture_output=True,
        text=True,
    )
    assert result.returncode == code
    assert result.stdout == ("" if code else "baseline\n")
    if code:
        error = result.stderr.splitlines()[-1]
        assert error == "ImportError: SKLSTM_ISA must be one of ['baseline', 'avx2', 'avx512'], got 'sse9'."


def test_use_level_restores():
    before = _cpu.level()
    with _cpu.use_level("baseline"):
        assert _cpu.level() == "baseline"
        with _cpu.use_level(_cpu.levels()[-1]):
            assert _cpu.level() == _cpu.levels()[-1]
        assert _cpu.level() == "baseline"
    assert _cpu.level() == before
    with pytest.raises(KeyError), _cpu.use_level("baseline"):
        raise KeyError
    assert _cpu.level() == before
    with pytest.raises(ImportError, match="SKLSTM_ISA must be one of"), _cpu.use_level("sse9"):
        pass
    assert _cpu.level() == before


def test_the_level_is_that_of_the_modules(each_level):
    assert _cpu.level() == each_level
    number = {name: number for number, name in _cpu.NAMES.items()}[each_level]
    for dtype in (np.float32, np.float64):
        core = _cpu.core(dtype)
        assert core.__name__ == f"sklstm._core_f{8 * np.dtype(dtype).itemsize}_v{number}"
        assert core.DTYPE == dtype


@pytest.mark.parametrize("n_blocks", [2, 17])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_and_dense_inputs_give_the_same_bits(dtype, n_blocks, each_level):
    problem = make_problem(replace(EVERYTHING, n_blocks=n_blocks), [9, 1, 5])
    X = [np.where(x > 0, x, 0).astype(dtype) for x in problem.X]
    dense = replace(problem, X=X, weights=problem.weights.astype(dtype))
    some = replace(dense, X=[sparse.csr_array(x) for x in X])
    assert dense.forward()[0].dtype == dtype
    assert_array_equal(some.forward()[0], dense.forward()[0])
    for gradient in GRADIENTS:
        loss, flat, _ = some.loss_and_gradient(gradient)
        assert loss == dense.loss_and_gradient(gradient)[0]
        assert_array_equal(flat, dense.loss_and_gradient(gradient)[1])


def test_the_path_in_registers_can_be_switched_off(monkeypatch):
    level, one_block = _cpu.level(), replace(EVERYTHING, n_blocks=1, n_hidden_units=1)  # fits any vector
    for registers in (True, False):
        with _cpu.use_level(level, registers):
            assert _cpu.in_use() == (level, registers)
            assert Engine(one_block, np.float64).layout["in_registers"] is registers
    monkeypatch.setenv("SKLSTM_REGISTERS", "0")
    assert imported_anew().in_use()[1] is False
    monkeypatch.delenv("SKLSTM_REGISTERS")
    assert imported_anew().in_use()[1] is True
