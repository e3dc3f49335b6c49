"""The benchmark beside rivals: its rows, its arrays, and the page of its results. Nothing is timed here."""

import json
import mmap
import re
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sklstm import Network, _cpu

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks" / "rivals"
RESULTS = ROOT / "benchmarks" / "results"
MODULES = ("jobs", "workloads", "worker", "ours", "run", "limits", "growth", "hot_spots")
PATHS = ("paths",)  # of the folder above
PAGES = ROOT / "tools" / "pages"
OF_PAGES = ("performance_page", "paths_page", "scale_out_page")


@pytest.fixture(scope="module")
def bench():
    """The modules of the benchmark, which are scripts beside each other, with small workloads."""
    pytest.importorskip("matplotlib")
    before = list(sys.path)
    sys.path[:0] = [str(FOLDER), str(FOLDER.parent), str(PAGES)]
    try:
        modules = SimpleNamespace(**{name: import_module(name) for name in (*MODULES, *PATHS, *OF_PAGES)})
        sizes = modules.workloads
        sizes.ON_LINE = {name: task._replace(n_sequences=6) for name, task in sizes.ON_LINE.items()}
        sizes.BATCHES = {name: sizes.Batches(4, 4, 20, 3, 2) for name in sizes.BATCHES}
        sizes.PREDICT = sizes.Batches(4, 40, 10, 3, 1)
        sizes.SEARCH |= {"n_cells": 2, "rates": [0.01, 0.1], "epochs": 1}
        yield modules
    finally:
        sys.path[:] = before
        for name in (*MODULES, *PATHS, *OF_PAGES, "shared"):
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


NETWORKS = [{}, {"peepholes": True}, {"n_hidden_units": 2}, {"peepholes": True, "n_hidden_units": 1}]


@pytest.mark.parametrize("more", NETWORKS)
def test_weights_survive_the_flat_vector(bench, more):
    network = Network(3, 2, n_blocks=5, **more)
    weights = bench.workloads.initial_weights(3, 5, 2, np.float64, **more)
    assert sum(w.size for w in weights) == network.n_weights
    back = bench.ours.common(network, bench.ours.flat(network, weights))
    for ours, given in zip(back, weights, strict=True):
        np.testing.assert_array_equal(ours, given)


def test_weights_mean_the_same_in_all_forms(bench):
    network = Network(3, 2, n_blocks=5)
    weights = bench.workloads.initial_weights(3, 5, 2, np.float64)
    vector = bench.ours.flat(network, weights)
    x = np.random.default_rng(0).normal(size=(20, 3))
    expected = plain_lstm(x, weights) @ weights[3] + weights[4]
    np.testing.assert_allclose(network.forward(vector, [x])[0], expected, rtol=1e-12, atol=1e-14)


def test_rows_are_whole(bench):
    rows = [row for group in bench.jobs.GROUPS for row in group.rows]
    keys = [(row.name, row.rival.text) for row in rows]  # as on the page
    assert len(set(keys)) == len(rows)
    shown = [name for names in bench.performance_page.SECTIONS.values() for name in names]
    assert sorted(shown) == sorted({group.workload for group in bench.jobs.GROUPS})
    for row in rows:
        assert row.ours.system == "sklstm"
        assert {*row.goals} <= {*bench.worker.LEVELS}
        for goal, aim in row.goals.values():
            assert aim is None or aim > goal
        assert row.ours != row.rival
        assert row.rival.dtype == row.ours.dtype
        assert row.limit == "" or row.limit.split()[0] in ("chain", "B1", "B2", "B3", "C1", "C2")


def test_goals_of_levels(bench):
    rows = {(row.name, row.rival.text): row for group in bench.jobs.GROUPS for row in group.rows}
    on_baseline = {row.name: row.goals["baseline"] for row in rows.values() if "baseline" in row.goals}
    names = [f"A1 adding, T = 100, paper, {dtype}" for dtype in ("float32", "float64")]
    assert on_baseline == dict.fromkeys(names, (2.5, None))
    paper, batches = rows[names[1], "numba alike"], rows["B3 fixed length, full", "torch fixed"]
    assert paper.goals["avx2"] == paper.goals["avx512"] == (3.3, 4.2)
    assert (batches.goals["avx2"], batches.goals["avx512"]) == ((1.05, None), (1.15, None))
    prepared = {job: (1, "step", np.ones(2), "") for job in (batches.ours, batches.rival)}
    seconds = {job: [(1.0, 1.0)] for job in prepared}
    for level, goal in {"baseline": None, "avx2": 1.05, "avx512": 1.15}.items():
        assert bench.run.record_of(batches, prepared, seconds, [0.0], level)["goal"] == goal


