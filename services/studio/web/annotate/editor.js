// What pointer and keys do to the marks. Knows geometry and edits; knows no server and no page around it.
/**
 * @import { Annotations, Flag, Operation, Point, Proposal } from "../../types/annotation.d.ts"
 * @import { Shape, StripCutter, Stroke } from "../../types/annotation.d.ts"
 * @import { Drag } from "../../types/annotator.d.ts"
 * @import { View } from "../canvas/view.js"
 * @typedef {{ readonly document: Annotations, edit: (ops: Operation[]) => unknown }} Edits
 * @typedef {{ undo: Operation[], redo: Operation[] }} Step
 */
import { area, corners, hits, moved, nearestCorner, tidy, touches, within, withCorner } from "../model/geometry.js";
import { applied, inverse } from "../model/document.js";
import { newId } from "../model/ids.js";
import { painted } from "../canvas/brush.js";
import { nearestSide, snapped, withSide } from "../model/magnet.js";

const REACH_PX = 10; // of a corner, on the screen
const LEAST_PX = 2; // of a box, in the image
const BRUSH_PX = 12; // at first, on the screen
const BRUSHES = ["brush", "eraser"];
export const MOST_UNDO = 500;
const STROKE_STEP = 0.15; // of the brush's radius, between two points of a stroke

const SIDES = [0, 1, 2, 3]; // of a quadrilateral
/** @type {Record<string, number>} */
const MOST_CORNERS = { point: 1, box: 2, quad: 4, polygon: Infinity };
const FEWEST_CORNERS = { point: 1, box: 2, quad: 4, polygon: 3 };
/** @param {string} tool @returns {tool is keyof typeof FEWEST_CORNERS} */
const draws = (tool) => tool in FEWEST_CORNERS;

export class Editor {
  /** @type {Edits | null} */
  saver = null;
  /** @type {string | null} */
  selected = null;
  corner = -1;
  /** @type {Point[]} */
  draft = [];
  /** @type {Point | null} */
  cursor = null;
  /** @type {Drag | null} */
  drag = null;
  /** @type {Proposal[]} */
  proposals = []; // of a model: drafts that are no marks yet
  /** @type {string | null} */
  proposed = null; // the one that is looked at
  /** @type {Map<string, Flag>} */
  flags = new Map(); // by mark, what the rules find
  /** @type {Shape | null} */
  preview = null; // a shape while it is dragged: only its end is an edit
  /** @type {Step[]} */
  undone = [];
  /** @type {Step[]} */
  done = [];

  /** @param {{ view: View, canEdit: boolean, onChange: () => void, onMove: () => void }} given */
  constructor({ view, canEdit, onChange, onMove }) {
    this.view = view;
    this.canEdit = canEdit;
    this.onChange = onChange;
    this.onMove = onMove;
    this.tool = "select";
    this.label = 1;
    this.leastConfidence = 0;
    /** @type {number | null} */
    this.brush = null; // its radius, in pixels of the image
    this.magnet = false;
    /** @type {StripCutter | null} */
    this.cut = null; // cuts strips out of the picture, for the magnet
  }

  // Another image: tools, class and brush stay as they are.
  /** @param {Edits} saver */
  open(saver) {
    this.saver = saver;
    this.selected = null;
    this.corner = -1;
    this.draft = [];
    this.cursor = null;
    this.drag = null;
    this.proposals = [];
    this.proposed = null;
    this.flags = new Map();
    this.preview = null;
    this.undone = [];
    this.done = [];
    this.cut = null;
  }

  get document() {
    if (!this.saver) throw new Error("no image has been opened");
    return this.saver.document;
  }

  get shapes() {
    const { preview } = this;
    const shapes = [...this.document.shapes.values()];
    return preview ? shapes.map((each) => (each.id === preview.id ? preview : each)) : shapes;
  }

  get selectedShape() { return (this.selected !== null && this.document.shapes.get(this.selected)) || null; }

  get #radius() { return this.brush ?? BRUSH_PX / this.view.scale; }

  get shownProposals() {
    return this.proposals.filter((each) => each.confidence === null || each.confidence >= this.leastConfidence);
  }

  /** @param {Proposal[]} proposals */
  propose(proposals) {
    this.proposals = proposals;
    this.choose("select");
  }

  /** @param {string} id */
  lookAt(id) {
    this.choose("select");
    this.proposed = id;
    this.onChange();
  }

