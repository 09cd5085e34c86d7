// The whole image in a corner of the stage, with a frame about what is in sight; shown once that is not all of it.

/**
 * @import { Picture } from "../../types/drawing.d.ts"
 * @import { View } from "./view.js"
 */
import { within } from "../model/elements.js";
import { contextOf } from "./context.js";

const SIDE_PX = 170;
const FRAME_PX = 100; // of the frame as the style sheet has it: it is stretched, not drawn

export class MiniMap {
  /** @param {{ place: HTMLElement, view: View, onMove: () => void }} given */
  constructor({ place, view, onMove }) {
    this.place = place;
    this.view = view;
    this.onMove = onMove;
    this.canvas = within(place, "canvas", HTMLCanvasElement);
    this.frame = within(place, "i");
    /** @type {Picture | null} */
    this.picture = null;
    this.scale = 1; // pixels of the map for one of the image
    this.isDrawn = false;
    place.addEventListener("pointerdown", (event) => {
      place.setPointerCapture(event.pointerId);
      this.#go(event);
      event.stopPropagation();
    });
    place.addEventListener("pointermove", (event) => {
      if (event.buttons) this.#go(event);
      event.stopPropagation();
    });
    place.addEventListener("pointerup", (event) => event.stopPropagation());
  }

  // Another image.
  /** @param {Picture} picture */
  open(picture) {
    const { width, height } = this.view.image;
    this.picture = picture;
    this.scale = SIDE_PX / Math.max(width, height);
    this.canvas.width = Math.max(1, Math.round(width * this.scale));
    this.canvas.height = Math.max(1, Math.round(height * this.scale));
    this.isDrawn = false;
  }

  /** @param {PointerEvent} event */
  #go(event) {
    const { width, height } = this.view.screen;
    const at = this.canvas.getBoundingClientRect();
    this.view.x = width / 2 - ((event.clientX - at.left) / this.scale) * this.view.scale;
    this.view.y = height / 2 - ((event.clientY - at.top) / this.scale) * this.view.scale;
    this.onMove();
  }

  // The picture has changed, or more of it has arrived.
  forget() { this.isDrawn = false; }

  show() {
    const { view, place } = this;
    const [x0, y0] = view.toImage([0, 0]);
    const [x1, y1] = view.toImage([view.screen.width, view.screen.height]);
    const isWhole = x0 <= 0 && y0 <= 0 && x1 >= view.image.width && y1 >= view.image.height;
    if (place.hidden !== isWhole) place.hidden = isWhole;
    if (isWhole) return;
    if (!this.isDrawn) this.#draw();
    const [x, y, width, height] = [x0, y0, x1 - x0, y1 - y0].map((value) => value * this.scale);
    this.frame.style.transform = `translate(${x}px, ${y}px) scale(${width / FRAME_PX}, ${height / FRAME_PX})`;
  }

  #draw() {
    /** @type {View} */
    const whole = Object.assign(Object.create(Object.getPrototypeOf(this.view)), this.view, { x: 0, y: 0, scale: this.scale });
    this.picture?.draw(contextOf(this.canvas, { alpha: false }), whole, [0, 0, this.view.image.width, this.view.image.height]);
    this.isDrawn = true;
  }
}
