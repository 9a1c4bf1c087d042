import "./style.css";
import { BLUE, GREEN, ORANGE, SLATE, tone } from "../../look/palette";
import { Curves } from "../curves";
import { button, card, choices, figures, h, slider, toggle } from "../dom";
import { begin, behind, frame, runButton, surface } from "../frame";
import type { Kernels } from "../kernels";
import { Loop } from "../loop";
import { Random } from "../random";
import { start } from "../start";
import { repaint, rgb } from "../surface";
import texts from "./demo.json";
import { DQN } from "./dqn";
import { DISK, PUSHES, PuckWorld, SENSES } from "./world";

const GRID = 30;
const WINDOW = 1000;

function main(kernels: Kernels): void {
  const ui = texts.ui;
  const page = frame(texts);
  const ground = kernels.mark();
  const random = new Random(4);
  const settings = { discount: 0.93, exploration: 0.05, until: 8000, rate: 1e-3, follow: 250 };
  const chance = byChance();
  const state = new Float32Array(SENSES);
  const after = new Float32Array(SENSES);
  let world: PuckWorld;
  let agent: DQN;
  let seed = 1;
  let ticks = 0;
  let action = 4;
  let learns = true;
  let guesses = true;
  let mean = Number.NaN;
  let trail: { x: number; y: number }[] = [];

  function build(): void {
    kernels.release(ground);
    world = new PuckWorld(random);
    agent = new DQN(kernels, SENSES, PUSHES.length, settings, random, seed);
    ticks = 0;
    mean = Number.NaN;
    trail = [];
    curves.clear();
    drawn = 0;
    draw();
  }

  function step(): void {
    world.sense(state);
    action = agent.choose(state);
    const reward = world.step(action);
    world.sense(after);
    agent.replay.add(state, action, reward, after);
    if (learns && ticks % 2 === 0) agent.learn();
    ticks += 1;
    const weight = Math.max(1 / WINDOW, 1 / (ticks + 1));
    mean = Number.isNaN(mean) ? reward : (1 - weight) * mean + weight * reward;
    if (ticks % 100 === 0) {
      curves.add(0, ticks, mean);
      curves.add(1, ticks, chance);
    }
    if (loop.limit <= 10) trail.push({ x: world.x, y: world.y });
  }

  const background = document.createElement("canvas");
  function imagine(): void {
    const x = agent.net.input.values;
    for (let i = 0; i < GRID * GRID; i += 1) world.sense(x, i * SENSES, { x: ((i % GRID) + 0.5) / GRID, y: (Math.floor(i / GRID) + 0.5) / GRID });
    const q = agent.net.forward(GRID * GRID);
    const worth = Float32Array.from({ length: GRID * GRID }, (_, i) => Math.max(...q.subarray(i * PUSHES.length, (i + 1) * PUSHES.length)));
    const [low, high] = [Math.min(...worth), Math.max(...worth)];
    const [paper, good, bad] = [rgb(tone("--paper")), rgb(GREEN), rgb(ORANGE)];
    repaint(background, GRID, GRID, (rgba) => worth.forEach((value, i) => {
      const share = (2 * (value - low)) / (high - low || 1) - 1;
      const color = share > 0 ? good : bad;
      const weight = 0.42 * Math.abs(share);
      for (let c = 0; c < 3; c += 1) rgba[4 * i + c] = weight * color[c]! + (1 - weight) * paper[c]!;
      rgba[4 * i + 3] = 255;
    }));
  }

  const box = surface(ui.canvas, 1, ({ context: c, width: size }) => {
    c.clearRect(0, 0, size, size);
    c.fillStyle = tone("--raised");
    c.fillRect(0, 0, size, size);
    c.imageSmoothingEnabled = true;
    if (guesses && background.width === GRID) c.drawImage(background, 0, 0, size, size);
    c.lineWidth = 2;
    disk(c, world.disk, DISK, size, ORANGE, 0.22);
    disk(c, world.target, 0.034, size, GREEN, 1);
    c.strokeStyle = tone("--muted");
    c.beginPath();
    trail.forEach(({ x, y }, i) => (i ? c.lineTo(x * size, y * size) : c.moveTo(x * size, y * size)));
    c.stroke();
    const [dx, dy] = PUSHES[action]!;
    if (dx || dy) {
      c.fillStyle = tone("--ink");
      c.beginPath();
      const [x, y] = [world.x * size, world.y * size];
      const [far, wide] = [0.06 * size, 0.018 * size];
      c.moveTo(x + dx * far, y + dy * far);
      c.lineTo(x - dy * wide, y + dx * wide);
      c.lineTo(x + dy * wide, y - dx * wide);
      c.fill();
    }
    disk(c, world, 0.03, size, BLUE, 1);
  }, "application");
  box.element.classList.add("square");
  const table = behind(ui.where, [ui.thing, "x", "y"], () =>
    ([[ui.puck, world], [ui.target, world.target], [ui.disk, world.disk]] as const).map(([name, { x, y }]) => [name, x.toFixed(2), y.toFixed(2)]));

  const curves = new Curves({ label: ui.curve, x: ui.steps, y: ui.reward }, [{ name: ui.learner, color: BLUE }, { name: ui.chance, color: SLATE, dash: [6, 5] }], { low: -1.25, high: 0, aspect: 2.2 });
  const numbers = figures({ reward: ui.reward, chance: ui.chance, ticks: ui.ticks, explores: ui.explores });
  const bars = ui.names.map((name) => {
    const fill = h("span", { class: "fill" });
    const text = h("span", { class: "worth" });
    const row = h("div", { class: "bar" }, h("b", {}, name), h("span", { class: "track" }, fill), text);
    return { row, fill, text };
  });

  let drawn = 0;
  function draw(): void {
    if (trail.length > 90) trail = trail.slice(-90);
    if (loop.limit > 10) trail = [];
    const now = performance.now();
    if (now - drawn >= 150 || !loop.running) {
      drawn = now;
      if (guesses) imagine();
      curves.redraw();
      table.refresh();
      numbers.show("reward", Number.isNaN(mean) ? "–" : mean.toFixed(2).replace("-", "−"));
      numbers.show("chance", chance.toFixed(2).replace("-", "−"));
      numbers.show("ticks", ticks.toLocaleString("en"));
      numbers.show("explores", `${Math.round(100 * agent.explores)} %`);
      world.sense(state);
      const worth = agent.worth(state).slice();
      const [low, high] = [Math.min(...worth), Math.max(...worth)];
      bars.forEach(({ row, fill, text }, i) => {
        fill.style.width = `${12 + (88 * (worth[i]! - low)) / (high - low || 1)}%`;
        text.textContent = worth[i]!.toFixed(2).replace("-", "−");
        row.classList.toggle("first", worth[i] === high);
      });
    }
    box.redraw();
  }
  const loop = new Loop(step, draw);

  let dragging = false;
  const put = (event: PointerEvent): void => {
    const { x, y } = box.at(event);
    world.target = { x: inside(x / box.width), y: inside(y / box.height) };
    if (!loop.running) draw();
  };
  box.element.addEventListener("pointerdown", (event) => {
    dragging = world.held = true;
    box.element.setPointerCapture(event.pointerId);
    put(event);
    event.preventDefault();
    box.element.focus({ preventScroll: true });
  });
  box.element.addEventListener("pointermove", (event) => dragging && put(event));
  for (const end of ["pointerup", "pointercancel"] as const) box.element.addEventListener(end, () => (dragging = world.held = false));
  box.element.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!move) return;
    event.preventDefault();
    world.target = { x: inside(world.target.x + 0.05 * move[0]!), y: inside(world.target.y + 0.05 * move[1]!) };
    page.announce(`${ui.target} ${world.target.x.toFixed(2)}, ${world.target.y.toFixed(2)}`);
    if (!loop.running) draw();
  });

  page.bar.append(runButton(loop, page.announce), button(ui.restart, () => {
    seed += 1;
    build();
  }), numbers.element);
  page.view.append(box.element, h("p", { class: "hint" }, ui.hint), table.element);
  page.side.append(
    h("div", { class: "card" }, choices(ui.speed, [["1", ui.watch], ["10", ui.ten], ["Infinity", ui.fast]], "Infinity", (value) => (loop.limit = Number(value))).element),
    h("div", { class: "card" }, curves.element),
    card(ui.choices, h("div", { class: "bars" }, ...bars.map(({ row }) => row))),
    h(
      "div",
      { class: "card controls" },
      slider(ui.exploration, { min: 0, max: 0.5, step: 0.05, value: settings.exploration }, (value) => `${Math.round(100 * value)}\u00a0%`, (value) => (settings.exploration = value)).element,
      slider(ui.discount, { min: 0.5, max: 0.98, step: 0.01, value: settings.discount }, (value) => value.toFixed(2), (value) => (settings.discount = value)).element,
      toggle(ui.learning, learns, (value) => (learns = value)).element,
      toggle(ui.background, guesses, (value) => {
        guesses = value;
        drawn = 0;
        draw();
      }).element,
    ),
  );
  build();
  addEventListener("handson-theme", () => {
    drawn = 0;
    draw();
  });
  begin(loop, page);
  setInterval(() => loop.running && page.announce(`${ui.reward} ${mean.toFixed(2)}`), 15000);
}

const inside = (value: number): number => Math.max(0.04, Math.min(0.96, value));

function disk(c: CanvasRenderingContext2D, at: { x: number; y: number }, radius: number, size: number, color: string, alpha: number): void {
  c.beginPath();
  c.arc(at.x * size, at.y * size, radius * size, 0, 2 * Math.PI);
  c.globalAlpha = alpha;
  c.fillStyle = color;
  c.fill();
  c.globalAlpha = 1;
  c.strokeStyle = alpha < 1 ? color : tone("--paper");
  c.lineWidth = 2;
  c.stroke();
}

/** The mean reward of pushing at random. */
function byChance(): number {
  const random = new Random(99);
  const world = new PuckWorld(random);
  let sum = 0;
  for (let i = 0; i < 20_000; i += 1) sum += world.step(random.below(PUSHES.length));
  return sum / 20_000;
}

start(main);
