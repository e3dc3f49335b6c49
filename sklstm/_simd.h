/* The vector primitives of the kernel, for double and float.
 *
 * Plain C: loops of a fixed width that the compiler turns into vector instructions. On x86-64 Linux with
 * GCC >= 12 each primitive is compiled three times (AVX-512, AVX2, baseline) and the loader picks one;
 * elsewhere the same code runs at the compiler's baseline. SKLSTM_NO_AVX512 leaves out what needs that.
 *
 * Vectors run over units and sums run over sources in order. The compiler fuses a product and the sum it goes
 * into wherever the processor has an instruction for that, in AVX-512 and AVX2 alike, so these two give the
 * same bits. A sum of two products is avoided or says which is the fused one: compilers may differ.
 *
 * This header includes itself twice: the part below SKLSTM_REAL is the body, once for each type.
 */
#ifndef SKLSTM_SIMD_H
#define SKLSTM_SIMD_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#if __GNUC__ >= 12
#define SKLSTM_IS_AVX512 __builtin_cpu_supports("x86-64-v4")
#define SKLSTM_FUSED __attribute__((target("avx2,fma"), optimize("O3")))
#ifdef SKLSTM_NO_AVX512
#define SKLSTM_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define SKLSTM_CLONES \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define SKLSTM_AVX512
#endif
#endif
#endif
#ifndef SKLSTM_IS_AVX512
#define SKLSTM_IS_AVX512 0
#define SKLSTM_FUSED
#endif
#ifndef SKLSTM_CLONES
#define SKLSTM_CLONES
#endif
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

#if defined(__GNUC__)
#define SKLSTM_INLINE static inline __attribute__((always_inline))
#elif defined(_MSC_VER)
#define SKLSTM_INLINE static __forceinline
#define restrict __restrict
#else
#define SKLSTM_INLINE static inline
#endif

/* Sizes and places of a network (`_kernel._layout`); what the letters mean is said in _core.pyx. */
typedef struct {
    /* sizes */
    ptrdiff_t M, B, S, C, N, K, U, R, H;
    ptrdiff_t Up, Rp, Cp, Kp, Hp, stride;
    /* columns of a row of Y (an absent gate stands in a column of ones) */
    ptrdiff_t y_in, y_forget, y_out, y_n, y_c, recurrent;
    /* columns of a row of the partials */
    ptrdiff_t Pp, p_in, p_forget;
    /* places in the packed vector of weights */
    ptrdiff_t w_recurrent, w_bias, w_peep_in, w_peep_forget, w_peep_out;
    ptrdiff_t v_hidden, v_bias, w_input, v_input, n_packed;
    /* places in the table of squashing constants: units (at 0), h, output units */
    ptrdiff_t t_h, t_output;
    /* what the network has */
    int has_in, has_forget, has_out, peepholes, shortcut, every_step;
    int cell_bias, gate_bias, output_bias, g_identity, h_identity, output;
    /* slopes from values: g' = g_slope (y - g_low) (g_high - y) + g_one */
    double g_slope, g_low, g_high, g_one, h_slope, h_low, h_high, h_one;
    /* a row of units fits in two registers, and the processor can permute them: see _small.h */
    int is_small;
    int32_t lane[32], gate_of_cell[32], gate_of_unit[32]; /* i, i mod B, (i - C) mod B */
} sklstm_shape;

/* Inputs of a set of sequences, or of a pack: dense rows, or the rows of a CSR matrix. */
typedef struct {
    int sparse;
    const void *x;          /* dense: first row */
    ptrdiff_t row, time;    /* numbers from a row to the next one, and from one time to the next; 0: row under row */
    const void *values;     /* sparse: CSR */
    const int32_t *columns, *indptr;
    const int64_t *step;    /* rows of the CSR matrix */
} sklstm_inputs;

/* Whether networks may be small, as _small.h understands it. */
static int sklstm_has_small(void)
{
#ifdef SKLSTM_AVX512
    return SKLSTM_IS_AVX512;
#else
    return 0;
#endif
}

/* Whether there is a product of fused operations: as above, and, for the same bits, without AVX-512 too. */
static int sklstm_has_gemm(void)
{
    return SKLSTM_IS_AVX512;
}

/* Errors that fade over many steps end as subnormal numbers, which cost some processors 100 times as much as
 * others. In this thread they are zero from here on, until sklstm_restore() with what is returned here. */
