// Points of a map: which is meant by a press, and which is next in a direction. Pure.

/**
 * @import { Point } from "../../types/annotation.d.ts"
 * @typedef {{ x: number, y: number }} Place
 */

// The nearest to a place within reach; null where there is none.
/**
 * @template {Place} T
 * @param {T[]} points
 * @param {Point} point
 * @param {number} reach
 * @returns {T | null}
 */
export function nearest(points, [x, y], reach) {
  let best = null;
  let least = reach;
  for (const each of points) {
    const distance = Math.hypot(each.x - x, each.y - y);
    if (distance <= least) [best, least] = [each, distance];
  }
  return best;
}

// The next from one point in a direction [dx, dy]: near, and not far off that way. The same where there is none.
/**
 * @template {Place} T
 * @param {T[]} points
 * @param {T} from
 * @param {Point} direction
 * @returns {T}
 */
export function next(points, from, [dx, dy]) {
  let best = from;
  let least = Infinity;
  for (const each of points) {
    const along = (each.x - from.x) * dx + (each.y - from.y) * dy;
    const across = Math.abs((each.x - from.x) * dy - (each.y - from.y) * dx);
    if (each === from || along <= 0 || across > 2 * along) continue;
    const cost = along + 2 * across;
    if (cost < least) [best, least] = [each, cost];
  }
  return best;
}
