/** What the presenter says to all, drawn alike wherever an attendee is. */
import { h } from "../look/element";
import type { Said } from "./live";
import { TEXTS } from "./texts";

/** The message with a way to follow it, if there is one, and a way to put it aside. */
export function drawSaid(said: Said, open: (() => void) | null, dismiss: () => void): HTMLElement {
  const text = said.kind === "lesson" ? TEXTS.goTo(said.text) : said.text;
  return h(
    "div", { class: "said-text" },
    h("p", {}, h("strong", {}, `${TEXTS.saidBy}: `), text),
    h("p", { class: "row" }, open && said.kind === "lesson" && h("button", { class: "primary", type: "button", onclick: open }, TEXTS.open), h("button", { type: "button", onclick: dismiss }, TEXTS.dismiss)),
  );
}

const KEY = "handson-room-dismissed";

/** Whether this message was put aside in this browser. */
export function isDismissed(said: Said): boolean {
  try {
    return Number(localStorage.getItem(KEY) ?? 0) >= said.id;
  } catch {
    return false; // a browser that keeps nothing shows it again
  }
}

export function rememberDismissed(said: Said): void {
  try {
    localStorage.setItem(KEY, String(said.id));
  } catch {
    // shown again after the next load
  }
}
