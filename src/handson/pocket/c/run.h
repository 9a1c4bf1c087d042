/* Many calls as one, for programs whose loops are shorter than the way from Python into C. float32. */

/* The order is that of kernels.STEPS. */
enum {
  R_CONV_FORWARD, R_CONV_BACKWARD_INPUT, R_CONV_BACKWARD_WEIGHT, R_MAX_POOL_FORWARD, R_MAX_POOL_BACKWARD, R_GEMM, R_ADD_BIAS,
  R_BIAS_BACKWARD, R_RELU_FORWARD, R_RELU_BACKWARD, R_BATCH_NORM_FORWARD, R_BATCH_NORM_BACKWARD, R_COUNT
};

/* `program` holds `calls` calls: a function, the number of its arguments, and for each of them a base and a number. Base -1: the number
 * is the argument, or the bits of a double; else bases[base] + the number, an address, which is null where the base is. */
API void hp_run(i64 calls, const i64 *program, const i64 *bases) {
  for (; calls > 0; calls--) {
    const i64 function = *program++, count = *program++;
    i64 whole[16];
    for (i64 k = 0; k < count; k++, program += 2) {
      const i64 base = program[0] < 0 ? 0 : bases[program[0]];
      whole[k] = program[0] >= 0 && !base ? 0 : base + program[1];
    }
#define P(k) ((void *)(place)whole[k])
#define I(k) whole[k]
#define D(k) from_bits_f64((u64)whole[k])
    switch (function) {
      case R_CONV_FORWARD: hp_conv2d_forward_f32(P(0), P(1), P(2), P(3), P(4), P(5)); break;
      case R_CONV_BACKWARD_INPUT: hp_conv2d_backward_input_f32(P(0), P(1), P(2), P(3), P(4)); break;
      case R_CONV_BACKWARD_WEIGHT: hp_conv2d_backward_weight_f32(P(0), P(1), P(2), P(3), P(4), P(5)); break;
      case R_MAX_POOL_FORWARD: hp_max_pool2d_forward_f32(P(0), P(1), P(2), P(3)); break;
      case R_MAX_POOL_BACKWARD: hp_max_pool2d_backward_f32(P(0), P(1), P(2), P(3)); break;
      case R_GEMM: hp_gemm_f32(I(0), I(1), I(2), I(3), I(4), 1, P(5), I(6), P(7), I(8), 0, P(9), I(10), P(11)); break;
      case R_ADD_BIAS: hp_add_bias_f32(I(0), I(1), 1, P(2), I(3), P(4)); break;
      case R_BIAS_BACKWARD: hp_bias_backward_f32(I(0), I(1), I(2), P(3), P(4)); break;
      case R_RELU_FORWARD: hp_relu_forward_f32(I(0), P(1), P(2)); break;
      case R_RELU_BACKWARD: hp_relu_backward_f32(I(0), P(1), P(2), P(3)); break;
      case R_BATCH_NORM_FORWARD:
        hp_batch_norm_forward_f32(I(0), I(1), I(2), P(3), P(4), P(5), P(6), P(7), I(8), D(9), D(10), P(11), P(12), P(13)); break;
      case R_BATCH_NORM_BACKWARD:
        hp_batch_norm_backward_f32(I(0), I(1), I(2), P(3), P(4), P(5), P(6), P(7), I(8), P(9), P(10), P(11)); break;
      case R_COUNT: ++*(i64 *)P(0); break;
    }
#undef P
#undef I
#undef D
  }
}
