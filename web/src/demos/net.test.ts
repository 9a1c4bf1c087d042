// @vitest-environment node
import { describe, expect, test } from "vitest";
import { crossEntropy, Net, type Shape, softmax, type Spec, squareError } from "./net";
import { Optimiser, type RuleName, RULES } from "./optimisers";
import { Random } from "./random";
import { testKernels } from "./testing";

const kernels = await testKernels();

const NETS: Record<string, { shape: Shape; specs: Spec[] }> = {
  "dense, tanh": { shape: [3, 1, 1], specs: [{ kind: "dense", out: 7 }, { kind: "tanh" }, { kind: "dense", out: 4 }] },
  "dense, relu": { shape: [5, 1, 1], specs: [{ kind: "dense", out: 9 }, { kind: "relu" }, { kind: "dense", out: 3 }] },
  "dense, sine, sigmoid": {
    shape: [2, 1, 1],
    specs: [{ kind: "dense", out: 6 }, { kind: "sine" }, { kind: "dense", out: 5 }, { kind: "sigmoid" }, { kind: "dense", out: 3 }],
  },
  convolution: {
    shape: [2, 7, 6],
    specs: [
      { kind: "conv", out: 3, size: 3, pad: 1 }, { kind: "tanh" }, { kind: "pool", size: 2 },
      { kind: "conv", out: 4, size: 2, pad: 0 }, { kind: "tanh" }, { kind: "dense", out: 3 },
    ],
  },
};

/** The largest difference to central differences, relative to the largest gradient. */
function deviation(net: Net, loss: () => number, backward: () => void): number {
  loss();
  backward();
  let worst = 0;
  let largest = 0;
  const gradients = net.parameters.map(({ gradient }) => gradient.values.slice());
  net.parameters.forEach(({ value }, p) => {
    const step = 1e-3;
    const stride = Math.max(1, Math.floor(value.length / 25));
    for (let i = 0; i < value.length; i += stride) {
      const kept = value.values[i]!;
      value.values[i] = kept + step;
      const above = loss();
      value.values[i] = kept - step;
      const below = loss();
      value.values[i] = kept;
      worst = Math.max(worst, Math.abs((above - below) / (2 * step) - gradients[p]![i]!));
      largest = Math.max(largest, Math.abs(gradients[p]![i]!));
    }
  });
  expect(largest).toBeGreaterThan(1e-3);
  return worst / largest;
}

describe.each(Object.entries(NETS))("a network: %s", (_, { shape, specs }) => {
  const batch = 6;
  const random = new Random(3);
  const net = new Net(kernels, shape, specs, batch, 5);
  net.input.values.forEach((_value, i) => (net.input.values[i] = random.normal()));
  const labels = Array.from({ length: batch }, () => random.below(net.outputs));
  const targets = Float32Array.from({ length: batch * net.outputs }, () => random.normal());

  test("has the gradient of its cross-entropy", () => {
    const loss = (): number => {
      net.forward(batch);
      return crossEntropy(net, labels, batch).loss;
    };
    expect(deviation(net, loss, () => net.backward(batch))).toBeLessThan(1e-2);
  });

  test("has the gradient of its square error", () => {
    const loss = (): number => {
      net.forward(batch);
      return squareError(net, targets, batch);
    };
    expect(deviation(net, loss, () => net.backward(batch))).toBeLessThan(1e-2);
  });

  test("has the gradient of its input", () => {
    const loss = (): number => {
      net.forward(batch);
      return squareError(net, targets, batch);
    };
    loss();
    const gradient = net.backward(batch, true)!.values.slice();
    const x = net.input.values;
    for (let i = 0; i < x.length; i += 7) {
      const kept = x[i]!;
      x[i] = kept + 4e-3;
      const above = loss();
      x[i] = kept - 4e-3;
      const below = loss();
      x[i] = kept;
      expect(Math.abs((above - below) / 8e-3 - gradient[i]!)).toBeLessThan(2e-3);
    }
  });
});

test("softmax of large numbers is finite and sums to one", () => {
  const p = Float32Array.from([1000, 999, -1000, 0, 0, 0]);
  softmax(p, 2, 3);
  expect(p[0]! + p[1]! + p[2]!).toBeCloseTo(1, 6);
  expect(p[3]).toBeCloseTo(1 / 3, 6);
});

test("a network refuses more examples than it holds, and says how many that are", () => {
  const net = new Net(kernels, [2, 1, 1], [{ kind: "dense", out: 2 }], 4, 0);
  expect(() => net.forward(5)).toThrow("holds 4 examples at a time, not 5");
});

test("a network's numbers survive that memory grows", () => {
  const net = new Net(kernels, [2, 1, 1], [{ kind: "dense", out: 2 }], 4, 0);
  const before = net.parameters[0]!.value.values.slice();
  const mark = kernels.mark();
  kernels.block(40_000_000);
  kernels.release(mark);
  expect([...net.parameters[0]!.value.values]).toEqual([...before]);
});

test.each(Object.keys(RULES) as RuleName[])("%s finds the bottom of a bowl", (name) => {
  const rates: Record<RuleName, number> = { sgd: 0.1, momentum: 0.02, nesterov: 0.02, adagrad: 0.5, rmsprop: 0.01, adadelta: 1, adam: 0.05 };
  const value = kernels.block(2);
  const gradient = kernels.block(2);
  value.values.set([1, -2]);
  const optimiser = new Optimiser([{ value, gradient }], name, rates[name]);
  for (let i = 0; i < 3000; i += 1) {
    gradient.values.set([2 * value.values[0]!, 6 * value.values[1]!]);
    optimiser.step();
  }
  expect(Math.hypot(...value.values)).toBeLessThan(0.05);
});

test("Adam's first step is its rate, whatever the gradient", () => {
  const x = Float32Array.from([1, 1]);
  RULES.adam(x, Float32Array.from([1e-3, 50]), new Float32Array(2), new Float32Array(2), 0.1, 1);
  expect(x[0]).toBeCloseTo(0.9, 4);
  expect(x[1]).toBeCloseTo(0.9, 4);
});
