// Files into a draft, a few at a time; what is refused is named and stops nothing.
import { call, part } from "./calls.js";

const AT_ONCE = 3;

export async function uploadImages(datasetId, files, { onProgress, onRefused }) {
  const waiting = [...files];
  let done = 0;
  let taken = 0;
  async function worker() {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      const name = file.webkitRelativePath || file.relativePath || file.name;
      try {
        await call("PUT", `/api/datasets/${part(datasetId)}/images?name=${part(name)}`, file);
        taken += 1;
      } catch (error) {
        onRefused(name, error.message, error.status === 409);
      }
      done += 1;
      onProgress(done, files.length);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return taken;
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
    for (const each of some) await walk(each, found);
  }
}
