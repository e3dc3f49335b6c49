"""A release up to the upload: checks, tests, distributions, the tag. `make release` runs it.

    tools/release.py          all of it; it ends with what is left to do
    tools/release.py check    only whether version, changelog, recipe and working tree are ready
    tools/release.py notes    the entry of the changelog, for the page of the release

The version is that of sklstm/__init__.py, the only place where it is set by hand.
"""

import argparse
import hashlib
import re
import runpy
import subprocess
import sys
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENTRY = re.compile(r"^## (\S+)(?: - (\S+))?\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
STEPS = [
    [".ci/run"],
    ["make", "test-oldest"],
    ["make", ".venv/test.stamp"],
    [".venv/bin/python", "-P", "-m", "pytest", "-m", "slow"],
    ["make", "wheel"],
    ["make", "dist"],
]


def version_of(root):
    """Version in the source."""
    text = (root / "sklstm" / "__init__.py").read_text()
    return re.search(r'^__version__ = "(.*)"$', text, re.MULTILINE)[1]


def entries_of(root):
    """Entries of the changelog: version -> date, or None, and text."""
    text = (root / "CHANGELOG.md").read_text()
    return {version: (day, body.strip()) for version, day, body in ENTRY.findall(text)}


def problems_of(root):
    """Reasons against a release of the files in a directory."""
    version, entries, found = version_of(root), entries_of(root), []
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        found.append(f"__version__ is {version!r}; expected three numbers, as in 1.2.3")
    day, body = entries.get(version, (None, ""))
    if version not in entries:
        found.append(f'CHANGELOG.md has no entry "## {version} - {date.today()}"')
    elif not _is_date(day):
        expected = f"expected one such as {date.today()}"
        found.append(f"the entry {version} of CHANGELOG.md has the date {day!r}; {expected}")
    elif not body:
        found.append(f"the entry {version} of CHANGELOG.md is empty")
    if entries.get("Unreleased", ("", ""))[1]:
        found.append(f'CHANGELOG.md has changes under "Unreleased"; they belong under {version}')
    return found


def problems_of_tree(root, tag):
    """Reasons of git against a release."""
    found = []
    if _git(root, "status", "--porcelain"):
        found.append("the working tree has changes that are not committed")
    if _git(root, "tag", "--list", tag):
        found.append(f"the tag {tag} exists already; set another __version__")
    return found


def write_recipe(root, version):
    """Recipe of conda-forge with version and checksum of the source distribution; its path."""
    sdist = root / "dist" / f"sklstm-{version}.tar.gz"
    values = {"version": version, "sha256": hashlib.sha256(sdist.read_bytes()).hexdigest()}
    text = (root / "packaging" / "conda-forge" / "recipe.yaml").read_text()
    for name, value in values.items():
        text, n = re.subn(rf'^  {name}: ".*"$', f'  {name}: "{value}"', text, flags=re.MULTILINE)
        assert n == 1, f"packaging/conda-forge/recipe.yaml has no {name} in its context"
    path = root / "dist" / "recipe.yaml"
    path.write_text(text.partition("\n")[2])  # without the comment on the first line
    return path


def has_address(root):
    """Whether the links of README.md lead somewhere on a package index."""
    tool = runpy.run_path(str(ROOT / "packaging" / "long_description.py"))
    return tool["repository_of"](root) is not None


def release(root, run=subprocess.run):
    """Make the release, except for the upload."""
    version = version_of(root)
    tag = f"v{version}"
    _stop_at(problems_of(root) + problems_of_tree(root, tag))
    python = sys.executable
    for step in [*STEPS, [python, "-m", "twine", "check", "--strict", f"dist/sklstm-{version}.tar.gz"]]:
        print("==", *step, flush=True)
        run(step, cwd=root, check=True)
    recipe = write_recipe(root, version)
    _stop_at(problems_of_tree(root, tag))  # nothing that ran has changed a file
    run(["git", "tag", "--annotate", tag, "--message", f"sklstm {version}"], cwd=root, check=True)
    print(
        f"{tag} is tagged, here only. What is left:\n"
        f"1. git push origin {tag}: .github/workflows/release.yml builds all wheels, and uploads them when\n"
        "   somebody approves it.\n"
        f"2. After the upload, give {recipe.relative_to(root)} to the feedstock of conda-forge."
    )
    if not has_address(root):
        print(
            "pyproject.toml has no Repository under [project.urls]: the page on the package index has no\n"
            "links and no picture. With an address there, they lead to the files of the tag."
        )


def _is_date(text):
    try:
        return date.fromisoformat(text or "") <= date.today()
    except ValueError:
        return False


def _git(root, *arguments):
    return subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=True
    ).stdout.strip()


def _stop_at(problems):
    if problems:
        raise SystemExit("Not ready for a release:\n" + "\n".join(f"- {problem}" for problem in problems))


def main():
    """Run what the arguments ask for."""
    description, _, rest = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        description=description, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=["all", "check", "notes"], default="all")
    parser.add_argument(
        "--tag", help="with check: the tag that is released, which has to be that of the version"
    )
    arguments = parser.parse_args()
    if arguments.what == "notes":
        print(entries_of(ROOT)[version_of(ROOT)][1])
    elif arguments.what == "check":
        problems, tag = problems_of(ROOT), f"v{version_of(ROOT)}"
        if arguments.tag is None:
            problems += problems_of_tree(ROOT, tag)
        elif arguments.tag != tag:
            problems.append(f"the tag is {arguments.tag}, the version asks for {tag}")
        _stop_at(problems)
    else:
        release(ROOT)


if __name__ == "__main__":
    main()