static unsigned long long sklstm_flush_subnormals(void)
{
#if defined(__x86_64__) || defined(_M_X64)
    const unsigned mode = _mm_getcsr();
    _mm_setcsr(mode | 0x8040); /* results, operands */
    return mode;
#elif defined(__aarch64__) && defined(__GNUC__)
    unsigned long long mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("msr fpcr, %0" : : "r"(mode | 1ull << 24));
    return mode;
#else
    return 0;
#endif
}

static void sklstm_restore(unsigned long long mode)
{
#if defined(__x86_64__) || defined(_M_X64)
    _mm_setcsr((unsigned)mode);
#elif defined(__aarch64__) && defined(__GNUC__)
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
#else
    (void)mode;
#endif
}

#define SKLSTM_STEPS 16 /* steps of so many sequences at most are looked at once */
#define SKLSTM_ROWS 4 /* rows or vectors that one panel keeps in registers */

/* SKLSTM_ROUND = 1.5 * 2^mantissa_bits: adding it rounds to the nearest integer, which then stands in the
 * lowest bits. SKLSTM_POLYNOMIAL: p = 2^r, for numbers and for vectors. */
#define SKLSTM_REAL double
#define SKLSTM_BITS uint64_t
#define SKLSTM_LANES 8
#define SKLSTM_NAME(f) sklstm_##f##_f64
#define SKLSTM_MANTISSA 52
#define SKLSTM_ROUND 6755399441055744.0
#define SKLSTM_EXP_MAX 1020.0
#define SKLSTM_SQRT sqrt
#define SKLSTM_FMA fma
#define SKLSTM_POLYNOMIAL(p, r, r2, r4)                                                                     \
    p = ((1.0 + 0.6931471805599453 * r) + (0.24022650695910097 + 0.0555041086648216 * r) * r2)              \
        + ((0.009618129107606888 + 0.0013333558146416936 * r)                                               \
           + (0.0001540353044173605 + 1.525273382983612e-05 * r) * r2) * r4                                 \
        + ((1.321544258792169e-06 + 1.0178062445845774e-07 * r)                                             \
           + (7.072585949269223e-09 + 4.4549605981865186e-10 * r) * r2) * (r4 * r4)
#define SKLSTM_VEC __m512d
#define SKLSTM_MASK __mmask8
#define SKLSTM_OP(f) f##_pd
#define SKLSTM_MASK_OP(f) f##_pd_mask
#define SKLSTM_TO_BITS _mm512_castpd_si512
#define SKLSTM_FROM_BITS _mm512_castsi512_pd
#define SKLSTM_BITS_ADD _mm512_add_epi64
#define SKLSTM_BITS_SHIFT _mm512_slli_epi64
#define SKLSTM_ALL_BITS _mm512_set1_epi64
#define SKLSTM_INDEX(p) _mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i *)(p)))
#define SKLSTM_HALF _mm512_castpd512_pd256
#define SKLSTM_WIDEN _mm512_zextpd256_pd512
#include "_simd.h"
#undef SKLSTM_REAL
#undef SKLSTM_BITS
#undef SKLSTM_LANES
#undef SKLSTM_NAME
#undef SKLSTM_MANTISSA
#undef SKLSTM_ROUND
#undef SKLSTM_EXP_MAX
#undef SKLSTM_SQRT
#undef SKLSTM_FMA
#undef SKLSTM_POLYNOMIAL
#undef SKLSTM_VEC
#undef SKLSTM_MASK
#undef SKLSTM_OP
#undef SKLSTM_MASK_OP
#undef SKLSTM_TO_BITS
#undef SKLSTM_FROM_BITS
#undef SKLSTM_BITS_ADD
#undef SKLSTM_BITS_SHIFT
#undef SKLSTM_ALL_BITS
#undef SKLSTM_INDEX
#undef SKLSTM_HALF
#undef SKLSTM_WIDEN

#define SKLSTM_REAL float
#define SKLSTM_BITS uint32_t
#define SKLSTM_LANES 16
#define SKLSTM_NAME(f) sklstm_##f##_f32
#define SKLSTM_MANTISSA 23
#define SKLSTM_ROUND 12582912.0f
#define SKLSTM_EXP_MAX 125.0f
#define SKLSTM_SQRT sqrtf
#define SKLSTM_FMA fmaf
#define SKLSTM_POLYNOMIAL(p, r, r2, r4)                                                                     \
    p = ((1.0f + 0.693147188f * r) + (0.240226508f + 0.0555035711f * r) * r2)                               \
        + ((0.00961808256f + 0.00133908634f * r) + 0.000154531629f * r2) * r4
