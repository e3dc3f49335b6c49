"""The page of how sklstm is tested, docs/testing.md, from tests/results/testing.json.

python tests/testing_page.py             # the page
python tests/testing_page.py collect     # first takes what the last commands left: files of counts in build/
                                         # and in tests/results/
"""

import csv
import json
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "tests" / "results"
BUILD = ROOT / "build"
KEPT = RESULTS / "testing.json"
PAGE = ROOT / "docs" / "testing.md"


def dated(path):
    """Day on which a file was written."""
    return time.strftime("%Y-%m-%d", time.gmtime(path.stat().st_mtime))


def of_pytest(path):
    """Counts of a JUnit file."""
    suite = ElementTree.parse(path).getroot().find("testsuite")
    tests, skipped = int(suite.get("tests")), int(suite.get("skipped"))
    failed = int(suite.get("failures")) + int(suite.get("errors"))
    return {"date": dated(path), "passed": tests - skipped - failed, "failed": failed}


def of_python(path):
    """Counts of a JUnit file whose suite is named after the interpreter."""
    return of_pytest(path) | {"python": ElementTree.parse(path).getroot().find("testsuite").get("name")}


def of_fuzz(path):
    """Counts of a run of tests/fuzz.py."""
    result = json.loads(path.read_text())
    names = "cases", "calls", "first_seed", "seconds"
    return {"date": dated(path)} | {name: result[name] for name in names} | {"failed": len(result["failed"])}


def of_several(paths):
    """Counts of JUnit files: their name -> counts; the date of the last."""
    runs = {path.stem: of_pytest(path) for path in sorted(paths)}
    return {"date": max(run["date"] for run in runs.values()), "runs": runs}


def of_digests(path):
    """Counts of `.ci/platforms portable`: names of compilers and processors, by what came of them."""
    with path.open(newline="") as file:
        results = list(csv.DictReader(file, delimiter="\t"))
    names = {row["name"]: [] for row in results}
    for row in results:
        names[row["name"]].append(row["result"] == "equal")
    return {
        "date": dated(path),
        "equal": [name for name, equal in names.items() if all(equal)],
        "other": [name for name, equal in names.items() if not all(equal)],
    }


def of_json(path):
    """A file of counts as it is."""
    return {"date": dated(path)} | json.loads(path.read_text())


def of_coverage(path):
    """Counts of tests/kernel_coverage.py."""
    return {"date": dated(path), "files": json.loads(path.read_text())}


FILES = {  # what the last commands left
    "asan": (BUILD / "asan" / "tests.xml", of_pytest),
    "tsan": (BUILD / "tsan" / "tests.xml", of_pytest),
    "oldest": (BUILD / "oldest.xml", of_pytest),
    "dask": (BUILD / "dask.xml", of_pytest),
    "python": (BUILD / "python.xml", of_python),
    "fuzz": (RESULTS / "fuzz.json", of_fuzz),
    "asan_fuzz": (BUILD / "asan" / "fuzz.json", of_fuzz),
    "crashes": (RESULTS / "crashes.json", of_json),
    "coverage": (BUILD / "gcov" / "coverage.json", of_coverage),
    "portable": (BUILD / "portable" / "results.tsv", of_digests),
}


def collect():
    """Take what the last commands left; what none left stays as it is."""
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for name, (path, counts_of) in FILES.items():
        if path.exists():
            kept[name] = counts_of(path)
    for name in ("platforms", "compilers"):
        if paths := list((BUILD / name).glob("*.xml")):
            kept[name] = of_several(paths)
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")


def tests_of(run):
    """Words for counts of pytest."""
    return f"{run['passed']:,} tests passed, {run['failed']} failed"