def test_every_like_for_like_row_is_compared(bench):
    for group in bench.jobs.GROUPS:
        for row in group.rows:
            other = ("paper", "truncated", "classifier", "one by one", "padded, both directions")
            jobs = f"{row.ours.variant} {row.rival.variant}"
            if row.ours.workload != "F" and not any(name in jobs for name in other):
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


@pytest.fixture
def numba_rival(bench, monkeypatch):
    """The loops by hand, not compiled: they run without numba."""
    monkeypatch.setitem(sys.modules, "numba", SimpleNamespace(njit=lambda **options: lambda loop: loop))
    monkeypatch.delitem(sys.modules, "numba_rival", raising=False)
    yield import_module("numba_rival")
    del sys.modules["numba_rival"]


@pytest.mark.parametrize(
    ("workload", "network", "sparse"),
    [
        ("A1", "alike", False),
        ("A1", "with peepholes", False),
        ("A1", "with two hidden units", False),
        ("A3", "alike", True),
        ("A4", "alike", True),
    ],
)
def test_loops_of_numba_learn_the_same(bench, numba_rival, workload, network, sparse):
    jobs = [bench.jobs.Job(system, workload, network, "float64", sparse) for system in ("sklstm", "numba")]
    ours, theirs = bench.ours.prepare(jobs[0]).result, numba_rival.prepare(jobs[1]).result
    assert np.count_nonzero(theirs) > 0.9 * theirs.size  # all but weights of inputs that are always 0
    assert bench.run.difference(ours, theirs) <= bench.jobs.TOLERANCE["float64"]


def test_loop_of_numba_with_all_options_and_an_error_at_every_step(bench, numba_rival):
    more = {"peepholes": True, "n_hidden_units": 2}
    n_inputs, n_cells, n_outputs, T, rate = 3, 2, 2, 7, 0.1
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(T, n_inputs)), rng.uniform(size=(T, n_outputs))
    weights = bench.workloads.initial_weights(n_inputs, n_cells, n_outputs, np.float64, **more)
    network = Network(
        n_inputs, n_outputs, n_blocks=n_cells, output_activation="logistic", return_sequences=True, **more
    )
    before = bench.ours.flat(network, weights)
    expected = before - rate * network.loss_and_gradient(before, [x], [y])[1]
    epoch = numba_rival.compiled_epoch(n_inputs, n_cells, n_outputs, True, False, np.float64, **more)
    work = tuple(np.zeros((T + 1, n * n_cells)) for n in (4, 1, 1, 1, 4))
    offsets = np.array([0, T])
    gradients = tuple(np.full_like(w, 5.0) for w in weights)  # left over from another sequence
    epoch(x, np.zeros(T, int), y, offsets, offsets, rate, tuple(weights), work, gradients)
    np.testing.assert_allclose(bench.ours.flat(network, weights), expected, rtol=1e-12, atol=1e-14)


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


