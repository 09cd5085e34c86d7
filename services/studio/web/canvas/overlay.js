// What moves, on a canvas no larger than it: a frame costs what changed, not the whole stage.
/**
 * @import { Point, Region, Size } from "../../types/annotation.d.ts"
 * @typedef {CanvasRenderingContext2D} Context
 * @typedef {{ points: Point[], at: string, box: Region, drawn: number }} Growing a stroke that is drawn piece by piece
 */
import { contextOf } from "./context.js";
import { ratioOf } from "./layer.js";

const STEP_PX = 128; // sizes are multiples of it: a canvas that changes its size is made anew

export class Overlay {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = contextOf(canvas);
    /** @type {Growing | null} */
    this.growing = null;
  }

  // `box`: [x0, y0, x1, y1] on the stage that paint(context) draws within, in coordinates of the stage; null hides.
  /** @type {(box: Region | null, screen: Size, paint: (context: Context) => void) => void} */
  draw(box, screen, paint) {
    this.growing = null;
    this.#look(1);
    if (this.#place(box ? within(box, screen) : [0, 0, 0, 0])) paint(this.context);
  }

  // A stroke: of its points only what came since the last frame is drawn, by paint(context, from which point on). It is
  // drawn opaque, and the canvas is shown with `alpha`: pieces that overlap are not seen. `at` tells another view.
  /**
   * @param {Region} box
   * @param {Size} screen
   * @param {{ points: Point[], at: string, alpha: number }} stroke
   * @param {(context: Context, from: number) => void} paint
   */
  grow(box, screen, { points, at, alpha }, paint) {
    const inside = within(box, screen);
    let growing = this.growing;
    if (!growing || growing.points !== points || growing.at !== at || !contains(growing.box, inside)) {
      const [x0, y0, x1, y1] = inside;
      const more = within([x0 - STEP_PX, y0 - STEP_PX, x1 + STEP_PX, y1 + STEP_PX], screen);
      growing = { points, at, drawn: 0, box: more };
      this.growing = growing;
      this.#look(alpha);
      if (!this.#place(growing.box)) return;
    } else if (growing.drawn === points.length) return;
    paint(this.context, Math.max(0, growing.drawn - 1));
    growing.drawn = points.length;
  }

  /** @param {number} alpha */
  #look(alpha) {
    const opacity = alpha === 1 ? "" : String(alpha);
    if (this.canvas.style.opacity !== opacity) this.canvas.style.opacity = opacity;
  }

  // The canvas over the box, empty; whether there is anything to draw.
  /** @type {(box: Region) => boolean} */
  #place([x0, y0, x1, y1]) {
    const isShown = x1 > x0 && y1 > y0;
    if (this.canvas.hidden === isShown) this.canvas.hidden = !isShown;
    if (!isShown) return false;
    const ratio = ratioOf();
    const [left, top] = [Math.floor(x0), Math.floor(y0)];
    const [width, height] = [x1 - left, y1 - top].map((side) => Math.ceil(side / STEP_PX) * STEP_PX);
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== across || this.canvas.height !== down) {
      Object.assign(this.canvas, { width: across, height: down });
      Object.assign(this.canvas.style, { width: `${width}px`, height: `${height}px` });
    } else {
      this.context.setTransform(1, 0, 0, 1, 0, 0);
      this.context.clearRect(0, 0, across, down);
    }
    this.canvas.style.transform = `translate(${left}px, ${top}px)`;
    this.context.setTransform(ratio, 0, 0, ratio, -left * ratio, -top * ratio);
    return true;
  }
}

/** @type {(box: Region, screen: Size) => Region} */
const within = ([x0, y0, x1, y1], { width, height }) => [Math.max(0, x0), Math.max(0, y0), Math.min(width, x1), Math.min(height, y1)];
/** @type {(box: Region, inner: Region) => boolean} */
const contains = (box, [x0, y0, x1, y1]) => box[0] <= x0 && box[1] <= y0 && box[2] >= x1 && box[3] >= y1;
