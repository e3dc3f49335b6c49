"""Processes that are killed, and machines without memory or disk: what was done before is there, whole.

    python -P tests/crashes.py fit 100 0        # kill -9 of fits with checkpoints, so often; the seed
    python -P tests/crashes.py runner 100 0     # kill -9 of `python -m sklstm.paper run`
    python -P tests/crashes.py memory 50 0      # as many limits of the memory
    python -P tests/crashes.py disk             # a full disk
    python -P tests/crashes.py all              # all of these

Writes what came of it as JSON to the standard output. Linux only: processes are forked, limits are its own.
"""

import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import numpy as np

from sklstm import Checkpoint, LSTMClassifier, LSTMRegressor

RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 3)) for n in RNG.integers(3, 12, 60)]
Y = np.array([x[0].sum() for x in X])
FITS = {
    "adam": {"solver": "adam", "max_iter": 60, "batch_size": 8},
    "held out": {
        "solver": "sgd",
        "max_iter": 60,
        "momentum": 0.9,
        "early_stopping": True,
        "n_iter_no_change": 60,
    },
    "lbfgs": {"solver": "lbfgs", "max_iter": 40},
}
ROWS = ["6a", "--setting", "paper", "--limit", "200", "--trials", "3"]


def regressor(options):
    return LSTMRegressor(n_blocks=6, tol=0, random_state=0, **options)


def in_child(call):
    """Fork a process that makes the call and ends; its id."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            call()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def killed_after(child, seconds):
    """Wait so long and kill the process; whether it was there to be killed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG) != (0, 0):
            return False
        time.sleep(0.0005)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


# ------------------------------------------------------------------------------------------------
# fits and trials that are killed


def kill_fits(n, seed):
    """Kill fits with checkpoints until so many were; each goes on until it is done, to the same weights."""
    rng = np.random.default_rng(seed)
    killed, results = 0, {name: {"kills": 0, "fits": 0, "differ": 0, "unreadable": 0} for name in FITS}
    expected, seconds = {}, {}
    for name, options in FITS.items():
        expected[name] = regressor(options).fit(X, Y).weights_
    while killed < n:
        for name, options in FITS.items():
            with tempfile.TemporaryDirectory() as folder:
                done = Path(folder) / "done"

                def fit(options=options, folder=folder, done=done):
                    kept = Checkpoint(Path(folder) / "kept")
                    model = regressor(options).set_callbacks(kept)
                    start = time.monotonic()
                    model.fit(X, Y, resume_from=kept)
                    done.write_bytes(pickle.dumps((model.weights_, time.monotonic() - start)))

                result = results[name]
                # the first is not killed: how long it takes
                for _ in range(1000):
                    limit = 60.0 if name not in seconds else rng.uniform(0, 0.6 * seconds[name])
                    was_killed = killed_after(in_child(fit), limit)
                    killed, result["kills"] = killed + was_killed, result["kills"] + was_killed
                    result["unreadable"] += sum(map(is_unreadable, Path(folder).glob("kept/*.pickle")))
                    if not was_killed:
                        break
                weights, took = pickle.loads(done.read_bytes())
                seconds.setdefault(name, took)
                result["fits"] += 1
                result["differ"] += not np.array_equal(weights, expected[name])
                left = [path for path in Path(folder).glob("kept/*") if path.suffix != ".pickle"]
                assert not left, f"half files are left when the fit is done: {left}"
                if killed >= n:
                    break
    return {"kills": killed, "seed": seed, "of": results}


def is_unreadable(path):
    """Whether a file cannot be loaded."""
    try:
        return not hasattr(pickle.loads(path.read_bytes()), "weights_")
    except Exception:
        return True


def kill_runners(n, seed):
    """Kill the runner so often; the same command goes on until all trials are there, each once."""
    rng = np.random.default_rng(seed)
    command = [sys.executable, "-P", "-m", "sklstm.paper", "run", *ROWS]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

    def trials(path):
        records = [json.loads(line) for line in path.read_text().splitlines() if is_json(line)]
        return sorted((r["seed"], r["sequences"], r["wrong"], r["mse"]) for r in records)

    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.jsonl"
        start = time.monotonic()
        subprocess.run([*command, "--json", whole], check=True, **quiet)
        took = time.monotonic() - start
        expected, kills, runs, differ, half_lines = trials(whole), 0, 0, 0, 0
        while kills < n:
            path = Path(folder) / f"{runs}.jsonl"
            while True:
                runner = subprocess.Popen([*command, "--json", path], **quiet)
                try:
                    runner.wait(rng.uniform(0.1, 1.2) * took if kills < n else None)
                    break
                except subprocess.TimeoutExpired:
                    runner.kill()
                    runner.wait()
                    kills += 1
            half_lines += sum(not is_json(line) for line in path.read_text().splitlines() if line)
            runs, differ = runs + 1, differ + (trials(path) != expected)
    return {"kills": kills, "seed": seed, "files": runs, "differ": differ, "half_lines": half_lines}


