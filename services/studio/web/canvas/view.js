// Where the image lies on the screen: scale and offset. Pure.

/** @import { Point, Size } from "../../types/annotation.d.ts" */

export class View {
  /** @param {number} width @param {number} height */
  constructor(width, height) {
    this.image = { width, height };
    this.screen = { width: 1, height: 1 };
    this.scale = 1;
    this.x = 0;
    this.y = 0;
  }

  // Another image: as it lies, where its size is the same.
  /** @param {Size} size */
  open({ width, height }) {
    const isSame = width === this.image.width && height === this.image.height;
    this.image = { width, height };
    if (!isSame) this.fit();
  }

  /** @param {number} width @param {number} height */
  resize(width, height) {
    this.screen = { width, height };
  }

  fit(margin = 24) {
    const { width, height } = this.screen;
    this.scale = Math.max(0.01, Math.min((width - 2 * margin) / this.image.width, (height - 2 * margin) / this.image.height));
    this.x = (width - this.image.width * this.scale) / 2;
    this.y = (height - this.image.height * this.scale) / 2;
  }

  /** @type {(point: Point) => Point} */
  toImage([x, y]) {
    return [(x - this.x) / this.scale, (y - this.y) / this.scale];
  }

  /** @type {(point: Point) => Point} */
  toScreen([x, y]) {
    return [x * this.scale + this.x, y * this.scale + this.y];
  }

  // Zoom so that the point under the pointer stays where it is.
  /** @type {(factor: number, point?: Point) => void} */
  zoom(factor, [x, y] = [this.screen.width / 2, this.screen.height / 2]) {
    const scale = Math.min(Math.max(this.scale * factor, 0.02), 64);
    const [imageX, imageY] = this.toImage([x, y]);
    this.scale = scale;
    this.x = x - imageX * scale;
    this.y = y - imageY * scale;
  }

  /** @param {number} dx @param {number} dy */
  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
  }

  // Bring a point of the image into sight.
  /** @param {Point} point @param {number} [margin] */
  reveal(point, margin = 40) {
    const [x, y] = this.toScreen(point);
    this.x += Math.max(0, margin - x) - Math.max(0, x - this.screen.width + margin);
    this.y += Math.max(0, margin - y) - Math.max(0, y - this.screen.height + margin);
  }
}
