// Runs whole lessons in the page, all cells, their trainings cut short; started by tests/integration/test_page_everywhere.py.
// node lessons.mjs BROWSER PROGRAM ADDRESS OUT all|short LESSON=PICTURE…: prints one JSON line for each, writes pictures to OUT. `all`: how
// accessible they are when they have run, too, and how they look on a phone and a projector.
import { join } from "node:path";
import { accessible, dark, expect, opened, tooWide, trials } from "./opened.mjs";

const [browserName, program, address, out, how, ...lessons] = process.argv.slice(2);
const PATIENCE = 240_000; // for one lesson, on a busy machine
const ENVIRONMENT = encodeURIComponent(JSON.stringify({ HANDSON_CHECK: "1" }));
const QUICK = "from handson import lab as _lab\n_lab.pace = lambda steps, at_least=0.2: min(steps, 2)\n";
const SIZES = how === "all" ? { phone: [390, 844], projector: [1920, 1080] } : {};

const { browser, page, outside, troubles } = await opened(browserName, program, address, PATIENCE);
const { tried, failed } = trials(page, out);
const until = (condition) => page.waitForFunction(condition, { timeout: PATIENCE, polling: 100 });

await page.setViewport({ width: 1280, height: 900 });
for (const [lesson, picture] of lessons.map((pair) => pair.split("=")))
  await tried(lesson, async () => {
    await page.goto("about:blank");
    await page.goto(`${address}?environment=${ENVIRONMENT}#/${lesson}`, { waitUntil: "load" });
    await until("(window.handson?.view?.cells ?? []).length > 0");
    await page.evaluate(`(() => { const { view } = handson; view.strict = true; view.cells[0].setText(${JSON.stringify(QUICK)} + view.cells[0].text); view.enqueue(view.cells); })()`);
    await until("!handson.view.working");
    const { cells } = await page.evaluate("JSON.parse(JSON.stringify(handson.view.report()))");
    for (const cell of cells) {
      const error = cell.outputs.find((output) => output.type === "error")?.error;
      expect(!cell.note && !error, `cell ${cell.position}: ${cell.note || error?.traceback || error?.evalue}`);
    }
    await until(`handson.view.fileNames().includes(${JSON.stringify(picture)})`); // the browser draws some of them
    if (how === "all")
      for (const on of [false, true]) {
        await dark(page, on);
        await accessible(page);
      }
    for (const [size, [width, height]] of Object.entries(SIZES)) {
      await page.setViewport({ width, height });
      expect((await tooWide(page)) <= 0, `${size}: wider than the screen by ${await tooWide(page)} px`);
      for (const on of [false, true]) {
        await dark(page, on);
        await page.screenshot({ path: join(out, `${lesson}-${size}-${on ? "dark" : "light"}.png`), fullPage: true });
      }
    }
    await page.setViewport({ width: 1280, height: 900 });
    return `${cells.length} cells in ${(cells.reduce((sum, cell) => sum + cell.milliseconds, 0) / 1000).toFixed(1)} s`;
  });
await tried("nobody else was asked for anything, and the page has no errors of its own", () => {
  expect(!outside.length, outside);
  expect(!troubles.length, troubles);
});
await browser.close();
process.exit(failed() ? 1 : 0);
