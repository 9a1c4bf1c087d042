import "./style.css";
import { BLUE } from "../../look/palette";
import { Curves } from "../curves";
import { button, figures, freshId, h, select, slider } from "../dom";
import { begin, frame, runButton, surface } from "../frame";
import type { Kernels } from "../kernels";
import { Loop } from "../loop";
import { type Activation, Net, type Spec, squareError } from "../net";
import { Optimiser } from "../optimisers";
import { Random } from "../random";
import { start } from "../start";
import texts from "./demo.json";
import { encode, INPUTS, type Encoding } from "./places";
import { photo, picture, type PictureName } from "./pictures";

const SIDE = 128; // of the picture that is learned
const SHOWN = 192; // of the painting
const LARGE = 1024; // of the one that is saved
const BATCH = 512;
const CHUNK = 2048;

function main(kernels: Kernels): void {
  const ui = texts.ui;
  const page = frame(texts);
  const ground = kernels.mark();
  const random = new Random(11);
  const state = { layers: 4, neurons: 32, activation: "relu" as Activation, encoding: "waves" as Encoding };
  let source = picture("cat", SIDE);
  let colors = colorsOf(source);
  let net: Net;
  let optimiser: Optimiser;
  let seed = 1;
  let steps = 0;
  let error = Number.NaN;
  const targets = new Float32Array(3 * BATCH);

  const painting = document.createElement("canvas");
  painting.width = painting.height = SHOWN;
  let image = new ImageData(SHOWN, SHOWN);
  let painted = 0; // points of the picture that is being painted

  function build(): void {
    kernels.release(ground);
    const specs: Spec[] = [];
    for (let i = 0; i < state.layers; i += 1) specs.push({ kind: "dense", out: state.neurons }, { kind: state.activation });
    specs.push({ kind: "dense", out: 3 }, { kind: "sigmoid" });
    net = new Net(kernels, [INPUTS[state.encoding], 1, 1], specs, CHUNK, seed);
    const first = net.parameters[0]!.value.values;
    const wide = state.encoding === "place" ? (state.activation === "sine" ? 14 : 2) : 1;
    first.forEach((value, i) => (first[i] = value * wide));
    if (state.encoding === "place") net.parameters[1]!.value.values.forEach((_, i, all) => (all[i] = random.between(-1, 1)));
    optimiser = new Optimiser(net.parameters, "adam", 0.004);
    steps = painted = 0;
    error = Number.NaN;
    curves.clear();
    numbers.show("numbers", `${net.size.toLocaleString("en")}`);
    if (!loop.running) paintAll();
  }

  function step(): void {
    const x = net.input.values;
    const inputs = INPUTS[state.encoding];
    for (let i = 0; i < BATCH; i += 1) {
      const at = random.below(SIDE * SIDE);
      encode(state.encoding, ((at % SIDE) + 0.5) / SIDE, (Math.floor(at / SIDE) + 0.5) / SIDE, x, i * inputs);
      targets.set(colors.subarray(3 * at, 3 * at + 3), 3 * i);
    }
    net.forward(BATCH);
    const now = squareError(net, targets, BATCH);
    net.backward(BATCH);
    optimiser.rate = 0.004 / (1 + steps / 4000);
    optimiser.step();
    steps += 1;
    error = Number.isNaN(error) ? now : 0.97 * error + 0.03 * now;
    if (steps % 4 === 0) curves.add(0, steps * BATCH, Math.sqrt(now));
  }

  /** Asks the network for the next points of a picture of side × side; gives how many are done. */
  function paint(into: ImageData, from: number): number {
    const side = into.width;
    const x = net.input.values;
    const inputs = INPUTS[state.encoding];
    const many = Math.min(CHUNK, side * side - from);
    for (let i = 0; i < many; i += 1) {
      const at = from + i;
      encode(state.encoding, ((at % side) + 0.5) / side, (Math.floor(at / side) + 0.5) / side, x, i * inputs);
    }
    const y = net.forward(many);
    for (let i = 0; i < many; i += 1)
      for (let c = 0; c < 3; c += 1) into.data[4 * (from + i) + c] = 255 * y[3 * i + c]!;
    for (let i = 0; i < many; i += 1) into.data[4 * (from + i) + 3] = 255;
    return from + many;
  }

  function present(): void {
    painting.getContext("2d")!.putImageData(image, 0, 0);
    image = new ImageData(SHOWN, SHOWN);
    painted = 0;
    large.redraw();
    curves.redraw();
    numbers.show("error", Number.isNaN(error) ? "–" : `${(100 * Math.sqrt(error)).toFixed(1)} %`);
    numbers.show("points", (steps * BATCH).toLocaleString("en"));
  }

  function paintAll(): void {
    painted = 0;
    while (painted < SHOWN * SHOWN) painted = paint(image, painted);
    present();
  }

  function draw(): void {
    const end = performance.now() + 6;
    while (painted < SHOWN * SHOWN && performance.now() < end) painted = paint(image, painted);
    if (painted >= SHOWN * SHOWN) present();
  }

  const loop = new Loop(step, draw, 9);

  const large = surface(ui.canvas, 1, ({ context: c, width, height }) => {
    c.imageSmoothingEnabled = true;
    c.imageSmoothingQuality = "high";
    c.drawImage(painting, 0, 0, width, height);
  });
  large.element.classList.add("square");
  const shown = surface(ui.target, 1, ({ context: c, width, height }) => c.drawImage(source, 0, 0, width, height));
  shown.element.classList.add("target");
  const curves = new Curves({ label: ui.curve, x: ui.seen, y: ui.error }, [{ name: ui.error, color: BLUE }], { log: true, legend: false, percent: true, aspect: 2.8 });
  const numbers = figures({ error: ui.error, numbers: ui.numbers, points: ui.points });

  function show(next: HTMLCanvasElement): void {
    source = next;
    colors = colorsOf(source);
    shown.redraw();
    build();
  }

  async function take(file: Blob | undefined): Promise<void> {
    if (!file) return;
    try {
      show(await photo(file, SIDE));
      pictures.set("");
      trouble.textContent = "";
      page.announce(ui.photo);
    } catch {
      trouble.textContent = ui.notPicture;
    }
  }
  const pictures = select<PictureName | "">(ui.picture, [["cat", ui.cat], ["evening", ui.evening], ["flower", ui.flower]], "cat", (name) => {
    if (name) show(picture(name, SIDE));
  });
  const trouble = h("p", { class: "hint", role: "alert" });
  const id = freshId();
  const field = h("input", { type: "file", accept: "image/*", id, class: "spoken file" });
  field.addEventListener("change", () => void take(field.files?.[0]));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    void take(event.dataTransfer?.files[0]);
  });

  const save = button(ui.save, async () => {
    save.disabled = true;
    const picture = new ImageData(LARGE, LARGE);
    for (let done = 0; done < LARGE * LARGE; ) {
      const end = performance.now() + 20;
      while (done < LARGE * LARGE && performance.now() < end) done = paint(picture, done);
      save.textContent = `${ui.saving} ${Math.round((100 * done) / LARGE ** 2)} %`;
      await new Promise((resume) => setTimeout(resume));
    }
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = LARGE;
    canvas.getContext("2d")!.putImageData(picture, 0, 0);
    canvas.toBlob((blob) => {
      const link = h("a", { href: URL.createObjectURL(blob!), download: "painted.png" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
    save.textContent = ui.save;
    save.disabled = false;
  });

  page.view.append(large.element);
  page.bar.append(runButton(loop, page.announce), button(ui.restart, () => {
    seed += 1;
    build();
  }), save, numbers.element);
  page.side.append(
    h("div", { class: "shown" }, shown.element, h("p", { class: "hint" }, ui.of.replace("{numbers}", (3 * SIDE * SIDE).toLocaleString("en")))),
    h("div", { class: "card" }, curves.element),
    h(
      "div",
      { class: "card controls" },
      pictures.element,
      h("div", { class: "field" }, field, h("label", { for: id, class: "button" }, ui.choose)),
      select<Encoding>(ui.input, [["place", ui.place], ["waves", ui.waves]], state.encoding, (value) => {
        state.encoding = value;
        build();
      }).element,
      select<Activation>(ui.activation, [["relu", "ReLU"], ["sine", "sine"], ["tanh", "tanh"]], state.activation, (value) => {
        state.activation = value;
        build();
      }).element,
      slider(ui.layers, { min: 1, max: 6, step: 1, value: state.layers }, String, (value) => {
        state.layers = value;
        build();
      }).element,
      slider(ui.neurons, { min: 8, max: 64, step: 8, value: state.neurons }, String, (value) => {
        state.neurons = value;
        build();
      }).element,
      h("p", { class: "hint whole" }, ui.hint),
      trouble,
    ),
  );
  build();
  begin(loop, page);
  setInterval(() => loop.running && page.announce(`${ui.error} ${(100 * Math.sqrt(error)).toFixed(1)} %`), 15000);
}

/** Red, green, blue in 0..1, point by point. */
function colorsOf(canvas: HTMLCanvasElement): Float32Array {
  const { data } = canvas.getContext("2d")!.getImageData(0, 0, SIDE, SIDE);
  return Float32Array.from({ length: 3 * SIDE * SIDE }, (_, i) => data[4 * Math.floor(i / 3) + (i % 3)]! / 255);
}

start(main);
