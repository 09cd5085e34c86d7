// Strokes of the brush joined with outlines, and cut out of them: painted on a canvas of their own, and traced again.
/**
 * @import { Point, Shape, Size, Stroke } from "../../types/annotation.d.ts"
 * @import { Context } from "../../types/drawing.d.ts"
 */
import { corners } from "../model/geometry.js";
import { contextOf } from "./context.js";
import { outlinesOf, signedArea, thinned } from "../model/masks.js";

const MOST_PIXELS = 6e6;
const FINEST = 4; // pixels of the canvas for one of the image
const LEAST_AREA_PX = 6; // of the image
const THIN_PX = 0.3; // of the image

// Outlines, as flat lists of points of the image, of what `shapes` and the stroke cover together; with `isErasing`, of
// what is left of the shapes. A stroke: {points, radius}, in pixels of the image.
/** @type {(shapes: Shape[], stroke: Stroke, size: Size, isErasing: boolean) => number[][]} */
export function painted(shapes, { points, radius }, { width, height }, isErasing) {
  const all = [...shapes.flatMap(corners), ...points.flatMap(([x, y]) => [[x - radius, y - radius], [x + radius, y + radius]])];
  const left = Math.max(0, Math.floor(Math.min(...all.map(([x]) => x))) - 1);
  const top = Math.max(0, Math.floor(Math.min(...all.map(([, y]) => y))) - 1);
  const right = Math.min(width, Math.ceil(Math.max(...all.map(([x]) => x))) + 1);
  const bottom = Math.min(height, Math.ceil(Math.max(...all.map(([, y]) => y))) + 1);
  if (right <= left || bottom <= top) return [];
  const scale = Math.min(FINEST, Math.sqrt(MOST_PIXELS / ((right - left) * (bottom - top))));
  const canvas = new OffscreenCanvas(Math.ceil((right - left) * scale), Math.ceil((bottom - top) * scale));
  const context = contextOf(canvas, { willReadFrequently: true });
  context.setTransform(scale, 0, 0, scale, -left * scale, -top * scale);
  for (const shape of shapes) fill(context, corners(shape));
  context.globalCompositeOperation = isErasing ? "destination-out" : "source-over";
  stroke(context, points, radius);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const mask = new Uint8Array(canvas.width * canvas.height);
  for (let n = 0; n < mask.length; n += 1) mask[n] = data[4 * n + 3] >>> 7; // half covered and more
  return outlinesOf(mask, canvas.width, canvas.height)
    .map((ring) => ({ ring, area: signedArea(ring) }))
    .filter(({ area }) => area >= LEAST_AREA_PX * scale * scale)
    .sort((a, b) => b.area - a.area)
    .map(({ ring }) => thinned(ring, THIN_PX * scale))
    .filter((ring) => ring.length >= 3)
    .map((ring) => ring.flatMap(([x, y]) => [round(Math.min(x / scale + left, width)), round(Math.min(y / scale + top, height))]));
}

/** @type {(value: number) => number} */
const round = (value) => Math.round(value * 1000) / 1000;

/** @type {(context: Context, ring: Point[]) => void} */
function fill(context, ring) {
  context.beginPath();
  ring.forEach(([x, y], n) => (n ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
  context.fill();
}

/** @type {(context: Context, points: Point[], radius: number) => void} */
export function stroke(context, points, radius) {
  context.lineCap = "round";
  context.lineJoin = "round";
  context.lineWidth = 2 * radius;
  context.beginPath();
  points.forEach(([x, y], n) => (n ? context.lineTo(x, y) : context.moveTo(x, y)));
  if (points.length === 1) context.lineTo(points[0][0] + 1e-3, points[0][1]);
  context.stroke();
}
