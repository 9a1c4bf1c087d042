/** A canvas as sharp as the screen, drawn anew when its size or the theme changes. */
import { h } from "./dom";

export interface Surface {
  element: HTMLCanvasElement;
  context: CanvasRenderingContext2D;
  /** In CSS pixels. */
  width: number;
  height: number;
  /** Calls the drawing function with the transformation set to CSS pixels. */
  redraw(): void;
  /** Where a pointer is, in CSS pixels of the canvas. */
  at(event: { clientX: number; clientY: number }): { x: number; y: number };
}

/** aspect: width / height. The label says what is shown to those who cannot see it. */
export function surface(label: string, aspect: number, draw: (s: Surface) => void, role: "img" | "application" = "img"): Surface {
  const element = h("canvas", { role, "aria-label": label, style: `aspect-ratio: ${aspect}` });
  if (role === "application") element.tabIndex = 0;
  const context = element.getContext("2d")!;
  const made: Surface = {
    element,
    context,
    width: 0,
    height: 0,
    redraw() {
      if (!made.width) return;
      const ratio = element.width / made.width;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      draw(made);
    },
    at(event) {
      const box = element.getBoundingClientRect();
      return { x: ((event.clientX - box.left) / box.width) * made.width, y: ((event.clientY - box.top) / box.height) * made.height };
    },
  };
  const fit = (): void => {
    const width = element.clientWidth;
    const height = element.clientHeight;
    if (!width || !height) return;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (element.width !== across) element.width = across;
    if (element.height !== down) element.height = down;
    made.width = width;
    made.height = height;
    made.redraw();
  };
  new ResizeObserver(fit).observe(element);
  addEventListener("handson-theme", () => made.redraw());
  return made;
}

/** "#rrggbb" as three numbers 0..255. */
export function rgb(color: string): [number, number, number] {
  const value = Number.parseInt(color.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

/** A picture of gray or colored values, to be drawn enlarged. `paint` fills RGBA. */
export function raster(width: number, height: number, paint: (rgba: Uint8ClampedArray) => void): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  repaint(canvas, width, height, paint);
  return canvas;
}

export function repaint(canvas: HTMLCanvasElement, width: number, height: number, paint: (rgba: Uint8ClampedArray) => void): void {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const image = new ImageData(width, height);
  paint(image.data);
  canvas.getContext("2d")!.putImageData(image, 0, 0);
}
