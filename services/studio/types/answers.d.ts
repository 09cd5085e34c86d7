// What the studio's server sends its pages, as far as they read it; nothing checks that it does. Numbers that JSON has
// no word for are null.
import type { Revision, SentAnnotations, Severity } from "./annotation.d.ts";
import type { Curve } from "./drawing.d.ts";

export interface Next {
  next: string;
}

/** Of a rule of the validator; the location is empty where it is about the whole. */
export interface RuleFinding {
  rule: string;
  severity: Severity;
  message: string;
  location: string;
}

// Images and what is marked on them.

export interface ImageRow {
  image_id: number;
  path: string;
  width: number;
  height: number;
  sha256: string;
}

export interface OpenedImage extends Revision {
  image: ImageRow;
  views: (ImageRow & { light: string })[];
}

/** What the page that annotates is sent with. */
export interface AnnotatorPage {
  dataset_id: string;
  image_id: number;
  image_ids: number[];
  class_names: string[];
  learns_from: string;
  tools: string[];
  can_edit: boolean;
  magnet: boolean;
  /** Added to addresses: "?own=yes" where one marks by oneself. */
  own: string;
  can_suggest: boolean;
}

export interface FittingModel {
  run_id: string;
  dataset_id: string;
  dataset_version: string;
  architecture: string;
  fit_for_use: boolean | null;
}

/** How far two sets of marks agree. */
export interface Comparison {
  marks: [one: number, other: number];
  matched: number;
  mean_overlap: number | null;
  labels: [one: number[] | null, other: number[] | null];
  scores: Record<string, [one: number | null, other: number | null]>;
}

export interface Reading {
  annotator: string;
  is_own: boolean;
  is_done: boolean;
  is_same_person: boolean;
  found: Comparison;
  reasons: string[];
}

export interface PairOfReadings {
  annotators: string[];
  found: Comparison;
  reasons: string[];
}

export interface AgreementOfImage {
  authors: string[];
  readings: Reading[];
  between: PairOfReadings[];
}

export interface AgreementFigures {
  images: number;
  found_alike: number | null;
  mean_overlap: number | null;
  mark_kappa: number | null;
  label_kappa: number | null;
}

export interface AgreementOfDataset {
  summary: AgreementFigures & { disputed: number };
  images: (Reading & { image_id: number; path: string; review: SentAnnotations["review"] })[];
  pairs: (AgreementFigures & { annotators: string[] })[];
}

// Datasets.

type Change = "added" | "removed" | "renamed" | "replaced" | "annotated";

export interface ClassChanges {
  name: string;
  added: number;
  removed: number;
  moved: number;
  relabelled: number;
  images_added: number;
  images_removed: number;
}

export interface Changes {
  since: string;
  images: Record<Change | "same", number>;
  paths: Record<Change, string[]>;
  classes: ClassChanges[];
  class_names: string[];
  scores: number;
}

/** Where no version has been published yet. */
export interface AllNew {
  since: "";
  images: { added: number };
  marks: number;
}

export interface Part {
  images: number;
  by_class: number[];
  nothing: number;
}

export interface Numbers {
  fault: string;
  statistics: {
    images: number;
    groups: number;
    unlabelled_images: number;
    longer_side: number;
    instances: number;
    most_instances: number;
    outlined: number;
    object_side: number;
    class_counts: Record<string, number>;
  };
  object_sides: number[];
  image_sizes: [size: string, count: number][];
  /** By class: rows of counts. */
  heat: number[][][];
  groups: string[][];
  policy: [change: string, words: string, why: string][];
  class_names: string[];
  parts: Record<string, Part>;
  seed: number;
  validation: number;
  test: number;
}

export interface EvenNumbers {
  fault: string;
  even: {
    tried: number;
    seed: number;
    worst: number;
    absent: number;
    worst_now: number;
    absent_now: number;
    moved: number;
  };
}

export interface Version {
  version: string;
  format: string;
  notes: string;
  images: number;
  marks: number;
  state: string;
  message: string;
  findings?: RuleFinding[];
  progress?: Progress;
}

export interface MapPoint {
  image_id: number;
  path: string;
  label: number | null;
  x: number;
  y: number;
}

export interface ImagesMap {
  explained: number[];
  class_names: string[];
  points: MapPoint[];
}

/** The size of each file of an import that has come in, by its path. */
export interface Received {
  files: Record<string, number>;
}

export interface Imported {
  format: string;
  images: number;
  marks: number;
  classes_added: string[];
  problems: string[];
}

export interface Architecture {
  architecture: string;
  available: boolean;
  reason: string;
  what: string;
}

export interface Option {
  option: string;
  classes: string[];
  architectures: Architecture[];
}

export interface Category {
  category: string;
  options: Option[];
}

