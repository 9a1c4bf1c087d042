/* Values at places: indexing with tensors, masks, gather and scatter. */

/* The flat positions of what is not 0 in n bytes of bool; returns their number. `out` null only counts. */
API i64 hp_nonzero(i64 n, const u8 *in, i64 *out) {
  i64 found = 0;
  for (i64 i = 0; i < n; i++)
    if (in[i]) {
      if (out) out[found] = i;
      found++;
    }
  return found;
}

/* out[i] += index[i] * stride for an axis of `size`; a negative index counts from the end. Returns -1, or the position of
 * the first index outside the axis. */
API i64 hp_add_offsets(i64 n, i64 *out, const i64 *index, i64 size, i64 stride) {
  for (i64 i = 0; i < n; i++) {
    i64 at = index[i];
    if (at < -size || at >= size) return i;
    out[i] += (at < 0 ? at + size : at) * stride;
  }
  return -1;
}

/* Blocks of a tensor, each at an offset of its own: plan describes a block in (the packed blocks, the tensor). Mode 0
 * reads them into `packed`, 1 writes them, 2 adds to what is there. */
enum { I_GET, I_SET, I_ADD };
#define MOVE(T)                                                                                 \
  {                                                                                             \
    T *p = (T *)packed + offset[0], *t = (T *)tensor + offset[1];                               \
    if (mode == I_GET)                                                                          \
      for (i64 i = 0; i < w.length; i++) p[i * sp] = t[i * st];                                 \
    else if (mode == I_SET)                                                                     \
      for (i64 i = 0; i < w.length; i++) t[i * st] = p[i * sp];                                 \
    else                                                                                        \
      for (i64 i = 0; i < w.length; i++) t[i * st] += p[i * sp];                                \
  }
API void hp_index(i64 mode, i64 dtype, const i64 *plan, i64 n, i64 block, const i64 *offsets, void *packed, void *tensor) {
  walk w;
  i64 sp = inner_stride(plan, 0), st = inner_stride(plan, 1);
  for (i64 k = 0; k < n; k++) {
    i64 offset[2] = {k * block, offsets[k]};
    walk_begin(&w, plan);
    if (w.length)
      for (i64 row = 0; row < w.rows; row++, walk_next(&w, plan, offset, 2)) {
        if (mode != I_ADD && sp == 1 && st == 1) {
          u8 *p = (u8 *)packed + offset[0] * size_of(dtype), *t = (u8 *)tensor + offset[1] * size_of(dtype);
          copy_neighbours(mode == I_GET ? p : t, mode == I_GET ? t : p, w.length * size_of(dtype));
          continue;
        }
        switch (dtype) {
          case DT_F32: MOVE(f32) break;
          case DT_F64: MOVE(f64) break;
          case DT_I64: MOVE(i64) break;
          case DT_I32: MOVE(i32) break;
          default: MOVE(u8)
        }
      }
  }
}

/* gather and scatter: plan over the shape of `index` with the strides of (index, values, tensor with 0 at the axis).
 * Returns -1, or the first index that is outside the axis of `size` (nothing after it was done). */
#define MOVE_ONE(T)                                                                             \
  {                                                                                             \
    T *v = (T *)values + offset[1] + i * s1, *t = (T *)tensor + offset[2] + i * s2 + at * stride; \
    if (mode == I_GET) *v = *t;                                                                 \
    else if (mode == I_SET) *t = *v;                                                            \
    else *t += *v;                                                                              \
  }
#define ALL_WELL (-9223372036854775807LL - 1)
API i64 hp_along(i64 mode, i64 dtype, const i64 *plan, i64 size, i64 stride, const i64 *index, void *values, void *tensor) {
  walk w;
  walk_begin(&w, plan);
  i64 offset[3] = {0, 0, 0}, s0 = inner_stride(plan, 0), s1 = inner_stride(plan, 1), s2 = inner_stride(plan, 2);
  for (i64 row = 0; row < w.rows; row++, walk_next(&w, plan, offset, 3))
    for (i64 i = 0; i < w.length; i++) {
      i64 at = index[offset[0] + i * s0];
      if (at < 0 || at >= size) return at;
      switch (dtype) {
        case DT_F32: MOVE_ONE(f32) break;
        case DT_F64: MOVE_ONE(f64) break;
        case DT_I64: MOVE_ONE(i64) break;
        case DT_I32: MOVE_ONE(i32) break;
        default: MOVE_ONE(u8)
      }
    }
  return ALL_WELL;
}
