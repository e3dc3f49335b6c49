"""The benchmark beside rivals: its rows, its arrays, and the page of its results. Nothing is timed here."""

import json
import mmap
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sklstm import Network, _cpu

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks" / "rivals"
RESULTS = ROOT / "benchmarks" / "results" / "rivals.json"
MODULES = ("jobs", "workloads", "worker", "ours", "page", "run", "limits", "growth", "hot_spots")


@pytest.fixture(scope="module")
def bench():
    """The modules of the benchmark, which are scripts beside each other, with small workloads."""
    pytest.importorskip("matplotlib")
    sys.path.insert(0, str(FOLDER))
    try:
        modules = SimpleNamespace(**{name: import_module(name) for name in MODULES})
        sizes = modules.workloads
        sizes.ON_LINE = {name: task._replace(n_sequences=6) for name, task in sizes.ON_LINE.items()}
        sizes.BATCHES = {name: sizes.Batches(4, 4, 20, 3, 2) for name in sizes.BATCHES}
        sizes.PREDICT = sizes.Batches(4, 40, 10, 3, 1)
        sizes.SEARCH |= {"n_cells": 2, "rates": [0.01, 0.1], "epochs": 1}
        yield modules
    finally:
        sys.path.remove(str(FOLDER))
        for name in MODULES:
            sys.modules.pop(name, None)


def logistic(x):
    return 1 / (1 + np.exp(-x))


def plain_lstm(x, weights):
    """Activations of the cells after the last step, by the equations."""
    wx, wh, b, *_ = weights
    h = s = np.zeros(len(wh))
    for row in x:
        i, f, o, g = np.split(row @ wx + h @ wh + b, 4)
        s = logistic(f) * s + logistic(i) * np.tanh(g)
        h = logistic(o) * np.tanh(s)
    return h


def test_weights_mean_the_same_in_all_forms(bench):
    network = Network(3, 2, n_blocks=5)
    weights = bench.workloads.initial_weights(3, 5, 2, np.float64)
    vector = bench.ours.flat(network, weights)
    for back, given in zip(bench.ours.common(network, vector), weights, strict=True):
        np.testing.assert_array_equal(back, given)
    x = np.random.default_rng(0).normal(size=(20, 3))
    expected = plain_lstm(x, weights) @ weights[3] + weights[4]
    np.testing.assert_allclose(network.forward(vector, [x])[0], expected, rtol=1e-12, atol=1e-14)


def test_rows_are_whole(bench):
    rows = [row for group in bench.jobs.GROUPS for row in group.rows]
    keys = [(row.name, row.rivals[0].system, row.rivals[0].variant) for row in rows]
    assert len(set(keys)) == len(rows)
    shown = [name for names in bench.page.SECTIONS.values() for name in names]
    assert sorted(shown) == sorted({group.workload for group in bench.jobs.GROUPS})
    for row in rows:
        assert row.ours.system == "sklstm"
        assert row.aim is None or row.aim > row.goal
        assert row.ours not in row.rivals
        assert {rival.dtype for rival in row.rivals} == {row.ours.dtype}
        assert row.limit == "" or row.limit.split()[0] in ("chain", "B1", "B2", "B3", "C1", "C2")


def test_every_like_for_like_row_is_compared(bench):
    for group in bench.jobs.GROUPS:
        for row in group.rows:
            alike = "paper" not in row.name and "truncated" not in row.name
            if alike and row.ours.workload != "F" and row.ours.variant != "classifier":
                assert row.tolerance is not None, row.name


@pytest.mark.parametrize("workload", ["A1", "A2", "A3", "A4", "A5"])
def test_tasks(bench, workload):
    X, targets = bench.workloads.on_line(workload, "float32")
    assert X.dtype == targets.dtype == np.float32
    assert len(targets) == (X.n_steps if bench.workloads.every_step(workload) else len(X))
    assert len(X) == 6
    if workload not in ("A1", "A2"):
        dense = bench.workloads.as_dense(X[:3])
        np.testing.assert_array_equal(bench.workloads.symbols(X[:3]), dense.values.argmax(axis=1))


def test_padding_is_not_in_what_is_learned(bench):
    X, lengths, _ = bench.workloads.batches("B1", variable=True)
    assert X.shape == (8, 20, 3)
    assert 10 <= lengths.min() < lengths.max() <= 20
    job = bench.jobs.Job("sklstm", "B1", "full, variable")
    assert bench.ours.prepare(job).units == lengths.sum()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_jobs_of_ours_run(bench):
    jobs = {job for group in bench.jobs.GROUPS for job in group.jobs if job.system == "sklstm"}
    for job in jobs - {bench.jobs.Job("sklstm", "F", "search", threads=2)}:  # starts processes
        prepared = bench.ours.prepare(job)
        prepared.run()
        assert prepared.units > 0
        if prepared.result is not None:
            assert np.isfinite(prepared.result).all()
            assert np.abs(prepared.result).max() > 0


