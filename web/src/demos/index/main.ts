import "../frame.css";
import "./style.css";
import { h } from "../dom";
import { themeButton } from "../theme";
import digits from "../digits/demo.json";
import grid from "../grid/demo.json";
import map from "../map/demo.json";
import paint from "../paint/demo.json";
import puck from "../puck/demo.json";
import race from "../race/demo.json";
import spirals from "../spirals/demo.json";
import { COVERS } from "./covers";
import texts from "./demo.json";

const DEMOS = { spirals, paint, digits, race, map, grid, puck };

function cover(name: keyof typeof DEMOS): HTMLCanvasElement {
  const canvas = h("canvas", { width: 480, height: 270, "aria-hidden": "true" });
  const draw = (): void => {
    const c = canvas.getContext("2d")!;
    c.setTransform(4.8, 0, 0, 4.8, 0, 0);
    c.clearRect(0, 0, 100, 60);
    COVERS[name](c);
  };
  addEventListener("handson-theme", draw);
  draw();
  return canvas;
}

document.getElementById("demo")!.append(
  h(
    "div",
    { class: "top" },
    h("a", { href: "../index.html", class: "back" }, "← ", texts.ui.back),
    h("div", { class: "heading" }, h("h1", {}, texts.title), h("p", { class: "promise" }, texts.promise)),
    themeButton(),
  ),
  h("ul", { class: "demos" }, ...(Object.keys(DEMOS) as (keyof typeof DEMOS)[]).map((name) =>
    h("li", {}, h("a", { href: `${name}.html` }, cover(name), h("h2", {}, DEMOS[name].title), h("p", {}, DEMOS[name].promise))))),
  h("p", { class: "hint" }, texts.ui.data),
);
