// Drives the page as a learner does, in Chromium or Firefox; started by tests/integration/test_page.py.
// node drive.mjs BROWSER PROGRAM ADDRESS OUT all|short: prints one JSON line for each thing tried, writes pictures to OUT.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as common from "./opened.mjs";
import { expect } from "./opened.mjs";

const [browserName, program, address, out, how] = process.argv.slice(2);
const PATIENCE = 60_000;
const { browser, page, outside, troubles } = await common.opened(browserName, program, address, PATIENCE);
const { tried, failed } = common.trials(page, out);

/** In the page: wait until `condition` (an expression) is true. */
const until = (condition) => page.waitForFunction(`(() => { ${VIEW}; return ${condition}; })()`, { timeout: PATIENCE, polling: 50 });
const VIEW = "const view = window.handson?.view, cells = view?.cells ?? []";
const look = (expression) => page.evaluate(`(() => { ${VIEW}; return ${expression}; })()`);
const act = (statements) => page.evaluate(`(async () => { ${VIEW}; ${statements} })()`);
const write = (cell, text) => act(`cells[${cell}].setText(${JSON.stringify(text)})`);
const runCell = (cell, text) => act(`${text === undefined ? "" : `cells[${cell}].setText(${JSON.stringify(text)});`} await view.enqueue([cells[${cell}]])`);
const textOf = (cell) => look(`cells[${cell}].element.innerText`);

const accessible = () => common.accessible(page);
const dark = (on) => common.dark(page, on);
const wide = () => common.tooWide(page);
const shot = (name) => page.screenshot({ path: join(out, `${browserName}-${name}.png`) });

await page.setViewport({ width: 1280, height: 900 });

await tried("the list shows the lessons and is accessible, light and dark", async () => {
  await page.goto(address, { waitUntil: "load" });
  await page.waitForSelector(".card h3", { timeout: PATIENCE });
  for (const on of [false, true]) { await dark(on); await accessible(); }
  await dark(false);
  return page.$$eval(".card h3", (titles) => titles.map((title) => title.textContent));
});

await tried("a lesson opened by its address runs its first cell by keyboard", async () => {
  const began = Date.now();
  await page.goto("about:blank");
  await page.goto(`${address}#/add`, { waitUntil: "load" });
  await until("cells.length > 0");
  await look("cells[0].focusEditor()");
  await page.keyboard.down("Shift");
  await page.keyboard.press("Enter");
  await page.keyboard.up("Shift");
  await until('cells[0].outputs.element.innerText.includes("ready")');
  return { firstOutputMs: Date.now() - began, python: (await look("view.report().python")), startedIn: await look("view.report().startedIn") };
});

await tried("Escape leaves the editor and arrows go from cell to cell", async () => {
  await look("cells[0].focusEditor()");
  await page.keyboard.press("Escape");
  expect(await look("document.activeElement === cells[0].element"), await look("document.activeElement.outerHTML.slice(0, 200)"));
  await page.keyboard.press("ArrowDown");
  expect(await look("document.activeElement === cells[1].element"), await look("document.activeElement.outerHTML.slice(0, 200)"));
});

await tried("Shift-Enter goes through the lesson, past its folded check, and stays in an exercise that is open", async () => {
  const shiftEnter = async () => { await page.keyboard.down("Shift"); await page.keyboard.press("Enter"); await page.keyboard.up("Shift"); };
  await look("cells[0].focusEditor()");
  await shiftEnter();
  await until("document.activeElement === cells[1].element.querySelector('summary')");
  await shiftEnter();
  await until("cells[2].element.contains(document.activeElement)");
  expect(await look("cells[1].state === 'done' && !cells[1].element.querySelector('details').open"), await look("cells[1].element.innerText"));
  await page.setViewport({ width: 1280, height: 400 }); // so that the result is below the window
  await act("cells[2].element.scrollIntoView()");
  await shiftEnter();
  await until("cells[2].state === 'failed'");
  const [top, bottom] = await look("((at) => [at.top, at.bottom])(cells[2].outputs.element.querySelector('.result').getBoundingClientRect())");
  expect(top >= 0 && bottom <= 400, { top, bottom });
  expect(await look("cells[2].element.contains(document.activeElement)"), await look("document.activeElement.outerHTML.slice(0, 200)"));
  await page.setViewport({ width: 1280, height: 900 });
});

await tried("Run all goes on behind an exercise that is open, and draws its figure and field", async () => {
  await act("await view.enqueue(cells)");
  const states = await look("cells.map((cell) => cell.state)");
  expect(states[2] === "failed" && states.every((state, i) => i === 2 || state === "done"), { states, says: await look("cells.map((cell) => cell.element.innerText)") });
  expect((await textOf(2)).includes("2 and 2 make 4."), await textOf(2));
  await until('document.querySelector(".figure svg")');
  expect(await look('!!document.querySelector(".figure-table table")'), "no table behind the figure");
  await until('document.querySelector(".widget button")');
  await act('document.querySelector(".widget button").click()');
  await until('document.querySelector(".widget").innerText.includes("python heard 3 bytes")');
});

