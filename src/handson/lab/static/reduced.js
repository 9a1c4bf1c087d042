// What the fields for photos share: a photo is scaled down here (which also turns it upright), before it is sent: as JPEG, or as
// bare pixels where Python cannot read JPEG. preview: the canvas; content and buffer: what to send.
const LONGEST = 1024; // pixels of the longer side that is kept

function element(tag, className, parent, attributes = {}) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent?.append(made);
  return made;
}

async function reduced(file, pixels = false) {
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
    if (pixels) return { preview: canvas, ...rgb(context, canvas.width, canvas.height) };
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
    if (!blob) throw new Error("no picture");
    return { preview: canvas, content: {}, buffer: await blob.arrayBuffer() };
  } finally {
    URL.revokeObjectURL(url);
  }
}

function rgb(context, width, height) { // where Python has no reader for photos: red, green, blue, row by row
  const rgba = context.getImageData(0, 0, width, height).data;
  const bytes = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; to < bytes.length; from += 4, to += 3) {
    bytes[to] = rgba[from];
    bytes[to + 1] = rgba[from + 1];
    bytes[to + 2] = rgba[from + 2];
  }
  return { content: { width, height }, buffer: bytes.buffer };
}

function unreadable(name) {
  return /\.hei[cf]$/i.test(name)
    ? `${name} is a HEIC photo, which this browser cannot read. Send it to yourself as JPEG, or take a screenshot of it.`
    : `${name} is not a picture that this browser can read. Take a JPEG or PNG.`;
}

function takesDrops(zone, className, take) {
  for (const kind of ["dragenter", "dragover"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      event.stopPropagation();
      zone.classList.add(className);
    });
  }
  zone.addEventListener("dragleave", (event) => { if (!zone.contains(event.relatedTarget)) zone.classList.remove(className); });
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    zone.classList.remove(className);
    take(event.dataTransfer.files);
  });
}

function drawSquare(canvas, picture) {
  const edge = Math.min(picture.width, picture.height);
  const context = canvas.getContext("2d");
  context.drawImage(picture, (picture.width - edge) / 2, (picture.height - edge) / 2, edge, edge, 0, 0, canvas.width, canvas.height);
}
