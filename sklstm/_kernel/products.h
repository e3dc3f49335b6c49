/* Products of matrices that are too small for BLAS to be fast: all products of small networks, and those of one
* time step of a packed batch. Each element of the result is one chain of fused operations over the sources in
* order, for any blocking.
 */
#ifndef SKLSTM_PRODUCTS_H
#define SKLSTM_PRODUCTS_H

#include "simd.h"

#define DEEP 128 /* number of sources at a time: a panel of B stays in the first-level cache */
#define WIDE 4096 /* bytes: columns of longer rows of B are worth a copy without gaps */
#if VECTOR_BYTES == 64 || defined(__aarch64__)
#define TALL 8 /* rows of a tile two vectors wide: 16 sums in 32 registers */
#else
#define TALL 6 /* 12 sums in 16 registers */
#endif
#define LONG 8 /* vectors of a tile of one row, rows of a tile one vector wide: enough independent sums */

/* C (nr x nv vectors) = start + A (nr x sources) B (sources x nv vectors), all of C in registers. nr and nv are
 * constants after inlining. */
INLINE void tile(const int nr, const int nv, ptrdiff_t sources, const real *restrict a, ptrdiff_t a_row,
                 ptrdiff_t a_source, const real *restrict b, ptrdiff_t b_row, const real *start,
                 ptrdiff_t start_row, real *c, ptrdiff_t c_row)
{
    vec sum[2 * TALL];
    for (int i = 0; i < nr; i++)
        for (int j = 0; j < nv; j++)
            sum[i * nv + j] = load(start + i * start_row + j * LANES);
    for (ptrdiff_t k = sources; k > 0; k--, a += a_source, b += b_row) {
        vec row[LONG];
        for (int j = 0; j < nv; j++)
            row[j] = load(b + j * LANES);
        for (int i = 0; i < nr; i++) {
            const vec z = all(a[i * a_row]);
            for (int j = 0; j < nv; j++)
                sum[i * nv + j] = fma_of(z, row[j], sum[i * nv + j]);
        }
    }
    for (int i = 0; i < nr; i++)
        for (int j = 0; j < nv; j++)
            store(c + i * c_row + j * LANES, sum[i * nv + j]);
}

/* C (rows x nv vectors) = start + A B, for at most DEEP sources */
INLINE void column(const int nv, ptrdiff_t rows, ptrdiff_t sources, const real *a, ptrdiff_t a_row,
                   ptrdiff_t a_source, const real *b, ptrdiff_t b_row, const real *start, ptrdiff_t start_row,
                   real *c, ptrdiff_t c_row)
{
    ALIGNED real panel[DEEP * 2 * LANES];
    const int tall = nv == 1 ? LONG : TALL;
    ptrdiff_t i;
    if (rows >= 16 && b_row * (ptrdiff_t)sizeof(real) > WIDE) {
        for (ptrdiff_t k = 0; k < sources; k++)
            for (int j = 0; j < nv; j++)
                store(panel + (k * nv + j) * LANES, load(b + k * b_row + j * LANES));
        b = panel;
        b_row = nv * LANES;
    }
#define TILE(nr)                                                                                               \
    tile(nr, nv, sources, a + i * a_row, a_row, a_source, b, b_row, start + i * start_row, start_row,          \
         c + i * c_row, c_row)
#define ROWS_LEFT(nr)                                                                                          \
    case nr:                                                                                                   \
        if (nr < tall)                                                                                         \
            TILE(nr);                                                                                          \
        break
    for (i = 0; i + tall <= rows; i += tall)
        TILE(tall);
    switch (rows - i) {
        ROWS_LEFT(1);
        ROWS_LEFT(2);
        ROWS_LEFT(3);
        ROWS_LEFT(4);
        ROWS_LEFT(5);
        ROWS_LEFT(6);
        ROWS_LEFT(7);
    }
#undef TILE
#undef ROWS_LEFT
}

/* C (rows x units) = start + A (rows x sources) B (sources x units); units is a multiple of LANES. A has any two
* strides, so it may be transposed. `start` may be C itself, or, with a stride of 0, one row for all rows. GCC's
* copies for constant strides keep the rows of B in memory, so there is one copy only. */
ONE_COPY static void product_in_tiles(ptrdiff_t rows, ptrdiff_t units, ptrdiff_t sources, const real *a,
                                      ptrdiff_t a_row, ptrdiff_t a_source, const real *b, ptrdiff_t b_row,
                                      const real *start, ptrdiff_t start_row, real *c, ptrdiff_t c_row)
{
    do {
        const ptrdiff_t some = sources < DEEP ? sources : DEEP;
        ptrdiff_t j = 0;
        if (rows == 1)
            for (; j + LONG * LANES <= units; j += LONG * LANES)
                tile(1, LONG, some, a, a_row, a_source, b + j, b_row, start + j, start_row, c + j, c_row);
        for (; j + 2 * LANES <= units; j += 2 * LANES)
            column(2, rows, some, a, a_row, a_source, b + j, b_row, start + j, start_row, c + j, c_row);
        if (j < units)
            column(1, rows, some, a, a_row, a_source, b + j, b_row, start + j, start_row, c + j, c_row);
        sources -= some;
        a += some * a_source;
        b += some * b_row;
        start = c; /* continue the sum */
        start_row = c_row;
    } while (sources);
}

#endif
