"""
A million sequences on two workers of limited memory
====================================================

The sequences lie in Parquet files. Two processes of a dask cluster, each of which may take 800 MB, write them, load
half of them each and learn: every epoch each of two replicas of the network learns from one file, they are averaged, and
go on with the next file. The process that asks for it never sees a sequence. Needs dask and pyarrow:
``pip install sklstm[dask,examples]``.
"""

# %%
# Noisy oscillations of 50 to 150 steps in float32, slow (a period of 12 steps) or fast (6 steps), a file for each
# partition, written in groups of 10,000 sequences.

import argparse
import tempfile
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMClassifier

GROUP = 10_000


def oscillations(n, rng):
    """Table of n sequences and their labels."""
    import pyarrow as pa

    offsets = np.append(0, rng.integers(50, 151, n).cumsum()).astype(np.int32)
    is_fast = rng.integers(2, size=n)
    step = np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))
    period = np.repeat(np.where(is_fast, 6, 12), np.diff(offsets))
    values = np.sin(2 * np.pi * step / period) + rng.normal(scale=2, size=len(step))
    lists = pa.ListArray.from_arrays(offsets, pa.array(values.astype(np.float32)))
    return pa.table({"values": lists, "label": np.where(is_fast, "fast", "slow")})


def write(path, n, seed):
    """Write a file of n sequences; returns its megabytes."""
    import pyarrow.parquet as pq

    rng = np.random.default_rng(seed)
    tables = (oscillations(min(GROUP, n - done), rng) for done in range(0, n, GROUP))
    first = next(tables)
    with pq.ParquetWriter(path, first.schema, compression="none") as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)
    return Path(path).stat().st_size / 2**20


def load(path):
    """A partition."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    return table["values"], table["label"].to_numpy()


def memory():
    """Megabytes that this process has now."""
    import psutil

    return psutil.Process().memory_info().rss / 2**20


def main(arguments, folder):
    """Write, learn, and draw."""
    import dask
    from distributed import Client, LocalCluster

    import sklstm.dask

    here = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    limit = f"{arguments.memory}MB"
    size = -(-arguments.sequences // arguments.partitions)
    paths = [f"{folder}/{i}.parquet" for i in range(arguments.partitions + 1)]
    sizes = [size] * arguments.partitions + [min(size, GROUP)]  # the last one is held out
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, memory_limit=limit, **here) as cluster,
        Client(cluster) as client,
    ):
        written = sum(client.gather(client.map(write, paths, sizes, range(len(paths)))))
        print(f"{size * arguments.partitions} sequences, {written:.0f} MB in {len(paths)} files")
        before, start = memory(), time.perf_counter()
        *parts, held = [dask.delayed(load)(path) for path in paths]
        clf = LSTMClassifier(
            n_blocks=8, learning_rate=0.014, max_iter=arguments.epochs, tol=0, random_state=0, verbose=2
        )
        clf = sklstm.dask.fit(clf, parts, validation=[held], replicas=2)
        taken = {"files": written, "client": memory() - before}
        taken |= {f"worker {i}": now for i, now in enumerate(client.run(memory).values())}
    print(
        f"{time.perf_counter() - start:.0f} s, accuracy {max(clf.validation_scores_):.3f} on the file held out"
    )
    print(", ".join(f"{name} {megabytes:.0f} MB" for name, megabytes in taken.items()))
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    left.plot(np.arange(clf.n_iter_) + 1, clf.validation_scores_, "o-")
    left.set(xlabel="epoch", ylabel="accuracy", title="The file held out")
    right.bar_label(
        right.bar(list(taken), list(taken.values()), color=["C7", "C0", "C1", "C1"]), fmt="%.0f MB"
    )
    right.set(ylabel="megabytes", title="Memory: client beyond imports, workers in all")
    figure.savefig("more_than_memory.png", dpi=100)


if __name__ == "__main__":  # the workers import this file
    parser = argparse.ArgumentParser(description="A million sequences on two workers of limited memory")
    parser.add_argument("--sequences", type=int, default=1_000_000, help="in all files")
    parser.add_argument("--partitions", type=int, default=10, help="files to learn from")
    parser.add_argument("--epochs", type=int, default=3, help="at most")
    parser.add_argument("--memory", type=int, default=800, help="megabytes of a worker")
    with tempfile.TemporaryDirectory() as folder:
        main(parser.parse_args(), folder)
