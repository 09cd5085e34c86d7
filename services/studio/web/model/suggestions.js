// What a model says of an image, as a list that is accepted one by one or whole: the browser's side of child/proposals.py.
// Pure.
import { bounds, overlap } from "./geometry.js";

const THERE = 0.9; // of two bounds, from which on a mark of the class counts as the one that is proposed

// Each: {id, confidence, words, ops, shape}; `shape` only of marks, `confidence` null where the model gives none.
export function proposalsOf(answer, { classNames, makeId, oneLabel }) {
  const nameOf = (label) => classNames[label - 1];
  const marks = answer.shapes.map(({ kind, label, points, confidence, note }) => {
    const shape = { id: makeId(), kind, label, points };
    return { id: shape.id, confidence, shape, words: nameOf(label), note, ops: () => [{ op: "put", shape }] };
  });
  const labels = (answer.labels ?? []).map(([label, confidence]) => ({
    id: makeId(), confidence, label, words: nameOf(label), note: "",
    ops: ({ labels: now }) => [{ op: "labels", labels: oneLabel ? [label] : [...new Set([...(now ?? []), label])] }],
  }));
  const scores = Object.entries(answer.scores ?? {}).map(([name, value]) => ({
    id: makeId(), confidence: null, name, value, words: `${name} ${Number(value.toPrecision(4))}`, note: "",
    ops: () => [{ op: "score", name, value }],
  }));
  return [...marks, ...labels, ...scores];
}

// Whether the document says it already.
export function isThere(proposal, document) {
  if (proposal.label) return (document.labels ?? []).includes(proposal.label);
  if (proposal.name) return document.scores[proposal.name] === proposal.value;
  return [...document.shapes.values()].some((shape) => shape.label === proposal.shape.label
    && overlap(bounds(shape), bounds(proposal.shape)) >= THERE);
}

export const percent = (confidence) => (confidence === null ? "" : `${Math.floor(confidence * 100)} %`);
