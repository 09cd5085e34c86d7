/**
 * @import { ComparedCell, ComparedRun, ComparedRuns, Epoch } from "../../types/answers.d.ts"
 * @import { Line } from "../canvas/chart.js"
 */
import { PALETTE } from "../canvas/drawing.js";
import { Chart } from "../canvas/chart.js";
import { call, dataOf, part } from "../model/calls.js";
import { at, element, wordsOf } from "../model/elements.js";
import { figure, spaced, table } from "../elements/table.js";

/** @type {{ run_ids: string[] }} */
const { run_ids: runIds } = dataOf("about");
/** @type {(id: string) => Chart} */
const chart = (id) => new Chart(at(id, HTMLCanvasElement));
const charts = { metrics: chart("metrics"), epochs: chart("epochs"), training: chart("training"), rate: chart("rate") };

/** @type {(runs: ComparedRun[], index: number) => string} */
const nameOf = (runs, index) => `${index + 1} ${runs[index].architecture.replaceAll("_", " ")}`;

/** @type {(run: ComparedRun, index: number) => HTMLElement} */
function runCell(run, index) {
  const cell = element("span", { className: `run-swatch class-${index % 12}` });
  cell.append(element("a", { href: `/runs/${part(run.run_id)}`, textContent: `${index + 1} · ${run.run_id}` }));
  return cell;
}

/** @type {(cell: ComparedCell | null, isBest: boolean) => HTMLElement} */
function cellOf(cell, isBest) {
  const shown = element("span", { className: isBest ? "best" : "" }, figure(cell?.value));
  if (cell && cell.lower !== null && cell.lower !== undefined) shown.append(element("small", { textContent: `${figure(cell.lower)} to ${figure(cell.upper)}` }));
  return shown;
}

/** @type {(runs: ComparedRun[], metric: string) => void} */
function showCurves(runs, metric) {
  /** @type {(value: (epoch: Partial<Epoch>) => number | null | undefined) => Line[]} */
  const lines = (value) => runs.map((run, index) => ({
    name: nameOf(runs, index), color: PALETTE[index % PALETTE.length], points: run.epochs.map((epoch) => [epoch.epoch, value(epoch) ?? null]),
  }));
  charts.metrics.set(lines((epoch) => epoch.metrics?.[metric]));
  charts.epochs.set(lines((epoch) => epoch.val_loss));
  charts.training.set(lines((epoch) => epoch.train_loss));
  charts.rate.set(lines((epoch) => epoch.learning_rate));
}

/** @param {ComparedRuns} compared */
function show({ runs, parameters, metrics }) {
  const numbers = runs.map((_, index) => `run ${index + 1}`);
  at("runs").replaceChildren(table(["Run", "Dataset", "Architecture", "State", "Best epoch", "Fit for use"], runs.map((run, index) => [
    runCell(run, index), `${run.dataset_id} ${run.dataset_version}`, spaced(run.architecture), run.state.toLowerCase(), run.best_epoch || null,
    run.fit_for_use === null ? null : run.fit_for_use ? "yes" : "no",
  ]), { caption: "Runs" }));
  at("parameters").replaceChildren(parameters.length === 0 ? element("p", { className: "muted", textContent: "None: these runs had the same parameters." })
    : table(["Parameter", ...numbers], parameters.map((row) => [spaced(row.name), ...row.values]), { caption: "Parameters that differ" }));
  at("figures").replaceChildren(metrics.length === 0 ? element("p", { className: "muted", textContent: "No run has a report yet." })
    : table(["Metric", ...numbers], metrics.map((row) => [`${spaced(row.name)} ${row.larger_is_better ? "↑" : "↓"}`,
      ...row.cells.map((cell, index) => cellOf(cell, row.best[index]))]), { marked: (index) => metrics[index].purpose, caption: "Metrics on validation images" }));
  const names = [...new Set(runs.flatMap((run) => run.epochs.flatMap((epoch) => Object.keys(epoch.metrics ?? {}))))].sort();
  const metric = at("metric", HTMLSelectElement);
  metric.replaceChildren(...names.map((name) => element("option", { value: name, textContent: name })));
  metric.value = runs.map((run) => run.primary_metric).find((name) => names.includes(name)) ?? names[0] ?? "";
  metric.addEventListener("change", () => showCurves(runs, metric.value));
  showCurves(runs, metric.value);
  at("comparison").hidden = false;
}

async function start() {
  try {
    show(await call("GET", `/api/compare?${runIds.map((id) => `run=${part(id)}`).join("&")}`));
  } catch (error) {
    at("trouble").textContent = wordsOf(error);
    at("trouble").hidden = false;
  }
  document.documentElement.dataset.ready = "yes";
}

start();
