// How marks look, at rest and in the hand.
/**
 * @import { Point, ProposedMark, Region, Severity, Shape, Stroke } from "../../types/annotation.d.ts"
 * @import { Moving, Resting, Tool } from "../../types/drawing.d.ts"
 * @import { View } from "./view.js"
 * @typedef {CanvasRenderingContext2D} Context
 */
import { bounds, corners } from "../model/geometry.js";
import { stroke } from "./brush.js";
import { percent } from "../model/suggestions.js";

const HANDLE_GAP_PX = 9;
const MOST_EXACT = 12; // corners of an outline that is drawn with every one of them
const SEEN_PX = 1;
const EDGE_PX = 12; // how far a line or the ring of a point goes beyond its middle, and more
export const PROPOSAL_EDGE_PX = 80; // with the words beside it
export const HANDLE_PX = 12;
export const FLAG_PX = 20; // how far a flag, or a handle, goes beyond its mark
/** @type {Record<Severity, string>} */
const FLAG_COLORS = { error: "#c62828", warning: "#8a5a00", info: "#45505f" };
export const STROKE_ALPHA = 0.45;
const BRUSHES = ["brush", "eraser"];

export const PALETTE = ["#e8523f", "#3d8bfd", "#2bab63", "#d99a00", "#a05ce0", "#0fa3a3", "#e0559b", "#7c8a00", "#b5651d", "#5f6fe8", "#36a2c4", "#8f8f8f"];
/** @type {(label: number) => string} */
export const colorOf = (label) => PALETTE[(label - 1) % PALETTE.length];

// Marks that nobody moves: drawn once, with the picture; the chosen ones above the others.
/** @type {(context: Context, view: View, resting: Resting, region: Region) => void} */
export function drawResting(context, view, { shapes, proposals, chosen, corner, proposed, flags }, [x0, y0, x1, y1]) {
  /** @type {(shape: Shape, more: number) => boolean} */
  const isIn = (shape, more) => {
    const [left, top, right, bottom] = bounds(shape);
    return right + more >= x0 && left - more <= x1 && bottom + more >= y0 && top - more <= y1;
  };
  const [edge, wider] = [EDGE_PX / view.scale, PROPOSAL_EDGE_PX / view.scale];
  for (const each of proposals) if (each !== proposed && isIn(each.shape, wider)) drawProposal(context, view, each, false);
  for (const shape of shapes) if (shape !== chosen && isIn(shape, edge)) drawShape(context, view, shape, false, -1);
  if (proposed && isIn(proposed.shape, wider)) drawProposal(context, view, proposed, true);
  if (chosen && isIn(chosen, HANDLE_PX / view.scale)) drawShape(context, view, chosen, true, corner);
  if (flags.size === 0) return;
  for (const shape of shapes) {
    const flag = flags.get(shape.id);
    if (flag && isIn(shape, FLAG_PX / view.scale)) drawFlag(context, view, shape, flag);
  }
}

// Where the rules find something about a mark: at its upper right corner.
/** @type {(context: Context, view: View, shape: Shape, flag: { severity: Severity }) => void} */
function drawFlag(context, view, shape, { severity }) {
  const [, top, right] = bounds(shape);
  const [x, y] = view.toScreen([right, top]);
  context.beginPath();
  context.arc(x + 9, y - 9, 9, 0, 2 * Math.PI);
  inked(context, FLAG_COLORS[severity], "#fff");
  context.font = "700 13px system-ui, sans-serif";
  context.textAlign = "center";
  context.fillStyle = "#fff";
  context.fillText("!", x + 9, y - 4.5);
  context.textAlign = "start";
}

// What is under way: drawn anew with each frame.
/** @type {(context: Context, view: View, moving: Moving, tool: Tool) => void} */
export function drawMoving(context, view, { shape, draft, cursor }, { corner, label, tool, brush }) {
  if (shape) drawShape(context, view, shape, true, corner);
  if (draft.length > 0) drawDraft(context, view, draft, cursor, colorOf(label));
  if (cursor && brush !== null && BRUSHES.includes(tool)) drawBrush(context, view, cursor, brush);
}

