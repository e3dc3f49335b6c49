"""GridSearchCV one fit at a time, in two processes, and side by side in one and two threads.

    python benchmarks/search.py [--rounds 5] [--json benchmarks/results/search.json]
    python benchmarks/search.py --page

Two searches with three folds each. "on-line": the adding problem (200 sequences of 100 to 110 steps) and the
network of the paper, 2 blocks of 2 cells, an update after each sequence: 4 learning rates and 2 biases of the
input gates, 60 epochs. "mini-batch": 32 blocks of one cell, 200 sequences of 50 steps and 8 inputs: 6
learning rates, 10 epochs. Both end with the fit of the best setting on all sequences. The ways take turns;
the medians of wall time and of the CPU time of all processes count, with the quartiles of the ratios of
single rounds. Processes are started for "2 processes, new", and go on with "2 processes". All ways must give
the same scores and the same weights, to the bit. ``--page`` puts the results into docs/searches.md and runs
nothing.
"""

import argparse
import json
import os
import time
import warnings
from contextlib import nullcontext
from pathlib import Path

import joblib
import numpy as np
import sklearn
from joblib.externals.loky import get_reusable_executor
from sklearn.model_selection import GridSearchCV

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor, Sequences, side_by_side

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "searches.md"
BEGIN, END = "<!-- from benchmarks/results/search.json -->\n", "<!-- end -->"
WAYS = {  # n_jobs, and the context
    "1 process": (1, nullcontext),
    "2 processes, new": (2, nullcontext),
    "2 processes": (2, nullcontext),
    "side by side, 1 thread": (1, side_by_side),
    "side by side, 2 threads": (2, side_by_side),
}


def on_line():
    rng = np.random.default_rng(0)
    lengths = rng.integers(100, 111, 200)
    values = np.column_stack([rng.uniform(-1, 1, lengths.sum()), np.zeros(lengths.sum())])
    X = Sequences.from_lengths(values, lengths)
    y = np.empty(len(X))
    for i, start in enumerate(X.offsets[:-1]):
        marked = start + rng.choice(50, 2, replace=False)
        values[marked, 1] = 1
        y[i] = 0.5 + values[marked, 0].sum() / 4
    lstm = LSTMRegressor(
        n_blocks=2,
        block_size=2,
        forget_gate=False,
        recurrence="all",
        cell_input_activation="logistic[-2,2]",
        cell_output_activation="logistic[-1,1]",
        output_activation="logistic",
        gradient="truncated",
        solver="sgd",
        update="sequence",
        max_iter=60,
        n_iter_no_change=60,
        random_state=0,
    )
    return lstm, {"learning_rate": [0.1, 0.2, 0.5, 1.0], "input_gate_bias": [-3, 0]}, X, y


def mini_batch():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 50, 8))
    y = (X[:, 0, 0] > 0).astype(int)
    lstm = LSTMClassifier(n_blocks=32, max_iter=10, random_state=0)
    return lstm, {"learning_rate": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]}, X, y


def worker():
    time.sleep(0.02)
    return os.getpid(), time.process_time()


def cpu_seconds(of_workers):
    """CPU time of this process and, if asked for, of the two that joblib has started."""
    spent, workers = time.process_time(), {}
    while of_workers and len(workers) < 2:
        workers |= dict(joblib.Parallel(2)(joblib.delayed(worker)() for _ in range(8)))
    return spent + sum(workers.values())


def run(way, lstm, grid, X, y):
    """Wall and CPU seconds of a search, and the search."""
    n_jobs, context = WAYS[way]
    new, search = way.endswith("new"), GridSearchCV(lstm, grid, cv=3, n_jobs=n_jobs)
    if new:
        get_reusable_executor().shutdown(wait=True)
    in_processes = way.startswith("2 processes")
    cpu, wall = cpu_seconds(in_processes and not new), time.perf_counter()
    with context(n_jobs):
        search.fit(X, y)
    wall = time.perf_counter() - wall
    return (wall, cpu_seconds(in_processes) - cpu), search


def quartiles_of_ratio(of_one, of_way):
    """First and third quartile of the ratios of single rounds, on the wall."""
    ratios = np.array(of_one)[:, 0] / np.array(of_way)[:, 0]
    return np.percentile(ratios, [25, 75]).round(2).tolist()


def table_of(result):
    """The table of the page."""
    lines = [
        "| search | way | s on the wall | s of CPU | wall, 1 process over this | CPU, 1 process over this |",
        "| :-- | :-- | --: | --: | --: | --: |",
    ]
    for row in result["rows"]:
        low, high = row["wall_quartiles"]
        lines.append(
            f"| {row['search']} | {row['way']} | {row['wall_seconds']:.2f} | {row['cpu_seconds']:.2f} | "
            f"{row['wall_ratio']:.2f} ({low:.2f} to {high:.2f}) | {row['cpu_ratio']:.2f} |"
        )
    versions = f"scikit-learn {result['scikit-learn']}, joblib {result['joblib']}"
    lines += ["", f"Rounds: {result['rounds']}; {result['cores']} cores, load {result['load']}; {versions}."]
    return "\n".join(lines) + "\n"


def page(text, result):
    """The page with the table of these results."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + table_of(result) + "\n" + END + rest.split(END, 1)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json")
    parser.add_argument("--page", action="store_true", help="write docs/searches.md and run nothing")
    options = parser.parse_args()
    if options.page:
        result = json.loads((ROOT / "benchmarks" / "results" / "search.json").read_text())
        PAGE.write_text(page(PAGE.read_text(), result))
        return
    os.environ["PYTHONWARNINGS"] = "ignore"  # of the processes; learning does not converge
    warnings.simplefilter("ignore")
    print(f"sklstm {sklstm.__version__}, scikit-learn {sklearn.__version__}, joblib {joblib.__version__}")
    print(f"{'search':<12}{'way':<25}{'wall s':>8}{'CPU s':>8}{'1 / wall':>10}{'1 / CPU':>10}   to 1 process")
    rows = []
    for name, make in (("on-line", on_line), ("mini-batch", mini_batch)):
        data = make()
        seconds = {way: [] for way in WAYS}
        for _ in range(options.rounds):
            first = None
            for way in WAYS:
                spent, search = run(way, *data)
                seconds[way].append(spent)
                first = first or search
                scores = [found.cv_results_["mean_test_score"] for found in (first, search)]
                np.testing.assert_array_equal(*scores)
                np.testing.assert_array_equal(first.best_estimator_.weights_, search.best_estimator_.weights_)
        median = {way: np.median(values, axis=0) for way, values in seconds.items()}
        for way, (wall, cpu) in median.items():
            row = {
                "search": name,
                "way": way,
                "wall_seconds": round(wall, 3),
                "cpu_seconds": round(cpu, 3),
                "wall_ratio": round(median["1 process"][0] / wall, 2),
                "cpu_ratio": round(median["1 process"][1] / cpu, 2),
                "wall_quartiles": quartiles_of_ratio(seconds["1 process"], seconds[way]),
            }
            rows.append(row)
            print(
                "{search:<12}{way:<25}{wall_seconds:>8}{cpu_seconds:>8}{wall_ratio:>10}{cpu_ratio:>10}".format(
                    **row
                )
            )
    if options.json:
        result = {
            "sklstm": sklstm.__version__,
            "scikit-learn": sklearn.__version__,
            "joblib": joblib.__version__,
            "cores": joblib.cpu_count(),
            "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
            "rounds": options.rounds,
            "rows": rows,
        }
        with open(options.json, "w") as file:
            json.dump(result, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
