// Edits on their way to the server: each batch at once, kept in this browser until it is confirmed, and put upon the
// edits of others where the server had some that this page had not.
import { applied, fromServer } from "./document.js";

const AGAIN_MS = 2000;

export class Saver {
  constructor({ key, storage, opened, send, reopen, onDocument, onState }) {
    this.key = key;
    this.storage = storage;
    this.send = send;
    this.reopen = reopen;
    this.onDocument = onDocument;
    this.onState = onState;
    this.revision = opened.revision;
    this.confirmed = fromServer(opened.document);
    this.pending = JSON.parse(storage.getItem(key) ?? "[]");
    this.sending = false;
    this.#show();
    if (this.pending.length > 0) this.flush();
  }

  // The same object until something changes: it is asked for with each frame.
  get document() {
    this.shown ??= this.pending.reduce((document, batch) => applied(document, batch.ops), this.confirmed);
    return this.shown;
  }

  // The document as the server has it now; where edits of here are under way, they find out themselves.
  renew(opened) {
    if (opened.revision <= this.revision || this.pending.length > 0) return;
    this.revision = opened.revision;
    this.confirmed = fromServer(opened.document);
    this.#show();
  }

  edit(ops) {
    this.pending.push({ batch_id: crypto.randomUUID(), ops });
    this.#show();
    return this.flush();
  }

  async flush() {
    if (this.sending) return;
    this.sending = true;
    try {
      while (this.pending.length > 0 && (await this.#sendFirst()));
    } finally {
      this.sending = false;
    }
  }

  async #sendFirst() {
    const batch = this.pending[0];
    this.onState("waiting", "Saving…");
    let answer;
    try {
      answer = await this.send({ base: this.revision, batch_id: batch.batch_id, ops: batch.ops });
    } catch (error) {
      if (error.status === 409) {
        await this.#rebase(error.answer);
        return true;
      }
      if (error.status >= 400 && error.status < 500) {
        this.pending.shift();
        this.#show();
        this.onState("failed", `Not saved: ${error.message}`);
        return false;
      }
      this.onState("failed", "The studio does not answer; the edit is kept here and sent again");
      setTimeout(() => this.flush(), AGAIN_MS);
      return false;
    }
    this.confirmed = applied(this.confirmed, batch.ops);
    this.revision = answer.revision;
    this.pending.shift();
    this.shown = null;
    this.#keep();
    if (this.pending.length === 0) this.onState("", "Saved");
    return true;
  }

  async #rebase(answer) {
    if (answer.missing === null) {
      const opened = await this.reopen();
      this.confirmed = fromServer(opened.document);
      this.revision = opened.revision;
    } else {
      for (const ops of answer.missing) this.confirmed = applied(this.confirmed, ops);
      this.revision = answer.revision;
    }
    this.#show();
  }

  #keep() {
    if (this.pending.length > 0) this.storage.setItem(this.key, JSON.stringify(this.pending));
    else this.storage.removeItem(this.key);
  }

  #show() {
    this.shown = null;
    this.#keep();
    this.onDocument(this.document);
  }
}