// The box of the stage that drawMoving draws within; null where there is nothing to draw.
/** @type {(view: View, moving: Moving, tool: Pick<Tool, "tool" | "brush">) => Region | null} */
export function boxOf(view, { shape, painting, draft, cursor }, { tool, brush }) {
  /** @type {Region[]} */
  const boxes = [];
  /** @type {(points: Point[], more: number) => void} */
  const around = (points, more) => {
    const xs = points.map(([x]) => x);
    const ys = points.map(([, y]) => y);
    const [left, top] = view.toScreen([Math.min(...xs), Math.min(...ys)]);
    const [right, bottom] = view.toScreen([Math.max(...xs), Math.max(...ys)]);
    boxes.push([left - more, top - more, right + more, bottom + more]);
  };
  if (shape) around(corners(shape), HANDLE_PX);
  if (draft.length > 0) around(cursor ? [...draft, cursor] : draft, HANDLE_PX);
  if (painting) around(painting.points, painting.radius * view.scale + 2);
  else if (cursor && brush !== null && BRUSHES.includes(tool)) around([cursor], brush * view.scale + 4);
  if (boxes.length === 0) return null;
  return boxes.reduce(([left, top, right, bottom], [x0, y0, x1, y1]) => (
    [Math.min(left, x0), Math.min(top, y0), Math.max(right, x1), Math.max(bottom, y1)]));
}

/** @type {(context: Context, view: View, points: Point[], close: boolean) => void} */
function trace(context, view, points, close) {
  context.beginPath();
  const isLong = points.length > MOST_EXACT;
  let [lastX, lastY] = [Infinity, Infinity];
  for (const point of points) {
    const [x, y] = view.toScreen(point);
    // Corners nearer than what is seen are left out, of what is drawn alone.
    if (isLong && Math.abs(x - lastX) + Math.abs(y - lastY) < SEEN_PX) continue;
    if (lastX === Infinity) context.moveTo(x, y);
    else context.lineTo(x, y);
    [lastX, lastY] = [x, y];
  }
  if (close) context.closePath();
}

/** @type {(context: Context, view: View, shape: Shape, isSelected: boolean, corner: number) => void} */
function drawShape(context, view, shape, isSelected, corner) {
  const color = colorOf(shape.label);
  if (shape.kind === "point") {
    drawPoint(context, view, [shape.points[0], shape.points[1]], color, isSelected);
    return;
  }
  const ring = corners(shape);
  trace(context, view, ring, true);
  context.globalAlpha = isSelected ? 0.22 : 0.1;
  context.fillStyle = color;
  context.fill();
  context.globalAlpha = 1;
  context.setLineDash(shape.kind === "fixed" ? [6, 4] : []);
  context.lineWidth = isSelected ? 4.5 : 3.5;
  context.strokeStyle = "#0009";
  context.stroke();
  context.lineWidth = isSelected ? 2.5 : 1.5;
  context.strokeStyle = color;
  context.stroke();
  context.setLineDash([]);
  if (isSelected && shape.kind !== "fixed") drawHandles(context, view, ring, color, corner);
}

// A ring around the place and a dot on it, as large at any zoom.
/** @type {(context: Context, view: View, point: Point, color: string, isSelected: boolean) => void} */
function drawPoint(context, view, point, color, isSelected) {
  const [x, y] = view.toScreen(point);
  /** @type {[ink: string, lineWidth: number][]} */
  const rings = [["#000a", 4.5], ["#fff", 3], [color, isSelected ? 3 : 2]];
  for (const [ink, lineWidth] of rings) {
    context.beginPath();
    context.arc(x, y, isSelected ? 9 : 7, 0, 2 * Math.PI);
    context.lineWidth = lineWidth;
    context.strokeStyle = ink;
    context.stroke();
  }
  context.beginPath();
  context.arc(x, y, 2, 0, 2 * Math.PI);
  context.fillStyle = color;
  context.fill();
}

