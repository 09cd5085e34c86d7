/**
 * @import { EvenNumbers, ImageRow, Numbers, RuleFinding, Version } from "../../types/answers.d.ts"
 * @import { Figure } from "../elements/table.js"
 */
import { ImageMap } from "../elements/image_map.js";
import { call, dataOf, part } from "../model/calls.js";
import { at, element, wordsOf } from "../model/elements.js";
import { ready } from "../model/ready.js";
import { showHeat } from "../elements/heat.js";
import { figure, spaced, table } from "../elements/table.js";

/** @type {{ dataset_id: string, version: string, can_map: boolean }} */
const { dataset_id: datasetId, version, can_map: canMap } = dataOf("about");
const address = `/api/datasets/${part(datasetId)}`;
const MOST_OF_A_RULE = 12;
/** @type {Map<string, number>} */
let ids = new Map(); // of images, by path

/** @type {(more?: Record<string, string | number>) => string} */
function query(more = {}) {
  const asked = Object.fromEntries(["seed", "validation", "test"].map((id) => [id, at(id, HTMLInputElement).value]));
  const given = Object.entries({ ...asked, ...more }).filter(([, value]) => value !== "");
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}

/** @type {(name: string, value: Figure) => HTMLElement} */
const fact = (name, value) => element("div", {}, element("span", { textContent: name }), element("strong", { textContent: figure(value) }));
/** @type {(value: number) => string} */
const share = (value) => `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;

/** @type {(count: number, most: number) => HTMLElement} */
function bar(count, most) {
  const filled = element("i", {});
  filled.style.setProperty("--share", `${most ? (100 * count) / most : 0}%`);
  return element("span", { className: "bar-cell" }, filled, element("b", { textContent: String(count) }));
}

/** @type {(rows: [name: string, count: number][]) => HTMLElement} */
function bars(rows) {
  const most = Math.max(1, ...rows.map(([, count]) => count));
  return rows.length === 0 ? element("p", { className: "muted", textContent: "Nothing is marked yet." })
    : element("table", { className: "data bars" }, element("tbody", {}, ...rows.map(([name, count]) => element("tr", {},
      element("th", { scope: "row", textContent: name }), element("td", {}, bar(count, most))))));
}

/** @param {Numbers} found */
function showNumbers(found) {
  const { statistics: all } = found;
  const imbalance = Object.values(all.class_counts).filter(Boolean);
  at("figures").replaceChildren(fact("Images", all.images), fact("Not annotated", all.unlabelled_images), fact("Groups", all.groups), fact("Objects", all.instances),
    fact("Most on one image", all.most_instances), fact("Outlined", all.outlined), fact("Object side, median", all.instances ? share(all.object_side) : null),
    fact("Longer side, median", `${all.longer_side} px`), fact("Commonest to rarest class", imbalance.length ? (Math.max(...imbalance) / Math.min(...imbalance)).toPrecision(3) : null));
  const parts = Object.entries(found.parts);
  const most = Math.max(1, ...Object.values(all.class_counts));
  /** @type {(string | number | Node)[][]} */
  const rows = found.class_names.map((name, label) => [name, bar(all.class_counts[name] ?? 0, most), ...parts.map(([, each]) => each.by_class[label])]);
  if (parts.length > 0) {
    rows.push(["nothing marked", "", ...parts.map(([, each]) => each.nothing)], ["images in all", bar(all.images, all.images), ...parts.map(([, each]) => each.images)]);
  }
  at("classes").replaceChildren(table(["Class", "marks", ...parts.map(([name]) => `${name}, images`)], rows, { caption: "Classes by part" }));
  at("object-sides").replaceChildren(bars(found.object_sides.map((count, n) => [`${10 * n} to ${10 * (n + 1)} %`, count])));
  showHeat(at("heat"), found.class_names, found.heat);
  at("image-sizes").replaceChildren(bars(found.image_sizes));
  at("policy").replaceChildren(found.policy.length === 0 ? element("p", { className: "muted", textContent: "Nothing is trained for this option yet." })
    : table(["Change", "How far", "Why"], found.policy.map(([knob, words, why]) => [spaced(knob), words, why]), { caption: "What training changes" }));
  at("group-count").textContent = found.groups.length ? `${found.groups.length} groups of several` : "none: no two look alike";
  at("groups").replaceChildren(...found.groups.map((paths) => element("li", {}, ...paths.map(picture))));
  at("seed", HTMLInputElement).value = String(found.seed);
  at("validation", HTMLInputElement).value = String(found.validation);
  at("test", HTMLInputElement).value = String(found.test);
  trouble(found.fault);
}

/** @type {(path: string) => HTMLElement} */
function picture(path) {
  const id = ids.get(path);
  return id ? element("a", { href: `/datasets/${part(datasetId)}/annotate/${id}`, title: path },
    element("img", { src: `${address}/images/${id}/thumbnail.jpg`, alt: path, loading: "lazy" })) : element("span", { textContent: path });
}

/** @param {string} words */
function trouble(words) {
  at("trouble").textContent = words;
  at("trouble").hidden = !words;
}

async function findEven() {
  const button = at("even", HTMLButtonElement);
  button.disabled = true;
  at("even-said").textContent = "Dividing…";
  try {
    /** @type {EvenNumbers} */
    const { even, fault } = await call("GET", `${address}/numbers?${query({ even: 60 })}`);
    if (fault) throw new Error(fault);
    at("even-said").textContent = even.moved === 0 ? `No seed of ${even.tried} divides more evenly: a class is off its share by ${share(even.worst)} at most.`
      : `Of ${even.tried} seeds ${even.seed} is the most even: a class is off its share by ${share(even.worst)} at most instead of ${share(even.worst_now)}`
        + `${even.absent_now > even.absent ? `, and ${even.absent_now - even.absent} fewer are absent from a part` : ""}. ${even.moved} images come into another part than with this seed.`;
    at("seed", HTMLInputElement).value = String(even.seed);
    await divide();
  } catch (error) {
    at("even-said").textContent = wordsOf(error);
  }
  button.disabled = false;
}

async function divide() {
  try {
    showNumbers(await call("GET", `${address}/numbers?${query()}`));
  } catch (error) {
    trouble(wordsOf(error));
  }
}

// Of the latest version, as the validator said it: by rule, each place a link where it is an image.
async function showVerdict() {
  if (!version) {
    at("verdict").textContent = "no version has been published yet";
    return;
  }
  /** @type {Version} */
  const { state, findings = [], message } = await call("GET", `${address}/versions/${part(version)}`);
  at("verdict").textContent = `version ${version}: ${state.toLowerCase()}${message ? `, ${message}` : ""}`;
  const rules = Map.groupBy ? Map.groupBy(findings, (each) => each.rule) : grouped(findings);
  at("findings").replaceChildren(...[...rules].map(([rule, all]) => element("details", { open: all[0].severity === "error" },
    element("summary", { className: all[0].severity }, element("strong", { textContent: rule }), ` ${all.length} · ${all[0].message}`),
    element("ul", { className: "findings" }, ...all.slice(0, MOST_OF_A_RULE).map((each) => element("li", { className: each.severity }, `${each.message} `, place(each.location)))),
    all.length > MOST_OF_A_RULE ? element("p", { className: "muted", textContent: `and ${all.length - MOST_OF_A_RULE} more` }) : null)));
}

/** @type {(findings: RuleFinding[]) => Map<string, RuleFinding[]>} */
function grouped(findings) {
  const rules = new Map();
  for (const each of findings) rules.set(each.rule, [...(rules.get(each.rule) ?? []), each]);
  return rules;
}

/** @type {(location: string) => HTMLElement} */
function place(location) {
  const path = [...ids.keys()].find((each) => location === each || location.startsWith(`${each}:`) || location.startsWith(`${each} `) || location.startsWith(`${each}#`));
  return path ? element("a", { href: `/datasets/${part(datasetId)}/annotate/${ids.get(path)}`, textContent: location }) : element("span", { textContent: location });
}

