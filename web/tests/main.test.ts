import { expect, test, vi } from "vitest";
import type { LessonCard, Site } from "../src/page/site";

const atlas: LessonCard = {
  name: "filter_atlas", number: 10, track: "vision", title: "Filter atlas", promise: "All units on one picture.", minutes: 5,
  picture: "", pictureAlt: "", here: false, why: "Needs handson installed on a laptop.", assets: [], script: "",
};
const site: Site = {
  name: "numbers", title: "Numbers", version: "1", agendas: [], lessons: [atlas], demos: [], jupyter: "",
  resources: {}, files: {}, packages: [], texts: {}, environment: {},
};

test("an address that cannot be read shows the list from its top, that of a lesson which runs elsewhere its title and promise", async () => {
  const data = document.createElement("script");
  data.id = "site";
  data.type = "application/json";
  data.textContent = JSON.stringify(site);
  const app = document.createElement("div");
  app.id = "app";
  document.body.append(data, app);
  const scrolled = vi.spyOn(window, "scrollTo").mockImplementation(() => {});
  location.hash = "#/100%";
  await import("../src/page/main");
  expect(app.querySelector("main.list h1")?.textContent).toBe("Numbers");
  expect(scrolled.mock.calls).toEqual([[0, 0]]);
  location.hash = "#/add%20up/";
  window.dispatchEvent(new Event("hashchange"));
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect(app.textContent).toContain("There is no lesson “add up” here.");
  location.hash = "#/filter_atlas";
  window.dispatchEvent(new Event("hashchange"));
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect(app.querySelector("h1")?.textContent).toBe("Filter atlas");
  expect(app.textContent).toContain(atlas.promise);
  expect(document.title).toBe("Filter atlas · Numbers");
});
