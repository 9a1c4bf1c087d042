/** handson.pocket's kernels on plain WebAssembly, and the memory they work on. */

/** What the demos use of pocket.wasm (see src/handson/pocket/c/README.md): i64 are BigInt, pointers are numbers. */
interface Exports {
  memory: WebAssembly.Memory;
  __heap_base: WebAssembly.Global;
  hp_gemm_work_f32(): bigint;
  hp_gemm_f32(
    ta: bigint, tb: bigint, m: bigint, n: bigint, k: bigint,
    alpha: number, a: number, lda: bigint, b: number, ldb: bigint, beta: number, c: number, ldc: bigint, work: number,
  ): void;
  hp_conv2d_forward_work_f32(d: number): bigint;
  hp_conv2d_backward_input_work_f32(d: number): bigint;
  hp_conv2d_backward_weight_work_f32(d: number): bigint;
  hp_conv2d_forward_f32(d: number, x: number, weight: number, bias: number, y: number, work: number): void;
  hp_conv2d_backward_input_f32(d: number, gy: number, weight: number, gx: number, work: number): void;
  hp_conv2d_backward_weight_f32(d: number, x: number, gy: number, gw: number, gb: number, work: number): void;
  hp_max_pool2d_forward_f32(d: number, x: number, y: number, index: number): void;
  hp_max_pool2d_backward_f32(d: number, gy: number, index: number, gx: number): void;
}

/** float32 numbers in the kernels' memory. `values` stays right when that memory grows. */
export class Block {
  private view: Float32Array;

  constructor(
    private readonly memory: WebAssembly.Memory,
    readonly pointer: number,
    readonly length: number,
  ) {
    this.view = new Float32Array(memory.buffer, pointer, length);
  }

  get values(): Float32Array {
    if (this.view.buffer !== this.memory.buffer) this.view = new Float32Array(this.memory.buffer, this.pointer, this.length);
    return this.view;
  }
}

/** Channels, height, width. */
type Shape = readonly [number, number, number];

/** A convolution with square filters, stride 1; its memory is for `capacity` pictures. */
export class Convolution {
  constructor(
    private readonly exports: Exports,
    private readonly descriptor: BigInt64Block,
    private readonly work: number,
  ) {}

  forward(batch: number, x: Block, weight: Block, bias: Block, y: Block): void {
    this.exports.hp_conv2d_forward_f32(this.descriptor.sized(batch), x.pointer, weight.pointer, bias.pointer, y.pointer, this.work);
  }

  /** Sets the gradients of weight and bias from that of the output. */
  backwardWeight(batch: number, x: Block, gy: Block, gw: Block, gb: Block): void {
    this.exports.hp_conv2d_backward_weight_f32(this.descriptor.sized(batch), x.pointer, gy.pointer, gw.pointer, gb.pointer, this.work);
  }

  /** Sets the gradient of the input. */
  backwardInput(batch: number, gy: Block, weight: Block, gx: Block): void {
    this.exports.hp_conv2d_backward_input_f32(this.descriptor.sized(batch), gy.pointer, weight.pointer, gx.pointer, this.work);
  }
}

/** The maximum over size × size, side by side. */
export class MaxPool {
  constructor(
    private readonly exports: Exports,
    private readonly descriptor: BigInt64Block,
    private readonly channels: number,
    private readonly index: number,
  ) {}

  forward(batch: number, x: Block, y: Block): void {
    this.exports.hp_max_pool2d_forward_f32(this.descriptor.sized(batch * this.channels), x.pointer, y.pointer, this.index);
  }

  backward(batch: number, gy: Block, gx: Block): void {
    this.exports.hp_max_pool2d_backward_f32(this.descriptor.sized(batch * this.channels), gy.pointer, this.index, gx.pointer);
  }
}

/** What a kernel is told of its shapes: int64 of which the first says how many there are. */
class BigInt64Block {
  constructor(
    private readonly memory: WebAssembly.Memory,
    readonly pointer: number,
    numbers: readonly number[],
  ) {
    new BigInt64Array(memory.buffer, pointer, numbers.length).set(numbers.map(BigInt));
  }

