/* Products of matrices that are not large enough for BLAS to be at its best: all of the small networks, and those
 * of one time step of a pack. Part of _simd.h's body, once for each type; AVX-512 with fused multiply-add.
 *
 * Each element is one chain of fused operations over the sources in order, whatever the blocking.
 */
#define SKLSTM_DEEP 128 /* sources at a time: a panel of B stays in the first-level cache */

/* C (nr x nv vectors) = start + A B, all of C in registers: at most 16, and 8 or more keep the processor busy */
SKLSTM_V4_INLINE void SKLSTM_NAME(tile)(
    const int nr, const int nv, ptrdiff_t sources, const REAL *restrict a, ptrdiff_t a_row,
    ptrdiff_t a_source, const REAL *restrict b, ptrdiff_t b_row, const REAL *start, ptrdiff_t start_row,
    REAL *c, ptrdiff_t c_row)
{
    const REAL *restrict a_4 = a + 4 * a_row; /* so that few registers hold the places of eight rows */
    VEC sum[16];
    for (int i = 0; i < nr; i++)
        for (int j = 0; j < nv; j++)
            sum[i * nv + j] = LOAD(start + i * start_row + j * L);
    for (ptrdiff_t k = 0; k < sources; k++, a += a_source, a_4 += a_source, b += b_row) {
        VEC row[8];
        for (int j = 0; j < nv; j++)
            row[j] = LOAD(b + j * L);
        for (int i = 0; i < nr; i++) {
            const VEC z = ALL(i < 4 ? a[i * a_row] : a_4[(i - 4) * a_row]);
            for (int j = 0; j < nv; j++)
                sum[i * nv + j] = OP(_mm512_fmadd)(z, row[j], sum[i * nv + j]);
        }
    }
    for (int i = 0; i < nr; i++)
        for (int j = 0; j < nv; j++)
            STORE(c + i * c_row + j * L, sum[i * nv + j]);
}

/* C (rows x nv vectors) = start + A B, for whole eights of rows and at most SKLSTM_DEEP sources */
SKLSTM_V4_INLINE void SKLSTM_NAME(column)(
    const int nv, ptrdiff_t rows, ptrdiff_t sources, const REAL *restrict a, ptrdiff_t a_row,
    ptrdiff_t a_source, const REAL *restrict b, ptrdiff_t b_row, const REAL *start, ptrdiff_t start_row,
    REAL *c, ptrdiff_t c_row)
{
    REAL panel[SKLSTM_DEEP * 2 * L] __attribute__((aligned(64)));
    if (rows >= 16 && b_row > nv * L) { /* worth a copy without gaps */
        for (ptrdiff_t k = 0; k < sources; k++)
            for (int j = 0; j < nv; j++)
                STORE(panel + (k * nv + j) * L, LOAD(b + k * b_row + j * L));
        b = panel;
        b_row = nv * L;
    }
    for (ptrdiff_t i = 0; i < rows; i += 8)
        SKLSTM_NAME(tile)(
            8, nv, sources, a + i * a_row, a_row, a_source, b, b_row, start + i * start_row, start_row,
            c + i * c_row, c_row);
}

/* C (rows x units) = start + A (rows x sources) B (sources x units); units is a multiple of SKLSTM_LANES. `start`
 * may be C itself, or, with a stride of 0, one row for all. */
SKLSTM_V4 static void SKLSTM_NAME(gemm)(
    ptrdiff_t rows, ptrdiff_t units, ptrdiff_t sources, const REAL *restrict a, ptrdiff_t a_row,
    ptrdiff_t a_source, const REAL *restrict b, ptrdiff_t b_row, const REAL *start, ptrdiff_t start_row,
    REAL *c, ptrdiff_t c_row)
{
    const ptrdiff_t eights = rows & ~(ptrdiff_t)7;
    ptrdiff_t k = 0;
    do {
        const ptrdiff_t deep = sources - k < SKLSTM_DEEP ? sources - k : SKLSTM_DEEP;
        ptrdiff_t j = 0;
#define SKLSTM_COLUMN(nv)                                                                                   \
    for (; j + (nv) * L <= units; j += (nv) * L)                                                            \
    SKLSTM_NAME(column)(nv, eights, deep, a, a_row, a_source, b + j, b_row, start + j, start_row, c + j, c_row)
        if (eights) {
            SKLSTM_COLUMN(2);
            SKLSTM_COLUMN(1);
        }
#define SKLSTM_REST(nr, nv)                                                                                 \
    for (; j + (nv) * L <= units; j += (nv) * L)                                                            \
    SKLSTM_NAME(tile)(nr, nv, deep, a + eights * a_row, a_row, a_source, b + j, b_row,                      \
                      start + eights * start_row + j, start_row, c + eights * c_row + j, c_row)
#define SKLSTM_ROWS_LEFT(nr, widest)                                                                        \
    case nr:                                                                                                \
        SKLSTM_REST(nr, widest);                                                                            \
        SKLSTM_REST(nr, 2);                                                                                 \
        SKLSTM_REST(nr, 1);                                                                                 \
        break
        j = 0;
        switch (rows - eights) {
            SKLSTM_ROWS_LEFT(1, 8);
            SKLSTM_ROWS_LEFT(2, 4);
            SKLSTM_ROWS_LEFT(3, 4);
            SKLSTM_ROWS_LEFT(4, 4);
            SKLSTM_ROWS_LEFT(5, 2);
            SKLSTM_ROWS_LEFT(6, 2);
            SKLSTM_ROWS_LEFT(7, 2);
        }
        start = c; /* the sum goes on */
        start_row = c_row;
        a += deep * a_source;
        b += deep * b_row;
        k += deep;
    } while (k < sources);
}
#undef SKLSTM_COLUMN
#undef SKLSTM_REST
#undef SKLSTM_ROWS_LEFT
#undef SKLSTM_DEEP
