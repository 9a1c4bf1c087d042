/* Many values into one, running sums, and order.
 *
 * A reduction's plan: [kept dimensions, reduced dimensions, kept shape, strides there, reduced shape, strides there], all
 * merged by Python as far as possible and never empty (a dimension of 1 stands for none); the result is contiguous.
 */

enum { R_SUM, R_PROD, R_MAX, R_MIN, R_ARGMAX, R_ARGMIN, R_ANY, R_ALL };

typedef struct {
  i64 kept, reduced;
  const i64 *kept_shape, *kept_strides, *shape, *strides;
  i64 results, values;
} reduction;

static inline void reduction_begin(reduction *r, const i64 *plan) {
  r->kept = plan[0], r->reduced = plan[1];
  r->kept_shape = plan + 2;
  r->kept_strides = r->kept_shape + r->kept;
  r->shape = r->kept_strides + r->kept;
  r->strides = r->shape + r->reduced;
  r->results = r->values = 1;
  for (i64 d = 0; d < r->kept; d++) r->results *= r->kept_shape[d];
  for (i64 d = 0; d < r->reduced; d++) r->values *= r->shape[d];
}

/* To the next index in row-major order, and the change of the offset. */
NOINLINE i64 step_along(i64 *index, i64 dimensions, const i64 *shape, const i64 *strides) {
  i64 change = 0;
  for (i64 d = dimensions - 1; d >= 0; d--) {
    if (++index[d] < shape[d]) return change + strides[d];
    change -= strides[d] * (shape[d] - 1);
    index[d] = 0;
  }
  return change;
}

/* Sixteen partial sums, taken into double every 4096 values: exact enough for millions, and quick. */
AS_QUICK_AS_CAN_BE
NOINLINE f64 sum_run_f32(const f32 *a, i64 n) {
  f64 total = 0;
  while (n > 0) {
    i64 block = n < 4096 ? n : 4096, i = 0;
    f32 part[16] = {0};
    for (; i + 16 <= block; i += 16)
      for (int k = 0; k < 16; k++) part[k] += a[i + k];
    for (; i < block; i++) part[0] += a[i];
    for (int k = 0; k < 16; k++) total += part[k];
    a += block, n -= block;
  }
  return total;
}
AS_SMALL_AS_CAN_BE
static inline f64 sum_run_f64(const f64 *a, i64 n) {
  f64 part[8] = {0}, total = 0;
  i64 i = 0;
  for (; i + 8 <= n; i += 8)
    for (int k = 0; k < 8; k++) part[k] += a[i + k];
  for (; i < n; i++) part[0] += a[i];
  for (int k = 0; k < 8; k++) total += part[k];
  return total;
}

/* For each result: `first` before its values, BODY for each value x (its flat position is `at`), LAST after them. */
#define REDUCE(T, FIRST, BODY, LAST)                                                            \
  do {                                                                                          \
    i64 kept_index[MOST_DIMENSIONS] = {0}, base = 0;                                            \
    for (i64 k = 0; k < r.results; k++) {                                                       \
      i64 index[MOST_DIMENSIONS] = {0}, offset = base, inner = r.shape[r.reduced - 1],          \
          stride = r.strides[r.reduced - 1], at = 0;                                            \
      FIRST;                                                                                    \
      for (i64 row = 0; row < r.values; row += inner) {                                         \
        const T *a = (const T *)in + offset;                                                    \
        for (i64 i = 0; i < inner; i++, at++) { T x = a[i * stride]; BODY; }                    \
        offset += step_along(index, r.reduced - 1, r.shape, r.strides);                         \
      }                                                                                         \
      LAST;                                                                                     \
      base += step_along(kept_index, r.kept, r.kept_shape, r.kept_strides);                     \
    }                                                                                           \
  } while (0)

#define EXTREME(T, BETTER)                                                                      \
  REDUCE(T, T best = 0; i64 where = -1,                                                         \
         if (where < 0 || (best == best && (x != x || (BETTER)))) best = (where = at, x),       \
         if (out) ((T *)out)[k] = best; if (positions) positions[k] = where)

#define SUM_FLOAT(T, S)                                                                         \
  do {                                                                                          \
    i64 last = r.kept - 1, run = r.shape[r.reduced - 1];                                        \
    if (r.strides[r.reduced - 1] == 1) {                                                        \
      i64 kept_index[MOST_DIMENSIONS] = {0}, base = 0;                                          \
      for (i64 k = 0; k < r.results; k++) {                                                     \
        i64 index[MOST_DIMENSIONS] = {0}, offset = base;                                        \
        f64 total = 0;                                                                          \
        for (i64 row = 0; row < r.values; row += run) {                                         \
          total += sum_run_##S((const T *)in + offset, run);                                    \
          offset += step_along(index, r.reduced - 1, r.shape, r.strides);                       \
        }                                                                                       \
        ((T *)out)[k] = (T)total;                                                               \
        base += step_along(kept_index, r.kept, r.kept_shape, r.kept_strides);                   \
      }                                                                                         \
    } else if (r.kept_strides[last] == 1 && r.kept_shape[last] > 1) { /* whole rows are added up */ \
      i64 width = r.kept_shape[last], kept_index[MOST_DIMENSIONS] = {0}, base = 0;              \
      for (i64 k = 0; k < r.results; k += width) {                                              \
        for (i64 from = 0; from < width; from += 128) {                                         \
          f64 total[128] = {0};                                                                 \
          i64 columns = width - from < 128 ? width - from : 128, offset = base + from;          \
          i64 index[MOST_DIMENSIONS] = {0};                                                     \
          for (i64 v = 0; v < r.values; v++) {                                                  \
            const T *a = (const T *)in + offset;                                                \
            for (i64 i = 0; i < columns; i++) total[i] += a[i];                                 \
            offset += step_along(index, r.reduced, r.shape, r.strides);                         \
          }                                                                                     \
          for (i64 i = 0; i < columns; i++) ((T *)out)[k + from + i] = (T)total[i];             \
        }                                                                                       \
        base += step_along(kept_index, last, r.kept_shape, r.kept_strides);                     \
      }                                                                                         \
    } else                                                                                      \
      REDUCE(T, f64 total = 0, total += x, ((T *)out)[k] = (T)total);                           \
  } while (0)

