"""
A million sequences on two workers of limited memory
====================================================

Two processes of a dask cluster, each of which may take 800 MB, write Parquet files, load half of them and
learn: two replicas of the network learn from a file each, are averaged, and go on with the next. The process
that asks never sees a sequence. They are noisy oscillations, slow (a period of 12 steps) or fast (6 steps).
Needs ``pip install sklstm[dask,examples]``.
"""

import argparse
import tempfile
from itertools import chain, repeat
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMClassifier


def write(path, n, seed):
    """Write a file of n sequences; returns its megabytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(seed)
    schema = pa.schema({"values": pa.list_(pa.float32()), "label": pa.string()})
    with pq.ParquetWriter(path, schema, compression="none") as writer:
        for size in chain(repeat(10_000, n // 10_000), [n % 10_000] * (n % 10_000 > 0)):
            offsets = np.append(0, rng.integers(50, 151, size).cumsum()).astype(np.int32)
            is_fast = rng.integers(2, size=size)
            step = np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))
            period = np.repeat(np.where(is_fast, 6, 12), np.diff(offsets))
            values = np.sin(2 * np.pi * step / period) + rng.normal(scale=2, size=len(step))
            lists = pa.ListArray.from_arrays(offsets, pa.array(values.astype(np.float32)))
            columns = {"values": lists, "label": np.where(is_fast, "fast", "slow")}
            writer.write_table(pa.table(columns, schema=schema))
    return Path(path).stat().st_size / 2**20


def load(path):
    """A partition: sequences and labels."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    return table["values"], table["label"].to_numpy()


def memory():
    """Megabytes that this process has now."""
    import psutil  # comes with dask

    return psutil.Process().memory_info().rss / 2**20


def main(arguments, folder):
    """Write, learn, and draw."""
    import dask
    from distributed import Client, LocalCluster

    import sklstm.dask

    n = arguments.sequences // arguments.partitions
    paths = [f"{folder}/{i}.parquet" for i in range(arguments.partitions + 1)]  # the last one is held out
    here = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "threads_per_worker": 1}
    here["memory_limit"] = f"{arguments.memory}MB"
    with LocalCluster(n_workers=2, **here) as cluster, Client(cluster) as client:
        size = sum(client.gather(client.map(write, paths, [n] * len(paths), range(len(paths)))))
        print(f"{n * len(paths)} sequences, {size:.0f} MB in {len(paths)} files", flush=True)
        before = memory()
        *parts, held = [dask.delayed(load)(path) for path in paths]
        clf = LSTMClassifier(
            n_blocks=8, learning_rate=0.014, max_iter=arguments.epochs, tol=0, random_state=0
        )
        clf = sklstm.dask.fit(clf.set_params(verbose=2), parts, validation=[held], replicas=2)
        taken = {"files": size, "client": memory() - before}
        taken |= {f"worker {i}": now for i, now in enumerate(client.run(memory).values())}
    found = ", ".join(f"{name} {megabytes:.0f} MB" for name, megabytes in taken.items())
    print(f"accuracy {max(clf.validation_scores_):.3f}; {found}")
    plt.style.use("sklstm.pictures")
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
    left.plot(np.arange(clf.n_iter_) + 1, clf.validation_scores_, "o-")
    left.set(xlabel="epoch", ylabel="accuracy", title="The file held out")
    right.bar_label(right.bar(list(taken), list(taken.values()), color=["C7", "C0", "C1", "C1"]), fmt="%.0f")
    right.set(ylabel="megabytes", title="Memory: what learning adds to the client, workers")
    figure.savefig("more_than_memory.png")


if __name__ == "__main__":  # the workers import this file
    parser = argparse.ArgumentParser(description="A million sequences on two workers of limited memory")
    parser.add_argument("--sequences", type=int, default=1_000_000, help="to learn from")
    parser.add_argument("--partitions", type=int, default=20, help="files to learn from")
    parser.add_argument("--epochs", type=int, default=3, help="at most")
    parser.add_argument("--memory", type=int, default=800, help="megabytes of a worker")
    with tempfile.TemporaryDirectory() as temporary:
        main(parser.parse_args(), temporary)
