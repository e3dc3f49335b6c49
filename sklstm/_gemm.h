/* Products of matrices too large for registers and too small for BLAS to be at its best: those of one time
 * step of a pack. Part of _simd.h's body, once for each type; AVX-512 with fused multiply-add.
 *
 * Each element is one chain of fused operations over the sources in order, whatever the blocking.
 */
#define SKLSTM_DEEP 128 /* sources at a time: a panel of B stays in the first-level cache */

/* C (nr x nv vectors) += A B, all of C in registers */
SKLSTM_V4_INLINE void SKLSTM_NAME(tile)(
    const int nr, const int nv, ptrdiff_t sources, const REAL *restrict a, ptrdiff_t a_row,
    ptrdiff_t a_source, const REAL *restrict b, ptrdiff_t b_row, REAL *restrict c, ptrdiff_t c_row)
{
    VEC sum[16];
    for (int i = 0; i < nr; i++)
        for (int j = 0; j < nv; j++)
            sum[i * nv + j] = LOAD(c + i * c_row + j * L);
    for (ptrdiff_t k = 0; k < sources; k++) {
        VEC row[2];
        for (int j = 0; j < nv; j++)
            row[j] = LOAD(b + k * b_row + j * L);
        for (int i = 0; i < nr; i++) {
            const VEC z = ALL(a[i * a_row + k * a_source]);
            for (int j = 0; j < nv; j++)
                sum[i * nv + j] = OP(_mm512_fmadd)(z, row[j], sum[i * nv + j]);
        }
    }
    for (int i = 0; i < nr; i++)
        for (int j = 0; j < nv; j++)
            STORE(c + i * c_row + j * L, sum[i * nv + j]);
}

/* C (rows x nv vectors) += A B, for at most SKLSTM_DEEP sources */
SKLSTM_V4_INLINE void SKLSTM_NAME(column)(
    const int nv, ptrdiff_t rows, ptrdiff_t sources, const REAL *restrict a, ptrdiff_t a_row,
    ptrdiff_t a_source, const REAL *restrict b, ptrdiff_t b_row, REAL *restrict c, ptrdiff_t c_row)
{
    REAL panel[SKLSTM_DEEP * 2 * L] __attribute__((aligned(64)));
    ptrdiff_t i = 0;
    if (rows >= 16) { /* worth a copy without gaps */
        for (ptrdiff_t k = 0; k < sources; k++)
            for (int j = 0; j < nv; j++)
                STORE(panel + (k * nv + j) * L, LOAD(b + k * b_row + j * L));
        b = panel;
        b_row = nv * L;
    }
#define SKLSTM_TILES(nr)                                                                                    \
    for (; i + (nr) <= rows; i += (nr))                                                                     \
    SKLSTM_NAME(tile)(nr, nv, sources, a + i * a_row, a_row, a_source, b, b_row, c + i * c_row, c_row)
    SKLSTM_TILES(8);
    SKLSTM_TILES(4);
    SKLSTM_TILES(2);
    SKLSTM_TILES(1);
#undef SKLSTM_TILES
}

/* C (rows x units) += A (rows x sources) B (sources x units); units is a multiple of SKLSTM_LANES. */
SKLSTM_V4 static void SKLSTM_NAME(gemm)(
    ptrdiff_t rows, ptrdiff_t units, ptrdiff_t sources, const REAL *restrict a, ptrdiff_t a_row,
    ptrdiff_t a_source, const REAL *restrict b, ptrdiff_t b_row, REAL *restrict c, ptrdiff_t c_row)
{
    for (ptrdiff_t k = 0; k < sources; k += SKLSTM_DEEP) {
        const ptrdiff_t deep = sources - k < SKLSTM_DEEP ? sources - k : SKLSTM_DEEP;
        ptrdiff_t j = 0;
        for (; j + 2 * L <= units; j += 2 * L)
            SKLSTM_NAME(column)(
                2, rows, deep, a + k * a_source, a_row, a_source, b + k * b_row + j, b_row, c + j, c_row);
        if (j < units)
            SKLSTM_NAME(column)(
                1, rows, deep, a + k * a_source, a_row, a_source, b + k * b_row + j, b_row, c + j, c_row);
    }
}
#undef SKLSTM_DEEP
