// How far two readings agree, in words and figures.
/** @import { AgreementOfDataset, Comparison } from "../../types/answers.d.ts" */
import { call, part } from "../model/calls.js";
import { element, wordsOf } from "../model/elements.js";
import { table } from "./table.js";

const NOTHING = "Nobody has marked an image a second time. “Mark it by yourself”, beside an image, begins a reading that sees nobody else's marks; once both say that they are done, it is compared here.";

/** @type {(name: string, value: string, title: string) => HTMLElement} */
const figure = (name, value, title) => element("div", { title }, element("span", { textContent: name }), element("strong", { textContent: value }));
/** @type {(value: number | null) => string} */
const share = (value) => (value === null ? "–" : `${Math.round(value * 100)} %`);
/** @type {(value: number | null) => string} */
const decimals = (value) => (value === null ? "–" : value.toFixed(2));

/** @type {(found: Comparison) => string} */
export function comparedInWords({ marks: [one, other], matched, mean_overlap: overlap, labels: [labels, theirs], scores }) {
  const parts = [];
  if (one + other > 0) parts.push(`${matched} of ${one} and ${other} marks are the same${overlap === null ? "" : `, IoU ${overlap.toFixed(2)}`}`);
  if (labels !== null && theirs !== null) parts.push(String(labels) === String(theirs) ? "the same labels" : "other labels");
  for (const [name, values] of Object.entries(scores)) parts.push(`${name} ${values.map((each) => each ?? "–").join(" and ")}`);
  return parts.join("; ") || "nothing is marked yet";
}

// On the page of a dataset: figures over all images that were marked twice, and those images.
/** @param {HTMLElement} place */
export async function showAgreement(place) {
  const { dataset = "" } = place.dataset;
  try {
    /** @type {AgreementOfDataset} */
    const { summary, images, pairs } = await call("GET", `/api/datasets/${part(dataset)}/agreement`);
    if (images.length === 0 && pairs.length === 0) {
      place.replaceChildren(element("p", { className: "muted", textContent: NOTHING }));
      return;
    }
    place.replaceChildren(
      element("div", { className: "figures" },
        figure("marked twice", `${summary.images}`, "Readings that are done, of images that are marked"),
        figure("disputed", `${summary.disputed}`, "Images whose review is disputed"),
        figure("found alike", share(summary.found_alike), "Twice the marks that both have over the marks of both (Dice)"),
        figure("IoU", decimals(summary.mean_overlap), "Mean overlap of marks that both have"),
        figure("κ of marks", decimals(summary.mark_kappa), "Cohen's kappa of the classes of marks that both have"),
        figure("κ of labels", decimals(summary.label_kappa), "Cohen's kappa of the images' labels; of grades weighted by squared difference")),
      element("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "Who agrees with whom" }, table(["Between", "images", "found alike", "IoU", "κ of marks", "κ of labels"], pairs.map((each) => [
        each.annotators.join(" and "), each.images, share(each.found_alike), decimals(each.mean_overlap), decimals(each.mark_kappa), decimals(each.label_kappa),
      ]), { caption: "Who agrees with whom" })),
      element("ul", { className: "findings" }, ...images.map((each) => element("li", { className: each.reasons.length > 0 ? "warning" : "good" },
        element("a", { href: `/datasets/${part(dataset)}/annotate/${each.image_id}`, textContent: each.path }),
        ` ${each.annotator}: ${comparedInWords(each.found)}${each.review === "disputed" ? " · disputed" : ""}`,
        ...each.reasons.map((reason) => element("div", { textContent: reason }))))));
  } catch (error) {
    place.replaceChildren(element("p", { className: "error", textContent: wordsOf(error) }));
  }
}
