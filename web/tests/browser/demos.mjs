// Opens the demos as a visitor does, in Chromium or Firefox; started by tests/integration/test_demos.py.
// node demos.mjs BROWSER PROGRAM FOLDER OUT all|short [WITH_MNIST]: prints one JSON line for each thing tried. FOLDER: the address that they
// lie under; WITH_MNIST: the same with MNIST's digits. `all`: by keyboard alone, with less motion, accessibility and sizes as well.
import { accessible, dark, expect, opened, tooWide, trials } from "./opened.mjs";

const [browserName, program, folder, out, how, withMnist] = process.argv.slice(2);
const PATIENCE = 60_000; // a room's oldest laptop, busy, must not fail for being slow
const SLOWEST_FRAME = 200; // ms, of half of the frames
const SMALLEST = 13; // CSS pixels of a letter

/** What its figures say when a demo has learned something. */
const LEARNS = {
  spirals: "number('loss') < 0.3", paint: "number('error') < 12", digits: "number('right') > 80", race: "number('loss') < 0.3",
  map: "number('same') > 80", grid: "number('worth') > 0.3", puck: "number('ticks') > 4000 && number('reward') < 0",
};
const OF_DIGITS = ["digits", "race", "map"];
const names = Object.keys(LEARNS);

/** Keys in the canvas, and what is told to a screen reader then. Paint's canvas only shows. */
const KEYS = {
  spirals: [["n", "ArrowRight"], "point 1 of 160"], digits: [[" ", ...Array(8).fill("ArrowDown")], "Looks like \\d"], race: [["ArrowRight"], "^−?\\d\\.\\d, −?\\d\\.\\d"],
  map: [["ArrowRight"], "It is a \\d"], grid: [["ArrowRight", "w"], "^\\d+, \\d+: wall"], puck: [["ArrowRight"], "target \\d\\.\\d\\d, \\d\\.\\d\\d"],
};
const SIZES = { phone: [390, 844], laptop: [1366, 768], projector: [1920, 1080] };

const { browser, page, asked, outside, troubles } = await opened(browserName, program, folder, PATIENCE);
const { tried, failed } = trials(page, out);
const NUMBER = `const number = (name) => Number.parseFloat(document.querySelector('[data-figure="' + name + '"]')?.textContent.replace(/,/g, "").replace("−", "-") ?? "")`;
const look = (expression) => page.evaluate(`(() => { ${NUMBER}; return ${expression}; })()`);
const until = (condition) => page.waitForFunction(`(() => { ${NUMBER}; return ${condition}; })()`, { timeout: PATIENCE, polling: 50 });
const FIGURES = '[...document.querySelectorAll("[data-figure]")].filter((one) => one.checkVisibility()).map((one) => one.dataset.figure + " " + one.textContent).join(", ")';
const SPOKEN = 'document.querySelector("[role=status]").textContent';
const TRAINS = 'performance.getEntriesByName("training")[0]?.startTime';

async function open(name, from = folder) {
  asked.length = 0;
  await page.goto(`${from}${name}.html`, { waitUntil: "load" });
}

async function learns(name, from = folder) {
  await open(name, from);
  await until(TRAINS);
  await until(LEARNS[name]).catch(async (error) => { throw new Error(`${error.message} ${await look(FIGURES)}`); });
  expect((await look('document.body.innerText.includes("MNIST")')) === (from === withMnist), "other digits");
  const files = new Set(asked.filter((url) => !url.startsWith("data:")).map((url) => url.split("/").at(-1)));
  const allowed = from === withMnist ? [`${name}.html`, "demo-digits.js"] : [`${name}.html`];
  expect([...files].every((file) => allowed.includes(file)) && (folder.startsWith("file:") || files.size === allowed.length), [...files]);
  return { trainsAfter: Math.round(await look(TRAINS)), figures: await look(FIGURES) };
}

/** Tab from the top to the end: everything that one can use is reached and shows it; what folds is opened with Enter. */
async function byTab() {
  await look("document.activeElement.blur()");
  const unseen = [];
  for (let step = 0; step < 120; step += 1) {
    await page.keyboard.press("Tab");
    const found = JSON.parse(await look(`(() => {
      const at = document.activeElement;
      if (at === document.body) return "{}"; // past the end, once
      if (at.dataset.reached) return "null";
      at.dataset.reached = "yes";
      const style = getComputedStyle(at.classList.contains("spoken") ? at.nextElementSibling : at);
      return JSON.stringify({ tag: at.tagName, seen: style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) >= 2, what: at.outerHTML.slice(0, 120) });
    })()`));
    if (!found) break;
    if (found.seen === false) unseen.push(found.what);
    if (found.tag === "SUMMARY") await page.keyboard.press("Enter");
  }
  expect(!unseen.length, unseen);
  const missed = await look(`[...document.querySelectorAll('a[href], button, select, input, summary, [tabindex="0"]')]
    .filter((one) => one.checkVisibility() && !one.disabled && !one.dataset.reached && !(one.type === "radio" && !one.checked)).map((one) => one.outerHTML.slice(0, 120))`);
  expect(!missed.length, missed);
}

