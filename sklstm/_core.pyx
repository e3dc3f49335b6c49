"""The memory-block step, its gradient, and the learning loops around them.

Hochreiter & Schmidhuber (1997), appendix A.1; forget gates of 2000, peepholes of 2002, full gradient.
docs/equations.md gives every equation (1)-(17) with its derivation. _kernel/shapes.pxd explains the
letters, and the order of rows, columns and vectors of blocks. _kernel/simd.h has the operations on
vectors.

This file is compiled once for each type and CPU level; `sklstm._cpu` chooses. Python allocates all
memory before learning begins, and the loops hold no lock.
"""

from libc.math cimport INFINITY, fabs, isfinite
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcmp, memcpy, memset

from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer,
)
from cython cimport critical_section

from weakref import ref

from sklstm._kernel.losses cimport LOGISTIC, SOFTMAX, IDENTITY, LINEAR, LOG_LOSS, SQUARED_ERROR
from sklstm._kernel.losses cimport output_activation, row_delta, row_loss
from sklstm._kernel.products cimport (
    BLAS_FROM, add_input_gradient, add_input_products, add_multiple, add_rows, add_sparse_row, product,
    product_from, touch, transpose,
)
from sklstm._kernel.shapes cimport MOST_KINDS, Arrays, Inputs, Packed, Shape, Squashing, Targets
from sklstm._kernel.simd cimport (
    HAS_FMA, LANES, all_, all_finite, first_lanes, flush_subnormals, fma, lane_of, load, logistic, prefetch,
    real, restore_mode, squash, store, vec,
)
from sklstm._kernel.solvers cimport ADAM, RATE, RPROP, SGD, Parameters, is_lazy, update_weights

cimport numpy as cnp
import numpy as np

cnp.import_array()


cdef extern from "Python.h":
    int PyErr_CheckSignals() noexcept

cdef extern from "cpu.h":
    int cpu_level() noexcept


OUTPUTS = {"logistic": LOGISTIC, "softmax": SOFTMAX, "identity": IDENTITY}
LOSSES = {"squared_error": SQUARED_ERROR, "log_loss": LOG_LOSS, "linear": LINEAR}
SOLVERS = {"sgd": SGD, "adam": ADAM, "rprop": RPROP}
LANES_OF_A_VECTOR = LANES
LEAST_OF_BLAS = BLAS_FROM
MOST_OF_KINDS = MOST_KINDS
FUSES = bool(HAS_FMA)
SUPPORTED_LEVEL = cpu_level()
DTYPE = np.dtype(np.float64 if sizeof(real) == 8 else np.float32)
cdef int TYPE = cnp.NPY_DOUBLE if sizeof(real) == 8 else cnp.NPY_FLOAT

# Numbers of rows, and sizes, up to which the data of a loop stay in the cache.
cdef enum:
    STEP_ROWS = 16, GRADIENT_ROWS = 256, GRADIENT_BYTES = 1 << 20, WIDE_BYTES = 128

# Numbers of dense inputs of a time step, and of a sequence, up to which x W is no product of its own; and the
# number of sequences whose steps are computed side by side.
cdef enum:
    FEW_INPUTS = 8, FEW_NUMBERS = 256, SIDE_BY_SIDE = 8

cdef double LOOK = 5e7                  # multiply-adds between two checks for Ctrl-C, less than 0.05 s


# ------------------------------------------------------------------------------------------------
# the memory block, forwards: one time step of some sequences
#

cdef inline vec squashed_by(const Squashing* f, vec x) noexcept nogil:
    return x if f.identity else squash(f.slope, f.scale, f.shift, x)


cdef inline vec slope_of(const Squashing* f, vec y) noexcept nogil:
    """f' from the value y = f(x)."""
    return fma(all_(f.gain) * (y - all_(f.low)), all_(f.high) - y, all_(f.one))


cdef inline vec add_peepholes(
    const Shape* n, Py_ssize_t b, const real* p, const real* s, vec net
) noexcept nogil:
    """net + sum_v p_v s_v, for the blocks from b on."""
    cdef Py_ssize_t v
    for v in range(n.S):
        net = fma(load(p + v * n.Bp + b), load(s + v * n.Bp + b), net)
    return net


cdef inline void gate(
    const Shape* n, Py_ssize_t rows, const real* net, const real* peepholes, const real* s, real* y
) noexcept nogil:
    """Activations of a gate of all blocks, y."""
    cdef Py_ssize_t row, i
    cdef vec net_gate
    for row in range(rows):
        for i in range(n.B_vectors):
            net_gate = load(net + row * n.d_row + i * LANES)
            if n.peepholes:
                net_gate = add_peepholes(n, i * LANES, peepholes, s + row * n.Cp, net_gate)
            store(y + row * n.y_row + i * LANES, logistic(net_gate))


# Each equation has its own loop over sequences and units: within a loop, independent operations are close
# together, and a processor looks no more than some hundred operations ahead. The last vector of a kind of
# unit reaches into the columns of the next kind in Y, which is written after it.


cdef inline void forward_step(
    const Shape* n, Py_ssize_t rows, const real* w, const real* net, const real* s_before,   # IN
    real* y, real* g, real* s, real* h,                     # OUT
) noexcept nogil:
    cdef Py_ssize_t row, i, b, v, c
    cdef vec y_in = all_(1), y_forget = all_(1), y_out = all_(1), state
    for row in range(rows):
        for i in range(n.N_vectors):
            b = i * LANES
            store(                                                                 # (7)
                y + row * n.y_row + n.y_n + b, logistic(load(net + row * n.d_row + n.u_n + b)))
    if n.has_in:
        gate(n, rows, net + n.u_in, w + n.w_peep_in, s_before, y + n.y_in)         # (2)
    if n.has_forget:
        gate(n, rows, net + n.u_forget, w + n.w_peep_forget, s_before, y + n.y_forget)   # (3)
    if n.has_out and not n.peepholes:
        gate(n, rows, net + n.u_out, w, s, y + n.y_out)                            # (5)
    for row in range(rows):
        for v in range(n.S):
            for i in range(n.B_vectors):
                b = i * LANES
                store(
                    g + row * n.Cp + v * n.Bp + b,
                    squashed_by(&n.g, load(net + row * n.d_row + n.u_c + v * n.B + b)))
    for row in range(rows):
        for v in range(n.S):
            for i in range(n.B_vectors):
                b = i * LANES
                c = row * n.Cp + v * n.Bp + b
                if n.has_in:
                    y_in = load(y + row * n.y_row + n.y_in + b)
                if n.has_forget:
                    y_forget = load(y + row * n.y_row + n.y_forget + b)
                state = fma(y_in, load(g + c), y_forget * load(s_before + c))      # (4)
                store(s + c, state)
                store(h + c, squashed_by(&n.h, state))
    if n.has_out and n.peepholes:                           # it reads the new states
        gate(n, rows, net + n.u_out, w + n.w_peep_out, s, y + n.y_out)             # (5)
    for row in range(rows):
        for v in range(n.S):
            for i in range(n.B_vectors):
                b = i * LANES
                if n.has_out:
                    y_out = load(y + row * n.y_row + n.y_out + b)
                store(                                                             # (6)
                    y + row * n.y_row + n.y_c + v * n.B + b, y_out * load(h + row * n.Cp + v * n.Bp + b))


# The same for a network that is so small that one vector holds each kind of unit. Its step is a chain of
# dependent operations: it is latency-bound. It is fast if the chain does not go through memory, and if the
# longest chain, from cell to cell, always begins first. Therefore, its net inputs are summed in registers,
# with the recurrent activations z of the previous time step last.


cdef inline void add_source(const Shape* n, real z, const real* w, vec* net) noexcept nogil:
    """Contribution of one source to the net inputs, a vector for each kind of unit."""                # (1)
    cdef int k
    cdef vec source = all_(z)
    for k in range(n.kinds):
        net[k] = fma(source, load(w + k * n.B), net[k])


cdef inline void add_cells(const Shape* n, const real* w, vec y, vec* net) noexcept nogil:
    """Contribution of one cell of each block, y."""
    cdef Py_ssize_t b
    for b in range(n.B):
        add_source(n, lane_of(y, <int>b), w, net)
        w += n.Up


cdef inline void forward_step_in_registers(
    const Shape* n, const real* w, const real* z, const real* s_before,   # IN
    vec* net,                                               # IN  x W + b; changed
    real* y, real* g, real* s, real* h,                     # OUT
    vec* y_0, vec* y_1,                                     # STATE y_c of the first two cells of each block
) noexcept nogil:
    cdef Py_ssize_t m
    cdef int v, c = n.has_out
    cdef int at_in = c + <int>n.S, at_forget = at_in + n.has_in
    cdef const real* w_m = w + n.w_recurrent
    cdef vec y_in = all_(1), y_forget = all_(1), y_out = all_(1)
    cdef vec[MOST_KINDS] squashed, state
    for m in range(n.R - n.C):                                                     # (1)
        add_source(n, z[m], w_m, net)
        w_m += n.Up
    if n.R:
        add_cells(n, w_m, y_0[0], net)
        if n.S > 1:
            add_cells(n, w_m + n.B * n.Up, y_1[0], net)
        for v in range(2, n.S):
            add_cells(n, w_m + v * n.B * n.Up, load(z + (n.R - n.C) + v * n.B), net)
    if n.peepholes and n.has_in:
        net[at_in] = add_peepholes(n, 0, w + n.w_peep_in, s_before, net[at_in])
    if n.peepholes and n.has_forget:
        net[at_forget] = add_peepholes(n, 0, w + n.w_peep_forget, s_before, net[at_forget])
    for v in range(n.S):
        squashed[v] = squashed_by(&n.g, net[c + v])
    if n.has_in:
        y_in = logistic(net[at_in])                                                # (2)
    if n.has_forget:
        y_forget = logistic(net[at_forget])                                        # (3)
    for v in range(n.S):
        state[v] = fma(y_in, squashed[v], y_forget * load(s_before + v * n.Bp))    # (4)
        store(g + v * n.Bp, squashed[v])
        store(s + v * n.Bp, state[v])
    for v in range(n.S):
        squashed[v] = squashed_by(&n.h, state[v])
        store(h + v * n.Bp, squashed[v])
    if n.has_out:
        if n.peepholes:                                     # they read the new states
            net[0] = add_peepholes(n, 0, w + n.w_peep_out, s, net[0])
        y_out = logistic(net[0])                                                   # (5)
    if n.N:
        store(y + n.y_n, logistic(net[n.kinds - 1]))                               # (7)
    if n.has_in:
        store(y + n.y_in, y_in)
    if n.has_forget:
        store(y + n.y_forget, y_forget)
    if n.has_out:
        store(y + n.y_out, y_out)
    for v in range(n.S):
        store(y + n.y_c + v * n.B, y_out * squashed[v])                            # (6)
    y_0[0] = y_out * squashed[0]
    y_1[0] = y_out * squashed[1] if n.S > 1 else y_0[0]


# ------------------------------------------------------------------------------------------------
# the memory block, backwards: each line follows the forward line that it differentiates
#
# `alone`: the contribution of the deltas of the next time step through the recurrent weights is added here,
# in registers; otherwise it is in e_after, with the columns of Y. NULL: there is none (truncated gradient).
# In both cases there are two independent sums: the deltas of output gates and cells, and the other deltas.


cdef inline vec error_of(
    const Shape* n, bint alone, Py_ssize_t column,
    const real* e_after, const Packed* p, const real* delta_after,
) noexcept nogil:
    """Errors at the activations of these columns of Y by the net inputs of the next time step."""    # (9)
    cdef Py_ssize_t u
    cdef const real* wt = p.at.wt + (column - n.recurrent)
    cdef vec total = all_(0), more = all_(0)
    if column < n.recurrent:                                # does not recur
        return total
    if not alone:
        return load(e_after + column) + load(e_after + p.sequences * n.y_row + column)
    for u in range(n.u_in):
        total = fma(all_(delta_after[u]), load(wt + u * n.Rp), total)
    for u in range(n.u_in, n.U):
        more = fma(all_(delta_after[u]), load(wt + u * n.Rp), more)
    return total + more


