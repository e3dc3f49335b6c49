"""The page of the speed beside rivals, from what `benchmarks/rivals/run.py` wrote.

    python tools/pages/performance_page.py [--results benchmarks/results] [--output docs/performance]

needs matplotlib. `performance_page.md` has the text; the tables, the plots and a file of all ratios and times
are made here. `rivals.json` is the run that is held to no CPU level, `rivals_avx2.json` the one held to avx2;
second runs, in `rivals_again.json` and `rivals_avx2_again.json`, are in the file. `hot_spots.json`, of
`hot_spots.py`, gives the table of what time is spent on. Only `rivals.json` has to be there.
"""

import argparse
import csv
import json
from pathlib import Path
from statistics import median

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from shared import HERE, RESULTS, ROOT, filled, markdown

SECTIONS = {
    "on-line": ("A1", "A2", "A3", "A4", "A5"),
    "batches": ("B1", "B2", "B3"),
    "layers": ("layers",),
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
HEADLINE = (
    ("on-line learning, networks of 1997", "on-line", "numba"),
    ("on-line learning, networks of 1997", "on-line", "torch"),
    ("mini-batches, 32 to 512 cells", "batches", "torch"),
)
TITLES = {
    "on-line": "on-line learning",
    "batches": "mini-batches",
    "others": "predictions, streams, searches",
}


def table(head, rows):
    """Table whose first two columns are text."""
    return markdown(head, rows, left=2, empty=NOT_YET)


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


def ratio_of(record):
    """A ratio, with the quartiles of the ratios of single rounds."""
    if record is None:
        return ""
    return "{} ({} to {})".format(*map(number, (record["ratio"], *record["ratio_quartiles"])))


def ratios_of(levels, section):
    """Table of the ratios of the first runs, levels side by side."""
    rows = [
        (*key, *(ratio_of(first.get(key)) for *_, (first, _) in levels)) for key in keys_of(levels, section)
    ]
    return table(("row", "rival", *(level or "ratio" for level, *_ in levels)), rows)


def spread_of(levels, section, rival):
    """Smallest, median and largest ratio to a rival on the rows of a section, in all first runs."""
    ratios = [
        record["ratio"]
        for *_, (first, _) in levels
        for (row, name), record in first.items()
        if name.split()[0] == rival and record["group"] in SECTIONS[section]
    ]
    return (min(ratios), median(ratios), max(ratios)) if ratios else None


def headline_of(levels):
    """Three numbers: how many times as fast as the nearest rivals."""
    rows = []
    for text, section, rival in HEADLINE:
        if spread := spread_of(levels, section, rival):
            least, middle, most = map(number, spread)
            rows.append((text, rival, f"**{middle}**", f"{least} to {most}"))
    return markdown(("work", "compared with", "times as fast, median", "range"), rows, left=2, empty=NOT_YET)


def downloads_of(levels):
    """Rows of the file of all ratios and times, of all runs."""
    yield (
        "row", "rival", "level", "run", "ratio", "ratio_quartile_1", "ratio_quartile_3", "ratio_of_fastest",
        "ours", "rivals", "unit", "clock", "limit", "difference",
    )  # fmt: skip
    for section in SECTIONS:
        for key in keys_of(levels, section):
            for level, run, records in levels:
                for name, by_key in zip(("first", "second"), records, strict=True):
                    if record := by_key.get(key):
                        ours, rivals, unit, _, limit, difference = times_in(record, run["limits"])
                        quartiles = map(number, record["ratio_quartiles"])
                        fastest = number(record["ratio_of_fastest"])
                        yield (
                            *key, level, name, number(record["ratio"]), *quartiles, fastest,
                            ours, rivals, unit, record["clock"], limit, difference,
                        )  # fmt: skip


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
    """Table of the runs: when, on which CPU level, how quiet the machine was."""
    rows = []
    for name, run in runs.items():
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
                *(f"{min(v):g} to {max(v):g}" if v else "" for v in (rounds, load, stolen)),
                number(speed),
            )
        )
    head = ("run", "started", "CPU level", "rivals", "rounds", "load", "stolen, %", "GFLOP/s")
    return table(head, rows)