async function byKeys(name) {
  const [keys, told] = KEYS[name];
  await page.focus('canvas[role="application"]');
  for (const key of keys) await page.keyboard.press(key);
  await until(`new RegExp(${JSON.stringify(told)}).test(${SPOKEN})`).catch(async () => expect(false, await look(SPOKEN)));
}

/** Every chart's table has been opened by now. */
async function tables() {
  const seen = '[...document.querySelectorAll(".figure-table")].filter((one) => one.checkVisibility())';
  await until(`${seen}.every((one) => one.open)`);
  const empty = await look(`${seen}.filter((one) => !/\\d/.test(one.querySelector("tbody").textContent)).map((one) => one.textContent)`);
  expect(!empty.length, empty);
  const bare = await look('[...document.querySelectorAll(".chart")].filter((one) => !one.querySelector(".figure-table")).length');
  const count = await look(`${seen}.length`);
  expect(!bare && count > 0, { bare, count });
  return count;
}

async function fits() {
  for (const [size, [width, height]] of Object.entries(SIZES)) {
    await page.setViewport({ width, height });
    expect((await tooWide(page)) <= 0, `${size}: ${await tooWide(page)} pixels too wide`);
    const small = await look(`[...document.querySelectorAll("#demo *")].filter((one) => one.checkVisibility() && !one.closest(".spoken")
      && [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()) && Number.parseFloat(getComputedStyle(one).fontSize) < ${SMALLEST}).map((one) => one.outerHTML.slice(0, 120))`);
    expect(!small.length, [size, small]);
  }
  await page.setViewport({ width: 1366, height: 768 });
}

async function bothThemes() {
  for (const on of [false, true]) {
    await dark(page, on);
    await accessible(page);
  }
  await dark(page, false);
}

await page.setViewport({ width: 1366, height: 768 });
for (const name of names) {
  await tried(`${name} learns`, () => learns(name));
  if (how !== "all") continue;
  if (name === "puck") await tried("the page answers while a puck learns", async () => {
    const times = await page.evaluate(`new Promise((done) => {
      const times = [];
      let last = performance.now();
      const next = (now) => { times.push(now - last); last = now; times.length < 60 ? requestAnimationFrame(next) : done(times); };
      requestAnimationFrame(next);
    })`);
    times.sort((a, b) => a - b);
    expect(times[30] < SLOWEST_FRAME, times);
    return { median: Math.round(times[30]), slowestOfTwenty: Math.round(times[57]) };
  });
  await page.click(".run"); // paused, so that this does not take its time
  await tried(`${name} is used by keyboard alone, and each chart has its numbers behind it`, async () => {
    await byTab();
    if (KEYS[name]) await byKeys(name);
    return { tables: await tables() };
  });
  await tried(`${name} is accessible, light and dark, and fits phone, laptop and projector`, async () => {
    await fits();
    await bothThemes();
  });
}

if (how === "all") {
  for (const name of names) await tried(`${name} waits for Run where the system asks for less motion`, async () => {
    await page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "reduce" }]);
    await open(name);
    await until('document.querySelector(".still")');
    await page.evaluate("new Promise((resolve) => setTimeout(resolve, 300))");
    expect(!(await look(TRAINS)), "it trains");
    await page.click(".run");
    await until(`${TRAINS} && !document.querySelector(".still")`);
  });
  await page.emulateMediaFeatures([]);
  await tried("the index leads to each demo by keyboard, is accessible and fits", async () => {
    await open("index");
    const links = await look('[...document.querySelectorAll(".demos a")].map((one) => one.getAttribute("href"))');
    expect(JSON.stringify(links) === JSON.stringify(names.map((name) => `${name}.html`)), links);
    await byTab();
    await fits();
    await bothThemes();
    await page.focus(".demos a");
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    await until('document.querySelector("#demo .run")');
  });
}

if (withMnist) for (const name of OF_DIGITS) await tried(`${name} learns from MNIST`, () => learns(name, withMnist));

await tried("nothing was asked for elsewhere, and the pages made no mistake", () => {
  expect(!outside.length, outside);
  expect(!troubles.length, troubles);
});

await browser.close();
process.exit(failed() ? 1 : 0);
