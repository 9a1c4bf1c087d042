/** What the hub tells an attendee's pages, and how they answer it. */
export interface Said { id: number; kind: "say" | "lesson"; text: string; lesson?: string; path?: string }
export interface SeatState { state: "none" | "waiting" | "starting" | "ready" | "stopped" | "failed"; ahead?: number; seconds?: number | null }
export interface Mine { number: number; name: string; door: "seat" | "page"; hand: boolean; seat: SeatState; message: Said | null; lessons: number }

/** How it stands with the disk of a seat; `free_mb` only where that is little. */
export interface SeatDisk { low: boolean; free_mb?: number }

/** Where the state comes from and the hand goes to: the hub with the token of a page of its own, or a seat's own server. */
export interface Line { stream: string; hand: string; xsrf: string }

export const hubLine = (xsrf: string): Line => ({ stream: `/hub/room/stream?_xsrf=${encodeURIComponent(xsrf)}`, hand: "/hub/room/hand", xsrf });

/**
 * Call `heard` with the state now and after each change, while the page is looked at; `lost` where nobody answers, `gone` where the one who
 * looks is in the room no more, `disk` where their seat's disk is nearly full or is so no more.
 */
export function listen(
  line: Line, heard: (mine: Mine) => void, lost: (is: boolean) => void = () => {}, gone: () => void = () => {}, disk: (now: SeatDisk) => void = () => {},
): void {
  let source: EventSource | null = null;
  let later: ReturnType<typeof setTimeout> | undefined;
  const close = () => {
    clearTimeout(later);
    source?.close();
    source = null;
  };
  const open = () => {
    close();
    source = new EventSource(line.stream);
    source.onmessage = (event) => {
      lost(false);
      heard(JSON.parse(event.data) as Mine);
    };
    source.addEventListener("disk", (event) => disk(JSON.parse((event as MessageEvent<string>).data) as SeatDisk));
    source.addEventListener("gone", () => {
      document.removeEventListener("visibilitychange", look);
      close();
      gone();
    });
    source.onerror = () => {
      lost(true);
      if (source?.readyState !== EventSource.CLOSED) return; // it tries again by itself
      close();
      later = setTimeout(open, 2000 + 2000 * Math.random());
    };
  };
  // A browser opens six lines to one address for all its tabs: those that nobody looks at give theirs back.
  const look = () => (document.hidden ? close() : open());
  document.addEventListener("visibilitychange", look);
  if (!document.hidden) open();
}

/** Raise or lower the hand; whether that reached the room. */
export async function raiseHand(line: Line, raised: boolean): Promise<boolean> {
  try {
    const answer = await fetch(line.hand, {
      method: "POST", credentials: "same-origin",
      headers: { "Content-Type": "application/json", "X-XSRFToken": line.xsrf }, body: JSON.stringify({ raised }),
    });
    return answer.ok;
  } catch {
    return false;
  }
}
