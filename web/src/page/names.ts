/** Where a cell's names come from, as far as its text tells. */

/** The name that Python missed, of a NameError's text; "" where it is another. */
export function missingName(ename: string, evalue: string): string {
  return ename === "NameError" ? (/^name '([^']+)' is not defined/.exec(evalue)?.[1] ?? "") : "";
}

/** Whether a cell gives `name` a value outside of its functions and classes, line by line: no expression, string or `:=` is looked into. */
export function defines(code: string, name: string): boolean {
  const word = String.raw`(?<![\p{L}\p{N}_.])${name}(?![\p{L}\p{N}_])`;
  const ways = [
    String.raw`^(?:async\s+)?(?:def|class)\s+${word}`,
    String.raw`^(?:from\s.*\s)?import\s.*${word}(?!\s+as\s)`,
    String.raw`^(?:[^=(#<>!]*=(?!=))*[^=(#<>!]*${word}[^=(#<>!]*=(?!=)`,
    String.raw`^(?:async\s+)?for\s.*${word}.*\sin\s`,
    String.raw`^(?:async\s+)?with\s.*\sas\s+${word}`,
  ].map((way) => new RegExp(way, "u"));
  let inside = false;
  for (const line of code.split("\n")) {
    if (/^(?:async\s+)?(?:def|class)\s/.test(line)) inside = true;
    else if (/^[^\s#)]/.test(line)) inside = false;
    else if (inside) continue;
    const text = line.trimStart();
    if (ways.some((way) => way.test(text))) return true;
  }
  return false;
}
