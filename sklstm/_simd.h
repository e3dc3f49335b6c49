/* The vector primitives of the kernel, for double and float.
 *
 * Plain C: loops of a fixed width that the compiler turns into vector instructions. On x86-64 Linux with
 * GCC >= 12 each primitive is compiled three times (AVX-512, AVX2, baseline) and the loader picks one;
 * elsewhere, and with SKLSTM_NO_DISPATCH, the same code runs at the compiler's baseline.
 *
 * Vectors run over units and sums run over sources in order, without contraction to fused multiply-add,
 * so every clone gives the same bits.
 *
 * This header includes itself twice: the part below SKLSTM_REAL is the body, once for each type.
 */
#ifndef SKLSTM_SIMD_H
#define SKLSTM_SIMD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#if __GNUC__ >= 12 && !defined(SKLSTM_NO_DISPATCH)
#define SKLSTM_CLONES \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define SKLSTM_SMALL
#include <immintrin.h>
#endif
#endif
#ifndef SKLSTM_CLONES
#define SKLSTM_CLONES
#endif

#if defined(__GNUC__)
#define SKLSTM_INLINE static inline __attribute__((always_inline))
#elif defined(_MSC_VER)
#define SKLSTM_INLINE static __forceinline
#define restrict __restrict
#else
#define SKLSTM_INLINE static inline
#endif

/* What _small.h has to know of a network; the names are those of Shape in _core.pyx. */
typedef struct {
    ptrdiff_t U, C, B, S, R, Up, Cp, Rp, Hp, stride, recurrent, y_in, y_forget, y_out, y_c, t_h;
    int has_in, has_forget, has_out, g_identity, h_identity, every_step;
    double g_slope, g_low, g_high, g_one, h_slope, h_low, h_high, h_one;
    int32_t lane[32], gate_of_cell[32], gate_of_unit[32]; /* i, i mod B, (i - C) mod B */
} sklstm_small;

/* Whether this processor runs _small.h. */
static int sklstm_has_small(void)
{
#ifdef SKLSTM_SMALL
    return __builtin_cpu_supports("x86-64-v4");
#else
    return 0;
#endif
}

#define SKLSTM_ROWS 4 /* rows or vectors that one panel keeps in registers */

/* exp(x) = 2^n p(r) with n the nearest integer to x / ln 2, found by adding 1.5 * 2^mantissa_bits */
#define SKLSTM_REAL double
#define SKLSTM_BITS uint64_t
#define SKLSTM_LANES 8
#define SKLSTM_NAME(f) sklstm_##f##_f64
#define SKLSTM_MANTISSA 52
#define SKLSTM_ROUND 6755399441055744.0
#define SKLSTM_EXP_MAX 708.0
#define SKLSTM_LN2_HI 6.93147180369123816490e-01
#define SKLSTM_LN2_LO 1.90821492927058770002e-10
#define SKLSTM_VEC __m512d
#define SKLSTM_MASK __mmask8
#define SKLSTM_OP(f) f##_pd
#define SKLSTM_TO_BITS _mm512_castpd_si512
#define SKLSTM_FROM_BITS _mm512_castsi512_pd
#define SKLSTM_BITS_ADD _mm512_add_epi64
#define SKLSTM_BITS_SHIFT _mm512_slli_epi64
#define SKLSTM_ALL_BITS _mm512_set1_epi64
#define SKLSTM_INDEX(p) _mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i *)(p)))
#include "_simd.h"
#undef SKLSTM_REAL
#undef SKLSTM_BITS
#undef SKLSTM_LANES
#undef SKLSTM_NAME
#undef SKLSTM_MANTISSA
#undef SKLSTM_ROUND
#undef SKLSTM_EXP_MAX
#undef SKLSTM_LN2_HI
#undef SKLSTM_LN2_LO
#undef SKLSTM_VEC
#undef SKLSTM_MASK
#undef SKLSTM_OP
#undef SKLSTM_TO_BITS
#undef SKLSTM_FROM_BITS
#undef SKLSTM_BITS_ADD
#undef SKLSTM_BITS_SHIFT
#undef SKLSTM_ALL_BITS
#undef SKLSTM_INDEX

