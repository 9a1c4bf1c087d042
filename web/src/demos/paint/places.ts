/** How a network is told a place. */
export type Encoding = "place" | "waves";

const OCTAVES = 5;

/** Numbers in each encoding. */
export const INPUTS: Record<Encoding, number> = { place: 2, waves: 2 + 4 * OCTAVES };

/**
 * Writes a place, x and y in 0..1, at `at`: as it is, in -1..1; or with the sine and cosine of π/2, π, 2π … times it as
 * well (Mildenhall et al. 2020).
 */
export function encode(encoding: Encoding, x: number, y: number, into: Float32Array, at: number): void {
  const [u, v] = [2 * x - 1, 2 * y - 1];
  into[at] = u;
  into[at + 1] = v;
  if (encoding === "place") return;
  // Doubling an angle: sin 2a = 2 sin a cos a, cos 2a = 1 - 2 sin² a.
  let [su, cu, sv, cv] = [Math.sin((Math.PI / 2) * u), Math.cos((Math.PI / 2) * u), Math.sin((Math.PI / 2) * v), Math.cos((Math.PI / 2) * v)];
  for (let i = at + 2; i < at + 2 + 4 * OCTAVES; i += 4) {
    into[i] = su;
    into[i + 1] = cu;
    into[i + 2] = sv;
    into[i + 3] = cv;
    [su, cu, sv, cv] = [2 * su * cu, 1 - 2 * su * su, 2 * sv * cv, 1 - 2 * sv * sv];
  }
}
