"""The page of the defaults says what the records of the benchmark say."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from generated_pages import script_of_pages
from sklstm import LSTMClassifier
from sklstm._estimators.parameters import LONG, MANY, MOST_PENALTIES, N_PATCHES
from sklstm._learning import loop
from sklstm._learning.solvers import SOLVERS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "defaults.md"


@pytest.fixture(scope="module")
def script():
    return script_of_pages("defaults_page")


@pytest.fixture(scope="module")
def benchmark(script):
    return script.real_data


def test_page_is_that_of_the_records(script):
    template = (ROOT / "tools" / "pages" / "defaults_page.md").read_text(encoding="utf-8")
    text = script.page(template, script.real_data.read(), script.real_data_cv.read())
    assert PAGE.read_text(encoding="utf-8") == text
    assert "{{" not in text


def rows_of(text, first):
    """Rows of the table whose first column is called `first`: name -> header of a column -> cell."""
    lines = text[text.index(f"| {first} |") :].split("\n\n")[0].splitlines()
    head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows}


def test_table_of_the_readme_is_that_of_the_page():
    scores = PAGE.read_text(encoding="utf-8").split("## Scores")[1]
    page = rows_of(scores, "data")
    readme = rows_of((ROOT / "README.md").read_text(encoding="utf-8"), "data")
    assert len(readme) == 3
    for name, row in readme.items():
        assert row.items() <= page[name].items()
        assert any("**" in cell for cell in row.values())  # the best is among them


def test_the_recommended_pipeline_is_that_of_the_recipe(benchmark):
    recipe = (ROOT / "docs" / "recipes" / "long_series.md").read_text(encoding="utf-8")
    scaler, vote = benchmark.SYSTEMS["sklstm, recommended"][0]("classes", 0)
    assert 'VotingClassifier(members, voting="soft"' in recipe
    assert "for n in (8, 16, 32)]" in recipe
    assert [(lstm.n_patches, lstm.get_params()) for _, lstm in vote.estimators] == [
        (n, LSTMClassifier(n_patches=n, random_state=0).get_params()) for n in (8, 16, 32)
    ]
    assert (type(scaler).__name__, vote.voting) == ("SequenceScaler", "soft")


def test_constants_of_the_page_are_those_of_the_package(script):
    text = PAGE.read_text(encoding="utf-8")
    _, waits, jump = script.real_data_cv.CANDIDATES[f"{N_PATCHES} patches, waits .2, ends in no jump"]
    assert (waits, jump) == (loop.WAITS, loop.JUMP)
    assert f"more than {LONG} steps" in text
    alpha = SOLVERS["adam"].alpha
    assert np.allclose([alpha * MANY, alpha, alpha * MOST_PENALTIES], [0.1, 0.0001, 0.001])
    assert "is .1 / n, but between .0001 and .001" in text


def records_of(rows, data="GunPoint", seed=0):
    return {
        (data, system, seed): {"score": score, "fit_cpu_seconds": 1, "score_cpu_seconds": 0}
        for system, score in rows.items()
    }


def test_equal_scores_are_no_loss(script):
    rows = {"sklstm": 0.9, "torch": 0.9, "linear": 0.95, "1-NN DTW": 0.8, "sklstm, recommended": 0.94}
    found = {(each.ours, each.called): each for each in script.comparisons(records_of(rows))}
    assert [each.won for each in found.values()] == [1, 0, 1, 0, 1]
    assert found["sklstm", "linear"].row()[2:] == ("0 of 1", 0, 0, "GunPoint")
    assert found["sklstm, recommended", script.BEST].lost == ["GunPoint"]
    assert found["sklstm, recommended", "torch"].row()[1:3] == ("torch", "1 of 1")


def test_what_is_clear_is_beyond_two_standard_errors(script):
    """Of two means of two seeds: twice sqrt(.01**2 + .03**2) = .0632."""
    linear = records_of({"linear": 0.5})  # of one publisher's split: it has no error

    def row(gain):
        rows = dict(linear)
        for seed, noise in enumerate((-1, 1)):
            rows |= records_of({"torch": 0.8 + 0.01 * noise}, seed=seed)
            rows |= records_of({"sklstm": 0.8 + gain + 0.03 * noise}, seed=seed)
        return [each.row()[2:] for each in script.comparisons(rows)]

    assert row(0.06) == [("1 of 1", 0, 0, ""), ("1 of 1", 1, 0, "")]
    assert row(0.07)[0] == ("1 of 1", 1, 0, "")
    assert row(-0.06)[0] == ("0 of 1", 0, 0, "GunPoint")
    assert row(-0.07)[0] == ("0 of 1", 0, 1, "**GunPoint**")
    one = records_of({"sklstm": 0.9, "torch": 0.1})
    assert next(iter(script.comparisons(one))).row()[2:] == ("1 of 1", 0, 0, "")


def test_seconds_to_fit_are_compared_where_both_were_run(script):
    records = {}
    for data in script.NINE:
        records |= records_of({"sklstm": 0.9, "sklstm, step by step": 0.8}, data)
        records[data, "sklstm, step by step", 0]["fit_cpu_seconds"] = 3
    del records["Coffee", "sklstm, step by step", 0]
    assert "8 CPU seconds on 8 data sets; step by step, they take 24" in script.seconds_to_fit(records)


def test_means_are_of_the_nine_and_only_if_all_were_run(script):
    nine = {}
    for data in script.NINE:
        nine |= records_of({"sklstm": 0.5}, data)
    table = script.table_of_means(nine)
    assert "| sklstm | 0.500 | 9 | 9 |" in table
    del nine["Coffee", "sklstm", 0]
    assert "| sklstm |  | 8 | 8 |" in script.table_of_means(nine)


def test_candidates_are_compared_on_the_same_data(script):
    rows = [
        {"data": data, "candidate": candidate, "seed": seed, "score": score, "cpu_seconds": 2.0}
        for data, candidate, seed, score in (
            ("GunPoint", "steps", 0, 0.5), ("GunPoint", "steps", 1, 0.7), ("Coffee", "steps", 0, 0.8),
            ("GunPoint", "16 patches", 0, 0.9),
        )
    ]  # fmt: skip
    table = script.real_data_cv.table({(r["data"], r["candidate"], r["seed"]): r for r in rows})
    assert "| candidate | mean | CPU seconds | GunPoint | Coffee |" in table
    assert "| steps | 0.700 | 4 | 0.600 | 0.800 |" in table
    assert "| 16 patches |  | 2 | 0.900 |  |" in table


def test_rules_are_compared_where_both_were_run(script):
    scores = {("GunPoint", 0): (0.5, 0.5), ("GunPoint", 1): (0.25, 0.5), ("Coffee", 0): (1.0, None)}
    records = {
        (data, script.RULES[at], seed): {"score": score}
        for (data, seed), pair in scores.items()
        for at, score in enumerate(pair)
        if score is not None
    }
    assert script.beside_jumps(records) == "the same on 1 of 2; GunPoint 0.250 without, 0.500 with it"


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of scikit-learn, between its versions
def test_a_run_is_taken_up_where_it_ended(benchmark, monkeypatch, tmp_path, capsys):
    path = tmp_path / "real_data.json"
    monkeypatch.setattr(benchmark, "RESULTS", path)
    command = ["real_data.py", "--datasets", "digits, rows of pixels", "--systems", "linear", "--seeds"]
    for seeds, run in ((1, [0]), (2, [1])):
        monkeypatch.setattr(sys, "argv", [*command, str(seeds)])
        benchmark.main()
        done = [
            int(line.split("  ")[2])
            for line in capsys.readouterr().out.splitlines()
            if line.startswith("digits")
        ]
        assert done == run
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    assert [row["seed"] for row in rows] == [0, 1]
    assert all(0.8 < row["score"] < 1 for row in rows)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_cross_validation_looks_at_no_test_part(script, monkeypatch):
    cv = script.real_data_cv
    rng = np.random.default_rng(0)
    X, y = [rng.normal(size=(40, 1)) for _ in range(12)], np.array(list("ab" * 6))
    seen = []

    def load(seed):
        seen.append(seed)
        return (X, y), (None, None)

    monkeypatch.setitem(cv.DATA, "own", cv.DATA["GunPoint"].__class__(load, "none"))
    for constant in ("WAITS", "JUMP"):
        monkeypatch.setattr(loop, constant, getattr(loop, constant))
    monkeypatch.setitem(cv.CANDIDATES, "quick", ({"n_patches": 4, "max_iter": 2, "n_blocks": 2}, np.inf))
    row = cv.cross_validated("own", "quick", 3)
    assert seen == [0]
    assert 0 <= row["score"] <= 1
