import { expect, test } from "vitest";
import { Crew, Line } from "./crew";

const memoryOf = (...values: number[]) => { const bytes = new Uint8Array(values); return () => bytes; };
const none = memoryOf();

test("messages go from memory to memory and are answered in order, waited for before or after", async () => {
  const { port1, port2 } = new MessageChannel();
  const here = memoryOf(3, 4, 4, 0, 0, 0), there = memoryOf(0, 0, 0);
  const crew = new Crew(() => {}, here);
  crew.add(port1);
  const far: Line = new Line(port2, there, (bytes) => { far.take(0); there()[0]! *= 2; far.post(0, bytes); });
  const near = crew.line(0);
  const early = near.wait();
  near.post(0, 1);
  near.post(1, 2);
  expect(await early).toBe(1);
  near.take(3);
  expect(await near.wait()).toBe(2);
  near.take(4);
  expect([...here()]).toEqual([3, 4, 4, 6, 8, 4]);
  port2.close();
});

test("an answer comes in the buffer of the question, and the next question goes in it", async () => {
  const { port1, port2 } = new MessageChannel();
  const sizes: number[] = [];
  port2.onmessage = ({ data }: MessageEvent<Uint8Array<ArrayBuffer>>) => { sizes.push(data.buffer.byteLength); port2.postMessage(data.subarray(0, 1), [data.buffer]); };
  const line = new Line(port1, memoryOf(1, 2, 3, 4));
  for (const bytes of [3, 2, 4]) {
    line.post(0, bytes);
    expect(await line.wait()).toBe(1);
    line.take(0);
  }
  expect(sizes).toEqual([3, 3, 4]);
  port2.close();
});

test("one that is gone answers with nothing, to whom waits and to whom will wait", async () => {
  const crew = new Crew(() => {}, none);
  crew.add(new MessageChannel().port1);
  const early = crew.line(0).wait();
  crew.gone(0);
  expect([await early, await crew.line(0).wait()]).toEqual([0, 0]);
});

test("the page is asked once", () => {
  let asked = 0;
  const crew = new Crew(() => { asked += 1; }, none);
  crew.ask();
  crew.ask();
  expect([asked, crew.size()]).toEqual([1, 0]);
});
