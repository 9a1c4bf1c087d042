import { beforeEach, expect, test, vi } from "vitest";
import type { Edits } from "../src/page/edits";
import { LessonView } from "../src/page/lesson";
import type { Listener, Outcome } from "../src/page/python";
import type { Cell, LessonCard, LessonContent, Site } from "../src/page/site";

const { Python } = vi.hoisted(() => {
  /** A Python that waits to be told how its cells end. */
  class Python {
    static last: Python;
    busy = false;
    version = "3.14";
    startedIn = 0;
    runs: { began(): void; ends(outcome: Outcome | null): void }[] = [];
    kept: string[] = [];
    constructor(_: Site, readonly listener: Listener) { Python.last = this; }
    start = async () => {};
    stop = vi.fn();
    restart = vi.fn();
    tell = vi.fn();
    keep(path: string): void { this.kept.push(path); }
    run(_code: () => string, _number: number, wanted: AbortSignal, began: (run: number) => void): Promise<Outcome | null> {
      return new Promise((resolve) => {
        wanted.addEventListener("abort", () => resolve(null));
        const run = this.runs.push({ began: () => { this.busy = true; began(run); }, ends: (outcome) => { this.busy = false; resolve(outcome); } });
      });
    }
  }
  return { Python };
});
vi.mock("../src/page/python", () => ({ Python }));

const code = (id: string): Cell => ({ id, kind: "code", source: id, role: "" });
const content: LessonContent = { name: "a", cells: [code("a-1"), code("a-2")], metadata: {} };
const card = { name: "a", title: "A", assets: [] } as unknown as LessonCard;
const fine: Outcome = { error: null, milliseconds: 1, megabytes: 1, stopped: "", broken: "" };
const soon = () => new Promise((resolve) => setTimeout(resolve, 0));

let put = vi.fn(async () => {});
function lesson(): { view: LessonView; python: InstanceType<typeof Python> } {
  const edits: Edits = { kept: true, all: async () => new Map(), put };
  const view = new LessonView({ resources: {} } as Site, card, content, edits, new Map());
  return { view, python: Python.last };
}

Range.prototype.getClientRects = () => [] as unknown as DOMRectList; // jsdom lays nothing out
beforeEach(() => { put = vi.fn(async () => {}); });

test("Stop gives up a cell that waits for Python, and what is behind it", async () => {
  const { view, python } = lesson();
  const all = view.enqueue(view.cells);
  await soon();
  expect(view.cells.map((cell) => cell.state)).toEqual(["waiting", "waiting"]);
  view.stop();
  await all;
  expect(view.cells.map((cell) => cell.state)).toEqual(["idle", "idle"]);
  expect([python.runs.length, view.done, python.stop.mock.calls.length]).toEqual([1, 0, 0]);
});

test("what comes of a field between two cells is shown at the field's cell", async () => {
  const { view, python } = lesson();
  const all = view.enqueue([view.cells[0]!]);
  await soon();
  python.runs[0]!.began();
  python.listener.said(1, "", { type: "display", id: "d1", bundle: { "application/vnd.handson.widget+json": { id: "w1", esm: "return { render() {} }", css: "", state: {} } } });
  python.runs[0]!.ends(fine);
  await all;
  python.listener.said(0, "w1", { type: "stream", name: "stderr", text: "no photo\n" });
  expect(view.cells[0]!.outputs.list.at(-1)).toEqual({ type: "stream", name: "stderr", text: "no photo\n" });
  python.listener.said(0, "", { type: "keep", path: "/home/learner/photos/cat.png", data: "AAAA" });
  expect(python.kept).toEqual(["/home/learner/photos/cat.png"]);
});

test("a lesson that was closed hears nothing of the document any more", () => {
  const { view } = lesson();
  const menu = view.element.querySelector<HTMLDetailsElement>("details.menu")!;
  const pressedOutside = () => {
    menu.open = true;
    document.dispatchEvent(new Event("pointerdown"));
    return !menu.open;
  };
  expect(pressedOutside()).toBe(true);
  view.close();
  expect(pressedOutside()).toBe(false);
});

test("changes that the browser could not store are said at once and until they are stored", async () => {
  const { view } = lesson();
  const said = view.element.querySelector<HTMLElement>(".lost")!;
  put.mockRejectedValueOnce(new Error("quota"));
  view.cells[0]!.setText("mine");
  view.flush();
  await soon();
  expect([said.hidden, view.unsaved, said.closest("details")]).toEqual([false, true, null]);
  view.cells[0]!.setText("mine, later");
  view.flush();
  await soon();
  expect([said.hidden, view.unsaved]).toEqual([true, false]);
});
