// A field to drop a photo on: it is scaled down here (which also turns it upright), and sent to the kernel, which saves it.
const LONGEST = 1024; // pixels of the longer side that is kept

function element(tag, className, parent, attributes = {}) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent?.append(made);
  return made;
}

async function reduced(file) {
  const url = URL.createObjectURL(file);
  try {
    const image = new Image(); // an <img> obeys the camera's rotation
    image.src = url;
    await image.decode();
    const scale = Math.min(1, LONGEST / Math.max(image.naturalWidth, image.naturalHeight));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
    canvas.height = Math.max(1, Math.round(image.naturalHeight * scale));
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff"; // under what is transparent
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
    if (!blob) throw new Error("no picture");
    return { blob, preview: canvas };
  } finally {
    URL.revokeObjectURL(url);
  }
}

function render({ model, el }) {
  const { what = "photo" } = model.get("state"); // a photo, or a painting
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
      const { blob, preview: picture } = await reduced(file);
      const edge = Math.min(picture.width, picture.height);
      preview.getContext("2d").drawImage(picture, (picture.width - edge) / 2, (picture.height - edge) / 2, edge, edge, 0, 0, 96, 96);
      preview.style.display = "";
      says.textContent = "Saving …";
      patience = setTimeout(() => { says.textContent = `Waiting for the kernel: a cell is running. The ${what} is saved when it is done.`; }, 1500);
      model.send({ name: file.name }, undefined, [await blob.arrayBuffer()]);
    } catch {
      const heic = /\.hei[cf]$/i.test(file.name);
      root.classList.add("handson-photo-trouble");
      says.textContent = heic
        ? `${file.name} is a HEIC photo, which this browser cannot read. Send it to yourself as JPEG, or take a screenshot of it.`
        : `${file.name} is not a picture that this browser can read. Take a JPEG or PNG.`;
    }
  }

  function answered(message) {
    clearTimeout(patience);
    root.classList.toggle("handson-photo-trouble", Boolean(message.trouble));
    says.textContent = message.trouble ?? `Saved as ${message.saved}. Now run this cell again.`;
  }

  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => { take(input.files[0]); input.value = ""; });
  for (const kind of ["dragenter", "dragover"]) {
    root.addEventListener(kind, (event) => {
      event.preventDefault();
      event.stopPropagation();
      root.classList.add("handson-photo-over");
    });
  }
  root.addEventListener("dragleave", (event) => { if (!root.contains(event.relatedTarget)) root.classList.remove("handson-photo-over"); });
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    root.classList.remove("handson-photo-over");
    take(event.dataTransfer.files[0]);
  });
  model.on("msg:custom", answered);
  return () => { model.off("msg:custom", answered); clearTimeout(patience); };
}

export default { render };
