// What is marked on an image, and the operations that change it: the browser's side of drafts/document.py. Pure.

/** @import { Annotations, Operation, SentAnnotations } from "../../types/annotation.d.ts" */

/** @type {(data: SentAnnotations) => Annotations} */
export function fromServer(data) {
  return {
    shapes: new Map(data.shapes.map((shape) => [shape.id, shape])),
    labels: data.labels,
    scores: { ...data.scores },
    review: data.review,
  };
}

/** @type {(document: Annotations, operations: Operation[]) => Annotations} */
export function applied(document, operations) {
  const after = { ...document, shapes: new Map(document.shapes), scores: { ...document.scores } };
  for (const operation of operations) {
    if (operation.op === "put") {
      const before = after.shapes.get(operation.shape.id);
      const shape = before?.fixed ? { ...before, label: operation.shape.label } : operation.shape;
      after.shapes.set(shape.id, shape);
    } else if (operation.op === "delete") after.shapes.delete(operation.id);
    else if (operation.op === "labels") after.labels = operation.labels;
    else if (operation.op === "review") after.review = operation.state;
    else if (operation.op === "score") {
      if (operation.value === null) delete after.scores[operation.name];
      else after.scores[operation.name] = operation.value;
    }
  }
  return after;
}

// What undoes the operations: in reverse order, each to what stood there before it.
/** @type {(document: Annotations, operations: Operation[]) => Operation[]} */
export function inverse(document, operations) {
  /** @type {Operation[]} */
  const undoing = [];
  let now = document;
  for (const operation of operations) {
    undoing.unshift(inverseOf(now, operation));
    now = applied(now, [operation]);
  }
  return undoing;
}

/** @type {(document: Annotations, operation: Operation) => Operation} */
function inverseOf(document, operation) {
  if (operation.op === "put" || operation.op === "delete") {
    const id = operation.op === "put" ? operation.shape.id : operation.id;
    const before = document.shapes.get(id);
    return before ? { op: "put", shape: before } : { op: "delete", id };
  }
  if (operation.op === "labels") return { op: "labels", labels: document.labels };
  if (operation.op === "review") return { op: "review", state: document.review };
  return { op: "score", name: operation.name, value: document.scores[operation.name] ?? null };
}
