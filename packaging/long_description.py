"""README.md as the page of a package index shows it, where relative links lead nowhere.

With `Repository` under [project.urls] in pyproject.toml, links and pictures lead to the files of the version
there. Without it there is no address to lead to: links become plain text, and pictures with their captions
are left out.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCKS, CODE = (re.compile(pattern, re.DOTALL) for pattern in (r"(```.*?```)", r"(```.*?```|`[^`]*`)"))
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)(\n\n\*[^*]+\*)?")
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")


def repository_of(root):
    """Address of the repository, or None."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository")


def rewritten(text, repository, version):
    """Text with links that work everywhere.

    Parameters
    ----------
    text : str
        Markdown.
    repository : str or None
        Address of the repository.
    version : str
        Its tag is v<version>.
    """

    def is_absolute(target):
        return re.match(r"[a-z]+://|#", target)

    def address(kind, target):
        return f"{repository.rstrip('/')}/{kind}/v{version}/{target}"

    def image(match):
        words, target, caption = match.groups()
        if is_absolute(target):
            return match[0]
        return f"![{words}]({address('raw', target)}){caption or ''}" if repository else ""

    def link(match):
        words, target = match.groups()
        if is_absolute(target):
            return match[0]
        return f"[{words}]({address('blob', target)})" if repository else words

    for code, pattern, replacement in ((BLOCKS, IMAGE, image), (CODE, LINK, link)):
        parts = code.split(text)  # text, code, text, ...
        parts[::2] = [pattern.sub(replacement, part) for part in parts[::2]]
        text = "".join(parts)
    return re.sub(r"\n{3,}", "\n\n", text)


def long_description(root=ROOT):
    """README.md of a source tree, for the metadata of its distributions."""
    version = re.search(
        r'^__version__ = "(.*)"$', (root / "sklstm" / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE
    )[1]
    text = (root / "README.md").read_text(encoding="utf-8")
    return rewritten(text, repository_of(root), version)