await tried("the exercise is solved", async () => {
  await runCell(2, "def add(a, b):\n    return a + b\n\nlab.check(add)");
  expect((await textOf(2)).includes("add is right"), await textOf(2));
});

await tried("an error shows the learner's lines", async () => {
  await runCell(5, "def half(x):\n    return x / 0\n\nhalf(1)");
  const text = await textOf(5);
  expect(text.includes("ZeroDivisionError") && text.includes("return x / 0") && text.includes("<cell 6>"), text);
});

await tried("what a lesson saves is offered", async () => {
  await runCell(5, "from handson.lab import front\nfront.hand_over('mine.txt', 'text/plain', b'mine')");
  await until('document.querySelector(".your-files").innerText.includes("mine.txt")');
});

await tried("Stop ends an endless loop at once and says what is lost", async () => {
  await write(5, "while True:\n    pass");
  await act("view.enqueue([cells[5]]); await new Promise((resolve) => setTimeout(resolve, 700))");
  const began = Date.now();
  await page.click(".stop");
  await until('cells[5].state === "stopped"');
  const took = Date.now() - began;
  expect(took < 3000, `${took} ms`);
  expect((await textOf(5)).includes("its variables are gone, your text is not"), await textOf(5));
  expect((await look("cells[5].text")).includes("while True"), "the text is gone");
  return { took };
});

await tried("a cell stopped before Python is there never runs, and the learner's files are there again", async () => {
  await runCell(5, `from handson.lab import front
mine = __import__("pathlib").Path.home() / "photos" / "mine.png"
mine.parent.mkdir()
mine.write_bytes(b"mine")
front.keep(mine, b"mine")`);
  const counted = await look("view.done");
  await write(5, "print((__import__('pathlib').Path.home() / 'photos' / 'mine.png').read_bytes())");
  await act("view.restart(); const run = view.enqueue([cells[5]]); view.stop(); await run");
  expect(await look('cells[5].state === "idle"'), await look("cells[5].state"));
  await until("view.report().python");
  expect((await look("view.done")) === counted, "it ran");
  await act("view.restart(); view.restart()"); // also in the middle of a start
  await runCell(5);
  expect((await textOf(5)).includes("b'mine'"), await textOf(5));
  await write(5, "while True:\n    pass");
  await act("view.enqueue([cells[5]]); await new Promise((resolve) => setTimeout(resolve, 500)); view.stop()");
  await until('cells[5].state === "stopped"');
});

await tried("Run all above, offered there, brings the variables back", async () => {
  await act('[...cells[5].element.querySelectorAll(".note button")][0].click()');
  await until('cells.slice(0, 5).every((cell) => cell.state === "done")');
  await runCell(5, "print(add(20, 1))");
  expect((await textOf(5)).includes("21"), await textOf(5));
});

await tried("a loop that prints is stopped with its variables kept, where the browser can", async () => {
  const can = await look('"Suspending" in WebAssembly');
  await write(5, "i = 0\nwhile True:\n    i += 1\n    if i % 100000 == 0:\n        print(i)");
  await act("view.enqueue([cells[5]]); await new Promise((resolve) => setTimeout(resolve, 1000)); view.stop()");
  await until('cells[5].state === "stopped"');
  if (can) {
    await runCell(5, "print(i > 0)");
    expect((await textOf(5)).includes("True"), await textOf(5));
  }
  return { can };
});

await tried("a loop that does nothing but print leaves Stop to be clicked, and what was typed", async () => {
  await act("cells[5].setText(''); cells[5].focusEditor()");
  await page.keyboard.type("while True: print('x')");
  const typed = await look("cells[5].text");
  await act("void view.enqueue([cells[5]])");
  await until("cells[5].outputs.element.innerText.includes('earlier lines')");
  await new Promise((resolve) => setTimeout(resolve, 4000)); // the longer it prints, the more there is to show
  const began = Date.now();
  await page.click(".stop");
  await until('cells[5].state === "stopped"');
  const took = Date.now() - began;
  expect(took < 3000, `${took} ms`);
  expect(typed.startsWith("while True") && (await look("cells[5].text")) === typed, typed);
  const pre = await look("cells[5].outputs.element.querySelector('pre').textContent.split('\\n').length");
  expect(pre <= 400, `${pre} lines are shown`);
  return { took };
});

await tried("a name that is missing since Python was restarted is told, with the way back", async () => {
  await act("view.restart()");
  await runCell(5, "add(1, 2)");
  expect((await textOf(5)).includes("“add” comes from cell 2"), await textOf(5));
  await act('cells[5].element.querySelector(".note button").click()');
  await until("!view.working && cells[4].state === 'done'");
  await runCell(5);
  expect((await look("cells[5].state")) === "done", await textOf(5));
});

