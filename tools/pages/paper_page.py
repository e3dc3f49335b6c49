"""The page of results of the experiments of 1997, from the records of their trials.

    python tools/pages/paper_page.py [--records benchmarks/results/paper] [--output docs/paper]

needs matplotlib. `paper_page.md` has the text. This script makes two pictures and the tables.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import mannwhitneyu
from shared import HERE, RESULTS, ROOT, filled, markdown

from sklstm.paper import EXPERIMENTS
from sklstm.paper._experiments import READINGS, SYSTEMS
from sklstm.paper._records import read
from sklstm.paper._results import groups_of, sequences_of_1997, success_of_1997, wrong_of_1997

NAMES = {
    "elman": "Elman net",
    "bptt": "BPTT",
    "rtrl": "RTRL",
    "visible": "RTRL, visible units",
    "cascade": "recurrent cascade-correlation",
    "cascade-patient": "the same, more patient, larger pool",
    "chunker": "chunker, both nets",
    "automatizer": "chunker, one net",
    "chunker-fast": "chunker, fast outputs",
    "hierarchy": "transition hierarchies",
}
OUTCOME = ["solved", "limit", "sequences"]


def task_of(row):
    """Arguments of the task in short form."""
    short = {"min_length": "T", "n_informative": "N", "n_relevant": "symbols"}
    words = [
        f"{short.get(name, name)} = {value}"
        for name, value in row.task_arguments.items()
        if name != "variant"
    ]
    if row.table == 1:
        words = ["{n_blocks} x {block_size}, rate {learning_rate}".format(**row.arguments)]
    if row.table == 8:
        words.append(f"fewer than {row.rule.max_wrong} wrong")
    return ", ".join(words)


def table_of(number, groups):
    """One table of the paper: its columns, and our results in both settings."""
    head = ["row", "task", "weights", "solved 1997", "sequences 1997", "wrong 1997"]
    for setting in ("paper", "best"):
        head += [f"{setting}: solved", "sequences", "wrong", "rms", "mae"]
    rows = []
    for row in EXPERIMENTS.values():
        if row.table != number or "paper" not in row.settings:
            continue
        line = [
            row.name,
            task_of(row),
            row.n_weights,
            success_of_1997(row),
            sequences_of_1997(row),
            wrong_of_1997(row),
        ]
        for setting in ("paper", "best"):
            group = groups.get((row.name, setting))
            line += [group.share, group.mean, *group.errors] if group else ["not run", "", "", "", ""]
        rows.append(line)
    return markdown(head, rows)


def first_criterion(groups):
    """Number of sequences until the first of the two stopping criteria of tables 4 and 5 holds."""
    rows = []
    for row in EXPERIMENTS.values():
        if row.paper.get("first") is None:
            continue
        line = [row.name, f"{row.paper['first']:,}"]
        for setting in ("paper", "best"):
            group = groups.get((row.name, setting))
            first = [] if group is None else [r["first"] for r in group.counted if r.get("first")]
            line.append(f"{np.mean(first):,.0f} ± {np.std(first, ddof=1):,.0f}" if len(first) > 1 else "")
        rows.append(line)
    return markdown(["row", "1997", "paper", "best"], rows)


def full_gradient(groups):
    """Comparison of the truncated and the full gradient; everything else is as in the paper."""
    rows = []
    for row in EXPERIMENTS.values():
        truncated, full = groups.get((row.name, "paper")), groups.get((row.name, "full"))
        if row.table is None or truncated is None or full is None:
            continue
        test = mannwhitneyu(truncated.all_sequences, full.all_sequences)
        rows.append(
            [
                row.name,
                truncated.share,
                truncated.mean,
                full.share,
                full.mean,
                f"{test.pvalue:.3f}" if np.isfinite(test.pvalue) else "",
            ]
        )
    return markdown(["row", "truncated: solved", "sequences", "full: solved", "sequences", "p"], rows)


def guessing(groups):
    """Number of guesses until the network solves the task."""
    rows = []
    for row in EXPERIMENTS.values():
        group = groups.get((row.name, "guess"))
        if group:
            weights = int(group.column("n_weights")[0])
            best = groups.get((row.name, "best"))
            rows.append(
                [
                    row.name,
                    row.task,
                    task_of(row),
                    weights,
                    group.share,
                    group.mean,
                    best.mean if best else "",
                ]
            )
    return markdown(
        ["row", "task", "", "weights", "solved", "guesses", "sequences learned, best"],
        rows,
    )


def systems(number, groups):
    """Results of the systems that a table of the paper compares with LSTM: its figures and ours."""
    rows = []
    for row in EXPERIMENTS.values():
        for setting in SYSTEMS if row.table == number else ():
            if setting not in row.settings:
                continue
            record, group = row.of(setting), groups.get((row.name, setting))
            weights = group.column("n_weights") if group else np.array([record.n_weights or np.nan])
            fewest, most = (f"{n:,.0f}" for n in (weights.min(), weights.max()))
            line = [NAMES[setting], f"`{row.name} {setting}`"]
            line += [record.task_arguments["p"]] if number == 2 else [_hidden_units(record)]
            line += [
                most.replace("nan", "") if fewest == most else f"{fewest} to {most}",
                "" if record.kind == "cascade" else f"{record.arguments['learning_rate']:.2g}",
                success_of_1997(record),
                sequences_of_1997(record),
            ]
            rows.append([*line, *_outcome(group, record)])
    third = "delay p" if number == 2 else "hidden units"
    head = ["system", "row and setting", third, "weights", "rate", "solved 1997", "sequences 1997"]
    return markdown([*head, *OUTCOME], rows)


def _outcome(group, record):
    """Number of solved trials, limit, and number of sequences."""
    return [group.share if group else "not run", f"{record.limit:,}", group.mean if group else ""]


def _hidden_units(record):
    if record.kind == "cascade":
        return f"at most {record.arguments['max_units']}"
    return record.arguments["n_hidden_units"]


def readings(groups):
    """Figures of the paper, of the literal setting, and of the settings "reading"."""
    rows = []
    for row in EXPERIMENTS.values():
        literal = "rtrl" if "rtrl" in row.settings else "paper"
        for reading in READINGS:
            if reading not in row.settings:
                continue
            line = [row.name, reading, success_of_1997(row), sequences_of_1997(row)]
            for setting in (literal, reading):
                line += _outcome(groups.get((row.name, setting)), row.of(setting))
            rows.append(line)
    head = ["row", "setting", "solved 1997", "sequences 1997"]
    of_literal, of_reading = ([f"{name}: {OUTCOME[0]}", *OUTCOME[1:]] for name in ("literal", "reading"))
    return markdown([*head, *of_literal, *of_reading], rows)


def limits(groups):
    """Results for the tasks of section 6."""
    rows = []
    for row in EXPERIMENTS.values():
        if row.table is not None:
            continue
        for setting in row.settings:
            if setting == "guess":
                continue
            record, group = row.of(setting), groups.get((row.name, setting))
            arguments = ", ".join(f"{name} = {value}" for name, value in row.task_arguments.items())
            line = [row.name, row.task, arguments, setting, record.n_weights]
            rows.append([*line, *_outcome(group, record)])
    return markdown(["row", "task", "", "setting", "weights", *OUTCOME], rows)


def times(records):
    """Computing time of the trials of each setting."""
    rows = []
    for setting in dict.fromkeys(record["setting"] for record in records):
        mine = [record for record in records if record["setting"] == setting]
        seconds, steps = (sum(record[name] for record in mine) for name in ("seconds", "steps"))
        learning = sum(record["steps"] * record["ns_per_step"] for record in mine) / 1e9
        rows.append(
            [
                setting,
                len(mine),
                f"{steps / 1e9:,.1f}",
                f"{learning / 3600:.2f}",
                f"{seconds / 3600:.2f}",
                f"{seconds / 7200:.2f}",
            ]
        )
    head = ["setting", "trials", "10⁹ steps learned", "CPU hours of learning", "hours of one core", "of two"]
    return markdown(head, rows)


def page(template, records):
    """Return the page: the template with the tables of the records."""
    groups = groups_of(records)
    tables = {f"table {number}": table_of(number, groups) for number in range(1, 10)} | {
        "first criterion": first_criterion(groups),
        "full gradient": full_gradient(groups),
        "systems 1": systems(1, groups),
        "systems 2": systems(2, groups),
        "readings": readings(groups),
        "limits": limits(groups),
        "guessing": guessing(groups),
        "time": times(records),
    }
    return filled(template, tables)


def figures(records, folder):
    """Draw table 3 over the lag and table 7 over T."""
    groups = groups_of(records)
    plt.style.use("sklstm.pictures")

    def draw(axis, names, at, xlabel):
        rows = [EXPERIMENTS[name] for name in names]
        x = [at(row) for row in rows]
        axis.plot(x, [row.paper["sequences"] for row in rows], "k--o", label="1997", markerfacecolor="white")
        for setting, marker, colour in (("paper", "s", "C1"), ("best", "D", "C0")):
            some = [(at(row), groups[row.name, setting]) for row in rows if (row.name, setting) in groups]
            solved = [(place, group) for place, group in some if group.n_solved]
            if solved:
                axis.errorbar(
                    [place for place, _ in solved],
                    [group.sequences.mean() for _, group in solved],
                    [group.sequences.std() for _, group in solved],
                    color=colour,
                    marker=marker,
                    capsize=3,
                    label=f"here, {setting}",
                )
            unsolved = [(place, group) for place, group in some if not group.n_solved]
            if unsolved:
                axis.plot(
                    [place for place, _ in unsolved],
                    [group.sequences.mean() for _, group in unsolved],
                    f"{colour}x",
                    label=f"here, {setting}: not solved by then",
                )
        axis.set(xscale="log", yscale="log", xlabel=xlabel, ylabel="training sequences until success")
        axis.legend()

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
    equal, long = [f"2c-{i}" for i in range(1, 6)], [f"2c-{i}" for i in range(5, 10)]
    draw(axes[0], equal, lambda row: row.task_arguments["q"], "minimal lag q, p = q distractors")
    draw(axes[1], long, lambda row: row.task_arguments["p"], "distractors p, q = 1000")
    figure.savefig(Path(folder) / "lag.png")
    figure, axis = plt.subplots(figsize=(5, 4))
    names = [f"4-{i}" for i in range(1, 4)]
    draw(axis, names, lambda row: row.task_arguments["min_length"], "shortest sequence T, steps")
    figure.savefig(Path(folder) / "adding.png")
    plt.close("all")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=Path, default=RESULTS / "paper")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "paper")
    options = parser.parse_args()
    records = read(options.records)
    if not records:
        parser.error(f"{options.records} has no trials")
    options.output.mkdir(parents=True, exist_ok=True)
    text = page((HERE / "paper_page.md").read_text(), records)
    (options.output / "index.md").write_text(text)
    figures(records, options.output)
    print(f"{options.output / 'index.md'} from {len(records)} trials")


if __name__ == "__main__":
    main()
