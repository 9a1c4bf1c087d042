/** The word about the come-back code: once in each browser, over the lesson. The code itself is on the attendee's own page only. */
import { h } from "../look/element";
import { TEXTS } from "./texts";

const KEY = "handson-room-code-seen";

export function codeWasSeen(number: number): boolean {
  try {
    return localStorage.getItem(KEY) === String(number);
  } catch {
    return false; // a browser that keeps nothing says it again
  }
}

export function rememberCodeSeen(number: number): void {
  try {
    localStorage.setItem(KEY, String(number));
  } catch {
    // said again after the next load
  }
}

/** The word, with the way to the page; nothing of a secret is in it, for a lesson's own scripts can read what it shows. */
export function drawComeBack(number: number, aside: () => void): HTMLElement {
  const done = () => {
    rememberCodeSeen(number);
    aside();
  };
  return h(
    "div", {}, h("p", {}, TEXTS.comeBackNote),
    h("p", { class: "row" }, h("a", { class: "button primary", href: "/hub/me", target: "_blank", rel: "noopener", onclick: done }, TEXTS.showMine), h("button", { type: "button", onclick: done }, TEXTS.later)),
  );
}
