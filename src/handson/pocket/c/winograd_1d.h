/* Winograd's minimal filtering along rows, F(4, 5): a convolution with kernels five wide and of any height, and stride 1, by eight
 * multiplications for each row of the kernel and four results side by side, where taps take twenty. Eight pixels, and five weights,
 * are read as polynomials and evaluated at the points 0, +-1/2, +-1, +-2 and infinity; what is left to do at each point is a
 * convolution by columns, with the kernels of tile.h; four results are made of its sums. The gradient of the weights goes the same way
 * from four gradients at the points to five weights. A vector holds four fours of results, or the numbers of four output channels.
 *
 * The error is about five times that of sums by taps (4e-7 of the results' size, root of the mean square). A NaN or an infinity in the
 * input makes NaN of every four results among whose eight pixels it is; the first and the last of them of one result only.
 */

#if WINOGRAD && WIDE == 4

#define POINTS 8
#define AT_ONCE 32 /* vectors of results */
#define LINE 16    /* numbers by which arrays lie further apart, lest they share lines of the cache */

/* Fours of results across, fours of pixels of all rows of a channel (and a few numbers that only a vector's end reads), rows and
 * columns of a channel with its padding, rows of kernels. */
typedef struct {
  i64 across, plane, height, pitch, k;
} F(fours);

static F(fours) F(fours_of)(const hp_conv *d) {
  F(fours) f;
  f.across = (d->ow + 3) / 4, f.height = d->oh + d->kh - 1, f.pitch = 4 * f.across + 4, f.k = d->c * d->kh;
  f.plane = rounded(f.height * f.across + SLACK, WIDE);
  return f;
}

/* Whether this way takes less time than that by taps. The numbers are those of wasm on one x86-64 processor. */
NOINLINE i64 F(rows_pay)(const hp_conv *d) {
  if (d->kw != 5 || d->sh != 1 || d->sw != 1 || d->dh != 1 || d->dw != 1 || d->groups != 1) return 0;
  if (d->n <= 0 || d->c <= 0 || d->oc < WIDE || d->oh <= 0 || d->ow <= 0) return 0;
  F(fours) f = F(fours_of)(d);
  i64 each = POINTS * d->oh * d->oc * f.k + 60 * (d->c * f.height + d->oc * d->oh);
  return each * f.across * 9 < d->oh * d->ow * 5 * d->oc * f.k * 8;
}

INLINE i64 F(pixels_numbers)(const hp_conv *d, const F(fours) * f) {
  return d->c * f->height * f->pitch + SLACK + POINTS * (d->c * f->plane + LINE) + 64;
}

static i64 F(rows_work)(const hp_conv *d) {
  F(fours) f = F(fours_of)(d);
  i64 panels = POINTS * (d->oc * f.k + (d->oc / TILE_ROWS + 3) * LINE);
  i64 sums = POINTS * (TILE_ROWS * AT_ONCE * WIDE + LINE);
  return (F(pixels_numbers)(d, &f) + panels + sums) * (i64)sizeof(REAL) + f.k * (i64)sizeof(place) + 512;
}

static i64 F(rows_weight_work)(const hp_conv *d) {
  F(fours) f = F(fours_of)(d);
  i64 width = rounded(d->oc, PANEL), gradients = width * (d->oh * d->ow + POINTS * d->oh * f.across);
  i64 sums = POINTS * rounded(f.k, 4) * width;
  return (F(pixels_numbers)(d, &f) + gradients + sums) * (i64)sizeof(REAL) + f.k * (i64)sizeof(place) + 512;
}

/* even + at * odd and even - at * odd */
INLINE void F(both_signs)(F(vec) even, F(vec) odd, REAL at, F(vec) *to) {
  to[0] = F(plus_product)(even, F(all)(at), odd), to[1] = F(plus_product)(even, F(all)(-at), odd);
}
/* x + p * y + q * z */
INLINE F(vec) F(sum_of_3)(F(vec) x, REAL p, F(vec) y, REAL q, F(vec) z) {
  return F(plus_product)(F(plus_product)(x, F(all)(p), y), F(all)(q), z);
}

