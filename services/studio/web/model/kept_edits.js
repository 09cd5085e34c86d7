// Edits that the studio has not confirmed, in this browser's IndexedDB: on its disk before they count as kept, each by itself,
// so that two pages of one image take nothing from each other. A browser that is killed finds them again.
/** @import { Batch } from "../../types/annotation.d.ts" */

const [DATABASE, STORE] = ["truscore-studio", "edits"];

export class KeptEdits {
  /** @param {IDBDatabase | null} database */
  constructor(database) { this.database = database; }

  // A browser that keeps nothing (some do in private windows) still annotates: edits go to the studio at once.
  static async open() {
    try {
      const asked = indexedDB.open(DATABASE, 1);
      asked.onupgradeneeded = () => asked.result.createObjectStore(STORE, { keyPath: ["of", "batch_id"] });
      return new KeptEdits(await done(asked));
    } catch {
      return new KeptEdits(null);
    }
  }

  // Batches {batch_id, ops} of a document, in the order in which they were made.
  /** @type {(of: string) => Promise<Batch[]>} */
  async read(of) {
    if (!this.database) return [];
    /** @type {(Batch & { at: number })[]} */
    const found = await done(this.database.transaction(STORE).objectStore(STORE).getAll(IDBKeyRange.bound([of], [of, []])));
    return found.sort((a, b) => a.at - b.at).map(({ batch_id, ops }) => ({ batch_id, ops }));
  }

  // Resolves once it is on the disk, or to false where it does not get there.
  /** @type {(of: string, batch: Batch) => Promise<boolean>} */
  keep(of, { batch_id, ops }) {
    return this.#change((store) => store.put({ of, batch_id, ops, at: performance.timeOrigin + performance.now() }), "strict");
  }

  // Once the studio has it: to send it again would change nothing, so that this may reach the disk when it will.
  /** @type {(of: string, batch: Batch) => void} */
  forget(of, { batch_id }) {
    this.#change((store) => store.delete([of, batch_id]), "relaxed");
  }

  /** @type {(how: (store: IDBObjectStore) => void, durability: IDBTransactionDurability) => Promise<boolean>} */
  #change(how, durability) {
    if (!this.database) return Promise.resolve(false);
    const transaction = this.database.transaction(STORE, "readwrite", { durability });
    how(transaction.objectStore(STORE));
    transaction.commit(); // by itself it would wait for this page to hear of the change: a page may be closed before
    return new Promise((resolve) => {
      transaction.oncomplete = () => resolve(true);
      transaction.onabort = () => resolve(false);
    });
  }
}

/**
 * @template Result
 * @param {IDBRequest<Result>} request
 * @returns {Promise<Result>}
 */
function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
