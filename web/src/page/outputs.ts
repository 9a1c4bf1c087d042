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

export class Outputs {
  readonly element = h("div", { class: "outputs" });
  readonly list: Output[] = [];
  private readonly drawn: HTMLElement[] = [];
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

  /** The run is over: the room kept free goes. */
  end(): void {
    clearTimeout(this.clearing);
    this.element.style.minHeight = "";
  }

  clear(): void {
    for (const end of this.ends.values()) end();
    this.ends.clear();
    this.list.length = 0;
    this.drawn.length = 0;
    this.element.replaceChildren();
  }

  stream(name: string, text: string): void {
    const last = this.list.at(-1);
    if (last?.type === "stream" && last.name === name) {
      last.text = overwritten(last.text + text);
      drawStream(this.drawn.at(-1)!, last.text);
    } else if (text) this.add({ type: "stream", name, text: overwritten(text) });
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

  private add(output: Output): void {
    const place = h("div", { class: `output output-${output.type}` });
    this.list.push(output);
    this.drawn.push(place);
    this.element.append(place);
    if (output.type === "stream") {
      place.classList.add(output.name);
      drawStream(place, output.text);
    } else if (output.type === "display") this.drawBundle(place, output.bundle);
    else drawError(place, output.error);
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
      if (CHECK in bundle) markCheck(place, bundle[CHECK] as { passed: boolean });
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

function drawStream(place: HTMLElement, text: string): void {
  const all = text.replace(/\r.*$/, "").split("\n"); // without what `overwritten` left for more to come
  const hidden = all.length - MOST_LINES;
  const pre = h("pre", {}, all.slice(Math.max(hidden, 0)).join("\n"));
  place.replaceChildren(...(hidden > 0 ? [h("p", { class: "aside" }, TEXTS.moreLines(hidden))] : []), pre);
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
