"""Models as ONNX graphs around the LSTM operator."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklstm._checks import check_bool
from sklstm._export.cells import CELL, FORGET, INPUT, OUTPUT, Cells, as_tanh
from sklstm._export.source import source_of

TARGET = "to_onnx"
OPSET, IR_VERSION = 17, 8  # of ONNX 1.12 (2022)


def to_onnx(model: Any, *, stateful: bool = False) -> Any:
    """Write a fitted model as ONNX, for onnxruntime and everything else that runs it.

    Around the LSTM operator, with its peepholes and squashing functions. Gates that the cells of a block
    share are repeated; conventional hidden units, and gates whose activations recur (``recurrence="all"``,
    1997), become cells that are always on behind an output gate. Scalers in front of the LSTM become part of
    its weights.

    Parameters
    ----------
    model : LSTMClassifier, LSTMRegressor, or a pipeline or search that ends in one
        Fitted. Before the LSTM a pipeline may have `SequenceScaler` or `PerTimeStep` of `StandardScaler`,
        `MinMaxScaler`, `MaxAbsScaler` or `RobustScaler`.
    stateful : bool, default=False
        Whether the state before the first step is an input, and the state after the last one an output: for
        services that get one time step per request and keep the state elsewhere.

    Returns
    -------
    onnx.ModelProto
        ``onnx.save(model, path)`` writes it; ``model.SerializeToString()`` is what onnxruntime takes. It
        computes in float32. Inputs and outputs:

        - "X", float32 of shape (n_sequences, n_steps, n_features): shorter sequences are padded by steps of
          NaN at the end, as ``Sequences.to_padded`` gives them.
        - "probabilities" of shape (n_sequences, n_classes) and "label" of shape (n_sequences,) of a
          classifier (multilabel: (n_sequences, n_classes), 0 or 1), "predictions" of shape (n_sequences,) or
          (n_sequences, n_outputs) of a regressor. With ``return_sequences=True`` they have an axis of n_steps
          after the first; numbers are NaN, and labels mean nothing, at padding. A sequence with NaN before
          its end gives NaN.
        - If stateful: inputs "activations" and "cells", outputs "next_activations" and "next_cells", of shape
          (n_sequences, n_units). Before the first step they are 0; n_units is the size of the exported layer.

    Raises
    ------
    ImportError
        Without the package onnx: ``pip install "sklstm[onnx]"``.
    ValueError, TypeError
        If something cannot be expressed: peepholes in blocks of several cells or beside gates that recur,
        other transformers before the LSTM, classes that are neither numbers nor strings.

    Examples
    --------
    >>> import numpy as np
    >>> import onnxruntime
    >>> from sklstm import LSTMRegressor, to_onnx
    >>> X = np.random.default_rng(0).normal(size=(20, 6, 2)).astype(np.float32)
    >>> reg = LSTMRegressor(n_blocks=4, solver="lbfgs", random_state=0).fit(X, X.sum(axis=(1, 2)))
    >>> session = onnxruntime.InferenceSession(to_onnx(reg).SerializeToString())
    >>> (predictions,) = session.run(None, {"X": X})
    >>> bool(np.allclose(predictions, reg.predict(X), atol=1e-5))
    True
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError('to_onnx needs the package onnx: pip install "sklstm[onnx]".') from error
    check_bool("stateful", stateful)
    lstm, cells = source_of(model, TARGET)
    graph = _Graph(onnx)
    every_step, n_features = lstm.network_.return_sequences, cells.inputs.shape[2]
    graph.input("X", ["n_sequences", "n_steps", n_features])
    steps = graph.steps_of("X")
    hidden = graph.lstm(cells, steps, stateful, every_step)
    net = graph.output_units(cells, hidden, steps, every_step)
    name = lstm.network_.output_activation
    outputs = net if name == "identity" else graph.activation(name, net)
    if hasattr(lstm, "classes_"):
        _add_classes(graph, lstm, outputs, steps, every_step)
    else:
        _add_predictions(graph, lstm, outputs, steps, every_step)
    made = onnx.helper.make_graph(graph.nodes, "sklstm", graph.inputs, graph.outputs, graph.constants)
    return onnx.helper.make_model(
        made,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="sklstm",
        doc_string=repr(lstm.network_),
    )


