"""Lines and branches of the kernel that its tests run, of what gcov has counted; `make coverage` calls it.

Branches are those of functions without the interpreter (`nogil`): in the others most are Cython's, on errors.
"""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "gcov"
FILES = "sklstm/_core.pyx", "sklstm/_kernel/"


def counted():
    """File -> line -> (how often, branches taken, branches, of a function of C alone), over all modules."""
    lines = defaultdict(lambda: defaultdict(lambda: [0, {}]))
    for data in sorted((BUILD / "counts").glob("*.gcda")):
        notes = BUILD / f"{data.stem}.gcno"
        target = data.with_suffix(".gcno")
        target.write_bytes(notes.read_bytes())
        done = subprocess.run(
            ["gcov", "--json-format", "--branch-probabilities", "--stdout", data.name],
            cwd=data.parent,
            stdout=subprocess.PIPE,
            check=True,
        )
        for text in done.stdout.splitlines():
            for file in json.loads(text)["files"]:
                name = file["file"].rpartition("/sklstm/")[2]
                name = f"sklstm/{name}" if not file["file"].startswith("sklstm/") else file["file"]
                name = "sklstm/_core.pyx" if "_core_f" in name and name.endswith(".pyx") else name
                if not name.startswith(FILES):
                    continue
                for line in file["lines"]:
                    entry = lines[name][line["line_number"]]
                    entry[0] += line["count"]
                    if line.get("function_name", "").startswith("__pyx_pw"):
                        continue
                    for i, branch in enumerate(line["branches"]):
                        key = line.get("function_name", ""), i
                        entry[1][key] = entry[1].get(key, 0) + branch["count"]
    return lines


def of_the_interpreter(name):
    """Whether a function of C is one that Python calls."""
    return name.startswith(("__pyx_pf", "__pyx_pw", "__Pyx", "__pyx_tp", "__pyx_pymod", "PyInit"))


def report(lines):
    """Counts of each file; lines that never ran."""
    files = {}
    for name, of_file in sorted(lines.items()):
        branches = [
            count
            for _, taken in of_file.values()
            for (function, _), count in taken.items()
            if not of_the_interpreter(function)
        ]
        files[name] = {
            "lines": len(of_file),
            "lines_run": sum(count > 0 for count, _ in of_file.values()),
            "branches": len(branches),
            "branches_taken": sum(count > 0 for count in branches),
            "not_run": sorted(number for number, (count, _) in of_file.items() if not count),
        }
    return files


if __name__ == "__main__":
    files = report(counted())
    for name, counts in files.items():
        print(
            f"{name:36} lines {counts['lines_run']:5} of {counts['lines']:5}  "
            f"branches {counts['branches_taken']:5} of {counts['branches']:5}"
        )
        if counts["not_run"]:
            print(f"    not run: {counts['not_run']}")
    json.dump(files, sys.stdout if "--json" in sys.argv else (BUILD / "coverage.json").open("w"), indent=1)
