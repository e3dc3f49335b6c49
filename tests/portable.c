/* What the C of the kernel computes, without Python: digests of its bits, for compilers and processors that have no
 * packages to run the kernel with. Compiled with REAL_BITS and VECTOR_BYTES as setup.py does it; prints one line each.
 * Ends with 1 if exp, tanh or what is beyond their range is wrong. tests/portable.txt has the lines.
 */
#include "products.h"
#include "simd.h"

#include <stdio.h>

enum { N = 1 << 14, ROWS = 19, SOURCES = 150, UNITS = 48 };

static uint64_t state;

/* splitmix64; a number in [-16, 16) that both types hold exactly */
static real number(void)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (real)((int32_t)(z >> 40) - (1 << 23)) / (1 << 19);
}

/* FNV-1a of the bits, the lowest first whatever the order of bytes */
static void print(const char *what, const real *numbers, int n)
{
    uint64_t digest = 0xcbf29ce484222325u;
    for (int i = 0; i < n; i++) {
#if REAL_BITS == 32
        uint32_t bits;
#else
        uint64_t bits;
#endif
        memcpy(&bits, numbers + i, sizeof bits);
        for (int at = 0; at < REAL_BITS; at += 8)
            digest = (digest ^ (bits >> at & 255)) * 0x100000001b3u;
    }
    printf("%s %d %s: %016llx\n", HAS_FMA ? "fused" : "unfused", REAL_BITS, what, (unsigned long long)digest);
}

static double worst;

static void compare(real actual, double expected, double scale)
{
    const double error = fabs(actual - expected) / scale;
    if (!(error <= worst))
        worst = error;
}

#define EACH(f)                                                                                                \
    for (int i = 0; i < N; i += LANES)                                                                         \
    store(y + i, f)

int main(void)
{
    static ALIGNED real x[N], y[N], z[N], m[N], a[ROWS * SOURCES], b[SOURCES * UNITS], c[ROWS * UNITS];
    const double bound = REAL_BITS == 32 ? 4e-6 : 1e-14;
    const real tanh_slope = -2 * LOG2_E;
    int failed = 0;
    for (int i = 0; i < N; i++) {
        x[i] = number();
        z[i] = number() * number();
        m[i] = number() / 1024;
    }

    EACH(exp_of(load(x + i)));
    print("exp", y, N);
    for (int i = 0; i < N; i++)
        compare(y[i], exp(x[i]), exp(x[i]));
    EACH(logistic(load(x + i)));
    print("logistic", y, N);
    EACH(squash(tanh_slope, 2, -1, load(x + i)));
    print("tanh", y, N);
    for (int i = 0; i < N; i++)
        compare(y[i], tanh(x[i]), 1);
    if (!(worst <= bound)) {
        fprintf(stderr, "exp or tanh is wrong by %g\n", worst);
        failed = 1;
    }

    EACH(round_of(load(x + i)) + all(0)); /* without the sign of zero, which exp does not ask for */
    print("round", y, N);
    EACH(clip(all(3), load(x + i)));
    print("clip", y, N);
    EACH(sqrt_of(load(x + i) * load(x + i) + load(z + i) * load(z + i)));
    print("square root", y, N);
    EACH(fma_of(load(x + i), load(z + i), load(m + i)));
    print("fma", y, N);
    EACH(load(x + i) * load(z + i) + load(m + i)); /* rounded twice, whatever the compiler would like */
    print("product and sum", y, N);
    EACH(load(m + i) - all((real)0.01) * (load(x + i) * all((real)1.1)) /
                           (sqrt_of(load(z + i) * load(z + i)) + all((real)1e-6)));
    print("step of Adam", y, N);
    EACH(first_lanes(load(x + i), LANES - 1) +
         all(lane_of(load(x + i), LANES / 2))); /* zero last; one lane in all */
    for (int i = 0; i < N; i++)
        if (y[i] != (i % LANES < LANES - 1 ? x[i] : 0) + x[i - i % LANES + LANES / 2]) {
            fprintf(stderr, "lanes are not where they belong: number %d\n", i);
            failed = 1;
        }

    for (int i = 0; i < ROWS * SOURCES; i++)
        a[i] = number();
    for (int i = 0; i < SOURCES * UNITS; i++)
        b[i] = number();
    for (int i = 0; i < ROWS * UNITS; i++)
        c[i] = number();
    product_in_tiles(ROWS, UNITS, SOURCES, a, SOURCES, 1, b, UNITS, c, UNITS, c, UNITS);
    print("product", c, ROWS * UNITS);
    product_in_tiles(SOURCES, UNITS, ROWS, a, 1, SOURCES, c, UNITS, b, UNITS, b, UNITS);
    print("product, transposed", b, SOURCES * UNITS);

    for (int i = 0; i < LANES; i++) { /* beyond the range of exp: as at its end; NaN stays NaN */
        x[i] = (real)1e4;
        z[i] = (real)-1e4;
        m[i] = (real)NAN;
    }
    store(y, logistic(load(x)));
    store(y + LANES, logistic(load(z)));
    store(y + 2 * LANES, logistic(load(m)));
    if (!(y[0] == 1 && y[LANES] >= 0 && y[LANES] < 1e-30 && y[2 * LANES] != y[2 * LANES])) {
        fprintf(stderr, "logistic is wrong beyond its range: %g %g %g\n", y[0], y[LANES], y[2 * LANES]);
        failed = 1;
    }

    volatile real tiny = (real)(REAL_BITS == 32 ? 1e-38 : 1e-307);
    const unsigned long long mode = flush_subnormals();
    volatile real flushed = tiny / 1024;
    restore_mode(mode);
    volatile real kept = tiny / 1024;
    if (kept == 0 || (flushed != 0 && flushed != kept)) {
        fprintf(stderr, "the mode for subnormal numbers is not restored\n");
        failed = 1;
    }
    return failed;
}
