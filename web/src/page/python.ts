/** Python in its worker, as the page sees it: started once, asked to run cells one after the other, stopped at any time. */
import type { FromWorker, Kept, Packed, PythonError, Start, ToWorker } from "../worker/messages";
import { loadResources, workerAddress } from "./resources";
import type { Site } from "./site";
import { allCores, handsToHave } from "./cores";
import { TEXTS } from "./texts";

/** How a run ended: `stopped` where Stop did it, and whether Python's variables are still there. */
export interface Outcome {
  error: PythonError | null;
  milliseconds: number;
  megabytes: number;
  stopped: "" | "kept" | "lost";
  broken: string;
}

export interface Listener {
  /** What to say about Python now; `share` of the loading, 0 to 1, or null where there is nothing to wait for. */
  state(text: string, share: number | null): void;
  /** A message of Python; `run` is the cell that was running, 0: none; `widget` the one whose message Python was taking, "": none. */
  said(run: number, widget: string, message: Record<string, unknown>): void;
  /** Python is new: nothing of what was run before is known to it. */
  renewed(): void;
}

const PATIENCE_MS = 800; // that a cell which gives way has to end by itself after Stop

const WASM = "pyodide.asm.wasm";

interface Running {
  run: number;
  resolve: (outcome: Outcome) => void;
}

export class Python {
  private worker: Worker | null = null;
  private started: Promise<void> | null = null;
  private starts = 0; // and ends: what an `await` comes back to is another Python, or none, where this has changed
  private running: Running | null = null;
  private runs = 0;
  private module: WebAssembly.Module | null = null;
  private packed: Promise<Record<string, Packed>> | null = null;
  private present = new Set<string>();
  private kept: Record<string, Kept> = {};
  private givesWay = false;
  private stopTimer: ReturnType<typeof setTimeout> | undefined;
  private hands: Worker[] = [];
  private fail: (error: Error) => void = () => {};
  version = "";
  startedIn = 0;

  constructor(
    private readonly site: Site, private readonly listener: Listener,
    private readonly assets: () => string[], private readonly environment: Record<string, string> = {},
  ) {}

  get busy(): boolean {
    return this.running !== null;
  }

  /** Start Python if it is not there; resolves when it can run, rejects where it cannot or is ended before. */
  start(): Promise<void> {
    if (this.started) return this.started;
    const start = ++this.starts;
    const failed = new Promise<never>((_, reject) => { this.fail = reject; });
    this.started = Promise.race([failed, this.begin(() => start === this.starts)]).catch((error: unknown) => {
      if (start === this.starts) {
        this.end();
        this.listener.state(TEXTS.cannotStart(String((error as Error | null)?.message ?? error)), null);
      }
      throw error;
    });
    return this.started;
  }

  private async begin(wanted: () => boolean): Promise<void> {
    const lacking = missingFeature();
    if (lacking) throw new Error(TEXTS.tooOld(lacking));
    const address = await workerAddress(this.site);
    if (!wanted()) return;
    const worker = (this.worker = new Worker(address));
    const ready = new Promise<void>((resolve) => {
      worker.onmessage = (event: MessageEvent<FromWorker>) => this.hear(worker, event.data, resolve);
    });
    worker.onerror = (event) => { event.preventDefault(); this.broke(worker, event.message || "the worker could not be started"); };
    const assets = this.assets();
    if (this.module) this.post({ type: "wasm", wasm: this.module });
    const loading = this.load((wasm) => { if (worker === this.worker && !this.module) this.post({ type: "wasm", wasm }); });
    const [packed, files] = await Promise.all([loading, this.loadAssets(assets)]);
    if (!wanted()) return;
    const site = this.site;
    this.post({
      type: "start",
      stdlib: packed["python_stdlib.zip"]!,
      packages: site.packages.map((name) => packed[name]!),
      files,
      kept: this.kept,
      texts: site.texts,
      environment: { ...site.environment, ...(allCores() ? {} : { HANDSON_WORKERS: "1" }), ...this.environment },
    } satisfies Start);
    await ready;
    if (wanted()) for (const asset of assets) this.present.add(asset);
  }

