/** Ways down a gradient. Each is a few lines over one array of numbers; `Optimiser` applies it to a network. */
import type { Parameter } from "./net";

/** Changes x by one step against gradient g; m and v are what the method remembers, t counts steps from 1. */
export type Rule = (x: Float32Array, g: Float32Array, m: Float32Array, v: Float32Array, rate: number, t: number) => void;

/** Robbins, Monro 1951. */
const sgd: Rule = (x, g, _m, _v, rate) => {
  for (let i = 0; i < x.length; i += 1) x[i]! -= rate * g[i]!;
};

/** Polyak 1964, with 0.9. */
const momentum: Rule = (x, g, m, _v, rate) => {
  for (let i = 0; i < x.length; i += 1) x[i]! -= rate * (m[i] = 0.9 * m[i]! + g[i]!);
};

/** Nesterov 1983, as Sutskever et al. 2013 write it, with 0.9. */
const nesterov: Rule = (x, g, m, _v, rate) => {
  for (let i = 0; i < x.length; i += 1) {
    m[i] = 0.9 * m[i]! + g[i]!;
    x[i]! -= rate * (g[i]! + 0.9 * m[i]!);
  }
};

/** Duchi, Hazan, Singer 2011. */
const adagrad: Rule = (x, g, _m, v, rate) => {
  for (let i = 0; i < x.length; i += 1) {
    v[i]! += g[i]! * g[i]!;
    x[i]! -= (rate * g[i]!) / (Math.sqrt(v[i]!) + 1e-8);
  }
};

/** Tieleman, Hinton 2012, with 0.9. */
const rmsprop: Rule = (x, g, _m, v, rate) => {
  for (let i = 0; i < x.length; i += 1) {
    v[i] = 0.9 * v[i]! + 0.1 * g[i]! * g[i]!;
    x[i]! -= (rate * g[i]!) / (Math.sqrt(v[i]!) + 1e-8);
  }
};

/** Zeiler 2012, with 0.95; the rate is 1 in the paper. */
const adadelta: Rule = (x, g, m, v, rate) => {
  for (let i = 0; i < x.length; i += 1) {
    v[i] = 0.95 * v[i]! + 0.05 * g[i]! * g[i]!;
    const step = (Math.sqrt(m[i]! + 1e-6) / Math.sqrt(v[i]! + 1e-6)) * g[i]!;
    m[i] = 0.95 * m[i]! + 0.05 * step * step;
    x[i]! -= rate * step;
  }
};

/** Kingma, Ba 2015, with 0.9 and 0.999. */
const adam: Rule = (x, g, m, v, rate, t) => {
  const scale = (rate * Math.sqrt(1 - 0.999 ** t)) / (1 - 0.9 ** t);
  const small = 1e-8 * Math.sqrt(1 - 0.999 ** t);
  for (let i = 0; i < x.length; i += 1) {
    m[i] = 0.9 * m[i]! + 0.1 * g[i]!;
    v[i] = 0.999 * v[i]! + 0.001 * g[i]! * g[i]!;
    x[i]! -= (scale * m[i]!) / (Math.sqrt(v[i]!) + small);
  }
};

export const RULES = { sgd, momentum, nesterov, adagrad, rmsprop, adadelta, adam } as const;
export type RuleName = keyof typeof RULES;

export class Optimiser {
  private readonly memory: { m: Float32Array; v: Float32Array }[];
  private steps = 0;

  constructor(
    private readonly parameters: readonly Parameter[],
    readonly name: RuleName,
    public rate: number,
  ) {
    this.memory = parameters.map(({ value }) => ({ m: new Float32Array(value.length), v: new Float32Array(value.length) }));
  }

  /** One step with the gradients as they are now. */
  step(): void {
    this.steps += 1;
    this.parameters.forEach(({ value, gradient }, i) => {
      const { m, v } = this.memory[i]!;
      RULES[this.name](value.values, gradient.values, m, v, this.rate, this.steps);
    });
  }
}
