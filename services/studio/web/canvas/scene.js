// The stage: one layer of what rests under one of what moves. Decides what is drawn anew with each frame.
import { bounds } from "../model/geometry.js";
import { HANDLE_PX, PROPOSAL_EDGE_PX, boxOf, drawMoving, drawResting } from "./drawing.js";
import { Layer } from "./layer.js";
import { Overlay } from "./overlay.js";

const MOST_CHANGED = 40; // marks, from which on all is drawn again

export class Scene {
  // `looks`: a filter for the picture; `elements`: canvases and lines of the page.
  constructor({ elements, editor, looks, onSettled }) {
    Object.assign(this, { editor, looks, picture: null, cross: elements.cross });
    this.layer = new Layer({ canvas: elements.picture, paint: (...given) => this.#paint(...given), onSettled });
    this.overlay = new Overlay(elements.marks);
    this.resting = NOTHING;
  }

  // Another image, or the same under another light. `picture`: draws regions of it.
  open(picture) {
    this.picture = picture;
    this.layer.forget();
  }

  // The picture is shown otherwise.
  forget() { this.layer.forget(); }

  // More of the picture has arrived.
  refresh(region) { this.layer.refresh(region); }

  draw(view) {
    const { resting, moving } = parted(this.editor);
    const changed = changedBetween(this.resting, resting);
    this.resting = resting;
    if (changed.length > 0) this.#redraw(changed);
    this.layer.show(view);
    this.overlay.draw(boxOf(view, moving, this.editor), view.screen, (context) => drawMoving(context, view, moving, this.editor));
    this.#showCross(view, moving.cursor);
  }

  #redraw(changed) {
    if (changed.length > MOST_CHANGED || !this.layer.drawn) {
      this.layer.forget();
      return;
    }
    for (const each of changed) {
      const more = (each.shape ? PROPOSAL_EDGE_PX : HANDLE_PX) / this.layer.drawn.view.scale;
      const [x0, y0, x1, y1] = bounds(each.shape ?? each);
      this.layer.refresh([x0 - more, y0 - more, x1 + more, y1 + more]);
    }
  }

  #paint(context, view, region) {
    context.filter = this.looks.filter || "none";
    this.picture.draw(context, view, partIn(view, region));
    context.filter = "none";
    drawResting(context, view, this.resting, region);
  }

  #showCross(view, cursor) {
    const isShown = cursor !== null && !["brush", "eraser"].includes(this.editor.tool);
    this.cross.hidden = !isShown;
    if (!isShown) return;
    const [x, y] = view.toScreen(cursor);
    const [upright, level] = this.cross.children;
    upright.style.transform = `translateX(${Math.round(x)}px)`;
    level.style.transform = `translateY(${Math.round(y)}px)`;
  }
}

const NOTHING = { shapes: [], proposals: [], chosen: null, corner: -1, proposed: null };

// What rests, and what is under way: the mark that is dragged, what is drawn.
export function parted({ shapes, shownProposals, selected, corner, proposed, preview, draft, cursor, stroke }) {
  const proposals = shownProposals.filter((each) => each.shape);
  const rest = preview ? shapes.filter((each) => each !== preview) : shapes;
  const chosen = rest.find((each) => each.id === selected) ?? null;
  return {
    resting: { shapes: rest, proposals, chosen, corner: chosen ? corner : -1, proposed: proposals.find((each) => each.id === proposed) ?? null },
    moving: { shape: preview, painting: stroke, draft, cursor },
  };
}

// Marks and proposals that look otherwise now.
export function changedBetween(before, after) {
  const found = [before, after].map(({ shapes, proposals }) => new Set([...shapes, ...proposals]));
  const changed = new Set([...found[0]].filter((each) => !found[1].has(each)).concat([...found[1]].filter((each) => !found[0].has(each))));
  if (before.chosen !== after.chosen || before.corner !== after.corner) changed.add(before.chosen).add(after.chosen);
  if (before.proposed !== after.proposed) changed.add(before.proposed).add(after.proposed);
  changed.delete(null);
  return [...changed];
}

function partIn(view, [x0, y0, x1, y1]) {
  return [Math.max(0, x0), Math.max(0, y0), Math.min(view.image.width, x1), Math.min(view.image.height, y1)];
}
