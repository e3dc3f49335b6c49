"""The page of the speed beside rivals, from what `run.py` wrote.

    python benchmarks/rivals/page.py [--results benchmarks/results] [--output docs/performance]

needs matplotlib. `page.md` has the text; the tables and the plots of growth are made here. `rivals.json` is
the run that is held to no CPU level, `rivals_avx2.json` the one held to avx2; second runs, in
`rivals_again.json` and `rivals_avx2_again.json`, give the columns "again". `hot_spots.json`, of
`hot_spots.py`, gives the table of what time is spent on. Only `rivals.json` has to be there.
"""

import argparse
import json
import re
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SECTIONS = {
    "on-line": ("A1", "A2", "A3", "A4", "A5"),
    "batches": ("B1", "B2", "B3"),
    "others": ("C1", "C2", "F"),
    "threads": ("threads",),
}
FIRST = ("rivals", "rivals_avx2")  # files, one of a CPU level; those of second runs end in "_again"
XLABELS = {
    "length": "steps of the sequence",
    "width": "one-hot inputs",
    "number": "sequences of 100 to 110 steps",
}
NOT_YET = "Not measured yet."


def markdown(head, rows):
    """Table in Markdown; the first two columns to the left, the others to the right."""
    if not rows:
        return NOT_YET
    lines = [head, [":--"] * 2 + ["--:"] * (len(head) - 2), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def number(value):
    """Three digits."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def key_of(record):
    """What tells rows apart."""
    return record["row"], record["rival"]


def levels_of(runs):
    """For each CPU level: its name, the first run, and the records of both runs by their keys."""
    levels = []
    for name in FIRST:
        if name in runs:
            pair = runs[name]["rows"], runs.get(f"{name}_again", {"rows": []})["rows"]
            records = [{key_of(record): record for record in rows} for rows in pair]
            levels.append((runs[name].get("level", ""), runs[name], records))
    return levels


def keys_of(levels, section):
    """Rows of a section that any level has."""
    groups = SECTIONS[section]
    return dict.fromkeys(
        key_of(record) for _, run, _ in levels for record in run["rows"] if record["group"] in groups
    )


def is_met(record):
    """Whether the ratio reaches the goal; None without a goal."""
    return None if record["goal"] is None else record["ratio"] >= record["goal"]


def ratio_of(record, quartiles=True):
    """A ratio: in bold if its goal is met, and else it says so."""
    if record is None:
        return ""
    text = number(record["ratio"])
    if quartiles:
        text += " ({} to {})".format(*map(number, record["ratio_quartiles"]))
    return {True: f"**{text}**", False: f"{text}, missed", None: text}[is_met(record)]


def goal_of(by_level, name):
    """Goal or aim, with the CPU levels where they differ."""
    values = {level: number(record[name]) for level, record in by_level.items()}
    if len({*values.values()}) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{value} ({level})" for level, value in values.items())


def ratios_of(levels, section):
    """Table of the ratios, levels side by side."""
    rows = []
    for key in keys_of(levels, section):
        pairs = [[run.get(key) for run in records] for *_, records in levels]
        by_level = {level: pair[0] for (level, *_), pair in zip(levels, pairs) if pair[0]}
        cells = [cell for first, again in pairs for cell in (ratio_of(first), ratio_of(again, False))]
        rows.append((*key, *cells, goal_of(by_level, "goal"), goal_of(by_level, "aim")))
    columns = [column for level, *_ in levels for column in (level or "ratio", "again")]
    return markdown(("row", "rival", *columns, "goal", "aim"), rows)


def times_of(levels):
    """Table of the times of the first runs, all rows."""
    rows = []
    for section in SECTIONS:
        for key in keys_of(levels, section):
            for level, run, (records, _) in levels:
                if record := records.get(key):
                    rows.append((*key, level, *times_in(record, run["limits"])))
    head = ("row", "rival", "level", "ours", "rival's", "unit", "fastest", "limit", "differs")
    return markdown(head, rows)


def times_in(record, limits):
    """Cells of one row and one level."""
    clock, scale = record["clock"], {"ns": 1, "us": 1e-3, "s": 1e-9}[record["unit"]]
    limit = limits.get(record["limit"])
    note = f" ({record['rival_note']})" if record["rival_note"] else ""
    return (
        number(record[f"ours_{clock}"][1]),
        number(record[f"rival_{clock}"][1]) + note,
        record["unit"] + (", wall" if clock == "wall" else ""),
        number(record["ratio_of_fastest"]),
        "" if limit is None else number(limit * scale),
        "" if record["difference"] is None else f"{record['difference']:.0e}",
    )


def check(runs):
    """All runs must be of one machine and of the same versions, second runs of the level of the first."""
    for name, run in runs.items():
        first = name.removesuffix("_again")
        others = {"machine": FIRST[0], "versions": FIRST[0], "level": first, "rivals_held": first}
        for part, other in others.items():
            if other not in runs:
                raise ValueError(f"{name}.json needs {other}.json beside it.")
            found, expected = run.get(part), runs[other].get(part)
            if found != expected:
                raise ValueError(f"{part} of {name}.json is {found}, but that of {other}.json {expected}.")


def machine_of(first):
    """Processor and versions."""
    machine = first["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(first["versions"].items()))
    return (
        f"Measured on {machine['cores']} cores of {machine['processor']}, {machine['system']}, "
        f"Python {machine['python']}: {versions}."
    )


def runs_of(runs):
    """Table of the runs: when, on which CPU level, how quiet the machine was, how many goals are met."""
    rows = []
    for name, run in runs.items():
        met = [is_met(record) for record in run["rows"] if record["goal"] is not None]
        load = [value for record in run["rows"] for value in record["load"]]
        stolen = [record["stolen_percent"] for record in run["rows"]]
        rounds = [record["rounds"] for record in run["rows"]]
        speed = run["limits"].get("sgemm, GFLOP/s")
        rows.append(
            (
                f"`{name}.json`",
                run["started"],
                run.get("level", ""),
                "held to it" if run.get("rivals_held") else "as they are",
                f"{sum(met)} of {len(met)}",
                *(f"{min(v):g} to {max(v):g}" if v else "" for v in (rounds, load, stolen)),
                number(speed),
            )
        )
    head = ("run", "started", "CPU level", "rivals", "goals met", "rounds", "load", "stolen, %", "GFLOP/s")
    return markdown(head, rows)


def memory_of(result):
    """What fits and streams add to the peak of a process."""
    if "memory" not in result:
        return NOT_YET
    memory = result["memory"]
    rows = [("fit on B2", system, f"{size / 1e6:.1f}") for system, size in memory["fit on B2"].items()]
    rows += [
        (f"stream of {int(n):,} steps", "sklstm", f"{size / 1e6:.1f}") for n, size in memory["stream"].items()
    ]
    return markdown(("what", "system", "MB"), rows)


def import_of(result):
    """Time, memory and size on the disk of imports."""
    rows = [
        (
            system,
            "",
            f"{numbers['cpu_seconds'] * 1000:.0f}",
            f"{numbers['wall_seconds'] * 1000:.0f}",
            f"{numbers['resident_bytes'] / 1e6:.1f}",
            f"{numbers['installed_bytes'] / 1e6:.1f}",
        )
        for system, numbers in result.get("import", {}).items()
    ]
    return markdown(("import", "", "ms of CPU", "ms on the wall", "MB of memory", "MB installed"), rows)


def hot_spots_of(records):
    """Functions of the kernel and their share of the samples."""
    rows = [
        (record["job"], ", ".join(f"`{name}` {share:.0f}" for name, share in record["percent"].items()))
        for record in records
    ]
    return markdown(("job", "percent of the time"), rows)


def page(template, runs, hot_spots=()):
    """Return the page: the template with the tables of all that was measured."""
    check(runs)
    levels, result = levels_of(runs), runs[FIRST[0]]
    tables = {section: ratios_of(levels, section) for section in SECTIONS} | {
        "machine": machine_of(result),
        "runs": runs_of(runs),
        "times": times_of(levels),
        "memory": memory_of(result),
        "import": import_of(result),
        "hot spots": hot_spots_of(hot_spots),
    }
    return re.sub(r"\{\{(.+?)\}\}", lambda match: tables[match[1]], template)


def figure(result, folder):
    """Draw the three plots of growth."""
    growth = result.get("growth", {})
    picture, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    for axis, (name, xlabel) in zip(axes, XLABELS.items()):
        axis.set(xlabel=xlabel, xscale="log", yscale="log")
        if name in growth:
            for label, curve in growth[name]["curves"].items():
                axis.plot(growth[name]["x"][: len(curve)], curve, "o-", label=label)
            axis.legend(fontsize=7)
            axis.set_ylim(bottom=10)
    axes[0].set_ylabel("ns of CPU time a step")
    picture.savefig(folder / "growth.png", dpi=100)
    plt.close(picture)


def read(folder):
    """Results of the runs that are there, by the names of their files."""
    paths = [folder / f"{name}{second}.json" for name in FIRST for second in ("", "_again")]
    return {path.stem: json.loads(path.read_text()) for path in paths if path.exists()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "performance")
    options = parser.parse_args()
    runs = read(options.results)
    spots = options.results / "hot_spots.json"
    hot_spots = json.loads(spots.read_text()) if spots.exists() else ()
    options.output.mkdir(parents=True, exist_ok=True)
    text = page((HERE / "page.md").read_text(), runs, hot_spots)
    (options.output / "index.md").write_text(text)
    figure(runs[FIRST[0]], options.output)
    print(f"{options.output / 'index.md'} from {', '.join(runs)}")


if __name__ == "__main__":
    main()
