import { Chart } from "../canvas/chart.js";
import { dataOf } from "../model/calls.js";
import { element } from "../model/elements.js";
import { bestSoFar, frontOf, pointsOf } from "../model/trials.js";

const { search } = dataOf("about");
const at = (id) => document.getElementById(id);
const spaced = (name) => name.replaceAll("_", " ");
const BLUE = "#3d8bfd";
const RED = "#e8523f";
const AGAIN_MS = 15000;

if (at("front")) {
  const { all, front } = frontOf(search.trials, search.best.map(({ number }) => number), search.objectives);
  new Chart(at("front")).set([{ name: "trials", color: BLUE, points: all, dots: true }, { name: "Pareto front", color: RED, points: front }], { fractions: true });
}

const chart = new Chart(at("trials"));
const numeric = search.parameters.filter((key) => search.trials.some((trial) => typeof trial.parameters[key] === "number"));
at("objective").append(...search.objectives.map(({ metric }) => element("option", { value: metric, textContent: spaced(metric) })));
at("key").append(element("option", { value: "", textContent: "trials" }), ...numeric.map((key) => element("option", { value: key, textContent: spaced(key.split(".").at(-1)) })));

function show() {
  const { value: metric } = at("objective");
  const { value: key } = at("key");
  const points = pointsOf(search.trials, key, metric, key !== "" && at("logarithm").checked);
  at("logarithm").disabled = key === "";
  const { direction } = search.objectives.find((each) => each.metric === metric) ?? {};
  chart.set([
    { name: spaced(metric), color: BLUE, points, dots: true },
    ...(key === "" ? [{ name: "best so far", color: RED, points: bestSoFar(points, direction) }] : []),
  ], { fractions: key !== "" });
}

for (const id of ["objective", "key", "logarithm"]) at(id).addEventListener("change", show);
show();
if (["running", "exporting"].includes(search.state)) setTimeout(() => location.reload(), AGAIN_MS);
document.documentElement.dataset.ready = "yes";
