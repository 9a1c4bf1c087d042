// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";
import { drawList } from "../src/page/list";
import type { Site } from "../src/page/site";

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