def _add_classes(graph: _Graph, lstm: Any, outputs: str, steps: _Steps, every_step: bool) -> None:
    """Outputs "probabilities" and "label", as `predict_proba` and `predict` give them."""
    rows: list[Any] = ["n_sequences", "n_steps"] if every_step else ["n_sequences"]
    n_classes, tiny = len(lstm.classes_), np.finfo(np.float32).tiny
    if lstm._multilabel:
        above = graph.add("Greater", outputs, graph.numbers(0.5))
        label = graph.add("Cast", above, to=graph.onnx.TensorProto.INT64)
        graph.output("probabilities", graph.masked(outputs, steps, every_step), [*rows, n_classes])
        graph.output("label", label, [*rows, n_classes], np.int64)
        return
    if lstm.network_.output_activation != "softmax":
        total = graph.add("ReduceSum", outputs, graph.integers([-1]), keepdims=1)
        outputs = graph.add("Div", outputs, graph.add("Max", total, graph.numbers(tiny)))
    labels = lstm.classes_
    if labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels):
        labels = labels.astype(str)
    if labels.dtype.kind not in "biufU":
        raise TypeError(
            f"to_onnx can express classes that are numbers or strings, got classes_ of {labels.dtype}: "
            f"{labels[:3].tolist()}... Fit with such labels, for example the indices of these."
        )
    kinds = {"i": np.int64, "u": np.int64, "f": np.float64, "U": object}
    labels = labels.astype(kinds.get(labels.dtype.kind, labels.dtype))
    index = graph.add("ArgMax", outputs, axis=-1, keepdims=0)
    label = graph.add("Gather", graph.constant(labels), index)
    graph.output("probabilities", graph.masked(outputs, steps, every_step), [*rows, n_classes])
    graph.output("label", label, rows, labels.dtype)


def _add_predictions(graph: _Graph, lstm: Any, outputs: str, steps: _Steps, every_step: bool) -> None:
    """Output "predictions", as `predict` gives them."""
    rows = ["n_sequences", "n_steps"] if every_step else ["n_sequences"]
    outputs = graph.masked(outputs, steps, every_step)
    if lstm._y_is_1d:
        graph.output("predictions", graph.add("Squeeze", outputs, graph.integers([-1])), rows)
    else:
        graph.output("predictions", outputs, [*rows, lstm.n_outputs_])


class _Steps:
    """Inputs in which padding is 0, the length of each sequence, and which steps are padding."""

    def __init__(self, values: str, lengths: str, padding: str) -> None:
        self.values, self.lengths, self.padding = values, lengths, padding


