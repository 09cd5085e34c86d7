// The part of the panel that asks a model and lists what it proposes. Nothing is a mark before somebody accepts it.
/**
 * @import { Suggestion } from "../../types/annotation.d.ts"
 * @import { AnnotatorPage, FittingModel } from "../../types/answers.d.ts"
 * @import { Editor } from "./editor.js"
 */
import { call, part } from "../model/calls.js";
import { newId } from "../model/ids.js";
import { at, element, wordsOf } from "../model/elements.js";
import { isThere, percent, proposalsOf } from "../model/suggestions.js";

const KEY = "suggesting-model";
const NO_MODEL = "No model for this option has been exported yet: train one on what is annotated.";

export class Suggester {
  /** @param {{ about: AnnotatorPage, editor: Editor }} given */
  constructor({ about, editor }) {
    this.about = about;
    this.editor = editor;
    this.address = "";
    this.isEmpty = false;
    this.at = {
      model: at("model", HTMLSelectElement),
      suggest: at("suggest", HTMLButtonElement),
      least: at("least", HTMLInputElement),
      said: at("said"), proposals: at("proposals"), acceptance: at("acceptance"),
    };
    this.at.suggest.addEventListener("click", () => this.suggest());
    at("accept-all").addEventListener("click", () => this.acceptAll());
    at("dismiss-all").addEventListener("click", () => editor.dismiss(editor.proposals.map((each) => each.id)));
    this.at.least.addEventListener("input", () => { editor.leastConfidence = Number(this.at.least.value) / 100; editor.onChange(); });
    this.at.model.addEventListener("change", () => localStorage.setItem(KEY, this.at.model.value));
  }

  /** @param {string} address */
  open(address) {
    this.address = address;
    this.#say(this.isEmpty ? NO_MODEL : "");
  }

  async start() {
    try {
      /** @type {{ models: FittingModel[] }} */
      const { models } = await call("GET", `/api/datasets/${part(this.about.dataset_id)}/models`);
      this.at.model.replaceChildren(...models.map((each) => element("option", { value: each.run_id, textContent: nameOf(each) })));
      const known = models.find((each) => each.run_id === localStorage.getItem(KEY));
      if (known) this.at.model.value = known.run_id;
      this.at.suggest.disabled = this.at.model.disabled = models.length === 0;
      this.isEmpty = models.length === 0;
      this.#say(this.isEmpty ? NO_MODEL : "");
    } catch (error) {
      this.#say(wordsOf(error));
    }
  }

  async suggest() {
    if (this.at.suggest.disabled) return;
    this.at.suggest.disabled = true;
    this.#say("The model is looking…");
    const { address } = this;
    try {
      /** @type {Suggestion} */
      const answer = await call("POST", `${address}/suggestions`, { run_id: this.at.model.value });
      if (address !== this.address) { // another image is open by now
        this.at.suggest.disabled = false;
        return;
      }
      const all = proposalsOf(answer, {
        classNames: this.about.class_names, makeId: newId, oneLabel: this.about.learns_from === "grade",
      });
      const fresh = all.filter((each) => !isThere(each, this.editor.document));
      this.editor.propose(fresh);
      this.#say([
        all.length === 0 ? "The model finds nothing here." : "",
        all.length > fresh.length ? `${all.length - fresh.length} of ${all.length} are there already.` : "",
        ...(answer.left_out ?? []).map((each) => `Left out: ${each}.`),
      ].filter(Boolean).join(" "));
    } catch (error) {
      this.#say(wordsOf(error), "error");
    }
    this.at.suggest.disabled = false;
  }

  acceptAll() { this.editor.accept(this.editor.shownProposals.map((each) => each.id)); }

  show() {
    const { shownProposals: shown, proposed } = this.editor;
    this.at.acceptance.hidden = this.editor.proposals.length === 0;
    this.at.proposals.replaceChildren(...shown.map((each) => element("li", { className: each.shape ? `class-${(each.shape.label - 1) % 12}` : "" },
      element("button", {
        type: "button", className: "name", title: each.note, "aria-pressed": String(each.id === proposed),
        textContent: `${each.words} ${percent(each.confidence)}`, onclick: () => this.editor.lookAt(each.id),
      }),
      element("button", { type: "button", ariaLabel: `Accept ${each.words}`, textContent: "✓", onclick: () => this.editor.accept([each.id]) }),
      element("button", { type: "button", ariaLabel: `Dismiss ${each.words}`, textContent: "✕", onclick: () => this.editor.dismiss([each.id]) }))));
  }

  /** @param {string} words @param {string} [kind] */
  #say(words, kind = "muted") {
    this.at.said.textContent = words;
    this.at.said.className = kind;
    this.at.said.hidden = words === "";
  }
}

/** @type {(model: FittingModel) => string} */
function nameOf({ dataset_id: dataset, dataset_version: version, architecture, fit_for_use: isFit }) {
  return `${architecture.replaceAll("_", " ")} on ${dataset} ${version}${isFit === false ? " (not fit for use)" : ""}`;
}
