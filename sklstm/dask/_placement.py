"""Which worker has which partition: the scheduler of dask may have loaded all of them on one.

Partitions are moved when they are ready, by a policy of dask's Active Memory Manager. No task is bound to a
worker: if all workers are lost at once, dask never runs tasks again that prefer one of them.
"""

import asyncio
from collections import Counter
from itertools import cycle, islice

import numpy as np
from distributed import wait
from distributed.active_memory_manager import (
    ActiveMemoryManagerExtension,
    ActiveMemoryManagerPolicy,
    Suggestion,
)

INTERVAL = 0.02  # seconds between two looks at what has arrived
PATIENCE = 60.0  # seconds without an arrival after which the rest stays where it is


def spread(client, parts, n_at_once):
    """Move partitions until each thread of the workers has the same number of them, give or take one.

    Parameters
    ----------
    client : distributed.Client
    parts : dict of str to Future
        Partitions by their names. They stay the same futures, which are computed again if they are lost.
    n_at_once : int
        Number of partitions that are learned from at the same time. If these are not all, the first of them
        are in the first of so many equal sections of `parts`, and so on: then each thread gets a section.
    """
    futures = list(parts.values())
    with client.as_current():  # there may be no default client, or another one
        wait(futures)
    n_threads = client.nthreads()
    if not n_threads:  # all workers were lost a moment ago
        return
    found = client.who_has(futures)
    holders = {name: list(found.get(part.key, ())) for name, part in parts.items()}
    n_groups = len(parts) if n_at_once >= len(parts) else min(sum(n_threads.values()), len(parts))
    groups = [group.tolist() for group in np.array_split(list(parts), n_groups)]
    targets = {
        parts[name].key: worker
        for name, worker in plan(groups, holders, n_threads).items()
        if holders[name] != [worker]
    }
    if targets:
        client.run_on_scheduler(move, targets)


def plan(groups, holders, n_threads):
    """Worker for each partition: an even number of groups for each thread, by few moves.

    Parameters
    ----------
    groups : list of lists of str
        Names of partitions that belong on the same worker.
    holders : dict of str to list of str
        Workers that have a partition.
    n_threads : dict of str to int
        Threads of each worker.

    Returns
    -------
    dict of str to str
        Name of a partition -> worker.
    """
    counts = [Counter(worker for name in group for worker in holders[name]) for group in groups]
    homes = [max(sorted(count), key=count.__getitem__, default=None) for count in counts]
    # One thread of each worker after the other. What is left over goes to the first, which have it already.
    least = len(groups) // sum(n_threads.values())
    fullest = sorted(n_threads, key=lambda worker: least * n_threads[worker] - homes.count(worker))
    threads = [worker for i in range(max(n_threads.values())) for worker in fullest if n_threads[worker] > i]
    free = Counter(islice(cycle(threads), len(groups)))
    planned, moving = {}, []
    for group, home in zip(groups, homes, strict=True):
        if free[home] > 0:
            free[home] -= 1
            planned |= dict.fromkeys(group, home)
        else:
            moving.append(group)
    for group, worker in zip(moving, free.elements(), strict=True):
        planned |= dict.fromkeys(group, worker)
    return planned


async def move(targets, dask_scheduler):
    """Give each result, by its key, to one worker alone; runs on the scheduler.

    Parameters
    ----------
    targets : dict of str to str
        Key -> address of the worker. A result or a worker that is lost meanwhile is left out.
    dask_scheduler : distributed.Scheduler
    """
    moves = _Moves(targets)
    manager = ActiveMemoryManagerExtension(dask_scheduler, {moves}, register=False, start=False)
    n_left, idle = len(targets), 0.0
    while idle < PATIENCE:
        manager.run_once()
        if not moves.targets:
            return
        await asyncio.sleep(INTERVAL)
        idle = 0.0 if len(moves.targets) < n_left else idle + INTERVAL
        n_left = len(moves.targets)


class _Moves(ActiveMemoryManagerPolicy):
    """Policy that copies results to their workers, and drops the other copies of what has arrived."""

    def __init__(self, targets):
        self.targets = dict(targets)

    def run(self):
        """Suggestions of the next steps, as the Active Memory Manager calls them."""
        scheduler = self.manager.scheduler
        for key, address in list(self.targets.items()):
            task, worker = scheduler.tasks.get(key), scheduler.workers.get(address)
            if task is None or task.state != "memory" or worker not in scheduler.running:
                del self.targets[key]
            elif worker not in task.who_has:
                yield Suggestion("replicate", task, {worker})
            elif len(task.who_has) > 1:
                for _ in range(len(task.who_has) - 1):
                    yield Suggestion("drop", task, task.who_has - {worker})
            else:
                del self.targets[key]
