import { expect, test } from "vitest";
import type { Site } from "../src/page/site";

const site: Site = {
  name: "numbers", title: "Numbers", version: "1", agendas: [], lessons: [], demos: [], jupyter: "",
  resources: {}, files: {}, packages: [], texts: {}, environment: {},
};

test("an address that cannot be read shows the list of lessons", async () => {
  const data = document.createElement("script");
  data.id = "site";
  data.type = "application/json";
  data.textContent = JSON.stringify(site);
  const app = document.createElement("div");
  app.id = "app";
  document.body.append(data, app);
  location.hash = "#/100%";
  await import("../src/page/main");
  expect(app.querySelector("main.list h1")?.textContent).toBe("Numbers");
  location.hash = "#/add%20up/";
  window.dispatchEvent(new Event("hashchange"));
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect(app.textContent).toContain("There is no lesson “add up” here.");
});
