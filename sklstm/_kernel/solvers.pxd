"""Steps of the solvers, from the gradient."""

from libc.math cimport NAN, pow, sqrt
from libc.stdint cimport int32_t
from libc.string cimport memset

from sklstm._kernel.shapes cimport Shape
from sklstm._kernel.simd cimport LANES, all_, fma, load, real, sqrt_of, store, vec


cdef enum:
    SGD, ADAM, RPROP

# The solver's numbers in one array: its kind, its rates, and its number of updates. CLIP 0 means no clipping.
cdef enum:
    KIND, RATE, MOMENTUM, BETA1, BETA2, EPSILON, ALPHA, CLIP, N_UPDATES


cdef struct Parameters:                 # packed arrays of n_packed numbers, and the solver's numbers
    real* w
    real* grad
    real* m                             # velocity (SGD), first moment (Adam), last gradient (RPROP)
    real* v                             # second moment (Adam), step size (RPROP)
    double* hyper


cdef inline double sum_of_squares(const real* a, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i
    cdef double total = 0
    for i in range(lo, hi):
        total += <double>a[i] * a[i]
    return total


cdef inline void sgd(
    Py_ssize_t size, real rate, real momentum, real scale, real alpha,
    const real* grad, real* velocity, real* w,
) noexcept nogil:
    cdef Py_ssize_t i
    cdef vec g, moved
    for i in range(0, size // LANES):
        g = fma(all_(alpha), load(w + i * LANES), all_(scale) * load(grad + i * LANES))
        if momentum == 0:
            store(w + i * LANES, fma(all_(-rate), g, load(w + i * LANES)))
        else:
            moved = fma(all_(momentum), load(velocity + i * LANES), all_(-rate) * g)
            store(velocity + i * LANES, moved)
            store(w + i * LANES, load(w + i * LANES) + moved)


cdef inline void adam(
    Py_ssize_t size, const double* hyper, real scale, real alpha, const real* grad, real* m, real* v, real* w,
) noexcept nogil:
    """Kingma & Ba (2015), algorithm 1."""
    cdef Py_ssize_t i
    cdef real beta1 = <real>hyper[BETA1], beta2 = <real>hyper[BETA2]
    cdef vec unbias1 = all_(<real>(1 / (1 - pow(beta1, hyper[N_UPDATES]))))
    cdef vec unbias2 = all_(<real>(1 / (1 - pow(beta2, hyper[N_UPDATES]))))
    cdef vec rate = all_(<real>hyper[RATE]), epsilon = all_(<real>hyper[EPSILON]), one = all_(1)
    cdef vec g, mean, square
    for i in range(0, size // LANES):
        g = fma(all_(alpha), load(w + i * LANES), all_(scale) * load(grad + i * LANES))
        mean = fma(all_(beta1), load(m + i * LANES), (one - all_(beta1)) * g)
        square = fma(all_(beta2), load(v + i * LANES), (one - all_(beta2)) * g * g)
        store(m + i * LANES, mean)
        store(v + i * LANES, square)
        store(
            w + i * LANES,
            load(w + i * LANES) - rate * (mean * unbias1) / (sqrt_of(square * unbias2) + epsilon))


cdef inline void rprop(
    Py_ssize_t size, real scale, real alpha, const real* grad, real* last, real* step, real* w
) noexcept nogil:
    """Igel & Huesken (2000), iRprop-."""
    cdef Py_ssize_t i
    cdef real g
    for i in range(size):
        g = scale * grad[i] + alpha * w[i]
        if g * last[i] > 0:
            step[i] = <real>min(step[i] * 1.2, 50.0)
        elif g * last[i] < 0:
            step[i] = <real>max(step[i] * 0.5, 1e-6)
            g = 0
        if g > 0:
            w[i] -= step[i]
        elif g < 0:
            w[i] += step[i]
        last[i] = g


cdef inline void step_range(
    const Parameters* p, double scale, double alpha, Py_ssize_t lo, Py_ssize_t hi
) noexcept nogil:
    """One update of the weights lo..hi; their gradient is zero afterwards."""
    cdef const double* hyper = p.hyper
    if hyper[KIND] == SGD:
        sgd(
            hi - lo, <real>hyper[RATE], <real>hyper[MOMENTUM], <real>scale, <real>alpha,
            p.grad + lo, p.m + lo, p.w + lo)
    elif hyper[KIND] == ADAM:
        adam(hi - lo, hyper, <real>scale, <real>alpha, p.grad + lo, p.m + lo, p.v + lo, p.w + lo)
    else:
        rprop(hi - lo, <real>scale, <real>alpha, p.grad + lo, p.m + lo, p.v + lo, p.w + lo)
    memset(p.grad + lo, 0, (hi - lo) * sizeof(real))


cdef inline void step_rows(
    const Parameters* p, double scale, Py_ssize_t rows, const int32_t* which, Py_ssize_t at, Py_ssize_t width,
) noexcept nogil:
    """The same for some rows of a matrix that begins at `at`; for plain gradient descent without penalty."""
    cdef Py_ssize_t i, j
    cdef real* g
    cdef real* w
    cdef vec rate = all_(-<real>p.hyper[RATE]), factor = all_(<real>scale)
    for i in range(rows):
        g = p.grad + at + which[i] * width
        w = p.w + at + which[i] * width
        for j in range(width // LANES):
            store(w + j * LANES, fma(rate, factor * load(g + j * LANES), load(w + j * LANES)))
            store(g + j * LANES, all_(0))


cdef inline bint is_lazy(const double* hyper, bint sparse) noexcept nogil:
    """Whether weights without gradient have a step of zero, so that only touched inputs need an update."""
    return sparse and hyper[KIND] == SGD and hyper[MOMENTUM] == 0 and hyper[ALPHA] == 0


cdef inline void update_weights(
    const Shape* n, const Parameters* p, bint lazy,
    const int32_t* touched, Py_ssize_t n_touched,           # IN  inputs with a gradient in W, used if lazy
    const int32_t* shown, Py_ssize_t n_shown,               # IN  inputs with a gradient in V
) noexcept nogil:
    """Clips the gradient, adds the L2 penalty (not on biases) and makes the step of the solver."""
    cdef Py_ssize_t i, row, n_ranges = 5
    cdef Py_ssize_t[6] edges = [0, n.w_bias, n.w_peep_in, n.v_bias, n.w_input, n.n_packed]   # odd: biases
    cdef double scale = 1, alpha = p.hyper[ALPHA], norm     # without penalty, alpha, on biases
    p.hyper[N_UPDATES] += 1
    if not n.shortcut:
        n_shown = 0
    if p.hyper[CLIP] > 0:
        norm = sum_of_squares(p.grad, 0, n.w_input if lazy else n.n_packed)
        if lazy:
            for i in range(n_touched):
                row = n.w_input + touched[i] * n.Up
                norm += sum_of_squares(p.grad, row, row + n.Up)
            for i in range(n_shown):
                row = n.v_input + shown[i] * n.Kp
                norm += sum_of_squares(p.grad, row, row + n.Kp)
        norm = sqrt(norm)
        if norm > p.hyper[CLIP]:
            scale = p.hyper[CLIP] / norm
            if <real>scale == 0:                            # the norm is too large: a step of zero would hide
                scale = NAN                                 # the divergence
    if alpha == 0:                                          # one range
        n_ranges = 1
        edges[1] = n.w_input if lazy else n.n_packed
    for i in range(n_ranges):
        step_range(p, scale, 0 if i % 2 else alpha, edges[i], edges[i + 1])
    if lazy:
        step_rows(p, scale, n_touched, touched, n.w_input, n.Up)
        step_rows(p, scale, n_shown, shown, n.v_input, n.Kp)