class Pipe:
    """What `Workers` knows of a process; every reply is the same."""

    def __init__(self, reply):
        self.reply, self.sent = reply, []

    def send(self, message):
        self.sent.append(message)

    def recv(self):
        return self.reply


def test_copies_work_at_the_same_time(bench):
    """Two runs in the time of the slower one."""
    workers = bench.worker.Workers(0, {0, 1})
    workers.pipes = {("sklstm", 1, 0): Pipe((1.0, 3.0)), ("sklstm", 1, 1): Pipe((2.0, 5.0))}
    job = bench.jobs.Job("sklstm", "B2", "full", copies=2)
    assert workers.ask("time", job) == (1.5, 2.5)
    assert workers.ask("prepare", job) == (1.0, 3.0)
    assert [pipe.sent for pipe in workers.pipes.values()] == [[("time", job), ("prepare", job)]] * 2
    workers.pipes["sklstm", 1, 1] = Pipe(bench.worker.Failed("no memory"))
    with pytest.raises(bench.worker.Failed, match="no memory"):
        workers.ask("time", job)


def test_full_and_truncated_gradients_differ(bench):
    full, truncated = (bench.jobs.Job("sklstm", "B1", variant) for variant in ("full", "truncated"))
    full, truncated = (bench.ours.prepare(job).result for job in (full, truncated))
    assert bench.run.difference(truncated, full) > bench.jobs.TOLERANCE["float32"]


def test_operations_of_products(bench):
    size = bench.workloads.Batches(n_cells=2, batch_size=1, n_steps=1, n_inputs=3, n_batches=1)
    forward = 2 * 8 * 5  # 8 units, 3 inputs and 2 recurrent cells
    assert bench.limits.operations(size) == forward
    assert bench.limits.operations(size, "truncated") == 2 * forward
    assert bench.limits.operations(size, "full") == 2 * forward + 2 * 8 * 2


def test_curves_of_growth(bench, monkeypatch):
    for name, value in {"REPEATS": 1, "LENGTHS": (2000, 4000), "WIDTHS": (5, 500), "NUMBERS": (200,)}.items():
        monkeypatch.setattr(bench.growth, name, value)
    monkeypatch.setattr(bench.growth, "MOST_CELL_STEPS", 100_000)
    growth = bench.growth.time_growth()
    n_points = {name: [len(curve) for curve in part["curves"].values()] for name, part in growth.items()}
    assert n_points == {"length": [2, 2, 2, 1], "width": [2, 1], "number": [1, 1, 1]}
    assert all(ns > 0 for part in growth.values() for curve in part["curves"].values() for ns in curve)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_peak_of_memory(bench):
    def touch():  # fresh pages: malloc might give memory that is resident, freed by another test
        np.frombuffer(mmap.mmap(-1, 32_000_000), np.uint8)[:] = 1

    assert 30e6 < bench.growth.peak_added(touch) < 40e6


def tiny_result(bench):
    """Results as `run.py` writes them, of times that are made up."""
    rows = []
    for group in bench.jobs.GROUPS:
        prepared = {job: (1, "step", np.arange(1.0, 3.0), "") for job in group.jobs}
        seconds = {job: [(6e-9, 9e-9)] * 3 for job in group.jobs}
        for row in group.rows:
            seconds[row.ours] = [(2e-9, 3e-9)] * 3
        for row in group.rows:
            record = bench.run.record_of(row, prepared, seconds, [0.5, 1.0])
            rows.append({"group": group.workload, "stolen_percent": 0.3, **record})
    return {
        "started": "2026-01-01 12:00",
        "machine": {"processor": "abacus", "cores": 2, "system": "none", "python": "3.14"},
        "level": "avx2",
        "rivals_held": False,
        "versions": {"numba": "1"},
        "limits": {"chain 4 float32": 1.5, "sgemm, GFLOP/s": 100.0},
        "rows": rows,
        "import": {
            "sklstm": {
                "cpu_seconds": 0.02,
                "wall_seconds": 0.03,
                "resident_bytes": 4e6,
                "installed_bytes": 1e6,
            }
        },
        "memory": {"fit on B2": {"sklstm": 10**7, "torch": 10**8}, "stream": {"10000": 1000}},
        "growth": {"length": {"x": [100, 1000], "curves": {"4 cells": [50.0, 51.0]}}},
    }


