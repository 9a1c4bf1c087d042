import { expect, test } from "vitest";
import { asTable, fitted } from "../src/page/figure";

test("the numbers of a figure are a table", () => {
  const table = asTable({ layer: [{ data: { values: [{ x: 1, train_loss: 0.123456 }, { x: 2, train_loss: 3 }] } }, { mark: "rule" }] })!;
  expect([...table.querySelectorAll("th")].map((cell) => cell.textContent)).toEqual(["x", "train loss"]);
  expect([...table.querySelectorAll("td")].map((cell) => cell.textContent)).toEqual(["1", "0.1235", "2", "3"]);
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
