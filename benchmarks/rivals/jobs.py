"""What is timed (`Job`), what is compared with what (`Row`), and which rows there are (`GROUPS`).

The workloads:

- A1 to A5: on-line learning, one update per sequence, on tasks of 1997: adding with T = 100 and T = 1000,
  embedded Reber with an error at every step, temporal order with three symbols, and 2c with 1004 symbols.
  "paper" is the paper's network of that task with the truncated gradient, "alike" the network of the
  rival: forget gates, recurrence of the cells, full gradient. A1 also with what `NETWORKS` adds to it.
- B1 to B3: mini-batches and Adam, 32 / 128 / 512 cells, sequences of one length and of different lengths.
- layers: B1 and B2 of different lengths with two layers, and with both directions.
- C1: predictions for 10,000 sequences; C2: one time step of a stream, called from Python.
- F: a grid search over 6 learning rates in 3 folds.

Goals and aims are the project's own: "at least" and "hoped for", as the rival's time over ours. They
belong to the CPU levels avx2 and avx512; on the baseline only A1 paper has one.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Job:
    """Something that one system runs again and again.

    Attributes
    ----------
    system : str
        "sklstm", "numba", "torch", "jax" or "onnxruntime".
    workload : str
        "A1" ... "F".
    variant : str
        What of the workload: the network, the gradient or how lengths are dealt with.
    dtype : str
    sparse : bool
        One-hot inputs as a sparse matrix or as the index of the symbol.
    threads : int
        Threads or processes; a worker process of its own is started for each number.
    copies : int
        Worker processes that do it at the same time, each on a core of its own; each counts.
    """

    system: str
    workload: str
    variant: str = ""
    dtype: str = "float32"
    sparse: bool = False
    threads: int = 1
    copies: int = 1

    @property
    def text(self):
        """System and variant, short."""
        return f"{self.system} {self.variant}".strip()

    @property
    def label(self):
        """Workload, variant and type, short."""
        return f"{self.workload} {self.variant}".strip() + f", {self.dtype}"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    name : str
        What is compared.
    ours : Job
    rival : Job
    goals : dict
        CPU level -> least and hoped-for ratio of the rival's time to ours, each a float or None.
    tolerance : float or None
        Greatest difference between the results of ours and of the rival, relative to the largest number in
        them; None where the work is not the same.
    clock : {"cpu", "wall"}
        "cpu" is the time of one process; more than one thread or process needs "wall".
    limit : str
        Which limit of the core stands beside it (`limits.py`), or "".
    """

    name: str
    ours: Job
    rival: Job
    goals: dict = field(default_factory=dict)
    tolerance: float | None = None
    clock: str = "cpu"
    limit: str = ""


@dataclass(frozen=True)
class Group:
    """Rows whose jobs take turns in the same rounds."""

    workload: str
    rows: tuple

    @property
    def jobs(self):
        """All jobs, each once."""
        return tuple(dict.fromkeys(job for row in self.rows for job in (row.ours, row.rival)))


TASKS = {
    "A1": "adding, T = 100",
    "A2": "adding, T = 1000",
    "A3": "embedded Reber",
    "A4": "temporal order",
    "A5": "2c, 1004 symbols",
}
CELLS = {"A1": 4, "A2": 4, "A3": 4, "A4": 6, "A5": 2}
NETWORKS = {  # what the networks alike in all systems have beyond memory blocks
    "alike": {},
    "with peepholes": {"peepholes": True},
    "with two hidden units": {"n_hidden_units": 2},
}


LAYERS = {  # of the size of the single one
    "two layers": {"n_layers": 2},
    "both directions": {"bidirectional": True},
}


def goals(least, aim=None):
    """The same goals on both levels."""
    return {level: (least, aim) for level in ("avx2", "avx512")}


PAPER = {  # beside numba
    "float32": {
        "A1": goals(3.5, 4.2) | {"baseline": (2.5, None)},
        "A2": goals(3.5, 4.2),
        "A3": goals(2.5, 3.5),
        "A4": goals(6, 8),
        "A4, sparse": goals(2, 3),
        "A5, sparse": goals(1.6, 2),
    }
}
PAPER["float64"] = PAPER["float32"] | {
    "A1": goals(3.3, 4.2) | {"baseline": (2.5, None)},
    "A2": goals(3.3, 4.2),
}
ALIKE = dict.fromkeys(TASKS, goals(1.3, 2)) | dict.fromkeys(("A1", "A2"), goals(2.3, 3))
MORE = goals(2, 3)  # with peepholes or hidden units
TORCH = {"A1": goals(80, 150), "A3": goals(250, 400), "A5": goals(45, 90)}
TOLERANCE = {"float32": 1e-3, "float64": 1e-9}


def on_line(workload, dtype, ours_sparse, rival_sparse):
    """Learning one of the tasks of 1997 beside numba and, in float32, torch."""
    alike = Job("numba", workload, "alike", dtype, rival_sparse)
    torch = Job("torch", workload, "alike", dtype)
    limit = f"chain {CELLS[workload]} {dtype}"
    form = ", sparse" if ours_sparse else ""
    rows = []

    def add(network, rival, by_level, limit=limit):
        ours = Job("sklstm", workload, network, dtype, ours_sparse)
        name = f"{workload} {TASKS[workload]}{form}, {network}, {dtype}"
        tolerance = None if network == "paper" else TOLERANCE[dtype]
        rows.append(Row(name, ours, rival, by_level, tolerance, limit=limit))

    for network in ("paper", "alike"):
        beside_numba = PAPER[dtype][workload + form] if network == "paper" else ALIKE[workload]
        add(network, alike, beside_numba)
        if dtype == "float32" and workload in TORCH and (ours_sparse or workload != "A5"):
            add(network, torch, TORCH[workload] if network == "paper" else {})
    if workload == "A1":
        for network in ("with peepholes", "with two hidden units"):
            # with peepholes the chain is longer: the output gate waits for the new state
            chain = "" if NETWORKS[network].get("peepholes") else limit
            add(network, Job("numba", workload, network, dtype), MORE, chain)
    return Group(workload, tuple(rows))


