import "./style.css";
import { BLUE, BROWN, GREEN, ORANGE, PINK, SLATE, tone, VIOLET } from "../../look/palette";
import { Curves } from "../curves";
import { feed, loadDigits, SIDE } from "../digits";
import { button, card, figures, h, select, slider } from "../dom";
import { begin, behind, frame, runButton, surface } from "../frame";
import type { Kernels } from "../kernels";
import { Loop } from "../loop";
import { crossEntropy, Net } from "../net";
import { Optimiser, type RuleName, RULES } from "../optimisers";
import { Random } from "../random";
import { start } from "../start";
import { raster, rgb } from "../surface";
import texts from "./demo.json";
import { type LandscapeName, LANDSCAPES } from "./valley";

const BATCH = 32;
const TESTED = 250;
const LONGEST = 500; // steps in the valley
const FIELD = 120;

/** Name, color, dashes, learning rates (as powers of ten) on the network and in the valley. */
const RACERS: readonly [RuleName, string, number[], number, number][] = [
  ["sgd", SLATE, [], -1, -1.25],
  ["momentum", BLUE, [], -1.5, -1.75],
  ["nesterov", VIOLET, [7, 4], -1.5, -1.75],
  ["adagrad", GREEN, [], -1.75, -0.75],
  ["rmsprop", ORANGE, [], -2.75, -1.75],
  ["adadelta", BROWN, [2, 4], 0, 0.75],
  ["adam", PINK, [], -2.5, -1.25],
];

interface Racer {
  name: RuleName;
  color: string;
  net: Net;
  optimiser: Optimiser;
  loss: number;
  right: number;
  path: { at: Float32Array; m: Float32Array; v: Float32Array; steps: number; trail: [number, number][] };
  rates: { net: number; valley: number };
  show(ahead: boolean): void;
}

