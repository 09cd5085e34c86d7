// Wiring of the page that annotates one image.
import { ready } from "../model/ready.js";
import { Levels } from "../canvas/levels.js";
import { Scene } from "../canvas/scene.js";
import { View } from "../canvas/view.js";
import { call, dataOf, part } from "../model/calls.js";
import { element } from "../model/elements.js";
import { Saver } from "../model/saver.js";
import { MiniMap } from "../canvas/minimap.js";
import { stripCutter } from "../canvas/strips.js";
import { Editor } from "./editor.js";
import { KEYS, digitOf, rowOf } from "./keys.js";
import { Looks } from "./looks.js";
import { Panel } from "./panel.js";
import { Suggester } from "./suggester.js";

const about = dataOf("about");
const address = `/api/datasets/${part(about.dataset_id)}/images/${about.image_id}`;
const stage = document.getElementById("stage");
const where = document.getElementById("where");
const view = new View(about.width, about.height);
const image = new Image();
let editor = null;
let panel = null;
let suggester = null;
let miniMap = null;
let scene = null;
const looks = new Looks({ onChange: () => { scene?.forget(); redraw(); } });
const MAGNET = "annotate-magnet";
const WHERE_MS = 80;
let scheduled = false;
let drawnAt = "";
let pointed = null;
let telling = 0;

function draw() {
  scheduled = false;
  scene.draw(view);
  const place = [view.x, view.y, view.scale, view.screen.width, view.screen.height].join();
  if (place !== drawnAt) miniMap.show();
  drawnAt = place;
  if (pointed && !telling) telling = setTimeout(tellWhere, WHERE_MS);
}

// Of what a frame costs, words that change are much.
function tellWhere() {
  telling = 0;
  const [x, y] = view.toImage(pointed);
  where.textContent = `${x.toFixed(1)}, ${y.toFixed(1)} px · ${Math.round(view.scale * 100)} %`;
}

function redraw() {
  if (scheduled || !scene) return;
  scheduled = true;
  requestAnimationFrame(draw);
}

function showState(state, words) {
  const saved = document.getElementById("saved");
  saved.className = state;
  saved.textContent = words;
}

function changed() {
  if (!editor) return;
  panel?.show();
  suggester?.show();
  for (const button of document.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", String(button.dataset.tool === editor.tool));
  redraw();
}

function setMagnet(isOn) {
  editor.magnet = isOn;
  localStorage.setItem(MAGNET, isOn ? "on" : "off");
  document.getElementById("magnet")?.setAttribute("aria-pressed", String(isOn));
}

function leave(by) {
  const next = about.image_ids[about.image_ids.indexOf(about.image_id) + by];
  if (next !== undefined) location.assign(`/datasets/${part(about.dataset_id)}/annotate/${next}`);
}

const commands = {
  undo: () => editor.undo(),
  redo: () => editor.redo(),
  fit: () => { view.fit(); redraw(); },
  "zoom-in": () => { view.zoom(1.25); redraw(); },
  "zoom-out": () => { view.zoom(0.8); redraw(); },
  "brush-smaller": () => editor.resizeBrush(0.8),
  "brush-larger": () => editor.resizeBrush(1.25),
  magnet: () => setMagnet(!editor.magnet),
  channel: () => looks.nextChannel(),
  suggest: () => suggester?.suggest(),
  "accept-all": () => suggester?.acceptAll(),
  next: () => leave(1),
  previous: () => leave(-1),
};

function listenToPointer() {
  let panning = null;
  let frame = null; // where the stage is: to ask with each move would have the page laid out each time
  for (const type of ["pointerenter", "pointerdown", "wheel"]) stage.addEventListener(type, () => { frame = null; }, { capture: true, passive: true });
  const at = (event) => {
    frame ??= stage.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  };
  stage.addEventListener("pointerdown", (event) => {
    stage.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    const point = at(event);
    if (event.button === 1 || event.button === 2 || !editor.press(view.toImage(point))) panning = point;
    event.preventDefault();
  });
  stage.addEventListener("pointermove", (event) => {
    const point = at(event);
    pointed = point;
    if (panning) {
      view.pan(point[0] - panning[0], point[1] - panning[1]);
      panning = point;
      redraw();
    } else editor.move(view.toImage(point));
  });
  stage.addEventListener("pointerup", (event) => {
    if (panning) panning = null;
    else editor.release(view.toImage(at(event)), { free: event.altKey });
  });
  stage.addEventListener("dblclick", () => editor.finish());
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    view.zoom(Math.exp(-event.deltaY / 500), at(event));
    redraw();
  }, { passive: false });
}

function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, textarea")) return;
    if (event.target.closest("button, a, summary") && (event.key === " " || event.key === "Enter")) return;
    const digit = digitOf(event);
    const row = rowOf(event);
    if (digit) panel.choose(digit);
    else if (!row || (row.tool && !(row.tool === "magnet" ? about.magnet : about.tools.includes(row.tool)))) return;
    else if (row.command) commands[row.command]();
    else row.run(editor, event);
    event.preventDefault();
  });
  document.getElementById("keys").replaceChildren(...KEYS.filter((row) => row.words).flatMap((row) => [
    element("dt", { textContent: row.show ?? row.keys[0].toUpperCase() }), element("dd", { textContent: row.words }),
  ]));
}

async function start() {
  image.decoding = "async";
  image.src = `${address}/preview.jpg`;
  const saver = new Saver({
    key: `edits:${address}`,
    storage: localStorage,
    opened: await call("GET", `${address}/document`),
    send: (batch) => call("POST", `${address}/operations`, batch),
    reopen: () => call("GET", `${address}/document`),
    onDocument: changed,
    onState: showState,
  });
  editor = new Editor({ view, saver, canEdit: about.can_edit, onChange: changed, onMove: redraw });
  panel = new Panel({ about, editor });
  if (about.can_suggest) {
    suggester = new Suggester({ about, editor, address });
    suggester.start();
  }
  await image.decode();
  editor.cut = stripCutter(image, view.image);
  editor.magnet = about.magnet && localStorage.getItem(MAGNET) !== "off";
  document.getElementById("magnet")?.setAttribute("aria-pressed", String(editor.magnet));
  const picture = new Levels(image, view.image);
  scene = new Scene({
    elements: Object.fromEntries(["picture", "marks", "cross"].map((id) => [id, document.getElementById(id)])),
    editor, looks, picture, onSettled: redraw,
  });
  miniMap = new MiniMap({ place: document.getElementById("minimap"), view, picture, onMove: redraw });
  document.getElementById("loading").hidden = true;
  new ResizeObserver(() => {
    const isFirst = view.screen.width === 1;
    view.resize(stage.clientWidth, stage.clientHeight);
    if (isFirst) view.fit();
    redraw();
  }).observe(stage);
  for (const button of document.querySelectorAll("[data-tool]")) button.addEventListener("click", () => { editor.choose(button.dataset.tool); stage.focus(); });
  for (const button of document.querySelectorAll("[data-command]")) button.addEventListener("click", () => commands[button.dataset.command]());
  listenToPointer();
  listenToKeys();
  if (about.tools.length > 0 && editor.document.shapes.size === 0 && about.can_edit) editor.choose(about.tools[0]);
  changed();
  stage.focus();
  ready();
  const next = about.image_ids[about.image_ids.indexOf(about.image_id) + 1];
  if (next !== undefined) new Image().src = `/api/datasets/${part(about.dataset_id)}/images/${next}/preview.jpg`;
}

start();
