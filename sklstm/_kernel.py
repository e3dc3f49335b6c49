"""The bridge to the compiled kernel: layout of the weights, sequences as lanes, work arrays.

Above this module nothing knows padding or alignment; `_core.pyx` allocates nothing.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, lru_cache, partial
from threading import Event
from typing import NamedTuple

import joblib
import numpy as np
from joblib.parallel import get_active_backend
from scipy import sparse
from threadpoolctl import ThreadpoolController

from sklstm import _cpu
from sklstm._checks import check_indices, check_sample_weight, check_sequences, real_array

# y = shift + scale / (1 + exp(-slope x)); the identity has no such form
SQUASHING: dict[str, tuple[float, float, float] | None] = {
    "logistic[-2,2]": (1.0, 4.0, -2.0),  # g of 1997
    "logistic[-1,1]": (1.0, 2.0, -1.0),  # h of 1997
    "logistic": (1.0, 1.0, 0.0),
    "tanh": (2.0, 2.0, -1.0),
    "identity": None,
}
FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
PACK_LANES = 64  # sequences side by side in one pack
PACK_ROWS = 1 << 15  # time steps of a pack, if it has more than one sequence
RESET = ": call reset_state()"  # what helps where the state of streams does not
WINDOW_BYTES = 1 << 19  # activations that a forward pass without gradient holds at once


class State(NamedTuple):
    """State of a network between two time steps.

    Attributes
    ----------
    activations : ndarray of shape (n_sequences, n_recurrent)
        Activations that recur, in the order of the columns of the weights: cells, input gates, forget
        gates, output gates, conventional hidden units (those that recur).
    cells : ndarray of shape (n_sequences, n_cells)
        Internal states of the cells; cell v of block b has the index ``b * block_size + v``.
    """

    activations: np.ndarray
    cells: np.ndarray


class Carried(NamedTuple):
    """What real-time learning carries from one time step of a sequence to the next.

    Attributes
    ----------
    activations, cells : ndarray
        The `State` of one sequence.
    partials : ndarray of shape (n_recurrent + 1 + n_inputs, n_columns)
        Derivatives of the internal states by the weights of cells, input and forget gates.
    peephole_partials : ndarray of shape (2 * block_size, n_cells)
        The same by the peepholes.
    touched : ndarray of int
        Inputs whose partials are not all zero, in the order in which they came.
    """

    activations: np.ndarray
    cells: np.ndarray
    partials: np.ndarray
    peephole_partials: np.ndarray
    touched: np.ndarray


@cache
def _thread_pools():
    return ThreadpoolController()


def one_blas_thread():
    """Context in which BLAS works in one thread: packs, not products, are what runs side by side."""
    return _thread_pools().limit(limits=1, user_api="blas")


def threads_of(n_jobs):
    """Threads of this process that `n_jobs` means to joblib; None is 1 or what `joblib.parallel_config` says.

    A cluster's backend takes any `n_jobs`, None too, for all cores of all machines. Inside it, here and in
    its workers, n_jobs means what it means without it.
    """
    if get_active_backend()[0].default_n_jobs == 1:
        return joblib.effective_n_jobs(n_jobs)
    with joblib.parallel_config("threading", n_jobs=1):
        return joblib.effective_n_jobs(n_jobs)


def may_overflow():
    """Context in which overflow gives infinity or NaN without a warning: whoever asks looks at the result."""
    return np.errstate(over="ignore", invalid="ignore")


class Lanes:
    """Sequences in the order in which the kernel takes them: first step, length, row of the first target."""

    def __init__(self, start, length, target):
        self.start = np.ascontiguousarray(start, np.int64)
        self.length = np.ascontiguousarray(length, np.int64)
        self.target = np.ascontiguousarray(target, np.int64)

    def __len__(self):
        return len(self.start)

    def __getitem__(self, index):
        return Lanes(self.start[index], self.length[index], self.target[index])

    def at_most(self, longest):
        """Beginnings of the sequences, of so many steps at most."""
        return Lanes(self.start, np.minimum(self.length, longest), self.target)


class Works:
    """Work arrays of a kernel, lent to one thread at a time and kept for the next.

    Parameters
    ----------
    kernel : Kernel
    packs : list of Lanes
        Arrays hold any of these.
    sparse, backward : bool
        See `Kernel.work`.
    """

    def __init__(self, kernel, packs, sparse, backward=True):
        self.size = self._size_of(packs)
        self._make = partial(kernel.work, *self.size, sparse=sparse, backward=backward)
        self._free = []

    @staticmethod
    def _size_of(packs):
        return (
            max(int(pack.length.sum()) for pack in packs),
            max(len(pack) for pack in packs),
            max(int(pack.length.max()) for pack in packs),
        )

    def hold(self, packs):
        """Whether these packs fit, too."""
        return all(has >= needed for has, needed in zip(self.size, self._size_of(packs), strict=True))

    @contextmanager
    def lend(self):
        """Work arrays, until the context ends."""
        try:
            work = self._free.pop()
        except IndexError:
            work = self._make()
        yield work
        self._free.append(work)


def kernel_of(network, dtype):
    """Return the `Kernel` of a network and a dtype: the same one in each call, also in other threads.

    Nothing in it changes once it is made: weights and work arrays are elsewhere.
    """
    return _kernel_of(network, np.dtype(dtype), _cpu.level())


@lru_cache(maxsize=16)
def _kernel_of(network, dtype, level):
    return Kernel(network, dtype)


def bind_weights(network, weights, dtype, name="weights"):
    """Return the `Kernel` of a network, and weights in its form; `name` is what the messages call them.

    Weights of another shape are refused before anything of the size of the network is made.
    """
    weights = real_array(weights, name, (network.n_weights,), dtype)
    kernel = kernel_of(network, dtype)
    return kernel, kernel._packed(weights)


class Kernel:
    """The compiled kernel for one network and one dtype.

    Parameters
    ----------
    network : Network
    dtype : float32 or float64
    """

    def __init__(self, network, dtype):
        self.network = network
        self.dtype = np.dtype(dtype)
        if self.dtype not in FLOATS:
            raise TypeError(f"dtype must be float64 or float32, got {self.dtype}.")
        self.core = _cpu.core(self.dtype)
        self.layout = _layout(network, self.core)
        self.index = _index(network, self.layout)
        self._cell_columns = _cell_columns(network, self.layout)
        self._recurrent_columns = _recurrent_columns(network, self.layout)
        self.plan = self.core.Plan(self.layout, self._recurrent_columns, self._cell_columns)

    # ------------------------------------------------------------------------------------------
    # Python's arrays -> the kernel's

    def pack(self, weights, name="weights", finite=True):
        """Flat weights as users know them -> padded, aligned weights of the kernel; checked."""
        shape = (self.network.n_weights,)
        return self._packed(real_array(weights, name, shape, self.dtype, finite=finite))

    def _packed(self, weights):
        packed = self.zeros()
        with may_overflow():
            packed[self.index] = weights
        return packed

    def unpack(self, packed):
        """Weights or gradient of the kernel -> flat vector."""
        return packed[self.index]

    def zeros(self):
        """Return a packed vector of zeros."""
        return self.core.zeros(self.layout["n_packed"])

    def bind(self, sequences, targets=None, weight=None, loss="squared_error"):
        """Inputs, and what is learned from them, as the kernel reads them, and all sequences in their order.

        What the kernel follows as an index is checked here, each time that it enters the kernel.

        Returns
        -------
        data : Data
        lanes : Lanes
        """
        values, offsets = sequences.values, sequences.offsets
        check_sequences(values, offsets)
        if values.shape[1] != self.layout["M"]:
            raise ValueError(f"X has {values.shape[1]} features; expected {self.layout['M']}.")
        start = offsets[:-1]
        lanes = Lanes(
            start,
            offsets[1:] - start,
            start if self.network.return_sequences else np.arange(len(start)),
        )
        if targets is not None:
            self._check_targets(lanes, targets, weight)
        with may_overflow():
            data = self.core.Data(self.plan, self._inputs(values), targets, weight, self.core.LOSSES[loss])
        return data, lanes

    def _inputs(self, values):
        """Dense rows, or the three arrays of a CSR matrix."""
        if not sparse.issparse(values):
            return np.ascontiguousarray(values, self.dtype)
        if max(values.nnz, *values.shape) > np.iinfo(np.int32).max:
            raise ValueError(
                f"X has {values.shape[0]} steps, {values.shape[1]} features and {values.nnz} numbers "
                "that are not zero; sparse sequences may have 2**31 - 1 of each: learn from parts."
            )
        return (
            np.ascontiguousarray(values.data, self.dtype),
            np.ascontiguousarray(values.indices, np.int32),
            np.ascontiguousarray(values.indptr, np.int32),
        )

    def packs(self, lanes):
        """Indices of the lanes, the longest first, in packs of so many steps that they fit in memory."""
        order = np.argsort(-lanes.length, kind="stable")
        packs, at = [], 0
        while at < len(order):
            size = self.pack_lanes(lanes.length[order[at]])
            packs.append(order[at : at + size])
            at += size
        return packs

    @staticmethod
    def pack_lanes(longest):
        """Sequences of a pack, if the longest has so many steps."""
        return max(1, min(PACK_ROWS // int(longest), PACK_LANES))

    def weights_of(self, lanes, target_weight):
        """Sum of the weights of the targets of each of these lanes."""
        if not self.network.return_sequences:
            return target_weight[lanes.target]
        ends = np.zeros(len(target_weight) + 1)
        np.cumsum(target_weight, out=ends[1:])
        return ends[lanes.target + lanes.length] - ends[lanes.target]

    def target_weights(self, sequences, sample_weight=None):
        """Weight of each target: the weight of its sequence."""
        weight = check_sample_weight(sample_weight, len(sequences))
        return np.repeat(weight, sequences.lengths) if self.network.return_sequences else weight

    def _check_targets(self, lanes, targets, target_weight):
        """Refuse targets and weights that are not one row and one number for each target of all lanes."""
        rows = int(lanes.length.sum()) if self.network.return_sequences else len(lanes)
        if targets.shape != (rows, self.layout["K"]) or target_weight.shape != (rows,):
            found = f"the shapes {targets.shape} and {target_weight.shape}"
            expected = f"{(rows, self.layout['K'])} and {(rows,)}"
            raise ValueError(f"Targets and their weights have {found}; expected {expected}.")

    def work(self, rows, lanes, longest, *, sparse=False, backward=True, partials=False):
        """Arrays that the kernel writes, for batches of so many time steps, sequences and longest length."""
        return self.core.Workspace(
            self.plan, rows, lanes, longest, sparse=sparse, backward=backward, partials=partials
        )

    # ------------------------------------------------------------------------------------------
    # states

    def _read_state(self, work, rows):
        """State in these rows of the work arrays, in the users' order."""
        return State(
            work.Y[rows[:, np.newaxis], self._recurrent_columns],
            work.S[rows[:, np.newaxis], self._cell_columns],
        )

    def _write_state(self, work, state, lanes):
        work.Y[:lanes, self._recurrent_columns] = state.activations
        work.S[:lanes, self._cell_columns] = state.cells

    def zero_state(self, n_sequences):
        """State before the first step."""
        n = self.layout
        return State(np.zeros((n_sequences, n["R"]), self.dtype), np.zeros((n_sequences, n["C"]), self.dtype))

    def no_carried(self):
        """Return what is carried into the first step."""
        numbers = [np.zeros(shape, self.dtype) for shape in self._carried_shapes()]
        return Carried._make([*numbers, np.zeros(0, np.int32)])

    def _carried_shapes(self):
        """Shapes of all that is carried but `touched`."""
        n = self.layout
        return (1, n["R"]), (1, n["C"]), (n["R"] + 1 + n["M"], n["n_partials"]), (2 * n["S"], n["C"])

    def read_carried(self, work, sparse):
        """Read what `train_steps` carries into the next step; padding is left out."""
        n = self.layout
        touched = work.touched[: work.n_touched[0]] if sparse else np.arange(n["M"], dtype=np.int32)
        activations, cells = self._read_state(work, np.arange(1))
        return Carried(
            activations,
            cells,
            work.P[: n["R"] + 1 + n["M"], : n["n_partials"]].copy(),
            work.PP[:, self._cell_columns].copy(),
            touched.copy(),
        )

    def write_carried(self, work, carried, sparse):
        """Let `train_steps` go on from here."""
        n = self.layout
        carried = self._checked(carried)
        self._write_state(work, State(carried.activations, carried.cells), 1)
        work.P[: n["R"] + 1 + n["M"], : n["n_partials"]] = carried.partials
        work.PP[:, self._cell_columns] = carried.peephole_partials
        if sparse:
            work.n_touched[0] = len(carried.touched)
            work.touched[: len(carried.touched)] = carried.touched
            work.is_touched[:] = 0
            work.is_touched[carried.touched] = 1

    def _checked(self, carried):
        """Return what is carried in the kernel's dtype; refuse what is not of this kernel or not finite."""
        check_indices(carried.touched, "_carried.touched", self.layout["M"], once=True)
        numbers = [
            real_array(part, f"_carried.{name}", shape, self.dtype, remedy=RESET)
            for name, part, shape in zip(Carried._fields, carried, self._carried_shapes(), strict=False)
        ]
        return Carried._make([*numbers, carried.touched])

    def check_state(self, state, n_sequences, name="initial_state", remedy=""):
        """Return a state in the kernel's dtype, checked; or zeros if None."""
        if state is None:
            return self.zero_state(n_sequences)
        try:
            activations, cells = state
        except (TypeError, ValueError):
            raise TypeError(
                f"{name} must be a State(activations, cells), got {type(state).__name__}."
            ) from None
        shapes = (n_sequences, self.layout["R"]), (n_sequences, self.layout["C"])
        return State(
            real_array(activations, f"{name}.activations", shapes[0], self.dtype, remedy=remedy),
            real_array(cells, f"{name}.cells", shapes[1], self.dtype, remedy=remedy),
        )

    # ------------------------------------------------------------------------------------------
    # outputs and gradients

    def forward(self, w, sequences, initial_state=None, n_threads=1):
        """Outputs, one row a sequence (or a time step), and the final state.

        Long sequences are computed in windows, so that the memory does not grow with the length.
        """
        data, lanes = self.bind(sequences)
        every_step = self.network.return_sequences
        state = self.check_state(initial_state, len(lanes))
        state = State(state.activations.copy(), state.cells.copy())
        outputs = np.empty(
            (int(lanes.length.sum()) if every_step else len(lanes), self.layout["K"]), self.dtype
        )
        packs = self.packs(lanes)
        windows = [lanes[who].at_most(self._window(len(who))) for who in packs]
        works = Works(self, windows, data.sparse, backward=False)

        def run(who):
            with works.lend() as work:
                activations, cells = state.activations[who], state.cells[who]
                self._forward(work, w, data, lanes[who], self._window(len(who)), activations, cells, outputs)
                state.activations[who], state.cells[who] = activations, cells

        each(run, packs, n_threads)
        return outputs, state

    def _forward(self, work, w, data, pack, window, activations, cells, outputs):
        """Outputs of a pack; its state, which moves on."""
        self.core.forward(self.plan, data, pack, work, w, window, activations, cells, outputs)

    def _window(self, n_lanes):
        """Time steps of so many sequences that a forward pass without gradient holds at once."""
        n = self.layout
        row = self.dtype.itemsize * (n["d_row"] + n["y_row"] + 3 * n["Cp"])
        return max(WINDOW_BYTES // (row * n_lanes), 1)

    def traces(self, w, sequences):
        """Every gate, cell and state over time, by name; of one sequence after the other."""
        data, lanes = self.bind(sequences)
        for i in range(len(lanes)):
            yield self._trace(w, data, Lanes(lanes.start[i : i + 1], lanes.length[i : i + 1], [0]))

    def _trace(self, w, data, lanes):
        n, net = self.layout, self.network
        T = int(lanes.length[0])
        work = self.work(T, 1, T, sparse=data.sparse, backward=False)
        outputs = np.empty((T if net.return_sequences else 1, n["K"]), self.dtype)
        activations, cells = self.zero_state(1)
        self._forward(work, w, data, lanes, T, activations, cells, outputs)
        Y = work.Y[1 : 1 + T]
        trace = {"cell_input": work.G[1 : 1 + T, self._cell_columns]}
        for gate, column in (
            ("input_gate", "y_in"),
            ("forget_gate", "y_forget"),
            ("output_gate", "y_out"),
        ):
            if getattr(net, gate):
                trace[gate] = Y[:, n[column] : n[column] + n["B"]].copy()
        trace["cell_state"] = work.S[1 : 1 + T, self._cell_columns]
        trace["cell"] = Y[:, n["y_c"] + _cells(net)]
        if n["N"]:
            trace["hidden"] = Y[:, n["y_n"] : n["y_n"] + n["N"]].copy()
        trace["output"] = outputs
        return trace

    def loss_and_gradient(
        self,
        w,
        sequences,
        targets,
        loss,
        gradient,
        *,
        sample_weight=None,
        initial_state=None,
        full_output=False,
        n_threads=1,
    ):
        """Summed loss, packed gradient, and a dict with more (see `Network.loss_and_gradient`)."""
        n = self.layout
        check_sequences(sequences.values, sequences.offsets)
        weight = self.target_weights(sequences, sample_weight)
        data, lanes = self.bind(sequences, targets, weight, loss)
        initial = self.check_state(initial_state, len(lanes))
        final, slope = self.zero_state(len(lanes)), self.zero_state(len(lanes))
        inputs = np.zeros((int(lanes.length.sum()), n["M"]), self.dtype) if full_output else None
        full = gradient == "full"

        packs = self.packs(lanes)
        works = Works(self, [lanes[who] for who in packs], data.sparse)

        def run(who):
            pack = lanes[who]
            grad = self.zeros()
            with works.lend() as work:
                self._write_state(work, State(initial.activations[who], initial.cells[who]), len(who))
                value = self.core.gradient(self.plan, data, pack, work, w, full, 1.0, False, grad)
                if full_output:
                    rows = np.arange(len(who))
                    last = self._read_state(work, work.first[pack.length] + rows)
                    final.activations[who], final.cells[who] = last
                    slope.activations[who] = work.E[np.ix_(rows, self._recurrent_columns)]
                    slope.cells[who] = work.ES[np.ix_(rows, self._cell_columns)]
                    with may_overflow():
                        self._input_gradient(w, pack, work, inputs)
            return value, grad

        results = each(run, packs, n_threads)
        value, grad = results[0]
        with may_overflow():
            for more, part in results[1:]:
                value += more
                grad += part
        info = {"inputs": inputs, "initial_state": slope, "final_state": final}
        return value, grad, info if full_output else None

    def _input_gradient(self, w, pack, work, inputs):
        """Gradient by the inputs of the steps of one pack, from the deltas that the kernel left."""
        n = self.layout
        rows, lanes = int(pack.length.sum()), len(pack)
        matrix = w[n["w_input"] : n["w_input"] + n["M"] * n["Up"]].reshape(n["M"], n["Up"])
        inputs[work.step[:rows]] = work.D[lanes : lanes + rows, : n["Up"]] @ matrix.T
        if self.network.shortcut:
            errors = rows if self.network.return_sequences else lanes
            at = work.step[work.target_row[:errors] - lanes]
            matrix = w[n["v_input"] : n["v_input"] + n["M"] * n["Kp"]].reshape(n["M"], n["Kp"])
            inputs[at] += work.OD[:errors] @ matrix.T


class Stepper:
    """Streams under way: their state, and all that one more time step needs, in the kernel's form.

    Parameters
    ----------
    network : Network
    weights : array-like of shape (n_weights,)
        A contiguous array may be changed in place between two calls; anything else is copied.
    dtype : float32 or float64
    n_streams : int
    state : State or None
        None is zero.

    Attributes
    ----------
    weights : ndarray
        The array that was given, or the copy.
    step : callable
        ``step(weights, x)`` gives the outputs after the inputs x, or None; see `Step` in _core.pyx.
    """

    def __init__(self, network, weights, dtype, n_streams, state):
        self.network = network
        self.kernel, packed = bind_weights(network, weights, dtype, "weights_")
        self.n_streams = n_streams
        kernel, n = self.kernel, self.kernel.layout
        state = kernel.check_state(state, n_streams, "_stream", RESET)
        is_array = isinstance(weights, np.ndarray) and weights.flags.c_contiguous
        self.weights = weights if is_array else packed
        lanes = min(n_streams, kernel.pack_lanes(1))
        self._work = work = kernel.work(n_streams, n_streams, 1, backward=False)
        kernel._write_state(work, state, n_streams)
        self._step = kernel.core.Step(kernel.plan, work, n_streams, lanes, self.weights, packed)
        largest = lanes * max(n["Up"], n["Kp"]) * max(n["M"], n["R"], n["H"])
        self.step = self._step_of_blas if largest >= kernel.core.LEAST_OF_BLAS else self._step.advance

    def _step_of_blas(self, weights, x):
        with one_blas_thread():
            return self._step.advance(weights, x)

    @property
    def state(self):
        """`State`, a copy."""
        return self.kernel._read_state(self._work, np.arange(self.n_streams))


@contextmanager
def in_threads(n_threads):
    """Context with a `map` of so many threads: others take items from the front, this one from the end.

    The kernel holds no lock. After an error nobody begins another item.
    """
    if n_threads <= 1:
        yield map
        return
    with ThreadPoolExecutor(n_threads - 1) as others:

        def shared(run, items):
            failed = Event()

            def of_others(item):
                try:
                    return run(item)
                except BaseException:
                    failed.set()
                    raise

            futures = [others.submit(of_others, item) for item in items[:-1]]
            try:
                last = [run(items[-1])]
                for item, future in zip(items[-2::-1], futures[::-1], strict=True):
                    if failed.is_set() or not future.cancel():
                        break  # the others have begun it, and all before it
                    last.append(run(item))
                return [future.result() for future in futures[: len(items) - len(last)]] + last[::-1]
            finally:
                for future in futures:
                    future.cancel()

        yield shared


def each(run, items, n_threads):
    """`[run(item) for item in items]`, in threads."""
    with one_blas_thread(), in_threads(min(n_threads, len(items))) as share:
        return list(share(run, items))


# ----------------------------------------------------------------------------------------------
# layout: see _kernel/shapes.pxd for the letters


def _layout(net, core):
    """Sizes and places of everything, with rows padded to whole vectors."""
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

    # columns of Y, and of D and the weights; absent gates have none
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
    n["recurrent"] = {"all": 0, "cells": n["y_c"], "none": end}[net.recurrence]
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
    # places in the packed weights
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
        is_layer=is_layer,
        output=core.OUTPUTS[net.output_activation],
        kinds=sum(has.values()) + S * (B > 0) + (N > 0),
        g=_squashing(net.cell_input_activation, core),
        h=_squashing(net.cell_output_activation, core),
    )
    n["in_registers"] = n["B_vectors"] <= 1 and n["N_vectors"] <= 1 and n["kinds"] <= core.MOST_OF_KINDS
    return n