def batches(workload, fixed, truncated, padded):
    """Mini-batches beside torch: one length, both gradients; different lengths, padded and packed."""
    full, short, different = (Job("sklstm", workload, v) for v in ("full", "truncated", "full, variable"))
    torch = Job("torch", workload, "fixed")
    limit, tolerance = f"{workload} full", TOLERANCE["float32"]
    return (
        Group(
            workload,
            (
                Row(f"{workload} fixed length, full", full, torch, fixed, tolerance, limit=limit),
                Row(
                    f"{workload} fixed length, truncated",
                    short,
                    torch,
                    truncated,
                    limit=f"{workload} truncated",
                ),
            ),
        ),
        Group(
            workload,
            tuple(
                Row(
                    f"{workload} variable length, full",
                    different,
                    Job("torch", workload, form),
                    goal,
                    tolerance,
                    limit=limit,
                )
                for form, goal in (("padded", padded), ("packed", goals(6)))
            ),
        ),
    )


def layers(workload, padded):
    """Two layers, and both directions, on different lengths: beside torch, and beside ours one by one.

    The padded backward direction of torch reads the padding first: it is not the same work.
    """
    rows = []
    for network in LAYERS:
        ours = Job("sklstm", workload, f"full, variable, {network}")
        name = f"{workload} variable length, {network}, full"
        tolerance = TOLERANCE["float32"]
        beside = {
            Job("torch", workload, f"padded, {network}"): (
                padded,
                None if "bidirectional" in LAYERS[network] else tolerance,
            ),
            Job("torch", workload, f"packed, {network}"): ({}, tolerance),
            Job("sklstm", workload, f"full, variable, {network}, one by one"): (goals(1 / 1.05), None),
        }
        if "n_layers" in LAYERS[network]:
            between = Job("sklstm", workload, f"full, variable, {network}, one by one, with errors between")
            beside[between] = (goals(1 / 1.05), None)
        rows += [Row(name, ours, rival, *more) for rival, more in beside.items()]
    return Group("layers", tuple(rows))


def two_threads(workload, variant, tolerance):
    """Two threads beside one, and what two cores give to two processes that have nothing in common."""
    one, two = (Job("sklstm", workload, variant, threads=n) for n in (1, 2))
    both = Job("sklstm", workload, variant, copies=2)
    name = f"{workload} {variant}".strip()
    rows = (
        Row(f"{name}, two threads", two, one, goals(1.6, 1.9), tolerance, "wall"),
        Row(f"{name}, two processes", both, one, {}, tolerance, "wall"),
    )
    return Group("threads", rows)


def search(n_jobs):
    """The same grid search over ours and over skorch's estimator."""
    ours, rival = (Job(system, "F", "search", threads=n_jobs) for system in ("sklstm", "torch"))
    name = f"F grid search 6 x 3, n_jobs={n_jobs}"
    return Group("F", (Row(name, ours, rival, goals(3, 5), clock="cpu" if n_jobs == 1 else "wall"),))


def of_streams():
    """One time step, called from Python."""
    regressor, classifier = (Job("sklstm", "C2", variant) for variant in ("regressor", "classifier"))
    rows = []
    for ours in (regressor, classifier):
        for system, least in (("onnxruntime", 5), ("numba", 1.3)):
            name = f"C2 one step from Python, {ours.variant}"
            tolerance = 1e-4 if ours is regressor else None
            rows.append(Row(name, ours, Job(system, "C2"), goals(least), tolerance, limit="C2"))
    return Group("C2", tuple(rows))


def of_predictions():
    """Predictions for many sequences."""
    name, ours = "C1 predict 10,000 x 100 x 8, 32 cells", Job("sklstm", "C1")
    beside = {"jax": goals(1.3, 1.5), "torch": goals(1, 1.3), "onnxruntime": goals(1, 1.3)}
    return Group(
        "C1",
        tuple(Row(name, ours, Job(system, "C1"), goal, 1e-4, limit="C1") for system, goal in beside.items()),
    )


GROUPS = (
    *(on_line(workload, dtype, False, workload == "A3") for workload in ("A1", "A2", "A3", "A4")
      for dtype in ("float32", "float64")),
    *(on_line(workload, dtype, True, True) for workload in ("A4", "A5") for dtype in ("float32", "float64")),
    *batches("B1", {"avx2": (2.5, None), "avx512": (3, None)}, goals(2, 3), goals(2)),
    *batches("B2", {"avx2": (1.4, None), "avx512": (1.6, None)}, goals(1.6, 2), goals(1.6)),
    *batches("B3", {"avx2": (1.05, None), "avx512": (1.15, None)}, goals(1.4, 1.6), goals(1.2)),
    layers("B1", goals(2)),
    layers("B2", goals(1.4)),
    of_predictions(),
    of_streams(),
    search(1),
    search(2),
    two_threads("B2", "full", 1e-4),
    two_threads("B3", "full", 1e-4),
    two_threads("C1", "", 1e-6),
)  # fmt: skip
