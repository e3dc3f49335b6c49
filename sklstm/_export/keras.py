"""Conversion to and from weights of Keras' LSTM, Bidirectional and Dense layers; Keras is not imported."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklstm._checks import as_real
from sklstm._estimators.classifier import LSTMClassifier
from sklstm._estimators.regressor import LSTMRegressor
from sklstm._export.fitted import fitted
from sklstm._export.source import source_of
from sklstm._export.torch import with_tanh
from sklstm._network import Network
from sklstm._typing import Array, Auto, OutputActivation, Pooling

LISTS = "kernel, recurrent_kernel, bias of each LSTM layer, and kernel, bias of the Dense layer"


def to_keras(model: Any) -> list[Array]:
    """Convert a fitted model to the weights of a Keras model of LSTM layers and a Dense layer.

    As in `to_torch`, gates that the cells of a block share are repeated, other units become cells, and
    scalers become part of the weights.

    Parameters
    ----------
    model : LSTMClassifier, LSTMRegressor, or a pipeline or search that ends in one
        As for `to_torch`, with ``shortcut=False`` and without patches.

    Returns
    -------
    list of ndarray
        Argument of ``set_weights`` of ``Sequential([Input((None, n_features)), LSTM(n_cells),
        Dense(n_outputs)])``, with the activation of the output units in Dense and `return_sequences` as in
        the estimator. The arrays are kernel (n_features, 4 * n_cells), recurrent_kernel (n_cells, 4 *
        n_cells) and bias (4 * n_cells,), with columns in the order input gates, forget gates, cells, output
        gates; then kernel (n_cells, n_outputs) and bias (n_outputs,) of Dense. With several layers, there
        are three arrays for each LSTM; with two directions, six for each ``Bidirectional(LSTM(n_cells))``.
        Pooling has no weights: ``GlobalAveragePooling1D()`` is "mean", ``GlobalMaxPooling1D()`` is "max",
        and ``Concatenate()`` joins several; the rows of Dense's kernel are in this order.

    Raises
    ------
    ValueError, TypeError
        If the model cannot be expressed; the message says why.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor, from_keras, to_keras
    >>> X = np.random.default_rng(0).normal(size=(20, 6, 2))
    >>> reg = LSTMRegressor(n_blocks=4, solver="lbfgs", random_state=0).fit(X, X.sum(axis=(1, 2)))
    >>> weights = to_keras(reg)
    >>> [array.shape for array in weights]
    [(2, 16), (4, 16), (16,), (4, 1), (1,)]
    >>> bool(np.allclose(from_keras(weights).predict(X), reg.predict(X)))
    True
    """
    _, cells = source_of(model, "to_keras")
    if cells.shortcut is not None:
        raise ValueError(
            "to_keras cannot express shortcut=True: the Dense layer reads the cells only. Fit with "
            "shortcut=False, or use to_onnx or to_torch."
        )
    if cells.patch > 1:
        raise ValueError(
            f"to_keras cannot express patches of {cells.patch} time steps, which have no weights. Fit with "
            "n_patches=None, with a SequencePatcher before the exported model if need be, or use to_onnx or "
            "to_torch."
        )
    cells = with_tanh(cells, "to_keras")
    weights = []
    for part in [part for layer in cells.layers for part in layer]:
        weights += [np.concatenate(list(matrix)).T for matrix in (part.inputs, part.recurrent)]
        weights.append(part.biases.ravel())
    return [*weights, cells.outputs.T, cells.output_biases]


def from_keras(
    weights: Any,
    *,
    classes: Any = None,
    output_activation: Auto | OutputActivation = "auto",
    return_sequences: bool = False,
    pooling: Pooling | tuple[Pooling, ...] = "last",
) -> LSTMClassifier | LSTMRegressor:
    """Make a fitted estimator from the weights of a Keras model of LSTM layers and a Dense layer.

    Parameters
    ----------
    weights : list of arrays
        Result of ``model.get_weights()``: kernel, recurrent_kernel and bias of each LSTM layer (for
        ``Bidirectional``, first forwards and then backwards), kernel and bias of the Dense layer. There is
        no bias with ``use_bias=False``. All LSTM layers have the same number of cells; ``Bidirectional``
        has ``merge_mode="concat"``.
    classes : array-like of shape (n_classes,), default=None
        Sorted labels of the output units, for a classifier; two labels for a single logistic unit. None
        makes a regressor.
    output_activation : {"auto", "softmax", "logistic", "identity"}, default="auto"
        Activation of the Dense layer ("logistic" is Keras' "sigmoid"). "auto": softmax with `classes`,
        identity without.
    return_sequences : bool, default=False
        Whether there is an output at every step, as in the last LSTM layer.
    pooling : {"last", "mean", "max"} or tuple of these, default="last"
        What Dense reads of the steps, in this order: "last" is the output of the last LSTM layer without
        ``return_sequences``, "mean" is ``GlobalAveragePooling1D``, "max" is ``GlobalMaxPooling1D``.

    Returns
    -------
    LSTMClassifier or LSTMRegressor
        Fitted estimator. It can predict, be saved and continue to learn like any other.

    Raises
    ------
    ValueError, TypeError
        If these are not the weights of such layers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import from_keras
    >>> rng = np.random.default_rng(0)
    >>> shapes = [(2, 12), (3, 12), (12,), (3, 1), (1,)]  # LSTM(3), Dense(1, activation="sigmoid")
    >>> clf = from_keras([rng.normal(size=shape) for shape in shapes], classes=["no", "yes"])
    >>> clf.predict_proba([[[0.1, 0.2], [0.3, 0.4]]]).round(3)
    array([[0.662, 0.338]])
    """
    if not isinstance(weights, list | tuple):
        raise TypeError(f"weights must be a list of arrays ({LISTS}), got {type(weights).__name__}.")
    arrays = [as_real(array, f"weights[{i}]").astype(float) for i, array in enumerate(weights)]
    shapes = [array.shape for array in arrays]
    output_bias = arrays.pop() if len(arrays) > 3 and arrays[-1].ndim == 1 else None
    output = arrays.pop() if arrays else np.zeros(0)
    n_arrays = 2 + any(array.ndim == 1 for array in arrays)  # number of arrays of an LSTM
    groups = [arrays[i : i + n_arrays] for i in range(0, len(arrays), n_arrays)]
    ranks = {tuple(array.ndim for array in group) for group in groups}
    if output.ndim != 2 or ranks not in ({(2, 2)}, {(2, 2, 1)}):
        raise ValueError(
            f"weights must be those of LSTM layers and one Dense layer ({LISTS}), got the shapes {shapes}."
        )
    n_cells, n_features = len(groups[0][1]), len(groups[0][0])
    n_poolings = len(Network(1, 0, pooling=pooling, return_sequences=return_sequences)._poolings)
    n_directions = 2 if len(output) == 2 * n_cells * n_poolings else 1
    fits = len(output) == n_directions * n_cells * n_poolings and len(groups) % n_directions == 0
    for i, group in enumerate(groups):
        n_inputs = n_features if i < n_directions else n_directions * n_cells
        expected = [(n_inputs, 4 * n_cells), (n_cells, 4 * n_cells), (4 * n_cells,)]
        fits &= [array.shape for array in group] == expected[:n_arrays]
    fits &= output_bias is None or output_bias.shape == output.shape[1:]
    if not fits:
        raise ValueError(
            "weights must have the shapes (n_inputs, 4 n), (n, 4 n), (4 n,) of each LSTM with n cells, the "
            "same number in all, and two such LSTMs for each Bidirectional; then (m, n_outputs), "
            "(n_outputs,) of Dense, where m is n, with Bidirectional 2 n, for each of the poolings "
            f"{pooling!r}. Got {shapes}."
        )
    layers = [(group[0].T, group[1].T, group[2] if n_arrays == 3 else None) for group in groups]
    return fitted(
        layers,
        (output.T, output_bias),
        bidirectional=n_directions == 2,
        pooling=pooling,
        classes=classes,
        output_activation=output_activation,
        return_sequences=return_sequences,
    )