def _squashing(name, core):
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


def _cells(net):
    """Index v B + b, in the kernel, of the users' cells b S + v."""
    block, v = np.divmod(np.arange(net.n_cells), net.block_size)
    return v * net.n_blocks + block


def _cell_columns(net, n):
    """Columns of S of the users' cells."""
    block, v = np.divmod(np.arange(net.n_cells), net.block_size)
    return v * n["Bp"] + block


def _recurrent_columns(net, n):
    """Columns of Y of the activations that recur, in the users' order."""
    if net.recurrence == "none":
        return np.zeros(0, np.int64)
    cells = n["y_c"] + _cells(net)
    if net.recurrence == "cells":
        return cells
    gates = np.arange(n["y_in"], n["y_c"])
    return np.concatenate([cells, gates, np.arange(net.n_hidden_units)])


def _index(net, n):
    """Place in the packed vector of each weight of the flat vector."""
    cells = _cells(net)
    recurrent = _recurrent_columns(net, n) - n["recurrent"]
    sources = np.concatenate(
        [
            n["w_input"] + np.arange(n["M"]) * n["Up"],
            n["w_recurrent"] + recurrent * n["Up"],
            [n["w_bias"]],
        ]
    )
    outputs = np.concatenate(
        [
            n["v_hidden"] + (n["N"] + cells) * n["Kp"],
            n["v_hidden"] + np.arange(n["N"]) * n["Kp"],
            n["v_input"] + np.arange(n["M"] * net.shortcut) * n["Kp"],
            [n["v_bias"]] * net.output_bias,
        ]
    ).astype(np.int64)
    units = {
        "cell": n["u_c"] + cells,
        "input_gate": n["u_in"] + np.arange(n["B"]),
        "forget_gate": n["u_forget"] + np.arange(n["B"]),
        "output_gate": n["u_out"] + np.arange(n["B"]),
        "hidden": n["u_n"] + np.arange(n["N"]),
        "output": np.arange(net.n_outputs),
    }
    peepholes = {
        "input_gate_peephole": n["w_peep_in"],
        "forget_gate_peephole": n["w_peep_forget"],
        "output_gate_peephole": n["w_peep_out"],
    }
    places = []
    for name, (_, columns) in net.weight_shapes.items():
        if name in peepholes:
            places.append(peepholes[name] + _cell_columns(net, n))
        else:
            source = outputs if name == "output" else sources
            places.append((units[name][:, np.newaxis] + source[:columns]).ravel())
    return np.concatenate(places)
