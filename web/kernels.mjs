// Compiles those of pocket's kernels that the demos call into src/demos/kernels.wasm (clang and wasm-ld 14 or newer).
import { execFileSync } from "node:child_process";

const EXPORTS = [
  "hp_gemm_f32", "hp_gemm_work_f32",
  "hp_conv2d_forward_f32", "hp_conv2d_forward_work_f32",
  "hp_conv2d_backward_input_f32", "hp_conv2d_backward_input_work_f32",
  "hp_conv2d_backward_weight_f32", "hp_conv2d_backward_weight_work_f32",
  "hp_max_pool2d_forward_f32", "hp_max_pool2d_backward_f32",
  "__heap_base",
];
const FLAGS = [
  "--target=wasm32", "-std=gnu11", "-O3", "-ffreestanding", "-nostdlib", "-msimd128", "-mbulk-memory",
  "-fvisibility=hidden", "-fno-math-errno", "-fno-trapping-math", "-Wno-unknown-pragmas", "-Wno-attributes",
  "-fuse-ld=lld", "-Wl,--no-entry", "-Wl,--strip-all", "-Wl,--gc-sections", ...EXPORTS.map((name) => `-Wl,--export=${name}`),
];
// The source gives its functions default visibility; only those that are listed are kept.
execFileSync("clang", [...FLAGS, "pocket.c", "-o", "../../../../web/src/demos/kernels.wasm"], {
  cwd: "../src/handson/pocket/c",
  stdio: "inherit",
});
