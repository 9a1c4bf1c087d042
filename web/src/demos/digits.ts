/** Handwritten digits: the small ones that come along, or those that the site's builder put into the page. */
import { type Kernels } from "./kernels";
import { Net } from "./net";
import { Random } from "./random";
import embedded from "../../../src/handson/lab/embedded/digits.csv.gz";

export const SIDE = 28;
const BOX = 20; // digits lie in the middle 20 × 20
const SMALL = 8;

export interface Digits {
  /** Bytes, 28 × 28 for each digit, 255 is full ink. */
  images: Uint8Array;
  labels: Uint8Array;
  /** The first so many are to learn from, the others to test. */
  train: number;
  small: boolean;
}

declare global {
  /** base64 of what `packed_digits` of handson.kit.demos makes; set by a script in the page, or not. */
  var handsonDigits: string | undefined;
}

export async function loadDigits(): Promise<Digits> {
  const packed = globalThis.handsonDigits;
  if (packed) return unpacked(await gunzip(Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0))));
  return parsed(new TextDecoder().decode(await gunzip(embedded)));
}

export async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Two numbers of 32 bits, little-endian (how many to learn from, how many to test), then images, then labels. */
export function unpacked(bytes: Uint8Array): Digits {
  const sizes = new DataView(bytes.buffer, bytes.byteOffset);
  const [train, test] = [sizes.getUint32(0, true), sizes.getUint32(4, true)];
  const all = train + test;
  const end = 8 + all * SIDE * SIDE;
  if (bytes.length !== end + all) throw new Error(`The packed digits have ${bytes.length} bytes, not ${end + all}.`);
  return { images: bytes.subarray(8, end), labels: bytes.subarray(end), train, small: false };
}

/** Lines of 64 values 0..16 and a label; four of five are to learn from, in an order that mixes the writers. */
export function parsed(csv: string): Digits {
  const rows = csv.trim().split("\n").map((line) => line.split(",").map(Number));
  const order = new Random(0).permutation(rows.length);
  const images = new Uint8Array(rows.length * SIDE * SIDE);
  const labels = new Uint8Array(rows.length);
  order.forEach((from, to) => {
    const row = rows[from]!;
    enlarge(row.map((value) => value / 16), images.subarray(to * SIDE * SIDE, (to + 1) * SIDE * SIDE));
    labels[to] = row[SMALL * SMALL]!;
  });
  return { images, labels, train: Math.round(0.8 * rows.length), small: true };
}

/** 8 × 8 values in 0..1 to the middle 20 × 20 of 28 × 28, linear between the middles of points. */
function enlarge(small: ArrayLike<number>, into: Uint8Array): void {
  into.fill(0);
  const margin = (SIDE - BOX) / 2;
  for (let y = 0; y < BOX; y += 1)
    for (let x = 0; x < BOX; x += 1) {
      const [u, v] = [((x + 0.5) * SMALL) / BOX - 0.5, ((y + 0.5) * SMALL) / BOX - 0.5];
      const [left, top] = [Math.max(0, Math.floor(u)), Math.max(0, Math.floor(v))];
      const [right, bottom] = [Math.min(SMALL - 1, left + 1), Math.min(SMALL - 1, top + 1)];
      const [a, b] = [Math.max(0, u - left), Math.max(0, v - top)];
      const above = small[top * SMALL + left]! * (1 - a) + small[top * SMALL + right]! * a;
      const below = small[bottom * SMALL + left]! * (1 - a) + small[bottom * SMALL + right]! * a;
      into[(y + margin) * SIDE + x + margin] = Math.round(255 * (above * (1 - b) + below * b));
    }
}

/**
 * A drawing as the digits are: its ink fitted into the box, the middle of its mass in the middle; for the small digits as
 * coarse as they are. `ink`: side × side values in 0..1. Gives null where there is no ink.
 */
export function asDigit(ink: Float32Array, side: number, small: boolean): Uint8Array | null {
  let [left, top, right, bottom] = [side, side, -1, -1];
  for (let y = 0; y < side; y += 1)
    for (let x = 0; x < side; x += 1)
      if (ink[y * side + x]! > 0.1) {
        left = Math.min(left, x);
        right = Math.max(right, x);
        top = Math.min(top, y);
        bottom = Math.max(bottom, y);
      }
  if (right < 0) return null;
  const size = Math.max(right - left, bottom - top) + 1;
  const [x0, y0] = [(left + right + 1 - size) / 2, (top + bottom + 1 - size) / 2];
  const cells = small ? SMALL : BOX;
  const averaged = new Float32Array(cells * cells);
  const fine = 4; // looks per cell and direction
  for (let i = 0; i < cells * fine; i += 1)
    for (let j = 0; j < cells * fine; j += 1) {
      const y = Math.floor(y0 + ((i + 0.5) * size) / (cells * fine));
      const x = Math.floor(x0 + ((j + 0.5) * size) / (cells * fine));
      if (x < 0 || y < 0 || x >= side || y >= side) continue;
      averaged[Math.floor(i / fine) * cells + Math.floor(j / fine)]! += ink[y * side + x]! / fine ** 2;
    }
  const made = new Uint8Array(SIDE * SIDE);
  if (small) {
    enlarge(averaged, made);
    return made;
  }
  let [mass, mx, my] = [0, 0, 0];
  averaged.forEach((value, i) => {
    mass += value;
    mx += value * (i % cells);
    my += value * Math.floor(i / cells);
  });
  const dx = Math.max(0, Math.min(SIDE - BOX, Math.round(SIDE / 2 - 0.5 - mx / mass)));
  const dy = Math.max(0, Math.min(SIDE - BOX, Math.round(SIDE / 2 - 0.5 - my / mass)));
  averaged.forEach((value, i) => (made[(Math.floor(i / cells) + dy) * SIDE + (i % cells) + dx] = Math.round(255 * value)));
  return made;
}

/** Writes digits as numbers 0..1 into a network's input, moved by `shift` points each way at random. */
export function feed(net: Net, digits: Digits, chosen: ArrayLike<number>, random?: Random, shift = 1): void {
  const x = net.input.values;
  for (let i = 0; i < chosen.length; i += 1) {
    const from = chosen[i]! * SIDE * SIDE;
    const move = random ? random.below(2 * shift + 1) - shift + (random.below(2 * shift + 1) - shift) * SIDE : 0;
    const to = i * SIDE * SIDE;
    for (let k = 0; k < SIDE * SIDE; k += 1) x[to + k] = (digits.images[from + k + move] ?? 0) / 255;
  }
}

/** The layers whose outputs are worth a look. */
export const LAYERS = { first: 1, second: 4, features: 7 } as const;
export const FEATURES = 32;

/** Two convolutions with pooling, then 32 features, then ten answers. */
export function digitsNet(kernels: Kernels, capacity: number, seed: number): Net {
  return new Net(
    kernels,
    [1, SIDE, SIDE],
    [
      { kind: "conv", out: 8, size: 5, pad: 0 }, { kind: "relu" }, { kind: "pool", size: 2 },
      { kind: "conv", out: 16, size: 5, pad: 0 }, { kind: "relu" }, { kind: "pool", size: 2 },
      { kind: "dense", out: FEATURES }, { kind: "relu" },
      { kind: "dense", out: 10 },
    ],
    capacity,
    seed,
  );
}
