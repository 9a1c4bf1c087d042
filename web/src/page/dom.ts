/** Small helpers to make elements; no framework. */
import { h } from "../look/element";

export { type Child, h } from "../look/element";

const ICONS = {
  run: "M5 3.5v9l7.5-4.5z",
  stop: "M4 4h8v8H4z",
  back: "M10 3 5 8l5 5",
  more: "M8 3.2v.01M8 8v.01M8 12.8v.01",
  reset: "M3.5 6.5h6a3.5 3.5 0 0 1 0 7H6M6 3.5l-3 3 3 3",
  download: "M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10",
  above: "M8 13V6M4.5 9 8 5.5 11.5 9M3 2.5h10",
} as const;

/** A drawn icon of 16 × 16 in the color of the text; it says nothing to a screen reader. */
export function icon(name: keyof typeof ICONS): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const filled = name === "run" || name === "stop";
  for (const [key, value] of Object.entries({
    viewBox: "0 0 16 16", width: "16", height: "16", "aria-hidden": "true", fill: filled ? "currentColor" : "none", stroke: "currentColor",
    "stroke-width": filled ? "1" : name === "more" ? "2.6" : "1.6", "stroke-linecap": "round", "stroke-linejoin": "round",
  })) svg.setAttribute(key, value);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Offer `content` as a file to be saved. */
export function download(name: string, content: Blob): void {
  const address = URL.createObjectURL(content);
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
