/* Convolution in two dimensions and its gradients: any stride, dilation, padding and groups.
 *
 * An image is copied once into `planes`: with its padding, and for a stride s split by phase (the pixels whose row and column
 * leave the same remainder by s), so that what a tap of the kernel sees is a shifted view of one plane. All three directions
 * are then the kernels of tile.h with a table of offsets; no matrix of patches is written. Planes hold zeros in the
 * padding: a weight or gradient that is infinite or NaN meets them, as in most libraries.
 */

#ifndef CONV_H
#define CONV_H

/* y (n, oc, oh, ow) = x (n, c, h, w) * weight (oc, c / groups, kh, kw), with stride s, padding p, dilation d. */
typedef struct {
  i64 n, c, h, w, oc, kh, kw, sh, sw, ph, pw, dh, dw, groups, oh, ow;
} hp_conv;

/* Rows and columns of a plane, and what follows from them. `reach` is the largest offset of a tap in a plane. */
typedef struct {
  i64 pitch, height, plane, phases, reach, cg, og, taps, k;
} planes_shape;

NOINLINE planes_shape shape_of_planes(const hp_conv *d) {
  planes_shape g;
  i64 down = (d->kh - 1) * d->dh / d->sh, right = (d->kw - 1) * d->dw / d->sw;
  g.pitch = d->ow + right, g.height = d->oh + down;
  g.plane = g.pitch * g.height, g.phases = d->sh * d->sw, g.reach = down * g.pitch + right;
  g.cg = d->c / d->groups, g.og = d->oc / d->groups;
  g.taps = d->kh * d->kw, g.k = g.cg * g.taps;
  return g;
}

/* The first index i >= 0 with i * step >= distance. */
static i64 steps_to(i64 distance, i64 step) { return distance <= 0 ? 0 : (distance + step - 1) / step; }

INLINE i64 rounded(i64 n, i64 to) { return (n + to - 1) / to * to; }

/* Where each (channel, tap) sees the planes of an image. */
static void tap_offsets(const hp_conv *d, const planes_shape *g, place *offset) {
  for (i64 c = 0; c < g->cg; c++)
    for (i64 y = 0; y < d->kh; y++)
      for (i64 x = 0; x < d->kw; x++) {
        i64 phase = y * d->dh % d->sh * d->sw + x * d->dw % d->sw;
        *offset++ = (place)((c * g->phases + phase) * g->plane + y * d->dh / d->sh * g->pitch + x * d->dw / d->sw);
      }
}

/* Whether an image already lies as its planes would. */
INLINE i64 lies_as_planes(const hp_conv *d) { return !(d->ph | d->pw) && d->sh == 1 && d->sw == 1; }

#endif

#define SLACK (TILE_VECTORS * WIDE) /* numbers that a tile may read behind the last plane */

static void F(fill_planes)(const hp_conv *d, const planes_shape *g, i64 channels, const REAL *x, REAL *plane) {
  const place pitch = (place)g->pitch, step = (place)d->sw;
  for (i64 c = 0; c < channels; c++, x += d->h * d->w)
    for (i64 py = 0; py < d->sh; py++)
      for (i64 px = 0; px < d->sw; px++) {
        place begin = (place)smaller(steps_to(d->pw - px, d->sw), g->pitch);
        place end = (place)larger(begin, smaller(steps_to(d->w + d->pw - px, d->sw), g->pitch));
        for (i64 row = 0; row < g->height; row++, plane += pitch) {
          i64 y = row * d->sh + py - d->ph, inside = y >= 0 && y < d->h;
          const REAL *line = x + y * d->w + px - d->pw;
          place from = inside ? begin : pitch, to = inside ? end : pitch, i = 0;
          for (; i < from; i++) plane[i] = 0;
          if (step == 1) {
            for (; i + WIDE <= to; i += WIDE) F(store)(plane + i, F(load)(line + i));
            for (; i < to; i++) plane[i] = line[i];
          } else if (!SMALL && step == 2)
            for (; i < to; i++) plane[i] = line[2 * i];
          else
            for (; i < to; i++) plane[i] = line[i * step];
          for (; i < pitch; i++) plane[i] = 0;
        }
      }
  for (place i = 0; i < SLACK; i++) plane[i] = 0;
}

