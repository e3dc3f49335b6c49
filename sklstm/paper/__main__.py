"""``python -m sklstm.paper``: list the experiments, run trials, print tables."""

import argparse
import json
import signal
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from sklstm.paper._experiments import EXPERIMENTS
from sklstm.paper._trial import SETTINGS, Trial, arguments_of

FIELDS = (
    "experiment",
    "setting",
    "trial",
    "seed",
    "success",
    "sequences",
    "n_weights",
    "wrong",
    "test_size",
    "mse",
    "mae",
    "seconds",
    "steps",
    "ns_per_step",
)


def run_trial(name, setting, trial, seed, limit):
    """One trial as a record; runs in a process of its own."""
    experiment = EXPERIMENTS[name]
    result = Trial(experiment, arguments_of(experiment, setting), seed).run(limit)
    result.update(setting=setting, trial=trial)
    return {field: result[field] for field in FIELDS}


def listing():
    """Print a line an experiment."""
    print(f"{'row':<6}{'table':>6}  {'task':<26}{'weights':>8}{'trials':>7}{'sequences, 1997':>17}")
    for row in EXPERIMENTS.values():
        print(
            f"{row.name:<6}{row.table:>6}  {row.task:<26}{row.n_weights:>8}{row.n_trials:>7}"
            f"{row.paper['sequences']:>17,}"
        )


def read(path):
    """Records of a file of JSON lines; a last line that was cut off is left out."""
    records = []
    if path is not None and Path(path).exists():
        for line in Path(path).read_text().splitlines():
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError:
                print(f"{path}: a line is left out, it is not whole", file=sys.stderr)
    return records


def run(options):
    """Trials side by side; each is written when it ends, and one that is there is not made again."""
    rows = list(EXPERIMENTS) if options.experiments == ["all"] else options.experiments
    done = {(record["experiment"], record["setting"], record["seed"]) for record in read(options.json)}
    jobs = [
        (name, setting, trial, options.seed + trial)
        for setting in options.settings
        for name in rows
        for trial in range(options.trials or EXPERIMENTS[name].n_trials)
    ]
    left = [job for job in jobs if (job[0], job[1], job[3]) not in done]
    if len(left) < len(jobs):
        print(f"{len(jobs) - len(left)} of {len(jobs)} trials are in {options.json} already")
    work = {job: _expected_steps(job[0]) for job in left}
    total, finished, start = sum(work.values()), 0, time.perf_counter()
    out = _appended(options.json) if options.json else None
    pool = ProcessPoolExecutor(options.jobs, initializer=_ignore_interrupt)
    try:
        # the longest first, so that no core is idle in the end
        futures = {
            pool.submit(run_trial, *job, options.limit): job
            for job in sorted(
                left, key=lambda job: -EXPERIMENTS[job[0]].limit * EXPERIMENTS[job[0]].mean_steps
            )
        }
        for number, future in enumerate(as_completed(futures), start=1):
            record = future.result()
            if out:
                print(json.dumps(record), file=out, flush=True)
            finished += work[futures[future]]
            spent = time.perf_counter() - start
            print(
                f"[{number}/{len(left)}] {record['experiment']:<5} {record['setting']:<5} seed "
                f"{record['seed']:<3} {'solved' if record['success'] else 'not solved':<10} "
                f"{record['sequences']:>9,} sequences  {record['wrong']} of {record['test_size']} wrong  "
                f"{record['seconds']:.0f} s; {spent:.0f} s, {spent * (total / finished - 1):.0f} s left",
                flush=True,
            )
    except KeyboardInterrupt:
        for process in list(getattr(pool, "_processes", {}).values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        print(f"\nStopped. The trials that ended are kept; the same command goes on: --json {options.json}")
        return 130
    finally:
        if out:
            out.close()
    pool.shutdown()
    print(f"total: {time.perf_counter() - start:.0f} s for {len(left)} trials with {options.jobs} jobs")
    return 0


def _appended(path):
    """Open a file of JSON lines to add to; a line that was cut off is ended first."""
    path = Path(path)
    cut = path.exists() and path.read_text()[-1:] not in ("", "\n")
    out = path.open("a")
    if cut:
        out.write("\n")
    return out


def _expected_steps(name):
    row = EXPERIMENTS[name]
    return row.paper["sequences"] * row.mean_steps


def _ignore_interrupt():
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def table(options):
    """Print the paper's column and ours for the records of a file."""
    groups = defaultdict(list)
    for record in read(options.file):
        groups[record["experiment"], record["setting"]].append(record)
    print(
        f"{'row':<6}{'setting':<8}{'solved':>9}{'sequences':>12}{'spread':>10}{'1997':>11}"
        f"{'wrong':>9}{'1997':>9}{'mae':>8}{'rmse':>8}"
    )
    for name, row in EXPERIMENTS.items():
        for setting in SETTINGS:
            records = groups.get((name, setting))
            if not records:
                continue
            solved = [record for record in records if record["success"]]
            sequences = np.array([record["sequences"] for record in solved or records])
            tested = solved or records
            wrong = np.mean([record["wrong"] for record in tested])
            paper_wrong = row.paper.get("wrong")
            if paper_wrong is not None and paper_wrong < 1:
                paper_wrong = paper_wrong * row.test_size
            share = f"{len(solved)}/{len(records)}"
            print(
                f"{name:<6}{setting:<8}{share:>9}"
                f"{sequences.mean():>12,.0f}{sequences.std():>10,.0f}{row.paper['sequences']:>11,}"
                f"{wrong:>9.2f}{'' if paper_wrong is None else format(paper_wrong, '.2f'):>9}"
                f"{np.mean([record['mae'] for record in tested]):>8.4f}"
                f"{np.sqrt(np.mean([record['mse'] for record in tested])):>8.4f}"
            )
    return 0


def main(arguments=None):
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m sklstm.paper", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the experiments")
    runner = commands.add_parser("run", help="make trials")
    runner.add_argument("experiments", nargs="+", choices=[*EXPERIMENTS, "all"], metavar="ROW")
    runner.add_argument("--trials", type=int, help="the paper's number if not given")
    runner.add_argument("--jobs", type=int, default=1, help="trials side by side")
    runner.add_argument("--seed", type=int, default=0, help="of the first trial")
    runner.add_argument("--limit", type=int, help="sequences at most in a trial")
    runner.add_argument("--setting", dest="settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    runner.add_argument("--json", help="file of JSON lines that is added to")
    shower = commands.add_parser("table", help="the paper's numbers beside ours")
    shower.add_argument("file")
    options = parser.parse_args(arguments)
    if options.command == "list":
        return listing()
    return run(options) if options.command == "run" else table(options)


if __name__ == "__main__":
    sys.exit(main())
