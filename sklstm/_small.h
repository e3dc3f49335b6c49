/* Memory blocks of small networks: a whole row of units in one or two vector registers.
 *
 * Part of _simd.h's body, once for each type. The same operations in the same order as forward_rows and
 * backward_row in _rows.h, fused alike, so the same bits; what is saved is calls, loops of a few turns and the
 * way through memory between them. A gate reaches the cells of its block by a permutation of lanes.
 *
 * For AVX-512 only: it alone permutes lanes freely across 16 floats.
 */
SKLSTM_V4_INLINE VEC SKLSTM_NAME(exp2_vector)(VEC x)
{
    VEC n, r, r2, r4, p;
    IVEC shift;
    x = OP(_mm512_max)(ALL(-SKLSTM_EXP_MAX), x);
    x = OP(_mm512_min)(ALL(SKLSTM_EXP_MAX), x);
    n = x + ALL(SKLSTM_ROUND);
    shift = SKLSTM_TO_BITS(n);
    n -= ALL(SKLSTM_ROUND);
    r = x - n;
    r2 = r * r;
    r4 = r2 * r2;
    SKLSTM_POLYNOMIAL(p, r, r2, r4);
    return SKLSTM_FROM_BITS(SKLSTM_BITS_ADD(SKLSTM_TO_BITS(p), SKLSTM_BITS_SHIFT(shift, SKLSTM_MANTISSA)));
}

SKLSTM_V4_INLINE VEC SKLSTM_NAME(squash_vector)(VEC slope, VEC scale, VEC shift, VEC x)
{
    return shift + scale / (ALL(1) + SKLSTM_NAME(exp2_vector)(slope * x));
}

/* lanes `from` of the `n` vectors x */
SKLSTM_V4_INLINE VEC SKLSTM_NAME(lanes_of)(const int n, const VEC *x, IVEC from)
{
    return n == 1 ? OP(_mm512_permutexvar)(from, x[0]) : OP(_mm512_permutex2var)(x[0], from, x[1]);
}

/* lanes [lo, hi) of vector j */
SKLSTM_V4_INLINE SKLSTM_MASK SKLSTM_NAME(mask)(int j, ptrdiff_t lo, ptrdiff_t hi)
{
    uint64_t below_hi, below_lo;
    lo -= j * L;
    hi -= j * L;
    below_lo = lo <= 0 ? 0 : lo >= L ? ~0ull : (1ull << lo) - 1;
    below_hi = hi <= 0 ? 0 : hi >= L ? ~0ull : (1ull << hi) - 1;
    return (SKLSTM_MASK)(below_hi & ~below_lo);
}

/* Squashing is most of a step's work, and often fills a part of a register only. Where a half or a quarter is
 * enough for all that stands there, as many sequences share one: x[0], x[1], ... side by side. */
SKLSTM_V4_INLINE VEC SKLSTM_NAME(joined)(const int parts, const int stride, const VEC *x)
{
    IVEC all = SKLSTM_TO_BITS(x[0]);
    if (parts == 2)
        all = _mm512_inserti64x4(all, _mm512_castsi512_si256(SKLSTM_TO_BITS(x[stride])), 1);
    if (parts == 4) {
        all = _mm512_inserti64x2(all, _mm512_castsi512_si128(SKLSTM_TO_BITS(x[stride])), 1);
        all = _mm512_inserti64x2(all, _mm512_castsi512_si128(SKLSTM_TO_BITS(x[2 * stride])), 2);
        all = _mm512_inserti64x2(all, _mm512_castsi512_si128(SKLSTM_TO_BITS(x[3 * stride])), 3);
    }
    return SKLSTM_FROM_BITS(all);
}

