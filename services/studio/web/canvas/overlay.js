// What moves, on a canvas no larger than it: a frame costs what changed, not the whole stage.
import { ratioOf } from "./layer.js";

const STEP_PX = 128; // sizes are multiples of it: a canvas that changes its size is made anew

export class Overlay {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.place = null; // [left, top, width, height] on the stage
  }

  // `box`: [x0, y0, x1, y1] on the stage that paint(context) draws within, in coordinates of the stage; null hides.
  draw(box, { width: stageWidth, height: stageHeight }, paint) {
    const [x0, y0, x1, y1] = box ? [Math.max(0, box[0]), Math.max(0, box[1]), Math.min(stageWidth, box[2]), Math.min(stageHeight, box[3])] : [0, 0, 0, 0];
    const isShown = x1 > x0 && y1 > y0;
    if (this.canvas.hidden === isShown) this.canvas.hidden = !isShown;
    if (!isShown) return;
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
    paint(this.context);
  }
}
