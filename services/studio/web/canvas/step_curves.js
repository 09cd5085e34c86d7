// Curves over the optimiser steps, one beside the other with one cursor and one zoom, drawn by uPlot (web/vendor).
import { PALETTE } from "./drawing.js";
import { short } from "./chart.js";
import { element } from "../model/elements.js";

const HEIGHT = 210;
const SYNC = "steps";

// What belongs together shares axes; what is of no group has axes of its own.
const GROUPS = [
  { title: "Training loss", holds: (name) => name === "loss" },
  { title: "Parts of the loss", holds: (name) => name.startsWith("loss.") },
  { title: "Learning rate", holds: (name) => name === "learning_rate" },
  { title: "Norm of the gradient", holds: (name) => name === "gradient_norm" },
  { title: "Images per second", holds: (name) => name === "images_per_second" },
];

export function grouped(curves) {
  const groups = GROUPS.map(({ title, holds }) => ({ title, curves: curves.filter(({ name }) => holds(name)) }));
  const others = curves.filter(({ name }) => !GROUPS.some(({ holds }) => holds(name)));
  return [...groups, ...others.map((curve) => ({ title: curve.name.replaceAll("_", " "), curves: [curve] }))]
    .filter((group) => group.curves.some(({ points }) => points.length > 0));
}

// Points of several curves as uPlot wants them: all steps once, and for each curve its value there or null.
export function joined(curves) {
  const steps = [...new Set(curves.flatMap(({ points }) => points.map(([step]) => step)))].sort((a, b) => a - b);
  const place = new Map(steps.map((step, index) => [step, index]));
  const columns = curves.map(({ points }) => {
    const column = new Array(steps.length).fill(null);
    for (const [step, value] of points) column[place.get(step)] = value;
    return column;
  });
  return [steps, ...columns];
}

export class StepCurves {
  constructor(place, { onZoom }) {
    this.place = place;
    this.onZoom = onZoom;
    this.plots = new Map(); // by title
    this.range = null; // [first, last] step; null for the whole run
    this.curves = [];
    this.isLogarithmic = false; // of losses above 0
    new ResizeObserver(() => this.#fit()).observe(place);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#redraw());
  }

  set(curves) {
    this.curves = curves;
    const groups = grouped(curves);
    for (const group of groups) {
      const known = this.plots.get(group.title);
      const names = group.curves.map(({ name }) => name).join();
      if (known?.names === names) known.plot.setData(joined(group.curves), false);
      else this.#make(group, names);
    }
    this.zoom(this.range);
  }

  setLogarithmic(isLogarithmic) {
    this.isLogarithmic = isLogarithmic;
    for (const { panel } of this.plots.values()) panel.remove();
    this.plots.clear();
    this.set(this.curves);
  }

  // To steps [first, last]; null for the whole run.
  zoom(range) {
    this.range = range;
    for (const { plot } of this.plots.values()) {
      const [steps] = plot.data;
      const [min, max] = range ?? [steps[0], steps.at(-1)];
      plot.setScale("x", { min, max: max > min ? max : min + 1 }); // of one step alone uPlot would draw ticks without end
    }
    this.onZoom(range);
  }

  #make(group, names) {
    this.plots.get(group.title)?.panel.remove();
    const holder = element("div", { className: "curve" });
    const panel = element("section", { role: "group", ariaLabel: group.title }, element("h3", { textContent: group.title }), holder);
    this.place.append(panel);
    const plot = new window.uPlot(this.#options(group), joined(group.curves), holder);
    this.plots.set(group.title, { plot, panel, names });
  }

  #options(group) {
    const ink = () => getComputedStyle(this.place).color;
    const grid = { stroke: () => getComputedStyle(this.place).borderColor, width: 1 };
    const axis = { stroke: ink, grid, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    return {
      width: this.#width(), height: HEIGHT,
      cursor: { sync: { key: SYNC }, drag: { x: true, y: false, setScale: false } },
      scales: { x: { time: false }, y: this.#isLogarithmic(group) ? { distr: 3 } : {} },
      axes: [{ ...axis }, { ...axis, size: 62, values: (_plot, splits) => splits.map((value) => (value === null ? "" : short(value))) }],
      series: [{ label: "step" }, ...group.curves.map(({ name }, index) => ({
        label: name.replace("loss.", "").replaceAll("_", " "), stroke: PALETTE[(index + 1) % PALETTE.length], width: 2, spanGaps: true,
        value: (_plot, value) => (value === null || value === undefined ? "—" : short(value)),
      }))],
      hooks: { setSelect: [(plot) => this.#selected(plot)] },
    };
  }

  #isLogarithmic({ title, curves }) {
    return this.isLogarithmic && /loss/i.test(title) && curves.every(({ points }) => points.every(([, value]) => value > 0));
  }

  #selected(plot) {
    const { left, width } = plot.select;
    if (width < 4) return;
    const range = [left, left + width].map((x) => plot.posToVal(x, "x"));
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.zoom(range);
  }

  #width() {
    const columns = getComputedStyle(this.place).gridTemplateColumns.split(" ");
    return Math.max(200, Math.floor(parseFloat(columns[0]) || this.place.clientWidth));
  }

  #fit() {
    const width = this.#width();
    for (const { plot } of this.plots.values()) if (plot.width !== width) plot.setSize({ width, height: HEIGHT });
  }

  #redraw() {
    for (const { plot } of this.plots.values()) plot.redraw(false, true);
  }
}
