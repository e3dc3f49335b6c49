"""Directive `messages`: every error and warning of the package, from its source."""

import ast
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

import sklstm

ROOT = Path(sklstm.__file__).parent
LEAST = 12  # characters of a text that is a message


def text_of(node):
    """Text of a message, with ... where a value stands; "" if it is made elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return text_of(node.left) + text_of(node.right)
    return ""


def messages():
    """Pairs of kind and text of all that the package raises or warns."""
    found = set()
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                kind, call = ast.unparse(node.exc.func), node.exc
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn":
                kind = ast.unparse(node.args[1]) if len(node.args) > 1 else "UserWarning"
                call = node
            else:
                continue
            text = text_of(call.args[0]) if call.args else ""
            if len(text.replace("…", "").strip()) >= LEAST:
                found.add((kind.partition("(")[0].rpartition(".")[2], text))
    return sorted(found, key=lambda pair: (pair[1].lstrip("…`' ").lower(), pair))


class Messages(SphinxDirective):
    """A list of all messages."""

    def run(self):
        """One item per message."""
        items = nodes.bullet_list()
        for kind, text in messages():
            line = nodes.paragraph("", "", nodes.literal(text=kind), nodes.Text(": " + text))
            items += nodes.list_item("", line)
        return [items]


def setup(app):
    """Add the directive."""
    app.add_directive("messages", Messages)
    return {"parallel_read_safe": True}
