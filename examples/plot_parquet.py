"""
Parquet, row group by row group: a file larger than the allowed memory
======================================================================

The sequences are in a Parquet file, one per row, in a column of lists. Each row group is read, scored, and
learned by `partial_fit`. After the first one, the process limits its own memory (``RLIMIT_AS``, Linux) to 150
MB more than it has. The file has almost 400 MB, so reading the whole file fails. This example needs pyarrow:
``pip install sklstm[examples]``.
"""

# %%
# A file of noisy oscillations of 50 to 150 steps in float32, slow (a period of 12 steps) or fast (6 steps).

import argparse
import resource  # of Unix
import sys
import tempfile
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMClassifier

parser = argparse.ArgumentParser(description="A Parquet file larger than the memory allowed")
parser.add_argument("--row-groups", type=int, default=100, help="of the file")
parser.add_argument("--rows", type=int, default=10_000, help="sequences in a row group")
parser.add_argument("--allowed", type=int, default=150, help="megabytes beyond those of the first row group")
arguments = parser.parse_args()

import pyarrow as pa  # after --help, which needs no package
import pyarrow.parquet as pq

SCHEMA = pa.schema({"values": pa.list_(pa.float32()), "label": pa.string()})


def row_group(n, rng):
    """Table of n sequences and their labels."""
    offsets = np.append(0, rng.integers(50, 151, n).cumsum()).astype(np.int32)
    is_fast = rng.integers(2, size=n)
    step = np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))
    period = np.repeat(np.where(is_fast, 6, 12), np.diff(offsets))
    phase = np.repeat(rng.uniform(size=n), np.diff(offsets))
    values = np.sin(2 * np.pi * (step / period + phase)) + rng.normal(size=len(step))
    lists = pa.ListArray.from_arrays(offsets, pa.array(values.astype(np.float32)))
    return pa.table({"values": lists, "label": np.where(is_fast, "fast", "slow")}, schema=SCHEMA)


def largest():
    """Largest memory of this process so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


imported = largest()
folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "oscillations.parquet"
rng = np.random.default_rng(0)
with pq.ParquetWriter(path, SCHEMA, compression="none", use_dictionary=["label"]) as writer:
    for _ in range(arguments.row_groups):
        writer.write_table(row_group(arguments.rows, rng))
file_size = path.stat().st_size / 2**20
print(f"file: {file_size:.0f} MB in {arguments.row_groups} row groups of {arguments.rows} sequences")

# %%
# A limit on memory. Arrow's own allocator reserves far more addresses than it uses, so the allocator of the
# system is used instead, with one thread.


def limit_memory(extra):
    """Let every request for more than `extra` megabytes beyond what there is now fail; None ends it."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = hard if extra is None else pages * resource.getpagesize() + extra * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


pa.set_memory_pool(pa.system_memory_pool())
pa.set_cpu_count(1)
pa.set_io_thread_count(1)

# %%
# Learning in one pass; each row group is scored before it is learned from. Single steps take the least
# memory, and the period is short, so the gates need no biases for long memories.

clf = LSTMClassifier(n_blocks=8, n_patches=None, input_gate_bias=None, forget_gate_bias=None, random_state=0)
accuracies, start = [], time.perf_counter()
with pq.ParquetFile(path) as file:
    for i in range(file.num_row_groups):
        group = file.read_row_group(i, use_threads=False)
        X, y = group["values"], group["label"].to_numpy()
        if i > 0:
            accuracies.append(clf.score(X, y))
        clf.partial_fit(X, y, classes=["fast", "slow"])
        if i == 0:
            at_start = largest()
            limit_memory(arguments.allowed)
        elif i == 1 or (i + 1) % (arguments.row_groups // 10) == 0:
            print(
                f"row group {i + 1:4d}/{file.num_row_groups}  accuracy before learning {accuracies[-1]:.3f}  "
                f"{time.perf_counter() - start:5.1f} s  memory at most {largest():.0f} MB",
                flush=True,
            )
at_end = largest()
print(
    f"\nmemory at most: {imported:.0f} MB after the imports, {at_start:.0f} MB after the first row group, "
    f"{at_end:.0f} MB after the last"
)
try:
    pq.ParquetFile(path).read(use_threads=False)
    print(f"the whole file fits in {arguments.allowed} MB more")
except (MemoryError, pa.ArrowException) as error:
    print(f"the whole file does not fit in {arguments.allowed} MB more: {type(error).__name__}")

# %%
# The accuracy, the time and the memory.

limit_memory(None)

plt.style.use("sklstm.pictures")
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), width_ratios=[2, 1])
left.plot(np.arange(2, arguments.row_groups + 1), accuracies, ".-")
left.set(xlabel="row group", ylabel="accuracy before it is learned", title="One pass through the file")
bars = right.bar(["file", "memory\nafter the\nimports"], [file_size, at_end - imported], color=["C7", "C0"])
right.bar_label(bars, fmt="%.0f MB")
right.set(ylabel="megabytes", title="Size")
right.margins(y=0.15)
figure.savefig("parquet.png")
print("figure: parquet.png")
folder.cleanup()
