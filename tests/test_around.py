"""The sections of docs/around.md, each where its library is installed."""

import re
import warnings
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "around.md"
PACKAGES = {"optuna": "optuna", "MLflow": "mlflow", "MAPIE": "mapie", "imbalanced-learn": "imblearn"}
BEGINNING, *SECTIONS = PAGE.read_text().split("\n## ")


def blocks(text):
    """Python blocks of a part of the page, as one program."""
    return "\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))


def test_every_library_has_its_section():
    assert [section.partition(":")[0] for section in SECTIONS] == list(PACKAGES)
    assert all(map(blocks, SECTIONS))


@pytest.mark.draws_globally  # MLflow names its runs
@pytest.mark.parametrize("section", SECTIONS, ids=PACKAGES)
def test_section_runs(section):
    pytest.importorskip(PACKAGES[section.partition(":")[0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries
        exec(compile(blocks(BEGINNING) + blocks(section), str(PAGE), "exec"), {})