/* to[0..n] = from, to[n..end] = 0. */
static void F(copy_and_clear)(place n, place end, const REAL *from, REAL *to) {
  place i = 0;
  for (; i + WIDE <= n; i += WIDE) F(store)(to + i, F(load)(from + i));
  for (; i < n; i++) to[i] = from[i];
  for (; i < end; i++) to[i] = 0;
}

/* A rectangle of results: rows and columns, in a source of `pitch` columns, and where they go. */
typedef struct {
  i64 rows, columns, pitch;
  REAL *out;
  i64 out_channel, out_row, out_step;
} F(target);

/* Vectors that cover a rectangle: row by row, or, if that takes fewer, straight through from row to row. */
static i64 F(vectors_by_row)(i64 rows, i64 columns) { return rows * ((columns + WIDE - 1) / WIDE); }
static i64 F(vectors_through)(i64 rows, i64 columns, i64 pitch) { return ((rows - 1) * pitch + columns + WIDE - 1) / WIDE; }
NOINLINE i64 F(vectors)(i64 rows, i64 columns, i64 pitch) {
  return smaller(F(vectors_by_row)(rows, columns), F(vectors_through)(rows, columns, pitch));
}

/* out[m][row][column] = bias[m] + sum over k of weights[k][m] * source[offset[k] + row * pitch + column]. `weights` in panels
 * as by pack_a; `spare`: a tile's rows of F(vectors) vectors. */
static void F(correlate)(i64 m, i64 k, const REAL *weights, const place *offset, const REAL *source, const REAL *bias,
                         const F(target) * t, REAL *spare) {
  i64 across = (t->columns + WIDE - 1) / WIDE, by_row = t->rows * across;
  i64 through = F(vectors_through)(t->rows, t->columns, t->pitch);
  i64 straight = t->out_step == 1 && t->columns % WIDE == 0 && by_row <= through; /* results go where they belong */
  i64 total = by_row <= through ? by_row : through;
  if (by_row > through) across = total;
  i64 row_length = by_row <= through ? across * WIDE : t->pitch;
  for (i64 i = 0, R; i < m; i += R, weights += R * k) {
    R = F(tile_rows)(m - i);
    REAL *channel = t->out + i * t->out_channel;
    i64 row = 0, column = 0;
    for (i64 v = 0, step; v < total; v += step) {
      i64 left = total - v;
      step = left == TILE_VECTORS + 1 && TILE_VECTORS > 2 ? 2 : smaller(left, TILE_VECTORS);
      const REAL *from[TILE_VECTORS];
      REAL *to[TILE_VECTORS];
      for (i64 s = 0; s < step; s++) {
        from[s] = source + row * t->pitch + column * WIDE;
        to[s] = straight ? channel + row * t->out_row + column * WIDE : spare + (v + s) * WIDE;
        if (++column == across) column = 0, row++;
      }
      F(spread_tile)(R, step, k, weights, from, offset, bias ? FROM_BIAS : FROM_ZERO, bias + i, to,
                     straight ? t->out_channel : total * WIDE);
    }
    if (!straight)
      for (i64 r = 0; r < R; r++)
        for (i64 y = 0; y < t->rows; y++) {
          const REAL *line = spare + r * total * WIDE + y * row_length;
          REAL *out = channel + r * t->out_channel + y * t->out_row;
          place x = 0, columns = (place)t->columns, step = (place)t->out_step;
          if (step == 1)
            for (; x + WIDE <= columns; x += WIDE) F(store)(out + x, F(load)(line + x));
          for (; x < columns; x++) out[x * step] = line[x];
        }
  }
}

/* Scratch memory, cut into pieces of 64-byte alignment. */
INLINE REAL *F(cut)(char **work, i64 count) {
  char *here = (char *)(((place)*work + 63) & ~(place)63);
  *work = here + count * sizeof(REAL);
  return (REAL *)here;
}
INLINE place *F(cut_places)(char **work, i64 count) {
  char *here = (char *)(((place)*work + 63) & ~(place)63);
  *work = here + count * sizeof(place);
  return (place *)here;
}

/* Images of few pixels leave vectors half empty. Then a vector takes one pixel of WIDE images: all positions and offsets become WIDE
 * times as large, and all else stays. */
NOINLINE i64 F(mixes)(const hp_conv *d, const planes_shape *g) {
  i64 alone = d->n * F(vectors)(d->oh, d->ow, g->pitch), mixed = (d->n + WIDE - 1) / WIDE * d->oh * d->ow;
  return !SMALL && g->k >= 32 && d->n > 1 && mixed * 4 < alone * 3;
}

