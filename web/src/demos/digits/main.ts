import "./style.css";
import { BLUE, ORANGE, tone } from "../../look/palette";
import { Curves } from "../curves";
import { asDigit, type Digits, digitsNet, feed, FEATURES, LAYERS, loadDigits, SIDE } from "../digits";
import { button, card, figures, h, slider } from "../dom";
import { begin, frame, runButton } from "../frame";
import type { Kernels } from "../kernels";
import { Loop } from "../loop";
import { crossEntropy, type Net, softmax } from "../net";
import { Optimiser } from "../optimisers";
import { Random } from "../random";
import { start } from "../start";
import { repaint, rgb } from "../surface";
import texts from "./demo.json";
import { pad } from "./pad";

const BATCH = 32;
const CHUNK = 48; // digits that are tested in one slice
const MOST_TESTED = 1000;
const WORST = 12;

interface Mistake {
  at: number;
  taken: number;
  sure: number;
}

async function main(kernels: Kernels): Promise<void> {
  const ui = texts.ui;
  const page = frame(texts);
  const digits = await loadDigits();
  const ground = kernels.mark();
  const random = new Random(5);
  const tested = Math.min(MOST_TESTED, digits.labels.length - digits.train);
  let net: Net;
  let optimiser: Optimiser;
  let seed = 1;
  let rate = 0.003;
  let steps = 0;
  let loss = Number.NaN;
  let right = Number.NaN;
  let order = random.permutation(digits.train);
  let chosen: Uint8Array = digits.images.subarray(digits.train * SIDE * SIDE, (digits.train + 1) * SIDE * SIDE);
  let next = digits.train;

  // The test goes on in slices between the steps.
  let testing = digits.train;
  let counts = new Int32Array(100);
  let mistakes: Mistake[] = [];

  function build(): void {
    kernels.release(ground);
    net = digitsNet(kernels, 64, seed);
    optimiser = new Optimiser(net.parameters, "adam", rate);
    steps = 0;
    loss = right = Number.NaN;
    losses.clear();
    rights.clear();
    restartTest();
    draw();
  }

  function restartTest(): void {
    testing = digits.train;
    counts = new Int32Array(100);
    mistakes = [];
  }

  let testTurn = false;
  function step(): void {
    testTurn = !testTurn && steps > 0 && steps % 3 === 0;
    if (testTurn) return test();
    const from = (steps * BATCH) % (digits.train - BATCH);
    if (from < BATCH) order = random.permutation(digits.train);
    const batch = order.subarray(from, from + BATCH);
    feed(net, digits, batch, random);
    net.forward(BATCH);
    const result = crossEntropy(net, labels(digits, batch), BATCH);
    net.backward(BATCH);
    optimiser.step();
    steps += 1;
    loss = Number.isNaN(loss) ? result.loss : 0.95 * loss + 0.05 * result.loss;
    losses.add(0, steps * BATCH, loss);
    rights.add(0, steps * BATCH, (shareRight = 0.95 * (steps === 1 ? result.right / BATCH : shareRight) + 0.05 * (result.right / BATCH)));
  }
  let shareRight = 0;

  function test(): void {
    const end = digits.train + tested;
    const batch = Array.from({ length: Math.min(CHUNK, end - testing) }, (_, i) => testing + i);
    feed(net, digits, batch);
    const p = net.forward(batch.length);
    softmax(p, batch.length, 10);
    batch.forEach((at, i) => {
      const row = p.subarray(10 * i, 10 * i + 10);
      const taken = largest(row);
      const label = digits.labels[at]!;
      counts[10 * label + taken]! += 1;
      if (taken !== label) mistakes.push({ at, taken, sure: row[taken]! });
    });
    testing += batch.length;
    if (testing < end) return;
    right = 1 - mistakes.length / tested;
    rights.add(1, steps * BATCH, right);
    mistakes.sort((a, b) => b.sure - a.sure);
    showConfusion(counts);
    showWorst(mistakes.slice(0, WORST));
    restartTest();
  }

  // What is shown.
  const losses = new Curves({ label: ui.lossCurve, x: ui.x, y: ui.loss }, [{ name: ui.loss, color: BLUE }], { log: true, legend: false, aspect: 2.6 });
  const rights = new Curves({ label: ui.rightCurve, x: ui.x, y: ui.right }, [{ name: ui.train, color: BLUE, dash: [5, 4] }, { name: ui.test, color: ORANGE }], { percent: true, low: 0, high: 1, aspect: 2.6 });
  const numbers = figures({ right: ui.right, loss: ui.loss, seen: ui.seen });

  const seen = h("canvas", { class: "pixels", role: "img", "aria-label": ui.sees });
  const bars = Array.from({ length: 10 }, (_, digit) => {
    const fill = h("span", { class: "fill" });
    const share = h("span", { class: "share" });
    const row = h("li", { class: "bar" }, h("b", {}, String(digit)), h("span", { class: "track" }, fill), share);
    return { row, fill, share };
  });
  let drawing: Uint8Array | null = null;
  const drawPad = pad(ui.pad, ui.here, () => {
    drawing = asDigit(drawPad.ink(), drawPad.side, digits.small);
    if (drawing) {
      chosen = drawing;
      name(`${ui.digit}: ${ui.yours}`);
    }
    guess();
    look();
    clearTimeout(sayLater);
    sayLater = window.setTimeout(() => drawing && page.announce(said), 700);
  });
  let sayLater = 0;
  let said = "";
  function guess(): void {
    paintInk(seen, drawing ?? new Uint8Array(SIDE * SIDE), SIDE);
    if (!drawing) {
      for (const { row, fill, share } of bars) {
        fill.style.width = "0";
        share.textContent = "–";
        row.classList.remove("first");
      }
      return;
    }
    const x = net.input.values;
    drawing.forEach((value, i) => (x[i] = value / 255));
    const p = net.forward(1);
    softmax(p, 1, 10);
    const best = largest(p.subarray(0, 10));
    bars.forEach(({ row, fill, share }, digit) => {
      fill.style.width = `${100 * p[digit]!}%`;
      share.textContent = `${Math.round(100 * p[digit]!)} %`;
      row.classList.toggle("first", digit === best);
    });
    said = ui.looks.replace("{digit}", String(best)).replace("{sure}", `${Math.round(100 * p[best]!)} %`);
  }

  const filters = tiles(8);
  const maps = tiles(8);
  const deeper = tiles(16);
  const features = tiles(1);
  const picked = h("canvas", { class: "pixels picked", role: "img", "aria-label": ui.digit });
  const signed = [rgb(ORANGE), rgb(BLUE)] as const;
  function look(): void {
    paintInk(picked, chosen, SIDE);
    const x = net.input.values;
    for (let i = 0; i < SIDE * SIDE; i += 1) x[i] = chosen[i]! / 255;
    net.forward(1);
    const weights = net.parameters[0]!.value.values;
    filters.canvases.forEach((canvas, i) => {
      const filter = weights.subarray(25 * i, 25 * i + 25);
      const most = Math.max(...filter.map(Math.abs), 1e-6);
      const paper = rgb(tone("--paper"));
      repaint(canvas, 5, 5, (rgba) => filter.forEach((value, k) => {
        const color = signed[value > 0 ? 1 : 0];
        const share = Math.abs(value) / most;
        for (let c = 0; c < 3; c += 1) rgba[4 * k + c] = share * color[c]! + (1 - share) * paper[c]!;
        rgba[4 * k + 3] = 255;
      }));
    });
    for (const [shown, layer] of [[maps, LAYERS.first], [deeper, LAYERS.second]] as const) {
      const { output, shape } = net.layers[layer]!;
      const [channels, height, width] = shape;
      const values = output.values.subarray(0, channels * height * width);
      let most = 1e-6;
      for (const value of values) most = Math.max(most, value);
      shown.canvases.forEach((canvas, i) => paintInk(canvas, values.subarray(i * height * width, (i + 1) * height * width), width, most, BLUE));
    }
    const answer = net.layers[LAYERS.features]!.output.values.subarray(0, FEATURES);
    paintInk(features.canvases[0]!, answer, 16, Math.max(...answer, 1e-6), BLUE);
  }

  const table = confusionTable();
  function showConfusion(shown: Int32Array): void {
    table.cells.forEach((cell, i) => {
      const [row, column] = [Math.floor(i / 10), i % 10];
      const all = shown.subarray(10 * row, 10 * row + 10).reduce((sum, value) => sum + value, 0) || 1;
      const share = shown[i]! / all;
      cell.textContent = shown[i] ? String(shown[i]) : "";
      cell.style.background = share ? `color-mix(in srgb, ${row === column ? "var(--blue)" : "var(--orange)"} ${Math.round(row === column ? 12 + 28 * share : 25 + 35 * Math.min(1, share * 5))}%, var(--paper))` : "";
    });
  }
  const worst = h("ul", { class: "worst" });
  const spots = Array.from({ length: WORST }, () => {
    const canvas = h("canvas", { class: "pixels", width: SIDE, height: SIDE, "aria-hidden": "true" });
    const text = h("span", {});
    const made = button("", () => {
      if (shownMistakes[spots.findIndex((spot) => spot.made === made)] === undefined) return;
      const { at } = shownMistakes[spots.findIndex((spot) => spot.made === made)]!;
      pick(at);
    }, { class: "mistake" });
    made.append(canvas, text);
    const item = h("li", {}, made);
    item.hidden = true;
    worst.append(item);
    return { item, made, canvas, text };
  });
  const none = h("p", { class: "hint" }, ui.none);
  let shownMistakes: Mistake[] = [];
  function showWorst(shown: Mistake[]): void {
    shownMistakes = shown;
    none.hidden = shown.length > 0;
    spots.forEach(({ item, canvas, text }, i) => {
      const mistake = shown[i];
      item.hidden = !mistake;
      if (!mistake) return;
      paintInk(canvas, digits.images.subarray(mistake.at * SIDE * SIDE, (mistake.at + 1) * SIDE * SIDE), SIDE);
      const told = ui.isTaken.replace("{true}", String(digits.labels[mistake.at])).replace("{taken}", String(mistake.taken));
      text.textContent = `${told}, ${Math.round(100 * mistake.sure)}\u00a0%`;
    });
  }
  function pick(at: number): void {
    chosen = digits.images.subarray(at * SIDE * SIDE, (at + 1) * SIDE * SIDE);
    name(`${ui.digit}: ${digits.labels[at]}`);
    page.announce(picked.getAttribute("aria-label")!);
    look();
  }
  const name = (text: string): void => picked.setAttribute("aria-label", text);

  let drawn = 0;
  function draw(): void {
    const now = performance.now();
    if (loop.running && now - drawn < 120) return;
    drawn = now;
    losses.redraw();
    rights.redraw();
    numbers.show("right", Number.isNaN(right) ? "–" : `${(100 * right).toFixed(1)} %`);
    numbers.show("loss", Number.isNaN(loss) ? "–" : loss.toFixed(3));
    numbers.show("seen", (steps * BATCH).toLocaleString("en"));
    guess();
    look();
  }
  const loop = new Loop(step, draw);

  page.view.append(
    card(
      ui.draw,
      h(
        "div",
        { class: "drawing" },
        h("div", { class: "sheet" }, drawPad.element, button(ui.clear, drawPad.clear)),
        h("figure", {}, seen, h("figcaption", {}, ui.sees)),
        h("ul", { class: "bars", role: "list", "aria-label": ui.saw }, ...bars.map(({ row }) => row)),
      ),
    ),
    card(
      ui.inside,
      h(
        "div",
        { class: "inside" },
        h("div", { class: "chosen" }, picked, button(ui.next, () => {
          next = digits.train + ((next - digits.train + 1) % tested);
          pick(next);
        })),
        h("div", { class: "maps" }, filters.labelled(ui.filters), maps.labelled(ui.first), deeper.labelled(ui.second), features.labelled(ui.features)),
      ),
    ),
    card(ui.worst, none, worst),
  );
  page.bar.append(runButton(loop, page.announce), button(ui.restart, () => {
    seed += 1;
    build();
  }), numbers.element);
  page.side.append(
    h("div", { class: "card" }, rights.element, losses.element),
    card(ui.confusion, table.element, h("p", { class: "hint" }, ui.confusionHint)),
    h(
      "div",
      { class: "card controls" },
      slider(ui.rate, { min: -4, max: -1, step: 0.25, value: -2.5 }, (value) => (10 ** value).toPrecision(1), (value) => {
        rate = optimiser.rate = 10 ** value;
      }).element,
      h("p", { class: "hint" }, digits.small ? ui.small : `${digits.labels.length.toLocaleString("en")} ${ui.mnist}`),
    ),
  );
  build();
  addEventListener("handson-theme", () => {
    drawn = 0;
    draw();
    showWorst(shownMistakes);
  });
  begin(loop, page);
  setInterval(() => loop.running && page.announce(`${ui.right} ${(100 * right).toFixed(1)} %`), 15000);

  function confusionTable(): { element: HTMLElement; cells: HTMLTableCellElement[] } {
    const cells: HTMLTableCellElement[] = [];
    const numbersOf = Array.from({ length: 10 }, (_, i) => i);
    const head = h("tr", {}, h("td", {}), ...numbersOf.map((i) => h("th", { scope: "col" }, String(i))));
    const rows = numbersOf.map((i) => h("tr", {}, h("th", { scope: "row" }, String(i)), ...numbersOf.map(() => {
      const cell = h("td", {});
      cells.push(cell);
      return cell;
    })));
    return { element: h("table", { class: "confusion" }, h("caption", { class: "spoken" }, ui.confusionHint), h("thead", {}, head), h("tbody", {}, ...rows)), cells };
  }
}

