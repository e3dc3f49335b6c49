"""Moments and sizes of parts add up to those of the whole, for numbers of any size."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklstm import Sequences
from sklstm._learning.losses import LOSSES, loss_of_constants
from sklstm._learning.moments import Moments
from sklstm._learning.scaling import ChannelSizes, input_scale, output_scale

RNG = np.random.default_rng(0)
CUTS = [0, 1, 4, 4 + 20, 60]
PARTS = [slice(lo, hi) for lo, hi in pairwise(CUTS)]
VALUES = {
    "ordinary": RNG.normal(size=(60, 3)),
    "far from zero": RNG.normal([0, 1e9, -1e6], size=(60, 3)),
    "huge, tiny and zero": RNG.normal(size=(60, 3)) * [1e200, 1e-200, 0],
    "zero in some parts": np.where(np.arange(60)[:, np.newaxis] < 24, 0, RNG.normal(size=(60, 3)) * 1e-200),
}
WEIGHTS = {
    "of ones": np.ones(60),
    "of rows": RNG.integers(0, 3, 60) * 1e150,
    "of outputs": RNG.uniform(size=(60, 3)) * (RNG.uniform(size=(60, 3)) < 0.5),
    "none in some parts": np.repeat([0.0, 2.0], [24, 36]),
}


@pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_moments_of_parts_add_up(values, weight):
    counts = (weight if weight.ndim == 2 else weight[:, np.newaxis]) > 0
    values = np.where(counts, values, 0)
    whole = Moments.of(values, weight)
    joined = sum(
        (Moments.of(values[part], weight[part]) for part in PARTS[1:]), Moments.of(values[:1], weight[:1])
    )
    for name in ("largest", "weight_unit", "total", "mean"):
        assert_allclose(getattr(joined, name), getattr(whole, name), rtol=1e-12, atol=1e-14)
    assert_allclose(joined.squares, whole.squares, rtol=1e-6, atol=1e-14)
    for center in (False, True):
        assert_array_equal(output_scale(joined, center), output_scale(whole, center))


def test_moments_are_those_of_numpy():
    values, weight = VALUES["far from zero"], RNG.integers(0, 4, 60)
    moments, copies = Moments.of(values, weight.astype(float)), np.repeat(values, weight, axis=0)
    assert_allclose(moments.mean * moments.unit, copies.mean(axis=0), rtol=1e-12)
    variance = moments.squares / moments.total * moments.unit**2
    assert_allclose(variance, copies.var(axis=0), rtol=1e-6)
    about = moments.squares_about(0) / moments.total * moments.unit**2
    assert_allclose(about, (copies**2).mean(axis=0), rtol=1e-12)
    scaled, same = moments.scaled([1, 2, 3], [4, 5, 6]), Moments.of((values - [1, 2, 3]) / [4, 5, 6], weight)
    constants = [loss_of_constants(LOSSES["squared_error"], "identity", part) for part in (scaled, same)]
    assert_allclose(*constants, rtol=1e-6)
    assert_allclose(constants[0], 0.5 * (copies / [4, 5, 6]).var(axis=0).sum(), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_channels_of_parts_add_up(dtype):
    values = (RNG.normal(size=(60, 4)) * np.array([1, 1e3, 1e-3, 0]) + np.array([0, 1e4, 0, 0])).astype(dtype)
    parts = [Sequences(values[part], [0, part.stop - part.start]) for part in PARTS]
    whole = Sequences(values, CUTS)
    sizes = sum((ChannelSizes.of(part) for part in parts[1:]), ChannelSizes.of(parts[0]))
    scale = input_scale(ChannelSizes.of(whole))
    assert_array_equal(input_scale(sizes), scale)
    assert scale[1] > 1000
    assert scale[2] < 0.01
    assert scale[0] == scale[3] == 1
    moments = sum((Moments.of_channels(part) for part in parts[1:]), Moments.of_channels(parts[0]))
    assert_allclose(moments.mean, values.mean(axis=0, dtype=float), rtol=1e-12)
    assert_allclose(moments.squares / 60, values.var(axis=0, dtype=float), rtol=1e-9)
