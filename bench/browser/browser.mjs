// One question to one browser: node browser.mjs '{"browser", "program", "address", …}' prints one JSON line.
//   {"code": …, "lesson": …}   run Python in the page of a lesson; the answer is what it printed last, as JSON
//   {"startup": true, …}       milliseconds from opening the page to what the first cell prints
//   {"script": …, "source": …} load a script into an empty page and evaluate an expression there
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const web = createRequire(fileURLToPath(new URL("../../web/package.json", import.meta.url)));
const { default: puppeteer } = await import(web.resolve("puppeteer-core"));
const asked = JSON.parse(process.argv[2]);
const PATIENCE = 600_000;
const CHROMIUM = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND",
];
const firefox = asked.browser === "firefox";
const browser = await puppeteer.launch({
  browser: firefox ? "firefox" : "chrome", executablePath: asked.program, headless: true, protocolTimeout: PATIENCE, args: firefox ? [] : CHROMIUM,
});
const page = await browser.newPage();
const until = (condition) => page.waitForFunction(condition, { timeout: PATIENCE, polling: 20 });

async function answer() {
  if (asked.script) {
    await page.goto("about:blank");
    await page.evaluate(readFileSync(asked.script, "utf8"));
    return page.evaluate(asked.source);
  }
  const began = Date.now();
  await page.goto(`${asked.address}#/${asked.lesson}`, { waitUntil: "load" });
  await until("(window.handson?.view?.cells ?? []).length > 0");
  await page.evaluate(`(async () => { const cell = handson.view.cells[0]; cell.setText(${JSON.stringify(asked.code)}); await handson.view.enqueue([cell]); })()`);
  const told = await page.evaluate("JSON.stringify(handson.view.report())");
  const cell = JSON.parse(told).cells[0];
  const milliseconds = Date.now() - began;
  const failed = cell.outputs.find((output) => output.type === "error");
  if (failed) throw new Error(failed.error.traceback || failed.error.evalue);
  const text = cell.outputs.filter((output) => output.type === "stream").map((output) => output.text).join("");
  return asked.startup ? { milliseconds } : JSON.parse(text.trim().split("\n").at(-1));
}

try {
  console.log(JSON.stringify(await answer()));
} finally {
  await browser.close();
}
