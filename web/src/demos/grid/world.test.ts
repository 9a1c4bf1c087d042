// @vitest-environment node
import { describe, expect, test } from "vitest";
import { Random } from "../random";
import { Planner, Walker, World } from "./world";

const corridor = (): World => World.drawn(["S....+"]);
const maze = (): World => World.drawn(["S..#..", ".#...-", "..-#.+", "......"]);

describe("planning", () => {
  test("in a corridor a cell is worth the discount to the power of its distance", () => {
    const planner = new Planner(corridor(), { discount: 0.9, slip: 0 });
    while (planner.iterateValues() > 1e-12);
    for (let i = 0; i < 5; i += 1) expect(planner.values[i]).toBeCloseTo(0.9 ** (4 - i), 10);
    expect([...planner.policy.subarray(0, 4)]).toEqual([0, 1, 0, 0]);
  });

  test.each([0, 0.2, 0.4])("policy iteration and value iteration agree, and Bellman's equation holds (slip %d)", (slip) => {
    const [one, other] = [new Planner(maze(), { discount: 0.95, slip }), new Planner(maze(), { discount: 0.95, slip })];
    while (one.iterateValues() > 1e-12);
    let sweeps = 0;
    while (!other.iteratePolicy()) expect((sweeps += 1)).toBeLessThan(5000);
    for (let i = 0; i < 300; i += 1) other.iteratePolicy();
    one.values.forEach((value, state) => {
      expect(other.values[state]).toBeCloseTo(value, 3);
      if (one.world.isFree(state)) expect(Math.max(...one.ahead(state))).toBeCloseTo(value, 9);
    });
  });

  test("the random policy beside the goal, sweep by sweep", () => {
    const world = World.drawn(["S+"]);
    const planner = new Planner(world, { discount: 0.5, slip: 0 });
    // V = 1/4 · 1 + 3/4 · 0.5 V  →  V = 0.4
    for (let i = 0; i < 3; i += 1) planner.iteratePolicy();
    expect(planner.values[0]).toBeCloseTo(0.25 + 0.375 * (0.25 + 0.375 * 0.25), 9);
  });

  test("walls and edges keep one where one is", () => {
    const world = World.drawn(["S#", ".."]);
    expect([0, 1, 2, 3].map((action) => world.beside(0, action))).toEqual([0, 0, 2, 0]);
  });
});

describe.each(["q", "sarsa"] as const)("learning by %s", (kind) => {
  test("finds the corridor's values without exploring away from them", () => {
    const rules = { discount: 0.9, slip: 0, rate: 0.2, exploration: kind === "q" ? 0.3 : 0 };
    const walker = new Walker(corridor(), rules, kind, new Random(1));
    for (let i = 0; i < 60000; i += 1) walker.step();
    for (let i = 0; i < 5; i += 1) expect(walker.value(i)).toBeCloseTo(0.9 ** (4 - i), 2);
  });

  test("walks become short", () => {
    const walker = new Walker(maze(), { discount: 0.95, slip: 0, rate: 0.2, exploration: 0.1 }, kind, new Random(2));
    const lengths: number[] = [];
    while (lengths.length < 400) if (walker.step()) lengths.push(walker.length);
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(lengths.slice(-100))).toBeLessThan(14);
    expect(mean(lengths.slice(0, 5))).toBeGreaterThan(mean(lengths.slice(-100)));
  });
});

test("along a cliff Sarsa keeps away from the edge that Q-learning walks on", () => {
  const world = World.drawn(["..........", "..........", "..........", "S--------+"]);
  const rows = (kind: "q" | "sarsa"): number[] => {
    const walker = new Walker(world, { discount: 0.95, slip: 0, rate: 0.1, exploration: 0.3 }, kind, new Random(1));
    while (walker.walks < 10_000) walker.step();
    const path = [world.start];
    while (world.isFree(path.at(-1)!) && path.length < 50) path.push(world.beside(path.at(-1)!, walker.best(path.at(-1)!)));
    return path.slice(1, -1).map((state) => Math.floor(state / world.width));
  };
  expect(Math.min(...rows("q"))).toBe(2);
  expect(Math.min(...rows("sarsa"))).toBeLessThan(2);
});
