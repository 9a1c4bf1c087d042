import { beforeEach, expect, test, vi } from "vitest";
import { loadLesson, workerAddress } from "../src/page/resources";
import type { Site } from "../src/page/site";

const site = { resources: { lesson: [{ path: "files/lesson.js", bytes: 1 }], "worker.js": [{ path: "files/worker.js", bytes: 1 }] } } as unknown as Site;

beforeEach(() => {
  vi.stubGlobal("location", { protocol: "http:" });
  vi.stubGlobal("fetch", vi.fn(async () => new Response(null, { status: 503 })));
});

test("a file that could not be read once is asked for again", async () => {
  for (const times of [1, 2]) {
    await expect(loadLesson(site, "lesson")).rejects.toThrow("files/lesson.js");
    expect(fetch).toHaveBeenCalledTimes(times);
  }
  await expect(workerAddress(site)).rejects.toThrow();
  await expect(workerAddress(site)).rejects.toThrow();
  expect(fetch).toHaveBeenCalledTimes(4);
});