def rows(kept):
    """Rows of the table: what, command, what came of it, date."""
    if "fuzz" in kept:
        run = kept["fuzz"]
        yield (
            "public calls drawn at random, two ways compared",
            "make fuzz",
            f"{run['calls']:,} calls, {run['cases']:,} cases, first seed {run['first_seed']}: "
            f"{run['failed']} failed",
            run["date"],
        )
    for name, words in (
        ("asan", "sanitizer of addresses and undefined behaviour"),
        ("tsan", "sanitizer of races of threads"),
        ("oldest", "the suite with the oldest dependencies"),
        ("dask", "one fit over partitions, workers that are killed"),
    ):
        if name in kept:
            yield words, f"make test-{name}", tests_of(kept[name]), kept[name]["date"]
    if "python" in kept:
        run = kept["python"]
        yield f"tests with {run['python']}", "make test-python", tests_of(run), run["date"]
    if "asan_fuzz" in kept:
        run = kept["asan_fuzz"]
        yield (
            "random calls under the sanitizers",
            "make test-asan",
            f"{run['calls']:,} calls: {run['failed']} failed",
            run["date"],
        )
    crashes = kept.get("crashes", {})
    if "fit" in crashes:
        of = crashes["fit"]["of"].values()
        fits, differ = (sum(one[name] for one in of) for name in ("fits", "differ"))
        yield (
            "kill -9 of fits with checkpoints",
            "make crashes",
            f"{crashes['fit']['kills']} kills of {fits} fits: {differ} ended with other weights",
            crashes["date"],
        )
    if "runner" in crashes:
        run = crashes["runner"]
        found = f"{run['kills']} kills, {run['files']} files: {run['differ']} with other trials"
        yield "kill -9 of the runner", "make crashes", found, crashes["date"]
    if "memory" in crashes:
        run = crashes["memory"]
        found = f"{run['limits']} limits: {run['MemoryError']} MemoryError, {run['done']} done"
        found += f", {len(run['others'])} other"
        yield "calls without memory; the model is unchanged", "make crashes", found, crashes["date"]
    if "disk" in crashes:
        run = crashes["disk"]
        found = f"`save`: {run['save']}; `fit`: {run['fit'][0]}, {run['epochs']} epochs made; "
        found += f"the files before are {'unchanged' if run['kept'] else 'changed'}"
        yield "a full disk, with checkpoints", "make crashes", found, crashes["date"]
    if "portable" in kept:
        run = kept["portable"]
        found = f"{len(run['equal'])} builds with the digests of their family: {', '.join(run['equal'])}; "
        found += f"{len(run['other'])} with others" + ": " * bool(run["other"]) + ", ".join(run["other"])
        yield "the kernel's C on other processors", "make test-platforms", found, run["date"]
    for name, words in (("platforms", "emulated processors"), ("compilers", "other compilers")):
        if name in kept:
            found = "; ".join(f"{which}: {tests_of(run)}" for which, run in kept[name]["runs"].items())
            yield f"tests of the kernel, {words}", f"make test-{name}", found, kept[name]["date"]
    if "coverage" in kept:
        files = kept["coverage"]["files"].values()
        for what, run in (("lines", "lines_run"), ("branches", "branches_taken")):
            found = share(sum(one[run] for one in files), sum(one[what] for one in files))
            yield f"{what} of the kernel that its tests run", "make coverage", found, kept["coverage"]["date"]


def share(run, there):
    """Words for a part of a number."""
    return f"{run:,} of {there:,} ({100 * run / there:.1f} %)" if there else "none"


def files_of_the_kernel(kept):
    """Table of its files with lines and branches, and the lines that no test runs."""
    if "coverage" not in kept:
        return "`make coverage` has not been run yet."
    files = kept["coverage"]["files"]
    lines = ["| file | lines run | branches taken |", "| --- | --- | --- |"]
    for name, counts in files.items():
        of_lines = share(counts["lines_run"], counts["lines"])
        lines.append(f"| `{name}` | {of_lines} | {share(counts['branches_taken'], counts['branches'])} |")
    for title, key in (
        ("Lines that no test runs, as they were numbered on that day:", "not_run"),
        ("Lines with a branch that no test takes:", "not_taken"),
    ):
        text = [
            f"{Path(name).name}:{number:<5} {source}"
            for name, counts in files.items()
            for number, source in counts[key]
        ]
        lines += ["", title, "", "```text", *(text or ["none"]), "```"]
    return "\n".join(lines)


def page(kept):
    """Text of the page."""
    table = "\n".join(
        f"| {what} | `{command}` | {found} | {date} |" for what, command, found, date in rows(kept)
    )
    template = (Path(__file__).with_name("testing_page.md")).read_text()
    return template.replace("@TABLE@", table).replace("@KERNEL@", files_of_the_kernel(kept))


if __name__ == "__main__":
    if "collect" in sys.argv:
        collect()
    PAGE.write_text(page(json.loads(KEPT.read_text())))
