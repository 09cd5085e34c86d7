// The picture on one canvas, the marks on another above it: a mark that moves redraws no picture.
import { corners } from "../model/geometry.js";
import { stroke } from "./brush.js";
import { percent } from "../model/suggestions.js";

const MOST_HANDLES = 200;

export const PALETTE = ["#e8523f", "#3d8bfd", "#2bab63", "#d99a00", "#a05ce0", "#0fa3a3", "#e0559b", "#7c8a00", "#b5651d", "#5f6fe8", "#36a2c4", "#8f8f8f"];
export const colorOf = (label) => PALETTE[(label - 1) % PALETTE.length];

export function drawPicture(canvas, view, image) {
  const context = prepared(canvas, view);
  context.imageSmoothingEnabled = view.scale < 3;
  context.imageSmoothingQuality = "high";
  context.drawImage(image, view.x, view.y, view.image.width * view.scale, view.image.height * view.scale);
}

export function drawMarks(canvas, view, { shapes, selected, corner, draft, cursor, label, shownProposals, proposed, tool, brush, stroke: painting }) {
  const context = prepared(canvas, view);
  for (const each of shownProposals) if (each.shape) drawProposal(context, view, each, each.id === proposed);
  for (const shape of shapes) drawShape(context, view, shape, shape.id === selected, corner);
  if (draft.length > 0) drawDraft(context, view, draft, cursor, colorOf(label));
  if (painting) drawStroke(context, view, painting, tool === "eraser" ? "#ffffff" : colorOf(label));
  if (cursor && ["brush", "eraser"].includes(tool)) drawBrush(context, view, cursor, brush);
  else if (cursor) drawCursor(context, view, cursor);
}

function prepared(canvas, view) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(view.screen.width * ratio);
  const height = Math.round(view.screen.height * ratio);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, view.screen.width, view.screen.height);
  return context;
}

function trace(context, view, points, close) {
  context.beginPath();
  points.forEach((point, index) => {
    const [x, y] = view.toScreen(point);
    if (index === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  });
  if (close) context.closePath();
}

function drawShape(context, view, shape, isSelected, corner) {
  const color = colorOf(shape.label);
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
  if (isSelected && shape.kind !== "fixed") ring.forEach((point, index) => drawHandle(context, view, point, color, index === corner));
}

// A draft of a model: dashed on white, with its confidence.
function drawProposal(context, view, { shape, confidence }, isChosen) {
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
  if (isChosen && ring.length <= MOST_HANDLES) for (const point of ring) drawHandle(context, view, point, color, false);
  const [x, y] = view.toScreen(ring.reduce((best, point) => (point[0] + point[1] < best[0] + best[1] ? point : best)));
  const words = percent(confidence);
  context.font = "600 13px system-ui, sans-serif";
  context.fillStyle = color;
  context.fillRect(x, y - 20, context.measureText(words).width + 10, 19);
  context.fillStyle = "#fff";
  context.fillText(words, x + 5, y - 6);
}

function drawHandle(context, view, point, color, isChosen) {
  const [x, y] = view.toScreen(point);
  context.beginPath();
  context.arc(x, y, isChosen ? 7 : 5, 0, 2 * Math.PI);
  context.fillStyle = isChosen ? color : "#fff";
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = isChosen ? "#fff" : color;
  context.stroke();
}

function drawDraft(context, view, draft, cursor, color) {
  trace(context, view, cursor ? [...draft, cursor] : draft, false);
  context.lineWidth = 2;
  context.strokeStyle = color;
  context.setLineDash([5, 4]);
  context.stroke();
  context.setLineDash([]);
  for (const point of draft) drawHandle(context, view, point, color, false);
}

function drawStroke(context, view, { points, radius }, color) {
  context.globalAlpha = 0.45;
  context.strokeStyle = color;
  stroke(context, points.map((point) => view.toScreen(point)), radius * view.scale);
  context.globalAlpha = 1;
}

function drawBrush(context, view, cursor, radius) {
  const [x, y] = view.toScreen(cursor);
  for (const [color, lineWidth] of [["#000a", 3], ["#fff", 1.5]]) {
    context.beginPath();
    context.arc(x, y, Math.max(radius * view.scale, 1), 0, 2 * Math.PI);
    context.strokeStyle = color;
    context.lineWidth = lineWidth;
    context.stroke();
  }
}

function drawCursor(context, view, cursor) {
  const [x, y] = view.toScreen(cursor);
  context.lineWidth = 1;
  for (const [color, offset] of [["#000a", 1], ["#fffc", 0]]) {
    context.strokeStyle = color;
    context.beginPath();
    context.moveTo(x + offset, 0);
    context.lineTo(x + offset, view.screen.height);
    context.moveTo(0, y + offset);
    context.lineTo(view.screen.width, y + offset);
    context.globalAlpha = 0.35;
    context.stroke();
    context.globalAlpha = 1;
  }
}
