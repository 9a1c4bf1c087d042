/* Products of matrices, row-major. */

#define KC 256
#define MC (TILE_ROWS * 16)
#define NC (TILE_VECTORS * WIDE * 16)

/* `rows` rows of a (k numbers each, transposed: k rows of which `rows` columns are taken) in panels of a tile's rows, k by k,
 * times alpha. */
static void F(pack_a)(i64 transposed, i64 rows, i64 k, const REAL *a, i64 lda, REAL alpha, REAL *packed) {
  for (i64 r = 0, R; r < rows; r += R) {
    R = F(tile_rows)(rows - r);
    if (transposed)
      for (i64 i = 0; i < k; i++)
        for (i64 j = 0; j < R; j++) packed[i * R + j] = a[i * lda + r + j] * alpha;
    else
      for (i64 j = 0; j < R; j++)
        for (i64 i = 0; i < k; i++) packed[i * R + j] = a[(r + j) * lda + i] * alpha;
    packed += R * k;
  }
}

/* k rows of `columns` numbers of b, in panels of a tile's columns, zeros where the last panel has too many. */
static void F(pack_b)(i64 transposed, i64 k, i64 columns, const REAL *b, i64 ldb, REAL *packed) {
  const i64 width = TILE_VECTORS * WIDE;
  for (i64 j = 0; j < columns; j += width) {
    i64 here = smaller(width, columns - j), padded = (here + WIDE - 1) / WIDE * WIDE;
    if (transposed) {
      for (i64 i = 0; i < k; i++)
        for (i64 l = here; l < padded; l++) packed[i * padded + l] = 0;
      for (i64 l0 = 0; l0 < here; l0 += 8) /* few columns at a time: their lines stay in the cache */
        for (i64 i = 0; i < k; i++)
          for (i64 l = l0; l < smaller(l0 + 8, here); l++) packed[i * padded + l] = b[(j + l) * ldb + i];
    } else
      for (i64 i = 0; i < k; i++) {
        for (i64 l = 0; l < here; l++) packed[i * padded + l] = b[i * ldb + j + l];
        for (i64 l = here; l < padded; l++) packed[i * padded + l] = 0;
      }
    packed += padded * k;
  }
}

/* Bytes of `work` for hp_gemm, whatever the sizes. */
API i64 F(hp_gemm_work)(void) {
  return (i64)((MC * KC + KC * (NC + WIDE) + TILE_ROWS * TILE_VECTORS * WIDE) * sizeof(REAL) + KC * sizeof(place) + 256);
}

static void F(gemm_of_rows)(i64 m, i64 n, i64 k, REAL alpha, const REAL *a, i64 lda, const REAL *b, i64 ldb, REAL *c, i64 ldc) {
  F(runs) runs = {1, 1, (place)(k / WIDE * WIDE), 0, 0, 0, 0};
  place offset[64];
  for (i64 j = 0; j < n; j += 60) {
    i64 columns = smaller(60, n - j);
    for (i64 l = 0; l < columns; l++) offset[l] = (place)((j + l) * ldb);
    F(all_dots)(m, columns, &runs, a, lda, b, offset, alpha, c + j, ldc);
  }
  if (runs.length < k)
    for (i64 i = 0; i < m; i++)
      for (i64 j = 0; j < n; j++) {
        REAL sum = 0;
        for (i64 p = runs.length; p < k; p++) sum += a[i * lda + p] * b[j * ldb + p];
        c[i * ldc + j] += alpha * sum;
      }
}

/* C = alpha op(A) op(B) + beta C. op(A) is m x k, op(B) k x n, C m x n; ta, tb: whether A, B are transposed; ld*: the distance
 * of rows. beta 0 overwrites C, whatever is there. */
