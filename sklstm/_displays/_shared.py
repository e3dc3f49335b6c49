"""Functions that several displays share."""

from dataclasses import replace

import numpy as np

from sklstm._sequences import Sequences

GATES = ("input_gate", "forget_gate", "output_gate")
MOST_LINES = 8  # more units are drawn as an image


def pyplot_of(display):
    """Import pyplot for a display."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f"{type(display).__name__} needs matplotlib, which is not installed: pip install matplotlib"
        ) from error
    return pyplot


def outputs_over_time(lstm, sequences):
    """Outputs after every time step of all sequences, as if the sequence ended there, in one array."""
    network = lstm.network_
    if not network.return_sequences and (network.bidirectional or network.pooling != "last"):
        offsets = sequences.offsets
        ends = [(i, end) for i, n in enumerate(sequences.lengths) for end in range(1, n + 1)]
        rows = np.concatenate([np.arange(offsets[i], offsets[i] + end) for i, end in ends])
        parts = Sequences.from_lengths(sequences.values[rows], [end for _, end in ends])
        return network.forward(lstm.weights_, parts)
    network = replace(network, return_sequences=True)
    return np.concatenate(list(network.forward(lstm.weights_, sequences)))


def names_of(lstm, feature_names):
    """Names of features and outputs, as lists of str or None."""
    network = lstm.network_
    if feature_names is not None and len(feature_names) != network.n_inputs:
        raise ValueError(
            f"feature_names must hold {network.n_inputs} names, one per feature, got {len(feature_names)}."
        )
    return {
        "feature_names": None if feature_names is None else [str(name) for name in feature_names],
        "output_names": [str(label) for label in lstm.classes_] if hasattr(lstm, "classes_") else None,
    }


def symmetric(values):
    """Limits of a colour scale whose middle is zero."""
    largest = np.nanmax(np.abs(values)) or 1
    return -largest, largest


def whole_numbers(axis):
    """Put ticks at integers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins="auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def image_over_time(ax, values, label, unit):
    """Draw an array of shape (n_steps, n_units) with one row per unit; red and blue if some are negative."""
    style = {"cmap": "viridis"}
    if values.min() < 0:
        style = {"cmap": "RdBu_r"} | dict(zip(("vmin", "vmax"), symmetric(values), strict=True))
    extent = (-0.5, len(values) - 0.5, values.shape[1] - 0.5, -0.5)
    image = ax.imshow(values.T, aspect="auto", interpolation="nearest", extent=extent, **style)
    ax.figure.colorbar(image, ax=ax, label=label, pad=0.01)
    ax.set_ylabel(unit)
    whole_numbers(ax.yaxis)
    return image
