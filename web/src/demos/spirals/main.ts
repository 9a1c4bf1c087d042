import "./style.css";
import { BLUE, GREEN, ORANGE, tone } from "../../look/palette";
import { Curves } from "../curves";
import { button, card, choices, figures, h, select, slider } from "../dom";
import { begin, behind, frame, runButton, surface } from "../frame";
import type { Kernels } from "../kernels";
import { Loop } from "../loop";
import { type Activation, crossEntropy, Net, softmax, type Spec } from "../net";
import { Optimiser } from "../optimisers";
import { Random } from "../random";
import { start } from "../start";
import { repaint, rgb } from "../surface";
import texts from "./demo.json";
import { KINDS, nearest, type Point, type Start, STARTS } from "./points";

const GRID = 72; // the boundary is computed on GRID × GRID places
const MOST = 500; // points
const COLORS = [BLUE, ORANGE, GREEN].map(rgb);
const CODES = [BLUE, ORANGE, GREEN];

function main(kernels: Kernels): void {
  const ui = texts.ui;
  const page = frame(texts);
  const ground = kernels.mark();
  const random = new Random(7);

  let points: Point[] = STARTS.spirals(random);
  let chosen = -1;
  let adds: "0" | "1" | "2" | "remove" = "0";
  let net: Net;
  let optimiser: Optimiser;
  let passes = 0;
  let loss = Number.NaN;
  let right = 0;
  let seed = 1;
  const state = { layers: 3, neurons: 12, activation: "tanh" as Activation, rate: 0.01 };

  const background = document.createElement("canvas");
  const tiles: { canvas: HTMLCanvasElement; layer: number; unit: number }[] = [];
  const tileRows = h("div", { class: "tiles", role: "img", "aria-label": ui.tilesLabel });

  function build(): void {
    kernels.release(ground);
    const specs: Spec[] = [];
    for (let i = 0; i < state.layers; i += 1) specs.push({ kind: "dense", out: state.neurons }, { kind: state.activation });
    specs.push({ kind: "dense", out: KINDS });
    net = new Net(kernels, [2, 1, 1], specs, GRID * GRID, seed);
    // The square is small: first weights twice as large reach across it.
    const first = net.parameters[0]!.value.values;
    first.forEach((value, i) => (first[i] = 2 * value));
    const biases = net.parameters[1]!.value.values;
    biases.forEach((_, i) => (biases[i] = random.between(-1, 1)));
    optimiser = new Optimiser(net.parameters, "adam", state.rate);
    passes = 0;
    loss = Number.NaN;
    curves.clear();
    tiles.length = 0;
    tileRows.replaceChildren(
      ...Array.from({ length: state.layers }, (_, layer) =>
        h("div", {}, ...Array.from({ length: state.neurons }, (_unused, unit) => {
          const canvas = h("canvas", { width: 24, height: 24 });
          tiles.push({ canvas, layer: 2 * layer + 1, unit });
          return canvas;
        })),
      ),
    );
    draw();
  }

  function step(): void {
    if (!points.length) return;
    show(points);
    net.forward(points.length);
    const result = crossEntropy(net, points.map((point) => point.kind), points.length);
    loss = result.loss;
    right = result.right / points.length;
    net.backward(points.length);
    optimiser.step();
    passes += 1;
    curves.add(0, passes, loss);
  }

  function show(these: readonly Point[]): void {
    const x = net.input.values;
    these.forEach((point, i) => {
      x[2 * i] = point.x;
      x[2 * i + 1] = point.y;
    });
  }

  /** Everything the network answers over the square. */
  function look(): void {
    const x = net.input.values;
    for (let row = 0, at = 0; row < GRID; row += 1)
      for (let column = 0; column < GRID; column += 1) {
        x[at++] = (2 * (column + 0.5)) / GRID - 1;
        x[at++] = 1 - (2 * (row + 0.5)) / GRID;
      }
    const p = net.forward(GRID * GRID);
    softmax(p, GRID * GRID, KINDS);
    const paper = rgb(tone("--paper"));
    repaint(background, GRID, GRID, (rgba) => {
      for (let i = 0; i < GRID * GRID; i += 1) {
        for (let c = 0; c < 3; c += 1) {
          let value = 0;
          for (let k = 0; k < KINDS; k += 1) value += p[KINDS * i + k]! * COLORS[k]![c]!;
          rgba[4 * i + c] = 0.48 * value + 0.52 * paper[c]!;
        }
        rgba[4 * i + 3] = 255;
      }
    });
    const [low, high] = [COLORS[1]!, COLORS[0]!];
    for (const { canvas, layer, unit } of tiles) {
      const { output, shape } = net.layers[layer]!;
      const values = output.values;
      const units = shape[0];
      let most = 1e-6;
      for (let i = 0; i < GRID * GRID; i += 3) most = Math.max(most, Math.abs(values[i * units + unit]!));
      repaint(canvas, 24, 24, (rgba) => {
        for (let i = 0; i < 576; i += 1) {
          const place = (Math.floor(i / 24) * 3 + 1) * GRID + (i % 24) * 3 + 1;
          const value = values[place * units + unit]! / most;
          const color = value > 0 ? high : low;
          for (let c = 0; c < 3; c += 1) rgba[4 * i + c] = Math.abs(value) * color[c]! + (1 - Math.abs(value)) * paper[c]!;
          rgba[4 * i + 3] = 255;
        }
      });
    }
  }

  const square = surface(ui.canvas, 1, ({ context: c, width, height }) => {
    c.imageSmoothingEnabled = true;
    c.drawImage(background, 0, 0, width, height);
    const size = Math.max(4.5, width / 110);
    points.forEach((point, i) => {
      const [px, py] = [((point.x + 1) / 2) * width, ((1 - point.y) / 2) * height];
      mark(c, point.kind, px, py, size);
      if (i !== chosen) return;
      c.strokeStyle = tone("--ink");
      c.lineWidth = 2;
      c.beginPath();
      c.arc(px, py, size * 2, 0, 2 * Math.PI);
      c.stroke();
    });
  }, "application");
  square.element.classList.add("square");

  const table = behind(ui.points, [ui.number, ui.kind, "x", "y", ui.taken], () => {
    show(points);
    const p = net.forward(points.length);
    return points.map(({ x, y, kind }, i) => {
      const answers = p.subarray(KINDS * i, KINDS * (i + 1));
      return [String(i + 1), ui.kinds[kind]!, signed(x), signed(y), ui.kinds[answers.indexOf(Math.max(...answers))]!];
    });
  });

  const curves = new Curves({ label: ui.curve, x: ui.passes, y: ui.loss }, [{ name: ui.loss, color: BLUE }], { log: true, legend: false, aspect: 2.8 });
  const numbers = figures({ loss: ui.loss, right: ui.right, passes: ui.epochs });

  let drawn = 0;
  function draw(): void {
    const now = performance.now();
    if (loop.running && now - drawn < 45) return; // 20 pictures a second leave most of the time to training
    drawn = now;
    look();
    square.redraw();
    curves.redraw();
    table.refresh();
    numbers.show("loss", Number.isNaN(loss) ? "–" : loss < 5e-5 ? "< 0.0001" : loss.toFixed(4));
    numbers.show("right", Number.isNaN(loss) ? "–" : `${(100 * right).toFixed(right === 1 ? 0 : 1)} %`);
    numbers.show("passes", passes.toLocaleString("en"));
  }

  const loop = new Loop(step, draw);
  loop.limit = 12; // so that one can watch the boundary move

  const told = ({ kind, x, y }: Point): string =>
    [["{kind}", ui.kinds[kind]!], ["{number}", String(chosen + 1)], ["{count}", String(points.length)], ["{x}", signed(x)], ["{y}", signed(y)]]
      .reduce((text, [place, value]) => text.replace(place!, value!), ui.point);

  // Points, moved and made.
  const place = (event: PointerEvent): { x: number; y: number } => {
    const { x, y } = square.at(event);
    return { x: (2 * x) / square.width - 1, y: 1 - (2 * y) / square.height };
  };
  const inside = (value: number): number => Math.max(-1, Math.min(1, value));
  const changed = (): void => {
    if (!loop.running) draw();
    else square.redraw();
  };
  const add = (x: number, y: number, kind: number): void => {
    if (points.length >= MOST) return;
    points.push({ x: inside(x), y: inside(y), kind });
    chosen = points.length - 1;
  };
  let dragged = -1;
  square.element.addEventListener("pointerdown", (event) => {
    const { x, y } = place(event);
    const found = nearest(points, x, y, event.pointerType === "touch" ? 0.08 : 0.05);
    if (adds === "remove" || event.button === 2) {
      if (found >= 0) points.splice(found, 1);
      chosen = -1;
    } else if (found >= 0) chosen = dragged = found;
    else {
      add(x, y, Number(adds));
      dragged = chosen;
    }
    square.element.setPointerCapture(event.pointerId);
    square.element.focus({ preventScroll: true });
    event.preventDefault();
    changed();
  });
  square.element.addEventListener("contextmenu", (event) => event.preventDefault());
  square.element.addEventListener("pointermove", (event) => {
    const point = points[dragged];
    if (!point) return;
    const { x, y } = place(event);
    [point.x, point.y] = [inside(x), inside(y)];
    changed();
  });
  for (const end of ["pointerup", "pointercancel"] as const) square.element.addEventListener(end, () => (dragged = -1));
  square.element.addEventListener("keydown", (event) => {
    const moves: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const move = moves[event.key];
    const size = points.length;
    if (move) {
      const point = (points[chosen] ??= points[(chosen = 0)]!);
      if (!point) return;
      point.x = inside(point.x + move[0] * 0.04);
      point.y = inside(point.y + move[1] * 0.04);
    } else if (size && (event.key === "n" || event.key === "N")) chosen = (chosen + 1) % size;
    else if (size && (event.key === "p" || event.key === "P")) chosen = (chosen + size - 1) % size;
    else if (["1", "2", "3"].includes(event.key)) add(points[chosen]?.x ?? 0, points[chosen]?.y ?? 0, Number(event.key) - 1);
    else if ((event.key === "Delete" || event.key === "Backspace") && chosen >= 0) {
      points.splice(chosen, 1);
      chosen = Math.min(chosen, points.length - 1);
    } else return;
    event.preventDefault();
    const point = points[chosen];
    if (point) page.announce(told(point));
    changed();
  });

  page.view.append(square.element, h("p", { class: "hint" }, ui.hint), table.element);
  page.bar.append(runButton(loop, page.announce), button(ui.restart, () => {
    seed += 1;
    build();
  }), numbers.element);
  page.side.append(
    h("div", { class: "card" }, curves.element),
    card(ui.tiles, tileRows),
    h(
      "div",
      { class: "card controls" },
      select<Start>(ui.start, [["spirals", ui.spirals], ["circles", ui.circles], ["xor", ui.xor], ["blobs", ui.blobs], ["empty", ui.empty]], "spirals", (name) => {
        points = STARTS[name](random);
        chosen = -1;
        build();
      }).element,
      select<Activation>(ui.activation, [["tanh", "tanh"], ["relu", "ReLU"], ["sigmoid", "sigmoid"], ["sine", "sine"]], state.activation, (name) => {
        state.activation = name;
        build();
      }).element,
      slider(ui.layers, { min: 1, max: 4, step: 1, value: state.layers }, String, (value) => {
        state.layers = value;
        build();
      }).element,
      slider(ui.neurons, { min: 2, max: 24, step: 1, value: state.neurons }, String, (value) => {
        state.neurons = value;
        build();
      }).element,
      slider(ui.rate, { min: -4, max: -1, step: 0.25, value: -2 }, (value) => (10 ** value).toPrecision(1), (value) => {
        state.rate = optimiser.rate = 10 ** value;
      }).element,
    ),
    h("div", { class: "card" }, choices(ui.click, [["0", ui.first], ["1", ui.second], ["2", ui.third], ["remove", ui.remove]], adds, (value) => (adds = value)).element),
  );
  build();
  addEventListener("handson-theme", () => {
    drawn = 0;
    draw();
  });
  begin(loop, page);
  setInterval(() => loop.running && page.announce(`${ui.loss} ${loss.toFixed(3)}, ${ui.right} ${Math.round(100 * right)} %`), 15000);
}

const signed = (value: number): string => value.toFixed(2).replace("-", "−");

/** A circle, a square or a triangle: kinds differ in more than their color. */
function mark(c: CanvasRenderingContext2D, kind: number, x: number, y: number, size: number): void {
  c.fillStyle = CODES[kind]!;
  c.strokeStyle = tone("--paper");
  c.lineWidth = 1.5;
  c.beginPath();
  if (kind === 0) c.arc(x, y, size, 0, 2 * Math.PI);
  else if (kind === 1) c.rect(x - size * 0.9, y - size * 0.9, size * 1.8, size * 1.8);
  else {
    c.moveTo(x, y - size * 1.15);
    c.lineTo(x + size * 1.1, y + size * 0.85);
    c.lineTo(x - size * 1.1, y + size * 0.85);
    c.closePath();
  }
  c.fill();
  c.stroke();
}

start(main);