#define SKLSTM_REAL float
#define SKLSTM_BITS uint32_t
#define SKLSTM_LANES 16
#define SKLSTM_NAME(f) sklstm_##f##_f32
#define SKLSTM_MANTISSA 23
#define SKLSTM_ROUND 12582912.0f
#define SKLSTM_EXP_MAX 87.0f
#define SKLSTM_LN2_HI 0.693359375f
#define SKLSTM_LN2_LO -2.12194440e-4f
#define SKLSTM_VEC __m512
#define SKLSTM_MASK __mmask16
#define SKLSTM_OP(f) f##_ps
#define SKLSTM_TO_BITS _mm512_castps_si512
#define SKLSTM_FROM_BITS _mm512_castsi512_ps
#define SKLSTM_BITS_ADD _mm512_add_epi32
#define SKLSTM_BITS_SHIFT _mm512_slli_epi32
#define SKLSTM_ALL_BITS _mm512_set1_epi32
#define SKLSTM_INDEX(p) _mm512_loadu_si512(p)
#include "_simd.h"

#elif defined(SKLSTM_REAL)

/* exp(x); x is clipped to +-SKLSTM_EXP_MAX, NaN stays NaN. Taylor's polynomial on |r| <= ln(2)/2 is
 * good to one or two units in the last place at degree 12 (double) and 7 (float). It is summed in pairs,
 * so that the chain of dependent operations is short: one step of a small network waits for it twice. */
#define SKLSTM_C(n) ((SKLSTM_REAL)(1.0 / (n)))
SKLSTM_INLINE SKLSTM_REAL SKLSTM_NAME(exp)(SKLSTM_REAL x)
{
    SKLSTM_REAL n, r, r2, r4, p;
    SKLSTM_BITS shift, bits;
    x = x < -SKLSTM_EXP_MAX ? -SKLSTM_EXP_MAX : x;
    x = x > SKLSTM_EXP_MAX ? SKLSTM_EXP_MAX : x;
    n = x * (SKLSTM_REAL)1.4426950408889634 + SKLSTM_ROUND;
    memcpy(&shift, &n, sizeof shift);
    n -= SKLSTM_ROUND;
    r = (x - n * SKLSTM_LN2_HI) - n * SKLSTM_LN2_LO;
    r2 = r * r;
    r4 = r2 * r2;
    p = (((SKLSTM_REAL)1 + r) + (SKLSTM_C(2) + SKLSTM_C(6) * r) * r2)
        + ((SKLSTM_C(24) + SKLSTM_C(120) * r) + (SKLSTM_C(720) + SKLSTM_C(5040) * r) * r2) * r4;
    if (sizeof(SKLSTM_REAL) == sizeof(double))
        p += (((SKLSTM_C(40320) + SKLSTM_C(362880) * r) + (SKLSTM_C(3628800) + SKLSTM_C(39916800) * r) * r2)
              + SKLSTM_C(479001600) * r4) * (r4 * r4);
    memcpy(&bits, &p, sizeof bits);
    bits += shift << SKLSTM_MANTISSA; /* 2^n p */
    memcpy(&p, &bits, sizeof p);
    return p;
}

/* y = exp(y) */
SKLSTM_CLONES static void SKLSTM_NAME(exponential)(ptrdiff_t n, SKLSTM_REAL *y)
{
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; i++)
        y[i] = SKLSTM_NAME(exp)(y[i]);
}

/* y = shift + scale / (1 + exp(-slope x)): every squashing function but the identity */
SKLSTM_CLONES static void SKLSTM_NAME(squash)(
    ptrdiff_t n, const SKLSTM_REAL *restrict slope, const SKLSTM_REAL *restrict scale,
    const SKLSTM_REAL *restrict shift, const SKLSTM_REAL *restrict x, SKLSTM_REAL *restrict y)
{
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; i++)
        y[i] = shift[i]
               + scale[i] * ((SKLSTM_REAL)1 / ((SKLSTM_REAL)1 + SKLSTM_NAME(exp)(-slope[i] * x[i])));
}

/* C[i, :width] += sum_k A[i, k] B[k, :width] for `rows` rows held in registers; rows * width is at most
 * SKLSTM_ROWS * SKLSTM_LANES. Both are constants after inlining. */