#define SKLSTM_VEC __m512
#define SKLSTM_MASK __mmask16
#define SKLSTM_OP(f) f##_ps
#define SKLSTM_MASK_OP(f) f##_ps_mask
#define SKLSTM_TO_BITS _mm512_castps_si512
#define SKLSTM_FROM_BITS _mm512_castsi512_ps
#define SKLSTM_BITS_ADD _mm512_add_epi32
#define SKLSTM_BITS_SHIFT _mm512_slli_epi32
#define SKLSTM_ALL_BITS _mm512_set1_epi32
#define SKLSTM_INDEX(p) _mm512_loadu_si512(p)
#define SKLSTM_HALF _mm512_castps512_ps256
#define SKLSTM_WIDEN _mm512_zextps256_ps512
#include "_simd.h"

#elif defined(SKLSTM_REAL)

/* x between -SKLSTM_EXP_MAX and SKLSTM_EXP_MAX; NaN stays NaN. */
SKLSTM_INLINE SKLSTM_REAL SKLSTM_NAME(clipped)(SKLSTM_REAL x)
{
    x = x < -SKLSTM_EXP_MAX ? -SKLSTM_EXP_MAX : x;
    return x > SKLSTM_EXP_MAX ? SKLSTM_EXP_MAX : x;
}

/* 2^x for clipped x. 2^x = 2^n 2^r, n the nearest integer, and the polynomial of 2^r on |r| <= 1/2 interpolates at Chebyshev's points with the value 1 at 0 (relative error
 * 8e-18 and 5e-9, below half a unit in the last place). It is summed in pairs, so that the chain of
 * dependent operations is short: one step of a small network waits for it twice. */
SKLSTM_INLINE SKLSTM_REAL SKLSTM_NAME(exp2)(SKLSTM_REAL x)
{
    SKLSTM_REAL n, r, r2, r4, p;
    SKLSTM_BITS shift, bits;
    n = x + SKLSTM_ROUND;
    memcpy(&shift, &n, sizeof shift);
    n -= SKLSTM_ROUND;
    r = x - n;
    r2 = r * r;
    r4 = r2 * r2;
    SKLSTM_POLYNOMIAL(p, r, r2, r4);
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
        y[i] = SKLSTM_NAME(exp2)(SKLSTM_NAME(clipped)((SKLSTM_REAL)1.4426950408889634 * y[i]));
}

#define REAL SKLSTM_REAL
#include "_rows.h"
#undef REAL

/* C[i, :width] = start[i, :width] + sum_k A[i, k] B[k, :width] for `rows` rows held in registers; rows * width is
 * at most SKLSTM_ROWS * SKLSTM_LANES. Both are constants after inlining. */
SKLSTM_INLINE void SKLSTM_NAME(panel)(
    const int rows, const int width, ptrdiff_t sources, const SKLSTM_REAL *restrict a, ptrdiff_t a_row,
    ptrdiff_t a_source, const SKLSTM_REAL *restrict b, ptrdiff_t b_row, const SKLSTM_REAL *start,
    ptrdiff_t start_row, SKLSTM_REAL *c, ptrdiff_t c_row)
{
    SKLSTM_REAL sum[SKLSTM_ROWS * SKLSTM_LANES];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < width; j++)
            sum[i * width + j] = start[i * start_row + j];
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

/* C (rows x units) = start + A (rows x sources) B (sources x units); units is a multiple of SKLSTM_LANES.
 * A has any two strides, so that A may also stand transposed. `start` may be C itself, or, with a stride of 0,
 * one row for all. */
