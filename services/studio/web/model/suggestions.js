// What a model says of an image, as a list that is accepted one by one or whole: the browser's side of child/proposals.py.
// Pure.
/**
 * @import { Annotations, Proposal, Suggestion } from "../../types/annotation.d.ts"
 * @import { ProposedLabel, ProposedMark, ProposedScore } from "../../types/annotation.d.ts"
 * @typedef {{ classNames: string[], makeId: () => string, oneLabel: boolean }} Options
 */
import { bounds, overlap } from "./geometry.js";

const THERE = 0.9; // of two bounds, from which on a mark of the class counts as the one that is proposed

// Each: {id, confidence, words, ops, shape}; `shape` only of marks, `confidence` null where the model gives none.
/** @type {(answer: Suggestion, options: Options) => Proposal[]} */
export function proposalsOf(answer, { classNames, makeId, oneLabel }) {
  /** @type {(label: number) => string} */
  const nameOf = (label) => classNames[label - 1];
  /** @type {ProposedMark[]} */
  const marks = answer.shapes.map(({ kind, label, points, confidence, note }) => {
    const shape = { id: makeId(), kind, label, points };
    return { id: shape.id, confidence, shape, words: nameOf(label), note, ops: () => [{ op: "put", shape }] };
  });
  /** @type {ProposedLabel[]} */
  const labels = (answer.labels ?? []).map(([label, confidence]) => ({
    id: makeId(), confidence, label, words: nameOf(label), note: "",
    ops: ({ labels: now }) => [{ op: "labels", labels: oneLabel ? [label] : [...new Set([...(now ?? []), label])] }],
  }));
  /** @type {ProposedScore[]} */
  const scores = Object.entries(answer.scores ?? {}).map(([name, value]) => ({
    id: makeId(), confidence: null, name, value, words: `${name} ${Number(value.toPrecision(4))}`, note: "",
    ops: () => [{ op: "score", name, value }],
  }));
  return [...marks, ...labels, ...scores];
}

// Whether the document says it already.
/** @type {(proposal: Proposal, document: Annotations) => boolean} */
export function isThere(proposal, document) {
  if ("label" in proposal) return (document.labels ?? []).includes(proposal.label);
  if ("name" in proposal) return document.scores[proposal.name] === proposal.value;
  return [...document.shapes.values()].some((shape) => shape.label === proposal.shape.label
    && overlap(bounds(shape), bounds(proposal.shape)) >= THERE);
}

/** @type {(confidence: number | null) => string} */
export const percent = (confidence) => (confidence === null ? "" : `${Math.floor(confidence * 100)} %`);
