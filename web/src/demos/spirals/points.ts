/** Points of up to three kinds in the square from -1 to 1. */
import { Random } from "../random";

export interface Point {
  x: number;
  y: number;
  kind: number;
}

export const KINDS = 3;

const noisy = (random: Random, x: number, y: number, kind: number, noise: number): Point => ({
  x: Math.max(-1, Math.min(1, x + noise * random.normal())),
  y: Math.max(-1, Math.min(1, y + noise * random.normal())),
  kind,
});

/** Two arms, each 1.6 turns. */
function spirals(random: Random): Point[] {
  return Array.from({ length: 160 }, (_, i) => {
    const kind = i % 2;
    const along = (i >> 1) / 79;
    const radius = 0.1 + 0.8 * along;
    const angle = 2 * Math.PI * 1.6 * along + Math.PI * kind;
    return noisy(random, radius * Math.cos(angle), radius * Math.sin(angle), kind, 0.012);
  });
}

function circles(random: Random): Point[] {
  return Array.from({ length: 120 }, (_, i) => {
    const kind = i % 2;
    const angle = 2 * Math.PI * random.uniform();
    const radius = kind ? random.between(0.62, 0.88) : 0.42 * Math.sqrt(random.uniform());
    return noisy(random, radius * Math.cos(angle), radius * Math.sin(angle), kind, 0.02);
  });
}

function xor(random: Random): Point[] {
  return Array.from({ length: 120 }, () => {
    const [x, y] = [random.between(0.07, 0.9) * (random.below(2) ? 1 : -1), random.between(0.07, 0.9) * (random.below(2) ? 1 : -1)];
    return noisy(random, x, y, x * y > 0 ? 0 : 1, 0.02);
  });
}

function blobs(random: Random): Point[] {
  const middles = [[-0.45, 0.4], [0.5, 0.35], [0, -0.5]] as const;
  return Array.from({ length: 120 }, (_, i) => noisy(random, middles[i % 3]![0], middles[i % 3]![1], i % 3, 0.2));
}

export const STARTS = { spirals, circles, xor, blobs, empty: (): Point[] => [] } as const;
export type Start = keyof typeof STARTS;

/** The index of the point nearest to a place, or -1 where none is within `reach`. */
export function nearest(points: readonly Point[], x: number, y: number, reach: number): number {
  let best = -1;
  let distance = reach;
  points.forEach((point, i) => {
    const here = Math.hypot(point.x - x, point.y - y);
    if (here < distance) [best, distance] = [i, here];
  });
  return best;
}
