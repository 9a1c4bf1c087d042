/** One code cell: its editor, its buttons, its outputs. */
import type { EditorView } from "@codemirror/view";
import { h, icon } from "./dom";
import { makeEditor } from "./editor";
import { Outputs, type Surroundings } from "./outputs";
import type { Cell } from "./site";
import { TEXTS } from "./texts";

export type CellState = "idle" | "waiting" | "running" | "done" | "failed" | "stopped";

export interface CellEvents {
  edited(cell: CodeCell): void;
  run(cell: CodeCell, goOn: boolean): void;
  runAbove(cell: CodeCell): void;
  stop(): void;
}

export class CodeCell {
  readonly element: HTMLElement;
  readonly outputs: Outputs;
  readonly editor: EditorView;
  number: number | null = null; // of its last run, as Jupyter counts
  private original: string;
  private put: HTMLButtonElement;
  private runButton: HTMLButtonElement;
  private mark: HTMLElement;
  private notes = h("div", { class: "cell-notes" });
  private files = h("div", { class: "cell-files" });
  private before: string | null = null; // what a reset replaced

  /** `position` counts the code cells of the lesson from 1; `text` is the learner's. */
  constructor(readonly cell: Cell, readonly position: number, text: string, events: CellEvents, surroundings: Surroundings) {
    this.original = cell.source;
    this.outputs = new Outputs(surroundings);
    this.editor = makeEditor(text, TEXTS.codeOf(position), {
      changed: () => { this.before = null; this.showEdited(); events.edited(this); },
      run: (goOn) => events.run(this, goOn),
      leave: () => this.element.focus(),
    });
    this.runButton = h("button", { class: "cell-run", type: "button", "aria-label": `${TEXTS.run} ${TEXTS.cell(position)}`, title: TEXTS.runHint, onclick: () => (this.state === "running" || this.state === "waiting" ? events.stop() : events.run(this, false)) }, icon("run"));
    this.put = h("button", { class: "quiet", type: "button", hidden: true, onclick: () => this.reset() }, icon("reset"), h("span", {}, TEXTS.reset));
    this.mark = h("span", { class: "cell-mark", "aria-hidden": "true" }, String(position));
    const above = h("button", { class: "quiet", type: "button", onclick: () => events.runAbove(this) }, icon("above"), h("span", {}, TEXTS.runAbove));
    const folded = cell.role === "check";
    const code = h("div", { class: "cell-code" }, this.editor.dom);
    const tools = h("div", { class: "cell-tools" }, this.put, position > 1 && above);
    this.element = h(
      "section", { class: `cell code ${cell.role ?? ""}`, id: cell.id, tabindex: -1, "aria-label": TEXTS.cell(position) },
      h("div", { class: "cell-side" }, this.runButton, this.mark),
      h("div", { class: "cell-main" },
        cell.role === "exercise" && h("div", { class: "cell-kind" }, TEXTS.exercise),
        folded ? h("details", { class: "cell-fold" }, h("summary", {}, TEXTS.checkCell), code) : code,
        tools, this.notes,
        h("div", { role: "group", "aria-label": TEXTS.outputOf(position) }, this.outputs.element), this.files,
      ),
    );
    this.element.addEventListener("keydown", (event) => {
      const fold = (event.target as HTMLElement).parentElement?.matches(".cell-fold") && (event.target as HTMLElement).matches("summary");
      if (event.target !== this.element && !fold) return;
      if (event.key === "Enter" && (event.shiftKey || event.ctrlKey || event.metaKey)) events.run(this, event.shiftKey);
      else if (event.key === "Enter" && !fold) this.focusEditor();
      else return;
      event.preventDefault();
    });
    this.showEdited();
  }

  state: CellState = "idle";

  get text(): string {
    return this.editor.state.doc.toString();
  }

  get edited(): boolean {
    return this.text !== this.original;
  }

  get tagged(): string {
    return this.cell.role ?? "";
  }

  focusEditor(): void {
    const fold = this.element.querySelector<HTMLDetailsElement>(".cell-fold");
    if (fold && !fold.open) { fold.querySelector("summary")!.focus(); return; }
    this.editor.focus();
  }

  setText(text: string): void {
    this.editor.dispatch({ changes: { from: 0, to: this.editor.state.doc.length, insert: text } });
  }

  show(state: CellState, seconds = ""): void {
    this.state = state;
    this.element.dataset.state = state;
    const active = state === "running" || state === "waiting";
    this.runButton.replaceChildren(icon(active ? "stop" : "run"));
    this.runButton.setAttribute("aria-label", `${active ? TEXTS.stop : TEXTS.run} ${TEXTS.cell(this.position)}`);
    this.mark.textContent = seconds || String(this.position);
  }

  /** Where what was said and shown stands in the window, in pixels from its upper edge. */
  shownAt(): { top: number; bottom: number } {
    return { top: this.notes.getBoundingClientRect().top, bottom: this.files.getBoundingClientRect().bottom };
  }

  /** Say something about the cell, above its outputs; `action` offers a way on. */
  note(text: string, action?: { label: string; act: () => void }): void {
    const button = action && h("button", { type: "button", onclick: () => { this.notes.replaceChildren(); action.act(); } }, action.label);
    this.notes.replaceChildren(h("p", { class: "note", role: "status" }, text, button));
  }

  /** What is said about the cell, without the way on. */
  get noted(): string {
    return this.notes.querySelector(".note")?.firstChild?.textContent ?? "";
  }

  clearNotes(): void {
    this.notes.replaceChildren();
    this.files.replaceChildren();
  }

  offer(link: HTMLElement): void {
    this.files.append(link);
  }

  private showEdited(): void {
    const undo = this.before !== null;
    this.put.hidden = !this.edited && !undo;
    this.put.querySelector("span")!.textContent = undo ? TEXTS.undoReset : TEXTS.reset;
    this.element.classList.toggle("edited", this.edited);
  }

  /** Back to the original, or, pressed again, to what that replaced. */
  private reset(): void {
    const replaced = this.before === null ? this.text : null;
    this.setText(this.before ?? this.original);
    this.before = replaced;
    this.showEdited();
  }
}
