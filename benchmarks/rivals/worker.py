"""A process for each system: thread pools and allocators of one do not disturb another.

Processes wait on a pipe, so that only one works at a time; the parent says whose turn it is.
"""

import multiprocessing
import os
import time
import traceback
from dataclasses import dataclass
from importlib import import_module
from typing import Any

MODULES = {
    "sklstm": "ours",
    "numba": "numba_rival",
    "torch": "torch_rival",
    "jax": "jax_rival",
    "onnxruntime": "onnx_rival",
}
LEAST_SECONDS = 0.02  # of a measurement: a job that is faster runs several times
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "JAX_PLATFORMS": "cpu",
    "PYTHONWARNINGS": "ignore",
}
# What holds numba, torch (ATen, MKL, oneDNN), jax and the OpenBLAS of SciPy to a CPU level of ours. MKL obeys
# on processors of Intel only; onnxruntime has no such switch, nor has YNNPACK, without which jax then runs.
# No level is above avx512.
WITHOUT_YNNPACK = "--xla_cpu_experimental_ynn_fusion_type="
LEVELS = {
    "baseline": {
        "NUMBA_CPU_NAME": "x86-64",
        "NUMBA_CPU_FEATURES": "+sse2",
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "XLA_FLAGS": f"--xla_cpu_max_isa=SSE4_2 {WITHOUT_YNNPACK}",
        "OPENBLAS_CORETYPE": "Nehalem",
    },
    "avx2": {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+avx2,+fma",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "XLA_FLAGS": f"--xla_cpu_max_isa=AVX2 {WITHOUT_YNNPACK}",
        "OPENBLAS_CORETYPE": "Haswell",
    },
    "avx512": {},
}


@dataclass
class Prepared:
    """A job that is ready to run.

    Attributes
    ----------
    run : callable
    units : int
        What a run does, counted in `unit`.
    unit : str
        "step" (of one sequence), "call" or "search".
    result : ndarray or None
        What the first run gave, to compare; made before `run` is timed.
    note : str
    """

    run: Any
    units: int
    unit: str = "step"
    result: Any = None
    note: str = ""


class Failed(Exception):
    """A job failed in its process; the message is the traceback there."""


def cores():
    """Cores that this process may use."""
    return os.sched_getaffinity(0)


def environment(level=None):
    """Variables that hold all systems to one thread and, if it is not None, to a CPU level."""
    if level is None:
        return dict(ONE_THREAD)
    held = {"SKLSTM_ISA": level} | LEVELS[level]
    if "XLA_FLAGS" in held:
        held["XLA_FLAGS"] = f"{ONE_THREAD['XLA_FLAGS']} {held['XLA_FLAGS']}"
    return ONE_THREAD | held


def timed(run, repeats):
    """CPU seconds of this process and seconds on the wall, of one run."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        run()
    return (time.process_time() - cpu) / repeats, (time.perf_counter() - wall) / repeats


def serve(pipe, system, affinity):
    """Prepare and time jobs as the parent asks, until it sends None."""
    os.sched_setaffinity(0, affinity)
    module = import_module(MODULES[system])
    ready = {}
    pipe.send(module.versions())
    while (message := pipe.recv()) is not None:
        action, job = message
        try:
            if action == "prepare":
                prepared = module.prepare(job)
                prepared.run()
                seconds = timed(prepared.run, 1)[1]
                ready[job] = prepared, max(1, round(LEAST_SECONDS / max(seconds, 1e-9)))
                reply = prepared.units, prepared.unit, prepared.result, prepared.note
            elif action == "time":
                prepared, repeats = ready[job]
                reply = tuple(seconds / prepared.units for seconds in timed(prepared.run, repeats))
            else:
                reply = ready.clear()
        except Exception:
            reply = Failed(traceback.format_exc())
        pipe.send(reply)
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(
        kill_workers=True
    )  # of searches: they would wait for more work for minutes


class Workers:
    """The processes, started when they are first needed."""

    def __init__(self, core, every_core):
        self.core, self.every_core = core, every_core
        self.pipes, self.processes, self.versions = {}, [], {}

    def ask(self, action, job):
        """Let the job's process do something, or its processes at the same time; returns the reply."""
        pipes = [self._pipe(job.system, job.threads, copy) for copy in range(job.copies)]
        for pipe in pipes:
            pipe.send((action, job))
        replies = [pipe.recv() for pipe in pipes]
        for reply in replies:
            if isinstance(reply, Failed):
                raise reply
        if action != "time":
            return replies[0]
        cpu, wall = zip(*replies, strict=True)
        return sum(cpu) / job.copies, max(wall) / job.copies

    def rest(self, jobs):
        """Let the processes of these jobs forget what they have prepared."""
        for job in {(job.system, job.threads, job.copies): job for job in jobs}.values():
            self.ask("forget", job)

    def _pipe(self, system, threads, copy):
        if (system, threads, copy) not in self.pipes:
            ours, theirs = multiprocessing.Pipe()
            others = sorted(self.every_core - {self.core})
            affinity = {[self.core, *others][copy]} if threads == 1 else self.every_core
            process = multiprocessing.get_context("spawn").Process(
                target=serve, args=(theirs, system, affinity)
            )
            process.start()
            self.processes.append(process)
            self.pipes[system, threads, copy] = ours
            self.versions |= ours.recv()
        return self.pipes[system, threads, copy]

    def close(self):
        """End the processes."""
        for pipe in self.pipes.values():
            pipe.send(None)
        for process in self.processes:
            process.join()
