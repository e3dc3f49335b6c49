"""The memory-block step, its gradient and the learning loops.

Hochreiter & Schmidhuber (1997), appendix A.1; forget gates of 2000, peepholes of 2002, full gradient.
docs/equations.md gives every equation (1)-(17) with its derivation.

Size letters
    M inputs (I is a macro of C), B blocks, S cells a block, C = B S cells, N conventional hidden units,
    K output units, U = C + (gates a block) B + N units that have net inputs, R recurrent sources,
    H = N + C sources of the outputs. Rows are padded with zeros to whole vectors: Up, Rp, Cp, Kp, Hp.

Order of cells
    Inside the kernel cell v of block b has the index c = v B + b, so that a gate row of length B lies
    beside each of the S slices of cells that it serves, and every loop over blocks is contiguous.

A pack is a set of sequences (lanes), longest first, computed side by side. Its steps are rows: time 0 (the
initial state) of all lanes, then time 1 of all lanes, time 2 of those that are long enough, and so on.
`first[t]` is the first row of time t; lane i stands at row first[t] + i. A single sequence is a pack of one.

    Y   rows x stride   g(net_c) | y_in | y_forget | y_out | y_n | y_c [| ones for absent gates]
    S   rows x Cp       internal states s_c
    HS  rows x Cp       h(s_c)
    D   rows x Up       net inputs, after the backward pass the deltas, columns g | in | forget | out | n

Python allocates and aligns everything; nothing here allocates, and the loops hold no lock.
"""

from libc.math cimport NAN, exp, fabs, isfinite, log, log1p, sqrt
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcmp, memcpy, memset

from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer,
)
from cython cimport critical_section, floating
from scipy.linalg.cython_blas cimport dgemm, sgemm

from weakref import ref


cdef extern from "_simd.h" nogil:
    unsigned long long sklstm_flush_subnormals() noexcept
    void sklstm_restore(unsigned long long) noexcept
    void sklstm_exponential_f64(Py_ssize_t, double*) noexcept
    void sklstm_exponential_f32(Py_ssize_t, float*) noexcept
    void sklstm_squash_f64(
        Py_ssize_t, Py_ssize_t, const double*, const double*, const double*, const double*, double*) noexcept
    void sklstm_squash_f32(
        Py_ssize_t, Py_ssize_t, const float*, const float*, const float*, const float*, float*) noexcept
    void sklstm_product_f64(
        Py_ssize_t, Py_ssize_t, Py_ssize_t, const double*, Py_ssize_t, Py_ssize_t,
        const double*, Py_ssize_t, const double*, Py_ssize_t, double*, Py_ssize_t) noexcept
    void sklstm_product_f32(
        Py_ssize_t, Py_ssize_t, Py_ssize_t, const float*, Py_ssize_t, Py_ssize_t,
        const float*, Py_ssize_t, const float*, Py_ssize_t, float*, Py_ssize_t) noexcept
    void sklstm_decay_and_add_f64(
        Py_ssize_t, Py_ssize_t, const double*, const double*, const double*, double*) noexcept
    void sklstm_decay_and_add_f32(
        Py_ssize_t, Py_ssize_t, const float*, const float*, const float*, float*) noexcept
    void sklstm_gather_f64(
        Py_ssize_t, Py_ssize_t, const double*, const int32_t*, const int32_t*, const int64_t*,
        const double*, double*, Py_ssize_t) noexcept
    void sklstm_gather_f32(
        Py_ssize_t, Py_ssize_t, const float*, const int32_t*, const int32_t*, const int64_t*,
        const float*, float*, Py_ssize_t) noexcept
    void sklstm_scatter_f64(
        Py_ssize_t, Py_ssize_t, const double*, const int32_t*, const int32_t*, const int64_t*,
        const double*, Py_ssize_t, double*) noexcept
    void sklstm_scatter_f32(
        Py_ssize_t, Py_ssize_t, const float*, const int32_t*, const int32_t*, const int64_t*,
        const float*, Py_ssize_t, float*) noexcept
    void sklstm_repeat_f64(Py_ssize_t, Py_ssize_t, const double*, double*) noexcept
    void sklstm_repeat_f32(Py_ssize_t, Py_ssize_t, const float*, float*) noexcept
    void sklstm_add_rows_f64(Py_ssize_t, Py_ssize_t, const double*, double*) noexcept
    void sklstm_add_rows_f32(Py_ssize_t, Py_ssize_t, const float*, float*) noexcept
    void sklstm_sgd_f64(
        Py_ssize_t, double, double, double, double, const double*, double*, double*) noexcept
    void sklstm_sgd_f32(
        Py_ssize_t, float, float, float, float, const float*, float*, float*) noexcept
    void sklstm_adam_f64(
        Py_ssize_t, double, double, double, double, double, double, double, double,
        const double*, double*, double*, double*) noexcept
    void sklstm_adam_f32(
        Py_ssize_t, float, float, float, float, float, float, float, float,
        const float*, float*, float*, float*) noexcept

    ctypedef struct sklstm_shape:
        Py_ssize_t M, B, S, C, N, K, U, R, H, Up, Rp, Cp, Kp, Hp, stride
        Py_ssize_t y_in, y_forget, y_out, y_n, y_c, recurrent, Pp, p_in, p_forget
        Py_ssize_t w_recurrent, w_bias, w_peep_in, w_peep_forget, w_peep_out
        Py_ssize_t v_hidden, v_bias, w_input, v_input, n_packed, t_h, t_output
        bint has_in, has_forget, has_out, peepholes, shortcut, every_step
        bint cell_bias, gate_bias, output_bias, g_identity, h_identity
        int output
        double g_slope, g_low, g_high, g_one, h_slope, h_low, h_high, h_one
        bint is_small
        int32_t[32] lane, gate_of_cell, gate_of_unit

    ctypedef struct sklstm_inputs:
        bint sparse
        const void* x
        Py_ssize_t row, time
        const void* values
        const int32_t* columns
        const int32_t* indptr
        const int64_t* step
    void sklstm_forward_rows_f64(
        const sklstm_shape*, Py_ssize_t, Py_ssize_t, const double*, const double*,
        double*, double*, double*, double*) noexcept
    void sklstm_forward_rows_f32(
        const sklstm_shape*, Py_ssize_t, Py_ssize_t, const float*, const float*,
        float*, float*, float*, float*) noexcept
    void sklstm_forward_wide_f64(
        const sklstm_shape*, Py_ssize_t, Py_ssize_t, const double*, const double*,
        double*, double*, double*) noexcept
    void sklstm_backward_row_f64(
        const sklstm_shape*, int, const double*, const double*, const double*, const double*,
        const double*, const double*, double*, double*, double*) noexcept
    void sklstm_forward_wide_f32(
        const sklstm_shape*, Py_ssize_t, Py_ssize_t, const float*, const float*,
        float*, float*, float*) noexcept
    void sklstm_backward_row_f32(
        const sklstm_shape*, int, const float*, const float*, const float*, const float*,
        const float*, const float*, float*, float*, float*) noexcept
    void sklstm_add_partials_f64(
        const sklstm_shape*, Py_ssize_t, const int32_t*, const double*, const double*, double*) noexcept
    void sklstm_sgd_rows_f64(
        Py_ssize_t, const int32_t*, Py_ssize_t, double, double, double*, double*) noexcept
    void sklstm_add_partials_f32(
        const sklstm_shape*, Py_ssize_t, const int32_t*, const float*, const float*, float*) noexcept
    void sklstm_sgd_rows_f32(
        Py_ssize_t, const int32_t*, Py_ssize_t, float, float, float*, float*) noexcept
    double sklstm_squared_error_f64(
        Py_ssize_t, Py_ssize_t, Py_ssize_t, int, double, const double*, const double*, const int64_t*,
        const double*, double*, double*) noexcept
    double sklstm_squared_error_f32(
        Py_ssize_t, Py_ssize_t, Py_ssize_t, int, double, const float*, const float*, const int64_t*,
        const double*, float*, float*) noexcept
    int sklstm_has_small() noexcept
    int sklstm_has_gemm() noexcept
    void sklstm_gemm_f64(
        Py_ssize_t, Py_ssize_t, Py_ssize_t, const double*, Py_ssize_t, Py_ssize_t,
        const double*, Py_ssize_t, const double*, Py_ssize_t, double*, Py_ssize_t) noexcept
    void sklstm_gemm_f32(
        Py_ssize_t, Py_ssize_t, Py_ssize_t, const float*, Py_ssize_t, Py_ssize_t,
        const float*, Py_ssize_t, const float*, Py_ssize_t, float*, Py_ssize_t) noexcept
    void sklstm_forward_small_f64(
        const sklstm_shape*, Py_ssize_t, const int64_t*, const sklstm_inputs*, const double*, const double*,
        const double*, double*, double*, double*) noexcept
    void sklstm_forward_small_f32(
        const sklstm_shape*, Py_ssize_t, const int64_t*, const sklstm_inputs*, const float*, const float*,
        const float*, float*, float*, float*) noexcept
    void sklstm_backward_small_f64(
        const sklstm_shape*, int, Py_ssize_t, const int64_t*, Py_ssize_t, const int64_t*, const double*,
        const double*, const double*, const double*, const double*, double*, double*, double*) noexcept
    void sklstm_backward_small_f32(
        const sklstm_shape*, int, Py_ssize_t, const int64_t*, Py_ssize_t, const int64_t*, const float*,
        const float*, const float*, const float*, const float*, float*, float*, float*) noexcept


cdef enum:
    LOGISTIC, SOFTMAX, IDENTITY         # outputs
cdef enum:
    SQUARED_ERROR, LOG_LOSS             # losses
cdef enum:
    SGD, ADAM, RPROP                    # solvers that live here

OUTPUTS = {"logistic": LOGISTIC, "softmax": SOFTMAX, "identity": IDENTITY}
LOSSES = {"squared_error": SQUARED_ERROR, "log_loss": LOG_LOSS}
SOLVERS = {"sgd": SGD, "adam": ADAM, "rprop": RPROP}

# Large products, in multiply-adds, are for BLAS, but for those with few rows and many units where there is
# AVX-512 (`sklstm_gemm`); all others have the same bits on every machine that fuses products and sums.
cdef enum:
    GEMM_ROWS = 256, BLAS_FROM = 500000

