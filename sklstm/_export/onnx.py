"""Export of models as ONNX graphs with the LSTM operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklstm._checks import check_bool
from sklstm._export.cells import CELL, FORGET, INPUT, OUTPUT, CellNetwork, Cells, as_tanh
from sklstm._export.source import source_of

TARGET = "to_onnx"
OPSET, IR_VERSION = 17, 8  # those of ONNX 1.12 (2022)


def to_onnx(model: Any, *, stateful: bool = False) -> Any:
    """Convert a fitted model to ONNX, for onnxruntime and other programs that run it.

    The graph has one LSTM operator for each layer, in one direction or both, with its peepholes and squashing
    functions. Gates that the cells of a block share are repeated. Conventional hidden units, and gates whose
    activations recur (``recurrence="all"``, 1997), become output gates of cells whose state is always the
    same. Scalers in front of the LSTM become part of its weights.

    Parameters
    ----------
    model : LSTMClassifier, LSTMRegressor, or a pipeline or search that ends in one
        Fitted. Before the LSTM a pipeline may have `SequenceScaler` or `PerTimeStep` of `StandardScaler`,
        `MinMaxScaler`, `MaxAbsScaler` or `RobustScaler`, and a `SequencePatcher` if the LSTM has
        ``n_patches=None``.
    stateful : bool, default=False
        Whether the state before the first step is an input, and the state after the last step an output. This
        is for services that get one time step per request and store the state elsewhere. It is not possible
        with two directions, pooling or patches, which need the whole sequence.

    Returns
    -------
    onnx.ModelProto
        ``onnx.save(model, path)`` writes it; onnxruntime takes ``model.SerializeToString()``. It computes in
        float32. Inputs and outputs:

        - "X", float32 of shape (n_sequences, n_steps, n_features): shorter sequences are padded by steps of
          NaN at the end, as ``Sequences.to_padded`` gives them.
        - "probabilities" of shape (n_sequences, n_classes) and "label" of shape (n_sequences,) of a
          classifier (multilabel: (n_sequences, n_classes), 0 or 1), "predictions" of shape (n_sequences,) or
          (n_sequences, n_outputs) of a regressor. With ``return_sequences=True`` they have an axis of n_steps
          after the first (with a patcher, of n_patches). At padding, numbers are NaN and labels have no
          meaning. A sequence with NaN before its end gives NaN.
        - If stateful: inputs "activations" and "cells", outputs "next_activations" and "next_cells", of shape
          (n_sequences, n_units). Before the first step they are 0. n_units is the size of all exported
          layers together, the lowest first.

    Raises
    ------
    ImportError
        If the package onnx is not installed: ``pip install "sklstm[onnx]"``.
    ValueError, TypeError
        If the model cannot be expressed: peepholes in blocks of several cells or together with gates that
        recur, other transformers before the LSTM, classes that are neither numbers nor strings, or
        ``stateful=True`` with two directions, pooling or patches.

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
    if stateful:
        _check_stateful(cells)
    graph = _Graph(onnx)
    every_step = lstm.network_.return_sequences
    graph.input("X", ["n_sequences", "n_steps", cells.n_features])
    steps = graph.steps_of("X")
    if cells.patch > 1:
        steps = graph.patches_of(steps, cells)
    hidden = graph.layers(cells, steps, stateful, every_step)
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


def _check_stateful(cells: CellNetwork) -> None:
    """Refuse a state for networks that need the whole sequence."""
    for found, name, remedy in (
        (cells.bidirectional, "bidirectional=True", "bidirectional=False"),
        (cells.pooling != ("last",), f"pooling={cells.pooling}", "pooling='last'"),
        (cells.patch > 1, f"patches of {cells.patch} time steps", "n_patches=None"),
    ):
        if found:
            raise ValueError(
                f"to_onnx cannot express stateful=True with {name}: outputs need the whole sequence, not one "
                f"more time step. Fit with {remedy}, or leave stateful=False."
            )


def _rows(steps: _Steps, every_step: bool) -> list[Any]:
    """Names of the axes of outputs before the last one."""
    return ["n_sequences", steps.axis] if every_step else ["n_sequences"]


def _add_classes(graph: _Graph, lstm: Any, outputs: str, steps: _Steps, every_step: bool) -> None:
    """Add the outputs "probabilities" and "label", the results of `predict_proba` and `predict`."""
    rows = _rows(steps, every_step)
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
    """Add the output "predictions", the result of `predict`."""
    rows = _rows(steps, every_step)
    outputs = graph.masked(outputs, steps, every_step)
    if lstm._y_is_1d:
        graph.output("predictions", graph.add("Squeeze", outputs, graph.integers([-1])), rows)
    else:
        graph.output("predictions", outputs, [*rows, lstm.n_outputs_])


