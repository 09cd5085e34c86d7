import { call, dataOf, part } from "../model/calls.js";
import { showWhenOpened } from "../elements/changes.js";
import { element } from "../model/elements.js";
import { ready } from "../model/ready.js";
import { droppedFiles, uploadFolder, uploadImages } from "../model/uploads.js";

const about = dataOf("about");
const { dataset_id: datasetId } = about;
const address = `/api/datasets/${part(datasetId)}`;
const drop = document.getElementById("drop");
const arrivals = document.getElementById("arrivals");
const POLL_MS = 1000;
const UNDER_WAY = ["writing", "uploading", "validating"];

function progress(done, total) {
  document.getElementById("progress").hidden = false;
  document.getElementById("bar").value = done / total;
  document.getElementById("progress-text").textContent = done < total ? `${done} of ${total}` : `${total} of ${total}, reading…`;
}

const line = (className, text) => element("li", { className, textContent: text });

function finish(words, refusals) {
  document.getElementById("progress").hidden = true;
  if (refusals.length === 0) location.reload();
  else arrivals.replaceChildren(element("li", { className: "good" }, `${words} `,
    element("a", { href: location.pathname, textContent: "Show them" })), ...refusals);
}

async function takeImages(files) {
  const refusals = [];
  const taken = await uploadImages(datasetId, files, {
    onProgress: progress,
    onRefused: (name, reason, isDuplicate) => refusals.push(line(isDuplicate ? "warning" : "bad", `${name}: ${reason}`)),
  });
  finish(`${taken} added.`, refusals);
}

async function takeFolder(files) {
  const refusals = [];
  const importId = await uploadFolder(datasetId, files, { onProgress: progress, onRefused: (name, reason) => refusals.push(line("bad", `${name}: ${reason}`)) });
  try {
    const found = await call("POST", `${address}/imports/${importId}`, {});
    const classes = found.classes_added.length > 0 ? ` Classes added: ${found.classes_added.join(", ")}.` : "";
    refusals.push(...found.problems.map((text) => line("warning", text)));
    finish(`Read as ${found.format}: ${found.images} images with ${found.marks} marks.${classes}`, refusals);
  } catch (error) {
    finish("Nothing was imported.", [line("bad", error.message), ...refusals]);
  }
}

// Files may have been chosen before this module ran: their "change" has passed by then.
function takeChosen(input, take) {
  const takeAll = () => {
    const chosen = [...input.files];
    input.value = "";
    if (chosen.length > 0) take(chosen);
  };
  input.addEventListener("change", takeAll);
  takeAll();
}

if (drop) {
  const files = document.getElementById("files");
  const folder = document.getElementById("folder");
  document.getElementById("choose-files").addEventListener("click", () => files.click());
  document.getElementById("choose-folder").addEventListener("click", () => folder.click());
  takeChosen(files, takeImages);
  takeChosen(folder, takeFolder);
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const dropped = await droppedFiles(event.dataTransfer);
    if (dropped.isFolder) takeFolder(dropped.files);
    else takeImages(dropped.files);
  });
}

document.getElementById("save-classes")?.addEventListener("click", async () => {
  const refusal = document.getElementById("classes-refusal");
  const names = document.getElementById("class-names").value.split("\n").map((name) => name.trim()).filter(Boolean);
  try {
    await call("PATCH", address, { class_names: names });
    location.reload();
  } catch (error) {
    refusal.textContent = error.message;
    refusal.hidden = false;
  }
});
document.getElementById("remove")?.addEventListener("click", async (event) => {
  event.target.disabled = true;
  const answer = await call("DELETE", address, {});
  location.assign(answer.next);
});

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

async function follow(version, place) {
  let shown = place;
  let latest = version;
  for (;;) {
    try {
      latest = await call("GET", `${address}/versions/${part(version.version)}`);
    } catch (error) {
      latest = { ...latest, message: error.message };
    }
    const next = versionElement(latest);
    shown.replaceWith(next);
    shown = next;
    if (!UNDER_WAY.includes(latest.state)) return;
    await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
  }
}

const versions = document.getElementById("versions");
about.versions.forEach((version, index) => {
  const place = versionElement(version);
  versions.append(place);
  if (index === 0 || UNDER_WAY.includes(version.state)) follow(version, place);
});

const format = document.getElementById("format");
format?.addEventListener("change", () => { document.getElementById("lossy-label").hidden = format.selectedIndex === 0; });
document.getElementById("publish")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const refusal = document.getElementById("publish-refusal");
  refusal.hidden = true;
  try {
    const version = await call("POST", `${address}/versions`, {
      format: format.value, lossy: document.getElementById("lossy").checked, notes: document.getElementById("notes").value,
    });
    const place = versionElement(version);
    versions.prepend(place);
    follow(version, place);
  } catch (error) {
    refusal.textContent = error.message;
    refusal.hidden = false;
  }
});
showWhenOpened(datasetId);
ready();
