"""Every row side by side with its rivals: one table, one JSON file.

    make bench-rivals [ISA=avx2] [ROWS=A1,B1] [ROUNDS=15] [JSON=benchmarks/results/rivals.json]

makes an environment with the rivals and runs

    python benchmarks/rivals/run.py [--rows A1,B1] [--rounds 15] [--isa avx2] [--json PATH]

Each system works in a process of its own, pinned to one core, with one thread (but for the rows of two
threads). The jobs of a group take turns round by round, in rotating order, so that all see the same machine.
What counts is the CPU time of the process, whose median other work on the machine hardly moves; rows with
two threads or processes count seconds on the wall and need a quiet machine. Before anything is timed, what
ours and the rival compute is compared wherever the work is the same. With `--isa` all systems, and the
limits, are held to one CPU level as far as they can be (`worker.LEVELS`). Linux.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

import numpy as np
import worker
from jobs import GROUPS

OTHERS = ("import", "growth", "memory")
NAMES = (*dict.fromkeys(group.workload for group in GROUPS), *OTHERS)
LEAST_ROUNDS = 5
IMPORTS = 5  # of each package, at most
UNITS = {"step": ("ns", 1e9), "call": ("us", 1e6), "search": ("s", 1)}


def quartiles(values):
    """First quartile, median, third quartile."""
    return [float(f"{q:.4g}") for q in np.percentile(values, [25, 50, 75])]


def difference(ours, theirs):
    """Largest difference, relative to the largest number."""
    return float(np.abs(np.asarray(ours, float) - theirs).max() / np.abs(theirs).max())


def ticks():
    """Time of all cores that the host gave to others, and all time, in ticks of the clock."""
    fields = np.array(Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9], int)
    return np.array([fields[7], fields.sum()])


def run_group(workers, group, rounds, budget, level):
    """Records of the rows of one group, with the goals of the CPU level."""
    prepared = {job: workers.ask("prepare", job) for job in group.jobs}
    for row in group.rows:
        if row.tolerance is not None:
            found = difference(prepared[row.ours][2], prepared[row.rival][2])
            if not found <= row.tolerance:
                raise SystemExit(
                    f"{row.name}: results of {row.ours.text} and {row.rival.text} differ by {found:.2g}, "
                    f"more than {row.tolerance:g}: not the same work."
                )
    seconds = {job: [] for job in group.jobs}
    load, begun, before = [os.getloadavg()[0]], time.perf_counter(), ticks()
    jobs = list(group.jobs)
    for n in range(rounds):
        for job in jobs[n % len(jobs) :] + jobs[: n % len(jobs)]:
            seconds[job].append(workers.ask("time", job))
        if time.perf_counter() - begun > budget and n + 1 >= LEAST_ROUNDS:
            break
    load.append(os.getloadavg()[0])
    stolen, total = ticks() - before
    workers.rest(group.jobs)
    more = {"group": group.workload, "stolen_percent": float(f"{100 * stolen / max(total, 1):.2g}")}
    return [more | record_of(row, prepared, seconds, load, level) for row in group.rows]


def record_of(row, prepared, seconds, load, level):
    """One row as it is written."""
    column = {"cpu": 0, "wall": 1}[row.clock]
    unit, scale = UNITS[prepared[row.ours][1]]

    def median(job):
        return np.median(seconds[job], axis=0)[column]

    mine, others = np.array(seconds[row.ours]), np.array(seconds[row.rival])
    differs = None
    if row.tolerance is not None:
        differs = float(f"{difference(prepared[row.ours][2], prepared[row.rival][2]):.1e}")
    goal, aim = row.goals.get(level, (None, None))
    return {
        "row": row.name,
        "rival": row.rival.text,
        "rival_note": prepared[row.rival][3],
        "unit": unit,
        "clock": row.clock,
        "ours_cpu": quartiles(mine[:, 0] * scale),
        "ours_wall": quartiles(mine[:, 1] * scale),
        "rival_cpu": quartiles(others[:, 0] * scale),
        "rival_wall": quartiles(others[:, 1] * scale),
        "ratio": float(f"{median(row.rival) / median(row.ours):.3g}"),
        "ratio_quartiles": quartiles(others[:, column] / mine[:, column])[::2],
        "ratio_of_fastest": float(f"{others[:, column].min() / mine[:, column].min():.3g}"),
        "goal": goal,
        "aim": aim,
        "difference": differs,
        "limit": row.limit,
        "rounds": len(mine),
        "load": [round(value, 2) for value in load],
    }


def line_of(record, limits):
    """One line of the table on the screen."""
    low, high = record["ratio_quartiles"]
    clock = record["clock"]
    limit = limits.get(record["limit"])
    limit = "" if limit is None else f"{limit * (1e-3 if record['unit'] == 'us' else 1):.3g}"
    numbers = [record[f"ours_{clock}"][1], record[f"rival_{clock}"][1]]
    return "{:<52}{:<28}{:>9.4g}{:>10.4g} {:<3}{:>7.3g} ({:.3g}-{:.3g})  {:>5} {:>5}  {:>7}  {}".format(
        record["row"],
        record["rival"],
        *numbers,
        record["unit"],
        record["ratio"],
        low,
        high,
        "" if record["goal"] is None else record["goal"],
        "" if record["aim"] is None else record["aim"],
        limit,
        "wall" if clock == "wall" else "",
    )


def machine():
    """What runs the benchmark."""
    model = next(
        (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default=",".join(NAMES), help=f"some of {','.join(NAMES)}")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--budget", type=float, default=25.0, help="seconds of a group; at least 5 rounds are made"
    )
    parser.add_argument(
        "--isa", choices=worker.LEVELS, metavar="LEVEL", help=f"CPU level of all: {', '.join(worker.LEVELS)}"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    names = options.rows.split(",")
    if unknown := set(names) - set(NAMES):
        parser.error(f"--rows has {sorted(unknown)}, but the rows are {','.join(NAMES)}")
    os.environ |= worker.environment(options.isa)
    every_core = worker.cores()
    core = max(every_core)
    os.sched_setaffinity(0, {core})
    import footprint  # BLAS and what else they load reads the environment now
    import growth
    import limits

    from sklstm._cpu import level

    if options.isa not in (None, level()):
        parser.error(f"--isa is {options.isa}, but the highest level of sklstm here is {level()}")
    result = {
        "started": time.strftime("%Y-%m-%d %H:%M"),
        "machine": machine(),
        "level": level(),
        "rivals_held": options.isa is not None,
        "versions": {},
    }
    groups = [group for group in GROUPS if group.workload in names]
    result["limits"] = limits.measure(
        {row.limit for group in groups for row in group.rows if row.limit}, options.isa
    )
    for name, value in result["limits"].items():
        print(f"limit  {name:<24}{value:.3g}")
    workers = worker.Workers(core, every_core)
    result["rows"] = []
    try:
        for group in groups:
            for record in run_group(workers, group, options.rounds, options.budget, level()):
                result["rows"].append(record)
                print(line_of(record, result["limits"]), flush=True)
    finally:
        workers.close()
    result["versions"] = workers.versions
    if "import" in names:
        result["import"] = footprint.measure(min(options.rounds, IMPORTS))
        for system, numbers in result["import"].items():
            print(f"import {system:<14}", {name: round(value, 4) for name, value in numbers.items()})
    if "memory" in names:
        result["memory"] = growth.memory()
        print("memory", result["memory"])
    if "growth" in names:
        result["growth"] = growth.time_growth()
        for name, curves in result["growth"].items():
            for label, curve in curves["curves"].items():
                print(f"growth over {name:<8}{label:<30}", *curve)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
        print(f"{options.json} has {len(result['rows'])} rows")


if __name__ == "__main__":
    sys.exit(main())
