/**
 * t-SNE (van der Maaten, Hinton 2008) with neighbours found exactly, attraction along them only (van der Maaten 2014),
 * and repulsion between all pairs. All in steps that are short enough for one frame of a thousand points.
 */
import type { Kernels } from "../kernels";
import type { Random } from "../random";

const ROWS = 64; // of the matrix of distances at a time

/** What pulls: for each of n points its neighbours and how much they count (p of i with j, and back; all sum to 1). */
export interface Affinities {
  n: number;
  /** neighbours of i: from[i] .. from[i + 1] - 1 */
  from: Int32Array;
  to: Int32Array;
  p: Float32Array;
  /** The nearest of each, nearest first, `nearest` of them. */
  neighbours: Int32Array;
  nearest: number;
}

/**
 * The bandwidth for which the distribution over neighbours has the perplexity asked for, by bisection; fills `p` with the
 * probabilities of squared distances `d`.
 */
export function calibrated(d: ArrayLike<number>, perplexity: number, p: Float32Array): void {
  let [beta, low, high] = [1, 0, Infinity];
  const target = Math.log(perplexity);
  let nearest = Infinity;
  for (let k = 0; k < d.length; k += 1) nearest = Math.min(nearest, d[k]!);
  for (let attempt = 0; attempt < 60; attempt += 1) {
    let [sum, weighted] = [0, 0];
    for (let k = 0; k < d.length; k += 1) {
      const away = d[k]! - nearest;
      p[k] = Math.exp(-beta * away);
      sum += p[k]!;
      weighted += away * p[k]!;
    }
    const entropy = Math.log(sum) + (beta * weighted) / sum;
    for (let k = 0; k < d.length; k += 1) p[k]! /= sum;
    if (Math.abs(entropy - target) < 1e-4) return;
    if (entropy > target) [low, beta] = [beta, high === Infinity ? 2 * beta : (beta + high) / 2];
    else [high, beta] = [beta, (beta + low) / 2];
  }
}

/** Finds the affinities of n points of `size` numbers each; yields the share that is done, often enough for a frame. */
export function* affinities(kernels: Kernels, points: Float32Array, n: number, size: number, perplexity: number): Generator<number, Affinities> {
  const mark = kernels.mark();
  const x = kernels.block(n * size);
  x.values.set(points.subarray(0, n * size));
  const products = kernels.block(ROWS * n);
  const norms = Float32Array.from({ length: n }, (_, i) => {
    let sum = 0;
    for (let k = i * size; k < (i + 1) * size; k += 1) sum += points[k]! ** 2;
    return sum;
  });
  const many = Math.min(n - 1, Math.ceil(3 * perplexity));
  const neighbours = new Int32Array(n * many);
  const one = new Float32Array(n * many);
  const distances = new Float32Array(n);
  const order = new Int32Array(n);
  for (let row = 0; row < n; row += ROWS) {
    const rows = Math.min(ROWS, n - row);
    kernels.gemmAt(false, true, rows, n, size, x.pointer + 4 * row * size, x.pointer, 0, products.pointer);
    for (let r = 0; r < rows; r += 1) {
      const i = row + r;
      const product = products.values;
      for (let j = 0; j < n; j += 1) distances[j] = j === i ? Infinity : Math.max(0, norms[i]! + norms[j]! - 2 * product[r * n + j]!);
      select(distances, order, many);
      const near = order.subarray(0, many);
      neighbours.set(near, i * many);
      calibrated(Array.from(near, (j) => distances[j]!), perplexity, one.subarray(i * many, (i + 1) * many));
      if (r % 16 === 15) yield i / n;
    }
  }
  kernels.release(mark);

  // p(i, j) = (p(j | i) + p(i | j)) / 2n: each pair is entered from both of its ends.
  const rows: Map<number, number>[] = Array.from({ length: n }, () => new Map());
  for (let i = 0; i < n; i += 1)
    for (let k = 0; k < many; k += 1) {
      const j = neighbours[i * many + k]!;
      const value = one[i * many + k]! / (2 * n);
      rows[i]!.set(j, (rows[i]!.get(j) ?? 0) + value);
      rows[j]!.set(i, (rows[j]!.get(i) ?? 0) + value);
    }
  const from = new Int32Array(n + 1);
  rows.forEach((row, i) => (from[i + 1] = from[i]! + row.size));
  const [to, p] = [new Int32Array(from[n]!), new Float32Array(from[n]!)];
  rows.forEach((row, i) => {
    let at = from[i]!;
    for (const [j, value] of row) {
      to[at] = j;
      p[at] = value;
      at += 1;
    }
  });
  return { n, from, to, p, neighbours, nearest: many };
}

/** The indices of the `many` smallest values, smallest first, at the beginning of `order`. */
function select(values: Float32Array, order: Int32Array, many: number): void {
  for (let i = 0; i < order.length; i += 1) order[i] = i;
  let [low, high] = [0, order.length - 1];
  while (low < high) {
    // Hoare's quickselect, until the smallest `many` are in front.
    const pivot = values[order[(low + high) >> 1]!]!;
    let [i, j] = [low, high];
    while (i <= j) {
      while (values[order[i]!]! < pivot) i += 1;
      while (values[order[j]!]! > pivot) j -= 1;
      if (i <= j) {
        const kept = order[i]!;
        order[i] = order[j]!;
        order[j] = kept;
        i += 1;
        j -= 1;
      }
    }
    if (many - 1 <= j) high = j;
    else if (many - 1 >= i) low = i;
    else break;
  }
  order.subarray(0, many).sort((a, b) => values[a]! - values[b]!);
}

