/** Bytes that came as gzip in letters of 7 bits, in parts (see handson/kit/packing.py). */
export async function unpacked(parts: string[]): Promise<Uint8Array> {
  const stream = new Blob(parts.map(fromSevenBits) as BlobPart[]).stream();
  return new Uint8Array(await new Response(stream.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
}

/** 7 bytes of every 8 letters; the first letter says how many of the last ones only fill up. */
export function fromSevenBits(text: string): Uint8Array {
  const bytes = new Uint8Array(((text.length - 1) / 8) * 7);
  for (let from = 1, to = 0; from < text.length; from += 8) {
    let letter = text.charCodeAt(from);
    for (let k = 1; k < 8; k += 1) {
      const next = text.charCodeAt(from + k);
      bytes[to++] = (letter << k) | (next >> (7 - k));
      letter = next;
    }
  }
  return bytes.subarray(0, bytes.length - Number(text[0]));
}

/** The bytes of a base64 text. */
export function fromBase64(text: string): Uint8Array {
  const quick = (Uint8Array as unknown as { fromBase64?: (text: string) => Uint8Array }).fromBase64;
  if (quick) return quick.call(Uint8Array, text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