  // Proposals become marks, in one step of undo.
  /** @param {string[]} ids */
  accept(ids) {
    const taken = this.proposals.filter((each) => ids.includes(each.id));
    if (taken.length === 0 || !this.canEdit) return;
    /** @type {Operation[]} */
    const ops = [];
    for (const each of taken) ops.push(...each.ops(ops.length ? applied(this.document, ops) : this.document));
    this.edit(ops);
    this.dismiss(ids);
    if (taken.length === 1 && taken[0].shape) this.select(taken[0].id);
  }

  /** @param {string[]} ids */
  dismiss(ids) {
    this.proposals = this.proposals.filter((each) => !ids.includes(each.id));
    if (this.proposed !== null && ids.includes(this.proposed)) this.proposed = null;
    this.onChange();
  }

  /** @param {Operation[]} ops */
  edit(ops) {
    if (!this.canEdit) return;
    this.done.push({ undo: inverse(this.document, ops), redo: ops });
    this.done.splice(0, Math.max(0, this.done.length - MOST_UNDO));
    this.undone = [];
    this.saver?.edit(ops);
    this.onChange();
  }

  undo() { this.#replay(this.done, this.undone, "undo"); }

  redo() { this.#replay(this.undone, this.done, "redo"); }

  /** @param {Step[]} from @param {Step[]} to @param {keyof Step} which */
  #replay(from, to, which) {
    const step = from.pop();
    if (!step) return;
    to.push(step);
    this.saver?.edit(step[which]);
    if (!this.selectedShape) this.select(null);
    this.onChange();
  }

  /** @param {string} tool */
  choose(tool) {
    this.tool = tool;
    this.draft = [];
    if (BRUSHES.includes(tool)) this.brush ??= BRUSH_PX / this.view.scale;
    else if (tool !== "select" || this.proposed) this.select(null);
    this.onChange();
  }

  /** @param {string | null} id @param {number} [corner] */
  select(id, corner = -1) {
    this.selected = id;
    this.proposed = null;
    this.corner = corner;
    const shape = this.selectedShape;
    if (shape) this.label = shape.label;
    this.onChange();
  }

  /** @param {number} label */
  setLabel(label) {
    this.label = label;
    // While one draws, a class is chosen for what comes next.
    const shape = this.tool === "select" ? this.selectedShape : null;
    if (shape && shape.label !== label) this.edit([{ op: "put", shape: { ...shape, label } }]);
    this.onChange();
  }

  remove() {
    if (this.draft.length > 0) this.draft.pop();
    else if (this.proposed) this.dismiss([this.proposed]);
    else if (this.selected && this.canEdit) {
      this.edit([{ op: "delete", id: this.selected }]);
      this.select(null);
    }
    this.onChange();
  }

  cancel() {
    if (this.draft.length > 0) this.draft = [];
    else this.select(null);
    this.cursor = null;
    this.onChange();
  }

  /** @type {(point: Point) => Point} */
  #clamped([x, y]) {
    return [within(x, this.view.image.width), within(y, this.view.image.height)];
  }

  /** @type {(point: Point, reach?: number) => boolean} */
  press(point, reach = REACH_PX / this.view.scale) {
    const at = this.#clamped(point);
    if (this.tool === "box" && this.canEdit) {
      this.draft = [at];
      this.drag = { kind: "draw" };
    } else if (BRUSHES.includes(this.tool) && this.canEdit) {
      this.drag = { kind: "stroke", points: [at] };
    } else if (this.tool !== "select" && this.canEdit) this.place(at, reach);
    else this.#grab(point, reach);
    this.onChange();
    return this.drag !== null || this.tool !== "select";
  }

