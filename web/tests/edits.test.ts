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

test("what was typed just before the page went is there at the next visit, until it is changed", async () => {
  const edits = await openEdits("workshop");
  await edits.put("digits", "digits-001", "early");
  await edits.put("digits", "digits-002", "reset since");
  edits.putAtOnce("digits", "digits-001", "late"); // and nothing after it is done any more
  edits.putAtOnce("digits", "digits-002", null);
  const again = await openEdits("workshop");
  expect(await again.all("digits")).toEqual(new Map([["digits-001", "late"]]));
  expect(localStorage.length).toBe(0);
  await again.put("digits", "digits-001", "later");
  expect(await (await openEdits("workshop")).all("digits")).toEqual(new Map([["digits-001", "later"]]));
});

test("what is kept at once outlives an older text that is stored meanwhile", async () => {
  const edits = await openEdits("workshop");
  const older = edits.put("digits", "digits-001", "early");
  edits.putAtOnce("digits", "digits-001", "late");
  await older;
  expect(await (await openEdits("workshop")).all("digits")).toEqual(new Map([["digits-001", "late"]]));
});

test("a browser without localStorage keeps what it can", async () => {
  vi.stubGlobal("localStorage", new Proxy({}, { get() { throw new Error("SecurityError"); }, ownKeys() { throw new Error("SecurityError"); } }));
  const edits = await openEdits("workshop");
  edits.putAtOnce("digits", "digits-001", "mine");
  await edits.put("digits", "digits-001", "mine");
  expect([edits.kept, await (await openEdits("workshop")).all("digits")]).toEqual([true, new Map([["digits-001", "mine"]])]);
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
