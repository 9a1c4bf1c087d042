// Builds the front end into dist/: classic scripts only, because pages opened from file:// load no modules.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { compiledLibrary } from "./stdlib.mjs";

const DIST = "dist";
const common = {
  bundle: true,
  format: "iife",
  target: ["chrome111", "firefox113", "safari16.4"],
  minify: true,
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  write: false,
  metafile: true,
  outdir: DIST,
};

const metafiles = [];

/** The script and the style sheet that come of an entry, as texts. */
async function bundled(entry, more = {}) {
  const { outputFiles, metafile } = await build({ ...common, ...more, entryPoints: [entry] });
  metafiles.push(metafile);
  const text = (ending) => outputFiles.find((file) => file.path.endsWith(ending))?.text ?? "";
  return { script: text(".js"), style: text(".css") };
}

/** Pyodide's own files, and the worker with its two scripts in it. */
async function buildWorker() {
  const { script } = await bundled("src/worker/main.ts", {
    define: { "import.meta.url": "self.location.href" },
    external: ["node:*", "ws"],
    supported: { "dynamic-import": true },
  });
  writeFileSync(join(DIST, "worker.js"), script);
  cpSync("node_modules/pyodide/pyodide.asm.wasm", join(DIST, "pyodide.asm.wasm"));
  writeFileSync(join(DIST, "python_stdlib.zip"), await compiledLibrary());
}

/** A text with one piece of it replaced; an error where it is not there exactly once, since then the package has changed. */
function patched(text, piece, by) {
  if (text.split(piece).length !== 2) throw new Error(`not once in the file: ${piece}`);
  return text.replace(piece, () => by);
}

/**
 * JupyterHub's proxy as one file for Node, with three changes. Its own `require` reads nothing but package.json, which is bundled like
 * the rest. Before a seat stands a gate (src/room/gate.ts). And connections to UNIX sockets are kept, as those to TCP ports are: closed after each request, one POST in twenty
 * ended in "503 EPIPE" here, because Node writes an empty last piece after the answer has come, which a UNIX socket refuses.
 */
const proxyChanges = {
  name: "configurable-http-proxy",
  setup({ onLoad }) {
    const ownRequire = "const require = createRequire(import.meta.url);";
    onLoad({ filter: /configurable-http-proxy\/bin\/configurable-http-proxy$/ }, ({ path }) => ({ contents: patched(readFileSync(path, "utf8"), ownRequire, ""), loader: "js" }));
    onLoad({ filter: /configurable-http-proxy\/lib\/configproxy\.js$/ }, ({ path }) => {
      const socket = "proxyOptions.target.socketPath = decodeURIComponent(target.host);";
      const matched = 'if (kind === "web") {\n          that.emit("proxyRequest", req, res);';
      const gate = `import { stopped } from ${JSON.stringify(resolve("src/room/gate.ts"))};\n`;
      const own = patched(readFileSync(path, "utf8"), ownRequire, "");
      const gated = gate + patched(own, matched, `if (stopped(match.prefix, kind, req, res)) return;\n        ${matched}`);
      return { contents: patched(gated, socket, `${socket} proxyOptions.agent = this.httpAgent;`), loader: "js" };
    });
  },
};

/** What a room serves and runs: the scripts of its pages, what a seat's Jupyter finds by JUPYTER_CONFIG_PATH, the proxy with what it says where nobody answers. */
async function buildRoom(look) {
  const to = join(DIST, "room");
  mkdirSync(join(to, "error"), { recursive: true });
  const { outputFiles, metafile } = await build({
    ...common, format: "esm", platform: "node", target: "node20", entryPoints: ["node_modules/configurable-http-proxy/bin/configurable-http-proxy"],
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' }, plugins: [proxyChanges],
  });
  metafiles.push(metafile);
  writeFileSync(join(to, "proxy.mjs"), outputFiles[0].contents);
  const error = readFileSync("src/room/error.html", "utf8").replace("/* look */", look);
  for (const status of ["error", "503"]) writeFileSync(join(to, "error", `${status}.html`), error);
  const { style } = await bundled("src/room/room.css");
  writeFileSync(join(to, "room.css"), look + style);
  for (const name of ["join", "wait", "me", "board", "bar"]) writeFileSync(join(to, `${name}.js`), (await bundled(`src/room/${name}.ts`)).script);
  cpSync("src/room/jupyter", join(to, "jupyter"), { recursive: true });
  cpSync("src/room/labextensions", join(to, "labextensions"), { recursive: true });
  const extension = join(to, "labextensions", "@handson", "room", "static");
  mkdirSync(extension);
  writeFileSync(join(extension, "remoteEntry.js"), (await bundled("src/room/lab.ts")).script);
}

/** Pyodide as JupyterLite loads it, beside the same program; and the list of all its packages, with the version it is of. */
function copyPyodide() {
  const to = join(DIST, "pyodide");
  mkdirSync(to);
  for (const name of ["pyodide.mjs", "pyodide.asm.mjs", "python_stdlib.zip"]) cpSync(join("node_modules/pyodide", name), join(to, name));
  const lock = JSON.parse(readFileSync("node_modules/pyodide/pyodide-lock.json", "utf8"));
  lock.info.version = JSON.parse(readFileSync("node_modules/pyodide/package.json", "utf8")).version;
  writeFileSync(join(to, "pyodide-lock.json"), JSON.stringify(lock));
}

/** Every package that is in the built files, with its licence's own words. */
function writeNotices(metafiles) {
  const folders = new Set(metafiles.flatMap((metafile) => Object.keys(metafile.inputs)).map((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0]).filter(Boolean));
  const notices = [...folders].sort().map((folder) => {
    const name = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
    return `${name} ${version} (${license})\n\n${file ? readFileSync(join(folder, file), "utf8").trim() : `See the package ${name}.`}\n`;
  });
  writeFileSync(join(DIST, "licences.txt"), notices.join(`\n${"-".repeat(80)}\n\n`));
}

/** A script that can stand inside <script>…</script>. */
const inlined = (script) => script.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

async function buildDemos(look) {
  const folder = "src/demos";
  const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, "main.ts")));
  mkdirSync(join(DIST, "demos"), { recursive: true });
  const listing = [];
  for (const name of names) {
    const about = JSON.parse(readFileSync(join(folder, name, "demo.json"), "utf8"));
    const { script, style } = await bundled(join(folder, name, "main.ts"), { loader: { ".wasm": "binary", ".gz": "binary" } });
    const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(about.title)}</title>
<meta name="description" content="${escaped(about.promise)}">
<link rel="icon" href="data:,">
<style>${look}${style}</style>
</head>
<body>
<main id="demo"></main>
<script>${inlined(script)}</script>
</body>
</html>
`;
    writeFileSync(join(DIST, "demos", `${name}.html`), html);
    if (name !== "index") listing.push({ name, order: about.order, title: about.title, promise: about.promise });
  }
  writeFileSync(join(DIST, "demos", "demos.json"), JSON.stringify(listing.sort((a, b) => a.order - b.order)));
}

rmSync(DIST, { recursive: true, force: true });
mkdirSync(DIST);
const { style: look } = await bundled("src/look/look.css");
const page = await bundled("src/page/main.ts");
writeFileSync(join(DIST, "page.js"), page.script);
writeFileSync(join(DIST, "page.css"), look + page.style);
writeFileSync(join(DIST, "vega.js"), (await bundled("src/page/vega.ts")).script);
await buildWorker();
copyPyodide();
await buildDemos(look);
await buildRoom(look);
writeNotices(metafiles);