/* float32, float64 and int64; any and all of bool: Python converts before. Extremes may
 * leave `positions` (the flat position among the reduced values, of the first of equals) or `out` null. NaN is taken for
 * the extreme. */
API void hp_reduce(i64 op, i64 dtype, const i64 *plan, void *out, i64 *positions, const void *in) {
  reduction r;
  reduction_begin(&r, plan);
  if (!r.results) return;
  switch (op) {
    case R_SUM:
      if (!r.values)
        for (i64 k = 0; k < r.results * (dtype == DT_F32 ? 4 : 8); k++) ((u8 *)out)[k] = 0;
      else if (dtype == DT_F32) SUM_FLOAT(f32, f32);
      else if (dtype == DT_F64) SUM_FLOAT(f64, f64);
      else REDUCE(i64, i64 total = 0, total += x, ((i64 *)out)[k] = total);
      break;
    case R_PROD:
      if (dtype == DT_F32) REDUCE(f32, f64 total = 1, total *= x, ((f32 *)out)[k] = (f32)total);
      else if (dtype == DT_F64) REDUCE(f64, f64 total = 1, total *= x, ((f64 *)out)[k] = total);
      else REDUCE(i64, i64 total = 1, total *= x, ((i64 *)out)[k] = total);
      break;
    case R_ANY: REDUCE(u8, u8 found = 0, found |= x, ((u8 *)out)[k] = found); break;
    case R_ALL: REDUCE(u8, u8 found = 1, found &= x, ((u8 *)out)[k] = found); break;
    case R_MAX:
      if (dtype == DT_F32) EXTREME(f32, x > best);
      else if (dtype == DT_F64) EXTREME(f64, x > best);
      else EXTREME(i64, x > best);
      break;
    case R_MIN:
      if (dtype == DT_F32) EXTREME(f32, x < best);
      else if (dtype == DT_F64) EXTREME(f64, x < best);
      else EXTREME(i64, x < best);
      break;
  }
}

/* Running sums, or products, along the middle of (outer, n, inner), contiguous; float64 or int64. */
#define RUNNING(T, START, OP)                                                                   \
  for (i64 o = 0; o < outer; o++)                                                               \
    for (i64 j = 0; j < inner; j++) {                                                           \
      T acc = START;                                                                            \
      for (i64 i = 0, at = o * n * inner + j; i < n; i++, at += inner)                          \
        ((T *)out)[at] = acc = acc OP ((const T *)in)[at];                                      \
    }
API void hp_cumulate(i64 product, i64 dtype, i64 outer, i64 n, i64 inner, void *out, const void *in) {
  if (product) {
    if (dtype == DT_F64) RUNNING(f64, 1, *)
    else RUNNING(i64, 1, *)
  } else {
    if (dtype == DT_F64) RUNNING(f64, 0, +)
    else RUNNING(i64, 0, +)
  }
}

/* The stable order of each row of (rows, n), float64 or int64, NaN taken for the largest; work: n positions. Merge sort from below. */
#define BEFORE_FLOAT(a, b) ((b) != (b) ? (a) == (a) : (a) < (b))
#define BEFORE_WHOLE(a, b) ((a) < (b))
#define SORT(T, BEFORE)                                                                         \
  for (i64 row = 0; row < rows; row++) {                                                        \
    const T *v = (const T *)in + row * n;                                                       \
    i64 *from = order + row * n, *to = work;                                                    \
    for (i64 i = 0; i < n; i++) from[i] = i;                                                    \
    for (i64 width = 1; width < n; width *= 2) {                                                \
      for (i64 start = 0; start < n; start += 2 * width) {                                      \
        i64 middle = start + width < n ? start + width : n;                                     \
        i64 end = start + 2 * width < n ? start + 2 * width : n, i = start, j = middle;         \
        for (i64 k = start; k < end; k++) {                                                     \
          int right = i >= middle ||                                                            \
                      (j < end && (descending ? BEFORE(v[from[i]], v[from[j]]) : BEFORE(v[from[j]], v[from[i]]))); \
          to[k] = right ? from[j++] : from[i++];                                                \
        }                                                                                       \
      }                                                                                         \
      i64 *other = from;                                                                        \
      from = to, to = other;                                                                    \
    }                                                                                           \
    if (from == work)                                                                           \
      for (i64 i = 0; i < n; i++) order[row * n + i] = from[i];                                 \
  }
API void hp_argsort(i64 dtype, i64 descending, i64 rows, i64 n, i64 *order, const void *in, i64 *work) {
  if (dtype == DT_F64) SORT(f64, BEFORE_FLOAT)
  else SORT(i64, BEFORE_WHOLE)
}
