"""Output units and losses: value and derivative by the net inputs, with one row function per loss."""

from libc.math cimport exp, fabs, log, log1p
from libc.string cimport memcpy

from sklstm._kernel.shapes cimport Shape, Targets
from sklstm._kernel.simd cimport (
    LANES, all_, exp_of, first_lanes, load, logistic, real, squared_distance, store, vec,
)


cdef enum:
    LOGISTIC, SOFTMAX, IDENTITY         # outputs
cdef enum:
    SQUARED_ERROR, LOG_LOSS, LINEAR     # losses; linear: sum_k t_k y_k, the targets are errors at the outputs


cdef inline void output_activation(const Shape* n, const real* net, real* y) noexcept nogil:
    """y_k = f_k(net_k)."""                                                        # (8)
    cdef Py_ssize_t k, j
    cdef real largest, total = 0
    if n.output == IDENTITY:
        memcpy(y, net, n.Kp * sizeof(real))
        return
    if n.output == LOGISTIC:
        for j in range(n.Kp // LANES):
            store(y + j * LANES, logistic(load(net + j * LANES)))
        return
    largest = net[0]
    for k in range(1, n.K):
        if net[k] > largest:
            largest = net[k]
    for j in range(n.Kp // LANES):
        store(y + j * LANES, exp_of(load(net + j * LANES) - all_(largest)))
    for k in range(n.K):
        total += y[k]
    for j in range(n.Kp // LANES):
        store(y + j * LANES, load(y + j * LANES) / all_(total))


cdef inline double row_loss(
    const Shape* n, const Targets* targets, Py_ssize_t target, const real* net, const real* y
) noexcept nogil:
    """Weighted loss of one row."""
    cdef int loss = targets.loss
    cdef const real* t = targets.y + target * n.K
    cdef const double* weight = targets.weight + target * targets.weight_row
    cdef bint each_output = targets.each_output
    cdef Py_ssize_t k
    cdef double value = 0, total = 0, largest, mass = 0, d, w = weight[0]
    if n.output == SOFTMAX and loss == LOG_LOSS:                    # -sum t log y, y the softmax
        largest = net[0]
        for k in range(1, n.K):
            largest = max(largest, net[k])
        for k in range(n.K):
            total += exp(net[k] - largest)
            mass += t[k]
            value -= t[k] * (net[k] - largest)
        return w * (value + mass * log(total))
    if loss == SQUARED_ERROR and not each_output:                   # 1/2 (y - t)^2
        return w * (0.5 * squared_distance(n.K, y, t))
    for k in range(n.K):
        if each_output:
            w = weight[k]
        if w == 0:
            continue
        if loss == SQUARED_ERROR:                                   # 1/2 (y - t)^2
            d = <double>y[k] - t[k]
            value += w * (0.5 * (d * d))
        elif loss == LINEAR:                                        # t y
            value += w * (<double>t[k] * y[k])
        else:                                                       # -t log y - (1 - t) log(1 - y)
            d = log1p(exp(-fabs(net[k]))) - t[k] * net[k]
            if net[k] > 0:
                d += net[k]
            value += w * d
    return value


cdef inline void row_delta(
    const Shape* n, const Targets* targets, Py_ssize_t target, double scale, const real* y, real* delta
) noexcept nogil:
    """delta_k = scale * weight * dLoss / dnet_k; zeros behind the K of them."""       # (8')
    cdef int loss = targets.loss
    cdef const real* t = targets.y + target * n.K
    cdef const double* weight = targets.weight + target * targets.weight_row
    cdef bint each_output = targets.each_output
    cdef Py_ssize_t k, j
    cdef real total = 0
    cdef vec f, d, w = all_(<real>(scale if each_output else scale * weight[0]))
    if n.output == SOFTMAX and loss == LOG_LOSS:
        for k in range(n.K):
            total += t[k]
    for j in range(n.Kp // LANES):
        f = load(y + j * LANES)
        d = load(t + j * LANES)
        if n.output == SOFTMAX and loss == LOG_LOSS:
            d = f * all_(total) - d
        elif loss != LINEAR:
            d = f - d
        d = w * d
        if n.output == LOGISTIC and loss != LOG_LOSS:
            d = d * (f * (all_(1) - f))
        store(delta + j * LANES, first_lanes(d, n.K - j * LANES))
    if n.output == SOFTMAX and loss != LOG_LOSS:
        for k in range(n.K):
            total += delta[k] * y[k]
        for k in range(n.K):
            delta[k] = y[k] * (delta[k] - total)
    if each_output:
        for k in range(n.K):
            delta[k] = <real>weight[k] * delta[k] if weight[k] != 0 else 0
