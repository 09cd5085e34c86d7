// Where objects of each class lie, as a map for each class that has any: the darker, the more.
import { contextOf } from "../canvas/context.js";
import { element } from "../model/elements.js";

const CELL = 8;

/** @type {(cells: number[][]) => HTMLCanvasElement} */
function drawn(cells) {
  const side = cells.length;
  const canvas = element("canvas", { width: side * CELL, height: side * CELL });
  const paper = contextOf(canvas);
  const most = Math.max(1, ...cells.flat());
  paper.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
  cells.forEach((row, y) => row.forEach((count, x) => {
    paper.globalAlpha = count ? 0.15 + (0.85 * count) / most : 0;
    paper.fillRect(x * CELL, y * CELL, CELL, CELL);
  }));
  return canvas;
}

/** @type {(place: HTMLElement, names: string[], heat: number[][][]) => void} */
export function showHeat(place, names, heat) {
  const shown = names.map((name, label) => {
    const count = heat[label].flat().reduce((sum, each) => sum + each, 0);
    if (count === 0) return null;
    const canvas = drawn(heat[label]);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Where ${count} objects of ${name} lie`);
    return element("figure", {}, canvas, element("figcaption", { textContent: `${name}: ${count}` }));
  }).filter((each) => each !== null);
  place.replaceChildren(...(shown.length ? shown : [element("p", { className: "muted", textContent: "Nothing is marked yet." })]));
}