if (how === "all") await tried("training is shared out to another worker, and learns the same", async () => {
  await runCell(5, `import time, json, torch
from torch import nn
from handson.pocket import parallel

def losses(steps):
    torch.manual_seed(1)
    network, batch = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)), torch.randn(64, 6)
    optimizer, found = torch.optim.SGD(network.parameters(), 0.1), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = network(batch).square().mean()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found

alone, began = losses(5), time.time()
while parallel.count() < 2 and parallel.recruit and time.time() - began < 40:
    losses(5)
shared = losses(5)
print(json.dumps({"workers": parallel.count(), "apart": max(abs(a - b) for a, b in zip(alone, shared))}))`);
  const told = JSON.parse((await look("view.report().cells[5].outputs")).map((output) => output.text ?? "").join("").trim().split("\n").at(-1));
  expect(told.apart < 1e-4, told);
  expect(told.workers >= 2 || !(await look('"Suspending" in WebAssembly')) || (await look("navigator.hardwareConcurrency")) < 2, told);
  return told;
});

if (how === "all") await tried("running out of memory is survived", async () => {
  await runCell(5, "big = []\nwhile True:\n    big.append(bytearray(10**8))");
  expect((await textOf(5)).includes("MemoryError"), await textOf(5));
  await runCell(5, "del big\nprint('alive')");
  expect((await textOf(5)).includes("alive"), await textOf(5));
});

if (how === "all") await tried("Python that breaks is replaced, and the text stays", async () => {
  await runCell(5, "import os\nos.abort()");
  expect((await textOf(5)).includes("Python ended and was restarted"), await textOf(5));
  await runCell(5, "print('a new one')");
  expect((await textOf(5)).includes("a new one"), await textOf(5));
});

await tried("the lesson is accessible, light and dark, and fits a phone", async () => {
  for (const on of [false, true]) {
    await dark(on);
    await accessible();
    await act("scrollTo(0, 0)");
    await shot(on ? "dark" : "light");
  }
  await page.setViewport({ width: 360, height: 740 });
  expect((await wide()) <= 0, `the lesson is ${await wide()} pixels too wide`);
  const [says, cut] = await look("((says) => [says.textContent, says.scrollWidth - says.clientWidth])(document.querySelector('.says'))");
  expect(says === "Python is ready" && cut <= 0, `“${says}” is ${cut} pixels too wide`);
  await shot("phone");
  await page.setViewport({ width: 1920, height: 1080 });
  await shot("projector");
  await page.setViewport({ width: 1280, height: 900 });
  await dark(false);
});

await tried("edits are there again after the page was opened anew", async () => {
  await write(1, "# mine\nprint('kept')");
  await act("view.flush(); await new Promise((resolve) => setTimeout(resolve, 200))");
  await page.goto("about:blank");
  await page.goto(`${address}#/add`, { waitUntil: "load" });
  await until("cells.length > 0");
  expect((await look("cells[1].text")).startsWith("# mine"), await look("cells[1].text"));
  expect(await look("cells[1].edited"), "not marked as edited");
});

await tried("what was typed just before a reload is there", async () => {
  await act("cells[1].element.querySelector('details').open = true; cells[1].editor.focus()");
  await page.keyboard.type("# late ");
  const typed = await look("cells[1].text");
  await page.reload({ waitUntil: "load" });
  await until("cells.length > 0");
  expect(typed.includes("# late") && (await look("cells[1].text")) === typed, { typed, text: await look("cells[1].text") });
  const left = await look("Object.keys(localStorage).filter((key) => key.includes('add-'))");
  expect(!left.length, left);
  await write(1, "# mine\nprint('kept')");
});

if (how === "all") await tried("all cells are put back to the original", async () => {
  page.once("dialog", (dialog) => dialog.accept());
  await page.click(".menu > summary");
  await act('[...document.querySelectorAll(".menu-items button")][3].click()');
  await until("cells.every((cell) => !cell.edited)");
  await write(1, "# mine\nprint('kept')");
});

await tried("the lesson is taken home", async () => {
  await act("await view.enqueue([cells[0], cells[1]])");
  writeFileSync(join(out, "home.ipynb"), await look("view.asNotebook()"));
  writeFileSync(join(out, "home.py"), await look("view.asScript()"));
});

await tried("nothing was asked for elsewhere, and the page made no mistake", () => {
  expect(!outside.length, outside);
  const unexpected = troubles.filter((one) => !/unreachable|exception: undefined|^undefined$/.test(one)); // os.abort() above
  expect(!unexpected.length, unexpected);
});

await browser.close();
process.exit(failed() ? 1 : 0);
