/* One value after the other, over any strides: unary and binary functions, choice, conversion.
 *
 * Each function is written once per type, as a loop over neighbours. What lies otherwise, or is of another type, passes
 * through a small block of memory: so the code stays small enough for a page, and the loops that matter are vectorised.
 *
 * A plan describes the loops of a call with K arrays (the result first): plan[0] is the number of dimensions, then come
 * the shape and, for each array, its strides in elements. Python has merged the dimensions that can be merged.
 */

#define MOST_DIMENSIONS 16

typedef struct {
  i64 dimensions, rows, length;
  const i64 *shape;
  i64 index[MOST_DIMENSIONS];
} walk;

static inline void walk_begin(walk *w, const i64 *plan) {
  w->dimensions = plan[0];
  w->shape = plan + 1;
  w->rows = 1;
  for (i64 d = 0; d < w->dimensions; d++) w->index[d] = 0;
  for (i64 d = 0; d < w->dimensions - 1; d++) w->rows *= w->shape[d];
  w->length = w->dimensions ? w->shape[w->dimensions - 1] : 1;
}

static inline const i64 *strides_of(const i64 *plan, int array) { return plan + 1 + plan[0] * (1 + array); }
static inline i64 inner_stride(const i64 *plan, int array) {
  return plan[0] ? strides_of(plan, array)[plan[0] - 1] : 0;
}

/* To the next row (all dimensions but the last), moving the offset of each array along. */
NOINLINE void walk_next(walk *w, const i64 *plan, i64 *offset, int arrays) {
  for (i64 d = w->dimensions - 2; d >= 0; d--) {
    int carry = ++w->index[d] == w->shape[d];
    for (int k = 0; k < arrays; k++) {
      i64 stride = strides_of(plan, k)[d];
      offset[k] += carry ? -stride * (w->shape[d] - 1) : stride;
    }
    if (!carry) return;
    w->index[d] = 0;
  }
}

#define STRIP 512

/* n elements of `dtype`, `stride` apart, as neighbours of another type: in place where they are that already, or copied
 * into `block`. */
#define LOADER(T, OWN)                                                                          \
  NOINLINE const T *read_##T(i64 dtype, const void *from, i64 stride, i64 n, T *block) {        \
    if (dtype == OWN && stride == 1) return (const T *)from;                                    \
    switch (dtype) {                                                                            \
      case DT_F32: for (i64 i = 0; i < n; i++) block[i] = TO_##T(((const f32 *)from)[i * stride]); break; \
      case DT_F64: for (i64 i = 0; i < n; i++) block[i] = TO_##T(((const f64 *)from)[i * stride]); break; \
      case DT_I64: for (i64 i = 0; i < n; i++) block[i] = (T)((const i64 *)from)[i * stride]; break; \
      case DT_I32: for (i64 i = 0; i < n; i++) block[i] = (T)((const i32 *)from)[i * stride]; break; \
      default: for (i64 i = 0; i < n; i++) block[i] = (T)((const u8 *)from)[i * stride];        \
    }                                                                                           \
    return block;                                                                               \
  }
/* A float that no whole number stands for: wasm would trap, and C does not say. */
INLINE i64 whole(f64 x) {
  return x >= -9223372036854775808.0 && x < 9223372036854775808.0 ? (i64)x : (i64)(1ULL << 63);
}
#define TO_f32(x) (f32)(x)
#define TO_f64(x) (f64)(x)
#define TO_i64(x) whole(x)
LOADER(f32, DT_F32)
LOADER(f64, DT_F64)
LOADER(i64, DT_I64)

