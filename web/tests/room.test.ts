// @vitest-environment jsdom
import { describe, expect, it, vi } from "vitest";
import { type Attendee, parsed } from "../src/room/boardline";
import { ordered, Table } from "../src/room/boardtable";
import { type Device, recommendedDoor } from "../src/room/door";
import { drawSaid } from "../src/room/said";
import { mountStrip } from "../src/room/strip";
import { TEXTS } from "../src/room/texts";

const LAPTOP: Device = { touchOnly: false, memory: undefined, cores: 8, simd: true, narrow: false };

describe("the recommended door", () => {
  it("is the own browser for a laptop, also where it tells nothing of itself", () => {
    expect(recommendedDoor(LAPTOP)).toBe("page");
    expect(recommendedDoor({ ...LAPTOP, cores: undefined })).toBe("page");
  });
  it.each([
    ["a tablet", { touchOnly: true }], ["a phone", { narrow: true }], ["an old browser", { simd: false }], ["little memory", { memory: 2 }], ["two cores", { cores: 2 }],
  ])("is a seat for %s", (_, more) => {
    expect(recommendedDoor({ ...LAPTOP, ...more })).toBe("seat");
  });
});

describe("events", () => {
  it("are heard once they are whole, however they arrive", () => {
    const heard: string[] = [];
    const hear = (kind: string, data: string) => heard.push(`${kind} ${data}`);
    let rest = parsed("event: qr\nda", hear);
    expect(heard).toEqual([]);
    rest = parsed(`${rest}ta: 1\n\n: still here\n\ndata: 2\n\ndata: 3`, hear);
    expect(heard).toEqual(["qr 1", "message 2"]);
    expect(rest).toBe("data: 3");
  });
});

const person = (number: number, more: Partial<Attendee> = {}): Attendee => ({
  number, name: `Person ${number}`, door: "seat", seat: "ready", lesson: "add", lesson_since: 0, seen: 0, passed: 0, exercises: 2, all_passed: 0, stuck_since: null, stuck_on: "", hand_since: null, ...more,
});

const state = (...attendees: Attendee[]) => ({
  now: 1000, title: "", address: "", mdns: "", code: "", seats: { taken: 0, all: 1 }, queue: { waiting: 0, starting: 0 }, agenda: { minutes: 60, began: null, lessons: [] },
  lessons: [{ name: "add", title: "Add" }], attendees, messages: [], load: { cpu: 0, memory_used: 0, memory_total: 1, disk_free: 1, disk_low: false },
});

describe("the table of the board", () => {
  it("has raised hands first, the oldest on top, then who is stuck the longest", () => {
    const people = [person(1), person(2, { stuck_since: 50 }), person(3, { hand_since: 80 }), person(4, { stuck_since: 10 }), person(5, { hand_since: 20 })];
    expect(ordered(people).map((one) => one.number)).toEqual([5, 3, 4, 2, 1]);
  });
  it("shows a name as text", () => {
    const table = new Table(() => {});
    table.draw(state(person(1, { name: "<img src=x onerror=alert(1)>" })));
    expect(table.element.querySelector("img")).toBeNull();
    expect(table.element.querySelector(".person")!.textContent).toBe("<img src=x onerror=alert(1)>");
  });
  it("keeps its rows, and the focus in them, when people change places", () => {
    const lower = vi.fn();
    const table = new Table(lower);
    document.body.append(table.element);
    table.draw(state(person(1), person(2, { hand_since: 900 })));
    const row = table.element.querySelector("tbody tr")!;
    const button = row.querySelector("button")!;
    button.focus();
    table.draw(state(person(1, { hand_since: 950 }), person(2, { hand_since: 900 })));
    expect(table.element.querySelector("tbody tr")).toBe(row);
    expect(document.activeElement).toBe(button);
    button.click();
    expect(lower.mock.calls[0]![0]).toMatchObject({ number: 2 });
  });
  it("tells who is stuck, where and since when", () => {
    const table = new Table(() => {});
    table.draw(state(person(1, { stuck_since: 1000 - 600, stuck_on: "softmax" })));
    const row = table.element.querySelector("tbody tr")!;
    expect(row.textContent).toContain("softmax, 10 min");
    expect(row.classList.contains("stuck")).toBe(true);
  });
});

describe("what the presenter says", () => {
  it("is text, and leads to the lesson where it names one", () => {
    const open = vi.fn();
    const drawn = drawSaid({ id: 1, kind: "lesson", text: "<b>Add</b>", lesson: "add", path: "x" }, open, () => {});
    expect(drawn.querySelector("b")).toBeNull();
    expect(drawn.textContent).toContain(TEXTS.goTo("<b>Add</b>"));
    drawn.querySelector("button")!.click();
    expect(open).toHaveBeenCalledOnce();
  });
});

it("says durations as people do", () => {
  expect([5, 61, 3599, 3600, 7380].map(TEXTS.since)).toEqual(["5 s", "1 min", "59 min", "1 h 0 min", "2 h 3 min"]);
});

describe("the strip", () => {
  it("tells that the seat's disk is nearly full, and no more once there is space", () => {
    const heard = new Map<string, (event: unknown) => void>();
    vi.stubGlobal("EventSource", class {
      addEventListener(kind: string, hear: (event: unknown) => void): void {
        heard.set(kind, hear);
      }
      close(): void {}
    });
    mountStrip({ stream: "/s", hand: "/h", xsrf: "x" }, () => {});
    const alert = document.querySelector("#handson-room")!.shadowRoot!.querySelector<HTMLElement>('[role="alert"]')!;
    expect(alert.hidden).toBe(true);
    heard.get("disk")!({ data: '{"low": true, "free_mb": 40}' });
    expect(alert.hidden).toBe(false);
    expect(alert.textContent).toBe(TEXTS.seatDiskLow(40));
    heard.get("disk")!({ data: '{"low": false}' });
    expect(alert.hidden).toBe(true);
    vi.unstubAllGlobals();
  });
});
