/** The board: who is where, who is stuck, hands; a word to all. It asks for the phrase once and keeps it for this tab only. */
import { h } from "../look/element";
import { type BoardState, BoardLine } from "./boardline";
import { loadFacts, memoryFacts } from "./boardload";
import { Person } from "./boardperson";
import { type Row, Table } from "./boardtable";
import { TEXTS } from "./texts";

const root = document.querySelector<HTMLElement>("#board")!;
const KEY = "handson-board-phrase";

function start(): void {
  const brought = /^#([A-Za-z]{4}(?:-[A-Za-z]{4}){3})$/.exec(location.hash)?.[1];
  if (brought) {
    history.replaceState(null, "", location.pathname); // the presenter's screen may be on the wall
    sessionStorage.setItem(KEY, brought);
  }
  const phrase = sessionStorage.getItem(KEY);
  if (phrase) open(phrase);
  else ask();
}

function ask(wrong = ""): void {
  const input = h("input", { id: "phrase", class: "code", autocomplete: "off", spellcheck: "false", maxlength: 40, required: true, "aria-describedby": "phrase-help", "aria-invalid": wrong ? "true" : undefined });
  const form = h(
    "form", { class: "form" },
    h("div", { class: "field" }, h("label", { for: "phrase" }, TEXTS.phrase), input, h("p", { class: "help", id: "phrase-help" }, TEXTS.phraseHelp)),
    h("button", { class: "primary large" }, TEXTS.enter),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEY, input.value);
    open(input.value);
  });
  root.replaceChildren(h("main", { class: "sheet" }, h("h1", {}, TEXTS.boardTitle), wrong !== "" && h("p", { class: "wrong", role: "alert" }, wrong), form));
  input.focus();
}

function open(phrase: string): void {
  const line = new BoardLine(phrase);
  const view = new View(line);
  line.listen({
    state: (state) => view.draw(state),
    qr: (svg) => view.drawQr(svg),
    lost: (is) => view.drawLost(is),
    refused: (status) => {
      sessionStorage.removeItem(KEY);
      ask(status === 429 ? TEXTS.phraseWait : TEXTS.phraseWrong);
    },
  });
}

class View {
  private readonly title = h("h1", {});
  private readonly facts = h("p", { class: "facts" });
  private readonly use = h("p", { class: "facts" });
  private readonly lost = h("p", { class: "wrong", role: "alert", hidden: true }, TEXTS.boardLost);
  private readonly full = h("p", { class: "wrong", role: "alert", hidden: true }, TEXTS.diskLow);
  private readonly short = h("p", { class: "wrong", role: "alert", hidden: true }, TEXTS.memoryLow);
  private readonly clock = h("p", { class: "clock" });
  private readonly clockButton = h("button", { type: "button" });
  private readonly told = h("p", { class: "told", role: "status" });
  private readonly current = h("p", { class: "current" });
  private readonly takeBack = h("button", { type: "button", hidden: true }, TEXTS.takeBack);
  private readonly spoken = h("p", { class: "spoken", "aria-live": "polite" });
  private readonly lessons = h("select", { id: "lesson" });
  private readonly wall = h("section", { class: "wall", "aria-label": TEXTS.screen });
  private readonly desk = h("section", { class: "board-main", "aria-label": TEXTS.board });
  private readonly qr = h("img", { alt: "", class: "qr" });
  private readonly wallText = h("div", { class: "wall-text" });
  private readonly table: Table;
  private running = false;
  private hands = new Set<number>();
  private named = "";

