// Masks as outlines: the rims of a mask's parts, followed along the sides of its pixels, and thinned. Pure.
/**
 * @import { Point } from "../../types/annotation.d.ts"
 * @typedef {Map<number, number>} Ways
 */

// `mask` has 1 where a pixel belongs to it, row by row. Outer outlines, clockwise on the screen, as [x, y] in pixels of
// the mask; holes are filled. Parts that touch at a corner alone are separate.
/** @type {(mask: Uint8Array, width: number, height: number) => Point[][]} */
export function outlinesOf(mask, width, height) {
  const stride = width + 1;
  // From a corner of pixels to the one that the rim goes on to, with the mask on the right. Where two parts of the mask meet
  // at a corner two ways begin; of most corners there is one, and no list is made for it.
  /** @type {Ways} */
  const next = new Map();
  /** @type {Ways} */
  const second = new Map();
  /** @type {(from: number, to: number) => void} */
  const add = (from, to) => (next.has(from) ? second : next).set(from, to);
  for (let y = 0; y < height; y += 1) {
    const row = y * width;
    const corner = y * stride;
    for (let x = 0; x < width; x += 1) {
      const at = row + x;
      if (mask[at] !== 1) continue;
      const from = corner + x;
      if (y === 0 || mask[at - width] !== 1) add(from, from + 1);
      if (x === width - 1 || mask[at + 1] !== 1) add(from + 1, from + 1 + stride);
      if (y === height - 1 || mask[at + width] !== 1) add(from + 1 + stride, from + stride);
      if (x === 0 || mask[at - 1] !== 1) add(from + stride, from);
    }
  }
  const rings = [];
  for (const start of [...next.keys()]) {
    while (next.has(start)) {
      const ring = ringFrom(start, next, second, stride);
      if (signedArea(ring) > 0) rings.push(ring);
    }
  }
  return rings;
}

/** @type {(start: number, next: Ways, second: Ways, stride: number) => Point[]} */
function ringFrom(start, next, second, stride) {
  /** @type {Point[]} */
  const ring = [];
  let [at, direction] = [start, 0];
  do {
    const to = taken(at, direction, next, second, stride);
    if (to - at !== direction) ring.push([at % stride, Math.floor(at / stride)]);
    direction = to - at;
    at = to;
  } while (at !== start);
  return ring;
}

// One way on from a corner, which is used up; of two the right turn, so that parts that touch there stay separate.
/** @type {(at: number, direction: number, next: Ways, second: Ways, stride: number) => number} */
function taken(at, direction, next, second, stride) {
  const first = next.get(at);
  if (first === undefined) throw new Error(`the rim of a mask ends at corner ${at}`);
  const other = second.get(at);
  if (other === undefined) {
    next.delete(at);
    return first;
  }
  second.delete(at);
  if (direction !== 0 && !isRightTurn(direction, first - at, stride) && isRightTurn(direction, other - at, stride)) return other;
  next.set(at, other);
  return first;
}

// Directions as differences of ids: right 1, down stride, left -1, up -stride.
/** @type {(before: number, after: number, stride: number) => boolean} */
function isRightTurn(before, after, stride) {
  const order = [1, stride, -1, -stride];
  return order.indexOf(after) === (order.indexOf(before) + 1) % 4;
}

// Positive where the ring runs clockwise on the screen.
/** @type {(ring: Point[]) => number} */
export function signedArea(ring) {
  let twice = 0;
  for (let n = 0, before = ring.length - 1; n < ring.length; before = n, n += 1) twice += ring[before][0] * ring[n][1] - ring[n][0] * ring[before][1];
  return twice / 2;
}

// The ring without points that lie within `most` of the line beside them (Douglas and Peucker 1973), from the two that
// are farthest apart.
/** @type {(ring: Point[], most: number) => Point[]} */
export function thinned(ring, most) {
  if (ring.length <= 4) return ring;
  const far = farthestFrom(ring, ring[0]);
  const keep = new Set([0, far]);
  /** @type {[from: number, to: number][]} */
  const stack = [[0, far], [far, ring.length]];
  for (let span = stack.pop(); span; span = stack.pop()) {
    const [from, to] = span;
    const [ax, ay] = ring[from];
    const [bx, by] = ring[to % ring.length];
    let worst = most * most;
    let at = -1;
    for (let n = from + 1; n < to; n += 1) {
      const squared = squaredToSegment(ring[n][0], ring[n][1], ax, ay, bx, by);
      if (squared > worst) {
        worst = squared;
        at = n;
      }
    }
    if (at < 0) continue;
    keep.add(at);
    stack.push([from, at], [at, to]);
  }
  return ring.filter((_, n) => keep.has(n));
}

/** @type {(ring: Point[], point: Point) => number} */
function farthestFrom(ring, [x, y]) {
  let [best, at] = [-1, 0];
  ring.forEach(([px, py], n) => {
    const distance = Math.hypot(px - x, py - y);
    if (distance > best) [best, at] = [distance, n];
  });
  return at;
}

/** @type {(x: number, y: number, ax: number, ay: number, bx: number, by: number) => number} */
function squaredToSegment(x, y, ax, ay, bx, by) {
  const [dx, dy] = [bx - ax, by - ay];
  const squared = dx * dx + dy * dy;
  const t = squared ? Math.min(Math.max(((x - ax) * dx + (y - ay) * dy) / squared, 0), 1) : 0;
  return (ax + t * dx - x) ** 2 + (ay + t * dy - y) ** 2;
}
