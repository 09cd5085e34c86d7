// Files into a draft, a few at a time; what is refused is named and stops nothing. Where the studio is away for a while
// it is waited for, and what has come in already is not sent again: after a break, a reload, or on another day.
/**
 * @import { Received } from "../../types/answers.d.ts"
 * @typedef {(name: string, reason: string, isDuplicate: boolean) => void} OnRefused
 * @typedef {{ onProgress: (done: number, total: number) => void, onWaiting: (reason: string) => void, onRefused: OnRefused }} Callbacks
 * @typedef {{ taken: number, present: number }} Sent - `present`: files that were there already under their names
 */
import { Refused, call, part } from "./calls.js";
import { wordsOf } from "./elements.js";

const AT_ONCE = 3;
const PIECE_BYTES = 8 * 2 ** 20; // larger files are sent in pieces
const AWAY = [502, 503, 504];
const WAITS_MS = [500, 1000, 2000, 5000, 10_000]; // the last one again and again
const GIVE_UP_MS = 10 * 60_000;
/** @type {WeakMap<File, string>} */
const droppedPaths = new WeakMap();
/** @type {(file: File) => string} */
const nameOf = (file) => file.webkitRelativePath || droppedPaths.get(file) || file.name;
/** @type {(file: File) => string} */
const identityOf = (file) => `${nameOf(file)}\n${file.size}\n${file.lastModified}`;

// 32 hexadecimal digits that follow from the text: cyrb53, twice. It tells uploads apart and protects nothing, and
// crypto.subtle is for https alone.
/** @type {(text: string) => string} */
export function digestOf(text) {
  return [1, 2].map((seed) => {
    let [a, b] = [0xdeadbeef ^ seed, 0x41c6ce57 ^ seed];
    for (let n = 0; n < text.length; n += 1) {
      const code = text.charCodeAt(n);
      a = Math.imul(a ^ code, 2654435761);
      b = Math.imul(b ^ code, 1597334677);
    }
    a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
    b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
    return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
  }).join("");
}

// A lost connection, a studio that is being started, or a piece that is still being written.
/** @type {(error: unknown) => boolean} */
const isAway = (error) => (error instanceof Refused ? AWAY.includes(error.status) || error.answer.offset !== undefined : error instanceof TypeError);

/** @type {<Answer>(file: File, send: () => Promise<Answer>, onWaiting: (reason: string) => void) => Promise<Answer>} */
async function persistently(file, send, onWaiting) {
  const began = performance.now();
  for (let tries = 0; ; tries += 1) {
    try {
      return await send();
    } catch (error) {
      if (!isAway(error) || performance.now() - began > GIVE_UP_MS) throw error;
      await file.slice(0, 1).arrayBuffer(); // a file that is gone, or has changed, looks like a lost connection
      onWaiting(wordsOf(error));
      await new Promise((resolve) => { setTimeout(resolve, WAITS_MS[Math.min(tries, WAITS_MS.length - 1)]); });
    }
  }
}

/** @type {(datasetId: string, file: File, importId: string, onWaiting: (reason: string) => void) => Promise<unknown>} */
function sendFile(datasetId, file, importId, onWaiting) {
  const root = `/api/datasets/${part(datasetId)}`;
  const whole = importId ? `${root}/imports/${importId}` : `${root}/images`;
  if (file.size <= PIECE_BYTES) {
    return persistently(file, () => call("PUT", `${whole}?name=${part(nameOf(file))}`, file), onWaiting);
  }
  const address = `${root}/uploads/${digestOf(identityOf(file))}`;
  return persistently(file, async () => {
    /** @type {{ offset: number }} */
    let { offset } = await call("GET", address);
    while (offset < file.size) ({ offset } = await call("PATCH", `${address}?offset=${offset}`, file.slice(offset, offset + PIECE_BYTES)));
    return call("POST", address, { name: nameOf(file), size: file.size, import_id: importId });
  }, onWaiting);
}

/** @type {(files: File[], send: (file: File) => Promise<unknown>, callbacks: Callbacks, total?: number) => Promise<Sent>} */
async function each(files, send, { onProgress, onRefused }, total = files.length) {
  const waiting = [...files];
  const sent = { taken: 0, present: 0 };
  let done = total - files.length;
  async function worker() {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      try {
        await send(file);
        sent.taken += 1;
      } catch (error) {
        const isDuplicate = error instanceof Refused && error.status === 409;
        if (isDuplicate && error.answer.path === nameOf(file)) sent.present += 1;
        else onRefused(nameOf(file), wordsOf(error), isDuplicate);
      }
      done += 1;
      onProgress(done, total);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return sent;
}

// Images alone, each decoded as it arrives.
/** @type {(datasetId: string, files: File[], callbacks: Callbacks) => Promise<Sent>} */
export function uploadImages(datasetId, files, callbacks) {
  return each(files, (file) => sendFile(datasetId, file, "", callbacks.onWaiting), callbacks);
}

// A folder with annotations; returns the id of the import that is to be read: of the same folder it is the same, and
// files that came in before a break stay behind. Hidden files do so in any case.
/** @type {(datasetId: string, files: File[], callbacks: Callbacks) => Promise<string>} */
export async function uploadFolder(datasetId, files, callbacks) {
  const shown = files.filter((file) => !nameOf(file).split("/").some((name) => name.startsWith(".")));
  const importId = digestOf(shown.map(identityOf).sort().join("\n\n"));
  /** @type {Received} */
  const received = await call("GET", `/api/datasets/${part(datasetId)}/imports/${importId}`);
  const missing = shown.filter((file) => received.files[nameOf(file)] !== file.size);
  await each(missing, (file) => sendFile(datasetId, file, importId, callbacks.onWaiting), callbacks, shown.length);
  return importId;
}

// Everything that was dropped, folders walked through.
/** @type {(transfer: DataTransfer) => Promise<{ files: File[], isFolder: boolean }>} */
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.())
    .filter((entry) => entry !== null && entry !== undefined);
  /** @type {File[]} */
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return { files: found, isFolder: entries.some((entry) => entry.isDirectory) };
}

/** @type {(entry: FileSystemEntry, found: File[]) => Promise<void>} */
async function walk(entry, found) {
  if (isFile(entry)) {
    /** @type {File} */
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    droppedPaths.set(file, entry.fullPath.replace(/^\//, ""));
    found.push(file);
    return;
  }
  if (!isFolder(entry)) return;
  const reader = entry.createReader();
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    for (const child of some) await walk(child, found);
  }
}

/** @param {FileSystemEntry} entry @returns {entry is FileSystemFileEntry} */
const isFile = (entry) => entry.isFile;
/** @param {FileSystemEntry} entry @returns {entry is FileSystemDirectoryEntry} */
const isFolder = (entry) => entry.isDirectory;
