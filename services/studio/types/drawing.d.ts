// What is drawn on canvases.
import type { View } from "../web/canvas/view.js";
import type { Flag, Point, Proposal, ProposedMark, Region, Shape, Stroke } from "./annotation.d.ts";

export type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** What draws regions of an image. */
export interface Picture {
  draw(context: CanvasRenderingContext2D, view: View, region: Region): void;
}

/** What the stage reads of the editor, with each frame. */
export interface Edited {
  shapes: Shape[];
  shownProposals: Proposal[];
  selected: string | null;
  corner: number;
  proposed: string | null;
  /** A mark while it is dragged. */
  preview: Shape | null;
  draft: Point[];
  cursor: Point | null;
  stroke: Stroke | null;
  flags?: Map<string, Flag>;
}

/** The tool, and what it draws with. */
export interface Tool {
  tool: string;
  label: number;
  brush: number | null;
  corner: number;
}

export interface Resting {
  shapes: Shape[];
  proposals: ProposedMark[];
  chosen: Shape | null;
  corner: number;
  proposed: ProposedMark | null;
  flags: Map<string, Flag>;
}

export interface Moving {
  shape: Shape | null;
  painting: Stroke | null;
  draft: Point[];
  cursor: Point | null;
}

/** Over steps, or over time. */
export interface Curve {
  name: string;
  points: [x: number, y: number][];
  /** Of the group that it belongs to, where that does not follow from the name. */
  title?: string;
}