SKLSTM_CLONES static void SKLSTM_NAME(product)(
    ptrdiff_t rows, ptrdiff_t units, ptrdiff_t sources, const SKLSTM_REAL *restrict a, ptrdiff_t a_row,
    ptrdiff_t a_source, const SKLSTM_REAL *restrict b, ptrdiff_t b_row, const SKLSTM_REAL *start,
    ptrdiff_t start_row, SKLSTM_REAL *c, ptrdiff_t c_row)
{
    ptrdiff_t i = 0, j;
    for (; i + SKLSTM_ROWS <= rows; i += SKLSTM_ROWS)
        for (j = 0; j < units; j += SKLSTM_LANES)
            SKLSTM_NAME(panel)(SKLSTM_ROWS, SKLSTM_LANES, sources, a + i * a_row, a_row, a_source,
                               b + j, b_row, start + i * start_row + j, start_row, c + i * c_row + j, c_row);
#define SKLSTM_PANELS(count, width)                                                                         \
    for (; j + (width) <= units; j += (width))                                                              \
    SKLSTM_NAME(panel)(count, width, sources, a + i * a_row, a_row, a_source, b + j, b_row,                 \
                       start + i * start_row + j, start_row, c + i * c_row + j, c_row)
    j = 0;
    switch (rows - i) {
    case 3:
        SKLSTM_PANELS(3, SKLSTM_LANES);
        break;
    case 2:
        SKLSTM_PANELS(2, 2 * SKLSTM_LANES);
        SKLSTM_PANELS(2, SKLSTM_LANES);
        break;
    case 1:
        SKLSTM_PANELS(1, SKLSTM_ROWS * SKLSTM_LANES);
        SKLSTM_PANELS(1, SKLSTM_LANES);
    }
#undef SKLSTM_PANELS
}

/* C += X W, with rows of C for rows step[0], step[1], ... of the CSR matrix X */
SKLSTM_CLONES static void SKLSTM_NAME(gather)(
    ptrdiff_t rows, ptrdiff_t width, const SKLSTM_REAL *restrict values, const int32_t *restrict columns,
    const int32_t *restrict indptr, const int64_t *restrict step, const SKLSTM_REAL *restrict w,
    SKLSTM_REAL *restrict c, ptrdiff_t c_row)
{
    for (ptrdiff_t i = 0; i < rows; i++)
        for (int32_t p = indptr[step[i]]; p < indptr[step[i] + 1]; p++)
            for (ptrdiff_t j = 0; j < width; j += SKLSTM_LANES)
#pragma omp simd
                for (int k = 0; k < SKLSTM_LANES; k++)
                    c[i * c_row + j + k] += values[p] * w[columns[p] * width + j + k];
}

/* W += X' C, with rows of C for rows step[0], step[1], ... of the CSR matrix X */
SKLSTM_CLONES static void SKLSTM_NAME(scatter)(
    ptrdiff_t rows, ptrdiff_t width, const SKLSTM_REAL *restrict values, const int32_t *restrict columns,
    const int32_t *restrict indptr, const int64_t *restrict step, const SKLSTM_REAL *restrict c,
    ptrdiff_t c_row, SKLSTM_REAL *restrict w)
{
    for (ptrdiff_t i = 0; i < rows; i++)
        for (int32_t p = indptr[step[i]]; p < indptr[step[i] + 1]; p++)
            for (ptrdiff_t j = 0; j < width; j += SKLSTM_LANES)
#pragma omp simd
                for (int k = 0; k < SKLSTM_LANES; k++)
                    w[columns[p] * width + j + k] += values[p] * c[i * c_row + j + k];
}

/* every row of C = b */
SKLSTM_CLONES static void SKLSTM_NAME(repeat)(
    ptrdiff_t rows, ptrdiff_t width, const SKLSTM_REAL *restrict b, SKLSTM_REAL *restrict c)
{
    for (ptrdiff_t j = 0; j < width; j += SKLSTM_LANES)
        for (ptrdiff_t i = 0; i < rows; i++)
            for (int k = 0; k < SKLSTM_LANES; k++)
                c[i * width + j + k] = b[j + k];
}

/* b += the sum of the rows of C */
SKLSTM_CLONES static void SKLSTM_NAME(add_rows)(
    ptrdiff_t rows, ptrdiff_t width, const SKLSTM_REAL *restrict c, SKLSTM_REAL *restrict b)
{
    for (ptrdiff_t j = 0; j < width; j += SKLSTM_LANES) {
        SKLSTM_REAL sum[SKLSTM_LANES];
        for (int k = 0; k < SKLSTM_LANES; k++)
            sum[k] = b[j + k];
        for (ptrdiff_t i = 0; i < rows; i++)
            for (int k = 0; k < SKLSTM_LANES; k++)
                sum[k] += c[i * width + j + k];
        for (int k = 0; k < SKLSTM_LANES; k++)
            b[j + k] = sum[k];
    }
}

