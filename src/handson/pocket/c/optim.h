/* One step of an optimiser, in one pass over each parameter, as PyTorch 2 defines them (without foreach, capturable, differentiable).
 *
 * What each exported function is given is a table with a row for each parameter: the count of its numbers, then the addresses of its
 * values, its gradient, and what the optimiser keeps for it. */

#define ADDRESS(k) ((REAL *)(place)row[k])

/* momentum_buffer is null without momentum; `first`: it is not filled yet. */
static void F(sgd)(i64 count, REAL *p, const REAL *g, REAL *momentum_buffer, i64 first, f64 lr, f64 momentum, f64 dampening,
                   f64 weight_decay, i64 nesterov, i64 maximize) {
  const REAL sign = maximize ? -1 : 1, decay = (REAL)weight_decay, m = (REAL)momentum, take = (REAL)(1 - dampening), step = (REAL)lr;
  const place n = (place)count;
  if (!momentum_buffer) {
    INDEPENDENT for (place i = 0; i < n; i++) p[i] -= step * (sign * g[i] + decay * p[i]);
    return;
  }
  INDEPENDENT for (place i = 0; i < n; i++) {
    REAL d = sign * g[i] + decay * p[i];
    REAL b = first ? d : m * momentum_buffer[i] + take * d;
    momentum_buffer[i] = b;
    p[i] -= step * (nesterov ? d + m * b : b);
  }
}

API void F(hp_sgd)(i64 rows, const i64 *row, i64 first, f64 lr, f64 momentum, f64 dampening, f64 weight_decay, i64 nesterov,
                   i64 maximize) {
  for (; rows > 0; rows--, row += 4)
    F(sgd)(row[0], ADDRESS(1), ADDRESS(2), ADDRESS(3), first, lr, momentum, dampening, weight_decay, nesterov, maximize);
}

/* Adam, and AdamW if `decoupled`. step counts from 1; most_square is null without amsgrad. */
static void F(adam)(i64 count, REAL *p, const REAL *g, REAL *mean, REAL *square, REAL *most_square, i64 step, f64 lr, f64 beta1, f64 beta2,
                    f64 eps, f64 weight_decay, i64 decoupled, i64 maximize) {
  const place n = (place)count;
  const f64 correction1 = 1 - POW_f64(beta1, (f64)step), correction2 = SQRT_f64(1 - POW_f64(beta2, (f64)step));
  const REAL sign = maximize ? -1 : 1, decay = (REAL)(decoupled ? 0 : weight_decay);
  const REAL keep = decoupled ? (REAL)(1 - lr * weight_decay) : 1, take1 = (REAL)(1 - beta1), keep2 = (REAL)beta2;
  const REAL take2 = (REAL)(1 - beta2), root = (REAL)(1 / correction2), rate = (REAL)(lr / correction1), e = (REAL)eps;
  INDEPENDENT for (place i = 0; i < n; i++) {
    REAL d = sign * g[i] + decay * p[i];
    REAL m = mean[i] + (d - mean[i]) * take1, s = square[i] * keep2 + d * d * take2;
    mean[i] = m, square[i] = s;
    if (most_square) {
      s = s > most_square[i] || s != s ? s : most_square[i];
      most_square[i] = s;
    }
    p[i] = p[i] * keep - rate * (m / (CAT(SQRT_, REAL)(s) * root + e));
  }
}

API void F(hp_adam)(i64 rows, const i64 *row, i64 step, f64 lr, f64 beta1, f64 beta2, f64 eps, f64 weight_decay, i64 decoupled,
                    i64 maximize) {
  for (; rows > 0; rows--, row += 6)
    F(adam)(row[0], ADDRESS(1), ADDRESS(2), ADDRESS(3), ADDRESS(4), ADDRESS(5), step, lr, beta1, beta2, eps, weight_decay, decoupled,
            maximize);
}

/* mean is null unless centered; momentum_buffer is null without momentum. */
static void F(rmsprop)(i64 n, REAL *p, const REAL *g, REAL *square, REAL *mean, REAL *momentum_buffer, f64 lr, f64 alpha, f64 eps,
                       f64 weight_decay, f64 momentum, i64 maximize) {
  const REAL sign = maximize ? -1 : 1, decay = (REAL)weight_decay, keep = (REAL)alpha, take = (REAL)(1 - alpha);
  for (i64 i = 0; i < n; i++) {
    REAL d = sign * g[i] + decay * p[i], s = square[i] = square[i] * keep + d * d * take;
    if (mean) {
      REAL m = mean[i] += (d - mean[i]) * take;
      s -= m * m;
    }
    d /= CAT(SQRT_, REAL)(s) + (REAL)eps;
    if (momentum_buffer) d = momentum_buffer[i] = (REAL)momentum * momentum_buffer[i] + d;
    p[i] -= (REAL)lr * d;
  }
}

API void F(hp_rmsprop)(i64 rows, const i64 *row, f64 lr, f64 alpha, f64 eps, f64 weight_decay, f64 momentum, i64 maximize) {
  for (; rows > 0; rows--, row += 6)
    F(rmsprop)(row[0], ADDRESS(1), ADDRESS(2), ADDRESS(3), ADDRESS(4), ADDRESS(5), lr, alpha, eps, weight_decay, momentum, maximize);
}

/* step counts from 1. */
static void F(adagrad)(i64 n, REAL *p, const REAL *g, REAL *sum, i64 step, f64 lr, f64 lr_decay, f64 eps, f64 weight_decay,
                       i64 maximize) {
  const REAL sign = maximize ? -1 : 1, decay = (REAL)weight_decay, rate = (REAL)(lr / (1 + (f64)(step - 1) * lr_decay));
  for (i64 i = 0; i < n; i++) {
    REAL d = sign * g[i] + decay * p[i], s = sum[i] += d * d;
    p[i] -= rate * (d / (CAT(SQRT_, REAL)(s) + (REAL)eps));
  }
}

API void F(hp_adagrad)(i64 rows, const i64 *row, i64 step, f64 lr, f64 lr_decay, f64 eps, f64 weight_decay, i64 maximize) {
  for (; rows > 0; rows--, row += 4)
    F(adagrad)(row[0], ADDRESS(1), ADDRESS(2), ADDRESS(3), step, lr, lr_decay, eps, weight_decay, maximize);
}
#undef ADDRESS
