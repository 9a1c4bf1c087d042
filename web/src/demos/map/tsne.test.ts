// @vitest-environment node
import { expect, test } from "vitest";
import { Random } from "../random";
import { testKernels } from "../testing";
import { affinities, type Affinities, agreement, calibrated, Layout, nearestAgrees } from "./tsne";

const kernels = await testKernels();

function finished(points: Float32Array, n: number, size: number, perplexity: number): Affinities {
  const work = affinities(kernels, points, n, size, perplexity);
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** Three heaps far from each other in five dimensions. */
function heaps(n: number, random: Random): { points: Float32Array; labels: number[] } {
  const labels = Array.from({ length: n }, (_, i) => i % 3);
  return { points: Float32Array.from({ length: 5 * n }, (_, i) => random.normal() + (i % 5 === labels[Math.floor(i / 5)] ? 12 : 0)), labels };
}

test("the perplexity is the one asked for", () => {
  const d = Array.from({ length: 90 }, (_, i) => 0.5 + i * i * 0.01);
  const p = new Float32Array(90);
  calibrated(d, 20, p);
  const entropy = -p.reduce((sum, value) => sum + (value > 0 ? value * Math.log(value) : 0), 0);
  expect(p.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
  expect(Math.exp(entropy)).toBeCloseTo(20, 1);
});

test("affinities are symmetric, sum to one, and hold the true neighbours", () => {
  const { points } = heaps(90, new Random(1));
  const found = finished(points, 90, 5, 8);
  const matrix = Array.from({ length: 90 }, () => new Float32Array(90));
  for (let i = 0; i < 90; i += 1) for (let at = found.from[i]!; at < found.from[i + 1]!; at += 1) matrix[i]![found.to[at]!] = found.p[at]!;
  let sum = 0;
  for (let i = 0; i < 90; i += 1)
    for (let j = 0; j < 90; j += 1) {
      sum += matrix[i]![j]!;
      expect(matrix[i]![j]).toBeCloseTo(matrix[j]![i]!, 7);
    }
  expect(sum).toBeCloseTo(1, 4);
  const distance = (i: number, j: number): number => Math.hypot(...Array.from({ length: 5 }, (_, k) => points[5 * i + k]! - points[5 * j + k]!));
  for (const i of [0, 17, 89]) {
    const all = Array.from({ length: 90 }, (_, j) => j).filter((j) => j !== i).sort((a, b) => distance(i, a) - distance(i, b));
    expect([...found.neighbours.subarray(i * found.nearest, i * found.nearest + 5)]).toEqual(all.slice(0, 5));
  }
});

test("the gradient is that of the divergence", () => {
  const { points } = heaps(40, new Random(2));
  const layout = new Layout(finished(points, 40, 5, 6), new Random(3), Float32Array.from({ length: 80 }, (_, i) => Math.sin(3 * i)));
  layout.slope(1);
  const slopes = layout.slopes.slice();
  for (const i of [0, 1, 33, 78]) {
    const kept = layout.y[i]!;
    layout.y[i] = kept + 1e-3;
    const above = layout.slope(1);
    layout.y[i] = kept - 1e-3;
    const below = layout.slope(1);
    layout.y[i] = kept;
    expect(Math.abs((above - below) / 2e-3 - slopes[i]!)).toBeLessThan(1e-3);
  }
});

test("heaps stay heaps on the map, and the divergence falls", () => {
  const { points, labels } = heaps(150, new Random(4));
  const layout = new Layout(finished(points, 150, 5, 15), new Random(5));
  const first = layout.step();
  let last = first;
  for (let i = 0; i < 300; i += 1) last = layout.step();
  expect(last).toBeLessThan(first / 2);
  expect(agreement(layout.y, labels)).toBe(1);
});

test("who has a neighbour of another kind is known", () => {
  const y = Float32Array.from([0, 0, 1, 0, 9, 0, 10, 0, 10.5, 0]);
  expect([...nearestAgrees(y, [1, 1, 1, 2, 2])]).toEqual([1, 1, 0, 1, 1]);
  expect(agreement(y, [1, 1, 1, 2, 2])).toBeCloseTo(0.8);
});
