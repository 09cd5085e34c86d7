// What the page that annotates one image is made of.
import type { Tiles } from "../web/canvas/tiles.js";
import type { Saver } from "../web/model/saver.js";
import type { Batch, Point, Revision, Shape } from "./annotation.d.ts";
import type { ImageRow } from "./answers.d.ts";

/** The object under one light; the marks are of the image whose own it is. */
export interface LightPicture {
  name: string;
  picture: Tiles;
  isOwn: boolean;
}

export interface Opened extends Revision {
  image: ImageRow;
  address: string;
  /** What this browser has kept of edits. */
  pending: Batch[];
  picture: Tiles;
  lights: LightPicture[];
  saver?: Saver;
  /** The picture in one piece. */
  whole?: HTMLImageElement;
}

/** What the pointer is doing while a button is held. */
export type Drag =
  | { kind: "draw" }
  | { kind: "stroke"; points: Point[] }
  | { kind: "corner"; shape: Shape }
  | { kind: "side"; side: number; shape: Shape; from: Point }
  | { kind: "move"; shape: Shape; from: Point };

/** By a row's first key, the key that somebody gave it. */
export type KeyChanges = Record<string, string>;
