/* The vector vocabulary of the kernel: numbers, vectors of them, and operations for which C has no operator.
 *
 * Each module of the kernel is compiled for one type and one CPU level; setup.py says for which:
 *
 *     REAL_BITS     32 or 64
 *     VECTOR_BYTES  16, 32 or 64: the width of the level, never more (compilers would then use memory);
 *                   0: one number at a time, for compilers without GCC's vector extensions
 *
 * Everything except fused multiply-add and square roots uses operators of these extensions, which Cython emits
 * unchanged. Bits: sums run over sources in order and vectors over units; products and sums are fused only where
 * the code says fma (-ffp-contract=off). So every level with FMA gives the same bits, for any width, compiler and
 * optimisation. The level without FMA gives other bits.
 */
#ifndef SKLSTM_SIMD_H
#define SKLSTM_SIMD_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0
#error "exp2_of needs sums that are rounded to their type: on 32-bit x86 build with -msse2 -mfpmath=sse"
#endif
#if defined(__FAST_MATH__)
#error "-ffast-math changes the order of sums and the mode of the whole process"
#endif

#if defined(__x86_64__) || defined(_M_X64) || defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#define ALIGNED __attribute__((aligned(64)))
#if defined(__clang__)
#define ONE_COPY __attribute__((noinline))
#else
#define ONE_COPY __attribute__((noinline, noclone))
#endif
#elif defined(_MSC_VER)
#define INLINE static __forceinline
#define ALIGNED __declspec(align(64))
#define ONE_COPY
#else
#define INLINE static inline
#define ALIGNED
#define ONE_COPY
#endif

#if REAL_BITS == 32
typedef float real;
typedef int32_t integer;
#define OF_TYPE(x86) x86##_ps
#define NEON(f) f##_f32
#define MANTISSA_BITS 23
#define ROUNDER 12582912.0f /* 1.5 * 2^MANTISSA_BITS: adding it rounds to an integer, in the lowest bits */
#define EXP2_MAX 125.0f
#define EXPONENT_OF_HALF 126
#define SQRT sqrtf
#ifdef FP_FAST_FMAF
#define FAST_FMA 1
#endif
#else
typedef double real;
typedef int64_t integer;
#define OF_TYPE(x86) x86##_pd
#define NEON(f) f##_f64
#define MANTISSA_BITS 52
#define ROUNDER 6755399441055744.0
#define EXP2_MAX 1020.0
#define EXPONENT_OF_HALF 1022
#define SQRT sqrt
#ifdef FP_FAST_FMA
#define FAST_FMA 1
#endif
#endif

/* ------------------------------------------------------------------------------------------------
 * vectors */

#if VECTOR_BYTES
#define LANES ((int)(VECTOR_BYTES / sizeof(real)))
#if defined(__SSE2__) /* the types of the processor are such vectors, too, so no conversions are needed */
#if VECTOR_BYTES == 64
#define X86_VECTOR __m512
#elif VECTOR_BYTES == 32
#define X86_VECTOR __m256
#else
#define X86_VECTOR __m128
#endif
#if REAL_BITS == 32
typedef X86_VECTOR vec;
#else
#define X86_DOUBLES_(x) x##d
#define X86_DOUBLES(x) X86_DOUBLES_(x)
typedef X86_DOUBLES(X86_VECTOR) vec;
#endif
#else
typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
#endif
typedef integer ivec __attribute__((vector_size(VECTOR_BYTES)));
typedef real unaligned_vec __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));

INLINE vec load(const real *p) { return *(const unaligned_vec *)p; }
INLINE void store(real *p, vec x) { *(unaligned_vec *)p = x; }
INLINE vec all(real x) { return x - (vec){ 0 }; }
INLINE ivec bits_of(vec x) { return (ivec)x; }
INLINE vec of_bits(ivec x) { return (vec)x; }

/* the first n lanes of x, zeros behind */
INLINE vec first_lanes(vec x, ptrdiff_t n)
{
    ivec lane;
    for (int i = 0; i < LANES; i++)
        lane[i] = i;
    return (vec)((ivec)x & (lane < (integer)n - (ivec){ 0 }));
}

INLINE real lane_of(vec x, int i) { return x[i]; }

