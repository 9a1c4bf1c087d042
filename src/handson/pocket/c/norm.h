/* Normalisations: over the batch, a layer, a group, and neighbouring channels. */

/* Mean and mean square deviation of `runs` runs of n numbers, `apart` from each other. */
NOINLINE void F(moments)(const REAL *x, i64 runs, i64 apart, i64 n, f64 *mean, f64 *variance) {
  f64 sum = 0, squares = 0;
  for (i64 r = 0; r < runs; r++) sum += F(sum)(x + r * apart, n);
  REAL middle = (REAL)(sum / (f64)(runs * n));
  f64 rest = 0; /* what rounding the mean left */
  for (i64 r = 0; r < runs; r++) {
    const REAL *p = x + r * apart;
    F(vec) part = {0}, first = {0};
    place i = 0;
    for (; i + WIDE <= n; i += WIDE) {
      F(vec) d = F(load)(p + i) - middle;
      part += d * d, first += d;
    }
    for (; i < n; i++) {
      f64 d = p[i] - middle;
      squares += d * d, rest += d;
    }
    for (int l = 0; l < WIDE; l++) squares += part[l], rest += first[l];
  }
  rest /= (f64)(runs * n);
  *mean = middle + rest;
  *variance = squares / (f64)(runs * n) - rest * rest;
}

/* The sums of gy and of gy * (x - mean). */
NOINLINE void F(gradient_sums)(const REAL *x, const REAL *gy, i64 runs, i64 apart, i64 n, REAL mean, f64 *sum, f64 *product) {
  *sum = *product = 0;
  for (i64 r = 0; r < runs; r++) {
    const REAL *p = x + r * apart, *q = gy + r * apart;
    F(vec) part = {0}, first = {0};
    place i = 0;
    for (; i + WIDE <= n; i += WIDE) {
      F(vec) g = F(load)(q + i);
      part += g * (F(load)(p + i) - mean), first += g;
    }
    for (; i < n; i++) *product += q[i] * (p[i] - mean), *sum += q[i];
    for (int l = 0; l < WIDE; l++) *product += part[l], *sum += first[l];
  }
}

/* x is (n, c, inner). In training, or without running statistics, with the batch's own; then the running ones, if any, move
 * by `momentum` towards them. mean and scale (1 / sqrt(variance + eps)) of each channel are kept for backward. */
API void F(hp_batch_norm_forward)(i64 n, i64 c, i64 inner, const REAL *x, const REAL *weight, const REAL *bias, REAL *running_mean,
                                  REAL *running_variance, i64 training, f64 momentum, f64 eps, REAL *y, REAL *mean, REAL *scale) {
  for (i64 k = 0; k < c; k++) {
    f64 m, v;
    if (training || !running_mean) {
      F(moments)(x + k * inner, n, c * inner, inner, &m, &v);
      if (running_mean) {
        f64 count = (f64)(n * inner);
        running_mean[k] = (REAL)((1 - momentum) * running_mean[k] + momentum * m);
        running_variance[k] = (REAL)((1 - momentum) * running_variance[k] + momentum * v * (count / (count - 1)));
      }
    } else m = running_mean[k], v = running_variance[k];
    f64 factor = 1 / SQRT_f64(v + eps);
    mean[k] = (REAL)m, scale[k] = (REAL)factor;
    REAL w = (REAL)(factor * (weight ? weight[k] : 1)), b = bias ? bias[k] : 0, middle = (REAL)m;
    for (i64 i = 0; i < n; i++) {
      const REAL *from = x + (i * c + k) * inner;
      REAL *to = y + (i * c + k) * inner;
      place l = 0, length = (place)inner;
      for (; l + WIDE <= length; l += WIDE) F(store)(to + l, (F(load)(from + l) - middle) * w + b);
      for (; l < length; l++) to[l] = (from[l] - middle) * w + b;
    }
  }
}

