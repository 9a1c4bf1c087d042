/* Pooling in two dimensions, over `planes` = batch * channels images of h x w. */

#ifndef POOL_H
#define POOL_H
typedef struct {
  i64 planes, h, w, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw;
} hp_pool;
#endif

/* Four neighbouring results at once, in vectors of four whatever the machine has. */
typedef REAL F(four) __attribute__((vector_size(4 * sizeof(REAL))));
typedef REAL F(loose_four) __attribute__((vector_size(4 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
typedef WHOLE F(four_whole) __attribute__((vector_size(4 * sizeof(REAL))));

INLINE F(four) F(every)(const REAL *p, place step) {
  if (step == 1) return *(const F(loose_four) *)p;
  if (step == 2) { /* nothing behind the last one is read */
    F(four) a = *(const F(loose_four) *)p, b = *(const F(loose_four) *)(p + 3);
    return __builtin_shufflevector(a, b, 0, 2, 5, 7);
  }
  F(four) v = {p[0], p[step], p[2 * step], p[3 * step]};
  return v;
}

/* The windows of four results, of which all columns lie in the image: the largest values and their places. `line` is the first tap. */
INLINE void F(largest_of_four)(const hp_pool *d, const place step, place rows, const REAL *line, i32 at, REAL *y, i32 *index) {
  const place down = (place)(d->dh * d->w), right = (place)d->dw, columns = (place)d->kw;
  F(four) best = F(every)(line, step);
  F(four_whole) first = {at, at + (i32)step, at + 2 * (i32)step, at + 3 * (i32)step}, where = first;
  for (place ky = 0; ky < rows; ky++)
    for (place kx = 0; kx < columns; kx++) {
      place o = ky * down + kx * right;
      F(four) value = F(every)(line + o, step);
      F(four_whole) better = (F(four_whole))(value > best) | (F(four_whole))(value != value);
      best = (F(four))((better & (F(four_whole))value) | (~better & (F(four_whole))best));
      where = (better & (first + (i32)o)) | (~better & where);
    }
  *(F(loose_four) *)y = best;
  for (int l = 0; l < 4; l++) index[l] = (i32)where[l];
}

/* y and the place (row * w + column) of each maximum in its plane. At equal values the first wins; of NaN the last. */
API void F(hp_max_pool2d_forward)(const hp_pool *d, const REAL *x, REAL *y, i32 *index) {
  /* the results of which all columns lie in the image */
  i64 inner = steps_to(d->pw, d->sw), outer = (d->w - 1 + d->pw - (d->kw - 1) * d->dw) / d->sw + 1;
  if (d->w - 1 + d->pw < (d->kw - 1) * d->dw) outer = 0;
  outer = smaller(outer, d->ow);
  for (i64 plane = 0; plane < d->planes; plane++, x += d->h * d->w)
    for (i64 oy = 0; oy < d->oh; oy++, y += d->ow, index += d->ow) {
      i64 first = oy * d->sh - d->ph, last = smaller(d->h, first + (d->kh - 1) * d->dh + 1);
      while (first < 0) first += d->dh;
      place rows = (place)((last - first + d->dh - 1) / d->dh);
      for (i64 ox = 0; ox < d->ow;) {
        if (ox >= inner && ox < outer && outer - inner >= 4 && rows > 0) ox = smaller(ox, outer - 4);
        i64 left = ox * d->sw - d->pw;
        if (ox >= inner && ox + 4 <= outer && rows > 0) { /* the last four may overlap those before */
          const REAL *line = x + first * d->w + left;
          i32 at = (i32)(first * d->w + left);
          if (!SMALL && d->sw == 2) F(largest_of_four)(d, 2, rows, line, at, y + ox, index + ox);
          else if (!SMALL && d->sw == 1) F(largest_of_four)(d, 1, rows, line, at, y + ox, index + ox);
          else F(largest_of_four)(d, (place)d->sw, rows, line, at, y + ox, index + ox);
          ox += 4;
          continue;
        }
        i64 end = smaller(d->w, left + (d->kw - 1) * d->dw + 1);
        while (left < 0) left += d->dw;
        REAL best = -INF(REAL);
        i64 where = first * d->w + left;
        for (i64 row = first; row < last; row += d->dh)
          for (i64 column = left; column < end; column += d->dw) {
            REAL value = x[row * d->w + column];
            if (value > best || value != value) best = value, where = row * d->w + column;
          }
        y[ox] = best, index[ox] = (i32)where;
        ox++;
      }
    }
}

/* gx, overwritten. */
API void F(hp_max_pool2d_backward)(const hp_pool *d, const REAL *gy, const i32 *index, REAL *gx) {
  i64 outputs = d->oh * d->ow;
  clear(gx, d->planes * d->h * d->w * (i64)sizeof(REAL));
  for (i64 plane = 0; plane < d->planes; plane++, gx += d->h * d->w, gy += outputs, index += outputs)
    for (i64 i = 0; i < outputs; i++) gx[index[i]] += gy[i];
}

/* Means over the windows of d, or, if `adaptive`, over windows that divide the image; backward spreads gy over them. */
static void F(means)(const hp_pool *d, i64 adaptive, i64 count_padding, i64 divisor, i64 backward, REAL *x, REAL *y) {
  if (backward) clear(x, d->planes * d->h * d->w * (i64)sizeof(REAL));
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
