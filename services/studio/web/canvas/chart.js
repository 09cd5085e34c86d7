// Curves on a canvas: axes with round numbers, several lines, a reading under the pointer.

/**
 * @typedef {[x: number, y: number]} XY
 * @typedef {{ name: string, color: string, points: [x: number, y: number | null][], dots?: boolean }} Line
 * @typedef {Omit<Line, "points"> & { points: XY[] }} DrawnLine
 * @typedef {(value: number) => number} ToPixels
 * @typedef {{ square?: boolean, fractions?: boolean, diagonal?: boolean, dots?: boolean }} Options
 * @typedef {{ toX: ToPixels, toY: ToPixels, height: number, text: string }} Frame
 * @typedef {Frame & { x0: number, x1: number, y0: number, y1: number, width: number }} AxesFrame
 */
import { contextOf } from "./context.js";

const MARGIN = { left: 58, right: 20, top: 10, bottom: 26 };

/** @type {(low: number, high: number, count: number, least?: number) => number[]} */
export function ticks(low, high, count, least = 0) {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(least, [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? 10 * power);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) found.push(Math.abs(value) < step * 1e-9 ? 0 : value);
  return found;
}

/** @type {(value: number) => string} */
export const short = (value) => (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5) ? value.toExponential(1) : String(Number(value.toPrecision(4))));

/** @param {[number, number | null]} point @returns {point is XY} */
const hasY = (point) => point[1] !== null;

