"""The code in README and docs runs; the examples run with a small budget; links lead somewhere."""

import os
import re
import runpy
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest
from sklearn.exceptions import ConvergenceWarning

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "CONTRIBUTING.md"]
SHORT = ["--trials", "1", "--limit"]
EXAMPLES = {
    "plot_adding.py": ([*SHORT, "2000"], "74,000", "adding.png"),
    "plot_blues.py": (["--epochs", "50"], "closed loop right for", "blues.png"),
    "plot_counting.py": (["--strings", "100", "--most", "20"], "22,000,000", "counting.png"),
    "plot_comparison.py": ([*SHORT, "200"], "transition hierarchies", "comparison.png"),
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
    "plot_multiplication.py": ([*SHORT, "2000"], "482,000", "multiplication.png"),
    "plot_oscillation.py": (["--rounds", "1"], "root mean square error", "oscillation.png"),
    "plot_parity.py": ([*SHORT, "300"], "2 to 10 steps", "parity.png"),
    "plot_parquet.py": (
        ["--row-groups", "20", "--rows", "1000", "--allowed", "5"],
        "does not fit" if sys.platform == "linux" else "fits",
        "parquet.png",
    ),
    "plot_random_long_lag.py": ([*SHORT, "200"], "5,680", "random_long_lag.png"),
    "plot_t_maze.py": (["--length", "3", "--episodes", "60"], "of the last 500 episodes", "t_maze.png"),
    "plot_spike_gap.py": ([*SHORT, "500"], "99 or 100", "spike_gap.png"),
    "plot_temporal_order.py": ([*SHORT, "2000"], "31,390", "temporal_order.png"),
    "plot_three_symbols.py": ([*SHORT, "2000"], "571,100", "three_symbols.png"),
    "plot_two_sequence.py": ([*SHORT, "2000"], "39,850", "two_sequence.png"),
    "plot_variable_length.py": (["--seeds", "1"], "", None),
}

LONG = ("plot_endless_stream.py", "plot_parquet.py")
ALONE = (*LONG, "plot_grid_search.py")  # they measure or limit their process, or start others
SCRIPTS = [path for path in sorted((ROOT / "benchmarks").rglob("*.py")) if "__main__" in path.read_text()]
NEEDS = {"plot_endless_stream.py": ["resource"], "plot_parquet.py": ["resource", "pyarrow"]}


def test_no_generator_is_without_a_seed():
    code = [path for folder in ("examples", "benchmarks", "tests") for path in (ROOT / folder).rglob("*.py")]
    unseeded = re.compile(r"\b(default_rng|RandomState|SeedSequence|Random)\(\)")
    for path in [*PAGES, *code]:
        assert not unseeded.search(path.read_text()), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_python_blocks_run(page):
    fenced = re.findall(r"^( *)```python\n(.*?)^ *```", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    blocks = [textwrap.dedent(block) for _, block in fenced]
    assert blocks or page not in (ROOT / "README.md", ROOT / "docs" / "index.md")
    namespace = {}
    with warnings.catch_warnings():
        if page.name != "README.md":
            warnings.simplefilter("ignore", ConvergenceWarning)
        for block in blocks:
            exec(compile(block, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_example_is_tested():
    assert sorted(EXAMPLES) == sorted(path.name for path in (ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_short_and_listed(name):
    assert name in LONG or len((ROOT / "examples" / name).read_text().splitlines()) < 100
    assert f"../examples/{name}" in (ROOT / "docs" / "index.md").read_text()


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
    assert printed in out
    assert "\r" not in out  # no terminal: a line that is written over would be a log of all of them
    if figure:
        assert (tmp_path / figure).stat().st_size > 10_000
