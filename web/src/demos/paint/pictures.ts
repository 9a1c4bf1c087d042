/** Pictures of our own, drawn with a few shapes in a square of 100 × 100. */
type Pen = CanvasRenderingContext2D;

function drawn(size: number, draw: (c: Pen) => void): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const c = canvas.getContext("2d", { willReadFrequently: true })!;
  c.scale(size / 100, size / 100);
  draw(c);
  return canvas;
}

function filled(c: Pen, color: string | CanvasGradient, ...points: number[]): void {
  c.fillStyle = color;
  c.beginPath();
  for (let i = 0; i < points.length; i += 2) c.lineTo(points[i]!, points[i + 1]!);
  c.closePath();
  c.fill();
}

function oval(c: Pen, color: string, x: number, y: number, rx: number, ry: number, turn = 0): void {
  c.fillStyle = color;
  c.beginPath();
  c.ellipse(x, y, rx, ry, turn, 0, 2 * Math.PI);
  c.fill();
}

function fade(c: Pen, from: number, to: number, ...colors: string[]): CanvasGradient {
  const gradient = c.createLinearGradient(0, from, 0, to);
  colors.forEach((color, i) => gradient.addColorStop(i / (colors.length - 1), color));
  return gradient;
}

function cat(c: Pen): void {
  c.fillStyle = fade(c, 0, 100, "#8fc7c0", "#dfe7c8");
  c.fillRect(0, 0, 100, 100);
  oval(c, "#d98a3d", 50, 104, 40, 30);
  filled(c, "#e3974a", 20, 48, 19, 9, 45, 28);
  filled(c, "#e3974a", 80, 48, 81, 9, 55, 28);
  filled(c, "#f3c9b5", 24, 40, 23, 17, 38, 28);
  filled(c, "#f3c9b5", 76, 40, 77, 17, 62, 28);
  oval(c, "#e3974a", 50, 53, 34, 31);
  for (const [x, tilt] of [[40, -0.25], [50, 0], [60, 0.25]] as const) oval(c, "#a85d20", x, 30, 2.4, 9, tilt);
  for (const [x, tilt] of [[18.5, 1.2], [81.5, -1.2]] as const) for (const y of [52, 61]) oval(c, "#a85d20", x + (y - 52) * (x < 50 ? 0.3 : -0.3), y, 1.9, 7, tilt);
  oval(c, "#fbf1e2", 41, 67, 13, 11);
  oval(c, "#fbf1e2", 59, 67, 13, 11);
  oval(c, "#fbf1e2", 50, 76, 9, 7);
  for (const x of [34, 66]) {
    oval(c, "#f7f3d8", x, 49, 8.5, 8);
    oval(c, "#4c9a52", x, 49, 7.2, 7.2);
    oval(c, "#15181a", x, 49, 2.6, 6.4);
    oval(c, "#ffffff", x + 2.3, 46.2, 1.6, 1.6);
  }
  filled(c, "#c75c66", 45, 60, 55, 60, 50, 66);
  c.strokeStyle = "#4a2a14";
  c.lineWidth = 1.3;
  c.lineCap = "round";
  c.beginPath();
  c.moveTo(50, 66);
  c.quadraticCurveTo(49.5, 73, 42, 72);
  c.moveTo(50, 66);
  c.quadraticCurveTo(50.5, 73, 58, 72);
  c.stroke();
  c.strokeStyle = "#fffaf0";
  c.lineWidth = 0.9;
  c.beginPath();
  for (const side of [-1, 1]) for (const drop of [-4, 1, 6]) {
    c.moveTo(50 + side * 15, 66 + drop * 0.5);
    c.lineTo(50 + side * 43, 63 + drop * 1.7);
  }
  c.stroke();
}

function evening(c: Pen): void {
  c.fillStyle = fade(c, 0, 62, "#26345e", "#8b4f7e", "#f0845a", "#ffd28a");
  c.fillRect(0, 0, 100, 62);
  oval(c, "#fff1b8", 62, 53, 11, 11);
  for (const [x, y, w] of [[22, 20, 17], [36, 24, 13], [80, 30, 15]] as const) oval(c, "#d8837f", x, y, w, 2.3);
  c.fillStyle = fade(c, 60, 100, "#e58a63", "#5a4a7c", "#1d2748");
  c.fillRect(0, 60, 100, 40);
  for (let i = 0; i < 9; i += 1) oval(c, "#ffe3a0", 62 + 2.6 * Math.sin(i * 2.1), 63 + i * 3.7, 10 - i * 0.85, 0.9);
  filled(c, "#37315c", 0, 60, 0, 44, 14, 38, 30, 52, 44, 60);
  filled(c, "#231f3f", 0, 100, 0, 78, 20, 84, 42, 100);
  filled(c, "#f4f0e6", 79, 66, 79, 42, 91, 66);
  filled(c, "#e0685a", 77.5, 66, 77.5, 46, 69, 66);
  filled(c, "#2b1d2c", 68, 68, 92, 68, 88, 73, 72, 73);
}

function flower(c: Pen): void {
  c.fillStyle = fade(c, 0, 100, "#17405c", "#2b7d6d");
  c.fillRect(0, 0, 100, 100);
  c.strokeStyle = "#8ac05a";
  c.lineWidth = 3;
  c.beginPath();
  c.moveTo(50, 55);
  c.quadraticCurveTo(58, 78, 48, 102);
  c.stroke();
  oval(c, "#79b04c", 66, 83, 14, 5, -0.5);
  oval(c, "#679c40", 36, 90, 13, 4.6, 0.5);
  const petals = ["#e84f7d", "#f27a9b"];
  for (let i = 0; i < 12; i += 1) {
    const angle = (i * Math.PI) / 6;
    oval(c, petals[i % 2]!, 50 + 22 * Math.cos(angle), 43 + 22 * Math.sin(angle), 16, 6.4, angle);
  }
  oval(c, "#f6c945", 50, 43, 12.5, 12.5);
  for (let i = 1; i < 40; i += 1) oval(c, "#b36d1d", 50 + 1.8 * Math.sqrt(i) * Math.cos(2.4 * i), 43 + 1.8 * Math.sqrt(i) * Math.sin(2.4 * i), 0.8, 0.8);
}

export const PICTURES = { cat, evening, flower } as const;
export type PictureName = keyof typeof PICTURES;

export const picture = (name: PictureName, size: number): HTMLCanvasElement => drawn(size, PICTURES[name]);

/** The middle square of a photo. Throws where the file is none that the browser reads. */
export async function photo(file: Blob, size: number): Promise<HTMLCanvasElement> {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await image.decode();
    const side = Math.min(image.naturalWidth, image.naturalHeight);
    return drawn(size, (c) => {
      c.imageSmoothingQuality = "high";
      c.drawImage(image, (image.naturalWidth - side) / 2, (image.naturalHeight - side) / 2, side, side, 0, 0, 100, 100);
    });
  } finally {
    URL.revokeObjectURL(image.src);
  }
}
