import { expect, test } from "vitest";
import { inWords } from "../src/worker/thrown";

test("whatever was thrown is told in words", () => {
  expect(inWords(new TypeError("no map"))).toBe("TypeError: no map");
  expect(inWords({ name: "ExitStatus", message: "Program terminated with exit(1)", status: 1 })).toBe("Program terminated with exit(1)");
  expect([inWords("cut off"), inWords(null), inWords(undefined), inWords(7)]).toEqual(["cut off", "null", "undefined", "7"]);
});
