import { dataOf } from "../model/calls.js";
import { element } from "../model/elements.js";
import { droppedFiles, uploadImages } from "../model/uploads.js";

const { dataset_id: datasetId } = dataOf("about");
const drop = document.getElementById("drop");
const arrivals = document.getElementById("arrivals");

async function take(files) {
  if (files.length === 0) return;
  arrivals.replaceChildren();
  document.getElementById("progress").hidden = false;
  let refused = 0;
  const taken = await uploadImages(datasetId, files, {
    onProgress: (done, total) => {
      document.getElementById("bar").value = done / total;
      document.getElementById("progress-text").textContent = `${done} of ${total}`;
    },
    onRefused: (name, reason, isDuplicate) => {
      refused += 1;
      arrivals.append(element("li", { className: isDuplicate ? "warning" : "bad", textContent: `${name}: ${reason}` }));
    },
  });
  if (refused === 0) location.reload();
  else arrivals.prepend(element("li", { className: "good" }, `${taken} added. `,
    element("a", { href: location.pathname, textContent: "Show them" })));
}

if (drop) {
  const files = document.getElementById("files");
  document.getElementById("choose-files").addEventListener("click", () => files.click());
  files.addEventListener("change", () => take([...files.files]));
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take((await droppedFiles(event.dataTransfer)).files);
  });
}
