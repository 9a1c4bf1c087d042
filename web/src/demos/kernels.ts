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

  private bytes(count: number): number {
    const pointer = (this.top + 63) & ~63;
    this.top = pointer + count;
    const { memory } = this.exports;
    const missing = this.top + 64 - memory.buffer.byteLength; // kernels may read a vector past the end
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    return pointer;
  }
}