/* gx, gw, gb are overwritten; each may be null. */
API void F(hp_batch_norm_backward)(i64 n, i64 c, i64 inner, const REAL *x, const REAL *gy, const REAL *weight, const REAL *mean,
                                   const REAL *scale, i64 training, REAL *gx, REAL *gw, REAL *gb) {
  for (i64 k = 0; k < c; k++) {
    f64 sum, product, count = (f64)(n * inner);
    F(gradient_sums)(x + k * inner, gy + k * inner, n, c * inner, inner, mean[k], &sum, &product);
    if (gw) gw[k] = (REAL)(product * scale[k]);
    if (gb) gb[k] = (REAL)sum;
    if (!gx) continue;
    REAL w = scale[k] * (weight ? weight[k] : 1);
    REAL of_x = training ? (REAL)(-product * scale[k] * scale[k] / count * w) : 0;
    REAL constant = training ? (REAL)(-sum / count * w) : 0, middle = mean[k];
    for (i64 i = 0; i < n; i++) {
      const REAL *p = x + (i * c + k) * inner, *q = gy + (i * c + k) * inner;
      REAL *to = gx + (i * c + k) * inner;
      place l = 0, length = (place)inner;
      for (; l + WIDE <= length; l += WIDE)
        F(store)(to + l, F(load)(q + l) * w + ((F(load)(p + l) - middle) * of_x + constant));
      for (; l < length; l++) to[l] = q[l] * w + ((p[l] - middle) * of_x + constant);
    }
  }
}

/* Over rows of `size` numbers; weight and bias, of one row, may be null. mean and scale of each row are kept for backward. */
API void F(hp_layer_norm_forward)(i64 rows, i64 size, const REAL *x, const REAL *weight, const REAL *bias, f64 eps, REAL *y,
                                  REAL *mean, REAL *scale) {
  for (i64 r = 0; r < rows; r++, x += size, y += size) {
    f64 m, v;
    F(moments)(x, 1, 0, size, &m, &v);
    REAL middle = mean[r] = (REAL)m, factor = scale[r] = (REAL)(1 / SQRT_f64(v + eps));
    for (i64 i = 0; i < size; i++) y[i] = (x[i] - middle) * factor * (weight ? weight[i] : 1) + (bias ? bias[i] : 0);
  }
}

/* gx, gw, gb are overwritten; gw and gb may be null. */
API void F(hp_layer_norm_backward)(i64 rows, i64 size, const REAL *x, const REAL *gy, const REAL *weight, const REAL *mean,
                                   const REAL *scale, REAL *gx, REAL *gw, REAL *gb) {
  for (i64 i = 0; i < size; i++) {
    if (gw) gw[i] = 0;
    if (gb) gb[i] = 0;
  }
  for (i64 r = 0; r < rows; r++, x += size, gy += size, gx += size) {
    f64 sum = 0, product = 0;
    for (i64 i = 0; i < size; i++) {
      REAL g = gy[i] * (weight ? weight[i] : 1), normal = (x[i] - mean[r]) * scale[r];
      sum += g, product += g * normal;
      if (gw) gw[i] += gy[i] * normal;
      if (gb) gb[i] += gy[i];
    }
    REAL mean_g = (REAL)(sum / (f64)size), mean_product = (REAL)(product / (f64)size);
    for (i64 i = 0; i < size; i++) {
      REAL g = gy[i] * (weight ? weight[i] : 1), normal = (x[i] - mean[r]) * scale[r];
      gx[i] = (g - mean_g - normal * mean_product) * scale[r];
    }
  }
}

/* x is (n, c, inner), its channels in `groups`; weight and bias, of one number per channel, may be null. mean and scale of
 * each (image, group) are kept for backward. */
