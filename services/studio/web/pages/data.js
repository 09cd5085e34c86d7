import { call, dataOf, part } from "../model/calls.js";
import { element } from "../model/elements.js";
import { ready } from "../model/ready.js";
import { figure, spaced, table } from "../elements/table.js";

const { dataset_id: datasetId, version } = dataOf("about");
const address = `/api/datasets/${part(datasetId)}`;
const at = (id) => document.getElementById(id);
const MOST_OF_A_RULE = 12;
let ids = new Map(); // of images, by path

function query(more = {}) {
  const asked = Object.fromEntries(["seed", "validation", "test"].map((id) => [id, at(id).value]));
  return new URLSearchParams(Object.entries({ ...asked, ...more }).filter(([, value]) => value !== "")).toString();
}

const fact = (name, value) => element("div", {}, element("span", { textContent: name }), element("strong", { textContent: figure(value) }));
const share = (value) => `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;

function bar(count, most) {
  const shown = element("span", { className: "bar-cell" }, element("i", {}), element("b", { textContent: String(count) }));
  shown.firstChild.style.setProperty("--share", `${most ? (100 * count) / most : 0}%`);
  return shown;
}

function bars(rows) {
  const most = Math.max(1, ...rows.map(([, count]) => count));
  return rows.length === 0 ? element("p", { className: "muted", textContent: "Nothing is marked yet." })
    : element("table", { className: "data bars" }, element("tbody", {}, ...rows.map(([name, count]) => element("tr", {},
      element("th", { scope: "row", textContent: name }), element("td", {}, bar(count, most))))));
}

function showNumbers(found) {
  const { statistics: all } = found;
  const imbalance = Object.values(all.class_counts).filter(Boolean);
  at("figures").replaceChildren(fact("Images", all.images), fact("Not annotated", all.unlabelled_images), fact("Groups", all.groups), fact("Objects", all.instances),
    fact("Most on one image", all.most_instances), fact("Outlined", all.outlined), fact("Object side, median", all.instances ? share(all.object_side) : null),
    fact("Longer side, median", `${all.longer_side} px`), fact("Commonest to rarest class", imbalance.length ? (Math.max(...imbalance) / Math.min(...imbalance)).toPrecision(3) : null));
  const parts = Object.entries(found.parts);
  const most = Math.max(1, ...Object.values(all.class_counts));
  const rows = found.class_names.map((name, label) => [name, bar(all.class_counts[name] ?? 0, most), ...parts.map(([, each]) => each.by_class[label])]);
  if (parts.length > 0) {
    rows.push(["nothing marked", "", ...parts.map(([, each]) => each.nothing)], ["images in all", bar(all.images, all.images), ...parts.map(([, each]) => each.images)]);
  }
  at("classes").replaceChildren(table(["Class", "marks", ...parts.map(([name]) => `${name}, images`)], rows, { caption: "Classes by part" }));
  at("object-sides").replaceChildren(bars(found.object_sides.map((count, n) => [`${10 * n} to ${10 * (n + 1)} %`, count])));
  at("image-sizes").replaceChildren(bars(found.image_sizes));
  at("policy").replaceChildren(found.policy.length === 0 ? element("p", { className: "muted", textContent: "Nothing is trained for this option yet." })
    : table(["Change", "How far", "Why"], found.policy.map(([knob, words, why]) => [spaced(knob), words, why]), { caption: "What training changes" }));
  at("group-count").textContent = found.groups.length ? `${found.groups.length} groups of several` : "none: no two look alike";
  at("groups").replaceChildren(...found.groups.map((paths) => element("li", {}, ...paths.map(picture))));
  for (const id of ["seed", "validation", "test"]) at(id).value = found[id];
  trouble(found.fault);
}

function picture(path) {
  const id = ids.get(path);
  return id ? element("a", { href: `/datasets/${part(datasetId)}/annotate/${id}`, title: path },
    element("img", { src: `${address}/images/${id}/thumbnail.jpg`, alt: path, loading: "lazy" })) : element("span", { textContent: path });
}

function trouble(words) {
  at("trouble").textContent = words;
  at("trouble").hidden = !words;
}

async function divide() {
  try {
    showNumbers(await call("GET", `${address}/numbers?${query()}`));
  } catch (error) {
    trouble(error.message);
  }
}

// Of the latest version, as the validator said it: by rule, each place a link where it is an image.
async function showVerdict() {
  if (!version) {
    at("verdict").textContent = "no version has been published yet";
    return;
  }
  const { state, findings, message } = await call("GET", `${address}/versions/${part(version)}`);
  at("verdict").textContent = `version ${version}: ${state.toLowerCase()}${message ? `, ${message}` : ""}`;
  const rules = Map.groupBy ? Map.groupBy(findings, (each) => each.rule) : grouped(findings);
  at("findings").replaceChildren(...[...rules].map(([rule, all]) => element("details", { open: all[0].severity === "error" },
    element("summary", { className: all[0].severity }, element("strong", { textContent: rule }), ` ${all.length} · ${all[0].message}`),
    element("ul", { className: "findings" }, ...all.slice(0, MOST_OF_A_RULE).map((each) => element("li", { className: each.severity }, `${each.message} `, place(each.location)))),
    all.length > MOST_OF_A_RULE ? element("p", { className: "muted", textContent: `and ${all.length - MOST_OF_A_RULE} more` }) : null)));
}

function grouped(findings) {
  const rules = new Map();
  for (const each of findings) rules.set(each.rule, [...(rules.get(each.rule) ?? []), each]);
  return rules;
}

function place(location) {
  const path = [...ids.keys()].find((each) => location === each || location.startsWith(`${each}:`) || location.startsWith(`${each} `) || location.startsWith(`${each}#`));
  return path ? element("a", { href: `/datasets/${part(datasetId)}/annotate/${ids.get(path)}`, textContent: location }) : element("span", { textContent: location });
}

async function showAugmentation() {
  at("show-augmentation").disabled = true;
  at("augmentation-words").textContent = "Loading what training changes images with, which takes some seconds…";
  try {
    const response = await fetch(`${address}/augmentation.png?${query({ images: at("images").value, variants: at("variants").value })}`);
    if (!response.ok) throw new Error((await response.json()).error);
    URL.revokeObjectURL(at("sheet").src);
    at("sheet").src = URL.createObjectURL(await response.blob());
    at("sheet").hidden = false;
    at("augmentation-words").textContent = "";
  } catch (error) {
    at("augmentation-words").textContent = error.message;
  }
  at("show-augmentation").disabled = false;
}

async function start() {
  const { images } = await call("GET", `${address}/images`);
  ids = new Map(images.map((image) => [image.path, image.image_id]));
  await Promise.all([divide(), showVerdict().catch((error) => { at("verdict").textContent = error.message; })]);
  ready();
}

at("asked").addEventListener("submit", (event) => { event.preventDefault(); divide(); });
at("show-augmentation").addEventListener("click", showAugmentation);
start();
