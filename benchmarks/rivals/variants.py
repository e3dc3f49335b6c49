"""What was tried in the kernel and did not help, in turns with the kernel as it is.

    .venv-rivals/bin/python benchmarks/rivals/variants.py [--only TEXT] [--rounds 15] [--json PATH]

after `make bench-rivals`, which makes that environment. Each variant is a copy of the project with some lines
replaced. It and the project are built by pip and timed on the same jobs, each in a process of its own, in
turns on one core; what counts is CPU time. A ratio below 1 says that the variant is slower.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import worker
from jobs import Job

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Variant:
    """Lines of a file of sklstm/ in another form, and the jobs that they might speed up."""

    name: str
    file: str
    lines: tuple  # of (as it is, otherwise)
    jobs: tuple


C1, B2, B3 = Job("sklstm", "C1"), Job("sklstm", "B2", "full"), Job("sklstm", "B3", "full")
DIVISION = "    return shift + scale / (ALL(1) + SKLSTM_NAME(exp2_vector)(slope * x));\n"
NEWTON = """\
    const VEC below = ALL(1) + SKLSTM_NAME(exp2_vector)(slope * x);
    VEC r = OP(_mm512_rcp14)(below), q;
    for (int i = 0; i < (int)sizeof(REAL) / 4; i++)
        r = OP(_mm512_fmadd)(OP(_mm512_fnmadd)(below, r, ALL(1)), r, r);
    q = scale * r;
    return shift + OP(_mm512_fmadd)(OP(_mm512_fnmadd)(below, q, scale), r, q);
"""
CLIPPING = """\
    x = OP(_mm512_max)(ALL(-SKLSTM_EXP_MAX), x);
    x = OP(_mm512_min)(ALL(SKLSTM_EXP_MAX), x);
    n = x"""
FORESEEN = """\
    if (__builtin_expect(SKLSTM_MASK_OP(_mm512_cmp)(OP(_mm512_abs)(x), ALL(SKLSTM_EXP_MAX), _CMP_GT_OQ), 0))
        x = OP(_mm512_min)(ALL(SKLSTM_EXP_MAX), OP(_mm512_max)(ALL(-SKLSTM_EXP_MAX), x));
    n = x"""
VARIANTS = (
    Variant(
        "A reciprocal by Newton's iteration, corrected to the same bits, instead of a division",
        "_small.h",
        ((DIVISION, NEWTON),),
        (C1,),
    ),
    Variant(
        "Clipping left out where it changes nothing, for sequences that take turns, too",
        "_small.h",
        ((CLIPPING, FORESEEN),),
        (C1,),
    ),
    Variant(
        "Panels of 256 sources, not 128, in the product of a pack's step",
        "_gemm.h",
        (("SKLSTM_DEEP 128", "SKLSTM_DEEP 256"),),
        (B2, B3),
    ),
    Variant(
        "The same product, not BLAS, for more than 256 rows: the gradient of wide networks",
        "_core.pyx",
        (("GEMM_ROWS = 256", "GEMM_ROWS = 1 << 30"),),
        (B3,),
    ),
    Variant(
        "The gradient of 64 rows of deltas at once, not 256",
        "_core.pyx",
        (("GRADIENT_ROWS = 256", "GRADIENT_ROWS = 64"),),
        (Job("sklstm", "B1", "full"), B2),
    ),
    Variant(
        "The gradient of 1024 rows of deltas at once, not 256",
        "_core.pyx",
        (("GRADIENT_ROWS = 256", "GRADIENT_ROWS = 1024"),),
        (Job("sklstm", "B1", "full"), B2),
    ),
    Variant(
        "Predictions in packs of 16 sequences, not 64",
        "_kernel.py",
        (("PACK_LANES = 64", "PACK_LANES = 16"),),
        (C1,),
    ),
    Variant(
        "Predictions in windows of 64 KB, not 512 KB",
        "_kernel.py",
        (("WINDOW_BYTES = 1 << 19", "WINDOW_BYTES = 1 << 16"),),
        (C1,),
    ),
)


def install(where, variant=None):
    """Build the project, or a variant of it, into a directory."""
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "source"
        shutil.copytree(
            ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "dist", "*.so", "docs", "results")
        )
        if variant:
            path = source / "sklstm" / variant.file
            text = path.read_text()
            for before, after in variant.lines:
                if text.count(before) != 1:
                    raise SystemExit(f"{variant.name}: {before!r} is not once in {variant.file}")
                text = text.replace(before, after)
            path.write_text(text)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", where, source]
        subprocess.run(command, check=True)
    return where


class Timer:
    """A process that runs jobs with the package in a directory."""

    def __init__(self, where):
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | worker.ONE_THREAD | {"PYTHONPATH": str(where)},
        )

    def nanoseconds(self, job):
        """CPU time of a unit of the job's work."""
        print(VARIANT_JOBS.index(job), file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def close(self):
        """End the process."""
        self.process.communicate()


VARIANT_JOBS = tuple(dict.fromkeys(job for variant in VARIANTS for job in variant.jobs))


def serve():
    """Run the jobs whose numbers come in."""
    import ours

    ready = {}
    for line in sys.stdin:
        job = VARIANT_JOBS[int(line)]
        if job not in ready:
            prepared = ours.prepare(job)
            seconds = worker.timed(prepared.run, 1)[0]
            ready[job] = prepared, max(1, round(worker.LEAST_SECONDS / seconds))
        prepared, repeats = ready[job]
        print(worker.timed(prepared.run, repeats)[0] / prepared.units * 1e9, flush=True)


def compare(variant, as_is, rounds):
    """One record a job."""
    with tempfile.TemporaryDirectory() as where:
        other = Timer(install(where, variant))
        for job in variant.jobs:
            times = []
            for n in range(rounds + 1):
                pair = [as_is, other][:: 1 if n % 2 else -1]
                numbers = [timer.nanoseconds(job) for timer in pair]
                times.append(numbers[:: 1 if n % 2 else -1])
            mine, others = np.array(times[1:]).T  # the first warms up
            low, ratio, high = np.percentile(mine / others, [25, 50, 75])
            record = {
                "variant": variant.name,
                "job": job.label,
                "as_it_is": round(float(np.median(mine)), 1),
                "otherwise": round(float(np.median(others)), 1),
                "ratio": round(float(ratio), 3),
                "ratio_quartiles": [round(float(low), 3), round(float(high), 3)],
                "rounds": rounds,
            }
            print(record, flush=True)
            yield record
        other.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="variants whose name has this text")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(worker.cores())})
    if options.serve:
        return serve()
    with tempfile.TemporaryDirectory() as where:
        as_is = Timer(install(where))
        records = [
            record
            for variant in VARIANTS
            if options.only in variant.name
            for record in compare(variant, as_is, options.rounds)
        ]
        as_is.close()
    if options.json:
        options.json.write_text(json.dumps(records, indent=1) + "\n")


if __name__ == "__main__":
    main()
