/** Deep Q-learning (Mnih et al. 2015): replay of what was lived, and a second network that stands still for a while. */
import type { Kernels } from "../kernels";
import { Net } from "../net";
import { Optimiser } from "../optimisers";
import type { Random } from "../random";

const BATCH = 32;
const HIDDEN = 48;

/** What was lived last: states, choices, rewards, next states. The oldest is overwritten. */
export class Replay {
  readonly states: Float32Array;
  readonly after: Float32Array;
  readonly actions: Uint8Array;
  readonly rewards: Float32Array;
  private added = 0;

  constructor(
    readonly capacity: number,
    readonly senses: number,
  ) {
    this.states = new Float32Array(capacity * senses);
    this.after = new Float32Array(capacity * senses);
    this.actions = new Uint8Array(capacity);
    this.rewards = new Float32Array(capacity);
  }

  get length(): number {
    return Math.min(this.added, this.capacity);
  }

  add(state: Float32Array, action: number, reward: number, after: Float32Array): void {
    const at = this.added % this.capacity;
    this.states.set(state, at * this.senses);
    this.after.set(after, at * this.senses);
    this.actions[at] = action;
    this.rewards[at] = reward;
    this.added += 1;
  }
}

export interface Settings {
  discount: number;
  /** The share of choices by chance in the end; at first all are. */
  exploration: number;
  /** Decisions until then. */
  until: number;
  rate: number;
  /** Steps of learning after which the second network follows. */
  follow: number;
}

export class DQN {
  readonly net: Net;
  readonly replay: Replay;
  decisions = 0;
  private readonly slow: Net;
  private readonly optimiser: Optimiser;
  private learned = 0;

  constructor(
    kernels: Kernels,
    readonly senses: number,
    readonly actions: number,
    readonly settings: Settings,
    private readonly random: Random,
    seed: number,
    capacity = 30_000,
    batch = 1024,
  ) {
    const specs = [{ kind: "dense", out: HIDDEN }, { kind: "relu" }, { kind: "dense", out: HIDDEN }, { kind: "relu" }, { kind: "dense", out: actions }] as const;
    this.net = new Net(kernels, [senses, 1, 1], specs, batch, seed);
    this.slow = new Net(kernels, [senses, 1, 1], specs, BATCH, seed);
    this.slow.copyFrom(this.net);
    this.optimiser = new Optimiser(this.net.parameters, "adam", settings.rate);
    this.replay = new Replay(capacity, senses);
  }

  /** The share of choices that are made by chance now. */
  get explores(): number {
    const { exploration, until } = this.settings;
    return Math.max(exploration, exploration && 1 - this.decisions / until);
  }

  /** What the network thinks each choice is worth. */
  worth(state: Float32Array): Float32Array {
    this.net.input.values.set(state);
    return this.net.forward(1).subarray(0, this.actions);
  }

  choose(state: Float32Array): number {
    this.decisions += 1;
    if (this.random.uniform() < this.explores) return this.random.below(this.actions);
    const worth = this.worth(state);
    let best = 0;
    worth.forEach((value, i) => (best = value > worth[best]! ? i : best));
    return best;
  }

  /** One step on 32 memories. The error is clipped to 1 in the gradient. Gives the mean absolute error. */
  learn(): number {
    const { replay, senses, actions } = this;
    if (replay.length < BATCH) return Number.NaN;
    const chosen = Array.from({ length: BATCH }, () => this.random.below(replay.length));
    chosen.forEach((at, i) => {
      this.net.input.values.set(replay.states.subarray(at * senses, (at + 1) * senses), i * senses);
      this.slow.input.values.set(replay.after.subarray(at * senses, (at + 1) * senses), i * senses);
    });
    const future = this.slow.forward(BATCH);
    const q = this.net.forward(BATCH);
    const gradient = this.net.outputGradient.values;
    gradient.fill(0, 0, BATCH * actions);
    let sum = 0;
    chosen.forEach((at, i) => {
      let most = -Infinity;
      for (let a = 0; a < actions; a += 1) most = Math.max(most, future[i * actions + a]!);
      const place = i * actions + replay.actions[at]!;
      const error = q[place]! - (replay.rewards[at]! + this.settings.discount * most);
      gradient[place] = Math.max(-1, Math.min(1, error)) / BATCH;
      sum += Math.abs(error);
    });
    this.net.backward(BATCH);
    this.optimiser.step();
    this.learned += 1;
    if (this.learned % this.settings.follow === 0) this.slow.copyFrom(this.net);
    return sum / BATCH;
  }
}
