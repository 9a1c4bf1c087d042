/** Whether training may use the laptop's other cores: yes, unless switched off here. */
import { h } from "./dom";
import { TEXTS } from "./texts";

const KEY = "handson-cores";
let here: boolean | null = null; // where the browser forbids storage: the choice lasts as long as the page

export function allCores(): boolean {
  try {
    return here ?? localStorage.getItem(KEY) !== "one";
  } catch {
    return here ?? true;
  }
}

/** Workers beside the one that runs the lesson: one core stays free for the page. */
export function handsToHave(): number {
  const cores = navigator.hardwareConcurrency || 2;
  return cores >= 8 ? 3 : cores >= 2 ? 1 : 0;
}

/** The switch; `changed` is called after it was turned. */
export function coresChoice(changed: () => void): HTMLElement {
  return h("label", { class: "switch", title: TEXTS.coresTitle }, h("input", {
    type: "checkbox", checked: allCores(),
    onchange: (event: Event) => {
      here = (event.target as HTMLInputElement).checked;
      try { localStorage.setItem(KEY, here ? "all" : "one"); } catch { /* see allCores() */ }
      changed();
    },
  }), TEXTS.cores);
}
