"""What each path of the kernel that exists for speed alone brings: the time without it over the time with it.

    make bench-paths [ROWS=A1,B1] [PATHS=registers] [LEVELS=avx2] [ROUNDS=15]

makes an environment with Cython and runs

    python benchmarks/paths.py [--rows A1,B1] [--paths registers] [--levels avx2] [--rounds 15] [--json PATH]

`PATHS` says by which edits of the source a path is switched off. A copy of the package with these edits, and
one without any, is built in `build/paths`, the float32 modules of `avx2` and `avx512` alone, and only if the
source has changed. The copies run the rows of `rivals/jobs.py`, each in a process of its own, pinned to one
core, with one thread; they take turns round by round, in rotating order, and what counts is CPU time. Before
anything is timed, results with and without the path are compared: to the bit, unless `differs` says why not.
`tools/pages/paths_page.py` makes the page. Linux on x86-64; B3 in all copies takes about 4 GB.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks" / "rivals"))
import worker  # loads neither NumPy nor sklstm: processes set their environment first
from jobs import GROUPS, TOLERANCE

BUILT = ROOT / "build" / "paths"
PLAIN = "plain"  # the copy without edits
LEVELS = ("avx2", "avx512")
JOBS = tuple(
    dict.fromkeys(
        row.ours
        for group in GROUPS
        for row in group.rows
        if row.ours.dtype == "float32" and row.ours.threads == row.ours.copies == 1 and group.workload != "F"
    )
)
WORKLOADS = tuple(dict.fromkeys(job.workload for job in JOBS))

CORE = "sklstm/_core.pyx"
PRODUCTS_H, PRODUCTS = "sklstm/_kernel/products.h", "sklstm/_kernel/products.pxd"
SIMD, SOLVERS, LOSSES = "sklstm/_kernel/simd.h", "sklstm/_kernel/solvers.pxd", "sklstm/_kernel/losses.pxd"


@dataclass(frozen=True)
class SpeedPath:
    """A path that could be deleted, and nothing but the time would change.

    Attributes
    ----------
    name : str
    what : str
        One sentence.
    rows : str
        First letters of the workloads that it is meant for: "A" on-line, "B" mini-batches, "C" predictions
        and streams.
    edits : tuple of (file, text, replacement)
        How it is switched off; the text occurs once.
    differs : str
        Why results without it have other bits; "" if they do not.
    levels : tuple of str
        CPU levels on which it is compiled or chosen.
    """

    name: str
    what: str
    rows: str
    edits: tuple
    differs: str = ""
    levels: tuple = LEVELS


PATHS = (
    SpeedPath(
        "registers",
        "A single sequence of a network of which one vector holds each kind of unit goes from step to step in"
        " registers, forwards and backwards (`forward_step_in_registers`, `backward_alone`).",
        "A",
        (
            (
                "sklstm/_engine/layout.py",
                'n["B_vectors"] <= 1 and n["N_vectors"] <= 1 and n["kinds"] <= core.MOST_OF_KINDS',
                "False",
            ),
        ),
    ),
    SpeedPath(
        "usual-networks",
        "These steps are compiled once more for each of the usual networks: input and output gates, with or"
        " without forget gates, one or two cells per block, and the next path (`usual_network`).",
        "A",
        (
            (
                CORE,
                "if not (n.has_in and n.has_out and n.S <= 2) or (n.peepholes and n.N):",
                "if True:",
            ),
        ),
    ),
    SpeedPath(
        "usual-with-peepholes-or-hidden-units",
        "Among these are networks with peepholes and with hidden units, with forget gates and one cell per"
        " block (`WITH_PEEPHOLES`, `WITH_HIDDEN_UNITS`).",
        "A",
        ((CORE, "return WITH_PEEPHOLES if n.peepholes else WITH_HIDDEN_UNITS", "return ANOTHER"),),
    ),
    SpeedPath(
        "cells-in-registers",
        "The first two cells of each block stay in registers from one step to the next, instead of being"
        " loaded from where they are stored.",
        "A",
        (
            (CORE, "add_cells(n, w_m, y_0[0], net)", "add_cells(n, w_m, load(z + (n.R - n.C)), net)"),
            (
                CORE,
                "add_cells(n, w_m + n.B * n.Up, y_1[0], net)",
                "add_cells(n, w_m + n.B * n.Up, load(z + (n.R - n.C) + n.B), net)",
            ),
        ),
    ),
    SpeedPath(
        "inputs-in-registers",
        "Such a network computes x W + b of a time step while the previous one is under way, and not for all"
        " time steps before the first one, if inputs are sparse or few (`adds_inputs`).",
        "A",
        ((CORE, "return p.inputs.sparse or n.M <= FEW_INPUTS or n.M * p.T <= FEW_NUMBERS", "return False"),),
    ),
    SpeedPath(
        "avx2-modules",
        "Networks whose units fit into one vector of AVX2 are computed there, also where there is AVX-512"
        " (`AVX2_BYTES`).",
        "A",
        (("sklstm/_cpu.py", "AVX2_BYTES = 32", "AVX2_BYTES = 0"),),
        levels=("avx512",),
    ),
    SpeedPath(
        "two-sums-of-errors",
        "Errors at activations are two sums, neither of which waits for the other (`error_of`,"
        " `recurrent_errors`).",
        "AB",
        (
            (
                CORE,
                "more = fma(all_(delta_after[u]), load(wt + u * n.Rp), more)",
                "total = fma(all_(delta_after[u]), load(wt + u * n.Rp), total)",
            ),
            (CORE, "return total + more", "return total"),
            (
                CORE,
                "return load(e_after + column) + load(e_after + p.sequences * n.y_row + column)",
                "return load(e_after + column)",
            ),
            (
                CORE,
                "product_from(rows, n.Rp, n.u_in, p.at.zeros, 0, delta,",
                "product_from(rows, n.Rp, n.U, p.at.zeros, 0, delta,",
            ),
            (
                CORE,
                "    product_from(\n        rows, n.Rp, n.U - n.u_in, p.at.zeros, 0, delta + n.u_in, n.d_row,"
                " 1, p.at.wt + n.u_in * n.Rp, n.Rp,\n        more, n.y_row)\n",
                "",
            ),
        ),
        differs="the sum is in another order",
    ),
    SpeedPath(
        "two-sums-of-squares",
        "The squared error of a row is two partial sums, side by side (`squared_distance`).",
        "AB",
        ((LOSSES, "if loss == SQUARED_ERROR and not each_output:", "if False:"),),
    ),
    SpeedPath(
        "rows-of-one-sequence",
        "The rows of a single sequence are laid out without a branch for each step (`arrange`).",
        "A",
        (
            (
                CORE,
                "    if p.sequences == 1:                                    # the same as below",
                "    if False:                                               # the same as below",
            ),
            (CORE, "range(1, p.T + 1 if p.sequences > 1 else 0)", "range(1, p.T + 1)"),
        ),
    ),
    SpeedPath(
        "inputs-of-one-sequence-in-place",
        "Dense inputs of a single sequence are read in place and not copied (`pack`).",
        "A",
        (
            (
                CORE,
                "    if p.sequences == 1:                                    # no copy",
                "    if False:  # no copy",
            ),
            (CORE, "self._room(1 if sparse or sequences == 1 else rows, n.M)", "self._room(rows, n.M)"),
        ),
    ),
    SpeedPath(
        "lazy-updates",
        "With sparse inputs and plain gradient descent only the weights of inputs that were not zero are"
        " updated (`is_lazy`).",
        "A",
        (
            (
                SOLVERS,
                "return sparse and hyper[KIND] == SGD and hyper[MOMENTUM] == 0 and hyper[ALPHA] == 0",
                "return False",
            ),
        ),
    ),
    SpeedPath(
        "no-momentum",
        "Gradient descent without momentum keeps no velocity (`sgd`).",
        "A",
        ((SOLVERS, "if momentum == 0:", "if False:"),),
        differs="rate and gradient are multiplied, and rounded, before the sum",
    ),
    SpeedPath(
        "time-by-time",
        "x W + b of a packed batch is computed one time step after the other, so that its rows stay in the"
        " cache (`is_by_time`).",
        "BC",
        (
            (
                CORE,
                "return p.sequences >= STEP_ROWS and (p.inputs.sparse or n.M <= 4 * p.sequences)",
                "return False",
            ),
        ),
        differs="x W of all time steps is large enough for BLAS",
    ),
    SpeedPath(
        "one-product-over-time",
        "The gradient of the recurrent weights is one product for all time steps with the same number of"
        " sequences, not one per time step (`add_recurrent_gradient`).",
        "AB",
        (
            (CORE, "while until <= T and first[until + 1] - first[until] == rows:", "while False:"),
            (CORE, "until = t + 1 if p.sequences > 1 else T + 1", "until = t + 1"),
        ),
        differs="products of fewer rows are not large enough for BLAS",
    ),
    SpeedPath(
        "gradient-in-blocks",
        "The gradient is added up from 256 rows of deltas at a time, while they are in the cache"
        " (`GRADIENT_ROWS`).",
        "B",
        ((CORE, "at_once = GRADIENT_ROWS", "at_once = p.rows"),),
        differs="the sum over time steps is in another order",
    ),
    SpeedPath(
        "BLAS",
        "Large gradients of wide networks are left to BLAS (`is_for_tiles`).",
        "BC",
        (
            (
                PRODUCTS,
                "return rows * units * sources < <Py_ssize_t>BLAS_FROM or rows < 8 or sources < 16 or (",
                "return True or (",
            ),
        ),
        differs="BLAS adds in another order",
    ),
    SpeedPath(
        "tiles-instead-of-BLAS",
        "Large products are not left to BLAS, except for gradients of wide networks (`is_for_tiles`).",
        "BC",
        ((PRODUCTS, "units < TILED_UNITS or rows <= TILED_ROWS or a_source == 1", "False"),),
        differs="BLAS adds in another order",
    ),
    SpeedPath(
        "long-tiles",
        "Products of one row take eight vectors at a time, and products of one vector eight rows: their sums"
        " do not wait for each other (`LONG`).",
        "AC",
        (
            (PRODUCTS_H, "if (rows == 1)\n", "if (0)\n"),
            (PRODUCTS_H, "const int tall = nv == 1 ? LONG : TALL;", "const int tall = TALL;"),
        ),
    ),
    SpeedPath(
        "panels",
        "From 16 rows on, if the rows of B are longer than 4 kB, the columns that a tile reads are copied"
        " side by side, 128 sources at a time, and stay in the first-level cache (`column`).",
        "ABC",
        (
            (PRODUCTS_H, "if (rows >= 16 && b_row * (ptrdiff_t)sizeof(real) > WIDE) {", "if (0) {"),
            (PRODUCTS_H, "real panel[DEEP * 2 * LANES];", "real panel[2 * LANES];"),
            (PRODUCTS_H, "#define DEEP 128 ", "#define DEEP ((ptrdiff_t)1 << 30) "),
        ),
    ),
    SpeedPath(
        "inlining",
        "Functions that Cython declares inline are always inlined (`CYTHON_INLINE`).",
        "ABC",
        (
            (
                "setup.py",
                '[] if debug or msvc else [("CYTHON_INLINE", "inline __attribute__((always_inline))")]',
                "[]",
            ),
        ),
    ),
    SpeedPath(
        "flush-to-zero",
        "Numbers below the normal range are set to zero (`flush_subnormals`).",
        "ABC",
        ((SIMD, "_mm_setcsr(mode | 0x8040);", "_mm_setcsr(mode);"),),
        differs="such numbers are not zero",
    ),
    SpeedPath(
        "side-by-side",
        "Each equation of a packed batch is a loop over eight sequences, not over one (`SIDE_BY_SIDE`).",
        "BC",
        ((CORE, "SIDE_BY_SIDE = 8", "SIDE_BY_SIDE = 1"),),
    ),
    SpeedPath(
        "usual-rows",
        "The steps of a packed batch are compiled once more for networks of today: all gates, one cell per"
        " block, no peepholes (`forward_rows`, `backward_rows`).",
        "BC",
        (
            (
                CORE,
                "if usual_network(&n) == ONE_CELL:\n"
                "        fix_kinds(ONE_CELL, &n)\n        forward_rows_as(",
                "if False:\n        forward_rows_as(",
            ),
            (
                CORE,
                "if usual_network(&n) == ONE_CELL:\n"
                "        fix_kinds(ONE_CELL, &n)\n        backward_rows_as(",
                "if False:\n        backward_rows_as(",
            ),
        ),
    ),
    SpeedPath(
        "prefetch",
        "While the inputs of some time steps are copied, the processor is asked for the next ones (`pack`).",
        "C",
        ((CORE, "            prefetch(x + length[lo + i] * n.M)", "            pass"),),
    ),
    SpeedPath(
        "layers-in-one-call",
        "Layers and directions without pooling, shortcut and dropout learn from a few sequences at a time, in"
        " one call of the kernel (`gradient_of_layers`).",
        "B",
        (
            (
                "sklstm/_layers/engine.py",
                "if self.in_one_call and bound.in_kernel and not bound.masks:",
                "if False:",
            ),
        ),
        differs="the sum over sequences is in another order",
    ),
    SpeedPath("control", "No path: a second copy without edits.", "ABC", ()),
)


# ----------------------------------------------------------------------------------------------
# copies of the package


def texts_of(edits):
    """Files of the package and of its build, as {name: text}, after these edits."""
    package = (path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "sklstm").rglob("*.*")))
    sources = (name for name in package if name.endswith((".py", ".pyx", ".pxd", ".h")))
    build = ("setup.py", "packaging/long_description.py", "pyproject.toml", "README.md", "LICENSE")
    texts = {name: (ROOT / name).read_text() for name in (*build, *sources)}
    for name, text, replacement in edits:
        if (found := texts[name].count(text)) != 1:
            raise ValueError(f"expected once in {name}, found {found} times: {text!r}")
        texts[name] = texts[name].replace(text, replacement)
    return texts


def build(name, edits=()):
    """Folder with a copy of the package; modules that the edits cannot change are those of `PLAIN`."""
    folder = BUILT / name
    levels = (1, 3, 4) if name == PLAIN else (3, 4)  # the baseline asks the processor
    modules = f"for level in {levels} for bits in [32]"
    texts = texts_of((*edits, ("setup.py", "for level in LEVELS for bits in (32, 64)", modules)))
    stamp, digest = folder / "digest", hashlib.sha256(repr((sys.version, texts)).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return folder
    print(f"builds {folder}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    for file, text in texts.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    if name == PLAIN or any(not file.startswith("sklstm") or not file.endswith(".py") for file, *_ in edits):
        command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
        subprocess.run(command, cwd=folder, check=True)
    if name != PLAIN:
        for module in (BUILT / PLAIN / "sklstm").glob("*.so"):
            if not (folder / "sklstm" / module.name).exists():
                shutil.copyfile(module, folder / "sklstm" / module.name)
    stamp.write_text(digest)
    return folder


# ----------------------------------------------------------------------------------------------
# processes


def serve(pipe, folder, level, core):
    """Prepare and time jobs with the package in a folder, on a CPU level."""
    os.environ |= worker.environment(level) | {"SKLSTM_REGISTERS": "1"}
    sys.path.insert(0, str(folder))
    import sklstm
    from sklstm import _cpu

    if not Path(sklstm.__file__).is_relative_to(folder) or _cpu.level() != level:
        raise SystemExit(f"asked for {level} in {folder}, got {_cpu.level()} in {sklstm.__file__}")
    worker.serve(pipe, "sklstm", {core})


class Process:
    """A process that runs jobs with one copy of the package."""

    def __init__(self, folder, level, core):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(theirs, folder, level, core)
        )
        self.process.start()
        theirs.close()  # if the process ends, the next answer is EOFError
        self.versions = self.pipe.recv()

    def ask(self, action, job):
        """Let it do something; returns the reply."""
        self.pipe.send((action, job))
        reply = self.pipe.recv()
        if isinstance(reply, worker.Failed):
            raise reply
        return reply

    def close(self):
        """End it."""
        self.pipe.send(None)
        self.process.join()


# ----------------------------------------------------------------------------------------------
# measurements


def name_of(job):
    """Row of the tables."""
    return f"{job.workload} {job.variant}".strip() + (", sparse" if job.sparse else "")


def nanoseconds(seconds):
    """Least and median time, in nanoseconds."""
    return [float(f"{1e9 * value:.4g}") for value in (min(seconds), statistics.median(seconds))]


def record_of(path, level, job, seconds_with, seconds_without, difference):
    """What a path brings on a row, as it is written."""
    fastest, median = (
        without / with_
        for without, with_ in (
            (min(seconds_without), min(seconds_with)),
            (statistics.median(seconds_without), statistics.median(seconds_with)),
        )
    )
    return {
        "path": path.name,
        "level": level,
        "row": name_of(job),
        "with": nanoseconds(seconds_with),
        "without": nanoseconds(seconds_without),
        "rounds": len(seconds_with),
        "ratio": float(f"{median:.4g}"),
        "ratio_of_fastest": float(f"{fastest:.4g}"),
        "difference": float(f"{difference:.2g}"),
    }


def check(path, job, difference):
    """Refuse a path without which the results are others."""
    tolerance = TOLERANCE["float32"] if path.differs else 0
    if not difference <= tolerance:
        raise SystemExit(
            f"{name_of(job)}: results with and without {path.name!r} differ by {difference:.2g}, "
            f"more than {tolerance:g}."
        )


def time_row(processes, paths, level, job, rounds, budget):
    """Records of all paths on one row."""
    from run import LEAST_ROUNDS, difference

    names = [PLAIN, *(path.name for path in paths)]
    results = {name: processes[name].ask("prepare", job)[2] for name in names}
    differences = {path.name: difference(results[path.name], results[PLAIN]) for path in paths}
    for path in paths:
        check(path, job, differences[path.name])
    seconds, begun = {name: [] for name in names}, time.perf_counter()
    for n in range(rounds):
        turn = n % len(names)
        for name in names[turn:] + names[:turn]:
            seconds[name].append(processes[name].ask("time", job)[0])
        if time.perf_counter() - begun > budget and n + 1 >= LEAST_ROUNDS:
            break
    for name in names:
        processes[name].ask("forget", job)
    return [
        record_of(path, level, job, seconds[PLAIN], seconds[path.name], differences[path.name])
        for path in paths
    ]


def chosen(parser, option, value, known):
    """The names of a list with commas, in the order of those that are known."""
    names = value.split(",")
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"{option} has {unknown}, but there are {', '.join(known)}")
    return [name for name in known if name in names]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [path.name for path in PATHS]
    parser.add_argument("--rows", default=",".join(WORKLOADS), help=f"some of {','.join(WORKLOADS)}")
    parser.add_argument("--paths", default=",".join(names), help=f"some of {','.join(names)}")
    parser.add_argument("--levels", default=",".join(LEVELS), help=f"some of {','.join(LEVELS)}")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--budget", type=float, default=20.0, help="seconds of a row; at least 5 rounds are made"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    workloads = chosen(parser, "--rows", options.rows, WORKLOADS)
    names = chosen(parser, "--paths", options.paths, names)
    levels = chosen(parser, "--levels", options.levels, LEVELS)
    paths = [path for path in PATHS if path.name in names]
    folders = {PLAIN: build(PLAIN)} | {path.name: build(path.name, path.edits) for path in paths}
    core = max(worker.cores())
    for level in levels:  # whether it is one of this machine
        Process(folders[PLAIN], level, core).close()
    from run import machine, ticks  # not above: processes import this file, and `run` imports NumPy

    result = {
        "started": time.strftime("%Y-%m-%d %H:%M"),
        "machine": machine(),
        "paths": [{"name": path.name, "what": path.what, "differs": path.differs} for path in paths],
        "rows": [],
    }
    load, before = [os.getloadavg()[0]], ticks()
    for level in levels:
        here = [path for path in paths if level in path.levels]
        processes = {}
        try:
            for name in (PLAIN, *(path.name for path in here)):
                processes[name] = Process(folders[name], level, core)
            result["versions"] = processes[PLAIN].versions
            for job in (job for job in JOBS if job.workload in workloads):
                of_row = [path for path in here if job.workload[0] in path.rows]
                if not of_row:
                    continue
                for record in time_row(processes, of_row, level, job, options.rounds, options.budget):
                    result["rows"].append(record)
                    print(
                        "{level:<8}{row:<26}{path:<38}{ratio:>8.3f} (fastest {ratio_of_fastest:.3f})"
                        "{with[1]:>12.5g}{without[1]:>12.5g} ns".format(**record),
                        flush=True,
                    )
        finally:
            for process in processes.values():
                process.close()
    load.append(os.getloadavg()[0])
    stolen, total = ticks() - before
    result["load"] = [round(value, 2) for value in load]
    result["stolen_percent"] = float(f"{100 * stolen / max(total, 1):.2g}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
        print(f"{options.json} has {len(result['rows'])} rows")


if __name__ == "__main__":
    sys.exit(main())
