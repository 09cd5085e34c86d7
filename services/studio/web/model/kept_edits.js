// Edits that the studio has not confirmed, in this browser's IndexedDB: on its disk before they count as kept, each by itself,
// so that two pages of one image take nothing from each other. A browser that is killed finds them again.
/** @import { Batch } from "../../types/annotation.d.ts" */

const [DATABASE, STORE] = ["truscore-studio", "edits"];

export class KeptEdits {
  /** @param {IDBDatabase | null} database */
  constructor(database) { this.database = database; }

  // A browser that keeps nothing (some do in private windows) still annotates: edits go to the studio at once.
  static async open() { return new KeptEdits(await opened()); }

  // Batches {batch_id, ops} of a document, in the order in which they were made.
  /** @type {(of: string) => Promise<Batch[]>} */
  async read(of) {
    /** @type {(Batch & { at: number })[] | null} */
    const found = await this.#reach((database) => done(database.transaction(STORE).objectStore(STORE).getAll(IDBKeyRange.bound([of], [of, []]))));
    return (found ?? []).sort((a, b) => a.at - b.at).map(({ batch_id, ops }) => ({ batch_id, ops }));
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
  async #change(how, durability) {
    return (await this.#reach((database) => changed(database, how, durability))) ?? false;
  }

  // Begun before it returns, so that edits reach the disk in their order. A browser may close a database at any time (when
  // data of sites is cleared, after a fault of its disk): it is opened once more then, and else nothing is kept from there on.
  /**
   * @template Result
   * @param {(database: IDBDatabase) => Promise<Result>} work
   * @returns {Promise<Result | null>}
   */
  async #reach(work) {
    if (!this.database) return null;
    try {
      return await work(this.database);
    } catch {
      this.database = await opened();
    }
    try {
      return this.database && (await work(this.database));
    } catch {
      return null;
    }
  }
}

// Null where the browser gives none.
async function opened() {
  try {
    const asked = indexedDB.open(DATABASE, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE, { keyPath: ["of", "batch_id"] });
    return await done(asked);
  } catch {
    return null;
  }
}

/** @type {(database: IDBDatabase, how: (store: IDBObjectStore) => void, durability: IDBTransactionDurability) => Promise<boolean>} */
function changed(database, how, durability) {
  const transaction = database.transaction(STORE, "readwrite", { durability });
  how(transaction.objectStore(STORE));
  transaction.commit(); // by itself it would wait for this page to hear of the change: a page may be closed before
  return new Promise((resolve) => {
    transaction.oncomplete = () => resolve(true);
    transaction.onabort = () => resolve(false);
  });
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
