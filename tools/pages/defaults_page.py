"""The page of the defaults on real data, from what `real_data.py` and `real_data_cv.py` wrote.

    python tools/pages/defaults_page.py [--output docs/defaults.md]

`defaults_page.md` has the text; the tables are made here.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from shared import HERE, ROOT, filled, markdown

sys.path.append(str(ROOT / "benchmarks"))
import real_data
import real_data_cv
from real_sequences import CLASSES, DATA, NINE

OURS, RECOMMENDED, STEPS = "sklstm", "sklstm, recommended", "sklstm, step by step"
SIMPLE = ("linear", "linear, all steps", "linear, interpolated", "1-NN DTW")
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


def compared(means, ours, others, what):
    """Sentence that says on how many data sets a system beats or equals the best of others."""
    both = [data for data, row in means.items() if ours in row and any(name in row for name in others)]
    best = {data: max(means[data][name] for name in others if name in means[data]) for data in both}
    lost = [data for data in both if means[data][ours] < best[data]]
    end = f"; it is worse on {', '.join(lost)}" if lost else ""
    return f"beats or equals {what} on {len(both) - len(lost)} of {len(both)} data sets{end}."


def verdict(records):
    """Sentences on the scores."""
    means = means_of(records)
    lines = [
        f"- Without arguments, sklstm {compared(means, OURS, [name], f'**{name}**')}"
        for name in real_data.SYSTEMS
        if not name.startswith("sklstm")
    ]
    best = "the best of the linear models and 1-NN DTW"
    lines += [
        f"- The recommended pipeline {compared(means, RECOMMENDED, SIMPLE, best)}",
        f"- The recommended pipeline {compared(means, RECOMMENDED, ['torch'], '**torch**')}",
    ]
    return "\n".join(lines)


def table_of_means(records):
    """Mean accuracy over the nine data sets of the choices, and CPU seconds of all data sets."""
    means, rows = means_of(records), []
    for name in real_data.SYSTEMS:
        scores = [means[data][name] for data in NINE if name in means.get(data, {})]
        found = [real_data.summarised(records, data, name) for data in DATA]
        seconds = [result[2] for result in found if result]
        nine = f"{np.mean(scores):.3f}" if len(scores) == len(NINE) else ""
        rows.append((name, nine, len(seconds), f"{sum(seconds):.0f}"))
    return markdown(("", "mean of the nine", "data sets", "CPU seconds, total"), rows)


def table_of_data(records):
    """Table of the data sets."""
    rows = []
    for data, source in DATA.items():
        row = next((row for key, row in records.items() if key[0] == data), None)
        if row:
            steps = " to ".join(str(n) for n in sorted(set(row["steps"])))
            classes = row["outputs"] if source.task == CLASSES else "a number"
            sizes = " + ".join(map(str, row["sequences"]))
            rows.append((data, source.package, sizes, steps, row["features"], classes, source.note))
    return markdown(("data", "package", "training + test", "steps", "features", "classes", ""), rows)


def table_of_published(records):
    """Published accuracies beside ours."""
    means, rows = means_of(records), []
    for data in DATA:
        figures = [PUBLISHED[name].get(data, "") for name in PUBLISHED]
        if any(figures):
            ours = [means.get(data, {}).get(name, "") for name in (OURS, RECOMMENDED, "MiniRocket")]
            rows.append((data, *(f"{x:.3f}" if x else "" for x in ours + figures)))
    return markdown(("data", OURS, RECOMMENDED, "MiniRocket, here", *PUBLISHED), rows)


def missing(records):
    """Sentence, or list, of the systems that have fewer than five seeds."""
    lines = []
    for name, (_, depends, _) in real_data.SYSTEMS.items():
        few = {}
        for data, source in DATA.items():
            n = len([key for key in records if key[:2] == (data, name)])
            if n < (5 if depends or source.drawn else 1) and not (name == "linear, all steps" and n == 0):
                few.setdefault(n, []).append(data)
        lines += [
            f"- {name}: {n or 'no'} seed{'s' * (n != 1)} of {'; '.join(few[n])}"
            for n in sorted(few, reverse=True)
        ]
    return "All results are of five seeds" + (", except:\n\n" + "\n".join(lines) if lines else ".")


def page(template, records, validated):
    """Return the page."""
    nine = {key: row for key, row in validated.items() if key[0] in NINE}
    others = {key: row for key, row in validated.items() if key[0] not in NINE}
    parts = {
        "scores": real_data.table(records, real_data.SYSTEMS, real_data.score_cell),
        "means": table_of_means(records),
        "verdict": verdict(records),
        "missing": missing(records),
        "seconds": real_data.table(records, real_data.SYSTEMS, real_data.seconds_cell),
        "published": table_of_published(records),
        "data": table_of_data(records),
        "validated": real_data_cv.table(nine),
        "others": real_data_cv.table(others),
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
