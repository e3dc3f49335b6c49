"""The page of results of the experiments of the tutorial of 2003, from the records of their trials.

    python tools/pages/tutorial_page.py [--records benchmarks/results/tutorial] [--output docs/tutorial]

needs matplotlib. `tutorial_page.md` has the text; its tables, one for each family, are made here.
"""

import argparse
from pathlib import Path

from shared import HERE, RESULTS, ROOT, filled, markdown

from sklstm.paper import TUTORIAL
from sklstm.paper._records import read
from sklstm.paper._results import groups_of

HEAD = ["row", "setting", "weights", "published", "solved", "sequences", "reached: median (range)", "seeds"]


def seeds_of(group):
    """Seeds of the trials, short."""
    seeds = group.seeds
    consecutive = seeds == list(range(seeds[0], seeds[-1] + 1))
    return f"{seeds[0]}-{seeds[-1]}" if consecutive and len(seeds) > 1 else ", ".join(map(str, seeds))


def table_of(family, groups):
    """Rows of one family in all settings that were run."""
    rows = []
    for row in TUTORIAL.values():
        for setting in row.settings if row.family == family else ():
            group = groups.get((row.name, setting))
            weights = row.arguments_of(setting)["n_weights"]
            line = [row.name, setting, weights, row.published]
            found = (
                [group.share, group.mean, group.reached, seeds_of(group)]
                if group
                else ["not run", "", "", ""]
            )
            rows.append(line + found)
    return markdown(HEAD, rows)


def readings_of(family):
    """When trials of a family end, what is reached, and how the sources are read."""
    lines = []
    for row in TUTORIAL.values():
        line = f"**Solved**: {row.rule}. **Reached**: {row.reached}. **Reading**: {row.reading}"
        if row.family == family and line not in lines:
            lines.append(line)
    return "\n\n".join(lines)


def page(template, records):
    """Return the page: the template with the tables of the records."""
    groups, families = groups_of(records), dict.fromkeys(row.family for row in TUTORIAL.values())
    parts = {f"table {family}": table_of(family, groups) for family in families}
    return filled(template, parts | {f"readings {family}": readings_of(family) for family in families})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=Path, default=RESULTS / "tutorial")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "tutorial")
    options = parser.parse_args()
    records = read(options.records)
    if not records:
        parser.error(f"{options.records} has no trials")
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "index.md").write_text(page((HERE / "tutorial_page.md").read_text(), records))
    print(f"{options.output / 'index.md'} from {len(records)} trials")


if __name__ == "__main__":
    main()
