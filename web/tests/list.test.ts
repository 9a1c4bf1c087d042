// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";
import { drawElsewhere, drawList } from "../src/page/list";
import type { LessonCard, Site } from "../src/page/site";

const site = (jupyter: string): Site => ({
  name: "numbers", title: "Numbers", version: "1", agendas: [], lessons: [], demos: [], jupyter,
  resources: {}, files: {}, packages: [], texts: {}, environment: {},
});

afterEach(() => vi.unstubAllGlobals());

test("Jupyter is linked where it comes along and the page was served", () => {
  vi.stubGlobal("location", { protocol: "http:" });
  expect(drawList(site("jupyter/lab/index.html")).querySelector("a.to-jupyter")?.getAttribute("href")).toBe("jupyter/lab/index.html");
  expect(drawList(site("")).textContent).not.toContain("Jupyter");
});

test("a page opened by double-click says that Jupyter needs a server, and links nothing", () => {
  vi.stubGlobal("location", { protocol: "file:" });
  const list = drawList(site("jupyter/lab/index.html"));
  expect(list.querySelector("a.to-jupyter")).toBeNull();
  expect(list.textContent).toContain("serve this folder with any web server");
});

const atlas: LessonCard = {
  name: "filter_atlas", number: 10, track: "vision", title: "Filter atlas", promise: "All units on one picture.", minutes: 5,
  picture: "", pictureAlt: "", here: false, why: "Needs handson installed on a laptop.", assets: [], script: "",
};

test("what no agenda has stands under More lessons, or under Lessons where there is no agenda", () => {
  const headings = (made: Site): (string | null)[] => [...drawList(made).querySelectorAll("h2")].map((heading) => heading.textContent);
  const one = { ...site(""), lessons: [{ ...atlas, name: "digits" }, atlas] };
  expect(headings({ ...one, agendas: [{ minutes: 60, title: "One hour", lessons: ["digits"] }] })).toEqual(["One hour", "More lessons"]);
  expect(headings(one)).toEqual(["Lessons"]);
});

test("a lesson that does not run here is shown by its title and promise, and what it needs", () => {
  const shown = drawElsewhere(atlas);
  expect(shown.querySelector("h1")?.textContent).toBe("Filter atlas");
  expect([...shown.querySelectorAll("p")].map((paragraph) => paragraph.textContent)).toEqual([
    "All units on one picture.", "Needs handson installed on a laptop.", "All lessons",
  ]);
});
