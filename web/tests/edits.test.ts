import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openEdits } from "../src/page/edits";

beforeEach(() => {
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("IDBKeyRange", IDBKeyRange);
});
afterEach(() => vi.unstubAllGlobals());

test("edits are kept by lesson and cell, also for the next visit", async () => {
  const edits = await openEdits("workshop");
  await edits.put("digits", "digits-001", "mine");
  await edits.put("digits", "digits-002", "mine, too");
  await edits.put("digits_and_more", "digits-001", "another lesson's");
  await edits.put("digits", "digits-002", null);
  const again = await openEdits("workshop");
  expect(again.kept).toBe(true);
  expect(await again.all("digits")).toEqual(new Map([["digits-001", "mine"]]));
});

test("workshops have nothing to do with one another", async () => {
  await (await openEdits("one")).put("digits", "digits-001", "mine");
  expect(await (await openEdits("two")).all("digits")).toEqual(new Map());
});

test("where the browser keeps nothing, edits live as long as the page and it is said", async () => {
  vi.stubGlobal("indexedDB", { open() { throw new Error("SecurityError"); } });
  const edits = await openEdits("workshop");
  await edits.put("digits", "digits-001", "mine");
  expect(edits.kept).toBe(false);
  expect(await edits.all("digits")).toEqual(new Map([["digits-001", "mine"]]));
});
