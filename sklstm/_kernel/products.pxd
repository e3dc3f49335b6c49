"""Products of matrices, dense and sparse, and sums of rows."""

from libc.stdint cimport int32_t, int64_t

from scipy.linalg.cython_blas cimport dgemm, sgemm

from sklstm._kernel.shapes cimport Inputs
from sklstm._kernel.simd cimport LANES, all_, fma, load, product_in_tiles, real, store, vec


cdef enum:
    BLAS_FROM = 500000                  # multiply-adds from which on BLAS is faster, if A is transposed,
    TILED_ROWS = 256                    # has more rows than that,
    TILED_UNITS = 64                    # and B has at least so many units


cdef inline bint is_for_tiles(
    Py_ssize_t rows, Py_ssize_t units, Py_ssize_t sources, Py_ssize_t a_source
) noexcept nogil:
    """Whether a product of these sizes is computed without BLAS."""
    return rows * units * sources < <Py_ssize_t>BLAS_FROM or rows < 8 or sources < 16 or (
        LANES > 1 and (units < TILED_UNITS or rows <= TILED_ROWS or a_source == 1))


cdef inline void product_from(
    Py_ssize_t rows, Py_ssize_t units, Py_ssize_t sources,
    const real* start, Py_ssize_t start_row, const real* a, Py_ssize_t a_row, Py_ssize_t a_source,
    const real* b, Py_ssize_t b_row, real* c, Py_ssize_t c_row,
) noexcept nogil:
    """C (rows x units) = start + A (rows x sources) B; `start` is C, or one row for all: start_row is 0.

    One of A's strides is 1. Small products have the same bits on every processor that has fma.
    """
    cdef int m, n, k, lda, ldb, ldc
    cdef real one = 1
    cdef char* trans_a
    cdef Py_ssize_t i, j
    if is_for_tiles(rows, units, sources, a_source):
        product_in_tiles(
            rows, units, sources, a, a_row, a_source, b, b_row, start, start_row, c, c_row)
        return
    if start_row == 0:
        for i in range(rows):
            for j in range(units // LANES):
                store(c + i * c_row + j * LANES, load(start + j * LANES))
    # BLAS counts columns: C.T += B.T @ A.T
    m, n, k = <int>units, <int>rows, <int>sources
    ldb, ldc = <int>b_row, <int>c_row
    trans_a = b"N" if a_source == 1 else b"T"
    lda = <int>(a_row if a_source == 1 else a_source)
    if sizeof(real) == 8:
        dgemm(
            b"N", trans_a, &m, &n, &k, <double*>&one, <double*>b, &ldb, <double*>a, &lda, <double*>&one,
            <double*>c, &ldc)
    else:
        sgemm(
            b"N", trans_a, &m, &n, &k, <float*>&one, <float*>b, &ldb, <float*>a, &lda, <float*>&one,
            <float*>c, &ldc)


cdef inline void product(
    Py_ssize_t rows, Py_ssize_t units, Py_ssize_t sources,
    const real* a, Py_ssize_t a_row, Py_ssize_t a_source, const real* b, Py_ssize_t b_row,
    real* c, Py_ssize_t c_row,
) noexcept nogil:
    """C += A B."""
    product_from(rows, units, sources, c, c_row, a, a_row, a_source, b, b_row, c, c_row)


cdef inline void add_multiple(Py_ssize_t width, real z, const real* x, real* y) noexcept nogil:
    """y += z x, for whole vectors."""
    cdef Py_ssize_t j
    cdef vec factor = all_(z)
    for j in range(width // LANES):
        store(y + j * LANES, fma(factor, load(x + j * LANES), load(y + j * LANES)))


cdef inline void add_rows(
    Py_ssize_t rows, Py_ssize_t width, const real* c, Py_ssize_t c_row, real* b
) noexcept nogil:
    """b += the sum of the rows of C (rows x width)."""
    cdef Py_ssize_t i, j
    cdef vec total
    for j in range(width // LANES):
        total = load(b + j * LANES)
        for i in range(rows):
            total = total + load(c + i * c_row + j * LANES)
        store(b + j * LANES, total)


cdef inline void transpose(
    Py_ssize_t rows, Py_ssize_t columns, const real* a, Py_ssize_t a_row, real* b, Py_ssize_t b_row
) noexcept nogil:
    """B (columns x rows) = A.T, with A (rows x columns)."""
    cdef Py_ssize_t i, j
    for j in range(columns):
        for i in range(rows):
            b[j * b_row + i] = a[i * a_row + j]


# ------------------------------------------------------------------------------------------------
# inputs: dense rows, or the rows of a CSR matrix


cdef inline void add_sparse_row(
    const Inputs* inputs, int64_t step, Py_ssize_t width, const real* w, real* out
) noexcept nogil:
    """out += x W, for one row x of the CSR matrix."""
    cdef Py_ssize_t p
    for p in range(inputs.indptr[step], inputs.indptr[step + 1]):
        add_multiple(width, inputs.values[p], w + inputs.columns[p] * width, out)


cdef inline void add_input_products(
    const Inputs* inputs, Py_ssize_t at, Py_ssize_t rows, Py_ssize_t n_inputs, Py_ssize_t width,   # IN
    const real* w, real* out, Py_ssize_t out_row,           # IN, STATE
) noexcept nogil:
    """out += X W, for the rows of X from `at` on."""
    cdef Py_ssize_t i
    if inputs.sparse:
        for i in range(rows):
            add_sparse_row(inputs, inputs.step[at + i], width, w, out + i * out_row)
        return
    product(rows, width, n_inputs, inputs.x + at * n_inputs, n_inputs, 1, w, width, out, out_row)


cdef inline void add_input_gradient(
    const Inputs* inputs, Py_ssize_t at, Py_ssize_t rows, Py_ssize_t n_inputs, Py_ssize_t width,   # IN
    const real* delta, Py_ssize_t delta_row, real* grad,    # IN, STATE
) noexcept nogil:
    """grad += X.T delta, for the rows of X from `at` on."""
    cdef Py_ssize_t i, p
    cdef int64_t step
    if inputs.sparse:
        for i in range(rows):
            step = inputs.step[at + i]
            for p in range(inputs.indptr[step], inputs.indptr[step + 1]):
                add_multiple(width, inputs.values[p], delta + i * delta_row, grad + inputs.columns[p] * width)
        return
    product(n_inputs, width, rows, inputs.x + at * n_inputs, 1, n_inputs, delta, delta_row, grad, width)


cdef inline Py_ssize_t touch(
    Py_ssize_t rows, const Inputs* inputs, int32_t* touched, int32_t* is_touched, Py_ssize_t n_touched,
) noexcept nogil:
    """Lists the inputs that are not zero in these rows of the CSR matrix, each once; returns their number.

    Branch-free, as the branch would be unpredictable: each is written at the end of the list, which grows if
    it is new.
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
