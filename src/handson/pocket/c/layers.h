/* Cells of recurrent networks, attention, embedding, sampling on a grid, and small things that are done often. */

NOINLINE void F(sigmoid_row)(i64 count, REAL *x) {
  const place n = (place)count;
  INDEPENDENT for (place i = 0; i < n; i++) x[i] = 1 / (1 + CAT(EXP_, REAL)(-x[i]));
}
NOINLINE void F(tanh_row)(i64 count, REAL *x) {
  const place n = (place)count;
  INDEPENDENT for (place i = 0; i < n; i++) x[i] = CAT(TANH_, REAL)(x[i]);
}

/* One step of a GRU. of_x = x Wi' + bi and of_h = h Wh' + bh are (batch, 3 hidden): reset, update, new, as PyTorch orders them.
 * kept: (batch, 4 hidden), for backward. */
API void F(hp_gru_cell_forward)(i64 batch, i64 hidden, const REAL *of_x, const REAL *of_h, const REAL *h, REAL *next, REAL *kept) {
  for (i64 b = 0; b < batch; b++, of_x += 3 * hidden, of_h += 3 * hidden, kept += 4 * hidden, h += hidden, next += hidden) {
    REAL *r = kept, *z = kept + hidden, *n = kept + 2 * hidden, *m = kept + 3 * hidden;
    for (i64 i = 0; i < 2 * hidden; i++) r[i] = of_x[i] + of_h[i];
    F(sigmoid_row)(2 * hidden, r);
    for (i64 i = 0; i < hidden; i++) m[i] = of_h[2 * hidden + i], n[i] = of_x[2 * hidden + i] + r[i] * m[i];
    F(tanh_row)(hidden, n);
    for (i64 i = 0; i < hidden; i++) next[i] = n[i] + z[i] * (h[i] - n[i]);
  }
}
/* The gradients of of_x, of_h and (its direct part) h. */
API void F(hp_gru_cell_backward)(i64 batch, i64 hidden, const REAL *g, const REAL *kept, const REAL *h, REAL *g_of_x, REAL *g_of_h,
                                 REAL *gh) {
  for (i64 b = 0; b < batch; b++, g_of_x += 3 * hidden, g_of_h += 3 * hidden, kept += 4 * hidden, h += hidden, g += hidden,
           gh += hidden)
    for (i64 i = 0; i < hidden; i++) {
      REAL r = kept[i], z = kept[hidden + i], n = kept[2 * hidden + i], m = kept[3 * hidden + i];
      REAL gn = g[i] * (1 - z) * (1 - n * n), gz = g[i] * (h[i] - n) * z * (1 - z), gr = gn * m * r * (1 - r);
      g_of_x[i] = g_of_h[i] = gr, g_of_x[hidden + i] = g_of_h[hidden + i] = gz;
      g_of_x[2 * hidden + i] = gn, g_of_h[2 * hidden + i] = gn * r;
      gh[i] = g[i] * z;
    }
}

/* softmax(q k' * scale + mask) v, for `batch` times q (lq, e), k (lk, e), v (lk, ev). Rows of q are taken BLOCK at a time, so
 * that no (lq, lk) matrix is kept. */
#define BLOCK 32
API i64 F(hp_attention_work)(i64 lk) { return F(hp_gemm_work)() + (2 * BLOCK * lk + BLOCK) * (i64)sizeof(REAL) + 256; }

/* Scores of rows q0.. of q, with the mask, and, if causal, -inf to the right of the diagonal. */
static void F(scores)(i64 rows, i64 q0, i64 lk, i64 e, const REAL *q, const REAL *k, const REAL *mask, i64 causal, f64 scale,
                      REAL *score, void *work) {
  F(hp_gemm)(0, 1, rows, lk, e, scale, q + q0 * e, e, k, e, 0, score, lk, work);
  for (i64 r = 0; r < rows; r++) {
    if (mask)
      for (i64 i = 0; i < lk; i++) score[r * lk + i] += mask[(q0 + r) * lk + i];
    if (causal)
      for (i64 i = q0 + r + 1; i < lk; i++) score[r * lk + i] = -INF(REAL);
  }
}

/* mask, additive, may be null; mask_stride 0 takes one for all. log_total (batch, lq) is kept for backward. A row of which all is
 * masked gives zeros. */