/* to[p][i] = from[i][p] for p < count, zeros for i >= images. */
static void F(mix)(i64 images, place count, const REAL *from, place distance, REAL *to) {
  if (images < WIDE)
    for (place p = 0; p < count * WIDE; p++) to[p] = 0;
  for (place p0 = 0; p0 < count; p0 += 16) /* a few at a time: both sides stay in the cache */
    for (place i = 0; i < (place)images; i++)
      for (place p = p0; p < (p0 + 16 < count ? p0 + 16 : count); p++) to[p * WIDE + i] = from[i * distance + p];
}

/* A rectangle of every channel back to its place in each image: the other way round. */
static void F(unmix)(i64 images, i64 channels, const F(target) * t, const REAL *from, REAL *to, i64 distance) {
  for (i64 c = 0; c < channels; c++)
    for (i64 y = 0; y < t->rows; y++, from += t->columns * WIDE)
      for (i64 i = 0; i < images; i++) {
        REAL *out = to + i * distance + c * t->out_channel + y * t->out_row;
        const place columns = (place)t->columns, step = (place)t->out_step;
        for (place x = 0; x < columns; x++) out[x * step] = from[x * WIDE + i];
      }
}

/* correlate for mixed images: `offset` is that of mixed images, `out` a mixed rectangle, which then goes to the images of t. */
static void F(correlate_mixed)(i64 images, i64 distance, i64 m, i64 k, const REAL *weights, const place *offset, const REAL *source,
                               const REAL *bias, const F(target) * t, REAL *out) {
  i64 across = t->columns * WIDE;
  F(target) mixed = {t->rows, across, t->pitch * WIDE, out, t->rows * across, across, 1};
  F(correlate)(m, k, weights, offset, source, bias, &mixed, 0);
  F(unmix)(images, m, t, out, t->out, distance);
}

#if LANES == 4 && WIDE == 4
/* Vectors of output channels: where a vector is short, rows and images of few pixels fill it no worse than large ones. */
#define PANEL (2 * WIDE)
INLINE i64 F(by_channels)(const planes_shape *g) { return g->og >= WIDE && !SMALL; }
INLINE i64 F(by_channels_numbers)(const hp_conv *d, const planes_shape *g) {
  return g->cg * g->phases * g->plane + SLACK + rounded(g->og, PANEL) * (d->oh * d->ow + rounded(g->k, 4)) + 64;
}

/* sums[r][v] += sum over a rectangle's places p of x[offset[r] + p] (one number) * the vector g[p][v]. */
NOINLINE void F(outer)(place rows, place columns, place pitch, const REAL *x, const place *offset, const REAL *g, REAL *sums,
                       place distance) {
  F(vec) tile[4][2];
  UNROLL for (int r = 0; r < 4; r++)
    UNROLL for (int v = 0; v < 2; v++) tile[r][v] = F(load)(sums + r * distance + v * WIDE);
  const REAL *x0 = x + offset[0], *x1 = x + offset[1], *x2 = x + offset[2], *x3 = x + offset[3];
  for (place row = 0; row < rows; row++, x0 += pitch, x1 += pitch, x2 += pitch, x3 += pitch)
    for (place p = 0; p < columns; p++, g += PANEL) {
      F(vec) left = F(load)(g), right = F(load)(g + WIDE), one;
      one = F(all)(x0[p]), tile[0][0] = F(plus_product)(tile[0][0], one, left), tile[0][1] = F(plus_product)(tile[0][1], one, right);
      one = F(all)(x1[p]), tile[1][0] = F(plus_product)(tile[1][0], one, left), tile[1][1] = F(plus_product)(tile[1][1], one, right);
      one = F(all)(x2[p]), tile[2][0] = F(plus_product)(tile[2][0], one, left), tile[2][1] = F(plus_product)(tile[2][1], one, right);
      one = F(all)(x3[p]), tile[3][0] = F(plus_product)(tile[3][0], one, left), tile[3][1] = F(plus_product)(tile[3][1], one, right);
    }
  UNROLL for (int r = 0; r < 4; r++)
    UNROLL for (int v = 0; v < 2; v++) F(store)(sums + r * distance + v * WIDE, tile[r][v]);
}

