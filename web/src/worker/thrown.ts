/** What was thrown, in words; also where it is no Error, as Emscripten's ExitStatus, which has a message and no text. */
export function inWords(thrown: unknown): string {
  return thrown instanceof Error ? String(thrown) : String((thrown as { message?: unknown } | null | undefined)?.message ?? thrown);
}
