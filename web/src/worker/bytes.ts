/** Bytes that came as gzip in strings, in parts (see handson/kit/packing.py). */
export async function unpacked(parts: string[]): Promise<Uint8Array> {
  // Not through a Blob: a worker of WebKit's may not read one where the page came from file://.
  const gzip = new ReadableStream<BufferSource>({
    start(stream) {
      for (const part of parts) stream.enqueue(fromString(part) as BufferSource);
      stream.close();
    },
  });
  return new Uint8Array(await new Response(gzip.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
}

/** One byte a letter: its low eight bits, as `x-user-defined` has them. */
export function fromString(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes;
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
