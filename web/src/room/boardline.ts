/** The line to the board's server: events by a fetch that goes on, since an EventSource cannot show the phrase. */
/** What a seat takes of the host: bytes of memory, the most it may take, how often a process was ended because that was full. */
export interface Use { memory: number; most: number | null; ended: number; waits: boolean }
export interface Attendee {
  number: number; name: string; door: "seat" | "page"; seat: string; lesson: string; lesson_since: number | null; seen: number | null; passed: number; exercises: number; all_passed: number;
  stuck_since: number | null; stuck_on: string; hand_since: number | null; use: Use | null; files: boolean;
}
export interface BoardState {
  now: number; title: string; address: string; mdns: string; code: string; seats: { taken: number; all: number }; queue: { waiting: number; starting: number };
  agenda: { minutes: number; began: number | null; lessons: { name: string; title: string; minutes: number }[] };
  lessons: { name: string; title: string }[]; attendees: Attendee[]; messages: { id: number; kind: string; content: string }[];
  load: { cpu: number; cores: number; memory_used: number; memory_total: number; disk_free: number; disk_total: number; disk_low: boolean };
}
export interface Listener { state(state: BoardState): void; qr(svg: string): void; lost(is: boolean): void; refused(status: number): void }

const PAUSE = 2000;

/** Server-sent events out of pieces of text: calls `heard` for each that is whole, and returns what is not. */
export function parsed(text: string, heard: (kind: string, data: string) => void): string {
  const parts = text.split("\n\n");
  const rest = parts.pop()!;
  for (const part of parts) {
    let kind = "message";
    const data: string[] = [];
    for (const line of part.split("\n")) {
      if (line.startsWith("event: ")) kind = line.slice(7);
      else if (line.startsWith("data: ")) data.push(line.slice(6));
    }
    if (data.length > 0) heard(kind, data.join("\n"));
  }
  return rest;
}

// A browser opens six lines to one address for all its tabs: one that nobody looks at gives its own back.
const seen = () => new Promise<void>((resolve) => {
  const look = () => {
    if (document.hidden) return;
    document.removeEventListener("visibilitychange", look);
    resolve();
  };
  document.addEventListener("visibilitychange", look);
  look();
});

function whileSeen(): AbortSignal {
  const ends = new AbortController();
  document.addEventListener("visibilitychange", () => ends.abort(), { once: true });
  return ends.signal;
}

export class BoardLine {
  constructor(private readonly phrase: string) {}

  private get headers(): Record<string, string> {
    return { Authorization: `Bearer ${this.phrase.replace(/[^\x21-\x7e]/g, "")}`, "Content-Type": "application/json" };
  }

  listen(to: Listener): void {
    void (async () => {
      for (;;) {
        try {
          await seen();
          const answer = await fetch("/api/stream", { headers: this.headers, signal: whileSeen() });
          if (answer.status === 401 || answer.status === 429) {
            to.refused(answer.status);
            return;
          }
          if (answer.ok) await this.read(answer.body!, to);
        } catch {
          if (document.hidden) continue;
        }
        to.lost(true); // not there for now
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
      }
    })();
  }

  private async read(body: ReadableStream<Uint8Array>, to: Listener): Promise<void> {
    const reader = body.pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest = parsed(rest + value, (kind, data) => {
        to.lost(false);
        if (kind === "qr") to.qr(JSON.parse(data) as string);
        else to.state(JSON.parse(data) as BoardState);
      });
    }
  }

  /** Ask for something to be done; null where it was, or why not. */
  async act(what: string, content: Record<string, unknown>): Promise<string | null> {
    try {
      const answer = await fetch(`/api/${what}`, { method: "POST", headers: this.headers, body: JSON.stringify(content) });
      return answer.ok ? null : ((await answer.json()) as { error: string }).error;
    } catch (error) {
      return String(error);
    }
  }

  /** Ask for something; what was answered, or why not, as text. */
  async answer<T extends object>(what: string, content: Record<string, unknown>): Promise<T | string> {
    try {
      const answer = await fetch(`/api/${what}`, { method: "POST", headers: this.headers, body: JSON.stringify(content) });
      return answer.ok ? ((await answer.json()) as T) : ((await answer.json()) as { error: string }).error;
    } catch (error) {
      return String(error);
    }
  }

  /** A file, or why not, as text. */
  async file(what: string): Promise<Blob | string> {
    try {
      const answer = await fetch(`/api/${what}`, { headers: this.headers });
      return answer.ok ? await answer.blob() : ((await answer.json()) as { error: string }).error;
    } catch (error) {
      return String(error);
    }
  }
}
