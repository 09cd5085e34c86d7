// Wiring of the page that annotates one image.
import { ready } from "../model/ready.js";
import { Scene } from "../canvas/scene.js";
import { View } from "../canvas/view.js";
import { call, dataOf, part } from "../model/calls.js";
import { notice } from "../model/elements.js";
import { Saver } from "../model/saver.js";
import { MiniMap } from "../canvas/minimap.js";
import { stripCutter } from "../canvas/strips.js";
import { Editor } from "./editor.js";
import { Images } from "./images.js";
import { Lights } from "./lights.js";
import { KeyTable } from "./key_table.js";
import { digitOf, rowOf } from "./keys.js";
import { Looks } from "./looks.js";
import { Panel } from "./panel.js";
import { Suggester } from "./suggester.js";

const about = dataOf("about");
const stage = document.getElementById("stage");
const where = document.getElementById("where");
const view = new View(1, 1);
let current = about.image_id;
let editor = null;
let panel = null;
let suggester = null;
let miniMap = null;
const lights = new Lights({ place: document.getElementById("light"), view, onPicture: (picture) => { scene.open(picture); redraw(); } });
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
  return go(about.image_ids[about.image_ids.indexOf(current) + by]);
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
  light: (event) => lights.flick(event?.shiftKey ? -1 : 1),
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

const isThere = (tool) => (tool === "magnet" ? about.magnet : tool === "light" ? lights.count > 1 : about.tools.includes(tool));

function listenToKeys() {
  const keyTable = new KeyTable({ place: document.getElementById("keys"), plain: document.getElementById("plain-keys") });
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, textarea")) return;
    if (keyTable.take(event)) {
      event.preventDefault();
      return;
    }
    if (event.target.closest("button, a, summary") && (event.key === " " || event.key === "Enter")) return;
    const digit = digitOf(event);
    const row = rowOf(event, keyTable.changes);
    if (digit) panel.choose(digit);
    else if (!row || (row.tool && !isThere(row.tool))) return;
    else if (row.command) commands[row.command](event);
    else row.run(editor, event);
    event.preventDefault();
  });
}

// Image after image on one page: the tools stay, and the next is fetched while one looks at this one.
const images = new Images({ datasetId: about.dataset_id, onTile: (picture, region) => {
  if (picture !== scene?.picture) return;
  scene.refresh(region);
  miniMap.forget();
  redraw();
} });

function show(opened) {
  const { image, picture, address } = opened;
  current = image.image_id;
  view.open(image);
  opened.saver ??= new Saver({
    key: `edits:${address}`,
    storage: localStorage,
    opened,
    send: (batch) => call("POST", `${address}/operations`, batch),
    reopen: () => call("GET", `${address}/document`),
    onDocument: () => { if (editor.saver && editor.saver === opened.saver) changed(); },
    onState: (state, words) => {
      if (current === image.image_id) showState(state, words);
      else if (state === "failed") notice(`${image.path}: ${words}`, "bad");
    },
  });
  editor.open(opened.saver);
  scene.open(picture);
  miniMap.open(picture);
  lights.open(opened.lights);
  suggester?.open(address);
  drawnAt = "";
  if (about.magnet) images.whole(opened).then((whole) => { if (current === image.image_id) editor.cut = stripCutter(whole, view.image); }, () => {});
  tellImage(image);
  changed();
}

function tellImage({ image_id: id, path }) {
  const number = about.image_ids.indexOf(id) + 1;
  document.title = `${path} · ${about.dataset_id}`;
  document.querySelector(".position").textContent = `${number} of ${about.image_ids.length}`;
  document.querySelector(".status .name").textContent = document.querySelector(".status .name").title = path;
  stage.setAttribute("aria-label", `Image ${path}; keys are listed beside it`);
  if (editor.saver.pending.length === 0) showState("", "Saved");
}

async function go(id, { isBack = false } = {}) {
  if (id === undefined || id === current) return;
  try {
    const opened = await images.open(id);
    if (!isBack) history.pushState({ id }, "", `/datasets/${part(about.dataset_id)}/annotate/${id}`);
    show(opened);
    images.refresh(opened);
  } catch (error) {
    notice(error.message, "bad");
    return;
  }
  prefetch();
}

function prefetch() {
  const at = about.image_ids.indexOf(current);
  images.keep([about.image_ids[at - 1], current, about.image_ids[at + 1]].filter((id) => id !== undefined));
  const next = about.image_ids[at + 1];
  if (next !== undefined) images.prefetch(next, view, { isWhole: about.magnet });
}

async function start() {
  const opened = await images.open(about.image_id);
  editor = new Editor({ view, canEdit: about.can_edit, onChange: changed, onMove: redraw });
  scene = new Scene({
    elements: Object.fromEntries(["picture", "marks", "cross"].map((id) => [id, document.getElementById(id)])),
    editor, looks, onSettled: redraw,
  });
  miniMap = new MiniMap({ place: document.getElementById("minimap"), view, onMove: redraw });
  if (about.can_suggest) suggester = new Suggester({ about, editor });
  view.resize(stage.clientWidth, stage.clientHeight);
  view.open(opened.image);
  view.fit();
  show(opened);
  view.resize(stage.clientWidth, stage.clientHeight); // the bar above may have grown by a button
  view.fit();
  panel = new Panel({ about, editor });
  suggester?.start();
  await opened.picture.load(view, devicePixelRatio);
  if (about.magnet) await images.whole(opened);
  editor.magnet = about.magnet && localStorage.getItem(MAGNET) !== "off";
  document.getElementById("magnet")?.setAttribute("aria-pressed", String(editor.magnet));
  document.getElementById("loading").hidden = true;
  new ResizeObserver(() => {
    view.resize(stage.clientWidth, stage.clientHeight);
    redraw();
  }).observe(stage);
  for (const button of document.querySelectorAll("[data-tool]")) button.addEventListener("click", () => { editor.choose(button.dataset.tool); stage.focus(); });
  for (const button of document.querySelectorAll("[data-command]")) button.addEventListener("click", () => commands[button.dataset.command]());
  listenToPointer();
  listenToKeys();
  if (about.tools.length > 0 && editor.document.shapes.size === 0 && about.can_edit) editor.choose(about.tools[0]);
  changed();
  stage.focus();
  history.replaceState({ id: current }, "");
  window.addEventListener("popstate", (event) => go(event.state?.id, { isBack: true }));
  draw();
  ready();
  prefetch();
}

start();
