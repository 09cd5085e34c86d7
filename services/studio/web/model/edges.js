// One straight edge in a strip of an image, placed to a fraction of a pixel. Pure: the browser's side of
// truscore.border_lines.line_fit.
//
// The line is searched over offset and tilt where the derivative of a Gaussian across the strip (Canny 1986), averaged
// along the line, is largest; then the derivative's peak is taken in pieces, by a parabola through three samples, and a
// line is laid through these by Huber's M-estimator (1964).
//
// A strip: {rows, columns, values, step, inside}; `values` holds red, green, blue of each sample, row by row. Row r lies
// r + 1/2 - rows/2 pixels outward of the strip's middle line, columns are `step` pixels apart along it. `inside` has a 1
// where the image has a pixel.
/**
 * @import { Strip } from "../../types/annotation.d.ts"
 * @typedef {{ offset: number, turn: number, contrast: number }} Line
 */

const SIGMA_PX = 1.5;
const PIECES = 48;
const NEAR_PX = 3;
const HUBER_PX = 0.5;
const LEAST_CONTRAST = 4; // grey levels a pixel
const LEAST_SHARE = 0.4; // of the pieces, that have to lie on the line
const ROUNDS = 12;

const REACH = Math.ceil(4 * SIGMA_PX);
const KERNEL = (() => {
  const at = Array.from({ length: 2 * REACH + 1 }, (_, i) => i - REACH);
  const raw = at.map((a) => a * Math.exp(-0.5 * (a / SIGMA_PX) ** 2));
  const slope = raw.reduce((sum, value, i) => sum + value * at[i], 0);
  return raw.map((value) => value / slope); // of a ramp of slope 1 it gives 1
})();

// Grey levels a pixel, outward; 0 where the kernel would reach beyond the image.
/** @type {(strip: Strip) => Float32Array} */
export function derivativeAcross({ rows, columns, values, inside }) {
  const out = new Float32Array(rows * columns * 3);
  for (let row = REACH; row < rows - REACH; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      let usable = true;
      for (let k = -REACH; k <= REACH && usable; k += REACH) usable = inside[(row + k) * columns + column] === 1;
      if (!usable) continue;
      const target = (row * columns + column) * 3;
      for (let k = -REACH; k <= REACH; k += 1) {
        const source = ((row + k) * columns + column) * 3;
        for (let c = 0; c < 3; c += 1) out[target + c] += KERNEL[k + REACH] * values[source + c];
      }
    }
  }
  return out;
}

// {offset, turn, contrast, share}: at its middle `offset` pixels outward, at its last column `turn` pixels further out
// than at its first. Null where no edge is strong enough. `spread` is how far off it is expected to be.
/** @type {(strip: Strip, options: { spread: number, mostTurn: number }) => (Line & { share: number }) | null} */
export function fitEdge(strip, { spread, mostTurn }) {
  const gradient = derivativeAcross(strip);
  let best = { strength: 0, contrast: 0, offset: 0, turn: 0 };
  for (let turn = -mostTurn; turn <= mostTurn + 0.5; turn += 1) {
    alongLine(strip, gradient, turn).forEach((contrast, row) => {
      const offset = offsetOf(strip, row);
      const strength = contrast * Math.exp(-0.5 * (offset / spread) ** 2);
      if (strength > best.strength) best = { strength, contrast, offset, turn };
    });
  }
  if (best.contrast < LEAST_CONTRAST) return null;
  return refined(strip, gradient, best);
}

/** @type {(strip: Strip, row: number) => number} */
const offsetOf = ({ rows }, row) => row + 0.5 - rows / 2;
/** @type {(strip: Strip, column: number) => number} */
const shareOf = ({ columns }, column) => (columns > 1 ? column / (columns - 1) - 0.5 : 0);

