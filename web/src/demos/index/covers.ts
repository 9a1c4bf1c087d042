/** A small drawing for each demo's card, in a space of 100 × 56. */
import { BLUE, BROWN, FONT, GREEN, ORANGE, PALETTE, PINK, SLATE, tone, VIOLET } from "../../look/palette";
import { ARROWS, Planner, World } from "../grid/world";
import { picture } from "../paint/pictures";
import { Random } from "../random";

type Draw = (c: CanvasRenderingContext2D) => void;

function dot(c: CanvasRenderingContext2D, x: number, y: number, radius: number, color: string, alpha = 1): void {
  c.globalAlpha = alpha;
  c.fillStyle = color;
  c.beginPath();
  c.arc(x, y, radius, 0, 2 * Math.PI);
  c.fill();
  c.globalAlpha = 1;
}

const spirals: Draw = (c) => {
  for (const [kind, color] of [[0, BLUE], [1, ORANGE]] as const) {
    const at = (t: number): [number, number] => {
      const angle = 2 * Math.PI * 1.5 * t + Math.PI * kind;
      return [50 + (2 + 24 * t) * Math.cos(angle), 28 + (2 + 24 * t) * Math.sin(angle)];
    };
    c.strokeStyle = color;
    c.globalAlpha = 0.25;
    c.lineWidth = 5;
    c.lineCap = "round";
    c.beginPath();
    for (let t = 0; t <= 1; t += 0.01) c.lineTo(...at(t));
    c.stroke();
    for (let t = 0.05; t <= 1; t += 0.045) dot(c, ...at(t), 1.25, color);
  }
};

const paint: Draw = (c) => {
  c.imageSmoothingEnabled = true;
  c.drawImage(picture("cat", 14), 16, 8, 28, 40);
  c.drawImage(picture("cat", 200), 56, 8, 28, 40);
  c.fillStyle = tone("--muted");
  c.font = `6px ${FONT}`;
  c.textAlign = "center";
  c.fillText("→", 50, 30);
};

const digits: Draw = (c) => {
  c.fillStyle = tone("--ink");
  c.font = `italic 600 34px ${FONT}`;
  c.textAlign = "center";
  c.textBaseline = "middle";
  c.fillText("7", 24, 29);
  const random = new Random(3);
  for (let tile = 0; tile < 6; tile += 1)
    for (let i = 0; i < 25; i += 1) {
      c.globalAlpha = 0.15 + 0.85 * random.uniform();
      c.fillStyle = random.below(2) ? BLUE : ORANGE;
      c.fillRect(44 + (tile % 3) * 17 + (i % 5) * 2.9, 11 + Math.floor(tile / 3) * 18 + Math.floor(i / 5) * 2.9, 2.8, 2.8);
    }
  c.globalAlpha = 1;
};

const race: Draw = (c) => {
  [SLATE, BLUE, VIOLET, GREEN, ORANGE, BROWN, PINK].forEach((color, i) => {
    const random = new Random(i);
    c.strokeStyle = color;
    c.lineWidth = 1.1;
    c.lineJoin = "round";
    c.beginPath();
    for (let x = 0; x <= 84; x += 1.5) c.lineTo(8 + x, 8 + 38 * (1 - Math.exp(-x / (10 + 5 * i))) + (x ? random.normal() * 0.35 : 0));
    c.stroke();
  });
};

const map: Draw = (c) => {
  const random = new Random(5);
  for (let heap = 0; heap < 9; heap += 1) {
    const [x, y] = [20 + (heap % 3) * 30 + random.between(-5, 5), 13 + Math.floor(heap / 3) * 15 + random.between(-2, 2)];
    for (let i = 0; i < 36; i += 1) dot(c, x + random.normal() * 3, y + random.normal() * 2, 0.75, PALETTE[heap % 6]!);
  }
};

const grid: Draw = (c) => {
  const rows = ["...#....", ".#...##.", ".#.#.+#.", "...#...."];
  const world = World.drawn(rows);
  const planner = new Planner(world, { discount: 0.85, slip: 0 });
  for (let sweep = 0; sweep < 30; sweep += 1) planner.iterateValues();
  world.cells.forEach(({ wall }, state) => {
    const [left, top] = [10 + (state % world.width) * 10, 8 + Math.floor(state / world.width) * 10];
    c.globalAlpha = wall ? 0.7 : world.isEnd(state) ? 0.9 : 0.7 * planner.values[state]!;
    c.fillStyle = wall ? SLATE : BLUE;
    c.fillRect(left, top, 9.6, 9.6);
    c.globalAlpha = 1;
    if (!world.isFree(state)) return;
    c.fillStyle = tone("--ink");
    c.font = `5px ${FONT}`;
    c.textAlign = "center";
    c.textBaseline = "middle";
    const best = planner.policy.subarray(4 * state, 4 * state + 4);
    c.fillText(ARROWS[best.indexOf(Math.max(...best))]!, left + 4.8, top + 5);
  });
};

const puck: Draw = (c) => {
  dot(c, 66, 26, 15, ORANGE, 0.25);
  c.strokeStyle = ORANGE;
  c.lineWidth = 0.6;
  c.beginPath();
  c.arc(66, 26, 15, 0, 2 * Math.PI);
  c.stroke();
  c.strokeStyle = tone("--muted");
  c.lineWidth = 0.8;
  c.setLineDash([2, 1.6]);
  c.beginPath();
  c.moveTo(16, 14);
  c.bezierCurveTo(32, 20, 34, 40, 54, 47);
  c.stroke();
  c.setLineDash([]);
  dot(c, 16, 14, 2.6, BLUE, 0.35);
  dot(c, 42, 37, 3.2, BLUE);
  dot(c, 57, 48, 3.4, GREEN);
};

export const COVERS = { spirals, paint, digits, race, map, grid, puck } as const;
