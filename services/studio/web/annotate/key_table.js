// The list of keys beside the image, in which each key can be given to something else. Kept in this browser.
/**
 * @import { KeyChanges } from "../../types/annotator.d.ts"
 * @import { Row } from "./keys.js"
 */
import { element, notice } from "../model/elements.js";
import { KEYS, canChange, keysOf, withKey } from "./keys.js";

const STORED = "annotate-keys";

export class KeyTable {
  /** @param {{ place: HTMLElement, plain: HTMLElement }} given */
  constructor({ place, plain }) {
    this.place = place;
    /** @type {KeyChanges} */
    this.changes = JSON.parse(localStorage.getItem(STORED) ?? "{}");
    /** @type {Row | null} */
    this.asking = null; // the row that waits for its new key
    plain.addEventListener("click", () => this.#set({}));
    this.#show();
  }

  // Whether the key was taken as the answer of which key a row shall have.
  /** @param {KeyboardEvent} event */
  take(event) {
    if (!this.asking || ["Shift", "Control", "Alt", "Meta"].includes(event.key)) return false;
    const row = this.asking;
    this.asking = null;
    const changes = event.key === "Escape" ? this.changes : withKey(this.changes, row, event.key);
    if (!changes) notice(`${event.key} can't be given away: digits choose classes, and Space, Enter and arrows stay what they are`, "bad");
    this.#set(changes ?? this.changes, row);
    return true;
  }

  /** @param {KeyChanges} changes @param {Row | null} [row] */
  #set(changes, row = null) {
    this.changes = changes;
    localStorage.setItem(STORED, JSON.stringify(changes));
    this.#show();
    if (row) this.#buttonOf(row)?.focus();
  }

  /** @type {(row: Row) => HTMLButtonElement | null} */
  #buttonOf(row) { return this.place.querySelector(`button[data-row="${CSS.escape(row.keys[0])}"]`); }

  #show() {
    this.place.replaceChildren(...KEYS.filter((row) => row.words).flatMap((row) => [
      element("dt", {}, this.#key(row)), element("dd", { textContent: row.words }),
    ]));
  }

  /** @type {(row: Row) => Node} */
  #key(row) {
    const name = row.keys[0] in this.changes ? this.changes[row.keys[0]].toUpperCase() : row.show ?? row.keys[0].toUpperCase();
    if (!canChange(row)) return document.createTextNode(name);
    return element("button", {
      type: "button", className: "key", "data-row": row.keys[0], textContent: this.asking === row ? "…" : name,
      ariaLabel: `Key ${name} for ${row.words}: press to change it`,
      onclick: () => { this.asking = row; this.#show(); this.#buttonOf(row)?.focus(); },
    });
  }
}
