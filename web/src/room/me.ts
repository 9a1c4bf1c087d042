/** An attendee's own page: the hand, and what the presenter says. */
import { rememberCodeSeen } from "./comeback";
import { hubLine, listen, raiseHand } from "./live";
import { drawSaid, isDismissed, rememberDismissed } from "./said";
import { TEXTS } from "./texts";

const box = document.querySelector<HTMLElement>("#said")!;
const hand = document.querySelector<HTMLButtonElement>("#hand")!;
const line = hubLine(box.dataset.xsrf!);

function drawHand(raised: boolean): void {
  hand.setAttribute("aria-pressed", String(raised));
  hand.textContent = raised ? TEXTS.lower : TEXTS.raise;
}

hand.addEventListener("click", async () => {
  const raised = hand.getAttribute("aria-pressed") !== "true";
  if (await raiseHand(line, raised)) drawHand(raised);
  else hand.textContent = TEXTS.handFailed;
});

listen(line, (mine) => {
  drawHand(mine.hand);
  const said = mine.message;
  box.hidden = said === null || isDismissed(said);
  if (said === null || box.hidden) return;
  const open = said.path && mine.door === "seat" ? `/hub/wait?next=${encodeURIComponent(`/user/seat-${mine.number}/lab/tree/${said.path}`)}` : `/hub/page/#/${said.lesson}`;
  box.replaceChildren(drawSaid(said, () => (location.href = open), () => {
    rememberDismissed(said);
    box.hidden = true;
  }));
}, undefined, () => location.replace("/hub/join"));
rememberCodeSeen(Number(box.dataset.number));
