/** Landscapes over the square from -1 to 1, with their slopes. */
export interface Landscape {
  /** Height at (x, y). */
  height(x: number, y: number): number;
  slope(x: number, y: number): [number, number];
  start: [number, number];
}

/** Twenty times steeper across than along. */
const narrow: Landscape = {
  height: (x, y) => 0.5 * (x * x + 20 * y * y) * 0.5,
  slope: (x, y) => [0.5 * x, 10 * y],
  start: [-0.9, 0.55],
};

/** Falls to both sides of a ridge that looks flat at first. */
const saddle: Landscape = {
  height: (x, y) => x * x - 0.8 * y * y + y ** 4,
  slope: (x, y) => [2 * x, -1.6 * y + 4 * y ** 3],
  start: [-0.85, 0.004],
};

/** Rosenbrock 1960, moved into the square and flattened: the bottom is at (0.5, 0.25 * 2 - 0.5). */
const banana: Landscape = {
  height: (x, y) => {
    const [u, v] = [2 * x, 2 * y + 1];
    return 0.08 * ((1 - u) ** 2 + 10 * (v - u * u) ** 2);
  },
  slope: (x, y) => {
    const [u, v] = [2 * x, 2 * y + 1];
    return [0.08 * (-4 * (1 - u) - 80 * u * (v - u * u)), 0.08 * 40 * (v - u * u)];
  },
  start: [-0.65, 0.75],
};

/** A bowl with dents to be caught in. */
const bumps: Landscape = {
  height: (x, y) => 0.8 * (x * x + y * y) + 0.06 * (2 - Math.cos(9 * x) - Math.cos(9 * y)),
  slope: (x, y) => [1.6 * x + 0.54 * Math.sin(9 * x), 1.6 * y + 0.54 * Math.sin(9 * y)],
  start: [-0.85, 0.8],
};

export const LANDSCAPES = { narrow, banana, saddle, bumps } as const;
export type LandscapeName = keyof typeof LANDSCAPES;