API void F(hp_gemm)(i64 ta, i64 tb, i64 m, i64 n, i64 k, f64 factor, const REAL *a, i64 lda, const REAL *b, i64 ldb,
                    f64 factor_c, REAL *c, i64 ldc, void *work) {
  const REAL alpha = (REAL)factor, beta = (REAL)factor_c;
  if (m <= 0 || n <= 0) return;
  if (ta && m == 1 && lda == 1) ta = 0, lda = k; /* a vector is its own transpose */
  if (!tb && n == 1 && ldb == 1) tb = 1, ldb = k;
  const i64 nothing = k <= 0 || alpha == 0;
  const i64 by_rows = !SMALL && !ta && tb && k >= 2 * WIDE && (m < 4 || n < WIDE / 2 || m * n <= 16);
  if (beta != 1 && (beta != 0 || nothing || by_rows)) /* else the first tiles begin with zeros */
    for (i64 i = 0; i < m; i++)
      for (i64 j = 0; j < n; j++) c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
  if (nothing) return;
  if (by_rows) {
    F(gemm_of_rows)(m, n, k, alpha, a, lda, b, ldb, c, ldc);
    return;
  }
  REAL *packed_a = (REAL *)(((place)work + 63) & ~(place)63), *packed_b = packed_a + MC * KC;
  REAL *edge = packed_b + KC * (NC + WIDE);
  place *offset = (place *)(edge + TILE_ROWS * TILE_VECTORS * WIDE);
  const i64 width = TILE_VECTORS * WIDE;
  for (i64 j0 = 0; j0 < n; j0 += NC)
    for (i64 k0 = 0; k0 < k; k0 += KC) {
      i64 nb = smaller(NC, n - j0), kb = smaller(KC, k - k0), fresh = beta == 0 && k0 == 0;
      i64 straight = !tb && (m <= 2 * TILE_ROWS) ? nb / WIDE * WIDE : 0; /* columns of b that are taken as they lie */
      const REAL *b_block = tb ? b + j0 * ldb + k0 : b + k0 * ldb + j0;
      F(pack_b)(tb, kb, nb - straight, b_block + straight, ldb, packed_b);
      for (i64 i0 = 0; i0 < m; i0 += MC) {
        i64 mb = smaller(MC, m - i0);
        F(pack_a)(ta, mb, kb, ta ? a + k0 * lda + i0 : a + i0 * lda + k0, lda, alpha, packed_a);
        const REAL *panel = packed_b;
        i64 step = 0;
        for (i64 j = 0, next; j < nb; j = next) {
          const i64 lies = j < straight;
          next = smaller(j + width, lies ? straight : nb);
          i64 vectors = (next - j + WIDE - 1) / WIDE, distance = lies ? ldb : vectors * WIDE;
          const REAL *columns = lies ? b_block + j : panel, *from[TILE_VECTORS];
          if (distance != step) {
            step = distance;
            for (i64 i = 0; i < kb; i++) offset[i] = (place)(i * step);
          }
          for (i64 v = 0; v < vectors; v++) from[v] = columns + v * WIDE;
          const REAL *rows = packed_a;
          for (i64 i = 0, R; i < mb; i += R, rows += R * kb) {
            R = F(tile_rows)(mb - i);
            REAL *corner = c + (i0 + i) * ldc + j0 + j, *to[TILE_VECTORS];
            i64 whole = (next - j) % WIDE == 0;
            for (i64 v = 0; v < vectors; v++) to[v] = (whole ? corner : edge) + v * WIDE;
            if (whole) F(spread_tile)(R, vectors, kb, rows, from, offset, fresh ? FROM_ZERO : FROM_C, 0, to, ldc);
            else {
              F(spread_tile)(R, vectors, kb, rows, from, offset, FROM_ZERO, 0, to, width);
              for (i64 r = 0; r < R; r++)
                for (i64 l = 0; l < next - j; l++) corner[r * ldc + l] = (fresh ? 0 : corner[r * ldc + l]) + edge[r * width + l];
            }
          }
          if (!lies) panel += vectors * WIDE * kb;
        }
      }
    }
}

/* `batch` products, the matrices `stride_*` elements apart; 0 takes the same one for all. */
API void F(hp_gemm_batched)(i64 batch, i64 ta, i64 tb, i64 m, i64 n, i64 k, f64 alpha, const REAL *a, i64 lda, i64 stride_a,
                            const REAL *b, i64 ldb, i64 stride_b, f64 beta, REAL *c, i64 ldc, i64 stride_c, void *work) {
  for (i64 i = 0; i < batch; i++)
    F(hp_gemm)(ta, tb, m, n, k, alpha, a + i * stride_a, lda, b + i * stride_b, ldb, beta, c + i * stride_c, ldc, work);
}

#undef KC
#undef MC
#undef NC
