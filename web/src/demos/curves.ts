/** Curves that grow while something learns; when a curve gets long, neighbours are averaged. */
import { FONT, tone } from "../look/palette";
import type { LiveTable } from "../look/table";
import { h } from "./dom";
import { behind } from "./frame";
import { surface, type Surface } from "./surface";

const LONGEST = 600;
const MOST_ROWS = 25; // of the table behind

export interface Series {
  name: string;
  color: string;
  dash?: readonly number[];
}

interface Track {
  series: Series;
  xs: number[];
  ys: number[];
  /** So many values are averaged into one point. */
  stride: number;
  sum: number;
  held: number;
  /** What was to be added last was no number: the series has no present value. */
  lost: boolean;
}

export class Curves {
  /** The title, the drawing, and the numbers behind it. */
  readonly element: HTMLElement;
  private readonly surface: Surface;
  private readonly table: LiveTable;
  private tracks: Track[] = [];

  constructor(
    private readonly texts: { label: string; x: string; y: string },
    series: readonly Series[],
    private readonly options: { log?: boolean; aspect?: number; low?: number; high?: number; percent?: boolean; legend?: boolean } = {},
  ) {
    this.surface = surface(texts.label, options.aspect ?? 2.1, (s) => this.draw(s));
    this.surface.element.classList.add("wide");
    this.table = behind(texts.label, [texts.x, ...series.map(({ name }) => name)], () => this.rows());
    this.element = h("div", { class: "chart" }, h("h2", {}, texts.label), this.surface.element, this.table.element);
    this.clear(series);
  }

  clear(series: readonly Series[] = this.tracks.map((track) => track.series)): void {
    this.tracks = series.map((one) => ({ series: one, xs: [], ys: [], stride: 1, sum: 0, held: 0, lost: false }));
    this.surface.redraw();
  }

  add(index: number, x: number, y: number): void {
    const track = this.tracks[index]!;
    track.lost = !Number.isFinite(y);
    if (track.lost) return;
    track.sum += y;
    track.held += 1;
    if (track.held < track.stride) return;
    track.xs.push(x);
    track.ys.push(track.sum / track.held);
    track.sum = track.held = 0;
    if (track.xs.length < LONGEST) return;
    track.stride *= 2;
    track.xs = track.xs.filter((_, i) => i % 2 === 1);
    track.ys = track.ys.flatMap((value, i) => (i % 2 === 1 ? [(value + track.ys[i - 1]!) / 2] : []));
  }

  /** The last value of each series, in words. */
  summary(): string {
    return this.tracks.map(({ series, ys, lost }) => `${series.name} ${ys.length && !lost ? this.worded(ys.at(-1)!) : "–"}`).join(", ");
  }

  redraw(): void {
    this.surface.redraw();
    this.surface.element.setAttribute("aria-label", `${this.texts.label}: ${this.summary()}`);
    this.table.refresh();
  }

  /** Places along the axis, first and last among them, and the last value of each series there. */
  rows(most = MOST_ROWS): string[][] {
    const xs = [...new Set(this.tracks.flatMap((track) => track.xs))].sort((a, b) => a - b);
    const many = Math.min(most, xs.length);
    return Array.from({ length: many }, (_, i) => {
      const x = xs[many === 1 ? 0 : Math.round((i * (xs.length - 1)) / (many - 1))]!;
      return [x.toLocaleString("en"), ...this.tracks.map((track) => {
        const at = track.xs.findLastIndex((one) => one <= x);
        const gone = at < 0 || (track.lost && x > track.xs.at(-1)!);
        return gone ? "–" : this.worded(Number(track.ys[at]!.toPrecision(3)), true);
      })];
    });
  }

  /** A value in few digits, as beside an axis; `exact`: with all that it has. */
  private worded(value: number, exact = false): string {
    if (this.options.percent) return `${Number((100 * value).toFixed(1))} %`;
    const size = Math.abs(value);
    if (value < 0) return `−${this.worded(size, exact)}`;
    if (exact) return size > 0 && size < 0.001 ? size.toExponential() : String(size);
    return size === 0 ? "0" : size >= 100 ? value.toFixed(0) : size >= 0.095 ? String(Number(value.toPrecision(2))) : size >= 0.00095 ? String(Number(value.toPrecision(1))) : power(value);
  }

