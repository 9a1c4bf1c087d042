import { expect, test, vi } from "vitest";
import { asTable, drawFigure, fitted } from "../src/page/figure";
import type { Site } from "../src/page/site";

const { finalize } = vi.hoisted(() => ({ finalize: vi.fn() }));
vi.mock("../src/page/resources", () => ({ loadVega: async () => async () => ({ finalize }) }));

test("a figure whose output goes listens no longer, whether it was drawn already or not", async () => {
  const soon = () => new Promise((resolve) => setTimeout(resolve, 0));
  const end = drawFigure(document.createElement("div"), {}, "", {} as Site);
  await soon();
  expect(finalize).not.toHaveBeenCalled();
  end();
  drawFigure(document.createElement("div"), {}, "", {} as Site)();
  await soon();
  expect(finalize).toHaveBeenCalledTimes(2);
});

test("the numbers of a figure are a table", () => {
  const table = asTable({ layer: [{ data: { values: [{ x: 1, train_loss: 0.123456 }, { x: 2, train_loss: 3 }] } }, { mark: "rule" }] })!;
  expect([...table.querySelectorAll("th")].map((cell) => cell.textContent)).toEqual(["x", "train loss"]);
  expect([...table.querySelectorAll("td")].map((cell) => cell.textContent)).toEqual(["1", "0.1235", "2", "3"]);
});

test("what two layers draw of one row stands there once", () => {
  const [a, b] = [{ x: 1, _color: "#111111" }, { x: 2, _color: "#222222" }];
  const table = asTable({ data: { values: [a, b] }, layer: [{ mark: "circle" }, { data: { values: [a] }, mark: "text" }] })!;
  expect([...table.querySelectorAll("th, td")].map((cell) => cell.textContent)).toEqual(["x", "1", "2"]);
});

test("a figure without numbers, or with a picture's worth of them, has no table", () => {
  expect(asTable({ mark: "rule" })).toBeNull();
  expect(asTable({ data: { values: Array.from({ length: 5000 }, (_, x) => ({ x })) } })).toBeNull();
});

test("a long table is thinned", () => {
  const table = asTable({ data: { values: Array.from({ length: 1000 }, (_, x) => ({ x })) } })!;
  expect(table.querySelectorAll("tbody tr")).toHaveLength(200);
});

test("a figure is fitted to this page's margins, not JupyterLab's", () => {
  const spec = { usermeta: { embedOptions: { patch: [{ value: { init: "max(230, min(720, windowSize()[0] - 132))" } }] } } };
  expect(JSON.stringify(fitted(spec))).toContain("windowSize()[0] - 40");
});
