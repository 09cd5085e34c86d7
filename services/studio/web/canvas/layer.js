// What rests, drawn once on a canvas larger than what is in sight: to pan is to move the canvas, to zoom is to stretch it
// until the zooming ends. Knows no picture and no mark: `paint` draws them.

/**
 * @import { Region, Size } from "../../types/annotation.d.ts"
 * @import { View } from "./view.js"
 * @typedef {{ view: View, size: Size, ratio: number, screen: Size }} Drawn with `screen`, how large the stage was
 * @typedef {(context: CanvasRenderingContext2D, view: View, region: Region) => void} Paint
 */
import { contextOf } from "./context.js";

const MARGIN = 0.25; // of the stage's side, on each side
const MOST_PIXELS = 12e6; // of the canvas: less margin on a large screen
const STRETCH = [0.35, 2.8]; // of what was drawn, before it is drawn anew while one zooms
const SETTLE_MS = 160;

export class Layer {
  // paint(context, view, region): all, or within the region of the image [x0, y0, x1, y1]. onSettled: zooming has ended.
  /** @param {{ canvas: HTMLCanvasElement, paint: Paint, onSettled: () => void }} given */
  constructor({ canvas, paint, onSettled }) {
    this.canvas = canvas;
    this.paint = paint;
    this.onSettled = onSettled;
    this.context = contextOf(canvas, { alpha: false }); // nothing below it is drawn, nothing is blended
    /** @type {Drawn | null} */
    this.drawn = null;
    this.timer = 0;
    this.renders = 0; // counted for tests
  }

  forget() { this.drawn = null; }

  // Draw the region of the image again, and nothing else.
  /** @param {Region} region */
  refresh(region) {
    if (this.drawn) this.#paint(this.drawn, region);
  }

  /** @param {View} view */
  show(view) {
    const zooms = this.drawn && this.drawn.view.scale !== view.scale;
    if (zooms) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => { this.drawn = null; this.onSettled(); }, SETTLE_MS);
    }
    const { view: drawn, ratio } = this.drawn && !this.#isUsedUp(view, this.drawn) ? this.drawn : this.#render(view);
    const stretch = view.scale / drawn.scale;
    /** @type {(value: number) => number} */
    const snap = (value) => (stretch === 1 ? Math.round(value * ratio) / ratio : value);
    const [x, y] = [snap(view.x - drawn.x * stretch), snap(view.y - drawn.y * stretch)];
    this.canvas.style.transform = `translate(${x}px, ${y}px)${stretch === 1 ? "" : ` scale(${stretch})`}`;
  }

  /** @type {(view: View, drawn: Drawn) => boolean} */
  #isUsedUp(view, { view: drawn, size, ratio, screen }) {
    const stretch = view.scale / drawn.scale;
    if (ratio !== ratioOf() || screen.width !== view.screen.width || screen.height !== view.screen.height) return true;
    if (stretch < STRETCH[0] || stretch > STRETCH[1]) return true;
    const seen = partOf(view, view.screen);
    const there = partOf(drawn, size);
    const slack = 1 / view.scale;
    return seen[0] < there[0] - slack || seen[1] < there[1] - slack || seen[2] > there[2] + slack || seen[3] > there[3] + slack;
  }

  /** @type {(view: View) => Drawn} */
  #render(view) {
    clearTimeout(this.timer);
    const ratio = ratioOf();
    const { width, height } = view.screen;
    const margin = Math.max(0, Math.min(MARGIN, (Math.sqrt(MOST_PIXELS / Math.max(1, width * height * ratio * ratio)) - 1) / 2));
    const [left, top] = [Math.round(width * margin), Math.round(height * margin)];
    const size = { width: width + 2 * left, height: height + 2 * top };
    const [across, down] = [Math.max(1, Math.round(size.width * ratio)), Math.max(1, Math.round(size.height * ratio))];
    if (this.canvas.width !== across || this.canvas.height !== down) {
      Object.assign(this.canvas, { width: across, height: down });
      Object.assign(this.canvas.style, { width: `${size.width}px`, height: `${size.height}px` });
    }
    /** @type {View} */
    const placed = Object.assign(Object.create(Object.getPrototypeOf(view)), view, { x: view.x + left, y: view.y + top, screen: size });
    this.drawn = { view: placed, size, ratio, screen: { ...view.screen } };
    this.#paint(this.drawn, null);
    return this.drawn;
  }

  /** @type {(drawn: Drawn, region: Region | null) => void} */
  #paint({ view, ratio, size }, region) {
    const { context } = this;
    this.renders += region ? 0 : 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.save();
    let part = region;
    if (region) {
      // Whole pixels, and what is drawn goes beyond them: an edge that covers half a pixel would be seen as a seam.
      const [x0, y0, x1, y1] = region;
      const [left, top] = view.toScreen([x0, y0]).map((value) => Math.floor(value * ratio) / ratio);
      const [right, bottom] = view.toScreen([x1, y1]).map((value) => Math.ceil(value * ratio) / ratio);
      context.beginPath();
      context.rect(left, top, right - left, bottom - top);
      context.clip();
      part = [...view.toImage([left - 2, top - 2]), ...view.toImage([right + 2, bottom + 2])];
    }
    context.fillStyle = getComputedStyle(this.canvas.parentElement ?? this.canvas).backgroundColor;
    context.fillRect(0, 0, size.width, size.height);
    this.paint(context, view, part ?? partOf(view, size));
    context.restore();
  }
}

export const ratioOf = () => window.devicePixelRatio || 1;

// What of the image lies within (0, 0) and the size: x0, y0, x1, y1.
/** @type {(view: View, size: Size) => Region} */
export function partOf(view, { width, height }) {
  const [x0, y0] = view.toImage([0, 0]);
  const [x1, y1] = view.toImage([width, height]);
  return [Math.max(0, x0), Math.max(0, y0), Math.min(view.image.width, x1), Math.min(view.image.height, y1)];
}