/* Eight pixels at the points. */
INLINE void F(pixels_at_8)(const F(vec) *x, F(vec) *at) {
  at[0] = F(sum_of_3)(x[6] - x[0], (REAL)-5.25, x[4], (REAL)5.25, x[2]);
  F(both_signs)(F(sum_of_3)(x[6], -5, x[4], 4, x[2]), F(sum_of_3)(x[5], -5, x[3], 4, x[1]), (REAL)0.5, at + 1);
  F(both_signs)(F(sum_of_3)(x[6], (REAL)-4.25, x[4], 1, x[2]), F(sum_of_3)(x[5], (REAL)-4.25, x[3], 1, x[1]), 1, at + 3);
  F(both_signs)
  (F(sum_of_3)(x[6], (REAL)-1.25, x[4], (REAL)0.25, x[2]), F(sum_of_3)(x[5], (REAL)-1.25, x[3], (REAL)0.25, x[1]), 2, at + 5);
  at[7] = F(sum_of_3)(x[7] - x[1], (REAL)-5.25, x[5], (REAL)5.25, x[3]);
}
/* What kernels at a point are divided by; at 0 it is -1, at infinity 1. */
#define OF_HALF ((REAL)(1 / 1.40625))
#define OF_ONE ((REAL)(1 / -4.5))
#define OF_TWO ((REAL)(1 / 90.0))
/* Five weights at the points. */
INLINE void F(weights_at_8)(const F(vec) *w, F(vec) *at) {
  at[0] = -w[0], at[7] = w[4];
  UNROLL for (int k = 0; k < 3; k++) {
    const REAL a = k == 0 ? (REAL)0.5 : k == 1 ? 1 : 2, scale = k == 0 ? OF_HALF : k == 1 ? OF_ONE : OF_TWO;
    F(vec) even = F(sum_of_3)(w[0], a * a, w[2], a * a * a * a, w[4]), odd = F(plus_product)(w[1], F(all)(a * a), w[3]);
    F(both_signs)(even * scale, odd * scale, a, at + 1 + 2 * k);
  }
}
/* Four results of sums at the points. */
INLINE void F(results_of_8)(const F(vec) *at, F(vec) *y) {
  F(vec) half = at[1] + at[2], one = at[3] + at[4], two = at[5] + at[6];
  y[0] = at[0] + half + one + two, y[2] = F(sum_of_3)(one, (REAL)0.25, half, 4, two);
  half = at[1] - at[2], one = at[3] - at[4], two = at[5] - at[6];
  y[1] = F(sum_of_3)(one, (REAL)0.5, half, 2, two), y[3] = at[7] + F(sum_of_3)(one, (REAL)0.125, half, 8, two);
}
/* Four gradients at the points. */
INLINE void F(gradients_at_8)(const F(vec) *g, F(vec) *at) {
  at[0] = g[0], at[7] = g[3];
  UNROLL for (int k = 0; k < 3; k++) {
    const REAL a = k == 0 ? (REAL)0.5 : k == 1 ? 1 : 2;
    F(both_signs)(F(plus_product)(g[0], F(all)(a * a), g[2]), F(plus_product)(g[1], F(all)(a * a), g[3]), a, at + 1 + 2 * k);
  }
}
/* Five gradients of weights of sums at the points. */
INLINE void F(weights_of_8)(const F(vec) *at, F(vec) *w) {
  F(vec) half = (at[1] + at[2]) * OF_HALF, one = (at[3] + at[4]) * OF_ONE, two = (at[5] + at[6]) * OF_TWO;
  w[0] = half + one + two - at[0], w[2] = F(sum_of_3)(one, (REAL)0.25, half, 4, two);
  w[4] = at[7] + F(sum_of_3)(one, (REAL)0.0625, half, 16, two);
  half = (at[1] - at[2]) * OF_HALF, one = (at[3] - at[4]) * OF_ONE, two = (at[5] - at[6]) * OF_TWO;
  w[1] = F(sum_of_3)(one, (REAL)0.5, half, 2, two), w[3] = F(sum_of_3)(one, (REAL)0.125, half, 8, two);
}

/* An image at the points: to[point][channel][row][four], points `distance` apart. */
NOINLINE void F(image_to_points)(const hp_conv *d, const F(fours) * f, const REAL *x, REAL *planes, REAL *to, place distance) {
  planes_shape g = {f->pitch, f->height, 0, 1, 0, 0, 0, 0, 0};
  F(fill_planes)(d, &g, d->c, x, planes);
  const place pitch = (place)f->pitch, end = (place)(f->height * f->across), across = (place)f->across;
  for (i64 c = 0; c < d->c; c++, planes += f->height * f->pitch, to += f->plane) {
    const REAL *line = planes;
    for (place q = 0, column = 0; q < end; q += WIDE) {
      F(vec) v[8], at[POINTS];
      UNROLL for (int l = 0; l < WIDE; l++) {
        v[l] = F(load)(line + 4 * column), v[4 + l] = F(load)(line + 4 * column + 4);
        if (q + l + 1 < end && ++column == across) column = 0, line += pitch;
      }
      F(transpose)(v), F(transpose)(v + 4);
      F(pixels_at_8)(v, at);
      UNROLL for (int p = 0; p < POINTS; p++) F(store)(to + p * distance + q, at[p]);
    }
  }
}

