// Sides of quadrilaterals moved to the edges that the image has there: the browser's side of truscore.border_lines.refine.
// Pure but for `cut`, which cuts strips: (start, end, {reach, inset}) to a strip of model/edges.js.
/** @import { Point, Shape, StripCutter } from "../../types/annotation.d.ts" */
import { corners } from "./geometry.js";
import { fitEdge } from "./edges.js";

const REACH = 0.03; // of the shorter side, to both sides of a side; on the screen at least what follows
const REACH_PX = 12;
const LEAST_SIDE_PX = 40;
const MOST_TURN = 0.03; // of a side's length
const INSET = 0.06; // of a side, left out at either end: corners of cards are round

/** @typedef {[Point, Point]} Line */

// The line near the side from `start` to `end`, as two points of it; null where none stands out.
/** @type {(start: Point, end: Point, cut: StripCutter, options: { reach: number }) => Line | null} */
export function lineNear(start, end, cut, { reach }) {
  const [dx, dy] = [end[0] - start[0], end[1] - start[1]];
  const length = Math.hypot(dx, dy);
  if (length < LEAST_SIDE_PX) return null;
  const strip = cut(start, end, { reach, inset: INSET });
  const found = strip && fitEdge(strip, { spread: reach / 2, mostTurn: Math.min(MOST_TURN * length, reach) });
  if (!found) return null;
  const [ax, ay] = [dx / length, dy / length];
  // Outward of an outline whose corners run clockwise on the screen: to the left of the way along.
  /** @type {(share: number, turn: number) => Point} */
  const at = (share, turn) => {
    const offset = found.offset + turn * found.turn;
    return [start[0] + share * dx + offset * ay, start[1] + share * dy - offset * ax];
  };
  return [at(INSET, -0.5), at(1 - INSET, 0.5)];
}

// Where two lines meet, each given by two points; null of parallel ones.
/** @type {(one: Line, other: Line) => Point | null} */
export function meeting([a, b], [c, d]) {
  const [ux, uy, vx, vy] = [b[0] - a[0], b[1] - a[1], d[0] - c[0], d[1] - c[1]];
  const cross = ux * vy - uy * vx;
  if (Math.abs(cross) < 1e-9 * Math.hypot(ux, uy) * Math.hypot(vx, vy) || cross === 0) return null;
  const t = ((c[0] - a[0]) * vy - (c[1] - a[1]) * vx) / cross;
  return [a[0] + t * ux, a[1] + t * uy];
}

// The shape with its sides `which` (side n goes from corner n to the next) on the edges near them. Corners of `keep`
// stay; a corner moves to where its two sides meet, unless that is farther than an edge was looked for.
/**
 * @typedef {{ which?: number[], keep?: number[], scale?: number }} Sides
 * @type {(shape: Shape, cut: StripCutter, options?: Sides) => Shape}
 */
export function snapped(shape, cut, { which = [0, 1, 2, 3], keep = [], scale = 1 } = {}) {
  const ring = corners(shape);
  const shorter = Math.min(...ring.map((corner, n) => Math.hypot(corner[0] - ring[(n + 1) % 4][0], corner[1] - ring[(n + 1) % 4][1])));
  const reach = Math.ceil(Math.max(REACH * shorter, Math.min(REACH_PX / scale, 0.2 * shorter), 8));
  /** @type {Line[]} */
  const lines = ring.map((corner, n) => {
    const end = ring[(n + 1) % 4];
    return (which.includes(n) && lineNear(corner, end, cut, { reach })) || [corner, end];
  });
  const moved = ring.map((corner, n) => {
    if (keep.includes(n)) return corner;
    const met = meeting(lines[(n + 3) % 4], lines[n]);
    return met && Math.hypot(met[0] - corner[0], met[1] - corner[1]) <= 3 * reach ? met : corner;
  });
  return { ...shape, points: moved.flat() };
}

// The side within `reach` of the point, by its number; -1 for none.
/** @type {(shape: Shape, point: Point, reach: number) => number} */
export function nearestSide(shape, [x, y], reach) {
  const ring = corners(shape);
  let [best, least] = [-1, reach];
  ring.forEach(([ax, ay], n) => {
    const [bx, by] = ring[(n + 1) % ring.length];
    const squared = (bx - ax) ** 2 + (by - ay) ** 2;
    const t = squared ? Math.min(Math.max(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / squared, 0), 1) : 0;
    const distance = Math.hypot(ax + t * (bx - ax) - x, ay + t * (by - ay) - y);
    if (distance <= least) [best, least] = [n, distance];
  });
  return best;
}

// The side moved in parallel so far as (dx, dy) goes across it; its corners slide along the sides beside it.
/** @type {(shape: Shape, n: number, dx: number, dy: number) => Shape} */
export function withSide(shape, n, dx, dy) {
  const ring = corners(shape);
  const [a, b] = [ring[n], ring[(n + 1) % 4]];
  const length = Math.hypot(b[0] - a[0], b[1] - a[1]) || 1;
  const [nx, ny] = [(b[1] - a[1]) / length, -(b[0] - a[0]) / length];
  const across = dx * nx + dy * ny;
  /** @type {Line} */
  const line = [[a[0] + across * nx, a[1] + across * ny], [b[0] + across * nx, b[1] + across * ny]];
  const before = meeting([ring[(n + 3) % 4], a], line);
  const after = meeting(line, [b, ring[(n + 2) % 4]]);
  if (!before || !after) return shape;
  const moved = [...ring];
  moved[n] = before;
  moved[(n + 1) % 4] = after;
  return { ...shape, points: moved.flat() };
}
