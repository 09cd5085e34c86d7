// Curves over the optimiser steps, or over time, one beside the other with one cursor and one zoom, drawn by uPlot
// (web/vendor).
/**
 * @import { Curve } from "../../types/drawing.d.ts"
 * @import { Axis, Columns, Options, Plot, Series } from "../../types/uplot.d.ts"
 * @typedef {{ title: string, curves: Curve[] }} Group
 * @typedef {{ title: string, holds: (name: string, curve: Curve) => boolean }} KnownGroup
 * @typedef {[first: number, last: number]} Range
 */
import { PALETTE } from "./drawing.js";
import { short } from "./chart.js";
import { element } from "../model/elements.js";

const HEIGHT = 210;
const DAY_S = 86_400;

// What belongs together shares axes; what is of no group has axes of its own.
/** @type {KnownGroup[]} */
const TRAINING = [
  { title: "Training loss", holds: (name) => name === "loss" },
  { title: "Parts of the loss", holds: (name) => name.startsWith("loss.") },
  { title: "Learning rate", holds: (name) => name === "learning_rate" },
  { title: "Norm of the gradient", holds: (name) => name === "gradient_norm" },
  { title: "Images per second", holds: (name) => name === "images_per_second" },
];

/** @type {(curves: Curve[], known?: KnownGroup[]) => Group[]} */
export function grouped(curves, known = TRAINING) {
  const groups = known.map(({ title, holds }) => ({ title, curves: curves.filter((curve) => holds(curve.name, curve)) }));
  const others = curves.filter((curve) => !known.some(({ holds }) => holds(curve.name, curve)));
  return [...groups, ...others.map((curve) => ({ title: curve.name.replaceAll("_", " "), curves: [curve] }))]
    .filter((group) => group.curves.some(({ points }) => points.length > 0));
}

// Points of several curves as uPlot wants them: all steps once, and for each curve its value there or null.
/** @type {(curves: Curve[]) => Columns} */
export function joined(curves) {
  const steps = [...new Set(curves.flatMap(({ points }) => points.map(([step]) => step)))].sort((a, b) => a - b);
  const columns = curves.map(({ points }) => {
    const values = new Map(points);
    return steps.map((step) => values.get(step) ?? null);
  });
  return [steps, ...columns];
}

/** @type {(at: number) => string} */
const utc = (at) => new Date(1000 * at).toISOString().replace("T", " ").slice(0, 19);

// As short as the ticks beside it allow.
/** @type {(at: number, splits: number[]) => string} */
function moment(at, splits) {
  const text = utc(at);
  const step = splits.length > 1 ? splits[1] - splits[0] : 1;
  if (step >= DAY_S) return text.slice(5, 10);
  return splits[splits.length - 1] - splits[0] > DAY_S ? text.slice(5, 16) : text.slice(11, step < 60 ? 19 : 16);
}

export class StepCurves {
  // `isTime`: x are seconds since 1970 and not steps.
  /**
   * @param {HTMLElement} place
   * @param {{ onZoom: (range: Range | null) => void, groups?: KnownGroup[], isTime?: boolean }} given
   */
  constructor(place, { onZoom, groups = TRAINING, isTime = false }) {
    this.place = place;
    this.onZoom = onZoom;
    this.groups = groups;
    this.isTime = isTime;
    /** @type {Map<string, { plot: Plot, panel: HTMLElement, names: string }>} */
    this.plots = new Map(); // by title
    /** @type {Range | null} */
    this.range = null; // [first, last] step; null for the whole run
    /** @type {Curve[]} */
    this.curves = [];
    this.isLogarithmic = false; // of losses above 0
    new ResizeObserver(() => this.#fit()).observe(place);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#redraw());
  }

  /** @param {Curve[]} curves */
  set(curves) {
    this.curves = curves;
    const groups = grouped(curves, this.groups);
    for (const group of groups) {
      const known = this.plots.get(group.title);
      const names = group.curves.map(({ name }) => name).join();
      if (known?.names === names) known.plot.setData(joined(group.curves), false);
      else this.#make(group, names);
    }
    this.zoom(this.range);
  }

  /** @param {boolean} isLogarithmic */
  setLogarithmic(isLogarithmic) {
    this.isLogarithmic = isLogarithmic;
    for (const { panel } of this.plots.values()) panel.remove();
    this.plots.clear();
    this.set(this.curves);
  }

  // To steps [first, last]; null for the whole run.
  /** @param {Range | null} range */
  zoom(range) {
    this.range = range;
    for (const { plot } of this.plots.values()) {
      const [steps] = plot.data;
      const [min, max] = range ?? [steps[0], steps[steps.length - 1]];
      plot.setScale("x", { min, max: max > min ? max : min + 1 }); // of one step alone uPlot would draw ticks without end
    }
    this.onZoom(range);
  }

  /** @type {(group: Group, names: string) => void} */
  #make(group, names) {
    this.plots.get(group.title)?.panel.remove();
    const holder = element("div", { className: "curve" });
    const panel = element("section", { role: "group", ariaLabel: group.title }, element("h3", { textContent: group.title }), holder);
    this.place.append(panel);
    const plot = new window.uPlot(this.#options(group), joined(group.curves), holder);
    this.plots.set(group.title, { plot, panel, names });
  }

  /** @type {(group: Group) => Options} */
  #options(group) {
    const ink = () => getComputedStyle(this.place).color;
    const grid = { stroke: () => getComputedStyle(this.place).borderColor, width: 1 };
    /** @type {Axis} */
    const axis = { stroke: ink, grid, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    /** @type {Axis} */
    const values = {
      ...axis, size: 62, values: (_plot, splits) => splits.map((value) => (value === null ? "" : short(value))),
    };
    /** @type {Series} */
    const moments = { label: "UTC", value: (_plot, at) => (at === null || at === undefined ? "—" : utc(at)) };
    /** @type {(curve: Curve, index: number) => Series} */
    const series = ({ name }, index) => ({
      label: name.replace("loss.", "").replaceAll("_", " "), stroke: PALETTE[(index + 1) % PALETTE.length],
      width: 2, spanGaps: true,
      value: (_plot, value) => (value === null || value === undefined ? "—" : short(value)),
    });
    return {
      width: this.#width(), height: HEIGHT,
      cursor: { sync: { key: this.place.id }, drag: { x: true, y: false, setScale: false } },
      scales: { x: { time: this.isTime }, y: this.#isLogarithmic(group) ? { distr: 3 } : {} },
      tzDate: (at) => window.uPlot.tzDate(new Date(1000 * at), "Etc/UTC"),
      axes: [this.isTime ? { ...axis, values: (_plot, splits) => splits.map((at) => moment(at, splits)) } : { ...axis }, values],
      series: [this.isTime ? moments : { label: "step" }, ...group.curves.map(series)],
      hooks: { setSelect: [(plot) => this.#selected(plot)] },
    };
  }

  /** @type {(group: Group) => boolean} */
  #isLogarithmic({ title, curves }) {
    return this.isLogarithmic && /loss/i.test(title) && curves.every(({ points }) => points.every(([, value]) => value > 0));
  }

  /** @param {Plot} plot */
  #selected(plot) {
    const { left, width } = plot.select;
    if (width < 4) return;
    const [first, last] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.zoom([first, last]);
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
