import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { PALETTE, SLATE } from "../src/look/palette";

const style = readFileSync("../src/handson/lab/style.py", "utf8");
const look = readFileSync("src/look/look.css", "utf8");

test("the palette is that of the figures in Jupyter", () => {
  const python = [...style.matchAll(/^[A-Z]+: Final = "(#[0-9a-f]{6})"/gm)].map((found) => found[1]);
  expect([...PALETTE, SLATE]).toEqual(python);
  for (const color of python) expect(look).toContain(color);
});
