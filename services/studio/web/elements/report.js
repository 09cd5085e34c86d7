// A finished run's report: metrics beside those of trivial predictors, curves, matrices, tables, and what went wrong.
/** @import { Diagram, Matrix, MetricRow, Report, WorstImage } from "../../types/answers.d.ts" */
import { PALETTE } from "../canvas/drawing.js";
import { Chart, short } from "../canvas/chart.js";
import { part } from "../model/calls.js";
import { at, element } from "../model/elements.js";
import { figure, spaced, table } from "./table.js";


const OFF_DIAGONAL = ["reliability", "roc", "scatter"];

/** @type {(report: Report, runId: string) => void} */
export function showReport(report, runId) {
  at("report").hidden = false;
  at("report-images").textContent = ["training", "validation", "test"]
    .filter((name) => report.images[name]).map((name) => `${report.images[name]} ${name}`).join(", ");
  at("said").replaceChildren(...report.said.map((words, index) => element("li", {
    className: index === 0 && report.fit_for_use !== null ? (report.fit_for_use ? "good" : "warning") : "", textContent: words,
  })));
  at("metric-table").replaceChildren(metrics(report.metrics));
  at("diagrams").replaceChildren(...report.diagrams.map(diagram));
  at("matrices").replaceChildren(...report.matrices.map(matrix));
  at("tables").replaceChildren(...report.tables.map((each) => element("section", { className: "panel" },
    element("h2", { textContent: each.title }),
    element("div", { className: "scroll" }, table(each.columns.map(spaced), each.rows, { caption: each.title })))));
  at("worst-panel").hidden = report.worst.length === 0;
  at("error-name").textContent = report.error_name ? `by ${report.error_name}` : "";
  at("worst").replaceChildren(...report.worst.map((row) => worst(row, report, runId)));
}

/** @type {(rows: MetricRow[]) => HTMLElement} */
function metrics(rows) {
  /** @type {(row: MetricRow) => string} */
  const interval = ({ lower, upper }) => (lower === null || lower === undefined ? "" : `${figure(lower)} to ${figure(upper)}`);
  return table(
    ["Metric", "Validation", "95 % interval", "Best trivial predictor", "Test", ""],
    rows.map((row) => [spaced(row.name), row.validation, interval(row), row.trivial, row.test, row.larger_is_better ? "larger is better" : "smaller is better"]),
    { marked: (index) => rows[index].purpose, caption: "Metrics" });
}

/** @type {(each: Diagram) => HTMLElement} */
function diagram(each) {
  const canvas = element("canvas", { className: "chart", role: "img", ariaLabel: `${each.title}: ${each.y_name} over ${each.x_name}` });
  const panel = element("section", { className: "panel" },
    element("h2", {}, each.title, " ", element("small", { textContent: `${each.y_name} over ${each.x_name}` })), canvas);
  new Chart(canvas).set(
    each.series.map((series, index) => ({ name: series.name, color: PALETTE[(index + 1) % PALETTE.length], points: series.points })),
    { square: each.square, diagonal: OFF_DIAGONAL.includes(each.kind), dots: each.kind === "scatter" });
  return panel;
}

/** @type {(each: Matrix) => HTMLElement} */
function matrix({ title, real, found, counts }) {
  const rows = counts.map((row, index) => {
    const total = Math.max(1, row.reduce((sum, count) => sum + count, 0));
    return element("tr", {}, element("th", { scope: "row", textContent: real[index] }), ...row.map((count, column) => {
      const share = count / total;
      const cell = element("td", { textContent: count ? short(count) : "", className: share > 0.55 ? "strong" : "",
        title: `${real[index]} found as ${found[column]}: ${Math.round(100 * share)} %` });
      cell.style.setProperty("--share", `${Math.round(100 * share)}%`);
      return cell;
    }));
  });
  return element("section", { className: "panel" }, element("h2", {}, "Confusion ", element("small", { textContent: `of ${title}; rows are real, columns what was found` })),
    element("div", { className: "scroll" }, element("table", { className: "data matrix" },
      element("thead", {}, element("tr", {}, element("th", {}), ...found.map((name) => element("th", { scope: "col", textContent: name })))),
      element("tbody", {}, ...rows))));
}

/** @type {(row: WorstImage, report: Report, runId: string) => HTMLElement} */
function worst({ image, image_id: id, error, text, picture }, report, runId) {
  const source = picture ? `/api/runs/${part(runId)}/report/${part(picture)}`
    : id ? `/api/datasets/${part(report.dataset_id)}/images/${id}/thumbnail.jpg` : "";
  const inside = [
    source ? element("img", { src: source, alt: `${image} with what was found`, loading: "lazy" }) : null,
    element("span", { textContent: `${figure(error)} · ${text}` }),
    element("span", { textContent: id ? `Annotate ${image}` : image }),
  ];
  return element("li", {}, id ? element("a", { href: `/datasets/${part(report.dataset_id)}/annotate/${id}` }, ...inside) : element("div", {}, ...inside));
}
