/** The page: the list of lessons, or one lesson, by the address after the #. */
import "./page.css";
import { h } from "./dom";
import { openEdits, type Edits } from "./edits";
import { LessonView } from "./lesson";
import { drawElsewhere, drawList } from "./list";
import { loadLesson } from "./resources";
import { readSite } from "./site";
import { TEXTS } from "./texts";
import { applyTheme } from "./theme";

const site = readSite();
const app = document.getElementById("app")!;
let view: LessonView | null = null;
let edits: Promise<Edits> | null = null;
let asked = 0;

async function lessonView(name: string): Promise<LessonView | HTMLElement | string> {
  const card = site.lessons.find((lesson) => lesson.name === name);
  if (!card) return TEXTS.noLesson(name);
  if (!card.here) return drawElsewhere(card);
  edits ??= openEdits(site.name);
  const opened = await edits;
  const [content, mine] = await Promise.all([loadLesson(site, card.script), opened.all(name)]);
  return new LessonView(site, card, content, opened, mine);
}

/** The name after the #; "" where there is none, or none that can be read. */
function lessonAsked(): string {
  try {
    return decodeURIComponent(location.hash.replace(/^#\/?/, "")).split("/")[0]!;
  } catch {
    return "";
  }
}

async function go(): Promise<void> {
  const turn = ++asked;
  const name = lessonAsked();
  if (!name) {
    document.title = site.title;
    app.replaceChildren(drawList(site));
    window.scrollTo(0, 0);
    return;
  }
  if (view?.card.name !== name) {
    view?.close();
    view = null;
    app.replaceChildren(h("main", { class: "column", "aria-busy": "true" }));
    const made = await lessonView(name).catch((error: unknown) => (error as Error).message);
    if (turn !== asked) {
      if (made instanceof LessonView) made.close();
      return;
    }
    if (typeof made === "string") {
      app.replaceChildren(h("main", { class: "column" }, h("p", { class: "note" }, made), h("p", {}, h("a", { href: "#/" }, TEXTS.allLessons))));
      return;
    }
    if (made instanceof HTMLElement) {
      document.title = `${made.querySelector("h1")!.textContent} · ${site.title}`;
      app.replaceChildren(made);
      return;
    }
    view = made;
    view.warmUp();
  }
  document.title = `${view.card.title} · ${site.title}`;
  app.replaceChildren(view.element);
  window.scrollTo(0, 0);
}

applyTheme();
window.addEventListener("hashchange", () => void go());
window.addEventListener("pagehide", () => view?.flush());
document.addEventListener("visibilitychange", () => { if (document.hidden) view?.flush(); });
window.addEventListener("beforeunload", (event) => { if (view?.unsaved) event.preventDefault(); });
void go();

/** For tests and `handson check --tier page`. */
Object.assign(window, { handson: { get view() { return view; } } });
