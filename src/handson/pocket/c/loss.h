/* Softmax and the losses on top of it. Arrays are (outer, classes, inner): the classes are `inner` numbers apart. */

/* y = exp(x - shift). */
NOINLINE void F(exp_row)(i64 count, const REAL *x, REAL shift, REAL *y) {
  const place n = (place)count;
  INDEPENDENT for (place i = 0; i < n; i++) y[i] = CAT(EXP_, REAL)(x[i] - shift);
}

#define COLUMNS 32 /* of inner, taken together */

/* y = softmax(x), or its logarithm. */
API void F(hp_softmax_forward)(i64 logarithm, i64 outer, i64 classes, i64 inner, const REAL *x, REAL *y) {
  if (inner == 1) {
    for (i64 o = 0; o < outer; o++, x += classes, y += classes) {
      REAL most = -INF(REAL);
      for (i64 c = 0; c < classes; c++) most = x[c] > most ? x[c] : most;
      F(exp_row)(classes, x, most, y);
      REAL total = F(sum)(y, classes);
      if (logarithm) {
        REAL log_total = CAT(LOG_, REAL)(total);
        INDEPENDENT for (i64 c = 0; c < classes; c++) y[c] = x[c] - most - log_total;
      } else {
        REAL factor = 1 / total;
        INDEPENDENT for (i64 c = 0; c < classes; c++) y[c] *= factor;
      }
    }
    return;
  }
  for (i64 o = 0; o < outer; o++, x += classes * inner, y += classes * inner)
    for (i64 i0 = 0; i0 < inner; i0 += COLUMNS) {
      i64 n = smaller(COLUMNS, inner - i0);
      REAL most[COLUMNS], total[COLUMNS];
      for (i64 i = 0; i < n; i++) most[i] = -INF(REAL), total[i] = 0;
      for (i64 c = 0; c < classes; c++)
        for (i64 i = 0; i < n; i++) most[i] = x[c * inner + i0 + i] > most[i] ? x[c * inner + i0 + i] : most[i];
      for (i64 c = 0; c < classes; c++) {
        REAL *row = y + c * inner + i0;
        for (i64 i = 0; i < n; i++) row[i] = x[c * inner + i0 + i] - most[i];
        F(exp_row)(n, row, 0, row);
        for (i64 i = 0; i < n; i++) total[i] += row[i];
      }
      for (i64 i = 0; i < n; i++) total[i] = logarithm ? CAT(LOG_, REAL)(total[i]) : 1 / total[i];
      for (i64 c = 0; c < classes; c++)
        for (i64 i = 0; i < n; i++)
          if (logarithm) y[c * inner + i0 + i] = x[c * inner + i0 + i] - most[i] - total[i];
          else y[c * inner + i0 + i] *= total[i];
    }
}

/* gx from gy and the result y. */
API void F(hp_softmax_backward)(i64 logarithm, i64 outer, i64 classes, i64 inner, const REAL *y, const REAL *gy, REAL *gx) {
  for (i64 o = 0; o < outer; o++, y += classes * inner, gy += classes * inner, gx += classes * inner)
    for (i64 i0 = 0; i0 < inner; i0 += COLUMNS) {
      i64 n = smaller(COLUMNS, inner - i0);
      REAL total[COLUMNS] = {0};
      if (inner == 1) total[0] = logarithm ? F(sum)(gy, classes) : F(sum_of_products)(gy, y, classes);
      else
        for (i64 c = 0; c < classes; c++)
          for (i64 i = 0; i < n; i++) {
            i64 at = c * inner + i0 + i;
            total[i] += logarithm ? gy[at] : gy[at] * y[at];
          }
      for (i64 c = 0; c < classes; c++) {
        i64 at = c * inner + i0;
        if (logarithm) {
          F(exp_row)(n, y + at, 0, gx + at);
          for (i64 i = 0; i < n; i++) gx[at + i] = gy[at + i] - gx[at + i] * total[i];
        } else
          for (i64 i = 0; i < n; i++) gx[at + i] = y[at + i] * (gy[at + i] - total[i]);
      }
    }
}
#undef COLUMNS

/* loss[outer][inner] = -weight[target] * log_p[target], 0 where the target is `ignored`; weight may be null. totals: the sum of the
 * losses and of the weights they were taken with (the mean of PyTorch is their quotient). Returns -1, or the position of
 * the first target that is no class (nothing else is then to be used). */
