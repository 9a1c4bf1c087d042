/* Winograd's minimal filtering F(4x4, 3x3): a convolution with a 3x3 kernel and stride 1 by 36 multiplications for each 4x4 tile of
 * results, where taps take 144. Tiles of the input (6x6, overlapping) and kernels are read as polynomials and evaluated at the
 * points 0, +-NEAR, +-FAR and infinity in both directions; the kernels of tile.h multiply the values at points and sum over the
 * channels; tiles of results are made of the sums. A vector holds four tiles, wherever in the batch they lie.
 *
 * With these points errors are twice those of sums by taps (64 channels: 8e-7 of the results' size, root of the mean square; the
 * usual 1 and 2 give 2e-6). A NaN or an infinity in the input makes NaN of every 4x4 tile whose 6x6 pixels it is among, where
 * taps spare the results that do not see it.
 */

#if WINOGRAD && WIDE == 4

#define NEAR ((REAL)0.625)
#define FAR ((REAL)1.5)
#define TILES 64 /* at once, at most */
#define LINE 16  /* numbers by which arrays lie further apart, lest they share lines of the cache */
#define BLOCK (TILE_VECTORS * WIDE)

/* How a layer is cut: tiles of an image down and across, images and tiles at once, and how often that is; columns and numbers of
 * a channel with its padding; whether kernels at the points are kept for the next tiles, and how many numbers those are. */
typedef struct {
  i64 down, across, images, tiles, blocks, pitch, plane, kept, panels;
} F(tiling);

static F(tiling) F(tiling_of)(const hp_conv *d) {
  F(tiling) t;
  t.down = (d->oh + 3) / 4, t.across = (d->ow + 3) / 4;
  const i64 all = larger(1, t.down * t.across);
  t.tiles = larger(16, smaller(TILES, (1 << 17) / (36 * d->c) / 8 * 8)); /* 512 kB of values at points, if that goes */
  t.images = smaller(d->n, (t.tiles + all - 1) / all);
  t.blocks = (d->n + t.images - 1) / t.images * ((t.images * all + t.tiles - 1) / t.tiles);
  t.pitch = 4 * t.across + 2, t.plane = t.pitch * (4 * t.down + 2);
  t.kept = t.blocks > 1 && d->oc * d->c <= 1 << 17; /* 18 MB */
  t.panels = 36 * (t.kept ? d->oc * d->c + (d->oc / TILE_ROWS + 3) * LINE : TILE_ROWS * d->c + LINE);
  return t;
}

/* Whether this way takes less time than that by taps. The numbers are those of wasm on one x86-64 processor. */
NOINLINE i64 F(pays)(const hp_conv *d, i64 turned) {
  if (d->kh != 3 || d->kw != 3 || d->sh != 1 || d->sw != 1 || d->dh != 1 || d->dw != 1 || d->groups != 1) return 0;
  if (d->n <= 0 || d->c <= 0 || d->oc <= 0 || d->oh <= 0 || d->ow <= 0) return 0;
  planes_shape g = shape_of_planes(d);
  F(tiling) t = F(tiling_of)(d);
  i64 pairs = d->c * d->oc, tiles = rounded(d->n * t.down * t.across, BLOCK);
  i64 vectors = F(mixes)(d, &g) ? (d->n + WIDE - 1) / WIDE * d->oh * d->ow : d->n * F(vectors)(d->oh, d->ow, g.pitch);
  i64 kernel = turned && pairs > 1 << 17 ? 250 : 100; /* those that no cache holds are read a few at a time from far apart */
  i64 products = tiles * (36 * pairs + 300 * (d->c + d->oc)) + (t.kept ? 1 : t.blocks) * kernel * pairs;
  return products * 9 < vectors * WIDE * 9 * pairs * 8;
}

static i64 F(winograd_work)(const hp_conv *d) {
  F(tiling) t = F(tiling_of)(d);
  i64 numbers = t.panels + t.images * d->c * t.plane + SLACK + 36 * (t.tiles * (d->c + LINE + TILE_ROWS) + LINE);
  return numbers * (i64)sizeof(REAL) + d->c * (i64)sizeof(place) + 512;
}

/* v[i][l] = at[l][o + i] */
INLINE void F(four_of_each)(const REAL *const *at, place o, F(vec) *v) {
  UNROLL for (int l = 0; l < 4; l++) v[l] = F(load)(at[l] + o);
  F(transpose)(v);
}

