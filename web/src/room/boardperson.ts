/** One attendee, in a dialog: the come-back code that they lost, their work, and out of the room, asked once more. */
import { h } from "../look/element";
import type { Attendee, BoardLine } from "./boardline";
import { megabytes } from "./boardtable";
import { TEXTS } from "./texts";

type Tell = (text: string) => void;

export class Person {
  private readonly title = h("h2", { id: "person-title", dir: "auto" });
  private readonly facts = h("p", { class: "help" });
  private readonly content = h("div", { class: "form" });
  readonly element: HTMLDialogElement;
  private one!: Attendee;
  private busy = false;

  constructor(private readonly line: Pick<BoardLine, "act" | "answer" | "file">, private readonly save: (file: Blob, name: string) => void, private readonly tell: Tell) {
    const close = h("button", { type: "button", class: "quiet" }, TEXTS.close);
    close.addEventListener("click", () => this.element.close());
    this.element = h("dialog", { class: "attendee", "aria-labelledby": "person-title" }, h("div", { class: "attendee-head" }, this.title, close), this.facts, this.content);
    this.element.addEventListener("close", () => this.content.replaceChildren()); // a code is not left where nobody sees it
  }

  open(one: Attendee): void {
    this.one = one;
    this.title.textContent = `${one.number} · ${one.name}`;
    this.facts.textContent = [TEXTS.state[one.seat] ?? one.seat, one.use ? megabytes(one.use.memory) : "", one.use && one.use.ended > 0 ? TEXTS.ended(one.use.ended) : ""].filter(Boolean).join(" · ");
    this.first();
    this.element.showModal();
  }

  private first(): void {
    const code = h("p", { class: "big-code", translate: "no", role: "status" });
    const show = this.button(TEXTS.showCode, async () => {
      const answer = await this.line.answer<{ code: string }>("code", { number: this.one.number });
      if (typeof answer === "string") this.fail(answer);
      else code.textContent = answer.code;
    });
    const sit = this.one.files; // also of who has left the seat for the other door
    this.content.replaceChildren(
      h("div", {}, show, code, h("p", { class: "help" }, TEXTS.showCodeHelp)),
      ...(sit ? [h("div", {}, this.button(TEXTS.saveWork, () => this.saved()), h("p", { class: "help" }, TEXTS.saveWorkHelp))] : []),
      h("div", {}, this.button(TEXTS.remove, () => this.askOnceMore())),
    );
  }

  private askOnceMore(): void {
    const sit = this.one.files; // also of who has left the seat for the other door
    const keep = this.button(TEXTS.keep, () => this.element.close());
    this.content.replaceChildren(
      h("p", { class: "wrong", role: "alert" }, sit ? TEXTS.removeSeat(this.one.name) : TEXTS.removePage(this.one.name)),
      h(
        "div", { class: "row" }, keep,
        sit && this.button(TEXTS.saveThenRemove, async () => {
          if (await this.saved()) await this.removed();
        }),
        this.button(sit ? TEXTS.removeUnsaved : TEXTS.removeNow, () => this.removed(), "bad"),
      ),
    );
    keep.focus();
  }

  private button(text: string, does: () => unknown, looks = ""): HTMLButtonElement {
    const button = h("button", { type: "button", class: looks || undefined }, text);
    button.addEventListener("click", async () => {
      if (this.busy) return; // what takes a while is done once; a button that is disabled would lose the focus
      this.busy = true;
      try {
        await does();
      } finally {
        this.busy = false;
      }
    });
    return button;
  }

  private async saved(): Promise<boolean> {
    this.note(TEXTS.exporting);
    const file = await this.line.file(`export?seat=${this.one.number}`);
    if (typeof file === "string") {
      this.fail(file);
      return false;
    }
    this.save(file, `seat-${this.one.number}.zip`);
    this.note(TEXTS.saved);
    return true;
  }

  private async removed(): Promise<void> {
    const { name, number } = this.one;
    const refused = await this.line.act("remove", { number });
    if (refused !== null) {
      this.fail(refused);
      return;
    }
    this.element.close();
    this.tell(TEXTS.removed(name));
  }

  private note(text: string): void {
    this.content.querySelector(".told")?.remove();
    this.content.append(h("p", { class: "told", role: "status" }, text));
  }

  private fail(why: string): void {
    this.note(TEXTS.refused(why));
  }
}
