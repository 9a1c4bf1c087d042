/** The strip on the lesson page, where a room serves it; and what the page tells the room: the lesson that is open, checks that were run. */
import { hubLine } from "./live";
import { mountStrip } from "./strip";

const xsrf = document.querySelector<HTMLMetaElement>('meta[name="handson-room"]')!.content;

function tell(report: Record<string, unknown>): void {
  void fetch("/hub/room/report", {
    method: "POST", credentials: "same-origin", keepalive: true,
    headers: { "Content-Type": "application/json", "X-XSRFToken": xsrf }, body: JSON.stringify(report),
  }).catch(() => {}); // the lesson goes on without a room
}

const lessonHere = () => /^#\/([a-z][a-z0-9_]*)$/.exec(location.hash)?.[1];

function tellLesson(): void {
  const lesson = lessonHere();
  if (lesson) tell({ kind: "opened", lesson });
}

addEventListener("hashchange", tellLesson);
addEventListener("handson:check", (event) => {
  const { name, passed } = (event as CustomEvent<{ name: string; passed: boolean }>).detail;
  const lesson = lessonHere();
  if (lesson) tell({ kind: "check", lesson, name, passed });
});
tellLesson();
mountStrip(hubLine(xsrf), (lesson) => (location.hash = `#/${lesson}`));