/* Six pixels, `step` apart, at the points. */
INLINE void F(input_at_points)(const F(vec) *x, const int step, F(vec) *at) {
  const REAL a = NEAR, b = FAR;
  const F(vec) x1 = x[step], x2 = x[2 * step], x3 = x[3 * step], x4 = x[4 * step];
  F(vec) even = F(plus_product)(x4, F(all)(-b * b), x2), odd = F(plus_product)(x3, F(all)(-b * b), x1);
  at[1] = F(plus_product)(even, F(all)(a), odd), at[2] = F(plus_product)(even, F(all)(-a), odd);
  even = F(plus_product)(x4, F(all)(-a * a), x2), odd = F(plus_product)(x3, F(all)(-a * a), x1);
  at[3] = F(plus_product)(even, F(all)(b), odd), at[4] = F(plus_product)(even, F(all)(-b), odd);
  at[0] = F(plus_product)(F(plus_product)(x4, F(all)(-a * a - b * b), x2), F(all)(a * a * b * b), x[0]);
  at[5] = F(plus_product)(F(plus_product)(x[5 * step], F(all)(-a * a - b * b), x3), F(all)(a * a * b * b), x1);
}
/* Three weights at the points, divided by what is to be divided by anywhere. */
INLINE void F(weights_at_points)(const F(vec) *w, const int step, F(vec) *at) {
  const REAL a = NEAR, b = FAR, near = 1 / (2 * a * a * (a * a - b * b)), far = 1 / (2 * b * b * (b * b - a * a));
  F(vec) even = (w[0] + w[2 * step] * (a * a)) * near, odd = w[step] * (a * near);
  at[1] = even + odd, at[2] = even - odd;
  even = (w[0] + w[2 * step] * (b * b)) * far, odd = w[step] * (b * far);
  at[3] = even + odd, at[4] = even - odd;
  at[0] = w[0] * (1 / (a * a * b * b)), at[5] = w[2 * step];
}
/* Four results of sums at the points. */
INLINE void F(results_of_points)(const F(vec) *at, F(vec) *y, const int step) {
  const REAL a = NEAR, b = FAR;
  F(vec) near = at[1] + at[2], far = at[3] + at[4];
  y[0] = at[0] + near + far, y[2 * step] = F(plus_product)(near * (a * a), F(all)(b * b), far);
  near = at[1] - at[2], far = at[3] - at[4];
  y[step] = F(plus_product)(near * a, F(all)(b), far);
  y[3 * step] = F(plus_product)(F(plus_product)(at[5], F(all)(a * a * a), near), F(all)(b * b * b), far);
}

/* Four tiles of every channel at the points: `at` are their corners, channels `plane` apart; points go `distance` apart. */
NOINLINE void F(tiles_to_points)(const REAL *const *at, place channels, place plane, place pitch, REAL *out, place distance) {
  for (place c = 0; c < channels; c++, out += BLOCK) {
    F(vec) half[36], x[8], points[6];
    for (int row = 0; row < 6; row++) {
      F(four_of_each)(at, c * plane + row * pitch, x), F(four_of_each)(at, c * plane + row * pitch + 4, x + 4);
      F(input_at_points)(x, 1, half + 6 * row);
    }
    for (int i = 0; i < 6; i++) {
      F(input_at_points)(half + i, 6, points);
      UNROLL for (int j = 0; j < 6; j++) F(store)(out + (6 * j + i) * distance, points[j]);
    }
  }
}

/* R kernels at the points, for each a panel as by pack_a. The kernel from channel i to o begins at o * from_o + i * from_i. */
NOINLINE void F(kernels_to_points)(place R, place c, const REAL *weight, place from_o, place from_i, i64 turned, REAL *out) {
  const place distance = R * c + LINE; /* behind a panel of less than four rows a vector is written to */
  for (place i = 0; i < c; i++, weight += from_i, out += R) {
    const REAL *at[4];
    F(vec) w[9], half[18], points[6];
    for (place l = 0; l < 4; l++) at[l] = weight + (l < R ? l : R - 1) * from_o;
    F(four_of_each)(at, 5, w + 5), F(four_of_each)(at, 0, w), w[4] = (F(vec)){at[0][4], at[1][4], at[2][4], at[3][4]};
    if (turned)
      UNROLL for (int t = 0; t < 4; t++) {
        F(vec) other = w[t];
        w[t] = w[8 - t], w[8 - t] = other;
      }
    UNROLL for (int row = 0; row < 3; row++) F(weights_at_points)(w + 3 * row, 1, half + 6 * row);
    for (int x = 0; x < 6; x++) {
      F(weights_at_points)(half + x, 6, points);
      UNROLL for (int j = 0; j < 6; j++) F(store)(out + (6 * j + x) * distance, points[j]);
    }
  }
}

/* Where a tile begins in the images with their padding and in the results, and how much of it belongs to them. */
typedef struct {
  place from, to, rows, columns;
} F(tile);

