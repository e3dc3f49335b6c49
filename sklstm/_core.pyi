"""Types of the compiled kernel."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

OUTPUTS: dict[str, int]
LOSSES: dict[str, int]
SOLVERS: dict[str, int]
LEAST_OF_BLAS: int

class Plan:
    def __init__(self, layout: dict[str, Any], vector: int) -> None: ...

class Step:
    def __init__(
        self,
        plan: Plan,
        n_streams: int,
        lanes: int,
        given: NDArray[Any],
        packed: NDArray[Any],
        arrays: tuple[NDArray[Any], ...],
    ) -> None: ...
    def __call__(self, weights: NDArray[Any], x: Any) -> NDArray[Any] | None: ...

def forward(
    plan: Plan,
    data: Any,
    lanes: Any,
    work: Any,
    w: NDArray[Any],
    window: int,
    recurrent: NDArray[np.int64],
    internal: NDArray[np.int64],
    activations: NDArray[Any],
    cells: NDArray[Any],
    outputs: NDArray[Any],
) -> None: ...
def gradient(
    plan: Plan,
    data: Any,
    lanes: Any,
    work: Any,
    w: NDArray[Any],
    targets: NDArray[Any],
    weight: NDArray[np.float64],
    loss: int,
    full: bool,
    scale: float,
    reset: bool,
    grad: NDArray[Any],
) -> float: ...
def update(
    plan: Plan,
    w: NDArray[Any],
    grad: NDArray[Any],
    m: NDArray[Any],
    v: NDArray[Any],
    hyper: NDArray[np.float64],
) -> None: ...
def train(
    plan: Plan,
    data: Any,
    lanes: Any,
    work: Any,
    w: NDArray[Any],
    targets: NDArray[Any],
    weight: NDArray[np.float64],
    loss: int,
    full: bool,
    batch: NDArray[np.int64],
    lo: int,
    hi: int,
    pack_lanes: int,
    mean: bool,
    grad: NDArray[Any],
    m: NDArray[Any],
    v: NDArray[Any],
    hyper: NDArray[np.float64],
    record: NDArray[Any],
) -> float: ...
def train_steps(
    plan: Plan,
    data: Any,
    lanes: Any,
    work: Any,
    w: NDArray[Any],
    targets: NDArray[Any],
    weight: NDArray[np.float64],
    loss: int,
    lo: int,
    hi: int,
    carry: bool,
    ends: bool,
    grad: NDArray[Any],
    m: NDArray[Any],
    v: NDArray[Any],
    hyper: NDArray[np.float64],
    record: NDArray[Any],
) -> float: ...
