/** @import { Search } from "../../types/answers.d.ts" */
import { Chart } from "../canvas/chart.js";
import { dataOf } from "../model/calls.js";
import { at, element, perhaps } from "../model/elements.js";
import { bestSoFar, frontOf, pointsOf } from "../model/trials.js";

/** @type {{ search: Search }} */
const { search } = dataOf("about");
/** @type {(name: string) => string} */
const spaced = (name) => name.replaceAll("_", " ");
const BLUE = "#3d8bfd";
const RED = "#e8523f";
const AGAIN_MS = 15000;

const pareto = perhaps("front", HTMLCanvasElement);
if (pareto) {
  const { all, front } = frontOf(search.trials, search.best.map(({ number }) => number), search.objectives);
  new Chart(pareto).set([{ name: "trials", color: BLUE, points: all, dots: true }, { name: "Pareto front", color: RED, points: front }], { fractions: true });
}

const chart = new Chart(at("trials", HTMLCanvasElement));
const objective = at("objective", HTMLSelectElement);
const parameter = at("key", HTMLSelectElement);
const logarithm = at("logarithm", HTMLInputElement);
const numeric = search.parameters.filter((key) => search.trials.some((trial) => typeof trial.parameters[key] === "number"));
objective.append(...search.objectives.map(({ metric }) => element("option", { value: metric, textContent: spaced(metric) })));
parameter.append(element("option", { value: "", textContent: "trials" }), ...numeric.map((key) => element("option", { value: key, textContent: spaced(key.split(".").at(-1) ?? key) })));

function show() {
  const { value: metric } = objective;
  const { value: key } = parameter;
  const points = pointsOf(search.trials, key, metric, key !== "" && logarithm.checked);
  logarithm.disabled = key === "";
  const direction = search.objectives.find((each) => each.metric === metric)?.direction;
  chart.set([
    { name: spaced(metric), color: BLUE, points, dots: true },
    ...(key === "" ? [{ name: "best so far", color: RED, points: bestSoFar(points, direction) }] : []),
  ], { fractions: key !== "" });
}

for (const control of [objective, parameter, logarithm]) control.addEventListener("change", show);
show();
if (["running", "exporting"].includes(search.state)) setTimeout(() => location.reload(), AGAIN_MS);
document.documentElement.dataset.ready = "yes";
