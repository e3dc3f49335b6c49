/* Memory blocks of networks of any size: all that is done unit by unit, one row of units after another.
 *
 * Part of _simd.h's body, once for each type. Numbers in brackets are the equations of docs/equations.md.
 */

/* y = shift + scale / (1 + 2^(slope x)): every squashing function but the identity. Whole vectors are clipped in a
 * loop of their own: within one loop the compiler carries the clipped numbers' constants as far as the division. */
SKLSTM_INLINE void SKLSTM_NAME(squash_row)(
    ptrdiff_t n, const REAL *restrict slope, const REAL *restrict scale, const REAL *restrict shift,
    const REAL *restrict x, REAL *restrict y)
{
    REAL z[SKLSTM_LANES];
    ptrdiff_t i = 0;
    for (; i + SKLSTM_LANES <= n; i += SKLSTM_LANES) {
#pragma omp simd
        for (int k = 0; k < SKLSTM_LANES; k++)
            z[k] = SKLSTM_NAME(clipped)(slope[i + k] * x[i + k]);
#pragma omp simd
        for (int k = 0; k < SKLSTM_LANES; k++)
            y[i + k] = shift[i + k] + scale[i + k] / (1 + SKLSTM_NAME(exp2)(z[k]));
    }
    for (; i < n; i++)
        y[i] = shift[i] + scale[i] / (1 + SKLSTM_NAME(exp2)(SKLSTM_NAME(clipped)(slope[i] * x[i])));
}

/* The same for rows of n units. */
SKLSTM_CLONES static void SKLSTM_NAME(squash)(
    ptrdiff_t rows, ptrdiff_t n, const REAL *slope, const REAL *scale, const REAL *shift, const REAL *x,
    REAL *y)
{
    for (ptrdiff_t i = 0; i < rows; i++)
        SKLSTM_NAME(squash_row)(n, slope, scale, shift, x + i * n, y + i * n);
}

/* Squared error of rows of outputs y, logistic or linear: the loss, and scale * dLoss / dnet (8'). Targets stand
 * in rows of K numbers, in the order of `which`. Errors add up in each lane, then over the lanes. */
SKLSTM_CLONES static double SKLSTM_NAME(squared_error)(
    ptrdiff_t rows, ptrdiff_t K, ptrdiff_t Kp, int logistic, double scale, const REAL *restrict y,
    const REAL *restrict targets, const int64_t *restrict which, const double *restrict weight,
    REAL *restrict delta, REAL *restrict record) /* record: NULL, or y in the places of the targets */
{
    double sum[SKLSTM_LANES] = { 0 }, total = 0;
    for (ptrdiff_t i = 0; i < rows; i++, y += Kp, delta += Kp) {
        const REAL *restrict target = targets + which[i] * K;
        const double half = 0.5 * weight[i];
        const REAL w = (REAL)(scale * weight[i]);
        if (weight[i] == 0) {
            memset(delta, 0, K * sizeof(REAL));
            continue;
        }
        if (record)
            for (ptrdiff_t k = 0; k < K; k++)
                record[which[i] * K + k] = y[k];
        for (ptrdiff_t j = 0; j < Kp; j += SKLSTM_LANES)
#pragma omp simd
            for (int k = 0; k < SKLSTM_LANES; k++) {
                const REAL error = j + k < K ? y[j + k] - target[j + k] : 0;
                const REAL slope = logistic ? y[j + k] * (1 - y[j + k]) : 1;
                sum[k] += half * ((double)error * error);
                delta[j + k] = w * error * slope;
            }
    }
    for (int k = 0; k < SKLSTM_LANES; k++)
        total += sum[k];
    return total;
}