/* the inverse; what stands above a part is zero */
SKLSTM_V4_INLINE void SKLSTM_NAME(split)(const int parts, const int stride, VEC all, VEC *x)
{
    const IVEC bits = SKLSTM_TO_BITS(all);
    const SKLSTM_MASK here = (SKLSTM_MASK)((1u << L / parts) - 1);
    x[0] = parts == 1 ? all : KEEP(here, all);
    if (parts == 2)
        x[stride] = KEEP(here, SKLSTM_FROM_BITS(_mm512_shuffle_i64x2(bits, bits, 0x4e)));
    if (parts == 4) {
        x[stride] = KEEP(here, SKLSTM_FROM_BITS(_mm512_shuffle_i64x2(bits, bits, 0x01)));
        x[2 * stride] = KEEP(here, SKLSTM_FROM_BITS(_mm512_shuffle_i64x2(bits, bits, 0x02)));
        x[3 * stride] = KEEP(here, SKLSTM_FROM_BITS(_mm512_shuffle_i64x2(bits, bits, 0x03)));
    }
}

/* Constants of one vector of squashing functions, and how many of its kind share a register. */
typedef struct {
    VEC slope, scale, shift;
    int parts;
} SKLSTM_NAME(squashing);

SKLSTM_V4_INLINE SKLSTM_NAME(squashing) SKLSTM_NAME(squashing_of)(
    const REAL *table, ptrdiff_t row, ptrdiff_t width)
{
    SKLSTM_NAME(squashing) k = { LOAD(table), LOAD(table + row), LOAD(table + 2 * row), 1 };
    VEC *constants[3] = { &k.slope, &k.scale, &k.shift };
    if (width <= L / 2)
        k.parts = width <= L / 4 ? 4 : 2;
    for (int i = 0; i < 3; i++) {
        const IVEC bits = SKLSTM_TO_BITS(*constants[i]);
        if (k.parts == 2)
            *constants[i] = SKLSTM_FROM_BITS(_mm512_shuffle_i64x2(bits, bits, 0x44));
        if (k.parts == 4)
            *constants[i] = SKLSTM_FROM_BITS(_mm512_shuffle_i64x2(bits, bits, 0x00));
    }
    return k;
}

/* y = squash(x) for nr vectors that stand `stride` apart */
SKLSTM_V4_INLINE void SKLSTM_NAME(squash_vectors)(
    const int nr, const int stride, const SKLSTM_NAME(squashing) *k, const VEC *x, VEC *y)
{
#define SQUASH(parts)                                                                                       \
    for (int i = 0; i + (parts) <= nr; i += (parts))                                                        \
    SKLSTM_NAME(split)(                                                                                     \
        parts, stride,                                                                                      \
        SKLSTM_NAME(squash_vector)(                                                                         \
            k->slope, k->scale, k->shift, SKLSTM_NAME(joined)(parts, stride, x + i * stride)),              \
        y + i * stride)
    if (nr % 4 == 0 && k->parts == 4)
        SQUASH(4);
    else if (nr % 2 == 0 && k->parts >= 2)
        SQUASH(2);
    else
        SQUASH(1);
#undef SQUASH
}

/* What a step needs of the network, in registers. */
typedef struct {
    SKLSTM_NAME(squashing) unit[2], h[2];
    IVEC in[2], forget[2], out[2];
    SKLSTM_MASK cells[2];
    int has_in, has_forget, has_out, g_identity, h_identity; /* here no store seems to change them */
} SKLSTM_NAME(constants);

/* One step of one sequence: weights, net inputs without the recurrent part, and where its rows are. */
typedef struct {
    const REAL *w, *net;
    REAL *y, *s, *h;
} SKLSTM_NAME(step);

/* What is known of some steps side by side, in registers: nr x nu and nr x nc vectors. */
typedef struct {
    VEC net[8], y[8], s[8], h[8];
} SKLSTM_NAME(group);

SKLSTM_V4_INLINE void SKLSTM_NAME(sum_nets)(
    const int nr, const int nu, ptrdiff_t R, ptrdiff_t before, const SKLSTM_NAME(step) *step,
    SKLSTM_NAME(group) *g)
{
    for (int i = 0; i < nr; i++) {
        const REAL *z = step[i].y + before, *w = step[i].w;
        for (int j = 0; j < nu; j++)
            g->net[i * nu + j] = LOAD(step[i].net + j * L);
        for (ptrdiff_t r = 0; r < R; r++, w += nu * L)
            for (int j = 0; j < nu; j++)
                g->net[i * nu + j] += ALL(z[r]) * LOAD(w + j * L);                     /* (1) */
    }
}