  /** @type {(point: Point, reach: number) => void} */
  #grab(point, reach) {
    const shape = this.selectedShape;
    if (shape && shape.kind !== "fixed") {
      const corner = nearestCorner(shape, point, reach);
      if (corner >= 0) {
        this.corner = corner;
        this.drag = { kind: "corner", shape };
        return;
      }
      const side = shape.kind === "quad" && this.canEdit ? nearestSide(shape, point, 0.7 * reach) : -1;
      if (side >= 0) {
        this.drag = { kind: "side", side, shape, from: point };
        return;
      }
    }
    const proposed = this.shownProposals.map((each) => each.shape).filter((each) => each !== undefined);
    const looked = proposed.find((each) => each.id === this.proposed);
    const at = looked && this.canEdit ? nearestCorner(looked, point, reach) : -1;
    if (looked && at >= 0) {
      // Who drags a corner of a proposal accepts the rest of it.
      this.accept([looked.id]);
      this.corner = at;
      this.drag = { kind: "corner", shape: looked };
      return;
    }
    const hit = [...this.shapes, ...proposed].filter((each) => hits(each, point, reach)).sort((a, b) => area(a) - area(b))[0];
    if (hit && proposed.includes(hit)) {
      this.lookAt(hit.id);
      return;
    }
    this.select(hit?.id ?? null);
    this.drag = hit && hit.kind !== "fixed" && this.canEdit ? { kind: "move", shape: hit, from: point } : null;
  }

  // One corner of a shape that is drawn corner by corner; also by keyboard.
  /** @type {(point: Point, reach?: number) => void} */
  place(point, reach = REACH_PX / this.view.scale) {
    const at = this.#clamped(point);
    if (BRUSHES.includes(this.tool) && this.canEdit) {
      this.paint([at]);
      return;
    }
    const most = MOST_CORNERS[this.tool];
    if (!most || !this.canEdit) return;
    const [first] = this.draft;
    const closes = this.tool === "polygon" && this.draft.length >= 3 && Math.hypot(first[0] - at[0], first[1] - at[1]) <= reach;
    if (!closes) this.draft.push(at);
    if (closes || this.draft.length === most) this.finish();
    this.onChange();
  }

  finish() {
    if (this.proposed) {
      this.accept([this.proposed]);
      return;
    }
    const kind = this.tool;
    if (!draws(kind) || this.draft.length < FEWEST_CORNERS[kind]) return;
    const shape = this.#magnetised(tidy({ id: newId(), kind, label: this.label, points: this.draft.flat() }), null);
    this.draft = [];
    const [x0, y0, x1, y1] = shape.points;
    if (kind === "box" && (x1 - x0 < LEAST_PX || y1 - y0 < LEAST_PX)) return;
    this.edit([{ op: "put", shape }]);
    this.selected = shape.id;
    this.corner = -1;
    this.onChange();
  }

  /** @param {Point} point */
  move(point) {
    const at = this.#clamped(point);
    this.cursor = this.tool === "select" ? null : at;
    if (this.drag?.kind === "stroke") {
      const { points } = this.drag;
      const [x, y] = points[points.length - 1];
      if (Math.hypot(at[0] - x, at[1] - y) >= STROKE_STEP * this.#radius) points.push(at);
    } else if (this.drag?.kind === "corner") this.preview = withCorner(this.drag.shape, this.corner, at);
    else if (this.drag?.kind === "side") {
      const [x, y] = this.drag.from;
      this.preview = withSide(this.drag.shape, this.drag.side, point[0] - x, point[1] - y);
    } else if (this.drag?.kind === "move") {
      const [x, y] = this.drag.from;
      this.preview = moved(this.drag.shape, point[0] - x, point[1] - y, this.view.image);
    }
    this.onMove();
  }

  // Of a quadrilateral the sides that were dragged go to the edges near them. `free`: not this time.
  /** @type {(point: Point, options?: { free?: boolean }) => void} */
  release(point, { free = false } = {}) {
    const { drag } = this;
    const preview = this.preview && !free ? this.#magnetised(this.preview, drag) : this.preview;
    this.drag = null;
    this.preview = null;
    if (drag?.kind === "stroke") this.paint(drag.points);
    else if (drag?.kind === "draw") {
      this.draft.push(this.#clamped(point));
      this.finish();
      this.draft = [];
    } else if (preview) this.edit([{ op: "put", shape: tidy(preview) }]);
    this.onChange();
  }

  /** @returns {Stroke | null} */
  get stroke() { return this.drag?.kind === "stroke" ? { points: this.drag.points, radius: this.#radius } : null; }

  /** @param {number} factor */
  resizeBrush(factor) {
    if (!BRUSHES.includes(this.tool)) return;
    this.brush = Math.min(Math.max(this.#radius * factor, 0.5), Math.max(this.view.image.width, this.view.image.height) / 4);
    this.onChange();
  }

  // A stroke joins the outlines of its class that it touches, or is one of its own; the eraser takes from all it touches,
  // or from the selected one alone.
  /** @param {Point[]} points */
  paint(points) {
    const isErasing = this.tool === "eraser";
    const stroke = { points, radius: this.#radius };
    const touched = this.shapes.filter((each) => each.kind === "polygon" && touches(each, stroke)
      && (isErasing ? !this.selectedShape || each.id === this.selected : each.label === this.label));
    if (isErasing && touched.length === 0) return;
    /** @type {Operation[]} */
    const ops = [];
    for (const group of isErasing ? touched.map((each) => [each]) : [touched]) {
      const outlines = painted(group, stroke, this.view.image, isErasing);
      outlines.forEach((flat, n) => ops.push({ op: "put", shape: {
        id: group[n]?.id ?? newId(), kind: "polygon", label: group[0]?.label ?? this.label, points: flat,
      } }));
      for (const gone of group.slice(outlines.length)) ops.push({ op: "delete", id: gone.id });
    }
    if (ops.length > 0) this.edit(ops);
    if (isErasing && !this.selectedShape) this.selected = null;
    else if (!isErasing) this.selected = ops.find((each) => each.op === "put")?.shape.id ?? null;
    this.onChange();
  }

  // `drag`: what moved the shape; null of one that is new.
  /** @type {(shape: Shape, drag: Drag | null) => Shape} */
  #magnetised(shape, drag) {
    if (!this.magnet || !this.cut || shape.kind !== "quad" || drag?.kind === "move") return shape;
    const { corner } = this;
    let [moved, which] = [SIDES, SIDES];
    if (drag?.kind === "corner") [moved, which] = [[corner], [(corner + 3) % 4, corner]];
    else if (drag?.kind === "side") [moved, which] = [[drag.side, (drag.side + 1) % 4], [drag.side]];
    return this.#snap(shape, this.cut, which, SIDES.filter((n) => !moved.includes(n)));
  }

  /** @type {(shape: Shape, cut: StripCutter, which: number[], keep: number[]) => Shape} */
  #snap(shape, cut, which, keep) {
    const { points, ...rest } = snapped(shape, cut, { which, keep, scale: this.view.scale });
    const { width, height } = this.view.image;
    return { ...rest, points: points.map((value, i) => within(value, i % 2 ? height : width)) };
  }

  // The selected quadrilateral onto the edges near it, whether the magnet is on or not.
  snapSelected() {
    const shape = this.selectedShape;
    if (shape?.kind === "quad" && this.canEdit && this.cut) this.edit([{ op: "put", shape: this.#snap(shape, this.cut, SIDES, []) }]);
  }

  // Arrow keys: the chosen corner, else the selected mark, else the cursor of the drawing tool.
  /** @param {number} dx @param {number} dy */
  nudge(dx, dy) {
    const shape = this.selectedShape;
    if (this.tool !== "select") {
      const [x, y] = this.cursor ?? [this.view.image.width / 2, this.view.image.height / 2];
      this.cursor = this.#clamped([x + dx, y + dy]);
      this.view.reveal(this.cursor);
    } else if (shape && shape.kind !== "fixed" && this.corner >= 0) {
      const [x, y] = corners(shape)[this.corner];
      this.edit([{ op: "put", shape: tidy(withCorner(shape, this.corner, this.#clamped([x + dx, y + dy]))) }]);
    } else if (shape && shape.kind !== "fixed") {
      this.edit([{ op: "put", shape: moved(shape, dx, dy, this.view.image) }]);
    }
    this.onChange();
  }

  // Tab: through the marks; with a mark, C goes through its corners.
  /** @param {number} by */
  step(by) {
    const ids = this.shapes.map((shape) => shape.id);
    if (ids.length === 0) return;
    const now = this.selected === null ? -1 : ids.indexOf(this.selected);
    const next = now < 0 ? (by > 0 ? 0 : ids.length - 1) : (now + by + ids.length) % ids.length;
    this.tool = "select";
    this.select(ids[next]);
    const shape = this.selectedShape;
    if (shape) this.view.reveal(corners(shape)[0]);
  }

  nextCorner() {
    const shape = this.selectedShape;
    if (!shape || shape.kind === "fixed") return;
    this.corner = (this.corner + 1) % corners(shape).length;
    this.view.reveal(corners(shape)[this.corner]);
    this.onChange();
  }
}
