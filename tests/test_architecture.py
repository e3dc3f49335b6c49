"""docs/architecture.md is exact: its files and names exist, and the walks of X are those of real calls."""

import ast
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import sklstm
from sklstm import LSTMClassifier, _cpu, _learning  # whose losses and solvers must be those of the kernel

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
FILE = re.compile(r"`([\w./]+(?:\.(?:py|pyx|pxd|h)|/))`")
NAME = re.compile(r"`([A-Za-z_][\w.]*)`")
X = [np.ones((n, 2)) * n for n in (1, 2, 3, 4)]
MODEL = LSTMClassifier(n_blocks=2, max_iter=2, random_state=0)


def found(name):
    """File or directory of a name in the page: from the root, or from the package."""
    for place in (ROOT, ROOT / "sklstm", ROOT / "sklstm" / "_kernel", ROOT / "sklstm" / "tasks"):
        if (place / name).exists():
            return place / name
    raise AssertionError(f"docs/architecture.md names {name}, which does not exist")


def test_every_file_exists():
    names = FILE.findall(PAGE)
    assert len(set(names)) > 40
    for name in names:
        found(name)


def test_every_file_of_the_package_has_its_room():
    rooms = {found(name) for name in FILE.findall(PAGE.split("## The way of X")[0])}
    for path in (ROOT / "sklstm").rglob("*.py"):
        folder = path.relative_to(ROOT / "sklstm").parts[0]
        assert path in rooms or path.name == "__init__.py" or folder in ("tasks", "paper"), path


def test_every_name_stands_in_the_file_that_it_is_said_of():
    lines = [line for line in PAGE.split("## How to add")[1].splitlines() if FILE.search(line)]
    assert len(lines) >= 15
    n_names = 0
    for line in lines:
        files = [found(name) for name in FILE.findall(line)]
        for name in set(NAME.findall(line)) - set(FILE.findall(line)):
            n_names += 1
            text = "".join(path.read_text() for path in files)
            assert re.search(rf"\b{name}\b", text), f"{name} is in none of {files}"
    assert n_names > 25


def calls(function, *arguments):
    """Name and file of the Python functions of the package that are called."""
    package, seen = Path(sklstm.__file__).parent, []

    def spy(frame, event, _):
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(package):
            seen.append((frame.f_code.co_qualname, path.relative_to(package).as_posix()))

    before = sys.getprofile()
    sys.setprofile(spy)
    try:
        function(*arguments)
    finally:
        sys.setprofile(before)
    return seen


@pytest.mark.filterwarnings("ignore:Learning has not converged")
@pytest.mark.parametrize("method", ["fit", "predict"])
def test_x_walks_as_the_page_says(method):
    part = PAGE.split("## The way of X")[1].split("`predict`:")[method == "predict"]
    walk = re.findall(r"^\d+\. `([\w.]+)` in `([\w./]+)`", part.split("## ")[0], re.MULTILINE)
    assert len(walk) == {"fit": 15, "predict": 9}[method]
    y = ["a", "b", "a", "b"]
    arguments = (X, y) if method == "fit" else (X,)
    model = MODEL.fit(X, y)
    passed = calls(getattr(model, method), *arguments)
    at = 0
    for step in walk:
        assert step in passed[at:], f"{step} does not come after {passed[max(at - 1, 0)]}"
        at += passed[at:].index(step) + 1
    assert sum(name == "Engine.bind" for name, _ in passed) == 1
    assert sum(name == "check_sequences" for name, _ in passed) == 1


@pytest.mark.parametrize(
    ("room", "unknown"),
    [("_engine", ["_learning", "_network", "_estimators"]), ("_learning", ["_network", "_estimators"])],
)
def test_rooms_that_do_not_know_each_other(room, unknown):
    files = list((ROOT / "sklstm" / room).glob("*.py"))
    assert len(files) > 5
    for path in files:
        imported = set(re.findall(r"^(?:from|import) sklstm\.(\w+)", path.read_text(), re.MULTILINE))
        assert not imported & set(unknown), path


def test_losses_and_solvers_have_the_names_of_the_kernel():
    core = _cpu.core(np.float64)
    losses, solvers = _learning.losses.LOSSES, _learning.solvers.SOLVERS
    of_the_kernel = {name for name, loss in losses.items() if loss.in_kernel}
    assert of_the_kernel | {"linear"} == core.LOSSES.keys()  # linear: errors at the outputs, no loss
    in_kernel = {name for name, solver in solvers.items() if solver.in_kernel}
    assert in_kernel == core.SOLVERS.keys()
    for name, loss in losses.items():
        assert loss.name == name
        assert {*loss.outputs, loss.output_of_classes or "softmax"} <= core.OUTPUTS.keys()
    for name, solver in solvers.items():
        assert solver.name == name
        assert len(solver.start(0.1)) <= 2


def parameters_of_python(path):
    """Name and number of parameters of each function; constructors take what an estimator or a record has."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name != "__init__":
            arguments = node.args
            names = [a.arg for a in arguments.posonlyargs + arguments.args + arguments.kwonlyargs]
            yield node.name, len([name for name in names if name not in ("self", "cls")])


def parameters_of_c(path):
    """The same for functions of Cython and C, by their text."""
    comment = r"/\*.*?\*/" if path.suffix == ".h" else "#[^\n]*"
    text = re.sub(comment, "", path.read_text(), flags=re.S)
    for match in re.finditer(r"^ *(?:cdef|def|cpdef|INLINE|static|ONE_COPY)\b[^\n=;]*?(\w+)\(", text, re.M):
        depth, at = 1, match.end()
        inside = ""
        while depth:
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(text[at], 0)
            inside += text[at] if depth == 1 else ""
            at += 1
        parts = [part.strip() for part in inside.split(",")]
        yield match[1], len([part for part in parts if part and part not in ("self", "*", "void")])


def test_no_function_has_more_than_twelve_parameters():
    package = ROOT / "sklstm"
    found = [
        (number, name, path.name)
        for pattern, parameters_of in (
            ("*.py", parameters_of_python),
            ("*.pyx", parameters_of_c),
            ("*.pxd", parameters_of_c),
            ("*.h", parameters_of_c),
        )
        for path in package.rglob(pattern)
        for name, number in parameters_of(path)
    ]
    assert {"forward_step", "tile", "product_from", "fit", "loss_and_gradient"} <= {
        name for _, name, _ in found
    }
    assert max(found)[0] <= 12, max(found)