/* R kernels at the points, for each a panel as by pack_a. The kernel from channel i to o begins at o * from_o + i * from_i. */
NOINLINE void F(rows_to_points)(const hp_conv *d, place R, const REAL *weight, place from_o, place from_i, i64 turned, REAL *out) {
  const place distance = (place)(R * d->c * d->kh + LINE), rows = (place)d->kh;
  for (i64 i = 0; i < d->c; i++, weight += from_i)
    for (place row = 0; row < rows; row++, out += R) {
      F(vec) w[5], at[POINTS];
      for (place l = 0; l < WIDE; l++) {
        const REAL *of = weight + (l < R ? l : R - 1) * from_o;
        for (place t = 0; t < 5; t++) w[t][l] = of[turned ? 5 * rows - 1 - 5 * row - t : 5 * row + t];
      }
      F(weights_at_8)(w, at);
      UNROLL for (int p = 0; p < POINTS; p++) F(store)(out + p * distance, at[p]);
    }
}

/* Four fours of results of one channel, of the sums at the points, which are `distance` apart; `q` is the number of the first. */
INLINE void F(fours_to_rows)(const hp_conv *d, const F(fours) * f, const REAL *sums, place distance, REAL bias, i64 q, REAL *y) {
  F(vec) at[POINTS], v[4];
  UNROLL for (int p = 0; p < POINTS; p++) at[p] = F(load)(sums + p * distance);
  F(results_of_8)(at, v);
  UNROLL for (int l = 0; l < 4; l++) v[l] += F(all)(bias);
  F(transpose)(v);
  place row = (place)(q / f->across), column = (place)(q % f->across);
  for (place l = 0; l < 4 && row < d->oh; l++) {
    REAL *to = y + row * d->ow + 4 * column;
    if (4 * column + 4 <= d->ow) F(store)(to, v[l]);
    else
      for (place x = 0; x < d->ow - 4 * column; x++) to[x] = v[l][x];
    if (++column == f->across) column = 0, row++;
  }
}

static void F(row_offsets)(const hp_conv *d, const F(fours) * f, place *offset) {
  for (i64 c = 0; c < d->c; c++)
    for (i64 row = 0; row < d->kh; row++) *offset++ = (place)(c * f->plane + row * f->across);
}

/* hp_conv2d_forward by minimal filtering; `turned`: the weights are those of the convolution that goes the other way. */
static void F(by_rows)(const hp_conv *d, i64 turned, const REAL *x, const REAL *weight, const REAL *bias, REAL *y, void *work) {
  const F(fours) f = F(fours_of)(d);
  const i64 taps = 5 * d->kh, distance = d->c * f.plane + LINE, apart = TILE_ROWS * AT_ONCE * WIDE + LINE;
  const i64 vectors = (d->oh * f.across + WIDE - 1) / WIDE;
  char *free = (char *)work;
  REAL *planes = F(cut)(&free, d->c * f.height * f.pitch + SLACK), *points = F(cut)(&free, POINTS * distance);
  REAL *sums = F(cut)(&free, POINTS * apart), *panels = F(cut)(&free, POINTS * (d->oc * f.k + (d->oc / TILE_ROWS + 3) * LINE));
  place *offset = F(cut_places)(&free, f.k);
  F(row_offsets)(d, &f, offset);
  const place from_o = (place)(turned ? taps : taps * d->c), from_i = (place)(turned ? taps * d->oc : taps);
  for (i64 image = 0; image < d->n; image++, x += d->c * d->h * d->w, y += d->oc * d->oh * d->ow) {
    F(image_to_points)(d, &f, x, planes, points, (place)distance);
    REAL *panel = panels;
    for (i64 o = 0, R; o < d->oc; o += R) {
      R = F(tile_rows)(d->oc - o);
      const i64 panel_size = R * f.k + LINE;
      if (!image) F(rows_to_points)(d, (place)R, weight + o * from_o, from_o, from_i, turned, panel);
      for (i64 first = 0; first < vectors; first += AT_ONCE) {
        const i64 here = smaller(AT_ONCE, vectors - first);
        for (i64 p = 0; p < POINTS; p++)
          for (i64 v = 0; v < here; v += TILE_VECTORS) {
            const REAL *from[TILE_VECTORS];
            REAL *to[TILE_VECTORS];
            for (i64 s = 0; s < TILE_VECTORS; s++) {
              from[s] = points + p * distance + (first + v + s) * WIDE;
              to[s] = sums + p * apart + (v + s) * WIDE;
            }
            F(spread_tile)(R, smaller(TILE_VECTORS, here - v), f.k, panel + p * panel_size, from, offset, FROM_ZERO, 0, to, AT_ONCE * WIDE);
          }
        for (i64 r = 0; r < R; r++)
          for (i64 v = 0; v < here; v++)
            F(fours_to_rows)(d, &f, sums + (r * AT_ONCE + v) * WIDE, (place)apart, bias ? bias[o + r] : 0, (first + v) * WIDE,
                             y + (o + r) * d->oh * d->ow);
      }
      panel += POINTS * panel_size;
    }
  }
}

