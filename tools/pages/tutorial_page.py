"""The pages of results of the experiments of the tutorial of 2003, from the records of their trials.

    python tools/pages/tutorial_page.py [--records benchmarks/results/tutorial] [--output docs/tutorial]

needs matplotlib. The folder tutorial beside this script has the texts: the index and one page for each family
of rows. This script makes their tables.
"""

import argparse
from pathlib import Path

from shared import HERE, RESULTS, ROOT, filled, identifier, markdown

from sklstm.paper import TUTORIAL
from sklstm.paper._records import read
from sklstm.paper._results import groups_of

TEXTS = HERE / "tutorial"
HEAD = ["row", "setting", "weights", "published", "solved", "sequences", "reached: median (range)", "seeds"]
FAMILIES = dict.fromkeys(row.family for row in TUTORIAL.values())


def page_of(family):
    """Name of the page of a family, without its ending."""
    return identifier(family).lower()


def seeds_of(group):
    """Seeds of the trials; consecutive seeds as a range."""
    seeds = group.seeds
    consecutive = seeds == list(range(seeds[0], seeds[-1] + 1))
    return f"{seeds[0]}-{seeds[-1]}" if consecutive and len(seeds) > 1 else ", ".join(map(str, seeds))


def table_of(family, groups):
    """Table of one family: a line for each row and setting."""
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
    """Rule of success, meaning of "reached", and details of a family; rows with the same text share it."""
    texts = {}
    for row in TUTORIAL.values():
        if row.family == family:
            text = f"- **Solved**: {row.rule}.\n- **Reached**: {row.reached}.\n- **Details**: {row.reading}"
            texts.setdefault(text, []).append(f"*{row.name}*")
    return "\n\n".join(f"{', '.join(names)}:\n\n{text}" for text, names in texts.items())


def summary(family, groups):
    """For each setting, the number of solved trials and the rows that were not run."""
    sentences = []
    for setting in ("paper", "best"):
        rows = [row.name for row in TUTORIAL.values() if row.family == family and setting in row.settings]
        run = [groups[name, setting] for name in rows if (name, setting) in groups]
        absent = ", ".join(f"*{name}*" for name in rows if (name, setting) not in groups)
        if run:
            solved, n = sum(group.n_solved for group in run), sum(group.n for group in run)
            note = f" Not run: {absent}." if absent else ""
            sentences.append(f"- **{setting}**: {solved} of {n} trials were solved.{note}")
        elif rows:
            sentences.append(f"- **{setting}**: no trials were run.")
    return "\n".join(sentences)


def overview(groups):
    """One line per row: the published result, and the solved trials in both settings."""
    rows = []
    for row in TUTORIAL.values():
        shares = []
        for setting in ("paper", "best"):
            group = groups.get((row.name, setting))
            shares.append(group.share if group else "not run" if setting in row.settings else "")
        rows.append([f"[{row.name}]({page_of(row.family)}.md)", row.published, *shares])
    return markdown(["row", "published", "paper: solved", "best: solved"], rows, left=2)


def pages(records):
    """Return the text of each page by its name."""
    groups = groups_of(records)
    made = {"index": filled((TEXTS / "index.md").read_text(), {"overview": overview(groups)})}
    for family in FAMILIES:
        parts = {
            "summary": summary(family, groups),
            "table": table_of(family, groups),
            "readings": readings_of(family),
        }
        made[page_of(family)] = filled((TEXTS / f"{page_of(family)}.md").read_text(), parts)
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=Path, default=RESULTS / "tutorial")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "tutorial")
    options = parser.parse_args()
    records = read(options.records)
    if not records:
        parser.error(f"{options.records} has no trials")
    options.output.mkdir(parents=True, exist_ok=True)
    made = pages(records)
    for name, text in made.items():
        (options.output / f"{name}.md").write_text(text)
    print(f"{len(made)} pages in {options.output} from {len(records)} trials")


if __name__ == "__main__":
    main()