@dataclass(frozen=True)
class _Steps:
    """Names of the values that describe the steps of padded sequences.

    Parameters
    ----------
    values : str
        Inputs, of shape (n_sequences, n_steps, n_features), 0 at padding.
    lengths : str
        Lengths of the sequences, of shape (n_sequences, 1).
    padding : str
        Which steps are padding, of shape (n_sequences, n_steps, 1).
    broken : str
        NaN for sequences with NaN or infinity before their end, otherwise 0, of shape (n_sequences, 1).
    axis : str
        Name of the axis of the steps.
    """

    values: str
    lengths: str
    padding: str
    broken: str
    axis: str = "n_steps"


class _Graph:
    """Nodes and constants of an unfinished graph. Methods return the names of values."""

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
        """Read the sequences from an array that is padded by steps of NaN."""
        to = self.onnx.TensorProto
        missing = self.add("Cast", self.add("IsNaN", x), to=to.FLOAT)
        present = self.add("Sub", self.numbers(1), self.add("ReduceMin", missing, axes=[2], keepdims=0))
        last = self.add("Mul", present, self.add("Cast", self._numbered(x), to=to.FLOAT))
        length = self.add("Cast", self.add("ReduceMax", last, axes=[1], keepdims=1), to=to.INT64)
        padding = self._padding(x, length)
        values = self.add("Where", padding, self.numbers(0), x)
        # The operator may hide NaN and infinity: 0 times their sum is NaN.
        total = self.add("ReduceSum", values, self.integers([1, 2]), keepdims=0)
        broken = self.add("Unsqueeze", self.add("Mul", total, self.numbers(0)), self.integers([1]))
        return _Steps(values, length, padding, broken)

    def _numbered(self, x: str) -> str:
        """1, 2, ... for the steps of an array, batch first."""
        one = self.integers(1)
        n_steps = self.add("Gather", self.add("Shape", x), one)
        return self.add("Range", one, self.add("Add", n_steps, one), one)

    def _padding(self, x: str, lengths: str) -> str:
        after = self.add("Greater", self._numbered(x), lengths)
        return self.add("Unsqueeze", after, self.integers([2]))

    def patches_of(self, steps: _Steps, cells: CellNetwork) -> _Steps:
        """Join several steps to one; the last step of a sequence is repeated to fill its last patch."""
        patch, one, zero = self.integers(cells.patch), self.integers(1), self.integers(0)

        def n_patches(n_steps: str) -> str:
            return self.add("Div", self.add("Add", n_steps, self.integers(cells.patch - 1)), patch)

        n_steps = self.add("Gather", self.add("Shape", steps.values), one)
        place = self.add("Range", zero, self.add("Mul", n_patches(n_steps), patch), one)
        place = self.add("Min", place, self.add("Sub", steps.lengths, one))
        found = self.add(
            "GatherND", steps.values, self.add("Unsqueeze", place, self.integers([2])), batch_dims=1
        )
        shape = self.integers([0, -1, cells.patch * cells.n_features])
        values, lengths = self.add("Reshape", found, shape), n_patches(steps.lengths)
        return _Steps(values, lengths, self._padding(values, lengths), steps.broken, "n_patches")

    def layers(self, cells: CellNetwork, steps: _Steps, stateful: bool, every_step: bool) -> str:
        """Inputs of the output units from the cells of the last layer, batch first."""
        lengths = self.add("Squeeze", steps.lengths, self.integers([1]))
        lengths = self.add("Cast", lengths, to=self.onnx.TensorProto.INT32)
        inputs = self.add("Transpose", steps.values, perm=[1, 0, 2])
        n_layers, n_cells, state = len(cells.layers), cells.n_cells, ["activations", "cells"]
        shape = ["n_sequences", n_layers * n_cells]
        before: Any = [None] * n_layers
        if stateful:
            before = zip(*(self._split(self.input(name, shape), n_layers) for name in state), strict=True)
        ends = []
        for layer, own in zip(cells.layers, before, strict=True):
            every, *end = self.lstm(cells, layer, inputs, lengths, own)
            # (n_steps, n_directions, n_sequences, n_cells) -> (n_steps, n_sequences, n_directions * n_cells)
            every = self.add("Transpose", every, perm=[0, 2, 1, 3])
            inputs = self.add("Reshape", every, self.integers([0, 0, -1]))
            ends.append(end)
        if stateful:
            for name, parts in zip(state, zip(*ends, strict=True), strict=True):
                rows = [self.add("Squeeze", part, self.integers([0])) for part in parts]
                self.output(f"next_{name}", self.add("Concat", *rows, axis=1), shape)
        every = self.add("Transpose", inputs, perm=[1, 0, 2])
        if every_step:
            return every
        last = self.add("Transpose", ends[-1][0], perm=[1, 0, 2])  # from (n_directions, n_sequences, n_cells)
        last = self.add("Reshape", last, self.integers([0, -1]))
        pooled = [self._pooled(kind, every, last, steps) for kind in cells.pooling]
        return pooled[0] if len(pooled) == 1 else self.add("Concat", *pooled, axis=1)

    def _split(self, values: str, n_parts: int) -> list[str]:
        """Split the last axis of (n_sequences, ...) into equal parts, with an axis of directions in front."""
        name = f"Split_{len(self.nodes)}"
        parts = [f"{name}_{i}" for i in range(n_parts)]
        self.nodes.append(self.helper.make_node("Split", [values], parts, axis=1))
        return [self.add("Unsqueeze", part, self.integers([0])) for part in parts]

    def _pooled(self, kind: str, every: str, last: str, steps: _Steps) -> str:
        """Last activations of each direction, or the mean or maximum of the activations of all steps."""
        if kind == "last":
            return last
        empty = self.numbers(0 if kind == "mean" else -np.inf)
        every = self.add("Where", steps.padding, empty, every)
        if kind == "max":
            return self.add("ReduceMax", every, axes=[1], keepdims=0)
        total = self.add("ReduceSum", every, self.integers([1]), keepdims=0)
        return self.add("Div", total, self.add("Cast", steps.lengths, to=self.onnx.TensorProto.FLOAT))

    def lstm(
        self, cells: CellNetwork, layer: list[Cells], inputs: str, lengths: str, before: Any
    ) -> list[str]:
        """Activations of the cells of a layer after each step, after the last one, and the last states."""
        order = [INPUT, OUTPUT, FORGET, CELL]  # order of the operator
        n_cells, n_directions = cells.n_cells, len(layer)

        def gates(name: str) -> str:
            arrays = [getattr(way, name)[order] for way in layer]
            return self.numbers(np.reshape(arrays, (n_directions, 4 * n_cells, -1)))

        squashing = [_activation(cells.cell_input_activation), _activation(cells.cell_output_activation)]
        numbers = [pair for _, pair in squashing if pair] * n_directions
        alpha, beta = [pair[0] for pair in numbers], [pair[1] for pair in numbers]
        options = {"activation_alpha": alpha, "activation_beta": beta} if numbers else {}
        biases = [np.concatenate([way.biases[order].ravel(), np.zeros(4 * n_cells)]) for way in layer]
        operands = [inputs, gates("inputs"), gates("recurrent"), self.numbers(biases), lengths]
        if before is not None:
            operands += before
        if cells.peepholes:
            operands += ["", ""] if before is None else []
            peepholes = [way.peepholes[[0, 2, 1]].ravel() for way in layer if way.peepholes is not None]
            operands.append(self.numbers(peepholes))
        name = f"LSTM_{len(self.nodes)}"
        outputs = [f"{name}_{part}" for part in ("every", "last", "state")]
        self.nodes.append(
            self.helper.make_node(
                "LSTM",
                operands,
                outputs,
                hidden_size=n_cells,
                direction="bidirectional" if n_directions == 2 else "forward",
                activations=["Sigmoid", *(name for name, _ in squashing)] * n_directions,
                **options,
            )
        )
        return outputs

    def output_units(self, cells: CellNetwork, hidden: str, steps: _Steps, every_step: bool) -> str:
        """Net inputs of the output units."""
        net = self.add("MatMul", hidden, self.numbers(cells.outputs.T))
        if cells.shortcut is not None:
            inputs = steps.values
            if not every_step:
                last = self.add("Sub", steps.lengths, self.integers(1))
                inputs = self.add("GatherND", inputs, last, batch_dims=1)
            net = self.add("Add", net, self.add("MatMul", inputs, self.numbers(cells.shortcut.T)))
        broken = self.add("Unsqueeze", steps.broken, self.integers([2])) if every_step else steps.broken
        return self.add("Add", self.add("Add", net, broken), self.numbers(cells.output_biases))

    def activation(self, name: str, net: str) -> str:
        return self.add("Softmax", net, axis=-1) if name == "softmax" else self.add("Sigmoid", net)

    def masked(self, outputs: str, steps: _Steps, every_step: bool) -> str:
        """Outputs at every step with NaN at padding; other outputs unchanged."""
        return self.add("Where", steps.padding, self.numbers(np.nan), outputs) if every_step else outputs


def _activation(name: str) -> tuple[str, tuple[float, ...]]:
    """Name of a squashing function in the operator, and its alpha and beta."""
    if name == "identity":
        return "Affine", (1.0, 0.0)
    form = as_tanh(name)
    if form is None:
        return "Sigmoid", ()
    return ("Tanh", ()) if form == (1, 1) else ("ScaledTanh", form)
