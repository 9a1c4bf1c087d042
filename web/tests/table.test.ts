import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { liveTable, tableOf } from "../src/look/table";

const cells = (element: Element): string[][] => [...element.querySelectorAll("tbody tr")].map((row) => [...row.children].map((cell) => cell.textContent!));

async function opened(element: HTMLDetailsElement): Promise<void> {
  element.open = true;
  await vi.advanceTimersByTimeAsync(0); // browsers, too, say so a moment later
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a table has a head, and its rows have names", () => {
  const table = tableOf(["kind", "loss"], [["SGD", "0.1"], ["Adam", "0.2"]]);
  expect([...table.querySelectorAll("thead th[scope=col]")].map((cell) => cell.textContent)).toEqual(["kind", "loss"]);
  expect([...table.querySelectorAll("tbody th[scope=row]")].map((cell) => cell.textContent)).toEqual(["SGD", "Adam"]);
  expect(cells(table)).toEqual([["SGD", "0.1"], ["Adam", "0.2"]]);
});

test("a folded table asks for nothing; opened, it is asked for at once, then every two seconds", async () => {
  let step = 0;
  const rows = vi.fn(() => [["now", String((step += 1))]]);
  const { element, refresh } = liveTable("As a table", "Loss", ["x", "y"], rows);
  refresh();
  vi.advanceTimersByTime(5000);
  expect(rows).not.toHaveBeenCalled();
  await opened(element);
  expect(cells(element)).toEqual([["now", "1"]]);
  for (let i = 0; i < 10; i += 1) refresh();
  vi.advanceTimersByTime(1900);
  expect(cells(element)).toEqual([["now", "1"]]);
  vi.advanceTimersByTime(200);
  expect(cells(element)).toEqual([["now", "2"]]); // what changed last is shown, though nobody refreshes any more
  vi.advanceTimersByTime(9000);
  expect(rows).toHaveBeenCalledTimes(2);
});

test("cells that stay the same are the same nodes, and rows come and go", async () => {
  let rows = [["a", "1"], ["b", "2"]];
  const { element, refresh } = liveTable("As a table", "Loss", ["x", "y"], () => rows);
  await opened(element);
  const first = element.querySelector("tbody td")!.firstChild;
  rows = [["a", "1"], ["b", "3"], ["c", "4"]];
  refresh();
  vi.advanceTimersByTime(2000);
  expect(cells(element)).toEqual(rows);
  expect(element.querySelector("tbody td")!.firstChild).toBe(first);
  rows = [["a", "1"]];
  refresh();
  vi.advanceTimersByTime(2000);
  expect(cells(element)).toEqual(rows);
});

test("it says what it is the table of, and is scrolled by keys", () => {
  const { element } = liveTable("As a table", "Loss", ["x"], () => []);
  expect(element.querySelector("summary")!.textContent).toBe("As a table: Loss");
  expect(element.querySelector<HTMLElement>("[role=region]")!.tabIndex).toBe(0);
  expect(element.querySelector("[role=region]")!.getAttribute("aria-label")).toBe("Loss");
});
