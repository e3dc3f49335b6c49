"""What a round of `sklstm.dask.fit` costs, and where it stops to scale.

    python benchmarks/scale_out.py [--sequences 100000] [--repeats 7] [--json path]
    python benchmarks/scale_out.py --replicas [--json path]

Needs dask, and a quiet machine with two free cores at least (Linux). Everything is on the loopback interface.
A file of results that exists keeps what the other command wrote.

1. CPU time of client and scheduler, and wall time, of rounds whose tasks have almost nothing to do, for more
   and more partitions: what a round costs and what a task costs, by least squares.
2. Bytes that client and scheduler, and the workers, send in a round.
3. Time of a round on one worker and on two, in turn with the same gradients in one and two processes without
   dask: speed-up, and what dask adds.
4. A model of a round with these constants: for how many workers is half of it still spent on gradients?

``--replicas`` is another question: accuracy after 1, 2, 3 and 5 epochs of sequences whose class is in the
first step, for one machine and for 16 replicas that are averaged once and 16 times per epoch. These figures
do not depend on the load.
"""

import argparse
import json
import os
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklstm import LSTMClassifier

HERE = {"threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
N_STEPS, N_FEATURES, N_BLOCKS = 50, 10, 16
EPOCHS = (1, 2, 3, 5)  # after which replicas are scored
GBIT = (1, 10)  # of networks in the model


def load(i, n, n_steps=N_STEPS):
    """A partition in float32: three classes by sums of a channel."""
    X = np.random.default_rng(i).normal(size=(n, n_steps, N_FEATURES)).astype(np.float32)
    return X, np.digitize(X[:, :, 0].sum(axis=1), [-np.sqrt(n_steps) / 2, np.sqrt(n_steps) / 2])


@contextmanager
def cluster(n_workers):
    """Client of so many processes of one thread."""
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=n_workers, **HERE) as local, Client(local) as client:
        client.wait_for_workers(n_workers)
        yield client


def rounds(client, parts, n_blocks):
    """Function that makes a round, loss and gradient of all partitions as full-batch solvers; n_weights."""
    import sklstm.dask
    from sklstm.dask._trainer import ClusterTrainer

    found = {}

    class Taken(Exception):
        """What a fit was begun for."""

    def take(trainer):
        found["trainer"] = trainer
        raise Taken

    learn_once = ClusterTrainer.learn_once
    ClusterTrainer.learn_once = lambda self, rng: take(self)
    try:
        clf = LSTMClassifier(n_blocks=n_blocks, n_patches=None, solver="rprop", random_state=0)
        sklstm.dask.fit(clf, parts, client=client)
    except Taken:
        pass
    finally:
        ClusterTrainer.learn_once = learn_once
    trainer = found["trainer"]

    def one():
        with trainer.full_batch() as gradient:
            return gradient(1.0)

    return one, len(trainer.weights)


def sent(client, one):
    """Bytes that this process, with client and scheduler, and the workers send in a round."""

    def counters():
        from distributed.comm import tcp

        own = tcp.TCP
        if not hasattr(own, "bytes_sent"):
            own.bytes_sent, write = 0, own.write

            async def counted(self, message, serializers=None, on_error="message"):
                n = await write(self, message, serializers=serializers, on_error=on_error)
                own.bytes_sent += n
                return n

            own.write = counted
        return own.bytes_sent

    before = counters(), sum(client.run(counters).values())
    one()
    return counters() - before[0], sum(client.run(counters).values()) - before[1]


def medians(functions, repeats):
    """Median wall and CPU seconds (of this process) of functions that take turns."""
    spent = np.empty((len(functions), repeats, 2))
    for repeat in range(repeats):
        for k, function in enumerate(functions):
            start = time.perf_counter(), time.process_time()
            function()
            spent[k, repeat] = time.perf_counter() - start[0], time.process_time() - start[1]
    return np.median(spent, axis=1)


def overhead(counts, repeats):
    """Of empty rounds: partitions, wall, CPU of client and scheduler, bytes of these and of workers."""
    import dask

    rows = []
    with cluster(2) as client:
        for n in counts:
            one, _ = rounds(client, [dask.delayed(load)(i, 12, 2) for i in range(n)], N_BLOCKS)
            one()
            ((wall, cpu),) = medians([one], repeats)
            rows.append([n, wall, cpu, *sent(client, one)])
    return rows


