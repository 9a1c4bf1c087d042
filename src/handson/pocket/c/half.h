/* float16, as the compact weight file has it. */

/* out = the float16 numbers at `in`, times scale. */
API void hp_half_to_float(i64 n, const u16 *in, f64 scale, f32 *out) {
  const f32 factor = (f32)scale;
  INDEPENDENT for (i64 i = 0; i < n; i++) {
    u32 h = in[i], sign = (h & 0x8000u) << 16, rest = h & 0x7fffu;
    /* as if it were float32: the exponent is 112 too small, which a multiplication mends, for denormals too */
    f32 value = from_bits_f32(rest << 13) * 5.192296858534828e33f;
    u32 bits = rest >= 0x7c00u ? 0x7f800000u | rest << 13 : bits_f32(value);
    out[i] = from_bits_f32(bits | sign) * factor;
  }
}
