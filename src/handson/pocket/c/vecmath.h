/* exp, log, sin, cos, tanh, pow, erf: branch-free where loops over them are to be vectorised.
 *
 * Each is a reduction of the argument followed by the function's own power series, long enough for the reduced range.
 * float32 within about 2 ulp (tanh: 3), float64 within about 1e-15 relative (erf: 2e-15); infinities and NaN as IEEE 754 has them.
 * sin and cos: float64 within 1e-15 for |x| <= 1e5; beyond, their absolute error is about |x| * 2e-16, and what they give for
 * |x| > 1e15 means nothing (but lies in [-1, 1]).
 */

#if defined(__wasm__) /* float64 is there for exercises that compare: small rather than quick */
#define MATH_f64 static __attribute__((noinline, unused))
#else
#define MATH_f64 INLINE
#endif

#define LOG2E 1.44269504088896340736
#define LN2_HIGH 0.693147180369123816490 /* 32 bits: exact when multiplied with an exponent */
#define LN2_LOW 1.90821492927058770002e-10

INLINE f32 SQRT_f32(f32 x) { return __builtin_sqrtf(x); }
INLINE f64 SQRT_f64(f64 x) { return __builtin_sqrt(x); }
INLINE f32 FLOOR_f32(f32 x) { return __builtin_floorf(x); }
INLINE f64 FLOOR_f64(f64 x) { return __builtin_floor(x); }
INLINE f32 CEIL_f32(f32 x) { return __builtin_ceilf(x); }
INLINE f64 CEIL_f64(f64 x) { return __builtin_ceil(x); }
INLINE f32 TRUNC_f32(f32 x) { return __builtin_truncf(x); }
INLINE f64 TRUNC_f64(f64 x) { return __builtin_trunc(x); }
INLINE f32 ROUND_f32(f32 x) { return __builtin_rintf(x); } /* halves to even */
INLINE f64 ROUND_f64(f64 x) { return __builtin_rint(x); }
INLINE f32 ABS_f32(f32 x) { return __builtin_fabsf(x); }
INLINE f64 ABS_f64(f64 x) { return __builtin_fabs(x); }

/* 1 / k!, to be the coefficients of a series. */
#define EXP_SERIES_f32(r)                                                                          \
  (1 + r * (1 + r * (1 / 2.f + r * (1 / 6.f + r * (1 / 24.f + r * (1 / 120.f + r * (1 / 720.f + r * (1 / 5040.f))))))))

INLINE f32 EXP_f32(f32 x) {
  f32 limited = x > 89.f ? 89.f : x < -104.f ? -104.f : x;
  f32 shifted = limited * (f32)LOG2E + 12582912.f; /* the nearest integer, in the low bits */
  i32 n = (i32)bits_f32(shifted) - 0x4b400000;
  f32 whole = shifted - 12582912.f;
  f32 r = limited - whole * 0.693359375f - whole * -2.12194440e-4f;
  i32 half = n >> 1;
  f32 first = from_bits_f32((u32)(half + 127) << 23), second = from_bits_f32((u32)(n - half + 127) << 23);
  return EXP_SERIES_f32(r) * first * second;
}

INLINE f64 exp_series_f64(f64 r) {
  f64 sum = 1.0 / 6227020800.0;
  sum = sum * r + 1.0 / 479001600.0;
  sum = sum * r + 1.0 / 39916800.0;
  sum = sum * r + 1.0 / 3628800.0;
  sum = sum * r + 1.0 / 362880.0;
  sum = sum * r + 1.0 / 40320.0;
  sum = sum * r + 1.0 / 5040.0;
  sum = sum * r + 1.0 / 720.0;
  sum = sum * r + 1.0 / 120.0;
  sum = sum * r + 1.0 / 24.0;
  sum = sum * r + 1.0 / 6.0;
  sum = sum * r + 0.5;
  return sum * r * r + r; /* exp(r) - 1 */
}