export class Chart {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    /** @type {DrawnLine[]} */
    this.lines = [];
    /** @type {Options} */
    this.options = {};
    /** @type {number | null} */
    this.pointer = null;
    new ResizeObserver(() => this.draw()).observe(canvas);
    canvas.addEventListener("pointermove", (event) => { this.pointer = event.offsetX; this.draw(); });
    canvas.addEventListener("pointerleave", () => { this.pointer = null; this.draw(); });
  }

  // Lines of {name, color, points: [[x, y], ...]}; a y of null is left out. Options: `square` for axes from 0 to 1,
  // `fractions` for an x that is no count, `diagonal` for what y = x would be, `dots` (of a line, or of all) for points that no line joins.
  /** @param {Line[]} lines @param {Options} [options] */
  set(lines, options = {}) {
    this.options = options;
    this.lines = lines.map((line) => ({ ...line, points: line.points.filter(hasY) }));
    this.draw();
  }

  // Names of several lines stand above them.
  get top() { return this.lines.length > 1 ? MARGIN.top + 20 : MARGIN.top; }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    const context = contextOf(this.canvas);
    context.scale(ratio, ratio);
    const style = getComputedStyle(this.canvas);
    const text = style.color;
    context.font = `12px ${style.fontFamily}`;
    const all = this.lines.flatMap((line) => line.points);
    if (all.length === 0) {
      context.fillStyle = text;
      context.fillText("Nothing measured yet", MARGIN.left, height / 2);
      return;
    }
    /** @type {(index: 0 | 1) => XY} */
    const range = (index) => [Math.min(...all.map((point) => point[index])), Math.max(...all.map((point) => point[index]))];
    const [x0, x1] = this.options.square ? [0, 1] : range(0);
    let [y0, y1] = this.options.square ? [0, 1] : range(1);
    if (y0 === y1) { y1 += Math.abs(y1) * 0.1 || 1; y0 -= Math.abs(y0) * 0.1; } // nothing below 0 where all is 0
    /** @type {ToPixels} */
    const toX = (x) => MARGIN.left + ((x - x0) / (x1 - x0 || 1)) * (width - MARGIN.left - MARGIN.right);
    /** @type {ToPixels} */
    const toY = (y) => height - MARGIN.bottom - ((y - y0) / (y1 - y0)) * (height - this.top - MARGIN.bottom);
    this.#axes(context, { x0, x1, y0, y1, toX, toY, width, height, text });
    if (this.options.diagonal) this.#diagonal(context, [Math.max(x0, y0), Math.min(x1, y1)], toX, toY, text);
    for (const line of this.lines) this.#line(context, line, toX, toY);
    this.#legend(context, width, text);
    if (this.pointer !== null) this.#reading(context, { toX, toY, height, text }, this.pointer);
  }

  /** @type {(context: CanvasRenderingContext2D, frame: AxesFrame) => void} */
  #axes(context, { x0, x1, y0, y1, toX, toY, width, height, text }) {
    context.fillStyle = text;
    context.strokeStyle = text;
    context.lineWidth = 1;
    context.textAlign = "right";
    for (const y of ticks(y0, y1, 4)) {
      context.globalAlpha = 0.16;
      context.beginPath();
      context.moveTo(MARGIN.left, toY(y));
      context.lineTo(width - MARGIN.right, toY(y));
      context.stroke();
      context.globalAlpha = 1;
      context.fillText(short(y), MARGIN.left - 6, toY(y) + 4);
    }
    context.textAlign = "center";
    for (const x of ticks(x0, x1, 5, this.options.square || this.options.fractions ? 0 : 1)) context.fillText(short(x), toX(x), height - 8);
    context.textAlign = "left";
  }

  /** @type {(context: CanvasRenderingContext2D, span: XY, toX: ToPixels, toY: ToPixels, text: string) => void} */
  #diagonal(context, [from, to], toX, toY, text) {
    context.strokeStyle = text;
    context.globalAlpha = 0.5;
    context.setLineDash([5, 5]);
    context.beginPath();
    context.moveTo(toX(from), toY(from));
    context.lineTo(toX(to), toY(to));
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  /** @type {(context: CanvasRenderingContext2D, line: DrawnLine, toX: ToPixels, toY: ToPixels) => void} */
  #line(context, line, toX, toY) {
    context.strokeStyle = line.color;
    context.fillStyle = line.color;
    context.lineWidth = 2;
    context.beginPath();
    const dots = line.dots ?? this.options.dots;
    line.points.forEach(([x, y], index) => (index ? context.lineTo(toX(x), toY(y)) : context.moveTo(toX(x), toY(y))));
    if (!dots) context.stroke();
    if (line.points.length > 40 && !dots) return;
    for (const [x, y] of line.points) {
      context.beginPath();
      context.arc(toX(x), toY(y), 3, 0, 2 * Math.PI);
      context.fill();
    }
  }

  /** @type {(context: CanvasRenderingContext2D, width: number, text: string) => void} */
  #legend(context, width, text) {
    if (this.lines.length < 2) return;
    let x = MARGIN.left + 8;
    for (const line of this.lines) {
      context.fillStyle = line.color;
      context.fillRect(x, MARGIN.top - 1, 14, 3);
      context.fillStyle = text;
      const room = width - MARGIN.right - x - 18;
      if (room < 20) break;
      const words = context.measureText(line.name).width > room ? `${line.name.slice(0, Math.floor(room / 8))}…` : line.name;
      context.fillText(words, x + 18, MARGIN.top + 5);
      x += 30 + context.measureText(words).width;
    }
  }

  /** @type {(context: CanvasRenderingContext2D, frame: Frame, pointer: number) => void} */
  #reading(context, { toX, toY, height, text }, pointer) {
    const drawn = this.lines.filter(({ points }) => points.length > 0);
    const nearest = drawn.map(({ points }) => points.reduce((best, point) => (
      Math.abs(toX(point[0]) - pointer) < Math.abs(toX(best[0]) - pointer) ? point : best)));
    const [first] = nearest;
    if (!first) return;
    context.strokeStyle = text;
    context.globalAlpha = 0.4;
    context.beginPath();
    context.moveTo(toX(first[0]), this.top);
    context.lineTo(toX(first[0]), height - MARGIN.bottom);
    context.stroke();
    context.globalAlpha = 1;
    const words = nearest.map((point) => short(point[1])).join(" · ");
    context.fillStyle = text;
    context.textAlign = pointer > this.canvas.clientWidth / 2 ? "right" : "left";
    context.fillText(`${short(first[0])}: ${words}`, toX(first[0]) + (context.textAlign === "left" ? 8 : -8), toY(first[1]) - 10 > 24 ? toY(first[1]) - 10 : 36);
    context.textAlign = "left";
  }
}
