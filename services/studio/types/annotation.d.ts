// What is marked on images, as the studio's modules and its server have it (drafts/document.py). Positions are in
// pixels of the upright image unless a name says otherwise.

export type Point = [x: number, y: number];
export type Region = [x0: number, y0: number, x1: number, y1: number];

export interface Size {
  width: number;
  height: number;
}

/** What the brush goes over: its middle line, and its radius. */
export interface Stroke {
  points: Point[];
  radius: number;
}

export interface Shape {
  id: string;
  kind: "box" | "quad" | "polygon" | "point" | "fixed";
  /** From 1: the class is class_names[label - 1]. */
  label: number;
  /** x0, y0, x1, y1, …; of a box two opposite corners. */
  points: number[];
  /** Of what an import brought and nobody draws here: the annotation as it came. */
  fixed?: Record<string, unknown>;
}

export type Review = "open" | "done" | "reviewed" | "disputed";

export type Operation =
  | { op: "put"; shape: Shape }
  | { op: "delete"; id: string }
  | { op: "labels"; labels: number[] | null }
  | { op: "score"; name: string; value: number | null }
  | { op: "review"; state: Review };

/** What is said of an image as a whole; labels are null where it has not been looked at. */
interface Said {
  labels: number[] | null;
  scores: Record<string, number>;
  review: Review;
}

/** All that is said of one image, as the modules hold it. */
export interface Annotations extends Said {
  shapes: Map<string, Shape>;
}

/** The same as the server sends it. */
export interface SentAnnotations extends Said {
  shapes: Shape[];
}

export interface Revision {
  revision: number;
  document: SentAnnotations;
}

/** Operations that are saved together. */
export interface Batch {
  batch_id: string;
  ops: Operation[];
  /** Whether this browser has it on its disk; batches that were read from there have none. */
  onDisk?: Promise<boolean>;
}

/** Samples of the image along a line; model/edges.js says how they lie. */
export interface Strip {
  rows: number;
  columns: number;
  values: Float32Array;
  step?: number;
  inside: Uint8Array;
}

export type StripCutter = (start: Point, end: Point, options: { reach: number; inset: number }) => Strip | null;

export type Severity = "error" | "warning" | "info";

/** What a rule of the validator says; of the image as a whole its shape is "". */
export interface Finding {
  rule: string;
  severity: Severity;
  message: string;
  mend: string;
  shape: string;
}

/** What stands beside a mark about its findings. */
export interface Flag {
  severity: Severity;
  words: string;
  first: { severity: Severity; message: string };
  more: number;
}

interface Proposed {
  id: string;
  words: string;
  note: string;
  /** Null where the model gives none. */
  confidence: number | null;
  /** Who says so, where it is no model. */
  from?: string;
  ops: (document: Annotations) => Operation[];
}

export interface ProposedMark extends Proposed {
  shape: Shape;
}

export interface ProposedLabel extends Proposed {
  shape?: undefined;
  label: number;
}

export interface ProposedScore extends Proposed {
  shape?: undefined;
  name: string;
  value: number;
}

/** A draft that is no mark, label or score before somebody accepts it. */
export type Proposal = ProposedMark | ProposedLabel | ProposedScore;

/** What a model, or another reading, says of an image. */
export interface Suggestion {
  shapes: (Omit<Shape, "id"> & { confidence: number | null; note: string })[];
  labels?: [label: number, confidence: number | null][] | null;
  scores?: Record<string, number> | null;
  left_out?: string[];
}