  sized(many: number): number {
    new BigInt64Array(this.memory.buffer, this.pointer, 1)[0] = BigInt(many);
    return this.pointer;
  }
}

const PAGE = 65536;

export class Kernels {
  private readonly exports: Exports;
  private top: number;
  private readonly work: number;

  private constructor(instance: WebAssembly.Instance) {
    this.exports = instance.exports as unknown as Exports;
    this.top = Number(this.exports.__heap_base.value);
    this.work = this.bytes(Number(this.exports.hp_gemm_work_f32()));
  }

  /** Throws where the browser has no WebAssembly SIMD. */
  static async load(wasm: BufferSource): Promise<Kernels> {
    const { instance } = await WebAssembly.instantiate(wasm, {});
    return new Kernels(instance);
  }

  /** Memory for `length` numbers, zeros. It is given back by `release` only. */
  block(length: number): Block {
    const pointer = this.bytes(4 * length);
    const made = new Block(this.exports.memory, pointer, length);
    made.values.fill(0);
    return made;
  }

  /** How much is taken now; `release(mark)` gives back what was taken since. */
  mark(): number {
    return this.top;
  }

  release(mark: number): void {
    this.top = mark;
  }

  /**
   * C (m × n) = alpha op(A) op(B) + beta C, row-major; op(A) is m × k, op(B) k × n. `ta`, `tb`: whether A, B are stored
   * transposed.
   */
  gemm(ta: boolean, tb: boolean, m: number, n: number, k: number, a: Block, b: Block, beta: number, c: Block, alpha = 1): void {
    this.gemmAt(ta, tb, m, n, k, a.pointer, b.pointer, beta, c.pointer, alpha);
  }

  /** The same on addresses. */
  gemmAt(ta: boolean, tb: boolean, m: number, n: number, k: number, a: number, b: number, beta: number, c: number, alpha = 1): void {
    this.exports.hp_gemm_f32(
      ta ? 1n : 0n, tb ? 1n : 0n, BigInt(m), BigInt(n), BigInt(k),
      alpha, a, BigInt(ta ? m : k), b, BigInt(tb ? k : n), beta, c, BigInt(n), this.work,
    );
  }

  convolution(from: Shape, to: Shape, size: number, pad: number, capacity: number): Convolution {
    const [c, h, w] = from;
    const [oc, oh, ow] = to;
    const descriptor = this.numbers([capacity, c, h, w, oc, size, size, 1, 1, pad, pad, 1, 1, 1, oh, ow]);
    const { hp_conv2d_forward_work_f32, hp_conv2d_backward_input_work_f32, hp_conv2d_backward_weight_work_f32 } = this.exports;
    const most = [hp_conv2d_forward_work_f32, hp_conv2d_backward_input_work_f32, hp_conv2d_backward_weight_work_f32].map((work) => Number(work(descriptor.pointer)));
    return new Convolution(this.exports, descriptor, this.bytes(Math.max(...most)));
  }

  maxPool(from: Shape, to: Shape, size: number, capacity: number): MaxPool {
    const [c, h, w] = from;
    const [, oh, ow] = to;
    const descriptor = this.numbers([capacity * c, h, w, oh, ow, size, size, size, size, 0, 0, 1, 1]);
    return new MaxPool(this.exports, descriptor, c, this.bytes(4 * capacity * c * oh * ow));
  }

  private numbers(numbers: readonly number[]): BigInt64Block {
    const pointer = this.bytes(8 * numbers.length);
    return new BigInt64Block(this.exports.memory, pointer, numbers);
  }

  private bytes(count: number): number {
    const pointer = (this.top + 63) & ~63;
    this.top = pointer + count;
    const { memory } = this.exports;
    const missing = this.top + 64 - memory.buffer.byteLength; // kernels may read a vector past the end
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    return pointer;
  }
}