/* One time step of `rows` sequences. The states before it stand `lag` rows above those after it. */
SKLSTM_CLONES static void SKLSTM_NAME(forward_rows)(
    const sklstm_shape *n, ptrdiff_t rows, ptrdiff_t lag,
    const REAL *restrict w, const REAL *restrict table, /* IN    packed weights, squashing constants */
    REAL *restrict net,                                 /* STATE (rows, Up) without peepholes; then with */
    REAL *y, REAL *s, REAL *h)                          /* OUT   rows of Y, S, HS */
{
    const ptrdiff_t B = n->B, Up = n->Up, Cp = n->Cp;
    const REAL *restrict t_h = table + n->t_h;
    for (ptrdiff_t i = 0; i < rows; i++, net += Up, y += n->stride, s += Cp, h += Cp) {
        const REAL *restrict s_prev = s - lag * Cp;
        const REAL *restrict in = y + n->y_in, *restrict forget = y + n->y_forget;
        const REAL *restrict out = y + n->y_out;
        if (n->peepholes)
            for (ptrdiff_t v = 0; v < n->S; v++)
                for (ptrdiff_t b = 0; b < B; b++) {
                    const ptrdiff_t c = v * B + b;
                    if (n->has_in)
                        net[n->y_in + b] += w[n->w_peep_in + c] * s_prev[c];         /* (2) */
                    if (n->has_forget)
                        net[n->y_forget + b] += w[n->w_peep_forget + c] * s_prev[c]; /* (3) */
                }
        SKLSTM_NAME(squash_row)(Up, table, table + Up, table + 2 * Up, net, y);      /* (2) (3) (5) (7) */
        if (n->g_identity)
            memcpy(y, net, n->C * sizeof(REAL));
        for (ptrdiff_t v = 0; v < n->S; v++) {
            const REAL *restrict g = y + v * B, *restrict old = s_prev + v * B;
            REAL *restrict state = s + v * B;
            for (ptrdiff_t b = 0; b < B; b++) {
                const REAL kept = forget[b] * old[b]; /* stands first: the product that is fused */
                const REAL gated = in[b] * g[b];
                state[b] = kept + gated;                                             /* (4) */
            }
        }
        if (n->h_identity)
            memcpy(h, s, n->C * sizeof(REAL));
        else
            SKLSTM_NAME(squash_row)(Cp, t_h, t_h + Cp, t_h + 2 * Cp, s, h);
        if (n->peepholes && n->has_out) {
            for (ptrdiff_t v = 0; v < n->S; v++)
                for (ptrdiff_t b = 0; b < B; b++)
                    net[n->y_out + b] += w[n->w_peep_out + v * B + b] * s[v * B + b]; /* (5) */
            SKLSTM_NAME(squash_row)(
                B, table + n->y_out, table + Up + n->y_out, table + 2 * Up + n->y_out, net + n->y_out,
                y + n->y_out);
        }
        for (ptrdiff_t v = 0; v < n->S; v++) {
            const REAL *restrict squashed = h + v * B;
            REAL *restrict cell = y + n->y_c + v * B;
            for (ptrdiff_t b = 0; b < B; b++)
                cell[b] = out[b] * squashed[b];                                      /* (6) */
        }
    }
}

/* delta of a row of gates: `delta` += sum over the cells of a block of error * through, times the slope */
SKLSTM_INLINE void SKLSTM_NAME(gate_delta)(
    ptrdiff_t B, ptrdiff_t S, const REAL *restrict e, const REAL *restrict error,
    const REAL *restrict through, const REAL *restrict y, REAL *restrict delta)
{
    for (ptrdiff_t b = 0; b < B; b++)
        delta[b] = e[b];
    for (ptrdiff_t v = 0; v < S; v++)
        for (ptrdiff_t b = 0; b < B; b++)
            delta[b] += error[v * B + b] * through[v * B + b];
    for (ptrdiff_t b = 0; b < B; b++)
        delta[b] *= y[b] * (1 - y[b]);
}

