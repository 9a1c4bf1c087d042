/** Elements and controls, all with labels. */

import { type Child, h } from "../look/element";

export { h };

type Attributes = Parameters<typeof h>[1];

let counter = 0;
export const freshId = (): string => `d${(counter += 1)}`;

export function button(label: string, onClick: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const made = h("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", onClick);
  return made;
}

export interface Control<T> {
  element: HTMLElement;
  readonly value: T;
  set(value: T): void;
}

/** A list to choose from. `options`: [value, what is shown]. */
export function select<T extends string>(
  label: string,
  options: readonly (readonly [T, string])[],
  value: T,
  onChange: (value: T) => void,
): Control<T> {
  const id = freshId();
  const list = h("select", { id }, ...options.map(([name, shown]) => h("option", { value: name }, shown)));
  list.value = value;
  list.addEventListener("change", () => onChange(list.value as T));
  return {
    element: h("div", { class: "field" }, h("label", { for: id }, label), list),
    get value() {
      return list.value as T;
    },
    set(next: T) {
      list.value = next;
    },
  };
}

/** A slider; `shown` words its value. */
export function slider(
  label: string,
  range: { min: number; max: number; step: number; value: number },
  shown: (value: number) => string,
  onInput: (value: number) => void,
): Control<number> {
  const id = freshId();
  const input = h("input", { id, type: "range", min: range.min, max: range.max, step: range.step });
  input.value = String(range.value);
  const output = h("output", { for: id });
  const show = (): void => {
    output.textContent = shown(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => {
    show();
    onInput(Number(input.value));
  });
  show();
  return {
    element: h("div", { class: "field" }, h("label", { for: id }, label, " ", output), input),
    get value() {
      return Number(input.value);
    },
    set(next: number) {
      input.value = String(next);
      show();
    },
  };
}

export function toggle(label: string, value: boolean, onChange: (value: boolean) => void): Control<boolean> {
  const id = freshId();
  const box = h("input", { id, type: "checkbox" });
  box.checked = value;
  box.addEventListener("change", () => onChange(box.checked));
  return {
    element: h("div", { class: "field check" }, box, h("label", { for: id }, label)),
    get value() {
      return box.checked;
    },
    set(next: boolean) {
      box.checked = next;
    },
  };
}

/** A few choices side by side, one of which holds. */
export function choices<T extends string>(
  legend: string,
  options: readonly (readonly [T, string])[],
  value: T,
  onChange: (value: T) => void,
): Control<T> {
  const name = freshId();
  const inputs = options.map(([key]) => {
    const input = h("input", { type: "radio", name, value: key, id: freshId() });
    input.checked = key === value;
    input.addEventListener("change", () => input.checked && onChange(key));
    return input;
  });
  const rows = options.map(([, shown], i) => h("span", {}, inputs[i]!, h("label", { for: inputs[i]!.id }, shown)));
  return {
    element: h("fieldset", { class: "choices" }, h("legend", {}, legend), h("div", {}, ...rows)),
    get value() {
      return inputs.find((input) => input.checked)!.value as T;
    },
    set(next: T) {
      for (const input of inputs) input.checked = input.value === next;
    },
  };
}

/** Figures with their names; `show("loss", "0.12")`. */
export function figures<T extends string>(names: Record<T, string>): { element: HTMLElement; show(name: T, value: string): void } {
  const places = new Map<string, HTMLElement>();
  const element = h("dl", { class: "figures" });
  for (const [key, shown] of Object.entries<string>(names)) {
    const place = h("dd", { "data-figure": key }, "–");
    places.set(key, place);
    element.append(h("div", {}, h("dt", {}, shown), place));
  }
  return {
    element,
    show(name, value) {
      const place = places.get(name)!;
      if (place.textContent !== value) place.textContent = value;
    },
  };
}

/** A titled part of the page. */
export function card(title: string, ...children: Child[]): HTMLElement {
  const id = freshId();
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), ...children);
}
