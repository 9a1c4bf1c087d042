// Fields to drop photos on, one for each kind: the photos are scaled down (reduced.js) and sent to the kernel one by one.
const STRIP = 24; // small previews that are kept of each kind

function field(model, parent, kind) {
  const root = element("div", "handson-photos-field", parent);
  element("div", "handson-photos-kind", root).textContent = kind;
  const says = element("div", "handson-photos-says", root, { role: "status", "aria-live": "polite" });
  says.textContent = "Drop photos here";
  const input = element("input", "handson-photos-input", root, { type: "file", accept: "image/*", multiple: "", "aria-label": `Choose photos: ${kind}` });
  const button = element("button", "handson-photos-button", root, { type: "button" });
  button.textContent = "Choose photos …";
  const strip = element("div", "handson-photos-strip", root, { role: "img", "aria-label": `photos of ${kind}` });
  let waiting = 0;
  let saved = 0;
  let troubles = [];
  let patience = 0;

  function say() {
    const done = `${saved} ${saved === 1 ? "photo" : "photos"} saved`;
    const open = waiting ? `, ${waiting} to go …` : troubles.length ? "." : ". Now run this cell again.";
    says.textContent = [done + open, ...troubles].join(" ");
    root.classList.toggle("handson-photos-trouble", troubles.length > 0);
  }

  async function take(files) {
    troubles = [];
    waiting += files.length;
    clearTimeout(patience);
    for (const file of [...files]) {
      try {
        const { preview: picture, content, buffer } = await reduced(file, model.get("state").pixels);
        if (strip.childElementCount < STRIP) drawSquare(element("canvas", "handson-photos-preview", strip, { width: 40, height: 40 }), picture);
        model.send({ name: file.name, kind, ...content }, undefined, [buffer]);
      } catch {
        waiting -= 1;
        troubles.push(unreadable(file.name));
      }
      say();
    }
    if (waiting) patience = setTimeout(() => { if (waiting) says.textContent = "Python is busy with a cell. The photos are saved when that is done."; }, 2000);
  }

  function answered(message) {
    if (message.kind !== kind) return;
    waiting -= 1;
    if (message.trouble) troubles.push(message.trouble);
    else saved += 1;
    if (!waiting) clearTimeout(patience);
    say();
  }

  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => { take(input.files).then(() => { input.value = ""; }); });
  takesDrops(root, "handson-photos-over", take);
  model.on("msg:custom", answered);
  return () => { model.off("msg:custom", answered); clearTimeout(patience); };
}

function render({ model, el }) {
  const root = element("div", "handson-photos", el, { "data-lm-suppress-shortcuts": "true" });
  const ends = model.get("state").kinds.map((kind) => field(model, root, kind));
  return () => ends.forEach((end) => end());
}

export default { render };
