// The drawing pad: ink goes to the kernel as bytes while it is drawn, what the network sees and answers comes back.
const SIDE = 280; // of the canvas, in its own pixels
const SENT = 112; // side of what is sent to the kernel
const PEN = 22;
const PAUSE = 60; // ms between two messages at least
const PATIENCE = 1500; // ms without an answer until the learner is told what is awaited

function element(tag, className, parent, attributes = {}) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent?.append(made);
  return made;
}

function percent(share) {
  const hundredths = share * 100;
  return hundredths > 99.9 || hundredths < 0.05 ? `${Math.round(hundredths)} %` : `${hundredths.toFixed(hundredths < 10 ? 1 : 0)} %`;
}

function render({ model, el }) {
  const { size, alt } = model.get("state");
  const root = element("div", "handson-pad", el, { "data-lm-suppress-shortcuts": "true" });

  const left = element("div", "handson-pad-draw", root);
  const frame = element("div", "handson-pad-frame", left);
  const canvas = element("canvas", "handson-pad-canvas", frame, {
    width: SIDE, height: SIDE, tabindex: "0", role: "application",
    "aria-label": `${alt} Arrow keys move the pen, space lifts or lowers it, Delete clears.`,
  });
  const cursor = element("div", "handson-pad-cursor", frame);
  const hint = element("div", "handson-pad-hint", frame);
  hint.textContent = "Draw a digit here";
  const clear = element("button", "handson-pad-clear", left, { type: "button" });
  clear.textContent = "Clear";

  const middle = element("div", "handson-pad-answer", root);
  const best = element("div", "handson-pad-best", middle, { "aria-hidden": "true" });
  const sure = element("div", "handson-pad-sure", middle, { "aria-hidden": "true" });
  const seen = element("canvas", "handson-pad-seen", middle, { width: size, height: size, role: "img", "aria-label": "what the network sees" });
  element("div", "handson-pad-caption", middle).textContent = `what the network sees, ${size} × ${size}`;

  const bars = element("div", "handson-pad-bars", root, { "aria-hidden": "true" });
  const rows = Array.from({ length: 10 }, (_, digit) => {
    const row = element("div", "handson-pad-row", bars);
    element("span", "handson-pad-digit", row).textContent = digit;
    const track = element("span", "handson-pad-track", row);
    return { row, fill: element("span", "handson-pad-fill", track), text: element("span", "handson-pad-percent", row) };
  });

  const trouble = element("div", "handson-pad-trouble", root, { role: "alert" });
  const spoken = element("div", "handson-pad-spoken", root, { role: "status", "aria-live": "polite" });

  const ink = canvas.getContext("2d", { willReadFrequently: true });
  const small = element("canvas", "", null, { width: SENT, height: SENT });
  const reduce = small.getContext("2d", { willReadFrequently: true });

  let drawing = 0, asked = 0, waiting = false, dirty = false, empty = true;
  let pointer = null, at = null, keyPen = null, sayLater = 0, patience = 0, again = 0;

  function wipe() {
    ink.globalCompositeOperation = "source-over";
    ink.fillStyle = "#000";
    ink.fillRect(0, 0, SIDE, SIDE);
    seen.getContext("2d").clearRect(0, 0, size, size);
    best.textContent = "";
    sure.textContent = "";
    spoken.textContent = "";
    trouble.textContent = "";
    for (const { row, fill, text } of rows) {
      fill.style.width = "0";
      text.textContent = "";
      row.classList.remove("handson-pad-first");
    }
    hint.hidden = false;
    empty = true;
    drawing += 1;
    keyPen = null;
    cursor.style.display = "none";
    clearTimeout(sayLater);
  }

  function stroke(from, to) {
    ink.strokeStyle = ink.fillStyle = "#fff";
    ink.lineWidth = PEN;
    ink.lineCap = ink.lineJoin = "round";
    ink.beginPath();
    ink.moveTo(from.x, from.y);
    ink.lineTo(to.x, to.y + (from.x === to.x && from.y === to.y ? 0.01 : 0));
    ink.stroke();
    hint.hidden = true;
    empty = false;
    ask();
  }

  function ask() {
    dirty = true;
    if (waiting || again) return;
    again = setTimeout(() => { again = 0; if (dirty && !waiting) send(); }, PAUSE);
  }

  function send() {
    if (empty) return;
    dirty = false;
    waiting = true;
    asked += 1;
    reduce.imageSmoothingQuality = "high";
    reduce.drawImage(canvas, 0, 0, SENT, SENT);
    const rgba = reduce.getImageData(0, 0, SENT, SENT).data;
    const bytes = new Uint8Array(SENT * SENT);
    for (let i = 0; i < bytes.length; i += 1) bytes[i] = rgba[4 * i];
    model.send({ drawing, side: SENT, id: `${drawing}.${asked}` }, undefined, [bytes.buffer]);
    clearTimeout(patience);
    patience = setTimeout(() => {
      trouble.textContent = "Python is busy with another cell. The guess comes when that is done.";
    }, PATIENCE);
  }

  function answered(message) {
    clearTimeout(patience);
    waiting = false;
    if (dirty) ask();
    if (!String(message.answers ?? "").startsWith(`${drawing}.`)) return; // of a drawing that was cleared
    const image = new ImageData(size, size);
    message.seen.forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
    seen.getContext("2d").putImageData(image, 0, 0);
    trouble.textContent = message.trouble ?? "";
    if (!message.probabilities) {
      best.textContent = sure.textContent = "";
      return;
    }
    const top = message.probabilities.indexOf(Math.max(...message.probabilities));
    message.probabilities.forEach((share, digit) => {
      rows[digit].fill.style.width = `${Math.max(0, share) * 100}%`;
      rows[digit].text.textContent = share >= 0.0005 ? percent(share) : "";
      rows[digit].row.classList.toggle("handson-pad-first", digit === top);
    });
    best.textContent = top;
    sure.textContent = percent(message.probabilities[top]);
    clearTimeout(sayLater);
    sayLater = setTimeout(() => { spoken.textContent = `Looks like ${top}, ${percent(message.probabilities[top])} sure.`; }, 600);
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * SIDE, y: ((event.clientY - box.top) / box.height) * SIDE };
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button > 0) return;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    at = place(event);
    stroke(at, at);
    event.preventDefault();
    canvas.focus({ preventScroll: true, focusVisible: false });
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const steps = event.getCoalescedEvents?.() ?? [];
    for (const step of steps.length ? steps : [event]) {
      const next = place(step);
      stroke(at, next);
      at = next;
    }
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(kind, (event) => { if (event.pointerId === pointer) pointer = null; });
  }

  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === "Delete" || event.key === "Backspace") wipe();
    else if (event.key === " " || moves[event.key]) {
      keyPen ??= { x: SIDE / 2, y: SIDE / 2, down: false };
      const from = { ...keyPen };
      if (event.key === " ") keyPen.down = !keyPen.down;
      else {
        const [dx, dy] = moves[event.key];
        keyPen.x = Math.min(SIDE - PEN / 2, Math.max(PEN / 2, keyPen.x + dx * 10));
        keyPen.y = Math.min(SIDE - PEN / 2, Math.max(PEN / 2, keyPen.y + dy * 10));
      }
      if (keyPen.down) stroke(from, keyPen);
      Object.assign(cursor.style, { display: "block", left: `${(keyPen.x / SIDE) * 100}%`, top: `${(keyPen.y / SIDE) * 100}%` });
      cursor.classList.toggle("handson-pad-down", keyPen.down);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });

  clear.addEventListener("click", wipe);
  model.on("msg:custom", answered);
  wipe();
  return () => {
    model.off("msg:custom", answered);
    for (const timer of [sayLater, patience, again]) clearTimeout(timer);
  };
}

export default { render };
