// The panel beside the image: classes, marks, labels of the whole image, scores.
/**
 * @import { Review, Shape } from "../../types/annotation.d.ts"
 * @import { AnnotatorPage } from "../../types/answers.d.ts"
 * @import { Editor } from "./editor.js"
 * @typedef {{ words: string, label: number, button: HTMLButtonElement, item: HTMLElement }} Row
 */
import { at, element, perhaps } from "../model/elements.js";

/** @type {Record<Shape["kind"], string>} */
const KIND = { box: "box", quad: "quadrilateral", polygon: "polygon", point: "point", fixed: "imported" };
/** @type {(label: number) => string} */
const classOf = (label) => `class-${(label - 1) % 12}`;

export class Panel {
  /** @param {{ about: AnnotatorPage, editor: Editor }} given */
  constructor({ about, editor }) {
    this.about = about;
    this.editor = editor;
    /** @type {Map<string, Row>} */
    this.rows = new Map(); // of the list of marks, by the mark's id
    const nothing = perhaps("nothing", HTMLInputElement);
    nothing?.addEventListener("change", () => this.editor.edit([{ op: "labels", labels: nothing.checked ? [] : null }]));
    this.nothing = nothing;
    this.review = at("review", HTMLSelectElement);
    this.review.addEventListener("change", () => {
      const state = /** @type {Review} */ (this.review.value);
      this.editor.edit([{ op: "review", state }]);
    });
    this.scores = this.#makeScores();
  }

  get marks() { return ["boxes", "masks"].includes(this.about.learns_from); }

  // A class was chosen, by key or pointer: of a mark, or of the image as a whole.
  /** @param {number} label */
  choose(label) {
    if (label < 1 || label > this.about.class_names.length) return;
    if (this.marks) this.editor.setLabel(label);
    else if (this.about.learns_from === "grade") this.editor.edit([{ op: "labels", labels: [label] }]);
    else if (this.about.learns_from === "labels") {
      const labels = new Set(this.editor.document.labels ?? []);
      if (!labels.delete(label)) labels.add(label);
      this.editor.edit([{ op: "labels", labels: [...labels] }]);
    }
  }

  show() {
    const { document: now } = this.editor;
    const chosen = this.marks ? [this.editor.label] : now.labels ?? [];
    at("classes").replaceChildren(...this.about.class_names.map((name, index) => element("button", {
      type: "button", className: classOf(index + 1), "aria-pressed": String(chosen.includes(index + 1)),
      onclick: () => this.choose(index + 1),
    }, element("span", { textContent: name }), index < 10 ? element("kbd", { textContent: String((index + 1) % 10) }) : null)));
    at("count").textContent = String(this.editor.shapes.length);
    this.#list();
    if (this.nothing) this.nothing.checked = now.labels !== null && now.labels.length === 0;
    this.review.value = now.review;
    for (const [name, input] of this.scores) if (document.activeElement !== input) input.value = String(now.scores[name] ?? "");
  }

  // Rows stay as they are while their marks do: a list of hundreds is not made anew with each edit.
  #list() {
    const place = at("shapes");
    /** @type {Map<string, Row>} */
    const rows = new Map();
    for (const shape of this.editor.shapes) {
      const known = this.rows.get(shape.id);
      const words = `${this.about.class_names[shape.label - 1] ?? shape.label} · ${KIND[shape.kind]}`;
      const row = known?.words === words && known.label === shape.label ? known : this.#row(shape, words);
      const isChosen = String(shape.id === this.editor.selected);
      if (row.button.getAttribute("aria-pressed") !== isChosen) row.button.setAttribute("aria-pressed", isChosen);
      rows.set(shape.id, row);
    }
    const wanted = [...rows.values()].map((row) => row.item);
    if (wanted.length !== place.children.length || wanted.some((item, n) => item !== place.children[n])) place.replaceChildren(...wanted);
    this.rows = rows;
  }

  /** @type {(shape: Shape, words: string) => Row} */
  #row(shape, words) {
    const { id, label } = shape;
    const button = element("button", {
      type: "button", className: classOf(label), textContent: words,
      onclick: () => { this.editor.choose("select"); this.editor.select(id); },
    });
    return { words, label, button, item: element("li", {}, button) };
  }

  #makeScores() {
    /** @type {Map<string, HTMLInputElement>} */
    const scores = new Map();
    const place = perhaps("scores");
    for (const name of place ? this.about.class_names : []) {
      const input = element("input", { type: "number", step: "any", ariaLabel: name });
      input.addEventListener("change", () => this.editor.edit([{ op: "score", name, value: input.value === "" ? null : Number(input.value) }]));
      scores.set(name, input);
      place?.append(element("label", {}, name, input));
    }
    return scores;
  }
}
