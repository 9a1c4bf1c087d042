/** Must be imported before Pyodide: what a classic worker from a Blob has to hide from it and to serve it.
 *
 * Pages opened from file:// can start no module worker and fetch nothing. Pyodide refuses classic workers by trying
 * `importScripts`, and asks `fetch` for its two large files; here the one fails, and the other answers from memory.
 */

/** The address that Pyodide believes it comes from; nothing under it is ever asked for on a network. */
export const HOME = "https://pyodide.invalid/";

export interface Served {
  wasm: WebAssembly.Module;
  stdlib: Uint8Array;
}

let served: Served | null = null;

/** Say what `fetch` answers below HOME. */
export function serve(files: Served | null): void {
  served = files;
}

const WASM = "the module that is compiled already" as unknown as Response;
const fetchElsewhere = globalThis.fetch?.bind(globalThis);
const instantiateStreaming = WebAssembly.instantiateStreaming?.bind(WebAssembly);

globalThis.fetch = async (asked: RequestInfo | URL, options?: RequestInit): Promise<Response> => {
  const address = asked instanceof Request ? asked.url : String(asked);
  if (!address.startsWith(HOME)) return fetchElsewhere(asked, options);
  const name = address.slice(HOME.length);
  if (!served) throw new Error(`${name} was asked for before it was there.`);
  if (name === "pyodide.asm.wasm") return WASM;
  if (name === "python_stdlib.zip") return new Response(served.stdlib as BufferSource);
  throw new Error(`This page has no ${name}, and it asks no server for one.`);
};

WebAssembly.instantiateStreaming = async (response, imports) => {
  if ((await response) !== WASM) return instantiateStreaming(response, imports);
  const module = served!.wasm;
  return { module, instance: await WebAssembly.instantiate(module, imports) };
};

(globalThis as { importScripts?: unknown }).importScripts = () => {
  throw new TypeError("This worker loads no scripts.");
};
