/** The queue, as the one who waits sees it: the place, then the lesson. */
import { h } from "../look/element";
import { hubLine, listen, type SeatState } from "./live";
import { TEXTS } from "./texts";

const place = document.querySelector<HTMLElement>("#place")!;
const next = place.dataset.next!;
let shown = "";

function show(key: string, ...children: Node[]): void {
  if (key === shown) return; // a screen reader hears what is new, not every second
  shown = key;
  place.replaceChildren(...children);
}

function draw(seat: SeatState): void {
  if (seat.state === "ready") {
    show("ready", h("p", { class: "large" }, TEXTS.ready), h("p", {}, h("a", { href: next, class: "button primary large" }, TEXTS.open)));
    location.replace(next);
  } else if (seat.state === "failed") {
    const again = `/hub/wait?again=1&next=${encodeURIComponent(next)}`;
    show("failed", h("p", { class: "wrong" }, TEXTS.failed), h("p", {}, h("a", { href: again, class: "button primary large" }, TEXTS.tryAgain)));
  } else if (seat.state === "waiting" || seat.state === "starting") {
    const ahead = seat.state === "waiting" ? TEXTS.ahead(seat.ahead ?? 0) : TEXTS.starting;
    const about = seat.seconds === null || seat.seconds === undefined ? "" : TEXTS.about(Math.max(1, Math.ceil(seat.seconds)));
    show(ahead + about, h("p", { class: "large" }, ahead), h("p", {}, `${about} ${TEXTS.soon}`.trim()), h("progress", { "aria-label": ahead }));
  } else {
    location.reload(); // it ended in between: asking again enters the queue
  }
}

listen(hubLine(place.dataset.xsrf!), (mine) => draw(mine.seat), (lost) => {
  if (lost) show("lost", h("p", {}, TEXTS.lost));
}, () => location.replace("/hub/join"));
