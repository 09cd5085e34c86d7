// Wiring of the page that annotates one image.
/**
 * @import { Point } from "../../types/annotation.d.ts"
 * @import { Opened } from "../../types/annotator.d.ts"
 * @import { AnnotatorPage, ImageRow } from "../../types/answers.d.ts"
 */
import { ready } from "../model/ready.js";
import { Scene } from "../canvas/scene.js";
import { View } from "../canvas/view.js";
import { call, dataOf, part } from "../model/calls.js";
import { allWithin, at, notice, perhaps, within, wordsOf } from "../model/elements.js";
import { Live } from "../model/live.js";
import { Saver } from "../model/saver.js";
import { MiniMap } from "../canvas/minimap.js";
import { stripCutter } from "../canvas/strips.js";
import { Agreement } from "./agreement.js";
import { Checker } from "./checker.js";
import { Editor } from "./editor.js";
import { Images } from "./images.js";
import { Lights } from "./lights.js";
import { KeyTable } from "./key_table.js";
import { digitOf, rowOf } from "./keys.js";
import { Looks } from "./looks.js";
import { Panel } from "./panel.js";
import { Suggester } from "./suggester.js";

/** @type {AnnotatorPage} */
const about = dataOf("about");
const stage = at("stage");
const where = at("where");
const view = new View(1, 1);
const MAGNET = "annotate-magnet";
const WHERE_MS = 80;
let current = about.image_id;
let isOpen = false; // whether an image has been shown: nothing is drawn before
let scheduled = false;
let drawnAt = "";
/** @type {Saver | null} */
let shown = null; // of the image that is open
/** @type {Point | null} */
let pointed = null;
let telling = 0;
/** @type {Panel | null} */
let panel = null;
/** @type {Suggester | null} */
let suggester = null;
const lights = new Lights({ place: at("light"), view, onPicture: (picture) => { scene.open(picture); redraw(); } });
const editor = new Editor({ view, canEdit: about.can_edit, onChange: changed, onMove: redraw });
const looks = new Looks({ onChange: () => { scene.forget(); redraw(); } });
const scene = new Scene({
  elements: { picture: at("picture", HTMLCanvasElement), marks: at("marks", HTMLCanvasElement), cross: at("cross") },
  editor, looks, onSettled: redraw,
});
const miniMap = new MiniMap({ place: at("minimap"), view, onMove: redraw });
const checker = new Checker({ about, editor, view, words: at("beside"), onFlags: redraw });
const agreement = new Agreement({ about, editor, onSettled: (opened) => images.refresh(opened) });

function draw() {
  scheduled = false;
  scene.draw(view);
  const place = [view.x, view.y, view.scale, view.screen.width, view.screen.height].join();
  if (place !== drawnAt) miniMap.show();
  drawnAt = place;
  checker.place();
  if (pointed && !telling) telling = setTimeout(tellWhere, WHERE_MS);
}

// Of what a frame costs, words that change are much.
function tellWhere() {
  telling = 0;
  if (!pointed) return;
  const [x, y] = view.toImage(pointed);
  where.textContent = `${x.toFixed(1)}, ${y.toFixed(1)} px · ${Math.round(view.scale * 100)} %`;
}

function redraw() {
  if (scheduled || !isOpen) return;
  scheduled = true;
  requestAnimationFrame(draw);
}

/** @param {string} state @param {string} words */
function showState(state, words) {
  const saved = at("saved");
  saved.className = state;
  saved.textContent = words;
}

function changed() {
  if (!isOpen) return;
  panel?.show();
  suggester?.show();
  for (const button of allWithin(document, "[data-tool]", HTMLElement)) {
    button.setAttribute("aria-pressed", String(button.dataset.tool === editor.tool));
  }
  redraw();
}

/** @param {boolean} isOn */
function setMagnet(isOn) {
  editor.magnet = isOn;
  localStorage.setItem(MAGNET, isOn ? "on" : "off");
  perhaps("magnet")?.setAttribute("aria-pressed", String(isOn));
}

/** @param {number} by */
function leave(by) {
  return go(about.image_ids[about.image_ids.indexOf(current) + by]);
}

/** @type {Record<string, (event?: KeyboardEvent) => unknown>} */
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
  finding: (event) => checker.step(event?.shiftKey ? -1 : 1),
  suggest: () => suggester?.suggest(),
  "accept-all": () => suggester?.acceptAll(),
  next: () => leave(1),
  previous: () => leave(-1),
};

function listenToPointer() {
  /** @type {Point | null} */
  let panning = null;
  /** @type {DOMRect | null} */
  let frame = null; // where the stage is: to ask with each move would have the page laid out each time
  for (const type of ["pointerenter", "pointerdown", "wheel"]) stage.addEventListener(type, () => { frame = null; }, { capture: true, passive: true });
  /** @type {(event: MouseEvent) => Point} */
  const pointOf = (event) => {
    frame ??= stage.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  };
  stage.addEventListener("pointerdown", (event) => {
    stage.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    const point = pointOf(event);
    if (event.button === 1 || event.button === 2 || !editor.press(view.toImage(point))) panning = point;
    event.preventDefault();
  });
  stage.addEventListener("pointermove", (event) => {
    const point = pointOf(event);
    pointed = point;
    if (panning) {
      view.pan(point[0] - panning[0], point[1] - panning[1]);
      panning = point;
      redraw();
    } else editor.move(view.toImage(point));
  });
  stage.addEventListener("pointerup", (event) => {
    if (panning) panning = null;
    else editor.release(view.toImage(pointOf(event)), { free: event.altKey });
  });
  stage.addEventListener("dblclick", () => editor.finish());
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    view.zoom(Math.exp(-event.deltaY / 500), pointOf(event));
    redraw();
  }, { passive: false });
}

