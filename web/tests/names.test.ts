import { expect, test } from "vitest";
import { defines, missingName } from "../src/page/names";

test("a NameError tells which name is missing", () => {
  expect(missingName("NameError", "name 'x' is not defined. Did you mean: 'y'?")).toBe("x");
  expect(missingName("UnboundLocalError", "name 'x' is not defined")).toBe("");
  expect(missingName("NameError", "free variable")).toBe("");
});

test.each([
  "x = 1", "x: int = 1", "a, x = 1, 2", "y = x = 1", "def x(a):\n    pass", "class x:\n    pass", "async def x(): pass",
  "import x", "import x.nn", "import y as x", "from y import a, x", "for x in range(3): pass", "for i, x in y:\n    pass",
  "with open(y) as x:\n    pass", "if y:\n    x = 1", "def f():\n    pass\n\nx = f()", "def f(\n    a,\n):\n    pass\nx = 1",
])("%j makes x", (code) => { expect(defines(code, "x")).toBe(true); });

test.each([
  "y = x", "x == 1", "if x <= 1:\n    pass", "y.x = 1", "xs = 1", "äx = 1", "# x = 1", "print(x, end=1)", "import x as y", "import y.x",
  "def f():\n    x = 1", "def f(\n    a,\n):\n    x = 1", "for i in x: pass",
])("%j does not make x", (code) => { expect(defines(code, "x")).toBe(false); });