/* to[panel][p][channel] = from[channel][p], zeros for the channels that the last panel has too many. */
static void F(channels_last)(place channels, place count, const REAL *from, REAL *to) {
  for (place o = 0; o < channels; o += PANEL, to += count * PANEL)
    for (place l = 0; l < PANEL; l += WIDE) {
      place here = smaller(WIDE, channels - o - l), p = 0;
      const REAL *line = from + (o + l) * count;
      if (here == WIDE)
        for (; p + 4 <= count; p += 4) {
          F(vec) v[4];
          UNROLL for (int k = 0; k < 4; k++) v[k] = F(load)(line + k * count + p);
          F(transpose)(v);
          UNROLL for (int k = 0; k < 4; k++) F(store)(to + (p + k) * PANEL + l, v[k]);
        }
      for (; p < count; p++)
        for (place k = 0; k < WIDE; k++) to[p * PANEL + l + k] = k < here ? line[k * count + p] : 0;
    }
}
#endif

#include "winograd.h"
#include "winograd_1d.h"

/* The convolution that takes gy to gx. Returns whether it is one. */
static i64 F(other_way)(const hp_conv *d, hp_conv *back) {
  *back = *d;
  back->c = d->oc, back->h = d->oh, back->w = d->ow, back->ph = d->kh - 1 - d->ph, back->pw = d->kw - 1 - d->pw;
  back->oc = d->c, back->oh = d->h, back->ow = d->w;
  return back->ph >= 0 && back->pw >= 0 && d->oh == d->h + d->ph - back->ph && d->ow == d->w + d->pw - back->pw;
}

#if WINOGRAD && WIDE == 4
/* Minimal filtering, if there is one that pays. Each takes work of so many bytes. */
static i64 F(minimal_work)(const hp_conv *d, i64 turned) {
  return F(pays)(d, turned) ? F(winograd_work)(d) : F(rows_pay)(d) ? F(rows_work)(d) : 0;
}
static i64 F(minimal)(const hp_conv *d, i64 turned, const REAL *x, const REAL *weight, const REAL *bias, REAL *y, void *work) {
  if (F(pays)(d, turned)) F(winograd)(d, turned, x, weight, bias, y, work);
  else if (F(rows_pay)(d)) F(by_rows)(d, turned, x, weight, bias, y, work);
  else return 0;
  return 1;
}
#else
INLINE i64 F(minimal_work)(const hp_conv *d, i64 turned) { return 0 * (turned + d->n); }
INLINE i64 F(minimal)(const hp_conv *d, i64 turned, const REAL *x, const REAL *weight, const REAL *bias, REAL *y, void *work) {
  return 0;
}
#endif

API i64 F(hp_conv2d_forward_work)(const hp_conv *d) {
  const i64 minimal = F(minimal_work)(d, 0);
  if (minimal) return minimal;
  planes_shape g = shape_of_planes(d);
  i64 image = g.cg * g.phases * g.plane + SLACK, numbers = d->oc * g.k;
  if (F(mixes)(d, &g)) numbers += (2 * image + g.og * d->oh * d->ow) * WIDE;
  else numbers += image + TILE_ROWS * F(vectors)(d->oh, d->ow, g.pitch) * WIDE;
  return numbers * (i64)sizeof(REAL) + g.k * (i64)sizeof(place) + 512;
}