# What is done time by time, or for how many rows at once, so that they are still in the cache.
cdef enum:
    STEP_LANES = 16, TRANSPOSED_ROWS = 16, GRADIENT_ROWS = 256, GRADIENT_BYTES = 1 << 20, SMALL_BYTES = 128

LEAST_OF_BLAS = BLAS_FROM
cdef bint HAS_GEMM = sklstm_has_gemm(), HAS_WIDE = sklstm_has_small()

# Rows of a table of squashing constants: y = shift + scale / (1 + 2^(slope x)).
cdef enum:
    SCALE = 1, SHIFT = 2                # row 0 holds the slopes

# The solver's numbers, one array: what it is, its rates, and how many updates it has made. CLIP 0 is none.
cdef enum:
    KIND, RATE, MOMENTUM, BETA1, BETA2, EPSILON, ALPHA, CLIP, N_UPDATES

cdef double RPROP_UP = 1.2, RPROP_DOWN = 0.5, RPROP_MIN = 1e-6, RPROP_MAX = 50.0


ctypedef sklstm_shape Shape
ctypedef sklstm_inputs Inputs


cdef class Plan:
    """Sizes and places of one network in one dtype: a dict of numbers (`_kernel._layout`) as a struct."""

    cdef Shape shape

    def __init__(self, dict layout, Py_ssize_t vector):
        cdef int i
        lane = range(32)
        self.shape = layout | {
            "lane": list(lane),
            "gate_of_cell": [i % max(layout["B"], 1) for i in lane],
            "gate_of_unit": [(i - layout["C"]) % max(layout["B"], 1) for i in lane],
            "is_small": (
                layout["C"] > 0 and layout["N"] == 0 and layout["Up"] <= 2 * vector
                and not layout["peepholes"] and HAS_WIDE
            ),
        }


# ------------------------------------------------------------------------------------------------
# primitives


cdef inline void squash(
    Py_ssize_t rows, Py_ssize_t width, const floating* table, const floating* x, floating* y
) noexcept nogil:
    """y = shift + scale / (1 + 2^(slope x)) for rows of units, the constants in three rows of `table`."""
    if floating is double:
        sklstm_squash_f64(rows, width, table, table + SCALE * width, table + SHIFT * width, x, y)
    else:
        sklstm_squash_f32(rows, width, table, table + SCALE * width, table + SHIFT * width, x, y)


cdef inline void product(
    Py_ssize_t rows, Py_ssize_t units, Py_ssize_t sources,
    const floating* a, Py_ssize_t a_row, Py_ssize_t a_source,
    const floating* b, Py_ssize_t b_row, floating* c, Py_ssize_t c_row,
) noexcept nogil:
    """C += A @ B, with A (rows x sources; one of its strides is 1), B (sources x units), C (rows x units)."""
    product_from(rows, units, sources, c, c_row, a, a_row, a_source, b, b_row, c, c_row)


cdef inline void product_from(
    Py_ssize_t rows, Py_ssize_t units, Py_ssize_t sources,
    const floating* start, Py_ssize_t start_row,
    const floating* a, Py_ssize_t a_row, Py_ssize_t a_source,
    const floating* b, Py_ssize_t b_row, floating* c, Py_ssize_t c_row,
) noexcept nogil:
    """C = start + A @ B; `start` is C itself, or one row for all of C: then `start_row` is 0."""
    cdef int m, n, k, lda, ldb, ldc
    cdef floating one = 1
    cdef char* trans_a
    cdef Py_ssize_t size = rows * units * sources
    cdef bint is_large = rows >= 8 and sources >= 16 and size >= BLAS_FROM
    if HAS_GEMM and (not is_large or (rows <= GEMM_ROWS and (
        units >= 64 or (units >= 32 and sources >= 64 and a_source == 1)
    ))):
        if floating is double:
            sklstm_gemm_f64(
                rows, units, sources, a, a_row, a_source, b, b_row, start, start_row, c, c_row)
        else:
            sklstm_gemm_f32(
                rows, units, sources, a, a_row, a_source, b, b_row, start, start_row, c, c_row)
        return
    if not is_large:
        if floating is double:
            sklstm_product_f64(
                rows, units, sources, a, a_row, a_source, b, b_row, start, start_row, c, c_row)
        else:
            sklstm_product_f32(
                rows, units, sources, a, a_row, a_source, b, b_row, start, start_row, c, c_row)
        return
    if start_row == 0:
        repeat(rows, units, start, c)
    # BLAS counts columns: C.T += B.T @ A.T
    m, n, k = <int>units, <int>rows, <int>sources
    ldb, ldc = <int>b_row, <int>c_row
    trans_a = b"N" if a_source == 1 else b"T"
    lda = <int>(a_row if a_source == 1 else a_source)
    if floating is double:
        dgemm(b"N", trans_a, &m, &n, &k, &one, <double*>b, &ldb, <double*>a, &lda, &one, c, &ldc)
    else:
        sgemm(b"N", trans_a, &m, &n, &k, &one, <float*>b, &ldb, <float*>a, &lda, &one, c, &ldc)


cdef inline void decay_and_add(
    Py_ssize_t sources, Py_ssize_t width, const floating* decay, const floating* z, const floating* gain,
    floating* p,
) noexcept nogil:
    """P[m, :] = decay P[m, :] + z[m] gain."""
    if floating is double:
        sklstm_decay_and_add_f64(sources, width, decay, z, gain, p)
    else:
        sklstm_decay_and_add_f32(sources, width, decay, z, gain, p)


cdef inline void repeat(
    Py_ssize_t rows, Py_ssize_t width, const floating* b, floating* c
) noexcept nogil:
    """Every row of C (rows x width) = b."""
    if floating is double:
        sklstm_repeat_f64(rows, width, b, c)
    else:
        sklstm_repeat_f32(rows, width, b, c)


cdef inline void add_rows(
    Py_ssize_t rows, Py_ssize_t width, const floating* c, floating* b
) noexcept nogil:
    """b += the sum of the rows of C (rows x width)."""
    if floating is double:
        sklstm_add_rows_f64(rows, width, c, b)
    else:
        sklstm_add_rows_f32(rows, width, c, b)


cdef inline void forward_rows(
    const Shape* n, Py_ssize_t rows, Py_ssize_t lag, const floating* w, const floating* table,
    floating* net, floating* y, floating* s, floating* h,
) noexcept nogil:
    """One time step of `rows` sequences; the states before it stand `lag` rows above."""
    if HAS_WIDE and not n.peepholes:
        if floating is double:
            sklstm_forward_wide_f64(n, rows, lag, table, net, y, s, h)
        else:
            sklstm_forward_wide_f32(n, rows, lag, table, net, y, s, h)
    elif floating is double:
        sklstm_forward_rows_f64(n, rows, lag, w, table, net, y, s, h)
    else:
        sklstm_forward_rows_f32(n, rows, lag, w, table, net, y, s, h)


cdef inline void transpose(
    Py_ssize_t rows, Py_ssize_t columns, const floating* a, Py_ssize_t a_row, floating* b, Py_ssize_t b_row
) noexcept nogil:
    """B (columns x rows) = A.T, with A (rows x columns); what is read again is still in the cache."""
    cdef Py_ssize_t i, j, lo = 0, hi
    while lo < rows:
        hi = min(lo + <Py_ssize_t>TRANSPOSED_ROWS, rows)
        for j in range(columns):
            for i in range(lo, hi):
                b[j * b_row + i] = a[i * a_row + j]
        lo = hi


# ------------------------------------------------------------------------------------------------
# outputs, loss and the errors at the outputs


cdef inline void output_activation(
    const Shape* n, const floating* table, const floating* net, floating* y
) noexcept nogil:
    """y_k = f_k(net_k); `table` holds the logistic's constants."""                # (8)
    cdef Py_ssize_t k
    cdef floating largest, total = 0
    if n.output == LOGISTIC:
        squash(1, n.Kp, table, net, y)
    elif n.output == IDENTITY:
        memcpy(y, net, n.K * sizeof(floating))
    else:
        largest = net[0]
        for k in range(1, n.K):
            if net[k] > largest:
                largest = net[k]
        for k in range(n.K):
            y[k] = net[k] - largest
        if floating is double:
            sklstm_exponential_f64(n.K, y)
        else:
            sklstm_exponential_f32(n.K, y)
        for k in range(n.K):
            total += y[k]
        for k in range(n.K):
            y[k] /= total


cdef inline double row_loss(
    const Shape* n, int loss, const floating* net, const floating* y, const floating* target
) noexcept nogil:
    cdef Py_ssize_t k
    cdef double value = 0, total = 0, largest, mass = 0
    if loss == SQUARED_ERROR:                                       # 1/2 sum (y - t)^2
        for k in range(n.K):
            value += 0.5 * (<double>y[k] - target[k]) * (<double>y[k] - target[k])
    elif n.output == LOGISTIC:                                      # -sum t log y + (1 - t) log(1 - y)
        for k in range(n.K):
            value += log1p(exp(-fabs(net[k]))) - target[k] * net[k]
            if net[k] > 0:
                value += net[k]
    else:                                                           # -sum t log y, y the softmax
        largest = net[0]
        for k in range(1, n.K):
            largest = max(largest, net[k])
        for k in range(n.K):
            total += exp(net[k] - largest)
            mass += target[k]
            value -= target[k] * (net[k] - largest)
        value += mass * log(total)
    return value


cdef inline void row_delta(
    const Shape* n, int loss, floating weight, const floating* y, const floating* target, floating* delta
) noexcept nogil:
    """delta_k = weight * dLoss / dnet_k."""                                       # (8')
    cdef Py_ssize_t k
    cdef floating total = 0
    for k in range(n.K):
        delta[k] = weight * (y[k] - target[k])
    if loss == LOG_LOSS and n.output == SOFTMAX:
        for k in range(n.K):
            total += target[k]
        for k in range(n.K):
            delta[k] = weight * (y[k] * total - target[k])
    elif loss == SQUARED_ERROR and n.output == LOGISTIC:
        for k in range(n.K):
            delta[k] *= y[k] * (<floating>1 - y[k])
    elif loss == SQUARED_ERROR and n.output == SOFTMAX:
        for k in range(n.K):
            total += delta[k] * y[k]
        for k in range(n.K):
            delta[k] = y[k] * (delta[k] - total)