// Runs.

/** Of the validation of a dataset; empty before there is any. */
type Progress = { stage: string; done: number; total: number } | { total?: undefined };

export interface Epoch {
  epoch: number;
  train_loss: number | null;
  val_loss: number | null;
  learning_rate: number | null;
  metrics: Record<string, number | null>;
  loading_share: number | null;
}

export interface Gpu {
  name: string;
  utilization_percent: number | null;
  memory_used_bytes: number;
  memory_total_bytes: number;
  temperature_celsius: number | null;
  power_watts: number | null;
}

export interface Hardware {
  host: string;
  sampled_at: number;
  cpu_percent: number | null;
  process_cpu_percent: number | null;
  process_memory_bytes: number;
  memory_used_bytes: number;
  memory_total_bytes: number;
  disk_free_bytes: number;
  disk_bytes_per_second: number | null;
  network_bytes_per_second: number | null;
  gpus: Gpu[];
}

export interface Artifact {
  name: string;
  format: string;
  sha256: string;
  size_bytes: number;
}

/** As the monitor sees it. */
export interface Run {
  run_id: string;
  state: string;
  ended: boolean;
  dataset_id: string;
  dataset_version: string;
  category: string;
  option: string;
  architecture: string;
  /** What such a model is for. */
  purpose_metrics: string[];
  attempt: number;
  epoch: number;
  total_epochs: number;
  step: number;
  total_steps: number;
  images_per_second: number | null;
  eta_s: number | null;
  eta_low_s: number | null;
  eta_high_s: number | null;
  best_epoch: number;
  message: string;
  host: string;
  device: string;
  /** Empty before a host was sampled. */
  hardware: Hardware | { host?: undefined; sampled_at?: undefined; cpu_percent?: undefined };
  epochs: Epoch[];
  findings: RuleFinding[];
  alerts: { rule: string; severity: string; message: string }[];
  progress: Progress;
  fit_for_use: boolean | null;
  fit_for_use_reason: string;
  artifacts: Artifact[];
}

export interface SentCurve extends Curve {
  /** Steps at which it was NaN or infinite. */
  undefined_at: number[];
  bucket_steps: number;
}

/** What was sampled of a host over time. */
export interface HardwareCurve {
  host: string;
  name: string;
  points: [seconds_since_1970: number, value: number][];
}

export interface MetricRow {
  name: string;
  purpose: boolean;
  larger_is_better: boolean;
  validation: number | null;
  test: number | null;
  lower?: number | null;
  upper?: number | null;
  trivial: number | null;
}

export interface Diagram {
  kind: string;
  title: string;
  x_name: string;
  y_name: string;
  square: boolean;
  series: { name: string; points: [x: number, y: number | null][] }[];
}

/** A confusion matrix: rows are real classes, columns what was found. */
export interface Matrix {
  title: string;
  real: string[];
  found: string[];
  counts: number[][];
}

export interface WorstImage {
  image: string;
  /** Where the image is one of a draft here. */
  image_id?: number | null;
  error: number | null;
  text: string;
  picture: string | null;
}

export interface Report {
  dataset_id: string;
  images: Record<string, number>;
  said: string[];
  fit_for_use: boolean | null;
  metrics: MetricRow[];
  diagrams: Diagram[];
  matrices: Matrix[];
  tables: { title: string; columns: string[]; rows: (string | number | null)[][] }[];
  error_name: string;
  worst: WorstImage[];
}

export interface ComparedRun {
  run_id: string;
  state: string;
  dataset_id: string;
  dataset_version: string;
  architecture: string;
  fit_for_use: boolean | null;
  best_epoch: number | null;
  primary_metric: string;
  epochs: (Partial<Epoch> & { epoch: number })[];
}

/** Of one run and metric; the interval is on validation images. */
export interface ComparedCell {
  value: number | null;
  lower?: number | null;
  upper?: number | null;
}

export interface ComparedMetric {
  name: string;
  purpose: boolean;
  larger_is_better: boolean;
  cells: (ComparedCell | null)[];
  best: boolean[];
}

export interface ComparedRuns {
  runs: ComparedRun[];
  parameters: { name: string; values: string[] }[];
  metrics: ComparedMetric[];
}

/** One set of hyper-parameters of a search, and what it scored. */
export interface Trial {
  number: number;
  parameters: Record<string, number | string | boolean | null>;
  values: Record<string, number | null>;
}

export interface Search {
  state: string;
  objectives: { metric: string; direction: string }[];
  parameters: string[];
  best: Trial[];
  trials: Trial[];
}

/** A node of the graph of datasets, runs and models. */
export interface LineageNode {
  id: string;
  kind: string;
  title: string;
  about: string[];
  href: string;
}
