/* Which of the libraries built for x86-64 this processor, and its operating system, can run. */

#if defined(__x86_64__)
static void cpuid(u32 leaf, u32 subleaf, u32 *abcd) {
  __asm__ volatile("cpuid" : "=a"(abcd[0]), "=b"(abcd[1]), "=c"(abcd[2]), "=d"(abcd[3]) : "a"(leaf), "c"(subleaf));
}

/* The level of the x86-64 psABI: 1 to 4 (2: SSE4.2, 3: AVX2 and FMA, 4: AVX-512). */
API i64 hp_cpu_level(void) {
  u32 most[4], one[4], seven[4] = {0}, low, high;
  cpuid(0, 0, most);
  cpuid(1, 0, one);
  if (most[0] >= 7) cpuid(7, 0, seven);
  u32 v2 = 1u << 0 | 1u << 9 | 1u << 19 | 1u << 20 | 1u << 23; /* SSE3, SSSE3, SSE4.1, SSE4.2, POPCNT */
  if ((one[2] & v2) != v2) return 1;
  u32 v3 = 1u << 12 | 1u << 22 | 1u << 27 | 1u << 28 | 1u << 29; /* FMA, MOVBE, OSXSAVE, AVX, F16C */
  if ((one[2] & v3) != v3) return 2;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  u32 bmi_avx2 = 1u << 3 | 1u << 5 | 1u << 8;
  if ((low & 6) != 6 || (seven[1] & bmi_avx2) != bmi_avx2) return 2;
  u32 v4 = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31; /* AVX-512 F, DQ, CD, BW, VL */
  return (low & 0xe6) == 0xe6 && (seven[1] & v4) == v4 ? 4 : 3;
}
#else
API i64 hp_cpu_level(void) { return 0; }
#endif
