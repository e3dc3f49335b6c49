"""Threads that share packed batches. The kernel holds no lock."""

import mmap
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Event

import joblib
import numpy as np
from joblib.parallel import get_active_backend
from scipy.linalg.blas import dgemm
from threadpoolctl import ThreadpoolController

BUFFER = 1 << 26  # bytes, more than OpenBLAS allocates


@cache
def _thread_pools():
    pools = ThreadpoolController()
    # OpenBLAS allocates memory at its first large product, and waits forever if there is none.
    try:
        mmap.mmap(-1, BUFFER).close()
    except OSError:
        raise MemoryError(f"There are no {BUFFER >> 20} MiB of memory for BLAS.") from None
    square = np.zeros((128, 128), order="F")
    with pools.limit(limits=1, user_api="blas"):
        dgemm(1.0, square, square)
    return pools


def one_blas_thread():
    """Context in which BLAS uses one thread: threads share packed batches, not products."""
    return _thread_pools().limit(limits=1, user_api="blas")


def threads_of(n_jobs):
    """Number of threads of this process for `n_jobs`, as in joblib; None means 1 or the `parallel_config`.

    The backend of a cluster takes any `n_jobs`, also None, for all cores of all machines. Inside it, here and
    in its workers, `n_jobs` has the same meaning as without it.
    """
    if get_active_backend()[0].default_n_jobs == 1:
        return joblib.effective_n_jobs(n_jobs)
    with joblib.parallel_config("threading", n_jobs=1):
        return joblib.effective_n_jobs(n_jobs)


class Threads:
    """Executor of `n_workers` threads, including the current one."""

    def __init__(self, n_workers=1):
        self.n_workers = n_workers

    def sharing(self):
        """Context with a `map` that these threads share."""
        return in_threads(self.n_workers)


@contextmanager
def in_threads(n_threads):
    """Context with a `map` in several threads: others take items from the front, this one from the end.

    After an error, no thread begins another item.
    """
    if n_threads <= 1:
        yield map
        return
    with ThreadPoolExecutor(n_threads - 1) as others:

        def shared(run, items):
            failed = Event()

            def of_others(item):
                try:
                    return run(item)
                except BaseException:
                    failed.set()
                    raise

            futures = [others.submit(of_others, item) for item in items[:-1]]
            try:
                last = [run(items[-1])]
                for item, future in zip(items[-2::-1], futures[::-1], strict=True):
                    if failed.is_set() or not future.cancel():
                        break  # the other threads have begun it, and all items before it
                    last.append(run(item))
                return [future.result() for future in futures[: len(items) - len(last)]] + last[::-1]
            finally:
                for future in futures:
                    future.cancel()

        yield shared


def each(run, items, n_threads):
    """`[run(item) for item in items]`, in threads."""
    with one_blas_thread(), in_threads(min(n_threads, len(items))) as share:
        return list(share(run, items))
