/**
 * @import { Next } from "../../types/answers.d.ts"
 * @typedef {string | number | boolean | null} Value
 */
import { call, dataOf, part } from "../model/calls.js";
import { newId } from "../model/ids.js";
import { allWithin, at, element, perhaps, within, wordsOf } from "../model/elements.js";
import { ready } from "../model/ready.js";

/** @type {{ dataset_id: string, version: string, source: string, machine: { host: string, gpu: string } }} */
const { source, machine, ...about } = dataOf("about");
const fields = allWithin(document, ".field", HTMLElement);
const requestId = newId();
const MACHINE = ["cores", "memory_gib", "gpus", "gpu_gib"];
// Keys that the beginning sets: they are sent as they stand, for the trainer's recipe may have other values.
/** @type {Set<string>} */
let begun = new Set();

/** @type {(field: HTMLElement) => HTMLInputElement | HTMLSelectElement} */
const inputOf = (field) => {
  const [select] = allWithin(field, "select", HTMLSelectElement);
  return select ?? within(field, "input", HTMLInputElement);
};

/** @type {(field: HTMLElement) => Value} */
function valueOf(field) {
  const text = inputOf(field).value;
  if (field.dataset.kind === "number") return text === "" ? null : Number(text);
  return field.dataset.kind === "flag" ? text === "true" : text;
}

/** @type {(field: HTMLElement) => Value} */
const standing = (field) => JSON.parse(field.dataset.default ?? "null");
/** @type {(field: HTMLElement) => boolean} */
const isChanged = (field) => field.classList.contains("changed");

/** @param {HTMLElement} field */
function mark(field) {
  field.classList.toggle("changed", valueOf(field) !== standing(field));
}

/** @type {(values: Record<string, Value>, reasons: Record<string, string>) => void} */
function fill(values, reasons) {
  begun = new Set(Object.keys(values));
  for (const field of fields) {
    const { key = "" } = field.dataset;
    inputOf(field).value = String((key in values ? values[key] : standing(field)) ?? "");
    mark(field);
    const why = within(field, ".why");
    why.textContent = reasons[key] ? `Because: ${reasons[key]}` : "";
    why.hidden = !reasons[key];
  }
}

/** @param {string} words */
function refuse(words) {
  at("refusal").replaceChildren(element("span", { textContent: words }));
  at("refusal").hidden = !words;
}

async function begin() {
  const beginning = at("beginning", HTMLSelectElement);
  const chosen = beginning.value;
  at("machine").hidden = chosen !== "suggestion";
  refuse("");
  if (chosen === "") {
    fill({}, {});
    at("beginning-said").textContent = "Only what you change is sent, so that the trainer's own recipe holds for the rest.";
    return;
  }
  at("beginning-said").textContent = "Asking…";
  const described = MACHINE.map((id) => [id, at(id, HTMLInputElement).value]);
  const asked = new URLSearchParams(chosen === "suggestion" ? [...described, ["host", machine.host], ["gpu", machine.gpu]] : []);
  try {
    /** @type {{ values: Record<string, Value>, reasons: Record<string, string>, words: string }} */
    const { values, reasons, words } = await call("GET", `/api/datasets/${part(about.dataset_id)}/${chosen}?${asked}`);
    if (chosen !== beginning.value) return;
    fill(values, reasons);
    at("beginning-said").textContent = `Filled in: ${words}. All of it is sent; change what you like.`;
  } catch (error) {
    at("beginning-said").textContent = "";
    refuse(wordsOf(error));
  }
}

for (const field of fields) {
  inputOf(field).value = String(standing(field) ?? "");
  inputOf(field).addEventListener("input", () => {
    mark(field);
    refuse("");
  });
}

perhaps("train")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  refuse("");
  const sent = fields.filter((field) => (isChanged(field) || begun.has(field.dataset.key ?? "")) && valueOf(field) !== null);
  try {
    /** @type {Next} */
    const answer = await call("POST", "/api/training", {
      ...about, request_id: requestId,
      priority: Number(at("priority", HTMLInputElement).value || 0),
      time_budget_s: 3600 * Number(at("time-budget", HTMLInputElement).value || 0),
      values: Object.fromEntries(sent.map((field) => [field.dataset.key, valueOf(field)])),
    });
    location.assign(answer.next);
  } catch (error) {
    refuse(wordsOf(error));
  }
});

perhaps("beginning")?.addEventListener("change", begin);
perhaps("suggest")?.addEventListener("click", begin);
const beginning = perhaps("beginning", HTMLSelectElement);
if (source && beginning) {
  beginning.value = `configurations/${part(source)}`;
  await begin();
}
ready();