API i64 F(hp_nll_forward)(i64 outer, i64 classes, i64 inner, const REAL *log_p, const i64 *target, const REAL *weight, i64 ignored,
                          REAL *loss, f64 *totals) {
  f64 sum = 0, weights = 0;
  for (i64 o = 0; o < outer; o++)
    for (i64 i = 0; i < inner; i++) {
      i64 t = target[o * inner + i];
      loss[o * inner + i] = 0;
      if (t == ignored) continue;
      if (t < 0 || t >= classes) return o * inner + i;
      REAL w = weight ? weight[t] : 1, value = -w * log_p[(o * classes + t) * inner + i];
      loss[o * inner + i] = value;
      sum += value, weights += w;
    }
  totals[0] = sum, totals[1] = weights;
  return -1;
}

/* gx, overwritten; g: the gradient of each loss, g_step 0 takes one for all; times `scale`. */
API void F(hp_nll_backward)(i64 outer, i64 classes, i64 inner, const i64 *target, const REAL *weight, i64 ignored, const REAL *g,
                            i64 g_step, f64 scale, REAL *gx) {
  for (i64 i = 0; i < outer * classes * inner; i++) gx[i] = 0;
  for (i64 o = 0; o < outer; o++)
    for (i64 i = 0; i < inner; i++) {
      i64 t = target[o * inner + i];
      if (t == ignored) continue;
      gx[(o * classes + t) * inner + i] = -(weight ? weight[t] : 1) * g[(o * inner + i) * g_step] * (REAL)scale;
    }
}

/* Cross-entropy of logits x with target classes, as nll of log_softmax, whose result it leaves in log_p; `smoothing` of the
 * target is spread over all classes. Returns and totals as nll_forward (the smoothed sum over the unsmoothed weights). */
API i64 F(hp_cross_entropy_forward)(i64 outer, i64 classes, i64 inner, const REAL *x, const i64 *target, const REAL *weight,
                                    i64 ignored, f64 smoothing, REAL *log_p, REAL *loss, f64 *totals) {
  F(hp_softmax_forward)(1, outer, classes, inner, x, log_p);
  i64 wrong = F(hp_nll_forward)(outer, classes, inner, log_p, target, weight, ignored, loss, totals);
  if (wrong >= 0 || smoothing == 0) return wrong;
  totals[0] = 0;
  for (i64 o = 0; o < outer; o++)
    for (i64 i = 0; i < inner; i++) {
      if (target[o * inner + i] == ignored) continue;
      f64 even = 0;
      for (i64 c = 0; c < classes; c++) even -= (weight ? weight[c] : 1) * log_p[(o * classes + c) * inner + i];
      f64 value = (1 - smoothing) * loss[o * inner + i] + smoothing / (f64)classes * even;
      loss[o * inner + i] = (REAL)value;
      totals[0] += value;
    }
  return -1;
}

/* gx, overwritten; g, g_step, scale as for nll_backward. */
API void F(hp_cross_entropy_backward)(i64 outer, i64 classes, i64 inner, const REAL *log_p, const i64 *target, const REAL *weight,
                                      i64 ignored, f64 smoothing, const REAL *g, i64 g_step, f64 scale, REAL *gx) {
  const REAL even = (REAL)(smoothing / (f64)classes), rest = (REAL)(1 - smoothing);
  REAL all = even * (REAL)classes;
  if (weight) all = even * F(sum)(weight, classes);
  F(exp_row)(outer * classes * inner, log_p, 0, gx);
  for (i64 o = 0; o < outer; o++, gx += classes * inner)
    for (i64 i = 0; i < inner; i++) {
      i64 t = target[o * inner + i];
      REAL factor = t == ignored ? 0 : g[(o * inner + i) * g_step] * (REAL)scale;
      REAL at_target = t == ignored ? 0 : rest * (weight ? weight[t] : 1), total = (at_target + all) * factor;
      for (i64 c = 0; c < classes; c++)
        if (t == ignored) gx[c * inner + i] = 0;
        else gx[c * inner + i] = gx[c * inner + i] * total - even * (weight ? weight[c] : 1) * factor;
      if (t != ignored) gx[t * inner + i] -= at_target * factor;
    }
}
