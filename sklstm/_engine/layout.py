"""Layout of the arrays of the kernel: pure functions of a network and of the width of the vectors.

_kernel/shapes.pxd explains the letters of the sizes, and the rows and columns.
"""

import numpy as np

# y = shift + scale / (1 + exp(-slope x)); the identity does not have this form
SQUASHING: dict[str, tuple[float, float, float] | None] = {
    "logistic[-2,2]": (1.0, 4.0, -2.0),  # g of 1997
    "logistic[-1,1]": (1.0, 2.0, -1.0),  # h of 1997
    "logistic": (1.0, 1.0, 0.0),
    "tanh": (2.0, 2.0, -1.0),
    "identity": None,
}


def sizes_and_places(net, core, registers):
    """Sizes and offsets of all arrays and their parts, with rows padded to whole vectors.

    `registers` tells whether a single sequence of a small enough network stays in registers.
    """
    vector = core.LANES_OF_A_VECTOR

    def pad(size):
        return max(-(-size // vector), 1) * vector

    B, S, N = net.n_blocks, net.block_size, net.n_hidden_units
    C = B * S
    is_layer = net.n_outputs == 0
    K = C + N if is_layer else net.n_outputs
    has = {gate: gate in net._gates for gate in ("input_gate", "forget_gate", "output_gate")}
    n = {"M": net.n_inputs, "B": B, "S": S, "C": C, "N": N, "K": K}

    def columns(*kinds):
        at = 0
        for name, size in kinds:
            n[name] = at
            at += size
        return at

    # columns of Y, and of D and the weights; absent gates have no columns
    end = columns(
        ("y_n", N),
        ("y_in", B * has["input_gate"]),
        ("y_forget", B * has["forget_gate"]),
        ("y_out", B * has["output_gate"]),
        ("y_c", C),
    )
    n["U"] = columns(
        ("u_out", B * has["output_gate"]),
        ("u_c", C),
        ("u_in", B * has["input_gate"]),
        ("u_forget", B * has["forget_gate"]),
        ("u_n", N),
    )
    n["H"] = N + C
    n["recurrent"] = {"all": 0, "gates": 0, "cells": n["y_c"], "none": end}[net.recurrence]
    n["R"] = end - n["recurrent"]
    n["B_vectors"], n["N_vectors"] = -(-B // vector), -(-N // vector)
    n["Bp"] = n["B_vectors"] * vector
    n["Cp"] = max(S * n["Bp"], vector)
    for letter in "URKH":
        n[letter + "p"] = pad(n[letter])
    n["d_row"] = n["Up"] + vector
    n["y_row"] = pad(max(end, n["recurrent"] + n["Rp"])) + vector
    # columns of the partials
    n["p_in"] = C
    n["p_forget"] = C * (1 + net.input_gate)
    n["n_partials"] = C * (1 + net.input_gate + net.forget_gate)
    n["Pp"] = pad(n["n_partials"])
    # offsets in the packed weights
    n["n_packed"] = columns(
        ("w_recurrent", n["R"] * n["Up"]),
        ("w_bias", n["Up"]),
        ("w_peep_in", n["Cp"] * (net.peepholes and net.input_gate)),
        ("w_peep_forget", n["Cp"] * (net.peepholes and net.forget_gate)),
        ("w_peep_out", n["Cp"] * (net.peepholes and net.output_gate)),
        ("v_hidden", n["H"] * n["Kp"] * (not is_layer)),
        ("v_bias", n["Kp"] * (not is_layer)),
        ("w_input", n["M"] * n["Up"]),
        ("v_input", n["M"] * n["Kp"] * net.shortcut),
    )
    n.update(
        has_in=net.input_gate,
        has_forget=net.forget_gate,
        has_out=net.output_gate,
        peepholes=net.peepholes,
        shortcut=net.shortcut,
        every_step=net.return_sequences,
        cell_bias=net.cell_bias,
        gate_bias=net.gate_bias,
        output_bias=net.output_bias and not is_layer,
        gates_only=net.recurrence == "gates",
        is_layer=is_layer,
        output=core.OUTPUTS[net.output_activation],
        kinds=sum(has.values()) + S * (B > 0) + (N > 0),
        g=squashing_constants(net.cell_input_activation),
        h=squashing_constants(net.cell_output_activation),
    )
    is_small = n["B_vectors"] <= 1 and n["N_vectors"] <= 1 and n["kinds"] <= core.MOST_OF_KINDS
    n["in_registers"] = registers and is_small
    return n


def squashing_constants(name):
    """Constants of shift + scale / (1 + 2^(slope x)), and of its slope gain (y - low) (high - y) + one."""
    form = SQUASHING[name]
    slope, scale, shift = form or (0.0, 1.0, 0.0)
    return {
        "identity": form is None,
        "slope": -slope / np.log(2),
        "scale": scale,
        "shift": shift,
        "gain": slope / scale,
        "low": shift,
        "high": shift + scale,
        "one": float(form is None),
    }


def cell_places(net):
    """Index v B + b in the kernel of each cell b S + v of the user."""
    block, v = np.divmod(np.arange(net.n_cells), net.block_size)
    return v * net.n_blocks + block


def cell_columns(net, n):
    """Columns of S of the users' cells."""
    block, v = np.divmod(np.arange(net.n_cells), net.block_size)
    return v * n["Bp"] + block


def recurrent_columns(net, n):
    """Columns of Y of the activations that recur, in the users' order."""
    if net.recurrence == "none":
        return np.zeros(0, np.int64)
    cells = n["y_c"] + cell_places(net)
    if net.recurrence == "cells":
        return cells
    gates = np.arange(n["y_in"], n["y_c"])
    return np.concatenate([cells, gates, np.arange(net.n_hidden_units)])


def unit_columns(net, n):
    """Columns of D of the users' units, by name."""
    kinds = {
        "cell": n["u_c"] + cell_places(net),
        "input_gate": n["u_in"] + np.arange(n["B"]),
        "forget_gate": n["u_forget"] + np.arange(n["B"]),
        "output_gate": n["u_out"] + np.arange(n["B"]),
        "hidden": n["u_n"] + np.arange(n["N"]),
    }
    return {name: columns for name, columns in kinds.items() if name in net.weight_shapes}


def weight_places(net, n):
    """Place in the packed vector of each weight of the flat vector."""
    cells = cell_places(net)
    recurrent = recurrent_columns(net, n) - n["recurrent"]
    sources = np.concatenate(
        [
            n["w_input"] + np.arange(n["M"]) * n["Up"],
            n["w_recurrent"] + recurrent * n["Up"],
            [n["w_bias"]],
        ]
    )
    inputs_and_bias = np.append(sources[: n["M"]], sources[-1])
    outputs = np.concatenate(
        [
            n["v_hidden"] + (n["N"] + cells) * n["Kp"],
            n["v_hidden"] + np.arange(n["N"]) * n["Kp"],
            n["v_input"] + np.arange(n["M"] * net.shortcut) * n["Kp"],
            [n["v_bias"]] * net.output_bias,
        ]
    ).astype(np.int64)
    units = unit_columns(net, n) | {"output": np.arange(net.n_outputs)}
    peepholes = {
        "input_gate_peephole": n["w_peep_in"],
        "forget_gate_peephole": n["w_peep_forget"],
        "output_gate_peephole": n["w_peep_out"],
    }
    places = []
    for name, (_, columns) in net.weight_shapes.items():
        if name in peepholes:
            places.append(peepholes[name] + cell_columns(net, n))
        else:
            source = outputs if name == "output" else sources
            if net.recurrence == "gates" and name in ("cell", "hidden"):
                source = inputs_and_bias
            places.append((units[name][:, np.newaxis] + source[:columns]).ravel())
    return np.concatenate(places)
