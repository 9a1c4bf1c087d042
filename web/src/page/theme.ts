/** Dark or light: as the system says, or as chosen here. */
import { h } from "./dom";
import { TEXTS } from "./texts";

type Theme = "system" | "light" | "dark";
const KEY = "handson-theme";

function stored(): Theme {
  try {
    return (localStorage.getItem(KEY) as Theme | null) ?? "system";
  } catch {
    return "system"; // the browser forbids storage: the choice lasts as long as the page
  }
}

export function applyTheme(theme: Theme = stored()): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function themeChoice(): HTMLElement {
  const labels: Record<Theme, string> = { system: TEXTS.system, light: TEXTS.light, dark: TEXTS.dark };
  const chosen = document.documentElement.dataset.theme ?? "system";
  return h("fieldset", { class: "theme" }, h("legend", {}, TEXTS.appearance), ...(Object.keys(labels) as Theme[]).map((theme) =>
    h("label", {}, h("input", {
      type: "radio", name: "theme", value: theme, checked: theme === chosen,
      onchange: () => {
        applyTheme(theme);
        try { localStorage.setItem(KEY, theme); } catch { /* see stored() */ }
      },
    }), labels[theme])));
}
