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
const putAtOnce = vi.fn();
function lesson(): { view: LessonView; python: InstanceType<typeof Python> } {
  const edits: Edits = { kept: true, all: async () => new Map(), put, putAtOnce };
  const view = new LessonView({ resources: {} } as Site, card, content, edits, new Map());
  return { view, python: Python.last };
}

Range.prototype.getClientRects = () => [] as unknown as DOMRectList; // jsdom lays nothing out
Element.prototype.scrollIntoView = () => {};
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

/** A lesson in the document, of cells with these roles, the keyboard in the first. */
function opened(...roles: string[]): { view: LessonView; python: InstanceType<typeof Python>; at: () => number } {
  const cells = roles.map((role, i) => ({ ...code(`b-${i + 1}`), role: role as Cell["role"] }));
  const edits: Edits = { kept: true, all: async () => new Map(), put, putAtOnce };
  const view = new LessonView({ resources: {} } as Site, card, { ...content, cells }, edits, new Map());
  document.body.replaceChildren(view.element);
  view.cells[0]!.focusEditor();
  return { view, python: Python.last, at: () => view.cells.findIndex((cell) => cell.element.contains(document.activeElement)) };
}

const shiftEnter = () => document.activeElement!.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", code: "Enter", keyCode: 13, shiftKey: true, bubbles: true, cancelable: true }));
const notYet: Outcome = { ...fine, error: { ename: "NotYet", evalue: "", traceback: "Not yet: see above.", full: "" } };

async function ends(python: InstanceType<typeof Python>, outcome: Outcome): Promise<void> {
  await soon();
  const run = python.runs.at(-1)!;
  run.began();
  run.ends(outcome);
  await soon();
}

test("Shift-Enter runs a folded check, which stays folded, and goes on", async () => {
  const { view, python, at } = opened("check", "exercise");
  expect(document.activeElement!.textContent).toContain("run it, read it later");
  expect(shiftEnter()).toBe(false);
  await ends(python, fine);
  expect([view.cells[0]!.state, view.cells[0]!.element.querySelector("details")!.open, at()]).toEqual(["done", false, 1]);
});

test("Shift-Enter stays in an exercise that has not passed, and in a cell that failed", async () => {
  const { view, python, at } = opened("exercise", "");
  shiftEnter();
  await ends(python, notYet);
  expect(at()).toBe(0);
  shiftEnter();
  await ends(python, fine);
  expect(at()).toBe(1);
  shiftEnter();
  await ends(python, { ...fine, error: { ename: "ValueError", evalue: "", traceback: "", full: "" } });
  expect([at(), view.cells[1]!.state]).toEqual([1, "failed"]);
});

test("Shift-Enter leaves the keyboard to those who went elsewhere, and goes on at once where it is pressed again", async () => {
  const { view, python, at } = opened("", "", "");
  shiftEnter();
  await soon();
  view.cells[2]!.focusEditor();
  await ends(python, fine);
  expect(at()).toBe(2);
  view.cells[0]!.focusEditor();
  shiftEnter();
  await soon();
  shiftEnter();
  expect([at(), python.runs.length]).toEqual([1, 2]);
});

test("what a cell showed comes into view, as far as it fits", async () => {
  const scrolled = vi.spyOn(window, "scrollBy").mockImplementation(() => {});
  const { view, python } = opened("exercise");
  const shown = vi.spyOn(view.cells[0]!, "shownAt");
  const by = async (top: number, bottom: number) => {
    shown.mockReturnValue({ top, bottom });
    shiftEnter();
    await ends(python, notYet);
    const asked = scrolled.mock.calls.at(-1) as unknown as [number, number];
    return asked[1];
  };
  const height = window.innerHeight;
  expect(await by(100, 200)).toBe(0);
  expect(await by(height - 50, height + 50)).toBe(62);
  expect(await by(-80, 20)).toBe(-92);
  expect(await by(100, 100 + 2 * height)).toBe(88);
});

test("a name that a cell above makes, which this Python has not run, is told", async () => {
  const { view, python } = opened("", "", "");
  view.cells[0]!.setText("import torch");
  view.cells[1]!.setText("model = torch.nn.Linear(1, 1)");
  const missing = (name: string): Outcome => ({ ...fine, error: { ename: "NameError", evalue: `name '${name}' is not defined. Did you mean: 'x'?`, traceback: "", full: "" } });
  const noted = async (outcome: Outcome, cell = 2) => {
    const all = view.enqueue([view.cells[cell]!]);
    await ends(python, outcome);
    await all;
    return view.cells[cell]!.noted;
  };
  expect(await noted(missing("model"))).toContain("comes from cell 2");
  expect([...view.cells[2]!.element.querySelectorAll(".note button")].map((one) => one.textContent)).toEqual(["Run all above"]);
  await noted(fine, 1);
  expect(await noted(missing("model"))).toBe(""); // the cell was run: something else is wrong
  python.listener.renewed();
  expect(await noted(missing("model"))).toContain("comes from cell 2");
  expect(await noted(missing("modle"))).toBe("");
});

test("what was typed last is kept at once when the page goes", () => {
  const { view } = lesson();
  view.cells[1]!.setText("typed last");
  view.flush();
  expect(putAtOnce.mock.calls.at(-1)).toEqual(["a", "a-2", "typed last"]);
});
