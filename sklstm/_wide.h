/* Memory blocks of networks of any size without peepholes: one time step of some rows.
 *
 * Part of _simd.h's body, once for each type; AVX-512. The same operations in the same order as forward_rows in
 * _rows.h, fused alike, so the same bits; what is saved is that each cell's state, its squashed state and its
 * activation are computed in one go, and that what is left of a row beyond whole vectors is masked.
 */
SKLSTM_V4 static void SKLSTM_NAME(forward_wide)(
    const sklstm_shape *n, ptrdiff_t rows, ptrdiff_t lag, const REAL *restrict table, /* IN */
    const REAL *restrict net,                                                          /* IN  (rows, Up) */
    REAL *y, REAL *s, REAL *h)                                                         /* OUT rows of Y, S, HS */
{
    const ptrdiff_t B = n->B, C = n->C, Up = n->Up, Cp = n->Cp;
    const VEC slope = ALL(table[n->t_h]), scale = ALL(table[n->t_h + Cp]); /* those of h: all the same */
    const VEC shift = ALL(table[n->t_h + 2 * Cp]), one = ALL(1);
    for (ptrdiff_t i = 0; i < rows; i++, net += Up, y += n->stride, s += Cp, h += Cp) {
        const REAL *s_prev = s - lag * Cp;
        for (ptrdiff_t j = 0; j < Up; j += L)
            STORE(y + j, SKLSTM_NAME(squash_vector)(
                LOAD(table + j), LOAD(table + Up + j), LOAD(table + 2 * Up + j), LOAD(net + j)));  /* (2) (3) (5) (7) */
        if (n->g_identity)
            memcpy(y, net, C * sizeof(REAL));
        for (ptrdiff_t v = 0; v < C; v += B)
            for (ptrdiff_t b = 0; b < B; b += L) {
                const SKLSTM_MASK here = SKLSTM_NAME(mask)(0, 0, B - b);
#define ROW(p) OP(_mm512_maskz_loadu)(here, p)
                const VEC in = n->has_in ? ROW(y + n->y_in + b) : one;
                const VEC forget = n->has_forget ? ROW(y + n->y_forget + b) : one;
                const VEC out = n->has_out ? ROW(y + n->y_out + b) : one;
                const VEC state = OP(_mm512_fmadd)(forget, ROW(s_prev + v + b), in * ROW(y + v + b));   /* (4) */
                const VEC squashed = n->h_identity
                    ? state : SKLSTM_NAME(squash_vector)(slope, scale, shift, state);
#undef ROW
                OP(_mm512_mask_storeu)(s + v + b, here, state);
                OP(_mm512_mask_storeu)(h + v + b, here, squashed);
                OP(_mm512_mask_storeu)(y + n->y_c + v + b, here, out * squashed);      /* (6) */
            }
    }
}
