/** The outputs of a cell: what Python showed, kept as data (for the notebook to take home) and drawn. */
import type { PythonError } from "../worker/messages";
import { h } from "./dom";
import { drawFigure, VEGA_LITE } from "./figure";
import type { Site } from "./site";
import { TEXTS } from "./texts";
import { drawWidget, WIDGET, type WidgetState } from "./widget";

export type Bundle = Record<string, unknown>;

export type Output =
  | { type: "stream"; name: string; text: string }
  | { type: "display"; id: string; bundle: Bundle }
  | { type: "error"; error: PythonError };

export interface Surroundings {
  site: Site;
  tell(message: Record<string, unknown>): void;
}

const CHECK = "application/vnd.handson.check+json"; // an exercise's result
const FIGURES = "application/vnd.handson.figures+json"; // what a lesson reports
const SEE_ABOVE = "Not yet: see above."; // of lab/exercises.py, where the message was shown already
const MOST_LINES = 400; // of a stream, in view; `list` has them all

/** What is printed one after the other: lines that are over, of which the last ones are in view, and an open one. */
class Stream {
  private over = "";
  private lines: string[] = []; // the last of them
  private count = 0; // of all of them
  private open = "";

  constructor(readonly output: Output & { type: "stream" }, private readonly place: HTMLElement) {}

  print(text: string): void {
    const all = overwritten(this.open + text).split("\n");
    this.open = all.pop()!;
    if (all.length) {
      this.over += `${all.join("\n")}\n`;
      this.count += all.length;
      this.lines = [...this.lines, ...all].slice(-MOST_LINES);
    }
    this.output.text = this.over + this.open;
  }

  draw(): void {
    const open = this.open.replace(/\r.*$/, ""); // without what `overwritten` left for more to come
    const shown = [...this.lines, open].slice(-MOST_LINES);
    const hidden = this.count + 1 - shown.length;
    const said = hidden > 0 ? [h("p", { class: "aside" }, TEXTS.moreLines(hidden))] : [];
    this.place.replaceChildren(...said, h("pre", {}, shown.join("\n")));
  }
}

