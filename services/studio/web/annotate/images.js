// Images of the dataset as they are opened one after the other: each with its document and its tiles, the next one before
// it is asked for. Knows addresses; draws nothing.
/**
 * @import { Region } from "../../types/annotation.d.ts"
 * @import { Opened } from "../../types/annotator.d.ts"
 * @import { ImageRow, OpenedImage } from "../../types/answers.d.ts"
 * @import { View } from "../canvas/view.js"
 */
import { Tiles } from "../canvas/tiles.js";
import { call, part } from "../model/calls.js";
import { KeptEdits } from "../model/kept_edits.js";

export class Images {
  // `own`: what is asked for is what one marks by oneself, and not the shared document.
  /** @param {{ datasetId: string, own: string, onTile: (picture: Tiles, region: Region) => void }} given */
  constructor({ datasetId, own, onTile }) {
    this.datasetId = datasetId;
    this.own = own;
    this.onTile = onTile;
    this.edits = new KeptEdits(null);
    /** @type {Map<number, Promise<Opened>>} */
    this.opening = new Map(); // by id
    /** @type {Map<number, Opened>} */
    this.opened = new Map();
  }

  // Rejects with the server's words where it cannot be opened, and is asked for again the next time.
  /** @type {(id: number) => Promise<Opened>} */
  open(id) {
    const known = this.opening.get(id);
    if (known) return known;
    const opening = this.#open(id);
    opening.catch(() => this.opening.delete(id));
    this.opening.set(id, opening);
    return opening;
  }

  // Before anything is opened: what this browser has kept of edits.
  async begin() { this.edits = await KeptEdits.open(); }

  /** @type {(id: number, view: View, options: { isWhole: boolean }) => Promise<void>} */
  async prefetch(id, view, { isWhole }) {
    try {
      const opened = await this.open(id);
      const { image, picture } = opened;
      /** @type {View} */
      const there = Object.assign(Object.create(Object.getPrototypeOf(view)), view);
      there.open(image);
      await picture.load(there, devicePixelRatio);
      if (isWhole) await this.whole(opened);
    } catch {
      // It is opened when it is asked for, and what is wrong is said then.
    }
  }

  // What others have edited since it was fetched. Where that fails, the next edit brings it.
  /** @param {Opened} opened */
  async refresh({ address, saver }) {
    try {
      saver?.renew(await call("GET", `${address}/document${this.own}`));
    } catch {
      // The page says by itself when the studio does not answer an edit.
    }
  }

  // All others are forgotten, but for those with edits that are not sent yet.
  /** @param {number[]} ids */
  keep(ids) {
    for (const [id, { picture, lights, saver }] of this.opened) {
      if (ids.includes(id) || (saver && saver.pending.length > 0)) continue;
      for (const each of [picture, ...lights.map((light) => light.picture)]) each.close();
      this.opened.delete(id);
      this.opening.delete(id);
    }
  }

  // The picture in one piece, for what reads its pixels.
  /** @param {Opened} opened */
  async whole(opened) {
    if (!opened.whole) {
      opened.whole = new Image();
      opened.whole.decoding = "async";
      opened.whole.src = `${opened.address}/preview.jpg?of=${opened.image.sha256.slice(0, 16)}`;
    }
    await opened.whole.decode();
    return opened.whole;
  }

  /** @type {(id: number) => Promise<Opened>} */
  async #open(id) {
    const address = `/api/datasets/${part(this.datasetId)}/images/${id}`;
    /** @type {Promise<OpenedImage>} */
    const sent = call("GET", `${address}/opening${this.own}`);
    const [{ image, views, revision, document }, pending] = await Promise.all([sent, this.edits.read(`${address}${this.own}`)]);
    const picture = this.#picture(image);
    // Under other lights it is another image of the same size, whose marks are its own.
    const lights = views.filter((each) => each.width === image.width && each.height === image.height)
      .map((each) => ({ name: each.light, picture: each.image_id === id ? picture : this.#picture(each), isOwn: each.image_id === id }));
    /** @type {Opened} */
    const opened = { image, address, revision, document, pending, picture, lights };
    this.opened.set(id, opened);
    return opened;
  }

  /** @param {ImageRow} image */
  #picture({ image_id: id, width, height, sha256 }) {
    const of = sha256.slice(0, 16); // an id may be another image's one day, and browsers keep what they fetched
    const address = `/api/datasets/${part(this.datasetId)}/images/${id}`;
    /** @type {Tiles} */
    const picture = new Tiles({
      size: { width, height },
      addressOf: (level, column, row) => `${address}/tiles/${level}/${column}/${row}.jpg?of=${of}`,
      onTile: (region) => this.onTile(picture, region),
    });
    return picture;
  }
}
