// A graph in three columns. Nodes are links in lists, so that they are read and reached without the lines.
/** @import { LineageNode } from "../../types/answers.d.ts" */
import { dataOf } from "../model/calls.js";
import { element, perhaps } from "../model/elements.js";
import { ready } from "../model/ready.js";

/** @type {{ nodes: LineageNode[], edges: [from: string, to: string][] }} */
const { nodes, edges } = dataOf("graph");
const place = perhaps("lineage");
const COLUMNS = [["dataset", "Datasets"], ["run", "Runs"], ["model", "Models"]];
const SVG = "http://www.w3.org/2000/svg";
/** @type {Map<string, HTMLElement>} */
const shown = new Map();

/** @type {(node: LineageNode) => HTMLElement} */
function nodeElement({ id, title, about, href, kind }) {
  const link = element("a", { href, className: `node ${kind}` }, element("strong", { textContent: title }), ...about.map((line) => element("span", { textContent: line })));
  for (const type of ["pointerenter", "focus"]) link.addEventListener(type, () => highlight(id, true));
  for (const type of ["pointerleave", "blur"]) link.addEventListener(type, () => highlight(id, false));
  shown.set(id, link);
  return element("li", {}, link);
}

// All before and all after a node, and no further: what it came of, and what came of it.
/** @type {(id: string) => Set<string>} */
function connected(id) {
  const found = new Set([id]);
  for (const [from, to] of [[0, 1], [1, 0]]) {
    const waiting = [id];
    for (let current = waiting.pop(); current !== undefined; current = waiting.pop()) {
      for (const edge of edges) {
        if (edge[from] === current && !found.has(edge[to])) {
          found.add(edge[to]);
          waiting.push(edge[to]);
        }
      }
    }
  }
  return found;
}

/** @type {(id: string, on: boolean) => void} */
function highlight(id, on) {
  const kept = on ? connected(id) : null;
  for (const [each, link] of shown) link.classList.toggle("aside", kept !== null && !kept.has(each));
  for (const line of place?.querySelectorAll("path") ?? []) {
    const { from = "", to = "" } = line.dataset;
    line.classList.toggle("aside", kept !== null && !(kept.has(from) && kept.has(to)));
  }
}

/** @type {(place: HTMLElement, lines: SVGSVGElement) => void} */
function drawLines(place, lines) {
  const area = place.getBoundingClientRect();
  lines.setAttribute("viewBox", `0 0 ${area.width} ${area.height}`);
  lines.replaceChildren(...edges.flatMap(([from, to]) => {
    const start = shown.get(from)?.getBoundingClientRect(), end = shown.get(to)?.getBoundingClientRect();
    if (!start || !end) return [];
    const [x, y] = [start.right - area.left, start.top + start.height / 2 - area.top];
    const [u, v] = [end.left - area.left, end.top + end.height / 2 - area.top];
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", `M${x},${y} C${(x + u) / 2},${y} ${(x + u) / 2},${v} ${u},${v}`);
    Object.assign(path.dataset, { from, to });
    return [path];
  }));
}

if (place) {
  const lines = document.createElementNS(SVG, "svg");
  lines.setAttribute("aria-hidden", "true");
  place.append(lines, ...COLUMNS.map(([kind, title]) => element("div", {}, element("h2", { textContent: title }),
    element("ul", {}, ...nodes.filter((node) => node.kind === kind).map(nodeElement)))));
  new ResizeObserver(() => drawLines(place, lines)).observe(place);
  drawLines(place, lines);
}
ready();
