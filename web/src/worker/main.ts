/** The Python worker: starts Pyodide from what the page hands over, then runs one cell after the other. */
import { HOME, serve } from "./classic";
import createPyodideModule from "pyodide/pyodide.asm.mjs";
import { loadPyodide, type PyodideInterface } from "pyodide";
import { unpacked } from "./bytes";
import { Crew, Line } from "./crew";
import type { FromWorker, PythonError, Start, ToWorker } from "./messages";
import { inWords } from "./thrown";

/** handson.page.session.Session, as seen from here. */
interface Session {
  run(code: string, number: number): Promise<string | undefined>;
  receive(text: string): void;
}

const post = (message: FromWorker) => self.postMessage(message);

let compiled: Promise<WebAssembly.Module> | null = null;
let pyodide: PyodideInterface | null = null;
let session: Session | null = null;
let running = 0;
let told = ""; // the widget whose message Python takes now
let stopAsked = false;
let heard: () => void = () => {}; // all that was said
const crew = new Crew(() => post({ type: "hands wanted" }), memory);

async function compile(wasm: WebAssembly.Module | string[]): Promise<WebAssembly.Module> {
  return wasm instanceof WebAssembly.Module ? wasm : WebAssembly.compile((await unpacked(wasm)) as BufferSource);
}

async function start(message: Start): Promise<void> {
  const began = performance.now();
  post({ type: "step", text: "unpack" });
  const [wasm, stdlib] = await Promise.all([compiled!, unpacked(message.stdlib)]);
  serve({ wasm, stdlib });
  post({ type: "step", text: "python" });
  pyodide = await loadPyodide({
    indexURL: HOME,
    packageBaseUrl: HOME,
    createPyodideModule,
    lockFileContents: { info: { abi_version: "2026_0", arch: "wasm32", platform: "emscripten_5_0_3", python: "3.14.2", version: "314.0.7" }, packages: {} },
    env: { HOME: "/home/learner", PYTHONDONTWRITEBYTECODE: "1", ...message.environment },
    stdin: () => null,
  } as unknown as Parameters<typeof loadPyodide>[0]);
  serve(null);
  post({ type: "step", text: "handson" });
  for (const packed of message.packages) pyodide.unpackArchive(await unpacked(packed), "zip", { extractDir: "/handson" });
  await write(message.files);
  for (const [path, { content, time }] of Object.entries(message.kept)) {
    writeFile(path, content);
    pyodide.FS.utime(path, time, time); // lessons go by the newest
  }
  for (const [path, text] of Object.entries(message.texts)) writeFile(path, text);
  pyodide.runPython("import sys; sys.path.insert(0, '/handson')");
  if (message.shares) takeShares(message.shares);
  else session = pyodide.pyimport("handson.page.session").start(said, givesWay(), mayGoOn, crew) as Session;
  post({ type: "ready", python: pyodide.runPython("import platform; platform.python_version()"), wasm, milliseconds: performance.now() - began, givesWay: givesWay() });
}

/** Answer each share of a batch that comes: a network's results, or its gradients. */
function takeShares(port: MessagePort): void {
  const line = new Line(port, memory, (bytes) => helper.answer(bytes));
  const helper = pyodide!.pyimport("handson.page.crew").Helper(line) as { answer(bytes: number): void };
}

/** Whether Python can wait for JavaScript in the middle of a cell (JavaScript Promise Integration). */
function givesWay(): boolean {
  return "Suspending" in WebAssembly;
}

/** Called from Python: post one of its messages. */
function said(text: string): void {
  post({ type: "said", run: running, widget: told, text });
}

/**
 * Called from Python, which waits for it until the page has taken what was said, so that it is never far behind, and its
 * messages before that are taken here; the answer is false where Stop was pressed.
 */
async function mayGoOn(): Promise<boolean> {
  if (!stopAsked) await new Promise<void>((resolve) => { heard = resolve; post({ type: "heard?" }); });
  return !stopAsked;
}

/**
 * Called from Python: a photo's pixels. The page reads it, because a worker of WebKit's may not read a Blob where the page
 * came from file://.
 */
(globalThis as { pictureByPage?: unknown }).pictureByPage = (content: Uint8Array): Promise<ImageBitmap> => new Promise((resolve, reject) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }: MessageEvent<ImageBitmap | string>) => { if (typeof data === "string") reject(new Error(data)); else resolve(data); };
  self.postMessage({ type: "picture", content, reply: port2 } satisfies FromWorker, { transfer: [port2] });
});

async function write(files: Record<string, string[]>): Promise<void> {
  for (const [path, packed] of Object.entries(files)) writeFile(path, await unpacked(packed));
}

function writeFile(path: string, content: string | Uint8Array): void {
  pyodide!.FS.mkdirTree(path.slice(0, path.lastIndexOf("/")));
  pyodide!.FS.writeFile(path, content);
}

async function run(message: { run: number; number: number; code: string }): Promise<void> {
  const began = performance.now();
  running = message.run;
  stopAsked = false;
  const failed = await session!.run(message.code, message.number);
  running = 0;
  const error = failed ? (JSON.parse(failed) as PythonError) : null;
  post({ type: "done", run: message.run, error, milliseconds: performance.now() - began, megabytes: megabytes() });
}

function tell(message: { widget: string; text: string }): void {
  told = message.widget;
  try {
    session?.receive(message.text);
  } finally {
    told = "";
  }
}

/** Python's whole memory, which grows and never shrinks: each time it does, this is another array. */
function memory(): Uint8Array {
  return (pyodide as unknown as { _module: { HEAPU8: Uint8Array } })._module.HEAPU8;
}

/** The most memory that Python ever used. */
function megabytes(): number {
  return memory().length / 1e6;
}

async function take(message: ToWorker): Promise<void> {
  if (message.type === "wasm") compiled = compile(message.wasm);
  else if (message.type === "start") await start(message);
  else if (message.type === "run") await run(message);
  else if (message.type === "tell") tell(message);
  else if (message.type === "files") await write(message.files);
  else if (message.type === "hand") crew.add(message.port);
  else if (message.type === "hand gone") crew.gone(message.hand);
  else if (message.type === "heard") heard();
  else {
    stopAsked = true;
    heard();
  }
}

// Where Python itself breaks in a task of its event loop, nobody waits for the promise that is rejected.
self.addEventListener("unhandledrejection", (event) => {
  const reason = event.reason as Error | undefined;
  if (reason instanceof WebAssembly.RuntimeError || reason?.name === "ExitStatus" || (reason as { pyodide_fatal_error?: boolean })?.pyodide_fatal_error) {
    post({ type: "broken", message: inWords(reason) });
  }
});

self.onmessage = (event: MessageEvent<ToWorker>) => {
  take(event.data).catch((error: unknown) => post({ type: "broken", message: inWords(error) }));
};
