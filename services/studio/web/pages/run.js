import { Chart } from "../canvas/chart.js";
import { StepCurves } from "../canvas/step_curves.js";
import { call, dataOf, part } from "../model/calls.js";
import { element, notice } from "../model/elements.js";
import { Live } from "../model/live.js";
import { showReport } from "../elements/report.js";

const { reference } = dataOf("about");
const charts = Object.fromEntries(["metrics", "epochs", "loading"].map((id) => [id, new Chart(document.getElementById(id))]));
const metric = document.getElementById("metric");
let shown = null;

const at = (id) => document.getElementById(id);
const left = (run) => minutes(run.eta_s) + (run.eta_high_s ? ` (${minutes(run.eta_low_s)} to ${minutes(run.eta_high_s)})` : "");
const minutes = (seconds) => (seconds >= 90 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds)} s`);

function figure(name, value) {
  return value === "" || value === null || value === undefined ? null : element("div", {}, element("span", { textContent: name }), element("strong", { textContent: value }));
}

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
    figure("CPU", run.hardware.cpu_percent != null ? `${Math.round(run.hardware.cpu_percent)} %` : ""),
    figure("Attempt", run.attempt > 1 ? run.attempt : ""),
  ].filter(Boolean));
}

function showCurves(run) {
  const names = [...new Set(run.epochs.flatMap((epoch) => Object.keys(epoch.metrics)))];
  if (metric.options.length !== names.length) metric.replaceChildren(...names.map((name) => element("option", { textContent: name, value: name })));
  charts.metrics.set([{ name: metric.value, color: "#2bab63", points: run.epochs.map((epoch) => [epoch.epoch, epoch.metrics[metric.value] ?? null]) }]);
  charts.loading.set([{ name: "share", color: "#d99a00", points: run.epochs.map((epoch) => [epoch.epoch, epoch.loading_share === null ? null : 100 * epoch.loading_share]) }]);
  charts.epochs.set([
    { name: "training", color: "#3d8bfd", points: run.epochs.map((epoch) => [epoch.epoch, epoch.train_loss]) },
    { name: "validation", color: "#e8523f", points: run.epochs.map((epoch) => [epoch.epoch, epoch.val_loss]) },
  ]);
}

function showModel(run) {
  at("model-panel").hidden = run.artifacts.length === 0;
  at("fitness").textContent = run.fit_for_use === null ? "" : `${run.fit_for_use ? "Fit" : "Not fit"} for use: ${run.fit_for_use_reason}`;
  at("artifacts").replaceChildren(...run.artifacts.map((each) => element("li", {},
    element("a", { href: `/api/runs/${part(run.run_id)}/artifacts/${part(each.name)}`, download: "", textContent: each.name }),
    ` ${each.format} ${each.size_bytes ? `· ${(each.size_bytes / 1e6).toFixed(1)} MB` : ""} · SHA-256 ${each.sha256.slice(0, 12)}…`)));
}

// The monitor keeps the extremes of the whole run; while it trains they are asked for anew, at most every REFRESH_MS.
const REFRESH_MS = 3000;
const steps = new StepCurves(at("batch"), { onZoom: (range) => { at("whole").disabled = range === null; } });
let askedAtStep = -1;
let askedAt = -Infinity;
let later = null;
document.addEventListener("visibilitychange", () => { if (shown) showSteps(shown); });
at("whole").addEventListener("click", () => steps.zoom(null));
at("logarithmic").addEventListener("change", () => steps.setLogarithmic(at("logarithmic").checked));
steps.setLogarithmic(at("logarithmic").checked);

// By the steps at which curves were NaN or infinite: most often that is so of a loss and of its parts at once.
function undefinedWords(curves) {
  const names = new Map();
  for (const { name, undefined_at: at } of curves) {
    if (at.length === 0) continue;
    const where = `${at.slice(0, 8).join(", ")}${at.length > 8 ? ", …" : ""}`;
    names.set(where, [...(names.get(where) ?? []), name]);
  }
  return [...names].map(([where, all]) => element("li", { className: "error", textContent: `NaN or infinite at step ${where}: ${all.join(", ")}` }));
}

async function showSteps(run) {
  if (!run.step || run.step === askedAtStep || document.hidden) return;
  const wait = run.ended ? 0 : askedAt + REFRESH_MS - performance.now();
  if (wait > 0) {
    later ??= setTimeout(() => { later = null; showSteps(shown); }, wait);
    return;
  }
  askedAtStep = run.step;
  askedAt = performance.now();
  try {
    const { curves } = await call("GET", `/api/runs/${part(run.run_id)}/curves`);
    at("batch-panel").hidden = curves.length === 0;
    const span = Math.max(0, ...curves.map((curve) => curve.bucket_steps));
    at("batch-words").textContent = span > 1 ? `smallest and largest of every ${span} steps` : "";
    at("undefined").replaceChildren(...undefinedWords(curves));
    steps.set(curves);
  } catch (error) {
    askedAtStep = -1;
    if (error.status !== 404) notice(error.message, "bad");
  }
}

// Reports are written at a run's end: it is looked for whenever the state has changed.
let asked = "";

async function askForReport(run) {
  if (!run.run_id || run.state === asked || ["UNSPECIFIED", "QUEUED", "TRAINING"].includes(run.state)) return;
  asked = run.state;
  try {
    showReport(await call("GET", `/api/runs/${part(run.run_id)}/report`), run.run_id);
  } catch (error) {
    if (error.status !== 404) notice(error.message, "bad");
  }
}

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
  showSteps(run);
  askForReport(run);
  at("findings-panel").hidden = run.findings.length + run.alerts.length === 0;
  at("findings").replaceChildren(
    ...run.alerts.map((alert) => element("li", { className: alert.severity === "critical" ? "error" : "warning", textContent: `${alert.rule}: ${alert.message}` })),
    ...run.findings.map((each) => element("li", { className: each.severity, textContent: `${each.rule}: ${each.message} ${each.location}` })));
  if (at("steer")) {
    at("steer").hidden = run.ended;
    at("steer").querySelector("[data-verb=pause]").hidden = !["QUEUED", "TRAINING"].includes(run.state);
    at("steer").querySelector("[data-verb=resume]").hidden = run.state !== "PAUSED";
  }
}

metric.addEventListener("change", () => showCurves(shown));
for (const button of document.querySelectorAll("[data-verb]")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await call("POST", `/api/runs/${part(shown.run_id)}/${button.dataset.verb}`, { reason: "asked for in the studio" });
      notice(`${button.textContent}: asked for`);
    } catch (error) {
      notice(error.message, "bad");
    }
    button.disabled = false;
  });
}
new Live(show, (text) => { at("trouble").textContent = text; at("trouble").hidden = false; }).watch([reference]);
