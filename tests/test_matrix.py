"""No cell of the matrix of tools and containers fails inside, and the page says what comes out."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose

import matrix
from generated_pages import script_of_pages

ROWS = [(group, name) for group, rows in matrix.ROWS.items() for name in rows]
PAGE = (Path(__file__).parents[1] / "docs" / "containers.md").read_text(encoding="utf-8")


def on_the_page():
    """(row, container) -> mark."""
    marks, groups = {}, {name: group for group, name in ROWS}
    assert len(groups) == len(ROWS)
    for line in re.findall(r"^These tools work with every container: (.*)\.$", PAGE, flags=re.MULTILINE):
        for name in re.findall(r"`(.*?)`", line):
            marks |= {(name, c): "✓" for c in matrix.containers(groups[name])}
    for name, *cells in re.findall(r"^\| `(.*?)` \| (.*) \| (.*) \|$", PAGE, flags=re.MULTILINE):
        if name in groups:
            every = list(matrix.containers(groups[name]))
            marks |= {(name, c): "✓" for c in every}
            for mark, cell in zip(("P", "r"), cells, strict=True):
                named = cell.removeprefix("all but ").removeprefix("all").split("; ")
                marked = (
                    [c for c in every if c not in named] if cell.startswith("all") else filter(None, named)
                )
                marks |= {(name, c): mark for c in marked}
    return marks


@pytest.mark.parametrize(("group", "name"), ROWS, ids=[name for _, name in ROWS])
def test_works_or_says_what_to_do(group, name):
    row, marks, reference = matrix.ROWS[group][name], on_the_page(), None
    same_version = f"(scikit-learn {'.'.join(sklearn.__version__.split('.')[:2])})" in PAGE
    for container in filter(matrix.available, matrix.containers(group)):
        word, result, message = matrix.cell(name, row, container)
        assert word != "fails", f"{container}: {message}"
        if same_version:
            assert marks[name, container] == matrix.MARKS[word], f"{container}: run `make pages`"
        if result is not None and name != "sklearn permutation_importance":  # of sequences, or of columns
            reference = result if reference is None else reference
            assert np.isfinite(result).all()
            assert_allclose(result, reference, rtol=1e-9, atol=1e-12, err_msg=container)


def test_every_tool_is_on_the_page_and_counted():
    marks = on_the_page()
    assert marks.keys() == {(name, c) for group, name in ROWS for c in matrix.containers(group)}
    counts = Counter(marks.values())
    assert (
        f"{len(ROWS)} tools, {len(matrix.CONTAINERS)} containers, and {len(matrix.MIXED_CONTAINERS)} of"
        in PAGE
    )
    assert f"{len(marks)} cells" in PAGE
    for mark in matrix.MARKS.values():
        assert re.search(rf"^\| {mark} \| {counts[mark]} \|", PAGE, flags=re.MULTILINE), mark
    assert counts["FAILS"] == 0


def test_every_word_of_scikit_learn_is_on_the_page():
    """The messages listed are those that come."""
    if "(scikit-learn {})".format(".".join(sklearn.__version__.split(".")[:2])) not in PAGE:
        pytest.skip("the page is of another version of scikit-learn")
    listed = script_of_pages("containers_page").WORDS
    row = matrix.ROWS["meta-estimators"]["BaggingClassifier"]
    for container in filter(matrix.available, matrix.CONTAINERS):
        word, _, message = matrix.cell("BaggingClassifier", row, container)
        if word == "padder" and not matrix.REMEDY.search(message):
            assert any(words in message for words, _ in listed), message
