"""Processes that run trials: records arrive as trials end, and no process outlives its parent."""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import Any

from sklstm.paper._rows import trial_of


def records_of(jobs, n_workers, limit):
    """Run trials in processes, in the given order.

    Parameters
    ----------
    jobs : list of (name, setting, seed)
        Row of a table, setting and seed of each trial.
    n_workers : int
    limit : int or None
        Largest number of sequences of a trial.

    Yields
    ------
    dict
        Record of each trial, as it ends. Closing the generator ends the processes.
    """
    # A new interpreter, not a fork: a fork would keep our open files and therefore the lock on one of them.
    context = multiprocessing.get_context("spawn")
    waiting, workers = deque(jobs), {}
    try:
        for _ in range(min(n_workers, len(jobs))):
            connection, other_end = context.Pipe()
            process = context.Process(target=_work, args=(other_end, limit), daemon=True)
            _start(process)
            other_end.close()
            workers[connection] = process, waiting.popleft()
            connection.send(workers[connection][1])
        while workers:
            ready: Any = wait(list(workers))
            for connection in ready:
                record = connection.recv()
                if waiting:
                    workers[connection] = workers[connection][0], waiting.popleft()
                    connection.send(workers[connection][1])
                else:
                    connection.close()
                    workers.pop(connection)[0].join()
                yield record
    except (EOFError, ConnectionError):
        process, (name, setting, seed) = workers[connection]
        process.join()
        trial = f"{name}, setting {setting!r}, seed {seed}"
        raise SystemExit(f"The process of {trial} ended with exit code {process.exitcode}.") from None
    finally:
        for process, _ in workers.values():
            process.terminate()
        for process, _ in workers.values():
            process.join()


def _start(process):
    """Start a process that ignores Ctrl-C, even while it imports; the parent ends the process."""
    if sys.platform == "win32":
        process.start()
        return
    resource_tracker.ensure_running()  # as `start` would do, but that unblocks the signal
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # a new process inherits the mask
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _work(connection, limit):
    """Run each trial that is received and send its record."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Windows blocks no signals
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        while True:
            name, setting, seed = connection.recv()
            connection.send(trial_of(name, setting, seed).run(limit) | {"setting": setting})
    except (EOFError, ConnectionError):  # the parent has closed its end: there are no more trials
        pass


def _end_with_parent():
    """End this process when its parent has ended."""
    parent: Any = multiprocessing.parent_process()
    wait([parent.sentinel])
    os._exit(1)
