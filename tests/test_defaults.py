"""The page of the defaults says what the records of the benchmark say."""

import json
import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def benchmark():
    return runpy.run_path(str(ROOT / "benchmarks" / "real_data.py"))


def test_page_is_that_of_the_records(benchmark):
    assert benchmark["PAGE"].read_text(encoding="utf-8") == benchmark["render"](benchmark["read"]())


def test_table_of_the_readme_is_that_of_the_page():
    page = (ROOT / "docs" / "defaults.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .*(?: ±|\*\*).*$", readme, flags=re.MULTILINE)
    assert len(rows) == 3
    assert all(row in page for row in rows)


def test_verdict_counts_equal_scores_as_no_loss(benchmark):
    rows = {"sklstm": 0.9, "torch": 0.9, "linear": 0.95, "1-NN DTW": 0.8}
    records = {
        ("GunPoint", system, 0): {"score": score, "fit_cpu_seconds": 1, "score_cpu_seconds": 0}
        for system, score in rows.items()
    }
    lines = benchmark["verdict"](records).splitlines()
    assert lines[0] == "- The defaults beat or equal **torch** on 1 of 1."
    assert lines[1] == "- The defaults beat or equal **linear** on 0 of 1; not on GunPoint."
    assert lines[-1] == "- A linear model is the best of all on GunPoint."


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of scikit-learn, between its versions
def test_a_run_is_taken_up_where_it_ended(benchmark, monkeypatch, tmp_path, capsys):
    main = benchmark["main"]
    path = tmp_path / "real_data.json"
    monkeypatch.setitem(main.__globals__, "RESULTS", path)
    command = ["real_data.py", "--datasets", "digits, rows of pixels", "--systems", "linear", "--seeds"]
    for seeds, run in ((1, [0]), (2, [1])):
        monkeypatch.setattr(sys, "argv", [*command, str(seeds)])
        main()
        done = [
            int(line.split("  ")[2])
            for line in capsys.readouterr().out.splitlines()
            if line.startswith("digits")
        ]
        assert done == run
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    assert [row["seed"] for row in rows] == [0, 1]
    assert all(0.8 < row["score"] < 1 for row in rows)
