/** A square to draw into, by pointer or keys. */
import { FONT, tone } from "../../look/palette";
import { surface } from "../surface";

const INK = 112;

export interface Pad {
  element: HTMLCanvasElement;
  side: number;
  /** side × side values 0..1 */
  ink(): Float32Array;
  clear(): void;
}

export function pad(label: string, hint: string, changed: () => void): Pad {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = INK;
  const pen = canvas.getContext("2d", { willReadFrequently: true })!;
  pen.lineWidth = 9;
  pen.lineCap = pen.lineJoin = "round";
  let empty = true;
  let at: { x: number; y: number } | null = null;
  let keys: { x: number; y: number; down: boolean } | null = null;

  // The pad keeps black ink on nothing; it is tinted as it is shown.
  const shown = surface(label, 1, ({ context: c, width, height }) => {
    c.clearRect(0, 0, width, height);
    c.globalCompositeOperation = "source-over";
    c.drawImage(canvas, 0, 0, width, height);
    c.globalCompositeOperation = "source-in";
    c.fillStyle = tone("--ink");
    c.fillRect(0, 0, width, height);
    c.globalCompositeOperation = "source-over";
    if (empty) {
      c.fillStyle = tone("--muted");
      c.font = `${width / 14}px ${FONT}`;
      c.textAlign = "center";
      c.fillText(hint, width / 2, height / 2);
    }
    if (!keys) return;
    c.strokeStyle = tone("--link");
    c.lineWidth = 2;
    c.beginPath();
    c.arc((keys.x / INK) * width, (keys.y / INK) * height, 8, 0, 2 * Math.PI);
    c.stroke();
    if (keys.down) c.fill();
  }, "application");
  shown.element.classList.add("pad");

  const stroke = (from: { x: number; y: number }, to: { x: number; y: number }): void => {
    empty = false;
    pen.beginPath();
    pen.moveTo(from.x, from.y);
    pen.lineTo(to.x + 0.01, to.y);
    pen.stroke();
    shown.redraw();
    changed();
  };
  const place = (event: PointerEvent): { x: number; y: number } => {
    const { x, y } = shown.at(event);
    return { x: (x / shown.width) * INK, y: (y / shown.height) * INK };
  };
  shown.element.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    shown.element.setPointerCapture(event.pointerId);
    at = place(event);
    keys = null;
    stroke(at, at);
    event.preventDefault();
    shown.element.focus({ preventScroll: true });
  });
  shown.element.addEventListener("pointermove", (event) => {
    if (!at) return;
    const between = event.getCoalescedEvents?.() ?? [];
    for (const one of between.length ? between : [event]) {
      const next = place(one);
      stroke(at, next);
      at = next;
    }
  });
  for (const end of ["pointerup", "pointercancel"] as const) shown.element.addEventListener(end, () => (at = null));
  const clear = (): void => {
    pen.clearRect(0, 0, INK, INK);
    empty = true;
    keys = null;
    shown.redraw();
    changed();
  };
  shown.element.addEventListener("keydown", (event) => {
    const moves: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (event.key === "Delete" || event.key === "Backspace") clear();
    else if (event.key === " " || move) {
      keys ??= { x: INK / 2, y: INK / 2, down: false };
      const from = { ...keys };
      if (move) {
        keys.x = Math.max(6, Math.min(INK - 6, keys.x + 4 * move[0]));
        keys.y = Math.max(6, Math.min(INK - 6, keys.y + 4 * move[1]));
      } else keys.down = !keys.down;
      if (keys.down) stroke(from, keys);
      else shown.redraw();
    } else return;
    event.preventDefault();
  });
  return {
    element: shown.element,
    side: INK,
    ink() {
      const { data } = pen.getImageData(0, 0, INK, INK);
      return Float32Array.from({ length: INK * INK }, (_, i) => data[4 * i + 3]! / 255);
    },
    clear,
  };
}
