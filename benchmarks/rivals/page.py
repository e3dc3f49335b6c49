"""The page of the speed beside rivals, from what `run.py` wrote.

    python benchmarks/rivals/page.py [--results benchmarks/results/rivals.json] [--output docs/performance]

needs matplotlib. `page.md` has the text; the tables and the plots of growth are made here. A second run, in
`rivals_again.json` beside the results, gives the column "again"; `hot_spots.json`, of `hot_spots.py`, the
table of what time is spent on.
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
HEAD = (
    *("row", "rival", "ours", "rival's", "unit"),
    *("ratio", "fastest", "again", "goal", "aim", "limit", "differs"),
)
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
    return record["row"], record["rival"].split()[0], record["goal"]


def row_of(record, limits, again):
    """One line of the table."""
    clock, scale = record["clock"], {"ns": 1, "us": 1e-3, "s": 1e-9}[record["unit"]]
    limit = limits.get(record["limit"])
    low, high = map(number, record["ratio_quartiles"])
    ratio = f"{number(record['ratio'])} ({low} to {high})"
    met = record["goal"] is not None and record["ratio"] >= record["goal"]
    second = again.get(key_of(record))
    rival = record["rival"] + (f", {record['rival_note']}" if record["rival_note"] else "")
    return (
        record["row"],
        rival,
        number(record[f"ours_{clock}"][1]),
        number(record[f"rival_{clock}"][1]),
        record["unit"] + (", wall" if clock == "wall" else ""),
        f"**{ratio}**" if met else ratio,
        number(record["ratio_of_fastest"]),
        "" if second is None else number(second["ratio"]),
        number(record["goal"]),
        number(record["aim"]),
        "" if limit is None else number(limit * scale),
        "" if record["difference"] is None else f"{record['difference']:.0e}",
    )


def table_of(section, result, again):
    """Rows of one section; a goal that is met is in bold."""
    rows = [record for record in result["rows"] if record["group"] in SECTIONS[section]]
    return markdown(HEAD, [row_of(record, result["limits"], again) for record in rows])


def machine_of(result):
    """Processor, versions, load."""
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(result["versions"].items()))
    load = [value for record in result["rows"] for value in record["load"]]
    rounds = [record["rounds"] for record in result["rows"]]
    text = f"Measured {result['started']} on {machine['cores']} cores of {machine['processor']}, "
    text += f"{machine['system']}, Python {machine['python']}: {versions}."
    if result.get("rivals_held"):
        text += f" Ours and, as far as they can be, the rivals are held to the CPU level {result['level']}."
    elif "level" in result:
        text += f" CPU level of sklstm: {result['level']}; the rivals take what they find."
    if load:
        stolen = [record["stolen_percent"] for record in result["rows"]]
        text += f" Rounds: {min(rounds)} to {max(rounds)}. Load average: {min(load):.1f} to {max(load):.1f}."
        text += f" Time that the host gave to others: {min(stolen):.1f} to {max(stolen):.1f} percent."
    if "sgemm, GFLOP/s" in result["limits"]:
        text += f" sgemm in one thread: {result['limits']['sgemm, GFLOP/s']:.0f} GFLOP/s."
    return text


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


def page(template, result, again=None, hot_spots=()):
    """Return the page: the template with the tables of all that was measured."""
    second = {key_of(record): record for record in (again or {"rows": []})["rows"]}
    tables = {section: table_of(section, result, second) for section in SECTIONS} | {
        "machine": machine_of(result),
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results" / "rivals.json")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "performance")
    options = parser.parse_args()
    result = json.loads(options.results.read_text())
    second = options.results.with_name(options.results.stem + "_again.json")
    again = json.loads(second.read_text()) if second.exists() else None
    spots = options.results.with_name("hot_spots.json")
    hot_spots = json.loads(spots.read_text()) if spots.exists() else ()
    options.output.mkdir(parents=True, exist_ok=True)
    text = page((HERE / "page.md").read_text(), result, again, hot_spots)
    (options.output / "index.md").write_text(text)
    figure(result, options.output)
    print(f"{options.output / 'index.md'} from {len(result['rows'])} rows")


if __name__ == "__main__":
    main()
