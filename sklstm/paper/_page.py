"""The page of results: every table of 1997 with the paper's figures and ours, from the records of trials."""

from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.stats import mannwhitneyu

from sklstm.paper._experiments import EXPERIMENTS
from sklstm.paper._notes import NOTES, OTHER_SYSTEMS, TITLES

COMMAND = "python -m sklstm.paper page benchmarks/results/paper --output docs/paper"


class Group:
    """Trials of one row in one setting."""

    def __init__(self, records):
        self.n = len(records)
        solved = [record for record in records if record["success"]]
        self.n_solved = len(solved)
        self.counted = solved or records
        self.sequences = self.column("sequences")
        self.all_sequences = np.array(
            [record["sequences"] if record["success"] else np.inf for record in records]
        )
        self.seeds = sorted(record["seed"] for record in records)

    def column(self, name):
        """Values of the solved trials, of all if none was solved."""
        return np.array([record[name] for record in self.counted], float)

    @property
    def share(self):
        """Solved trials of all."""
        return f"{self.n_solved} of {self.n}"

    @property
    def mean(self):
        """Mean number of sequences and its spread over the solved trials."""
        if not self.n_solved:
            return f"none in {self.sequences.mean():,.0f}"
        spread = f" ± {self.sequences.std(ddof=1):,.0f}" if self.n_solved > 1 else ""
        return f"{self.sequences.mean():,.0f}{spread}"

    @property
    def errors(self):
        """Wrong test sequences, root mean square, mean absolute error: means over the trials."""
        rms = np.sqrt(self.column("mse").mean())
        return f"{self.column('wrong').mean():.2f}", f"{rms:.4f}", f"{self.column('mae').mean():.4f}"


def groups_of(records):
    """Trials by row and setting."""
    groups = defaultdict(list)
    for record in records:
        groups[record["experiment"], record["setting"]].append(record)
    return {key: Group(group) for key, group in groups.items()}


def wrong_of_1997(row):
    """Wrong test sequences as the paper gives them, a share turned into a number."""
    wrong = row.paper.get("wrong")
    if wrong is None:
        return ""
    return f"{wrong * row.test_size:.2f}" if wrong < 1 else f"{wrong}"


def markdown(head, rows):
    """Table in Markdown; the first column to the left, the others to the right."""
    lines = [head, [":--"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def task_of(row):
    """Arguments of the task, short."""
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
    """Rows of one table of the paper: its columns, and ours in both settings."""
    head = ["row", "task", "weights", "solved 1997", "sequences 1997", "wrong 1997"]
    for setting in ("paper", "best"):
        head += [f"{setting}: solved", "sequences", "wrong", "rms", "mae"]
    rows = []
    for row in EXPERIMENTS.values():
        if row.table != number:
            continue
        line = [
            row.name,
            task_of(row),
            row.n_weights,
            f"{row.paper['success']} %",
            f"{row.paper['sequences']:,}",
            wrong_of_1997(row),
        ]
        for setting in ("paper", "best"):
            group = groups.get((row.name, setting))
            line += [group.share, group.mean, *group.errors] if group else ["not run", "", "", "", ""]
        rows.append(line)
    return markdown(head, rows)


def first_criterion(groups):
    """Sequences until the first of the two stopping criteria of tables 4 and 5."""
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
    """The truncated beside the full gradient, all else as in the paper."""
    rows = []
    for row in EXPERIMENTS.values():
        truncated, full = groups.get((row.name, "paper")), groups.get((row.name, "full"))
        if truncated is None or full is None:
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
    """Guesses until a network that solves the task is drawn."""
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


def page(records):
    """Return the page as Markdown."""
    groups = groups_of(records)
    parts = [NOTES["introduction"].format(command=COMMAND).strip()]
    for number, title in TITLES.items():
        parts += [f"## Table {number}. {title}", table_of(number, groups)]
        if number == 5:
            parts += [
                "Sequences until the first of the two criteria of tables 4 and 5:",
                first_criterion(groups),
            ]
        if number in OTHER_SYSTEMS:
            head, rows = OTHER_SYSTEMS[number]
            parts += ["Other systems in the paper's table (its figures):", markdown(head, rows)]
        parts.append(NOTES[number].strip())
        if number == 3:
            parts.append("![Sequences over the minimal lag](lag.png)")
        if number == 7:
            parts.append("![Sequences over T](adding.png)")
    parts += ["## Truncated and full gradient", NOTES["full"].strip(), full_gradient(groups)]
    parts += ["## Guessing", NOTES["guess"].strip(), guessing(groups)]
    parts += ["## Time", times(records)]
    return "\n\n".join(parts) + "\n"


def times(records):
    """What the trials took."""
    rows = []
    for setting in dict.fromkeys(record["setting"] for record in records):
        mine = [record for record in records if record["setting"] == setting]
        seconds, steps = (sum(record[name] for record in mine) for name in ("seconds", "steps"))
        rows.append(
            [setting, len(mine), f"{steps / 1e9:,.1f}", f"{seconds / 3600:.2f}", f"{seconds / 7200:.2f}"]
        )
    head = ["setting", "trials", "10⁹ steps learned", "hours of one core", "hours of two"]
    return markdown(head, rows)


def figures(records, folder):
    """Draw table 3 over the lag and table 7 over T."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    groups = groups_of(records)

    def draw(axis, names, at, xlabel):
        rows = [EXPERIMENTS[name] for name in names]
        x = [at(row) for row in rows]
        axis.plot(x, [row.paper["sequences"] for row in rows], "k--o", label="1997", markerfacecolor="white")
        for setting, marker in (("paper", "s"), ("best", "D")):
            some = [(at(row), groups[row.name, setting]) for row in rows if (row.name, setting) in groups]
            solved = [(place, group) for place, group in some if group.n_solved]
            if solved:
                axis.errorbar(
                    [place for place, _ in solved],
                    [group.sequences.mean() for _, group in solved],
                    [group.sequences.std() for _, group in solved],
                    marker=marker,
                    capsize=3,
                    label=f"here, {setting}",
                )
            unsolved = [(place, group) for place, group in some if not group.n_solved]
            if unsolved:
                axis.plot(
                    [place for place, _ in unsolved],
                    [group.sequences.mean() for _, group in unsolved],
                    "rx",
                    label=f"here, {setting}: not solved in so many",
                )
        axis.set(xscale="log", yscale="log", xlabel=xlabel, ylabel="training sequences until success")
        axis.legend(fontsize=8)

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
    equal, long = [f"2c-{i}" for i in range(1, 6)], [f"2c-{i}" for i in range(5, 10)]
    draw(axes[0], equal, lambda row: row.task_arguments["q"], "minimal lag q, p = q distractors")
    draw(axes[1], long, lambda row: row.task_arguments["p"], "distractors p, q = 1000")
    figure.savefig(Path(folder) / "lag.png", dpi=100)
    figure, axis = plt.subplots(figsize=(5, 4), layout="constrained")
    names = [f"4-{i}" for i in range(1, 4)]
    draw(axis, names, lambda row: row.task_arguments["min_length"], "shortest sequence T, steps")
    figure.savefig(Path(folder) / "adding.png", dpi=100)
    plt.close("all")
