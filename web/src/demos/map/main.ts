import "./style.css";
import { BLUE, FONT, tone } from "../../look/palette";
import { Curves } from "../curves";
import { digitsNet, feed, FEATURES, LAYERS, loadDigits, SIDE } from "../digits";
import { button, card, choices, figures, h, select, slider } from "../dom";
import { begin, behind, frame, runButton, surface } from "../frame";
import type { Kernels } from "../kernels";
import { Loop } from "../loop";
import { crossEntropy } from "../net";
import { Optimiser } from "../optimisers";
import { Random } from "../random";
import { start } from "../start";
import { repaint, rgb } from "../surface";
import texts from "./demo.json";
import { affinities, type Affinities, agreement, Layout, nearestAgrees } from "./tsne";

type By = "pixels" | "network";

const LESSONS = 420; // batches of 32 for the network
const LAST = 700; // steps of a layout
const HALF = SIDE / 2;
const MOST = 3000; // digits on the map
const COLORS = ["#2272d0", "#e06d30", "#1ca583", "#c04f9e", "#7a3ff0", "#8c6238", "#c9a400", "#d6404a", "#5f8f2f", "#5d7f9e"];

async function main(kernels: Kernels): Promise<void> {
  const ui = texts.ui;
  const page = frame(texts);
  const digits = await loadDigits();
  const random = new Random(6);
  const net = digitsNet(kernels, 64, 2);
  const optimiser = new Optimiser(net.parameters, "adam", 0.003);
  let lessons = 0;
  let by: By = "pixels";
  let count = 1000;
  let perplexity = 25;
  // Digits that the network does not learn from come first: the map shows what it makes of new ones, too.
  const shown = [...Array(digits.labels.length).keys()].reverse().slice(0, MOST);
  const labels = (): number[] => shown.slice(0, count).map((at) => digits.labels[at]!);

  let features: Float32Array | null = null;
  let featured = 0;
  let search: ReturnType<typeof affinities> | null = null;
  let found: Affinities | null = null;
  let layout: Layout | null = null;
  let loss = Number.NaN;
  let share = 0;
  let chosen = -1;

  /** From where the digits lie now, drawn together, or from a small cloud. */
  function layOut(keep: boolean): void {
    const y = keep && layout && layout.y.length === 2 * count ? layout.y.slice() : undefined;
    if (y) {
      const size = Math.sqrt(y.reduce((sum, value) => sum + value * value, 0) / y.length);
      y.forEach((value, i) => (y[i] = value * (3 / size)));
    }
    before = y;
    features = search = found = null;
    featured = 0;
    loss = Number.NaN;
    curves.clear();
    if (!y) layout = null;
    if (by === "pixels") features = pixels();
  }
  let before: Float32Array | undefined;
  const again = (keep: boolean): void => {
    layOut(keep);
    loop.start();
  };

  /** Digits at half their size: as good for telling neighbours, and a quarter of the work. */
  function pixels(): Float32Array {
    const made = new Float32Array(count * HALF * HALF);
    for (let i = 0; i < count; i += 1) {
      const from = shown[i]! * SIDE * SIDE;
      for (let k = 0; k < SIDE * SIDE; k += 1) made[i * HALF * HALF + Math.floor(k / SIDE / 2) * HALF + ((k % SIDE) >> 1)]! += digits.images[from + k]! / 1020;
    }
    return made;
  }

  const width = (): number => (by === "pixels" ? HALF * HALF : FEATURES);

  function step(): boolean | void {
    if (by === "network" && lessons < LESSONS) return lesson();
    if (!features || featured < count) {
      if (by === "network") return feature();
      featured = count;
    }
    if (!found) {
      search ??= affinities(kernels, features!, count, width(), Math.min(perplexity, (count - 1) / 3));
      const next = search.next();
      if (next.done) {
        found = next.value;
        layout = new Layout(found, random, before);
        if (chosen < 0) choose(0);
      } else share = next.value;
      return;
    }
    loss = layout!.step();
    if (layout!.steps > 100) curves.add(0, layout!.steps, loss);
    if (layout!.steps >= LAST) {
      page.announce(ui.settled);
      return false;
    }
  }

  function lesson(): void {
    const batch = Array.from({ length: 32 }, () => random.below(digits.train));
    feed(net, digits, batch, random);
    net.forward(32);
    crossEntropy(net, batch.map((at) => digits.labels[at]!), 32);
    net.backward(32);
    optimiser.rate = 0.003 * (1 - lessons / LESSONS) + 1e-4;
    optimiser.step();
    lessons += 1;
    share = lessons / LESSONS;
  }

  function feature(): void {
    features ??= new Float32Array(count * FEATURES);
    const batch = shown.slice(featured, Math.min(count, featured + 64));
    feed(net, digits, batch);
    net.forward(batch.length);
    features.set(net.layers[LAYERS.features]!.output.values.subarray(0, batch.length * FEATURES), featured * FEATURES);
    featured += batch.length;
    if (featured < count) return;
    // So that neither source of distances is larger: mean square of one.
    const size = Math.sqrt(features.reduce((sum, value) => sum + value * value, 0) / count) || 1;
    features.forEach((value, i) => (features![i] = value / size));
  }

  // The map.
  const sprites = document.createElement("canvas");
  const COLUMNS = 50;
  function paintSprites(): void {
    const rows = Math.ceil(shown.length / COLUMNS);
    const colors = COLORS.map(rgb);
    repaint(sprites, COLUMNS * SIDE, rows * SIDE, (rgba) => shown.forEach((at, i) => {
      const color = colors[digits.labels[at]!]!;
      const corner = Math.floor(i / COLUMNS) * SIDE * COLUMNS * SIDE + (i % COLUMNS) * SIDE;
      for (let k = 0; k < SIDE * SIDE; k += 1) {
        const to = 4 * (corner + Math.floor(k / SIDE) * COLUMNS * SIDE + (k % SIDE));
        rgba.set(color, to);
        rgba[to + 3] = digits.images[at * SIDE * SIDE + k]!;
      }
    }));
  }
  let places = new Float32Array(0);
  let view = { scale: 1, x: 0, y: 0 };
  const map = surface(ui.canvas, 1.12, ({ context: c, width: across, height: down }) => {
    c.clearRect(0, 0, across, down);
    c.fillStyle = tone("--raised");
    c.fillRect(0, 0, across, down);
    const y = layout?.y;
    if (!y) {
      c.fillStyle = tone("--muted");
      c.font = `${Math.max(16, across / 40)}px ${FONT}`;
      c.textAlign = "center";
      c.fillText(`${state()} …`, across / 2, down / 2);
      return;
    }
    let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < y.length; i += 2) {
      left = Math.min(left, y[i]!);
      right = Math.max(right, y[i]!);
      top = Math.min(top, y[i + 1]!);
      bottom = Math.max(bottom, y[i + 1]!);
    }
    const margin = 18;
    // The view follows the cloud smoothly.
    const scale = Math.min((across - 2 * margin) / (right - left || 1), (down - 2 * margin) / (bottom - top || 1));
    const ease = layout!.steps < 2 || !loop.running ? 1 : 0.4;
    view = {
      scale: Math.min(scale, view.scale + ease * (scale - view.scale)), // nothing is cut off while the map grows
      x: view.x + ease * ((left + right) / 2 - view.x),
      y: view.y + ease * ((top + bottom) / 2 - view.y),
    };
    const size = Math.max(9, Math.min(30, (across / Math.sqrt(count)) * 0.82));
    if (places.length !== y.length) places = new Float32Array(y.length);
    for (let i = 0; i < y.length; i += 2) {
      places[i] = across / 2 + (y[i]! - view.x) * view.scale;
      places[i + 1] = down / 2 + (y[i + 1]! - view.y) * view.scale;
    }
    // The middle 20 × 20 of each sprite.
    for (let i = 0; i < count; i += 1)
      c.drawImage(sprites, (i % COLUMNS) * SIDE + 4, Math.floor(i / COLUMNS) * SIDE + 4, 20, 20, places[2 * i]! - size / 2, places[2 * i + 1]! - size / 2, size, size);
    if (chosen < 0 || chosen >= count) return;
    if (found) {
      c.strokeStyle = tone("--muted");
      c.lineWidth = 1.5;
      c.beginPath();
      for (const j of nearOf(chosen)) {
        c.moveTo(places[2 * chosen]!, places[2 * chosen + 1]!);
        c.lineTo(places[2 * j]!, places[2 * j + 1]!);
      }
      c.stroke();
    }
    c.strokeStyle = tone("--ink");
    c.lineWidth = 2.5;
    c.beginPath();
    c.arc(places[2 * chosen]!, places[2 * chosen + 1]!, size * 0.8, 0, 2 * Math.PI);
    c.stroke();
  }, "application");
  map.element.classList.add("map");

  const nearOf = (i: number): number[] => [...found!.neighbours.subarray(i * found!.nearest, i * found!.nearest + 6)];

  const big = h("canvas", { class: "pixels big", role: "img", "aria-label": ui.this });
  const what = h("p", { class: "what" });
  const near = Array.from({ length: 6 }, () => h("canvas", { class: "pixels", "aria-hidden": "true" }));
  const nearText = h("p", { class: "hint" }, "");
  function choose(i: number, say = false): void {
    chosen = i;
    paint(big, i);
    const text = ui.is.replace("{digit}", String(digits.labels[shown[i]!]));
    what.textContent = text;
    showNear();
    if (say) page.announce(`${text}${found ? ` ${ui.near.replace("{by}", ui[by])}: ${nearOf(i).map((j) => digits.labels[shown[j]!]).join(", ")}` : ""}`);
    if (!loop.running) map.redraw();
  }
  function showNear(): void {
    nearText.textContent = chosen >= 0 && found ? `${ui.near.replace("{by}", ui[by])}:` : "";
    near.forEach((canvas, k) => {
      canvas.hidden = chosen < 0 || !found;
      if (!canvas.hidden) paint(canvas, nearOf(chosen)[k]!);
    });
  }
  function paint(canvas: HTMLCanvasElement, i: number): void {
    const at = shown[i]!;
    const color = rgb(COLORS[digits.labels[at]!]!);
    const paper = rgb(tone("--paper"));
    repaint(canvas, SIDE, SIDE, (rgba) => {
      for (let k = 0; k < SIDE * SIDE; k += 1) {
        const ink = digits.images[at * SIDE * SIDE + k]! / 255;
        for (let c = 0; c < 3; c += 1) rgba[4 * k + c] = ink * color[c]! + (1 - ink) * paper[c]!;
        rgba[4 * k + 3] = 255;
      }
    });
  }
  const pointed = (event: PointerEvent): void => {
    const { x, y } = map.at(event);
    let [best, least] = [-1, 28];
    for (let i = 0; i < places.length / 2 && i < count; i += 1) {
      const away = Math.hypot(places[2 * i]! - x, places[2 * i + 1]! - y);
      if (away < least) [best, least] = [i, away];
    }
    if (best >= 0 && best !== chosen) choose(best);
  };
  map.element.addEventListener("pointermove", pointed);
  map.element.addEventListener("pointerdown", pointed);
  map.element.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way || !places.length) return;
    event.preventDefault();
    if (chosen < 0) return choose(0, true);
    // The nearest in that direction: what lies to the side counts twice.
    let [best, least] = [-1, Infinity];
    for (let i = 0; i < count; i += 1) {
      const [dx, dy] = [places[2 * i]! - places[2 * chosen]!, places[2 * i + 1]! - places[2 * chosen + 1]!];
      const along = dx * way[0]! + dy * way[1]!;
      const aside = Math.abs(dx * way[1]!) + Math.abs(dy * way[0]!);
      if (along > 2 && along + 2 * aside < least) [best, least] = [i, along + 2 * aside];
    }
    if (best >= 0) choose(best, true);
  });

  function state(): string {
    const percent = ` ${Math.round(100 * share)} %`;
    if (by === "network" && lessons < LESSONS) return ui.training + percent;
    if (!found) return ui.preparing + percent;
    return layout!.steps >= LAST ? ui.settled : ui.laying;
  }

  const curves = new Curves({ label: ui.curve, x: ui.x, y: ui.kl }, [{ name: ui.kl, color: BLUE }], { legend: false, aspect: 2.6 });
  const table = behind(ui.tableOf, [ui.kind, ui.count, ui.same], () => {
    const kinds = labels();
    const agrees = layout ? nearestAgrees(layout.y, kinds) : null;
    return COLORS.map((_, kind) => {
      const these = kinds.flatMap((one, i) => (one === kind ? [i] : []));
      const same = these.filter((i) => agrees?.[i]).length;
      return [String(kind), String(these.length), agrees && these.length ? `${((100 * same) / these.length).toFixed(1)} %` : "–"];
    });
  });
  const numbers = figures({ state: ui.state, steps: ui.steps, same: ui.same, kl: ui.kl });
  let drawn = 0;
  let counted = 0;
  function draw(): void {
    const now = performance.now();
    if (loop.running && now - drawn < 30) return;
    drawn = now;
    map.redraw();
    if (loop.running && now - counted < 600 && found) return;
    counted = now;
    curves.redraw();
    table.refresh();
    numbers.show("state", state());
    numbers.show("steps", found ? String(layout!.steps) : "–");
    numbers.show("kl", found && layout!.steps > 100 ? loss.toFixed(3) : "–");
    numbers.show("same", found && layout!.steps > 20 ? `${(100 * agreement(layout!.y, labels())).toFixed(1)} %` : "–");
    showNear();
  }
  const loop = new Loop(step, draw, 13);

  page.bar.append(runButton(loop, page.announce), button(ui.again, () => again(false)), numbers.element);
  page.view.append(map.element, h("p", { class: "hint" }, ui.hint), table.element);
  const legend = h("ul", { class: "legend", "aria-label": ui.legend }, ...COLORS.map((color, digit) => h("li", {}, h("span", { style: `background: ${color}` }), String(digit))));
  const sizes = [300, 600, 1000, 1797, 3000].filter((size) => size <= shown.length);
  page.side.append(
    h("div", { class: "card" }, choices<By>(ui.by, [["pixels", ui.pixels], ["network", ui.network]], by, (value) => {
      by = value;
      again(true);
    }).element, legend),
    card(ui.this, h("div", { class: "digit" }, big, h("div", {}, what, nearText, h("div", { class: "near" }, ...near)))),
    h("div", { class: "card" }, curves.element),
    h(
      "div",
      { class: "card controls" },
      select(ui.count, sizes.map((size) => [String(size), size.toLocaleString("en")] as const), String(count), (value) => {
        count = Number(value);
        chosen = -1;
        again(false);
      }).element,
      slider(ui.perplexity, { min: 5, max: 60, step: 5, value: perplexity }, String, (value) => {
        perplexity = value;
        again(true);
      }).element,
      h("p", { class: "hint" }, digits.small ? ui.small : ui.mnist),
    ),
  );
  paintSprites();
  addEventListener("handson-theme", () => {
    if (chosen >= 0) choose(chosen);
  });
  layOut(false);
  draw();
  begin(loop, page);
}

start(main);
