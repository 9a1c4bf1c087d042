/** Dark or light: as the system says, or as chosen, here or on the lesson page. */
import { button } from "./dom";

const THEME = "handson-theme"; // the lesson page's key, too
const [DARK, LIGHT] = ["Dark", "Light"];

const isDark = (): boolean =>
  document.documentElement.dataset["theme"]
    ? document.documentElement.dataset["theme"] === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;

/** A button that changes between dark and light, and keeps the choice where the browser lets it. */
export function themeButton(): HTMLButtonElement {
  const kept = attempt(() => localStorage.getItem(THEME));
  if (kept === "dark" || kept === "light") document.documentElement.dataset["theme"] = kept;
  const made = button("", () => {
    const next = isDark() ? "light" : "dark";
    document.documentElement.dataset["theme"] = next;
    attempt(() => localStorage.setItem(THEME, next));
    changed();
  });
  const changed = (): void => {
    made.textContent = isDark() ? LIGHT : DARK;
    dispatchEvent(new Event("handson-theme"));
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  changed();
  return made;
}

/** Storage throws where cookies are off and, in some browsers, on file://. */
function attempt<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null;
  }
}
