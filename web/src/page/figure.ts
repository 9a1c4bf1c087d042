/** Figures: Vega-Lite, drawn by vega-embed as in Jupyter, with the numbers as a table behind them. */
import { folded } from "../look/table";
import { h } from "./dom";
import { loadVega } from "./resources";
import type { Site } from "./site";
import { TEXTS } from "./texts";

export const VEGA_LITE = "application/vnd.vegalite.v5+json";

const MOST_ROWS = 200;
const BESIDE = 40; // pixels that the page has beside a figure on a phone; JupyterLab has more

type Row = Record<string, unknown>;

/** Draw a figure into `place`; returns what ends it: it listens to the window for as long as it is there. */
export function drawFigure(place: HTMLElement, spec: Record<string, unknown>, alt: string, site: Site): () => void {
  const figure = h("div", { class: "figure" });
  place.replaceChildren(figure);
  const table = asTable(spec);
  if (table) place.append(folded(table, TEXTS.table));
  let ended = false;
  let finalize = () => {};
  loadVega(site).then(
    (embed) => embed(figure, fitted(spec) as never, { mode: "vega-lite", actions: false, renderer: "svg", ast: false }).then((drawn) => {
      finalize = drawn.finalize;
      if (ended) finalize();
      const svg = figure.querySelector("svg");
      svg?.setAttribute("role", "img");
      svg?.setAttribute("aria-label", alt);
    }),
  ).catch((error: unknown) => { figure.replaceChildren(h("pre", {}, `${alt}\n${(error as Error).message}`)); });
  return () => {
    ended = true;
    finalize();
  };
}

/** The description, for the room that this page has beside a figure. */
export function fitted(spec: Record<string, unknown>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(spec).replaceAll(/windowSize\(\)\[0\] - \d+/g, `windowSize()[0] - ${BESIDE}`)) as Record<string, unknown>;
}

/** All rows of numbers in a description, in a table; null where there are none, or pictures' worth of them. */
export function asTable(spec: unknown): HTMLTableElement | null {
  const rows = [...new Map(rowsIn(spec).map((row) => [JSON.stringify(row), row])).values()]; // a name beside a point has the point's row again
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => !name.startsWith("_"));
  if (!rows.length || rows.length > MOST_ROWS * 20 || !names.length) return null;
  const step = Math.max(1, Math.ceil(rows.length / MOST_ROWS));
  const shown = rows.filter((_, i) => i % step === 0);
  return h(
    "table", {},
    h("thead", {}, h("tr", {}, ...names.map((name) => h("th", { scope: "col" }, name.replaceAll("_", " "))))),
    h("tbody", {}, ...shown.map((row) => h("tr", {}, ...names.map((name) => h("td", {}, said(row[name])))))),
  );
}

function said(value: unknown): string {
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : value.toPrecision(4);
  return value === null || value === undefined ? "" : String(value);
}

function rowsIn(value: unknown): Row[] {
  if (typeof value !== "object" || value === null) return [];
  const found: Row[] = [];
  const values = (value as { data?: { values?: unknown } }).data?.values;
  if (Array.isArray(values)) found.push(...values.filter((row): row is Row => typeof row === "object" && row !== null));
  for (const key of ["layer", "hconcat", "vconcat", "concat"]) {
    const inner = (value as Record<string, unknown>)[key];
    if (Array.isArray(inner)) for (const part of inner) found.push(...rowsIn(part));
  }
  return found;
}
