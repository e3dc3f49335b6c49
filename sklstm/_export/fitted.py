"""Fitted estimators from the arrays of other libraries."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from sklstm._checks import check_choice, real_array
from sklstm._estimators.classifier import LSTMClassifier
from sklstm._estimators.regressor import LSTMRegressor
from sklstm._export.cells import ROWS
from sklstm._messages import shown
from sklstm._network import OUTPUT_ACTIVATIONS, Network
from sklstm._typing import Auto, OutputActivation, Pooling


def fitted(
    layers: list[tuple[Any, Any, Any]],
    output: tuple[Any, Any],
    *,
    bidirectional: bool,
    pooling: Pooling | tuple[Pooling, ...],
    classes: Any,
    output_activation: Auto | OutputActivation,
    return_sequences: bool,
) -> LSTMClassifier | LSTMRegressor:
    """Make an estimator with these weights.

    Parameters
    ----------
    layers : list of tuple of arrays of shape (4 * n_cells, n_inputs), (4 * n_cells, n_cells), (4 * n_cells,)
        For each layer and direction, the lowest layer and the forward direction first: weights from the
        inputs and from the cells to input gates, forget gates, cells and output gates, and biases; None: no
        biases.
    output : tuple of arrays of shape (n_outputs, n_features) or (n_outputs, n_features + n_inputs), \
            (n_outputs,)
        Weights of the output units from the pooled activations of the cells and, optionally, from the inputs,
        and biases; None: no biases.
    bidirectional : bool
        Whether there are two directions.
    pooling : str or tuple of str
        What the output units read of the steps.
    classes : array-like of shape (n_classes,) or None
        Labels of a classifier; None: a regressor.
    output_activation : str
        "auto": softmax (classifier), identity (regressor).
    return_sequences : bool
        Whether there is an output at every step.

    Returns
    -------
    LSTMClassifier or LSTMRegressor

    Raises
    ------
    ValueError
        If the parts do not fit together.
    """
    (inputs, recurrent, biases), (weights, output_biases) = layers[0], output
    n_cells, n_inputs = recurrent.shape[1], inputs.shape[1]
    hidden = Network(
        n_inputs,
        0,
        n_blocks=n_cells,
        cell_bias=biases is not None,
        gate_bias=biases is not None,
        n_layers=len(layers) // (1 + bidirectional),
        bidirectional=bidirectional,
        pooling=pooling,
        return_sequences=return_sequences,
    )
    n_features = hidden._n_features
    if weights.shape[1] not in (n_features, n_features + n_inputs):
        raise ValueError(
            f"the layer of the output units reads {weights.shape[1]} numbers, but an LSTM of {n_cells} cells "
            f"with bidirectional={bidirectional} and pooling={pooling!r} gives {n_features}: expected "
            f"{n_features}, or {n_features + n_inputs} with the inputs after them. Other layers before or "
            "in between cannot be converted."
        )
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
    network = replace(
        hidden,
        n_outputs=len(weights),
        shortcut=weights.shape[1] > n_features,
        output_bias=output_biases is not None,
        output_activation=output_activation,
    )
    flat = np.zeros(network.n_weights)
    views = network.views(flat)
    views["output"][...] = _columns(weights, output_biases)
    for (prefix, _, _), (inputs, recurrent, biases) in zip(network._parts, layers, strict=True):
        rows = _columns(np.concatenate([inputs, recurrent], axis=1), biases)
        for name, part in zip(ROWS, np.split(rows, 4), strict=True):
            views[prefix + name][...] = part
    real_array(flat, "weights", flat.shape)  # refuses weights that are not finite
    arguments = asdict(network)
    del arguments["n_inputs"], arguments["n_outputs"], arguments["patch_size"]
    estimator = LSTMRegressor if classes is None else LSTMClassifier
    return estimator(n_patches=None, **arguments)._with_weights(network, flat, classes)


def _columns(weights: Any, biases: Any) -> Any:
    return weights if biases is None else np.column_stack([weights, biases])


def _labels(classes: Any, n_outputs: int) -> Any:
    """Labels as an array; refuse labels that do not fit the number of output units."""
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
