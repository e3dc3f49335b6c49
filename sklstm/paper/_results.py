"""Statistics of the trials of one row in one setting."""

from collections import defaultdict

import numpy as np


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
        """Values of the solved trials, or of all trials if none was solved."""
        return np.array([record[name] for record in self.counted], float)

    @property
    def share(self):
        """Number of solved trials, of all trials."""
        return f"{self.n_solved} of {self.n}"

    @property
    def mean(self):
        """Mean number of sequences and its spread over the solved trials."""
        if not self.n_solved:
            return f"none in {self.sequences.mean():,.0f}"
        spread = f" ± {self.sequences.std(ddof=1):,.0f}" if self.n_solved > 1 else ""
        return f"{self.sequences.mean():,.0f}{spread}"

    @property
    def reached(self):
        """Value "reached" of the trials of a row of the tutorial: median, smallest and largest value."""
        numbers = [record["reached"] for record in self.counted if record["reached"] is not None]
        if not numbers:
            return ""
        return f"{np.median(numbers):,.4g} ({min(numbers):,.4g} to {max(numbers):,.4g})"

    @property
    def errors(self):
        """Wrong test sequences, root mean square error and mean absolute error: means over the trials."""
        rms = np.sqrt(self.column("mse").mean())
        return f"{self.column('wrong').mean():.2f}", f"{rms:.4f}", f"{self.column('mae').mean():.4f}"


def groups_of(records):
    """Trials by row and setting."""
    groups = defaultdict(list)
    for record in records:
        groups[record["experiment"], record["setting"]].append(record)
    return {key: Group(group) for key, group in groups.items()}


def success_of_1997(row):
    """Share of the paper's trials that were solved; "some" where the paper has no number."""
    if "success" not in row.paper:
        return ""
    success = row.paper["success"]
    return "some" if success is None else f"{success} %"


def sequences_of_1997(row):
    """Training sequences of the paper's trials; if none was solved, the number that was not enough."""
    if "sequences" not in row.paper:
        return ""
    return (">" if row.paper["success"] == 0 else "") + f"{row.paper['sequences']:,}"


def wrong_of_1997(row):
    """Number of wrong test sequences in the paper, also if the paper gives a share."""
    wrong = row.paper.get("wrong")
    if wrong is None:
        return ""
    return f"{wrong * row.test_size:.2f}" if wrong < 1 else f"{wrong}"