API void F(hp_conv2d_forward)(const hp_conv *d, const REAL *x, const REAL *weight, const REAL *bias, REAL *y, void *work) {
  if (d->n <= 0 || d->oh <= 0 || d->ow <= 0 || d->oc <= 0) return;
  if (F(minimal)(d, 0, x, weight, bias, y, work)) return;
  planes_shape g = shape_of_planes(d);
  char *free = (char *)work;
  const i64 mixes = F(mixes)(d, &g), size = g.cg * g.phases * g.plane + SLACK;
  REAL *panels = F(cut)(&free, d->oc * g.k), *planes = F(cut)(&free, mixes ? 2 * size * WIDE : size);
  place *offset = F(cut_places)(&free, g.k);
  REAL *spare = F(cut)(&free, 0);
  tap_offsets(d, &g, offset);
  for (i64 i = 0; mixes && i < g.k; i++) offset[i] *= WIDE;
  for (i64 group = 0; group < d->groups; group++)
    F(pack_a)(0, g.og, g.k, weight + group * g.og * g.k, g.k, 1, panels + group * g.og * g.k);
  for (i64 i = 0, images; i < d->n; i += images)
    for (i64 group = 0; group < d->groups; group++) {
      const REAL *image = x + (i * d->c + group * g.cg) * d->h * d->w, *some = bias ? bias + group * g.og : 0;
      const REAL *panel = panels + group * g.og * g.k;
      F(target) t = {d->oh, d->ow, g.pitch, y + (i * d->oc + group * g.og) * d->oh * d->ow, d->oh * d->ow, d->ow, 1};
      images = mixes ? smaller(WIDE, d->n - i) : 1;
      if (mixes) {
        for (i64 l = 0; l < images; l++) F(fill_planes)(d, &g, g.cg, image + l * d->c * d->h * d->w, planes + l * size);
        F(mix)(images, (place)size, planes, (place)size, planes + size * WIDE);
        F(correlate_mixed)(images, d->oc * d->oh * d->ow, g.og, g.k, panel, offset, planes + size * WIDE, some, &t, spare);
        continue;
      }
      i64 behind = ((d->n - i) * d->c - (group + 1) * g.cg) * d->h * d->w; /* numbers of x after these planes: nothing further may be read */
      if (!lies_as_planes(d) || behind < SLACK) F(fill_planes)(d, &g, g.cg, image, planes), image = planes;
      F(correlate)(g.og, g.k, panel, offset, image, some, &t, spare);
    }
}

/* Numbers of the planes of a group's gy: each with `reach` zeros before it. */
INLINE i64 F(gradient_planes)(const planes_shape *g) { return g->og * (g->reach + g->plane) + SLACK; }

API i64 F(hp_conv2d_backward_input_work)(const hp_conv *d) {
  hp_conv back;
  const i64 minimal = F(other_way)(d, &back) ? F(minimal_work)(&back, 1) : 0;
  if (minimal) return minimal;
  planes_shape g = shape_of_planes(d);
  i64 vectors = g.height * ((g.pitch + WIDE - 1) / WIDE);
  i64 numbers = d->oc * g.k;
  if (F(mixes)(d, &g)) numbers += (2 * F(gradient_planes)(&g) + g.cg * g.plane) * WIDE;
  else numbers += F(gradient_planes)(&g) + TILE_ROWS * vectors * WIDE;
  return numbers * (i64)sizeof(REAL) + g.og * g.taps * (i64)sizeof(place) + 512;
}

static void F(fill_gradient_planes)(const hp_conv *d, const planes_shape *g, const REAL *lines, REAL *plane) {
  for (i64 o = 0; o < g->og; o++) {
    for (i64 l = 0; l < g->reach; l++) *plane++ = 0;
    for (i64 y = 0; y < d->oh; y++, lines += d->ow, plane += g->pitch)
      F(copy_and_clear)((place)d->ow, (place)g->pitch, lines, plane);
    for (i64 l = d->oh * g->pitch; l < g->plane; l++) *plane++ = 0;
  }
  for (i64 l = 0; l < SLACK; l++) plane[l] = 0;
}

/* The weights of one phase of one group as panels over the input's channels, and where its taps see the planes of gy. Returns
 * the number of rows k. */
static i64 F(phase_weights)(const hp_conv *d, const planes_shape *g, const REAL *weight, i64 py, i64 px, REAL *panels,
                            place *offset) {
  i64 k = 0;
  for (i64 y = 0; y < d->kh; y++)
    for (i64 x = 0; x < d->kw; x++)
      if (y * d->dh % d->sh == py && x * d->dw % d->sw == px)
        for (i64 o = 0; o < g->og; o++)
          offset[k++] = (place)(o * (g->reach + g->plane) + g->reach - y * d->dh / d->sh * g->pitch - x * d->dw / d->sw);
  for (i64 c = 0, R; c < g->cg; c += R) {
    R = F(tile_rows)(g->cg - c);
    i64 i = 0;
    for (i64 tap = 0; tap < g->taps; tap++)
      if (tap / d->kw * d->dh % d->sh == py && tap % d->kw * d->dw % d->sw == px)
        for (i64 o = 0; o < g->og; o++, i++)
          for (i64 r = 0; r < R; r++) panels[i * R + r] = weight[(o * g->cg + c + r) * g->taps + tap];
    panels += R * k;
  }
  return k;
}

