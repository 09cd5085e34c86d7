// The table of keys. Each row: what is pressed, what it does, and its words for the list beside the image.

/**
 * @import { KeyChanges } from "../../types/annotator.d.ts"
 * @import { Editor } from "./editor.js"
 * @typedef {(editor: Editor, event: KeyboardEvent) => unknown} Run
 * @typedef {{
 *   keys: string[], words?: string, show?: string, ctrl?: boolean, tool?: string, run?: Run, command?: string,
 * }} Row `tool`: only where the page has it; `command`: of the page, else `run` of the editor
 * @typedef {Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey">} Pressed
 */

/** @type {(dx: number, dy: number) => Run} */
const arrow = (dx, dy) => (editor, event) => editor.nudge(dx * (event.shiftKey ? 10 : event.altKey ? 0.1 : 1), dy * (event.shiftKey ? 10 : event.altKey ? 0.1 : 1));

/** @type {Row[]} */
export const KEYS = [
  { keys: ["v"], words: "Select", run: (editor) => editor.choose("select") },
  { keys: ["b"], words: "Box", tool: "box", run: (editor) => editor.choose("box") },
  { keys: ["q"], words: "Quadrilateral", tool: "quad", run: (editor) => editor.choose("quad") },
  { keys: ["p"], words: "Polygon", tool: "polygon", run: (editor) => editor.choose("polygon") },
  { keys: ["o"], words: "Point", tool: "point", run: (editor) => editor.choose("point") },
  { keys: ["r"], words: "Brush: paints damage", tool: "brush", run: (editor) => editor.choose("brush") },
  { keys: ["e"], words: "Eraser", tool: "eraser", run: (editor) => editor.choose("eraser") },
  { keys: ["["], words: "Smaller brush", tool: "brush", run: (editor) => editor.resizeBrush(0.8) },
  { keys: ["]"], words: "Larger brush", tool: "brush", run: (editor) => editor.resizeBrush(1.25) },
  { keys: ["ArrowLeft"], run: arrow(-1, 0) },
  { keys: ["ArrowRight"], run: arrow(1, 0) },
  { keys: ["ArrowUp"], run: arrow(0, -1) },
  { keys: ["ArrowDown"], words: "Move cursor, mark or corner by 1 px; Shift 10, Alt 0.1", show: "← → ↑ ↓", run: arrow(0, 1) },
  { keys: [" "], words: "Set a corner at the cursor", show: "Space", run: (editor) => editor.cursor && editor.place(editor.cursor) },
  { keys: ["Enter"], words: "Finish the polygon; accept the proposal that is chosen", run: (editor) => editor.finish() },
  { keys: ["n"], words: "Next mark (Shift: before)", run: (editor, event) => editor.step(event.shiftKey ? -1 : 1) },
  { keys: ["c"], words: "Next corner of the mark", run: (editor) => editor.nextCorner() },
  { keys: ["Delete", "Backspace"], words: "Remove the mark, or the last corner", show: "Del", run: (editor) => editor.remove() },
  { keys: ["Escape"], words: "Give up what is drawn; deselect", show: "Esc", run: (editor) => editor.cancel() },
  { keys: ["z"], ctrl: true, words: "Undo (Shift: redo)", show: "Ctrl+Z", run: (editor, event) => (event.shiftKey ? editor.redo() : editor.undo()) },
  { keys: ["y"], ctrl: true, run: (editor) => editor.redo() },
  { keys: ["w"], words: "What is wrong: next finding of the rules (Shift: before)", command: "finding" },
  { keys: ["m"], words: "Magnet: sides that are dragged go to the image's edges (Alt: not this time)", tool: "magnet", command: "magnet" },
  { keys: ["s"], words: "The quadrilateral onto the edges near it", tool: "magnet", run: (editor) => editor.snapSelected() },
  { keys: ["k"], words: "Next channel: colour, red, green, blue, lightness", command: "channel" },
  { keys: ["l"], words: "Next light of the object (Shift: before)", tool: "light", command: "light" },
  { keys: ["g"], words: "Suggestions of the model", command: "suggest" },
  { keys: ["a"], words: "Accept all that are suggested", command: "accept-all" },
  { keys: ["f"], words: "Whole image", command: "fit" },
  { keys: ["+", "="], words: "Zoom in", show: "+", command: "zoom-in" },
  { keys: ["-"], words: "Zoom out", command: "zoom-out" },
  { keys: ["PageDown"], words: "Next image", command: "next" },
  { keys: ["PageUp"], words: "Image before", command: "previous" },
];

/** @type {(event: Pressed, changes?: KeyChanges) => Row | undefined} */
export function rowOf(event, changes = {}) {
  const ctrl = event.ctrlKey || event.metaKey;
  return KEYS.find((row) => Boolean(row.ctrl) === ctrl && keysOf(row, changes).some((key) => key.toLowerCase() === event.key.toLowerCase()));
}

// The keys of a row: its own, or the one that somebody gave it. `changes`: by the row's first key, what it is now.
/** @type {(row: Row, changes: KeyChanges) => string[]} */
export const keysOf = (row, changes) => (row.keys[0] in changes ? [changes[row.keys[0]]] : row.keys);

/** @type {(row: Row) => boolean} */
export const canChange = (row) => !row.ctrl && row.keys[0].length === 1 && row.keys[0] !== " ";

// The changes with one more; where another row has the key already the two are exchanged. Null of a key that stays what
// it is: digits, arrows and what a browser needs itself.
/** @type {(changes: KeyChanges, row: Row, key: string) => KeyChanges | null} */
export function withKey(changes, row, key) {
  if (key.length !== 1 || key === " " || /[0-9]/.test(key)) return null;
  const wanted = key.toLowerCase();
  const after = { ...changes };
  const other = KEYS.find((each) => !each.ctrl && each !== row && keysOf(each, changes).includes(wanted));
  if (other && !canChange(other)) return null;
  if (other) after[other.keys[0]] = keysOf(row, changes)[0];
  after[row.keys[0]] = wanted;
  for (const [own, now] of Object.entries(after)) if (own === now) delete after[own];
  return after;
}

/** @type {(event: Pressed) => number} */
export function digitOf(event) {
  return !event.ctrlKey && !event.metaKey && /^[0-9]$/.test(event.key) ? (Number(event.key) + 9) % 10 + 1 : 0;
}
