// The stage: one layer of what rests under one of what moves. Decides what is drawn anew with each frame.
/**
 * @import { Flag, Point, ProposedMark, Region, Shape } from "../../types/annotation.d.ts"
 * @import { Edited, Moving, Picture, Resting, Tool } from "../../types/drawing.d.ts"
 * @import { View } from "./view.js"
 * @typedef {{ picture: HTMLCanvasElement, marks: HTMLCanvasElement, cross: HTMLElement }} Elements
 */
import { bounds } from "../model/geometry.js";
import { FLAG_PX, PROPOSAL_EDGE_PX, STROKE_ALPHA, boxOf, drawMoving, drawResting, drawStroke } from "./drawing.js";
import { Layer } from "./layer.js";
import { Overlay } from "./overlay.js";

const MOST_CHANGED = 40; // marks, from which on all is drawn again

export class Scene {
  // `looks`: a filter for the picture; `elements`: canvases and lines of the page.
  /** @param {{ elements: Elements, editor: Edited & Tool, looks: { filter: string }, onSettled: () => void }} given */
  constructor({ elements, editor, looks, onSettled }) {
    this.editor = editor;
    this.looks = looks;
    /** @type {Picture | null} */
    this.picture = null;
    this.cross = elements.cross;
    this.lines = [...elements.cross.children].filter((each) => each instanceof HTMLElement);
    this.layer = new Layer({ canvas: elements.picture, paint: (...given) => this.#paint(...given), onSettled });
    this.overlay = new Overlay(elements.marks);
    this.resting = NOTHING;
  }

  // Another image, or the same under another light. `picture`: draws regions of it.
  /** @param {Picture} picture */
  open(picture) {
    this.picture = picture;
    this.layer.forget();
  }

  // The picture is shown otherwise.
  forget() { this.layer.forget(); }

  // More of the picture has arrived.
  /** @param {Region} region */
  refresh(region) { this.layer.refresh(region); }

  /** @param {View} view */
  draw(view) {
    const { resting, moving } = parted(this.editor);
    const changed = changedBetween(this.resting, resting);
    this.resting = resting;
    if (changed.length > 0) this.#redraw(changed);
    this.layer.show(view);
    const box = boxOf(view, moving, this.editor);
    const { painting } = moving;
    if (painting && box) {
      const stroke = { points: painting.points, at: [view.x, view.y, view.scale].join(), alpha: STROKE_ALPHA };
      this.overlay.grow(box, view.screen, stroke, (context, from) => drawStroke(context, view, painting, this.editor, from));
    } else this.overlay.draw(box, view.screen, (context) => drawMoving(context, view, moving, this.editor));
    this.#showCross(view, moving.cursor);
  }

  /** @param {(Shape | ProposedMark)[]} changed */
  #redraw(changed) {
    if (changed.length > MOST_CHANGED || !this.layer.drawn) {
      this.layer.forget();
      return;
    }
    for (const each of changed) {
      const more = ("shape" in each ? PROPOSAL_EDGE_PX : FLAG_PX) / this.layer.drawn.view.scale;
      const [x0, y0, x1, y1] = bounds("shape" in each ? each.shape : each);
      this.layer.refresh([x0 - more, y0 - more, x1 + more, y1 + more]);
    }
  }

  /** @type {(context: CanvasRenderingContext2D, view: View, region: Region) => void} */
  #paint(context, view, region) {
    context.filter = this.looks.filter || "none";
    this.picture?.draw(context, view, partIn(view, region));
    context.filter = "none";
    drawResting(context, view, this.resting, region);
  }

  /** @type {(view: View, cursor: Point | null) => void} */
  #showCross(view, cursor) {
    const isShown = cursor !== null && !["brush", "eraser"].includes(this.editor.tool);
    this.cross.hidden = !isShown;
    if (!isShown) return;
    const [x, y] = view.toScreen(cursor);
    const [upright, level] = this.lines;
    upright.style.transform = `translateX(${Math.round(x)}px)`;
    level.style.transform = `translateY(${Math.round(y)}px)`;
  }
}

/** @type {Resting} */
const NOTHING = { shapes: [], proposals: [], chosen: null, corner: -1, proposed: null, flags: new Map() };

// What rests, and what is under way: the mark that is dragged, what is drawn.
/** @type {(edited: Edited) => { resting: Resting, moving: Moving }} */
export function parted({ shapes, shownProposals, selected, corner, proposed, preview, draft, cursor, stroke, flags = NOTHING.flags }) {
  const proposals = shownProposals.filter((each) => each.shape !== undefined);
  const rest = preview ? shapes.filter((each) => each !== preview) : shapes;
  const chosen = rest.find((each) => each.id === selected) ?? null;
  return {
    resting: { shapes: rest, proposals, chosen, corner: chosen ? corner : -1, proposed: proposals.find((each) => each.id === proposed) ?? null, flags },
    moving: { shape: preview, painting: stroke, draft, cursor },
  };
}

// Marks and proposals that look otherwise now.
/** @type {(before: Resting, after: Resting) => (Shape | ProposedMark)[]} */
export function changedBetween(before, after) {
  const found = [before, after].map(({ shapes, proposals }) => new Set([...shapes, ...proposals]));
  const changed = new Set([...found[0]].filter((each) => !found[1].has(each)).concat([...found[1]].filter((each) => !found[0].has(each))));
  /** @type {(Shape | ProposedMark | null)[]} */
  const lookedAt = [];
  if (before.chosen !== after.chosen || before.corner !== after.corner) lookedAt.push(before.chosen, after.chosen);
  if (before.proposed !== after.proposed) lookedAt.push(before.proposed, after.proposed);
  for (const each of lookedAt) if (each) changed.add(each);
  if (before.flags !== after.flags) {
    for (const each of after.shapes) if (before.flags.get(each.id)?.severity !== after.flags.get(each.id)?.severity) changed.add(each);
  }
  return [...changed];
}

/** @type {(view: View, region: Region) => Region} */
function partIn(view, [x0, y0, x1, y1]) {
  return [Math.max(0, x0), Math.max(0, y0), Math.min(view.image.width, x1), Math.min(view.image.height, y1)];
}
