import "./style.css";
import { BLUE, FONT, ORANGE, SLATE, tone } from "../../look/palette";
import { Curves } from "../curves";
import { button, choices, figures, h, select, slider } from "../dom";
import { begin, behind, frame, runButton, surface } from "../frame";
import { Loop } from "../loop";
import { Random } from "../random";
import { rgb } from "../surface";
import texts from "./demo.json";
import { ARROWS, MOVES, Planner, Walker, World } from "./world";

type Method = "policy" | "value" | "sarsa" | "q";
type Tool = "wall" | "plus" | "minus" | "free" | "start";

const MAZE = [
  "..........",
  ".###.####.",
  ".#..-...#.",
  ".#.####.#.",
  ".#.#+.#...",
  "...##.#.#-",
  ".#..-.#.#.",
  ".####.#.#.",
  "......-...",
  "S...##....",
];
/** Sutton and Barto's cliff, with a fall that one survives. */
const CLIFF = ["..........", "..........", "..........", "S--------+"];
const WORLDS = { maze: MAZE, cliff: CLIFF };
const REST = 40; // sweeps without a change until a planner rests

function main(): void {
  const ui = texts.ui;
  const page = frame(texts);
  const random = new Random(3);
  const rules = { discount: 0.9, slip: 0, rate: 0.2, exploration: 0.1 };
  let drawing: keyof typeof WORLDS = "maze";
  let world = World.drawn(MAZE);
  let method: Method = "value";
  let planner = new Planner(world, rules);
  let walker = new Walker(world, rules, "q", random);
  let tool: Tool = "wall";
  let chosen = -1;
  let rested = 0;
  const plans = (): boolean => method === "policy" || method === "value";

  function forget(): void {
    planner = new Planner(world, rules);
    walker = new Walker(world, rules, method === "sarsa" ? "sarsa" : "q", random);
    rested = 0;
    sweeps.clear();
    walks.clear();
    sweeps.element.hidden = !plans();
    walks.element.hidden = plans();
    for (const control of [exploration, rate]) control.element.hidden = plans();
    planned.element.hidden = !plans();
    walked.element.hidden = plans();
    draw();
  }

  function step(): boolean | void {
    if (!plans()) {
      if (walker.step()) walks.add(0, walker.walks, walker.length);
      return;
    }
    if (method === "value") planner.iterateValues();
    else planner.iteratePolicy();
    sweeps.add(0, planner.sweeps, planner.change);
    rested = planner.change < 1e-7 ? rested + 1 : 0;
    if (rested === REST) page.announce(ui.done);
    return rested < REST;
  }

  const value = (state: number): number => (plans() ? planner.values[state]! : walker.value(state));

  /** From orange over paper to blue, by a value in -1..1. */
  function color(share: number): string {
    const paper = rgb(tone("--paper"));
    const ink = rgb(share < 0 ? ORANGE : BLUE);
    const weight = 0.62 * Math.min(1, Math.abs(share)) ** 0.7;
    return `rgb(${paper.map((value, i) => Math.round(weight * ink[i]! + (1 - weight) * value)).join(" ")})`;
  }

  function wall(): string {
    const [paper, slate] = [rgb(tone("--paper")), rgb(SLATE)];
    return `rgb(${paper.map((value, i) => Math.round(0.3 * value + 0.7 * slate[i]!)).join(" ")})`;
  }

  const grid = surface(ui.canvas, 1, ({ context: c, width, height }) => {
    const size = width / world.width;
    const most = Math.max(1e-3, ...world.cells.map((cell, i) => (cell.wall ? 0 : Math.abs(value(i)))));
    c.clearRect(0, 0, width, height);
    c.textAlign = "center";
    c.textBaseline = "middle";
    world.cells.forEach((cell, state) => {
      const [x, y] = [(state % world.width) * size, Math.floor(state / world.width) * size];
      const [mx, my] = [x + size / 2, y + size / 2];
      c.fillStyle = cell.wall ? wall() : color(world.isEnd(state) ? 1 : value(state) / most);
      c.fillRect(x, y, size, size);
      if (!plans() && world.isFree(state)) quarters(c, state, x, y, size, most);
      c.strokeStyle = tone("--line");
      c.lineWidth = 1;
      c.strokeRect(x + 0.5, y + 0.5, size, size);
      if (cell.wall) return;
      c.fillStyle = tone("--ink");
      if (cell.reward) {
        const large = world.isEnd(state);
        c.font = `700 ${large ? size * 0.34 : Math.max(11, size * 0.22)}px ${FONT}`;
        c.textAlign = large ? "center" : "left";
        c.fillText(worded(cell.reward), large ? mx : x + size * 0.06, large ? my : y + size * 0.17);
      } else if (state === world.start) {
        c.font = `600 ${Math.max(10, size * 0.16)}px ${FONT}`;
        c.textAlign = "left";
        c.fillText(ui.start, x + size * 0.05, y + size * 0.13);
      }
      c.textAlign = "center";
      if (!world.isFree(state)) return;
      if (plans()) {
        if (size > 52) {
          c.font = `${size * 0.17}px ${FONT}`;
          c.fillText(value(state).toFixed(2), mx, y + size * 0.87);
        }
        const policy = planner.policy.subarray(4 * state, 4 * state + 4);
        MOVES.forEach((_, action) => arrow(c, mx, my - size * 0.04, action, size * 0.26 * policy[action]! ** 0.5, policy[action] === 1));
      } else if (walker.q.subarray(4 * state, 4 * state + 4).some((q) => q !== 0)) arrow(c, mx, my, greedy(state), size * 0.2, true);
    });
    if (!plans()) {
      const [x, y] = [((walker.state % world.width) + 0.5) * size, (Math.floor(walker.state / world.width) + 0.5) * size];
      c.fillStyle = tone("--ink");
      c.strokeStyle = tone("--paper");
      c.lineWidth = 3;
      c.beginPath();
      c.arc(x, y, size * 0.2, 0, 2 * Math.PI);
      c.fill();
      c.stroke();
    }
    if (chosen >= 0 && document.activeElement === grid.element) {
      c.strokeStyle = tone("--ink");
      c.lineWidth = 3;
      c.strokeRect((chosen % world.width) * size + 2, Math.floor(chosen / world.width) * size + 2, size - 4, size - 4);
    }
  }, "application");
  grid.element.classList.add("square");

  const columns = Array.from({ length: world.width }, (_, x) => String(x + 1));
  const table = behind(ui.tableOf, [ui.row, ...columns], () => Array.from({ length: world.height }, (_, y) =>
    [String(y + 1), ...columns.map((_column, x) => cellText(y * world.width + x))]));
  function cellText(state: number): string {
    const { wall, reward } = world.cells[state]!;
    if (wall) return ui.cellWall;
    if (world.isEnd(state)) return worded(reward);
    const known = plans() || walker.q.subarray(4 * state, 4 * state + 4).some((q) => q !== 0);
    const ways = !known ? "" : plans() ? ARROWS.filter((_, action) => planner.policy[4 * state + action]! > 0).join("") : ARROWS[greedy(state)]!;
    return [reward && worded(reward), value(state).toFixed(2).replace("-", "−"), ways].filter(Boolean).join(" ");
  }

  /** The best move; the first of equals, so that the picture does not flicker. */
  const greedy = (state: number): number => {
    const q = walker.q.subarray(4 * state, 4 * state + 4);
    return q.indexOf(Math.max(...q));
  };

  /** The worth of each of the four moves, as triangles. */
  function quarters(c: CanvasRenderingContext2D, state: number, x: number, y: number, size: number, most: number): void {
    const corners = [[0, 0], [1, 0], [1, 1], [0, 1]] as const;
    MOVES.forEach((_, action) => {
      const [from, to] = [corners[action]!, corners[(action + 1) % 4]!];
      c.fillStyle = color(walker.q[4 * state + action]! / most);
      c.beginPath();
      c.moveTo(x + from[0] * size, y + from[1] * size);
      c.lineTo(x + to[0] * size, y + to[1] * size);
      c.lineTo(x + size / 2, y + size / 2);
      c.fill();
    });
  }

  function arrow(c: CanvasRenderingContext2D, x: number, y: number, action: number, length: number, centered: boolean): void {
    if (length < 2) return;
    const [dx, dy] = MOVES[action]!;
    if (centered) [x, y] = [x - dx * length * 0.6, y - dy * length * 0.6];
    const [tx, ty] = [x + dx * length, y + dy * length];
    const head = Math.min(6, length * 0.4);
    c.strokeStyle = c.fillStyle = tone("--ink");
    c.lineWidth = 1.8;
    c.beginPath();
    c.moveTo(x, y);
    c.lineTo(tx, ty);
    c.stroke();
    c.beginPath();
    c.moveTo(tx + dx * head, ty + dy * head);
    c.lineTo(tx - dy * head * 0.8, ty + dx * head * 0.8);
    c.lineTo(tx + dy * head * 0.8, ty - dx * head * 0.8);
    c.fill();
  }

  const sweeps = new Curves({ label: ui.dpCurve, x: ui.dpX, y: ui.change }, [{ name: ui.change, color: BLUE }], { log: true, legend: false, aspect: 2.6 });
  const walks = new Curves({ label: ui.tdCurve, x: ui.tdX, y: ui.length }, [{ name: ui.length, color: BLUE }], { log: true, legend: false, aspect: 2.6 });
  const planned = figures({ sweeps: ui.sweeps, change: ui.change, worth: ui.worth });
  const walked = figures({ episodes: ui.episodes, length: ui.length, worth: ui.worth });

  let drawn = 0;
  function draw(): void {
    grid.redraw();
    const now = performance.now();
    if (loop.running && now - drawn < 120) return;
    drawn = now;
    table.refresh();
    const worth = Math.abs(value(world.start)) < 5e-4 ? "0" : value(world.start).toFixed(3);
    if (plans()) {
      sweeps.redraw();
      planned.show("sweeps", String(planner.sweeps));
      planned.show("change", Number.isNaN(planner.change) ? "–" : planner.change < 1e-6 ? "0" : planner.change.toPrecision(2));
      planned.show("worth", worth);
    } else {
      walks.redraw();
      walked.show("episodes", walker.walks.toLocaleString("en"));
      walked.show("length", Number.isNaN(walker.length) ? "–" : String(walker.length));
      walked.show("worth", worth);
    }
  }
  const loop = new Loop(step, draw);

  // The world is edited.
  const changed = (): void => {
    rested = 0;
    if (!loop.running) draw();
  };
  function make(state: number, what: Tool): void {
    const cell = world.cells[state]!;
    if (what === "start") {
      if (world.isFree(state)) world.start = state;
    } else if (state !== world.start || what !== "wall") {
      cell.wall = what === "wall";
      cell.reward = what === "plus" ? 1 : what === "minus" ? -1 : 0;
      if (!world.isFree(state)) walker.q.fill(0, 4 * state, 4 * state + 4);
    }
    changed();
  }
  const stateAt = (event: PointerEvent): number => {
    const { x, y } = grid.at(event);
    const size = grid.width / world.width;
    const inside = (value: number, count: number): number => Math.max(0, Math.min(count - 1, Math.floor(value / size)));
    return inside(y, world.height) * world.width + inside(x, world.width);
  };
  let painting: Tool | null = null;
  grid.element.addEventListener("pointerdown", (event) => {
    chosen = stateAt(event);
    // A wall painted on a wall takes it away.
    painting = tool === "wall" && world.cells[chosen]!.wall ? "free" : tool;
    make(chosen, painting);
    grid.element.setPointerCapture(event.pointerId);
    grid.element.focus({ preventScroll: true });
    event.preventDefault();
  });
  grid.element.addEventListener("pointermove", (event) => {
    const state = stateAt(event);
    if (!painting || state === chosen) return;
    chosen = state;
    make(chosen, painting);
  });
  for (const end of ["pointerup", "pointercancel"] as const) grid.element.addEventListener(end, () => (painting = null));
  grid.element.addEventListener("keydown", (event) => {
    const step = { ArrowUp: 0, ArrowRight: 1, ArrowDown: 2, ArrowLeft: 3 }[event.key];
    if (chosen < 0) chosen = world.start;
    const cell = world.cells[chosen]!;
    if (step !== undefined) {
      const [dx, dy] = MOVES[step]!;
      const [x, y] = [(chosen % world.width) + dx, Math.floor(chosen / world.width) + dy];
      if (x >= 0 && y >= 0 && x < world.width && y < world.height) chosen = y * world.width + x;
    } else if (event.key === "w" || event.key === "W") make(chosen, cell.wall ? "free" : "wall");
    else if (event.key === "s" || event.key === "S") make(chosen, "start");
    else if ((event.key === "+" || event.key === "=" || event.key === "-") && !cell.wall) cell.reward = Math.max(-2, Math.min(2, cell.reward + (event.key === "-" ? -0.5 : 0.5)));
    else return;
    event.preventDefault();
    changed();
    grid.redraw();
    say();
  });
  function say(): void {
    const cell = world.cells[chosen]!;
    const what = cell.wall ? ui.cellWall : cell.reward ? ui.cellReward.replace("{r}", String(cell.reward)) : chosen === world.start ? ui.cellStart : ui.cellFree;
    const worth = cell.wall ? "" : `, ${ui.cellValue.replace("{v}", value(chosen).toFixed(2))}`;
    page.announce(`${(chosen % world.width) + 1}, ${Math.floor(chosen / world.width) + 1}: ${what}${worth}`);
  }

  function rebuild(): void {
    world = World.drawn(WORLDS[drawing]);
    grid.element.style.aspectRatio = String(world.width / world.height);
    chosen = -1;
    forget();
    loop.start();
  }
  const exploration = slider(ui.exploration, { min: 0, max: 1, step: 0.05, value: rules.exploration }, (value) => value.toFixed(2), (value) => (rules.exploration = value));
  const rate = slider(ui.rate, { min: 0.05, max: 1, step: 0.05, value: rules.rate }, (value) => value.toFixed(2), (value) => (rules.rate = value));
  const pace = (value: number): void => void (loop.limit = 10 ** value / 60);
  const paced = slider(ui.speed, { min: 0, max: 5, step: 0.25, value: 1 }, (value) => ui.perSecond.replace("{n}", Math.round(10 ** value).toLocaleString("en")), pace);
  page.bar.append(
    runButton(loop, page.announce),
    button(ui.step, () => loop.single()),
    button(ui.reset, forget),
    button(ui.world, rebuild),
    planned.element,
    walked.element,
  );
  page.view.append(grid.element, h("p", { class: "hint" }, ui.hint), table.element);
  page.side.append(
    h(
      "div",
      { class: "card controls" },
      select<Method>(ui.method, [["value", ui.value], ["policy", ui.policy], ["q", ui.q], ["sarsa", ui.sarsa]], method, (name) => {
        method = name;
        paced.set(plans() ? 1 : 3);
        pace(paced.value);
        forget();
        loop.start();
      }).element,
      select<keyof typeof WORLDS>(ui.place, [["maze", ui.maze], ["cliff", ui.cliff]], drawing, (name) => {
        drawing = name;
        rebuild();
      }).element,
      paced.element,
      slider(ui.discount, { min: 0.5, max: 0.99, step: 0.01, value: rules.discount }, (value) => value.toFixed(2), (value) => {
        rules.discount = value;
        changed();
      }).element,
      slider(ui.slip, { min: 0, max: 0.5, step: 0.05, value: rules.slip }, (value) => value.toFixed(2), (value) => {
        rules.slip = value;
        changed();
      }).element,
      exploration.element,
      rate.element,
    ),
    h("div", { class: "card" }, choices<Tool>(ui.tool, [["wall", ui.wall], ["plus", ui.plus], ["minus", ui.minus], ["free", ui.free], ["start", ui.start]], tool, (value) => (tool = value)).element),
    h("div", { class: "card" }, sweeps.element, walks.element),
  );
  forget();
  pace(1);
  begin(loop, page);
}

const worded = (reward: number): string => (reward > 0 ? `+${reward}` : `−${Math.abs(reward)}`);

main();