/** @type {(tool: string) => boolean} */
const isThere = (tool) => (tool === "magnet" ? about.magnet : tool === "light" ? lights.count > 1 : about.tools.includes(tool));

function listenToKeys() {
  const keyTable = new KeyTable({ place: at("keys"), plain: at("plain-keys") });
  document.addEventListener("keydown", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (target?.closest("input, select, textarea")) return;
    if (keyTable.take(event)) {
      event.preventDefault();
      return;
    }
    if (target?.closest("button, a, summary") && (event.key === " " || event.key === "Enter")) return;
    const digit = digitOf(event);
    const row = rowOf(event, keyTable.changes);
    if (digit) panel?.choose(digit);
    else if (!row || (row.tool && !isThere(row.tool))) return;
    else if (row.command) commands[row.command](event);
    else row.run?.(editor, event);
    event.preventDefault();
  });
}

// Image after image on one page: the tools stay, and the next is fetched while one looks at this one.
const images = new Images({ datasetId: about.dataset_id, own: about.own, onTile: (picture, region) => {
  if (picture !== scene.picture) return;
  scene.refresh(region);
  miniMap.forget();
  redraw();
} });

/** @param {Opened} opened */
function show(opened) {
  const { image, picture, address } = opened;
  isOpen = true;
  current = image.image_id;
  view.open(image);
  const saver = opened.saver ?? new Saver({
    key: `${address}${about.own}`,
    kept: images.edits,
    opened,
    send: (batch) => call("POST", `${address}/operations${about.own}`, batch),
    reopen: () => call("GET", `${address}/document${about.own}`),
    missing: (since) => call("GET", `${address}/operations?since=${since}`),
    onDocument: () => { if (editor.saver && editor.saver === opened.saver) changed(); },
    onState: (state, words) => {
      if (current === image.image_id) showState(state, words);
      else if (state === "failed") notice(`${image.path}: ${words}`, "bad");
    },
  });
  opened.saver = saver;
  editor.open(saver);
  shown = saver;
  live?.watchImage(image.image_id);
  scene.open(picture);
  miniMap.open(picture);
  lights.open(opened.lights);
  suggester?.open(address);
  checker.open(address, saver);
  agreement.open(opened);
  saver.onSaved = (ops) => {
    checker.edited(saver, ops);
    if (ops.some(({ op }) => op === "review")) agreement.settled(opened);
  };
  drawnAt = "";
  if (about.magnet) images.whole(opened).then((whole) => { if (current === image.image_id) editor.cut = stripCutter(whole, view.image); }, () => {});
  tellImage(image, saver);
  changed();
}

// Others edit the shared document alone.
const live = about.own ? null : new Live({
  onEdit: ({ image_id: id, revision }) => { if (id === current) shown?.hear(revision); },
  onTrouble: (words) => notice(words, "bad"),
});

/** @param {ImageRow} image @param {Saver} saver */
function tellImage({ image_id: id, path }, saver) {
  const number = about.image_ids.indexOf(id) + 1;
  document.title = `${path} · ${about.dataset_id}`;
  within(document, ".position").textContent = `${number} of ${about.image_ids.length}`;
  const name = within(document, ".status .name");
  name.textContent = name.title = path;
  stage.setAttribute("aria-label", `Image ${path}; keys are listed beside it`);
  if (saver.pending.length === 0) showState("", "Saved");
}

/** @type {(id: number | undefined, options?: { isBack?: boolean }) => Promise<void>} */
async function go(id, { isBack = false } = {}) {
  if (id === undefined || id === current) return;
  try {
    const opened = await images.open(id);
    if (!isBack) history.pushState({ id }, "", `/datasets/${part(about.dataset_id)}/annotate/${id}${about.own}`);
    show(opened);
    images.refresh(opened);
  } catch (error) {
    notice(wordsOf(error), "bad");
    return;
  }
  prefetch();
}

function prefetch() {
  const place = about.image_ids.indexOf(current);
  images.keep([about.image_ids[place - 1], current, about.image_ids[place + 1]].filter((id) => id !== undefined));
  const next = about.image_ids[place + 1];
  if (next !== undefined) images.prefetch(next, view, { isWhole: about.magnet });
}

async function start() {
  await images.begin();
  const opened = await images.open(about.image_id);
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
  perhaps("magnet")?.setAttribute("aria-pressed", String(editor.magnet));
  at("loading").hidden = true;
  new ResizeObserver(() => {
    view.resize(stage.clientWidth, stage.clientHeight);
    redraw();
  }).observe(stage);
  for (const button of allWithin(document, "[data-tool]", HTMLElement)) {
    const { tool = "select" } = button.dataset;
    button.addEventListener("click", () => { editor.choose(tool); stage.focus(); });
  }
  for (const button of allWithin(document, "[data-command]", HTMLElement)) {
    const { command = "" } = button.dataset;
    button.addEventListener("click", () => commands[command]());
  }
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
