/** A lesson as a notebook: prose and code cells, run one after the other by one Python. */
import { fromBase64 } from "../worker/bytes";
import { checkedEnvironment } from "./checked";
import { CodeCell } from "./codecell";
import { coresChoice } from "./cores";
import { download, h, icon } from "./dom";
import { colorCode } from "./editor";
import type { Edits } from "./edits";
import { madeFile, type SavedFile } from "./files";
import { defines, missingName } from "./names";
import type { Output } from "./outputs";
import { Python, type Outcome } from "./python";
import type { Cell, LessonCard, LessonContent, Site } from "./site";
import { notebook, script } from "./takehome";
import { TEXTS } from "./texts";
import { themeChoice } from "./theme";
import { tellWidget, toBase64, WIDGET, type WidgetState } from "./widget";

const SAVE_AFTER_MS = 400;
const MARGIN = 12; // in pixels, around what is brought into view

export interface CellReport {
  position: number;
  role: string;
  outputs: Output[];
  state: string;
  note: string;
  milliseconds: number;
  megabytes: number;
}

export class LessonView {
  readonly element: HTMLElement;
  readonly cells: CodeCell[] = [];
  private readonly queue: CodeCell[] = [];
  private readonly byRun = new Map<number, CodeCell>();
  private readonly reports = new Map<CodeCell, { milliseconds: number; megabytes: number }>();
  private readonly byWidget = new Map<string, CodeCell>();
  private readonly ran = new Set<CodeCell>(); // by the Python that is there now
  private current: CodeCell | null = null;
  private leaving: CodeCell | null = null; // once it has passed: Shift-Enter was pressed in it
  private wanted = new AbortController(); // of the current cell, until it begins
  private worked: Promise<void> | null = null;
  private counter = 0;
  private readonly closing = new AbortController(); // ends what listens beyond this element
  /** Stop at any error, also at an exercise's: for a check of the solved lesson. */
  strict = false;
  private began = 0;
  private clock: ReturnType<typeof setInterval> | undefined;
  private readonly python: Python;
  private readonly saving = new Map<CodeCell, ReturnType<typeof setTimeout>>();
  private readonly unkept = new Set<CodeCell>(); // what the browser refused to store
  private readonly files = new Map<string, Blob>();

  private readonly says = h("span", { class: "says-text" });
  private readonly bar = h("span", { class: "bar-fill" });
  private readonly spoken = h("div", { class: "spoken", role: "status", "aria-live": "polite" });
  private readonly stopButton: HTMLButtonElement;
  private readonly kept = h("p", { class: "kept" });
  private readonly lost = h("p", { class: "note lost", role: "alert", hidden: true }, TEXTS.gone);
  private readonly fileList = h("ul", { class: "files" });
  private readonly fileSection: HTMLElement;

  constructor(
    site: Site, readonly card: LessonCard, private readonly content: LessonContent, private readonly edits: Edits,
    mine: Map<string, string>,
  ) {
    this.python = new Python(site, {
      state: (text, share) => this.say(text, share),
      said: (run, widget, message) => this.take(run, widget, message),
      renewed: () => this.renewed(),
    }, () => card.assets, checkedEnvironment(location.search, navigator.webdriver));
    const surroundings = { site, tell: (message: Record<string, unknown>) => this.python.tell(message) };
    const events = {
      edited: (cell: CodeCell) => this.keep(cell),
      run: (cell: CodeCell, goOn: boolean) => this.runFrom(cell, goOn),
      runAbove: (cell: CodeCell) => this.enqueue(this.cells.slice(0, this.cells.indexOf(cell))),
      stop: () => this.stop(),
    };
    const body = content.cells.map((cell) => {
      if (cell.kind === "markdown") return prose(cell);
      const made = new CodeCell(cell, this.cells.length + 1, mine.get(cell.id) ?? cell.source, events, surroundings);
      this.cells.push(made);
      return made.element;
    });
    this.stopButton = h("button", { type: "button", class: "stop", disabled: true, onclick: () => this.stop() }, icon("stop"), h("span", { class: "label" }, TEXTS.stop));
    this.fileSection = h("section", { class: "your-files", hidden: true }, h("h2", {}, TEXTS.yourFiles), this.fileList);
    this.element = h("div", { class: "lesson" }, this.toolbar(), h("main", { class: "column", id: "main", tabindex: -1 }, ...body, this.fileSection), this.spoken);
    this.element.addEventListener("keydown", (event) => this.arrows(event));
    this.sayKept();
    this.say(TEXTS.off, null);
  }