/* One row back in time: errors at activations and states -> deltas, and the peepholes' gradient. */
SKLSTM_CLONES static void SKLSTM_NAME(backward_row)(
    const sklstm_shape *n, int full, const REAL *restrict w,
    const REAL *restrict e,      /* IN    (stride,) errors at the activations, columns as in Y */
    const REAL *restrict y,      /* IN    (stride,) */
    const REAL *restrict s_prev, /* IN    (Cp,) */
    const REAL *restrict s,      /* IN    (Cp,) */
    const REAL *restrict h,      /* IN    (Cp,) */
    REAL *restrict e_s,          /* STATE (Cp,) error carried along the carousel */
    REAL *restrict delta,        /* OUT   (Up,) */
    REAL *restrict grad)         /* STATE packed gradient: the peepholes' part */
{
    const ptrdiff_t B = n->B;
    const REAL g_slope = (REAL)n->g_slope, g_low = (REAL)n->g_low;
    const REAL g_high = (REAL)n->g_high, g_one = (REAL)n->g_one;
    const REAL h_slope = (REAL)n->h_slope, h_low = (REAL)n->h_low;
    const REAL h_high = (REAL)n->h_high, h_one = (REAL)n->h_one;

    /* y_c = y_out h(s)                                                                 (6) */
    if (n->has_out)
        SKLSTM_NAME(gate_delta)(
            B, n->S, e + n->y_out, e + n->y_c, h, y + n->y_out, delta + n->y_out);      /* (10) */
    for (ptrdiff_t v = 0; v < n->S; v++) {
        const REAL *restrict out = y + n->y_out, *restrict e_y = e + n->y_c + v * B;
        const REAL *restrict squashed = h + v * B;
        REAL *restrict error = e_s + v * B;
        for (ptrdiff_t b = 0; b < B; b++) {
            const REAL slope = h_slope * (squashed[b] - h_low) * (h_high - squashed[b]) + h_one;
            error[b] += out[b] * slope * e_y[b];                                        /* (9') */
        }
    }
    if (n->peepholes && n->has_out)
        for (ptrdiff_t v = 0; v < n->S; v++)
            for (ptrdiff_t b = 0; b < B; b++) {
                const ptrdiff_t c = v * B + b;
                grad[n->w_peep_out + c] += delta[n->y_out + b] * s[c];                  /* (15) */
                if (full)
                    e_s[c] += delta[n->y_out + b] * w[n->w_peep_out + c];               /* (9') */
            }

    /* s = y_forget s_prev + y_in g                                                     (4) */
    for (ptrdiff_t v = 0; v < n->S; v++) {
        const REAL *restrict in = y + n->y_in, *restrict g = y + v * B, *restrict error = e_s + v * B;
        REAL *restrict cell = delta + v * B;
        for (ptrdiff_t b = 0; b < B; b++)
            cell[b] = error[b] * in[b] * (g_slope * (g[b] - g_low) * (g_high - g[b]) + g_one); /* (11) */
    }
    if (n->has_in)
        SKLSTM_NAME(gate_delta)(B, n->S, e + n->y_in, e_s, y, y + n->y_in, delta + n->y_in); /* (12) */
    if (n->has_forget) {
        SKLSTM_NAME(gate_delta)(
            B, n->S, e + n->y_forget, e_s, s_prev, y + n->y_forget, delta + n->y_forget);    /* (13) */
        for (ptrdiff_t v = 0; v < n->S; v++)
            for (ptrdiff_t b = 0; b < B; b++)
                e_s[v * B + b] *= y[n->y_forget + b];                                   /* (9') */
    }
    if (n->peepholes)
        for (ptrdiff_t v = 0; v < n->S; v++)
            for (ptrdiff_t b = 0; b < B; b++) {
                const ptrdiff_t c = v * B + b;
                if (n->has_in) {
                    grad[n->w_peep_in + c] += delta[n->y_in + b] * s_prev[c];           /* (15) */
                    if (full)
                        e_s[c] += delta[n->y_in + b] * w[n->w_peep_in + c];             /* (9') */
                }
                if (n->has_forget) {
                    grad[n->w_peep_forget + c] += delta[n->y_forget + b] * s_prev[c];   /* (15) */
                    if (full)
                        e_s[c] += delta[n->y_forget + b] * w[n->w_peep_forget + c];     /* (9') */
                }
            }

    /* y_n = f(net_n)                                                                   (7) */
    for (ptrdiff_t u = n->y_n; u < n->y_n + n->N; u++)
        delta[u] = y[u] * (1 - y[u]) * e[u];                                            /* (14) */
}

/* Gradient of the weights from `rows` sources += errors at the states times their partials           (17)
 * `which` names the rows of both, NULL: the first ones; `e` holds the errors in the columns of the partials. */
SKLSTM_CLONES static void SKLSTM_NAME(add_partials)(
    const sklstm_shape *n, ptrdiff_t rows, const int32_t *which, const REAL *restrict e, const REAL *p,
    REAL *grad)
{
    const ptrdiff_t B = n->B;
    for (ptrdiff_t i = 0; i < rows; i++) {
        const ptrdiff_t at = which ? which[i] : i;
        const REAL *restrict from = p + at * n->Pp;
        REAL *restrict to = grad + at * n->Up;
        if (n->S == 1) { /* the columns of both are the same */
            for (ptrdiff_t j = 0; j < n->Pp; j += SKLSTM_LANES)
#pragma omp simd
                for (int k = 0; k < SKLSTM_LANES; k++)
                    to[j + k] += e[j + k] * from[j + k];
            continue;
        }
        for (ptrdiff_t c = 0; c < n->C; c++)
            to[c] += e[c] * from[c];
        for (ptrdiff_t v = 0; v < n->S; v++)
            for (ptrdiff_t b = 0; b < B; b++) {
                const ptrdiff_t in = n->p_in + v * B + b, forget = n->p_forget + v * B + b;
                if (n->has_in)
                    to[n->y_in + b] += e[in] * from[in];
                if (n->has_forget)
                    to[n->y_forget + b] += e[forget] * from[forget];
            }
    }
}

/* A step of plain gradient descent for some rows of W; their gradient is zero afterwards. */
SKLSTM_CLONES static void SKLSTM_NAME(sgd_rows)(
    ptrdiff_t rows, const int32_t *restrict which, ptrdiff_t width, REAL rate, REAL scale,
    REAL *restrict gradient, REAL *restrict w)
{
    for (ptrdiff_t i = 0; i < rows; i++) {
        REAL *restrict g = gradient + which[i] * width, *restrict row = w + which[i] * width;
        for (ptrdiff_t j = 0; j < width; j += SKLSTM_LANES)
#pragma omp simd
            for (int k = 0; k < SKLSTM_LANES; k++) {
                row[j + k] -= rate * (scale * g[j + k]);
                g[j + k] = 0;
            }
    }
}