MATH_f64 f64 EXP_f64(f64 x) {
  f64 limited = x > 710.0 ? 710.0 : x < -746.0 ? -746.0 : x;
  f64 shifted = limited * LOG2E + 6755399441055744.0;
  i64 n = (i64)(bits_f64(shifted) - bits_f64(6755399441055744.0));
  f64 whole = shifted - 6755399441055744.0;
  f64 r = (limited - whole * LN2_HIGH) - whole * LN2_LOW;
  i32 n32 = (i32)n, half = n32 >> 1;
  f64 first = from_bits_f64((u64)(half + 1023) << 52), second = from_bits_f64((u64)(n32 - half + 1023) << 52);
  return (1 + exp_series_f64(r)) * first * second;
}

/* exp(x) - 1 without cancellation. */
MATH_f64 f64 EXPM1_f64(f64 x) {
  f64 small = x > 0.35 ? 0.35 : x < -0.35 ? -0.35 : x;
  f64 near = exp_series_f64(small), far = EXP_f64(x) - 1;
  return x > 0.35 || x < -0.35 ? far : x != x ? x : near;
}

/* log(x) = e log 2 + 2 atanh(s), s = (m - 1) / (m + 1), x = 2^e m, m in [sqrt(1/2), sqrt(2)). */
INLINE f32 LOG_f32(f32 x) {
  i32 tiny = x < 1.17549435e-38f;
  f32 y = tiny ? x * 8388608.f : x;
  i32 b = (i32)bits_f32(y), e = (b - 0x3f3504f3) >> 23;
  f32 m = from_bits_f32((u32)(b - (e << 23)));
  f32 exponent = (f32)(e - (tiny ? 23 : 0));
  f32 f = m - 1, s = f / (2 + f), z = s * s;
  f32 rest = z * (2 / 3.f + z * (2 / 5.f + z * (2 / 7.f + z * (2 / 9.f + z * (2 / 11.f)))));
  /* 2s = f - s f: f is exact */
  f32 result = exponent * 0.693359375f + (f - (s * (f - rest) + exponent * 2.12194440e-4f));
  result = x == 0 ? -INF_f32 : x < 0 ? NAN_f32 : result;
  return x == INF_f32 || x != x ? x : result;
}

INLINE f64 atanh_rest(f64 z) { /* 2 (atanh(s) - s) / s of z = s * s */
  f64 sum = 2.0 / 23;
  sum = sum * z + 2.0 / 21;
  sum = sum * z + 2.0 / 19;
  sum = sum * z + 2.0 / 17;
  sum = sum * z + 2.0 / 15;
  sum = sum * z + 2.0 / 13;
  sum = sum * z + 2.0 / 11;
  sum = sum * z + 2.0 / 9;
  sum = sum * z + 2.0 / 7;
  sum = sum * z + 2.0 / 5;
  sum = sum * z + 2.0 / 3;
  return sum * z;
}

/* The exponent of x > 0, and the fraction in *m. */
INLINE f64 split_f64(f64 x, f64 *m) {
  i64 tiny = x < 2.2250738585072014e-308;
  f64 y = tiny ? x * 4503599627370496.0 : x;
  i64 b = (i64)bits_f64(y), e = (b - 0x3fe6a09e667f3bcdLL) >> 52;
  *m = from_bits_f64((u64)b - ((u64)e << 52));
  return (f64)((i32)e - (tiny ? 52 : 0));
}

MATH_f64 f64 LOG_f64(f64 x) {
  f64 m, exponent = split_f64(x, &m);
  f64 f = m - 1, s = f / (2 + f);
  f64 result = exponent * LN2_HIGH + (f - (s * (f - atanh_rest(s * s)) - exponent * LN2_LOW));
  result = x == 0 ? -INF_f64 : x < 0 ? NAN_f64 : result;
  return x == INF_f64 || x != x ? x : result;
}

