// Corners, hits and moves, in pixels of the image. Pure.

/** @import { Point, Region, Shape, Size, Stroke } from "../../types/annotation.d.ts" */

/** @type {(shape: Shape) => Point[]} */
export function corners(shape) {
  const p = shape.points;
  if (shape.kind === "box" || shape.kind === "fixed") {
    return [[p[0], p[1]], [p[2], p[1]], [p[2], p[3]], [p[0], p[3]]];
  }
  /** @type {Point[]} */
  const found = [];
  for (let i = 0; i < p.length; i += 2) found.push([p[i], p[i + 1]]);
  return found;
}

/** @type {(shape: Shape, point: Point) => boolean} */
export function inside(shape, [x, y]) {
  const ring = corners(shape);
  let within = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
    const [xi, yi] = ring[i];
    const [xj, yj] = ring[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) within = !within;
  }
  return within;
}

// Whether a press there means the shape: a point has no inside, and is met near it.
/** @type {(shape: Shape, point: Point, reach: number) => boolean} */
export function hits(shape, point, reach) {
  return shape.kind === "point" ? nearestCorner(shape, point, reach) === 0 : inside(shape, point);
}

/** @type {(shape: Shape) => number} */
export function area(shape) {
  const ring = corners(shape);
  let twice = 0;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) twice += ring[j][0] * ring[i][1] - ring[i][0] * ring[j][1];
  return Math.abs(twice) / 2;
}

/** @type {(shape: Shape, point: Point, reach: number) => number} */
export function nearestCorner(shape, [x, y], reach) {
  let best = -1;
  let least = reach;
  corners(shape).forEach(([cx, cy], index) => {
    const distance = Math.hypot(cx - x, cy - y);
    if (distance <= least) { least = distance; best = index; }
  });
  return best;
}

// x0, y0, x1, y1 around it.
/** @type {(shape: Shape) => Region} */
export function bounds(shape) {
  const ring = corners(shape);
  const xs = ring.map(([x]) => x);
  const ys = ring.map(([, y]) => y);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

// Intersection over union of two bounds.
/** @type {(one: Region, other: Region) => number} */
export function overlap([ax0, ay0, ax1, ay1], [bx0, by0, bx1, by1]) {
  const both = Math.max(0, Math.min(ax1, bx1) - Math.max(ax0, bx0)) * Math.max(0, Math.min(ay1, by1) - Math.max(ay0, by0));
  const all = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - both;
  return all > 0 ? both / all : 0;
}

// Whether a stroke of the brush, {points, radius}, overlaps the shape: its middle line comes into it or near its rim.
/** @type {(shape: Shape, stroke: Stroke) => boolean} */
export function touches(shape, { points, radius }) {
  const [x0, y0, x1, y1] = bounds(shape);
  const isNear = points.some(([x, y]) => x >= x0 - radius && x <= x1 + radius && y >= y0 - radius && y <= y1 + radius);
  if (!isNear) return false;
  const ring = corners(shape);
  return points.some((point) => inside(shape, point) || ring.some((corner, n) => toSide(point, corner, ring[(n + 1) % ring.length]) <= radius));
}

/** @type {(point: Point, start: Point, end: Point) => number} */
function toSide([x, y], [ax, ay], [bx, by]) {
  const squared = (bx - ax) ** 2 + (by - ay) ** 2;
  const t = squared ? Math.min(Math.max(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / squared, 0), 1) : 0;
  return Math.hypot(ax + t * (bx - ax) - x, ay + t * (by - ay) - y);
}

/** @type {(value: number, most: number) => number} */
export const within = (value, most) => Math.min(Math.max(value, 0), most);

/** @type {(shape: Shape, index: number, point: Point) => Shape} */
export function withCorner(shape, index, [x, y]) {
  const points = [...shape.points];
  if (shape.kind === "box") {
    points[index === 0 || index === 3 ? 0 : 2] = x;
    points[index < 2 ? 1 : 3] = y;
  } else {
    points[2 * index] = x;
    points[2 * index + 1] = y;
  }
  return { ...shape, points };
}

/** @type {(shape: Shape, dx: number, dy: number, size: Size) => Shape} */
export function moved(shape, dx, dy, { width, height }) {
  const xs = shape.points.filter((_, i) => i % 2 === 0);
  const ys = shape.points.filter((_, i) => i % 2 === 1);
  const x = Math.min(Math.max(dx, -Math.min(...xs)), width - Math.max(...xs));
  const y = Math.min(Math.max(dy, -Math.min(...ys)), height - Math.max(...ys));
  return { ...shape, points: shape.points.map((value, i) => value + (i % 2 ? y : x)) };
}

// A box from its upper left to its lower right corner, however it was drawn.
/** @type {(shape: Shape) => Shape} */
export function tidy(shape) {
  if (shape.kind !== "box") return shape;
  const [a, b, c, d] = shape.points;
  return { ...shape, points: [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)] };
}
