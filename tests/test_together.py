"""Networks that learn interleaved: to the bit what each learns alone."""

import numpy as np
import pytest
from scipy import sparse

from sklstm import Network, Sequences
from sklstm._kernel import kernel_of
from sklstm._training import Settings, Trainer
from sklstm.paper._together import Together


@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_together_is_as_alone_whatever_the_sequences_are(form, every_step):
    """Numbers of sequences, weights of zero, rates and solvers of their own."""
    network = Network(3, 1, n_blocks=2, return_sequences=every_step)
    numbers = [7, 1, 4, 5, 6]
    solvers = [("sgd", 0, 0), ("sgd", 0.5, 0), ("adam", 0, 0), ("sgd", 0, 0.1), ("sgd", 0, 0)]

    def trainers():
        rng = np.random.default_rng(1)
        for n, (solver, momentum, alpha) in zip(numbers, solvers, strict=True):
            lengths = rng.integers(1, 9, n)
            values = rng.normal(size=(lengths.sum(), 3)) * (rng.random((lengths.sum(), 3)) < 0.5)
            values = sparse.csr_array(values) if form == "sparse" else values
            n_targets = lengths.sum() if every_step else n
            settings = Settings(
                "squared_error",
                "full",
                solver,
                0.1,
                momentum,
                alpha,
                1.0,
                "sequence",
                1,
                1,
                0.0,
                1,
                True,
                0,
                1,
            )
            yield Trainer(
                kernel_of(network, np.dtype(float)),
                Sequences.from_lengths(values, lengths),
                np.arange(n),
                rng.normal(size=(n_targets, 1)),
                rng.integers(0, 3, n_targets).astype(float),
                settings,
                network.init_weights(rng, init_range=0.5),
            )

    alone, together = list(trainers()), Together(list(trainers()))
    rngs = [np.random.RandomState(i) for i in range(len(alone))]
    for _ in range(3):
        lanes, losses = [], []
        for trainer, rng in zip(alone, rngs, strict=True):
            order = np.random.RandomState()
            order.set_state(rng.get_state())
            lanes.append(trainer.lanes[order.permutation(len(trainer.lanes))])
            losses.append(trainer._batches(rng.permutation(len(trainer.lanes))))
        np.testing.assert_array_equal(together.train(lanes), losses)
        for one, other in zip(alone, together.trainers, strict=True):
            for name in ("w", "first", "second", "numbers"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_blocks", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("n_networks", [*range(2, 10), 16])
def test_together_is_as_alone_for_any_number_of_networks(n_networks, n_blocks, dtype):
    """Units and cells that fill a quarter, a half, one and two registers, of which networks share some."""
    network = Network(2, 1, n_blocks=n_blocks, recurrence="all", cell_output_activation="logistic[-1,1]")

    def trainers():
        rng = np.random.default_rng(n_networks)
        for _ in range(n_networks):
            lengths = rng.integers(1, 7, 3)
            X = Sequences.from_lengths(rng.normal(size=(lengths.sum(), 2)).astype(dtype), lengths)
            settings = Settings(
                "squared_error", "truncated", "sgd", 0.1, 0, 0, None, "sequence", 1, 1, 0.0, 1, True, 0, 1
            )
            yield Trainer(
                kernel_of(network, np.dtype(dtype)),
                X,
                np.arange(3),
                rng.normal(size=(3, 1)).astype(dtype),
                np.ones(3),
                settings,
                network.init_weights(rng, init_range=0.8).astype(dtype),
            )

    alone, together = list(trainers()), Together(list(trainers()))
    before = [trainer.weights for trainer in alone]
    losses = [trainer._batches(np.arange(3)) for trainer in alone]
    np.testing.assert_array_equal(together.train([trainer.lanes for trainer in together.trainers]), losses)
    for one, other, start in zip(alone, together.trainers, before, strict=True):
        np.testing.assert_array_equal(other.weights, one.weights)
        assert np.abs(one.weights - start).max() > 1e-4