SKLSTM_V4_INLINE void SKLSTM_NAME(squash_units)(
    const int nr, const int nu, const SKLSTM_NAME(constants) *k, SKLSTM_NAME(group) *g)
{
    for (int j = 0; j < nu; j++)
        SKLSTM_NAME(squash_vectors)(nr, nu, &k->unit[j], g->net + j, g->y + j);        /* (2) (3) (5) */
}

SKLSTM_V4_INLINE void SKLSTM_NAME(set_states)(
    const int nr, const int nu, const int nc, const SKLSTM_NAME(constants) *k, ptrdiff_t lag,
    const SKLSTM_NAME(step) *step, SKLSTM_NAME(group) *g)
{
    const VEC one = ALL(1);
    for (int i = 0; i < nr; i++) {
        VEC *y = g->y + i * nu, *s = g->s + i * nc;
        for (int j = 0; j < nc && k->g_identity; j++)
            y[j] = OP(_mm512_mask_mov)(y[j], k->cells[j], g->net[i * nu + j]);
        for (int j = 0; j < nu; j++)
            STORE(step[i].y + j * L, y[j]);
        for (int j = 0; j < nc; j++) {
            const VEC in = k->has_in ? SKLSTM_NAME(lanes_of)(nu, y, k->in[j]) : one;
            const VEC forget = k->has_forget ? SKLSTM_NAME(lanes_of)(nu, y, k->forget[j]) : one;
            const VEC s_prev = LOAD(step[i].s + (j - lag * nc) * L);
            s[j] = OP(_mm512_maskz_fmadd)(k->cells[j], forget, s_prev, in * y[j]);     /* (4) */
            STORE(step[i].s + j * L, s[j]);
        }
    }
}

SKLSTM_V4_INLINE void SKLSTM_NAME(squash_states)(
    const int nr, const int nc, const SKLSTM_NAME(constants) *k, SKLSTM_NAME(group) *g)
{
    for (int j = 0; j < nc; j++)
        if (k->h_identity)
            for (int i = 0; i < nr; i++)
                g->h[i * nc + j] = g->s[i * nc + j];
        else
            SKLSTM_NAME(squash_vectors)(nr, nc, &k->h[j], g->s + j, g->h + j);
}

SKLSTM_V4_INLINE void SKLSTM_NAME(set_cells)(
    const int nr, const int nu, const int nc, const SKLSTM_NAME(constants) *k, ptrdiff_t y_c,
    const SKLSTM_NAME(step) *step, const SKLSTM_NAME(group) *g)
{
    for (int i = 0; i < nr; i++)
        for (int j = 0; j < nc; j++) {
            const VEC h = g->h[i * nc + j];
            const VEC out = k->has_out ? SKLSTM_NAME(lanes_of)(nu, g->y + i * nu, k->out[j]) : ALL(1);
            STORE(step[i].h + j * L, h);
            STORE(step[i].y + y_c + j * L, out * h);                                   /* (6) */
        }
}

/* `nr` steps side by side: each waits for the results of its own chain of operations, and the processor does
 * not look far enough ahead to find the next step by itself. One half divides while the other adds. The states
 * before them stand `lag` rows above. */
SKLSTM_V4_INLINE void SKLSTM_NAME(forward_steps)(
    const int nr, const int nu, const int nc, const sklstm_shape *n, const SKLSTM_NAME(constants) *k,
    ptrdiff_t lag, const SKLSTM_NAME(step) *step)
{
    const ptrdiff_t R = n->R, y_c = n->y_c, before = n->recurrent - lag * n->stride;
    const int half = nr % 4 ? nr : nr / 2, rest = nr - half;
    SKLSTM_NAME(group) a, b;
    SKLSTM_NAME(sum_nets)(half, nu, R, before, step, &a);
    SKLSTM_NAME(squash_units)(half, nu, k, &a);
    SKLSTM_NAME(sum_nets)(rest, nu, R, before, step + half, &b);
    SKLSTM_NAME(set_states)(half, nu, nc, k, lag, step, &a);
    SKLSTM_NAME(squash_states)(half, nc, k, &a);
    SKLSTM_NAME(squash_units)(rest, nu, k, &b);
    SKLSTM_NAME(set_cells)(half, nu, nc, k, y_c, step, &a);
    SKLSTM_NAME(set_states)(rest, nu, nc, k, lag, step + half, &b);
    SKLSTM_NAME(squash_states)(rest, nc, k, &b);
    SKLSTM_NAME(set_cells)(rest, nu, nc, k, y_c, step + half, &b);
}