def memory_of(result):
    """What fits and streams add to the peak of a process."""
    if "memory" not in result:
        return NOT_YET
    memory = result["memory"]
    rows = [("fit on B2", system, f"{size / 1e6:.1f}") for system, size in memory["fit on B2"].items()]
    rows += [
        (f"stream of {int(n):,} steps", "sklstm", f"{size / 1e6:.1f}") for n, size in memory["stream"].items()
    ]
    return table(("what", "system", "MB"), rows)


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
    return table(("import", "", "ms of CPU", "ms on the wall", "MB of memory", "MB installed"), rows)


def hot_spots_of(records):
    """Functions of the kernel and their share of the samples."""
    rows = [
        (record["job"], ", ".join(f"`{name}` {share:.0f}" for name, share in record["percent"].items()))
        for record in records
    ]
    return table(("job", "percent of the time"), rows)


def page(template, runs, hot_spots=()):
    """Return the page: the template with the tables of all that was measured."""
    check(runs)
    levels, result = levels_of(runs), runs[FIRST[0]]
    tables = {section: ratios_of(levels, section) for section in SECTIONS} | {
        "machine": machine_of(result),
        "runs": runs_of(runs),
        "headline": headline_of(levels),
        "memory": memory_of(result),
        "imports": import_of(result),
        "hot spots": hot_spots_of(hot_spots),
    }
    return filled(template, tables)


def figures(runs, folder):
    """Draw the ratios by rival, and the three plots of growth."""
    plt.style.use("sklstm.pictures")
    levels = levels_of(runs)
    picture, axis = plt.subplots(figsize=(8, 2.8))
    rivals = dict.fromkeys(
        key[1].split()[0] for section in TITLES for key in keys_of(levels, section)
    )  # from the nearest to the farthest
    places = {rival: place for place, rival in enumerate(reversed(rivals))}
    for offset, (section, title) in zip((0.2, 0, -0.2), TITLES.items(), strict=True):
        points = [
            (record["ratio"], places[name.split()[0]] + offset)
            for *_, (first, _) in levels
            for (row, name), record in first.items()
            if record["group"] in SECTIONS[section]
        ]
        axis.plot(*np.transpose(points or np.empty((0, 2))), "o", alpha=0.7, label=title)
    axis.axvline(1, color="0.5", linestyle=":")
    axis.set(xscale="log", xlabel="times as fast as the rival", yticks=list(places.values()))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set_yticklabels(places)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    picture.savefig(folder / "ratios.png")
    plt.close(picture)

    growth = runs[FIRST[0]].get("growth", {})
    picture, axes = plt.subplots(1, 3, figsize=(12, 3.6))
    for axis, (name, xlabel) in zip(axes, XLABELS.items()):
        axis.set(xlabel=xlabel, xscale="log", yscale="log")
        if name in growth:
            for label, curve in growth[name]["curves"].items():
                axis.plot(growth[name]["x"][: len(curve)], curve, "o-", label=label)
            axis.legend()
            axis.set_ylim(bottom=10)
    axes[0].set_ylabel("CPU time per step [ns]")
    picture.savefig(folder / "growth.png")
    plt.close(picture)


def read(folder):
    """Results of the runs that are there, by the names of their files."""
    paths = [folder / f"{name}{second}.json" for name in FIRST for second in ("", "_again")]
    return {path.stem: json.loads(path.read_text()) for path in paths if path.exists()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "performance")
    options = parser.parse_args()
    runs = read(options.results)
    spots = options.results / "hot_spots.json"
    hot_spots = json.loads(spots.read_text()) if spots.exists() else ()
    options.output.mkdir(parents=True, exist_ok=True)
    text = page((HERE / "performance_page.md").read_text(), runs, hot_spots)
    (options.output / "index.md").write_text(text)
    with (options.output / "ratios.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(downloads_of(levels_of(runs)))
    figures(runs, options.output)
    print(f"{options.output / 'index.md'} from {', '.join(runs)}")


if __name__ == "__main__":
    main()
