"""The page of the tools of scikit-learn and the containers that they take, from the tools themselves.

    python tools/pages/containers_page.py [--output docs/containers.md]

Every tool of tests/matrix.py is run with every container; the extra "containers" installs the libraries.
`containers_page.md` has the text; the tables are made here.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import sklearn
from shared import ROOT, filled

sys.path.append(str(ROOT / "tests"))
import matrix  # of tests

WORDS = [  # what scikit-learn says where X is no table
    ("setting an array element with a sequence", "list, tuple, pandas"),
    ("Expected 2D array, got 1D array instead", "object array, list of sparse matrices, polars, pyarrow"),
    ("Expected a 2-dimensional container", "pandas"),
    ("Found array with dim 3", "3-D array"),
    ("Input X contains NaN", "padded arrays"),
    ("cannot convert to RegularArray", "awkward"),
]


def parts(cells):
    """Parts of the page, of cells (group, row, container) -> what `matrix.cell` gives."""
    counts = Counter(word for word, _, _ in cells.values())
    tables = [
        f"## {group.capitalize()}\n\n{exceptions_of(group, rows, cells)}"
        for group, rows in matrix.ROWS.items()
    ]
    return {
        "version": version(),
        "n_rows": sum(map(len, matrix.ROWS.values())),
        "n_containers": len(matrix.CONTAINERS),
        "n_mixed": len(matrix.MIXED_CONTAINERS),
        "n_cells": len(cells),
        "own": sum(word != "works" and not matrix.REMEDY.search(said) for word, _, said in cells.values()),
        "tables": "\n".join(tables),
        "words": "\n".join(f"| {words} ... | {where} |" for words, where in WORDS),
        **{word: counts[word] for word in matrix.MARKS},
    }


def version():
    """Version of scikit-learn, without its last number."""
    return ".".join(sklearn.__version__.split(".")[:2])


def some(words, word):
    """The containers of which this is said, short; the names themselves have commas."""
    named = [container for container in words if words[container] == word]
    others = [container for container in words if words[container] != word]
    if len(named) <= len(others):
        return "; ".join(named)
    return "all but " + "; ".join(others) if others else "all"


def exceptions_of(group, rows, cells):
    """The tools of a group: those that work with every container, and the others with their containers."""
    every, lines = [], []
    for name in rows:
        words = {container: cells[group, name, container][0] for container in matrix.containers(group)}
        if set(words.values()) == {"works"}:
            every.append(f"`{name}`")
        else:
            lines.append(f"| `{name}` | {' | '.join(some(words, word) for word in ('padder', 'refused'))} |")
    text = f"These tools work with every container: {', '.join(every)}.\n" if every else ""
    if lines:
        head = ("| tool | behind `SequencePadder` | refused |", "| --- | --- | --- |")
        text += "\nThe other tools work directly with the containers that are not named:\n\n"
        text += "\n".join((*head, *lines)) + "\n"
    return text


def main():
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "containers.md")
    options = parser.parse_args()
    missing = [name for name in matrix.CONTAINERS | matrix.MIXED_CONTAINERS if not matrix.available(name)]
    if missing:
        raise SystemExit(f"pip install .[containers]: no library for {', '.join(missing)}")
    cells = {
        (group, name, container): matrix.cell(name, row, container)
        for group, rows in matrix.ROWS.items()
        for name, row in rows.items()
        for container in matrix.containers(group)
    }
    template = Path(__file__).with_suffix(".md").read_text(encoding="utf-8")
    options.output.write_text(filled(template, parts(cells)), encoding="utf-8")
    print(f"{options.output}: {dict(Counter(word for word, _, _ in cells.values()))}")


if __name__ == "__main__":
    main()
