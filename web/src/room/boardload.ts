/** How loaded the host is, in words: what is used, which seat takes most, how many more would fit. */
import type { Attendee, BoardState, Use } from "./boardline";
import { megabytes } from "./boardtable";
import { TEXTS } from "./texts";

const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);

export function loadFacts(load: BoardState["load"]): string[] {
  return [
    TEXTS.load(Math.round(100 * load.cpu), load.cores), TEXTS.memory(gigabytes(load.memory_used), gigabytes(load.memory_total)),
    TEXTS.disk(gigabytes(load.disk_free), gigabytes(load.disk_total)),
  ];
}

/** Nothing where it is not known what seats take. */
export function memoryFacts({ attendees, load }: Pick<BoardState, "attendees" | "load">): string[] {
  const sitting = attendees.filter((one): one is Attendee & { use: Use } => one.use !== null).sort((a, b) => b.use.memory - a.use.memory);
  const first = sitting[0];
  if (first === undefined) return [];
  const sum = sitting.reduce((all, one) => all + one.use.memory, 0);
  const waiting = sitting.filter((one) => one.use.waits).length;
  const free = load.memory_total - load.memory_used;
  return [
    TEXTS.seatsTake(sitting.length, megabytes(sum)), TEXTS.mostTaken(`${first.number} · ${first.name}`, megabytes(first.use.memory)),
    first.use.most === null ? TEXTS.unlimited : TEXTS.limitOf(megabytes(first.use.most)),
    waiting > 0 ? TEXTS.waitForMemory(waiting) : "",
    first.use.memory > 0 ? TEXTS.moreSeats(Math.floor(free / first.use.memory)) : "",
  ].filter(Boolean);
}