export class Layout {
  /** x, y by turns. */
  readonly y: Float32Array;
  steps = 0;
  private readonly speed: Float32Array;
  private readonly gains: Float32Array;
  private readonly gradient: Float32Array;

  /** Begins at `y` where it is given, otherwise in a small cloud. */
  constructor(
    private readonly affinities: Affinities,
    random: Random,
    y?: Float32Array,
  ) {
    const { n } = affinities;
    this.y = y ? y.slice() : Float32Array.from({ length: 2 * n }, () => 0.01 * random.normal());
    this.speed = new Float32Array(2 * n);
    this.gains = new Float32Array(2 * n).fill(1);
    this.gradient = new Float32Array(2 * n);
  }

  /** For the first 100 steps neighbours pull more strongly, so that groups find each other. */
  get exaggeration(): number {
    return this.steps < 100 ? 6 : 1;
  }

  /** One step down the gradient; gives the Kullback–Leibler divergence before it. */
  step(): number {
    const { y, speed, gains, gradient } = this;
    const loss = this.slope(this.exaggeration);
    const momentum = this.steps < 100 ? 0.5 : 0.8;
    const rate = Math.max(50, this.affinities.n / 6);
    let [mx, my] = [0, 0];
    for (let i = 0; i < y.length; i += 1) {
      gains[i] = Math.max(0.01, Math.sign(gradient[i]!) === Math.sign(speed[i]!) ? gains[i]! * 0.8 : gains[i]! + 0.2);
      speed[i] = momentum * speed[i]! - rate * gains[i]! * gradient[i]!;
      y[i]! += speed[i]!;
      if (i % 2) my += y[i]!;
      else mx += y[i]!;
    }
    for (let i = 0; i < y.length; i += 2) {
      y[i]! -= (2 * mx) / y.length;
      y[i + 1]! -= (2 * my) / y.length;
    }
    this.steps += 1;
    return loss;
  }

  /** Fills the gradient; gives the divergence. */
  slope(exaggeration: number): number {
    const { y, gradient } = this;
    const { n, from, to, p } = this.affinities;
    gradient.fill(0);
    // Repulsion: sum over all pairs of q² Z (yi - yj), and Z itself.
    let z = 0;
    for (let i = 0; i < n; i += 1) {
      const [xi, yi] = [y[2 * i]!, y[2 * i + 1]!];
      let [gx, gy] = [0, 0];
      for (let j = i + 1; j < n; j += 1) {
        const dx = xi - y[2 * j]!;
        const dy = yi - y[2 * j + 1]!;
        const q = 1 / (1 + dx * dx + dy * dy);
        z += q;
        const force = q * q;
        gx += force * dx;
        gy += force * dy;
        gradient[2 * j]! -= force * dx;
        gradient[2 * j + 1]! -= force * dy;
      }
      gradient[2 * i]! += gx;
      gradient[2 * i + 1]! += gy;
    }
    z *= 2;
    for (let i = 0; i < 2 * n; i += 1) gradient[i]! *= -4 / z;
    let loss = 0;
    for (let i = 0; i < n; i += 1) {
      const [xi, yi] = [y[2 * i]!, y[2 * i + 1]!];
      let [gx, gy] = [0, 0];
      for (let at = from[i]!; at < from[i + 1]!; at += 1) {
        const j = to[at]!;
        const dx = xi - y[2 * j]!;
        const dy = yi - y[2 * j + 1]!;
        const q = 1 / (1 + dx * dx + dy * dy);
        const pull = exaggeration * p[at]! * q;
        gx += pull * dx;
        gy += pull * dy;
        if (p[at]! > 0) loss += p[at]! * Math.log((p[at]! * z) / q);
      }
      gradient[2 * i]! += 4 * gx;
      gradient[2 * i + 1]! += 4 * gy;
    }
    return loss;
  }

  /** For tests: the gradient as `slope` left it. */
  get slopes(): Float32Array {
    return this.gradient;
  }
}

/** For each point 1 where its nearest on the map is of its own kind, else 0. */
export function nearestAgrees(y: Float32Array, labels: ArrayLike<number>): Uint8Array {
  const n = y.length / 2;
  const same = new Uint8Array(n);
  for (let i = 0; i < n; i += 1) {
    let [best, least] = [-1, Infinity];
    for (let j = 0; j < n; j += 1) {
      const d = (y[2 * i]! - y[2 * j]!) ** 2 + (y[2 * i + 1]! - y[2 * j + 1]!) ** 2;
      if (d < least && j !== i) [best, least] = [j, d];
    }
    same[i] = labels[best] === labels[i] ? 1 : 0;
  }
  return same;
}

/** The share of points whose nearest on the map is of their own kind. */
export function agreement(y: Float32Array, labels: ArrayLike<number>): number {
  return nearestAgrees(y, labels).reduce((sum, one) => sum + one, 0) / (y.length / 2);
}