API void F(hp_attention_forward)(i64 batch, i64 lq, i64 lk, i64 e, i64 ev, const REAL *q, const REAL *k, const REAL *v,
                                 const REAL *mask, i64 mask_stride, i64 causal, f64 scale, REAL *y, REAL *log_total, void *work) {
  REAL *score = (REAL *)(((place)work + 63) & ~(place)63);
  void *free = score + 2 * BLOCK * lk + BLOCK;
  for (i64 b = 0; b < batch; b++)
    for (i64 q0 = 0; q0 < lq; q0 += BLOCK) {
      i64 rows = smaller(BLOCK, lq - q0);
      F(scores)(rows, q0, lk, e, q + b * lq * e, k + b * lk * e, mask ? mask + b * mask_stride : 0, causal, scale, score, free);
      for (i64 r = 0; r < rows; r++) {
        REAL *s = score + r * lk, most = -INF(REAL);
        for (i64 i = 0; i < lk; i++) most = s[i] > most ? s[i] : most;
        i64 nothing = 1;
        for (i64 i = 0; i < lk; i++) nothing &= s[i] == -INF(REAL);
        if (nothing) most = 0;
        F(exp_row)(lk, s, most, s);
        REAL total = F(sum)(s, lk), factor = nothing ? 0 : 1 / total;
        for (i64 i = 0; i < lk; i++) s[i] *= factor;
        log_total[b * lq + q0 + r] = nothing ? INF(REAL) : most + CAT(LOG_, REAL)(total);
      }
      F(hp_gemm)(0, 0, rows, ev, lk, 1, score, lk, v + b * lk * ev, ev, 0, y + (b * lq + q0) * ev, ev, free);
    }
}

/* gq, gk, gv, overwritten. */
API void F(hp_attention_backward)(i64 batch, i64 lq, i64 lk, i64 e, i64 ev, const REAL *q, const REAL *k, const REAL *v,
                                  const REAL *mask, i64 mask_stride, i64 causal, f64 scale, const REAL *y, const REAL *log_total,
                                  const REAL *gy, REAL *gq, REAL *gk, REAL *gv, void *work) {
  REAL *p = (REAL *)(((place)work + 63) & ~(place)63), *gp = p + BLOCK * lk;
  void *free = gp + BLOCK * lk + BLOCK;
  for (i64 i = 0; i < batch * lk * e; i++) gk[i] = 0;
  for (i64 i = 0; i < batch * lk * ev; i++) gv[i] = 0;
  for (i64 b = 0; b < batch; b++)
    for (i64 q0 = 0; q0 < lq; q0 += BLOCK) {
      i64 rows = smaller(BLOCK, lq - q0);
      const REAL *g = gy + (b * lq + q0) * ev;
      F(scores)(rows, q0, lk, e, q + b * lq * e, k + b * lk * e, mask ? mask + b * mask_stride : 0, causal, scale, p, free);
      F(hp_gemm)(0, 1, rows, lk, ev, 1, g, ev, v + b * lk * ev, ev, 0, gp, lk, free);
      for (i64 r = 0; r < rows; r++) {
        REAL of_row = log_total[b * lq + q0 + r], *row = p + r * lk;
        REAL common = F(sum_of_products)(g + r * ev, y + (b * lq + q0 + r) * ev, ev);
        F(exp_row)(lk, row, of_row, row);
        for (i64 i = 0; i < lk; i++) gp[r * lk + i] = row[i] * (gp[r * lk + i] - common);
      }
      F(hp_gemm)(1, 0, lk, ev, rows, 1, p, lk, g, ev, 1, gv + b * lk * ev, ev, free);
      F(hp_gemm)(0, 0, rows, e, lk, scale, gp, lk, k + b * lk * e, e, 0, gq + (b * lq + q0) * e, e, free);
      F(hp_gemm)(1, 0, lk, e, rows, scale, gp, lk, q + (b * lq + q0) * e, e, 1, gk + b * lk * e, e, free);
    }
}
#undef BLOCK

/* Rows of weight (count, size) at n indices. Returns -1, or the position of the first index that is no row. */
API i64 F(hp_embedding_forward)(i64 n, i64 count, i64 size, const i64 *index, const REAL *weight, REAL *y) {
  for (i64 i = 0; i < n; i++) {
    if (index[i] < 0 || index[i] >= count) return i;
    for (i64 k = 0; k < size; k++) y[i * size + k] = weight[index[i] * size + k];
  }
  return -1;
}
/* gw, overwritten; the row `padding` (-1: none) stays 0. */
API void F(hp_embedding_backward)(i64 n, i64 count, i64 size, const i64 *index, i64 padding, const REAL *gy, REAL *gw) {
  for (i64 i = 0; i < count * size; i++) gw[i] = 0;
  for (i64 i = 0; i < n; i++)
    if (index[i] != padding)
      for (i64 k = 0; k < size; k++) gw[index[i] * size + k] += gy[i * size + k];
}