// By row: the length of the mean derivative, by channel, along the line that turns so far.
/** @type {(strip: Strip, gradient: Float32Array, turn: number) => number[]} */
function alongLine(strip, gradient, turn) {
  const { rows, columns } = strip;
  const sums = new Float64Array(rows * 3);
  for (let column = 0; column < columns; column += 1) {
    const shift = Math.round(turn * shareOf(strip, column));
    for (let row = Math.max(0, -shift); row < Math.min(rows, rows - shift); row += 1) {
      const source = ((row + shift) * columns + column) * 3;
      for (let c = 0; c < 3; c += 1) sums[row * 3 + c] += gradient[source + c];
    }
  }
  return Array.from({ length: rows }, (_, row) => Math.hypot(sums[row * 3], sums[row * 3 + 1], sums[row * 3 + 2]) / columns);
}

/** @type {(strip: Strip, gradient: Float32Array, near: Line) => (Line & { share: number }) | null} */
function refined(strip, gradient, { offset, turn, contrast }) {
  const { rows, columns } = strip;
  /** @type {(column: number) => number} */
  const rowAt = (column) => Math.round(offset + turn * shareOf(strip, column) - offsetOf(strip, 0));
  const toward = [0, 0, 0];
  for (let column = 0; column < columns; column += 1) {
    const row = Math.min(Math.max(rowAt(column), 0), rows - 1);
    for (let c = 0; c < 3; c += 1) toward[c] += gradient[(row * columns + column) * 3 + c];
  }
  const length = Math.hypot(...toward) || 1;
  /** @type {[share: number, offset: number][]} */
  const points = [];
  for (let piece = 0; piece < PIECES; piece += 1) {
    const first = Math.floor((piece * columns) / PIECES);
    const last = Math.max(first + 1, Math.floor(((piece + 1) * columns) / PIECES));
    const mean = new Float64Array(rows);
    for (let row = 0; row < rows; row += 1) {
      for (let column = first; column < last; column += 1) {
        for (let c = 0; c < 3; c += 1) mean[row] += (gradient[(row * columns + column) * 3 + c] * toward[c]) / length / (last - first);
      }
    }
    const middle = (first + last - 1) / 2;
    const expected = offset + turn * shareOf(strip, middle) - offsetOf(strip, 0);
    const at = peak(mean, Math.max(1, Math.ceil(expected - NEAR_PX)), Math.min(rows - 2, Math.floor(expected + NEAR_PX)));
    if (at !== null) points.push([shareOf(strip, middle), at + offsetOf(strip, 0)]);
  }
  const line = points.length < LEAST_SHARE * PIECES ? null : huberLine(points);
  if (!line) return null;
  const near = points.filter(([x, y]) => Math.abs(y - line.at - line.slope * x) <= 2 * HUBER_PX).length;
  return near < LEAST_SHARE * PIECES ? null : { offset: line.at, turn: line.slope, contrast, share: near / PIECES };
}

/** @type {(values: Float32Array | Float64Array, low: number, high: number) => number | null} */
function peak(values, low, high) {
  if (low > high) return null;
  let row = low;
  for (let each = low; each <= high; each += 1) if (values[each] > values[row]) row = each;
  const [before, here, after] = [values[row - 1], values[row], values[row + 1]];
  const curvature = before - 2 * here + after;
  if (here <= 0 || curvature >= 0 || before > here || after > here) return null;
  return row + (0.5 * (before - after)) / curvature;
}

// y = at + slope x with weights that fall beyond HUBER_PX, weighed anew until they rest.
/** @type {(points: [x: number, y: number][]) => { at: number, slope: number } | null} */
function huberLine(points) {
  let line = { at: median(points.map(([, y]) => y)), slope: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    let [n, sx, sy, sxx, sxy] = [0, 0, 0, 0, 0];
    for (const [x, y] of points) {
      const off = Math.abs(y - line.at - line.slope * x);
      const weight = off <= HUBER_PX ? 1 : HUBER_PX / off;
      n += weight; sx += weight * x; sy += weight * y; sxx += weight * x * x; sxy += weight * x * y;
    }
    const determinant = n * sxx - sx * sx;
    if (Math.abs(determinant) < 1e-12) return null;
    const slope = (n * sxy - sx * sy) / determinant;
    line = { at: (sy - slope * sx) / n, slope };
  }
  return line;
}

/** @type {(values: number[]) => number} */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