  private toolbar(): HTMLElement {
    const runAll = h("button", { type: "button", class: "primary", onclick: () => this.enqueue(this.cells) }, icon("run"), h("span", { class: "label" }, TEXTS.runAll));
    const item = (label: string, act: () => void) => h("button", { type: "button", onclick: () => { menu.open = false; act(); } }, label);
    const menu = h(
      "details", { class: "menu" },
      h("summary", { class: "button", "aria-label": TEXTS.menu, title: TEXTS.menu }, icon("more")),
      h("div", { class: "menu-items" },
        item(TEXTS.restart, () => this.restart()),
        item(TEXTS.takeNotebook, () => this.takeNotebook()),
        item(TEXTS.takeScript, () => this.takeScript()),
        item(TEXTS.resetAll, () => this.resetAll()),
        coresChoice(() => this.say(TEXTS.coresLater, null)), themeChoice(), this.kept,
      ),
    );
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      menu.open = false;
      menu.querySelector("summary")!.focus();
    });
    document.addEventListener("pointerdown", (event) => { if (!menu.contains(event.target as Node)) menu.open = false; }, { signal: this.closing.signal });
    return h(
      "header", { class: "toolbar" },
      h("div", { class: "toolbar-row" },
        h("a", { class: "button back", href: "#/", "aria-label": TEXTS.allLessons, title: TEXTS.allLessons }, icon("back")),
        h("span", { class: "toolbar-title" }, this.card.title),
        h("span", { class: "says", role: "presentation" }, this.says),
        runAll, this.stopButton, menu,
      ),
      h("div", { class: "bar" }, this.bar),
      this.lost,
    );
  }

  // Running

  /** Start Python before the first cell asks for it. */
  warmUp(): void {
    this.python.start().catch(() => {});
  }

  /** Run `cells` after what is waiting already; resolves when nothing waits any more. */
  enqueue(cells: CodeCell[]): Promise<void> {
    for (const cell of cells) {
      if (this.queue.includes(cell) || cell === this.current) continue;
      this.queue.push(cell);
      cell.show("waiting", "…");
    }
    this.worked ??= this.work().finally(() => { this.worked = null; });
    return this.worked;
  }

  private async work(): Promise<void> {
    this.stopButton.disabled = false;
    this.clock = setInterval(() => this.tick(), 250);
    for (let cell = this.queue.shift(); cell; cell = this.queue.shift()) {
      const goesOn = await this.runCell(cell);
      if (cell === this.leaving) this.leave(cell);
      if (!goesOn) this.drop();
    }
    clearInterval(this.clock);
    this.current = null;
    this.stopButton.disabled = true;
    if (this.python.version) this.say(TEXTS.ready, null);
  }

  /** Whether what waits behind it may go on. */
  private async runCell(cell: CodeCell): Promise<boolean> {
    this.current = cell;
    this.wanted = new AbortController();
    let outcome: Outcome | null;
    try {
      outcome = await this.python.run(() => cell.text, cell.position, this.wanted.signal, (run) => {
        this.byRun.set(run, cell);
        cell.clearNotes();
        cell.outputs.begin();
        cell.show("running", "0 s");
        this.began = performance.now();
      });
    } catch (error) {
      cell.show("failed");
      cell.note((error as Error).message);
      return false;
    }
    if (!outcome) {
      cell.show("idle");
      return false;
    }
    cell.outputs.end();
    cell.number = ++this.counter;
    this.reports.set(cell, outcome);
    return this.ended(cell, outcome);
  }

  private ended(cell: CodeCell, outcome: Outcome): boolean {
    const seconds = (outcome.milliseconds / 1000).toFixed(1);
    if (outcome.broken) {
      const memory = /memory|allocat|RangeError/i.test(outcome.broken);
      cell.show("failed");
      cell.note(memory ? TEXTS.brokenMemory : TEXTS.broken(outcome.broken.split("\n")[0]!), this.wayBack(cell));
      return false;
    }
    if (outcome.stopped !== "lost") this.ran.add(cell);
    if (outcome.stopped) {
      cell.show("stopped");
      cell.note(outcome.stopped === "kept" ? TEXTS.stoppedKept : TEXTS.stoppedLost, outcome.stopped === "lost" ? this.wayBack(cell) : undefined);
      return false;
    }
    if (outcome.error) {
      cell.outputs.error(outcome.error);
      cell.show("failed");
      this.sayNotRun(cell, missingName(outcome.error.ename, outcome.error.evalue));
      this.spoken.textContent = TEXTS.failedSpoken(cell.position, outcome.error.ename);
      return cell.tagged === "exercise" && !this.strict;
    }
    cell.show("done", outcome.milliseconds < 950 ? "" : outcome.milliseconds < 99_500 ? `${seconds} s` : `${Math.round(outcome.milliseconds / 60_000)} min`);
    this.spoken.textContent = TEXTS.doneSpoken(cell.position, seconds);
    return true;
  }

  /** Why `name` is missing, where a cell above would have made it. */
  private sayNotRun(cell: CodeCell, name: string): void {
    const source = name && this.cells.slice(0, this.cells.indexOf(cell)).find((one) => !this.ran.has(one) && defines(one.text, name));
    if (source) cell.note(TEXTS.notRun(name, source.position), this.wayBack(cell));
  }

  private wayBack(cell: CodeCell): { label: string; act: () => void } | undefined {
    const above = this.cells.slice(0, this.cells.indexOf(cell));
    return above.length ? { label: TEXTS.runAbove, act: () => void this.enqueue(above) } : undefined;
  }

  private drop(): void {
    this.leaving = null;
    for (const cell of this.queue.splice(0)) cell.show("idle");
  }

  /** Nothing that has not begun begins. */
  private giveUp(): void {
    this.drop();
    this.wanted.abort();
  }

  stop(): void {
    this.giveUp();
    if (this.python.busy) this.python.stop();
  }

  restart(): void {
    const said = this.current ?? this.cells.find((cell) => cell.state === "done");
    const running = this.python.busy;
    this.giveUp();
    this.python.restart();
    if (said && !running) said.note(TEXTS.restarted, { label: TEXTS.runAll, act: () => void this.enqueue(this.cells) });
  }

  /** Python is new; the cells' outputs stay, pale. */
  private renewed(): void {
    this.ran.clear();
    for (const cell of this.cells) if (cell.state === "done" || cell.state === "failed") cell.show("idle");
    this.say(TEXTS.off, null);
    if (!this.closing.signal.aborted) queueMicrotask(() => this.warmUp());
  }

  private tick(): void {
    const cell = this.current;
    if (!cell || cell.state !== "running" || !this.python.busy) return;
    const seconds = Math.floor((performance.now() - this.began) / 1000);
    cell.show("running", `${seconds} s`);
    const waiting = this.queue.length;
    this.say(waiting ? TEXTS.runningMore(cell.position, seconds, waiting) : TEXTS.running(cell.position, seconds), null);
  }

  private say(text: string, share: number | null): void {
    this.says.textContent = text;
    this.says.title = text;
    this.bar.style.width = share === null ? "0" : `${Math.round(share * 100)}%`;
    this.element?.classList.toggle("loading", share !== null);
  }

  private take(run: number, widget: string, message: Record<string, unknown>): void {
    const cell = this.byWidget.get(widget) ?? this.byRun.get(run) ?? this.current;
    const shown = (message.bundle as Record<string, unknown> | undefined)?.[WIDGET] as WidgetState | undefined;
    if (shown && cell) this.byWidget.set(shown.id, cell);
    if (message.type === "stream") cell?.outputs.stream(String(message.name), String(message.text));
    else if (message.type === "display") cell?.outputs.display(String(message.id), message.bundle as Record<string, unknown>);
    else if (message.type === "update") this.cells.some((one) => one.outputs.update(String(message.id), message.bundle as Record<string, unknown>));
    else if (message.type === "widget-message") tellWidget(message as never);
    else if (message.type === "keep") this.python.keep(String(message.path), fromBase64(String(message.data)));
    else if (message.type === "file") void this.offer(cell, message as unknown as SavedFile);
  }

  private async offer(cell: CodeCell | null | undefined, saved: SavedFile): Promise<void> {
    const { name, blob } = await madeFile(saved);
    const link = () => h("button", { type: "button", class: "file", onclick: () => download(name, blob) }, icon("download"), TEXTS.save(name));
    cell?.offer(link());
    if (!this.files.has(name)) this.fileList.append(h("li", { "data-name": name }));
    this.files.set(name, blob);
    this.fileList.querySelector(`[data-name="${CSS.escape(name)}"]`)!.replaceChildren(link());
    this.fileSection.hidden = false;
  }

  /** Another lesson is opened: what was typed is kept, Python ends. */
  close(): void {
    this.flush();
    this.giveUp();
    this.closing.abort();
    this.python.restart();
  }

  // The learner's text

  private keep(cell: CodeCell): void {
    clearTimeout(this.saving.get(cell));
    this.saving.set(cell, setTimeout(() => this.saveNow(cell), SAVE_AFTER_MS));
  }

  private saveNow(cell: CodeCell): void {
    clearTimeout(this.saving.get(cell));
    if (!this.saving.delete(cell)) return;
    this.edits.put(this.card.name, cell.cell.id, cell.edited ? cell.text : null).then(
      () => { this.unkept.delete(cell); },
      () => { this.unkept.add(cell); },
    ).then(() => this.sayKept());
  }

  /** What was typed in the last moments, before the page goes. */
  flush(): void {
    for (const cell of [...this.saving.keys()]) {
      this.edits.putAtOnce(this.card.name, cell.cell.id, cell.edited ? cell.text : null);
      this.saveNow(cell);
    }
  }

  get unsaved(): boolean {
    return this.unkept.size > 0 || (!this.edits.kept && this.cells.some((cell) => cell.edited));
  }

  private sayKept(): void {
    this.kept.textContent = this.unkept.size ? TEXTS.gone : this.edits.kept ? TEXTS.kept : TEXTS.notKept;
    this.lost.hidden = !this.unkept.size;
  }

  private mine(cell: Cell): { text: string; outputs: Output[]; number: number | null } {
    const code = this.cells.find((one) => one.cell === cell);
    return code ? { text: code.text, outputs: code.outputs.list, number: code.number } : { text: cell.source, outputs: [], number: null };
  }

  private takeNotebook(): void {
    download(`${this.card.name}.ipynb`, new Blob([this.asNotebook()], { type: "application/x-ipynb+json" }));
  }

  asNotebook(): string {
    return notebook(this.content, (cell) => this.mine(cell));
  }

  asScript(): string {
    return script(this.content, (cell) => this.mine(cell));
  }

  private takeScript(): void {
    download(`${this.card.name}.py`, new Blob([this.asScript()], { type: "text/x-python" }));
  }

  private resetAll(): void {
    if (!confirm(TEXTS.resetAllSure)) return;
    for (const cell of this.cells) if (cell.edited) cell.setText(cell.cell.source);
  }

  // By keyboard

  /** Run a cell and, with `goOn`, go to the next one when it has passed; asked once more while it runs, at once. */
  private runFrom(cell: CodeCell, goOn: boolean): void {
    const underWay = cell.state === "waiting" || cell.state === "running";
    void this.enqueue([cell]);
    this.leaving = goOn && !underWay ? cell : null;
    if (goOn && underWay) this.goTo(this.cells.indexOf(cell) + 1);
  }

  /** The cell has ended: what it showed comes into view, and the next one has the keyboard, unless it failed or somebody is elsewhere by now. */
  private leave(cell: CodeCell): void {
    this.leaving = null;
    if (!cell.element.contains(document.activeElement)) return;
    if (cell.state === "done") this.goTo(this.cells.indexOf(cell) + 1);
    this.reveal(cell);
  }

  private goTo(index: number): void {
    const cell = this.cells[index];
    if (!cell) return;
    cell.focusEditor();
    cell.element.scrollIntoView({ block: "nearest" });
  }

  /** Scroll until all of what a cell showed is in view, or, where it is higher than the window, its beginning. */
  private reveal(cell: CodeCell): void {
    const { top, bottom } = cell.shownAt();
    if (top === bottom) return;
    const highest = this.element.querySelector(".toolbar")!.getBoundingClientRect().bottom + MARGIN;
    const below = Math.max(bottom + MARGIN - window.innerHeight, 0);
    window.scrollBy(0, top - below < highest ? top - highest : below);
  }

  /** From a cell that is chosen and not edited, arrows go to its neighbors. */
  private arrows(event: KeyboardEvent): void {
    const at = this.cells.findIndex((cell) => cell.element === event.target);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key as "ArrowUp"];
    const next = at >= 0 && step ? this.cells[at + step] : undefined;
    if (!next) return;
    next.element.focus();
    event.preventDefault();
  }

  get working(): boolean {
    return this.worked !== null;
  }

  /** How many cells were run. */
  get done(): number {
    return this.counter;
  }

  fileNames(): string[] {
    return [...this.files.keys()];
  }

  /** A file that the lesson saved, as base64. */
  async fileContent(name: string): Promise<string> {
    return toBase64(await this.files.get(name)!.arrayBuffer());
  }

  /** What a test or `handson check --tier page` wants to know. */
  report(): { python: string; startedIn: number; cells: CellReport[] } {
    return {
      python: this.python.version,
      startedIn: this.python.startedIn,
      cells: this.cells.map((cell) => ({
        position: cell.position, role: cell.tagged, outputs: cell.outputs.list, state: cell.state,
        note: cell.noted, milliseconds: this.reports.get(cell)?.milliseconds ?? 0, megabytes: this.reports.get(cell)?.megabytes ?? 0,
      })),
    };
  }
}

function prose(cell: Cell): HTMLElement {
  const html = (cell.html ?? "").replaceAll(/attachment:([\w.-]+)/g, (whole, name: string) => {
    const [mime, data] = Object.entries(cell.attachments?.[name] ?? {})[0] ?? [];
    return mime ? `data:${mime};base64,${data}` : whole;
  });
  const element = h("section", { class: "cell prose", id: cell.id });
  element.innerHTML = html;
  for (const link of element.querySelectorAll<HTMLAnchorElement>('a[href^="http"]')) {
    link.target = "_blank";
    link.rel = "noopener noreferrer";
  }
  colorCode(element);
  return element;
}