// A draft of a model: dashed on white, with its confidence.
/** @type {(context: Context, view: View, proposal: ProposedMark, isChosen: boolean) => void} */
function drawProposal(context, view, { shape, confidence, from }, isChosen) {
  const color = colorOf(shape.label);
  const ring = corners(shape);
  trace(context, view, ring, true);
  context.globalAlpha = isChosen ? 0.25 : 0.06;
  context.fillStyle = color;
  context.fill();
  context.globalAlpha = 1;
  context.lineWidth = isChosen ? 5 : 4;
  context.strokeStyle = "#fffd";
  context.stroke();
  context.setLineDash([9, 6]);
  context.lineWidth = isChosen ? 3.5 : 2.5;
  context.strokeStyle = color;
  context.stroke();
  context.setLineDash([]);
  if (isChosen) drawHandles(context, view, ring, color, -1);
  const [x, y] = view.toScreen(ring.reduce((best, point) => (point[0] + point[1] < best[0] + best[1] ? point : best)));
  const words = from ?? percent(confidence);
  context.font = "600 13px system-ui, sans-serif";
  context.fillStyle = color;
  context.fillRect(x, y - 20, context.measureText(words).width + 10, 19);
  context.fillStyle = "#fff";
  context.fillText(words, x + 5, y - 6);
}

// Of corners that lie on each other one; a painted outline has thousands of them.
/** @type {(context: Context, view: View, ring: Point[], color: string, chosen: number) => void} */
function drawHandles(context, view, ring, color, chosen) {
  context.beginPath();
  let [lastX, lastY] = [Infinity, Infinity];
  for (const point of ring) {
    const [x, y] = view.toScreen(point);
    if (Math.abs(x - lastX) + Math.abs(y - lastY) < HANDLE_GAP_PX || !isInSight(view, x, y)) continue;
    context.moveTo(x + 5, y);
    context.arc(x, y, 5, 0, 2 * Math.PI);
    [lastX, lastY] = [x, y];
  }
  inked(context, "#fff", color);
  if (!ring[chosen]) return;
  const [x, y] = view.toScreen(ring[chosen]);
  context.beginPath();
  context.arc(x, y, 7, 0, 2 * Math.PI);
  inked(context, color, "#fff");
}

/** @type {(view: View, x: number, y: number) => boolean} */
function isInSight({ screen }, x, y) {
  return x > -HANDLE_PX && y > -HANDLE_PX && x < screen.width + HANDLE_PX && y < screen.height + HANDLE_PX;
}

/** @type {(context: Context, fill: string, stroke: string) => void} */
function inked(context, fill, stroke) {
  context.fillStyle = fill;
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = stroke;
  context.stroke();
}

/** @type {(context: Context, view: View, draft: Point[], cursor: Point | null, color: string) => void} */
function drawDraft(context, view, draft, cursor, color) {
  trace(context, view, cursor ? [...draft, cursor] : draft, false);
  context.lineWidth = 2;
  context.strokeStyle = color;
  context.setLineDash([5, 4]);
  context.stroke();
  context.setLineDash([]);
  drawHandles(context, view, draft, color, -1);
}

// Of a stroke what begins at a point, opaque: its end shows where the brush is.
/** @type {(context: Context, view: View, stroke: Stroke, tool: Pick<Tool, "tool" | "label">, from: number) => void} */
export function drawStroke(context, view, { points, radius }, { tool, label }, from) {
  context.strokeStyle = tool === "eraser" ? "#ffffff" : colorOf(label);
  stroke(context, points.slice(from).map((point) => view.toScreen(point)), radius * view.scale);
}

/** @type {(context: Context, view: View, cursor: Point, radius: number) => void} */
function drawBrush(context, view, cursor, radius) {
  const [x, y] = view.toScreen(cursor);
  /** @type {[color: string, lineWidth: number][]} */
  const rings = [["#000a", 3], ["#fff", 1.5]];
  for (const [color, lineWidth] of rings) {
    context.beginPath();
    context.arc(x, y, Math.max(radius * view.scale, 1), 0, 2 * Math.PI);
    context.strokeStyle = color;
    context.lineWidth = lineWidth;
    context.stroke();
  }
}