/* A coordinate of grid_sample in pixels, and how it changes with the grid's. */
static REAL F(pixel_of)(REAL at, i64 size, i64 padding, i64 align, REAL *slope) {
  *slope = (REAL)(align ? (f64)(size - 1) / 2 : (f64)size / 2);
  REAL x = align ? (at + 1) / 2 * (REAL)(size - 1) : ((at + 1) * (REAL)size - 1) / 2, last = (REAL)(size - 1);
  if (padding == 2) { /* there and back between the outermost pixels' middles (align) or edges */
    REAL low = align ? 0 : (REAL)-0.5, span = align ? last : (REAL)size;
    if (span == 0) x = 0, *slope = 0;
    else {
      REAL d = x - low;
      if (d < 0) d = -d, *slope = -*slope;
      REAL flips = CAT(FLOOR_, REAL)(d / span), extra = d - flips * span;
      if (CAT(FLOOR_, REAL)(flips / 2) * 2 == flips) x = extra + low;
      else x = span - extra + low, *slope = -*slope;
    }
  }
  if (padding) {
    if (!(x > 0)) x = 0, *slope = 0; /* NaN, too */
    else if (x >= last) x = last, *slope = 0;
  }
  return x;
}

/* y (n, c, oh, ow) = x (n, c, h, w) at the places of grid (n, oh, ow, 2), -1 to 1. nearest: 0 takes four neighbours (bilinear), 1
 * the nearest; padding: 0 zeros, 1 border, 2 reflection. With gy, backward instead: gx (zeroed by the caller) and gg are
 * added to and written. */
static void F(sample)(i64 n, i64 c, i64 h, i64 w, i64 oh, i64 ow, i64 nearest, i64 padding, i64 align, const REAL *x,
                      const REAL *grid, REAL *y, const REAL *gy, REAL *gx, REAL *gg) {
  i64 outputs = oh * ow;
  for (i64 i = 0; i < n; i++)
    for (i64 o = 0; o < outputs; o++) {
      REAL slope_x, slope_y;
      const REAL *at = grid + (i * outputs + o) * 2;
      REAL px = F(pixel_of)(at[0], w, padding, align, &slope_x), py = F(pixel_of)(at[1], h, padding, align, &slope_y);
      if (nearest) px = CAT(ROUND_, REAL)(px), py = CAT(ROUND_, REAL)(py);
      /* what is not near the image, or NaN, sees nothing of it */
      i64 near = px > -2 && px < (REAL)(w + 1) && py > -2 && py < (REAL)(h + 1);
      i64 x0 = near ? (i64)CAT(FLOOR_, REAL)(px) : -2, y0 = near ? (i64)CAT(FLOOR_, REAL)(py) : -2;
      REAL right = px - (REAL)x0, below = py - (REAL)y0, sum_x = 0, sum_y = 0;
      for (i64 k = 0; k < c; k++) {
        const REAL *image = x ? x + (i * c + k) * h * w : 0;
        REAL value = 0, g = gy ? gy[(i * c + k) * outputs + o] : 0;
        for (i64 corner = 0; corner < (nearest ? 1 : 4); corner++) {
          i64 dx = corner & 1, dy = corner >> 1, column = x0 + dx, row = y0 + dy;
          if (!near || column < 0 || column >= w || row < 0 || row >= h) continue;
          REAL wx = nearest ? 1 : dx ? right : 1 - right, wy = nearest ? 1 : dy ? below : 1 - below;
          REAL pixel = image ? image[row * w + column] : 0;
          value += pixel * wx * wy;
          if (gy) {
            if (gx) gx[((i * c + k) * h + row) * w + column] += g * wx * wy;
            sum_x += g * pixel * wy * (dx ? 1 : -1), sum_y += g * pixel * wx * (dy ? 1 : -1);
          }
        }
        if (y) y[(i * c + k) * outputs + o] = value;
      }
      if (gg) {
        gg[(i * outputs + o) * 2] = nearest ? 0 : sum_x * slope_x;
        gg[(i * outputs + o) * 2 + 1] = nearest ? 0 : sum_y * slope_y;
      }
    }
}
API void F(hp_grid_sample_forward)(i64 n, i64 c, i64 h, i64 w, i64 oh, i64 ow, i64 nearest, i64 padding, i64 align, const REAL *x,
                                   const REAL *grid, REAL *y) {
  F(sample)(n, c, h, w, oh, ow, nearest, padding, align, x, grid, y, 0, 0, 0);
}
/* gx and ggrid, overwritten; each may be null. */
API void F(hp_grid_sample_backward)(i64 n, i64 c, i64 h, i64 w, i64 oh, i64 ow, i64 nearest, i64 padding, i64 align, const REAL *x,
                                    const REAL *grid, const REAL *gy, REAL *gx, REAL *ggrid) {
  if (gx)
    for (i64 i = 0; i < n * c * h * w; i++) gx[i] = 0;
  F(sample)(n, c, h, w, oh, ow, nearest, padding, align, x, grid, 0, gy, gx, ggrid);
}

