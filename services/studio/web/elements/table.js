// Tables of figures.
import { short } from "../canvas/chart.js";
import { element } from "../model/elements.js";

/** @typedef {string | number | null | undefined} Figure */

/** @type {(value: Figure) => string} */
export function figure(value) {
  if (value === null || value === undefined) return "—";
  return typeof value === "number" ? short(value) : String(value);
}

// Columns are texts; rows are lists of texts, numbers or elements. `marked` names rows that matter most.
/**
 * @param {string[]} columns
 * @param {(Figure | Node)[][]} rows
 * @param {{ marked?: (index: number) => boolean, caption?: string }} [options]
 */
export function table(columns, rows, { marked = () => false, caption = "" } = {}) {
  /** @type {(value: Figure | Node) => boolean} */
  const isWord = (value) => typeof value === "string" && /[a-z]{3}/i.test(value);
  /** @type {(column: number) => string} */
  const kind = (column) => (rows.some((row) => isWord(row[column])) ? "words" : "");
  return element("table", { className: "data" },
    caption ? element("caption", { className: "hidden-words", textContent: caption }) : null,
    element("thead", {}, element("tr", {}, ...columns.map((name, column) => element("th", { scope: "col", className: kind(column), textContent: name })))),
    element("tbody", {}, ...rows.map((row, index) => element("tr", { className: marked(index) ? "purpose" : "" },
      ...row.map((value, column) => (value instanceof Node ? element("td", {}, value) : element("td", { className: kind(column), textContent: figure(value) })))))));
}

/** @type {(name: string) => string} */
export const spaced = (name) => name.replaceAll("_", " ");