SKLSTM_V4_INLINE void SKLSTM_NAME(set_constants)(
    const int nu, const int nc, const sklstm_shape *n, const REAL *restrict table,
    SKLSTM_NAME(constants) *k)
{
    k->has_in = n->has_in;
    k->has_forget = n->has_forget;
    k->has_out = n->has_out;
    k->g_identity = n->g_identity;
    k->h_identity = n->h_identity;
    for (int j = 0; j < nu; j++)
        k->unit[j] = SKLSTM_NAME(squashing_of)(table + j * L, nu * L, n->U - j * L);
    for (int j = 0; j < nc; j++) {
        const IVEC gate = SKLSTM_INDEX(n->gate_of_cell + j * L);
        k->h[j] = SKLSTM_NAME(squashing_of)(table + n->t_h + j * L, nc * L, n->C - j * L);
        k->in[j] = SKLSTM_BITS_ADD(gate, SKLSTM_ALL_BITS(n->y_in));
        k->forget[j] = SKLSTM_BITS_ADD(gate, SKLSTM_ALL_BITS(n->y_forget));
        k->out[j] = SKLSTM_BITS_ADD(gate, SKLSTM_ALL_BITS(n->y_out));
        k->cells[j] = SKLSTM_NAME(mask)(j, 0, n->C);
    }
}

/* All of the `count` steps at `all`, at most 8 registers of units side by side. Where one is missing to an even
 * number another is done twice, which takes less time than one alone. */
#define SKLSTM_SIDE_BY_SIDE(nr, least)                                                                      \
    while (count - at >= (least)) {                                                                         \
        SKLSTM_NAME(step) some[nr];                                                                         \
        const SKLSTM_NAME(step) *step = all + at;                                                           \
        if (count - at < (nr)) {                                                                            \
            for (int i = 0; i < (nr); i++)                                                                  \
                some[i] = all[at + i < count ? at + i : count - 1];                                         \
            step = some;                                                                                    \
        }                                                                                                   \
        SKLSTM_NAME(forward_steps)(nr, nu, nc, n, k, lag, step);                                            \
        at += nr;                                                                                           \
    }
SKLSTM_V4_INLINE void SKLSTM_NAME(forward_all_steps)(
    const int nu, const int nc, const sklstm_shape *n, const SKLSTM_NAME(constants) *k, ptrdiff_t lag,
    ptrdiff_t count, const SKLSTM_NAME(step) *all)
{
    ptrdiff_t at = 0;
    if (nu == 1) {
        SKLSTM_SIDE_BY_SIDE(8, 7)
        SKLSTM_SIDE_BY_SIDE(6, 5)
    }
    SKLSTM_SIDE_BY_SIDE(4, 3)
    SKLSTM_SIDE_BY_SIDE(2, 2)
    SKLSTM_SIDE_BY_SIDE(1, 1)
}
#undef SKLSTM_SIDE_BY_SIDE

/* As squash_vector, for one sequence that waits for it. Clipping is left out where it changes nothing: the branch
 * is foreseen. The remainder comes from one instruction, and half a register has a division of smaller latency. */