API void F(hp_group_norm_forward)(i64 n, i64 c, i64 inner, i64 groups, const REAL *x, const REAL *weight, const REAL *bias, f64 eps,
                                  REAL *y, REAL *mean, REAL *scale) {
  i64 per = c / groups;
  for (i64 i = 0; i < n * groups; i++) {
    f64 m, v;
    F(moments)(x + i * per * inner, 1, 0, per * inner, &m, &v);
    f64 factor = 1 / SQRT_f64(v + eps);
    mean[i] = (REAL)m, scale[i] = (REAL)factor;
    for (i64 k = 0; k < per; k++) {
      i64 channel = i % groups * per + k, at = (i * per + k) * inner;
      REAL w = (REAL)(factor * (weight ? weight[channel] : 1)), b = bias ? bias[channel] : 0, middle = (REAL)m;
      for (i64 l = 0; l < inner; l++) y[at + l] = (x[at + l] - middle) * w + b;
    }
  }
}
API void F(hp_group_norm_backward)(i64 n, i64 c, i64 inner, i64 groups, const REAL *x, const REAL *gy, const REAL *weight,
                                   const REAL *mean, const REAL *scale, REAL *gx, REAL *gw, REAL *gb) {
  i64 per = c / groups;
  for (i64 k = 0; k < c; k++) {
    if (gw) gw[k] = 0;
    if (gb) gb[k] = 0;
  }
  for (i64 i = 0; i < n * groups; i++) {
    f64 sum = 0, product = 0, count = (f64)(per * inner);
    for (i64 k = 0; k < per; k++) {
      i64 channel = i % groups * per + k, at = (i * per + k) * inner;
      f64 s, p;
      F(gradient_sums)(x + at, gy + at, 1, 0, inner, mean[i], &s, &p);
      if (gw) gw[channel] += (REAL)(p * scale[i]);
      if (gb) gb[channel] += (REAL)s;
      sum += s * (weight ? weight[channel] : 1), product += p * (weight ? weight[channel] : 1);
    }
    for (i64 k = 0; k < per; k++) {
      i64 channel = i % groups * per + k, at = (i * per + k) * inner;
      REAL w = scale[i] * (weight ? weight[channel] : 1), of_x = (REAL)(-product / count) * scale[i] * scale[i] * scale[i];
      REAL constant = (REAL)(-sum / count) * scale[i];
      for (i64 l = 0; l < inner; l++) gx[at + l] = gy[at + l] * w + (x[at + l] - mean[i]) * of_x + constant;
    }
  }
}

/* y = x^exponent, x > 0. */
NOINLINE void F(powers)(i64 count, const REAL *x, REAL exponent, REAL *y) {
  const place n = (place)count;
  INDEPENDENT for (place i = 0; i < n; i++) y[i] = CAT(EXP_, REAL)(exponent * CAT(LOG_, REAL)(x[i]));
}

/* y = x / divisor^beta with divisor = k + alpha / size * the sum of x^2 over `size` neighbouring channels; kept for backward.
 * Source: A. Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks (2012), as PyTorch has it. */
API void F(hp_local_response_norm_forward)(i64 n, i64 c, i64 inner, i64 size, f64 alpha, f64 beta, f64 k, const REAL *x, REAL *y,
                                           REAL *divisor) {
  for (i64 i = 0; i < n; i++, x += c * inner, y += c * inner, divisor += c * inner)
    for (i64 channel = 0; channel < c; channel++) {
      i64 from = larger(0, channel - size / 2), to = smaller(c, channel + (size - 1) / 2 + 1);
      REAL *d = divisor + channel * inner;
      for (i64 l = 0; l < inner; l++) d[l] = 0;
      for (i64 other = from; other < to; other++)
        for (i64 l = 0; l < inner; l++) d[l] += x[other * inner + l] * x[other * inner + l];
      for (i64 l = 0; l < inner; l++) d[l] = d[l] * (REAL)(alpha / (f64)size) + (REAL)k;
      F(powers)(inner, d, (REAL)-beta, y + channel * inner);
      for (i64 l = 0; l < inner; l++) y[channel * inner + l] *= x[channel * inner + l];
    }
}

/* gx, overwritten. y is what forward gave. */
API void F(hp_local_response_norm_backward)(i64 n, i64 c, i64 inner, i64 size, f64 alpha, f64 beta, const REAL *x, const REAL *y,
                                            const REAL *divisor, const REAL *gy, REAL *gx) {
  const REAL factor = (REAL)(2 * alpha * beta / (f64)size);
  for (i64 i = 0; i < n; i++, x += c * inner, y += c * inner, divisor += c * inner, gy += c * inner, gx += c * inner)
    for (i64 channel = 0; channel < c; channel++) {
      i64 from = larger(0, channel - (size - 1) / 2), to = smaller(c, channel + size / 2 + 1);
      REAL *g = gx + channel * inner;
      F(powers)(inner, divisor + channel * inner, (REAL)-beta, g);
      for (i64 l = 0; l < inner; l++) g[l] *= gy[channel * inner + l];
      for (i64 other = from; other < to; other++)
        for (i64 l = 0; l < inner; l++) {
          i64 at = other * inner + l;
          g[l] -= factor * x[channel * inner + l] * (gy[at] * y[at] / divisor[at]);
        }
    }
}
