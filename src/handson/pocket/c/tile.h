/* The two inner kernels of matrix products and convolutions, for REAL = f32 and f64. Both keep a tile of results in vector
 * registers; `offset` says where a row of the second operand begins, so that it need not be copied to be a matrix.
 *
 * spread: tile[r][v] = sum over k of a[k][r] (one number, spread over a vector) * the vector at b[v] + offset[k].
 * dots:   tile[r][s] = sum over p of a[r][p] * b[offset[s] + p] (vectors of neighbours p, summed up at the end).
 */

typedef REAL F(vec) __attribute__((vector_size(WIDE * sizeof(REAL))));
typedef REAL F(loose) __attribute__((vector_size(WIDE * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));

INLINE F(vec) F(load)(const REAL *p) { return *(const F(loose) *)p; }
INLINE void F(store)(REAL *p, F(vec) v) { *(F(loose) *)p = v; }
INLINE F(vec) F(all)(REAL x) {
  F(vec) zero = {0};
  return x - zero; /* which compilers know to be x, as x + 0 is not for -0 */
}
#if LANES == 4 && WIDE == 4
/* v[i][l] = v[l][i] of before. */
INLINE void F(transpose)(F(vec) *v) {
  F(vec) ab = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5), cd = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);
  F(vec) AB = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7), CD = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
  v[0] = __builtin_shufflevector(ab, cd, 0, 1, 4, 5), v[1] = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
  v[2] = __builtin_shufflevector(AB, CD, 0, 1, 4, 5), v[3] = __builtin_shufflevector(AB, CD, 2, 3, 6, 7);
}
#endif
/* sum + x * y, in one step where the target has one that compilers do not find by themselves. */
INLINE F(vec) F(plus_product)(F(vec) sum, F(vec) x, F(vec) y) {
#if defined(__wasm_relaxed_simd__)
  return (F(vec))CAT(RELAXED_MADD_, REAL)(x, y, sum);
#else
  return sum + x * y;
#endif
}
typedef WHOLE F(mask) __attribute__((vector_size(WIDE * sizeof(REAL)))); /* all bits, or none, of each lane */

INLINE void F(spread)(const int R, const int V, place k, const REAL *a, const REAL *const *b, const place *offset, int from,
                      const REAL *bias, REAL *const *c, place ldc) {
  F(vec) tile[TILE_ROWS][TILE_VECTORS];
  UNROLL for (int r = 0; r < R; r++)
    UNROLL for (int v = 0; v < V; v++)
      tile[r][v] = from == FROM_C ? F(load)(c[v] + r * ldc) : F(all)(from == FROM_BIAS ? bias[r] : 0);
  const REAL *b0 = b[0], *b1 = V > 1 ? b[1] : b0, *b2 = V > 2 ? b[2] : b0;
  for (place i = 0; i < k; i++, a += R) {
    place o = offset[i];
    F(vec) x[TILE_VECTORS];
    x[0] = F(load)(b0 + o);
    if (V > 1) x[1] = F(load)(b1 + o);
    if (V > 2) x[TILE_VECTORS - 1] = F(load)(b2 + o);
    UNROLL for (int r = 0; r < R; r++) {
      F(vec) w = F(all)(a[r]);
      UNROLL for (int v = 0; v < V; v++) tile[r][v] = F(plus_product)(tile[r][v], w, x[v]);
    }
  }
  UNROLL for (int r = 0; r < R; r++)
    UNROLL for (int v = 0; v < V; v++) F(store)(c[v] + r * ldc, tile[r][v]);
}

#define SPREAD(R, V)                                                                                                       \
  NOINLINE void F(spread_##R##_##V)(place k, const REAL *a, const REAL *const *b, const place *offset, int from,            \
                                    const REAL *bias, REAL *const *c, place ldc) {                                        \
    F(spread)(R, V, k, a, b, offset, from, bias, c, ldc);                                                                  \
  }