/* Four tiles of results of one channel, of the sums at the points, which are `distance` apart. */
NOINLINE void F(points_to_tiles)(const REAL *sums, place distance, REAL bias, const F(tile) * tile, place count, REAL *y,
                                 place pitch) {
  F(vec) half[24], at[6], v[4];
  for (int x = 0; x < 6; x++) {
    UNROLL for (int j = 0; j < 6; j++) at[j] = F(load)(sums + (6 * j + x) * distance);
    F(results_of_points)(at, half + x, 6);
  }
  for (place row = 0; row < 4; row++) {
    F(results_of_points)(half + 6 * row, v, 1);
    UNROLL for (int x = 0; x < 4; x++) v[x] += F(all)(bias);
    F(transpose)(v);
    for (place l = 0; l < count; l++)
      if (row < tile[l].rows) {
        REAL *to = y + tile[l].to + row * pitch;
        if (tile[l].columns >= 4) F(store)(to, v[l]);
        else
          for (place x = 0; x < tile[l].columns; x++) to[x] = v[l][x];
      }
  }
}

/* hp_conv2d_forward by minimal filtering; `turned`: the weights are those of the convolution that goes the other way. */
static void F(winograd)(const hp_conv *d, i64 turned, const REAL *x, const REAL *weight, const REAL *bias, REAL *y, void *work) {
  const F(tiling) t = F(tiling_of)(d);
  const i64 all = t.down * t.across, width = t.tiles, distance = BLOCK * d->c + LINE;
  planes_shape g = {t.pitch, t.plane / t.pitch, t.plane, 1, 0, d->c, d->oc, 9, 9 * d->c};
  char *free = (char *)work;
  REAL *panels = F(cut)(&free, t.panels), *planes = F(cut)(&free, t.images * d->c * t.plane + SLACK);
  REAL *points = F(cut)(&free, 36 * width / BLOCK * distance), *sums = F(cut)(&free, 36 * (TILE_ROWS * width + LINE));
  place *offset = F(cut_places)(&free, d->c);
  for (i64 i = 0; i < d->c; i++) offset[i] = (place)(i * BLOCK);
  const place from_o = (place)(turned ? 9 : 9 * d->c), from_i = (place)(turned ? 9 * d->oc : 9);
  for (i64 first = 0; first < d->n; first += t.images) {
    const i64 images = smaller(t.images, d->n - first);
    for (i64 i = 0; i < images; i++)
      F(fill_planes)(d, &g, d->c, x + (first + i) * d->c * d->h * d->w, planes + i * d->c * t.plane);
    for (i64 done = 0; done < images * all; done += width) {
      const i64 here = smaller(width, images * all - done), vectors = (here + WIDE - 1) / WIDE;
      F(tile) tile[TILES];
      for (i64 i = 0; i < vectors * WIDE; i++) {
        i64 number = smaller(done + i, images * all - 1), image = number / all;
        i64 down = number % all / t.across, across = number % t.across;
        tile[i].from = (place)(image * d->c * t.plane + 4 * (down * t.pitch + across));
        tile[i].to = (place)(((first + image) * d->oc * d->oh + 4 * down) * d->ow + 4 * across);
        tile[i].rows = (place)(d->oh - 4 * down), tile[i].columns = (place)(d->ow - 4 * across);
      }
      for (i64 v = 0; v < vectors; v++) {
        const REAL *corner[4];
        for (i64 l = 0; l < 4; l++) corner[l] = planes + tile[v * WIDE + l].from;
        REAL *to = points + v / TILE_VECTORS * 36 * distance + v % TILE_VECTORS * WIDE;
        F(tiles_to_points)(corner, (place)d->c, (place)t.plane, (place)t.pitch, to, (place)distance);
      }
      REAL *kernels = panels;
      for (i64 o = 0, R; o < d->oc; o += R) {
        R = F(tile_rows)(d->oc - o);
        const i64 apart = R * width + LINE;
        if (!t.kept) kernels = panels;
        if (!t.kept || !(first + done))
          F(kernels_to_points)((place)R, (place)d->c, weight + o * from_o, from_o, from_i, turned, kernels);
        for (i64 point = 0; point < 36; point++, kernels += R * d->c + LINE)
          for (i64 v = 0; v < vectors; v += TILE_VECTORS) {
            const REAL *from[TILE_VECTORS];
            REAL *to[TILE_VECTORS];
            for (i64 s = 0; s < TILE_VECTORS; s++) {
              from[s] = points + (v / TILE_VECTORS * 36 + point) * distance + s * WIDE;
              to[s] = sums + point * apart + (v + s) * WIDE;
            }
            F(spread_tile)(R, smaller(TILE_VECTORS, vectors - v), d->c, kernels, from, offset, FROM_ZERO, 0, to, width);
          }
        for (i64 r = 0; r < R; r++)
          for (i64 v = 0; v < vectors; v++)
            F(points_to_tiles)(sums + r * width + v * WIDE, (place)apart, bias ? bias[o + r] : 0, tile + v * WIDE,
                               (place)smaller(WIDE, here - v * WIDE), y + (o + r) * d->oh * d->ow, (place)d->ow);
      }
    }
  }
}

#undef NEAR
#undef FAR
#undef TILES
#undef LINE
#undef BLOCK
#endif