def tiny_result(bench, level="avx512", held=False):
    """Results as `run.py` writes them, of times that are made up."""
    rows = []
    for group in bench.jobs.GROUPS:
        prepared = {job: (1, "step", np.arange(1.0, 3.0), "") for job in group.jobs}
        seconds = {job: [(6e-9, 9e-9)] * 3 for job in group.jobs}
        for row in group.rows:
            seconds[row.ours] = [(2e-9, 3e-9)] * 3
        for row in group.rows:
            record = bench.run.record_of(row, prepared, seconds, [0.5, 1.0], level)
            rows.append({"group": group.workload, "stolen_percent": 0.3, **record})
    return {
        "started": "2026-01-01 12:00",
        "machine": {"processor": "abacus", "cores": 2, "system": "none", "python": "3.14"},
        "level": level,
        "rivals_held": held,
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
    first, held = tiny_result(bench), tiny_result(bench, "avx2", held=True)
    runs = {"rivals": first, "rivals_again": first | {"rows": first["rows"][:1]}, "rivals_avx2": held}
    text = bench.performance_page.page(
        (PAGES / "performance_page.md").read_text(), json.loads(json.dumps(runs)), [HOT]
    )
    assert "{{" not in text
    assert bench.performance_page.NOT_YET not in text
    assert "| row | rival | avx512 | avx2 |" in text
    assert "| on-line learning, networks of 1997 | torch | **3** | 3 to 3 |" in text
    line, ratio = "| A1 adding, T = 100, {}, float32 | {} | {} |", "3 (3 to 3)"
    assert line.format("paper", "numba alike", f"{ratio} | {ratio}") in text
    assert f"| B2 fixed length, full | torch fixed | {ratio} | {ratio} |" in text
    file = list(bench.performance_page.downloads_of(bench.performance_page.levels_of(runs)))
    lines = [dict(zip(file[0], row, strict=True)) for row in file[1:]]
    assert {line["run"] for line in lines} == {"first", "second"}
    hidden = "with two hidden units"
    (one,) = (
        line
        for line in lines
        if (line["row"], line["level"]) == (f"A1 adding, T = 100, {hidden}, float32", "avx2")
        and line["rival"] == f"numba {hidden}"
    )
    assert (one["ours"], one["rivals"], one["unit"], one["limit"]) == ("2", "6", "ns", "1.5")
    assert (one["ratio"], one["ratio_of_fastest"], one["difference"]) == ("3", "3", "0e+00")
    rest = "2026-01-01 12:00 | {} | {} | 3 to 3 | 0.5 to 1 | 0.3 to 0.3 | 100 |"
    assert "| `rivals.json` | " + rest.format("avx512", "as they are") in text
    assert "| `rivals_again.json` | " + rest.format("avx512", "as they are") in text
    assert "| `rivals_avx2.json` | " + rest.format("avx2", "held to it") in text
    assert "cores of abacus, none, Python 3.14: numba 1." in text
    assert "| sklstm |  | 20 | 30 | 4.0 | 1.0 |" in text
    assert "| C1, float32 | `forward_rows` 51, `rest` 49 |" in text
    bench.performance_page.figures(runs, tmp_path)
    for name in ("growth.png", "ratios.png"):
        assert (tmp_path / name).stat().st_size > 10_000


def test_page_has_rows_that_one_level_lacks(bench):
    first, held = tiny_result(bench), tiny_result(bench, "avx2", held=True)
    missing = bench.performance_page.key_of(first["rows"].pop(0))
    levels = bench.performance_page.levels_of({"rivals": first, "rivals_avx2": held})
    line = "| " + " | ".join(missing) + " |"
    assert f"{line}  | 3 (3 to 3) |" in bench.performance_page.ratios_of(levels, "on-line")
    assert sum(row[:2] == missing for row in bench.performance_page.downloads_of(levels)) == 1


def test_page_of_one_level_without_a_second_run(bench):
    text = bench.performance_page.page(
        (PAGES / "performance_page.md").read_text(), {"rivals": tiny_result(bench)}
    )
    assert "| row | rival | avx512 |" in text


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("rivals_again", "machine"),
        ("rivals_avx2", "versions"),
        ("rivals_again", "level"),
        ("rivals_avx2_again", "level"),
        ("rivals_avx2_again", "rivals_held"),
    ],
)
def test_page_refuses_runs_that_are_not_alike(bench, name, part):
    first, held = tiny_result(bench), tiny_result(bench, "avx2", held=True)
    runs = {"rivals": first, "rivals_again": first, "rivals_avx2": held, "rivals_avx2_again": held}
    bench.performance_page.check(runs)
    runs[name] = runs[name] | {part: "other"}
    with pytest.raises(ValueError, match=rf"^{part} of {name}\.json is other, but that of rivals"):
        bench.performance_page.check(runs)