/* x = n pi/2 + r, |r| <= pi/4; returns the last bits of n. */
INLINE i32 quarter_turns(f64 x, f64 *r) {
  f64 shifted = x * 0.63661977236758134308 + 6755399441055744.0, n = shifted - 6755399441055744.0;
  f64 rest = x - n * 1.57079632673412561417; /* pi/2 in pieces of 33 bits */
  rest -= n * 6.07710050630396597660e-11;
  rest -= n * 2.02226624879595063154e-21;
  rest = rest > 0.79 ? 0.79 : rest < -0.79 ? -0.79 : rest;
  *r = x - x == 0 ? rest : NAN_f64;
  return (i32)(bits_f64(shifted) & 3);
}
INLINE f64 sin_series(f64 r) {
  f64 z = r * r, sum = 1.0 / 355687428096000.0;
  sum = sum * z - 1.0 / 1307674368000.0;
  sum = sum * z + 1.0 / 6227020800.0;
  sum = sum * z - 1.0 / 39916800.0;
  sum = sum * z + 1.0 / 362880.0;
  sum = sum * z - 1.0 / 5040.0;
  sum = sum * z + 1.0 / 120.0;
  sum = sum * z - 1.0 / 6.0;
  return r + r * z * sum;
}
INLINE f64 cos_series(f64 r) {
  f64 z = r * r, sum = 1.0 / 20922789888000.0;
  sum = sum * z - 1.0 / 87178291200.0;
  sum = sum * z + 1.0 / 479001600.0;
  sum = sum * z - 1.0 / 3628800.0;
  sum = sum * z + 1.0 / 40320.0;
  sum = sum * z - 1.0 / 720.0;
  sum = sum * z + 1.0 / 24.0;
  return 1 - (0.5 * z - z * z * sum);
}
MATH_f64 f64 sin_cos_f64(f64 x, i32 shift) {
  f64 r;
  i32 n = quarter_turns(x, &r) + shift;
  f64 value = n & 1 ? cos_series(r) : sin_series(r);
  return n & 2 ? -value : value;
}
MATH_f64 f64 SIN_f64(f64 x) { return x == 0 ? x : sin_cos_f64(x, 0); }
MATH_f64 f64 COS_f64(f64 x) { return sin_cos_f64(x, 1); }
/* The argument is reduced in double; the rest is small enough for float32. */
INLINE f32 sin_cos_f32(f32 x, i32 shift) {
  f64 rest;
  i32 n = quarter_turns(x, &rest) + shift;
  f32 r = (f32)rest, z = r * r;
  f32 sine = r + r * z * (-1 / 6.f + z * (1 / 120.f + z * (-1 / 5040.f + z * (1 / 362880.f))));
  f32 cosine = 1 - (0.5f * z - z * z * (1 / 24.f + z * (-1 / 720.f + z * (1 / 40320.f + z * (-1 / 3628800.f)))));
  f32 value = n & 1 ? cosine : sine;
  return n & 2 ? -value : value;
}
INLINE f32 SIN_f32(f32 x) { return x == 0 ? x : sin_cos_f32(x, 0); }
INLINE f32 COS_f32(f32 x) { return sin_cos_f32(x, 1); }

INLINE f32 TANH_f32(f32 x) {
  f32 a = ABS_f32(x), large = a > 10.f ? 10.f : a, small = a > 0.5f ? 0.5f : a;
  f32 far = 1 - 2 / (EXP_f32(2 * large) + 1);
  f32 r = 2 * small;
  f32 t = r * (1 + r * (1 / 2.f + r * (1 / 6.f + r * (1 / 24.f + r * (1 / 120.f + r * (1 / 720.f + r * (1 / 5040.f +
          r * (1 / 40320.f + r * (1 / 362880.f + r * (1 / 3628800.f))))))))));
  f32 value = a > 0.5f ? far : t / (t + 2);
  return x != x ? x : __builtin_copysignf(value, x);
}
MATH_f64 f64 TANH_f64(f64 x) {
  f64 a = ABS_f64(x), t = EXPM1_f64(a > 0.17 ? 0.17 * 2 : 2 * a);
  f64 value = a > 0.17 ? 1 - 2 / (EXP_f64(a > 20 ? 40 : 2 * a) + 1) : t / (t + 2);
  return x != x ? x : __builtin_copysign(value, x);
}

/* a * b = product + *error exactly: T. Dekker, A floating-point technique for extending the available precision (1971). */
INLINE f64 two_product(f64 a, f64 b, f64 *error) {
  volatile f64 ca = 134217729.0 * a, cb = 134217729.0 * b; /* volatile: not to be contracted */
  volatile f64 da = ca - a, db = cb - b;
  f64 ah = ca - da, bh = cb - db, al = a - ah, bl = b - bh;
  volatile f64 p = a * b;
  volatile f64 e1 = ah * bh - p, e2 = e1 + ah * bl, e3 = e2 + al * bh;
  *error = e3 + al * bl;
  return p;
}

