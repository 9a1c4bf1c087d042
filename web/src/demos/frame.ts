/** What all demos have around them: header, theme, texts, a place for announcements. */
import "./frame.css";
import { type LiveTable, liveTable } from "../look/table";
import { button, h } from "./dom";
import type { Loop } from "./loop";
import { surface, type Surface } from "./surface";
import { themeButton } from "./theme";

/** The texts of a demo, all of them in its demo.json. */
export interface Texts {
  title: string;
  promise: string;
  see: string;
  try: readonly string[];
  idea: string;
}

const GENERAL = {
  all: "All demos",
  see: "What you see",
  try: "Try this",
  idea: "The idea",
  run: "Run",
  pause: "Pause",
  running: "Running.",
  paused: "Paused.",
  table: "As a table",
  still: "Your system asks for less motion: nothing moves until you press Run.",
};

export interface Frame {
  /** One row above all: run, start anew, the figures that matter. */
  bar: HTMLElement;
  /** The large left part, and the narrow right one (below, on a phone). */
  view: HTMLElement;
  side: HTMLElement;
  /** Below both. */
  below: HTMLElement;
  /** Says it to a screen reader, politely. */
  announce(text: string): void;
}

export function frame(texts: Texts): Frame {
  const bar = h("div", { class: "row bar" });
  const view = h("div", { class: "view" });
  const side = h("div", { class: "side" });
  const below = h("div", { class: "below" });
  const spoken = h("div", { class: "spoken", role: "status", "aria-live": "polite" });
  document.getElementById("demo")!.append(
    h(
      "div",
      { class: "top" },
      h("a", { href: "index.html", class: "back" }, "← ", GENERAL.all),
      h("div", { class: "heading" }, h("h1", {}, texts.title), h("p", { class: "promise" }, texts.promise)),
      themeButton(),
    ),
    bar,
    h("div", { class: "stage" }, view, side),
    below,
    h(
      "div",
      { class: "about" },
      h("section", {}, h("h2", {}, GENERAL.see), h("p", {}, texts.see)),
      h("section", {}, h("h2", {}, GENERAL.try), h("ol", {}, ...texts.try.map((line) => h("li", {}, line)))),
      h("section", {}, h("h2", {}, GENERAL.idea), h("p", {}, texts.idea)),
    ),
    spoken,
  );
  let last = "";
  return {
    bar,
    view,
    side,
    below,
    announce(text) {
      if (text !== last) spoken.textContent = last = text;
    },
  };
}

/** The numbers behind what a canvas shows, as a folded table named `of`; `rows` gives them as they are now. */
export const behind = (of: string, names: readonly string[], rows: () => readonly (readonly string[])[]): LiveTable =>
  liveTable(GENERAL.table, of, names, rows);

/** The first start of a demo: at once, but where the system asks for less motion it waits for Run, and says so. */
export function begin(loop: Loop, { bar, announce }: Frame): void {
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) return loop.start();
  const note = h("p", { class: "hint still" }, GENERAL.still);
  bar.append(note);
  announce(GENERAL.still);
  loop.onChange((running) => running && note.remove());
}

/** The button that runs and pauses; Space does the same where no control has the focus. */
export function runButton(loop: Loop, announce: (text: string) => void): HTMLButtonElement {
  const made = button("", () => {
    loop.toggle();
    announce(loop.running ? GENERAL.running : GENERAL.paused);
  }, { class: "primary run" });
  loop.onChange((running) => (made.textContent = running ? GENERAL.pause : GENERAL.run));
  addEventListener("keydown", (event) => {
    if (event.key !== " " || event.target !== document.body) return;
    event.preventDefault();
    made.click();
  });
  return made;
}

export { surface, type Surface };
