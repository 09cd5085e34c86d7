// Files into a draft, a few at a time; what is refused is named and stops nothing.
import { call, part } from "./calls.js";

const AT_ONCE = 3;
const nameOf = (file) => file.webkitRelativePath || file.relativePath || file.name;

async function each(files, send, { onProgress, onRefused }) {
  const waiting = [...files];
  let done = 0;
  let taken = 0;
  async function worker() {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      try {
        await send(file);
        taken += 1;
      } catch (error) {
        onRefused(nameOf(file), error.message, error.status === 409);
      }
      done += 1;
      onProgress(done, files.length);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return taken;
}

// Images alone, each decoded as it arrives; returns how many were taken.
export function uploadImages(datasetId, files, callbacks) {
  return each(files, (file) => call("PUT", `/api/datasets/${part(datasetId)}/images?name=${part(nameOf(file))}`, file), callbacks);
}

// A folder with annotations; returns the id of the import that is to be read. Hidden files stay behind.
export async function uploadFolder(datasetId, files, callbacks) {
  const importId = crypto.randomUUID();
  const shown = files.filter((file) => !nameOf(file).split("/").some((name) => name.startsWith(".")));
  await each(shown, (file) => call("PUT", `/api/datasets/${part(datasetId)}/imports/${importId}?name=${part(nameOf(file))}`, file), callbacks);
  return importId;
}

// Everything that was dropped, folders walked through.
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return { files: found, isFolder: entries.some((entry) => entry.isDirectory) };
}

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    file.relativePath = entry.fullPath.replace(/^\//, "");
    found.push(file);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    for (const child of some) await walk(child, found);
  }
}
