"""Fitted estimators from the arrays of other libraries."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from sklstm._checks import check_choice, real_array
from sklstm._estimators.classifier import LSTMClassifier
from sklstm._estimators.regressor import LSTMRegressor
from sklstm._export.cells import ROWS
from sklstm._messages import shown
from sklstm._network import OUTPUT_ACTIVATIONS, Network
from sklstm._typing import Auto, OutputActivation


def fitted(
    layer: tuple[Any, Any, Any],
    output: tuple[Any, Any],
    *,
    classes: Any,
    output_activation: Auto | OutputActivation,
    return_sequences: bool,
) -> LSTMClassifier | LSTMRegressor:
    """Make an estimator with these weights.

    Parameters
    ----------
    layer : tuple of arrays of shape (4 * n_cells, n_inputs), (4 * n_cells, n_cells), (4 * n_cells,)
        Weights from the inputs and from the cells to input gates, forget gates, cells and output gates, and
        biases; None: no biases.
    output : tuple of arrays of shape (n_outputs, n_cells) or (n_outputs, n_cells + n_inputs), (n_outputs,)
        Weights of the output units from the cells, perhaps from the inputs, and biases; None: no biases.
    classes : array-like of shape (n_classes,) or None
        Labels of a classifier; None: a regressor.
    output_activation : str
        "auto": softmax (classifier), identity (regressor).
    return_sequences : bool
        Whether there is an output at every step.

    Returns
    -------
    LSTMClassifier or LSTMRegressor
    """
    (inputs, recurrent, biases), (weights, output_biases) = layer, output
    n_cells, n_inputs = recurrent.shape[1], inputs.shape[1]
    check_choice("output_activation", output_activation, ("auto", *OUTPUT_ACTIVATIONS))
    if output_activation == "auto":
        output_activation = "identity" if classes is None else "softmax"
    if classes is not None:
        classes = _labels(classes, len(weights))
        if len(weights) == 1:  # a logistic unit is a softmax of its net input and 0
            output_activation = "softmax"
            weights = np.concatenate([np.zeros_like(weights), weights])
            output_biases = None if output_biases is None else np.concatenate([[0.0], output_biases])
        elif output_activation == "identity":
            raise ValueError(
                "output_activation='identity' gives no probabilities: expected 'softmax' or 'logistic'."
            )
    network = Network(
        n_inputs,
        len(weights),
        n_blocks=n_cells,
        shortcut=weights.shape[1] > n_cells,
        cell_bias=biases is not None,
        gate_bias=biases is not None,
        output_bias=output_biases is not None,
        output_activation=output_activation,
        return_sequences=return_sequences,
    )
    flat = np.zeros(network.n_weights)
    views = network.views(flat)
    views["output"][...] = _columns(weights, output_biases)
    rows = _columns(np.concatenate([inputs, recurrent], axis=1), biases)
    for name, part in zip(ROWS, np.split(rows, 4), strict=True):
        views[name][...] = part
    real_array(flat, "weights", flat.shape)  # finite
    arguments = asdict(network)
    del arguments["n_inputs"], arguments["n_outputs"], arguments["patch_size"]
    estimator = LSTMRegressor if classes is None else LSTMClassifier
    return estimator(n_patches=None, **arguments)._with_weights(network, flat, classes)


def _columns(weights: Any, biases: Any) -> Any:
    return weights if biases is None else np.column_stack([weights, biases])


def _labels(classes: Any, n_outputs: int) -> Any:
    """Labels as an array; refuse what does not fit the number of output units."""
    labels = np.asarray(classes)
    if labels.ndim != 1 or len(labels) < 2 or not np.array_equal(np.unique(labels), labels):
        raise ValueError(
            f"classes must be different labels in sorted order, two or more, got {shown(classes)}."
        )
    if len(labels) != n_outputs and not (n_outputs == 1 and len(labels) == 2):
        raise ValueError(
            f"classes has {len(labels)} labels, but there are {n_outputs} output units: expected one label "
            "for each, in their order, or two labels for one unit."
        )
    return labels
