/** What a check asks of Python in the page, by the address: `?environment={"HANDSON_CHECK":"1"}`. */

const NAMES = ["HANDSON_CHECK", "HANDSON_SEED", "HANDSON_WORKERS"];

/**
 * The variables that `search`, the address's query, sets: those of a check, as digits, and only in a browser that a program
 * drives (W3C WebDriver, `navigator.webdriver`). Anybody can make a link; it is to change nothing for whoever follows it.
 */
export function checkedEnvironment(search: string, driven: boolean): Record<string, string> {
  const asked = driven ? new URLSearchParams(search).get("environment") : null;
  if (asked === null) return {};
  let variables: unknown;
  try {
    variables = JSON.parse(asked);
  } catch {
    return {};
  }
  const pairs = Object.entries(variables ?? {}).filter(([name, value]) => NAMES.includes(name) && typeof value === "string" && /^[0-9]+$/.test(value));
  return Object.fromEntries(pairs) as Record<string, string>;
}
