"""The page of the paths that exist for speed alone, from what `paths.py` wrote.

    python tools/pages/paths_page.py [--results benchmarks/results/paths.json] [--output docs/paths.md]

`paths_page.md` has the text; the tables are made here.
"""

import argparse
import json
from pathlib import Path

from shared import HERE, RESULTS, ROOT, filled, markdown

LEAST = 1.05  # what a path has to bring
CONTROL = "control"  # no path
KINDS = {"A": "on-line learning", "B": "mini-batches", "C": "predictions and streams"}


def pays(record):
    """Whether the path brings enough on this row, by medians and by the fastest rounds."""
    return min(record["ratio"], record["ratio_of_fastest"]) >= LEAST


def of_path(result, path):
    """Records of one path."""
    return [record for record in result["rows"] if record["path"] == path["name"]]


def table_of_paths(result):
    """What each path is, and where it pays."""
    lines = []
    for path in result["paths"]:
        if records := of_path(result, path):
            most = max(records, key=lambda record: record["ratio"])
            lines.append(
                (
                    path["name"],
                    path["what"],
                    f"{sum(map(pays, records))} of {len(records)}",
                    f"{most['ratio']:.2f}: {most['row']} ({most['level']})",
                    path["differs"],
                )
            )
    return markdown(("path", "what it is", "pays on", "most", "why the bits differ"), lines, left=5)


def idle_of(result):
    """Names of the paths that pay nowhere."""
    names = [
        path["name"]
        for path in result["paths"]
        if path["name"] != CONTROL and (records := of_path(result, path)) and not any(map(pays, records))
    ]
    return f"Less than 5 % on every row: {', '.join(names) if names else 'none'}."


def table_of_rows(result, level, kind):
    """Ratios of all paths that were timed on these rows; None if there are none."""
    records = {
        (record["path"], record["row"]): record
        for record in result["rows"]
        if record["level"] == level and record["row"][0] == kind
    }
    rows = list(dict.fromkeys(row for _, row in records))
    names = [path["name"] for path in result["paths"] if any(name == path["name"] for name, _ in records)]
    if not records:
        return None

    def cell(name, row):
        if (name, row) not in records:
            return ""
        record = records[name, row]
        return f"**{record['ratio']:.2f}**" if pays(record) else f"{record['ratio']:.2f}"

    return markdown(("path", *rows), [(name, *(cell(name, row) for row in rows)) for name in names])


def tables_of_rows(result):
    """All tables of ratios, each below its level and kind of rows."""
    levels = dict.fromkeys(record["level"] for record in result["rows"])
    tables = {(level, kind): table_of_rows(result, level, kind) for level in levels for kind in KINDS}
    return "\n\n".join(f"`{at[0]}`, {KINDS[at[1]]}:\n\n{table}" for at, table in tables.items() if table)


def machine_of(result):
    """Processor, versions, load."""
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(result["versions"].items()))
    load, rounds = result["load"], [record["rounds"] for record in result["rows"]]
    return (
        f"Measured {result['started']} on {machine['cores']} cores of {machine['processor']}, "
        f"{machine['system']}, Python {machine['python']}: {versions}. "
        f"Rounds: {min(rounds)} to {max(rounds)}. Load average: {min(load):.1f} to {max(load):.1f}. "
        f"Time that the host gave to others: {result['stolen_percent']:.1f} percent."
    )


def page(template, result):
    """Return the page: the template with the tables of all that was measured."""
    parts = {
        "machine": machine_of(result),
        "paths": table_of_paths(result),
        "idle": idle_of(result),
        "rows": tables_of_rows(result),
    }
    return filled(template, parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS / "paths.json")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "paths.md")
    options = parser.parse_args()
    result = json.loads(options.results.read_text())
    options.output.write_text(page((HERE / "paths_page.md").read_text(), result))
    print(f"{options.output} from {len(result['rows'])} rows")


if __name__ == "__main__":
    main()