def is_json(line):
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


# ------------------------------------------------------------------------------------------------
# without memory, without disk


def memory_calls():
    """Name -> a model that is fitted, and a call that asks for much memory."""
    long = [np.ones((200_000, 3))] * 4
    steps = [np.ones(200_000)] * 4
    labels = ["a", "b"] * 2
    small = {"n_blocks": 16, "max_iter": 1, "random_state": 0}
    reg = LSTMRegressor(return_sequences=True, **small).fit([x[:5] for x in long], [y[:5] for y in steps])
    clf = LSTMClassifier(**small).fit([x[:5] for x in long], labels)
    wide = LSTMRegressor(**small | {"n_blocks": 2}).fit(X, Y)
    return {
        "fit": (reg, lambda: reg.fit(long, steps)),
        "partial_fit": (clf, lambda: clf.partial_fit(long, labels)),
        "predict": (reg, lambda: reg.predict(long)),
        "predict_proba": (clf, lambda: clf.predict_proba(long)),
        "activations": (clf, lambda: clf.activations(long)),
        "a larger network": (wide, lambda: wide.set_params(n_blocks=3000).fit(X[:4], Y[:4])),
    }


def limit_memory(n, seed):
    """Make calls with less memory than they need: a MemoryError, and a model that is as it was."""
    rng = np.random.default_rng(seed)
    kinds = {"done": 0, "MemoryError": 0}
    bad = []
    calls = memory_calls()
    for i in range(n):
        name = list(calls)[i % len(calls)]
        extra = int(2 ** rng.uniform(12, 27))
        read, write = os.pipe()

        def call(name=name, extra=extra, write=write):
            os.write(write, tried_with(extra, *calls[name]).encode())

        child = in_child(call)
        os.close(write)
        with os.fdopen(read) as pipe:
            result = pipe.read()
        _, status = os.waitpid(child, 0)
        if result in kinds and status == 0:
            kinds[result] += 1
        else:
            bad.append(f"{name} with {extra} bytes: {result or f'status {status}'}")
    return {"limits": n, "seed": seed, **kinds, "others": bad}


def tried_with(extra, model, call):
    """What comes of a call that may take so many bytes more than there are."""
    weights, attributes = model.weights_.copy(), set(vars(model))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + extra, hard))
    try:
        call()
        result = "done"
    except BaseException as error:
        result = type(error).__name__ if isinstance(error, MemoryError) else repr(error)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    if isinstance(result, str) and result == "_ArrayMemoryError":
        result = "MemoryError"  # NumPy's
    if result != "done" and (set(vars(model)) != attributes or not np.array_equal(model.weights_, weights)):
        result += ", and the model has changed"
    return result


def fill_disk():
    """Let files grow to a few bytes only: the one before stays, and learning goes on or the error is told."""
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        read, write = os.pipe()

        def call():
            model = regressor({"solver": "adam", "max_iter": 2}).fit(X, Y)
            kept = Checkpoint(Path(folder) / "kept")
            kept.save(model)
            before = {path.name: path.read_bytes() for path in kept.folder.iterdir()}
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
            found = {}
            try:
                kept.save(model.partial_fit(X, Y))
                found["save"] = "done"
            except OSError as error:
                found["save"] = type(error).__name__
            twin = regressor({"solver": "adam", "max_iter": 2}).set_callbacks(kept)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                twin.fit(X, Y)
            found["fit"] = sorted({w.category.__name__ for w in caught if "checkpoint" in str(w.message)})
            found["epochs"] = twin.n_iter_
            found["kept"] = {path.name: path.read_bytes() for path in kept.folder.iterdir()} == before
            found["loads"] = kept.load().n_iter_
            os.write(write, json.dumps(found).encode())

        child = in_child(call)
        os.close(write)
        with os.fdopen(read) as pipe:
            results = json.loads(pipe.read() or '"nothing"')
        os.waitpid(child, 0)
    return results


def everything():
    """Each of them, as long as a figure of the documents needs."""
    return {
        "fit": kill_fits(100, 0),
        "runner": kill_runners(100, 0),
        "memory": limit_memory(50, 0),
        "disk": fill_disk(),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    command, *arguments = sys.argv[1:]
    commands = {
        "fit": kill_fits,
        "runner": kill_runners,
        "memory": limit_memory,
        "disk": fill_disk,
        "all": everything,
    }
    json.dump(commands[command](*map(int, arguments)), sys.stdout)
    print()
