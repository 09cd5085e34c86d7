// What a version published now would change, and how a run would divide it.
/** @import { AllNew, Changes, Numbers } from "../../types/answers.d.ts" */
import { call, part } from "../model/calls.js";
import { at, element, perhaps, wordsOf } from "../model/elements.js";
import { table } from "./table.js";

const MOST_AT_ONCE = 2000; // images up to which changes are looked for without being asked
/** @type {Record<keyof Changes["paths"], string>} */
const WORDS = { added: "added", removed: "removed", renamed: "renamed", replaced: "with another picture", annotated: "annotated otherwise" };
/** @type {(count: number, sign: string) => string} */
const signed = (count, sign) => (count ? `${sign}${count}` : "");

/** @type {(name: keyof Changes["paths"], found: Changes) => HTMLElement} */
function kind(name, found) {
  const paths = found.paths[name];
  const more = found.images[name] - paths.length;
  return element("li", { className: name }, `${found.images[name]} ${found.images[name] === 1 ? "image" : "images"} ${WORDS[name]}: `,
    element("small", { textContent: paths.join(", ") + (more > 0 ? ` and ${more} more` : "") }));
}

/** @type {(found: Changes | AllNew) => HTMLElement} */
export function changesElement(found) {
  if ("marks" in found) return element("p", { className: "muted", textContent: `Nothing to compare with: all ${found.images.added} images and ${found.marks} marks are new.` });
  const kinds = /** @type {(keyof Changes["paths"])[]} */ (Object.keys(WORDS)).filter((name) => found.images[name] > 0);
  const isNothing = kinds.length === 0 && found.class_names.length === 0;
  const marks = found.classes.filter((each) => each.added || each.removed || each.moved || each.relabelled);
  const labelled = found.classes.filter((each) => each.images_added || each.images_removed);
  return element("div", {},
    element("p", { className: "muted", textContent: isNothing ? `Nothing since ${found.since}.` : `Since ${found.since}; as they were: ${found.images.same} images.` }),
    element("ul", { className: "findings" }, ...kinds.map((each) => kind(each, found)),
      found.class_names.length > 0 ? element("li", { textContent: `classes: ${found.class_names.join(", ")}` }) : null,
      found.scores > 0 ? element("li", { textContent: `${found.scores} scores` }) : null),
    marks.length > 0 ? element("div", { className: "scroll" }, table(["Marks", "added", "removed", "moved", "class"], marks.map((each) => [
      each.name, signed(each.added, "+"), signed(each.removed, "−"), signed(each.moved, ""), signed(each.relabelled, "")]), { caption: "Marks that change, by class" })) : null,
    labelled.length > 0 ? element("div", { className: "scroll" }, table(["Labelled", "more", "fewer"], labelled.map((each) => [
      each.name, signed(each.images_added, "+"), signed(each.images_removed, "−")]), { caption: "Images labelled with a class, by class" })) : null);
}

/** @type {(found: Numbers) => HTMLElement} */
export function divisionElement(found) {
  if (found.fault) return element("p", { className: "error", textContent: found.fault });
  const parts = Object.entries(found.parts);
  return table(["Images", ...parts.map(([name]) => name)], [
    ["in all", ...parts.map(([, each]) => each.images)],
    ...found.class_names.map((name, label) => [name, ...parts.map(([, each]) => each.by_class[label])]),
    ["nothing marked", ...parts.map(([, each]) => each.nothing)],
  ], { caption: "Images of each class by part" });
}

// Each is asked for when it is opened, and anew each time: drafts change meanwhile.
/** @param {string} datasetId */
export function showWhenOpened(datasetId) {
  const address = `/api/datasets/${part(datasetId)}`;
  const changes = whenOpened("changes", async () => changesElement(await call("GET", `${address}/changes`)));
  whenOpened("division", async () => divisionElement(await call("GET", `${address}/numbers`)));
  if (changes && Number(changes.dataset.images) <= MOST_AT_ONCE) changes.open = true;
}

/** @type {(id: string, asked: () => Promise<HTMLElement>) => HTMLDetailsElement | null} */
function whenOpened(id, asked) {
  const details = perhaps(id, HTMLDetailsElement);
  if (!details) return null;
  const show = async () => {
    if (!details.open) return;
    const shown = at(`${id}-shown`);
    try {
      shown.replaceChildren(await asked());
    } catch (error) {
      shown.replaceChildren(element("p", { className: "error", textContent: wordsOf(error) }));
    }
  };
  details.addEventListener("toggle", show);
  show(); // it may have been opened before this module ran
  return details;
}
