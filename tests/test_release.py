"""Releases: what stands against one is found, and what is made of the files is right."""

import hashlib
import importlib.util
import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import sklstm

ROOT = Path(__file__).parents[1]
READY = {"version": "1.2.3", "changelog": "# Changelog\n\n## 1.2.3 - 2026-01-02\n\n### Added\n\n- All.\n"}


def module_of(path):
    """The module of a script."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tool():
    """The module of tools/release.py."""
    return module_of(ROOT / "tools" / "release.py")


@pytest.fixture(scope="module")
def readme():
    """The module that makes the text for the package index of README.md."""
    return module_of(ROOT / "packaging" / "long_description.py")


def project(path, version=READY["version"], changelog=READY["changelog"]):
    """A repository with these files."""
    (path / "sklstm").mkdir()
    (path / "sklstm" / "__init__.py").write_text(f'"""Text."""\n\n__version__ = "{version}"\n')
    (path / "CHANGELOG.md").write_text(changelog)
    recipe = path / "packaging" / "conda-forge" / "recipe.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text((ROOT / "packaging" / "conda-forge" / "recipe.yaml").read_text())
    (path / ".gitignore").write_text("dist/\n")
    (path / "pyproject.toml").write_text("[project]\n")
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "All"]):
        git(path, *arguments)
    return path


def git(path, *arguments):
    """What git prints."""
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    command = ["git", *who, *arguments]
    return subprocess.run(command, cwd=path, check=True, capture_output=True, text=True).stdout


def test_version_and_changelog_of_this_project(tool):
    assert tool.version_of(ROOT) == sklstm.__version__
    entries = tool.entries_of(ROOT)
    assert set(entries) & {sklstm.__version__, "Unreleased"}
    assert all(body for _, body in entries.values())


@pytest.mark.parametrize(
    ("version", "changelog", "problem"),
    [
        (
            "1.2.dev0",
            "## 1.2.dev0 - 2026-01-02\n\n- All.\n",
            "__version__ is '1.2.dev0'; expected three numbers",
        ),
        ("1.2.4", READY["changelog"], 'no entry "## 1.2.4 - 2'),
        ("1.2.3", "## 1.2.3\n\n- All.\n", "has the date ''"),
        ("1.2.3", "## 1.2.3 - 2026-13-01\n\n- All.\n", "has the date '2026-13-01'"),
        ("1.2.3", "## 1.2.3 - 2999-01-01\n\n- All.\n", "has the date '2999-01-01'"),
        (
            "1.2.3",
            "## 1.2.3 - 2026-01-02\n\n## 1.2.2 - 2026-01-01\n\n- All.\n",
            "1.2.3 of CHANGELOG.md is empty",
        ),
        ("1.2.3", "## Unreleased\n\n- More.\n\n" + READY["changelog"], 'changes under "Unreleased"'),
    ],
)
def test_files_that_are_not_ready(tool, tmp_path, version, changelog, problem):
    (found,) = tool.problems_of(project(tmp_path, version, changelog))
    assert problem in found


def test_a_tree_that_is_not_ready(tool, tmp_path):
    path = project(tmp_path)
    assert tool.problems_of(path) == tool.problems_of_tree(path, "v1.2.3") == []
    git(path, "tag", "v1.2.3")
    (path / "new").write_text("")
    changes, tag = tool.problems_of_tree(path, "v1.2.3")
    assert "not committed" in changes
    assert "v1.2.3 exists already" in tag
    with pytest.raises(SystemExit, match="Not ready for a release:\n- the working tree"):
        tool.release(path, run=None)


def test_release_runs_all_steps_then_tags(tool, tmp_path, capsys):
    path, ran = project(tmp_path), []

    def run(command, cwd, check):
        assert (cwd, check) == (path, True)
        ran.append(command)
        if command == ["make", "dist"]:
            (path / "dist").mkdir()
            (path / "dist" / "sklstm-1.2.3.tar.gz").write_bytes(b"source")
        if command[0] == "git":
            assert (path / "dist" / "recipe.yaml").exists()
            git(path, *command[1:])

    tool.release(path, run)
    assert ran[: len(tool.STEPS)] == tool.STEPS
    assert git(path, "tag", "--list") == "v1.2.3\n"
    out = capsys.readouterr().out
    assert "git push origin v1.2.3" in out
    assert "no Repository under [project.urls]" in out
    recipe = (path / "dist" / "recipe.yaml").read_text()
    checksum = hashlib.sha256(b"source").hexdigest()
    assert recipe.startswith(f'context:\n  version: "1.2.3"\n  sha256: "{checksum}"\n')


def test_a_step_that_fails_leaves_no_tag(tool, tmp_path):
    path = project(tmp_path)

    def run(command, cwd, check):
        raise subprocess.CalledProcessError(1, command)

    with pytest.raises(subprocess.CalledProcessError):
        tool.release(path, run)
    assert git(path, "tag", "--list") == ""


TEXT = """# Name

