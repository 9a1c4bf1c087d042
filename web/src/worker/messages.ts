/** What the page and the Python worker say to each other. Python's own messages (see handson/lab/front.py) are JSON. */

/** A file as the page loaded it: gzip in strings of one byte a letter, in parts. */
export type Packed = string[];

/** A file of the learner's, and when it was saved, in milliseconds since 1970. */
export interface Kept {
  content: Uint8Array;
  time: number;
}

export interface Start {
  type: "start";
  stdlib: Packed;
  /** Zip files to unpack where Python imports from: handson itself. */
  packages: Packed[];
  /** Files to write before anything runs: absolute path → content. */
  files: Record<string, Packed>;
  /** The learner's own, which an earlier Python of this page had. */
  kept: Record<string, Kept>;
  texts: Record<string, string>;
  environment: Record<string, string>;
  /** Of a worker that takes shares of batches and runs no cells: where they come from. */
  shares?: MessagePort;
}

export type ToWorker =
  /** Python's program, compiled before (by another worker of this page), or packed: the first to come. */
  | { type: "wasm"; wasm: WebAssembly.Module | Packed }
  | Start
  /** Run a cell; `number` is that of its prompt. */
  | { type: "run"; run: number; number: number; code: string }
  /** A message of the page's widget for handson.lab.front.receive. */
  | { type: "tell"; widget: string; text: string }
  | { type: "files"; files: Record<string, Packed> }
  /** One more worker that takes shares of batches is ready at the other end. */
  | { type: "hand"; port: MessagePort }
  /** The one that became ready as the `hand`th (from 0) is broken. */
  | { type: "hand gone"; hand: number }
  /** The page has taken all that was said before "heard?". */
  | { type: "heard" }
  /** Asked of a cell that gives way now and then (see `breathe`); one that does not never hears it. */
  | { type: "stop" };

export interface PythonError {
  ename: string;
  evalue: string;
  /** The lines of the learner's own cells. */
  traceback: string;
  /** All of it; "" where it says no more. */
  full: string;
}

export type FromWorker =
  | { type: "step"; text: string }
  | { type: "ready"; python: string; wasm: WebAssembly.Module; milliseconds: number; givesWay: boolean }
  /** One message of Python, as JSON text; `run` is the cell that was running, 0: none; `widget` that whose message was taken, "": none. */
  | { type: "said"; run: number; widget: string; text: string }
  /** Python waits until the page has taken all that was said: it answers "heard". */
  | { type: "heard?" }
  /** A photo to be read: `reply` gets an ImageBitmap, or what is wrong with it as a text. */
  | { type: "picture"; content: Uint8Array; reply: MessagePort }
  /** A network is being trained: more workers would help. */
  | { type: "hands wanted" }
  | { type: "done"; run: number; error: PythonError | null; milliseconds: number; megabytes: number }
  /** Python itself is broken (out of memory inside, an abort): only a new worker helps. */
  | { type: "broken"; message: string };
