// The map of a dataset's images: a model's body sees alike what lies beside each other. A click, or Enter, opens the image.
/**
 * @import { Point } from "../../types/annotation.d.ts"
 * @import { FittingModel, ImagesMap, MapPoint } from "../../types/answers.d.ts"
 */
import { contextOf } from "../canvas/context.js";
import { colorOf } from "../canvas/drawing.js";
import { ratioOf } from "../canvas/layer.js";
import { call, part } from "../model/calls.js";
import { at, element, wordsOf } from "../model/elements.js";
import { nearest, next } from "../model/places.js";

const [RADIUS_PX, MARGIN_PX, REACH_PX] = [5, 16, 14];
const UNMARKED = "#8a93a3";
/** @type {Record<string, Point>} */
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const NO_MODEL = "No model for this option has been exported yet: train one on what is annotated.";

export class ImageMap {
  /** @param {string} datasetId */
  constructor(datasetId) {
    this.address = `/api/datasets/${part(datasetId)}`;
    this.page = `/datasets/${part(datasetId)}/annotate`;
    this.at = {
      model: at("map-model", HTMLSelectElement),
      method: at("map-method", HTMLSelectElement),
      draw: at("map-draw", HTMLButtonElement),
      map: at("map", HTMLCanvasElement),
      said: at("map-said"), image: at("map-image"), legend: at("map-legend"), shown: at("map-shown"),
    };
    /** @type {string[]} */
    this.names = [];
    /** @type {MapPoint | null} */
    this.chosen = null;
    /** @type {MapPoint[]} */
    this.points = [];
    this.at.draw.addEventListener("click", () => this.#make());
    this.at.map.addEventListener("pointermove", (event) => this.#choose(this.#under(event)));
    this.at.map.addEventListener("click", (event) => { const found = this.#under(event); if (found) this.#open(found); });
    this.at.map.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#draw()).observe(this.at.map);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  async start() {
    try {
      /** @type {{ models: FittingModel[] }} */
      const { models } = await call("GET", `${this.address}/models`);
      this.at.model.replaceChildren(...models.map((each) => element("option", { value: each.run_id, textContent: `${each.architecture.replaceAll("_", " ")} on ${each.dataset_id} ${each.dataset_version}` })));
      this.at.model.disabled = this.at.draw.disabled = models.length === 0;
      this.at.said.textContent = models.length === 0 ? NO_MODEL : "";
    } catch (error) {
      this.at.said.textContent = wordsOf(error);
    }
  }

  async #make() {
    this.at.draw.disabled = true;
    try {
      for (;;) {
        /** @type {{ done: number, total: number, map: ImagesMap | null }} */
        const { done, total, map } = await call("POST", `${this.address}/map`, { run_id: this.at.model.value, method: this.at.method.value });
        this.at.said.textContent = `${done} of ${total} images looked at`;
        if (map) {
          this.#show(map);
          break;
        }
      }
    } catch (error) {
      this.at.said.textContent = wordsOf(error);
    }
    this.at.draw.disabled = false;
  }

  /** @param {ImagesMap} map */
  #show(map) {
    this.points = map.points;
    this.names = map.class_names;
    const labels = [...new Set(map.points.map(({ label }) => label))].sort((a, b) => (a ?? Infinity) - (b ?? Infinity));
    this.at.legend.replaceChildren(...labels.map((label) => element("li", { className: label === null ? "unmarked" : `class-${(label - 1) % 12}`, textContent: this.#nameOf(label) })));
    const shares = map.explained.map((each) => `${Math.round(100 * each)} %`);
    this.at.said.textContent = `${map.points.length} images. ${shares.length > 0 ? `The axes hold ${shares.join(" and ")} of what differs.` : "Only what is near each other is comparable."}`;
    this.at.shown.hidden = false;
    this.#choose(this.points[0]);
    this.#draw();
  }

  /** @type {(label: number | null) => string} */
  #nameOf(label) { return label === null ? "nothing marked" : this.names[label - 1] ?? String(label); }

  get #scale() { return Math.max(1, Math.min(this.at.map.clientWidth, this.at.map.clientHeight) / 2 - MARGIN_PX); }

  #placed() {
    const [middleX, middleY] = [this.at.map.clientWidth / 2, this.at.map.clientHeight / 2];
    return this.points.map((each) => ({ ...each, x: middleX + each.x * this.#scale, y: middleY - each.y * this.#scale, of: each }));
  }

  /** @type {(event: MouseEvent) => MapPoint | null} */
  #under({ offsetX, offsetY }) { return nearest(this.#placed(), [offsetX, offsetY], REACH_PX)?.of ?? null; }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Enter" && this.chosen) this.#open(this.chosen);
    const way = WAYS[event.key];
    if (!way || !this.chosen) return;
    event.preventDefault();
    const placed = this.#placed();
    const from = placed.find(({ of }) => of === this.chosen);
    if (from) this.#choose(next(placed, from, way).of);
  }

  /** @param {MapPoint | null} point */
  #choose(point) {
    if (!point || point === this.chosen) return;
    this.chosen = point;
    this.at.image.replaceChildren(element("a", { href: `${this.page}/${point.image_id}` },
      element("img", { src: `${this.address}/images/${point.image_id}/thumbnail.jpg`, alt: "" }), element("span", { textContent: point.path })),
      element("p", { className: "muted", textContent: this.#nameOf(point.label) }));
    this.#draw();
  }

  /** @param {MapPoint} point */
  #open({ image_id: id }) { location.assign(`${this.page}/${id}`); }

  #draw() {
    const { map: canvas } = this.at;
    const ratio = ratioOf();
    Object.assign(canvas, { width: Math.round(canvas.clientWidth * ratio), height: Math.round(canvas.clientHeight * ratio) });
    const context = contextOf(canvas);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(canvas);
    for (const { x, y, label, of } of this.#placed()) {
      context.beginPath();
      context.arc(x, y, of === this.chosen ? RADIUS_PX + 3 : RADIUS_PX, 0, 2 * Math.PI);
      context.globalAlpha = of === this.chosen ? 1 : 0.75;
      context.fillStyle = label === null ? UNMARKED : colorOf(label);
      context.fill();
      context.globalAlpha = 1;
      if (of !== this.chosen) continue;
      context.lineWidth = 2;
      context.strokeStyle = style.color;
      context.stroke();
    }
  }
}