/* gx from gy. The sum over the output's channels is that of a transposed convolution, which this is as well. */
API void F(hp_conv2d_backward_input)(const hp_conv *d, const REAL *gy, const REAL *weight, REAL *gx, void *work) {
  if (d->n <= 0) return;
  hp_conv back;
  if (F(other_way)(d, &back) && F(minimal)(&back, 1, gy, weight, 0, gx, work)) return;
  planes_shape g = shape_of_planes(d);
  char *free = (char *)work;
  const i64 mixes = F(mixes)(d, &g), size = F(gradient_planes)(&g);
  REAL *panels = F(cut)(&free, d->oc * g.k), *planes = F(cut)(&free, mixes ? 2 * size * WIDE : size);
  place *offset = F(cut_places)(&free, g.og * g.taps);
  REAL *spare = F(cut)(&free, 0);
  i64 reached = d->sh == 1 && d->sw == 1 && g.height - d->ph >= d->h && g.pitch - d->pw >= d->w && d->oh > 0 && d->ow > 0;
  if (!reached)
    clear(gx, d->n * d->c * d->h * d->w * (i64)sizeof(REAL));
  if (d->oh <= 0 || d->ow <= 0 || d->oc <= 0) return;
  const i64 once = d->groups == 1 && g.phases == 1; /* the panels are the same for all images */
  for (i64 i = 0, images; i < d->n; i += images)
    for (i64 group = 0; group < d->groups; group++) {
      const REAL *lines = gy + (i * d->oc + group * g.og) * d->oh * d->ow, *source = mixes ? planes + size * WIDE : planes;
      images = mixes ? smaller(WIDE, d->n - i) : 1;
      for (i64 l = 0; l < images; l++)
        F(fill_gradient_planes)(d, &g, lines + l * d->oc * d->oh * d->ow, planes + l * size);
      if (mixes) F(mix)(images, (place)size, planes, (place)size, planes + size * WIDE);
      i64 k = once ? g.og * g.taps : 0;
      for (i64 py = 0; py < d->sh; py++)
        for (i64 px = 0; px < d->sw; px++) {
          i64 y0 = steps_to(d->ph - py, d->sh), y1 = smaller(steps_to(d->h + d->ph - py, d->sh), g.height);
          i64 x0 = steps_to(d->pw - px, d->sw), x1 = smaller(steps_to(d->w + d->pw - px, d->sw), g.pitch);
          if (!once || !i) {
            k = F(phase_weights)(d, &g, weight + group * g.og * g.k, py, px, panels, offset);
            for (i64 l = 0; mixes && l < k; l++) offset[l] *= WIDE;
          }
          if (!k || y1 <= y0 || x1 <= x0) continue;
          REAL *corner = gx + ((i * d->c + group * g.cg) * d->h + y0 * d->sh + py - d->ph) * d->w + x0 * d->sw + px - d->pw;
          F(target) t = {y1 - y0, x1 - x0, g.pitch, corner, d->h * d->w, d->sh * d->w, d->sw};
          if (mixes)
            F(correlate_mixed)(images, d->c * d->h * d->w, g.cg, k, panels, offset, source + (y0 * g.pitch + x0) * WIDE, 0, &t, spare);
          else F(correlate)(g.cg, k, panels, offset, source + y0 * g.pitch + x0, 0, &t, spare);
        }
    }
}

#define MIXES_GRADIENTS (LANES > 4) /* short vectors take channels, and seldom walk images */

/* How backward_weight walks an image: `rows` runs of `length` numbers, of gy and of the planes. */
typedef struct {
  i64 rows, length, image, images, copied, mixes;
} F(weight_walk);

static F(weight_walk) F(walk_of)(const hp_conv *d, const planes_shape *g) {
  F(weight_walk) w;
  i64 by_row = F(vectors_by_row)(d->oh, d->ow), through = F(vectors_through)(d->oh, d->ow, g->pitch);
  i64 whole = by_row <= through && d->ow % WIDE == 0, split = whole || by_row < through;
  w.rows = split ? d->oh : 1;
  w.length = split ? rounded(d->ow, WIDE) : through * WIDE;
  w.copied = !whole; /* gy has to be spaced out */
  w.image = g->cg * g->phases * g->plane;
  w.mixes = MIXES_GRADIENTS && F(mixes)(d, g);
  if (MIXES_GRADIENTS && w.mixes) w.rows = d->oh, w.length = d->ow * WIDE;
  i64 numbers = w.image + g->og * w.rows * w.length;
  w.images = larger(1, smaller(d->n, (1 << 17) / numbers)); /* 512 kB of float32: they stay in the cache */
  return w;
}

