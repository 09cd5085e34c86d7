// What the validator's rules find while one annotates: asked about the marks that an edit touched once it is saved, and about
// the whole image when it rests. Shown in a list and beside the mark. Knows no rule: the server runs them.
/**
 * @import { Finding, Operation, Point, Shape } from "../../types/annotation.d.ts"
 * @import { AnnotatorPage } from "../../types/answers.d.ts"
 * @import { View } from "../canvas/view.js"
 * @import { Saver } from "../model/saver.js"
 * @import { Editor } from "./editor.js"
 */
import { call } from "../model/calls.js";
import { allWithin, at, element, wordsOf } from "../model/elements.js";
import { bounds, corners } from "../model/geometry.js";
import { flagsOf, merged, touchedBy } from "../model/findings.js";

const REST_MS = 700;
const [WIDE_PX, HIGH_PX, GAP_PX] = [300, 76, 8]; // of the words beside a mark

export class Checker {
  /** @param {{ about: AnnotatorPage, editor: Editor, view: View, words: HTMLElement, onFlags: () => void }} given */
  constructor({ about, editor, view, words, onFlags }) {
    this.about = about;
    this.editor = editor;
    this.view = view;
    this.words = words;
    this.onFlags = onFlags;
    this.list = at("findings");
    this.count = at("finding-count");
    this.address = "";
    /** @type {Saver | null} */
    this.saver = null;
    /** @type {Finding[]} */
    this.findings = [];
    /** @type {Set<string>} */
    this.touched = new Set();
    this.asking = false;
    this.isWhole = true;
    /** @type {Finding | null} */
    this.chosen = null;
    this.resting = 0;
  }

  /** @param {string} address @param {Saver} saver */
  open(address, saver) {
    clearTimeout(this.resting);
    Object.assign(this, { address, saver, findings: [], touched: new Set(), asking: false, isWhole: true, chosen: null });
    this.#show();
    this.#ask();
  }

  // The next finding that has a place, by key: its mark is selected and comes into sight.
  /** @param {number} by */
  step(by) {
    if (this.findings.length === 0) return;
    const now = this.findings.findIndex((each) => each === this.chosen);
    this.choose(this.findings[now < 0 ? (by > 0 ? 0 : this.findings.length - 1) : (now + by + this.findings.length) % this.findings.length]);
  }

  /** @param {Finding} finding */
  choose(finding) {
    this.chosen = finding;
    if (this.editor.document.shapes.has(finding.shape)) {
      this.editor.choose("select");
      this.editor.select(finding.shape);
      const shape = this.editor.selectedShape;
      if (shape) this.view.reveal(corners(shape)[0]);
    }
    this.#mark();
    this.editor.onChange();
  }

  // Beside the mark that is selected, what is found about it; moves with it.
  place() {
    const shape = this.editor.preview ? null : this.editor.selectedShape;
    const flag = shape && this.editor.flags.get(shape.id);
    if (this.words.hidden !== !flag) this.words.hidden = !flag;
    if (!flag || !shape) return;
    if (this.words.dataset.of !== flag.words) {
      Object.assign(this.words, { textContent: flag.words, className: `beside ${flag.severity}` });
      this.words.dataset.of = flag.words;
    }
    const [x, y] = beside(this.view, shape);
    this.words.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  }

  // The server has an edit.
  /** @param {Saver} saver @param {Operation[]} ops */
  edited(saver, ops) {
    if (saver !== this.saver) return;
    for (const id of touchedBy(ops)) this.touched.add(id);
    this.isWhole = false;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => { this.isWhole = true; this.#ask(); }, REST_MS);
    this.#ask();
  }

  async #ask() {
    if (this.asking) return;
    const { saver } = this;
    this.asking = true;
    try {
      while (saver === this.saver && (this.touched.size > 0 || this.isWhole)) {
        const touched = this.isWhole ? null : [...this.touched];
        this.touched.clear();
        this.isWhole = false;
        /** @type {{ findings: Finding[] }} */
        const answer = await call("POST", `${this.address}/findings${this.about.own}`, { touched });
        if (saver !== this.saver) return;
        this.#take(answer.findings, touched);
      }
    } catch (error) {
      if (saver === this.saver) this.#show(`not known: ${wordsOf(error)}`);
    } finally {
      if (saver === this.saver) this.asking = false;
    }
  }

  /** @param {Finding[]} found @param {string[] | null} touched */
  #take(found, touched) {
    this.findings = merged(this.findings, found, touched);
    this.#show();
  }

  #show(fault = "") {
    this.editor.flags = flagsOf(this.findings);
    this.chosen = this.findings.find((each) => each.rule === this.chosen?.rule && each.shape === this.chosen?.shape) ?? null;
    this.count.textContent = fault || (this.findings.length > 0 ? String(this.findings.length) : "none");
    this.list.replaceChildren(...this.findings.map((each) => element("li", {}, element("button", {
      type: "button", className: each.severity, title: `${each.rule}: ${each.mend}`, onclick: () => this.choose(each),
    }, element("strong", { textContent: this.#whereOf(each) }), ` ${each.message}`))));
    this.#mark();
    this.onFlags();
  }

  /** @type {(finding: Finding) => string} */
  #whereOf({ shape: id, severity }) {
    const ids = this.editor.shapes.map((shape) => shape.id);
    const shape = this.editor.document.shapes.get(id);
    return `${severity}, ${shape ? `mark ${ids.indexOf(id) + 1} (${this.about.class_names[shape.label - 1] ?? shape.label})` : "image"}:`;
  }

  #mark() {
    allWithin(this.list, "button", HTMLButtonElement).forEach((button, n) => {
      const isChosen = this.findings[n] === this.chosen;
      button.setAttribute("aria-pressed", String(isChosen));
      if (isChosen) button.scrollIntoView({ block: "nearest" });
    });
  }
}

// Where the words of a mark stand on the stage: under it, and in sight.
/** @type {(view: View, shape: Shape) => Point} */
function beside(view, shape) {
  const [left, , , bottom] = bounds(shape);
  const [x, y] = view.toScreen([left, bottom]);
  const { width, height } = view.screen;
  return [Math.min(Math.max(x, GAP_PX), width - WIDE_PX - GAP_PX), Math.min(Math.max(y + GAP_PX, GAP_PX), height - HIGH_PX)];
}
