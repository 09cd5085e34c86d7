// Strips of the shown picture along a line, cut by the canvas itself: turned so that the line lies level, bilinear.

/** @import { Size, StripCutter } from "../../types/annotation.d.ts" */
import { contextOf } from "./context.js";

const MOST_COLUMNS = 512;
/** @type {OffscreenCanvas | null} */
let canvas = null;

// For model/edges.js. `image` is the picture as the browser has it, perhaps smaller than the file; `size` is the file's.
/** @type {(image: HTMLImageElement, size: Size) => StripCutter} */
export function stripCutter(image, size) {
  const scale = [image.naturalWidth / size.width, image.naturalHeight / size.height];
  return (start, end, { reach, inset }) => {
    const [dx, dy] = [end[0] - start[0], end[1] - start[1]];
    const length = Math.hypot(dx, dy);
    const rows = 2 * (reach + 8); // beyond the reach, what the derivative needs
    const columns = Math.max(8, Math.min(MOST_COLUMNS, Math.round(length * (1 - 2 * inset))));
    const along = columns / (length * (1 - 2 * inset));
    canvas ??= new OffscreenCanvas(1, 1);
    canvas.width = columns;
    canvas.height = rows;
    const context = contextOf(canvas, { willReadFrequently: true });
    const [ax, ay] = [dx / length, dy / length];
    const origin = [start[0] + inset * dx, start[1] + inset * dy];
    // Column: along · (p - origin) · a; row: (p - origin) · outward + rows / 2.
    const m = [along * ax, ay, along * ay, -ax];
    context.setTransform(m[0], m[1], m[2], m[3],
      -(m[0] * origin[0] + m[2] * origin[1]), rows / 2 - (m[1] * origin[0] + m[3] * origin[1]));
    context.scale(1 / scale[0], 1 / scale[1]);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "low";
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, columns, rows).data;
    const values = new Float32Array(rows * columns * 3);
    const inside = new Uint8Array(rows * columns);
    for (let n = 0; n < rows * columns; n += 1) {
      inside[n] = pixels[4 * n + 3] === 255 ? 1 : 0;
      for (let c = 0; c < 3; c += 1) values[3 * n + c] = pixels[4 * n + c];
    }
    return { rows, columns, values, inside };
  };
}
