"""What one time step of a stream costs from Python.

    python benchmarks/stream_step.py [--calls 2000]

`step` keeps work arrays and packed weights from call to call; `Network.forward` with `initial_state` gives
the same numbers and keeps nothing, which is what a step would cost without. One chunk of one time step for
``partial_fit(..., continued=True)`` is there too. CPU time of the thread in microseconds: the median of all
calls; the columns take turns of 50 calls, as a stream makes one call after the other.
"""

import argparse
import time

import numpy as np

import sklstm
from sklstm import LSTMRegressor

N_FEATURES = 3
TURN = 50


def median_times(calls, n_turns):
    """Median CPU time of each of these functions, in microseconds."""
    spent = [[] for _ in calls]
    for _ in range(n_turns):
        for call, times in zip(calls, spent):
            for _ in range(TURN):
                start = time.thread_time_ns()
                call()
                times.append(time.thread_time_ns() - start)
    return np.median(spent, axis=1) / 1000


def measure(n_blocks, n_streams, n_calls):
    """Number of weights, and microseconds of `step`, `Network.forward` and `partial_fit`."""
    x = np.random.default_rng(0).normal(size=(1000, N_FEATURES))
    model, learner = (
        LSTMRegressor(
            n_blocks=n_blocks, gradient="truncated", update="step", return_sequences=True, random_state=0
        ).partial_fit([x] * n_streams, [x[:, 0]] * n_streams, continued=True)
        for _ in range(2)
    )
    rows = x[:n_streams] if n_streams > 1 else x[0]
    one_step = np.atleast_2d(rows)[:, np.newaxis]
    network, weights = model.network_, model.weights_
    state = network.forward(weights, [x] * n_streams, full_output=True)[1]["final_state"]
    chunk, targets = [x[:1]] * n_streams, [x[:1, 0]] * n_streams
    times = median_times(
        [
            lambda: model.step(rows),
            lambda: network.forward(weights, one_step, initial_state=state, full_output=True),
            lambda: learner.partial_fit(chunk, targets, continued=True),
        ],
        max(n_calls // (TURN * n_streams), 2),
    )
    return model.n_weights_, times


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=2000)
    options = parser.parse_args()
    print(f"sklstm {sklstm.__version__}, {N_FEATURES} features, CPU time of a call in microseconds")
    columns = ("blocks", "streams", "weights", "step", "nothing kept", "partial_fit")
    print("".join(f"{column:>14}" for column in columns))
    for n_blocks, n_streams in ((4, 1), (64, 1), (4, 8), (4, 100)):
        n_weights, times = measure(n_blocks, n_streams, options.calls)
        numbers = n_blocks, n_streams, n_weights, *(round(time, 1) for time in times)
        print("".join(f"{number:>14}" for number in numbers), flush=True)


if __name__ == "__main__":
    main()
