// The lights of an object, one after the other under the same marks. The other pictures are fetched once one looks at it.

/**
 * @import { LightPicture } from "../../types/annotator.d.ts"
 * @import { Tiles } from "../canvas/tiles.js"
 * @import { View } from "../canvas/view.js"
 */

export class Lights {
  /** @param {{ place: HTMLElement, view: View, onPicture: (picture: Tiles) => void }} given */
  constructor({ place, view, onPicture }) {
    this.place = place;
    this.view = view;
    this.onPicture = onPicture;
    /** @type {LightPicture[]} */
    this.lights = [];
    this.at = 0;
    this.wanted = 0;
    this.#say();
  }

  get count() { return this.lights.length; }

  // In order; the image's own is shown.
  /** @param {LightPicture[]} lights */
  open(lights) {
    this.lights = lights;
    this.at = Math.max(0, lights.findIndex(({ isOwn }) => isOwn));
    this.wanted = this.at;
    this.#say();
    this.#fetch(lights);
  }

  /** @param {number} by */
  async flick(by) {
    if (this.count < 2) return;
    this.wanted = (this.wanted + by + this.count) % this.count;
    const { lights, wanted } = this;
    await lights[wanted].picture.load(this.view, devicePixelRatio).catch(() => {}); // what is missing comes later, or is asked for again
    if (lights !== this.lights || wanted !== this.wanted) return; // another image, or a key pressed again
    this.at = wanted;
    this.onPicture(lights[wanted].picture);
    this.#say();
  }

  #say() {
    this.place.hidden = this.count < 2;
    if (this.count < 2) return;
    const { name, isOwn } = this.lights[this.at];
    const key = document.createElement("kbd");
    key.textContent = "L";
    this.place.replaceChildren(`Light ${this.at + 1} of ${this.count}${name ? `: ${name}` : ""} `, key);
    this.place.title = `Next light of the object (L; Shift+L: before)${isOwn ? "" : "; the marks are of the image that is open"}`;
  }

  // One after the other: the picture in sight goes before.
  /** @param {LightPicture[]} lights */
  async #fetch(lights) {
    for (const { picture, isOwn } of lights) {
      if (isOwn) continue;
      if (lights !== this.lights) return;
      await picture.load(this.view, devicePixelRatio).catch(() => {});
    }
  }
}
