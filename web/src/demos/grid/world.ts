/** A grid with walls and rewards, its values by dynamic programming, and two that learn by walking. */
import type { Random } from "../random";

export interface Cell {
  wall: boolean;
  /** Given for entering the cell; a positive one ends the walk. */
  reward: number;
}

/** Up, right, down, left. */
export const MOVES = [[0, -1], [1, 0], [0, 1], [-1, 0]] as const;
export const ARROWS = ["↑", "→", "↓", "←"] as const; // as MOVES
const ACTIONS = 4;
const MOST_STEPS = 2000; // of a walk

export class World {
  readonly cells: Cell[];
  start = 0;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.cells = Array.from({ length: width * height }, () => ({ wall: false, reward: 0 }));
  }

  /** `.` free, `#` wall, `+` and `-` a reward of 1 and -1, `S` the start; rows of one length. */
  static drawn(rows: readonly string[]): World {
    const world = new World(rows[0]!.length, rows.length);
    [...rows.join("")].forEach((sign, i) => {
      world.cells[i] = { wall: sign === "#", reward: sign === "+" ? 1 : sign === "-" ? -1 : 0 };
      if (sign === "S") world.start = i;
    });
    return world;
  }

  isEnd(state: number): boolean {
    return this.cells[state]!.reward > 0;
  }

  /** A cell where one can be and must choose. */
  isFree(state: number): boolean {
    return !this.cells[state]!.wall && !this.isEnd(state);
  }

  /** Where a move leads: to the same cell where a wall or the edge is in the way. */
  beside(state: number, action: number): number {
    const [dx, dy] = MOVES[action]!;
    const [x, y] = [(state % this.width) + dx, Math.floor(state / this.width) + dy];
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return state;
    const next = y * this.width + x;
    return this.cells[next]!.wall ? state : next;
  }

  /** On a slippery floor one goes to the left or right of where one wanted, each with half the probability `slip`. */
  move(state: number, action: number, slip: number, random: Random): number {
    const dice = random.uniform();
    const turn = dice < slip / 2 ? 1 : dice < slip ? 3 : 0;
    return this.beside(state, (action + turn) % ACTIONS);
  }

  /** The expected reward of an action, plus what the cell after it is worth. */
  ahead(state: number, action: number, values: Float64Array, discount: number, slip: number): number {
    let sum = 0;
    for (const [turn, probability] of [[0, 1 - slip], [1, slip / 2], [3, slip / 2]] as const) {
      if (!probability) continue;
      const next = this.beside(state, (action + turn) % ACTIONS);
      const reward = next === state ? 0 : this.cells[next]!.reward;
      sum += probability * (reward + (this.isEnd(next) ? 0 : discount * values[next]!));
    }
    return sum;
  }
}

export interface Rules {
  discount: number;
  slip: number;
}

/** Planning (Bellman 1957; Howard 1960): the rules of the world are known. */
export class Planner {
  readonly values: Float64Array;
  /** Probabilities of the four actions, by state. */
  readonly policy: Float64Array;
  sweeps = 0;
  change = Number.NaN;

  constructor(
    readonly world: World,
    readonly rules: Rules,
  ) {
    this.values = new Float64Array(world.cells.length);
    this.policy = new Float64Array(world.cells.length * ACTIONS).fill(1 / ACTIONS);
  }

  /** One sweep over all cells of value iteration; gives the largest change. */
  iterateValues(): number {
    this.sweep((state) => Math.max(...this.ahead(state)));
    this.improve();
    return this.change;
  }

  /** One sweep of policy evaluation; where that has settled (below 1e-4), the policy is improved. Gives true when nothing changes any more. */
  iteratePolicy(): boolean {
    this.sweep((state) => this.ahead(state).reduce((sum, value, action) => sum + this.policy[state * ACTIONS + action]! * value, 0));
    return this.change < 1e-4 && !this.improve();
  }

  ahead(state: number): number[] {
    return MOVES.map((_, action) => this.world.ahead(state, action, this.values, this.rules.discount, this.rules.slip));
  }

  private sweep(value: (state: number) => number): void {
    const { world, values } = this;
    this.change = 0;
    for (let state = 0; state < values.length; state += 1) {
      const next = world.isFree(state) ? value(state) : 0;
      this.change = Math.max(this.change, Math.abs(next - values[state]!));
      values[state] = next;
    }
    this.sweeps += 1;
  }

  /** Takes the best actions everywhere, equally good ones alike; tells whether that changed anything. */
  private improve(): boolean {
    let changed = false;
    for (let state = 0; state < this.values.length; state += 1) {
      if (!this.world.isFree(state)) continue;
      const ahead = this.ahead(state);
      const most = Math.max(...ahead);
      const best = ahead.map((value) => value > most - 1e-9);
      const share = 1 / best.filter(Boolean).length;
      best.forEach((is, action) => {
        const probability = is ? share : 0;
        if (Math.abs(this.policy[state * ACTIONS + action]! - probability) > 1e-9) changed = true;
        this.policy[state * ACTIONS + action] = probability;
      });
    }
    return changed;
  }
}

/** Learning by temporal differences: Sarsa (Rummery, Niranjan 1994), Q-learning (Watkins 1989). */
export class Walker {
  readonly q: Float64Array;
  state: number;
  walks = 0;
  steps = 0;
  /** Steps of the walk that ended last. */
  length = Number.NaN;
  private action: number | null = null;

  constructor(
    readonly world: World,
    readonly rules: Rules & { rate: number; exploration: number },
    readonly kind: "sarsa" | "q",
    private readonly random: Random,
  ) {
    this.q = new Float64Array(world.cells.length * ACTIONS);
    this.state = world.start;
  }

  best(state: number): number {
    let best = 0;
    let ties = 1;
    for (let action = 1; action < ACTIONS; action += 1) {
      const difference = this.q[state * ACTIONS + action]! - this.q[state * ACTIONS + best]!;
      if (difference > 0) [best, ties] = [action, 1];
      else if (difference === 0 && this.random.uniform() < 1 / (ties += 1)) best = action;
    }
    return best;
  }

  value(state: number): number {
    return Math.max(...this.q.subarray(state * ACTIONS, state * ACTIONS + ACTIONS));
  }

  /** One step; true when the walk has ended with it. */
  step(): boolean {
    const { world, rules, q } = this;
    if (!world.isFree(this.state)) this.begin();
    const action = this.action ?? this.choose(this.state);
    const next = world.move(this.state, action, rules.slip, this.random);
    const reward = next === this.state ? 0 : world.cells[next]!.reward;
    const end = world.isEnd(next);
    const following = end ? null : this.choose(next);
    const worth = following === null ? 0 : this.kind === "q" ? this.value(next) : q[next * ACTIONS + following]!;
    q[this.state * ACTIONS + action]! += rules.rate * (reward + rules.discount * worth - q[this.state * ACTIONS + action]!);
    this.state = next;
    this.action = following;
    this.steps += 1;
    if (!end && this.steps < MOST_STEPS) return false;
    this.walks += 1;
    this.length = this.steps;
    this.begin();
    return true;
  }

  private begin(): void {
    this.state = this.world.start;
    this.action = null;
    this.steps = 0;
  }

  private choose(state: number): number {
    return this.random.uniform() < this.rules.exploration ? this.random.below(ACTIONS) : this.best(state);
  }
}
