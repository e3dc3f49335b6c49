"""Precise timing (2002): delays between spikes, timed spikes, periodic functions, counting."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sklstm._messages import shown
from sklstm._sequences import Sequences
from sklstm.tasks._shared import (
    Array,
    RandomState,
    dense,
    float_dtype,
    generator,
    integer,
    n_sequences_of,
    offsets_of,
)

PERIODIC_FORMS = ("cosine", "triangle", "rectangle")


def make_spike_delays(
    n_sequences: int,
    n_delays: int = 1,
    period: int = 10,
    extras: npt.ArrayLike = (0, 1),
    *,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Sequences, Sequences]:
    """Spikes at irregular times: measure the time since the previous spike (2002).

    Spike k comes `period` + I(k) steps after the previous spike, or after the start if it is the first; I(k)
    is one of `extras`. The input is 1 at a spike and 0 elsewhere; the target at a spike is I(k). Other steps
    have no target: their weight is 0.

    Parameters
    ----------
    n_sequences : int
        Number of sequences.
    n_delays : int, default=1
        Number of spikes of each sequence, at least 1. Each spike ends a delay, and the last one the sequence.
    period : int, default=10
        F, the shortest delay in steps, at least 1.
    extras : array-like of int, default=(0, 1)
        Possible values of I(k), all equally likely; at least 0.
    dtype : {float64, float32}, default=float64
        Type of the inputs, targets and weights.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Dense, 1 feature.
    y : Sequences
        Dense, 1 target per step, 0 where there is no spike.
    weight : Sequences
        Dense, 1 at spikes and 0 elsewhere: ``sample_weight`` of `Network.loss_and_gradient`.

    Notes
    -----
    "Measuring spike delays" of Gers, Schraudolph & Schmidhuber, "Learning precise timing with LSTM recurrent
    networks", Journal of Machine Learning Research 3 (2002) 115-143; one delay per sequence is its form
    without context. Chosen here: no error is injected between spikes.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.tasks import make_spike_delays
    >>> X, y, weight = make_spike_delays(1, n_delays=3, period=4, extras=(0, 2), random_state=0)
    >>> np.flatnonzero(X[0]) + 1
    array([ 6, 12, 18])
    >>> y[0][weight[0] == 1]
    array([2., 2., 2.])
    """
    n, n_delays = n_sequences_of(n_sequences), integer("n_delays", n_delays)
    period, extras = integer("period", period), _extras_of(extras)
    rng, dtype = generator(random_state), float_dtype(dtype)
    drawn = rng.choice(extras, (n, n_delays))
    return _at_spikes(period + drawn, drawn, dtype)


def make_delay_detection(
    n_sequences: int,
    n_delays: int = 1,
    delay: int = 20,
    *,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Sequences, Sequences]:
    """Spikes at irregular times: detect a certain delay since the previous spike (tutorial, 2003).

    With probability 0.5, a delay is `delay`; otherwise it is one of the other delays from 1 to twice `delay`.
    The target at a spike is 1 after `delay` and 0 after other delays. Steps without a spike have no target:
    their weight is 0.

    Parameters
    ----------
    n_sequences : int
        Number of sequences.
    n_delays : int, default=1
        Number of spikes of each sequence, at least 1. Each spike ends a delay, and the last one the sequence.
    delay : int, default=20
        The delay to detect, in steps, at least 1.
    dtype : {float64, float32}, default=float64
        Type of the inputs, targets and weights.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X, y, weight : Sequences
        As in `make_spike_delays`.

    Notes
    -----
    Schmidhuber, "Long Short-Term Memory: tutorial on LSTM recurrent nets" (2003) gives only the target.
    Chosen here: how delays are drawn, and that the first one begins at the start.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.tasks import make_delay_detection
    >>> X, y, weight = make_delay_detection(1, n_delays=4, random_state=2)
    >>> np.diff(np.flatnonzero(X[0]), prepend=-1), y[0][weight[0] == 1]
    (array([20, 33, 18,  4]), array([1., 0., 0., 0.]))
    """
    n, n_delays = n_sequences_of(n_sequences), integer("n_delays", n_delays)
    delay, rng, dtype = integer("delay", delay), generator(random_state), float_dtype(dtype)
    others = np.delete(np.arange(1, 2 * delay + 1), delay - 1)
    is_it = rng.integers(0, 2, (n, n_delays))
    return _at_spikes(np.where(is_it, delay, rng.choice(others, (n, n_delays))), is_it, dtype)


def make_timed_spikes(
    n_sequences: int,
    n_spikes: int = 10,
    period: int = 10,
    extras: npt.ArrayLike = (0,),
    *,
    stationary: bool = False,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Sequences]:
    """Generate spikes at the right times (2002).

    Target spike k is due `period` + I(k) steps after the previous spike, or after the start if it is the
    first; I(k) is one of `extras`. The input is I(k) in the first step of the interval that spike k ends, and
    0 elsewhere; by default, it is 0 everywhere. The target is 1 at spikes and 0 elsewhere.

    Parameters
    ----------
    n_sequences : int
        Number of sequences.
    n_spikes : int, default=10
        Number of spikes of each sequence, at least 1; the last one is at its last step.
    period : int, default=10
        F, the shortest interval in steps, at least 1.
    extras : array-like of int, default=(0,)
        Possible values of I(k), all equally likely; at least 0.
    stationary : bool, default=False
        Whether I is the same for the whole sequence, and the input at every step is I divided by the largest
        of `extras`.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Dense, 1 feature.
    y : Sequences
        Dense, 1 target per step.

    Notes
    -----
    "Generating timed spikes" of Gers, Schraudolph & Schmidhuber (2002), see `make_spike_delays`; the
    stationary input is that of the tutorial of 2003. Chosen here: the step at which the input is I(k), and
    the scale of the stationary input.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.tasks import make_timed_spikes
    >>> X, y = make_timed_spikes(1, n_spikes=3, period=4, extras=(0, 1), random_state=0)
    >>> np.flatnonzero(y[0]) + 1
    array([ 5, 10, 15])
    >>> X[0].ravel()
    array([1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1., 0., 0., 0., 0.])
    """
    n, n_spikes = n_sequences_of(n_sequences), integer("n_spikes", n_spikes)
    period, extras = integer("period", period), _extras_of(extras)
    if not isinstance(stationary, bool | np.bool_):
        raise TypeError(f"stationary must be True or False, got {shown(stationary)}.")
    rng, dtype = generator(random_state), float_dtype(dtype)
    drawn = np.tile(rng.choice(extras, (n, 1)), n_spikes) if stationary else rng.choice(extras, (n, n_spikes))
    intervals = period + drawn
    offsets, ends = offsets_of(intervals.sum(axis=1)), np.cumsum(intervals.ravel())
    values, targets = np.zeros((2, offsets[-1], 1))
    targets[ends - 1] = 1
    if stationary:
        values[:, 0] = np.repeat(drawn[:, 0] / max(1, extras.max()), np.diff(offsets))
    else:
        values[ends - intervals.ravel(), 0] = drawn.ravel()
    return dense(values, offsets, dtype), dense(targets, offsets, dtype)


def make_periodic(
    n_periods: int = 100, period: int = 10, form: str = "cosine", *, dtype: npt.DTypeLike = np.float64
) -> tuple[Sequences, Sequences]:
    """Generate a periodic function without any input: a self-sustaining oscillation (2002).

    Let m be the step, counted from 1, modulo the period F. The cosine is (1 - cos(2 pi m / F)) / 2; the
    triangle is 2 m / F up to m = F / 2 and 2 - 2 m / F after it; the rectangle is 0 up to m = F / 2 and 1
    after it.

    Parameters
    ----------
    n_periods : int, default=100
        Length of the sequence in periods, at least 1.
    period : int, default=10
        Period F in steps, at least 2.
    form : {"cosine", "triangle", "rectangle"}, default="cosine"
        The function.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.

    Returns
    -------
    X : Sequences
        One sequence, 1 feature, which is always 0.
    y : Sequences
        Dense, 1 target per step, from 0 to 1.

    Notes
    -----
    "Periodic function generation" of Gers, Schraudolph & Schmidhuber (2002), see `make_spike_delays`, which
    has periods of 10 and 25.

    Examples
    --------
    >>> from sklstm.tasks import make_periodic
    >>> X, y = make_periodic(1, period=8, form="triangle")
    >>> y[0].ravel()
    array([0.25, 0.5 , 0.75, 1.  , 0.75, 0.5 , 0.25, 0.  ])
    """
    n_periods, period = integer("n_periods", n_periods), integer("period", period, 2)
    if not isinstance(form, str) or form not in PERIODIC_FORMS:
        raise ValueError(f"form must be one of {list(PERIODIC_FORMS)}, got {shown(form)}.")
    dtype = float_dtype(dtype)
    m = np.arange(1, period + 1) % period
    values = {
        "cosine": (1 - np.cos(2 * np.pi * m / period)) / 2,
        "triangle": np.where(2 * m <= period, 2 * m / period, 2 - 2 * m / period),
        "rectangle": np.where(2 * m > period, 1.0, 0.0),
    }[form]
    y = np.tile(values, n_periods)[:, np.newaxis]
    offsets = np.array([0, len(y)])
    return dense(np.zeros_like(y), offsets, dtype), dense(y, offsets, dtype)


def make_spike_gap(
    n_sequences: int,
    gaps: tuple[int, int] = (9, 10),
    *,
    dtype: npt.DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Sequences, Array]:
    """Two spikes with a shorter or a longer gap: count steps, which 1997 names as a limit of LSTM.

    The input is 1 at two steps and 0 elsewhere. The first spike is at a step between 1 and 10; the second
    follows after one of `gaps`, at the last step. There, the target is 1 after the longer gap and 0 after the
    shorter one.

    Parameters
    ----------
    n_sequences : int
        Number of sequences.
    gaps : tuple of two int, default=(9, 10)
        Shorter and longer gap, each with probability 0.5; the shorter one is at least 1.
    dtype : {float64, float32}, default=float64
        Type of the inputs and targets.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random numbers; a Generator or RandomState is advanced.

    Returns
    -------
    X : Sequences
        Dense, 1 feature.
    y : ndarray of shape (n_sequences,)
        Targets, 0 or 1.

    Notes
    -----
    Section 6 of 1997 asks whether a signal occurred 99 or 100 steps ago, and says that 3 or 11 is no problem.
    The other details are chosen here.

    Examples
    --------
    >>> from sklstm.tasks import make_spike_gap
    >>> X, y = make_spike_gap(1000, (99, 100), random_state=0)
    >>> X
    <Sequences: 1000 of 100 to 110 steps, 1 features, float64 ndarray>
    """
    n, rng, dtype = n_sequences_of(n_sequences), generator(random_state), float_dtype(dtype)
    if not isinstance(gaps, tuple | list | np.ndarray) or len(gaps) != 2:
        raise ValueError(f"gaps must be two numbers of steps, got {shown(gaps)}.")
    short, long = (integer(f"gaps[{i}]", gap) for i, gap in enumerate(gaps))
    if long <= short:
        raise ValueError(f"gaps must be the shorter and the longer one, got {shown(gaps)}.")
    is_long = rng.integers(0, 2, n)
    gap, first = np.where(is_long, long, short), rng.integers(1, 11, n)
    offsets = offsets_of(first + gap)
    values = np.zeros((offsets[-1], 1))
    values[offsets[:-1] + first - 1] = values[offsets[1:] - 1] = 1
    return dense(values, offsets, dtype), is_long.astype(dtype)


def _extras_of(extras: Any) -> Array:
    array = np.asarray(extras)
    if array.dtype.kind not in "iu" or array.ndim != 1 or array.size == 0 or array.min() < 0:
        raise ValueError(f"extras must be one or more integers of at least 0, got {shown(extras)}.")
    return array


def _at_spikes(intervals: Array, answers: Array, dtype: Any) -> tuple[Sequences, Sequences, Sequences]:
    """Sequences of intervals that end in spikes; the answer is the target of the spike."""
    offsets, ends = offsets_of(intervals.sum(axis=1)), np.cumsum(intervals.ravel())
    spikes, targets = np.zeros((2, offsets[-1], 1))
    spikes[ends - 1], targets[ends - 1, 0] = 1, answers.ravel()
    return dense(spikes, offsets, dtype), dense(targets, offsets, dtype), dense(spikes.copy(), offsets, dtype)
