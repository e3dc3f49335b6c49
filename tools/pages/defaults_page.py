"""The page of the defaults on real data, from what `real_data.py` and `real_data_cv.py` wrote.

    python tools/pages/defaults_page.py [--output docs/defaults.md]

`defaults_page.md` has the text; the tables are made here.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from shared import HERE, ROOT, filled, markdown

sys.path.append(str(ROOT / "benchmarks"))
import real_data
import real_data_cv
from real_sequences import CLASSES, DATA, NINE, NUMBERS

OURS, RECOMMENDED, STEPS = "sklstm", "sklstm, recommended", "sklstm, step by step"
TORCH, CHOSEN = "torch", "torch, direction chosen"
MAIN = [name for name in real_data.SYSTEMS if name not in (STEPS, CHOSEN)]
SIMPLE = ("linear", "linear, all steps", "linear, interpolated", "1-NN DTW")
RULES = ("16 patches, waits .2", "16 patches, waits .2, ends in no jump")
REGRESSIONS = tuple(data for data, source in DATA.items() if source.task == NUMBERS)
LETTERS = ("first names, male or female", "words, syllables")
SHORT = (
    "ItalyPowerDemand",
    "JapaneseVowels",
    "peptides, anticancer or membrane",
    "peptides, anticancer or random",
    *LETTERS,
)
CLASSIFICATIONS = tuple(dict.fromkeys((*NINE, *SHORT)))  # of the cross-validation
LARGER = tuple(name for name in CLASSIFICATIONS if name not in ("BasicMotions", "ArrowHead", "Coffee"))
AVERAGED = (*CLASSIFICATIONS, *REGRESSIONS)
BEFORE, NOW, SMALL = "before averages", "defaults", "average, batches of 16"
BEST = "the best of the linear models and 1-NN DTW"
LATER = (*real_data_cv.OTHERS, *real_data_cv.AVERAGES)
PUBLISHED = {  # accuracy on the publisher's split, by the files that the page names
    "LSTM-FCN": {
        "ItalyPowerDemand": 0.962, "GunPoint": 1.0, "ArrowHead": 0.897, "Coffee": 1.0, "OSULeaf": 0.983,
    },
    "MLP": {
        "ItalyPowerDemand": 0.954, "JapaneseVowels": 0.976, "GunPoint": 0.927, "ArrowHead": 0.778,
        "Coffee": 0.996, "Trace": 0.807, "OSULeaf": 0.557,
    },
    "ResNet": {
        "ItalyPowerDemand": 0.963, "JapaneseVowels": 0.992, "GunPoint": 0.991, "ArrowHead": 0.845,
        "Coffee": 1.0, "Trace": 1.0, "OSULeaf": 0.979,
    },
    "InceptionTime": {
        "ItalyPowerDemand": 0.965, "GunPoint": 1.0, "ArrowHead": 0.846, "PickupGestureWiimoteZ": 0.76,
        "Coffee": 1.0, "Trace": 1.0, "OSULeaf": 0.942,
    },
}  # fmt: skip


def run(records):
    """Systems of which there is a record."""
    return [name for name in real_data.SYSTEMS if any(key[1] == name for key in records)]


def means_of(records):
    """{data: {system: mean score}} of all that was run."""
    found = {
        data: {name: real_data.summarised(records, data, name) for name in real_data.SYSTEMS} for data in DATA
    }
    return {
        data: {name: round(result[0], 4) for name, result in row.items() if result}
        for data, row in found.items()
        if any(row.values())
    }


def variance_of_mean(records, data, name):
    """Square of the standard error of a mean over seeds: 0 if seeds change nothing, NaN of a single one."""
    scores = [row["score"] for key, row in records.items() if key[:2] == (data, name)]
    if len(scores) > 1:
        return np.var(scores, ddof=1) / len(scores)
    return np.nan if DATA[data].drawn or real_data.SYSTEMS[name][1] else 0.0


@dataclass
class Comparison:
    """Comparison of a system with the best of others: data sets by the better system."""

    records: dict
    ours: str
    others: tuple
    called: str

    def __post_init__(self):
        self.data, self.lost, self.ahead, self.behind = [], [], [], []
        for data, row in means_of(self.records).items():
            rivals = [name for name in self.others if name in row]
            if self.ours not in row or not rivals:
                continue
            best = max(rivals, key=row.get)
            gain = row[self.ours] - row[best]
            beyond = 2 * np.sqrt(sum(variance_of_mean(self.records, data, x) for x in (self.ours, best)))
            self.data.append(data)
            if gain < 0:
                self.lost.append(data)
            if gain > beyond:
                self.ahead.append(data)
            if -gain > beyond:
                self.behind.append(data)

    @property
    def won(self):
        """Number of data sets on which it is better, or equal."""
        return len(self.data) - len(self.lost)

    def row(self):
        """Row of the table."""
        names = "; ".join(f"**{data}**" if data in self.behind else data for data in self.lost)
        won = f"{self.won} of {len(self.data)}"
        return self.ours, self.called, won, len(self.ahead), len(self.behind), names


def comparisons(records):
    """Comparisons of ours with each system, and of the recommended pipeline with simple models and torch."""
    rivals = [name for name in real_data.SYSTEMS if not name.startswith("sklstm")]
    found = [Comparison(records, OURS, (name,), name) for name in rivals]
    found += [
        Comparison(records, RECOMMENDED, SIMPLE, BEST),
        Comparison(records, RECOMMENDED, (TORCH,), TORCH),
    ]
    return [comparison for comparison in found if comparison.data]


def table_of_comparisons(records):
    """Number of data sets on which a system is better than others or equal, and the other data sets."""
    head = ("", "compared with", "better or equal on", "clearly better", "clearly worse", "worse on")
    return markdown(head, [comparison.row() for comparison in comparisons(records)], left=2)


def beside_torch(records):
    """Sentence about the comparison with torch."""
    found = Comparison(records, OURS, (TORCH,), TORCH)
    return (
        f"Torch is better than the estimators without arguments on {len(found.lost)} of {len(found.data)} "
        f"data sets, by more than two standard\nerrors on {len(found.behind)} of them. The estimators "
        f"without arguments are better by more than that on {len(found.ahead)}."
    )


def seconds_of_fits(records, data, name):
    """Mean CPU seconds of a fit."""
    return np.mean([row["fit_cpu_seconds"] for key, row in records.items() if key[:2] == (data, name)])


def seconds_to_fit(records):
    """Sentence: CPU seconds of the fits, and of those step by step, where both were run."""
    both = [data for data in DATA if (data, OURS, 0) in records and (data, STEPS, 0) in records]
    if not both:
        return ""
    ours, steps = (sum(seconds_of_fits(records, data, name) for data in both) for name in (OURS, STEPS))
    return (
        f"The fits take {ours:.0f} CPU seconds on {len(both)} data sets; step by step, they take {steps:.0f}."
    )


def table_of_means(records):
    """Mean accuracy over the nine data sets of the choices, and CPU seconds of all data sets."""
    means, rows = means_of(records), []
    for name in real_data.SYSTEMS:
        scores = [means[data][name] for data in NINE if name in means.get(data, {})]
        found = [real_data.summarised(records, data, name) for data in DATA]
        seconds = [result[2] for result in found if result]
        if not seconds:
            continue
        nine = f"{np.mean(scores):.3f}" if len(scores) == len(NINE) else ""
        rows.append((name, nine, len(seconds), f"{sum(seconds):.0f}"))
    return markdown(("", "mean of the nine", "data sets", "CPU seconds, their sum"), rows)


def table_of_data(records):
    """Description of the data."""
    rows = []
    for data, source in DATA.items():
        row = next((row for key, row in records.items() if key[0] == data), None)
        if row:
            steps = " to ".join(str(n) for n in sorted(set(row["steps"])))
            classes = row["outputs"] if source.task == CLASSES else "a number"
            sizes = " + ".join(map(str, row["sequences"]))
            rows.append((data, source.package, sizes, steps, row["features"], classes, source.note))
    return markdown(("data", "package", "to learn + to score", "steps", "features", "classes", ""), rows)


def table_of_published(records):
    """Published accuracies beside ours."""
    means, rows = means_of(records), []
    for data in DATA:
        figures = [PUBLISHED[name].get(data, "") for name in PUBLISHED]
        if any(figures):
            ours = [means.get(data, {}).get(name, "") for name in (OURS, RECOMMENDED, "MiniRocket")]
            rows.append((data, *(f"{x:.3f}" if x else "" for x in ours + figures)))
    return markdown(("data", OURS, RECOMMENDED, "MiniRocket, here", *PUBLISHED), rows)


def table_of_seeds(records):
    """Number of seeds of each system and data set."""
    rows = []
    for data in DATA:
        counts = [len([key for key in records if key[:2] == (data, name)]) for name in run(records)]
        if any(counts):
            rows.append((data, *(n or "" for n in counts)))
    return markdown(("data", *run(records)), rows)


def beside_jumps(validated):
    """Number of data sets and shuffles on which a rule changes nothing, and the changes on the others."""
    without, with_it = (
        {
            (data, seed): row["score"]
            for (data, candidate, seed), row in validated.items()
            if candidate == name
        }
        for name in RULES
    )
    both = [key for key in without if key in with_it]
    changed = [key for key in both if without[key] != with_it[key]]
    parts = [f"the same on {len(both) - len(changed)} of {len(both)}"]
    parts += [f"{key[0]} {without[key]:.3f} without, {with_it[key]:.3f} with it" for key in changed]
    return "; ".join(parts)


def table_of_gains(validated, before, now):
    """Scores of two candidates, and gains in the same shuffles."""
    rows = []
    for data in AVERAGED:
        pairs = [
            (validated[data, before, seed]["score"], row["score"])
            for (name, candidate, seed), row in validated.items()
            if (name, candidate) == (data, now) and (data, before, seed) in validated
        ]
        if len(pairs) > 1:
            old, new = np.array(pairs).T
            error = (new - old).std(ddof=1) / np.sqrt(len(pairs))
            gain = f"{(new - old).mean():+.4f} ± {error:.4f}"
            rows.append((data, len(pairs), f"{old.mean():.4f}", f"{new.mean():.4f}", gain))
    return markdown(("data", "shuffles", "before", "now", "gain"), rows)


def mean_gain(validated, names, before, now, shuffles=range(100)):
    """Mean gain over the data sets, and its error over the shuffles."""
    of = {key[1:]: {} for key in validated if key[1] in (before, now)}
    for (data, *key), row in validated.items():
        if tuple(key) in of:
            of[tuple(key)][data] = row["score"]
    gains = [
        np.mean([of[now, seed][data] - of[before, seed][data] for data in names])
        for candidate, seed in of
        if candidate == now and seed in shuffles
        if all(set(names) <= set(of.get((each, seed), ())) for each in (before, now))
    ]
    error = np.std(gains, ddof=1) / np.sqrt(len(gains))
    return f"{np.mean(gains):+.4f} ± {error:.4f} ({len(gains)} shuffles)"


def table_of_candidates(validated, names):
    """Candidates, with the mean over data sets and its gain over `BEFORE` in the same shuffles."""
    found = {}
    for (data, candidate, seed), row in validated.items():
        found.setdefault(candidate, {}).setdefault(seed, {})[data] = row["score"]
    whole = {  # candidate: one row of scores for each shuffle in which all data sets were run
        candidate: {
            seed: np.array([scores[data] for data in names])
            for seed, scores in shuffles.items()
            if set(names) <= set(scores)
        }
        for candidate, shuffles in found.items()
        if candidate in LATER
    }
    before, rows = whole[BEFORE], []
    for candidate in LATER:
        shuffles = whole.get(candidate)
        if not shuffles:
            continue
        gains = np.array([(shuffles[seed] - before[seed]).mean() for seed in shuffles])
        error = f" ± {gains.std(ddof=1) / np.sqrt(len(gains)):.3f}" if len(gains) > 1 else ""
        gain = "" if candidate == BEFORE else f"{gains.mean():+.3f}{error}"
        scores = np.mean(list(shuffles.values()), axis=0)
        rows.append((candidate, len(shuffles), f"{scores.mean():.3f}", gain, *(f"{x:.3f}" for x in scores)))
    return markdown(("candidate", "shuffles", "mean", "gain", *names), rows)


def page(template, records, validated):
    """Return the page."""
    everything = validated
    validated = {key: row for key, row in validated.items() if key[1] not in LATER}
    nine = {key: row for key, row in validated.items() if key[0] in NINE and key[2] == 0}
    others = {
        key: row
        for key, row in validated.items()
        if key[0] not in NINE and key[1] not in RULES and key[2] == 0
    }
    beside = [name for name in (OURS, STEPS, TORCH, CHOSEN) if name in run(records)]
    further = [data for data in DATA if any((data, name, 0) in records for name in (STEPS, CHOSEN))]
    parts = {
        "scores": real_data.table(records, MAIN, real_data.score_cell),
        "further": real_data.table(records, beside, real_data.score_cell, further),
        "means": table_of_means(records),
        "comparisons": table_of_comparisons(records),
        "seconds_to_fit": seconds_to_fit(records),
        "beside_torch": beside_torch(records),
        "seeds": table_of_seeds(records),
        "has chosen": CHOSEN in run(records),
        "seconds": real_data.table(records, run(records), real_data.seconds_cell),
        "published": table_of_published(records),
        "data": table_of_data(records),
        "validated": real_data_cv.table(nine),
        "jumps": beside_jumps(validated),
        "others": real_data_cv.table(others),
        "averages": table_of_gains(everything, BEFORE, NOW),
        "gain_of_classes": mean_gain(everything, CLASSIFICATIONS, BEFORE, NOW),
        "gain_of_numbers": mean_gain(everything, REGRESSIONS, BEFORE, NOW),
        "gain_of_sizes": mean_gain(everything, CLASSIFICATIONS, NOW, SMALL, range(14)),
        "gain_of_sizes_later": mean_gain(everything, LARGER, NOW, SMALL, range(14, 20)),
        "regressors": table_of_candidates(everything, REGRESSIONS),
        "classifiers": table_of_candidates(everything, NINE),
        "letters": table_of_candidates(everything, LETTERS),
        "short": table_of_candidates(everything, SHORT),
        "versions": ", ".join(sorted({row["with"] for row in records.values()})),
    }
    return filled(template, parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "defaults.md")
    options = parser.parse_args()
    template = (HERE / "defaults_page.md").read_text(encoding="utf-8")
    text = page(template, real_data.read(), real_data_cv.read())
    options.output.write_text(text, encoding="utf-8")
    print(f"{options.output} from {len(real_data.read())} rows")


if __name__ == "__main__":
    main()
