/** Files that a lesson saved: "your files". */
import { fromBase64 } from "../worker/bytes";

export interface SavedFile {
  name: string;
  mime: string;
  data: string;
  /** The form that was asked for and that Python cannot write here: the page draws it. */
  as?: { name: string; mime: string; width: number };
}

export async function madeFile(saved: SavedFile): Promise<{ name: string; blob: Blob }> {
  const blob = new Blob([fromBase64(saved.data) as BlobPart], { type: saved.mime });
  if (!saved.as) return { name: saved.name, blob };
  try {
    return { name: saved.as.name, blob: await redrawn(blob, saved.as) };
  } catch {
    return { name: saved.name, blob };
  }
}

async function redrawn(blob: Blob, wanted: { mime: string; width: number }): Promise<Blob> {
  const address = URL.createObjectURL(blob);
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = wanted.width;
    canvas.height = Math.round((wanted.width * image.naturalHeight) / image.naturalWidth);
    const context = canvas.getContext("2d")!;
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise<Blob>((resolve, reject) => {
      canvas.toBlob((made) => (made ? resolve(made) : reject(new Error("the picture is too large"))), wanted.mime, 0.9);
    });
  } finally {
    URL.revokeObjectURL(address);
  }
}
