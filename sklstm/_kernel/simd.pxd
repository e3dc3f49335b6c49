"""The vector vocabulary of simd.h, and products of matrices."""

cdef extern from "simd.h" nogil:
    ctypedef double real                # float or double: what this module is built for
    ctypedef double vec                 # LANES of them; operators work lane by lane
    const int LANES
    const bint HAS_FMA
    vec load(const real*) noexcept
    void store(real*, vec) noexcept
    vec all_ "all"(real) noexcept       # x in every lane
    vec first_lanes(vec, Py_ssize_t) noexcept               # zeros behind
    real lane_of(vec, int) noexcept
    vec fma "fma_of"(vec, vec, vec) noexcept                # a b + c, rounded once
    vec sqrt_of(vec) noexcept
    vec exp_of(vec) noexcept
    vec squash(real slope, real scale, real shift, vec x) noexcept
    vec logistic(vec) noexcept
    void prefetch(const real*) noexcept
    bint all_finite(Py_ssize_t, const real*) noexcept
    double squared_distance(Py_ssize_t, const real*, const real*) noexcept
    unsigned long long flush_subnormals() noexcept          # returns the mode for restore_mode
    void restore_mode(unsigned long long) noexcept

cdef extern from "products.h" nogil:
    void product_in_tiles(
        Py_ssize_t rows, Py_ssize_t units, Py_ssize_t sources,
        const real* a, Py_ssize_t a_row, Py_ssize_t a_source, const real* b, Py_ssize_t b_row,
        const real* start, Py_ssize_t start_row, real* c, Py_ssize_t c_row) noexcept