const labels = (digits: Digits, batch: ArrayLike<number>): number[] => Array.from(batch, (at) => digits.labels[at]!);

function largest(values: Float32Array): number {
  let best = 0;
  values.forEach((value, i) => (best = value > values[best]! ? i : best));
  return best;
}

function tiles(count: number): { canvases: HTMLCanvasElement[]; labelled(text: string): HTMLElement } {
  const canvases = Array.from({ length: count }, () => h("canvas", { class: "pixels" }));
  return {
    canvases,
    labelled: (text) => h("div", { class: "group" }, h("p", { class: "hint" }, text), h("div", { class: `tiles of${count}`, role: "img", "aria-label": text }, ...canvases)),
  };
}

/** Values as ink on paper, of `width` columns; `most` is full ink. */
function paintInk(canvas: HTMLCanvasElement, values: ArrayLike<number>, width: number, most = 255, color?: string): void {
  const paper = rgb(tone("--paper"));
  const ink = rgb(color ?? tone("--ink"));
  repaint(canvas, width, values.length / width, (rgba) => {
    for (let i = 0; i < values.length; i += 1) {
      const share = Math.min(1, Math.max(0, values[i]! / most));
      for (let c = 0; c < 3; c += 1) rgba[4 * i + c] = share * ink[c]! + (1 - share) * paper[c]!;
      rgba[4 * i + 3] = 255;
    }
  });
}

start(main);