def bare(i_and_n):
    """Loss and gradient of one partition, kept in this process from call to call."""
    kept = vars(bare).setdefault("kept", {})
    if i_and_n not in kept:
        clf = LSTMClassifier(n_blocks=N_BLOCKS, n_patches=None, solver="lbfgs", max_iter=1, random_state=0)
        X, y = load(*i_and_n)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            clf.fit(X[:64], y[:64])
        kept[i_and_n] = clf.network_, clf.weights_.astype(np.float32), X, np.eye(3)[y]
    network, weights, X, targets = kept[i_and_n]
    return network.loss_and_gradient(weights, X, targets)


def scaling(n, repeats):
    """Median wall seconds of a round: name -> seconds; and the number of weights."""
    import dask

    parts = [(i, n // 4) for i in range(4)]
    spawn = get_context("spawn")
    with (
        cluster(1) as one,
        cluster(2) as two,
        ProcessPoolExecutor(1, mp_context=spawn) as alone,
        ProcessPoolExecutor(2, mp_context=spawn) as pair,
    ):
        delayed = [dask.delayed(load)(*part) for part in parts]
        (of_one, n_weights), (of_two, _) = (rounds(client, delayed, N_BLOCKS) for client in (one, two))
        functions = {
            "1 worker": of_one,
            "2 workers": of_two,
            "1 process": lambda: list(alone.map(bare, parts)),
            "2 processes": lambda: list(pair.map(bare, parts)),
        }
        for function in functions.values():
            function()
            function()  # both processes have read
        times = medians(list(functions.values()), repeats)
    return {name: float(wall) for name, (wall, _) in zip(functions, times)}, n_weights


def largest(n, n_weights, constants, gbit):
    """Workers at which half of a round is still spent on gradients, and seconds of the round there."""
    workers = np.unique(np.round(2 ** np.arange(0, 14, 0.125)))
    levels = np.maximum(1, np.ceil(np.log(np.maximum(workers, 2)) / np.log(8)))
    bandwidth = gbit * 1e9 / 8
    gradients = n * n_weights * constants["gradient"] / workers
    scheduler = constants["round"] + constants["task"] * workers
    spread = 8 * n_weights / bandwidth * np.ceil(np.log2(np.maximum(workers, 2)))  # from worker to worker
    back = (8 * 8 * levels + 16) * n_weights / bandwidth  # eight sums into each, then to the client
    total = gradients + scheduler + spread + back
    fits = np.flatnonzero(gradients >= total / 2)
    return (int(workers[fits[-1]]), float(total[fits[-1]])) if len(fits) else (0, float("nan"))


def first_steps(n, seed):
    """Three classes by the first step, then noise."""
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=n)
    X = rng.normal(size=(n, 30, 3)).astype(np.float32)
    X[:, 0] = 3 * np.eye(3)[y]
    return X, y


def replicas(n):
    """Accuracies on held-out sequences after some epochs: way -> accuracies."""
    import dask

    import sklstm.dask

    options = {"n_blocks": 8, "n_patches": None, "tol": 0, "random_state": 0, "warm_start": True}
    ways = {
        "one machine": (1, 1, 0.01),
        "16 replicas, averaged once an epoch": (16, 16, 0.01),
        "16 replicas, averaged 16 times per epoch": (256, 16, 0.01),
        "16 replicas, averaged 16 times, rate x 4": (256, 16, 0.04),
    }
    held, found = first_steps(5000, 10_000), {}
    with cluster(2) as client, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, (n_parts, n_replicas, rate) in ways.items():
            parts = [dask.delayed(first_steps)(n // n_parts, i) for i in range(n_parts)]
            clf, scores = LSTMClassifier(learning_rate=rate, **options), []
            for epochs in np.diff(EPOCHS, prepend=0):
                clf.set_params(max_iter=int(epochs), random_state=np.random.RandomState(len(scores)))
                clf = sklstm.dask.fit(clf, parts, replicas=n_replicas, client=client)
                scores.append(clf.score(*held))
            print(f"{name:<42}" + "  ".join(f"{score:.3f}" for score in scores), flush=True)
            found[name] = scores
    return found


@contextmanager
def described(result):
    """Context that notes on what machine, with what and how disturbed its block ran."""
    import dask
    import distributed
    import sklearn

    import sklstm

    sys.path.insert(0, str(Path(__file__).with_name("rivals")))
    from run import machine, ticks

    load, before = [os.getloadavg()[0]], ticks()
    result |= {"started": time.strftime("%Y-%m-%d %H:%M"), "machine": machine()}
    modules = dask, distributed, np, sklearn, sklstm
    result["versions"] = {module.__name__: module.__version__ for module in modules}
    yield
    load.append(os.getloadavg()[0])
    stolen, total = ticks() - before
    result["load"] = [round(value, 2) for value in load]
    result["stolen_percent"] = float(f"{100 * stolen / max(total, 1):.2g}")


def keep(path, **found):
    """Add to a file of results."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(kept | found, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description="What a round of sklstm.dask.fit costs")
    parser.add_argument("--sequences", type=int, default=100_000, help="to learn from")
    parser.add_argument("--partitions", type=int, default=64, help="most of an empty round")
    parser.add_argument("--repeats", type=int, default=7, help="of each; medians are shown")
    parser.add_argument("--replicas", action="store_true", help="accuracy of averaged replicas instead")
    parser.add_argument("--json", type=Path, help="file of the results")
    arguments = parser.parse_args()
    if arguments.replicas:
        n = arguments.sequences
        found = {"sequences": n, "epochs": EPOCHS, "accuracies": replicas(n)}
        if arguments.json:
            keep(arguments.json, replicas=found)
        return
    result: dict = {}
    with described(result):
        costs(arguments, result)
    if arguments.json:
        keep(arguments.json, **result)


def costs(arguments, result):
    """Measure what a round costs, print it, and add it to the result."""
    counts = [n for n in (2, 4, 8, 16, 32, 64, 128) if n <= arguments.partitions]
    rows = overhead(counts, arguments.repeats)
    print("partitions   wall ms   CPU ms   kB sent by client and scheduler   by workers")
    for n, wall, cpu, here, there in rows:
        print(f"{n:10d} {1e3 * wall:9.1f} {1e3 * cpu:8.1f} {here / 1e3:33.0f} {there / 1e3:12.0f}")
    table = np.array(rows)
    task, per_round = np.polyfit(table[:, 0], table[:, 2], 1)
    print(f"client and scheduler: {1e3 * per_round:.1f} ms per round and {1e3 * task:.2f} ms per partition\n")

    times, n_weights = scaling(arguments.sequences, arguments.repeats)
    for name, seconds in times.items():
        print(f"{name:<12} {seconds:7.3f} s per round")
    print(
        f"speed-up by dask {times['1 worker'] / times['2 workers']:.2f}, of processes "
        f"{times['1 process'] / times['2 processes']:.2f}; dask adds "
        f"{100 * (times['2 workers'] / times['2 processes'] - 1):.0f} %\n"
    )
    each = times["1 process"] / (arguments.sequences * n_weights)
    constants = {"round": float(max(per_round, 0)), "task": float(task), "gradient": float(each)}
    print(
        f"simulated with {1e9 * each:.1f} ns a sequence and weight: workers at half efficiency (15024: that "
        "many or more), s per round"
    )
    print("sequences  weights " + "".join(f"{gbit:>12d} Gbit/s" for gbit in GBIT))
    model = {}
    for n in (10**5, 10**6, 10**7, 10**9):
        for size in (10**4, 10**5, 10**6, 10**7):
            best = [largest(n, size, constants, gbit) for gbit in GBIT]
            model[f"{n} {size}"] = best
            print(f"{n:9.0e} {size:8.0e} " + "".join(f"{w:8d} {s:10.3f}" for w, s in best))
    result |= {"rounds": rows, "seconds": times, "constants": constants, "model": model}
    result |= {"sequences": arguments.sequences, "n_weights": n_weights, "repeats": arguments.repeats}


if __name__ == "__main__":
    main()