  /** More workers, which take shares of the batches of the one that runs the lesson (see handson/pocket/parallel.py). */
  private async recruit(): Promise<void> {
    const worker = this.worker;
    const packed = await this.load(() => {});
    let ready = 0;
    for (let hand = 0; hand < handsToHave(); hand++) {
      const helper = new Worker(await workerAddress(this.site));
      if (worker !== this.worker || !worker) return helper.terminate();
      this.hands.push(helper);
      const { port1, port2 } = new MessageChannel();
      let number = -1;
      const gone = () => { // the lesson goes on without it
        helper.terminate();
        if (number >= 0 && worker === this.worker) worker.postMessage({ type: "hand gone", hand: number } satisfies ToWorker);
      };
      helper.onerror = (event) => { event.preventDefault(); gone(); };
      helper.onmessage = (event: MessageEvent<FromWorker>) => {
        if (event.data.type === "broken") gone();
        if (event.data.type !== "ready" || worker !== this.worker) return;
        number = ready++;
        worker.postMessage({ type: "hand", port: port1 } satisfies ToWorker, [port1]);
      };
      const { packages, environment } = this.site;
      helper.postMessage({ type: "wasm", wasm: this.module ?? packed[WASM]! } satisfies ToWorker);
      helper.postMessage({
        type: "start", stdlib: packed["python_stdlib.zip"]!,
        packages: packages.map((name) => packed[name]!), files: {}, kept: {}, texts: {}, environment, shares: port2,
      } satisfies Start, [port2]);
    }
  }

  /** The files that every lesson needs, kept for the next start; `early` gets Python's program, to be compiled while the rest comes. */
  private load(early: (wasm: Packed) => void): Promise<Record<string, Packed>> {
    if (this.packed) return this.packed.then((packed) => { early(packed[WASM]!); return packed; });
    this.packed = loadResources(
      this.site, [WASM, "python_stdlib.zip", ...this.site.packages],
      (done, all) => this.listener.state(TEXTS.loading(done / 1e6, all / 1e6), all ? (0.6 * done) / all : 0),
      (name, packed) => { if (name === WASM) early(packed); },
    ).catch((error) => { this.packed = null; throw error; });
    return this.packed;
  }

  private async loadAssets(assets: string[]): Promise<Record<string, Packed>> {
    const places = assets.flatMap((asset) => Object.entries(this.site.files[asset] ?? {}));
    if (!places.length) return {};
    const loaded = await loadResources(this.site, [...new Set(places.map(([, resource]) => resource))], (done, all) => {
      if (this.packed && this.version) this.listener.state(TEXTS.data(done / 1e6, all / 1e6), all ? done / all : 0);
    });
    return Object.fromEntries(places.map(([path, resource]) => [path, loaded[resource]!]));
  }

  /** Run a cell. Only one at a time: the page queues. Null where `wanted` was aborted, or Python ended, before it began. */
  async run(code: () => string, number: number, wanted: AbortSignal, began: (run: number) => void): Promise<Outcome | null> {
    const prepared = await Promise.race([this.prepare(), aborted(wanted)]);
    if (!prepared || wanted.aborted || !this.worker) return null;
    return new Promise((resolve) => {
      this.running = { run: ++this.runs, resolve };
      began(this.runs);
      this.post({ type: "run", run: this.runs, number, code: code() });
    });
  }

  /** Python and the lesson's data; false where Python ended while they came. */
  private async prepare(): Promise<boolean> {
    await this.start();
    const start = this.starts;
    const lacking = this.assets().filter((asset) => !this.present.has(asset));
    if (!lacking.length) return true;
    const files = await this.loadAssets(lacking);
    if (start !== this.starts) return false;
    this.post({ type: "files", files });
    for (const asset of lacking) this.present.add(asset);
    return true;
  }

  /** A file of the learner's, there again whenever a new Python starts. */
  keep(path: string, content: Uint8Array): void {
    this.kept[path] = { content, time: Date.now() };
  }