async function main(kernels: Kernels): Promise<void> {
  const ui = texts.ui;
  const page = frame(texts);
  const digits = await loadDigits();
  const ground = kernels.mark();
  const random = new Random(8);
  let shape: LandscapeName = "narrow";
  let from: [number, number] = [...LANDSCAPES.narrow.start];
  let seed = 1;
  let steps = 0;
  let turn = 0;

  const curves = new Curves({ label: ui.curve, x: ui.x, y: ui.loss }, RACERS.map(([name, color, dash]) => ({ name: ui[name], color, dash })), { log: true, aspect: 1.75 });
  const numbers = figures({ first: ui.first, loss: ui.loss, digits: ui.digits });

  const racers: Racer[] = RACERS.map(([name, color, , onNet, inValley]) => {
    const state = h("p", { class: "state" });
    const rates = { net: 10 ** onNet, valley: 10 ** inValley };
    const worded = (power: number): string => String(Number((10 ** power).toPrecision(1)));
    const range = (value: number): { min: number; max: number; step: number; value: number } => ({ min: -4, max: 1, step: 0.25, value });
    const element = h(
      "section",
      { class: "racer", "aria-label": ui[name] },
      h("h3", {}, h("span", { class: "swatch", style: `background: ${color}` }), ui[name], state),
      slider(ui.rateNet, range(onNet), worded, (power) => {
        rates.net = 10 ** power;
        racer.optimiser.rate = rates.net;
      }).element,
      slider(ui.rateValley, range(inValley), worded, (power) => {
        rates.valley = 10 ** power;
        roll();
      }).element,
    );
    lanes.push(element);
    const racer = {
      name, color, rates, loss: Number.NaN, right: Number.NaN,
      show(ahead: boolean) {
        element.classList.toggle("ahead", ahead);
        const text = !Number.isFinite(this.loss) && steps ? ui.away : Number.isNaN(this.right) ? "" : `${(100 * this.right).toFixed(1)} % ${ui.right}`;
        if (state.textContent !== text) state.textContent = text;
      },
    } as Racer;
    return racer;
  });

  function build(): void {
    kernels.release(ground);
    for (const racer of racers) {
      racer.net = new Net(kernels, [SIDE * SIDE, 1, 1], [{ kind: "dense", out: 32 }, { kind: "relu" }, { kind: "dense", out: 10 }], 64, seed);
      racer.optimiser = new Optimiser(racer.net.parameters, racer.name, racer.rates.net);
      racer.loss = racer.right = Number.NaN;
    }
    steps = 0;
    curves.clear();
    roll();
  }

  /** All to the start in the valley. */
  function roll(): void {
    for (const racer of racers) racer.path = { at: Float32Array.from(from), m: new Float32Array(2), v: new Float32Array(2), steps: 0, trail: [[...from]] };
    if (!loop.running) draw();
  }

  // One racer's step at a time, so that no slice is long; all see the same digits.
  let batch: number[] = [];
  let input: Float32Array | null = null;
  function step(): void {
    const racer = racers[turn]!;
    if (turn === 0) {
      batch = Array.from({ length: BATCH }, () => random.below(digits.train));
      feed(racer.net, digits, batch);
      input = racer.net.input.values.slice(0, BATCH * SIDE * SIDE);
      steps += 1;
    } else racer.net.input.values.set(input!);
    racer.net.forward(BATCH);
    const { loss } = crossEntropy(racer.net, batch.map((at) => digits.labels[at]!), BATCH);
    racer.net.backward(BATCH);
    racer.optimiser.step();
    racer.loss = Number.isNaN(racer.loss) && steps > 1 ? racer.loss : steps === 1 ? loss : 0.96 * racer.loss + 0.04 * loss;
    curves.add(turn, steps * BATCH, racer.loss);
    if (steps % 60 === 10 + 5 * turn) test(racer);
    turn = (turn + 1) % racers.length;
  }

  function test(racer: Racer): void {
    let right = 0;
    const tested = Math.min(TESTED, digits.labels.length - digits.train);
    for (let at = 0; at < tested; at += 50) {
      const chosen = Array.from({ length: Math.min(50, tested - at) }, (_, i) => digits.train + at + i);
      feed(racer.net, digits, chosen);
      racer.net.forward(chosen.length);
      right += crossEntropy(racer.net, chosen.map((i) => digits.labels[i]!), chosen.length).right;
    }
    racer.right = right / tested;
  }

  function rollOn(): void {
    const { slope } = LANDSCAPES[shape];
    for (const { name, rates, path } of racers) {
      if (path.steps >= LONGEST || !isHere(path.at)) continue;
      path.steps += 1;
      RULES[name](path.at, Float32Array.from(slope(path.at[0]!, path.at[1]!)), path.m, path.v, rates.valley, path.steps);
      path.trail.push([path.at[0]!, path.at[1]!]);
    }
  }

  let relief: HTMLCanvasElement | null = null;
  const terrain = (): HTMLCanvasElement => {
    const { height } = LANDSCAPES[shape];
    const heights = Float32Array.from({ length: FIELD * FIELD }, (_, i) => height((2 * ((i % FIELD) + 0.5)) / FIELD - 1, 1 - (2 * (Math.floor(i / FIELD) + 0.5)) / FIELD));
    const low = Math.min(...heights);
    const high = Math.max(...heights);
    const [paper, ink] = [rgb(tone("--paper")), rgb(BLUE)];
    return raster(FIELD, FIELD, (rgba) => heights.forEach((value, i) => {
      const share = ((value - low) / (high - low)) ** 0.45;
      const band = Math.floor(share * 14) / 14; // contours
      const weight = 0.5 * (1 - band);
      for (let c = 0; c < 3; c += 1) rgba[4 * i + c] = weight * ink[c]! + (1 - weight) * paper[c]!;
      rgba[4 * i + 3] = 255;
    }));
  };
  addEventListener("handson-theme", () => {
    relief = null;
    valley.redraw();
  });
  const valley = surface(ui.valleyLabel, 1.25, ({ context: c, width, height }) => {
    relief ??= terrain();
    c.imageSmoothingEnabled = true;
    c.drawImage(relief, 0, 0, width, height);
    const place = ([x, y]: readonly [number, number]): [number, number] => [((x + 1) / 2) * width, ((1 - y) / 2) * height];
    for (const racer of racers) {
      if (!racer.path) continue;
      c.strokeStyle = racer.color;
      c.lineWidth = 2.2;
      c.lineJoin = "round";
      c.beginPath();
      racer.path.trail.forEach((point, i) => (i ? c.lineTo(...place(point)) : c.moveTo(...place(point))));
      c.stroke();
    }
    for (const racer of racers) {
      if (!racer.path) continue;
      c.fillStyle = racer.color;
      c.strokeStyle = tone("--paper");
      c.lineWidth = 2;
      c.beginPath();
      c.arc(...place(racer.path.trail.at(-1)!), 6, 0, 2 * Math.PI);
      c.fill();
      c.stroke();
    }
    c.strokeStyle = tone("--ink");
    c.beginPath();
    c.arc(...place(from), 9, 0, 2 * Math.PI);
    c.stroke();
  }, "application");
  valley.element.classList.add("wide");
  const table = behind(ui.where, [ui.trainer, ui.steps, "x", "y", ui.height], () => racers.map(({ name, path }) => {
    const [x, y] = [path.at[0]!, path.at[1]!];
    return [ui[name], String(path.steps), ...(isHere(path.at) ? [x, y, LANDSCAPES[shape].height(x, y)].map(signed) : [ui.away, "–", "–"])];
  }));
  valley.element.addEventListener("pointerdown", (event) => {
    const { x, y } = valley.at(event);
    from = [(2 * x) / valley.width - 1, 1 - (2 * y) / valley.height];
    roll();
    event.preventDefault();
    valley.element.focus({ preventScroll: true });
  });
  valley.element.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!move) return;
    event.preventDefault();
    from = [Math.max(-1, Math.min(1, from[0] + 0.1 * move[0]!)), Math.max(-1, Math.min(1, from[1] + 0.1 * move[1]!))];
    page.announce(`${from[0].toFixed(1)}, ${from[1].toFixed(1)}`.replaceAll("-", "−"));
    roll();
  });

  let drawn = 0;
  let frames = 0;
  function draw(): void {
    frames += 1;
    if (loop.running && frames % 2 === 0) rollOn();
    valley.redraw();
    table.refresh();
    const now = performance.now();
    if (loop.running && now - drawn < 120) return;
    drawn = now;
    curves.redraw();
    const running = racers.filter(({ loss }) => Number.isFinite(loss));
    const ahead = running.reduce<Racer | null>((best, racer) => (!best || racer.loss < best.loss ? racer : best), null);
    for (const racer of racers) racer.show(racer === ahead);
    numbers.show("first", ahead ? ui[ahead.name] : "–");
    numbers.show("loss", ahead ? ahead.loss.toFixed(3) : "–");
    numbers.show("digits", (steps * BATCH).toLocaleString("en"));
  }
  const loop = new Loop(step, draw);

  page.bar.append(runButton(loop, page.announce), button(ui.restart, () => {
    seed += 1;
    build();
  }), numbers.element);
  page.view.append(h("div", { class: "card" }, curves.element, h("p", { class: "hint" }, digits.small ? ui.small : ui.mnist)));
  page.side.append(
    card(
      ui.valley,
      valley.element,
      table.element,
      h(
        "div",
        { class: "row under" },
        select<LandscapeName>(ui.shape, [["narrow", ui.narrow], ["banana", ui.banana], ["saddle", ui.saddle], ["bumps", ui.bumps]], shape, (name) => {
          shape = name;
          from = [...LANDSCAPES[name].start];
          relief = null;
          roll();
          valley.redraw();
        }).element,
        button(ui.again, roll),
      ),
      h("p", { class: "hint" }, ui.hint),
    ),
  );
  page.below.append(card(ui.trainers, h("div", { class: "lanes" }, ...lanes)));
  build();
  begin(loop, page);
  setInterval(() => loop.running && page.announce(`${ui.loss}: ${curves.summary()}`), 20000);
}

/** Near enough to come back. */
const isHere = (at: Float32Array): boolean => Math.hypot(at[0]!, at[1]!) < 4;

const signed = (value: number): string => value.toFixed(3).replace("-", "−");

const lanes: HTMLElement[] = [];

start(main);