# ------------------------------------------------------------------------------------------------
# sources that come from outside: dense rows, or the rows of a CSR matrix


cdef int read_inputs(object data, const floating* w, Inputs* inputs) except -1:
    """The inputs that `data` holds, and has to hold as long as they are read; `w` gives the type."""
    cdef const floating[:, ::1] X = data.X
    cdef const floating[::1] values = data.values
    cdef const int32_t[::1] columns = data.columns, indptr = data.indptr
    inputs.sparse = data.sparse
    inputs.x = &X[0, 0] if X.shape[0] else NULL
    inputs.row = X.shape[1]
    inputs.time = 0
    inputs.values = &values[0] if values.shape[0] else NULL
    inputs.columns = &columns[0] if columns.shape[0] else NULL
    inputs.indptr = &indptr[0]
    inputs.step = NULL
    return 0


cdef inline void add_input_products(
    const Inputs* inputs, Py_ssize_t at, Py_ssize_t rows, Py_ssize_t n_inputs, Py_ssize_t width,   # IN
    const floating* w, floating* out, Py_ssize_t out_row,   # IN, STATE
) noexcept nogil:
    """out += X @ W, for the rows of X from `at` on."""
    cdef const floating* values = <const floating*>inputs.values
    if not inputs.sparse:
        product(
            rows, width, n_inputs, <const floating*>inputs.x + at * inputs.row, inputs.row, 1, w, width, out,
            out_row)
    elif floating is double:
        sklstm_gather_f64(
            rows, width, values, inputs.columns, inputs.indptr, inputs.step + at, w, out, out_row)
    else:
        sklstm_gather_f32(
            rows, width, values, inputs.columns, inputs.indptr, inputs.step + at, w, out, out_row)


cdef inline void add_input_gradient(
    const Inputs* inputs, Py_ssize_t at, Py_ssize_t rows, Py_ssize_t n_inputs, Py_ssize_t width,   # IN
    const floating* delta, Py_ssize_t delta_row, floating* grad,   # IN, STATE
) noexcept nogil:
    """grad += X.T @ delta, for the rows of X from `at` on."""
    cdef const floating* values = <const floating*>inputs.values
    if not inputs.sparse:
        product(
            n_inputs, width, rows, <const floating*>inputs.x + at * inputs.row, 1, inputs.row, delta,
            delta_row, grad, width)
    elif floating is double:
        sklstm_scatter_f64(
            rows, width, values, inputs.columns, inputs.indptr, inputs.step + at, delta, delta_row, grad)
    else:
        sklstm_scatter_f32(
            rows, width, values, inputs.columns, inputs.indptr, inputs.step + at, delta, delta_row, grad)


cdef inline Py_ssize_t touch(
    Py_ssize_t rows, const Inputs* inputs,
    int32_t[::1] touched, int32_t[::1] is_touched, Py_ssize_t n_touched,
) noexcept nogil:
    """Lists, each once, the inputs that are not zero in these rows of the CSR matrix.

    Each is written at the end of the list, which grows if it is new: whether it is, nobody could foresee.
    """
    cdef Py_ssize_t j, p
    cdef int32_t column
    for j in range(rows):
        for p in range(inputs.indptr[inputs.step[j]], inputs.indptr[inputs.step[j] + 1]):
            column = inputs.columns[p]
            touched[n_touched] = column
            n_touched += 1 - is_touched[column]
            is_touched[column] = 1
    return n_touched


# ------------------------------------------------------------------------------------------------
# a pack of sequences


cdef Py_ssize_t arrange_pack(
    const Shape* n,
    const int64_t[::1] start, const int64_t[::1] length,    # IN  (lanes,) first step, length; longest first
    const int64_t[::1] target,                              # IN  (lanes,) row of the first target
    const double[::1] weight,                               # IN  (targets,) or empty
    Py_ssize_t lo, Py_ssize_t hi,                           # IN  the lanes of this pack
    int64_t[::1] first,                                     # OUT (T + 2,) first row of each time
    int64_t[::1] step,                                      # OUT (rows,) step of each row from `lanes` on
    int64_t[::1] error_row, int64_t[::1] error_target,      # OUT (errors,) where errors are injected
    double[::1] error_weight,                               # OUT (errors,)
) noexcept nogil:
    """Lays the pack out in rows; returns the number of rows where errors are injected."""
    cdef Py_ssize_t lanes = hi - lo, T = length[lo], t, i, active = lanes, row = lanes, m = 0
    first[0] = 0
    if lanes == 1:                                          # the same as below, without a decision a step
        for t in range(T):
            first[t + 1] = t + 1
            step[t] = start[lo] + t
        if n.every_step:
            for t in range(T):
                error_row[t] = t + 1
                error_target[t] = target[lo] + t
        row = T + 1
        m = T
    for t in range(1, T + 1 if lanes > 1 else 0):
        while length[lo + active - 1] < t:
            active -= 1
        first[t] = row
        for i in range(active):
            step[row - lanes + i] = start[lo + i] + t - 1
            if n.every_step:
                error_row[m] = row + i
                error_target[m] = target[lo + i] + t - 1
                m += 1
        row += active
    first[T + 1] = row
    if not n.every_step:
        for i in range(lanes):
            error_row[i] = first[length[lo + i]] + i
            error_target[i] = target[lo + i]
        m = lanes
    if weight.shape[0]:
        for i in range(m):
            error_weight[i] = weight[error_target[i]]
    return m


cdef inline void reset_state(
    const Shape* n, Py_ssize_t lanes, floating[:, ::1] Y, floating[:, ::1] S
) noexcept nogil:
    """Before the first step every activation and state is zero."""
    cdef Py_ssize_t i
    for i in range(lanes):
        memset(&Y[i, n.recurrent], 0, n.R * sizeof(floating))
        memset(&S[i, 0], 0, n.Cp * sizeof(floating))


cdef inline Py_ssize_t distance_of_lanes(
    const int64_t[::1] start, const int64_t[::1] length, Py_ssize_t lo, Py_ssize_t hi
) noexcept nogil:
    """Steps from one sequence of a pack to the next, if they are the same and all are as long; else 0."""
    cdef Py_ssize_t i, distance = start[lo + 1] - start[lo] if hi - lo > 1 else 0
    for i in range(lo + 1, hi):
        if start[i] - start[i - 1] != distance or length[i] != length[lo]:
            return 0
    return distance


cdef inline bint takes_steps(const Shape* n, bint sparse, Py_ssize_t lanes) noexcept nogil:
    """Whether x W + b is computed time by time, for rows that stay in the cache, or for all times at once.

    Then W is read at each time. That pays unless it has more rows than the net inputs, which otherwise are
    written, read and written again far away. A single sequence of a small network waits for each step's
    results: few inputs that are not zero cost it nothing. The bits are the same.
    """
    if n.is_small:
        return sparse and lanes == 1
    return lanes >= STEP_LANES and (sparse or n.M <= 4 * lanes)


cdef inline void net_inputs(
    const Shape* n, Py_ssize_t rows, const Inputs* inputs, Py_ssize_t t, Py_ssize_t first_row,   # IN
    const floating* w,                                      # IN
    floating* D,                                            # OUT (rows, Up) x W + b
) noexcept nogil:
    """What the inputs of time t give; they are the rows from `first_row` on."""                 # (1)
    cdef const floating* x
    if inputs.sparse:
        repeat(rows, n.Up, w + n.w_bias, D)
        add_input_products(inputs, first_row, rows, n.M, n.Up, w + n.w_input, D, n.Up)
        return
    x = <const floating*>inputs.x + (t * inputs.time if inputs.time else first_row * inputs.row)
    product_from(rows, n.Up, n.M, w + n.w_bias, 0, x, inputs.row, 1, w + n.w_input, n.Up, D, n.Up)


cdef void forward_pack(
    const Shape* n, Py_ssize_t T, const int64_t* first,
    const Inputs* inputs,                                   # IN  NULL: D holds x W + b already
    const floating* w, const floating* table,               # IN
    floating* D,                                            # WORK (rows, Up) x W + b, then net inputs
    floating* Y, floating* S, floating* HS,                 # STATE time 0 is given, the rest OUT
) noexcept nogil:
    cdef Py_ssize_t t, row, rows
    cdef floating* net
    if n.is_small:
        if floating is double:
            sklstm_forward_small_f64(n, T, first, inputs, w, table, D, Y, S, HS)
        else:
            sklstm_forward_small_f32(n, T, first, inputs, w, table, D, Y, S, HS)
        return
    for t in range(1, T + 1):
        row = first[t]
        rows = first[t + 1] - row
        net = D + row * n.Up
        if inputs != NULL:                                  # the rows of time 0 are free, and in the cache
            net = D
            net_inputs(n, rows, inputs, t - 1, row - first[1], w, net)
        if n.R:
            product(
                rows, n.Up, n.R, Y + first[t - 1] * n.stride + n.recurrent, n.stride, 1,
                w + n.w_recurrent, n.Up, net, n.Up)                                # (1)
        forward_rows(
            n, rows, row - first[t - 1], w, table, net, Y + row * n.stride, S + row * n.Cp,
            HS + row * n.Cp)


cdef void add_recurrent_gradient(
    const Shape* n, Py_ssize_t t, Py_ssize_t T, const int64_t[::1] first,
    const floating[:, ::1] Y, const floating[:, ::1] D, floating[::1] grad,
) noexcept nogil:
    """grad += y(t-1).T @ delta(t) for the times t..T, in as few products as the rows allow."""
    cdef Py_ssize_t until, rows
    while t <= T:
        rows = first[t + 1] - first[t]
        until = t + 1
        if first[t] - first[t - 1] == rows:             # the rows of time t follow those of t - 1 one to one
            while until <= T and first[until + 1] - first[until] == rows:
                until += 1
        product(
            n.R, n.Up, first[until] - first[t], &Y[first[t - 1], n.recurrent], 1, n.stride,
            &D[first[t], 0], n.Up, &grad[n.w_recurrent], n.Up)                     # (15)
        t = until


cdef void add_bias_gradient(
    const Shape* n, Py_ssize_t lo, Py_ssize_t hi, const floating[:, ::1] D, floating[::1] grad
) noexcept nogil:
    """grad += the deltas of rows lo..hi, for the units that have a bias."""
    if n.cell_bias or n.gate_bias:
        add_rows(hi - lo, n.Up, &D[lo, 0], &grad[n.w_bias])
        clear_absent_biases(n, grad)


