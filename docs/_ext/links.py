"""Links of the pages: from files that are no pages to their pages, and from names to the reference."""

import re

from docutils import nodes
from gallery import pages
from sphinx import addnodes

import sklstm
import sklstm.paper
import sklstm.tasks

OUTSIDE = {
    "CONTRIBUTING.md": "/development/contributing.md",
    "CHANGELOG.md": "/development/changes.md",
}
LINK = re.compile(r"\]\((?:\.\./)+(?:examples/(plot_\w+\.py)|(CONTRIBUTING\.md|CHANGELOG\.md))")
FILE = re.compile(r"\bdocs/([\w/]+)\.md\b")
NAMES = {name: f"sklstm.{name}" for name in sklstm.__all__ if name not in ("paper", "tasks")}
for module in (sklstm.paper, sklstm.tasks):
    for name in module.__all__:
        NAMES[name] = f"{module.__name__}.{name}"


def to_pages(app, docname, source):
    """Links to examples and to documents outside of docs/ lead to their pages."""
    made = pages()

    def page(match):
        return f"](/{made[match[1]]}.rst" if match[1] else f"]({OUTSIDE[match[2]]}"

    source[0] = LINK.sub(page, source[0])


def to_reference(app, doctree):
    """`LSTMClassifier` in a text leads to its entry in the reference."""
    docname = app.env.docname
    if docname.startswith(("api/", "gallery/")) or docname == "development/changes":
        return
    for literal in list(doctree.findall(nodes.literal)):
        name = literal.astext().removesuffix("()").removeprefix("sklstm.")
        name = name.removeprefix("tasks.").removeprefix("paper.")
        inside = literal.parent
        while inside and not isinstance(inside, (nodes.reference, nodes.title, addnodes.pending_xref)):
            inside = inside.parent
        if name in NAMES and inside is None:
            link = addnodes.pending_xref(
                "", refdomain="py", reftype="obj", reftarget=NAMES[name], refexplicit=True, refdoc=docname
            )
            literal.replace_self(link)
            link += literal


def from_docstrings(app, what, name, obj, options, lines):
    """`docs/losses.md` in a docstring leads to its page."""
    lines[:] = [FILE.sub(r":doc:`/\1`", line) for line in lines]


def setup(app):
    """Connect the three."""
    app.connect("autodoc-process-docstring", from_docstrings)
    app.connect("source-read", to_pages)
    app.connect("doctree-read", to_reference)
    return {"parallel_read_safe": True}