/* One step of a solver on n weights, n a multiple of SKLSTM_LANES; g = scale * gradient + alpha * w. */
SKLSTM_CLONES static void SKLSTM_NAME(sgd)(
    ptrdiff_t n, SKLSTM_REAL rate, SKLSTM_REAL momentum, SKLSTM_REAL scale, SKLSTM_REAL alpha,
    const SKLSTM_REAL *restrict gradient, SKLSTM_REAL *restrict velocity, SKLSTM_REAL *restrict w)
{
    if (momentum == 0)
        for (ptrdiff_t i = 0; i < n; i++)
            w[i] -= rate * (scale * gradient[i] + alpha * w[i]);
    else
        for (ptrdiff_t i = 0; i < n; i++) {
            velocity[i] = momentum * velocity[i] - rate * (scale * gradient[i] + alpha * w[i]);
            w[i] += velocity[i];
        }
}

/* Kingma & Ba (2015), algorithm 1; unbias1, unbias2 are 1 / (1 - beta^t). */
SKLSTM_CLONES static void SKLSTM_NAME(adam)(
    ptrdiff_t n, SKLSTM_REAL rate, SKLSTM_REAL beta1, SKLSTM_REAL beta2, SKLSTM_REAL unbias1,
    SKLSTM_REAL unbias2, SKLSTM_REAL epsilon, SKLSTM_REAL scale, SKLSTM_REAL alpha,
    const SKLSTM_REAL *restrict gradient, SKLSTM_REAL *restrict mean, SKLSTM_REAL *restrict square,
    SKLSTM_REAL *restrict w)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        const SKLSTM_REAL g = scale * gradient[i] + alpha * w[i];
        mean[i] = beta1 * mean[i] + (1 - beta1) * g;
        square[i] = beta2 * square[i] + (1 - beta2) * g * g;
        w[i] -= rate * (mean[i] * unbias1) / (SKLSTM_SQRT(square[i] * unbias2) + epsilon);
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

#ifdef SKLSTM_AVX512
#include "_avx512.h"
#else
/* As in _gemm.h: the same chain of fused operations. */
static void SKLSTM_NAME(gemm)(
    ptrdiff_t rows, ptrdiff_t units, ptrdiff_t sources, const SKLSTM_REAL *restrict a, ptrdiff_t a_row,
    ptrdiff_t a_source, const SKLSTM_REAL *restrict b, ptrdiff_t b_row, const SKLSTM_REAL *start,
    ptrdiff_t start_row, SKLSTM_REAL *c, ptrdiff_t c_row)
{
    SKLSTM_NAME(product)(
        rows, units, sources, a, a_row, a_source, b, b_row, start, start_row, c, c_row);
}

/* Never called, like those below: sklstm_has_small() is 0. */
static void SKLSTM_NAME(forward_wide)(
    const sklstm_shape *n, ptrdiff_t rows, ptrdiff_t lag, const SKLSTM_REAL *table, const SKLSTM_REAL *net,
    SKLSTM_REAL *y, SKLSTM_REAL *s, SKLSTM_REAL *h)
{
    (void)n, (void)rows, (void)lag, (void)table, (void)net, (void)y, (void)s, (void)h;
}

static void SKLSTM_NAME(forward_small)(
    const sklstm_shape *n, ptrdiff_t T, const int64_t *first, const sklstm_inputs *x, const SKLSTM_REAL *w,
    const SKLSTM_REAL *table, const SKLSTM_REAL *D, SKLSTM_REAL *Y, SKLSTM_REAL *S, SKLSTM_REAL *HS)
{
    (void)n, (void)T, (void)first, (void)x, (void)w, (void)table, (void)D, (void)Y, (void)S, (void)HS;
}

static void SKLSTM_NAME(backward_small)(
    const sklstm_shape *n, int full, ptrdiff_t T, const int64_t *first, ptrdiff_t errors,
    const int64_t *error_row, const SKLSTM_REAL *wt, const SKLSTM_REAL *Y, const SKLSTM_REAL *S,
    const SKLSTM_REAL *HS, const SKLSTM_REAL *EH, SKLSTM_REAL *E, SKLSTM_REAL *ES, SKLSTM_REAL *D)
{
    (void)n, (void)full, (void)T, (void)first, (void)errors, (void)error_row, (void)wt, (void)Y;
    (void)S, (void)HS, (void)EH, (void)E, (void)ES, (void)D;
}
#endif

#endif
