/** The palette of src/handson/lab/style.py, for canvases; style sheets use the custom properties of look.css. */
export const BLUE = "#2272d0";
export const ORANGE = "#e06d30";
export const GREEN = "#1ca583";
export const PINK = "#c04f9e";
export const VIOLET = "#7a3ff0";
export const BROWN = "#8c6238";
export const PALETTE = [BLUE, ORANGE, GREEN, PINK, VIOLET, BROWN] as const;
export const SLATE = "#7a8594";

export const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

/** The value of a custom property of look.css now, e.g. `tone("--paper")`: it follows dark and light. */
export function tone(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