  /** A message of a widget. */
  tell(message: Record<string, unknown>): void {
    if (this.worker && this.version) this.post({ type: "tell", widget: String(message.id), text: JSON.stringify(message) });
  }

  /** End the running cell: by asking, where Python can hear it, otherwise with the worker. */
  stop(): void {
    const running = this.running;
    if (!running) return;
    const worker = this.worker;
    const end = () => {
      if (this.running !== running || this.worker !== worker) return;
      this.end();
      this.settle({ error: null, milliseconds: 0, megabytes: 0, stopped: "lost", broken: "" });
      this.listener.renewed();
    };
    if (!this.givesWay || !this.version) { end(); return; }
    this.listener.state(TEXTS.stopping, null);
    this.post({ type: "stop" });
    clearTimeout(this.stopTimer);
    this.stopTimer = setTimeout(end, PATIENCE_MS);
  }

  /** A new Python. */
  restart(): void {
    this.end();
    this.settle({ error: null, milliseconds: 0, megabytes: 0, stopped: "lost", broken: "" });
    this.listener.renewed();
  }

  private end(): void {
    clearTimeout(this.stopTimer);
    this.starts += 1;
    this.fail(new Error(TEXTS.restarted));
    for (const worker of [this.worker, ...this.hands]) worker?.terminate();
    this.hands = [];
    this.worker = null;
    this.started = null;
    this.version = "";
    this.present.clear();
  }

  private settle(outcome: Outcome): void {
    const running = this.running;
    this.running = null;
    running?.resolve(outcome);
  }

  private broke(worker: Worker, message: string): void {
    if (worker !== this.worker) return;
    const starting = !this.version;
    this.fail(new Error(message));
    if (starting) return;
    this.end();
    this.settle({ error: null, milliseconds: 0, megabytes: 0, stopped: "", broken: message });
    this.listener.renewed();
  }

  private hear(worker: Worker, message: FromWorker, ready: () => void): void {
    if (worker !== this.worker) return;
    if (message.type === "step") {
      const share = { unpack: 0.6, python: 0.7, handson: 0.9 }[message.text as "unpack"] ?? null;
      this.listener.state(TEXTS[message.text as "unpack"], share);
    } else if (message.type === "ready") {
      this.module = message.wasm;
      this.version = message.python;
      this.givesWay = message.givesWay;
      this.startedIn = message.milliseconds;
      this.listener.state(TEXTS.ready, null);
      ready();
    } else if (message.type === "hands wanted") {
      this.recruit().catch(() => {}); // the lesson goes on without them
    } else if (message.type === "picture") {
      const { content, reply } = message;
      createImageBitmap(new Blob([content as BlobPart])).then((bitmap) => reply.postMessage(bitmap, [bitmap]), (error: unknown) => reply.postMessage(String(error)));
    } else if (message.type === "said") {
      this.listener.said(message.run, message.widget, JSON.parse(message.text) as Record<string, unknown>);
    } else if (message.type === "heard?") {
      this.post({ type: "heard" });
    } else if (message.type === "done") {
      if (this.running?.run !== message.run) return;
      clearTimeout(this.stopTimer);
      const stopped = message.error?.ename === "KeyboardInterrupt" ? "kept" : "";
      this.settle({ error: stopped ? null : message.error, milliseconds: message.milliseconds, megabytes: message.megabytes, stopped, broken: "" });
    } else this.broke(worker, message.message);
  }

  private post(message: ToWorker): void {
    this.worker!.postMessage(message);
  }
}

function aborted(signal: AbortSignal): Promise<false> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(false);
    else signal.addEventListener("abort", () => resolve(false), { once: true });
  });
}

/** A function of WebAssembly with two instructions of 128 bits: pocket's loops are made of such. */
const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

/** What this browser lacks of what Python needs; "" where there is nothing. */
export function missingFeature(): string {
  if (typeof WebAssembly !== "object") return "WebAssembly";
  if (!WebAssembly.validate(SIMD)) return "WebAssembly with SIMD";
  if (typeof OffscreenCanvas !== "function") return "OffscreenCanvas";
  if (typeof DecompressionStream !== "function") return "DecompressionStream";
  return "";
}
