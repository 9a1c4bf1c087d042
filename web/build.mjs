// Builds the front end into dist/: classic scripts only, because pages opened from file:// load no modules.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

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
  outdir: DIST,
};

/** The script and the style sheet that come of an entry, as texts. */
async function bundled(entry, more = {}) {
  const { outputFiles } = await build({ ...common, ...more, entryPoints: [entry] });
  const text = (ending) => outputFiles.find((file) => file.path.endsWith(ending))?.text ?? "";
  return { script: text(".js"), style: text(".css") };
}

/** A script that can stand inside <script>…</script>. */
const inlined = (script) => script.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

async function buildDemos(look) {
  const folder = "src/demos";
  const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, "main.ts")));
  mkdirSync(join(DIST, "demos"), { recursive: true });
  for (const name of names) {
    const about = JSON.parse(readFileSync(join(folder, name, "demo.json"), "utf8"));
    const { script, style } = await bundled(join(folder, name, "main.ts"), { loader: { ".wasm": "binary" } });
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
  }
}

rmSync(DIST, { recursive: true, force: true });
mkdirSync(DIST);
const { style: look } = await bundled("src/look/look.css");
await buildDemos(look);