/* |x|^y for finite x > 0, x != 1, with the logarithm in two parts. */
INLINE f64 power_of_positive(f64 x, f64 y) {
  f64 m, exponent = split_f64(x, &m), f = m - 1, d = 2 + f, error;
  f64 s = f / d, p = two_product(s, d, &error);
  volatile f64 d_low = f - (d - 2); /* what 2 + f lost */
  f64 s_low = (((f - p) - error) - s * d_low) / d;
  f64 high = 2 * s, base = exponent * LN2_HIGH;
  volatile f64 sum = base + high;
  volatile f64 back = sum - base;
  f64 rest = (high - back) + (base - (sum - back)) + (2 * s_low + s * atanh_rest(s * s) + exponent * LN2_LOW);
  volatile f64 log_high = sum + rest;
  f64 log_low = rest - (log_high - sum);
  if (!(ABS_f64(log_high * y) < 1e4)) return EXP_f64(log_high * y);
  f64 product_low, product = two_product(log_high, y, &product_low);
  return EXP_f64(product) * (1 + (product_low + log_low * y));
}

NOINLINE f64 POW_f64(f64 x, f64 y) {
  if (y == 0 || x == 1) return 1;
  if (x != x || y != y) return x + y;
  f64 a = ABS_f64(x);
  i32 whole = TRUNC_f64(y) == y, odd = whole && ABS_f64(y) < 9007199254740992.0 && TRUNC_f64(y / 2) * 2 != y;
  f64 value;
  if (a == 1) value = 1;
  else if (a == 0 || a == INF_f64) value = (a == 0) == (y < 0) ? INF_f64 : 0;
  else value = power_of_positive(a, y);
  if (x < 0 && !whole && a != INF_f64) return NAN_f64;
  return odd && __builtin_signbit(x) ? -value : value;
}
__attribute__((unused)) NOINLINE f32 POW_f32(f32 x, f32 y) { return (f32)POW_f64(x, y); }

/* erf(x) = 2/sqrt(pi) exp(-x^2) sum 2^k x^(2k+1) / (2k+1)!!  (Abramowitz, Stegun 7.1.6) below 2.5, and 1 - erfc(x) by the
 * continued fraction (7.1.14) above. */
NOINLINE f64 ERF_f64(f64 x) {
  f64 a = ABS_f64(x), z = a * a, value;
  if (!(a < 6)) value = a != a ? a : 1;
  else if (a < 2.5) {
    f64 term = a, sum = a;
    for (i32 k = 1; term > sum * 1e-17; k++) term *= 2 * z / (2 * k + 1), sum += term;
    value = 1.12837916709551257390 * EXP_f64(-z) * sum;
  } else {
    f64 fraction = a;
    for (i32 k = 40; k > 0; k--) fraction = a + k * 0.5 / fraction;
    value = 1 - EXP_f64(-z) * 0.56418958354775628695 / fraction;
  }
  return x < 0 ? -value : value;
}
__attribute__((unused)) NOINLINE f32 ERF_f32(f32 x) { return (f32)ERF_f64(x); }

/* atan: halved twice by atan(x) = 2 atan(x / (1 + sqrt(1 + x^2))), then its series. */
INLINE f64 atan_positive(f64 x) {
  f64 y = x > 1 ? 1 / x : x;
  y = y / (1 + SQRT_f64(1 + y * y));
  y = y / (1 + SQRT_f64(1 + y * y));
  f64 z = y * y, sum = 0;
  for (i32 k = 27; k >= 1; k -= 2) sum = 1.0 / k - z * sum;
  f64 value = 4 * y * sum;
  return x > 1 ? 1.57079632679489661923 - value : value;
}
__attribute__((unused)) NOINLINE f64 ATAN2_f64(f64 y, f64 x) {
  if (x != x || y != y) return x + y;
  f64 ax = ABS_f64(x), ay = ABS_f64(y), value;
  if (ax == INF_f64 && ay == INF_f64) value = 0.78539816339744830962;
  else if (ay == 0) value = 0;
  else value = atan_positive(ay / ax);
  if (__builtin_signbit(x)) value = 3.14159265358979323846 - value;
  return __builtin_copysign(value, y);
}