class _Graph:
    """Nodes and constants of a graph under way. Methods return the names of values."""

    def __init__(self, onnx: Any) -> None:
        self.onnx, self.helper = onnx, onnx.helper
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def input(self, name: str, shape: list[Any]) -> str:
        info = self.helper.make_tensor_value_info(name, self.onnx.TensorProto.FLOAT, shape)
        self.inputs.append(info)
        return name

    def output(self, name: str, value: str, shape: list[Any], dtype: Any = np.float32) -> None:
        kind = self.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.outputs.append(self.helper.make_tensor_value_info(name, kind, shape))
        self.nodes.append(self.helper.make_node("Identity", [value], [name]))

    def constant(self, value: Any) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(value, name))
        return name

    def numbers(self, value: Any) -> str:
        return self.constant(np.asarray(value, np.float32))

    def integers(self, value: Any) -> str:
        return self.constant(np.asarray(value, np.int64))

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    # ------------------------------------------------------------------------------------------

    def steps_of(self, x: str) -> _Steps:
        """The sequences in an array that is padded by steps of NaN."""
        to = self.onnx.TensorProto
        missing = self.add("Cast", self.add("IsNaN", x), to=to.FLOAT)
        present = self.add("Sub", self.numbers(1), self.add("ReduceMin", missing, axes=[2], keepdims=0))
        one = self.integers(1)
        n_steps = self.add("Gather", self.add("Shape", x), one)
        number = self.add("Range", one, self.add("Add", n_steps, one), one)  # 1, 2, ... of the steps
        last = self.add("Mul", present, self.add("Cast", number, to=to.FLOAT))
        length = self.add("Cast", self.add("ReduceMax", last, axes=[1], keepdims=1), to=to.INT64)
        padding = self.add("Unsqueeze", self.add("Greater", number, length), self.integers([2]))
        values = self.add("Where", padding, self.numbers(0), x)
        return _Steps(values, length, padding)

    def lstm(self, cells: Cells, steps: _Steps, stateful: bool, every_step: bool) -> str:
        """Activations of the cells, batch first: after the last step of each sequence, or after each step."""
        order = [INPUT, OUTPUT, FORGET, CELL]  # of the operator

        def gates(array: Any) -> str:
            return self.numbers(array[order].reshape(1, 4 * cells.n_cells, -1))

        to, zero = self.onnx.TensorProto, self.integers([0])
        squashing = [_activation(cells.cell_input_activation), _activation(cells.cell_output_activation)]
        numbers = [pair for _, pair in squashing if pair]
        alpha, beta = [pair[0] for pair in numbers], [pair[1] for pair in numbers]
        options = {"activation_alpha": alpha, "activation_beta": beta} if numbers else {}
        biases = np.concatenate([cells.biases[order].ravel(), np.zeros(4 * cells.n_cells)])
        lengths = self.add("Squeeze", steps.lengths, self.integers([1]))
        operands = [
            self.add("Transpose", steps.values, perm=[1, 0, 2]),
            gates(cells.inputs),
            gates(cells.recurrent),
            self.numbers(biases[np.newaxis]),
            self.add("Cast", lengths, to=to.INT32),
        ]
        shape = ["n_sequences", cells.n_cells]
        if stateful:
            states = [self.input(name, shape) for name in ("activations", "cells")]
            operands += [self.add("Unsqueeze", state, zero) for state in states]
        if cells.peepholes is not None:
            operands += [] if stateful else ["", ""]
            operands.append(self.numbers(cells.peepholes[[0, 2, 1]].reshape(1, -1)))
        every, last, state = "lstm_every", "lstm_last", "lstm_state"
        self.nodes.append(
            self.helper.make_node(
                "LSTM",
                operands,
                [every, last, state],
                hidden_size=cells.n_cells,
                activations=["Sigmoid", *(name for name, _ in squashing)],
                **options,
            )
        )
        last = self.add("Squeeze", last, zero)
        if stateful:
            self.output("next_activations", last, shape)
            self.output("next_cells", self.add("Squeeze", state, zero), shape)
        if not every_step:
            return last
        return self.add("Transpose", self.add("Squeeze", every, self.integers([1])), perm=[1, 0, 2])

    def output_units(self, cells: Cells, hidden: str, steps: _Steps, every_step: bool) -> str:
        """Net inputs of the output units."""
        net = self.add("MatMul", hidden, self.numbers(cells.outputs.T))
        if cells.shortcut is not None:
            inputs = steps.values
            if not every_step:
                last = self.add("Sub", steps.lengths, self.integers(1))
                inputs = self.add("GatherND", inputs, last, batch_dims=1)
            net = self.add("Add", net, self.add("MatMul", inputs, self.numbers(cells.shortcut.T)))
        # NaN and infinity, which the operator may swallow: 0 times their sum is NaN
        total = self.add("ReduceSum", steps.values, self.integers([1, 2]), keepdims=1)
        if not every_step:
            total = self.add("Squeeze", total, self.integers([1]))
        net = self.add("Add", net, self.add("Mul", total, self.numbers(0)))
        return self.add("Add", net, self.numbers(cells.output_biases))

    def activation(self, name: str, net: str) -> str:
        return self.add("Softmax", net, axis=-1) if name == "softmax" else self.add("Sigmoid", net)

    def masked(self, outputs: str, steps: _Steps, every_step: bool) -> str:
        """Outputs at every step, NaN at padding; others as they are."""
        return self.add("Where", steps.padding, self.numbers(np.nan), outputs) if every_step else outputs


def _activation(name: str) -> tuple[str, tuple[float, ...]]:
    """Squashing function as the operator calls it, and its alpha and beta."""
    if name == "identity":
        return "Affine", (1.0, 0.0)
    form = as_tanh(name)
    if form is None:
        return "Sigmoid", ()
    return ("Tanh", ()) if form == (1, 1) else ("ScaledTanh", form)