#if defined(__AVX512F__) && VECTOR_BYTES == 64
INLINE vec fma_of(vec a, vec b, vec c) { return OF_TYPE(_mm512_fmadd)(a, b, c); }
INLINE vec sqrt_of(vec x) { return OF_TYPE(_mm512_sqrt)(x); }
INLINE vec clip(vec most, vec x) { return OF_TYPE(_mm512_min)(most, OF_TYPE(_mm512_max)(-most, x)); }
INLINE vec round_of(vec x)
{
    return OF_TYPE(_mm512_roundscale)(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
#elif defined(__FMA__) && VECTOR_BYTES == 32
INLINE vec fma_of(vec a, vec b, vec c) { return OF_TYPE(_mm256_fmadd)(a, b, c); }
INLINE vec sqrt_of(vec x) { return OF_TYPE(_mm256_sqrt)(x); }
INLINE vec clip(vec most, vec x) { return OF_TYPE(_mm256_min)(most, OF_TYPE(_mm256_max)(-most, x)); }
INLINE vec round_of(vec x) { return OF_TYPE(_mm256_round)(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
#elif defined(__SSE2__) && VECTOR_BYTES == 16
#if defined(__FMA__)
INLINE vec fma_of(vec a, vec b, vec c) { return OF_TYPE(_mm_fmadd)(a, b, c); }
#else
INLINE vec fma_of(vec a, vec b, vec c) { return a * b + c; } /* no instruction for it: rounded twice */
#endif
INLINE vec sqrt_of(vec x) { return OF_TYPE(_mm_sqrt)(x); }
INLINE vec clip(vec most, vec x) { return OF_TYPE(_mm_min)(most, OF_TYPE(_mm_max)(-most, x)); }
#if defined(__SSE4_1__)
INLINE vec round_of(vec x) { return OF_TYPE(_mm_round)(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
#else
#define ROUNDS_SMALL_NUMBERS
#endif
#elif defined(__aarch64__) && VECTOR_BYTES == 16
INLINE vec fma_of(vec a, vec b, vec c) { return (vec)NEON(vfmaq)(c, a, b); }
INLINE vec sqrt_of(vec x) { return (vec)NEON(vsqrtq)(x); }
INLINE vec clip(vec most, vec x) { return (vec)NEON(vminq)(most, NEON(vmaxq)(-most, x)); }
INLINE vec round_of(vec x) { return (vec)NEON(vrndnq)(x); }
#else /* other processors: the same operations, lane by lane where C has no operator */
#ifdef FAST_FMA
INLINE vec fma_of(vec a, vec b, vec c)
{
    vec y;
    for (int i = 0; i < LANES; i++)
        y[i] = REAL_BITS == 32 ? fmaf(a[i], b[i], c[i]) : fma(a[i], b[i], c[i]);
    return y;
}
#else
INLINE vec fma_of(vec a, vec b, vec c) { return a * b + c; }
#endif
INLINE vec sqrt_of(vec x)
{
    for (int i = 0; i < LANES; i++)
        x[i] = SQRT(x[i]);
    return x;
}
INLINE vec clip(vec most, vec x)
{
    const ivec low = x < -most;
    const ivec high = x > most;
    return (vec)((low & (ivec)-most) | (high & (ivec)most) | (~(low | high) & (ivec)x));
}
#define ROUNDS_SMALL_NUMBERS
#endif

#else /* one number at a time */
#define LANES 1
typedef real vec;
typedef integer ivec;
INLINE vec load(const real *p) { return *p; }
INLINE void store(real *p, vec x) { *p = x; }
INLINE vec all(real x) { return x; }
INLINE ivec bits_of(vec x)
{
    ivec y;
    memcpy(&y, &x, sizeof y);
    return y;
}
INLINE vec of_bits(ivec x)
{
    vec y;
    memcpy(&y, &x, sizeof y);
    return y;
}
INLINE vec first_lanes(vec x, ptrdiff_t n) { return n > 0 ? x : 0; }
INLINE real lane_of(vec x, int i)
{
    (void)i;
    return x;
}
INLINE vec fma_of(vec a, vec b, vec c) { return a * b + c; }
INLINE vec sqrt_of(vec x) { return SQRT(x); }
INLINE vec clip(vec most, vec x) { return x < -most ? -most : x > most ? most : x; }
#define ROUNDS_SMALL_NUMBERS
#endif

/* ------------------------------------------------------------------------------------------------
 * exponential and squashing functions */

#ifdef ROUNDS_SMALL_NUMBERS /* there is no instruction for rounding */
INLINE vec round_of(vec x) { return x + all(ROUNDER) - all(ROUNDER); }
#endif

/* 2^v = p * 2^(n - 1) for v = slope x, |v| is at most EXP2_MAX; returns p, and 2^(n - 1) in `power`. n is the nearest
 * integer. NaN stays NaN, an infinite v gives NaN. The polynomial of 2^r, r = v - n, |r| <= 1/2, interpolates at
 * Chebyshev's points with the value 1 at 0 (relative error 8e-18 and 5e-9, below half a unit in the last place); all
 * coefficients are doubled. It is summed in pairs, and v is clipped and the power made in parallel, so that the chain of
 * dependent operations is short: a step of a small network waits for it twice. */
INLINE vec exp2_of(vec slope, vec x, vec *power)
{
    vec v = slope * x, r, r2, r4, p;
    const vec clipped = clip(all(EXP2_MAX), v);
    *power = of_bits(bits_of(clipped + all(ROUNDER + EXPONENT_OF_HALF)) << MANTISSA_BITS);
#ifdef ROUNDS_SMALL_NUMBERS
    v = clipped;
#endif
    r = v - round_of(v);
    r2 = r * r;
    r4 = r2 * r2;
    /* clang-format off */
#if REAL_BITS == 32
    p = fma_of(fma_of(all(2 * 0.000154531629f), r2, fma_of(all(2 * 0.00133908634f), r, all(2 * 0.00961808256f))), r4,
               fma_of(fma_of(all(2 * 0.0555035711f), r, all(2 * 0.240226508f)), r2,
                      fma_of(all(2 * 0.693147188f), r, all(2.0f))));
#else
    p = fma_of(fma_of(fma_of(all(2 * 1.525273382983612e-05), r, all(2 * 0.0001540353044173605)), r2,
                      fma_of(all(2 * 0.0013333558146416936), r, all(2 * 0.009618129107606888))), r4,
               fma_of(fma_of(all(2 * 0.0555041086648216), r, all(2 * 0.24022650695910097)), r2,
                      fma_of(all(2 * 0.6931471805599453), r, all(2.0))));
    p = fma_of(fma_of(fma_of(all(2 * 4.4549605981865186e-10), r, all(2 * 7.072585949269223e-09)), r2,
                      fma_of(all(2 * 1.0178062445845774e-07), r, all(2 * 1.321544258792169e-06))), r4 * r4, p);
#endif
    /* clang-format on */
    return p;
}

#define LOG2_E ((real)1.4426950408889634)

/* exp(x) */
INLINE vec exp_of(vec x)
{
    vec power, p = exp2_of(all(LOG2_E), x, &power);
    return p * power;
}

/* 1 + 2^v for v = slope x; the product is exact */
INLINE vec one_plus_exp2(vec slope, vec x)
{
    vec power, p = exp2_of(slope, x, &power);
    return fma_of(p, power, all(1));
}

/* 1 / (1 + exp(-x)) */
INLINE vec logistic(vec x) { return all(1) / one_plus_exp2(all(-LOG2_E), x); }

/* shift + scale / (1 + 2^(slope x)): every squashing function except the identity */
INLINE vec squash(real slope, real scale, real shift, vec x)
{
    return all(shift) + all(scale) / one_plus_exp2(all(slope), x);
}

/* sum of (x - y)^2 over n elements, in double precision: the sum of even elements plus that of odd ones */
INLINE double squared_distance(ptrdiff_t n, const real *x, const real *y)
{
#if VECTOR_BYTES
    typedef double pair __attribute__((vector_size(16)));
    pair d, sum = { 0, 0 };
    for (ptrdiff_t k = 0; k + 1 < n; k += 2) {
        d = (pair){ x[k], x[k + 1] } - (pair){ y[k], y[k + 1] };
        sum += d * d;
    }
#else
    double d, sum[2] = { 0, 0 };
    for (ptrdiff_t k = 0; k < n - n % 2; k++) {
        d = (double)x[k] - y[k];
        sum[k % 2] += d * d;
    }
#endif
    double even = sum[0];
    if (n % 2) {
        const double last = (double)x[n - 1] - y[n - 1];
        even += last * last;
    }
    return even + sum[1];
}

/* without a branch, so that compilers use vectors */
INLINE int all_finite(ptrdiff_t n, const real *x)
{
    int finite = 1;
    for (ptrdiff_t i = 0; i < n; i++)
        finite &= x[i] - x[i] == 0;
    return finite;
}

/* asks for the cache line of p, which need not exist */
INLINE void prefetch(const real *p)
{
#if defined(__GNUC__)
    __builtin_prefetch(p);
#else
    (void)p;
#endif
}

/* whether fma_of rounds once */
#if VECTOR_BYTES && (defined(__FMA__) || defined(__aarch64__) || defined(FAST_FMA))
#define HAS_FMA 1
#else
#define HAS_FMA 0
#endif

/* ------------------------------------------------------------------------------------------------
 * mode of the processor */

/* Errors that fade over many steps become subnormal numbers, which cost some processors 100 times as much as
* normal ones. Sets flush-to-zero for this thread; returns the mode for restore_mode(). */
static inline unsigned long long flush_subnormals(void)
{
#if defined(__SSE2__) || defined(_M_X64)
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

static inline void restore_mode(unsigned long long mode)
{
#if defined(__SSE2__) || defined(_M_X64)
    _mm_setcsr((unsigned)mode);
#elif defined(__aarch64__) && defined(__GNUC__)
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
#else
    (void)mode;
#endif
}

#endif
