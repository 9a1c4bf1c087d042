/** The small strip over a lesson, in JupyterLab and on the lesson page: a hand to raise, what the presenter says. It depends on neither. */
import { h } from "../look/element";
import { codeWasSeen, drawComeBack } from "./comeback";
import { type Line, listen, type Mine, raiseHand } from "./live";
import { drawSaid, isDismissed, rememberDismissed } from "./said";
import { TEXTS } from "./texts";

const STYLE = `
:host { all: initial; position: fixed; z-index: 2147483000; inset: auto auto 34px 12px; max-width: min(520px, calc(100vw - 24px)); font: 500 15px/1.4 system-ui, sans-serif; color-scheme: light dark; }
* { box-sizing: border-box; }
.strip { display: grid; gap: 8px; justify-items: start; }
button, a { display: inline-flex; align-items: center; min-height: 36px; padding: 5px 14px; border: 1px solid #8a93a0; border-radius: 18px; background: #ffffff; color: #1b1f24; font: inherit; text-decoration: none; cursor: pointer; }
button[aria-pressed="true"] { border-color: #9a5a10; background: #ffe9cf; }
.primary { border-color: #1f69c0; background: #1f69c0; color: #ffffff; }
:focus-visible { outline: 3px solid #2272d0; outline-offset: 2px; }
.said, .note { padding: 12px 16px; border: 1px solid #8a93a0; border-left: 5px solid #e06d30; border-radius: 8px; background: #ffffff; color: #1b1f24; box-shadow: 0 8px 30px rgb(0 0 0 / 25%); overflow-wrap: anywhere; }
.said p, .note p { margin: 0 0 8px; }
.row { display: flex; flex-wrap: wrap; gap: 8px; }
[hidden] { display: none !important; }
@media (prefers-color-scheme: dark) {
  button, a, .said, .note { background: #222427; color: #e8eaed; border-color: #6d7681; }
  button[aria-pressed="true"] { background: #5a3a12; border-color: #e8a45c; }
  .primary { background: #2272d0; color: #ffffff; }
}
`;

/** Put the strip on the page; `open` follows the presenter to a lesson. */
export function mountStrip(line: Line, open: (lesson: string, path: string) => void): void {
  const host = h("div", { id: "handson-room", role: "region", "aria-label": TEXTS.yourPlace });
  const root = host.attachShadow({ mode: "open" });
  const box = h("div", { class: "said", role: "status", hidden: true });
  const disk = h("div", { class: "said", role: "alert", hidden: true });
  const note = h("div", { class: "note", role: "status", hidden: true });
  const hand = h("button", { type: "button", "aria-pressed": "false" }, TEXTS.raise);
  const me = h("a", { href: "/hub/me", target: "_blank", rel: "noopener", title: TEXTS.yourPlace, hidden: true });
  root.append(h("style", {}, STYLE), h("div", { class: "strip" }, box, disk, note, h("div", { class: "row" }, hand, me)));
  document.body.append(host);

  const drawHand = (raised: boolean) => {
    hand.setAttribute("aria-pressed", String(raised));
    hand.textContent = raised ? TEXTS.lower : TEXTS.raise;
  };
  hand.addEventListener("click", async () => {
    const raised = hand.getAttribute("aria-pressed") !== "true";
    if (await raiseHand(line, raised)) drawHand(raised);
    else hand.textContent = TEXTS.handFailed;
  });
  // Keys typed here are not JupyterLab's.
  host.addEventListener("keydown", (event) => event.stopPropagation());

  listen(line, (mine: Mine) => {
    drawHand(mine.hand);
    me.textContent = `${mine.number} · ${mine.name}`;
    me.hidden = false;
    if (!codeWasSeen(mine.number) && note.hidden) {
      note.hidden = false;
      note.replaceChildren(drawComeBack(mine.number, () => (note.hidden = true)));
    }
    const said = mine.message;
    if (said === null || isDismissed(said)) {
      box.hidden = true;
      return;
    }
    const putAside = () => {
      rememberDismissed(said);
      box.hidden = true;
    };
    const follow = said.lesson ? () => {
      open(said.lesson!, said.path ?? "");
      putAside();
    } : null;
    box.hidden = false; // first seen, then filled: so that a screen reader says it
    box.replaceChildren(drawSaid(said, follow, putAside));
  }, undefined, () => {
    box.hidden = false;
    box.replaceChildren(h("p", {}, TEXTS.wasRemoved));
    hand.hidden = me.hidden = note.hidden = true;
  }, (now) => {
    disk.hidden = !now.low; // first seen, then filled, as above
    disk.textContent = now.low ? TEXTS.seatDiskLow(now.free_mb ?? 0) : "";
  });
}