/* Where n results of `dtype` can be written as neighbours: in place, or in `block`, from where `write` takes them. */
INLINE void *placed(i64 dtype, i64 own, void *to, i64 stride, void *block) {
  return dtype == own && stride == 1 ? to : block;
}
NOINLINE void write(i64 dtype, void *to, i64 stride, i64 n, i64 from_dtype, const void *from) {
  if (from == to) return;
  for (i64 i = 0; i < n; i++) {
    f64 x = from_dtype == DT_F32 ? ((const f32 *)from)[i] : from_dtype == DT_F64 ? ((const f64 *)from)[i] : 0;
    i64 k = from_dtype == DT_I64 ? ((const i64 *)from)[i] : from_dtype == DT_BOOL ? ((const u8 *)from)[i] : 0;
    switch (dtype) {
      case DT_F32: ((f32 *)to)[i * stride] = from_dtype < DT_F32 ? (f32)k : (f32)x; break;
      case DT_F64: ((f64 *)to)[i * stride] = from_dtype < DT_F32 ? (f64)k : x; break;
      case DT_I64: ((i64 *)to)[i * stride] = k; break;
      case DT_I32: ((i32 *)to)[i * stride] = (i32)k; break;
      default: ((u8 *)to)[i * stride] = (u8)k;
    }
  }
}
INLINE i64 size_of(i64 dtype) { return dtype == DT_F32 || dtype == DT_I32 ? 4 : dtype >= DT_I64 ? 8 : 1; }
/* The type that a dtype is computed in. */
INLINE i64 computed_in(i64 dtype) { return dtype >= DT_I64 ? dtype : DT_I64; }
typedef union { f32 f[STRIP]; f64 d[STRIP]; i64 l[STRIP]; u8 b[STRIP]; } strip;

/* n elements as neighbours of the type they are computed in. */
NOINLINE const void *read(i64 kind, i64 dtype, const void *from, i64 stride, i64 n, strip *block) {
  if (kind == DT_F32) return read_f32(dtype, from, stride, n, block->f);
  if (kind == DT_F64) return read_f64(dtype, from, stride, n, block->d);
  return read_i64(dtype, from, stride, n, block->l);
}

enum { /* the order is that of kernels.UNARY */
  U_NEG, U_ABS, U_SIGN, U_SQUARE, U_SQRT, U_RSQRT, U_RECIPROCAL, U_EXP, U_LOG, U_SIN, U_COS, U_TANH, U_SIGMOID, U_RELU,
  U_FLOOR, U_CEIL, U_ROUND, U_TRUNC, U_ERF, U_EXPM1, U_LOG1P, U_GELU, U_SILU, U_ISNAN, U_ISFINITE,
  U_LOGICAL_NOT, U_TAN, U_ATAN, U_ASIN, U_ACOS, U_SINH, U_COSH, U_LOG2, U_LOG10, U_BITWISE_NOT, U_ISINF
};

enum { /* the order is that of kernels.BINARY */
  B_ADD, B_SUB, B_MUL, B_DIV, B_MAXIMUM, B_MINIMUM, B_POW, B_FLOOR_DIVIDE, B_REMAINDER, B_FMOD, B_ATAN2,
  B_EQ, B_NE, B_LT, B_LE, B_GT, B_GE, B_AND, B_OR, B_XOR,
  /* gradients, of x (the gradient that came) and y (the operand or the result) */
  B_RELU_GRAD, B_TANH_GRAD, B_SIGMOID_GRAD, B_ABS_GRAD, B_GELU_GRAD, B_SILU_GRAD, B_LEAKY_RELU
};


/* Functions that no inner loop waits for. */
static __attribute__((noinline)) f64 rare_f64(i64 op, f64 x) {
  switch (op) {
    case U_ERF: return ERF_f64(x);
    case U_EXPM1: {
      if (x > 0.3 || x < -0.3) return EXP_f64(x) - 1;
      f64 term = x, sum = x;
      for (int k = 2; k < 18; k++) term *= x / k, sum += term;
      return sum;
    }
    case U_LOG1P: {
      f64 y = 1 + x;
      return y == 1 ? x : y - 1 == y ? LOG_f64(y) : LOG_f64(y) * (x / (y - 1));
    }
    case U_GELU: return 0.5 * x * (1 + ERF_f64(x * 0.70710678118654752440));
    case U_SILU: return x / (1 + EXP_f64(-x));
    case U_TAN: return SIN_f64(x) / COS_f64(x);
    case U_ATAN: return ATAN2_f64(x, 1);
    case U_ASIN: return ATAN2_f64(x, SQRT_f64((1 - x) * (1 + x)));
    case U_ACOS: return ATAN2_f64(SQRT_f64((1 - x) * (1 + x)), x);
    case U_SINH: {
      f64 e = rare_f64(U_EXPM1, x);
      return x > 40 || x < -40 ? (EXP_f64(x) - EXP_f64(-x)) / 2 : (e + e / (e + 1)) / 2;
    }
    case U_COSH: return (EXP_f64(x) + EXP_f64(-x)) / 2;
    case U_LOG2: return LOG_f64(x) * 1.44269504088896340736;
    case U_LOG10: return LOG_f64(x) * 0.43429448190325182765;
  }
  return 0;
}