@pytest.mark.parametrize("name", ["rivals", "rivals_avx2"])
def test_page_needs_the_first_runs(bench, name):
    first, held = tiny_result(bench), tiny_result(bench, "avx2", held=True)
    runs = {"rivals": first, "rivals_avx2": held, "rivals_avx2_again": held}
    del runs[name]
    with pytest.raises(ValueError, match=rf"^rivals_avx2\w*\.json needs {name}\.json beside it\.$"):
        bench.performance_page.check(runs)


def test_page_reads_the_runs_that_are_there(bench, tmp_path):
    for name in ("rivals", "rivals_avx2", "rivals_avx2_again", "rivals_baseline"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"level": name}))
    names = ["rivals", "rivals_avx2", "rivals_avx2_again"]
    assert bench.performance_page.read(tmp_path) == {name: {"level": name} for name in names}


def test_page_says_what_is_not_measured(bench):
    result = tiny_result(bench) | {"rows": []}
    del result["import"], result["memory"]
    text = bench.performance_page.page((PAGES / "performance_page.md").read_text(), {"rivals": result})
    assert text.count(bench.performance_page.NOT_YET) == len(bench.performance_page.SECTIONS) + 4


def test_page_in_the_docs_is_that_of_the_results(bench):
    committed = ROOT / "docs" / "performance" / "index.md"
    hot_spots = json.loads((RESULTS / "hot_spots.json").read_text())
    runs = bench.performance_page.read(RESULTS)
    assert committed.read_text() == bench.performance_page.page(
        (PAGES / "performance_page.md").read_text(), runs, hot_spots
    )


def test_each_path_can_be_switched_off(bench):
    """Each text that is to be replaced stands in the source once, and nothing else changes."""
    source = bench.paths.texts_of(())
    build = {"setup.py", "packaging/long_description.py"}
    assert build | {"sklstm/_core.pyx", "sklstm/_kernel/simd.h"} < source.keys()
    for path in bench.paths.PATHS:
        edited = bench.paths.texts_of(path.edits)
        changed = {name for name in source if edited[name] != source[name]}
        assert changed == {name for name, *_ in path.edits}, path.name
    for text in ("no such text", "import"):
        with pytest.raises(ValueError, match=r"expected once in setup.py, found \d+ times"):
            bench.paths.texts_of([("setup.py", text, "")])


def test_paths_and_their_rows(bench):
    paths = bench.paths
    assert len({path.name for path in paths.PATHS} | {paths.PLAIN}) == len(paths.PATHS) + 1
    assert [path.name for path in paths.PATHS if not path.edits] == [bench.paths_page.CONTROL]
    assert {job.workload[0] for job in paths.JOBS} == set(bench.paths_page.KINDS)
    for path in paths.PATHS:
        assert path.name.replace("-", "").isalnum()  # a folder, and part of a list with commas
        assert path.what.endswith(".")
        assert path.rows
        assert set(path.rows) <= set(bench.paths_page.KINDS)
        assert path.levels
        assert set(path.levels) <= set(paths.LEVELS)
    assert set(paths.LEVELS) <= set(_cpu.NAMES.values())


def test_copies_are_built_when_the_source_has_changed(bench, tmp_path, monkeypatch):
    """The copy without edits has all modules; others compile what their edits can change."""
    paths, compiled = bench.paths, []

    def compile_modules(command, cwd, check):
        setup = (cwd / "setup.py").read_text()
        for level in re.search(r"for level in \(([\d, ]+)\) for bits in \[32\]", setup)[1].split(", "):
            (cwd / "sklstm" / f"_core_f32_v{level}.so").write_text(cwd.name)
        compiled.append(cwd.name)

    def modules_of(name):
        return {so.name[-5:-3]: so.read_text() for so in (tmp_path / name / "sklstm").glob("*.so")}

    monkeypatch.setattr(paths, "BUILT", tmp_path)
    monkeypatch.setattr(paths.subprocess, "run", compile_modules)
    for _ in range(2):
        paths.build(paths.PLAIN)
        paths.build("kernel", [(paths.CORE, "at_once = GRADIENT_ROWS", "at_once = p.rows")])
        paths.build("python", [("sklstm/_cpu.py", "AVX2_BYTES = 32", "AVX2_BYTES = 0")])
    assert compiled == [paths.PLAIN, "kernel"]
    assert modules_of(paths.PLAIN) == dict.fromkeys(("v1", "v3", "v4"), paths.PLAIN)
    assert modules_of("kernel") == {"v1": paths.PLAIN, "v3": "kernel", "v4": "kernel"}
    assert modules_of("python") == modules_of(paths.PLAIN)
    assert "AVX2_BYTES = 0" in (tmp_path / "python" / "sklstm" / "_cpu.py").read_text()
    paths.build("kernel", [(paths.CORE, "at_once = GRADIENT_ROWS", "at_once = 1")])
    assert compiled == [paths.PLAIN, "kernel", "kernel"]


