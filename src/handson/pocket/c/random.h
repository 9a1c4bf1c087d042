/* The Mersenne twister, and numbers drawn from it in PyTorch's order, so that a seed means the same here and there.
 *
 * Source: M. Matsumoto, T. Nishimura, Mersenne Twister: a 623-dimensionally equidistributed uniform pseudo-random number
 * generator, ACM TOMACS 8 (1998).
 */

typedef struct {
  u32 state[624];
  i32 at, has_next;
  f64 next_normal;
} twister;

API i64 hp_twister_size(void) { return sizeof(twister); }

API void hp_seed(twister *t, u64 seed) {
  t->state[0] = (u32)seed;
  for (u32 i = 1; i < 624; i++) t->state[i] = 1812433253u * (t->state[i - 1] ^ (t->state[i - 1] >> 30)) + i;
  t->at = 624, t->has_next = 0, t->next_normal = 0;
}

static void twist(twister *t) {
  u32 *s = t->state;
  for (int i = 0; i < 624; i++) {
    u32 y = (s[i] & 0x80000000u) | (s[(i + 1) % 624] & 0x7fffffffu);
    s[i] = s[(i + 397) % 624] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
  }
  t->at = 0;
}

static inline u32 draw(twister *t) {
  if (t->at >= 624) twist(t);
  u32 y = t->state[t->at++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}
static inline u64 draw64(twister *t) {
  u64 high = draw(t);
  return high << 32 | draw(t);
}
static inline f32 unit_f32(twister *t) { return (f32)(draw(t) & 0xffffff) * (1.0f / 16777216.0f); }
static inline f64 unit_f64(twister *t) { return (f64)(draw64(t) & 0x1fffffffffffffULL) * (1.0 / 9007199254740992.0); }

API void hp_uniform(i64 dtype, twister *t, i64 n, void *out, f64 low, f64 high) {
  if (dtype == DT_F32)
    for (i64 i = 0; i < n; i++) ((f32 *)out)[i] = unit_f32(t) * ((f32)high - (f32)low) + (f32)low;
  else
    for (i64 i = 0; i < n; i++) ((f64 *)out)[i] = unit_f64(t) * (high - low) + low;
}

/* Sixteen normal numbers from sixteen uniform ones in place: G. Box, M. Muller, A note on the generation of random normal
 * deviates (1958). */
static void normal16_f32(f32 *v, f32 mean, f32 std) {
  for (int i = 0; i < 8; i++) {
    f32 radius = SQRT_f32(-2 * LOG_f32(1 - v[i])), angle = 6.28318530717958647693f * v[i + 8];
    v[i] = radius * COS_f32(angle) * std + mean;
    v[i + 8] = radius * SIN_f32(angle) * std + mean;
  }
}
static void normal16_f64(f64 *v, f64 mean, f64 std) {
  for (int i = 0; i < 8; i++) {
    f64 radius = SQRT_f64(-2 * LOG_f64(1 - v[i])), angle = 6.28318530717958647693 * v[i + 8];
    v[i] = radius * COS_f64(angle) * std + mean;
    v[i + 8] = radius * SIN_f64(angle) * std + mean;
  }
}
static f64 normal_one(twister *t, f64 mean, f64 std) {
  if (t->has_next) {
    t->has_next = 0;
    return t->next_normal * std + mean;
  }
  f64 u1 = unit_f64(t), u2 = unit_f64(t), radius = SQRT_f64(-2 * rare_f64(U_LOG1P, -u2));
  f64 angle = 6.28318530717958647693 * u1;
  t->next_normal = radius * SIN_f64(angle), t->has_next = 1;
  return radius * COS_f64(angle) * std + mean;
}

API void hp_normal(i64 dtype, twister *t, i64 n, void *out, f64 mean, f64 std) {
  if (n < 16) {
    for (i64 i = 0; i < n; i++) {
      f64 value = normal_one(t, mean, std);
      if (dtype == DT_F32) ((f32 *)out)[i] = (f32)value;
      else ((f64 *)out)[i] = value;
    }
    return;
  }
  hp_uniform(dtype, t, n, out, 0, 1);
  for (i64 i = 0; i + 16 <= n; i += 16)
    if (dtype == DT_F32) normal16_f32((f32 *)out + i, (f32)mean, (f32)std);
    else normal16_f64((f64 *)out + i, mean, std);
  if (n % 16) { /* the last sixteen anew */
    if (dtype == DT_F32) {
      hp_uniform(dtype, t, 16, (f32 *)out + n - 16, 0, 1);
      normal16_f32((f32 *)out + n - 16, (f32)mean, (f32)std);
    } else {
      hp_uniform(dtype, t, 16, (f64 *)out + n - 16, 0, 1);
      normal16_f64((f64 *)out + n - 16, mean, std);
    }
  }
}

API void hp_integers(twister *t, i64 n, i64 *out, i64 low, u64 range) {
  for (i64 i = 0; i < n; i++) out[i] = (i64)((range >= 1ULL << 32 ? draw64(t) : draw(t)) % range) + low;
}

API void hp_permutation(twister *t, i64 n, i64 *out) {
  for (i64 i = 0; i < n; i++) out[i] = i;
  for (i64 i = 0; i < n - 1; i++) {
    i64 other = i + (i64)(draw(t) % (u64)(n - i)), value = out[i];
    out[i] = out[other], out[other] = value;
  }
}

/* 1 with the probability at the same place (or at one place for all: stride 0). */
API void hp_bernoulli(twister *t, i64 n, u8 *out, const f64 *probability, i64 stride) {
  for (i64 i = 0; i < n; i++) out[i] = unit_f64(t) < probability[i * stride];
}

/* One index per row of weights (rows, n), each row's sum positive, with replacement. */
API void hp_multinomial(twister *t, i64 rows, i64 n, i64 samples, const f64 *weights, i64 *out) {
  for (i64 r = 0; r < rows; r++) {
    f64 total = 0;
    for (i64 i = 0; i < n; i++) total += weights[r * n + i];
    for (i64 s = 0; s < samples; s++) {
      f64 left = unit_f64(t) * total;
      i64 at = 0;
      while (at < n - 1 && (left -= weights[r * n + at]) >= 0) at++;
      out[r * samples + s] = at;
    }
  }
}