/* Four floats at a time, where the compiler saves bytes and vectorises nothing by itself: in wasm. EXPR is arithmetic, so
 * that it serves vectors and single numbers alike. */
#if defined(__wasm__)
typedef f32 four __attribute__((vector_size(16), aligned(4)));
typedef i32 four_bits __attribute__((vector_size(16), aligned(4)));
#define FOURS1(EXPR)                                                                            \
  for (; i + 4 <= n; i += 4) { four x = *(const four *)(a + i); *(four *)(o + i) = (four)(EXPR); }
#define FOURS2(EXPR)                                                                            \
  for (; i + 4 <= n; i += 4) {                                                                  \
    four x = *(const four *)(a + i), y = *(const four *)(b + i);                                \
    *(four *)(o + i) = (four)(EXPR);                                                            \
  }
#define BITS(v) ((four_bits)(v))
#define QUICK1_f32(FOURS, EXPR) { f32 *o = (f32 *)out; i64 i = 0; FOURS1(FOURS) for (; i < n; i++) { x = a[i]; o[i] = EXPR; } break; }
#define QUICK2_f32(FOURS, EXPR) \
  { f32 *o = (f32 *)out; i64 i = 0; FOURS2(FOURS) for (; i < n; i++) { x = a[i], y = b[i]; o[i] = EXPR; } break; }
#else
#define QUICK1_f32(FOURS, EXPR) FOR1(f32, EXPR)
#define QUICK2_f32(FOURS, EXPR) FOR2(f32, EXPR)
#endif
#define QUICK1_f64(FOURS, EXPR) FOR1(f64, EXPR)
#define QUICK2_f64(FOURS, EXPR) FOR2(f64, EXPR)

AS_QUICK_AS_CAN_BE
NOINLINE void copy_neighbours(void *to, const void *from, i64 bytes) {
#if defined(__wasm__) /* one instruction, for which the browser has the processor's best way */
  __builtin_memcpy(to, from, (place)bytes);
#else
  INDEPENDENT for (place i = 0; i < (place)bytes; i++) ((u8 *)to)[i] = ((const u8 *)from)[i];
#endif
}

/* The functions that networks spend their time in: vectorised in wasm too. */
NOINLINE void slow_functions_f32(i64 op, f32 *o, const f32 *a, i64 n) {
#define FOR(EXPR) INDEPENDENT for (place i = 0; i < (place)n; i++) { f32 x = a[i]; o[i] = EXPR; } break;
  switch (op) {
    case U_SQRT: FOR(SQRT_f32(x))
    case U_EXP: FOR(EXP_f32(x))
    case U_LOG: FOR(LOG_f32(x))
    case U_SIN: FOR(SIN_f32(x))
    case U_COS: FOR(COS_f32(x))
    case U_TANH: FOR(TANH_f32(x))
    case U_SILU: FOR(x / (1 + EXP_f32(-x)))
    default: FOR(1 / (1 + EXP_f32(-x))) /* U_SIGMOID */
  }
#undef FOR
}
AS_SMALL_AS_CAN_BE
#define SLOW_f32(LOOP) slow_functions_f32(op, (f32 *)out, a, n); break;
#define SLOW_f64(LOOP) LOOP

