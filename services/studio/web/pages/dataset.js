/** @import { Imported, Next, Version } from "../../types/answers.d.ts" */
import { call, dataOf, part } from "../model/calls.js";
import { showAgreement } from "../elements/agreement.js";
import { showWhenOpened } from "../elements/changes.js";
import { at, element, perhaps, wordsOf } from "../model/elements.js";
import { ready } from "../model/ready.js";
import { droppedFiles, uploadFolder, uploadImages } from "../model/uploads.js";

/** @type {{ dataset_id: string, versions: Version[], can_publish: boolean }} */
const about = dataOf("about");
const { dataset_id: datasetId } = about;
const address = `/api/datasets/${part(datasetId)}`;
const drop = perhaps("drop");
const POLL_MS = 1000;
const UNDER_WAY = ["writing", "uploading", "validating"];

/** @type {(done: number, total: number) => void} */
function progress(done, total) {
  at("progress").hidden = false;
  at("bar", HTMLProgressElement).value = done / total;
  at("progress-text").textContent = done < total ? `${done} of ${total}` : `${total} of ${total}, reading…`;
}

/** @param {string} reason */
function waiting(reason) {
  at("progress").hidden = false;
  at("progress-text").textContent = `Waiting for the studio, then going on: ${reason}`;
}

/** @type {(className: string, text: string) => HTMLElement} */
const line = (className, text) => element("li", { className, textContent: text });

/** @type {(words: string, refusals: HTMLElement[]) => void} */
function finish(words, refusals) {
  at("progress").hidden = true;
  if (refusals.length === 0) location.reload();
  else at("arrivals").replaceChildren(element("li", { className: "good" }, `${words} `,
    element("a", { href: location.pathname, textContent: "Show them" })), ...refusals);
}

/** @param {File[]} files */
async function takeImages(files) {
  /** @type {HTMLElement[]} */
  const refusals = [];
  const { taken, present } = await uploadImages(datasetId, files, {
    onProgress: progress,
    onWaiting: waiting,
    onRefused: (name, reason, isDuplicate) => refusals.push(line(isDuplicate ? "warning" : "bad", `${name}: ${reason}`)),
  });
  finish(`${taken} added.${present > 0 ? ` ${present} were there already.` : ""}`, refusals);
}

/** @param {File[]} files */
async function takeFolder(files) {
  /** @type {HTMLElement[]} */
  const refusals = [];
  const importId = await uploadFolder(datasetId, files, { onProgress: progress, onWaiting: waiting, onRefused: (name, reason) => refusals.push(line("bad", `${name}: ${reason}`)) });
  try {
    /** @type {Imported} */
    const found = await call("POST", `${address}/imports/${importId}`, {});
    const classes = found.classes_added.length > 0 ? ` Classes added: ${found.classes_added.join(", ")}.` : "";
    refusals.push(...found.problems.map((text) => line("warning", text)));
    finish(`Read as ${found.format}: ${found.images} images with ${found.marks} marks.${classes}`, refusals);
  } catch (error) {
    finish("Nothing was imported.", [line("bad", wordsOf(error)), ...refusals]);
  }
}

// Files may have been chosen before this module ran: their "change" has passed by then.
/** @type {(input: HTMLInputElement, take: (files: File[]) => void) => void} */
function takeChosen(input, take) {
  const takeAll = () => {
    const chosen = [...(input.files ?? [])];
    input.value = "";
    if (chosen.length > 0) take(chosen);
  };
  input.addEventListener("change", takeAll);
  takeAll();
}

if (drop) {
  const files = at("files", HTMLInputElement);
  const folder = at("folder", HTMLInputElement);
  at("choose-files").addEventListener("click", () => files.click());
  at("choose-folder").addEventListener("click", () => folder.click());
  takeChosen(files, takeImages);
  takeChosen(folder, takeFolder);
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (!event.dataTransfer) return;
    const dropped = await droppedFiles(event.dataTransfer);
    if (dropped.isFolder) takeFolder(dropped.files);
    else takeImages(dropped.files);
  });
}

perhaps("save-classes")?.addEventListener("click", async () => {
  const refusal = at("classes-refusal");
  const names = at("class-names", HTMLTextAreaElement).value.split("\n").map((name) => name.trim()).filter(Boolean);
  try {
    await call("PATCH", address, { class_names: names });
    location.reload();
  } catch (error) {
    refusal.textContent = wordsOf(error);
    refusal.hidden = false;
  }
});
const remove = perhaps("remove", HTMLButtonElement);
remove?.addEventListener("click", async () => {
  remove.disabled = true;
  /** @type {Next} */
  const answer = await call("DELETE", address, {});
  location.assign(answer.next);
});

/** @type {(version: Version) => HTMLElement} */
function versionElement(version) {
  const progressText = version.progress?.total ? ` ${version.progress.done} of ${version.progress.total}` : "";
  const findings = version.findings ?? [];
  return element("li", { className: "version" },
    element("strong", { textContent: version.version }), " ",
    element("span", { className: `state ${version.state.toLowerCase()}`, textContent: version.state.toLowerCase() + progressText }),
    element("div", { className: "muted", textContent: `${version.images} images, ${version.marks} marks as ${version.format}${version.notes ? ` · ${version.notes}` : ""}` }),
    version.message ? element("p", { className: ["failed", "REJECTED"].includes(version.state) ? "error" : "muted", textContent: version.message }) : null,
    findings.length > 0 ? element("ul", { className: "findings" }, ...findings.map((each) => line(each.severity, `${each.rule}: ${each.message} ${each.location}`))) : null,
    version.state === "VALIDATED" && about.can_publish ? element("a", { className: "button", href: `/datasets/${part(datasetId)}/train/${part(version.version)}`, textContent: "Train on it" }) : null);
}

/** @type {(version: Version, place: HTMLElement) => Promise<void>} */
async function follow(version, place) {
  let shown = place;
  let latest = version;
  for (;;) {
    try {
      latest = await call("GET", `${address}/versions/${part(version.version)}`);
    } catch (error) {
      latest = { ...latest, message: wordsOf(error) };
    }
    const next = versionElement(latest);
    shown.replaceWith(next);
    shown = next;
    if (!UNDER_WAY.includes(latest.state)) return;
    await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
  }
}

const versions = perhaps("versions");
about.versions.forEach((version, index) => {
  const place = versionElement(version);
  versions?.append(place);
  if (index === 0 || UNDER_WAY.includes(version.state)) follow(version, place);
});

const format = perhaps("format", HTMLSelectElement);
format?.addEventListener("change", () => { at("lossy-label").hidden = format.selectedIndex === 0; });
perhaps("publish")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const refusal = at("publish-refusal");
  refusal.hidden = true;
  try {
    /** @type {Version} */
    const version = await call("POST", `${address}/versions`, {
      format: format?.value, lossy: at("lossy", HTMLInputElement).checked, notes: at("notes", HTMLInputElement).value,
    });
    const place = versionElement(version);
    versions?.prepend(place);
    follow(version, place);
  } catch (error) {
    refusal.textContent = wordsOf(error);
    refusal.hidden = false;
  }
});
showWhenOpened(datasetId);
const agreement = perhaps("agreement");
if (agreement) showAgreement(agreement);
ready();