HOT = {"job": "C1, float32", "percent": {"forward_rows": 51.2, "rest": 48.8}}


def test_page(bench, tmp_path):
    result = json.loads(json.dumps(tiny_result(bench)))
    template = (FOLDER / "page.md").read_text()
    text = bench.page.page(template, result, {"rows": result["rows"][:1]}, [HOT])
    assert "{{" not in text
    assert bench.page.NOT_YET not in text
    line = "| A1 adding, T = 100, {}, float32 | {} alike | 2 | 6 | ns |"
    assert line.format("paper", "numba") + " **3 (3 to 3)** | 3 | 3 | 2 | 3 | 1.5 |  |" in text
    assert line.format("paper", "torch") + " 3 (3 to 3) | 3 |  | 80 | 150 | 1.5 |  |" in text
    assert line.format("alike", "numba") + " **3 (3 to 3)** | 3 |  | 1.3 | 2 | 1.5 | 0e+00 |" in text
    assert "| sklstm |  | 20 | 30 | 4.0 | 1.0 |" in text
    assert "| C1, float32 | `forward_rows` 51, `rest` 49 |" in text
    assert "Load average: 0.5 to 1.0. Time that the host gave to others: 0.3 to 0.3 percent." in text
    assert "100 GFLOP/s" in text
    assert "numba 1. CPU level of sklstm: avx2; the rivals take what they find. Rounds" in text
    held = bench.page.machine_of(result | {"rivals_held": True})
    assert (
        "numba 1. Ours and, as far as they can be, the rivals are held to the CPU level avx2. Rounds" in held
    )
    bench.page.figure(result, tmp_path)
    assert (tmp_path / "growth.png").stat().st_size > 10_000


def test_page_says_what_is_not_measured(bench):
    result = tiny_result(bench) | {"rows": []}
    del result["import"], result["memory"]
    text = bench.page.page((FOLDER / "page.md").read_text(), result)
    assert text.count(bench.page.NOT_YET) == len(bench.page.SECTIONS) + 3


def test_page_in_the_docs_is_that_of_the_results(bench):
    committed = ROOT / "docs" / "performance" / "index.md"
    again = RESULTS.with_name("rivals_again.json")
    results = [json.loads(path.read_text()) if path.exists() else None for path in (RESULTS, again)]
    hot_spots = json.loads(RESULTS.with_name("hot_spots.json").read_text())
    assert committed.read_text() == bench.page.page((FOLDER / "page.md").read_text(), *results, hot_spots)


def test_page_says_that_its_figures_are_of_another_kernel(bench):
    result = json.loads(RESULTS.read_text())
    said = f"The figures of {result['started'][:10]} on this page" in (FOLDER / "page.md").read_text()
    assert said == ("level" not in result)  # results of the kernel before say no level


def test_levels_hold_ours_and_the_rivals(bench):
    levels = bench.worker.LEVELS
    assert [*levels] == [*_cpu.NAMES.values()]
    assert bench.limits.MARCH.keys() == {*levels, None}
    assert levels["baseline"].keys() == levels["avx2"].keys()
    plain = bench.worker.environment()
    assert plain == bench.worker.ONE_THREAD
    for level in levels:
        held = bench.worker.environment(level)
        assert held["SKLSTM_ISA"] == level
        assert plain["XLA_FLAGS"] in held["XLA_FLAGS"].split()  # one thread still
        assert {**plain, "SKLSTM_ISA": level, **levels[level], "XLA_FLAGS": held["XLA_FLAGS"]} == held
        assert levels[level].get("XLA_FLAGS", plain["XLA_FLAGS"]) in held["XLA_FLAGS"].split()


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("product_in_tiles", "product_in_tiles"),
        ("__pyx_f_6sklstm_12_core_f32_v3_forward_alone", "forward_alone"),
        ("__pyx_f_6sklstm_12_core_f64_v1_arrange.isra.0", "arrange"),
        ("__pyx_f_6sklstm_12_core_f32_v4_4Step_step", "Step_step"),
        ("__pyx_pw_6sklstm_12_core_f32_v3_11train_steps", "train_steps"),
        ("__memmove_avx512_unaligned_erms", "rest"),
    ],
)
def test_names_of_hot_functions(bench, symbol, name):
    assert bench.hot_spots.name_of(symbol) == name
