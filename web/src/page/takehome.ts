/** A lesson with the learner's changes as a notebook (nbformat 4.5) that opens in Jupyter, or as a script (py:percent). */
import type { Output } from "./outputs";
import type { Cell, LessonContent } from "./site";

export interface Mine {
  text: string;
  outputs: Output[];
  number: number | null;
}

/** Every text of nbformat is a list of lines, each with its end. */
export function lines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function tagged(cell: Cell): Record<string, unknown> {
  if (cell.role === "check") return { tags: ["check"], jupyter: { source_hidden: true } };
  return cell.role === "exercise" ? { tags: ["exercise", "raises-exception"] } : {};
}

function asOutput(output: Output): Record<string, unknown> {
  if (output.type === "stream") return { output_type: "stream", name: output.name, text: lines(output.text) };
  if (output.type === "error") {
    return { output_type: "error", ename: output.error.ename, evalue: output.error.evalue, traceback: output.error.traceback.split("\n") };
  }
  const data = Object.fromEntries(Object.entries(output.bundle).map(([mime, value]) => {
    const text = typeof value === "string" && !mime.startsWith("image/png") && !mime.startsWith("image/gif");
    return [mime, text ? lines(value) : value];
  }).filter(([mime]) => mime !== "application/vnd.handson.widget+json"));
  return { output_type: "display_data", data, metadata: {} };
}

/** The notebook as text. */
export function notebook(lesson: LessonContent, mine: (cell: Cell) => Mine): string {
  const cells = lesson.cells.map((cell) => {
    const source = lines(mine(cell).text);
    if (cell.kind === "markdown") {
      return { cell_type: "markdown", id: cell.id, metadata: {}, source, ...(cell.attachments ? { attachments: cell.attachments } : {}) };
    }
    const { outputs, number } = mine(cell);
    return { cell_type: "code", id: cell.id, metadata: tagged(cell), execution_count: number, outputs: outputs.map(asOutput), source };
  });
  return JSON.stringify({ cells, metadata: lesson.metadata, nbformat: 4, nbformat_minor: 5 }, null, 1) + "\n";
}

/** The script as text: `# %%` before each cell, prose in comments. */
export function script(lesson: LessonContent, mine: (cell: Cell) => Mine): string {
  const parts = lesson.cells.map((cell) => {
    const { text } = mine(cell);
    if (cell.kind === "code") return `# %%${cell.role ? ` tags=["${cell.role}"]` : ""}\n${text}\n`;
    return `# %% [markdown]\n${text.split("\n").map((line) => (line ? `# ${line}` : "#")).join("\n")}\n`;
  });
  return parts.join("\n");
}