def test_results_without_a_path_are_those_with_it(bench):
    job, tolerance = bench.paths.JOBS[0], bench.jobs.TOLERANCE["float32"]
    same = bench.paths.SpeedPath("same", "Nothing.", "A", ())
    other = bench.paths.SpeedPath("other", "Nothing.", "A", (), differs="another order")
    bench.paths.check(same, job, 0.0)
    bench.paths.check(other, job, tolerance)
    for path, difference in ((same, 1e-9), (other, 2 * tolerance), (same, np.nan), (other, np.nan)):
        with pytest.raises(SystemExit, match=f"results with and without '{path.name}' differ"):
            bench.paths.check(path, job, difference)


def result_of_paths(bench):
    """Results as `paths.py` writes them, of times that are made up."""
    first, second, idle, control = (
        bench.paths.SpeedPath(name, f"What {name} is.", rows, (), differs)
        for name, rows, differs in (
            ("first", "AB", ""),
            ("second", "A", "another order"),
            ("idle", "C", ""),
            (bench.paths_page.CONTROL, "ABC", ""),
        )
    )
    jobs = {bench.paths.name_of(job): job for job in bench.paths.JOBS}
    on_line, batch, prediction = (jobs[name] for name in ("A1 paper", "B1 full", "C1"))
    timed = (
        (first, "avx2", on_line, [1e-9, 2e-9, 4e-9], [3e-9, 3e-9, 3e-9], 0.0),
        (first, "avx2", batch, [2e-9, 2e-9, 2e-9], [2e-9, 9e-9, 9e-9], 0.0),  # only the median gains
        (second, "avx2", on_line, [2e-9, 2e-9, 2e-9], [1e-9, 1e-9, 1e-9], 1e-7),
        (second, "avx512", on_line, [2e-9, 2e-9, 2e-9], [2.2e-9, 2.2e-9, 2.2e-9], 1e-7),
        (idle, "avx2", prediction, [1e-7, 1e-7, 1e-7], [1.04e-7, 1.04e-7, 1.04e-7], 0.0),
        (control, "avx2", prediction, [1e-7, 1e-7, 1e-7], [1e-7, 1e-7, 1e-7], 0.0),
    )
    return {
        "started": "2026-01-01 12:00",
        "machine": {"processor": "abacus", "cores": 2, "system": "none", "python": "3.14"},
        "versions": {"sklstm": "1"},
        "paths": [
            {"name": p.name, "what": p.what, "differs": p.differs} for p in (first, second, idle, control)
        ],
        "load": [0.5, 1.0],
        "stolen_percent": 0.3,
        "rows": [bench.paths.record_of(*arguments) for arguments in timed],
    }


def test_page_of_paths(bench):
    result = json.loads(json.dumps(result_of_paths(bench)))
    assert result["rows"][0] == {
        "path": "first",
        "level": "avx2",
        "row": "A1 paper",
        "with": [1.0, 2.0],
        "without": [3.0, 3.0],
        "rounds": 3,
        "ratio": 1.5,
        "ratio_of_fastest": 3.0,
        "difference": 0.0,
    }
    text = bench.paths_page.page((PAGES / "paths_page.md").read_text(), result)
    assert "{{" not in text
    assert "| first | What first is. | 1 of 2 | 4.50: B1 full (avx2) |  |" in text
    assert "| second | What second is. | 1 of 2 | 1.10: A1 paper (avx512) | another order |" in text
    assert "| idle | What idle is. | 0 of 1 | 1.04: C1 (avx2) |  |" in text
    assert "Less than 5 % on every row: idle." in text
    assert "| path | A1 paper |\n| :-- | --: |\n| first | **1.50** |\n| second | 0.50 |\n" in text
    assert "`avx2`, mini-batches:\n\n| path | B1 full |\n| :-- | --: |\n| first | 4.50 |\n" in text
    assert "`avx512`, on-line learning:\n\n| path | A1 paper |\n| :-- | --: |\n| second | **1.10** |" in text
    assert "`avx512`, mini-batches" not in text
    assert "Rounds: 3 to 3. Load average: 0.5 to 1.0. Time that the host gave to others: 0.3 percent." in text


