/* Small things that are done often, over contiguous arrays. */

/* y (outer, c, inner) += bias (c); then, if `relu`, what is below 0 becomes 0. */
API void F(hp_add_bias)(i64 outer, i64 c, i64 inner, const REAL *bias, i64 relu, REAL *y) {
  const F(vec) zero = {0};
  for (i64 o = 0; o < outer; o++)
    for (i64 k = 0; k < (inner == 1 ? 1 : c); k++) {
      place i = 0, n = (place)(inner == 1 ? c : inner);
      for (; i + WIDE <= n; i += WIDE) {
        F(vec) value = F(load)(y + i) + (inner == 1 ? F(load)(bias + i) : F(all)(bias[k]));
        F(store)(y + i, relu ? (F(vec))((F(mask))value & ~(F(mask))(value < zero)) : value);
      }
      for (; i < n; i++) {
        REAL value = y[i] + bias[inner == 1 ? i : k];
        y[i] = relu && value < 0 ? 0 : value;
      }
      y += n;
    }
}
/* gb (c) = the sum of gy (outer, c, inner) over all else. */
API void F(hp_bias_backward)(i64 outer, i64 c, i64 inner, const REAL *gy, REAL *gb) {
  for (i64 k = 0; k < c; k++) gb[k] = 0;
  for (i64 o = 0; o < outer; o++, gy += c * inner)
    if (inner == 1)
      for (place k = 0; k < (place)c; k++) gb[k] += gy[k];
    else
      for (i64 k = 0; k < c; k++) gb[k] += F(sum)(gy + k * inner, inner);
}

/* y = max(x, 0), NaN stays; in place too. */
API void F(hp_relu_forward)(i64 count, const REAL *x, REAL *y) {
  const F(vec) zero = {0};
  place i = 0, n = (place)count;
  for (; i + WIDE <= n; i += WIDE) {
    F(vec) value = F(load)(x + i);
    F(store)(y + i, (F(vec))((F(mask))value & ~(F(mask))(value < zero)));
  }
  for (; i < n; i++) y[i] = x[i] < 0 ? 0 : x[i];
}
/* gx = gy where y (or x) is above 0; in place too. */
API void F(hp_relu_backward)(i64 count, const REAL *y, const REAL *gy, REAL *gx) {
  const F(vec) zero = {0};
  place i = 0, n = (place)count;
  for (; i + WIDE <= n; i += WIDE) F(store)(gx + i, (F(vec))((F(mask))F(load)(gy + i) & (F(mask))(F(load)(y + i) > zero)));
  for (; i < n; i++) gx[i] = y[i] > 0 ? gy[i] : 0;
}
/* y += a x */
API void F(hp_axpy)(i64 count, f64 a, const REAL *x, REAL *y) {
  const REAL factor = (REAL)a;
  place i = 0, n = (place)count;
  for (; i + WIDE <= n; i += WIDE) F(store)(y + i, F(load)(y + i) + factor * F(load)(x + i));
  for (; i < n; i++) y[i] += factor * x[i];
}
