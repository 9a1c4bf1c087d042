/* Pooling in two dimensions, over `planes` = batch * channels images of h x w. */

#ifndef POOL_H
#define POOL_H
typedef struct {
  i64 planes, h, w, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw;
} hp_pool;
#endif

/* One tap of a row of windows: the result is the larger, or the last NaN, and where it lies. */
INLINE void F(larger_of_row)(i64 from, i64 to, const REAL *line, const i64 step, i32 place_of_line, REAL *y, i32 *index) {
  INDEPENDENT for (i64 i = from; i < to; i++) {
    REAL value = line[i * step], best = y[i];
    i32 better = (value > best) | (value != value);
    y[i] = better ? value : best;
    index[i] = better ? place_of_line + (i32)(i * step) : index[i];
  }
}

/* y and the place (row * w + column) of each maximum in its plane. At equal values the first wins; NaN wins over all. */
API void F(hp_max_pool2d_forward)(const hp_pool *d, const REAL *x, REAL *y, i32 *index) {
  for (i64 plane = 0; plane < d->planes; plane++, x += d->h * d->w)
    for (i64 oy = 0; oy < d->oh; oy++, y += d->ow, index += d->ow) {
      i64 top = oy * d->sh - d->ph, first = top;
      while (first < 0) first += d->dh;
      for (i64 i = 0; i < d->ow; i++) {
        i64 left = i * d->sw - d->pw;
        while (left < 0) left += d->dw;
        y[i] = -INF(REAL);
        index[i] = (i32)(first * d->w + left);
      }
      for (i64 ky = 0; ky < d->kh; ky++) {
        i64 row = top + ky * d->dh;
        if (row < 0 || row >= d->h) continue;
        for (i64 kx = 0; kx < d->kw; kx++) {
          i64 shift = kx * d->dw - d->pw;
          i64 from = smaller(steps_to(-shift, d->sw), d->ow), to = smaller(steps_to(d->w - shift, d->sw), d->ow);
          const REAL *line = x + row * d->w + shift;
          i32 at = (i32)(row * d->w + shift);
          if (d->sw == 2) F(larger_of_row)(from, to, line, 2, at, y, index);
          else if (d->sw == 1) F(larger_of_row)(from, to, line, 1, at, y, index);
          else F(larger_of_row)(from, to, line, d->sw, at, y, index);
        }
      }
    }
}

/* gx, overwritten. */
API void F(hp_max_pool2d_backward)(const hp_pool *d, const REAL *gy, const i32 *index, REAL *gx) {
  i64 outputs = d->oh * d->ow;
  for (i64 i = 0; i < d->planes * d->h * d->w; i++) gx[i] = 0;
  for (i64 plane = 0; plane < d->planes; plane++, gx += d->h * d->w, gy += outputs, index += outputs)
    for (i64 i = 0; i < outputs; i++) gx[index[i]] += gy[i];
}

/* Means over the windows of d, or, if `adaptive`, over windows that divide the image; backward spreads gy over them. */
INLINE void F(means)(const hp_pool *d, i64 adaptive, i64 count_padding, i64 divisor, i64 backward, REAL *x, REAL *y) {
  if (backward)
    for (i64 i = 0; i < d->planes * d->h * d->w; i++) x[i] = 0;
  for (i64 plane = 0; plane < d->planes; plane++, x += d->h * d->w)
    for (i64 oy = 0; oy < d->oh; oy++)
      for (i64 ox = 0; ox < d->ow; ox++, y++) {
        i64 y0, y1, x0, x1, count = divisor;
        if (adaptive) {
          y0 = oy * d->h / d->oh, y1 = ((oy + 1) * d->h + d->oh - 1) / d->oh;
          x0 = ox * d->w / d->ow, x1 = ((ox + 1) * d->w + d->ow - 1) / d->ow;
        } else {
          y0 = oy * d->sh - d->ph, y1 = smaller(y0 + d->kh, d->h + d->ph);
          x0 = ox * d->sw - d->pw, x1 = smaller(x0 + d->kw, d->w + d->pw);
          if (!count && count_padding) count = (y1 - y0) * (x1 - x0);
          y0 = larger(y0, 0), x0 = larger(x0, 0), y1 = smaller(y1, d->h), x1 = smaller(x1, d->w);
        }
        if (y0 >= y1 || x0 >= x1) {
          if (!backward) *y = 0;
          continue;
        }
        if (!count) count = (y1 - y0) * (x1 - x0);
        REAL sum = 0, part = backward ? *y / (REAL)count : 0;
        for (i64 row = y0; row < y1; row++)
          for (i64 column = x0; column < x1; column++)
            if (backward) x[row * d->w + column] += part;
            else sum += x[row * d->w + column];
        if (!backward) *y = sum / (REAL)count;
      }
}

/* divisor 0: the size of the window, with the padding if count_padding. The window is not dilated. */
API void F(hp_avg_pool2d_forward)(const hp_pool *d, i64 count_padding, i64 divisor, const REAL *x, REAL *y) {
  F(means)(d, 0, count_padding, divisor, 0, (REAL *)x, y);
}
API void F(hp_avg_pool2d_backward)(const hp_pool *d, i64 count_padding, i64 divisor, const REAL *gy, REAL *gx) {
  F(means)(d, 0, count_padding, divisor, 1, gx, (REAL *)gy);
}
API void F(hp_adaptive_avg_pool2d_forward)(const hp_pool *d, const REAL *x, REAL *y) { F(means)(d, 1, 0, 0, 0, (REAL *)x, y); }
API void F(hp_adaptive_avg_pool2d_backward)(const hp_pool *d, const REAL *gy, REAL *gx) { F(means)(d, 1, 0, 0, 1, gx, (REAL *)gy); }
