import { expect, test, vi } from "vitest";
import { Curves } from "./curves";
import { begin, frame } from "./frame";
import { Loop } from "./loop";

vi.stubGlobal("ResizeObserver", class { observe(): void {} });
vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(null);
function system(lessMotion: boolean): void {
  vi.stubGlobal("matchMedia", (query: string) => ({ matches: query.includes("reduced-motion") && lessMotion, addEventListener() {} }));
}
system(false);

const made = (options = {}): Curves => new Curves({ label: "Loss while it learns", x: "steps", y: "loss" }, [{ name: "a", color: "#000000" }, { name: "b", color: "#000000" }], options);

test("the numbers of curves are rows: first and last place, each series' last value there", () => {
  const curves = made();
  expect(curves.rows()).toEqual([]);
  for (let x = 1; x <= 101; x += 1) curves.add(0, x, 1 / x);
  curves.add(1, 50, -0.25);
  const rows = curves.rows(5);
  expect(rows.map(([x]) => x)).toEqual(["1", "26", "51", "76", "101"]);
  expect(rows.map(([, a]) => a)).toEqual(["1", "0.0385", "0.0196", "0.0132", "0.0099"]);
  expect(rows.map(([, , b]) => b)).toEqual(["–", "–", "−0.25", "−0.25", "−0.25"]);
  expect(curves.rows(1)).toHaveLength(1);
});

test("a series that is no number any more has no value from there on", () => {
  const curves = made();
  for (let x = 1; x <= 4; x += 1) {
    curves.add(0, x, 1);
    curves.add(1, x, x < 3 ? 2 : Number.NaN);
  }
  expect(curves.rows().map(([, , b]) => b)).toEqual(["2", "2", "–", "–"]);
  expect(curves.summary()).toBe("a 1, b –");
});

test("a title is seen, and the drawing says its values", () => {
  const curves = made({ percent: true });
  curves.add(0, 1, 0.5);
  curves.redraw();
  expect(curves.element.querySelector("h2")!.textContent).toBe("Loss while it learns");
  expect(curves.element.querySelector("canvas")!.getAttribute("aria-label")).toBe("Loss while it learns: a 50 %, b –");
  expect(curves.rows()).toEqual([["1", "50 %", "–"]]);
});

test("a demo starts by itself, but where the system asks for less motion it waits for Run and says so", () => {
  vi.stubGlobal("requestAnimationFrame", () => 1);
  vi.stubGlobal("cancelAnimationFrame", () => {});
  document.body.innerHTML = '<main id="demo"></main>';
  const page = frame({ title: "T", promise: "P", see: "S", try: ["one"], idea: "I" });
  const atOnce = new Loop(() => {}, () => {});
  begin(atOnce, page);
  expect(atOnce.running).toBe(true);
  system(true);
  const waits = new Loop(() => {}, () => {});
  begin(waits, page);
  expect(waits.running).toBe(false);
  expect(page.bar.textContent).toContain("press Run");
  expect(document.querySelector("[role=status]")!.textContent).toContain("press Run");
  waits.start();
  expect(page.bar.textContent).toBe("");
});
