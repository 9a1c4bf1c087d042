// The plain wasm of handson.pocket in Node: answers one line of JSON on stdin with one on stdout.
//   node wasm.mjs pocket.wasm
//   {"network": "convnetjs", "batch": 20, "steps": 10}     → {"seconds": …}, the processor's time for the steps
//   {"network": "squeezenet", "size": 256, "steps": 1}     → the same: forward to fire9, and back to the picture
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]));
const exported = instance.exports, memory = exported.memory;
let top = Number(exported.__heap_base.value);

/** The address of `bytes` bytes that nobody else has. */
function take(bytes) {
  const at = (top + 63) & ~63;
  top = at + bytes;
  const missing = top - memory.buffer.byteLength;
  if (missing > 0) memory.grow((missing + 65535) >> 16);
  return at;
}
const floats = (count) => take(4 * count);
const view = (at, count) => new Float32Array(memory.buffer, at, count);
function random(count, size) {
  const at = floats(count);
  view(at, count).forEach((_, i, all) => (all[i] = (Math.random() * 2 - 1) * size));
  return at;
}
const big = (n) => BigInt(n);
function descriptor(numbers) {
  const at = take(8 * numbers.length);
  new BigInt64Array(memory.buffer, at, numbers.length).set(numbers.map(big));
  return at;
}
let scratch = 0, scratchBytes = 0;
/** One piece of scratch memory for all: the largest that was asked for. */
function need(bytes) {
  if (Number(bytes) > scratchBytes) (scratchBytes = Number(bytes)), (scratch = take(scratchBytes));
}

/** A convolution of an image x (n, c, size, size) with its place for results. */
function conv(n, c, size, oc, kernel, stride, padding) {
  const out = Math.floor((size + 2 * padding - kernel) / stride) + 1;
  const d = descriptor([n, c, size, size, oc, kernel, kernel, stride, stride, padding, padding, 1, 1, 1, out, out]);
  need(exported.hp_conv2d_forward_work_f32(d)), need(exported.hp_conv2d_backward_input_work_f32(d));
  need(exported.hp_conv2d_backward_weight_work_f32(d));
  const count = n * oc * out * out, weights = oc * c * kernel * kernel;
  const weight = random(weights, Math.sqrt(3 / (c * kernel * kernel))), bias = random(oc, 0.01);
  return { d, out, count, weight, bias, weights, oc, y: floats(count), gy: floats(count), gw: floats(weights), gb: floats(oc) };
}
function pool(n, c, size, kernel, stride, ceil) {
  const out = (ceil ? Math.ceil : Math.floor)((size - kernel) / stride) + 1;
  const count = n * c * out * out;
  const d = descriptor([n * c, size, size, out, out, kernel, kernel, stride, stride, 0, 0, 1, 1]);
  return { d, out, count, y: floats(count), gy: floats(count), index: take(4 * count) };
}

/** convnetjs's MNIST network: conv 8 5×5, pool 2, conv 16 5×5, pool 3, linear 10, softmax; one step of training by SGD. */
function convnetjs(batch) {
  const n = batch, x = random(n * 576, 1), labels = take(8 * n), totals = take(16), one = floats(1);
  new BigInt64Array(memory.buffer, labels, n).forEach((_, i, all) => (all[i] = big(i % 10)));
  view(one, 1)[0] = 1 / n;
  const a = conv(n, 1, 24, 8, 5, 1, 2), p = pool(n, 8, 24, 2, 2), b = conv(n, 8, 12, 16, 5, 1, 2), q = pool(n, 16, 12, 3, 3);
  const weight = random(2560, 0.1), bias = random(10, 0.01), gw = floats(2560), gb = floats(10);
  const logits = floats(n * 10), logP = floats(n * 10), loss = floats(n), g = floats(n * 10);
  need(exported.hp_gemm_work_f32());
  const e = exported, w = () => scratch, sgd = (count, p, g) => e.hp_sgd_f32(big(count), p, g, 0, 1n, 0.01, 0, 0, 0, 0n, 0n);
  return () => {
    e.hp_conv2d_forward_f32(a.d, x, a.weight, a.bias, a.y, w());
    e.hp_relu_forward_f32(big(a.count), a.y, a.y);
    e.hp_max_pool2d_forward_f32(p.d, a.y, p.y, p.index);
    e.hp_conv2d_forward_f32(b.d, p.y, b.weight, b.bias, b.y, w());
    e.hp_relu_forward_f32(big(b.count), b.y, b.y);
    e.hp_max_pool2d_forward_f32(q.d, b.y, q.y, q.index);
    e.hp_gemm_f32(0n, 1n, big(n), 10n, 256n, 1, q.y, 256n, weight, 256n, 0, logits, 10n, w());
    e.hp_add_bias_f32(big(n), 10n, 1n, bias, 0n, logits);
    e.hp_cross_entropy_forward_f32(big(n), 10n, 1n, logits, labels, 0, -100n, 0, logP, loss, totals);

    e.hp_cross_entropy_backward_f32(big(n), 10n, 1n, logP, labels, 0, -100n, 0, one, 0n, 1, g);
    e.hp_gemm_f32(1n, 0n, 10n, 256n, big(n), 1, g, 10n, q.y, 256n, 0, gw, 256n, w());
    e.hp_bias_backward_f32(big(n), 10n, 1n, g, gb);
    e.hp_gemm_f32(0n, 0n, big(n), 256n, 10n, 1, g, 10n, weight, 256n, 0, q.gy, 256n, w());
    e.hp_max_pool2d_backward_f32(q.d, q.gy, q.index, b.gy);
    e.hp_relu_backward_f32(big(b.count), b.y, b.gy, b.gy);
    e.hp_conv2d_backward_weight_f32(b.d, p.y, b.gy, b.gw, b.gb, w());
    e.hp_conv2d_backward_input_f32(b.d, b.gy, b.weight, p.gy, w());
    e.hp_max_pool2d_backward_f32(p.d, p.gy, p.index, a.gy);
    e.hp_relu_backward_f32(big(a.count), a.y, a.gy, a.gy);
    e.hp_conv2d_backward_weight_f32(a.d, x, a.gy, a.gw, a.gb, w());

    sgd(a.weights, a.weight, a.gw), sgd(8, a.bias, a.gb), sgd(b.weights, b.weight, b.gw), sgd(16, b.bias, b.gb);
    sgd(2560, weight, gw), sgd(10, bias, gb);
    const value = new Float64Array(memory.buffer, totals, 2)[0] / n;
    if (!Number.isFinite(value)) throw new Error(`the loss became ${value}`);
    return value;
  };
}

