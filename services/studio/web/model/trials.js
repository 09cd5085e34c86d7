// Trials of a search as points: no page, no canvas.

/**
 * @import { Trial } from "../../types/answers.d.ts"
 * @typedef {[x: number, y: number]} XY
 */

/** @param {unknown} value @returns {value is number} */
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

// [x, y] of each completed trial: its number or a parameter, against an objective. A parameter that is no number has none.
/** @type {(trials: Trial[], key: string, metric: string, logarithm?: boolean) => XY[]} */
export function pointsOf(trials, key, metric, logarithm = false) {
  /** @type {XY[]} */
  const points = [];
  for (const trial of trials) {
    const [x, y] = [key === "" ? trial.number : trial.parameters[key], trial.values[metric]];
    if (isNumber(x) && isNumber(y) && (!logarithm || x > 0)) points.push([logarithm ? Math.log10(x) : x, y]);
  }
  return points.sort(([a], [b]) => a - b);
}

// The best value that was known after each trial.
/** @type {(points: XY[], direction?: string) => XY[]} */
export function bestSoFar(points, direction) {
  /** @type {number | null} */
  let best = null;
  return points.map(([x, y]) => {
    if (best === null || (direction === "minimize" ? y < best : y > best)) best = y;
    return [x, best];
  });
}

// Trials by both objectives: all that completed, and those that no other is better than in both, from left to right.
/** @type {(trials: Trial[], best: number[], objectives: { metric: string }[]) => { all: XY[], front: XY[] }} */
export function frontOf(trials, best, [first, second]) {
  /** @type {{ number: number, point: XY }[]} */
  const completed = [];
  for (const { number, values } of trials) {
    const [x, y] = [values[first.metric], values[second.metric]];
    if (isNumber(x) && isNumber(y)) completed.push({ number, point: [x, y] });
  }
  completed.sort(({ point: [a] }, { point: [b] }) => a - b);
  return {
    all: completed.map(({ point }) => point),
    front: completed.filter(({ number }) => best.includes(number)).map(({ point }) => point),
  };
}
