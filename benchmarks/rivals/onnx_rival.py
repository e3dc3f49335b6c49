"""onnxruntime: its LSTM operator and a linear layer."""

import numpy as np
import onnxruntime
import workloads
from onnx import TensorProto, helper, numpy_helper
from worker import Prepared

BATCHES_TO_TRY = (64, 250, 1000)


def versions():
    """Versions of what runs here."""
    return {"onnxruntime": onnxruntime.__version__}


def prepare(job):
    """Make a job ready."""
    return stream() if job.workload == "C2" else predictions()


def session(goes_on):
    """Session for X (steps, sequences, inputs); if it `goes_on`, state goes in and out as well."""
    wx, wh, b, wo, bo, *_ = workloads.prediction_weights()
    n_inputs, H = len(wx), len(wh)

    def units(array):  # the operator has input gates, output gates, forget gates, cells
        i, f, o, g = np.split(array.T, 4)
        return np.concatenate([i, o, f, g])[np.newaxis]

    constants = {
        "wx": units(wx),
        "wh": units(wh),
        "b": np.concatenate([units(b), np.zeros((1, 4 * H), np.float32)], axis=1),
        "wo": wo,
        "bo": bo,
        "first": np.array([0]),
    }
    state = [("h", [1, "sequences", H]), ("s", [1, "sequences", H])]
    inputs = [("X", ["steps", "sequences", n_inputs]), *(state if goes_on else [])]
    outputs = [("y", ["sequences", 1])] + [(f"{name}_next", shape) for name, shape in state if goes_on]
    operands = ["X", "wx", "wh", "b", *(["", "h", "s"] if goes_on else [])]
    nodes = [
        helper.make_node("LSTM", operands, ["", "h_next", "s_next"], hidden_size=H),
        helper.make_node("Squeeze", ["h_next", "first"], ["h_last"]),
        helper.make_node("Gemm", ["h_last", "wo", "bo"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "lstm",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def predictions():
    """Predictions in batches of the size that is fastest; the arrays are in the operator's layout."""
    X, model = workloads.inputs_to_predict(), session(False)
    time_first = np.ascontiguousarray(X.swapaxes(0, 1))
    parts = {
        size: [np.ascontiguousarray(time_first[:, lo : lo + size]) for lo in range(0, len(X), size)]
        for size in BATCHES_TO_TRY
    }

    def run(batch_size):
        return [model.run(None, {"X": x})[0] for x in parts[batch_size]]

    best = workloads.fastest(run, BATCHES_TO_TRY)
    result = np.concatenate(run(best))[:, 0]
    return Prepared(lambda: run(best), X.shape[0] * X.shape[1], "step", result, f"batch {best}")


def stream():
    """One time step, called from Python; the state goes in and out."""
    model, H = session(True), workloads.PREDICT.n_cells
    rows = [row[np.newaxis, np.newaxis] for row in workloads.inputs_to_predict()[0]]
    zero = np.zeros((1, 1, H), np.float32)

    def run():
        h, s, outputs = zero, zero, []
        for x in rows:
            y, h, s = model.run(None, {"X": x, "h": h, "s": s})
            outputs.append(y[0])
        return np.array(outputs)

    return Prepared(run, len(rows), "call", run())