SKLSTM_INLINE void SKLSTM_NAME(panel)(
    const int rows, const int width, ptrdiff_t sources, const SKLSTM_REAL *restrict a, ptrdiff_t a_row,
    ptrdiff_t a_source, const SKLSTM_REAL *restrict b, ptrdiff_t b_row, SKLSTM_REAL *restrict c,
    ptrdiff_t c_row)
{
    SKLSTM_REAL sum[SKLSTM_ROWS * SKLSTM_LANES];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < width; j++)
            sum[i * width + j] = c[i * c_row + j];
    for (ptrdiff_t k = 0; k < sources; k++)
        for (int i = 0; i < rows; i++) {
            const SKLSTM_REAL z = a[i * a_row + k * a_source];
#pragma omp simd
            for (int j = 0; j < width; j++)
                sum[i * width + j] += z * b[k * b_row + j];
        }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < width; j++)
            c[i * c_row + j] = sum[i * width + j];
}

/* C (rows x units) += A (rows x sources) B (sources x units); units is a multiple of SKLSTM_LANES.
 * A has any two strides, so that A may also stand transposed. */
SKLSTM_CLONES static void SKLSTM_NAME(product)(
    ptrdiff_t rows, ptrdiff_t units, ptrdiff_t sources, const SKLSTM_REAL *restrict a, ptrdiff_t a_row,
    ptrdiff_t a_source, const SKLSTM_REAL *restrict b, ptrdiff_t b_row, SKLSTM_REAL *restrict c,
    ptrdiff_t c_row)
{
    ptrdiff_t i = 0, j;
    for (; i + SKLSTM_ROWS <= rows; i += SKLSTM_ROWS)
        for (j = 0; j < units; j += SKLSTM_LANES)
            SKLSTM_NAME(panel)(SKLSTM_ROWS, SKLSTM_LANES, sources, a + i * a_row, a_row, a_source,
                               b + j, b_row, c + i * c_row + j, c_row);
    for (; i < rows; i++) {
        for (j = 0; j + SKLSTM_ROWS * SKLSTM_LANES <= units; j += SKLSTM_ROWS * SKLSTM_LANES)
            SKLSTM_NAME(panel)(1, SKLSTM_ROWS * SKLSTM_LANES, sources, a + i * a_row, a_row, a_source,
                               b + j, b_row, c + i * c_row + j, c_row);
        for (; j < units; j += SKLSTM_LANES)
            SKLSTM_NAME(panel)(1, SKLSTM_LANES, sources, a + i * a_row, a_row, a_source,
                               b + j, b_row, c + i * c_row + j, c_row);
    }
}

/* P[m, :] = decay * P[m, :] + z[m] * gain: the partials of the cells' states, one step on */
SKLSTM_CLONES static void SKLSTM_NAME(decay_and_add)(
    ptrdiff_t sources, ptrdiff_t width, const SKLSTM_REAL *restrict decay, const SKLSTM_REAL *restrict z,
    const SKLSTM_REAL *restrict gain, SKLSTM_REAL *restrict p)
{
    for (ptrdiff_t m = 0; m < sources; m++) {
        SKLSTM_REAL *restrict row = p + m * width;
#pragma omp simd
        for (ptrdiff_t j = 0; j < width; j++)
            row[j] = decay[j] * row[j] + z[m] * gain[j];
    }
}

#ifdef SKLSTM_SMALL
#include "_small.h"
#else /* never called: sklstm_has_small() is 0 */
static void SKLSTM_NAME(forward_small)(
    const sklstm_small *n, ptrdiff_t T, const int64_t *first, const SKLSTM_REAL *w,
    const SKLSTM_REAL *table, const SKLSTM_REAL *D, SKLSTM_REAL *Y, SKLSTM_REAL *S, SKLSTM_REAL *HS)
{
    (void)n, (void)T, (void)first, (void)w, (void)table, (void)D, (void)Y, (void)S, (void)HS;
}

static void SKLSTM_NAME(backward_small)(
    const sklstm_small *n, int full, ptrdiff_t T, const int64_t *first, ptrdiff_t errors,
    const int64_t *error_row, const SKLSTM_REAL *wt, const SKLSTM_REAL *Y, const SKLSTM_REAL *S,
    const SKLSTM_REAL *HS, const SKLSTM_REAL *EH, SKLSTM_REAL *E, SKLSTM_REAL *ES, SKLSTM_REAL *D)
{
    (void)n, (void)full, (void)T, (void)first, (void)errors, (void)error_row, (void)wt, (void)Y;
    (void)S, (void)HS, (void)EH, (void)E, (void)ES, (void)D;
}
#endif
#undef SKLSTM_C

#endif
