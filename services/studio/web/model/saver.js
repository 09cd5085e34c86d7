// Edits on their way to the server: each batch at once, kept on this browser's disk until it is confirmed, and put upon the
// edits of others where the server had some that this page had not.
/**
 * @import { Annotations, Batch, Operation, Revision } from "../../types/annotation.d.ts"
 * @typedef {{ revision: number, missing: Operation[][] | null }} Stale what is answered to a batch on an older revision
 * @import { KeptEdits } from "./kept_edits.js"
 */
import { Refused } from "./calls.js";
import { applied, fromServer } from "./document.js";
import { newId } from "./ids.js";

const AGAIN_MS = 2000;
const NOT_OF_THE_EDIT = [408, 425, 429]; // of the moment it was sent at: a proxy before the studio may answer so

export class Saver {
  // `kept`: keep(key, batch), which resolves to whether it is on the disk, and forget(key, batch); `opened.pending`: what it had kept.
  /**
   * @param {{
   *   key: string, kept: Pick<KeptEdits, "keep" | "forget">, opened: Revision & { pending: Batch[] },
   *   send: (batch: { base: number, batch_id: string, ops: Operation[] }) => Promise<{ revision: number }>,
   *   reopen: () => Promise<Revision>, missing?: (since: number) => Promise<Stale>, onDocument: (document: Annotations) => void,
   *   onState: (state: "waiting" | "failed" | "", words: string) => void,
   * }} given
   */
  constructor({ key, kept, opened, send, reopen, missing, onDocument, onState }) {
    this.key = key;
    this.kept = kept;
    this.send = send;
    this.reopen = reopen;
    this.missing = missing; // what was saved after a revision
    this.onDocument = onDocument;
    this.onState = onState;
    this.revision = opened.revision;
    this.confirmed = fromServer(opened.document);
    this.pending = [...opened.pending];
    this.sending = false;
    this.heard = this.revision; // the newest that was told of
    this.asking = false;
    /** @type {((ops: Operation[]) => void) | null} */
    this.onSaved = null; // once the server has them
    /** @type {Annotations | null} */
    this.shown = null;
    this.#show();
    if (this.pending.length > 0) this.flush();
  }

  // The same object until something changes: it is asked for with each frame.
  get document() {
    this.shown ??= this.pending.reduce((document, batch) => applied(document, batch.ops), this.confirmed);
    return this.shown;
  }

  // The document as the server has it now; where edits of here are under way, they find out themselves.
  /** @param {Revision} opened */
  renew(opened) {
    if (opened.revision <= this.revision || this.pending.length > 0) return;
    this.revision = opened.revision;
    this.confirmed = fromServer(opened.document);
    this.#show();
  }

  // Another page has saved this revision; null: perhaps one has. Edits of here that are under way find out themselves.
  /** @param {number | null} revision */
  hear(revision) {
    this.heard = Math.max(this.heard, revision ?? Infinity);
    return this.#catchUp();
  }

  async #catchUp() {
    const since = this.revision;
    if (!this.missing || this.asking || this.pending.length > 0 || this.heard <= since) return;
    this.asking = true;
    try {
      const answer = await this.missing(since);
      if (this.heard === Infinity) this.heard = answer.revision;
      if (answer.missing === null) this.renew(await this.reopen());
      else if (this.revision === since && this.pending.length === 0 && answer.revision > since) await this.#rebase(answer);
    } catch (error) {
      if (!(error instanceof Refused && error.status < 500)) setTimeout(() => this.#catchUp(), AGAIN_MS);
      return;
    } finally {
      this.asking = false;
    }
    if (this.revision > since) await this.#catchUp();
  }

  /** @param {Operation[]} ops */
  edit(ops) {
    /** @type {Batch} */
    const batch = { batch_id: newId(), ops };
    this.pending.push(batch);
    batch.onDisk = this.kept.keep(this.key, batch);
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
    this.#catchUp();
  }

  async #sendFirst() {
    const batch = this.pending[0];
    this.onState("waiting", "Saving…");
    let answer;
    try {
      answer = await this.send({ base: this.revision, batch_id: batch.batch_id, ops: batch.ops });
    } catch (error) {
      const refused = error instanceof Refused ? error : null;
      if (refused?.status === 409) {
        await this.#rebase(/** @type {Stale} */ (refused.answer));
        return true;
      }
      if (refused?.status === 401) { // the page goes to the login; the edit is sent once the image is open again
        this.onState("failed", "Log in again: the edit is kept here and sent then.");
        return false;
      }
      if (refused && refused.status >= 400 && refused.status < 500 && !NOT_OF_THE_EDIT.includes(refused.status)) {
        this.#drop();
        this.#show();
        this.onState("failed", `Not saved: ${refused.message}`);
        return false;
      }
      const why = refused ? `Not saved yet: ${refused.message}` : "The studio does not answer";
      const onDisk = await Promise.all(this.pending.map((each) => each.onDisk ?? true)); // those read from it have no promise
      const how = onDisk.every(Boolean) ? "The edit is kept here and sent again" : "The edit is sent again while this page is open";
      this.onState("failed", `${why}. ${how}.`);
      setTimeout(() => this.flush(), AGAIN_MS);
      return false;
    }
    this.confirmed = applied(this.confirmed, batch.ops);
    this.revision = answer.revision;
    this.#drop();
    this.shown = null;
    if (this.pending.length === 0) this.onState("", "Saved");
    this.onSaved?.(batch.ops);
    return true;
  }

  /** @param {Stale} answer */
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

  #drop() {
    const batch = this.pending.shift();
    if (batch) this.kept.forget(this.key, batch);
  }

  #show() {
    this.shown = null;
    this.onDocument(this.document);
  }
}
