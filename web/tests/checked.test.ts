import { expect, test } from "vitest";
import { checkedEnvironment } from "../src/page/checked";

const query = (asked: unknown) => `?environment=${encodeURIComponent(typeof asked === "string" ? asked : JSON.stringify(asked))}`;
const check = { HANDSON_CHECK: "1", HANDSON_SEED: "2", HANDSON_WORKERS: "1" };

test("a check in a driven browser sets its variables", () => {
  expect(checkedEnvironment(query(check), true)).toEqual(check);
});

test("a link that somebody follows sets nothing", () => {
  expect(checkedEnvironment(query(check), false)).toEqual({});
  expect(checkedEnvironment("", true)).toEqual({});
});

test("of other names and values nothing is taken", () => {
  const asked = { HANDSON_SEED: "3", HANDSON_CHECK: "yes", HANDSON_WORKERS: 2, PYTHONHASHSEED: "1", HANDSON_CACHE: "/x", HANDSON_BACKEND: "1" };
  expect(checkedEnvironment(query(asked), true)).toEqual({ HANDSON_SEED: "3" });
  expect(checkedEnvironment(query({ HANDSON_SEED: "1\n" }), true)).toEqual({});
});

test("what is no JSON, or no object, is as if it were not there", () => {
  for (const asked of ["{", "null", "1", '"12"', "[1]"]) expect(checkedEnvironment(query(asked), true), asked).toEqual({});
});
