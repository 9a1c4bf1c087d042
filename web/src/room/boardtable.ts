/** The attendees, hands first, then those who are stuck the longest; rows stay the same elements, so that focus and reading place stay. */
import { h } from "../look/element";
import type { Attendee, BoardState } from "./boardline";
import { TEXTS } from "./texts";

export type Row = Attendee;

interface Drawn { row: HTMLTableRowElement; cells: Record<"number" | "name" | "where" | "checks" | "stuck" | "seen" | "seat" | "memory", HTMLElement>; hand: HTMLElement; lower: HTMLButtonElement; more: HTMLButtonElement; person: Attendee }

export const megabytes = (bytes: number) => (bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`);

/** The order in which a presenter wants to see people. */
export function ordered(people: Attendee[]): Attendee[] {
  const last = Number.POSITIVE_INFINITY;
  return [...people].sort((a, b) => (a.hand_since ?? last) - (b.hand_since ?? last) || (a.stuck_since ?? last) - (b.stuck_since ?? last) || a.number - b.number || 0);
}

export class Table {
  private readonly body = h("tbody", {});
  private readonly nobody = h("p", { class: "help" }, TEXTS.nobody);
  readonly element: HTMLElement;
  private readonly drawn = new Map<number, Drawn>();

  constructor(private readonly lower: (row: Row) => void, private readonly more: (row: Row) => void = () => {}) {
    const { number, name, where, checks, stuck, seen, seat, memory } = TEXTS.columns;
    const head = h("tr", {}, ...[number, name, where, checks, stuck, seen, seat, memory].map((text) => h("th", { scope: "col" }, text)));
    this.element = h("div", { class: "people", tabindex: 0, role: "region", "aria-label": TEXTS.boardTitle }, h("table", {}, h("thead", {}, head), this.body), this.nobody);
  }

  draw(state: BoardState): void {
    this.nobody.hidden = state.attendees.length > 0;
    const order = ordered(state.attendees);
    order.forEach((one, place) => {
      const drawn = this.drawn.get(one.number) ?? this.made(one);
      this.fill(drawn, one, state);
      if (this.body.rows[place] !== drawn.row) this.body.insertBefore(drawn.row, this.body.rows[place] ?? null);
    });
    const here = new Set(order.map((one) => one.number));
    for (const [number, { row }] of this.drawn) {
      if (here.has(number)) continue;
      row.remove();
      this.drawn.delete(number);
    }
  }

  private made(one: Attendee): Drawn {
    const cells = { number: h("td", {}), name: h("th", { scope: "row" }), where: h("td", {}), checks: h("td", {}), stuck: h("td", {}), seen: h("td", {}), seat: h("td", {}), memory: h("td", {}) };
    const name = h("span", { class: "person", dir: "auto" });
    const hand = h("span", { class: "hand" });
    const lower = h("button", { type: "button", class: "lower" }, TEXTS.lower);
    const more = h("button", { type: "button", class: "more" }, "…");
    cells.name.append(name, more, hand, lower);
    const drawn: Drawn = { row: h("tr", {}, ...Object.values(cells)), cells, hand, lower, more, person: one };
    more.addEventListener("click", () => this.more(drawn.person));
    lower.addEventListener("click", () => this.lower(drawn.person));
    this.drawn.set(one.number, drawn);
    return drawn;
  }

  private fill(drawn: Drawn, one: Attendee, { now, lessons }: BoardState): void {
    drawn.person = one;
    const { cells } = drawn;
    const put = (cell: HTMLElement, text: string) => {
      if (cell.textContent !== text) cell.textContent = text;
    };
    put(cells.number, String(one.number));
    put(cells.name.querySelector<HTMLElement>(".person")!, one.name);
    const up = one.hand_since !== null;
    put(drawn.hand, up ? TEXTS.handUp(TEXTS.since(now - one.hand_since!)) : "");
    drawn.hand.hidden = drawn.lower.hidden = !up;
    drawn.lower.setAttribute("aria-label", TEXTS.lowerFor(one.name));
    drawn.more.setAttribute("aria-label", TEXTS.moreOf(one.name));
    drawn.row.classList.toggle("hand-up", up);
    put(cells.where, one.lesson ? (lessons.find((lesson) => lesson.name === one.lesson)?.title ?? one.lesson) : "–");
    put(cells.checks, one.exercises > 0 ? TEXTS.of(one.passed, one.exercises) : "–");
    put(cells.stuck, one.stuck_since === null ? "–" : TEXTS.stuckOn(one.stuck_on, TEXTS.since(now - one.stuck_since)));
    drawn.row.classList.toggle("stuck", one.stuck_since !== null && now - one.stuck_since > 300);
    put(cells.seen, one.seen === null ? "–" : TEXTS.since(now - one.seen));
    put(cells.seat, TEXTS.state[one.seat] ?? one.seat);
    put(cells.memory, one.use ? [megabytes(one.use.memory), one.use.waits && TEXTS.waits, one.use.ended > 0 ? TEXTS.ended(one.use.ended) : ""].filter(Boolean).join(", ") : "–");
    const full = one.use !== null && (one.use.ended > 0 || (one.use.most !== null && one.use.memory > 0.8 * one.use.most));
    drawn.row.classList.toggle("much-memory", full);
  }
}
