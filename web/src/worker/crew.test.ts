import { expect, test } from "vitest";
import { Crew } from "./crew";

const bytes = (...values: number[]) => new Uint8Array(values);

test("answers come in order, whether they are waited for before or after", async () => {
  const crew = new Crew(() => {});
  const { port1, port2 } = new MessageChannel();
  crew.add(port1);
  const asked: number[] = [];
  port2.onmessage = (event: MessageEvent<Uint8Array>) => {
    asked.push(event.data[0]!);
    port2.postMessage(bytes(event.data[0]! * 2));
  };
  const early = crew.wait(0);
  crew.post(0, bytes(3));
  crew.post(0, bytes(4));
  expect([...(await early)]).toEqual([6]);
  expect([...(await crew.wait(0))]).toEqual([8]);
  expect(asked).toEqual([3, 4]);
  port2.close();
});

test("one that is gone answers with nothing, to whom waits and to whom will wait", async () => {
  const crew = new Crew(() => {});
  crew.add(new MessageChannel().port1);
  const early = crew.wait(0);
  crew.gone(0);
  expect([(await early).length, (await crew.wait(0)).length]).toEqual([0, 0]);
});

test("the page is asked once", () => {
  let asked = 0;
  const crew = new Crew(() => { asked += 1; });
  crew.ask();
  crew.ask();
  expect([asked, crew.size()]).toEqual([1, 0]);
});
