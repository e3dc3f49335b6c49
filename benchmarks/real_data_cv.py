"""Candidates for the defaults, cross-validated in the sequences to learn from: no test part is looked at.

    python benchmarks/real_data_cv.py [--datasets ...] [--candidates ...] [--seeds 2]

Three folds of what the data sets of real_sequences.py give to learn from (with the seed 0), shuffled anew
by each seed. Runs what benchmarks/results/real_data_cv.json lacks, writes the file after each row, and prints
the table; docs/defaults.md shows it.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path

if __name__ == "__main__":  # before the libraries load
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"))

import numpy as np
from real_data import CLASSES, scaled_target
from real_sequences import DATA, NINE
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from sklstm import LSTMClassifier, LSTMRegressor, SequenceScaler
from sklstm._learning import loop

RESULTS = Path(__file__).parent / "results" / "real_data_cv.json"
STEPS = {"n_patches": None}
ONE_WAY = {"bidirectional": False, "pooling": "last"}
BOTH_WAYS = {"bidirectional": True, "pooling": ("last", "mean", "max")}
NEVER = np.inf
RULES = 0.2, 2.0  # of the defaults
N_FALLING = 100  # epochs in which a learning rate falls to 0
HELD_OUT = {"early_stopping": True, "validation_fraction": 0.2}
BEFORE = {"average": False, "alpha": 0.0001}  # of the defaults before averages
OTHERS = {  # beside these: arguments of a model
    "before averages": {},
    "penalty .0001": {"alpha": 0.0001},
    "penalty .0003": {"alpha": 0.0003},
    "penalty .0005": {"alpha": 0.0005},
    "penalty .001": {"alpha": 0.001},
    "penalty .001, learning rate .003": {"alpha": 0.001, "learning_rate": 0.003},
    "penalty .001, learning rate .005": {"alpha": 0.001, "learning_rate": 0.005},
    "penalty .001, last": {"alpha": 0.001, "pooling": "last"},
    "penalty .003": {"alpha": 0.003},
    "penalty .01": {"alpha": 0.01},
    "penalty .03": {"alpha": 0.03},
    "penalty .1": {"alpha": 0.1},
    "penalty .1 / n": {"alpha": lambda n: 0.1 / n},
    "penalty .3 / n": {"alpha": lambda n: 0.3 / n},
    "penalty 1 / n": {"alpha": lambda n: 1 / n},
    "tenth held out": {"early_stopping": True},
    "fifth held out": HELD_OUT,
    "fifth held out, penalty .001": HELD_OUT | {"alpha": 0.001},
    "fifth held out, penalty .1 / n": HELD_OUT | {"alpha": lambda n: 0.1 / n},
    "penalty .3 / n, 5 epochs without improvement": {"alpha": lambda n: 0.3 / n, "n_iter_no_change": 5},
    "penalty .3 / n, learning rate .003": {"alpha": lambda n: 0.3 / n, "learning_rate": 0.003},
    "fifth held out, 30 epochs": HELD_OUT | {"n_iter_no_change": 30},
    "5 epochs without improvement": {"n_iter_no_change": 5},
    "tolerance .001": {"tol": 0.001},
    "tolerance .01": {"tol": 0.01},
    "learning rate .003": {"learning_rate": 0.003},
    "norm of gradients 1": {"clip": 1.0},
    "dropout .2": {"dropout": 0.2},
    "16 blocks": {"n_blocks": 16},
    "32 blocks": {"n_blocks": 32},
    "last": {"pooling": "last"},
    "mean": {"pooling": "mean"},
    "last and mean": {"pooling": ("last", "mean")},
    "one direction": {"bidirectional": False},
    "both directions and all poolings": BOTH_WAYS,
    "rate falls to 0, linearly": {"learning_rate": lambda n: linear, "max_iter": N_FALLING},
    "rate falls to 0, by a cosine": {"learning_rate": lambda n: cosine, "max_iter": N_FALLING},
    "label smoothing .1": {"label_smoothing": 0.1},
    "random gate biases": {"forget_gate_bias": None, "input_gate_bias": None},
    "random gate biases, label smoothing .1": {
        "forget_gate_bias": None,
        "input_gate_bias": None,
        "label_smoothing": 0.1,
    },
}
AVERAGES = {  # of the weights, and the penalty of the defaults
    "average, penalty .0001": {"alpha": 0.0001},
    "average, penalty .0003": {"alpha": 0.0003},
    "average, penalty .0005": {"alpha": 0.0005},
    "average, penalty .001": {"alpha": 0.001},
    "average, penalty .1 / n": {"alpha": lambda n: 0.1 / n},
    "average, dropout .1": {"dropout": 0.1},
    "average, dropout .2": {"dropout": 0.2},
    "average, batches of 8": {"batch_size": 8},
    "average, batches of 16": {"batch_size": 16},
    "average, batches of 24": {"batch_size": 24},
    "defaults": {},
}
CANDIDATES = {  # arguments of one model, or of several that vote; `loop.WAITS`; `loop.JUMP` if not NEVER
    "steps": (STEPS, NEVER),
    "steps, waits .5": (STEPS, 0.5),
    "steps, waits .2": (STEPS, 0.2),
    "steps, waits .2, ends in no jump": (STEPS, 0.2, 2.0),
    "steps, waits .1": (STEPS, 0.1),
    "steps, both directions": (STEPS | BOTH_WAYS, NEVER),
    "8 patches": ({"n_patches": 8} | BOTH_WAYS, NEVER),
    "16 patches": ({"n_patches": 16} | BOTH_WAYS, NEVER),
    "32 patches": ({"n_patches": 32} | BOTH_WAYS, NEVER),
    "16 patches, waits .5": ({"n_patches": 16} | BOTH_WAYS, 0.5),
    "16 patches, waits .2": ({"n_patches": 16} | BOTH_WAYS, 0.2),
    "16 patches, waits .1": ({"n_patches": 16} | BOTH_WAYS, 0.1),
    "16 patches, waits .2, ends in no jump": ({"n_patches": 16} | BOTH_WAYS, 0.2, 2.0),
    "16 patches, 32 blocks": ({"n_patches": 16, "n_blocks": 32} | BOTH_WAYS, NEVER),
    "16 patches, one direction, last": ({"n_patches": 16} | ONE_WAY, NEVER),
    "16 patches, one direction": ({"n_patches": 16} | BOTH_WAYS | {"bidirectional": False}, NEVER),
    "16 patches, last": ({"n_patches": 16} | BOTH_WAYS | {"pooling": "last"}, NEVER),
    "16 patches, maximum": ({"n_patches": 16} | BOTH_WAYS | {"pooling": "max"}, NEVER),
    "16 patches, random gate biases": (
        {"n_patches": 16, "forget_gate_bias": None, "input_gate_bias": None} | BOTH_WAYS,
        NEVER,
    ),
    "16 patches, two layers": ({"n_patches": 16, "n_layers": 2} | BOTH_WAYS, NEVER),
    "16 patches, dropout .3": ({"n_patches": 16, "dropout": 0.3} | BOTH_WAYS, NEVER),
    "16 patches, label smoothing .1": ({"n_patches": 16, "label_smoothing": 0.1} | BOTH_WAYS, NEVER),
    "vote of 8, 16, 32 patches": ([{"n_patches": n} for n in (8, 16, 32)], NEVER),
    **{name: (arguments, *RULES) for name, arguments in OTHERS.items()},
    **{name: (arguments, *RULES) for name, arguments in AVERAGES.items()},
}


def linear(epoch):
    """Learning rate that falls linearly."""
    return 0.01 * (1 - epoch / N_FALLING)


def cosine(epoch):
    """Learning rate that falls by half a cosine."""
    return 0.005 * (1 + np.cos(np.pi * epoch / N_FALLING))


def model_of(task, arguments, seed):
    """Estimator with these arguments, or a vote of several."""
    if isinstance(arguments, list):
        members = [(str(i), _lstm(task)(random_state=seed, **each)) for i, each in enumerate(arguments)]
        lstm = VotingClassifier(members, voting="soft") if task == CLASSES else VotingRegressor(members)
    else:
        lstm = _lstm(task)(random_state=seed, **arguments)
    model = make_pipeline(SequenceScaler(), lstm)
    return model if task == CLASSES else scaled_target(model)


def _lstm(task):
    return LSTMClassifier if task == CLASSES else LSTMRegressor


def cross_validated(data, candidate, seed):
    """A record: mean score of three folds, and CPU seconds."""
    source = DATA[data]
    arguments, loop.WAITS, loop.JUMP = (*CANDIDATES[candidate], NEVER)[:3]
    if candidate not in AVERAGES:
        arguments = (
            [BEFORE | each for each in arguments] if isinstance(arguments, list) else BEFORE | arguments
        )
    (X, y), _ = source.load(0)
    folds = (StratifiedKFold if source.task == CLASSES else KFold)(3, shuffle=True, random_state=seed)
    scores, start = [], time.process_time()
    for train, held in folds.split(np.zeros(len(y)), y):
        given = arguments
        if isinstance(arguments, dict):  # a function is one of the number of sequences
            given = {key: value(len(train)) if callable(value) else value for key, value in arguments.items()}
        with threadpool_limits(1):
            model = model_of(source.task, given, seed).fit([X[i] for i in train], y[train])
            scores.append(model.score([X[i] for i in held], y[held]))
    return {
        "data": data,
        "candidate": candidate,
        "seed": seed,
        "score": round(float(np.mean(scores)), 5),
        "cpu_seconds": round(time.process_time() - start, 2),
    }


def read():
    """Records of the file, by (data, candidate, seed)."""
    rows = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    return {(row["data"], row["candidate"], row["seed"]): row for row in rows}


def write(records):
    """Write all records, in the order of DATA and CANDIDATES."""
    order = {name: at for at, name in enumerate([*DATA, *CANDIDATES])}
    rows = sorted(
        records.values(), key=lambda row: (order[row["data"]], order[row["candidate"]], row["seed"])
    )
    body = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    whole = RESULTS.with_suffix(".new")
    whole.write_text(f"[\n{body}\n]\n", encoding="utf-8")
    whole.replace(RESULTS)


def table(records):
    """Markdown: a row per candidate, a column per data set, and the mean over them."""
    names = [data for data in DATA if any(key[0] == data for key in records)]
    lines = [
        f"| candidate | mean | CPU seconds | {' | '.join(names)} |",
        "| --- |" + " --- |" * (len(names) + 2),
    ]
    for candidate in CANDIDATES:
        rows = {data: [row for key, row in records.items() if key[:2] == (data, candidate)] for data in names}
        if not any(rows.values()):
            continue
        means = {data: np.mean([row["score"] for row in found]) for data, found in rows.items() if found}
        seconds = sum(np.mean([row["cpu_seconds"] for row in found]) for found in rows.values() if found)
        cells = [f"{means[data]:.3f}" if data in means else "" for data in names]
        mean = f"{np.mean(list(means.values())):.3f}" if len(means) == len(names) else ""
        lines.append(f"| {candidate} | {mean} | {seconds:.0f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", nargs="+", choices=DATA, default=list(NINE), metavar="NAME")
    parser.add_argument(
        "--candidates", nargs="+", choices=CANDIDATES, default=list(CANDIDATES), metavar="NAME"
    )
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    records = read()
    for seed in range(options.seeds):
        for data in options.datasets:
            for candidate in options.candidates:
                key = data, candidate, seed
                if key not in records:
                    records[key] = cross_validated(*key)
                    print(*key, records[key]["score"], records[key]["cpu_seconds"], sep="  ", flush=True)
                    write(records)
    print(table({key: row for key, row in records.items() if key[0] in options.datasets}))


if __name__ == "__main__":
    main()
