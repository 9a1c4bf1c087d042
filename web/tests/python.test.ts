import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { missingFeature, Python } from "../src/page/python";
import type { Site } from "../src/page/site";
import type { FromWorker, ToWorker } from "../src/worker/messages";

const { files, workerAddress } = vi.hoisted(() => ({
  files: vi.fn(async (_: unknown, names: string[]): Promise<Record<string, string[]>> => Object.fromEntries(names.map((name) => [name, ["gzip"]]))),
  workerAddress: vi.fn(async () => "blob:worker"),
}));
vi.mock("../src/page/resources", () => ({ loadResources: files, workerAddress }));

/** A worker that does nothing by itself. */
class Worker {
  static all: Worker[] = [];
  heard: ToWorker[] = [];
  ended = false;
  onmessage: ((event: { data: FromWorker }) => void) | null = null;
  constructor() { Worker.all.push(this); }
  postMessage(message: ToWorker): void { this.heard.push(message); }
  terminate(): void { this.ended = true; }
  says(data: FromWorker): void { this.onmessage!({ data }); }
  ready(): void { this.says({ type: "ready", python: "3.14", wasm: {} as WebAssembly.Module, milliseconds: 1, givesWay: false }); }
  types(): string[] { return this.heard.map((message) => message.type); }
}

const site = { packages: [], texts: {}, environment: {}, files: { photos: { "/assets/a": "photos-0" } }, resources: {} } as unknown as Site;
const soon = () => new Promise((resolve) => setTimeout(resolve, 0));
const said: unknown[][] = [];
const python = (assets: string[] = []) => new Python(site, { state() {}, said: (...what) => said.push(what), renewed() {} }, () => assets);
const never = new AbortController().signal;

/** What comes of a promise by now. */
const byNow = (promise: Promise<unknown>) => Promise.race([promise.then((value) => ["done", value], (error: Error) => ["failed", error.message]), soon().then(() => ["pending"])]);

beforeEach(() => {
  Worker.all = [];
  said.length = 0;
  vi.stubGlobal("Worker", Worker);
  vi.stubGlobal("OffscreenCanvas", class {});
  files.mockClear();
});
afterEach(() => vi.unstubAllGlobals());

test("a new Python while the first loads fails the first, and starts", async () => {
  const one = python();
  const first = one.start();
  await soon();
  one.restart();
  expect((await byNow(first))[0]).toBe("failed");
  const second = one.start();
  await soon();
  expect(Worker.all.map((worker) => worker.ended)).toEqual([true, false]);
  Worker.all[1]!.ready();
  expect(await byNow(second)).toEqual(["done", undefined]);
});

test("a lesson left before its worker's script was there starts no Python", async () => {
  let come: (address: string) => void = () => {};
  workerAddress.mockImplementationOnce(() => new Promise<string>((resolve) => { come = resolve; }));
  const one = python();
  const first = one.start();
  one.restart();
  come("blob:worker");
  expect((await byNow(first))[0]).toBe("failed");
  expect(Worker.all).toEqual([]);
});

test("a cell given up while Python loads never runs", async () => {
  const one = python();
  const given = new AbortController();
  const run = one.run(() => "code", 1, given.signal, () => {});
  await soon();
  given.abort();
  expect(await byNow(run)).toEqual(["done", null]);
  Worker.all[0]!.ready();
  await soon();
  expect(Worker.all[0]!.types()).toEqual(["start"]);
});

test("a cell runs as it reads when Python is there", async () => {
  const one = python();
  let text = "early";
  const run = one.run(() => text, 1, never, () => {});
  await soon();
  text = "late";
  Worker.all[0]!.ready();
  await soon();
  expect(Worker.all[0]!.heard.at(-1)).toEqual({ type: "run", run: 1, number: 1, code: "late" });
  Worker.all[0]!.says({ type: "done", run: 1, error: null, milliseconds: 5, megabytes: 1 });
  expect(await byNow(run)).toMatchObject(["done", { milliseconds: 5, stopped: "" }]);
});

test("a new Python while the data load leaves the cell alone", async () => {
  const assets: string[] = [];
  const one = python(assets);
  const start = one.start();
  await soon();
  Worker.all[0]!.ready();
  await start;
  assets.push("photos");
  let come: (loaded: Record<string, string[]>) => void = () => {};
  files.mockImplementationOnce(() => new Promise((resolve) => { come = resolve; }));
  const run = one.run(() => "code", 1, never, () => {});
  await soon();
  one.restart();
  come({ "photos-0": ["gzip"] });
  expect(await byNow(run)).toEqual(["done", null]);
});

test("the learner's files come with the next Python", async () => {
  const one = python();
  one.start().catch(() => {});
  await soon();
  one.keep("/home/learner/photos/cat.png", new Uint8Array([1, 2]));
  one.restart();
  one.start().catch(() => {});
  await soon();
  expect(Worker.all[1]!.heard.at(-1)).toMatchObject({ type: "start", kept: { "/home/learner/photos/cat.png": { content: new Uint8Array([1, 2]) } } });
});

test("a widget's message, and what comes of it, carry its name", async () => {
  const one = python();
  const start = one.start();
  await soon();
  Worker.all[0]!.ready();
  await start;
  one.tell({ type: "widget-message", id: "w1" });
  expect(Worker.all[0]!.heard.at(-1)).toMatchObject({ type: "tell", widget: "w1" });
  Worker.all[0]!.says({ type: "said", run: 0, widget: "w1", text: '{"type": "stream"}' });
  expect(said).toEqual([[0, "w1", { type: "stream" }]]);
});

test("Python that waits for the page goes on when the page has taken what it said", async () => {
  const one = python();
  const start = one.start();
  await soon();
  const worker = Worker.all[0]!;
  worker.ready();
  await start;
  worker.says({ type: "said", run: 1, widget: "", text: '{"type": "stream"}' });
  worker.says({ type: "heard?" });
  expect([said.length, worker.heard.at(-1)]).toEqual([1, { type: "heard" }]);
  one.restart();
  worker.says({ type: "heard?" }); // of the Python that is gone
  expect(worker.types().filter((type) => type === "heard")).toEqual(["heard"]);
});

test("a browser is told what it lacks", () => {
  expect(missingFeature()).toBe("");
  vi.stubGlobal("OffscreenCanvas", undefined);
  expect(missingFeature()).toBe("OffscreenCanvas");
  vi.spyOn(WebAssembly, "validate").mockReturnValueOnce(false);
  expect(missingFeature()).toBe("WebAssembly with SIMD");
});
