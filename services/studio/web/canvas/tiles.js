// A picture in tiles and halves, as pyramid/levels.py cuts it: what is in sight is fetched, and until it is there, what
// is coarser is shown. Knows addresses and the view; knows no marks.

/**
 * @import { Region, Size } from "../../types/annotation.d.ts"
 * @import { View } from "./view.js"
 * @typedef {{ level: number, column: number, row: number }} Tile
 */

const TILE_PX = 512;
const MOST_TILES = 160; // kept, of a megabyte each
const AT_ONCE = 6; // as many connections as a browser has to one host
const AGAIN_MS = 2000;

export class Tiles {
  // addressOf(level, column, row); onTile(region of the image) once a tile has arrived, whoever asked for it.
  /**
   * @param {{
   *   size: Size, addressOf: (level: number, column: number, row: number) => string, onTile?: (region: Region) => void,
   * }} given
   */
  constructor({ size, addressOf, onTile = () => {} }) {
    this.size = size;
    this.addressOf = addressOf;
    this.onTile = onTile;
    this.levels = levelsOf(size);
    /** @type {Map<string, ImageBitmap>} */
    this.kept = new Map(); // by key, the one that was used last behind the others
    /** @type {Tile[]} */
    this.wanted = [];
    /** @type {Map<string, { abort: AbortController, arrived: Promise<ImageBitmap> }>} */
    this.fetching = new Map();
    this.isClosed = false;
  }

  // Ends fetching; what is kept may still be drawn.
  close() {
    this.isClosed = true;
    for (const each of this.fetching.values()) each.abort.abort();
  }

