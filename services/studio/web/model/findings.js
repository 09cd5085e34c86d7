// Findings of the rules as the page keeps them: {rule, severity, message, mend, shape}; shape "" of the image as a whole.
// Pure.
/** @import { Finding, Flag, Operation } from "../../types/annotation.d.ts" */

const WEIGHTS = ["error", "warning", "info"];

// Marks that the operations changed; what is deleted has no findings.
/** @type {(ops: Operation[]) => string[]} */
export const touchedBy = (ops) => ops.filter((each) => each.op === "put" || each.op === "delete")
  .map((each) => (each.op === "put" ? each.shape.id : each.id));

// Of an answer about some marks only what is said of them is new; one about the whole image (touched null) replaces all.
/** @type {(before: Finding[], found: Finding[], touched: string[] | null) => Finding[]} */
export function merged(before, found, touched) {
  if (touched === null) return found;
  const kept = before.filter((each) => !touched.includes(each.shape));
  return [...kept, ...found].sort((a, b) => WEIGHTS.indexOf(a.severity) - WEIGHTS.indexOf(b.severity));
}

// By mark, what stands beside it: its worst severity (findings come errors first), what that says, and how many more there are.
/** @type {(findings: Finding[]) => Map<string, Flag>} */
export function flagsOf(findings) {
  /** @type {Map<string, Flag>} */
  const flags = new Map();
  for (const { shape, severity, message } of findings) {
    if (shape === "") continue;
    const { first, more } = flags.get(shape) ?? { first: { severity, message }, more: -1 };
    const words = more < 0 ? message : `${first.message} (and ${more + 1} more)`;
    flags.set(shape, { severity: first.severity, words, first, more: more + 1 });
  }
  return flags;
}
