"""Functions of the scripts of generated pages: tables in Markdown, and templates."""

import re
from pathlib import Path

import jinja2

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def markdown(head, rows, left=1, empty="No trials yet."):
    """Table in Markdown; the first columns are left-aligned, the others right-aligned."""
    if not rows:
        return empty
    lines = [head, [":--"] * left + ["--:"] * (len(head) - left), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def identifier(name):
    """Name of a part in a template: "table T-maze" is table_T_maze there."""
    return re.sub(r"\W", "_", name)


def filled(template, parts):
    """Fill a template with its parts; a missing part is an error."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    values = {identifier(name): text for name, text in parts.items()}
    return environment.from_string(template).render(values)