cdef inline void backward_step(
    const Shape* n, bint alone, bint full, const real* w,
    const real* e_after, const real* delta_after,           # IN  of the next time step; NULL: none
    const real* e_outputs,                                  # IN  (H,) errors at y_n, y_c by outputs, or NULL
    const Packed* p, Py_ssize_t row, Py_ssize_t row_before,   # IN  Y, G, S, HS; OUT D
    real* e_s,                                              # STATE (Cp,) error carried along the carousel
    real* grad,                                             # STATE the peepholes' part of the gradient
) noexcept nogil:
    cdef const real* y = p.at.Y + row * n.y_row
    cdef const real* g = p.at.G + row * n.Cp
    cdef const real* s = p.at.S + row * n.Cp
    cdef const real* h = p.at.HS + row * n.Cp
    cdef const real* s_before = p.at.S + row_before * n.Cp
    cdef real* delta = p.at.D + row * n.d_row
    cdef bint from_after = e_after != NULL or delta_after != NULL
    cdef Py_ssize_t i, b, v, c
    cdef vec one = all_(1), y_in, y_forget, y_out, e_y, error, sum_in, sum_forget, sum_out, d
    for i in range(n.B_vectors - 1, -1, -1):
        b = i * LANES                                       # first of these blocks
        y_in = load(y + n.y_in + b) if n.has_in else one
        y_forget = load(y + n.y_forget + b) if n.has_forget else one
        # y_c = y_out h(s)                                                          (6)
        d = all_(0)
        if from_after or e_outputs != NULL:
            y_out = load(y + n.y_out + b) if n.has_out else one
            sum_out = all_(0)
            if from_after and n.has_out:
                sum_out = error_of(n, alone, n.y_out + b, e_after, p, delta_after)
            for v in range(n.S):
                c = v * n.Bp + b
                e_y = all_(0)
                if from_after:
                    e_y = error_of(n, alone, n.y_c + v * n.B + b, e_after, p, delta_after)
                if e_outputs != NULL:
                    e_y = e_y + load(e_outputs + n.N + v * n.B + b)
                sum_out = fma(e_y, load(h + c), sum_out)
                store(e_s + c, fma(y_out * slope_of(&n.h, load(h + c)), e_y, load(e_s + c)))     # (9')
            d = sum_out * (y_out * (one - y_out))                                  # (10)
        if n.has_out:
            store(delta + n.u_out + b, first_lanes(d, n.B - b))
            if n.peepholes:
                for v in range(n.S):
                    c = v * n.Bp + b
                    add_lanes(grad + n.w_peep_out + c, d * load(s + c), n.B - b)   # (15)
                    if full:
                        store(e_s + c, fma(d, load(w + n.w_peep_out + c), load(e_s + c)))        # (9')
        # s = y_forget s_before + y_in g                                            (4)
        sum_in = sum_forget = all_(0)
        if from_after and n.has_in:
            sum_in = error_of(n, alone, n.y_in + b, e_after, p, delta_after)
        if from_after and n.has_forget:
            sum_forget = error_of(n, alone, n.y_forget + b, e_after, p, delta_after)
        for v in range(n.S):
            c = v * n.Bp + b
            error = load(e_s + c)
            d = error * (y_in * slope_of(&n.g, load(g + c)))                       # (11)
            store(delta + n.u_c + v * n.B + b, first_lanes(d, n.B - b))
            sum_in = fma(error, load(g + c), sum_in)
            if n.has_forget:
                sum_forget = fma(error, load(s_before + c), sum_forget)
                store(e_s + c, error * y_forget)                                   # (9')
        if n.has_in:
            d = sum_in * (y_in * (one - y_in))                                     # (12)
            store(delta + n.u_in + b, first_lanes(d, n.B - b))
            if n.peepholes:
                add_peephole_gradient(n, full, b, w, n.w_peep_in, d, s_before, e_s, grad)
        if n.has_forget:
            d = sum_forget * (y_forget * (one - y_forget))                         # (13)
            store(delta + n.u_forget + b, first_lanes(d, n.B - b))
            if n.peepholes:
                add_peephole_gradient(n, full, b, w, n.w_peep_forget, d, s_before, e_s, grad)
    # y_n = f(net_n)                                                                (7)
    for i in range(n.N_vectors):
        b = i * LANES                                       # first of these hidden units
        e_y = all_(0)
        if from_after:
            e_y = error_of(n, alone, n.y_n + b, e_after, p, delta_after)
        if e_outputs != NULL:
            e_y = e_y + load(e_outputs + b)
        d = load(y + n.y_n + b)
        d = e_y * (d * (one - d))                                                  # (14)
        store(delta + n.u_n + b, first_lanes(d, n.N - b))


cdef inline void add_lanes(real* x, vec more, Py_ssize_t lanes) noexcept nogil:
    """x += the first lanes of `more`."""
    store(x, load(x) + first_lanes(more, lanes))


cdef inline void add_peephole_gradient(
    const Shape* n, bint full, Py_ssize_t b, const real* w, Py_ssize_t peephole, vec d, const real* s_before,
    real* e_s, real* grad,
) noexcept nogil:
    """Add the gradient of net += p s_before to that of p and, if full, to the error at s_before."""
    cdef Py_ssize_t v, c
    for v in range(n.S):
        c = v * n.Bp + b
        add_lanes(grad + peephole + c, d * load(s_before + c), n.B - b)            # (15)
        if full:
            store(e_s + c, fma(d, load(w + peephole + c), load(e_s + c)))          # (9')


# ------------------------------------------------------------------------------------------------
# the gradient forwards: partials ds/dw, updated at each step (1997, appendix A.1; 2002, section 4)
#
# P has a row for each source, recurrent, bias, inputs, and in it ds_c/dw for the weights from this source to
#     net_c | net_in of c's block | net_forget of c's block          (C columns each)


