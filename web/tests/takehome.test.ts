import { expect, test } from "vitest";
import type { Cell, LessonContent } from "../src/page/site";
import { lines, notebook, script, type Mine } from "../src/page/takehome";

const cells: Cell[] = [
  { id: "a-0", kind: "markdown", source: "# Title\n\nText", html: "", attachments: { "cat.gif": { "image/gif": "R0lG" } } },
  { id: "a-1", kind: "code", source: "x = 1", role: "" },
  { id: "a-2", kind: "code", source: "check()", role: "check" },
  { id: "a-3", kind: "code", source: "answer()", role: "exercise" },
];
const lesson: LessonContent = { name: "a", cells, metadata: { handson: { lesson: "a" } } };
const mine = (cell: Cell): Mine => ({
  text: cell.id === "a-1" ? "x = 2\nprint(x)\n" : cell.source,
  number: cell.id === "a-1" ? 4 : null,
  outputs: cell.id !== "a-1" ? [] : [
    { type: "stream", name: "stdout", text: "2\n" },
    { type: "display", id: "d1", bundle: { "text/plain": "a\nb", "image/png": "AAAA", "application/vnd.handson.widget+json": {} } },
    { type: "error", error: { ename: "E", evalue: "v", traceback: "one\ntwo", full: "" } },
  ],
});

test("a notebook has the learner's text, outputs, tags and pictures", () => {
  const made = JSON.parse(notebook(lesson, mine)) as { cells: Record<string, unknown>[]; nbformat: number; metadata: unknown };
  expect(made.nbformat).toBe(4);
  expect(made.metadata).toEqual(lesson.metadata);
  expect(made.cells[0]).toMatchObject({ cell_type: "markdown", id: "a-0", attachments: { "cat.gif": { "image/gif": "R0lG" } } });
  expect(made.cells[1]).toMatchObject({
    cell_type: "code", execution_count: 4, source: ["x = 2\n", "print(x)\n"],
    outputs: [
      { output_type: "stream", name: "stdout", text: ["2\n"] },
      { output_type: "display_data", data: { "text/plain": ["a\n", "b"], "image/png": "AAAA" }, metadata: {} },
      { output_type: "error", ename: "E", evalue: "v", traceback: ["one", "two"] },
    ],
  });
  expect(made.cells[2]).toMatchObject({ metadata: { tags: ["check"], jupyter: { source_hidden: true } } });
  expect(made.cells[3]).toMatchObject({ metadata: { tags: ["exercise", "raises-exception"] } });
});

test("a script has prose in comments and cells marked", () => {
  expect(script(lesson, mine)).toBe('# %% [markdown]\n# # Title\n#\n# Text\n\n# %%\nx = 2\nprint(x)\n\n\n# %% tags=["check"]\ncheck()\n\n# %% tags=["exercise"]\nanswer()\n');
});

test("texts are split into lines that keep their ends", () => {
  expect([lines(""), lines("a"), lines("a\n\nb\n")]).toEqual([[], ["a"], ["a\n", "\n", "b\n"]]);
});
