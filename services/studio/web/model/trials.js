// Trials of a search as points: no page, no canvas.

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

// [x, y] of each completed trial: its number or a parameter, against an objective. A parameter that is no number has none.
export function pointsOf(trials, key, metric, logarithm = false) {
  const place = (trial) => (key === "" ? trial.number : trial.parameters[key]);
  return trials
    .filter((trial) => isNumber(trial.values[metric]) && isNumber(place(trial)) && (!logarithm || place(trial) > 0))
    .map((trial) => [logarithm ? Math.log10(place(trial)) : place(trial), trial.values[metric]])
    .sort(([a], [b]) => a - b);
}

// The best value that was known after each trial.
export function bestSoFar(points, direction) {
  let best = null;
  return points.map(([x, y]) => {
    if (best === null || (direction === "minimize" ? y < best : y > best)) best = y;
    return [x, best];
  });
}

// Trials by both objectives: all that completed, and those that no other is better than in both, from left to right.
export function frontOf(trials, best, [first, second]) {
  const point = ({ values }) => [values[first.metric], values[second.metric]];
  const completed = trials.filter(({ values }) => isNumber(values[first.metric]) && isNumber(values[second.metric]));
  return {
    all: completed.map(point).sort(([a], [b]) => a - b),
    front: completed.filter(({ number }) => best.includes(number)).map(point).sort(([a], [b]) => a - b),
  };
}
