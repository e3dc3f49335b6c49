"""docs/testing.md is what its results say."""

import json
import re

import testing_page


def test_the_page_is_that_of_the_results():
    kept = json.loads(testing_page.KEPT.read_text())
    assert testing_page.PAGE.read_text() == testing_page.page(kept)
    makefile = (testing_page.ROOT / "Makefile").read_text()
    commands = {command for _, command, _, _ in testing_page.rows(kept)}
    assert len(commands) > 1
    for command in commands:
        target = command.removeprefix("make ")
        assert re.search(rf"^{target}(?: [\w-]+)*:", makefile, re.MULTILINE), command


def test_failures_are_shown():
    kept = {"fuzz": {"date": "2000-01-01", "calls": 1234, "cases": 5, "first_seed": 7, "failed": 2}}
    (row,) = testing_page.rows(kept)
    assert row[2] == "1,234 calls, 5 cases, first seed 7: 2 failed"
