"""What goes wrong on a cluster, said with the name of the partition and what to do."""

from concurrent.futures import CancelledError
from contextlib import contextmanager

from dask.delayed import Delayed
from dask.utils import key_split
from distributed import KilledWorker
from distributed.protocol.pickle import dumps, loads

import sklstm
from sklstm.dask._cluster import part_of_key


def check_workers(cluster):
    """Refuse a cluster without workers, and workers without sklstm or with another version."""

    def version():  # pickled by value, because it is a local function: a worker may not have sklstm
        try:
            import sklstm
        except ImportError as error:
            return f"no sklstm ({error})"
        return f"sklstm {sklstm.__version__}"

    found = cluster.client.run(version, on_error="return")
    if not found:
        raise RuntimeError("The cluster has no worker: client.wait_for_workers(n) waits until it has n.")
    expected = f"sklstm {sklstm.__version__}"
    for worker, one in found.items():
        if one != expected and not isinstance(one, OSError):  # OSError: the worker was just lost
            raise RuntimeError(
                f"The worker {worker} has {one}, this process has {expected}: install the same version "
                "on all workers, and where the scheduler runs."
            )


def check_that_they_travel(cluster, values):
    """Refuse values, by their names, that cannot be pickled, or that a worker cannot unpickle.

    A worker leaves the cluster if it gets a task that it cannot unpickle, and a fit would wait forever. The
    values are first pickled together, because partitions of one data frame share its graph.
    """
    if _travelling_error(cluster, list(values.values())) is None:
        return
    for name, value in values.items():
        error = _travelling_error(cluster, value)
        if isinstance(value, Delayed):
            name = f"{name}, {key_split(value.key)!r},"
        if isinstance(error, Exception):
            raise TypeError(
                f"{name} cannot be pickled, so it cannot be sent to workers ({type(error).__name__}: "
                f"{error}). Open files, locks and connections inside the function that loads a partition."
            ) from error
        if error is not None:
            raise RuntimeError(
                f"{name} cannot be unpickled by a worker ({error}). Functions and classes of a module "
                "are pickled by name, so all workers and the scheduler need the module: send it with "
                "client.upload_file('module.py'), or install it there. Functions of the script itself "
                "(__main__) are sent whole."
            )


def _travelling_error(cluster, value):
    """Error of pickling a value, or text of the error of unpickling it on a worker, or None."""
    try:
        pickled = dumps(value)
    except Exception as error:
        return error
    return cluster.submit(_unpickling_error, pickled).result()


def _unpickling_error(pickled):
    """Text of the error of unpickling on this worker; None without error."""
    try:
        loads(pickled)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


@contextmanager
def explained_errors(cluster):
    """Context that adds the partition and advice to errors of the cluster."""
    try:
        yield
    except KilledWorker as error:
        n = error.allowed_failures + 1
        failed = part_of_key(error.task) or _failed(cluster) or "A partition"
        raise RuntimeError(
            f"{failed} ended {n} worker{'s' * (n > 1)}, or another partition on the same worker did: it "
            "needs more memory than a worker has, or the function that loads it crashes. Make the partitions "
            "smaller, or give the workers more memory. The logs of the workers say more."
        ) from error
    except CancelledError as error:
        raise RuntimeError(
            f"{_failed(cluster) or 'A partition'} was lost with its worker, and cannot be computed again "
            f"({error}). This happens to scattered data: instead of scattering a partition, load it by "
            "dask.delayed(load)(path)."
        ) from error
    except Exception as error:
        failed = _failed(cluster)
        if failed and not str(error).startswith("Partition"):
            error.add_note(f"raised in {failed}")
        if "deserialization of the task graph" in str(error):  # the scheduler lacks a module
            error.add_note("The scheduler, too, needs sklstm and the modules of the functions that load.")
        raise


@contextmanager
def errors_of(futures):
    """Context that raises the errors of these futures if dask cancels tasks that depend on them."""
    try:
        yield
    except CancelledError:
        for future in futures.values():
            if future.status == "error":
                raise future.exception() from None
        raise


def _failed(cluster):
    """Names of the partitions that failed; empty if there is none."""
    bad = ("error", "cancelled", "lost")
    return ", ".join(name for name, part in cluster.parts.items() if part.status in bad)
