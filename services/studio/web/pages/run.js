/** @import { HardwareCurve, Report, Run, SentCurve } from "../../types/answers.d.ts" */
import { Chart } from "../canvas/chart.js";
import { StepCurves } from "../canvas/step_curves.js";
import { Refused, call, dataOf, part } from "../model/calls.js";
import { allWithin, at, element, notice, perhaps, within, wordsOf } from "../model/elements.js";
import { Live } from "../model/live.js";
import { showHardware } from "../elements/hardware.js";
import { HardwareCurves } from "../elements/hardware_curves.js";
import { showReport } from "../elements/report.js";

/** @type {{ reference: string }} */
const { reference } = dataOf("about");
/** @type {(id: string) => Chart} */
const chart = (id) => new Chart(at(id, HTMLCanvasElement));
const charts = { metrics: chart("metrics"), epochs: chart("epochs"), waiting: chart("waiting") };
const metric = at("metric", HTMLSelectElement);
const logarithmic = at("logarithmic", HTMLInputElement);
/** @type {Run | null} */
let shown = null;

/** @type {(run: Run) => string} */
const left = (run) => minutes(run.eta_s) + (run.eta_high_s ? ` (${minutes(run.eta_low_s)} to ${minutes(run.eta_high_s)})` : "");
/** @type {(seconds: number | null) => string} */
const minutes = (seconds) => {
  if (seconds === null) return "—";
  return seconds >= 90 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds)} s`;
};

/** @type {(name: string, value: string | number | null) => HTMLElement | null} */
function figure(name, value) {
  if (value === "" || value === null) return null;
  return element("div", {}, element("span", { textContent: name }), element("strong", { textContent: String(value) }));
}

/** @param {Run} run */
function showFigures(run) {
  const progress = run.progress.total ? `${run.progress.stage} ${run.progress.done} of ${run.progress.total}` : "";
  at("figures").replaceChildren(...[
    figure("Epoch", run.total_epochs ? `${run.epoch} of ${run.total_epochs}` : ""),
    figure("Step", run.total_steps ? `${run.step} of ${run.total_steps}` : ""),
    figure("Best epoch", run.best_epoch || ""),
    figure("Images per second", run.images_per_second ? run.images_per_second.toFixed(1) : ""),
    figure("Left", run.eta_s && !run.ended ? left(run) : ""),
    figure("Validation", progress),
    figure("Host", run.host),
    figure("Device", run.device),
    figure("CPU", typeof run.hardware.cpu_percent === "number" && !run.ended ? `${Math.round(run.hardware.cpu_percent)} %` : ""),
    figure("Attempt", run.attempt > 1 ? run.attempt : ""),
  ].filter((each) => each !== null));
}

/** @param {Run} run */
function showCurves(run) {
  const reported = new Set(run.epochs.flatMap((epoch) => Object.keys(epoch.metrics)));
  const names = [...new Set([...run.purpose_metrics.filter((name) => reported.has(name)), ...reported])]; // what it is for comes first
  if (metric.options.length !== names.length) metric.replaceChildren(...names.map((name) => element("option", { textContent: name, value: name })));
  charts.metrics.set([{ name: metric.value, color: "#2bab63", points: run.epochs.map((epoch) => [epoch.epoch, epoch.metrics[metric.value] ?? null]) }]);
  charts.waiting.set([{ name: "share", color: "#d99a00", points: run.epochs.map((epoch) => [epoch.epoch, epoch.loading_share === null ? null : 100 * epoch.loading_share]) }]);
  charts.epochs.set([
    { name: "training", color: "#3d8bfd", points: run.epochs.map((epoch) => [epoch.epoch, epoch.train_loss]) },
    { name: "validation", color: "#e8523f", points: run.epochs.map((epoch) => [epoch.epoch, epoch.val_loss]) },
  ]);
}

/** @param {Run} run */
function showModel(run) {
  at("model-panel").hidden = run.artifacts.length === 0;
  at("fitness").textContent = run.fit_for_use === null ? "" : `${run.fit_for_use ? "Fit" : "Not fit"} for use: ${run.fit_for_use_reason}`;
  at("artifacts").replaceChildren(...run.artifacts.map((each) => element("li", {},
    element("a", { href: `/api/runs/${part(run.run_id)}/artifacts/${part(each.name)}`, download: "", textContent: each.name }),
    ` ${each.format} ${each.size_bytes ? `· ${(each.size_bytes / 1e6).toFixed(1)} MB` : ""} · SHA-256 ${each.sha256.slice(0, 12)}…`)));
}

// The monitor keeps the extremes of the whole run; while it trains they are asked for anew, at most every REFRESH_MS.
const REFRESH_MS = 3000;
const whole = at("whole", HTMLButtonElement);
const steps = new StepCurves(at("batch"), { onZoom: (range) => { whole.disabled = range === null; } });
let askedAtStep = -1;
let askedAt = -Infinity;
/** @type {number | null} */
let later = null;
document.addEventListener("visibilitychange", () => {
  if (!shown) return;
  showSteps(shown);
  showHardwareCurves(shown);
});
whole.addEventListener("click", () => steps.zoom(null));
logarithmic.addEventListener("change", () => steps.setLogarithmic(logarithmic.checked));
steps.setLogarithmic(logarithmic.checked);

// By the steps at which curves were NaN or infinite: most often that is so of a loss and of its parts at once.
/** @type {(curves: SentCurve[]) => HTMLElement[]} */
function undefinedWords(curves) {
  /** @type {Map<string, string[]>} */
  const names = new Map();
  for (const { name, undefined_at: at } of curves) {
    if (at.length === 0) continue;
    const where = `${at.slice(0, 8).join(", ")}${at.length > 8 ? ", …" : ""}`;
    names.set(where, [...(names.get(where) ?? []), name]);
  }
  return [...names].map(([where, all]) => element("li", { className: "error", textContent: `NaN or infinite at step ${where}: ${all.join(", ")}` }));
}

/** @param {Run} run */
async function showSteps(run) {
  if (!run.step || run.step === askedAtStep || document.hidden) return;
  const wait = run.ended ? 0 : askedAt + REFRESH_MS - performance.now();
  if (wait > 0) {
    later ??= setTimeout(() => { later = null; if (shown) showSteps(shown); }, wait);
    return;
  }
  askedAtStep = run.step;
  askedAt = performance.now();
  try {
    /** @type {{ curves: SentCurve[] }} */
    const { curves } = await call("GET", `/api/runs/${part(run.run_id)}/curves`);
    at("batch-panel").hidden = curves.length === 0;
    const span = Math.max(0, ...curves.map((curve) => curve.bucket_steps));
    at("batch-words").textContent = span > 1 ? `smallest and largest of every ${span} steps` : "";
    at("undefined").replaceChildren(...undefinedWords(curves));
    steps.set(curves);
  } catch (error) {
    askedAtStep = -1;
    noticeUnlessUnknown(error);
  }
}

const hardware = new HardwareCurves(at("hardware-curves"));
let sampledAt = 0;

// Asked for where there is a newer sample, at most every REFRESH_MS of the samples' own time, and at the end.
/** @param {Run} run */
async function showHardwareCurves(run) {
  const newest = run.hardware.sampled_at ?? 0;
  if (document.hidden || newest === sampledAt || (!run.ended && newest < sampledAt + REFRESH_MS / 1000)) return;
  sampledAt = newest;
  try {
    /** @type {{ curves: HardwareCurve[] }} */
    const { curves } = await call("GET", `/api/runs/${part(run.run_id)}/hardware`);
    hardware.set(curves);
  } catch (error) {
    sampledAt = 0;
    noticeUnlessUnknown(error);
  }
}

// Reports are written at a run's end: it is looked for whenever the state has changed.
let asked = "";

/** @param {Run} run */
async function askForReport(run) {
  if (!run.run_id || run.state === asked || ["UNSPECIFIED", "QUEUED", "TRAINING"].includes(run.state)) return;
  asked = run.state;
  try {
    /** @type {Report} */
    const report = await call("GET", `/api/runs/${part(run.run_id)}/report`);
    showReport(report, run.run_id);
  } catch (error) {
    noticeUnlessUnknown(error);
  }
}

// Of what is not there yet nothing is said.
/** @param {unknown} error */
function noticeUnlessUnknown(error) {
  if (!(error instanceof Refused && error.status === 404)) notice(wordsOf(error), "bad");
}

/** @param {Run} run */
function show(run) {
  shown = run;
  document.documentElement.dataset.state = run.state;
  at("trouble").hidden = true;
  at("title").textContent = run.state === "UNSPECIFIED" ? reference : run.run_id;
  at("subtitle").textContent = run.state === "UNSPECIFIED" ? "Not heard of yet" : `${run.dataset_id} ${run.dataset_version} · ${[run.category, run.option, run.architecture].join(" · ").replaceAll("_", " ")}${run.message ? ` · ${run.message}` : ""}`;
  at("state").textContent = run.state.toLowerCase();
  at("state").className = `state ${run.state.toLowerCase()}`;
  showFigures(run);
  showCurves(run);
  showModel(run);
  showHardware(run);
  showHardwareCurves(run);
  showLinks(run);
  showSteps(run);
  askForReport(run);
  at("findings-panel").hidden = run.findings.length + run.alerts.length === 0;
  at("findings").replaceChildren(
    ...run.alerts.map((alert) => element("li", { className: alert.severity === "critical" ? "error" : "warning", textContent: `${alert.rule}: ${alert.message}` })),
    ...run.findings.map((each) => element("li", { className: each.severity, textContent: `${each.rule}: ${each.message} ${each.location}` })));
  const steer = perhaps("steer");
  if (steer) {
    steer.hidden = run.ended;
    within(steer, "[data-verb=pause]").hidden = !["QUEUED", "TRAINING"].includes(run.state);
    within(steer, "[data-verb=resume]").hidden = run.state !== "PAUSED";
  }
}

// What the run was ordered with is at hand once a trainer has taken it, and can be ordered again where its dataset was made here.
let linked = "";

/** @param {Run} run */
async function showLinks(run) {
  if (!run.run_id || linked === run.run_id) return;
  linked = run.run_id;
  const lineage = at("lineage", HTMLAnchorElement);
  lineage.href = `/lineage?of=${part(run.run_id)}`;
  lineage.hidden = false;
  const clone = perhaps("clone", HTMLAnchorElement);
  if (!clone) return;
  /** @type {{ datasets: string[] }} */
  const { datasets } = await call("GET", "/api/datasets");
  clone.href = `/datasets/${part(run.dataset_id)}/train/${part(run.dataset_version)}?from=${part(run.run_id)}`;
  clone.hidden = !datasets.includes(run.dataset_id);
}

metric.addEventListener("change", () => { if (shown) showCurves(shown); });
for (const button of allWithin(document, "[data-verb]", HTMLButtonElement)) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await call("POST", `/api/runs/${part(shown?.run_id ?? "")}/${button.dataset.verb}`, { reason: "asked for in the studio" });
      notice(`${button.textContent}: asked for`);
    } catch (error) {
      notice(wordsOf(error), "bad");
    }
    button.disabled = false;
  });
}
new Live({ onRun: show, onTrouble: (text) => { at("trouble").textContent = text; at("trouble").hidden = false; } }).watch([reference]);
