/** Hosts a widget's front end, an ES module as anywidget takes it (https://anywidget.dev, "Anywidget Front-End Module"). */
import { fromBase64 } from "../worker/bytes";

export const WIDGET = "application/vnd.handson.widget+json";

export interface WidgetState {
  id: string;
  esm: string;
  css: string;
  state: unknown;
}

type Heard = (content: unknown, buffers: DataView[]) => void;
type Tell = (message: Record<string, unknown>) => void;
type Render = (context: { model: Model; el: HTMLElement }) => void | (() => void) | Promise<void | (() => void)>;

const models = new Map<string, Model>();

/** What a widget sees of the kernel: state by name, messages with bytes. */
class Model {
  private readonly heard = new Map<string, Set<Heard>>();
  private readonly values: Map<string, unknown>;

  constructor(private readonly id: string, state: unknown, private readonly tell: Tell) {
    this.values = new Map([["state", state]]);
  }

  get(name: string): unknown {
    return this.values.get(name);
  }

  set(name: string, value: unknown): void {
    this.values.set(name, value);
    for (const heard of this.heard.get(`change:${name}`) ?? []) heard(value, []);
  }

  save_changes(): void {}

  on(event: string, heard: Heard): void {
    if (!this.heard.has(event)) this.heard.set(event, new Set());
    this.heard.get(event)!.add(heard);
  }

  off(event: string, heard: Heard): void {
    this.heard.get(event)?.delete(heard);
  }

  send(content: unknown, _callbacks?: unknown, buffers: (ArrayBuffer | ArrayBufferView)[] = []): void {
    this.tell({ type: "widget-message", id: this.id, content, buffers: buffers.map(toBase64) });
  }

  /** A message of the kernel. */
  receive(content: unknown, buffers: DataView[]): void {
    for (const heard of [...(this.heard.get("msg:custom") ?? [])]) heard(content, buffers);
  }
}

/** Hand a message of Python to its widget; one whose output is gone hears nothing. */
export function tellWidget(message: { id: string; content: unknown; buffers?: string[] }): void {
  const buffers = (message.buffers ?? []).map((text) => new DataView(fromBase64(text).buffer));
  models.get(message.id)?.receive(message.content, buffers);
}

/** Draw a widget into `place`; returns what ends it. */
export function drawWidget(place: HTMLElement, widget: WidgetState, tell: Tell): () => void {
  const model = new Model(widget.id, widget.state, tell);
  models.set(widget.id, model);
  const style = document.createElement("style");
  style.textContent = widget.css;
  const root = document.createElement("div");
  root.className = "widget";
  place.replaceChildren(style, root);
  let ended = false;
  let cleanUp: (() => void) | void;
  moduleOf(widget.esm).then(async (render) => {
    cleanUp = await render({ model, el: root });
    if (ended) cleanUp?.();
  }).catch((error: unknown) => { root.textContent = `This field does not work here: ${(error as Error).message}`; });
  return () => {
    ended = true;
    if (models.get(widget.id) === model) models.delete(widget.id);
    cleanUp?.();
  };
}

/** The module's `render`. Its `export default` becomes a return: pages from file:// can import no module. */
async function moduleOf(source: string): Promise<Render> {
  const body = source.replace(/^\s*export\s+default\s+/m, "return ");
  const exported = (await new Function(body)()) as { render: Render } | (() => Promise<{ render: Render }>);
  return (typeof exported === "function" ? await exported() : exported).render;
}

export function toBase64(buffer: ArrayBuffer | ArrayBufferView): string {
  const bytes = buffer instanceof ArrayBuffer ? new Uint8Array(buffer) : new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  let binary = "";
  for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(binary);
}
