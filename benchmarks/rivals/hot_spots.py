"""What the time of a job is spent on: the functions of the compiled kernel, by perf.

    .venv-rivals/bin/python benchmarks/rivals/hot_spots.py [--seconds 5] [--json PATH]

after `make bench-rivals`, which makes that environment. Linux with `perf`. A process runs the job again and
again; perf samples it once everything is prepared.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import worker
from jobs import Job

JOBS = (
    Job("sklstm", "A3", "paper", "float32"),
    Job("sklstm", "A5", "paper", "float32", sparse=True),
    Job("sklstm", "A5", "alike", "float32", sparse=True),
    Job("sklstm", "B1", "full"),
    Job("sklstm", "C1"),
)
LEAST = 2.0  # percent of the samples, of functions that are listed


def serve(index):
    """Run a job until standard input ends."""
    import ours

    run = ours.prepare(JOBS[index]).run
    run()
    print("ready", flush=True)
    while True:
        run()


def name_of(symbol):
    """Function of the kernel without what compilers add; "rest" for what is not of the kernel."""
    match = re.search(r"_core_f(?:32|64)_v\d_\d*(\w+)|^(product_in_tiles)", symbol)
    return (match[1] or match[2]) if match else "rest"


def profile(index, seconds):
    """Percent of the samples of each function."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "perf.data"
        process = subprocess.Popen(
            [sys.executable, __file__, "--serve", str(index)],
            stdout=subprocess.PIPE,
            env=os.environ | worker.ONE_THREAD,
        )
        try:
            process.stdout.readline()
            command = ["perf", "record", "-q", "-F", "2000", "-o", data, "-p", str(process.pid)]
            perf = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            time.sleep(seconds)
            perf.terminate()
            perf.wait()
        finally:
            process.kill()
            process.wait()
        report = subprocess.run(
            ["perf", "report", "--stdio", "--no-children", "-i", data, "-F", "overhead,symbol"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    shares = {}
    for percent, symbol in re.findall(r"^ *([\d.]+)% +\[.\] (\S+)", report, re.M):
        name = name_of(symbol)
        shares[name] = shares.get(name, 0.0) + float(percent)
    shares["rest"] = 100 - sum(share for name, share in shares.items() if name != "rest" and share >= LEAST)
    listed = {name: round(share, 1) for name, share in shares.items() if share >= LEAST}
    return dict(sorted(listed.items(), key=lambda item: (item[0] == "rest", -item[1])))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(worker.cores())})
    if options.serve is not None:
        serve(options.serve)
    records = []
    for index, job in enumerate(JOBS):
        records.append({"job": job.label, "percent": profile(index, options.seconds)})
        print(records[-1], flush=True)
    if options.json:
        options.json.write_text(json.dumps(records, indent=1) + "\n")


if __name__ == "__main__":
    main()
