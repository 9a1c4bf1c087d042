// @vitest-environment node
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { fromBase64, fromString, unpacked } from "../src/worker/bytes";

/** As browsers read `x-user-defined`. */
const letters = (bytes: Uint8Array) => Array.from(bytes, (byte) => String.fromCharCode(byte < 128 ? byte : 0xf700 + byte)).join("");

test("the letters of a string are the bytes again, each of the 256", () => {
  const bytes = new Uint8Array(256).map((_, i) => i);
  expect(fromString(letters(bytes))).toEqual(bytes);
});

test("bytes come back from their parts", async () => {
  const content = new Uint8Array(100_000).map((_, i) => (i * i) % 251);
  const packed = gzipSync(content);
  const parts = [packed.subarray(0, 300), packed.subarray(300)].map((part) => letters(new Uint8Array(part)));
  expect(await unpacked(parts)).toEqual(content);
});

test("base64 is read without the browser's newest function, too", () => {
  expect(fromBase64(btoa("\x00\xff\x10"))).toEqual(new Uint8Array([0, 255, 16]));
});
