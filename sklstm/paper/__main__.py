"""``python -m sklstm.paper``: list the experiments, run trials, print tables."""

import argparse
import json
import os
import sys
import time
from contextlib import closing

from sklstm.paper._experiments import EXPERIMENTS, SETTINGS
from sklstm.paper._recordings import is_there
from sklstm.paper._records import fields_of, key_of, open_to_add, read
from sklstm.paper._results import groups_of, sequences_of_1997, wrong_of_1997
from sklstm.paper._rows import ROWS, row_in
from sklstm.paper._tutorial import TUTORIAL
from sklstm.paper._workers import records_of


def listing(_):
    """Print one line per experiment."""
    print(
        f"{'row':<10}{'table':>5}  {'task':<26}{'weights':>8}{'trials':>7}{'sequences, 1997':>17}  settings"
    )
    for row in EXPERIMENTS.values():
        print(
            f"{row.name:<10}{row.table or '':>5}  {row.task:<26}{row.n_weights:>8}{row.n_trials:>7}"
            f"{sequences_of_1997(row):>17}  {' '.join(row.settings)}"
        )
    print(f"\n{'row':<15}{'family':<17}{'weights':>8}{'trials':>7}  published")
    for row in TUTORIAL.values():
        print(f"{row.name:<15}{row.family:<17}{row.n_weights:>8}{row.n_trials:>7}  {row.published}")


def run(options):
    """Run trials in parallel. Each record is written when its trial ends; trials in the file are left out."""
    out = open_to_add(options.json) if options.json else None
    try:
        return _run(options, out)
    except KeyboardInterrupt:
        kept = f" The trials that ended are in {options.json}; the same command continues." if out else ""
        print(f"\nStopped.{kept}")
        return 130
    finally:
        if out:
            out.close()


def _run(options, out):
    several = {"all": EXPERIMENTS, "tutorial": TUTORIAL}
    rows = list(dict.fromkeys(row for name in options.experiments for row in several.get(name, [name])))
    for name in list(rows):
        package = ROWS[name].package if name in TUTORIAL else ""
        if package and not is_there(package):
            rows.remove(name)
            print(f"{name} is left out: it learns from a file of {package}: pip install {package}")
    done = set(map(key_of, read(options.json)))
    jobs = [
        (name, setting, options.seed + trial)
        for setting in dict.fromkeys(options.settings)
        for name in rows
        if setting in ROWS[name].settings
        for trial in range(options.trials or row_in(name, setting).n_trials)
    ]
    left = [job for job in jobs if job not in done]
    if len(left) < len(jobs):
        print(f"{len(jobs) - len(left)} of {len(jobs)} trials are in {options.json} already", flush=True)
    # the longest trials first, so that no core is idle at the end
    left.sort(key=lambda job: -row_in(*job[:2]).limit * ROWS[job[0]].mean_steps)
    total, finished, start = sum(_expected_steps(*job) for job in left), 0, time.perf_counter()
    with closing(records_of(left, options.jobs, options.limit)) as records:
        for number, record in enumerate(records, 1):
            record["trial"] = record["seed"] - options.seed
            if out:
                fields = fields_of(record["experiment"])
                print(json.dumps({field: record[field] for field in fields}), file=out, flush=True)
            finished += _expected_steps(*key_of(record))
            spent = time.perf_counter() - start
            print(
                f"[{number}/{len(left)}] {record['experiment']:<9} {record['setting']:<12} seed "
                f"{record['seed']:<3} {'solved' if record['success'] else 'not solved':<10} "
                f"{record['sequences']:>9,} sequences  {_outcome(record)}  "
                f"{record['seconds']:.0f} s; {spent:.0f} s, {spent * (total / finished - 1):.0f} s left",
                flush=True,
            )
    print(f"total: {time.perf_counter() - start:.0f} s for {len(left)} trials with {options.jobs} jobs")
    return 0


def _outcome(record):
    """Result of a trial in words."""
    if "reached" not in record:
        return f"{record['wrong']} of {record['test_size']} wrong"
    return f"reached {'nothing' if record['reached'] is None else format(record['reached'], ',.4g')}"


def _expected_steps(name, setting, _):
    row = row_in(name, setting)
    sequences = row.limit if name in TUTORIAL else row.paper.get("sequences", row.limit)
    return sequences * row.mean_steps


def table(options):
    """Print the paper's column and ours for the records of a file."""
    records = read(options.file)
    if not records:
        raise SystemExit(
            f"{options.file} has no trials: `python -m sklstm.paper run 6a --json {options.file}` adds some."
        )
    groups = groups_of(records)
    print(
        f"{'row':<10}{'setting':<13}{'solved':>9}{'sequences':>24}{'1997':>13}"
        f"{'wrong':>9}{'1997':>8}{'rms':>8}{'mae':>8}"
    )
    for name, row in EXPERIMENTS.items():
        for setting in SETTINGS:
            group = groups.get((name, setting))
            if group:
                wrong, rms, mae = group.errors
                of_1997 = row.of(setting)
                print(
                    f"{name:<10}{setting:<13}{group.share:>9}{group.mean:>24}{sequences_of_1997(of_1997):>13}"
                    f"{wrong:>9}{wrong_of_1997(of_1997):>8}{rms:>8}{mae:>8}"
                )
    of_tutorial = [(row, setting) for row in TUTORIAL.values() for setting in SETTINGS]
    if any((row.name, setting) in groups for row, setting in of_tutorial):
        print(f"\n{'row':<15}{'setting':<8}{'solved':>9}{'sequences':>24}{'reached':>32}  published")
    for row, setting in of_tutorial:
        group = groups.get((row.name, setting))
        if group:
            print(
                f"{row.name:<15}{setting:<8}{group.share:>9}{group.mean:>24}{group.reached:>32}  "
                f"{row.published}"
            )
    return 0


def _at_least(least):
    """Type of an argument of the command line: an integer of at least this value."""

    def integer(text):
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, got {text}")
        return int(text)

    return integer


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m sklstm.paper", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the experiments")
    runner = commands.add_parser("run", help="run trials")
    runner.add_argument("experiments", nargs="+", choices=[*ROWS, "all", "tutorial"], metavar="ROW")
    runner.add_argument("--trials", type=_at_least(1), help="trials of each row; by default as in the paper")
    runner.add_argument("--jobs", type=_at_least(1), default=1, help="number of trials that run in parallel")
    runner.add_argument("--seed", type=_at_least(0), default=0, help="seed of the first trial")
    runner.add_argument("--limit", type=_at_least(1), help="largest number of sequences of a trial")
    runner.add_argument("--setting", dest="settings", nargs="+", choices=SETTINGS, default=["paper", "best"])
    runner.add_argument("--json", help="file of JSON lines to which the trials are added")
    shower = commands.add_parser("table", help="the paper's numbers beside ours")
    shower.add_argument("file")
    options = parser.parse_args(arguments)
    return {"list": listing, "run": run, "table": table}[options.command](options)


if __name__ == "__main__":
    try:
        try:
            sys.exit(main())
        finally:
            print(end="", flush=True)
    except BrokenPipeError:  # the reader, for example `head`, has closed the pipe: end silently
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
