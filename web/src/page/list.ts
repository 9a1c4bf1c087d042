/** The first page: agendas, their lessons as cards, the demos. */
import { h } from "./dom";
import type { LessonCard, Site } from "./site";
import { TEXTS } from "./texts";

export function drawList(site: Site): HTMLElement {
  const shown = new Set<string>();
  const sections = site.agendas.map((agenda) => {
    const lessons = agenda.lessons.filter((name) => !shown.has(name));
    for (const name of lessons) shown.add(name);
    return section(agenda.title, lessons.map((name) => site.lessons.find((lesson) => lesson.name === name)!));
  });
  const rest = site.lessons.filter((lesson) => !shown.has(lesson.name));
  return h(
    "main", { class: "list", id: "main", tabindex: -1 },
    h("header", { class: "masthead" }, h("h1", {}, site.title), h("p", {}, TEXTS.listPromise)),
    ...sections,
    rest.length > 0 && section(sections.length > 0 ? TEXTS.moreLessons : TEXTS.lessons, rest),
    site.demos.length > 0 && h(
      "section", {},
      h("h2", {}, TEXTS.demos), h("p", { class: "aside" }, TEXTS.demosPromise),
      h("ul", { class: "demos" }, ...site.demos.map((demo) => h("li", {}, h("a", { href: demo.path }, demo.title), h("p", {}, demo.promise)))),
    ),
    site.jupyter !== "" && jupyter(site.jupyter),
    h("footer", { class: "imprint" }, `handson ${site.version}`),
  );
}

/** The way to JupyterLite, which is made of modules and workers from files: pages opened from file:// can load neither. */
function jupyter(path: string): HTMLElement {
  const served = location.protocol !== "file:";
  return h(
    "section", {},
    h("h2", {}, TEXTS.jupyter),
    h("p", { class: "aside" }, served ? TEXTS.jupyterPromise : TEXTS.jupyterNoServer),
    served && h("p", {}, h("a", { class: "to-jupyter", href: path }, TEXTS.jupyterOpen)),
  );
}

/** In place of a lesson that does not run in this page: what it is, and what it needs. */
export function drawElsewhere(lesson: LessonCard): HTMLElement {
  return h(
    "main", { class: "column" },
    h("h1", {}, lesson.title), h("p", {}, lesson.promise), h("p", { class: "note" }, lesson.why),
    h("p", {}, h("a", { href: "#/" }, TEXTS.allLessons)),
  );
}

function section(title: string, lessons: LessonCard[]): HTMLElement {
  return h("section", {}, h("h2", {}, title), h("ol", { class: "cards" }, ...lessons.map(card)));
}

function card(lesson: LessonCard): HTMLElement {
  const picture = lesson.picture
    ? h("img", { src: lesson.picture, alt: "", loading: "lazy", width: 320, height: 200 })
    : h("div", { class: "no-picture", "aria-hidden": "true" });
  const title = lesson.here ? h("a", { href: `#/${lesson.name}` }, lesson.title) : lesson.title;
  return h(
    "li", { class: lesson.here ? "card" : "card elsewhere" },
    h("div", { class: "card-picture" }, picture),
    h("div", { class: "card-text" },
      h("h3", {}, title), h("p", {}, lesson.promise),
      h("p", { class: "card-facts" }, TEXTS.minutes(lesson.minutes), !lesson.here && h("span", { class: "tier" }, lesson.why)),
    ),
  );
}
