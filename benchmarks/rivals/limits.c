/* The chain that bounds a time step of a small LSTM, on this core:
 *
 *     activations of step t - 1 -> net inputs -> gates, cells' inputs -> state -> squashed state -> activations
 *
 * and nothing else: no inputs, no memory, no backward pass, weights in registers. What waits for nothing in
 * this chain can be done beside it.
 *
 *     cc -O3 -march=native -DREAL=float -DCELLS=4 limits.c -o limits && ./limits
 *
 * prints nanoseconds of CPU time a step, the least of some runs. GCC or Clang.
 *
 * With -DSQUASHING -DLANES=8, it prints the time of one squashing function of a large network: LANES at a time,
 * none of which waits for another.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define STEPS 100000
#define RUNS 15
#ifndef LANES
#define LANES (CELLS <= 4 ? 4 : 8) /* of a vector; at most 8 cells */
#endif

#define IS_DOUBLE (sizeof(REAL) == 8)
#define ROUND (IS_DOUBLE ? (REAL)6755399441055744.0 : (REAL)12582912.0) /* 1.5 * 2^52, 1.5 * 2^23 */
#define MANTISSA (IS_DOUBLE ? 52 : 23)

typedef REAL vec __attribute__((vector_size(LANES * sizeof(REAL))));
typedef __typeof__((vec){0} == (vec){0}) bits; /* integers of the same width */

/* 2^x: x = n + r with an integer n; a polynomial in r, whose terms are summed in pairs to keep the chain short */
static inline __attribute__((always_inline)) vec power_of_two(vec x)
{
    const vec n = x + ROUND, r = x - (n - ROUND), r2 = r * r, r4 = r2 * r2;
    vec p = (1 + (REAL)0.6931471805599453 * r) + r2 * ((REAL)0.2402265069591007 + (REAL)0.0555041086648216 * r)
            + r4 * ((REAL)0.009618129107628477 + (REAL)0.001333355814642844 * r);
    if (IS_DOUBLE)
        p += r4 * r2 * ((REAL)1.540353039338161e-4 + (REAL)1.525273380405984e-5 * r)
             + r4 * r4 * (((REAL)1.321548679014431e-6 + (REAL)1.01780860092397e-7 * r)
                          + r2 * ((REAL)7.05491162080112e-9 + (REAL)4.44553827187081e-10 * r));
    return (vec)((bits)p + ((bits)n << MANTISSA));
}

/* 1 / (1 + exp(-x)), the factor -1 / ln 2 being in the weights */
static inline __attribute__((always_inline)) vec logistic(vec x)
{
    return 1 / (1 + power_of_two(x));
}

#ifdef SQUASHING
#define NUMBERS 1024 /* they stay in the first-level cache */

int main(void)
{
    static vec x[NUMBERS / LANES];
    volatile REAL given = (REAL)0.1;
    double best = 1e9;
    for (int i = 0; i < NUMBERS / LANES; i++)
        x[i] = (vec){0} + given * (i % 37 - 18);
    for (int run = 0; run < RUNS; run++) {
        const clock_t start = clock();
        for (int repeat = 0; repeat < STEPS / 10; repeat++) {
            for (int i = 0; i < NUMBERS / LANES; i++)
                x[i] = logistic(x[i]);
            __asm__ volatile("" ::: "memory");
        }
        const double ns = (double)(clock() - start) / CLOCKS_PER_SEC / (STEPS / 10) / NUMBERS * 1e9;
        if (ns < best)
            best = ns;
    }
    printf("%.4f\n", best);
    return 0;
}
#else
int main(void)
{
    volatile REAL given[4] = {(REAL)0.1, (REAL)-0.2, (REAL)0.3, (REAL)-2.885390081777927};
    vec w[4][CELLS], b[4], h = {0}, s = {0};
    const REAL slope = given[3]; /* of tanh: -2 / ln 2 */
    double best = 1e9;
    for (int u = 0; u < 4; u++) {
        b[u] = (vec){0} + given[u % 3];
        for (int j = 0; j < CELLS; j++)
            w[u][j] = (vec){0} + given[(u + j) % 3] / CELLS;
    }
    for (int run = 0; run < RUNS; run++) {
        const clock_t start = clock();
        for (int t = 0; t < STEPS; t++) {
            vec even[4], odd[4], y[4];
            for (int u = 0; u < 4; u++)
                even[u] = b[u], odd[u] = (vec){0};
            for (int j = 0; j + 1 < CELLS; j += 2)
                for (int u = 0; u < 4; u++) {
                    even[u] += h[j] * w[u][j];
                    odd[u] += h[j + 1] * w[u][j + 1];
                }
            for (int u = 0; u < 4; u++)
                y[u] = logistic(even[u] + odd[u]);
            s = y[1] * s + y[0] * (2 * y[3] - 1);
            h = y[2] * (2 * logistic(slope * s) - 1);
        }
        const double ns = (double)(clock() - start) / CLOCKS_PER_SEC / STEPS * 1e9;
        if (ns < best)
            best = ns;
    }
    volatile REAL used = h[0];
    (void)used;
    printf("%.2f\n", best);
    return 0;
}
#endif
