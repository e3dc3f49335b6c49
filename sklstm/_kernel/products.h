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

/* C (nr x nv vectors) = start + A B, all of C in registers. nr and nv are constants after inlining. */
INLINE void tile(const int nr, const int nv, ptrdiff_t sources, const real *restrict a, ptrdiff_t a_row,
                 ptrdiff_t a_source, const real *restrict b, ptrdiff_t b_row, const real *start,
                 ptrdiff_t start_row, real *c, ptrdiff_t c_row)
{
    const real *restrict a_4 = a + 4 * a_row; /* so that few registers hold the places of eight rows */
    vec sum[16];
    for (int i = 0; i < nr; i++)
        for (int j = 0; j < nv; j++)
            sum[i * nv + j] = load(start + i * start_row + j * LANES);
    for (ptrdiff_t k = 0; k < sources; k++, a += a_source, a_4 += a_source, b += b_row) {
        vec row[8];
        for (int j = 0; j < nv; j++)
            row[j] = load(b + j * LANES);
        for (int i = 0; i < nr; i++) {
            const vec z = all(i < 4 ? a[i * a_row] : a_4[(i - 4) * a_row]);
            for (int j = 0; j < nv; j++)
                sum[i * nv + j] = fma_of(z, row[j], sum[i * nv + j]);
        }
    }
    for (int i = 0; i < nr; i++)
        for (int j = 0; j < nv; j++)
            store(c + i * c_row + j * LANES, sum[i * nv + j]);
}

/* C (rows x nv vectors) = start + A B, for a multiple of TALL rows and at most DEEP sources */
INLINE void column(const int nv, ptrdiff_t rows, ptrdiff_t sources, const real *restrict a, ptrdiff_t a_row,
                   ptrdiff_t a_source, const real *restrict b, ptrdiff_t b_row, const real *start,
                   ptrdiff_t start_row, real *c, ptrdiff_t c_row)
{
    ALIGNED real panel[DEEP * 2 * LANES];
    if (rows >= 16 && b_row > nv * LANES) { /* worth a copy without gaps */
        for (ptrdiff_t k = 0; k < sources; k++)
            for (int j = 0; j < nv; j++)
                store(panel + (k * nv + j) * LANES, load(b + k * b_row + j * LANES));
        b = panel;
        b_row = nv * LANES;
    }
    for (ptrdiff_t i = 0; i < rows; i += TALL)
        tile(TALL, nv, sources, a + i * a_row, a_row, a_source, b, b_row, start + i * start_row, start_row,
             c + i * c_row, c_row);
}

/* C (rows x units) = start + A (rows x sources) B (sources x units); units is a multiple of LANES. `start` may be C
 * itself, or, with a stride of 0, one row for all. A has any two strides, so that it may stand transposed. GCC's copies for
 * constant strides keep the rows of B in memory: one copy only. */
ONE_COPY static void product_in_tiles(ptrdiff_t rows, ptrdiff_t units, ptrdiff_t sources,
                                      const real *restrict a, ptrdiff_t a_row, ptrdiff_t a_source,
                                      const real *restrict b, ptrdiff_t b_row, const real *start,
                                      ptrdiff_t start_row, real *c, ptrdiff_t c_row)
{
    const ptrdiff_t whole = rows - rows % TALL;
    ptrdiff_t k = 0;
    do {
        const ptrdiff_t deep = sources - k < DEEP ? sources - k : DEEP;
        ptrdiff_t j = 0;
#define COLUMNS(nv)                                                                                            \
    for (; j + (nv) * LANES <= units; j += (nv) * LANES)                                                       \
    column(nv, whole, deep, a, a_row, a_source, b + j, b_row, start + j, start_row, c + j, c_row)
        if (whole) {
            COLUMNS(2);
            COLUMNS(1);
        }
#define REST(nr, nv)                                                                                           \
    for (; j + (nv) * LANES <= units; j += (nv) * LANES)                                                       \
    tile(nr, nv, deep, a + whole * a_row, a_row, a_source, b + j, b_row, start + whole * start_row + j,        \
         start_row, c + whole * c_row + j, c_row)
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
        a += deep * a_source;
        b += deep * b_row;
        k += deep;
    } while (k < sources);
}

#endif