def test_page_of_paths_in_the_docs_is_that_of_the_results(bench):
    results, committed = RESULTS / "paths.json", ROOT / "docs" / "paths.md"
    assert results.exists() == committed.exists()
    if results.exists():
        template = (PAGES / "paths_page.md").read_text()
        assert committed.read_text() == bench.paths_page.page(template, json.loads(results.read_text()))


def result_of_scale_out(factor):
    """Results as `scale_out.py` writes them, of figures that are made up."""
    return {
        "started": "2026-01-01 12:00",
        "machine": {"processor": "abacus", "cores": 2, "system": "none", "python": "3.11"},
        "versions": {"sklstm": "1"},
        "rounds": [[2, 0.012 * factor, 0.006 * factor, 3000, 2000], [4, 0.02, 0.01, 5000, 4000]],
        "seconds": {
            "1 worker": 2.0 * factor,
            "2 workers": 1.0,
            "1 process": 1.8,
            "2 processes": 0.8,
        },
        "constants": {"round": 0.004 * factor, "task": 0.00175, "gradient": 5.6e-9},
        "model": {"100000 10000": [[45, 0.1], [49, 0.1]], "10000000 10000000": [[9742, 1.0], [15024, 1.0]]},
        "sequences": 100000,
        "n_weights": 1779,
        "repeats": 7,
        "load": [0.1, 1.2],
        "stolen_percent": 0.3,
        "replicas": {"sequences": 100000, "epochs": [1, 2], "accuracies": {"one machine": [0.5, 0.98765]}},
    }


def test_page_of_scale_out(bench):
    results = [result_of_scale_out(1), result_of_scale_out(2)]
    text = bench.scale_out_page.page((PAGES / "scale_out_page.md").read_text(), results)
    assert "{{" not in text
    assert "on 2 cores of abacus, none, Python 3.11: sklstm 1. Medians of 7." in text
    assert "Load average before and after: 0.1 and 1.2, 0.1 and 1.2." in text
    assert "| 2 | 12.0, 24.0 | 6.0, 12.0 | 3, 3 | 2, 2 |\n| 4 | 20.0, 20.0 |" in text
    assert "Client and scheduler together take 4.0, 8.0 ms per round and 1.75, 1.75 ms per partition" in text
    assert "| 1 worker | 2.000, 4.000 |" in text
    assert (
        "Two workers are 2.00, 4.00 times as fast as one, two processes without dask 2.25, 2.25 times."
        in text
    )
    assert "takes 1.25, 1.25 times as long" in text
    assert "| 10,000,000 | 10,000,000 | 9,742, 9,742 | over 15,000, over 15,000 |" in text
    assert "|  | 1 epoch | 2 epochs |" in text
    assert "| one machine | 0.500, 0.500 | 0.988, 0.988 |" in text


def test_page_of_scale_out_in_the_docs_is_that_of_the_results(bench):
    results = [RESULTS / f"scale_out{again}.json" for again in ("", "_again")]
    committed = ROOT / "docs" / "scale_out_costs.md"
    assert {path.exists() for path in results} == {committed.exists()}
    if committed.exists():
        template = (PAGES / "scale_out_page.md").read_text()
        found = [json.loads(path.read_text()) for path in results]
        assert committed.read_text() == bench.scale_out_page.page(template, found)


def test_page_says_that_its_figures_are_of_another_kernel(bench):
    result = json.loads((RESULTS / "rivals.json").read_text())
    said = (
        f"The figures of {result['started'][:10]} on this page" in (PAGES / "performance_page.md").read_text()
    )
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
        assert set(levels[level].get("XLA_FLAGS", "").split()) <= set(held["XLA_FLAGS"].split())


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
