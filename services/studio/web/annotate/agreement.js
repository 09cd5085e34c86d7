// The part of the panel that says how others mark the image. What they marked is shown as proposals: nothing of it is a mark
// of the shared document before somebody accepts it.
/**
 * @import { Suggestion, SentAnnotations } from "../../types/annotation.d.ts"
 * @import { Opened } from "../../types/annotator.d.ts"
 * @import { AgreementOfImage, AnnotatorPage, PairOfReadings, Reading } from "../../types/answers.d.ts"
 * @import { Editor } from "./editor.js"
 */
import { call, part } from "../model/calls.js";
import { newId } from "../model/ids.js";
import { comparedInWords } from "../elements/agreement.js";
import { at, element, perhaps, wordsOf } from "../model/elements.js";
import { isThere, proposalsOf } from "../model/suggestions.js";

export class Agreement {
  /** @param {{ about: AnnotatorPage, editor: Editor, onSettled: (opened: Opened) => Promise<void> }} given */
  constructor({ about, editor, onSettled }) {
    this.about = about;
    this.editor = editor;
    this.onSettled = onSettled;
    /** @type {Opened | null} */
    this.opened = null;
    this.list = at("agreement");
    this.said = at("agreement-said");
    this.link = perhaps("own", HTMLAnchorElement);
  }

  /** @param {Opened} opened */
  open(opened) {
    this.opened = opened;
    const page = `/datasets/${part(this.about.dataset_id)}/annotate/${opened.image.image_id}`;
    if (this.link) this.link.href = this.about.own ? page : `${page}?own=yes`;
    this.#ask(opened);
  }

  // Somebody here said how far the image is: the server has compared it with what others say, and may call it disputed.
  /** @param {Opened} opened */
  async settled(opened) {
    await this.onSettled(opened);
    if (opened === this.opened) this.#ask(opened);
  }

  /** @param {Opened} opened */
  async #ask(opened) {
    // Who marks by themselves learns what others say once they are done.
    if (this.about.own && this.editor.document.review !== "done") {
      this.#show([], "shown once your review is done");
      return;
    }
    try {
      /** @type {AgreementOfImage} */
      const { readings, authors, between } = await call("GET", `${opened.address}/agreement`);
      if (opened !== this.opened) return;
      const shown = this.about.own ? readings.filter((each) => each.is_own) : readings;
      const pairs = this.about.own ? [] : between.map((each) => this.#pair(each));
      this.#show([...shown.map((each) => this.#row(each, authors)), ...pairs], shown.length > 0 ? "" : "nobody has marked it a second time");
    } catch (error) {
      if (opened === this.opened) this.#show([], wordsOf(error));
    }
  }

  // Two people who saw neither the shared marks nor each other's.
  /** @param {PairOfReadings} pair */
  #pair({ annotators, found, reasons }) {
    return element("li", { className: reasons.length > 0 ? "warning" : "good" }, element("strong", { textContent: annotators.join(" and ") }), " ",
      comparedInWords(found), ...reasons.map((each) => element("div", { textContent: each })));
  }

  /** @param {Reading} reading @param {string[]} authors */
  #row(reading, authors) {
    const { annotator, is_done: isDone, is_same_person: isSame, found, reasons } = reading;
    const name = this.about.own ? `The shared marks${authors.length > 0 ? `, by ${authors.join(", ")}` : ""}` : annotator;
    return element("li", { className: reasons.length > 0 ? "warning" : "good" },
      element("strong", { textContent: name }), ` ${isDone ? "" : "(not done) "}${isSame ? "(the same person again) " : ""}`,
      comparedInWords(found), ...reasons.map((each) => element("div", { textContent: each })),
      this.about.can_suggest ? element("button", {
        type: "button", textContent: "Show", ariaLabel: `Show the marks of ${annotator}`, onclick: () => this.#propose(annotator),
      }) : null);
  }

  /** @param {string} annotator */
  async #propose(annotator) {
    const { opened, about, editor } = this;
    if (!opened) return;
    try {
      /** @type {{ document: SentAnnotations }} */
      const { document: theirs } = await call("GET", `${opened.address}/reading?annotator=${part(annotator)}`);
      if (opened !== this.opened) return;
      /** @type {Suggestion} */
      const answer = {
        shapes: theirs.shapes.map((each) => ({ ...each, confidence: null, note: annotator })),
        labels: (theirs.labels ?? []).map((label) => [label, null]), scores: theirs.scores,
      };
      const all = proposalsOf(answer, { classNames: about.class_names, makeId: newId, oneLabel: about.learns_from === "grade" });
      editor.propose(all.filter((each) => !isThere(each, editor.document)).map((each) => ({ ...each, from: annotator, words: `${each.words} · ${annotator}` })));
      this.said.textContent = editor.proposals.length > 0 ? `marks of ${annotator} are shown as suggestions` : `${annotator} has nothing else`;
    } catch (error) {
      this.said.textContent = wordsOf(error);
    }
  }

  /** @param {HTMLElement[]} rows @param {string} words */
  #show(rows, words) {
    this.list.replaceChildren(...rows);
    this.said.textContent = words;
  }
}