cdef void clear_absent_biases(const Shape* n, floating[::1] grad) noexcept nogil:
    if not n.gate_bias:
        memset(&grad[n.w_bias + n.C], 0, (n.y_n - n.C) * sizeof(floating))
    if not n.cell_bias:
        memset(&grad[n.w_bias], 0, n.C * sizeof(floating))
        memset(&grad[n.w_bias + n.y_n], 0, n.N * sizeof(floating))


cdef void add_gradient(
    const Shape* n, Py_ssize_t t, Py_ssize_t T, Py_ssize_t lanes,
    const Inputs* inputs,
    const int64_t[::1] first, const floating[:, ::1] Y, const floating[:, ::1] D, floating[::1] grad,
) noexcept nogil:
    """What the deltas of the times t..T give: all but what belongs to output units and peepholes."""   # (15)
    cdef Py_ssize_t lo = first[t], rows = first[T + 1] - lo
    if n.R:
        add_recurrent_gradient(n, t, T, first, Y, D, grad)
    add_bias_gradient(n, lo, lo + rows, D, grad)
    add_input_gradient(inputs, lo - lanes, rows, n.M, n.Up, &D[lo, 0], n.Up, &grad[n.w_input])


cdef void backward_pack(
    const Shape* n, Py_ssize_t T, Py_ssize_t lanes, bint full,
    const Inputs* inputs, const int64_t[::1] first,
    Py_ssize_t errors, const int64_t[::1] error_row,        # IN  rows where errors enter
    const floating[::1] w, const floating[::1] wt,          # IN  weights, transposed copies of two parts
    const floating[:, ::1] Y, const floating[:, ::1] S, const floating[:, ::1] HS,   # IN
    const floating[:, ::1] EH,                              # IN  (errors, Hp) errors at y_n and y_c
    floating[:, ::1] E,                                     # OUT (lanes, stride) errors at the activations
    floating[:, ::1] ES,                                    # OUT (lanes, Cp) errors at the states
    floating[:, ::1] D,                                     # OUT deltas in place of the net inputs
    floating[::1] grad,                                     # STATE all but the outputs' part
) noexcept nogil:
    """Errors back through time; E and ES end as the errors at the initial activations and states."""
    cdef Py_ssize_t t, i, j, u, row, before, active, until = T, at_once = first[T + 1]
    memset(&E[0, 0], 0, lanes * n.stride * sizeof(floating))
    memset(&ES[0, 0], 0, lanes * n.Cp * sizeof(floating))
    if n.is_small:
        if floating is double:
            sklstm_backward_small_f64(
                n, full, T, &first[0], errors, &error_row[0], &wt[0], &Y[0, 0], &S[0, 0], &HS[0, 0],
                &EH[0, 0], &E[0, 0], &ES[0, 0], &D[0, 0])
        else:
            sklstm_backward_small_f32(
                n, full, T, &first[0], errors, &error_row[0], &wt[0], &Y[0, 0], &S[0, 0], &HS[0, 0],
                &EH[0, 0], &E[0, 0], &ES[0, 0], &D[0, 0])
        add_gradient(n, 1, T, lanes, inputs, first, Y, D, grad)
        return
    if n.Up * sizeof(floating) > SMALL_BYTES and n.R * n.Up * sizeof(floating) <= GRADIENT_BYTES:
        at_once = GRADIENT_ROWS                             # the gradient stays in the cache, too
    j = errors
    for t in range(T, 0, -1):
        active = first[t + 1] - first[t]
        for i in range(active - 1, -1, -1):
            row = first[t] + i
            before = first[t - 1] + i
            if n.every_step:
                j -= 1
            else:
                j = i
            if error_row[j] == row:
                for u in range(n.H):
                    E[i, n.y_n + u] += EH[j, u]                                    # (9)
            if floating is double:
                sklstm_backward_row_f64(
                    n, full, &w[0], &E[i, 0], &Y[row, 0], &S[before, 0], &S[row, 0], &HS[row, 0], &ES[i, 0],
                    &D[row, 0], &grad[0])
            else:
                sklstm_backward_row_f32(
                    n, full, &w[0], &E[i, 0], &Y[row, 0], &S[before, 0], &S[row, 0], &HS[row, 0], &ES[i, 0],
                    &D[row, 0], &grad[0])
        if n.every_step or full or t == T or first[t + 2] - first[t + 1] < active:
            memset(&E[0, 0], 0, active * n.stride * sizeof(floating))
        if full and n.R:
            product(
                active, n.Rp, n.U, &D[first[t], 0], n.Up, 1, &wt[0], n.Rp, &E[0, n.recurrent], n.stride)
        if t == 1 or first[until + 1] - first[t] >= at_once:
            add_gradient(n, t, until, lanes, inputs, first, Y, D, grad)
            until = t - 1


cdef inline const floating* output_sources(
    const Shape* n, Py_ssize_t lanes, Py_ssize_t errors, const int64_t[::1] error_row,
    const floating[:, ::1] Y,
    floating[:, ::1] HR,                                    # WORK (errors, Hp)
    Py_ssize_t* source_row,                                 # OUT  distance of two rows
) noexcept nogil:
    """The activations y_n and y_c of the rows where errors enter: where they are, or a copy."""
    cdef Py_ssize_t j
    if n.every_step:
        source_row[0] = n.stride
        return &Y[lanes, n.y_n]
    for j in range(errors):
        memcpy(&HR[j, 0], &Y[error_row[j], n.y_n], n.H * sizeof(floating))
    source_row[0] = n.Hp
    return &HR[0, 0]


cdef void forward_outputs(
    const Shape* n, const Inputs* inputs, Py_ssize_t lanes, Py_ssize_t errors, const int64_t[::1] error_row,
    const floating[::1] w, const floating* sources, Py_ssize_t source_row,   # IN
    floating[:, ::1] O,                                     # OUT  (errors, Kp) net inputs of the output units
) noexcept nogil:
    cdef Py_ssize_t j
    product_from(
        errors, n.Kp, n.H, &w[n.v_bias], 0, sources, source_row, 1, &w[n.v_hidden], n.Kp, &O[0, 0],
        n.Kp)                                                                      # (8)
    if n.shortcut:
        if n.every_step:
            add_input_products(inputs, 0, errors, n.M, n.Kp, &w[n.v_input], &O[0, 0], n.Kp)
            return
        for j in range(errors):
            add_input_products(inputs, error_row[j] - lanes, 1, n.M, n.Kp, &w[n.v_input], &O[j, 0], n.Kp)


cdef void add_output_gradient(
    const Shape* n, const Inputs* inputs, Py_ssize_t lanes, Py_ssize_t errors, const int64_t[::1] error_row,
    const floating* sources, Py_ssize_t source_row, const floating[:, ::1] OD,   # IN
    floating[::1] grad,                                     # STATE
) noexcept nogil:
    cdef Py_ssize_t j
    product(n.H, n.Kp, errors, sources, 1, source_row, &OD[0, 0], n.Kp, &grad[n.v_hidden], n.Kp)  # (15)
    if n.output_bias:
        add_rows(errors, n.Kp, &OD[0, 0], &grad[n.v_bias])
    if n.shortcut:
        if n.every_step:
            add_input_gradient(inputs, 0, errors, n.M, n.Kp, &OD[0, 0], n.Kp, &grad[n.v_input])
            return
        for j in range(errors):
            add_input_gradient(inputs, error_row[j] - lanes, 1, n.M, n.Kp, &OD[j, 0], n.Kp, &grad[n.v_input])


cdef void transpose_weights(
    const Shape* n, bint full, const floating[::1] w, floating[::1] wt
) noexcept nogil:
    """The two matrices that the backward pass reads the other way round."""
    if full and n.R:
        transpose(n.R, n.U, &w[n.w_recurrent], n.Up, &wt[0], n.Rp)
    transpose(n.H, n.K, &w[n.v_hidden], n.Kp, &wt[n.U * n.Rp], n.Hp)


# ------------------------------------------------------------------------------------------------
# gradient -> step


