// The picture in halves of its size, so that to draw it small takes as long as it is small. Knows one image of the browser.

const LEAST_PX = 256; // of a level's longer side

export class Levels {
  constructor(image, size) {
    this.size = size;
    this.levels = [image];
  }

  // The region of the image, [x0, y0, x1, y1], where the view has it.
  draw(context, view, [x0, y0, x1, y1]) {
    if (x1 <= x0 || y1 <= y0) return;
    const source = this.#levelFor(view.scale * context.getTransform().a);
    const [width, height] = [source.naturalWidth ?? source.width, source.naturalHeight ?? source.height];
    const [kx, ky] = [width / this.size.width, height / this.size.height];
    // Whole pixels of the source, so that what is drawn in parts meets without a seam.
    const [left, top] = [Math.max(0, Math.floor(x0 * kx) - 1), Math.max(0, Math.floor(y0 * ky) - 1)];
    const [right, bottom] = [Math.min(width, Math.ceil(x1 * kx) + 1), Math.min(height, Math.ceil(y1 * ky) + 1)];
    const [x, y] = view.toScreen([left / kx, top / ky]);
    context.imageSmoothingEnabled = view.scale < 3;
    context.imageSmoothingQuality = "medium";
    context.drawImage(source, left, top, right - left, bottom - top, x, y, ((right - left) / kx) * view.scale, ((bottom - top) / ky) * view.scale);
  }

  // The smallest that is not smaller than what is shown; made from the one above it, once.
  #levelFor(scale) {
    let level = 0;
    for (let half = 0.5; half >= scale && this.#sideOf(level) / 2 >= LEAST_PX; half /= 2) {
      level += 1;
      this.levels[level] ??= halved(this.levels[level - 1]);
    }
    return this.levels[level];
  }

  #sideOf(level) {
    const source = this.levels[level];
    return Math.max(source.naturalWidth ?? source.width, source.naturalHeight ?? source.height);
  }
}

function halved(source) {
  const [width, height] = [source.naturalWidth ?? source.width, source.naturalHeight ?? source.height];
  const half = new OffscreenCanvas(Math.ceil(width / 2), Math.ceil(height / 2));
  const context = half.getContext("2d", { alpha: false });
  context.imageSmoothingQuality = "medium";
  context.drawImage(source, 0, 0, half.width, half.height);
  return half;
}
