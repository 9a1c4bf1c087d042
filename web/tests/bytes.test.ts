// @vitest-environment node
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { fromBase64, unpacked } from "../src/worker/bytes";

test("bytes come back from parts of base64", async () => {
  const content = new Uint8Array(100_000).map((_, i) => (i * i) % 251);
  const packed = gzipSync(content);
  const parts = [packed.subarray(0, 300), packed.subarray(300)].map((part) => Buffer.from(part).toString("base64"));
  expect(await unpacked(parts)).toEqual(content);
});

test("base64 is read without the browser's newest function, too", () => {
  expect(fromBase64(btoa("\x00\xff\x10"))).toEqual(new Uint8Array([0, 255, 16]));
});
