"""Lines and branches of the kernel that its tests run, of what gcov has counted; `make coverage` calls it.

gcov counts lines of the C that Cython writes; its comments say of which line of Cython each is. Branches are
those of functions without the interpreter (`nogil`): in the others most are Cython's, on errors.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "gcov"
FILES = "sklstm/_core.pyx", "sklstm/_kernel/"
MARK = re.compile(r' */\* "(.+)":(\d+)$')
EXIT = "/* function exit code */"


def counted():
    """File -> line -> (how often, {branch: how often}), over all modules."""
    lines = defaultdict(lambda: defaultdict(lambda: [0, {}]))
    for data in sorted((BUILD / "counts").glob("*.gcda")):
        notes = BUILD / f"{data.stem}.gcno"
        data.with_suffix(".gcno").write_bytes(notes.read_bytes())
        of_c = origins((BUILD / f"{data.stem}.c").read_text())
        done = subprocess.run(
            ["gcov", "--json-format", "--branch-probabilities", "--stdout", data.name],
            cwd=data.parent,
            stdout=subprocess.PIPE,
            check=True,
        )
        for text in done.stdout.splitlines():
            for file in json.loads(text)["files"]:
                is_c = file["file"].endswith(f"{data.stem}.c")
                for line in file["lines"]:
                    number, function = line["line_number"], line.get("function_name", "")
                    name, at, offset = of_c[number] if is_c else (name_of(file["file"]), number, 0)
                    if not name.startswith(FILES) or function.startswith("__Pyx"):
                        continue
                    entry = lines[name][at]
                    entry[0] += line["count"]
                    if of_the_interpreter(function):
                        continue
                    for i, branch in enumerate(line["branches"]):
                        key = offset, len(line["branches"]), i  # inline copies with constants have fewer
                        entry[1][key] = entry[1].get(key, 0) + branch["count"]
    return lines


def origins(text):
    """For each line of C, from 1 on: file and line of Cython that it was made of, and its number therein."""
    found, at = [("", 0, 0)], ("", 0, 0)
    for line in text.splitlines():
        if mark := MARK.match(line):
            at = name_of(mark[1]), int(mark[2]), 0
        elif EXIT in line:
            at = "", 0, 0
        else:
            at = *at[:2], at[2] + 1
        found.append(at)
    return found


def name_of(path):
    """File of the repository that a path of the compiler is: a copy of _core.pyx, or one of _kernel/."""
    name = path.rpartition("/")[2]
    if name.startswith("_core_f") and name.endswith(".pyx"):
        return "sklstm/_core.pyx"
    return f"sklstm/_kernel/{name}" if "sklstm/_kernel/" in path else path


def of_the_interpreter(name):
    """Whether a function of C is one that Python calls."""
    return name.startswith(("__pyx_pf", "__pyx_pw", "__Pyx", "__pyx_tp", "__pyx_pymod", "PyInit"))


def report(lines):
    """Counts of each file; lines that never ran, and those with a branch that was never taken."""
    files = {}
    for name, of_file in sorted(lines.items()):
        taken = {number: list(branches.values()) for number, (_, branches) in of_file.items()}
        files[name] = {
            "lines": len(of_file),
            "lines_run": sum(count > 0 for count, _ in of_file.values()),
            "branches": sum(map(len, taken.values())),
            "branches_taken": sum(count > 0 for counts in taken.values() for count in counts),
            "not_run": with_text(name, (number for number, (count, _) in of_file.items() if not count)),
            "not_taken": with_text(
                name, (n for n, counts in taken.items() if of_file[n][0] and not all(counts))
            ),
        }
    return files


def with_text(name, numbers):
    """Numbers of lines, each with what stands there."""
    text = (ROOT / name).read_text().splitlines()
    return [[number, text[number - 1].strip()] for number in sorted(numbers)]


if __name__ == "__main__":
    files = report(counted())
    for name, counts in files.items():
        print(
            f"{name:36} lines {counts['lines_run']:5} of {counts['lines']:5}  "
            f"branches {counts['branches_taken']:5} of {counts['branches']:5}"
        )
        for what in ("not_run", "not_taken"):
            for number, text in counts[what]:
                print(f"    {what.replace('_', ' ')}: {number} {text}")
    json.dump(files, sys.stdout if "--json" in sys.argv else (BUILD / "coverage.json").open("w"), indent=1)
