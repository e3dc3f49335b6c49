"""Weights of Keras' LSTM and Dense layers, both ways; Keras is not imported."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklstm._checks import as_real
from sklstm._estimators.classifier import LSTMClassifier
from sklstm._estimators.regressor import LSTMRegressor
from sklstm._export.fitted import fitted
from sklstm._export.source import source_of
from sklstm._export.torch import with_tanh
from sklstm._typing import Array, Auto, OutputActivation

LISTS = "kernel, recurrent_kernel, bias of the LSTM layer, and kernel, bias of the Dense layer"


def to_keras(model: Any) -> list[Array]:
    """Write a fitted model as the weights of a Keras model of an LSTM and a Dense layer.

    Gates that the cells of a block share are repeated, and so on as in `to_torch`.

    Parameters
    ----------
    model : LSTMClassifier, LSTMRegressor, or a pipeline or search that ends in one
        As for `to_torch`, with ``shortcut=False``.

    Returns
    -------
    list of ndarray
        What ``set_weights`` takes of ``Sequential([Input((None, n_features)), LSTM(n_cells),
        Dense(n_outputs)])``, with the activation of the output units in Dense and `return_sequences` as in
        the estimator: kernel (n_features, 4 * n_cells), recurrent_kernel (n_cells, 4 * n_cells) and bias (4 *
        n_cells,), columns in the order input gates, forget gates, cells, output gates; kernel (n_cells,
        n_outputs) and bias (n_outputs,).

    Raises
    ------
    ValueError, TypeError
        If something cannot be expressed; the message says what.

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
            "to_keras cannot express shortcut=True: the Dense layer sees the cells only. Fit with "
            "shortcut=False, or use to_onnx or to_torch."
        )
    cells = with_tanh(cells, "to_keras")
    inputs, recurrent = (np.concatenate(list(part)).T for part in (cells.inputs, cells.recurrent))
    return [inputs, recurrent, cells.biases.ravel(), cells.outputs.T, cells.output_biases]


def from_keras(
    weights: Any,
    *,
    classes: Any = None,
    output_activation: Auto | OutputActivation = "auto",
    return_sequences: bool = False,
) -> LSTMClassifier | LSTMRegressor:
    """Make a fitted estimator of the weights of a Keras model of an LSTM and a Dense layer.

    Parameters
    ----------
    weights : list of arrays
        What ``model.get_weights()`` gives: kernel, recurrent_kernel and bias of the LSTM layer, kernel and
        bias of the Dense layer, without those that ``use_bias=False`` leaves out.
    classes : array-like of shape (n_classes,), default=None
        Labels of the output units, sorted, which makes a classifier; two for a single logistic unit. None
        makes a regressor.
    output_activation : {"auto", "softmax", "logistic", "identity"}, default="auto"
        Activation of the Dense layer ("logistic" is Keras' "sigmoid"). "auto": softmax with `classes`,
        identity without.
    return_sequences : bool, default=False
        As of the LSTM layer: whether there is an output at every step.

    Returns
    -------
    LSTMClassifier or LSTMRegressor
        Fitted; it predicts, steps, is saved and learns on as any other.

    Raises
    ------
    ValueError, TypeError
        If these are not the weights of the two layers.

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
    bias = arrays.pop(2) if len(arrays) > 2 and arrays[2].ndim == 1 else None
    output_bias = arrays.pop() if len(arrays) == 4 and arrays[3].ndim == 1 else None
    if len(arrays) != 3 or any(array.ndim != 2 for array in arrays):
        raise ValueError(
            f"weights must be those of one LSTM and one Dense layer ({LISTS}), got the shapes {shapes}."
        )
    kernel, recurrent, output = arrays
    n_cells, n_outputs = len(recurrent), output.shape[1]
    fits = kernel.shape[1] == recurrent.shape[1] == 4 * n_cells and len(output) == n_cells
    fits &= bias is None or bias.shape == (4 * n_cells,)
    fits &= output_bias is None or output_bias.shape == (n_outputs,)
    if not fits:
        raise ValueError(
            f"weights must have the shapes (n_features, 4 n), (n, 4 n), (4 n,), (n, n_outputs), (n_outputs,) "
            f"with n cells, got {shapes}."
        )
    return fitted(
        (kernel.T, recurrent.T, bias),
        (output.T, output_bias),
        classes=classes,
        output_activation=output_activation,
        return_sequences=return_sequences,
    )
