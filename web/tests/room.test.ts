// @vitest-environment jsdom
import type { ServerResponse } from "node:http";
import { describe, expect, it, vi } from "vitest";
import { type Attendee, parsed } from "../src/room/boardline";
import { memoryFacts } from "../src/room/boardload";
import { Person } from "../src/room/boardperson";
import { ordered, Table } from "../src/room/boardtable";
import { codeWasSeen, drawComeBack } from "../src/room/comeback";
import { type Device, recommendedDoor } from "../src/room/door";
import { passOf, refusal, stopped } from "../src/room/gate";
import { listen } from "../src/room/live";
import { drawSaid } from "../src/room/said";
import { mountStrip } from "../src/room/strip";
import { TEXTS } from "../src/room/texts";

const LAPTOP: Device = { touchOnly: false, memory: undefined, cores: 8, simd: true, narrow: false };

describe("the recommended door", () => {
  it("is the own browser for a laptop, also where it tells nothing of itself", () => {
    expect(recommendedDoor(LAPTOP, false)).toBe("page");
    expect(recommendedDoor({ ...LAPTOP, cores: undefined }, false)).toBe("page");
  });
  it.each([
    ["a tablet", { touchOnly: true }], ["a phone", { narrow: true }], ["an old browser", { simd: false }], ["little memory", { memory: 2 }], ["two cores", { cores: 2 }],
  ])("is a seat for %s", (_, more) => {
    expect(recommendedDoor({ ...LAPTOP, ...more }, false)).toBe("seat");
  });
  it("is a seat for all where some lessons run there only", () => {
    expect(recommendedDoor(LAPTOP, true)).toBe("seat");
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
  number, name: `Person ${number}`, door: "seat", seat: "ready", lesson: "add", lesson_since: 0, seen: 0, passed: 0, exercises: 2, all_passed: 0, stuck_since: null, stuck_on: "", hand_since: null, use: null, files: more.door !== "page", ...more,
});

const state = (...attendees: Attendee[]) => ({
  now: 1000, title: "", address: "", mdns: "", code: "", seats: { taken: 0, all: 1 }, queue: { waiting: 0, starting: 0 }, agenda: { minutes: 60, began: null, lessons: [] },
  lessons: [{ name: "add", title: "Add" }], attendees, messages: [], load: { cpu: 0, cores: 2, memory_used: 0, memory_total: 1, disk_free: 1, disk_total: 1, disk_low: false },
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
    const button = row.querySelector<HTMLButtonElement>(".lower")!;
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

const GB = 1e9;
const use = (memory: number, most: number | null = 1.5 * GB, ended = 0, waits = false) => ({ memory, most, ended, waits });

describe("the memory of seats", () => {
  it("is told for each, a dash where it is not known, and stands out where it is nearly full or was full", () => {
    const table = new Table(() => {});
    table.draw(state(person(1), person(2, { use: use(0.3 * GB) }), person(3, { use: use(1.4 * GB) }), person(4, { use: use(0.1 * GB, 1.5 * GB, 2) }), person(5, { use: use(9 * GB, null) }), person(6, { use: use(0.2 * GB, null, 0, true) })));
    const rows = [...table.element.querySelectorAll("tbody tr")];
    expect(rows.map((row) => row.children[7]!.textContent)).toEqual(["–", "300 MB", "1.4 GB", "100 MB, full 2 times", "9.0 GB", "200 MB, waits its turn"]);
    expect(rows.map((row) => row.classList.contains("much-memory"))).toEqual([false, false, true, true, false, false]);
  });
  it("is summed up, with who takes most and how many more would fit", () => {
    const { load } = state();
    const told = memoryFacts({ attendees: [person(1), person(2, { use: use(0.5 * GB) }), person(3, { use: use(1 * GB) })], load: { ...load, memory_used: 4 * GB, memory_total: 8.5 * GB } });
    expect(told).toEqual(["2 running seats take 1.5 GB of their own", "most: 3 · Person 3, 1.0 GB", "each may take 1.5 GB", "memory free for 4 more like the largest"]);
    expect(memoryFacts({ attendees: [person(1)], load })).toEqual([]);
    const waits = [1, 2, 3].map((number) => person(number, { use: use(1, null, 0, number > 1) }));
    expect(memoryFacts({ attendees: waits, load })).toContain("memory is short, so seats compute by turns: 2 wait");
    expect(memoryFacts({ attendees: [person(1, { use: use(1, null) })], load })).toContain("nothing limits a seat's memory here");
  });
});

describe("one attendee, in the dialog", () => {
  const opened = (one: Attendee, answers: { file?: Blob | string; refused?: string | null } = {}) => {
    HTMLDialogElement.prototype.showModal = function () { this.open = true; };
    HTMLDialogElement.prototype.close = function () { this.open = false; this.dispatchEvent(new Event("close")); };
    const done: string[] = [];
    const line = {
      act: async (what: string, content: Record<string, unknown>) => (done.push(`${what} ${JSON.stringify(content)}`), answers.refused ?? null),
      answer: async <T extends object>(): Promise<T | string> => ({ code: "7-ABCD-EFGH-JKMN" }) as unknown as T,
      file: async (what: string) => (done.push(what), answers.file ?? new Blob(["PK"])),
    };
    const dialog = new Person(line, (_, name) => done.push(`saved ${name}`), (text) => done.push(text));
    document.body.replaceChildren(dialog.element);
    dialog.open(one);
    const press = async (text: string) => {
      [...dialog.element.querySelectorAll("button")].find((button) => button.textContent === text)!.click();
      await new Promise((resolve) => setTimeout(resolve));
    };
    return { dialog, done, press };
  };
  it("shows the come-back code when asked, and forgets it when it is closed", async () => {
    const { dialog, press } = opened(person(7, { name: "<b>Ada</b>" }));
    expect(dialog.element.querySelector("b")).toBeNull();
    expect(dialog.element.textContent).not.toContain("ABCD");
    await press(TEXTS.showCode);
    expect(dialog.element.textContent).toContain("7-ABCD-EFGH-JKMN");
    await press(TEXTS.close);
    expect(dialog.element.textContent).not.toContain("ABCD");
  });
  it("removes nobody at the first click, and says that there is no way back; the way out has the focus", async () => {
    const { dialog, done, press } = opened(person(7));
    await press(TEXTS.remove);
    expect(done).toEqual([]);
    expect(dialog.element.textContent).toContain("Nothing here brings them back");
    expect(document.activeElement!.textContent).toBe(TEXTS.keep);
    await press(TEXTS.keep);
    expect(dialog.element.open).toBe(false);
    expect(done).toEqual([]);
  });
  it("saves the work, then removes", async () => {
    const { dialog, done, press } = opened(person(7));
    await press(TEXTS.remove);
    await press(TEXTS.saveThenRemove);
    expect(done).toEqual(["export?seat=7", "saved seat-7.zip", 'remove {"number":7}', TEXTS.removed("Person 7")]);
    expect(dialog.element.open).toBe(false);
  });
  it("removes nobody whose work could not be saved, and says why", async () => {
    const { dialog, done, press } = opened(person(7), { file: "It sent no zip." });
    await press(TEXTS.remove);
    await press(TEXTS.saveThenRemove);
    expect(done).toEqual(["export?seat=7"]);
    expect(dialog.element.textContent).toContain("It sent no zip.");
  });
  it("tells why somebody could not be removed", async () => {
    const { dialog, press } = opened(person(7), { refused: "seat-7 did not stop" });
    await press(TEXTS.remove);
    await press(TEXTS.removeUnsaved);
    expect(dialog.element.open).toBe(true);
    expect(dialog.element.textContent).toContain("seat-7 did not stop");
  });
  it("has no work to save of who learns in their own browser", async () => {
    const { dialog, press } = opened(person(7, { door: "page", seat: "none" }));
    expect(dialog.element.textContent).not.toContain(TEXTS.saveWork);
    await press(TEXTS.remove);
    expect(dialog.element.textContent).toContain("their work is in their own browser");
  });
});

describe("the gate before the seats", () => {
  const KEY = "ab".repeat(32);
  const asked = (headers: Record<string, string>, more: { method?: string; url?: string } = {}) => ({ method: "GET", url: "/user/seat-2/lab?x=1", ...more, headers });
  it("lets through who shows the pass of that very seat, among other cookies", () => {
    expect(refusal(KEY, "/user/seat-2", asked({ cookie: `a=b; handson-seat=${passOf(KEY, "seat-2")}; c=d` }))).toBeNull();
  });
  it.each([
    ["nothing", ""], ["another seat's pass", `handson-seat=${passOf(KEY, "seat-1")}`], ["a pass of another key", `handson-seat=${passOf("cd".repeat(32), "seat-2")}`],
    ["a part of it", `handson-seat=${passOf(KEY, "seat-2").slice(1)}`], ["another cookie", `handson-seat2=${passOf(KEY, "seat-2")}`],
  ])("leads a page with %s to the hub and refuses all else", (_, cookie) => {
    expect(refusal(KEY, "/user/seat-2", asked({ cookie, accept: "text/html,*/*" }))).toEqual({ status: 302, location: "/hub/user/seat-2/lab?x=1" });
    expect(refusal(KEY, "/user/seat-2", asked({ cookie, accept: "text/html" }, { method: "POST" }))).toEqual({ status: 403 });
    expect(refusal(KEY, "/user/seat-2", asked({ cookie, accept: "*/*" }))).toEqual({ status: 403 });
  });
  it.each([undefined, ""])("lets nobody through where the proxy was given no key (%j)", (key) => {
    for (const cookie of ["", `handson-seat=${passOf("", "seat-2")}`, `handson-seat=${passOf(KEY, "seat-2")}`])
      expect(refusal(key, "/user/seat-2", asked({ cookie, accept: "text/html" }))).toEqual({ status: 403 });
    expect(refusal(key, "/", asked({}))).toBeNull();
  });
  it("is closed as the proxy calls it, where its environment has no key", () => {
    vi.stubEnv("SEAT_GATE_KEY", undefined);
    const said: unknown[] = [];
    const answer = { writeHead: (status: number) => (said.push(status), answer), end: (text: string) => said.push(text) };
    expect(stopped("/user/seat-2", "web", asked({}), answer as unknown as ServerResponse)).toBe(true);
    expect(said).toEqual([403, "This seat is not yours.\n"]);
    vi.unstubAllEnvs();
  });
  it("stands before seats only", () => {
    for (const prefix of ["/", "/hub/page/files/"]) expect(refusal(KEY, prefix, asked({}))).toBeNull();
  });
  it("takes no service worker, from anywhere", () => {
    const cookie = `handson-seat=${passOf(KEY, "seat-2")}`;
    for (const prefix of ["/", "/user/seat-2"]) expect(refusal(KEY, prefix, asked({ cookie, "service-worker": "script" }))).toEqual({ status: 403 });
  });
  it("knows the pass that the hub makes (tests/room/hub/test_codes.py has the same)", () => {
    expect(passOf("00".repeat(32), "seat-7")).toBe("76bfe3af802488ddc6ca6d3c5c46d65177922cc2f594838d47e0b0f21b81ddb6");
  });
});

describe("the word about the come-back code", () => {
  it("has no secret, leads to the own page, and is said once in a browser", () => {
    const aside = vi.fn();
    const drawn = drawComeBack(7, aside);
    expect(drawn.querySelector("a")!.getAttribute("href")).toBe("/hub/me");
    expect(codeWasSeen(7)).toBe(false);
    drawn.querySelector("button")!.click();
    expect(aside).toHaveBeenCalledOnce();
    expect([codeWasSeen(7), codeWasSeen(8)]).toEqual([true, false]);
  });
});

it("who is in the room no more is told so, once, and listens no more", () => {
  const sources: EventTarget[] = [];
  const close = vi.fn();
  vi.stubGlobal("EventSource", class extends EventTarget {
    constructor() {
      super();
      sources.push(this);
    }
    close = close;
  });
  const gone = vi.fn();
  listen({ stream: "", hand: "", xsrf: "" }, () => {}, () => {}, gone);
  sources[0]!.dispatchEvent(new Event("gone"));
  document.dispatchEvent(new Event("visibilitychange"));
  expect(gone).toHaveBeenCalledOnce();
  expect(close).toHaveBeenCalled();
  expect(sources).toHaveLength(1);
  vi.unstubAllGlobals();
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
