"""``python -m sklstm.paper``: list the experiments, run trials, print tables."""

import argparse
import json
import signal
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import SimpleQueue
from pathlib import Path
from typing import Any

from sklstm.paper._experiments import EXPERIMENTS, SETTINGS
from sklstm.paper._results import groups_of, wrong_of_1997
from sklstm.paper._trial import Guess, Trial, run_trials

FIELDS = (
    "experiment",
    "setting",
    "trial",
    "seed",
    "success",
    "sequences",
    "first",
    "n_weights",
    "wrong",
    "test_size",
    "mse",
    "mae",
    "seconds",
    "steps",
    "ns_per_step",
)


GROUP = 8  # trials that learn side by side in one thread, at most
_records: Any = None  # of a worker: the queue of what it has to tell


def _start_worker(queue):
    global _records
    _records = queue
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run_group(name, setting, seeds, limit):
    """Trials of one row as records that go to the queue as they end; runs in a process of its own."""
    experiment = EXPERIMENTS[name]
    kind = Guess if setting == "guess" else Trial
    trials = [kind(experiment, experiment.arguments_of(setting), seed) for seed in seeds]
    for record in run_trials(trials, limit):
        _records.put(record | {"setting": setting})


def listing(_):
    """Print a line an experiment."""
    print(f"{'row':<7}{'table':>5}  {'task':<26}{'weights':>8}{'trials':>7}{'sequences, 1997':>17}")
    for row in EXPERIMENTS.values():
        print(
            f"{row.name:<7}{row.table or '':>5}  {row.task:<26}{row.n_weights:>8}{row.n_trials:>7}"
            f"{row.paper['sequences']:>17,}"
        )


def read(path):
    """Records of a file of JSON lines, or of all in a folder; a last line that was cut off is left out."""
    records = []
    if path is None:
        return records
    for file in sorted(Path(path).glob("*.jsonl")) if Path(path).is_dir() else [Path(path)]:
        for line in file.read_text().splitlines() if file.exists() else ():
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError:
                print(f"{file}: a line is left out, it is not whole", file=sys.stderr)
    return records


def run(options):
    """Trials side by side; each is written when it ends, and one that is there is not made again."""
    rows = list(EXPERIMENTS) if options.experiments == ["all"] else options.experiments
    done = {(record["experiment"], record["setting"], record["seed"]) for record in read(options.json)}
    jobs = [
        (name, setting, options.seed + trial)
        for setting in options.settings
        for name in rows
        if setting in EXPERIMENTS[name].settings
        for trial in range(options.trials or EXPERIMENTS[name].n_trials)
    ]
    left = [job for job in jobs if job not in done]
    if len(left) < len(jobs):
        print(f"{len(jobs) - len(left)} of {len(jobs)} trials are in {options.json} already")
    seeds = defaultdict(list)
    for name, setting, seed in left:
        seeds[name, setting].append(seed)
    groups = []
    for key, all_ in seeds.items():  # as many groups a process as needed, of much the same size
        n_groups = options.jobs * -(-len(all_) // (options.jobs * GROUP))
        groups += [(*key, part) for at in range(n_groups) if (part := all_[at::n_groups])]
    # the longest first, so that no core is idle in the end
    groups.sort(key=lambda group: -EXPERIMENTS[group[0]].limit * EXPERIMENTS[group[0]].mean_steps)
    total, finished, start = sum(_expected_steps(job[0]) for job in left), 0, time.perf_counter()
    out = _appended(options.json) if options.json else None
    records: Any = SimpleQueue()
    pool = ProcessPoolExecutor(options.jobs, initializer=_start_worker, initargs=(records,))
    try:
        for group in groups:
            future = pool.submit(run_group, *group, options.limit)
            future.add_done_callback(failures_to(records))
        for number in range(1, len(left) + 1):
            record = records.get()
            if isinstance(record, BaseException):
                raise record
            record["trial"] = record["seed"] - options.seed
            if out:
                print(json.dumps({field: record[field] for field in FIELDS}), file=out, flush=True)
            finished += _expected_steps(record["experiment"])
            spent = time.perf_counter() - start
            print(
                f"[{number}/{len(left)}] {record['experiment']:<6} {record['setting']:<5} seed "
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


def failures_to(queue):
    """Callback of a future that puts its exception, if it has one, into the queue."""

    def tell(future):
        if not future.cancelled() and future.exception() is not None:
            queue.put(future.exception())

    return tell


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


def table(options):
    """Print the paper's column and ours for the records of a file."""
    groups = groups_of(records_of(options.file))
    print(
        f"{'row':<7}{'setting':<8}{'solved':>9}{'sequences':>24}{'1997':>11}"
        f"{'wrong':>9}{'1997':>8}{'rms':>8}{'mae':>8}"
    )
    for name, row in EXPERIMENTS.items():
        for setting in SETTINGS:
            group = groups.get((name, setting))
            if group:
                wrong, rms, mae = group.errors
                print(
                    f"{name:<7}{setting:<8}{group.share:>9}{group.mean:>24}{row.paper['sequences']:>11,}"
                    f"{wrong:>9}{wrong_of_1997(row):>8}{rms:>8}{mae:>8}"
                )
    return 0


def records_of(path):
    """Records of a file or folder that has some."""
    records = read(path)
    if not records:
        raise SystemExit(f"{path} has no trials: `python -m sklstm.paper run 6a --json {path}` makes some.")
    return records


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
    runner.add_argument("--setting", dest="settings", nargs="+", choices=SETTINGS, default=["paper", "best"])
    runner.add_argument("--json", help="file of JSON lines that is added to")
    shower = commands.add_parser("table", help="the paper's numbers beside ours")
    shower.add_argument("file")
    options = parser.parse_args(arguments)
    return {"list": listing, "run": run, "table": table}[options.command](options)


if __name__ == "__main__":
    sys.exit(main())
