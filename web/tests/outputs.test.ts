import { describe, expect, test } from "vitest";
import { Outputs, overwritten } from "../src/page/outputs";
import type { Site } from "../src/page/site";
import { tellWidget } from "../src/page/widget";

const outputs = (tell: (message: Record<string, unknown>) => void = () => {}) => new Outputs({ site: {} as Site, tell });

describe("what is printed", () => {
  test("comes together in one stream, in order with other streams", () => {
    const shown = outputs();
    shown.stream("stdout", "one ");
    shown.stream("stdout", "two\n");
    shown.stream("stderr", "trouble\n");
    shown.end();
    expect(shown.list).toEqual([{ type: "stream", name: "stdout", text: "one two\n" }, { type: "stream", name: "stderr", text: "trouble\n" }]);
    expect(shown.element.textContent).toBe("one two\ntrouble\n");
  });

  test("is overwritten by carriage returns and backspaces, as in a terminal", () => {
    expect(overwritten("10 %\r20 %\r100 %\n")).toBe("100 %\n");
    expect(overwritten("long line\rshort\n")).toBe("shortline\n");
    expect(overwritten("abc\b\bX")).toBe("aX");
    expect(overwritten("windows\r\nline")).toBe("windows\nline");
  });

  test("is overwritten the same in parts, wherever these end", () => {
    const said = "10%\r20%\r\r30%\rdone \b\r!\r\nabc\rX\b\bYZ\r1\n\rlast\rL";
    const drawn = (parts: string[]) => {
      const shown = outputs();
      for (const part of parts) shown.stream("stdout", part);
      shown.end();
      return shown.element.textContent;
    };
    expect(drawn(["10%\r", "20%\r", "30%\r", "done\n"])).toBe("done\n");
    expect(drawn(["100\r", "2", "0"])).toBe("200");
    expect(drawn(["10%\r"])).toBe("10%");
    expect(drawn([said])).toBe("!one\n1Zc\nLast");
    for (let at = 0; at <= said.length; at += 1) expect(drawn([said.slice(0, at), said.slice(at)])).toBe("!one\n1Zc\nLast");
    expect(drawn([...said])).toBe("!one\n1Zc\nLast");
  });

  test("of many lines shows the last ones and says so", () => {
    const shown = outputs();
    shown.stream("stdout", Array.from({ length: 1000 }, (_, i) => `line ${i}`).join("\n"));
    shown.end();
    expect(shown.element.textContent).toContain("earlier lines are not shown");
    expect(shown.element.textContent).toContain("line 999");
    expect(shown.element.textContent).not.toContain("line 5\n");
  });

  test("is drawn once for many parts, by the browser's next picture, and all of it is kept", async () => {
    const shown = outputs();
    let pictures = 0;
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) for (const node of addedNodes) if (node.nodeName === "PRE") pictures += 1;
    }).observe(shown.element, { childList: true, subtree: true });
    for (let at = 0; at < 20_000; at += 1) shown.stream("stdout", "x\n");
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
    expect(shown.element.textContent).toBe(`… 19,601 earlier lines are not shown${"x\n".repeat(399)}`);
    expect(shown.list).toEqual([{ type: "stream", name: "stdout", text: "x\n".repeat(20_000) }]);
    expect(pictures).toBe(1);
  });

  test("before the outputs were cleared is not drawn behind it", () => {
    const shown = outputs();
    shown.stream("stdout", "old");
    shown.clear();
    shown.stream("stdout", "new");
    shown.end();
    expect([shown.element.textContent, shown.list]).toEqual(["new", [{ type: "stream", name: "stdout", text: "new" }]]);
  });

  test("is no HTML", () => {
    const shown = outputs();
    shown.stream("stdout", "<b>bold</b>");
    shown.end();
    expect(shown.element.querySelector("b")).toBeNull();
  });
});

describe("what is shown", () => {
  test("is replaced in its place", () => {
    const shown = outputs();
    shown.display("d1", { "text/html": "<p>first</p>", "text/plain": "first" });
    shown.display("d2", { "text/plain": "second" });
    expect(shown.update("d1", { "text/html": "<p>better</p>" })).toBe(true);
    expect(shown.update("d9", {})).toBe(false);
    expect(shown.element.textContent).toBe("bettersecond");
  });

  test("is a picture with its text where there is one", () => {
    const shown = outputs();
    shown.display("d1", { "image/png": "AAAA", "text/plain": "a cat" });
    const image = shown.element.querySelector("img")!;
    expect([image.src, image.alt]).toEqual(["data:image/png;base64,AAAA", "a cat"]);
  });

  test("marks an exercise's result in the colours of the page", () => {
    const shown = outputs();
    shown.display("d1", { "application/vnd.handson.check+json": { name: "add", passed: true }, "text/html": '<p style="color:#1a7f5a">✓ add is right.</p>' });
    expect(shown.element.querySelector(".result.passed p")!.getAttribute("style")).toBeNull();
  });
});

describe("errors", () => {
  test("show the learner's lines, the rest on request", () => {
    const shown = outputs();
    shown.error({ ename: "ValueError", evalue: "no", traceback: "cell line\nValueError: no", full: "library line" });
    expect(shown.element.querySelector("pre")!.textContent).toBe("cell line\nValueError: no");
    expect(shown.element.querySelector("details pre")!.textContent).toBe("library line");
  });

  test("that stand above already are not shown twice", () => {
    const shown = outputs();
    shown.error({ ename: "NotYet", evalue: "", traceback: "Not yet: see above.", full: "" });
    expect((shown.element.firstElementChild as HTMLElement).hidden).toBe(true);
  });
});

describe("a widget", () => {
  const esm = `function render({ model, el }) {
    const heard = (content, buffers) => { el.textContent = content.text + new Uint8Array(buffers[0].buffer).join("-"); };
    model.on("msg:custom", heard);
    el.textContent = model.get("state").greeting;
    model.send({ say: "hello" }, undefined, [new Uint8Array([7, 8]).buffer]);
    return () => model.off("msg:custom", heard);
  }
  export default { render };`;

  test("hears and is heard, with bytes, until its output goes", async () => {
    const told: Record<string, unknown>[] = [];
    const shown = outputs((message) => told.push(message));
    shown.display("d1", { "application/vnd.handson.widget+json": { id: "w1", esm, css: "", state: { greeting: "hi" } } });
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(shown.element.querySelector(".widget")!.textContent).toBe("hi");
    expect(told).toEqual([{ type: "widget-message", id: "w1", content: { say: "hello" }, buffers: [btoa("\x07\x08")] }]);
    tellWidget({ id: "w1", content: { text: "bytes " }, buffers: [btoa("\x01\x02")] });
    expect(shown.element.querySelector(".widget")!.textContent).toBe("bytes 1-2");
    shown.clear();
    tellWidget({ id: "w1", content: {}, buffers: [] });
  });

  test("that was drawn again hears, whatever went before it", async () => {
    const bundle = { "application/vnd.handson.widget+json": { id: "w2", esm, css: "", state: { greeting: "hi" } } };
    const [early, late] = [outputs(), outputs()];
    early.display("d1", bundle);
    late.display("d1", bundle);
    await new Promise((resolve) => setTimeout(resolve, 0));
    early.clear();
    tellWidget({ id: "w2", content: { text: "bytes " }, buffers: [btoa("\x01")] });
    expect(late.element.querySelector(".widget")!.textContent).toBe("bytes 1");
  });
});