See [the guide](docs/guide.md#part), [elsewhere](https://example.org/x) and [below](#end).

![A picture](docs/a.png)

*What it
shows: `f[0](x)`.*

```python
y = f[0](x)
```
"""


def test_links_of_the_readme_lead_to_the_repository(readme):
    found = readme.rewritten(TEXT, "https://example.org/a/b/", "1.2.3")
    assert "[the guide](https://example.org/a/b/blob/v1.2.3/docs/guide.md#part)" in found
    assert "![A picture](https://example.org/a/b/raw/v1.2.3/docs/a.png)\n\n*What it\n" in found
    for untouched in ("[elsewhere](https://example.org/x)", "[below](#end)", "y = f[0](x)\n", "`f[0](x)`"):
        assert untouched in found


def test_without_a_repository_the_readme_has_no_links_that_lead_nowhere(readme):
    found = readme.rewritten(TEXT, None, "1.2.3")
    assert "See the guide, [elsewhere](https://example.org/x) and [below](#end).\n\n```python\n" in found
    assert "y = f[0](x)\n" in found
    assert "picture" not in found


def relative_links(text):
    """Targets of links and pictures that are relative."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return [target for target in re.findall(r"\]\(([^)]*)\)", text) if not re.match(r"https?://|#", target)]


@pytest.mark.parametrize("repository", [None, "https://example.org/a/b"])
def test_the_readme_of_this_project_has_no_relative_link_on_an_index(readme, repository):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(relative_links(text)) > 5
    found = readme.rewritten(text, repository, "1.2.3")
    assert relative_links(found) == []
    assert ("figures/digits.png" in found) == (repository is not None)
    code = re.findall(r"```.*?```", text, flags=re.DOTALL)
    assert re.findall(r"```.*?```", found, flags=re.DOTALL) == code


def test_the_metadata_have_the_text_for_an_index(readme):
    try:
        found = metadata.metadata("sklstm")
    except metadata.PackageNotFoundError:
        pytest.skip("sklstm is not installed")
    if found["Version"] != sklstm.__version__ or not found["Description-Content-Type"]:
        pytest.skip("another version is installed")
    text = found.get_payload() or found["Description"]
    assert text.strip() == readme.long_description(ROOT).strip()
    assert found["Description-Content-Type"] == "text/markdown"


def test_recipe_asks_for_what_the_project_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needs = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    recipe = (ROOT / "packaging" / "conda-forge" / "recipe.yaml").read_text()
    for need in needs:
        name, least = need.lower().split(">=")
        if need != "numpy>=2":  # conda-forge has a NumPy of its own to build with
            assert f"- {name} >={least}\n" in recipe


def test_workflows_run_what_exists():
    makefile = (ROOT / "Makefile").read_text()
    extras = re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    texts = [path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml")]
    if not texts:
        pytest.skip("a source distribution has no workflows")
    targets = " ".join(re.findall(r"run: make (.*)", "".join(texts))).split()
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    names = ",".join(re.findall(r"\.\[([\w,]+)\]", "".join(texts))).split(",")
    assert set(names) <= set(extras)
    assert "test-oldest" in targets
    assert "test" in names