  private draw({ context: c, width, height }: Surface): void {
    const { log = false, low, high } = this.options;
    c.clearRect(0, 0, width, height);
    const size = Number.parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--small")) || 13;
    c.font = `${size}px ${FONT}`;
    const left = size * 3.9;
    const top = this.options.legend === false ? size : size * (0.5 + 1.4 * this.legendLines(c, size, left, width));
    const [right, bottom] = [10, size * 2];
    c.textBaseline = "middle";
    const seen = this.tracks.flatMap(({ ys }) => ys).filter((y) => !log || y > 0);
    const far = Math.max(1, ...this.tracks.map(({ xs }) => xs.at(-1) ?? 0));
    let least = low ?? Math.min(...seen, log ? 1 : 0);
    let most = high ?? Math.max(...seen, log ? 0.1 : 1e-9);
    if (!seen.length) [least, most] = log ? [0.01, 1] : [low ?? 0, high ?? 1];
    if (log) {
      least = 10 ** (Math.floor(2 * Math.log10(Math.max(Math.min(...seen, 1), 1e-8))) / 2);
      most = 10 ** (Math.ceil(2 * Math.log10(most)) / 2);
    }
    if (most - least < 1e-12) most = least + 1;
    const px = (x: number): number => left + (x / far) * (width - left - right);
    const share = (y: number): number =>
      log ? (Math.log(Math.max(y, 1e-9)) - Math.log(least)) / (Math.log(most) - Math.log(least)) : (y - least) / (most - least);
    const py = (y: number): number => height - bottom - Math.min(1.02, Math.max(-0.02, share(y))) * (height - top - bottom);

    c.strokeStyle = tone("--line");
    c.fillStyle = tone("--muted");
    c.lineWidth = 1;
    c.textAlign = "right";
    const ticks = log ? decades(least, most) : even(least, most);
    for (const tick of ticks) {
      const y = Math.round(py(tick)) + 0.5;
      c.beginPath();
      c.moveTo(left, y);
      c.lineTo(width - right, y);
      c.stroke();
      c.fillText(this.worded(tick), left - 7, y);
    }
    c.textAlign = "left";
    c.fillText(this.texts.x, left, height - size * 0.8);
    c.textAlign = "right";
    c.fillText(far.toLocaleString("en"), width - right, height - size * 0.8);

    this.tracks.forEach(({ series, xs, ys }) => {
      c.strokeStyle = series.color;
      c.lineWidth = 2.2;
      c.lineJoin = "round";
      c.setLineDash(series.dash ? [...series.dash] : []);
      c.beginPath();
      let begun = false; // a zero has no place on a logarithmic axis: the line ends there
      ys.forEach((y, i) => {
        if (begun && (y > 0 || !log)) c.lineTo(px(xs[i]!), py(y));
        else c.moveTo(px(xs[i]!), py(y));
        begun = y > 0 || !log;
      });
      c.stroke();
    });
    c.setLineDash([]);
    if (this.options.legend === false) return;
    c.textAlign = "left";
    let [at, line] = [left, 0];
    for (const { series } of this.tracks) {
      const wide = size * 2.6 + c.measureText(series.name).width;
      if (at + wide - size > width && at > left) [at, line] = [left, line + 1];
      const y = size * (0.8 + 1.4 * line);
      c.strokeStyle = series.color;
      c.setLineDash(series.dash?.length ? [4, 2] : []);
      c.lineWidth = 3;
      c.beginPath();
      c.moveTo(at, y);
      c.lineTo(at + size, y);
      c.stroke();
      c.setLineDash([]);
      c.fillStyle = tone("--ink");
      c.fillText(series.name, at + size * 1.4, y);
      at += wide;
    }
  }

  /** Lines that the names of the series take. */
  private legendLines(c: CanvasRenderingContext2D, size: number, left: number, width: number): number {
    let [at, lines] = [left, 1];
    for (const { series } of this.tracks) {
      const wide = size * 2.6 + c.measureText(series.name).width;
      if (at + wide - size > width && at > left) [at, lines] = [left, lines + 1];
      at += wide;
    }
    return lines;
  }
}

/** 0.0002 as 2·10⁻⁴. */
function power(value: number): string {
  const [digit, exponent] = value.toExponential(0).split("e");
  return `${digit === "1" ? "" : `${digit}·`}10${[...exponent!].map((sign) => RAISED[sign] ?? "").join("")}`;
}
const RAISED: Record<string, string> = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

function decades(least: number, most: number): number[] {
  const within = (factors: readonly number[]): number[] => {
    const ticks: number[] = [];
    for (let power = Math.floor(Math.log10(least)); power <= Math.log10(most); power += 1)
      for (const factor of factors) ticks.push(factor * 10 ** power);
    return ticks.filter((tick) => tick >= least * 0.999 && tick <= most * 1.001);
  };
  return Math.log10(most / least) > 1.7 ? within([1]) : within([1, 2, 5]);
}

function even(least: number, most: number): number[] {
  const raw = (most - least) / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= raw)!;
  const ticks: number[] = [];
  for (let tick = Math.ceil(least / step - 1e-9) * step; tick <= most + step * 1e-6; tick += step) ticks.push(Math.abs(tick) < step / 1e6 ? 0 : tick);
  return ticks;
}
