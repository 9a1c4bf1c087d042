// @vitest-environment node
import { expect, test } from "vitest";
import { RULES } from "../optimisers";
import { LANDSCAPES } from "./valley";

test.each(Object.entries(LANDSCAPES))("the slope of %s is its height's", (_, { height, slope }) => {
  for (const [x, y] of [[0.3, -0.7], [-0.9, 0.2], [0.05, 0.9]] as const) {
    const [dx, dy] = slope(x, y);
    expect(dx).toBeCloseTo((height(x + 1e-5, y) - height(x - 1e-5, y)) / 2e-5, 5);
    expect(dy).toBeCloseTo((height(x, y + 1e-5) - height(x, y - 1e-5)) / 2e-5, 5);
  }
});

test("momentum is faster than SGD along the narrow valley", () => {
  const { height, slope, start } = LANDSCAPES.narrow;
  const after = (name: "sgd" | "momentum"): number => {
    const [at, m, v] = [Float32Array.from(start), new Float32Array(2), new Float32Array(2)];
    for (let t = 1; t <= 60; t += 1) RULES[name](at, Float32Array.from(slope(at[0]!, at[1]!)), m, v, 0.03, t);
    return height(at[0]!, at[1]!);
  };
  expect(after("momentum")).toBeLessThan(after("sgd") / 2);
});
