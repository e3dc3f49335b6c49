"""
Grid search over learning rate and gate biases
==============================================

The learning rate and the initial gate biases have the largest effect. Here, a pipeline of scaler and LSTM
reads handwritten digits row by row. Every pair of learning rate and bias, for each of the three gates, is
tried by GridSearchCV in two processes, by HalvingGridSearchCV, which gives more epochs to the best pairs,
and by GridSearchCV on a dask cluster of two local processes. The figure shows the scores.
"""

import argparse
import os
import time
import warnings

import joblib
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from joblib.externals.loky import get_reusable_executor
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier, SequenceScaler

GATES = ("input", "forget", "output")
RATES, BIASES, MAX_ITER, N_SEQUENCES = [0.001, 0.003, 0.01, 0.03], [-2, 0, 2], 27, 1797


def on_cores(search, X, y):
    """Fit in processes of joblib, and end them: only then their CPU time is added to that of this process."""
    search.fit(X, y)
    get_reusable_executor().shutdown(wait=True)


def on_dask(search, X, y):
    """The same on a cluster, here of this machine only."""
    from dask.distributed import Client, LocalCluster

    here = {"threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=2, **here) as cluster, Client(cluster), joblib.parallel_config("dask"):
        search.fit(X, y)


def main():
    digits = load_digits()
    X, y = digits.images[:N_SEQUENCES], digits.target[:N_SEQUENCES]  # (n_sequences, 8 steps, 8 features)
    pipeline = make_pipeline(SequenceScaler(), LSTMClassifier(n_blocks=16, max_iter=MAX_ITER, random_state=0))
    lstm = "lstmclassifier__"
    grid = [{lstm + "learning_rate": RATES, f"{lstm}{gate}_gate_bias": BIASES} for gate in GATES]
    options = {"cv": StratifiedKFold(3, shuffle=True, random_state=0), "n_jobs": 2}
    epochs = {"resource": lstm + "max_iter", "min_resources": MAX_ITER // 3, "max_resources": MAX_ITER}
    grid_search, dask_search = (GridSearchCV(pipeline, grid, **options) for _ in range(2))
    halving = HalvingGridSearchCV(pipeline, grid, random_state=0, **epochs, **options)
    runs = {"GridSearchCV": (on_cores, grid_search), "HalvingGridSearchCV": (on_cores, halving)}
    runs["GridSearchCV on dask"] = on_dask, dask_search
    print(f"{len(X)} sequences\n{'':<22}{'wall s':>8}{'CPU s':>8}{'fits':>6}{'score':>8}  best parameters")
    for name, (run, search) in runs.items():
        wall, before = time.perf_counter(), os.times()
        try:
            run(search, X, y)
        except ImportError:
            print(f"{name:<22}left out, dask comes with: pip install sklstm[dask]")
            continue
        wall, cpu = time.perf_counter() - wall, sum(os.times()[:4]) - sum(before[:4])
        fits = search.n_splits_ * len(search.cv_results_["params"])
        best = {key.removeprefix(lstm): value for key, value in search.best_params_.items()}
        print(f"{name:<22}{wall:>8.1f}{cpu:>8.1f}{fits:>6}{search.best_score_:>8.4f}  {best}", flush=True)

    table = grid_search.cv_results_
    low, high = table["mean_test_score"].min(), table["mean_test_score"].max()
    plt.style.use("sklstm.pictures")
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.5), sharey=True)
    for axis, gate in zip(axes, GATES):
        panel = np.empty((len(BIASES), len(RATES)))
        for params, score in zip(table["params"], table["mean_test_score"]):
            if (bias := params.get(f"{lstm}{gate}_gate_bias")) is not None:
                row, column = BIASES.index(bias), RATES.index(params[lstm + "learning_rate"])
                panel[row, column] = score
                axis.text(column, row, f"{score:.3f}", ha="center", va="center", backgroundcolor="white")
        image = axis.imshow(panel, vmin=low, vmax=high)
        axis.set(title=f"{gate} gates", xlabel="learning rate", ylabel="initial bias")
        axis.set(xticks=range(len(RATES)), xticklabels=RATES, yticks=range(len(BIASES)), yticklabels=BIASES)
    figure.colorbar(image, ax=axes, label="accuracy")
    figure.savefig("grid_search.png")
    print("figure: grid_search.png")


if __name__ == "__main__":  # the processes read this file, too
    parser = argparse.ArgumentParser(description="Grid search over learning rate and gate biases")
    parser.add_argument("--quick", action="store_true", help="150 images, 4 epochs, 2 rates and 2 biases")
    if parser.parse_args().quick:
        RATES, BIASES, MAX_ITER, N_SEQUENCES = [0.003, 0.03], [0, 1], 4, 150
    warnings.simplefilter("ignore", ConvergenceWarning)
    main()
