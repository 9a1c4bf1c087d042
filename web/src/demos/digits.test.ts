// @vitest-environment node
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test, vi } from "vitest";
vi.mock("../../../src/handson/lab/embedded/digits.csv.gz", () => ({ default: new Uint8Array() }));
import { asDigit, digitsNet, feed, parsed, SIDE, unpacked } from "./digits";
import { crossEntropy } from "./net";
import { Optimiser } from "./optimisers";
import { Random } from "./random";
import { testKernels } from "./testing";

const digits = parsed(gunzipSync(readFileSync("../src/handson/lab/embedded/digits.csv.gz")).toString("ascii"));

test("there are 1,797 digits with a margin of four points", () => {
  expect(digits.labels.length).toBe(1797);
  expect(digits.train).toBe(1438);
  for (let i = 0; i < 4 * SIDE; i += 1) expect(digits.images[i]).toBe(0);
  expect(Math.max(...digits.images.subarray(0, SIDE * SIDE))).toBeGreaterThan(200);
  expect(new Set(digits.labels).size).toBe(10);
});

test("a network learns them within a few seconds", async () => {
  const kernels = await testKernels();
  const net = digitsNet(kernels, 64, 1);
  const optimiser = new Optimiser(net.parameters, "adam", 0.003);
  const random = new Random(1);
  const begun = performance.now();
  const steps = 200;
  for (let i = 0; i < steps; i += 1) {
    const batch = Array.from({ length: 32 }, () => random.below(digits.train));
    feed(net, digits, batch, random);
    net.forward(32);
    crossEntropy(net, batch.map((at) => digits.labels[at]!), 32);
    net.backward(32);
    optimiser.step();
  }
  console.log(`${Math.round((32 * steps * 1000) / (performance.now() - begun))} digits a second`);
  let right = 0;
  for (let at = digits.train; at < digits.labels.length; at += 60) {
    const batch = Array.from({ length: Math.min(60, digits.labels.length - at) }, (_, i) => at + i);
    feed(net, digits, batch);
    net.forward(batch.length);
    right += crossEntropy(net, batch.map((i) => digits.labels[i]!), batch.length).right;
  }
  const share = right / (digits.labels.length - digits.train);
  console.log(`${(100 * share).toFixed(1)} % right`);
  expect(share).toBeGreaterThan(0.93);
}, 60_000);

test("a drawing is fitted into the box", () => {
  const ink = new Float32Array(112 * 112);
  for (let y = 10; y < 40; y += 1) for (let x = 70; x < 76; x += 1) ink[y * 112 + x] = 1;
  for (const small of [true, false]) {
    const digit = asDigit(ink, 112, small)!;
    const rows = Array.from({ length: SIDE }, (_, y) => digit.subarray(y * SIDE, (y + 1) * SIDE).some((value) => value > 60));
    expect([rows.indexOf(true), rows.lastIndexOf(true)]).toEqual([4, 23]);
    expect(digit[14 * SIDE + 2]).toBe(0);
    expect(Math.max(digit[14 * SIDE + 13]!, digit[14 * SIDE + 14]!)).toBeGreaterThan(120);
  }
  expect(asDigit(new Float32Array(112 * 112), 112, true)).toBeNull();
});

test("packed digits that are too short are refused", () => {
  expect(() => unpacked(new Uint8Array([1, 0, 0, 0, 1, 0, 0, 0, 9]))).toThrow("have 9 bytes, not 1578");
});
