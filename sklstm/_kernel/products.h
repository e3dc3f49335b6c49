/* Products of matrices that are not large enough for BLAS to be at its best: all of small networks, and those of
 * one time step of a packed batch. Each element of the result is one chain of fused operations over the sources in
 * order, whatever the blocking.
 */
#ifndef SKLSTM_PRODUCTS_H
#define SKLSTM_PRODUCTS_H

#include "simd.h"

#define DEEP 128 /* sources at a time: a panel of B stays in the first-level cache */
#if VECTOR_BYTES == 64 || defined(__aarch64__)
#define TALL 8 /* rows of a tile two vectors wide: 16 sums in 32 registers */
#else
#define TALL 6 /* 12 sums in 16 registers */
#endif

/* What is multiplied: A (rows x sources), with any two strides, so that it may stand transposed, and B (sources x
 * units). */
typedef struct {
    ptrdiff_t sources;
    const real *a;
    ptrdiff_t a_row, a_source;
    const real *b;
    ptrdiff_t b_row;
} Factors;

/* C (nr x nv vectors) = start + A B for one or two pairs of factors, from row i and unit j of them on, all of C in
 * registers. nr and nv are constants after inlining. */
INLINE void tile(const int nr, const int nv, const Factors *factors, int pairs, ptrdiff_t i0, ptrdiff_t j0,
                 const real *start, ptrdiff_t start_row, real *c, ptrdiff_t c_row)
{
    vec sum[16];
    start += i0 * start_row + j0;
    c += i0 * c_row + j0;
    for (int i = 0; i < nr; i++)
        for (int j = 0; j < nv; j++)
            sum[i * nv + j] = load(start + i * start_row + j * LANES);
    for (const Factors *f = factors; f < factors + pairs; f++) {
        const ptrdiff_t a_row = f->a_row, a_source = f->a_source, b_row = f->b_row;
        const real *restrict a = f->a + i0 * a_row;
        const real *restrict a_4 = a + 4 * a_row; /* so that few registers hold the places of eight rows */
        const real *restrict b = f->b + j0;
        for (ptrdiff_t k = f->sources; k > 0; k--, a += a_source, a_4 += a_source, b += b_row) {
            vec row[8];
            for (int j = 0; j < nv; j++)
                row[j] = load(b + j * LANES);
            for (int i = 0; i < nr; i++) {
                const vec z = all(i < 4 ? a[i * a_row] : a_4[(i - 4) * a_row]);
                for (int j = 0; j < nv; j++)
                    sum[i * nv + j] = fma_of(z, row[j], sum[i * nv + j]);
            }
        }
    }
    for (int i = 0; i < nr; i++)
        for (int j = 0; j < nv; j++)
            store(c + i * c_row + j * LANES, sum[i * nv + j]);
}

/* C (rows x nv vectors) = start + A B, for a multiple of TALL rows and at most DEEP sources */
INLINE void column(const int nv, ptrdiff_t rows, const Factors *factors, int pairs, ptrdiff_t j0,
                   const real *start, ptrdiff_t start_row, real *c, ptrdiff_t c_row)
{
    ALIGNED real panel[DEEP * 2 * LANES];
    Factors copied[2];
    if (rows >= 16 && factors->b_row > nv * LANES) { /* worth a copy without gaps */
        real *to = panel;
        for (int p = 0; p < pairs; p++) {
            copied[p] = factors[p];
            copied[p].b = to - j0;
            copied[p].b_row = nv * LANES;
            for (ptrdiff_t k = 0; k < factors[p].sources; k++)
                for (int j = 0; j < nv; j++, to += LANES)
                    store(to, load(factors[p].b + k * factors[p].b_row + j0 + j * LANES));
        }
        factors = copied;
    }
    for (ptrdiff_t i = 0; i < rows; i += TALL)
        tile(TALL, nv, factors, pairs, i, j0, start, start_row, c, c_row);
}

/* C (rows x units) = start + A B for one or two pairs of factors; units is a multiple of LANES. `start` may be C
 * itself, or, with a stride of 0, one row for all. GCC's copies for constant strides keep the rows of B in memory: one
 * copy only. */
ONE_COPY static void product_in_tiles(ptrdiff_t rows, ptrdiff_t units, const Factors *factors, int pairs,
                                      const real *start, ptrdiff_t start_row, real *c, ptrdiff_t c_row)
{
    const ptrdiff_t whole = rows - rows % TALL;
    ptrdiff_t done = 0; /* sources of the first of these factors */
    do {
        Factors some[2];
        int n = 0;
        ptrdiff_t room = DEEP;
        while (pairs && room) {
            const ptrdiff_t left = factors->sources - done, deep = left < room ? left : room;
            some[n] = *factors;
            some[n].sources = deep;
            some[n].a += done * factors->a_source;
            some[n].b += done * factors->b_row;
            n++;
            room -= deep;
            done += deep;
            if (done == factors->sources) {
                factors++;
                pairs--;
                done = 0;
            }
        }
        ptrdiff_t j = 0;
#define COLUMNS(nv)                                                                                            \
    for (; j + (nv) * LANES <= units; j += (nv) * LANES)                                                       \
    column(nv, whole, some, n, j, start, start_row, c, c_row)
        if (whole) {
            COLUMNS(2);
            COLUMNS(1);
        }
#define REST(nr, nv)                                                                                           \
    for (; j + (nv) * LANES <= units; j += (nv) * LANES)                                                       \
    tile(nr, nv, some, n, whole, j, start, start_row, c, c_row)
#define ROWS_LEFT(nr, widest)                                                                                  \
    case nr:                                                                                                   \
        REST(nr, widest);                                                                                      \
        REST(nr, 2);                                                                                           \
        REST(nr, 1);                                                                                           \
        break
        j = 0;
        switch (rows - whole) {
            ROWS_LEFT(1, 8);
            ROWS_LEFT(2, 4);
            ROWS_LEFT(3, TALL == 8 ? 4 : 2);
            ROWS_LEFT(4, TALL == 8 ? 4 : 2);
            ROWS_LEFT(5, 2);
#if TALL == 8
            ROWS_LEFT(6, 2);
            ROWS_LEFT(7, 2);
#endif
        }
#undef COLUMNS
#undef REST
#undef ROWS_LEFT
        start = c; /* the sum goes on */
        start_row = c_row;
    } while (pairs);
}

#endif