cdef double sum_of_squares(const floating[::1] a, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i
    cdef double total = 0
    for i in range(lo, hi):
        total += <double>a[i] * a[i]
    return total


cdef void step_range(
    const double[::1] hyper, double scale, double alpha, Py_ssize_t lo, Py_ssize_t hi,
    floating[::1] w, floating[::1] grad, floating[::1] m, floating[::1] v,    # STATE
) noexcept nogil:
    """One update of the weights lo..hi; their gradient is zero afterwards.

    m, v: velocity (SGD); first and second moment (Adam); last gradient and step size (RPROP).
    """
    cdef Py_ssize_t i, n = hi - lo
    cdef floating g, rate = <floating>hyper[RATE], momentum = <floating>hyper[MOMENTUM]
    cdef floating beta1 = <floating>hyper[BETA1], beta2 = <floating>hyper[BETA2]
    cdef floating epsilon = <floating>hyper[EPSILON], a = <floating>alpha, c = <floating>scale
    cdef double t = hyper[N_UPDATES]
    cdef floating unbias1, unbias2
    if n == 0:
        return
    if hyper[KIND] == SGD:
        if floating is double:
            sklstm_sgd_f64(n, rate, momentum, c, a, &grad[lo], &m[0] + lo, &w[lo])
        else:
            sklstm_sgd_f32(n, rate, momentum, c, a, &grad[lo], &m[0] + lo, &w[lo])
    elif hyper[KIND] == ADAM:
        unbias1 = <floating>(1 / (1 - beta1 ** t))
        unbias2 = <floating>(1 / (1 - beta2 ** t))
        if floating is double:
            sklstm_adam_f64(
                n, rate, beta1, beta2, unbias1, unbias2, epsilon, c, a, &grad[lo], &m[lo], &v[lo], &w[lo])
        else:
            sklstm_adam_f32(
                n, rate, beta1, beta2, unbias1, unbias2, epsilon, c, a, &grad[lo], &m[lo], &v[lo], &w[lo])
    else:                                               # Igel & Huesken (2000), iRprop-
        for i in range(lo, hi):
            g = c * grad[i] + a * w[i]
            if g * m[i] > 0:
                v[i] = <floating>min(v[i] * RPROP_UP, RPROP_MAX)
            elif g * m[i] < 0:
                v[i] = <floating>max(v[i] * RPROP_DOWN, RPROP_MIN)
                g = 0
            if g > 0:
                w[i] -= v[i]
            elif g < 0:
                w[i] += v[i]
            m[i] = g
    memset(&grad[lo], 0, (hi - lo) * sizeof(floating))


cdef void update_weights(
    const Shape* n, bint lazy, double[::1] hyper,
    const int32_t* touched, Py_ssize_t n_touched,           # IN  inputs with a gradient in W, used if lazy
    const int32_t* shown, Py_ssize_t n_shown,               # IN  inputs with a gradient in V
    floating[::1] w, floating[::1] grad, floating[::1] m, floating[::1] v,    # STATE
) noexcept nogil:
    """Clips the gradient, adds the L2 penalty (not on biases) and takes the solver's step.

    `lazy`: only the weights of the touched inputs, since the step of the others is zero.
    """
    cdef Py_ssize_t i, row
    cdef double scale = 1, alpha = hyper[ALPHA], norm
    hyper[N_UPDATES] += 1
    if hyper[CLIP] > 0:
        norm = sum_of_squares(grad, 0, n.w_input if lazy else n.n_packed)
        if lazy:
            for i in range(n_touched):
                row = n.w_input + touched[i] * n.Up
                norm += sum_of_squares(grad, row, row + n.Up)
            for i in range(n_shown if n.shortcut else 0):
                row = n.v_input + shown[i] * n.Kp
                norm += sum_of_squares(grad, row, row + n.Kp)
        norm = sqrt(norm)
        if norm > hyper[CLIP]:
            scale = hyper[CLIP] / norm
            if <floating>scale == 0:                        # the norm is too large: no step of zero, but
                scale = NAN                                 # weights by which divergence is seen
    step_range(hyper, scale, alpha, 0, n.w_bias, w, grad, m, v)
    step_range(hyper, scale, 0, n.w_bias, n.w_peep_in, w, grad, m, v)
    step_range(hyper, scale, alpha, n.w_peep_in, n.v_bias, w, grad, m, v)
    step_range(hyper, scale, 0, n.v_bias, n.w_input, w, grad, m, v)
    if not lazy:
        step_range(hyper, scale, alpha, n.w_input, n.n_packed, w, grad, m, v)
        return
    step_rows(hyper, scale, n_touched, touched, n.Up, &w[0] + n.w_input, &grad[0] + n.w_input)
    if n.shortcut:
        step_rows(hyper, scale, n_shown, shown, n.Kp, &w[0] + n.v_input, &grad[0] + n.v_input)


cdef inline void step_rows(
    const double[::1] hyper, double scale, Py_ssize_t rows, const int32_t* which, Py_ssize_t width,
    floating* w, floating* grad,                            # STATE
) noexcept nogil:
    """What `step_range` does, for some rows of W; only plain gradient descent is lazy."""
    if floating is double:
        sklstm_sgd_rows_f64(rows, which, width, hyper[RATE], scale, grad, w)
    else:
        sklstm_sgd_rows_f32(rows, which, width, <float>hyper[RATE], <float>scale, grad, w)


# ------------------------------------------------------------------------------------------------
# a pack, whole: the inputs of these two functions are what the entry points unpack from Python


cdef Py_ssize_t start_pack(
    const Shape* n, const Inputs* data,
    const int64_t[::1] start, const int64_t[::1] length, const int64_t[::1] target, const double[::1] weight,
    Py_ssize_t lo, Py_ssize_t hi,                           # IN  the lanes of this pack
    bint keep,                                              # IN  whether its dense inputs are asked for again
    int64_t[::1] first, int64_t[::1] step,                  # OUT
    int64_t[::1] error_row, int64_t[::1] error_target, double[::1] error_weight,   # OUT
    floating[:, ::1] XG,                                    # OUT dense inputs, if they are put side by side
    Inputs* inputs,                                         # OUT the inputs of the pack
) noexcept nogil:
    """Lays a pack out; returns the number of errors."""
    cdef Py_ssize_t lanes = hi - lo, T = length[lo], j, distance = 0
    cdef const floating* X = <const floating*>data.x
    cdef Py_ssize_t errors = arrange_pack(
        n, start, length, target, weight, lo, hi, first, step, error_row, error_target, error_weight)
    inputs[0] = data[0]
    inputs.step = &step[0]
    if not data.sparse:
        if not keep:
            distance = distance_of_lanes(start, length, lo, hi)
        if distance or lanes == 1:                          # they can be read where they are
            inputs.x = X + start[lo] * n.M
            inputs.row = distance * n.M if distance else n.M
            inputs.time = n.M if distance else 0
        else:
            inputs.x = &XG[0, 0]
            for j in range(first[T + 1] - lanes):
                memcpy(&XG[j, 0], X + step[j] * n.M, n.M * sizeof(floating))
    return errors


cdef inline void all_net_inputs(
    const Shape* n, const Inputs* inputs, Py_ssize_t lanes, Py_ssize_t T, Py_ssize_t rows,
    const floating[::1] w,                                  # IN
    floating[:, ::1] D,                                     # OUT x W + b of a pack, from row `lanes` on
) noexcept nogil:
    cdef Py_ssize_t t
    if inputs.time:
        for t in range(T):
            net_inputs(n, lanes, inputs, t, t * lanes, &w[0], &D[(t + 1) * lanes, 0])
    else:
        net_inputs(n, rows - lanes, inputs, 0, 0, &w[0], &D[lanes, 0])


cdef inline Py_ssize_t forward_all(
    const Shape* n, const Inputs* data,
    const int64_t[::1] start, const int64_t[::1] length, const int64_t[::1] target, const double[::1] weight,
    Py_ssize_t lo, Py_ssize_t hi, bint keep,
    const floating[::1] w, const floating[::1] table,       # IN
    int64_t[::1] first, int64_t[::1] step,                  # OUT
    int64_t[::1] error_row, int64_t[::1] error_target, double[::1] error_weight,   # OUT
    floating[:, ::1] XG, floating[:, ::1] D, floating[:, ::1] Y, floating[:, ::1] S, floating[:, ::1] HS,
    floating[:, ::1] HR, floating[:, ::1] O,                # OUT
    Inputs* inputs, const floating** sources, Py_ssize_t* source_row,              # OUT
) noexcept nogil:
    """Inputs to the net inputs of the output units. Rows of time 0 hold the initial state already."""
    cdef Py_ssize_t T = length[lo]
    cdef bint in_steps = takes_steps(n, data.sparse, hi - lo)
    cdef Py_ssize_t errors = start_pack(
        n, data, start, length, target, weight, lo, hi, keep,
        first, step, error_row, error_target, error_weight, XG, inputs)
    if not in_steps:
        all_net_inputs(n, inputs, hi - lo, T, first[T + 1], w, D)
    forward_pack(
        n, T, &first[0], inputs if in_steps else NULL, &w[0], &table[0], &D[0, 0], &Y[0, 0], &S[0, 0],
        &HS[0, 0])
    sources[0] = output_sources(n, hi - lo, errors, error_row, Y, HR, source_row)
    forward_outputs(n, inputs, hi - lo, errors, error_row, w, sources[0], source_row[0], O)
    return errors


cdef double gradient_all(
    const Shape* n, const Inputs* data, int loss, bint full, double scale,
    const int64_t[::1] start, const int64_t[::1] length, const int64_t[::1] target, const double[::1] weight,
    Py_ssize_t lo, Py_ssize_t hi,
    const floating[:, ::1] targets,
    const floating[::1] w, const floating[::1] wt, const floating[::1] table,   # IN
    int64_t[::1] first, int64_t[::1] step,                  # OUT
    int64_t[::1] error_row, int64_t[::1] error_target, double[::1] error_weight,   # OUT
    floating[:, ::1] XG, floating[:, ::1] D, floating[:, ::1] Y, floating[:, ::1] S, floating[:, ::1] HS,
    floating[:, ::1] HR, floating[:, ::1] O, floating[:, ::1] outputs, floating[:, ::1] OD,
    floating[:, ::1] EH, floating[:, ::1] E, floating[:, ::1] ES,   # OUT
    floating[::1] grad,                                     # STATE += scale * gradient
    floating[:, ::1] record,                                # OUT (targets, K) outputs, or empty
) noexcept nogil:
    """Loss of the lanes lo..hi (weighted, not scaled); their gradient, times `scale`, is added to `grad`."""
    cdef Py_ssize_t errors, source_row
    cdef Inputs inputs
    cdef const floating* sources
    errors = forward_all(
        n, data, start, length, target, weight, lo, hi, True, w, table,
        first, step, error_row, error_target, error_weight, XG, D, Y, S, HS, HR, O,
        &inputs, &sources, &source_row)
    return backward_all(
        n, &inputs, loss, full, scale, hi - lo, length[lo], targets, w, wt, table,
        first, errors, error_row, error_target, error_weight, sources, source_row,
        D, Y, S, HS, O, outputs, OD, EH, E, ES, grad, record)


cdef inline double squared_errors(
    const Shape* n, Py_ssize_t errors, double scale, const floating[::1] table,
    const floating[:, ::1] targets, const int64_t[::1] error_target, const double[::1] error_weight,   # IN
    const floating[:, ::1] O, floating[:, ::1] outputs, floating[:, ::1] OD,   # IN, OUT, OUT
    floating[:, ::1] record,                                # OUT (targets, K) outputs, or empty
) noexcept nogil:
    """What `output_activation`, `row_loss` and `row_delta` do, for all rows at once; usual on-line."""
    cdef const floating* y = &O[0, 0]
    if n.output == LOGISTIC:
        y = &outputs[0, 0]
        squash(errors, n.Kp, &table[n.t_output], &O[0, 0], &outputs[0, 0])
    if floating is double:
        return sklstm_squared_error_f64(
            errors, n.K, n.Kp, n.output == LOGISTIC, scale, y, &targets[0, 0], &error_target[0],
            &error_weight[0], &OD[0, 0], &record[0, 0] if record.shape[0] else NULL)
    else:
        return sklstm_squared_error_f32(
            errors, n.K, n.Kp, n.output == LOGISTIC, scale, y, &targets[0, 0], &error_target[0],
            &error_weight[0], &OD[0, 0], &record[0, 0] if record.shape[0] else NULL)


cdef double backward_all(
    const Shape* n, const Inputs* inputs, int loss, bint full, double scale,
    Py_ssize_t lanes, Py_ssize_t T,
    const floating[:, ::1] targets,
    const floating[::1] w, const floating[::1] wt, const floating[::1] table,   # IN
    const int64_t[::1] first, Py_ssize_t errors,            # IN
    const int64_t[::1] error_row, const int64_t[::1] error_target, const double[::1] error_weight,   # IN
    const floating* sources, Py_ssize_t source_row,     # IN
    floating[:, ::1] D, const floating[:, ::1] Y, const floating[:, ::1] S, const floating[:, ::1] HS,
    const floating[:, ::1] O, floating[:, ::1] outputs, floating[:, ::1] OD,
    floating[:, ::1] EH, floating[:, ::1] E, floating[:, ::1] ES,   # OUT
    floating[::1] grad,                                     # STATE += scale * gradient
    floating[:, ::1] record,                                # OUT (targets, K) outputs, or empty
) noexcept nogil:
    """Net inputs of the output units to loss and gradient."""
    cdef Py_ssize_t j
    cdef const floating* target_row
    cdef double value = 0
    if loss == SQUARED_ERROR and n.output != SOFTMAX:
        value = squared_errors(
            n, errors, scale, table, targets, error_target, error_weight, O, outputs, OD, record)
    else:
        for j in range(errors):
            target_row = &targets[error_target[j], 0]
            output_activation(n, &table[n.t_output], &O[j, 0], &outputs[j, 0])
            if error_weight[j] == 0:
                memset(&OD[j, 0], 0, n.K * sizeof(floating))
                continue
            value += error_weight[j] * row_loss(n, loss, &O[j, 0], &outputs[j, 0], target_row)
            row_delta(
                n, loss, <floating>(scale * error_weight[j]), &outputs[j, 0], target_row, &OD[j, 0])
            if record.shape[0]:
                memcpy(&record[error_target[j], 0], &outputs[j, 0], n.K * sizeof(floating))
    memset(&EH[0, 0], 0, errors * n.Hp * sizeof(floating))
    product(errors, n.Hp, n.K, &OD[0, 0], n.Kp, 1, &wt[n.U * n.Rp], n.Hp, &EH[0, 0], n.Hp)   # (9)
    backward_pack(
        n, T, lanes, full, inputs, first, errors, error_row, w, wt,
        Y, S, HS, EH, E, ES, D, grad)
    add_output_gradient(
        n, inputs, lanes, errors, error_row, sources, source_row, OD, grad)
    return value


# ------------------------------------------------------------------------------------------------
# the gradient forwards: partials ds/dw carried from step to step (1997, appendix A.1; 2002, section 4)
#
# P has a row for each source, recurrent, bias, inputs, and in it ds_c/dw for the weights from this source to
#     net_c | net_in of c's block | net_forget of c's block          (C columns each)


cdef inline void carry_partials(
    const Shape* n, const Inputs* inputs, Py_ssize_t nz_lo, Py_ssize_t nz_hi,
    const int32_t[::1] touched, Py_ssize_t n_touched,       # IN  inputs whose partials are not all zero
    const floating* z,                                      # IN  (R,) recurrent sources
    const floating* y, const floating* s_prev,              # IN
    floating[:, ::1] P, floating[:, ::1] PP,                # STATE partials of weights, of peepholes
    floating* decay, floating* gain,                        # WORK (Pp,)
) noexcept nogil:
    cdef Py_ssize_t v, b, c, i, peer, B = n.B
    cdef const floating* x = <const floating*>inputs.x
    cdef const floating* values = <const floating*>inputs.values
    cdef floating zero = 0, one = 1, f
    cdef floating g_slope = <floating>n.g_slope, g_low = <floating>n.g_low
    cdef floating g_high = <floating>n.g_high, g_one = <floating>n.g_one
    for v in range(n.S):
        for b in range(B):
            c = v * B + b
            decay[c] = y[n.y_forget + b]
            gain[c] = y[n.y_in + b] * (g_slope * (y[c] - g_low) * (g_high - y[c]) + g_one)
            if n.has_in:
                f = y[n.y_in + b]
                decay[n.p_in + c] = decay[c]
                gain[n.p_in + c] = y[c] * f * (<floating>1 - f)
            if n.has_forget:
                f = y[n.y_forget + b]
                decay[n.p_forget + c] = decay[c]
                gain[n.p_forget + c] = s_prev[c] * f * (<floating>1 - f)
    decay_and_add(n.R, n.Pp, decay, z, gain, &P[0, 0])                             # (16)
    decay_and_add(1, n.Pp, decay, &one, gain, &P[n.R, 0])
    if not inputs.sparse:
        decay_and_add(n.M, n.Pp, decay, x, gain, &P[n.R + 1, 0])
    else:
        if n.has_forget:
            for i in range(n_touched):
                decay_and_add(1, n.Pp, decay, &zero, gain, &P[n.R + 1 + touched[i], 0])
        for i in range(nz_lo, nz_hi):
            product(1, n.Pp, 1, &values[i], 1, 1, gain, n.Pp, &P[n.R + 1 + inputs.columns[i], 0], n.Pp)
    if n.peepholes:
        for peer in range(n.S):
            for v in range(n.S):
                for b in range(B):
                    c = v * B + b
                    if n.has_in:
                        PP[peer, c] = decay[c] * PP[peer, c] + s_prev[peer * B + b] * gain[n.p_in + c]  # (16)
                    if n.has_forget:
                        PP[n.S + peer, c] = (
                            decay[c] * PP[n.S + peer, c] + s_prev[peer * B + b] * gain[n.p_forget + c])


cdef inline void add_partials(
    const Shape* n, Py_ssize_t sources, const int32_t* which, const floating* e, const floating* p,
    floating* grad,
) noexcept nogil:
    """grad += e ds/dw for rows 0..sources, or those that `which` names."""          # (17)
    if floating is double:
        sklstm_add_partials_f64(n, sources, which, e, p, grad)
    else:
        sklstm_add_partials_f32(n, sources, which, e, p, grad)


cdef inline void immediate_errors(
    const Shape* n, const floating* w, const floating* od,  # IN  (Kp,) deltas of the output units
    const floating* y, const floating* h,                   # IN
    floating* e,                                            # OUT (H,) errors at y_n and y_c
    floating* e_s,                                          # OUT (Cp,)
    floating* delta,                                        # OUT (Up,) output gates, hidden units; else 0
) noexcept nogil:
    cdef Py_ssize_t u, k, v, b, c, B = n.B
    cdef floating h_slope = <floating>n.h_slope, h_low = <floating>n.h_low
    cdef floating h_high = <floating>n.h_high, h_one = <floating>n.h_one
    cdef floating f
    for u in range(n.H):
        e[u] = 0
        for k in range(n.K):
            e[u] += w[n.v_hidden + u * n.Kp + k] * od[k]                           # (9)
    memset(delta, 0, n.Up * sizeof(floating))
    for u in range(n.N):
        delta[n.y_n + u] = e[u] * y[n.y_n + u] * (<floating>1 - y[n.y_n + u])                # (14)
    for v in range(n.S):
        for b in range(B):
            c = v * B + b
            f = h_slope * (h[c] - h_low) * (h_high - h[c]) + h_one                 # h'
            e_s[c] = y[n.y_out + b] * f * e[n.N + c]                               # (9')
            if n.has_out:
                delta[n.y_out + b] += h[c] * e[n.N + c]
    if n.has_out:
        for b in range(B):
            delta[n.y_out + b] *= y[n.y_out + b] * (<floating>1 - y[n.y_out + b])            # (10)


cdef inline void add_step_gradient(
    const Shape* n, const Inputs* inputs, Py_ssize_t nz_lo, Py_ssize_t nz_hi,
    const int32_t[::1] touched, Py_ssize_t n_touched,
    const floating* z, const floating* y, const floating* s,   # IN
    const floating* e_s, const floating* delta, const floating* od,   # IN
    const floating[:, ::1] P, const floating[:, ::1] PP,    # IN
    floating* e,                                            # WORK (Pp,), zeros where no partials are
    floating[::1] grad,                                     # STATE
) noexcept nogil:
    """Gradient of the error injected at this step."""
    cdef Py_ssize_t i, v, b, c, peer, B = n.B
    cdef const floating* x = <const floating*>inputs.x
    cdef const floating* values = <const floating*>inputs.values
    cdef floating one = 1
    memcpy(e, e_s, n.C * sizeof(floating))
    if n.has_in:
        memcpy(e + n.p_in, e_s, n.C * sizeof(floating))
    if n.has_forget:
        memcpy(e + n.p_forget, e_s, n.C * sizeof(floating))
    # output gates and hidden units: delta z; the carousel: e_s ds/dw
    product(n.R, n.Up, 1, z, 1, 1, delta, n.Up, &grad[n.w_recurrent], n.Up)
    add_partials(n, n.R, NULL, e, &P[0, 0], &grad[n.w_recurrent])
    product(1, n.Up, 1, &one, 1, 1, delta, n.Up, &grad[n.w_bias], n.Up)
    add_partials(n, 1, NULL, e, &P[n.R, 0], &grad[n.w_bias])
    clear_absent_biases(n, grad)
    if not inputs.sparse:
        product(n.M, n.Up, 1, x, 1, 1, delta, n.Up, &grad[n.w_input], n.Up)
        add_partials(n, n.M, NULL, e, &P[n.R + 1, 0], &grad[n.w_input])
    else:
        for i in range(nz_lo, nz_hi):
            product(
                1, n.Up, 1, &values[i], 1, 1, delta, n.Up, &grad[n.w_input + inputs.columns[i] * n.Up], n.Up)
        add_partials(n, n_touched, &touched[0], e, &P[n.R + 1, 0], &grad[n.w_input])
    if n.peepholes:
        for peer in range(n.S):
            for v in range(n.S):
                for b in range(B):
                    c = v * B + b
                    if n.has_in:
                        grad[n.w_peep_in + peer * B + b] += e_s[c] * PP[peer, c]  # (17)
                    if n.has_forget:
                        grad[n.w_peep_forget + peer * B + b] += e_s[c] * PP[n.S + peer, c]  # (17)
        if n.has_out:
            for v in range(n.S):
                for b in range(B):
                    grad[n.w_peep_out + v * B + b] += delta[n.y_out + b] * s[v * B + b]
    # output units
    product(n.H, n.Kp, 1, y + n.y_n, 1, 1, od, n.Kp, &grad[n.v_hidden], n.Kp)
    if n.output_bias:
        product(1, n.Kp, 1, &one, 1, 1, od, n.Kp, &grad[n.v_bias], n.Kp)
    if n.shortcut:
        if not inputs.sparse:
            product(n.M, n.Kp, 1, x, 1, 1, od, n.Kp, &grad[n.v_input], n.Kp)
        else:
            for i in range(nz_lo, nz_hi):
                product(
                    1, n.Kp, 1, &values[i], 1, 1, od, n.Kp, &grad[n.v_input + inputs.columns[i] * n.Kp], n.Kp)


# ------------------------------------------------------------------------------------------------
# one step of streams: called from Python for each, so all that it needs is looked up once


cdef void step_streams(
    const Shape* n, Py_ssize_t streams, Py_ssize_t lanes,   # IN  at most `lanes` of them in one product
    const floating* x, const floating* w, const floating* table,   # IN
    floating* D, floating* Y, floating* S, floating* HS,    # STATE rows 0 to streams of Y, S are given
    floating* O, floating* activation,                      # WORK (lanes, Kp), (Kp,)
    floating* outputs,                                      # OUT (streams, K)
) noexcept nogil:
    """What comes after the state goes to rows from `streams` on."""
    cdef Py_ssize_t lo = 0, rows, i
    cdef int64_t[3] first
    while lo < streams:
        rows = min(lanes, streams - lo)
        first[0], first[1], first[2] = lo, streams + lo, streams + lo + rows
        product_from(
            rows, n.Up, n.M, w + n.w_bias, 0, x + lo * n.M, n.M, 1, w + n.w_input, n.Up,
            D + first[1] * n.Up, n.Up)                                             # (1)
        forward_pack(n, 1, first, NULL, w, table, D, Y, S, HS)
        product_from(
            rows, n.Kp, n.H, w + n.v_bias, 0, Y + first[1] * n.stride + n.y_n, n.stride, 1,
            w + n.v_hidden, n.Kp, O, n.Kp)
        if n.shortcut:
            product(rows, n.Kp, n.M, x + lo * n.M, n.M, 1, w + n.v_input, n.Kp, O, n.Kp)
        for i in range(rows):
            output_activation(n, table + n.t_output, O + i * n.Kp, activation)                       # (8)
            memcpy(outputs + (lo + i) * n.K, activation, n.K * sizeof(floating))
        lo += rows


cdef bint all_finite(Py_ssize_t size, const floating* a) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(size):
        if not isfinite(a[i]):
            return False
    return True


cdef char* address(array) except NULL:
    """First byte of a contiguous array, which must outlive its use."""
    cdef Py_buffer view
    PyObject_GetBuffer(array, &view, PyBUF_SIMPLE)
    cdef char* start = <char*>view.buf
    PyBuffer_Release(&view)
    return start


cdef class Step:
    """One time step of streams, again and again.

    Parameters
    ----------
    plan : Plan
    n_streams, lanes : int
        Streams, and how many of them are computed at once.
    given, packed : ndarray
        Weights as users know them, and the kernel's copy of them.
    arrays : tuple of ndarray
        table, D, Y, S, HS (two rows a stream), O (a row a lane), activation (a row), outputs (a row a stream,
        without padding). Rows 0 to n_streams of Y and S hold the state.
    """

    cdef Plan plan
    cdef Py_ssize_t streams, lanes, item, n_bytes
    cdef object given, reference, copy_of_outputs, copy_of_one
    cdef bytes copied
    cdef tuple arrays
    cdef char* weights
    cdef char* w
    cdef char* at[8]

    def __init__(self, Plan plan, Py_ssize_t n_streams, Py_ssize_t lanes, given, packed, tuple arrays):
        cdef int i
        self.plan, self.streams, self.lanes = plan, n_streams, lanes
        self.given, self.copied = given, given.tobytes()
        self.reference = ref(given)  # NumPy then refuses to resize it, even with refcheck=False
        self.n_bytes, self.item = given.nbytes, packed.itemsize
        self.weights, self.w = address(given), address(packed)
        self.arrays = *arrays, packed
        self.copy_of_outputs, self.copy_of_one = arrays[7].copy, arrays[7][0].copy
        for i in range(8):
            self.at[i] = address(arrays[i])

    def __call__(self, weights, x):
        """Outputs after the inputs x, and the state moves on.

        None, and the state stays, if `weights` are others than at first, x is no C-contiguous array of the
        kernel's dtype with n_features numbers (or a row of them a stream), or a number is not finite.
        """
        cdef Py_buffer view
        cdef bint fits
        if weights is not self.given or memcmp(self.weights, <char*>self.copied, self.n_bytes) != 0:
            return None
        try:
            PyObject_GetBuffer(x, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
        except (TypeError, ValueError, BufferError):
            return None
        fits = (
            view.itemsize == self.item and view.format[0] == (c'd' if self.item == 8 else c'f')
            and view.len == self.streams * self.plan.shape.M * self.item
            and (view.ndim == 2 or (view.ndim == 1 and self.streams == 1))
            and view.shape[view.ndim - 1] == self.plan.shape.M
        )
        outputs, copy = None, self.copy_of_one if view.ndim == 1 else self.copy_of_outputs
        with critical_section(self):
            if fits and self.item == 8:
                fits = self.step(<const double*>view.buf)
            elif fits:
                fits = self.step(<const float*>view.buf)
            if fits:
                outputs = copy()
        PyBuffer_Release(&view)
        return outputs

    cdef bint step(self, const floating* x):
        cdef const Shape* n = &self.plan.shape
        cdef Py_ssize_t rows = self.streams
        cdef floating* Y = <floating*>self.at[2]
        cdef floating* S = <floating*>self.at[3]
        cdef unsigned long long mode
        if not (all_finite(rows * n.M, x) and all_finite(rows * n.Cp, S)):
            return False
        mode = sklstm_flush_subnormals()
        step_streams(
            n, rows, self.lanes, x, <floating*>self.w, <floating*>self.at[0], <floating*>self.at[1], Y, S,
            <floating*>self.at[4], <floating*>self.at[5], <floating*>self.at[6], <floating*>self.at[7])
        sklstm_restore(mode)
        memcpy(Y, Y + rows * n.stride, rows * n.stride * sizeof(floating))
        memcpy(S, S + rows * n.Cp, rows * n.Cp * sizeof(floating))
        return True


# ------------------------------------------------------------------------------------------------
# entry points: `data` holds the inputs, `lanes` the order of the sequences, `work` all that is written
# (the three are made in _kernel.py)


def forward(
    Plan plan, data, lanes, work, floating[::1] w, Py_ssize_t window,
    const int64_t[::1] recurrent, const int64_t[::1] internal,   # columns of Y and S in the users' order
    floating[:, ::1] activations, floating[:, ::1] cells,        # initial state, then the final one
    floating[:, ::1] outputs,
):
    """Outputs of one pack of sequences and its final state, in windows of so many time steps.

    If one window is enough, work.Y, work.S, work.HS keep every activation and state.
    """
    cdef:
        Shape* n = &plan.shape
        const int64_t[::1] start = lanes.start, length = lanes.length, target = lanes.target
        int64_t[::1] part_start = work.part_start, part_length = work.part_length
        int64_t[::1] part_target = work.part_target
        const floating[::1] table = work.table
        int64_t[::1] first = work.first, step = work.step
        int64_t[::1] error_row = work.error_row, error_target = work.error_target
        double[::1] error_weight = work.error_weight
        floating[:, ::1] XG = work.XG, D = work.D, Y = work.Y, S = work.S, HS = work.HS
        floating[:, ::1] HR = work.HR, O = work.O, OA = work.outputs
        const double[::1] weight = work.no_weight
        Inputs held, inputs
        const floating* sources
        Py_ssize_t active = start.shape[0], left, done = 0, errors, i, j, row, source_row
        unsigned long long mode
    read_inputs(data, &w[0], &held)
    with nogil:
        mode = sklstm_flush_subnormals()
        for i in range(active):
            for j in range(n.R):
                Y[i, recurrent[j]] = activations[i, j]
            for j in range(n.C):
                S[i, internal[j]] = cells[i, j]
        while active:
            for i in range(active):
                part_start[i] = start[i] + done
                part_length[i] = min(length[i] - done, window)
                part_target[i] = target[i] + (done if n.every_step else 0)
            errors = forward_all(
                n, &held, part_start, part_length, part_target, weight, 0, active, n.shortcut,
                w, table, first, step, error_row, error_target, error_weight, XG, D, Y, S, HS, HR, O, &inputs,
                &sources, &source_row)
            for j in range(errors):
                if n.every_step or length[j] - done <= window:
                    output_activation(n, &table[n.t_output], &O[j, 0], &OA[j, 0])
                    memcpy(&outputs[error_target[j], 0], &OA[j, 0], n.K * sizeof(floating))
            done += window
            left = 0
            for i in range(active):
                row = first[part_length[i]] + i
                if length[i] > done:
                    memcpy(&Y[i, 0], &Y[row, 0], n.stride * sizeof(floating))
                    memcpy(&S[i, 0], &S[row, 0], n.Cp * sizeof(floating))
                    left += 1
                    continue
                for j in range(n.R):
                    activations[i, j] = Y[row, recurrent[j]]
                for j in range(n.C):
                    cells[i, j] = S[row, internal[j]]
            active = left
        sklstm_restore(mode)


def gradient(
    Plan plan, data, lanes, work, floating[::1] w,
    const floating[:, ::1] targets, const double[::1] weight, int loss, bint full,
    double scale, bint reset, floating[::1] grad,
):
    """Loss of one pack; `scale` times its gradient is added to `grad`.

    `reset` starts from states of zero, else from the states in the first rows of work.Y and work.S.
    """
    cdef:
        Shape* n = &plan.shape
        Inputs held
        const int64_t[::1] start = lanes.start, length = lanes.length, target = lanes.target
        const floating[::1] table = work.table
        int64_t[::1] first = work.first, step = work.step
        int64_t[::1] error_row = work.error_row, error_target = work.error_target
        double[::1] error_weight = work.error_weight
        floating[:, ::1] XG = work.XG, D = work.D, Y = work.Y, S = work.S, HS = work.HS
        floating[:, ::1] HR = work.HR, O = work.O, OD = work.OD, EH = work.EH, E = work.E, ES = work.ES
        floating[:, ::1] outputs = work.outputs
        floating[::1] wt = work.wt
        floating[:, ::1] record = work.no_record
        double value
        unsigned long long mode
    read_inputs(data, &w[0], &held)
    with nogil:
        mode = sklstm_flush_subnormals()
        if reset:
            reset_state(n, start.shape[0], Y, S)
        transpose_weights(n, full, w, wt)
        value = gradient_all(
            n, &held, loss, full, scale, start, length, target, weight,
            0, start.shape[0], targets, w, wt, table, first, step, error_row, error_target, error_weight,
            XG, D, Y, S, HS, HR, O, outputs, OD, EH, E, ES, grad, record)
        sklstm_restore(mode)
    return value


def update(
    Plan plan, floating[::1] w, floating[::1] grad, floating[::1] m, floating[::1] v, double[::1] hyper
):
    """One step of the solver on the whole gradient, which is zero afterwards."""
    cdef unsigned long long mode
    with nogil:
        mode = sklstm_flush_subnormals()
        update_weights(&plan.shape, False, hyper, NULL, 0, NULL, 0, w, grad, m, v)
        sklstm_restore(mode)


def train(
    Plan plan, data, lanes, work, floating[::1] w,
    const floating[:, ::1] targets, const double[::1] weight, int loss, bint full,
    const int64_t[::1] batch, Py_ssize_t lo, Py_ssize_t hi, Py_ssize_t pack_lanes, bint mean,
    floating[::1] grad, floating[::1] m, floating[::1] v, double[::1] hyper, floating[:, ::1] record,
):
    """Batches lo..hi of an epoch, an update after each; returns the sum of the weighted losses.

    Batch k holds the lanes batch[k]..batch[k + 1]. `mean` divides each gradient by the batch's weight.
    `record` (targets, K), if not empty, gets the outputs from which each sequence was learned.
    Stops before the update at the first loss that is not finite, and returns it.
    """
    cdef:
        Shape* n = &plan.shape
        Inputs held
        const int64_t[::1] start = lanes.start, length = lanes.length, target = lanes.target
        const floating[::1] table = work.table
        int64_t[::1] first = work.first, step = work.step
        int64_t[::1] error_row = work.error_row, error_target = work.error_target
        double[::1] error_weight = work.error_weight
        floating[:, ::1] XG = work.XG, D = work.D, Y = work.Y, S = work.S, HS = work.HS
        floating[:, ::1] HR = work.HR, O = work.O, OD = work.OD, EH = work.EH, E = work.E, ES = work.ES
        floating[:, ::1] outputs = work.outputs
        floating[::1] wt = work.wt
        int32_t[::1] touched = work.touched, is_touched = work.is_touched
        Py_ssize_t k, i, row, pack, until, n_touched
        double total = 0, value, batch_weight
        bint lazy = data.sparse and hyper[KIND] == SGD and hyper[MOMENTUM] == 0 and hyper[ALPHA] == 0
        unsigned long long mode
    read_inputs(data, &w[0], &held)
    with nogil:
        mode = sklstm_flush_subnormals()
        for k in range(lo, hi):
            batch_weight = 0
            for i in range(batch[k], batch[k + 1]):
                for row in range(target[i], target[i] + (length[i] if n.every_step else 1)):
                    batch_weight += weight[row]
            if batch_weight == 0:
                continue
            transpose_weights(n, full, w, wt)
            value = 0
            n_touched = 0
            pack = batch[k]
            while pack < batch[k + 1]:
                until = min(pack + pack_lanes, batch[k + 1])
                reset_state(n, until - pack, Y, S)
                value += gradient_all(
                    n, &held, loss, full, 1 / batch_weight if mean else 1, start, length, target, weight,
                    pack, until, targets, w, wt, table, first, step, error_row, error_target, error_weight,
                    XG, D, Y, S, HS, HR, O, outputs, OD, EH, E, ES, grad, record)
                if lazy:
                    held.step = &step[0]
                    n_touched = touch(
                        first[length[pack] + 1] - (until - pack), &held, touched, is_touched, n_touched)
                pack = until
            total += value
            if not isfinite(value):
                break
            update_weights(
                n, lazy, hyper, &touched[0], n_touched, &touched[0], n_touched, w, grad, m, v)
            for i in range(n_touched):
                is_touched[touched[i]] = 0
        sklstm_restore(mode)
    return total


def train_steps(
    Plan plan, data, lanes, work, floating[::1] w,
    const floating[:, ::1] targets, const double[::1] weight, int loss,
    Py_ssize_t lo, Py_ssize_t hi, bint carry, bint ends,
    floating[::1] grad, floating[::1] m, floating[::1] v, double[::1] hyper, floating[:, ::1] record,
):
    """Sequences lo..hi with an update after each step that has a target; returns the sum of the losses.

    Truncated gradient by carried partials: the memory does not depend on the lengths. `carry` goes on from
    the state and the partials that `work` holds; `ends` says that the last step given ends the sequence.
    Stops before the update at the first loss that is not finite, and returns it.
    """
    cdef:
        Shape* n = &plan.shape
        Inputs one                                  # one step
        const int64_t[::1] start = lanes.start, length = lanes.length, target = lanes.target
        const floating[::1] table = work.table
        floating[:, ::1] D = work.D, Y = work.Y, S = work.S, HS = work.HS, O = work.O, OD = work.OD
        floating[:, ::1] EH = work.EH, ES = work.ES, P = work.P, PP = work.PP
        int32_t[::1] touched = work.touched, is_touched = work.is_touched
        int64_t[::1] count = work.count             # STATE how many inputs are touched in this sequence
        const floating* X
        Py_ssize_t i, j, t, row, nz_lo = 0, nz_hi = 0
        int64_t step
        double total = 0, value
        bint lazy = data.sparse and hyper[KIND] == SGD and hyper[MOMENTUM] == 0 and hyper[ALPHA] == 0
        unsigned long long mode
    read_inputs(data, &w[0], &one)
    one.step = &step
    X = <const floating*>one.x
    with nogil:
        mode = sklstm_flush_subnormals()
        for i in range(lo, hi):
            if not carry:
                reset_state(n, 1, Y, S)
                if one.sparse:
                    for j in range(count[0]):
                        memset(&P[n.R + 1 + touched[j], 0], 0, n.Pp * sizeof(floating))
                        is_touched[touched[j]] = 0
                    count[0] = 0
                    memset(&P[0, 0], 0, (n.R + 1) * n.Pp * sizeof(floating))
                else:
                    memset(&P[0, 0], 0, (n.R + 1 + n.M) * n.Pp * sizeof(floating))
                memset(&PP[0, 0], 0, 2 * n.S * n.Cp * sizeof(floating))
            for t in range(length[i]):
                step = start[i] + t
                if one.sparse:
                    nz_lo, nz_hi = one.indptr[step], one.indptr[step + 1]
                    count[0] = touch(1, &one, touched, is_touched, count[0])
                else:
                    one.x = X + step * n.M
                memcpy(&D[0, 0], &w[n.w_bias], n.Up * sizeof(floating))
                add_input_products(&one, 0, 1, n.M, n.Up, &w[n.w_input], &D[0, 0], n.Up)
                product(
                    1, n.Up, n.R, &Y[0, n.recurrent], n.stride, 1, &w[n.w_recurrent], n.Up, &D[0, 0], n.Up)
                forward_rows(n, 1, 1, &w[0], &table[0], &D[0, 0], &Y[1, 0], &S[1, 0], &HS[1, 0])
                carry_partials(
                    n, &one, nz_lo, nz_hi, touched, count[0], &Y[0, n.recurrent], &Y[1, 0], &S[0, 0], P, PP,
                    &P[n.R + 1 + n.M, 0], &P[n.R + 2 + n.M, 0])
                row = target[i] + (t if n.every_step else 0)
                if (n.every_step or (ends and t == length[i] - 1)) and weight[row] != 0:
                    memcpy(&O[0, 0], &w[n.v_bias], n.Kp * sizeof(floating))
                    product(1, n.Kp, n.H, &Y[1, n.y_n], n.stride, 1, &w[n.v_hidden], n.Kp, &O[0, 0], n.Kp)
                    if n.shortcut:
                        add_input_products(&one, 0, 1, n.M, n.Kp, &w[n.v_input], &O[0, 0], n.Kp)
                    output_activation(n, &table[n.t_output], &O[0, 0], &O[1, 0])
                    if record.shape[0]:
                        memcpy(&record[row, 0], &O[1, 0], n.K * sizeof(floating))
                    value = weight[row] * row_loss(n, loss, &O[0, 0], &O[1, 0], &targets[row, 0])
                    total += value
                    if not isfinite(value):
                        break
                    memset(&OD[0, 0], 0, n.Kp * sizeof(floating))
                    row_delta(n, loss, <floating>weight[row], &O[1, 0], &targets[row, 0], &OD[0, 0])
                    immediate_errors(
                        n, &w[0], &OD[0, 0], &Y[1, 0], &HS[1, 0], &EH[0, 0], &ES[0, 0], &D[1, 0])
                    add_step_gradient(
                        n, &one, nz_lo, nz_hi, touched, count[0], &Y[0, n.recurrent], &Y[1, 0], &S[1, 0],
                        &ES[0, 0], &D[1, 0], &OD[0, 0], P, PP, &P[n.R + 3 + n.M, 0],
                        grad)
                    update_weights(
                        n, lazy, hyper, &touched[0], count[0], one.columns + nz_lo if nz_hi > nz_lo else NULL,
                        nz_hi - nz_lo, w, grad, m, v)
                memcpy(&Y[0, 0], &Y[1, 0], n.stride * sizeof(floating))
                memcpy(&S[0, 0], &S[1, 0], n.Cp * sizeof(floating))
            if not isfinite(total):
                break
        sklstm_restore(mode)
    return total