async function showAugmentation() {
  const button = at("show-augmentation", HTMLButtonElement);
  const sheet = at("sheet", HTMLImageElement);
  button.disabled = true;
  at("augmentation-words").textContent = "Loading what training changes images with, which takes some seconds…";
  try {
    const asked = query({ images: at("images", HTMLInputElement).value, variants: at("variants", HTMLInputElement).value });
    const response = await fetch(`${address}/augmentation.png?${asked}`);
    if (!response.ok) throw new Error((await response.json()).error);
    URL.revokeObjectURL(sheet.src);
    sheet.src = URL.createObjectURL(await response.blob());
    sheet.hidden = false;
    at("augmentation-words").textContent = "";
  } catch (error) {
    at("augmentation-words").textContent = wordsOf(error);
  }
  button.disabled = false;
}

async function start() {
  /** @type {{ images: ImageRow[] }} */
  const { images } = await call("GET", `${address}/images`);
  ids = new Map(images.map((image) => [image.path, image.image_id]));
  if (canMap) new ImageMap(datasetId).start();
  await Promise.all([divide(), showVerdict().catch((error) => { at("verdict").textContent = wordsOf(error); })]);
  ready();
}

at("asked").addEventListener("submit", (event) => { event.preventDefault(); divide(); });
at("even").addEventListener("click", findEven);
at("show-augmentation").addEventListener("click", showAugmentation);
start();
