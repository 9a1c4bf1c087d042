/**
 * Files beside the page. `file://` allows no fetch, so each is a classic script that calls `handsonFile(path, content)`,
 * one byte a letter. A server may say that scripts are UTF-8, and that counts for more than what the page says: so from a
 * server their bytes are fetched, and the script has an address without a word about letters.
 */
import { unpacked } from "../worker/bytes";
import type { LessonContent, Part, Site } from "./site";
import { TEXTS } from "./texts";

const arrived = new Map<string, string>();

declare global {
  interface Window {
    handsonFile?: (path: string, content: string) => void;
    vegaEmbed?: (typeof import("vega-embed"))["default"];
  }
}

window.handsonFile = (path, content) => arrived.set(path, content);

/** One byte a letter, 0x80 to 0xff being U+F780 to U+F7FF, in every browser (WHATWG Encoding Standard). */
const BYTES = "x-user-defined";

function script(path: string, letters: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.setAttribute("charset", letters);
    element.src = path;
    element.async = true;
    element.onload = () => { element.remove(); resolve(); };
    element.onerror = () => { element.remove(); reject(new Error(TEXTS.missing(path))); };
    document.head.append(element);
  });
}

async function fetched(path: string): Promise<string> {
  const answer = await fetch(path).catch(() => null);
  if (!answer?.ok) throw new Error(TEXTS.missing(path));
  return URL.createObjectURL(new Blob([await answer.arrayBuffer()], { type: "text/javascript" }));
}

async function content(path: string): Promise<string> {
  if (location.protocol === "file:") {
    await script(path, BYTES);
  } else {
    const address = await fetched(path);
    await script(address, BYTES).finally(() => URL.revokeObjectURL(address));
  }
  const value = arrived.get(path);
  if (value === undefined) throw new Error(TEXTS.missing(path));
  arrived.delete(path);
  return value;
}

/** Load the parts of some resources; `progress(done, all)` is told the bytes, `whole` each resource that is there. */
export async function loadResources(
  site: Site, names: string[], progress: (done: number, all: number) => void,
  whole: (name: string, packed: string[]) => void = () => {},
): Promise<Record<string, string[]>> {
  const parts = names.flatMap((name) => site.resources[name] ?? []);
  const all = parts.reduce((sum, part) => sum + part.bytes, 0);
  let done = 0;
  progress(0, all);
  const load = async (part: Part) => {
    const text = await content(part.path);
    done += part.bytes;
    progress(done, all);
    return text;
  };
  const read = await Promise.all(names.map(async (name) => {
    const packed = await Promise.all(site.resources[name]!.map(load));
    whole(name, packed);
    return [name, packed] as const;
  }));
  return Object.fromEntries(read);
}

const loaded = new Map<string, Promise<unknown>>();

/** What `make` makes of the resource `name`, once; a resource that could not be read is asked for again the next time. */
function once<T>(site: Site, name: string, make: (text: string) => T | Promise<T>): Promise<T> {
  const made = (loaded.get(name) as Promise<T> | undefined) ?? textOf(site, name).then(make).catch((error: unknown) => {
    loaded.delete(name);
    throw error;
  });
  loaded.set(name, made);
  return made;
}

/** The cells of a lesson, from the resource of that name. */
export function loadLesson(site: Site, name: string): Promise<LessonContent> {
  return once(site, name, (text) => JSON.parse(text) as LessonContent);
}

/** Where the Python worker's script is: one address for all workers of this page. */
export function workerAddress(site: Site): Promise<string> {
  return once(site, "worker.js", scriptAddress);
}

/** vega-embed, loaded with the first figure. */
export function loadVega(site: Site): Promise<NonNullable<Window["vegaEmbed"]>> {
  return once(site, "vega.js", async (source) => {
    const address = scriptAddress(source);
    await script(address, "utf-8").finally(() => URL.revokeObjectURL(address));
    return window.vegaEmbed!;
  });
}

function scriptAddress(source: string): string {
  return URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
}

async function textOf(site: Site, name: string): Promise<string> {
  const packed = await loadResources(site, [name], () => {});
  return new TextDecoder().decode(await unpacked(packed[name]!));
}
