// A field to drop a photo on: it is scaled down (reduced.js) and sent to the kernel, which saves it.
function render({ model, el }) {
  const { what = "photo", pixels } = model.get("state"); // a photo, or a painting
  const root = element("div", "handson-photo", el, { "data-lm-suppress-shortcuts": "true" });
  const preview = element("canvas", "handson-photo-preview", root, { width: 96, height: 96, role: "img", "aria-label": `your ${what}` });
  const side = element("div", "handson-photo-side", root);
  const says = element("div", "handson-photo-says", side, { role: "status", "aria-live": "polite" });
  says.textContent = `Drop a ${what} here`;
  const input = element("input", "handson-photo-input", side, { type: "file", accept: "image/*", "aria-label": `Choose a ${what}` });
  const button = element("button", "handson-photo-button", side, { type: "button" });
  button.textContent = `Choose a ${what} …`;
  preview.style.display = "none";
  let patience = 0;

  async function take(file) {
    if (!file) return;
    root.classList.remove("handson-photo-trouble");
    says.textContent = `Reading ${file.name} …`;
    try {
      const { preview: picture, content, buffer } = await reduced(file, pixels);
      drawSquare(preview, picture);
      preview.style.display = "";
      says.textContent = "Saving …";
      patience = setTimeout(() => { says.textContent = `Python is busy with a cell. The ${what} is saved when that is done.`; }, 1500);
      model.send({ name: file.name, ...content }, undefined, [buffer]);
    } catch {
      root.classList.add("handson-photo-trouble");
      says.textContent = unreadable(file.name);
    }
  }

  function answered(message) {
    clearTimeout(patience);
    root.classList.toggle("handson-photo-trouble", Boolean(message.trouble));
    says.textContent = message.trouble ?? `Saved as ${message.saved}. Now run this cell again.`;
  }

  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => { take(input.files[0]); input.value = ""; });
  takesDrops(root, "handson-photo-over", (files) => take(files[0]));
  model.on("msg:custom", answered);
  return () => { model.off("msg:custom", answered); clearTimeout(patience); };
}

export default { render };