export class Outputs {
  readonly element = h("div", { class: "outputs" });
  readonly list: Output[] = [];
  private readonly drawn: HTMLElement[] = [];
  private last: Stream | null = null; // of the outputs, where the last one is printed
  private readonly undrawn = new Set<Stream>(); // until the browser draws again
  private frame = 0;
  private readonly ends = new Map<HTMLElement, () => void>(); // of widgets and figures
  private clearing: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly surroundings: Surroundings) {}

  /** Forget the old outputs; they stay in view for a moment, so that the page does not jump while new ones come. */
  begin(): void {
    this.element.style.minHeight = `${Math.min(this.element.offsetHeight, 600)}px`;
    this.clear();
    clearTimeout(this.clearing);
    this.clearing = setTimeout(() => { this.element.style.minHeight = ""; }, 1500);
  }

  /** The run is over: all that was printed is in view, and the room kept free goes. */
  end(): void {
    this.drawStreams();
    clearTimeout(this.clearing);
    this.element.style.minHeight = "";
  }

  clear(): void {
    for (const end of this.ends.values()) end();
    this.ends.clear();
    this.undrawn.clear();
    this.last = null;
    this.list.length = 0;
    this.drawn.length = 0;
    this.element.replaceChildren();
  }

  /** More of what is printed. The work grows with `text` alone, and it is drawn once for each picture of the browser's. */
  stream(name: string, text: string): void {
    if (!text) return;
    if (this.last?.output.name !== name) {
      const output = { type: "stream" as const, name, text: "" };
      const place = this.add(output);
      place.classList.add(name);
      this.last = new Stream(output, place);
    }
    this.last.print(text);
    this.undrawn.add(this.last);
    this.frame ||= requestAnimationFrame(() => this.drawStreams());
  }

  private drawStreams(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    for (const stream of this.undrawn) stream.draw();
    this.undrawn.clear();
  }

  display(id: string, bundle: Bundle): void {
    this.add({ type: "display", id, bundle });
  }

  /** Replace the output `id`; false where it is not here. */
  update(id: string, bundle: Bundle): boolean {
    const index = this.list.findIndex((output) => output.type === "display" && output.id === id);
    if (index < 0) return false;
    (this.list[index] as { bundle: Bundle }).bundle = bundle;
    this.drawBundle(this.drawn[index]!, bundle);
    return true;
  }

  error(error: PythonError): void {
    this.add({ type: "error", error });
  }

  private add(output: Output): HTMLElement {
    this.last = null;
    const place = h("div", { class: `output output-${output.type}` });
    this.list.push(output);
    this.drawn.push(place);
    this.element.append(place);
    if (output.type === "display") this.drawBundle(place, output.bundle);
    else if (output.type === "error") drawError(place, output.error);
    return place;
  }

  private drawBundle(place: HTMLElement, bundle: Bundle): void {
    this.ends.get(place)?.();
    this.ends.delete(place);
    if (WIDGET in bundle) {
      this.ends.set(place, drawWidget(place, bundle[WIDGET] as WidgetState, (message) => this.surroundings.tell(message)));
    } else if (VEGA_LITE in bundle && !("text/html" in bundle)) {
      this.ends.set(place, drawFigure(place, bundle[VEGA_LITE] as Record<string, unknown>, String(bundle["text/plain"] ?? ""), this.surroundings.site));
    } else if ("text/html" in bundle) {
      place.innerHTML = String(bundle["text/html"]);
      if (CHECK in bundle) {
        markCheck(place, bundle[CHECK] as { passed: boolean });
        dispatchEvent(new CustomEvent("handson:check", { detail: bundle[CHECK] })); // a room that serves the page listens
      }
      place.classList.toggle("reported", FIGURES in bundle);
    } else if ("image/svg+xml" in bundle) place.innerHTML = String(bundle["image/svg+xml"]);
    else {
      const mime = ["image/png", "image/gif", "image/jpeg"].find((one) => one in bundle);
      if (mime) place.replaceChildren(h("img", { src: `data:${mime};base64,${String(bundle[mime])}`, alt: String(bundle["text/plain"] ?? "") }));
      else place.replaceChildren(h("pre", {}, String(bundle["text/plain"] ?? "")));
    }
  }
}

/**
 * A text with its carriage returns and backspaces carried out, as a terminal does. Where more text would not go to the end
 * of the last line, a carriage return and the letters before that place follow, so that more can be added and carried out.
 */
export function overwritten(text: string): string {
  if (!/[\r\x08]/.test(text)) return text;
  const all = text.replace(/\r+\n/g, "\n").split("\n");
  return all.map((line, at) => {
    let shown = "";
    let before = "";
    for (const piece of line.split("\r")) {
      before = erased(piece);
      shown = before + shown.slice(before.length);
    }
    return at === all.length - 1 && before.length < shown.length ? `${shown}\r${before}` : shown;
  }).join("\n");
}

function erased(piece: string): string {
  let left = piece;
  while (/[^\x08]\x08/.test(left)) left = left.replace(/[^\x08]\x08/, "");
  return left.replaceAll("\x08", "");
}

/** An exercise's result has a colour of its own in Jupyter; here it takes the page's, light or dark. */
function markCheck(place: HTMLElement, { passed }: { passed: boolean }): void {
  place.classList.add("result", passed ? "passed" : "open");
  place.firstElementChild?.removeAttribute("style");
}

function drawError(place: HTMLElement, error: PythonError): void {
  const teaching = error.ename === "NotYet" || error.ename === "NoPhoto" || error.ename === "AssetMissing";
  place.classList.toggle("teaching", teaching);
  place.hidden = error.traceback === SEE_ABOVE; // the result stands there
  place.replaceChildren(h("pre", {}, error.traceback.trimEnd()));
  if (error.full) place.append(h("details", {}, h("summary", {}, TEXTS.wholeTraceback), h("pre", {}, error.full.trimEnd())));
}