#if LANES == 4 && WIDE == 4
/* backward_weight with vectors of output channels; gw and gb are zeros before. */
static void F(weight_by_channels)(const hp_conv *d, const planes_shape *g, const REAL *x, const REAL *gy, REAL *gw, REAL *gb,
                                  const place *offset, REAL *planes) {
  const i64 pixels = d->oh * d->ow, width = rounded(g->og, PANEL), taps = rounded(g->k, 4);
  REAL *last = planes + g->cg * g->phases * g->plane + SLACK, *sums = last + pixels * width;
  for (i64 group = 0; group < d->groups; group++) {
    for (i64 i = 0; i < taps * width; i++) sums[i] = 0;
    for (i64 image = 0; image < d->n; image++) {
      const REAL *of = x + (image * d->c + group * g->cg) * d->h * d->w, *lines = gy + (image * d->oc + group * g->og) * pixels;
      if (!lies_as_planes(d)) F(fill_planes)(d, g, g->cg, of, planes), of = planes;
      F(channels_last)((place)g->og, (place)pixels, lines, last);
      for (i64 o = 0; gb && o < g->og; o++) gb[group * g->og + o] += F(sum)(lines + o * pixels, pixels);
      for (i64 k = 0; k < g->k; k += 4) {
        place four[4];
        for (i64 r = 0; r < 4; r++) four[r] = offset[smaller(k + r, g->k - 1)];
        for (i64 o = 0; o < width; o += PANEL)
          F(outer)((place)d->oh, (place)d->ow, (place)g->pitch, of, four, last + o * pixels, sums + k * width + o, (place)width);
      }
    }
    for (i64 o = 0; o < g->og; o++)
      for (i64 k = 0; k < g->k; k++) gw[(group * g->og + o) * g->k + k] = sums[k * width + o];
  }
}
#endif

/* How many sets of WIDE images weight_mixed takes at once: 1 MB of float32. */
NOINLINE i64 F(sets)(const hp_conv *d, const planes_shape *g) {
  i64 numbers = (g->cg * g->phases * g->plane + SLACK + g->og * d->oh * d->ow) * WIDE;
  return larger(1, smaller((d->n + WIDE - 1) / WIDE, (1 << 18) / numbers));
}

API i64 F(hp_conv2d_backward_weight_work)(const hp_conv *d) {
  planes_shape g = shape_of_planes(d);
  if (d->oh <= 0 || d->ow <= 0) return 512;
#if WINOGRAD && WIDE == 4
  if (F(rows_pay)(d)) return F(rows_weight_work)(d);
#endif
#if LANES == 4 && WIDE == 4
  if (F(by_channels)(&g))
    return F(by_channels_numbers)(d, &g) * (i64)sizeof(REAL) + g.k * (i64)sizeof(place) + 512;
#endif
  F(weight_walk) w = F(walk_of)(d, &g);
  i64 numbers = w.images * (w.image + g.og * w.rows * w.length) + 2 * SLACK;
  if (MIXES_GRADIENTS && w.mixes) numbers = (w.image + SLACK + F(sets)(d, &g) * (w.image + SLACK + g.og * d->oh * d->ow)) * WIDE;
  return numbers * (i64)sizeof(REAL) + g.k * (i64)sizeof(place) + 512;
}

