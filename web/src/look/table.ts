/** The numbers behind a chart, as a folded table: for screen readers, for keys, and for all who want to read one off. */
import { h } from "./element";

type Row = readonly string[];

const PAUSE = 2000; // ms between two looks at a chart that changes: a table that is being read stands still for a moment

/** A table folded behind `summary`; its frame is scrolled by keys. `of` names the chart, where a page has several. */
export function folded(table: HTMLTableElement, summary: string, of = ""): HTMLDetailsElement {
  return h(
    "details", { class: "figure-table" },
    h("summary", {}, summary, of && h("span", { class: "spoken" }, `: ${of}`)),
    h("div", { class: "scrolls", tabindex: 0, role: "region", "aria-label": of || summary }, table),
  );
}

/** A table of texts with a head; the first of each row names it. */
export function tableOf(names: Row, rows: readonly Row[]): HTMLTableElement {
  const body = h("tbody", {});
  fill(body, rows);
  return h("table", {}, h("thead", {}, h("tr", {}, ...names.map((name) => h("th", { scope: "col" }, name)))), body);
}

/** Writes rows into a table's body; what is the same stays untouched, so that a reader keeps its place. */
function fill(body: HTMLTableSectionElement, rows: readonly Row[]): void {
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach((row, i) => {
    const line = body.rows[i] ?? body.insertRow();
    while (line.cells.length > row.length) line.deleteCell(-1);
    row.forEach((text, k) => {
      const cell = line.cells[k] ?? line.appendChild(k ? h("td") : h("th", { scope: "row" }));
      if (cell.textContent !== text) cell.textContent = text;
    });
  });
}

export interface LiveTable {
  element: HTMLDetailsElement;
  /** The chart has changed. */
  refresh(): void;
}

/** The table behind a chart that changes: `rows` is asked when it is opened and, while it is open, at most every two seconds. */
export function liveTable(summary: string, of: string, names: Row, rows: () => readonly Row[]): LiveTable {
  const table = tableOf(names, []);
  const element = folded(table, summary, of);
  let last = 0;
  let waiting: ReturnType<typeof setTimeout> | undefined;
  const write = (): void => {
    clearTimeout(waiting);
    waiting = undefined;
    if (!element.open) return;
    last = performance.now();
    fill(table.tBodies[0]!, rows());
  };
  element.addEventListener("toggle", write);
  return {
    element,
    refresh() {
      if (element.open && waiting === undefined) waiting = setTimeout(write, Math.max(0, last + PAUSE - performance.now()));
    },
  };
}