/** SqueezeNet 1.1 up to fire9: forward, and the gradient of its mean with respect to the picture. */
function squeezenet(size) {
  const e = exported, steps = [], back = [], w = () => scratch;
  let at = random(3 * size * size, 1), channels = 3, side = size, gradient = floats(3 * size * size);
  const picture = gradient;
  const through = (c, from, to, g, gTo) => {
    steps.push(() => (e.hp_conv2d_forward_f32(c.d, from, c.weight, c.bias, to, w()), e.hp_relu_forward_f32(big(c.count), to, to)));
    back.unshift((add) => {
      e.hp_relu_backward_f32(big(c.count), to, gTo, gTo);
      e.hp_conv2d_backward_input_f32(c.d, gTo, c.weight, g, w());
    });
  };
  const convolve = (oc, kernel, stride, padding) => {
    const c = conv(1, channels, side, oc, kernel, stride, padding);
    through(c, at, c.y, gradient, c.gy);
    (at = c.y), (gradient = c.gy), (channels = oc), (side = c.out);
  };
  const shrink = () => {
    const p = pool(1, channels, side, 3, 2, true), from = at, g = gradient;
    steps.push(() => e.hp_max_pool2d_forward_f32(p.d, from, p.y, p.index));
    back.unshift(() => e.hp_max_pool2d_backward_f32(p.d, p.gy, p.index, g));
    (at = p.y), (gradient = p.gy), (side = p.out);
  };
  const fire = (squeeze, expand) => {
    convolve(squeeze, 1, 1, 0);
    const from = at, g = gradient, a = conv(1, channels, side, expand, 1, 1, 0), b = conv(1, channels, side, expand, 3, 1, 1);
    const both = floats(2 * a.count), gBoth = floats(2 * a.count), second = floats(channels * side * side), n = channels * side * side;
    back.unshift(() => e.hp_axpy_f32(big(n), 1, second, g));
    through(a, from, both, g, gBoth);
    through(b, from, both + 4 * a.count, second, gBoth + 4 * a.count);
    (at = both), (gradient = gBoth), (channels = 2 * expand);
  };
  convolve(64, 3, 2, 0), shrink(), fire(16, 64), fire(16, 64), shrink(), fire(32, 128), fire(32, 128), shrink();
  fire(48, 192), fire(48, 192), fire(64, 256), fire(64, 256);
  const count = channels * side * side, last = gradient;
  return () => {
    for (const step of steps) step();
    view(last, count).fill(1 / count);
    for (const step of back) step();
    return view(picture, 1)[0];
  };
}

const made = new Map();
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line), key = `${asked.network} ${asked.batch ?? asked.size}`;
  if (!made.has(key)) made.set(key, asked.network === "convnetjs" ? convnetjs(asked.batch) : squeezenet(asked.size));
  const step = made.get(key), begun = process.cpuUsage();
  let value;
  for (let i = 0; i < asked.steps; i++) value = step();
  const { user, system } = process.cpuUsage(begun);
  process.stdout.write(JSON.stringify({ seconds: (user + system) / 1e6, value }) + "\n");
}
