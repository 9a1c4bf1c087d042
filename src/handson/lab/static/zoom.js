// A picture to go into: wheel, drag, double click, buttons and keys. Called with the element that holds the picture; without this
// script it stays a plain picture.
(function (root, names, columns) {
  if (!root || root.dataset.ready) return;
  root.dataset.ready = "1";
  const image = root.querySelector("img");
  const frame = image.parentElement;
  const says = root.querySelector("[role=status]");
  const bar = root.querySelector("[data-bar]");
  const MOST = 24; // times the size at which the whole picture fits
  let scale = 1, x = 0, y = 0, held = null;
  bar.style.display = "flex";
  frame.tabIndex = 0;
  Object.assign(frame.style, { overflow: "hidden", cursor: "zoom-in", touchAction: "pan-y", outlineOffset: "2px" });
  Object.assign(image.style, { transformOrigin: "0 0", userSelect: "none" });
  image.draggable = false;

  const within = (value, low, high) => Math.min(high, Math.max(low, value));

  function place() {
    const width = frame.clientWidth, height = image.offsetHeight;
    x = within(x, width * (1 - scale), 0);
    y = within(y, height * (1 - scale), 0);
    image.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    image.style.imageRendering = scale * width > 6 * image.naturalWidth ? "pixelated" : "auto";
    frame.style.cursor = scale > 1 ? (held ? "grabbing" : "grab") : "zoom-in";
    frame.style.touchAction = scale > 1 ? "none" : "pan-y";
  }

  function tell(px, py) {
    if (!names.length) { says.textContent = `${scale.toFixed(1)} ×`; return; }
    const rows = Math.ceil(names.length / columns);
    const column = Math.floor(((px - x) / scale / frame.clientWidth) * columns);
    const row = Math.floor(((py - y) / scale / image.offsetHeight) * rows);
    const name = column >= 0 && column < columns && row >= 0 ? names[row * columns + column] : undefined;
    says.textContent = name === undefined ? "" : `${name}, row ${row + 1}, column ${column + 1}`;
  }

  const tellMiddle = () => tell(frame.clientWidth / 2, image.offsetHeight / 2);

  function zoom(factor, px = frame.clientWidth / 2, py = image.offsetHeight / 2) {
    const next = within(scale * factor, 1, MOST);
    x = px - ((px - x) * next) / scale;
    y = py - ((py - y) * next) / scale;
    scale = next;
    place();
    tell(px, py);
  }

  function move(dx, dy) { x += dx; y += dy; place(); tellMiddle(); }

  function reset() { scale = 1; x = 0; y = 0; place(); says.textContent = ""; }

  function at(event) {
    const box = frame.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  frame.addEventListener("wheel", (event) => {
    if (document.activeElement !== frame && !event.ctrlKey) return; // until it is clicked, the wheel moves the page
    event.preventDefault();
    event.stopPropagation();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), ...at(event));
  }, { passive: false });
  frame.addEventListener("pointerdown", (event) => {
    frame.focus({ preventScroll: true });
    if (scale > 1 && !held) { held = { id: event.pointerId, at: at(event) }; frame.setPointerCapture(event.pointerId); place(); }
  });
  frame.addEventListener("pointermove", (event) => {
    const here = at(event);
    if (held && held.id !== event.pointerId) return; // a second finger
    if (held) { x += here[0] - held.at[0]; y += here[1] - held.at[1]; held.at = here; place(); }
    tell(...here);
  });
  for (const kind of ["pointerup", "pointercancel"]) frame.addEventListener(kind, (event) => { if (held && held.id === event.pointerId) { held = null; place(); } });
  frame.addEventListener("dblclick", (event) => zoom(2.5, ...at(event)));
  root.addEventListener("keydown", (event) => {
    const step = 0.15 * frame.clientWidth;
    const keys = {
      "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: reset, Home: reset,
      ArrowLeft: () => move(step, 0), ArrowRight: () => move(-step, 0), ArrowUp: () => move(0, step), ArrowDown: () => move(0, -step),
    };
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  });
  const [larger, smaller, whole] = bar.querySelectorAll("button");
  larger.addEventListener("click", () => zoom(1.6));
  smaller.addEventListener("click", () => zoom(1 / 1.6));
  whole.addEventListener("click", reset);
  new ResizeObserver(() => { if (frame.isConnected) place(); }).observe(frame);
  place();
})