/* backward_weight by minimal filtering; gw and gb are zeros before. */
static void F(weight_by_rows)(const hp_conv *d, const REAL *x, const REAL *gy, REAL *gw, REAL *gb, void *work) {
  const F(fours) f = F(fours_of)(d);
  const i64 pixels = d->oh * d->ow, width = rounded(d->oc, PANEL), distance = d->c * f.plane + LINE, all = d->oh * f.across;
  const i64 k4 = rounded(f.k, 4);
  char *free = (char *)work;
  REAL *planes = F(cut)(&free, d->c * f.height * f.pitch + SLACK), *points = F(cut)(&free, POINTS * distance);
  REAL *last = F(cut)(&free, pixels * width), *gradients = F(cut)(&free, POINTS * all * width);
  REAL *sums = F(cut)(&free, POINTS * k4 * width);
  place *offset = F(cut_places)(&free, f.k);
  F(row_offsets)(d, &f, offset);
  clear(sums, POINTS * k4 * width * (i64)sizeof(REAL));
  for (i64 image = 0; image < d->n; image++, x += d->c * d->h * d->w, gy += d->oc * pixels) {
    F(image_to_points)(d, &f, x, planes, points, (place)distance);
    F(channels_last)((place)d->oc, (place)pixels, gy, last);
    for (i64 o = 0; gb && o < d->oc; o++) gb[o] += F(sum)(gy + o * pixels, pixels);
    REAL *to = gradients; /* [panel][row][four][channel], points all * width apart */
    const REAL *from = last;
    for (i64 line = 0; line < width / PANEL * d->oh; line++, from += d->ow * PANEL)
      for (place column = 0; column < d->ow; column += 4, to += PANEL)
        for (place l = 0; l < PANEL; l += WIDE) {
          F(vec) g[4], at[POINTS];
          for (place t = 0; t < 4; t++) g[t] = column + t < d->ow ? F(load)(from + (column + t) * PANEL + l) : F(all)(0);
          F(gradients_at_8)(g, at);
          UNROLL for (int p = 0; p < POINTS; p++) F(store)(to + p * all * width + l, at[p]);
        }
    for (i64 p = 0; p < POINTS; p++)
      for (i64 k = 0; k < f.k; k += 4) {
        place four[4];
        for (i64 r = 0; r < 4; r++) four[r] = offset[smaller(k + r, f.k - 1)];
        for (i64 o = 0; o < width; o += PANEL)
          F(outer)(1, (place)all, 0, points + p * distance, four, gradients + p * all * width + o * all,
                   sums + (p * k4 + k) * width + o, (place)width);
      }
  }
  for (i64 k = 0; k < f.k; k++)
    for (i64 o = 0; o < d->oc; o += WIDE) {
      F(vec) at[POINTS], w[5];
      UNROLL for (int p = 0; p < POINTS; p++) at[p] = F(load)(sums + (p * k4 + k) * width + o);
      F(weights_of_8)(at, w);
      for (i64 l = 0; l < smaller(WIDE, d->oc - o); l++)
        for (int t = 0; t < 5; t++) gw[((o + l) * f.k + k) * 5 + t] = w[t][l];
    }
}

#undef POINTS
#undef AT_ONCE
#undef LINE
#undef OF_HALF
#undef OF_ONE
#undef OF_TWO
#endif
