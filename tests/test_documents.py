"""The code in README and docs runs; the examples run with a small budget; links lead somewhere."""

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib
import pytest
from sklearn.exceptions import ConvergenceWarning

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "CONTRIBUTING.md"]
EXAMPLES = {
    "plot_adding.py": (["--trials", "1", "--limit", "4000"], "74,000", "adding.png"),
    "plot_digits.py": (["--quick"], "LSTMClassifier()", "digits.png"),
    "plot_displays.py": (["--quick"], "figures", "activations.png"),
    "plot_distractor_lag.py": (
        ["--trials", "1", "--lag-trials", "0", "--limit", "2000"],
        "31,000",
        "distractor_lag.png",
    ),
    "plot_endless_stream.py": (["--steps", "60000"], "memory at most", "endless_stream.png"),
    "plot_long_lag.py": (["--trials", "1", "--limit", "500"], "5,040", "long_lag.png"),
    "plot_multiplication.py": (["--trials", "1", "--limit", "4000"], "482,000", "multiplication.png"),
    "plot_parquet.py": (
        ["--row-groups", "20", "--rows", "1000", "--allowed", "5"],
        "does not fit" if sys.platform == "linux" else "fits",
        "parquet.png",
    ),
    "plot_temporal_order.py": (["--trials", "1", "--limit", "3000"], "31,390", "temporal_order.png"),
    "plot_two_sequence.py": (["--trials", "1", "--limit", "2000"], "39,850", "two_sequence.png"),
    "plot_variable_length.py": (["--seeds", "1"], "", None),
}

NEEDS = {"plot_endless_stream.py": ["resource"], "plot_parquet.py": ["resource", "pyarrow"]}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run(page):
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    assert blocks or page.name not in ("README.md", "index.md")
    namespace = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for block in blocks:
            exec(compile(block, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_example_is_tested():
    assert sorted(EXAMPLES) == sorted(path.name for path in (ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_runs(name, tmp_path):
    arguments, printed, figure = EXAMPLES[name]
    for module in NEEDS.get(name, ()):
        pytest.importorskip(module)
    result = subprocess.run(
        [sys.executable, "-P", str(ROOT / "examples" / name), *arguments],
        cwd=tmp_path,
        env=os.environ | {"MPLBACKEND": matplotlib.get_backend()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert printed in result.stdout
    if figure:
        assert (tmp_path / figure).stat().st_size > 10_000
