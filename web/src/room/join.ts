/** The join page: the class code of the QR code, and a door recommended by what the lessons want and what this device is. */
import { recommendedDoor, seen } from "./door";

const code = document.querySelector<HTMLInputElement>("#code")!;
const brought = /^#([A-Za-z]{4,12})(?:-([A-Za-z]{12}))?$/.exec(location.hash);
if (brought) {
  if (!code.value) code.value = brought[1]!.toUpperCase();
  document.querySelector<HTMLInputElement>("#scanned")!.value = brought[2] ?? "";
  history.replaceState(null, "", location.pathname + location.search); // it is not shown in the address, nor kept as a bookmark
  if (!document.querySelector("[autofocus]")) document.querySelector<HTMLInputElement>("#name")!.focus();
}

void seen().then((device) => {
  const form = document.querySelector<HTMLElement>("#doors")!;
  const door = recommendedDoor(device, form.dataset["seatsOnly"] !== undefined);
  const radio = document.querySelector<HTMLInputElement>(`#doors input[value="${door}"]`);
  if (!radio || radio.disabled) return;
  if (form.querySelectorAll("input:enabled").length < 2) return;
  radio.closest("label")!.querySelector<HTMLElement>(".recommended")!.hidden = false;
  if (document.querySelector("#wrong") === null) radio.checked = true; // else they have chosen already
});

document.querySelector("#join")!.addEventListener("submit", (event) => {
  const button = (event.target as HTMLFormElement).querySelector("button")!;
  setTimeout(() => (button.disabled = true)); // a second click would join twice
});
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button")) button.disabled = false;
});
