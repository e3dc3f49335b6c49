"""The page of how sklstm is tested, docs/testing.md, from tests/results/testing.json.

python tests/testing_page.py             # the page
python tests/testing_page.py collect     # first takes what the last commands left: build/*/tests.xml,
                                         # build/asan/fuzz.json, build/gcov/coverage.json,
                                         # tests/results/fuzz.json, tests/results/crashes.json
"""

import json
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "tests" / "results"
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


def of_fuzz(path):
    """Counts of a run of tests/fuzz.py."""
    result = json.loads(path.read_text())
    names = "cases", "calls", "first_seed", "seconds"
    return {"date": dated(path)} | {name: result[name] for name in names} | {"failed": len(result["failed"])}


def collect():
    """Take what the last commands left; what none left stays as it is."""
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for name in ("asan", "tsan"):
        path = ROOT / "build" / name / "tests.xml"
        if path.exists():
            kept[name] = of_pytest(path)
    for name, path in (("fuzz", RESULTS / "fuzz.json"), ("asan_fuzz", ROOT / "build" / "asan" / "fuzz.json")):
        if path.exists():
            kept[name] = of_fuzz(path)
    path = RESULTS / "crashes.json"
    if path.exists():
        kept["crashes"] = {"date": dated(path)} | json.loads(path.read_text())
    path = ROOT / "build" / "gcov" / "coverage.json"
    if path.exists():
        kept["coverage"] = {"date": dated(path), "files": json.loads(path.read_text())}
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")


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
    for name, words in (("asan", "addresses and undefined behaviour"), ("tsan", "races of threads")):
        if name in kept:
            run = kept[name]
            found = f"{run['passed']} tests passed, {run['failed']} failed"
            yield f"sanitizer of {words}", f"make test-{name}", found, run["date"]
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
    if "coverage" in kept:
        files = kept["coverage"]["files"].values()
        for what in ("lines", "branches"):
            there = sum(one[what] for one in files)
            run = sum(one[{"lines": "lines_run", "branches": "branches_taken"}[what]] for one in files)
            if there:
                found = f"{run:,} of {there:,}, {100 * run / there:.1f} %"
                yield (
                    f"{what} of the kernel that its tests run",
                    "make coverage",
                    found,
                    kept["coverage"]["date"],
                )


def page(kept):
    """Text of the page."""
    table = "\n".join(
        f"| {what} | `{command}` | {found} | {date} |" for what, command, found, date in rows(kept)
    )
    template = (Path(__file__).with_name("testing_page.md")).read_text()
    return template.replace("@TABLE@", table)


if __name__ == "__main__":
    if "collect" in sys.argv:
        collect()
    PAGE.write_text(page(json.loads(KEPT.read_text())))
