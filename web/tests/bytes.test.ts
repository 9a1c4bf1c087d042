// @vitest-environment node
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { fromBase64, fromSevenBits, unpacked } from "../src/worker/bytes";

/** As `seven_bits` of handson.kit.packing, before escapes. */
function sevenBits(bytes: Uint8Array): string {
  const fill = (7 - (bytes.length % 7)) % 7;
  const bits = [...bytes, ...new Uint8Array(fill)].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return fill + (bits.match(/.{7}/g) ?? []).map((seven) => String.fromCharCode(parseInt(seven, 2))).join("");
}

test("letters of 7 bits are the bytes again, whatever their number", () => {
  for (let length = 0; length < 30; length += 1) {
    const bytes = new Uint8Array(length).map((_, i) => (i * 89 + length * 7 + 255) % 256);
    expect(fromSevenBits(sevenBits(bytes))).toEqual(bytes);
  }
});

test("bytes come back from their parts", async () => {
  const content = new Uint8Array(100_000).map((_, i) => (i * i) % 251);
  const packed = gzipSync(content);
  const parts = [packed.subarray(0, 300), packed.subarray(300)].map((part) => sevenBits(new Uint8Array(part)));
  expect(await unpacked(parts)).toEqual(content);
});

test("base64 is read without the browser's newest function, too", () => {
  expect(fromBase64(btoa("\x00\xff\x10"))).toEqual(new Uint8Array([0, 255, 16]));
});