cdef inline void decay_and_add(
    const Shape* n, real z, const real* decay, const real* gain, real* p
) noexcept nogil:
    """p = decay p + z gain, for a row of partials."""                             # (16)
    cdef Py_ssize_t j
    cdef vec source = all_(z)
    for j in range(n.Pp // LANES):
        store(
            p + j * LANES,
            fma(load(decay + j * LANES), load(p + j * LANES), source * load(gain + j * LANES)))


cdef inline void carry_partials(
    const Shape* n, const Packed* p, Py_ssize_t nz_lo, Py_ssize_t nz_hi   # row 0 before the step, row 1 after
) noexcept nogil:
    cdef const Inputs* inputs = &p.inputs
    cdef const real* y = p.at.Y + n.y_row
    cdef const real* g = p.at.G + n.Cp
    cdef const real* s_before = p.at.S
    cdef const real* z = p.at.Y + n.recurrent
    cdef real* decay = p.at.decay
    cdef real* gain = p.at.gain
    cdef real* row
    cdef Py_ssize_t i, v, b, c, peer
    cdef real y_in, y_forget
    for v in range(n.S):
        for b in range(n.B):
            c = v * n.B + b
            i = v * n.Bp + b
            y_in = y[n.y_in + b] if n.has_in else 1
            y_forget = y[n.y_forget + b] if n.has_forget else 1
            decay[c] = y_forget
            gain[c] = y_in * (n.g.gain * (g[i] - n.g.low) * (n.g.high - g[i]) + n.g.one)
            if n.has_in:
                decay[n.p_in + c] = y_forget
                gain[n.p_in + c] = g[i] * (y_in * (1 - y_in))
            if n.has_forget:
                decay[n.p_forget + c] = y_forget
                gain[n.p_forget + c] = s_before[i] * (y_forget * (1 - y_forget))
    for i in range(n.R):
        decay_and_add(n, z[i], decay, gain, p.at.P + i * n.Pp)
    decay_and_add(n, 1, decay, gain, p.at.P + n.R * n.Pp)
    row = p.at.P + (n.R + 1) * n.Pp
    if not inputs.sparse:
        for i in range(n.M):
            decay_and_add(n, inputs.x[i], decay, gain, row + i * n.Pp)
    else:
        if n.has_forget:
            for i in range(p.at.n_touched[0]):
                decay_and_add(n, 0, decay, gain, row + p.at.touched[i] * n.Pp)
        for i in range(nz_lo, nz_hi):
            add_multiple(n.Pp, inputs.values[i], gain, row + inputs.columns[i] * n.Pp)
    if n.peepholes:
        for peer in range(n.S):
            for v in range(n.S):
                for b in range(n.B):
                    c = v * n.B + b
                    i = peer * n.Cp + v * n.Bp + b
                    if n.has_in:
                        p.at.PP[i] = (                                             # (16)
                            decay[c] * p.at.PP[i] + s_before[peer * n.Bp + b] * gain[n.p_in + c])
                    i += n.S * n.Cp
                    if n.has_forget:
                        p.at.PP[i] = (
                            decay[c] * p.at.PP[i] + s_before[peer * n.Bp + b] * gain[n.p_forget + c])


cdef inline void immediate_errors(const Shape* n, const real* w, const Packed* p) noexcept nogil:
    """EH, ES and the deltas of row 1 of D, from the deltas of the output units of this step, OD."""
    cdef const real* y = p.at.Y + n.y_row
    cdef const real* h = p.at.HS + n.Cp
    cdef real* delta = p.at.D + n.d_row
    cdef real* e = p.at.EH
    cdef Py_ssize_t u, k, v, b, i
    cdef real y_out
    if n.is_layer:
        hidden_errors(n, p.at.OD, e)
    else:
        for u in range(n.H):
            e[u] = 0
            for k in range(n.K):
                e[u] += w[n.v_hidden + u * n.Kp + k] * p.at.OD[k]                  # (9)
    memset(delta, 0, n.Up * sizeof(real))
    for u in range(n.N):
        delta[n.u_n + u] = e[u] * (y[n.y_n + u] * (1 - y[n.y_n + u]))              # (14)
    for v in range(n.S):
        for b in range(n.B):
            i = v * n.Bp + b
            u = n.N + v * n.B + b
            y_out = y[n.y_out + b] if n.has_out else 1
            p.at.ES[i] = y_out * (n.h.gain * (h[i] - n.h.low) * (n.h.high - h[i]) + n.h.one) * e[u]   # (9')
            if n.has_out:
                delta[n.u_out + b] += h[i] * e[u]
    if n.has_out:
        for b in range(n.B):
            delta[n.u_out + b] *= y[n.y_out + b] * (1 - y[n.y_out + b])            # (10)


cdef inline void add_partials(const Shape* n, const real* e, const real* p, real* grad) noexcept nogil:
    """grad += e ds/dw for the weights from one source."""                         # (17)
    cdef Py_ssize_t v, b, c
    for c in range(n.C):
        grad[n.u_c + c] += e[c] * p[c]
    for v in range(n.S if n.has_in else 0):
        c = n.p_in + v * n.B
        for b in range(n.B):
            grad[n.u_in + b] += e[c + b] * p[c + b]
    for v in range(n.S if n.has_forget else 0):
        c = n.p_forget + v * n.B
        for b in range(n.B):
            grad[n.u_forget + b] += e[c + b] * p[c + b]


cdef inline void add_step_gradient(
    const Shape* n, const Packed* p, Py_ssize_t nz_lo, Py_ssize_t nz_hi, real* grad
) noexcept nogil:
    """Gradient of this step's error: delta z for output gates and hidden units, e_s ds/dw for the rest."""
    cdef const Inputs* inputs = &p.inputs
    cdef const real* z = p.at.Y + n.recurrent
    cdef const real* y = p.at.Y + n.y_row
    cdef const real* s = p.at.S + n.Cp
    cdef const real* delta = p.at.D + n.d_row
    cdef const real* od = p.at.OD
    cdef const real* rows = p.at.P
    cdef real* e = p.at.e
    cdef Py_ssize_t i, v, b, c, peer
    for v in range(n.S):
        for b in range(n.B):
            c = v * n.B + b
            e[c] = p.at.ES[v * n.Bp + b]
            if n.has_in:
                e[n.p_in + c] = e[c]
            if n.has_forget:
                e[n.p_forget + c] = e[c]
    for i in range(n.R):
        add_multiple(n.Up, z[i], delta, grad + n.w_recurrent + i * n.Up)
        add_partials(n, e, rows + i * n.Pp, grad + n.w_recurrent + i * n.Up)
    add_multiple(n.Up, 1, delta, grad + n.w_bias)
    add_partials(n, e, rows + n.R * n.Pp, grad + n.w_bias)
    clear_absent_weights(n, grad)
    rows += (n.R + 1) * n.Pp
    if not inputs.sparse:
        for i in range(n.M):
            add_multiple(n.Up, inputs.x[i], delta, grad + n.w_input + i * n.Up)
            add_partials(n, e, rows + i * n.Pp, grad + n.w_input + i * n.Up)
            if n.shortcut:
                add_multiple(n.Kp, inputs.x[i], od, grad + n.v_input + i * n.Kp)
    else:
        for i in range(nz_lo, nz_hi):
            c = inputs.columns[i]
            add_multiple(n.Up, inputs.values[i], delta, grad + n.w_input + c * n.Up)
            if n.shortcut:
                add_multiple(n.Kp, inputs.values[i], od, grad + n.v_input + c * n.Kp)
        for i in range(p.at.n_touched[0]):
            c = p.at.touched[i]
            add_partials(n, e, rows + c * n.Pp, grad + n.w_input + c * n.Up)
    if n.peepholes:
        for v in range(n.S):
            for b in range(n.B):
                i = v * n.Bp + b
                for peer in range(n.S):
                    if n.has_in:
                        grad[n.w_peep_in + peer * n.Bp + b] += (                   # (17)
                            e[v * n.B + b] * p.at.PP[peer * n.Cp + i])
                    if n.has_forget:
                        grad[n.w_peep_forget + peer * n.Bp + b] += (
                            e[v * n.B + b] * p.at.PP[(n.S + peer) * n.Cp + i])
                if n.has_out:
                    grad[n.w_peep_out + i] += delta[n.u_out + b] * s[i]
    if n.is_layer:
        return
    for i in range(n.N):                                                           # (15)
        add_multiple(n.Kp, y[n.y_n + i], od, grad + n.v_hidden + i * n.Kp)
    for i in range(n.C):
        add_multiple(n.Kp, y[n.y_c + i], od, grad + n.v_hidden + (n.N + i) * n.Kp)
    if n.output_bias:
        add_multiple(n.Kp, 1, od, grad + n.v_bias)


# ------------------------------------------------------------------------------------------------
# a packed batch: rows of time 0 (the initial state) of all sequences, then time 1 of all, time 2 of those
# that are long enough, and so on. `first[t]` is the first row of time t; that of sequence i is first[t] + i.


cdef void arrange(
    const Shape* n, const int64_t[::1] start, const int64_t[::1] length, const int64_t[::1] target,
    Py_ssize_t lo, Py_ssize_t hi, Packed* p,                # IN  the sequences lo..hi, the longest first; OUT
) noexcept nogil:
    """Arranges sequences in rows."""
    cdef Py_ssize_t t, i, m = 0, active = hi - lo, row = hi - lo
    cdef Arrays* at = &p.at
    p.sequences = hi - lo
    p.T = length[lo]
    at.first[0] = 0
    if p.sequences == 1:                                    # the same as below, without a branch per step
        for t in range(p.T):
            at.first[t + 1] = t + 1
            at.step[t] = start[lo] + t
        if n.every_step:
            for t in range(p.T):
                at.target_row[t] = t + 1
                at.target[t] = target[lo] + t
        row = p.T + 1
        m = p.T
    for t in range(1, p.T + 1 if p.sequences > 1 else 0):
        while length[lo + active - 1] < t:
            active -= 1
        at.first[t] = row
        for i in range(active):
            at.step[row - p.sequences + i] = start[lo + i] + t - 1
            if n.every_step:
                at.target_row[m] = row + i
                at.target[m] = target[lo + i] + t - 1
                m += 1
        row += active
    at.first[p.T + 1] = row
    p.rows = row
    if not n.every_step:
        for i in range(p.sequences):
            at.target_row[i] = at.first[length[lo + i]] + i
            at.target[i] = target[lo + i]
        m = p.sequences
    p.targets = m


cdef void pack(
    const Shape* n, const Inputs* data, const int64_t[::1] start, const int64_t[::1] length,
    const int64_t[::1] target, Py_ssize_t lo, Py_ssize_t hi, Packed* p,
) noexcept nogil:
    """Arranges sequences in rows, including their inputs."""
    cdef Py_ssize_t i, t, j
    cdef const real* x
    cdef real* row
    arrange(n, start, length, target, lo, hi, p)
    p.inputs = data[0]
    p.inputs.step = p.at.step
    if data.sparse:
        return
    if p.sequences == 1:                                    # no copy: the inputs are contiguous
        p.inputs.x = data.x + start[lo] * n.M
        return
    p.inputs.x = p.at.XG
    for i in range(p.sequences):                            # in the order of memory
        x = data.x + start[lo + i] * n.M
        for t in range(1, length[lo + i] + 1):
            row = p.at.XG + (p.at.first[t] + i - p.sequences) * n.M
            for j in range(n.M):
                row[j] = x[j]
            prefetch(x + length[lo + i] * n.M)              # in the next window of `forward`
            x += n.M


cdef void reset_state(const Shape* n, Py_ssize_t sequences, const Arrays* at) noexcept nogil:
    """Sets all activations and states before the first step to zero."""
    cdef Py_ssize_t i
    for i in range(sequences):
        memset(at.Y + i * n.y_row + n.recurrent, 0, n.R * sizeof(real))
    memset(at.S, 0, sequences * n.Cp * sizeof(real))


cdef inline bint interrupted(double* done, double more) noexcept nogil:
    """Counts multiply-adds, and checks for Ctrl-C at times. If true, a Python exception is set."""
    done[0] += more
    if done[0] < LOOK:
        return False
    done[0] = 0
    with gil:
        return PyErr_CheckSignals() != 0


cdef int raise_it() except -1:
    """Raise the exception that is set."""
    return -1


cdef inline void net_inputs(
    const Shape* n, const Packed* p, Py_ssize_t row, Py_ssize_t rows, const real* w, real* D
) noexcept nogil:
    """x W + b, for the rows of X from `row` on."""                                # (1)
    cdef Py_ssize_t i
    if p.inputs.sparse:
        for i in range(rows):
            memcpy(D + i * n.d_row, w + n.w_bias, n.Up * sizeof(real))
            add_sparse_row(&p.inputs, p.inputs.step[row + i], n.Up, w + n.w_input, D + i * n.d_row)
        return
    product_from(
        rows, n.Up, n.M, w + n.w_bias, 0, p.inputs.x + row * n.M, n.M, 1, w + n.w_input, n.Up, D, n.d_row)


cdef inline bint is_by_time(const Shape* n, const Packed* p) noexcept nogil:
    """Whether x W + b is computed for each time separately, so that rows stay in the cache, or for all times.

    W is then read at each time. This is faster unless W has more rows than the net inputs, which otherwise
    are written, read and written again in distant memory. The bits are the same.
    """
    return p.sequences >= STEP_ROWS and (p.inputs.sparse or n.M <= 4 * p.sequences)


cdef inline bint adds_inputs(const Shape* n, const Packed* p) noexcept nogil:
    """Whether the steps of a sequence in registers compute x W + b themselves; otherwise it is in D.

    The processor does this while the previous time step is under way. For many dense inputs, one product for
    all time steps is as fast.
    """
    return p.inputs.sparse or n.M <= FEW_INPUTS or n.M * p.T <= FEW_NUMBERS


cdef inline void forward_alone_as(
    const Shape n, const Packed* p, Py_ssize_t lo, Py_ssize_t hi, const real* w
) noexcept nogil:
    """Time steps lo + 1..hi of one sequence; only the rows that are kept go to memory."""
    cdef Inputs inputs = p.inputs
    cdef bint adds = adds_inputs(&n, p), is_sparse = adds and inputs.sparse
    cdef Py_ssize_t t, i, start_row = 0 if adds else n.d_row
    cdef Py_ssize_t n_dense = n.M if adds and not inputs.sparse else 0
    cdef const real* start = w + n.w_bias if adds else p.at.D + (lo + 1) * n.d_row
    cdef int k
    cdef int64_t step
    cdef real* Y = p.at.Y + lo * n.y_row
    cdef real* G = p.at.G + lo * n.Cp
    cdef real* S = p.at.S + lo * n.Cp
    cdef real* HS = p.at.HS + lo * n.Cp
    cdef vec[MOST_KINDS] net
    cdef vec y_0 = load(Y + n.y_c), y_1 = load(Y + n.y_c + (n.B if n.S > 1 else 0))
    for t in range(lo, hi):
        for k in range(n.kinds):
            net[k] = load(start + k * n.B)
        for i in range(n_dense):                                                   # (1)
            add_source(&n, inputs.x[t * n.M + i], w + n.w_input + i * n.Up, net)
        if is_sparse:
            step = inputs.step[t]
            for i in range(inputs.indptr[step], inputs.indptr[step + 1]):
                add_source(&n, inputs.values[i], w + n.w_input + inputs.columns[i] * n.Up, net)
        start += start_row
        forward_step_in_registers(
            &n, w, Y + n.recurrent, S, net, Y + n.y_row, G + n.Cp, S + n.Cp, HS + n.Cp, &y_0, &y_1)
        Y += n.y_row
        G += n.Cp
        S += n.Cp
        HS += n.Cp


# Usual small networks: they have input and output gates, and
cdef enum:
    ANOTHER, ONE_CELL, TWO_CELLS,       # forget gates, one or two cells per block
    ONE_CELL_1997, TWO_CELLS_1997,      # no forget gates
    WITH_PEEPHOLES, WITH_HIDDEN_UNITS   # forget gates, one cell per block


cdef inline int usual_network(const Shape* n) noexcept nogil:
    if not (n.has_in and n.has_out and n.S <= 2) or (n.peepholes and n.N):
        return ANOTHER
    if n.peepholes or n.N:
        if not (n.has_forget and n.S == 1):
            return ANOTHER
        return WITH_PEEPHOLES if n.peepholes else WITH_HIDDEN_UNITS
    if n.has_forget:
        return ONE_CELL if n.S == 1 else TWO_CELLS
    return ONE_CELL_1997 if n.S == 1 else TWO_CELLS_1997


cdef inline void fix_kinds(int usual, Shape* n) noexcept nogil:
    """Sets the kinds of units of a usual network, so that code that is compiled for it needs no branches."""
    n.has_in = n.has_out = 1
    n.S = 2 if usual == TWO_CELLS or usual == TWO_CELLS_1997 else 1
    n.has_forget = usual != ONE_CELL_1997 and usual != TWO_CELLS_1997
    n.peepholes = usual == WITH_PEEPHOLES
    if usual != WITH_HIDDEN_UNITS:
        n.N = n.N_vectors = 0


cdef inline void fix(int usual, Shape* n) noexcept nogil:
    """The same, where one vector holds each kind."""
    fix_kinds(usual, n)
    n.B_vectors = 1
    n.N_vectors = usual == WITH_HIDDEN_UNITS
    n.kinds = <int>(2 + n.S + n.has_forget + n.N_vectors)


cdef void forward_alone(
    const Shape* n_, const Packed* p, Py_ssize_t lo, Py_ssize_t hi, const real* w
) noexcept nogil:
    """The same, compiled for each of the usual networks."""
    cdef Shape n = n_[0]
    cdef int usual = usual_network(&n)
    if usual == ONE_CELL:
        fix(ONE_CELL, &n)
        forward_alone_as(n, p, lo, hi, w)
    elif usual == TWO_CELLS:
        fix(TWO_CELLS, &n)
        forward_alone_as(n, p, lo, hi, w)
    elif usual == ONE_CELL_1997:
        fix(ONE_CELL_1997, &n)
        forward_alone_as(n, p, lo, hi, w)
    elif usual == TWO_CELLS_1997:
        fix(TWO_CELLS_1997, &n)
        forward_alone_as(n, p, lo, hi, w)
    elif usual == WITH_PEEPHOLES:
        fix(WITH_PEEPHOLES, &n)
        forward_alone_as(n, p, lo, hi, w)
    elif usual == WITH_HIDDEN_UNITS:
        fix(WITH_HIDDEN_UNITS, &n)
        forward_alone_as(n, p, lo, hi, w)
    else:
        forward_alone_as(n, p, lo, hi, w)


cdef inline void forward_rows_as(
    const Shape n, Py_ssize_t rows, Py_ssize_t row, Py_ssize_t lag, const real* w, const real* net,
    const Arrays* at,
) noexcept nogil:
    """One time step of some sequences, whose rows begin at `row`; the previous step is `lag` rows above."""
    cdef Py_ssize_t some
    while rows > 0:
        some = min(rows, <Py_ssize_t>SIDE_BY_SIDE)
        forward_step(
            &n, some, w, net, at.S + (row - lag) * n.Cp, at.Y + row * n.y_row, at.G + row * n.Cp,
            at.S + row * n.Cp, at.HS + row * n.Cp)
        net += some * n.d_row
        row += some
        rows -= some


cdef void forward_rows(
    const Shape* n_, Py_ssize_t rows, Py_ssize_t row, Py_ssize_t lag, const real* w, const real* net,
    const Arrays* at,
) noexcept nogil:
    """The same, compiled once more for the networks of today."""
    cdef Shape n = n_[0]
    if usual_network(&n) == ONE_CELL:
        fix_kinds(ONE_CELL, &n)
        forward_rows_as(n, rows, row, lag, w, net, at)
    else:
        forward_rows_as(n, rows, row, lag, w, net, at)


cdef bint forward_packed(const Shape* n, Packed* p, const real* w, double* done) noexcept nogil:
    """Activations and states from the inputs; rows of time 0 hold the initial state. True: interrupted."""
    cdef Arrays* at = &p.at
    cdef int64_t* first = at.first
    cdef Py_ssize_t t, row, rows
    cdef double madds = (n.M + n.R) * n.Up + 30. * n.Up
    cdef bint by_time = is_by_time(n, p), alone = p.sequences == 1 and n.in_registers
    cdef real* net
    if not by_time and not (alone and adds_inputs(n, p)):
        net_inputs(n, p, 0, p.rows - p.sequences, w, at.D + p.sequences * n.d_row)
    if alone:
        return forward_stretches(n, p, w, done)
    for t in range(1, p.T + 1):
        row = first[t]
        rows = first[t + 1] - row
        net = at.D + row * n.d_row
        if by_time:
            net_inputs(n, p, row - p.sequences, rows, w, net)
        if n.R:
            product(                                                               # (1)
                rows, n.Up, n.R, at.Y + first[t - 1] * n.y_row + n.recurrent, n.y_row, 1,
                w + n.w_recurrent, n.Up, net, n.d_row)
        forward_rows(n, rows, row, row - first[t - 1], w, net, at)
        if interrupted(done, rows * madds):
            return True
    return False


cdef bint forward_stretches(const Shape* n, const Packed* p, const real* w, double* done) noexcept nogil:
    """All time steps of one sequence, with checks for Ctrl-C."""
    cdef double madds = (n.M + n.R) * n.Up + 30. * n.Up
    cdef Py_ssize_t t = 0, many = <Py_ssize_t>(LOOK / madds), some
    while t < p.T:
        some = min(p.T - t, many)
        forward_alone(n, p, t, t + some, w)
        t += some
        if interrupted(done, some * madds):
            return True
    return False


# ------------------------------------------------------------------------------------------------
# the gradient of a packed batch


cdef void add_recurrent_gradient(
    const Shape* n, const Packed* p, Py_ssize_t t, Py_ssize_t T, real* grad
) noexcept nogil:
    """grad += y(t-1).T delta(t) for the times t..T, in as few products as the rows allow."""
    cdef const int64_t* first = p.at.first
    cdef Py_ssize_t until, rows
    while t <= T:
        rows = first[t + 1] - first[t]
        until = t + 1 if p.sequences > 1 else T + 1
        if first[t] - first[t - 1] == rows:             # the rows of time t follow those of t - 1 one to one
            while until <= T and first[until + 1] - first[until] == rows:
                until += 1
        product(
            n.R, n.Up, first[until] - first[t], p.at.Y + first[t - 1] * n.y_row + n.recurrent, 1, n.y_row,
            p.at.D + first[t] * n.d_row, n.d_row, grad + n.w_recurrent, n.Up)      # (15)
        t = until


cdef inline void clear_absent_weights(const Shape* n, real* grad) noexcept nogil:
    """Weights that have a place but no connection: biases, and recurrence into cells and hidden units."""
    cdef real* b = grad + n.w_bias
    cdef real* row
    cdef Py_ssize_t i
    if n.gates_only:
        for i in range(n.R):
            row = grad + n.w_recurrent + i * n.Up
            memset(row + n.u_c, 0, n.C * sizeof(real))
            memset(row + n.u_n, 0, n.N * sizeof(real))
    if not n.gate_bias:
        memset(b + n.u_out, 0, n.has_out * n.B * sizeof(real))
        memset(b + n.u_in, 0, n.has_in * n.B * sizeof(real))
        memset(b + n.u_forget, 0, n.has_forget * n.B * sizeof(real))
    if not n.cell_bias:
        memset(b + n.u_c, 0, n.C * sizeof(real))
        memset(b + n.u_n, 0, n.N * sizeof(real))


cdef void add_gradient(
    const Shape* n, const Packed* p, Py_ssize_t t, Py_ssize_t T, real* grad
) noexcept nogil:
    """Gradient from the deltas of the times t..T, except that of output units and peepholes."""       # (15)
    cdef Py_ssize_t lo = p.at.first[t], rows = p.at.first[T + 1] - lo
    cdef const real* D = p.at.D + lo * n.d_row
    if n.R:
        add_recurrent_gradient(n, p, t, T, grad)
    if n.cell_bias or n.gate_bias:
        add_rows(rows, n.Up, D, n.d_row, grad + n.w_bias)
    if n.gates_only or n.cell_bias or n.gate_bias:
        clear_absent_weights(n, grad)
    add_input_gradient(&p.inputs, lo - p.sequences, rows, n.M, n.Up, D, n.d_row, grad + n.w_input)


cdef inline void backward_alone_as(
    const Shape n, const Packed* p, bint full, Py_ssize_t lo, Py_ssize_t hi, const real* w, real* grad,
) noexcept nogil:
    """Time steps hi..lo + 1 of one sequence, the last one first."""
    cdef Py_ssize_t t
    cdef const real* e_outputs
    cdef const real* after
    for t in range(hi, lo, -1):
        e_outputs = NULL
        if n.every_step or p.at.target_row[0] == t:
            e_outputs = p.at.EH + (t - 1 if n.every_step else 0) * n.Hp
        after = p.at.D + (t + 1) * n.d_row if full and n.R and t < p.T else NULL
        backward_step(&n, True, full, w, NULL, after, e_outputs, p, t, t - 1, p.at.ES, grad)


cdef void backward_alone(
    const Shape* n_, const Packed* p, bint full, Py_ssize_t lo, Py_ssize_t hi, const real* w, real* grad,
) noexcept nogil:
    """The same, compiled for the usual networks: for 1997 the truncated gradient, for the others both."""
    cdef Shape n = n_[0]
    cdef int usual = usual_network(&n)
    if usual == ONE_CELL and full:
        fix(ONE_CELL, &n)
        backward_alone_as(n, p, True, lo, hi, w, grad)
    elif usual == WITH_PEEPHOLES and full:
        fix(WITH_PEEPHOLES, &n)
        backward_alone_as(n, p, True, lo, hi, w, grad)
    elif usual == WITH_HIDDEN_UNITS and full:
        fix(WITH_HIDDEN_UNITS, &n)
        backward_alone_as(n, p, True, lo, hi, w, grad)
    elif usual == ONE_CELL:
        fix(ONE_CELL, &n)
        backward_alone_as(n, p, False, lo, hi, w, grad)
    elif usual == TWO_CELLS and not full:
        fix(TWO_CELLS, &n)
        backward_alone_as(n, p, False, lo, hi, w, grad)
    elif usual == ONE_CELL_1997 and not full:
        fix(ONE_CELL_1997, &n)
        backward_alone_as(n, p, False, lo, hi, w, grad)
    elif usual == TWO_CELLS_1997 and not full:
        fix(TWO_CELLS_1997, &n)
        backward_alone_as(n, p, False, lo, hi, w, grad)
    else:
        backward_alone_as(n, p, full, lo, hi, w, grad)


cdef inline void backward_rows_as(
    const Shape n, const Packed* p, bint full, Py_ssize_t t, Py_ssize_t target, const real* w, real* grad,
) noexcept nogil:
    """One time step of a packed batch; `target` is the first target of this time, if every step has one."""
    cdef Py_ssize_t i, j, row = p.at.first[t]
    cdef const real* e_outputs
    cdef const real* e_after
    for i in range(p.at.first[t + 1] - row):
        j = target + i if n.every_step else i
        e_outputs = p.at.EH + j * n.Hp if p.at.target_row[j] == row + i else NULL
        e_after = p.at.E + i * n.y_row if full and n.R else NULL
        backward_step(
            &n, False, full, w, e_after, NULL, e_outputs, p, row + i, p.at.first[t - 1] + i,
            p.at.ES + i * n.Cp, grad)


cdef void backward_rows(
    const Shape* n_, const Packed* p, bint full, Py_ssize_t t, Py_ssize_t target, const real* w, real* grad,
) noexcept nogil:
    """The same, compiled once more for the networks of today."""
    cdef Shape n = n_[0]
    if usual_network(&n) == ONE_CELL:
        fix_kinds(ONE_CELL, &n)
        backward_rows_as(n, p, full, t, target, w, grad)
    else:
        backward_rows_as(n, p, full, t, target, w, grad)


cdef void recurrent_errors(const Shape* n, const Packed* p, Py_ssize_t row, Py_ssize_t rows) noexcept nogil:
    """Errors at the activations of the previous time step, in two sums, from the deltas of these rows."""
    cdef const real* delta = p.at.D + row * n.d_row
    cdef real* e = p.at.E + n.recurrent
    cdef real* more = e + p.sequences * n.y_row
    product_from(rows, n.Rp, n.u_in, p.at.zeros, 0, delta, n.d_row, 1, p.at.wt, n.Rp, e, n.y_row)  # (9)
    product_from(
        rows, n.Rp, n.U - n.u_in, p.at.zeros, 0, delta + n.u_in, n.d_row, 1, p.at.wt + n.u_in * n.Rp, n.Rp,
        more, n.y_row)


cdef bint backward_packed(
    const Shape* n, const Packed* p, bint full, const real* w, real* grad, double* done
) noexcept nogil:
    """Errors back through time: D, and the gradient without that of output units. True: interrupted.

    E and ES end as the errors at the initial activations and states, a row of E per sequence.
    """
    cdef const Arrays* at = &p.at
    cdef const int64_t* first = at.first
    cdef Py_ssize_t t, active, some, until = p.T, at_once = p.rows, target = p.targets
    cdef double madds = 2. * n.R * n.Up + n.M * n.Up + 30. * n.Up
    memset(at.E, 0, 2 * p.sequences * n.y_row * sizeof(real))
    memset(at.ES, 0, p.sequences * n.Cp * sizeof(real))
    if p.sequences == 1 and n.in_registers:
        t = p.T
        while t > 0:
            some = min(t, <Py_ssize_t>(LOOK / madds))
            backward_alone(n, p, full, t - some, t, w, grad)
            t -= some
            if interrupted(done, some * madds):
                return True
        add_gradient(n, p, 1, p.T, grad)
    else:
        if n.Up * sizeof(real) > WIDE_BYTES and n.R * n.Up * sizeof(real) <= GRADIENT_BYTES:
            at_once = GRADIENT_ROWS                         # the gradient stays in the cache, too
        for t in range(p.T, 0, -1):
            active = first[t + 1] - first[t]
            target -= active
            backward_rows(n, p, full, t, target, w, grad)
            if full and n.R and t > 1:
                recurrent_errors(n, p, first[t], active)
            if t == 1 or first[until + 1] - first[t] >= at_once:
                add_gradient(n, p, t, until, grad)
                until = t - 1
            if interrupted(done, active * madds):
                return True
    memset(at.E, 0, p.sequences * n.y_row * sizeof(real))
    if full and n.R:
        recurrent_errors(n, p, p.sequences, p.sequences)
        add_multiple(p.sequences * n.y_row, 1, at.E + p.sequences * n.y_row, at.E)
    return False


cdef void transpose_weights(const Shape* n, bint full, const real* w, real* wt) noexcept nogil:
    """Transposes the two matrices that the backward pass reads by columns."""
    if full and n.R:
        transpose(n.R, n.U, w + n.w_recurrent, n.Up, wt, n.Rp)
    if not n.is_layer:
        transpose(n.H, n.K, w + n.v_hidden, n.Kp, wt + n.U * n.Rp, n.Hp)


# ------------------------------------------------------------------------------------------------
# the output units of a packed batch. Their sources y_n and y_c are in the rows of Y (a target at every step),
# or are copied to HR. A layer has no output units: its outputs are y_c and y_n, in the users' order.


cdef inline void hidden_outputs(const Shape* n, const real* y, real* out) noexcept nogil:
    """Outputs of a layer."""
    cdef Py_ssize_t b, v
    if n.S == 1:
        memcpy(out, y + n.y_c, n.C * sizeof(real))
    else:
        for v in range(n.S):
            for b in range(n.B):
                out[b * n.S + v] = y[n.y_c + v * n.B + b]
    memcpy(out + n.C, y + n.y_n, n.N * sizeof(real))


cdef inline void hidden_errors(const Shape* n, const real* errors, real* e) noexcept nogil:
    """Errors at y_n and y_c, from errors at the outputs of a layer."""
    cdef Py_ssize_t b, v
    memcpy(e, errors + n.C, n.N * sizeof(real))
    for v in range(n.S):
        for b in range(n.B):
            e[n.N + v * n.B + b] = errors[b * n.S + v]


cdef inline void output_net_inputs(
    const Shape* n, Py_ssize_t rows, const real* y, const real* w, real* O
) noexcept nogil:
    """Net inputs of the output units after these rows of Y, without the shortcut."""                 # (8)
    cdef Py_ssize_t i, start_row = 0
    cdef const real* start = w + n.v_bias
    if n.is_layer:
        for i in range(rows):
            hidden_outputs(n, y + i * n.y_row, O + i * n.Kp)
        return
    if n.N:
        product_from(rows, n.Kp, n.N, start, 0, y + n.y_n, n.y_row, 1, w + n.v_hidden, n.Kp, O, n.Kp)
        start, start_row = O, n.Kp
    product_from(
        rows, n.Kp, n.C, start, start_row, y + n.y_c, n.y_row, 1, w + n.v_hidden + n.N * n.Kp, n.Kp, O, n.Kp)


cdef void forward_outputs(const Shape* n, Packed* p, const real* w) noexcept nogil:
    """Net inputs of the output units, O."""                                       # (8)
    cdef Arrays* at = &p.at
    cdef Py_ssize_t j
    cdef const real* y
    if n.every_step:
        output_net_inputs(n, p.targets, at.Y + p.sequences * n.y_row, w, at.O)
    elif n.is_layer:
        for j in range(p.targets):
            hidden_outputs(n, at.Y + at.target_row[j] * n.y_row, at.O + j * n.Kp)
    else:
        for j in range(p.targets):
            y = at.Y + at.target_row[j] * n.y_row
            memcpy(at.HR + j * n.Hp, y + n.y_n, n.N * sizeof(real))
            memcpy(at.HR + j * n.Hp + n.N, y + n.y_c, n.C * sizeof(real))
        product_from(
            p.targets, n.Kp, n.H, w + n.v_bias, 0, at.HR, n.Hp, 1, w + n.v_hidden, n.Kp, at.O, n.Kp)
    if n.shortcut:
        if n.every_step:
            add_input_products(&p.inputs, 0, p.targets, n.M, n.Kp, w + n.v_input, at.O, n.Kp)
            return
        for j in range(p.targets):
            add_input_products(
                &p.inputs, at.target_row[j] - p.sequences, 1, n.M, n.Kp, w + n.v_input, at.O + j * n.Kp, n.Kp)


cdef void add_output_gradient(const Shape* n, const Packed* p, real* grad) noexcept nogil:
    cdef const Arrays* at = &p.at
    cdef Py_ssize_t j
    cdef const real* y
    if n.is_layer:
        return
    if n.every_step:                                                               # (15)
        y = at.Y + p.sequences * n.y_row
        if n.N:
            product(n.N, n.Kp, p.targets, y + n.y_n, 1, n.y_row, at.OD, n.Kp, grad + n.v_hidden, n.Kp)
        product(
            n.C, n.Kp, p.targets, y + n.y_c, 1, n.y_row, at.OD, n.Kp, grad + n.v_hidden + n.N * n.Kp, n.Kp)
    else:
        product(n.H, n.Kp, p.targets, at.HR, 1, n.Hp, at.OD, n.Kp, grad + n.v_hidden, n.Kp)
    if n.output_bias:
        add_rows(p.targets, n.Kp, at.OD, n.Kp, grad + n.v_bias)
    if n.shortcut:
        if n.every_step:
            add_input_gradient(&p.inputs, 0, p.targets, n.M, n.Kp, at.OD, n.Kp, grad + n.v_input)
            return
        for j in range(p.targets):
            add_input_gradient(
                &p.inputs, at.target_row[j] - p.sequences, 1, n.M, n.Kp, at.OD + j * n.Kp, n.Kp,
                grad + n.v_input)


cdef inline double target_weight(const Shape* n, const Targets* targets, Py_ssize_t target) noexcept nogil:
    """Weight of a target; if each output has its own weight, their mean."""
    cdef Py_ssize_t k
    cdef double total = 0
    if not targets.each_output:
        return targets.weight[target]
    for k in range(n.K):
        total += targets.weight[target * n.K + k]
    return total / n.K


cdef inline bint misses(
    const Shape* n, const Targets* targets, Py_ssize_t target, const real* y, double limit
) noexcept nogil:
    """Whether an output of this row differs from its target by `limit` or more."""
    cdef Py_ssize_t k
    for k in range(n.K):
        if targets.each_output and targets.weight[target * n.K + k] == 0:
            continue
        if fabs(<double>y[k] - targets.y[target * n.K + k]) >= limit:
            return True
    return False


cdef double output_errors(
    const Shape* n, Packed* p, const Targets* targets, double scale, real[:, ::1] record
) noexcept nogil:
    """Loss, deltas OD, and errors EH at y_n and y_c, from the net inputs of the output units."""
    cdef Arrays* at = &p.at
    cdef Py_ssize_t j, target
    cdef double value = 0
    for j in range(p.targets):                              # one loop for each: rows overlap
        output_activation(n, at.O + j * n.Kp, at.A + j * n.Kp)                     # (8)
    for j in range(p.targets):
        target = at.target[j]
        if targets.each_output or targets.weight[target] != 0:
            value += row_loss(n, targets, target, at.O + j * n.Kp, at.A + j * n.Kp)
    for j in range(p.targets):
        target = at.target[j]
        if not targets.each_output and targets.weight[target] == 0:
            memset(at.OD + j * n.Kp, 0, n.Kp * sizeof(real))
            continue
        row_delta(n, targets, target, scale, at.A + j * n.Kp, at.OD + j * n.Kp)    # (8')
        if record.shape[0]:
            memcpy(&record[target, 0], at.A + j * n.Kp, n.K * sizeof(real))
    if n.is_layer:
        for j in range(p.targets):
            hidden_errors(n, at.OD + j * n.Kp, at.EH + j * n.Hp)
    else:
        product_from(                                                              # (9)
            p.targets, n.Hp, n.K, at.zeros, 0, at.OD, n.Kp, 1, at.wt + n.U * n.Rp, n.Hp, at.EH, n.Hp)
    return value


cdef double loss_and_gradient(
    const Shape* n, Packed* p, const Targets* targets, bint full, double scale,
    const real* w, real* grad, real[:, ::1] record, double* done, bint* stopped,
) noexcept nogil:
    """Weighted loss of a packed batch; adds `scale` times its gradient to `grad`."""
    stopped[0] = forward_packed(n, p, w, done)
    if stopped[0]:
        return 0
    forward_outputs(n, p, w)
    return errors_to_gradient(n, p, targets, full, scale, w, grad, record, done, stopped)


cdef double errors_to_gradient(
    const Shape* n, Packed* p, const Targets* targets, bint full, double scale,
    const real* w, real* grad, real[:, ::1] record, double* done, bint* stopped,
) noexcept nogil:
    """The same after a forward pass."""
    cdef double value
    value = output_errors(n, p, targets, scale, record)
    stopped[0] = backward_packed(n, p, full, w, grad, done)
    if not stopped[0]:
        add_output_gradient(n, p, grad)
    return value


# ------------------------------------------------------------------------------------------------
# objects that Python holds: sizes, data, arrays, weights


def fill(fields, dict numbers):
    """Fill an array of a struct by the names of its fields; `numbers` has a dict for each inner struct."""
    for name in fields.dtype.names:
        if isinstance(numbers[name], dict):
            fill(fields[name], numbers[name])
        else:
            fields[name] = numbers[name]


cdef class Plan:
    """Sizes and offsets of one network, as a struct made from a dict of numbers (`layout`).

    Parameters
    ----------
    layout : dict
    recurrent, cells : ndarray of int64
        Columns of Y and of S in the users' order.
    """

    cdef Shape shape
    cdef const int64_t[::1] recurrent, cells

    def __init__(self, dict layout, recurrent, cells):
        fill(np.asarray(<Shape[:1]> &self.shape), layout)
        self.recurrent, self.cells = recurrent, cells

    def __reduce__(self):
        raise TypeError("a plan belongs to the CPU level of its process")


def zeros(*shape):
    """Array of zeros that is aligned to whole vectors and has a spare vector behind its end."""
    cdef Py_ssize_t size = 1, at, item = sizeof(real)
    for length in shape:
        size *= length
    raw = np.zeros((size + LANES) * item + 64, np.uint8)
    at = -raw.ctypes.data % 64
    return raw[at:at + size * item].view(DTYPE).reshape(shape)


cdef real* address(array) except NULL:
    """Pointer to the data of an array of this module's type; the array must outlive its use."""
    cdef Py_buffer view
    PyObject_GetBuffer(array, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
    cdef real* at = <real*>view.buf
    cdef bint fits = view.itemsize == sizeof(real) and view.format[0] == (c'd' if sizeof(real) == 8 else c'f')
    PyBuffer_Release(&view)
    if not fits:
        raise TypeError(f"expected {DTYPE}")
    return at


cdef class Data:
    """Inputs, targets and weights of all sequences, in the form of the kernel.

    Parameters
    ----------
    plan : Plan
    X : ndarray of shape (n_steps, n_features), or tuple (values, columns, indptr) of a CSR matrix
    targets : ndarray of shape (n_targets, n_outputs) or None
    weight : ndarray of float64 of shape (n_targets,) or (n_targets, n_outputs), or None
    loss : int
        Value of `LOSSES`.
    """

    cdef Inputs inputs
    cdef Targets targets
    cdef object held
    cdef readonly bint sparse
    cdef readonly Py_ssize_t n_stored, n_steps

    def __init__(self, Plan plan, X, targets=None, weight=None, int loss=SQUARED_ERROR):
        cdef const real[:, ::1] x
        cdef const real[::1] values
        cdef const int32_t[::1] columns, indptr
        cdef const double[:, ::1] weights
        self.sparse = isinstance(X, tuple)
        memset(&self.inputs, 0, sizeof(Inputs))
        memset(&self.targets, 0, sizeof(Targets))
        self.inputs.sparse = self.sparse
        if self.sparse:
            values, columns, indptr = X
            self.n_stored, self.n_steps = values.shape[0], indptr.shape[0] - 1
            self.inputs.values = &values[0] if self.n_stored else NULL
            self.inputs.columns = &columns[0] if self.n_stored else NULL
            self.inputs.indptr = &indptr[0]
        else:
            x = X
            if x.shape[1] != plan.shape.M:
                raise ValueError(f"X has {x.shape[1]} features, the network {plan.shape.M} inputs")
            self.n_stored, self.n_steps = x.shape[0] * x.shape[1], x.shape[0]
            self.inputs.x = &x[0, 0] if x.shape[0] else NULL
        if targets is not None:
            padded = zeros(len(targets), plan.shape.K)
            padded[...] = targets
            weight = np.ascontiguousarray(weight, np.float64)
            weights = weight.reshape(len(targets), -1)
            self.targets.loss, self.targets.y = loss, address(padded)
            self.targets.weight = &weights[0, 0] if len(targets) else NULL
            self.targets.weight_row, self.targets.each_output = weights.shape[1], weight.ndim == 2
            targets = padded
        self.held = X, targets, weight


cdef class Workspace:
    """The arrays of a packed batch, kept from call to call.

    Parameters
    ----------
    plan : Plan
    rows, sequences, longest : int
        Largest numbers of time steps, of sequences, and of steps of the longest sequence, of a packed batch.
    sparse, backward, partials : bool
        Whether inputs are sparse; whether there is room for a gradient, and for forward partials.
    """

    cdef Arrays at
    cdef object held
    cdef readonly tuple capacity
    cdef readonly object first, step, target_row, target, touched, is_touched, n_touched
    cdef readonly object D, Y, G, S, HS, OD, E, ES, P, PP

    def __init__(
        self, Plan plan, Py_ssize_t rows, Py_ssize_t sequences, Py_ssize_t longest,
        *, bint sparse=False, bint backward=True, bint partials=False,
    ):
        cdef Shape* n = &plan.shape
        cdef int64_t[::1] integers
        cdef int32_t[::1] small
        rows, sequences = max(rows, 1), max(sequences, 1)
        cdef Py_ssize_t total = rows + sequences, targets = max(rows if n.every_step else sequences, 2)
        self.capacity = rows, sequences, longest
        memset(&self.at, 0, sizeof(Arrays))
        self.held = []
        self.first = integers = np.zeros(longest + 2, np.int64)
        self.at.first = &integers[0]
        self.step = integers = np.zeros(total, np.int64)
        self.at.step = &integers[0]
        self.target_row = integers = np.zeros(targets + total, np.int64)
        self.at.target_row = &integers[0]
        self.target = integers = np.zeros(targets + total, np.int64)
        self.at.target = &integers[0]
        self.at.XG = self._room(1 if sparse or sequences == 1 else rows, n.M)
        self.D, self.Y = zeros(total, n.d_row), zeros(total, n.y_row)
        self.G, self.S, self.HS = zeros(total, n.Cp), zeros(total, n.Cp), zeros(total, n.Cp)
        self.at.D, self.at.Y = address(self.D), address(self.Y)
        self.at.G, self.at.S, self.at.HS = address(self.G), address(self.S), address(self.HS)
        self.at.HR = self._room(targets, n.Hp)
        self.at.O = self._room(targets, n.Kp)
        self.at.A = self._room(targets, n.Kp)
        if backward:
            self.OD, self.E = zeros(targets, n.Kp), zeros(2 * sequences, n.y_row)
            self.ES = zeros(sequences, n.Cp)
            self.at.OD, self.at.E, self.at.ES = address(self.OD), address(self.E), address(self.ES)
            self.at.zeros = self._room(1, max(n.Rp, n.Hp))
            self.at.EH = self._room(targets, n.Hp)
            self.at.wt = self._room(n.U * n.Rp + n.K * n.Hp, 1)
            self.touched = small = np.zeros(n.M + 1 if sparse else 1, np.int32)
            self.at.touched = &small[0]
            self.is_touched = small = np.zeros(n.M if sparse else 1, np.int32)
            self.at.is_touched = &small[0]
            self.n_touched = integers = np.zeros(1, np.int64)
            self.at.n_touched = &integers[0]
        if partials:
            self.P, self.PP = zeros(n.R + 1 + n.M, n.Pp), zeros(2 * n.S, n.Cp)
            self.at.P, self.at.PP = address(self.P), address(self.PP)
            self.at.decay = self._room(1, n.Pp)
            self.at.gain = self._room(1, n.Pp)
            self.at.e = self._room(1, n.Pp)

    cdef real* _room(self, Py_ssize_t rows, Py_ssize_t columns) except NULL:
        array = zeros(max(rows, 1), max(columns, 1))
        self.held.append(array)
        return address(array)


cdef class Weights:
    """Weights during learning, with gradient and solver state, as packed vectors; the solver's numbers.

    Parameters
    ----------
    w, first, second : ndarray of shape (n_packed,)
        Made by `zeros`.
    hyper : ndarray of float64
    """

    cdef Parameters at
    cdef readonly object w, grad, first, second, hyper

    def __init__(self, w, first, second, hyper):
        cdef double[::1] numbers = hyper
        self.w, self.first, self.second, self.hyper = w, first, second, hyper
        self.grad = zeros(len(w))
        self.at.w, self.at.grad = address(w), address(self.grad)
        self.at.m, self.at.v = address(first), address(second)
        self.at.hyper = &numbers[0]


# ------------------------------------------------------------------------------------------------
# entry points: `order` has the first step, the length and the first target of each sequence


def forward(
    Plan plan, Data data, order, Workspace work, const real[::1] w, Py_ssize_t window,
    real[:, ::1] activations, real[:, ::1] cells,           # initial state, then the final one
    real[:, ::1] outputs,
):
    """Outputs of a packed batch and its final state, computed in windows of `window` time steps.

    If one window is enough, `work` keeps every activation and state.
    """
    cdef:
        Shape* n = &plan.shape
        const int64_t[::1] start = order.start, length = order.length, target = order.target
        int64_t[:, ::1] part = np.empty((3, len(order)), np.int64)
        Packed p
        Py_ssize_t active = start.shape[0], left, done = 0, i, j, row
        double madds = 0
        bint stopped = False
        unsigned long long mode
    p.at = work.at
    with nogil:
        mode = flush_subnormals()
        for i in range(active):
            for j in range(n.R):
                p.at.Y[i * n.y_row + plan.recurrent[j]] = activations[i, j]
            for j in range(n.C):
                p.at.S[i * n.Cp + plan.cells[j]] = cells[i, j]
        while active:
            for i in range(active):
                part[0, i] = start[i] + done
                part[1, i] = min(length[i] - done, window)
                part[2, i] = target[i] + (done if n.every_step else 0)
            pack(n, &data.inputs, part[0], part[1], part[2], 0, active, &p)
            stopped = forward_packed(n, &p, &w[0], &madds)
            if stopped:
                break
            forward_outputs(n, &p, &w[0])
            for j in range(p.targets):
                if n.every_step or length[j] - done <= window:
                    output_activation(n, p.at.O + j * n.Kp, p.at.A + j * n.Kp)
                    memcpy(&outputs[p.at.target[j], 0], p.at.A + j * n.Kp, n.K * sizeof(real))
            done += window
            left = 0
            for i in range(active):
                row = p.at.first[part[1, i]] + i
                if length[i] > done:
                    memcpy(p.at.Y + i * n.y_row, p.at.Y + row * n.y_row, n.y_row * sizeof(real))
                    memcpy(p.at.S + i * n.Cp, p.at.S + row * n.Cp, n.Cp * sizeof(real))
                    left += 1
                    continue
                for j in range(n.R):
                    activations[i, j] = p.at.Y[row * n.y_row + plan.recurrent[j]]
                for j in range(n.C):
                    cells[i, j] = p.at.S[row * n.Cp + plan.cells[j]]
            active = left
        restore_mode(mode)
    if stopped:
        raise_it()


def gradient(
    Plan plan, Data data, order, Workspace work, const real[::1] w, bint full, double scale, bint reset,
    real[::1] grad, bint is_forward_done=False,
):
    """Loss of a packed batch; adds `scale` times its gradient to `grad`.

    With `reset`, states start from zero, otherwise from the first rows of work.Y and work.S. With
    `is_forward_done`, `work` has the results of `forward` for these sequences in one window.
    """
    cdef:
        Shape* n = &plan.shape
        const int64_t[::1] start = order.start, length = order.length, target = order.target
        real[:, ::1] record = np.zeros((0, plan.shape.K), DTYPE)
        Packed p
        double value, done = 0
        bint stopped
        unsigned long long mode
    p.at = work.at
    with nogil:
        mode = flush_subnormals()
        if reset and not is_forward_done:
            reset_state(n, start.shape[0], &p.at)
        transpose_weights(n, full, &w[0], p.at.wt)
        pack(n, &data.inputs, start, length, target, 0, start.shape[0], &p)
        if is_forward_done:
            value = errors_to_gradient(
                n, &p, &data.targets, full, scale, &w[0], &grad[0], record, &done, &stopped)
        else:
            value = loss_and_gradient(
                n, &p, &data.targets, full, scale, &w[0], &grad[0], record, &done, &stopped)
        restore_mode(mode)
    if stopped:
        raise_it()
    return value


def update(Plan plan, Weights weights):
    """One step of the solver on the whole gradient, which is zero afterwards."""
    cdef unsigned long long mode
    with nogil:
        mode = flush_subnormals()
        update_weights(&plan.shape, &weights.at, False, NULL, 0, NULL, 0)
        restore_mode(mode)


def train(
    Plan plan, Data data, order, Workspace work, Weights weights, bint full, bint mean,
    const int64_t[::1] batch, Py_ssize_t most, real[:, ::1] record,
):
    """Runs the mini-batches of an epoch, with an update after each; returns the sum of weighted losses.

    Mini-batch k holds the sequences batch[k]..batch[k + 1], at most `most` in a packed batch. `record`
    (n_targets, K), if not empty, receives the outputs before each update. If a loss is not finite, the
    function stops before the update and returns this loss.
    """
    cdef:
        Shape* n = &plan.shape
        const int64_t[::1] start = order.start, length = order.length, target = order.target
        Packed p
        Inputs inputs = data.inputs
        Parameters* at = &weights.at
        Py_ssize_t k, i, row, some, until, n_touched
        double total = 0, value, batch_weight, done = 0
        bint lazy = is_lazy(weights.at.hyper, data.sparse), stopped = False
        unsigned long long mode
    p.at = work.at
    with nogil:
        mode = flush_subnormals()
        for k in range(batch.shape[0] - 1):
            batch_weight = 0
            for i in range(batch[k], batch[k + 1]):
                for row in range(target[i], target[i] + (length[i] if n.every_step else 1)):
                    batch_weight += target_weight(n, &data.targets, row)
            if batch_weight == 0:
                continue
            transpose_weights(n, full, at.w, p.at.wt)
            value = 0
            n_touched = 0
            some = batch[k]
            while some < batch[k + 1]:
                until = min(some + most, batch[k + 1])
                reset_state(n, until - some, &p.at)
                pack(n, &inputs, start, length, target, some, until, &p)
                value += loss_and_gradient(
                    n, &p, &data.targets, full, 1 / batch_weight if mean else 1, at.w, at.grad, record, &done,
                    &stopped)
                if stopped:
                    break
                if lazy:
                    n_touched = touch(
                        p.rows - p.sequences, &p.inputs, p.at.touched, p.at.is_touched, n_touched)
                some = until
            if stopped:
                break
            total += value
            if not isfinite(value):
                break
            update_weights(n, at, lazy, p.at.touched, n_touched, p.at.touched, n_touched)
            for i in range(n_touched):
                p.at.is_touched[p.at.touched[i]] = 0
            stopped = interrupted(&done, 0 if lazy else n.n_packed)
            if stopped:
                break
        restore_mode(mode)
    if stopped:
        raise_it()
    return total


def train_steps(
    Plan plan, Data data, order, Workspace work, Weights weights, bint carry, real[:, ::1] record,
    const double[::1] rates=None, double limit=INFINITY, bint learns=True,
):
    """Learns from sequences with an update after each step that has a target.

    The truncated gradient comes from forward partials, so memory does not depend on the lengths. `carry`
    continues from the state and the partials in `work`. Learning stops before the update at the first loss
    that is not finite, and after the update at the first step with an output that differs from its target by
    `limit` or more (outputs of weight 0 do not count). `rates`, if given, are the learning rates of all time
    steps of `data`. Without `learns`, weights do not change.

    Returns
    -------
    total : float
        Sum of the weighted losses.
    n_steps : int
        Number of time steps that were run, including the last one.
    missed : bool
        Whether the limit ended the run.
    """
    cdef:
        Shape* n = &plan.shape
        const int64_t[::1] start = order.start, length = order.length, target = order.target
        Packed p
        Arrays* at = &p.at
        Parameters* learned = &weights.at
        int64_t step
        Py_ssize_t i, t, row, nz_lo = 0, nz_hi = 0
        Py_ssize_t n_steps = 0
        double total = 0, value, done = 0, madds
        bint lazy = is_lazy(weights.at.hyper, data.sparse), stopped = False, missed = False
        bint has_rates = rates is not None
        unsigned long long mode
    if has_rates and rates.shape[0] != data.n_steps:
        raise ValueError(f"{rates.shape[0]} learning rates for {data.n_steps} time steps")
    p.at = work.at
    p.inputs = data.inputs
    p.inputs.step = &step
    p.sequences = p.T = p.targets = 1
    p.rows = 2
    madds = 4. * n.n_packed + 100
    with nogil:
        mode = flush_subnormals()
        for i in range(start.shape[0]):
            if not carry:
                reset_state(n, 1, at)
                reset_partials(n, data.sparse, at)
            for t in range(length[i]):
                step = start[i] + t
                n_steps += 1
                if data.sparse:
                    nz_lo, nz_hi = p.inputs.indptr[step], p.inputs.indptr[step + 1]
                    if learns:
                        at.n_touched[0] = touch(1, &p.inputs, at.touched, at.is_touched, at.n_touched[0])
                else:
                    p.inputs.x = data.inputs.x + step * n.M
                online_step(n, &p, learned.w)
                if learns:
                    carry_partials(n, &p, nz_lo, nz_hi)
                row = target[i] + (t if n.every_step else 0)
                if (n.every_step or t == length[i] - 1) and target_weight(n, &data.targets, row) != 0:
                    outputs_of_row(n, &p, learned.w)
                    if record.shape[0]:
                        memcpy(&record[row, 0], at.A, n.K * sizeof(real))
                    value = row_loss(n, &data.targets, row, at.O, at.A)
                    total += value
                    if not isfinite(value):
                        break
                    missed = limit < INFINITY and misses(n, &data.targets, row, at.A, limit)
                    if learns:
                        if has_rates:
                            learned.hyper[RATE] = rates[step]
                        row_delta(n, &data.targets, row, 1, at.A, at.OD)
                        immediate_errors(n, learned.w, &p)
                        add_step_gradient(n, &p, nz_lo, nz_hi, learned.grad)
                        update_weights(
                            n, learned, lazy, at.touched, at.n_touched[0],
                            p.inputs.columns + nz_lo if nz_hi > nz_lo else NULL, nz_hi - nz_lo)
                memcpy(at.Y, at.Y + n.y_row, n.y_row * sizeof(real))
                memcpy(at.S, at.S + n.Cp, n.Cp * sizeof(real))
                if missed:
                    break
                stopped = interrupted(&done, madds)
                if stopped:
                    break
            if missed or stopped or not isfinite(total):
                break
        restore_mode(mode)
    if stopped:
        raise_it()
    return total, n_steps, missed


cdef void online_step(const Shape* n, Packed* p, const real* w) noexcept nogil:
    """One time step, from row 0 to row 1."""
    cdef Arrays* at = &p.at
    cdef real* net = at.D + n.d_row
    if not (n.in_registers and adds_inputs(n, p)):
        net_inputs(n, p, 0, 1, w, net)
    if n.in_registers:
        forward_alone(n, p, 0, 1, w)
        return
    product(1, n.Up, n.R, at.Y + n.recurrent, n.y_row, 1, w + n.w_recurrent, n.Up, net, n.d_row)
    forward_rows(n, 1, 1, 1, w, net, at)


cdef void outputs_of_row(const Shape* n, Packed* p, const real* w) noexcept nogil:
    """Net inputs O and activations A of the output units after row 1."""         # (8)
    cdef Arrays* at = &p.at
    output_net_inputs(n, 1, at.Y + n.y_row, w, at.O)
    if n.shortcut:
        add_input_products(&p.inputs, 0, 1, n.M, n.Kp, w + n.v_input, at.O, n.Kp)
    output_activation(n, at.O, at.A)


cdef void reset_partials(const Shape* n, bint sparse, Arrays* at) noexcept nogil:
    cdef Py_ssize_t j
    if sparse:
        for j in range(at.n_touched[0]):
            memset(at.P + (n.R + 1 + at.touched[j]) * n.Pp, 0, n.Pp * sizeof(real))
            at.is_touched[at.touched[j]] = 0
        at.n_touched[0] = 0
    memset(at.P, 0, (n.R + 1 + (0 if sparse else n.M)) * n.Pp * sizeof(real))
    memset(at.PP, 0, 2 * n.S * n.Cp * sizeof(real))


# ------------------------------------------------------------------------------------------------
# layers and directions. All of them process a packed batch of few sequences before the next one, so that
# each finds in the cache what the layer below or above has written. A part is one layer in one direction; it
# reads the outputs of all directions of the layer below. The output units are the last part: a network
# without hidden units that reads the last layer. All parts have the same rows, but where directions differ,
# step t of T is in the row of step T + 1 - t: `mirror`.


cdef struct Part:
    Shape n
    Packed p
    bint backward                       # reads sequences from their ends
    Py_ssize_t weights                  # offset in the weights of all parts
    Py_ssize_t column                   # of its outputs among the inputs of the layer above
    real* wt                            # transposed weights from the inputs; not of the lowest layer


cdef inline Py_ssize_t row_below(
    const Part* below, const Part* part, const int64_t* mirror, Py_ssize_t j
) noexcept nogil:
    """Row of Y, in a part of the layer below, that is row j of the inputs of a part."""
    if not below.n.every_step:
        return below.p.at.target_row[j]
    return mirror[j] if below.backward != part.backward else below.p.sequences + j


cdef inline void add_hidden_errors(const Shape* n, const real* errors, real* e) noexcept nogil:
    """Add errors at the outputs of a layer to those at y_n and y_c."""
    cdef Py_ssize_t b, v
    for b in range(n.N):
        e[b] += errors[n.C + b]
    if n.S == 1:
        for b in range(n.C):
            e[n.N + b] += errors[b]
        return
    for v in range(n.S):
        for b in range(n.B):
            e[n.N + v * n.B + b] += errors[b * n.S + v]


cdef class Layers:
    """All layers and directions of a network and its output units, with their workspaces.

    Parameters
    ----------
    plans, works : list of Plan, list of Workspace
        Of each part, the lowest layer first, and last of the output units.
    backward : list of bool
        Whether a part reads sequences from their ends.
    weights : list of int
        Offset of the weights of each part.
    n_directions : int
    """

    cdef Part* parts
    cdef Py_ssize_t n_parts, n_directions, width
    cdef int64_t* mirror
    cdef real* errors                   # at the inputs of a part
    cdef object held

    def __init__(self, list plans, list works, list backward, list weights, Py_ssize_t n_directions):
        cdef Plan plan
        cdef Workspace work
        cdef Part* part
        cdef unsigned char[::1] parts = np.zeros(len(plans) * sizeof(Part), np.uint8)
        cdef int64_t[::1] mirror = np.zeros(works[0].capacity[0], np.int64)
        self.parts, self.mirror = <Part*>&parts[0], &mirror[0]
        self.n_parts, self.n_directions = len(plans) - 1, n_directions
        self.held = [parts, mirror, plans, works]
        cdef Py_ssize_t i, rows = 1
        for i in range(len(plans)):
            plan, work, part = plans[i], works[i], self.parts + i
            part.n, part.p.at = plan.shape, work.at
            part.backward, part.weights = backward[i], weights[i]
            part.column = i % n_directions * plan.shape.K
            if i >= n_directions:
                rows = max(rows, work.capacity[0])
                self.width = (plan.shape.M + LANES - 1) // LANES * LANES    # the same for all
                array = zeros(max(plan.shape.U, plan.shape.K), self.width)
                part.wt = address(array)
                self.held.append(array)
        array = zeros(rows, self.width)
        self.errors = address(array)
        self.held.append(array)

    cdef void transpose_all(self, const real* w, bint full) noexcept nogil:
        """Transpose the weights of all parts for the backward pass."""
        cdef Py_ssize_t i
        cdef Part* part
        cdef const Shape* n
        for i in range(self.n_parts + 1):
            part = self.parts + i
            n = &part.n
            transpose_weights(n, full, w + part.weights, part.p.at.wt)
            if i == self.n_parts:
                transpose(n.M, n.K, w + part.weights + n.v_input, n.Kp, part.wt, self.width)
            elif i >= self.n_directions:
                transpose(n.M, n.U, w + part.weights + n.w_input, n.Up, part.wt, self.width)

    cdef Part* below(self, Py_ssize_t i) noexcept nogil:
        """First part of the layer below part i."""
        return self.parts + (i // self.n_directions - 1) * self.n_directions

    cdef void read(self, Py_ssize_t i, Py_ssize_t rows) noexcept nogil:
        """Inputs of part i: outputs of the layer below."""
        cdef Part* part = self.parts + i
        cdef Part* below = self.below(i)
        cdef Py_ssize_t _d, j
        memset(&part.p.inputs, 0, sizeof(Inputs))
        part.p.inputs.x = part.p.at.XG
        for _d in range(self.n_directions):
            for j in range(rows):
                hidden_outputs(
                    &below.n, below.p.at.Y + row_below(below, part, self.mirror, j) * below.n.y_row,
                    part.p.at.XG + j * part.n.M + below.column)
            below += 1

    cdef void send_errors(
        self, Py_ssize_t i, Py_ssize_t rows, Py_ssize_t n_deltas, const real* deltas, Py_ssize_t delta_row
    ) noexcept nogil:
        """Errors at the outputs of the layer below, from deltas of part i."""                       # (9)
        cdef Part* part = self.parts + i
        cdef Part* below = self.below(i)
        cdef Py_ssize_t _d, j, target
        cdef bint in_place = self.n_directions == 1 and below.n.S == 1 and below.n.N == 0   # the same columns
        cdef real* errors = below.p.at.EH if in_place else self.errors
        memset(errors, 0, rows * self.width * sizeof(real))
        product(rows, self.width, n_deltas, deltas, delta_row, 1, part.wt, self.width, errors, self.width)
        if in_place:
            return
        for _d in range(self.n_directions):
            if i == self.n_parts or i % self.n_directions == self.n_directions - 1:   # the first that sends
                memset(below.p.at.EH, 0, below.p.targets * below.n.Hp * sizeof(real))
            for j in range(rows):
                target = j
                if below.n.every_step:
                    target = row_below(below, part, self.mirror, j) - below.p.sequences
                add_hidden_errors(
                    &below.n, errors + j * self.width + below.column, below.p.at.EH + target * below.n.Hp)
            below += 1

    cdef double gradient(
        self, const Targets* targets, bint full, double scale, const real* w, real* grad,
        real[:, ::1] record, double* done, bint* stopped,
    ) noexcept nogil:
        """Loss of a packed batch that all parts have arranged; adds `scale` times its gradient to `grad`."""
        cdef Part* part
        cdef Part* outputs = self.parts + self.n_parts
        cdef Shape* n = &outputs.n
        cdef Py_ssize_t i
        cdef double value
        for i in range(self.n_parts):
            part = self.parts + i
            if i >= self.n_directions:
                self.read(i, part.p.rows - part.p.sequences)
            stopped[0] = forward_packed(&part.n, &part.p, w + part.weights, done)
            if stopped[0]:
                return 0
        part = self.below(self.n_parts)
        outputs.p.targets, outputs.p.at.target = part.p.targets, part.p.at.target
        self.read(self.n_parts, part.p.targets)
        forward_outputs(n, &outputs.p, w + outputs.weights)
        value = output_errors(n, &outputs.p, targets, scale, record)
        add_output_gradient(n, &outputs.p, grad + outputs.weights)
        self.send_errors(self.n_parts, outputs.p.targets, n.K, outputs.p.at.OD, n.Kp)
        for i in range(self.n_parts - 1, -1, -1):
            part = self.parts + i
            stopped[0] = backward_packed(&part.n, &part.p, full, w + part.weights, grad + part.weights, done)
            if stopped[0]:
                return 0
            if i >= self.n_directions:
                self.send_errors(
                    i, part.p.rows - part.p.sequences, part.n.U,
                    part.p.at.D + part.p.sequences * part.n.d_row, part.n.d_row)
        return value

    cdef void arrange(
        self, const Inputs* inputs, const Inputs* inputs_from_end, const int64_t[::1] start,
        const int64_t[::1] from_end, const int64_t[::1] length, const int64_t[::1] target, Py_ssize_t lo,
        Py_ssize_t hi,
    ) noexcept nogil:
        """Arrange the sequences lo..hi in the rows of all parts, and reset their states."""
        cdef Part* part
        cdef Packed* p = &self.parts.p
        cdef Py_ssize_t i, t, row
        for i in range(self.n_parts):
            part = self.parts + i
            reset_state(&part.n, hi - lo, &part.p.at)
            if i >= self.n_directions:
                arrange(&part.n, start, length, target, lo, hi, &part.p)
            elif part.backward:
                pack(&part.n, inputs_from_end, from_end, length, target, lo, hi, &part.p)
            else:
                pack(&part.n, inputs, start, length, target, lo, hi, &part.p)
        for t in range(1, p.T + 1 if self.n_directions > 1 else 0):
            for row in range(p.at.first[t], p.at.first[t + 1]):
                i = row - p.at.first[t]
                self.mirror[row - p.sequences] = p.at.first[length[lo + i] + 1 - t] + i


def gradient_of_layers(
    Layers layers, Data data, Data data_from_end, Data targets, order, Py_ssize_t most, const real[::1] w,
    bint full, double scale, real[::1] grad, real[:, ::1] record,
):
    """Loss of some sequences, the longest first; adds `scale` times its gradient to `grad`.

    States start from zero; at most `most` sequences are in a packed batch. `data_from_end` has all rows of
    `data` in reverse order. `record`, if not empty, receives the outputs.
    """
    cdef:
        const int64_t[::1] start = order.start, length = order.length, target = order.target
        int64_t[::1] from_end = np.empty(len(order), np.int64)
        Py_ssize_t i, until, lo = 0, n_sequences = start.shape[0]
        double value = 0, done = 0
        bint stopped = False
        unsigned long long mode
    with nogil:
        mode = flush_subnormals()
        layers.transpose_all(&w[0], full)
        for i in range(n_sequences):
            from_end[i] = data.n_steps - start[i] - length[i]
        while lo < n_sequences and not stopped:
            until = min(lo + most, n_sequences)
            layers.arrange(
                &data.inputs, &data_from_end.inputs, start, from_end, length, target, lo, until)
            value += layers.gradient(
                &targets.targets, full, scale, &w[0], &grad[0], record, &done, &stopped)
            lo = until
        restore_mode(mode)
    if stopped:
        raise_it()
    return value


# ------------------------------------------------------------------------------------------------
# one time step of streams: Python calls it for each step, so everything it needs is looked up once


cdef char* bytes_of(array) except NULL:
    """Pointer to the data of a contiguous array; the array must outlive its use."""
    cdef Py_buffer view
    PyObject_GetBuffer(array, &view, PyBUF_SIMPLE)
    cdef char* at = <char*>view.buf
    PyBuffer_Release(&view)
    return at


cdef class Step:
    """Computes one time step of streams per call.

    Parameters
    ----------
    plan : Plan
    work : Workspace
        Workspace of n_streams rows and sequences. The rows of Y and S from `state_row` on hold the state.
    n_streams, at_once : int
        Number of streams, and number of streams that are computed at once.
    given, packed : ndarray
        Weights of the user, and the kernel's copy of them.

    Notes
    -----
    If `work` has room for partials, of one stream, each step updates them. The rows before and after the last
    step are kept, because `gradient` needs both.
    """

    cdef Plan plan
    cdef Workspace work
    cdef Py_ssize_t streams, at_once, n_bytes
    cdef object given, packed, reference
    cdef bytes copied
    cdef char* weights
    cdef real* w
    cdef bint has_partials
    cdef readonly Py_ssize_t state_row

    def __init__(
        self, Plan plan, Workspace work, Py_ssize_t n_streams, Py_ssize_t at_once, given, packed
    ):
        self.plan, self.work, self.streams, self.at_once = plan, work, n_streams, at_once
        self.load(given, packed)
        self.has_partials, self.state_row = work.at.P != NULL, 0
        if self.has_partials and n_streams != 1:
            raise ValueError("partials are carried for one stream")

    def load(self, given, packed):
        """Use these weights from now on."""
        self.given, self.copied, self.packed = given, given.tobytes(), packed
        self.n_bytes = given.nbytes
        self.reference = ref(given)  # NumPy then refuses to resize it, even with refcheck=False
        self.weights, self.w = bytes_of(given), address(packed)

    def advance(self, weights, x):
        """Outputs after the inputs x; updates the state.

        Returns None, with unchanged state, if `weights` have changed, if x is no C-contiguous array of the
        kernel's dtype with n_features numbers (or a row of them per stream), or if a number is not finite.
        """
        cdef cnp.npy_intp[2] shape = [self.streams, self.plan.shape.K]
        cdef int ndim
        cdef bint fits
        if weights is not self.given or memcmp(self.weights, <char*>self.copied, self.n_bytes) != 0:
            return None
        if not cnp.PyArray_Check(x):
            return None
        ndim = cnp.PyArray_NDIM(x)
        fits = (
            cnp.PyArray_TYPE(x) == TYPE and cnp.PyArray_ISCARRAY_RO(x)
            and (ndim == 2 or (ndim == 1 and self.streams == 1))
            and cnp.PyArray_DIM(x, ndim - 1) == self.plan.shape.M
            and (ndim == 1 or cnp.PyArray_DIM(x, 0) == self.streams)
        )
        if not fits:
            return None
        outputs = cnp.PyArray_SimpleNew(ndim, &shape[2 - ndim], TYPE)
        with critical_section(self):
            fits = self.step(<const real*>cnp.PyArray_DATA(x), <real*>cnp.PyArray_DATA(outputs))
        return outputs if fits else None

    cdef bint step(self, const real* x, real* out):
        """One step of all streams; the new state goes to the rows below the old one."""
        cdef const Shape* n = &self.plan.shape
        cdef Arrays* at = &self.work.at
        cdef Py_ssize_t lo = 0, rows, i, v, streams = self.streams
        cdef unsigned long long mode
        cdef Packed p
        if not all_finite(streams * n.M, x):
            return False
        for i in range(self.state_row, self.state_row + streams):
            for v in range(n.S):
                if not all_finite(n.B, at.S + i * n.Cp + v * n.Bp):
                    return False
        mode = flush_subnormals()
        memset(&p.inputs, 0, sizeof(Inputs))
        if self.has_partials:
            self.step_with_partials(x, out, &p)
            restore_mode(mode)
            return True
        while lo < streams:
            rows = min(self.at_once, streams - lo)
            p.at = at[0]
            p.at.Y += lo * n.y_row                          # a packed batch with another distance of times
            p.at.S += lo * n.Cp
            p.inputs.x = x + lo * n.M
            p.sequences = rows
            stream_step(n, &p, streams, self.w)
            for i in range(rows):
                memcpy(out + (lo + i) * n.K, p.at.A + i * n.Kp, n.K * sizeof(real))
            lo += rows
        restore_mode(mode)
        memcpy(at.Y, at.Y + streams * n.y_row, streams * n.y_row * sizeof(real))
        memcpy(at.S, at.S + streams * n.Cp, streams * n.Cp * sizeof(real))
        return True

    cdef void step_with_partials(self, const real* x, real* out, Packed* p):
        """One step of one stream, from row 0 to row 1."""
        cdef const Shape* n = &self.plan.shape
        cdef Arrays* at = &self.work.at
        if self.state_row:
            memcpy(at.Y, at.Y + n.y_row, n.y_row * sizeof(real))
            memcpy(at.S, at.S + n.Cp, n.Cp * sizeof(real))
        memcpy(at.XG, x, n.M * sizeof(real))                # `gradient` reads it, too
        self.one_row(p)
        online_step(n, p, self.w)
        carry_partials(n, p, 0, 0)
        outputs_of_row(n, p, self.w)
        memcpy(out, at.A, n.K * sizeof(real))
        self.state_row = 1

    cdef void one_row(self, Packed* p):
        """The last time step of one stream as a packed batch."""
        memset(&p.inputs, 0, sizeof(Inputs))
        p.at = self.work.at
        p.inputs.x = p.at.XG
        p.sequences = p.T = p.targets = 1
        p.rows = 2

    def reset(self):
        """Zero state, and partials of zero."""
        cdef const Shape* n = &self.plan.shape
        reset_state(n, self.streams, &self.work.at)
        if self.has_partials:
            reset_partials(n, False, &self.work.at)
        self.state_row = 0

    def gradient(self, const real[::1] v, real[::1] grad):
        """Adds to `grad` the gradient of sum_k v_k y_k of the last step, by forward partials."""
        cdef const Shape* n = &self.plan.shape
        cdef double one = 1
        cdef unsigned long long mode
        cdef Targets targets
        cdef Packed p
        if self.state_row == 0 or v.shape[0] != n.K or grad.shape[0] != n.n_packed:
            raise ValueError("no step has been made, or a size is wrong")
        padded = zeros(n.K)
        padded[...] = v
        memset(&targets, 0, sizeof(Targets))
        targets.loss, targets.y, targets.weight = LINEAR, address(padded), &one
        with critical_section(self):
            self.one_row(&p)
            mode = flush_subnormals()
            row_delta(n, &targets, 0, 1, p.at.A, p.at.OD)
            immediate_errors(n, self.w, &p)
            add_step_gradient(n, &p, 0, 0, &grad[0])
            restore_mode(mode)


cdef void stream_step(const Shape* n, Packed* p, Py_ssize_t lag, const real* w) noexcept nogil:
    """One time step of some streams, from their rows to those `lag` rows below, and their outputs, A."""
    cdef Arrays* at = &p.at
    cdef Py_ssize_t i, rows = p.sequences
    cdef real* net = at.D
    at.first[0] = 0
    net_inputs(n, p, 0, rows, w, net)
    if n.R:
        product(                                                                   # (1)
            rows, n.Up, n.R, at.Y + n.recurrent, n.y_row, 1, w + n.w_recurrent, n.Up, net, n.d_row)
    forward_rows(n, rows, lag, lag, w, net, at)
    output_net_inputs(n, rows, at.Y + lag * n.y_row, w, at.O)
    if n.shortcut:
        product(rows, n.Kp, n.M, p.inputs.x, n.M, 1, w + n.v_input, n.Kp, at.O, n.Kp)
    for i in range(rows):
        output_activation(n, at.O + i * n.Kp, at.A + i * n.Kp)                     # (8)
