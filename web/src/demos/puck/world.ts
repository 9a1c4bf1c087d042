/** A puck in a box, a target that jumps, and a disk that follows; after the game of reinforcejs, with rules of our own. */
import type { Random } from "../random";

/** left, right, up, down, nothing */
export const PUSHES = [[-1, 0], [1, 0], [0, -1], [0, 1], [0, 0]] as const;
export const SENSES = 8;
export const DISK = 0.22; // radius, where the box is 1 wide
const PUSH = 0.0022;
const FRICTION = 0.93;
const PUCK = 0.03;
const STAYS = 140; // steps until the target jumps

export class PuckWorld {
  x = 0.5;
  y = 0.5;
  vx = 0;
  vy = 0;
  target = { x: 0.8, y: 0.2 };
  disk = { x: 0.2, y: 0.7 };
  /** While somebody holds the target it does not jump. */
  held = false;
  private ticks = 0;

  constructor(private readonly random: Random) {}

  /** What the puck knows, each number about -1 to 1. `at` writes it for another place, without speed. */
  sense(into: Float32Array, offset = 0, at?: { x: number; y: number }): void {
    const { x, y } = at ?? this;
    into[offset] = 2 * x - 1;
    into[offset + 1] = 2 * y - 1;
    into[offset + 2] = at ? 0 : this.vx * 40;
    into[offset + 3] = at ? 0 : this.vy * 40;
    into[offset + 4] = 2 * (this.target.x - x);
    into[offset + 5] = 2 * (this.target.y - y);
    into[offset + 6] = 2 * (this.disk.x - x);
    into[offset + 7] = 2 * (this.disk.y - y);
  }

  /** Pushes, moves, and gives the reward: 0 on the target, less with distance, up to 1.5 less inside the disk. */
  step(action: number): number {
    const [dx, dy] = PUSHES[action]!;
    this.vx = FRICTION * this.vx + PUSH * dx;
    this.vy = FRICTION * this.vy + PUSH * dy;
    this.x += this.vx;
    this.y += this.vy;
    if (this.x < PUCK || this.x > 1 - PUCK) {
      this.x = Math.max(PUCK, Math.min(1 - PUCK, this.x));
      this.vx *= -0.5;
    }
    if (this.y < PUCK || this.y > 1 - PUCK) {
      this.y = Math.max(PUCK, Math.min(1 - PUCK, this.y));
      this.vy *= -0.5;
    }
    this.ticks += 1;
    if (this.ticks % STAYS === 0 && !this.held) this.target = { x: this.random.between(0.06, 0.94), y: this.random.between(0.06, 0.94) };
    const away = Math.hypot(this.disk.x - this.x, this.disk.y - this.y);
    if (away > 1e-6) {
      this.disk.x += (0.0012 * (this.x - this.disk.x)) / away;
      this.disk.y += (0.0012 * (this.y - this.disk.y)) / away;
    }
    return this.reward();
  }

  reward(): number {
    const away = Math.hypot(this.disk.x - this.x, this.disk.y - this.y);
    return -Math.hypot(this.target.x - this.x, this.target.y - this.y) + (away < DISK ? 1.5 * (away / DISK - 1) : 0);
  }
}
