// What rests, drawn once on a canvas larger than what is in sight: to pan is to move the canvas, to zoom is to stretch it
// until the zooming ends. Knows no picture and no mark: `paint` draws them.

const MARGIN = 0.25; // of the stage's side, on each side
const MOST_PIXELS = 12e6; // of the canvas: less margin on a large screen
const STRETCH = [0.35, 2.8]; // of what was drawn, before it is drawn anew while one zooms
const SETTLE_MS = 160;

export class Layer {
  // paint(context, view, region): all, or within the region of the image [x0, y0, x1, y1]. onSettled: zooming has ended.
  constructor({ canvas, paint, onSettled }) {
    Object.assign(this, { canvas, paint, onSettled });
    this.context = canvas.getContext("2d", { alpha: false }); // nothing below it is drawn, nothing is blended
    this.drawn = null; // where the image lay on the canvas, and how large the stage was
    this.timer = 0;
    this.renders = 0; // counted for tests
  }

  forget() { this.drawn = null; }

  // Draw the region of the image again, and nothing else.
  refresh(region) {
    if (this.drawn) this.#paint(region);
  }

  show(view) {
    const zooms = this.drawn && this.drawn.view.scale !== view.scale;
    if (zooms) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => { this.drawn = null; this.onSettled(); }, SETTLE_MS);
    }
    if (!this.drawn || this.#isUsedUp(view)) this.#render(view);
    const { view: drawn, ratio } = this.drawn;
    const stretch = view.scale / drawn.scale;
    const snap = (value) => (stretch === 1 ? Math.round(value * ratio) / ratio : value);
    const [x, y] = [snap(view.x - drawn.x * stretch), snap(view.y - drawn.y * stretch)];
    this.canvas.style.transform = `translate(${x}px, ${y}px)${stretch === 1 ? "" : ` scale(${stretch})`}`;
  }

  #isUsedUp(view) {
    const { view: drawn, size, ratio, screen } = this.drawn;
    const stretch = view.scale / drawn.scale;
    if (ratio !== ratioOf() || screen.width !== view.screen.width || screen.height !== view.screen.height) return true;
    if (stretch < STRETCH[0] || stretch > STRETCH[1]) return true;
    const seen = partOf(view, view.screen);
    const there = partOf(drawn, size);
    const slack = 1 / view.scale;
    return seen[0] < there[0] - slack || seen[1] < there[1] - slack || seen[2] > there[2] + slack || seen[3] > there[3] + slack;
  }

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
    const placed = Object.assign(Object.create(Object.getPrototypeOf(view)), view, { x: view.x + left, y: view.y + top, screen: size });
    this.drawn = { view: placed, size, ratio, screen: { ...view.screen } };
    this.#paint(null);
  }

  #paint(region) {
    const { view, ratio, size } = this.drawn;
    const { context } = this;
    this.renders += region ? 0 : 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.save();
    let part = region;
    if (region) {
      // Whole pixels, and what is drawn goes beyond them: an edge that covers half a pixel would be seen as a seam.
      const [left, top] = view.toScreen(region.slice(0, 2)).map((value) => Math.floor(value * ratio) / ratio);
      const [right, bottom] = view.toScreen(region.slice(2)).map((value) => Math.ceil(value * ratio) / ratio);
      context.beginPath();
      context.rect(left, top, right - left, bottom - top);
      context.clip();
      part = [...view.toImage([left - 2, top - 2]), ...view.toImage([right + 2, bottom + 2])];
    }
    context.fillStyle = getComputedStyle(this.canvas.parentElement).backgroundColor;
    context.fillRect(0, 0, size.width, size.height);
    this.paint(context, view, part ?? partOf(view, size));
    context.restore();
  }
}

export const ratioOf = () => window.devicePixelRatio || 1;

// What of the image lies within (0, 0) and the size: x0, y0, x1, y1.
export function partOf(view, { width, height }) {
  const [x0, y0] = view.toImage([0, 0]);
  const [x1, y1] = view.toImage([width, height]);
  return [Math.max(0, x0), Math.max(0, y0), Math.min(view.image.width, x1), Math.min(view.image.height, y1)];
}
