/* Types, the codes of dtypes, and vectors as wide as the machine has them. Freestanding: no libc, no allocation, no state. */

typedef signed char i8;
typedef unsigned char u8;
typedef unsigned short u16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;
typedef float f32;
typedef double f64;

#if defined(_WIN32)
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))
#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)

/* In wasm few bytes count more than speed, but for what stands between these two (builds of wasm are -O2). */
#if defined(__wasm__)
#define AS_SMALL_AS_CAN_BE _Pragma("clang attribute push(__attribute__((minsize)), apply_to = function)")
#define AS_QUICK_AS_CAN_BE _Pragma("clang attribute pop")
#else
#define AS_SMALL_AS_CAN_BE
#define AS_QUICK_AS_CAN_BE
#endif
AS_SMALL_AS_CAN_BE

/* The codes by which Python and C name a dtype. */
enum { DT_BOOL, DT_U8, DT_I32, DT_I64, DT_F32, DT_F64 };

#define INF_f32 (__builtin_inff())
#define INF_f64 (__builtin_inf())
#define INF(type) CAT(INF_, type)
#define NAN_f32 (__builtin_nanf(""))
#define NAN_f64 (__builtin_nan(""))

/* Lanes of the widest vector of float32 that the target computes with. */
#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif

/* Whether winograd.h is used: where vectors are short, but not on ARM, where nobody has measured it. */
#if LANES == 4 && !defined(__aarch64__)
#define WINOGRAD 1
#else
#define WINOGRAD 0
#endif

/* Iterations that touch the same index only, or none in common: vectorise without asking. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#define UNROLL _Pragma("GCC unroll 32")
#endif

#if defined(__wasm_relaxed_simd__)
#define RELAXED_MADD_f32 __builtin_wasm_relaxed_madd_f32x4
#define RELAXED_MADD_f64 __builtin_wasm_relaxed_madd_f64x2
#endif

INLINE u32 bits_f32(f32 x) {
  u32 b;
  __builtin_memcpy(&b, &x, 4);
  return b;
}
INLINE f32 from_bits_f32(u32 b) {
  f32 x;
  __builtin_memcpy(&x, &b, 4);
  return x;
}
INLINE u64 bits_f64(f64 x) {
  u64 b;
  __builtin_memcpy(&b, &x, 8);
  return b;
}
INLINE f64 from_bits_f64(u64 b) {
  f64 x;
  __builtin_memcpy(&x, &b, 8);
  return x;
}

INLINE i64 smaller(i64 a, i64 b) { return a < b ? a : b; }
INLINE i64 larger(i64 a, i64 b) { return a > b ? a : b; }

#if defined(_WIN32)
API int _fltused = 0; /* what Windows' linker looks for where there are floats */

/* Called before more than a page of stack is taken: touches each page, for Windows to grow the stack. */
#if defined(__x86_64__) /* the size is in rax; all registers stay */
__asm__(".globl __chkstk\n__chkstk:\n"
        "  pushq %rcx\n  pushq %rax\n  leaq 24(%rsp), %rcx\n"
        "1: cmpq $4096, %rax\n  jb 2f\n  subq $4096, %rcx\n  orq $0, (%rcx)\n  subq $4096, %rax\n  jmp 1b\n"
        "2: subq %rax, %rcx\n  orq $0, (%rcx)\n  popq %rax\n  popq %rcx\n  ret\n");
#else /* its sixteenth is in x15; x16 and x17 are free */
__asm__(".globl __chkstk\n__chkstk:\n"
        "  lsl x16, x15, #4\n  mov x17, sp\n"
        "1: sub x17, x17, #4096\n  subs x16, x16, #4096\n  ldr xzr, [x17]\n  b.gt 1b\n  ret\n");
#endif
#endif

/* What compilers call by themselves, where no libc is linked. wasm has instructions for it. */
#if !defined(__wasm__)
#if defined(__clang__)
#define LIBC __attribute__((used, visibility("hidden"), no_builtin))
#else
#define LIBC __attribute__((used, visibility("hidden"), optimize("no-tree-loop-distribute-patterns")))
#endif
LIBC void *memcpy(void *to, const void *from, __SIZE_TYPE__ n) {
  u8 *t = (u8 *)to;
  const u8 *f = (const u8 *)from;
  while (n--) *t++ = *f++;
  return to;
}
LIBC void *memset(void *to, int value, __SIZE_TYPE__ n) {
  u8 *t = (u8 *)to;
  while (n--) *t++ = (u8)value;
  return to;
}
#if defined(__APPLE__)
LIBC void bzero(void *to, __SIZE_TYPE__ n) { memset(to, 0, n); }
LIBC void __bzero(void *to, __SIZE_TYPE__ n) { memset(to, 0, n); }
#endif
LIBC void *memmove(void *to, const void *from, __SIZE_TYPE__ n) {
  u8 *t = (u8 *)to;
  const u8 *f = (const u8 *)from;
  if (t <= f)
    while (n--) *t++ = *f++;
  else
    while (n--) t[n] = f[n];
  return to;
}
#endif

INLINE void clear(void *to, i64 bytes) { __builtin_memset(to, 0, (__SIZE_TYPE__)bytes); }

/* Offsets of loads in hot loops: as wide as a pointer, so that wasm32 need not narrow them. */
typedef __INTPTR_TYPE__ place;

/* Register tiles of the two kernels in tile.h, by how many vector registers there are. */
#if LANES == 16 /* 32 */
#define TILE_ROWS 8
#define TILE_VECTORS 3
#elif LANES == 8 /* 16, multiplication fused with addition */
#define TILE_ROWS 4
#define TILE_VECTORS 3
#elif defined(__aarch64__) /* 32 */
#define TILE_ROWS 8
#define TILE_VECTORS 2
#else /* 16 */
#define TILE_ROWS 4
#define TILE_VECTORS 2
#endif

/* What a tile of results begins with: nothing, what lies in its place, or a number for each row. */
enum { FROM_ZERO, FROM_C, FROM_BIAS };