/* FOR: the loop of one function, EXPR, over neighbours. */
#define FOR1(R, EXPR) { R *o = (R *)out; INDEPENDENT for (i64 i = 0; i < n; i++) { x = a[i]; o[i] = (R)(EXPR); } break; }
#define UNARY_FLOAT(T)                                                                          \
  NOINLINE void unary_##T(i64 op, void *out, const T *a, i64 n) {                               \
    T x;                                                                                        \
    switch (op) {                                                                               \
      case U_NEG: QUICK1_##T(-x, -x)                                                            \
      case U_ABS: QUICK1_##T(BITS(x) & 0x7fffffff, ABS_##T(x))                                  \
      case U_SIGN: FOR1(T, (T)((x > 0) - (x < 0)))                                              \
      case U_SQUARE: QUICK1_##T(x * x, x * x)                                                   \
      case U_SQRT: SLOW_##T(FOR1(T, SQRT_##T(x)))                                               \
      case U_RSQRT: FOR1(T, 1 / SQRT_##T(x))                                                    \
      case U_RECIPROCAL: FOR1(T, 1 / x)                                                         \
      case U_EXP: SLOW_##T(FOR1(T, EXP_##T(x)))                                                 \
      case U_LOG: SLOW_##T(FOR1(T, LOG_##T(x)))                                                 \
      case U_SIN: SLOW_##T(FOR1(T, SIN_##T(x)))                                                 \
      case U_COS: SLOW_##T(FOR1(T, COS_##T(x)))                                                 \
      case U_TANH: SLOW_##T(FOR1(T, TANH_##T(x)))                                               \
      case U_SIGMOID: SLOW_##T(FOR1(T, 1 / (1 + EXP_##T(-x))))                                  \
      case U_SILU: SLOW_##T(FOR1(T, (T)rare_f64(op, x)))                                        \
      case U_RELU: QUICK1_##T(~BITS(x < 0) & BITS(x), x < 0 ? 0 : x)                            \
      case U_FLOOR: FOR1(T, FLOOR_##T(x))                                                       \
      case U_CEIL: FOR1(T, CEIL_##T(x))                                                         \
      case U_ROUND: FOR1(T, ROUND_##T(x))                                                       \
      case U_TRUNC: FOR1(T, TRUNC_##T(x))                                                       \
      case U_ISNAN: FOR1(u8, x != x)                                                            \
      case U_ISFINITE: FOR1(u8, x - x == 0)                                                     \
      case U_ISINF: FOR1(u8, x == x && x - x != 0)                                              \
      case U_LOGICAL_NOT: FOR1(u8, x == 0)                                                      \
      default:                                                                                  \
        for (i64 i = 0; i < n; i++) ((T *)out)[i] = (T)rare_f64(op, a[i]);                      \
    }                                                                                           \
  }
UNARY_FLOAT(f32)
UNARY_FLOAT(f64)

NOINLINE void unary_i64(i64 op, void *out, const i64 *a, i64 n) {
  i64 x;
  switch (op) {
    case U_NEG: FOR1(i64, -x)
    case U_ABS: FOR1(i64, x < 0 ? -x : x)
    case U_SIGN: FOR1(i64, (x > 0) - (x < 0))
    case U_SQUARE: FOR1(i64, x * x)
    case U_RELU: FOR1(i64, x < 0 ? 0 : x)
    case U_ISNAN: case U_ISINF: FOR1(u8, 0 * x)
    case U_ISFINITE: FOR1(u8, 0 * x + 1)
    case U_LOGICAL_NOT: FOR1(u8, x == 0)
    case U_BITWISE_NOT: FOR1(i64, ~x)
    default: FOR1(i64, x)
  }
}

static int is_test(i64 op) {
  return op == U_ISNAN || op == U_ISFINITE || op == U_ISINF || op == U_LOGICAL_NOT;
}

/* dtype: of the operand; tests give bool. */
API void hp_unary(i64 op, i64 dtype, const i64 *plan, void *out, const void *in) {
  if (dtype == DT_BOOL && op == U_BITWISE_NOT) op = U_LOGICAL_NOT;
  i64 kind = computed_in(dtype), result = is_test(op) ? DT_BOOL : kind, out_dtype = is_test(op) ? DT_BOOL : dtype;
  i64 so = inner_stride(plan, 0), sa = inner_stride(plan, 1), offset[2] = {0, 0};
  strip a_block, o_block;
  walk w;
  walk_begin(&w, plan);
  for (i64 row = 0; row < w.rows; row++, walk_next(&w, plan, offset, 2))
    for (i64 at = 0; at < w.length; at += STRIP) {
      i64 n = smaller(STRIP, w.length - at);
      const void *a = (const u8 *)in + (offset[1] + at * sa) * size_of(dtype);
      void *to = (u8 *)out + (offset[0] + at * so) * size_of(out_dtype);
      void *o = placed(out_dtype, result, to, so, &o_block);
      const void *x = read(kind, dtype, a, sa, n, &a_block);
      if (kind == DT_F32) unary_f32(op, o, (const f32 *)x, n);
      else if (kind == DT_F64) unary_f64(op, o, (const f64 *)x, n);
      else unary_i64(op, o, (const i64 *)x, n);
      write(out_dtype, to, so, n, result, o);
    }
}

/* Python's and PyTorch's rules: the quotient is rounded down, the remainder has the sign of the divisor. */
static inline f64 fmod_f64(f64 x, f64 y) {
  if (y == 0 || x - x != 0 || y != y) return (x * y) / (x * y);
  f64 ax = x < 0 ? -x : x, ay = y < 0 ? -y : y;
  if (ay - ay != 0) return x;
  while (ax >= ay) { /* exact: each step takes off a multiple of y */
    f64 part = ay;
    while (part * 2 <= ax) part *= 2;
    ax -= part;
  }
  return x < 0 ? -ax : ax;
}
static inline f64 remainder_f64(f64 x, f64 y) {
  f64 r = fmod_f64(x, y);
  return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}
static inline f64 floor_quotient_f64(f64 x, f64 y) {
  if (y == 0) return x / y;
  f64 r = fmod_f64(x, y), q = (x - r) / y;
  if (r != 0 && (r < 0) != (y < 0)) q -= 1;
  f64 down = FLOOR_f64(q);
  return q - down > 0.5 ? down + 1 : down;
}
static inline i64 floor_quotient_i64(i64 x, i64 y) {
  if (!y) return 0; /* Python has raised */
  i64 q = x / y;
  return q - (x % y != 0 && (x < 0) != (y < 0));
}
static inline i64 remainder_i64(i64 x, i64 y) { return y ? x - y * floor_quotient_i64(x, y) : 0; }
static inline i64 power_i64(i64 x, i64 y) {
  if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
  u64 base = (u64)x, result = 1;
  for (; y; y >>= 1, base *= base)
    if (y & 1) result *= base;
  return (i64)result;
}

static __attribute__((noinline)) f64 rare2_f64(i64 op, f64 x, f64 y) {
  switch (op) {
    case B_POW: return POW_f64(x, y);
    case B_FLOOR_DIVIDE: return floor_quotient_f64(x, y);
    case B_REMAINDER: return remainder_f64(x, y);
    case B_FMOD: return fmod_f64(x, y);
    case B_ATAN2: return ATAN2_f64(x, y);
    case B_GELU_GRAD:
      return x * (0.5 * (1 + ERF_f64(y * 0.70710678118654752440)) +
                  y * 0.39894228040143267794 * EXP_f64(-0.5 * y * y));
    case B_SILU_GRAD: {
      f64 s = 1 / (1 + EXP_f64(-y));
      return x * s * (1 + y * (1 - s));
    }
  }
  return 0;
}

#define FOR2(R, EXPR) \
  { R *o = (R *)out; INDEPENDENT for (i64 i = 0; i < n; i++) { x = a[i]; y = b[i]; o[i] = (R)(EXPR); } break; }
#define BINARY_FLOAT(T)                                                                         \
  NOINLINE void binary_##T(i64 op, void *out, const T *a, const T *b, i64 n) {                  \
    T x, y;                                                                                     \
    switch (op) {                                                                               \
      case B_ADD: QUICK2_##T(x + y, x + y)                                                      \
      case B_SUB: QUICK2_##T(x - y, x - y)                                                      \
      case B_MUL: QUICK2_##T(x * y, x * y)                                                      \
      case B_DIV: QUICK2_##T(x / y, x / y)                                                      \
      case B_MAXIMUM: QUICK2_##T((BITS(x > y) | BITS(x != x)) & BITS(x) | ~(BITS(x > y) | BITS(x != x)) & BITS(y), x > y || x != x ? x : y)\
      case B_MINIMUM: QUICK2_##T((BITS(x < y) | BITS(x != x)) & BITS(x) | ~(BITS(x < y) | BITS(x != x)) & BITS(y), x < y || x != x ? x : y)\
      case B_EQ: FOR2(u8, x == y)                                                               \
      case B_NE: FOR2(u8, x != y)                                                               \
      case B_LT: FOR2(u8, x < y)                                                                \
      case B_LE: FOR2(u8, x <= y)                                                               \
      case B_GT: FOR2(u8, x > y)                                                                \
      case B_GE: FOR2(u8, x >= y)                                                               \
      case B_RELU_GRAD: QUICK2_##T(BITS(y > 0) & BITS(x), y > 0 ? x : 0)                        \
      case B_TANH_GRAD: QUICK2_##T(x * (1 - y * y), x * (1 - y * y))                            \
      case B_SIGMOID_GRAD: QUICK2_##T(x * y * (1 - y), x * y * (1 - y))                         \
      case B_ABS_GRAD: FOR2(T, y > 0 ? x : y < 0 ? -x : 0)                                      \
      case B_LEAKY_RELU: FOR2(T, x > 0 ? x : x * y)                                             \
      default:                                                                                  \
        for (i64 i = 0; i < n; i++) ((T *)out)[i] = (T)rare2_f64(op, a[i], b[i]);               \
    }                                                                                           \
  }
BINARY_FLOAT(f32)
BINARY_FLOAT(f64)

NOINLINE void binary_i64(i64 op, void *out, const i64 *a, const i64 *b, i64 n) {
  i64 x, y;
  switch (op) {
    case B_ADD: FOR2(i64, (i64)((u64)x + (u64)y))
    case B_SUB: FOR2(i64, (i64)((u64)x - (u64)y))
    case B_MUL: FOR2(i64, (i64)((u64)x * (u64)y))
    case B_MAXIMUM: FOR2(i64, x > y ? x : y)
    case B_MINIMUM: FOR2(i64, x < y ? x : y)
    case B_POW: FOR2(i64, power_i64(x, y))
    case B_FLOOR_DIVIDE: FOR2(i64, floor_quotient_i64(x, y))
    case B_REMAINDER: FOR2(i64, remainder_i64(x, y))
    case B_FMOD: FOR2(i64, y ? x % y : 0)
    case B_EQ: FOR2(u8, x == y)
    case B_NE: FOR2(u8, x != y)
    case B_LT: FOR2(u8, x < y)
    case B_LE: FOR2(u8, x <= y)
    case B_GT: FOR2(u8, x > y)
    case B_GE: FOR2(u8, x >= y)
    case B_AND: FOR2(i64, x & y)
    case B_OR: FOR2(i64, x | y)
    case B_XOR: FOR2(i64, x ^ y)
  }
}

/* dtype: of both operands; comparisons give bool. Sums and products of bool are "or" and "and". */
API void hp_binary(i64 op, i64 dtype, const i64 *plan, void *out, const void *left, const void *right) {
  if (dtype == DT_BOOL)
    op = op == B_ADD || op == B_MAXIMUM ? B_OR : op == B_MUL || op == B_MINIMUM ? B_AND : op;
  int compares = op >= B_EQ && op <= B_GE;
  i64 kind = computed_in(dtype), result = compares ? DT_BOOL : kind, out_dtype = compares ? DT_BOOL : dtype;
  i64 so = inner_stride(plan, 0), sa = inner_stride(plan, 1), sb = inner_stride(plan, 2), offset[3] = {0, 0, 0};
  i64 size = size_of(dtype), out_size = size_of(out_dtype);
  strip a_block, b_block, o_block;
  const void *x = 0, *y = 0;
  walk w;
  walk_begin(&w, plan);
  for (i64 row = 0; row < w.rows; row++, walk_next(&w, plan, offset, 3))
    for (i64 at = 0; at < w.length; at += STRIP) {
      i64 n = smaller(STRIP, w.length - at);
      const void *a = (const u8 *)left + (offset[1] + at * sa) * size;
      const void *b = (const u8 *)right + (offset[2] + at * sb) * size;
      void *to = (u8 *)out + (offset[0] + at * so) * out_size;
      void *o = placed(out_dtype, result, to, so, &o_block);
      /* what is the same all along the row is read at its beginning */
      if (sa || !at) x = read(kind, dtype, a, sa, n, &a_block);
      if (sb || !at) y = read(kind, dtype, b, sb, n, &b_block);
      if (kind == DT_F32) binary_f32(op, o, (const f32 *)x, (const f32 *)y, n);
      else if (kind == DT_F64) binary_f64(op, o, (const f64 *)x, (const f64 *)y, n);
      else binary_i64(op, o, (const i64 *)x, (const i64 *)y, n);
      write(out_dtype, to, so, n, result, o);
    }
}

/* The same with a number for the right operand, or, if `first`, for the left one; plan has strides 0 for it. */
API void hp_binary_number(i64 op, i64 dtype, const i64 *plan, void *out, const void *array, f64 number, i64 integer,
                          i64 first) {
  union { f32 f; f64 d; i64 l; i32 i; u8 b; } value;
  switch (dtype) {
    case DT_F32: value.f = (f32)number; break;
    case DT_F64: value.d = number; break;
    case DT_I64: value.l = integer; break;
    case DT_I32: value.i = (i32)integer; break;
    default: value.b = (u8)integer;
  }
  if (first) hp_binary(op, dtype, plan, out, &value, array);
  else hp_binary(op, dtype, plan, out, array, &value);
}

/* Limits, for floats; NaN stays NaN. */
API void hp_clamp(i64 dtype, i64 n, void *out, const void *in, f64 low, f64 high) {
  if (dtype == DT_F32) {
    f32 least = (f32)low, most = (f32)high;
    const f32 *a = (const f32 *)in;
    INDEPENDENT for (i64 i = 0; i < n; i++) {
      f32 x = a[i] < least ? least : a[i];
      ((f32 *)out)[i] = x > most ? most : x;
    }
  } else {
    const f64 *a = (const f64 *)in;
    INDEPENDENT for (i64 i = 0; i < n; i++) {
      f64 x = a[i] < low ? low : a[i];
      ((f64 *)out)[i] = x > high ? high : x;
    }
  }
}

/* out = condition ? left : right, for elements of `size` bytes. */
#define WHERE(T)                                                                                            \
  do {                                                                                                      \
    T *o = (T *)out + offset[0];                                                                            \
    const T *a = (const T *)left + offset[2], *b = (const T *)right + offset[3];                            \
    for (i64 i = 0; i < w.length; i++) o[i * s[0]] = c[i * s[1]] ? a[i * s[2]] : b[i * s[3]];               \
  } while (0)

API void hp_where(i64 size, const i64 *plan, void *out, const void *condition, const void *left, const void *right) {
  walk w;
  walk_begin(&w, plan);
  i64 offset[4] = {0, 0, 0, 0}, s[4];
  for (int k = 0; k < 4; k++) s[k] = inner_stride(plan, k);
  for (i64 row = 0; row < w.rows; row++, walk_next(&w, plan, offset, 4)) {
    const u8 *c = (const u8 *)condition + offset[1];
    if (size == 4) WHERE(i32);
    else if (size == 8) WHERE(i64);
    else WHERE(u8);
  }
}

/* out += in * factor. */
API void hp_add_scaled_f32(const i64 *plan, void *out, const void *in, f64 factor) {
  walk w;
  walk_begin(&w, plan);
  f32 f = (f32)factor;
  i64 offset[2] = {0, 0}, so = inner_stride(plan, 0), sa = inner_stride(plan, 1);
  for (i64 row = 0; row < w.rows; row++, walk_next(&w, plan, offset, 2)) {
    f32 *o = (f32 *)out + offset[0];
    const f32 *a = (const f32 *)in + offset[1];
    if (so == 1 && sa == 1) {
      INDEPENDENT for (i64 i = 0; i < w.length; i++) o[i] += a[i] * f;
    } else
      for (i64 i = 0; i < w.length; i++) o[i * so] += a[i * sa] * f;
  }
}

/* Conversion and copy. A float becomes an integer by cutting off; anything but 0 is True. */
#define COPY_EACH(T) for (i64 i = 0; i < w.length; i++) ((T *)to)[i * so] = ((const T *)a)[i * sa]
API void hp_convert(i64 to_dtype, i64 from_dtype, const i64 *plan, void *out, const void *in) {
  walk w;
  walk_begin(&w, plan);
  i64 offset[2] = {0, 0}, so = inner_stride(plan, 0), sa = inner_stride(plan, 1);
  i64 kind = from_dtype >= DT_F32 && to_dtype < DT_F32 && to_dtype != DT_BOOL ? DT_I64 : computed_in(from_dtype);
  strip a_block, o_block;
  for (i64 row = 0; row < w.rows; row++, walk_next(&w, plan, offset, 2)) {
    const u8 *a = (const u8 *)in + offset[1] * size_of(from_dtype);
    u8 *to = (u8 *)out + offset[0] * size_of(to_dtype);
    if (to_dtype == from_dtype) {
      if (so == 1 && sa == 1) copy_neighbours(to, a, w.length * size_of(to_dtype));
      else if (size_of(to_dtype) == 4) COPY_EACH(i32);
      else if (size_of(to_dtype) == 8) COPY_EACH(i64);
      else COPY_EACH(u8);
      continue;
    }
    for (i64 at = 0; at < w.length; at += STRIP) {
      i64 n = smaller(STRIP, w.length - at);
      const void *b = a + at * sa * size_of(from_dtype);
      void *t = to + at * so * size_of(to_dtype);
      if (to_dtype == DT_F32 && so == 1) {
        const f32 *o = read_f32(from_dtype, b, sa, n, (f32 *)t);
        (void)o;
        continue;
      }
      const void *v = read(kind, from_dtype, b, sa, n, &a_block);
      if (to_dtype == DT_BOOL) {
        const f32 *f = (const f32 *)v;
        const f64 *d = (const f64 *)v;
        const i64 *l = (const i64 *)v;
        for (i64 i = 0; i < n; i++) o_block.b[i] = kind == DT_F32 ? f[i] != 0 : kind == DT_F64 ? d[i] != 0 : l[i] != 0;
        write(DT_BOOL, t, so, n, DT_BOOL, o_block.b);
      } else
        write(to_dtype, t, so, n, kind, v);
    }
  }
}

#define FILL(T, VALUE) for (i64 i = 0; i < w.length; i++) ((T *)out)[offset[0] + i * so] = (T)(VALUE)
API void hp_fill(i64 dtype, const i64 *plan, void *out, f64 number, i64 integer) {
  walk w;
  walk_begin(&w, plan);
  i64 offset[1] = {0}, so = inner_stride(plan, 0);
  for (i64 row = 0; row < w.rows; row++, walk_next(&w, plan, offset, 1)) {
    if (dtype == DT_F32) FILL(f32, number);
    else if (dtype == DT_F64) FILL(f64, number);
    else if (dtype == DT_I64) FILL(i64, integer);
    else if (dtype == DT_I32) FILL(i32, integer);
    else FILL(u8, integer);
  }
}

/* out[i] = start + i * step, computed in double (or whole numbers). */
API void hp_arange(i64 dtype, i64 n, void *out, f64 start, f64 step, i64 istart, i64 istep) {
  for (i64 i = 0; i < n; i++) switch (dtype) {
      case DT_F32: ((f32 *)out)[i] = (f32)(start + (f64)i * step); break;
      case DT_F64: ((f64 *)out)[i] = start + (f64)i * step; break;
      case DT_I64: ((i64 *)out)[i] = istart + i * istep; break;
      case DT_I32: ((i32 *)out)[i] = (i32)(istart + i * istep); break;
      default: ((u8 *)out)[i] = (u8)(istart + i * istep);
    }
}
