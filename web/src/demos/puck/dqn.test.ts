// @vitest-environment node
import { expect, test } from "vitest";
import { Random } from "../random";
import { testKernels } from "../testing";
import { DQN, Replay } from "./dqn";
import { PuckWorld, SENSES } from "./world";

const kernels = await testKernels();
const settings = { discount: 0.5, exploration: 0.1, until: 500, rate: 2e-3, follow: 50 };

test("replay keeps the newest, and each memory whole", () => {
  const replay = new Replay(4, 2);
  for (let i = 0; i < 6; i += 1) replay.add(Float32Array.of(i, -i), i % 3, i / 10, Float32Array.of(i + 1, 0));
  expect(replay.length).toBe(4);
  expect([...replay.states]).toEqual([4, -4, 5, -5, 2, -2, 3, -3]);
  expect([...replay.actions]).toEqual([1, 2, 2, 0]);
  expect(replay.rewards[0]).toBeCloseTo(0.4);
  expect(replay.after[2]).toBe(6);
});

test("exploration falls from all to its end, and zero means none at all", () => {
  const agent = new DQN(kernels, 2, 2, { ...settings }, new Random(1), 1, 100, 32);
  expect(agent.explores).toBe(1);
  agent.decisions = 250;
  expect(agent.explores).toBeCloseTo(0.5);
  agent.decisions = 5000;
  expect(agent.explores).toBeCloseTo(0.1);
  agent.settings.exploration = 0;
  agent.decisions = 0;
  expect(agent.explores).toBe(0);
});

test("two states, two choices: the worths are those of Bellman's equation", () => {
  // Choice 1 goes to the other state for 1, choice 0 stays for 0: V = 1 / (1 - 0.5) = 2, Q = [0 + 0.5 · 2, 2].
  const random = new Random(2);
  const agent = new DQN(kernels, 2, 2, { ...settings }, random, 1, 2000, 32);
  const states = [Float32Array.of(1, 0), Float32Array.of(0, 1)];
  for (let i = 0; i < 2000; i += 1) {
    const [here, action] = [random.below(2), random.below(2)];
    agent.replay.add(states[here]!, action, action, states[action ? 1 - here : here]!);
  }
  for (let i = 0; i < 2500; i += 1) agent.learn();
  for (const state of states) {
    const [stay, go] = agent.worth(state);
    expect(Math.abs(stay! - 1)).toBeLessThan(0.1);
    expect(Math.abs(go! - 2)).toBeLessThan(0.1);
  }
});

test("a puck does better than chance after 25,000 steps", () => {
  const random = new Random(4);
  const world = new PuckWorld(random);
  const agent = new DQN(kernels, SENSES, 5, { discount: 0.93, exploration: 0.05, until: 8000, rate: 1e-3, follow: 250 }, random, 1);
  const [state, after] = [new Float32Array(SENSES), new Float32Array(SENSES)];
  const rewards: number[] = [];
  const begun = performance.now();
  for (let i = 0; i < 25_000; i += 1) {
    world.sense(state);
    const action = agent.choose(state);
    const reward = world.step(action);
    world.sense(after);
    agent.replay.add(state, action, reward, after);
    if (i % 2 === 0) agent.learn();
    rewards.push(reward);
  }
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  console.log(`${Math.round(25_000_000 / (performance.now() - begun))} steps a second; first ${mean(rewards.slice(0, 3000)).toFixed(3)}, last ${mean(rewards.slice(-5000)).toFixed(3)}`);
  expect(mean(rewards.slice(-5000))).toBeGreaterThan(mean(rewards.slice(0, 3000)) + 0.15);
}, 60_000);
