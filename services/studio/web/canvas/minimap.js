// The whole image in a corner of the stage, with a frame about what is in sight; shown once that is not all of it.

const SIDE_PX = 170;

export class MiniMap {
  constructor({ canvas, view, image, onMove }) {
    Object.assign(this, { canvas, view, image, onMove });
    this.scale = SIDE_PX / Math.max(view.image.width, view.image.height);
    canvas.width = Math.max(1, Math.round(view.image.width * this.scale));
    canvas.height = Math.max(1, Math.round(view.image.height * this.scale));
    this.picture = null;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#go(event);
      event.stopPropagation();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.buttons) this.#go(event);
      event.stopPropagation();
    });
    canvas.addEventListener("pointerup", (event) => event.stopPropagation());
  }

  #go(event) {
    const { width, height } = this.view.screen;
    this.view.x = width / 2 - (event.offsetX / this.scale) * this.view.scale;
    this.view.y = height / 2 - (event.offsetY / this.scale) * this.view.scale;
    this.onMove();
  }

  draw() {
    const [x0, y0] = this.view.toImage([0, 0]);
    const [x1, y1] = this.view.toImage([this.view.screen.width, this.view.screen.height]);
    this.canvas.hidden = x0 <= 0 && y0 <= 0 && x1 >= this.view.image.width && y1 >= this.view.image.height;
    if (this.canvas.hidden) return;
    this.picture ??= this.#small();
    const context = this.canvas.getContext("2d");
    context.drawImage(this.picture, 0, 0);
    const [x, y, width, height] = [x0, y0, x1 - x0, y1 - y0].map((value) => value * this.scale);
    for (const [color, lineWidth] of [["#000c", 4], ["#fff", 2]]) {
      context.strokeStyle = color;
      context.lineWidth = lineWidth;
      context.strokeRect(x, y, width, height);
    }
  }

  // Once: to draw a picture of many pixels small takes as long as to draw it large.
  #small() {
    const small = new OffscreenCanvas(this.canvas.width, this.canvas.height);
    const context = small.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(this.image, 0, 0, small.width, small.height);
    return small;
  }
}