SKLSTM_V4_INLINE VEC SKLSTM_NAME(squash_soon)(const SKLSTM_NAME(squashing) *k, VEC x)
{
    const VEC largest = ALL(SKLSTM_EXP_MAX);
    VEC r, r2, r4, p, below;
    IVEC shift;
    x = k->slope * x;
    if (__builtin_expect(SKLSTM_MASK_OP(_mm512_cmp)(OP(_mm512_abs)(x), largest, _CMP_GT_OQ), 0))
        x = OP(_mm512_min)(largest, OP(_mm512_max)(-largest, x));
    shift = SKLSTM_TO_BITS(x + ALL(SKLSTM_ROUND));
    r = OP(_mm512_reduce)(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    r2 = r * r;
    r4 = r2 * r2;
    SKLSTM_POLYNOMIAL(p, r, r2, r4);
    p = SKLSTM_FROM_BITS(SKLSTM_BITS_ADD(SKLSTM_TO_BITS(p), SKLSTM_BITS_SHIFT(shift, SKLSTM_MANTISSA)));
    below = ALL(1) + p;
    if (k->parts == 1)
        return k->shift + k->scale / below;
    return k->shift + SKLSTM_WIDEN(SKLSTM_HALF(k->scale) / SKLSTM_HALF(below));
}

/* x W + b, for a sparse row x */
SKLSTM_V4_INLINE void SKLSTM_NAME(sum_inputs)(
    const int nu, const sklstm_shape *n, const REAL *w, const sklstm_inputs *x, int64_t row, VEC *net)
{
    const REAL *values = x->values;
    for (int j = 0; j < nu; j++)
        net[j] = LOAD(w + n->w_bias + j * L);
    for (ptrdiff_t p = x->indptr[row]; p < x->indptr[row + 1]; p++) {
        const REAL *from = w + n->w_input + x->columns[p] * n->Up;
        for (int j = 0; j < nu; j++)
            net[j] += ALL(values[p]) * LOAD(from + j * L);
    }
}

/* One sequence: nothing but the rows that are kept goes through memory. */
SKLSTM_V4_INLINE void SKLSTM_NAME(forward_alone)(
    const int nu, const int nc, const int sparse, const sklstm_shape *n, ptrdiff_t T,
    const sklstm_inputs *restrict x,                       /* IN  if sparse */
    const REAL *restrict w, const REAL *restrict table, const REAL *restrict D, REAL *Y, REAL *S, REAL *HS)
{
    const ptrdiff_t Up = nu * L, Cp = nc * L, stride = n->stride;
    const ptrdiff_t gates = n->R ? n->y_c : 0; /* columns of Y that recur end here, but for the cells */
    const VEC one = ALL(1);
    SKLSTM_NAME(constants) k;
    VEC y[2], s[2], cell[2];
    SKLSTM_NAME(set_constants)(nu, nc, n, table, &k);
    for (int j = 0; j < nu; j++)
        y[j] = LOAD(Y + j * L);
    for (int j = 0; j < nc; j++) {
        s[j] = LOAD(S + j * L);
        cell[j] = LOAD(Y + n->y_c + j * L);
    }
    for (ptrdiff_t t = 1; t <= T; t++) {
        const REAL *from = w;
        VEC net[2];
        if (sparse)
            SKLSTM_NAME(sum_inputs)(nu, n, w, x, x->step[t - 1], net);                 /* (1): inputs */
        for (int j = 0; j < nu && !sparse; j++)
            net[j] = LOAD(D + t * Up + j * L);
        for (ptrdiff_t u = n->recurrent; u < gates; u++, from += Up) {                 /* (1): gates */
            const VEC z = SKLSTM_NAME(lanes_of)(nu, y, SKLSTM_ALL_BITS(u));
            for (int j = 0; j < nu; j++)
                net[j] += z * LOAD(from + j * L);
        }
        for (ptrdiff_t c = 0; from < w + n->R * Up; c++, from += Up) {                 /* (1): cells */
            const VEC z = SKLSTM_NAME(lanes_of)(nc, cell, SKLSTM_ALL_BITS(c));
            for (int j = 0; j < nu; j++)
                net[j] += z * LOAD(from + j * L);
        }
        for (int j = 0; j < nu; j++)
            y[j] = SKLSTM_NAME(squash_soon)(&k.unit[j], net[j]);                       /* (2) (3) (5) */
        if (n->g_identity)
            for (int j = 0; j < nc; j++)
                y[j] = OP(_mm512_mask_mov)(y[j], k.cells[j], net[j]);
        for (int j = 0; j < nu; j++)
            STORE(Y + t * stride + j * L, y[j]);
        for (int j = 0; j < nc; j++) {
            const VEC in = n->has_in ? SKLSTM_NAME(lanes_of)(nu, y, k.in[j]) : one;
            const VEC forget = n->has_forget ? SKLSTM_NAME(lanes_of)(nu, y, k.forget[j]) : one;
            const VEC out = n->has_out ? SKLSTM_NAME(lanes_of)(nu, y, k.out[j]) : one;
            VEC h;
            s[j] = OP(_mm512_maskz_fmadd)(k.cells[j], forget, s[j], in * y[j]);        /* (4) */
            h = n->h_identity ? s[j] : SKLSTM_NAME(squash_soon)(&k.h[j], s[j]);
            cell[j] = out * h;                                                         /* (6) */
            STORE(S + t * Cp + j * L, s[j]);
            STORE(HS + t * Cp + j * L, h);
            STORE(Y + t * stride + n->y_c + j * L, cell[j]);
        }
    }
}

/* A pack of sequences and one network. D holds x W + b, or, for one sequence with sparse inputs, `x` is given. */
SKLSTM_V4_INLINE void SKLSTM_NAME(forward_body)(
    const int nu, const int nc, const sklstm_shape *n, ptrdiff_t T, const int64_t *restrict first,
    const sklstm_inputs *x, const REAL *w, const REAL *table, const REAL *D, REAL *Y, REAL *S, REAL *HS)
{
    SKLSTM_NAME(constants) k;
    if (x) {
        SKLSTM_NAME(forward_alone)(nu, nc, 1, n, T, x, w, table, D, Y, S, HS);
        return;
    }
    if (first[1] == 1) {
        SKLSTM_NAME(forward_alone)(nu, nc, 0, n, T, x, w, table, D, Y, S, HS);
        return;
    }
    SKLSTM_NAME(set_constants)(nu, nc, n, table, &k);
    for (ptrdiff_t t = 1; t <= T; t++) {
        const ptrdiff_t lag = first[t] - first[t - 1];
        for (ptrdiff_t row = first[t]; row < first[t + 1]; row += SKLSTM_STEPS) {
            SKLSTM_NAME(step) all[SKLSTM_STEPS];
            ptrdiff_t count = first[t + 1] - row;
            count = count < SKLSTM_STEPS ? count : SKLSTM_STEPS;
            for (ptrdiff_t i = 0; i < count; i++)
                all[i] = (SKLSTM_NAME(step)) {
                    w, D + (row + i) * nu * L, Y + (row + i) * n->stride, S + (row + i) * nc * L,
                    HS + (row + i) * nc * L
                };
            SKLSTM_NAME(forward_all_steps)(nu, nc, n, &k, lag, count, all);
        }
    }
}

SKLSTM_V4_INLINE void SKLSTM_NAME(backward_body)(
    const int nu, const int nc, const int full, const int alone, const sklstm_shape *n, ptrdiff_t T,
    const int64_t *restrict first, ptrdiff_t errors, const int64_t *restrict error_row,
    const REAL *restrict wt, const REAL *restrict Y, const REAL *restrict S, const REAL *restrict HS,
    const REAL *restrict EH, REAL *restrict E, REAL *restrict ES, REAL *D)
{
    const ptrdiff_t Up = nu * L, Cp = nc * L;
    const VEC one = ALL(1), zero = ALL(0);
    const VEC g_slope = ALL((REAL)n->g_slope), g_low = ALL((REAL)n->g_low);
    const VEC g_high = ALL((REAL)n->g_high), g_one = ALL((REAL)n->g_one);
    const VEC h_slope = ALL((REAL)n->h_slope), h_low = ALL((REAL)n->h_low);
    const VEC h_high = ALL((REAL)n->h_high), h_one = ALL((REAL)n->h_one);
    VEC e[2], e_s[2], e_y[2], y[2], s_prev[2], h[2], delta[2], cell[2];
    IVEC in[2], forget[2], out[2], gate_of[2], gate_source[2], cell_source[2];
    SKLSTM_MASK cells[2], ins[2], forgets[2], outs[2], gates[2];
    for (int j = 0; j < nu; j++) {
        gate_of[j] = SKLSTM_INDEX(n->gate_of_unit + j * L);
        gate_source[j] = SKLSTM_INDEX(n->lane + j * L);
        gate_source[j] = SKLSTM_BITS_ADD(gate_source[j], SKLSTM_ALL_BITS(-n->recurrent));
        ins[j] = n->has_in ? SKLSTM_NAME(mask)(j, n->y_in, n->y_in + n->B) : 0;
        forgets[j] = n->has_forget ? SKLSTM_NAME(mask)(j, n->y_forget, n->y_forget + n->B) : 0;
        outs[j] = n->has_out ? SKLSTM_NAME(mask)(j, n->y_out, n->y_out + n->B) : 0;
        gates[j] = SKLSTM_NAME(mask)(j, n->recurrent, n->y_c);    /* gates that recur */
    }
    for (int j = 0; j < nc; j++) {
        const IVEC gate = SKLSTM_INDEX(n->gate_of_cell + j * L);
        in[j] = SKLSTM_BITS_ADD(gate, SKLSTM_ALL_BITS(n->y_in));
        forget[j] = SKLSTM_BITS_ADD(gate, SKLSTM_ALL_BITS(n->y_forget));
        out[j] = SKLSTM_BITS_ADD(gate, SKLSTM_ALL_BITS(n->y_out));
        cells[j] = SKLSTM_NAME(mask)(j, 0, n->C);
        cell_source[j] = SKLSTM_INDEX(n->lane + j * L);
        cell_source[j] = SKLSTM_BITS_ADD(cell_source[j], SKLSTM_ALL_BITS(n->y_c - n->recurrent));
    }
    for (int j = 0; j < nu; j++)
        e[j] = zero;
    for (int j = 0; j < nc; j++)
        e_s[j] = zero;
    for (ptrdiff_t t = T, j_error = errors; t > 0; t--) {
        const ptrdiff_t active = first[t + 1] - first[t];
        for (ptrdiff_t i = active - 1; i >= 0; i--) {
            const ptrdiff_t row = first[t] + i, before = first[t - 1] + i;
            const REAL *error;
            int here;
            j_error = n->every_step ? j_error - 1 : i;
            here = error_row[j_error] == row;
            error = EH + j_error * n->Hp;
            for (int j = 0; j < nu; j++) {
                y[j] = LOAD(Y + row * n->stride + j * L);
                delta[j] = zero;
            }
            for (int j = 0; j < nc; j++)
                e_y[j] = here ? LOAD(error + j * L) : zero;
            if (full && n->R) {                                                        /* (9) */
                for (int j = 0; j < nu && !alone; j++)
                    e[j] = j * L < n->Rp ? LOAD(E + i * n->stride + n->recurrent + j * L) : zero;
                for (int j = 0; j < nu; j++)
                    delta[j] = KEEP(gates[j], SKLSTM_NAME(lanes_of)(nu, e, gate_source[j]));
                for (int j = 0; j < nc; j++)
                    e_y[j] = KEEP(cells[j], SKLSTM_NAME(lanes_of)(nu, e, cell_source[j])) + e_y[j];
            }
            for (int j = 0; j < nc; j++) {
                const VEC y_in = n->has_in ? SKLSTM_NAME(lanes_of)(nu, y, in[j]) : one;
                if (!alone)
                    e_s[j] = LOAD(ES + i * Cp + j * L);
                if (n->has_forget)
                    s_prev[j] = LOAD(S + before * Cp + j * L);
                if (full || here) {
                    const VEC y_out = n->has_out ? SKLSTM_NAME(lanes_of)(nu, y, out[j]) : one;
                    h[j] = LOAD(HS + row * Cp + j * L);
                    e_s[j] += y_out * (h_slope * (h[j] - h_low) * (h_high - h[j]) + h_one) * e_y[j];   /* (9') */
                }
                cell[j] = e_s[j] * y_in * (g_slope * (y[j] - g_low) * (g_high - y[j]) + g_one);  /* (11) */
            }
            for (ptrdiff_t v = 0; v < n->S; v++)
                for (int j = 0; j < nu; j++) { /* error * through, for the gates of each kind */
                    const IVEC from = SKLSTM_BITS_ADD(gate_of[j], SKLSTM_ALL_BITS(v * n->B));
                    VEC error = KEEP(ins[j] | forgets[j], SKLSTM_NAME(lanes_of)(nc, e_s, from));
                    VEC through = SKLSTM_NAME(lanes_of)(nc, y, from);
                    if (n->has_forget)
                        through = OP(_mm512_mask_mov)(
                            through, forgets[j], SKLSTM_NAME(lanes_of)(nc, s_prev, from));
                    if (full || here) {
                        error = OP(_mm512_mask_mov)(error, outs[j], SKLSTM_NAME(lanes_of)(nc, e_y, from));
                        through = OP(_mm512_mask_mov)(
                            through, outs[j], SKLSTM_NAME(lanes_of)(nc, h, from));
                    }
                    delta[j] += error * through;
                }
            for (int j = 0; j < nu; j++) {
                delta[j] = delta[j] * (y[j] * (one - y[j]));                           /* (10) (12) (13) */
                if (j < nc)
                    delta[j] = OP(_mm512_mask_mov)(delta[j], cells[j], cell[j]);
                STORE(D + row * Up + j * L, delta[j]);
            }
            for (int j = 0; j < nc; j++) {
                if (n->has_forget)
                    e_s[j] = e_s[j] * SKLSTM_NAME(lanes_of)(nu, y, forget[j]);         /* (9') */
                if (!alone || t == 1)
                    STORE(ES + i * Cp + j * L, e_s[j]);
            }
            if (full && n->R) {
                for (int j = 0; j < nu; j++)
                    e[j] = zero;
                for (ptrdiff_t u = 0; u < n->U; u++) {
                    const VEC d = alone ? SKLSTM_NAME(lanes_of)(nu, delta, SKLSTM_ALL_BITS(u))
                                        : ALL(D[row * Up + u]);
                    for (int j = 0; j < nu; j++)
                        if (j * L < n->Rp)
                            e[j] += d * LOAD(wt + u * n->Rp + j * L);
                }
                for (int j = 0; j < nu; j++)
                    if (j * L < n->Rp && (!alone || t == 1))
                        STORE(E + i * n->stride + n->recurrent + j * L, e[j]);
            }
        }
    }
}

SKLSTM_V4 static void SKLSTM_NAME(forward_small)(
    const sklstm_shape *n, ptrdiff_t T, const int64_t *first, const sklstm_inputs *x, const REAL *w,
    const REAL *table, const REAL *D, REAL *Y, REAL *S, REAL *HS)
{
    if (n->Up == L)
        SKLSTM_NAME(forward_body)(1, 1, n, T, first, x, w, table, D, Y, S, HS);
    else if (n->Cp == L)
        SKLSTM_NAME(forward_body)(2, 1, n, T, first, x, w, table, D, Y, S, HS);
    else
        SKLSTM_NAME(forward_body)(2, 2, n, T, first, x, w, table, D, Y, S, HS);
}

SKLSTM_V4 static void SKLSTM_NAME(backward_small)(
    const sklstm_shape *n, int full, ptrdiff_t T, const int64_t *first, ptrdiff_t errors,
    const int64_t *error_row, const REAL *wt, const REAL *Y, const REAL *S, const REAL *HS, const REAL *EH,
    REAL *E, REAL *ES, REAL *D)
{
#define BODY(nu, nc, full, alone)                                                                           \
    SKLSTM_NAME(backward_body)(                                                                             \
        nu, nc, full, alone, n, T, first, errors, error_row, wt, Y, S, HS, EH, E, ES, D)
#define EITHER(nu, nc)                                                                                      \
    if (first[1] == 1)                                                                                      \
        full ? BODY(nu, nc, 1, 1) : BODY(nu, nc, 0, 1);                                                     \
    else                                                                                                    \
        full ? BODY(nu, nc, 1, 0) : BODY(nu, nc, 0, 0)
    if (n->Up == L)
        EITHER(1, 1);
    else if (n->Cp == L)
        EITHER(2, 1);
    else
        EITHER(2, 2);
#undef EITHER
#undef BODY
}