  /** @type {(context: CanvasRenderingContext2D, view: View, region: Region) => void} */
  draw(context, view, region) {
    const level = this.levelFor(view.scale * context.getTransform().a);
    const tiles = this.within(level, region);
    context.imageSmoothingEnabled = view.scale < 3;
    context.imageSmoothingQuality = "medium";
    const missing = tiles.filter((each) => !this.#tile(each));
    for (const each of missing) this.#drawCoarser(context, view, each);
    for (const each of tiles) this.#drawTile(context, view, each, this.#tile(each));
    // The coarsest first: one tile shows all of it.
    const top = this.within(this.levels.length - 1, [0, 0, this.size.width, this.size.height]);
    const fetched = [...(missing.length ? top : []), ...missing].filter((each) => !this.#tile(each));
    this.wanted = [...fetched, ...this.wanted.filter((each) => !fetched.some((other) => keyOf(other) === keyOf(each)))].slice(0, MOST_TILES / 2);
    this.#fetch();
  }

  // Resolves once what the view shows is there to be drawn; rejects where it cannot be fetched.
  /** @type {(view: View, ratio?: number) => Promise<void>} */
  async load(view, ratio = 1) {
    const part = [0, 0, this.size.width, this.size.height];
    const [x0, y0] = view.toImage([0, 0]);
    const [x1, y1] = view.toImage([view.screen.width, view.screen.height]);
    /** @type {Region} */
    const seen = [Math.max(part[0], x0), Math.max(part[1], y0), Math.min(part[2], x1), Math.min(part[3], y1)];
    const tiles = this.within(this.levelFor(view.scale * ratio), seen);
    await Promise.all(tiles.map((each) => this.#tile(each) ?? this.#get(each)));
  }

  // The coarsest that has a pixel for each one of the screen.
  /** @type {(scale: number) => number} */
  levelFor(scale) {
    return Math.min(this.levels.length - 1, Math.max(0, Math.floor(Math.log2(1 / scale) + 1e-6)));
  }

  /** @type {(level: number, region: Region) => Tile[]} */
  within(level, [x0, y0, x1, y1]) {
    const { width, height } = this.levels[level];
    const side = TILE_PX * 2 ** level;
    /** @type {Tile[]} */
    const found = [];
    if (x1 <= x0 || y1 <= y0) return found;
    for (let row = Math.max(0, Math.floor(y0 / side)); row * side < y1 && row * TILE_PX < height; row += 1) {
      for (let column = Math.max(0, Math.floor(x0 / side)); column * side < x1 && column * TILE_PX < width; column += 1) found.push({ level, column, row });
    }
    return found;
  }

  /** @type {(each: Tile) => ImageBitmap | null} */
  #tile(each) {
    const key = keyOf(each);
    const found = this.kept.get(key);
    if (!found) return null;
    this.kept.delete(key);
    this.kept.set(key, found);
    return found;
  }

  /** @type {(context: CanvasRenderingContext2D, view: View, tile: Tile, bitmap: ImageBitmap | null) => void} */
  #drawTile(context, view, { level, column, row }, bitmap) {
    if (!bitmap) return;
    const side = 2 ** level;
    const [left, top] = [column * TILE_PX * side, row * TILE_PX * side];
    const [x0, y0, x1, y1] = snapped(context, view, [left, top, left + bitmap.width * side, top + bitmap.height * side]);
    context.drawImage(bitmap, x0, y0, x1 - x0, y1 - y0);
  }

  // The part of a coarser tile that lies where this one will.
  /** @type {(context: CanvasRenderingContext2D, view: View, tile: Tile) => void} */
  #drawCoarser(context, view, { level, column, row }) {
    for (let up = 1; level + up < this.levels.length; up += 1) {
      const share = 2 ** up;
      const bitmap = this.#tile({ level: level + up, column: Math.floor(column / share), row: Math.floor(row / share) });
      if (!bitmap) continue;
      const side = TILE_PX / share;
      const [left, top] = [(column % share) * side, (row % share) * side];
      const [width, height] = [Math.min(side, bitmap.width - left), Math.min(side, bitmap.height - top)];
      if (width <= 0 || height <= 0) return;
      const [x, y, scale] = [column * TILE_PX * 2 ** level, row * TILE_PX * 2 ** level, 2 ** (level + up)];
      const [x0, y0, x1, y1] = snapped(context, view, [x, y, x + width * scale, y + height * scale]);
      context.drawImage(bitmap, left, top, width, height, x0, y0, x1 - x0, y1 - y0);
      return;
    }
  }

  #fetch() {
    while (!this.isClosed && this.fetching.size < AT_ONCE) {
      const each = this.wanted.shift();
      if (!each) return;
      if (this.kept.has(keyOf(each)) || this.fetching.has(keyOf(each))) continue;
      this.#get(each).catch(() => {
        if (!this.isClosed) setTimeout(() => { this.wanted.push(each); this.#fetch(); }, AGAIN_MS);
      }).finally(() => this.#fetch());
    }
  }

  /** @type {(each: Tile) => Promise<ImageBitmap>} */
  #get(each) {
    const key = keyOf(each);
    const known = this.fetching.get(key);
    if (known) return known.arrived;
    const abort = new AbortController();
    const arrived = this.#fetched(each, abort.signal).finally(() => this.fetching.delete(key));
    // Drawn meanwhile, the stage has a gap there: so may what is loaded before the page counts as ready.
    arrived.then(() => this.onTile(this.#regionOf(each)), () => {});
    this.fetching.set(key, { abort, arrived });
    return arrived;
  }

  /** @type {(each: Tile, signal: AbortSignal) => Promise<ImageBitmap>} */
  async #fetched(each, signal) {
    const response = await fetch(this.addressOf(each.level, each.column, each.row), { signal });
    if (!response.ok) throw new Error(`the studio answered ${response.status}`);
    const bitmap = await createImageBitmap(await response.blob());
    this.kept.set(keyOf(each), bitmap);
    for (const [key, old] of this.kept) {
      if (this.kept.size <= MOST_TILES) break;
      this.kept.delete(key);
      old.close();
    }
    return bitmap;
  }

  /** @type {(tile: Tile) => Region} */
  #regionOf({ level, column, row }) {
    const side = TILE_PX * 2 ** level;
    return [column * side, row * side, Math.min(this.size.width, (column + 1) * side), Math.min(this.size.height, (row + 1) * side)];
  }
}

// On whole pixels: two tiles that share one show a seam.
/** @type {(context: CanvasRenderingContext2D, view: View, region: Region) => number[]} */
function snapped(context, view, [x0, y0, x1, y1]) {
  const ratio = context.getTransform().a;
  return [...view.toScreen([x0, y0]), ...view.toScreen([x1, y1])].map((value) => Math.round(value * ratio) / ratio);
}

/** @type {(tile: Tile) => string} */
const keyOf = ({ level, column, row }) => `${level}/${column}/${row}`;

// As pyramid/levels.py.
/** @type {(size: Size) => Size[]} */
export function levelsOf({ width, height }) {
  let size = { width, height };
  const found = [size];
  while (Math.max(size.width, size.height) > TILE_PX) {
    size = { width: Math.ceil(size.width / 2), height: Math.ceil(size.height / 2) };
    found.push(size);
  }
  return found;
}