#if SMALL
#define SPREAD_ROW(V) SPREAD(1, V) SPREAD(4, V)
#else
#define SPREAD_ROW(V) SPREAD(1, V) SPREAD(2, V) SPREAD(3, V) SPREAD(4, V) /* 3: the colors of a picture */
#endif
SPREAD_ROW(1)
SPREAD_ROW(2)
#if TILE_VECTORS > 2
SPREAD_ROW(3)
#endif
#if TILE_ROWS > 4
SPREAD(8, 1)
SPREAD(8, 2)
#if TILE_VECTORS > 2
SPREAD(8, 3)
#endif
#endif

/* The rows of the next tile, when so many are left. */
INLINE i64 F(tile_rows)(i64 left) { return left >= TILE_ROWS ? TILE_ROWS : left >= 4 ? 4 : SMALL ? 1 : left; }

static void F(spread_tile)(i64 rows, i64 vectors, i64 k, const REAL *a, const REAL *const *b, const place *offset, int from,
                           const REAL *bias, REAL *const *c, i64 ldc) {
#define CASE(R, V) \
  case R * 4 + V: F(spread_##R##_##V)((place)k, a, b, offset, from, bias, c, (place)ldc); return;
  switch (rows * 4 + vectors) {
    CASE(1, 1) CASE(4, 1) CASE(1, 2) CASE(4, 2)
#if !SMALL
    CASE(2, 1) CASE(2, 2) CASE(3, 1) CASE(3, 2)
#endif
#if TILE_VECTORS > 2
    CASE(1, 3) CASE(2, 3) CASE(3, 3) CASE(4, 3)
#endif
#if TILE_ROWS > 4
    CASE(8, 1) CASE(8, 2)
#if TILE_VECTORS > 2
    CASE(8, 3)
#endif
#endif
  }
#undef CASE
}

/* The sum of n neighbours, and of their products. */
NOINLINE REAL F(sum)(const REAL *x, i64 count) {
  const place n = (place)count;
  F(vec) part = {0};
  place i = 0;
  for (; i + WIDE <= n; i += WIDE) part += F(load)(x + i);
  REAL total = 0;
  for (; i < n; i++) total += x[i];
  for (int l = 0; l < WIDE; l++) total += part[l];
  return total;
}
NOINLINE REAL F(sum_of_products)(const REAL *x, const REAL *y, i64 count) {
  const place n = (place)count;
  F(vec) part = {0};
  place i = 0;
  for (; i + WIDE <= n; i += WIDE) part = F(plus_product)(part, F(load)(x + i), F(load)(y + i));
  REAL total = 0;
  for (; i < n; i++) total += x[i] * y[i];
  for (int l = 0; l < WIDE; l++) total += part[l];
  return total;
}

/* What dots sums over: `blocks` blocks of `rows` rows of `length` numbers, a multiple of WIDE. */
typedef struct {
  place blocks, rows, length, a_block, a_row, b_block, b_row;
} F(runs);

INLINE void F(dots)(const int R, const int S, const F(runs) *runs, const REAL *a, place lda, const REAL *b,
                    const place *offset, REAL *sums) {
  F(vec) tile[8][8];
  UNROLL for (int r = 0; r < R; r++)
    UNROLL for (int s = 0; s < S; s++) tile[r][s] = F(all)(0);
  const place length = runs->length, rows = runs->rows, a_row = runs->a_row, b_row = runs->b_row;
  place o[8];
  UNROLL for (int s = 0; s < S; s++) o[s] = offset[s];
  for (place block = 0; block < runs->blocks; block++, a += runs->a_block, b += runs->b_block) {
    const REAL *ra = a, *rb = b;
    for (place row = 0; row < rows; row++, ra += a_row, rb += b_row)
      for (place p = 0; p < length; p += WIDE) {
        F(vec) left[8];
        UNROLL for (int r = 0; r < R; r++) left[r] = F(load)(ra + r * lda + p);
        UNROLL for (int s = 0; s < S; s++) {
          F(vec) right = F(load)(rb + o[s] + p);
          UNROLL for (int r = 0; r < R; r++) tile[r][s] = F(plus_product)(tile[r][s], left[r], right);
        }
      }
  }
  UNROLL for (int r = 0; r < R; r++)
    UNROLL for (int s = 0; s < S; s++) {
      REAL lanes[WIDE];
      F(store)(lanes, tile[r][s]);
      UNROLL for (int half = WIDE / 2; half; half /= 2)
        UNROLL for (int l = 0; l < half; l++) lanes[l] += lanes[l + half];
      sums[r * S + s] = lanes[0];
    }
}

#define DOTS(R, S)                                                                                                         \
  NOINLINE void F(dots_##R##_##S)(const F(runs) * runs, const REAL *a, place lda, const REAL *b, const place *offset,     \
                                  REAL *sums) {                                                                            \
    F(dots)(R, S, runs, a, lda, b, offset, sums);                                                                          \
  }
#if TILE_ROWS > 4
#define DOT_ROWS 4
DOTS(4, 4)
DOTS(4, 5)
DOTS(4, 6)
DOTS(1, 4)
DOTS(1, 5)
DOTS(1, 6)
#define DOT_COLUMNS(n) (((n) + 4) / 5 * 5 < ((n) + 5) / 6 * 6 ? (((n) + 4) / 5 * 5 < ((n) + 3) / 4 * 4 ? 5 : 4) : (((n) + 3) / 4 * 4 < ((n) + 5) / 6 * 6 ? 4 : 6))
#elif SMALL
#define DOT_ROWS 2
DOTS(2, 4)
DOTS(1, 4)
#define DOT_COLUMNS(n) 4
#else
#define DOT_ROWS 2
DOTS(2, 3)
DOTS(2, 4)
DOTS(2, 5)
DOTS(1, 3)
DOTS(1, 4)
DOTS(1, 5)
#define DOT_COLUMNS(n) (((n) + 4) / 5 * 5 <= ((n) + 3) / 4 * 4 ? (((n) + 4) / 5 * 5 <= ((n) + 2) / 3 * 3 ? 5 : 3) : (((n) + 3) / 4 * 4 <= ((n) + 2) / 3 * 3 ? 4 : 3))
#endif

static void F(dots_tile)(i64 rows, i64 columns, const F(runs) * runs, const REAL *a, place lda, const REAL *b,
                         const place *offset, REAL *sums) {
#define CASE(R, S) \
  case R * 8 + S: F(dots_##R##_##S)(runs, a, lda, b, offset, sums); return;
  switch (rows * 8 + columns) {
#if TILE_ROWS > 4
    CASE(4, 4) CASE(4, 5) CASE(4, 6) CASE(1, 4) CASE(1, 5) CASE(1, 6)
#elif SMALL
    CASE(2, 4) CASE(1, 4)
#else
    CASE(2, 3) CASE(2, 4) CASE(2, 5) CASE(1, 3) CASE(1, 4) CASE(1, 5)
#endif
  }
#undef CASE
}

/* out[r][s] (+)= sum over the runs of a[r] and the b at offset[s], for all `rows` and `columns`: in tiles, what is over at the
 * end of a row of tiles is computed twice. */
static void F(all_dots)(i64 rows, i64 columns, const F(runs) * runs, const REAL *a, i64 lda, const REAL *b,
                        const place *offset, REAL alpha, REAL *out, i64 ldo) {
  i64 width = DOT_COLUMNS(columns);
  for (i64 s = 0; s < columns; s += width)
    for (i64 r = 0, step; r < rows; r += step) {
      step = rows - r >= DOT_ROWS ? DOT_ROWS : 1;
      place o[8];
      REAL sums[64];
      for (i64 i = 0; i < width; i++) o[i] = offset[smaller(s + i, columns - 1)];
      F(dots_tile)(step, width, runs, a + r * lda, (place)lda, b, o, sums);
      for (i64 i = 0; i < step; i++)
        for (i64 j = 0; j < width && s + j < columns; j++) out[(r + i) * ldo + s + j] += alpha * sums[i * width + j];
    }
}

#undef SPREAD
#undef SPREAD_ROW
#undef DOTS
#undef DOT_ROWS
#undef DOT_COLUMNS
