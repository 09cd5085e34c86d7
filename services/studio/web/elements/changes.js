// What a version published now would change, and how a run would divide it.
import { call, part } from "../model/calls.js";
import { element } from "../model/elements.js";
import { table } from "./table.js";

const MOST_AT_ONCE = 2000; // images up to which changes are looked for without being asked
const WORDS = { added: "added", removed: "removed", renamed: "renamed", replaced: "with another picture", annotated: "annotated otherwise" };
const signed = (count, sign) => (count ? `${sign}${count}` : "");

function kind([name, words], found) {
  const paths = found.paths[name];
  const more = found.images[name] - paths.length;
  return element("li", { className: name }, `${found.images[name]} ${found.images[name] === 1 ? "image" : "images"} ${words}: `,
    element("small", { textContent: paths.join(", ") + (more > 0 ? ` and ${more} more` : "") }));
}

export function changesElement(found) {
  if (!found.since) return element("p", { className: "muted", textContent: `Nothing to compare with: all ${found.images.added} images and ${found.marks} marks are new.` });
  const kinds = Object.entries(WORDS).filter(([name]) => found.images[name] > 0);
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
export function showWhenOpened(datasetId) {
  const asked = [["changes", "changes", changesElement], ["division", "numbers", divisionElement]];
  for (const [id, what, toElement] of asked) {
    const details = document.getElementById(id);
    if (!details) return;
    const show = async () => {
      if (!details.open) return;
      const shown = document.getElementById(`${id}-shown`);
      try {
        shown.replaceChildren(toElement(await call("GET", `/api/datasets/${part(datasetId)}/${what}`)));
      } catch (error) {
        shown.replaceChildren(element("p", { className: "error", textContent: error.message }));
      }
    };
    details.addEventListener("toggle", show);
    show(); // it may have been opened before this module ran
    if (id === "changes" && Number(details.dataset.images) <= MOST_AT_ONCE) details.open = true;
  }
}
