/**
 * In front of all seats, in the proxy: a browser reaches the seat that its own cookie opens, and no other.
 *
 * All seats share one origin, and what serves a seat may be its learner's own program. So nobody's browser is shown anything of
 * another's seat; the hub gives the cookie, whose path is that of the seat, so that it goes to no other. And no service worker is taken: one
 * of a seat's could ask to stand in front of the whole origin.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

export const COOKIE = "handson-seat";
type Asked = Pick<IncomingMessage, "headers" | "method" | "url">;
export interface Refusal { status: 302 | 403; location?: string }

/** What the cookie of a seat holds; the hub makes the same one (hub/codes.py). */
export const passOf = (key: string, user: string): string => createHmac("sha256", key).update(`gate ${user}`).digest("hex");

function shows(cookies: string | undefined, pass: string): boolean {
  const right = Buffer.from(pass);
  return (cookies ?? "").split(";").some((one) => {
    const [name, value = ""] = one.trim().split("=", 2);
    const given = Buffer.from(value);
    return name === COOKIE && given.length === right.length && timingSafeEqual(given, right);
  });
}

/**
 * Why a request that goes to `prefix` is not let through, or null where it is. A page is led to the hub, which knows who asks. Without a
 * key there is no pass, and nobody is let through to any seat.
 */
export function refusal(key: string | undefined, prefix: string, asked: Asked): Refusal | null {
  if (asked.headers["service-worker"] !== undefined) return { status: 403 };
  const user = /^\/user\/([^/]+)\/?$/.exec(prefix)?.[1];
  if (user === undefined) return null;
  if (!key) return { status: 403 };
  if (shows(asked.headers.cookie, passOf(key, user))) return null;
  const page = asked.method === "GET" && (asked.headers.accept ?? "").includes("text/html");
  return page ? { status: 302, location: `/hub${asked.url ?? ""}` } : { status: 403 };
}

/** Refuse what is to be refused; whether it was. `to` is an answer, or the socket of a WebSocket to be. */
export function stopped(prefix: string, kind: string, asked: Asked, to: ServerResponse | Socket): boolean {
  const no = refusal(process.env["SEAT_GATE_KEY"], prefix, asked);
  if (no === null) return false;
  if (kind === "web") {
    const headers = { "Cache-Control": "no-store", "Content-Type": "text/plain", "X-Content-Type-Options": "nosniff" };
    (to as ServerResponse).writeHead(no.status, no.location ? { ...headers, Location: no.location } : headers).end(no.location ? "" : "This seat is not yours.\n");
  } else {
    (to as Socket).end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  }
  return true;
}
