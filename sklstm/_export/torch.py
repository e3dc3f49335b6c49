"""Conversion to and from torch's nn.LSTM; torch is imported when a function is called."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklstm._estimators.classifier import LSTMClassifier
from sklstm._estimators.regressor import LSTMRegressor
from sklstm._export.cells import CellNetwork
from sklstm._export.fitted import fitted
from sklstm._export.source import source_of
from sklstm._tensors import of_tensors
from sklstm._typing import Auto, OutputActivation, Pooling


def to_torch(model: Any) -> Any:
    """Convert a fitted model to a module of torch: `torch.nn.LSTM` and a linear layer.

    All layers and directions are one `torch.nn.LSTM`. Gates that the cells of a block share are repeated.
    Conventional hidden units, and gates whose activations recur (``recurrence="all"``, 1997), become output
    gates of cells whose state is always the same. Scalers in front of the LSTM become part of its weights.
    The module computes pooling and patches.

    Parameters
    ----------
    model : LSTMClassifier, LSTMRegressor, or a pipeline or search that ends in one
        Fitted. Before the LSTM a pipeline may have `SequenceScaler` or `PerTimeStep` of `StandardScaler`,
        `MinMaxScaler`, `MaxAbsScaler` or `RobustScaler`, and a `SequencePatcher` if the LSTM has
        ``n_patches=None``.

    Returns
    -------
    torch.nn.Module
        A module in float64; ``.float()`` converts it to float32. Its arguments are x of shape (n_sequences,
        n_steps, n_features) and, optionally, the lengths of the sequences, of shape (n_sequences,). It
        returns the activations of the output units after the last step of each sequence, of shape
        (n_sequences, n_outputs); with ``return_sequences=True`` after each step, of shape (n_sequences,
        n_steps, n_outputs). Its parts are `lstm`, `output` and `activation`. With ``module.activation =
        torch.nn.Identity()`` it returns the logits that losses of torch need.

    Raises
    ------
    ImportError
        If the package torch is not installed: ``pip install "sklstm[torch]"``.
    ValueError, TypeError
        If the model cannot be expressed: peepholes, squashing functions other than tanh, or other
        transformers before the LSTM.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklstm import LSTMRegressor, to_torch
    >>> X = np.random.default_rng(0).normal(size=(20, 6, 2))
    >>> reg = LSTMRegressor(n_blocks=4, solver="lbfgs", random_state=0).fit(X, X.sum(axis=(1, 2)))
    >>> with torch.no_grad():
    ...     predictions = to_torch(reg)(torch.tensor(X))
    >>> bool(np.allclose(predictions[:, 0], reg.predict(X)))
    True
    """
    torch = _torch("to_torch")
    from sklstm._export.torch_module import LSTMModule

    lstm, cells = source_of(model, "to_torch")
    cells = with_tanh(cells, "to_torch")
    network = lstm.network_
    module = LSTMModule(
        cells.layers[0][0].inputs.shape[2],
        cells.n_cells,
        len(cells.outputs),
        activation=network.output_activation,
        n_layers=len(cells.layers),
        bidirectional=cells.bidirectional,
        pooling=cells.pooling,
        return_sequences=network.return_sequences,
        shortcut=cells.shortcut is not None,
        patch=cells.patch,
    ).double()
    outputs = cells.outputs if cells.shortcut is None else np.hstack([cells.outputs, cells.shortcut])
    arrays = [(module.output.weight, outputs), (module.output.bias, cells.output_biases)]
    for names, part in zip(
        _names(module.lstm), [part for layer in cells.layers for part in layer], strict=True
    ):
        parts = part.inputs, part.recurrent, part.biases, np.zeros_like(part.biases)
        arrays += zip((getattr(module.lstm, name) for name in names), parts, strict=True)
    with torch.no_grad():
        for parameter, array in arrays:
            parameter.copy_(torch.tensor(array.reshape(parameter.shape)))
    return module.eval()


def from_torch(
    module: Any,
    output: Any = None,
    *,
    classes: Any = None,
    output_activation: Auto | OutputActivation = "auto",
    return_sequences: bool = False,
    pooling: Pooling | tuple[Pooling, ...] = "last",
) -> LSTMClassifier | LSTMRegressor:
    """Make a fitted estimator from a module of torch: one `torch.nn.LSTM` and one linear layer.

    Parameters
    ----------
    module : torch.nn.Module
        A module that contains one `torch.nn.LSTM` and one `torch.nn.Linear`; or the LSTM itself. The LSTM may
        have several layers and both directions. Operations between the two are ignored: the linear layer of
        the estimator reads the activations that `pooling` gives.
    output : torch.nn.Linear, default=None
        The linear layer, if it is not in `module`, or is one of several. If it has as many inputs as the
        pooled activations and the inputs of the LSTM together, it reads the activations and then the inputs
        (``shortcut=True``).
    classes : array-like of shape (n_classes,), default=None
        Sorted labels of the output units, for a classifier; two labels for a single logistic unit. None
        makes a regressor.
    output_activation : {"auto", "softmax", "logistic", "identity"}, default="auto"
        Function that the module, or its loss, applies to the linear layer. "auto": softmax with `classes`,
        identity without.
    return_sequences : bool, default=False
        Whether there is an output at every step.
    pooling : {"last", "mean", "max"} or tuple of these, default="last"
        What the linear layer reads of the activations of the last layer, in this order, if there is one
        output per sequence. "last" are those after the last step of each direction; the backward direction
        ends at the first step of the sequence: ``torch.cat([h[-2], h[-1]], 1)`` of the h that the LSTM
        returns.

    Returns
    -------
    LSTMClassifier or LSTMRegressor
        Fitted estimator. It can predict, be saved and continue to learn like any other. The two biases of
        torch are added. The dropout of the module, which is for learning only, is ignored.

    Raises
    ------
    TypeError, ValueError
        If the module has other parts, or they do not fit together; the message says what is expected.

    Examples
    --------
    >>> import torch
    >>> from sklstm import from_torch
    >>> lstm, head = torch.nn.LSTM(3, 16, batch_first=True), torch.nn.Linear(16, 2)
    >>> tagger = from_torch(lstm, head, classes=["no", "yes"], return_sequences=True)
    >>> tagger.predict_proba([[[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]])[0].shape
    (2, 2)
    """
    torch = _torch("from_torch")
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}.")
    lstm = _only(module, torch.nn.LSTM, "module")
    if lstm.proj_size:
        raise ValueError(
            f"from_torch takes an LSTM with proj_size=0, got proj_size={lstm.proj_size}: the activations of "
            "cells here are not projected. Train an LSTM without a projection."
        )
    if output is None:
        linear = _only(module, torch.nn.Linear, "module", "; or give the layer as output=")
    elif isinstance(output, torch.nn.Linear):
        linear = output
    else:
        raise TypeError(f"output must be a torch.nn.Linear, got {type(output).__name__}.")
    state = {name: np.asarray(of_tensors(value, name), float) for name, value in lstm.state_dict().items()}
    layers = []
    for inputs, recurrent, bias_ih, bias_hh in _names(lstm):
        biases = state[bias_ih] + state[bias_hh] if lstm.bias else None
        layers.append((state[inputs], state[recurrent], biases))
    bias = None if linear.bias is None else np.asarray(of_tensors(linear.bias, "output"), float)
    return fitted(
        layers,
        (np.asarray(of_tensors(linear.weight, "output"), float), bias),
        bidirectional=lstm.bidirectional,
        pooling=pooling,
        classes=classes,
        output_activation=output_activation,
        return_sequences=return_sequences,
    )


def _names(lstm: Any) -> list[tuple[str, ...]]:
    """Names of torch's weights of each layer and direction, in the order of this library."""
    directions = ("", "_reverse")[: 1 + lstm.bidirectional]
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return [
        tuple(f"{kind}_l{layer}{direction}" for kind in kinds)
        for layer in range(lstm.num_layers)
        for direction in directions
    ]


def with_tanh(cells: CellNetwork, target: str) -> CellNetwork:
    """Return cells with tanh and without peepholes; refuse other cells by name."""
    if cells.peepholes:
        raise ValueError(
            f"{target} cannot express peepholes=True: the LSTM there has none. Fit with peepholes=False, or "
            "use to_onnx, whose operator has them."
        )
    found = cells.with_tanh()
    if found is None:
        raise ValueError(
            f"{target} cannot express cell_input_activation={cells.cell_input_activation!r} with "
            f"cell_output_activation={cells.cell_output_activation!r}: the LSTM there has tanh for both. "
            "Expressible are 'tanh' or 'logistic[-1,1]' with 'tanh', and 'logistic[-2,2]' with "
            "'logistic[-1,1]' (1997) or 'logistic[-2,2]'. to_onnx takes all of them."
        )
    return found


def _torch(function: str) -> Any:
    try:
        import torch
    except ImportError as error:
        raise ImportError(f'{function} needs the package torch: pip install "sklstm[torch]".') from error
    return torch


def _only(module: Any, kind: Any, name: str, remedy: str = "") -> Any:
    """The one submodule of this kind."""
    found = [(path or name, part) for path, part in module.named_modules() if isinstance(part, kind)]
    if len(found) != 1:
        paths = ", ".join(path for path, _ in found) or "none"
        raise ValueError(
            f"{name} must hold one torch.nn.{kind.__name__}, got {len(found)} ({paths}){remedy}."
        )
    return found[0][1]