  constructor(private readonly line: BoardLine) {
    const person = new Person(line, (file, name) => this.download(file, name), (text) => (this.told.textContent = text));
    this.table = new Table((row: Row) => void this.act("lower", { number: row.number }), (row: Row) => person.open(row));
    const text = h("input", { id: "say", maxlength: 500, autocomplete: "off", required: true });
    const say = h("form", { class: "one-line" }, h("label", { for: "say" }, TEXTS.sayLabel), text, h("button", { class: "primary" }, TEXTS.say));
    say.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (await this.act("say", { text: text.value })) text.value = "";
    });
    const send = h("form", { class: "one-line" }, h("label", { for: "lesson" }, TEXTS.sendTo), this.lessons, h("button", {}, TEXTS.send));
    send.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.act("send", { lesson: this.lessons.value });
    });
    this.clockButton.addEventListener("click", () => void this.act("clock", { running: !this.running }));
    this.takeBack.addEventListener("click", () => void this.act("nothing", {}));
    const push = h("button", { type: "button" }, TEXTS.push);
    push.addEventListener("click", () => void this.act("push", {}, TEXTS.pushed));
    const newCode = h("button", { type: "button" }, TEXTS.newCode);
    newCode.addEventListener("click", () => {
      if (confirm(TEXTS.newCodeAsk)) void this.act("new-code", {}, TEXTS.newCodeMade);
    });
    const exported = h("button", { type: "button" }, TEXTS.exportAll);
    exported.addEventListener("click", () => void this.save());
    const toWall = h("button", { type: "button", "aria-pressed": "false" }, TEXTS.screen);
    toWall.addEventListener("click", () => this.show(location.hash !== "#/wall"));
    this.wall.append(this.qr, this.wallText);
    root.replaceChildren(
      h("header", { class: "board-head" }, this.title, toWall),
      h("main", {}, this.wall, this.desk),
      person.element,
    );
    this.desk.append(
      this.lost, this.full, this.short,
      h(
        "div", { class: "board-top" },
        h("div", {}, this.facts, this.use, h("div", { class: "row" }, this.clock, this.clockButton)),
        h("div", { class: "acts" }, say, send, h("div", { class: "row" }, push, exported, newCode)),
      ),
      this.told, h("div", { class: "row" }, this.current, this.takeBack), this.spoken, this.table.element,
    );
    addEventListener("hashchange", () => this.arrange());
    this.arrange();
  }

  private show(wall: boolean): void {
    location.hash = wall ? "#/wall" : "#/";
  }

  private arrange(): void {
    const wall = location.hash === "#/wall";
    document.body.classList.toggle("on-wall", wall);
    this.wall.hidden = !wall;
    this.desk.hidden = wall;
    const button = root.querySelector<HTMLElement>(".board-head button")!;
    button.setAttribute("aria-pressed", String(wall));
    button.textContent = wall ? TEXTS.board : TEXTS.screen;
  }

  private async act(what: string, content: Record<string, unknown>, done: string = TEXTS.done): Promise<boolean> {
    const refused = await this.line.act(what, content);
    this.told.textContent = refused === null ? done : TEXTS.refused(refused);
    return refused === null;
  }

  private async save(): Promise<void> {
    this.told.textContent = TEXTS.exporting;
    const file = await this.line.file("export");
    this.told.textContent = typeof file === "string" ? TEXTS.refused(file) : TEXTS.done;
    if (typeof file !== "string") this.download(file, "handson-room.zip");
  }

  private download(file: Blob, name: string): void {
    const address = URL.createObjectURL(file);
    const link = h("a", { href: address, download: name });
    root.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }

  drawLost(is: boolean): void {
    this.lost.hidden = !is;
  }

  drawQr(svg: string): void {
    this.qr.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  }

  draw(state: BoardState): void {
    document.title = `${state.title} · ${TEXTS.boardTitle}`;
    this.title.textContent = state.title;
    const { load, queue, seats } = state;
    this.facts.textContent = [
      TEXTS.joined(state.attendees.length), TEXTS.seatsTaken(seats.taken, seats.all),
      queue.waiting + queue.starting > 0 ? TEXTS.waitingSeats(queue.waiting + queue.starting) : "", ...loadFacts(load),
    ].filter(Boolean).join(" · ");
    this.use.textContent = memoryFacts(state).join(" · ");
    this.full.hidden = !load.disk_low;
    this.short.hidden = load.memory_total - load.memory_used > 0.08 * load.memory_total;
    this.drawClock(state);
    this.drawLessons(state);
    this.drawCurrent(state);
    this.table.draw(state);
    this.speak(state);
    this.drawWall(state);
  }

  private drawClock({ agenda, now }: BoardState): void {
    this.running = agenda.began !== null;
    this.clockButton.textContent = this.running ? TEXTS.stopClock : TEXTS.begin;
    if (agenda.began === null) {
      this.clock.textContent = TEXTS.notBegun(agenda.minutes);
      return;
    }
    const minute = Math.floor((now - agenda.began) / 60);
    let until = 0;
    const due = agenda.lessons.find((lesson) => (until += lesson.minutes) > minute);
    this.clock.textContent = [TEXTS.agenda(minute, agenda.minutes), due ? TEXTS.byNow(due.title) : ""].filter(Boolean).join(" · ");
  }

  private drawLessons({ lessons }: BoardState): void {
    const named = JSON.stringify(lessons);
    if (named === this.named) return; // one may be about to choose
    this.named = named;
    this.lessons.replaceChildren(...lessons.map((lesson, n) => h("option", { value: lesson.name }, `${n + 1}  ${lesson.title}`)));
  }

  private drawCurrent({ messages, lessons }: BoardState): void {
    const said = messages.filter((message) => message.kind !== "lessons").at(-1);
    const shown = said !== undefined && said.kind !== "nothing";
    this.takeBack.hidden = !shown;
    const text = said?.kind === "lesson" ? TEXTS.goTo(lessons.find((lesson) => lesson.name === said.content)?.title ?? said.content) : (said?.content ?? "");
    this.current.textContent = shown ? `“${text}”` : "";
  }

  private speak({ attendees }: BoardState): void {
    const up = attendees.filter((one) => one.hand_since !== null);
    const fresh = up.filter((one) => !this.hands.has(one.number));
    if (fresh.length > 0) this.spoken.textContent = fresh.map((one) => `${one.name}: ${TEXTS.raise}`).join(", ");
    this.hands = new Set(up.map((one) => one.number));
  }

  private drawWall(state: BoardState): void {
    this.wallText.replaceChildren(h(
      "div", {}, h("p", { class: "wall-scan" }, TEXTS.scan),
      h("p", { class: "wall-address" }, state.address.replace(/^http:\/\//, "").replace(/\/$/, "")),
      state.mdns !== "" && h("p", { class: "wall-mdns" }, state.mdns),
      h("p", { class: "wall-label" }, TEXTS.code), h("p", { class: "wall-code", translate: "no" }, state.code),
      h("p", { class: "wall-count" }, TEXTS.joined(state.attendees.length)),
      this.current.textContent !== "" && h("p", { class: "wall-said" }, this.current.textContent),
    ));
  }
}

start();
