/** Files beside the page. `file://` allows no fetch, so each is a classic script that calls `handsonFile(path, content)`. */
import { unpacked } from "../worker/bytes";
import type { LessonContent, Part, Site } from "./site";
import { TEXTS } from "./texts";

const arrived = new Map<string, unknown>();

declare global {
  interface Window {
    handsonFile?: (path: string, content: unknown) => void;
    vegaEmbed?: (typeof import("vega-embed"))["default"];
  }
}

window.handsonFile = (path, content) => arrived.set(path, content);

function script(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = path;
    element.async = true;
    element.onload = () => { element.remove(); resolve(); };
    element.onerror = () => { element.remove(); reject(new Error(TEXTS.missing(path))); };
    document.head.append(element);
  });
}

async function content<T>(path: string): Promise<T> {
  await script(path);
  if (!arrived.has(path)) throw new Error(TEXTS.missing(path));
  const value = arrived.get(path) as T;
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
    const text = await content<string>(part.path);
    done += part.bytes;
    progress(done, all);
    return text;
  };
  const loaded = await Promise.all(names.map(async (name) => {
    const packed = await Promise.all(site.resources[name]!.map(load));
    whole(name, packed);
    return [name, packed] as const;
  }));
  return Object.fromEntries(loaded);
}

const lessons = new Map<string, Promise<LessonContent>>();

/** The cells of a lesson. */
export function loadLesson(path: string): Promise<LessonContent> {
  if (!lessons.has(path)) lessons.set(path, content<LessonContent>(path));
  return lessons.get(path)!;
}

let worker: Promise<string> | null = null;

/** The source of the Python worker. */
export function loadWorker(site: Site): Promise<string> {
  worker ??= scriptIn(site, "worker.js");
  return worker;
}

let vega: Promise<NonNullable<Window["vegaEmbed"]>> | null = null;

/** vega-embed, loaded with the first figure. */
export function loadVega(site: Site): Promise<NonNullable<Window["vegaEmbed"]>> {
  vega ??= scriptIn(site, "vega.js").then((source) => script(URL.createObjectURL(new Blob([source], { type: "text/javascript" })))).then(() => window.vegaEmbed!);
  return vega;
}

async function scriptIn(site: Site, name: string): Promise<string> {
  const packed = await loadResources(site, [name], () => {});
  return new TextDecoder().decode(await unpacked(packed[name]!));
}