/* backward_weight for mixed images; gw and gb are zeros before. */
static void F(weight_mixed)(const hp_conv *d, const planes_shape *g, const REAL *x, const REAL *gy, REAL *gw, REAL *gb, place *offset,
                            REAL *planes) {
  const i64 pixels = d->oh * d->ow, size = g->cg * g->phases * g->plane + SLACK;
  const i64 sets = F(sets)(d, g), set = g->og * pixels * WIDE;
  REAL *mixed = planes + size * WIDE, *lines = mixed + sets * size * WIDE;
  for (i64 i = 0; i < g->k; i++) offset[i] *= WIDE;
  for (i64 first = 0; first < d->n; first += sets * WIDE)
    for (i64 group = 0; group < d->groups; group++) {
      i64 here = smaller(sets, (d->n - first + WIDE - 1) / WIDE);
      for (i64 s = 0; s < here; s++) {
        i64 image = first + s * WIDE, images = smaller(WIDE, d->n - image);
        const REAL *from = gy + (image * d->oc + group * g->og) * pixels;
        for (i64 i = 0; i < images; i++)
          F(fill_planes)(d, g, g->cg, x + ((image + i) * d->c + group * g->cg) * d->h * d->w, planes + i * size);
        F(mix)(images, (place)size, planes, (place)size, mixed + s * size * WIDE);
        F(mix)(images, (place)(g->og * pixels), from, (place)(d->oc * pixels), lines + s * set);
        for (i64 o = 0; gb && o < g->og; o++)
          gb[group * g->og + o] += F(sum)(lines + s * set + o * pixels * WIDE, pixels * WIDE);
      }
      const F(runs) runs = {(place)here, (place)d->oh,           (place)(d->ow * WIDE), (place)set, (place)(d->ow * WIDE),
                            (place)(size * WIDE), (place)(g->pitch * WIDE)};
      F(all_dots)(g->og, g->k, &runs, lines, pixels * WIDE, mixed, offset, 1, gw + group * g->og * g->k, g->k);
    }
}

/* gw, and gb unless it is null. */
API void F(hp_conv2d_backward_weight)(const hp_conv *d, const REAL *x, const REAL *gy, REAL *gw, REAL *gb, void *work) {
  planes_shape g = shape_of_planes(d);
  const i64 pixels = d->oh * d->ow;
  for (i64 i = 0; i < d->oc * g.k; i++) gw[i] = 0;
  if (gb)
    for (i64 o = 0; o < d->oc; o++) gb[o] = 0;
  if (d->n <= 0 || d->oh <= 0 || d->ow <= 0) return;
#if WINOGRAD && WIDE == 4
  if (F(rows_pay)(d)) {
    F(weight_by_rows)(d, x, gy, gw, gb, work);
    return;
  }
#endif
  char *free = (char *)work;
  place *offset = F(cut_places)(&free, g.k);
  tap_offsets(d, &g, offset);
#if LANES == 4 && WIDE == 4
  if (F(by_channels)(&g)) {
    F(weight_by_channels)(d, &g, x, gy, gw, gb, offset, (REAL *)(((place)(offset + g.k) + 63) & ~(place)63));
    return;
  }
#endif
  F(weight_walk) w = F(walk_of)(d, &g);
  if (MIXES_GRADIENTS && w.mixes) {
    F(weight_mixed)(d, &g, x, gy, gw, gb, offset, (REAL *)(((place)(offset + g.k) + 63) & ~(place)63));
    return;
  }
  REAL *planes = F(cut)(&free, w.images * w.image + SLACK), *lines = F(cut)(&free, w.images * g.og * w.rows * w.length);
  for (i64 first = 0; first < d->n; first += w.images)
    for (i64 group = 0; group < d->groups; group++) {
      i64 images = smaller(w.images, d->n - first);
      for (i64 i = 0; i < images; i++) {
        F(fill_planes)(d, &g, g.cg, x + ((first + i) * d->c + group * g.cg) * d->h * d->w, planes + i * w.image);
        const REAL *from = gy + ((first + i) * d->oc + group * g.og) * pixels;
        if (gb)
          for (i64 o = 0; o < g.og; o++)
            gb[group * g.og + o] += F(sum)(from + o * pixels, pixels);
        if (w.copied)
          for (i64 o = 0; o < g.og; o++) {
            REAL *to = lines + (i * g.og + o) * w.rows * w.length, *end = to + w.rows * w.length;
            for (i64 y = 0; y < d->oh; y++, from += d->ow) {
              i64 next = smaller(w.rows == 1 ? g.pitch : w.length, end - to);
              F(copy_and_clear)((place)d->ow, (place)next, from, to);
              to += next;
            }
            while (to < end) *to++ = 0;
          }
      }
      i64 channel = w.copied ? w.rows * w.length : pixels, row = w.copied ? w.length : d->ow;
      F(runs) runs = {(place)images,  (place)w.rows, (place)w.length, (place)((w.copied ? g.og : d->oc) * channel),
                      (place)row, (place)w.image, (place)g.pitch};
      const REAL *left = w.copied ? lines : gy + (first * d->oc + group * g.og) * pixels;
      F(all_dots)(g.og, g.k, &runs, left, channel, planes, offset, 1, gw + group * g.og * g.k, g.k);
    }
}

#undef PANEL
#undef MIXES_GRADIENTS
#undef SLACK
