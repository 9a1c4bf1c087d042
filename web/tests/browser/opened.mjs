// A browser that finds no host but this machine, and one page in it; shared by drive.mjs and demos.mjs.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import puppeteer from "puppeteer-core";

export const HOST = "class.lan"; // a name that is loopback here: to browsers it has the standing of a machine in the LAN
const OURS = [HOST, "127.0.0.1", "localhost"];
const CHROMIUM = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--disable-dev-shm-usage", `--host-resolver-rules=MAP ${HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost`,
];
const FIREFOX = {
  "network.dns.localDomains": HOST, "network.captive-portal-service.enabled": false, "network.connectivity-service.enabled": false,
  // All else is asked of a proxy that is not there, names included.
  "network.proxy.type": 1, "network.proxy.socks": "127.0.0.1", "network.proxy.socks_port": 9, "network.proxy.socks_remote_dns": true,
  "network.proxy.no_proxies_on": OURS.join(","), "network.proxy.failover_direct": false,
};

/** browserName: chromium or firefox. Gives the browser, its page, what was asked for outside `address`, and the page's own errors. */
export async function opened(browserName, program, address, patience) {
  const firefox = browserName === "firefox";
  const browser = await puppeteer.launch({
    browser: firefox ? "firefox" : "chrome", executablePath: program, headless: true, protocolTimeout: patience,
    args: firefox ? [] : CHROMIUM, extraPrefsFirefox: FIREFOX,
  });
  const page = await browser.newPage();
  const [outside, asked, troubles] = [[], [], []];
  const isInside = (url) => /^(data|blob|about|file):/.test(url) || new URL(url).origin === new URL(address).origin;
  page.on("request", (request) => {
    asked.push(request.url());
    if (!isInside(request.url())) outside.push(request.url());
  });
  page.on("pageerror", (error) => troubles.push(String(error?.message ?? error)));
  return { browser, page, outside, asked, troubles };
}

/** Prints one JSON line for each thing tried; `failed()` says whether one did not hold, a picture of which is in `out`. */
export function trials(page, out) {
  let failed = false;
  return {
    failed: () => failed,
    async tried(what, act) {
      const began = Date.now();
      try {
        const detail = await act();
        console.log(JSON.stringify({ what, ok: true, ms: Date.now() - began, detail: detail ?? null }));
      } catch (error) {
        failed = true;
        await page.screenshot({ path: join(out, "failed.png") }).catch(() => {});
        console.log(JSON.stringify({ what, ok: false, ms: Date.now() - began, detail: String(error?.stack ?? error).slice(0, 1500) }));
      }
    },
  };
}

export function expect(condition, seen) {
  if (!condition) throw new Error(`seen instead: ${typeof seen === "string" ? seen : JSON.stringify(seen)}`);
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** No serious or critical finding of axe-core. */
export async function accessible(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(`axe.run(document, { resultTypes: ["violations"] }).then((result) => result.violations
    .filter((one) => one.impact === "serious" || one.impact === "critical")
    .map((one) => one.id + ": " + one.nodes.slice(0, 3).map((node) => node.target + " " + node.failureSummary).join(" | ")))`);
  expect(!found.length, found);
}

export const dark = (page, on) => page.evaluate(`document.documentElement.dataset.theme = ${JSON.stringify(on ? "dark" : "light")}`);
export const tooWide = (page) => page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
